//! A network that is run on several small inputs side by side, each value of all of them in one register.
//!
//! A character's cell is small: where its maps of 8 x 8 and 4 x 4 pixels are run by themselves, half of the products fall
//! on their borders, and the weights are fetched anew for each cell. Here every lane of a register belongs to another
//! cell. What a cell is answered depends neither on its neighbours nor on the width of the machine's registers.

mod picture;
mod product;
mod winograd;

use super::WeightsError;
use super::file::{Definition, Op, TensorRef, WeightsFile};
use super::ops::LAYER_NORM_EPS;
use super::product::Rows;
use picture::Picture;
use product::{Product, lanes, rows};
use std::collections::BTreeMap;
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

/// Shape of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Picture(Picture),
    Vector(usize),
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
        let mut turned = vec![0.0; weights.len()];
        for (to, from) in
            turned.chunks_exact_mut(kh * kw * from.c).zip(weights.chunks_exact(kh * kw * from.c))
        {
            let channels = from.len() / (kh * kw);
            for (i, value) in from.iter().enumerate() {
                to[i % (kh * kw) * channels + i / (kh * kw)] = *value;
            }
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

    fn run(&self, input: &[f32], add: Option<&[f32]>, out: &mut [f32]) {
        Product {
            rows: &self.weights,
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
        file: &WeightsFile,
        name: &str,
        input: [usize; 3],
        wanted: &[(&str, usize)],
    ) -> Result<Self, WeightsError> {
        let of = |e: WeightsError| WeightsError::new(format!("network {name}: {e}"));
        let definition = file
            .header
            .networks
            .get(name)
            .ok_or_else(|| WeightsError::new(format!("there is no network {name}")))?;
        Builder::build(file, definition, input, wanted).map_err(of)
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
            self.store(some, lanes, &mut memory.values[0]);
            for step in &self.steps {
                // A result is none of its own inputs.
                let mut out = std::mem::take(&mut memory.values[step.out]);
                step.kind.run(&memory.values, &mut memory.room, lanes, &mut out);
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

    fn store<I: AsRef<[f32]>>(&self, inputs: &[I], lanes: usize, to: &mut [f32]) {
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
    }
}

impl Kind {
    fn run(&self, values: &[Vec<f32>], room: &mut [f32], lanes: usize, out: &mut [f32]) {
        match self {
            Self::Conv { input, add, layer } => {
                layer.run(&values[*input], add.map(|a| values[a].as_slice()), out);
            }
            Self::Winograd { input, add, conv } => {
                conv.run(&values[*input], add.map(|a| values[a].as_slice()), room, lanes, out);
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
            Self::Linear { input, layer } => layer.run(&values[*input], None, out),
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

/// Checks a definition, operation by operation.
struct Builder<'a> {
    file: &'a WeightsFile,
    border: usize,
    results: BTreeMap<String, (usize, Form)>,
    sizes: Vec<usize>,
    steps: Vec<Step>,
    room: usize,
}

impl<'a> Builder<'a> {
    fn build(
        file: &'a WeightsFile,
        definition: &Definition,
        [c, h, w]: [usize; 3],
        wanted: &[(&str, usize)],
    ) -> Result<Abreast, WeightsError> {
        // One border for all, so that maps of one shape lie alike.
        let pads = definition.ops.iter().map(|op| if let Op::Conv { pad, .. } = op { *pad } else { 0 });
        let border = pads.max().unwrap_or(0);
        if border > MOST_PADDING {
            return Err(WeightsError::new(format!("a padding of {border} pixels")));
        }
        let (results, sizes) = (BTreeMap::new(), Vec::new());
        let mut builder = Self { file, border, results, sizes, steps: Vec::new(), room: 0 };
        let input = builder.picture(c, h, w)?;
        builder.define(&definition.input, Form::Picture(input))?;
        for (i, op) in definition.ops.iter().enumerate() {
            builder.step(op).map_err(|e| WeightsError::new(format!("operation {i}: {e}")))?;
        }
        let output = |(name, length): &(&str, usize)| match definition.outputs.get(*name) {
            None => Err(WeightsError::new(format!("there is no output {name}"))),
            Some(result) => match builder.result(result)? {
                (result, Form::Vector(found)) if found == *length => Ok((result, found)),
                (_, form) => {
                    Err(WeightsError::new(format!("output {name} is {form:?}, not of length {length}")))
                }
            },
        };
        let outputs = wanted.iter().map(output).collect::<Result<_, _>>()?;
        let Self { sizes, steps, room, .. } = builder;
        Ok(Abreast { steps, input, sizes, outputs, room, idle: Mutex::default() })
    }

    /// A map of this shape, if it is not absurdly large.
    fn picture(&self, c: usize, h: usize, w: usize) -> Result<Picture, WeightsError> {
        let sides = [c, h, w];
        if sides.iter().any(|side| *side == 0 || *side > MOST_SIDE)
            || sides.iter().product::<usize>() > MOST_VALUES
        {
            return Err(WeightsError::new(format!("a value cannot have the shape {sides:?}")));
        }
        Ok(Picture { c, h, w, border: self.border })
    }

    fn define(&mut self, name: &str, form: Form) -> Result<usize, WeightsError> {
        let result = self.sizes.len();
        if self.results.insert(name.to_owned(), (result, form)).is_some() {
            return Err(WeightsError::new(format!("{name} is made twice")));
        }
        self.sizes.push(match form {
            Form::Picture(picture) => picture.len(),
            Form::Vector(length) => length,
        });
        Ok(result)
    }

    fn result(&self, name: &str) -> Result<(usize, Form), WeightsError> {
        self.results.get(name).copied().ok_or_else(|| WeightsError::new(format!("{name} is not known yet")))
    }

    fn map(&self, name: &str) -> Result<(usize, Picture), WeightsError> {
        match self.result(name)? {
            (result, Form::Picture(picture)) => Ok((result, picture)),
            _ => Err(WeightsError::new(format!("{name} is a vector, not a map"))),
        }
    }

    fn vector(&self, name: &str) -> Result<(usize, usize), WeightsError> {
        match self.result(name)? {
            (result, Form::Vector(length)) => Ok((result, length)),
            _ => Err(WeightsError::new(format!("{name} is a map, not a vector"))),
        }
    }

    fn step(&mut self, op: &Op) -> Result<(), WeightsError> {
        let file = self.file;
        let bad =
            |t: &TensorRef| WeightsError::new(format!("a tensor of shape {:?} does not fit here", t.shape));
        let (kind, out, form) = match op {
            Op::Conv { input, out, w, b, stride, pad, relu, add } => {
                let (input, from) = self.map(input)?;
                let [o, c, kh, kw] = w.shape[..] else { return Err(bad(w)) };
                let side =
                    |side: usize, k: usize| Some((side + 2 * pad).checked_sub(k)?.checked_div(*stride)? + 1);
                let (Some(high), Some(wide)) = (side(from.h, kh), side(from.w, kw)) else {
                    return Err(bad(w));
                };
                if c != from.c || b.shape != [o] || kh == 0 || kw == 0 {
                    return Err(bad(w));
                }
                let to = self.picture(o, high, wide)?;
                let add = add.as_deref().map(|name| self.map(name)).transpose()?;
                if add.is_some_and(|(_, map)| map != to) {
                    return Err(WeightsError::new("the sum has another shape"));
                }
                let add = add.map(|(result, _)| result);
                let (weights, bias) = (file.tensor(w)?, file.tensor(b)?);
                let kind = if (kh, kw, *stride, *pad) == (3, 3, 1, 1) && high % 2 == 0 && wide % 2 == 0 {
                    let conv = Box::new(Winograd::new(from, to, weights, bias, *relu));
                    self.room = self.room.max(conv.room());
                    Kind::Winograd { input, add, conv }
                } else {
                    let layer = Layer::conv((from, to), weights, bias, ([kh, kw], *stride, *pad), *relu);
                    Kind::Conv { input, add, layer }
                };
                (kind, out, Form::Picture(to))
            }
            Op::Upsample { input, out } => {
                let (input, from) = self.map(input)?;
                let to = self.picture(from.c, from.h * 2, from.w * 2)?;
                (Kind::Upsample { input, from, to }, out, Form::Picture(to))
            }
            Op::Concat { ins, out } => {
                let inputs = ins.iter().map(|name| self.map(name)).collect::<Result<Vec<_>, _>>()?;
                let Some((_, first)) = inputs.first() else {
                    return Err(WeightsError::new("nothing to join"));
                };
                if inputs.iter().any(|(_, other)| (other.h, other.w) != (first.h, first.w)) {
                    return Err(WeightsError::new("maps of several sizes cannot be joined"));
                }
                let to = self.picture(inputs.iter().map(|(_, from)| from.c).sum(), first.h, first.w)?;
                (Kind::Concat { inputs, to }, out, Form::Picture(to))
            }
            Op::Flatten { input, out } => {
                let (input, from) = self.map(input)?;
                (Kind::Flatten { input, from }, out, Form::Vector(from.c * from.h * from.w))
            }
            Op::Linear { input, out, w, b, relu } => {
                let (input, length) = self.vector(input)?;
                let [o, i] = w.shape[..] else { return Err(bad(w)) };
                if i != length || o == 0 || b.shape != [o] {
                    return Err(bad(w));
                }
                let layer = Layer::linear(file.tensor(w)?, file.tensor(b)?, *relu);
                (Kind::Linear { input, layer }, out, Form::Vector(o))
            }
            Op::LayerNorm { input, out, w, b } => {
                let (input, length) = self.vector(input)?;
                if w.shape != [length] || b.shape != [length] {
                    return Err(bad(w));
                }
                let (w, b) = (file.tensor(w)?.to_vec(), file.tensor(b)?.to_vec());
                (Kind::LayerNorm { input, w, b }, out, Form::Vector(length))
            }
            other => return Err(WeightsError::new(format!("{other:?} is not run side by side"))),
        };
        let out = self.define(out, form)?;
        self.steps.push(Step { kind, out });
        Ok(())
    }
}

/// No network of ours pads by more pixels.
const MOST_PADDING: usize = 8;
/// No side of a map, and no number of its values, may be larger: a damaged header must not ask for all memory.
const MOST_SIDE: usize = 1 << 12;
const MOST_VALUES: usize = 1 << 20;

#[cfg(test)]
#[path = "abreast/tests.rs"]
mod tests;
