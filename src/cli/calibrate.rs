//! `microstamp calibrate`: curves and bars from a run whose truth is known.

use super::{Common, Outcome, keep_from_evidence, print, remark_if_changed, unwritable};
use crate::batch::disk;
use crate::batch::names::printable;
use crate::batch::pool;
use crate::batch::results::Results;
use crate::error::Fatal;
use crate::groups::Group;
use crate::groups::confidence::Calibration as Joint;
use crate::groups::read_groups;
use crate::pipeline::confidence::Calibration;
use crate::pipeline::net::Networks;
use crate::pipeline::photo::sha256;
use crate::score::fit::{Fit, fit};
use crate::score::fit_groups::{JointFit, fit_groups};
use crate::score::interval::Rate;
use crate::score::pair::{self, Pair};
use crate::score::together::truthful;
use crate::score::truth::Truth;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Fit confidences and acceptance bars of `--engine` to a run whose truth is known
#[derive(Debug, clap::Args)]
#[command(after_help = "The photographs must show guns that the engine was not trained on, a few thousand \
    of them: one wrong code in 1,000 cannot be counted among fewer. Of several OUT, the first belongs to the first \
    TRUTH.csv, and so on; no gun is in two of them. What is written is compiled in as \
    src/pipeline/calibration.toml.\n\n\
    Example:\n  microstamp decode validation -o out\n  \
    microstamp calibrate out --truth validation/truth.csv -o src/pipeline/calibration.toml\n  \
    microstamp calibrate cases guns --truth cases.csv guns.csv --groups -o src/groups/calibration.toml")]
pub struct Args {
    /// Folders that `decode` wrote
    #[arg(value_name = "OUT", required = true)]
    out: Vec<PathBuf>,
    /// For each OUT a table with a row for each photograph: path, code, gun
    #[arg(long, value_name = "TRUTH.csv", required = true, num_args = 1..)]
    truth: Vec<PathBuf>,
    /// Fit what photographs that were read together are worth, from each OUT's groups.jsonl, in the place of single ones
    #[arg(long)]
    groups: bool,
    /// File to write; curves of other engines in it are kept, and those of other formats and kinds that were
    /// fitted to what the same networks read with the same settings
    #[arg(short, long, value_name = "calibration.toml")]
    output: PathBuf,
}

/// One OUT and what its photographs show.
struct Known {
    truth: Truth,
    results: Results,
}

pub fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    if args.truth.len() != args.out.len() {
        return Err(Fatal::new(
            format!("{} OUT and {} TRUTH.csv", args.out.len(), args.truth.len()),
            "--truth with one table for each OUT, in the same order",
        ));
    }
    let reader = one_reader(args, common)?;
    let known = known(args)?;
    let pairs: Vec<Vec<Pair<'_>>> =
        known.iter().map(|k| pair::pair(&k.truth, &k.results.records)).collect::<Result<_, Fatal>>()?;
    let told = if args.groups {
        groups(args, (common, &reader), &known, &pairs)?
    } else {
        photographs(args, (&common.engine, &reader), &pairs.concat())?
    };
    print(&told)?;
    Ok(Outcome::Done)
}

fn known(args: &Args) -> Result<Vec<Known>, Fatal> {
    let one = |(i, (out, truth)): (usize, (&PathBuf, &PathBuf))| {
        let mut truth = Truth::read(truth)?;
        // Two folders may count their guns alike and mean others.
        for gun in truth.rows.iter_mut().filter_map(|row| row.gun.as_mut()) {
            *gun = format!("{i}/{gun}");
        }
        Ok(Known { truth, results: pair::read_results(out)? })
    };
    let known: Vec<Known> =
        args.out.iter().zip(&args.truth).enumerate().map(one).collect::<Result<_, _>>()?;
    guns_counted_once(args, &known)?;
    Ok(known)
}

