//! Height maps and focus stacks through the command: written with truth, read, recorded, shown, refused.
#![allow(clippy::unwrap_used)]

mod common;

use common::{decode, microstamp, shared, truth};
use microstamp::pipeline::decode::Status;
use microstamp::pipeline::photo::{Chosen, Page};
use std::path::Path;

fn synth(out: &Path, more: &[&str]) {
    let fixed = ["--count", "2", "--seed", "31", "--profile", "clean", "--long-px", "640", "--quiet"];
    microstamp().arg("synth").arg("-o").arg(out).args(fixed).args(more).assert().success();
}

#[test]
fn height_maps_are_read_with_the_grid_and_spacing_that_they_were_written_with() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("maps");
    synth(&folder, &["--heights"]);
    let truth = truth(&folder);
    let out = dir.path().join("out");
    let records = decode(&folder, &out, &[], 0);
    assert_eq!(records.len(), 2);
    for record in &records {
        let row = &truth[&record.path];
        assert!(record.path.ends_with(".x3p") && record.um_per_px_from.as_deref() == Some("x3p"));
        let heights = record.heights.as_ref().unwrap();
        let um: f64 = row["um_per_px"].parse().unwrap();
        assert!((heights.spacing_um.0 - um).abs() < 1e-3 && heights.spacing_um.0 == heights.spacing_um.1);
        assert!(heights.grid.0 <= 640 && heights.missing > 0.0 && heights.missing < 0.5, "{heights:?}");
        // The rim is where the truth has it.
        let rim = record.impression.unwrap();
        let of = |name: &str| row[name].parse::<f64>().unwrap();
        assert!((rim.cx - of("pin_cx")).hypot(rim.cy - of("pin_cy")) < 0.15 * of("pin_r"), "{}", record.path);
        assert!((rim.mean_radius() / of("pin_r") - 1.0).abs() < 0.15, "{}", record.path);
        // What is given as sure is right.
        let code = record.code.as_ref().unwrap();
        assert!(
            code.len() == row["code"].len()
                && code.chars().zip(row["code"].chars()).all(|(a, b)| a == '?' || a == b)
        );
    }
    let again = dir.path().join("again");
    synth(&again, &["--heights"]);
    for path in truth.keys() {
        assert_eq!(
            std::fs::read(folder.join(path)).unwrap(),
            std::fs::read(again.join(path)).unwrap(),
            "{path}"
        );
    }
    microstamp().arg("report").arg(&out).arg("--inputs").arg(&folder).arg("--quiet").assert().code(0);
    // For the eye there is the map under a lamp, as large as the picture that was read and not the same.
    let picture = |name: &str| image::open(out.join("report/pictures").join(name)).unwrap().to_luma8();
    for (read, lit) in [("00001.jpg", "00001-lit.jpg"), ("00001-mark.jpg", "00001-lit-mark.jpg")] {
        let (read, lit) = (picture(read), picture(lit));
        assert_eq!(read.dimensions(), lit.dimensions());
        let apart = read.iter().zip(lit.iter()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>();
        assert!(apart / lit.len() as f64 > 20.0, "{apart}");
    }
    let page = std::fs::read_to_string(out.join("report/photographs/00001.html")).unwrap();
    assert!(page.contains("00001-lit.jpg") && page.contains("under one lamp"));
}

#[test]
fn a_stack_wants_to_be_told_what_to_read_and_records_what_was() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("stacks");
    synth(&folder, &["--stack", "3"]);
    for record in decode(&folder, &dir.path().join("none"), &[], 1) {
        let failure = record.failure.unwrap();
        assert!(failure.reason.contains("3 pictures") && failure.hint.contains("--page fuse"), "{failure}");
    }
    for (asked, page) in [("fuse", None), ("2", Some(2))] {
        let out = dir.path().join(asked);
        for record in decode(&folder, &out, &["--page", asked], 0) {
            let wanted = Chosen {
                of: 3,
                asked: asked.parse().unwrap(),
                page,
                planes: if page.is_some() { 1 } else { 3 },
            };
            assert_eq!((record.page, record.um_per_px_from.as_deref()), (Some(wanted), Some("ome")));
        }
        // The report shows the picture that was read, without being told again.
        microstamp().arg("report").arg(&out).arg("--inputs").arg(&folder).arg("--quiet").assert().code(0);
    }
    let sharpest = decode(&folder, &dir.path().join("sharpest"), &["--page", "sharpest"], 0);
    assert!(sharpest.iter().all(|r| r.page.is_some_and(|p| p.asked == Page::Sharpest && p.page.is_some())));
    let failure = decode(&folder, &dir.path().join("far"), &["--page", "7"], 1).remove(0).failure.unwrap();
    assert!(failure.reason.contains("page 7"), "{failure}");
    microstamp()
        .arg("decode")
        .arg(&folder)
        .arg("-o")
        .arg(dir.path().join("x"))
        .args(["--page", "all"])
        .assert()
        .code(2);
}

#[test]
fn real_height_maps_give_no_code() {
    let Some(folder) = shared("real") else { return };
    let dir = tempfile::tempdir().unwrap();
    // Grid, spacing in micrometres and share of missing points as each file has them.
    let stated = [
        ("breech-face-fadul-1-1.x3p", (545, 545), 6.25, 0.7221),
        ("breech-face-fadul-1-2.x3p", (546, 546), 6.25, 0.6999),
        ("pin-floor-klein.x3p", (924, 924), 0.8748, 0.0086),
    ];
    for (name, grid, um, missing) in stated {
        let record = decode(&folder.join(name), &dir.path().join(name), &[], 0).remove(0);
        let heights = record.heights.unwrap();
        assert_eq!(heights.grid, grid);
        assert!(
            (heights.spacing_um.0 - um).abs() < 1e-4 && (heights.missing - missing).abs() < 1e-4,
            "{heights:?}"
        );
        assert!(record.code.is_none_or(|code| code.chars().all(|c| c == '?')), "{name}");
        if name.starts_with("breech-face") {
            assert_eq!(record.status, Status::NoMark);
            assert!(record.warnings.contains(&"no_impression_measured".into()), "{name}");
        }
    }
}
