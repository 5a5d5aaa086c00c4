//! An ellipse through the points of an outline, parts of which may belong to something else.

use crate::pipeline::geometry::Ellipse;

/// What is expected before a point is seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// Usual deviation of ln(rx / ry) from 0.
    pub(super) flatness: f64,
    /// Usual deviation of a point that belongs to the ellipse, in the units of the points.
    pub(super) spread: f64,
}

/// An ellipse and how well it is supported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    pub(super) ellipse: Ellipse,
    /// Share of the points that lie on it, 0-1.
    pub(super) inliers: f64,
    /// Share of its directions in which there is such a point, 0-1.
    pub(super) coverage: f64,
}

/// Centre, logarithm of the mean radius, the two numbers of flatness.
type Shape = [f64; 5];

/// Directions in which coverage is counted, 10 degrees each.
const DIRECTIONS: usize = 36;
/// Fits with another stretch of the outline left out that are compared.
const STARTS: usize = 9;
/// Share of the outline that each leaves out: a drag mark or a dent seldom takes more.
const LEFT_OUT: f64 = 0.34;
/// Points farther than this many spreads from the ellipse hardly count.
const FAR: f64 = 3.0;

/// Fits an ellipse; `None` for fewer than 8 points or points that determine none.
///
/// Least squares of the distances (Sampson's approximation) with weights that fade with distance
/// (Geman and McClure), and with a pull towards the circle that matters only on short arcs. Drag
/// and dents spoil one stretch of an outline, so the fit is started without each stretch in turn,
/// and the start that most points agree with wins.
pub(super) fn fit(points: &[(f64, f64)], expected: Expected) -> Option<Fit> {
    if points.len() < 8 {
        return None;
    }
    let n = points.len() as f64;
    let middle = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let mut order: Vec<(f64, f64)> = points.to_vec();
    let turn = |p: &(f64, f64)| (p.1 - middle.1).atan2(p.0 - middle.0);
    order.sort_by(|a, b| turn(a).total_cmp(&turn(b)));

    let mut best: Option<(f64, Shape)> = None;
    for start in 0..STARTS {
        // The first start leaves nothing out.
        let skip = if start == 0 { 0 } else { (LEFT_OUT * n) as usize };
        let first = (start - start.min(1)) * order.len() / (STARTS - 1);
        let kept: Vec<(f64, f64)> = (skip..order.len()).map(|i| order[(first + i) % order.len()]).collect();
        let Some(mut shape) = circle(&kept) else { continue };
        for spread in [None, Some(4.0), Some(2.0), Some(1.0), Some(1.0)] {
            let points = if spread.is_none() { &kept } else { &order };
            for _ in 0..4 {
                let Some(next) = step(points, &shape, spread.map(|s| s * expected.spread * FAR), expected)
                else {
                    break;
                };
                shape = next;
            }
        }
        let cost = cost(&order, &shape, expected);
        if cost.is_finite() && best.as_ref().is_none_or(|(least, _)| cost < *least) {
            best = Some((cost, shape));
        }
    }
    let (_, shape) = best?;
    let ellipse = ellipse(&shape);
    let mut seen = [false; DIRECTIONS];
    let mut inliers = 0;
    let outline = Outline::of(&ellipse);
    for p in points.iter().filter(|p| outline.distance(**p).abs() < FAR * expected.spread) {
        inliers += 1;
        let turn = (p.1 - ellipse.cy).atan2(p.0 - ellipse.cx) / std::f64::consts::TAU + 0.5;
        seen[((turn * DIRECTIONS as f64) as usize).min(DIRECTIONS - 1)] = true;
    }
    let coverage = seen.iter().filter(|s| **s).count() as f64 / DIRECTIONS as f64;
    Some(Fit { ellipse, inliers: f64::from(inliers) / n, coverage })
}

fn ellipse(shape: &Shape) -> Ellipse {
    Ellipse::from_flatness(shape[0], shape[1], shape[2].exp(), (shape[3], shape[4]))
}

/// An ellipse ready for many distances: its directions are worked out once.
struct Outline {
    centre: (f64, f64),
    radii: (f64, f64),
    /// Sine and cosine from the picture's axes to its own.
    turn: (f64, f64),
}

