//! Convolution with bias, an optional sum and ReLU.

use super::product::{Bias, Product, SLACK};
use super::shape::Map;

/// A convolution ready to run.
#[derive(Debug)]
pub struct Conv {
    /// Input.
    pub from: Map,
    /// Output.
    pub to: Map,
    /// Weights, output channel by input channel by kernel row by kernel column.
    pub weights: Vec<f32>,
    /// One value an output channel.
    pub bias: Vec<f32>,
    /// Whether negative results become zero.
    pub relu: bool,
    taps: Vec<usize>,
    gather: Option<Gather>,
}

/// How patches are collected where they are not simply shifted memory.
#[derive(Debug)]
struct Gather {
    kernel: (usize, usize),
    stride: usize,
    pad: usize,
}

impl Conv {
    /// A convolution of `from` with kernels of `kernel` rows and columns;
    /// `None` where the kernel does not fit.
    pub fn new(
        from: Map,
        weights: &[f32],
        bias: &[f32],
        kernel: (usize, usize),
        (stride, pad): (usize, usize),
        relu: bool,
    ) -> Option<Self> {
        let (kh, kw) = kernel;
        // More padding than this would make outputs that see no input.
        if pad >= kh || pad >= kw || stride == 0 {
            return None;
        }
        let out = |side: usize, k: usize| {
            Some(side.checked_add(pad.checked_mul(2)?)?.checked_sub(k)?.checked_div(stride)? + 1)
        };
        let to = Map { c: bias.len(), h: out(from.h, kh)?, w: out(from.w, kw)? };
        let shifted = stride == 1 && matches!((kernel, pad), ((3, 3), 1) | ((1, 1), 0));
        let mut taps = Vec::with_capacity(from.c * kh * kw);
        for c in 0..from.c {
            for (dy, dx) in (0..kh).flat_map(|dy| (0..kw).map(move |dx| (dy, dx))) {
                // One place up and left of the pixel, in its border, lies the first tap of a 3 x 3 kernel.
                let place = c * from.plane() + (dy + 1 - pad.min(1)) * from.pitch() + dx + 1 - pad.min(1);
                taps.push(if shifted { place } else { taps.len() * to.run() });
            }
        }
        let gather = (!shifted).then_some(Gather { kernel, stride, pad });
        Some(Self { from, to, weights: weights.to_vec(), bias: bias.to_vec(), relu, taps, gather })
    }

    /// Writes the convolution of `input` (plus `add`) to `out`; `patches` is room to work in.
    pub fn run(&self, input: &[f32], add: Option<&[f32]>, patches: &mut Vec<f32>, out: &mut [f32]) {
        let src = match &self.gather {
            None => input,
            Some(gather) => {
                let needed = self.taps.len() * self.to.run() + SLACK;
                if patches.len() < needed {
                    patches.resize(needed, 0.0);
                }
                gather.collect(self, input, patches);
                &patches[..needed]
            }
        };
        Product {
            rows: &self.weights,
            row_step: self.taps.len(),
            m: self.to.c,
            src,
            taps: &self.taps,
            n: self.to.run(),
            bias: Bias::Rows(&self.bias),
            add,
            relu: self.relu,
            out,
            out_at: self.to.at(0, 0),
            out_step: self.to.plane(),
        }
        .run();
        self.to.clear_border(out);
    }
}

