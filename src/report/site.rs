//! A folder of pages that opens from disk: templates, what every page needs, and the writing.

use super::picture::unwritable;
use crate::error::Fatal;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The templates by name. `.html` turns escaping on for everything that they print.
const TEMPLATES: [(&str, &str); 11] = [
    ("base.html", include_str!("templates/base.html")),
    ("drawing.html", include_str!("templates/drawing.html")),
    ("rows.html", include_str!("templates/rows.html")),
    ("limits.html", include_str!("templates/limits.html")),
    ("index.html", include_str!("templates/index.html")),
    ("list.html", include_str!("templates/list.html")),
    ("photograph.html", include_str!("templates/photograph.html")),
    ("leads.html", include_str!("templates/leads.html")),
    ("groups.html", include_str!("templates/groups.html")),
    ("traces.html", include_str!("templates/traces.html")),
    ("blind.html", include_str!("templates/blind.html")),
];

/// Files that the pages name. Nothing else is loaded, and nothing from anywhere but the folder.
const ASSETS: [(&str, &str); 5] = [
    ("report.css", include_str!("assets/report.css")),
    ("viewer.js", include_str!("assets/viewer.js")),
    ("list.js", include_str!("assets/list.js")),
    ("photograph.js", include_str!("assets/photograph.js")),
    ("blind.js", include_str!("assets/blind.js")),
];

/// A report's folder while it is written.
#[derive(Debug)]
pub struct Site {
    folder: PathBuf,
    templates: Environment<'static>,
}

impl Site {
    /// Begins in the existing, empty `folder`, with `folders` in it, and writes the `assets`.
    ///
    /// # Errors
    /// [`Fatal`] where something cannot be written.
    pub fn begin(folder: &Path, folders: &[&str], assets: &[&str]) -> Result<Self, Fatal> {
        let mut templates = Environment::new();
        // A misspelt name in a template is an error and not an empty place on a page.
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in TEMPLATES {
            templates.add_template(name, source).map_err(|e| damaged(&e))?;
        }
        let site = Self { folder: folder.into(), templates };
        for name in folders.iter().chain(&["assets"]) {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).map_err(|e| unwritable(&path, &e))?;
        }
        for (name, text) in ASSETS.iter().filter(|(name, _)| assets.contains(name)) {
            site.write(&format!("assets/{name}"), text)?;
        }
        Ok(site)
    }

    /// A folder of the site.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes the page `name` from a template.
    ///
    /// # Errors
    /// [`Fatal`] where it cannot be written.
    pub fn page(&self, name: &str, template: &str, context: impl Serialize) -> Result<(), Fatal> {
        let text = self
            .templates
            .get_template(template)
            .and_then(|t| t.render(minijinja::value::Serde(&context)))
            .map_err(|e| damaged(&e))?;
        self.write(name, &text)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// [`Fatal`] where it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<(), Fatal> {
        let path = self.path(name);
        std::fs::write(&path, text).map_err(|e| unwritable(&path, &e))
    }
}

/// Templates are part of the program and a test renders each: this is a defect, and is said as one.
fn damaged(error: &minijinja::Error) -> Fatal {
    Fatal::new(
        format!("a page's template is damaged: {error:#}"),
        "a build of microstamp from unchanged sources",
    )
}
