//! The lines of `traces.jsonl` as a page shows them.

use super::super::batch::Batch;
use super::super::facts;
use super::super::together::{self, Joint};
use super::super::view::{self, text};
use super::{chance, field, whole};
use crate::batch::Record;
use crate::groups::Group;
use crate::words;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Candidates of a question shown on a page; the file holds the rest.
const MOST_CANDIDATES: usize = 100;

/// What a report knows of a record that a code may stand for. Nothing else of a trace is shown: who
/// bought a firearm stands behind another authority and never on these pages.
const RECORD: [(&str, &str); 13] = [
    ("code", "Code"),
    ("format", "Format"),
    ("make", "Make"),
    ("model", "Model"),
    ("calibre", "Calibre"),
    ("serial", "Serial"),
    ("importer", "Importer"),
    ("dealer", "Dealer"),
    ("sale_date", "Sold"),
    ("country", "Country"),
    ("state", "State"),
    ("status", "Status"),
    ("from", "In the firearm"),
];

/// What a report knows beside the lines of casework.
#[derive(Debug, Default)]
pub(super) struct Around<'a> {
    /// The photographs' places in the results by SHA-256, which number their pages.
    pub(super) pages: BTreeMap<&'a str, usize>,
    records: &'a [Record],
    /// What each of them and others say together.
    joint: BTreeMap<&'a str, Vec<Joint>>,
    /// The groups by name, with their numbers from 0.
    groups: BTreeMap<&'a str, (usize, &'a Group)>,
}

impl<'a> Around<'a> {
    pub(super) fn new(batch: &'a Batch, groups: &'a [Group]) -> Self {
        Self { pages: batch.pages(), records: &batch.records, ..Self::of_groups(groups) }
    }

    /// Without a photograph's page.
    pub(super) fn of_groups(groups: &'a [Group]) -> Self {
        Self {
            joint: together::by_photograph(groups),
            groups: groups.iter().enumerate().map(|(i, group)| (group.group.as_str(), (i, group))).collect(),
            ..Self::default()
        }
    }
}

/// A question to a registry, and what it answered.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Trace {
    asked: String,
    path: Option<String>,
    /// Name of the photographs that it was read from together.
    group: Option<String>,
    /// Its number on the page of groups, where that shows it.
    group_number: Option<usize>,
    /// What the reading was warned of.
    warnings: Vec<String>,
    /// What the photograph and others say together.
    joint: Vec<Joint>,
    /// Where that contradicts the first record; empty where nowhere.
    contradicted: String,
    file: Option<String>,
    best: String,
    reading_p: String,
    /// Why these are hardly leads, where they are.
    hardly: Option<String>,
    /// Why nothing was looked up: then there is no answer to show.
    refused: Option<String>,
    /// Where the registry's log has the question; empty where the line does not say.
    logged: String,
    /// Which records were compared, and how many of the others would have been compatible; empty for all.
    narrowing: String,
    left_out: String,
    other_format: String,
    records: String,
    compatible: String,
    by_chance: String,
    /// The hypothesis that it is none of them, as the terminal names it, and its probability.
    in_none: String,
    not_registered: String,
    unread: String,
    assumed: String,
    /// What the probabilities take for granted; empty where nothing was narrowed down.
    granted: String,
    /// The first of the candidates, and how many more there are.
    candidates: Vec<Candidate>,
    more: usize,
}

