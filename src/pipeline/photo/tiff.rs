//! TIFF and BigTIFF: strips or tiles, one at a time.

use super::grey::Sample;
use super::stack::{self, Chosen, Fused, Page};
use super::{
    COPY_AGAIN, DAMAGED, Pixels, Raster, Scale, broken, directory, grey, jpeg, ratio, room, scale,
    unsupported,
};
use crate::error::Failure;
use crate::settings::PhotoSettings;
use ndarray::{Array2, s};
use std::cell::Cell;
use std::io::Cursor;
use tiff::decoder::ifd::Value;
use tiff::decoder::{ChunkType, Decoder, Limits, TiffCodingUnit};
use tiff::tags::{SampleFormat, Tag};
use tiff::{ColorType, TiffError};

/// More channels than any camera has: alpha, infrared and a few more are dropped.
const MAX_CHANNELS: u16 = 8;
/// Bytes of one tag's value: OME-XML of a large file and the offsets of a million strips fit.
const MAX_TAG_BYTES: usize = 16 << 20;

type Reader<'b> = Decoder<Cursor<&'b [u8]>>;

pub fn decode(bytes: &mut [u8], page: Option<Page>, settings: &PhotoSettings) -> Result<Raster, Failure> {
    directory::count(bytes, settings)?;
    let palette = palette(bytes, settings)?;
    if palette.is_some() {
        // The decoder refuses palettes; as grey it hands the indices over.
        directory::declare_grey(bytes);
    }
    let bytes = &*bytes;
    let mut reader = open(bytes, settings)?;
    let Survey { pages, others, torn } = survey(bytes, page, settings)?;
    let mut warnings = if others || torn.is_some() { vec!["several_images".into()] } else { Vec::new() };
    if let Some(error) = torn.filter(|_| pages.len() > 1) {
        return Err(bad(error));
    }
    if let Some(Page::Number(n)) = page.filter(|_| others)
        && n > pages.len()
    {
        return Err(stack::no_such_of_size(n, pages.len()));
    }
    reader.seek_to_image(pages[0]).map_err(bad)?;
    let scales = scales(&mut reader);
    // The palette is that of the first directory.
    let palette = |directory: usize| palette.as_deref().filter(|_| directory == 0);
    let damaged = Cell::new(false);
    let mut take = |page: usize| {
        let (pixels, is_damaged) = picture(&mut reader, pages[page], bytes, palette(pages[page]), settings)?;
        damaged.set(damaged.get() | is_damaged);
        Ok::<_, Failure>(pixels)
    };
    if pages.len() == 1 {
        let pixels = take(0)?;
        warnings.extend(damaged.get().then(|| DAMAGED.into()));
        return Ok(Raster::new(pixels, scales, warnings));
    }
    let of = pages.len();
    let asked = page.ok_or_else(|| stack::undecided(of))?;
    let (planes, is_deep) = {
        let mut first = open(bytes, settings)?;
        first.seek_to_image(pages[0]).map_err(bad)?;
        let (samples, bits) = first.colortype().map_or((1, 0), |c| (c.num_samples(), c.bit_depth()));
        let description = first.get_tag_ascii_string(Tag::ImageDescription).unwrap_or_default();
        let planes = match asked {
            Page::Number(n) => vec![n.clamp(1, of) - 1],
            Page::Sharpest | Page::Fuse => stack::planes(&description, of, samples.into())?,
        };
        (planes, bits == 16)
    };
    // Planes are compared by their contrast: of a camera of fewer bits than 16 all fill the range by the same shift.
    let mut empty = if is_deep && !matches!(asked, Page::Number(_)) { u16::BITS } else { 0 };
    for plane in &planes {
        if empty == 0 {
            break;
        }
        empty = empty.min(grey::empty_bits(&take(*plane)?));
    }
    let mut take = |page: usize| take(page).map(|pixels| grey::shifted(pixels, empty));
    let (pixels, page, planes) = match asked {
        Page::Number(n) if n > of => return Err(stack::no_such(n, of)),
        Page::Number(n) => (take(n - 1)?, Some(n), 1),
        Page::Sharpest => {
            let (mut best, mut most) = (planes[0], f64::MIN);
            for plane in &planes {
                let focus = stack::focus(&take(*plane)?);
                if focus > most {
                    (best, most) = (*plane, focus);
                }
            }
            (take(best)?, Some(best + 1), planes.len())
        }
        Page::Fuse => {
            let first = take(planes[0])?;
            stack::room(first.dim())?;
            let mut fused = Fused::new(&first);
            drop(first);
            for plane in &planes[1..] {
                fused.add(&take(*plane)?);
            }
            (fused.finish(), None, planes.len())
        }
    };
    warnings.extend(damaged.get().then(|| DAMAGED.into()));
    Ok(Raster { page: Some(Chosen { of, asked, page, planes }), ..Raster::new(pixels, scales, warnings) })
}

