//! Cells and ring cut out of a prepared upright tile, and the cells set right by what they show.

use crate::pipeline::net::networks::{CELL_PX, STRIP};
use crate::pipeline::scheme::Scheme;
use crate::pipeline::tile::Prepared;

/// Half the side of a cell in character heights: edges of the neighbours show where the next ones are.
const CELL_SPAN: f64 = 0.65;
/// Radii of the strip's inner and outer edge, floor radii: the ring ends at 0.93-0.99, its start tooth begins at 0.6,
/// and the pose may be off by some hundredths.
const RING_RADII: (f64, f64) = (0.55, 1.10);
/// Columns of the strip to a sector.
const SECTOR_COLUMNS: f64 = 16.0;
/// Sectors repeated before the first one and behind the last, so that the network sees no end.
const BEFORE: f64 = 6.0;

/// Where a character is looked for, in the tile's frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    /// Middle, floor radii.
    pub(super) middle: (f64, f64),
    /// Height of the character, floor radii.
    pub(super) height: f64,
    /// Turn counter-clockwise as seen, radians.
    pub(super) turn: f64,
}

/// How far a character is off its cell, as the network saw it, and how much that is worth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offset {
    /// Right and down in the cell's frame, character heights.
    pub(super) by: (f64, f64),
    /// Logarithm of the true height over the cell's.
    pub(super) size: f64,
    /// Turn counter-clockwise, radians.
    pub(super) turn: f64,
    /// Weight 0-1.
    pub(super) weight: f64,
}

/// Cells of a format: middle of the mark, column and row pitch, height, all in floor radii; turn in radians.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Block {
    pub(super) middle: (f64, f64),
    pub(super) column: f64,
    pub(super) row: f64,
    pub(super) height: f64,
    pub(super) turn: f64,
}

impl Cell {
    /// The cell beside, `by` character heights right and down in its own frame.
    pub(super) fn aside(&self, by: (f64, f64)) -> Self {
        let (x, y) = along(self.turn, by.0 * self.height, by.1 * self.height);
        Self { middle: (self.middle.0 + x, self.middle.1 + y), ..*self }
    }
}

/// A step `right` and `down` of something turned counter-clockwise by `turn` radians.
pub(super) fn along(turn: f64, right: f64, down: f64) -> (f64, f64) {
    turned(turn.sin_cos(), right, down)
}

/// The same for many steps: sine and cosine of the turn are given.
fn turned((s, c): (f64, f64), right: f64, down: f64) -> (f64, f64) {
    (c * right + s * down, c * down - s * right)
}

/// Places of `whole` that `part` lacks, where each place of `part`, moved right by `by` pitches, is one of `whole`;
/// `None` where it is no part, or the same.
pub(super) fn missed(part: &Scheme, whole: &Scheme, by: f64) -> Option<Vec<usize>> {
    let moved: Vec<(f64, f64)> = part.places().map(|(c, r)| (c + by, r)).collect();
    let places: Vec<(f64, f64)> = whole.places().collect();
    let lacks: Vec<usize> = (0..places.len()).filter(|i| !moved.contains(&places[*i])).collect();
    (!lacks.is_empty() && lacks.len() + moved.len() == places.len()).then_some(lacks)
}

impl Block {
    /// The block with its middle moved right by `columns` pitches in its own frame.
    pub(super) fn moved(&self, columns: f64) -> Self {
        let (x, y) = along(self.turn, columns * self.column, 0.0);
        Self { middle: (self.middle.0 + x, self.middle.1 + y), ..*self }
    }

    /// The cells in reading order.
    pub(super) fn cells(&self, scheme: &Scheme) -> Vec<Cell> {
        scheme
            .places()
            .map(|(c, r)| {
                let (x, y) = along(self.turn, c * self.column, r * self.row);
                Cell { middle: (self.middle.0 + x, self.middle.1 + y), height: self.height, turn: self.turn }
            })
            .collect()
    }

    /// The block that fits best to where the characters were seen: shift, turn, pitches and height,
    /// each held to what it was by `hold`, the weight of the old value.
    pub(super) fn set_right(&self, scheme: &Scheme, offsets: &[Offset], hold: f64) -> Self {
        let h = self.height;
        let total: f64 = offsets.iter().map(|o| o.weight).sum();
        let share = |f: &dyn Fn(&Offset) -> f64| {
            offsets.iter().map(|o| o.weight * f(o)).sum::<f64>() / (total + hold)
        };
        let shift = (share(&|o| o.by.0 * h), share(&|o| o.by.1 * h));
        // In the block's own frame, a small turn t moves (x, y) by (t y, -t x).
        let (mut xx, mut yy, mut xdx, mut ydy, mut turn) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for ((c, r), o) in scheme.places().zip(offsets) {
            let (x, y) = (c * self.column, r * self.row);
            let (dx, dy) = (o.by.0 * h - shift.0, o.by.1 * h - shift.1);
            xx += o.weight * x * x;
            yy += o.weight * y * y;
            xdx += o.weight * x * dx;
            ydy += o.weight * y * dy;
            // What the characters' own turns say counts as much as a lever of half a height.
            turn += o.weight * (y * dx - x * dy + 0.25 * h * h * o.turn);
        }
        let lever = xx + yy + (0.25 * total + hold) * h * h;
        let by = along(self.turn, shift.0, shift.1);
        Self {
            middle: (self.middle.0 + by.0, self.middle.1 + by.1),
            column: self.column * (1.0 + xdx / (xx + hold * h * h)),
            row: self.row * (1.0 + ydy / (yy + hold * h * h)),
            height: h * share(&|o| o.size).exp(),
            turn: self.turn + turn / lever,
        }
    }
}

