//! `microstamp tiles`: training tiles for the learned reader.

use super::{Common, Outcome};
use crate::batch::pool;
use crate::error::Fatal;
use crate::synth::folder::read_faces;
use crate::synth::gun::{Faces, Split};
use crate::train::{Kind, tiles};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Make training tiles with the generator
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  microstamp tiles --kind mark --count 10000 --seed 1 -o marks.tiles")]
pub(super) struct Args {
    /// What a tile shows: a crater, one with its surroundings, or a small copy of a whole photograph
    #[arg(long, value_parser = ["mark", "crater", "photo"])]
    kind: String,
    /// Side of a tile, pixels [default: what the learned reader takes]
    #[arg(long, value_parser = clap::value_parser!(u16).range(64..=1024))]
    size: Option<u16>,
    /// Number of tiles
    #[arg(long)]
    count: u64,
    /// Seed of everything that is drawn
    #[arg(long)]
    seed: u64,
    /// Folder of TrueType files to draw half of the typefaces from
    #[arg(long, value_name = "DIR")]
    faces: Option<PathBuf>,
    /// Guns and typefaces to draw from
    #[arg(long, default_value = "train", value_parser = ["train", "calibrate", "valid"])]
    split: String,
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let split = Split::by_name(&args.split).unwrap_or(Split::Train);
    let faces = Faces::new(read_faces(args.faces.as_deref())?, split);
    let kind = match args.kind.as_str() {
        "mark" => Kind::Mark,
        "crater" => Kind::Crater,
        _ => Kind::Photo,
    };
    let size = args.size.map_or_else(|| kind.usual_px(), usize::from);
    let bad = |e: std::io::Error| {
        Fatal::new(format!("cannot write {}: {e}", args.out.display()), "another file with -o FILE")
    };
    let pool = pool(common.threads())?;
    let mut out = BufWriter::new(std::fs::File::create(&args.out).map_err(bad)?);
    pool.install(|| tiles(kind, size, args.count, args.seed, &faces, &mut out)).map_err(bad)?;
    out.flush().map_err(bad)?;
    Ok(Outcome::Done)
}
