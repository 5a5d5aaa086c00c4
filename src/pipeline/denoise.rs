//! Noise estimate and the small copy of the whole photograph on which the primer is found.

use super::photo::{Photo, Pixels};
use super::tile::area_average;
use ndarray::Array2;

/// Longest side of the small copy, pixels: a crater of a third of a millimetre in a photograph of a
/// whole case head is still ten pixels across.
pub const SMALL_PX: usize = 192;

/// A photograph with its small copy. Only [`denoise`] makes one.
#[derive(Debug)]
pub struct Clean<'p> {
    /// The photograph itself.
    pub photo: &'p Photo,
    /// Area-averaged copy, longest side [`SMALL_PX`], grey 0-1.
    pub small: Array2<f32>,
    /// Photograph pixels per pixel of `small`; below 1 where the photograph is smaller still.
    pub factor: f64,
    /// Standard deviation of the camera's noise, grey 0-1.
    pub noise: f32,
}

/// Makes the small copy and estimates the noise.
pub fn denoise<'p>(photo: &'p Photo) -> Clean<'p> {
    let (h, w) = photo.pixels.dim();
    let factor = h.max(w).max(1) as f64 / SMALL_PX as f64;
    let side = |full: usize| ((full as f64 / factor).round() as usize).clamp(full.min(1), SMALL_PX);
    let dim = (side(h), side(w));
    let small = if factor >= 1.0 {
        area_average(&photo.pixels, 0.0, 0.0, factor, dim)
    } else {
        enlarge(&photo.pixels, factor, dim)
    };
    Clean { photo, small, factor, noise: noise(&photo.pixels) }
}

/// Bilinear enlargement of a photograph smaller than the copy.
fn enlarge(pixels: &Pixels, factor: f64, dim: (usize, usize)) -> Array2<f32> {
    let (h, w) = pixels.dim();
    let split = |i: usize, side: usize| {
        let v = ((i as f64 + 0.5) * factor - 0.5).clamp(0.0, (side - 1) as f64);
        (v as usize, (v as usize + 1).min(side - 1), v.fract() as f32)
    };
    Array2::from_shape_fn(dim, |(j, i)| {
        let ((y0, y1, fy), (x0, x1, fx)) = (split(j, h), split(i, w));
        let upper = pixels.at(y0, x0) * (1.0 - fx) + pixels.at(y0, x1) * fx;
        let lower = pixels.at(y1, x0) * (1.0 - fx) + pixels.at(y1, x1) * fx;
        upper * (1.0 - fy) + lower * fy
    })
}

/// Rows of the photograph that the noise is estimated from: enough for 1 % in any photograph.
const NOISE_ROWS: usize = 64;

/// The camera's noise from what is left of single pixels after planes and edges cancel
/// (Immerkær, Fast noise variance estimation, CVIU 64(2), 1996), as a median so that
/// texture and saturated areas count little.
fn noise(pixels: &Pixels) -> f32 {
    let (h, w) = pixels.dim();
    if h < 3 || w < 3 {
        return 0.0;
    }
    let rows = (h - 2).min(NOISE_ROWS);
    let mut rest = Vec::with_capacity(rows * (w - 2));
    for i in 0..rows {
        let y = 1 + i * (h - 2) / rows;
        let line = |y: usize| (0..w).map(move |x| pixels.at(y, x)).collect::<Vec<_>>();
        let (above, here, below) = (line(y - 1), line(y), line(y + 1));
        for x in 1..w - 1 {
            let corners = above[x - 1] + above[x + 1] + below[x - 1] + below[x + 1];
            let sides = above[x] + below[x] + here[x - 1] + here[x + 1];
            // Saturated pixels have no noise and say nothing of it.
            if here[x] > 0.0 && here[x] < 1.0 {
                rest.push((corners - 2.0 * sides + 4.0 * here[x]).abs());
            }
        }
    }
    let middle = rest.len() / 2;
    if rest.is_empty() {
        return 0.0;
    }
    let (_, median, _) = rest.select_nth_unstable_by(middle, f32::total_cmp);
    // The mask's weights have the norm 6; the median of |N(0,1)| is 0.6745.
    *median / 6.0 / 0.6745
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_photograph_of_384x288_is_halved() {
        let photo = Photo::of(Pixels::Eight(Array2::from_shape_fn((288, 384), |(y, x)| {
            if (y / 2 + x / 2) % 2 == 0 { 255 } else { 51 }
        })));
        let clean = denoise(&photo);
        assert_eq!((clean.small.dim(), clean.factor), ((144, 192), 2.0));
        assert!((clean.small[[0, 0]] - 1.0).abs() < 1e-6 && (clean.small[[0, 1]] - 0.2).abs() < 1e-6);
        assert!((clean.small[[143, 191]] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_tiny_photograph_is_enlarged_between_its_pixel_centres() {
        let photo = Photo::of(Pixels::Eight(array![[0, 255]]));
        let clean = denoise(&photo);
        assert_eq!(clean.small.dim(), (96, 192));
        assert_eq!((clean.small[[0, 0]], clean.small[[50, 191]]), (0.0, 1.0));
        let middle = (clean.small[[0, 95]] + clean.small[[0, 96]]) / 2.0;
        assert!((middle - 0.5).abs() < 1e-6);
    }

    #[test]
    fn odd_shapes_come_through() {
        for (h, w) in [(1, 1), (1, 5000), (5000, 1), (7, 1000), (192, 192), (193, 5)] {
            let clean_of = Photo::of(Pixels::Sixteen(Array2::from_elem((h, w), 32768)));
            let clean = denoise(&clean_of);
            assert_eq!(clean.small.nrows().max(clean.small.ncols()), SMALL_PX, "{h} x {w}");
            assert!(clean.small.iter().all(|v| (v - 0.5).abs() < 1e-4), "{h} x {w}");
            assert_eq!(clean.noise, 0.0);
        }
    }

    #[test]
    fn noise_of_known_deviation_on_a_slope_is_found() {
        // The sum of 12 even deviates in 0-1 has the deviation 1; a fixed congruential sequence will do.
        let mut state = 1u32;
        let mut even = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 24)
        };
        let pixels = Array2::from_shape_fn((200, 300), |(_, x)| {
            let noise: f64 = (0..12).map(|_| even()).sum::<f64>() - 6.0;
            (20_000.0 + 60.0 * x as f64 + 0.02 * 65535.0 * noise) as u16
        });
        let photo = Photo::of(Pixels::Sixteen(pixels));
        let found = denoise(&photo).noise;
        assert!((found - 0.02).abs() < 0.002, "{found}");
    }
}