impl Block {
    /// How far the farthest cell of `other` is off this block's: of place, size (ln) and turn (radians) the most, in
    /// character heights.
    pub(super) fn apart(&self, other: &Self, scheme: &Scheme) -> f64 {
        let gap = |a: &Cell, b: &Cell| (a.middle.0 - b.middle.0).hypot(a.middle.1 - b.middle.1) / self.height;
        let place = self.cells(scheme).into_iter().zip(other.cells(scheme)).map(|(a, b)| gap(&a, &b));
        let size = (other.height / self.height).ln().abs();
        place.fold(size.max((other.turn - self.turn).abs()), f64::max)
    }
}

/// The glyph network's input: a cell, upright.
pub(super) fn upright(tile: &Prepared, cell: &Cell) -> Vec<f32> {
    let half = CELL_SPAN * cell.height;
    let at = |i: usize| ((i as f64 + 0.5) * 2.0 / CELL_PX as f64 - 1.0) * half;
    let turn = cell.turn.sin_cos();
    tile.sample((0..CELL_PX * CELL_PX).map(|i| {
        let (x, y) = turned(turn, at(i % CELL_PX), at(i / CELL_PX));
        (cell.middle.0 + x, cell.middle.1 + y)
    }))
}

/// Where the gear ring is looked for, in the tile's frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ring {
    /// Middle, floor radii.
    pub(super) centre: (f64, f64),
    /// Radius of the mark's floor, of the tile's.
    pub(super) radius: f64,
    /// Turn counter-clockwise as seen, radians.
    pub(super) turn: f64,
}

impl Ring {
    /// The ring network's input: the ring of `sectors` sectors unrolled clockwise from 12 o'clock.
    pub(super) fn strip(&self, tile: &Prepared, sectors: usize) -> Vec<f32> {
        let (high, wide) = STRIP;
        let (low, far) = RING_RADII;
        let way = |column: usize| {
            let sector = (column as f64 + 0.5) / SECTOR_COLUMNS - BEFORE;
            (std::f64::consts::TAU * sector / sectors as f64 - self.turn).sin_cos()
        };
        let ways: Vec<(f64, f64)> = (0..wide).map(way).collect();
        tile.sample((0..high * wide).map(|i| {
            let r = self.radius * (low + (far - low) * ((i / wide) as f64 + 0.5) / high as f64);
            let (sin, cos) = ways[i % wide];
            (self.centre.0 + r * sin, self.centre.1 - r * cos)
        }))
    }

