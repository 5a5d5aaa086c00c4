//! What networks see of a tile: light and contrast evened out.

use crate::pipeline::vector::ln;
use ndarray::Array2;
use pulp::Arch;

/// Where a tile or its surroundings are flat, noise is not blown up beyond this share of full grey.
const SPREAD_FLOOR: f32 = 0.01;
/// Normalised values are cut here: specular spots would else drown the strokes.
const MOST: f32 = 4.0;

/// What networks see of a square tile: two channels, row-major.
///
/// The first is the tile less its mean over its standard deviation; the second the same with mean and
/// deviation of a square of an eighth of the side about each pixel, since floors are dark beside a
/// bright face and half of one may lie in shadow.
pub fn prepare(tile: &Array2<f32>) -> Vec<f32> {
    let mut planes = Vec::with_capacity(2 * tile.len());
    Arch::new().dispatch(|| push_prepared(tile, &mut planes));
    planes
}

/// Added to grey 0-1 before its logarithm is taken: about five steps of 8 bits, below which there is mostly noise.
const DARK: f32 = 0.02;

/// What characters and ring are cut from: the channels of [`prepare`], and one for strokes beside the edge of a
/// cast shadow.
///
/// The third is the logarithm less its mean in a square of a twenty-fourth of the side, about two strokes, over what
/// that varies by in the whole tile. Light multiplies: a stroke in shadow has in it the contrast of one in light, and
/// the shadow's edge spoils no more than a stroke's width.
pub fn finer(tile: &Array2<f32>) -> Vec<f32> {
    let mut planes = Vec::with_capacity(3 * tile.len());
    Arch::new().dispatch(|| {
        push_prepared(tile, &mut planes);
        push_log(tile, &mut planes);
    });
    planes
}

#[inline(always)]
fn push_prepared(tile: &Array2<f32>, planes: &mut Vec<f32>) {
    let (h, w) = tile.dim();
    let n = (h * w) as f64;
    let grey: Vec<f32> = tile.iter().copied().collect();
    let mean = (total(&grey) / n) as f32;
    let mut centred = grey;
    centred.iter_mut().for_each(|v| *v -= mean);
    let squares: Vec<f32> = centred.iter().map(|v| v * v).collect();
    let scale = 1.0 / ((total(&squares) / n).sqrt() as f32 + SPREAD_FLOOR);
    planes.extend(centred.iter().map(|v| (v * scale).clamp(-MOST, MOST)));
    let [means, squares] = box_means([&centred, &squares], w, ((w / 8) | 1) / 2);
    planes.extend(centred.iter().zip(means.iter().zip(&squares)).map(|(v, (mean, square))| {
        let spread = (square - mean * mean).max(0.0).sqrt();
        ((v - mean) / (spread + SPREAD_FLOOR)).clamp(-MOST, MOST)
    }));
}

#[inline(always)]
fn push_log(tile: &Array2<f32>, planes: &mut Vec<f32>) {
    let w = tile.ncols();
    let mut log: Vec<f32> = tile.iter().copied().collect();
    log.iter_mut().for_each(|v| *v = ln(*v + DARK));
    let [means] = box_means([&log], w, ((w / 24) | 1) / 2);
    log.iter_mut().zip(means).for_each(|(v, mean)| *v -= mean);
    let squares: Vec<f32> = log.iter().map(|v| v * v).collect();
    let scale = 1.0 / ((total(&squares) / log.len() as f64).sqrt() as f32 + SPREAD_FLOOR);
    planes.extend(log.iter().map(|v| (v * scale).clamp(-MOST, MOST)));
}

/// The sum, in eight parts: one part after the other would wait for each addition.
#[inline(always)]
fn total(values: &[f32]) -> f64 {
    let (eights, rest) = values.as_chunks::<8>();
    let mut parts = [0.0f64; 8];
    for eight in eights {
        for (part, v) in parts.iter_mut().zip(eight) {
            *part += f64::from(*v);
        }
    }
    parts.iter().sum::<f64>() + rest.iter().map(|v| f64::from(*v)).sum::<f64>()
}

