//! Fits the curves and bars of [`crate::pipeline::confidence`] to a run whose truth is known.
//!
//! The photographs must show guns that the engine was not trained on. Figures and bars come from
//! curves fitted without the gun in question (five parts of the guns, each left out in turn); the
//! curve that is written is fitted on all.

use super::interval::{Rate, Tally};
use super::logistic::{probability, regression};
use super::pair::Pair;
use crate::pipeline::confidence::{Curve, FEATURES};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Wrong codes among accepted ones that a bar may let through: one in 1,000.
pub const WRONG_CODES: f64 = 0.001;
/// Least probability of a code that is accepted where the bar rests on counted codes, however many surer ones share the
/// bar with it: each is somebody's door, and none is to be wrong more than once in 50 by itself.
const LEAST_COUNTED: f64 = 0.98;
/// The same where there were too few codes to count and the curve alone says where the bar lies: once in 200.
const LEAST_HOPED: f64 = 0.995;
/// Wrong characters among those that partial codes show: two in 1,000, so that a partial code
/// with five of them is wrong once in 100.
pub const WRONG_CHARACTERS: f64 = 0.002;
/// One-sided level of the upper limit that a bar keeps below its share of wrong ones.
const LEVEL: f64 = 0.8;
/// Parts into which the guns are put, each left out in turn.
const PARTS: usize = 5;
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

impl Case<'_> {
    fn row(&self) -> (&[f64], bool) {
        (&self.features, self.right)
    }
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
    let learned: BTreeMap<&str, Learned<'_>> =
        whole.iter().filter_map(|(format, cases)| Some((*format, learn(cases)?))).collect();
    let together: Vec<&Judged<'_>> = learned.values().flat_map(|l| &l.judged).collect();
    let (common, counted) = accepted_from(together);
    let mut fits = BTreeMap::new();
    for (format, codes) in &learned {
        let Some(characters) = single.get(format).and_then(|cases| learn(cases)) else { continue };
        fits.insert(
            (*format).to_string(),
            joined(codes, &characters, own_bar(&codes.judged, common), counted),
        );
    }
    fits
}

/// Fits both curves of one kind: over whole codes, and over their characters, whose only feature is their log-odds.
/// `None` where there are too few.
pub(super) fn fit_both(cases: &[Case<'_>], characters: &[Case<'_>]) -> Option<Fit> {
    let codes = learn(cases)?;
    let (at, counted) = accepted_from(codes.judged.iter().collect());
    Some(joined(&codes, &learn(characters)?, at, counted))
}

fn joined(codes: &Learned<'_>, characters: &Learned<'_>, at: f64, counted: bool) -> Fit {
    let outcomes: Vec<(f64, bool)> = characters.judged.iter().map(|j| (j.p, j.right)).collect();
    let (character_bar, _) = bar(&outcomes, WRONG_CHARACTERS);
    let curve = Curve {
        bias: codes.weights[0],
        weights: codes.weights[1..].to_vec(),
        accept: at,
        character: [characters.weights[0], characters.weights[1]],
        accept_character: character_bar,
    };
    let guns: BTreeSet<&str> = codes.judged.iter().filter_map(|j| j.gun).collect();
    let photographs = codes.judged.len();
    let mean =
        |of: &dyn Fn(&Judged<'_>) -> f64| codes.judged.iter().map(of).sum::<f64>() / photographs as f64;
    let (accepted, wrong) = codes.above(at);
    Fit {
        curve,
        photographs,
        guns: guns.len(),
        counted,
        accepted,
        wrong,
        wrong_characters: characters.above(character_bar).1,
        bias: mean(&|j| j.p) - mean(&|j| f64::from(u8::from(j.right))),
    }
}

/// The part of each reading, by its gun: guns in turn, in the order of their names; a reading without a
/// gun is one of its own.
pub(super) fn parts(guns_of: &[Option<&str>]) -> Vec<usize> {
    let guns: BTreeSet<&str> = guns_of.iter().flatten().copied().collect();
    let number: BTreeMap<&str, usize> = guns.into_iter().enumerate().map(|(i, gun)| (gun, i)).collect();
    let of = |(i, gun): (usize, &Option<&str>)| gun.and_then(|gun| number.get(gun)).copied().unwrap_or(i);
    guns_of.iter().enumerate().map(|at| of(at) % PARTS).collect()
}

/// A curve, and what those of the other parts say of each part, the most probable first.
struct Learned<'a> {
    weights: Vec<f64>,
    judged: Vec<Judged<'a>>,
}

/// A reading, or one character, judged by a curve that does not know its gun.
struct Judged<'a> {
    p: f64,
    right: bool,
    gun: Option<&'a str>,
}

