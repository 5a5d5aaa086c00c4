//! Square, straightened pieces of a photograph: what networks and templates look at.

use super::geometry::Pose;
use super::photo::Pixels;
use ndarray::{Array2, ArrayView1};
use pulp::Arch;

/// A piece of a photograph at two finenesses, from which tiles are taken.
#[derive(Clone, Debug)]
pub struct Patch {
    coarse: Level,
    /// Twice as fine, as far as the photograph is.
    fine: Level,
}

impl Patch {
    /// The square of half side `half` photograph pixels about (`cx`, `cy`), as far as it lies in
    /// the photograph. `step`: photograph pixels to a pixel of the coarsest tile that will be asked for.
    pub fn new(pixels: &Pixels, centre: (f64, f64), half: f64, step: f64) -> Self {
        let level = |step| Level::new(pixels, centre, half, step);
        Self { coarse: level(step), fine: level(step / 2.0) }
    }

    /// A `size` x `size` tile of the mark's frame, from -`span` to `span` (1 = `pose.radius`), bilinear.
    /// Outside the patch its edge is repeated.
    pub fn sample(&self, pose: &Pose, span: f64, size: usize) -> Array2<f32> {
        // Between the two finenesses the finer one: a little noise costs less than strokes run together.
        let wanted = 2.0 * span * pose.radius / size as f64;
        let level = if wanted < 0.75 * self.coarse.step { &self.fine } else { &self.coarse };
        level.sample(pose, span, size)
    }
}

/// A piece of a photograph, each pixel the mean of an area.
#[derive(Clone, Debug)]
struct Level {
    /// Grey values 0-1.
    grey: Array2<f32>,
    /// Left and upper edge in photograph pixels, where pixel p reaches from p to p + 1.
    left: f64,
    top: f64,
    /// Photograph pixels per pixel of the piece: at least 1, a piece is never finer than the photograph.
    step: f64,
}

impl Level {
    fn new(pixels: &Pixels, (cx, cy): (f64, f64), half: f64, step: f64) -> Self {
        let step = step.max(1.0);
        let (h, w) = pixels.dim();
        // The interval (in edge coordinates) that is inside, never empty, and its number of pixels.
        let cut = |centre: f64, side: usize| {
            let side = side as f64;
            let low = (centre + 0.5 - half).clamp(0.0, side - 1.0).floor();
            let high = (centre + 0.5 + half).clamp(low + 1.0, side);
            (low, ((high - low) / step).ceil() as usize)
        };
        let ((left, nx), (top, ny)) = (cut(cx, w), cut(cy, h));
        Self { grey: area_average(pixels, left, top, step, (ny, nx)), left, top, step }
    }

    fn sample(&self, pose: &Pose, span: f64, size: usize) -> Array2<f32> {
        let (h, w) = self.grey.dim();
        let unit = 2.0 * span / size as f64;
        let place = |u: f64, v: f64| {
            let (x, y) = pose.to_photo(u, v);
            ((x + 0.5 - self.left) / self.step - 0.5, (y + 0.5 - self.top) / self.step - 0.5)
        };
        let (x0, y0) = place(-span + 0.5 * unit, -span + 0.5 * unit);
        let (xu, yu) = place(-span + 1.5 * unit, -span + 0.5 * unit);
        let (xv, yv) = place(-span + 0.5 * unit, -span + 1.5 * unit);
        Array2::from_shape_fn((size, size), |(j, i)| {
            let (i, j) = (i as f64, j as f64);
            let x = (x0 + i * (xu - x0) + j * (xv - x0)).clamp(0.0, (w - 1) as f64);
            let y = (y0 + i * (yu - y0) + j * (yv - y0)).clamp(0.0, (h - 1) as f64);
            bilinear(&self.grey, x, y)
        })
    }
}

/// Samples a `size` x `size` tile of the mark's frame, from -`span` to `span` (1 = `pose.radius`),
/// area-averaged where the photograph is finer than the tile. Outside the photograph the edge is repeated.
pub fn sample(pixels: &Pixels, pose: &Pose, span: f64, size: usize) -> Array2<f32> {
    let step = 2.0 * span * pose.radius / size as f64;
    let (s, c) = pose.rotation_deg.to_radians().sin_cos();
    // Half the side of the turned tile's bounding square, and the neighbours that interpolation asks for.
    let half = span * pose.radius * (s.abs() + c.abs()) + 2.0 * step.max(1.0);
    Level::new(pixels, (pose.cx, pose.cy), half, step).sample(pose, span, size)
}

