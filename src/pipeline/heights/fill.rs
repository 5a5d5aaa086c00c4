//! Values for points that were not measured, from those around.

use crate::pipeline::tile::bilinear;
use ndarray::Array2;

/// Fills what is NaN: each gap with means of ever larger squares, until one has something measured in it,
/// joined smoothly. What was measured stays. All NaN gives zeros.
pub fn fill(z: &Array2<f32>) -> Array2<f32> {
    let known = z.mapv(|v| if v.is_finite() { 1.0 } else { 0.0 });
    let values = z.mapv(|v| if v.is_finite() { v } else { 0.0 });
    let (smooth, _) = pull(values, known);
    let mut out = smooth;
    out.zip_mut_with(z, |to, v| {
        if v.is_finite() {
            *to = *v;
        }
    });
    out
}

/// Weighted values (`values` are 0 where `known` is 0) with every gap filled from the half-size copy.
fn pull(values: Array2<f32>, known: Array2<f32>) -> (Array2<f32>, Array2<f32>) {
    let (h, w) = values.dim();
    if h * w == 1 || known.iter().all(|k| *k > 0.0) {
        return (values, known);
    }
    let half = (h.div_ceil(2), w.div_ceil(2));
    let (mut sums, mut counts) = (Array2::<f32>::zeros(half), Array2::<f32>::zeros(half));
    for ((y, x), v) in values.indexed_iter() {
        sums[[y / 2, x / 2]] += v * known[[y, x]];
        counts[[y / 2, x / 2]] += known[[y, x]];
    }
    sums.zip_mut_with(&counts, |s, n| *s /= n.max(f32::MIN_POSITIVE));
    // A square with one measured point in it is known as well as a full one.
    let (coarse, _) = pull(sums, counts.mapv(|n| n.min(1.0)));
    let mut out = values;
    for ((y, x), v) in out.indexed_iter_mut() {
        if known[[y, x]] == 0.0 {
            *v = between(&coarse, (y as f32 - 0.5) / 2.0, (x as f32 - 0.5) / 2.0);
        }
    }
    (out, known)
}

/// Means of what was measured in squares of `factor` points; NaN where nothing was.
pub fn means(z: &Array2<f32>, factor: usize) -> Array2<f32> {
    let (h, w) = z.dim();
    let small = (h.div_ceil(factor), w.div_ceil(factor));
    let (mut sums, mut counts) = (Array2::<f32>::zeros(small), Array2::<f32>::zeros(small));
    for ((y, x), v) in z.indexed_iter().filter(|(_, v)| v.is_finite()) {
        sums[[y / factor, x / factor]] += v;
        counts[[y / factor, x / factor]] += 1.0;
    }
    // 0 / 0 is NaN.
    sums / counts
}

/// The value between four, edges repeated.
fn between(grid: &Array2<f32>, y: f32, x: f32) -> f32 {
    let (h, w) = grid.dim();
    bilinear(grid, x.clamp(0.0, (w - 1) as f32).into(), y.clamp(0.0, (h - 1) as f32).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_is_the_mean_of_what_was_measured_in_it() {
        let z = ndarray::array![[1.0, f32::NAN, f32::NAN], [3.0, 5.0, f32::NAN]];
        let small = means(&z, 2);
        assert_eq!(small[[0, 0]], 3.0);
        assert!(small[[0, 1]].is_nan() && small.dim() == (1, 2));
    }

    #[test]
    fn measured_points_stay_and_a_hole_in_a_slope_is_bridged() {
        let slope = |y: usize, x: usize| 0.5 * x as f32 + 0.1 * y as f32;
        let z = Array2::from_shape_fn((40, 50), |(y, x)| {
            if (15..25).contains(&y) && (20..32).contains(&x) { f32::NAN } else { slope(y, x) }
        });
        let filled = fill(&z);
        for ((y, x), v) in filled.indexed_iter() {
            let off = (v - slope(y, x)).abs();
            assert!(off < if z[[y, x]].is_nan() { 2.5 } else { 1e-6 }, "{y} {x}: {v}");
        }
    }

    #[test]
    fn nothing_measured_gives_zeros() {
        let z = Array2::from_elem((3, 5), f32::NAN);
        assert!(fill(&z).iter().all(|v| *v == 0.0));
    }
}
