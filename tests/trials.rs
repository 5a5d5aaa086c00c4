//! Trials of what a night's batch may meet. A short one of each runs with the tests; the long ones, whose
//! figures stand in the README, by
//! `cargo test --release --test trials -- --ignored --nocapture --test-threads 1`.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/nothing.rs"]
mod nothing;
#[path = "common/seeds.rs"]
mod seeds;

use common::{decode, microstamp, records, say_skipped};
use microstamp::batch::progress::Progress;
use microstamp::batch::{Record, inputs, runner};
use microstamp::pipeline::Pipeline;
use microstamp::pipeline::decode::Status;
use microstamp::pipeline::scheme::Scheme;
use microstamp::{Settings, engines};
use rand_chacha::rand_core::RngCore;
use seeds::{below, files, generator, mutate};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Seed of all trials.
const SEED: u64 = 2026;

/// The command as the system starts it, to be killed.
fn program() -> Command {
    let mut command = Command::new(microstamp().get_program());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A folder of small simulated photographs of every profile and file kind.
fn photographs(count: usize, px: usize) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let lab = dir.path().join("lab");
    let (count, px) = (count.to_string(), px.to_string());
    let made = microstamp()
        .args(["synth", "--seed", "11", "--count", &count, "--long-px", &px, "--quiet", "-o"])
        .arg(&lab)
        .assert();
    made.code(0);
    (dir, lab)
}

/// Settings with which every photograph is read once, however doubtful: what is tried with them is what becomes of
/// lines and files, not what they say.
fn once(dir: &TempDir) -> String {
    let path = dir.path().join("once.toml");
    fs::write(&path, "[mark]\ndoubtful_below = 0.0\n").unwrap();
    path.to_str().unwrap().into()
}

/// `kill -9` at a random moment of a run, then --resume.
fn kills(times: usize, count: usize) {
    let (dir, lab) = photographs(count, 240);
    let (whole, once) = (dir.path().join("whole"), once(&dir));
    let start = Instant::now();
    decode(&lab, &whole, &["--config", &once], 0);
    let took = start.elapsed();
    let results = fs::read(whole.join("results.jsonl")).unwrap();
    let mut rng = generator(SEED, 0);
    let (mut identical, mut ended, mut kept, mut torn) = (0, 0, 0, 0);
    let mut i = 0;
    // A run that ended before it was killed shows nothing, and neither do kills before the first line.
    while i < times || kept == 0 {
        let out = dir.path().join(format!("out-{i}-{ended}"));
        let mut command = program();
        command.args(["decode", "--config", &once]).arg(&lab).arg("-o").arg(&out);
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_micros(rng.next_u64() % took.as_micros() as u64));
        child.kill().unwrap();
        if child.wait().unwrap().code().is_some() {
            ended += 1;
            continue;
        }
        i += 1;
        let left = fs::read(out.join("results.jsonl")).unwrap_or_default();
        torn += usize::from(left.last().is_some_and(|b| *b != b'\n'));
        kept += left.iter().filter(|b| **b == b'\n').count();
        decode(&lab, &out, &["--resume", "--config", &once], 0);
        let same = ["results.jsonl", "results.csv", "failures.csv"]
            .iter()
            .all(|name| fs::read(out.join(name)).unwrap() == fs::read(whole.join(name)).unwrap());
        identical += usize::from(same);
        microstamp().arg("verify").arg(&out).arg("--inputs").arg(&lab).arg("--quiet").assert().code(0);
        fs::remove_dir_all(&out).unwrap();
    }
    println!(
        "kill -9 in a batch of {count}, {} ms, then --resume: {identical} of {i} byte-identical; {:.1} lines \
         were kept on average, {torn} torn; {ended} more had ended before; {} bytes",
        took.as_millis(),
        kept as f64 / i as f64,
        results.len()
    );
    assert_eq!(identical, i);
}

#[test]
fn kill_3() {
    kills(3, 12);
}

#[test]
#[ignore = "long"]
fn kill_100() {
    kills(100, 60);
}

