//! Whole scores of results written by hand, where every figure is known.
#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

const TRUTH: &str = "\
path,gun,code,layout,gear,width,height,primer_cx,primer_cy,primer_r,primer_face_r,pin_cx,pin_cy,pin_r,pin_aspect,wear
a1.png,A,ABCD1234,2x4,1,400,400,200,200,180,150,200,200,60,1.0,0.1
a2.png,A,ABCD1234,2x4,1,400,400,200,200,180,150,200,200,60,1.0,0.2
a3.png,A,ABCD1234,2x4,1,400,400,200,200,260,220,200,200,60,1.0,0.3
b1.png,B,KLM789,2x3,0,400,400,200,200,180,150,200,200,60,0.5,0.4
b2.png,B,KLM789,2x3,0,400,400,200,200,180,150,200,200,60,0.5,0.5
b3.png,B,KLM789,2x3,0,,,200,200,180,150,200,200,60,0.5,0.6
n1.png,N,,2x3,0,400,400,200,200,180,150,200,200,60,1.0,0.7
n2.png,N,,2x3,0,400,400,200,200,180,150,200,200,60,1.0,0.8
n3.png,N,,2x3,0,400,400,200,200,180,150,200,200,60,1.0,0.9
";

fn row(path: &str, status: &str, code: Option<&str>, best: Option<&str>, confidence: f64) -> Value {
    let format = best.map(|b| if b.len() == 6 { "ifm6" } else { "ifm8" });
    json!({
        "schema": 1, "path": path, "sha256": "00".repeat(32), "status": status, "code": code, "best": best,
        "confidence": confidence, "format": format, "positions": [], "gear": null, "primer": null,
        "impression": null, "rotation_deg": null, "mirrored": null, "um_per_px": null, "um_per_px_from": null,
        "warnings": [], "failure": null,
    })
}

/// Right, wrong and refused in every way that is counted.
fn rows() -> Vec<Value> {
    let circle = |r: f64| json!({"cx": 200.0, "cy": 200.0, "rx": r, "ry": r, "angle_deg": 0.0});
    let mut rows = vec![
        row("a1.png", "read", Some("ABCD1234"), Some("ABCD1234"), 0.95),
        row("a2.png", "read", Some("ABCD1235"), Some("ABCD1235"), 0.90),
        row("a3.png", "partial", Some("ABCD12??"), Some("ABCD1234"), 0.55),
        row("b1.png", "partial", Some("X?M7?9"), Some("XLM789"), 0.35),
        row("b2.png", "unreadable", Some("??????"), Some("KLM78"), 0.05),
        row("b3.png", "failed", None, None, 0.0),
        row("n1.png", "no_mark", None, None, 0.0),
        row("n2.png", "read", Some("ZZZZZZ"), Some("ZZZZZZ"), 0.85),
        row("n3.png", "unreadable", Some("??????"), Some("ZZZZZZ"), 0.02),
    ];
    rows[0]["gear"] = json!({"present": true, "symbols": "ABCD12?9", "agrees": false});
    rows[0]["primer"] = circle(150.0);
    rows[0]["impression"] = circle(60.0);
    rows[1]["primer"] = circle(180.0);
    rows[1]["impression"] = circle(30.0);
    rows[3]["impression"] = json!({"cx": 200.0, "cy": 200.0, "rx": 120.0, "ry": 30.0, "angle_deg": 77.0});
    rows
}

struct Run {
    folder: TempDir,
}

impl Run {
    fn new(truth: &str, rows: &[Value]) -> Self {
        let folder = TempDir::new().unwrap();
        let lines: String = rows.iter().map(|r| format!("{r}\n")).collect();
        fs::write(folder.path().join("results.jsonl"), lines).unwrap();
        fs::write(folder.path().join("truth.csv"), truth).unwrap();
        Self { folder }
    }

    fn score(&self, by: &[&str]) -> Result<Score, Fatal> {
        let by: Vec<String> = by.iter().map(|b| b.to_string()).collect();
        let truth = Truth::with_sizes(&self.folder.path().join("truth.csv"))?;
        score(&pair::read_results(self.folder.path())?, &truth, &by, None)
    }
}

fn near(a: Option<f64>, b: f64) {
    assert!((a.unwrap() - b).abs() < 1e-6, "{a:?} is not {b}");
}

