//! `microstamp calibrate`: what it writes can be compiled in again, and what it refuses.
#![allow(clippy::unwrap_used)]

mod common;

use assert_cmd::Command;
use microstamp::Failure;
use microstamp::batch::manifest::Manifest;
use microstamp::batch::record::Record;
use microstamp::groups::Kind;
use microstamp::groups::confidence::Calibration as Joint;
use microstamp::pipeline::decode::{Status, ViewScores};
use rand::{Rng, SeedableRng};
use std::fmt::Write;
use std::path::Path;

/// What a run of this program by `engine` says of itself.
fn manifest(engine: &str) -> Manifest {
    let folder = tempfile::tempdir().unwrap();
    let (photographs, out) = (folder.path().join("photographs"), folder.path().join("out"));
    common::picture(&photographs.join("x.png"), 8, 8);
    common::decode(&photographs, &out, &["--engine", engine], 0);
    let mut manifest = Manifest::parse(&std::fs::read(out.join("run.json")).unwrap()).unwrap();
    manifest.outputs.clear();
    manifest
}

/// A run over `n` photographs whose evidence says how sure they are: wrong where it is low.
fn run(folder: &Path, engine: &str, n: usize) {
    let (mut results, mut truth) = (String::new(), String::from("path,code,gun\n"));
    for i in 0..n {
        let log_odds = (i % 40) as f64 / 2.0 - 8.0;
        // Odd ones out near the middle, as a logistic curve has them.
        let right = log_odds + (i * 7 % 11) as f64 / 4.0 > 1.0;
        let best = if right { "AAAAAAAA" } else { "AAAAAAAB" };
        let mut evidence = vec![log_odds, log_odds, 8.0, 0.0];
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
            ..Record::failed(
                &format!("{i:04}.png"),
                Some(format!("{i} of {}", folder.display())),
                Failure::new("", "", ""),
            )
        };
        writeln!(results, "{}", serde_json::to_string(&row).unwrap()).unwrap();
        writeln!(truth, "{i:04}.png,AAAAAAAA,G{}", i % 60).unwrap();
    }
    std::fs::create_dir_all(folder.join("out")).unwrap();
    std::fs::write(folder.join("out/results.jsonl"), results).unwrap();
    std::fs::write(folder.join("truth.csv"), truth).unwrap();
    manifest(engine).write(&folder.join("out")).unwrap();
}

/// `calibrate` over the run in each of `folders`, with the first `truths` of their tables, into `file` of the first.
fn calibrate_all(folders: &[&Path], truths: usize, file: &str, more: &[&str]) -> assert_cmd::assert::Assert {
    let each = |name: &str| folders.iter().map(|folder| folder.join(name)).collect::<Vec<_>>();
    Command::cargo_bin("microstamp")
        .unwrap()
        .arg("calibrate")
        .args(each("out"))
        .arg("--truth")
        .args(&each("truth.csv")[..truths])
        .args(more)
        .arg("-o")
        .arg(folders[0].join(file))
        .assert()
}

fn calibrate(folder: &Path, engine: &str) -> assert_cmd::assert::Assert {
    calibrate_all(&[folder], 1, "calibration.toml", &["--engine", engine])
}

#[test]
fn a_fitted_file_can_be_read_again_and_raises_the_confidence_of_surer_readings() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "template", 4000);
    let told = calibrate(folder.path(), "template").success().get_output().stdout.clone();
    assert!(String::from_utf8(told).unwrap().contains("ifm8: 4000 photographs of 60 guns"));
    let first = std::fs::read_to_string(folder.path().join("calibration.toml")).unwrap();
    let calibration = microstamp::pipeline::confidence::Calibration::parse(&first).unwrap();
    let networks = manifest("template").weights_sha256;
    let curve = calibration.curve("template", &networks, "ifm8");
    let evidence = |x: f64| [x, x, 8.0, 0.0];
    assert!(curve.whole(&evidence(6.0)) > 0.99 && curve.whole(&evidence(-6.0)) < 0.01);
    assert!(curve.accept > 0.9);
    // The same run gives the same bytes.
    calibrate(folder.path(), "template").success();
    assert_eq!(std::fs::read_to_string(folder.path().join("calibration.toml")).unwrap(), first);
}

