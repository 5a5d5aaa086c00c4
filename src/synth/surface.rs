//! The height map of a fired case head, µm, in a window at a chosen scale.
//!
//! Origin: the primer's middle at the height of the case head, beside which the primer's face lies at `seat_um`; x right,
//! y down, z towards the camera.

use super::draw::Draw;
use super::gun::{Breech, Gun, Wall};
use super::imprint::{Imprint, bilinear};
use super::noise::{Grain, Noise, Smooth};
use super::shot::{Cartridge, Pocket, Shot};

/// Over which a breech face's parallel lines wander (one standard deviation of the smoothing), µm: a tool is guided over
/// more than a line's width and less than the face.
const WANDER_UM: f32 = 400.0;

/// What part of the plane is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Columns.
    pub w: usize,
    /// Rows.
    pub h: usize,
    /// Micrometres per pixel.
    pub um_per_px: f32,
    /// Position of the first pixel's centre, µm.
    pub x0: f32,
    /// Position of the first pixel's centre, µm.
    pub y0: f32,
}

impl Window {
    /// From µm to pixels.
    pub fn px(&self, x: f32, y: f32) -> (f32, f32) {
        ((x - self.x0) / self.um_per_px, (y - self.y0) / self.um_per_px)
    }
}

/// Heights and what the surface is made of.
#[derive(Clone, Debug)]
pub struct Surface {
    /// Height, µm.
    pub z: Vec<f32>,
    /// Factor on the reflectance: below 1 under residue, above 1 on the ground that the head lies on.
    pub albedo: Vec<f32>,
    /// Whether a pixel belongs to the cup (else to the case).
    pub cup: Vec<bool>,
    /// Strokes that are really there, 0-1.
    pub ink: Vec<f32>,
    /// Slope variance that is finer than a pixel, of case and cup.
    pub fine: (f32, f32),
    /// Pixel rectangle x0, y0, x1, y1 in which the crater lies.
    pub crater: (usize, usize, usize, usize),
}

impl Surface {
    /// Mirrors left and right.
    pub fn mirror(&mut self, w: usize) {
        for plane in [&mut self.z, &mut self.albedo, &mut self.ink] {
            plane.chunks_exact_mut(w).for_each(<[f32]>::reverse);
        }
        self.cup.chunks_exact_mut(w).for_each(<[bool]>::reverse);
        let (x0, y0, x1, y1) = self.crater;
        self.crater = (w - x1, y0, w - x0, y1);
    }
}

/// Places in the crater's own frame: its axes, and distances in floor radii or µm.
pub struct Crater<'a> {
    gun: &'a Gun,
    ca: f32,
    sa: f32,
    mean: f32,
}

impl<'a> Crater<'a> {
    /// The crater with its long axis at `angle` in the photograph.
    ///
    /// An elliptic pin's rows run along the short axis: upright, its long axis stands upright.
    pub fn new(gun: &'a Gun, shot: &Shot) -> Self {
        let (sa, ca) = (std::f32::consts::FRAC_PI_2 - shot.rotation).sin_cos();
        Self { gun, ca, sa, mean: (gun.pin.rx_um * gun.pin.ry_um).sqrt() }
    }

    /// Radius in units of the floor's ellipse: 1 on the floor's edge.
    #[inline]
    pub fn level(&self, x: f32, y: f32) -> f32 {
        let pin = &self.gun.pin;
        let (dx, dy) = (x - pin.offset_um.0, y - pin.offset_um.1);
        let u = (self.ca * dx + self.sa * dy).abs() / pin.rx_um;
        let v = (-self.sa * dx + self.ca * dy).abs() / pin.ry_um;
        if pin.exponent == 2.0 {
            (u * u + v * v).sqrt()
        } else {
            (u.powf(pin.exponent) + v.powf(pin.exponent)).powf(1.0 / pin.exponent)
        }
    }

    /// Rim in units of the floor's ellipse: the wall of a long floor is wider along it.
    pub fn rim(&self) -> f32 {
        self.gun.pin.rim_ratio
    }
}

