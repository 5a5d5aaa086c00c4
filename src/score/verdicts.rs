//! An examiner's blind readings against the machine's, disagreements first.

mod text;

pub use text::markdown;

use super::interval::{Rate, Tally};
use super::name_some;
use super::truth::{Row, Truth};
use crate::batch::Record;
use crate::batch::lines::by_semicolons;
use crate::batch::names::printable;
use crate::batch::record::word;
use crate::error::Fatal;
use crate::pipeline::decode::Status;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

/// A row of `verdicts.csv`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Verdict {
    /// Of the photograph; empty where the results do not state it.
    pub sha256: String,
    /// Relative to its INPUT folder.
    pub path: String,
    /// Who read.
    pub examiner: String,
    /// When the reading was kept, UTC.
    pub time: String,
    /// One character a position, `?` where none could be read; empty for no mark.
    pub reading: String,
    /// Whether the examiner changed it after seeing the machine's. A spreadsheet writes it in capitals.
    #[serde(deserialize_with = "true_or_false")]
    pub changed: bool,
    /// The reading after that; empty for no mark, and where the machine's was not looked at.
    pub reading_after: String,
    /// Whether the machine's reading was looked at. Tables of earlier pages do not say: there a reading after it, or a
    /// change, does.
    #[serde(default, deserialize_with = "stated")]
    pub compared: Option<bool>,
}

impl Verdict {
    fn was_compared(&self) -> bool {
        self.compared.unwrap_or(self.changed || !self.reading_after.is_empty())
    }
}

/// How an examiner's reading stands to the machine's. In the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// They are sure of different characters in one position, or of codes of different lengths.
    Contradicts,
    /// One says that there is a mark, the other that there is none.
    MarkOrNone,
    /// Nothing contradicts; one is sure of more characters.
    OneMore,
    /// The same characters, or both no mark.
    Same,
    /// The machine could not read the file, or failed at it: there is nothing to compare with.
    MachineFailed,
}

impl Relation {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Contradicts => "contradicts",
            Self::MarkOrNone => "mark or none",
            Self::OneMore => "one has more",
            Self::Same => "same",
            Self::MachineFailed => "machine failed",
        }
    }
}

/// One reading of an examiner beside the machine's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// The photograph.
    pub path: String,
    /// Who read.
    pub examiner: String,
    /// The examiner's reading before seeing the machine's.
    pub reading: String,
    /// The machine's status.
    pub status: &'static str,
    /// The machine's code.
    pub code: Option<String>,
    /// Its most probable code.
    pub best: Option<String>,
    /// And how probable that is.
    pub confidence: f64,
    /// How they stand to each other.
    pub relation: Relation,
    /// Positions, from 1, in which both are sure of different characters.
    pub differ: Vec<usize>,
    /// The reading after seeing the machine's, where it was changed.
    pub changed_to: Option<String>,
    /// The true code, where a truth is given and it has one.
    pub truth: Option<String>,
}

/// All readings compared, and the figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Version of this structure as JSON.
    pub schema: u32,
    /// Readings of examiners.
    pub verdicts: usize,
    /// Photographs of the run that no examiner read.
    pub unread: usize,
    /// Each relation with its share of all readings.
    pub relations: Vec<(Relation, Rate)>,
    /// Positions in which both are sure of one character, of those in which both are sure.
    pub characters_agree: Rate,
    /// Readings with a sure character that is another in the machine's most probable code, of those with a sure character
    /// where the machine has a most probable code as long.
    pub differs_from_best: Rate,
    /// Readings kept later than another one by the same examiner, of the same scene or file, that was compared with the
    /// machine's: they may not have been blind.
    pub maybe_not_blind: Rate,
    /// Readings changed after seeing the machine's, of those that were compared with it.
    pub changed: Rate,
    /// Against the truth, where one is given.
    pub against_truth: Option<AgainstTruth>,
    /// Every reading, disagreements first, then by path and examiner.
    pub readings: Vec<Compared>,
}

