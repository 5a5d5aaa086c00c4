//! Characters and gear ring are two measurements of one code: their log-likelihoods are added
//! position by position, and the whole code's evidence chooses between the views.

use super::decode::ViewScores;
use super::engine::{Scores, View};
use super::scheme::{Gear, Scheme};
use crate::error::Failure;
use crate::settings::DecodeSettings;

/// Log-odds beyond which evidence counts no further; 12 is one error in 160,000, which no
/// calibration set can tell from never.
pub(crate) const MOST: f64 = 12.0;
/// Views whose rotations differ by less than this (degrees) read the same mark the same way.
const SAME_WAY: f64 = 20.0;
/// Log-odds against all other rotations and formats below which one of them is nearly as good, 20 to 1: an examiner
/// should look.
pub(crate) const AMBIGUOUS: f64 = 3.0;
/// What the user's word on the format is worth against the picture, in log-odds: 20 to 1, as [`AMBIGUOUS`], beyond which the
/// mark is said to be of another.
pub(crate) const WORD: f64 = AMBIGUOUS;
/// Views that are kept for reading several photographs together, at the most: upright and upside down,
/// each in two formats.
const KEPT: usize = 4;
/// Least probability of a view that is kept: two further photographs that are sure outweigh it.
const LEAST_KEPT: f64 = 1e-5;

/// What all views together say.
pub(super) struct Fused<'a> {
    /// The best view.
    pub(super) view: &'a View,
    /// Its format.
    pub(super) scheme: &'a Scheme,
    /// For each character the probability of every symbol, over all views; sums to 1.
    pub(super) positions: Vec<Vec<f64>>,
    /// For each character what the characters of the best view say alone; sums to 1.
    pub(super) characters: Vec<Vec<f64>>,
    /// For each character what the ring of the best view says alone; sums to 1.
    pub(super) ring: Option<Vec<Vec<f64>>>,
    /// Probability of the code made of each position's most probable symbol.
    pub(super) whole: f64,
    /// Log-odds of the best view's format, rotation and mirroring against all others, within ±[`MOST`].
    pub(super) margin: f64,
    /// The least of the ring's log-likelihood ratios for the most probable symbols; 0 without a ring.
    pub(super) contradiction: f64,
    /// Log-odds of the likeliest view of a format that was not asked for against the best one; minus infinity without.
    pub(super) other_format: f64,
    /// Probability that the mark is of a format that was not asked for, 0-1.
    pub(super) others_share: f64,
    /// The likeliest views with their scores, the best first.
    pub(super) views: Vec<ViewScores>,
}

/// One view, its characters and ring added up.
struct Sum<'a> {
    view: &'a View,
    scheme: &'a Scheme,
    /// Log-evidence of format and pose.
    evidence: f64,
    characters: Vec<Vec<f64>>,
    ring: Option<Vec<Vec<f64>>>,
    both: Vec<Vec<f64>>,
}

