//! Which files are photographs: found, sorted, and the others left out with a reason.

use super::output::FILES;
use super::record::BEGINNING;
use super::{manifest, names};
use crate::error::Fatal;
use crate::pipeline::photo::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// One photograph to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Photograph {
    /// Path relative to its INPUT folder with `/` between the parts, as [`names::relative`] writes it;
    /// the file's name where the INPUT is the file itself.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Size of the file when it was found, bytes.
    pub bytes: u64,
}

/// Why a file is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// Its name, or a folder's above it, begins with a dot.
    Hidden,
    /// Neither its content nor its name is a picture's.
    NoPicture,
    /// A symbolic link out of the INPUT.
    Outside,
    /// A symbolic link to what is read under another name, or in a circle.
    Again,
    /// It lies in an INPUT that was given before.
    Twice,
    /// A symbolic link to nothing.
    Dangling,
    /// A device, socket or pipe.
    NoFile,
    /// A folder that an earlier run, `inspect` or `report` wrote: its pictures are no photographs.
    Output,
}

impl LeftOut {
    /// The reason in words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::NoPicture => "no picture",
            Self::Outside => "symbolic link out of the input (--follow-links reads it)",
            Self::Again => "symbolic link to what is read already",
            Self::Twice => "read already, from another input",
            Self::Dangling => "symbolic link to nothing",
            Self::NoFile => "no regular file",
            Self::Output => "output of an earlier run",
        }
    }
}

/// How far symbolic links in a folder are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// To files and folders of the same INPUT.
    Inside,
    /// Wherever they lead.
    Anywhere,
}

/// What the INPUTs hold.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Photographs, sorted bytewise by name; equal names in the order of their INPUTs.
    pub taken: Vec<Photograph>,
    /// The others by name, in the same order.
    pub left_out: Vec<(String, LeftOut)>,
    /// INPUTs in which no photograph was found.
    pub without: Vec<PathBuf>,
}

impl Inputs {
    /// Photographs whose name another INPUT has too: only their SHA-256 tells their rows apart.
    pub fn alike(&self) -> usize {
        self.taken.chunk_by(|a, b| a.name == b.name).filter(|same| same.len() > 1).map(<[_]>::len).sum()
    }

    /// How many files were left out, by reason.
    pub fn left_out_counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (_, why) in &self.left_out {
            *counts.entry(why.reason()).or_default() += 1;
        }
        counts
    }
}

/// Extensions that promise a picture. A file that has one is taken even if its content is none or of a kind that is not
/// read (those from `gif` on: the web's, telephones' and cameras' own), so that a photograph shows as failed, with what
/// to do, and does not silently go missing.
const EXTENSIONS: [&str; 42] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "tif", "tiff", "bmp", "x3p", "gif", "webp", "heic", "heif", "avif",
    "jp2", "jxl", "psd", "dcm", "czi", "lif", "lsm", "nd2", "vsi", "oib", "sur", "al3d", "plux", "nef",
    "nrw", "cr2", "cr3", "dng", "arw", "orf", "raf", "rw2", "pef", "srw", "x3f", "3fr", "iiq", "mrw",
];

/// What every folder of pages has, blind ones too.
const PAGES: [&str; 2] = ["assets/report.css", "pictures"];

/// Finds the photographs in files and folders; links are followed inside an INPUT.
///
/// # Errors
/// As [`find`].
pub fn collect(inputs: &[PathBuf]) -> Result<Inputs, Fatal> {
    find(inputs, Links::Inside)
}

