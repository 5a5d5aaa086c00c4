//! Smoothing of planes by repeated box filters with fractional widths.

/// Smooths a `w` x `h` plane with a Gaussian-like kernel of standard deviation
/// `sigma` pixels: two box passes each way, edges repeated. `scratch` is overwritten.
pub fn smooth(plane: &mut [f32], w: usize, h: usize, sigma: f32, scratch: &mut Vec<f32>) {
    if sigma < 0.05 || w == 0 || h == 0 {
        return;
    }
    // Two boxes of full width b have variance b^2/6 - near enough with fractional ends.
    let half = ((6.0 * sigma * sigma + 1.0).sqrt() - 1.0).max(0.0) / 2.0;
    scratch.resize(plane.len(), 0.0);
    for _ in 0..2 {
        rows(plane, scratch, w, half);
        columns(scratch, plane, w, h, half);
    }
}

/// Box of half width `half` (whole part, then a fraction at either end) along each row.
fn rows(from: &[f32], to: &mut [f32], w: usize, half: f32) {
    let k = half.floor() as usize;
    let frac = half - k as f32;
    let norm = 1.0 / (2.0 * half + 1.0);
    // Each row with its ends repeated, so that the running sum needs no bounds.
    let mut wide = vec![0.0f32; w + 2 * k + 2];
    for (src, dst) in from.chunks_exact(w).zip(to.chunks_exact_mut(w)) {
        wide[..=k].fill(src[0]);
        wide[k + 1..=k + w].copy_from_slice(src);
        wide[k + w + 1..].fill(src[w - 1]);
        let mut sum: f32 = wide[1..2 * k + 2].iter().sum();
        for ((d, before), after) in dst.iter_mut().zip(wide.windows(2)).zip(wide[2 * k + 2..].iter()) {
            *d = norm * (sum + frac * (before[0] + after));
            sum += after - before[1];
        }
    }
}

/// The same along each column, a whole row at a time.
fn columns(from: &[f32], to: &mut [f32], w: usize, h: usize, half: f32) {
    let k = half.floor() as isize;
    let frac = half - k as f32;
    let norm = 1.0 / (2.0 * half + 1.0);
    let row = |y: isize| &from[y.clamp(0, h as isize - 1) as usize * w..][..w];
    let mut sum = vec![0.0f32; w];
    for y in -k..=k {
        sum.iter_mut().zip(row(y)).for_each(|(s, v)| *s += v);
    }
    for y in 0..h as isize {
        let (above, below, leaving) = (row(y - k - 1), row(y + k + 1), row(y - k));
        let dst = &mut to[y as usize * w..][..w];
        for x in 0..w {
            dst[x] = norm * (sum[x] + frac * (above[x] + below[x]));
            sum[x] += below[x] - leaving[x];
        }
    }
}

/// Smooths along one direction only: the mean of samples on a line of `length` pixels.
pub fn smear(plane: &[f32], n: usize, length: f32, angle: f32) -> Vec<f32> {
    let steps = (length.ceil() as usize).clamp(1, 64);
    let (s, c) = angle.sin_cos();
    let mut out = vec![0.0f32; plane.len()];
    for k in 0..=steps {
        let t = (k as f32 / steps as f32 - 0.5) * length;
        let (dx, dy) = ((t * c).round() as isize, (t * s).round() as isize);
        for y in 0..n as isize {
            let sy = (y + dy).clamp(0, n as isize - 1) as usize;
            for x in 0..n as isize {
                let sx = (x + dx).clamp(0, n as isize - 1) as usize;
                out[y as usize * n + x as usize] += plane[sy * n + sx];
            }
        }
    }
    out.iter_mut().for_each(|v| *v /= (steps + 1) as f32);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_keeps_its_sum_and_gets_the_asked_width() {
        let (n, sigma) = (81, 4.0);
        let mut plane = vec![0.0; n * n];
        plane[40 * n + 40] = 1.0;
        smooth(&mut plane, n, n, sigma, &mut Vec::new());
        let sum: f32 = plane.iter().sum();
        let var: f32 =
            (0..n).map(|x| (x as f32 - 40.0).powi(2) * plane[x..].iter().step_by(n).sum::<f32>()).sum();
        assert!((sum - 1.0).abs() < 1e-3 && (var.sqrt() - sigma).abs() < 0.3, "{sum} {}", var.sqrt());
    }
}
