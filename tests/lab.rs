//! The laboratory folder that lies beside the sources: the README's main job, held against its truth.
#![allow(clippy::unwrap_used)]

mod common;

use common::{decode, truth};
use microstamp::pipeline::decode::Status;
use std::path::Path;

/// Codes whose most probable reading is right, at the least. Below what is usual: a reader that has stopped
/// reading is noticed, a photograph more or less is not.
const LEAST_RIGHT: usize = 5;
/// Codes that are accepted, at the least, likewise.
const LEAST_READ: usize = 2;

#[test]
fn the_laboratory_folder_is_read_without_a_wrong_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab");
    let truth = truth(&folder);
    let dir = tempfile::tempdir().unwrap();
    let records = decode(&folder, &dir.path().join("out"), &[], 0);
    assert!(records.iter().map(|r| &r.path).eq(truth.keys()), "a row a photograph, in order");
    let (mut right, mut read) = (0, 0);
    for record in &records {
        let code = truth[&record.path]["code"].as_str();
        assert_ne!(record.status, Status::Failed, "{}", record.path);
        if code.is_empty() {
            let named = record.code.as_ref().is_some_and(|c| c.chars().any(|c| c != '?'));
            assert!(!named, "{}: {:?} on an unmarked primer", record.path, record.code);
        } else if record.status == Status::Read {
            assert_eq!(record.code.as_deref(), Some(code), "{}", record.path);
            read += 1;
        }
        right += usize::from(!code.is_empty() && record.best.as_deref() == Some(code));
    }
    let marked = truth.values().filter(|row| !row["code"].is_empty()).count();
    println!("the most probable code is right for {right} of {marked}");
    assert!(right >= LEAST_RIGHT, "only {right} of {marked} right");
    assert!(read >= LEAST_READ, "only {read} of {marked} read");
}