/// Refuses runs of several readers: curves are those of one engine, its networks, the formats that it knows, and how marks
/// are read. Gives the hashes of the networks and the settings, which the curves hold for alone.
fn one_reader(args: &Args, common: &Common) -> Result<[String; 2], Fatal> {
    let mut first = None;
    for out in &args.out {
        let Some(run) = remark_if_changed(out) else {
            return Err(Fatal::new(
                format!(
                    "nothing says with which networks {} was read",
                    printable(&out.display().to_string())
                ),
                "the folder that `microstamp decode` wrote, with its run.json",
            ));
        };
        keep_from_evidence(&run.inputs, &args.output)
            .map_err(|f| Fatal::new(f.what, "-o with a file elsewhere"))?;
        let name = run.engine.name;
        if name != common.engine {
            return Err(Fatal::new(
                format!("{} was read by the engine {name}, not by {}", out.display(), common.engine),
                format!("--engine {name}, and OUTs of that engine only"),
            ));
        }
        let settings = sha256(run.settings.reading().as_bytes());
        let reader = (run.engine.weights_sha256, run.weights_sha256, run.formats, settings);
        let Some((other, known)) = &first else {
            if reader.1 != Networks::built_in()?.file_sha256 {
                say!(
                    "microstamp: {} was read with other networks than this program's, which will not use these curves",
                    printable(&out.display().to_string())
                );
            }
            first = Some((out, reader));
            continue;
        };
        if *known != reader {
            return Err(Fatal::new(
                format!(
                    "{} was read with other networks, formats or settings than {}",
                    out.display(),
                    other.display()
                ),
                "OUTs of one reader only: `microstamp decode` the others once more",
            ));
        }
    }
    Ok(first.map(|(_, (_, networks, _, settings))| [networks, settings]).unwrap_or_default())
}

/// Refuses what would make guns of nothing: a photograph in two OUTs, or truth that names no gun. Intervals are
/// counted over guns, and parts that are left out are parts of the guns.
fn guns_counted_once(args: &Args, known: &[Known]) -> Result<(), Fatal> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, one) in known.iter().enumerate() {
        for record in &one.results.records {
            let Some(hash) = record.sha256.as_deref() else { continue };
            let first = *seen.entry(hash).or_insert(i);
            if first != i {
                return Err(Fatal::new(
                    format!(
                        "{} of {} is in {} too",
                        record.path,
                        args.out[i].display(),
                        args.out[first].display()
                    ),
                    "OUTs of which no two have a photograph, or a gun, in common",
                ));
            }
        }
        if let Some(row) = one.truth.rows.iter().find(|row| row.code.is_some() && row.gun.is_none()) {
            return Err(Fatal::new(
                format!("{} names no gun for {}", args.truth[i].display(), row.path),
                "a truth with the column `gun`: photographs of one gun err together",
            ));
        }
    }
    Ok(())
}

