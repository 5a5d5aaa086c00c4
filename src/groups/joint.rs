//! What several photographs say together.
//!
//! Each photograph comes with a few views (a format, a rotation, mirrored or not) with a probability each,
//! and in each view with the scores p of all symbols. A hypothesis takes one format for all, and for each
//! photograph one of its views or none: such a photograph was found so wrongly that it says nothing, or
//! shows another code. With w the weight of n photographs that are in, its evidence is
//!
//! ```text
//! sum over photographs in   log((1 - a) P(view))
//! sum over photographs out  log(a)                  a = astray (2 - confidence)
//! sum over places           log( 1/S  sum over symbols s of  product over photographs in of r(s) )
//! r(s) = S p(s)^w / sum over t of p(t)^w          w = 1 / (1 + (n - 1) dependence)
//! ```
//!
//! so that a photograph which leaves doubt by itself is left out rather than a sure one, and n photographs
//! count as n w: the effective number of n measurements with an intraclass correlation (L. Kish, Survey
//! Sampling, 1965, section 5.4). More than four count as four. Hypotheses are built up a photograph at a
//! time, the surest first, and only the best few of each format go on.
//!
//! Where formats were asked for, each photograph says how likely its mark is of another one. That adds up as scores do, and
//! the user's word is taken off once and not with every photograph:
//!
//! ```text
//! log-odds of another format = sum over photographs in  w (logit(other formats) + word) - word
//! ```

use super::confidence::JointCurve;
use crate::batch::Record;
use crate::pipeline::decode::ViewScores;
use crate::pipeline::fuse::{WORD, logit, same_way, top_of};
use crate::pipeline::scheme::Scheme;

/// Hypotheses of a format that go on to the next photograph: more than the 25 of two photographs, each in one of its
/// four views or none, and the likeliest of more photographs.
const KEPT: usize = 32;

/// What photographs say together.
#[derive(Clone, Debug)]
pub struct Joint<'a> {
    /// The best hypothesis's format.
    pub scheme: &'a Scheme,
    /// For each place the probability of every symbol, over all hypotheses; sums to 1.
    pub positions: Vec<Vec<f64>>,
    /// The most probable symbol of each place.
    pub best: Vec<usize>,
    /// Probability of the code that `best` spells.
    pub whole: f64,
    /// Log-odds of the best hypothesis's format and views against those that differ.
    pub margin: f64,
    /// What each photograph did, in the order in which they were given.
    pub parts: Vec<Part<'a>>,
}

/// One photograph's part in the best hypothesis.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// The view in which it is taken; `None` where it is left out.
    pub view: Option<&'a ViewScores>,
    /// Weight of its scores; 0 where it is left out.
    pub weight: f64,
    /// For each place the natural logarithm of the likelihood of the joint reading's symbol over that of
    /// an arbitrary one, unweighted; of the likeliest view of that format where it is left out, and empty
    /// where there is none.
    pub support: Vec<f64>,
}

/// A view's scores as natural logarithms of probabilities that sum to 1.
struct Known<'a> {
    view: &'a ViewScores,
    log_p: Vec<Vec<f64>>,
}

#[derive(Clone)]
struct Hypothesis {
    /// Number of the view of each photograph so far.
    views: Vec<Option<usize>>,
    /// Logarithm of the probability of the views.
    prior: f64,
    evidence: f64,
    /// For each place and symbol the sum of the log-probabilities of the photographs that are in.
    sums: Vec<Vec<f64>>,
    /// For each place the probability of every symbol.
    positions: Vec<Vec<f64>>,
    scheme: usize,
}

