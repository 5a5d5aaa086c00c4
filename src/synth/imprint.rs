//! The pin's relief and what a strike leaves of it: a square picture of the
//! floor in the mark's own frame.

use super::blur::{smear, smooth};
use super::draw::Draw;
use super::gun::{Code, Gun, Section};
use super::noise::Grain;
use super::shot::Shot;
use crate::pipeline::scheme::Scheme;

/// Relief on the floor, -1 to 1 of the floor's longer semi-axis both ways.
#[derive(Clone, Debug)]
pub struct Imprint {
    /// Side, texels.
    pub n: usize,
    /// Height of characters and teeth, µm, signed (raised above 0).
    pub relief: Vec<f32>,
    /// Share of a stroke that is there, 0-1: the truth of the ink map.
    pub ink: Vec<f32>,
}

/// Rounds after which the relief's corners are worn to the full wear radius: the study's pins were still legible at half of it.
const FULL_WEAR_ROUNDS: f32 = 5000.0;

/// Share of full wear after `rounds`, 0 to the 1.2 beyond which no pin is kept in use.
pub fn wear(rounds: f32) -> f32 {
    (rounds / FULL_WEAR_ROUNDS).min(1.2)
}

/// Rounding of the characters after full wear, µm (one standard deviation of the smoothing).
const FULL_WEAR_UM: f32 = 11.0;
/// The ring wears so much faster than the characters (2-3 times, as observed).
const RING_WEAR: f32 = 2.5;

/// Bilinear value of an n x n plane at (x, y); 0 outside.
#[inline]
pub fn bilinear(plane: &[f32], n: usize, x: f32, y: f32) -> f32 {
    if !(x >= 0.0 && y >= 0.0 && x < (n - 1) as f32 && y < (n - 1) as f32) {
        return 0.0;
    }
    let (ix, iy) = (x as usize, y as usize);
    let (fx, fy) = (x - ix as f32, y - iy as f32);
    let i = iy * n + ix;
    let top = plane[i] + (plane[i + 1] - plane[i]) * fx;
    let bottom = plane[i + n] + (plane[i + n + 1] - plane[i + n]) * fx;
    top + (bottom - top) * fy
}

/// Height of a stroke, 0-1, at signed distance `d` µm from its outline (negative inside).
fn stroke(section: Section, d: f32, half_um: f32, flank_um: f32) -> f32 {
    let ramp = |t: f32| {
        let t = t.clamp(0.0, 1.0);
        t * t * (3.0 - 2.0 * t)
    };
    match section {
        Section::Flat => ramp(0.5 - d / flank_um),
        Section::Round => {
            let t = (-d / half_um + 0.15).clamp(0.0, 1.0);
            (t * (2.0 - t)).sqrt()
        }
        Section::Vee => (-d / half_um + 0.1).clamp(0.0, 1.0),
        Section::Burr => ramp(1.0 - (d.abs() - 1.5) / flank_um) * 0.9 + 0.25 * ramp(0.5 - d / flank_um),
    }
}

impl Imprint {
    /// The imprint of `gun` in `shot`, with about `texel_um` per texel.
    pub fn draw(gun: &Gun, code: &Code, shot: &Shot, schemes: &[Scheme], texel_um: f32) -> Self {
        let n = ((2.0 * gun.pin.rx_um / texel_um).ceil() as usize).clamp(72, 640);
        let um = 2.0 * gun.pin.rx_um / (n - 1) as f32;
        let mut scratch = Vec::new();
        let wear = wear(shot.rounds);
        let mut chars = characters(code, schemes, n, um);
        smooth(&mut chars, n, n, FULL_WEAR_UM * wear / um, &mut scratch);
        if let Some(mut ring) = ring(gun, code, schemes, n, um) {
            smooth(&mut ring, n, n, FULL_WEAR_UM * wear * RING_WEAR / um, &mut scratch);
            chars.iter_mut().zip(&ring).for_each(|(c, r)| *c = c.max(*r));
        }
        chip(&mut chars, n, um, wear, &mut Draw::new(gun.key, "chips", 0));
        let mut struck = chars;
        transfer(&mut struck, n, um, shot, &mut Draw::new(shot.key, "imprint", 0));
        if let Some((offset, direction, turn, weight)) = shot.double {
            let first = struck.clone();
            let (s, c) = turn.sin_cos();
            let (dx, dy) = (offset / um * direction.cos(), offset / um * direction.sin());
            let mid = (n - 1) as f32 / 2.0;
            for y in 0..n {
                for x in 0..n {
                    let (u, v) = (x as f32 - mid - dx, y as f32 - mid - dy);
                    let again = bilinear(&first, n, mid + c * u + s * v, mid - s * u + c * v);
                    let here = &mut struck[y * n + x];
                    *here = (*here * (1.0 - 0.35 * weight)).max(weight * again);
                }
            }
        }
        if shot.smear_um > um {
            // In the mark's frame: the drag's direction in the photograph, turned back by the mark's rotation.
            struck = smear(&struck, n, shot.smear_um / um, shot.drag_angle + shot.rotation);
        }
        let ink = struck.iter().map(|v| v.clamp(0.0, 1.0)).collect();
        let sign = if code.sunken { -1.0 } else { 1.0 };
        struck.iter_mut().for_each(|v| *v *= sign * code.relief_um);
        Self { n, relief: struck, ink }
    }
}

