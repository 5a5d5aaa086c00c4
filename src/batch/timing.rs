//! How long each stage took, and how far a photograph has come.

use super::lanes::open;
use crate::pipeline::{Made, Watch};
use std::sync::Mutex;
use std::time::Instant;

/// Stages in their order.
pub const STAGES: [&str; 6] = ["load", "denoise", "face", "mark", "engine", "decode"];

/// What is known of a photograph while it is read: enough for its row if it never ends.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// Stages that are done.
    pub done: usize,
    /// SHA-256 of the file, once it is read.
    pub sha256: Option<String>,
}

impl Noted {
    /// The stage that is running.
    pub fn stage(&self) -> &'static str {
        STAGES[self.done.min(STAGES.len() - 1)]
    }
}

/// Takes the time of every stage.
#[derive(Debug)]
pub struct Stopwatch {
    last: Instant,
    ms: Vec<f64>,
}

impl Stopwatch {
    /// Starts with the first stage, `load`.
    pub fn start() -> Self {
        Self { last: Instant::now(), ms: Vec::with_capacity(STAGES.len()) }
    }

    /// Ends a stage, which may have run before: its times are added up.
    pub fn lap(&mut self, stage: usize) {
        let now = Instant::now();
        self.ms.resize(self.ms.len().max(stage + 1), 0.0);
        self.ms[stage] += (now - self.last).as_secs_f64() * 1e3;
        self.last = now;
    }

    /// Milliseconds of the stages that ran, in the order of [`STAGES`].
    pub fn ms(&self) -> &[f64] {
        &self.ms
    }
}

/// A stopwatch that lets somebody else look on while it stands still.
pub struct Timed<'w> {
    /// The time of every stage.
    pub clock: Stopwatch,
    /// Where every stage's end is noted.
    pub noted: &'w Mutex<Noted>,
    /// Who else looks on.
    pub other: &'w mut dyn Watch,
}

impl Timed<'_> {
    /// Ends the running stage.
    pub fn lap(&mut self) {
        let stage = open(self.noted).done;
        self.end(stage);
    }

    fn end(&mut self, stage: usize) {
        self.clock.lap(stage);
        open(self.noted).done = stage + 1;
    }
}

impl Watch for Timed<'_> {
    fn made(&mut self, made: Made<'_>) {
        // As in `STAGES`; the first and the last are not shown.
        self.end(match made {
            Made::Clean(_) => 1,
            Made::Face(_) => 2,
            Made::Mark(_) => 3,
            Made::Seen(_) => 4,
        });
        self.other.made(made);
        self.clock.last = Instant::now();
    }
}
