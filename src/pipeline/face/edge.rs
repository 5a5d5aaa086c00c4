//! The primer's edge in the picture itself: where, all round, light falls off outwards.
//!
//! A circle is moved and sized until the grey falls across it in as many directions as possible
//! (after Daugman's search for the iris, IEEE PAMI 15(11), 1993). Single scratches, letters and
//! shadows pull in a few directions only, so the place is right to about a hundredth of the radius.

use crate::pipeline::geometry::Ellipse;
use ndarray::Array2;
use std::f64::consts::TAU;

/// An edge, and how clearly it was seen: 1 is a fall in every direction, 0 none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) ellipse: Ellipse,
    pub(super) clearness: f64,
}

/// Directions that are looked into; every second one in the first search.
const DIRECTIONS: usize = 144;
/// Radii that are looked at from [`NEAREST`] to [`FARTHEST`], shares of the starting radius.
const RADII: usize = 81;
const NEAREST: f64 = 0.8;
const FARTHEST: f64 = 1.2;
/// How far size and centre are searched, shares of the radius: the flat face ends at 0.76-0.83 of the
/// cup, so that a search for one edge does not reach the other.
const SIZES: f64 = 0.1;
const SHIFTS: f64 = 0.06;
/// A find this far from the start counts half: the start is seldom more than half of it off.
const FAR: f64 = 0.1;
/// Distance to either side over which the fall is taken, pixels of the copy.
const REACH: f64 = 1.0;
/// Falls are cut softly at this many times their mean: a few strong ones must not outvote many.
const USUAL: f64 = 3.0;
/// With less of the edge than this share of its directions in the frame, what is seen counts for less.
const WHOLE: f64 = 0.3;
/// A primer is seen at most this obliquely, ln(rx / ry).
const FLATTEST: f64 = 0.08;
/// A smaller primer than this many pixels of the copy has no edge to speak of.
const LEAST_RADIUS: f64 = 10.0;

/// Centre's shift, radius, flatness.
type Shape = [f64; 5];

/// Finds the edge near `start`, both in pixels of `grey`; `None` where too little of it is in the picture.
pub(super) fn sharpen(grey: &Array2<f32>, start: &Ellipse) -> Option<Seen> {
    let r = start.mean_radius();
    if r < LEAST_RADIUS || grey.nrows() < 2 || grey.ncols() < 2 {
        return None;
    }
    let falls = Falls::new(grey, start.cx, start.cy, r)?;
    let mut best: Option<(f64, Shape)> = None;
    for (size, y, x) in (-10..=10).flat_map(|s| (-3..=3).flat_map(move |y| (-3..=3).map(move |x| (s, y, x))))
    {
        let part = |i: i32, of: f64, span: f64| f64::from(i) / of * span * r;
        let shape = [part(x, 3.0, SHIFTS), part(y, 3.0, SHIFTS), r + part(size, 10.0, SIZES), 0.0, 0.0];
        let clearness = falls.across(&shape, 2);
        if best.is_none_or(|(most, _)| clearness > most) {
            best = Some((clearness, shape));
        }
    }
    let (_, mut shape) = best?;
    let mut clearness = falls.across(&shape, 1);
    let mut step = [0.01 * r, 0.01 * r, 0.006 * r, 0.01, 0.01];
    for _ in 0..6 {
        for k in 0..5 {
            for sign in [-1.0, 1.0] {
                loop {
                    let mut next = shape;
                    next[k] += sign * step[k];
                    let there = falls.across(&next, 1);
                    if there <= clearness + 1e-6 || next[3].hypot(next[4]) > FLATTEST {
                        break;
                    }
                    (clearness, shape) = (there, next);
                }
            }
        }
        step.iter_mut().for_each(|s| *s /= 1.7);
    }
    let [x, y, r, e1, e2] = shape;
    let ellipse = Ellipse::from_flatness(start.cx + x, start.cy + y, r, (e1, e2));
    Some(Seen { ellipse, clearness })
}

/// How the grey falls outwards around a centre, softly cut to -1..1.
struct Falls {
    /// Direction by radius; NaN outside the picture.
    values: Array2<f64>,
    /// Cosine and sine of each direction and of twice it, x right, y down.
    turns: Vec<[f64; 4]>,
    r: f64,
}

impl Falls {
    fn new(grey: &Array2<f32>, cx: f64, cy: f64, r: f64) -> Option<Self> {
        let (h, w) = grey.dim();
        let at = |x: f64, y: f64| {
            if x < 0.0 || y < 0.0 || x > (w - 1) as f64 || y > (h - 1) as f64 {
                return f64::NAN;
            }
            let (x0, y0) = ((x as usize).min(w - 2), (y as usize).min(h - 2));
            let (fx, fy) = (x - x0 as f64, y - y0 as f64);
            let pixel = |dy: usize, dx: usize| f64::from(grey[[y0 + dy, x0 + dx]]);
            let upper = pixel(0, 0) + (pixel(0, 1) - pixel(0, 0)) * fx;
            let lower = pixel(1, 0) + (pixel(1, 1) - pixel(1, 0)) * fx;
            upper + (lower - upper) * fy
        };
        let turns: Vec<[f64; 4]> = (0..DIRECTIONS)
            .map(|i| {
                let t = i as f64 / DIRECTIONS as f64 * TAU;
                // Flatness is measured counter-clockwise as seen, against the downward y.
                [t.cos(), t.sin(), (2.0 * t).cos(), -(2.0 * t).sin()]
            })
            .collect();
        let mut values = Array2::from_shape_fn((DIRECTIONS, RADII), |(i, k)| {
            let radius = r * (NEAREST + (FARTHEST - NEAREST) * k as f64 / (RADII - 1) as f64);
            let [c, s, ..] = turns[i];
            let (near, far) = (radius - REACH, radius + REACH);
            at(cx + near * c, cy + near * s) - at(cx + far * c, cy + far * s)
        });
        let known: Vec<f64> = values.iter().filter(|v| !v.is_nan()).map(|v| v.abs()).collect();
        let usual = known.iter().sum::<f64>() / known.len().max(1) as f64;
        if usual < 1e-6 {
            return None;
        }
        values.mapv_inplace(|v| (v / (USUAL * usual)).tanh());
        Some(Self { values, turns, r })
    }

