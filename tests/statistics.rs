//! Statistics of simulated photographs beside those of real ones: whoever reads figures of a
//! simulation wants to know whether it is as dark, as speckled and as glaring as a laboratory's.
//! The table of testdata/README.md: `cargo test --release --test statistics -- --nocapture`.
#![allow(clippy::unwrap_used)]

mod common;

use microstamp::Settings;
use microstamp::pipeline::geometry::Ellipse;
use microstamp::pipeline::photo::{self, Photo};
use microstamp::pipeline::scheme::Scheme;
use microstamp::synth::gun::{Faces, Split};
use microstamp::synth::profile::Profile;
use microstamp::synth::scene::{Counts, Scene};
use microstamp::synth::surface::Window;
use microstamp::synth::write;
use ndarray::Array2;
use rayon::prelude::*;

/// Simulated photographs, the profiles in turn.
const DRAWN: u64 = 200;
/// Scale at which all are compared, µm per pixel: twice that of the real microscope photographs,
/// and under half of the shortest correlation length of a primer's face.
const UM_PER_PX: f32 = 5.0;
/// Half side of the square that is subtracted as trend, µm: several grains, less than a breech-face mark's length.
const TREND_UM: f32 = 100.0;
/// A real value must lie between these quantiles of the simulated ones.
const MIDDLE: (f64, f64) = (0.05, 0.95);

/// Real photograph: file, circles cx, cy, r of primer face and impression, pixels, and µm per pixel where known.
type Real = (&'static str, [f64; 3], [f64; 3], Option<f32>);
const REAL: [Real; 4] = [
    ("nbide-118.png", [1284.8, 960.9, 733.0], [1219.6, 1113.4, 296.3], Some(2.5)),
    ("colt-9mm-02.png", [1300.1, 997.6, 679.5], [1141.2, 1098.0, 348.6], Some(2.5)),
    ("fbi-58a.png", [1290.3, 990.1, 665.0], [1295.9, 1062.4, 347.7], Some(2.5)),
    ("head-phone-0582.png", [484.9, 507.4, 153.9], [483.0, 481.0, 66.0], None),
];

const NAMES: [&str; 7] = [
    "floor, mean grey",
    "floor, spread of grey",
    "face, mean grey",
    "face, spread of grey",
    "floor over face",
    "primer, % saturated",
    "face, correlation length, µm",
];

/// [`NAMES`] of one photograph; greys of 255. No correlation length where the scale is unknown or nothing varies.
type Values = [Option<f64>; 7];

fn load(bytes: Vec<u8>) -> Photo {
    photo::load("statistics", "", bytes, &Default::default(), &Settings::default().photo).unwrap()
}

fn mean_and_spread(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt())
}

/// `shrink` is how many pixels each way are averaged before measuring; saturation is of the file's own pixels.
fn measure(photo: &Photo, primer: Ellipse, rim: Ellipse, shrink: usize, um: Option<f32>) -> Values {
    let (h, w) = photo.pixels.dim();
    let inside = |e: &Ellipse, y: usize, x: usize| e.level(x as f64, y as f64) < 1.0;
    let (mut primer_px, mut saturated) = (0, 0);
    for y in 0..h {
        for x in (0..w).filter(|x| inside(&primer, y, *x)) {
            primer_px += 1;
            saturated += usize::from(photo.pixels.at(y, x) * 255.0 >= 250.0);
        }
    }
    let k = shrink as f64;
    let smaller = |e: Ellipse| Ellipse {
        cx: (e.cx + 0.5) / k - 0.5,
        cy: (e.cy + 0.5) / k - 0.5,
        rx: e.rx / k,
        ry: e.ry / k,
        ..e
    };
    let (primer, rim) = (smaller(primer), smaller(rim));
    let grey = Array2::from_shape_fn((h / shrink, w / shrink), |(y, x)| {
        let block = (0..shrink * shrink)
            .map(|i| 255.0 * f64::from(photo.pixels.at(y * shrink + i / shrink, x * shrink + i % shrink)));
        block.sum::<f64>() / (k * k)
    });
    let (floor, apart, face) = (rim.scaled(0.6), rim.scaled(1.3), primer.scaled(0.95));
    let of = |take: &dyn Fn(usize, usize) -> bool| {
        let taken = grey.indexed_iter().filter(|((y, x), _)| take(*y, *x));
        mean_and_spread(&taken.map(|(_, v)| *v).collect::<Vec<_>>())
    };
    let on_face = |y: usize, x: usize| inside(&face, y, x) && !inside(&apart, y, x);
    let (floor_mean, floor_spread) = of(&|y, x| inside(&floor, y, x));
    let (face_mean, face_spread) = of(&on_face);
    let mask = Array2::from_shape_fn(grey.dim(), |(y, x)| on_face(y, x));
    let correlation = um
        .and_then(|um| correlation_px(&grey, &mask, (TREND_UM / um) as usize))
        .zip(um)
        .map(|(px, um)| px * f64::from(um));
    [
        Some(floor_mean),
        Some(floor_spread),
        Some(face_mean),
        Some(face_spread),
        Some(floor_mean / face_mean),
        Some(100.0 * saturated as f64 / f64::from(primer_px)),
        correlation,
    ]
}

