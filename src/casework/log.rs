//! Who asked what, when and why: logs to which rows are added and in which each row is chained to the
//! one before by a hash, so that a row changed or taken out is seen.

use super::store::{Database, Value};
use crate::error::Fatal;
use crate::pipeline::photo::hex;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::time::SystemTime;

/// The two logs. Each has a table of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// Questions to the registry, and its changes.
    Registry,
    /// Everything that touches purchaser data.
    Purchaser,
}

impl Log {
    fn table(self) -> &'static str {
        match self {
            Self::Registry => "log",
            Self::Purchaser => "purchaser_log",
        }
    }
}

/// Who does something, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// A person or an account.
    pub who: String,
    /// A case number or another reason.
    pub why: String,
}

/// One thing done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `trace`, `import`, ...
    pub verb: &'static str,
    /// What was asked or brought.
    pub asked: String,
    /// Records, or rows, that came back or went in.
    pub came_back: i64,
}

/// A row of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// 1, 2, 3, ...
    pub id: i64,
    /// UTC, to the second.
    pub time: String,
    /// See [`Actor`].
    pub who: String,
    /// See [`Actor`].
    pub why: String,
    /// See [`Event`].
    pub verb: String,
    /// See [`Event`].
    pub asked: String,
    /// See [`Event`].
    pub came_back: i64,
    /// SHA-256, hex, of the hash of the row before and this row's other fields.
    pub hash: String,
}

impl Row {
    /// The hash that belongs to this row behind one with the hash `before`.
    fn sealed(&self, before: &str) -> String {
        let fields = serde_json::json!([
            before,
            self.id,
            self.time,
            self.who,
            self.why,
            self.verb,
            self.asked,
            self.came_back
        ]);
        hex(&Sha256::digest(fields.to_string().as_bytes()))
    }
}

/// What an event says beside what was asked where it changed `count` rows that were there: what they said before is gone.
pub fn replacing(count: u64) -> String {
    if count == 0 { String::new() } else { format!("; replaced {count}") }
}

/// Where something stands in a log. The hash shows whether the log still says what it said then: see [`walk`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Logged {
    /// Number of the row.
    pub row: i64,
    /// When, UTC.
    pub time: String,
    /// Hash of the row, and so of all before it.
    pub sha256: String,
}

/// Adds rows in a change of the caller's, and gives where each event stands.
///
/// # Errors
/// [`Fatal`] where the store refuses or is gone.
pub fn append(
    database: &mut dyn Database,
    log: Log,
    actor: &Actor,
    events: &[Event],
) -> Result<Vec<Logged>, Fatal> {
    let table = log.table();
    database.lock(table)?;
    let (mut id, mut before) = (0, String::new());
    let last = format!("SELECT id, hash FROM {table} ORDER BY id DESC LIMIT 1");
    database.query(&last, &[], &mut |row| {
        (id, before) = (row[0].int(), row[1].text().into());
        Ok(())
    })?;
    let insert = format!("INSERT INTO {table} VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
    let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let mut logged = Vec::with_capacity(events.len());
    for event in events {
        id += 1;
        let mut row = Row {
            id,
            time: time.clone(),
            who: actor.who.clone(),
            why: actor.why.clone(),
            verb: event.verb.into(),
            asked: event.asked.clone(),
            came_back: event.came_back,
            hash: String::new(),
        };
        row.hash = row.sealed(&before);
        before.clone_from(&row.hash);
        let texts = [&row.time, &row.who, &row.why, &row.verb, &row.asked].map(|t| Value::from(t.as_str()));
        let [time, who, why, verb, asked] = texts;
        let values = [id.into(), time, who, why, verb, asked, row.came_back.into(), row.hash.as_str().into()];
        database.execute(&insert, &values)?;
        logged.push(Logged { row: row.id, time: row.time, sha256: row.hash });
    }
    Ok(logged)
}

/// Adds rows in a change of their own, and gives where each event stands.
///
/// # Errors
/// [`Fatal`] where the store refuses or is gone; then nothing was added.
pub fn append_alone(
    database: &mut dyn Database,
    log: Log,
    actor: &Actor,
    events: &[Event],
) -> Result<Vec<Logged>, Fatal> {
    database.begin()?;
    let added = append(database, log, actor, events).and_then(|logged| {
        database.commit()?;
        Ok(logged)
    });
    match added {
        Ok(logged) => Ok(logged),
        Err(fatal) => {
            database.rollback();
            Err(fatal)
        }
    }
}

/// The state of a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Number of rows.
    pub rows: i64,
    /// Hash of the last row: noted elsewhere, it shows later that nothing before it was changed or cut off.
    pub head: String,
    /// First row that does not follow from the one before.
    pub broken_at: Option<i64>,
    /// Whether the hash that was looked for is that of a row, where one was.
    pub has: Option<bool>,
}

/// A hash as rows have it, from what was noted of it.
///
/// # Errors
/// [`Fatal`] where it is no SHA-256, so that its absence from the log would say nothing.
pub fn noted(text: &str) -> Result<String, Fatal> {
    let hash = text.trim().to_ascii_lowercase();
    if hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(hash);
    }
    Err(Fatal::new(
        format!("--since {text} is no SHA-256, which has 64 hexadecimal digits"),
        "--since with the whole head that `registry stats` or `log --verify` printed",
    ))
}

/// Goes through a log, hands each row to `each`, and checks that each follows from the one before.
///
/// # Errors
/// [`Fatal`] where the store is gone.
pub fn walk(
    database: &mut dyn Database,
    log: Log,
    looked_for: Option<&str>,
    each: &mut dyn FnMut(&Row),
) -> Result<Chain, Fatal> {
    let mut chain = Chain { has: looked_for.map(|_| false), ..Chain::default() };
    let all =
        format!("SELECT id, time, who, why, verb, asked, came_back, hash FROM {} ORDER BY id", log.table());
    database.query(&all, &[], &mut |cells| {
        let text = |i: usize| cells[i].text().to_string();
        let row = Row {
            id: cells[0].int(),
            time: text(1),
            who: text(2),
            why: text(3),
            verb: text(4),
            asked: text(5),
            came_back: cells[6].int(),
            hash: text(7),
        };
        chain.rows += 1;
        let follows = row.id == chain.rows && row.hash == row.sealed(&chain.head);
        if !follows && chain.broken_at.is_none() {
            chain.broken_at = Some(row.id);
        }
        if looked_for == Some(row.hash.as_str()) {
            chain.has = Some(true);
        }
        chain.head.clone_from(&row.hash);
        each(&row);
        Ok(())
    })?;
    Ok(chain)
}
