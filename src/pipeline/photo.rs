//! Bytes to photograph: 8 or 16 bit, grey or colour, scale, SHA-256.
//!
//! A file is recognised by its content, never by its name. Colour is folded to
//! grey row by row or tile by tile, so that no second copy of the photograph
//! exists; claimed sizes are checked before anything of that size is allocated.
//! Pixels stay as stored: an orientation tag is not obeyed, so that every
//! coordinate in a result is one of the file's own pixels.

mod bmp;
mod directory;
mod grey;
mod jpeg;
mod png;
mod scale;
mod stack;
mod tiff;

pub use stack::{Chosen, Page};

use super::geometry::Ellipse;
use super::heights::{self, Measured};
use crate::error::Failure;
use crate::settings::PhotoSettings;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Grey values as the camera stored them; colour is folded to grey (Rec. 601 weights).
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// 0-255.
    Eight(Array2<u8>),
    /// 0-65535. Cameras of 9 to 15 bits that leave the upper bits empty are shifted up to fill them.
    Sixteen(Array2<u16>),
}

impl Pixels {
    /// (rows, columns).
    pub fn dim(&self) -> (usize, usize) {
        match self {
            Self::Eight(a) => a.dim(),
            Self::Sixteen(a) => a.dim(),
        }
    }

    /// Grey value 0-1 at row `y`, column `x`.
    pub fn at(&self, y: usize, x: usize) -> f32 {
        match self {
            Self::Eight(a) => f32::from(a[[y, x]]) / 255.0,
            Self::Sixteen(a) => f32::from(a[[y, x]]) / 65535.0,
        }
    }
}

/// Micrometres per pixel and where that number came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Micrometres per pixel.
    pub um_per_px: f64,
    /// `flag`, `ome`, `tiff`, `png`, `imagej`, `jpeg`, `bmp`, `x3p`.
    pub from: String,
}

/// One photograph as the pipeline sees it.
#[derive(Clone, Debug)]
pub struct Photo {
    /// Name for messages: the path relative to its input folder.
    pub id: String,
    /// Grey values, rows by columns.
    pub pixels: Pixels,
    /// Scale where the file or the user states a credible one.
    pub scale: Option<Scale>,
    /// SHA-256 of the file's bytes, lower-case hex.
    pub sha256: String,
    /// Words such as `implausible_scale`.
    pub warnings: Vec<String>,
    /// What a height map states of itself; `None` for a photograph.
    pub heights: Option<Measured>,
    /// What was read of a file that holds several pictures of the same size; `None` for one picture.
    pub page: Option<Chosen>,
}

/// Diameters between which the visible edge of a primer lies, micrometres: the flat face of a small
/// one is at least 0.76 of 4450, the cup of a large one has 5330.
const PRIMER_UM: (f64, f64) = (3380.0, 5330.0);

/// The warning where data of a file are missing or damaged.
pub const DAMAGED: &str = "damaged_file";

/// Whether a picture is of a kind that no curve was fitted to: a height map, several pictures fused, a damaged file.
pub fn is_uncounted(heights: Option<&Measured>, page: Option<&Chosen>, warnings: &[String]) -> bool {
    heights.is_some() || page.is_some_and(|p| p.page.is_none()) || warnings.iter().any(|w| w == DAMAGED)
}

impl Photo {
    /// Drops a scale from the file by which the primer would be less than half or more than twice
    /// as large as primers are, with the warning `implausible_scale`. The user's own scale stays, and that of an instrument
    /// that measured it.
    pub fn check_scale(&mut self, primer: Option<&Ellipse>) {
        let (Some(scale), Some(primer)) = (&self.scale, primer) else { return };
        let diameter = 2.0 * (primer.rx * primer.ry).sqrt() * scale.um_per_px;
        let credible = PRIMER_UM.0 / 2.0..=PRIMER_UM.1 * 2.0;
        if !credible.contains(&diameter) {
            self.warnings.push("implausible_scale".into());
            if !["flag", "x3p"].contains(&scale.from.as_str()) {
                self.scale = None;
            }
        }
    }
}

