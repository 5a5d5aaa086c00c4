//! `leads.jsonl` and `leads.csv`: what [`super::link`] found, in words that others can read.

use super::link::{Linker, Links};
use super::results::MarkRead;
use crate::batch::disk;
use crate::batch::names::cell;
use crate::batch::record::word;
use crate::error::Fatal;
use serde::Serialize;
use std::path::Path;

/// Version of the layout of a line of `leads.jsonl`.
pub const SCHEMA: u32 = 1;
/// Names of the files, lines and table.
pub const FILES: [&str; 2] = ["leads.jsonl", "leads.csv"];
/// First columns of the table.
const HEAD: [&str; 6] = ["kind", "group", "shared", "log10_lr", "agree", "same_scene"];

/// One reading of a lead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Member {
    /// Folder that `decode` wrote.
    pub out: String,
    /// Photograph, as in the results.
    pub path: String,
    /// Folder of the photograph, below the one that was decoded.
    pub scene: String,
    /// Of the photograph's bytes.
    pub sha256: Option<String>,
    /// Code as it was read, `?` where not sure.
    pub code: String,
    /// How far it was read.
    pub status: &'static str,
}

/// Two readings that are a lead.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairLead {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `pair`.
    pub kind: &'static str,
    /// The first reading.
    pub a: Member,
    /// The second.
    pub b: Member,
    /// The code they share, as [`Linker::shared`] has it.
    pub shared: String,
    /// Logarithm to base 10 of the likelihood ratio for one code.
    pub log10_lr: f64,
    /// Places where both show the same character as sure.
    pub agree: usize,
    /// Whether both lie in one scene.
    pub same_scene: bool,
    /// Group that both belong to; null where they belong to none, or to two.
    pub group: Option<usize>,
    /// Pairs of readings that were compared.
    pub compared: u64,
    /// Least `log10_lr` of a lead.
    pub log10_bar: f64,
    /// SHA-256 of each `results.jsonl` whose readings were compared.
    pub results_sha256: Vec<String>,
}

/// Readings of which each is compatible with every other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupLead {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `group`.
    pub kind: &'static str,
    /// 1, 2, 3, ..., the largest group first.
    pub id: usize,
    /// The code they share, as [`Linker::shared`] has it.
    pub shared: String,
    /// Number of scenes.
    pub scenes: usize,
    /// The readings.
    pub members: Vec<Member>,
    /// Pairs of readings that were compared.
    pub compared: u64,
    /// Least `log10_lr` of a lead.
    pub log10_bar: f64,
    /// SHA-256 of each `results.jsonl` whose readings were compared.
    pub results_sha256: Vec<String>,
}

/// All leads of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Leads {
    /// Pairs, the strongest first.
    pub pairs: Vec<PairLead>,
    /// Groups, the largest first.
    pub groups: Vec<GroupLead>,
}

/// The scene of a photograph: the first `depth` folders of its path below the decoded folder; `.` for a
/// photograph that lies in that folder itself.
pub fn scene(path: &str, depth: usize) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    parts.truncate(depth);
    if parts.is_empty() { ".".into() } else { parts.join("/") }
}

/// Three decimals.
fn thousandths(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}

impl Leads {
    /// Puts what was found into words; `hashes` of the results that the readings stand in.
    pub fn new(
        readings: &[MarkRead],
        linker: &Linker<'_>,
        links: &Links,
        depth: usize,
        hashes: &[String],
    ) -> Self {
        let member = |i: usize| {
            let read = &readings[i];
            let source = read.question.reading.as_ref();
            let path = source.and_then(|s| s.path.clone()).unwrap_or_default();
            Member {
                out: read.out.clone(),
                scene: scene(&path, depth),
                path,
                sha256: source.and_then(|s| s.sha256.clone()),
                code: read.question.asked.clone(),
                status: word(read.status),
            }
        };
        let group_of =
            |i: usize| links.groups.iter().position(|g| g.binary_search(&i).is_ok()).map(|g| g + 1);
        let pairs = links
            .pairs
            .iter()
            .map(|pair| {
                let (a, b) = (member(pair.a), member(pair.b));
                PairLead {
                    schema: SCHEMA,
                    kind: "pair",
                    same_scene: (&a.out, &a.scene) == (&b.out, &b.scene),
                    shared: linker.shared(&[pair.a, pair.b]),
                    log10_lr: thousandths(pair.log10_lr),
                    agree: linker.agree(pair.a, pair.b),
                    group: group_of(pair.a).filter(|g| group_of(pair.b) == Some(*g)),
                    compared: links.compared,
                    log10_bar: thousandths(links.bar),
                    results_sha256: hashes.to_vec(),
                    a,
                    b,
                }
            })
            .collect();
        let groups = links
            .groups
            .iter()
            .enumerate()
            .map(|(i, numbers)| {
                let members: Vec<Member> = numbers.iter().map(|i| member(*i)).collect();
                let mut scenes: Vec<_> = members.iter().map(|m| (&m.out, &m.scene)).collect();
                scenes.sort();
                scenes.dedup();
                GroupLead {
                    schema: SCHEMA,
                    kind: "group",
                    id: i + 1,
                    shared: linker.shared(numbers),
                    scenes: scenes.len(),
                    members,
                    compared: links.compared,
                    log10_bar: thousandths(links.bar),
                    results_sha256: hashes.to_vec(),
                }
            })
            .collect();
        Self { pairs, groups }
    }

