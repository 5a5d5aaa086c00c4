//! What belongs to a firearm: code, typeface, firing pin, breech face, wear.

use super::draw::Draw;
use super::profile::{Profile, Ranges};
use crate::pipeline::scheme::Scheme;
use crate::typeface::{Face, Style};
use std::sync::Arc;

/// Which guns and typefaces may be drawn: readers are never measured on those they were trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// For training.
    Train,
    /// For fitting the confidence.
    Calibrate,
    /// For validation and for everybody else.
    Valid,
}

impl Split {
    /// Every split, and its name on the command line.
    pub const ALL: [(Self, &str); 3] =
        [(Self::Train, "train"), (Self::Calibrate, "calibrate"), (Self::Valid, "valid")];

    /// The split of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(split, of)| (of == name).then_some(split))
    }

    /// Keeps the random streams of the splits apart.
    fn salt(self) -> u64 {
        match self {
            Self::Train => 0x7261_696e,
            Self::Calibrate => 0x6361_6c69,
            Self::Valid => 0x7661_6c69,
        }
    }

    /// Whether typeface number `n` belongs here: 8 of 10 to training, 1 each to the others.
    fn owns(self, n: u64) -> bool {
        match n % 10 {
            8 => self == Self::Calibrate,
            9 => self == Self::Valid,
            _ => self == Self::Train,
        }
    }
}

/// The typefaces to draw from: endless parametric ones, and files if given.
#[derive(Clone, Debug)]
pub struct Faces {
    files: Vec<Arc<Face>>,
    split: Split,
}

impl Faces {
    /// Parametric faces of `split`, and those of `files` (in a fixed order) that belong to it.
    pub fn new(files: Vec<Arc<Face>>, split: Split) -> Self {
        let all_one_split = files.len() < 10;
        let files = files
            .into_iter()
            .filter(|f| {
                // By name, so that adding a file to ten or more moves no other from one split to another.
                let n = f.name().bytes().fold(7u64, |h, b| h.wrapping_mul(131).wrapping_add(u64::from(b)));
                all_one_split || split.owns(n)
            })
            .collect();
        Self { files, split }
    }

    /// Name of the split, as `--split` takes it.
    pub fn split_name(&self) -> &'static str {
        Split::ALL.iter().find(|(split, _)| *split == self.split).map_or("", |(_, name)| name)
    }

    /// Names of the files in use.
    pub fn file_names(&self) -> Vec<&str> {
        self.files.iter().map(|f| f.name()).collect()
    }

    /// One face and its name.
    fn draw(&self, draw: &mut Draw) -> (Arc<Face>, String) {
        if !self.files.is_empty() && draw.chance(0.5) {
            let face = self.files[draw.below(self.files.len())].clone();
            let name = face.name().to_owned();
            return (face, name);
        }
        let mut number = draw.key() % 1_000_000;
        while !self.split.owns(number) {
            number = (number + 1) % 1_000_000;
        }
        let mut style = Draw::new(0, "typeface", number);
        let face = Face::parametric(&Style::draw(&mut || style.unit()));
        (Arc::new(face), format!("strokes-{number}"))
    }
}

/// How the wall of the crater runs from floor to rim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wall {
    /// Straight, with rounded corners.
    Straight,
    /// Smooth at both ends.
    Smooth,
    /// Hollow: steep at the rim.
    Hollow,
    /// Bulging: steep at the floor.
    Bulging,
}