/// The value at (`x`, `y`), which must lie within the pixel centres.
pub(super) fn bilinear(grey: &Array2<f32>, x: f64, y: f64) -> f32 {
    let (h, w) = grey.dim();
    let (x0, y0) = (x as usize, y as usize);
    let (x1, y1) = ((x0 + 1).min(w - 1), (y0 + 1).min(h - 1));
    let (fx, fy) = ((x - x0 as f64) as f32, (y - y0 as f64) as f32);
    let upper = grey[[y0, x0]] + (grey[[y0, x1]] - grey[[y0, x0]]) * fx;
    let lower = grey[[y1, x0]] + (grey[[y1, x1]] - grey[[y1, x0]]) * fx;
    upper + (lower - upper) * fy
}

/// Grey 0-1 of `rows` x `columns` squares of `step` >= 1 photograph pixels, from the edges `left`, `top`.
/// A square that reaches beyond the photograph is averaged over the part inside, which must not be empty.
pub fn area_average(
    pixels: &Pixels,
    left: f64,
    top: f64,
    step: f64,
    (rows, columns): (usize, usize),
) -> Array2<f32> {
    let mut out = Array2::zeros((rows, columns));
    Arch::new().dispatch(|| match pixels {
        Pixels::Eight(a) => average(a, 1.0 / 255.0, (left, top), step, &mut out),
        Pixels::Sixteen(a) => average(a, 1.0 / 65535.0, (left, top), step, &mut out),
    });
    out
}

/// Rows first, since memory lies that way: weighted rows are summed, then the sum is cut into squares.
#[inline(always)]
fn average<T: Copy>(a: &Array2<T>, scale: f32, (left, top): (f64, f64), step: f64, out: &mut Array2<f32>)
where
    f32: From<T>,
{
    let (h, w) = a.dim();
    let columns: Vec<Span> = (0..out.ncols()).map(|i| Span::new(left + i as f64 * step, step, w)).collect();
    let (Some(first), Some(last)) = (columns.first(), columns.last()) else { return };
    let (from, to) = (first.first, last.last + 1);
    let mut sums = vec![0.0f32; to - from];
    for (j, mut line) in out.rows_mut().into_iter().enumerate() {
        let span = Span::new(top + j as f64 * step, step, h);
        sums.fill(0.0);
        for y in span.first..=span.last {
            add_row(&mut sums, a.row(y), from, span.weight(y));
        }
        for (to, column) in line.iter_mut().zip(&columns) {
            let cells = &sums[column.first - from..=column.last - from];
            let inner = cells.get(1..cells.len() - 1).unwrap_or_default();
            let mut sum = cells[0] * column.weight(column.first) + inner.iter().sum::<f32>();
            if column.last > column.first {
                sum += cells[cells.len() - 1] * column.weight(column.last);
            }
            *to = sum * (scale / (column.length * span.length));
        }
    }
}

#[inline(always)]
fn add_row<T: Copy>(sums: &mut [f32], row: ArrayView1<'_, T>, from: usize, weight: f32)
where
    f32: From<T>,
{
    if let Some(row) = row.as_slice() {
        for (sum, v) in sums.iter_mut().zip(&row[from..]) {
            *sum += f32::from(*v) * weight;
        }
    } else {
        for (sum, v) in sums.iter_mut().zip(row.iter().skip(from)) {
            *sum += f32::from(*v) * weight;
        }
    }
}

/// The pixels that an interval touches, and how much of each.
struct Span {
    first: usize,
    last: usize,
    low: f64,
    high: f64,
    length: f32,
}

impl Span {
    fn new(low: f64, step: f64, side: usize) -> Self {
        // At least a thousandth of a pixel, so that rounding never leaves nothing.
        let low = low.clamp(0.0, side as f64 - 1e-3);
        let high = (low + step).clamp(low + 1e-3, side as f64);
        let last = (high.ceil() as usize).max(1) - 1;
        Self { first: low as usize, last, low, high, length: (high - low) as f32 }
    }

    #[inline(always)]
    fn weight(&self, pixel: usize) -> f32 {
        (self.high.min(pixel as f64 + 1.0) - self.low.max(pixel as f64)) as f32
    }
}

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
    let (h, w) = tile.dim();
    let n = (h * w) as f64;
    let mean = (tile.iter().map(|v| f64::from(*v)).sum::<f64>() / n) as f32;
    let centred: Vec<f32> = tile.iter().map(|v| v - mean).collect();
    let squares: Vec<f32> = centred.iter().map(|v| v * v).collect();
    let variance = squares.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let scale = 1.0 / (variance.sqrt() as f32 + SPREAD_FLOOR);
    let reach = ((w / 8) | 1) / 2;
    let (means, squares) = (box_mean(&centred, w, reach), box_mean(&squares, w, reach));
    let whole = centred.iter().map(|v| (v * scale).clamp(-MOST, MOST));
    let local = centred.iter().zip(means.iter().zip(&squares)).map(|(v, (mean, square))| {
        let spread = (square - mean * mean).max(0.0).sqrt();
        ((v - mean) / (spread + SPREAD_FLOOR)).clamp(-MOST, MOST)
    });
    whole.chain(local).collect()
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
    let w = tile.ncols();
    let mut log: Vec<f32> = tile.iter().map(|v| (v + DARK).ln()).collect();
    let means = box_mean(&log, w, ((w / 24) | 1) / 2);
    log.iter_mut().zip(means).for_each(|(v, mean)| *v -= mean);
    let variance = log.iter().map(|v| f64::from(v * v)).sum::<f64>() / log.len() as f64;
    let scale = 1.0 / (variance.sqrt() as f32 + SPREAD_FLOOR);
    let mut planes = prepare(tile);
    planes.extend(log.iter().map(|v| (v * scale).clamp(-MOST, MOST)));
    planes
}

