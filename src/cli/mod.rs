//! The verbs, one file each, and the one place where an outcome becomes an exit code.
//!
//! A verb is a `clap::Args` struct and a function `run(&Args, &Common) -> Result<Outcome, Fatal>`.

mod bench;
mod calibrate;
mod decode;
mod figures;
mod group;
mod inspect;
mod link;
mod registry;
mod report;
mod score;
mod synth;
#[cfg(feature = "train")]
mod tiles;
mod trace;
mod verify;

use crate::batch::disk::sha256_of;
use crate::batch::inputs;
use crate::batch::manifest::{self, Manifest};
use crate::batch::names::printable;
use crate::batch::output::{FILES, GROUP_FILES};
use crate::engines;
use crate::error::Fatal;
use crate::groups::confidence::JointCurve;
use crate::pipeline::confidence::{Curve, Fitted};
use crate::pipeline::photo::{Asked, Page, sha256};
use crate::pipeline::scheme::Scheme;
use crate::settings::Settings;
use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How a verb ended when it could start at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every photograph processed; an unreadable one is a result.
    Done,
    /// At least one photograph failed, the rest is done.
    SomeFailed,
    /// Something is not as a run left it.
    Differs,
    /// Stopped by the user; what is written so far is whole.
    Interrupted,
}

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "microstamp", version, about, long_about = LONG_ABOUT, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

const LONG_ABOUT: &str = "Reads firearm microstamps from photographs of fired cartridge cases.\n\n\
    For research and lead generation, not for testimony: a code names a firing pin, not a shooter.";

const EXIT_CODES: &str = "Exit codes:\n  \
    0    every photograph processed (unreadable is a result)\n  \
    1    at least one photograph failed, the rest is done; `verify`, `report`, `registry stats`\n       \
         and `registry log`: something is not as it was left; `report`: a photograph is not\n       \
         shown; `registry import`: rows were rejected\n  \
    2    nothing started: usage, settings, engine or output folder; or the disk is full\n  \
    130  interrupted; --resume continues";

/// Flags that every verb takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Settings file (TOML); a key that it does not name keeps its default
    #[arg(long, value_name = "FILE.toml", global = true)]
    pub config: Option<PathBuf>,
    /// Threads over photographs [default: one a core]
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// No progress on stderr; errors are still shown
    #[arg(long, global = true)]
    pub quiet: bool,
    /// What reads the characters
    #[arg(long, value_name = "NAME", global = true, default_value = engines::DEFAULT, value_parser = engines::NAMES)]
    pub engine: String,
    /// Code format to expect, e.g. ifm8; may be given several times [default: all known; `registry add` needs
    /// one]
    #[arg(long = "format", value_name = "ID", global = true)]
    pub formats: Vec<String>,
    /// Scale of the photographs, micrometres per pixel; overrides what the files state
    #[arg(long, value_name = "X", global = true)]
    pub um_per_px: Option<f64>,
    /// What to read of files that hold several pictures: one of them by its number from 1, the sharpest of a
    /// focus stack, or all of them fused by focus
    #[arg(long, value_name = "N|sharpest|fuse", global = true)]
    pub page: Option<Page>,
}

impl Common {
    /// The settings of `--config`, or the defaults.
    ///
    /// # Errors
    /// [`Fatal`] where the file cannot be read or has an unknown key or a value out of range.
    pub fn settings(&self) -> Result<Settings, Fatal> {
        self.config.as_deref().map_or_else(|| Ok(Settings::default()), Settings::read)
    }

    /// The formats of `--format`, or all, in the order in which the program knows them.
    ///
    /// # Errors
    /// [`Fatal`] for an id that no format has.
    pub fn schemes(&self) -> Result<Vec<Scheme>, Fatal> {
        let all = Scheme::all();
        let ids: Vec<&str> = all.iter().map(|s| s.id.as_str()).collect();
        if let Some(unknown) = self.formats.iter().find(|f| !ids.contains(&f.as_str())) {
            return Err(Fatal::new(
                format!("no code format is called `{unknown}`"),
                format!("one of: {}", ids.join(", ")),
            ));
        }
        Ok(all.into_iter().filter(|s| self.formats.is_empty() || self.formats.contains(&s.id)).collect())
    }

