//! A registry in one SQLite file.

use super::{Database, Each, End, Rows, SCHEMA, Value};
use crate::casework::entry::Entry;
use crate::error::Fatal;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};
use std::path::Path;
use std::time::Duration;

const TABLES: &str = include_str!("sqlite.sql");
/// Each holds the row's id besides.
const INDEXES: &str = "CREATE INDEX record_code ON record (code);
    CREATE INDEX record_reversed ON record (reversed);";
/// Marks a SQLite file as a registry, for `file` and for [`Sqlite::open`]: the bytes "mstp".
const APPLICATION: i64 = 0x6d73_7470;
/// Longest wait for another program's change: a trace's takes milliseconds, a small import's a second or two.
const PATIENCE: Duration = Duration::from_secs(10);
/// Memory for pages and for sorting, kibibytes, of the file and of the private tables each. With both full
/// an import stays well under 500 MB.
const CACHE_KIB: i64 = 96 * 1024;

/// A connection to a SQLite file.
pub struct Sqlite {
    connection: Connection,
    place: String,
}

impl Sqlite {
    /// Opens a file that exists.
    pub fn open(place: &str) -> Result<Self, Fatal> {
        no_folder(place)?;
        if !Path::new(place).is_file() {
            return Err(Fatal::new(
                format!("there is no registry {place}"),
                format!("`microstamp registry init --registry {place}`, or --registry with the right file"),
            ));
        }
        let mut opened = Self::connect(place, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let mut application = 0;
        opened.query("PRAGMA application_id", &[], &mut |row| {
            application = row.first().map_or(0, Value::int);
            Ok(())
        })?;
        if application != APPLICATION {
            return Err(super::no_registry(place));
        }
        Ok(opened)
    }

    /// Makes a new file.
    pub fn make(place: &str) -> Result<Self, Fatal> {
        no_folder(place)?;
        // A file that was there, even an empty one, stays as it is.
        std::fs::File::create_new(place).map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => Fatal::new(
                format!("{place} exists already"),
                format!("`microstamp registry init --registry {}`", super::fresh(place)),
            ),
            _ => Fatal::new(
                format!("cannot make the registry {place}: {e}"),
                "--registry with a file in a folder that exists and is yours",
            ),
        })?;
        let prepare = format!("PRAGMA application_id = {APPLICATION}; PRAGMA journal_mode = WAL;");
        let made = Self::connect(place, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|made| {
            made.connection.execute_batch(&prepare).map_err(|e| made.fatal(&e))?;
            Ok(made)
        });
        made.inspect_err(|_| Self::unmake(place))
    }

    /// Takes a file away that could not be made whole, with what SQLite keeps beside it.
    pub fn unmake(place: &str) {
        for name in ["", "-wal", "-shm"] {
            // What is not there need not go.
            let _ = std::fs::remove_file(format!("{place}{name}"));
        }
    }

    fn connect(place: &str, flags: OpenFlags) -> Result<Self, Fatal> {
        let connection = Connection::open_with_flags(place, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|e| {
                Fatal::new(
                    format!("cannot open the registry {place}: {e}"),
                    "a file that you may read and write",
                )
            })?;
        let opened = Self { connection, place: place.into() };
        // A crash of the program loses nothing, and `to_disk` waits where a power cut must not either; waiting for the
        // disk at each question would make it ten times slower.
        let settings = format!(
            "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -{CACHE_KIB}; PRAGMA temp.cache_size = -{CACHE_KIB};"
        );
        opened
            .connection
            .busy_timeout(PATIENCE)
            .and_then(|()| opened.connection.execute_batch(&settings))
            .map_err(|e| opened.fatal(&e))?;
        Ok(opened)
    }

    fn fatal(&self, error: &rusqlite::Error) -> Fatal {
        let place = &self.place;
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => super::no_registry(place),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fatal::new(
                format!("another program is writing to the registry {place}; nothing was changed"),
                "the same command when its import has ended",
            ),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Fatal::new(
                format!("the registry {place} cannot be written, and every question is logged in it"),
                "a file in a folder that you may read and write",
            ),
            Some(ErrorCode::DiskFull) => Fatal::new(
                format!(
                    "the disk of the registry {place}, or that of temporary files, is full; nothing was changed"
                ),
                "the same command when there is room",
            ),
            Some(ErrorCode::DatabaseCorrupt) => {
                Fatal::new(format!("the registry {place} is damaged: {error}"), "a backup of the registry")
            }
            _ => Fatal::new(
                format!("registry {place}: {error}"),
                "`microstamp registry stats`, which says whether its log is whole and all records are there; else a backup",
            ),
        }
    }
}

/// Refuses a folder, for which neither "there is none" nor "it exists already" would be of any help.
fn no_folder(place: &str) -> Result<(), Fatal> {
    if Path::new(place).is_dir() {
        let inside = Path::new(place).join("registry.sqlite");
        return Err(Fatal::new(
            format!("{place} is a folder, and a registry is a file"),
            format!("--registry {}", inside.display()),
        ));
    }
    Ok(())
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(n) => ValueRef::Integer(*n),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Null => ValueRef::Null,
        }))
    }
}

