//! Distances to many pieces on a raster, looking only at the pieces that can be nearest.

use ndarray::Array2;

/// Side of a block of pixels that shares one list of candidate pieces.
const BLOCK: usize = 8;

/// For each pixel the least of `value(piece, x, y)` over `pieces`; `value` must not change
/// faster than the distance travelled, which lets a whole block drop the pieces that its
/// middle shows to be out of reach. Coordinates as in [`super::Face::distance`].
pub(super) fn least<T>(
    pieces: &[T],
    dim: (usize, usize),
    px: f32,
    margin: usize,
    value: impl Fn(&T, f32, f32) -> f32,
) -> Array2<f32> {
    let mut out = Array2::from_elem(dim, 1.0);
    let at = |i: f32| (i - margin as f32 + 0.5) / px;
    // Half a block's diagonal, doubled: both the nearest piece and its rival may err by it.
    let slack = 2.0 * (BLOCK as f32) * std::f32::consts::FRAC_1_SQRT_2 / px;
    let mut middle = Vec::with_capacity(pieces.len());
    let mut near = Vec::with_capacity(pieces.len());
    for y0 in (0..dim.0).step_by(BLOCK) {
        for x0 in (0..dim.1).step_by(BLOCK) {
            let half = BLOCK as f32 / 2.0 - 0.5;
            let (mx, my) = (at(x0 as f32 + half), at(y0 as f32 + half));
            middle.clear();
            middle.extend(pieces.iter().map(|p| value(p, mx, my)));
            let reach = middle.iter().copied().fold(f32::INFINITY, f32::min) + slack;
            near.clear();
            near.extend(pieces.iter().zip(&middle).filter(|(_, m)| **m <= reach).map(|(p, _)| p));
            for y in y0..(y0 + BLOCK).min(dim.0) {
                for x in x0..(x0 + BLOCK).min(dim.1) {
                    let (fx, fy) = (at(x as f32), at(y as f32));
                    let least = near.iter().map(|p| value(p, fx, fy)).fold(f32::INFINITY, f32::min);
                    if least.is_finite() {
                        out[[y, x]] = least;
                    }
                }
            }
        }
    }
    out
}
