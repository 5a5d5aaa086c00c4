//! The ink map: the strokes as `layout` sees them, a picture for an examiner and for Tesseract.

use crate::pipeline::mark::TILE_PX;
use crate::pipeline::net::networks::{INK_PX, Networks};
use crate::pipeline::net::sigmoid;
use crate::pipeline::tile::prepare;
use ndarray::Array2;

/// The strokes that `layout` sees in an upright tile of `TILE_PX`, 0 ground to 1 stroke: a picture
/// for an examiner. No character is read. `None` where the weights hold no reader.
pub fn strokes(networks: &Networks, tile: &Array2<f32>) -> Option<Array2<f32>> {
    // `ink` is the last output.
    let ink = networks.reader.as_ref()?.layout.run(&prepare(tile)).pop()?;
    Some(enlarged(&ink))
}

/// The ink's log-odds as probabilities at the tile's size, bilinear.
pub(super) fn enlarged(ink: &[f32]) -> Array2<f32> {
    let split = |v: usize| {
        let at = ((v as f32 + 0.5) * INK_PX as f32 / TILE_PX as f32 - 0.5).clamp(0.0, (INK_PX - 1) as f32);
        let low = (at as usize).min(INK_PX - 2);
        (low, at - low as f32)
    };
    Array2::from_shape_fn((TILE_PX, TILE_PX), |(y, x)| {
        let ((y, fy), (x, fx)) = (split(y), split(x));
        let at = y * INK_PX + x;
        let upper = ink[at] + (ink[at + 1] - ink[at]) * fx;
        let lower = ink[at + INK_PX] + (ink[at + INK_PX + 1] - ink[at + INK_PX]) * fx;
        sigmoid(upper + (lower - upper) * fy)
    })
}
