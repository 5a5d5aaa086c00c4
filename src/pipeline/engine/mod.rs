//! What reads characters and ring from a straightened mark.

pub(crate) mod edges;
pub(crate) mod grid;
pub mod learned;
pub mod template;

use super::geometry::Pose;
use super::mark::Mark;
use crate::error::Failure;
use ndarray::Array2;

/// Which engine read, for `run.json`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// `learned`, `template`, `tesseract`.
    pub name: String,
    /// Version of the engine.
    pub version: String,
    /// SHA-256 of its weights, lower-case hex; `None` where it has none.
    pub weights_sha256: Option<String>,
}

/// The mark as one format under one hypothesis.
#[derive(Clone, Debug)]
pub struct View {
    /// Id of the format, e.g. `ifm8`.
    pub format: String,
    /// The pose, refined where the engine could.
    pub pose: Pose,
    /// Log-probability of format and pose together against the other views; need not be normalised.
    pub log_weight: f32,
    /// For each character in reading order, the log-probability of every symbol of the
    /// format's alphabet. Uniform where the engine has nothing to say.
    pub symbols: Vec<Vec<f32>>,
    /// For each sector of the gear ring, the log-odds that it is a tooth; `None` without a ring.
    pub gear: Option<Vec<f32>>,
    /// For each character, its four corners in the mark's frame: top left, top right, bottom right, bottom left.
    pub quads: Vec<[(f64, f64); 4]>,
}

/// All that an engine has to say about a mark.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// Views, in any order.
    pub views: Vec<View>,
    /// Probability that this is a mark at all, 0-1.
    pub presence: f32,
    /// Strokes as a picture in the frame of the best view's tile, 0 ground to 1 stroke.
    pub ink: Option<Array2<f32>>,
}

/// Reads a straightened mark. The caller is already parallel: an engine adds no threads of its own.
pub trait Engine: Send + Sync {
    /// Name, version, weights.
    fn identity(&self) -> Identity;

    /// Scores every character of every hypothesis that is worth it.
    ///
    /// # Errors
    /// A [`Failure`] of stage `engine`.
    fn read(&self, mark: &Mark) -> Result<Scores, Failure>;
}
