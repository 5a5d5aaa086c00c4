//! Every photograph of the truth with its row of the results, or a refusal.

use super::name_some;
use super::truth::{Row, Truth};
use crate::batch::Record;
use crate::batch::results::{self, Results};
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

/// Reads the results of a folder that `decode` wrote.
///
/// # Errors
/// As [`results::read`], and where a photograph has two rows.
pub fn read_results(out: &Path) -> Result<Results, Fatal> {
    let results = results::read(out)?;
    let mut seen = BTreeSet::new();
    let doubled: Vec<&str> =
        results.records.iter().map(|r| r.path.as_str()).filter(|path| !seen.insert(*path)).collect();
    if doubled.is_empty() {
        return Ok(results);
    }
    Err(Fatal::new(
        format!("more than one row for {}", name_some(&doubled)),
        "`microstamp decode` of the one folder that the truth's paths count from: \
         two folders with the same names in them cannot be told apart",
    ))
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
            "the folder that truth.csv lies in, read whole: its paths count from there",
        )),
    }
}
