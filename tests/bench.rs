//! What `bench` measures and says. Times are not asserted: machines are shared.
#![allow(clippy::unwrap_used)]

mod common;

use common::{microstamp, picture};

#[test]
fn bench_writes_the_fields_of_the_contract_and_the_accuracy_where_the_truth_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let photographs = dir.path().join("photographs");
    microstamp()
        .args(["synth", "--count", "4", "--seed", "5", "--long-px", "400", "--quiet", "-o"])
        .arg(&photographs)
        .assert()
        .code(0);
    let json = dir.path().join("bench.json");
    let out = microstamp()
        .arg("bench")
        .arg(&photographs)
        .args(["--runs", "1", "--threads", "2", "--truth"])
        .arg(photographs.join("truth.csv"))
        .arg("--json")
        .arg(&json)
        .assert()
        .code(0)
        .get_output()
        .stdout
        .clone();
    assert!(String::from_utf8(out).unwrap().contains("4 photographs, 2 threads"));
    let figures: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!((figures["photographs"].as_u64(), figures["threads"].as_u64()), (Some(4), Some(2)));
    for field in ["photographs_per_second", "floor_ratio", "thread_scaling"] {
        assert!(figures[field].is_number(), "{field}");
    }
    assert_eq!(figures["peak_memory_mb"].is_number(), cfg!(target_os = "linux"));
    // Every file is one that the floor decodes too: else the ratio would compare unlike work.
    assert_eq!(figures["floor_undecoded"], 0);
    let stages: Vec<&str> =
        figures["stages"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!((stages[0], stages[stages.len() - 1]), ("load", "total"));
    assert_eq!(figures["accuracy"]["photographs"], 4);
}

#[test]
fn photographs_that_fail_are_counted_and_end_with_1() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.png"), "no picture").unwrap();
    let run = microstamp().arg("bench").arg(dir.path()).args(["--runs", "1"]).assert().code(1);
    let text = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    assert!(text.contains("1 photographs failed"), "{text}");
}

#[test]
fn a_truth_of_other_photographs_and_an_empty_folder_end_with_2_and_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let photographs = dir.path().join("photographs");
    std::fs::create_dir(&photographs).unwrap();
    let refused = |more: &[&str]| {
        let out =
            microstamp().arg("bench").arg(&photographs).args(["--runs", "1"]).args(more).assert().code(2);
        String::from_utf8(out.get_output().stderr.clone()).unwrap()
    };
    assert!(refused(&[]).contains("no photograph"));
    picture(&photographs.join("a.png"), 60, 40);
    let truth = dir.path().join("truth.csv");
    std::fs::write(&truth, "path,code\nelsewhere.png,\n").unwrap();
    assert!(refused(&["--truth", truth.to_str().unwrap()]).contains("elsewhere.png"));
}
