//! `microstamp group`: photographs of one case, or cases of one gun, read together.

use super::{
    Common, Outcome, keep_from_evidence, keep_others, manifest_of, print, remark_if_changed,
    remark_if_several,
};
use crate::batch::manifest::Manifest;
use crate::batch::names::printable;
use crate::batch::output::{self, FILES as RESULTS, is_of_groups};
use crate::batch::record::{Record, share};
use crate::error::Fatal;
use crate::groups::confidence::Calibration;
use crate::groups::naming::By;
use crate::groups::{FILES, Group, Kind, read_together, results, write};
use crate::pipeline::decode::Status;
use crate::pipeline::photo::sha256;
use crate::settings::DecodeSettings;
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Which photographs are read together.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "grouping")]
pub struct Grouping {
    /// Regular expression on a photograph's path as in results.jsonl; its brackets name the case, e.g. '^([^/]+)/'
    #[arg(long, value_name = "PATTERN", conflicts_with = "groups")]
    pub group_by: Option<String>,
    /// Table with the columns path and group, paths as in results.jsonl
    #[arg(long, value_name = "TABLE.csv")]
    pub groups: Option<PathBuf>,
    /// The photographs of a group show several cases of one gun, one photograph each, not one case under several lights
    #[arg(long)]
    pub same_gun: bool,
}

impl Grouping {
    /// What names the groups, if anything was asked for.
    ///
    /// # Errors
    /// [`Fatal`] for `--same-gun` without either of the two.
    pub fn by(&self) -> Result<Option<By>, Fatal> {
        match (&self.group_by, &self.groups) {
            (Some(pattern), _) => Ok(Some(By::Pattern(pattern.clone()))),
            (None, Some(path)) => {
                let bytes = std::fs::read(path).map_err(|e| {
                    Fatal::new(
                        format!("{}: {e}", path.display()),
                        "--groups with a table that has the columns path and group",
                    )
                })?;
                Ok(Some(By::Table { path: path.clone(), bytes }))
            }
            (None, None) if self.same_gun => Err(Fatal::new(
                "--same-gun does not say which photographs belong together",
                "--group-by PATTERN or --groups TABLE.csv beside it",
            )),
            (None, None) => Ok(None),
        }
    }

    /// What is written down of `by` in `run.json`.
    pub fn text(&self, by: &By) -> String {
        let same = if self.same_gun { " --same-gun" } else { "" };
        match by {
            By::Pattern(pattern) => format!("--group-by {pattern}{same}"),
            By::Table { bytes, .. } => format!("--groups (SHA-256 {}){same}", sha256(bytes)),
        }
    }

    fn kind(&self) -> Kind {
        if self.same_gun { Kind::Gun } else { Kind::Case }
    }
}

