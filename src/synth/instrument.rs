//! An instrument that measures heights: spacing, blur, noise, outliers, and points that it cannot measure.

use super::blur::smooth;
use super::draw::Draw;
use super::framing::height_map_frame;
use super::noise::{Noise, Smooth};
use super::scene::Scene;
use super::surface::{Surface, Window};

/// How a height map is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Floating point, 64 bit, missing points as NaN.
    Double,
    /// Floating point, 32 bit, missing points as NaN.
    Float,
    /// Whole numbers, 32 bit, with a mask of the valid points.
    Long,
}

/// A confocal microscope or one that varies its focus, and how it was set.
#[derive(Clone, Debug)]
pub struct Instrument {
    /// What is measured, and the spacing of the points.
    pub window: Window,
    /// Standard deviation of the heights' noise, µm.
    pub noise_um: f32,
    /// Blur of optics and of the window over which heights are found, standard deviation in points.
    pub blur_px: f32,
    /// Slope (rise over run) at which half of the points are lost.
    pub lost_at: f32,
    /// Share of points that are wrong where the surface is steep, and by how much, µm.
    pub outliers: (f32, f32),
    /// Slope of the case in the instrument, along x and y.
    pub tilt: (f32, f32),
    /// How the file stores heights.
    pub stored: Stored,
    /// Height of the primer's face, µm, from which its range is counted.
    seat_um: f32,
    /// Key of the noise.
    key: u64,
}

impl Instrument {
    /// The instrument for one height map of `scene`; no side has more than `most` points.
    pub fn draw(d: &mut Draw, scene: &Scene, most: f32) -> Self {
        let window = height_map_frame(d, scene, most);
        Self {
            window,
            // Objectives of 10 and 20 times measure to 0.02-0.3 µm on smooth metal, on rough brass to some more.
            noise_um: d.log_range(0.03, 0.8),
            blur_px: d.range(0.4, 1.1),
            // Numerical apertures of 0.3-0.6 see mirrors of up to 17-37 degrees; rough metal scatters from steeper walls.
            lost_at: d.range(0.8, 3.0),
            outliers: (d.log_range(0.0005, 0.02), d.log_range(5.0, 80.0)),
            tilt: (d.normal() * 0.01, d.normal() * 0.01),
            stored: [Stored::Double, Stored::Float, Stored::Long][d.weighted(&[0.4, 0.4, 0.2])],
            seat_um: scene.cartridge.seat_um,
            key: d.key(),
        }
    }

    /// The heights of `surface` as they are measured, µm, NaN where they are not.
    pub fn measure(&self, surface: &Surface) -> Vec<f32> {
        let (w, h, um) = (self.window.w, self.window.h, self.window.um_per_px);
        let mut d = Draw::new(self.key, "measurement", 0);
        let patches = Noise::new(&mut d, Smooth::Patches);
        let mut z = surface.z.clone();
        smooth(&mut z, w, h, self.blur_px, &mut Vec::new());
        let at = |x: usize, y: usize| z[y.min(h - 1) * w + x.min(w - 1)];
        let mut out = Vec::with_capacity(w * h);
        for y in 0..h {
            for x in 0..w {
                let run = 2.0 * um;
                let gx = (at(x + 1, y) - at(x.saturating_sub(1), y)) / run;
                let gy = (at(x, y + 1) - at(x, y.saturating_sub(1))) / run;
                let slope = gx.hypot(gy);
                // In patches, as the grain of the metal has it.
                let steep = slope / self.lost_at * (0.3 * patches.at(x, y)).exp();
                let lost = 1.0 / (1.0 + (-6.0 * (steep - 1.0)).exp());
                let noise = d.normal() * self.noise_um * (1.0 + slope);
                let wrong = d.chance(self.outliers.0 * steep.min(2.0));
                let by = if wrong { d.normal() * self.outliers.1 } else { 0.0 };
                let level = self.tilt.0 * x as f32 * um + self.tilt.1 * y as f32 * um;
                // What lies far below the face is out of range.
                let gone = d.chance(lost) || at(x, y) < self.seat_um - OUT_OF_RANGE_UM;
                out.push(if gone { f32::NAN } else { at(x, y) + noise + by + level });
            }
        }
        out
    }
}

/// Depth below the primer's face at which the range of the instrument ends, µm.
const OUT_OF_RANGE_UM: f32 = 700.0;
