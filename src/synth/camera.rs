//! Lens and camera: depth of field, exposure, noise, tone, colour, bits.

use super::blur::smooth;
use super::draw::Draw;
use super::gun::Gun;
use super::noise::{Noise, Smooth};
use super::profile::Profile;
use super::shot::{Cartridge, Metal};
use super::surface::{Surface, Window};

/// File formats that laboratories send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// PNG.
    Png,
    /// JPEG of this quality.
    Jpeg(u8),
    /// TIFF.
    Tiff,
    /// BMP.
    Bmp,
}

/// What the file says about its scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleTag {
    /// The truth.
    True,
    /// Nothing.
    None,
    /// A screen's or printer's resolution.
    Nonsense,
}

/// A camera and how it was set.
#[derive(Clone, Debug)]
pub struct Camera {
    /// Numerical aperture.
    pub aperture: f32,
    /// Height in focus, µm over the case head.
    pub focus_um: f32,
    /// Blur of optics and pixels, standard deviation in pixels.
    pub psf_px: f32,
    /// Quantile of the cup's radiance, what it is exposed to, and the least mean exposure of the cup.
    pub meter: (f32, f32, f32),
    /// Least and largest mean exposure of the crater's floor, shares of full scale.
    pub floor_grey: (f32, f32),
    /// Output = input to the power 1/gamma.
    pub gamma: f32,
    /// Darkening of the corners, 0-1.
    pub vignette: f32,
    /// Electrons at full scale, and read noise in electrons.
    pub electrons: (f32, f32),
    /// Strength of the unsharp mask.
    pub sharpen: f32,
    /// Black level and veiling glare, share of full scale.
    pub glare: f32,
    /// Whether colour is kept.
    pub colour: bool,
    /// Cast of the white balance.
    pub balance: [f32; 3],
    /// Bits a channel, 8 or 16.
    pub bits: u8,
    /// File format.
    pub file: File,
    /// Scale in the file.
    pub scale: ScaleTag,
    /// Burned-in scale bar.
    pub bar: bool,
    /// Burned-in text.
    pub label: Option<String>,
    /// Key of the noise.
    pub key: u64,
}

impl Camera {
    /// A camera for one photograph of `gun`'s impression.
    pub fn draw(d: &mut Draw, gun: &Gun, cartridge: &Cartridge, profile: Profile) -> Self {
        let ranges = profile.ranges();
        let worst = ranges.defocus;
        let floor = cartridge.seat_um - gun.pin.depth_um;
        // On the floor, anywhere up to the profile's worst, or at that worst, which leaves the floor soft.
        // Where there is no mark to look at, the face is what examiners focus on.
        let (weights, far) =
            if gun.code.is_some() { ([0.45, 0.4, 0.15], worst) } else { ([0.25, 0.25, 0.5], 1.0) };
        let miss = match d.weighted(&weights) {
            0 => d.range(-40.0, 40.0),
            1 => gun.pin.depth_um * worst * d.unit(),
            _ => gun.pin.depth_um * far + d.range(-40.0, 40.0),
        };
        // A third is overexposed: up to a sixth of the cup saturates. Elsewhere highlights may clip, too.
        let over = d.chance(0.33);
        let (quantile, level) = if over {
            (1.0 - d.range(0.0, 0.16), 1.0)
        } else {
            (1.0 - d.log_range(0.0008, 0.1), d.range(0.35, 1.25))
        };
        let meter = (quantile, level, d.log_range(0.03, 0.25));
        // Not quite half are exposed for the bright face, which leaves the floor as dark as on most published
        // photographs (grey 30-60 of 255); the others for the floor, since it bears the mark.
        let (dark, bright) = ranges.floor_grey;
        let darkest = if d.chance(0.45) { 0.2 * dark } else { d.log_range(dark, 0.3) };
        let floor_grey = (darkest, if over { bright.max(0.65) } else { bright });
        let file = match d.weighted(&[0.4, 0.22, 0.33, 0.05]) {
            0 => File::Png,
            1 => File::Jpeg(60 + d.below(36) as u8),
            2 => File::Tiff,
            _ => File::Bmp,
        };
        let deep = matches!(file, File::Png | File::Tiff) && d.chance(0.35);
        Self {
            // Stereo microscopes have 0.05-0.15; with the iris closed they go below.
            aperture: d.log_range(0.03, 0.15),
            focus_um: floor + miss,
            psf_px: d.range(0.35, 1.1),
            meter,
            floor_grey,
            gamma: d.log_range(0.6, 2.2),
            vignette: if d.chance(0.6) { d.range(0.0, 0.5) } else { 0.0 },
            electrons: (d.log_range(1500.0, 40_000.0), d.log_range(2.0, 25.0)),
            sharpen: if d.chance(0.45) { d.range(0.0, 2.0) } else { 0.0 },
            glare: if d.chance(0.5) { d.range(0.0, 0.08) } else { 0.0 },
            colour: d.chance(0.5),
            balance: [d.range(0.93, 1.07), 1.0, d.range(0.93, 1.07)],
            bits: if deep { 16 } else { 8 },
            file,
            scale: [ScaleTag::True, ScaleTag::None, ScaleTag::Nonsense][d.weighted(&[0.6, 0.25, 0.15])],
            bar: d.chance(0.2),
            label: d.chance(0.25).then(|| label(d)),
            key: d.key(),
        }
    }
}

