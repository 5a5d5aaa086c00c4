//! Photographs read together, as a laboratory asks for it: during a run, after it, cut off, and by mistake.
#![allow(clippy::unwrap_used)]

mod common;

use common::{decode, microstamp, truth};
use microstamp::groups::{FILES, Group, Kind, read_groups};
use microstamp::pipeline::decode::Status;
use microstamp::pipeline::photo::sha256;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The guns of the laboratory folder leave two cases each.
const BY_GUN: &str = r"^([a-z]+-\d+)-";

fn lab() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab")
}

fn bytes(folder: &Path) -> [Vec<u8>; 2] {
    FILES.map(|name| fs::read(folder.join(name)).unwrap())
}

fn told(command: &mut assert_cmd::Command, code: i32) -> String {
    let run = command.assert().code(code);
    String::from_utf8_lossy(&run.get_output().stderr).into_owned()
}

/// The groups of OUT, read from OUT's results.
fn of(out: &Path) -> Vec<Group> {
    read_groups(out, &sha256(&fs::read(out.join("results.jsonl")).unwrap())).unwrap()
}

fn group(out: &Path, more: &[&str]) -> assert_cmd::Command {
    let mut command = microstamp();
    command.arg("group").arg(out).args(more);
    command
}

/// Guns of the laboratory folder that are read together here: easy and hard ones, and an unmarked one.
const GUNS: [&str; 4] = ["clean-00000", "field-00001", "mixed-00012", "unmarked-00004"];

/// Their photographs, in a folder of their own.
fn some_guns(into: &Path) -> PathBuf {
    for gun in GUNS {
        for case in ["01", "02"] {
            let name = format!("{gun}-{case}");
            fs::create_dir_all(into.join(&name)).unwrap();
            for photograph in fs::read_dir(lab().join(&name)).unwrap() {
                let photograph = photograph.unwrap();
                fs::copy(photograph.path(), into.join(&name).join(photograph.file_name())).unwrap();
            }
        }
    }
    into.to_path_buf()
}

#[test]
fn cases_of_one_gun_are_read_together_without_a_wrong_code_and_with_the_same_bytes_each_time() {
    let dir = TempDir::new().unwrap();
    let guns = some_guns(&dir.path().join("guns"));
    let run = |name: &str, more: &[&str]| {
        let out = dir.path().join(name);
        decode(&guns, &out, more, 0);
        out
    };
    let asked = ["--group-by", BY_GUN, "--same-gun"];
    let one = run("one", &[&asked[..], &["--threads", "1"]].concat());
    for threads in ["2", "8"] {
        let other = run(threads, &[&asked[..], &["--threads", threads]].concat());
        assert!(bytes(&one) == bytes(&other), "{threads} threads");
    }
    // After the fact, from results.jsonl alone.
    let plain = run("plain", &[]);
    group(&plain, &asked).assert().code(0);
    assert!(bytes(&one) == bytes(&plain));

    let truth = truth(&lab());
    let groups = of(&one);
    assert_eq!(groups.len(), GUNS.len());
    for group in &groups {
        assert_eq!((group.kind, group.members.len()), (Kind::Gun, 2), "{}", group.group);
        let code = truth[&group.members[0].path]["code"].as_str();
        if group.status == Status::Read {
            assert_eq!(group.code.as_deref(), Some(code), "{}", group.group);
        }
        if code.is_empty() {
            assert!(group.code.as_ref().is_none_or(|c| c.chars().all(|c| c == '?')), "{group:?}");
        }
    }
    verified_and_resumed(&guns, &dir.path().join("cut"), &one, &asked);
}