impl Outline {
    fn of(e: &Ellipse) -> Self {
        Self { centre: (e.cx, e.cy), radii: (e.rx, e.ry), turn: (-e.angle_deg.to_radians()).sin_cos() }
    }

    /// Distance of a point, outside positive: level over its gradient (Sampson, 1982).
    fn distance(&self, (x, y): (f64, f64)) -> f64 {
        let ((s, c), (rx, ry)) = (self.turn, self.radii);
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        let (u, v) = ((c * dx + s * dy) / rx, (-s * dx + c * dy) / ry);
        let level = (u * u + v * v).sqrt();
        // Half the gradient of the squared level; at the very centre any direction will do.
        let gradient = ((u / rx) * (u / rx) + (v / ry) * (v / ry)).sqrt().max(1e-9);
        (level * level - 1.0) * level.max(1e-6) / (gradient * (1.0 + level))
    }
}

/// Robust cost of a shape: each point at most 1, and the pull towards the circle.
fn cost(points: &[(f64, f64)], shape: &Shape, expected: Expected) -> f64 {
    let outline = Outline::of(&ellipse(shape));
    let far = (FAR * expected.spread).powi(2);
    let point = |p: &(f64, f64)| {
        let d = outline.distance(*p).powi(2);
        d / (d + far)
    };
    points.iter().map(point).sum::<f64>() + pull(shape, expected) / FAR.powi(2)
}

fn pull(shape: &Shape, expected: Expected) -> f64 {
    (shape[3].powi(2) + shape[4].powi(2)) / expected.flatness.powi(2)
}

/// One step of Gauss and Newton; `far` fades points out, `None` takes all alike.
fn step(points: &[(f64, f64)], shape: &Shape, far: Option<f64>, expected: Expected) -> Option<Shape> {
    let here = Outline::of(&ellipse(shape));
    // Steps of a numerical derivative, in the units of each number.
    let delta = [1e-4, 1e-4, 1e-6, 1e-6, 1e-6];
    let moved: [Outline; 5] = std::array::from_fn(|k| {
        let mut shape = *shape;
        shape[k] += delta[k];
        Outline::of(&ellipse(&shape))
    });
    let mut normal = [[0.0; 6]; 5];
    for p in points {
        let d = here.distance(*p);
        let weight = far.map_or(1.0, |far| (far * far / (far * far + d * d)).powi(2));
        let slope: [f64; 5] = std::array::from_fn(|k| (moved[k].distance(*p) - d) / delta[k]);
        for (row, a) in normal.iter_mut().zip(&slope) {
            for (cell, b) in row.iter_mut().zip(&slope) {
                *cell += weight * a * b;
            }
            row[5] -= weight * a * d;
        }
    }
    let strength = (expected.spread / expected.flatness).powi(2);
    for k in [3, 4] {
        normal[k][k] += strength;
        normal[k][5] -= strength * shape[k];
    }
    let change = solve(normal)?;
    let mut next = *shape;
    for k in 0..5 {
        next[k] += change[k];
    }
    // Nothing sought is flatter than 3 to 1, and a wild step would never come back.
    let flat = next[3].hypot(next[4]);
    if flat > 1.1 {
        next[3] *= 1.1 / flat;
        next[4] *= 1.1 / flat;
    }
    let close = (next[2] - shape[2]).abs() < 1.0;
    (close && next.iter().all(|v| v.is_finite())).then_some(next)
}

/// The circle through the points (Kåsa's least squares), to start from.
fn circle(points: &[(f64, f64)]) -> Option<Shape> {
    let n = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let (mut xx, mut xy, mut yy, mut xr, mut yr, mut rr) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (x, y) in points {
        let (x, y) = (x - mx, y - my);
        let r = x * x + y * y;
        xx += x * x;
        xy += x * y;
        yy += y * y;
        xr += x * r;
        yr += y * r;
        rr += r;
    }
    let det = 2.0 * (xx * yy - xy * xy);
    if det <= 1e-9 * (xx + yy).powi(2) {
        return None;
    }
    let (cx, cy) = ((xr * yy - yr * xy) / det, (yr * xx - xr * xy) / det);
    let r = (cx * cx + cy * cy + rr / n).sqrt();
    Some([mx + cx, my + cy, r.ln(), 0.0, 0.0])
}