fn photographs(
    args: &Args,
    (engine, [networks, settings]): (&str, &[String; 2]),
    pairs: &[Pair<'_>],
) -> Result<String, Fatal> {
    let fits = fit(pairs);
    if fits.is_empty() {
        return Err(Fatal::new(
            "no format was read often enough, both rightly and wrongly, to fit a curve",
            "a run over at least 100 photographs of a format, easy and hard ones; a few thousand for bars that are counted",
        ));
    }
    let mut calibration = earlier(&args.output, Calibration::parse)?.unwrap_or_default();
    remark_if_others(args, calibration.has_others(engine, networks, settings));
    let curves = calibration.of_reader(engine, networks, settings);
    for (format, fit) in &fits {
        curves.insert(format.clone(), fit.curve.clone());
    }
    write(&args.output, HEAD, &calibration, |body| Calibration::parse(body).map(drop))?;
    Ok(fits
        .iter()
        .map(|(format, fit)| summary(&format!("{format}: {} photographs", fit.photographs), fit))
        .collect())
}

fn groups(
    args: &Args,
    (common, [networks, settings]): (&Common, &[String; 2]),
    known: &[Known],
    pairs: &[Vec<Pair<'_>>],
) -> Result<String, Fatal> {
    let groups: Vec<Vec<Group>> = args
        .out
        .iter()
        .zip(known)
        .map(|(out, known)| read_groups(out, &known.results.sha256))
        .collect::<Result<_, Fatal>>()?;
    let mut together = Vec::new();
    for (groups, pairs) in groups.iter().zip(pairs) {
        together.extend(truthful(groups, pairs)?);
    }
    let pool = pool(common.threads())?;
    let fits = pool.install(|| fit_groups(together));
    if fits.is_empty() {
        return Err(Fatal::new(
            "there are too few groups, read both rightly and wrongly, to fit a curve",
            "a run over at least 100 groups of two or more photographs, easy and hard ones",
        ));
    }
    let mut calibration = earlier(&args.output, Joint::parse)?.unwrap_or_default();
    remark_if_others(args, calibration.has_others(&common.engine, networks, settings));
    let curves = calibration.of_reader(&common.engine, networks, settings);
    for (kind, fit) in &fits {
        curves.insert(*kind, fit.curve.clone());
    }
    write(&args.output, HEAD_GROUPS, &calibration, |body| Joint::parse(body).map(drop))?;
    let mut told = String::new();
    for (kind, JointFit { curve, fit, loss, independent }) in &fits {
        told += &summary(&format!("{}: {} groups", kind.word(), fit.photographs), fit);
        // Writing to a String cannot fail.
        let _ = writeln!(
            told,
            "{}: dependence {}, astray {}; loss a character {loss:.4}, as if independent {independent:.4}",
            kind.word(),
            curve.dependence,
            curve.astray
        );
    }
    Ok(told)
}

/// Says so where curves in the file are of another reader, and are not kept beside those of this one.
fn remark_if_others(args: &Args, has_others: bool) {
    if has_others {
        say!(
            "microstamp: the curves in {} were fitted to what other networks read, or with other settings, and are left out",
            printable(&args.output.display().to_string())
        );
    }
}

/// What the file to be written holds already; `None` where there is none.
fn earlier<T>(path: &Path, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, Fatal> {
    let kept = |why: &dyn std::fmt::Display| {
        Fatal::new(format!("{}: {why}", path.display()), "another file for -o, or delete this one")
    };
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text).map(Some).map_err(|why| kept(&why)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(kept(&e)),
    }
}

/// Writes what can be compiled in again: a program with a file that `parse` refuses would not start.
fn write(
    path: &Path,
    head: &str,
    calibration: &impl serde::Serialize,
    parse: impl Fn(&str) -> Result<(), String>,
) -> Result<(), Fatal> {
    let body = toml::to_string(calibration).map_err(|e| Fatal::new(e.to_string(), "finite figures"))?;
    parse(&body).map_err(|why| {
        Fatal::new(format!("the fit is of no use: {why}"), "a run over more photographs, easy and hard ones")
    })?;
    disk::replace(path, format!("{head}{body}").as_bytes()).map_err(|e| unwritable(path, &e))
}

const HEAD: &str = "# Logistic curves from a reading's evidence to probabilities, and bars for acceptance,\n\
    # written by `microstamp calibrate`. An engine or format that is not here, or whose networks\n\
    # are others now, is taken at its word and held to strict bars.\n";

const HEAD_GROUPS: &str = "# How photographs of a case, and cases of a gun, are added up; logistic curves from the evidence of the\n\
    # sum to probabilities; and bars for acceptance. Written by `microstamp calibrate --groups`. An engine or\n\
    # kind that is not here, or whose networks are others now, counts photographs as one and is held to strict bars.\n";

fn summary(what: &str, fit: &Fit) -> String {
    let how = |counted| if counted { "counted" } else { "by the curve, too few to count" };
    format!(
        "{what} of {} guns; bar {} ({}); read and right {}; \
         wrong among them {}; mean confidence less share right {:+.4}; \
         characters' bar {} ({}), wrong among them {}\n",
        fit.guns,
        fit.curve.accept,
        how(fit.counted),
        share(&fit.accepted),
        share(&fit.wrong),
        fit.bias,
        fit.curve.accept_character,
        how(fit.counted_characters),
        share(&fit.wrong_characters),
    )
}

fn share(rate: &Rate) -> String {
    let interval = rate.interval().map_or(String::new(), |i| format!(" ({:.4}-{:.4})", i.low, i.high));
    format!("{} of {}{interval}", rate.count, rate.of)
}
