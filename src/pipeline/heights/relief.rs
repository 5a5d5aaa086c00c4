//! Heights to the grey picture that is read: level is bright, steep is dark, as bare metal looks under
//! light from all sides, but without shadows, soot or blur. Edges of strokes, teeth and rim stand out
//! whatever their polarity; the dome of a floor and the tilt of the case hardly show.

use super::Heights;
use super::fill::{fill, means};
use crate::pipeline::photo::Pixels;
use crate::settings::PhotoSettings;
use ndarray::{Array2, Axis};

/// The relief as grey, 16 bit: 65535 / (1 + (slope / `photo.half_slope`)^2).
pub fn relief(heights: &Heights, settings: &PhotoSettings) -> Pixels {
    let z = smooth(fill(&heights.z), settings.smooth_um / heights.step_um.0);
    let half = settings.half_slope as f32;
    let (h, w) = z.dim();
    // Differences of both neighbours; at an edge of one.
    let slope = |a: (usize, usize), b: (usize, usize), steps: usize| {
        (z[b] - z[a]) / (steps.max(1) as f32 * heights.step_um.0 as f32)
    };
    Pixels::Sixteen(Array2::from_shape_fn((h, w), |(y, x)| {
        let (left, right) = (x.saturating_sub(1), (x + 1).min(w - 1));
        let (up, down) = (y.saturating_sub(1), (y + 1).min(h - 1));
        let (gx, gy) = (slope((y, left), (y, right), right - left), slope((up, x), (down, x), down - up));
        let steep = (gx * gx + gy * gy) / (half * half);
        (65535.0 / (1.0 + steep) + 0.5) as u16
    }))
}

/// Gaussian smoothing with a standard deviation of `sigma` points, edges repeated.
pub(super) fn smooth(mut z: Array2<f32>, sigma: f64) -> Array2<f32> {
    let reach = (3.0 * sigma).ceil().min(MOST_REACH) as usize;
    let weights: Vec<f32> =
        (0..=2 * reach).map(|i| (-0.5 * ((i as f64 - reach as f64) / sigma).powi(2)).exp() as f32).collect();
    let total: f32 = weights.iter().sum();
    let mut line = Vec::new();
    for axis in [Axis(0), Axis(1)] {
        for mut lane in z.lanes_mut(axis) {
            line.clear();
            let (first, last) = (lane[0], lane[lane.len() - 1]);
            line.extend(std::iter::repeat_n(first, reach));
            line.extend(lane.iter());
            line.extend(std::iter::repeat_n(last, reach));
            for (to, around) in lane.iter_mut().zip(line.windows(weights.len())) {
                *to = around.iter().zip(&weights).map(|(v, w)| v * w).sum::<f32>() / total;
            }
        }
    }
    z
}

/// Points that the smoothing looks at to either side at the most: spacings below a tenth of a micrometre
/// are not an instrument's for whole impressions.
const MOST_REACH: f64 = 100.0;

/// Diameter of the smallest area that counts as left out, µm: floors of impressions are 1.0 mm and more.
const LEFT_OUT_UM: f64 = 900.0;
/// Squares across such an area: enough for its shape.
const SQUARES: f64 = 40.0;

/// Whether a disc as large as an impression was not measured although there are measured points all round, in the middle
/// half of the map's width and height: a map shows the primer, or its impression, in its middle.
pub fn left_out(heights: &Heights) -> bool {
    let um = heights.step_um.0;
    let factor = (LEFT_OUT_UM / um / SQUARES).round().max(1.0) as usize;
    let small = means(&heights.z, factor);
    let (h, w) = small.dim();
    let inner = enclosed_gaps(&small);
    let radius = LEFT_OUT_UM / 2.0 / (um * factor as f64);
    let reach = radius.ceil() as usize;
    let fits = |y: usize, x: usize| {
        let covers = |j: usize, i: usize| (j.abs_diff(y) as f64).hypot(i.abs_diff(x) as f64) <= radius;
        (y - reach..=y + reach).all(|j| (x - reach..=x + reach).all(|i| !covers(j, i) || inner[[j, i]]))
    };
    let middle = |n: usize| reach.max(n / 4)..n.saturating_sub(reach.max(n / 4));
    middle(h).any(|y| middle(w).any(|x| inner[[y, x]] && fits(y, x)))
}