#[derive(Clone, Debug, Serialize)]
struct Candidate {
    posterior: String,
    /// Of all records, where these were narrowed down.
    unnarrowed: Option<String>,
    differs: String,
    /// Where it has other characters than the most probable code.
    unlike_best: String,
    fields: Vec<(&'static str, String)>,
}

/// The whole numbers of a list.
fn whole_numbers(list: &Value) -> Vec<i64> {
    list.as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

/// Where sure characters of what was read together are others in a record, from 1.
fn contradicted(joint: &[Joint], code: &str) -> String {
    let together = joint.iter().filter_map(|j| j.code.as_ref());
    let places: BTreeSet<i64> = together.flat_map(|sure| words::contradictions(sure, code)).collect();
    places.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

pub(super) fn trace(line: &Value, around: &Around<'_>) -> Trace {
    let asked = line["asked"].as_str().unwrap_or_default();
    let best = line["best"].as_str().unwrap_or_default();
    let hash = line["sha256"].as_str();
    let group = line["group"].as_str().and_then(|name| around.groups.get(name));
    let page = hash.and_then(|hash| around.pages.get(hash)).copied();
    let of_record = page.map(|i| facts::warnings(&around.records[i])).unwrap_or_default();
    let of_group = group.map(|(_, group)| together::notes(group)).unwrap_or_default();
    let joint = hash.and_then(|hash| around.joint.get(hash)).cloned().unwrap_or_default();
    let none_sure = asked.chars().all(|c| c == '?');
    // A code that was typed is no reading.
    let is_read = line["path"].is_string() || line["group"].is_string();
    let candidate = |c: &Value| Candidate {
        // What other programs write may not know of times.
        posterior: chance(
            c,
            if c["firearm_posterior"].is_number() { "firearm_posterior" } else { "posterior" },
        ),
        unnarrowed: c["unnarrowed"].as_f64().map(|_| chance(c, "unnarrowed")),
        differs: match c["differs"].as_i64() {
            Some(0) if none_sure => "no character is sure".into(),
            Some(0) => "none".into(),
            n => n.map_or_else(|| "-".into(), |n| words::differing(n, &whole_numbers(&c["differs_at"]))),
        },
        unlike_best: words::unlike_best(best, c["code"].as_str().unwrap_or_default()),
        fields: RECORD
            .iter()
            .map(|(name, label)| match *name {
                "from" => {
                    let [from, to] = ["from", "to"].map(|day| c[day].as_str().map(text).unwrap_or_default());
                    let days = words::days(&from, &to);
                    (*label, if days.is_empty() { "-".into() } else { days })
                }
                name => (*label, field(c, name)),
            })
            .collect(),
    };
    let narrowed = |name: &str| line["narrowed"][name].as_str().map(text);
    let [make, calibre, on] = ["make", "calibre", "on"].map(narrowed);
    let formats = line["narrowed"]["formats"].as_array().into_iter().flatten();
    let formats: Vec<String> = formats.filter_map(Value::as_str).map(text).collect();
    let narrowing = words::narrowing(&formats, make.as_deref(), calibre.as_deref(), on.as_deref());
    let left_out = match narrowing.as_str() {
        "" => String::new(),
        narrowing => {
            words::left_out(narrowing, line["left_out"].as_i64(), line["left_out_fits_better"] == true)
        }
    };
    let all = line["candidates"].as_array().map(Vec::as_slice).unwrap_or_default();
    let candidates: Vec<Candidate> = all.iter().take(MOST_CANDIDATES).map(candidate).collect();
    let more = all.len() - candidates.len();
    let first = all.first().and_then(|c| c["code"].as_str());
    Trace {
        group_number: group.filter(|(i, _)| *i < together::MOST).map(|(i, _)| i + 1),
        warnings: of_record.into_iter().chain(of_group.into_iter().map(String::from)).collect(),
        contradicted: first.map(|code| contradicted(&joint, code)).unwrap_or_default(),
        joint,
        asked: field(line, "asked"),
        path: line["path"].as_str().map(text),
        group: line["group"].as_str().map(text),
        file: page.map(view::file),
        best: field(line, "best"),
        reading_p: chance(line, "reading_p"),
        hardly: words::hardly(asked).filter(|_| is_read),
        refused: line["refused"].as_str().map(text),
        logged: match &line["log"] {
            Value::Object(_) => {
                let log = &line["log"];
                words::logged(&whole(log, "row"), &field(log, "time"), &field(log, "sha256"))
            }
            _ => String::new(),
        },
        left_out,
        other_format: words::of_other_formats(line["other_format"].as_i64().unwrap_or(0)),
        records: whole(line, "records"),
        compatible: whole(line, "compatible"),
        by_chance: line["by_chance"].as_f64().map_or_else(|| "-".into(), words::expected),
        in_none: words::in_none(&narrowing),
        not_registered: chance(line, "not_registered"),
        unread: chance(line, "unread"),
        assumed: line["unregistered_share"]
            .as_f64()
            .map(|share| words::assumed(share, line["next_to_share"].as_f64(), &narrowing))
            .unwrap_or_default(),
        granted: if narrowing.is_empty() {
            String::new()
        } else {
            words::granted(&narrowing, candidates.iter().any(|c| c.unnarrowed.is_some()))
        },
        narrowing,
        candidates,
        more,
    }
}
