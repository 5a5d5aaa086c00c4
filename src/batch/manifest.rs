//! `run.json`: what ran, on what, with what.

use super::inputs::Inputs;
use super::{disk, names, output};
use crate::error::Fatal;
use crate::pipeline::decode::Status;
use crate::pipeline::engine::Identity;
use crate::pipeline::photo::{Asked, Page, sha256};
use crate::settings::Settings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Readings by status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Every character above the acceptance bar.
    pub read: usize,
    /// Some are.
    pub partial: usize,
    /// A mark, none sure.
    pub unreadable: usize,
    /// No microstamp or no primer.
    pub no_mark: usize,
    /// The file or the tool failed.
    pub failed: usize,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, status: Status) {
        *match status {
            Status::Read => &mut self.read,
            Status::Partial => &mut self.partial,
            Status::Unreadable => &mut self.unreadable,
            Status::NoMark => &mut self.no_mark,
            Status::Failed => &mut self.failed,
        } += 1;
    }

    /// Every status with its number, the best first.
    pub fn list(&self) -> [(Status, usize); 5] {
        [
            (Status::Read, self.read),
            (Status::Partial, self.partial),
            (Status::Unreadable, self.unreadable),
            (Status::NoMark, self.no_mark),
            (Status::Failed, self.failed),
        ]
    }
}

/// The computer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system, e.g. `linux`.
    pub os: String,
    /// Processor architecture, e.g. `x86_64`.
    pub arch: String,
    /// Threads that it runs at once.
    pub cores: usize,
}

/// One photograph of the run, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// As in `results.jsonl`.
    pub path: String,
    /// Size of the file when it was found, bytes.
    pub bytes: u64,
    /// SHA-256 of what was read; null until then, and where it could not be opened.
    pub sha256: Option<String>,
}

/// The run before this one in the same OUT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its manifest, kept as `run-1.json`, `run-2.json`, ...
    pub file: String,
    /// SHA-256 of that file.
    pub sha256: String,
}

/// A run's own record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this layout.
    pub schema: u32,
    /// Of microstamp.
    pub version: String,
    /// Commit that was built; null outside a checkout.
    pub commit: Option<String>,
    /// The command line, as given.
    pub command: Vec<String>,
    /// INPUTs, as given.
    pub inputs: Vec<String>,
    /// All settings in effect.
    pub settings: Settings,
    /// Scale of `--um-per-px`.
    pub um_per_px: Option<f64>,
    /// What `--page` asked for of files that hold several pictures.
    #[serde(default)]
    pub page: Option<Page>,
    /// Who read.
    pub engine: Identity,
    /// SHA-256 of the whole file of weights that the program carries.
    #[serde(default)]
    pub weights_sha256: String,
    /// Formats that were expected.
    pub formats: Vec<String>,
    /// Which photographs were read together, as it was asked for; null for none.
    #[serde(default)]
    pub grouping: Option<String>,
    /// Least probability at which a whole code of each format is accepted, and at which a character of a partial one is.
    #[serde(default)]
    pub bars: BTreeMap<String, [f64; 2]>,
    /// SHA-256 of the curves and bars that the program carries: of photographs, then of groups.
    #[serde(default)]
    pub calibration_sha256: String,
    /// Threads over photographs.
    pub threads: usize,
    /// The computer.
    pub machine: Machine,
    /// When the run began, UTC.
    pub started: String,
    /// When it ended, UTC; null while it runs or where it was cut off.
    pub finished: Option<String>,
    /// Whether every photograph has its line.
    pub complete: bool,
    /// Photographs in the INPUTs.
    pub photographs: usize,
    /// Files left out, by reason.
    pub left_out: BTreeMap<String, usize>,
    /// Lines written, by status.
    pub counts: Counts,
    /// The run before this one in the same OUT, which it continued; null for the first.
    #[serde(default)]
    pub previous: Option<Previous>,
    /// Lines of `results.jsonl` that stem from earlier runs.
    #[serde(default)]
    pub kept: usize,
    /// SHA-256 of the files of OUT by name; empty while the run goes on or where it was cut off.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// The photographs, in the order of `results.jsonl`.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// What a run is made of, for its manifest.
#[derive(Debug)]
pub struct Setup<'a> {
    /// The command line.
    pub command: Vec<String>,
    /// INPUTs as given.
    pub inputs: &'a [std::path::PathBuf],
    /// What was found in them.
    pub found: &'a Inputs,
    /// All settings in effect.
    pub settings: &'a Settings,
    /// What the user says of the photographs.
    pub asked: Asked,
    /// Who reads.
    pub engine: Identity,
    /// SHA-256 of the file of weights.
    pub weights_sha256: String,
    /// Formats that are expected.
    pub formats: Vec<String>,
    /// Which photographs are read together.
    pub grouping: Option<String>,
    /// The bars of each format.
    pub bars: BTreeMap<String, [f64; 2]>,
    /// SHA-256 of the curves and bars.
    pub calibration_sha256: String,
    /// Threads over photographs.
    pub threads: usize,
}