/// The pictures of a file.
struct Survey {
    /// Directories of the first picture that is no reduced copy, and of those of the same size: at least one.
    pages: Vec<usize>,
    /// Whether there are pictures of another size besides; larger ones only where a page was asked for.
    others: bool,
    /// Why the chain of directories could not be followed to its end.
    torn: Option<TiffError>,
}

fn survey(bytes: &[u8], asked: Option<Page>, settings: &PhotoSettings) -> Result<Survey, Failure> {
    let mut reader = open(bytes, settings)?;
    let mut survey = Survey { pages: Vec::new(), others: false, torn: None };
    let mut size = None;
    for index in 0.. {
        // Bit 0 of NewSubfileType says that a picture is a reduced copy, bit 2 that it is a mask.
        let kind = reader.find_tag_unsigned::<u32>(Tag::NewSubfileType).ok().flatten().unwrap_or(0);
        if kind & 0b101 != 0 && size.is_none() && matches!(reader.find_tag(Tag::SubIfd), Ok(Some(_))) {
            return Err(Failure::new(
                "load",
                "a camera's own TIFF (raw) whose pictures but a reduced copy lie where they are not read",
                "develop it to PNG or TIFF with the camera's program",
            ));
        }
        // Where all are copies the last one is read.
        if kind & 0b101 == 0 || (size.is_none() && !reader.more_images()) {
            let here = reader.dimensions().map_err(bad)?;
            let first = *size.get_or_insert(here);
            let area = |(w, h): (u32, u32)| u64::from(w) * u64::from(h);
            if first == here {
                survey.pages.push(index);
            } else if area(here) > area(first) && !matches!(asked, Some(Page::Number(_))) {
                return Err(Failure::new(
                    "load",
                    format!(
                        "the file's first picture has {} x {} pixels, and a later one {} x {}",
                        first.0, first.1, here.0, here.1
                    ),
                    "save the picture that is to be read as a file of its own, or --page 1 for the first",
                ));
            } else {
                survey.others = true;
            }
        }
        if !reader.more_images() {
            break;
        }
        if let Err(error) = reader.next_image() {
            if size.is_none() {
                return Err(bad(error));
            }
            survey.torn = Some(error);
            break;
        }
    }
    Ok(survey)
}

