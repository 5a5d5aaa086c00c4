//! A network's definition to steps whose every access is known to lie within its buffers.

use super::conv::Conv;
use super::file::{Definition, Op, WeightsError, WeightsFile};
use super::ops::{Attend, Linear};
use super::shape::{Map, Shape};
use std::collections::BTreeMap;

/// One operation on buffers.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) kind: Kind,
    /// Buffer of the result.
    pub(super) out: usize,
    /// Its shape.
    pub(super) shape: Shape,
}

/// What a step does; numbers named `input` and the like are buffers.
#[derive(Debug)]
pub(super) enum Kind {
    Conv {
        input: usize,
        add: Option<usize>,
        conv: Box<Conv>,
    },
    Pool {
        input: usize,
        from: Map,
        mean: bool,
        k: usize,
        stride: usize,
    },
    ChannelMeans {
        input: usize,
        from: Map,
    },
    Upsample {
        input: usize,
        from: Map,
    },
    Concat {
        inputs: Vec<(usize, Shape)>,
    },
    Tokens {
        input: usize,
        from: Map,
    },
    Linear {
        input: usize,
        tokens: usize,
        linear: Linear,
    },
    Add {
        a: usize,
        b: usize,
    },
    /// `values` are stored as the result is, borders included.
    AddConst {
        input: usize,
        values: Vec<f32>,
    },
    Const {
        values: Vec<f32>,
    },
    Attend {
        q: usize,
        k: usize,
        v: usize,
        attend: Attend,
    },
    LayerNorm {
        input: usize,
        tokens: usize,
        w: Vec<f32>,
        b: Vec<f32>,
    },
    GridSample {
        input: usize,
        from: Map,
        points: Vec<f32>,
    },
    Reshape {
        input: usize,
        from: Shape,
    },
}

/// A network ready to run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// Places that each buffer needs.
    pub(super) buffers: Vec<usize>,
    pub(super) input: (usize, Shape),
    /// Buffers of the wanted outputs, in the order in which they were asked for.
    pub(super) outputs: Vec<(usize, Shape)>,
}

impl Plan {
    /// Checks `definition` for an input of `input` and outputs of the wanted shapes.
    pub(super) fn new(
        file: &WeightsFile<'_>,
        definition: &Definition,
        input: Shape,
        wanted: &[(&str, &[usize])],
    ) -> Result<Self, WeightsError> {
        let mut builder = Builder::default();
        let first = builder.define(&definition.input, input)?;
        for value in definition.outputs.values() {
            builder.last_use.insert(value.clone(), usize::MAX);
        }
        for (i, op) in definition.ops.iter().enumerate() {
            for name in inputs(op) {
                let last = builder.last_use.entry(name.clone()).or_insert(i);
                *last = (*last).max(i);
            }
        }
        let mut steps = Vec::with_capacity(definition.ops.len());
        for (i, op) in definition.ops.iter().enumerate() {
            let at = |e: WeightsError| WeightsError::new(format!("operation {i} ({}): {e}", out(op)));
            let (kind, shape) = builder.step(file, op).map_err(at)?;
            let buffer = builder.define(out(op), shape).map_err(at)?;
            steps.push(Step { kind, out: buffer, shape });
            builder.release(i);
        }
        let mut outputs = Vec::new();
        for (name, dims) in wanted {
            let value = definition
                .outputs
                .get(*name)
                .ok_or_else(|| WeightsError::new(format!("there is no output {name}")))?;
            let (buffer, shape) = builder.value(value)?;
            if shape.dims() != *dims {
                return Err(WeightsError::new(format!(
                    "output {name} has the shape {:?}, not {dims:?}",
                    shape.dims()
                )));
            }
            outputs.push((buffer, shape));
        }
        Ok(Self { steps, buffers: builder.buffers, input: (first, input), outputs })
    }
}

fn out(op: &Op) -> &str {
    match op {
        Op::Conv { out, .. }
        | Op::MaxPool { out, .. }
        | Op::AvgPool { out, .. }
        | Op::Gap { out, .. }
        | Op::Upsample { out, .. }
        | Op::Concat { out, .. }
        | Op::Flatten { out, .. }
        | Op::Tokens { out, .. }
        | Op::Linear { out, .. }
        | Op::Add { out, .. }
        | Op::AddConst { out, .. }
        | Op::Const { out, .. }
        | Op::Attend { out, .. }
        | Op::LayerNorm { out, .. }
        | Op::GridSample { out, .. }
        | Op::Reshape { out, .. } => out,
    }
}