/// Finds the photographs in files and folders.
///
/// A file that is itself an INPUT is always taken, and an INPUT that is a link is what it leads to. In
/// folders a file is taken if its content or its name is a picture's. A link there is followed where
/// `links` allows it and what it leads to is not read anyway: each file is read once for an INPUT.
///
/// # Errors
/// [`Fatal`] where an INPUT does not exist or a folder cannot be listed.
pub fn find(inputs: &[PathBuf], links: Links) -> Result<Inputs, Fatal> {
    let mut found = Inputs::default();
    for input in inputs {
        let before = found.taken.len();
        let gone = |e: std::io::Error| {
            let what = format!("cannot read {}: {e}", input.display());
            Fatal::new(what, "an existing photograph or folder")
        };
        let meta = std::fs::metadata(input).map_err(gone)?;
        if meta.is_dir() && is_report(input) {
            found.left_out.push((names::text(input.as_os_str()), LeftOut::Output));
        } else if meta.is_dir() {
            let root = input.canonicalize().map_err(gone)?;
            let mut walk = Walk { root, links, seen: BTreeSet::new(), pending: BTreeMap::new(), found };
            walk.folder(input, walk.root.clone(), "")?;
            while let Some((name, path)) = walk.pending.pop_first() {
                walk.link(name, &path)?;
            }
            found = walk.found;
        } else {
            let name = names::text(input.file_name().unwrap_or(input.as_os_str()));
            found.taken.push(Photograph { name, path: input.clone(), bytes: meta.len() });
        }
        if found.taken.len() == before {
            found.without.push(input.clone());
        }
    }
    if inputs.len() > 1 {
        once(&mut found);
    }
    // Stable: equal names keep the order of their INPUTs.
    found.taken.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    found.left_out.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    Ok(found)
}

/// Leaves out what an earlier INPUT holds too: a photograph that counts twice spoils every count.
fn once(found: &mut Inputs) {
    let mut seen = BTreeSet::new();
    let taken = std::mem::take(&mut found.taken);
    for photograph in taken {
        // A file that is gone by now shows when it is opened.
        let real = photograph.path.canonicalize().unwrap_or_else(|_| photograph.path.clone());
        if seen.insert(real) {
            found.taken.push(photograph);
        } else {
            found.left_out.push((photograph.name, LeftOut::Twice));
        }
    }
}

/// The search through one INPUT.
struct Walk {
    /// The INPUT without links.
    root: PathBuf,
    links: Links,
    /// Folders that were searched and files that were taken, without links.
    seen: BTreeSet<PathBuf>,
    /// Links by name: they come last, so that a photograph goes by its own name where it has one.
    pending: BTreeMap<String, PathBuf>,
    found: Inputs,
}

impl Walk {
    /// Searches the folder at `path`, which is `real` without links; its files' names begin with `prefix`.
    fn folder(&mut self, path: &Path, real: PathBuf, prefix: &str) -> Result<(), Fatal> {
        self.seen.insert(real.clone());
        let mut entries = WalkDir::new(path).min_depth(1).into_iter();
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(|e| {
                let place = e.path().unwrap_or(path).display().to_string();
                Fatal::new(format!("cannot list {place}: {e}"), "a folder that you may read, with all in it")
            })?;
            let relative = entry.path().strip_prefix(path).unwrap_or(entry.path());
            let name = format!("{prefix}{}", names::relative(relative));
            let real = real.join(relative);
            let kind = entry.file_type();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                if kind.is_dir() {
                    entries.skip_current_dir();
                }
                self.leave(name, LeftOut::Hidden);
            } else if kind.is_symlink() {
                self.pending.insert(name, entry.into_path());
            } else if kind.is_file() {
                self.file(name, entry.into_path(), real);
            } else if kind.is_dir() {
                let why = if is_output(entry.path()) {
                    LeftOut::Output
                } else if !self.seen.insert(real) {
                    LeftOut::Again
                } else {
                    continue;
                };
                entries.skip_current_dir();
                self.leave(name, why);
            } else {
                self.leave(name, LeftOut::NoFile);
            }
        }
        Ok(())
    }

    /// Takes a file if it is a picture and was not taken yet.
    fn file(&mut self, name: String, path: PathBuf, real: PathBuf) {
        if !has_picture_name(Path::new(&name)) && !has_picture_content(&path) {
            self.leave(name, LeftOut::NoPicture);
        } else if self.seen.insert(real) {
            // A size that cannot be read shows when the photograph is opened.
            let bytes = path.metadata().map_or(0, |m| m.len());
            self.found.taken.push(Photograph { name, path, bytes });
        } else {
            self.leave(name, LeftOut::Again);
        }
    }

    fn link(&mut self, name: String, path: &Path) -> Result<(), Fatal> {
        let Ok(real) = path.canonicalize() else {
            self.leave(name, LeftOut::Dangling);
            return Ok(());
        };
        if self.links == Links::Inside && !real.starts_with(&self.root) {
            self.leave(name, LeftOut::Outside);
        } else if self.seen.contains(&real) {
            self.leave(name, LeftOut::Again);
        } else if real.is_dir() {
            if is_output(&real) {
                self.leave(name, LeftOut::Output);
            } else {
                self.folder(&real.clone(), real, &format!("{name}/"))?;
            }
        } else if real.is_file() {
            // By what it leads to now: a link that is turned elsewhere later changes nothing.
            self.file(name, real.clone(), real);
        } else {
            self.leave(name, LeftOut::NoFile);
        }
        Ok(())
    }

    fn leave(&mut self, name: String, why: LeftOut) {
        self.found.left_out.push((name, why));
    }
}

