//! The inner loop of a network that is run on several inputs side by side: rows of weights times pixels, where a value of
//! a pixel is that of all inputs, one a lane.
//!
//! No lane is lost on the border of a map, however small it is, and a stride costs nothing: any two pixels are multiplied
//! at once. Registers hold 6 x 2 sums with AVX2, 12 x 2 with AVX-512. Where each input has two lanes, one in either half of
//! the register, a register holds two pixels, and four are multiplied at once.

use crate::pipeline::net::product::{Rows, block_of, many_registers};
use pulp::{Arch, Simd, WithSimd};

/// Inputs that are run at once: as many as a register of this machine has lanes.
pub fn lanes() -> usize {
    Arch::new().dispatch(Lanes)
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// Registers of two halves, where each input has a lane in either.
#[derive(Clone, Copy)]
pub struct Halves<S: Simd>(S::m32s);

impl<S: Simd> Halves<S> {
    #[inline(always)]
    pub fn new(simd: S) -> Self {
        Self(simd.mask_between_m32s(0, S::F32_LANES as u32 / 2).mask())
    }

    /// The first half of `a` and the second of `b`.
    #[inline(always)]
    pub fn join(self, simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
        simd.select_f32s(self.0, a, b)
    }

    /// What was joined: twice the first half, twice the second.
    #[inline(always)]
    pub fn part(self, simd: S, joined: S::f32s) -> (S::f32s, S::f32s) {
        let turned = simd.rotate_right_f32s(joined, S::F32_LANES / 2);
        (self.join(simd, joined, turned), self.join(simd, turned, joined))
    }
}

/// `count` rows of weights in the order in which the loop takes them.
pub fn rows(weights: &[f32], count: usize) -> Rows {
    let length = weights.len() / count;
    // 12 x 2 sums, 2 values and a weight leave 5 of 32 registers, 6 x 2, 2 and 1 leave one of 16.
    Rows::new_for(if many_registers() { MANY } else { FEW }, weights, length, count, length)
}

/// Rows at once, of 32 registers and of 16.
const MANY: usize = 12;
const FEW: usize = 6;

/// `out[to + i] = sum of rows[i] * src[from + run ..]`, then bias, `add` and ReLU, for every pixel (from, to). Places are
/// counted in values; each value has all lanes.
pub struct Product<'a> {
    pub rows: &'a Rows,
    /// Whether each input has two lanes.
    pub twice: bool,
    pub src: &'a [f32],
    /// Where, after a pixel's own place, runs of values begin that its row is multiplied with one after the other.
    pub runs: &'a [usize],
    /// Length of a run, values.
    pub length: usize,
    /// Places of each pixel in `src` and in `out`.
    pub pixels: &'a [(usize, usize)],
    /// One value a row, or none.
    pub bias: &'a [f32],
    /// Values added before ReLU, at the same places as in `out`.
    pub add: Option<&'a [f32]>,
    /// Whether negative results become zero.
    pub relu: bool,
    pub out: &'a mut [f32],
}

