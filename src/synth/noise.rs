//! Noise fields, made once and read at random places: over pixels for what a sensor does, along lines for marks of tools,
//! and over micrometres for what belongs to a thing, so that every picture of it shows the same.

use super::draw::Draw;
use std::sync::OnceLock;

/// Side of a field, pixels; a power of two so that wrapping is a mask.
const SIDE: usize = 512;
/// How smooth a field is.
#[derive(Clone, Copy, Debug)]
pub enum Smooth {
    /// White noise.
    Not,
    /// For the profile of a line.
    Line,
    /// In patches of some pixels.
    Patches,
}

/// Standard deviations of the Gaussian that the fields of each [`Smooth`] were smoothed with, pixels.
const SIGMAS: [f32; 3] = [0.0, 1.6, 4.0];
/// Mean distance from crest to crest along a line of a field of [`Smooth::Line`], pixels: of white noise smoothed by a
/// Gaussian of s it is 2 pi s sqrt(2 / 3) (S. O. Rice, Bell Syst. Tech. J. 24:46-156, 1945).
const CELLS_A_LINE: f32 = 8.21;
/// Fields of each smoothness, so that two layers need not share one.
const VARIANTS: usize = 3;

static BANK: OnceLock<Vec<Vec<f32>>> = OnceLock::new();

fn bank() -> &'static [Vec<f32>] {
    BANK.get_or_init(|| {
        // The fields of one variant stem from the same white noise: each is read at its own random place.
        let white: Vec<Vec<f32>> = (0..VARIANTS)
            .map(|v| {
                let mut draw = Draw::new(0, "noise bank", v as u64);
                (0..SIDE * SIDE).map(|_| draw.normal()).collect()
            })
            .collect();
        (0..SIGMAS.len() * VARIANTS)
            .map(|i| {
                let mut field = white[i % VARIANTS].clone();
                smooth_periodic(&mut field, SIDE, SIGMAS[i / VARIANTS]);
                normalise(&mut field);
                field
            })
            .collect()
    })
}

/// Mean 0, variance 1.
fn normalise(field: &mut [f32]) {
    let n = field.len() as f64;
    let mean = field.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let sd = (field.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n).sqrt();
    field.iter_mut().for_each(|v| *v = ((f64::from(*v) - mean) / sd) as f32);
}

/// Gaussian smoothing on the torus of this side.
fn smooth_periodic(field: &mut [f32], side: usize, sigma: f32) {
    if sigma == 0.0 {
        return;
    }
    let reach = (3.0 * sigma).ceil() as usize;
    let kernel: Vec<f32> =
        (0..=2 * reach).map(|k| (-0.5 * ((k as f32 - reach as f32) / sigma).powi(2)).exp()).collect();
    let (mut line, mut out) = (vec![0.0f32; side], vec![0.0f32; side]);
    for (step, stride) in [(1, side), (side, 1)] {
        for l in 0..side {
            for (i, v) in line.iter_mut().enumerate() {
                *v = field[l * stride + i * step];
            }
            out.fill(0.0);
            for (k, w) in kernel.iter().enumerate() {
                for (i, o) in out.iter_mut().enumerate() {
                    *o += w * line[(i + k + side - reach) & (side - 1)];
                }
            }
            for (i, v) in out.iter().enumerate() {
                field[l * stride + i * step] = *v;
            }
        }
    }
}

/// A noise field of unit variance at a random place, read at pixel positions.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    field: &'static [f32],
    ox: usize,
    oy: usize,
    swap: bool,
}

impl Noise {
    /// A field as smooth as this.
    pub fn new(draw: &mut Draw, smooth: Smooth) -> Self {
        Self {
            field: &bank()[smooth as usize * VARIANTS + draw.below(VARIANTS)],
            ox: draw.below(SIDE),
            oy: draw.below(SIDE),
            swap: draw.chance(0.5),
        }
    }

    /// Value at column `x`, row `y`.
    #[inline]
    pub fn at(&self, x: usize, y: usize) -> f32 {
        let (x, y) = if self.swap { (y, x) } else { (x, y) };
        self.field[((y + self.oy) & (SIDE - 1)) * SIDE + ((x + self.ox) & (SIDE - 1))]
    }

    /// A random profile of lines at `t` times their mean distance from crest to crest, of a field of [`Smooth::Line`].
    #[inline]
    pub fn line(&self, t: f32) -> f32 {
        let t = t * CELLS_A_LINE;
        let f = t.floor();
        let row = &self.field[(self.oy & (SIDE - 1)) * SIDE..][..SIDE];
        let i = f as i64 as usize;
        let (a, b) =
            (row[i.wrapping_add(self.ox) & (SIDE - 1)], row[i.wrapping_add(self.ox + 1) & (SIDE - 1)]);
        a + (b - a) * (t - f)
    }
}

