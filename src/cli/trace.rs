//! `microstamp trace`: from a code, or a folder of readings, to registered firearms.

use super::registry::{Place, Who};
use super::{Common, Outcome, unwritable};
use crate::batch::names::{cell, printable};
use crate::casework::entry::{Entry, is_day};
use crate::casework::population::Filter;
use crate::casework::question::Question;
use crate::casework::trace::{self, Terms, Trace, UNREGISTERED, thousands};
use crate::casework::{results, store};
use crate::error::Fatal;
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Look a code, or the readings of a folder, up in the registry
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Look a code, or the readings of a folder, up in the registry: every compatible record with \
        its probability, how likely it is that the code is in no registry, and how many records would be \
        compatible by chance alone.\n\nEach question is logged before its answer is shown. A record is a lead: \
        a code names a firing pin, not a firearm, an owner or a shooter.",
    after_help = "Examples:\n  microstamp trace A7CK2MP4 --registry lab.sqlite --why \"case 2026-117\"\n  \
        microstamp trace 'A7?K2MP?' --registry lab.sqlite --why \"case 2026-117\" --calibre 9mm\n  \
        microstamp trace out --registry lab.sqlite --why \"case 2026-117\" -o leads"
)]
pub struct Args {
    /// Code, `?` for each unknown character; or a folder that `decode` wrote
    #[arg(value_name = "CODE|OUT")]
    what: String,
    #[command(flatten)]
    place: Place,
    /// Reason, for the log: a case number
    #[arg(long, value_name = "TEXT")]
    why: String,
    #[command(flatten)]
    who: Who,
    /// Folder for traces.jsonl and traces.csv
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only this photograph of OUT, as results.jsonl names it; may be given several times
    #[arg(long, value_name = "PATH")]
    photo: Vec<String>,
    /// Only firearms of this calibre
    #[arg(long)]
    calibre: Option<String>,
    /// Only firearms of this make
    #[arg(long)]
    make: Option<String>,
    /// Only components that were in the firearm on this day, YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    on: Option<String>,
    /// Share of codes, 0-1, that are in no registry: what is assumed before anything is looked up
    #[arg(long, value_name = "SHARE", default_value_t = UNREGISTERED)]
    unregistered: f64,
}

/// Candidates that a terminal shows of one question; files hold all.
const SHOWN: usize = 20;

pub fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let actor = args.who.actor(&args.why)?;
    let terms = terms(args)?;
    let schemes = common.schemes()?;
    let folder = Path::new(&args.what);
    let from_folder = folder.is_dir();
    let mut without = 0;
    let questions = if from_folder {
        let read = results::read(folder)?;
        without = read.without;
        choose(args, read.readings.into_iter().map(|r| r.question).collect())?
    } else {
        vec![Question::typed(&args.what, &schemes)?]
    };
    if let Some(out) = &args.out {
        prepare(out)?;
    }
    let mut database = store::open(&args.place.registry)?;
    let traces = trace::trace(&mut *database, &questions, &terms, &actor)?;
    if let Some(out) = &args.out {
        write(out, &traces)?;
    }
    if !from_folder && let [Trace { refused: Some(why), .. }] = traces.as_slice() {
        return Err(Fatal::new(
            format!("{}: {why}", args.what),
            "more characters, or --calibre, --make; the question was logged",
        ));
    }
    let text = if from_folder { many(&traces, without) } else { one(&traces) };
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(Outcome::Done)
}

fn terms(args: &Args) -> Result<Terms, Fatal> {
    if !(args.unregistered > 0.0 && args.unregistered < 1.0) {
        return Err(Fatal::new(
            format!("--unregistered {} is not between 0 and 1", args.unregistered),
            format!("--unregistered {UNREGISTERED}"),
        ));
    }
    if let Some(day) = args.on.as_ref().filter(|day| !is_day(day)) {
        return Err(Fatal::new(format!("--on {day} is no day"), "--on 2024-05-31"));
    }
    let filter = Filter { calibre: args.calibre.clone(), make: args.make.clone(), on: args.on.clone() };
    Ok(Terms { filter, unregistered: args.unregistered })
}