/// Fuses all views whose format is among `schemes`; `None` where there is none. Those of the formats of `others` are never
/// the best, but what they are worth against the user's word the best one has not.
///
/// # Errors
/// A [`Failure`] of stage `engine` where scores have the wrong length or are no numbers.
pub(super) fn fuse<'a>(
    seen: &'a Scores,
    schemes: &'a [Scheme],
    others: &[Scheme],
    settings: &DecodeSettings,
) -> Result<Option<Fused<'a>>, Failure> {
    if !seen.presence.is_finite() {
        return Err(unusable("the probability that there is a mark is no number"));
    }
    let mut sums = Vec::new();
    let mut others_evidence = Vec::new();
    for view in &seen.views {
        if let Some(scheme) = schemes.iter().find(|s| s.id == view.format) {
            check(view, scheme)?;
            if view.log_weight > f32::NEG_INFINITY {
                sums.push(add_up(view, scheme, settings)?);
            }
        } else if let Some(scheme) = others.iter().find(|s| s.id == view.format) {
            check(view, scheme)?;
            others_evidence.push(add_up(view, scheme, settings)?.evidence);
        }
    }
    let top = sums.iter().map(|s| s.evidence).fold(f64::NEG_INFINITY, f64::max);
    let mut shares: Vec<f64> = sums.iter().map(|s| (s.evidence - top).exp()).collect();
    let mut others_share: f64 = others_evidence.iter().map(|e| (e - top - WORD).exp()).sum();
    let total = shares.iter().sum::<f64>() + others_share;
    shares.iter_mut().for_each(|s| *s /= total);
    others_share /= total;
    // The first of equals: views come in a fixed order.
    let Some(best) = (0..sums.len()).reduce(|a, b| if shares[b] > shares[a] { b } else { a }) else {
        return Ok(None);
    };
    let (view, scheme) = (sums[best].view, sums[best].scheme);
    let symbols = scheme.alphabet.chars().count();

    // Views of another format say nothing about this one's positions: their share is spread evenly.
    let mut positions = vec![vec![others_share / symbols as f64; symbols]; scheme.len()];
    for (sum, share) in sums.iter().zip(&shares) {
        let even = vec![1.0 / symbols as f64; symbols];
        let same = sum.scheme.id == scheme.id;
        for (i, position) in positions.iter_mut().enumerate() {
            let from = if same { &sum.both[i] } else { &even };
            position.iter_mut().zip(from).for_each(|(p, f)| *p += share * f);
        }
    }
    let best_symbols: Vec<usize> = positions.iter().map(|p| top_of(p)).collect();
    let whole = sums
        .iter()
        .zip(&shares)
        .filter(|(sum, _)| sum.scheme.id == scheme.id)
        .map(|(sum, share)| share * best_symbols.iter().zip(&sum.both).map(|(b, p)| p[*b]).product::<f64>())
        .sum();
    let way = |v: &View| (v.pose.rotation_deg, v.pose.mirrored);
    let alike = |v: &View| v.format == view.format && same_way(way(v), way(view));
    let rivals: f64 = sums.iter().zip(&shares).filter(|(s, _)| !alike(s.view)).map(|(_, w)| w).sum();
    let other = others_evidence.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let contradiction = sums[best].ring.as_ref().map_or(0.0, |ring| {
        let ratio = |(b, p): (&usize, &Vec<f64>)| (p[*b] * symbols as f64).max(1e-6).ln();
        best_symbols.iter().zip(ring).map(ratio).fold(f64::INFINITY, f64::min)
    });
    let views = kept(&sums, &shares);
    let sum = sums.swap_remove(best);
    Ok(Some(Fused {
        view,
        scheme,
        positions,
        characters: sum.characters,
        ring: sum.ring,
        whole,
        margin: logit(1.0 - rivals - others_share),
        contradiction,
        other_format: other - top,
        others_share,
        views,
    }))
}

