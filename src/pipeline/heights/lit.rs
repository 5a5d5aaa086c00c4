//! A height map as it would look under one lamp: for an examiner's eye in a report. Nothing is read from it.

use super::fill::fill;
use super::relief::smooth;
use super::{Heights, points, x3p};
use crate::error::Failure;
use crate::pipeline::photo::Pixels;
use crate::settings::PhotoSettings;
use ndarray::Array2;

/// Where the lamp stands: degrees over the case head, and on the upper left, as people expect relief to be lit.
pub const ELEVATION_DEG: f64 = 40.0;
/// What heights are multiplied by: strokes of a few micrometres are then seen beside a wall of hundreds.
pub const RAISED: f64 = 2.0;

/// The map of an X3P under one lamp on the upper left, 16 bit: a dull surface of even grey without cast shadows,
/// black where nothing was measured. It has the size and place of the picture that is read.
///
/// # Errors
/// A [`Failure`] of stage `load` where the file cannot be read.
pub fn lit(bytes: &[u8], settings: &PhotoSettings) -> Result<Pixels, Failure> {
    let heights = x3p::read(bytes, settings)?;
    let heights = points::square(heights, (settings.max_million_points * 1e6) as usize)?;
    Ok(shaded(&heights, settings))
}

fn shaded(heights: &Heights, settings: &PhotoSettings) -> Pixels {
    let um = heights.step_um.0;
    let z = smooth(fill(&heights.z), settings.smooth_um / um);
    let (h, w) = z.dim();
    let (sin, cos) = ELEVATION_DEG.to_radians().sin_cos();
    let aside = (cos * std::f64::consts::FRAC_1_SQRT_2) as f32;
    let over = sin as f32;
    let raised = (RAISED / um) as f32;
    Pixels::Sixteen(Array2::from_shape_fn((h, w), |(y, x)| {
        if !heights.z[[y, x]].is_finite() {
            return 0;
        }
        let (left, right) = (x.saturating_sub(1), (x + 1).min(w - 1));
        let (up, down) = (y.saturating_sub(1), (y + 1).min(h - 1));
        let gx = (z[[y, right]] - z[[y, left]]) * raised / (right - left).max(1) as f32;
        let gy = (z[[down, x]] - z[[up, x]]) * raised / (down - up).max(1) as f32;
        // Cosine between the normal (-gx, -gy, 1) and the lamp; a surface that looks away is black.
        let cosine = (gx * aside + gy * aside + over) / (1.0 + gx * gx + gy * gy).sqrt();
        (cosine.clamp(0.0, 1.0) * 65535.0 + 0.5) as u16
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_that_faces_the_lamp_is_bright_one_that_faces_away_dark_and_a_gap_black() {
        // A ridge from lower left to upper right, 2 µm a point, rising by half as much as it is wide.
        let mut z = Array2::from_shape_fn((60, 60), |(y, x)| -0.5 * ((x + y) as f32 - 59.0).abs());
        z[[50, 50]] = f32::NAN;
        let settings = PhotoSettings::default();
        let Pixels::Sixteen(grey) = shaded(&Heights { z, step_um: (2.0, 2.0) }, &settings) else { panic!() };
        let level = (ELEVATION_DEG.to_radians().sin() * 65535.0) as u16;
        assert!(grey[[15, 15]] > level + 8000, "{} {level}", grey[[15, 15]]);
        assert!(grey[[45, 45]] < level - 8000, "{} {level}", grey[[45, 45]]);
        assert_eq!(grey[[50, 50]], 0);
        let flat = Heights { z: Array2::from_elem((9, 9), 3.0), step_um: (2.0, 2.0) };
        let Pixels::Sixteen(grey) = shaded(&flat, &settings) else { panic!() };
        assert!(grey.iter().all(|v| v.abs_diff(level) < 2));
    }
}