/// Channels that a pixel of a prepared tile has room for.
const CHANNELS: usize = 4;

/// A prepared tile that can be looked at between its pixels.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// All channels of a pixel side by side.
    pixels: Vec<[f32; CHANNELS]>,
    channels: usize,
    side: usize,
    span: f64,
}

impl Prepared {
    /// A square tile that reaches from -`span` to `span`, with the channels of [`prepare`].
    pub fn new(tile: &Array2<f32>, span: f64) -> Self {
        Self::of(&prepare(tile), tile.nrows(), span)
    }

    /// The same with the channels of [`finer`].
    pub fn finer(tile: &Array2<f32>, span: f64) -> Self {
        Self::of(&finer(tile), tile.nrows(), span)
    }

    fn of(planes: &[f32], side: usize, span: f64) -> Self {
        let mut pixels = vec![[0.0; CHANNELS]; side * side];
        for (channel, plane) in planes.chunks_exact(side * side).enumerate() {
            pixels.iter_mut().zip(plane).for_each(|(pixel, v)| pixel[channel] = *v);
        }
        Self { pixels, channels: planes.len() / (side * side), side, span }
    }

    /// Bilinear values of all channels at `points` of the tile's frame, channel after channel; edges are repeated.
    pub fn sample(&self, points: impl ExactSizeIterator<Item = (f64, f64)>) -> Vec<f32> {
        let count = points.len();
        let mut values = vec![0.0; CHANNELS * count];
        Arch::new().dispatch(
            #[inline(always)]
            || self.sample_to(points, count, &mut values),
        );
        values.truncate(self.channels * count);
        values
    }

    #[inline(always)]
    fn sample_to(&self, points: impl Iterator<Item = (f64, f64)>, count: usize, values: &mut [f32]) {
        let side = self.side;
        let (scale, middle) = (side as f64 / 2.0 / self.span, side as f64 / 2.0 - 0.5);
        for (i, (u, v)) in points.enumerate() {
            let (x, y) = (u * scale + middle, v * scale + middle);
            let (x, y) = (x.clamp(0.0, side as f64 - 1.0), y.clamp(0.0, side as f64 - 1.0));
            let (left, top) = ((x as usize).min(side - 2), (y as usize).min(side - 2));
            let (fx, fy) = ((x - left as f64) as f32, (y - top as f64) as f32);
            let [upper, lower] = [0, side].map(|down| &self.pixels[top * side + left + down..][..2]);
            for channel in 0..CHANNELS {
                let [a, b, c, d] =
                    [upper[0][channel], upper[1][channel], lower[0][channel], lower[1][channel]];
                let (above, below) = (a + (b - a) * fx, c + (d - c) * fx);
                values[channel * count + i] = above + (below - above) * fy;
            }
        }
    }
}

/// Means of planes over squares reaching `reach` pixels each way; at the borders over the pixels inside.
#[inline(always)]
fn box_means<const N: usize>(planes: [&[f32]; N], width: usize, reach: usize) -> [Vec<f32>; N] {
    let height = planes[0].len() / width.max(1);
    let mut out = [(); N].map(|()| vec![0.0; width * height]);
    // Of the rows within reach, column by column, and of all columns left of each.
    let mut sums = [(); N].map(|()| vec![0.0f64; width]);
    let mut before = [(); N].map(|()| vec![0.0f64; width + 1]);
    for (sums, plane) in sums.iter_mut().zip(planes) {
        for row in plane.chunks_exact(width).take(reach) {
            sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += f64::from(*v));
        }
    }
    for y in 0..height {
        for (sums, plane) in sums.iter_mut().zip(planes) {
            let row = |y: usize| &plane[y * width..(y + 1) * width];
            if y + reach < height {
                sums.iter_mut().zip(row(y + reach)).for_each(|(sum, v)| *sum += f64::from(*v));
            }
            if y > reach {
                sums.iter_mut().zip(row(y - reach - 1)).for_each(|(sum, v)| *sum -= f64::from(*v));
            }
        }
        // All planes in one loop: each addition waits for the one before.
        let mut running = [0.0f64; N];
        for x in 0..width {
            for n in 0..N {
                running[n] += sums[n][x];
                before[n][x + 1] = running[n];
            }
        }
        let rows = ((y + reach + 1).min(height) - y.saturating_sub(reach)) as f64;
        for (before, out) in before.iter().zip(&mut out) {
            means_of_row(before, rows, reach, &mut out[y * width..(y + 1) * width]);
        }
    }
    out
}

