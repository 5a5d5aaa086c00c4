#![allow(clippy::unwrap_used)]
use super::*;
use crate::pipeline::confidence::Fitted;
use crate::pipeline::engine::View;
use crate::pipeline::geometry::Pose;
use crate::pipeline::photo::Pixels;
use crate::pipeline::tile::Patch;
use ndarray::Array2;

const POSE: Pose = Pose { cx: 100.0, cy: 50.0, radius: 40.0, rotation_deg: 0.0, mirrored: false };

fn scheme() -> Scheme {
    Scheme::all().remove(0)
}

/// A view in which each character of `code` has probability `p`; `?` is uniform.
fn view(code: &str, p: f32) -> View {
    let alphabet: Vec<char> = scheme().alphabet.chars().collect();
    let other = ((1.0 - p) / (alphabet.len() - 1) as f32).ln();
    let scores = |c: char| {
        alphabet.iter().map(move |a| {
            if c == '?' {
                0.0
            } else if *a == c {
                p.ln()
            } else {
                other
            }
        })
    };
    View {
        format: "ifm8".into(),
        pose: POSE,
        log_weight: 0.0,
        symbols: code.chars().map(|c| scores(c).collect::<Vec<f32>>()).collect(),
        gear: None,
        quads: vec![[(0.0, 0.0), (0.1, 0.0), (0.1, 0.2), (0.0, 0.2)]; code.len()],
    }
}

/// The ring of `code` with these log-odds; characters written `?` are unreadable in it.
fn ring(code: &str, odds: f32) -> Vec<f32> {
    let full = scheme().gear_sectors(&code.replace('?', "A")).unwrap();
    let known = |i: usize| i < 4 || code.chars().nth((i - 4) / 6) != Some('?');
    full.iter()
        .enumerate()
        .map(|(i, tooth)| {
            if !known(i) {
                0.0
            } else if *tooth {
                odds
            } else {
                -odds
            }
        })
        .collect()
}

fn read(views: Vec<View>, presence: f32) -> Result<Reading, Failure> {
    read_with(&Scheme::all(), Curve::unfitted(), views, presence)
}

fn read_with(schemes: &[Scheme], curve: Curve, views: Vec<View>, presence: f32) -> Result<Reading, Failure> {
    let mark = Mark {
        rim: Ellipse::circle(100.0, 50.0, 45.0),
        floor: Ellipse::circle(100.0, 50.0, 40.0),
        presence,
        hypotheses: Vec::new(),
        patch: Patch::new(&Pixels::Eight(Array2::zeros((1, 1))), (0.0, 0.0), 1.0, 1.0),
    };
    let seen = Scores { views, presence, ink: None };
    let curve = |_: &str| curve.clone();
    decode(
        &Face::default(),
        &mark,
        &seen,
        schemes,
        &Scheme::others(schemes),
        &curve,
        &DecodeSettings::default(),
    )
}

#[test]
fn no_character_is_less_probable_than_the_whole_code() {
    // A curve that makes much of the code and little of a character by itself.
    let curve = Curve { bias: 6.0, character: [0.0, 0.1, 0.0], ..Curve::unfitted() };
    let r = read_with(&Scheme::all(), curve, vec![view("A7XK2MP4", 0.95)], 1.0).unwrap();
    assert!(r.confidence > 0.99, "{}", r.confidence);
    assert!(r.positions.iter().all(|p| p.p == r.confidence && p.alternatives[0] == (p.char, p.p)));
}

#[test]
fn sure_characters_are_read_and_lie_where_the_pose_puts_them() {
    let mut v = view("A7XK2MP4", 0.999999);
    v.pose.rotation_deg = 90.0;
    let r = read(vec![v], 1.0).unwrap();
    assert_eq!((r.status, r.code.as_deref()), (Status::Read, Some("A7XK2MP4")));
    assert!(r.confidence > 0.999, "{}", r.confidence);
    // A quarter turn counter-clockwise takes the mark's right to the photograph's top.
    let (x, y) = r.positions[0].quad[1];
    assert!((x - 100.0).abs() < 1e-9 && (y - 46.0).abs() < 1e-9);
    assert_eq!(r.positions[0].from, Source::Characters);
    assert!(r.gear.is_none());
}

#[test]
fn an_unsure_character_becomes_a_question_mark_in_its_own_place() {
    let mut v = view("A7XK2MP4", 0.999999);
    v.symbols[2] = vec![0.0; 33];
    let r = read(vec![v], 1.0).unwrap();
    assert_eq!((r.status, r.code.as_deref()), (Status::Partial, Some("A7?K2MP4")));
    assert_eq!(r.best.unwrap().len(), 8);
    assert!(r.positions[2].p < 0.05);
}