impl Manifest {
    /// A manifest at the start of a run.
    pub fn start(setup: Setup<'_>) -> Self {
        let counts = setup.found.left_out_counts();
        Self {
            schema: super::record::SCHEMA,
            version: env!("CARGO_PKG_VERSION").into(),
            commit: option_env!("MICROSTAMP_COMMIT").map(Into::into),
            command: setup.command,
            inputs: setup.inputs.iter().map(absolute).collect(),
            settings: setup.settings.clone(),
            um_per_px: setup.asked.um_per_px,
            page: setup.asked.page,
            engine: setup.engine,
            weights_sha256: setup.weights_sha256,
            formats: setup.formats,
            grouping: setup.grouping,
            bars: setup.bars,
            calibration_sha256: setup.calibration_sha256,
            threads: setup.threads,
            machine: Machine {
                os: std::env::consts::OS.into(),
                arch: std::env::consts::ARCH.into(),
                cores: std::thread::available_parallelism().map_or(1, usize::from),
            },
            started: now(),
            finished: None,
            complete: false,
            photographs: setup.found.taken.len(),
            left_out: counts.into_iter().map(|(reason, n)| (reason.into(), n)).collect(),
            counts: Counts::default(),
            previous: None,
            kept: 0,
            outputs: BTreeMap::new(),
            evidence: setup
                .found
                .taken
                .iter()
                .map(|p| Evidence { path: p.name.clone(), bytes: p.bytes, sha256: None })
                .collect(),
        }
    }

    /// Notes the end of the run: what lies in `out` now, and by it how far the photographs were read.
    ///
    /// # Errors
    /// [`Fatal`] where a file cannot be read again, or a line is not this run's.
    pub fn finish(&mut self, out: &Path) -> Result<(), Fatal> {
        let groups =
            output::GROUP_FILES.iter().filter(|name| self.grouping.is_some() && out.join(name).exists());
        for name in output::FILES.iter().chain(groups).copied() {
            let hash = disk::sha256_of(&out.join(name)).map_err(|e| unreadable(&out.join(name), &e))?;
            self.outputs.insert(name.into(), hash);
        }
        self.counts = Counts::default();
        let saved = super::resume::saved(out, self.evidence.iter().map(|e| e.path.as_str()))?;
        for (row, evidence) in saved.rows.iter().zip(&mut self.evidence) {
            self.counts.add(row.status);
            evidence.sha256.clone_from(&row.sha256);
        }
        self.complete = saved.rows.len() == self.photographs;
        self.finished = Some(now());
        Ok(())
    }

    /// Writes `run.json` in `out`: whole, or not at all. Its last field, `seal`, is the SHA-256 of all
    /// that stands before it in the file. Gives the SHA-256 of the file.
    ///
    /// # Errors
    /// [`Fatal`] where the file cannot be written.
    pub fn write(&self, out: &Path) -> Result<String, Fatal> {
        let text = serde_json::to_string_pretty(self).map_err(|e| output::full(out, &e.into()))?;
        let text = sealed(&text);
        disk::replace(&out.join(NAME), text.as_bytes()).map_err(|e| output::full(out, &e))?;
        Ok(sha256(text.as_bytes()))
    }

    /// Reads a manifest from the bytes of its file.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|e| e.to_string())
    }
}

/// Name of the latest run's manifest.
pub const NAME: &str = "run.json";

/// Name of its signature.
pub const SIGNATURE: &str = "run.json.sig";

/// Where the signature of the manifest at `path` lies.
pub fn signature_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// The name under which the manifest of the `n`th run is kept once another has followed it; from 1.
pub fn kept_as(n: usize) -> String {
    format!("run-{n}.json")
}

/// The `n` of such a name; `None` for any other.
pub fn number(name: &str) -> Option<usize> {
    let n = name.strip_prefix("run-")?.strip_suffix(".json")?.parse().ok()?;
    (kept_as(n) == name).then_some(n)
}

const SEAL: &str = ",\n  \"seal\": \"";
const SEAL_END: &str = "\"\n}\n";

/// A pretty JSON object with the hash of its text as last field.
fn sealed(object: &str) -> String {
    let body = object.trim_end().trim_end_matches('}').trim_end();
    format!("{body}{SEAL}{}{SEAL_END}", sha256(body.as_bytes()))
}

/// Whether the file of a manifest is as it was written.
pub fn is_sealed(bytes: &[u8]) -> bool {
    let tail = SEAL.len() + 64 + SEAL_END.len();
    bytes.len().checked_sub(tail).is_some_and(|at| {
        let (body, rest) = bytes.split_at(at);
        rest == format!("{SEAL}{}{SEAL_END}", sha256(body)).as_bytes()
    })
}

/// An INPUT as it is found from any folder. Where there is no such path, because the working folder is gone, as it was given.
fn absolute(input: &std::path::PathBuf) -> String {
    names::text(std::path::absolute(input).as_ref().unwrap_or(input).as_os_str())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Fatal {
    Fatal::new(
        format!("cannot read {} again: {error}", path.display()),
        "check the disk, then the same command with --resume",
    )
}

fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_breaks_with_any_byte() {
        let text = sealed("{\n  \"a\": {\n    \"b\": 1\n  }\n}").into_bytes();
        assert!(is_sealed(&text));
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        assert!(value["seal"].is_string() && value["a"]["b"] == 1);
        for at in 0..text.len() {
            let mut other = text.clone();
            other[at] ^= 1;
            assert!(!is_sealed(&other), "byte {at}");
        }
        assert!(!is_sealed(b"{}"));
    }
}