/// The picture of directory `index`, as grey, and whether its data are damaged.
fn picture(
    reader: &mut Reader<'_>,
    index: usize,
    bytes: &[u8],
    palette: Option<&[u8]>,
    settings: &PhotoSettings,
) -> Result<(Pixels, bool), Failure> {
    reader.seek_to_image(index).map_err(bad)?;
    let (width, height) = reader.dimensions().map_err(bad)?;
    room(width.into(), height.into(), settings)?;
    if reader.get_chunk_type() == ChunkType::Tile {
        let (w, h) = reader.chunk_dimensions();
        room(w.into(), h.into(), settings)?;
        let planar = reader.find_tag_unsigned::<u16>(Tag::PlanarConfiguration).ok().flatten() == Some(2);
        if planar && (width % w != 0 || height % h != 0) {
            // The decoder takes the lower planes' border tiles for whole ones.
            return Err(unsupported("TIFF", "a plane a channel in tiles that overhang the picture"));
        }
    }
    // The decoder takes the first bit of every byte for the highest whatever the file says.
    if reader.find_tag_unsigned::<u16>(Tag::FillOrder).ok().flatten() == Some(2) {
        return Err(unsupported("TIFF", "bytes whose bits stand in reverse (FillOrder 2)"));
    }
    let channels: u16 = reader.find_tag_unsigned(Tag::SamplesPerPixel).map_err(bad)?.unwrap_or(1);
    if channels > MAX_CHANNELS {
        return Err(unsupported("TIFF", format!("{channels} channels")));
    }
    let damaged = check_embedded_jpegs(bytes, reader)?;
    let colour = reader.colortype().map_err(bad)?;
    let is_rgb = match colour {
        ColorType::Gray(1 | 2 | 4 | 8 | 16) => false,
        ColorType::Multiband { bit_depth: 8 | 16, .. } | ColorType::YCbCr(8) => false,
        ColorType::RGB(8 | 16) | ColorType::RGBA(8 | 16) => true,
        other => return Err(unsupported("TIFF", format!("{other:?} pixels"))),
    };
    check_channels(reader, colour, channels)?;
    if palette.is_some() && colour.bit_depth() > 8 {
        return Err(unsupported("TIFF", "a palette of more than 256 colours"));
    }
    let bits = f64::from(colour.bit_depth()) * f64::from(colour.num_samples());
    ratio(f64::from(width) * f64::from(height) * bits / 8.0, bytes.len(), settings)?;
    let layout =
        Layout { size: (height as usize, width as usize), channels: colour.num_samples().into(), is_rgb };
    let mut pixels = match colour.bit_depth() {
        16 => Pixels::Sixteen(chunks(reader, &layout, |row, _, out| {
            grey::words(row, u16::from_ne_bytes, out);
        })?),
        8 => Pixels::Eight(chunks(reader, &layout, |row, _, out| {
            out.clear();
            out.extend_from_slice(row);
        })?),
        bits => {
            // Packed from the most significant bit; grey is stretched to 0-255, an index is not.
            let bits = usize::from(bits);
            let top = (1u16 << bits) - 1;
            let stretch = if palette.is_some() { 1 } else { 255 / top };
            Pixels::Eight(chunks(reader, &layout, |row, columns, out| {
                let sample = |i: usize| u16::from(row[i * bits / 8]) >> (8 - bits - i * bits % 8) & top;
                out.clear();
                out.extend((0..columns).map(|i| (sample(i) * stretch) as u8));
            })?)
        }
    };
    if let (Some(table), Pixels::Eight(indices)) = (palette, &mut pixels) {
        indices.mapv_inplace(|i| table.get(usize::from(i)).copied().unwrap_or_default());
    }
    Ok((pixels, damaged))
}

/// Refuses channels of which nothing says what they are, and those that the decoder mixes up.
fn check_channels(reader: &mut Reader<'_>, colour: ColorType, channels: u16) -> Result<(), Failure> {
    if matches!(colour, ColorType::Multiband { .. }) {
        // Extra samples stand behind those of the picture, whatever they are.
        let extra = reader.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten().unwrap_or_default();
        if extra.len() != 1 || channels != 2 {
            return Err(Failure::new(
                "load",
                format!("{channels} channels in the TIFF, and nothing says which of them is the picture"),
                "save the channel that is to be read as a file of its own",
            ));
        }
    }
    let predictor = reader.find_tag_unsigned::<u16>(Tag::Predictor).ok().flatten().unwrap_or(1);
    if predictor != 1 && channels != colour.num_samples() {
        // The decoder drops the channels that it does not know before it adds up differences across all of them.
        return Err(unsupported("TIFF", format!("{channels} channels stored as differences")));
    }
    Ok(())
}

