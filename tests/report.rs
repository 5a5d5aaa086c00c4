//! `microstamp report`: what lies in its folder, and what a user does with it in a browser.
#![allow(clippy::unwrap_used)]

mod common;

use common::{decode, microstamp, records, say_lacking};
use microstamp::batch::Record;
use microstamp::pipeline::decode::Status;
use microstamp::pipeline::photo::sha256;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// Names that a page, a script or a table might take for its own.
const HOSTILE: &str = "<img src=x onerror=alert(1)>.png";

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    for (name, bytes) in files(from) {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// The lab's photographs and a hostile name among them, decoded: once for all tests, of which each
/// gets a copy.
fn lab(dir: &Path) -> (PathBuf, PathBuf, Vec<Record>) {
    static DECODED: OnceLock<PathBuf> = OnceLock::new();
    let decoded = DECODED.get_or_init(|| {
        // What a static holds is never dropped: it stays below target until the next run.
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
        let _ = std::fs::remove_dir_all(&dir);
        let photographs = dir.join("photographs");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab"), &photographs);
        let first = photographs.join("clean-00000-01/clean-00000-01_1.png");
        std::fs::create_dir_all(photographs.join("<b>scene")).unwrap();
        std::fs::copy(first, photographs.join("<b>scene").join(HOSTILE)).unwrap();
        decode(&photographs, &dir.join("out"), &[], 0);
        dir
    });
    let (photographs, out) = (dir.join("photographs"), dir.join("out"));
    copy(&decoded.join("photographs"), &photographs);
    copy(&decoded.join("out"), &out);
    let records = records(&out);
    (photographs, out, records)
}

/// Other results, as if the run had left them.
fn write(out: &Path, records: &[Record]) {
    let lines: Vec<String> = records.iter().map(|r| serde_json::to_string(r).unwrap() + "\n").collect();
    std::fs::write(out.join("results.jsonl"), lines.concat()).unwrap();
    let mut run: Value = serde_json::from_slice(&std::fs::read(out.join("run.json")).unwrap()).unwrap();
    run["outputs"]["results.jsonl"] = sha256(lines.concat().as_bytes()).into();
    // The seal is not made anew: a run without one is taken as it stands.
    run.as_object_mut().unwrap().remove("seal");
    std::fs::write(out.join("run.json"), run.to_string()).unwrap();
}

fn first(records: &[Record], status: Status) -> &Record {
    let length = |r: &Record| r.code.as_ref().is_none_or(|c| c.len() == 8);
    records.iter().find(|r| r.status == status && length(r)).unwrap()
}

/// Leads between three scenes, and a trace to a record with a hostile make.
fn casework(out: &Path, records: &[Record]) {
    let side = |r: &Record| {
        let scene = r.path.split('/').next();
        json!({ "out": "out", "path": r.path, "scene": scene, "sha256": r.sha256, "code": r.code, "status": "read" })
    };
    let by = |scene: &str| side(records.iter().find(|r| r.path.starts_with(scene)).unwrap());
    let (a, b, c) = (by("clean-00000-01/"), by("clean-00000-02/"), by("<b>scene/"));
    let pair = |a: &Value, b: &Value| json!({ "schema": 1, "kind": "pair", "a": a, "b": b, "shared": "C324RC1B", "log10_lr": 7.31, "agree": 8 });
    let group = json!({ "schema": 1, "kind": "group", "id": 1, "shared": "C324RC1B", "members": [a, b, c] });
    std::fs::write(out.join("leads.jsonl"), format!("{}\n{}\n{group}\n", pair(&a, &b), pair(&b, &c)))
        .unwrap();
    let candidate = json!({
        "posterior": 0.93, "differs": 0, "code": "C324RC1B", "format": "ifm8", "make": "<img src=x onerror=alert(1)>",
        "model": "P9", "calibre": "9 mm", "serial": "7XS0032", "importer": null, "dealer": "D-77",
        "sale_date": "2024-05-01", "country": "US", "state": "CA", "status": "sold", "from": "2024-02-01",
        "to": null, "purchaser": "purchaser-1",
    });
    let trace = json!({
        "schema": 1, "asked": a["code"], "path": a["path"], "sha256": a["sha256"], "reading_p": 0.99,
        "not_registered": 0.04, "unread": 0.03, "unregistered_share": 0.5, "records": 5, "compatible": 1,
        "by_chance": 0.04, "narrowed": null, "left_out": null, "other_format": 2, "refused": null, "candidates": [candidate],
    });
    std::fs::write(out.join("traces.jsonl"), format!("{trace}\n")).unwrap();
}

/// Runs `report OUT`; the photographs lie beside OUT.
fn report(out: &Path, more: &[&str], code: i32) -> String {
    let inputs = out.parent().unwrap().join("photographs");
    let run = microstamp().arg("report").arg(out).arg("--inputs").arg(inputs).args(more).assert().code(code);
    String::from_utf8(run.get_output().stderr.clone()).unwrap()
}

/// All files of a folder by relative name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|e| e.unwrap().into_path())
        .filter(|p| p.is_file())
        .map(|p| (p.strip_prefix(folder).unwrap().to_str().unwrap().into(), std::fs::read(&p).unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn a_report_is_the_same_for_any_number_of_threads_and_names_no_address() {
    let dir = TempDir::new().unwrap();
    let (_, out, _) = lab(dir.path());
    report(&out, &["--threads", "1"], 0);
    let two = dir.path().join("two");
    report(&out, &["--threads", "4", "-o", two.to_str().unwrap()], 0);
    let (a, b) = (files(&out.join("report")), files(&two));
    assert!(a.len() > 100);
    assert!(a == b, "files differ");
    for (name, bytes) in a {
        if !name.ends_with(".jpg") && !name.ends_with(".png") {
            let text = String::from_utf8(bytes).unwrap();
            // The namespace of SVG is a name and no address that is opened.
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http:") && !text.contains("https:"), "{name}");
            let markup = text.contains("<img src=x") || text.contains("<b>scene/");
            assert!(!(markup && name.ends_with(".html")), "{name}");
        }
    }
    assert!(report(&out, &[], 2).contains("report-2"), "an earlier report is not overwritten");
}

#[test]
fn leads_and_traces_of_other_readings_are_said_to_be_that() {
    let dir = TempDir::new().unwrap();
    let (_, out, records) = lab(dir.path());
    casework(&out, &records);
    let remark = "made from other results";
    assert!(!report(&out, &[], 0).contains(remark));
    // The photograph of the trace, of which the hostile folder holds a copy, is read otherwise now.
    let mut others = records;
    let traced = others.iter().find(|r| r.path.starts_with("clean-00000-01/")).unwrap().sha256.clone();
    for record in others.iter_mut().filter(|r| r.sha256 == traced) {
        (record.status, record.code) = (Status::Unreadable, Some("????????".into()));
    }
    write(&out, &others);
    let said = report(&out, &["-o", dir.path().join("later").to_str().unwrap()], 0);
    assert!(
        said.contains("3 of the leads and 1 of the traces were made") && said.contains("microstamp link"),
        "{said}"
    );
    let page = |name: &str| std::fs::read_to_string(dir.path().join("later").join(name)).unwrap();
    assert!(
        page("leads.html").contains("3 of these lines were made")
            && page("traces.html").contains("1 of these")
            && page("traces.html").contains("2 records of other formats")
    );
}

#[test]
fn traces_of_photographs_of_another_run_are_said_to_be_that() {
    let dir = TempDir::new().unwrap();
    let (_, out, records) = lab(dir.path());
    casework(&out, &records);
    let own = std::fs::read_to_string(out.join("traces.jsonl")).unwrap();
    let mut other: serde_json::Value = serde_json::from_str(own.lines().next().unwrap()).unwrap();
    other["sha256"] = "00".into();
    std::fs::write(out.join("traces.jsonl"), format!("{own}{other}\n")).unwrap();
    let said = report(&out, &[], 0);
    assert!(said.contains("1 of the traces are about photographs that"), "{said}");
    let page = std::fs::read_to_string(out.join("report/traces.html")).unwrap();
    assert_eq!(page.matches("Not a photograph of this report").count(), 1);
}

#[test]
fn readings_that_were_altered_with_their_hash_break_the_seal_and_are_said_to_be_that() {
    let dir = TempDir::new().unwrap();
    let (_, out, mut records) = lab(dir.path());
    let seal = |out: &Path| -> Value {
        let run: Value = serde_json::from_slice(&std::fs::read(out.join("run.json")).unwrap()).unwrap();
        run["seal"].clone()
    };
    let kept = seal(&out);
    let read = records.iter_mut().find(|r| r.status == Status::Read).unwrap();
    read.code = Some("ZZZZZZZZ".into());
    write(&out, &records);
    let mut run: Value = serde_json::from_slice(&std::fs::read(out.join("run.json")).unwrap()).unwrap();
    run["seal"] = kept;
    std::fs::write(out.join("run.json"), run.to_string()).unwrap();
    let said = report(&out, &[], 1);
    assert!(
        said.contains("run.json is not as its run left it") && said.contains("microstamp verify"),
        "{said}"
    );
    let index = std::fs::read_to_string(out.join("report/index.html")).unwrap();
    assert!(index.contains("its seal is broken"), "{index}");
    let registry = dir.path().join("registry.sqlite");
    microstamp().args(["registry", "init", "--registry"]).arg(&registry).assert().success();
    let (out, registry) = (out.to_str().unwrap(), registry.to_str().unwrap());
    let truth = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/lab/truth.csv");
    let beside = dir.path().join("beside");
    let beside = beside.to_str().unwrap();
    for works in [
        &["link", out, "-o", beside][..],
        &["group", out, "--group-by", "^([^/]+)/", "-o", beside],
        &["trace", out, "--registry", registry, "--why", "case 1"],
        &["score", out, "--truth", truth],
    ] {
        let run = microstamp().args(works).assert();
        let said = String::from_utf8(run.get_output().stderr.clone()).unwrap();
        assert!(said.contains("run.json is not as its run left it"), "{works:?}: {said}");
    }
}

/// A joint reading is evidence like a photograph's own.
#[test]
fn groups_that_were_altered_after_the_run_are_said_to_be_that() {
    let dir = TempDir::new().unwrap();
    let (_, out, _) = lab(dir.path());
    microstamp().arg("group").arg(&out).args(["--group-by", "^([^/]+)/"]).assert().success();
    let groups = std::fs::read_to_string(out.join("groups.jsonl")).unwrap();
    let mut manifest =
        microstamp::batch::manifest::Manifest::parse(&std::fs::read(out.join("run.json")).unwrap()).unwrap();
    manifest.outputs.insert("groups.jsonl".into(), sha256(groups.as_bytes()));
    manifest.write(&out).unwrap();
    assert!(!report(&out, &[], 0).contains("groups.jsonl"));
    let page = std::fs::read_to_string(out.join("report/groups.html")).unwrap();
    assert!(page.contains(&sha256(groups.as_bytes())), "{page}");
    std::fs::write(out.join("groups.jsonl"), groups.replace("C324RC1B", "C324RC18")).unwrap();
    let said = report(&out, &["-o", dir.path().join("again").to_str().unwrap()], 1);
    assert!(said.contains("groups.jsonl is not as its run left it"), "{said}");
    let index = std::fs::read_to_string(dir.path().join("again/index.html")).unwrap();
    assert!(index.contains("were changed after the run"), "{index}");
}

#[test]
fn two_runs_that_call_scenes_alike_are_told_apart_and_a_copy_is_no_second_witness() {
    let dir = TempDir::new().unwrap();
    let (_, out, records) = lab(dir.path());
    casework(&out, &records);
    let leads = std::fs::read_to_string(out.join("leads.jsonl")).unwrap();
    assert!(!leads.contains("monday"));
    // The second photograph of each pair is of another run.
    let other = leads.lines().next().unwrap().rsplitn(2, r#""out":"out""#).collect::<Vec<_>>();
    let line = format!(r#"{}"out":"/lab/monday"{}"#, other[1], other[0]);
    std::fs::write(out.join("leads.jsonl"), line + "\n").unwrap();
    report(&out, &[], 0);
    let page = |name: &str| std::fs::read_to_string(out.join("report").join(name)).unwrap();
    let leads = page("leads.html");
    assert!(leads.contains("out: clean-00000-0") && leads.contains("monday: clean-00000-0"), "{leads}");
    // The hostile name is a copy of the photograph beside it.
    let copy = records.iter().position(|r| r.path.contains(HOSTILE)).unwrap();
    let page = page(&format!("photographs/{:05}.html", copy + 1));
    assert_eq!(page.matches("the same file under another name").count(), 1, "{page}");
}

#[test]
fn what_was_read_together_is_shown_with_each_photographs_part_in_it() {
    let dir = TempDir::new().unwrap();
    let (_, out, _) = lab(dir.path());
    // A gun a group, and a group of the hostile name alone.
    let by = r"^(clean-\d+|<b>scene)";
    microstamp().arg("group").arg(&out).args(["--same-gun", "--group-by", by]).assert().code(0);
    report(&out, &[], 0);
    let page = |name: &str| std::fs::read_to_string(out.join("report").join(name)).unwrap();
    let groups = page("groups.html");
    assert!(groups.contains("<bdi>clean-00000</bdi>: 2 cases of one gun"), "{groups}");
    assert!(groups.contains(r#"<a href="photographs/00001.html"><bdi>"#));
    assert!(groups.contains("this is its own reading") && !groups.contains("<b>scene"));
    assert!(page("index.html").contains(r#"<a href="groups.html">Read together</a>"#));
}

#[test]
fn leads_of_another_run_are_said_to_be_anothers_though_the_groups_are_this_ones() {
    let dir = TempDir::new().unwrap();
    let (_, out, records) = lab(dir.path());
    casework(&out, &records);
    let by = r"^(clean-\d+|<b>scene)";
    microstamp().arg("group").arg(&out).args(["--same-gun", "--group-by", by]).assert().code(0);
    assert!(!report(&out, &[], 0).contains("no lead or trace"));
    for name in ["leads.jsonl", "traces.jsonl"] {
        let mut lines = std::fs::read_to_string(out.join(name)).unwrap();
        for hash in records.iter().filter_map(|r| r.sha256.as_ref()) {
            lines = lines.replace(hash.as_str(), &hash.chars().rev().collect::<String>());
        }
        std::fs::write(out.join(name), lines).unwrap();
    }
    let said = report(&out, &["-o", dir.path().join("again").to_str().unwrap()], 0);
    assert!(said.contains("no lead or trace is about a photograph of this run"), "{said}");
}

#[test]
fn photographs_that_changed_or_are_gone_are_named_and_not_shown() {
    let dir = TempDir::new().unwrap();
    let (photographs, out, records) = lab(dir.path());
    let (changed, gone) = (&records[1], &records[2]);
    let mut bytes = std::fs::read(photographs.join(&changed.path)).unwrap();
    bytes.push(0);
    std::fs::write(photographs.join(&changed.path), bytes).unwrap();
    std::fs::remove_file(photographs.join(&gone.path)).unwrap();
    let said = report(&out, &[], 1);
    assert!(said.contains(&changed.path) && said.contains(&gone.path) && said.contains("--inputs"), "{said}");
    let page = |n: &str| std::fs::read_to_string(out.join(format!("report/photographs/{n}.html"))).unwrap();
    assert!(page("00001").contains("its SHA-256 is the same"));
    assert!(page("00002").contains("is not the one that was read") && !page("00002").contains("<image"));
    assert!(page("00003").contains("was not found") && page("00003").contains("sha256"));
    let index = std::fs::read_to_string(out.join("report/index.html")).unwrap();
    assert!(index.contains("2 not shown"));
}

#[test]
fn a_blind_folder_tells_nothing_that_was_read() {
    let dir = TempDir::new().unwrap();
    let (_, out, records) = lab(dir.path());
    report(&out, &["--blind"], 0);
    let blind = files(&out.join("blind"));
    let codes: Vec<&String> = records.iter().flat_map(|r| [&r.code, &r.best]).flatten().collect();
    assert!(codes.len() > 10);
    for (name, bytes) in &blind {
        let text = String::from_utf8_lossy(bytes);
        for code in codes.iter().filter(|c| !c.starts_with("??")) {
            assert!(!text.contains(code.as_str()), "{name} has {code}");
        }
        let reveals = name.starts_with("reveal/");
        assert!(reveals || !text.contains("confidence") || name.starts_with("assets/"), "{name}");
    }
    let names: Vec<&str> = blind.iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        names.contains(&"reveal/00001.js") && !names.iter().any(|n| n.contains("mark") || n.contains("ink"))
    );
}

#[test]
fn in_a_browser() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let runs =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    for (there, what) in [
        (runs("chromium"), "chromium (Debian: chromium)"),
        (runs("node"), "node (Debian: nodejs, npm)"),
        (tests.join("node_modules").is_dir(), "tests/browser/node_modules (npm ci --prefix tests/browser)"),
    ] {
        if !there {
            say_lacking(&format!("{what} is not there"));
            return;
        }
    }
    let dir = TempDir::new().unwrap();
    let (photographs, out, mut records) = lab(dir.path());
    casework(&out, &records);

    let four = dir.path().join("four");
    std::fs::create_dir(&four).unwrap();
    std::fs::copy(out.join("run.json"), four.join("run.json")).unwrap();
    let read: Vec<&Record> = records.iter().filter(|r| r.status == Status::Read).collect();
    let last = *read.last().unwrap();
    let (unread, none) = (first(&records, Status::Unreadable), first(&records, Status::NoMark));
    write(&four, &[first(&records, Status::Read), last, unread, none].map(Clone::clone));
    report(&four, &["--blind"], 0);

    // More than a page of the list.
    let sure = first(&records, Status::Read).clone();
    let with_ring =
        records.iter().find(|r| r.status == Status::Read && r.gear.is_some()).unwrap_or(&sure).clone();
    std::fs::create_dir(photographs.join("copies")).unwrap();
    for i in 0..130 {
        let path = format!("copies/{i:03}.png");
        std::fs::copy(photographs.join(&with_ring.path), photographs.join(&path)).unwrap();
        records.push(Record { path, ..with_ring.clone() });
    }
    write(&out, &records);
    let by = r"^([a-z]+-\d+)-";
    microstamp().arg("group").arg(&out).args(["--same-gun", "--group-by", by]).assert().code(0);
    report(&out, &[], 0);

    let status = Command::new("node")
        .arg("--test")
        .arg(tests.join("report.test.mjs"))
        .env("REPORT", out.join("report"))
        .env("RUN", &out)
        .env("BLIND", four.join("blind"))
        .env("FOUR", &four)
        .env("MICROSTAMP", assert_cmd::cargo::cargo_bin("microstamp"))
        .status()
        .unwrap();
    assert!(status.success(), "the browser's tests failed, see above");
}
