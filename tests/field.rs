//! The shared photographs, where they are there: scale, geometry, and no code that is wrong.
#![allow(clippy::unwrap_used)]

mod common;

use common::{assert_sure_are_true, decode, shared, truth};
use microstamp::Settings;
use microstamp::batch::Record;
use microstamp::pipeline::decode::{AMBIGUOUS_WAY, Status};
use microstamp::pipeline::geometry::Ellipse;
use microstamp::pipeline::photo;
use microstamp::score::overlap::iou;

/// Codes that are accepted, and most probable codes that are right, at the least. Below what is usual: a reader that has
/// become worse is noticed, a photograph more or less is not.
const LEAST_READ: usize = 12;
const LEAST_RIGHT: usize = 19;

#[test]
fn field_photographs_keep_their_order_their_scale_and_get_no_wrong_code() {
    let Some(folder) = shared("field") else { return };
    let truth = truth(&folder);
    let dir = tempfile::tempdir().unwrap();
    let records = decode(&folder, &dir.path().join("out"), &[], 0);
    assert!(records.iter().map(|r| &r.path).eq(truth.keys()), "27 rows in order");
    for record in &records {
        let row = &truth[&record.path];
        assert_ne!(record.status, Status::Failed, "{}", record.path);
        let stated = row["scale_in_file"] == "1";
        assert_eq!(record.um_per_px.is_some(), stated, "{}", record.path);
        if let Some(um) = record.um_per_px {
            let expected: f64 = row["um_per_px"].parse().unwrap();
            assert!((um / expected - 1.0).abs() < 0.003, "{}: {um} for {expected}", record.path);
        }
        if row["code"].is_empty() {
            assert!(record.code.is_none(), "{}: {:?} on an unmarked primer", record.path, record.code);
        }
        assert_sure_are_true(record, &row["code"]);
        // Whoever looks at a mark that was taken to lie wrongly is told that it may.
        if let Some(found) = record.rotation_deg.filter(|_| !row["code"].is_empty()) {
            let off = (found - row["rotation"].parse::<f64>().unwrap()).rem_euclid(360.0);
            let warned = record.warnings.iter().any(|w| w == AMBIGUOUS_WAY);
            assert!(off.min(360.0 - off) < 30.0 || warned, "{}: {found}", record.path);
        }
    }
    let read = records.iter().filter(|r| r.status == Status::Read).count();
    let is_right = |r: &&Record| r.best.as_ref().is_some_and(|best| *best == truth[&r.path]["code"]);
    let right = records.iter().filter(is_right).count();
    println!("{read} read, {right} most probable codes right");
    assert!(read >= LEAST_READ && right >= LEAST_RIGHT, "only {read} read and {right} right of 24");
}

/// Value below which `share` of the sorted values lie.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(share * values.len() as f64) as usize]
}

#[test]
fn primer_and_impression_lie_where_the_truth_says() {
    let Some(folder) = shared("field") else { return };
    let truth = truth(&folder);
    let dir = tempfile::tempdir().unwrap();
    let records = decode(&folder, &dir.path().join("out"), &[], 0);
    let (mut rims, mut primers) = (Vec::new(), Vec::new());
    for record in &records {
        let row = &truth[&record.path];
        let number = |name: &str| row[name].parse::<f64>().unwrap();
        let overlap = |found: Option<Ellipse>, expected| found.map_or(0.0, |e| iou(&e, &expected));
        let (r, aspect) = (number("pin_r"), number("pin_aspect"));
        if aspect == 1.0 {
            let rim = Ellipse::circle(number("pin_cx"), number("pin_cy"), r);
            rims.push(overlap(record.impression, rim));
        }
        // Its edge is in the frame where the smallest circle that may count is.
        let (cx, cy) = (number("primer_cx"), number("primer_cy"));
        let bytes = std::fs::read(folder.join(&record.path)).unwrap();
        let photo = photo::load("", "", bytes, &Default::default(), &Settings::default().photo).unwrap();
        let (height, width) = photo.pixels.dim();
        let inside = cx.min(cy).min(width as f64 - cx).min(height as f64 - cy);
        if number("primer_face_r") < inside {
            let edges = ["primer_face_r", "primer_r"].map(|name| Ellipse::circle(cx, cy, number(name)));
            primers.push(edges.map(|edge| overlap(record.primer, edge)).into_iter().fold(0.0, f64::max));
        }
    }
    println!("impression IoU {rims:.3?}\nprimer IoU {primers:.3?}");
    assert!(quantile(&mut rims, 0.5) >= 0.93 && quantile(&mut rims, 0.1) >= 0.85, "{rims:.3?}");
    assert!(quantile(&mut primers, 0.5) >= 0.95, "{primers:.3?}");
}

/// A circle: centre and radius, pixels.
type Circle = (f64, f64, f64);
/// Primer faces and rims that the shared README states, and by how much of its radius each may be missed. The
/// telephone's photograph of a whole case head states its circles less well.
const CIRCLES: [(&str, [(Circle, f64); 2]); 4] = [
    ("colt-9mm-02.png", [((1300.1, 997.6, 679.5), 0.03), ((1141.2, 1098.0, 348.6), 0.06)]),
    ("fbi-58a.png", [((1290.3, 990.1, 665.0), 0.03), ((1295.9, 1062.4, 347.7), 0.06)]),
    (TELEPHONE, [((484.9, 507.4, 153.9), 0.08), ((483.0, 481.0, 66.0), 0.16)]),
    ("nbide-118.png", [((1284.8, 960.9, 733.0), 0.03), ((1219.6, 1113.4, 296.3), 0.06)]),
];
/// A fired case.
const TELEPHONE: &str = "head-phone-0582.png";
/// A case whose primer was taken out.
const POCKET: &str = "head-phone-5812.png";

/// How far an ellipse is from a circle, as a fraction of its radius: centre or radius, the larger.
fn miss(found: &Ellipse, (cx, cy, r): Circle) -> f64 {
    let radius = (found.rx * found.ry).sqrt();
    ((found.cx - cx).hypot(found.cy - cy) / r).max((radius / r - 1.0).abs())
}

#[test]
fn real_photographs_without_a_microstamp_show_face_and_rim_and_no_code() {
    let Some(folder) = shared("real") else { return };
    let dir = tempfile::tempdir().unwrap();
    let records = decode(&folder, &dir.path().join("out"), &[], 0);
    assert!(!records.is_empty());
    for record in &records {
        // A mark beyond reading, for which the telephone's case is taken, is no code either.
        let shown = record.code.as_ref().filter(|c| record.path != TELEPHONE || c.chars().any(|c| c != '?'));
        assert!(shown.is_none(), "{}: {:?}", record.path, record.code);
    }
    let of = |name: &str| records.iter().find(|r| r.path == name).unwrap();
    for (name, circles) in CIRCLES {
        let found = [of(name).primer, of(name).impression].map(Option::unwrap);
        for (found, (stated, most)) in found.iter().zip(circles) {
            assert!(miss(found, stated) <= most, "{name}: {:.3}, {found:?}", miss(found, stated));
        }
    }
    assert_eq!((of(POCKET).primer, of(POCKET).impression), (None, None));
}
