//! Scores of characters and ring, and the code format, to a reading. Refuses.

use super::confidence::{Curve, FEATURES, evidence};
use super::engine::Scores;
use super::face::Face;
use super::fuse::{AMBIGUOUS, Fused, fuse, top_of};
use super::geometry::Ellipse;
use super::mark::Mark;
use super::scheme::Scheme;
use crate::error::Failure;
use crate::settings::DecodeSettings;
use serde::{Deserialize, Serialize};

/// Least probability of a code, and of a character, that the ring is sure against: as of an engine whose scores nobody
/// calibrated. Of 1,320 simulated cases and guns of four photographs to calibrate with, the one code that was accepted
/// and wrong was such, in all four photographs of a case whose drag had made a U of a V, at 0.994 to 0.997.
pub const CONTRADICTED: f64 = 0.999;

/// The warning of a mark that may lie in another way, or be of another format.
pub const AMBIGUOUS_WAY: &str = "ambiguous_rotation_or_format";

/// How far a photograph was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The whole code above the acceptance bar.
    Read,
    /// Some characters above theirs.
    Partial,
    /// A mark, none sure.
    Unreadable,
    /// No mark was seen: a primer without a microstamp, no primer, or a mark that was missed.
    NoMark,
    /// The file or the tool failed.
    Failed,
}

/// Where a character came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The character alone.
    Characters,
    /// The gear ring alone.
    Gear,
    /// Both.
    Both,
}

/// One character of a reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The most probable symbol.
    pub char: char,
    /// Its probability.
    pub p: f64,
    /// The likeliest symbols with their probabilities, most probable first.
    pub alternatives: Vec<(char, f64)>,
    /// What said so.
    pub from: Source,
    /// The likeliest symbol of the characters alone and its probability, as the engine gives it: not calibrated. `None` in
    /// results of versions that did not state it.
    #[serde(default)]
    pub by_characters: Option<(char, f64)>,
    /// The same of the ring alone; `None` without a ring.
    #[serde(default)]
    pub by_gear: Option<(char, f64)>,
    /// Corners in photograph pixels: top left, top right, bottom right, bottom left.
    pub quad: [(f64, f64); 4],
}

/// What the gear ring said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GearReading {
    /// Whether a ring is there.
    pub present: bool,
    /// The symbols as the ring alone gives them, `?` where not sure.
    pub symbols: String,
    /// Whether each that is sure is the code's most probable one, and the characters alone are not sure of another.
    pub agrees: bool,
}

/// For each character of `best` whether the ring is sure of another one.
pub fn contradicted(gear: Option<&GearReading>, best: &str) -> Vec<bool> {
    let ring = gear.into_iter().flat_map(|g| g.symbols.chars()).chain(std::iter::repeat('?'));
    best.chars().zip(ring).map(|(c, ring)| ring != '?' && ring != c).collect()
}

/// One way in which the mark may lie, with all its scores: what several photographs are read together from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewScores {
    /// Format id.
    pub format: String,
    /// Counter-clockwise from upright, degrees, 0-360.
    pub rotation_deg: f64,
    /// Whether the mark is mirrored in this view.
    pub mirrored: bool,
    /// Natural logarithm of its probability among all views.
    pub log_p: f64,
    /// For each character in reading order and each symbol of the format's alphabet, what characters and
    /// ring say together: natural logarithm of its probability over that of the likeliest symbol.
    pub scores: Vec<Vec<f64>>,
}

/// One photograph's reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// How far it was read.
    pub status: Status,
    /// The code, `?` where not sure; `None` for no mark, and for one of a format that was not asked for.
    pub code: Option<String>,
    /// The most probable whole code; `None` where there is no mark.
    pub best: Option<String>,
    /// Calibrated probability that `best` is the whole code, 0-1.
    pub confidence: f64,
    /// Format id.
    pub format: Option<String>,
    /// Characters in reading order.
    pub positions: Vec<Position>,
    /// The gear ring, where there is one.
    pub gear: Option<GearReading>,
    /// Edge of the primer's face.
    pub primer: Option<Ellipse>,
    /// Rim of the impression.
    pub impression: Option<Ellipse>,
    /// The crater's floor as the mark's frame has it: a circle, its radius the floor's larger
    /// semi-axis. A gear ring runs along its edge.
    pub floor: Option<Ellipse>,
    /// Counter-clockwise from upright, degrees, 0-360.
    pub rotation_deg: Option<f64>,
    /// Whether the mark is mirrored.
    pub mirrored: Option<bool>,
    /// Words such as `gear_disagrees`; one may stand there twice.
    pub warnings: Vec<String>,
    /// What `confidence` and the positions' `p` were worked out from: the values that
    /// [`FEATURES`] names, then the log-odds of each position. Empty for no mark.
    pub evidence: Vec<f64>,
    /// The likeliest views with all their scores, the best first. Empty for no mark.
    pub views: Vec<ViewScores>,
    /// Probability that the mark is of a format that was not asked for, 0-1: what the views leave.
    pub other_formats: f64,
}

