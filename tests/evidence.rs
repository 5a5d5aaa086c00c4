//! Nothing lost, nothing touched: runs cut off and resumed, originals, names, provenance.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "evidence/verify.rs"]
mod verify;

use common::{decode, microstamp, picture, records, say_lacking};
use microstamp::batch::manifest::{Manifest, Previous, is_sealed};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Photographs of which the fourth is broken, and the folder of a whole run over them.
fn lab() -> (TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (lab, whole) = (dir.path().join("lab"), dir.path().join("whole"));
    for i in 0..8 {
        picture(&lab.join(format!("case-{}/{i}.png", i / 3)), 30 + 9 * i, 40);
    }
    fs::write(lab.join("case-1/3.png"), "no picture").unwrap();
    decode(&lab, &whole, &[], 1);
    (dir, lab, whole)
}

/// OUT as a run that was cut off leaves it: the first `bytes` of results.jsonl, `rows` of each table.
fn cut_off(whole: &Path, out: &Path, bytes: usize, rows: usize) {
    fs::create_dir_all(out).unwrap();
    let results = fs::read(whole.join("results.jsonl")).unwrap();
    fs::write(out.join("results.jsonl"), &results[..bytes]).unwrap();
    for table in ["results.csv", "failures.csv", "timings.csv"] {
        let text = fs::read_to_string(whole.join(table)).unwrap();
        let kept: Vec<&str> = text.split_inclusive('\n').take(rows + 1).collect();
        fs::write(out.join(table), kept.concat()).unwrap();
    }
    let mut manifest = manifest(whole);
    manifest.finished = None;
    manifest.complete = false;
    manifest.outputs.clear();
    manifest.write(out).unwrap();
}

fn manifest(out: &Path) -> Manifest {
    Manifest::parse(&fs::read(out.join("run.json")).unwrap()).unwrap()
}

fn same_files(a: &Path, b: &Path) {
    for name in ["results.jsonl", "results.csv", "failures.csv"] {
        assert!(fs::read(a.join(name)).unwrap() == fs::read(b.join(name)).unwrap(), "{name}");
    }
    let rows = |out: &Path| csv::Reader::from_path(out.join("timings.csv")).unwrap().records().count();
    assert_eq!(rows(a), rows(b));
}

#[test]
fn a_run_cut_off_anywhere_is_resumed_to_the_same_bytes() {
    let (dir, lab, whole) = lab();
    let results = fs::read(whole.join("results.jsonl")).unwrap();
    let ends: Vec<usize> =
        results.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1).collect();
    // At the start, in a line, one byte before its end, at its end, after the last line; tables behind and ahead.
    let cuts =
        [(0, 0), (7, 0), (ends[0] - 1, 1), (ends[2], 2), (ends[4] + 20, 3), (ends[5], 8), (ends[7], 8)];
    for (i, (bytes, rows)) in cuts.into_iter().enumerate() {
        let out = dir.path().join(format!("out-{i}"));
        cut_off(&whole, &out, bytes, rows);
        decode(&lab, &out, &["--resume"], 1);
        same_files(&out, &whole);
        let run = manifest(&out);
        assert_eq!(run.kept, ends.iter().filter(|end| **end <= bytes).count());
        assert!(
            run.complete && run.previous.unwrap().file == "run-1.json" && out.join("run-1.json").exists()
        );
    }
    // Zeros, which some file systems leave behind after a power cut.
    let out = dir.path().join("zeros");
    cut_off(&whole, &out, ends[3], 4);
    let file = fs::File::options().append(true).open(out.join("results.jsonl")).unwrap();
    file.set_len(ends[3] as u64 + 4096).unwrap();
    decode(&lab, &out, &["--resume"], 1);
    same_files(&out, &whole);
}

