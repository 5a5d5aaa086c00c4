//! A line of `groups.jsonl`: what the photographs of a group say together, and each one's part in it.

use super::confidence::{FEATURES, JointCurve, evidence};
use super::joint::{Joint, join, other_way};
use super::output::SCHEMA;
use crate::batch::Record;
use crate::pipeline::decode::{AMBIGUOUS_WAY, Status, accept, contradicted, listed};
use crate::pipeline::fuse::AMBIGUOUS;
use crate::pipeline::scheme::Scheme;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Sure characters of one photograph that speak against the joint reading, from which on nothing is read: one in 500
/// of those that partial codes show is wrong by itself, two of one photograph are another code or another view.
const CONTRADICTS: usize = 2;
/// Rings that are sure of another character than the joint reading's, less those that are sure of it, from which on the
/// character is not shown. One ring is damaged now and then: all 21 codes of groups to calibrate with that would have been
/// accepted against one more ring were right.
const RINGS_AGAINST: isize = 2;
/// Probability of the code and of the character then, at the most: of 12 simulated cases with such a character whose code
/// would have been accepted, 11 were right, and the twelfth had a V that drag had made a U of in all four photographs.
const RINGS_AGAINST_P: f64 = 0.9;
/// Symbols that are listed for each character, as in results.
const ALTERNATIVES: usize = 5;

/// What the photographs of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The case: one strike, under different light.
    Case,
    /// The gun: several strikes of one pin.
    Gun,
}

impl Kind {
    /// As `groups.jsonl` writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Gun => "gun",
        }
    }
}

/// One group's line. Fields stand in the order in which they are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Version of this layout.
    pub schema: u32,
    /// The group's name.
    pub group: String,
    /// What its photographs have in common.
    pub kind: Kind,
    /// How far they were read together; `no_mark` where none has a mark.
    pub status: Status,
    /// The code, `?` where not sure; null where there is no mark.
    pub code: Option<String>,
    /// The most probable whole code; null where there is no mark.
    pub best: Option<String>,
    /// Calibrated probability that `best` is the whole code, 0-1; 0 where members disagree.
    pub confidence: f64,
    /// Format id.
    pub format: Option<String>,
    /// Characters in reading order.
    pub positions: Vec<Place>,
    /// The photographs, in the order of the results.
    pub members: Vec<Member>,
    /// Words such as `members_disagree`.
    pub warnings: Vec<String>,
    /// What `confidence` was worked out from: the values that [`FEATURES`] names, then the log-odds of
    /// each character. Empty where fewer than two photographs have a mark.
    pub evidence: Vec<f64>,
    /// SHA-256 of the `results.jsonl` that it was read from.
    pub results_sha256: String,
}

/// The warning of a group whose members disagree.
const DISAGREE: &str = "members_disagree";
/// The warning of a mark of none of the formats asked for.
const OTHER_FORMAT: &str = "other_format";
/// The warning of a group in which rings speak against a character.
const GEAR_DISAGREES: &str = "gear_disagrees";
/// That of a member whose own sure characters speak against the joint reading.
const CONTRADICTING: &str = "contradicts";

impl Group {
    /// Why nothing of its code is shown, where its members do not let it be.
    pub fn withheld(&self) -> Option<&'static str> {
        match (self.warns(DISAGREE), self.warns(OTHER_FORMAT)) {
            (true, _) => Some("its photographs contradict each other"),
            (false, true) => Some("one of its photographs shows a mark of none of the formats asked for"),
            (false, false) => None,
        }
    }

    /// Whether a member or the rings contradict as much as one character: then not all of it is shown, whatever the curve
    /// says.
    pub fn is_contradicted(&self) -> bool {
        let of_members = self.members.iter().flat_map(|m| &m.warnings).any(|w| w == CONTRADICTING);
        of_members || self.warns(GEAR_DISAGREES)
    }

    fn warns(&self, of: &str) -> bool {
        self.warnings.iter().any(|w| w == of)
    }
}

/// One character of a joint reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The most probable symbol.
    pub char: char,
    /// Its probability.
    pub p: f64,
    /// The likeliest symbols with their probabilities, most probable first.
    pub alternatives: Vec<(char, f64)>,
}

