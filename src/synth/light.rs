//! Light on metal: rough specular (GGX micro-facets) and a little diffuse
//! reflection of ring, oblique, coaxial and dome lights, with cast shadows and
//! occlusion.
//!
//! With the camera straight above, the radiance of a lit point depends on its
//! normal alone. Each light is therefore rendered once into a table over the
//! normal's x and y, and a pixel costs a look-up.

use super::draw::Draw;
use super::profile::Profile;
use super::shadow::{Occlusion, cast};
use super::shot::Metal;
use super::surface::{Surface, Window};
use pulp::Arch;

/// Kinds of illumination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A ring round the lens.
    Ring,
    /// One lamp from the side, or two.
    Oblique,
    /// Through the lens.
    Coaxial,
    /// From everywhere.
    Dome,
}

impl Kind {
    /// Name in the truth file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Oblique => "oblique",
            Self::Coaxial => "coaxial",
            Self::Dome => "dome",
        }
    }
}

/// A set of lamps.
#[derive(Clone, Debug)]
pub struct Rig {
    /// Kind of illumination.
    pub kind: Kind,
    /// Elevation of the lamps over the primer's plane, degrees.
    pub elevation_deg: f32,
    /// Azimuth of the first lamp, radians.
    pub azimuth: f32,
    /// Second oblique lamp: azimuth from the first, and strength.
    pub second: Option<(f32, f32)>,
    /// Crossed polarisers: only diffuse light and a remnant of the specular.
    pub crossed: bool,
    /// Strength of light that has been reflected by the surroundings.
    pub ambient: f32,
    /// Half-width of an oblique lamp as seen from the primer, degrees.
    pub spread_deg: f32,
    /// Unevenness of a ring: strength of one side over the other.
    pub uneven: f32,
}

impl Rig {
    /// A rig at random.
    pub fn draw(d: &mut Draw, profile: Profile) -> Self {
        let (dim, bright) = profile.ranges().ambient;
        let kind =
            [Kind::Ring, Kind::Oblique, Kind::Coaxial, Kind::Dome][d.weighted(&[0.36, 0.38, 0.12, 0.14])];
        Self {
            kind,
            elevation_deg: if kind == Kind::Oblique { d.range(10.0, 45.0) } else { d.range(20.0, 72.0) },
            azimuth: d.angle(),
            second: d.chance(0.25).then(|| (d.range(1.2, 5.0), d.range(0.3, 1.0))),
            crossed: d.chance(0.3),
            ambient: d.log_range(dim, bright),
            spread_deg: d.range(2.0, 14.0),
            uneven: if d.chance(0.4) { d.range(0.0, 0.8) } else { 0.0 },
        }
    }
}

/// A direction with a strength, in one of eight azimuth sectors.
struct Lamp {
    x: f32,
    y: f32,
    z: f32,
    power: f32,
    sector: usize,
}

/// Azimuth sectors for which occlusion is told apart.
pub const SECTORS: usize = 8;
/// Side of a look-up table: steps of 1/32 in the normal, finer than the lobes of the smoothest metal here.
const TABLE: usize = 64;

fn lamp(azimuth: f32, elevation: f32, power: f32) -> Lamp {
    let (sa, ca) = azimuth.sin_cos();
    let (se, ce) = elevation.sin_cos();
    let sector = (azimuth.rem_euclid(std::f32::consts::TAU) / std::f32::consts::TAU * SECTORS as f32)
        as usize
        % SECTORS;
    Lamp { x: ca * ce, y: sa * ce, z: se, power, sector }
}

/// Lamps that surround the object, and oblique lamps that cast sharp shadows.
fn lamps(rig: &Rig) -> (Vec<Lamp>, Vec<Vec<Lamp>>) {
    let tau = std::f32::consts::TAU;
    let e = rig.elevation_deg.to_radians();
    let uneven = |a: f32| 1.0 + rig.uneven * (a - rig.azimuth).cos();
    match rig.kind {
        Kind::Ring => {
            let n = 16;
            (
                (0..n)
                    .map(|i| (i as f32 + 0.5) / n as f32 * tau)
                    .map(|a| lamp(a, e, uneven(a) / n as f32))
                    .collect(),
                vec![],
            )
        }
        Kind::Dome => {
            let mut all = Vec::new();
            for (elevation, n) in [(18f32, 8), (40.0, 8), (62.0, 8), (82.0, 8)] {
                for i in 0..n {
                    let a = (i as f32 + 0.5) / n as f32 * tau;
                    all.push(lamp(
                        a,
                        elevation.to_radians(),
                        uneven(a) * elevation.to_radians().cos().max(0.25) / 20.0,
                    ));
                }
            }
            (all, vec![])
        }
        Kind::Coaxial => {
            let mut all = vec![lamp(0.0, 1.57, 0.4)];
            all.extend(
                (0..8)
                    .map(|i| lamp((i as f32 + 0.5) / 8.0 * tau, (90.0 - rig.spread_deg).to_radians(), 0.075)),
            );
            (all, vec![])
        }
        Kind::Oblique => {
            let area = |azimuth: f32, power: f32| {
                let s = rig.spread_deg.to_radians();
                [(-1.0, 0.0), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, -0.7)]
                    .iter()
                    .map(|&(u, v): &(f32, f32)| lamp(azimuth + u * s, (e + v * s).max(0.05), power / 5.0))
                    .collect::<Vec<_>>()
            };
            let mut groups = vec![area(rig.azimuth, 1.0)];
            if let Some((turn, power)) = rig.second {
                groups.push(area(rig.azimuth + turn, power));
            }
            (vec![], groups)
        }
    }
}

