//! How bad it gets: the range of every degradation in each profile.
//!
//! The outer limits are those that the field names (shallow strikes, drag, second strikes, partial
//! removal, wear up to 5,000 rounds, soot); the profiles cut them into what examiners call clean,
//! ordinary, mixed and severe. One more has marks that an eye can read under what confuses a program.

use super::draw::Draw;

/// A mixture of guns, cases and photographs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Well struck, hardly worn, clean.
    Clean,
    /// What a laboratory sees on most days.
    Field,
    /// Anything from good to bad, a different ailment each time.
    Mixed,
    /// Shallow, worn, struck twice, smeared, dirty.
    Severe,
    /// Primers without a microstamp.
    Unmarked,
    /// Well struck and little worn, under dirt, scratches, coarse metal and hard shadows.
    Littered,
}

impl Profile {
    /// Those that take turns where none is asked for.
    pub const IN_TURN: [Self; 5] = [Self::Clean, Self::Field, Self::Mixed, Self::Severe, Self::Unmarked];
    /// Every profile with its name.
    pub const ALL: [(Self, &str); 6] = [
        (Self::Clean, "clean"),
        (Self::Field, "field"),
        (Self::Mixed, "mixed"),
        (Self::Severe, "severe"),
        (Self::Unmarked, "unmarked"),
        (Self::Littered, "littered"),
    ];

    /// The profile's name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(p, _)| *p == self).map_or("", |(_, n)| n)
    }

    /// The ranges of this profile; an unmarked primer ages like any other.
    pub fn ranges(self) -> Ranges {
        match self {
            Self::Clean => Ranges {
                relief_um: (14.0, 25.0),
                transfer: (1.0, 0.87),
                partial: (0.15, 0.0, 0.02),
                double: 0.0,
                drag: (0.15, 0.05, 0.2),
                smear_um: (0.3, 0.0, 9.0),
                rounds: (0.0, 300.0),
                turning: (0.35, 0.08),
                soot: (0.0, 0.09),
                film: 0.2,
                scratches: 0.5,
                texture_um: 0.5,
                roughness: (0.3, 0.65),
                dome_um: 30.0,
                defocus: 0.08,
                ambient: (0.25, 0.7),
                floor_grey: (0.14, 0.45),
            },
            Self::Field => Ranges {
                relief_um: (11.0, 25.0),
                transfer: (1.0, 0.6),
                partial: (0.3, 0.0, 0.12),
                double: 0.03,
                drag: (0.5, 0.05, 0.3),
                smear_um: (0.4, 0.0, 22.0),
                rounds: (0.0, 1500.0),
                turning: (0.5, 0.15),
                soot: (0.0, 0.15),
                film: 0.35,
                scratches: 1.0,
                texture_um: 0.7,
                roughness: (0.25, 0.6),
                dome_um: 45.0,
                defocus: 0.2,
                ambient: (0.15, 0.6),
                floor_grey: (0.08, 0.45),
            },
            // Nothing has to stand out from an unmarked floor: any metal will do.
            Self::Unmarked => Ranges { roughness: (0.14, 0.6), ..Self::Mixed.ranges() },
            Self::Mixed => Ranges {
                relief_um: (8.0, 25.0),
                transfer: (1.0, 0.3),
                partial: (0.5, 0.0, 0.3),
                double: 0.1,
                drag: (0.5, 0.1, 0.5),
                smear_um: (0.5, 0.0, 48.0),
                rounds: (0.0, 3000.0),
                turning: (0.5, 0.3),
                soot: (0.0, 0.26),
                film: 0.5,
                scratches: 1.8,
                texture_um: 1.0,
                roughness: (0.2, 0.6),
                dome_um: 60.0,
                defocus: 0.4,
                ambient: (0.1, 0.6),
                floor_grey: (0.03, 0.5),
            },
            // How well it is struck and how far it is worn are those of the field.
            Self::Littered => Ranges {
                partial: (0.3, 0.0, 0.1),
                drag: (0.3, 0.05, 0.3),
                smear_um: (0.3, 0.0, 15.0),
                turning: (0.5, 0.3),
                soot: (0.05, 0.35),
                film: 0.6,
                scratches: 3.0,
                texture_um: 3.2,
                roughness: (0.14, 0.6),
                dome_um: 60.0,
                ambient: (0.08, 0.5),
                floor_grey: (0.05, 0.5),
                ..Self::Field.ranges()
            },
            Self::Severe => Ranges {
                relief_um: (3.0, 20.0),
                transfer: (0.95, 0.1),
                partial: (0.6, 0.02, 0.6),
                double: 0.25,
                drag: (0.6, 0.1, 1.0),
                smear_um: (0.6, 0.0, 120.0),
                rounds: (500.0, 5000.0),
                turning: (0.6, 1.0),
                soot: (0.0, 0.5),
                film: 0.6,
                scratches: 3.0,
                texture_um: 2.0,
                roughness: (0.14, 0.6),
                dome_um: 90.0,
                defocus: 0.7,
                ambient: (0.05, 0.6),
                floor_grey: (0.01, 0.6),
            },
        }
    }
}

/// Limits of what a profile draws.
#[derive(Clone, Copy, Debug)]
pub struct Ranges {
    /// Height of the pin's relief, µm.
    pub relief_um: (f32, f32),
    /// Share of the pin's relief that the primer takes on, best first.
    pub transfer: (f32, f32),
    /// Probability of a partial transfer, and the share of the area that it loses.
    pub partial: (f32, f32, f32),
    /// Probability of a second strike.
    pub double: f32,
    /// Probability of drag, and its length in floor diameters.
    pub drag: (f32, f32, f32),
    /// Probability of smear, and its length, µm.
    pub smear_um: (f32, f32, f32),
    /// Rounds fired with this pin.
    pub rounds: (f32, f32),
    /// Probability of turning rings on the pin, and how high they are: 1 µm and this share of 7 µm more at the most.
    pub turning: (f32, f32),
    /// Share of the area under soot flakes.
    pub soot: (f32, f32),
    /// Most that a film of residue darkens.
    pub film: f32,
    /// Mean of the exponential whose whole part is the number of scratches, which is some 0.4 fewer in the mean.
    pub scratches: f32,
    /// Roughest cup that a mark has to stand out from, Ra in µm: the pin presses rougher ones flat.
    pub texture_um: f32,
    /// Micro-facet roughness of the cup's metal, 0-1: GGX's alpha is its square.
    pub roughness: (f32, f32),
    /// Largest height of the floor's middle over its edge or below it, µm.
    pub dome_um: f32,
    /// Share of the worst defocus (focus on the rim instead of the floor).
    pub defocus: f32,
    /// Strength of light from the surroundings: what is seen in a shadow.
    pub ambient: (f32, f32),
    /// Mean of the floor, linear, share of full scale: how well the photograph is exposed for it.
    pub floor_grey: (f32, f32),
}

impl Ranges {
    /// A draw from a pair of limits.
    pub fn within(draw: &mut Draw, (a, b): (f32, f32)) -> f32 {
        draw.range(a, b)
    }

    /// A draw between `mild` and `worst`, the rarer the worse: half of all lie in the mild quarter.
    pub fn ailing(draw: &mut Draw, (mild, worst): (f32, f32)) -> f32 {
        mild + (worst - mild) * draw.unit().powi(2)
    }

    /// An ailment that is 0 unless its probability comes true.
    pub fn maybe(draw: &mut Draw, (p, mild, worst): (f32, f32, f32)) -> f32 {
        if draw.chance(p) { Self::ailing(draw, (mild, worst)) } else { 0.0 }
    }
}
