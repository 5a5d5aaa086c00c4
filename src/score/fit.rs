//! Fits the curves and bars of [`crate::pipeline::confidence`] to a run whose truth is known.
//!
//! The photographs must show guns that the engine was not trained on. Figures and bars come from
//! curves fitted without the gun in question (five parts of the guns, each left out in turn); the
//! curve that is written is fitted on all. What a unit of evidence is worth does not depend on the
//! format: formats share the weights and have a constant each, since a format alone has too few wrong
//! codes to tell its weights from chance.

use super::bars::{bar_for_characters, bar_for_codes, own_bar};
use super::interval::{Rate, Tally};
use super::logistic::{probability, regression};
use super::pair::Pair;
use crate::pipeline::confidence::{Curve, FEATURES, character};
use crate::pipeline::decode::{CONTRADICTED, contradicted};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Parts into which the guns are put, each left out in turn.
const PARTS: usize = 5;
/// Fewer photographs of a format than this, or fewer than [`LEAST_EACH`] right or wrong ones, fit no curve.
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
    /// The same of the bar for characters.
    pub counted_characters: bool,
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
    /// Which of the kinds that share the weights, counted from 0.
    pub(super) kind: usize,
    pub(super) features: Vec<f64>,
    pub(super) right: bool,
    /// Place, among the codes, of the one that this is or belongs to.
    pub(super) code: usize,
    /// Whether the ring is sure of another character, so that its bar is [`CONTRADICTED`] at the least.
    pub(super) contradicted: bool,
}

impl<'a> Case<'a> {
    /// The characters of a code that is this case, from their log-odds; `contradicted` says which of them the ring is sure
    /// against. Those of a code that is longer or shorter than the true one are wrong.
    pub(super) fn characters(
        &self,
        log_odds: &[f64],
        best: &str,
        truth: Option<&str>,
        contradicted: &[bool],
    ) -> Vec<Case<'a>> {
        let truth: Vec<char> = truth.into_iter().flat_map(str::chars).collect();
        let one = |(i, (x, c)): (usize, (&f64, char))| Case {
            features: character(*x).to_vec(),
            right: truth.len() == log_odds.len() && truth[i] == c,
            contradicted: contradicted.get(i) == Some(&true),
            ..*self
        };
        log_odds.iter().zip(best.chars()).enumerate().map(one).collect()
    }

    /// The features, then for each kind whether it is this one's.
    fn row(&self, kinds: usize) -> Vec<f64> {
        let own = (0..kinds).map(|kind| f64::from(u8::from(kind == self.kind)));
        self.features.iter().copied().chain(own).collect()
    }
}

/// Fits a curve to each format that was read often enough, by the format that was *read*.
/// A format that is missing from the answer has too few photographs. Height maps, fused stacks and damaged files are left out: they
/// have a bar of their own.
pub fn fit(pairs: &[Pair<'_>]) -> BTreeMap<String, Fit> {
    let parts = parts(&pairs.iter().map(Pair::gun).collect::<Vec<_>>());
    let read = |pair: &Pair<'_>| {
        if pair.result.is_uncounted() {
            return false;
        }
        let length = pair.result.best.as_ref().map(|best| best.chars().count());
        length.is_some_and(|length| pair.result.evidence.len() == FEATURES.len() + length)
    };
    let mut outcomes: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| read(pair)) {
        if let (Some(format), Some(right)) = (&pair.result.format, pair.best_right()) {
            outcomes.entry(format).or_default()[usize::from(right)] += 1;
        }
    }
    outcomes.retain(|_, [wrong, right]| enough(*wrong, *right));
    let formats: Vec<&str> = outcomes.into_keys().collect();
    let (mut whole, mut single) = (Vec::new(), Vec::new());
    for (pair, part) in pairs.iter().zip(parts).filter(|(pair, _)| read(pair)) {
        let Some(best) = &pair.result.best else { continue };
        let Some(kind) = formats.iter().position(|f| Some(*f) == pair.result.format.as_deref()) else {
            continue;
        };
        let (features, each) = pair.result.evidence.split_at(FEATURES.len());
        let contradicted = contradicted(pair.result.gear.as_ref(), best);
        let case = Case {
            code: whole.len(),
            gun: pair.gun(),
            part,
            kind,
            features: features.to_vec(),
            right: pair.best_right() == Some(true),
            contradicted: contradicted.contains(&true),
        };
        single.extend(case.characters(each, best, pair.truth.code.as_deref(), &contradicted));
        whole.push(case);
    }
    let fits = fit_kinds(&whole, &single, formats.len());
    formats.into_iter().map(String::from).zip(fits).collect()
}

/// Fits the curves over whole codes and those over their characters: one of each
/// for each of the `kinds`, the weights shared.
pub(super) fn fit_kinds(codes: &[Case<'_>], characters: &[Case<'_>], kinds: usize) -> Vec<Fit> {
    // What speaks for a code never makes it less sure; a character's second slope may be the flatter one.
    let rising = codes.first().map_or(0, |case| case.features.len());
    let (codes, characters) = (learn(codes, kinds, rising), learn(characters, kinds, 0));
    let (common, counted) = bar_for_codes(&outcomes(&codes.judged));
    (0..kinds).map(|kind| one_of(kind, &codes, &characters, common, counted)).collect()
}

