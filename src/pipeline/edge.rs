//! A round edge in the picture itself: where, all round, light falls off outwards or inwards.
//!
//! An ellipse is moved, sized and bent until the grey changes across it the same way in as many
//! directions as possible (after Daugman's search for the iris, IEEE PAMI 15(11), 1993). Single
//! scratches, letters and shadows pull in a few directions only, so the place is right to about a
//! hundredth of the radius.

use super::geometry::Ellipse;
use ndarray::Array2;
use std::f64::consts::TAU;

/// An edge, and how clearly it was seen: 1 is a strong change in every direction, 0 none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) ellipse: Ellipse,
    pub(super) clearness: f64,
}

/// What edge is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought {
    /// Whether the inside is the brighter side.
    pub(super) bright_inside: bool,
    /// How far the size may be off, share of the radius.
    pub(super) size: f64,
    /// How far the centre may be off, share of the radius.
    pub(super) shift: f64,
    /// Whether half of the edge is enough: the clearest half turn counts, the other is not looked at.
    pub(super) half: bool,
}

/// Directions that are looked into; every second one in the first search.
const DIRECTIONS: usize = 144;
/// Sizes that are looked at from [`NEAREST`] to [`FARTHEST`], shares of the starting ellipse.
const SIZES: usize = 81;
const NEAREST: f64 = 0.8;
const FARTHEST: f64 = 1.2;
/// A find this many times as far from the start as the size may be off counts half.
const FAR: f64 = 1.25;
/// A primer's face is 1.4 to 3.6 times as wide as the crater in it: the narrowest, steps between two
/// sizes, and their number.
const NARROWEST: f64 = 1.4;
const DISC_STEP: f64 = 1.035;
const DISCS: i32 = 28;
/// Directions in which a disc's edge is looked for.
const RAYS: usize = 60;
/// The crater's middle lies up to 0.4 mm off the primer's, which is 0.6 of the smallest crater's radius.
const STRAY: f64 = 0.6;
/// Steps in which the middle is looked for, either way.
const CENTRES: i32 = 4;
/// Distance to either side over which the change is taken, pixels.
const REACH: f64 = 1.0;
/// Changes are cut softly at this many times their mean: a few strong ones must not outvote many.
const USUAL: f64 = 3.0;
/// With less of the edge than this share of its directions in the frame, what is seen counts for less.
const WHOLE: f64 = 0.3;
/// The shape is not bent further than this from the starting one, ln(rx / ry).
const BEND: f64 = 0.08;
/// A smaller edge than this many pixels has no place to speak of.
const LEAST_RADIUS: f64 = 10.0;

/// Change of the starting ellipse, in its own frame where it is the unit circle: shift, size, bend.
type Change = [f64; 5];

/// Finds the edge near `start`, both in pixels of `grey`; `None` where too little of it is in the picture.
pub(super) fn sharpen(grey: &Array2<f32>, start: &Ellipse, sought: Sought) -> Option<Seen> {
    if start.rx.min(start.ry) < LEAST_RADIUS || grey.nrows() < 2 || grey.ncols() < 2 {
        return None;
    }
    let steps = Steps::new(grey, start, sought)?;
    let mut best: Option<(f64, Change)> = None;
    for (size, y, x) in (-10..=10).flat_map(|s| (-3..=3).flat_map(move |y| (-3..=3).map(move |x| (s, y, x))))
    {
        let part = |i: i32, of: f64, span: f64| f64::from(i) / of * span;
        let (x, y) = (part(x, 3.0, sought.shift), part(y, 3.0, sought.shift));
        let change = [x, y, 1.0 + part(size, 10.0, sought.size), 0.0, 0.0];
        let clearness = steps.across(&change, 2);
        if best.is_none_or(|(most, _)| clearness > most) {
            best = Some((clearness, change));
        }
    }
    let (_, mut change) = best?;
    let mut clearness = steps.across(&change, 1);
    // Half an edge does not tell a bend from a shift: its shape stays.
    let free = if sought.half { 3 } else { 5 };
    let mut step = [0.01, 0.01, 0.006, 0.01, 0.01];
    for _ in 0..6 {
        for k in 0..free {
            for sign in [-1.0, 1.0] {
                loop {
                    let mut next = change;
                    next[k] += sign * step[k];
                    let there = steps.across(&next, 1);
                    if there <= clearness + 1e-6 || next[3].hypot(next[4]) > BEND {
                        break;
                    }
                    (clearness, change) = (there, next);
                }
            }
        }
        step.iter_mut().for_each(|s| *s /= 1.7);
    }
    Some(Seen { ellipse: changed(start, &change), clearness })
}

