//! Impression to straightened mark: where the floor lies, and the hypotheses
//! about the mark's rotation and mirroring that are worth reading.

use super::denoise::Clean;
use super::face::Face;
use super::geometry::{Ellipse, Pose};
use super::scheme::Scheme;
use crate::settings::MarkSettings;
use ndarray::Array2;

/// One way in which the mark may lie.
#[derive(Clone, Debug)]
pub struct Hypothesis {
    /// Rotation, mirroring, place and size.
    pub pose: Pose,
    /// Log-probability of this hypothesis before anything was read.
    pub log_prior: f32,
    /// Upright tile, `TILE_PX` square, from -`TILE_SPAN` to `TILE_SPAN` of the floor's radius, grey 0-1.
    pub tile: Array2<f32>,
}

/// A straightened mark, in a few hypotheses, the likeliest first.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Rim of the crater, photograph pixels.
    pub rim: Ellipse,
    /// Floor of the crater, photograph pixels.
    pub floor: Ellipse,
    /// Probability that the floor bears a mark at all, before anything was read.
    pub presence: f32,
    /// Ways in which it may lie.
    pub hypotheses: Vec<Hypothesis>,
}

/// Side of an upright tile, pixels: characters of 90-250 µm are then 12-40 pixels high.
pub const TILE_PX: usize = 160;
/// Half the side of an upright tile in floor radii: the whole floor with a margin for errors of place.
pub const TILE_SPAN: f64 = 1.08;

/// Straightens the mark in the impression; `None` where there is no impression or nothing like a mark in it.
pub fn find_mark(
    clean: &Clean<'_>,
    face: &Face,
    schemes: &[Scheme],
    settings: &MarkSettings,
) -> Option<Mark> {
    let _ = (clean, face, schemes, settings);
    None
}
