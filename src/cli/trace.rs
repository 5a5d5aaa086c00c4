//! `microstamp trace`: from a code, or a folder of readings, to registered firearms.

use super::registry::{Place, Who};
use super::{Common, Outcome, keep_from_evidence, print, remark_if_changed, unwritable};
use crate::batch::names::printable;
use crate::batch::output::{self, FILES};
use crate::casework::answers;
use crate::casework::entry::is_day;
use crate::casework::population::Filter;
use crate::casework::question::Question;
use crate::casework::trace::{self, Candidate, Terms, Trace, UNREGISTERED};
use crate::casework::{results, store};
use crate::error::Fatal;
use crate::pipeline::scheme::Scheme;
use crate::words::{self, counted, expected, percent, thousands};
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Look a code, or the readings of a folder, up in the registry
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Look a code, or the readings of a folder, up in the registry: every compatible record with \
        its probability, how likely it is that the code is in no registry, and how many records would be \
        compatible by chance alone. --make, --calibre, --on and --format narrow the records down; the answer then speaks \
        of these records alone, and says how many compatible ones were left out.\n\nEach question is logged before its answer is shown. A record is a lead: \
        a code names a firing pin, not a firearm, an owner or a shooter.",
    after_help = "Examples:\n  microstamp trace A7CK2MP4 --registry lab.sqlite --why \"case 2026-117\"\n  \
        microstamp trace 'A7?K2MP?' --registry lab.sqlite --why \"case 2026-117\" \\\n    --calibre 9mm\n  \
        microstamp trace out --registry lab.sqlite --why \"case 2026-117\" -o leads\n  \
        microstamp trace together --groups --registry lab.sqlite --why \"case 2026-117\""
)]
pub struct Args {
    /// Code, `?` for each unknown character; or a folder that `decode` wrote, or with --groups `group`
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
    /// Only this photograph of the folder OUT, as results.jsonl names it; may be given several times
    #[arg(long, value_name = "PATH")]
    photo: Vec<String>,
    /// What the folder's photographs say together (groups.jsonl), in the place of each alone
    #[arg(long, conflicts_with = "photo")]
    groups: bool,
    /// Only firearms of this calibre
    #[arg(long)]
    calibre: Option<String>,
    /// Only firearms of this make
    #[arg(long)]
    make: Option<String>,
    /// Only components that were in the firearm on this day, YYYY-MM-DD, its first and last day included
    #[arg(long, value_name = "DAY")]
    on: Option<String>,
    /// Share of codes, above 0 and below 1, that are in no registry: what is assumed before anything is looked up
    #[arg(long, value_name = "SHARE", default_value_t = UNREGISTERED)]
    unregistered: f64,
}

/// Candidates that a terminal shows of one question; files hold all.
const SHOWN: usize = 20;