/// Refuses an OUT inside an INPUT and an INPUT inside OUT, links and `..` followed: results must not
/// come to lie among the evidence, nor evidence among the results.
///
/// # Errors
/// [`Fatal`] with a folder beside the INPUT.
pub fn keep_apart(inputs: &[PathBuf], out: &Path) -> Result<(), Fatal> {
    let real_out = whereabouts(out);
    for input in inputs {
        let Ok(real) = input.canonicalize() else { continue };
        let (inner, outer) = if real_out.starts_with(&real) {
            (out, input.as_path())
        } else if real.starts_with(&real_out) {
            (input.as_path(), out)
        } else {
            continue;
        };
        let base = if real_out.starts_with(&real) { &real } else { &real_out };
        let beside =
            base.with_file_name(format!("{}-results", base.file_name().unwrap_or_default().display()));
        return Err(Fatal::new(
            format!(
                "{} lies inside {}: evidence and results must stay apart",
                inner.display(),
                outer.display()
            ),
            format!("-o {}", beside.display()),
        ));
    }
    Ok(())
}

/// Where a path leads, links followed as far as it exists.
fn whereabouts(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut rest = Vec::new();
    let mut there = whole.as_path();
    let mut real = loop {
        if let Ok(real) = there.canonicalize() {
            break real;
        }
        match (there.parent(), there.components().next_back()) {
            (Some(parent), Some(last)) => {
                rest.push(last);
                there = parent;
            }
            _ => return whole,
        }
    };
    for part in rest.into_iter().rev() {
        match part {
            std::path::Component::ParentDir => {
                real.pop();
            }
            part => real.push(part),
        }
    }
    real
}

fn has_picture_name(path: &Path) -> bool {
    path.extension().is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// Whether `report` wrote the folder: its pictures are copies of photographs, or drawings over them.
fn is_report(folder: &Path) -> bool {
    PAGES.iter().all(|name| folder.join(name).exists())
}

/// Whether a run, `inspect` or `report` wrote the folder: a file that happens to be called as one of theirs does not make
/// photographs results.
fn is_output(folder: &Path) -> bool {
    if is_report(folder) {
        return true;
    }
    // Opening a pipe would wait for its other end.
    let results = folder.join(FILES[0]);
    let Some(mut results) = results.is_file().then(|| File::open(results).ok()).flatten() else {
        return false;
    };
    let mut start = [0; BEGINNING.len()];
    folder.join(manifest::NAME).exists() || (results.read_exact(&mut start).is_ok() && start == BEGINNING)
}

/// A file that cannot be opened is none: its name decided before.
fn has_picture_content(path: &Path) -> bool {
    let mut start = Vec::with_capacity(Kind::START);
    File::open(path).is_ok_and(|f| f.take(Kind::START as u64).read_to_end(&mut start).is_ok())
        && Kind::of(&start).is_some()
}

#[cfg(test)]
mod tests;