/// A prepared tile that can be looked at between its pixels.
#[derive(Clone, Debug)]
pub struct Prepared {
    planes: Vec<f32>,
    side: usize,
    span: f64,
}

impl Prepared {
    /// A square tile that reaches from -`span` to `span`, with the channels of [`prepare`].
    pub fn new(tile: &Array2<f32>, span: f64) -> Self {
        Self { planes: prepare(tile), side: tile.nrows(), span }
    }

    /// The same with the channels of [`finer`].
    pub fn finer(tile: &Array2<f32>, span: f64) -> Self {
        Self { planes: finer(tile), side: tile.nrows(), span }
    }

    /// Bilinear values of all channels at points of the tile's frame, channel after channel; edges are repeated.
    pub fn sample(&self, points: impl Iterator<Item = (f64, f64)>) -> Vec<f32> {
        let side = self.side;
        let place = |v: f64| {
            let at = ((v / self.span + 1.0) * side as f64 / 2.0 - 0.5).clamp(0.0, side as f64 - 1.0);
            let low = (at as usize).min(side - 2);
            (low, (at - low as f64) as f32)
        };
        let places: Vec<_> = points
            .map(|(u, v)| {
                let ((x, fx), (y, fy)) = (place(u), place(v));
                (y * side + x, fx, fy)
            })
            .collect();
        let of_plane = |plane: &[f32], values: &mut Vec<f32>| {
            values.extend(places.iter().map(|&(at, fx, fy)| {
                let upper = plane[at] + (plane[at + 1] - plane[at]) * fx;
                let lower = plane[at + side] + (plane[at + side + 1] - plane[at + side]) * fx;
                upper + (lower - upper) * fy
            }));
        };
        let planes = self.planes.chunks_exact(side * side);
        let mut values = Vec::with_capacity(planes.len() * places.len());
        planes.for_each(|plane| of_plane(plane, &mut values));
        values
    }
}