/// A text as laboratories burn it in: date, item, magnification.
fn label(d: &mut Draw) -> String {
    match d.below(3) {
        0 => format!(
            "20{:02}-{:02}-{:02} {:02}:{:02}",
            15 + d.below(12),
            1 + d.below(12),
            1 + d.below(28),
            d.below(24),
            d.below(60)
        ),
        1 => format!("ITEM {}-{}", 1 + d.below(40), 1 + d.below(9)),
        _ => format!("{}X", [25, 30, 40, 50, 60][d.below(5)]),
    }
}

/// Blurs by distance from the focal plane, in place. Outside the crater's rectangle one blur serves.
pub fn defocus(plane: &mut [f32], s: &Surface, window: &Window, camera: &Camera, face_um: f32) {
    let (w, h, um) = (window.w, window.h, window.um_per_px);
    let mut scratch = Vec::new();
    // A disc of diameter 2 NA d has a standard deviation of a quarter of it.
    let sigma = |z: f32| {
        ((0.5 * camera.aperture * (z - camera.focus_um).abs() / um).powi(2) + camera.psf_px.powi(2)).sqrt()
    };
    let (x0, y0, x1, y1) = s.crater;
    let (cw, ch) = (x1 - x0, y1 - y0);
    let mut crop: Vec<f32> = (y0..y1).flat_map(|y| plane[y * w + x0..y * w + x1].iter().copied()).collect();
    smooth(plane, w, h, sigma(face_um), &mut scratch);
    if crop.is_empty() {
        return;
    }
    // Heights inside the crater lie between the floor and the face: a short stack of blurs covers them.
    let deepest = (y0..y1)
        .flat_map(|y| s.z[y * w + x0..y * w + x1].iter())
        .fold(f32::MAX, |a, b| a.min(*b))
        .max(face_um - 900.0);
    let (a, b) = (sigma(deepest), sigma(face_um + 40.0));
    let low = if (deepest..face_um).contains(&camera.focus_um) { camera.psf_px } else { a.min(b) };
    let high = a.max(b).max(low + 0.1);
    let levels: Vec<f32> =
        (0..BLURS).map(|i| low + (high - low) * (i as f32 / (BLURS - 1) as f32).powi(2)).collect();
    let mut stack = Vec::with_capacity(BLURS);
    for (i, level) in levels.iter().enumerate() {
        let mut layer = if i + 1 == BLURS { std::mem::take(&mut crop) } else { crop.clone() };
        smooth(&mut layer, cw, ch, *level, &mut scratch);
        stack.push(layer);
    }
    for y in 0..ch {
        for x in 0..cw {
            let want = sigma(s.z[(y0 + y) * w + x0 + x]).clamp(low, high);
            let t = ((want - low) / (high - low)).sqrt() * (BLURS - 1) as f32;
            let k = (t as usize).min(BLURS - 2);
            let f = t - k as f32;
            let i = y * cw + x;
            plane[(y0 + y) * w + x0 + x] = stack[k][i] + (stack[k + 1][i] - stack[k][i]) * f;
        }
    }
}

