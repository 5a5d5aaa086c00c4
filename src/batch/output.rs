//! The files of OUT, written line by line as results come.

use super::disk::{self, Growing};
use super::names::cell;
use super::record::{Record, word};
use super::timing::STAGES;
use crate::error::Fatal;
use crate::pipeline::geometry::Ellipse;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Names of the files in the order of [`Output`]'s own.
pub const FILES: [&str; 4] = ["results.jsonl", "results.csv", "failures.csv", "timings.csv"];

/// Names of what reading several photographs together writes, where it was asked for.
pub const GROUP_FILES: [&str; 2] = ["groups.jsonl", "groups.csv"];

/// Columns of the second of them.
pub const GROUP_COLUMNS: [&str; 12] = [
    "group",
    "kind",
    "status",
    "code",
    "best",
    "confidence",
    "format",
    "p",
    "members",
    "taken",
    "left_out",
    "warnings",
];

/// Whether a file of one of these names is such a file, or empty: somebody's own table may be called so.
pub fn is_of_groups(name: &str, bytes: &[u8]) -> bool {
    let begins = if name == GROUP_FILES[1] {
        GROUP_COLUMNS.join(",").into_bytes()
    } else {
        // The first field of a line, as it is written.
        b"{\"schema\":".to_vec()
    };
    bytes.is_empty() || bytes.starts_with(&begins)
}

/// Between two checkpoints, where all lines are made to reach the disk: a power cut costs no more than
/// these seconds, and a checkpoint takes some hundredths of one.
const CHECKPOINT: Duration = Duration::from_secs(5);

/// Makes the folder OUT, which must be new or empty.
///
/// # Errors
/// [`Fatal`] where it is a file, holds something, or cannot be made; the hint names a folder that is free.
pub fn make_folder(out: &Path) -> Result<(), Fatal> {
    // `.` and `/` have no name to add to.
    let stem = out.file_name().map_or_else(|| PathBuf::from("out"), |_| out.to_path_buf());
    let fresh = || {
        (1..)
            .map(|n| if n == 1 { stem.clone() } else { numbered(&stem, n) })
            .find(|p| !p.exists())
            .map_or_else(String::new, |p| format!("-o {}", p.display()))
    };
    if is_free(out) {
        return std::fs::create_dir_all(out).map_err(|e| {
            Fatal::new(
                format!("cannot make the folder {}: {e}", out.display()),
                "-o with a folder that you may write",
            )
        });
    }
    match std::fs::read_dir(out) {
        Ok(_) => Err(Fatal::new(format!("the folder {} is not empty", out.display()), fresh())),
        Err(e) => {
            let above = out.parent().filter(|p| !p.as_os_str().is_empty()).is_none_or(Path::is_dir);
            let hint = if above { fresh() } else { "-o with a folder that can be made".into() };
            Err(Fatal::new(format!("cannot use {} as a folder: {e}", out.display()), hint))
        }
    }
}

fn numbered(folder: &Path, n: u32) -> PathBuf {
    PathBuf::from(format!("{}-{n}", folder.display().to_string().trim_end_matches('/')))
}

