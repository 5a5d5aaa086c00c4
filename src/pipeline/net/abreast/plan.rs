//! A network's definition to steps that are known to fit together, operation by operation.

use super::picture::Picture;
use super::winograd::Winograd;
use super::{Abreast, Kind, Layer, Step};
use crate::pipeline::net::WeightsError;
use crate::pipeline::net::file::{Definition, Op, WeightsFile};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// What was checked so far.
pub struct Builder<'a> {
    file: &'a WeightsFile<'a>,
    border: usize,
    /// Numbers and shapes of the results by name.
    results: BTreeMap<String, (usize, Form)>,
    sizes: Vec<usize>,
    steps: Vec<Step>,
    room: usize,
}

/// Shape of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Picture(Picture),
    Vector(usize),
}

impl<'a> Builder<'a> {
    /// The network of `definition`, for an input of these channels, rows and columns.
    pub fn build(
        file: &'a WeightsFile<'a>,
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
        let (kind, out, form) = match op {
            Op::Conv { input, out, w, b, stride, pad, relu, add } => {
                let (input, from) = self.map(input)?;
                let [o, c, kh, kw] = w.shape[..] else { return Err(w.misfit()) };
                let side =
                    |side: usize, k: usize| Some((side + 2 * pad).checked_sub(k)?.checked_div(*stride)? + 1);
                let (Some(high), Some(wide)) = (side(from.h, kh), side(from.w, kw)) else {
                    return Err(w.misfit());
                };
                if c != from.c || b.shape != [o] || kh == 0 || kw == 0 {
                    return Err(w.misfit());
                }
                let to = self.picture(o, high, wide)?;
                let add = add.as_deref().map(|name| self.map(name)).transpose()?;
                if add.is_some_and(|(_, map)| map != to) {
                    return Err(WeightsError::new("the sum has another shape"));
                }
                let add = add.map(|(result, _)| result);
                let (weights, bias) = (file.tensor(w)?, file.tensor(b)?);
                let kind = if (kh, kw, *stride, *pad) == (3, 3, 1, 1) && high % 2 == 0 && wide % 2 == 0 {
                    let conv = Box::new(Winograd::new(from, to, &weights, &bias, *relu));
                    self.room = self.room.max(conv.room());
                    Kind::Winograd { input, add, conv }
                } else {
                    let layer = Layer::conv((from, to), &weights, &bias, ([kh, kw], *stride, *pad), *relu);
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
                let [o, i] = w.shape[..] else { return Err(w.misfit()) };
                if i != length || o == 0 || b.shape != [o] {
                    return Err(w.misfit());
                }
                let layer = Layer::linear(&file.tensor(w)?, &file.tensor(b)?, *relu);
                (Kind::Linear { input, layer }, out, Form::Vector(o))
            }
            Op::LayerNorm { input, out, w, b } => {
                let (input, length) = self.vector(input)?;
                if w.shape != [length] || b.shape != [length] {
                    return Err(w.misfit());
                }
                let (w, b) = (file.tensor(w)?, file.tensor(b)?);
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
