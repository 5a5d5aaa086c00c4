//! How long each stage took.

use crate::pipeline::{Made, Watch};
use std::time::Instant;

/// Stages in their order.
pub const STAGES: [&str; 6] = ["load", "denoise", "face", "mark", "engine", "decode"];

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

    /// Ends the running stage.
    pub fn lap(&mut self) {
        let now = Instant::now();
        self.ms.push((now - self.last).as_secs_f64() * 1e3);
        self.last = now;
    }

    /// The stage that is running.
    pub fn stage(&self) -> &'static str {
        STAGES[self.ms.len().min(STAGES.len() - 1)]
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
    /// Who else looks on.
    pub other: &'w mut dyn Watch,
}

impl Watch for Timed<'_> {
    fn made(&mut self, made: Made<'_>) {
        self.clock.lap();
        self.other.made(made);
        self.clock.last = Instant::now();
    }
}
