//! What the command prints, writes and refuses.
#![allow(clippy::unwrap_used)]

mod common;

use common::{decode, microstamp, picture};
use microstamp::batch::manifest::Manifest;
use microstamp::pipeline::decode::Status;

#[test]
fn every_verb_has_help_with_an_example_and_the_common_flags() {
    let help = microstamp().arg("--help").assert().code(0).get_output().stdout.clone();
    let help = String::from_utf8(help).unwrap();
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|l| !l.starts_with("Commands:"))
        .skip(1)
        .take_while(|l| l.starts_with("  "))
        // Continued lines of a description are indented further.
        .filter(|l| !l.starts_with("   "))
        .filter_map(|l| l.split_whitespace().next())
        .filter(|v| *v != "help")
        .collect();
    assert!(verbs.contains(&"decode") && verbs.contains(&"inspect"), "{verbs:?}");
    for verb in verbs {
        let out = microstamp().args([verb, "--help"]).assert().code(0).get_output().stdout.clone();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(&format!("microstamp {verb}")), "{verb}");
        for flag in ["--config", "--threads", "--quiet", "--engine", "--format", "--um-per-px"] {
            assert!(out.contains(flag), "{verb} {flag}");
        }
    }
}

#[test]
fn decode_writes_the_files_of_the_contract_in_the_order_of_relative_paths() {
    let dir = tempfile::tempdir().unwrap();
    let lab = dir.path().join("lab");
    for name in ["b/2.png", "b/10.png", "a.png", "B.png", ".hidden/x.png"] {
        picture(&lab.join(name), 40, 30);
    }
    std::fs::write(lab.join("notes.txt"), "no picture").unwrap();
    let out = dir.path().join("out");
    let records = decode(&lab, &out, &["--um-per-px", "2.5"], 0);
    let paths: Vec<_> = records.iter().map(|r| r.path.as_str()).collect();
    assert_eq!(paths, ["B.png", "a.png", "b/10.png", "b/2.png"]);
    assert!(records.iter().all(|r| r.status == Status::NoMark && r.code.is_none() && r.best.is_none()));
    assert!(records.iter().all(|r| r.um_per_px == Some(2.5) && r.um_per_px_from.as_deref() == Some("flag")));

    let rows = |name: &str| csv::Reader::from_path(out.join(name)).unwrap().records().count();
    assert_eq!((rows("results.csv"), rows("failures.csv"), rows("timings.csv")), (4, 0, 4));
    let run: Manifest =
        serde_json::from_str(&std::fs::read_to_string(out.join("run.json")).unwrap()).unwrap();
    assert!(run.complete && run.finished.is_some());
    assert_eq!((run.photographs, run.counts.no_mark), (4, 4));
    assert_eq!((run.left_out["hidden"], run.left_out["no picture"]), (1, 1));
}

/// A log that is full, or a pager that was closed, ends no run.
#[cfg(target_os = "linux")]
#[test]
fn a_run_goes_on_where_nobody_listens() {
    let dir = tempfile::tempdir().unwrap();
    let lab = dir.path().join("lab");
    picture(&lab.join("a.png"), 40, 30);
    std::fs::write(lab.join("broken.png"), "no picture").unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_microstamp"));
    let code =
        run.arg("decode").arg(&lab).arg("-o").arg(dir.path().join("out")).stderr(full).status().unwrap();
    assert_eq!(code.code(), Some(1));
    assert_eq!(common::records(&dir.path().join("out")).len(), 2);
}

/// Nobody takes half an answer, or none, for all of it.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    picture(&dir.path().join("lab/a.png"), 40, 30);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_microstamp"));
    let run = run.args(["decode", "--dry-run"]).arg(dir.path().join("lab")).stdout(full).output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("cannot write the answer"));
}

#[test]
fn a_flag_that_changes_nothing_is_said_to_and_a_wrong_one_is_refused_by_every_verb() {
    let dir = tempfile::tempdir().unwrap();
    let (lab, out) = (dir.path().join("lab"), dir.path().join("out"));
    picture(&lab.join("a.png"), 40, 30);
    decode(&lab, &out, &[], 0);
    let out = out.to_str().unwrap();
    let run = microstamp().args(["verify", out, "--format", "ifm8"]).assert().code(0);
    assert!(
        String::from_utf8_lossy(&run.get_output().stderr).contains("--format says how photographs are read")
    );
    assert!(refused(&["verify", out, "--format", "ifm9"]).contains("ifm8-323"));
    assert!(refused(&["verify", out, "--config", "absent.toml"]).contains("absent.toml"));
}

#[test]
fn what_is_left_out_unseen_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let lab = dir.path().join("lab");
    for name in ["a.png", "earlier/x.png", "case/b.png", ".hidden.png"] {
        picture(&lab.join(name), 40, 30);
    }
    for name in ["earlier/results.jsonl", "earlier/run.json", "case/results.jsonl"] {
        std::fs::write(lab.join(name), "").unwrap();
    }
    std::fs::write(lab.join("raw.rw2"), [7; 5000]).unwrap();
    let run = microstamp().arg("decode").arg(&lab).arg("-o").arg(dir.path().join("out")).assert().code(1);
    let said = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(said.contains("left out: 1 hidden, 1 output of an earlier run"), "{said}");
    let paths: Vec<String> = common::records(&dir.path().join("out")).into_iter().map(|r| r.path).collect();
    assert_eq!(paths, ["a.png", "case/b.png", "raw.rw2"]);
}