/// Read photographs of one case, or cases of one gun, together
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Read photographs of one case, or cases of one gun, together: from results.jsonl alone, so \
        that nothing is decoded again.\n\ngroups.jsonl and groups.csv are written, and replaced when it is \
        run again. The photographs' own readings stay as they are.",
    after_help = "Examples:\n  microstamp group out --group-by '^([^/]+)/'\n  \
        microstamp group out --groups scenes.csv --same-gun -o together"
)]
pub struct Args {
    /// Folder that `decode` wrote
    #[arg(value_name = "OUT")]
    out: PathBuf,
    #[command(flatten)]
    grouping: Grouping,
    /// Folder for groups.jsonl and groups.csv [default: OUT]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let Some(by) = args.grouping.by()? else {
        return Err(Fatal::new(
            "nothing says which photographs belong together",
            "--group-by '^([^/]+)/' for a folder a case, or --groups TABLE.csv",
        ));
    };
    if !args.out.join(RESULTS[0]).is_file() {
        // Says what is lacking, before a folder is made for groups of nothing.
        results(&args.out)?;
    }
    let manifest = remark_if_changed(&args.out);
    remark_if_several(manifest.as_ref().map_or(0, |run| run.inputs.len()), common);
    let folder = args.output.as_ref().unwrap_or(&args.out);
    // Before it is looked at: a `decode` at work there is about to state groups of its own.
    let _held = output::hold(folder)?;
    if manifest_of(folder).is_some_and(|m| m.outputs.contains_key(FILES[0])) {
        return Err(Fatal::new(
            format!("{} has groups of its own, whose hash is in run.json", folder.display()),
            "-o with another folder",
        ));
    }
    keep_from_evidence(manifest.as_ref().map_or(&[], |run| &run.inputs), folder)?;
    keep_tables(folder)?;
    if let Some(run) = manifest.as_ref().filter(|_| !common.quiet) {
        remark_if_unlike(&args.out, run);
    }
    let unsaid = || DecodeSettings::default().uncounted_bar;
    let bar = manifest.as_ref().map_or_else(unsaid, |m| m.settings.decode.uncounted_bar);
    let (engine, networks) =
        manifest.map_or_else(|| (common.engine.clone(), None), |m| (m.engine.name, Some(m.weights_sha256)));
    let reader = Reader { engine: &engine, networks: networks.as_deref(), uncounted_bar: bar };
    std::fs::create_dir_all(folder).map_err(|e| {
        Fatal::new(format!("cannot make the folder {}: {e}", folder.display()), "-o with another folder")
    })?;
    let groups = make(&args.out, &by, &args.grouping, &reader, folder, common.quiet)?;
    if !common.quiet {
        print(&summary(&groups, folder))?;
    }
    Ok(Outcome::Done)
}

/// Refuses to write groups into a folder that holds somebody's own file of their name.
///
/// # Errors
/// [`Fatal`] where it does.
pub fn keep_tables(folder: &Path) -> Result<(), Fatal> {
    let keep = |name: &str| keep_others(&folder.join(name), |bytes| is_of_groups(name, bytes));
    FILES.iter().try_for_each(|name| keep(name))
}

/// Says so where photographs were read with other settings than those to which the curves of groups were fitted.
fn remark_if_unlike(out: &Path, run: &Manifest) {
    if !run.settings.unlike_calibrated().is_empty() {
        say!(
            "microstamp: {} was read with other settings than those to which confidences of groups were fitted: they say less of it\n  \
             try: `microstamp decode` once more, with the usual settings",
            printable(&out.display().to_string())
        );
    }
}

/// Says so where the curves of groups were fitted to what other networks read.
fn remark_if_unfitted(out: &Path, reader: &Reader<'_>, calibration: &Calibration) {
    let networks = reader.networks.unwrap_or_default();
    if calibration.is_of_others(reader.engine, networks) {
        say!(
            "microstamp: confidences of groups were fitted to what other networks read than {}, and are not used: photographs \
             of a group count as one, and are held to strict bars\n  \
             try: `microstamp decode` once more, by this program",
            match reader.networks {
                Some(_) => format!("{} was read with", printable(&out.display().to_string())),
                None => format!("{} may have been read with", printable(&out.display().to_string())),
            }
        );
    }
}

/// What read the photographs of a run.
pub struct Reader<'a> {
    /// Name of the engine.
    pub engine: &'a str,
    /// SHA-256 of the file of weights; `None` where nothing says it, and the curves of no networks hold.
    pub networks: Option<&'a str>,
    /// Least probability at which a code is accepted where a photograph is of a kind that no curve was fitted to.
    pub uncounted_bar: f64,
}