    /// What `--um-per-px` and `--page` say of the photographs.
    ///
    /// # Errors
    /// [`Fatal`] for a scale that the settings do not believe.
    pub fn asked(&self, settings: &Settings) -> Result<Asked, Fatal> {
        let (min, max) = (settings.photo.min_um_per_px, settings.photo.max_um_per_px);
        match self.um_per_px {
            Some(x) if !(min..=max).contains(&x) => Err(Fatal::new(
                format!("--um-per-px {x} is not between {min} and {max} micrometres per pixel"),
                "--um-per-px 3.45",
            )),
            um_per_px => Ok(Asked { um_per_px, page: self.page }),
        }
    }

    /// Threads over photographs.
    pub fn threads(&self) -> usize {
        self.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    Bench(bench::Args),
    Calibrate(calibrate::Args),
    Decode(decode::Args),
    Group(group::Args),
    Inspect(inspect::Args),
    Link(link::Args),
    Registry(registry::Args),
    Report(report::Args),
    Score(score::Args),
    Synth(synth::Args),
    #[cfg(feature = "train")]
    Tiles(tiles::Args),
    Trace(trace::Args),
    Verify(verify::Args),
}

impl Verb {
    /// Common flags that this verb was given and has no use for: they say how photographs are read, and it reads none.
    fn unused(&self, common: &Common) -> Vec<&'static str> {
        let reads = matches!(self, Self::Bench(_) | Self::Decode(_) | Self::Inspect(_));
        // Curves are an engine's own.
        let by_engine = matches!(self, Self::Calibrate(_) | Self::Group(_));
        let looks_up = matches!(self, Self::Trace(_) | Self::Registry(_));
        [
            ("--format", !common.formats.is_empty() && !reads && !looks_up),
            ("--um-per-px", common.um_per_px.is_some() && !reads),
            ("--page", common.page.is_some() && !reads),
            ("--config", common.config.is_some() && !reads),
            ("--engine", common.engine != engines::DEFAULT && !reads && !by_engine),
        ]
        .into_iter()
        .filter_map(|(flag, unused)| unused.then_some(flag))
        .collect()
    }

    fn run(&self, common: &Common) -> Result<Outcome, Fatal> {
        match self {
            Self::Bench(args) => bench::run(args, common),
            Self::Calibrate(args) => calibrate::run(args, common),
            Self::Decode(args) => decode::run(args, common),
            Self::Group(args) => group::run(args, common),
            Self::Inspect(args) => inspect::run(args, common),
            Self::Link(args) => link::run(args, common),
            Self::Registry(args) => registry::run(args, common),
            Self::Report(args) => report::run(args, common),
            Self::Score(args) => score::run(args, common),
            Self::Synth(args) => synth::run(args, common),
            #[cfg(feature = "train")]
            Self::Tiles(args) => tiles::run(args, common),
            Self::Trace(args) => trace::run(args, common),
            Self::Verify(args) => verify::run(args, common),
        }
    }
}

/// Says so where the results of `out` are others than its run left there, or not all that it is to read: a verb that
/// works with readings is not to pass over it. Gives the run's manifest, as [`manifest_of`].
fn remark_if_changed(out: &Path) -> Option<Manifest> {
    let bytes = std::fs::read(out.join(manifest::NAME)).unwrap_or_default();
    let Ok(manifest) = Manifest::parse(&bytes) else {
        say!(
            "microstamp: {} has no run.json of this version: nothing shows that its results are as a run left them",
            printable(&out.display().to_string())
        );
        return None;
    };
    remark_if_unfinished(out, (!manifest.complete).then_some(manifest.photographs));
    for name in [FILES[0], GROUP_FILES[0]] {
        let stated = manifest.outputs.get(name);
        if stated.is_some_and(|stated| sha256_of(&out.join(name)).is_ok_and(|found| found != *stated)) {
            say_changed(out, name);
        }
    }
    if !manifest::is_sealed(&bytes) {
        say_changed(out, manifest::NAME);
    }
    Some(manifest)
}

/// Says so where a run was cut off, or still goes: then `unfinished` is how many photographs it was to read.
fn remark_if_unfinished(out: &Path, unfinished: Option<usize>) {
    if let Some(photographs) = unfinished {
        say!(
            "microstamp: the run in {} has not read all of its {photographs} photographs; those that are missing say nothing \
             here\n  try: the same `microstamp decode` command with --resume",
            printable(&out.display().to_string())
        );
    }
}

/// SHA-256 of the curves and bars that are compiled in.
fn calibration_sha256() -> String {
    sha256(format!("{}{}", Curve::BUILT_IN, JointCurve::BUILT_IN).as_bytes())
}

/// The manifest of the run in `out`; `None` where there is none that can be read.
fn manifest_of(out: &Path) -> Option<Manifest> {
    std::fs::read(out.join(manifest::NAME)).ok().and_then(|bytes| Manifest::parse(&bytes).ok())
}

