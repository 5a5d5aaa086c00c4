//! What the light does not reach: cast shadows of oblique lamps, and the share
//! of the surrounding lamps that the crater's walls hide.

use super::light::{Kind, Rig, SECTORS};
use super::surface::{Surface, Window};

/// Share of an oblique lamp that each pixel sees, 0-1, by a sweep away from the lamp
/// that carries the height of the shadow along.
pub fn cast(
    z: &[f32],
    w: usize,
    h: usize,
    um: f32,
    azimuth: f32,
    elevation_deg: f32,
    spread_deg: f32,
) -> Vec<f32> {
    let (ly, lx) = azimuth.sin_cos();
    let fall = elevation_deg.to_radians().tan();
    // Penumbra: the lamp's half-width turned into height over a typical throw of 200 µm.
    let soft = (200.0 * spread_deg.to_radians() * 0.35 + 0.6 * um * fall).max(1.0);
    let rows = ly.abs() >= lx.abs();
    let (major, minor, n, m) = if rows { (ly, lx, h, w) } else { (lx, ly, w, h) };
    let shift = minor / major.abs();
    let drop = fall * um * (1.0 + shift * shift).sqrt();
    let index = |a: usize, b: usize| if rows { a * w + b } else { b * w + a };
    let mut out = vec![0.0f32; w * h];
    let mut before: Vec<f32> = Vec::new();
    let mut now = vec![0.0f32; m];
    for step in 0..n {
        // Start at the side of the lamp.
        let a = if major > 0.0 { n - 1 - step } else { step };
        for (b, low) in now.iter_mut().enumerate() {
            let i = index(a, b);
            let here = z[i];
            let mut shadow = here;
            if step > 0 {
                let t = (b as f32 + shift).clamp(0.0, (m - 1) as f32);
                let k = (t as usize).min(m.saturating_sub(2));
                let f = t - k as f32;
                let next = before.get(k + 1).copied().unwrap_or(before[k]);
                shadow = shadow.max(before[k] + (next - before[k]) * f - drop);
            }
            *low = shadow;
            out[i] = 1.0 - ((shadow - here) / soft).min(1.0);
        }
        std::mem::swap(&mut before, &mut now);
        now.resize(m, 0.0);
    }
    out
}

/// Side of an occlusion cell, pixels: the crater's walls are far wider.
const CELL: usize = 4;

/// For each cell of the crater's rectangle, the share of each sector's lamps that it sees.
pub struct Occlusion {
    w: usize,
    h: usize,
    seen: Vec<[f32; SECTORS]>,
}

impl Occlusion {
    /// Looks along each sector on a coarse copy of the crater's heights.
    pub fn new(s: &Surface, window: &Window, rig: &Rig) -> Self {
        let (x0, y0, x1, y1) = s.crater;
        let (w, h) = ((x1 - x0).div_ceil(CELL), (y1 - y0).div_ceil(CELL));
        let mut z = vec![0.0f32; w * h];
        for y in 0..h {
            for x in 0..w {
                let (px, py) = (
                    (x0 + x * CELL + CELL / 2).min(window.w - 1),
                    (y0 + y * CELL + CELL / 2).min(window.h - 1),
                );
                z[y * w + x] = s.z[py * window.w + px];
            }
        }
        let cell = window.um_per_px * CELL as f32;
        let elevations: &[f32] = match rig.kind {
            Kind::Dome => &[18.0, 40.0, 62.0, 82.0],
            Kind::Ring => &[rig.elevation_deg],
            Kind::Coaxial | Kind::Oblique => &[40.0],
        };
        let rises: Vec<f32> = elevations.iter().map(|e| e.to_radians().tan()).collect();
        let reach = ((1800.0 / cell) as usize).min(w.max(h));
        let mut seen = vec![[1.0f32; SECTORS]; w * h];
        if rig.kind == Kind::Coaxial {
            // Light through the lens reaches all that the camera sees.
            return Self { w, h, seen };
        }
        for k in 0..SECTORS {
            let (sy, sx) = ((k as f32 + 0.5) / SECTORS as f32 * std::f32::consts::TAU).sin_cos();
            for y in 0..h {
                for x in 0..w {
                    let (here, cell_seen) = (z[y * w + x], &mut seen[y * w + x]);
                    let mut horizon = 0.0f32;
                    let mut t = 1.5f32;
                    // Steps that grow with the distance: far walls need no finer look.
                    while (t as usize) < reach {
                        let (px, py) = (x as f32 + sx * t, y as f32 + sy * t);
                        if px < 0.0 || py < 0.0 || px >= w as f32 || py >= h as f32 {
                            break;
                        }
                        horizon = horizon.max((z[py as usize * w + px as usize] - here) / (t * cell));
                        t *= 1.3;
                    }
                    let sees =
                        |rise: &f32| (((rise - horizon) / (0.2 + 0.3 * horizon)) + 0.5).clamp(0.0, 1.0);
                    cell_seen[k] = rises.iter().map(sees).sum::<f32>() / rises.len() as f32;
                }
            }
        }
        Self { w, h, seen }
    }

    /// The shares at a pixel of the rectangle, bilinear between cells.
    #[inline]
    pub fn at(&self, x: usize, y: usize) -> [f32; SECTORS] {
        let half = (CELL / 2) as f32;
        let (fx, fy) =
            (((x as f32 - half) / CELL as f32).max(0.0), ((y as f32 - half) / CELL as f32).max(0.0));
        let (ix, iy) = ((fx as usize).min(self.w - 1), (fy as usize).min(self.h - 1));
        let (jx, jy) = ((ix + 1).min(self.w - 1), (iy + 1).min(self.h - 1));
        let (tx, ty) = (fx - ix as f32, fy - iy as f32);
        let (a, b) = (&self.seen[iy * self.w + ix], &self.seen[iy * self.w + jx]);
        let (c, d) = (&self.seen[jy * self.w + ix], &self.seen[jy * self.w + jx]);
        std::array::from_fn(|k| {
            let top = a[k] + (b[k] - a[k]) * tx;
            let low = c[k] + (d[k] - c[k]) * tx;
            top + (low - top) * ty
        })
    }
}
