//! Small whole files of every kind that is read, and how they are spoilt.

use crate::common::crc32;
use image::{DynamicImage, GrayImage, ImageFormat};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::io::Cursor;
use tiff::encoder::{Compression, TiffEncoder, colortype};
use tiff::tags::Tag;

/// A number below `n`.
pub fn below(rng: &mut ChaCha8Rng, n: usize) -> usize {
    (rng.next_u64() % n.max(1) as u64) as usize
}

/// The generator of file `index` of a trial.
pub fn generator(seed: u64, index: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index);
    rng
}

/// OME-XML as microscope programs write it.
pub const OME: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><OME><Image ID=\"Image:0\"><Pixels ID=\"Pixels:0\" \
    PhysicalSizeX=\"3.45\" PhysicalSizeXUnit=\"&#181;m\" PhysicalSizeY=\"3.45\" SizeX=\"5\"><Channel/></Pixels></Image></OME>";

/// ImageJ's description of a calibrated picture.
pub const IMAGEJ: &str = "ImageJ=1.54f\nunit=micron\nloop=false\n";

/// The picture as a file of every kind: PNG, JPEG, BMP and TIFF, grey and colour, 8 and 16 bit, packed in
/// every way, with the words about scale that microscopes' programs write.
pub fn files(picture: &GrayImage) -> Vec<(&'static str, Vec<u8>)> {
    let grey = DynamicImage::from(picture.clone());
    let as_is = |image: &DynamicImage, format: ImageFormat| {
        let mut out = Cursor::new(Vec::new());
        image.write_to(&mut out, format).unwrap();
        out.into_inner()
    };
    let mut files = Vec::new();
    for image in [&grey, &grey.to_rgb8().into(), &grey.to_luma16().into(), &grey.to_rgba8().into()] {
        files.push(("png", as_is(image, ImageFormat::Png)));
    }
    for image in [&grey, &grey.to_rgb8().into()] {
        files.push(("jpg", as_is(image, ImageFormat::Jpeg)));
        files.push(("bmp", as_is(image, ImageFormat::Bmp)));
    }
    files.push(("png", palette(picture)));
    let packed = [
        Compression::Uncompressed,
        Compression::Lzw,
        Compression::Packbits,
        Compression::Deflate(Default::default()),
    ];
    for compression in packed {
        files.push(("tif", tiff(picture, compression, "")));
    }
    files.push(("tif", tiff(picture, Compression::Lzw, OME)));
    files.push(("tif", tiff(picture, Compression::Uncompressed, IMAGEJ)));
    files.push(("tif", pages(picture)));
    for number in ["D", "F", "L", "I"] {
        files.push(("x3p", x3p(picture, number)));
    }
    files
}

/// The picture's greys as heights, a hundredth of a micrometre each, stored as numbers of this kind.
fn x3p(picture: &GrayImage, number: &str) -> Vec<u8> {
    let data: Vec<u8> = picture
        .iter()
        .flat_map(|v| match number {
            "D" => (f64::from(*v) * 1e-8).to_le_bytes().to_vec(),
            "F" => (f32::from(*v) * 1e-8).to_le_bytes().to_vec(),
            "L" => i32::from(*v).to_le_bytes().to_vec(),
            _ => i16::from(*v).to_le_bytes().to_vec(),
        })
        .collect();
    let unit = if number == "D" || number == "F" { "1" } else { "1e-8" };
    let xml = X3P_XML
        .replace("NUMBER", number)
        .replace("UNIT", unit)
        .replace("COLUMNS", &picture.width().to_string())
        .replace("ROWS", &picture.height().to_string());
    x3p_of(&xml, &data)
}

/// `main.xml` with words in the place of what depends on the data.
pub const X3P_XML: &str = "<?xml version=\"1.0\"?><p:ISO5436_2 xmlns:p=\"x\"><Record1><Revision>ISO5436 - 2000</Revision>\
    <FeatureType>SUR</FeatureType><Axes><CX><AxisType>I</AxisType><DataType>D</DataType><Increment>2e-6</Increment>\
    <Offset>0</Offset></CX><CY><AxisType>I</AxisType><DataType>D</DataType><Increment>2e-6</Increment><Offset>0</Offset></CY>\
    <CZ><AxisType>A</AxisType><DataType>NUMBER</DataType><Increment>UNIT</Increment><Offset>0</Offset></CZ></Axes></Record1>\
    <Record3><MatrixDimension><SizeX>COLUMNS</SizeX><SizeY>ROWS</SizeY><SizeZ>1</SizeZ></MatrixDimension><DataLink>\
    <PointDataLink>bindata/data.bin</PointDataLink><MD5ChecksumPointData>SUM</MD5ChecksumPointData></DataLink></Record3>\
    <Record4><ChecksumFile>md5checksum.hex</ChecksumFile></Record4></p:ISO5436_2>";

