//! Photographs of nothing that could be read: noise, textures, pages of text, coins, case heads without a primer.

use crate::seeds::below;
use image::GrayImage;
use microstamp::typeface::{CHARACTERS, Face, Style};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;
use std::f32::consts::{PI, TAU};

/// What is drawn, in turn.
pub const KINDS: [&str; 5] = ["noise", "texture", "text", "coin", "headstamp"];

fn unit(rng: &mut ChaCha8Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1 << 24) as f32
}

fn range(rng: &mut ChaCha8Rng, a: f32, b: f32) -> f32 {
    a + (b - a) * unit(rng)
}

/// A picture of the kind with this number, 300 to 700 pixels wide.
pub fn draw(kind: usize, rng: &mut ChaCha8Rng) -> GrayImage {
    let (w, h) = (300 + below(rng, 400), 300 + below(rng, 300));
    let plane = match KINDS[kind] {
        "noise" => noise(w, h, rng),
        "texture" => texture(w, h, rng),
        "text" => text(w, h, rng),
        "coin" => lit(&coin(w, h, rng), rng),
        _ => lit(&head(w, h, rng), rng),
    };
    let grain = range(rng, 0.0, 0.05);
    GrayImage::from_fn(w as u32, h as u32, |x, y| {
        let value = plane[[y as usize, x as usize]] + grain * (unit(rng) - 0.5);
        image::Luma([(255.0 * value.clamp(0.0, 1.0)) as u8])
    })
}

/// White noise, or noise with lumps of a few pixels.
fn noise(w: usize, h: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
    let lump = 1 + below(rng, 12);
    let coarse = Array2::from_shape_simple_fn((h / lump + 2, w / lump + 2), || unit(rng));
    Array2::from_shape_fn((h, w), |(y, x)| between(&coarse, y as f32 / lump as f32, x as f32 / lump as f32))
}

/// The value between four of a grid.
fn between(grid: &Array2<f32>, y: f32, x: f32) -> f32 {
    let (i, j) = (y as usize, x as usize);
    let (fy, fx) = (y - i as f32, x - j as f32);
    let row = |i: usize| grid[[i, j]] * (1.0 - fx) + grid[[i, j + 1]] * fx;
    row(i) * (1.0 - fy) + row(i + 1) * fy
}

/// Brushed metal, cloth, tiles or rings: two waves and lumps.
fn texture(w: usize, h: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
    let lumps = noise(w, h, rng);
    let waves: Vec<[f32; 4]> = (0..2)
        .map(|_| [range(rng, 0.0, TAU), range(rng, 0.02, 0.9), range(rng, 0.0, 0.4), unit(rng)])
        .collect();
    let rings = below(rng, 2) == 0;
    let (cx, cy) = (range(rng, 0.0, w as f32), range(rng, 0.0, h as f32));
    Array2::from_shape_fn((h, w), |(y, x)| {
        let (x, y) = (x as f32, y as f32);
        let wave = |[angle, frequency, size, phase]: [f32; 4]| {
            let along = if rings { (x - cx).hypot(y - cy) } else { x * angle.cos() + y * angle.sin() };
            size * (along * frequency + TAU * phase).sin()
        };
        0.2 + 0.5 * lumps[[y as usize, x as usize]] + waves.iter().map(|v| wave(*v)).sum::<f32>() * 0.5
    })
}

fn face(rng: &mut ChaCha8Rng) -> Face {
    Face::parametric(&Style::draw(&mut || unit(rng)))
}

fn character(rng: &mut ChaCha8Rng) -> char {
    CHARACTERS.as_bytes()[below(rng, CHARACTERS.len())] as char
}

/// Puts a glyph over a plane: `paint` turns the distance to its edge, pixels, into what is added.
fn put(
    plane: &mut Array2<f32>,
    face: &Face,
    c: char,
    px: f32,
    (left, top, turn): (f32, f32, f32),
    paint: impl Fn(f32) -> f32,
) {
    let glyph = face.distance(c, px, 3);
    let (gh, gw) = glyph.dim();
    let reach = (gh as f32).hypot(gw as f32) / 2.0 + 1.0;
    let (h, w) = plane.dim();
    let (sin, cos) = turn.sin_cos();
    for y in (top - reach).max(0.0) as usize..((top + reach).max(0.0) as usize).min(h) {
        for x in (left - reach).max(0.0) as usize..((left + reach).max(0.0) as usize).min(w) {
            let (dx, dy) = (x as f32 - left, y as f32 - top);
            let (u, v) = (dx * cos + dy * sin + gw as f32 / 2.0, dy * cos - dx * sin + gh as f32 / 2.0);
            if u >= 0.0 && v >= 0.0 && (u as usize) < gw && (v as usize) < gh {
                plane[[y, x]] += paint(glyph[[v as usize, u as usize]] * px);
            }
        }
    }
}

