//! What light cannot change about relief: where edges run, whichever side of them shines.

use crate::pipeline::geometry::{Ellipse, Pose};
use crate::pipeline::mark::TILE_SPAN;
use ndarray::Array2;

/// Level of the floor's ellipse beyond which a tile is not looked at: the floor's edge itself is
/// the strongest edge of all, and its place is known to a few per cent.
const INSIDE: f64 = 0.93;

/// Edges of a picture: strength 0-1 and direction as a doubled angle, in which both sides of a stroke are alike.
#[derive(Clone, Debug)]
pub(crate) struct Edges {
    /// Rows and columns.
    pub(crate) dim: (usize, usize),
    /// Strength, strength x cos of the doubled angle, strength x sin, one after the other for each pixel.
    pub(crate) values: Vec<f32>,
}

/// True where the upright tile of a pose shows the floor; `side` pixels square.
pub(crate) fn inside(pose: &Pose, floor: &Ellipse, side: usize) -> Array2<bool> {
    let place = |i: usize| ((i as f64 + 0.5) / side as f64 * 2.0 - 1.0) * TILE_SPAN;
    Array2::from_shape_fn((side, side), |(y, x)| {
        let (px, py) = pose.to_photo(place(x), place(y));
        floor.level(px, py) < INSIDE
    })
}

/// Grey values less their local mean over their local spread, in boxes of half side `reach` of which
/// only pixels that are `inside` count; 0 outside.
pub(crate) fn normalise(tile: &Array2<f32>, inside: &Array2<bool>, reach: usize) -> Array2<f32> {
    let (h, w) = tile.dim();
    // Sums over everything above and to the left: count, values, squares.
    let mut sums = vec![[0.0f64; 3]; (h + 1) * (w + 1)];
    for y in 0..h {
        let mut row = [0.0; 3];
        for x in 0..w {
            if inside[[y, x]] {
                let v = f64::from(tile[[y, x]]);
                row = [row[0] + 1.0, row[1] + v, row[2] + v * v];
            }
            let above = sums[y * (w + 1) + x + 1];
            sums[(y + 1) * (w + 1) + x + 1] = std::array::from_fn(|k| above[k] + row[k]);
        }
    }
    Array2::from_shape_fn((h, w), |(y, x)| {
        if !inside[[y, x]] {
            return 0.0;
        }
        let (y0, y1) = (y.saturating_sub(reach), (y + reach + 1).min(h));
        let (x0, x1) = (x.saturating_sub(reach), (x + reach + 1).min(w));
        let at = |y: usize, x: usize| sums[y * (w + 1) + x];
        let box_sum: [f64; 3] =
            std::array::from_fn(|k| at(y1, x1)[k] - at(y0, x1)[k] - at(y1, x0)[k] + at(y0, x0)[k]);
        let mean = box_sum[1] / box_sum[0];
        let spread = (box_sum[2] / box_sum[0] - mean * mean).max(0.0).sqrt();
        // A hundredth of full scale is noise, which must not be blown up to look like relief.
        (((f64::from(tile[[y, x]]) - mean) / (spread + 0.01)) as f32).clamp(-3.0, 3.0)
    })
}

impl Edges {
    /// Edges of a normalised picture, rows by columns.
    pub(crate) fn of(picture: &Array2<f32>) -> Self {
        let (h, w) = picture.dim();
        let mut values = vec![0.0; 3 * h * w];
        let mut total = 0.0f64;
        for y in 1..h.saturating_sub(1) {
            for x in 1..w.saturating_sub(1) {
                let p = |dy: usize, dx: usize| picture[[y + dy - 1, x + dx - 1]];
                // Sobel's derivatives.
                let gx = p(0, 2) - p(0, 0) + 2.0 * (p(1, 2) - p(1, 0)) + p(2, 2) - p(2, 0);
                let gy = p(2, 0) - p(0, 0) + 2.0 * (p(2, 1) - p(0, 1)) + p(2, 2) - p(0, 2);
                let i = 3 * (y * w + x);
                values[i] = gx;
                values[i + 1] = gy;
                total += f64::from(gx * gx + gy * gy);
            }
        }
        // Strength saturates at the mean: one speck must not outweigh a character.
        let mean = (total / (h * w).max(1) as f64) as f32;
        for v in values.chunks_exact_mut(3) {
            let (gx, gy) = (v[0], v[1]);
            let power = gx * gx + gy * gy;
            let strength = (power / (power + mean + 1e-9)).sqrt();
            let share = strength / (power + 1e-12);
            (v[0], v[1], v[2]) = (strength, share * (gx * gx - gy * gy), share * 2.0 * gx * gy);
        }
        Self { dim: (h, w), values }
    }
}
