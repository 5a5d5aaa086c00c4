//! The shared photographs, where they are there: scale, geometry, and no code that is wrong.
#![allow(clippy::unwrap_used)]

mod common;

use common::decode;
use microstamp::batch::record::Record;
use microstamp::pipeline::decode::Status;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A folder beside the project, or nothing with a printed line.
fn shared(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    let there = folder.is_dir();
    if !there {
        println!("skipped: {} is not there", folder.display());
    }
    there.then_some(folder)
}

/// Whether no character of a code is given as sure: no mark, or a mark that nobody could read.
fn names_nothing(record: &Record) -> bool {
    record.code.as_ref().is_none_or(|code| code.chars().all(|c| c == '?'))
}

#[test]
fn field_photographs_keep_their_order_their_scale_and_get_no_wrong_code() {
    let Some(folder) = shared("field") else { return };
    let truth: BTreeMap<String, BTreeMap<String, String>> = csv::Reader::from_path(folder.join("truth.csv"))
        .unwrap()
        .deserialize()
        .map(|row: Result<BTreeMap<String, String>, _>| row.unwrap())
        .map(|row| (row["path"].clone(), row))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let records = decode(&folder, &dir.path().join("out"), &[], 0);
    assert!(records.iter().map(|r| &r.path).eq(truth.keys()), "27 rows in order");
    for record in &records {
        let row = &truth[&record.path];
        assert_ne!(record.status, Status::Failed, "{}", record.path);
        let stated = row["scale_in_file"] == "1";
        assert_eq!(record.um_per_px.is_some(), stated, "{}", record.path);
        if let Some(um) = record.um_per_px {
            let expected: f64 = row["um_per_px"].parse().unwrap();
            assert!((um / expected - 1.0).abs() < 0.003, "{}: {um} for {expected}", record.path);
        }
        if row["code"].is_empty() {
            assert!(names_nothing(record), "{}: {:?} on an unmarked primer", record.path, record.code);
        } else if record.status == Status::Read {
            assert_eq!(record.code.as_deref(), Some(row["code"].as_str()), "{}", record.path);
        }
    }
}

#[test]
fn real_photographs_without_a_microstamp_get_no_code() {
    let Some(folder) = shared("real") else { return };
    let dir = tempfile::tempdir().unwrap();
    let records = decode(&folder, &dir.path().join("out"), &[], 0);
    assert!(!records.is_empty());
    for record in &records {
        assert!(names_nothing(record), "{}: {:?}", record.path, record.code);
    }
}
