//! What happens to the surface besides the strike: headstamp, scratches, dents, corrosion, soot.

use super::draw::Draw;
use super::gun::Gun;
use super::imprint::normal_quantile;
use super::noise::Grain;
use super::shot::{Cartridge, Shot};
use super::surface::{Surface, Window};
use crate::typeface::{Face, Style};

/// Ages the surface in place.
pub fn age(s: &mut Surface, gun: &Gun, cartridge: &Cartridge, shot: &Shot, window: &Window, d: &mut Draw) {
    headstamp(s, cartridge, window);
    for _ in 0..shot.scratches {
        scratch(s, window, gun.pin.offset_um, d);
    }
    for _ in 0..shot.dents {
        dent(s, window, cartridge, d);
    }
    soot(s, shot, window, d);
}

/// Letters stamped into the case head.
fn headstamp(s: &mut Surface, cartridge: &Cartridge, window: &Window) {
    let (letter, radius, depth) = cartridge.letters_um;
    let um = window.um_per_px;
    let corner = |x: f32, y: f32| (window.x0 + x * um).hypot(window.y0 + y * um);
    let far =
        [(0.0, 0.0), (window.w as f32, 0.0), (0.0, window.h as f32), (window.w as f32, window.h as f32)]
            .iter()
            .map(|&(x, y)| corner(x, y))
            .fold(0.0, f32::max);
    if far < radius - letter {
        return;
    }
    let mut draw = Draw::new(cartridge.letters_key, "headstamp", 0);
    let face = Face::parametric(&Style::draw(&mut || draw.unit()));
    let px = (letter / um).clamp(6.0, 160.0);
    let margin = (0.15 * px) as usize + 1;
    for (text, start) in &cartridge.headstamp {
        for (k, symbol) in text.chars().enumerate() {
            if !symbol.is_ascii_alphanumeric() {
                continue;
            }
            // Letters stand on the circle, feet inwards, reading clockwise.
            let angle = start + k as f32 * 0.98 * letter / radius;
            let (sa, ca) = angle.sin_cos();
            let (mx, my) = window.px(radius * sa, -radius * ca);
            let half = 0.9 * letter / um;
            if mx < -half || my < -half || mx > window.w as f32 + half || my > window.h as f32 + half {
                continue;
            }
            let field = face.distance(symbol, px, margin);
            let (rows, columns) = field.dim();
            let range =
                |c: f32, n: usize| ((c - half).max(0.0) as usize, ((c + half).max(0.0) as usize).min(n));
            let ((x0, x1), (y0, y1)) = (range(mx, window.w), range(my, window.h));
            for y in y0..y1 {
                for x in x0..x1 {
                    let (dx, dy) = ((x as f32 - mx) * um / letter * px, (y as f32 - my) * um / letter * px);
                    let (u, v) =
                        (ca * dx + sa * dy + columns as f32 / 2.0, -sa * dx + ca * dy + rows as f32 / 2.0);
                    if u < 0.0
                        || v < 0.0
                        || u >= columns as f32
                        || v >= rows as f32
                        || s.cup[y * window.w + x]
                    {
                        continue;
                    }
                    // Flanks of a stamped letter slope over about a fifteenth of its height.
                    let t = (0.5 - field[[v as usize, u as usize]] * 15.0).clamp(0.0, 1.0);
                    s.z[y * window.w + x] -= depth * t * t * (3.0 - 2.0 * t);
                }
            }
        }
    }
}

/// One straight scratch, on or about the crater.
fn scratch(s: &mut Surface, window: &Window, crater: (f32, f32), d: &mut Draw) {
    let um = window.um_per_px;
    let (angle, length) = (d.angle(), d.log_range(150.0, 4000.0) / um);
    let (width, depth) = (d.log_range(4.0, 30.0) / um, d.log_range(0.5, 12.0));
    // Of the crater, of the primer, or of the case head.
    let reach_um = d.log_range(500.0, 3500.0);
    let (cx, cy) = window.px(crater.0 + d.normal() * reach_um, crater.1 + d.normal() * reach_um);
    let (sin, cos) = angle.sin_cos();
    let steps = length as usize + 1;
    let side = (2.0 * width).ceil().max(1.0) as isize;
    let amp = depth * width.min(1.0);
    for k in 0..steps {
        let t = k as f32 - length / 2.0;
        let (px, py) = (cx + cos * t, cy + sin * t);
        for j in -side..=side {
            let (x, y) = ((px - sin * j as f32).round(), (py + cos * j as f32).round());
            if x < 0.0 || y < 0.0 || x >= window.w as f32 || y >= window.h as f32 {
                continue;
            }
            let q = j as f32 / width.max(0.7);
            let ends = (1.0 - (2.0 * t / length).abs()).min(0.15) / 0.15;
            // A turned line's steps hit some pixels twice and pass others by: a scratch is speckled.
            s.z[y as usize * window.w + x as usize] -= amp * 0.7 * (-q * q).exp() * ends;
        }
    }
}