/// Sums over squares reaching `reach` pixels each way.
fn box_sums(values: &Array2<f64>, reach: usize) -> Array2<f64> {
    let (h, w) = values.dim();
    let mut total = Array2::<f64>::zeros((h + 1, w + 1));
    for ((y, x), v) in values.indexed_iter() {
        total[[y + 1, x + 1]] = v + total[[y, x + 1]] + total[[y + 1, x]] - total[[y, x]];
    }
    Array2::from_shape_fn((h, w), |(y, x)| {
        let (top, low) = (y.saturating_sub(reach), (y + reach + 1).min(h));
        let (left, right) = (x.saturating_sub(reach), (x + reach + 1).min(w));
        total[[low, right]] - total[[top, right]] - total[[low, left]] + total[[top, left]]
    })
}

/// Lag at which the autocorrelation of the detrended grey falls to 1/e, the mean of across and down.
fn correlation_px(grey: &Array2<f64>, mask: &Array2<bool>, reach: usize) -> Option<f64> {
    let weight = mask.mapv(|m| f64::from(u8::from(m)));
    let (sums, counts) = (box_sums(&(grey * &weight), reach), box_sums(&weight, reach));
    let flat =
        Array2::from_shape_fn(grey.dim(), |at| if mask[at] { grey[at] - sums[at] / counts[at] } else { 0.0 });
    let variance = flat.iter().map(|v| v * v).sum::<f64>() / weight.sum();
    let target = (-1.0f64).exp();
    let fall = |down: usize, right: usize| {
        let mut before = 1.0;
        for lag in 1..4 * reach {
            let (mut sum, mut pairs) = (0.0, 0.0);
            for ((y, x), v) in flat.indexed_iter() {
                let there = [y + down * lag, x + right * lag];
                if let (true, Some(true)) = (mask[[y, x]], mask.get(there)) {
                    sum += v * flat[there];
                    pairs += 1.0;
                }
            }
            let now = sum / pairs / variance;
            if now < target {
                return Some((lag - 1) as f64 + (before - target) / (before - now));
            }
            before = now;
        }
        None
    };
    if variance > 0.0 { Some((fall(0, 1)? + fall(1, 0)?) / 2.0) } else { None }
}

/// A square window round the face, all else as the generator draws it, through the file and back.
fn simulated(index: u64, faces: &Faces, schemes: &[Scheme]) -> Values {
    let profiles = Profile::IN_TURN;
    let counts = Counts { cases_per_gun: 1, photos_per_case: 1 };
    let mut scene = Scene::draw(1, index, &profiles, counts, faces, schemes);
    scene.camera.bar = false;
    scene.camera.label = None;
    let n = (2.04 * scene.cartridge.face_um / UM_PER_PX) as usize;
    let corner = -((n - 1) as f32) / 2.0 * UM_PER_PX;
    let window = Window { w: n, h: n, um_per_px: UM_PER_PX, x0: corner, y0: corner };
    let photo = load(write::encode(&scene, &scene.render(&window, schemes), &window).unwrap());
    let (cx, cy) = window.px(0.0, 0.0);
    let primer = Ellipse::circle(cx.into(), cy.into(), (scene.cartridge.face_um / UM_PER_PX).into());
    measure(&photo, primer, scene.rim(&window), 1, Some(UM_PER_PX))
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (low, t) = (at as usize, at.fract());
    sorted[low] + (sorted[(low + 1).min(sorted.len() - 1)] - sorted[low]) * t
}

#[test]
fn real_photographs_lie_in_the_middle_of_what_is_drawn() {
    let Some(folder) = common::shared("real") else { return };
    let circle = |[cx, cy, r]: [f64; 3]| Ellipse::circle(cx, cy, r);
    let real: Vec<Values> = REAL
        .iter()
        .map(|&(file, primer, rim, um)| {
            let photo = load(std::fs::read(folder.join(file)).unwrap());
            let shrink = um.map_or(1, |um| (UM_PER_PX / um).round() as usize);
            measure(&photo, circle(primer), circle(rim), shrink, um.map(|um| um * shrink as f32))
        })
        .collect();
    let faces = Faces::new(Vec::new(), Split::Valid);
    let schemes = Scheme::all();
    let drawn: Vec<Values> = (0..DRAWN).into_par_iter().map(|i| simulated(i, &faces, &schemes)).collect();
    println!("| | {} | 5 % | median | 95 % |", REAL.map(|r| r.0).join(" | "));
    println!("|---|{}", "---|".repeat(REAL.len() + 3));
    let mut outside = Vec::new();
    for (i, name) in NAMES.iter().enumerate() {
        let mut sorted: Vec<f64> = drawn.iter().filter_map(|v| v[i]).collect();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (quantile(&sorted, MIDDLE.0), quantile(&sorted, MIDDLE.1));
        let number = |v: f64| format!("{v:.*}", if v.abs() < 10.0 { 2 } else { 1 });
        let cells: Vec<_> = real.iter().map(|r| r[i].map_or("-".into(), number)).collect();
        let range = [low, quantile(&sorted, 0.5), high].map(number).join(" | ");
        println!("| {name} | {} | {range} |", cells.join(" | "));
        for (value, (file, ..)) in real.iter().zip(REAL).filter_map(|(r, f)| Some((r[i]?, f))) {
            if !(low..=high).contains(&value) {
                outside.push(format!("{file}, {name}: {value:.2} outside {low:.2}-{high:.2}"));
            }
        }
    }
    assert!(outside.is_empty(), "{}", outside.join("\n"));
}
