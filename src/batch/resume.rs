//! An earlier run in OUT, taken up again. `results.jsonl` is the truth: the tables are brought in line
//! with its whole lines, and only a last line that is torn is dropped.

use super::disk::{self, Draft};
use super::inputs::Photograph;
use super::manifest::{self, Evidence, Manifest, Previous};
use super::names::{cell, printable};
use super::output::{
    FILES, GROUP_FILES, failures_row, full, heading, is_of_groups, line, results_row, timings_row,
};
use super::record::Record;
use super::timing::STAGES;
use crate::error::Fatal;
use crate::pipeline::decode::Status;
use crate::pipeline::photo::sha256;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// What a line of `results.jsonl` says of its photograph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// How far it was read.
    pub status: Status,
    /// SHA-256 of what was read.
    pub sha256: Option<String>,
}

/// The whole lines of a `results.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Line by line.
    pub rows: Vec<Row>,
    /// Where the last whole line ends, bytes.
    pub bytes: u64,
    /// Whether a torn line follows it.
    pub torn: bool,
}

/// Reads the whole lines of OUT's `results.jsonl`, which must be those of `paths` in order; none where
/// there is no such file.
///
/// # Errors
/// [`Fatal`] where a line before the last one is damaged, or is another photograph's.
pub fn saved<'a>(out: &Path, paths: impl Iterator<Item = &'a str>) -> Result<Saved, Fatal> {
    let path = out.join(FILES[0]);
    let wrong = |n: usize, what: &str| {
        Fatal::new(
            format!("line {n} of {} {what}", path.display()),
            format!("`microstamp verify {}`; a new folder after -o starts anew", out.display()),
        )
    };
    let mut saved = Saved::default();
    let mut lines = match File::open(&path) {
        Ok(file) => BufReader::new(file),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(saved),
        Err(e) => return Err(wrong(1, &format!("cannot be read: {e}"))),
    };
    let mut paths = paths;
    let mut text = Vec::new();
    loop {
        text.clear();
        let n = saved.rows.len() + 1;
        let unreadable = |e: io::Error| wrong(n, &format!("cannot be read: {e}"));
        if lines.read_until(b'\n', &mut text).map_err(unreadable)? == 0 {
            return Ok(saved);
        }
        let is_last = lines.fill_buf().map_err(unreadable)?.is_empty();
        match serde_json::from_slice::<Record>(&text) {
            Ok(record) if text.ends_with(b"\n") => {
                match paths.next() {
                    Some(path) if path == record.path => {}
                    Some(path) => {
                        let (found, due) = (printable(&record.path), printable(path));
                        return Err(wrong(n, &format!("is of {found}, where that of {due} is due")));
                    }
                    None => return Err(wrong(n, "is one more than there are photographs")),
                }
                saved.bytes += text.len() as u64;
                saved.rows.push(Row { status: record.status, sha256: record.sha256 });
            }
            _ if is_last => {
                saved.torn = true;
                return Ok(saved);
            }
            Err(e) => return Err(wrong(n, &format!("is damaged: {e}"))),
            Ok(_) => return Err(wrong(n, "has no end")),
        }
    }
}

/// What lies in OUT when a run is to be taken up.
#[derive(Debug)]
pub struct Earlier {
    /// The run's manifest.
    pub manifest: Manifest,
    /// Its bytes.
    bytes: Vec<u8>,
    /// Its whole lines.
    pub saved: Saved,
    /// Files that the run named when it ended and that are gone or changed since: they are made anew from its lines.
    pub made_anew: Vec<String>,
}

/// Looks what an earlier run has left in `out`, and whether this one, `now`, may continue it; `None`
/// where `out` is empty or not there. With `retry` photographs that failed are to be read again, and may have been
/// mended since.
///
/// # Errors
/// [`Fatal`] where `out` holds something else, where the runs or their photographs differ (all
/// differences are named), or where results were changed since.
pub fn look(
    out: &Path,
    now: &Manifest,
    photographs: &[Photograph],
    retry: bool,
) -> Result<Option<Earlier>, Fatal> {
    let path = out.join(manifest::NAME);
    let another = "-o with a new folder";
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(_) if super::output::is_free(out) => return Ok(None),
        Err(e) => {
            let what = format!("there is no run to resume in {}: cannot read run.json: {e}", out.display());
            return Err(Fatal::new(what, another));
        }
    };
    let before = Manifest::parse(&bytes).map_err(|e| {
        let what = format!("{} was written by another version or is damaged: {e}", path.display());
        Fatal::new(what, another)
    })?;
    // A manifest that was changed would be kept as the record of the run before, under a hash that fits it.
    if !manifest::is_sealed(&bytes) {
        let what = format!("{} was changed since it was written: its seal does not fit", path.display());
        return Err(Fatal::new(
            what,
            format!("`microstamp verify {}`; {another} starts anew", out.display()),
        ));
    }
    let saved = saved(out, now.evidence.iter().map(|e| e.path.as_str()));
    let rows = saved.iter().flat_map(|saved| &saved.rows).zip(&now.evidence);
    let failed: BTreeSet<&str> =
        rows.filter(|(row, _)| row.status == Status::Failed).map(|(_, e)| e.path.as_str()).collect();
    let mended = |name: &str| retry && failed.contains(name);
    let mut differences = differences(&before, now, &mended);
    let mut hint = format!("the command and settings that stand in {}, or {another}", path.display());
    if !retry && !failed.is_empty() {
        hint = format!("--retry-failed, if only photographs that had failed were mended; {hint}");
    }
    if differences.is_empty() {
        let saved = saved?;
        let mut made_anew = Vec::new();
        for (name, hash) in &before.outputs {
            match disk::sha256_of(&out.join(name)) {
                Ok(found) if found == *hash => {}
                Ok(_) if name == FILES[0] => {
                    differences.push("results.jsonl: changed after the run had written it".into());
                    hint = format!(
                        "`microstamp verify {}`, which names what differs, or {another}",
                        out.display()
                    );
                }
                _ => made_anew.push(name.clone()),
            }
        }
        differences.extend(changed(&saved, photographs, retry));
        if differences.is_empty() {
            return Ok(Some(Earlier { manifest: before, bytes, saved, made_anew }));
        }
    }
    Err(Fatal::new(
        format!("{} holds another run than this one:\n  {}", out.display(), differences.join("\n  ")),
        hint,
    ))
}