#[cfg(unix)]
#[test]
fn a_run_that_is_interrupted_ends_with_130_and_goes_on() {
    let (dir, lab) = photographs(12, 240);
    let (whole, once) = (dir.path().join("whole"), once(&dir));
    decode(&lab, &whole, &["--config", &once], 0);
    for signal in ["INT", "TERM"] {
        let out = dir.path().join(signal);
        let order = |more: &[&str]| {
            let mut command = program();
            command.args(["decode", "--threads", "1", "--config", &once]).arg(&lab).arg("-o").arg(&out);
            command.args(more).stderr(Stdio::piped());
            command
        };
        let mut run = order(&[]).spawn().unwrap();
        // The first photograph is done and eleven are not.
        let lines = || fs::read(out.join("results.jsonl")).unwrap_or_default();
        while !lines().contains(&b'\n') && run.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Command::new("kill").args(["-s", signal, &run.id().to_string()]).status().unwrap();
        let ended = run.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(130), "{ended:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains("--resume"), "{ended:?}");
        let left = lines();
        assert!(
            left.last() == Some(&b'\n') && left.len() < fs::read(whole.join("results.jsonl")).unwrap().len()
        );
        assert_eq!(order(&["--resume"]).status().unwrap().code(), Some(0));
        for name in ["results.jsonl", "results.csv", "failures.csv"] {
            assert!(
                fs::read(out.join(name)).unwrap() == fs::read(whole.join(name)).unwrap(),
                "{signal} {name}"
            );
        }
    }
}

/// What a run on a disk of `room` bytes leaves is a beginning of what a whole run writes, and nothing is torn.
fn check_saved(out: &Path, whole: &Path) -> usize {
    for name in ["results.jsonl", "results.csv", "failures.csv"] {
        let left = fs::read(out.join(name)).unwrap_or_default();
        assert!(fs::read(whole.join(name)).unwrap().starts_with(&left), "{name} is no beginning");
        assert!(left.last().is_none_or(|b| *b == b'\n'), "{name} is torn");
    }
    let part = fs::read_dir(out).map(|entries| {
        entries.map(|e| e.unwrap().file_name()).filter(|n| n.to_string_lossy().ends_with(".part")).count()
    });
    assert_eq!(part.unwrap_or(0), 0, "no draft is left");
    fs::read(out.join("results.jsonl")).map_or(0, |b| b.iter().filter(|b| **b == b'\n').count())
}

fn says_to_make_room(stderr: &[u8]) {
    let said = String::from_utf8_lossy(stderr);
    assert!(said.contains("try: ") && said.lines().count() < 8, "{said}");
    assert!(said.contains("room on the disk") || said.contains("folder that you may write"), "{said}");
}

/// The disk is full at a random moment: a file system in memory of a random size, which root may mount.
#[test]
#[ignore = "long"]
fn disk_full_20() {
    let (dir, lab) = photographs(60, 240);
    let whole = dir.path().join("whole");
    decode(&lab, &whole, &[], 0);
    let total: u64 = fs::read_dir(&whole).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    let disk = dir.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mount = |options: String| {
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(&disk).status();
        done.is_ok_and(|s| s.success())
    };
    let unmount = || Command::new("umount").arg(&disk).status().unwrap();
    let mut rng = generator(SEED, 1);
    let (mut full, mut kept) = (0, Vec::new());
    while full < 20 {
        // Whole pages of memory.
        let room = 4096 * (1 + rng.next_u64() % (total / 4096));
        if !mount(format!("size={room}")) {
            say_skipped("no file system can be mounted here");
            return;
        }
        let out = disk.join("out");
        let run = microstamp().arg("decode").arg(&lab).arg("-o").arg(&out).arg("--quiet").output().unwrap();
        let was_full = run.status.code() == Some(2);
        if was_full {
            says_to_make_room(&run.stderr);
            kept.push(check_saved(&out, &whole));
            // The disk is made larger, and the run goes on.
            assert!(mount(format!("remount,size={}", 4 * total)));
            decode(&lab, &out, &["--resume"], 0);
            check_saved(&out, &whole);
            assert!(
                fs::read(out.join("results.jsonl")).unwrap()
                    == fs::read(whole.join("results.jsonl")).unwrap()
            );
            full += 1;
        } else {
            assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
        }
        assert!(unmount().success());
    }
    println!(
        "disk full 20 times, 0 lines lost or torn, each resumed to the same bytes; lines saved: {kept:?}"
    );
}

