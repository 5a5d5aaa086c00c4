//! Points to a grid of heights: those of a grid as they come, others into the cells that they fall in.

use super::header::{Header, Size};
use super::{Heights, empty, unsupported};
use crate::error::Failure;
use ndarray::{Array2, Axis, s};

/// Heights beyond a metre are no heights but a program's word for "not measured", µm.
const MOST_UM: f64 = 1e6;
/// Points whose cells hold fewer than this share of what was measured were no grid at all.
const LEAST_FILLED: f64 = 0.02;

/// Takes points one after the other and makes a grid of them.
pub trait Points {
    /// Point number `i`: x, y, z in µm; z is NaN where it was not measured.
    fn add(&mut self, i: usize, point: [f64; 3]);

    /// The grid.
    ///
    /// # Errors
    /// A [`Failure`] where the points make none.
    fn finish(self: Box<Self>, header: &Header) -> Result<Heights, Failure>;
}

fn height(z: f64) -> f32 {
    if z.abs() <= MOST_UM { z as f32 } else { f32::NAN }
}

/// Heights on a grid with both axes incremental.
pub struct Grid(Array2<f32>);

impl Grid {
    /// A grid of which nothing is measured yet.
    pub fn new(columns: usize, rows: usize) -> Self {
        Self(Array2::from_elem((rows, columns), f32::NAN))
    }
}

impl Points for Grid {
    fn add(&mut self, i: usize, [_, _, z]: [f64; 3]) {
        if let Some(to) = self.0.as_slice_mut().and_then(|all| all.get_mut(i)) {
            *to = height(z);
        }
    }

    fn finish(mut self: Box<Self>, header: &Header) -> Result<Heights, Failure> {
        if header.upwards {
            self.0.invert_axis(Axis(0));
            self.0 = self.0.as_standard_layout().into_owned();
        }
        let [x, y, _] = header.axes;
        Ok(Heights { z: self.0, step_um: (x.increment * 1e6, y.increment * 1e6) })
    }
}

/// Points that state where they are.
pub struct Cloud {
    /// Relative to the first one, µm.
    points: Vec<[f32; 3]>,
    first: Option<[f64; 2]>,
    size: Size,
    steps: [Option<f64>; 2],
}

impl Cloud {
    /// Points of which none is there yet.
    ///
    /// # Errors
    /// A list of no points.
    pub fn new(header: &Header) -> Result<Self, Failure> {
        let n = header.size.points();
        if n == 0 {
            return Err(empty("it holds no points"));
        }
        // An axis that is a grid's has its place from the point's number.
        let step = |i: usize| (!header.axes[i].absolute).then_some(header.axes[i].increment * 1e6);
        // All at once: growing by doubling would hold them twice.
        Ok(Self { points: Vec::with_capacity(n), first: None, size: header.size, steps: [step(0), step(1)] })
    }
}

impl Points for Cloud {
    fn add(&mut self, i: usize, [mut x, mut y, z]: [f64; 3]) {
        if let Size::Grid(columns, _) = self.size {
            let columns = columns.max(1);
            x = self.steps[0].map_or(x, |step| (i % columns) as f64 * step);
            y = self.steps[1].map_or(y, |step| (i / columns) as f64 * step);
        }
        // A point that is nowhere was not measured.
        if !(x.is_finite() && y.is_finite()) {
            return;
        }
        let [x0, y0] = *self.first.get_or_insert([x, y]);
        self.points.push([(x - x0) as f32, (y - y0) as f32, height(z)]);
    }

