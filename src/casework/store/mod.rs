//! Where a registry is kept: one SQLite file, or a PostgreSQL database that several laboratories share.
//!
//! Both hold the same tables and are asked in the same SQL. What differs is behind [`Database`]: how a
//! write lock is taken, how many rows go in at once, and how ranges of codes are read fastest.
//! Parameters are written `$1, $2, ...` in the order in which they first appear, which both understand.

mod postgres;
mod sqlite;

use super::entry::Entry;
use crate::error::Fatal;

/// Version of the tables. A registry of a newer one is refused.
pub const SCHEMA: i64 = 1;

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Nothing.
    Null,
}

impl Value {
    /// The number; 0 where it is none.
    pub fn int(&self) -> i64 {
        if let Self::Int(n) = self { *n } else { 0 }
    }

    /// The text; empty where it is none.
    pub fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

/// The end of a code from which it is looked up: each has an index, so that a code whose first or whose
/// last characters are unknown is found without reading all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By its first characters.
    First,
    /// By its last characters, backwards.
    Last,
}

/// What takes the rows of a query, one by one.
pub type Each<'a> = &'a mut dyn FnMut(&[Value]) -> Result<(), Fatal>;

/// A SQL database that holds a registry.
pub trait Database {
    /// Makes the tables in a new registry.
    ///
    /// # Errors
    /// [`Fatal`] where there are such tables already, or none can be made.
    fn create(&mut self) -> Result<(), Fatal>;

    /// Runs one statement and says how many rows it changed.
    ///
    /// # Errors
    /// [`Fatal`] where the store refuses or is gone.
    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Fatal>;

