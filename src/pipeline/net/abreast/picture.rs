//! How maps of a network that is run on several inputs side by side lie in memory.

/// A map, pixel after pixel, each with its channels side by side, within a border of zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Channels.
    pub c: usize,
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
    /// Width of the border, pixels: the most padding that is asked for.
    pub border: usize,
}

impl Picture {
    /// Pixels from row to row.
    pub fn pitch(&self) -> usize {
        self.w + 2 * self.border
    }

    /// Place of row `y`, column `x`, channel 0.
    pub fn at(&self, y: usize, x: usize) -> usize {
        self.before(y, x, 0)
    }

    /// Place of the pixel that lies `by`, at most the border, rows above and columns left of row `y`, column `x`.
    pub fn before(&self, y: usize, x: usize, by: usize) -> usize {
        ((y + self.border - by) * self.pitch() + x + self.border - by) * self.c
    }

    /// Values with the border.
    pub fn len(&self) -> usize {
        (self.h + 2 * self.border) * self.pitch() * self.c
    }

    /// The places of all pixels, row by row.
    pub fn pixels(&self) -> impl Iterator<Item = usize> {
        let own = *self;
        (0..own.h).flat_map(move |y| (0..own.w).map(move |x| own.at(y, x)))
    }
}
