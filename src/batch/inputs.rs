//! Which files are photographs: found, sorted, and the others left out with a reason.

use crate::error::Fatal;
use crate::pipeline::photo::Kind;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// One photograph to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Photograph {
    /// Path relative to its INPUT folder with `/` between the parts; the file's name where the
    /// INPUT is the file itself. Bytes that are no UTF-8 are replaced.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// Why a file is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// Its name, or a folder's above it, begins with a dot.
    Hidden,
    /// Neither its content nor its name is a picture's.
    NoPicture,
    /// A symbolic link: it may lead out of the INPUT.
    Link,
    /// A device, socket or pipe.
    NoFile,
    /// A folder that an earlier run wrote: its pictures are no photographs.
    Output,
}

impl LeftOut {
    /// The reason in words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::NoPicture => "no picture",
            Self::Link => "symbolic link",
            Self::NoFile => "no regular file",
            Self::Output => "output of an earlier run",
        }
    }
}

/// What the INPUTs hold.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Photographs, sorted bytewise by name; equal names in the order of their INPUTs.
    pub taken: Vec<Photograph>,
    /// The others by name, in the same order.
    pub left_out: Vec<(String, LeftOut)>,
}

impl Inputs {
    /// How many files were left out, by reason.
    pub fn left_out_counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (_, why) in &self.left_out {
            *counts.entry(why.reason()).or_default() += 1;
        }
        counts
    }
}

/// Extensions that promise a picture. A file that has one is taken even if its content is none, so
/// that an empty or broken photograph shows as failed and does not silently go missing.
const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "tif", "tiff", "bmp"];

/// Finds the photographs in files and folders.
///
/// A file that is itself an INPUT is always taken. In folders a file is taken if its content or its
/// name is a picture's.
///
/// # Errors
/// [`Fatal`] where an INPUT does not exist or a folder cannot be listed.
pub fn collect(inputs: &[PathBuf]) -> Result<Inputs, Fatal> {
    let mut found = Inputs::default();
    for input in inputs {
        let meta = std::fs::metadata(input).map_err(|e| {
            Fatal::new(format!("cannot read {}: {e}", input.display()), "an existing photograph or folder")
        })?;
        if meta.is_dir() {
            walk(input, &mut found)?;
        } else {
            let name = input.file_name().unwrap_or(input.as_os_str());
            found.taken.push(Photograph { name: name.to_string_lossy().into(), path: input.clone() });
        }
    }
    // Stable: equal names keep the order of their INPUTs.
    found.taken.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    found.left_out.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    Ok(found)
}

fn walk(folder: &Path, found: &mut Inputs) -> Result<(), Fatal> {
    let mut entries = WalkDir::new(folder).min_depth(1).into_iter();
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|e| {
            Fatal::new(format!("cannot list {}: {e}", folder.display()), "a folder that you may read")
        })?;
        let relative = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let parts: Vec<_> = relative.iter().map(|p| p.to_string_lossy()).collect();
        let name = parts.join("/");
        let kind = entry.file_type();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            if kind.is_dir() {
                entries.skip_current_dir();
            }
            found.left_out.push((name, LeftOut::Hidden));
        } else if kind.is_symlink() {
            found.left_out.push((name, LeftOut::Link));
        } else if kind.is_file() {
            if has_picture_name(entry.path()) || has_picture_content(entry.path()) {
                found.taken.push(Photograph { name, path: entry.into_path() });
            } else {
                found.left_out.push((name, LeftOut::NoPicture));
            }
        } else if kind.is_dir() {
            if entry.path().join("results.jsonl").exists() {
                entries.skip_current_dir();
                found.left_out.push((name, LeftOut::Output));
            }
        } else {
            found.left_out.push((name, LeftOut::NoFile));
        }
    }
    Ok(())
}

fn has_picture_name(path: &Path) -> bool {
    path.extension().is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// A file that cannot be opened is none: its name decided before.
fn has_picture_content(path: &Path) -> bool {
    let mut start = Vec::with_capacity(Kind::START);
    File::open(path).is_ok_and(|f| f.take(Kind::START as u64).read_to_end(&mut start).is_ok())
        && Kind::of(&start).is_some()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn content_or_name_takes_a_file_and_order_is_bytewise() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, content: &[u8]| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        let png = b"\x89PNG\r\n\x1a\n";
        put("b/1.png", png);
        put("b.png", b"");
        put("B.dat", png);
        put("a/10.tif", b"text");
        put("a/9.tif", b"text");
        put("notes.txt", b"text");
        put(".hidden.png", png);
        put(".cache/x.png", png);
        put("out/results.jsonl", b"");
        put("out/1-small.png", png);
        let found = collect(&[dir.path().to_path_buf()]).unwrap();
        let names: Vec<_> = found.taken.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["B.dat", "a/10.tif", "a/9.tif", "b.png", "b/1.png"]);
        assert_eq!(
            found.left_out,
            [
                (".cache".into(), LeftOut::Hidden),
                (".hidden.png".into(), LeftOut::Hidden),
                ("notes.txt".into(), LeftOut::NoPicture),
                ("out".into(), LeftOut::Output)
            ]
        );
        assert_eq!(
            found.left_out_counts(),
            BTreeMap::from([("hidden", 2), ("no picture", 1), ("output of an earlier run", 1)])
        );

        let alone = collect(&[dir.path().join("notes.txt")]).unwrap();
        assert_eq!(alone.taken[0].name, "notes.txt");
        assert!(collect(&[dir.path().join("absent")]).is_err());
    }
}
