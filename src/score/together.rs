//! Photographs that were read together, against the truth, beside the readings of each alone.

use super::figures::{Figures, figures};
use super::interval::{Rate, Tally};
use super::pair::Pair;
use super::table::{count, error_beside_chance, interval, percent, table};
use super::truth::Row;
use crate::batch::Record;
use crate::error::{Failure, Fatal};
use crate::groups::{Group, Kind};
use crate::pipeline::decode::Status;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A group and what its photographs show.
#[derive(Debug)]
pub struct Truthful<'a> {
    /// The group.
    pub group: &'a Group,
    /// Its photographs, in the order of its members.
    pub pairs: Vec<Pair<'a>>,
    /// Whether its photographs show several codes.
    pub mixed: bool,
}

impl<'a> Truthful<'a> {
    /// The code of all photographs that show a mark; `None` where none does, or they show several.
    pub fn code(&self) -> Option<&'a str> {
        self.pairs.iter().filter(|_| !self.mixed).find_map(|p| p.truth.code.as_deref())
    }

    /// Its gun; of several the first.
    pub fn gun(&self) -> Option<&'a str> {
        self.pairs.first().and_then(Pair::gun)
    }
}

/// Puts groups and truth together.
///
/// # Errors
/// [`Fatal`] where a member is none of the photographs.
pub fn truthful<'a>(groups: &'a [Group], pairs: &[Pair<'a>]) -> Result<Vec<Truthful<'a>>, Fatal> {
    let by_path: BTreeMap<&str, Pair<'a>> = pairs.iter().map(|p| (p.truth.path.as_str(), *p)).collect();
    groups
        .iter()
        .map(|group| {
            let find = |path: &str| {
                by_path.get(path).copied().ok_or_else(|| {
                    Fatal::new(
                        format!("group {}: {path} is none of the photographs", group.group),
                        "`microstamp group` once more: the groups were made from other results",
                    )
                })
            };
            let pairs: Vec<Pair<'a>> =
                group.members.iter().map(|m| find(&m.path)).collect::<Result<_, Fatal>>()?;
            let codes: BTreeSet<&str> = pairs.iter().filter_map(|p| p.truth.code.as_deref()).collect();
            let mixed = codes.len() > 1;
            Ok(Truthful { group, pairs, mixed })
        })
        .collect()
}

/// The groups of one kind, against the truth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Together {
    /// What their photographs have in common.
    pub kind: Kind,
    /// Groups of one code, or of none.
    pub groups: u64,
    /// Photographs of a group, on average.
    pub members: f64,
    /// Figures of these groups; its photographs are groups.
    pub joint: Figures,
    /// Figures of their photographs, each read alone.
    pub alone: Figures,
    /// A whole code given, of the groups whose photographs show several codes: each is wrong.
    pub mixed_with_code: Rate,
}

/// Works out the figures of each kind of group.
///
/// # Errors
/// As [`truthful`].
pub fn together(groups: &[Group], pairs: &[Pair<'_>]) -> Result<Vec<Together>, Fatal> {
    let mut kinds: BTreeMap<Kind, Vec<Truthful<'_>>> = BTreeMap::new();
    for known in truthful(groups, pairs)? {
        kinds.entry(known.group.kind).or_default().push(known);
    }
    Ok(kinds.into_iter().map(|(kind, all)| of_kind(kind, &all)).collect())
}

fn of_kind(kind: Kind, all: &[Truthful<'_>]) -> Together {
    let mut mixed = Tally::default();
    let mut rows: Vec<(Row, Record)> = Vec::new();
    let mut alone = Vec::new();
    for known in all.iter().filter(|k| !k.pairs.is_empty()) {
        if known.mixed {
            mixed.one(known.gun(), known.group.status == Status::Read);
            continue;
        }
        rows.push((as_row(known), as_record(known.group)));
        alone.extend(known.pairs.iter().copied());
    }
    let pairs: Vec<Pair<'_>> = rows.iter().map(|(truth, result)| Pair { truth, result }).collect();
    Together {
        kind,
        groups: rows.len() as u64,
        members: alone.len() as f64 / rows.len().max(1) as f64,
        joint: figures(&pairs),
        alone: figures(&alone),
        mixed_with_code: mixed.rate(),
    }
}

/// A group as one photograph of the truth: its code, its gun, and nothing of a place in a picture.
fn as_row(known: &Truthful<'_>) -> Row {
    let pairs = &known.pairs;
    let first = pairs.iter().find(|p| p.truth.code.is_some()).unwrap_or(&pairs[0]).truth;
    Row {
        path: known.group.group.clone(),
        code: first.code.clone(),
        gun: first.gun.clone(),
        format: first.format.clone(),
        gear: None,
        primer: None,
        crater: None,
        size: None,
        cells: Vec::new(),
    }
}

/// A joint reading as a photograph's.
fn as_record(group: &Group) -> Record {
    Record {
        status: group.status,
        code: group.code.clone(),
        best: group.best.clone(),
        confidence: group.confidence,
        format: group.format.clone(),
        failure: None,
        ..Record::failed(&group.group, None, Failure::new("", "", ""))
    }
}

/// The figures of one kind of group as Markdown.
pub fn markdown(all: &Together) -> String {
    let what = match all.kind {
        Kind::Case => "photographs of one case",
        Kind::Gun => "cases of one gun",
    };
    let mut table = table(&["figure", "together", "share", "95 %", "each alone", "share"]);
    let (joint, alone) = (&all.joint, &all.alone);
    let rows: [(&str, &Rate, &Rate); 7] = [
        ("code right", &joint.code_right, &alone.code_right),
        ("right as `best`", &joint.best_right, &alone.best_right),
        ("**wrong among the accepted**", &joint.wrong_among_accepted, &alone.wrong_among_accepted),
        ("partial leads true", &joint.leads_true, &alone.leads_true),
        ("refused", &joint.refused, &alone.refused),
        ("unmarked with a code", &joint.unmarked_with_code, &alone.unmarked_with_code),
        ("sure characters wrong", &joint.sure_characters_wrong, &alone.sure_characters_wrong),
    ];
    for (name, joint, alone) in rows {
        table.add_row([
            name.to_string(),
            count(joint),
            percent(joint.share),
            interval(joint.interval()),
            count(alone),
            percent(alone.share),
        ]);
    }
    let ece = |f: &Figures| error_beside_chance(&f.calibration);
    let mut text = format!(
        "## Read together: {} groups, {:.1} {what} each\n\n{table}\n\nIntervals are over guns, where the truth names \
         several, else over groups. Expected calibration error {} together, {} alone; in brackets what a right \
         confidence shows of so few by chance.\n",
        all.groups,
        all.members,
        ece(&all.joint),
        ece(&all.alone)
    );
    if all.mixed_with_code.of > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "\nGroups of several codes, left out above: {}, of which {} got a whole code.",
            all.mixed_with_code.of, all.mixed_with_code.count
        );
    }
    text
}
