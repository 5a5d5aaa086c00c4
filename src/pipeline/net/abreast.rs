//! A network that is run on several small inputs side by side, each value of all of them in one register.
//!
//! A character's cell is small: where its maps of 8 x 8 and 4 x 4 pixels are run by themselves, half of the products fall
//! on their borders, and the weights are fetched anew for each cell. Here every lane of a register belongs to another
//! cell, or every two lanes where there are few. What a cell is answered depends neither on its neighbours nor on the width of
//! the registers, as long as the machine multiplies and adds in one step.

mod picture;
mod plan;
mod product;
mod winograd;

use super::WeightsError;
use super::file::WeightsFile;
use super::ops::LAYER_NORM_EPS;
use super::product::Rows;
use picture::Picture;
use plan::Builder;
use product::{Product, lanes, rows};
use std::sync::{Mutex, PoisonError};
use winograd::Winograd;

/// A network ready to run.
#[derive(Debug)]
pub struct Abreast {
    steps: Vec<Step>,
    input: Picture,
    /// Values of every result, the input's first.
    sizes: Vec<usize>,
    /// Results of the wanted outputs and their lengths.
    outputs: Vec<(usize, usize)>,
    /// Values of room that some steps work in.
    room: usize,
    /// Memory of runs that have ended. Borders are zero from the start, and nothing is written there.
    idle: Mutex<Vec<Memory>>,
}

/// What one run works in.
#[derive(Debug)]
struct Memory {
    /// Every result, all lanes of a value side by side.
    values: Vec<Vec<f32>>,
    room: Vec<f32>,
}

/// One operation; numbers named `input` and the like are results.
#[derive(Debug)]
struct Step {
    kind: Kind,
    out: usize,
}

#[derive(Debug)]
enum Kind {
    Conv {
        input: usize,
        add: Option<usize>,
        layer: Layer,
    },
    Winograd {
        input: usize,
        add: Option<usize>,
        conv: Box<Winograd>,
    },
    Upsample {
        input: usize,
        from: Picture,
        to: Picture,
    },
    Concat {
        inputs: Vec<(usize, Picture)>,
        to: Picture,
    },
    /// A picture to a vector: by channel, row, column.
    Flatten {
        input: usize,
        from: Picture,
    },
    Linear {
        input: usize,
        layer: Layer,
    },
    LayerNorm {
        input: usize,
        w: Vec<f32>,
        b: Vec<f32>,
    },
}

/// A convolution, or a fully connected layer, which is one of a picture of one pixel.
#[derive(Debug)]
struct Layer {
    weights: Rows,
    bias: Vec<f32>,
    relu: bool,
    runs: Vec<usize>,
    length: usize,
    pixels: Vec<(usize, usize)>,
}

impl Layer {
    fn conv(
        (from, to): (Picture, Picture),
        weights: &[f32],
        bias: &[f32],
        (kernel, stride, pad): ([usize; 2], usize, usize),
        relu: bool,
    ) -> Self {
        let [kh, kw] = kernel;
        // From channel, row, column to row, column, channel: the order in which values lie.
        let (taps, row) = (kh * kw, kh * kw * from.c);
        let mut turned = vec![0.0; weights.len()];
        for (i, weight) in weights.iter().enumerate() {
            let (first, channel, tap) = (i / row * row, i % row / taps, i % taps);
            turned[first + tap * from.c + channel] = *weight;
        }
        let pixels = (0..to.h).flat_map(|y| (0..to.w).map(move |x| (y, x)));
        let place = |(y, x)| (from.before(y * stride, x * stride, pad), to.at(y, x));
        Self {
            weights: rows(&turned, to.c),
            bias: bias.to_vec(),
            relu,
            runs: (0..kh).map(|y| y * from.pitch() * from.c).collect(),
            length: kw * from.c,
            pixels: pixels.map(place).collect(),
        }
    }

    fn linear(weights: &[f32], bias: &[f32], relu: bool) -> Self {
        Self {
            weights: rows(weights, bias.len()),
            bias: bias.to_vec(),
            relu,
            runs: vec![0],
            length: weights.len() / bias.len(),
            pixels: vec![(0, 0)],
        }
    }

    fn run(&self, input: &[f32], add: Option<&[f32]>, twice: bool, out: &mut [f32]) {
        Product {
            rows: &self.weights,
            twice,
            src: input,
            runs: &self.runs,
            length: self.length,
            pixels: &self.pixels,
            bias: &self.bias,
            add,
            relu: self.relu,
            out,
        }
        .run();
    }
}

impl Abreast {
    /// Network `name` of `file`, for inputs of the shape `input` (channels, rows, columns) and with the outputs `wanted`,
    /// vectors given with their lengths.
    ///
    /// # Errors
    /// The network is missing, its operations do not fit together or are not among those that are known here, or an output
    /// is missing or has another length.
    pub fn new(
        file: &WeightsFile<'_>,
        name: &str,
        input: [usize; 3],
        wanted: &[(&str, usize)],
    ) -> Result<Self, WeightsError> {
        file.build(name, |definition| Builder::build(file, definition, input, wanted))
    }

