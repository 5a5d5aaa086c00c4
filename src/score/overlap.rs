//! How well two ellipses agree: intersection over union of their areas.

use crate::pipeline::geometry::Ellipse;
use std::f64::consts::PI;

/// Lines of the integration: the result is then exact to about 1e-6 for any two ellipses.
const LINES: usize = 2_000;

/// Intersection over union of two filled ellipses, 0-1; 0 where either has no area.
///
/// A horizontal line cuts an ellipse in one interval that is known in closed
/// form; the shared length is integrated over the rows that both reach.
pub fn iou(a: &Ellipse, b: &Ellipse) -> f64 {
    let (area_a, area_b) = (PI * a.rx * a.ry, PI * b.rx * b.ry);
    let proper =
        |e: &Ellipse| e.rx > 0.0 && e.ry > 0.0 && [e.cx, e.cy, e.rx, e.ry].iter().all(|v| v.is_finite());
    if !proper(a) || !proper(b) {
        return 0.0;
    }
    let (height_a, height_b) = (half_height(a), half_height(b));
    let top = (a.cy - height_a).max(b.cy - height_b);
    let bottom = (a.cy + height_a).min(b.cy + height_b);
    if top >= bottom {
        return 0.0;
    }
    let (middle, half) = ((top + bottom) / 2.0, (bottom - top) / 2.0);
    // Rows closer together towards both ends, where the interval's length has a vertical tangent.
    let step = PI / LINES as f64;
    let shared: f64 = (0..LINES)
        .map(|i| {
            let t = -PI / 2.0 + (i as f64 + 0.5) * step;
            let y = middle + half * t.sin();
            let ((a0, a1), (b0, b1)) = (row(a, y), row(b, y));
            (a1.min(b1) - a0.max(b0)).max(0.0) * half * t.cos() * step
        })
        .sum();
    (shared / (area_a + area_b - shared)).clamp(0.0, 1.0)
}

/// Half the extent of an ellipse in y, pixels.
fn half_height(e: &Ellipse) -> f64 {
    let (s, c) = e.angle_deg.to_radians().sin_cos();
    ((e.rx * s).powi(2) + (e.ry * c).powi(2)).sqrt()
}

/// The part of row `y` inside the ellipse, from and to in pixels; empty at its middle where the row misses it.
fn row(e: &Ellipse, y: f64) -> (f64, f64) {
    let (s, c) = (-e.angle_deg.to_radians()).sin_cos();
    let dy = y - e.cy;
    // With x the offset from the centre: ((c x + s dy) / rx)^2 + ((c dy - s x) / ry)^2 = 1.
    let (wx, wy) = (e.rx.powi(-2), e.ry.powi(-2));
    let square = c * c * wx + s * s * wy;
    let linear = c * s * dy * (wx - wy);
    let constant = dy * dy * (s * s * wx + c * c * wy) - 1.0;
    let root = (linear * linear - square * constant).max(0.0).sqrt();
    (e.cx + (-linear - root) / square, e.cx + (-linear + root) / square)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-5, "{a} is not {b}");
    }

    #[test]
    fn the_same_ellipse_agrees_wholly_however_it_is_written() {
        let e = Ellipse { cx: 30.0, cy: -4.0, rx: 20.0, ry: 9.0, angle_deg: 33.0 };
        near(iou(&e, &e), 1.0);
        near(iou(&e, &Ellipse { rx: 9.0, ry: 20.0, angle_deg: 123.0, ..e }), 1.0);
        near(iou(&e, &Ellipse { angle_deg: -147.0, ..e }), 1.0);
    }

    #[test]
    fn a_circle_inside_another_gives_the_ratio_of_their_areas() {
        near(iou(&Ellipse::circle(5.0, 5.0, 10.0), &Ellipse::circle(6.0, 4.0, 5.0)), 0.25);
    }

    #[test]
    fn circles_a_radius_apart_share_a_lens() {
        // Lens of two unit circles at distance 1: 2 pi/3 - sqrt(3)/2.
        let lens = 2.0 * PI / 3.0 - 3.0_f64.sqrt() / 2.0;
        let expected = lens / (2.0 * PI - lens);
        near(iou(&Ellipse::circle(0.0, 0.0, 100.0), &Ellipse::circle(100.0, 0.0, 100.0)), expected);
        near(iou(&Ellipse::circle(0.0, 0.0, 100.0), &Ellipse::circle(60.0, 80.0, 100.0)), expected);
    }

    #[test]
    fn crossed_ellipses_share_what_the_formula_says() {
        // Axes 2 and 1, crossed at right angles: the shared area is 4 a b atan(b / a).
        let a = Ellipse { cx: 0.0, cy: 0.0, rx: 200.0, ry: 100.0, angle_deg: 20.0 };
        let b = Ellipse { angle_deg: 110.0, ..a };
        let shared = 4.0 * 200.0 * 100.0 * 0.5_f64.atan();
        near(iou(&a, &b), shared / (2.0 * PI * 200.0 * 100.0 - shared));
    }

    #[test]
    fn angles_turn_counter_clockwise_as_the_rest_of_the_crate_turns_them() {
        let e = Ellipse { cx: 0.0, cy: 0.0, rx: 10.0, ry: 2.0, angle_deg: 30.0 };
        let (x, y) = e.point(0.0);
        let (from, to) = row(&e, y * 0.5);
        assert!(from < x * 0.5 && x * 0.5 < to && y < 0.0);
    }

    #[test]
    fn apart_or_without_area_is_zero() {
        let e = Ellipse::circle(0.0, 0.0, 5.0);
        near(iou(&e, &Ellipse::circle(10.1, 0.0, 5.0)), 0.0);
        near(iou(&e, &Ellipse::circle(0.0, 30.0, 5.0)), 0.0);
        near(iou(&e, &Ellipse::circle(0.0, 0.0, 0.0)), 0.0);
        near(iou(&e, &Ellipse::circle(f64::NAN, 0.0, 5.0)), 0.0);
    }
}
