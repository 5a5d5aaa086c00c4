//! `microstamp score`: a run against the truth.

use super::figures::{Files, no_link, put};
use super::{Common, Outcome, keep_from_evidence, keep_others, remark_if_changed, unwritable};
use crate::batch::Record;
use crate::batch::disk::sha256_of;
use crate::batch::names::printable;
use crate::error::Fatal;
use crate::groups::FILES;
use crate::pipeline::scheme::Scheme;
use crate::score::pair::read_results;
use crate::score::truth::Truth;
use crate::score::{compare, plot, score, table, verdicts};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Compare a run with the truth or with an examiner's readings: accuracy with 95 % intervals, disagreements
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Compare a run with the truth: accuracy with 95 % intervals, calibration, risk against \
        coverage.\n\n\
        With --verdicts, compare it with the readings that examiners made on the page of \
        `report --blind`: disagreements are listed first, and with --truth both are judged on the \
        photographs that were read.",
    after_help = "Examples:\n  microstamp decode photographs -o out\n  \
        microstamp score out --truth photographs/truth.csv --by gun,light --plot risk.png\n  \
        microstamp score out --verdicts verdicts.csv"
)]
pub struct Args {
    /// Folder that `decode` wrote
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Table with a row for each photograph: at least its path and its code, empty where there is none
    #[arg(long, value_name = "TRUTH.csv")]
    truth: Option<PathBuf>,
    /// Examiners' readings, saved by the page of `report --blind`
    #[arg(long, value_name = "VERDICTS.csv", conflicts_with_all = ["by", "plot"])]
    verdicts: Option<PathBuf>,
    /// Folder with the groups that `group` or `decode --group-by` wrote [default: OUT, if it has any]
    #[arg(long, value_name = "DIR", conflicts_with = "verdicts")]
    groups: Option<PathBuf>,
    /// Columns of the truth to split the figures by; numbers with many values are put into quartiles
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    by: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// Write the risk-coverage curve as a picture, a PNG file
    #[arg(long, value_name = "FILE.png")]
    plot: Option<PathBuf>,
}

pub fn run(args: &Args, _common: &Common) -> Result<Outcome, Fatal> {
    let evidence = remark_if_changed(&args.out).map_or_else(Vec::new, |run| run.inputs);
    args.files.guard(&["risk_coverage", "relations"], &evidence)?;
    if let Some(file) =
        args.plot.as_ref().filter(|f| f.extension().is_none_or(|e| !e.eq_ignore_ascii_case("png")))
    {
        let png = file.with_extension("png");
        return Err(Fatal::new(
            format!("--plot {}: the curve is written as a PNG file", file.display()),
            format!("--plot {}", png.display()),
        ));
    }
    if let Some(file) = &args.plot {
        no_link(file)?;
        keep_others(file, plot::is_curve)?;
        keep_from_evidence(&evidence, file)
            .map_err(|f| Fatal::new(f.what, "--plot with a file elsewhere"))?;
    }
    if let Some(path) = &args.verdicts {
        let comparison = compare(&args.out, path, args.truth.as_deref())?;
        args.files.tell(&comparison, &verdicts::markdown(&comparison))?;
        return Ok(Outcome::Done);
    }
    let Some(truth) = &args.truth else {
        return Err(Fatal::new("nothing to compare with", "--truth TRUTH.csv or --verdicts VERDICTS.csv"));
    };
    let beside = truth.parent().unwrap_or(Path::new(""));
    let truth = Truth::with_sizes(truth)?;
    remark_if_odd(&truth);
    let results = read_results(&args.out)?;
    remark_if_of_others(&results.records, beside);
    let own = Some(&args.out).filter(|out| out.join(FILES[0]).is_file());
    let score = score(&results, &truth, &args.by, args.groups.as_ref().or(own).map(PathBuf::as_path))?;
    if let Some(path) = &args.plot {
        let mut png = std::io::Cursor::new(Vec::new());
        plot::risk_coverage(&score.risk_coverage)
            .write_to(&mut png, image::ImageFormat::Png)
            .map_err(|e| unwritable(path, &e))?;
        put(path, png.get_ref())?;
    }
    args.files.tell(&score, &table::markdown(&score))?;
    Ok(Outcome::Done)
}

/// Photographs beside a truth that are looked at.
const LOOKED_AT: usize = 16;

/// Says so where a photograph that lies beside the truth is another than the one of its name that was read: two runs of
/// `synth` give photographs of the same names.
fn remark_if_of_others(records: &[Record], beside: &Path) {
    let is_another = |r: &&Record| {
        r.sha256
            .as_ref()
            .is_some_and(|read| sha256_of(&beside.join(&r.path)).is_ok_and(|found| found != *read))
    };
    let step = records.len().div_ceil(LOOKED_AT).max(1);
    if let Some(other) = records.iter().step_by(step).find(is_another) {
        say!(
            "microstamp: {} beside the truth is another photograph than the one that was read: the truth may be of others\n  \
             try: --truth with the table of the folder that was decoded",
            printable(&other.path)
        );
    }
}

/// Says so where a true code has a length that no format has: a slip in the table counts as an error of the reader.
fn remark_if_odd(truth: &Truth) {
    let lengths: BTreeSet<usize> = Scheme::all().iter().map(Scheme::len).collect();
    let is_odd = |code: &str| !lengths.contains(&code.chars().count());
    let odd =
        truth.rows.iter().filter_map(|row| Some((row, row.code.as_deref().filter(|code| is_odd(code))?)));
    let odd: Vec<String> =
        odd.map(|(row, code)| format!("{} for {}", printable(code), printable(&row.path))).collect();
    if let Some(first) = odd.first() {
        say!(
            "microstamp: {} codes of the truth have a length that no format has, such as {first}; none can be read rightly",
            odd.len()
        );
    }
}