/// Gaps that do not reach the edge of the map.
fn enclosed_gaps(z: &Array2<f32>) -> Array2<bool> {
    let (h, w) = z.dim();
    let mut inner = z.mapv(f32::is_nan);
    let sides = (0..h).flat_map(|y| [(y, 0), (y, w - 1)]);
    let mut open: Vec<(usize, usize)> = sides.chain((0..w).flat_map(|x| [(0, x), (h - 1, x)])).collect();
    while let Some((y, x)) = open.pop() {
        if std::mem::replace(&mut inner[[y, x]], false) {
            let next = [(y.wrapping_sub(1), x), (y + 1, x), (y, x.wrapping_sub(1)), (y, x + 1)];
            open.extend(next.into_iter().filter(|(y, x)| *y < h && *x < w));
        }
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(z: Array2<f32>, um: f64) -> Heights {
        Heights { z, step_um: (um, um) }
    }

    #[test]
    fn level_is_white_and_a_slope_of_the_setting_half_of_it_in_any_direction() {
        let settings = PhotoSettings::default();
        let run = settings.half_slope as f32 * 2.0;
        let inner = |grey: &Array2<u16>| grey.slice(ndarray::s![13..17, 13..21]).to_owned();
        for (dx, dy) in [(1.0, 0.0), (0.0, -1.0), (0.6, 0.8)] {
            let z = Array2::from_shape_fn((30, 34), |(y, x)| run * (dx * x as f32 + dy * y as f32));
            let Pixels::Sixteen(grey) = relief(&map(z, 2.0), &settings) else { panic!() };
            assert!(inner(&grey).iter().all(|v| v.abs_diff(32768) < 30), "{grey}");
        }
        let Pixels::Sixteen(grey) = relief(&map(Array2::from_elem((4, 4), -7.0), 2.0), &settings) else {
            panic!()
        };
        assert!(grey.iter().all(|v| *v == 65535));
    }

    #[test]
    fn smoothing_spreads_a_spike_and_keeps_its_volume() {
        let mut z = Array2::zeros((41, 41));
        z[[20, 20]] = 100.0;
        let smooth = smooth(z, 2.0);
        // The middle of a Gaussian of deviation 2 has 1 / (2 pi 4) of its volume.
        assert!((smooth[[20, 20]] - 100.0 / 25.13).abs() < 0.1 && (smooth.sum() - 100.0).abs() < 0.01);
        assert!((smooth[[20, 22]] / smooth[[20, 20]] - (-0.5f32).exp()).abs() < 0.01);
    }

    #[test]
    fn only_a_large_gap_inside_what_was_measured_is_an_impression_left_out() {
        let disc = |cx: f32, radius: f32| {
            map(
                Array2::from_shape_fn((400, 400), |(y, x)| {
                    let r = (x as f32 - cx).hypot(y as f32 - 200.0) * 5.0;
                    if r < radius { f32::NAN } else { 0.0 }
                }),
                5.0,
            )
        };
        assert!(left_out(&disc(200.0, 600.0)));
        assert!(!left_out(&disc(200.0, 400.0)), "too small");
        assert!(!left_out(&disc(0.0, 600.0)), "at the edge: the field of view ends there");
        assert!(!left_out(&disc(95.0, 460.0)), "not in the middle: something else was not measured there");
        // A lost wall round a floor that was measured.
        let wall = Array2::from_shape_fn((400, 400), |(y, x)| {
            let r = (x as f32 - 200.0).hypot(y as f32 - 200.0) * 5.0;
            if (500.0..800.0).contains(&r) { f32::NAN } else { 0.0 }
        });
        assert!(!left_out(&map(wall, 5.0)));
        assert!(!left_out(&map(Array2::zeros((3, 3)), 5.0)));
    }
}
