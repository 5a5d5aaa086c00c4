//! One photograph to its pictures in a report. The copies are scaled for a screen, nothing is drawn
//! on them, and what was done to their grey values is noted beside them.

use super::overlay::frame;
use crate::batch::Record;
use crate::error::Fatal;
use crate::pipeline::engine::learned::strokes;
use crate::pipeline::geometry::Pose;
use crate::pipeline::mark::{TILE_PX, TILE_SPAN};
use crate::pipeline::net::Networks;
use crate::pipeline::photo::{Photo, Pixels};
use crate::pipeline::tile::{area_average, sample};
use image::codecs::jpeg::JpegEncoder;
use image::{GrayImage, Luma};
use ndarray::Array2;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// Longest side of a copy, pixels: sharp on the widest of usual screens, some 200 kB as JPEG.
const SCREEN_PX: f64 = 1600.0;
/// Half the side of the enlarged impression in semi-axes of its rim: the flow-back ring is in it.
const CLOSE_SPAN: f64 = 1.3;
/// Half the side of the straightened impression in floor radii: the rim is in it.
pub const MARK_SPAN: f64 = 1.3;
/// Smallest and largest side of the straightened impression, pixels: a cell then has some 30 to 100.
const MARK_PX: (f64, f64) = (320.0, 800.0);
/// Side of a picture in a table, pixels; twice that of its place, for fine screens.
const SMALL_PX: usize = 128;
/// JPEG quality of photographs: at 88 of 100 the strokes of a mark keep their edges.
const QUALITY: u8 = 88;
/// JPEG quality of pictures in tables.
const SMALL_QUALITY: u8 = 75;
/// Shares of the pixels that a stretch lets go black and white: hot pixels and specular spots.
const CUT: (f64, f64) = (0.001, 0.999);

/// A stretch: grey values of the file that are shown as black and as white, and the file's largest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Shown as black.
    pub black: u32,
    /// Shown as white.
    pub white: u32,
    /// Largest value that the file's bits hold.
    pub most: u32,
}

/// A rectangle of the photograph, in its pixels: left and upper edge, width, height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Left edge; the first pixel reaches from -0.5 to 0.5.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width, pixels.
    pub width: f64,
    /// Height, pixels.
    pub height: f64,
}

/// Which pictures of a photograph were made, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Pictures {
    /// Width and height of the photograph, pixels.
    pub size: (usize, usize),
    /// Photograph pixels to a pixel of the whole copy, at least 1.
    pub step: f64,
    /// What the whole copy covers.
    pub whole: Area,
    /// Of a photograph of 16 bits.
    pub stretch: Option<Stretch>,
    /// What the enlarged impression covers, where the whole copy is coarser than the photograph.
    pub close: Option<Area>,
    /// The straightened impression: side in pixels, stretch.
    pub mark: Option<(usize, Stretch)>,
    /// Whether there is an ink map.
    pub ink: bool,
    /// Whether there is a height map under a lamp.
    pub lit: bool,
}

/// What to make beside the plain copies.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'n> {
    /// The straightened impression and the small picture; not for a blind reading, whose examiner
    /// is to turn the impression himself.
    pub straightened: bool,
    /// The networks for the ink map, where they are those that read.
    pub networks: Option<&'n Networks>,
    /// A height map under a lamp, of the size of what was read.
    pub lit: Option<&'n Pixels>,
}

/// Makes the pictures `FILE.jpg` (whole), `FILE-close.jpg`, `FILE-mark.jpg`, `FILE-ink.png`, `FILE-lit.jpg`,
/// `FILE-lit-mark.jpg` and `FILE-small.jpg` in `folder`.
///
/// # Errors
/// [`Fatal`] where a picture cannot be written.
pub fn make(
    photo: &Photo,
    record: &Record,
    wanted: Wanted<'_>,
    folder: &Path,
    file: &str,
) -> Result<Pictures, Fatal> {
    let pixels = &photo.pixels;
    let (height, width) = pixels.dim();
    let name = |end: &str| folder.join(format!("{file}{end}"));
    let stretch = sixteen_bits(pixels);
    let step = (width.max(height) as f64 / SCREEN_PX).max(1.0);
    let (whole, grey) = copy(pixels, (0.0, 0.0, width as f64, height as f64), step);
    jpeg(&shown(&grey, stretch), QUALITY, &name(".jpg"))?;

    let mut close = None;
    if let (true, Some(rim)) = (step > 1.0, record.impression) {
        let half = CLOSE_SPAN * rim.major();
        let inside = |low: f64, side: usize| {
            let side = side as f64;
            (low.floor().clamp(0.0, side - 1.0), (low + 2.0 * half).ceil().clamp(1.0, side))
        };
        let (x, right) = inside(rim.cx - half, width);
        let (y, bottom) = inside(rim.cy - half, height);
        let fine = ((right - x).max(bottom - y) / SCREEN_PX).max(1.0);
        let (area, grey) = copy(pixels, (x, y, right - x, bottom - y), fine);
        jpeg(&shown(&grey, stretch), QUALITY, &name("-close.jpg"))?;
        close = Some(area);
    }

    let mut pictures =
        Pictures { size: (width, height), step, whole, stretch, close, mark: None, ink: false, lit: false };
    if let Some(lit) = wanted.lit {
        let (_, grey) = copy(lit, (0.0, 0.0, width as f64, height as f64), step);
        jpeg(&shown(&grey, None), QUALITY, &name("-lit.jpg"))?;
        if let Some(pose) = frame(record) {
            let grey = sample(lit, &pose, MARK_SPAN, straightened_side(&pose));
            jpeg(&shown(&grey, None), QUALITY, &name("-lit-mark.jpg"))?;
        }
        pictures.lit = true;
    }
    if wanted.straightened {
        match frame(record) {
            Some(pose) => {
                let (picture, side, stretch) = straightened(pixels, &pose);
                jpeg(&picture, QUALITY, &name("-mark.jpg"))?;
                jpeg(&smaller(&picture), SMALL_QUALITY, &name("-small.jpg"))?;
                pictures.mark = Some((side, stretch));
                if let (Some(networks), false) = (wanted.networks, record.positions.is_empty()) {
                    let tile = sample(pixels, &pose, TILE_SPAN, TILE_PX);
                    if let Some(ink) = strokes(networks, &tile) {
                        save(&shown(&ink, None), &name("-ink.png"))?;
                        pictures.ink = true;
                    }
                }
            }
            None => jpeg(&smaller(&shown(&grey, stretch)), SMALL_QUALITY, &name("-small.jpg"))?,
        }
    }
    Ok(pictures)
}

