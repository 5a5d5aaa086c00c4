//! What a set of photographs amounts to: the figures of one table.

use super::calibration::{Calibration, calibration};
use super::interval::{Rate, Tally};
use super::overlap::iou;
use super::pair::Pair;
use crate::pipeline::decode::Status;
use crate::pipeline::geometry::Ellipse;
use serde::Serialize;
use std::collections::BTreeSet;

/// The figures of a set of photographs. *Marked* are those whose truth has a code.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Photographs in all.
    pub photographs: u64,
    /// Guns named by the truth.
    pub guns: u64,
    /// Status `read` with the right code, of the marked.
    pub code_right: Rate,
    /// `best` right whatever the status, of the marked.
    pub best_right: Rate,
    /// Status `read` with a wrong code, of all with status `read`; a code read where there is none is wrong.
    pub wrong_among_accepted: Rate,
    /// Status `partial` with every sure character right, of all with status `partial`.
    pub leads_true: Rate,
    /// Status `partial` with a wrong sure character, of all with status `partial`; any on an unmarked photograph.
    pub leads_false: Rate,
    /// Status `unreadable` or `no_mark`, of the marked.
    pub refused: Rate,
    /// Status `failed`, of all photographs.
    pub failed: Rate,
    /// Status `read` or `partial`, of the unmarked.
    pub unmarked_with_code: Rate,
    /// Status `no_mark`, of the unmarked: the right refusal.
    pub unmarked_no_mark: Rate,
    /// Status `no_mark`, of the marked: a mark that was not seen.
    pub marked_no_mark: Rate,
    /// Format right, of the marked whose truth names a known one.
    pub format_right: Rate,
    /// Characters of `best` right at their place, of all characters of the marked.
    pub characters_right: Rate,
    /// Characters of `code` that are wrong, of those given as sure on marked photographs.
    pub sure_characters_wrong: Rate,
    /// Symbols of the ring right at their place, of all symbols of the marked that have a ring.
    pub gear_symbols_right: Rate,
    /// Symbols of the ring wrong, of those given as sure on marked photographs that have a ring.
    pub gear_symbols_wrong: Rate,
    /// Overlap of found and true rim of the impression, over all photographs whose truth has one.
    pub impression_iou: Spread,
    /// Impressions of these whose axes' direction the truth lacks, compared by circles of equal area.
    pub impression_area_only: u64,
    /// Overlap of found and true primer, over the photographs that show the whole edge of its face.
    pub primer_iou: Spread,
    /// Photographs with a primer whose size in pixels is not known, so that it is not in `primer_iou`.
    pub primer_frame_unknown: u64,
    /// Confidence against truth.
    pub calibration: Calibration,
}

/// Quantiles of an overlap, intersection over union, 0-1; what was not found counts as 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Photographs.
    pub photographs: u64,
    /// Median; `None` without photographs.
    pub median: Option<f64>,
    /// 10th percentile; `None` without photographs.
    pub tenth: Option<f64>,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            photographs: values.len() as u64,
            median: quantile(&values, 0.5),
            tenth: quantile(&values, 0.1),
        }
    }
}

/// Quantile `q` (0-1) of sorted values, interpolated linearly between their ranks (R. J. Hyndman,
/// Y. Fan, Am. Stat. 50:361-365, 1996, type 7); `None` of nothing.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let rank = q * last as f64;
    let below = rank.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (rank - below as f64))
}

/// How the characters of `read` stand to those of `truth`: (right, sure and wrong, sure).
///
/// A code of another length has none at its place: nothing of it is right.
fn characters(truth: &str, read: Option<&str>) -> (u64, u64, u64) {
    let Some(read) = read else { return (0, 0, 0) };
    let sure = read.chars().filter(|&c| c != '?').count() as u64;
    if truth.chars().count() != read.chars().count() {
        return (0, sure, sure);
    }
    let right = truth.chars().zip(read.chars()).filter(|(t, r)| t == r).count() as u64;
    (right, sure - right, sure)
}

