//! Folder in, results.jsonl out.
//!
//! | file of OUT | what |
//! |---|---|
//! | `results.jsonl` | one [`record::Record`] a photograph, in the order of the inputs |
//! | `results.csv` | the same rows flat |
//! | `failures.csv` | the failed ones with stage, reason and hint |
//! | `timings.csv` | milliseconds a photograph and stage |
//! | `run.json` | the [`manifest::Manifest`]: what ran, on what, with what |

pub mod inputs;
pub mod manifest;
pub mod output;
pub mod progress;
pub mod record;
pub mod runner;
pub mod timing;

pub use inputs::{Inputs, Photograph};
pub use record::Record;
