//! `microstamp inspect`: one photograph, a picture a stage.

use super::{Common, Outcome};
use crate::batch::names::printable;
use crate::batch::output::{self, Output};
use crate::batch::record::word;
use crate::batch::{inputs, runner};
use crate::engines;
use crate::error::Fatal;
use crate::pipeline::Pipeline;
use crate::report::stages::Stages;
use std::path::PathBuf;
use std::sync::Arc;

/// Draw what each stage sees in one photograph
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Draw what each stage sees in one photograph: the small copy, primer and impression, \
        the straightened mark in its hypotheses, the cells with their two best characters, the ink \
        map, and the reading over the untouched photograph. OUT also gets results.jsonl \
        and its tables as `decode` writes them, with the milliseconds of each stage in timings.csv, but no \
        run.json: what is kept as evidence is read with `decode`.",
    after_help = "Example:\n  microstamp inspect photo.png -o stages"
)]
pub struct Args {
    /// The photograph
    photo: PathBuf,
    /// Folder for the pictures; must be new or empty
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
}

pub fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let settings = common.settings()?;
    let schemes = common.schemes()?;
    let asked = common.asked(&settings)?;
    if args.photo.is_dir() {
        return Err(Fatal::new(
            format!("{} is a folder", args.photo.display()),
            "a photograph in it, or `microstamp decode` for all of them",
        ));
    }
    let found = inputs::collect(std::slice::from_ref(&args.photo))?;
    let engine = engines::by_name(&common.engine, &settings)?;
    output::make_folder(&args.out)?;
    let mut output = Output::create(&args.out)?;
    let run = runner::Run {
        pipeline: Arc::new(Pipeline::new(settings.clone(), schemes.clone(), engine)?),
        photo: settings.photo,
        asked,
        threads: 1,
        stop: Arc::default(),
        hanging: Arc::default(),
    };
    let mut outcome = Outcome::Done;
    for photograph in &found.taken {
        let mut stages = Stages::new(args.out.clone(), &schemes);
        let (record, watch) = runner::read(&run, photograph, &mut stages);
        output.write(&record, watch.ms())?;
        stages.finish(&record)?;
        if let Some(failure) = &record.failure {
            say!("{}: {}", printable(&record.path), printable(&failure.to_string()));
            outcome = Outcome::SomeFailed;
        }
        if !common.quiet {
            say!("{} {}", word(record.status), record.code.as_deref().unwrap_or(""));
        }
    }
    Ok(outcome)
}
