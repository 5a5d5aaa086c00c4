//! The upright floor as cells and ring are cut from it: as it was photographed, and as other cameras would show it.

use crate::pipeline::geometry::Pose;
use crate::pipeline::mark::{Mark, TILE_SPAN};
use crate::pipeline::tile::Prepared;
use crate::pipeline::vector::{exp, ln};
use ndarray::Array2;
use pulp::Arch;
use std::cell::OnceCell;

/// Powers of the grey values that cameras' curves differ by, from a dark one to a light one.
const CURVES: [f32; 2] = [0.62, 1.6];

/// Grey below which a power is not taken: a curve does not make noise of black.
const BLACK: f32 = 1e-3;

/// A pose's finer tile.
pub(super) struct Floor {
    grey: Array2<f32>,
    /// As photographed.
    pub(super) plain: Prepared,
    curved: OnceCell<[Prepared; CURVES.len()]>,
}

impl Floor {
    pub(super) fn new(mark: &Mark, pose: &Pose) -> Self {
        Self::of(mark.fine_tile(pose))
    }

    /// Of its grey values, 0-1.
    pub(super) fn of(grey: Array2<f32>) -> Self {
        Self { plain: Prepared::finer(&grey, TILE_SPAN), grey, curved: OnceCell::new() }
    }

    /// As other cameras would show it. Made when it is first asked for: most floors are not read twice.
    pub(super) fn curved(&self) -> &[Prepared; CURVES.len()] {
        self.curved.get_or_init(|| {
            CURVES.map(|power| {
                let mut grey = self.grey.clone();
                Arch::new().dispatch(|| grey.iter_mut().for_each(|v| *v = exp(power * ln(v.max(BLACK)))));
                Prepared::finer(&grey, TILE_SPAN)
            })
        })
    }
}
