//! The readings of folders that `decode` wrote, as questions.

use super::question::Question;
use crate::batch::{self, results::AGAIN};
use crate::error::Fatal;
use crate::groups;
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
    /// SHA-256 of the file.
    pub sha256: String,
}

/// Reads what the photographs of a folder say together, and how many groups say nothing.
///
/// # Errors
/// [`Fatal`] where there are no groups, they were read from other results than lie beside them, or a line contradicts itself.
pub fn read_joint(folder: &Path) -> Result<(Vec<Question>, usize), Fatal> {
    let schemes = Scheme::all();
    let (mut questions, mut without) = (Vec::new(), 0);
    for group in groups::read_alone(folder)? {
        let wrong = |why: String| {
            let hint = "`microstamp group OUT --group-by PATTERN` once more";
            Fatal::new(format!("{}: group {}: {why}", folder.display(), group.group), hint)
        };
        match Question::joint(&group, &schemes).map_err(wrong)? {
            Some(question) => questions.push(question),
            None => without += 1,
        }
    }
    Ok((questions, without))
}

/// Reads the results of a folder.
///
/// # Errors
/// [`Fatal`] where there are none, or a line is no row of results or contradicts itself.
pub fn read(out: &Path) -> Result<Results, Fatal> {
    let schemes = Scheme::all();
    let read = batch::results::read(out)?;
    let mut results = Results { sha256: read.sha256, ..Results::default() };
    for record in read.records {
        let wrong = |why: String| {
            Fatal::new(format!("{}: {}: {why}", out.join("results.jsonl").display(), record.path), AGAIN)
        };
        match Question::read(&record, &schemes).map_err(wrong)? {
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
