//! Fits how photographs of a group are added up, and what their sum is worth, to groups whose truth is
//! known: see [`crate::groups::confidence`].
//!
//! Groups are cut to their first 2, 3, ... photographs in turn, so that every number of them up to the
//! largest is learned from; each group counts once.

use super::fit::{Case, Fit, enough, fit_kinds, parts};
use super::together::Truthful;
use crate::batch::Record;
use crate::groups::Kind;
use crate::groups::confidence::{FEATURES, JointCurve};
use crate::groups::joint::join;
use crate::groups::reading::read;
use crate::pipeline::confidence::Fitted;
use crate::pipeline::scheme::Scheme;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Dependences that are tried, 0-1; finer steps change the loss by less than the guns that are drawn.
const DEPENDENCES: [f64; 9] = [0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0];
/// Shares of photographs that say nothing which are tried, 0-1: of 855 mixed photographs with a mark 3 % show it in none of
/// their views as it lies, of 267 severe ones 18 %. The loss hardly tells smaller and larger ones apart.
const ASTRAY: [f64; 3] = [0.03, 0.08, 0.2];
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

/// Fits a curve to each kind of `groups` of which there are enough: what a unit of evidence is worth is the same for
/// all kinds, each has a constant. Groups with a height map are left out.
pub fn fit_groups(groups: Vec<Truthful<'_>>) -> BTreeMap<Kind, JointFit> {
    let mut kinds: BTreeMap<Kind, Vec<Truthful<'_>>> = BTreeMap::new();
    for known in groups {
        kinds.entry(known.group.kind).or_default().push(known);
    }
    let schemes = Scheme::all();
    let (mut sums, mut whole, mut single) = (Vec::new(), Vec::new(), Vec::new());
    for (kind, known) in &kinds {
        let cuts = cuts(known);
        let Some(sum) = Sum::fitted(&cuts, &schemes) else { continue };
        let (codes, characters) = cases(*kind, (sums.len(), whole.len()), &cuts, &schemes, &sum.curve);
        let right = codes.iter().filter(|case| case.right).count();
        if enough(codes.len() - right, right) {
            whole.extend(codes);
            single.extend(characters);
            sums.push((*kind, sum));
        }
    }
    let fits = fit_kinds(&whole, &single, sums.len());
    let joint = |((kind, sum), fit): ((Kind, Sum), Fit)| {
        let curve = JointCurve { curve: fit.curve.clone(), ..sum.curve };
        (kind, JointFit { curve, fit, loss: sum.loss, independent: sum.independent })
    };
    sums.into_iter().zip(fits).map(joint).collect()
}

/// A group that is cut to some of its photographs.
struct Cut<'a> {
    known: &'a Truthful<'a>,
    records: Vec<&'a Record>,
}

fn cuts<'a>(known: &'a [Truthful<'a>]) -> Vec<Cut<'a>> {
    // Height maps, fused stacks and damaged files have a bar of their own.
    let photographs = |k: &Truthful<'_>| k.pairs.iter().all(|p| !p.result.is_uncounted());
    let several = known.iter().filter(|k| !k.mixed && k.pairs.len() > 1 && photographs(k));
    let cut = |(i, known): (usize, &'a Truthful<'a>)| {
        let taken = 2 + i % (known.pairs.len() - 1);
        Cut { known, records: known.pairs.iter().take(taken).map(|p| p.result).collect() }
    };
    several.enumerate().map(cut).collect()
}

/// How photographs of a kind are added up best, and the losses a stamped character.
struct Sum {
    curve: JointCurve,
    loss: f64,
    independent: f64,
}

impl Sum {
    /// `None` without groups.
    fn fitted(cuts: &[Cut<'_>], schemes: &[Scheme]) -> Option<Self> {
        let (mut best, mut independent): (Option<(f64, JointCurve)>, f64) = (None, f64::INFINITY);
        for dependence in DEPENDENCES {
            for astray in ASTRAY {
                let curve = JointCurve { dependence, astray, ..JointCurve::unfitted() };
                let loss = loss(cuts, schemes, &curve);
                if dependence == 0.0 {
                    independent = independent.min(loss);
                }
                if best.as_ref().is_none_or(|(least, _)| loss < *least) {
                    best = Some((loss, curve));
                }
            }
        }
        let (loss, curve) = best.filter(|_| !cuts.is_empty())?;
        Some(Self { curve, loss, independent })
    }
}

/// What the groups of a kind, the `number`th, say of their codes, counted from `first`, and of each character.
fn cases<'a>(
    kind: Kind,
    (number, first): (usize, usize),
    cuts: &[Cut<'a>],
    schemes: &[Scheme],
    curve: &JointCurve,
) -> (Vec<Case<'a>>, Vec<Case<'a>>) {
    let guns: Vec<Option<&str>> = cuts.iter().map(|c| c.known.gun()).collect();
    let (mut whole, mut single) = (Vec::new(), Vec::new());
    for (cut, part) in cuts.iter().zip(parts(&guns)) {
        let group = read("", kind, &cut.records, schemes, curve, "");
        // What a member or the rings contradict is not shown, whatever the curve says.
        let judged = !group.evidence.is_empty() && !group.is_contradicted() && group.withheld().is_none();
        let Some(best) = group.best.as_ref().filter(|_| judged) else { continue };
        let (features, each) = group.evidence.split_at(FEATURES.len());
        let case = Case {
            gun: cut.known.gun(),
            part,
            kind: number,
            features: features.to_vec(),
            right: cut.known.code() == Some(best),
            code: first + whole.len(),
            contradicted: false,
        };
        single.extend(case.characters(each, best, cut.known.code(), &[]));
        whole.push(case);
    }
    (whole, single)
}

/// Mean loss a character of the groups that bear a code and of which several photographs show a mark: where only one
/// does, its own reading stands.
fn loss(cuts: &[Cut<'_>], schemes: &[Scheme], curve: &JointCurve) -> f64 {
    let one = |cut: &Cut<'_>| -> Option<(f64, usize)> {
        let code: Vec<char> = cut.known.code()?.chars().collect();
        let marked: Vec<&Record> = cut.records.iter().copied().filter(|r| !r.views.is_empty()).collect();
        if marked.len() < 2 {
            return None;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::reading::tests::sure;
    use crate::score::pair::Pair;
    use crate::score::truth::Row;

    /// A group that is refused whatever its confidence must not count as one that was read rightly.
    #[test]
    fn groups_whose_members_disagree_teach_the_curve_nothing() {
        let (schemes, curve) = (Scheme::all(), JointCurve::unfitted());
        let truth = Row {
            path: "a".into(),
            code: Some("A7CK2MP4".into()),
            gun: Some("g".into()),
            format: None,
            gear: None,
            primer: None,
            crater: None,
            size: None,
            cells: Vec::new(),
        };
        let learned = |other: &str| {
            let records = [sure("a", "A7CK2MP4"), sure("b", other), sure("c", "A7CK2MP4")];
            let group = read("", Kind::Case, &records.each_ref(), &schemes, &curve, "");
            let pairs = records.iter().map(|result| Pair { truth: &truth, result }).collect();
            let known = [Truthful { group: &group, pairs, mixed: false }];
            let cut = Cut { known: &known[0], records: records.iter().collect() };
            let (codes, characters) = cases(Kind::Case, (0, 0), &[cut], &schemes, &curve);
            (codes.len(), characters.len())
        };
        assert_eq!(learned("A7CK2MP4"), (1, 8));
        assert_eq!(learned("XYZ34567"), (0, 0));
    }
}