impl Product<'_> {
    /// Computes it with the widest vectors that this machine has.
    pub fn run(self) {
        Arch::new().dispatch(self);
    }

    /// A block of rows on all pixels: its weights stay in the nearest cache.
    #[inline(always)]
    fn block<S: Simd, const MR: usize>(&mut self, simd: S, i: usize, tile: &mut [f32]) {
        let mut left = self.pixels;
        if self.twice {
            let (fours, rest) = left.as_chunks::<4>();
            for [a, b, c, d] in fours {
                self.pixels::<S, MR, 2, true>(simd, i, &[[*a, *b], [*c, *d]], tile);
            }
            let (pairs, rest) = rest.as_chunks::<2>();
            for pair in pairs {
                self.pixels::<S, MR, 1, true>(simd, i, &[*pair], tile);
            }
            left = rest;
        }
        let (pairs, last) = left.as_chunks::<2>();
        for [a, b] in pairs {
            self.pixels::<S, MR, 2, false>(simd, i, &[[*a; 2], [*b; 2]], tile);
        }
        for one in last {
            self.pixels::<S, MR, 1, false>(simd, i, &[[*one; 2]], tile);
        }
    }

    /// `NV` pixels, or `NV` pairs of pixels where `PAIRS`.
    #[inline(always)]
    fn pixels<S: Simd, const MR: usize, const NV: usize, const PAIRS: bool>(
        &mut self,
        simd: S,
        i: usize,
        places: &[[(usize, usize); 2]; NV],
        tile: &mut [f32],
    ) {
        let lanes = S::F32_LANES;
        let halves = Halves::new(simd);
        let mut sums = [[simd.splat_f32s(0.0); MR]; NV];
        let (mut rows, _) = self.rows.block(i, MR).as_chunks::<MR>();
        for run in self.runs {
            let now;
            (now, rows) = rows.split_at(self.length);
            let values = |place: (usize, usize)| {
                let at = (place.0 + run) * lanes;
                // The compiler then knows that every index lies within.
                &S::as_simd_f32s(&self.src[at..at + self.length * lanes]).0[..now.len()]
            };
            let values: [[&[S::f32s]; 2]; NV] = std::array::from_fn(|j| places[j].map(values));
            for (q, row) in now.iter().enumerate() {
                let mut v: [S::f32s; NV] = std::array::from_fn(|j| values[j][0][q]);
                if PAIRS {
                    // No closure: what one does may be compiled without the machine's vectors.
                    for j in 0..NV {
                        v[j] = halves.join(simd, v[j], values[j][1][q]);
                    }
                }
                for r in 0..MR {
                    let w = simd.splat_f32s(row[r]);
                    for j in 0..NV {
                        sums[j][r] = simd.mul_add_e_f32s(w, v[j], sums[j][r]);
                    }
                }
            }
        }
        // Straight to memory: see `net::product`.
        for (to, sums) in tile.chunks_exact_mut(MR * lanes).zip(&sums) {
            S::as_mut_simd_f32s(to).0.copy_from_slice(sums);
        }
        for (sums, [(_, first), (_, second)]) in tile.chunks_exact_mut(MR * lanes).zip(places) {
            if PAIRS {
                let mut other = [simd.splat_f32s(0.0); MR];
                for (sum, other) in S::as_mut_simd_f32s(sums).0.iter_mut().zip(&mut other) {
                    (*sum, *other) = halves.part(simd, *sum);
                }
                self.finish::<S>(simd, &other, i, *second);
            }
            self.finish::<S>(simd, S::as_simd_f32s(sums).0, i, *first);
        }
    }

    /// Adds what is to be added to the sums of a pixel from row `i` on, and stores them.
    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S, sums: &[S::f32s], i: usize, to: usize) {
        let at = (to + i) * S::F32_LANES;
        let span = at..at + sums.len() * S::F32_LANES;
        let floor = simd.splat_f32s(std::hint::black_box(if self.relu { 0.0 } else { f32::NEG_INFINITY }));
        let add = self.add.map(|add| S::as_simd_f32s(&add[span.clone()]).0);
        let bias = self.bias.get(i..);
        for (r, out) in S::as_mut_simd_f32s(&mut self.out[span]).0.iter_mut().enumerate() {
            let mut sum = sums[r];
            if let Some(bias) = bias.and_then(|bias| bias.get(r)) {
                sum = simd.add_f32s(sum, simd.splat_f32s(*bias));
            }
            if let Some(add) = add {
                sum = simd.add_f32s(sum, add[r]);
            }
            *out = simd.max_f32s(sum, floor);
        }
    }

    #[inline(always)]
    fn all<S: Simd, const MR: usize>(mut self, simd: S) {
        // Twice the most rows and the most lanes.
        let tile = &mut [0.0; 2 * MANY * 16][..];
        let mut i = 0;
        while i < self.rows.count() {
            let block = block_of(self.rows.count() - i, MR);
            match block {
                4 => self.block::<S, 4>(simd, i, tile),
                2 => self.block::<S, 2>(simd, i, tile),
                1 => self.block::<S, 1>(simd, i, tile),
                _ => self.block::<S, MR>(simd, i, tile),
            }
            i += block;
        }
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.rows.at_once() == MANY { self.all::<S, MANY>(simd) } else { self.all::<S, FEW>(simd) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs products of every size of block with `level`, whose registers have so many lanes: rows for few registers and for
    /// many, four pixels and two and one.
    fn agrees(lanes: usize, level: impl Fn(Product<'_>)) {
        let (runs, length) = ([0, 7], 3);
        let pixels: Vec<(usize, usize)> =
            [0, 4, 9, 2, 1, 7, 3].into_iter().zip((0..7).map(|p| 30 * p)).collect();
        let sizes = [1, 2, 5, 6, 11, 12, 23, 30].into_iter().flat_map(|m| [(m, FEW), (m, MANY)]);
        for ((m, at_once), twice) in sizes.flat_map(|size| [(size, false), (size, lanes > 1)]) {
            // In either half of the lanes the same.
            let own = |lane: usize| if twice { lane % (lanes / 2) } else { lane };
            let value_of = |at: usize, lane: usize| ((at * 7 + own(lane) * 3) % 11) as f32 - 5.0;
            let src: Vec<f32> = (0..20 * lanes).map(|i| value_of(i / lanes, i % lanes)).collect();
            let weights: Vec<f32> = (0..m * 6).map(|i| ((i * 5) % 7) as f32 - 3.0).collect();
            let bias: Vec<f32> = (0..m).map(|i| i as f32).collect();
            let add = vec![2.0; 210 * lanes];
            let mut out = vec![f32::NAN; 210 * lanes];
            level(Product {
                rows: &Rows::new_for(at_once, &weights, 6, m, 6),
                twice,
                src: &src,
                runs: &runs,
                length,
                pixels: &pixels,
                bias: &bias,
                add: Some(&add),
                relu: true,
                out: &mut out,
            });
            for ((from, to), row, lane) in pixels
                .iter()
                .flat_map(|pixel| (0..m).map(move |row| (pixel, row)))
                .flat_map(|(pixel, row)| (0..lanes).map(move |lane| (pixel, row, lane)))
            {
                let value = |k: usize| value_of(from + runs[k / length] + k % length, lane);
                let sum: f32 = (0..6).map(|k| weights[row * 6 + k] * value(k)).sum();
                let truth = (sum + bias[row] + 2.0).max(0.0);
                assert_eq!(out[(to + row) * lanes + lane], truth, "{m} rows, {at_once} at once, {twice}");
            }
            assert_eq!(out.iter().filter(|v| !v.is_nan()).count(), 7 * m * lanes);
        }
    }
    #[test]
    fn every_size_of_block_agrees_with_plain_loops() {
        agrees(lanes(), |product: Product<'_>| product.run());
    }

    #[test]
    fn machines_with_narrower_vectors_get_the_same() {
        agrees(1, |product: Product<'_>| pulp::Scalar.vectorize(product));
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = pulp::x86::V3::try_new() {
            agrees(8, |product: Product<'_>| Simd::vectorize(avx2, product));
        }
    }
}
