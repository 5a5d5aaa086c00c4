//! Logistic regression with a ridge.

/// Weight of the penalty on the square of each weight, for features of variance 1: a few
/// photographs' worth, enough to keep the weights finite where right and wrong part cleanly.
const RIDGE: f64 = 1.0;

/// Probability that weights, the constant first, give to features.
pub(super) fn probability(weights: &[f64], features: &[f64]) -> f64 {
    let x: f64 = weights[0] + weights[1..].iter().zip(features).map(|(w, f)| w * f).sum::<f64>();
    1.0 / (1.0 + (-x).exp())
}

/// Logistic regression of (features, right), as [`unbounded`], in which none of the first `rising` features has a weight
/// below 0: the one that would have the least is left without, until there is none.
pub(super) fn regression(cases: &[(&[f64], bool)], rising: usize) -> Vec<f64> {
    let mut without = Vec::new();
    loop {
        let (weights, scaled) = unbounded(cases, &without);
        let below = scaled.iter().take(rising).enumerate().filter(|(_, w)| **w < 0.0);
        match below.min_by(|a, b| a.1.total_cmp(b.1)) {
            Some((k, _)) => without.push(k),
            None => return weights,
        }
    }
}

/// Logistic regression with a ridge on the weights (not on the constant), by Newton's method on
/// features of mean 0 and variance 1; those of `without` have no weight. Returns the constant, then the weights for the features
/// as given; and the weights of the features of variance 1.
fn unbounded(cases: &[(&[f64], bool)], without: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let width = cases.first().map_or(0, |c| c.0.len());
    let n = cases.len().max(1) as f64;
    let mean: Vec<f64> = (0..width).map(|k| cases.iter().map(|c| c.0[k]).sum::<f64>() / n).collect();
    let deviation: Vec<f64> = (0..width)
        .map(|k| (cases.iter().map(|c| (c.0[k] - mean[k]).powi(2)).sum::<f64>() / n).sqrt())
        .collect();
    // A feature that never changes tells nothing, and gets no weight.
    let told = |k: usize, d: f64| d > 1e-9 && !without.contains(&k);
    let scale: Vec<f64> =
        deviation.iter().enumerate().map(|(k, d)| if told(k, *d) { 1.0 / d } else { 0.0 }).collect();
    let rows: Vec<(Vec<f64>, f64)> = cases
        .iter()
        .map(|c| {
            let x = (0..width).map(|k| (c.0[k] - mean[k]) * scale[k]);
            (std::iter::once(1.0).chain(x).collect(), f64::from(u8::from(c.1)))
        })
        .collect();
    let dot = |w: &[f64], x: &[f64]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
    let loss = |w: &[f64]| -> f64 {
        let fit: f64 = rows
            .iter()
            .map(|(x, y)| {
                let z = dot(w, x) * if *y > 0.5 { -1.0 } else { 1.0 };
                z.max(0.0) + (-z.abs()).exp().ln_1p()
            })
            .sum();
        fit + RIDGE / 2.0 * w[1..].iter().map(|w| w * w).sum::<f64>()
    };
    let mut w = vec![0.0; width + 1];
    let mut now = loss(&w);
    for _ in 0..100 {
        let mut gradient = vec![0.0; width + 1];
        let mut curvature = vec![vec![0.0; width + 1]; width + 1];
        for (x, y) in &rows {
            let p = 1.0 / (1.0 + (-dot(&w, x)).exp());
            for i in 0..=width {
                gradient[i] += (p - y) * x[i];
                for j in 0..=width {
                    curvature[i][j] += p * (1.0 - p) * x[i] * x[j];
                }
            }
        }
        for i in 1..=width {
            gradient[i] += RIDGE * w[i];
            curvature[i][i] += RIDGE;
        }
        // Keeps the system solvable where every probability is 0 or 1.
        curvature[0][0] += 1e-9;
        let step = solve(curvature, gradient);
        // Halved until it gains: a full step can overshoot where the curve is nearly flat.
        let mut share = 1.0;
        let next = loop {
            let next: Vec<f64> = w.iter().zip(&step).map(|(w, s)| w - share * s).collect();
            if loss(&next) <= now || share < 1e-6 {
                break next;
            }
            share /= 2.0;
        };
        let gain = now - loss(&next);
        w = next;
        now -= gain;
        if gain < 1e-10 * now.abs().max(1.0) {
            break;
        }
    }
    let mut out: Vec<f64> = vec![w[0]];
    for k in 0..width {
        out[0] -= w[k + 1] * scale[k] * mean[k];
        out.push(w[k + 1] * scale[k]);
    }
    (out, w.split_off(1))
}

/// Solves a symmetric positive definite system by Gaussian elimination, which needs no pivoting there.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        let (above, below) = a.split_at_mut(i + 1);
        for (row, j) in below.iter_mut().zip(i + 1..) {
            let share = row[i] / above[i][i];
            row.iter_mut().zip(&above[i]).skip(i).for_each(|(x, y)| *x -= share * y);
            b[j] -= share * b[i];
        }
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| a[i][k] * b[k]).sum();
        b[i] = (b[i] - known) / a[i][i];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn fitted(cases: &[(Vec<f64>, bool)]) -> Vec<f64> {
        bounded(cases, 0)
    }

    fn bounded(cases: &[(Vec<f64>, bool)], rising: usize) -> Vec<f64> {
        regression(&cases.iter().map(|(f, right)| (&f[..], *right)).collect::<Vec<_>>(), rising)
    }

    #[test]
    fn the_curve_that_drew_the_outcomes_is_found_again() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let cases: Vec<(Vec<f64>, bool)> = (0..20_000)
            .map(|_| {
                let (a, b): (f64, f64) = (rng.random_range(-4.0..6.0), rng.random_range(0.0..1.0));
                let p = 1.0 / (1.0 + (-(0.5 + 0.8 * a - 2.0 * b)).exp());
                (vec![a, b, 7.0], rng.random_bool(p))
            })
            .collect();
        let w = fitted(&cases);
        assert!((w[0] - 0.5).abs() < 0.12 && (w[1] - 0.8).abs() < 0.05 && (w[2] + 2.0).abs() < 0.15, "{w:?}");
        assert_eq!(w[3], 0.0);
    }

    /// Two measures of one thing, of which the noisier would be subtracted, and a third that may fall.
    #[test]
    fn what_is_better_never_counts_as_worse() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let cases: Vec<(Vec<f64>, bool)> = (0..20_000)
            .map(|_| {
                let (a, noise, c): (f64, f64, f64) =
                    (rng.random_range(-4.0..4.0), rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0));
                let p = 1.0 / (1.0 + (-(a - 0.5 * noise - c)).exp());
                (vec![a, a + noise, c], rng.random_bool(p))
            })
            .collect();
        let (free, bound) = (fitted(&cases), bounded(&cases, 2));
        assert!(free[2] < -0.3, "{free:?}");
        assert!(bound[2] == 0.0 && bound[1] > 0.7 && bound[3] < -0.7, "{bound:?}");
    }

    #[test]
    fn outcomes_that_part_cleanly_leave_the_weights_finite() {
        let cases: Vec<(Vec<f64>, bool)> = (0..200).map(|i| (vec![f64::from(i) - 100.0], i >= 100)).collect();
        let w = fitted(&cases);
        assert!(w.iter().all(|w| w.is_finite()));
        assert!(probability(&w, &[80.0]) > 0.99 && probability(&w, &[-80.0]) < 0.01);
    }
}
