//! A file of entries, CSV or JSON lines, read row by row.

use super::entry::Entry;
use crate::batch::lines::{Lines, by_semicolons, lines_more};
use crate::batch::record::BEGINNING;
use crate::error::Fatal;
use crate::pipeline::photo::hex;
use crate::pipeline::scheme::Scheme;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

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
    Json(Box<Json>),
}

struct Csv {
    reader: csv::Reader<Counted>,
    /// Where each field stands.
    at: [Option<usize>; 14],
    record: csv::StringRecord,
    lines: Lines,
    /// To look a row up again that is no text.
    path: PathBuf,
}

struct Json {
    reader: BufReader<Counted>,
    line: i64,
    /// Fields of the lines so far.
    stated: BTreeSet<String>,
    /// Whether they are not the same in all of them.
    mixed: bool,
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
        let mut file = File::open(path).map_err(|e| unreadable(&e))?;
        if !file.metadata().is_ok_and(|m| m.is_file()) {
            return Err(unreadable(&"it is no file"));
        }
        let start = beginning(&mut file).map_err(|e| unreadable(&e))?;
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(Fatal::new(
                format!("the text of {} is UTF-16", path.display()),
                "the same table, saved as CSV UTF-8",
            ));
        }
        let counted = Counted { file, read: 0, hash: Sha256::new() };
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        let rows = if ["jsonl", "ndjson", "json"].contains(&ending.as_str()) {
            let mut reader = BufReader::with_capacity(CHUNK, counted);
            if reader.fill_buf().map_err(|e| unreadable(&e))?.starts_with(BYTE_ORDER_MARK) {
                reader.consume(BYTE_ORDER_MARK.len());
            }
            if !is_line_of_json(reader.fill_buf().map_err(|e| unreadable(&e))?) {
                return Err(Fatal::new(
                    format!("{} is not JSON with one object a line", path.display()),
                    "JSON lines (`jq -c '.[]' FILE` makes them of a list), or CSV",
                ));
            }
            if let Some(other) = answers(reader.fill_buf().map_err(|e| unreadable(&e))?) {
                return Err(Fatal::new(
                    format!("{} holds no entries: its first line is {other}", path.display()),
                    "a CSV or JSONL file of entries; `microstamp trace OUT` looks readings up",
                ));
            }
            Rows::Json(Box::new(Json { reader, line: 0, stated: BTreeSet::new(), mixed: false }))
        } else {
            let mut reader = csv::ReaderBuilder::new()
                .trim(csv::Trim::All)
                .flexible(true)
                .buffer_capacity(CHUNK)
                .from_reader(counted);
            let at = columns(reader.headers().map_err(|e| unreadable(&e))?)
                .map_err(|f| Fatal::new(format!("{}: {}", path.display(), f.what), f.hint))?;
            Rows::Csv(Box::new(Csv {
                reader,
                at,
                record: csv::StringRecord::new(),
                lines: Lines::after_names(),
                path: path.to_path_buf(),
            }))
        };
        Ok(Self { rows, schemes: Scheme::all() })
    }

    /// Whether some lines, of those read so far, state fields that others do not.
    pub fn is_mixed(&self) -> bool {
        matches!(&self.rows, Rows::Json(json) if json.mixed)
    }

    /// The columns of the registry that the rows read so far state.
    pub fn stated(&self) -> Vec<&'static str> {
        match &self.rows {
            Rows::Csv(csv) => {
                Entry::COLUMNS.into_iter().zip(csv.at).filter_map(|(name, at)| at.map(|_| name)).collect()
            }
            Rows::Json(json) => {
                let columns = Entry::FIELDS.iter().zip(Entry::COLUMNS);
                columns.filter_map(|(field, name)| json.stated.contains(*field).then_some(name)).collect()
            }
        }
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        match &self.rows {
            Rows::Csv(csv) => csv.reader.get_ref().read,
            Rows::Json(json) => json.reader.get_ref().read,
        }
    }

    /// SHA-256 of what was read, hex; of the whole file when the rows have ended.
    pub fn sha256(&self) -> String {
        hex(&match &self.rows {
            Rows::Csv(csv) => csv.reader.get_ref().hash.clone(),
            Rows::Json(json) => json.reader.get_ref().hash.clone(),
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
                    let line = csv.lines.of(&csv.record, csv.reader.position()) as i64;
                    let entry = match lines_more(&csv.record) as i64 {
                        0 => from_record(&csv.record, &csv.at),
                        more => Err(format!(
                            "it goes on to line {}, from a quotation mark on: none of these lines was read by itself",
                            line + more
                        )),
                    };
                    RowRead { line, text: joined(&csv.record), entry }
                }
                Err(e) if matches!(e.kind(), csv::ErrorKind::Utf8 { .. }) => {
                    let line = csv.lines.next(e.position()) as i64;
                    let text = e.position().map(|p| raw_line(&csv.path, p.byte())).unwrap_or_default();
                    let why = "its text is not UTF-8: save the file as CSV UTF-8";
                    RowRead { line, text, entry: Err(why.into()) }
                }
                Err(e) => return Err(broken(&e)),
            },
            Rows::Json(json) => {
                let Json { reader, line, stated, mixed } = json.as_mut();
                let mut bytes = Vec::new();
                // An empty line says nothing, as in CSV.
                while bytes.trim_ascii().is_empty() {
                    bytes.clear();
                    let n = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
                    if n.map_err(|e| broken(&e))? == 0 {
                        return Ok(None);
                    }
                    *line += 1;
                }
                let cut = bytes.last() != Some(&b'\n') && bytes.len() as u64 == LONGEST_LINE;
                if cut {
                    reader.skip_until(b'\n').map_err(|e| broken(&e))?;
                }
                let text = String::from_utf8_lossy(&bytes).trim_end().to_string();
                let entry = if cut {
                    Err(format!("it is longer than {LONGEST_LINE} bytes"))
                } else {
                    let entry = serde_json::from_slice(bytes.trim_ascii_end()).map_err(|e| reason(&e));
                    let fields = serde_json::from_slice::<BTreeMap<String, serde::de::IgnoredAny>>(&bytes);
                    if let (Ok(_), Ok(fields)) = (&entry, fields) {
                        let fields: BTreeSet<String> = fields.into_keys().collect();
                        *mixed |= !stated.is_empty() && *stated != fields;
                        stated.extend(fields);
                    }
                    entry
                };
                RowRead { line: *line, text, entry }
            }
        };
        let tidy = read.entry.map(Entry::tidied);
        let entry = tidy.and_then(|entry| entry.check(&self.schemes).map(|()| entry));
        Ok(Some(RowRead { entry, ..read }))
    }
}

