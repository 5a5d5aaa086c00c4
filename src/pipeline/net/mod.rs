//! Small networks from a file of weights, run on one thread.
//!
//! [`Network`] runs one input, [`Abreast`] several small ones side by side.
//! The caller is already parallel over photographs. All shapes are checked
//! when the file is loaded, so that running cannot fail, and every sum is
//! made in the same order whatever the number of threads.

mod abreast;
mod conv;
pub mod file;
pub mod networks;
mod ops;
mod plan;
mod product;
mod shape;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use abreast::Abreast;
pub use file::WeightsError;
pub use networks::Networks;
pub use ops::{log_softmax, sigmoid, softmax};

use file::WeightsFile;
use plan::{Kind, Plan};
use shape::Shape;
use std::cell::RefCell;

/// A network ready to run.
#[derive(Debug)]
pub struct Network {
    plan: Plan,
}

/// Buffers of one thread, shared by all networks and kept from photograph to photograph.
#[derive(Default)]
struct Scratch {
    buffers: Vec<Vec<f32>>,
    room: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Network {
    /// Network `name` of `file`, for an input of shape `input` and with the outputs
    /// `wanted`, each given with its shape.
    ///
    /// # Errors
    /// The network is missing, its operations do not fit together, or an output is
    /// missing or has another shape.
    pub fn new(
        file: &WeightsFile<'_>,
        name: &str,
        input: &[usize],
        wanted: &[(&str, &[usize])],
    ) -> Result<Self, WeightsError> {
        let input = Shape::new(input)?;
        file.build(name, |definition| Plan::new(file, definition, input, wanted)).map(|plan| Self { plan })
    }

    /// Runs the network; the outputs are row-major, in the order in which they were wanted.
    ///
    /// # Panics
    /// `input` is not as long as the input's shape says.
    pub fn run(&self, input: &[f32]) -> Vec<Vec<f32>> {
        let (first, shape) = self.plan.input;
        assert_eq!(input.len(), shape.len(), "values of the input");
        SCRATCH.with_borrow_mut(|Scratch { buffers, room }| {
            if buffers.len() < self.plan.buffers.len() {
                buffers.resize_with(self.plan.buffers.len(), Vec::new);
            }
            for (buffer, needed) in buffers.iter_mut().zip(&self.plan.buffers) {
                if buffer.len() < *needed {
                    buffer.resize(*needed, 0.0);
                }
            }
            shape.store(input, &mut buffers[first]);
            for step in &self.plan.steps {
                // The result's buffer is none of the inputs' buffers.
                let mut out = std::mem::take(&mut buffers[step.out]);
                run(&step.kind, step.shape, buffers, room, &mut out);
                buffers[step.out] = out;
            }
            let load = |(buffer, shape): &(usize, Shape)| {
                let mut values = Vec::with_capacity(shape.len());
                shape.load(&buffers[*buffer], &mut values);
                values
            };
            self.plan.outputs.iter().map(load).collect()
        })
    }
}

fn run(kind: &Kind, shape: Shape, buffers: &[Vec<f32>], room: &mut Vec<f32>, out: &mut [f32]) {
    match kind {
        Kind::Conv { input, add, conv } => {
            conv.run(&buffers[*input], add.map(|b| buffers[b].as_slice()), room, out);
        }
        Kind::Pool { input, from, mean, k, stride } => {
            if let Shape::Map(to) = shape {
                ops::pool(*mean, *k, *stride, *from, to, &buffers[*input], out);
            }
        }
        Kind::ChannelMeans { input, from } => ops::channel_means(*from, &buffers[*input], out),
        Kind::Upsample { input, from } => {
            if let Shape::Map(to) = shape {
                ops::upsample(*from, to, &buffers[*input], out);
            }
        }
        Kind::Concat { inputs } => {
            let mut start = 0;
            for (buffer, from) in inputs {
                start += match (*from, shape) {
                    (Shape::Tokens { t, d }, Shape::Tokens { d: all, .. }) => {
                        for i in 0..t {
                            out[i * all + start..i * all + start + d]
                                .copy_from_slice(&buffers[*buffer][i * d..(i + 1) * d]);
                        }
                        d
                    }
                    (Shape::Map(map), _) => {
                        let n = map.c * map.plane();
                        out[start..start + n].copy_from_slice(&buffers[*buffer][..n]);
                        n
                    }
                    _ => {
                        let n = from.len();
                        out[start..start + n].copy_from_slice(&buffers[*buffer][..n]);
                        n
                    }
                };
            }
        }
        Kind::Tokens { input, from } => ops::tokens(*from, &buffers[*input], out),
        Kind::Linear { input, tokens, linear } => linear.run(*tokens, &buffers[*input], out),
        Kind::Add { a, b } => add(shape, &buffers[*a], &buffers[*b], out),
        Kind::AddConst { input, values } => add(shape, &buffers[*input], values, out),
        Kind::Const { values } => out[..values.len()].copy_from_slice(values),
        Kind::Attend { q, k, v, attend } => {
            attend.run(&buffers[*q], &buffers[*k], &buffers[*v], room, out);
        }
        Kind::LayerNorm { input, tokens, w, b } => {
            ops::layer_norm(*tokens, w, b, &buffers[*input], out);
        }
        Kind::GridSample { input, from, points } => {
            ops::grid_sample(*from, points, &buffers[*input], out);
        }
        Kind::Reshape { input, from } => {
            from.load(&buffers[*input], room);
            shape.store(room, out);
        }
    }
}

/// Sum of two values of one shape; borders stay zero.
fn add(shape: Shape, a: &[f32], b: &[f32], out: &mut [f32]) {
    for ((o, a), b) in out.iter_mut().zip(a).zip(b).take(shape.stored()) {
        *o = a + b;
    }
}
