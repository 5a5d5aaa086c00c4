//! The one inner loop of all networks: rows of weights times shifted rows of values.
//!
//! A convolution of stride 1 needs no copy of its patches: with a border of
//! zeros stored round every map, tap (dy, dx) of channel c is the map's own
//! memory shifted by a fixed number of places. Registers hold 8 x 48 sums with
//! AVX-512 (6 x 16 with AVX2), so the loop is bound by arithmetic.

use pulp::{Arch, Simd, WithSimd};

/// What is added to every sum.
#[derive(Clone, Copy)]
pub enum Bias<'a> {
    /// Zero.
    None,
    /// One value a row of the result.
    Rows(&'a [f32]),
    /// One value a column of the result; at least [`SLACK`] more than it has columns.
    Columns(&'a [f32]),
}

/// Values that must follow the last one read by a tap: the widest block of columns.
pub const SLACK: usize = 48;

/// Rows of factors in the order in which the loop takes them: block after block of rows, and in a block for each k
/// the factors of all its rows side by side.
#[derive(Debug, Default)]
pub struct Rows {
    values: Vec<f32>,
    /// Number of rows.
    m: usize,
    /// Length of a row.
    k: usize,
    /// Rows of the first blocks.
    at_once: usize,
}

impl Rows {
    /// `m` rows of `k` factors, of which row i begins at `i * step`.
    pub fn new(rows: &[f32], step: usize, m: usize, k: usize) -> Self {
        let mut new = Self::default();
        new.set(rows, step, m, k);
        new
    }

    /// The same for a loop that takes `at_once` rows.
    pub fn new_for(at_once: usize, rows: &[f32], step: usize, m: usize, k: usize) -> Self {
        let mut new = Self::default();
        new.set_for(at_once, rows, step, m, k);
        new
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.m
    }

    /// Rows of the first blocks.
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// The factors of the block of `rows` rows that begins with row `first`.
    pub fn block(&self, first: usize, rows: usize) -> &[f32] {
        &self.values[first * self.k..(first + rows) * self.k]
    }

    /// The same in the memory of others.
    pub fn set(&mut self, rows: &[f32], step: usize, m: usize, k: usize) {
        // 8 x 3 sums, 3 values and a weight leave 4 of 32 registers, 6 x 2, 2 and 1 leave one of 16. With 4 x 3 none
        // is left: the compiler then keeps a sum in memory, and the loop waits for it.
        self.set_for(if many_registers() { 8 } else { 6 }, rows, step, m, k);
    }

    fn set_for(&mut self, at_once: usize, rows: &[f32], step: usize, m: usize, k: usize) {
        self.values.clear();
        (self.m, self.k, self.at_once) = (m, k, at_once);
        let mut first = 0;
        while first < m {
            let block = block_of(m - first, at_once);
            let rows: Vec<&[f32]> = (first..first + block).map(|i| &rows[i * step..i * step + k]).collect();
            (0..k).for_each(|k| self.values.extend(rows.iter().map(|row| row[k])));
            first += block;
        }
    }
}

/// Rows of the next block where so many are left.
pub fn block_of(left: usize, at_once: usize) -> usize {
    match left {
        n if n >= at_once => at_once,
        4.. => 4,
        2.. => 2,
        n => n,
    }
}

/// Whether this machine has 32 registers, as with AVX-512, or 16.
pub fn many_registers() -> bool {
    Arch::new().dispatch(Registers) >= 32
}

struct Registers;

impl WithSimd for Registers {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::REGISTER_COUNT
    }
}

/// `out[i][p] = sum over k of rows[i][k] * src[taps[k] + p]`, then bias, `add` and ReLU.
pub struct Product<'a> {
    /// Factors: each row is as long as `taps`.
    pub rows: &'a Rows,
    /// Values; at least [`SLACK`] of them behind the last that a tap reaches.
    pub src: &'a [f32],
    /// Where the values of each k begin in `src`.
    pub taps: &'a [usize],
    /// Number of columns.
    pub n: usize,
    /// What is added to every sum.
    pub bias: Bias<'a>,
    /// Values added before ReLU, at the same places as in `out`.
    pub add: Option<&'a [f32]>,
    /// Whether negative results become zero.
    pub relu: bool,
    /// Result.
    pub out: &'a mut [f32],
    /// Place of the first row's first column in `out`.
    pub out_at: usize,
    /// Distance between rows of the result.
    pub out_step: usize,
}