/// A page of print: lines of words of random characters, dark on light or light on dark; now and then a few
/// large rows, as on a label.
fn text(w: usize, h: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
    let (paper, ink) = if below(rng, 3) == 0 { (0.1, 0.8) } else { (0.85, -0.7) };
    let mut plane = Array2::from_elem((h, w), paper);
    let face = face(rng);
    let px = if below(rng, 3) == 0 { range(rng, 30.0, 90.0) } else { range(rng, 9.0, 28.0) };
    let mut top = px;
    while top + px < h as f32 {
        let mut left = px;
        while left + px < w as f32 {
            if below(rng, 6) > 0 {
                let c = character(rng);
                put(&mut plane, &face, c, px, (left, top, 0.0), |d| if d < 0.0 { ink } else { 0.0 });
            }
            left += 0.9 * px;
        }
        top += 1.5 * px;
    }
    plane
}

/// A height map: a disc with a rim, letters round it and a lumpy relief in the middle.
fn coin(w: usize, h: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
    let (cx, cy) = (w as f32 / 2.0 + range(rng, -30.0, 30.0), h as f32 / 2.0 + range(rng, -30.0, 30.0));
    let radius = range(rng, 0.3, 0.48) * w.min(h) as f32;
    let lumps = noise(w, h, rng);
    let relief = range(rng, 0.0, 4.0);
    let mut plane = Array2::from_shape_fn((h, w), |(y, x)| {
        let r = (x as f32 - cx).hypot(y as f32 - cy) / radius;
        match r {
            r if r > 1.0 => -6.0,
            r if r > 0.93 => 3.0,
            r if r < 0.55 => relief * lumps[[y, x]] * (0.55 - r) * 4.0,
            _ => 0.0,
        }
    });
    round(&mut plane, (cx, cy), 0.75 * radius, 0.22 * radius, 2.5, rng);
    plane
}

/// A height map: a case head with its stamp round an empty pocket, whose flash hole shows in the middle.
fn head(w: usize, h: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
    let (cx, cy) = (w as f32 / 2.0 + range(rng, -20.0, 20.0), h as f32 / 2.0 + range(rng, -20.0, 20.0));
    let radius = range(rng, 0.36, 0.6) * w.min(h) as f32;
    let pocket = range(rng, 0.42, 0.52);
    let lumps = noise(w, h, rng);
    let mut plane = Array2::from_shape_fn((h, w), |(y, x)| {
        let r = (x as f32 - cx).hypot(y as f32 - cy) / radius;
        let turned = 0.3 * (r * radius * 0.8).sin();
        match r {
            r if r > 1.0 => -12.0,
            r if r > pocket => turned,
            r if r < 0.13 => -40.0,
            _ => -20.0 + 2.0 * lumps[[y, x]],
        }
    });
    round(&mut plane, (cx, cy), 0.75 * radius, 0.2 * radius, -2.5, rng);
    plane
}

/// Letters of height `px` on a circle, raised or stamped in by `height`.
fn round(
    plane: &mut Array2<f32>,
    (cx, cy): (f32, f32),
    radius: f32,
    px: f32,
    height: f32,
    rng: &mut ChaCha8Rng,
) {
    let face = face(rng);
    let count = 5 + below(rng, 14);
    let first = range(rng, 0.0, TAU);
    for i in 0..count {
        let angle = first + i as f32 * TAU / count as f32;
        if below(rng, 5) > 0 {
            let at = (cx + radius * angle.cos(), cy + radius * angle.sin(), angle + PI / 2.0);
            let c = character(rng);
            put(plane, &face, c, px, at, |d| height * (0.5 - d).clamp(0.0, 1.0));
        }
    }
}

/// A height map under a lamp from one side, or from all.
fn lit(height: &Array2<f32>, rng: &mut ChaCha8Rng) -> Array2<f32> {
    let angle = range(rng, 0.0, TAU);
    let (lx, ly) = if below(rng, 3) == 0 { (0.0, 0.0) } else { (angle.cos(), angle.sin()) };
    let (metal, slope) = (range(rng, 0.35, 0.75), range(rng, 0.05, 0.2));
    let (h, w) = height.dim();
    Array2::from_shape_fn((h, w), |(y, x)| {
        let at = |y: usize, x: usize| height[[y.min(h - 1), x.min(w - 1)]];
        let (dx, dy) = (at(y, x + 1) - at(y, x.saturating_sub(1)), at(y + 1, x) - at(y.saturating_sub(1), x));
        let depth = (-height[[y, x]]).max(0.0) * 0.02;
        metal + slope * (dx * lx + dy * ly) - 0.5 * slope * dx.hypot(dy) - depth
    })
}
