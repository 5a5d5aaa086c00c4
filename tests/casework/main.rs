//! From codes to leads, as a laboratory does it: the same tests on a file and on a PostgreSQL server.
//!
//! The server is that of `MICROSTAMP_TEST_POSTGRES`, such as `postgres://postgres@127.0.0.1:5432/postgres`;
//! each test makes and drops a database of its own there. Without it they run on files alone.
#![allow(clippy::unwrap_used)]

mod accidents;
#[path = "../common/mod.rs"]
mod common;
mod lab;
mod leads;
mod purchaser;
mod registry;