/// A part of the photograph (left and upper pixel, width, height), each pixel the mean of `step` x `step`.
fn copy(pixels: &Pixels, (x, y, width, height): (f64, f64, f64, f64), step: f64) -> (Area, Array2<f32>) {
    let (rows, columns) = ((height / step).ceil() as usize, (width / step).ceil() as usize);
    let grey = area_average(pixels, x, y, step, (rows, columns));
    let area = Area { x: x - 0.5, y: y - 0.5, width: columns as f64 * step, height: rows as f64 * step };
    (area, grey)
}

/// Side of the straightened impression, pixels: as fine as the photograph.
fn straightened_side(pose: &Pose) -> usize {
    (2.0 * MARK_SPAN * pose.radius).clamp(MARK_PX.0, MARK_PX.1).round() as usize
}

/// The impression in the frame of the mark, its own grey values stretched: floors are dark.
fn straightened(pixels: &Pixels, pose: &Pose) -> (GrayImage, usize, Stretch) {
    let side = straightened_side(pose);
    let grey = sample(pixels, pose, MARK_SPAN, side);
    let mut values: Vec<f32> = grey.iter().copied().collect();
    let most = match pixels {
        Pixels::Eight(_) => 255.0,
        Pixels::Sixteen(_) => 65535.0,
    };
    let mut at = |share: f64| {
        let rank = (share * (values.len() - 1) as f64) as usize;
        (f64::from(*values.select_nth_unstable_by(rank, f32::total_cmp).1) * most).round() as u32
    };
    let black = at(CUT.0);
    let stretch = Stretch { black, white: at(CUT.1).max(black + 1), most: most as u32 };
    (shown(&grey, Some(stretch)), side, stretch)
}

/// The stretch of 16 bits to the 8 of a screen; none for 8 bits, which are shown as they are.
fn sixteen_bits(pixels: &Pixels) -> Option<Stretch> {
    let Pixels::Sixteen(values) = pixels else { return None };
    let mut counts = vec![0usize; 1 << 16];
    values.iter().for_each(|v| counts[usize::from(*v)] += 1);
    let at = |share: f64| {
        let wanted = share * (values.len() - 1) as f64;
        let mut below = 0.0;
        counts.iter().position(|n| {
            below += *n as f64;
            below > wanted
        })
    };
    let (black, white) = (at(CUT.0).unwrap_or(0) as u32, at(CUT.1).unwrap_or(65535) as u32);
    Some(Stretch { black, white: white.max(black + 1), most: 65535 })
}

/// Grey 0-1 as a picture.
fn shown(grey: &Array2<f32>, stretch: Option<Stretch>) -> GrayImage {
    let (low, high) =
        stretch.map_or((0.0, 1.0), |s| (s.black as f32 / s.most as f32, s.white as f32 / s.most as f32));
    let (h, w) = grey.dim();
    GrayImage::from_fn(w as u32, h as u32, |x, y| {
        let value = (grey[[y as usize, x as usize]] - low) / (high - low);
        Luma([(value.clamp(0.0, 1.0) * 255.0).round() as u8])
    })
}

/// The middle square of a picture, for a table.
fn smaller(picture: &GrayImage) -> GrayImage {
    let (w, h) = picture.dimensions();
    let side = w.min(h);
    let square = image::imageops::crop_imm(picture, (w - side) / 2, (h - side) / 2, side, side).to_image();
    let to = (SMALL_PX as u32).min(side);
    image::imageops::thumbnail(&square, to, to)
}

fn jpeg(picture: &GrayImage, quality: u8, path: &Path) -> Result<(), Fatal> {
    let file = File::create(path).map_err(|e| unwritable(path, &e))?;
    JpegEncoder::new_with_quality(BufWriter::new(file), quality)
        .encode_image(picture)
        .map_err(|e| unwritable(path, &e))
}

fn save(picture: &GrayImage, path: &Path) -> Result<(), Fatal> {
    picture.save(path).map_err(|e| unwritable(path, &e))
}

/// A file of the report that cannot be written.
pub fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Fatal {
    Fatal::new(
        format!("cannot write {}: {error}", path.display()),
        "-o with a folder on a disk that has room",
    )
}
