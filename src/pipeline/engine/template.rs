//! The engine without weights.

use super::{Engine, Identity, Scores};
use crate::error::Failure;
use crate::pipeline::mark::Mark;

/// Compares cells with drawn characters.
#[derive(Debug, Default)]
pub struct Template;

impl Engine for Template {
    fn identity(&self) -> Identity {
        Identity { name: "template".into(), version: env!("CARGO_PKG_VERSION").into(), weights_sha256: None }
    }

    fn read(&self, mark: &Mark) -> Result<Scores, Failure> {
        Ok(Scores { presence: mark.presence, ..Scores::default() })
    }
}