/// Whether a run may begin in `out`: it is not there, is an empty folder, or holds only the draft of a
/// manifest, which a run that was cut off at its very start leaves.
pub fn is_free(out: &Path) -> bool {
    let draft = format!("{}.part", super::manifest::NAME);
    match std::fs::read_dir(out) {
        Ok(mut entries) => entries.all(|e| e.is_ok_and(|e| e.file_name() == draft.as_str())),
        Err(e) => e.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Holds the folder for one program; others are refused until the handle is dropped.
///
/// # Errors
/// [`Fatal`] where another program writes there. Where the system cannot lock a folder, none is refused.
pub fn hold(out: &Path) -> Result<Option<std::fs::File>, Fatal> {
    let Ok(folder) = std::fs::File::open(out) else { return Ok(None) };
    match folder.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => Err(Fatal::new(
            format!("another microstamp is at work in {}", out.display()),
            "wait until it has ended, or -o with another folder",
        )),
        _ => Ok(Some(folder)),
    }
}

/// Writers of `results.jsonl`, `results.csv`, `failures.csv` and `timings.csv`.
#[derive(Debug)]
pub struct Output {
    files: [Growing; 4],
    checkpoint: Instant,
}

const RESULTS: [&str; 28] = [
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
    "heights_missing",
    "page",
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
        let file = |i: usize| -> Result<Growing, Fatal> {
            let mut file = Growing::create(&out.join(FILES[i])).map_err(|e| full(out, &e))?;
            file.append(&heading(i)).map_err(|e| full(out, &e))?;
            Ok(file)
        };
        Ok(Self { files: [file(0)?, file(1)?, file(2)?, file(3)?], checkpoint: Instant::now() })
    }

    /// Opens files that an earlier run has left and [`super::resume`] has brought in line.
    ///
    /// # Errors
    /// [`Fatal`] where a file cannot be opened.
    pub fn reopen(out: &Path) -> Result<Self, Fatal> {
        let file = |i: usize| Growing::open(&out.join(FILES[i])).map_err(|e| full(out, &e));
        Ok(Self { files: [file(0)?, file(1)?, file(2)?, file(3)?], checkpoint: Instant::now() })
    }

    /// Writes one photograph's lines: they are in the files when this returns, and on the disk at the
    /// next checkpoint.
    ///
    /// # Errors
    /// [`Fatal`] where the disk is full or gone; the files then hold the lines before it and no part of
    /// this one's.
    pub fn write(&mut self, record: &Record, stage_ms: &[f64]) -> Result<(), Fatal> {
        let mut rows =
            [line(record)?, results_row(record), failures_row(record), timings_row(&record.path, stage_ms)];
        let whole = self.files.each_ref().map(Growing::size);
        let written = self.files.iter_mut().zip(&mut rows).try_for_each(|(file, row)| file.append(row));
        if let Err(e) = written {
            for (file, len) in self.files.iter_mut().zip(whole) {
                file.cut(len);
            }
            return Err(full(self.folder(), &e));
        }
        if self.checkpoint.elapsed() >= CHECKPOINT {
            self.sync()?;
        }
        Ok(())
    }

    /// A checkpoint: all that is written reaches the disk.
    ///
    /// # Errors
    /// [`Fatal`] where the disk is full or gone.
    pub fn sync(&mut self) -> Result<(), Fatal> {
        self.files.iter().try_for_each(Growing::sync).map_err(|e| full(self.folder(), &e))?;
        self.checkpoint = Instant::now();
        Ok(())
    }

    fn folder(&self) -> &Path {
        self.files[0].path().parent().unwrap_or(Path::new("."))
    }
}

/// What a disk that is full or gone means for the run.
pub(super) fn full(out: &Path, error: &std::io::Error) -> Fatal {
    Fatal::new(
        format!("cannot write the results in {}: {error}; what was written before is whole", out.display()),
        "make room on the disk, then the same command; `decode` goes on with --resume",
    )
}

/// A line of `results.jsonl`.
pub(super) fn line(record: &Record) -> Result<Vec<u8>, Fatal> {
    let mut line = serde_json::to_vec(record).map_err(|e| full(Path::new("."), &e.into()))?;
    line.push(b'\n');
    Ok(line)
}

/// The heading of the file with this place in [`FILES`]; nothing for `results.jsonl`.
pub(super) fn heading(file: usize) -> Vec<u8> {
    match file {
        1 => disk::csv_row(&RESULTS),
        2 => disk::csv_row(&["path", "stage", "reason", "hint"]),
        3 => {
            let stages = STAGES.iter().map(|s| format!("{s}_ms"));
            let row: Vec<String> =
                std::iter::once("path".into()).chain(stages).chain(["total_ms".into()]).collect();
            disk::csv_row(&row)
        }
        _ => Vec::new(),
    }
}

/// A row of `failures.csv`; nothing where the photograph did not fail.
pub(super) fn failures_row(record: &Record) -> Vec<u8> {
    let row =
        |f: &crate::Failure| disk::csv_row(&[&record.path, &f.stage, &f.reason, &f.hint].map(|t| cell(t)));
    record.failure.as_ref().map_or_else(Vec::new, row)
}

/// A row of `timings.csv`; empty cells for the stages that did not run.
pub(super) fn timings_row(path: &str, stage_ms: &[f64]) -> Vec<u8> {
    let total: f64 = stage_ms.iter().sum();
    let cells = (0..STAGES.len()).map(|i| stage_ms.get(i).map_or_else(String::new, |ms| format!("{ms:.2}")));
    let total = if stage_ms.is_empty() { String::new() } else { format!("{total:.2}") };
    let row: Vec<String> = std::iter::once(cell(path)).chain(cells).chain([total]).collect();
    disk::csv_row(&row)
}

