//! `microstamp score`: a run against the truth.

use super::{Common, Outcome, unwritable};
use crate::error::Fatal;
use crate::score::{plot, score, table};
use std::io::Write;
use std::path::PathBuf;

/// Compare a run with the truth: accuracy with 95 % intervals, calibration, risk against coverage
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  microstamp decode photographs -o out\n  \
    microstamp score out --truth photographs/truth.csv --by gun,light --plot risk.png")]
pub struct Args {
    /// Folder that `decode` wrote
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Table with a row for each photograph: at least its path and its code, empty where there is none
    #[arg(long, value_name = "TRUTH.csv")]
    truth: PathBuf,
    /// Columns of the truth to split the figures by; numbers with many values are put into quartiles
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    by: Vec<String>,
    /// Write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the risk-coverage curve as a picture
    #[arg(long, value_name = "FILE.png")]
    plot: Option<PathBuf>,
}

pub fn run(args: &Args, _common: &Common) -> Result<Outcome, Fatal> {
    let score = score(&args.out, &args.truth, &args.by)?;
    let text = table::markdown(&score);
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&score).map_err(|e| unwritable(path, &e))?;
        std::fs::write(path, json + "\n").map_err(|e| unwritable(path, &e))?;
    }
    if let Some(path) = &args.markdown {
        std::fs::write(path, &text).map_err(|e| unwritable(path, &e))?;
    }
    if let Some(path) = &args.plot {
        plot::risk_coverage(&score.risk_coverage)
            .save_with_format(path, image::ImageFormat::Png)
            .map_err(|e| unwritable(path, &e))?;
    }
    // A reader that closes the pipe early, such as `head`, has all it wants.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(Outcome::Done)
}
