//! Readings of examiners beside the machine's.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::error::Failure;

fn record(path: &str, code: Option<&str>) -> Record {
    let failure = Failure::new("", "", "");
    let hash = Some(format!("hash of {path}"));
    let status = match code {
        None => Status::NoMark,
        Some(code) if code.contains('?') => Status::Partial,
        Some(_) => Status::Read,
    };
    let code = code.map(str::to_string);
    Record { status, best: code.clone(), code, ..Record::failed(path, hash, failure) }
}

fn verdict(path: &str, reading: &str, after: &str) -> Verdict {
    Verdict {
        sha256: format!("hash of {path}"),
        path: path.into(),
        examiner: "E".into(),
        time: String::new(),
        reading: reading.into(),
        changed: !after.is_empty() && after != reading,
        reading_after: after.into(),
        compared: None,
    }
}

#[test]
fn a_table_that_a_spreadsheet_saved_is_read() {
    let table = |changed: &str| {
        let head = "sha256,path,examiner,time,reading,changed,reading_after";
        parse(format!("{head}\n01,a,E,,ABC123,{changed},ABC124\n").as_bytes())
    };
    for (word, changed) in [("true", true), ("TRUE", true), ("FALSE", false), ("false", false)] {
        assert_eq!(table(word).unwrap()[0].changed, changed);
    }
    assert!(table("perhaps").unwrap_err().what.contains("`perhaps`"));
    let semicolons = b"sha256;path;examiner;time;reading;changed;reading_after\n01;a;E;;ABC123;true;ABC124\n";
    assert!(parse(semicolons).unwrap_err().what.contains("semicolons stand between"));
}

/// A mark that the machine saw and did not read is no "no mark", and a photograph that failed is neither.
#[test]
fn a_mark_that_was_not_read_and_a_photograph_that_failed_are_no_unmarked_primers() {
    let with = |status, reading| relation(reading, &Record { status, ..record("a", None) }).0;
    assert_eq!(with(Status::NoMark, ""), Relation::Same);
    assert_eq!(with(Status::NoMark, "??????"), Relation::MarkOrNone);
    assert_eq!(with(Status::Unreadable, ""), Relation::MarkOrNone);
    assert_eq!(with(Status::Unreadable, "??????"), Relation::Same);
    assert_eq!(with(Status::Unreadable, "A?????"), Relation::OneMore);
    assert_eq!(with(Status::Failed, ""), Relation::MachineFailed);
}

/// Who has seen what the machine makes of one photograph of a scene knows the code of the next.
#[test]
fn a_reading_after_another_of_its_scene_was_compared_is_counted() {
    let at = |path: &str, time: &str, compared: bool| Verdict {
        time: time.into(),
        compared: Some(compared),
        ..verdict(path, "ABC123", "")
    };
    let results = ["17/a", "17/b", "18/a", "c"].map(|path| record(path, Some("ABC123")));
    let verdicts = [
        at("17/a", "2026-01-01T10:00:00Z", true),
        at("17/b", "2026-01-01T10:05:00Z", false),
        at("18/a", "2026-01-01T10:06:00Z", true),
        at("c", "2026-01-01T10:07:00Z", false),
    ];
    let found = compare(&verdicts, &results, None).unwrap();
    assert_eq!((found.maybe_not_blind.count, found.maybe_not_blind.of), (1, 4));
    // Times that a spreadsheet wrote in its own way show no order.
    let rewritten = [at("17/a", "01.01.2026 9:05", true), at("17/b", "01.01.2026 10:05", false)];
    assert_eq!(compare(&rewritten, &results, None).unwrap().maybe_not_blind.count, 1);
    let other = Verdict { examiner: "F".into(), ..verdicts[1].clone() };
    let found = compare(&[verdicts[0].clone(), other], &results, None).unwrap();
    assert_eq!(found.maybe_not_blind.count, 0);
}

#[test]
fn the_machines_most_probable_code_is_held_against_readings_too() {
    let unsure =
        Record { code: Some("AB?123".into()), best: Some("ABC123".into()), ..record("a", Some("ABC123")) };
    let of =
        |reading: &str| compare(&[verdict("a", reading, "")], std::slice::from_ref(&unsure), None).unwrap();
    let other = of("ABD123");
    assert_eq!((other.differs_from_best.count, other.differs_from_best.of), (1, 1));
    assert_eq!(other.readings[0].relation, Relation::OneMore);
    assert_eq!(of("AB?123").differs_from_best.count, 0);
    assert_eq!(of("??????").differs_from_best.of, 0);
}