/// The questions of the photographs asked for, or of all.
fn choose(args: &Args, questions: Vec<Question>) -> Result<Vec<Question>, Fatal> {
    let path_of = |q: &Question| q.reading.as_ref().map(|r| r.path.clone()).unwrap_or_default();
    if let Some(lacking) = args.photo.iter().find(|p| !questions.iter().any(|q| path_of(q) == **p)) {
        return Err(Fatal::new(
            format!("{} has no reading of `{lacking}`", args.what),
            "--photo with a path of its results.csv that has a code",
        ));
    }
    Ok(questions.into_iter().filter(|q| args.photo.is_empty() || args.photo.contains(&path_of(q))).collect())
}

/// Makes the folder for the answers, before anything is asked and logged.
fn prepare(out: &Path) -> Result<(), Fatal> {
    std::fs::create_dir_all(out).map_err(|e| unwritable(out, &e))?;
    for name in ["traces.jsonl", "traces.csv"] {
        if out.join(name).exists() {
            return Err(Fatal::new(
                format!("{} holds {name} of an earlier question", out.display()),
                "-o with another folder",
            ));
        }
    }
    Ok(())
}

fn write(out: &Path, traces: &[Trace]) -> Result<(), Fatal> {
    let path = out.join("traces.jsonl");
    let mut lines = Vec::new();
    for trace in traces {
        serde_json::to_writer(&mut lines, trace).map_err(|e| unwritable(&path, &e))?;
        lines.push(b'\n');
    }
    std::fs::write(&path, lines).map_err(|e| unwritable(&path, &e))?;
    let path = out.join("traces.csv");
    let wrong = |e: csv::Error| unwritable(&path, &e);
    let mut table = csv::Writer::from_path(&path).map_err(wrong)?;
    let head =
        ["asked", "path", "reading_p", "not_registered", "unread", "compatible", "by_chance", "posterior"];
    table.write_record(head.iter().chain(&Entry::FIELDS)).map_err(wrong)?;
    for trace in traces {
        let of_question = [
            trace.asked.clone(),
            cell(trace.path.as_deref().unwrap_or_default()),
            trace.reading_p.map(|p| p.to_string()).unwrap_or_default(),
            format!("{:.9}", trace.not_registered),
            format!("{:.9}", trace.unread),
            trace.compatible.to_string(),
            format!("{:.9}", trace.by_chance),
        ];
        for candidate in &trace.candidates {
            let cells = candidate.entry.cells().map(cell);
            let posterior = format!("{:.9}", candidate.posterior);
            let row = of_question
                .iter()
                .map(String::as_str)
                .chain([posterior.as_str()])
                .chain(cells.iter().map(String::as_str));
            table.write_record(row).map_err(wrong)?;
        }
        if trace.candidates.is_empty() {
            let rest = std::iter::repeat_n("", 1 + Entry::FIELDS.len());
            table.write_record(of_question.iter().map(String::as_str).chain(rest)).map_err(wrong)?;
        }
    }
    table.flush().map_err(|e| unwritable(&path, &e))
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    table
}

/// A probability as a share of a hundred.
fn percent(p: f64) -> String {
    match p * 100.0 {
        x if x > 0.0 && x < 0.01 => "< 0.01 %".into(),
        x if x > 99.99 && x < 100.0 => "> 99.99 %".into(),
        x => format!("{x:.2} %"),
    }
}

/// An expected number, to two figures where it is small.
fn expected(x: f64) -> String {
    match x {
        x if x >= 100.0 => thousands(x.round() as i64),
        x if x >= 0.1 => format!("{x:.1}"),
        x if x >= 1e-6 => format!("{x:.0$}", (1.0 - x.log10()).floor() as usize + 1),
        _ => "less than 0.000001".into(),
    }
}