/// File formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Portable Network Graphics, 1-16 bit.
    Png,
    /// JPEG, 8 bit.
    Jpeg,
    /// TIFF and BigTIFF, 1-16 bit.
    Tiff,
    /// Windows bitmap, 1-8 bit a channel.
    Bmp,
    /// Height map of ISO 25178-72.
    X3p,
}

impl Kind {
    /// Bytes from a file's start that [`Kind::of`] wants to see.
    pub const START: usize = 64;

    /// The format of a file that begins with `start`, or `None`.
    pub fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Self::Tiff),
            // Two letters alone would take a text that begins with "BM" for a bitmap: the size of
            // the header that follows is one of a few.
            [b'B', b'M', ..]
                if start.len() > 18
                    && start[15..18] == [0, 0, 0]
                    && [12, 40, 52, 56, 64, 108, 124].contains(&start[14]) =>
            {
                Some(Self::Bmp)
            }
            _ => heights::is_x3p(start).then_some(Self::X3p),
        }
    }
}

/// What a decoder makes of a file.
struct Raster {
    pixels: Pixels,
    /// Scales that the file states, the most trustworthy first.
    scales: Vec<Scale>,
    /// Words for the photograph's warnings.
    warnings: Vec<String>,
    /// What a height map states of itself.
    heights: Option<Measured>,
    /// What was taken of several pictures.
    page: Option<Chosen>,
}

impl Raster {
    /// What a photograph's file gives.
    fn new(pixels: Pixels, scales: Vec<Scale>, warnings: Vec<String>) -> Self {
        Self { pixels: grey::fill_range(pixels), scales, warnings, heights: None, page: None }
    }
}

/// The relief of an X3P.
fn relief(bytes: &[u8], settings: &PhotoSettings) -> Result<Raster, Failure> {
    let map = heights::load(bytes, settings)?;
    Ok(Raster {
        pixels: map.pixels,
        scales: vec![Scale { um_per_px: map.um_per_px, from: "x3p".into() }],
        warnings: if map.left_out { vec![NO_IMPRESSION_MEASURED.into()] } else { Vec::new() },
        heights: Some(map.measured),
        page: None,
    })
}

/// Warning: the place of the impression was left out of a height map.
pub const NO_IMPRESSION_MEASURED: &str = "no_impression_measured";

/// Lower-case hex SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// What the user says of the photographs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Asked {
    /// Micrometres per pixel, where the files are not to be believed.
    pub um_per_px: Option<f64>,
    /// What to read of files that hold several pictures.
    pub page: Option<Page>,
}

/// Decodes a photograph's file, whose hash is `sha256`.
///
/// The user's scale goes before what the file states. A
/// stated scale outside the settings' range is refused with the warning
/// `implausible_scale`; an unknown one stays `None`.
///
/// # Errors
/// A [`Failure`] of stage `load` for a file that is empty, no picture, broken,
/// truncated, of a kind that is not read, larger than the settings allow, or that holds several pictures
/// of the same size where no page was asked for.
pub fn load(
    id: &str,
    sha256: &str,
    mut bytes: Vec<u8>,
    asked: &Asked,
    settings: &PhotoSettings,
) -> Result<Photo, Failure> {
    if bytes.is_empty() {
        return Err(Failure::new("load", "the file is empty", COPY_AGAIN));
    }
    // The name of a zip's first file may say nothing, where main.xml stands behind it.
    let kind = Kind::of(&bytes).or_else(|| heights::holds_heights(&bytes).then_some(Kind::X3p));
    let raster = match kind {
        Some(Kind::Png) => png::decode(&bytes, settings),
        Some(Kind::Jpeg) => jpeg::decode(&bytes, settings),
        Some(Kind::Tiff) => tiff::decode(&mut bytes, asked.page, settings),
        Some(Kind::Bmp) => bmp::decode(&bytes, settings),
        Some(Kind::X3p) => relief(&bytes, settings),
        None => Err(Failure::new(
            "load",
            format!("the content is {}, not PNG, JPEG, TIFF, BMP or X3P", foreign(&bytes)),
            "save the picture as PNG or TIFF with the program that made it",
        )),
    }?;
    if let Some(Page::Number(n)) = asked.page.filter(|_| raster.page.is_none())
        && n > 1
    {
        return Err(stack::no_such(n, 1));
    }
    let mut warnings = raster.warnings;
    let scale = match asked.um_per_px {
        Some(um_per_px) => Some(Scale { um_per_px, from: "flag".into() }),
        None => scale::choose(raster.scales, settings, &mut warnings),
    };
    Ok(Photo {
        id: id.into(),
        pixels: raster.pixels,
        scale,
        sha256: sha256.into(),
        warnings,
        heights: raster.heights,
        page: raster.page,
    })
}