/// A row of `results.csv`.
pub(super) fn results_row(record: &Record) -> Vec<u8> {
    disk::csv_row(&flat(record))
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
        cell(&r.path),
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
        text(r.heights.as_ref().map(|h| h.missing)),
        text(r.page.map(|p| p.page.map_or_else(|| p.asked.to_string(), |n| n.to_string()))),
        r.warnings.join(" "),
        text(r.failure.as_ref().map(|f| cell(&f.reason))),
        text(r.sha256.as_ref()),
    ]);
    row
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Failure;
    use crate::pipeline::decode::{GearReading, Position, Source, Status};
    use crate::pipeline::heights::Measured;
    use crate::pipeline::photo::{Chosen, Page};
    use std::collections::BTreeMap;

    /// Cells of a row by the names in its table's heading.
    fn cells(file: usize, row: &[u8]) -> BTreeMap<String, String> {
        let table = [heading(file), row.to_vec()].concat();
        let mut rows = csv::Reader::from_reader(&table[..]).into_deserialize();
        rows.next().unwrap().unwrap()
    }

    fn everything_another() -> Record {
        let position = |char, p| Position {
            char,
            p,
            alternatives: vec![(char, p)],
            from: Source::Both,
            by_characters: None,
            by_gear: None,
            quad: [(0.0, 0.0); 4],
        };
        let ellipse =
            |x: f64| Some(Ellipse { cx: x, cy: x + 1.0, rx: x + 2.0, ry: x + 3.0, angle_deg: x + 4.0 });
        Record {
            sha256: Some("5a".into()),
            status: Status::Partial,
            code: Some("A?".into()),
            best: Some("A7".into()),
            confidence: 0.25,
            format: Some("ifm6".into()),
            positions: vec![position('A', 0.875), position('7', 0.5)],
            gear: Some(GearReading { present: true, symbols: "?7".into(), agrees: false }),
            primer: ellipse(10.0),
            impression: ellipse(20.0),
            rotation_deg: Some(30.5),
            mirrored: Some(true),
            um_per_px: Some(2.5),
            um_per_px_from: Some("tiff".into()),
            heights: Some(Measured { grid: (3, 2), spacing_um: (1.0, 1.5), missing: 0.125 }),
            page: Some(Chosen { of: 9, asked: Page::Number(4), page: Some(4), planes: 1 }),
            warnings: vec!["several_images".into(), "other_format".into()],
            ..Record::failed("=a/b.png", None, Failure::new("decode", "a reason", "a hint"))
        }
    }

    #[test]
    fn every_column_holds_what_its_name_says() {
        let row = cells(1, &results_row(&everything_another()));
        let expected = [
            ("path", "'=a/b.png"),
            ("status", "partial"),
            ("code", "A?"),
            ("best", "A7"),
            ("confidence", "0.25"),
            ("format", "ifm6"),
            ("p", "0.875 0.5"),
            ("gear_symbols", "?7"),
            ("gear_agrees", "false"),
            ("primer_cx", "10"),
            ("primer_cy", "11"),
            ("primer_rx", "12"),
            ("primer_ry", "13"),
            ("primer_angle_deg", "14"),
            ("impression_cx", "20"),
            ("impression_cy", "21"),
            ("impression_rx", "22"),
            ("impression_ry", "23"),
            ("impression_angle_deg", "24"),
            ("rotation_deg", "30.5"),
            ("mirrored", "true"),
            ("um_per_px", "2.5"),
            ("um_per_px_from", "tiff"),
            ("heights_missing", "0.125"),
            ("page", "4"),
            ("warnings", "several_images other_format"),
            ("failure", "a reason"),
            ("sha256", "5a"),
        ];
        assert_eq!(row.len(), expected.len());
        for (name, cell) in expected {
            assert_eq!(row[name], cell, "{name}");
        }
        let failure = cells(2, &failures_row(&everything_another()));
        let [stage, reason, hint] = ["stage", "reason", "hint"].map(|name| failure[name].as_str());
        assert_eq!((stage, reason, hint), ("decode", "a reason", "a hint"));
        let times = cells(3, &timings_row("a", &[1.0, 0.5]));
        let [first, second, total] =
            [STAGES[0], STAGES[1], "total"].map(|stage| times[&format!("{stage}_ms")].as_str());
        assert_eq!((first, second, total), ("1.00", "0.50", "1.50"));
    }
}