/// Whether a kind has been seen often enough to be fitted.
pub(super) fn enough(wrong: usize, right: usize) -> bool {
    wrong + right >= LEAST && wrong.min(right) >= LEAST_EACH
}

fn one_of(kind: usize, codes: &Learned<'_>, characters: &Learned<'_>, common: f64, counted: bool) -> Fit {
    let judged = codes.of(kind);
    let accept = own_bar(&outcomes(judged.iter().copied()), common);
    // Characters of codes that are accepted are shown by the codes' bar, and nearly all of them are right.
    let accepted: BTreeSet<usize> = judged.iter().filter(|j| j.passes(accept)).map(|j| j.code).collect();
    let mut judged_characters = characters.of(kind);
    judged_characters.retain(|j| !accepted.contains(&j.code));
    let (character_bar, counted_characters) =
        bar_for_characters(&outcomes(judged_characters.iter().copied()));
    let (bias, weights) = codes.curve(kind);
    let (character_bias, character_weights) = characters.curve(kind);
    let curve = Curve {
        bias,
        weights: weights.to_vec(),
        accept,
        character: [character_bias, character_weights[0], character_weights[1]],
        accept_character: character_bar,
    };
    let guns: BTreeSet<&str> = judged.iter().filter_map(|j| j.gun).collect();
    let photographs = judged.len();
    let mean =
        |of: &dyn Fn(&Judged<'_>) -> f64| judged.iter().map(|j| of(j)).sum::<f64>() / photographs as f64;
    let (accepted, wrong) = above(&judged, curve.accept);
    Fit {
        photographs,
        guns: guns.len(),
        counted,
        counted_characters,
        accepted,
        wrong,
        wrong_characters: above(&judged_characters, character_bar).1,
        bias: mean(&|j| j.p) - mean(&|j| f64::from(u8::from(j.right))),
        curve,
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

/// What was fitted to all, and what the same without a reading's gun says of each, the most probable first.
struct Learned<'a> {
    /// The constant, the weights of the features, the constants of the kinds.
    weights: Vec<f64>,
    kinds: usize,
    judged: Vec<Judged<'a>>,
}

/// A reading, or one character, judged by a curve that does not know its gun.
struct Judged<'a> {
    p: f64,
    right: bool,
    gun: Option<&'a str>,
    kind: usize,
    /// As in [`Case`].
    code: usize,
    /// Whether it is held to a bar that the ring raises, which is not fitted, and lies below it.
    refused: bool,
}

impl Judged<'_> {
    fn passes(&self, bar: f64) -> bool {
        self.p >= bar && !self.refused
    }

    /// Most probable first; among equals the wrong ones, so that a bar never gains from their order.
    fn order(a: &Self, b: &Self) -> Ordering {
        b.p.total_cmp(&a.p).then(a.right.cmp(&b.right))
    }
}

impl<'a> Learned<'a> {
    /// Constant and weights of a kind.
    fn curve(&self, kind: usize) -> (f64, &[f64]) {
        let (shared, own) = self.weights.split_at(self.weights.len() - self.kinds);
        (shared[0] + own[kind], &shared[1..])
    }

    /// Those of a kind, the most probable first.
    fn of(&self, kind: usize) -> Vec<&Judged<'a>> {
        self.judged.iter().filter(|j| j.kind == kind).collect()
    }
}

/// What bars are set by.
fn outcomes<'a, 'j: 'a>(judged: impl IntoIterator<Item = &'a Judged<'j>>) -> Vec<(f64, bool)> {
    judged.into_iter().filter(|j| !j.refused).map(|j| (j.p, j.right)).collect()
}