#[test]
fn every_outcome_is_counted_in_its_place() {
    let f = Run::new(TRUTH, &rows()).score(&[]).unwrap().overall;
    let of = |r: &interval::Rate| (r.count, r.of);
    assert_eq!((f.photographs, f.guns), (9, 3));
    assert_eq!(of(&f.code_right), (1, 6));
    assert_eq!(of(&f.best_right), (2, 6));
    // A wrong code on a marked photograph and a code on an unmarked one, of three accepted.
    assert_eq!(of(&f.wrong_among_accepted), (2, 3));
    assert_eq!((of(&f.leads_true), of(&f.leads_false)), ((1, 2), (1, 2)));
    assert_eq!(of(&f.refused), (1, 6));
    assert_eq!(of(&f.failed), (1, 9));
    assert_eq!((of(&f.unmarked_with_code), of(&f.unmarked_no_mark)), ((1, 3), (1, 3)));
    // 8 + 7 + 8 of 24, 5 + 0 (a code of another length) + 0 (failed) of 18.
    assert_eq!(of(&f.characters_right), (28, 42));
    // Sure: 8 + 8 + 6 + 4 + 0, wrong: the last of a2, the first of b1.
    assert_eq!(of(&f.sure_characters_wrong), (2, 26));
    assert_eq!((of(&f.gear_symbols_right), of(&f.gear_symbols_wrong)), ((6, 24), (1, 7)));
    assert_eq!(of(&f.format_right), (4, 6));
    // Wilson for 1 of 6, worked out by hand: (1/6 + 0.32012 +- 1.95996 sqrt(0.023148 + 0.026677)) / 1.64024.
    let interval = f.code_right.wilson.unwrap();
    assert!(
        (interval.low - 0.030053).abs() < 1e-5 && (interval.high - 0.563503).abs() < 1e-5,
        "{interval:?}"
    );
}

#[test]
fn overlaps_follow_the_truths_own_limits() {
    let f = Run::new(TRUTH, &rows()).score(&[]).unwrap().overall;
    // Primers: a1 face 1, a2 cup 1, six not found; a3's face leaves the frame, b3's frame is unknown.
    assert_eq!((f.primer_iou.photographs, f.primer_frame_unknown), (7, 1));
    near(f.primer_iou.median, 0.0);
    // Impressions: a1 1, a2 a quarter, b1 of equal area 1 whatever its axes, six not found.
    assert_eq!((f.impression_iou.photographs, f.impression_area_only), (9, 3));
    let mut run = rows();
    run.truncate(4);
    let truth: String = TRUTH.lines().take(5).map(|l| format!("{l}\n")).collect();
    let f = Run::new(&truth, &run).score(&[]).unwrap().overall;
    // 0, 0.25, 1, 1: the median lies between the middle two, the 10th percentile 0.3 of the way to 0.25.
    near(f.impression_iou.median, 0.625);
    near(f.impression_iou.tenth, 0.075);
}

#[test]
fn calibration_and_risk_follow_from_the_confidences() {
    let score = Run::new(TRUTH, &rows()).score(&[]).unwrap();
    let c = &score.overall.calibration;
    assert_eq!((c.photographs, c.right.count), (7, 2));
    near(c.mean_confidence, (0.95 + 0.90 + 0.55 + 0.35 + 0.05 + 0.85 + 0.02) / 7.0);
    // Bins 0-0.1 (2, none right), 0.3-0.4 (wrong), 0.5-0.6 (right), 0.8-0.9 (wrong), 0.9-1.0 (one of two).
    assert_eq!(c.reliability.iter().map(|b| b.right.of).collect::<Vec<_>>(), [2, 1, 1, 1, 2]);
    near(c.ece, (0.07 + 0.35 + 0.45 + 0.85 + (1.85 - 1.0)) / 7.0);
    // In each bin the root of 2 V / pi, or 2 V: V is 0.0671, 0.2275, 0.2475, 0.1275 and 0.1375.
    near(c.ece_by_chance, (0.1342 + 0.380_568 + 0.396_939 + 0.255 + 0.275) / 7.0);
    let curve = &score.risk_coverage;
    let wrong: Vec<u64> = curve.points.iter().map(|p| p.wrong).collect();
    assert_eq!(wrong, [0, 1, 2, 2, 3, 4, 5]);
    near(curve.area, (0.0 + 1.0 / 2.0 + 2.0 / 3.0 + 2.0 / 4.0 + 3.0 / 5.0 + 4.0 / 6.0 + 5.0 / 7.0) / 7.0);
    let own = curve.accepted.unwrap();
    assert_eq!((own.accepted, own.wrong, own.confidence), (3, 2, 0.85));
    near(Some(own.coverage), 3.0 / 9.0);
}

#[test]
fn photographs_of_equal_confidence_enter_together() {
    let mut rows = rows();
    for row in &mut rows {
        if !row["best"].is_null() {
            row["confidence"] = json!(0.5);
        }
    }
    let curve = Run::new(TRUTH, &rows).score(&[]).unwrap().risk_coverage;
    assert_eq!(curve.points.len(), 1);
    near(curve.area, 5.0 / 7.0);
}

