//! `microstamp verify`: is everything as the run left it?

use super::{Common, Outcome, calibration_sha256, manifest_of, print};
use crate::batch::names::printable;
use crate::batch::signature;
use crate::batch::verify::{Order, verify};
use crate::error::Fatal;
use std::path::PathBuf;

/// Check that results, photographs and weights are as a run left them
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Check that results, photographs and weights are as a run left them.\n\n\
        Hashes everything that OUT/run.json names, follows its chain to the runs before it, and names \
        each difference. Files that other verbs have put into OUT are remarked on, and no difference. \
        Without --key a hand that changes run.json can make its seal fit again: note the hash that \
        `decode` prints, or sign.",
    after_help = "Examples:\n  \
        microstamp verify out\n  \
        microstamp verify out --inputs testdata/lab --key public.pem\n\n\
        Exit codes: 0 as it was, 1 something differs (each on a line of its own), 2 OUT is no folder of results"
)]
pub struct Args {
    /// Folder that `decode` wrote
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Where the photographs lie now; several in the order of the run's INPUTs
    #[arg(long, value_name = "FOLDER")]
    inputs: Vec<PathBuf>,
    /// Public key (PEM) that run.json must be signed with
    #[arg(long, value_name = "FILE.pem")]
    key: Option<PathBuf>,
    /// A file of weights to compare in the place of those in this program
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

pub(super) fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let calibration = calibration_sha256();
    let order = Order {
        inputs: &args.inputs,
        key: args.key.as_deref().map(signature::public_key).transpose()?,
        weights: args.weights.as_deref(),
        // Those of this program belong to its own weights.
        calibration: args.weights.is_none().then_some(calibration.as_str()),
    };
    let found = verify(&args.out, &order)?;
    let mut text: String = found.differences.iter().map(|d| format!("differs  {d}\n")).collect();
    if !common.quiet {
        text.extend(found.remarks.iter().map(|r| format!("remark   {r}\n")));
        text += &format!(
            "{} differences; {} files and {} photographs are as they were\n",
            found.differences.len(),
            found.files,
            found.photographs,
        );
        if !found.run_sha256.is_empty() {
            text += &format!("SHA-256 of run.json: {}\n", found.run_sha256);
        }
    }
    print(&text)?;
    let run = manifest_of(&args.out).filter(|run| !run.evidence.is_empty());
    if let Some(run) = run.filter(|_| found.photographs == 0 && !args.inputs.is_empty()) {
        let inputs: Vec<String> = run.inputs.iter().map(|input| printable(input)).collect();
        say!(
            "microstamp: none of the {} photographs lies there as it was read\n  \
             try: --inputs with the INPUT that was decoded, which was {}",
            run.evidence.len(),
            inputs.join(" ")
        );
    }
    Ok(if found.differences.is_empty() { Outcome::Done } else { Outcome::Differs })
}
