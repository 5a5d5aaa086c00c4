//! Fits how photographs of a group are added up, and what their sum is worth, to groups whose truth is
//! known: see [`crate::groups::confidence`].
//!
//! Groups are cut to their first 2, 3, ... photographs in turn, so that every number of them up to the
//! largest is learned from; each group counts once.

use super::fit::{Case, Fit, enough, fit_kinds, parts};
use super::pair::Pair;
use super::together::{Truthful, truthful};
use crate::batch::Record;
use crate::error::Fatal;
use crate::groups::confidence::{FEATURES, JointCurve};
use crate::groups::joint::join;
use crate::groups::reading::read;
use crate::groups::{Group, Kind};
use crate::pipeline::confidence::Fitted;
use crate::pipeline::scheme::Scheme;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Dependences that are tried, 0-1; finer steps change the loss by less than the guns that are drawn.
const DEPENDENCES: [f64; 9] = [0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0];
/// Shares of photographs that say nothing which are tried, 0-1.
const ASTRAY: [f64; 5] = [0.01, 0.03, 0.08, 0.2, 0.4];
/// Least probability of a stamped character in the loss: one group that is sure and wrong does not decide alone.
const LEAST: f64 = 1e-4;

/// A kind's curve and what it rests on.
#[derive(Clone, Debug)]
pub struct JointFit {
    /// What is written.
    pub curve: JointCurve,
    /// What it rests on; its photographs are groups.
    pub fit: Fit,
    /// Mean loss a stamped character, natural logarithm, at the best dependence and share.
    pub loss: f64,
    /// The same with photographs taken as independent, at the best share.
    pub independent: f64,
}

/// Fits a curve to each kind of `groups` of which there are enough.
///
/// # Errors
/// [`Fatal`] where a group's photograph has no truth or shows another code than the others.
pub fn fit_groups(groups: &[Group], pairs: &[Pair<'_>]) -> Result<BTreeMap<Kind, JointFit>, Fatal> {
    let mut kinds: BTreeMap<Kind, Vec<Truthful<'_>>> = BTreeMap::new();
    for known in truthful(groups, pairs)? {
        kinds.entry(known.group.kind).or_default().push(known);
    }
    Ok(kinds.into_iter().filter_map(|(kind, known)| Some((kind, fit_kind(kind, &known)?))).collect())
}

/// A group that is cut to some of its photographs.
struct Cut<'a> {
    known: &'a Truthful<'a>,
    records: Vec<&'a Record>,
}

fn fit_kind(kind: Kind, known: &[Truthful<'_>]) -> Option<JointFit> {
    let schemes = Scheme::all();
    let several: Vec<&Truthful<'_>> = known.iter().filter(|k| !k.mixed && k.pairs.len() > 1).collect();
    let cuts: Vec<Cut<'_>> = several
        .iter()
        .enumerate()
        .map(|(i, known)| {
            let taken = 2 + i % (known.pairs.len() - 1);
            Cut { known, records: known.pairs.iter().take(taken).map(|p| p.result).collect() }
        })
        .collect();
    let (mut best, mut independent): (Option<(f64, JointCurve)>, f64) = (None, f64::INFINITY);
    for dependence in DEPENDENCES {
        for astray in ASTRAY {
            let curve = JointCurve { dependence, astray, ..JointCurve::unfitted() };
            let loss = loss(&cuts, &schemes, &curve);
            if dependence == 0.0 {
                independent = independent.min(loss);
            }
            if best.as_ref().is_none_or(|(least, _)| loss < *least) {
                best = Some((loss, curve));
            }
        }
    }
    let (loss, curve) = best?;
    let guns: Vec<Option<&str>> = cuts.iter().map(|c| c.known.gun()).collect();
    let (mut whole, mut single) = (Vec::new(), Vec::new());
    for (cut, part) in cuts.iter().zip(parts(&guns)) {
        let group = read("", kind, &cut.records, &schemes, &curve, "");
        let Some(best) = group.best.as_ref().filter(|_| !group.evidence.is_empty()) else { continue };
        let truth: Vec<char> = cut.known.code().into_iter().flat_map(str::chars).collect();
        let (features, each) = group.evidence.split_at(FEATURES.len());
        let case = |features: &[f64], right| Case {
            gun: cut.known.gun(),
            part,
            kind: 0,
            features: features.to_vec(),
            right,
        };
        whole.push(case(features, cut.known.code() == Some(best)));
        for (i, (log_odds, c)) in each.iter().zip(best.chars()).enumerate() {
            single.push(case(&[*log_odds], truth.len() == each.len() && truth[i] == c));
        }
    }
    let right = whole.iter().filter(|case| case.right).count();
    if !enough(whole.len() - right, right) {
        return None;
    }
    let mut fit = fit_kinds(&whole, &single, 1).pop()?;
    let out = FEATURES.iter().position(|f| *f == "out")?;
    if fit.curve.weights[out] > 0.0 {
        // Chance, or larger groups: a photograph that fits the others in no way is no reason to believe them more.
        whole.iter_mut().for_each(|case| case.features[out] = 0.0);
        fit = fit_kinds(&whole, &single, 1).pop()?;
    }
    Some(JointFit { curve: JointCurve { curve: fit.curve.clone(), ..curve }, fit, loss, independent })
}

/// Mean loss a character of the groups that bear a code and show a mark.
fn loss(cuts: &[Cut<'_>], schemes: &[Scheme], curve: &JointCurve) -> f64 {
    let one = |cut: &Cut<'_>| -> Option<(f64, usize)> {
        let code: Vec<char> = cut.known.code()?.chars().collect();
        let marked: Vec<&Record> = cut.records.iter().copied().filter(|r| !r.views.is_empty()).collect();
        let joint = join(&marked, schemes, curve)?;
        let alphabet: Vec<char> = joint.scheme.alphabet.chars().collect();
        let p = |(i, c): (usize, &char)| {
            let s = alphabet.iter().position(|a| a == c);
            let place = joint.positions.get(i).filter(|_| joint.positions.len() == code.len());
            place.zip(s).map_or(LEAST, |(place, s)| place[s]).max(LEAST)
        };
        Some((code.iter().enumerate().map(|at| -p(at).ln()).sum(), code.len()))
    };
    // Collected in order: a sum across threads would depend on their number.
    let losses: Vec<(f64, usize)> = cuts.par_iter().filter_map(one).collect();
    let (sum, n) = losses.iter().fold((0.0, 0), |(sum, n), (loss, len)| (sum + loss, n + len));
    sum / n.max(1) as f64
}