/// Radiance of a set of lamps over the normal, TABLE x TABLE over -1..1.
struct Table(Vec<f32>);

impl Table {
    fn new<'a>(lamps: impl Iterator<Item = &'a Lamp>, metal: &Metal, fine: f32, specular: f32) -> Self {
        let mut out = vec![0.0f32; TABLE * TABLE];
        // Slopes finer than a pixel widen the lobe (variance adds to alpha squared).
        let a2 = (metal.roughness.powi(4) + 2.0 * fine).clamp(1e-4, 0.9);
        let alpha = a2.sqrt();
        let k = alpha / 2.0;
        for l in lamps {
            let (hx, hy, hz) = (l.x, l.y, l.z + 1.0);
            let hn = (hx * hx + hy * hy + hz * hz).sqrt();
            let (hx, hy, hz) = (hx / hn, hy / hn, hz / hn);
            let lh = l.x * hx + l.y * hy + l.z * hz;
            let fresnel = metal.albedo + (1.0 - metal.albedo) * (1.0 - lh).powi(5);
            for iy in 0..TABLE {
                let ny = iy as f32 / (TABLE - 1) as f32 * 2.0 - 1.0;
                // Normals outside the unit disc do not exist; a margin serves the interpolation.
                let half = (1.0 - ny * ny).max(0.0).sqrt() + 2.5 / TABLE as f32;
                let first = ((1.0 - half).max(0.0) * 0.5 * (TABLE - 1) as f32) as usize;
                for ix in first..TABLE - first {
                    let nx = ix as f32 / (TABLE - 1) as f32 * 2.0 - 1.0;
                    let nz = (1.0 - nx * nx - ny * ny).max(0.01).sqrt();
                    let nl = nx * l.x + ny * l.y + nz * l.z;
                    if nl <= 0.0 {
                        continue;
                    }
                    let nh = nx * hx + ny * hy + nz * hz;
                    let q = nh * nh * (a2 - 1.0) + 1.0;
                    let lobe = a2 / (std::f32::consts::PI * q * q);
                    let shade = 1.0 / ((nl * (1.0 - k) + k) * (nz * (1.0 - k) + k));
                    let spec = 0.25 * lobe * shade * fresnel * nl;
                    out[iy * TABLE + ix] += l.power
                        * (specular * spec + metal.diffuse * metal.albedo * nl / std::f32::consts::PI);
                }
            }
        }
        Self(out)
    }

    #[inline]
    fn at(&self, p: &Place) -> f32 {
        let t = &self.0;
        p.weights[0] * t[p.i]
            + p.weights[1] * t[p.i + 1]
            + p.weights[2] * t[p.i + TABLE]
            + p.weights[3] * t[p.i + TABLE + 1]
    }
}

/// Where a normal lies in the tables: the first of four cells, and their weights.
struct Place {
    i: usize,
    weights: [f32; 4],
}

impl Place {
    #[inline]
    fn new(nx: f32, ny: f32) -> Self {
        let (x, y) = ((nx + 1.0) * 0.5 * (TABLE - 1) as f32, (ny + 1.0) * 0.5 * (TABLE - 1) as f32);
        let (ix, iy) = ((x as usize).min(TABLE - 2), (y as usize).min(TABLE - 2));
        let (fx, fy) = (x - ix as f32, y - iy as f32);
        let weights = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
        Self { i: iy * TABLE + ix, weights }
    }
}

/// Tables of one metal: all surrounding lamps, each sector of them, each oblique lamp, ambient.
struct Tables {
    all: Table,
    /// Empty, or for each cell the radiance of every sector.
    sectors: Vec<[f32; SECTORS]>,
    oblique: Vec<Table>,
    ambient: Table,
}

impl Tables {
    fn new(rig: &Rig, metal: &Metal, fine: f32) -> Self {
        let (around, groups) = lamps(rig);
        // Crossed polarisers keep about a fiftieth of the specular light.
        let specular = if rig.crossed { 0.02 } else { 1.0 };
        let diffuse = Metal { diffuse: metal.diffuse + if rig.crossed { 0.15 } else { 0.0 }, ..*metal };
        let rough = Metal { roughness: metal.roughness.max(0.6), ..diffuse };
        let sky: Vec<Lamp> = (0..4)
            .map(|i| {
                lamp(
                    (i as f32 + 0.5) / 4.0 * std::f32::consts::TAU,
                    if i % 2 == 0 { 0.6 } else { 1.15 },
                    0.25,
                )
            })
            .collect();
        let sectors: Vec<Table> = if around.is_empty() {
            Vec::new()
        } else {
            (0..SECTORS)
                .map(|k| Table::new(around.iter().filter(|l| l.sector == k), &diffuse, fine, specular))
                .collect()
        };
        let sectors: Vec<[f32; SECTORS]> = if sectors.is_empty() {
            Vec::new()
        } else {
            (0..TABLE * TABLE).map(|i| std::array::from_fn(|k| sectors[k].0[i])).collect()
        };
        Self {
            all: Table(sectors.iter().map(|s| s.iter().sum()).collect()),
            sectors,
            oblique: groups.iter().map(|g| Table::new(g.iter(), &diffuse, fine, specular)).collect(),
            ambient: Table::new(sky.iter(), &rough, fine, specular),
        }
    }
}

