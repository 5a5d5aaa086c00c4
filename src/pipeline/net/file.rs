//! The file of weights: bytes to checked definitions and tensors.
//!
//! `MSTAMPW1`, a little-endian u32 with the header's length, the header (JSON),
//! then all tensors as little-endian half floats. The header carries the
//! SHA-256 of the tensors, so a damaged file is noticed before it reads codes.

use crate::pipeline::photo::sha256;
use half::f16;
use half::slice::HalfFloatSliceExt;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Why a file of weights cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WeightsError(pub String);

impl WeightsError {
    /// An error with its reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

const MAGIC: &[u8; 8] = b"MSTAMPW1";
/// Bits that are all set in a half float that is infinite or no number, and in no other.
const INFINITE: u16 = 0x7c00;

/// A checked file of weights.
#[derive(Debug)]
pub struct WeightsFile<'a> {
    /// Definitions and training recipe.
    pub header: Header,
    /// All tensors as they stand there: each is widened by itself, so that the memory for all is never asked for.
    halves: &'a [[u8; 2]],
}

/// The header of a file of weights.
#[derive(Debug, Deserialize)]
pub struct Header {
    /// Symbols in the order of the `symbols` output.
    pub alphabet: String,
    /// Format ids in the order of the `format` output.
    pub formats: Vec<String>,
    /// Height and width of each network's input, pixels.
    pub tile: BTreeMap<String, [usize; 2]>,
    /// How the weights were trained; free form.
    pub recipe: serde_json::Value,
    /// SHA-256 of everything behind the header, lower-case hex.
    pub sha256: String,
    /// The networks by name.
    pub networks: BTreeMap<String, Definition>,
}

/// One network as a list of operations on named values.
#[derive(Clone, Debug, Deserialize)]
pub struct Definition {
    /// Name of the input.
    pub input: String,
    /// Operations in order.
    pub ops: Vec<Op>,
    /// Public name of an output to the name of the value.
    pub outputs: BTreeMap<String, String>,
}

/// Where a tensor lies among the file's values, row-major.
#[derive(Clone, Debug, Deserialize)]
pub struct TensorRef {
    /// Index of its first value.
    pub at: usize,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// One operation. Values are maps (C x H x W), token lists (T x D) or vectors (D).
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
#[allow(missing_docs)] // the field names are those of the file
pub enum Op {
    Conv {
        #[serde(rename = "in")]
        input: String,
        out: String,
        w: TensorRef,
        b: TensorRef,
        stride: usize,
        pad: usize,
        relu: bool,
        #[serde(default)]
        add: Option<String>,
    },
    MaxPool {
        #[serde(rename = "in")]
        input: String,
        out: String,
        k: usize,
        stride: usize,
    },
    AvgPool {
        #[serde(rename = "in")]
        input: String,
        out: String,
        k: usize,
        stride: usize,
    },
    Gap {
        #[serde(rename = "in")]
        input: String,
        out: String,
    },
    Upsample {
        #[serde(rename = "in")]
        input: String,
        out: String,
    },
    Concat {
        ins: Vec<String>,
        out: String,
    },
    Flatten {
        #[serde(rename = "in")]
        input: String,
        out: String,
    },
    Tokens {
        #[serde(rename = "in")]
        input: String,
        out: String,
    },
    Linear {
        #[serde(rename = "in")]
        input: String,
        out: String,
        w: TensorRef,
        b: TensorRef,
        relu: bool,
    },
    Add {
        a: String,
        b: String,
        out: String,
    },
    AddConst {
        #[serde(rename = "in")]
        input: String,
        w: TensorRef,
        out: String,
    },
    Const {
        w: TensorRef,
        out: String,
    },
    Attend {
        q: String,
        k: String,
        v: String,
        heads: usize,
        out: String,
    },
    LayerNorm {
        #[serde(rename = "in")]
        input: String,
        out: String,
        w: TensorRef,
        b: TensorRef,
    },
    GridSample {
        #[serde(rename = "in")]
        input: String,
        points: TensorRef,
        out: String,
    },
    Reshape {
        #[serde(rename = "in")]
        input: String,
        out: String,
        shape: Vec<usize>,
    },
}

impl TensorRef {
    /// What is wrong with an operation that has no use for a tensor of this shape.
    pub fn misfit(&self) -> WeightsError {
        WeightsError::new(format!("a tensor of shape {:?} does not fit here", self.shape))
    }
}

impl<'a> WeightsFile<'a> {
    /// The definition of network `name`, and what `build` makes of it; errors name the network.
    ///
    /// # Errors
    /// The network is missing, or `build` fails.
    pub fn build<T>(
        &self,
        name: &str,
        build: impl FnOnce(&Definition) -> Result<T, WeightsError>,
    ) -> Result<T, WeightsError> {
        let definition = self
            .header
            .networks
            .get(name)
            .ok_or_else(|| WeightsError::new(format!("there is no network {name}")))?;
        build(definition).map_err(|e| WeightsError::new(format!("network {name}: {e}")))
    }

    /// Checks `bytes`.
    ///
    /// # Errors
    /// A wrong magic, a header that does not parse, tensors of another hash.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WeightsError> {
        let rest =
            bytes.strip_prefix(MAGIC).ok_or_else(|| WeightsError::new("it does not begin with MSTAMPW1"))?;
        let (length, rest) =
            rest.split_first_chunk::<4>().ok_or_else(|| WeightsError::new("it ends before its header"))?;
        let length = u32::from_le_bytes(*length) as usize;
        let (header, data) = rest
            .split_at_checked(length)
            .ok_or_else(|| WeightsError::new(format!("it ends within its header of {length} bytes")))?;
        let header: Header = serde_json::from_slice(header)
            .map_err(|e| WeightsError::new(format!("its header does not parse: {e}")))?;
        let found = sha256(data);
        if found != header.sha256 {
            return Err(WeightsError::new(format!(
                "its tensors have SHA-256 {found}, not {}",
                header.sha256
            )));
        }
        let (halves, odd) = data.as_chunks::<2>();
        if !odd.is_empty() {
            return Err(WeightsError::new("it ends within a half float"));
        }
        if halves.iter().any(|half| u16::from_le_bytes(*half) & INFINITE == INFINITE) {
            return Err(WeightsError::new("a weight is not finite"));
        }
        Ok(Self { header, halves })
    }

    /// The values of `tensor`.
    ///
    /// # Errors
    /// The tensor reaches beyond the file.
    pub fn tensor(&self, tensor: &TensorRef) -> Result<Vec<f32>, WeightsError> {
        let there = tensor
            .shape
            .iter()
            .try_fold(1usize, |n, &d| n.checked_mul(d))
            .and_then(|n| self.halves.get(tensor.at..tensor.at.checked_add(n)?))
            .ok_or_else(|| {
                let TensorRef { at, shape } = tensor;
                WeightsError::new(format!("a tensor of shape {shape:?} at {at} reaches beyond the file"))
            })?;
        let halves: Vec<f16> = there.iter().map(|half| f16::from_le_bytes(*half)).collect();
        let mut values = vec![0.0; halves.len()];
        halves.convert_to_f32_slice(&mut values);
        Ok(values)
    }
}
