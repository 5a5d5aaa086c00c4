//! Every photograph of the truth with its row of the results, or a refusal.

use super::name_some;
use super::truth::{Row, Truth};
use crate::batch::record::{Record, SCHEMA};
use crate::error::Fatal;
use crate::pipeline::decode::Status;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One photograph: what it shows, and what was read.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// What it shows.
    pub truth: &'a Row,
    /// What was read.
    pub result: &'a Record,
}

impl<'a> Pair<'a> {
    /// Whose cases are not independent.
    pub fn gun(&self) -> Option<&'a str> {
        self.truth.gun.as_deref()
    }

    /// Whether the most probable whole code is the stamped one; `None` where there is no such code.
    pub fn best_right(&self) -> Option<bool> {
        self.result.best.as_ref().map(|best| self.truth.code.as_ref() == Some(best))
    }

    /// Whether a code was given as wholly sure.
    pub fn accepted(&self) -> bool {
        self.result.status == Status::Read
    }

    /// Whether the sure characters of a code, whole or partial, all stand where the stamped code has them.
    pub fn agrees(&self) -> bool {
        match (&self.truth.code, &self.result.code) {
            (Some(truth), Some(code)) => {
                truth.chars().count() == code.chars().count()
                    && truth.chars().zip(code.chars()).all(|(t, c)| c == '?' || c == t)
            }
            _ => false,
        }
    }
}

/// Reads `results.jsonl` of a folder that `decode` wrote.
///
/// # Errors
/// [`Fatal`] where the file cannot be read, a line is no row of results, contradicts itself, or a
/// photograph has two rows.
pub fn read_results(out: &Path) -> Result<Vec<Record>, Fatal> {
    let path = out.join("results.jsonl");
    let text = std::fs::read_to_string(&path).map_err(|e| {
        Fatal::new(
            format!("cannot read the results {}: {e}", path.display()),
            "the folder that `microstamp decode PHOTOGRAPHS -o OUT` wrote",
        )
    })?;
    parse_results(&text).map_err(|f| Fatal::new(format!("results {}: {}", path.display(), f.what), f.hint))
}

/// Reads rows of results from text.
///
/// # Errors
/// As [`read_results`].
pub fn parse_results(text: &str) -> Result<Vec<Record>, Fatal> {
    let again = "`microstamp decode` once more into a new folder";
    let mut records: Vec<Record> = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |why: String| Fatal::new(format!("line {}: {why}", i + 1), again);
        let record: Record = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
        check(&record).map_err(|why| wrong(format!("{}: {why}", record.path)))?;
        records.push(record);
    }
    let mut seen = BTreeSet::new();
    let doubled: Vec<&str> =
        records.iter().map(|r| r.path.as_str()).filter(|path| !seen.insert(*path)).collect();
    if !doubled.is_empty() {
        return Err(Fatal::new(
            format!("more than one row for {}", name_some(&doubled)),
            "`microstamp decode` of the one folder that the truth's paths count from: \
             two folders with the same names in them cannot be told apart",
        ));
    }
    Ok(records)
}

/// What makes a row impossible to score.
fn check(record: &Record) -> Result<(), String> {
    if record.schema != SCHEMA {
        return Err(format!("schema {} where {SCHEMA} is known", record.schema));
    }
    if !(0.0..=1.0).contains(&record.confidence) {
        return Err(format!("confidence {} is not between 0 and 1", record.confidence));
    }
    let unsure = record.code.as_ref().map(|code| code.contains('?'));
    let sure = record.code.as_ref().is_some_and(|code| code.chars().any(|c| c != '?'));
    match record.status {
        Status::Read if unsure != Some(false) || !sure => Err("status read without a whole code".into()),
        Status::Partial if unsure != Some(true) || !sure => {
            Err("status partial without a code that has both sure characters and a `?`".into())
        }
        Status::NoMark | Status::Failed if record.code.is_some() || record.best.is_some() => {
            Err("a code where nothing was read".into())
        }
        _ => Ok(()),
    }
}

/// Puts truth and results together, in the order of the truth.
///
/// # Errors
/// [`Fatal`] where a photograph of the truth has no result, or a result no truth.
pub fn pair<'a>(truth: &'a Truth, results: &'a [Record]) -> Result<Vec<Pair<'a>>, Fatal> {
    let by_path: BTreeMap<&str, &Record> = results.iter().map(|r| (r.path.as_str(), r)).collect();
    let known: BTreeSet<&str> = truth.rows.iter().map(|row| row.path.as_str()).collect();
    let foreign: Vec<&str> = by_path.keys().copied().filter(|path| !known.contains(path)).collect();
    let mut missing = Vec::new();
    let mut pairs = Vec::new();
    for row in &truth.rows {
        match by_path.get(row.path.as_str()) {
            Some(&result) => pairs.push(Pair { truth: row, result }),
            None => missing.push(row.path.as_str()),
        }
    }
    let lacking = |missing: &[&str]| format!("no result for {}", name_some(missing));
    let unknown = |foreign: &[&str]| format!("no truth for {}", name_some(foreign));
    match (missing.is_empty(), foreign.is_empty()) {
        (true, true) => Ok(pairs),
        (false, true) => Err(Fatal::new(
            lacking(&missing),
            "`microstamp decode` of the whole folder, to its end; or a truth.csv of the decoded photographs alone",
        )),
        (true, false) => Err(Fatal::new(
            unknown(&foreign),
            "a truth.csv with a row for each decoded photograph, or `microstamp decode` of the truth's folder alone",
        )),
        (false, false) => Err(Fatal::new(
            format!("{}; {}", lacking(&missing), unknown(&foreign)),
            "`microstamp decode` of the folder that truth.csv lies in: its paths count from there",
        )),
    }
}
