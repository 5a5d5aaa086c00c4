//! A file into the registry: all of its good rows at once or, where anything goes wrong on the way, none.
//!
//! Rows are read into a private table first, which costs other programs nothing, and then merged in one
//! change of the registry: those that are there already are left as they are, so that a file may be
//! brought twice.

use super::entry::Entry;
use super::log::{self, Actor, Event, Log};
use super::source::Source;
use super::store::Database;
use crate::batch::names::cell;
use crate::error::Fatal;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What became of a file's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New in the registry.
    pub added: u64,
    /// There already, word for word.
    pub known: u64,
    /// There already with other data, which these took the place of.
    pub replaced: u64,
    /// In the rejects file with their reasons.
    pub rejected: u64,
}

/// How far an import has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Rows and bytes of the file so far.
    Reading {
        /// Rows read.
        rows: u64,
        /// Bytes read.
        bytes: u64,
    },
    /// Comparing with what is registered.
    Comparing,
    /// Putting in what is new.
    Adding,
    /// Making the indexes.
    Indexing,
}

/// Rows between two reports of progress: some ten a second.
const REPORT_EVERY: u64 = 20_000;

/// What is brought, and what to do with it.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The file.
    pub file: &'a Path,
    /// Where bad rows go; made only where there are some. Those of an earlier import are taken away.
    pub rejects: PathBuf,
    /// Whether rows that differ from what is registered replace it.
    pub replace: bool,
    /// For the log.
    pub actor: &'a Actor,
}

/// Imports one file as one batch.
///
/// # Errors
/// [`Fatal`] where the file cannot be read or the registry not written; then the registry is as it was.
pub fn import(
    database: &mut dyn Database,
    order: &Order<'_>,
    progress: &mut dyn FnMut(Step),
) -> Result<Counts, Fatal> {
    let mut source = Source::open(order.file)?;
    clear(&order.rejects)?;
    let mut rejects = Rejects { path: &order.rejects, writer: None, count: 0 };
    let mut rows = 0;
    database.stage(&mut std::iter::from_fn(|| {
        loop {
            let read = match source.next_row() {
                Ok(read) => read?,
                Err(fatal) => return Some(Err(fatal)),
            };
            rows += 1;
            if rows % REPORT_EVERY == 0 {
                progress(Step::Reading { rows, bytes: source.bytes() });
            }
            match read.entry {
                Ok(entry) => return Some(Ok((read.line, entry))),
                Err(reason) => {
                    if let Err(fatal) = rejects.write(read.line, &reason, &read.text) {
                        return Some(Err(fatal));
                    }
                }
            }
        }
    }))?;
    let named = format!("{} sha256 {}", order.file.display(), source.sha256());
    let event = Event { verb: "import", asked: named, came_back: 0 };
    if order.replace && source.is_mixed() {
        // What one line leaves out and another states would be wiped or kept for both.
        return Err(Fatal::new(
            format!("some lines of {} state fields that others do not", order.file.display()),
            "--replace with a file for each set of fields; nothing was changed",
        ));
    }
    let stated = source.stated();
    merge(database, &mut rejects, (order.replace, &stated), (order.actor, event), progress)
}

/// Registers one entry.
///
/// # Errors
/// [`Fatal`] where it cannot be registered, is registered with other data, or the registry cannot be written.
pub fn add(
    database: &mut dyn Database,
    entry: &Entry,
    replace: bool,
    actor: &Actor,
) -> Result<Counts, Fatal> {
    let entry = entry.clone().tidied();
    entry.check(&crate::pipeline::scheme::Scheme::all()).map_err(|why| {
        Fatal::new(why, "`microstamp registry add --help` for an example; nothing was changed")
    })?;
    database.stage(&mut std::iter::once(Ok((1, entry.clone()))))?;
    let mut rejects = Rejects { path: Path::new(""), writer: None, count: 0 };
    let asked = format!("{} {} {} {}", entry.code, entry.format, entry.make, entry.serial);
    let event = Event { verb: "add", asked, came_back: 0 };
    let cells = Entry::COLUMNS.into_iter().zip(entry.cells());
    let stated: Vec<&str> = cells.filter(|(_, cell)| !cell.is_empty()).map(|(name, _)| name).collect();
    merge(database, &mut rejects, (replace, &stated), (actor, event), &mut |_| {})
}

/// Columns of a file of rejects.
const REJECTS: [&str; 3] = ["line", "reason", "row"];

