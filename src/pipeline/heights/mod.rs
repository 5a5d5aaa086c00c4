//! Height maps: X3P to heights in micrometres, and those to the grey picture that is read.
//!
//! A height map needs no light: every stage of the reader looks at the slopes of its relief.

mod fill;
mod header;
pub mod lit;
mod points;
mod relief;
mod x3p;

pub use x3p::{holds_heights, is_x3p};

use super::photo::{COPY_AGAIN, Pixels};
use crate::error::Failure;
use crate::settings::PhotoSettings;
use header::Header;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Heights above any level in micrometres, NaN where nothing was measured. Rows run down the picture.
#[derive(Clone, Debug)]
pub struct Heights {
    /// Rows by columns.
    pub z: Array2<f32>,
    /// Distance of two columns and of two rows, micrometres.
    pub step_um: (f64, f64),
}

impl Heights {
    /// Share of the points that were not measured, 0-1.
    pub fn missing(&self) -> f64 {
        let gone = self.z.iter().filter(|v| !v.is_finite()).count();
        gone as f64 / self.z.len().max(1) as f64
    }
}

/// What a height map states and lacks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Columns and rows of the file.
    pub grid: (usize, usize),
    /// Distance of two columns and of two rows, micrometres.
    pub spacing_um: (f64, f64),
    /// Share of the points that were not measured, 0-1.
    pub missing: f64,
}

/// A height map as the reader sees it.
#[derive(Debug)]
pub struct Map {
    /// The relief as grey: level is bright, steep is dark.
    pub pixels: Pixels,
    /// Side of a pixel, micrometres.
    pub um_per_px: f64,
    /// What the file states.
    pub measured: Measured,
    /// Whether an area as large as an impression is left out of the middle of what was measured.
    pub left_out: bool,
}

/// Distances of points that an instrument may have, micrometres: probes reach a nanometre, and at a millimetre no
/// impression has more than a few points.
pub const STEPS_UM: std::ops::RangeInclusive<f64> = 1e-3..=1e3;

/// Reads an X3P and makes its relief.
///
/// # Errors
/// A [`Failure`] of stage `load`, where the file is no X3P that can be read, and where nothing at all was measured.
pub fn load(bytes: &[u8], settings: &PhotoSettings) -> Result<Map, Failure> {
    let heights = x3p::read(bytes, settings)?;
    let (rows, columns) = heights.z.dim();
    let measured =
        Measured { grid: (columns, rows), spacing_um: heights.step_um, missing: heights.missing() };
    let (x, y) = measured.spacing_um;
    if !(STEPS_UM.contains(&x) && STEPS_UM.contains(&y)) {
        return Err(unsupported(&format!("points {x:e} by {y:e} micrometres apart")));
    }
    if measured.missing >= 1.0 {
        return Err(empty("not one point was measured"));
    }
    let heights = points::square(heights, (settings.max_million_points * 1e6) as usize)?;
    let um_per_px = heights.step_um.0;
    let left_out = relief::left_out(&heights);
    Ok(Map { pixels: relief::relief(&heights, settings), um_per_px, measured, left_out })
}

/// Refuses a claimed size before anything of that size is allocated.
fn room(header: &Header, packed: usize, settings: &PhotoSettings) -> Result<(), Failure> {
    let points = header.size.points();
    if points == 0 {
        return Err(empty("it holds no points"));
    }
    if points as f64 > settings.max_million_points * 1e6 {
        return Err(Failure::new(
            "load",
            format!("the X3P claims {points} points, more than {} millions", settings.max_million_points),
            "cut the map to the primer, or raise photo.max_million_points in --config if it is genuine",
        ));
    }
    let width = (0..3).filter(|i| *i == 2 || header.axes[*i].absolute).map(|i| header.axes[i].number.bytes());
    super::photo::ratio(points as f64 * width.sum::<usize>() as f64, packed, settings)
}

/// An X3P that is whole and shows nothing: another copy would not either.
fn empty(what: &str) -> Failure {
    Failure::new(
        "load",
        format!("X3P without heights: {what}"),
        "measure the primer again, or export the map again",
    )
}

/// An X3P that is not what it says.
fn broken(what: String) -> Failure {
    Failure::new("load", format!("broken X3P: {what}"), COPY_AGAIN)
}

/// An X3P that is whole but of a kind that is not read.
fn unsupported(what: &str) -> Failure {
    Failure::new(
        "load",
        format!("X3P with {what} is not read"),
        "export it as one surface on a regular grid (FeatureType SUR)",
    )
}