/// Photographs that were read and are not as they were.
fn changed(saved: &Saved, photographs: &[Photograph], retry: bool) -> Vec<String> {
    let pairs: Vec<_> = saved.rows.iter().zip(photographs).collect();
    let one = |(row, photograph): &(&Row, &Photograph)| {
        let hash = row.sha256.as_ref().filter(|_| !(retry && row.status == Status::Failed))?;
        let name = printable(&photograph.name);
        match disk::sha256_of(&photograph.path) {
            Ok(found) if found == *hash => None,
            Ok(_) => Some(format!("photograph {name}: changed since it was read")),
            Err(e) => Some(format!("photograph {name}: cannot be opened again: {e}")),
        }
    };
    some(pairs.par_iter().filter_map(one).collect())
}

/// Photographs and settings named at the most in one message.
const NAMED: usize = 8;

fn some(mut all: Vec<String>) -> Vec<String> {
    if all.len() > NAMED {
        let rest = all.len() - NAMED;
        all.truncate(NAMED);
        all.push(format!("... and {rest} more"));
    }
    all
}

/// In what two runs differ that decides about their results: a line each. Photographs that were `mended` may.
fn differences(before: &Manifest, now: &Manifest, mended: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, then: String, now: String| {
        if then != now {
            found.push(format!("{what}: {} then, {} now", printable(&then), printable(&now)));
        }
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".into());
    compare("version", before.version.clone(), now.version.clone());
    compare("commit", or_none(before.commit.clone()), or_none(now.commit.clone()));
    let scale = |m: &Manifest| or_none(m.um_per_px.map(|x| x.to_string()));
    compare("--um-per-px", scale(before), scale(now));
    let page = |m: &Manifest| or_none(m.page.map(|page| page.to_string()));
    compare("--page", page(before), page(now));
    compare("engine", before.engine.name.clone(), now.engine.name.clone());
    compare("engine's version", before.engine.version.clone(), now.engine.version.clone());
    let weights = |m: &Manifest| or_none(m.engine.weights_sha256.clone());
    compare("engine's weights", weights(before), weights(now));
    compare("weights", before.weights_sha256.clone(), now.weights_sha256.clone());
    compare("curves and bars", before.calibration_sha256.clone(), now.calibration_sha256.clone());
    compare("formats", before.formats.join(", "), now.formats.join(", "));
    compare("groups", or_none(before.grouping.clone()), or_none(now.grouping.clone()));
    let settings = |m: &Manifest| m.settings.values().into_iter().collect::<BTreeMap<_, _>>();
    let (then, new) = (settings(before), settings(now));
    for key in then.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let value = |of: &BTreeMap<String, String>| or_none(of.get(key).cloned());
        compare(&format!("setting {key}"), value(&then), value(&new));
    }
    found.extend(some(photographs(&before.evidence, &now.evidence, mended)));
    found
}

/// Photographs that came, went, or have another size. Equal names stand for different INPUTs, in order.
fn photographs(before: &[Evidence], now: &[Evidence], mended: &dyn Fn(&str) -> bool) -> Vec<String> {
    let by_name = |list: &[Evidence]| {
        let mut sizes: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for e in list {
            sizes.entry(e.path.clone()).or_default().push(e.bytes);
        }
        sizes
    };
    let (then, now) = (by_name(before), by_name(now));
    let mut found = Vec::new();
    for name in then.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
        let what = match (then.get(name), now.get(name)) {
            (Some(a), Some(b)) if a == b || mended(name) => continue,
            (Some(a), Some(b)) => format!("{} bytes then, {} now", sizes(a), sizes(b)),
            (Some(_), None) => "there then, not now".into(),
            _ => "not there then, there now".into(),
        };
        found.push(format!("photograph {}: {what}", printable(name)));
    }
    found
}

