//! Fits the curves and bars of [`crate::pipeline::confidence`] to a run whose truth is known.
//!
//! The photographs must show guns that the engine was not trained on. Figures and bars come from
//! curves fitted without the gun in question (five parts of the guns, each left out in turn); the
//! curve that is written is fitted on all.

use super::interval::{Rate, Tally};
use super::pair::Pair;
use crate::pipeline::confidence::{Curve, FEATURES};
use std::collections::{BTreeMap, BTreeSet};

/// Wrong codes among accepted ones that a bar may let through: one in 1,000.
pub const WRONG_CODES: f64 = 0.001;
/// Least probability of a code that is accepted, however many surer ones share the bar with it: each is somebody's
/// door, and none is to be wrong more than once in 200 by itself.
const LEAST_ACCEPTED: f64 = 0.995;
/// Wrong characters among those that partial codes show: two in 1,000, so that a partial code
/// with five of them is wrong once in 100.
pub const WRONG_CHARACTERS: f64 = 0.002;
/// One-sided level of the upper limit that a bar keeps below its share of wrong ones.
const LEVEL: f64 = 0.8;
/// Parts into which the guns are put, each left out in turn.
const PARTS: usize = 5;
/// Weight of the penalty on the square of each weight, for features of variance 1: a few
/// photographs' worth, enough to keep the weights finite where right and wrong part cleanly.
const RIDGE: f64 = 1.0;
/// Fewer photographs than this, or fewer than [`LEAST_EACH`] right or wrong ones, fit no curve of nine numbers.
const LEAST: usize = 100;
/// See [`LEAST`].
const LEAST_EACH: usize = 5;

/// A format's curve and what it rests on.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The curve.
    pub curve: Curve,
    /// Photographs that rest on it.
    pub photographs: usize,
    /// Guns among them.
    pub guns: usize,
    /// Whether the bar for codes rests on counted codes; else there are too few, and the curve itself says where it lies.
    pub counted: bool,
    /// Photographs whose code is accepted and right among all, with the gun left out.
    pub accepted: Rate,
    /// Wrong among the accepted, with the gun left out.
    pub wrong: Rate,
    /// Wrong among the characters above the bar for characters.
    pub wrong_characters: Rate,
    /// Mean probability less share of right codes, with the gun left out.
    pub bias: f64,
}

/// One reading, or one character, to learn from.
pub(super) struct Case<'a> {
    pub(super) gun: Option<&'a str>,
    pub(super) part: usize,
    pub(super) features: Vec<f64>,
    pub(super) right: bool,
}