#[test]
fn a_column_splits_by_value_and_many_numbers_by_quartile() {
    let score = Run::new(TRUTH, &rows()).score(&["gun", "wear", "layout"]).unwrap();
    let groups = |i: usize| {
        score.by[i].groups.iter().map(|g| (g.value.as_str(), g.figures.photographs)).collect::<Vec<_>>()
    };
    assert_eq!(groups(0), [("A", 3), ("B", 3), ("N", 3)]);
    assert_eq!(
        groups(1),
        [("0.1 to 0.3", 3), ("over 0.3 to 0.5", 2), ("over 0.5 to 0.7", 2), ("over 0.7 to 0.9", 2)]
    );
    assert_eq!(groups(2), [("2x3", 6), ("2x4", 3)]);
    let a = &score.by[0].groups[0].figures;
    assert_eq!((a.code_right.count, a.code_right.of, a.code_right.over_guns), (1, 3, None));
}

#[test]
fn rows_that_do_not_fit_are_named_and_refused() {
    let named = |rows: &[Value], words: &[&str]| {
        let fatal = Run::new(TRUTH, rows).score(&[]).unwrap_err();
        for word in words {
            assert!(fatal.to_string().contains(word), "{word} is not in: {fatal}");
        }
    };
    named(&rows()[1..], &["no result for a1.png", "microstamp decode"]);
    let mut foreign = rows();
    foreign.push(row("other/x.png", "no_mark", None, None, 0.0));
    named(&foreign, &["no truth for other/x.png"]);
    foreign.remove(0);
    named(&foreign, &["no result for a1.png", "no truth for other/x.png", "paths count from there"]);
    let mut doubled = rows();
    doubled.push(doubled[2].clone());
    named(&doubled, &["more than one row for a3.png"]);
    named(&[], &["no result for a1.png, a2.png, a3.png, b1.png, b2.png and 4 more"]);

    for (field, value, word) in [
        ("schema", json!(2), "schema 2"),
        ("confidence", json!(1.5), "confidence 1.5"),
        ("code", Value::Null, "without a whole code"),
        ("code", json!("ABC?1234"), "without a whole code"),
        ("code", json!(""), "without a whole code"),
        ("status", json!("partial"), "both sure characters and a `?`"),
        ("status", json!("failed"), "nothing was read"),
        ("status", json!("guessed"), "guessed"),
    ] {
        let mut rows = rows();
        rows[0][field] = value;
        named(&rows, &["line 1", word]);
    }
    let fatal = Run::new(TRUTH, &rows()).score(&["gun", "lamp"]).unwrap_err();
    assert!(fatal.what.contains("`lamp`") && fatal.hint.contains("gun"), "{fatal}");
}

#[test]
fn a_missing_size_is_taken_from_the_photograph_beside_the_table() {
    let run = Run::new(TRUTH, &rows());
    image::GrayImage::new(400, 400).save(run.folder.path().join("b3.png")).unwrap();
    let f = run.score(&[]).unwrap().overall;
    assert_eq!((f.primer_iou.photographs, f.primer_frame_unknown), (8, 0));
}

#[test]
fn a_truth_of_paths_and_codes_alone_is_enough() {
    let truth = "path,code\nx.png,ABC123\ny.png,\n";
    let rows =
        [row("x.png", "read", Some("ABC123"), Some("ABC123"), 0.9), row("y.png", "no_mark", None, None, 0.0)];
    let score = Run::new(truth, &rows).score(&[]).unwrap();
    assert_eq!(score.overall.code_right.share, Some(1.0));
    assert_eq!(score.overall.code_right.over_guns, None);
    assert_eq!(score.overall.format_right.share, None);
    let text = table::markdown(&score);
    assert!(text.contains("| code right ") && !text.contains("NaN"), "{text}");
}

#[test]
fn text_and_picture_show_the_figure_that_matters() {
    let score = Run::new(TRUTH, &rows()).score(&["gun"]).unwrap();
    let text = table::markdown(&score);
    let line = text.lines().find(|l| l.contains("wrong among the accepted")).unwrap();
    assert!(line.contains("2/3") && line.contains("66.7 %"), "{line}");
    assert!(text.contains("## By gun"));
    let picture = plot::risk_coverage(&score.risk_coverage);
    let dot = image::Rgb([190, 60, 20]);
    assert!(picture.pixels().filter(|&&p| p == dot).count() > 100);
    // Nothing read at all still gives axes.
    let nothing: Vec<Value> =
        rows().iter().map(|r| row(r["path"].as_str().unwrap(), "no_mark", None, None, 0.0)).collect();
    let empty = Run::new(TRUTH, &nothing).score(&[]).unwrap();
    assert_eq!((empty.risk_coverage.area, empty.risk_coverage.accepted), (None, None));
    plot::risk_coverage(&empty.risk_coverage);
}
