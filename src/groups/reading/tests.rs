#![allow(clippy::unwrap_used)]
use super::*;
use crate::error::Failure;
use crate::pipeline::confidence::Fitted;
use crate::pipeline::decode::ViewScores;

/// As probable a character as is ever sure, and one that tells a little.
const SURE: f64 = 0.9999;
const FAINT: f64 = 0.5;

/// A view in which each character has probability `p`; `?` says nothing.
fn view(code: &str, p: f64, rotation_deg: f64, log_p: f64) -> ViewScores {
    let alphabet: Vec<char> = Scheme::all()[0].alphabet.chars().collect();
    let other = ((1.0 - p) / (alphabet.len() - 1) as f64 / p).ln();
    let score = |c: char, a: char| if c == '?' || c == a { 0.0 } else { other };
    let scores = code.chars().map(|c| alphabet.iter().map(|a| score(c, *a)).collect()).collect();
    ViewScores { format: "ifm8".into(), rotation_deg, mirrored: false, log_p, scores }
}

/// A photograph whose reading shows `code`, and whose first view is of `best`.
fn photograph(path: &str, code: &str, best: &str, views: Vec<ViewScores>) -> Record {
    let evidence = [0.0, 0.0, 8.0, 0.0];
    Record {
        status: if code.contains('?') { Status::Partial } else { Status::Read },
        code: Some(code.into()),
        best: Some(best.into()),
        confidence: 0.5,
        format: Some("ifm8".into()),
        failure: None,
        evidence: evidence.into(),
        views,
        ..Record::failed(path, Some(path.into()), Failure::new("", "", ""))
    }
}

fn plain(path: &str, code: &str, p: f64) -> Record {
    photograph(path, "????????", &code.replace('?', "A"), vec![view(code, p, 10.0, 0.0)])
}

pub(crate) fn sure(path: &str, code: &str) -> Record {
    photograph(path, code, code, vec![view(code, SURE, 10.0, 0.0)])
}

fn joint(records: &[Record], dependence: f64) -> Group {
    let curve = JointCurve { dependence, astray: 0.05, ..JointCurve::unfitted() };
    let all: Vec<&Record> = records.iter().collect();
    read("17/a", Kind::Case, &all, &Scheme::all(), &curve, "00")
}

#[test]
fn what_one_photograph_hides_another_shows() {
    let group = joint(&[plain("a", "A7CK????", SURE), plain("b", "????2MP4", SURE)], 0.0);
    assert_eq!(group.best.as_deref(), Some("A7CK2MP4"));
    assert!(group.warnings.is_empty(), "{:?}", group.warnings);
    let (first, second) = (&group.members[0], &group.members[1]);
    assert!(first.support[0] > 3.0 && first.support[7] == 0.0, "{:?}", first.support);
    assert!(second.support[0] == 0.0 && second.support[7] > 3.0);
}

#[test]
fn photographs_that_agree_are_surer_than_each_and_less_sure_where_they_depend_on_each_other() {
    let three = ["a", "b", "c"].map(|path| plain(path, "A7CK2MP4", FAINT));
    let p = |records: &[Record], dependence| joint(records, dependence).evidence[FEATURES.len()];
    let one = FAINT.ln() - (1.0 - FAINT).ln();
    let (independent, dependent, same) = (p(&three, 0.0), p(&three, 0.5), p(&three, 1.0));
    assert!(independent > dependent && dependent > one + 0.5, "{independent} {dependent} {one}");
    // Photographs that wholly depend on each other are one photograph, save that all three may be astray.
    assert!((same - one).abs() < 0.1, "{same} {one}");
    assert_eq!(joint(&three, 0.5).members[0].weight, 0.5);
}

#[test]
fn a_picture_that_was_saved_again_confirms_nothing() {
    let floor = |cx: f64| Some(crate::pipeline::geometry::Ellipse::circle(cx, 310.0, 62.8));
    let at = |path: &str, cx: f64, p: f64| Record { floor: floor(cx), ..plain(path, "A7CK2MP4", p) };
    // With other bytes, and a little noise.
    let copies = joint(
        &[at("a", 418.4, 0.8), Record { confidence: 0.6, ..at("b", 418.5, 0.81) }, at("c", 418.3, 0.8)],
        0.0,
    );
    assert_eq!(copies.warnings, ["one_member"]);
    let warnings: Vec<_> = copies.members.iter().map(|m| m.warnings.concat()).collect();
    assert_eq!(warnings, ["same_picture", "", "same_picture"]);
    // Found anew, or seen otherwise in the same place.
    for other in [at("b", 421.0, 0.81), at("b", 418.4, 0.2)] {
        let group = joint(&[at("a", 418.4, 0.8), other], 0.0);
        assert!(group.members.iter().all(|m| m.weight > 0.0), "{:?}", group.members);
    }
}