#[test]
fn what_works_with_readings_says_that_a_run_is_unfinished_and_how_it_goes_on() {
    let (dir, lab, whole) = lab();
    let results = fs::read(whole.join("results.jsonl")).unwrap();
    let first = results.iter().position(|b| *b == b'\n').unwrap() + 1;
    let (cut, torn) = (dir.path().join("cut"), dir.path().join("torn"));
    cut_off(&whole, &cut, first, 1);
    cut_off(&whole, &torn, first + 20, 1);
    let leads = dir.path().join("leads");
    for verb in [vec!["link", "-o", leads.to_str().unwrap()], vec!["report"], vec!["report", "--blind"]] {
        let run = |out: &Path, code: i32| {
            let done = microstamp().args(&verb).arg(out).assert().code(code);
            String::from_utf8_lossy(&done.get_output().stderr).into_owned()
        };
        let text = run(&cut, 0);
        assert!(
            text.contains("has not read all of its 8 photographs") && text.contains("--resume"),
            "{text}"
        );
        let text = run(&torn, 2);
        assert!(text.contains("line 2: ") && text.contains("--resume"), "{text}");
    }
    for page in ["report/index.html", "blind/index.html"] {
        assert!(
            fs::read_to_string(cut.join(page)).unwrap().contains("1 of 8 photographs were read"),
            "{page}"
        );
    }
    // Whatever is made of readings is not written among the photographs, wherever the command is typed.
    assert!(Path::new(&manifest(&whole).inputs[0]).is_absolute());
    let refused =
        microstamp().arg("link").arg(&whole).arg("-o").arg(lab.join("case-0/leads")).assert().code(2);
    let text = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(text.contains("must stay apart"), "{text}");
}

#[test]
fn resume_starts_where_nothing_is_and_does_nothing_where_all_is_done() {
    let (dir, lab, whole) = lab();
    let out = dir.path().join("out");
    decode(&lab, &out, &["--resume"], 1);
    same_files(&out, &whole);
    let before = fs::read(out.join("run.json")).unwrap();
    decode(&lab, &out, &["--resume"], 1);
    assert!(fs::read(out.join("run.json")).unwrap() == before && !out.join("run-1.json").exists());
    // Without it a folder that is not empty is refused, and the way on is named.
    let refused = microstamp().arg("decode").arg(&lab).arg("-o").arg(&out).assert().code(2);
    assert!(String::from_utf8_lossy(&refused.get_output().stderr).contains("--resume"));
}

#[test]
fn what_is_gone_of_a_finished_run_is_made_again() {
    let (_dir, lab, out) = lab();
    // Not timings.csv: milliseconds are others each time.
    for name in ["results.jsonl", "results.csv", "failures.csv"] {
        let whole = fs::read(out.join(name)).unwrap();
        fs::remove_file(out.join(name)).unwrap();
        decode(&lab, &out, &["--resume"], 1);
        assert!(fs::read(out.join(name)).unwrap() == whole, "{name}");
        microstamp().arg("verify").arg(&out).assert().code(0);
    }
    // What was altered is not passed over, nor signed as it is.
    let table = out.join("results.csv");
    let whole = fs::read(&table).unwrap();
    fs::write(&table, "path,code\n").unwrap();
    let run = microstamp().arg("decode").arg(&lab).arg("-o").arg(&out).arg("--resume").assert().code(1);
    let said = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(said.contains("made anew: results.csv"), "{said}");
    assert!(fs::read(&table).unwrap() == whole);
}

#[test]
fn a_run_json_that_was_changed_is_neither_followed_nor_kept_as_whole() {
    let (_dir, lab, out) = lab();
    let altered = |name: &str| {
        let text = fs::read_to_string(out.join(name)).unwrap();
        fs::write(out.join(name), text.replacen("\"cores\": ", "\"cores\": 9", 1)).unwrap();
    };
    altered("run.json");
    for flag in ["--resume", "--retry-failed"] {
        let run = microstamp().arg("decode").arg(&lab).arg("-o").arg(&out).arg(flag).assert().code(2);
        let said = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
        assert!(said.contains("its seal does not fit") && said.contains("microstamp verify"), "{said}");
        assert!(!out.join("run-1.json").exists());
    }
    // A chain that another program has made over it.
    let mut run = manifest(&out);
    let bytes = fs::read(out.join("run.json")).unwrap();
    fs::write(out.join("run-1.json"), &bytes).unwrap();
    let sha256 = microstamp::pipeline::photo::sha256(&bytes);
    run.previous = Some(Previous { file: "run-1.json".into(), sha256 });
    run.write(&out).unwrap();
    let verified = microstamp().arg("verify").arg(&out).assert().code(1);
    let said = String::from_utf8_lossy(&verified.get_output().stdout).into_owned();
    assert!(said.contains("differs  run-1.json: changed before a run followed it"), "{said}");
}