impl Judged<'_> {
    /// Most probable first; among equals the wrong ones, so that a bar never gains from their order.
    fn order(a: &Self, b: &Self) -> Ordering {
        b.p.total_cmp(&a.p).then(a.right.cmp(&b.right))
    }
}

impl Learned<'_> {
    /// Right and above the bar among all, and wrong among those above.
    fn above(&self, bar: f64) -> (Rate, Rate) {
        let (mut accepted, mut wrong) = (Tally::default(), Tally::default());
        for j in &self.judged {
            accepted.one(j.gun, j.p >= bar && j.right);
            if j.p >= bar {
                wrong.one(j.gun, !j.right);
            }
        }
        (accepted.rate(), wrong.rate())
    }
}

/// `None` where there are too few.
fn learn<'a>(cases: &[Case<'a>]) -> Option<Learned<'a>> {
    let right = cases.iter().filter(|c| c.right).count();
    if cases.len() < LEAST || right < LEAST_EACH || cases.len() - right < LEAST_EACH {
        return None;
    }
    let all: Vec<(&[f64], bool)> = cases.iter().map(Case::row).collect();
    let mut judged: Vec<Judged<'a>> = Vec::with_capacity(cases.len());
    for part in 0..PARTS {
        let others: Vec<(&[f64], bool)> = cases.iter().filter(|c| c.part != part).map(Case::row).collect();
        let without = regression(&others);
        let judge =
            |c: &Case<'a>| Judged { p: probability(&without, &c.features), right: c.right, gun: c.gun };
        judged.extend(cases.iter().filter(|c| c.part == part).map(judge));
    }
    judged.sort_by(Judged::order);
    Some(Learned { weights: regression(&all), judged })
}

/// The bar for codes, and whether it rests on counted ones.
fn accepted_from(mut judged: Vec<&Judged<'_>>) -> (f64, bool) {
    judged.sort_by(|a, b| Judged::order(a, b));
    let outcomes: Vec<(f64, bool)> = judged.iter().map(|j| (j.p, j.right)).collect();
    let (at, counted) = bar(&outcomes, WRONG_CODES);
    (at.max(if counted { LEAST_COUNTED } else { LEAST_HOPED }), counted)
}

/// The lowest bar from `common` on, which holds for all formats together, above which no more of this one's were wrong
/// than may be: a format that errs more often than its curve says pays for it alone.
fn own_bar(judged: &[Judged<'_>], common: f64) -> f64 {
    let (mut wrong, mut at) = (0, 1.0);
    for (i, j) in judged.iter().enumerate().take_while(|(_, j)| j.p >= common) {
        wrong += usize::from(!j.right);
        let last = judged.get(i + 1).is_none_or(|next| next.p < j.p);
        if last && wrong as f64 <= WRONG_CODES * (i + 1) as f64 {
            at = if judged.get(i + 1).is_none_or(|next| next.p < common) { common } else { round_up(j.p) };
        }
    }
    at
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

#[cfg(test)]
mod tests {
    use super::*;

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

    fn judged(of: impl Iterator<Item = (f64, bool)>) -> Vec<Judged<'static>> {
        of.map(|(p, right)| Judged { p, right, gun: None }).collect()
    }

    #[test]
    fn no_code_is_accepted_that_by_itself_is_less_sure_than_the_least() {
        // Thousands that are right, most of them far above the others: on average nearly all could be accepted.
        let many = judged((0..4000).map(|i| (if i < 3900 { 0.9999 } else { 0.9 }, true)));
        assert_eq!(accepted_from(many.iter().collect()), (LEAST_COUNTED, true));
        // A hundred are too few to count.
        let few = judged((0..100).map(|i| (if i < 95 { 0.9999 } else { 0.99 }, true)));
        assert_eq!(accepted_from(few.iter().collect()), (LEAST_HOPED, false));
    }

    #[test]
    fn a_format_with_a_wrong_code_above_the_common_bar_gets_a_higher_one() {
        let p = |i: usize| 0.9999 - i as f64 * 1e-4;
        let right = judged((0..100).map(|i| (p(i), true)));
        assert_eq!(own_bar(&right, 0.993), 0.993);
        let one_wrong = judged((0..100).map(|i| (p(i), i != 40)));
        let at = own_bar(&one_wrong, 0.993);
        assert!(at > p(40) && at <= p(39), "{at}");
        // The surest of all is wrong.
        assert_eq!(own_bar(&judged([(0.9999, false), (0.999, true)].into_iter()), 0.993), 1.0);
        assert_eq!(own_bar(&[], 0.993), 1.0);
    }
}
