//! `microstamp calibrate`: what it writes can be compiled in again, and what it refuses.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use microstamp::Failure;
use microstamp::batch::record::Record;
use microstamp::pipeline::decode::Status;
use std::fmt::Write;
use std::path::Path;

/// A run over `n` photographs whose evidence says how sure they are: wrong where it is low.
fn run(folder: &Path, n: usize) {
    let (mut results, mut truth) = (String::new(), String::from("path,code,gun\n"));
    for i in 0..n {
        let log_odds = (i % 40) as f64 / 2.0 - 8.0;
        // Odd ones out near the middle, as a logistic curve has them.
        let right = log_odds + (i * 7 % 11) as f64 / 4.0 > 1.0;
        let best = if right { "AAAAAAAA" } else { "AAAAAAAB" };
        let mut evidence = vec![log_odds, log_odds, log_odds + 1.0, 12.0, 8.0, 0.0, 0.0, 0.0];
        evidence.extend([8.0; 7]);
        evidence.push(log_odds);
        let row = Record {
            status: Status::Unreadable,
            code: Some("????????".into()),
            best: Some(best.into()),
            confidence: 0.5,
            format: Some("ifm8".into()),
            failure: None,
            evidence,
            ..Record::failed(&format!("{i:04}.png"), None, Failure::new("", "", ""))
        };
        writeln!(results, "{}", serde_json::to_string(&row).unwrap()).unwrap();
        writeln!(truth, "{i:04}.png,AAAAAAAA,G{}", i % 60).unwrap();
    }
    std::fs::create_dir_all(folder.join("out")).unwrap();
    std::fs::write(folder.join("out/results.jsonl"), results).unwrap();
    std::fs::write(folder.join("truth.csv"), truth).unwrap();
}

fn calibrate(folder: &Path, engine: &str) -> assert_cmd::assert::Assert {
    let path = |name: &str| folder.join(name).into_os_string();
    Command::cargo_bin("microstamp")
        .unwrap()
        .args(["calibrate".into(), path("out"), "--truth".into(), path("truth.csv")])
        .args(["-o".into(), path("calibration.toml"), "--engine".into(), engine.into()])
        .assert()
}

#[test]
fn a_fitted_file_can_be_read_again_and_raises_the_confidence_of_surer_readings() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), 4000);
    let told = calibrate(folder.path(), "template").success().get_output().stdout.clone();
    assert!(String::from_utf8(told).unwrap().contains("ifm8: 4000 photographs of 60 guns"));
    let first = std::fs::read_to_string(folder.path().join("calibration.toml")).unwrap();
    let calibration = microstamp::pipeline::confidence::Calibration::parse(&first).unwrap();
    let curve = calibration.curve("template", "ifm8");
    let evidence = |x: f64| [x, x, x + 1.0, 12.0, 8.0, 0.0, 0.0, 0.0];
    assert!(curve.whole(&evidence(6.0)) > 0.99 && curve.whole(&evidence(-6.0)) < 0.01);
    assert!(curve.accept > 0.9);
    // The same run gives the same bytes.
    calibrate(folder.path(), "template").success();
    assert_eq!(std::fs::read_to_string(folder.path().join("calibration.toml")).unwrap(), first);
}

#[test]
fn too_few_photographs_are_refused_with_the_number_needed() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), 50);
    let told = calibrate(folder.path(), "template").code(2).get_output().stderr.clone();
    assert!(String::from_utf8(told).unwrap().contains("at least 100"));
}