/// Side of the field that things are made of, cells; a power of two.
const CELLS: usize = 1024;
/// Its smoothing, cells (one standard deviation): bilinear values between them are all but as varied as at them.
const CELLS_A_SIGMA: f32 = 2.0;
/// Brings the variance of what is read between cells, 0.96 in the mean, back to 1.
const BETWEEN: f32 = 1.0206;

static GRAIN: OnceLock<Vec<f32>> = OnceLock::new();

/// A noise field of unit variance over places in micrometres, at a random place and angle. It repeats after 512
/// standard deviations of its smoothing.
#[derive(Clone, Copy, Debug)]
pub struct Grain {
    field: &'static [f32],
    origin: (f32, f32),
    /// Cells a micrometre, times cosine and sine of its angle.
    along: (f32, f32),
}

impl Grain {
    /// A field smoothed by a Gaussian of `sigma_um`.
    pub fn new(draw: &mut Draw, sigma_um: f32) -> Self {
        let field = GRAIN.get_or_init(|| {
            let mut white = Draw::new(0, "grain", 0);
            let mut field: Vec<f32> = (0..CELLS * CELLS).map(|_| white.normal()).collect();
            smooth_periodic(&mut field, CELLS, CELLS_A_SIGMA);
            normalise(&mut field);
            field
        });
        let (sin, cos) = draw.angle().sin_cos();
        let scale = CELLS_A_SIGMA / sigma_um;
        let origin = (draw.range(0.0, CELLS as f32), draw.range(0.0, CELLS as f32));
        Self { field, origin, along: (scale * cos, scale * sin) }
    }

    /// Value at (`x`, `y`), µm.
    #[inline]
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let (cos, sin) = self.along;
        let (u, v) = (self.origin.0 + cos * x - sin * y, self.origin.1 + sin * x + cos * y);
        // The next whole number below: `floor` is a call where the processor is not known to have it.
        let below = |t: f32| {
            let whole = t as i32;
            if t < whole as f32 { whole - 1 } else { whole }
        };
        let (left, top) = (below(u), below(v));
        let (fx, fy) = (u - left as f32, v - top as f32);
        let (x0, y0) = (left as usize, top as usize);
        let cell = |x: usize, y: usize| self.field[(y & (CELLS - 1)) * CELLS + (x & (CELLS - 1))];
        let (x1, y1) = (x0.wrapping_add(1), y0.wrapping_add(1));
        let upper = cell(x0, y0) + (cell(x1, y0) - cell(x0, y0)) * fx;
        let lower = cell(x0, y1) + (cell(x1, y1) - cell(x0, y1)) * fx;
        BETWEEN * (upper + (lower - upper) * fy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_unit_variance_and_wrap_without_a_seam() {
        let mut draw = Draw::new(1, "test", 0);
        let noise = Noise::new(&mut draw, Smooth::Patches);
        let n = (SIDE * SIDE) as f32;
        let var: f32 = (0..SIDE)
            .flat_map(|y| (0..SIDE).map(move |x| (x, y)))
            .map(|(x, y)| noise.at(x, y).powi(2))
            .sum::<f32>()
            / n;
        assert!((var - 1.0).abs() < 0.01, "{var}");
        let step: f32 =
            (0..SIDE).map(|y| (noise.at(SIDE - 1, y) - noise.at(SIDE, y)).powi(2)).sum::<f32>() / SIDE as f32;
        assert!(step < 0.1, "seam {step}");
    }

    #[test]
    fn grain_has_unit_variance_and_its_length_whatever_the_picture_s_scale() {
        let mut draw = Draw::new(1, "test", 0);
        for sigma in [5.0f32, 80.0] {
            let grain = Grain::new(&mut draw, sigma);
            let places =
                || (0..40_000).map(|i| ((i % 200) as f32 * 0.71 * sigma, (i / 200) as f32 * 0.71 * sigma));
            let mean_of = |f: &dyn Fn((f32, f32)) -> f32| places().map(f).sum::<f32>() / 40_000.0;
            let variance = mean_of(&|(x, y)| grain.at(x, y).powi(2));
            assert!((variance - 1.0).abs() < 0.1, "{variance}");
            // White noise smoothed by s has the autocorrelation 1/e at 2 s.
            let alike = mean_of(&|(x, y)| grain.at(x, y) * grain.at(x + 2.0 * sigma, y)) / variance;
            assert!((alike - 0.37).abs() < 0.1, "{alike}");
        }
    }
}