/// The same through the limit that a shell sets on the size of a file, which needs no rights.
#[cfg(unix)]
#[test]
fn no_room_for_a_file_loses_nothing() {
    let (dir, lab) = photographs(24, 240);
    let (whole, once) = (dir.path().join("whole"), once(&dir));
    decode(&lab, &whole, &["--config", &once], 0);
    let blocks = |name: &str| fs::metadata(whole.join(name)).unwrap().len() / 512;
    // No file at all; then within results.jsonl, once run.json has been written.
    assert!(blocks("results.jsonl") > blocks("run.json") + 4);
    for blocks in [0, blocks("run.json") + 2, blocks("results.jsonl") - 1] {
        let out = dir.path().join(format!("out-{blocks}"));
        let script = format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" decode \"$1\" -o \"$2\" --config \"$3\" --quiet"
        );
        let run = Command::new("sh")
            .args(["-c", &script])
            .arg(microstamp().get_program())
            .args([&lab, &out])
            .arg(&once)
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(2), "{blocks} blocks");
        says_to_make_room(&run.stderr);
        check_saved(&out, &whole);
        decode(&lab, &out, &["--resume", "--config", &once], 0);
        assert!(
            fs::read(out.join("results.jsonl")).unwrap() == fs::read(whole.join("results.jsonl")).unwrap()
        );
    }
}

/// A run on `threads` threads of this process with the default engine.
fn run_here(settings: Settings, threads: usize) -> runner::Run {
    let engine = engines::by_name(engines::DEFAULT, &settings).unwrap();
    runner::Run {
        photo: settings.photo.clone(),
        pipeline: Arc::new(Pipeline::new(settings, Scheme::all(), engine).unwrap()),
        asked: Default::default(),
        threads,
        stop: Arc::default(),
        hanging: Arc::default(),
    }
}

fn read_all(run: &runner::Run, folder: &Path) -> Vec<Record> {
    let found = inputs::collect(&[folder.into()]).unwrap().taken;
    let mut rows = Vec::new();
    runner::run_into(run, &found, &mut Progress::start(0, true), &mut |_, record, _| {
        rows.push(record);
        Ok(())
    })
    .unwrap();
    assert_eq!(rows.len(), found.len(), "every photograph has its row");
    rows
}

/// Most memory that this process has held, MB, where the system tells.
fn peak_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1e3)
}

/// Whole small files of every kind: simulated photographs as they were written, and some of them in every
/// other way of packing.
fn whole_files() -> (TempDir, Vec<(String, Vec<u8>)>) {
    let (dir, lab) = photographs(20, 200);
    let mut all = Vec::new();
    for (i, photograph) in inputs::collect(&[lab]).unwrap().taken.iter().enumerate() {
        let ending = photograph.path.extension().unwrap().to_string_lossy().into_owned();
        all.push((ending, fs::read(&photograph.path).unwrap()));
        if i < 2 {
            let picture = image::open(&photograph.path).unwrap().to_luma8();
            all.extend(files(&picture).into_iter().map(|(ending, bytes)| (ending.into(), bytes)));
        }
    }
    (dir, all)
}

/// Spoilt files through loading and the whole recipe, in portions of a thousand.
fn mutated(count: usize, threads: usize) {
    const PORTION: usize = 1000;
    let (dir, whole) = whole_files();
    let mut settings = Settings::default();
    // Small files: the limit of the trial is far below the default.
    settings.photo.max_seconds = 60.0;
    let run = run_here(settings, threads);
    let start = Instant::now();
    let (mut done, mut read, mut failed, mut reasons) = (0, 0, 0, BTreeMap::<String, usize>::new());
    while done < count {
        let folder = dir.path().join("mutated");
        fs::create_dir(&folder).unwrap();
        for i in done..(done + PORTION).min(count) {
            let mut rng = generator(SEED, i as u64);
            let (ending, bytes) = &whole[below(&mut rng, whole.len())];
            let mut bytes = bytes.clone();
            mutate(&mut bytes, &mut rng);
            fs::write(folder.join(format!("{i:06}.{ending}")), &bytes).unwrap();
        }
        let mut kept = Vec::new();
        for row in read_all(&run, &folder) {
            done += 1;
            match &row.failure {
                None => read += 1,
                Some(failure) => {
                    failed += 1;
                    assert!(!failure.hint.is_empty());
                    if failure.reason.starts_with("internal error") || failure.reason.starts_with("given up")
                    {
                        *reasons.entry(format!("{}: {}", failure.stage, failure.reason)).or_default() += 1;
                        kept.push(row.path.clone());
                    }
                }
            }
        }
        for name in kept {
            println!("{name} kept in {}", std::env::temp_dir().join(&name).display());
            fs::copy(folder.join(&name), std::env::temp_dir().join(&name)).unwrap();
        }
        fs::remove_dir_all(&folder).unwrap();
        if done % (5 * PORTION) == 0 {
            println!(
                "{done} in {} s, faults {reasons:?}, peak {:?} MB",
                start.elapsed().as_secs(),
                peak_mb()
            );
        }
    }
    println!(
        "{done} mutated files: {read} read to the end, {failed} refused at loading, panics and hangs {reasons:?}, \
         peak memory {:?} MB",
        peak_mb()
    );
    assert!(reasons.is_empty());
    assert!(peak_mb().is_none_or(|mb| mb < 1000.0));
}

