//! Where rows of cells may stand on a floor, whatever characters they hold.

use super::edges::Edges;
use crate::pipeline::mark::TILE_SPAN;
use crate::pipeline::scheme::Scheme;

/// Rows of cells in the mark's frame (1 = the floor's larger semi-axis).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grid {
    /// Middle of all rows.
    pub(crate) cx: f64,
    /// Middle of all rows.
    pub(crate) cy: f64,
    /// Character height.
    pub(crate) height: f64,
    /// Column pitch, character heights.
    pub(crate) column: f64,
    /// Row pitch, character heights.
    pub(crate) row: f64,
    /// How much stronger edges are within cells than between and around them, in standard errors.
    pub(crate) score: f64,
}

/// Character width that cells are searched with, character heights.
pub(crate) const WIDTH: f64 = 0.66;
/// Column and row pitches that the search begins with, character heights: the middle of those in use.
const PITCH: (f64, f64) = (0.865, 1.3);
/// Column pitches in use, character heights.
const COLUMNS: (f64, f64) = (0.76, 0.97);
/// Row pitches in use, character heights.
const ROWS: (f64, f64) = (1.18, 1.42);
/// Least and largest character height looked for, tile pixels.
const HEIGHTS: (f64, f64) = (11.0, 42.0);
/// Step between heights.
const STEP: f64 = 1.12;
/// How far the middle of the rows may lie from the floor's, floor radii.
const STRAY: f64 = 0.16;
/// Furthest corner of a cell from the floor's middle, floor radii.
const REACH: f64 = 0.97;

impl Grid {
    /// Middles of the cells in reading order, for the rows of `scheme`.
    pub(crate) fn middles(&self, scheme: &Scheme) -> Vec<(f64, f64)> {
        let place = |(column, row): (f64, f64)| {
            (self.cx + column * self.column * self.height, self.cy + row * self.row * self.height)
        };
        scheme.places().map(place).collect()
    }

    /// Corners of the cells in reading order: top left, top right, bottom right, bottom left.
    pub(crate) fn quads(&self, scheme: &Scheme) -> Vec<[(f64, f64); 4]> {
        let (dx, dy) = (WIDTH * self.height / 2.0, self.height / 2.0);
        let corners =
            |(x, y): (f64, f64)| [(x - dx, y - dy), (x + dx, y - dy), (x + dx, y + dy), (x - dx, y + dy)];
        self.middles(scheme).into_iter().map(corners).collect()
    }
}

/// The `count` likeliest grids of `scheme`, best first, no two of them nearly the same.
///
/// All heights and places are tried with the usual pitches; the best are then moved and stretched as
/// long as that helps.
pub(crate) fn find(sums: &Sums, scheme: &Scheme, count: usize) -> Vec<Grid> {
    let px = sums.px();
    let mut found: Vec<Grid> = Vec::new();
    let mut height = HEIGHTS.0;
    while height < HEIGHTS.1 {
        let step = (height / 5.0).max(2.0);
        let n = (STRAY * px / step).floor() as i32;
        for (iy, ix) in (-n..=n).flat_map(|iy| (-n..=n).map(move |ix| (iy, ix))) {
            let (cx, cy) = (f64::from(ix) * step / px, f64::from(iy) * step / px);
            let grid = Grid { cx, cy, height: height / px, column: PITCH.0, row: PITCH.1, score: 0.0 };
            if fits(&grid, scheme) {
                found.push(Grid { score: sums.score(&grid, scheme), ..grid });
            }
        }
        height *= STEP;
    }
    let kept = apart(found, 2 * count);
    let mut kept = apart(kept.into_iter().map(|grid| refine(sums, scheme, grid)).collect(), count);
    kept.truncate(count);
    kept
}

/// The best `count` of `grids`, no two of them nearly the same.
fn apart(mut grids: Vec<Grid>, count: usize) -> Vec<Grid> {
    grids.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Grid> = Vec::new();
    for grid in grids {
        let near = |k: &Grid| {
            (k.height / grid.height).ln().abs() < 0.06
                && (k.cx - grid.cx).hypot(k.cy - grid.cy) < 0.15 * grid.height
        };
        if kept.len() < count && !kept.iter().any(near) {
            kept.push(grid);
        }
    }
    kept
}

