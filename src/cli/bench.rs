//! `microstamp bench`: how fast a folder is read.

use super::figures::Files;
use super::{Common, Outcome};
use crate::batch::inputs;
use crate::bench::{Order, measure, table};
use crate::engines;
use crate::error::Fatal;
use crate::pipeline::Pipeline;
use std::path::PathBuf;
use std::sync::Arc;

/// Measure how fast photographs are read, beside reading and decoding the same files alone
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Measure how fast photographs are read, beside reading and decoding the same files alone.\n\n\
        After a round to warm up, each round reads all photographs on all threads, decodes their files alone, and \
        reads them on one thread. Nothing is kept of the readings.",
    after_help = "Example:\n  microstamp bench photographs --truth photographs/truth.csv --json bench.json"
)]
pub struct Args {
    /// Photographs or folders; folders are searched recursively
    #[arg(required = true, value_name = "FOLDER")]
    inputs: Vec<PathBuf>,
    /// Rounds after the one to warm up
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
    /// Table of truth, for accuracy in the same report
    #[arg(long, value_name = "TRUTH.csv")]
    truth: Option<PathBuf>,
    #[command(flatten)]
    files: Files,
}

pub(super) fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let settings = common.settings()?;
    let schemes = common.schemes()?;
    let asked = common.asked(&settings)?;
    let found = inputs::collect(&args.inputs)?;
    if found.taken.is_empty() {
        return Err(Fatal::new(
            format!("no photograph in the input ({} files left out)", found.left_out.len()),
            "`microstamp decode --dry-run` on the same input lists what is left out and why",
        ));
    }
    let engine = engines::by_name(&common.engine, &settings)?;
    let pipeline = Arc::new(Pipeline::new(settings.clone(), schemes, engine)?);
    let order = Order {
        photographs: &found.taken,
        threads: common.threads(),
        runs: usize::from(args.runs),
        asked,
        truth: args.truth.as_deref(),
    };
    let evidence: Vec<String> = args.inputs.iter().map(|input| input.display().to_string()).collect();
    args.files.guard(&["floor_ratio"], &evidence)?;
    args.files.open()?;
    let figures = measure(&order, &pipeline, &settings)?;
    args.files.tell(&figures, &table::markdown(&figures))?;
    Ok(if figures.failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}
