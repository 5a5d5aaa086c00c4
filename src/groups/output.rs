//! `groups.jsonl` and, flat, `groups.csv`.

use super::reading::{Group, Member};
use crate::batch::disk::{csv_row, replace, sha256_of};
use crate::batch::names::cell;
use crate::batch::output::{GROUP_COLUMNS, GROUP_FILES};
use crate::batch::record::word;
use crate::error::Fatal;
use std::path::Path;

/// Version of a line's layout.
pub const SCHEMA: u32 = 1;
/// Names of the files, lines and table.
pub const FILES: [&str; 2] = GROUP_FILES;

/// Writes both files into `folder`, each whole or not at all.
///
/// # Errors
/// [`Fatal`] where a file cannot be written.
pub fn write(groups: &[Group], folder: &Path) -> Result<(), Fatal> {
    let unwritable = |name: &str, e: &std::io::Error| {
        Fatal::new(
            format!("cannot write {}: {e}", folder.join(name).display()),
            "-o with a folder that exists and is yours, and room on the disk",
        )
    };
    let (mut lines, mut table) = (Vec::new(), csv_row(&GROUP_COLUMNS));
    for group in groups {
        serde_json::to_writer(&mut lines, group).map_err(|e| unwritable(FILES[0], &e.into()))?;
        lines.push(b'\n');
        table.extend(csv_row(&row(group)));
    }
    replace(&folder.join(FILES[0]), &lines).map_err(|e| unwritable(FILES[0], &e))?;
    replace(&folder.join(FILES[1]), &table).map_err(|e| unwritable(FILES[1], &e))
}

fn row(group: &Group) -> [String; 12] {
    // A path may hold a blank, but no line's end: see `batch::names`.
    let names = |which: &dyn Fn(&Member) -> bool| {
        let list = group.members.iter().filter(|m| which(m));
        list.map(|m| cell(&m.path)).collect::<Vec<_>>().join("\n")
    };
    let p: Vec<String> = group.positions.iter().map(|p| p.p.to_string()).collect();
    [
        cell(&group.group),
        group.kind.word().into(),
        word(group.status).into(),
        group.code.clone().unwrap_or_default(),
        group.best.clone().unwrap_or_default(),
        group.confidence.to_string(),
        group.format.clone().unwrap_or_default(),
        p.join(" "),
        group.members.len().to_string(),
        names(&|m| m.weight > 0.0),
        names(&|m| m.warnings.iter().any(|w| w == "left_out")),
        group.warnings.join(" "),
    ]
}

/// Reads `groups.jsonl` of a folder: where `results.jsonl` lies beside it, as [`read_groups`]; else of one run all the same.
///
/// # Errors
/// As [`read_groups`].
pub fn read_alone(folder: &Path) -> Result<Vec<Group>, Fatal> {
    let beside = sha256_of(&folder.join(crate::batch::output::FILES[0])).ok();
    let first = || {
        let text = std::fs::read_to_string(folder.join(FILES[0])).ok()?;
        let line: serde_json::Value = serde_json::from_str(text.lines().next()?).ok()?;
        line["results_sha256"].as_str().map(String::from)
    };
    read_groups(folder, &beside.or_else(first).unwrap_or_default())
}

/// Reads `groups.jsonl` of a folder, which must have been read from the `results.jsonl` with this SHA-256:
/// photographs of another run, or readings that were changed since, are not what these groups say.
///
/// # Errors
/// [`Fatal`] where it cannot be read, or a line is no group or one of other results.
pub fn read_groups(folder: &Path, results_sha256: &str) -> Result<Vec<Group>, Fatal> {
    let path = folder.join(FILES[0]);
    let again = "`microstamp group OUT --group-by PATTERN`";
    let text = std::fs::read_to_string(&path)
        .map_err(|e| Fatal::new(format!("cannot read the groups {}: {e}", path.display()), again))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(i, line)| {
            let wrong = |why: String| Fatal::new(format!("{}: line {}: {why}", path.display(), i + 1), again);
            let group: Group = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
            if group.schema != SCHEMA {
                return Err(wrong(format!("schema {} where {SCHEMA} is known", group.schema)));
            }
            if group.results_sha256 != results_sha256 {
                return Err(wrong("read together from other results than those of this run".into()));
            }
            Ok(group)
        })
        .collect()
}
