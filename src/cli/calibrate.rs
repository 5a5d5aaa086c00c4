//! `microstamp calibrate`: curves and bars from a run whose truth is known.

use super::{Common, Outcome};
use crate::error::Fatal;
use crate::pipeline::confidence::{Calibration, FEATURES};
use crate::score::fit::{Fit, fit};
use crate::score::interval::Rate;
use crate::score::{pair, truth};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

/// Fit confidences and acceptance bars of `--engine` to a run whose truth is known
#[derive(Debug, clap::Args)]
#[command(after_help = "The photographs must show guns that the engine was not trained on, a few thousand \
    of them: one wrong code in 1,000 cannot be counted among fewer. What is written is compiled in as \
    src/pipeline/calibration.toml.\n\n\
    Example:\n  microstamp decode validation -o out\n  \
    microstamp calibrate out --truth validation/truth.csv -o src/pipeline/calibration.toml")]
pub struct Args {
    /// Folder that `decode` wrote
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Table with a row for each photograph: path, code, gun
    #[arg(long, value_name = "TRUTH.csv")]
    truth: PathBuf,
    /// File to write; curves of other engines and formats in it are kept
    #[arg(short, long, value_name = "calibration.toml")]
    output: PathBuf,
}

pub fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let results = pair::read_results(&args.out)?;
    let table = truth::Truth::read(&args.truth)?;
    let pairs = pair::pair(&table, &results)?;
    let fits = fit(&pairs);
    if fits.is_empty() {
        return Err(Fatal::new(
            "no format was read often enough, both rightly and wrongly, to fit a curve",
            "a run over at least 100 photographs of a format, easy and hard ones",
        ));
    }
    let mut calibration = match std::fs::read_to_string(&args.output) {
        Ok(text) => Calibration::parse(&text).map_err(|why| {
            Fatal::new(format!("{}: {why}", args.output.display()), "another file for -o, or delete this one")
        })?,
        Err(_) => Calibration {
            features: FEATURES.iter().map(ToString::to_string).collect(),
            engine: Default::default(),
        },
    };
    let curves = calibration.engine.entry(common.engine.clone()).or_default();
    for (format, fit) in &fits {
        curves.insert(format.clone(), fit.curve.clone());
    }
    let body = toml::to_string(&calibration).map_err(|e| Fatal::new(e.to_string(), "finite figures"))?;
    let text = format!("{HEAD}{body}");
    std::fs::write(&args.output, text).map_err(|e| {
        Fatal::new(
            format!("cannot write {}: {e}", args.output.display()),
            "a file in a folder that exists and is yours",
        )
    })?;
    // A reader that closes the pipe early, such as `head`, has all it wants.
    let _ = std::io::stdout().write_all(summary(&fits).as_bytes());
    Ok(Outcome::Done)
}

const HEAD: &str = "# Logistic curves from a reading's evidence to probabilities, and bars for acceptance,\n\
    # written by `microstamp calibrate`. An engine or format that is not here is taken at its word\n\
    # and held to strict bars.\n";

fn summary(fits: &std::collections::BTreeMap<String, Fit>) -> String {
    let mut text = String::new();
    for (format, fit) in fits {
        let counted = if fit.counted { "counted" } else { "by the curve, too few to count" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{format}: {} photographs of {} guns; bar {} ({counted}); read and right {}; \
             wrong among them {}; mean confidence less share right {:+.4}; \
             characters' bar {}, wrong among them {}",
            fit.photographs,
            fit.guns,
            fit.curve.accept,
            share(&fit.accepted),
            share(&fit.wrong),
            fit.bias,
            fit.curve.accept_character,
            share(&fit.wrong_characters),
        );
    }
    text
}

fn share(rate: &Rate) -> String {
    let interval = rate.wilson.map_or(String::new(), |i| format!(" ({:.4}-{:.4})", i.low, i.high));
    format!("{} of {}{interval}", rate.count, rate.of)
}