/// Reads photographs together; `None` where none has a view.
pub fn join<'a>(members: &[&'a Record], schemes: &'a [Scheme], curve: &JointCurve) -> Option<Joint<'a>> {
    // The surest first, so that what is dropped on the way is unlikely.
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by(|a, b| members[*b].confidence.total_cmp(&members[*a].confidence).then(a.cmp(b)));
    let astray: Vec<f64> = order.iter().map(|m| curve.astray(members[*m].confidence)).collect();
    let mut all = Vec::new();
    for (number, scheme) in schemes.iter().enumerate() {
        let known: Vec<Vec<Known<'a>>> = order.iter().map(|m| known(members[*m], scheme)).collect();
        if known.iter().all(Vec::is_empty) {
            continue;
        }
        all.extend(
            hypotheses(&known, &astray, scheme, curve)
                .into_iter()
                .map(|h| Hypothesis { scheme: number, ..h }),
        );
    }
    let top = all.iter().map(|h| h.evidence).fold(f64::NEG_INFINITY, f64::max);
    let mut shares: Vec<f64> = all.iter().map(|h| (h.evidence - top).exp()).collect();
    let total: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|s| *s /= total);
    let first = (0..all.len()).reduce(|a, b| if shares[b] > shares[a] { b } else { a })?;
    let scheme = &schemes[all[first].scheme];
    let symbols = scheme.alphabet.chars().count();
    let others = other_formats(&all[first], &order, members, curve);
    shares.iter_mut().for_each(|s| *s *= 1.0 - others);
    let mut positions = vec![vec![others / symbols as f64; symbols]; scheme.len()];
    for (h, share) in all.iter().zip(&shares) {
        let same = h.scheme == all[first].scheme;
        for (i, position) in positions.iter_mut().enumerate() {
            let of = |s: usize| if same { h.positions[i][s] } else { 1.0 / symbols as f64 };
            position.iter_mut().enumerate().for_each(|(s, p)| *p += share * of(s));
        }
    }
    let best: Vec<usize> = positions.iter().map(|p| top_of(p)).collect();
    let whole = all
        .iter()
        .zip(&shares)
        .filter(|(h, _)| h.scheme == all[first].scheme)
        .map(|(h, share)| share * best.iter().zip(&h.positions).map(|(b, p)| p[*b]).product::<f64>())
        .sum();
    let known: Vec<Vec<Known<'a>>> = order.iter().map(|m| known(members[*m], scheme)).collect();
    let rivals: f64 =
        all.iter().zip(&shares).filter(|(h, _)| differs(h, &all[first], &known)).map(|(_, s)| s).sum();
    let taken = all[first].views.iter().flatten().count();
    let mut parts: Vec<Option<Part<'a>>> = members.iter().map(|_| None).collect();
    for ((member, known), view) in order.iter().zip(&known).zip(&all[first].views) {
        let shown = known.get(view.unwrap_or(0));
        let support = shown.map_or_else(Vec::new, |k| {
            best.iter().zip(&k.log_p).map(|(b, p)| p[*b] + (symbols as f64).ln()).collect()
        });
        parts[*member] = Some(Part {
            view: view.and_then(|v| known.get(v)).map(|k| k.view),
            weight: if view.is_some() { curve.weight(taken) } else { 0.0 },
            support,
        });
    }
    Some(Joint {
        scheme,
        positions,
        whole,
        margin: logit(1.0 - rivals - others),
        parts: parts.into_iter().flatten().collect(),
        best,
    })
}

/// Probability that the marks are of a format that was not asked for, by the photographs that are in, 0-1.
fn other_formats(best: &Hypothesis, order: &[usize], members: &[&Record], curve: &JointCurve) -> f64 {
    let taken = order.iter().zip(&best.views).filter_map(|(m, view)| view.map(|_| members[*m].other_formats));
    let taken: Vec<f64> = taken.collect();
    if taken.iter().all(|p| *p == 0.0) {
        return 0.0;
    }
    let weight = curve.weight(taken.len());
    let log_odds = taken.iter().map(|p| weight * (logit(*p) + WORD)).sum::<f64>() - WORD;
    1.0 / (1.0 + (-log_odds).exp())
}

/// The views of a photograph that are of one format.
fn known<'a>(member: &'a Record, scheme: &Scheme) -> Vec<Known<'a>> {
    let normalised = |scores: &Vec<f64>| {
        let total: f64 = scores.iter().map(|s| s.exp()).sum::<f64>().ln();
        scores.iter().map(|s| s - total).collect()
    };
    member
        .views
        .iter()
        .filter(|v| v.format == scheme.id)
        .map(|view| Known { view, log_p: view.scores.iter().map(normalised).collect() })
        .collect()
}

