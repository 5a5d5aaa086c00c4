//! `microstamp score` as a user runs it: what it prints, writes, and refuses.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const TRUTH: &str = "path,gun,code,light\n1.png,A,ABC123,ring\n2.png,A,ABC123,dome\n3.png,B,XYZ789,ring\n";

fn line(path: &str, status: &str, code: &str) -> String {
    format!(
        r#"{{"schema":1,"path":"{path}","sha256":"","status":"{status}","code":"{code}","best":"{code}","confidence":0.9,"format":"ifm6","positions":[],"gear":null,"primer":null,"impression":null,"rotation_deg":null,"mirrored":null,"um_per_px":null,"um_per_px_from":null,"warnings":[],"failure":null}}"#
    )
}

fn folder(lines: &[String]) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("results.jsonl"), lines.join("\n")).unwrap();
    fs::write(folder.path().join("truth.csv"), TRUTH).unwrap();
    folder
}

fn score(folder: &Path, more: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = Command::cargo_bin("microstamp").unwrap();
    command.current_dir(folder).args(["score", ".", "--truth", "truth.csv"]).args(more).assert()
}

fn three() -> Vec<String> {
    vec![line("1.png", "read", "ABC123"), line("2.png", "read", "ABC128"), line("3.png", "read", "XYZ789")]
}

#[test]
fn figures_go_to_stdout_and_to_the_files_asked_for() {
    let folder = folder(&three());
    let files = ["--by", "light,gun", "--json", "s.json", "--markdown", "s.md", "--plot", "risk.png"];
    let run = score(folder.path(), &files).code(0);
    let stdout = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    assert!(stdout.contains("wrong among the accepted") && stdout.contains("1/3"), "{stdout}");
    assert!(stdout.contains("## By light") && stdout.contains("## By gun"), "{stdout}");
    assert_eq!(fs::read_to_string(folder.path().join("s.md")).unwrap(), stdout);
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("s.json")).unwrap()).unwrap();
    assert_eq!(json["overall"]["wrong_among_accepted"]["count"], 1);
    assert_eq!(json["by"][0]["groups"][0]["value"], "dome");
    let picture = image::open(folder.path().join("risk.png")).unwrap();
    assert!(picture.width() > 500);
}

#[test]
fn a_truth_beside_other_photographs_of_the_same_names_is_remarked() {
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let lines: Vec<String> =
        three().iter().map(|l| l.replace(r#""sha256":"""#, &format!(r#""sha256":"{sha256}""#))).collect();
    let folder = folder(&lines);
    let said = |folder: &TempDir| {
        String::from_utf8(score(folder.path(), &[]).code(0).get_output().stderr.clone()).unwrap()
    };
    // A truth is seldom moved with its photographs: those that are not there say nothing.
    assert!(!said(&folder).contains("another photograph"));
    fs::write(folder.path().join("2.png"), "hello").unwrap();
    assert!(!said(&folder).contains("another photograph"));
    fs::write(folder.path().join("2.png"), "hullo").unwrap();
    let remark = said(&folder);
    assert!(remark.contains("2.png beside the truth is another photograph"), "{remark}");
}

#[test]
fn what_does_not_fit_ends_with_exit_code_2_and_the_next_thing_to_try() {
    let mut foreign = three();
    foreign.push(line("9.png", "read", "ABC123"));
    let mut doubled = three();
    doubled.push(line("3.png", "read", "XYZ789"));
    for (lines, named) in [
        (three()[1..].to_vec(), "1.png"),
        (foreign, "9.png"),
        (doubled, "more than one row for 3.png"),
        (vec!["not json".to_string()], "line 1"),
        (Vec::new(), "1.png, 2.png, 3.png"),
    ] {
        let folder = folder(&lines);
        let run = score(folder.path(), &["--json", "s.json"]).code(2);
        let stderr = String::from_utf8(run.get_output().stderr.clone()).unwrap();
        assert!(stderr.contains(named) && stderr.contains("try: "), "{stderr}");
        assert!(run.get_output().stdout.is_empty());
        assert!(!folder.path().join("s.json").exists());
    }
}

#[test]
fn a_folder_without_results_and_a_file_that_cannot_be_written_are_named() {
    let empty = TempDir::new().unwrap();
    fs::write(empty.path().join("truth.csv"), TRUTH).unwrap();
    let run = score(empty.path(), &[]).code(2);
    assert!(String::from_utf8_lossy(&run.get_output().stderr).contains("results.jsonl"));
    let folder = folder(&three());
    let run = score(folder.path(), &["--plot", "no/such/risk.png"]).code(2);
    assert!(String::from_utf8_lossy(&run.get_output().stderr).contains("no/such/risk.png"));
}

#[test]
fn nothing_but_figures_is_written_over() {
    let folder = folder(&three());
    let before = |name: &str| fs::read(folder.path().join(name)).unwrap();
    fs::write(folder.path().join("notes.txt"), "of another kind").unwrap();
    let kept = [before("results.jsonl"), before("truth.csv"), before("notes.txt")];
    for arguments in [
        ["--json", "results.jsonl"],
        ["--json", "truth.csv"],
        ["--markdown", "results.jsonl"],
        ["--markdown", "notes.txt"],
        ["--plot", "truth.csv"],
        ["--plot", "risk.pdf"],
    ] {
        let run = score(folder.path(), &arguments).code(2);
        let stderr = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
        assert!(stderr.contains(arguments[1]) && stderr.contains("try: "), "{stderr}");
    }
    assert_eq!([before("results.jsonl"), before("truth.csv"), before("notes.txt")], kept);
    // Earlier figures are.
    for _ in 0..2 {
        score(folder.path(), &["--json", "s.json", "--markdown", "s.md", "--plot", "risk.png"]).code(0);
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link_nor_over_a_text_of_ones_own() {
    let folder = folder(&three());
    let path = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink(path("elsewhere"), path("link.png")).unwrap();
    for flag in ["--json", "--markdown", "--plot"] {
        let refused = score(folder.path(), &[flag, "link.png"]).code(2);
        assert!(String::from_utf8_lossy(&refused.get_output().stderr).contains("is a link"), "{flag}");
        assert!(!path("elsewhere").exists());
    }
    let notes = "# Case 17\n\n| who | when |\n|---|---|\n";
    fs::write(path("notes.md"), notes).unwrap();
    score(folder.path(), &["--markdown", "notes.md"]).code(2);
    assert_eq!(fs::read_to_string(path("notes.md")).unwrap(), notes);
    for _ in 0..2 {
        score(folder.path(), &["--markdown", "figures.md"]).code(0);
    }
}
