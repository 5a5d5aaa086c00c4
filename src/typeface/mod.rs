//! Typefaces for the 36 characters A-Z and 0-9: our own parametric stroke face,
//! whose number of variants has no end, and any TrueType or OpenType file.
//!
//! A glyph is given as a raster of signed distances, because relief (how steep
//! a flank is, how much of it wear has rounded off) is a function of the
//! distance to the stroke's edge. Lengths are in units of the capital height.

mod digits;
mod letters;
mod outline;
mod raster;
mod stroke;
mod style;

pub use style::{
    Apex, Foot, GForm, One, RLeg, Seven, SixForm, Style, Tail, Terminal, ThreeTop, TwoForm, Zero,
};

use ndarray::Array2;
use outline::Outline;
use std::sync::Arc;

/// The characters that every face has.
pub const CHARACTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// A typeface.
#[derive(Clone, Debug)]
pub struct Face {
    name: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Parametric(Box<Style>),
    /// One outline a character, in the order of [`CHARACTERS`]; shared, since faces are cloned freely.
    TrueType(Arc<Vec<Outline>>),
}

impl Face {
    /// The parametric stroke face with the numbers of `style`.
    pub fn parametric(style: &Style) -> Self {
        Self { name: "parametric".into(), kind: Kind::Parametric(Box::new(style.clone())) }
    }

    /// A TrueType or OpenType file, scaled so that its `H` is 1 high.
    ///
    /// # Errors
    /// A sentence, where `bytes` is no font or lacks one of [`CHARACTERS`].
    pub fn truetype(bytes: &[u8], name: &str) -> Result<Self, String> {
        Ok(Self { name: name.into(), kind: Kind::TrueType(Arc::new(outline::read(bytes, name)?)) })
    }

    /// `parametric`, or the name given with the font file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Width of the glyph's ink in units of the capital height; 0 for a character that no face has.
    pub fn advance(&self, c: char) -> f32 {
        match &self.kind {
            Kind::Parametric(style) => stroke::glyph(style, c).map_or(0.0, |g| g.width),
            Kind::TrueType(outlines) => place(c).map_or(0.0, |i| outlines[i].width),
        }
    }

    /// Signed distance to the stroke's edge in units of the capital height, negative inside the stroke.
    ///
    /// `px` is the capital height in pixels. The raster has `ceil(px) + 2 margin` rows and
    /// `ceil(advance px) + 2 margin` columns; the middle of pixel (row, column) lies at
    /// `((column - margin + 0.5) / px, (row - margin + 0.5) / px)` of the glyph's box, whose top
    /// left corner is (0, 0), y down. A character that no face has is all ground (distance 1).
    pub fn distance(&self, c: char, px: f32, margin: usize) -> Array2<f32> {
        let dim = |width: f32| (px.ceil() as usize + 2 * margin, (width * px).ceil() as usize + 2 * margin);
        let drawn = match &self.kind {
            Kind::Parametric(style) => stroke::glyph(style, c).map(|g| g.distance(dim(g.width), px, margin)),
            Kind::TrueType(outlines) => {
                place(c).map(|i| outlines[i].distance(dim(outlines[i].width), px, margin))
            }
        };
        drawn.unwrap_or_else(|| Array2::ones(dim(0.0)))
    }
}

fn place(c: char) -> Option<usize> {
    CHARACTERS.chars().position(|known| known == c)
}

#[cfg(test)]
mod tests;