/// run.json names the groups: a change is seen, and a run that was cut off makes the same ones again.
fn verified_and_resumed(guns: &Path, cut: &Path, one: &Path, asked: &[&str]) {
    microstamp().arg("verify").arg(one).assert().code(0);
    let results = fs::read_to_string(one.join("results.jsonl")).unwrap();
    fs::create_dir(cut).unwrap();
    for name in ["results.csv", "failures.csv", "timings.csv"] {
        fs::copy(one.join(name), cut.join(name)).unwrap();
    }
    let half: String = results.split_inclusive('\n').take(5).collect();
    fs::write(cut.join("results.jsonl"), &half[..half.len() - 40]).unwrap();
    let manifest = fs::read(one.join("run.json")).unwrap();
    let mut manifest = microstamp::batch::manifest::Manifest::parse(&manifest).unwrap();
    manifest.finished = None;
    manifest.complete = false;
    manifest.outputs.clear();
    manifest.write(cut).unwrap();
    let resume = |more: &[&str], code: i32| {
        let mut command = microstamp();
        command.args(["decode", "--resume", "--quiet", "-o"]).arg(cut).arg(guns).args(more);
        told(&mut command, code)
    };
    // Another grouping is another run.
    assert!(resume(&["--group-by", "^([^/]+)/"], 2).contains("groups: --group-by"));
    resume(asked, 0);
    assert!(bytes(one) == bytes(cut));
    microstamp().arg("verify").arg(cut).assert().code(0);

    // Readings that were changed since are not what the groups say, and nobody passes over it.
    let plain = one.with_file_name("changed");
    fs::create_dir(&plain).unwrap();
    for name in ["results.jsonl", "run.json", FILES[0]] {
        fs::copy(one.join(name), plain.join(name)).unwrap();
    }
    let changed = results.replacen("\"confidence\":0.", "\"confidence\": 0.", 1);
    assert_ne!(changed, results);
    fs::write(plain.join("results.jsonl"), changed).unwrap();
    let mut report = microstamp();
    report.arg("report").arg(&plain);
    let said = told(&mut report, 2);
    assert!(said.contains("not as its run left it") && said.contains("from other results"), "{said}");
    fs::remove_file(plain.join(FILES[0])).unwrap();
    let mut report = microstamp();
    report.arg("report").arg(&plain);
    assert!(told(&mut report, 1).contains("not as its run left it"));

    // Its own groups are not replaced: run.json would name another hash.
    assert!(told(&mut group(one, asked), 2).contains("-o with another folder"));
    let mut text = fs::read(one.join(FILES[0])).unwrap();
    text[20] ^= 1;
    fs::write(one.join(FILES[0]), text).unwrap();
    let run = microstamp().arg("verify").arg(one).assert().code(1);
    assert!(String::from_utf8_lossy(&run.get_output().stdout).contains("groups.jsonl: changed"));
}

/// A line of results of a photograph that shows `code`, sure of every character.
fn line(path: &str, code: &str) -> String {
    let alphabet = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789";
    let scores: Vec<Vec<f64>> =
        code.chars().map(|c| alphabet.chars().map(|a| if a == c { 0.0 } else { -9.0 }).collect()).collect();
    serde_json::json!({"schema": 1, "path": path, "sha256": path, "status": "read", "code": code, "best": code,
        "confidence": 0.999, "format": "ifm8", "evidence": [9.0, 9.0, 9.0, 0.0],
        "views": [{"format": "ifm8", "rotation_deg": 0.0, "mirrored": false, "log_p": 0.0, "scores": scores}]})
    .to_string()
}

/// Results of two scenes; in the second lies a case of another gun.
fn scenes() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    let lines = [
        line("17/a.png", "A7CK2MP4"),
        line("17/b.png", "A7CK2MP4"),
        line("18/a.png", "B8DL3NR5"),
        line("18/b.png", "XYZ34567"),
    ];
    fs::write(out.join("results.jsonl"), lines.join("\n") + "\n").unwrap();
    (dir, out)
}

fn by_name<'a>(groups: &'a [Group], name: &str) -> &'a Group {
    groups.iter().find(|g| g.group == name).unwrap()
}

