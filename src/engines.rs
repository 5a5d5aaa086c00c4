//! The engines by name. The pipeline's own need nothing but the crate; the one that asks the system's
//! Tesseract looks for its language data on the disk, which no stage of the pipeline may do.

#[cfg(feature = "tesseract")]
pub mod tesseract;

use crate::error::Fatal;
use crate::pipeline::engine::{Engine, learned, template};
use crate::settings::Settings;

/// Names that [`by_name`] knows.
pub const NAMES: [&str; 3] = ["learned", "template", "tesseract"];

/// The engine that reads where the user names none.
pub const DEFAULT: &str = "learned";

/// Makes an engine. This is the only list of engines.
///
/// # Errors
/// [`Fatal`] where no engine has this name, or where it cannot start (weights, system library).
pub fn by_name(name: &str, settings: &Settings) -> Result<Box<dyn Engine>, Fatal> {
    match name {
        "learned" => Ok(Box::new(learned::Learned::new(&settings.learned)?)),
        "template" => Ok(Box::new(template::Template::default())),
        #[cfg(feature = "tesseract")]
        "tesseract" => Ok(Box::new(tesseract::Tesseract::new(&settings.learned)?)),
        #[cfg(not(feature = "tesseract"))]
        "tesseract" => Err(Fatal::new(
            "this program was built without Tesseract",
            "cargo build --release --features tesseract, after \
             apt-get install pkg-config libtesseract-dev libleptonica-dev tesseract-ocr-eng",
        )),
        _ => Err(Fatal::new(
            format!("no engine is called `{name}`"),
            format!("--engine with one of: {}", NAMES.join(", ")),
        )),
    }
}
