//! The numbers that make a parametric face.

/// How a stroke ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// Half circle, as a milling cutter or a plotter's pen leaves it.
    Round,
    /// Cut off straight; corners are then sharp.
    Flat,
}

/// The digit 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum One {
    /// A plain bar.
    Bar,
    /// With a flag.
    Flag,
    /// With a flag and a foot.
    FlagFoot,
}

/// The digit 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zero {
    /// Empty.
    Plain,
    /// With a slash.
    Slash,
    /// With a dot or short bar in the middle.
    Dot,
}

/// The digit 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seven {
    /// Straight leg.
    Plain,
    /// Straight leg with a bar through it.
    Bar,
    /// Curved leg.
    Curved,
    /// Short downstroke at the left end of the top (OCR faces).
    Hook,
}

/// The neck of 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TwoForm {
    /// Straight from the bowl to the foot.
    Straight,
    /// Swung.
    Swung,
    /// Like the seven segments of a display.
    Square,
}

/// The stem of 6 and 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SixForm {
    /// Round like a C.
    Curved,
    /// A straight diagonal.
    Straight,
    /// A plain stem without a hook.
    Stem,
}

/// The top of 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreeTop {
    /// Two bowls.
    Round,
    /// A bar and a diagonal.
    Flat,
}

/// The right side of G.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GForm {
    /// A bar only.
    Bar,
    /// A bar and a straight rise.
    Rise,
    /// A bar and a stem down to the base line.
    Spur,
}

/// The leg of R.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RLeg {
    /// From the stem's junction.
    Diagonal,
    /// From the middle of the bowl.
    Steep,
    /// Upright.
    Upright,
}

/// The tail of Q.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Through the bowl.
    Through,
    /// Outside of it.
    Outside,
    /// A straight bar downwards.
    Down,
}

/// The top of A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apex {
    /// Two strokes meet in a point.
    Pointed,
    /// A short bar joins them.
    Flat,
    /// A bowl upside down.
    Bowl,
}

/// The foot of the bend in J.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foot {
    /// Like every other bowl of the face.
    Bowl,
    /// A small hook.
    Hook,
}

/// All numbers of a parametric face. Lengths are in capital heights.
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// Width of an ordinary capital, 0.45-0.85.
    pub width: f32,
    /// How far the widths of the characters differ: 0 a width of its own for each, 1 all the same.
    pub mono: f32,
    /// Width of upright strokes, 0.09-0.18.
    pub stroke: f32,
    /// Width of level strokes over that of upright ones, 0.75-1.05.
    pub contrast: f32,
    /// Exponent of the bowls' superellipse: 1 a chamfer, 2 an ellipse, 4 nearly square.
    pub power: f32,
    /// Share of a bowl's half axis that the bend takes: 1 all round, 0.2 a small corner.
    pub reach: f32,
    /// Radius of the bends at corners of straight strokes, 0-0.15.
    pub corner: f32,
    /// How strokes end.
    pub terminal: Terminal,
    /// How far flat ends of curves turn from square across the stroke (0) to level (1).
    pub cut: f32,
    /// Shear: sideways travel per height, positive leans right.
    pub slant: f32,
    /// Half length of slab serifs beyond the stem, 0 for none.
    pub serif: f32,
    /// How far the open bowls of C, G, S, 2, 3, 5, 6, 9 stay open, 0-1.
    pub aperture: f32,
    /// Height of the waist of B, E, H, P, R, S, 3, 8 below the top, 0.42-0.56.
    pub waist: f32,
    /// Width of upper bowls over that of lower ones, 0.75-1.
    pub upper: f32,
    /// How level the spine of S runs, 0.4 a diagonal to 0.75; 0 for two bowls that meet level.
    pub spine: f32,
    /// Length of the middle bars of E, F, 3 over the width, 0.55-1.
    pub bar: f32,
    /// Height of the bar of A, and of the bowls of 6 and 9, moved from their usual place, -1 to 1.
    pub lift: f32,
    /// How far the outer strokes of M splay, 0 upright to 1.
    pub m_splay: f32,
    /// Depth of the middle of M, 0.4-1 of the height.
    pub m_depth: f32,
    /// How far the outer strokes of W splay, 0 upright to 1.
    pub w_splay: f32,
    /// Rise of the middle of W, 0.4-1 of the height.
    pub w_rise: f32,
    /// Height of Y's junction below the top, 0.4-0.62.
    pub y_fork: f32,
    /// Where the leg of K leaves: 0 at the stem, 1 on the arm.
    pub k_fork: f32,
    /// Place of 4's stem, 0.6-0.9 of the width.
    pub four_stem: f32,
    /// 4 open at the top.
    pub four_open: bool,
    /// Serifs on I.
    pub i_serif: bool,
    /// Bar at the top of J.
    pub j_bar: bool,
    /// How J ends.
    pub j_foot: Foot,
    /// Bowl of 5 rises before it turns.
    pub five_rise: bool,
    /// Form of 1.
    pub one: One,
    /// Form of 0.
    pub zero: Zero,
    /// Form of 2.
    pub two: TwoForm,
    /// Form of 3.
    pub three: ThreeTop,
    /// Form of 6 and 9.
    pub six: SixForm,
    /// Form of 7.
    pub seven: Seven,
    /// Form of G.
    pub g: GForm,
    /// Form of R.
    pub r: RLeg,
    /// Form of Q.
    pub q: Tail,
    /// Form of A.
    pub a: Apex,
}

