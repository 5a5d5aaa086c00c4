//! Square, straightened pieces of a photograph: what networks and templates look at.

mod prepared;

pub use prepared::{Prepared, finer, prepare};

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
        // The first pixel, and the steps to its neighbours on the right and below.
        let (x0, y0) = place(-span + 0.5 * unit, -span + 0.5 * unit);
        let (xu, yu) = place(-span + 1.5 * unit, -span + 0.5 * unit);
        let (xv, yv) = place(-span + 0.5 * unit, -span + 1.5 * unit);
        let (right, down) = ((xu - x0, yu - y0), (xv - x0, yv - y0));
        let mut tile = Array2::zeros((size, size));
        Arch::new().dispatch(|| {
            for (j, mut row) in tile.rows_mut().into_iter().enumerate() {
                let (x0, y0) = (x0 + j as f64 * down.0, y0 + j as f64 * down.1);
                for (i, to) in row.iter_mut().enumerate() {
                    let x = (x0 + i as f64 * right.0).clamp(0.0, (w - 1) as f64);
                    let y = (y0 + i as f64 * right.1).clamp(0.0, (h - 1) as f64);
                    *to = bilinear(&self.grey, x, y);
                }
            }
        });
        tile
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
#[inline(always)]
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
}
