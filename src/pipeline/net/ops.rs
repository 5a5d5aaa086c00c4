//! Everything that is not a convolution. Lengths were checked when the network was loaded.

use super::product::{Bias, Product, Rows, SLACK};
use super::shape::Map;
use crate::pipeline::vector::exp;
use pulp::Arch;

/// Pooling over windows of `k` x `k`, or the whole of a smaller border: the largest value, or the mean.
pub fn pool(mean: bool, k: usize, stride: usize, from: Map, to: Map, input: &[f32], out: &mut [f32]) {
    let scale = if mean { 1.0 / (k * k) as f32 } else { 1.0 };
    let start = if mean { 0.0 } else { f32::NEG_INFINITY };
    for (c, y) in (0..to.c).flat_map(|c| (0..to.h).map(move |y| (c, y))) {
        let at = to.at(c, y);
        let line = &mut out[at..at + to.w];
        line.fill(start);
        for (dy, dx) in (0..k).flat_map(|dy| (0..k).map(move |dx| (dy, dx))) {
            let values = input[from.at(c, y * stride + dy) + dx..].iter().step_by(stride);
            for (o, v) in line.iter_mut().zip(values) {
                *o = if mean { *o + v } else { o.max(*v) };
            }
        }
        line.iter_mut().for_each(|v| *v *= scale);
    }
    to.clear_border(out);
}

/// Mean of every channel.
pub fn channel_means(from: Map, input: &[f32], out: &mut [f32]) {
    let count = (from.h * from.w) as f64;
    for (c, o) in out.iter_mut().take(from.c).enumerate() {
        let row = |y| input[from.at(c, y)..from.at(c, y) + from.w].iter().map(|v| f64::from(*v)).sum::<f64>();
        *o = ((0..from.h).map(row).sum::<f64>() / count) as f32;
    }
}

/// Every pixel four times.
pub fn upsample(from: Map, to: Map, input: &[f32], out: &mut [f32]) {
    for (c, y) in (0..to.c).flat_map(|c| (0..to.h).map(move |y| (c, y))) {
        let (at, source) = (to.at(c, y), from.at(c, y / 2));
        for (pair, v) in out[at..at + to.w].chunks_exact_mut(2).zip(&input[source..source + from.w]) {
            pair.fill(*v);
        }
    }
    to.clear_border(out);
}

/// A map as one token a pixel.
pub fn tokens(from: Map, input: &[f32], out: &mut [f32]) {
    for (c, y) in (0..from.c).flat_map(|c| (0..from.h).map(move |y| (c, y))) {
        let at = from.at(c, y);
        for (x, v) in input[at..at + from.w].iter().enumerate() {
            out[(y * from.w + x) * from.c + c] = *v;
        }
    }
}

/// Weights of a fully connected layer, transposed for [`Product`].
#[derive(Debug)]
pub struct Linear {
    weights: Vec<f32>,
    bias: Vec<f32>,
    taps: Vec<usize>,
    relu: bool,
}

impl Linear {
    /// From weights in rows, one an output.
    pub fn new(weights: &[f32], bias: &[f32], relu: bool) -> Self {
        let (outputs, inputs) = (bias.len(), weights.len() / bias.len());
        let mut turned = vec![0.0; weights.len() + SLACK];
        for (i, w) in weights.iter().enumerate() {
            turned[i % inputs * outputs + i / inputs] = *w;
        }
        let mut bias = bias.to_vec();
        bias.resize(outputs + SLACK, 0.0);
        Self { weights: turned, bias, taps: (0..inputs).map(|k| k * outputs).collect(), relu }
    }

    /// Applies the layer to each of `t` tokens.
    pub fn run(&self, t: usize, input: &[f32], out: &mut [f32]) {
        let n = self.bias.len() - SLACK;
        Product {
            rows: &Rows::new(input, self.taps.len(), t, self.taps.len()),
            src: &self.weights,
            taps: &self.taps,
            n,
            bias: Bias::Columns(&self.bias),
            add: None,
            relu: self.relu,
            out,
            out_at: 0,
            out_step: n,
        }
        .run();
    }
}

/// Sizes of an attention.
#[derive(Clone, Copy, Debug)]
pub struct Attend {
    /// Query tokens.
    pub queries: usize,
    /// Key and value tokens.
    pub keys: usize,
    /// Length of a query and of a key.
    pub d: usize,
    /// Length of a value.
    pub dv: usize,
    /// Heads.
    pub heads: usize,
}