/// Means of the columns within `reach`, of which `before` holds the sums from the left.
#[inline(always)]
fn means_of_row(before: &[f64], rows: f64, reach: usize, out: &mut [f32]) {
    let width = out.len();
    let mean = |x: usize| {
        let (from, to) = (x.saturating_sub(reach), (x + reach + 1).min(width));
        ((before[to] - before[from]) / (rows * (to - from) as f64)) as f32
    };
    let (first, last) = (reach.min(width), width.saturating_sub(reach).max(reach.min(width)));
    (0..first).chain(last..width).for_each(|x| out[x] = mean(x));
    let scale = 1.0 / (rows * (2 * reach + 1) as f64);
    for ((to, low), high) in out[first..last].iter_mut().zip(before).zip(before.iter().skip(2 * reach + 1)) {
        *to = ((high - low) * scale) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn box_means_count_only_pixels_inside() {
        let [means, twice] = box_means(
            [
                &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
                &[2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0],
            ],
            3,
            1,
        );
        assert_eq!(means, [3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0]);
        assert_eq!(twice, [6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0]);
        assert_eq!(box_means([&[1.0, 2.0, 6.0, 7.0, 9.0]], 5, 1), [[1.5, 3.0, 5.0, 22.0 / 3.0, 8.0]]);
        assert_eq!(box_means([&[1.0, 3.0]], 1, 4), [[2.0, 2.0]]);
    }

    #[test]
    fn a_stroke_in_shadow_has_the_contrast_of_one_in_light() {
        // The right half gets a fifth of the light; a stroke in each reflects 1.5 times as much as the ground.
        let tile = Array2::from_shape_fn((96, 96), |(_, x)| {
            let stroke = if x % 48 == 20 || x % 48 == 21 { 1.5 } else { 1.0 };
            stroke * if x < 48 { 0.5 } else { 0.1 }
        });
        let (two, three) = (prepare(&tile), finer(&tile));
        assert_eq!(three[..2 * 96 * 96], two);
        let above = |channel: usize, x: usize| {
            let line = &three[channel * 96 * 96 + 48 * 96..][..96];
            line[x] - line[x - 8]
        };
        assert!(above(2, 68) > 0.8 * above(2, 20), "{} {}", above(2, 68), above(2, 20));
        assert!(above(0, 68) < 0.3 * above(0, 20));
    }

    #[test]
    fn a_prepared_step_is_even_on_the_whole_and_zero_far_from_its_edge() {
        // Left half 0.25, right half 0.75: mean 0.5, deviation 0.25.
        let tile = Array2::from_shape_fn((64, 64), |(_, x)| if x < 32 { 0.25 } else { 0.75 });
        let seen = prepare(&tile);
        assert!((seen[0] + 0.25 / 0.26).abs() < 1e-5 && (seen[63] - 0.25 / 0.26).abs() < 1e-5);
        let local = &seen[64 * 64..];
        assert!(local[0].abs() < 1e-5 && local[63].abs() < 1e-5, "{} {}", local[0], local[63]);
        // At the edge 5 of 9 columns are bright: mean 5/9, deviation sqrt(20)/9, in units of the step.
        let edge = 0.5 * (4.0 / 9.0) / (0.5 * 20f32.sqrt() / 9.0 + 0.01);
        assert!((local[32 * 64 + 32] - edge).abs() < 1e-4, "{} {edge}", local[32 * 64 + 32]);
    }
}