    /// Mean fall across a shape, in every `every`-th direction; less for shapes far from the start.
    fn across(&self, shape: &Shape, every: usize) -> f64 {
        let [x, y, r, e1, e2] = *shape;
        let scale = (RADII - 1) as f64 / (FARTHEST - NEAREST);
        let (mut sum, mut seen) = (0.0, 0usize);
        for (i, [c, s, c2, s2]) in self.turns.iter().enumerate().step_by(every) {
            let radius = r * (1.0 + (e1 * c2 + e2 * s2) / 2.0) + x * c + y * s;
            let k = ((radius / self.r - NEAREST) * scale).clamp(0.0, (RADII - 1) as f64);
            let low = (k as usize).min(RADII - 2);
            let (a, b) = (self.values[[i, low]], self.values[[i, low + 1]]);
            let fall = a + (b - a) * (k - low as f64);
            if !fall.is_nan() {
                sum += fall;
                seen += 1;
            }
        }
        if seen == 0 {
            return 0.0;
        }
        let share = seen as f64 / (DIRECTIONS / every) as f64;
        let off = ((r / self.r - 1.0).powi(2) + (x * x + y * y) / self.r.powi(2)) / FAR.powi(2);
        (sum / seen as f64).max(0.0) * (1.0 - 0.5 * off * off) * (share / WHOLE).min(1.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A bright disc with scratches on a dark ground under light from one side.
    fn drawn(e: &Ellipse, dim: (usize, usize)) -> Array2<f32> {
        Array2::from_shape_fn(dim, |(y, x)| {
            let (x, y) = (x as f64, y as f64);
            let inside = ((1.0 - e.level(x, y)) * e.mean_radius() + 0.5).clamp(0.0, 1.0);
            let texture = 0.1 * ((x * 12.9 + y * 78.2).sin() * 43758.5).fract();
            let scratch = if (x - 0.7 * y - 20.0).abs() < 1.5 { 0.3 } else { 0.0 };
            (0.2 + inside * (0.3 + 0.1 * x / 192.0) + texture + scratch) as f32
        })
    }

    fn off(found: &Ellipse, truth: &Ellipse) -> f64 {
        let r = truth.mean_radius();
        (found.cx - truth.cx).hypot(found.cy - truth.cy) / r + (found.mean_radius() / r - 1.0).abs()
    }

    #[test]
    fn a_start_that_is_5_percent_off_is_set_right() {
        for angle_deg in [0.0, 60.0] {
            let truth = Ellipse { cx: 95.0, cy: 70.0, rx: 57.0, ry: 55.0, angle_deg };
            let grey = drawn(&truth, (144, 192));
            let seen = sharpen(&grey, &Ellipse::circle(98.0, 68.5, 53.5)).unwrap();
            assert!(off(&seen.ellipse, &truth) < 0.015, "{seen:?}");
            assert!(seen.clearness > 0.5, "{seen:?}");
            // The longer axis lies along its angle, not across.
            let turn = (seen.ellipse.angle_deg - angle_deg).rem_euclid(180.0);
            assert!(turn.min(180.0 - turn) < 25.0, "{seen:?}");
        }
    }

    #[test]
    fn an_edge_cut_by_the_frame_is_found_by_what_is_left() {
        let truth = Ellipse::circle(150.0, 60.0, 75.0);
        let seen = sharpen(&drawn(&truth, (144, 192)), &Ellipse::circle(147.0, 62.0, 78.0)).unwrap();
        assert!(off(&seen.ellipse, &truth) < 0.03, "{seen:?}");
    }

    #[test]
    fn where_there_is_no_edge_nothing_is_clear() {
        let nothing = drawn(&Ellipse::circle(0.0, 0.0, 1e6), (144, 192));
        let seen = sharpen(&nothing, &Ellipse::circle(96.0, 72.0, 50.0)).unwrap();
        assert!(seen.clearness < 0.2, "{seen:?}");
        assert!(sharpen(&Array2::zeros((144, 192)), &Ellipse::circle(96.0, 72.0, 50.0)).is_none());
        assert!(sharpen(&nothing, &Ellipse::circle(96.0, 72.0, 5.0)).is_none());
        assert!(sharpen(&Array2::zeros((1, 192)), &Ellipse::circle(96.0, 0.0, 50.0)).is_none());
    }
}