fn value(from: ValueRef<'_>) -> Value {
    match from {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Int(n),
        // Nothing in the tables is a fraction.
        ValueRef::Real(x) => Value::Int(x as i64),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

impl Database for Sqlite {
    fn create(&mut self) -> Result<(), Fatal> {
        let tables =
            format!("BEGIN IMMEDIATE; {TABLES} {INDEXES} INSERT INTO about VALUES ({SCHEMA}, NULL); COMMIT;");
        self.connection.execute_batch(&tables).map_err(|e| self.fatal(&e))
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Fatal> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params_from_iter(values)))
            .map(|n| n as u64)
            .map_err(|e| self.fatal(&e))
    }

    fn query(&mut self, sql: &str, values: &[Value], each: Each<'_>) -> Result<(), Fatal> {
        let fatal = |e: rusqlite::Error| self.fatal(&e);
        let mut statement = self.connection.prepare_cached(sql).map_err(fatal)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(values)).map_err(fatal)?;
        while let Some(row) = rows.next().map_err(fatal)? {
            let cells: Result<Vec<Value>, _> = (0..columns).map(|i| row.get_ref(i).map(value)).collect();
            each(&cells.map_err(fatal)?)?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Fatal> {
        self.execute("BEGIN IMMEDIATE", &[]).map(drop)
    }

    fn lock(&mut self, _table: &str) -> Result<(), Fatal> {
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Fatal> {
        self.execute("COMMIT", &[]).map(drop)
    }

    fn to_disk(&mut self) -> Result<(), Fatal> {
        // What was landed and not yet moved into the registry's own file stands here.
        // Beside the file itself, wherever a link to it lies.
        let place = std::fs::canonicalize(&self.place).unwrap_or_else(|_| (&self.place).into());
        let mut wal = place.into_os_string();
        wal.push("-wal");
        let wal = std::fs::OpenOptions::new().write(true).open(wal);
        match wal.and_then(|wal| wal.sync_all()) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Fatal::new(
                format!("the log of the registry {} cannot be brought to the disk: {e}", self.place),
                "the same command once more, when the disk answers",
            )),
            _ => Ok(()),
        }
    }

    fn rollback(&mut self) {
        let _ = self.execute("ROLLBACK", &[]);
    }

    fn stage(&mut self, rows: Rows<'_>) -> Result<(), Fatal> {
        let columns = Entry::COLUMNS.join(" TEXT, ");
        let make = format!(
            "DROP TABLE IF EXISTS temp.staging;
             CREATE TEMP TABLE staging (line INTEGER PRIMARY KEY, {columns} TEXT, reversed TEXT); BEGIN;"
        );
        self.connection.execute_batch(&make).map_err(|e| self.fatal(&e))?;
        let places = vec!["?"; Entry::COLUMNS.len() + 2].join(", ");
        let insert = format!("INSERT INTO temp.staging VALUES ({places})");
        {
            let mut statement = self.connection.prepare(&insert).map_err(|e| self.fatal(&e))?;
            for row in rows {
                let (line, entry) = match row {
                    Ok(row) => row,
                    Err(fatal) => {
                        let _ = self.connection.execute_batch("ROLLBACK");
                        return Err(fatal);
                    }
                };
                let (cells, reversed) = (entry.cells(), entry.reversed());
                let run = statement.raw_bind_parameter(1, line).and_then(|()| {
                    for (i, cell) in cells.iter().enumerate() {
                        statement.raw_bind_parameter(i + 2, *cell)?;
                    }
                    statement.raw_bind_parameter(cells.len() + 2, reversed)?;
                    statement.raw_execute()
                });
                run.map_err(|e| self.fatal(&e))?;
            }
        }
        self.connection.execute_batch("COMMIT").map_err(|e| self.fatal(&e))
    }

    fn drop_indexes(&mut self) -> Result<(), Fatal> {
        self.connection
            .execute_batch("DROP INDEX record_code; DROP INDEX record_reversed;")
            .map_err(|e| self.fatal(&e))
    }

    fn make_indexes(&mut self) -> Result<(), Fatal> {
        self.connection.execute_batch(INDEXES).map_err(|e| self.fatal(&e))
    }

    fn starting_with(
        &mut self,
        end: End,
        prefixes: &[String],
        each: &mut dyn FnMut(i64, &str),
    ) -> Result<(), Fatal> {
        let sql = match end {
            End::First => "SELECT id, code FROM record WHERE code >= $1 AND code <= $2",
            End::Last => "SELECT id, reversed FROM record WHERE reversed >= $1 AND reversed <= $2",
        };
        let fatal = |e: rusqlite::Error| self.fatal(&e);
        let mut statement = self.connection.prepare_cached(sql).map_err(fatal)?;
        for prefix in prefixes {
            let mut rows = statement.query([prefix, &super::last_with(prefix)]).map_err(fatal)?;
            while let Some(row) = rows.next().map_err(fatal)? {
                let code = row.get_ref(1).and_then(|c| Ok(c.as_str()?)).map_err(fatal)?;
                each(row.get(0).map_err(fatal)?, code);
            }
        }
        Ok(())
    }

    fn damage(&mut self) -> Result<Vec<String>, Fatal> {
        let mut lines = Vec::new();
        // Compares indexes with their tables; eight lines are enough to know that a backup is needed.
        self.query("PRAGMA integrity_check(8)", &[], &mut |row| {
            lines.push(row[0].text().to_string());
            Ok(())
        })?;
        lines.retain(|line| line != "ok");
        Ok(lines)
    }

    fn settle(&mut self, _added: u64) -> Result<(), Fatal> {
        self.connection
            .execute_batch("DROP TABLE IF EXISTS temp.staging; PRAGMA wal_checkpoint(TRUNCATE);")
            .map_err(|e| self.fatal(&e))
    }
}
