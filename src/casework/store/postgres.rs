//! A registry in a PostgreSQL database, which several laboratories share.

use super::{Database, Each, End, Rows, SCHEMA, Value};
use crate::casework::entry::Entry;
use crate::error::Fatal;
use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{ToSql, Type};
use postgres::{Client, Config, NoTls, Statement};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

const TABLES: &str = include_str!("postgres.sql");
const INDEXES: &str = "CREATE INDEX record_code ON record (code) INCLUDE (id);
    CREATE INDEX record_reversed ON record (reversed) INCLUDE (id);";
/// Longest wait for the server to answer a call.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait for another program's change, as for a file.
const PATIENCE: &str = "10s";
/// Records from which on the server's own tidying is not waited for.
const MANY: u64 = 10_000;

/// A connection to a PostgreSQL server.
pub struct Postgres {
    client: Client,
    prepared: BTreeMap<String, Statement>,
    place: String,
}

impl Postgres {
    /// Connects to the database of an address such as `postgres://user@host/database`.
    pub fn connect(place: &str) -> Result<Self, Fatal> {
        let name = super::shown(place);
        let hint = "--registry postgres://USER@HOST/DATABASE of a server that runs, and PGPASSWORD or a password in it";
        let wrong = |e: &dyn std::fmt::Display| Fatal::new(format!("cannot connect to {name}: {e}"), hint);
        let mut config: Config = place.parse().map_err(|e: postgres::Error| wrong(&describe(&e)))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        config.application_name("microstamp");
        let client = config.connect(NoTls).map_err(|e| wrong(&describe(&e)))?;
        let mut made = Self { client, prepared: BTreeMap::new(), place: name };
        // Ranges of codes are always read from an index; the planner cannot know how narrow they are.
        made.batch(&format!("SET lock_timeout = '{PATIENCE}'; SET enable_seqscan = off; SET jit = off;"))?;
        Ok(made)
    }

    fn batch(&mut self, sql: &str) -> Result<(), Fatal> {
        self.client.batch_execute(sql).map_err(|e| fatal(&self.place, &e))
    }

    fn statement(&mut self, sql: &str) -> Result<Statement, Fatal> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).map_err(|e| fatal(&self.place, &e))?;
        self.prepared.insert(sql.into(), statement.clone());
        Ok(statement)
    }
}

/// What the server said; the crate's own text for it is only "db error".
fn describe(error: &postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(|e| format!(": {e}")).unwrap_or_default();
    error.as_db_error().map_or_else(|| format!("{error}{cause}"), |e| e.message().to_string())
}

fn fatal(place: &str, error: &postgres::Error) -> Fatal {
    match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => Fatal::new(
            format!("another program is writing to the registry {place}; nothing was changed"),
            "the same command when its import has ended",
        ),
        Some(&SqlState::UNDEFINED_TABLE) => super::no_registry(place),
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Fatal::new(
            format!("registry {place}: {}", describe(error)),
            "a user that may write to the registry: every question is logged in it",
        ),
        Some(&SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN) | None => Fatal::new(
            format!(
                "the connection to the registry {place} was lost; nothing of this was kept ({})",
                describe(error)
            ),
            "the same command when the server answers again",
        ),
        Some(_) => Fatal::new(
            format!("registry {place}: {}", describe(error)),
            "`microstamp registry stats`, which says whether its log is whole and all records are there; else a backup",
        ),
    }
}

/// A value as a parameter.
fn parameter(value: &Value) -> &(dyn ToSql + Sync) {
    match value {
        Value::Int(n) => n,
        Value::Text(text) => text,
        Value::Bytes(bytes) => bytes,
        Value::Null => &None::<Vec<u8>>,
    }
}

fn value(row: &postgres::Row, i: usize) -> Result<Value, postgres::Error> {
    Ok(match *row.columns()[i].type_() {
        Type::INT8 => row.try_get::<_, Option<i64>>(i)?.map_or(Value::Null, Value::Int),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(i)?.map_or(Value::Null, Value::Bytes),
        _ => row.try_get::<_, Option<String>>(i)?.map_or(Value::Null, Value::Text),
    })
}

