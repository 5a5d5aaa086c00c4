//! PNG, row by row.

use super::{Pixels, Raster, Scale, broken, grey, room, scale};
use crate::error::Failure;
use crate::settings::PhotoSettings;
use ndarray::Array2;
use png::{BitDepth, Decoder, Transformations, Unit};
use std::io::Cursor;

pub fn decode(bytes: &[u8], settings: &PhotoSettings) -> Result<Raster, Failure> {
    let bad = |e: png::DecodingError| broken("PNG", e);
    let mut decoder = Decoder::new(Cursor::new(bytes));
    // Palettes become RGB, 1-4 bits become 8.
    decoder.set_transformations(Transformations::EXPAND);
    // Compressed text and colour profiles are not needed, and may be bombs.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let header = decoder.read_header_info().map_err(bad)?;
    let (width, height) = (header.width, header.height);
    room(width.into(), height.into(), settings)?;
    let mut reader = decoder.read_info().map_err(bad)?;
    let (colour, depth) = reader.output_color_type();
    let channels = colour.samples();
    let (w, h) = (width as usize, height as usize);

    let mut eight = Vec::new();
    let mut sixteen = Vec::new();
    let mut fold = |row: &[u8]| match depth {
        BitDepth::Sixteen => grey::fold16(row, channels, u16::from_be_bytes, &mut sixteen),
        _ => grey::fold8(row, channels, &mut eight),
    };
    if reader.info().interlaced {
        // Adam7 stores seven coarse pictures: only the whole can be folded.
        let mut all = vec![0; reader.output_buffer_size().ok_or_else(|| broken("PNG", "impossible size"))?];
        reader.next_frame(&mut all).map_err(bad)?;
        fold(&all);
    } else {
        while let Some(row) = reader.next_row().map_err(bad)? {
            fold(row.data());
        }
    }
    // To the end marker: a file that stops before it is not whole.
    reader.finish().map_err(bad)?;
    let short = |_| broken("PNG", "rows are missing");
    let pixels = match depth {
        BitDepth::Sixteen => Pixels::Sixteen(Array2::from_shape_vec((h, w), sixteen).map_err(short)?),
        _ => Pixels::Eight(Array2::from_shape_vec((h, w), eight).map_err(short)?),
    };
    let mut scales: Vec<Scale> = Vec::new();
    if let Some(d) = reader.info().pixel_dims
        && d.unit == Unit::Meter
    {
        scales.extend(scale::from_density("png", d.xppu.into(), d.yppu.into(), 1e6));
    }
    Ok(Raster { pixels, scales, warnings: Vec::new() })
}