/// The firing pin's tip.
#[derive(Clone, Debug)]
pub struct Pin {
    /// Semi-axes of the crater's floor, µm; `rx` is the longer.
    pub rx_um: f32,
    /// The shorter one.
    pub ry_um: f32,
    /// Rim radius over floor radius; the face begins to fall at the rim.
    pub rim_ratio: f32,
    /// Superellipse exponent: 2 an ellipse, above it a wedge with rounded corners.
    pub exponent: f32,
    /// Height of the floor's middle over its edge, µm; below 0 a bowl.
    pub dome_um: f32,
    /// Depth of the crater, µm.
    pub depth_um: f32,
    /// Course of the wall.
    pub wall: Wall,
    /// Rounding of the rim, µm: less than half of the wall's width.
    pub lip_um: f32,
    /// Middle of the crater from the primer's, µm.
    pub offset_um: (f32, f32),
    /// Turning rings: pitch and height, µm.
    pub turning_um: Option<(f32, f32)>,
    /// Whether they are all alike, as a lathe's feed leaves them; else their distances and heights vary.
    pub turning_regular: bool,
    /// Middle of the turning rings from the floor's, µm.
    pub turning_offset_um: (f32, f32),
}

/// How the engraved strokes are shaped across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Flat top with sloping flanks.
    Flat,
    /// Round.
    Round,
    /// V-shaped.
    Vee,
    /// Only the stroke's outline stands out, as laser ablation leaves it.
    Burr,
}

/// The gear ring as engraved.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    /// Outer radius over the floor's.
    pub outer: f32,
    /// Width, µm.
    pub width_um: f32,
}

/// The microstamp on the pin.
#[derive(Clone, Debug)]
pub struct Code {
    /// The characters.
    pub text: String,
    /// Index of the format in [`Scheme::all`].
    pub format: usize,
    /// Typeface.
    pub face: Arc<Face>,
    /// Its name for the truth file.
    pub face_name: String,
    /// Character height, µm.
    pub height_um: f32,
    /// Column pitch, µm.
    pub column_um: f32,
    /// Row pitch, µm.
    pub row_um: f32,
    /// Middle of the characters from the floor's, µm.
    pub offset_um: (f32, f32),
    /// Gear ring, if any.
    pub ring: Option<Ring>,
    /// Height of the relief, µm.
    pub relief_um: f32,
    /// Width of the flanks, µm.
    pub flank_um: f32,
    /// Shape of the strokes.
    pub section: Section,
    /// Whether the marks on the primer are sunken.
    pub sunken: bool,
}

/// Marks of the breech face on the primer.
#[derive(Clone, Copy, Debug)]
pub enum Breech {
    /// Smooth.
    None,
    /// Parallel lines.
    Parallel,
    /// Arcs of a large circle.
    Arched,
    /// Circles about the primer's middle.
    Circular,
    /// Grains.
    Granular,
}

impl Breech {
    /// Name in the truth file.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "smooth",
            Self::Parallel => "parallel",
            Self::Arched => "arched",
            Self::Circular => "circular",
            Self::Granular => "granular",
        }
    }
}

/// Breech face and aperture.
#[derive(Clone, Debug)]
pub struct BreechFace {
    /// Kind of marks.
    pub kind: Breech,
    /// Direction of the marks, radians.
    pub angle: f32,
    /// Spacing of the marks, µm.
    pub pitch_um: f32,
    /// Height of the marks, µm.
    pub height_um: f32,
    /// Rings round the crater: radius over the rim's, width µm, height µm.
    pub rings: Vec<(f32, f32, f32)>,
    /// Step at the firing pin aperture: radius µm, height µm.
    pub aperture: Option<(f32, f32)>,
}

/// A firearm.
#[derive(Clone, Debug)]
pub struct Gun {
    /// Its code; `None` for a pin without a microstamp.
    pub code: Option<Code>,
    /// Format that the pin was made for, also without a code.
    pub format: usize,
    /// Firing pin.
    pub pin: Pin,
    /// Breech face.
    pub breech: BreechFace,
    /// Rounds fired before the first case.
    pub rounds: f32,
    /// Rounds fired from one case to the next that was kept.
    pub rounds_between: f32,
    /// Side of drag and smear, radians.
    pub drag_angle: f32,
    /// Length of the drag at its worst in floor diameters, 0 for none; and its width.
    pub drag: (f32, f32),
    /// Length of the smear at its worst, µm.
    pub smear_um: f32,
    /// How the mark lies in the gun, counter-clockwise, radians; `None` for a round pin that turns in the slide.
    pub mark_angle: Option<f32>,
    /// Key of what belongs to pin and breech face: chips, turning, lines.
    pub key: u64,
}