#[test]
fn what_every_photograph_takes_for_another_format_is_not_read_as_the_one_asked_for_because_there_are_two() {
    // Each alone: two to one that it is of the format asked for, by the user's word, 20 to 1, against the picture.
    let doubtful = |path: &str| Record { other_formats: 0.38, ..plain(path, "A7CK2MP4", SURE) };
    let two = [doubtful("a"), doubtful("b")];
    let group = joint(&two, 0.5);
    assert_ne!(group.status, Status::Read, "{group:?}");
    assert!(
        group.confidence < 1.0 - 0.38,
        "the picture speaks against it twice, the word once: {}",
        group.confidence
    );
    assert!(group.warnings.contains(&"ambiguous_rotation_or_format".into()), "{:?}", group.warnings);
    // Two that show what was asked for outweigh what little doubt there is.
    let sure = |path: &str| Record { other_formats: 1e-4, ..plain(path, "A7CK2MP4", SURE) };
    let without = |path: &str| plain(path, "A7CK2MP4", SURE);
    let [with, without] = [[sure("a"), sure("b")], [without("a"), without("b")]].map(|two| joint(&two, 0.5));
    assert_eq!((with.status, without.status), (Status::Read, Status::Read));
    assert!(
        (with.confidence - without.confidence).abs() < 1e-4,
        "{} {}",
        with.confidence,
        without.confidence
    );
}

#[test]
fn a_code_beside_a_mark_of_none_of_the_formats_asked_for_is_not_shown() {
    let other = Record {
        status: Status::Unreadable,
        code: None,
        best: None,
        format: None,
        views: Vec::new(),
        warnings: vec!["other_format".into()],
        ..plain("b", "A7CK2MP4", SURE)
    };
    for members in [vec![sure("a", "A7CK2MP4")], vec![sure("a", "A7CK2MP4"), sure("c", "A7CK2MP4")]] {
        let group = joint(&[members, vec![other.clone()]].concat(), 0.0);
        assert_eq!((group.status, group.code.as_deref()), (Status::Unreadable, Some("????????")));
        assert!(
            group.withheld().unwrap().contains("formats") && group.confidence == 0.0,
            "{:?}",
            group.warnings
        );
        assert_eq!(group.members.last().unwrap().warnings, ["other_format"]);
    }
}

#[test]
fn another_guns_case_ends_in_a_refusal_that_names_it() {
    let group = joint(&[sure("a", "A7CK2MP4"), sure("b", "XYZ34567"), sure("c", "A7CK2MP4")], 0.3);
    assert_eq!((group.status, group.code.as_deref()), (Status::Unreadable, Some("????????")));
    assert_eq!(group.best.as_deref(), Some("A7CK2MP4"));
    assert_eq!((group.warnings, group.confidence), (vec!["members_disagree".into()], 0.0));
    assert_eq!(group.members[1].warnings, ["left_out", "contradicts"]);
    assert_eq!(group.members[1].weight, 0.0);
    assert!(group.members[0].warnings.is_empty());
}

#[test]
fn a_photograph_that_fits_no_other_and_is_sure_of_nothing_is_left_out() {
    let group = joint(&[sure("a", "A7CK2MP4"), plain("b", "XYZ34567", 0.8), sure("c", "A7CK2MP4")], 0.3);
    assert_eq!(group.code.as_deref(), Some("A7CK2MP4"), "{group:?}");
    assert_eq!(group.warnings, ["members_left_out"]);
    assert_eq!(group.members[1].warnings, ["left_out"]);
}

/// By itself each of the two is as good a reading of the group as the other: an examiner would go by the better one.
#[test]
fn of_two_photographs_that_fit_in_no_way_the_surer_one_stays() {
    let of = |path: &str, code: &str, confidence| Record { confidence, ..plain(path, code, 0.8) };
    for (first, second) in [(0.9, 0.3), (0.3, 0.9)] {
        let group = joint(&[of("a", "A7CK2MP4", first), of("b", "XYZ34567", second)], 0.3);
        let better = if first > second { "A7CK2MP4" } else { "XYZ34567" };
        assert_eq!(group.best.as_deref(), Some(better), "{group:?}");
        assert_eq!(group.warnings, ["members_left_out"]);
    }
}

