//! The files of OUT, written line by line as results come.

use super::record::{Record, word};
use super::timing::STAGES;
use crate::error::Fatal;
use crate::pipeline::geometry::Ellipse;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Makes the folder OUT, which must be new or empty.
///
/// # Errors
/// [`Fatal`] where it is a file, holds something, or cannot be made; the hint names a folder that is free.
pub fn make_folder(out: &Path) -> Result<(), Fatal> {
    let fresh = || {
        (2..)
            .map(|n| PathBuf::from(format!("{}-{n}", out.display().to_string().trim_end_matches('/'))))
            .find(|p| !p.exists())
            .map_or_else(String::new, |p| format!("-o {}", p.display()))
    };
    if !out.exists() {
        return std::fs::create_dir_all(out).map_err(|e| {
            Fatal::new(
                format!("cannot make the folder {}: {e}", out.display()),
                "-o with a folder that you may write",
            )
        });
    }
    match std::fs::read_dir(out).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Fatal::new(format!("the folder {} is not empty", out.display()), fresh())),
        Err(e) => Err(Fatal::new(format!("cannot use {} as a folder: {e}", out.display()), fresh())),
    }
}

/// Writers of `results.jsonl`, `results.csv`, `failures.csv` and `timings.csv`.
#[derive(Debug)]
pub struct Output {
    lines: BufWriter<File>,
    results: csv::Writer<File>,
    failures: csv::Writer<File>,
    timings: csv::Writer<File>,
}

const RESULTS: [&str; 26] = [
    "path",
    "status",
    "code",
    "best",
    "confidence",
    "format",
    "p",
    "gear_symbols",
    "gear_agrees",
    "primer_cx",
    "primer_cy",
    "primer_rx",
    "primer_ry",
    "primer_angle_deg",
    "impression_cx",
    "impression_cy",
    "impression_rx",
    "impression_ry",
    "impression_angle_deg",
    "rotation_deg",
    "mirrored",
    "um_per_px",
    "um_per_px_from",
    "warnings",
    "failure",
    "sha256",
];

impl Output {
    /// Opens the files in the empty folder `out` and writes the tables' headings.
    ///
    /// # Errors
    /// [`Fatal`] where a file cannot be made or written.
    pub fn create(out: &Path) -> Result<Self, Fatal> {
        let file = |name: &str| File::create_new(out.join(name)).map_err(full);
        let mut output = Self {
            lines: BufWriter::new(file("results.jsonl")?),
            results: csv::Writer::from_writer(file("results.csv")?),
            failures: csv::Writer::from_writer(file("failures.csv")?),
            timings: csv::Writer::from_writer(file("timings.csv")?),
        };
        output.results.write_record(RESULTS).map_err(full)?;
        output.failures.write_record(["path", "stage", "reason", "hint"]).map_err(full)?;
        let stages = STAGES.iter().map(|s| format!("{s}_ms"));
        output
            .timings
            .write_record(std::iter::once("path".into()).chain(stages).chain(["total_ms".into()]))
            .map_err(full)?;
        output.flush()?;
        Ok(output)
    }

    /// Writes one photograph's lines: they are in the files when this returns.
    ///
    /// # Errors
    /// [`Fatal`] where the disk is full or gone.
    pub fn write(&mut self, record: &Record, stage_ms: &[f64]) -> Result<(), Fatal> {
        let mut line = serde_json::to_vec(record).map_err(full)?;
        line.push(b'\n');
        self.lines.write_all(&line).map_err(full)?;
        self.results.write_record(flat(record)).map_err(full)?;
        if let Some(f) = &record.failure {
            self.failures.write_record([&record.path, &f.stage, &f.reason, &f.hint]).map_err(full)?;
        }
        let total: f64 = stage_ms.iter().sum();
        let cells =
            (0..STAGES.len()).map(|i| stage_ms.get(i).map_or_else(String::new, |ms| format!("{ms:.2}")));
        let row = std::iter::once(record.path.clone()).chain(cells).chain([format!("{total:.2}")]);
        self.timings.write_record(row).map_err(full)?;
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Fatal> {
        self.lines.flush().map_err(full)?;
        [&mut self.results, &mut self.failures, &mut self.timings]
            .into_iter()
            .try_for_each(|table| table.flush())
            .map_err(full)
    }
}

fn full(error: impl std::fmt::Display) -> Fatal {
    Fatal::new(format!("cannot write the results: {error}"), "-o with a folder on a disk that has room")
}

/// A record as a row of `results.csv`; nothing for null.
fn flat(r: &Record) -> Vec<String> {
    fn text<T: ToString>(value: Option<T>) -> String {
        value.map(|v| v.to_string()).unwrap_or_default()
    }
    let ellipse = |e: Option<Ellipse>| {
        let numbers = e.map(|e| [e.cx, e.cy, e.rx, e.ry, e.angle_deg]);
        (0..5).map(move |i| text(numbers.map(|n| n[i])))
    };
    let p: Vec<String> = r.positions.iter().map(|p| p.p.to_string()).collect();
    let mut row = vec![
        r.path.clone(),
        word(r.status).into(),
        text(r.code.as_ref()),
        text(r.best.as_ref()),
        r.confidence.to_string(),
        text(r.format.as_ref()),
        p.join(" "),
        text(r.gear.as_ref().map(|g| &g.symbols)),
        text(r.gear.as_ref().map(|g| g.agrees)),
    ];
    row.extend(ellipse(r.primer));
    row.extend(ellipse(r.impression));
    row.extend([
        text(r.rotation_deg),
        text(r.mirrored),
        text(r.um_per_px),
        text(r.um_per_px_from.as_ref()),
        r.warnings.join(" "),
        text(r.failure.as_ref().map(|f| &f.reason)),
        text(r.sha256.as_ref()),
    ]);
    row
}
