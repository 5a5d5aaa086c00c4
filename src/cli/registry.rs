//! `microstamp registry`: makes, fills and looks after a registry of codes.

mod look;
mod progress;
mod purchaser;

use super::figures::no_link;
use super::{Common, Outcome};
use crate::batch::names::printable;
use crate::casework::entry::Entry;
use crate::casework::import::{self, Counts, Order};
use crate::casework::log::Actor;
use crate::casework::source::Source;
use crate::casework::store;
use crate::error::Fatal;
use crate::pipeline::scheme::Scheme;
use crate::words::{self, thousands};
use progress::Progress;
use std::path::PathBuf;

/// Registry of issued codes: make it, fill it, look after it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  microstamp registry init --registry lab.sqlite\n  \
    microstamp registry import records.csv --registry lab.sqlite\n  \
    microstamp registry stats --registry lab.sqlite\n\n\
    For several laboratories: --registry postgres://user@host/database, with the password in PGPASSWORD.")]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

/// Where the registry is.
#[derive(Clone, Debug, clap::Args)]
pub struct Place {
    /// Registry: a file, or postgres://USER@HOST/DATABASE
    #[arg(
        long,
        value_name = "REGISTRY",
        env = "MICROSTAMP_REGISTRY",
        hide_env_values = true,
        default_value = "registry.sqlite"
    )]
    pub registry: String,
}

/// Who acts, for the log.
#[derive(Clone, Debug, clap::Args)]
pub struct Who {
    /// Person or account that the log names [default: the system's user]
    #[arg(long, value_name = "NAME")]
    pub who: Option<String>,
}

impl Who {
    /// The actor that the log names.
    ///
    /// # Errors
    /// [`Fatal`] where the system knows no user and none is given, or a text is empty.
    pub fn actor(&self, why: &str) -> Result<Actor, Fatal> {
        let who = match &self.who {
            Some(who) => who.trim().to_string(),
            None => whoami::username().unwrap_or_default(),
        };
        match (who.is_empty(), why.trim().is_empty()) {
            (true, _) => Err(Fatal::new("the log has to name who acts", "--who \"A. Examiner\"")),
            (_, true) => Err(Fatal::new("the log has to say why", "--why \"case 2026-117\"")),
            _ => Ok(Actor { who, why: why.trim().into() }),
        }
    }
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    Init(Init),
    Import(Import),
    Add(Box<Add>),
    Stats(look::Stats),
    Log(look::ShowLog),
    Purchaser(purchaser::Args),
}

/// Make a new, empty registry
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  microstamp registry init --registry lab.sqlite")]
struct Init {
    #[command(flatten)]
    place: Place,
}

/// Bring files of entries into the registry
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Bring files of entries into the registry: CSV whose first line names the columns, or JSON \
        lines (.jsonl).\n\nColumns: code, format, make, serial, and where known model, calibre, importer, \
        dealer, sale_date, country, state, status, from, to (the days on which the component was in the \
        firearm, YYYY-MM-DD). Codes may be in capitals or not.\n\nThe good rows of a file go in at once: where \
        the import is cut off before its end, none of them does. Bad rows go into a rejects file with their \
        reasons, which takes the place of that of an earlier import; rows that are registered already change \
        nothing. Exit code 1: rows were rejected.",
    after_help = "Example:\n  microstamp registry import records.csv --registry lab.sqlite \\\n    --rejects bad.csv"
)]
struct Import {
    /// Files of entries
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Where rejected rows go [default: beside each FILE, with .rejects.csv behind its name]
    #[arg(long, value_name = "FILE.csv")]
    rejects: Option<PathBuf>,
    /// Rows that are registered with other data replace these
    #[arg(long)]
    replace: bool,
    /// Reason, for the log
    #[arg(long, value_name = "TEXT", default_value = "import of a file")]
    why: String,
    #[command(flatten)]
    who: Who,
}

/// Register one entry
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Register one entry. --format says which format the code has, and must be given: formats of one \
        length differ in how the characters are laid out.",
    after_help = "Example:\n  microstamp registry add --registry lab.sqlite --code A7CK2MP4 --format ifm8 \\\n    \
        --make Beretta --serial BER12345 --calibre 9mm --from 2026-03-01"
)]
struct Add {
    #[command(flatten)]
    place: Place,
    /// Code in reading order; --format says which format it has
    #[arg(long)]
    code: String,
    /// Maker of the firearm
    #[arg(long)]
    make: String,
    /// Model of the firearm
    #[arg(long, default_value = "")]
    model: String,
    /// Calibre of the firearm
    #[arg(long, default_value = "")]
    calibre: String,
    /// Serial number of the firearm
    #[arg(long)]
    serial: String,
    /// Maker or importer that registers it
    #[arg(long, default_value = "")]
    importer: String,
    /// Dealer that sold it last
    #[arg(long, default_value = "")]
    dealer: String,
    /// Day of that sale, YYYY-MM-DD
    #[arg(long, value_name = "DAY", default_value = "")]
    sale_date: String,
    /// Country of that sale
    #[arg(long, default_value = "")]
    country: String,
    /// State or province of that sale
    #[arg(long, default_value = "")]
    state: String,
    /// A word such as sold, stolen, destroyed
    #[arg(long, default_value = "")]
    status: String,
    /// First day on which the component was in the firearm
    #[arg(long, value_name = "DAY", default_value = "")]
    from: String,
    /// Last such day
    #[arg(long, value_name = "DAY", default_value = "")]
    to: String,
    /// Replace what is registered with other data
    #[arg(long)]
    replace: bool,
    /// Reason, for the log
    #[arg(long, value_name = "TEXT", default_value = "one entry")]
    why: String,
    #[command(flatten)]
    who: Who,
}