fn bad(error: tiff::TiffError) -> Failure {
    match error {
        tiff::TiffError::UnsupportedError(what) => unsupported("TIFF", what),
        tiff::TiffError::LimitsExceeded => Failure::new(
            "load",
            "the TIFF asks for more memory than its size allows",
            "save it again with smaller strips or tiles",
        ),
        other => broken("TIFF", other),
    }
}

fn open<'b>(bytes: &'b [u8], settings: &PhotoSettings) -> Result<Reader<'b>, Failure> {
    let mut limits = Limits::default();
    limits.ifd_value_size = MAX_TAG_BYTES;
    // A whole uncompressed photograph may be one strip, and no strip is longer than the file.
    limits.intermediate_buffer_size = (settings.max_file_mb * 1e6) as usize;
    Ok(Decoder::new(Cursor::new(bytes)).map_err(bad)?.with_limits(limits))
}

/// What the samples of a picture mean.
struct Layout {
    /// Rows and columns.
    size: (usize, usize),
    /// Samples a pixel.
    channels: usize,
    /// Whether the first three are red, green and blue; else the first is grey.
    is_rgb: bool,
}

/// Reads every strip or tile into its place. `unpack` makes the samples of a row's bytes, of which
/// a given number is wanted.
fn chunks<T: Sample>(
    reader: &mut Reader<'_>,
    layout: &Layout,
    unpack: impl Fn(&[u8], usize, &mut Vec<T>),
) -> Result<Array2<T>, Failure> {
    let (height, width) = layout.size;
    let mut grey = Array2::from_elem(layout.size, T::default());
    let (chunk_w, chunk_h) = reader.chunk_dimensions();
    // A strip may claim more rows than the picture has.
    let (chunk_w, chunk_h) = (chunk_w as usize, (chunk_h as usize).min(height));
    let across = width.div_ceil(chunk_w);
    let mut buffer = Vec::new();
    let mut samples = [Vec::new(), Vec::new(), Vec::new()];
    for index in 0..across * height.div_ceil(chunk_h) {
        let unit = TiffCodingUnit(index as u32);
        let chunk = reader.image_coding_unit_layout(unit).map_err(bad)?;
        if chunk.sample_format != SampleFormat::Uint {
            return Err(unsupported("TIFF", format!("{:?} samples", chunk.sample_format)));
        }
        let stride = chunk.row_stride.map_or(chunk.len, usize::from);
        let plane = chunk.plane_stride.map_or(chunk.len, usize::from);
        buffer.resize(chunk.complete_len, 0);
        reader.read_coding_unit_bytes(unit, &mut buffer).map_err(bad)?;
        let (top, left) = (index / across * chunk_h, index % across * chunk_w);
        let (rows, columns) = (chunk_h.min(height - top), chunk_w.min(width - left));
        // Planar files hold one channel after the other, others mix them.
        let planar = chunk.planes > 1;
        let channels = if planar { 1 } else { layout.channels };
        let planes = if planar && layout.is_rgb { 3 } else { 1 };
        let mut target = grey.slice_mut(s![top..top + rows, left..left + columns]);
        for (y, mut out) in target.outer_iter_mut().enumerate() {
            let out = out.as_slice_mut().unwrap_or_default();
            for (p, samples) in samples.iter_mut().enumerate().take(planes) {
                let start = p * plane + y * stride;
                unpack(&buffer[start..start + stride], columns * channels, samples);
            }
            match &samples {
                [r, g, b] if planes == 3 => {
                    for (i, out) in out.iter_mut().enumerate() {
                        *out = T::luma(r[i], g[i], b[i]);
                    }
                }
                [mixed, ..] if layout.is_rgb => grey::rgb(mixed, channels, out),
                [mixed, ..] => grey::first(mixed, channels, out),
            }
        }
    }
    Ok(grey)
}