/// Examiner and machine on the same marked photographs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgainstTruth {
    /// Whole codes that the examiners read rightly.
    pub examiner_right: Rate,
    /// Whole codes that the machine gave rightly.
    pub machine_right: Rate,
    /// Sure characters of the examiners that are wrong.
    pub examiner_characters_wrong: Rate,
    /// Sure characters of the machine that are wrong.
    pub machine_characters_wrong: Rate,
}

/// Reads `verdicts.csv`.
///
/// # Errors
/// [`Fatal`] where it cannot be read, lacks a column, or has an examiner's reading of a photograph twice.
pub fn read(path: &Path) -> Result<Vec<Verdict>, Fatal> {
    let bytes = std::fs::read(path).map_err(|e| {
        Fatal::new(
            format!("cannot read the verdicts {}: {e}", path.display()),
            "the file that the page of `microstamp report OUT --blind` saved",
        )
    })?;
    parse(&bytes).map_err(|f| Fatal::new(format!("verdicts {}: {}", path.display(), f.what), f.hint))
}

fn true_or_false<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    let text = String::deserialize(from)?;
    text.to_ascii_lowercase().parse().map_err(|_| {
        serde::de::Error::custom(format!(
            "`{text}` in the column `changed` or `compared`, where true or false belongs"
        ))
    })
}

fn stated<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    true_or_false(from).map(Some)
}

fn parse(bytes: &[u8]) -> Result<Vec<Verdict>, Fatal> {
    let columns = "a table with the columns sha256,path,examiner,time,reading,changed,reading_after,compared";
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(bytes);
    let names = reader.headers().map_err(|e| Fatal::new(e.to_string(), columns))?;
    let semicolons = by_semicolons(names);
    if !semicolons.is_empty() {
        return Err(Fatal::new(format!("there is no column `sha256`{semicolons}"), columns));
    }
    let verdicts: Vec<Verdict> =
        reader.deserialize().collect::<Result<_, _>>().map_err(|e| Fatal::new(e.to_string(), columns))?;
    let odd = |reading: &str| {
        reading.chars().find(|c| !(c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '?'))
    };
    for v in &verdicts {
        if let Some(c) = odd(&v.reading).or_else(|| odd(&v.reading_after)) {
            return Err(Fatal::new(
                format!("{}: {c:?} in a reading", printable(&v.path)),
                "A-Z, 0-9, and ? for a character that cannot be read",
            ));
        }
    }
    let mut seen = BTreeSet::new();
    let twice: Vec<&str> = verdicts
        .iter()
        .filter(|v| !seen.insert((&v.examiner, &v.sha256, &v.path)))
        .map(|v| v.path.as_str())
        .collect();
    match twice.is_empty() {
        true => Ok(verdicts),
        false => Err(Fatal::new(
            format!("an examiner's reading stands twice for {}", name_some(&twice)),
            "the last saved verdicts.csv alone: it holds all that came before",
        )),
    }
}