/// What programs put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The first two bytes of a file, which is left at its start.
fn beginning(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.take(2).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start)
}

/// Whether JSON that begins like this may have an object a line: not a list, nor an object over several lines.
fn is_line_of_json(start: &[u8]) -> bool {
    let first = start.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
    first.is_none_or(|line| !line.starts_with(b"[") && line != b"{")
}

/// The line of a file that begins at a byte, with what is no UTF-8 replaced; empty where it cannot be read again.
fn raw_line(path: &Path, byte: u64) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(byte))?;
        BufReader::new(file.take(LONGEST_LINE)).read_until(b'\n', &mut bytes)
    });
    read.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(&bytes).trim().to_string())
}

/// What the first line of a file is that this program wrote as an answer, of which no row is an entry.
fn answers(start: &[u8]) -> Option<&'static str> {
    let line = start.split(|b| *b == b'\n').next().unwrap_or_default();
    // A reading may be longer than what was read of the file: then its first field tells.
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(line) else {
        return line.starts_with(BEGINNING).then_some("an answer of this program");
    };
    value.get("schema")?;
    Some(if value.get("status").is_some() {
        "a reading of results.jsonl"
    } else {
        "an answer of this program"
    })
}

/// Why a line of JSON is no entry. Where in the text that was seen is left out: the line is named beside it.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_string()
}

/// Where each field stands in a file with these columns.
fn columns(names: &csv::StringRecord) -> Result<[Option<usize>; 14], Fatal> {
    let mut at = [None; 14];
    for (i, name) in names.iter().enumerate() {
        // Spreadsheets like to begin a heading with a capital.
        let name = name.trim_start_matches('\u{feff}').trim().to_lowercase();
        let Some(field) = Entry::FIELDS.iter().position(|f| *f == name) else {
            let hint = if name.starts_with("purchaser") || name.starts_with("buyer") {
                "`microstamp registry purchaser import`: purchaser data stand behind their own key"
                    .to_string()
            } else {
                format!("a first line of: {}", Entry::FIELDS.join(","))
            };
            let why = by_semicolons(names);
            return Err(Fatal::new(format!("the registry has no place for a column `{name}`{why}"), hint));
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_this_program_are_told_from_entries() {
        let reading = br#"{"schema":1,"path":"a.png","status":"read","code":"A7CK2MP4"}"#;
        assert_eq!(answers(reading), Some("a reading of results.jsonl"));
        // Cut in the middle, as a line is that is longer than the first piece of a file.
        assert_eq!(answers(&reading[..30]), Some("an answer of this program"));
        let entry = br#"{"code":"A7CK2MP4","format":"ifm8","make":"Colt","serial":"1","status":"sold"}"#;
        assert_eq!((answers(entry), answers(b"no JSON\n"), answers(b"")), (None, None, None));
    }

    #[test]
    fn a_reason_names_no_line_of_its_own() {
        let why = |text: &str| reason(&serde_json::from_str::<Entry>(text).unwrap_err());
        assert_eq!(why(r#"{"code":"A7CK2MP4""#), "EOF while parsing an object");
        assert_eq!(why(r#"{"code":"A7CK2MP4"}"#), "missing field `format`");
    }

    #[test]
    fn headings_may_begin_with_capitals_and_stand_between_spaces() {
        let at = |names: &[&str]| columns(&csv::StringRecord::from(names.to_vec()));
        let plain: Vec<&str> = Entry::REQUIRED.to_vec();
        let spelt: Vec<String> = plain.iter().map(|name| format!(" {} ", name.to_uppercase())).collect();
        let spelt: Vec<&str> = spelt.iter().map(String::as_str).collect();
        assert_eq!(at(&spelt).unwrap(), at(&plain).unwrap());
        assert!(at(&[&plain[..], &["owner"]].concat()).is_err());
        assert!(at(&[&plain[..], &[spelt[0]]].concat()).unwrap_err().what.contains("two columns"));
    }
}
