//! `microstamp link`: readings of one firearm's pin, across scenes and runs.

use super::{Common, Outcome, keep_from_evidence, keep_others, print, remark_if_changed, remark_if_several};
use crate::batch::names::printable;
use crate::batch::{output, pool};
use crate::casework::leads::{self, Leads, Member};
use crate::casework::link::Linker;
use crate::casework::results::{self, MarkRead};
use crate::casework::{population, store};
use crate::error::Fatal;
use crate::pipeline::scheme::Scheme;
use crate::words;
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Find readings that stem from one firearm, across scenes and runs
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Find readings that stem from one firearm, across scenes and runs, whether or not their code \
        is in a registry.\n\nFor each pair the probabilities of the characters give a likelihood ratio: one \
        code against two. Pairs above the bar are leads; groups hold readings of which each is compatible \
        with every other. leads.jsonl and leads.csv are written, and replaced when it is run again.",
    after_help = "Examples:\n  microstamp link out\n  \
        microstamp link runs/march runs/april -o leads --registry lab.sqlite"
)]
pub struct Args {
    /// Folders that `decode` wrote
    #[arg(required = true, value_name = "OUT")]
    outs: Vec<PathBuf>,
    /// Folder for leads.jsonl and leads.csv [default: the first OUT]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Registry whose codes say how common each symbol is [default: all alike]
    #[arg(long, value_name = "REGISTRY")]
    registry: Option<String>,
    /// Folders of a photograph's path, below the decoded one, that name its scene
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=20))]
    scene_depth: u16,
}

/// Rows that a terminal shows; files hold all.
const SHOWN: usize = 30;

pub fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let mut readings = Vec::new();
    let mut without = 0;
    let (mut evidence, mut hashes) = (Vec::new(), Vec::new());
    // A folder that is named twice is read once.
    let mut seen = BTreeSet::new();
    for out in
        args.outs.iter().filter(|out| seen.insert(std::fs::canonicalize(out).unwrap_or((*out).clone())))
    {
        let inputs = remark_if_changed(out).map_or_else(Vec::new, |run| run.inputs);
        remark_if_several(inputs.len(), common);
        evidence.extend(inputs);
        let read = results::read(out)?;
        without += read.without;
        hashes.push(read.sha256);
        readings.extend(read.readings);
    }
    let folder = args.out.as_ref().unwrap_or(&args.outs[0]);
    keep_from_evidence(&evidence, folder)?;
    let _held = output::hold(folder)?;
    for name in leads::FILES {
        keep_others(&folder.join(name), |bytes| Leads::is_one(name, bytes))?;
    }
    let twice = drop_same_files(&mut readings);
    let shares = shares(args.registry.as_deref())?;
    let linker = Linker::new(&readings, &|format| shares.get(format).cloned());
    let pool = pool(common.threads())?;
    let links = pool.install(|| linker.link());
    let leads = Leads::new(&readings, &linker, &links, usize::from(args.scene_depth), &hashes);
    leads.write(folder)?;
    let mut text = table(&leads, args.outs.len() > 1);
    let _ = writeln!(
        text,
        "{} readings, {} pairs compared: {} leads (log10 of the likelihood ratio at least {:.1}), {} groups; \
         {without} photographs without a code{}.",
        readings.len(),
        links.compared,
        leads.pairs.len(),
        links.bar,
        leads.groups.len(),
        if twice > 0 { format!(", {twice} photographs given twice") } else { String::new() },
    );
    let unsure = |m: &Member| words::hardly(&m.code).is_some();
    let hardly = leads.pairs.iter().filter(|pair| unsure(&pair.a) || unsure(&pair.b)).count();
    if hardly > 0 {
        let _ = writeln!(text, "{}", words::hardly_leads(hardly));
    }
    let _ = writeln!(text, "All of them: {}", folder.join("leads.csv").display());
    print(&text)?;
    Ok(Outcome::Done)
}