pub(super) const COPY_AGAIN: &str = "copy the file again from the original medium";

/// A file that its decoder gave up.
fn broken(kind: &str, error: impl std::fmt::Display) -> Failure {
    Failure::new("load", format!("broken or truncated {kind}: {error}"), COPY_AGAIN)
}

/// A file that is whole but of a kind that is not read.
fn unsupported(kind: &str, what: impl std::fmt::Display) -> Failure {
    Failure::new(
        "load",
        format!("{kind} with {what} is not read"),
        "save it as PNG or as TIFF, 8 or 16 bit, grey or RGB",
    )
}

/// Refuses a claimed size before anything of that size is allocated.
fn room(width: u64, height: u64, settings: &PhotoSettings) -> Result<(), Failure> {
    if width == 0 || height == 0 {
        return Err(Failure::new("load", format!("the picture is {width} x {height} pixels"), COPY_AGAIN));
    }
    let megapixels = width as f64 * height as f64 / 1e6;
    if megapixels > settings.max_megapixels {
        return Err(Failure::new(
            "load",
            format!(
                "the file claims {width} x {height} pixels, more than {} megapixels",
                settings.max_megapixels
            ),
            "crop the picture, or raise photo.max_megapixels in --config if it is genuine",
        ));
    }
    Ok(())
}

/// Unpacked size from which its ratio to the file's counts, bytes: what is smaller does no harm, and a
/// black picture of a test card is packed as well as a bomb.
const RATIO_FROM: f64 = 16e6;

/// Refuses a picture of `unpacked` bytes from a file of `packed` before anything of that size is allocated.
pub(super) fn ratio(unpacked: f64, packed: usize, settings: &PhotoSettings) -> Result<(), Failure> {
    let ratio = unpacked / packed as f64;
    if unpacked >= RATIO_FROM && ratio > settings.max_ratio {
        return Err(Failure::new(
            "load",
            format!("the file unpacks to {ratio:.0} times its size, more than {}", settings.max_ratio),
            "look at it with another program, or raise photo.max_ratio in --config if it is genuine",
        ));
    }
    Ok(())
}

/// What a file that is not read looks like, for the message.
fn foreign(bytes: &[u8]) -> &'static str {
    let known: [(usize, &[u8], &str); 8] = [
        (4, b"ftyphei", "HEIC"),
        (4, b"ftypmif1", "HEIF"),
        (4, b"ftypavif", "AVIF"),
        (8, b"WEBP", "WebP"),
        (0, b"GIF8", "GIF"),
        (0, b"%PDF", "PDF"),
        (0, b"PK\x03\x04", "a zip archive"),
        (0, b"\xd0\xcf\x11\xe0", "an Office document"),
    ];
    known
        .iter()
        .find(|(at, magic, _)| bytes.get(*at..at + magic.len()) == Some(*magic))
        .map_or("unknown", |(_, _, name)| name)
}

#[cfg(test)]
impl Photo {
    /// A photograph of which nothing is known but its pixels.
    pub(crate) fn of(pixels: Pixels) -> Self {
        Self {
            id: String::new(),
            pixels,
            scale: None,
            sha256: String::new(),
            warnings: Vec::new(),
            heights: None,
            page: None,
        }
    }
}

#[cfg(test)]
mod tests;