impl Reading {
    /// A photograph without a microstamp.
    pub fn no_mark(face: &Face) -> Self {
        Self {
            status: Status::NoMark,
            code: None,
            best: None,
            confidence: 0.0,
            format: None,
            positions: Vec::new(),
            gear: None,
            primer: face.primer_about(face.impression.as_ref()),
            impression: face.impression,
            floor: None,
            rotation_deg: None,
            mirrored: None,
            warnings: Vec::new(),
            evidence: Vec::new(),
            views: Vec::new(),
            other_formats: 0.0,
        }
    }

    /// How the mark lies: its rotation (degrees, counter-clockwise), and whether it is mirrored.
    pub fn way(&self) -> Option<(f64, bool)> {
        self.rotation_deg.zip(self.mirrored)
    }

    /// Whether there is a mark, but most likely of none of the formats that were asked for.
    pub fn is_of_other_format(&self) -> bool {
        self.status == Status::Unreadable && self.code.is_none()
    }
}

/// Picks the best view, fuses characters and ring, and refuses what is not sure, and marks that are most likely of one of
/// the formats `others`.
///
/// # Errors
/// A [`Failure`] of stage `engine` where its scores cannot be used.
pub fn decode(
    face: &Face,
    mark: &Mark,
    seen: &Scores,
    schemes: &[Scheme],
    others: &[Scheme],
    curve: &dyn Fn(&str) -> Curve,
    settings: &DecodeSettings,
) -> Result<Reading, Failure> {
    let primer = face.primer_about(Some(&mark.rim));
    let nothing = Reading { primer, impression: Some(mark.rim), ..Reading::no_mark(face) };
    let fused = fuse(seen, schemes, others, settings)?;
    let presence = f64::from(seen.presence).clamp(0.0, 1.0);
    if presence < settings.presence_bar || seen.views.is_empty() {
        return Ok(nothing);
    }
    let of_none = seen.views.iter().all(|v| schemes.iter().all(|s| s.id != v.format));
    if of_none || fused.as_ref().is_some_and(|f| f.other_format > AMBIGUOUS) {
        let warnings = vec!["other_format".into()];
        return Ok(Reading { status: Status::Unreadable, warnings, ..nothing });
    }
    let Some(fused) = fused else { return Ok(nothing) };

    let curve = curve(&fused.scheme.id);
    let best: Vec<usize> = fused.positions.iter().map(|p| top_of(p)).collect();
    let evidence = evidence(&fused, &best, presence);
    let confidence = curve.whole(&evidence);
    let each: Vec<f64> = evidence[FEATURES.len()..].iter().map(|x| curve.one(*x)).collect();
    let gear = gear(&fused, &best, settings);
    let symbols: Vec<char> = fused.scheme.alphabet.chars().collect();
    let most_probable: String = best.iter().map(|b| symbols[*b]).collect();
    let contradicted = contradicted(gear.as_ref(), &most_probable);
    let (status, shown) = accept(&each, confidence, &curve, &contradicted);
    // Where the code is right, each of its characters is.
    let positions: Vec<Position> =
        (0..best.len()).map(|i| position(&fused, i, best[i], each[i].max(confidence), settings)).collect();
    let code = most_probable.chars().zip(&shown).map(|(c, show)| if *show { c } else { '?' }).collect();
    let mut warnings = Vec::new();
    if gear.as_ref().is_some_and(|g| !g.agrees) {
        warnings.push("gear_disagrees".into());
    }
    if fused.margin < AMBIGUOUS {
        warnings.push(AMBIGUOUS_WAY.into());
    }
    let pose = fused.view.pose;
    Ok(Reading {
        status,
        code: Some(code),
        best: Some(most_probable),
        confidence,
        format: Some(fused.scheme.id.clone()),
        gear,
        floor: Some(Ellipse::circle(pose.cx, pose.cy, pose.radius)),
        rotation_deg: Some(pose.rotation_deg.rem_euclid(360.0)),
        mirrored: Some(pose.mirrored),
        warnings,
        evidence,
        positions,
        views: fused.views,
        other_formats: fused.others_share,
        ..nothing
    })
}

