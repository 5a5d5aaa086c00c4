//! Twenty thousand spoilt inputs for everything that is read from outside: files of photographs, their
//! metadata, settings, results, entries for a registry. They are drawn here, by the stable compiler, and not
//! steered by what they reach, as cargo-fuzz would with a nightly one.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/seeds.rs"]
mod seeds;
#[path = "common/targets.rs"]
mod targets;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use seeds::{below, files, generator, mutate};

/// Inputs a target. Small ones: it is the structure that is attacked.
const CASES: u32 = 20_000;

/// Another number in `MICROSTAMP_FUZZ_SEED` draws other inputs; without it a commit is tried with the same ones each time.
fn config() -> ProptestConfig {
    let asked = std::env::var("MICROSTAMP_FUZZ_SEED").ok();
    let seed = asked.map_or(2026, |seed| seed.parse().unwrap());
    let rng_seed = RngSeed::Fixed(seed);
    ProptestConfig { cases: CASES, failure_persistence: None, rng_seed, ..ProptestConfig::default() }
}

/// Runs a target on spoilt copies of the seeds, and now and then on bytes of no kind.
fn attack(seeds: &[Vec<u8>], target: fn(&[u8])) {
    let spoilt = any::<u64>().prop_map(|seed| {
        let mut rng = generator(seed, 0);
        let mut bytes = seeds[below(&mut rng, seeds.len())].clone();
        mutate(&mut bytes, &mut rng);
        bytes
    });
    let inputs = prop_oneof![15 => spoilt, 1 => vec(any::<u8>(), 0..200)];
    let mut runner = proptest::test_runner::TestRunner::new(config());
    runner
        .run(&inputs, |bytes| {
            target(&bytes);
            Ok(())
        })
        .unwrap();
}

#[test]
fn photographs_are_read_or_refused() {
    let picture = image::GrayImage::from_fn(24, 18, |x, y| image::Luma([((x * 7) ^ (y * 13)) as u8]));
    let seeds: Vec<Vec<u8>> = files(&picture).into_iter().map(|(_, bytes)| bytes).collect();
    attack(&seeds, targets::photograph);
}

#[test]
fn metadata_gives_a_credible_scale_or_none() {
    let seeds = [
        seeds::OME,
        seeds::IMAGEJ,
        "<OME><Image><Pixels PhysicalSizeX='1e400' PhysicalSizeY='-0'/></Image></OME>",
        "<OME><Pixels PhysicalSizeX=\"0.5\" PhysicalSizeXUnit=\"mm\"><!-- <![CDATA[ ]]> --></Pixels></OME>",
    ];
    attack(&seeds.map(|s| s.as_bytes().to_vec()), targets::metadata);
}

#[test]
fn height_maps_are_read_or_refused_with_a_hint() {
    let whole = seeds::X3P_XML
        .replace("NUMBER", "D")
        .replace("UNIT", "1")
        .replace("COLUMNS", "3")
        .replace("ROWS", "2");
    let absolute = whole.replace("<AxisType>I", "<AxisType>A").replace(">3<", ">1<");
    let list = "<DataList><Datum>1e-6</Datum><Datum/><Datum>3e-6</Datum></DataList></Record3>";
    let inline =
        whole.replace("</Record3>", list).replace("<DataLink>", "<No>").replace("</DataLink>", "</No>");
    attack(&[whole, absolute, inline].map(String::into_bytes), targets::height_map);
}

#[test]
fn settings_are_taken_or_refused_with_a_hint() {
    let all = toml::to_string(&microstamp::Settings::default()).unwrap();
    let seeds =
        [all.as_str(), "[photo]\nmax_megapixels = 20.0\n", "decode = {alternatives = 3}\n", "[[a.b]]\n"];
    attack(&seeds.map(|s| s.as_bytes().to_vec()), targets::settings);
}

#[test]
fn results_are_taken_or_refused_with_a_hint() {
    let failed = microstamp::batch::Record::failed("a.png", None, microstamp::Failure::new("load", "b", "c"));
    let line = serde_json::to_string(&failed).unwrap();
    let read = line
        .replace("\"failed\"", "\"read\"")
        .replace("\"code\":null", "\"code\":\"A7\"")
        .replace("a.png", "b");
    let seeds = [
        line.clone(),
        format!("{line}\n{read}\n"),
        "{\"schema\":1,\"path\":\"x\",\"status\":\"no_mark\"}".into(),
    ];
    attack(&seeds.map(String::into_bytes), targets::results);
}

#[test]
fn entries_for_a_registry_are_taken_or_refused() {
    let names = microstamp::casework::entry::Entry::FIELDS.join(",");
    let row = "A7K2MP4X,ifm8,Make,\"Model, long\",9 mm,S1,,Dealer,2024-05-31,US,TX,sold,2024-01-01,";
    let json = "{\"code\":\"A7K2MP4X\",\"format\":\"ifm8\",\"make\":\"M\",\"serial\":\"S1\"}\n";
    let seeds =
        [format!("{names}\n{row}\n{row}\n"), json.repeat(2), "code,format,make,serial\nA,b,c,d\n".into()];
    attack(&seeds.map(String::into_bytes), targets::registry);
}
