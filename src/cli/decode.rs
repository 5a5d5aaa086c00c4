//! `microstamp decode`: a folder in, codes out.

use super::{Common, Outcome};
use crate::error::Fatal;
use std::path::PathBuf;

/// Read the microstamps in photographs and folders of photographs
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  microstamp decode testdata/lab -o out")]
pub struct Args {
    /// Photographs or folders; folders are searched recursively
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Folder for the results; must be empty or new
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
}

pub fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let _ = (&args.inputs, &args.out, common.settings()?, common.schemes()?, common.scale()?);
    Ok(Outcome::Done)
}
