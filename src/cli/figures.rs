//! Where figures are written besides stdout: `--json` and `--markdown` of `score` and `bench`.

use super::{keep_from_evidence, keep_others, print, unwritable};
use crate::batch::disk;
use crate::error::Fatal;
use std::path::{Path, PathBuf};

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
            no_link(path)?;
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
            put(path, (json + "\n").as_bytes())?;
        }
        if let Some(path) = &self.markdown {
            put(path, tables.as_bytes())?;
        }
        print(tables)
    }
}

/// Whether a file is figures as JSON, with one of `fields` in them.
fn is_json_with(bytes: &[u8], fields: &[&str]) -> bool {
    serde_json::from_slice::<serde_json::Value>(bytes)
        .is_ok_and(|value| fields.iter().any(|field| value.get(field).is_some()))
}

/// Whether a file is text that begins as tables of this program do.
fn is_markdown(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        let first = text.lines().next().unwrap_or_default();
        let titled = first.starts_with("## ")
            && ["photographs, ", "readings of examiners, "].iter().any(|w| first.contains(w));
        titled || first.starts_with("| figure ")
    })
}

/// Refuses a link to a file, or to nothing: what is written is to lie where it was asked for.
///
/// # Errors
/// [`Fatal`] where it is one.
pub(super) fn no_link(path: &Path) -> Result<(), Fatal> {
    let is_link = path.symlink_metadata().is_ok_and(|there| there.is_symlink());
    // Standard output and pipes have links for names.
    let is_device = ["/dev", "/proc"].iter().any(|of| path.starts_with(of));
    if is_link && !is_device && path.metadata().map_or(true, |there| there.is_file()) {
        return Err(Fatal::new(
            format!("{} is a link, and nothing is written through links", path.display()),
            "the file that it leads to, or another name",
        ));
    }
    Ok(())
}

/// Refuses a place beside which a file lies that has the name of the draft.
fn no_draft(path: &Path) -> Result<(), Fatal> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    if Path::new(&draft).exists() {
        return Err(Fatal::new(
            format!("{} stands in the way of a draft", Path::new(&draft).display()),
            "another name, or that file elsewhere",
        ));
    }
    Ok(())
}

/// Writes a file whole, or into a pipe.
///
/// # Errors
/// [`Fatal`] where it cannot be written.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<(), Fatal> {
    let is_pipe = path.metadata().is_ok_and(|there| !there.is_file());
    if !is_pipe {
        no_draft(path)?;
    }
    let done = if is_pipe { std::fs::write(path, bytes) } else { disk::replace(path, bytes) };
    done.map_err(|e| unwritable(path, &e))
}
