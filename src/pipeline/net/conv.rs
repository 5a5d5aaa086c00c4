//! Convolution with bias, an optional sum and ReLU.

use super::product::{Bias, Product, Rows, SLACK};
use super::shape::Map;
use pulp::Arch;

/// A convolution ready to run.
#[derive(Debug)]
pub struct Conv {
    /// Input.
    pub from: Map,
    /// Output.
    pub to: Map,
    /// Weights: a row an output channel, by input channel, kernel row and kernel column.
    weights: Rows,
    /// One value an output channel.
    pub bias: Vec<f32>,
    /// Whether negative results become zero.
    pub relu: bool,
    /// Where the values of each tap begin, in the input or in its phases.
    taps: Vec<usize>,
    phases: Option<Phases>,
}

/// The input laid out so that a kernel of stride s, too, sees shifted memory: for each remainder of
/// row and column by s a picture of its own, with the pitch of the output.
#[derive(Debug)]
struct Phases {
    stride: usize,
    pad: usize,
    /// Remainders that the kernel asks for, at most the stride.
    kept: (usize, usize),
    /// Rows of each picture.
    rows: usize,
}

impl Conv {
    /// A convolution of `from` with kernels of `kernel` rows and columns; `None` where the kernel
    /// does not fit, has more padding than two strides, or reaches farther than three, which the pitch
    /// of a map does not allow.
    pub fn new(
        from: Map,
        weights: &[f32],
        bias: &[f32],
        kernel: (usize, usize),
        (stride, pad): (usize, usize),
        relu: bool,
    ) -> Option<Self> {
        let (kh, kw) = kernel;
        let reach = |k: usize| (k.checked_sub(1)?).checked_div(stride);
        if pad > 2 * stride || pad >= kh || pad >= kw || reach(kh)? > 2 || reach(kw)? > 2 {
            return None;
        }
        let out = |side: usize, k: usize| Some((side + 2 * pad).checked_sub(k)? / stride + 1);
        let to = Map { c: bias.len(), h: out(from.h, kh)?, w: out(from.w, kw)? };
        // Only then are input and output of one pitch, and the border of a map (1) is all the padding.
        let shifted = stride == 1 && pad <= 1 && to.w == from.w;
        let phases = (!shifted).then(|| Phases {
            stride,
            pad,
            kept: (stride.min(kh), stride.min(kw)),
            rows: to.h + (kh - 1) / stride,
        });
        let mut taps = Vec::with_capacity(from.c * kh * kw);
        for c in 0..from.c {
            for (dy, dx) in (0..kh).flat_map(|dy| (0..kw).map(move |dx| (dy, dx))) {
                taps.push(match &phases {
                    // One place up and left of the pixel, in its border, lies the first tap of a 3 x 3 kernel.
                    None => c * from.plane() + (dy + 1 - pad) * from.pitch() + dx + 1 - pad,
                    Some(p) => {
                        let picture = (c * p.kept.0 + dy % stride) * p.kept.1 + dx % stride;
                        (picture * p.rows + dy / stride) * to.pitch() + dx / stride
                    }
                });
            }
        }
        let weights = Rows::new(weights, taps.len(), to.c, taps.len());
        Some(Self { from, to, weights, bias: bias.to_vec(), relu, taps, phases })
    }

    /// Writes the convolution of `input` (plus `add`) to `out`; `room` is room to work in.
    pub fn run(&self, input: &[f32], add: Option<&[f32]>, room: &mut Vec<f32>, out: &mut [f32]) {
        let src = match &self.phases {
            None => input,
            Some(phases) => {
                let pictures = self.from.c * phases.kept.0 * phases.kept.1;
                let needed = pictures * phases.rows * self.to.pitch() + SLACK;
                if room.len() < needed {
                    room.resize(needed, 0.0);
                }
                Arch::new().dispatch(|| phases.part(&self.from, self.to.pitch(), input, room));
                &room[..needed]
            }
        };
        Product {
            rows: &self.weights,
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

impl Phases {
    /// Copies the input with its padding into its pictures of `pitch`.
    #[inline(always)]
    fn part(&self, from: &Map, pitch: usize, input: &[f32], room: &mut [f32]) {
        let Self { stride, pad, kept, rows } = *self;
        for (i, line) in room.chunks_exact_mut(pitch).take(from.c * kept.0 * kept.1 * rows).enumerate() {
            let (picture, row) = (i / rows, i % rows);
            let (c, dy, dx) = (picture / kept.1 / kept.0, picture / kept.1 % kept.0, picture % kept.1);
            // Row of the input, counted from its upper border of one.
            let y = (row * stride + dy + 1).checked_sub(pad).filter(|y| *y < from.h + 2);
            let Some(y) = y else {
                line.fill(0.0);
                continue;
            };
            // Columns are counted from the border on the left; farther out there are only zeros.
            let skipped = pad.saturating_sub(dx + 1).div_ceil(stride).min(line.len());
            let first = skipped * stride + dx + 1 - pad;
            let at = c * from.plane() + y * from.pitch();
            let values = &input[(at + first).min(at + from.w + 2)..at + from.w + 2];
            let (outside, line) = line.split_at_mut(skipped);
            outside.fill(0.0);
            let count = values.len().div_ceil(stride).min(line.len());
            let (line, outside) = line.split_at_mut(count);
            outside.fill(0.0);
            if stride == 2 {
                // The usual stride with a length that the compiler knows.
                let (pairs, last) = values.as_chunks::<2>();
                line.iter_mut().zip(pairs).for_each(|(to, from)| *to = from[0]);
                if let (Some(to), Some(from)) = (line.get_mut(pairs.len()), last.first()) {
                    *to = *from;
                }
            } else {
                line.iter_mut().zip(values.iter().step_by(stride)).for_each(|(to, from)| *to = *from);
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
        for (k, stride, pad) in [
            (1, 1, 0),
            (3, 1, 1),
            (3, 2, 1),
            (3, 1, 0),
            (5, 2, 1),
            (2, 2, 0),
            (1, 2, 0),
            (7, 3, 1),
            (6, 2, 2),
            (6, 4, 2),
        ] {
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
