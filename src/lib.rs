//! Reads firearm microstamps from photographs of fired cartridge cases.
//!
//! | module | from | to |
//! |---|---|---|
//! | [`pipeline`] | one photograph | one [`pipeline::decode::Reading`] |
//! | [`engines`] | a name | what reads the straightened mark |
//! | [`batch`] | a folder | `results.jsonl` |
//! | [`bench`](mod@bench) | a folder | how fast it is read, beside reading its files alone |
//! | [`groups`] | `results.jsonl` | photographs of a case, or cases of a gun, read together |
//! | [`casework`] | `results.jsonl` and a registry | leads: firearms, and other scenes |
//! | [`score`] | `results.jsonl` and truth | accuracy with intervals |
//! | [`report`] | stages, or `results.jsonl` and photographs | pictures and pages that an examiner can check |
//! | [`synth`] | a seed | simulated photographs with truth |
//! | [`typeface`] | style numbers or a font file | the 36 characters as distance rasters |
//! | [`canvas`] | lines and text | a picture |
//! | [`words`] | figures and answers | words, alike on a terminal and on a page |
//! | [`cli`] | arguments | one verb called, one exit code |
//!
//! `results.jsonl` is the only bridge between reading and what follows it: a
//! reading is written down before anybody can look it up.

/// As `eprintln!`; but a terminal, pipe or log that is gone, or a disk that is full, ends no run.
macro_rules! say {
    ($($text:tt)*) => {{
        let _ = ::std::io::Write::write_fmt(&mut ::std::io::stderr(), format_args!("{}\n", format_args!($($text)*)));
    }};
}

pub mod batch;
pub mod bench;
pub mod canvas;
pub mod casework;
pub mod cli;
pub mod engines;
pub mod error;
pub mod groups;
pub mod pipeline;
pub mod report;
pub mod score;
pub mod settings;
pub mod synth;
#[cfg(feature = "train")]
pub mod train;
pub mod typeface;
pub mod words;

pub use error::{Failure, Fatal};
pub use settings::Settings;
