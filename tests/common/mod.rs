//! What the tests of the command share.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses a part

use assert_cmd::Command;
use microstamp::batch::Record;
use std::path::Path;

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
