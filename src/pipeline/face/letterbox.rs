//! How a small copy of a photograph lies in the finder's square.

use super::CLOSER;
use super::outline::Part;
use crate::pipeline::denoise::Clean;
use crate::pipeline::geometry::Ellipse;
use crate::pipeline::net::networks::FINDER_PX;
use crate::pipeline::tile::area_average;
use ndarray::{Array2, Axis};

/// How a small copy lies in the finder's square, and which part of the photograph it shows.
pub(super) struct Letterbox {
    pub(super) left: usize,
    pub(super) top: usize,
    width: usize,
    height: usize,
    /// Photograph pixels to a pixel of the copy.
    pub(super) factor: f64,
    /// The copy's left and upper edge in photograph pixels, where pixel p reaches from p to p + 1.
    origin: (f64, f64),
}

impl Letterbox {
    /// The copy of the whole photograph.
    pub(super) fn whole(clean: &Clean<'_>) -> Self {
        Self::new(clean.small.dim(), clean.factor, (0.0, 0.0))
    }

    /// A copy of the middle of a photograph at least [`CLOSER`] times as fine as its copy, and how it lies.
    pub(super) fn middle(clean: &Clean<'_>) -> (Array2<f32>, Self) {
        let (height, width) = clean.photo.pixels.dim();
        let beside = |side: usize| side as f64 * (1.0 - 1.0 / CLOSER) / 2.0;
        let origin = (beside(width), beside(height));
        // As many pixels as the copy of the whole has.
        let (dim, factor) = (clean.small.dim(), clean.factor / CLOSER);
        let middle = area_average(&clean.photo.pixels, origin.0, origin.1, factor, dim);
        (middle, Self::new(dim, factor, origin))
    }

    pub(super) fn new((height, width): (usize, usize), factor: f64, origin: (f64, f64)) -> Self {
        let margin = |side: usize| (FINDER_PX - side) / 2;
        Self { left: margin(width), top: margin(height), width, height, factor, origin }
    }

    /// The square, filled up with the mean grey.
    pub(super) fn tile(&self, small: &Array2<f32>) -> Array2<f32> {
        let mut tile = Array2::from_elem((FINDER_PX, FINDER_PX), small.mean().unwrap_or(0.0));
        let mut rows = tile.slice_axis_mut(Axis(0), (self.top..self.top + self.height).into());
        rows.slice_axis_mut(Axis(1), (self.left..self.left + self.width).into()).assign(small);
        tile
    }

    /// Pixels of the map that show nothing but photograph.
    pub(super) fn part(&self) -> Part {
        let span = |from: usize, side: usize| from.div_ceil(2)..((from + side) / 2).max(from.div_ceil(2) + 1);
        Part { rows: span(self.top, self.height), columns: span(self.left, self.width) }
    }

    /// From pixels of the map to pixels of the small copy.
    pub(super) fn to_small(&self, e: &Ellipse) -> Ellipse {
        let place = |v: f64, from: usize| 2.0 * v + 0.5 - from as f64;
        Ellipse { cx: place(e.cx, self.left), cy: place(e.cy, self.top), ..e.scaled(2.0) }
    }

    /// From pixels of the small copy to pixels of the photograph.
    pub(super) fn to_photo(&self, e: &Ellipse) -> Ellipse {
        let place = |v: f64, from: f64| from + (v + 0.5) * self.factor - 0.5;
        Ellipse { cx: place(e.cx, self.origin.0), cy: place(e.cy, self.origin.1), ..e.scaled(self.factor) }
    }
}
