//! An X3P file: a zip of `main.xml`, the points, and MD5 sums. Nothing is unpacked to disk, and what an
//! entry claims about itself is not believed: it is read up to the bytes that are wanted and one more.

use super::header::{self, Header, Link, Number, Size};
use super::points::{Cloud, Grid, Points};
use super::{Heights, broken, unsupported};
use crate::error::Failure;
use crate::pipeline::photo::hex;
use crate::settings::PhotoSettings;
use md5::{Digest, Md5};
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// Bytes of `main.xml` at the most: an inline list of a million points has some 50 million.
const MAX_XML_BYTES: usize = 64 << 20;
/// Bytes of a file with a checksum: 32 digits, a name and a line's end.
const MAX_CHECKSUM_BYTES: usize = 4096;
/// Entries of an archive: an X3P has three to six; vendors add pictures and reports.
const MAX_ENTRIES: usize = 1000;
/// Points that are unpacked at a time, bytes.
const CHUNK: usize = 1 << 16;

type Archive<'b> = ZipArchive<Cursor<&'b [u8]>>;

/// Names with which the first entry of an X3P begins: what else is a zip is none.
const FIRST: [&[u8]; 3] = [b"main.xml", b"bindata", b"md5checksum"];

/// Whether a file that begins with `start` is an X3P: a zip whose first entry is one of an X3P's.
pub fn is_x3p(start: &[u8]) -> bool {
    // A local header: its signature, and from byte 30 on the name.
    let name = start.get(30..).unwrap_or_default();
    let name = name.strip_prefix(b"./").unwrap_or(name);
    start.starts_with(b"PK\x03\x04")
        && FIRST.iter().any(|first| name.get(..first.len()).is_some_and(|n| n.eq_ignore_ascii_case(first)))
}

/// Whether a whole file is a zip that has a `main.xml`, wherever it stands in it.
pub fn holds_heights(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") && archive(bytes).is_ok_and(|zip| place(&zip, "main.xml").is_ok())
}

/// Opens the archive.
fn archive(bytes: &[u8]) -> Result<Archive<'_>, Failure> {
    // Its own count is a claim; each entry needs a header of its own.
    if bytes.windows(4).filter(|w| *w == b"PK\x01\x02").count() > MAX_ENTRIES {
        return Err(broken(format!("more than {MAX_ENTRIES} files in it")));
    }
    ZipArchive::new(Cursor::new(bytes)).map_err(|e| broken(e.to_string()))
}

/// Reads the heights of an X3P.
///
/// # Errors
/// A [`Failure`] of stage `load`: an entry is missing, an MD5 differs, sizes do not fit or are beyond
/// the settings, or a kind of X3P that is not read.
pub fn read(bytes: &[u8], settings: &PhotoSettings) -> Result<Heights, Failure> {
    let mut archive = archive(bytes)?;
    let xml = small(&mut archive, "main.xml", MAX_XML_BYTES)?;
    let sum = hex(&Md5::digest(&xml));
    let xml = String::from_utf8_lossy(&xml);
    let header = header::read(&xml)?;
    let stated = small(&mut archive, &header.checksum, MAX_CHECKSUM_BYTES)?;
    compare("main.xml", &String::from_utf8_lossy(&stated), &sum)?;
    super::room(&header, bytes.len(), settings)?;

    let valid = header.valid.as_ref().map(|link| mask(&mut archive, link, header.size)).transpose()?;
    let is_valid = |i: usize| {
        valid.as_ref().is_none_or(|bits| bits.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1))
    };
    let mut points: Box<dyn Points> = match header.size {
        Size::Grid(columns, rows) if !header.axes[0].absolute && !header.axes[1].absolute => {
            Box::new(Grid::new(columns, rows))
        }
        _ => Box::new(Cloud::new(&header)?),
    };
    let mut count = 0;
    let mut add = |stored: [f64; 3]| {
        let missing = !is_valid(count);
        if count < header.size.points() {
            let [x, y, z] = header.axes;
            let z = if missing { f64::NAN } else { z.um(stored[2]) };
            points.add(count, [x.um(stored[0]), y.um(stored[1]), z]);
        }
        count += 1;
    };
    match &header.points {
        Some(link) => binary(&mut archive, link, &header, &mut add)?,
        None => listed(&xml, &header, &mut add)?,
    }
    if count != header.size.points() {
        return Err(broken(format!("{count} points, where main.xml states {}", header.size.points())));
    }
    points.finish(&header)
}

/// The entry called `name`, in any case and with either slash.
fn place(archive: &Archive<'_>, name: &str) -> Result<usize, Failure> {
    let plain = |name: &str| name.replace('\\', "/").trim_start_matches("./").to_ascii_lowercase();
    let wanted = plain(name);
    if wanted.starts_with('/') || wanted.contains(':') || wanted.split('/').any(|part| part == "..") {
        return Err(broken(format!("main.xml points out of the file, to {name:?}")));
    }
    (0..archive.len())
        .find(|i| matches!(archive.name_for_index(*i), Some(Ok(found)) if plain(&found) == wanted))
        .ok_or_else(|| broken(format!("{name} is missing")))
}

