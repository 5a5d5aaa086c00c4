//! Convolutions of 3 x 3 with fewer products: Winograd's F(2 x 2, 3 x 3), four pixels of the result from sixteen products
//! a channel instead of thirty-six (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015).

use super::picture::Picture;
use super::product::{Halves, Product, rows};
use crate::pipeline::net::product::Rows;
use pulp::{Arch, Simd, WithSimd};

/// Values of a tile of 4 x 4.
const TILE: usize = 16;
/// Values of the tiles that are transformed and multiplied at a time: with sixteen lanes half a MiB, which the second cache
/// holds beside the weights.
const PART: usize = 1 << 13;

/// A convolution of stride 1 with one pixel of padding on a picture of even sides.
#[derive(Debug)]
pub struct Winograd {
    from: Picture,
    to: Picture,
    /// Transformed weights, for each value of a tile.
    weights: Vec<Rows>,
    bias: Vec<f32>,
    relu: bool,
}

/// The three taps of a kernel's row or column to four values.
fn kernel(g: [f64; 3]) -> [f64; 4] {
    [g[0], (g[0] + g[1] + g[2]) / 2.0, (g[0] - g[1] + g[2]) / 2.0, g[2]]
}

impl Winograd {
    /// From weights by output, input channel, row and column.
    pub fn new(from: Picture, to: Picture, weights: &[f32], bias: &[f32], relu: bool) -> Self {
        let mut parts = vec![vec![0.0; weights.len() / 9]; TILE];
        for (i, taps) in weights.as_chunks::<9>().0.iter().enumerate() {
            let taps: [[f64; 3]; 3] =
                std::array::from_fn(|y| std::array::from_fn(|x| f64::from(taps[3 * y + x])));
            let across = taps.map(kernel);
            for x in 0..4 {
                let down = kernel(std::array::from_fn(|y| across[y][x]));
                (0..4).for_each(|y| parts[4 * y + x][i] = down[y] as f32);
            }
        }
        let weights = parts.iter().map(|part| rows(part, to.c)).collect();
        Self { from, to, weights, bias: bias.to_vec(), relu }
    }

    fn tiles(&self) -> usize {
        self.to.h / 2 * (self.to.w / 2)
    }

    /// Place of a tile's first value in a picture with `by` pixels of padding.
    fn first(&self, picture: Picture, tile: usize, by: usize) -> usize {
        let wide = self.to.w / 2;
        picture.before(2 * (tile / wide), 2 * (tile % wide), by)
    }

    /// Tiles, or pairs of tiles, that are transformed and multiplied at a time, an even number: so many are multiplied at
    /// once.
    fn part(&self) -> usize {
        (PART / (TILE * (self.from.c + self.to.c)) / 2 * 2).clamp(2, self.tiles().max(2))
    }

    /// Values of room that it needs.
    pub fn room(&self) -> usize {
        TILE * (step(self.part(), self.from.c) + step(self.part(), self.to.c))
    }

    /// Writes the convolution of `input` (plus `add`) to `out`; `twice` where each input has two lanes.
    pub fn run(
        &self,
        input: &[f32],
        add: Option<&[f32]>,
        room: &mut [f32],
        (lanes, twice): (usize, bool),
        out: &mut [f32],
    ) {
        let (seen, made) = room.split_at_mut(TILE * step(self.part(), self.from.c) * lanes);
        let mut pixels = Vec::with_capacity(self.part());
        // A register holds one tile's value, or those of two.
        let count = self.tiles().div_ceil(if twice { 2 } else { 1 });
        for first in (0..count).step_by(self.part()) {
            let part = Part { first, count: self.part().min(count - first), twice };
            Arch::new().dispatch(Forward { of: self, part, input, seen });
            for (f, weights) in self.weights.iter().enumerate() {
                let (from, to) = (f * step(part.count, self.from.c), f * step(part.count, self.to.c));
                pixels.clear();
                pixels.extend((0..part.count).map(|t| (from + t * self.from.c, to + t * self.to.c)));
                Product {
                    rows: weights,
                    twice: false,
                    src: seen,
                    runs: &[0],
                    length: self.from.c,
                    pixels: &pixels,
                    bias: &[],
                    add: None,
                    relu: false,
                    out: made,
                }
                .run();
            }
            Arch::new().dispatch(Back { of: self, part, made, add, out });
        }
    }
}

/// Values from one of a tile's sixteen to the next, of `count` tiles of `c` channels: one more than they are, or all
/// sixteen of a tile would fall on the same places of the nearest cache.
fn step(count: usize, c: usize) -> usize {
    count * c + 1
}

/// Some of the tiles, or of the pairs of tiles, row by row.
#[derive(Clone, Copy)]
struct Part {
    first: usize,
    count: usize,
    /// Whether they are pairs.
    twice: bool,
}

impl Part {
    /// The two tiles of the pair `i`, of `tiles`; the same tile where it has no other, or where they are no pairs.
    fn pair(&self, i: usize, tiles: usize) -> [usize; 2] {
        let first = (self.first + i) * (1 + usize::from(self.twice));
        [first, (first + usize::from(self.twice)).min(tiles - 1)]
    }
}