/// Layers of the stack of blurs.
const BLURS: usize = 3;

/// What the sensor makes of it: grey 0-1 after tone.
pub fn expose(plane: &mut [f32], s: &Surface, window: &Window, camera: &Camera) {
    let (w, h) = (window.w, window.h);
    let step = (plane.len() / 4096).max(1);
    let mut sample: Vec<f32> =
        (0..plane.len()).step_by(step).filter(|&i| s.cup[i]).map(|i| plane[i]).collect();
    if sample.is_empty() {
        sample = plane.iter().step_by(step).copied().collect();
    }
    sample.sort_by(f32::total_cmp);
    let metered = sample[((sample.len() - 1) as f32 * camera.meter.0) as usize].max(1e-6);
    let mean = (sample.iter().sum::<f32>() / sample.len() as f32).max(1e-6);
    let gain = (camera.meter.1 / metered).max(camera.meter.2 / mean);
    // Who photographs a mark exposes for the floor that bears it.
    let gain = match floor_mean(plane, s, w) {
        Some(floor) => gain.max(camera.floor_grey.0 / floor).min(camera.floor_grey.1 / floor),
        None => gain,
    };
    let mut d = Draw::new(camera.key, "sensor", 0);
    let white = Noise::new(&mut d, Smooth::Not);
    let other = Noise::new(&mut d, Smooth::Not);
    let (full, read) = camera.electrons;
    let tone: Vec<f32> = (0..=TONES).map(|i| (i as f32 / TONES as f32).powf(1.0 / camera.gamma)).collect();
    let (mx, my) = (w as f32 / 2.0, h as f32 / 2.0);
    let corner = 1.0 / (mx * mx + my * my);
    for y in 0..h {
        for x in 0..w {
            let i = y * w + x;
            let (dx, dy) = (x as f32 - mx, y as f32 - my);
            let fall = 1.0 - camera.vignette * (dx * dx + dy * dy) * corner;
            let light = (plane[i] * gain * fall * (1.0 - camera.glare) + camera.glare).max(0.0);
            // Two fields at different offsets, so that the noise does not repeat with the texture's period.
            let noise = 0.8 * white.at(x, y) + 0.6 * other.at(y + (x >> 4), x + (y >> 5));
            let sd = (light / full + (read / full).powi(2)).sqrt();
            let v = (light + sd * noise).clamp(0.0, 1.0) * TONES as f32;
            let k = (v as usize).min(TONES - 1);
            plane[i] = tone[k] + (tone[k + 1] - tone[k]) * (v - k as f32);
        }
    }
    if camera.sharpen > 0.0 {
        let mut soft = plane.to_vec();
        smooth(&mut soft, w, h, 1.3, &mut Vec::new());
        for (v, b) in plane.iter_mut().zip(&soft) {
            *v = (*v + camera.sharpen * (*v - b)).clamp(0.0, 1.0);
        }
    }
}

/// Mean radiance of the middle of the crater's rectangle, which is floor; `None` outside the picture and
/// in a pocket without its primer.
fn floor_mean(plane: &[f32], s: &Surface, w: usize) -> Option<f32> {
    let (x0, y0, x1, y1) = s.crater;
    let inner = |a: usize, b: usize| a + 3 * (b - a) / 8..b - 3 * (b - a) / 8;
    let (mut sum, mut n) = (0.0, 0);
    for y in inner(y0, y1) {
        for i in inner(x0, x1) {
            if s.cup[y * w + i] {
                sum += plane[y * w + i];
                n += 1;
            }
        }
    }
    (n > 0 && sum > 0.0).then(|| sum / n as f32)
}

/// Steps of the tone curve; it is read linearly between them.
const TONES: usize = 4096;

/// Red, green, blue of a pixel of grey value `v` on `metal`.
pub fn colour(v: f32, metal: &Metal, camera: &Camera) -> [f32; 3] {
    std::array::from_fn(|c| {
        let tint = (metal.tint[c] * camera.balance[c]).powf(1.0 / camera.gamma);
        (v * tint).clamp(0.0, 1.0)
    })
}
