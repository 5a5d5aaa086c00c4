//! Files that are whole whatever happens: replaced in one step, or grown by whole lines.

use crate::pipeline::photo::hex;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Replaces the file at `path` by `bytes` in one step that survives a power cut: written under a
/// temporary name, brought to the disk, renamed.
///
/// # Errors
/// The disk is full or gone; the old file is then as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = Draft::create(path)?;
    draft.write(bytes)?;
    draft.publish()
}

/// A file that has its name only when it is whole.
#[derive(Debug)]
pub struct Draft {
    file: io::BufWriter<File>,
    draft: PathBuf,
    path: PathBuf,
    published: bool,
}

impl Draft {
    /// Begins a new file that will be at `path`.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(".part");
        let draft = PathBuf::from(draft);
        // What a run before left there, or a link to a file that is none of ours.
        match std::fs::remove_file(&draft) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        Ok(Self {
            file: io::BufWriter::new(File::create_new(&draft)?),
            draft,
            path: path.into(),
            published: false,
        })
    }

    /// Appends to it.
    ///
    /// # Errors
    /// The disk is full or gone.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Brings it to the disk and gives it its name.
    ///
    /// # Errors
    /// The disk is full or gone; what had the name before keeps it.
    pub fn publish(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        std::fs::rename(&self.draft, &self.path)?;
        self.published = true;
        sync_folder(self.path.parent().unwrap_or(Path::new(".")))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            // Nothing is lost if it stays: the next run removes it.
            let _ = std::fs::remove_file(&self.draft);
        }
    }
}

/// Brings the names in a folder to the disk. Where a folder cannot be opened as a file, the system
/// does so by itself.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder).map_or(Ok(()), |f| f.sync_all())
}

/// A file that grows by whole lines.
#[derive(Debug)]
pub struct Growing {
    file: File,
    path: PathBuf,
    len: u64,
}

impl Growing {
    /// Makes a new, empty one.
    ///
    /// # Errors
    /// It exists or cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Self { file, path: path.into(), len: 0 })
    }

    /// Opens one to go on at its end.
    ///
    /// # Errors
    /// It does not exist or may not be written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(path)?;
        let len = file.metadata()?.len();
        Ok(Self { file, path: path.into(), len })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length, bytes.
    pub fn size(&self) -> u64 {
        self.len
    }

    /// Appends whole lines.
    ///
    /// # Errors
    /// The disk is full or gone; [`Self::cut`] takes away what was written of them.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        self.file.write_all(lines)?;
        self.len += lines.len() as u64;
        Ok(())
    }

    /// Shortens the file to `len`, as far as the disk lets it: what is torn is dropped on resume as well.
    pub fn cut(&mut self, len: u64) {
        if self.file.set_len(len).is_ok() {
            self.len = len;
        }
    }

    /// Brings it to the disk.
    ///
    /// # Errors
    /// The disk is full or gone.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Lower-case hex SHA-256 of a file, read in pieces.
///
/// # Errors
/// The file cannot be read.
pub fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(&piece[..n]),
        }
    }
}

/// A row of a table with its line end. Written to memory, where nothing can fail.
pub fn csv_row<T: AsRef<[u8]>>(cells: &[T]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::with_capacity(256));
    let _ = writer.write_record(cells);
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_that_is_not_published_leaves_the_old_file_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        replace(&path, b"old").unwrap();
        let mut draft = Draft::create(&path).unwrap();
        draft.write(b"new").unwrap();
        drop(draft);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_a_draft_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let [path, photograph] = ["a.csv", "photograph.png"].map(|name| dir.path().join(name));
        std::fs::write(&photograph, b"evidence").unwrap();
        std::os::unix::fs::symlink(&photograph, dir.path().join("a.csv.part")).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&photograph).unwrap(), b"evidence");
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn what_is_cut_is_gone_and_the_next_line_follows_what_stayed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut file = Growing::create(&path).unwrap();
        file.append(b"one\n").unwrap();
        let len = file.size();
        file.append(b"tor").unwrap();
        file.cut(len);
        file.append(b"two\n").unwrap();
        drop(file);
        assert!(Growing::create(&path).is_err());
        let mut file = Growing::open(&path).unwrap();
        file.append(b"three\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\nthree\n");
    }
}
