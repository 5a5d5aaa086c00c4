//! A rendered photograph to the bytes of a file: bits, colour, burned-in labels, scale.

use super::camera::{Camera, File, ScaleTag, colour};
use super::scene::{Rendered, Scene};
use super::surface::Window;
use crate::typeface::{Face, Style};
use std::io::Cursor;

/// Dots per inch of screens and printers, which files carry for no reason.
const NONSENSE_DPI: [f32; 4] = [72.0, 96.0, 150.0, 300.0];

/// Samples of the picture, 16 bit a channel, and the number of channels.
fn samples(scene: &Scene, rendered: &Rendered, camera: &Camera) -> (Vec<u16>, usize) {
    let grey = &rendered.grey;
    if !camera.colour {
        return (grey.iter().map(|v| (v * 65535.0 + 0.5) as u16).collect(), 1);
    }
    // The tint of either metal is looked up for 256 levels of grey: smooth enough between them.
    let tables = [&scene.cartridge.case, &scene.cartridge.cup]
        .map(|metal| (0..=256).map(|i| colour(i as f32 / 256.0, metal, camera)).collect::<Vec<_>>());
    let mut out = Vec::with_capacity(grey.len() * 3);
    for (v, cup) in grey.iter().zip(&rendered.surface.cup) {
        let table = &tables[usize::from(*cup)];
        let t = v * 256.0;
        let k = (t as usize).min(255);
        for (low, high) in table[k].iter().zip(&table[k + 1]) {
            let x = low + (high - low) * (t - k as f32);
            out.push((x * 65535.0 + 0.5) as u16);
        }
    }
    (out, 3)
}

/// Burns text and scale bar in, white on the picture.
fn burn(samples: &mut [u16], channels: usize, window: &Window, camera: &Camera) {
    let (w, h) = (window.w, window.h);
    let mut paint = |x: usize, y: usize| {
        if x < w && y < h {
            samples[(y * w + x) * channels..][..channels].fill(u16::MAX);
        }
    };
    let face = Face::parametric(&Style::draw(&mut || 0.5));
    let px = (h as f32 / 55.0).max(9.0);
    let write = |text: &str, left: usize, top: usize, paint: &mut dyn FnMut(usize, usize)| {
        let mut x0 = left;
        for symbol in text.chars() {
            if symbol.is_ascii_alphanumeric() {
                let field = face.distance(symbol.to_ascii_uppercase(), px, 1);
                for ((y, x), d) in field.indexed_iter() {
                    if *d < 0.02 {
                        paint(x0 + x, top + y);
                    }
                }
                x0 += field.dim().1 + 2;
            } else {
                x0 += (px * 0.4) as usize;
            }
        }
    };
    if let Some(label) = &camera.label {
        write(label, w / 60, h / 60, &mut paint);
    }
    if camera.bar {
        let want = 0.18 * w as f32 * window.um_per_px;
        let length =
            [100.0f32, 200.0, 500.0, 1000.0, 2000.0].into_iter().rfind(|l| *l <= want).unwrap_or(100.0);
        let pixels = (length / window.um_per_px) as usize;
        let (left, top) = (w - w / 30 - pixels.min(w / 2), h - h / 25);
        for y in top..(top + (h / 200).max(2)).min(h) {
            for x in left..(left + pixels).min(w) {
                paint(x, y);
            }
        }
        write(&format!("{length} um"), left, top.saturating_sub(px as usize + 8), &mut paint);
    }
}

/// File name ending of a format.
pub fn ending(file: File) -> &'static str {
    match file {
        File::Png => "png",
        File::Jpeg(_) => "jpg",
        File::Tiff => "tif",
        File::Bmp => "bmp",
    }
}

/// The photograph as the bytes of a file.
///
/// # Errors
/// The encoder's message.
pub fn encode(scene: &Scene, rendered: &Rendered, window: &Window) -> Result<Vec<u8>, String> {
    let camera = &scene.camera;
    let (mut data, channels) = samples(scene, rendered, camera);
    if camera.bar || camera.label.is_some() {
        burn(&mut data, channels, window, camera);
    }
    let dots_per_inch = match camera.scale {
        ScaleTag::True => Some(25_400.0 / window.um_per_px),
        ScaleTag::None => None,
        ScaleTag::Nonsense => Some(NONSENSE_DPI[(camera.key % 4) as usize]),
    };
    let (w, h) = (window.w as u32, window.h as u32);
    let mut out = Cursor::new(Vec::with_capacity(data.len()));
    match camera.file {
        File::Png => {
            png(&mut out, &data, channels, w, h, camera.bits, dots_per_inch).map_err(|e| e.to_string())?
        }
        File::Tiff => {
            tiff(&mut out, &data, channels, w, h, camera.bits, dots_per_inch).map_err(|e| e.to_string())?
        }
        File::Jpeg(quality) => {
            let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, quality);
            if let Some(dpi) = dots_per_inch {
                encoder.set_pixel_density(image::codecs::jpeg::PixelDensity::dpi((dpi as u16).max(1)));
            }
            encoder.encode(&eight(&data), w, h, kind(channels)).map_err(|e| e.to_string())?;
        }
        File::Bmp => {
            image::codecs::bmp::BmpEncoder::new(&mut out)
                .encode(&eight(&data), w, h, kind(channels))
                .map_err(|e| e.to_string())?;
        }
    }
    Ok(out.into_inner())
}