#[test]
fn a_scene_with_another_guns_case_is_refused_and_said_so() {
    let (dir, out) = scenes();
    let run = group(&out, &["--group-by", "^([^/]+)/", "--same-gun"]).assert().code(0);
    let shown = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    assert!(shown.contains("members_disagree"), "{shown}");
    let groups = of(&out);
    assert_eq!(by_name(&groups, "17").best.as_deref(), Some("A7CK2MP4"));
    // A path may hold a blank: each stands on a line of its own.
    let mut table = csv::Reader::from_path(out.join("groups.csv")).unwrap();
    let rows: Vec<std::collections::BTreeMap<String, String>> =
        table.deserialize().map(Result::unwrap).collect();
    assert_eq!((rows[0]["taken"].as_str(), rows[0]["left_out"].as_str()), ("17/a.png\n17/b.png", ""));
    let mixed = by_name(&groups, "18");
    assert_eq!((mixed.status, mixed.code.as_deref()), (Status::Unreadable, Some("????????")));

    let truth = dir.path().join("truth.csv");
    fs::write(
        &truth,
        "path,code,gun\n17/a.png,A7CK2MP4,A\n17/b.png,A7CK2MP4,A\n18/a.png,B8DL3NR5,B\n18/b.png,XYZ34567,C\n",
    )
    .unwrap();
    let run = microstamp().arg("score").arg(&out).arg("--truth").arg(&truth).assert().code(0);
    let text = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    assert!(text.contains("## Read together: 1 groups, 2.0 cases of one gun each"), "{text}");
    assert!(text.contains("Groups of several codes, left out above: 1, of which 0 got a whole code."));
}

#[test]
fn what_many_clear_photographs_agree_on_leaves_the_other_symbols_next_to_nothing() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    let lines: Vec<String> = (0..12).map(|i| line(&format!("17/{i}.png"), "A7CK2MP4")).collect();
    fs::write(out.join("results.jsonl"), lines.join("\n") + "\n").unwrap();
    group(&out, &["--group-by", "^([^/]+)/"]).assert().code(0);
    for place in &of(&out)[0].positions {
        let sum: f64 = place.alternatives.iter().map(|(_, p)| p).sum();
        assert!(sum < 1.001 && place.alternatives[1].1 < 0.001, "{place:?}");
    }
}

#[test]
fn what_was_read_together_is_looked_up_in_a_registry_as_one() {
    let (dir, out) = scenes();
    let (together, registry) = (dir.path().join("together"), dir.path().join("lab.sqlite"));
    group(&out, &["--group-by", "^([^/]+)/", "--same-gun", "-o", together.to_str().unwrap()])
        .assert()
        .code(0);
    let lab = |args: &[&str]| {
        let mut command = microstamp();
        command.args(args).arg("--registry").arg(&registry);
        command
    };
    lab(&["registry", "init"]).assert().code(0);
    let add = ["--code", "A7CK2MP4", "--format", "ifm8", "--make", "Colt", "--serial", "C1"];
    lab(&[&["registry", "add"], &add[..]].concat()).assert().code(0);
    let answers = dir.path().join("answers");
    let asked = ["trace", together.to_str().unwrap(), "--groups", "--why", "case 1"];
    let run = lab(&asked).arg("-o").arg(&answers).assert().code(0);
    let text = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    assert!(text.contains("| group ") && text.contains("1 group looked up, 1 not"), "{text}");
    let lines = fs::read_to_string(answers.join("traces.jsonl")).unwrap();
    let traces: Vec<serde_json::Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((&traces[0]["group"], &traces[0]["path"]), (&"17".into(), &serde_json::Value::Null));
    assert_eq!(traces[0]["candidates"][0]["serial"], "C1");
    // Photographs that contradict each other lead nowhere.
    assert_eq!(traces[1]["refused"], "its photographs contradict each other");
    assert!(traces[1]["candidates"].as_array().unwrap().is_empty());
    let log = lab(&["registry", "log"]).assert().code(0);
    assert!(String::from_utf8_lossy(&log.get_output().stdout).contains("read together: 17"));
    // Groups of other results than those that lie beside them are none.
    fs::copy(together.join(FILES[0]), out.join(FILES[0])).unwrap();
    let results = fs::read_to_string(out.join("results.jsonl")).unwrap();
    fs::write(out.join("results.jsonl"), results + "\n").unwrap();
    let refused = told(&mut lab(&["trace", out.to_str().unwrap(), "--groups", "--why", "case 1"]), 2);
    assert!(refused.contains("other results"), "{refused}");
    assert!(
        told(&mut lab(&["trace", "A7CK2MP4", "--groups", "--why", "case 1"]), 2).contains("without --groups")
    );
}