/// The characters alone, 0-1.
fn characters(code: &Code, schemes: &[Scheme], n: usize, um: f32) -> Vec<f32> {
    let mut plane = vec![0.0f32; n * n];
    let px = code.height_um / um;
    let margin = (0.25 * px).ceil() as usize;
    let mid = (n - 1) as f32 / 2.0;
    let mut symbols = code.text.chars();
    for (cx, cy) in cell_centres(code, schemes) {
        let Some(symbol) = symbols.next() else { break };
        let field = code.face.distance(symbol, px, margin);
        let (rows, columns) = field.dim();
        // The field's middle onto the cell's, by whole texels of the field and a bilinear shift.
        let (left, top) =
            (mid + cx / um - (columns as f32 - 1.0) / 2.0, mid + cy / um - (rows as f32 - 1.0) / 2.0);
        let (x0, y0) = (left.floor().max(0.0) as usize, top.floor().max(0.0) as usize);
        let half = 0.07 * code.height_um;
        for y in y0..(y0 + rows + 1).min(n) {
            for x in x0..(x0 + columns + 1).min(n) {
                let (fx, fy) = (x as f32 - left, y as f32 - top);
                if fx < 0.0 || fy < 0.0 || fx >= (columns - 1) as f32 || fy >= (rows - 1) as f32 {
                    continue;
                }
                let (ix, iy) = (fx as usize, fy as usize);
                let (tx, ty) = (fx - ix as f32, fy - iy as f32);
                let a = field[[iy, ix]] * (1.0 - tx) + field[[iy, ix + 1]] * tx;
                let b = field[[iy + 1, ix]] * (1.0 - tx) + field[[iy + 1, ix + 1]] * tx;
                let d = (a + (b - a) * ty) * code.height_um;
                let cell = &mut plane[y * n + x];
                *cell = cell.max(stroke(code.section, d, half, code.flank_um));
            }
        }
    }
    plane
}

/// Middles of the characters from the floor's, µm, in reading order.
pub fn cell_centres(code: &Code, schemes: &[Scheme]) -> Vec<(f32, f32)> {
    let place = |(column, row): (f64, f64)| {
        (column as f32 * code.column_um + code.offset_um.0, row as f32 * code.row_um + code.offset_um.1)
    };
    schemes[code.format].places().map(place).collect()
}