/// Compares verdicts with results, and both with the truth where it is given.
///
/// # Errors
/// [`Fatal`] where a verdict is of a photograph that the results or the truth do not have.
pub fn compare(verdicts: &[Verdict], results: &[Record], truth: Option<&Truth>) -> Result<Comparison, Fatal> {
    // By path as the table spells it and hash: one photograph may lie in a run under two names.
    let key = |path: &str, hash: &str| (crate::batch::names::cell(path), hash.to_string());
    let by_key: BTreeMap<(String, String), &Record> =
        results.iter().map(|r| (key(&r.path, r.sha256.as_deref().unwrap_or_default()), r)).collect();
    let truths: Option<BTreeMap<&str, &Row>> =
        truth.map(|t| t.rows.iter().map(|row| (row.path.as_str(), row)).collect());
    let (mut foreign, mut untold) = (Vec::new(), Vec::new());
    let mut rows: Vec<(&Verdict, &Record, Option<&Row>)> = Vec::new();
    for v in verdicts {
        let known = by_key.get(&(v.path.clone(), v.sha256.clone()));
        let Some(record) = known.or_else(|| by_key.get(&key(&v.path, &v.sha256))) else {
            foreign.push(v.path.as_str());
            continue;
        };
        let row = truths.as_ref().and_then(|t| t.get(record.path.as_str()).copied());
        if truths.is_some() && row.is_none() {
            untold.push(v.path.as_str());
        }
        rows.push((v, record, row));
    }
    if !foreign.is_empty() {
        return Err(Fatal::new(
            format!("no result has path and SHA-256 of {}", name_some(&foreign)),
            "the OUT whose blind report the verdicts were made with",
        ));
    }
    if !untold.is_empty() {
        return Err(Fatal::new(
            format!("no truth for {}", name_some(&untold)),
            "a truth.csv with a row for each photograph that was read",
        ));
    }
    let read: BTreeSet<(&str, Option<&String>)> =
        rows.iter().map(|(_, r, _)| (r.path.as_str(), r.sha256.as_ref())).collect();
    let is_read = |r: &Record| read.contains(&(r.path.as_str(), r.sha256.as_ref()));
    // A file that is no picture cannot be shown to anybody.
    let readable = |r: &Record| r.failure.as_ref().is_none_or(|f| f.stage != "load");
    let mut readings: Vec<Compared> = rows.iter().map(|(v, r, row)| compared(v, r, *row)).collect();
    let Shares { relations, agree, best, not_blind, changed } = shares(&rows, &readings);
    readings.sort_by(|a, b| (a.relation, &a.path, &a.examiner).cmp(&(b.relation, &b.path, &b.examiner)));
    Ok(Comparison {
        schema: 1,
        verdicts: verdicts.len(),
        unread: results.iter().filter(|r| readable(r) && !is_read(r)).count(),
        relations,
        characters_agree: agree,
        differs_from_best: best,
        maybe_not_blind: not_blind,
        changed,
        against_truth: truth.map(|_| against_truth(&rows)),
        readings,
    })
}

fn compared(v: &Verdict, r: &Record, row: Option<&Row>) -> Compared {
    let (relation, differ) = relation(&v.reading, r);
    Compared {
        path: printable(&r.path),
        examiner: printable(&v.examiner),
        reading: v.reading.clone(),
        status: word(r.status),
        code: r.code.clone(),
        best: r.best.clone(),
        confidence: r.confidence,
        relation,
        differ,
        changed_to: v.changed.then(|| v.reading_after.clone()),
        truth: row.and_then(|row| row.code.clone()),
    }
}

/// How a reading stands to what was read, and where both are sure of different characters.
fn relation(reading: &str, record: &Record) -> (Relation, Vec<usize>) {
    if record.status == Status::Failed {
        return (Relation::MachineFailed, Vec::new());
    }
    // A mark of none of the formats asked for is a mark, though nothing of it was read.
    let marked = record.status != Status::NoMark;
    if marked == reading.is_empty() {
        return (Relation::MarkOrNone, Vec::new());
    }
    let Some(code) = record.code.as_deref() else {
        let more = reading.contains(|c| c != '?');
        return (if more { Relation::OneMore } else { Relation::Same }, Vec::new());
    };
    let pairs = || reading.chars().zip(code.chars());
    let differ: Vec<usize> = pairs()
        .enumerate()
        .filter(|(_, (a, b))| *a != '?' && *b != '?' && a != b)
        .map(|(i, _)| i + 1)
        .collect();
    let relation = if !differ.is_empty() || reading.chars().count() != code.chars().count() {
        Relation::Contradicts
    } else if reading == code {
        Relation::Same
    } else {
        Relation::OneMore
    };
    (relation, differ)
}

/// Shares over readings.
struct Shares {
    relations: Vec<(Relation, Rate)>,
    agree: Rate,
    best: Rate,
    not_blind: Rate,
    changed: Rate,
}

/// When a verdict was kept; `None` where a spreadsheet has written the time in its own way.
fn when(time: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339_weak(time).ok()
}

