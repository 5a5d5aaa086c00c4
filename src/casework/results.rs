//! The readings of folders that `decode` wrote, as questions.

use super::question::Question;
use crate::batch::Record;
use crate::batch::record::SCHEMA;
use crate::error::Fatal;
use crate::pipeline::decode::Status;
use crate::pipeline::scheme::Scheme;
use std::path::Path;

/// One photograph whose mark was read at least in part, or looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkRead {
    /// The folder that `decode` wrote, as it was given.
    pub out: String,
    /// How far it was read.
    pub status: Status,
    /// What is known about its code.
    pub question: Question,
}

/// What lies in a folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// Photographs with a mark, in the order of the file.
    pub readings: Vec<MarkRead>,
    /// Photographs without one, or that failed.
    pub without: usize,
}

/// Whether `path` is a folder that `decode` wrote.
pub fn is_out(path: &Path) -> bool {
    path.join("results.jsonl").is_file()
}

/// Reads the results of a folder.
///
/// # Errors
/// [`Fatal`] where there are none, or a line is no row of results or contradicts itself.
pub fn read(out: &Path) -> Result<Results, Fatal> {
    let path = out.join("results.jsonl");
    let text = std::fs::read_to_string(&path).map_err(|e| {
        Fatal::new(
            format!("cannot read the results {}: {e}", path.display()),
            "the folder that `microstamp decode PHOTOGRAPHS -o OUT` wrote",
        )
    })?;
    let schemes = Scheme::all();
    let mut results = Results::default();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |why: String| {
            Fatal::new(
                format!("{}: line {}: {why}", path.display(), i + 1),
                "`microstamp decode` once more into a new folder",
            )
        };
        let record: Record = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
        if record.schema != SCHEMA {
            return Err(wrong(format!("schema {} where {SCHEMA} is known", record.schema)));
        }
        match Question::read(&record, &schemes).map_err(|why| wrong(format!("{}: {why}", record.path)))? {
            Some(question) => results.readings.push(MarkRead {
                out: out.display().to_string(),
                status: record.status,
                question,
            }),
            None => results.without += 1,
        }
    }
    Ok(results)
}