/// Fits a curve to each format that was read often enough, by the format that was *read*.
/// A format that is missing from the answer has too few photographs.
pub fn fit(pairs: &[Pair<'_>]) -> BTreeMap<String, Fit> {
    let parts = parts(&pairs.iter().map(Pair::gun).collect::<Vec<_>>());
    let mut whole: BTreeMap<&str, Vec<Case<'_>>> = BTreeMap::new();
    let mut single: BTreeMap<&str, Vec<Case<'_>>> = BTreeMap::new();
    for (pair, part) in pairs.iter().zip(&parts) {
        let (Some(format), Some(best)) = (&pair.result.format, &pair.result.best) else { continue };
        let evidence = &pair.result.evidence;
        if evidence.len() != FEATURES.len() + best.chars().count() {
            continue;
        }
        let (features, each) = evidence.split_at(FEATURES.len());
        let case = |features: &[f64], right: bool| Case {
            gun: pair.gun(),
            part: *part,
            features: features.to_vec(),
            right,
        };
        whole.entry(format).or_default().push(case(features, pair.best_right() == Some(true)));
        let truth: Vec<char> = pair.truth.code.iter().flat_map(|c| c.chars()).collect();
        for (i, (log_odds, c)) in each.iter().zip(best.chars()).enumerate() {
            let right = truth.len() == each.len() && truth[i] == c;
            single.entry(format).or_default().push(case(&[*log_odds], right));
        }
    }
    let mut fits = BTreeMap::new();
    for (format, cases) in &whole {
        let characters = single.get(format).map_or(&[][..], Vec::as_slice);
        if let Some(fit) = fit_both(cases, characters) {
            fits.insert((*format).to_string(), fit);
        }
    }
    fits
}

/// Fits both curves: over whole codes, and over their characters, whose only feature is their log-odds.
/// `None` where there are too few.
pub(super) fn fit_both(cases: &[Case<'_>], characters: &[Case<'_>]) -> Option<Fit> {
    let codes = fit_one(cases, WRONG_CODES, LEAST_ACCEPTED)?;
    let one = fit_one(characters, WRONG_CHARACTERS, 0.0)?;
    let guns: BTreeSet<&str> = cases.iter().filter_map(|c| c.gun).collect();
    let curve = Curve {
        bias: codes.weights[0],
        weights: codes.weights[1..].to_vec(),
        accept: codes.bar,
        character: [one.weights[0], one.weights[1]],
        accept_character: one.bar,
    };
    Some(Fit {
        curve,
        photographs: cases.len(),
        guns: guns.len(),
        counted: codes.counted,
        accepted: codes.accepted,
        wrong: codes.wrong,
        wrong_characters: one.wrong,
        bias: codes.bias,
    })
}

/// The part of each reading, by its gun: guns in turn, in the order of their names; a reading without a
/// gun is one of its own.
pub(super) fn parts(guns_of: &[Option<&str>]) -> Vec<usize> {
    let guns: BTreeSet<&str> = guns_of.iter().flatten().copied().collect();
    let number: BTreeMap<&str, usize> = guns.into_iter().enumerate().map(|(i, gun)| (gun, i)).collect();
    let of = |(i, gun): (usize, &Option<&str>)| gun.and_then(|gun| number.get(gun)).copied().unwrap_or(i);
    guns_of.iter().enumerate().map(|at| of(at) % PARTS).collect()
}

struct Logistic {
    weights: Vec<f64>,
    bar: f64,
    counted: bool,
    accepted: Rate,
    wrong: Rate,
    bias: f64,
}

/// A curve, and the lowest bar from `least` on above which at most `target` are wrong.
fn fit_one(cases: &[Case<'_>], target: f64, least: f64) -> Option<Logistic> {
    let right = cases.iter().filter(|c| c.right).count();
    if cases.len() < LEAST || right < LEAST_EACH || cases.len() - right < LEAST_EACH {
        return None;
    }
    let all: Vec<&Case<'_>> = cases.iter().collect();
    let weights = newton(&all);
    let mut judged: Vec<(f64, &Case<'_>)> = Vec::with_capacity(cases.len());
    for part in 0..PARTS {
        let others: Vec<&Case<'_>> = cases.iter().filter(|c| c.part != part).collect();
        let without = newton(&others);
        judged
            .extend(cases.iter().filter(|c| c.part == part).map(|c| (probability(&without, &c.features), c)));
    }
    // Most probable first; among equals the wrong ones, so that a bar never gains from their order.
    judged.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.right.cmp(&b.1.right)));
    let outcomes: Vec<(f64, bool)> = judged.iter().map(|(p, c)| (*p, c.right)).collect();
    let (bar, counted) = bar(&outcomes, target);
    let bar = bar.max(least);
    let (mut accepted, mut wrong) = (Tally::default(), Tally::default());
    for (p, case) in &judged {
        accepted.one(case.gun, *p >= bar && case.right);
        if *p >= bar {
            wrong.one(case.gun, !case.right);
        }
    }
    let mean: f64 = outcomes.iter().map(|o| o.0).sum::<f64>() / outcomes.len() as f64;
    let bias = mean - right as f64 / outcomes.len() as f64;
    Some(Logistic { weights, bar, counted, accepted: accepted.rate(), wrong: wrong.rate(), bias })
}

/// The lowest bar above which at most `target` are wrong, from (probability, right), most probable
/// first: by an upper limit on what was counted where there is enough to count; else by the
/// probabilities themselves, above every wrong one, where what they expect to be wrong among all
/// above the bar is no more than `target` of them.
fn bar(outcomes: &[(f64, bool)], target: f64) -> (f64, bool) {
    let (mut wrong, mut expected) = (0, 0.0);
    let (mut counted, mut hoped) = (None, None);
    for (i, (p, right)) in outcomes.iter().enumerate() {
        wrong += usize::from(!right);
        expected += 1.0 - p;
        if outcomes.get(i + 1).is_some_and(|next| next.0 >= *p) {
            continue;
        }
        let allowed = target * (i + 1) as f64;
        if upper_limit(wrong) <= allowed {
            counted = Some(*p);
        }
        if wrong == 0 && expected <= allowed {
            hoped = Some(*p);
        }
    }
    match (counted, hoped) {
        (Some(p), _) => (round_up(p), true),
        (None, Some(p)) => (round_up(p), false),
        // Not even the surest is sure enough.
        (None, None) => (1.0, false),
    }
}

/// Five decimals, never lower than `p`.
fn round_up(p: f64) -> f64 {
    ((p * 1e5).ceil() / 1e5).min(1.0)
}

/// Upper limit at [`LEVEL`] of the mean of a Poisson count of which `count` were seen (F. Garwood,
/// Biometrika 28:437-442, 1936): the limit of Clopper and Pearson for rare events.
fn upper_limit(count: usize) -> f64 {
    let at_most = |mean: f64| {
        let mut term = (-mean).exp();
        let mut sum = term;
        for k in 1..=count {
            term *= mean / k as f64;
            sum += term;
        }
        sum
    };
    let (mut low, mut high) = (0.0, 10.0 + 3.0 * count as f64);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if at_most(middle) > 1.0 - LEVEL { low = middle } else { high = middle }
    }
    high
}

fn probability(weights: &[f64], features: &[f64]) -> f64 {
    let x: f64 = weights[0] + weights[1..].iter().zip(features).map(|(w, f)| w * f).sum::<f64>();
    1.0 / (1.0 + (-x).exp())
}