impl Gather {
    /// Lays every tap's values out as one row with the pitch of the output.
    fn collect(&self, conv: &Conv, input: &[f32], patches: &mut [f32]) {
        let (from, to) = (&conv.from, &conv.to);
        let (kh, kw) = self.kernel;
        // Outputs whose tap `d` falls into `0..side`.
        let inside = |d: usize, side: usize, outputs: usize| {
            let first = self.pad.saturating_sub(d).div_ceil(self.stride).min(outputs);
            let end = (side + self.pad).saturating_sub(d).div_ceil(self.stride).min(outputs);
            first..end.max(first)
        };
        for (k, row) in patches.chunks_exact_mut(to.run()).take(conv.taps.len()).enumerate() {
            let (c, dy, dx) = (k / (kh * kw), k / kw % kh, k % kw);
            let (ys, xs) = (inside(dy, from.h, to.h), inside(dx, from.w, to.w));
            for y in 0..to.h {
                let line = &mut row[y * to.pitch()..y * to.pitch() + to.w];
                if !ys.contains(&y) || xs.is_empty() {
                    line.fill(0.0);
                    continue;
                }
                line[..xs.start].fill(0.0);
                line[xs.end..].fill(0.0);
                let at = from.at(c, y * self.stride + dy - self.pad) + xs.start * self.stride + dx - self.pad;
                let values = input[at..].iter().step_by(self.stride);
                line[xs.clone()].iter_mut().zip(values).for_each(|(to, from)| *to = *from);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pipeline::net::shape::Shape;

    fn convolve(dims: [usize; 3], x: &[f32], w: &[f32], k: usize, stride: usize, pad: usize) -> Vec<f32> {
        let from = Shape::new(&dims).unwrap();
        let Shape::Map(map) = from else { unreachable!() };
        let o = w.len() / (dims[0] * k * k);
        let conv = Conv::new(map, w, &vec![0.0; o], (k, k), (stride, pad), false).unwrap();
        let mut input = vec![0.0; from.stored()];
        from.store(x, &mut input);
        let to = Shape::Map(conv.to);
        // Whatever a buffer held before must not show.
        let mut out = vec![f32::NAN; to.stored()];
        let mut patches = vec![f32::NAN; 10_000];
        conv.run(&input, None, &mut patches, &mut out);
        let mut values = Vec::new();
        to.load(&out, &mut values);
        let mut again = vec![0.0; to.stored()];
        to.store(&values, &mut again);
        assert_eq!(out[..conv.to.c * conv.to.plane()], again[..conv.to.c * conv.to.plane()], "border");
        values
    }

    #[test]
    fn a_sum_of_nine_neighbours_on_a_3x3_picture() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let sums = [12.0, 21.0, 16.0, 27.0, 45.0, 33.0, 24.0, 39.0, 28.0];
        assert_eq!(convolve([1, 3, 3], &x, &[1.0; 9], 3, 1, 1), sums);
        // Every other pixel of the same, from the first.
        assert_eq!(convolve([1, 3, 3], &x, &[1.0; 9], 3, 2, 1), [12.0, 16.0, 24.0, 28.0]);
        // Without padding only the middle is left.
        assert_eq!(convolve([1, 3, 3], &x, &[1.0; 9], 3, 1, 0), [45.0]);
        // A kernel larger than the picture sees all of it everywhere.
        assert_eq!(convolve([1, 3, 3], &x, &[1.0; 25], 5, 1, 2)[4], 45.0);
        assert_eq!(convolve([1, 3, 3], &x, &[1.0; 25], 5, 1, 2)[0], 45.0);
    }

    #[test]
    fn a_kernel_is_not_flipped() {
        let mut w = [0.0; 9];
        w[5] = 1.0; // the right-hand neighbour
        assert_eq!(
            convolve([1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &w, 3, 1, 1),
            [2.0, 3.0, 0.0, 5.0, 6.0, 0.0]
        );
    }

    #[test]
    fn every_kernel_stride_and_pad_agrees_with_plain_loops() {
        let (c, h, w, o) = (3, 11, 13, 5);
        let x: Vec<f32> = (0..c * h * w).map(|i| ((i * 7) % 11) as f32 - 5.0).collect();
        for (k, stride, pad) in [(1, 1, 0), (3, 1, 1), (3, 2, 1), (3, 1, 0), (5, 2, 2), (2, 2, 0), (7, 3, 3)]
        {
            let wts: Vec<f32> = (0..o * c * k * k).map(|i| ((i * 5) % 7) as f32 - 3.0).collect();
            let (oh, ow) = ((h + 2 * pad - k) / stride + 1, (w + 2 * pad - k) / stride + 1);
            let mut truth = vec![0.0; o * oh * ow];
            for (i, t) in truth.iter_mut().enumerate() {
                let (f, y, x0) = (i / (oh * ow), i / ow % oh, i % ow);
                for (q, wt) in wts[f * c * k * k..(f + 1) * c * k * k].iter().enumerate() {
                    let (ch, iy, ix) = (q / (k * k), y * stride + q / k % k, x0 * stride + q % k);
                    if (pad..h + pad).contains(&iy) && (pad..w + pad).contains(&ix) {
                        *t += wt * x[(ch * h + iy - pad) * w + ix - pad];
                    }
                }
            }
            assert_eq!(
                convolve([c, h, w], &x, &wts, k, stride, pad),
                truth,
                "k {k} stride {stride} pad {pad}"
            );
        }
    }
}