#[test]
fn another_run_is_not_resumed_and_every_difference_is_named() {
    let (dir, lab, whole) = lab();
    let out = dir.path().join("out");
    let config = dir.path().join("s.toml");
    fs::write(&config, "[photo]\nmax_megapixels = 20.0\n").unwrap();
    let results = fs::read(whole.join("results.jsonl")).unwrap();
    let cut = results.len() / 2;
    let refused = |more: &[&str]| {
        let run = microstamp()
            .arg("decode")
            .arg(&lab)
            .arg("-o")
            .arg(&out)
            .arg("--resume")
            .args(more)
            .assert()
            .code(2);
        String::from_utf8(run.get_output().stderr.clone()).unwrap()
    };
    cut_off(&whole, &out, cut, 3);
    let said = refused(&[
        "--config",
        config.to_str().unwrap(),
        "--format",
        "ifm8",
        "--engine",
        "template",
        "--um-per-px",
        "3",
    ]);
    for named in [
        "photo.max_megapixels: 64 then, 20 now",
        "formats",
        "engine: learned then, template now",
        "um-per-px: none then, 3 now",
    ] {
        assert!(said.contains(named), "{named}\n{said}");
    }
    let mut other = manifest(&out);
    other.version = "0.0.9".into();
    other.commit = Some("0123456789".into());
    other.weights_sha256 = "00".into();
    other.calibration_sha256 = "11".into();
    other.write(&out).unwrap();
    let said = refused(&["--page", "fuse"]);
    for named in [
        "version: 0.0.9 then",
        "commit: 0123456789 then",
        "weights: 00 then",
        "curves and bars: 11 then",
        "--page: none then, fuse now",
    ] {
        assert!(said.contains(named), "{named}\n{said}");
    }

    cut_off(&whole, &out, cut, 3);
    let untouched = fs::read(lab.join("case-0/1.png")).unwrap();
    picture(&lab.join("case-0/new.png"), 8, 8);
    fs::remove_file(lab.join("case-2/7.png")).unwrap();
    fs::write(lab.join("case-0/1.png"), [&untouched[..], b"x"].concat()).unwrap();
    let said = refused(&[]);
    for named in ["case-0/new.png: not there then", "case-2/7.png: there then, not now", "case-0/1.png: "] {
        assert!(said.contains(named), "{named}\n{said}");
    }
    // The same names and sizes, another content.
    fs::remove_file(lab.join("case-0/new.png")).unwrap();
    picture(&lab.join("case-2/7.png"), 30 + 9 * 7, 40);
    let mut changed = untouched.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(lab.join("case-0/1.png"), &changed).unwrap();
    assert!(refused(&[]).contains("case-0/1.png: changed since it was read"));
    fs::write(lab.join("case-0/1.png"), &untouched).unwrap();

    // A line that is damaged and not the last one is no torn line.
    let mut damaged = results[..cut].to_vec();
    damaged[3] = b'#';
    fs::write(out.join("results.jsonl"), &damaged).unwrap();
    assert!(refused(&[]).contains("line 1"));
    cut_off(&whole, &out, cut, 3);
    decode(&lab, &out, &["--resume"], 1);
    same_files(&out, &whole);
}

#[test]
fn what_failed_is_read_again_in_its_place() {
    let (dir, lab, whole) = lab();
    let out = dir.path().join("out");
    cut_off(&whole, &out, fs::metadata(whole.join("results.jsonl")).unwrap().len() as usize, 8);
    // The photograph could not be read for a while, and no byte of it was seen.
    let good = fs::read(lab.join("case-0/2.png")).unwrap();
    let text = fs::read_to_string(out.join("results.jsonl")).unwrap();
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    lines[2] = serde_json::to_string(&microstamp::batch::Record::failed(
        "case-0/2.png",
        None,
        microstamp::Failure::new("load", "cannot open the file", "check"),
    ))
    .unwrap();
    fs::write(out.join("results.jsonl"), lines.join("\n") + "\n").unwrap();
    decode(&lab, &out, &["--retry-failed"], 1);
    same_files(&out, &whole);
    // Of the eight lines two were read again, one of which fails still.
    assert_eq!((manifest(&out).counts.failed, manifest(&out).kept), (1, 6));
    assert!(fs::read(lab.join("case-0/2.png")).unwrap() == good);
}