impl Tables {
    /// Radiance of all sectors, each as far as it is seen.
    #[inline]
    fn sectors_at(&self, p: &Place, seen: &[f32; SECTORS]) -> f32 {
        let cells = [p.i, p.i + 1, p.i + TABLE, p.i + TABLE + 1].map(|i| &self.sectors[i]);
        let mut light = 0.0;
        for (k, seen) in seen.iter().enumerate() {
            let here = p.weights[0] * cells[0][k]
                + p.weights[1] * cells[1][k]
                + p.weights[2] * cells[2][k]
                + p.weights[3] * cells[3][k];
            light += here * seen;
        }
        light
    }
}

/// The first two components of the unit normals of a row of heights, from differences over two pixels
/// of `um` along it and over `dy` across it.
#[inline(always)]
fn slopes(row: &[f32], above: &[f32], below: &[f32], um: f32, dy: f32, to: &mut [(f32, f32)]) {
    let w = row.len();
    let normal = |left: f32, right: f32, dx: f32, up: f32, down: f32| {
        let (p, q) = ((left - right) / dx, (up - down) / dy);
        let n = 1.0 / (1.0 + p * p + q * q).sqrt();
        (p * n, q * n)
    };
    let across = above.windows(3).zip(below.windows(3));
    for ((to, along), (up, down)) in to[1..].iter_mut().zip(row.windows(3)).zip(across) {
        *to = normal(along[0], along[2], 2.0 * um, up[1], down[1]);
    }
    for x in [0, w - 1] {
        to[x] = normal(row[x.saturating_sub(1)], row[(x + 1).min(w - 1)], um, above[x], below[x]);
    }
}

/// Radiance of the surface under `rig`, in arbitrary units.
pub fn shade(s: &Surface, window: &Window, rig: &Rig, cup: &Metal, case: &Metal) -> Vec<f32> {
    let (w, h, um) = (window.w, window.h, window.um_per_px);
    let of_cup = Tables::new(rig, cup, s.fine.1);
    let of_case = if s.cup.iter().all(|c| *c) { None } else { Some(Tables::new(rig, case, s.fine.0)) };
    let tables = [of_case.as_ref().unwrap_or(&of_cup), &of_cup];
    let (_, groups) = lamps(rig);
    let shadows: Vec<Vec<f32>> = groups
        .iter()
        .enumerate()
        .map(|(i, _)| {
            let azimuth = rig.azimuth + if i == 1 { rig.second.map_or(0.0, |s| s.0) } else { 0.0 };
            cast(&s.z, w, h, um, azimuth, rig.elevation_deg, rig.spread_deg)
        })
        .collect();
    let occlusion = Occlusion::new(s, window, rig);
    let (x0, y0, x1, y1) = s.crater;
    let mut out = vec![0.0f32; w * h];
    let mut normals = vec![(0.0f32, 0.0f32); w];
    let arch = Arch::new();
    for y in 0..h {
        let line = |y: usize| &s.z[y * w..(y + 1) * w];
        let dy = if y == 0 || y == h - 1 { um } else { 2.0 * um };
        let (above, below) = (line(y.saturating_sub(1)), line((y + 1).min(h - 1)));
        arch.dispatch(|| slopes(line(y), above, below, um, dy, &mut normals));
        for (x, (nx, ny)) in normals.iter().copied().enumerate() {
            let i = y * w + x;
            let t = tables[usize::from(s.cup[i])];
            let deep = x >= x0 && x < x1 && y >= y0 && y < y1;
            let mut light = 0.0;
            let mut open = 1.0;
            let place = Place::new(nx, ny);
            if deep {
                let seen = occlusion.at(x - x0, y - y0);
                open = seen.iter().sum::<f32>() / SECTORS as f32;
                if !t.sectors.is_empty() {
                    light += t.sectors_at(&place, &seen);
                }
            } else if !t.sectors.is_empty() {
                light += t.all.at(&place);
            }
            for (table, shadow) in t.oblique.iter().zip(&shadows) {
                let v = shadow[i];
                if v > 0.0 {
                    light += table.at(&place) * v;
                }
            }
            // Light reflected once from the walls reaches the floor where the sky does not.
            light += rig.ambient * t.ambient.at(&place) * (0.25 + 0.75 * open);
            out[i] = light * s.albedo[i];
        }
    }
    out
}