fn sizes(bytes: &[u64]) -> String {
    bytes.iter().map(u64::to_string).collect::<Vec<_>>().join(" and ")
}

/// Keeps the manifest of the run before as `run-1.json`, `run-2.json`, ..., with its signature, and
/// names it in this run's. Groups that were made of its lines are removed; gives the names of those that this run does
/// not make anew, since `group` made them.
///
/// # Errors
/// [`Fatal`] where it cannot be written.
pub fn follow(out: &Path, earlier: &Earlier, now: &mut Manifest) -> Result<Vec<&'static str>, Fatal> {
    let unwritable = |e: io::Error| full(out, &e);
    let before = earlier.manifest.previous.as_ref().and_then(|p| manifest::number(&p.file));
    let file = manifest::kept_as(before.unwrap_or(0) + 1);
    let kept = out.join(&file);
    disk::replace(&kept, &earlier.bytes).map_err(unwritable)?;
    let signature = out.join(manifest::SIGNATURE);
    if let Ok(bytes) = std::fs::read(&signature) {
        disk::replace(&manifest::signature_of(&kept), &bytes).map_err(unwritable)?;
        std::fs::remove_file(&signature).map_err(unwritable)?;
    }
    // What was read together from earlier lines holds no longer.
    let mut gone = Vec::new();
    let made = |name: &str| std::fs::read(out.join(name)).is_ok_and(|bytes| is_of_groups(name, &bytes));
    for name in GROUP_FILES.into_iter().filter(|name| made(name)) {
        std::fs::remove_file(out.join(name)).map_err(unwritable)?;
        gone.push(name);
    }
    now.previous = Some(Previous { file, sha256: sha256(&earlier.bytes) });
    Ok(if now.grouping.is_some() { Vec::new() } else { gone })
}

/// Lines that are written in the place of others, with the milliseconds of their stages.
pub type Replaced = BTreeMap<usize, (Record, Vec<f64>)>;

/// Drops what is torn, puts new lines in the place of old ones, and writes the tables anew after the
/// lines. The files are whole at any moment.
///
/// # Errors
/// [`Fatal`] where the disk is full or gone; nothing that was saved is lost.
pub fn bring_in_line(out: &Path, saved: &Saved, replaced: &Replaced) -> Result<(), Fatal> {
    let unwritable = |e: io::Error| full(out, &e);
    let truth = out.join(FILES[0]);
    let file = File::options().create(true).truncate(false).write(true).open(&truth).map_err(unwritable)?;
    file.set_len(saved.bytes).and_then(|()| file.sync_all()).map_err(unwritable)?;
    // Without new lines in it `results.jsonl` stays: on a disk that is nearly full there is no room for two.
    let first = usize::from(replaced.is_empty());
    let mut drafts = Vec::new();
    for (i, name) in FILES.iter().enumerate().skip(first) {
        let mut draft = Draft::create(&out.join(name)).map_err(unwritable)?;
        draft.write(&heading(i)).map_err(unwritable)?;
        drafts.push(draft);
    }
    let mut times = Times::open(out);
    let lines = BufReader::new(File::open(&truth).map_err(unwritable)?).split(b'\n');
    for (i, old) in lines.enumerate() {
        let old = old.map_err(unwritable)?;
        let rows = match replaced.get(&i) {
            Some((record, ms)) => {
                times.next(&record.path);
                [line(record)?, results_row(record), failures_row(record), timings_row(&record.path, ms)]
            }
            None => {
                let record: Record = serde_json::from_slice(&old).map_err(|e| full(out, &e.into()))?;
                let timings = times.next(&record.path);
                let timings = timings.unwrap_or_else(|| timings_row(&record.path, &[]));
                let old = [old.as_slice(), b"\n"].concat();
                [old, results_row(&record), failures_row(&record), timings]
            }
        };
        for (draft, row) in drafts.iter_mut().zip(&rows[first..]) {
            draft.write(row).map_err(unwritable)?;
        }
    }
    drafts.into_iter().try_for_each(Draft::publish).map_err(unwritable)
}

/// The rows of an old `timings.csv`, which may end early or be torn.
struct Times {
    rows: Option<csv::ByteRecordsIntoIter<File>>,
}

impl Times {
    fn open(out: &Path) -> Self {
        let reader = csv::ReaderBuilder::new().flexible(true).from_path(out.join(FILES[3]));
        Self { rows: reader.ok().map(csv::Reader::into_byte_records) }
    }

    /// The next row if it is whole and this photograph's.
    fn next(&mut self, path: &str) -> Option<Vec<u8>> {
        let row = self.rows.as_mut()?.next()?.ok()?;
        let cells: Vec<&[u8]> = row.iter().collect();
        let is_whole = cells.len() == STAGES.len() + 2 && cells[0] == cell(path).as_bytes();
        is_whole.then(|| disk::csv_row(&cells))
    }
}