#[test]
fn mutated_400() {
    mutated(400, 2);
}

#[test]
#[ignore = "long"]
fn mutated_200000() {
    mutated(200_000, 2);
}

/// Photographs of nothing: none may get a code, nor a single character given as sure.
fn nothing(count: usize) {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..count {
        let mut rng = generator(SEED + 1, i as u64);
        let kind = i % nothing::KINDS.len();
        let name = format!("{}-{i:04}.png", nothing::KINDS[kind]);
        nothing::draw(kind, &mut rng).save(dir.path().join(name)).unwrap();
    }
    let rows = read_all(&run_here(Settings::default(), 2), dir.path());
    let (mut by_status, mut coded) = (BTreeMap::<String, usize>::new(), Vec::new());
    for row in &rows {
        let kind = row.path.split('-').next().unwrap();
        *by_status.entry(format!("{kind} {:?}", row.status)).or_default() += 1;
        if row.code.as_ref().is_some_and(|code| code.chars().any(|c| c != '?')) {
            coded.push((row.path.clone(), row.code.clone().unwrap()));
        }
    }
    println!(
        "{count} photographs of nothing: {} with a code or a sure character {coded:?}; {by_status:?}",
        coded.len()
    );
    assert!(coded.is_empty());
}

#[test]
fn nothing_20() {
    nothing(20);
}

#[test]
#[ignore = "long"]
fn nothing_2000() {
    nothing(2000);
}

/// A large batch of which one in a hundred is broken, in six ways.
fn one_in_a_hundred(count: usize) {
    let (dir, some) = photographs(50, 240);
    let some = inputs::collect(&[some]).unwrap().taken;
    let lab = dir.path().join("many");
    let mut broken = Vec::new();
    for i in 0..count {
        let original = &some[i % some.len()];
        let ending = original.path.extension().unwrap().to_string_lossy();
        let name = format!("case-{:02}/{i:04}.{ending}", i / 100);
        let path = lab.join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let bytes = fs::read(&original.path).unwrap();
        if i % 100 == 57 {
            let spoilt = match i / 100 % 6 {
                0 => Vec::new(),
                1 => bytes[..bytes.len() / 3].to_vec(),
                2 => b"this is no picture".to_vec(),
                3 => bytes[..20].to_vec(),
                4 => b"GIF89a".to_vec(),
                _ => vec![0; 4096],
            };
            fs::write(&path, spoilt).unwrap();
            broken.push(name);
        } else {
            fs::write(&path, bytes).unwrap();
        }
    }
    let out = dir.path().join("out");
    let rows = decode(&lab, &out, &["--config", &once(&dir)], 1);
    let failed: Vec<_> = rows.iter().filter(|r| r.status == Status::Failed).map(|r| r.path.clone()).collect();
    let mut table = csv::Reader::from_path(out.join("failures.csv")).unwrap();
    let listed: Vec<Vec<String>> =
        table.records().map(|r| r.unwrap().iter().map(String::from).collect()).collect();
    assert_eq!(rows.len(), count);
    assert_eq!(failed, broken);
    assert!(listed.iter().map(|row| &row[0]).eq(&broken));
    assert!(listed.iter().flatten().all(|cell| !cell.is_empty()), "stage, reason and hint");
    assert_eq!(records(&out).len(), count);
    println!(
        "{count} photographs, {} broken: exit 1, {} rows, {} failures listed",
        broken.len(),
        rows.len(),
        listed.len()
    );
}

#[test]
fn one_in_a_hundred_of_100() {
    one_in_a_hundred(100);
}

#[test]
#[ignore = "long"]
fn one_in_a_hundred_of_3000() {
    one_in_a_hundred(3000);
}
