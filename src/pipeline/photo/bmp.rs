//! Windows bitmaps.

use super::{Pixels, Raster, broken, grey, ratio, room, scale, unsupported};
use crate::error::Failure;
use crate::settings::PhotoSettings;
use image::codecs::bmp::BmpDecoder;
use image::{ColorType, ImageDecoder};
use ndarray::Array2;
use std::io::Cursor;

pub fn decode(bytes: &[u8], settings: &PhotoSettings) -> Result<Raster, Failure> {
    let bad = |e: image::ImageError| broken("BMP", e);
    let decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(bad)?;
    let (width, height) = decoder.dimensions();
    room(width.into(), height.into(), settings)?;
    let channels = match decoder.color_type() {
        ColorType::L8 => 1,
        ColorType::Rgb8 => 3,
        ColorType::Rgba8 => 4,
        other => return Err(unsupported("BMP", format!("{other:?} pixels"))),
    };
    let (w, h) = (width as usize, height as usize);
    ratio((w * h * channels) as f64, bytes.len(), settings)?;
    let mut samples = vec![0; w * h * channels];
    decoder.read_image(&mut samples).map_err(bad)?;
    let mut grey = Array2::zeros((h, w));
    grey::fold(&samples, channels, grey.as_slice_mut().unwrap_or_default());
    // BITMAPINFOHEADER and later: pixels per metre at bytes 38 and 42, signed.
    let per_metre = |at: usize| {
        bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0.0, |b| i32::from_le_bytes(b).into())
    };
    let has_density = bytes.get(14).is_some_and(|&size| size >= 40);
    let stated =
        if has_density { scale::from_density("bmp", per_metre(38), per_metre(42), 1e6) } else { None };
    Ok(Raster::new(Pixels::Eight(grey), stated.into_iter().collect(), Vec::new()))
}
