//! Results and truth to accuracy with its intervals.
//!
//! [`score`] pairs `results.jsonl` with `truth.csv` row by row and refuses where they do not fit.
//! Every share but those of the risk-coverage curve comes with two 95 % intervals: Wilson's, which takes photographs as independent, and
//! one over guns ([`interval::clustered`]), since wear and drag belong to the gun and its cases fail
//! together. Where they differ, the wider one is the honest one.

mod bars;
pub mod by;
pub mod calibration;
pub mod figures;
pub mod fit;
pub mod fit_groups;
pub mod interval;
mod logistic;
pub mod overlap;
pub mod pair;
pub mod plot;
pub mod table;
pub mod together;
pub mod truth;
pub mod verdicts;

use crate::batch::results::Results;
use crate::error::Fatal;
use crate::groups::read_groups;
use serde::Serialize;
use std::path::Path;
use truth::Truth;

/// Everything that is known about a run once the truth is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Version of this structure as JSON.
    pub schema: u32,
    /// All photographs.
    pub overall: figures::Figures,
    /// What a bar on the confidence would accept.
    pub risk_coverage: calibration::RiskCoverage,
    /// The same figures for each value of the columns asked for.
    pub by: Vec<by::Split>,
    /// Photographs that were read together, by what they have in common; empty where none were.
    pub together: Vec<together::Together>,
}

/// Scores the `results` of a decode run against a table of truth with sizes, and by each of its columns `by`; and
/// the photographs that were read together, if `groups` is a folder that holds them.
///
/// # Errors
/// [`Fatal`] where the groups cannot be read or believed, a photograph is missing or foreign in either, or the truth lacks
/// a column.
pub fn score(results: &Results, truth: &Truth, by: &[String], groups: Option<&Path>) -> Result<Score, Fatal> {
    let splits = by.iter().map(|name| Ok((name, truth.column(name)?))).collect::<Result<Vec<_>, Fatal>>()?;
    let pairs = pair::pair(truth, &results.records)?;
    let groups = groups.map_or_else(|| Ok(Vec::new()), |folder| read_groups(folder, &results.sha256))?;
    Ok(Score {
        schema: 1,
        overall: figures::figures(&pairs),
        risk_coverage: calibration::risk_coverage(&pairs),
        by: splits.into_iter().map(|(name, index)| by::split(&pairs, name, index)).collect(),
        together: together::together(&groups, &pairs)?,
    })
}

/// Compares the examiners' readings in the table `verdicts` with the folder `out` of a decode run, and
/// both with the truth where it is given.
///
/// # Errors
/// [`Fatal`] where a file cannot be read or believed, or a verdict is of a photograph that `out` or
/// the truth does not have.
pub fn compare(out: &Path, verdicts: &Path, truth: Option<&Path>) -> Result<verdicts::Comparison, Fatal> {
    // Verdicts name a photograph by path and hash; only a truth knows it by its path alone.
    let results = if truth.is_some() { pair::read_results(out)? } else { crate::batch::results::read(out)? };
    let truth = truth.map(Truth::read).transpose()?;
    verdicts::compare(&verdicts::read(verdicts)?, &results.records, truth.as_ref())
}

/// Names up to five of a list, and counts the rest.
fn name_some(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