impl Attend {
    /// softmax(q k^T / sqrt(d / heads)) v, head by head; `room` is room to work in.
    pub fn run(&self, q: &[f32], k: &[f32], v: &[f32], room: &mut Vec<f32>, out: &mut [f32]) {
        let Self { queries, keys, d, dv, heads } = *self;
        let (dh, dvh) = (d / heads, dv / heads);
        let needed = dh * keys + SLACK + queries * keys;
        if room.len() < needed {
            room.resize(needed, 0.0);
        }
        let (turned, weights) = room.split_at_mut(dh * keys + SLACK);
        let scale = 1.0 / (dh as f32).sqrt();
        let taps: Vec<usize> = (0..dh).map(|i| i * keys).collect();
        let mut rows = Rows::default();
        for head in 0..heads {
            for (j, key) in k.chunks_exact(d).take(keys).enumerate() {
                for (i, x) in key[head * dh..(head + 1) * dh].iter().enumerate() {
                    turned[i * keys + j] = x * scale;
                }
            }
            rows.set(&q[head * dh..], d, queries, dh);
            Product {
                rows: &rows,
                src: turned,
                taps: &taps,
                n: keys,
                bias: Bias::None,
                add: None,
                relu: false,
                out: weights,
                out_at: 0,
                out_step: keys,
            }
            .run();
            weights.chunks_exact_mut(keys).take(queries).for_each(softmax);
            let values: Vec<usize> = (0..keys).map(|j| j * dv + head * dvh).collect();
            rows.set(weights, keys, queries, keys);
            Product {
                rows: &rows,
                src: v,
                taps: &values,
                n: dvh,
                bias: Bias::None,
                add: None,
                relu: false,
                out,
                out_at: head * dvh,
                out_step: dv,
            }
            .run();
        }
    }
}

/// Turns logits into probabilities in place.
pub fn softmax(row: &mut [f32]) {
    Arch::new().dispatch(|| {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.iter_mut().for_each(|v| *v = exp(*v - max));
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|v| *v /= sum);
    });
}

/// The logarithms of the probabilities that [`softmax`] makes of logits.
pub fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let mut p = logits.to_vec();
    softmax(&mut p);
    // No symbol is ruled out altogether by the limits of a float.
    p.iter().map(|p| p.max(1e-12).ln()).collect()
}

/// The probability whose log-odds are `x`.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Added to the variance before the root, as in the training framework.
pub const LAYER_NORM_EPS: f32 = 1e-5;

/// Each token to mean 0 and variance 1, then scaled by `w` and shifted by `b`.
pub fn layer_norm(t: usize, w: &[f32], b: &[f32], input: &[f32], out: &mut [f32]) {
    let d = w.len();
    for (row, to) in input.chunks_exact(d).zip(out.chunks_exact_mut(d)).take(t) {
        let mean = row.iter().sum::<f32>() / d as f32;
        let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / d as f32;
        let scale = 1.0 / (variance + LAYER_NORM_EPS).sqrt();
        for (i, v) in row.iter().enumerate() {
            to[i] = (v - mean) * scale * w[i] + b[i];
        }
    }
}

/// Bilinear values of all channels at points (x, y) in map pixels, repeating the edge outside.
pub fn grid_sample(from: Map, points: &[f32], input: &[f32], out: &mut [f32]) {
    let split = |v: f32, side: usize| {
        let v = v.clamp(0.0, (side - 1) as f32);
        let low = (v as usize).min(side.saturating_sub(2));
        (low, (low + 1).min(side - 1), v - low as f32)
    };
    for (point, to) in points.chunks_exact(2).zip(out.chunks_exact_mut(from.c)) {
        let ((x0, x1, fx), (y0, y1, fy)) = (split(point[0], from.w), split(point[1], from.h));
        for (c, o) in to.iter_mut().enumerate() {
            let (top, bottom) = (from.at(c, y0), from.at(c, y1));
            let upper = input[top + x0] + (input[top + x1] - input[top + x0]) * fx;
            let lower = input[bottom + x0] + (input[bottom + x1] - input[bottom + x0]) * fx;
            *o = upper + (lower - upper) * fy;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_follow_the_logits_and_sum_to_1() {
        let mut row = [0.0, 3f32.ln(), -1e9, 0.0];
        softmax(&mut row);
        assert!(row.iter().zip([0.2, 0.6, 0.0, 0.2]).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6));
    }
}
