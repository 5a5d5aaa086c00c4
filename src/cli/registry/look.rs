//! `microstamp registry stats` and `log`: what is in a registry, and who asked it what.

use super::super::{print, written};
use super::{Outcome, Place};
use crate::batch::names::printable;
use crate::casework::log::{self, Log};
use crate::casework::population::{self, Population};
use crate::casework::store;
use crate::error::Fatal;
use crate::words::thousands;
use std::fmt::Write as _;
use std::io::Write as _;

/// Say what the registry holds, and whether its log is whole
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 1: the log is broken, the file is damaged, or there are more or fewer records than were registered.\n\nExample:\n  microstamp registry stats --registry lab.sqlite"
)]
pub(super) struct Stats {
    #[command(flatten)]
    place: Place,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Show who asked what, when and why
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A hash that was noted from `registry stats` shows with --since that nothing up to it \
    was changed or cut off. Exit code 1: something was.\n\nExample:\n  \
    microstamp registry log --registry lab.sqlite --verify"
)]
pub(super) struct ShowLog {
    #[command(flatten)]
    shown: Shown,
}

/// Whose log, and how it is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Shown {
    #[command(flatten)]
    place: Place,
    /// Only check that each row follows from the one before
    #[arg(long)]
    verify: bool,
    /// Hash of a row, noted earlier, that must still be there
    #[arg(long, value_name = "HASH")]
    since: Option<String>,
}

pub(super) fn stats(args: &Stats) -> Result<Outcome, Fatal> {
    let mut database = store::open(&args.place.registry)?;
    let population = Population::count(&mut *database)?;
    let chain = log::walk(&mut *database, Log::Registry, None, &mut |_| {})?;
    let damage = database.damage()?;
    let mut there = 0;
    database.query("SELECT count(*) FROM record", &[], &mut |row| {
        there = row[0].int();
        Ok(())
    })?;
    // Where somebody has just imported, the number may be that of before or after.
    let same = Population::count(&mut *database)?.total() == population.total();
    let shared = population::shared(&mut *database)?;
    let lists = [("format", 0), ("make", 1), ("calibre", 2)].map(|(name, i)| (name, population.by(i)));
    let mut text = String::new();
    if args.json {
        let list = |of: &[(String, i64)]| {
            let pairs = of.iter().map(|(name, n)| serde_json::json!({"name": name, "records": n}));
            pairs.collect::<Vec<_>>()
        };
        let json = serde_json::json!({
            "registry": store::shown(&args.place.registry),
            "records": population.total(),
            "there": there,
            "formats": list(&lists[0].1),
            "makes": list(&lists[1].1),
            "calibres": list(&lists[2].1),
            "shared_codes": shared.0,
            "log": {"rows": chain.rows, "head": chain.head, "whole": chain.broken_at.is_none(),
                    "broken_at": chain.broken_at},
            "damage": damage,
        });
        let _ = writeln!(text, "{json:#}");
    } else {
        let _ = writeln!(
            text,
            "{}: {} records",
            store::shown(&args.place.registry),
            thousands(population.total())
        );
        for (name, list) in &lists {
            let shown = list.iter().take(TOP).map(|(value, n)| {
                format!(
                    "{} {}",
                    if value.is_empty() { "(none)".into() } else { printable(value) },
                    thousands(*n)
                )
            });
            let rest = if list.len() > TOP { format!(", {} more", list.len() - TOP) } else { String::new() };
            let _ = writeln!(text, "  {name}: {}{rest}", shown.collect::<Vec<_>>().join(", "));
        }
        if let (n, Some(first)) = &shared {
            let _ = writeln!(
                text,
                "  codes of more than one firearm: {}, such as {}",
                thousands(*n as i64),
                printable(first)
            );
        }
        let state = chain.broken_at.map_or("whole".to_string(), |id| format!("BROKEN at row {id}"));
        let _ = writeln!(text, "  log: {} rows, {state}; head {}", thousands(chain.rows), chain.head);
    }
    print(&text)?;
    if let Some(first) = damage.first() {
        say!(
            "microstamp: the registry is damaged, and its answers may be wrong: {}\n  try: a backup of the registry",
            printable(first)
        );
        return Ok(Outcome::Differs);
    }
    if same && there != population.total() {
        say!(
            "microstamp: {} records were registered, and {} are there: some were taken out or put in by other means\n  \
             try: a backup of the registry, and who could write to it",
            thousands(population.total()),
            thousands(there)
        );
        return Ok(Outcome::Differs);
    }
    Ok(if chain.broken_at.is_none() { Outcome::Done } else { Outcome::Differs })
}

/// Formats, makes and calibres that `stats` lists, the most frequent first.
const TOP: usize = 10;

pub(super) fn log(args: &ShowLog) -> Result<Outcome, Fatal> {
    show_log(&args.shown, Log::Registry)
}

/// Prints a log, or only checks it.
pub(super) fn show_log(args: &Shown, log: Log) -> Result<Outcome, Fatal> {
    let mut database = store::open(&args.place.registry)?;
    let since = args.since.as_deref().map(log::noted).transpose()?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut result = Ok(());
    let chain = log::walk(&mut *database, log, since.as_deref(), &mut |row| {
        if !args.verify && result.is_ok() {
            let cells = [&row.time, &row.who, &row.verb, &row.asked, &row.why].map(|t| printable(t));
            let [time, who, verb, asked, why] = cells;
            result = writeln!(out, "{}\t{time}\t{who}\t{verb}\t{asked}\t{}\t{why}", row.id, row.came_back);
        }
    })?;
    written(result.and_then(|()| out.flush()))?;
    let differs = match (chain.broken_at, chain.has) {
        (Some(id), _) => Some(format!("the log is broken: row {id} does not follow from the one before")),
        (None, Some(false)) => {
            Some("the log no longer has a row of that hash: it was changed or cut off".to_string())
        }
        (None, _) => None,
    };
    if let Some(differs) = differs {
        say!("microstamp: {differs}\n  try: a backup of the registry, and who could write to it");
        return Ok(Outcome::Differs);
    }
    drop(out);
    print(&format!("{} rows, each follows from the one before; head {}\n", chain.rows, chain.head))?;
    Ok(Outcome::Done)
}
