//! Which photographs belong together: by a pattern on their paths, or by a table.

use crate::batch::lines;
use crate::batch::names::printable;
use crate::error::Fatal;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Photographs of a group, at the most: a scene has fewer cases of one gun, and a pattern that takes all of a
/// laboratory's photographs for one case is a mistake.
const MOST: usize = 200;

/// What names a photograph's group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// A regular expression on the relative path: its groups in brackets, joined by `/`, or all that it
    /// covers where it has none.
    Pattern(String),
    /// A table with the columns `path` and `group`; a path may stand in several groups.
    Table {
        /// Where it lies, for messages.
        path: PathBuf,
        /// What it held when it was asked for: it may be edited while photographs are read.
        bytes: Vec<u8>,
    },
}

/// Groups by name, each with the numbers of its photographs in ascending order; `paths` are relative, as
/// in the results. A photograph that has no name is in none.
///
/// # Errors
/// [`Fatal`] where the pattern is none, the table cannot be read or names a photograph that is not
/// there, no photograph is in a group, or a group has more than 200.
pub fn name(paths: &[&str], by: &By) -> Result<BTreeMap<String, Vec<usize>>, Fatal> {
    let groups = match by {
        By::Pattern(pattern) => by_pattern(paths, pattern),
        By::Table { path, bytes } => by_table(paths, path, bytes),
    }?;
    match groups.iter().find(|(_, members)| members.len() > MOST) {
        Some((name, members)) => Err(Fatal::new(
            format!(
                "group `{}` has {} photographs, at most {MOST} are read together",
                printable(name),
                members.len()
            ),
            EXAMPLE,
        )),
        None => Ok(groups),
    }
}

/// A pattern that fits the usual folder a case.
const EXAMPLE: &str = r"--group-by '^([^/]+)/', where the first folder names the case";
/// What to try where that is what was asked for.
const OTHER: &str = r"a pattern that fits the path, such as '^(.+)_[0-9]+[.]' where a number ends each file's name, or --groups TABLE.csv";

fn by_pattern(paths: &[&str], pattern: &str) -> Result<BTreeMap<String, Vec<usize>>, Fatal> {
    let regex = Regex::new(pattern).map_err(|e| {
        let why = e.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Fatal::new(format!("`{pattern}` is no regular expression: {why}"), EXAMPLE)
    })?;
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, path) in paths.iter().enumerate() {
        let Some(found) = regex.captures(path) else { continue };
        let from = usize::from(found.len() > 1);
        let parts: Vec<&str> = found.iter().skip(from).map(|part| part.map_or("", |p| p.as_str())).collect();
        if parts.iter().any(|part| !part.is_empty()) {
            groups.entry(parts.join("/")).or_default().push(i);
        }
    }
    if groups.is_empty() {
        let first = paths.first().map_or_else(String::new, |p| format!(", such as {}", printable(p)));
        return Err(Fatal::new(
            format!("`{pattern}` fits none of the {} paths{first}", paths.len()),
            if paths.iter().any(|path| path.contains('/')) { EXAMPLE } else { OTHER },
        ));
    }
    Ok(groups)
}

