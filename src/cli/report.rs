//! `microstamp report`: a run as a folder of pages for a browser.

use super::{Common, Outcome, remark_if_unfinished, say_changed};
use crate::batch::manifest;
use crate::batch::names::printable;
use crate::batch::output::FILES;
use crate::batch::{inputs, output, pool};
use crate::error::Fatal;
use crate::groups;
use crate::report::batch::Batch;
use crate::report::casework::{self, Casework};
use crate::report::pages::{self, Setup};
use crate::report::{blind, view};
use indicatif::ProgressBar;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Photographs named on stderr that cannot be shown; the index lists the rest.
const NAMED: usize = 5;

/// Write a run as pages for a browser, so that another examiner can check it
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Write a run as a folder of pages that opens from disk in any browser: counts, settings \
        and hashes, the photographs in a list that can be filtered and sorted, and a page a photograph \
        with outlines over the untouched picture, the straightened mark, every position's alternatives \
        and the provenance. Groups, leads and traces get pages where there are any.\n\n\
        Nothing is read again: the pages show what `decode` wrote down. Photographs are looked for where \
        they were then, and shown only if their SHA-256 is the one in the results.\n\n\
        With --blind the folder is for a second examiner who has not seen the machine's reading.",
    after_help = "Examples:\n  \
        microstamp report out\n  \
        microstamp report out --inputs /evidence/case-17 --leads casework -o report-case-17\n  \
        microstamp report out --blind"
)]
pub struct Args {
    /// Folder that `decode` wrote
    #[arg(value_name = "OUT")]
    run: PathBuf,
    /// Where the photographs are, if not where they were; the INPUT that was decoded. May be given several times
    #[arg(long, value_name = "FOLDER")]
    inputs: Vec<PathBuf>,
    /// Folder with leads.jsonl, traces.jsonl and groups.jsonl; those that it has not are looked for in OUT
    #[arg(long, value_name = "DIR", conflicts_with = "blind")]
    leads: Option<PathBuf>,
    /// Hide the machine's reading until the examiner's own is kept
    #[arg(long)]
    blind: bool,
    /// Folder for the pages; must be new or empty [default: OUT/report, or OUT/blind with --blind]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let batch = Batch::read(&args.run, &args.inputs)?;
    remark_if_unfinished(&args.run, batch.unfinished());
    let left = [
        (FILES[0], batch.results_as_stated),
        (groups::FILES[0], batch.groups_as_stated),
        (manifest::NAME, batch.run_as_sealed),
    ];
    let changed: Vec<&str> = left.into_iter().filter(|(_, left)| *left == Some(false)).map(|f| f.0).collect();
    changed.iter().for_each(|name| say_changed(&args.run, name));
    let as_written = changed.is_empty();
    let folders: Vec<&Path> = args.leads.as_deref().into_iter().chain([args.run.as_path()]).collect();
    let found = Casework::read(&folders, batch.results_sha256())?;
    if let Some(folder) =
        args.leads.as_ref().filter(|dir| !casework::FILES.iter().any(|name| dir.join(name).exists()))
    {
        return Err(Fatal::new(
            format!("no leads.jsonl, traces.jsonl or groups.jsonl in {}", folder.display()),
            "--leads with the folder that `microstamp link`, `trace` or `group` wrote",
        ));
    }
    let mut mentioned = found.mentions();
    // Groups are of this run whenever they are shown.
    mentioned.retain(|_, of| of.leads + of.traces > 0);
    let here =
        batch.records.iter().filter_map(|r| r.sha256.as_ref()).any(|hash| mentioned.contains_key(hash));
    if !mentioned.is_empty() && !here {
        say!(
            "microstamp: no lead or trace is about a photograph of this run: they are another's\n  \
             try: --leads with the folder that `microstamp link` or `trace` wrote for {}",
            printable(&args.run.display().to_string())
        );
    }
    let foreign = found.foreign_traces(&batch);
    if here && foreign > 0 {
        say!(
            "microstamp: {foreign} of the traces are about photographs that {} has not\n  \
             try: --leads with the folder that `microstamp trace` wrote for it",
            printable(&args.run.display().to_string())
        );
    }
    let (leads, traces) = found.outdated(&batch);
    if leads + traces > 0 {
        say!(
            "microstamp: {leads} of the leads and {traces} of the traces were made from other results than those of {}\n  \
             try: `microstamp link` and `trace` once more",
            printable(&args.run.display().to_string())
        );
    }
    let name = if args.blind { "blind" } else { "report" };
    let out = args.out.clone().unwrap_or_else(|| args.run.join(name));
    inputs::keep_apart(&batch.inputs, &out)?;
    let _held = if args.out.is_none() { output::hold(&args.run)? } else { None };
    output::make_folder(&out)?;
    let shown_bar = !common.quiet && std::io::stderr().is_terminal();
    let bar = if shown_bar { ProgressBar::new(batch.records.len() as u64) } else { ProgressBar::hidden() };
    let setup = Setup { done: &|| bar.inc(1) };
    let shown = pool(common.threads())?.install(|| match args.blind {
        true => blind::write(&batch, &out, &setup),
        false => pages::write(&batch, &found, &out, &setup),
    });
    bar.finish_and_clear();
    let shown = shown?;
    // A file that could not be read when it was decoded is no surprise now.
    let unseen: Vec<&view::Shown> = shown
        .iter()
        .zip(&batch.records)
        .filter(|(s, r)| s.pictures.is_none() && r.failure.is_none())
        .map(|(s, _)| s)
        .collect();
    say(&batch, &shown, unseen.len());
    if !common.quiet {
        say!("{} photographs: open {}", shown.len(), out.join("index.html").display());
    }
    Ok(match (unseen.is_empty(), as_written) {
        (true, true) => Outcome::Done,
        (false, _) => Outcome::SomeFailed,
        (true, false) => Outcome::Differs,
    })
}

/// Names the photographs that should be shown and are not.
fn say(batch: &Batch, shown: &[view::Shown], unseen: usize) {
    let rows = batch.records.iter().zip(shown).filter(|(r, s)| s.pictures.is_none() && r.failure.is_none());
    for (record, shown) in rows.take(NAMED) {
        say!("{}: {}", printable(&record.path), printable(&shown.original));
    }
    if unseen > NAMED {
        say!("... and {} more, listed on the index", unseen - NAMED);
    }
    if unseen > 0 {
        say!(
            "microstamp: {unseen} photographs are not shown\n  try: --inputs with the folder that was decoded"
        );
    }
}
