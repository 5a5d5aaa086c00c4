//! What can go wrong: with one photograph, or with a whole run.

use serde::{Deserialize, Serialize};

/// Why one photograph gave no result. The run goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{stage}: {reason} ({hint})")]
pub struct Failure {
    /// Stage that gave up: `load`, `denoise`, `face`, `mark`, `engine`, `decode`.
    pub stage: String,
    /// What happened, in one sentence.
    pub reason: String,
    /// What to try next.
    pub hint: String,
}

impl Failure {
    /// A failure of `stage`, with its reason and the next thing to try.
    pub fn new(stage: &str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { stage: stage.into(), reason: reason.into(), hint: hint.into() }
    }
}

/// Why a run could not start or go on. Ends with exit code 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}\n  try: {hint}")]
pub struct Fatal {
    /// What is wrong, in one sentence.
    pub what: String,
    /// The command or setting to type next.
    pub hint: String,
}

impl Fatal {
    /// A fatal error with the next thing to type.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}
