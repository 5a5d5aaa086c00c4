//! `microstamp decode`: a folder in, codes out.

use super::{Common, Outcome};
use crate::batch::manifest::{Manifest, Setup};
use crate::batch::output::{self, Output};
use crate::batch::progress::{Progress, printable};
use crate::batch::{inputs, runner};
use crate::engines;
use crate::error::Fatal;
use crate::pipeline::Pipeline;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Read the microstamps in photographs and folders of photographs
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Read the microstamps in photographs and folders of photographs.\n\n\
        Photographs are PNG, JPEG, TIFF or BMP, recognised by their content. Hidden files and files \
        that are no pictures are left out and counted. Results are written in the order of the \
        relative paths, one line a photograph, the same bytes for any number of threads.",
    after_help = "Examples:\n  \
        microstamp decode testdata/lab -o out\n  \
        microstamp decode evidence/case-17 photo.tif -o out --format ifm8 --um-per-px 3.45\n  \
        microstamp decode testdata/lab --dry-run"
)]
pub struct Args {
    /// Photographs or folders; folders are searched recursively
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Folder for the results; must be new or empty
    #[arg(short, long, value_name = "OUT", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// Only list which files would be read and which are left out, and why
    #[arg(long)]
    dry_run: bool,
}

pub fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let settings = common.settings()?;
    let schemes = common.schemes()?;
    let um_per_px = common.scale(&settings)?;
    let found = inputs::collect(&args.inputs)?;
    let Some(out) = args.out.as_deref().filter(|_| !args.dry_run) else {
        return list(&found);
    };
    if found.taken.is_empty() {
        return Err(Fatal::new(
            format!("no photograph in the input ({} files left out)", found.left_out.len()),
            "the same command with --dry-run lists what is left out and why",
        ));
    }
    let engine = engines::by_name(&common.engine, &settings)?;
    output::make_folder(out)?;
    let mut manifest = Manifest::start(Setup {
        command: std::env::args_os().map(|a| a.to_string_lossy().into()).collect(),
        inputs: &args.inputs,
        found: &found,
        settings: &settings,
        um_per_px,
        engine: engine.identity(),
        formats: schemes.iter().map(|s| s.id.clone()).collect(),
        threads: common.threads(),
    });
    manifest.write(out)?;
    let mut output = Output::create(out)?;
    let mut progress = Progress::start(found.taken.len(), common.quiet);
    let stop = stop_on_interrupt();
    let pipeline = Pipeline::new(settings.clone(), schemes, engine)?;
    let run = runner::Run {
        pipeline: &pipeline,
        photo: &settings.photo,
        um_per_px,
        threads: common.threads(),
        stop: &stop,
    };
    let counts = runner::run(&run, &found.taken, &mut output, &mut progress)?;
    progress.finish(&counts.list());
    let done: usize = counts.list().iter().map(|(_, n)| n).sum();
    let failed = counts.failed;
    manifest.finish(counts, done == found.taken.len());
    manifest.write(out)?;
    if done < found.taken.len() {
        eprintln!("microstamp: interrupted after {done} of {} photographs", found.taken.len());
    }
    Ok(match (done == found.taken.len(), failed) {
        (false, _) => Outcome::Interrupted,
        (true, 0) => Outcome::Done,
        (true, _) => Outcome::SomeFailed,
    })
}

/// The first interrupt lets the photographs at hand end; the second ends the program.
fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // Without a handler an interrupt ends the program at once; the lines written are whole then too.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    stop
}

/// `--dry-run`: a line a file on stdout.
fn list(found: &inputs::Inputs) -> Result<Outcome, Fatal> {
    let mut text = String::new();
    for photograph in &found.taken {
        text += &format!("read\t{}\n", printable(&photograph.name));
    }
    for (name, why) in &found.left_out {
        text += &format!("left out\t{}\t{}\n", printable(name), why.reason());
    }
    text += &format!("{} photographs, {} files left out\n", found.taken.len(), found.left_out.len());
    // A closed pipe, as of `| head`, is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(Outcome::Done)
}