/// Right and above the bar among all, and wrong among those above.
fn above(judged: &[&Judged<'_>], bar: f64) -> (Rate, Rate) {
    let (mut accepted, mut wrong) = (Tally::default(), Tally::default());
    for j in judged {
        accepted.one(j.gun, j.passes(bar) && j.right);
        if j.passes(bar) {
            wrong.one(j.gun, !j.right);
        }
    }
    (accepted.rate(), wrong.rate())
}

fn learn<'a>(cases: &[Case<'a>], kinds: usize, rising: usize) -> Learned<'a> {
    let rows: Vec<Vec<f64>> = cases.iter().map(|case| case.row(kinds)).collect();
    let fitted = |part: Option<usize>| {
        let taken = cases.iter().zip(&rows).filter(|(case, _)| Some(case.part) != part);
        regression(&taken.map(|(case, row)| (&row[..], case.right)).collect::<Vec<_>>(), rising)
    };
    let without: Vec<Vec<f64>> = (0..PARTS).map(|part| fitted(Some(part))).collect();
    let judge = |(case, row): (&Case<'a>, &Vec<f64>)| {
        let p = probability(&without[case.part], row);
        Judged {
            p,
            right: case.right,
            gun: case.gun,
            kind: case.kind,
            code: case.code,
            refused: case.contradicted && p < CONTRADICTED,
        }
    };
    let mut judged: Vec<Judged<'a>> = cases.iter().zip(&rows).map(judge).collect();
    judged.sort_by(Judged::order);
    Learned { weights: fitted(None), kinds, judged }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Characters with the same log-odds and outcomes as codes of one feature.
    fn characters_of<'a>(codes: &[Case<'a>]) -> Vec<Case<'a>> {
        let of = |case: &Case<'a>| Case { features: character(case.features[0]).to_vec(), ..*case };
        codes.iter().map(of).collect()
    }

    /// Clear characters that are wrong as often as one in 200, in a wrong place say, must not be taken for surer than
    /// that, whatever the unclear ones teach.
    #[test]
    fn clear_characters_are_no_surer_than_they_are_right() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let codes: Vec<Case<'_>> = (0..20_000)
            .map(|code| {
                let x = rng.random_range(-4.0..9.0);
                let right = rng.random_bool(1.0 / (1.0 + f64::exp(-x))) && !rng.random_bool(0.005);
                Case {
                    gun: None,
                    part: code % PARTS,
                    kind: 0,
                    features: vec![x],
                    right,
                    code,
                    contradicted: false,
                }
            })
            .collect();
        let curve = &fit_kinds(&codes, &characters_of(&codes), 1)[0].curve;
        let stated: f64 = (60..90).map(|x| 1.0 - curve.one(f64::from(x) / 10.0)).sum::<f64>() / 30.0;
        assert!((0.0035..0.008).contains(&stated), "{stated}");
        assert!(curve.one(3.0) < curve.one(3.1), "{curve:?}");
    }

    /// A code that is accepted shows all of its characters; only those of the others are held against their own bar.
    #[test]
    fn the_bar_for_characters_is_counted_where_no_code_is_accepted() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let (mut codes, mut characters) = (Vec::new(), Vec::new());
        for code in 0..9000 {
            let x = rng.random_range(-6.0..14.0);
            let case = |features: &[f64], right| Case {
                gun: None,
                part: code % PARTS,
                kind: 0,
                features: features.to_vec(),
                right,
                code,
                contradicted: false,
            };
            codes.push(case(&[x], rng.random_bool(1.0 / (1.0 + f64::exp(-x)))));
            // One in 1,000 is wrong in all, one in 400 where the code is in doubt.
            let right = x > 6.0 || !rng.random_bool(0.0025);
            characters.push(case(&character(rng.random_range(4.0..6.0)), right));
        }
        let fit = &fit_kinds(&codes, &characters, 1)[0];
        assert!(fit.wrong.of > 3000 && fit.wrong_characters.of <= 9000 - fit.wrong.of, "{fit:?}");
    }

    /// What the ring is sure against is refused by a rule, and must not raise the bar of all others.
    #[test]
    fn what_a_rule_refuses_does_not_set_the_bar() {
        let judged = |p, right, contradicted| Judged {
            p,
            right,
            gun: None,
            kind: 0,
            code: 0,
            refused: contradicted && p < CONTRADICTED,
        };
        let of = |contradicted| {
            let right = (0..200).map(|i| judged(0.9999 - f64::from(i) * 1e-5, true, false));
            right.chain([judged(0.9985, false, contradicted)]).collect::<Vec<_>>()
        };
        let (with, without) = (of(false), of(true));
        let bar = |judged: &[Judged<'_>]| {
            let mut sorted: Vec<&Judged<'_>> = judged.iter().collect();
            sorted.sort_by(|a, b| Judged::order(a, b));
            bar_for_codes(&outcomes(sorted)).0
        };
        assert!(bar(&with) > 0.9985 && bar(&without) < 0.9985, "{} {}", bar(&with), bar(&without));
        let all: Vec<&Judged<'_>> = without.iter().collect();
        let (accepted, wrong) = above(&all, 0.99);
        assert_eq!((accepted.count, wrong.count, wrong.of), (200, 0, 200));
    }

    #[test]
    fn kinds_share_what_a_unit_of_evidence_is_worth_and_each_has_its_own_constant() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let constants = [-1.0, 1.5];
        let cases: Vec<Case<'_>> = (0..6000)
            .map(|i| {
                let (kind, x) = (i % 2, rng.random_range(-5.0..5.0));
                let p = 1.0 / (1.0 + f64::exp(-(constants[kind] + 0.7 * x)));
                Case {
                    gun: None,
                    part: i / 2 % PARTS,
                    kind,
                    features: vec![x],
                    right: rng.random_bool(p),
                    code: i,
                    contradicted: false,
                }
            })
            .collect();
        let fits = fit_kinds(&cases, &characters_of(&cases), 2);
        for (fit, constant) in fits.iter().zip(constants) {
            assert!(
                (fit.curve.bias - constant).abs() < 0.15 && (fit.curve.weights[0] - 0.7).abs() < 0.04,
                "{fit:?}"
            );
            assert_eq!(fit.photographs, 3000);
            assert!(fit.bias.abs() < 0.02, "{}", fit.bias);
        }
        assert_eq!(fits[0].curve.weights, fits[1].curve.weights);
    }
}