/// One shallow round dent.
fn dent(s: &mut Surface, window: &Window, cartridge: &Cartridge, d: &mut Draw) {
    let (r, a) = (cartridge.face_um * d.unit(), d.angle());
    let (cx, cy) = window.px(r * a.cos(), r * a.sin());
    let radius = d.log_range(30.0, 260.0) / window.um_per_px;
    let depth = d.range(3.0, 40.0);
    let range = |c: f32, n: usize| ((c - radius).max(0.0) as usize, ((c + radius).max(0.0) as usize).min(n));
    let ((x0, x1), (y0, y1)) = (range(cx, window.w), range(cy, window.h));
    for y in y0..y1 {
        for x in x0..x1 {
            let q = ((x as f32 - cx).powi(2) + (y as f32 - cy).powi(2)) / (radius * radius);
            if q < 1.0 {
                s.z[y * window.w + x] -= depth * (1.0 - q).powi(2);
            }
        }
    }
}

/// Specks of dust, µm (one standard deviation of what they are cut from): burnt grains of powder.
const SPECK_UM: f32 = 7.0;
/// Places a pixel's side at which dirt is looked at, at the most: coarser than 20 µm a pixel nothing is drawn.
const MOST_PARTS: f32 = 3.0;

/// Soot flakes, a film of residue, and corrosion.
fn soot(s: &mut Surface, shot: &Shot, window: &Window, d: &mut Draw) {
    let um = window.um_per_px;
    // Flakes of 20-150 µm with ragged edges.
    let size = d.log_range(16.0, 90.0);
    let (body, ragged, speck) = (Grain::new(d, size), Grain::new(d, size * 0.2), Grain::new(d, SPECK_UM));
    let film = Grain::new(d, 260.0);
    let level = -normal_quantile(shot.soot.0.max(1e-5));
    let speck_level = 3.0 + d.range(-0.4, 0.6);
    let pit_level = -normal_quantile(shot.corrosion.max(1e-5));
    let pits = Grain::new(d, 12.0);
    let dark = 1.0 - shot.soot.1;
    let dust = d.chance(0.5);
    // What is finer than a pixel darkens it by its share: the same dirt, however coarse the photograph.
    let parts = (um / SPECK_UM).ceil().clamp(1.0, MOST_PARTS);
    let offset = |k: usize| ((k as f32 + 0.5) / parts - 0.5) * um;
    let covered = |px: f32, py: f32| {
        let flake = ((0.85 * body.at(px, py) + 0.53 * ragged.at(px, py) - level) * 4.0).clamp(0.0, 1.0);
        (1.0 - dark * flake) * if dust && speck.at(px, py) > speck_level { 0.3 } else { 1.0 }
    };
    let n = parts as usize;
    for y in 0..window.h {
        for x in 0..window.w {
            let i = y * window.w + x;
            let (px, py) = (window.x0 + x as f32 * um, window.y0 + y as f32 * um);
            let sum: f32 = (0..n * n).map(|k| covered(px + offset(k % n), py + offset(k / n))).sum();
            let mut a = s.albedo[i] * sum / (n * n) as f32;
            if shot.film > 0.0 {
                a *= 1.0 - shot.film * (0.5 + 0.5 * film.at(px, py)).clamp(0.0, 1.0);
            }
            if shot.corrosion > 0.0 {
                let pit = ((pits.at(px, py) - pit_level) * 3.0).clamp(0.0, 1.0);
                s.z[i] -= 8.0 * pit;
                a *= 1.0 - 0.5 * pit;
            }
            s.albedo[i] = a;
        }
    }
}