/// The undisturbed floor and wall, as a table over the level: depth below the face, µm.
fn crater_profile(gun: &Gun, mean_um: f32) -> Vec<f32> {
    let pin = &gun.pin;
    let reach = pin.rim_ratio;
    // The wall's own corner; rounded, the face begins to fall at the rim.
    let corner = pin.rim_ratio - pin.lip_um / mean_um;
    (0..PROFILE_STEPS)
        .map(|i| {
            let level = reach * i as f32 / (PROFILE_STEPS - 1) as f32;
            let raw = |level: f32| -> f32 {
                if level <= 1.0 {
                    return -pin.depth_um + pin.dome_um * (1.0 - level * level);
                }
                let t = ((level - 1.0) / (corner - 1.0)).min(1.0);
                let up = match pin.wall {
                    Wall::Straight => t,
                    Wall::Smooth => t * t * (3.0 - 2.0 * t),
                    Wall::Hollow => 1.0 - (1.0 - t * t).max(0.0).sqrt(),
                    Wall::Bulging => (t * (2.0 - t)).max(0.0).sqrt(),
                };
                -pin.depth_um * (1.0 - up)
            };
            // The lip: a running mean rounds the corner at the rim, less so at the floor.
            let width = if level > 1.0 { pin.lip_um } else { 0.2 * pin.lip_um } / mean_um;
            (-4..=4).map(|k| raw((level + width * k as f32 / 4.0).abs())).sum::<f32>() / 9.0
        })
        .collect()
}

/// Entries of the crater's profile: finer than a pixel for every scale in use.
const PROFILE_STEPS: usize = 512;

