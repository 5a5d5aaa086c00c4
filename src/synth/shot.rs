//! What belongs to a cartridge and to the firing of it.

use super::draw::Draw;
use super::gun::Gun;
use super::profile::{Profile, Ranges};

/// A metal's look.
#[derive(Clone, Copy, Debug)]
pub struct Metal {
    /// Red, green, blue over the mean.
    pub tint: [f32; 3],
    /// Reflectance.
    pub albedo: f32,
    /// Micro-facet roughness, 0-1: GGX's alpha is its square.
    pub roughness: f32,
    /// Diffuse share: oxide, lacquer, unresolved scratches.
    pub diffuse: f32,
}

/// The cartridge: case head and primer cup.
#[derive(Clone, Debug)]
pub struct Cartridge {
    /// Short description for the truth file, e.g. `small TULA 9X19`.
    pub name: String,
    /// Outer edge of the cup, µm.
    pub cup_um: f32,
    /// Where its flat face ends, µm.
    pub face_um: f32,
    /// Drop of the rounded edge, µm.
    pub edge_um: f32,
    /// Superellipse exponent of the rounded edge: 2 a quarter circle, above it flatter and then steeper.
    pub edge_shape: f32,
    /// Width of the gap round the cup, µm.
    pub gap_um: f32,
    /// Rounding of the pocket's edge in the case head, µm.
    pub pocket_um: f32,
    /// Height of the primer's face over the case head, µm.
    pub seat_um: f32,
    /// Case head's radius, µm.
    pub head_um: f32,
    /// Width of the case head's bevelled edge, µm.
    pub bevel_um: f32,
    /// Metal of the cup.
    pub cup: Metal,
    /// Metal of the case.
    pub case: Metal,
    /// Headstamp and the angle of its first letter, radians.
    pub headstamp: Vec<(String, f32)>,
    /// Height of the headstamp's letters, radius of their middle, depth, µm.
    pub letters_um: (f32, f32, f32),
    /// Key of the headstamp's typeface.
    pub letters_key: u64,
    /// Roughness height of case and cup, µm, and its correlation length, µm.
    pub texture_um: (f32, f32, f32),
    /// Share of the cup's roughness that the pin leaves on the crater's floor.
    pub pressed: f32,
    /// Slow waviness of the cup's face, µm, and its length, µm.
    pub waviness_um: (f32, f32),
    /// Turning marks on the case head: pitch and height, µm.
    pub turning_um: (f32, f32),
    /// Sealant in the gap: its reflectance, or none.
    pub sealant: Option<f32>,
    /// What lies round the case: reflectance, and how patchy it is, 0-1.
    pub ground: (f32, f32),
    /// Set where the case has lost its primer.
    pub empty: Option<Pocket>,
}

/// A pocket without its primer.
#[derive(Clone, Copy, Debug)]
pub struct Pocket {
    /// Depth of its floor, µm.
    pub depth_um: f32,
    /// Radius of the flash hole, µm.
    pub hole_um: f32,
    /// Radius of the corner between floor and wall, µm.
    pub corner_um: f32,
    /// Width of the flash hole's broken edge, µm.
    pub chamfer_um: f32,
    /// Roughness of the floor, in that of the case.
    pub rough: f32,
    /// Residue of the primer on the floor: most that it darkens, 0-1.
    pub residue: f32,
}

impl Pocket {
    /// Pockets are 2.9-3.3 mm deep, flash holes 1.5-2.1 mm across and often punched, with a burr or a broken edge; drawn
    /// wider, for what lies in a pocket or hides its hole.
    pub fn draw(d: &mut Draw) -> Self {
        Self {
            depth_um: d.range(500.0, 3300.0),
            hole_um: d.range(500.0, 1150.0),
            corner_um: d.log_range(30.0, 900.0),
            chamfer_um: d.log_range(5.0, 250.0),
            rough: d.log_range(1.0, 12.0),
            residue: d.range(0.0, 0.9),
        }
    }
}

/// One firing.
#[derive(Clone, Debug)]
pub struct Shot {
    /// How the case was laid under the microscope: counter-clockwise from how it lay in the gun, radians.
    pub turn: f32,
    /// The mark counter-clockwise from upright in the photograph, radians.
    pub rotation: f32,
    /// Share of the relief taken on, 0-1.
    pub transfer: f32,
    /// Share of the area without transfer, 0-1.
    pub partial: f32,
    /// Direction of the tilt that thins the transfer, radians, and its strength 0-1.
    pub tilt: (f32, f32),
    /// Second strike: offset µm and its direction in radians, turn in radians, weight.
    pub double: Option<(f32, f32, f32, f32)>,
    /// Smear, µm.
    pub smear_um: f32,
    /// Drag: length in floor diameters (0 none) and width in floor diameters.
    pub drag: (f32, f32),
    /// Direction of the drag in the photograph, radians.
    pub drag_angle: f32,
    /// Rounds that the pin had fired.
    pub rounds: f32,
    /// Share of the area under soot flakes, and how dark they are (factor on the reflectance).
    pub soot: (f32, f32),
    /// Thin film of residue: its largest darkening, 0-1; the mean is half of it.
    pub film: f32,
    /// Number of scratches.
    pub scratches: usize,
    /// Number of dents.
    pub dents: usize,
    /// Share of corroded area.
    pub corrosion: f32,
    /// Key of everything that is random in this case's surface.
    pub key: u64,
}

const MAKERS: [&str; 16] = [
    "WIN", "FC", "R-P", "PMC", "CBC", "S&B", "GECO", "TULA", "BLAZER", "SPEER", "HORNADY", "AGUILA", "PPU",
    "FIOCCHI", "NORMA", "WOLF",
];
const CALIBRES: [&str; 10] =
    ["9MM LUGER", "9X19", "380 AUTO", "40 S&W", "45 AUTO", "38 SPL", "357 MAG", "223 REM", "NATO 14", "9MM"];