/// Takes the rejects of an earlier import away, which would look like those of this one.
///
/// # Errors
/// [`Fatal`] where they cannot be, or another file lies there.
fn clear(path: &Path) -> Result<(), Fatal> {
    let hint = "--rejects with a new file in a folder that exists and is yours";
    let stuck =
        |e: std::io::Error| Fatal::new(format!("cannot write the rejects {}: {e}", path.display()), hint);
    let head = format!("{}\n", REJECTS.join(","));
    let mut start = Vec::new();
    match std::fs::File::open(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(stuck(e)),
        Ok(file) => file.take(head.len() as u64).read_to_end(&mut start).map_err(stuck)?,
    };
    if start.is_empty() {
        return Ok(());
    }
    if start != head.as_bytes() {
        return Err(Fatal::new(format!("{} is no file of rejects and stays as it is", path.display()), hint));
    }
    std::fs::remove_file(path).map_err(stuck)
}

/// Bad rows with their reasons, as CSV.
struct Rejects<'a> {
    /// Empty where there is no file and a bad row ends the command.
    path: &'a Path,
    writer: Option<csv::Writer<std::fs::File>>,
    count: u64,
}

impl Rejects<'_> {
    fn write(&mut self, line: i64, reason: &str, row: &str) -> Result<(), Fatal> {
        if self.path.as_os_str().is_empty() {
            let hint = if reason.contains("--replace") {
                "--replace, if the new data are right; nothing was changed"
            } else {
                "--from and --to with days that overlap no other time of the firearm; nothing was changed"
            };
            return Err(Fatal::new(reason, hint));
        }
        let path = self.path;
        let unwritable = |e: csv::Error| {
            Fatal::new(
                format!("cannot write the rejects {}: {e}", path.display()),
                "--rejects with a file in a folder that exists and is yours",
            )
        };
        self.count += 1;
        if self.writer.is_none() {
            let mut writer = csv::Writer::from_path(path).map_err(unwritable)?;
            writer.write_record(REJECTS).map_err(unwritable)?;
            self.writer = Some(writer);
        }
        match &mut self.writer {
            Some(writer) => {
                writer.write_record([&line.to_string(), &cell(reason), &cell(row)]).map_err(unwritable)
            }
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), Fatal> {
        self.writer.as_mut().map_or(Ok(()), |writer| writer.flush()).map_err(|e| {
            Fatal::new(
                format!("cannot write the rejects: {e}"),
                "--rejects with a file on a disk that has room",
            )
        })
    }
}

/// `a.code = b.code AND ...` over some columns; true over none.
fn same<'c>(a: &str, b: &str, columns: impl Iterator<Item = &'c str>) -> String {
    let each = columns.map(|c| format!("{a}.{c} = {b}.{c}"));
    std::iter::once("true".to_string()).chain(each).collect::<Vec<_>>().join(" AND ")
}

/// That two rows are the same entry.
fn same_entry(a: &str, b: &str) -> String {
    same(a, b, Entry::IDENTITY.into_iter())
}

/// The same without the time from which it bore it: what the rows of one firearm and code have in common.
fn same_firearm(a: &str, b: &str) -> String {
    same(a, b, Entry::IDENTITY.into_iter().filter(|c| *c != FROM))
}

/// That two rows of one firearm and code begin on different days and still overlap: a component is in a firearm once, and
/// would count twice. The day on which one ends and the other begins is none.
fn overlapping(a: &str, b: &str) -> String {
    let begins_before_end =
        |a: &str, b: &str| format!("({a}.{FROM} = '' OR {b}.{TO} = '' OR {a}.{FROM} < {b}.{TO})");
    format!(
        "{} AND {a}.{FROM} <> {b}.{FROM} AND {} AND {}",
        same_firearm(a, b),
        begins_before_end(a, b),
        begins_before_end(b, a)
    )
}

/// The columns with the first day of an entry, and the day after its last.
const FROM: &str = "from_date";
const TO: &str = "to_date";

/// Those of some columns that do not make an entry.
fn content<'a>(stated: &[&'a str]) -> impl Iterator<Item = &'a str> {
    stated.iter().copied().filter(|c| !Entry::IDENTITY.contains(c))
}

fn same_content(a: &str, b: &str, stated: &[&str]) -> String {
    same(a, b, content(stated))
}

/// Adds `sign` times the number of rows of a selection to the tally of formats, makes and calibres.
fn tally(database: &mut dyn Database, sign: i8, from: &str) -> Result<(), Fatal> {
    let sql = format!(
        "INSERT INTO tally SELECT format, make, calibre, {sign} * count(*) FROM ({from}) AS rows WHERE true \
         GROUP BY format, make, calibre ON CONFLICT (format, make, calibre) \
         DO UPDATE SET records = tally.records + excluded.records"
    );
    database.execute(&sql, &[]).map(drop)
}

