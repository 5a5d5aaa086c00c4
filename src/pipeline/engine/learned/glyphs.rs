//! What `glyph` says of the characters in their cells.

use super::cells::{Block, Cell, Offset, upright};
use super::floor::Floor;
use super::{Learned, add, log_sigmoid, log_softmax};
use crate::pipeline::net::softmax;
use crate::pipeline::scheme::Scheme;
use crate::pipeline::tile::Prepared;
use crate::settings::LearnedSettings;

/// Where a cell that leaves doubt is cut once more, right and down in character heights: at each place as a camera with
/// another curve would show it. What is said of it from three places is averaged: in 1,712 simulated marks, turned, moved
/// and scaled a little, 78 % of the characters were right in place of 77.6, at 0.80 in place of 0.82 nats each.
const ASIDE: [(f64, f64); 2] = [(0.05, 0.05), (-0.05, -0.05)];

/// What `glyph` says of the characters of some cells.
#[derive(Default)]
pub(super) struct Glyphs {
    /// For each character, the log-probability of every symbol.
    pub(super) symbols: Vec<Vec<f32>>,
    /// How far each character is off its cell.
    pub(super) offsets: Vec<Offset>,
    /// For each character, the log-odds that something upright stands there at all.
    pub(super) there: Vec<f32>,
}

/// What `glyph` says of one cell.
struct Said {
    /// The log-probability of every symbol.
    symbols: Vec<f32>,
    /// The log-odds that something upright stands there at all.
    there: f32,
    /// How far it is off.
    offset: Offset,
}

impl Said {
    /// From the network's outputs.
    fn new(outputs: Vec<Vec<f32>>) -> Option<Self> {
        let [mut symbol, offset]: [Vec<f32>; 2] = outputs.try_into().ok()?;
        let symbols = log_softmax(&symbol[..symbol.len() - 1]);
        softmax(&mut symbol);
        let none = symbol.pop().unwrap_or(1.0).clamp(1e-6, 1.0 - 1e-6);
        let top = symbol.iter().copied().fold(0.0, f32::max);
        let offset: Vec<f64> = offset.iter().map(|v| f64::from(v.clamp(-0.5, 0.5))).collect();
        let by = (offset[0], offset[1]);
        let offset = Offset { by, size: offset[2], turn: offset[3], weight: f64::from(top) };
        Some(Self { symbols, there: ((1.0 - none) / none).ln(), offset })
    }
}

impl Glyphs {
    fn add(&mut self, cells: Vec<Said>) {
        for said in cells {
            self.symbols.push(said.symbols);
            self.there.push(said.there);
            self.offsets.push(said.offset);
        }
    }

    /// The most evidence that so many cells can give.
    pub(super) fn most(cells: usize, settings: &LearnedSettings) -> f32 {
        cells as f32 * settings.cell_most * settings.cell_weight
    }

    /// Evidence that the cells lie on characters: each cell counts, none by itself for much.
    pub(super) fn evidence(&self, settings: &LearnedSettings) -> f32 {
        let most = settings.cell_most;
        self.there.iter().map(|l| l.clamp(-most, most)).sum::<f32>() * settings.cell_weight
    }
}

impl Learned {
    /// Reads cells; `None` as soon as their evidence cannot come to `least` any more, whatever stands in those left.
    pub(super) fn glyphs_worth(&self, floor: &Prepared, cells: &[Cell], least: f32) -> Option<Glyphs> {
        // Together is faster; where most are refused at their second or third cell, reading all would be slower.
        let at_once = if least == f32::NEG_INFINITY { cells.len() } else { 2 };
        let mut glyphs = Glyphs::default();
        let mut left = cells.len();
        for some in cells.chunks(at_once.max(1)) {
            if glyphs.evidence(&self.settings) + Glyphs::most(left, &self.settings) < least {
                return None;
            }
            left -= some.len();
            glyphs.add(self.glyph(some.iter().map(|cell| (floor, *cell))));
        }
        Some(glyphs)
    }

    /// Reads cells.
    pub(super) fn glyphs(&self, floor: &Prepared, cells: impl IntoIterator<Item = Cell>) -> Glyphs {
        let mut glyphs = Glyphs::default();
        glyphs.add(self.glyph(cells.into_iter().map(|cell| (floor, cell))));
        glyphs
    }

    /// Reads cells, each of its floor.
    fn glyph<'a>(&self, cells: impl Iterator<Item = (&'a Prepared, Cell)>) -> Vec<Said> {
        let pictures: Vec<Vec<f32>> = cells.map(|(floor, cell)| upright(floor, &cell)).collect();
        self.reader.glyph.run_all(&pictures).into_iter().filter_map(Said::new).collect()
    }

    /// Reads cells that lie right, but leave doubt, from a little aside and as other cameras would show them as well, and
    /// averages what is said of them.
    pub(super) fn averaged(
        &self,
        mut glyphs: Glyphs,
        floor: &Floor,
        block: &Block,
        scheme: &Scheme,
    ) -> Glyphs {
        let sure = log_sigmoid(self.settings.cell_sure);
        let top = |symbols: &Vec<f32>| symbols.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let doubtful: Vec<usize> =
            (0..glyphs.symbols.len()).filter(|i| top(&glyphs.symbols[*i]) < sure).collect();
        if doubtful.is_empty() {
            return glyphs;
        }
        let cells = block.cells(scheme);
        let aside = |i: &usize| {
            let cell = cells[*i];
            floor.curved().iter().zip(ASIDE).map(move |(tile, by)| (tile, cell.aside(by)))
        };
        let again = self.glyph(doubtful.iter().flat_map(aside));
        let count = 1.0 + ASIDE.len() as f32;
        for (i, more) in doubtful.into_iter().zip(again.chunks_exact(ASIDE.len())) {
            let (symbols, there) = (&mut glyphs.symbols[i], &mut glyphs.there[i]);
            for said in more {
                add(symbols, &said.symbols);
                *there += said.there;
            }
            symbols.iter_mut().for_each(|s| *s /= count);
            *symbols = log_softmax(symbols);
            *there /= count;
        }
        glyphs
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pipeline::mark::{FINE_PX, TILE_SPAN};
    use ndarray::Array2;

    #[test]
    fn only_cells_that_can_no_longer_bring_enough_are_left_unread() {
        let settings = LearnedSettings::default();
        let Ok(engine) = Learned::new(&settings) else {
            println!("skipped: the built-in weights hold no reader");
            return;
        };
        let tile = Array2::from_shape_fn((FINE_PX, FINE_PX), |(y, x)| ((x * 7 + y * 3) % 251) as f32 / 251.0);
        let floor = Prepared::finer(&tile, TILE_SPAN);
        let cells: Vec<Cell> = (0..5)
            .map(|i| Cell { middle: (0.2 * f64::from(i) - 0.4, 0.0), height: 0.3, turn: 0.0 })
            .collect();
        let all = engine.glyphs(&floor, cells.iter().copied());
        let worth = |least: f32| engine.glyphs_worth(&floor, &cells, least);
        let evidence = all.evidence(&settings);
        for least in [f32::NEG_INFINITY, evidence - 0.1] {
            let read = worth(least).unwrap();
            assert_eq!((read.symbols, read.there), (all.symbols.clone(), all.there.clone()));
        }
        // No texture is as sure a character as that.
        assert!(worth(Glyphs::most(5, &settings) + 0.1).is_none());
    }
}