pub fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let actor = args.who.actor(&args.why)?;
    let terms = terms(args, &common.formats)?;
    let schemes = common.schemes()?;
    let folder = Path::new(&args.what);
    let from_folder = folder.is_dir();
    let mut without = 0;
    let mut evidence = Vec::new();
    let questions = if from_folder {
        if let Some(id) = common.formats.first() {
            return Err(Fatal::new(
                format!(
                    "--format {id} says how a code is read that was typed, and {} is a folder",
                    args.what
                ),
                "the folder without --format: each reading has its own",
            ));
        }
        // What `group -o` wrote elsewhere has no run.json, and none is missed.
        let is_run = !args.groups || folder.join(FILES[0]).exists();
        evidence =
            is_run.then(|| remark_if_changed(folder)).flatten().map_or_else(Vec::new, |run| run.inputs);
        if args.groups {
            let questions;
            (questions, without) = results::read_joint(folder)?;
            questions
        } else {
            let read = results::read(folder)?;
            without = read.without;
            choose(args, read.readings.into_iter().map(|r| r.question).collect())?
        }
    } else {
        if args.groups {
            return Err(Fatal::new(
                format!("--groups asks for a folder, and {} is none", args.what),
                "the code without --groups, or the folder that `group` or `decode --group-by` wrote",
            ));
        }
        if args.what.contains(['/', '\\']) {
            return Err(Fatal::new(
                format!("there is no folder {}", args.what),
                "the folder that `microstamp decode PHOTOGRAPHS -o OUT` wrote, or a code such as A7?K2MP4",
            ));
        }
        // A code that none of the formats asked for can have is refused; but one may be registered in another format, and
        // an answer must not sound as if it were not.
        Question::typed(&args.what, &schemes)?;
        let typed = Question::typed(&args.what, &Scheme::all())?;
        if args.what.trim() != typed.asked && !common.quiet {
            say!(
                "microstamp: there is no folder {}: it is taken for the code {}",
                printable(&args.what),
                typed.asked
            );
        }
        if let Some(photo) = args.photo.first() {
            return Err(Fatal::new(
                format!("--photo {photo} chooses from a folder, and {} is a code", args.what),
                "the code without --photo, or the folder that `decode` wrote with it",
            ));
        }
        vec![typed]
    };
    if let Some(out) = &args.out {
        keep_from_evidence(&evidence, out)?;
    }
    let _held = args.out.as_deref().map(prepare).transpose()?;
    let mut database = store::open(&args.place.registry)?;
    let traces = trace::trace(&mut *database, &questions, &terms, &actor)?;
    // The rows in its log are on the disk before an answer is shown.
    database.to_disk()?;
    drop(database);
    if let Some(out) = &args.out {
        answers::write(out, &traces)?;
    }
    if !from_folder && let [Trace { refused: Some(why), narrowed, .. }] = traces.as_slice() {
        let hint = match narrowed {
            Some(_) => {
                "more characters, or more of --make, --calibre and --on, or another --format; the question was logged"
            }
            None => "more characters, or fewer records by --make, --calibre or --on; the question was logged",
        };
        return Err(Fatal::new(format!("{}: {why}", args.what), hint));
    }
    let without = args.photo.is_empty().then_some(without);
    let narrowing = printable(&terms.filter.narrowing());
    let text = match traces.as_slice() {
        [trace] if !from_folder => one(trace, &narrowing, &questions[0].formats),
        traces => many(traces, &narrowing, (without, terms.unregistered)),
    };
    print(&text)?;
    if let Some(out) = args.out.as_ref().filter(|_| !common.quiet) {
        say!("All of them: {}", printable(&out.join(answers::FILES[1]).display().to_string()));
    }
    Ok(Outcome::Done)
}

fn terms(args: &Args, formats: &[String]) -> Result<Terms, Fatal> {
    if !(args.unregistered > 0.0 && args.unregistered < 1.0) {
        return Err(Fatal::new(
            format!("--unregistered {} is not between 0 and 1", args.unregistered),
            format!("--unregistered {UNREGISTERED}"),
        ));
    }
    if let Some(day) = args.on.as_ref().filter(|day| !is_day(day)) {
        return Err(Fatal::new(format!("--on {day} is no day"), "--on 2024-05-31"));
    }
    for (flag, text) in [("make", &args.make), ("calibre", &args.calibre)] {
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            return Err(Fatal::new(
                format!("--{flag} is empty"),
                format!("--{flag} as the registry spells it, or the same without it"),
            ));
        }
    }
    let trimmed = |text: &Option<String>| text.as_ref().map(|t| t.trim().to_string());
    let filter = Filter {
        formats: formats.to_vec(),
        make: trimmed(&args.make),
        calibre: trimmed(&args.calibre),
        on: args.on.clone(),
    };
    Ok(Terms { filter, unregistered: args.unregistered })
}

/// The questions of the photographs asked for, or of all.
fn choose(args: &Args, questions: Vec<Question>) -> Result<Vec<Question>, Fatal> {
    let path_of = |q: &Question| q.reading.as_ref().and_then(|r| r.path.clone()).unwrap_or_default();
    if let Some(lacking) = args.photo.iter().find(|p| !questions.iter().any(|q| path_of(q) == **p)) {
        return Err(Fatal::new(
            format!("{} has no reading of `{lacking}`", args.what),
            "--photo with a path of its results.csv that has a code",
        ));
    }
    Ok(questions.into_iter().filter(|q| args.photo.is_empty() || args.photo.contains(&path_of(q))).collect())
}