/// The answer to a code that was typed.
fn one(traces: &[Trace]) -> String {
    let mut text = String::new();
    for trace in traces {
        let _ = writeln!(
            text,
            "{}: {} of {} records compatible; by chance alone {} would be\n",
            trace.asked,
            thousands(trace.compatible as i64),
            thousands(trace.records),
            expected(trace.by_chance)
        );
        let mut table = table(&[
            "probability",
            "code",
            "make",
            "model",
            "calibre",
            "serial",
            "importer",
            "dealer",
            "sold",
            "where",
            "status",
            "in the firearm",
        ]);
        let mut rows: Vec<(f64, Vec<String>)> = trace
            .candidates
            .iter()
            .take(SHOWN)
            .map(|candidate| {
                let e = &candidate.entry;
                let place = [&e.state, &e.country].into_iter().filter(|p| !p.is_empty());
                let place = place.map(String::as_str).collect::<Vec<_>>().join(", ");
                let time = match (e.from.as_str(), e.to.as_str()) {
                    ("", "") => String::new(),
                    (from, "") => format!("from {from}"),
                    ("", to) => format!("to {to}"),
                    (from, to) => format!("{from} to {to}"),
                };
                let cells = [
                    &e.code,
                    &e.make,
                    &e.model,
                    &e.calibre,
                    &e.serial,
                    &e.importer,
                    &e.dealer,
                    &e.sale_date,
                    &place,
                    &e.status,
                    &time,
                ];
                let cells = cells.map(|cell| printable(cell));
                (candidate.posterior, std::iter::once(percent(candidate.posterior)).chain(cells).collect())
            })
            .collect();
        rows.push((trace.not_registered, vec![percent(trace.not_registered), "not registered".into()]));
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, row) in rows {
            table.add_row(row);
        }
        let _ = writeln!(text, "{table}");
        if trace.candidates.len() > SHOWN {
            let more = thousands((trace.candidates.len() - SHOWN) as i64);
            let _ = writeln!(text, "\n{more} more records are compatible: -o DIR writes all of them");
        }
        let share = percent(trace.unregistered_share);
        let _ = writeln!(text, "\nAssumed before: {share} of codes are in no registry. A record is a lead.");
    }
    text
}

/// The answers to a folder's readings, a row a photograph.
fn many(traces: &[Trace], without: usize) -> String {
    let mut table = table(&[
        "photograph",
        "code",
        "reading",
        "compatible",
        "by chance",
        "not registered",
        "most probable record",
    ]);
    for trace in traces {
        let first = match (&trace.refused, trace.candidates.first()) {
            (Some(_), _) => format!("none shown: about {} would be", expected(trace.by_chance)),
            (None, Some(c)) => {
                let cells = [&c.entry.code, &c.entry.make, &c.entry.serial].map(|t| printable(t));
                let differs = match c.differs {
                    0 => String::new(),
                    n => format!(", differs in {n} sure"),
                };
                format!("{} {}{differs}", percent(c.posterior), cells.join(" "))
            }
            (None, None) => "none".into(),
        };
        table.add_row([
            printable(trace.path.as_deref().unwrap_or_default()),
            trace.asked.clone(),
            trace.reading_p.map(percent).unwrap_or_default(),
            if trace.refused.is_some() { "-".into() } else { thousands(trace.compatible as i64) },
            expected(trace.by_chance),
            percent(trace.not_registered),
            first,
        ]);
    }
    let share = traces.first().map_or(UNREGISTERED, |t| t.unregistered_share);
    format!(
        "{table}\n\n{} photographs looked up, {without} without a code. Assumed before: {} of codes are in no \
         registry. A record is a lead.\n",
        traces.len(),
        percent(share)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_expected_numbers_are_shown_to_two_figures_and_never_as_nothing() {
        let shown = [277_000.4, 8.41, 0.2555, 0.0077, 0.000_234, 0.0].map(expected);
        assert_eq!(shown, ["277,000", "8.4", "0.3", "0.0077", "0.00023", "less than 0.000001"]);
    }

    #[test]
    fn a_share_that_is_not_all_is_never_shown_as_all_or_nothing() {
        let shown = [1.0, 0.999_999, 0.5, 0.000_01, 0.0].map(percent);
        assert_eq!(shown, ["100.00 %", "> 99.99 %", "50.00 %", "< 0.01 %", "0.00 %"]);
    }
}