#[test]
fn a_photograph_that_failed_may_be_mended_and_no_other() {
    let (_dir, lab, out) = lab();
    let again = |flag: &str, code: i32| {
        let mut run = microstamp();
        let run = run.arg("decode").arg(&lab).arg("-o").arg(&out).arg(flag).assert().code(code);
        String::from_utf8_lossy(&run.get_output().stderr).into_owned()
    };
    picture(&lab.join("case-1/3.png"), 57, 40);
    let refused = again("--resume", 2);
    assert!(refused.contains("case-1/3.png") && refused.contains("--retry-failed"), "{refused}");
    // Groups of the readings before say nothing of those now.
    microstamp().arg("group").arg(&out).args(["--group-by", "^([^/]+)/"]).assert().code(0);
    let said = again("--retry-failed", 0);
    assert!(
        said.contains("8 photographs, 1 of them read now") && said.contains("groups.jsonl and groups.csv"),
        "{said}"
    );
    assert!(!out.join("groups.jsonl").exists());
    assert_eq!((manifest(&out).counts.failed, manifest(&out).kept), (0, 7));
    let verified = microstamp().arg("verify").arg(&out).assert().code(0);
    drop(verified);
    // The others are as they were, failed ones beside them or not.
    fs::write(lab.join("case-1/3.png"), "no picture").unwrap();
    assert!(again("--retry-failed", 2).contains("case-1/3.png"));
}

#[cfg(unix)]
#[test]
fn links_out_of_the_input_are_said_to_be_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let lab = dir.path().join("lab");
    picture(&lab.join("a.png"), 30, 40);
    picture(&dir.path().join("elsewhere/b.png"), 40, 40);
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), lab.join("linked")).unwrap();
    let run = microstamp().arg("decode").arg(&lab).arg("-o").arg(dir.path().join("out")).assert().code(0);
    let said = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(said.contains("1 symbolic links lead out") && said.contains("--follow-links"), "{said}");
}

