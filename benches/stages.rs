//! One bench a stage, on a drawn primer of 3 megapixels: `cargo bench --bench stages`.
#![allow(clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use microstamp::Settings;
use microstamp::pipeline::scheme::Scheme;
use microstamp::pipeline::{denoise, face, mark, photo};
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
    let schemes = Scheme::all();
    c.bench_function("sha256", |b| b.iter(|| photo::sha256(black_box(&bytes))));
    c.bench_function("denoise", |b| b.iter(|| denoise::denoise(black_box(&photo), &settings.denoise)));
    let clean = denoise::denoise(&photo, &settings.denoise);
    c.bench_function("face", |b| b.iter(|| face::find_face(black_box(&clean), &settings.face)));
    let face = face::find_face(&clean, &settings.face);
    c.bench_function("mark", |b| {
        b.iter(|| mark::find_mark(black_box(&clean), &face, &schemes, &settings.mark));
    });
}

criterion_group!(benches, stages);
criterion_main!(benches);