#[test]
fn a_character_that_the_rings_are_sure_against_is_not_shown() {
    let ring = |symbols: &str| {
        Some(crate::pipeline::decode::GearReading { present: true, symbols: symbols.into(), agrees: false })
    };
    let with = |rings: [&str; 3]| {
        let photographs = ["a", "b", "c"].map(|path| sure(path, "A7CK2MP4"));
        let all: Vec<Record> = photographs
            .into_iter()
            .zip(rings)
            .map(|(r, symbols)| Record { gear: ring(symbols), ..r })
            .collect();
        joint(&all, 0.3)
    };
    // One ring may be damaged, and so may two where another says what the characters say.
    for rings in [["A7CV2MP4", "A7C?2MP4", "????????"], ["A7CV2MP4", "A7CV2MP4", "A7CK2MP4"]] {
        let group = with(rings);
        assert_eq!((group.status, group.warnings.len()), (Status::Read, 0), "{rings:?}");
    }
    let group = with(["A7CV2MP4", "A7CV2MP4", "????????"]);
    assert_eq!((group.status, group.code.as_deref()), (Status::Partial, Some("A7C?2MP4")));
    assert_eq!(group.warnings, ["gear_disagrees"]);
    assert!(group.confidence <= 0.9 && group.positions[3].p <= 0.9 && group.positions[0].p > 0.99);
    assert!(group.is_contradicted());
    // Rings of marks that are taken to lie another way than when they were read alone are rings of another code.
    let views = || vec![view("XYZ34567", SURE, 190.0, -0.1), view("A7CK2MP4", SURE, 10.0, -2.4)];
    let turned = ["b", "c"]
        .map(|path| Record { gear: ring("XYZ34567"), ..photograph(path, "XYZ3456?", "XYZ34567", views()) });
    let group = joint(&[vec![sure("a", "A7CK2MP4"), sure("d", "A7CK2MP4")], turned.to_vec()].concat(), 0.0);
    assert_eq!(group.best.as_deref(), Some("A7CK2MP4"));
    assert!(!group.warnings.contains(&"gear_disagrees".to_string()), "{:?}", group.warnings);
}

#[test]
fn one_sure_character_that_differs_is_not_shown() {
    let mut odd = sure("b", "A7CK2MP4");
    (odd.status, odd.code) = (Status::Partial, Some("B???????".into()));
    let group = joint(&[sure("a", "A7CK2MP4"), odd, sure("c", "A7CK2MP4")], 0.3);
    assert_eq!((group.status, group.code.as_deref()), (Status::Partial, Some("?7CK2MP4")));
    // Nobody is to wonder why a code that is as good as certain has a gap.
    assert_eq!((group.warnings.len(), &*group.members[1].warnings), (0, &["contradicts".to_string()][..]));
}

#[test]
fn a_half_turn_that_was_read_upside_down_is_turned_by_the_others() {
    let views = vec![view("XYZ34567", SURE, 190.0, -0.1), view("A7CK2MP4", SURE, 10.0, -2.4)];
    let read = |code| joint(&[sure("a", "A7CK2MP4"), photograph("b", code, "XYZ34567", views.clone())], 0.0);
    let group = read("XYZ3456?");
    assert_eq!(group.best.as_deref(), Some("A7CK2MP4"));
    let turned = &group.members[1];
    assert_eq!((turned.warnings.as_slice(), turned.rotation_deg), (&["turned".to_string()][..], Some(10.0)));
    assert_ne!(group.status, Status::Unreadable);
    // Not where its own reading was accepted: two accepted codes of one case are a contradiction.
    let refused = read("XYZ34567");
    assert_eq!((refused.status, refused.confidence), (Status::Unreadable, 0.0));
    assert_eq!(refused.warnings, ["members_disagree"]);
    assert_eq!(refused.members[1].warnings, ["turned", "contradicts"]);
}

#[test]
fn another_view_that_lies_the_same_way_is_not_turned_and_its_sure_characters_count() {
    let views = vec![view("XYZK2MP4", SURE, 14.0, -0.1), view("A7CK2MP4", SURE, 10.0, -2.4)];
    let group = joint(&[sure("a", "A7CK2MP4"), photograph("b", "XYZ?????", "XYZK2MP4", views)], 0.0);
    assert_eq!(group.members[1].warnings, ["contradicts"]);
    assert_eq!(group.warnings, ["members_disagree"]);
}

#[test]
fn a_file_that_is_there_twice_counts_once() {
    let mut twin = plain("b", "A7CK2MP4", FAINT);
    twin.sha256 = Some("a".into());
    let alone = plain("a", "A7CK2MP4", FAINT);
    let group = joint(&[alone.clone(), twin], 0.0);
    assert_eq!(group.members[1].warnings, ["same_file"]);
    assert_eq!((group.confidence, group.status), (alone.confidence, alone.status));
    assert_eq!(group.warnings, ["one_member"]);
}

#[test]
fn photographs_without_a_mark_or_that_failed_are_members_that_say_nothing() {
    let failed = Record::failed("x", None, Failure::new("load", "empty", "copy"));
    let unmarked = Record { status: Status::NoMark, failure: None, ..failed.clone() };
    let group = joint(&[unmarked.clone(), failed.clone(), sure("a", "A7CK2MP4")], 0.3);
    assert_eq!((group.status, group.code.as_deref()), (Status::Read, Some("A7CK2MP4")));
    assert_eq!(group.members.iter().map(|m| m.weight).collect::<Vec<_>>(), [0.0, 0.0, 1.0]);
    let none = joint(&[unmarked, failed.clone()], 0.3);
    assert_eq!((none.status, none.best, none.confidence), (Status::NoMark, None, 0.0));
    // A mark of a format that was not asked for is a mark.
    let other = Record { status: Status::Unreadable, failure: None, ..failed.clone() };
    let group = joint(&[other, failed.clone()], 0.3);
    assert_eq!((group.status, group.warnings), (Status::Unreadable, vec!["other_format".into()]));
    assert_eq!(joint(&[failed], 0.3).status, Status::Failed);
}
