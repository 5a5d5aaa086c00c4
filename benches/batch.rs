//! A folder of simulated photographs at one and two threads, beside reading and decoding its files
//! alone: `cargo bench --bench batch`.
#![allow(clippy::unwrap_used)]

use microstamp::batch::inputs;
use microstamp::bench::{Order, measure, table};
use microstamp::engines;
use microstamp::pipeline::Pipeline;
use microstamp::pipeline::scheme::Scheme;
use microstamp::synth::folder::{Order as Photographs, write_folder};
use microstamp::synth::gun::{Faces, Split};
use microstamp::synth::profile::Profile;
use microstamp::synth::scene::Counts;
use microstamp::{Settings, synth::framing::LONG_PX};
use std::sync::Arc;

/// Enough that the last photograph, which one thread reads alone, is a small part.
const PHOTOGRAPHS: u64 = 60;
/// Rounds after the one to warm up.
const ROUNDS: usize = 5;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let photographs = folder.path().join("photographs");
    let order = Photographs {
        count: PHOTOGRAPHS,
        seed: 1,
        profiles: Profile::IN_TURN.to_vec(),
        counts: Counts { cases_per_gun: 2, photos_per_case: 1 },
        long_px: LONG_PX as u16,
        heights: false,
        planes: 0,
    };
    write_folder(&order, &Faces::new(Vec::new(), Split::Valid), &photographs).unwrap();
    let found = inputs::collect(&[photographs]).unwrap();
    let settings = Settings::default();
    let engine = engines::by_name(engines::DEFAULT, &settings).unwrap();
    let pipeline = Arc::new(Pipeline::new(settings.clone(), Scheme::all(), engine).unwrap());
    for threads in [1, 2] {
        let order = Order {
            photographs: &found.taken,
            threads,
            runs: ROUNDS,
            asked: Default::default(),
            truth: None,
        };
        println!("{}", table::markdown(&measure(&order, &pipeline, &settings).unwrap()));
    }
}