/// Gauss's elimination with pivots on five equations; the last column is the right-hand side.
fn solve(mut a: [[f64; 6]; 5]) -> Option<Shape> {
    for k in 0..5 {
        let pivot = (k..5).max_by(|i, j| a[*i][k].abs().total_cmp(&a[*j][k].abs()))?;
        a.swap(k, pivot);
        if a[k][k].abs() < 1e-12 {
            return None;
        }
        let (done, below) = a.split_at_mut(k + 1);
        for row in below {
            let factor = row[k] / done[k][k];
            row.iter_mut().zip(&done[k]).for_each(|(cell, pivot)| *cell -= factor * pivot);
        }
    }
    let mut x = [0.0; 5];
    for k in (0..5).rev() {
        let known: f64 = (k + 1..5).map(|j| a[k][j] * x[j]).sum();
        x[k] = (a[k][5] - known) / a[k][k];
    }
    Some(x)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    const EXPECTED: Expected = Expected { flatness: 0.3, spread: 0.5 };

    fn arc(e: &Ellipse, from: f64, to: f64, n: usize) -> Vec<(f64, f64)> {
        (0..n).map(|i| e.point(from + (to - from) * i as f64 / n as f64)).collect()
    }

    fn close(found: &Ellipse, truth: &Ellipse, within: f64) {
        let found = Outline::of(found);
        let far = (0..36).map(|i| found.distance(truth.point(f64::from(i) / 36.0 * TAU)).abs());
        let far = far.fold(0.0, f64::max);
        assert!(far < within, "{far} {truth:?}");
    }

    #[test]
    fn an_ellipse_is_found_whatever_its_angle() {
        for angle_deg in [0.0, 30.0, 90.0, 151.0] {
            let truth = Ellipse { cx: 40.0, cy: -7.0, rx: 30.0, ry: 17.0, angle_deg };
            let fit = fit(&arc(&truth, 0.0, TAU, 100), EXPECTED).unwrap();
            close(&fit.ellipse, &truth, 0.05);
            assert_eq!((fit.inliers, fit.coverage), (1.0, 1.0));
            let turn = (fit.ellipse.angle_deg - angle_deg).rem_euclid(180.0);
            assert!(turn.min(180.0 - turn) < 0.5, "{angle_deg} {turn}");
        }
    }

    #[test]
    fn a_lobe_of_a_quarter_of_the_outline_is_left_aside() {
        let truth = Ellipse { cx: 50.0, cy: 50.0, rx: 22.0, ry: 19.0, angle_deg: 20.0 };
        let mut points = arc(&truth, 0.0, 4.7, 90);
        let lobe = Ellipse { cx: 58.0, cy: 46.0, rx: 24.0, ry: 16.0, ..truth };
        points.extend(arc(&lobe, 4.7, TAU, 30));
        let fit = fit(&points, EXPECTED).unwrap();
        close(&fit.ellipse, &truth, 0.8);
        assert!(fit.inliers < 0.95);
    }

    #[test]
    fn a_short_arc_with_noise_gives_nearly_a_circle() {
        let truth = Ellipse::circle(0.0, 0.0, 60.0);
        let mut points = arc(&truth, 0.3, 1.9, 60);
        for (i, p) in points.iter_mut().enumerate() {
            p.0 += 0.3 * (i as f64 * 1.7).sin();
            p.1 += 0.3 * (i as f64 * 2.3).cos();
        }
        let fit = fit(&points, Expected { flatness: 0.03, spread: 0.5 }).unwrap();
        assert!((fit.ellipse.mean_radius() / 60.0 - 1.0).abs() < 0.04, "{fit:?}");
        assert!(fit.coverage > 0.2 && fit.coverage < 0.35);
    }

    #[test]
    fn points_that_determine_nothing_give_nothing() {
        assert!(fit(&[(0.0, 0.0); 7], EXPECTED).is_none());
        assert!(fit(&[(3.0, 4.0); 50], EXPECTED).is_none());
        assert!(fit(&(0..50).map(|i| (f64::from(i), 2.0)).collect::<Vec<_>>(), EXPECTED).is_none());
    }
}