    /// Hands each row of a query to `each`.
    ///
    /// # Errors
    /// [`Fatal`] where the store refuses or is gone, or of `each`.
    fn query(&mut self, sql: &str, values: &[Value], each: Each<'_>) -> Result<(), Fatal>;

    /// Starts a change that lands whole or not at all. One change of a table runs at a time: the next
    /// waits for a while, then is refused. Readers go on with what was there before.
    ///
    /// # Errors
    /// [`Fatal`] where another change has not ended in time.
    fn begin(&mut self) -> Result<(), Fatal>;

    /// Keeps other changes out of `table` until this one ends. A SQLite file is kept whole by
    /// [`Database::begin`] already.
    ///
    /// # Errors
    /// As [`Database::begin`].
    fn lock(&mut self, table: &str) -> Result<(), Fatal>;

    /// Lands the change.
    ///
    /// # Errors
    /// [`Fatal`] where it could not be written; then nothing of it was.
    fn commit(&mut self) -> Result<(), Fatal>;

    /// Waits until what was landed has reached the disk, which another program that has the registry open may put off.
    ///
    /// # Errors
    /// [`Fatal`] where it could not be written.
    fn to_disk(&mut self) -> Result<(), Fatal>;

    /// Takes the change back. Where even that fails the store does so itself when the connection ends.
    fn rollback(&mut self);

    /// Fills the private table `staging` of this connection with entries, each with its line number and
    /// its code read backwards.
    ///
    /// # Errors
    /// [`Fatal`] where the store refuses or is gone, or of the entries.
    fn stage(&mut self, rows: Rows<'_>) -> Result<(), Fatal>;

    /// Takes the indexes of codes away, within a change.
    ///
    /// # Errors
    /// [`Fatal`] where the store refuses or is gone.
    fn drop_indexes(&mut self) -> Result<(), Fatal>;

    /// Makes them anew, within a change.
    ///
    /// # Errors
    /// [`Fatal`] where the store refuses or is gone.
    fn make_indexes(&mut self) -> Result<(), Fatal>;

    /// Hands id and code of every record whose code, or whose code read backwards, starts with one of
    /// `prefixes`, as it stands in the index: backwards for [`End::Last`].
    ///
    /// # Errors
    /// [`Fatal`] where the store refuses or is gone.
    fn starting_with(
        &mut self,
        end: End,
        prefixes: &[String],
        each: &mut dyn FnMut(i64, &str),
    ) -> Result<(), Fatal>;

    /// What is damaged in the store itself, a line each: a disk that lost a bit answers wrongly without an error. Nothing of a
    /// server, which looks after its own pages.
    ///
    /// # Errors
    /// [`Fatal`] where the store cannot be read or is gone.
    fn damage(&mut self) -> Result<Vec<String>, Fatal>;

    /// Tidies up after so many records were added, so that the next question is answered fast.
    ///
    /// # Errors
    /// [`Fatal`] where the store refuses or is gone.
    fn settle(&mut self, added: u64) -> Result<(), Fatal>;
}

/// Entries with their line numbers, as [`Database::stage`] takes them.
pub type Rows<'a> = &'a mut dyn Iterator<Item = Result<(i64, Entry), Fatal>>;

/// The end of the range of texts that start with `prefix`: codes hold letters and digits alone.
fn last_with(prefix: &str) -> String {
    format!("{prefix}~")
}

/// Whether `place` names a server instead of a file.
fn is_server(place: &str) -> bool {
    place.starts_with("postgres://") || place.starts_with("postgresql://")
}

/// Connects to a registry that exists.
///
/// # Errors
/// [`Fatal`] where there is none, what is there is no registry, or it is of a newer version.
pub fn open(place: &str) -> Result<Box<dyn Database>, Fatal> {
    let mut database: Box<dyn Database> = if is_server(place) {
        Box::new(postgres::Postgres::connect(place)?)
    } else {
        Box::new(sqlite::Sqlite::open(place)?)
    };
    let mut schema = 0;
    database.query("SELECT schema FROM about", &[], &mut |row| {
        schema = row[0].int();
        Ok(())
    })?;
    let name = shown(place);
    match schema {
        SCHEMA => Ok(database),
        newer if newer > SCHEMA => Err(Fatal::new(
            format!(
                "{name} was made by a newer microstamp: its tables have version {newer}, this program knows {SCHEMA}"
            ),
            "the newer program, or another registry with --registry",
        )),
        _ => Err(no_registry(&name)),
    }
}

/// For something else that lies where a registry was looked for.
fn no_registry(place: &str) -> Fatal {
    Fatal::new(
        format!("{place} is no registry"),
        format!("`microstamp registry init --registry {}` with a new name", fresh(place)),
    )
}

/// Makes a new registry and connects to it.
///
/// # Errors
/// [`Fatal`] where something is there already, or it cannot be made.
pub fn create(place: &str) -> Result<Box<dyn Database>, Fatal> {
    if is_server(place) {
        let mut database = Box::new(postgres::Postgres::connect(place)?);
        database.create()?;
        return Ok(database);
    }
    let mut database = Box::new(sqlite::Sqlite::make(place)?);
    if let Err(fatal) = database.create() {
        drop(database);
        sqlite::Sqlite::unmake(place);
        return Err(fatal);
    }
    Ok(database)
}

/// A place as it may be shown: an address without its password.
pub fn shown(place: &str) -> String {
    if !is_server(place) {
        return place.into();
    }
    let (scheme, rest) = place.split_once("://").unwrap_or(("postgres", place));
    // A password may hold anything: what stands before the last `@` is never shown, and nothing of what follows `?`. Where the
    // `@` is one of a password behind `?`, no server is left to show.
    let rest = rest.rsplit('@').next().unwrap_or_default();
    let server = if place.find('?') < place.rfind('@') && place.contains('?') { "" } else { rest };
    format!("{scheme}://{}", server.split('?').next().unwrap_or_default())
}

/// A name for a registry beside one that cannot be used.
fn fresh(place: &str) -> String {
    if is_server(place) { "postgres://SERVER/NEW_DATABASE".into() } else { format!("{place}.new") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(shown("postgres://lab:se@cret@db.lab/reg?password=x"), "postgres://db.lab/reg");
        assert_eq!(shown("postgres://db.lab/reg"), "postgres://db.lab/reg");
        for secret in ["se@cret", "se?cret", "s/e@c?ret"] {
            for place in [
                format!("postgres://lab:{secret}@db/reg"),
                format!("postgres://lab@db/reg?password={secret}"),
            ] {
                let shown = shown(&place);
                assert!(!shown.contains("cret") && !shown.contains("se"), "{place}: {shown}");
            }
        }
        assert_eq!(shown("case@lab.sqlite"), "case@lab.sqlite");
    }
}
