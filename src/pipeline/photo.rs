//! Bytes to photograph: 8 or 16 bit, grey or colour, scale, SHA-256.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Grey values as the camera stored them; colour is folded to grey (Rec. 601 weights).
#[derive(Clone, Debug)]
pub enum Pixels {
    /// 0-255.
    Eight(Array2<u8>),
    /// 0-65535.
    Sixteen(Array2<u16>),
}

impl Pixels {
    /// (rows, columns).
    pub fn dim(&self) -> (usize, usize) {
        match self {
            Self::Eight(a) => a.dim(),
            Self::Sixteen(a) => a.dim(),
        }
    }

    /// Grey value 0-1 at row `y`, column `x`.
    pub fn at(&self, y: usize, x: usize) -> f32 {
        match self {
            Self::Eight(a) => f32::from(a[[y, x]]) / 255.0,
            Self::Sixteen(a) => f32::from(a[[y, x]]) / 65535.0,
        }
    }
}

/// Micrometres per pixel and where that number came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Micrometres per pixel.
    pub um_per_px: f64,
    /// `flag`, `ome`, `tiff`, `png`, `imagej`, `jpeg`, `bmp`, `x3p`.
    pub from: String,
}

/// One photograph as the pipeline sees it.
#[derive(Clone, Debug)]
pub struct Photo {
    /// Name for messages: the path relative to its input folder.
    pub id: String,
    /// Grey values, rows by columns.
    pub pixels: Pixels,
    /// Scale where the file or the user states a credible one.
    pub scale: Option<Scale>,
    /// SHA-256 of the file's bytes, lower-case hex.
    pub sha256: String,
    /// Words such as `implausible_scale`.
    pub warnings: Vec<String>,
}