#[test]
fn a_ring_whose_characters_cannot_be_told_does_not_choose_the_view() {
    // Start tooth and gap are seen wherever a ring is looked for.
    let best = |seen: &str| {
        let bare = View { log_weight: 0.5, ..view("A7XK2MP4", 0.999999) };
        let ringed = View { gear: Some(ring(seen, 9.0)), ..view("B7XK2MP4", 0.999999) };
        read(vec![bare, ringed], 1.0).unwrap().best
    };
    assert_eq!(best("????????").as_deref(), Some("A7XK2MP4"));
    // One that says the same as the characters does.
    assert_eq!(best("B7XK2MP4").as_deref(), Some("B7XK2MP4"));
}

#[test]
fn a_missing_character_comes_from_the_ring() {
    let v = View { gear: Some(ring("A7XK2MP4", 9.0)), ..view("A7?K2MP4", 0.999999) };
    let r = read(vec![v], 1.0).unwrap();
    assert_eq!(r.best.as_deref(), Some("A7XK2MP4"));
    assert_eq!((r.positions[2].from, r.positions[0].from), (Source::Gear, Source::Both));
    let gear = r.gear.unwrap();
    assert!(gear.agrees);
    assert_eq!(gear.symbols, "A7XK2MP4");
}

#[test]
fn characters_and_ring_that_contradict_each_other_are_not_read() {
    let v = View { gear: Some(ring("A7YK2MP4", 9.0)), ..view("A7XK2MP4", 0.999999) };
    let r = read(vec![v], 1.0).unwrap();
    assert_ne!(r.status, Status::Read);
    assert_eq!(r.code.unwrap().chars().nth(2), Some('?'));
    assert!(!r.gear.unwrap().agrees);
    assert!(r.warnings.contains(&"gear_disagrees".to_string()));
}

/// All of a case's photographs can show the same U of a V that drag went over, each sure of it: the ring alone knows.
#[test]
fn what_the_ring_is_sure_against_needs_a_bar_of_its_own() {
    let curve = Curve { accept: 0.98, accept_character: 0.98, ..Curve::unfitted() };
    let (none, one) = ([false; 3], [false, true, false]);
    let sure = [0.9995, 0.997, 0.9995];
    assert_eq!(accept(&sure, 0.995, &curve, &none).0, Status::Read);
    assert_eq!(accept(&sure, 0.995, &curve, &one), (Status::Partial, vec![true, false, true]));
    assert_eq!(accept(&sure, 0.9991, &curve, &one).0, Status::Read);
    assert_eq!(accept(&[0.97, 0.9995, 0.97], 0.5, &curve, &one), (Status::Partial, vec![false, true, false]));
    assert_eq!(accept(&[0.97, 0.99, 0.97], 0.5, &curve, &one).0, Status::Unreadable);
    let ring = |symbols: &str| GearReading { present: true, symbols: symbols.into(), agrees: false };
    assert_eq!(contradicted(Some(&ring("?YC")), "ABC"), [false, true, false]);
    assert_eq!(contradicted(None, "ABC"), none);
}

#[test]
fn a_code_that_passes_its_bar_is_held_against_the_ring() {
    // Whatever is seen, code and characters are right at 0.993, which the bars allow.
    let curve = Curve {
        bias: 5.0,
        weights: vec![0.0; FEATURES.len()],
        accept: 0.98,
        character: [5.0, 1e-9, 0.0],
        accept_character: 0.98,
    };
    let read = |symbols: &str| {
        let v = View { gear: Some(ring(symbols, 9.0)), ..view("A7XK2MP4", 0.999_999) };
        read_with(&Scheme::all(), curve.clone(), vec![v], 1.0).unwrap()
    };
    assert_eq!(read("A7XK2MP4").status, Status::Read);
    let r = read("A7YK2MP4");
    assert_eq!((r.best.as_deref(), &*r.gear.unwrap().symbols), (Some("A7XK2MP4"), "A7YK2MP4"));
    assert_eq!((r.status, r.code.as_deref()), (Status::Partial, Some("A7?K2MP4")));
}

/// A page shows both: a symbol of the ring that is not the code's is a contradiction, however unsure the characters are.
#[test]
fn a_ring_that_says_another_symbol_than_the_code_disagrees() {
    let mut v = View { gear: Some(ring("A7YK2MP4", 9.0)), ..view("A7XK2MP4", 0.999999) };
    let alphabet: Vec<char> = scheme().alphabet.chars().collect();
    let unsure = |c: &char| match c {
        'X' => 0.7_f32,
        'Y' => 1e-6,
        _ => 0.3 / 31.0,
    };
    v.symbols[2] = alphabet.iter().map(|c| unsure(c).ln()).collect();
    let r = read(vec![v], 1.0).unwrap();
    let gear = r.gear.unwrap();
    assert_eq!((r.best.as_deref(), gear.symbols.as_str()), (Some("A7XK2MP4"), "A7YK2MP4"));
    assert!(!gear.agrees);
}