impl Database for Postgres {
    fn create(&mut self) -> Result<(), Fatal> {
        let mut there = false;
        let known = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() \
                     AND tablename IN ('about', 'record', 'log', 'purchaser')";
        for row in self.client.query(known, &[]).map_err(|e| fatal(&self.place, &e))? {
            there |= row.try_get::<_, &str>(0).is_ok();
        }
        if there {
            return Err(Fatal::new(
                format!("{} holds a registry, or tables of its names, already", self.place),
                "--registry with another database",
            ));
        }
        self.batch(&format!("BEGIN; {TABLES} {INDEXES} INSERT INTO about VALUES ({SCHEMA}, NULL); COMMIT;"))
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Fatal> {
        if values.is_empty() {
            // Changes of tables cannot be prepared.
            return self.client.execute(sql, &[]).map_err(|e| fatal(&self.place, &e));
        }
        let statement = self.statement(sql)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(parameter).collect();
        self.client.execute(&statement, &values).map_err(|e| fatal(&self.place, &e))
    }

    fn query(&mut self, sql: &str, values: &[Value], each: Each<'_>) -> Result<(), Fatal> {
        let lost = |place: &str, e: &postgres::Error| fatal(place, e);
        let statement = self.statement(sql)?;
        let place = self.place.clone();
        let mut rows = self
            .client
            .query_raw(&statement, values.iter().map(|v| parameter(v) as &dyn ToSql))
            .map_err(|e| lost(&place, &e))?;
        while let Some(row) = rows.next().map_err(|e| lost(&place, &e))? {
            let cells: Result<Vec<Value>, _> = (0..row.len()).map(|i| value(&row, i)).collect();
            each(&cells.map_err(|e| lost(&place, &e))?)?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Fatal> {
        self.batch("BEGIN")
    }

    fn lock(&mut self, table: &str) -> Result<(), Fatal> {
        self.batch(&format!("LOCK TABLE {table} IN EXCLUSIVE MODE"))
    }

    fn commit(&mut self) -> Result<(), Fatal> {
        self.batch("COMMIT")
    }

    fn to_disk(&mut self) -> Result<(), Fatal> {
        // The server answers a commit when it is there.
        Ok(())
    }

    fn rollback(&mut self) {
        let _ = self.batch("ROLLBACK");
    }

    fn stage(&mut self, rows: Rows<'_>) -> Result<(), Fatal> {
        let columns = Entry::COLUMNS.join(" TEXT COLLATE \"C\" NOT NULL, ");
        // Statements of an earlier batch refer to the table that goes.
        self.prepared.clear();
        self.batch(&format!(
            "DROP TABLE IF EXISTS pg_temp.staging;
             CREATE TEMP TABLE staging (line BIGINT PRIMARY KEY, {columns} TEXT COLLATE \"C\" NOT NULL,
                 reversed TEXT COLLATE \"C\" NOT NULL);
             SET enable_seqscan = on"
        ))?;
        let place = self.place.clone();
        let mut writer = self.client.copy_in("COPY staging FROM STDIN").map_err(|e| fatal(&place, &e))?;
        let mut text = String::new();
        for row in rows {
            // A writer that is dropped unfinished takes back what it copied.
            let (line, entry) = row?;
            text.clear();
            text += &line.to_string();
            let reversed = entry.reversed();
            for cell in entry.cells().into_iter().chain([reversed.as_str()]) {
                text.push('\t');
                for c in cell.chars() {
                    if c == '\\' {
                        text.push('\\');
                    }
                    text.push(c);
                }
            }
            text.push('\n');
            writer.write_all(text.as_bytes()).map_err(|e| {
                Fatal::new(
                    format!(
                        "the connection to the registry {place} was lost; nothing of this was kept ({e})"
                    ),
                    "the same command when the server answers again",
                )
            })?;
        }
        writer.finish().map_err(|e| fatal(&place, &e))?;
        self.batch("ANALYZE staging")
    }

    fn drop_indexes(&mut self) -> Result<(), Fatal> {
        self.batch("DROP INDEX record_code; DROP INDEX record_reversed")
    }

    fn make_indexes(&mut self) -> Result<(), Fatal> {
        self.batch(INDEXES)
    }

    fn starting_with(
        &mut self,
        end: End,
        prefixes: &[String],
        each: &mut dyn FnMut(i64, &str),
    ) -> Result<(), Fatal> {
        let column = match end {
            End::First => "code",
            End::Last => "reversed",
        };
        let statement = self.statement(&format!(
            "SELECT r.id, r.{column} FROM unnest($1::text[], $2::text[]) AS w(low, high) \
             JOIN record r ON r.{column} >= w.low AND r.{column} <= w.high"
        ))?;
        let highs: Vec<String> = prefixes.iter().map(|p| super::last_with(p)).collect();
        let place = self.place.clone();
        let values: [&(dyn ToSql + Sync); 2] = [&prefixes, &highs];
        let mut rows = self
            .client
            .query_raw(&statement, values.iter().map(|v| *v as &dyn ToSql))
            .map_err(|e| fatal(&place, &e))?;
        while let Some(row) = rows.next().map_err(|e| fatal(&place, &e))? {
            let id: i64 = row.try_get(0).map_err(|e| fatal(&place, &e))?;
            each(id, row.try_get(1).map_err(|e| fatal(&place, &e))?);
        }
        Ok(())
    }

    fn damage(&mut self) -> Result<Vec<String>, Fatal> {
        Ok(Vec::new())
    }

    fn settle(&mut self, added: u64) -> Result<(), Fatal> {
        self.prepared.clear();
        self.batch("DROP TABLE IF EXISTS pg_temp.staging; SET enable_seqscan = off")?;
        if added < MANY {
            return Ok(());
        }
        // The visibility map, without which each code found costs a look at its row.
        self.batch("VACUUM (ANALYZE) record")
    }
}
