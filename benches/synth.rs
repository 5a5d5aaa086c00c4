//! Simulated photographs and craters a second, on one thread: `cargo bench --bench synth`.
#![allow(clippy::unwrap_used)]

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use microstamp::pipeline::scheme::Scheme;
use microstamp::synth::draw::Draw;
use microstamp::synth::framing::{LABORATORY, frame};
use microstamp::synth::gun::{Faces, Split};
use microstamp::synth::profile::Profile;
use microstamp::synth::scene::{Counts, Scene};
use microstamp::synth::surface::Window;
use microstamp::synth::write;
use std::hint::black_box;
use std::time::Duration;

/// Guns, one of each profile in turn: what is drawn differs too much in cost to time one alone.
const GUNS: u64 = 10;
/// Size of the photographs, pixels.
const SIZE: (usize, usize) = (1600, 1200);
/// Side of the crater tiles, pixels, and half of it in rim radii.
const TILE: (usize, f32) = (192, 1.3);

fn scene(index: u64, faces: &Faces, schemes: &[Scheme]) -> Scene {
    let counts = Counts { cases_per_gun: 1, photos_per_case: 1 };
    Scene::draw(1, index, &Profile::IN_TURN, counts, faces, schemes)
}

fn synth(c: &mut Criterion) {
    let faces = Faces::new(Vec::new(), Split::Valid);
    let schemes = Scheme::all();
    let mut group = c.benchmark_group("synth");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(20));
    group.throughput(Throughput::Elements(GUNS));
    group.bench_function("photographs of 1600x1200, drawn to encoded", |b| {
        b.iter(|| {
            for i in 0..GUNS {
                let scene = scene(i, &faces, &schemes);
                let framed = frame(&mut Draw::new(1, "frame", i), &scene, 1.0, &LABORATORY);
                let half = |n: usize, of: usize| (of as f32 - n as f32) / 2.0 * framed.um_per_px;
                let (x0, y0) = (framed.x0 + half(SIZE.0, framed.w), framed.y0 + half(SIZE.1, framed.h));
                let window = Window { w: SIZE.0, h: SIZE.1, x0, y0, ..framed };
                black_box(write::encode(&scene, &scene.render(&window, &schemes), &window).unwrap());
            }
        });
    });
    group.bench_function("craters of 192x192, drawn to rendered", |b| {
        b.iter(|| {
            for i in 0..GUNS {
                let scene = scene(i, &faces, &schemes);
                let um_per_px = 2.0 * TILE.1 * scene.rim_um() / TILE.0 as f32;
                let half = (TILE.0 - 1) as f32 / 2.0 * um_per_px;
                let (x, y) = scene.gun.pin.offset_um;
                let x = if scene.mirrored { -x } else { x };
                let window = Window { w: TILE.0, h: TILE.0, um_per_px, x0: x - half, y0: y - half };
                black_box(scene.render(&window, &schemes).grey);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, synth);
criterion_main!(benches);
