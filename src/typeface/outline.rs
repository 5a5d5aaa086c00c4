//! Glyph outlines from a TrueType or OpenType file.

use super::{CHARACTERS, raster};
use ndarray::Array2;
use ttf_parser::OutlineBuilder;

/// Straight pieces that one curve of an outline is cut into: at 40 pixels a character
/// the error of a quarter circle is then below a twentieth of a pixel.
const PIECES: usize = 8;

/// A glyph as closed polygons.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    /// Width of the ink, capital heights.
    pub(super) width: f32,
    edges: Vec<[f32; 4]>,
}

impl Outline {
    /// See [`super::Face::distance`].
    pub(super) fn distance(&self, dim: (usize, usize), px: f32, margin: usize) -> Array2<f32> {
        let mut out = raster::least(&self.edges, dim, px, margin, |e, x, y| {
            let (dx, dy) = (e[2] - e[0], e[3] - e[1]);
            let t = ((x - e[0]) * dx + (y - e[1]) * dy) / (dx * dx + dy * dy).max(1e-12);
            let t = t.clamp(0.0, 1.0);
            (x - e[0] - t * dx).hypot(y - e[1] - t * dy)
        });
        // Inside where the winding number is not zero: count the edges that cross each row to the left.
        let mut crossings = Vec::new();
        for (row, mut line) in out.outer_iter_mut().enumerate() {
            let y = (row as f32 - margin as f32 + 0.5) / px;
            crossings.clear();
            for e in &self.edges {
                let sign = i32::from(e[1] <= y && y < e[3]) - i32::from(e[3] <= y && y < e[1]);
                if sign != 0 {
                    crossings.push((e[0] + (y - e[1]) / (e[3] - e[1]) * (e[2] - e[0]), sign));
                }
            }
            for (column, distance) in line.iter_mut().enumerate() {
                let x = (column as f32 - margin as f32 + 0.5) / px;
                let winding: i32 = crossings.iter().filter(|(at, _)| *at <= x).map(|(_, s)| s).sum();
                if winding != 0 {
                    *distance = -*distance;
                }
            }
        }
        out
    }
}

/// Outlines of all [`CHARACTERS`] in a font file, scaled so that its `H` is 1 high, each moved to x = 0.
pub(super) fn read(bytes: &[u8], name: &str) -> Result<Vec<Outline>, String> {
    let font = ttf_parser::Face::parse(bytes, 0).map_err(|e| format!("{name} is no font: {e}"))?;
    let pen = |c: char| {
        let mut pen = Pen::default();
        let id = font.glyph_index(c).ok_or_else(|| format!("{name} lacks the character {c}"))?;
        font.outline_glyph(id, &mut pen).ok_or_else(|| format!("{name} has no outline for {c}"))?;
        if pen.edges.is_empty() { Err(format!("{name} has an empty {c}")) } else { Ok(pen) }
    };
    let height = pen('H')?.edges.iter().fold(0.0f32, |h, e| h.max(e[1]).max(e[3]));
    if height <= 0.0 {
        return Err(format!("{name} has an H without height"));
    }
    CHARACTERS
        .chars()
        .map(|c| {
            let edges = pen(c)?.edges;
            let left = edges.iter().fold(f32::INFINITY, |m, e| m.min(e[0]).min(e[2]));
            let right = edges.iter().fold(f32::NEG_INFINITY, |m, e| m.max(e[0]).max(e[2]));
            let place = |x: f32, y: f32| [(x - left) / height, 1.0 - y / height];
            let edges = edges.iter().map(|e| {
                let (a, b) = (place(e[0], e[1]), place(e[2], e[3]));
                [a[0], a[1], b[0], b[1]]
            });
            Ok(Outline { width: (right - left) / height, edges: edges.collect() })
        })
        .collect()
}

/// Collects an outline as straight edges, in font units, y up.
#[derive(Default)]
struct Pen {
    edges: Vec<[f32; 4]>,
    start: (f32, f32),
    at: (f32, f32),
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.close();
        self.start = (x, y);
        self.at = (x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        if (x, y) != self.at {
            self.edges.push([self.at.0, self.at.1, x, y]);
            self.at = (x, y);
        }
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let (x0, y0) = self.at;
        for i in 1..=PIECES {
            let t = i as f32 / PIECES as f32;
            let (a, b, c) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
            self.line_to(a * x0 + b * x1 + c * x, a * y0 + b * y1 + c * y);
        }
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let (x0, y0) = self.at;
        for i in 1..=PIECES {
            let t = i as f32 / PIECES as f32;
            let u = 1.0 - t;
            let (a, b, c, d) = (u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t);
            self.line_to(a * x0 + b * x1 + c * x2 + d * x, a * y0 + b * y1 + c * y2 + d * y);
        }
    }

    fn close(&mut self) {
        let (x, y) = self.start;
        self.line_to(x, y);
    }
}