impl Product<'_> {
    /// Computes it with the widest vectors that this machine has.
    pub fn run(self) {
        Arch::new().dispatch(self);
    }

    /// Columns `p..`, `NV` vectors wide, all rows.
    #[inline(always)]
    fn columns<S: Simd, const MR: usize, const NV: usize>(&mut self, simd: S, p: usize, tile: &mut [f32]) {
        let mut i = 0;
        while i < self.rows.m {
            let block = block_of(self.rows.m - i, MR);
            match block {
                4 => self.block::<S, 4, NV>(simd, i, p, tile),
                2 => self.block::<S, 2, NV>(simd, i, p, tile),
                1 => self.block::<S, 1, NV>(simd, i, p, tile),
                _ => self.block::<S, MR, NV>(simd, i, p, tile),
            }
            i += block;
        }
    }

    #[inline(always)]
    fn block<S: Simd, const MR: usize, const NV: usize>(
        &mut self,
        simd: S,
        i: usize,
        p: usize,
        tile: &mut [f32],
    ) {
        let width = NV * S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); NV]; MR];
        let (rows, _) = self.rows.block(i, MR).as_chunks::<MR>();
        let src = &self.src[p..];
        for (row, &tap) in rows.iter().zip(self.taps) {
            let (v, _) = S::as_simd_f32s(&src[tap..][..width]);
            let v: [S::f32s; NV] = std::array::from_fn(|j| v[j]);
            for r in 0..MR {
                let w = simd.splat_f32s(row[r]);
                for j in 0..NV {
                    sums[r][j] = simd.mul_add_e_f32s(w, v[j], sums[r][j]);
                }
            }
        }
        // Straight to memory, whose address the compiler does not know: sums that a loop with
        // branches reads later would be kept there through all of the loop above.
        for (to, row) in tile.chunks_exact_mut(width).zip(&sums) {
            S::as_mut_simd_f32s(to).0.copy_from_slice(row);
        }
        for (r, sums) in tile.chunks_exact(width).take(MR).enumerate() {
            self.finish::<S>(simd, sums, i + r, p);
        }
    }

    /// Adds what is to be added to the sums of row `i` from column `p`, and stores them.
    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S, sums: &[f32], i: usize, p: usize) {
        let row = self.out_at + i * self.out_step + p;
        let span = row..row + sums.len().min(self.n - p);
        let bias = match self.bias {
            Bias::Rows(bias) => bias[i],
            _ => 0.0,
        };
        let columns = match self.bias {
            Bias::Columns(bias) => Some(&bias[p..]),
            _ => None,
        };
        // Hidden, or the compiler holds it in a register of its own through all of the products, and a sum in memory.
        let floor = std::hint::black_box(if self.relu { 0.0 } else { f32::NEG_INFINITY });
        let add = self.add.map(|add| &add[span.clone()]);
        let out = &mut self.out[span];
        let lanes = out.len() / S::F32_LANES * S::F32_LANES;
        let (bias_s, floor_s) = (simd.splat_f32s(bias), simd.splat_f32s(floor));
        for (j, to) in S::as_mut_simd_f32s(out).0.iter_mut().enumerate() {
            let mut sum = simd.add_f32s(S::as_simd_f32s(sums).0[j], bias_s);
            if let Some(columns) = columns {
                sum = simd.add_f32s(sum, S::as_simd_f32s(columns).0[j]);
            }
            if let Some(add) = add {
                sum = simd.add_f32s(sum, S::as_simd_f32s(add).0[j]);
            }
            *to = simd.max_f32s(sum, floor_s);
        }
        for x in lanes..out.len() {
            let sum = sums[x] + bias + columns.map_or(0.0, |c| c[x]) + add.map_or(0.0, |a| a[x]);
            out[x] = sum.max(floor);
        }
    }

    /// Blocks of `MR` rows and `NV` vectors, narrower ones where less than that is left.
    #[inline(always)]
    fn all<S: Simd, const MR: usize, const NV: usize>(mut self, simd: S) {
        let tile = &mut [0.0; 8 * SLACK][..];
        let lanes = S::F32_LANES;
        let mut p = 0;
        while p + (NV - 1) * lanes < self.n {
            self.columns::<S, MR, NV>(simd, p, tile);
            p += NV * lanes;
        }
        if p + lanes < self.n {
            self.columns::<S, MR, 2>(simd, p, tile);
        } else if p < self.n {
            self.columns::<S, MR, 1>(simd, p, tile);
        }
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.rows.at_once == 8 { self.all::<S, 8, 3>(simd) } else { self.all::<S, 6, 2>(simd) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in plain loops.
    fn plain(m: usize, n: usize, rows: &[f32], src: &[f32], taps: &[usize]) -> Vec<f32> {
        let mut out = Vec::new();
        for i in 0..m {
            for p in 0..n {
                out.push(taps.iter().enumerate().map(|(k, t)| rows[i * taps.len() + k] * src[t + p]).sum());
            }
        }
        out
    }

    #[test]
    fn two_rows_of_two_weights_on_four_values() {
        let mut src = vec![1.0, 2.0, 3.0, 4.0];
        src.resize(4 + SLACK, 9.0);
        let mut out = vec![0.0; 6];
        Product {
            rows: &Rows::new(&[1.0, 10.0, -1.0, 0.0], 2, 2, 2),
            src: &src,
            taps: &[0, 1],
            n: 3,
            bias: Bias::Rows(&[0.5, 2.0]),
            add: None,
            relu: true,
            out: &mut out,
            out_at: 0,
            out_step: 3,
        }
        .run();
        assert_eq!(out, [21.5, 32.5, 43.5, 1.0, 0.0, 0.0]);
    }

    /// Runs a product of every size of block with `level`, with rows for few registers and for many.
    fn agrees(level: impl Fn(Product<'_>)) {
        let sizes = [(1, 1), (2, 16), (3, 17), (8, 33), (9, 48), (11, 49), (16, 100), (5, 145)];
        for ((m, n), at_once) in sizes.into_iter().flat_map(|size| [(size, 6), (size, 8)]) {
            let taps = [3, 0, 7, 150, 201];
            let src: Vec<f32> = (0..201 + n + SLACK).map(|i| ((i * 7) % 11) as f32 - 5.0).collect();
            let rows: Vec<f32> = (0..m * taps.len()).map(|i| ((i * 5) % 7) as f32 - 3.0).collect();
            let columns = vec![1.0; n + SLACK];
            let add = vec![2.0; m * n];
            let mut out = vec![f32::NAN; m * n + 1];
            let packed = Rows::new_for(at_once, &rows, taps.len(), m, taps.len());
            level(Product {
                rows: &packed,
                src: &src,
                taps: &taps,
                n,
                bias: Bias::Columns(&columns),
                add: Some(&add),
                relu: false,
                out: &mut out,
                out_at: 0,
                out_step: n,
            });
            let truth: Vec<f32> = plain(m, n, &rows, &src, &taps).iter().map(|v| v + 3.0).collect();
            assert_eq!(out[..m * n], truth, "{m} x {n}");
            assert!(out[m * n].is_nan());
        }
    }

    #[test]
    fn every_size_of_block_agrees_with_plain_loops_and_writes_nothing_beyond() {
        agrees(|product: Product<'_>| product.run());
    }

    #[test]
    fn machines_with_narrower_vectors_get_the_same() {
        agrees(|product: Product<'_>| pulp::Scalar.vectorize(product));
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = pulp::x86::V3::try_new() {
            agrees(|product: Product<'_>| Simd::vectorize(avx2, product));
        }
    }
}
