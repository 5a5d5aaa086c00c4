//! Files of weights made in tests.

use super::WeightsError;
use half::f16;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Collects tensors and operations.
#[derive(Default)]
pub(crate) struct Draft {
    values: Vec<f16>,
    pub(crate) ops: Vec<Value>,
}

impl Draft {
    /// A reference to a new tensor.
    pub(crate) fn tensor(&mut self, shape: &[usize], values: &[f32]) -> Value {
        assert_eq!(shape.iter().product::<usize>(), values.len());
        let at = self.values.len();
        self.values.extend(values.iter().map(|v| f16::from_f32(*v)));
        json!({"at": at, "shape": shape})
    }

    /// Appends an operation.
    pub(crate) fn op(&mut self, op: Value) -> &mut Self {
        self.ops.push(op);
        self
    }

    /// The bytes of a file with one network `test`, whose input is `x` and whose output `y` is `out`.
    pub(crate) fn bytes(&self, out: &str) -> Vec<u8> {
        let data: Vec<u8> = self.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let sha256: String = Sha256::digest(&data).iter().map(|b| format!("{b:02x}")).collect();
        let header = json!({
            "alphabet": "AB", "formats": ["ifm8"], "tile": {"test": [4, 4]}, "recipe": {}, "sha256": sha256,
            "networks": {"test": {"input": "x", "ops": self.ops, "outputs": {"y": out}}},
        });
        assemble(&header, &data)
    }
}

/// A reference to 32 numbers at the most, which every file of [`misfit`] holds.
pub(crate) fn tensor(at: usize, shape: &[usize]) -> Value {
    json!({"at": at, "shape": shape})
}

/// A convolution from `x` to one channel `y`.
pub(crate) fn conv(w: Value, stride: usize, pad: usize) -> Value {
    json!({"op": "conv", "in": "x", "out": "y", "w": w, "b": tensor(0, &[1]), "stride": stride, "pad": pad, "relu": false})
}

/// Why `build` refuses the file of a network of these operations, whose output is `y`; empty where it does not.
pub(crate) fn misfit<T>(ops: &[Value], build: impl Fn(&[u8]) -> Result<T, WeightsError>) -> String {
    let mut draft = Draft::default();
    let _ = draft.tensor(&[32], &[0.5; 32]);
    draft.ops = ops.to_vec();
    build(&draft.bytes("y")).err().map_or_else(String::new, |error| error.to_string())
}

/// Magic, header, data.
pub(crate) fn assemble(header: &Value, data: &[u8]) -> Vec<u8> {
    let header = header.to_string();
    let mut bytes = b"MSTAMPW1".to_vec();
    bytes.extend((header.len() as u32).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}