fn inputs(op: &Op) -> Vec<&String> {
    match op {
        Op::Conv { input, add, .. } => std::iter::once(input).chain(add).collect(),
        Op::MaxPool { input, .. }
        | Op::AvgPool { input, .. }
        | Op::Gap { input, .. }
        | Op::Upsample { input, .. }
        | Op::Flatten { input, .. }
        | Op::Tokens { input, .. }
        | Op::Linear { input, .. }
        | Op::AddConst { input, .. }
        | Op::LayerNorm { input, .. }
        | Op::GridSample { input, .. }
        | Op::Reshape { input, .. } => vec![input],
        Op::Concat { ins, .. } => ins.iter().collect(),
        Op::Add { a, b, .. } => vec![a, b],
        Op::Const { .. } => Vec::new(),
        Op::Attend { q, k, v, .. } => vec![q, k, v],
    }
}

/// Gives values their buffers; a buffer whose value is no longer needed is used again.
#[derive(Default)]
struct Builder {
    values: BTreeMap<String, (usize, Shape)>,
    /// Index of the last operation that needs a value; `usize::MAX` for outputs.
    last_use: BTreeMap<String, usize>,
    buffers: Vec<usize>,
    free: Vec<usize>,
}

impl Builder {
    fn define(&mut self, name: &str, shape: Shape) -> Result<usize, WeightsError> {
        let buffer = self.free.pop().unwrap_or_else(|| {
            self.buffers.push(0);
            self.buffers.len() - 1
        });
        self.buffers[buffer] = self.buffers[buffer].max(shape.stored());
        match self.values.insert(name.to_owned(), (buffer, shape)) {
            None => Ok(buffer),
            Some(_) => Err(WeightsError::new(format!("{name} is made twice"))),
        }
    }

    /// Frees the buffers of values that nothing after operation `i` needs.
    fn release(&mut self, i: usize) {
        let last = &self.last_use;
        let done = self.values.iter().filter(|(name, _)| last.get(*name) == Some(&i)).map(|(_, v)| v.0);
        self.free.extend(done);
    }

    fn value(&self, name: &str) -> Result<(usize, Shape), WeightsError> {
        self.values.get(name).copied().ok_or_else(|| WeightsError::new(format!("{name} is not known yet")))
    }

    fn map(&self, name: &str) -> Result<(usize, Map), WeightsError> {
        match self.value(name)? {
            (buffer, Shape::Map(map)) => Ok((buffer, map)),
            (_, shape) => Err(WeightsError::new(format!("{name} is {:?}, not a map", shape.dims()))),
        }
    }

    /// A list of tokens; a vector is one token.
    fn tokens(&self, name: &str) -> Result<(usize, usize, usize), WeightsError> {
        match self.value(name)? {
            (buffer, Shape::Tokens { t, d }) => Ok((buffer, t, d)),
            (buffer, Shape::Vector { d }) => Ok((buffer, 1, d)),
            (_, Shape::Map(_)) => Err(WeightsError::new(format!("{name} is a map, not tokens"))),
        }
    }

