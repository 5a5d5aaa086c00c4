//! PNG, row by row.

use super::grey::Sample;
use super::{Pixels, Raster, Scale, broken, grey, ratio, room, scale};
use crate::error::Failure;
use crate::settings::PhotoSettings;
use ndarray::Array2;
use png::{BitDepth, Decoder, Reader, Transformations, Unit};
use std::io::Cursor;

fn bad(error: png::DecodingError) -> Failure {
    broken("PNG", error)
}

pub fn decode(bytes: &[u8], settings: &PhotoSettings) -> Result<Raster, Failure> {
    let mut decoder = Decoder::new(Cursor::new(bytes));
    // Palettes become RGB, 1-4 bits become 8.
    decoder.set_transformations(Transformations::EXPAND);
    // Compressed text and colour profiles are not needed, and may be bombs.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let header = decoder.read_header_info().map_err(bad)?;
    let (width, height) = (header.width, header.height);
    room(width.into(), height.into(), settings)?;
    let packed_row =
        header.color_type.samples() as f64 * f64::from(width) * f64::from(header.bit_depth as u8) / 8.0;
    ratio(packed_row * f64::from(height), bytes.len(), settings)?;
    let mut reader = decoder.read_info().map_err(bad)?;
    let (colour, depth) = reader.output_color_type();
    let channels = colour.samples();
    let (w, h) = (width as usize, height as usize);

    let pixels = match depth {
        BitDepth::Sixteen => {
            let mut samples = Vec::new();
            Pixels::Sixteen(rows(&mut reader, (h, w), |row, out| {
                grey::words(row, u16::from_be_bytes, &mut samples);
                grey::fold(&samples, channels, out);
            })?)
        }
        _ => Pixels::Eight(rows(&mut reader, (h, w), |row, out| grey::fold(row, channels, out))?),
    };
    let mut scales: Vec<Scale> = Vec::new();
    if let Some(d) = reader.info().pixel_dims
        && d.unit == Unit::Meter
    {
        scales.extend(scale::from_density("png", d.xppu.into(), d.yppu.into(), 1e6));
    }
    Ok(Raster::new(pixels, scales, Vec::new()))
}

/// Folds every row as it is unpacked.
fn rows<T: Sample>(
    reader: &mut Reader<Cursor<&[u8]>>,
    (h, w): (usize, usize),
    mut fold: impl FnMut(&[u8], &mut [T]),
) -> Result<Array2<T>, Failure> {
    let mut grey = Array2::from_elem((h, w), T::default());
    let out = grey.as_slice_mut().unwrap_or_default();
    if reader.info().interlaced {
        // Adam7 stores seven coarse pictures: only the whole can be folded.
        let mut all = vec![0; reader.output_buffer_size().ok_or_else(|| broken("PNG", "impossible size"))?];
        reader.next_frame(&mut all).map_err(bad)?;
        fold(&all, out);
    } else {
        for out in out.chunks_exact_mut(w) {
            let row = reader.next_row().map_err(bad)?.ok_or_else(|| broken("PNG", "rows are missing"))?;
            fold(row.data(), out);
        }
    }
    // To the end marker: a file that stops before it is not whole.
    reader.finish().map_err(bad)?;
    Ok(grey)
}
