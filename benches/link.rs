//! Leads among readings whose guns are known: how many are true, how many are found, and how long it takes.
//!
//! ```text
//! cargo bench --bench link -- OUT truth.csv
//! ```
//!
//! The photographs are dealt at random to 600 scenes, which nothing but the figures across scenes rests on.
#![allow(clippy::unwrap_used)]

use microstamp::casework::leads::Leads;
use microstamp::casework::link::Linker;
use microstamp::casework::results::{self, MarkRead};
use microstamp::score::interval::{Rate, Tally};
use microstamp::score::truth::Truth;
use microstamp::synth::draw::Draw;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

/// Scenes that the photographs are dealt to.
const SCENES: usize = 600;
/// Characters that must be sure for a partial reading to count among those to be linked.
const SURE: usize = 6;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [out, truth] = args.as_slice() else {
        println!("nothing measured: cargo bench --bench link -- OUT truth.csv");
        return;
    };
    let truth = Truth::read(Path::new(truth)).unwrap();
    let gun_of: BTreeMap<&str, &str> =
        truth.rows.iter().filter_map(|row| Some((row.path.as_str(), row.gun.as_deref()?))).collect();
    let readings = results::read(Path::new(out)).unwrap().readings;
    let gun = |i: usize| gun_of[readings[i].question.reading.as_ref().unwrap().path.as_deref().unwrap()];
    let start = Instant::now();
    let linker = Linker::new(&readings, &|_| None);
    let links = linker.link();
    let leads = Leads::new(&readings, &linker, &links, 1, &[]);
    let time = start.elapsed();

    let mut draw = Draw::new(1, "scenes", 0);
    let scene: Vec<usize> = readings.iter().map(|_| draw.below(SCENES)).collect();
    let sure = |read: &MarkRead| read.question.sure() >= SURE;
    let found: BTreeSet<(usize, usize)> = links.pairs.iter().map(|p| (p.a, p.b)).collect();
    let mut in_groups = BTreeSet::new();
    for group in &links.groups {
        for (i, a) in group.iter().enumerate() {
            in_groups.extend(group[i + 1..].iter().map(|b| (*a, *b)));
        }
    }
    println!(
        "{} readings of {} photographs, {} with {SURE} or more characters sure; {} pairs compared in {:.2} s; {} leads, {} groups",
        readings.len(),
        truth.rows.len(),
        readings.iter().filter(|r| sure(r)).count(),
        links.compared,
        time.as_secs_f64(),
        leads.pairs.len(),
        leads.groups.len()
    );
    for (what, pairs) in [("pairs", &found), ("pairs within groups", &in_groups)] {
        let mut precision = Tally::default();
        let mut of_sure = Tally::default();
        for (a, b) in pairs {
            precision.one(Some(gun(*a)), gun(*a) == gun(*b));
            if sure(&readings[*a]) && sure(&readings[*b]) {
                of_sure.one(Some(gun(*a)), gun(*a) == gun(*b));
            }
        }
        let (mut recall, mut across, mut all) = (Tally::default(), Tally::default(), Tally::default());
        for a in 0..readings.len() {
            for b in (a + 1..readings.len()).filter(|b| gun(a) == gun(*b)) {
                let yes = pairs.contains(&(a, b));
                all.one(Some(gun(a)), yes);
                if sure(&readings[a]) && sure(&readings[b]) {
                    recall.one(Some(gun(a)), yes);
                    if scene[a] != scene[b] {
                        across.one(Some(gun(a)), yes);
                    }
                }
            }
        }
        println!("{what}:");
        for (name, tally) in [
            ("precision of all leads", &precision),
            ("precision where both have six sure", &of_sure),
            ("recall where both have six sure", &recall),
            ("the same across scenes", &across),
            ("recall of all pairs with any reading", &all),
        ] {
            println!("  {name}: {}", text(&tally.rate()));
        }
    }
}

/// A rate with its 95 % interval over guns.
fn text(rate: &Rate) -> String {
    let interval = rate
        .over_guns
        .or(rate.wilson)
        .map_or(String::new(), |i| format!(" ({:.1}-{:.1} %)", i.low * 100.0, i.high * 100.0));
    format!("{} of {}{interval}", rate.count, rate.of)
}