    /// Writes `leads.jsonl` and `leads.csv` into a folder, in place of those that were there.
    ///
    /// # Errors
    /// [`Fatal`] where they cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), Fatal> {
        let full = |e: &dyn std::fmt::Display| {
            Fatal::new(
                format!("cannot write the leads into {}: {e}", folder.display()),
                "-o with a folder that is yours, on a disk that has room",
            )
        };
        std::fs::create_dir_all(folder).map_err(|e| full(&e))?;
        let mut lines = Vec::new();
        for lead in &self.pairs {
            serde_json::to_writer(&mut lines, lead).map_err(|e| full(&e))?;
            lines.push(b'\n');
        }
        for lead in &self.groups {
            serde_json::to_writer(&mut lines, lead).map_err(|e| full(&e))?;
            lines.push(b'\n');
        }
        let table = self.table().map_err(|e| full(&e))?;
        for (name, bytes) in FILES.into_iter().zip([&lines, &table]) {
            disk::replace(&folder.join(name), bytes).map_err(|e| full(&e))?;
        }
        Ok(())
    }

    /// Whether a file with the name of one that is written is such a file: somebody's own table may be called so.
    pub fn is_one(name: &str, bytes: &[u8]) -> bool {
        let begins = if name == FILES[1] { HEAD.join(",") } else { "{\"schema\":".into() };
        bytes.starts_with(begins.as_bytes())
    }

    /// The same, flat: a row a pair, and a row for each reading of a group.
    fn table(&self) -> Result<Vec<u8>, csv::Error> {
        let mut table = csv::Writer::from_writer(Vec::new());
        let names =
            |side: &str| ["out", "scene", "path", "sha256", "code", "status"].map(|n| format!("{side}_{n}"));
        let head = HEAD.map(String::from);
        let tail = ["compared", "log10_bar"].map(String::from);
        table.write_record(head.iter().chain(&names("a")).chain(&names("b")).chain(&tail))?;
        let cells = |m: &Member| {
            let sha256 = m.sha256.as_deref().unwrap_or_default();
            [&m.out, &m.scene, &m.path, sha256, &m.code].map(cell)
        };
        for lead in &self.pairs {
            let group = lead.group.map(|g| g.to_string()).unwrap_or_default();
            let mut row = vec!["pair".to_string(), group, lead.shared.clone(), lead.log10_lr.to_string()];
            row.extend([lead.agree.to_string(), lead.same_scene.to_string()]);
            for member in [&lead.a, &lead.b] {
                row.extend(cells(member));
                row.push(member.status.into());
            }
            row.extend([lead.compared.to_string(), lead.log10_bar.to_string()]);
            table.write_record(&row)?;
        }
        for lead in &self.groups {
            for member in &lead.members {
                let mut row = vec!["group".to_string(), lead.id.to_string(), lead.shared.clone()];
                row.extend(["", "", ""].map(String::from));
                row.extend(cells(member));
                row.push(member.status.into());
                row.resize(head.len() + 12, String::new());
                row.extend([lead.compared.to_string(), lead.log10_bar.to_string()]);
                table.write_record(&row)?;
            }
        }
        table.into_inner().map_err(|e| e.into_error().into())
    }
}