/// The bright disc round `core` with the clearest edge, both in pixels of `grey`: a first place, good to some
/// hundredths of its radius.
pub(super) fn disc_round(grey: &Array2<f32>, core: &Ellipse) -> Option<Ellipse> {
    let r = core.mean_radius();
    let radii: Vec<f64> = (0..=DISCS).map(|k| r * NARROWEST * DISC_STEP.powi(k)).collect();
    if radii[0] < LEAST_RADIUS || grey.nrows() < 2 || grey.ncols() < 2 {
        return None;
    }
    let mut best: Option<(f64, Ellipse)> = None;
    for (j, i) in (-CENTRES..=CENTRES).flat_map(|j| (-CENTRES..=CENTRES).map(move |i| (j, i))) {
        let place = |k: i32| f64::from(k) / f64::from(CENTRES) * STRAY * r;
        let (cx, cy) = (core.cx + place(i), core.cy + place(j));
        let mut falls = Array2::from_elem((radii.len() - 1, RAYS), f64::NAN);
        for ray in 0..RAYS {
            let (s, c) = (ray as f64 / RAYS as f64 * TAU).sin_cos();
            let mut inner = between(grey, cx + radii[0] * c, cy + radii[0] * s);
            for (k, radius) in radii[1..].iter().enumerate() {
                let outer = between(grey, cx + radius * c, cy + radius * s);
                falls[[k, ray]] = inner - outer;
                inner = outer;
            }
        }
        if !soften(&mut falls) {
            continue;
        }
        for (k, row) in falls.rows().into_iter().enumerate() {
            let clearness = mean(row.iter().copied());
            if best.is_none_or(|(most, _)| clearness > most) {
                best = Some((clearness, Ellipse::circle(cx, cy, (radii[k] * radii[k + 1]).sqrt())));
            }
        }
    }
    best.map(|(_, disc)| disc)
}

/// Bilinear grey; NaN outside the picture, which is at least 2 x 2.
fn between(grey: &Array2<f32>, x: f64, y: f64) -> f64 {
    let (h, w) = grey.dim();
    if x < 0.0 || y < 0.0 || x > (w - 1) as f64 || y > (h - 1) as f64 {
        return f64::NAN;
    }
    let (x0, y0) = ((x as usize).min(w - 2), (y as usize).min(h - 2));
    let (fx, fy) = (x - x0 as f64, y - y0 as f64);
    let pixel = |dy: usize, dx: usize| f64::from(grey[[y0 + dy, x0 + dx]]);
    let upper = pixel(0, 0) + (pixel(0, 1) - pixel(0, 0)) * fx;
    let lower = pixel(1, 0) + (pixel(1, 1) - pixel(1, 0)) * fx;
    upper + (lower - upper) * fy
}

/// Cuts changes softly to -1..1 at [`USUAL`] times their mean; false where there is no change at all.
fn soften(values: &mut Array2<f64>) -> bool {
    let (sum, known) =
        values.iter().filter(|v| !v.is_nan()).fold((0.0, 0usize), |(sum, n), v| (sum + v.abs(), n + 1));
    let usual = sum / known.max(1) as f64;
    if usual < 1e-6 {
        return false;
    }
    values.mapv_inplace(|v| (v / (USUAL * usual)).tanh());
    true
}

/// The starting ellipse after a change.
fn changed(start: &Ellipse, change: &Change) -> Ellipse {
    let [x, y, size, e1, e2] = *change;
    let frame = frame(start);
    let (cx, cy) =
        (start.cx + frame[0][0] * x + frame[0][1] * y, start.cy + frame[1][0] * x + frame[1][1] * y);
    let bend = [[1.0 + e1 / 2.0, e2 / 2.0], [e2 / 2.0, 1.0 - e1 / 2.0]];
    let cell = |i: usize, j: usize| size * (frame[i][0] * bend[0][j] + frame[i][1] * bend[1][j]);
    let m = [[cell(0, 0), cell(0, 1)], [cell(1, 0), cell(1, 1)]];
    // The image of the unit circle: its axes are those of m m^T.
    let xx = m[0][0] * m[0][0] + m[0][1] * m[0][1];
    let yy = m[1][0] * m[1][0] + m[1][1] * m[1][1];
    let xy = m[0][0] * m[1][0] + m[0][1] * m[1][1];
    let (middle, half) = ((xx + yy) / 2.0, ((xx - yy) / 2.0).hypot(xy));
    // Counter-clockwise as seen, with y pointing down.
    let angle_deg = ((-2.0 * xy).atan2(xx - yy) / 2.0).to_degrees().rem_euclid(180.0);
    Ellipse { cx, cy, rx: (middle + half).sqrt(), ry: (middle - half).max(0.0).sqrt(), angle_deg }
}