/// Builds the surface in `window`. Large windows cost in proportion to their pixels.
pub fn build(
    gun: &Gun,
    cartridge: &Cartridge,
    shot: &Shot,
    imprint: Option<&Imprint>,
    window: &Window,
) -> Surface {
    let (w, h, um) = (window.w, window.h, window.um_per_px);
    let mut d = Draw::new(shot.key, "surface", 0);
    let d = &mut d;
    // White noise smoothed by a Gaussian of s has a correlation length of 2 s.
    let sigma_um = cartridge.texture_um.2 * 0.5;
    let case_grain = Grain::new(d, sigma_um * 1.3);
    let cup_grain = Grain::new(d, sigma_um);
    let fine_grain = Grain::new(d, sigma_um * 0.45);
    let slow = Grain::new(d, cartridge.waviness_um.1 * 0.5);
    let turning_line = Noise::new(d, Smooth::Line);
    let mut of_gun = Draw::new(gun.key, "breech", 0);
    let breech_line = Noise::new(&mut of_gun, Smooth::Line);
    let breech_grain = Grain::new(&mut of_gun, gun.breech.pitch_um * 0.1);
    let (wave, wander) = (of_gun.range(0.0, 30.0), Grain::new(&mut of_gun, WANDER_UM));
    // Texture finer than a pixel is no longer seen as grains but as roughness.
    let seen = |length: f32| (length / um / 1.2).min(1.0);
    let grain = |ra: f32, length: f32| 1.25 * ra * seen(length);
    let fine = |ra: f32, length: f32| (1.25 * ra / length).powi(2) * 2.0 * (1.0 - seen(length).powi(2));
    let (case_amp, cup_amp) = (
        grain(cartridge.texture_um.0, cartridge.texture_um.2),
        grain(cartridge.texture_um.1, cartridge.texture_um.2),
    );
    let mut s = Surface {
        z: vec![0.0; w * h],
        albedo: vec![1.0; w * h],
        cup: vec![false; w * h],
        ink: vec![0.0; w * h],
        fine: (
            fine(cartridge.texture_um.0, cartridge.texture_um.2),
            fine(cartridge.texture_um.1, cartridge.texture_um.2),
        ),
        crater: (0, 0, 0, 0),
    };
    let head_offset = (d.normal() * 25.0, d.normal() * 25.0);
    let (cup, face) = (cartridge.cup_um, cartridge.face_um);
    let pocket = cup + cartridge.gap_um;
    let (sb, cb) = gun.breech.angle.sin_cos();
    let breech_amp = gun.breech.height_um * (gun.breech.pitch_um / um / 1.5).min(1.0);
    let crater = Crater::new(gun, shot);
    let profile = crater_profile(gun, crater.mean);
    let rim = crater.rim();
    let lobes = (d.angle(), d.range(0.0, 0.6));
    for y in 0..h {
        let py = window.y0 + y as f32 * um;
        let row = y * w;
        for x in 0..w {
            let px = window.x0 + x as f32 * um;
            let r2 = px * px + py * py;
            let i = row + x;
            if let Some(empty) = &cartridge.empty
                && r2 < pocket * pocket
            {
                let r = r2.sqrt();
                s.z[i] = pocket_height(empty, pocket, r) + empty.rough * case_amp * case_grain.at(px, py);
                s.albedo[i] = if r < empty.hole_um {
                    0.08
                } else {
                    // Residue lies in patches.
                    1.0 - empty.residue * (0.5 + 0.7 * slow.at(px, py)).clamp(0.0, 1.0)
                };
                continue;
            }
            if r2 > cup * cup {
                let r = r2.sqrt();
                s.z[i] = if r < pocket {
                    // The gap: a groove, or sealant level with the head.
                    if cartridge.sealant.is_some() { -60.0 } else { -600.0 }
                } else {
                    let (hx, hy) = (px - head_offset.0, py - head_offset.1);
                    let hr = (hx * hx + hy * hy).sqrt();
                    let edge = hr - (cartridge.head_um - cartridge.bevel_um);
                    if hr > cartridge.head_um {
                        s.albedo[i] =
                            (cartridge.ground.0 * (1.0 + cartridge.ground.1 * slow.at(px, py))).max(0.01);
                    }
                    let base = if hr > cartridge.head_um {
                        -4000.0
                    } else if edge > 0.0 {
                        -0.6 * cartridge.bevel_um * (edge / cartridge.bevel_um).powi(2)
                    } else {
                        0.0
                    };
                    // The pocket's own rounded edge, and turning marks about the case's axis.
                    let edge = cartridge.pocket_um;
                    let chamfer = (pocket + edge - r).max(0.0);
                    base - chamfer * chamfer / (1.4 * edge)
                        + cartridge.turning_um.1 * turning_line.line(hr / cartridge.turning_um.0)
                        + case_amp * case_grain.at(px, py)
                };
                if r < pocket {
                    s.albedo[i] = cartridge.sealant.unwrap_or(0.06);
                }
                continue;
            }
            s.cup[i] = true;
            let mut z = cartridge.seat_um;
            if r2 > face * face {
                let t = (r2.sqrt() - face) / (cup - face);
                z -= cartridge.edge_um
                    * (1.0 - (1.0 - t.powf(cartridge.edge_shape)).max(0.0).powf(1.0 / cartridge.edge_shape));
            }
            z += cup_amp * (0.95 * cup_grain.at(px, py) + 0.3 * fine_grain.at(px, py))
                + cartridge.waviness_um.0 * slow.at(px, py);
            // The breech face's own frame, which is turned with the case.
            let (across, along) = (px * cb + py * sb, py * cb - px * sb);
            z += match gun.breech.kind {
                Breech::None => 0.0,
                Breech::Parallel => {
                    breech_amp
                        * breech_line.line((across + wave * wander.at(across, along)) / gun.breech.pitch_um)
                }
                Breech::Arched => {
                    let (ax, ay) = (px - 7000.0 * cb, py - 7000.0 * sb);
                    breech_amp * breech_line.line((ax * ax + ay * ay).sqrt() / gun.breech.pitch_um)
                }
                Breech::Circular => breech_amp * breech_line.line(r2.sqrt() / gun.breech.pitch_um),
                Breech::Granular => breech_amp * breech_grain.at(across, along),
            };
            s.z[i] = z;
        }
    }
    if cartridge.empty.is_some() {
        // Light and focus of the pocket are worked out as a crater's are.
        let (cx, cy) = window.px(0.0, 0.0);
        let ((x0, x1), (y0, y1)) = (bounds(cx, pocket / um, w), bounds(cy, pocket / um, h));
        s.crater = (x0, y0, x1, y1);
    } else {
        strike(&mut s, gun, shot, imprint, window, &crater, &profile, rim, lobes, cartridge, d);
    }
    super::wear::age(&mut s, gun, cartridge, shot, window, d);
    s
}