impl Gun {
    /// Gun number `index` of run `seed`.
    pub fn draw(seed: u64, index: u64, profile: Profile, faces: &Faces, schemes: &[Scheme]) -> Self {
        let mut draw = Draw::new(seed ^ faces.split.salt(), "gun", index);
        let d = &mut draw;
        let ranges = profile.ranges();
        let format = d.weighted(&[0.5, 0.16, 0.16, 0.18]);
        let elliptic = schemes[format].pin == "elliptic";
        let marked = profile != Profile::Unmarked;
        let mut pin = draw_pin(d, elliptic, marked, ranges);
        let code = marked.then(|| draw_code(d, format, &schemes[format], &mut pin, faces, ranges));
        let rim = pin.rx_um * pin.rim_ratio;
        let mut gun = Self {
            code,
            format,
            breech: draw_breech(d, rim),
            rounds: Ranges::within(d, ranges.rounds),
            drag_angle: d.angle(),
            drag: (Ranges::maybe(d, ranges.drag), d.range(0.3, 0.9)),
            smear_um: Ranges::maybe(d, ranges.smear_um),
            rounds_between: d.log_range(1.0, 300.0),
            // An elliptic pin cannot turn, and of the round ones half are taken to be guided.
            mark_angle: {
                let (angle, free) = (d.angle(), d.chance(0.5));
                (elliptic || !free).then_some(angle)
            },
            key: d.key(),
            pin,
        };
        // Half of the rings are torn more than turned, and further apart.
        if Draw::new(gun.key, "turning", 0).chance(0.5) {
            gun.pin.turning_regular = false;
            gun.pin.turning_um = gun.pin.turning_um.map(|(pitch, height)| (4.1 * pitch, height));
        }
        gun
    }

    /// Turns it counter-clockwise in the picture, by radians.
    pub fn turn(&mut self, angle: f32) {
        let (sin, cos) = angle.sin_cos();
        let (x, y) = self.pin.offset_um;
        self.pin.offset_um = (x * cos + y * sin, y * cos - x * sin);
        self.breech.angle -= angle;
        self.drag_angle -= angle;
    }
}

fn draw_pin(d: &mut Draw, elliptic: bool, marked: bool, ranges: Ranges) -> Pin {
    let rx_um = if elliptic { d.range(560.0, 950.0) } else { d.range(460.0, 900.0) };
    let ratio = if elliptic { 1.0 / d.range(1.3, 2.0) } else { 1.0 / d.range(1.0, 1.06) };
    let mut depth_um = d.range(180.0, 550.0);
    // Pins without a code are often hemispherical: no flat floor, a bright spot in the middle.
    let dome_um = if !marked && d.chance(0.45) {
        let bowl = depth_um * d.range(0.3, 0.9);
        depth_um -= bowl;
        -bowl
    } else if d.chance(0.55) {
        d.range(-12.0, 12.0)
    } else {
        d.range(-ranges.dome_um, 0.7 * ranges.dome_um)
    };
    let turning = d.chance(ranges.turning.0);
    let rim_ratio = d.range(1.12, 1.75).min(1060.0 / rx_um).max(1.1);
    let wall_um = (rim_ratio - 1.0) * rx_um * ratio.sqrt();
    Pin {
        rx_um,
        ry_um: rx_um * ratio,
        rim_ratio,
        exponent: if d.chance(0.15) { d.range(2.0, 3.2) } else { 2.0 },
        dome_um,
        depth_um,
        wall: d.pick(&[Wall::Straight, Wall::Smooth, Wall::Hollow, Wall::Bulging]),
        lip_um: d.range(0.08, 0.45) * wall_um,
        offset_um: {
            let (r, a) = (d.range(0.0, 300.0) + if d.chance(0.2) { 110.0 } else { 0.0 }, d.angle());
            (r * a.cos(), r * a.sin())
        },
        turning_um: turning.then(|| {
            let height = 1.0 + 7.0 * ranges.turning.1 * d.unit();
            (d.log_range(10.0, 80.0), height)
        }),
        turning_regular: true,
        turning_offset_um: (d.normal() * 20.0, d.normal() * 20.0),
    }
}