fn by_table(paths: &[&str], path: &Path, bytes: &[u8]) -> Result<BTreeMap<String, Vec<usize>>, Fatal> {
    let shape = "a table with the columns path and group, paths as in results.jsonl";
    let wrong = |why: String| Fatal::new(format!("{}: {why}", path.display()), shape);
    let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let headers = table.headers().map_err(|e| wrong(e.to_string()))?.clone();
    let column = |name: &str| {
        let found = headers.iter().position(|h| h.trim_start_matches('\u{feff}') == name);
        found.ok_or_else(|| wrong(format!("no column `{name}`{}", lines::by_semicolons(&headers))))
    };
    let (path_at, group_at) = (column("path")?, column("group")?);
    if let Some(twice) =
        ["path", "group"].iter().find(|name| headers.iter().filter(|h| h == *name).count() > 1)
    {
        return Err(wrong(format!("two columns are called `{twice}`")));
    }
    let mut known: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, path) in paths.iter().enumerate() {
        known.entry(path).or_default().push(i);
    }
    let mut groups: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for row in lines::rows(table) {
        let (line, row) = row.map_err(|e| wrong(e.to_string()))?;
        let (photograph, group) = (&row[path_at], &row[group_at]);
        if group.is_empty() {
            continue;
        }
        if group.contains('\n') {
            return Err(wrong(format!(
                "line {line}: a group's name goes on over lines: a quotation mark is not closed"
            )));
        }
        let numbers = known.get(photograph).ok_or_else(|| {
            wrong(format!("line {line}: no photograph {} in the results", printable(photograph)))
        })?;
        groups.entry(group.into()).or_default().extend(numbers);
    }
    if groups.is_empty() {
        return Err(wrong("no photograph has a group".into()));
    }
    Ok(groups.into_iter().map(|(name, members)| (name, members.into_iter().collect())).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pattern(paths: &[&str], pattern: &str) -> Result<BTreeMap<String, Vec<usize>>, Fatal> {
        name(paths, &By::Pattern(pattern.into()))
    }

    #[test]
    fn brackets_name_the_group_and_what_does_not_fit_is_in_none() {
        let paths = ["17/a-1/ring.png", "17/a-1/side.png", "17/b.png", "18/a-1/ring.png"];
        let groups = pattern(&paths, r"^(\d+)/(a)-\d/").unwrap();
        assert_eq!(groups, BTreeMap::from([("17/a".into(), vec![0, 1]), ("18/a".into(), vec![3])]));
        let whole = pattern(&paths, r"^\d+/").unwrap();
        assert_eq!(whole.keys().collect::<Vec<_>>(), ["17/", "18/"]);
        // What fits but has nothing in the brackets has no name either.
        let optional = pattern(&paths, r"^17/(?:(a)-\d/)?").unwrap();
        assert_eq!(optional, BTreeMap::from([("a".into(), vec![0, 1])]));
    }

    #[test]
    fn a_pattern_that_cannot_be_used_says_what_to_type() {
        let none = pattern(&["17/a.png"], "^case").unwrap_err();
        assert!(
            none.what.contains("none of the 1 paths, such as 17/a.png") && none.hint.contains("'^([^/]+)/'")
        );
        let paths: Vec<String> = (0..=MOST).map(|i| format!("17/{i}.png")).collect();
        let all = pattern(&paths.iter().map(String::as_str).collect::<Vec<_>>(), ".").unwrap_err();
        assert!(all.what.contains("group `1` has 201 photographs"), "{all}");
        let broken = pattern(&["17/a.png"], "(").unwrap_err();
        assert!(broken.what.contains("`(` is no regular expression: unclosed group"), "{broken}");
    }

    fn table(paths: &[&str], text: &str) -> Result<BTreeMap<String, Vec<usize>>, Fatal> {
        name(paths, &By::Table { path: "groups.csv".into(), bytes: text.into() })
    }

    #[test]
    fn a_table_names_groups_in_any_order_and_refuses_what_is_not_there() {
        let paths = ["a.png", "b.png", "c.png"];
        let groups = table(&paths, "\u{feff}group,path\nG,c.png\nG,a.png\nG,a.png\n,b.png\n").unwrap();
        assert_eq!(groups, BTreeMap::from([("G".into(), vec![0, 2])]));
        for (text, named) in [
            ("path,group\nd.png,G\n", "line 2: no photograph d.png"),
            ("path,gun\na.png,G\n", "no column `group`"),
            ("path,group\na.png,\n", "no photograph has a group"),
        ] {
            let fatal = table(&paths, text).unwrap_err();
            assert!(fatal.what.contains(named), "{fatal}");
        }
    }
}