/// One photograph's part in a joint reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// As in the results.
    pub path: String,
    /// As in the results.
    pub sha256: Option<String>,
    /// Its own reading's.
    pub status: Status,
    /// Its own reading's.
    pub code: Option<String>,
    /// Its own reading's.
    pub best: Option<String>,
    /// Its own reading's.
    pub confidence: f64,
    /// Weight of its scores, 0-1; 0 where it has no mark or was left out.
    pub weight: f64,
    /// How the joint reading takes it to lie, counter-clockwise from upright, degrees; null where left out.
    pub rotation_deg: Option<f64>,
    /// Whether the joint reading takes it to be mirrored.
    pub mirrored: Option<bool>,
    /// For each character the natural logarithm of the likelihood, by this photograph alone, of the joint
    /// reading's symbol over that of an arbitrary one: below 0 it speaks against it.
    pub support: Vec<f64>,
    /// `left_out`, `contradicts`, `turned` (read another way round than alone), `same_file` and `same_picture` (as another
    /// member: counted once), `other_format` (a mark of none of the formats asked for).
    pub warnings: Vec<String>,
}

impl Member {
    fn new(record: &Record) -> Self {
        Self {
            path: record.path.clone(),
            sha256: record.sha256.clone(),
            status: record.status,
            code: record.code.clone(),
            best: record.best.clone(),
            confidence: record.confidence,
            weight: 0.0,
            rotation_deg: None,
            mirrored: None,
            support: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// Reads the photographs of a group together.
pub fn read(
    name: &str,
    kind: Kind,
    records: &[&Record],
    schemes: &[Scheme],
    curve: &JointCurve,
    results_sha256: &str,
) -> Group {
    let mut group = Group {
        schema: SCHEMA,
        group: name.into(),
        kind,
        status: Status::NoMark,
        code: None,
        best: None,
        confidence: 0.0,
        format: None,
        positions: Vec::new(),
        members: records.iter().map(|r| Member::new(r)).collect(),
        warnings: Vec::new(),
        evidence: Vec::new(),
        results_sha256: results_sha256.into(),
    };
    let usable = usable(records, &mut group.members);
    let marked: Vec<&Record> = usable.iter().map(|i| records[*i]).collect();
    match marked.as_slice() {
        [] if !records.is_empty() && records.iter().all(|r| r.status == Status::Failed) => {
            group.status = Status::Failed;
        }
        [] if records.iter().any(|r| r.status == Status::Unreadable) => {
            group.status = Status::Unreadable;
            group.warnings.push(OTHER_FORMAT.into());
        }
        [] => {}
        [only] => alone(&mut group, usable[0], only),
        _ => {
            if let Some(joint) = join(&marked, schemes, curve) {
                together(&mut group, &usable, &marked, &joint, curve);
            }
        }
    }
    withhold_beside_another_format(&mut group, records);
    group
}

/// Shows nothing of a code where a member shows a mark of none of the formats asked for: one of the two was found wrongly,
/// or stems from another gun.
fn withhold_beside_another_format(group: &mut Group, records: &[&Record]) {
    let mut other = false;
    for (member, record) in group.members.iter_mut().zip(records) {
        if record.status == Status::Unreadable && record.code.is_none() {
            member.warnings.push(OTHER_FORMAT.into());
            other = true;
        }
    }
    if let Some(code) = group.code.as_mut().filter(|_| other) {
        *code = "?".repeat(code.chars().count());
        (group.status, group.confidence) = (Status::Unreadable, 0.0);
        group.warnings.push(OTHER_FORMAT.into());
    }
}

/// Floors of one picture that was saved twice lie so near each other at the most, pixels, or as a share of their radius:
/// with noise of one grey in 255 they are 0.15 pixels apart, while a mark under another lamp is found anew.
const SAME_PLACE: (f64, f64) = (0.5, 0.005);
/// How far apart the rotations of one picture are found at the most, degrees: 0.6 with noise of two greys.
const SAME_TURN: f64 = 1.0;
/// Root mean square of the differences of their scores, natural logarithms, at the most: 0.5 with noise of two greys.
/// Clear marks are as alike under two lights, and then it is the place that tells them apart.
const SAME_SCORES: f64 = 0.6;
/// Logarithm below which scores of symbols that are out of the question differ no more.
const OUT_OF_QUESTION: f64 = -10.0;

/// Whether two files show one picture: saved again, or taken twice without anything being changed. Added up it would
/// confirm its own mistakes.
fn same_picture(a: &Record, b: &Record) -> bool {
    let (Some(floor), Some(other), Some(view), Some(seen)) =
        (&a.floor, &b.floor, a.views.first(), b.views.first())
    else {
        return false;
    };
    let near = SAME_PLACE.0.max(SAME_PLACE.1 * floor.rx);
    let apart = [floor.cx - other.cx, floor.cy - other.cy, floor.rx - other.rx];
    let turned = (view.rotation_deg - seen.rotation_deg).rem_euclid(360.0);
    if apart.iter().any(|d| d.abs() > near)
        || (view.mirrored, &view.format) != (seen.mirrored, &seen.format)
        || turned.min(360.0 - turned) > SAME_TURN
    {
        return false;
    }
    let pairs = view.scores.iter().flatten().zip(seen.scores.iter().flatten());
    let squares = pairs.map(|(a, b)| (a.max(OUT_OF_QUESTION) - b.max(OUT_OF_QUESTION)).powi(2));
    let (sum, n) = squares.fold((0.0, 0.0), |(sum, n), square| (sum + square, n + 1.0));
    (sum / f64::max(n, 1.0)).sqrt() <= SAME_SCORES
}

/// Numbers of the members that have a mark, each file and each picture once: of a picture the surest.
fn usable(records: &[&Record], members: &mut [Member]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let mut usable: Vec<usize> = Vec::new();
    let mut marked: Vec<usize> = (0..records.len()).filter(|i| !records[*i].views.is_empty()).collect();
    marked.sort_by(|a, b| records[*b].confidence.total_cmp(&records[*a].confidence).then(a.cmp(b)));
    for i in marked {
        let record = records[i];
        if record.sha256.as_ref().is_some_and(|hash| !seen.insert(hash)) {
            members[i].warnings.push("same_file".into());
        } else if usable.iter().any(|other| same_picture(records[*other], record)) {
            members[i].warnings.push("same_picture".into());
        } else {
            usable.push(i);
        }
    }
    usable.sort_unstable();
    usable
}

/// One photograph with a mark: its own reading, with its own calibration.
fn alone(group: &mut Group, member: usize, record: &Record) {
    group.status = record.status;
    group.code.clone_from(&record.code);
    group.best.clone_from(&record.best);
    group.confidence = record.confidence;
    group.format.clone_from(&record.format);
    group.positions = record
        .positions
        .iter()
        .map(|p| Place { char: p.char, p: p.p, alternatives: p.alternatives.clone() })
        .collect();
    group.members[member].weight = 1.0;
    group.members[member].rotation_deg = record.rotation_deg;
    group.members[member].mirrored = record.mirrored;
    group.warnings.push("one_member".into());
}

fn together(group: &mut Group, usable: &[usize], marked: &[&Record], joint: &Joint<'_>, curve: &JointCurve) {
    let symbols: Vec<char> = joint.scheme.alphabet.chars().collect();
    let best: String = joint.best.iter().map(|b| symbols[*b]).collect();
    let evidence = evidence(joint, marked);
    let curve = &curve.curve;
    let mut confidence = curve.whole(&evidence);
    let mut each: Vec<f64> = evidence[FEATURES.len()..].iter().map(|x| curve.one(*x)).collect();
    let contradicted = rings_against(marked, joint, &best);
    for (p, _) in each.iter_mut().zip(&contradicted).filter(|(_, contradicted)| **contradicted) {
        *p = p.min(RINGS_AGAINST_P);
        confidence = confidence.min(RINGS_AGAINST_P);
    }
    if contradicted.contains(&true) {
        group.warnings.push(GEAR_DISAGREES.into());
    }
    let (mut status, mut shown) = accept(&each, confidence, curve, &contradicted);

    let mut disagree = false;
    for ((i, record), part) in usable.iter().zip(marked).zip(&joint.parts) {
        let member = &mut group.members[*i];
        member.weight = round(part.weight);
        member.support = part.support.iter().map(|x| (x * 10.0).round() / 10.0 + 0.0).collect();
        let turned = part.view.zip(record.views.first()).is_some_and(|(now, alone)| other_way(now, alone));
        if let Some(view) = part.view {
            member.rotation_deg = Some(view.rotation_deg);
            member.mirrored = Some(view.mirrored);
        } else {
            member.warnings.push("left_out".into());
        }
        if turned {
            member.warnings.push("turned".into());
        }
        // What was read the wrong way round was sure of other characters, and says nothing against these.
        let against = if turned { Vec::new() } else { against(record, &joint.scheme.id, &best) };
        for k in against.iter().copied().filter(|k| *k < each.len()) {
            shown[k] = false;
            // A code is no likelier than a character of it that a member speaks against.
            confidence = confidence.min(each[k]);
        }
        // Two codes of one case that are accepted both: one is wrong, however the photograph was turned.
        let accepted = record.status == Status::Read && record.code.as_ref() != Some(&best);
        disagree |= against.len() >= CONTRADICTS || accepted;
        if !against.is_empty() || accepted {
            member.warnings.push(CONTRADICTING.into());
        }
    }
    if disagree {
        // Another gun's case, or a mark found wrongly: which of them, an examiner has to say.
        group.warnings.push(DISAGREE.into());
        shown = vec![false; shown.len()];
    } else if joint.parts.iter().any(|p| p.view.is_none()) {
        group.warnings.push("members_left_out".into());
    }
    if shown.contains(&false) {
        status = if shown.contains(&true) { Status::Partial } else { Status::Unreadable };
    }
    if joint.margin < AMBIGUOUS {
        group.warnings.push(AMBIGUOUS_WAY.into());
    }
    group.status = status;
    group.code = Some(best.chars().zip(&shown).map(|(c, s)| if *s { c } else { '?' }).collect());
    // What the curve says of photographs that show one code is no probability where they may show two.
    group.confidence = if disagree { 0.0 } else { round(confidence) };
    group.format = Some(joint.scheme.id.clone());
    group.positions = (0..each.len()).map(|i| place(joint, i, each[i].max(confidence), &symbols)).collect();
    group.evidence = evidence;
    group.best = Some(best);
}

/// For each character of `best` whether [`RINGS_AGAINST`] more rings are sure of another one than of it.
fn rings_against(marked: &[&Record], joint: &Joint<'_>, best: &str) -> Vec<bool> {
    let mut net = vec![0isize; best.chars().count()];
    for (record, part) in marked.iter().zip(&joint.parts) {
        // A ring was read as the photograph alone was taken to lie.
        let as_alone = part
            .view
            .zip(record.views.first())
            .is_some_and(|(now, alone)| now.format == alone.format && !other_way(now, alone));
        let Some(gear) = record.gear.as_ref().filter(|_| as_alone) else { continue };
        let against = contradicted(Some(gear), best);
        for ((net, against), ring) in net.iter_mut().zip(against).zip(gear.symbols.chars()) {
            *net += if against { 1 } else { -isize::from(ring != '?') };
        }
    }
    net.into_iter().map(|net| net >= RINGS_AGAINST).collect()
}

/// Places where a photograph's own sure characters are others than those of `best`; where it is sure of
/// another format, all of which it is sure.
fn against(record: &Record, format: &str, best: &str) -> Vec<usize> {
    let same = record.format.as_deref() == Some(format);
    let code = record.code.as_deref().unwrap_or_default();
    let best: Vec<char> = best.chars().collect();
    let differs = |(i, c): (usize, char)| (c != '?' && !(same && best.get(i) == Some(&c))).then_some(i);
    code.chars().enumerate().filter_map(differs).collect()
}

fn place(joint: &Joint<'_>, i: usize, p: f64, symbols: &[char]) -> Place {
    let best = joint.best[i];
    let listed = listed(&joint.positions[i], best, p).into_iter().take(ALTERNATIVES);
    Place {
        char: symbols[best],
        p: round(p),
        alternatives: listed.map(|(s, p)| (symbols[s], round(p))).collect(),
    }
}

/// Six decimals, as in results.
fn round(x: f64) -> f64 {
    (x * 1e6).round() / 1e6 + 0.0
}

#[cfg(test)]
pub(crate) mod tests;
