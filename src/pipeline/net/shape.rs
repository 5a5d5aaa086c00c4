//! Shapes of values and how they lie in memory.

use super::file::WeightsError;
use super::product::SLACK;

/// Shape of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Channels of pictures.
    Map(Map),
    /// `t` vectors of length `d`.
    Tokens {
        /// Number of vectors.
        t: usize,
        /// Their length.
        d: usize,
    },
    /// One vector of length `d`.
    Vector {
        /// Its length.
        d: usize,
    },
}

/// Channels of pictures, each stored with a border of one zero all round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    /// Channels.
    pub c: usize,
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
}

/// No value may be larger than this many numbers: no network of ours comes near,
/// and a damaged header must not ask for all memory.
const MAX_VALUES: usize = 1 << 24;

impl Shape {
    /// The shape with these dimensions, outermost first.
    ///
    /// # Errors
    /// No dimension, more than three, one that is zero, or too many values.
    pub fn new(dims: &[usize]) -> Result<Self, WeightsError> {
        let size = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d.saturating_add(2)));
        if dims.contains(&0) || size.is_none_or(|n| n > MAX_VALUES) {
            return Err(WeightsError::new(format!("a value cannot have the shape {dims:?}")));
        }
        match *dims {
            [d] => Ok(Self::Vector { d }),
            [t, d] => Ok(Self::Tokens { t, d }),
            [c, h, w] => Ok(Self::Map(Map { c, h, w })),
            _ => Err(WeightsError::new(format!("a value cannot have the shape {dims:?}"))),
        }
    }

    /// Dimensions, outermost first.
    pub fn dims(&self) -> Vec<usize> {
        match *self {
            Self::Map(Map { c, h, w }) => vec![c, h, w],
            Self::Tokens { t, d } => vec![t, d],
            Self::Vector { d } => vec![d],
        }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.dims().iter().product()
    }

    /// Number of places in memory, with borders and slack.
    pub fn stored(&self) -> usize {
        SLACK
            + match self {
                Self::Map(map) => map.c * map.plane(),
                _ => self.len(),
            }
    }

    /// Copies row-major values into their places.
    pub fn store(&self, values: &[f32], stored: &mut [f32]) {
        let Self::Map(map) = self else {
            stored[..self.len()].copy_from_slice(&values[..self.len()]);
            return;
        };
        for (i, row) in values.chunks_exact(map.w).take(map.c * map.h).enumerate() {
            let at = map.at(i / map.h, i % map.h);
            stored[at..at + map.w].copy_from_slice(row);
        }
        map.clear_border(stored);
    }

    /// Copies stored values out, row-major.
    pub fn load(&self, stored: &[f32], values: &mut Vec<f32>) {
        values.clear();
        match self {
            Self::Map(map) => {
                for i in 0..map.c * map.h {
                    let at = map.at(i / map.h, i % map.h);
                    values.extend_from_slice(&stored[at..at + map.w]);
                }
            }
            _ => values.extend_from_slice(&stored[..self.len()]),
        }
    }
}

impl Map {
    /// Distance between rows.
    pub fn pitch(&self) -> usize {
        self.w + 2
    }

    /// Distance between channels.
    pub fn plane(&self) -> usize {
        (self.h + 2) * self.pitch()
    }

    /// Place of channel `c`, row `y`, column 0.
    pub fn at(&self, c: usize, y: usize) -> usize {
        c * self.plane() + (y + 1) * self.pitch() + 1
    }

    /// Places from the first pixel of a channel to its last, borders between rows included.
    pub fn run(&self) -> usize {
        (self.h - 1) * self.pitch() + self.w
    }

    /// Writes the border of zeros round every channel.
    pub fn clear_border(&self, stored: &mut [f32]) {
        let (pitch, plane) = (self.pitch(), self.plane());
        for plane in stored[..self.c * plane].chunks_exact_mut(plane) {
            plane[..pitch + 1].fill(0.0);
            for y in 1..=self.h {
                // The right border and, beside it, the next row's left border.
                plane[y * pitch + self.w + 1..=(y + 1) * pitch].fill(0.0);
            }
            plane[(self.h + 1) * pitch..].fill(0.0);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_stored_within_zeros_and_comes_back() {
        let shape = Shape::new(&[1, 2, 2]).unwrap();
        let mut stored = vec![7.0; shape.stored()];
        shape.store(&[1.0, 2.0, 3.0, 4.0], &mut stored);
        let z = 0.0;
        assert_eq!(stored[..16], [z, z, z, z, z, 1.0, 2.0, z, z, 3.0, 4.0, z, z, z, z, z]);
        let mut values = Vec::new();
        shape.load(&stored, &mut values);
        assert_eq!(values, [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn absurd_shapes_are_refused() {
        for dims in [&[][..], &[0], &[usize::MAX, 2], &[1, 2, 3, 4], &[70000, 70000]] {
            assert!(Shape::new(dims).is_err(), "{dims:?}");
        }
    }
}