/// Whether two views of a photograph take the mark to lie in two ways: turned, or mirrored.
pub(super) fn other_way(a: &ViewScores, b: &ViewScores) -> bool {
    !same_way((a.rotation_deg, a.mirrored), (b.rotation_deg, b.mirrored))
}

/// Whether two hypotheses read some photograph in another way: in another format, turned, or mirrored.
fn differs(a: &Hypothesis, b: &Hypothesis, known: &[Vec<Known<'_>>]) -> bool {
    a.scheme != b.scheme
        || a.views.iter().zip(&b.views).zip(known).any(|((a, b), known)| match (a, b) {
            (Some(a), Some(b)) => other_way(known[*a].view, known[*b].view),
            _ => false,
        })
}

/// log( 1/S  sum over symbols t of p(t)^w ) for the weight w of so many photographs that are in (from 1), by
/// that number, photograph, view and place.
type Norms = Vec<Vec<Vec<Vec<f64>>>>;

fn norms(known: &[Vec<Known<'_>>], symbols: usize, curve: &JointCurve) -> Norms {
    let of = |p: &[f64], w: f64| (p.iter().map(|p| (w * p).exp()).sum::<f64>() / symbols as f64).ln();
    let of_view = |k: &Known<'_>, w: f64| k.log_p.iter().map(|p| of(p, w)).collect();
    (1..=known.len())
        .map(|n| curve.weight(n))
        .map(|w| known.iter().map(|views| views.iter().map(|k| of_view(k, w)).collect()).collect())
        .collect()
}

/// The likeliest hypotheses of one format; `astray` of each photograph.
fn hypotheses(
    known: &[Vec<Known<'_>>],
    astray: &[f64],
    scheme: &Scheme,
    curve: &JointCurve,
) -> Vec<Hypothesis> {
    let symbols = scheme.alphabet.chars().count();
    let norms = norms(known, symbols, curve);
    let start = Hypothesis {
        views: Vec::new(),
        prior: 0.0,
        evidence: 0.0,
        sums: vec![vec![0.0; symbols]; scheme.len()],
        positions: Vec::new(),
        scheme: 0,
    };
    let mut kept = vec![start];
    for (views, astray) in known.iter().zip(astray) {
        let mut next = Vec::new();
        for h in &kept {
            let choices = (0..views.len()).map(|v| (Some(v), (1.0 - astray).ln() + views[v].view.log_p));
            for (choice, prior) in choices.chain([(None, astray.ln())]) {
                let mut grown = h.clone();
                grown.views.push(choice);
                grown.prior += prior;
                if let Some(v) = choice {
                    let log_p = views[v].log_p.iter().flatten();
                    grown.sums.iter_mut().flatten().zip(log_p).for_each(|(sum, p)| *sum += p);
                }
                weigh(&mut grown, &norms, curve);
                next.push(grown);
            }
        }
        // Stable: of equals the one that was made first stays first.
        next.sort_by(|a, b| b.evidence.total_cmp(&a.evidence));
        next.truncate(KEPT);
        kept = next;
    }
    kept
}

/// Works out a hypothesis's places and evidence.
fn weigh(h: &mut Hypothesis, norms: &Norms, curve: &JointCurve) {
    let taken: Vec<(usize, usize)> =
        h.views.iter().enumerate().filter_map(|(m, view)| view.map(|v| (m, v))).collect();
    let weight = curve.weight(taken.len());
    let mut together = 0.0;
    h.positions = h
        .sums
        .iter()
        .enumerate()
        .map(|(i, sums)| {
            let norm: f64 = taken.iter().map(|(m, v)| norms[taken.len() - 1][*m][*v][i]).sum();
            let top = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = sums.iter().map(|s| (weight * (s - top)).exp()).sum();
            together += (sum / sums.len() as f64).ln() + weight * top - norm;
            sums.iter().map(|s| (weight * (s - top)).exp() / sum).collect()
        })
        .collect();
    h.evidence = h.prior + together;
}
