//! `run.json`: what ran, on what, with what.

use super::inputs::Inputs;
use crate::error::Fatal;
use crate::pipeline::decode::Status;
use crate::pipeline::engine::Identity;
use crate::settings::Settings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
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
    /// Who read.
    pub engine: Identity,
    /// Formats that were expected.
    pub formats: Vec<String>,
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
    /// Scale of `--um-per-px`.
    pub um_per_px: Option<f64>,
    /// Who reads.
    pub engine: Identity,
    /// Formats that are expected.
    pub formats: Vec<String>,
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
            inputs: setup.inputs.iter().map(|i| i.display().to_string()).collect(),
            settings: setup.settings.clone(),
            um_per_px: setup.um_per_px,
            engine: setup.engine,
            formats: setup.formats,
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
        }
    }

    /// Notes the end of the run.
    pub fn finish(&mut self, counts: Counts, complete: bool) {
        self.counts = counts;
        self.complete = complete;
        self.finished = Some(now());
    }

    /// Writes `run.json` in `out`: whole, or not at all.
    ///
    /// # Errors
    /// [`Fatal`] where the file cannot be written.
    pub fn write(&self, out: &Path) -> Result<(), Fatal> {
        let (path, draft) = (out.join("run.json"), out.join("run.json.part"));
        let unwritable = |e: std::io::Error| {
            Fatal::new(
                format!("cannot write {}: {e}", path.display()),
                "-o with a folder on a disk that has room",
            )
        };
        let text = serde_json::to_string_pretty(self).map_err(|e| unwritable(e.into()))? + "\n";
        std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &path)).map_err(unwritable)
    }
}

fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
