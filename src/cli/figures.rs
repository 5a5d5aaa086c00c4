//! Where figures are written besides stdout: `--json` and `--markdown` of `score` and `bench`.

use super::{keep_from_evidence, keep_others, print, unwritable};
use crate::error::Fatal;
use std::path::PathBuf;

/// The files asked for.
#[derive(Debug, clap::Args)]
pub(super) struct Files {
    /// Write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl Files {
    /// That they take the place of nothing but earlier figures, which have one of `fields`, and earlier tables, and do not
    /// lie among the photographs, whose folders are `evidence`.
    ///
    /// # Errors
    /// [`Fatal`] where they would.
    pub(super) fn guard(&self, fields: &[&str], evidence: &[String]) -> Result<(), Fatal> {
        for (flag, path) in [("--json", &self.json), ("--markdown", &self.markdown)] {
            let Some(path) = path else { continue };
            keep_from_evidence(evidence, path)
                .map_err(|f| Fatal::new(f.what, format!("{flag} with a file elsewhere")))?;
        }
        if let Some(path) = self.json.as_ref().filter(|json| self.markdown.as_ref() == Some(json)) {
            return Err(Fatal::new(
                format!("--json and --markdown are both {}", path.display()),
                "two files, or one of them",
            ));
        }
        if let Some(path) = &self.json {
            keep_others(path, |bytes| is_json_with(bytes, fields))?;
        }
        self.markdown.as_ref().map_or(Ok(()), |path| keep_others(path, is_markdown))
    }

    /// Opens them, before minutes are spent on what then cannot be written down.
    ///
    /// # Errors
    /// [`Fatal`] where one cannot be written.
    pub(super) fn open(&self) -> Result<(), Fatal> {
        for path in self.json.iter().chain(&self.markdown) {
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create(true).truncate(false).open(path).map_err(|e| unwritable(path, &e))?;
        }
        Ok(())
    }

    /// Figures and tables to the files, tables to stdout.
    ///
    /// # Errors
    /// [`Fatal`] where one of them cannot be written.
    pub(super) fn tell(&self, figures: &impl serde::Serialize, tables: &str) -> Result<(), Fatal> {
        if let Some(path) = &self.json {
            let json = serde_json::to_string_pretty(figures).map_err(|e| unwritable(path, &e))?;
            std::fs::write(path, json + "\n").map_err(|e| unwritable(path, &e))?;
        }
        if let Some(path) = &self.markdown {
            std::fs::write(path, tables).map_err(|e| unwritable(path, &e))?;
        }
        print(tables)
    }
}

/// Whether a file is figures as JSON, with one of `fields` in them.
fn is_json_with(bytes: &[u8], fields: &[&str]) -> bool {
    serde_json::from_slice::<serde_json::Value>(bytes)
        .is_ok_and(|value| fields.iter().any(|field| value.get(field).is_some()))
}

/// Whether a file is text with a table in Markdown.
fn is_markdown(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.lines().any(|line| line.starts_with('|')))
}
