//! The chain of directories in a TIFF, a picture each, as it lies in the bytes.

use crate::error::Failure;
use crate::settings::PhotoSettings;

/// Photometric interpretation, and its value for "black is zero".
const PHOTOMETRIC: (usize, u8) = (262, 1);

/// Byte order and widths of a file's numbers.
struct Layout {
    little: bool,
    big: bool,
}

impl Layout {
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut layout = Self { little: bytes.first() == Some(&b'I'), big: false };
        layout.big = layout.number(bytes.get(2..4)?) == 43;
        Some(layout)
    }

    fn number(&self, bytes: &[u8]) -> u64 {
        let fold = |n: u64, v: &u8| n << 8 | u64::from(*v);
        if self.little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) }
    }

    /// The number of `width` bytes at `at`; `None` outside the file.
    fn read(&self, bytes: &[u8], at: usize, width: usize) -> Option<usize> {
        usize::try_from(self.number(bytes.get(at..at.checked_add(width)?)?)).ok()
    }

    fn first(&self, bytes: &[u8]) -> Option<usize> {
        if self.big { self.read(bytes, 8, 8) } else { self.read(bytes, 4, 4) }
    }

    /// Where the entries of a directory begin and end.
    fn entries(&self, bytes: &[u8], directory: usize) -> Option<(usize, usize)> {
        let width = if self.big { 8 } else { 2 };
        let count = self.read(bytes, directory, width)?;
        let start = directory.checked_add(width)?;
        Some((start, start.checked_add(count.checked_mul(self.entry())?)?))
    }

    /// Bytes of an entry.
    fn entry(&self) -> usize {
        if self.big { 20 } else { 12 }
    }

    /// Bytes of an offset.
    fn offset(&self) -> usize {
        if self.big { 8 } else { 4 }
    }
}

/// Refuses a file of more pictures than the settings allow, and a chain that leads in a circle.
pub fn count(bytes: &[u8], settings: &PhotoSettings) -> Result<(), Failure> {
    let Some(layout) = Layout::of(bytes) else { return Ok(()) };
    // What does not lie in the file is the decoder's to report.
    let next = |directory: &usize| {
        let (_, end) = layout.entries(bytes, *directory)?;
        layout.read(bytes, end, layout.offset()).filter(|next| *next != 0)
    };
    let pages = std::iter::successors(layout.first(bytes), next).take(settings.max_pages + 1).count();
    if pages > settings.max_pages {
        return Err(Failure::new(
            "load",
            format!("more than {} pictures in the file, or a chain without end", settings.max_pages),
            "save the picture alone, or raise photo.max_pages in --config if it is genuine",
        ));
    }
    Ok(())
}

/// Turns the first directory's photometric interpretation from palette to grey, in memory.
pub fn declare_grey(bytes: &mut [u8]) -> Option<()> {
    let layout = Layout::of(bytes)?;
    let (start, end) = layout.entries(bytes, layout.first(bytes)?)?;
    let entry = (start..end.min(bytes.len()))
        .step_by(layout.entry())
        .find(|at| layout.read(bytes, *at, 2) == Some(PHOTOMETRIC.0))?;
    // A short (2 bytes) at the start of the value field.
    let value = bytes.get_mut(entry + layout.entry() - layout.offset()..)?.get_mut(..2)?;
    value.copy_from_slice(&if layout.little { [PHOTOMETRIC.1, 0] } else { [0, PHOTOMETRIC.1] });
    Some(())
}
