//! `traces.jsonl` and `traces.csv`: answers of [`super::trace`] in words that others can read.

use super::entry::Entry;
use super::trace::{Trace, rounded};
use crate::batch::disk;
use crate::batch::names::cell;
use crate::error::Fatal;
use std::path::Path;

/// The files.
pub const FILES: [&str; 2] = ["traces.jsonl", "traces.csv"];

/// Columns of `traces.csv` that say the same for every record of a question.
const OF_QUESTION: [&str; 24] = [
    "asked",
    "path",
    "group",
    "sha256",
    "best",
    "reading_p",
    "not_registered",
    "unread",
    "unregistered_share",
    "next_to_share",
    "records",
    "compatible",
    "by_chance",
    "narrowed_formats",
    "narrowed_make",
    "narrowed_calibre",
    "narrowed_on",
    "left_out",
    "left_out_fits_better",
    "other_format",
    "refused",
    "log_row",
    "log_time",
    "log_sha256",
];
/// Columns of a record, before its own.
const OF_RECORD: [&str; 5] = ["posterior", "firearm_posterior", "unnarrowed", "differs", "differs_at"];

/// Writes both files into a folder that has neither.
///
/// # Errors
/// [`Fatal`] where they cannot be written.
pub fn write(out: &Path, traces: &[Trace]) -> Result<(), Fatal> {
    let full = |path: &Path, e: &dyn std::fmt::Display| {
        Fatal::new(
            format!("cannot write {}: {e}", path.display()),
            "-o with a folder that is yours, on a disk that has room",
        )
    };
    let [lines_path, table_path] = FILES.map(|name| out.join(name));
    let mut lines = Vec::new();
    for trace in traces {
        serde_json::to_writer(&mut lines, trace).map_err(|e| full(&lines_path, &e))?;
        lines.push(b'\n');
    }
    let table = table(traces).map_err(|e| full(&table_path, &e))?;
    disk::replace(&lines_path, &lines).map_err(|e| full(&lines_path, &e))?;
    disk::replace(&table_path, &table).map_err(|e| full(&table_path, &e))
}

/// The same as the lines, flat: a row a record, and one for a question that led to none.
fn table(traces: &[Trace]) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(OF_QUESTION.iter().chain(&OF_RECORD).chain(&Entry::FIELDS))?;
    for trace in traces {
        let of_question = of_question(trace);
        for candidate in &trace.candidates {
            let places: Vec<String> = candidate.differs_at.iter().map(i64::to_string).collect();
            let of_record = [
                rounded(candidate.posterior).to_string(),
                rounded(candidate.firearm_posterior).to_string(),
                candidate.unnarrowed.map(|p| rounded(p).to_string()).unwrap_or_default(),
                candidate.differs.to_string(),
                places.join(" "),
            ];
            let entry = candidate.entry.cells().map(cell);
            table.write_record(of_question.iter().chain(&of_record).chain(&entry))?;
        }
        if trace.candidates.is_empty() {
            let rest = vec![String::new(); OF_RECORD.len() + Entry::FIELDS.len()];
            table.write_record(of_question.iter().chain(&rest))?;
        }
    }
    table.into_inner().map_err(|e| e.into_error().into())
}

fn of_question(trace: &Trace) -> [String; OF_QUESTION.len()] {
    let text = |text: Option<&String>| text.map(|t| cell(t)).unwrap_or_default();
    let narrowed = trace.narrowed.as_ref();
    // Where nothing was looked up there is no answer, and 0 would look like one.
    let answer = |answer: String| if trace.refused.is_some() { String::new() } else { answer };
    [
        trace.asked.clone(),
        text(trace.path.as_ref()),
        text(trace.group.as_ref()),
        text(trace.sha256.as_ref()),
        text(trace.best.as_ref()),
        trace.reading_p.map(|p| p.to_string()).unwrap_or_default(),
        answer(rounded(trace.not_registered).to_string()),
        answer(rounded(trace.unread).to_string()),
        trace.unregistered_share.to_string(),
        trace.next_to_share.to_string(),
        trace.records.to_string(),
        answer(trace.compatible.to_string()),
        rounded(trace.by_chance).to_string(),
        narrowed.map(|n| n.formats.join(" ")).unwrap_or_default(),
        text(narrowed.and_then(|n| n.make.as_ref())),
        text(narrowed.and_then(|n| n.calibre.as_ref())),
        text(narrowed.and_then(|n| n.on.as_ref())),
        trace.left_out.map(|n| n.to_string()).unwrap_or_default(),
        trace.left_out.map(|_| trace.left_out_fits_better.to_string()).unwrap_or_default(),
        answer(trace.other_format.map(|n| n.to_string()).unwrap_or_default()),
        text(trace.refused.as_ref()),
        trace.log.as_ref().map(|log| log.row.to_string()).unwrap_or_default(),
        text(trace.log.as_ref().map(|log| &log.time)),
        text(trace.log.as_ref().map(|log| &log.sha256)),
    ]
}