/// Works out the figures of a set of photographs.
pub fn figures(pairs: &[Pair<'_>]) -> Figures {
    let guns: BTreeSet<&str> = pairs.iter().filter_map(Pair::gun).collect();
    let rate = |among: &dyn Fn(&Pair<'_>) -> bool, yes: &dyn Fn(&Pair<'_>) -> bool| {
        let mut tally = Tally::default();
        pairs.iter().filter(|p| among(p)).for_each(|p| tally.one(p.gun(), yes(p)));
        tally.rate()
    };
    let marked = |p: &Pair<'_>| p.truth.code.is_some();
    let unmarked = |p: &Pair<'_>| p.truth.code.is_none();
    let status = |p: &Pair<'_>, any: &[Status]| any.contains(&p.result.status);
    let partial = |p: &Pair<'_>| status(p, &[Status::Partial]);

    let mut best = Tally::default();
    let mut sure = Tally::default();
    let mut ring = Tally::default();
    let mut ring_sure = Tally::default();
    for p in pairs {
        let Some(truth) = &p.truth.code else { continue };
        let length = truth.chars().count() as u64;
        best.add(p.gun(), characters(truth, p.result.best.as_deref()).0, length);
        let (_, wrong, given) = characters(truth, p.result.code.as_deref());
        sure.add(p.gun(), wrong, given);
        if p.truth.gear == Some(true) {
            let symbols = p.result.gear.as_ref().filter(|g| g.present).map(|g| g.symbols.as_str());
            let (right, wrong, given) = characters(truth, symbols);
            ring.add(p.gun(), right, length);
            ring_sure.add(p.gun(), wrong, given);
        }
    }

    let impressions: Vec<(f64, bool)> = pairs.iter().filter_map(impression_overlap).collect();
    Figures {
        photographs: pairs.len() as u64,
        guns: guns.len() as u64,
        code_right: rate(&marked, &|p| p.accepted() && p.agrees()),
        best_right: rate(&marked, &|p| p.best_right() == Some(true)),
        wrong_among_accepted: rate(&|p| p.accepted(), &|p| !p.agrees()),
        leads_true: rate(&partial, &|p| p.agrees()),
        leads_false: rate(&partial, &|p| !p.agrees()),
        refused: rate(&marked, &|p| status(p, &[Status::Unreadable, Status::NoMark])),
        failed: rate(&|_| true, &|p| status(p, &[Status::Failed])),
        unmarked_with_code: rate(&unmarked, &|p| status(p, &[Status::Read, Status::Partial])),
        unmarked_no_mark: rate(&unmarked, &|p| status(p, &[Status::NoMark])),
        marked_no_mark: rate(&marked, &|p| status(p, &[Status::NoMark])),
        format_right: rate(&|p| marked(p) && p.truth.format.is_some(), &|p| {
            p.truth.format == p.result.format
        }),
        characters_right: best.rate(),
        sure_characters_wrong: sure.rate(),
        gear_symbols_right: ring.rate(),
        gear_symbols_wrong: ring_sure.rate(),
        impression_area_only: impressions.iter().filter(|i| i.1).count() as u64,
        impression_iou: Spread::of(impressions.into_iter().map(|i| i.0).collect()),
        primer_iou: Spread::of(pairs.iter().filter_map(primer_overlap).collect()),
        primer_frame_unknown: pairs
            .iter()
            .filter(|p| p.truth.primer.is_some() && p.truth.size.is_none())
            .count() as u64,
        calibration: calibration(pairs),
    }
}

/// Overlap of the impression's rim, and whether only areas and places could be compared.
///
/// Where the truth gives an elliptic crater without the direction of its axes, both rims are
/// replaced by circles of their area about their centres.
fn impression_overlap(pair: &Pair<'_>) -> Option<(f64, bool)> {
    let truth = pair.truth.crater?;
    let overlap = pair.result.impression.map_or(0.0, |found| {
        let round = Ellipse::circle(found.cx, found.cy, (found.rx * found.ry).max(0.0).sqrt());
        iou(&truth.rim, if truth.area_only { &round } else { &found })
    });
    Some((overlap, truth.area_only))
}

/// Overlap of the primer with the better of its two circles, since its rounded edge may count
/// either way; `None` where the edge of its face leaves the frame, or the frame is not known.
fn primer_overlap(pair: &Pair<'_>) -> Option<f64> {
    let (truth, (width, height)) = (pair.truth.primer?, pair.truth.size?);
    let e = truth.face;
    // The centre of the first pixel is at 0, so the frame reaches half a pixel further.
    let inside = |centre: f64, side: u32| centre - e.rx >= -0.5 && centre + e.rx <= f64::from(side) - 0.5;
    if !inside(e.cx, width) || !inside(e.cy, height) {
        return None;
    }
    Some(pair.result.primer.map_or(0.0, |found| iou(&truth.face, &found).max(iou(&truth.cup, &found))))
}
