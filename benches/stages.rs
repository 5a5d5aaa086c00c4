//! One bench a stage, on drawn primers of 1, 3, 5 and 20 megapixels, 8 and 16 bit: `cargo bench --bench stages`.
#![allow(clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use microstamp::Settings;
use microstamp::engines;
use microstamp::pipeline::denoise::{self, Clean};
use microstamp::pipeline::face::{self, Face};
use microstamp::pipeline::geometry::Ellipse;
use microstamp::pipeline::mark::{self, Mark};
use microstamp::pipeline::net::Networks;
use microstamp::pipeline::net::networks::{CELL_PX, FINDER_PX, POSER_PX, STRIP, TILE_PX, UNROLLED};
use microstamp::pipeline::photo;
use microstamp::pipeline::tile::{finer, prepare};
use ndarray::Array2;
use std::hint::black_box;
use std::io::Cursor;

/// Sizes of laboratory cameras: a name, columns and rows.
const SIZES: [(&str, u32, u32); 4] =
    [("1 MP", 1200, 900), ("3 MP", 2048, 1536), ("5 MP", 2592, 1944), ("20 MP", 5472, 3648)];

/// A bright face with a darker crater on a dark ground, with texture that no coder can squeeze away.
fn drawn(width: u32, height: u32) -> GrayImage {
    let (cx, cy, unit) = (f64::from(width) / 2.0, f64::from(height) / 2.0, f64::from(height) / 1536.0);
    GrayImage::from_fn(width, height, |x, y| {
        let from_middle = (f64::from(x) - cx).hypot(f64::from(y) - cy) / unit;
        let grey = match from_middle {
            r if r < RIM => 60,
            r if r < 650.0 => 150,
            _ => 30,
        };
        let texture = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 13 & 15;
        Luma([grey + texture as u8])
    })
}

/// Radius of the drawn crater where the picture has 1536 rows, pixels.
const RIM: f64 = 250.0;

/// A TIFF of 8 or 16 bits, as it lies on a disk.
fn tiff_file(picture: &GrayImage, bits: u8) -> Vec<u8> {
    use tiff::encoder::{TiffEncoder, colortype};
    let (width, height) = picture.dimensions();
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    if bits == 8 {
        encoder.write_image::<colortype::Gray8>(width, height, picture).unwrap();
    } else {
        let deep: Vec<u16> = picture.iter().map(|v| u16::from(*v) * 257).collect();
        encoder.write_image::<colortype::Gray16>(width, height, &deep).unwrap();
    }
    file.into_inner()
}

fn stages(c: &mut Criterion) {
    let settings = Settings::default();
    let networks = Networks::built_in().unwrap();
    let load = |bytes: &[u8]| {
        photo::load("bench", "", bytes.to_vec(), &Default::default(), &settings.photo).unwrap()
    };
    for (size, width, height) in SIZES {
        let picture = drawn(width, height);
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp] {
            let mut file = Cursor::new(Vec::new());
            DynamicImage::from(picture.clone()).write_to(&mut file, format).unwrap();
            let bytes = file.into_inner();
            c.bench_function(&format!("load {format:?} {size}"), |b| b.iter(|| load(black_box(&bytes))));
        }
        for bits in [8, 16] {
            let at = format!("{size}, {bits} bit");
            let bytes = tiff_file(&picture, bits);
            c.bench_function(&format!("sha256 {at}"), |b| b.iter(|| photo::sha256(black_box(&bytes))));
            c.bench_function(&format!("load Tiff {at}"), |b| b.iter(|| load(black_box(&bytes))));
            let photo = load(&bytes);
            c.bench_function(&format!("denoise {at}"), |b| b.iter(|| denoise::denoise(black_box(&photo))));
            let clean = denoise::denoise(&photo);
            c.bench_function(&format!("face {at}"), |b| {
                b.iter(|| face::find_face(black_box(&clean), &networks.finder, &settings.face));
            });
            // Where the crater is drawn, so that the later stages have work whatever the finder makes of it.
            let (cx, cy) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
            let rim = Ellipse::circle(cx, cy, RIM * f64::from(height) / 1536.0);
            let face = Face { impression: Some(rim), ..Face::default() };
            let find = |clean: &Clean<'_>| {
                let crater = mark::find_crater(clean, &face, &networks.poser).unwrap();
                mark::straighten(clean, &crater, 1.0, &networks.turn, &settings.mark)
            };
            c.bench_function(&format!("mark {at}"), |b| {
                b.iter(|| find(black_box(&clean)));
            });
            let mark = find(&clean);
            let mark = Mark { presence: 1.0, ..mark };
            for name in engines::NAMES {
                // An engine without its weights or its library is left out.
                let Ok(engine) = engines::by_name(name, &settings) else { continue };
                c.bench_function(&format!("engine {name} {at}"), |b| {
                    b.iter(|| engine.read(black_box(&mark)))
                });
            }
        }
    }
}

fn networks(c: &mut Criterion) {
    let networks = Networks::built_in().unwrap();
    let reader = networks.reader.as_ref();
    let all = [
        ("finder", Some(&networks.finder), (FINDER_PX, FINDER_PX)),
        ("poser", Some(&networks.poser), (POSER_PX, POSER_PX)),
        ("turn", Some(&networks.turn), UNROLLED),
        ("layout", reader.map(|r| &r.layout), (TILE_PX, TILE_PX)),
        ("ring", reader.map(|r| &r.ring), STRIP),
    ];
    let texture =
        |high, wide| Array2::from_shape_fn((high, wide), |(y, x)| ((x * 7 + y * 13) % 97) as f32 / 97.0);
    for (name, network, (high, wide)) in all {
        let Some(network) = network else { continue };
        let tile = texture(high, wide);
        let see = if name == "ring" { finer } else { prepare };
        c.bench_function(&format!("network {name}, input"), |b| b.iter(|| see(black_box(&tile))));
        let input = see(&tile);
        c.bench_function(&format!("network {name}"), |b| b.iter(|| network.run(black_box(&input))));
    }
    let Some(reader) = reader else { return };
    let cells = vec![finer(&texture(CELL_PX, CELL_PX)); 8];
    c.bench_function("network glyph, eight cells", |b| b.iter(|| reader.glyph.run(black_box(&cells))));
}

criterion_group!(benches, stages, networks);
criterion_main!(benches);
