//! A file of entries, CSV or JSON lines, read row by row.

use super::entry::Entry;
use super::log::hex;
use crate::error::Fatal;
use crate::pipeline::scheme::Scheme;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Bytes read at once.
const CHUNK: usize = 1 << 18;
/// Longest line of JSON, bytes: an entry with all fields at their longest is shorter.
const LONGEST_LINE: u64 = 1 << 16;

/// A row as it stands in the file, and the entry that it says or why it says none.
pub struct RowRead {
    /// Line of the file, from 1.
    pub line: i64,
    /// The row's text.
    pub text: String,
    /// What it says.
    pub entry: Result<Entry, String>,
}

/// A file being read.
pub struct Source {
    rows: Rows,
    schemes: Vec<Scheme>,
}

enum Rows {
    Csv(Box<Csv>),
    Json { reader: Box<BufReader<Counted>>, line: i64 },
}

struct Csv {
    reader: csv::Reader<Counted>,
    /// Where each field stands.
    at: [Option<usize>; 14],
    record: csv::StringRecord,
}

/// A file whose bytes are counted and hashed as they are read.
struct Counted {
    file: File,
    read: u64,
    hash: Sha256,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(into)?;
        self.read += n as u64;
        self.hash.update(&into[..n]);
        Ok(n)
    }
}

impl Source {
    /// Opens a file: JSON lines where its name ends in `.jsonl`, `.ndjson` or `.json`, else CSV whose first
    /// line names the columns.
    ///
    /// # Errors
    /// [`Fatal`] where it cannot be read, lacks a column that an entry needs, or has one that it has no
    /// place for.
    pub fn open(path: &Path) -> Result<Self, Fatal> {
        let unreadable = |e: &dyn std::fmt::Display| {
            Fatal::new(format!("cannot read {}: {e}", path.display()), "a CSV or JSONL file of entries")
        };
        let file = File::open(path).map_err(|e| unreadable(&e))?;
        if !file.metadata().is_ok_and(|m| m.is_file()) {
            return Err(unreadable(&"it is no file"));
        }
        let counted = Counted { file, read: 0, hash: Sha256::new() };
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        let rows = if ["jsonl", "ndjson", "json"].contains(&ending.as_str()) {
            Rows::Json { reader: Box::new(BufReader::with_capacity(CHUNK, counted)), line: 0 }
        } else {
            let mut reader = csv::ReaderBuilder::new()
                .trim(csv::Trim::All)
                .flexible(true)
                .buffer_capacity(CHUNK)
                .from_reader(counted);
            let at = columns(reader.headers().map_err(|e| unreadable(&e))?)
                .map_err(|f| Fatal::new(format!("{}: {}", path.display(), f.what), f.hint))?;
            Rows::Csv(Box::new(Csv { reader, at, record: csv::StringRecord::new() }))
        };
        Ok(Self { rows, schemes: Scheme::all() })
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        match &self.rows {
            Rows::Csv(csv) => csv.reader.get_ref().read,
            Rows::Json { reader, .. } => reader.get_ref().read,
        }
    }

    /// SHA-256 of what was read, hex; of the whole file when the rows have ended.
    pub fn sha256(&self) -> String {
        hex(&match &self.rows {
            Rows::Csv(csv) => csv.reader.get_ref().hash.clone(),
            Rows::Json { reader, .. } => reader.get_ref().hash.clone(),
        }
        .finalize())
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// [`Fatal`] where the file cannot be read on.
    pub fn next_row(&mut self) -> Result<Option<RowRead>, Fatal> {
        let broken =
            |e: &dyn std::fmt::Display| Fatal::new(format!("cannot read on: {e}"), "a file that is whole");
        let read = match &mut self.rows {
            Rows::Csv(csv) => match csv.reader.read_record(&mut csv.record) {
                Ok(false) => return Ok(None),
                Ok(true) => {
                    let line = csv.record.position().map_or(0, csv::Position::line) as i64;
                    RowRead { line, text: joined(&csv.record), entry: from_record(&csv.record, &csv.at) }
                }
                Err(e) if matches!(e.kind(), csv::ErrorKind::Utf8 { .. }) => {
                    let line = e.position().map_or(0, csv::Position::line) as i64;
                    RowRead { line, text: String::new(), entry: Err("its text is not UTF-8".into()) }
                }
                Err(e) => return Err(broken(&e)),
            },
            Rows::Json { reader, line } => {
                let mut bytes = Vec::new();
                let n = reader.as_mut().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
                if n.map_err(|e| broken(&e))? == 0 {
                    return Ok(None);
                }
                *line += 1;
                let cut = bytes.last() != Some(&b'\n') && bytes.len() as u64 == LONGEST_LINE;
                if cut {
                    reader.skip_until(b'\n').map_err(|e| broken(&e))?;
                }
                let text = String::from_utf8_lossy(&bytes).trim_end().to_string();
                let entry = if cut {
                    Err(format!("it is longer than {LONGEST_LINE} bytes"))
                } else {
                    serde_json::from_slice(&bytes).map_err(|e| e.to_string())
                };
                RowRead { line: *line, text, entry }
            }
        };
        let entry = read.entry.and_then(|entry| entry.check(&self.schemes).map(|()| entry));
        Ok(Some(RowRead { entry, ..read }))
    }
}

/// Where each field stands in a file with these columns.
fn columns(names: &csv::StringRecord) -> Result<[Option<usize>; 14], Fatal> {
    let mut at = [None; 14];
    for (i, name) in names.iter().enumerate() {
        let name = name.trim_start_matches('\u{feff}');
        let Some(field) = Entry::FIELDS.iter().position(|f| *f == name) else {
            let hint = if name.starts_with("purchaser") || name.starts_with("buyer") {
                "`microstamp registry purchaser import`: purchaser data stand behind their own key"
                    .to_string()
            } else {
                format!("a first line of: {}", Entry::FIELDS.join(","))
            };
            return Err(Fatal::new(format!("the registry has no place for a column `{name}`"), hint));
        };
        if at[field].replace(i).is_some() {
            return Err(Fatal::new(format!("two columns are called `{name}`"), "leave one of them out"));
        }
    }
    for (field, at) in Entry::FIELDS.iter().zip(&at) {
        if at.is_none() && Entry::REQUIRED.contains(field) {
            return Err(Fatal::new(
                format!("there is no column `{field}`"),
                format!("a first line of: {}", Entry::FIELDS.join(",")),
            ));
        }
    }
    Ok(at)
}

fn from_record(record: &csv::StringRecord, at: &[Option<usize>; 14]) -> Result<Entry, String> {
    let columns = at.iter().flatten().count();
    if record.len() != columns {
        return Err(format!("it has {} cells, the first line has {columns}", record.len()));
    }
    Ok(Entry::from_cells(at.iter().map(|i| i.and_then(|i| record.get(i)).unwrap_or_default())))
}

/// A row as a line of CSV again.
pub fn joined(record: &csv::StringRecord) -> String {
    if record.iter().all(|cell| !cell.contains([',', '"', '\n', '\r'])) {
        return record.iter().collect::<Vec<_>>().join(",");
    }
    let quoted = record.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
    quoted.collect::<Vec<_>>().join(",")
}
