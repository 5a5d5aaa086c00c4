//! One bench a stage, on a drawn primer of 3 megapixels: `cargo bench --bench stages`.
#![allow(clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use microstamp::Settings;
use microstamp::engines;
use microstamp::pipeline::face::{self, Face};
use microstamp::pipeline::geometry::Ellipse;
use microstamp::pipeline::mark::{self, Mark};
use microstamp::pipeline::net::Networks;
use microstamp::pipeline::net::networks::{CELL_PX, FINDER_PX, POSER_PX, STRIP, TILE_PX, UNROLLED};
use microstamp::pipeline::tile::prepare;
use microstamp::pipeline::{denoise, photo};
use ndarray::Array2;
use std::hint::black_box;
use std::io::Cursor;

/// A bright face with a darker crater on a dark ground, with texture that no coder can squeeze away.
fn drawn() -> GrayImage {
    GrayImage::from_fn(2048, 1536, |x, y| {
        let from_middle = (f64::from(x) - 1024.0).hypot(f64::from(y) - 768.0);
        let grey = match from_middle {
            r if r < 250.0 => 60,
            r if r < 650.0 => 150,
            _ => 30,
        };
        let texture = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 13 & 15;
        Luma([grey + texture as u8])
    })
}

fn stages(c: &mut Criterion) {
    let settings = Settings::default();
    let picture = drawn();
    let load = |bytes: &[u8]| photo::load("bench", "", bytes.to_vec(), None, &settings.photo).unwrap();
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp] {
        let mut file = Cursor::new(Vec::new());
        DynamicImage::from(picture.clone()).write_to(&mut file, format).unwrap();
        let bytes = file.into_inner();
        c.bench_function(&format!("load {format:?}"), |b| b.iter(|| load(black_box(&bytes))));
    }
    let mut file = Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut file).unwrap();
    encoder.write_image::<tiff::encoder::colortype::Gray8>(2048, 1536, &picture).unwrap();
    let bytes = file.into_inner();
    c.bench_function("load Tiff", |b| b.iter(|| load(black_box(&bytes))));

    let photo = load(&bytes);
    c.bench_function("sha256", |b| b.iter(|| photo::sha256(black_box(&bytes))));
    c.bench_function("denoise", |b| b.iter(|| denoise::denoise(black_box(&photo))));
    let clean = denoise::denoise(&photo);
    let networks = Networks::built_in().unwrap();
    c.bench_function("face", |b| {
        b.iter(|| face::find_face(black_box(&clean), &networks.finder, &settings.face));
    });
    // Where the crater is drawn, so that the later stages have work whatever the finder makes of it.
    let rim = Ellipse::circle(1024.0, 768.0, 250.0);
    let face = Face { impression: Some(rim), ..Face::default() };
    c.bench_function("mark", |b| {
        b.iter(|| mark::find_mark(black_box(&clean), &face, networks, &settings.mark));
    });
    let mark = mark::find_mark(&clean, &face, networks, &settings.mark).unwrap();
    let mark = Mark { presence: 1.0, ..mark };
    for name in engines::NAMES {
        // An engine without its weights or its library is left out.
        let Ok(engine) = engines::by_name(name, &settings) else { continue };
        c.bench_function(&format!("engine {name}"), |b| b.iter(|| engine.read(black_box(&mark))));
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
        ("glyph", reader.map(|r| &r.glyph), (CELL_PX, CELL_PX)),
        ("ring", reader.map(|r| &r.ring), STRIP),
    ];
    for (name, network, (high, wide)) in all {
        let Some(network) = network else { continue };
        let tile = Array2::from_shape_fn((high, wide), |(y, x)| ((x * 7 + y * 13) % 97) as f32 / 97.0);
        c.bench_function(&format!("network {name}, input"), |b| b.iter(|| prepare(black_box(&tile))));
        let input = prepare(&tile);
        c.bench_function(&format!("network {name}"), |b| b.iter(|| network.run(black_box(&input))));
    }
}

criterion_group!(benches, stages, networks);
criterion_main!(benches);