/// The likeliest views, the best first; of equals the first.
fn kept(sums: &[Sum<'_>], shares: &[f64]) -> Vec<ViewScores> {
    let mut order: Vec<usize> = (0..sums.len()).filter(|i| shares[*i] >= LEAST_KEPT).collect();
    order.sort_by(|a, b| shares[*b].total_cmp(&shares[*a]).then(a.cmp(b)));
    let against_top = |p: &Vec<f64>| {
        let top = p[top_of(p)].ln();
        p.iter().map(|p| p.ln() - top).collect()
    };
    let scores = |i: usize| ViewScores {
        format: sums[i].scheme.id.clone(),
        rotation_deg: sums[i].view.pose.rotation_deg.rem_euclid(360.0),
        mirrored: sums[i].view.pose.mirrored,
        log_p: shares[i].ln(),
        scores: sums[i].both.iter().map(against_top).collect(),
    };
    order.into_iter().take(KEPT).map(scores).collect()
}

/// Log-odds of a probability, within ±[`MOST`].
pub(crate) fn logit(p: f64) -> f64 {
    let p = p.clamp(0.0, 1.0);
    (p.ln() - (1.0 - p).ln()).clamp(-MOST, MOST)
}

/// Whether two views, by rotation (degrees) and mirroring, take a mark to lie the same way.
pub(crate) fn same_way(a: (f64, bool), b: (f64, bool)) -> bool {
    let turned = (a.0 - b.0).rem_euclid(360.0);
    a.1 == b.1 && turned.min(360.0 - turned) < SAME_WAY
}

/// The most probable symbol, the first of equals.
pub(crate) fn top_of(p: &[f64]) -> usize {
    (0..p.len()).reduce(|a, b| if p[b] > p[a] { b } else { a }).unwrap_or(0)
}

fn unusable(reason: impl Into<String>) -> Failure {
    Failure::new("engine", reason, "another --engine, and a report to its maker: its scores cannot be used")
}

fn check(view: &View, scheme: &Scheme) -> Result<(), Failure> {
    let id = &view.format;
    let (n, symbols) = (scheme.len(), scheme.alphabet.chars().count());
    if view.symbols.len() != n || view.quads.len() != n {
        let (got, quads) = (view.symbols.len(), view.quads.len());
        return Err(unusable(format!("{got} characters and {quads} cells for {id}, which has {n}")));
    }
    if let Some(wrong) = view.symbols.iter().find(|s| s.len() != symbols) {
        return Err(unusable(format!("{} scores for the {symbols} symbols of {id}", wrong.len())));
    }
    if let Some(gear) = &view.gear {
        let sectors = scheme.sectors().unwrap_or(0);
        if gear.len() != sectors {
            return Err(unusable(format!("{} sectors for {id}, which has {sectors}", gear.len())));
        }
        if gear.iter().any(|s| s.is_nan()) {
            return Err(unusable(format!("a sector of {id} that is no number")));
        }
    }
    // Minus infinity is a symbol ruled out; plus infinity and no number at all are mistakes.
    let bad = |s: f32| s.is_nan() || s == f32::INFINITY;
    if bad(view.log_weight) || view.symbols.iter().flatten().any(|s| bad(*s)) {
        return Err(unusable(format!("a score of {id} that is no number")));
    }
    let pose = &view.pose;
    let frame = [pose.cx, pose.cy, pose.radius, pose.rotation_deg];
    let corners = view.quads.iter().flatten().flat_map(|c| [c.0, c.1]);
    if frame.into_iter().chain(corners).any(|x| !x.is_finite()) {
        return Err(unusable(format!("a pose or cell of {id} that is no number")));
    }
    Ok(())
}

fn add_up<'a>(view: &'a View, scheme: &'a Scheme, settings: &DecodeSettings) -> Result<Sum<'a>, Failure> {
    let mut characters = Vec::with_capacity(scheme.len());
    for scores in &view.symbols {
        let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if top == f32::NEG_INFINITY {
            return Err(unusable(format!("a character of {} with every symbol ruled out", scheme.id)));
        }
        let temper = settings.character_temper;
        let p: Vec<f64> = scores.iter().map(|s| (f64::from(s - top) * temper).exp()).collect();
        characters.push(floored(&p, settings.character_floor));
    }
    let mut evidence = f64::from(view.log_weight);
    let mut ring = None;
    let mut both = characters.clone();
    if let (Some(odds), Some(gear)) = (&view.gear, &scheme.gear) {
        let ratios = ring_ratios(odds, gear, scheme, settings);
        let mut alone = Vec::with_capacity(ratios.len());
        // Log-evidence that characters and ring say the same and not any symbols.
        let mut agreement = 0.0;
        for (p, ratio) in both.iter_mut().zip(&ratios) {
            p.iter_mut().zip(ratio).for_each(|(p, r)| *p *= r);
            let total: f64 = p.iter().sum();
            p.iter_mut().for_each(|p| *p /= total);
            let all: f64 = ratio.iter().sum();
            // Against any symbol: a ring that fits all of them as well says nothing for the view.
            agreement += (total * ratio.len() as f64 / all).ln();
            alone.push(ratio.iter().map(|r| r / all).collect());
        }
        evidence += settings.ring_weight * agreement;
        ring = Some(alone);
    }
    Ok(Sum { view, scheme, evidence, characters, ring, both })
}

/// Likelihood of the ring's sectors over that of arbitrary sectors, for each character and each symbol of the alphabet.
/// Start tooth and gap say nothing: what reads rings is only ever shown them where they have to be, and sees them there
/// whatever the picture shows.
fn ring_ratios(odds: &[f32], gear: &Gear, scheme: &Scheme, settings: &DecodeSettings) -> Vec<Vec<f64>> {
    // log of p(tooth) / (1/2) for log-odds x.
    let tooth = |x: f64| std::f64::consts::LN_2 - (-x).exp().ln_1p();
    let x = |i: usize| (f64::from(odds[i]) * settings.ring_temper).clamp(-MOST, MOST);
    let fixed = gear.start + gear.gap;
    let ratios = |i: usize| {
        let from = fixed + i * gear.bits;
        let of = |symbol: char| {
            // A symbol without a value cannot stand in a ring.
            let Some(value) = gear.values.chars().position(|v| v == symbol) else { return 0.0 };
            let bit = |b: usize| value >> (gear.bits - 1 - b) & 1 == 1;
            let log: f64 =
                (0..gear.bits).map(|b| tooth(if bit(b) { x(from + b) } else { -x(from + b) })).sum();
            (1.0 - settings.ring_floor) * log.exp() + settings.ring_floor
        };
        scheme.alphabet.chars().map(of).collect()
    };
    (0..scheme.len()).map(ratios).collect()
}

/// Normalises, and leaves each symbol at least `floor` of an even share.
fn floored(p: &[f64], floor: f64) -> Vec<f64> {
    let total: f64 = p.iter().sum();
    p.iter().map(|x| (1.0 - floor) * x / total + floor / p.len() as f64).collect()
}