/// Height of an empty pocket of radius `wall` at radius `r` from its middle, µm.
fn pocket_height(pocket: &Pocket, wall: f32, r: f32) -> f32 {
    if r < pocket.hole_um {
        return -pocket.depth_um - 1500.0;
    }
    // A quarter circle leads from the floor to the wall.
    let corner = pocket.corner_um.min(0.6 * pocket.depth_um);
    let t = (1.0 - (wall - r) / corner).clamp(0.0, 1.0);
    let broken = (1.0 - (r - pocket.hole_um) / pocket.chamfer_um).max(0.0) * pocket.chamfer_um;
    -pocket.depth_um + corner * (1.0 - (1.0 - t * t).sqrt()) - broken
}

/// The pixels of a side of `n` within `half` of `c`: from and up to.
fn bounds(c: f32, half: f32, n: usize) -> (usize, usize) {
    (((c - half).floor().max(0.0) as usize).min(n), ((c + half).ceil().max(0.0) as usize + 1).min(n))
}

/// Presses the crater with its rings, drag and mark into the cup.
#[allow(clippy::too_many_arguments)] // one pass over the pixels needs them all
fn strike(
    s: &mut Surface,
    gun: &Gun,
    shot: &Shot,
    imprint: Option<&Imprint>,
    window: &Window,
    crater: &Crater<'_>,
    profile: &[f32],
    reach: f32,
    lobes: (f32, f32),
    cartridge: &Cartridge,
    d: &mut Draw,
) {
    let (w, um, pin) = (window.w, window.um_per_px, &gun.pin);
    let widest =
        gun.breech.rings.iter().map(|r| r.0 * crater.rim() + 3.0 * r.1 / crater.mean).fold(reach, f32::max);
    let drag_reach = if shot.drag.0 > 0.0 { 1.0 + 2.0 * shot.drag.0 + 0.4 } else { 0.0 };
    let radius =
        (widest.max(drag_reach) * pin.rx_um).max(gun.breech.aperture.map_or(0.0, |a| a.0 + 100.0)) + 60.0;
    let (cx, cy) = window.px(pin.offset_um.0, pin.offset_um.1);
    let (x0, x1) = bounds(cx, radius / um, window.w);
    let (y0, y1) = bounds(cy, radius / um, window.h);
    let shadow_half = (reach * pin.rx_um + 1.2 * pin.depth_um) / um;
    let ((bx0, bx1), (by0, by1)) = (bounds(cx, shadow_half, window.w), bounds(cy, shadow_half, window.h));
    s.crater = (bx0, by0, bx1, by1);
    let (sr, cr) = shot.rotation.sin_cos();
    let (sd, cd) = shot.drag_angle.sin_cos();
    let lobe_side = (lobes.0.cos(), lobes.0.sin());
    let mut of_pin = Draw::new(gun.key, "pin", 0);
    let striae = Noise::new(&mut of_pin, Smooth::Line);
    let striae_um = of_pin.log_range(25.0, 165.0);
    let striae_amp = d.range(0.4, 6.0);
    let seat = cartridge.seat_um;
    let turning = Noise::new(&mut of_pin, Smooth::Line);
    let drag_start = 1.0 - 2.0 * d.range(0.0, 0.28 + 0.3 * shot.drag.0);
    for y in y0..y1 {
        let py = window.y0 + y as f32 * um;
        for x in x0..x1 {
            let i = y * w + x;
            if !s.cup[i] {
                continue;
            }
            let px = window.x0 + x as f32 * um;
            let (dx, dy) = (px - pin.offset_um.0, py - pin.offset_um.1);
            let r = (dx * dx + dy * dy).sqrt();
            let level = crater.level(px, py);
            let texture = s.z[i] - seat;
            // What stands over the face round the crater.
            let mut raised = 0.0;
            if let Some((radius, height)) = gun.breech.aperture {
                // The edge of the aperture bends the cup over 20 µm.
                let t = ((radius - r) / 20.0 + 0.5).clamp(0.0, 1.0);
                raised += height * t * t * (3.0 - 2.0 * t);
            }
            for &(at, width, height) in &gun.breech.rings {
                let t = (level - at * crater.rim()) * crater.mean / width;
                if t.abs() < 3.0 {
                    // The cosine of the angle from the ring's highest side.
                    let uneven = 1.0 + lobes.1 * (dx * lobe_side.0 + dy * lobe_side.1) / r.max(1.0);
                    raised += height * uneven * (-t * t).exp();
                }
            }
            let mut z = seat + texture + raised;
            if level < reach {
                let t = level / reach * (PROFILE_STEPS - 1) as f32;
                let k = (t as usize).min(PROFILE_STEPS - 2);
                let depth = profile[k] + (profile[k + 1] - profile[k]) * (t - k as f32);
                // The floor takes on the pin's surface: the cup's own texture is pressed flat there, and what stood over
                // the face runs out on the wall.
                let keep = if level < 1.0 { cartridge.pressed } else { 1.0 };
                let up = ((level - 1.0) / (reach - 1.0)).clamp(0.0, 1.0);
                z = seat + depth + texture * keep + raised * up * up * (3.0 - 2.0 * up);
                if level < 1.05
                    && let Some((pitch, height)) = pin.turning_um
                {
                    let (u, v) = (cr * dx - sr * dy, sr * dx + cr * dy);
                    let (tx, ty) = (u - pin.turning_offset_um.0, v - pin.turning_offset_um.1);
                    let t = (tx * tx + ty * ty).sqrt() / pitch;
                    let ring = if pin.turning_regular {
                        (t * std::f32::consts::TAU).sin() * 0.5
                    } else {
                        turning.line(t) * 0.4
                    };
                    z += height * ring * shot.transfer * (pitch / um / 1.5).min(1.0);
                }
            }
            let mut relief = 0.0;
            if let Some(m) = imprint
                && level < 1.0
            {
                // Photograph to the mark's frame: the inverse of `Pose::to_photo`.
                let (u, v) = (cr * dx - sr * dy, sr * dx + cr * dy);
                let mid = (m.n - 1) as f32 / 2.0;
                let (tx, ty) = (mid + u / pin.rx_um * mid, mid + v / pin.rx_um * mid);
                relief = bilinear(&m.relief, m.n, tx, ty);
                s.ink[i] = bilinear(&m.ink, m.n, tx, ty);
            }
            if shot.drag.0 > 0.0 {
                // A groove ploughed outwards from inside the floor, rising from the floor to the face.
                let (along, across) = ((cd * dx + sd * dy) / pin.rx_um, (-sd * dx + cd * dy) / pin.rx_um);
                // Its inner end is a nose, as the edge of the pin leaves it.
                let nose = ((along - drag_start) / (0.5 * shot.drag.1)).clamp(0.0, 1.0);
                let half = shot.drag.1 * 0.9 * (nose * (2.0 - nose)).sqrt();
                let fade = ((half - across.abs()) / (0.6 * half.max(0.01))).clamp(0.0, 1.0);
                let fade = fade * fade * (3.0 - 2.0 * fade);
                let end = 1.0 + 2.0 * shot.drag.0;
                if fade > 0.0 && along > drag_start && along < end {
                    let t = ((along - 1.0) / (end - 1.0)).clamp(0.0, 1.0);
                    let ramp = seat - pin.depth_um * (1.0 - t).powf(1.6) * (0.7 + 0.3 * fade);
                    let line = striae_amp
                        * striae.line(across * pin.rx_um / striae_um)
                        * (striae_um / um / 1.5).min(1.0);
                    let erased = fade * ((along - drag_start) / 0.3).clamp(0.0, 1.0);
                    relief *= 1.0 - erased;
                    s.ink[i] *= 1.0 - erased;
                    z = z.min(ramp + (z - ramp).max(0.0) * (1.0 - fade)) + line * erased;
                }
            }
            s.z[i] = z + relief;
        }
    }
}
