//! `microstamp synth`: simulated photographs with truth.

use super::{Common, Outcome};
use crate::batch::pool;
use crate::error::Fatal;
use crate::synth::folder::{Order, read_faces, write_folder};
use crate::synth::gun::{Faces, Split};
use crate::synth::profile::Profile;
use crate::synth::scene::Counts;
use std::path::PathBuf;

/// Make simulated photographs of fired cases, with truth
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  microstamp synth -o bench --count 200 --seed 1 --profile field")]
pub(super) struct Args {
    /// Folder for the photographs, truth.csv and run.json; must be empty or new
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
    /// Number of photographs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    count: u64,
    /// Seed of everything that is drawn: the same seed gives the same bytes
    #[arg(long, value_name = "S")]
    seed: u64,
    /// How bad the marks are; `all` takes the first five in turn, gun by gun
    #[arg(long, default_value = "all", value_parser = ["clean", "field", "mixed", "severe", "unmarked", "littered", "all"])]
    profile: String,
    /// Number of guns, at most: the photographs are shared out evenly, a whole number of cases to each [default: by
    /// --cases-per-gun]
    #[arg(long, value_name = "G", value_parser = clap::value_parser!(u64).range(1..))]
    guns: Option<u64>,
    /// Cases a gun leaves
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1000), conflicts_with = "guns")]
    cases_per_gun: u16,
    /// Photographs of each case, each under its own light
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    photos_per_case: u16,
    /// Longer side of most photographs, pixels
    #[arg(long, value_name = "PX", default_value_t = 1600, value_parser = clap::value_parser!(u16).range(200..=6400))]
    long_px: u16,
    /// Height maps (X3P) in place of photographs: of the same cases as photographs of the same seed, each
    /// side at most --long-px points
    #[arg(long)]
    heights: bool,
    /// Focus stacks (OME-TIFF) of N planes over 400 micrometres in place of photographs
    #[arg(long, value_name = "N", conflicts_with = "heights", value_parser = clap::value_parser!(u16).range(2..=100))]
    stack: Option<u16>,
    /// Folder of TrueType files to draw half of the typefaces from; of fewer than 10 every split draws from all
    #[arg(long, value_name = "DIR")]
    faces: Option<PathBuf>,
    /// Guns and typefaces to draw from: those that validation, fitting of the confidence, or training may see
    #[arg(long, default_value = "valid", value_parser = ["valid", "calibrate", "train"])]
    split: String,
}

/// Cases of a gun, at most, as `--cases-per-gun` has it: a gun has random streams for 4,096.
const MOST_CASES: usize = 1000;

pub(super) fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let split = Split::by_name(&args.split).unwrap_or(Split::Valid);
    let photos_per_case = usize::from(args.photos_per_case);
    let cases_per_gun = match args.guns {
        Some(guns) if guns > args.count => {
            return Err(Fatal::new(
                format!("{guns} guns cannot leave {} photographs", args.count),
                "--guns of at most --count",
            ));
        }
        Some(guns) => {
            let cases = (args.count.div_ceil(guns) as usize).div_ceil(photos_per_case);
            if cases > MOST_CASES {
                return Err(Fatal::new(
                    format!("--guns {guns} leaves {cases} cases to a gun, of {MOST_CASES} at most"),
                    format!("--guns {}", args.count.div_ceil((MOST_CASES * photos_per_case) as u64)),
                ));
            }
            cases
        }
        None => usize::from(args.cases_per_gun),
    };
    let profiles = match Profile::ALL.iter().find(|(_, name)| args.profile == *name) {
        Some((profile, _)) => vec![*profile],
        None => Profile::IN_TURN.to_vec(),
    };
    let order = Order {
        count: args.count,
        seed: args.seed,
        profiles,
        counts: Counts { cases_per_gun, photos_per_case },
        long_px: args.long_px,
        heights: args.heights,
        planes: args.stack.unwrap_or(0),
    };
    let faces = Faces::new(read_faces(args.faces.as_deref())?, split);
    let pool = pool(common.threads())?;
    pool.install(|| write_folder(&order, &faces, &args.out))?;
    Ok(Outcome::Done)
}