#[test]
fn guns_of_two_runs_are_others_though_they_are_counted_alike() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    folders.iter().for_each(|folder| run(folder.path(), "learned", 2000));
    let both = [folders[0].path(), folders[1].path()];
    let with = |truths: usize| calibrate_all(&both, truths, "calibration.toml", &[]);
    let told = with(2).success().get_output().stdout.clone();
    assert!(String::from_utf8(told).unwrap().contains("ifm8: 4000 photographs of 120 guns"));
    let told = with(1).code(2).get_output().stderr.clone();
    assert!(String::from_utf8(told).unwrap().contains("2 OUT and 1 TRUTH.csv"));
}

#[test]
fn curves_are_not_fitted_to_the_runs_of_two_readers() {
    let [a, b] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    run(a.path(), "learned", 200);
    run(b.path(), "learned", 200);
    let mut manifest = manifest("learned");
    let all = manifest.formats.clone();
    for (weights, formats) in [("02", all), (manifest.weights_sha256.clone().as_str(), vec!["ifm6".into()])] {
        manifest.weights_sha256 = weights.into();
        manifest.formats = formats;
        manifest.write(&b.path().join("out")).unwrap();
        let refused = calibrate_all(&[a.path(), b.path()], 2, "both.toml", &[]).code(2);
        let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(said.contains("with other networks, formats or settings than"), "{said}");
    }
    // Nothing says by which networks.
    std::fs::remove_file(b.path().join("out/run.json")).unwrap();
    let refused = calibrate_all(&[a.path(), b.path()], 2, "both.toml", &[]).code(2);
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(said.contains("nothing says with which networks"), "{said}");
}

#[test]
fn no_photograph_makes_two_guns_and_none_is_without_one() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), "learned", 600);
    let says = |done: assert_cmd::assert::Assert, words: &str| {
        let text = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(text.contains(words) && text.contains("try: "), "{text}");
    };
    says(calibrate_all(&[dir.path(), dir.path()], 2, "c.toml", &[]).code(2), "is in");
    let truth = std::fs::read_to_string(dir.path().join("truth.csv")).unwrap();
    std::fs::write(dir.path().join("truth.csv"), truth.replacen("gun", "weapon", 1)).unwrap();
    says(calibrate_all(&[dir.path()], 1, "c.toml", &[]).code(2), "names no gun");
    assert!(!dir.path().join("c.toml").exists());
}

#[test]
fn no_other_file_is_taken_for_an_earlier_calibration() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "learned", 200);
    let picture = folder.path().join("calibration.toml");
    std::fs::write(&picture, b"\x89PNG\xff").unwrap();
    calibrate(folder.path(), "learned").code(2);
    assert_eq!(std::fs::read(&picture).unwrap(), b"\x89PNG\xff");
}

#[test]
fn too_few_photographs_are_refused_with_the_number_needed() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "template", 50);
    let told = calibrate(folder.path(), "template").code(2).get_output().stderr.clone();
    assert!(String::from_utf8(told).unwrap().contains("at least 100"));
}

/// A run over three photographs of each of `n` groups. Of every character a photograph says by how much it takes it
/// for the A that it is and not for a B: in the mean twice what that varies by, so that one in six is read wrongly.
/// `shared`: the photographs of a group err together, as cases of one gun do.
fn run_of_groups(folder: &Path, n: usize, shared: bool) {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let (mut results, mut truth) = (String::new(), String::from("path,code,gun\n"));
    for group in 0..n {
        let mut normal = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        let together: Vec<f64> = (0..8).map(|_| normal()).collect();
        for photograph in 0..3 {
            let own: Vec<f64> = (0..8).map(|_| normal()).collect();
            let odds: Vec<f64> =
                if shared { &together } else { &own }.iter().map(|z| 2.0 + 2.0 * z).collect();
            let score = |odds: f64, symbol| match symbol {
                'A' => odds - odds.max(0.0),
                'B' => -odds.max(0.0),
                _ => -9.0 - odds.abs(),
            };
            let scores =
                |odds: &f64| "ABCDEFGHJKLMNPRSTUVWXYZ0123456789".chars().map(|s| score(*odds, s)).collect();
            let view = ViewScores {
                format: "ifm8".into(),
                rotation_deg: 0.0,
                mirrored: false,
                log_p: 0.0,
                scores: odds.iter().map(scores).collect(),
            };
            let path = format!("{group:04}/{photograph}.png");
            let row = Record {
                status: Status::Unreadable,
                code: Some("????????".into()),
                best: Some(odds.iter().map(|x| if *x > 0.0 { 'A' } else { 'B' }).collect()),
                confidence: 0.5,
                format: Some("ifm8".into()),
                sha256: Some(format!("{path} of {}", folder.display())),
                failure: None,
                evidence: vec![0.0, 0.0, 8.0, 0.0],
                views: vec![view],
                ..Record::failed(&path, None, Failure::new("", "", ""))
            };
            writeln!(results, "{}", serde_json::to_string(&row).unwrap()).unwrap();
            writeln!(truth, "{path},AAAAAAAA,G{group}").unwrap();
        }
    }
    std::fs::create_dir_all(folder.join("out")).unwrap();
    std::fs::write(folder.join("out/results.jsonl"), results).unwrap();
    std::fs::write(folder.join("truth.csv"), truth).unwrap();
    manifest("learned").write(&folder.join("out")).unwrap();
}