    fn finish(self: Box<Self>, header: &Header) -> Result<Heights, Failure> {
        let span = |axis: usize| {
            let of = self.points.iter().map(|p| p[axis]).filter(|v| v.is_finite());
            let (low, high) = of.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
            (f64::from(low), f64::from(high - low))
        };
        let ((left, width), (top, high)) = (span(0), span(1));
        if !(width > 0.0 && high > 0.0) {
            return Err(empty("its points lie on one line"));
        }
        let (columns, rows) = match self.size {
            Size::Grid(columns, rows) => (columns, rows),
            Size::List(n) => {
                // As many cells as points: (width / step + 1) (high / step + 1) = n, points lying on both edges.
                let (half, n) = ((width + high) / 2.0, n as f64);
                let step = (half + (half * half + (n - 1.0) * width * high).sqrt()) / (n - 1.0);
                ((width / step).round() as usize + 1, (high / step).round() as usize + 1)
            }
        };
        if columns < 2 || rows < 2 || 2 * columns.saturating_mul(rows) > 3 * self.size.points() {
            return Err(unsupported("points that lie nearly on one line"));
        }
        let step = (width / (columns - 1) as f64, high / (rows - 1) as f64);
        let mut sums = Array2::<f32>::zeros((rows, columns));
        let mut counts = Array2::<f32>::zeros((rows, columns));
        for [x, y, z] in self.points.iter().filter(|p| p[2].is_finite()) {
            let cell = |v: f32, low: f64, step: f64, n: usize| {
                (((f64::from(v) - low) / step).round().max(0.0) as usize).min(n - 1)
            };
            let (i, j) = (cell(*x, left, step.0, columns), cell(*y, top, step.1, rows));
            let j = if header.upwards { rows - 1 - j } else { j };
            sums[[j, i]] += z;
            counts[[j, i]] += 1.0;
        }
        let measured = self.points.iter().filter(|p| p[2].is_finite()).count() as f64;
        let filled = counts.iter().filter(|n| **n > 0.0).count() as f64;
        if filled < LEAST_FILLED * measured {
            return Err(unsupported("points of which most lie in one place"));
        }
        // 0 / 0 is NaN: not measured.
        Ok(Heights { z: sums / counts, step_um: step })
    }
}

/// The map with its coarser axis brought to the step of the finer one, linear between measured points.
/// A point beside a missing one is missing.
pub fn square(heights: Heights, most_points: usize) -> Result<Heights, Failure> {
    let (sx, sy) = heights.step_um;
    let step = sx.min(sy);
    // As far as a pixel over the whole map.
    let (h, w) = heights.z.dim();
    if (sx / sy - 1.0).abs() * h.max(w) as f64 <= 1.0 {
        return Ok(Heights { step_um: (step, step), ..heights });
    }
    let longer = |n: usize, s: f64| ((n.max(1) - 1) as f64 * s / step).floor() + 1.0;
    let (columns, rows) = (longer(w, sx), longer(h, sy));
    if columns * rows > most_points as f64 {
        return Err(unsupported(&format!("points {sx:.2} by {sy:.2} micrometres apart")));
    }
    let z = &heights.z;
    let z = if sx > sy {
        let mut out = Array2::from_elem((h, columns as usize), f32::NAN);
        for (i, mut to) in out.columns_mut().into_iter().enumerate() {
            let (a, b, f) = between(i as f64 * step / sx, w);
            to.assign(&(&z.slice(s![.., a]) * (1.0 - f) + &z.slice(s![.., b]) * f));
        }
        out
    } else {
        let mut out = Array2::from_elem((rows as usize, w), f32::NAN);
        for (j, mut to) in out.rows_mut().into_iter().enumerate() {
            let (a, b, f) = between(j as f64 * step / sy, h);
            to.assign(&(&z.slice(s![a, ..]) * (1.0 - f) + &z.slice(s![b, ..]) * f));
        }
        out
    };
    Ok(Heights { z, step_um: (step, step) })
}

/// The two neighbours of a place among `n` and the share of the second; one neighbour twice where it is hit.
fn between(at: f64, n: usize) -> (usize, usize, f32) {
    let low = (at as usize).min(n - 1);
    let f = at - low as f64;
    if f < 1e-6 { (low, low, 0.0) } else { (low, (low + 1).min(n - 1), f as f32) }
}
