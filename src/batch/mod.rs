//! Folder in, results.jsonl out.
//!
//! | file of OUT | what |
//! |---|---|
//! | `results.jsonl` | one [`record::Record`] a photograph, in the order of the inputs |
//! | `results.csv` | the same rows flat |
//! | `failures.csv` | the failed ones with stage, reason and hint |
//! | `timings.csv` | milliseconds a photograph and stage |
//! | `run.json` | the [`manifest::Manifest`]: what ran, on what, with what, and the hashes of all of it |
//! | `run.json.sig` | its Ed25519 [`signature`], where a key was given |
//! | `run-1.json`, ... | the manifests of the runs that the latest one continued |

pub mod disk;
pub mod inputs;
mod lanes;
pub mod lines;
pub mod manifest;
pub mod names;
pub mod output;
pub mod progress;
pub mod record;
pub mod results;
pub mod resume;
pub mod runner;
pub mod signature;
pub mod timing;
pub mod verify;

pub use inputs::{Inputs, Photograph};
pub use lanes::pool;
pub use record::Record;
