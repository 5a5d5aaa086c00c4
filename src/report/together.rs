//! Photographs that were read together, as a page: what each says for every character.

use super::site::Site;
use super::view::{file, text};
use crate::batch::record::{share, word};
use crate::error::Fatal;
use crate::groups::{Group, Kind};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Groups shown on the page; the file holds the rest.
pub const MOST: usize = 500;

#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    what: &'static str,
    status: &'static str,
    code: String,
    best: String,
    confidence: String,
    withheld: Option<&'static str>,
    format: String,
    /// Symbol and probability of each place.
    places: Vec<(char, String)>,
    members: Vec<Member>,
    notes: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Member {
    path: String,
    /// Its page in this report.
    file: Option<String>,
    code: String,
    weight: String,
    support: Vec<Support>,
    notes: Vec<&'static str>,
}

/// What a photograph says of a place's symbol.
#[derive(Debug, Serialize)]
struct Support {
    value: String,
    against: bool,
}

/// What the photographs of a group say together: for the pages that name one of them.
#[derive(Clone, Debug, Serialize)]
pub struct Joint {
    name: String,
    /// Number, from 1, of the group on the page of groups, where that shows it.
    number: Option<usize>,
    /// The code, where one is put forward.
    pub code: Option<String>,
    /// Why none is, where that has a reason.
    withheld: Option<&'static str>,
}

/// What each photograph, by its SHA-256, and others say together.
pub fn by_photograph(groups: &[Group]) -> BTreeMap<&str, Vec<Joint>> {
    let mut of: BTreeMap<&str, Vec<Joint>> = BTreeMap::new();
    for (i, group) in groups.iter().enumerate() {
        // The same file may be a member twice.
        let hashes: BTreeSet<&str> = group.members.iter().filter_map(|m| m.sha256.as_deref()).collect();
        for hash in hashes {
            of.entry(hash).or_default().push(Joint {
                name: text(&group.group),
                number: (i < MOST).then_some(i + 1),
                code: group.code.as_deref().filter(|_| group.withheld().is_none()).map(text),
                withheld: group.withheld(),
            });
        }
    }
    of
}

/// The warnings of a group as sentences.
pub fn notes(group: &Group) -> Vec<&'static str> {
    group.warnings.iter().map(|w| note(w)).collect()
}

/// Writes the page of `groups`, from the file with the hash `sha256`; `pages` are the photographs' places in the results by SHA-256.
///
/// # Errors
/// [`Fatal`] where it cannot be written.
pub fn write(
    groups: &[Group],
    pages: &BTreeMap<&str, usize>,
    site: &Site,
    head: &Value,
    sha256: &str,
) -> Result<(), Fatal> {
    let shown: Vec<Shown> = groups.iter().take(MOST).map(|group| shown(group, pages)).collect();
    site.page(
        "groups.html",
        "groups.html",
        json!({ "head": head, "sha256": sha256, "groups": shown, "count": groups.len() }),
    )
}

fn shown(group: &Group, pages: &BTreeMap<&str, usize>) -> Shown {
    let dash = |value: &Option<String>| value.as_deref().map_or_else(|| "-".into(), text);
    Shown {
        name: text(&group.group),
        what: match group.kind {
            Kind::Case => "photographs of one case",
            Kind::Gun => "cases of one gun",
        },
        status: word(group.status),
        code: dash(&group.code),
        best: dash(&group.best),
        confidence: group.best.as_ref().map_or_else(|| "-".into(), |_| share(group.confidence)),
        withheld: group.withheld(),
        format: dash(&group.format),
        places: group.positions.iter().map(|p| (p.char, share(p.p))).collect(),
        members: group
            .members
            .iter()
            .map(|m| Member {
                path: text(&m.path),
                file: m.sha256.as_deref().and_then(|hash| pages.get(hash)).map(|i| file(*i)),
                code: dash(&m.code),
                weight: if m.weight > 0.0 { format!("{:.2}", m.weight) } else { "-".into() },
                support: m
                    .support
                    .iter()
                    .map(|x| Support { value: format!("{x:.1}"), against: *x < 0.0 })
                    .collect(),
                notes: m.warnings.iter().map(|w| note(w)).collect(),
            })
            .collect(),
        notes: notes(group),
    }
}

/// A warning as a sentence.
fn note(warning: &str) -> &'static str {
    match warning {
        "members_disagree" => {
            "Sure characters contradict each other: another gun's case may be among them, so nothing is read."
        }
        "members_left_out" => {
            "A photograph was left out: as it was found, it and the others cannot show one code."
        }
        "gear_disagrees" => {
            "The ring is sure of another character in two photographs more than it is of this one: that character is not shown."
        }
        "one_member" => "Only one photograph shows a mark: this is its own reading.",
        "ambiguous_rotation_or_format" => "Another rotation or format is nearly as likely.",
        "left_out" => "Left out: as it was found, it and the others cannot show one code.",
        "contradicts" => {
            "A sure character of its own contradicts the joint reading: what it contradicts is not shown."
        }
        "turned" => "Taken to lie another way round than when it was read alone.",
        "other_format" => "There is a mark, but of none of the formats asked for.",
        "same_picture" => "The same picture as another member's, saved or taken again: counted once.",
        "same_file" => "The same file as another: counted once.",
        _ => "See groups.jsonl for a warning that this version does not know.",
    }
}