#[test]
fn the_start_tooth_tells_upright_from_upside_down() {
    // H N S X Z 0 8 read the same by a half turn: without the ring both views are equal.
    let upright = view("HNSXZN8S", 0.9999);
    let mut turned = view("S8NZXSNH", 0.9999);
    turned.pose.rotation_deg = 180.0;
    let r = read(vec![turned.clone(), upright.clone()], 1.0).unwrap();
    assert_eq!(r.status, Status::Unreadable);
    assert!(r.warnings.contains(&"ambiguous_rotation_or_format".to_string()));
    let sectors = ring("HNSXZN8S", 4.0);
    let half: Vec<f32> = (0..52).map(|i| sectors[(i + 26) % 52]).collect();
    let upright = View { gear: Some(sectors), ..upright };
    let turned = View { gear: Some(half), ..turned };
    let r = read(vec![turned, upright], 1.0).unwrap();
    assert_eq!((r.status, r.code.as_deref(), r.rotation_deg), (Status::Read, Some("HNSXZN8S"), Some(0.0)));
}

#[test]
fn eight_sure_characters_are_no_whole_code_where_the_whole_is_not_sure() {
    let r = read(vec![view("A7XK2MP4", 0.99975)], 1.0).unwrap();
    assert_eq!(r.status, Status::Partial);
    assert_eq!(r.code.unwrap().matches('?').count(), 1);
}

#[test]
fn no_mark_and_no_code_where_presence_is_low_or_nothing_was_seen() {
    for r in [read(vec![view("A7XK2MP4", 0.999999)], 0.2).unwrap(), read(Vec::new(), 1.0).unwrap()] {
        assert_eq!((r.status, r.code, r.best), (Status::NoMark, None, None));
        assert!(r.impression.is_some());
    }
}

#[test]
fn a_mark_of_a_format_that_was_not_asked_for_is_a_mark_that_is_not_read() {
    let only = [Scheme::all().remove(1)];
    let r = read_with(&only, Curve::unfitted(), vec![view("A7XK2MP4", 0.999999)], 1.0).unwrap();
    assert_eq!((r.status, r.code), (Status::Unreadable, None));
    assert_eq!(r.warnings, ["other_format"]);
    // One that was asked for does not stand for it, however unlikely it is beside the other.
    let unlikely = View { format: "ifm8-323".into(), log_weight: -5.0, ..view("XYZ34567", 0.9) };
    let only = [Scheme::all().into_iter().find(|s| s.id == "ifm8-323").unwrap()];
    let with = |log_weight| {
        let views = vec![view("A7XK2MP4", 0.999999), View { log_weight, ..unlikely.clone() }];
        read_with(&only, Curve::unfitted(), views, 1.0).unwrap()
    };
    assert_eq!(with(-5.0).warnings, ["other_format"]);
    // Nor is it read where the other is nearly as likely: what was asked for counts 20 to 1, and no more.
    let sure = View { format: "ifm8-323".into(), ..view("XYZ34567", 0.999999) };
    let with = |log_weight| {
        let views = vec![view("A7XK2MP4", 0.999999), View { log_weight, ..sure.clone() }];
        read_with(&only, Curve::unfitted(), views, 1.0).unwrap()
    };
    let near = with(-1.0);
    assert_eq!((near.status, near.best.as_deref()), (Status::Unreadable, Some("XYZ34567")));
    assert!((near.confidence - 1.0 / (1.0 + (1.0f64 - 3.0).exp())).abs() < 0.01, "{}", near.confidence);
    assert_eq!(near.warnings, ["ambiguous_rotation_or_format"]);
    assert_eq!((with(12.0).status, with(12.0).warnings.len()), (Status::Read, 0));
}

#[test]
fn no_symbol_is_listed_as_surer_than_the_one_that_is_read() {
    // Calibration takes from the first what the second would get.
    let listed = listed(&[0.01, 0.49, 0.5], 2, 0.45);
    assert_eq!(listed.iter().map(|(s, _)| *s).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!((listed[0].1, listed[1].1), (0.45, 0.45));
    assert!((listed[2].1 - 0.55 / 0.5 * 0.01).abs() < 1e-12);
}

#[test]
fn unusable_scores_are_a_failure_of_the_engine_and_no_panic() {
    let good = view("A7XK2MP4", 0.9);
    let mut bad = vec![
        View { symbols: good.symbols[..7].to_vec(), ..good.clone() },
        View { quads: Vec::new(), ..good.clone() },
        View { gear: Some(vec![0.0; 3]), ..good.clone() },
        View { gear: Some(vec![f32::NAN; 52]), ..good.clone() },
        View { log_weight: f32::NAN, ..good.clone() },
    ];
    let mut v = good.clone();
    v.symbols[0][3] = f32::NAN;
    bad.push(v);
    let mut v = good.clone();
    v.symbols[0].pop();
    bad.push(v);
    let mut v = good.clone();
    v.symbols[0] = vec![f32::NEG_INFINITY; 33];
    bad.push(v);
    let mut v = good.clone();
    v.pose.radius = f64::INFINITY;
    bad.push(v);
    for v in bad {
        let failure = read(vec![v], 1.0).unwrap_err();
        assert_eq!(failure.stage, "engine");
        assert!(!failure.hint.is_empty());
    }
    assert_eq!(read(vec![good], f32::NAN).unwrap_err().stage, "engine");
}