    fn step(&self, file: &WeightsFile<'_>, op: &Op) -> Result<(Kind, Shape), WeightsError> {
        Ok(match op {
            Op::Conv { input, w, b, stride, pad, relu, add, .. } => {
                let (input, from) = self.map(input)?;
                let [o, c, kh, kw] = w.shape[..] else { return Err(w.misfit()) };
                if c != from.c || b.shape != [o] {
                    return Err(w.misfit());
                }
                let conv =
                    Conv::new(from, &file.tensor(w)?, &file.tensor(b)?, (kh, kw), (*stride, *pad), *relu)
                        .ok_or_else(|| w.misfit())?;
                let shape = Shape::new(&[conv.to.c, conv.to.h, conv.to.w])?;
                let add = add.as_deref().map(|name| self.map(name)).transpose()?;
                if add.is_some_and(|(_, map)| map != conv.to) {
                    return Err(WeightsError::new("the sum has another shape"));
                }
                (Kind::Conv { input, add: add.map(|(buffer, _)| buffer), conv: Box::new(conv) }, shape)
            }
            Op::MaxPool { input, k, stride, .. } => self.pool(input, false, *k, *stride)?,
            Op::AvgPool { input, k, stride, .. } => self.pool(input, true, *k, *stride)?,
            Op::Gap { input, .. } => {
                let (input, from) = self.map(input)?;
                (Kind::ChannelMeans { input, from }, Shape::new(&[from.c])?)
            }
            Op::Upsample { input, .. } => {
                let (input, from) = self.map(input)?;
                (Kind::Upsample { input, from }, Shape::new(&[from.c, from.h * 2, from.w * 2])?)
            }
            Op::Concat { ins, .. } => self.concat(ins)?,
            Op::Flatten { input, .. } => {
                let (input, from) = self.value(input)?;
                (Kind::Reshape { input, from }, Shape::new(&[from.len()])?)
            }
            Op::Reshape { input, shape, .. } => {
                let (input, from) = self.value(input)?;
                let to = Shape::new(shape)?;
                if to.len() != from.len() {
                    return Err(WeightsError::new(format!("{:?} cannot become {shape:?}", from.dims())));
                }
                (Kind::Reshape { input, from }, to)
            }
            Op::Tokens { input, .. } => {
                let (input, from) = self.map(input)?;
                (Kind::Tokens { input, from }, Shape::new(&[from.h * from.w, from.c])?)
            }
            Op::Linear { input: name, w, b, relu, .. } => {
                let (input, tokens, d) = self.tokens(name)?;
                let [o, i] = w.shape[..] else { return Err(w.misfit()) };
                if i != d || o == 0 || b.shape != [o] {
                    return Err(w.misfit());
                }
                let linear = Linear::new(&file.tensor(w)?, &file.tensor(b)?, *relu);
                let vector = matches!(self.value(name)?.1, Shape::Vector { .. });
                (
                    Kind::Linear { input, tokens, linear },
                    if vector { Shape::new(&[o])? } else { Shape::new(&[tokens, o])? },
                )
            }
            Op::Add { a, b, .. } => {
                let ((a, shape), (b, other)) = (self.value(a)?, self.value(b)?);
                if shape != other {
                    return Err(WeightsError::new(format!("{:?} and {:?}", shape.dims(), other.dims())));
                }
                (Kind::Add { a, b }, shape)
            }
            Op::AddConst { input, w, .. } => {
                let (input, shape) = self.value(input)?;
                if w.shape != shape.dims() {
                    return Err(w.misfit());
                }
                (Kind::AddConst { input, values: stored(shape, &file.tensor(w)?) }, shape)
            }
            Op::Const { w, .. } => {
                let shape = Shape::new(&w.shape)?;
                (Kind::Const { values: stored(shape, &file.tensor(w)?) }, shape)
            }
            Op::Attend { q, k, v, heads, .. } => {
                let ((q, queries, d), (k, keys, dk)) = (self.tokens(q)?, self.tokens(k)?);
                let (v, values, dv) = self.tokens(v)?;
                if d != dk || keys != values || *heads == 0 || d % heads != 0 || dv % heads != 0 {
                    return Err(WeightsError::new("queries, keys, values and heads do not fit"));
                }
                let attend = Attend { queries, keys, d, dv, heads: *heads };
                (Kind::Attend { q, k, v, attend }, Shape::new(&[queries, dv])?)
            }
            Op::LayerNorm { input: name, w, b, .. } => {
                let (input, tokens, d) = self.tokens(name)?;
                if w.shape != [d] || b.shape != [d] {
                    return Err(w.misfit());
                }
                let (w, b) = (file.tensor(w)?, file.tensor(b)?);
                (Kind::LayerNorm { input, tokens, w, b }, self.value(name)?.1)
            }
            Op::GridSample { input, points, .. } => {
                let (input, from) = self.map(input)?;
                let [p, 2] = points.shape[..] else { return Err(points.misfit()) };
                let shape = Shape::new(&[p, from.c])?;
                (Kind::GridSample { input, from, points: file.tensor(points)? }, shape)
            }
        })
    }

    fn pool(&self, input: &str, mean: bool, k: usize, stride: usize) -> Result<(Kind, Shape), WeightsError> {
        let (input, from) = self.map(input)?;
        if k == 0 || stride == 0 || k > from.h || k > from.w {
            return Err(WeightsError::new("the window does not fit"));
        }
        let shape = Shape::new(&[from.c, (from.h - k) / stride + 1, (from.w - k) / stride + 1])?;
        Ok((Kind::Pool { input, from, mean, k, stride }, shape))
    }

    fn concat(&self, names: &[String]) -> Result<(Kind, Shape), WeightsError> {
        let inputs = names.iter().map(|name| self.value(name)).collect::<Result<Vec<_>, _>>()?;
        let dims: Vec<Vec<usize>> = inputs.iter().map(|(_, shape)| shape.dims()).collect();
        let mut sum = dims.first().cloned().ok_or_else(|| WeightsError::new("nothing to join"))?;
        // Maps are joined by channels, the outermost dimension; tokens and vectors by the last.
        let along = if sum.len() == 3 { 0 } else { sum.len() - 1 };
        for other in &dims[1..] {
            let fits = other.len() == sum.len() && (0..sum.len()).all(|i| i == along || other[i] == sum[i]);
            if !fits {
                return Err(WeightsError::new(format!("{other:?} cannot be joined to {sum:?}")));
            }
            sum[along] += other[along];
        }
        Ok((Kind::Concat { inputs }, Shape::new(&sum)?))
    }
}

/// `values` as a buffer holds them.
fn stored(shape: Shape, values: &[f32]) -> Vec<f32> {
    let mut stored = vec![0.0; shape.stored()];
    shape.store(values, &mut stored);
    stored
}
