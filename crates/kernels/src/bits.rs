//! Packed bits: rows of 0/1 states, 64 units to a word.

use ndarray::{ArrayView2, ArrayViewMut1};
use pulp::Arch;

use crate::{Workers, vectorized};

/// Rows that look for their nearest together: the others are read once for all of them.
const TOGETHER: usize = 16;

/// Rows of bits, each padded to whole 64-bit words; unit `j` of a row is bit `j % 64` of its word
/// `j / 64`, and the padding is zero, so equal rows have equal words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BitRows {
    words: Vec<u64>,
    rows: usize,
    bits: usize,
}

impl BitRows {
    /// `rows` rows of `bits` zeros.
    #[must_use]
    pub fn zeros(rows: usize, bits: usize) -> Self {
        Self {
            words: vec![0; rows * bits.div_ceil(64)],
            rows,
            bits,
        }
    }

    /// The bits `value > threshold` of each row.
    #[must_use]
    #[allow(
        clippy::missing_panics_doc,
        reason = "rows of a standard layout are slices"
    )]
    pub fn from_threshold(values: ArrayView2<f32>, threshold: f32) -> Self {
        let mut packed = Self::zeros(values.nrows(), values.ncols());
        let values = values.as_standard_layout();
        let arch = Arch::new();
        for (row, values) in values.outer_iter().enumerate() {
            let values = values.as_slice().expect("a row of a standard layout");
            let words = packed.row_mut(row);
            vectorized(
                arch,
                #[inline(always)]
                || pack_row(values, threshold, words),
            );
        }
        packed
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of bits in a row.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// Number of 64-bit words in a row.
    #[must_use]
    pub fn words_per_row(&self) -> usize {
        self.bits.div_ceil(64)
    }

    /// The words of all rows, one after the other.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The words of all rows, to be written; bits past each row's length must stay zero.
    pub fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    /// The words of one row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[u64] {
        let width = self.words_per_row();
        &self.words[row * width..(row + 1) * width]
    }

    /// The words of one row, to be written; bits past the row's length must stay zero.
    pub fn row_mut(&mut self, row: usize) -> &mut [u64] {
        let width = self.words_per_row();
        &mut self.words[row * width..(row + 1) * width]
    }

    /// Unit `column` of a row.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> bool {
        self.row(row)[column / 64] >> (column % 64) & 1 == 1
    }

    /// Writes a row as numbers 0 and 1.
    ///
    /// # Panics
    /// If `out` has not one element per bit, or they do not lie side by side.
    pub fn expand(&self, row: usize, mut out: ArrayViewMut1<f32>) {
        assert_eq!(out.len(), self.bits, "one number per bit");
        let out = out.as_slice_mut().expect("numbers that lie side by side");
        let words = self.row(row);
        vectorized(
            Arch::new(),
            #[inline(always)]
            || expand_row(words, out),
        );
    }

    /// For each row its Hamming distance to the nearest row of `among`: the number of bits that differ.
    /// `u32::MAX` where `among` has no row.
    ///
    /// # Panics
    /// If rows of the two have not as many bits.
    #[must_use]
    pub fn nearest(&self, workers: &Workers, among: &Self) -> Vec<u32> {
        assert_eq!(self.bits, among.bits, "rows of as many bits");
        let mut nearest = vec![u32::MAX; self.rows];
        let width = self.words_per_row().max(1);
        let arch = Arch::new();
        workers.for_each_chunk(&mut nearest, TOGETHER, |chunk, nearest| {
            let rows = &self.words[(chunk * TOGETHER * width).min(self.words.len())..];
            vectorized(
                arch,
                #[inline(always)]
                || nearest_rows(rows, &among.words, width, nearest),
            );
        });
        nearest
    }
}

