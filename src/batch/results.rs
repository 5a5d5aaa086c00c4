//! `results.jsonl` read again, by all who work with readings and not with photographs.

use super::record::{Record, SCHEMA};
use crate::error::Fatal;
use crate::pipeline::decode::Status;
use crate::pipeline::photo::sha256;
use std::path::Path;

/// The rows of a folder that `decode` wrote.
#[derive(Debug)]
pub struct Results {
    /// In the order of the file.
    pub records: Vec<Record>,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
}

/// Reads `results.jsonl` of a folder that `decode` wrote.
///
/// # Errors
/// [`Fatal`] where the file cannot be read, or as [`parse`].
pub fn read(out: &Path) -> Result<Results, Fatal> {
    let path = out.join("results.jsonl");
    let text = std::fs::read_to_string(&path).map_err(|e| {
        Fatal::new(
            format!("cannot read the results {}: {e}", path.display()),
            "the folder that `microstamp decode PHOTOGRAPHS -o OUT` wrote",
        )
    })?;
    let records = parse(&text).map_err(|f| Fatal::new(format!("{}: {}", path.display(), f.what), f.hint))?;
    Ok(Results { records, sha256: sha256(text.as_bytes()) })
}

/// Reads rows from text.
///
/// # Errors
/// [`Fatal`] with the line that is no row of results, of another schema, or contradicts itself.
pub fn parse(text: &str) -> Result<Vec<Record>, Fatal> {
    // A run that was cut off may leave half a line, and nothing but that is lost.
    let torn = if text.ends_with('\n') { 0 } else { text.lines().count() };
    let row = |(i, line): (usize, &str)| {
        let hint = if i + 1 == torn { RESUME } else { AGAIN };
        let wrong = |why: String| Fatal::new(format!("line {}: {why}", i + 1), hint);
        let record: Record = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
        check(&record).map_err(|why| wrong(format!("{}: {why}", record.path)))?;
        Ok(record)
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(row).collect()
}

/// What to do about results whose last line was cut off.
const RESUME: &str = "the same `microstamp decode` command with --resume, which reads this photograph again";

/// What to do about results that cannot be used.
pub const AGAIN: &str = "`microstamp decode` once more into a new folder";

/// What makes a row impossible to use.
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
