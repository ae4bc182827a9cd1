//! Packed bits: rows of 0/1 states, 64 units to a word.

use ndarray::{ArrayView2, ArrayViewMut1};

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
    pub fn from_threshold(values: ArrayView2<f32>, threshold: f32) -> Self {
        let mut packed = Self::zeros(values.nrows(), values.ncols());
        for (row, values) in values.outer_iter().enumerate() {
            let words = packed.row_mut(row);
            for (column, value) in values.iter().enumerate() {
                words[column / 64] |= u64::from(*value > threshold) << (column % 64);
            }
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
    /// If `out` has not one element per bit.
    pub fn expand(&self, row: usize, mut out: ArrayViewMut1<f32>) {
        assert_eq!(out.len(), self.bits, "one number per bit");
        let words = self.row(row);
        for (column, out) in out.iter_mut().enumerate() {
            *out = (words[column / 64] >> (column % 64) & 1) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    proptest! {
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