/// Scales that the tags state: OME-XML, ImageJ, resolution.
fn scales(reader: &mut Reader<'_>) -> Vec<Scale> {
    let description = reader.get_tag_ascii_string(Tag::ImageDescription).unwrap_or_default();
    let density = |r: &mut Reader<'_>, tag| match r.find_tag(tag) {
        Ok(Some(Value::Rational(n, d))) => f64::from(n) / f64::from(d),
        _ => 0.0,
    };
    let (x, y) = (density(reader, Tag::XResolution), density(reader, Tag::YResolution));
    // 1 = no unit, 2 = inch (the default), 3 = centimetre.
    let unit = match reader.find_tag_unsigned::<u16>(Tag::ResolutionUnit).ok().flatten() {
        None | Some(2) => Some(25_400.0),
        Some(3) => Some(10_000.0),
        _ => None,
    };
    let ome = description.contains("<OME").then(|| scale::from_ome(&description)).flatten();
    if description.starts_with("ImageJ=") {
        // ImageJ writes the default unit "inch" beside resolutions that count its own unit.
        if let Some(scale) = scale::from_imagej(&description, x, y) {
            return vec![scale];
        }
    }
    let plain = unit.and_then(|unit| scale::from_density("tiff", x, y, unit));
    ome.into_iter().chain(plain).collect()
}

/// Grey values of the palette, where the picture has one.
fn palette(bytes: &[u8], settings: &PhotoSettings) -> Result<Option<Vec<u8>>, Failure> {
    let mut reader = open(bytes, settings)?;
    let is_palette =
        reader.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation).ok().flatten() == Some(3);
    if !is_palette {
        return Ok(None);
    }
    let map = reader.get_tag_u16_vec(Tag::ColorMap).map_err(bad)?;
    let n = map.len() / 3;
    // Meant to be 16 bits; some programs write 8, as libtiff notes.
    let shift = if map.iter().all(|&v| v < 256) { 0 } else { 8 };
    let level = |i: usize| (map[i] >> shift) as u8;
    Ok(Some((0..n).map(|i| u8::luma(level(i), level(n + i), level(2 * n + i))).collect()))
}

/// Refuses JPEG-compressed strips or tiles that claim another size than the TIFF does: their
/// decoder would allocate what they claim. Says whether any of them is damaged: the decoder paints grey what it cannot read.
fn check_embedded_jpegs(bytes: &[u8], reader: &mut Reader<'_>) -> Result<bool, Failure> {
    let mut damaged = false;
    if reader.find_tag_unsigned::<u16>(Tag::Compression).ok().flatten() != Some(7) {
        return Ok(damaged);
    }
    let (offsets, lengths) = match reader.get_chunk_type() {
        ChunkType::Strip => (Tag::StripOffsets, Tag::StripByteCounts),
        ChunkType::Tile => (Tag::TileOffsets, Tag::TileByteCounts),
    };
    let (w, h) = reader.chunk_dimensions();
    let tables = reader.find_tag(Tag::JPEGTables).ok().flatten().and_then(|v| v.into_u8_vec().ok());
    let offsets = reader.get_tag_u64_vec(offsets).map_err(bad)?;
    let lengths = reader.get_tag_u64_vec(lengths).map_err(bad)?;
    for (offset, length) in offsets.into_iter().zip(lengths) {
        let (from, to) = (offset as usize, offset.saturating_add(length) as usize);
        let stream = bytes.get(from..to).ok_or_else(|| broken("TIFF", "a strip lies outside the file"))?;
        let outline = jpeg::outline(stream).ok_or_else(|| broken("TIFF", "a strip holds no JPEG"))?;
        if u32::from(outline.width) > w || u32::from(outline.height) > h {
            return Err(Failure::new(
                "load",
                "a JPEG inside the TIFF claims more than its strip",
                COPY_AGAIN,
            ));
        }
        damaged |= jpeg::is_damaged(stream, tables.as_deref());
    }
    Ok(damaged)
}