/// Logistic regression with a ridge on the weights (not on the constant), by Newton's method on
/// features of mean 0 and variance 1. Returns the constant, then the weights for the features as given.
fn newton(cases: &[&Case<'_>]) -> Vec<f64> {
    let width = cases.first().map_or(0, |c| c.features.len());
    let n = cases.len().max(1) as f64;
    let mean: Vec<f64> = (0..width).map(|k| cases.iter().map(|c| c.features[k]).sum::<f64>() / n).collect();
    let deviation: Vec<f64> = (0..width)
        .map(|k| (cases.iter().map(|c| (c.features[k] - mean[k]).powi(2)).sum::<f64>() / n).sqrt())
        .collect();
    // A feature that never changes tells nothing, and gets no weight.
    let scale: Vec<f64> = deviation.iter().map(|d| if *d > 1e-9 { 1.0 / d } else { 0.0 }).collect();
    let rows: Vec<(Vec<f64>, f64)> = cases
        .iter()
        .map(|c| {
            let x = (0..width).map(|k| (c.features[k] - mean[k]) * scale[k]);
            (std::iter::once(1.0).chain(x).collect(), f64::from(u8::from(c.right)))
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
    out
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

    fn case(features: Vec<f64>, right: bool, part: usize) -> Case<'static> {
        Case { gun: None, part, features, right }
    }

    #[test]
    fn the_curve_that_drew_the_outcomes_is_found_again() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let cases: Vec<Case<'_>> = (0..20_000)
            .map(|i| {
                let (a, b): (f64, f64) = (rng.random_range(-4.0..6.0), rng.random_range(0.0..1.0));
                let p = 1.0 / (1.0 + (-(0.5 + 0.8 * a - 2.0 * b)).exp());
                case(vec![a, b, 7.0], rng.random_bool(p), i % PARTS)
            })
            .collect();
        let all: Vec<&Case<'_>> = cases.iter().collect();
        let w = newton(&all);
        assert!((w[0] - 0.5).abs() < 0.12 && (w[1] - 0.8).abs() < 0.05 && (w[2] + 2.0).abs() < 0.15, "{w:?}");
        assert_eq!(w[3], 0.0);
    }

    #[test]
    fn outcomes_that_part_cleanly_leave_the_weights_finite() {
        let cases: Vec<Case<'_>> =
            (0..200).map(|i| case(vec![f64::from(i) - 100.0], i >= 100, i as usize % PARTS)).collect();
        let all: Vec<&Case<'_>> = cases.iter().collect();
        let w = newton(&all);
        assert!(w.iter().all(|w| w.is_finite()));
        assert!(probability(&w, &[80.0]) > 0.99 && probability(&w, &[-80.0]) < 0.01);
    }

    #[test]
    fn the_upper_limit_is_that_of_the_tables() {
        // chi-square quantile at 0.8 with 2 (count + 1) degrees of freedom, halved: 3.219 and 5.989.
        assert!((upper_limit(0) - 1.6094).abs() < 1e-4);
        assert!((upper_limit(1) - 2.9943).abs() < 1e-4);
    }

    #[test]
    fn a_bar_is_counted_where_there_is_enough_and_lies_above_every_wrong_one_elsewhere() {
        // 2,000 right ones above 0.9, then every second one wrong.
        let p = |i: usize| 1.0 - i as f64 * 5e-5;
        let many: Vec<(f64, bool)> = (0..4000).map(|i| (p(i), i < 2000 || i % 2 == 0)).collect();
        let (at, counted) = bar(&many, WRONG_CODES);
        assert!(counted && at > p(2001) && at <= p(1990), "{at}");
        let few: Vec<(f64, bool)> = vec![(0.9999, true), (0.9995, false), (0.999, true)];
        let (at, counted) = bar(&few, WRONG_CODES);
        assert!(!counted && at > 0.9995 && at <= 0.9999, "{at}");
        // 95 sure ones and 5 of which a hundredth is expected to be wrong: 6 in 10,000 of all.
        let mixed: Vec<(f64, bool)> = (0..100).map(|i| (if i < 95 { 0.9999 } else { 0.99 }, true)).collect();
        assert_eq!(bar(&mixed, WRONG_CODES), (0.99, false));
        assert_eq!(bar(&mixed[90..], WRONG_CODES), (0.9999, false));
        // Nothing is sure enough.
        assert_eq!(bar(&[(0.95, true)], WRONG_CODES), (1.0, false));
    }

    #[test]
    fn no_code_is_accepted_that_by_itself_is_less_sure_than_the_least() {
        // A thousand that are right, most of them far above the others: on average nearly all could be accepted.
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let cases: Vec<Case<'_>> = (0..1300)
            .map(|i| {
                let x: f64 = if i < 900 { 9.0 } else { rng.random_range(-6.0..6.0) };
                case(vec![x], rng.random_bool(1.0 / (1.0 + (-x).exp())) || x > 4.0, i % PARTS)
            })
            .collect();
        let bar = |least: f64| fit_one(&cases, WRONG_CODES, least).map_or(0.0, |fit| fit.bar);
        assert!(bar(0.0) < LEAST_ACCEPTED, "{}", bar(0.0));
        assert_eq!(bar(LEAST_ACCEPTED), LEAST_ACCEPTED);
    }
}
