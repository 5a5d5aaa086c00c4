//! JPEG: the decoder's luma plane is the grey picture.

use super::{DAMAGED, Pixels, Raster, Scale, broken, grey, ratio, room, scale, unsupported};
use crate::error::Failure;
use crate::settings::PhotoSettings;
use ndarray::Array2;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

pub fn decode(bytes: &[u8], settings: &PhotoSettings) -> Result<Raster, Failure> {
    let outline = outline(bytes).ok_or_else(|| broken("JPEG", "no picture in it"))?;
    room(outline.width.into(), outline.height.into(), settings)?;
    // One byte a pixel, of however many channels: their colours are packed far better than their light.
    ratio(f64::from(outline.width) * f64::from(outline.height), bytes.len(), settings)?;
    if outline.end.is_none() {
        // The decoder would paint the missing part grey.
        return Err(broken("JPEG", "the end of the picture is missing"));
    }
    let (pixels, warnings) = match whole(bytes, &outline) {
        Some(pixels) => (pixels, Vec::new()),
        None => (picture(bytes, &outline, false)?, vec![DAMAGED.into()]),
    };
    Ok(Raster::new(pixels, outline.scale.into_iter().collect(), warnings))
}

/// The picture of a stream that can be read without gaps. Not strict, the decoder paints grey what it cannot read; strict, it
/// also refuses what is odd but whole.
fn whole(bytes: &[u8], outline: &Outline) -> Option<Pixels> {
    let data = &bytes[..outline.end?];
    let strict = picture(bytes, outline, true).ok()?;
    (!outline.strays && !misses_data(data, outline, &strict)).then_some(strict)
}

/// Whether a stream of a TIFF is damaged; `tables` are those that stand once for all of its streams, if they do.
pub fn is_damaged(stream: &[u8], tables: Option<&[u8]>) -> bool {
    // The tables are a stream too: its end gives way to what follows the beginning of this one.
    let joined = tables.and_then(|t| Some([t.strip_suffix(&[0xff, 0xd9])?, stream.get(2..)?].concat()));
    let stream = joined.as_deref().unwrap_or(stream);
    outline(stream).and_then(|outline| whole(stream, &outline)).is_none()
}

/// Whether a picture's `data`, less its end marker, end before the picture does, which the decoder passes over: then it shows
/// something else where other data follow.
fn misses_data(data: &[u8], outline: &Outline, pixels: &Pixels) -> bool {
    // The decoder goes on with zeros, which are a code in every table: other short codes, then what has no pattern, and no
    // marker.
    let more = (0u32..64).map(|i| if i < 16 { 0x55 } else { (i * i * 41 + i * 73 + 19) as u8 % 0xfb });
    let longer: Vec<u8> = data.iter().copied().chain(more).chain([0xff, 0xd9]).collect();
    !picture(&longer, outline, false).is_ok_and(|other| other == *pixels)
}

fn picture(bytes: &[u8], outline: &Outline, strict: bool) -> Result<Pixels, Failure> {
    let bad = |e: zune_jpeg::errors::DecodeErrors| broken("JPEG", e);
    let options =
        DecoderOptions::default().set_max_width(65_535).set_max_height(65_535).set_strict_mode(strict);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(bad)?;
    // The limits were held against the outline: what the decoder takes for the size must be that.
    let size = decoder.info().map(|info| (info.width, info.height));
    if size != Some((outline.width, outline.height)) {
        return Err(broken("JPEG", "two sizes are stated"));
    }
    let (target, channels) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma | ColorSpace::YCbCr) => (ColorSpace::Luma, 1),
        Some(ColorSpace::RGB | ColorSpace::CMYK | ColorSpace::YCCK) => (ColorSpace::RGB, 3),
        other => return Err(unsupported("JPEG", format!("colours {other:?}"))),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(target));
    let samples = decoder.decode().map_err(bad)?;
    let info = decoder.info().ok_or_else(|| broken("JPEG", "no header"))?;
    let (w, h) = (usize::from(info.width), usize::from(info.height));
    let missing = |_| broken("JPEG", "rows are missing");
    let pixels = if channels == 1 {
        Array2::from_shape_vec((h, w), samples).map_err(missing)?
    } else {
        let mut grey = Array2::zeros((h, w));
        grey::rgb(&samples, channels, grey.as_slice_mut().unwrap_or_default());
        grey
    };
    Ok(Pixels::Eight(pixels))
}

/// What the markers of a JPEG stream say about it.
pub struct Outline {
    pub width: u16,
    pub height: u16,
    /// Where its end marker stands; `None` where there is none.
    pub end: Option<usize>,
    /// Whether a restart marker stands where none was announced.
    pub strays: bool,
    /// What the JFIF header states.
    pub scale: Option<Scale>,
}

/// Walks the markers (ITU-T T.81, annex B); `None` where no frame begins.
pub fn outline(bytes: &[u8]) -> Option<Outline> {
    let mut size = None;
    let mut end = None;
    let (mut restarts, mut announced) = (false, false);
    let mut stated = None;
    let mut at = 2;
    while at + 1 < bytes.len() {
        if bytes[at] != 0xff {
            at += 1; // entropy-coded data
            continue;
        }
        let marker = bytes[at + 1];
        match marker {
            // A stuffed zero, fill bytes, restart markers: part of the data.
            0x00 | 0xd8 => at += 2,
            0xd0..=0xd7 => {
                restarts = true;
                at += 2;
            }
            0xff => at += 1,
            0xd9 => {
                end = Some(at);
                break;
            }
            _ => {
                let word = |i: usize| Some(u16::from_be_bytes([*bytes.get(i)?, *bytes.get(i + 1)?]));
                let length = word(at + 2)?;
                announced |= marker == 0xdd && word(at + 4)? > 0;
                let frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
                if frame && size.is_none() {
                    size = Some((word(at + 7)?, word(at + 5)?));
                }
                if marker == 0xe0 && bytes.get(at + 4..at + 9) == Some(b"JFIF\0") {
                    // 1 = dots an inch, 2 = dots a centimetre, 0 = only the pixels' shape.
                    let um_per_unit = match bytes.get(at + 11)? {
                        1 => 25_400.0,
                        2 => 10_000.0,
                        _ => 0.0,
                    };
                    let (x, y) = (word(at + 12)?.into(), word(at + 14)?.into());
                    stated = scale::from_density("jpeg", x, y, um_per_unit);
                }
                at += 2 + usize::from(length);
            }
        }
    }
    size.map(|(width, height)| Outline { width, height, end, strays: restarts && !announced, scale: stated })
}
