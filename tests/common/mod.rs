//! What the tests of the command share.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses a part

use assert_cmd::Command;
use microstamp::batch::Record;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The command, with its binary built for the tests.
pub fn microstamp() -> Command {
    Command::cargo_bin("microstamp").unwrap()
}

/// Runs `decode FOLDER -o OUT --quiet` with more arguments, checks the exit code, gives the lines.
pub fn decode(folder: &Path, out: &Path, more: &[&str], code: i32) -> Vec<Record> {
    microstamp().arg("decode").arg(folder).arg("-o").arg(out).arg("--quiet").args(more).assert().code(code);
    records(out)
}

/// The lines of OUT's results.jsonl.
pub fn records(out: &Path) -> Vec<Record> {
    let text = std::fs::read_to_string(out.join("results.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A grey ramp as PNG.
pub fn picture(path: &Path, width: u32, height: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let format = image::ImageFormat::Png;
    let ramp = image::GrayImage::from_fn(width, height, |x, y| image::Luma([(x * 3 + y * 5) as u8]));
    ramp.save_with_format(path, format).unwrap();
}

/// CRC-32 of ISO 3309, as PNG uses it.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 })
    })
}

/// Says that something is not tested, and why. Straight to stderr: what a test prints that passes is not shown.
pub fn say_skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// The same of what `.ci/run` installs, which says by `MICROSTAMP_TEST_ALL` that it must be there.
pub fn say_lacking(what: &str) {
    assert!(std::env::var_os("MICROSTAMP_TEST_ALL").is_none(), "{what}");
    say_skipped(what);
}

/// A folder beside the project, or nothing with a printed line.
pub fn shared(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    let there = folder.is_dir();
    if !there {
        say_skipped(&format!("{} is not there", folder.display()));
    }
    there.then_some(folder)
}

/// That every character of `record` that is given as sure is that of the true `code`, empty where there is no mark.
pub fn assert_sure_are_true(record: &Record, code: &str) {
    let Some(said) = &record.code else { return };
    let of_one_length = said.chars().count() == code.chars().count();
    let sure = said.chars().zip(code.chars().chain(std::iter::repeat(' '))).filter(|(c, _)| *c != '?');
    for (found, truth) in sure {
        assert!(of_one_length && found == truth, "{}: {said} for {code:?}", record.path);
    }
}

/// The rows of truth.csv by path.
pub fn truth(folder: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    csv::Reader::from_path(folder.join("truth.csv"))
        .unwrap()
        .deserialize()
        .map(|row: Result<BTreeMap<String, String>, _>| row.unwrap())
        .map(|row| (row["path"].clone(), row))
        .collect()
}