/// Status, and which characters are shown, from the probability of each and of the whole code, and for each whether
/// it is `contradicted` by the ring. A whole code needs the whole code's bar: characters that are sure one by one are
/// not enough, so the weakest of them is then withheld.
pub fn accept(each: &[f64], confidence: f64, curve: &Curve, contradicted: &[bool]) -> (Status, Vec<bool>) {
    let bar = |bar: f64, contradicted: bool| if contradicted { bar.max(CONTRADICTED) } else { bar };
    if confidence >= bar(curve.accept, contradicted.contains(&true)) {
        return (Status::Read, vec![true; each.len()]);
    }
    let mut shown: Vec<bool> =
        each.iter().zip(contradicted).map(|(p, c)| *p >= bar(curve.accept_character, *c)).collect();
    if shown.iter().all(|s| *s) {
        let weakest = (0..each.len()).reduce(|a, b| if each[b] < each[a] { b } else { a });
        if let Some(weakest) = weakest {
            shown[weakest] = false;
        }
    }
    let status = if shown.contains(&true) { Status::Partial } else { Status::Unreadable };
    (status, shown)
}

fn position(fused: &Fused<'_>, i: usize, best: usize, p: f64, settings: &DecodeSettings) -> Position {
    let symbols: Vec<char> = fused.scheme.alphabet.chars().collect();
    let listed = listed(&fused.positions[i], best, p).into_iter().take(settings.alternatives);
    let corner = |(u, v): (f64, f64)| fused.view.pose.to_photo(u, v);
    let likeliest = |p: &Vec<f64>| (symbols[top_of(p)], p[top_of(p)]);
    Position {
        char: symbols[best],
        p,
        alternatives: listed.map(|(s, p)| (symbols[s], p)).collect(),
        from: source(fused, i, best),
        by_characters: Some(likeliest(&fused.characters[i])),
        by_gear: fused.ring.as_ref().map(|ring| likeliest(&ring[i])),
        quad: fused.view.quads[i].map(corner),
    }
}

/// The symbols, the most probable first, where `best` has been given the probability `p`. The others share what that
/// leaves in the proportions that they had, and none gets more than `best`: what is left over then is nobody's.
pub fn listed(raw: &[f64], best: usize, p: f64) -> Vec<(usize, f64)> {
    // Summed, since what several photographs agree on leaves less than 1 less its probability can tell from nothing.
    let others: f64 = raw.iter().enumerate().filter(|(s, _)| *s != best).map(|(_, p)| p).sum();
    let rest = if others > 0.0 { (1.0 - p) / others } else { 0.0 };
    let mut order: Vec<usize> = (0..raw.len()).filter(|s| *s != best).collect();
    order.sort_by(|a, b| raw[*b].total_cmp(&raw[*a]).then(a.cmp(b)));
    std::iter::once((best, p)).chain(order.into_iter().map(|s| (s, (rest * raw[s]).min(p)))).collect()
}

/// What would have said the same alone: more likely than not counts as saying it.
fn source(fused: &Fused<'_>, i: usize, best: usize) -> Source {
    let ring = fused.ring.as_ref().is_some_and(|ring| ring[i][best] > 0.5);
    match (fused.characters[i][best] > 0.5, ring) {
        (false, true) => Source::Gear,
        (true, true) => Source::Both,
        (true, false) => Source::Characters,
        // Neither would have: only together do they.
        (false, false) if fused.ring.is_some() => Source::Both,
        (false, false) => Source::Characters,
    }
}

fn gear(fused: &Fused<'_>, best: &[usize], settings: &DecodeSettings) -> Option<GearReading> {
    let ring = fused.ring.as_ref()?;
    let symbols: Vec<char> = fused.scheme.alphabet.chars().collect();
    let mut text = String::new();
    let mut agrees = true;
    for ((ring, characters), best) in ring.iter().zip(&fused.characters).zip(best) {
        let top = top_of(ring);
        let sure = ring[top] >= settings.gear_bar;
        text.push(if sure { symbols[top] } else { '?' });
        let other = top_of(characters);
        agrees &= !(sure && (*best != top || other != top && characters[other] >= settings.gear_bar));
    }
    Some(GearReading { present: true, symbols: text, agrees })
}

#[cfg(test)]
mod tests;