/// Means over squares reaching `reach` pixels each way; at the borders over the pixels inside.
fn box_mean(values: &[f32], width: usize, reach: usize) -> Vec<f32> {
    let height = values.len() / width.max(1);
    let mut across = vec![0.0f64; values.len()];
    for (row, to) in values.chunks_exact(width).zip(across.chunks_exact_mut(width)) {
        let mut sum: f64 = row[..reach.min(width)].iter().map(|v| f64::from(*v)).sum();
        for x in 0..width {
            if x + reach < width {
                sum += f64::from(row[x + reach]);
            }
            if x > reach {
                sum -= f64::from(row[x - reach - 1]);
            }
            to[x] = sum / ((x + reach + 1).min(width) - x.saturating_sub(reach)) as f64;
        }
    }
    let mut out = vec![0.0; values.len()];
    let mut sums = vec![0.0f64; width];
    let line = |y: usize| across[y * width..(y + 1) * width].iter();
    for y in 0..reach.min(height) {
        sums.iter_mut().zip(line(y)).for_each(|(sum, v)| *sum += v);
    }
    for (y, to) in out.chunks_exact_mut(width).enumerate() {
        if y + reach < height {
            sums.iter_mut().zip(line(y + reach)).for_each(|(sum, v)| *sum += v);
        }
        if y > reach {
            sums.iter_mut().zip(line(y - reach - 1)).for_each(|(sum, v)| *sum -= v);
        }
        let count = ((y + reach + 1).min(height) - y.saturating_sub(reach)) as f64;
        to.iter_mut().zip(&sums).for_each(|(to, sum)| *to = (sum / count) as f32);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn upright(cx: f64, cy: f64, radius: f64) -> Pose {
        Pose { cx, cy, radius, rotation_deg: 0.0, mirrored: false }
    }

    fn close(found: &Array2<f32>, truth: &Array2<f32>) {
        assert!((found - truth).iter().all(|d| d.abs() < 1e-5), "{found}\n{truth}");
    }

    #[test]
    fn a_2x2_tile_of_a_4x4_photograph_averages_four_pixels_each() {
        let pixels = Pixels::Eight(array![[0, 2, 4, 6], [4, 6, 0, 2], [51, 51, 0, 0], [51, 51, 0, 255]]);
        let tile = sample(&pixels, &upright(1.5, 1.5, 2.0), 1.0, 2);
        close(&tile, &array![[3.0 / 255.0, 3.0 / 255.0], [0.2, 0.25]]);
    }

    #[test]
    fn a_tile_as_fine_as_the_photograph_is_the_photograph_also_turned_and_mirrored() {
        let grey = array![[0.0f32, 0.2, 0.4], [0.6, 0.8, 1.0], [0.6, 0.4, 0.2]];
        let pixels = Pixels::Sixteen(grey.mapv(|v| (v * 65535.0) as u16));
        let mut pose = upright(1.0, 1.0, 1.5);
        close(&sample(&pixels, &pose, 1.0, 3), &grey);
        // A mark turned a quarter counter-clockwise has its upper left corner at the lower left.
        pose.rotation_deg = 90.0;
        close(&sample(&pixels, &pose, 1.0, 3), &array![[0.6, 0.6, 0.0], [0.4, 0.8, 0.2], [0.2, 1.0, 0.4]]);
        // Mirrored, left and right are swapped before the turn.
        pose.mirrored = true;
        close(&sample(&pixels, &pose, 1.0, 3), &array![[0.0, 0.6, 0.6], [0.2, 0.8, 0.4], [0.4, 1.0, 0.2]]);
    }

    #[test]
    fn a_step_that_is_no_whole_number_shares_pixels_between_neighbours() {
        let pixels = Pixels::Eight(array![[255, 0, 0], [0, 0, 0], [0, 0, 0]]);
        let tile = sample(&pixels, &upright(1.0, 1.0, 1.5), 1.0, 2);
        // 1 of 1.5 x 1.5 pixels is white.
        close(&tile, &array![[1.0 / 2.25, 0.0], [0.0, 0.0]]);
    }

    #[test]
    fn outside_the_photograph_its_edge_is_repeated() {
        let pixels = Pixels::Eight(array![[51, 102], [153, 204]]);
        let tile = sample(&pixels, &upright(0.5, 0.5, 2.0), 1.0, 4);
        close(
            &tile,
            &array![[0.2, 0.2, 0.4, 0.4], [0.2, 0.2, 0.4, 0.4], [0.6, 0.6, 0.8, 0.8], [0.6, 0.6, 0.8, 0.8]],
        );
        for (x, y) in [(-1e6, 0.0), (1e9, 1e9), (0.0, -50.0)] {
            for radius in [0.01, 3.0, 4000.0] {
                let far = sample(&pixels, &upright(x, y, radius), 1.0, 4);
                assert!(far.iter().all(|v| (0.19..0.81).contains(v)), "{far}");
            }
        }
    }

    #[test]
    fn a_patch_shows_in_the_finer_tile_what_the_coarse_one_averages_away() {
        let pixels = Pixels::Eight(Array2::from_shape_fn((64, 64), |(_, x)| if x % 4 < 2 { 0 } else { 255 }));
        let patch = Patch::new(&pixels, (31.5, 31.5), 40.0, 4.0);
        let pose = upright(31.5, 31.5, 32.0);
        let coarse = patch.sample(&pose, 1.0, 16);
        assert!(coarse.iter().all(|v| (v - 0.5).abs() < 1e-3), "{coarse}");
        let fine = patch.sample(&pose, 1.0, 32);
        close(&fine, &Array2::from_shape_fn((32, 32), |(_, x)| (x % 2) as f32));
    }

    #[test]
    fn box_means_count_only_pixels_inside() {
        let means = box_mean(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], 3, 1);
        assert_eq!(means, [3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0]);
        assert_eq!(box_mean(&[1.0, 3.0], 1, 4), [2.0, 2.0]);
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