/// Moves and stretches a grid in ever smaller steps as long as its score rises.
fn refine(sums: &Sums, scheme: &Scheme, mut grid: Grid) -> Grid {
    // A step in each number: place in character heights, pitches in character heights, height as a ratio.
    let mut step = 0.1;
    while step > 0.02 {
        let moved = |k: usize, by: f64| match k {
            0 => Grid { cx: grid.cx + by * grid.height, ..grid },
            1 => Grid { cy: grid.cy + by * grid.height, ..grid },
            2 => Grid { column: (grid.column + by / 2.0).clamp(COLUMNS.0, COLUMNS.1), ..grid },
            3 => Grid { row: (grid.row + by / 2.0).clamp(ROWS.0, ROWS.1), ..grid },
            _ => Grid { height: grid.height * (1.0 + by / 2.0), ..grid },
        };
        let tries = (0..5).flat_map(|k| [moved(k, step), moved(k, -step)]);
        let best = tries
            .filter(|g| fits(g, scheme))
            .map(|g| Grid { score: sums.score(&g, scheme), ..g })
            .reduce(|a, b| if b.score > a.score { b } else { a });
        match best {
            Some(best) if best.score > grid.score => grid = best,
            _ => step /= 2.0,
        }
    }
    grid
}

/// Whether all cells lie on the floor; rows of an elliptic pin run along its short axis.
fn fits(grid: &Grid, scheme: &Scheme) -> bool {
    let squeeze = if scheme.pin == "elliptic" { 1.25 } else { 1.0 };
    grid.quads(scheme).iter().flatten().all(|(x, y)| (x * squeeze).hypot(*y) < REACH)
}

/// Sums of edge strength over everything above and to the left.
pub(crate) struct Sums {
    width: usize,
    sums: Vec<f64>,
    /// Standard deviation of the strength.
    spread: f64,
}

impl Sums {
    /// Sums of a square picture from -`TILE_SPAN` to `TILE_SPAN`.
    pub(crate) fn new(edges: &Edges) -> Self {
        let (h, w) = edges.dim;
        let mut sums = vec![0.0; (h + 1) * (w + 1)];
        let (mut total, mut squares) = (0.0, 0.0);
        for y in 0..h {
            let mut row = 0.0;
            for x in 0..w {
                let v = f64::from(edges.values[3 * (y * w + x)]);
                total += v;
                squares += v * v;
                row += v;
                sums[(y + 1) * (w + 1) + x + 1] = sums[y * (w + 1) + x + 1] + row;
            }
        }
        let n = (h * w).max(1) as f64;
        let spread = (squares / n - (total / n).powi(2)).max(1e-9).sqrt();
        Self { width: w + 1, sums, spread }
    }

    /// Pixels a floor radius.
    fn px(&self) -> f64 {
        (self.width - 1) as f64 / 2.0 / TILE_SPAN
    }

    /// Sum and number of pixels of a box in tile pixels.
    fn sum(&self, x0: f64, y0: f64, x1: f64, y1: f64) -> (f64, f64) {
        let top = (self.width - 1) as f64;
        let r = |v: f64| v.round().clamp(0.0, top) as usize;
        let (x0, y0, x1, y1) = (r(x0), r(y0), r(x1), r(y1));
        let at = |y: usize, x: usize| self.sums[y * self.width + x];
        let sum = at(y1, x1) - at(y0, x1) - at(y1, x0) + at(y0, x0);
        (sum, (x1.saturating_sub(x0) * y1.saturating_sub(y0)) as f64)
    }

    fn score(&self, grid: &Grid, scheme: &Scheme) -> f64 {
        let (px, middle) = (self.px(), (self.width - 1) as f64 / 2.0);
        let h = grid.height * px;
        let (dx, dy) = (WIDTH * h / 2.0, h / 2.0);
        let (mut cells, mut ground) = ((0.0, 0.0), (0.0, 0.0));
        let add = |to: &mut (f64, f64), (s, n): (f64, f64)| {
            to.0 += s;
            to.1 += n;
        };
        let gap = (grid.column * h - 2.0 * dx).max(2.0);
        let rows = scheme.rows.len();
        for (r, n) in scheme.rows.iter().enumerate() {
            let y = middle + (grid.cy * px) + (r as f64 - (rows - 1) as f64 / 2.0) * grid.row * h;
            let x = |c: f64| middle + grid.cx * px + (c - (*n - 1) as f64 / 2.0) * grid.column * h;
            for c in 0..*n {
                let x = x(c as f64);
                add(&mut cells, self.sum(x - dx, y - dy, x + dx, y + dy));
            }
            // Between the columns, and a strip on both sides.
            for c in 0..=*n {
                let x = x(c as f64 - 0.5);
                add(&mut ground, self.sum(x - gap / 2.0, y - dy, x + gap / 2.0, y + dy));
            }
            // Above and below the row.
            let (left, right) = (x(0.0) - dx, x((*n - 1) as f64) + dx);
            let strip = (grid.row - 1.0) * h * 0.6;
            add(&mut ground, self.sum(left, y - dy - strip, right, y - dy - 1.0));
            add(&mut ground, self.sum(left, y + dy + 1.0, right, y + dy + strip));
        }
        if cells.1 < 1.0 || ground.1 < 1.0 {
            return f64::NEG_INFINITY;
        }
        let error = self.spread * (1.0 / cells.1 + 1.0 / ground.1).sqrt();
        (cells.0 / cells.1 - ground.0 / ground.1) / error
    }
}