/// Merges the private table into the registry in one change, and logs it. Of what is registered only the columns that are
/// `stated` are compared and replaced: a table without them says nothing of them.
///
/// Each row that is not to be added gets a verdict first: `known` (there already, word for word), `twice`
/// (in this file before, with other data), `differs` (registered already, with other data), `crowds` where it then would
/// overlap another time of the firearm; `overlaps`, and `mingled` where it is more than one row of either that overlaps
/// (registered already, over other days); `mixed` (so in this file before).
fn merge(
    database: &mut dyn Database,
    rejects: &mut Rejects<'_>,
    (replace, stated): (bool, &[&str]),
    (actor, event): (&Actor, Event),
    progress: &mut dyn FnMut(Step),
) -> Result<Counts, Fatal> {
    progress(Step::Comparing);
    // Other rows of this batch are compared before the registry is locked.
    // Made first and cleared: whatever else is called so in a shared database is hidden behind it and stays.
    database
        .execute("CREATE TEMP TABLE IF NOT EXISTS verdict (line BIGINT PRIMARY KEY, verdict TEXT)", &[])?;
    database.execute("DELETE FROM verdict", &[])?;
    database.execute("CREATE INDEX staging_code ON staging (code)", &[])?;
    let verdict = |other: &str, with: &str| {
        format!(
            "INSERT INTO verdict SELECT s.line, min(CASE WHEN {} THEN 'known' ELSE '{other}' END) \
             FROM {with} WHERE {} GROUP BY s.line",
            same_content("s", "r", stated),
            same_entry("s", "r"),
        )
    };
    let doubled = "(SELECT code FROM staging GROUP BY code HAVING count(*) > 1) AS d \
                   JOIN staging AS s ON s.code = d.code JOIN staging AS r ON r.code = s.code AND r.line < s.line";
    database.execute(&verdict("twice", doubled), &[])?;
    let mixed = format!(
        "INSERT INTO verdict SELECT s.line, 'mixed' FROM {doubled} WHERE {} GROUP BY s.line ON CONFLICT (line) DO NOTHING",
        overlapping("s", "r")
    );
    database.execute(&mixed, &[])?;
    database.begin()?;
    let merged = merge_locked(database, &verdict, rejects, (replace, stated), (actor, event), progress)
        .and_then(|counts| rejects.flush().map(|()| counts))
        .and_then(|counts| database.commit().map(|()| counts));
    match merged {
        Ok(counts) => {
            // What has landed stays: tidying that fails can wait.
            let _ = database.settle(counts.added);
            Ok(counts)
        }
        Err(fatal) => {
            database.rollback();
            Err(fatal)
        }
    }
}

/// Gives the records that lines with this `verdict` are `about` what the lines state; how many were changed.
fn put_in_place(
    database: &mut dyn Database,
    verdict: &str,
    about: &str,
    stated: &[&str],
) -> Result<u64, Fatal> {
    let lines = format!("staging AS s, verdict AS v WHERE v.line = s.line AND v.verdict = '{verdict}'");
    let columns = content(stated).chain(stated.iter().copied().filter(|c| *c == FROM));
    let set: Vec<String> = columns.map(|c| format!("{c} = s.{c}")).collect();
    if set.is_empty() {
        return Ok(0);
    }
    // Format and make are the same before and after.
    let calibre = if stated.contains(&"calibre") { "s.calibre" } else { "record.calibre" };
    for (sign, calibre) in [(-1, "record.calibre"), (1, calibre)] {
        let rows =
            format!("record.format, record.make, {calibre} AS calibre FROM record, {lines} AND {about}");
        tally(database, sign, &format!("SELECT {rows}"))?;
    }
    database.execute(&format!("UPDATE record SET {} FROM {lines} AND {about}", set.join(", ")), &[])
}

/// Refuses an import in which the fate of a row is not known.
fn accounted(database: &mut dyn Database, counts: &Counts, rejected: u64) -> Result<(), Fatal> {
    let mut rows = 0;
    database.query("SELECT count(*) FROM staging", &[], &mut |row| {
        rows = row[0].int() as u64;
        Ok(())
    })?;
    let known = counts.added + counts.known + counts.replaced + rejected;
    if rows == known {
        return Ok(());
    }
    Err(Fatal::new(
        format!("of {rows} rows {known} would be added, known, replaced or rejected; nothing was changed"),
        "the rows in several files, those that shorten a time first, and please report this",
    ))
}