/// Keeps one reading of each photograph's bytes, since read twice it is not two cases: the one with the most sure
/// characters, of these the surest, of these the first, so that the order of the runs decides nothing else.
fn drop_same_files(readings: &mut Vec<MarkRead>) -> usize {
    let rank = |read: &MarkRead| {
        let p = read.question.reading.as_ref().map_or(0.0, |s| s.reading_p);
        (read.question.asked.chars().filter(|c| *c != '?').count(), p)
    };
    let mut best: BTreeMap<String, usize> = BTreeMap::new();
    let mut dropped = BTreeSet::new();
    for (i, read) in readings.iter().enumerate() {
        let sha256 = read.question.reading.as_ref().and_then(|s| s.sha256.clone());
        let Some(sha256) = sha256.filter(|s| !s.is_empty()) else { continue };
        let kept = best.entry(sha256).or_insert(i);
        if *kept == i {
            continue;
        }
        let ((sure, p), (kept_sure, kept_p)) = (rank(read), rank(&readings[*kept]));
        let better = sure.cmp(&kept_sure).then(p.total_cmp(&kept_p)).is_gt();
        dropped.insert(if better { std::mem::replace(kept, i) } else { i });
    }
    let mut numbers = 0..readings.len();
    readings.retain(|_| numbers.next().is_none_or(|i| !dropped.contains(&i)));
    dropped.len()
}

/// How common each symbol is in each place of a registry's codes, by format.
fn shares(registry: Option<&str>) -> Result<BTreeMap<String, Vec<Vec<f64>>>, Fatal> {
    let mut all = BTreeMap::new();
    let Some(place) = registry else { return Ok(all) };
    let mut database = store::open(place)?;
    for scheme in Scheme::all() {
        let alphabet: Vec<char> = scheme.alphabet.chars().collect();
        if let Some(shares) = population::shares(&mut *database, &scheme.id, &alphabet, scheme.len())? {
            all.insert(scheme.id, shares);
        }
    }
    Ok(all)
}

/// Groups, then pairs across scenes, the strongest of each two scenes.
fn table(leads: &Leads, several: bool) -> String {
    let place =
        |m: &Member| printable(&if several { format!("{}: {}", m.out, m.scene) } else { m.scene.clone() });
    let mut text = String::new();
    let mut section = |heads: &[&str], rows: Vec<Vec<String>>, what: &str| {
        if rows.is_empty() {
            return;
        }
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN).set_header(heads);
        let more = rows.len().saturating_sub(SHOWN);
        rows.into_iter().take(SHOWN).for_each(|row| {
            table.add_row(row);
        });
        let _ = writeln!(text, "{table}");
        if more > 0 {
            let _ = writeln!(text, "and {more} more {what}");
        }
        let _ = writeln!(text);
    };
    let groups = leads.groups.iter().map(|group| {
        let scenes: BTreeSet<String> = group.members.iter().map(place).collect();
        vec![
            group.id.to_string(),
            group.shared.clone(),
            group.members.len().to_string(),
            scenes.into_iter().collect::<Vec<_>>().join(", "),
        ]
    });
    section(&["group", "code together", "readings", "scenes"], groups.collect(), "groups");
    let mut strongest: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    for (i, pair) in leads.pairs.iter().enumerate().filter(|(_, pair)| !pair.same_scene) {
        let (a, b) = (place(&pair.a), place(&pair.b));
        let key = if a <= b { (a, b) } else { (b, a) };
        strongest.entry(key).or_insert((i, 0)).1 += 1;
    }
    let mut scenes: Vec<_> = strongest.into_iter().collect();
    scenes.sort_by_key(|(_, (first, _))| *first);
    let scenes = scenes.into_iter().map(|((a, b), (first, pairs))| {
        let lead = &leads.pairs[first];
        vec![a, b, lead.shared.clone(), format!("10^{:.1}", lead.log10_lr), pairs.to_string()]
    });
    section(
        &["scene", "scene", "code together", "strongest pair, one code against two", "pairs"],
        scenes.collect(),
        "pairs of scenes",
    );
    text
}