#[test]
fn dry_run_lists_what_is_taken_and_what_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    picture(&dir.path().join("a.png"), 4, 4);
    std::fs::write(dir.path().join("notes.txt"), "no picture").unwrap();
    let output = microstamp().arg("decode").arg(dir.path()).arg("--dry-run").assert().code(0);
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert_eq!(text, "read\ta.png\nleft out\tnotes.txt\tno picture\n1 photographs, 1 files left out\n");
}

#[test]
fn an_input_that_holds_no_photograph_is_named() {
    let dir = tempfile::tempdir().unwrap();
    picture(&dir.path().join("lab/a.png"), 4, 4);
    let [lab, empty] = ["lab", "empty"].map(|name| dir.path().join(name));
    std::fs::create_dir(&empty).unwrap();
    for more in [&["--dry-run"][..], &["-o", dir.path().join("out").to_str().unwrap()]] {
        let run = microstamp().arg("decode").args([&lab, &empty]).args(more).assert().code(0);
        let said = String::from_utf8(run.get_output().stderr.clone()).unwrap();
        let named = format!("no photograph in {}", empty.display());
        assert!(
            said.contains(&named) && !said.contains(&format!("no photograph in {}", lab.display())),
            "{said}"
        );
    }
    // A word mistyped makes no folder that a later command would take for one.
    let absent = dir.path().join("missing");
    let run = microstamp().arg("group").arg(&absent).args(["--group-by", "(.)"]).assert().code(2);
    let said = String::from_utf8(run.get_output().stderr.clone()).unwrap();
    assert!(said.contains("cannot read the results") && !absent.exists(), "{said}");
}

/// Runs what must not start, and gives what it says.
fn refused(arguments: &[&str]) -> String {
    let output = microstamp().args(arguments).assert().code(2);
    String::from_utf8(output.get_output().stderr.clone()).unwrap()
}

#[test]
fn what_cannot_start_ends_with_2_and_the_thing_to_type() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
    picture(&dir.path().join("lab/a.png"), 4, 4);
    picture(&dir.path().join("full/a.png"), 4, 4);
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    std::fs::write(path("bad.toml"), "[photo]\nmax_megapixel = 1.0\n").unwrap();
    std::fs::write(path("worse.toml"), "[photo]\nmax_pages = \"many\"\n").unwrap();
    std::fs::create_dir(dir.path().join("foreign")).unwrap();
    std::fs::write(path("foreign/run.json"), "{\"schema\": 1}\n").unwrap();
    let (lab, out) = (path("lab"), path("out"));

    let said = refused(&["decode", &lab, "-o", &path("full")]);
    assert!(said.contains(&format!("-o {}", path("full-2"))), "{said}");
    let said = refused(&["decode", &lab, "-o", &out, "--config", &path("bad.toml")]);
    assert!(said.contains("photo.max_megapixels"), "{said}");
    let said = refused(&["decode", &lab, "-o", &out, "--config", &path("worse.toml")]);
    assert!(said.contains("worse.toml: line 2: ") && said.lines().count() == 2, "{said}");
    let said = refused(&["decode", &lab, "-o", &out, "--config", &path("absent.toml")]);
    assert!(said.contains("absent.toml"), "{said}");
    let said = refused(&["decode", &lab, "-o", "."]);
    assert!(said.contains("-o out") && !said.contains(".-2"), "{said}");
    let said = refused(&["decode", &lab, "-o", &path("bad.toml/x")]);
    assert!(!said.contains("bad.toml/x-2"), "{said}");
    let said = refused(&["verify", &path("foreign")]);
    assert!(said.contains("no folder of results"), "{said}");
    let said = refused(&["decode", &path("full"), "-o", &out, "--group-by", "^([^/]+)/"]);
    assert!(!said.contains("'^([^/]+)/'"), "{said}");
    let said = refused(&["decode", &path("empty"), "-o", &out]);
    assert!(said.contains("a folder with photographs"), "{said}");
    let said = refused(&["decode", &path("absent"), "-o", &out]);
    assert!(said.contains("absent"), "{said}");
    let said = refused(&["decode", &lab, "-o", &out, "--format", "ifm9"]);
    assert!(said.contains("ifm8-323"), "{said}");
    let said = refused(&["decode", &lab, "-o", &out, "--engine", "magic"]);
    assert!(said.contains("template"), "{said}");
    let said = refused(&["decode", &lab, "-o", &out, "--um-per-px", "352.8"]);
    assert!(said.contains("0.2"), "{said}");
    let said = refused(&["decode", &lab]);
    assert!(said.contains("--out"), "{said}");
    let said = refused(&["inspect", &lab, "-o", &out]);
    assert!(said.contains("decode"), "{said}");
    assert!(!dir.path().join("out").exists(), "a refused run leaves nothing behind");
}

#[test]
fn inspect_writes_numbered_pictures_and_timings() {
    let dir = tempfile::tempdir().unwrap();
    let (photo, out) = (dir.path().join("a.png"), dir.path().join("out"));
    picture(&photo, 64, 48);
    microstamp().arg("inspect").arg(&photo).arg("-o").arg(&out).assert().code(0);
    for name in ["1-small.png", "2-face.png", "timings.csv", "results.jsonl"] {
        assert!(out.join(name).exists(), "{name}");
    }
    std::fs::write(&photo, "no picture").unwrap();
    let out = dir.path().join("failed");
    microstamp().arg("inspect").arg(&photo).arg("-o").arg(&out).assert().code(1);
}