    /// The ring where `offset` says that it lies: right and down in its frame and radii, logarithm of its size,
    /// turn counter-clockwise. Steps beyond what the network was shown are cut.
    pub(super) fn set_right(&self, offset: &[f32]) -> Self {
        let [right, down, size, turn]: [f64; 4] =
            std::array::from_fn(|i| f64::from(offset[i].clamp(-0.1, 0.1)));
        let (x, y) = along(self.turn, right * self.radius, down * self.radius);
        Self {
            centre: (self.centre.0 + x, self.centre.1 + y),
            radius: self.radius * size.exp(),
            turn: self.turn + turn,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pipeline::mark::{TILE_PX, TILE_SPAN};
    use ndarray::Array2;

    #[test]
    fn a_block_is_set_right_by_where_its_characters_were_seen() {
        for scheme in &Scheme::all() {
            let shown = Block { middle: (0.02, -0.03), column: 0.3, row: 0.4, height: 0.33, turn: 0.05 };
            let truth = Block { middle: (0.05, -0.01), column: 0.315, row: 0.39, height: 0.35, turn: 0.09 };
            let offsets: Vec<Offset> = shown
                .cells(scheme)
                .iter()
                .zip(truth.cells(scheme))
                .map(|(a, b)| {
                    let (dx, dy) = (b.middle.0 - a.middle.0, b.middle.1 - a.middle.1);
                    // Into the shown cell's frame, in its heights.
                    let (right, down) = along(-a.turn, dx, dy);
                    let size = (b.height / a.height).ln();
                    Offset {
                        by: (right / a.height, down / a.height),
                        size,
                        turn: b.turn - a.turn,
                        weight: 1.0,
                    }
                })
                .collect();
            let found = shown.set_right(scheme, &offsets, 1e-6);
            for (a, b) in found.cells(scheme).iter().zip(truth.cells(scheme)) {
                let gap = (a.middle.0 - b.middle.0).hypot(a.middle.1 - b.middle.1);
                assert!(gap < 0.006, "{} {gap}", scheme.id);
                assert!((a.height - b.height).abs() < 1e-4 && (a.turn - b.turn).abs() < 0.005);
            }
            // Nothing was seen: nothing moves.
            let blind: Vec<Offset> = offsets.iter().map(|o| Offset { weight: 0.0, ..*o }).collect();
            assert_eq!(shown.set_right(scheme, &blind, 0.5), shown);
        }
    }

    #[test]
    fn six_characters_are_part_of_eight_and_eight_of_nothing() {
        let all = Scheme::all();
        let of = |id: &str| all.iter().find(|s| s.id == id).unwrap();
        assert_eq!(missed(of("ifm6"), of("ifm8"), 0.5), Some(vec![0, 4]));
        assert_eq!(missed(of("ifm6"), of("ifm8"), -0.5), Some(vec![3, 7]));
        let parts = |a: &&str, b: &&str| [-0.5, 0.5].iter().any(|by| missed(of(a), of(b), *by).is_some());
        let ids = ["ifm8", "ifm8-323", "ifm8-narrow"];
        assert!(!ids.iter().any(|a| all.iter().any(|b| parts(a, &b.id.as_str()))));
        // The six are the last three columns: each of their cells is where it was.
        let six = Block { middle: (0.2, 0.1), column: 0.3, row: 0.4, height: 0.3, turn: 0.2 };
        let (small, large) = (six.cells(of("ifm6")), six.moved(-0.5).cells(of("ifm8")));
        for (a, b) in [(0, 1), (2, 3), (3, 5), (5, 7)] {
            let (a, b) = (small[a].middle, large[b].middle);
            assert!((a.0 - b.0).hypot(a.1 - b.1) < 1e-9);
        }
    }

    #[test]
    fn a_cell_beside_another_lies_along_its_turn() {
        let cell = Cell { middle: (0.1, 0.2), height: 0.5, turn: std::f64::consts::FRAC_PI_2 };
        // Turned counter-clockwise by a quarter, what is right of the character lies above it.
        let right = cell.aside((0.1, 0.0));
        assert!((right.middle.0 - 0.1).abs() < 1e-9 && (right.middle.1 - 0.15).abs() < 1e-9);
        assert_eq!((right.height, right.turn), (cell.height, cell.turn));
    }

    #[test]
    fn a_cell_shows_its_place_upright_and_the_strip_runs_clockwise_from_the_top() {
        // The tile rises to the right, far more than it does downwards.
        let tile = Array2::from_shape_fn((TILE_PX, TILE_PX), |(y, x)| x as f32 * 0.005 + y as f32 * 0.0001);
        let tile = Prepared::new(&tile, TILE_SPAN);
        let turn = 0.3;
        let cell = upright(&tile, &Cell { middle: (0.2, -0.1), height: 0.25, turn });
        let corner = -CELL_SPAN * 0.25 * (1.0 - 1.0 / CELL_PX as f64);
        let (x, y) = along(turn, corner, corner);
        assert_eq!(cell[0], tile.sample(std::iter::once((0.2 + x, -0.1 + y)))[0]);
        // The first sector's middle lies right of 12 o'clock; a mark turned counter-clockwise moves it left.
        let (high, wide) = STRIP;
        let last = (high - 1) * wide + ((BEFORE + 0.5) * SECTOR_COLUMNS) as usize;
        let middle = tile.sample(std::iter::once((0.0, -0.9)))[0];
        let ring = Ring { centre: (0.0, 0.0), radius: 0.9, turn: 0.0 };
        assert!(ring.strip(&tile, 40)[last] > middle);
        assert!(Ring { turn: 0.2, ..ring }.strip(&tile, 40)[last] < middle);
    }

    #[test]
    fn a_ring_is_set_right_by_how_far_it_was_off() {
        let truth = Ring { centre: (0.01, -0.02), radius: 0.97, turn: 0.1 };
        let shown = Ring { centre: (0.03, 0.01), radius: 1.0, turn: 0.06 };
        // What the network is taught: the way back, in the frame and size of the ring as it was shown.
        let (dx, dy) = (truth.centre.0 - shown.centre.0, truth.centre.1 - shown.centre.1);
        let (right, down) = along(-shown.turn, dx / shown.radius, dy / shown.radius);
        let size = (truth.radius / shown.radius).ln();
        let found = shown.set_right(&[right, down, size, truth.turn - shown.turn].map(|v| v as f32));
        assert!(
            (found.centre.0 - truth.centre.0).abs() < 1e-6 && (found.centre.1 - truth.centre.1).abs() < 1e-6
        );
        assert!((found.radius - truth.radius).abs() < 1e-6 && (found.turn - truth.turn).abs() < 1e-6);
    }
}