/// Four values of a row or column of a picture to those that are multiplied.
#[inline(always)]
fn forward<S: Simd>(simd: S, d: [S::f32s; 4]) -> [S::f32s; 4] {
    [
        simd.sub_f32s(d[0], d[2]),
        simd.add_f32s(d[1], d[2]),
        simd.sub_f32s(d[2], d[1]),
        simd.sub_f32s(d[1], d[3]),
    ]
}

/// Four sums of products to two values of the result.
#[inline(always)]
fn back<S: Simd>(simd: S, m: [S::f32s; 4]) -> [S::f32s; 2] {
    [simd.add_f32s(simd.add_f32s(m[0], m[1]), m[2]), simd.sub_f32s(simd.sub_f32s(m[1], m[2]), m[3])]
}

struct Forward<'a> {
    of: &'a Winograd,
    part: Part,
    input: &'a [f32],
    seen: &'a mut [f32],
}

impl Forward<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const PAIRS: bool>(self, simd: S) {
        let Self { of, part, input, seen } = self;
        let (input, _) = S::as_simd_f32s(input);
        let (seen, _) = S::as_mut_simd_f32s(seen);
        let (halves, c) = (Halves::new(simd), of.from.c);
        let step = step(part.count, c);
        for i in 0..part.count {
            let [at, other] = part.pair(i, of.tiles()).map(|tile| of.first(of.from, tile, 1));
            // Plain loops: what a closure does may be compiled without the machine's vectors.
            for channel in 0..c {
                let mut columns = [[simd.splat_f32s(0.0); 4]; 4];
                for y in 0..4 {
                    let down = y * of.from.pitch() * c + channel;
                    let d = &input[at + down..=at + down + 3 * c];
                    let mut row = [d[0], d[c], d[2 * c], d[3 * c]];
                    if PAIRS {
                        let d = &input[other + down..=other + down + 3 * c];
                        for x in 0..4 {
                            row[x] = halves.join(simd, row[x], d[x * c]);
                        }
                    }
                    for (column, value) in columns.iter_mut().zip(forward(simd, row)) {
                        column[y] = value;
                    }
                }
                for (x, column) in columns.into_iter().enumerate() {
                    for (y, value) in forward(simd, column).into_iter().enumerate() {
                        seen[(4 * y + x) * step + i * c + channel] = value;
                    }
                }
            }
        }
    }
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.part.twice { self.tiles::<S, true>(simd) } else { self.tiles::<S, false>(simd) }
    }
}

struct Back<'a> {
    of: &'a Winograd,
    part: Part,
    made: &'a [f32],
    add: Option<&'a [f32]>,
    out: &'a mut [f32],
}

impl Back<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const PAIRS: bool>(self, simd: S) {
        let Self { of, part, made, add, out } = self;
        let (made, _) = S::as_simd_f32s(made);
        let add = add.map(|add| S::as_simd_f32s(add).0);
        let (out, _) = S::as_mut_simd_f32s(out);
        let (halves, c) = (Halves::new(simd), of.to.c);
        let step = step(part.count, c);
        let floor = simd.splat_f32s(if of.relu { 0.0 } else { f32::NEG_INFINITY });
        for i in 0..part.count {
            let [at, other] = part.pair(i, of.tiles()).map(|tile| of.first(of.to, tile, 0));
            for channel in 0..c {
                let mut columns = [[simd.splat_f32s(0.0); 4]; 2];
                for y in 0..4 {
                    let from = 4 * y * step + i * c + channel;
                    let m = &made[from..=from + 3 * step];
                    let row = back(simd, [m[0], m[step], m[2 * step], m[3 * step]]);
                    for (column, value) in columns.iter_mut().zip(row) {
                        column[y] = value;
                    }
                }
                let bias = simd.splat_f32s(of.bias[channel]);
                for (x, column) in columns.into_iter().enumerate() {
                    for (y, sum) in back(simd, column).into_iter().enumerate() {
                        let down = (y * of.to.pitch() + x) * c + channel;
                        let mut sum = simd.add_f32s(sum, bias);
                        if PAIRS {
                            let second;
                            (sum, second) = halves.part(simd, sum);
                            finish(simd, second, add, floor, other + down, out);
                        }
                        finish(simd, sum, add, floor, at + down, out);
                    }
                }
            }
        }
    }
}

impl WithSimd for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.part.twice { self.tiles::<S, true>(simd) } else { self.tiles::<S, false>(simd) }
    }
}

/// Stores a sum with what is added to it, not below `floor`.
#[inline(always)]
fn finish<S: Simd>(
    simd: S,
    mut sum: S::f32s,
    add: Option<&[S::f32s]>,
    floor: S::f32s,
    to: usize,
    out: &mut [S::f32s],
) {
    if let Some(add) = add {
        sum = simd.add_f32s(sum, add[to]);
    }
    out[to] = simd.max_f32s(sum, floor);
}