#[test]
fn two_programs_do_not_write_into_one_folder() {
    let (dir, lab, whole) = lab();
    let out = dir.path().join("out");
    cut_off(&whole, &out, 0, 0);
    let held = microstamp::batch::output::hold(&out).unwrap();
    if held.is_none() {
        say_lacking("this system does not lock folders");
        return;
    }
    let refused = microstamp().arg("decode").arg(&lab).arg("-o").arg(&out).arg("--resume").assert().code(2);
    assert!(String::from_utf8_lossy(&refused.get_output().stderr).contains("another microstamp"));
    let registry = dir.path().join("registry.sqlite");
    microstamp().args(["registry", "init", "--registry"]).arg(&registry).assert().code(0);
    let files = || -> Vec<_> {
        let mut names: Vec<_> = fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let (before, registry, whole) = (files(), registry.to_str().unwrap(), whole.to_str().unwrap());
    let here = out.to_str().unwrap();
    for writes in [
        &["group", here, "--group-by", "^([^/]+)/"][..],
        &["group", whole, "--group-by", "^([^/]+)/", "-o", here],
        &["link", here],
        &["link", whole, "-o", here],
        &["trace", whole, "--registry", registry, "--why", "case 1", "-o", here],
        &["report", here],
        &["report", here, "--blind"],
    ] {
        let refused = microstamp().args(writes).assert().code(2);
        let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(said.contains("another microstamp is at work"), "{writes:?}: {said}");
        assert_eq!(files(), before, "{writes:?}");
    }
    drop(held);
    decode(&lab, &out, &["--resume"], 1);
}

#[test]
fn run_json_names_every_file_and_photograph_and_seals_itself() {
    let (dir, lab, whole) = lab();
    let run = manifest(&whole);
    let hash = |path: &Path| microstamp::batch::disk::sha256_of(path).unwrap();
    for (name, sha256) in &run.outputs {
        assert_eq!(*sha256, hash(&whole.join(name)));
    }
    assert_eq!(run.outputs.len(), 4);
    assert_eq!((run.evidence.len(), run.weights_sha256.len()), (8, 64));
    for (evidence, record) in run.evidence.iter().zip(records(&whole)) {
        assert_eq!(evidence.path, record.path);
        assert_eq!(evidence.sha256, Some(hash(&lab.join(&evidence.path))));
    }
    assert!(is_sealed(&fs::read(whole.join("run.json")).unwrap()));
    // Whoever notes what is printed has the hash of what names all others.
    let out = dir.path().join("again");
    let again = microstamp().arg("decode").arg(&lab).arg("-o").arg(&out).assert().code(1);
    let said = String::from_utf8_lossy(&again.get_output().stderr).into_owned();
    assert!(said.contains(&hash(&out.join("run.json"))), "{said}");
}

#[cfg(unix)]
#[test]
fn hostile_names_are_told_apart_and_steer_nothing() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let (lab, out) = (dir.path().join("lab"), dir.path().join("out"));
    let long = [b"l".repeat(251), b".png".to_vec()].concat();
    let names: [&[u8]; 10] = [
        b"=cmd|' calc'!A0.png",
        b"-1.png",
        b"@a.png",
        b"a\n\"quoted\",b.png",
        b"a\x1b[2J.png",
        b"a\xff.png",
        b"a\xfe.png",
        b"..a..png",
        "a\u{202e}gnp.png".as_bytes(),
        &long,
    ];
    for name in names {
        picture(&lab.join(OsStr::from_bytes(name)), 8, 8);
    }
    fs::write(lab.join("=broken.png"), "no picture").unwrap();
    let run = microstamp().arg("decode").arg(&lab).arg("-o").arg(&out).assert().code(1);
    let stderr = &run.get_output().stderr;
    assert!(!stderr.contains(&0x1b), "{}", String::from_utf8_lossy(stderr));
    let listed = microstamp().arg("decode").arg(&lab).arg("--dry-run").assert().code(0);
    // A hidden file is left out: its name begins with a dot.
    assert_eq!(listed.get_output().stdout.iter().filter(|b| **b == b'\n').count(), names.len() + 2);
    assert!(!listed.get_output().stdout.contains(&0x1b));

    let paths: std::collections::BTreeSet<String> = records(&out).into_iter().map(|r| r.path).collect();
    assert_eq!(paths.len(), names.len(), "no two names became one: {paths:?}");
    assert!(paths.contains("a\n\"quoted\",b.png") && paths.contains("a\u{fffd}ff.png"));
    let text = fs::read_to_string(out.join("results.csv")).unwrap();
    assert_eq!(text.lines().count(), names.len() + 1, "a line a row");
    for table in ["results.csv", "failures.csv", "timings.csv"] {
        let mut table = csv::Reader::from_path(out.join(table)).unwrap();
        for row in table.records() {
            let first = row.unwrap()[0].to_string();
            assert!(!first.starts_with(['=', '+', '-', '@', '\t', '\r']), "{first}");
        }
    }
}

#[test]
fn originals_are_not_touched_and_results_do_not_come_among_them() {
    let (dir, lab, _) = lab();
    let inside = lab.join("out");
    let refused = microstamp().arg("decode").arg(&lab).arg("-o").arg(&inside).assert().code(2);
    assert!(String::from_utf8_lossy(&refused.get_output().stderr).contains("must stay apart"));
    assert!(!inside.exists());
    // A folder that may not be written at all is read all the same.
    let photographs = lab.join("case-0");
    let stamps = || -> Vec<_> {
        let mut paths: Vec<_> = fs::read_dir(&photographs).unwrap().map(|e| e.unwrap().path()).collect();
        paths.sort();
        let stamp = |p: PathBuf| {
            let modified = fs::metadata(&p).unwrap().modified().unwrap();
            (fs::read(&p).unwrap(), p, modified)
        };
        paths.into_iter().map(stamp).collect()
    };
    let before = stamps();
    assert_eq!(before.len(), 3);
    for path in [photographs.join("0.png"), photographs.clone()] {
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
    }
    let out = dir.path().join("out");
    decode(&photographs, &out, &[], 0);
    let (originals, out) = (photographs.to_str().unwrap(), out.to_str().unwrap());
    let seen = dir.path().join("seen");
    for works in [
        &["inspect", &format!("{originals}/0.png"), "-o", seen.to_str().unwrap()][..],
        &["bench", originals, "--runs", "1"],
        &["group", out, "--group-by", "^([0-9])"],
        &["report", out],
        &["verify", out, "--inputs", originals],
    ] {
        microstamp().args(works).assert().code(0);
    }
    assert!(stamps() == before);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&photographs, fs::Permissions::from_mode(0o755)).unwrap();
    }
}
