//! The lines of `leads.jsonl` as a page shows them.

use super::super::view::file;
use super::{field, number};
use crate::words;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A photograph in a lead.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Member {
    pub(super) scene: String,
    pub(super) path: String,
    pub(super) out: String,
    pub(super) code: String,
    pub(super) status: String,
    /// Whether less than half of its characters are sure.
    pub(super) unsure: bool,
    /// Its page in this report.
    pub(super) file: Option<String>,
}

/// Two readings that may stem from one firing pin.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Pair {
    pub(super) a: Member,
    pub(super) b: Member,
    pub(super) shared: String,
    pub(super) log10_lr: String,
    pub(super) agree: String,
}

impl Pair {
    /// Whether it is hardly a lead: less than half of one reading is sure.
    pub(super) fn is_hardly(&self) -> bool {
        self.a.unsure || self.b.unsure
    }
}

/// Readings that all are compatible with each other.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) shared: String,
    pub(super) members: Vec<Member>,
    pub(super) scenes: usize,
}

fn member(value: &Value, pages: &BTreeMap<&str, usize>) -> Member {
    let page = value["sha256"].as_str().and_then(|hash| pages.get(hash));
    let unsure = value["code"].as_str().and_then(words::hardly).is_some();
    Member {
        unsure,
        scene: field(value, "scene"),
        path: field(value, "path"),
        out: field(value, "out"),
        code: field(value, "code"),
        status: field(value, "status"),
        file: page.map(|i| file(*i)),
    }
}

/// Pairs and groups of the lines of `leads.jsonl`; `pages` are the photographs' places in the results by SHA-256.
pub(super) fn leads(lines: &[Value], pages: &BTreeMap<&str, usize>) -> (Vec<Pair>, Vec<Group>) {
    let (mut pairs, mut groups) = (Vec::new(), Vec::new());
    for line in lines {
        match line["kind"].as_str() {
            Some("pair") => {
                let [a, b] = ["a", "b"].map(|side| member(&line[side], pages));
                pairs.push(Pair {
                    a,
                    b,
                    shared: field(line, "shared"),
                    log10_lr: number(line, "log10_lr", 1),
                    agree: field(line, "agree"),
                });
            }
            Some("group") => {
                let members = line["members"].as_array().into_iter().flatten();
                let members: Vec<Member> = members.map(|m| member(m, pages)).collect();
                let mut scenes: Vec<(&str, &str)> =
                    members.iter().map(|m| (m.out.as_str(), m.scene.as_str())).collect();
                scenes.sort_unstable();
                scenes.dedup();
                let scenes = scenes.len();
                groups.push(Group { id: field(line, "id"), shared: field(line, "shared"), members, scenes });
            }
            // A later version may write more than this one shows.
            _ => {}
        }
    }
    name_runs(&mut pairs, &mut groups);
    (pairs, groups)
}

/// Names the run before each scene where there are several: they may call scenes and photographs alike.
fn name_runs(pairs: &mut [Pair], groups: &mut [Group]) {
    let all = || pairs.iter().flat_map(|p| [&p.a, &p.b]).chain(groups.iter().flat_map(|g| &g.members));
    let outs: BTreeSet<String> = all().map(|m| m.out.clone()).collect();
    if outs.len() < 2 {
        return;
    }
    // The last folder, where that tells them apart.
    let last = |out: &str| out.trim_end_matches('/').rsplit('/').next().unwrap_or(out).to_string();
    let short = outs.iter().map(|out| last(out)).collect::<BTreeSet<_>>().len() == outs.len();
    let ours = pairs.iter_mut().flat_map(|p| [&mut p.a, &mut p.b]);
    for member in ours.chain(groups.iter_mut().flat_map(|g| &mut g.members)) {
        let run = if short { last(&member.out) } else { member.out.clone() };
        member.scene = format!("{run}: {}", member.scene);
    }
}
