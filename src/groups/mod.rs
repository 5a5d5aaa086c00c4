//! Several photographs of one case, or several cases of one gun, read together: `groups.jsonl`, from
//! `results.jsonl` alone.
//!
//! Each photograph's scores are a measurement of one code, but not an independent one: what the pin or
//! the strike has damaged is damaged in all of them. So scores are added with a weight below 1 that was
//! estimated on simulated guns, and the confidence of what they say together has curves of its own
//! ([`confidence`]). Nothing is averaged blindly: a photograph that fits the others in no view is left
//! out, and one whose own sure characters contradict them ends in a refusal ([`joint`]).

pub mod confidence;
pub mod joint;
pub mod naming;
mod output;
pub mod reading;

pub use output::{FILES, SCHEMA, read_alone, read_groups, write};
pub use reading::{Group, Kind, Member, Place};

use crate::batch::Record;
use crate::batch::results::{self, AGAIN, Results};
use crate::error::Fatal;
use crate::pipeline::confidence::FEATURES;
use crate::pipeline::scheme::Scheme;
use confidence::JointCurve;
use naming::By;
use std::path::Path;

/// Reads `results.jsonl` of a folder that `decode` wrote.
///
/// # Errors
/// [`Fatal`] where [`results::read`] fails, or its marks come without scores.
pub fn results(out: &Path) -> Result<Results, Fatal> {
    let results = results::read(out)?;
    let schemes = Scheme::all();
    for record in &results.records {
        let wrong = |why: String| {
            Fatal::new(format!("{}: {}: {why}", out.join("results.jsonl").display(), record.path), AGAIN)
        };
        if record.best.is_some() && record.views.is_empty() {
            return Err(wrong("no `views`: written by a version that kept no scores".into()));
        }
        check(record, &schemes).map_err(wrong)?;
    }
    Ok(results)
}

/// Refuses scores that are not those of their format.
fn check(record: &Record, schemes: &[Scheme]) -> Result<(), String> {
    for view in &record.views {
        let scheme = schemes.iter().find(|s| s.id == view.format);
        let scheme = scheme.ok_or_else(|| format!("no code format is called `{}`", view.format))?;
        let symbols = scheme.alphabet.chars().count();
        if view.scores.len() != scheme.len() || view.scores.iter().any(|s| s.len() != symbols) {
            return Err(format!("`views` without {} times {symbols} scores for {}", scheme.len(), scheme.id));
        }
        let all = view.scores.iter().flatten().chain([&view.log_p, &view.rotation_deg]);
        if all.into_iter().any(|x| !x.is_finite()) {
            return Err("a score that is no number".into());
        }
        // The likeliest symbol has 0, and no probability is above 1.
        let top = |row: &Vec<f64>| row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if view.log_p > 0.0 || view.scores.iter().any(|row| top(row) != 0.0) {
            return Err("scores that are none: the largest of each character is 0".into());
        }
    }
    let measured = FEATURES.len() + record.positions.len();
    if !record.positions.is_empty() && record.evidence.len() != measured {
        return Err(format!(
            "`evidence` of another version: {} values, {measured} are needed",
            record.evidence.len()
        ));
    }
    if !(0.0..=1.0).contains(&record.other_formats) {
        return Err(format!("`other_formats` {} is not between 0 and 1", record.other_formats));
    }
    Ok(())
}

/// Reads every group of `results` that `by` names, in the order of their names.
///
/// # Errors
/// [`Fatal`] where `by` cannot be used or names none of the photographs.
pub fn read_together(
    results: &Results,
    by: &By,
    kind: Kind,
    curve: &JointCurve,
    uncounted_bar: f64,
) -> Result<Vec<Group>, Fatal> {
    let schemes = Scheme::all();
    let strict = JointCurve { curve: curve.curve.clone().accepting_from(uncounted_bar), ..curve.clone() };
    let paths: Vec<&str> = results.records.iter().map(|r| r.path.as_str()).collect();
    let named = naming::name(&paths, by)?;
    Ok(named
        .into_iter()
        .map(|(name, members)| {
            let members: Vec<&Record> = members.into_iter().map(|i| &results.records[i]).collect();
            let curve = if members.iter().any(|r| r.is_uncounted()) { &strict } else { curve };
            reading::read(&name, kind, &members, &schemes, curve, &results.sha256)
        })
        .collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pipeline::confidence::Fitted;
    use crate::pipeline::decode::Status;
    use serde_json::json;

    #[test]
    fn height_maps_that_are_read_together_obey_the_bar_of_height_maps() {
        let scheme = &Scheme::all()[0];
        let code: String = scheme.alphabet.chars().take(scheme.len()).collect();
        let score = |c: char| scheme.alphabet.chars().map(|a| if a == c { 0.0 } else { -30.0 }).collect();
        let scores: Vec<Vec<f64>> = code.chars().map(score).collect();
        let line = |path: &str, heights: bool| {
            let measured = json!({"grid": [4, 3], "spacing_um": [1.0, 1.0], "missing": 0.0});
            json!({"schema": 1, "path": path, "sha256": path, "status": "read", "code": code, "best": code,
                "confidence": 0.999, "format": scheme.id, "evidence": [9.0, 9.0, 9.0, 9.0, 0.0, 0.0, 0.0],
                "heights": heights.then_some(measured),
                "views": [{"format": scheme.id, "rotation_deg": 0.0, "mirrored": false, "log_p": 0.0, "scores": scores}]})
            .to_string()
        };
        let out = tempfile::tempdir().unwrap();
        let lines =
            [line("map/a", true), line("map/b", true), line("photo/a", false), line("photo/b", false)];
        std::fs::write(out.path().join("results.jsonl"), lines.join("\n") + "\n").unwrap();
        let results = results(out.path()).unwrap();
        let by = By::Pattern("^([^/]+)/".into());
        let status = |bar: f64| -> Vec<Status> {
            let groups = read_together(&results, &by, Kind::Case, &JointCurve::unfitted(), bar).unwrap();
            groups.iter().map(|g| g.status).collect()
        };
        assert_eq!(status(0.5), [Status::Read, Status::Read]);
        assert_eq!(status(1.0), [Status::Partial, Status::Read]);
    }

    #[test]
    fn scores_that_are_no_logarithms_of_shares_are_refused_and_spoil_no_group() {
        let scheme = &Scheme::all()[0];
        let symbols = scheme.alphabet.chars().count();
        let refused = |log_p: f64, top: f64, other_formats: f64| {
            let mut row = vec![-9.0; symbols];
            row[0] = top;
            let scores = vec![row; scheme.len()];
            let view = json!({"format": scheme.id, "rotation_deg": 0.0, "mirrored": false, "log_p": log_p, "scores": scores});
            let line = json!({"schema": 1, "path": "a", "status": "unreadable", "code": "????????", "best": "AAAAAAAA",
                "confidence": 0.5, "format": scheme.id, "views": [view], "other_formats": other_formats});
            check(&serde_json::from_value(line).unwrap(), &Scheme::all()).is_err()
        };
        assert!(!refused(-0.1, 0.0, 0.2));
        // exp(800) is no number, nor is the sum of what is too little to be one.
        assert!(refused(-0.1, 800.0, 0.0) && refused(-0.1, -800.0, 0.0));
        assert!(refused(0.1, 0.0, 0.0) && refused(-0.1, 0.0, 1.5));
    }
}