pub fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    match &args.act {
        Act::Init(init) => {
            store::create(&init.place.registry)?;
            say(common, &format!("made the registry {}", store::shown(&init.place.registry)));
            Ok(Outcome::Done)
        }
        Act::Import(args) => import(args, common),
        Act::Add(args) => add(args, common),
        Act::Stats(args) => look::stats(args),
        Act::Log(args) => look::log(args),
        Act::Purchaser(args) => purchaser::run(args, common),
    }
}

fn say(common: &Common, line: &str) {
    if !common.quiet {
        say!("{}", printable(line));
    }
}

fn import(args: &Import, common: &Common) -> Result<Outcome, Fatal> {
    let actor = args.who.actor(&args.why)?;
    if args.rejects.is_some() && args.files.len() > 1 {
        return Err(Fatal::new(
            "one file of rejects cannot hold those of several files",
            "one FILE a command",
        ));
    }
    let mut database = store::open(&args.place.registry)?;
    // A file that cannot be used is found before another one has gone in.
    let rejects_of = |file: &PathBuf| {
        args.rejects.clone().unwrap_or_else(|| {
            let mut name = file.clone().into_os_string();
            name.push(".rejects.csv");
            name.into()
        })
    };
    for file in &args.files {
        Source::open(file)?;
        no_link(&rejects_of(file))?;
    }
    let mut outcome = Outcome::Done;
    for file in &args.files {
        let rejects = rejects_of(file);
        let bytes = std::fs::metadata(file).map_or(0, |m| m.len());
        let mut progress = Progress::start(bytes, common.quiet);
        let order = Order { file, rejects: rejects.clone(), replace: args.replace, actor: &actor };
        let counts = import::import(&mut *database, &order, &mut |step| progress.step(step));
        progress.finish();
        let counts = counts?;
        say(common, &format!("{}: {}", file.display(), counted(&counts)));
        if counts.rejected > 0 {
            outcome = Outcome::SomeFailed;
            let rows = words::counted(counts.rejected as i64, "row");
            say!("{rows} rejected: {}", printable(&rejects.display().to_string()));
        }
    }
    Ok(outcome)
}

fn counted(counts: &Counts) -> String {
    let Counts { added, known, replaced, rejected } = *counts;
    let [added, known, replaced, rejected] = [added, known, replaced, rejected].map(|n| thousands(n as i64));
    format!("{added} added, {known} known already, {replaced} replaced, {rejected} rejected")
}

fn add(args: &Add, common: &Common) -> Result<Outcome, Fatal> {
    let actor = args.who.actor(&args.why)?;
    let [format] = common.formats.as_slice() else {
        return Err(one_format(&args.code, common.formats.len()));
    };
    let cells = [
        &args.code,
        format,
        &args.make,
        &args.model,
        &args.calibre,
        &args.serial,
        &args.importer,
        &args.dealer,
        &args.sale_date,
        &args.country,
        &args.state,
        &args.status,
        &args.from,
        &args.to,
    ];
    let entry = Entry::from_cells(cells.into_iter().map(String::as_str)).tidied();
    let mut database = store::open(&args.place.registry)?;
    let counts = import::add(&mut *database, &entry, args.replace, &actor)?;
    say(common, &format!("{}: {}", entry.code, counted(&counts)));
    Ok(Outcome::Done)
}

/// For a code with no format, or several: which it may be.
fn one_format(code: &str, given: usize) -> Fatal {
    let length = code.trim().chars().count();
    let schemes = Scheme::all();
    let fit: Vec<String> =
        schemes.iter().filter(|s| s.len() == length).map(|s| format!("--format {}", s.id)).collect();
    if fit.is_empty() {
        let mut known: Vec<String> = schemes.iter().map(|s| format!("{} has {}", s.id, s.len())).collect();
        known.sort();
        return Fatal::new(
            format!("`{code}` has {length} characters, and no format does: {}", known.join(", ")),
            "--code with all characters of the code",
        );
    }
    let given = if given == 0 { "none is" } else { "several are" };
    Fatal::new(format!("`{code}` has one format, and {given} given with --format"), fit.join(", or "))
}