#[test]
fn disagreements_come_first_and_every_reading_is_listed() {
    let results = [
        ("a", Some("ABC123")),
        ("b", None),
        ("c", Some("AB?1?3")),
        ("d", Some("XYZ789")),
        ("e", None),
        ("f", None),
    ]
    .map(|(path, code)| record(path, code));
    let verdicts = [
        verdict("a", "ABC123", ""),
        verdict("b", "AB????", ""),
        verdict("c", "ABC???", "ABC1?3"),
        verdict("d", "XYV78?", "XYV78?"),
        verdict("e", "", ""),
    ];
    let c = compare(&verdicts, &results, None).unwrap();
    let listed: Vec<(&str, Relation)> = c.readings.iter().map(|r| (r.path.as_str(), r.relation)).collect();
    assert_eq!(
        listed,
        [
            ("d", Relation::Contradicts),
            ("b", Relation::MarkOrNone),
            ("c", Relation::OneMore),
            ("a", Relation::Same),
            ("e", Relation::Same)
        ]
    );
    assert_eq!((c.unread, c.readings[0].differ.clone()), (1, vec![3]));
    assert_eq!((c.characters_agree.count, c.characters_agree.of), (6 + 2 + 4, 6 + 2 + 5));
    assert_eq!((c.changed.count, c.changed.of), (1, 2));
    assert!(markdown(&c).contains("| contradicts"));
    // A look that changes nothing is one, also where there is no mark; and a change to none is a change.
    let looked = Verdict { compared: Some(true), ..verdict("e", "", "") };
    let to_none = Verdict { changed: true, compared: Some(true), ..verdict("b", "AB????", "") };
    let c = compare(&[looked, to_none], &results, None).unwrap();
    assert_eq!((c.changed.count, c.changed.of), (1, 2));
    assert!(markdown(&c).lines().any(|l| l.contains("AB????") && l.contains("no mark")), "{}", markdown(&c));
    // Photographs of two INPUTs may have one name: verdicts have their hash.
    let twin = Record { sha256: Some("another".into()), ..record("a", None) };
    let c = compare(&[verdict("a", "ABC123", "")], &[record("a", Some("ABC123")), twin], None).unwrap();
    assert_eq!((c.unread, c.readings[0].relation), (1, Relation::Same));
}

#[test]
fn the_truth_judges_both_on_the_same_photographs() {
    let truth = Truth::parse(b"path,gun,code\na,1,ABC123\nb,2,\n").unwrap();
    let results = [record("a", Some("ABC128")), record("b", None)];
    let c = compare(&[verdict("a", "ABC123", ""), verdict("b", "", "")], &results, Some(&truth)).unwrap();
    let t = c.against_truth.unwrap();
    let pair = |r: &Rate| (r.count, r.of);
    assert_eq!((pair(&t.examiner_right), pair(&t.machine_right)), ((1, 1), (0, 1)));
    assert_eq!((pair(&t.examiner_characters_wrong), pair(&t.machine_characters_wrong)), ((0, 6), (1, 6)));
    // Read by two examiners, the machine has read it once.
    let second = Verdict { examiner: "F".into(), ..verdict("a", "ABC128", "") };
    let c = compare(&[verdict("a", "ABC123", ""), second], &results, Some(&truth)).unwrap();
    let t = c.against_truth.unwrap();
    assert_eq!((pair(&t.examiner_right), pair(&t.machine_right)), ((1, 2), (0, 1)));
}

#[test]
fn verdicts_of_another_run_and_broken_tables_are_refused() {
    let foreign = compare(&[verdict("z", "A", "")], &[record("a", None)], None).unwrap_err();
    assert!(foreign.what.contains('z') && foreign.hint.contains("OUT"));
    let head = "sha256,path,examiner,time,reading,changed,reading_after\n";
    let table = |rows: &str| parse(format!("{head}{rows}").as_bytes());
    assert_eq!(table("h,\"a,b\",E,t,A?,false,\n").unwrap()[0].path, "a,b");
    assert!(table("h,a,E,t,a?,false,\n").unwrap_err().what.contains("'a'"));
    assert!(table("h,a,E,t,A,false,\nh,a,E,t,B,false,\n").unwrap_err().what.contains("twice"));
    assert!(parse(b"path,reading\na,B\n").unwrap_err().hint.contains("sha256,path"));
}