/// Whether another of the verdicts, compared with the machine's reading and kept before `v`, may have told its code.
fn may_be_told<'a>(v: &Verdict, mut others: impl Iterator<Item = &'a Verdict>) -> bool {
    // The first folder of a path is the scene; photographs without one have none in common.
    let scene = |v: &Verdict| v.path.split_once('/').map(|(scene, _)| scene.to_string());
    let alike = |other: &Verdict| {
        !v.sha256.is_empty() && v.sha256 == other.sha256 || scene(v).is_some() && scene(v) == scene(other)
    };
    // Where a time is not as the page wrote it, nothing shows that the other was compared later.
    let later = |other: &Verdict| match (when(&other.time), when(&v.time)) {
        (Some(other), Some(own)) => other > own,
        _ => false,
    };
    others.any(|other| {
        !std::ptr::eq(other, v)
            && other.was_compared()
            && other.examiner == v.examiner
            && !later(other)
            && alike(other)
    })
}

fn shares(rows: &[(&Verdict, &Record, Option<&Row>)], readings: &[Compared]) -> Shares {
    let order = [
        Relation::Contradicts,
        Relation::MarkOrNone,
        Relation::OneMore,
        Relation::Same,
        Relation::MachineFailed,
    ];
    let mut relations: Vec<(Relation, Tally<'_>)> = order.map(|r| (r, Tally::default())).into();
    let [mut agree, mut best, mut not_blind, mut changed]: [Tally<'_>; 4] = Default::default();
    // For each place where both are sure whether they say the same.
    let both = |a: &str, b: &str| -> Vec<bool> {
        a.chars().zip(b.chars()).filter(|(a, b)| *a != '?' && *b != '?').map(|(a, b)| a == b).collect()
    };
    for ((v, r, row), compared) in rows.iter().zip(readings) {
        let gun = row.and_then(|row| row.gun.as_deref());
        for (relation, tally) in &mut relations {
            tally.one(gun, compared.relation == *relation);
        }
        let same = both(&v.reading, r.code.as_deref().unwrap_or_default());
        agree.add(gun, same.iter().filter(|same| **same).count() as u64, same.len() as u64);
        let likeliest = r.best.as_deref().filter(|best| best.chars().count() == v.reading.chars().count());
        let same = both(&v.reading, likeliest.unwrap_or_default());
        if !same.is_empty() {
            best.one(gun, same.contains(&false));
        }
        not_blind.one(gun, may_be_told(v, rows.iter().map(|(other, ..)| *other)));
        if v.was_compared() {
            changed.one(gun, v.changed);
        }
    }
    Shares {
        relations: relations.into_iter().map(|(r, t)| (r, t.rate())).collect(),
        agree: agree.rate(),
        best: best.rate(),
        not_blind: not_blind.rate(),
        changed: changed.rate(),
    }
}

fn against_truth(rows: &[(&Verdict, &Record, Option<&Row>)]) -> AgainstTruth {
    let mut tallies: [Tally<'_>; 4] = Default::default();
    // Several examiners may have read a photograph; the machine read it once.
    let mut machine = BTreeSet::new();
    for (v, r, row) in rows {
        let Some((row, truth)) = row.and_then(|row| Some((row, row.code.as_deref()?))) else { continue };
        let gun = row.gun.as_deref();
        let code = r.code.as_deref().unwrap_or_default();
        let first = machine.insert((&r.path, &r.sha256));
        for (i, reading) in [v.reading.as_str(), code].into_iter().enumerate().take(1 + usize::from(first)) {
            tallies[i].one(gun, reading == truth);
            // Characters beyond the true code's end are wrong as well.
            let mut true_ones = truth.chars();
            let sure: Vec<bool> = reading
                .chars()
                .map(|c| (c, true_ones.next()))
                .filter(|(c, _)| *c != '?')
                .map(|(c, t)| t != Some(c))
                .collect();
            tallies[i + 2].add(gun, sure.iter().filter(|wrong| **wrong).count() as u64, sure.len() as u64);
        }
    }
    let [examiner_right, machine_right, examiner_characters_wrong, machine_characters_wrong] =
        tallies.map(|t| t.rate());
    AgainstTruth { examiner_right, machine_right, examiner_characters_wrong, machine_characters_wrong }
}

#[cfg(test)]
mod tests;