/// Lowers each of `nearest` to the distance of its row to the nearest of `among`, rows of `width` words.
#[inline(always)]
fn nearest_rows(rows: &[u64], among: &[u64], width: usize, nearest: &mut [u32]) {
    for other in among.chunks_exact(width) {
        for (row, nearest) in rows.chunks_exact(width).zip(nearest.iter_mut()) {
            let words = row.iter().zip(other);
            let distance: u32 = words.map(|(a, b)| (a ^ b).count_ones()).sum();
            *nearest = distance.min(*nearest);
        }
    }
}

/// The bits `value > threshold`, 64 to a word.
#[inline(always)]
pub(crate) fn pack_row(values: &[f32], threshold: f32, words: &mut [u64]) {
    let (whole, rest) = values.as_chunks::<64>();
    for (values, word) in whole.iter().zip(words.iter_mut()) {
        *word = pack_word(values, threshold);
    }
    if !rest.is_empty() {
        let mut values = [f32::NAN; 64];
        values[..rest.len()].copy_from_slice(rest);
        words[whole.len()] = pack_word(&values, threshold);
    }
}

/// One word, in two steps that compilers turn into vector code: bytes of 0 and 1, then their bits.
#[inline(always)]
fn pack_word(values: &[f32; 64], threshold: f32) -> u64 {
    let mut bytes = [0_u8; 64];
    for (byte, value) in bytes.iter_mut().zip(values) {
        *byte = u8::from(*value > threshold);
    }
    low_bits(&bytes)
}

/// The low bit of each byte.
#[inline(always)]
pub(crate) fn low_bits(bytes: &[u8; 64]) -> u64 {
    /// Brings the low bit of byte j to bit 56 + j: the bytes' bits meet in the product's top byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (eights, _) = bytes.as_chunks::<8>();
    let octets = eights
        .iter()
        .map(|eight| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56);
    octets.rev().fold(0, |word, octet| word << 8 | octet)
}

/// The low bits of `words` as numbers 0 and 1.
#[inline(always)]
fn expand_row(words: &[u64], out: &mut [f32]) {
    for (half, out) in out.chunks_mut(32).enumerate() {
        let bits = (words[half / 2] >> (32 * (half % 2))) as u32;
        for (column, out) in out.iter_mut().enumerate() {
            *out = (bits >> column & 1) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;
    use crate::{Purpose, Stream};

    proptest! {
        #[test]
        fn nearest_rows_are_those_of_a_plain_search(
            rows in 0..40_usize, others in 0..20_usize, bits in 1..200_usize, seed: u64,
        ) {
            let packed = |rows: usize, salt: u64| {
                let mut rng = Stream::new(seed, Purpose::Weights, salt).rng(0);
                let values = Array2::from_shape_simple_fn((rows, bits), || rng.below(2) as f32);
                BitRows::from_threshold(values.view(), 0.5)
            };
            let (packed, among) = (packed(rows, 0), packed(others, 1));
            let distance = |row: usize, other: usize| {
                (0..bits).filter(|bit| packed.get(row, *bit) != among.get(other, *bit)).count() as u32
            };
            let plain = (0..rows).map(|row| (0..others).map(|other| distance(row, other)).min());
            let plain: Vec<u32> = plain.map(|nearest| nearest.unwrap_or(u32::MAX)).collect();
            prop_assert_eq!(packed.nearest(&Workers::single(), &among), plain);
        }

        #[test]
        fn packing_and_expanding_gives_the_row_back(rows in 0..5_usize, bits in 1..200_usize, seed: u64) {
            let value = |i: usize, j: usize| (seed.rotate_left((i * bits + j) as u32 % 64) & 1) as f32;
            let values = Array2::from_shape_fn((rows, bits), |(i, j)| value(i, j));
            let packed = BitRows::from_threshold(values.view(), 0.5);
            let mut out = Array1::zeros(bits);
            for row in 0..rows {
                packed.expand(row, out.view_mut());
                prop_assert_eq!(&out, &values.row(row));
                prop_assert_eq!(packed.get(row, bits - 1), values[[row, bits - 1]] > 0.5);
            }
        }
    }
}