/// Reads the groups of `out` and writes them into `folder`.
///
/// # Errors
/// [`Fatal`] where the results or the grouping cannot be used, or a file cannot be written.
pub fn make(
    out: &Path,
    by: &By,
    grouping: &Grouping,
    reader: &Reader<'_>,
    folder: &Path,
    quiet: bool,
) -> Result<Vec<Group>, Fatal> {
    let networks = reader.networks.unwrap_or_default();
    let calibration = Calibration::built_in();
    if !quiet {
        remark_if_unfitted(out, reader, &calibration);
    }
    let curve = calibration.curve(reader.engine, networks, &grouping.kind());
    let results = results(out)?;
    let groups = read_together(&results, by, grouping.kind(), &curve, reader.uncounted_bar)?;
    write(&groups, folder)?;
    if !quiet {
        remark_if_odd(&groups, &results.records);
    }
    Ok(groups)
}

/// Says so where photographs are in no group, which the pattern or table may have missed, or in several.
fn remark_if_odd(groups: &[Group], records: &[Record]) {
    let (mut grouped, mut again) = (BTreeSet::new(), BTreeSet::new());
    // Two INPUTs may have photographs of one name, and one folder a file under two.
    for member in groups.iter().flat_map(|g| &g.members) {
        if !grouped.insert((member.path.as_str(), member.sha256.as_deref())) {
            again.insert(member.path.as_str());
        }
    }
    let doubled = groups.iter().filter(|g| g.kind == Kind::Gun).find_map(|group| {
        let taken = group.members.iter().filter(|m| m.weight > 0.0);
        let folders: Vec<&str> =
            taken.map(|m| m.path.rsplit_once('/').map_or("", |(folder, _)| folder)).collect();
        let apart: BTreeSet<&str> = folders.iter().copied().collect();
        (apart.len() > 1 && apart.len() < folders.len()).then_some(&group.group)
    });
    if let Some(group) = doubled {
        say!(
            "microstamp: with --same-gun each photograph counts as a case, and some of {} share a folder: photographs of one \
             case share its damage\n  try: --groups with one photograph of each case, or without --same-gun",
            printable(group)
        );
    }
    if let Some(first) = again.first() {
        say!(
            "microstamp: {} photographs are in more than one group, such as {}: such groups are no evidence for each other",
            again.len(),
            printable(first)
        );
    }
    let is_grouped = |r: &&Record| grouped.contains(&(r.path.as_str(), r.sha256.as_deref()));
    let alone: Vec<&str> = records.iter().filter(|r| !is_grouped(r)).map(|r| r.path.as_str()).collect();
    if let Some(first) = alone.first() {
        say!(
            "microstamp: {} of {} photographs are in no group, such as {}",
            alone.len(),
            records.len(),
            printable(first)
        );
    }
}

/// Rows that a terminal shows; files hold all.
const SHOWN: usize = 30;

fn summary(groups: &[Group], folder: &Path) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        "group",
        "photographs",
        "code",
        "most probable code",
        "its confidence",
        "warnings",
    ]);
    for group in groups.iter().take(SHOWN) {
        let taken = group.members.iter().filter(|m| m.weight > 0.0).count();
        table.add_row([
            printable(&group.group),
            format!("{taken} of {}", group.members.len()),
            group.code.clone().unwrap_or_else(|| "-".into()),
            group.best.clone().unwrap_or_else(|| "-".into()),
            group.best.as_ref().map_or_else(|| "-".into(), |_| share(group.confidence)),
            group.warnings.join(" "),
        ]);
    }
    let mut text = format!("{table}\n");
    if groups.len() > SHOWN {
        let _ = writeln!(text, "and {} more", groups.len() - SHOWN);
    }
    let _ = writeln!(
        text,
        "{}.\nAll of them: {}",
        counts(groups),
        printable(&folder.join(FILES[1]).display().to_string())
    );
    text
}

/// How many groups there are of each status.
pub fn counts(groups: &[Group]) -> String {
    let of = |status: Status| groups.iter().filter(|g| g.status == status).count();
    format!(
        "{} groups: {} read, {} partial, {} unreadable, {} without a mark, {} failed",
        groups.len(),
        of(Status::Read),
        of(Status::Partial),
        of(Status::Unreadable),
        of(Status::NoMark),
        of(Status::Failed)
    )
}