/// Reads at most `most` bytes of an entry, and fails where it has more.
fn small(archive: &mut Archive<'_>, name: &str, most: usize) -> Result<Vec<u8>, Failure> {
    let index = place(archive, name)?;
    let entry = archive.by_index(index).map_err(|e| entry_failed(name, &e))?;
    let mut bytes = Vec::new();
    entry.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|e| broken(format!("{name}: {e}")))?;
    if bytes.len() > most {
        return Err(broken(format!("{name} unpacks to more than {most} bytes")));
    }
    Ok(bytes)
}

fn entry_failed(name: &str, error: &zip::result::ZipError) -> Failure {
    match error {
        zip::result::ZipError::UnsupportedArchive(what) => unsupported(&format!("{name} ({what})")),
        other => broken(format!("{name}: {other}")),
    }
}

/// Fails where the MD5 that a file states is not the one that an entry has.
fn compare(name: &str, stated: &str, found: &str) -> Result<(), Failure> {
    let stated = stated.trim_start_matches('\u{feff}').split_whitespace().next().unwrap_or_default();
    if stated.eq_ignore_ascii_case(found) {
        return Ok(());
    }
    if stated.is_empty() {
        let what = format!("X3P whose MD5 of {name} is not stated");
        return Err(Failure::new(
            "load",
            what,
            "export it again with its checksums, so that damage would be seen",
        ));
    }
    let stated: String = stated.chars().take(32).collect();
    Err(broken(format!("the MD5 of {name} is {found}, where the file states {stated:?}")))
}

/// The bits of a validity mask.
fn mask(archive: &mut Archive<'_>, link: &Link, size: Size) -> Result<Vec<u8>, Failure> {
    let wanted = size.points().div_ceil(8);
    let bits = small(archive, &link.path, wanted)?;
    if bits.len() < wanted {
        return Err(broken(format!("{} has {} bytes, where {wanted} are needed", link.path, bits.len())));
    }
    compare(&link.path, &link.md5, &hex(&Md5::digest(&bits)))?;
    Ok(bits)
}

/// Hands over the points of a binary file: of each the coordinates of its absolute axes, and its height.
fn binary(
    archive: &mut Archive<'_>,
    link: &Link,
    header: &Header,
    add: &mut dyn FnMut([f64; 3]),
) -> Result<(), Failure> {
    // A grid's coordinates are not stored; heights always are.
    let stored: Vec<(usize, Number)> =
        (0..3).filter(|i| *i == 2 || header.axes[*i].absolute).map(|i| (i, header.axes[i].number)).collect();
    let width: usize = stored.iter().map(|(_, number)| number.bytes()).sum();
    let wanted = width.saturating_mul(header.size.points());
    let index = place(archive, &link.path)?;
    let mut entry = archive.by_index(index).map_err(|e| entry_failed(&link.path, &e))?;
    let (mut sum, mut total) = (Md5::new(), 0usize);
    let (mut chunk, mut filled) = (vec![0u8; CHUNK / width * width], 0);
    loop {
        let n = entry.read(&mut chunk[filled..]).map_err(|e| broken(format!("{}: {e}", link.path)))?;
        if n == 0 {
            break;
        }
        sum.update(&chunk[filled..filled + n]);
        (total, filled) = (total + n, filled + n);
        if total > wanted {
            return Err(broken(format!("{} has more bytes than the {wanted} of its points", link.path)));
        }
        let whole = filled / width * width;
        for point in chunk[..whole].chunks_exact(width) {
            let (mut values, mut at) = ([0.0; 3], 0);
            for (axis, number) in &stored {
                values[*axis] = number.read(&point[at..]);
                at += number.bytes();
            }
            add(values);
        }
        chunk.copy_within(whole..filled, 0);
        filled -= whole;
    }
    if total != wanted {
        return Err(broken(format!("{} has {total} bytes, where {wanted} are needed", link.path)));
    }
    compare(&link.path, &link.md5, &hex(&sum.finalize()))
}

/// Hands over the points of the list in `main.xml`. An empty one is missing.
fn listed(xml: &str, header: &Header, add: &mut dyn FnMut([f64; 3])) -> Result<(), Failure> {
    header::inline(xml, &mut |text| {
        let mut values = [f64::NAN; 3];
        let stated: Vec<&str> = text.split([';', ' ']).filter(|part| !part.is_empty()).collect();
        let wanted = (0..3).filter(|i| *i == 2 || header.axes[*i].absolute);
        // Where only the height is stated, the grid gives the rest.
        for (axis, part) in wanted.zip(&stated) {
            values[axis] = part.parse().map_err(|_| {
                let part: String = part.chars().take(40).collect();
                broken(format!("main.xml: {part:?} in the list of points is no number"))
            })?;
        }
        add(values);
        Ok(())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