    /// Runs the network on each of the inputs, given by channel, row and column; the outputs in the order in which they
    /// were wanted.
    ///
    /// # Panics
    /// An input is not as long as the input's shape says.
    pub fn run<I: AsRef<[f32]>>(&self, inputs: &[I]) -> Vec<Vec<Vec<f32>>> {
        let lanes = lanes();
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = idle().pop().unwrap_or_else(|| Memory {
            values: self.sizes.iter().map(|size| vec![0.0; size * lanes]).collect(),
            room: vec![0.0; self.room * lanes],
        });
        let mut answers = Vec::with_capacity(inputs.len());
        for some in inputs.chunks(lanes) {
            // Few have two lanes each, and a register holds two of their pixels.
            let twice = 2 * some.len() <= lanes;
            self.store(some, (lanes, twice), &mut memory.values[0]);
            for step in &self.steps {
                // A result is none of its own inputs.
                let mut out = std::mem::take(&mut memory.values[step.out]);
                step.kind.run(&memory.values, &mut memory.room, (lanes, twice), &mut out);
                memory.values[step.out] = out;
            }
            answers.extend((0..some.len()).map(|lane| {
                let load = |(result, length): &(usize, usize)| {
                    memory.values[*result].iter().skip(lane).step_by(lanes).take(*length).copied().collect()
                };
                self.outputs.iter().map(load).collect()
            }));
        }
        idle().push(memory);
        answers
    }

    fn store<I: AsRef<[f32]>>(&self, inputs: &[I], (lanes, twice): (usize, bool), to: &mut [f32]) {
        let Picture { c, h, w, .. } = self.input;
        for (lane, input) in inputs.iter().enumerate() {
            let input = input.as_ref();
            assert_eq!(input.len(), c * h * w, "values of the input");
            for (pixel, at) in self.input.pixels().enumerate() {
                for channel in 0..c {
                    to[(at + channel) * lanes + lane] = input[channel * h * w + pixel];
                }
            }
        }
        if twice {
            for value in to.chunks_exact_mut(lanes) {
                let (first, second) = value.split_at_mut(lanes / 2);
                second.copy_from_slice(first);
            }
        }
    }
}

impl Kind {
    fn run(&self, values: &[Vec<f32>], room: &mut [f32], (lanes, twice): (usize, bool), out: &mut [f32]) {
        match self {
            Self::Conv { input, add, layer } => {
                layer.run(&values[*input], add.map(|a| values[a].as_slice()), twice, out);
            }
            Self::Winograd { input, add, conv } => {
                conv.run(&values[*input], add.map(|a| values[a].as_slice()), room, (lanes, twice), out);
            }
            Self::Upsample { input, from, to } => {
                let length = from.c * lanes;
                for (y, x) in (0..to.h).flat_map(|y| (0..to.w).map(move |x| (y, x))) {
                    let (at, source) = (to.at(y, x) * lanes, from.at(y / 2, x / 2) * lanes);
                    out[at..at + length].copy_from_slice(&values[*input][source..source + length]);
                }
            }
            Self::Concat { inputs, to } => {
                let mut first = 0;
                for (input, from) in inputs {
                    let length = from.c * lanes;
                    for (at, source) in to.pixels().zip(from.pixels()) {
                        let (at, source) = ((at + first) * lanes, source * lanes);
                        out[at..at + length].copy_from_slice(&values[*input][source..source + length]);
                    }
                    first += from.c;
                }
            }
            Self::Flatten { input, from } => {
                let pixels = from.h * from.w;
                for (pixel, source) in from.pixels().enumerate() {
                    let channels = values[*input][source * lanes..].chunks_exact(lanes);
                    for (channel, value) in channels.take(from.c).enumerate() {
                        let at = (channel * pixels + pixel) * lanes;
                        out[at..at + lanes].copy_from_slice(value);
                    }
                }
            }
            Self::Linear { input, layer } => layer.run(&values[*input], None, twice, out),
            Self::LayerNorm { input, w, b } => {
                for lane in 0..lanes {
                    let values = || values[*input].iter().skip(lane).step_by(lanes);
                    let mean = values().sum::<f32>() / w.len() as f32;
                    let variance = values().map(|v| (v - mean) * (v - mean)).sum::<f32>() / w.len() as f32;
                    let scale = 1.0 / (variance + LAYER_NORM_EPS).sqrt();
                    let of = values().zip(w.iter().zip(b));
                    for (to, (v, (w, b))) in out.iter_mut().skip(lane).step_by(lanes).zip(of) {
                        *to = (v - mean) * scale * w + b;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "abreast/tests.rs"]
mod tests;
