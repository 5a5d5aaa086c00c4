//! A bank of periodic noise fields of many correlation lengths, made once:
//! texture, soot, pits and chips are cut from it at random offsets.

use super::draw::Draw;
use std::sync::OnceLock;

/// Side of a field, pixels; a power of two so that wrapping is a mask.
pub const SIDE: usize = 512;
/// Standard deviations of the Gaussian that each field was smoothed with, pixels.
const SIGMAS: [f32; 10] = [0.0, 1.0, 1.6, 2.5, 4.0, 6.5, 10.0, 16.0, 26.0, 42.0];
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
                smooth_periodic(&mut field, SIGMAS[i / VARIANTS]);
                let n = field.len() as f32;
                let mean = field.iter().sum::<f32>() / n;
                let sd = (field.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt();
                field.iter_mut().for_each(|v| *v = (*v - mean) / sd);
                field
            })
            .collect()
    })
}

/// Gaussian smoothing on the torus: the direct sum where the kernel is short, else three box
/// filters, which are indistinguishable from it at that width.
fn smooth_periodic(field: &mut [f32], sigma: f32) {
    if sigma == 0.0 {
        return;
    }
    let mut line = [0.0f32; SIDE];
    for (step, stride) in [(1, SIDE), (SIDE, 1)] {
        for l in 0..SIDE {
            for (i, v) in line.iter_mut().enumerate() {
                *v = field[l * stride + i * step];
            }
            let line = if sigma < 5.0 { weigh(&line, sigma) } else { boxes(&line, sigma) };
            for (i, v) in line.iter().enumerate() {
                field[l * stride + i * step] = *v;
            }
        }
    }
}

fn weigh(line: &[f32; SIDE], sigma: f32) -> [f32; SIDE] {
    let reach = (3.0 * sigma).ceil() as usize;
    let mut out = [0.0; SIDE];
    for k in 0..=2 * reach {
        let w = (-0.5 * ((k as f32 - reach as f32) / sigma).powi(2)).exp();
        for (i, o) in out.iter_mut().enumerate() {
            *o += w * line[(i + k + SIDE - reach) & (SIDE - 1)];
        }
    }
    out
}

fn boxes(line: &[f32; SIDE], sigma: f32) -> [f32; SIDE] {
    // Three boxes of width b have variance (b^2 - 1) / 4.
    let half = (((4.0 * sigma * sigma + 1.0).sqrt() - 1.0) / 2.0).round() as usize;
    let mut from = *line;
    for _ in 0..3 {
        let mut to = [0.0; SIDE];
        let mut sum: f64 = (0..=2 * half).map(|k| f64::from(from[(k + SIDE - half) & (SIDE - 1)])).sum();
        for (i, o) in to.iter_mut().enumerate() {
            *o = sum as f32;
            sum += f64::from(from[(i + half + 1) & (SIDE - 1)])
                - f64::from(from[(i + SIDE - half) & (SIDE - 1)]);
        }
        from = to;
    }
    from
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
    /// The field whose smoothing is nearest to `sigma` pixels (in the logarithm); none is smoother than 42 pixels, so that
    /// on fine pictures what is longer is cut short.
    pub fn new(draw: &mut Draw, sigma: f32) -> Self {
        let mut best = 0;
        if sigma >= 0.5 {
            best = (1..SIGMAS.len())
                .min_by(|&a, &b| {
                    let d = |i: usize| (SIGMAS[i] / sigma).ln().abs();
                    d(a).total_cmp(&d(b))
                })
                .unwrap_or(1);
        }
        Self {
            field: &bank()[best * VARIANTS + draw.below(VARIANTS)],
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

    /// Value between pixels, linear along a line of the field: a random profile.
    #[inline]
    pub fn line(&self, t: f32) -> f32 {
        let f = t.floor();
        let row = &self.field[(self.oy & (SIDE - 1)) * SIDE..][..SIDE];
        let i = f as i64 as usize;
        let (a, b) =
            (row[i.wrapping_add(self.ox) & (SIDE - 1)], row[i.wrapping_add(self.ox + 1) & (SIDE - 1)]);
        a + (b - a) * (t - f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_unit_variance_and_wrap_without_a_seam() {
        let mut draw = Draw::new(1, "test", 0);
        let noise = Noise::new(&mut draw, 4.0);
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
}