fn group(folder: &Path, kind: &[&str]) {
    let mut command = Command::cargo_bin("microstamp").unwrap();
    command
        .arg("group")
        .arg(folder.join("out"))
        .args(["--group-by", "^([^/]+)/"])
        .args(kind)
        .assert()
        .code(0);
}

/// Groups them and fits their curves.
fn calibrate_groups(folder: &Path, kind: &[&str]) -> assert_cmd::assert::Assert {
    group(folder, kind);
    calibrate_all(&[folder], 1, "groups.toml", &["--groups"])
}

#[test]
fn photographs_that_err_together_are_worth_less_than_those_that_err_apart() {
    let folder = tempfile::tempdir().unwrap();
    let fitted = |shared: bool, kind: &[&str]| {
        run_of_groups(folder.path(), 500, shared);
        calibrate_groups(folder.path(), kind).success();
        let text = std::fs::read_to_string(folder.path().join("groups.toml")).unwrap();
        // The same run gives the same bytes.
        calibrate_groups(folder.path(), kind).success();
        assert_eq!(std::fs::read_to_string(folder.path().join("groups.toml")).unwrap(), text);
        Joint::parse(&text).unwrap()
    };
    let apart = fitted(false, &[]);
    // Curves of the other kind that the file holds already are kept.
    let both = fitted(true, &["--same-gun"]);
    let of = |file: &Joint, kind: Kind| file.engine["learned"][&kind].clone();
    assert_eq!(of(&both, Kind::Case), of(&apart, Kind::Case));
    let (case, gun) = (of(&both, Kind::Case), of(&both, Kind::Gun));
    assert!(case.dependence < 0.2 && gun.dependence > 0.8, "{} {}", case.dependence, gun.dependence);
    for curve in [&case.curve, &gun.curve] {
        // The best and the worst of what was seen.
        let at = |log_odds: f64| [log_odds, log_odds, 12.0];
        assert!(curve.whole(&at(5.0)) > curve.whole(&at(-2.0)), "{curve:?}");
        assert!(curve.accept > 0.9);
    }
}

#[test]
fn kinds_that_are_fitted_together_share_the_weights_and_keep_their_own_dependence() {
    let (cases, guns) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (folder, shared, kind) in [(&cases, false, &[][..]), (&guns, true, &["--same-gun"])] {
        run_of_groups(folder.path(), 500, shared);
        group(folder.path(), kind);
    }
    calibrate_all(&[cases.path(), guns.path()], 2, "groups.toml", &["--groups"]).success();
    let file = cases.path().join("groups.toml");
    let both = Joint::parse(&std::fs::read_to_string(file).unwrap()).unwrap();
    let [case, gun] = [Kind::Case, Kind::Gun].map(|kind| both.engine["learned"][&kind].clone());
    assert!(case.dependence < 0.2 && gun.dependence > 0.8, "{} {}", case.dependence, gun.dependence);
    assert_eq!(case.curve.weights, gun.curve.weights);
    assert_ne!(case.curve.bias, gun.curve.bias);
}

#[test]
fn too_few_groups_are_refused_with_the_number_needed() {
    let folder = tempfile::tempdir().unwrap();
    run_of_groups(folder.path(), 20, false);
    let told = calibrate_groups(folder.path(), &[]).code(2).get_output().stderr.clone();
    assert!(String::from_utf8(told).unwrap().contains("at least 100 groups"));
}