/// The matrix from an ellipse's frame to pixels about its centre.
fn frame(e: &Ellipse) -> [[f64; 2]; 2] {
    let (s, c) = e.angle_deg.to_radians().sin_cos();
    [[c * e.rx, s * e.ry], [-s * e.rx, c * e.ry]]
}

/// How the grey changes outwards around an ellipse, softly cut to -1..1.
struct Steps {
    /// Direction by size; NaN outside the picture.
    values: Array2<f64>,
    /// Cosine and sine of each direction and of twice it, in the ellipse's frame.
    turns: Vec<[f64; 4]>,
    half: bool,
    /// A find this far from the start, share of the radius, counts half.
    far: f64,
}

impl Steps {
    fn new(grey: &Array2<f32>, start: &Ellipse, sought: Sought) -> Option<Self> {
        let turns: Vec<[f64; 4]> = (0..DIRECTIONS)
            .map(|i| {
                let t = i as f64 / DIRECTIONS as f64 * TAU;
                [t.cos(), t.sin(), (2.0 * t).cos(), (2.0 * t).sin()]
            })
            .collect();
        let frame = frame(start);
        let sign = if sought.bright_inside { 1.0 } else { -1.0 };
        let mut values = Array2::from_shape_fn((DIRECTIONS, SIZES), |(i, k)| {
            let size = NEAREST + (FARTHEST - NEAREST) * k as f64 / (SIZES - 1) as f64;
            let [c, s, ..] = turns[i];
            let (x, y) = (frame[0][0] * c + frame[0][1] * s, frame[1][0] * c + frame[1][1] * s);
            let reach = REACH / x.hypot(y);
            let (near, far) = (size - reach, size + reach);
            let change = between(grey, start.cx + near * x, start.cy + near * y)
                - between(grey, start.cx + far * x, start.cy + far * y);
            sign * change
        });
        if !soften(&mut values) {
            return None;
        }
        Some(Self { values, turns, half: sought.half, far: FAR * sought.size })
    }

    /// Change across an ellipse in every `every`-th direction; NaN outside the picture.
    fn around(&self, change: &Change, every: usize) -> impl ExactSizeIterator<Item = f64> {
        let [x, y, size, e1, e2] = *change;
        let scale = (SIZES - 1) as f64 / (FARTHEST - NEAREST);
        let across = move |(i, [c, s, c2, s2]): (usize, &[f64; 4])| {
            let here = size * (1.0 + (e1 * c2 + e2 * s2) / 2.0) + x * c + y * s;
            let k = ((here - NEAREST) * scale).clamp(0.0, (SIZES - 1) as f64);
            let low = (k as usize).min(SIZES - 2);
            let (a, b) = (self.values[[i, low]], self.values[[i, low + 1]]);
            a + (b - a) * (k - low as f64)
        };
        self.turns.iter().enumerate().step_by(every).map(across)
    }

    /// How clear the edge is along an ellipse; less for ellipses far from the start.
    fn across(&self, change: &Change, every: usize) -> f64 {
        let [x, y, size, ..] = *change;
        let seen = self.around(change, every);
        let clear = if self.half { best_half(&seen.collect::<Vec<_>>()) } else { mean(seen) };
        let off = ((size - 1.0).powi(2) + x * x + y * y) / self.far.powi(2);
        clear.max(0.0) * (1.0 - 0.5 * off * off)
    }
}

/// Mean of what lies in the picture; less where that is little.
fn mean(seen: impl ExactSizeIterator<Item = f64>) -> f64 {
    let all = seen.len();
    let (sum, known) = seen.filter(|v| !v.is_nan()).fold((0.0, 0usize), |(sum, n), v| (sum + v, n + 1));
    let share = known as f64 / all as f64;
    if known == 0 { 0.0 } else { sum / known as f64 * (share / WHOLE).min(1.0) }
}