/// Makes the folder for the answers and holds it, before anything is asked and logged.
fn prepare(out: &Path) -> Result<Option<File>, Fatal> {
    std::fs::create_dir_all(out).map_err(|e| unwritable(out, &e))?;
    let held = output::hold(out)?;
    for name in answers::FILES {
        if out.join(name).exists() {
            return Err(Fatal::new(
                format!("{} holds {name} of an earlier question", out.display()),
                "-o with another folder",
            ));
        }
    }
    Ok(held)
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    table
}

/// The answer to a code that was typed.
fn one(trace: &Trace, narrowing: &str, formats: &[String]) -> String {
    let mut text = String::new();
    let of = if narrowing.is_empty() { of_formats(formats) } else { narrowing.into() };
    let _ = writeln!(
        text,
        "{}: {} of {} {of} compatible; by chance alone {} would be",
        trace.asked,
        thousands(trace.compatible as i64),
        counted(trace.records, "record"),
        expected(trace.by_chance)
    );
    let places = trace.asked.chars().count();
    if Scheme::all().iter().any(|s| s.len() > places) {
        let _ = writeln!(
            text,
            "It was looked up as a code of {places} characters: those that are missing are typed as `?`."
        );
    }
    if trace.records == 0 {
        let _ = writeln!(text, "{}", nothing_compared(&of));
    }
    if !narrowing.is_empty() {
        let _ = writeln!(
            text,
            "{}",
            words::left_out(narrowing, trace.left_out.map(|n| n as i64), trace.left_out_fits_better)
        );
    }
    let unnarrowed = trace.left_out.is_some();
    if !narrowing.is_empty() {
        let _ = writeln!(text, "{}", words::granted(narrowing, unnarrowed));
    }
    let mut header = vec!["probability"];
    if unnarrowed {
        header.push("of all records");
    }
    header.extend([
        "code",
        "format",
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
    let mut table = table(&header);
    let mut rows: Vec<Vec<String>> = trace
        .candidates
        .iter()
        .take(SHOWN)
        .map(|candidate| {
            let e = &candidate.entry;
            let place = [&e.state, &e.country].into_iter().filter(|p| !p.is_empty());
            let place = place.map(String::as_str).collect::<Vec<_>>().join(", ");
            let time = words::days(&e.from, &e.to);
            let cells = [
                &e.code,
                &e.format,
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
            let p =
                [Some(candidate.firearm_posterior), candidate.unnarrowed].into_iter().flatten().map(percent);
            p.chain(cells).collect()
        })
        .collect();
    let surer = |c: &&Candidate| c.firearm_posterior >= trace.not_registered;
    let at = trace.candidates.iter().take(SHOWN).take_while(surer).count();
    let dash = unnarrowed.then(|| "-".to_string());
    let none = std::iter::once(percent(trace.not_registered)).chain(dash).chain([words::in_none(narrowing)]);
    rows.insert(at, none.collect());
    for row in rows {
        table.add_row(row);
    }
    // Where nothing was compared, no probability is an answer.
    if trace.records > 0 {
        let _ = writeln!(text, "\n{table}");
    }
    if trace.has_times() {
        let _ = writeln!(text, "\n{}", words::TIMES);
    }
    if trace.candidates.len() > SHOWN {
        let more = thousands((trace.candidates.len() - SHOWN) as i64);
        let _ = writeln!(text, "\n{more} more records are compatible: -o DIR writes all of them");
    }
    let assumed = words::assumed(trace.unregistered_share, Some(trace.next_to_share), narrowing);
    let _ = writeln!(text, "\nEvery character typed is taken as certain. {assumed} A record is a lead.");
    if let Some(log) = &trace.log {
        let _ = writeln!(text, "{}", words::logged(&log.row.to_string(), &log.time, &log.sha256));
    }
    text
}

/// The formats that a code may have, as they stand behind "records".
fn of_formats(formats: &[String]) -> String {
    format!("of the format{} {}", if formats.len() == 1 { "" } else { "s" }, formats.join(", "))
}

/// Said where there is no record to compare.
fn nothing_compared(of: &str) -> String {
    let of = if of.is_empty() { String::new() } else { format!(" {of}") };
    format!(
        "The registry holds no record{of}: nothing was compared, and the answer says nothing of the code."
    )
}

/// The answers to a folder's readings, a row a photograph or group; `without` is the number of those that have none,
/// where all were asked for.
fn many(traces: &[Trace], narrowing: &str, (without, share): (Option<usize>, f64)) -> String {
    let none = words::in_none(narrowing);
    let what = if traces.iter().any(|t| t.group.is_some()) { "group" } else { "photograph" };
    let mut header = vec![what, "code", "most probable code", "compatible", "by chance", &none, "unread"];
    if !narrowing.is_empty() {
        header.push("left out");
    }
    header.push("most probable record");
    let mut table = table(&header);
    for trace in traces {
        let hardly = words::hardly(&trace.asked);
        let other_format = match trace.other_format {
            None | Some(0) => String::new(),
            Some(n) => format!("; {} of another format", counted(n as i64, "compatible record")),
        };
        let first = match (&trace.refused, trace.candidates.first()) {
            (Some(why), _) => format!("not looked up: {why}"),
            (None, Some(c)) => {
                let cells = [&c.entry.code, &c.entry.make, &c.entry.serial].map(|t| printable(t));
                let alike = trace.alike();
                let alike = if alike > 0 { format!(", as probable as {alike} more") } else { String::new() };
                let unlike_best =
                    words::unlike_best(trace.best.as_deref().unwrap_or_default(), &c.entry.code);
                let differs = words::differing(c.differs as i64, &c.differs_at);
                let differs = match (differs.as_str(), unlike_best.as_str()) {
                    ("", "") => differs,
                    ("", unlike) => format!(", not the most probable code: {}", printable(unlike)),
                    (differs, _) => format!(", {differs}"),
                };
                let hardly = hardly.map_or_else(String::new, |why| format!(", hardly a lead: {why}"));
                let all =
                    c.unnarrowed.map_or_else(String::new, |p| format!(" ({} of all records)", percent(p)));
                let p = percent(c.firearm_posterior);
                format!("{p}{all} {}{alike}{differs}{hardly}{other_format}", cells.join(" "))
            }
            (None, None) => format!("none{other_format}"),
        };
        let looked_up = |answer: String| if trace.refused.is_some() { "-".into() } else { answer };
        let mut row = vec![
            printable(trace.path.as_deref().or(trace.group.as_deref()).unwrap_or_default()),
            trace.asked.clone(),
            trace.reading_p.map_or_else(String::new, |p| {
                format!("{} {}", trace.best.as_deref().map(printable).unwrap_or_default(), percent(p))
                    .trim()
                    .into()
            }),
            looked_up(thousands(trace.compatible as i64)),
            expected(trace.by_chance),
            looked_up(percent(trace.not_registered)),
            looked_up(percent(trace.unread)),
        ];
        if !narrowing.is_empty() {
            row.push(trace.left_out.map_or_else(|| "-".into(), |n| thousands(n as i64)));
        }
        row.push(first);
        table.add_row(row);
    }
    let without = without.map(|n| format!(", {} without a code", thousands(n as i64))).unwrap_or_default();
    let only = if traces.is_empty() {
        String::new()
    } else if traces.iter().all(|t| t.records == 0) {
        format!(" {}", nothing_compared(narrowing))
    } else if narrowing.is_empty() {
        String::new()
    } else {
        format!(" Only records {narrowing} were compared. {}", words::granted(narrowing, false))
    };
    let refused = traces.iter().filter(|t| t.refused.is_some()).count();
    let looked_up = traces.len() - refused;
    let refused = if refused > 0 { format!(", {} not", thousands(refused as i64)) } else { String::new() };
    format!(
        "{table}\n\n{} looked up{refused}{without}.{only} {} Unread: the mark was found wrongly, or shows none of the codes \
         that were searched. A record is a lead.\n",
        counted(looked_up as i64, what),
        words::assumed(share, traces.first().map(|t| t.next_to_share), narrowing)
    )
}