/// An X3P of these parts with the sums that they have; `SUM` in the XML becomes that of the data.
pub fn x3p_of(xml: &str, data: &[u8]) -> Vec<u8> {
    use md5::{Digest, Md5};
    let sum = |bytes: &[u8]| Md5::digest(bytes).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let xml = xml.replace("SUM", &sum(data));
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let parts = [
        ("main.xml", xml.as_bytes()),
        ("bindata/data.bin", data),
        ("md5checksum.hex", sum(xml.as_bytes()).as_bytes()),
    ]
    .map(|(name, bytes)| (name, bytes.to_vec()));
    for (name, bytes) in parts {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, &bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn palette(picture: &GrayImage) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette((0..=255u8).flat_map(|v| [v, v, v]).collect::<Vec<_>>());
    encoder.write_header().unwrap().write_image_data(picture).unwrap();
    out
}

/// One picture in strips, with a description.
pub fn tiff(picture: &GrayImage, compression: Compression, description: &str) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut out).unwrap().with_compression(compression);
    let mut image = encoder.new_image::<colortype::Gray8>(picture.width(), picture.height()).unwrap();
    image.rows_per_strip(16).unwrap();
    if !description.is_empty() {
        image.encoder().write_tag(Tag::ImageDescription, description).unwrap();
    }
    image.write_data(picture).unwrap();
    out.into_inner()
}

/// A BigTIFF of two colour pictures, 16 bit, the first of which calls itself a thumbnail.
fn pages(picture: &GrayImage) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new_big(&mut out).unwrap();
    let samples = DynamicImage::from(picture.clone()).to_rgb16();
    for kind in [1u32, 0] {
        let mut image = encoder.new_image::<colortype::RGB16>(picture.width(), picture.height()).unwrap();
        image.encoder().write_tag(Tag::NewSubfileType, kind).unwrap();
        image.write_data(&samples).unwrap();
    }
    out.into_inner()
}

/// Values at which sizes, counts and offsets turn.
const EDGES: [u32; 10] = [0, 1, 2, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff];

/// Spoils a file: bits, bytes, words at their edges, pieces cut out, doubled, moved, the end cut off. In half
/// of the PNGs the checksums are set right afterwards, which else would stop every decoder at the door.
pub fn mutate(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    // Mostly one or two: what is spoilt all over is refused at the first byte.
    let most = 1 + below(rng, 6);
    for _ in 0..1 + below(rng, most) {
        // Headers are short and decide most: half of all mutations fall on the first or last 256 bytes.
        let len = bytes.len();
        if len < 8 {
            bytes.extend([0; 8]);
            continue;
        }
        let at = match below(rng, 4) {
            0 => below(rng, len.min(256)),
            1 => len - 1 - below(rng, len.min(256)),
            _ => below(rng, len),
        };
        match below(rng, 8) {
            0 => bytes[at] ^= 1 << below(rng, 8),
            1 => bytes[at] = rng.next_u32() as u8,
            2 | 3 => {
                let word = EDGES[below(rng, EDGES.len())];
                let word = if below(rng, 2) == 0 { word.to_le_bytes() } else { word.to_be_bytes() };
                let (width, at) = (1 << below(rng, 3), at.min(len - 4));
                let from = if word[0] == 0 { 4 - width } else { 0 };
                bytes[at..at + width].copy_from_slice(&word[from..from + width]);
            }
            4 => bytes.truncate(at.max(1)),
            5 => {
                let end = (at + 1 + below(rng, 64)).min(len);
                bytes.drain(at..end);
            }
            6 => {
                let end = (at + 1 + below(rng, 256)).min(len);
                let piece = bytes[at..end].to_vec();
                let to = below(rng, len);
                bytes.splice(to..to, piece);
            }
            _ => {
                let end = (at + 1 + below(rng, 32)).min(len);
                let to = below(rng, len - (end - at) + 1);
                bytes.copy_within(at..end, to);
            }
        }
    }
    if bytes.starts_with(b"\x89PNG") && below(rng, 2) == 0 {
        set_checksums(bytes);
    }
}

/// Sets the checksum of every chunk of a PNG right, as far as its chunks go.
fn set_checksums(bytes: &mut [u8]) {
    let mut at = 8;
    while at + 12 <= bytes.len() {
        let length = u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
        let Some(end) = (at + 8).checked_add(length).filter(|end| end + 4 <= bytes.len()) else { return };
        let sum = crc32(&bytes[at + 4..end]).to_be_bytes();
        bytes[end..end + 4].copy_from_slice(&sum);
        at = end + 4;
    }
}