/// Mean of the half turn with the clearest edge; what lies outside the picture counts as no edge.
fn best_half(seen: &[f64]) -> f64 {
    let half = seen.len() / 2;
    let value = |i: usize| Some(seen[i % seen.len()]).filter(|v| !v.is_nan()).unwrap_or(0.0);
    let mut sum: f64 = (0..half).map(value).sum();
    let mut most = sum;
    for i in 0..seen.len() {
        sum += value(i + half) - value(i);
        most = most.max(sum);
    }
    most / half as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const BRIGHT: Sought = Sought { bright_inside: true, size: 0.1, shift: 0.06, half: false };

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
            let seen = sharpen(&grey, &Ellipse::circle(98.0, 68.5, 53.5), BRIGHT).unwrap();
            assert!(off(&seen.ellipse, &truth) < 0.015, "{seen:?}");
            assert!(seen.clearness > 0.5, "{seen:?}");
            // The longer axis lies along its angle, not across.
            let turn = (seen.ellipse.angle_deg - angle_deg).rem_euclid(180.0);
            assert!(turn.min(180.0 - turn) < 25.0, "{seen:?}");
        }
    }

    #[test]
    fn the_rim_of_a_dark_elliptic_crater_is_set_right() {
        let truth = Ellipse { cx: 64.0, cy: 66.0, rx: 50.0, ry: 33.0, angle_deg: 115.0 };
        let grey = drawn(&truth, (128, 128)).mapv(|v| 1.0 - v);
        let start = Ellipse { cx: 65.0, cy: 65.0, rx: 48.0, ry: 34.0, angle_deg: 112.0 };
        let seen = sharpen(&grey, &start, Sought { bright_inside: false, ..BRIGHT }).unwrap();
        let e = seen.ellipse;
        assert!(off(&e, &truth) < 0.02 && seen.clearness > 0.5, "{seen:?}");
        assert!((e.rx / truth.rx - 1.0).abs() < 0.02 && (e.angle_deg - 115.0).abs() < 2.0, "{seen:?}");
        // Sought the other way round, it is not there.
        assert!(sharpen(&grey, &start, BRIGHT).unwrap().clearness < 0.3);
    }

    #[test]
    fn an_edge_cut_by_the_frame_is_found_by_what_is_left() {
        let truth = Ellipse::circle(150.0, 60.0, 75.0);
        let seen = sharpen(&drawn(&truth, (144, 192)), &Ellipse::circle(147.0, 62.0, 78.0), BRIGHT).unwrap();
        assert!(off(&seen.ellipse, &truth) < 0.03, "{seen:?}");
    }

    #[test]
    fn a_disc_is_found_from_the_crater_that_lies_off_its_middle() {
        let (face, rim) = (Ellipse::circle(100.0, 70.0, 52.0), Ellipse::circle(88.0, 78.0, 23.0));
        let dark = drawn(&rim, (144, 192));
        let grey = drawn(&face, (144, 192)) - dark.mapv(|v| 0.6 * (v - 0.2).max(0.0));
        let disc = disc_round(&grey, &rim).unwrap();
        assert!(off(&disc, &face) < 0.15, "{disc:?}");
        assert!(off(&sharpen(&grey, &disc, BRIGHT).unwrap().ellipse, &face) < 0.02);
    }

    #[test]
    fn half_an_edge_is_enough_where_light_from_one_side_hides_the_other() {
        let truth = Ellipse::circle(95.0, 70.0, 50.0);
        let grey = Array2::from_shape_fn((144, 192), |(y, x)| {
            let level = truth.level(x as f64, y as f64);
            // Dark inside on the left, as bright as the outside on the right.
            if level < 1.0 && x < 100 { 0.2 } else { 0.8 + 0.02 * ((x * 7 + y * 13) % 5) as f32 }
        });
        let start = Ellipse::circle(98.0, 71.0, 54.0);
        let whole = Sought { bright_inside: false, size: 0.16, shift: 0.09, half: false };
        let half = sharpen(&grey, &start, Sought { half: true, ..whole }).unwrap();
        assert!(off(&half.ellipse, &truth) < 0.03 && half.clearness > 0.7, "{half:?}");
        assert!(sharpen(&grey, &start, whole).unwrap().clearness < half.clearness - 0.2);
    }

    #[test]
    fn where_there_is_no_edge_nothing_is_clear() {
        let nothing = drawn(&Ellipse::circle(0.0, 0.0, 1e6), (144, 192));
        let seen = sharpen(&nothing, &Ellipse::circle(96.0, 72.0, 50.0), BRIGHT).unwrap();
        assert!(seen.clearness < 0.2, "{seen:?}");
        assert!(sharpen(&Array2::zeros((144, 192)), &Ellipse::circle(96.0, 72.0, 50.0), BRIGHT).is_none());
        assert!(sharpen(&nothing, &Ellipse::circle(96.0, 72.0, 5.0), BRIGHT).is_none());
        assert!(sharpen(&Array2::zeros((1, 192)), &Ellipse::circle(96.0, 0.0, 50.0), BRIGHT).is_none());
    }
}