/// The gear ring alone, 0-1, or none.
fn ring(gun: &Gun, code: &Code, schemes: &[Scheme], n: usize, um: f32) -> Option<Vec<f32>> {
    let ring = code.ring?;
    let sectors = schemes[code.format].gear_sectors(&code.text)?;
    let start = schemes[code.format].gear.as_ref()?.start;
    let outer = ring.outer * gun.pin.rx_um.min(gun.pin.ry_um);
    let inner = outer - ring.width_um;
    let tooth_inner = inner - 0.7 * ring.width_um;
    let mid = (n - 1) as f32 / 2.0;
    let count = sectors.len() as f32;
    let mut plane = vec![0.0f32; n * n];
    // By the distance to the nearest border of a tooth, radial or along the arc: the outer half of a flank lies in the gap.
    for y in 0..n {
        for x in 0..n {
            let (u, v) = ((x as f32 - mid) * um, (y as f32 - mid) * um);
            let r = u.hypot(v);
            if r < tooth_inner - code.flank_um || r > outer + code.flank_um {
                continue;
            }
            // Clockwise from 12 o'clock with y pointing down.
            let angle = u.atan2(-v).rem_euclid(std::f32::consts::TAU);
            let t = angle / std::f32::consts::TAU * count;
            let k = (t as usize).min(sectors.len() - 1);
            let arc = std::f32::consts::TAU * r / count;
            let f = t - k as f32;
            let low = |k: usize| if k < start { tooth_inner } else { inner };
            // Depth within the tooth of a sector, below 0 outside it, from the distance to its nearer side.
            let within = |k: usize, side: f32| {
                if sectors[k] { side.min(outer - r).min(r - low(k)) } else { f32::NEG_INFINITY }
            };
            let (before, after) = ((k + sectors.len() - 1) % sectors.len(), (k + 1) % sectors.len());
            // Between two teeth there is no side as far in as both reach.
            let side = |next: usize, far: f32| if sectors[next] && r >= low(next) { f32::MAX } else { far };
            let (left, right) = (f * arc, (1.0 - f) * arc);
            let own = within(k, side(before, left).min(side(after, right)));
            let depth = own.max(within(before, -left)).max(within(after, -right));
            if depth == f32::NEG_INFINITY {
                continue;
            }
            plane[y * n + x] = stroke(code.section, -depth, 0.4 * ring.width_um, code.flank_um);
        }
    }
    Some(plane)
}

/// Chips broken out of the relief's edges: more with wear, each of them where it was.
fn chip(plane: &mut [f32], n: usize, um: f32, wear: f32, d: &mut Draw) {
    let (coarse, fine) = (Grain::new(d, 14.0), Grain::new(d, 5.0));
    let mid = (n - 1) as f32 / 2.0;
    // From 2.5 standard deviations (0.6 % of the area) at no wear to 1.3 (10 %) at full wear.
    let level = 2.5 - 1.2 * wear + 0.3 * d.normal();
    for (i, v) in plane.iter_mut().enumerate() {
        if *v > 0.0 {
            let (x, y) = (((i % n) as f32 - mid) * um, ((i / n) as f32 - mid) * um);
            let noise = 0.8 * coarse.at(x, y) + 0.6 * fine.at(x, y);
            *v *= 1.0 - ((noise - level) * 3.0).clamp(0.0, 1.0);
        }
    }
}

/// Shallow strikes, tilt, and blobs without relief.
fn transfer(plane: &mut [f32], n: usize, um: f32, shot: &Shot, d: &mut Draw) {
    let blobs = Grain::new(d, 110.0);
    let rough = Grain::new(d, 25.0);
    // Threshold so that about `partial` of the area is lost (normal quantile, Hastings' rational form).
    let level = -normal_quantile(shot.partial);
    let (s, c) = shot.tilt.0.sin_cos();
    let mid = (n - 1) as f32 / 2.0;
    let uneven = d.range(0.0, 0.18);
    for y in 0..n {
        for x in 0..n {
            let v = &mut plane[y * n + x];
            if *v == 0.0 {
                continue;
            }
            let (px, py) = ((x as f32 - mid) * um, (y as f32 - mid) * um);
            let noise = blobs.at(px, py);
            let there = if shot.partial > 0.0 {
                ((level - noise - 0.25 * rough.at(px, py)) * 2.5 + 0.5).clamp(0.0, 1.0)
            } else {
                1.0
            };
            let across = ((x as f32 - mid) * c + (y as f32 - mid) * s) / mid;
            let tilt = (1.0 - shot.tilt.1 * 0.8 * (0.5 + 0.5 * across)).clamp(0.05, 1.0);
            *v *= shot.transfer * there * tilt * (1.0 + uneven * noise).clamp(0.3, 1.4);
        }
    }
}

/// Quantile of the standard normal distribution (Abramowitz and Stegun 26.2.23, error below 5e-4).
pub fn normal_quantile(p: f32) -> f32 {
    let q = p.clamp(1e-6, 1.0 - 1e-6);
    let t = (-2.0 * q.min(1.0 - q).ln()).sqrt();
    let x = t
        - (2.515_517 + 0.802_853 * t + 0.010_328 * t * t)
            / (1.0 + 1.432_788 * t + 0.189_269 * t * t + 0.001_308 * t * t * t);
    if q < 0.5 { -x } else { x }
}
