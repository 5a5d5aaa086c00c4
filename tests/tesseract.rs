//! The engine that asks the system's Tesseract, as the command runs it.
#![cfg(feature = "tesseract")]
#![allow(clippy::unwrap_used)]

mod common;

use common::{assert_sure_are_true, decode, truth};
use microstamp::pipeline::decode::Status;
use std::path::Path;

#[test]
fn tesseract_reads_a_folder_to_its_end_without_a_wrong_code() {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab");
    let truth = truth(&lab);
    let dir = tempfile::tempdir().unwrap();
    let (folder, out) = (dir.path().join("lab"), dir.path().join("out"));
    // One photograph of each profile: each is shown to Tesseract in up to six ways.
    let profile = |path: &str| path.split('-').next().unwrap().to_owned();
    let mut taken: Vec<&String> = truth.keys().filter(|path| path.ends_with(".png")).collect();
    taken.dedup_by_key(|path| profile(path));
    for path in &taken {
        let to = folder.join(path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(lab.join(path), to).unwrap();
    }
    let records = decode(&folder, &out, &["--engine", "tesseract"], 0);
    assert!(records.len() > 2 && records.iter().map(|r| &r.path).eq(taken));
    for record in &records {
        assert_ne!(record.status, Status::Failed, "{}: {:?}", record.path, record.failure);
        assert_sure_are_true(record, &truth[&record.path]["code"]);
    }
    let run: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("run.json")).unwrap()).unwrap();
    assert_eq!(run["engine"]["name"], "tesseract");
}
