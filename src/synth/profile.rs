//! How bad it gets: the range of every degradation in each profile.
//!
//! The outer limits are those that the field names (shallow strikes, drag, second strikes, partial
//! removal, wear up to 5,000 rounds, soot); the profiles cut them into what examiners call clean,
//! ordinary, mixed and severe.

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
}

impl Profile {
    /// Every profile with its name.
    pub const ALL: [(Self, &str); 5] = [
        (Self::Clean, "clean"),
        (Self::Field, "field"),
        (Self::Mixed, "mixed"),
        (Self::Severe, "severe"),
        (Self::Unmarked, "unmarked"),
    ];

    /// The profile's name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(p, _)| *p == self).map_or("", |(_, n)| n)
    }

    /// The ranges of this profile; an unmarked primer ages like any other.
    pub fn ranges(self) -> Ranges {
        match self {
            Self::Clean => Ranges {
                relief_um: (11.0, 25.0),
                transfer: (0.88, 1.0),
                partial: (0.25, 0.0, 0.05),
                double: 0.0,
                drag: (0.2, 0.05, 0.25),
                smear_um: (0.3, 0.0, 8.0),
                rounds: (0.0, 300.0),
                turning: (0.35, 0.15),
                soot: (0.0, 0.07),
                scratches: 0.5,
                defocus: 0.25,
            },
            Self::Field => Ranges {
                relief_um: (8.0, 25.0),
                transfer: (0.65, 0.97),
                partial: (0.4, 0.0, 0.14),
                double: 0.05,
                drag: (0.5, 0.05, 0.45),
                smear_um: (0.4, 0.0, 20.0),
                rounds: (0.0, 1600.0),
                turning: (0.5, 0.3),
                soot: (0.0, 0.12),
                scratches: 1.0,
                defocus: 0.5,
            },
            Self::Mixed | Self::Unmarked => Ranges {
                relief_um: (5.0, 25.0),
                transfer: (0.35, 1.0),
                partial: (0.5, 0.0, 0.35),
                double: 0.15,
                drag: (0.5, 0.1, 0.8),
                smear_um: (0.5, 0.0, 50.0),
                rounds: (0.0, 3500.0),
                turning: (0.55, 0.6),
                soot: (0.0, 0.25),
                scratches: 1.8,
                defocus: 0.8,
            },
            Self::Severe => Ranges {
                relief_um: (3.0, 14.0),
                transfer: (0.15, 0.7),
                partial: (0.75, 0.05, 0.6),
                double: 0.35,
                drag: (0.7, 0.2, 1.0),
                smear_um: (0.7, 10.0, 120.0),
                rounds: (1200.0, 5000.0),
                turning: (0.65, 1.0),
                soot: (0.03, 0.5),
                scratches: 3.0,
                defocus: 1.0,
            },
        }
    }
}

/// Limits of what a profile draws.
#[derive(Clone, Copy, Debug)]
pub struct Ranges {
    /// Height of the pin's relief, µm.
    pub relief_um: (f32, f32),
    /// Share of the pin's relief that the primer takes on.
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
    /// Probability of turning rings on the pin, and the share of 8 µm that they reach.
    pub turning: (f32, f32),
    /// Share of the area under soot flakes.
    pub soot: (f32, f32),
    /// Mean number of scratches.
    pub scratches: f32,
    /// Share of the worst defocus (focus on the rim instead of the floor).
    pub defocus: f32,
}

impl Ranges {
    /// A draw from a pair of limits.
    pub fn within(draw: &mut Draw, (a, b): (f32, f32)) -> f32 {
        draw.range(a, b)
    }

    /// A draw that is 0 unless its probability comes true.
    pub fn maybe(draw: &mut Draw, (p, a, b): (f32, f32, f32)) -> f32 {
        if draw.chance(p) { draw.range(a, b) } else { 0.0 }
    }
}