fn merge_locked(
    database: &mut dyn Database,
    verdict: &dyn Fn(&str, &str) -> String,
    rejects: &mut Rejects<'_>,
    (replace, stated): (bool, &[&str]),
    (actor, event): (&Actor, Event),
    progress: &mut dyn FnMut(Step),
) -> Result<Counts, Fatal> {
    database.lock("record")?;
    let mut empty = true;
    database.query("SELECT id FROM record LIMIT 1", &[], &mut |_| {
        empty = false;
        Ok(())
    })?;
    if !empty {
        let registered = "staging AS s JOIN record AS r ON r.code = s.code";
        database
            .execute(&format!("{} ON CONFLICT (line) DO NOTHING", verdict("differs", registered)), &[])?;
        if stated.contains(&TO) {
            // In the place of what is registered it would count twice beside the firearm's other times.
            let crowds = format!(
                "UPDATE verdict SET verdict = 'crowds' WHERE verdict = 'differs' AND line IN (\
                 SELECT s.line FROM {registered} WHERE {})",
                overlapping("s", "r")
            );
            database.execute(&crowds, &[])?;
        }
        let overlaps = format!(
            "INSERT INTO verdict SELECT s.line, min(CASE WHEN {} THEN 'known' ELSE 'overlaps' END) \
             FROM {registered} WHERE {} GROUP BY s.line ON CONFLICT (line) DO NOTHING",
            // Without a first day a row means the one that is registered.
            if stated.contains(&FROM) { "false".into() } else { same_content("s", "r", stated) },
            overlapping("s", "r")
        );
        database.execute(&overlaps, &[])?;
        // Of several it cannot be told which takes the place of which.
        let pairs = format!(
            "verdict AS v JOIN staging AS s ON s.line = v.line JOIN record AS r ON r.code = s.code \
             WHERE v.verdict = 'overlaps' AND {}",
            overlapping("s", "r")
        );
        let mingled = format!(
            "UPDATE verdict SET verdict = 'mingled' WHERE line IN (\
             SELECT s.line FROM {pairs} AND (\
             s.line IN (SELECT s.line FROM {pairs} GROUP BY s.line HAVING count(*) > 1) OR \
             r.id IN (SELECT r.id FROM {pairs} GROUP BY r.id HAVING count(*) > 1)))"
        );
        database.execute(&mingled, &[])?;
    }
    let mut counts = Counts::default();
    let rejected_before = rejects.count;
    if replace {
        counts.replaced = put_in_place(database, "differs", &same_entry("record", "s"), stated)?;
        // Times that were shortened make room for others: what overlaps none any more is new.
        let free = format!(
            "DELETE FROM verdict WHERE verdict IN ('overlaps', 'mingled') AND line NOT IN (\
             SELECT s.line FROM staging AS s JOIN record AS r ON r.code = s.code WHERE {})",
            overlapping("s", "r")
        );
        database.execute(&free, &[])?;
        counts.replaced += put_in_place(database, "overlaps", &overlapping("record", "s"), stated)?;
    }
    let columns = Entry::COLUMNS.map(|c| format!("s.{c}")).join(", ");
    let not_taken = format!(
        "SELECT s.line, v.verdict, {columns} FROM staging AS s JOIN verdict AS v ON v.line = s.line \
         WHERE v.verdict <> 'known' ORDER BY s.line"
    );
    database.query(&not_taken, &[], &mut |row| {
        let reason = match row[1].text() {
            "twice" => "it stands in this file before, with other data",
            "mixed" => "it stands in this file before, from another day on, and the times overlap",
            "crowds" => {
                "its days would overlap another time over which the firearm is registered with this code"
            }
            "mingled" => {
                "the firearm is registered already with this code, from other days on, and more than two times overlap"
            }
            _ if replace => return Ok(()),
            "overlaps" => {
                "the firearm is registered already with this code, from another day on, and the times overlap \
                 (--replace takes these)"
            }
            _ => "it is registered already, with other data (--replace takes these)",
        };
        let cells: Vec<&str> = row[2..].iter().map(super::store::Value::text).collect();
        rejects.write(row[0].int(), reason, &super::source::joined(&cells.into()))
    })?;
    database.query("SELECT count(*) FROM verdict WHERE verdict = 'known'", &[], &mut |row| {
        counts.known = row[0].int() as u64;
        Ok(())
    })?;
    counts.rejected = rejects.count;
    progress(Step::Adding);
    // Into an empty registry the rows go first and the indexes are made of them all at once.
    if empty {
        database.drop_indexes()?;
    }
    let new = "FROM staging AS s WHERE NOT EXISTS (SELECT 1 FROM verdict AS v WHERE v.line = s.line)";
    let insert = format!(
        "INSERT INTO record ({}, reversed) SELECT {columns}, s.reversed {new} ORDER BY s.line",
        Entry::COLUMNS.join(", ")
    );
    counts.added = database.execute(&insert, &[])?;
    tally(database, 1, &format!("SELECT s.format, s.make, s.calibre {new}"))?;
    if empty {
        progress(Step::Indexing);
        database.make_indexes()?;
    }
    accounted(database, &counts, rejects.count - rejected_before)?;
    let asked = format!("{}{}", event.asked, log::replacing(counts.replaced));
    let event = Event { came_back: (counts.added + counts.replaced) as i64, asked, ..event };
    log::append(database, Log::Registry, actor, &[event])?;
    Ok(counts)
}