/// Refuses to write into `folder` where it is, or lies in, one of the `inputs` that manifests state: evidence is left alone.
fn keep_from_evidence(inputs: &[String], folder: &Path) -> Result<(), Fatal> {
    inputs::keep_apart(&inputs.iter().map(PathBuf::from).collect::<Vec<_>>(), folder)
}

/// Refuses to write in the place of a file that is none of this kind: one slip, and a photograph, the readings or a registry
/// would be gone. A file that cannot be read cannot be written either, which is said then.
fn keep_others(file: &Path, is_of_this_kind: impl Fn(&[u8]) -> bool) -> Result<(), Fatal> {
    // Reading from a pipe would wait for its other end.
    if !file.is_file() {
        return Ok(());
    }
    match std::fs::read(file) {
        Ok(bytes) if !bytes.is_empty() && !is_of_this_kind(&bytes) => Err(Fatal::new(
            format!("{} holds something else and stays as it is", file.display()),
            "a file that does not exist yet",
        )),
        _ => Ok(()),
    }
}

/// Writes an answer to stdout. A reader that closes the pipe early, such as `head`, has all it wants.
///
/// # Errors
/// [`Fatal`] where it cannot be written: nobody is to take half an answer, or none, for all of it.
fn print(text: &str) -> Result<(), Fatal> {
    let mut out = std::io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// What writing to stdout came to, as [`print`] has it.
fn written(result: std::io::Result<()>) -> Result<(), Fatal> {
    match result {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Fatal::new(
            format!("cannot write the answer to stdout: {e}"),
            "the same command with > and a file on a disk that has room",
        )),
        _ => Ok(()),
    }
}

/// Says so where photographs come from several INPUTs: results hold paths within them, by which folders of two INPUTs
/// that are called alike are one case or scene.
fn remark_if_several(inputs: usize, common: &Common) {
    if inputs > 1 && !common.quiet {
        say!(
            "microstamp: the photographs come from {inputs} INPUTs, and folders of the same name in them count as one\n  \
             try: `decode` with one INPUT, the folder above them"
        );
    }
}

/// That the file `name` of `out` is another than its run left there; `verify` says more.
fn say_changed(out: &Path, name: &str) {
    let place = printable(&out.display().to_string());
    say!(
        "microstamp: {place}/{name} is not as its run left it\n  try: `microstamp verify {place}`, which names what differs"
    );
}

/// A file asked for by a flag that cannot be written.
fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Fatal {
    Fatal::new(
        format!("cannot write {}: {error}", path.display()),
        "a file in a folder that exists and is yours",
    )
}

/// Parses the command line, runs one verb, and turns its outcome into an exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let unused = cli.verb.unused(&cli.common);
    if !unused.is_empty() {
        say!("microstamp: {} says how photographs are read, and changes nothing here", unused.join(", "));
    }
    // What is mistyped is wrong for every verb.
    let common = cli.common.settings().and_then(|_| cli.common.schemes());
    match common.and_then(|_| cli.verb.run(&cli.common)) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed | Outcome::Differs) => ExitCode::from(1),
        Err(fatal) => {
            // It may name files, whose names must not steer the terminal.
            let lines: Vec<String> = fatal.to_string().lines().map(printable).collect();
            say!("microstamp: {}", lines.join("\n"));
            ExitCode::from(2)
        }
        Ok(Outcome::Interrupted) => ExitCode::from(130),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_every_verb_shows_an_example() {
        let command = Cli::command();
        command.clone().debug_assert();
        for verb in command.get_subcommands() {
            let after = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("microstamp "), "{} has no example", verb.get_name());
        }
    }

    /// Of a verb, and of those below it.
    fn examples(command: &clap::Command) -> Vec<String> {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let mut lines: Vec<String> =
            after.lines().filter(|l| l.starts_with("  ")).map(ToString::to_string).collect();
        lines.extend(command.get_subcommands().flat_map(examples));
        lines
    }

    #[test]
    fn examples_fit_a_line_of_help_so_that_they_can_be_pasted() {
        let long: Vec<String> =
            examples(&Cli::command()).into_iter().filter(|l| l.chars().count() > 100).collect();
        assert!(long.is_empty(), "{long:#?}");
    }

    #[test]
    fn an_unknown_format_names_the_known_ones() {
        let common = Common { formats: vec!["ifm9".into()], ..Common::default() };
        assert!(common.schemes().unwrap_err().hint.contains("ifm8-narrow"));
    }
}