/// A focus stack as the bytes of an OME-TIFF, grey, the lowest plane first, `step_um` apart.
///
/// # Errors
/// The encoder's message.
pub fn encode_stack(
    planes: &[Vec<f32>],
    window: &Window,
    bits: u8,
    step_um: f32,
) -> Result<Vec<u8>, tiff::TiffError> {
    use tiff::encoder::{TiffEncoder, colortype};
    use tiff::tags::Tag;
    let (w, h, um) = (window.w as u32, window.h as u32, window.um_per_px);
    let mut out = Cursor::new(Vec::new());
    let mut file = TiffEncoder::new(&mut out)?;
    let ome = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\"><Image ID=\"Image:0\">\
         <Pixels ID=\"Pixels:0\" DimensionOrder=\"XYZCT\" Type=\"uint{bits}\" SizeX=\"{w}\" SizeY=\"{h}\" \
         SizeZ=\"{}\" SizeC=\"1\" SizeT=\"1\" PhysicalSizeX=\"{um}\" PhysicalSizeXUnit=\"&#181;m\" \
         PhysicalSizeY=\"{um}\" PhysicalSizeYUnit=\"&#181;m\" PhysicalSizeZ=\"{step_um}\" \
         PhysicalSizeZUnit=\"&#181;m\"><Channel ID=\"Channel:0:0\" SamplesPerPixel=\"1\"/><TiffData/>\
         </Pixels></Image></OME>",
        planes.len()
    );
    for (i, plane) in planes.iter().enumerate() {
        macro_rules! write {
            ($colour:ty, $sample:ty) => {{
                let mut image = file.new_image::<$colour>(w, h)?;
                if i == 0 {
                    image.encoder().write_tag(Tag::ImageDescription, ome.as_str())?;
                }
                let most = f32::from(<$sample>::MAX);
                image.write_data(&plane.iter().map(|v| (v * most + 0.5) as $sample).collect::<Vec<_>>())?;
            }};
        }
        if bits == 16 { write!(colortype::Gray16, u16) } else { write!(colortype::Gray8, u8) }
    }
    Ok(out.into_inner())
}

fn kind(channels: usize) -> image::ExtendedColorType {
    if channels == 1 { image::ExtendedColorType::L8 } else { image::ExtendedColorType::Rgb8 }
}

fn eight(data: &[u16]) -> Vec<u8> {
    data.iter().map(|v| (v >> 8) as u8).collect()
}

fn png(
    out: &mut Cursor<Vec<u8>>,
    data: &[u16],
    channels: usize,
    w: u32,
    h: u32,
    bits: u8,
    dpi: Option<f32>,
) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(out, w, h);
    encoder.set_color(if channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(if bits == 16 { png::BitDepth::Sixteen } else { png::BitDepth::Eight });
    encoder.set_compression(png::Compression::Fast);
    if let Some(dpi) = dpi {
        let per_metre = (dpi / 0.0254).round() as u32;
        encoder.set_pixel_dims(Some(png::PixelDimensions {
            xppu: per_metre,
            yppu: per_metre,
            unit: png::Unit::Meter,
        }));
    }
    let bytes = if bits == 16 { data.iter().flat_map(|v| v.to_be_bytes()).collect() } else { eight(data) };
    encoder.write_header()?.write_image_data(&bytes)
}

fn tiff(
    out: &mut Cursor<Vec<u8>>,
    data: &[u16],
    channels: usize,
    w: u32,
    h: u32,
    bits: u8,
    dpi: Option<f32>,
) -> tiff::TiffResult<()> {
    use tiff::encoder::{Rational, TiffEncoder, colortype};
    use tiff::tags::ResolutionUnit;
    let mut file = TiffEncoder::new(out)?;
    macro_rules! write {
        ($colour:ty, $samples:expr) => {{
            let mut image = file.new_image::<$colour>(w, h)?;
            if let Some(dpi) = dpi {
                let r = Rational { n: (dpi * 100.0).round() as u32, d: 100 };
                image.resolution(ResolutionUnit::Inch, r);
            }
            image.write_data($samples)
        }};
    }
    match (channels, bits) {
        (1, 16) => write!(colortype::Gray16, data),
        (1, _) => write!(colortype::Gray8, &eight(data)),
        (_, 16) => write!(colortype::RGB16, data),
        _ => write!(colortype::RGB8, &eight(data)),
    }
}