fn metal(d: &mut Draw, tints: &[[f32; 3]], (smooth, rough): (f32, f32)) -> Metal {
    let mut tint = d.pick(tints);
    tint.iter_mut().for_each(|t| *t *= d.range(0.93, 1.07));
    Metal {
        tint,
        albedo: d.range(0.45, 0.95),
        roughness: d.log_range(smooth, rough),
        diffuse: if d.chance(0.3) { d.range(0.2, 0.9) } else { d.range(0.03, 0.22) },
    }
}

/// Brass, nickel, copper, zinc, lacquered steel: means of the channels near 1.
const CASES: [[f32; 3]; 5] =
    [[1.16, 1.04, 0.70], [1.02, 1.0, 0.97], [1.22, 0.95, 0.78], [0.98, 1.0, 1.02], [0.95, 1.0, 0.92]];
const CUPS: [[f32; 3]; 4] = [[1.01, 1.0, 0.98], [1.15, 1.04, 0.72], [1.22, 0.94, 0.80], [1.0, 1.0, 1.0]];

impl Cartridge {
    /// A cartridge, drawn for each case.
    pub fn draw(d: &mut Draw, profile: Profile) -> Self {
        let small = d.chance(0.7);
        let cup_um = (if small { 2225.0 } else { 2665.0 }) * d.range(0.985, 1.015);
        let (cup, case) = (metal(d, &CUPS, profile.ranges().roughness), metal(d, &CASES, (0.16, 0.6)));
        let (maker, calibre) = (d.pick(&MAKERS), d.pick(&CALIBRES));
        let start = d.angle();
        let headstamp = if d.chance(0.06) {
            Vec::new()
        } else {
            vec![(maker.to_owned(), start), (calibre.to_owned(), start + d.range(2.2, 4.0))]
        };
        // Published primers have flat faces of 0.76-0.83 of the cup; photographs show up to 0.94 where the
        // rounded edge is shallow, and down to 0.68 where it is deep and dark.
        let ratio = if d.chance(0.6) { d.range(0.75, 0.84) } else { d.range(0.67, 0.94) };
        let cup_texture_um = d.range(0.3, 3.2);
        let under_mark = (profile.ranges().texture_um / cup_texture_um).min(1.0);
        let head_um = if small { d.range(4500.0, 5400.0) } else { d.range(4900.0, 6400.0) };
        Self {
            name: format!("{} {maker} {calibre}", if small { "small" } else { "large" }),
            cup_um,
            face_um: cup_um * ratio,
            edge_um: cup_um * (1.0 - ratio) * d.range(0.25, 1.1),
            edge_shape: d.range(1.6, 3.0),
            gap_um: d.log_range(18.0, 130.0),
            // A plain edge, or one that falls in a wide dark ring as photographs of pistol cases show it.
            pocket_um: if d.chance(0.5) { d.range(20.0, 60.0) } else { d.log_range(60.0, 650.0) },
            seat_um: d.range(-150.0, 40.0),
            head_um,
            bevel_um: d.range(120.0, 420.0),
            cup,
            case,
            headstamp,
            letters_um: (
                d.range(800.0, 1350.0),
                (cup_um + head_um) / 2.0 * d.range(0.97, 1.05),
                d.range(30.0, 140.0),
            ),
            letters_key: d.key(),
            texture_um: (d.log_range(0.25, 2.0), cup_texture_um, d.log_range(5.0, 22.0)),
            pressed: d.range(0.08, 0.8) * under_mark,
            waviness_um: (d.log_range(0.3, 6.0), d.range(200.0, 800.0)),
            turning_um: (d.log_range(100.0, 620.0), d.log_range(0.1, 4.0)),
            sealant: d.chance(0.15).then(|| d.range(0.05, 0.5)),
            ground: (d.log_range(0.02, 1.6), d.range(0.0, 0.6)),
            empty: None,
        }
    }
}

impl Shot {
    /// Case number `case` of `gun`.
    pub fn draw(d: &mut Draw, gun: &Gun, profile: Profile, case: usize) -> Self {
        let ranges = profile.ranges();
        let (soot, dark) = (Ranges::ailing(d, ranges.soot), d.range(0.12, 0.75));
        let (turn, free) = (d.angle(), d.angle());
        Self {
            turn,
            rotation: turn + gun.mark_angle.unwrap_or(free),
            transfer: Ranges::ailing(d, ranges.transfer),
            partial: Ranges::maybe(d, ranges.partial),
            tilt: (d.angle(), if d.chance(0.4) { d.range(0.0, 1.0) } else { 0.0 }),
            double: d
                .chance(ranges.double)
                .then(|| (d.log_range(20.0, 250.0), d.angle(), d.range(-0.26, 0.26), d.range(0.2, 0.8))),
            smear_um: gun.smear_um * d.range(0.6, 1.0),
            drag: (gun.drag.0 * d.range(0.65, 1.0), gun.drag.1),
            drag_angle: gun.drag_angle - turn + d.normal() * 0.1,
            rounds: gun.rounds + (case as f32 + d.unit()) * gun.rounds_between,
            soot: (soot, dark),
            film: if d.chance(0.35) { d.range(0.0, ranges.film) } else { 0.0 },
            scratches: {
                let mean = ranges.scratches;
                (mean * (-d.unit().max(1e-6).ln())) as usize
            },
            dents: if d.chance(0.2) { 1 + d.below(3) } else { 0 },
            corrosion: if d.chance(0.15) { d.range(0.005, 0.1) } else { 0.0 },
            key: d.key(),
        }
    }
}