/// A code that fits on the pin's floor; a floor too small for the smallest characters is widened.
fn draw_code(
    d: &mut Draw,
    format: usize,
    scheme: &Scheme,
    pin: &mut Pin,
    faces: &Faces,
    ranges: Ranges,
) -> Code {
    let symbols: Vec<char> = scheme.alphabet.chars().collect();
    let text = (0..scheme.len()).map(|_| d.pick(&symbols)).collect();
    let (face, face_name) = faces.draw(d);
    let ring = (scheme.gear.is_some() && d.chance(0.75))
        .then(|| Ring { outer: d.range(0.93, 0.99), width_um: d.range(70.0, 100.0) });
    let (column, row) = (d.range(0.78, 0.95), d.range(1.2, 1.4));
    let columns = scheme.rows.iter().copied().max().unwrap_or(1) as f32;
    let rows = scheme.rows.len() as f32;
    // Half extents of the block of characters in units of their height.
    let (a, b) = ((column * (columns - 1.0) + 0.72) / 2.0, (row * (rows - 1.0) + 1.0) / 2.0);
    let fit = |pin: &Pin| {
        let inner = match &ring {
            Some(r) => pin.rx_um * r.outer - r.width_um * 1.75,
            None => pin.rx_um * 0.95,
        };
        if pin.ry_um < pin.rx_um * 0.9 {
            // Rows along the short axis: half width against ry, half height against rx.
            0.97 / ((a / pin.ry_um).powi(2) + (b / pin.rx_um).powi(2)).sqrt()
        } else {
            inner * (pin.ry_um / pin.rx_um) / a.hypot(b)
        }
    };
    let mut largest = fit(pin);
    while largest < 100.0 {
        pin.rx_um *= 1.05;
        pin.ry_um *= 1.05;
        largest = fit(pin);
    }
    let share = if d.chance(0.8) { d.range(0.76, 1.0) } else { d.range(0.62, 0.76) };
    let height_um = (share * largest).clamp(90.0, 250.0);
    let slack = (largest - height_um) * 0.35;
    Code {
        text,
        format,
        face,
        face_name,
        height_um,
        column_um: column * height_um,
        row_um: row * height_um,
        offset_um: (slack * d.normal() * 0.4, slack * d.normal() * 0.4),
        ring,
        relief_um: Ranges::within(d, ranges.relief_um),
        flank_um: d.log_range(2.0, 16.0),
        section: [Section::Flat, Section::Round, Section::Vee, Section::Burr]
            [d.weighted(&[0.6, 0.2, 0.12, 0.08])],
        sunken: d.chance(0.5),
    }
}

fn draw_breech(d: &mut Draw, rim: f32) -> BreechFace {
    let kinds = [Breech::None, Breech::Parallel, Breech::Arched, Breech::Circular, Breech::Granular];
    let rings = (0..d.below(5))
        .map(|_| (d.range(1.06, 2.1), d.log_range(15.0, 160.0), d.range(-25.0, 80.0)))
        .collect();
    BreechFace {
        kind: d.pick(&kinds),
        angle: d.angle(),
        pitch_um: d.log_range(50.0, 490.0),
        height_um: d.log_range(0.3, 6.0),
        rings,
        aperture: d.chance(0.5).then(|| (rim.max(900.0) * d.range(1.1, 1.45), d.range(-100.0, 170.0))),
    }
}