impl Default for Style {
    /// A plain grotesque.
    fn default() -> Self {
        Self {
            width: 0.64,
            mono: 0.3,
            stroke: 0.13,
            contrast: 0.95,
            power: 2.1,
            reach: 0.95,
            corner: 0.0,
            terminal: Terminal::Flat,
            cut: 0.3,
            slant: 0.0,
            serif: 0.0,
            aperture: 0.5,
            waist: 0.48,
            upper: 0.92,
            spine: 0.55,
            bar: 0.85,
            lift: 0.0,
            m_splay: 0.0,
            m_depth: 0.8,
            w_splay: 0.6,
            w_rise: 0.85,
            y_fork: 0.55,
            k_fork: 0.4,
            four_stem: 0.75,
            four_open: false,
            i_serif: false,
            j_bar: false,
            j_foot: Foot::Bowl,
            five_rise: true,
            one: One::Flag,
            zero: Zero::Plain,
            two: TwoForm::Swung,
            three: ThreeTop::Round,
            six: SixForm::Curved,
            seven: Seven::Plain,
            g: GForm::Rise,
            r: RLeg::Steep,
            q: Tail::Through,
            a: Apex::Pointed,
        }
    }
}

impl Style {
    /// Draws every number over a wide range from `unit`, a source of uniform numbers in 0..1.
    ///
    /// A family is drawn first (grotesque, engraved stroke, squared, chamfered, OCR), since
    /// real faces have their numbers in company; within it everything varies on its own.
    pub fn draw(unit: &mut dyn FnMut() -> f32) -> Self {
        let mut between = |low: f32, high: f32| low + (high - low) * unit();
        let family = between(0.0, 1.0);
        let (power, reach, terminal, stroke, mono) = if family < 0.35 {
            // Grotesque: ellipses, flat ends.
            let power = between(1.8, 2.7);
            (power, between(0.75, 1.0), Terminal::Flat, between(0.09, 0.18), between(0.0, 1.0))
        } else if family < 0.62 {
            // Engraved with a round cutter.
            let power = between(1.7, 2.6);
            (power, between(0.5, 1.0), Terminal::Round, between(0.09, 0.17), between(0.1, 1.0))
        } else if family < 0.80 {
            // Squared and DIN-like: rounded rectangles.
            let (power, flat) = (between(1.8, 4.5), between(0.0, 1.0) < 0.6);
            let terminal = if flat { Terminal::Flat } else { Terminal::Round };
            (power, between(0.25, 0.8), terminal, between(0.09, 0.17), between(0.2, 1.0))
        } else if family < 0.88 {
            // Chamfered: bends are straight cuts.
            let (power, flat) = (between(1.0, 1.25), between(0.0, 1.0) < 0.5);
            let terminal = if flat { Terminal::Flat } else { Terminal::Round };
            (power, between(0.3, 0.8), terminal, between(0.09, 0.16), between(0.3, 1.0))
        } else {
            // OCR: one width, plain bends.
            let (power, flat) = (between(1.6, 3.2), between(0.0, 1.0) < 0.4);
            let terminal = if flat { Terminal::Flat } else { Terminal::Round };
            (power, between(0.3, 1.0), terminal, between(0.10, 0.17), between(0.8, 1.0))
        };
        let odds = between(0.0, 1.0);
        let slant = if odds < 0.7 {
            0.0
        } else if odds < 0.93 {
            between(-0.04, 0.05)
        } else {
            between(-0.1, 0.2)
        };
        let serif = if between(0.0, 1.0) < 0.9 { 0.0 } else { between(0.03, 0.1) };
        let corner = if between(0.0, 1.0) < 0.6 { 0.0 } else { between(0.0, 0.14) };
        let spine = if power > 1.5 && between(0.0, 1.0) < 0.55 { between(0.4, 0.75) } else { 0.0 };
        let round = between(0.0, 1.0) < 0.5;
        let contrast = if round { between(0.92, 1.04) } else { between(0.75, 1.0) };
        // Two uniform numbers averaged: the middle of the range is where most faces are.
        let width = (between(0.42, 0.9) + between(0.48, 0.74)) / 2.0;
        let upright = between(0.0, 1.0) < 0.6;
        let m_splay = if upright { 0.0 } else { between(0.0, 1.0) };
        let m_depth = if between(0.0, 1.0) < 0.35 { 1.0 } else { between(0.4, 1.0) };
        let w_splay = if between(0.0, 1.0) < 0.75 { between(0.4, 1.0) } else { 0.0 };
        let w_rise = if between(0.0, 1.0) < 0.5 { 1.0 } else { between(0.4, 1.0) };
        let mut pick = |weights: &[f32]| {
            let mut at = between(0.0, weights.iter().sum());
            weights
                .iter()
                .position(|w| {
                    at -= w;
                    at < 0.0
                })
                .unwrap_or(0)
        };
        let one = [One::Bar, One::Flag, One::FlagFoot][pick(&[0.12, 0.5, 0.38])];
        let zero = [Zero::Plain, Zero::Slash, Zero::Dot][pick(&[0.72, 0.18, 0.1])];
        let two = [TwoForm::Straight, TwoForm::Swung, TwoForm::Square][pick(&[0.45, 0.4, 0.15])];
        let three = [ThreeTop::Round, ThreeTop::Flat][pick(&[0.82, 0.18])];
        let six = [SixForm::Curved, SixForm::Straight, SixForm::Stem][pick(&[0.6, 0.28, 0.12])];
        let seven = [Seven::Plain, Seven::Bar, Seven::Curved, Seven::Hook][pick(&[0.55, 0.15, 0.2, 0.1])];
        let g = [GForm::Bar, GForm::Rise, GForm::Spur][pick(&[0.4, 0.4, 0.2])];
        let r = [RLeg::Diagonal, RLeg::Steep, RLeg::Upright][pick(&[0.45, 0.4, 0.15])];
        let q = [Tail::Through, Tail::Outside, Tail::Down][pick(&[0.5, 0.35, 0.15])];
        let a = [Apex::Pointed, Apex::Flat, Apex::Bowl][pick(&[0.62, 0.3, 0.08])];
        // With square bends an upright leg makes an A of R.
        let r = if r == RLeg::Upright && (reach < 0.6 || a == Apex::Bowl) { RLeg::Steep } else { r };
        let (four_open, i_serif) = (pick(&[0.8, 0.2]) == 1, pick(&[0.65, 0.35]) == 1);
        let (j_bar, five_rise) = (pick(&[0.75, 0.25]) == 1, pick(&[0.4, 0.6]) == 1);
        let j_foot = [Foot::Bowl, Foot::Hook][pick(&[0.7, 0.3])];
        Self {
            width,
            mono,
            stroke,
            contrast,
            power,
            reach,
            corner,
            terminal,
            cut: between(0.0, 1.0),
            slant,
            serif,
            aperture: between(0.0, 1.0),
            waist: between(0.42, 0.55),
            upper: between(0.78, 1.0),
            spine,
            bar: between(0.6, 1.0),
            lift: between(-1.0, 1.0),
            m_splay,
            m_depth,
            w_splay,
            w_rise,
            y_fork: between(0.4, 0.62),
            k_fork: between(0.0, 1.0),
            four_stem: between(0.62, 0.9),
            four_open,
            i_serif,
            j_bar,
            j_foot,
            five_rise,
            one,
            zero,
            two,
            three,
            six,
            seven,
            g,
            r,
            q,
            a,
        }
    }
}
