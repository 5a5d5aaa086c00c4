//! `microstamp registry purchaser`: purchaser data, behind a key and a log of their own.

use super::super::print;
use super::look::{Shown, show_log};
use super::{Common, Outcome, Place, Who, say};
use crate::batch::disk;
use crate::batch::names::printable;
use crate::casework::log::Log;
use crate::casework::purchaser::{Vault, new_key, read_file};
use crate::casework::store;
use crate::error::Fatal;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Purchaser data: a second authority with a key and a log of its own
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing else in this program reads or prints these data. Keep the key file away from \
    the registry: whoever has both can read all.\n\nExample:\n  \
    microstamp registry purchaser new-key authority.key\n  \
    microstamp registry purchaser import buyers.csv --registry lab.sqlite \\\n    \
    --key authority.key --why \"quarterly file\"\n  \
    microstamp registry purchaser show --registry lab.sqlite --key authority.key \\\n    \
    --make Beretta --serial BER12345 --why \"warrant 26-0417\""
)]
pub(super) struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Make a key file
    NewKey {
        /// File for the key; must be new
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Seal a CSV file of purchasers into the registry: make, serial, sale_date, and any other columns
    Import {
        /// The file
        #[arg(value_name = "FILE.csv")]
        file: PathBuf,
        /// Replace what is there with other data
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        authority: Authority,
    },
    /// Show who bought a firearm
    Show {
        /// Maker of the firearm, as in the file
        #[arg(long)]
        make: String,
        /// Its serial number
        #[arg(long)]
        serial: String,
        #[command(flatten)]
        authority: Authority,
    },
    /// Show who asked for purchaser data, when and why
    Log(Shown),
}

#[derive(Debug, clap::Args)]
struct Authority {
    #[command(flatten)]
    place: Place,
    /// The authority's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Reason, for the log: a warrant or a case
    #[arg(long, value_name = "TEXT")]
    why: String,
    #[command(flatten)]
    who: Who,
}

pub(super) fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    match &args.act {
        Act::NewKey { file } => {
            new_key(file)?;
            say(common, &format!("made the key {}", file.display()));
        }
        Act::Import { file, replace, authority } => {
            let actor = authority.who.actor(&authority.why)?;
            let sales = read_file(file)?;
            let mut database = store::open(&authority.place.registry)?;
            let mut vault = Vault::open(&mut *database, &authority.key, &actor)?;
            let sha256 = disk::sha256_of(file).unwrap_or_default();
            let named = format!("{} sha256 {sha256}", file.display());
            let (added, known) = vault.import(&sales, *replace, &actor, &named)?;
            say(common, &format!("{}: {added} sealed, {known} known already", file.display()));
        }
        Act::Show { make, serial, authority } => {
            let actor = authority.who.actor(&authority.why)?;
            let mut database = store::open(&authority.place.registry)?;
            let mut vault = Vault::open(&mut *database, &authority.key, &actor)?;
            let sales = vault.show(make, serial, &actor)?;
            // Its row in the log is on the disk before anything is shown.
            database.to_disk()?;
            drop(database);
            let mut text = String::new();
            for sale in &sales {
                let day = if sale.sale_date.is_empty() { "day unknown" } else { &sale.sale_date };
                let _ = writeln!(text, "{} {} sold {day}", printable(&sale.make), printable(&sale.serial));
                for (name, value) in &sale.data {
                    let _ = writeln!(text, "  {}: {}", printable(name), printable(value));
                }
            }
            if sales.is_empty() {
                let _ = writeln!(text, "no purchaser data for {} {}", printable(make), printable(serial));
            }
            if !sales.is_empty() {
                text += "A sale says who bought the firearm, not who had it later, nor which pin was in it: a lead.\n";
            }
            print(&text)?;
        }
        Act::Log(shown) => return show_log(shown, Log::Purchaser),
    }
    Ok(Outcome::Done)
}