#[test]
fn somebodys_own_table_of_groups_stays() {
    let (dir, out) = scenes();
    let own = out.join("groups.csv");
    let table = "path,group,remark\n17/a.png,item 1,mine\n17/b.png,item 1,\n";
    fs::write(&own, table).unwrap();
    let refused = told(&mut group(&out, &["--groups", own.to_str().unwrap()]), 2);
    assert!(refused.contains("stays as it is"), "{refused}");
    assert_eq!(fs::read_to_string(&own).unwrap(), table);
    let elsewhere = dir.path().join("together");
    group(&out, &["--groups", own.to_str().unwrap(), "-o", elsewhere.to_str().unwrap()]).assert().code(0);
}

#[test]
fn a_table_groups_what_no_pattern_can() {
    let (dir, out) = scenes();
    let table = dir.path().join("groups.csv");
    fs::write(&table, "path,group\n17/a.png,item 1\n18/a.png,item 2\n17/b.png,item 1\n").unwrap();
    let run = group(&out, &["--groups", table.to_str().unwrap()]).assert().code(0);
    let remark = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(remark.contains("1 of 4 photographs are in no group, such as 18/b.png"), "{remark}");
    let groups = of(&out);
    let paths =
        |name: &str| by_name(&groups, name).members.iter().map(|m| m.path.clone()).collect::<Vec<_>>();
    assert_eq!(
        (paths("item 1"), paths("item 2")),
        (vec!["17/a.png".into(), "17/b.png".into()], vec!["18/a.png".into()])
    );
}

#[test]
fn a_grouping_that_cannot_be_meant_ends_before_anything_is_read_and_says_what_to_type() {
    let (dir, out) = scenes();
    let table = dir.path().join("groups.csv");
    fs::write(&table, "path,group\n17/x.png,item 1\n").unwrap();
    let table = table.to_str().unwrap();
    let [twice, open] = ["twice.csv", "open.csv"].map(|name| dir.path().join(name));
    fs::write(&twice, "path,group,group\n17/a.png,item 1,item 2\n").unwrap();
    fs::write(&open, "path,group\n17/a.png,\"item 1\n17/b.png,item 2\n").unwrap();
    for (asked, named) in [
        (vec!["--groups", twice.to_str().unwrap()], "two columns are called `group`"),
        (vec!["--groups", open.to_str().unwrap()], "a quotation mark is not closed"),
        (vec!["--group-by", "^case"], "try: --group-by '^([^/]+)/'"),
        (vec!["--group-by", "(case"], "is no regular expression"),
        (vec!["--groups", table], "line 2: no photograph 17/x.png"),
        (vec!["--same-gun"], "--group-by PATTERN"),
    ] {
        let after = told(&mut group(&out, &asked), 2);
        assert!(after.contains(named), "{after}");
        let fresh = dir.path().join("fresh");
        let mut command = microstamp();
        command.args(["decode", "-o"]).arg(&fresh).arg(lab()).args(&asked);
        let before = told(&mut command, 2);
        assert!(before.contains(named), "{before}");
        assert!(!fresh.exists() && !out.join(FILES[0]).exists());
    }
    fs::write(out.join("results.jsonl"), line("a.png", "A7CK2MP4").replace("\"views\"", "\"other\""))
        .unwrap();
    let old = told(&mut group(&out, &["--group-by", "."]), 2);
    assert!(old.contains("kept no scores") && old.contains("`microstamp decode`"), "{old}");
}
