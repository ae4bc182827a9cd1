//! Products with a matrix of which most elements are 0: those cost next to nothing.
//!
//! Elements of the left matrix that are not 0 stand as bits of words, 64 to a word. For each of them a piece
//! of a row of the right matrix is added to sums in registers; the 64 pieces that a word can ask for lie
//! side by side in the first-level cache. Every element is summed in the order of the inner dimension.

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut2, Axis, s};
use pulp::{Arch, Simd, WithSimd};

use crate::aligned::Aligned;
use crate::bits::low_bits;
use crate::{Workers, vectorized};

/// Inner places of a word.
const WORD: usize = 64;
/// Vectors of sums that are kept in registers.
const SUMS: usize = 8;
/// Rows whose sums are taken up again while they are in the second-level cache.
const ROWS: usize = 256;

/// With fewer rows than these, laying out the right matrix costs as much as is saved.
const LEAST_ROWS: usize = 48;
/// With a smaller right matrix a row's product takes no longer than looking for what is 0 in it: measured with AVX-512 from
/// 5 to 120 rows of 5 to 60 columns.
const LEAST_RIGHT: usize = 2_000;
/// A dense product is faster from a share of elements that are not 0 on that grows with the columns to
/// [`MOST`], and half of that is reached at [`HALF_OF_MOST`] columns: measured with AVX-512 from 50 to 784
/// columns.
const MOST: f64 = 0.5;
const HALF_OF_MOST: f64 = 150.0;

/// A matrix of which most elements are 0.
pub(crate) struct MostlyZero<'a> {
    values: &'a [f32],
    rows: usize,
    inner: usize,
    /// Distance of two rows, and of two elements of a row.
    strides: (usize, usize),
    /// Which elements are not 0: bit `i % 64` of word `i / 64 · rows + row` for element `i` of a row.
    words: Vec<u64>,
}

impl<'a> MostlyZero<'a> {
    /// `left`, if a product with it that has so many `columns` is faster this way than as a dense one.
    pub fn of(workers: &Workers, left: ArrayView2<'a, f32>, columns: usize) -> Option<Self> {
        let (rows, inner) = left.dim();
        if rows < LEAST_ROWS || inner * columns < LEAST_RIGHT {
            return None;
        }
        let stride = |axis: usize| usize::try_from(left.strides()[axis]).ok();
        let strides = (stride(0)?, stride(1)?);
        let values = left.to_slice_memory_order()?;
        let mut matrix = Self {
            values,
            rows,
            inner,
            strides,
            words: vec![0; inner.div_ceil(WORD) * rows],
        };
        if strides.1 == 1 {
            matrix.mark_along(workers);
        } else if strides.0 == 1 {
            matrix.mark_across(workers);
        } else {
            return None;
        }
        let count: u64 = matrix
            .words
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum();
        let most = MOST * columns as f64 / (columns as f64 + HALF_OF_MOST);
        (count as f64 <= most * (rows * inner) as f64).then_some(matrix)
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.inner)
    }

    /// The words of a matrix stored row by row.
    fn mark_along(&mut self, workers: &Workers) {
        let (values, rows, inner, stride) = (self.values, self.rows, self.inner, self.strides.0);
        let arch = Arch::new();
        workers.for_each_chunk(&mut self.words, rows, |word, words| {
            let first = word * WORD;
            let width = WORD.min(inner - first);
            vectorized(
                arch,
                #[inline(always)]
                || {
                    for (row, word) in words.iter_mut().enumerate() {
                        *word = marks(&values[row * stride + first..][..width]);
                    }
                },
            );
        });
    }

    /// The words of a matrix stored column by column.
    fn mark_across(&mut self, workers: &Workers) {
        let (values, rows, inner, stride) = (self.values, self.rows, self.inner, self.strides.1);
        let arch = Arch::new();
        workers.for_each_chunk(&mut self.words, rows, |word, words| {
            let first = word * WORD;
            let places = first..inner.min(first + WORD);
            vectorized(
                arch,
                #[inline(always)]
                || {
                    for (bit, place) in places.clone().enumerate() {
                        let values = &values[place * stride..][..rows];
                        for (word, value) in words.iter_mut().zip(values) {
                            *word |= u64::from(*value != 0.0) << bit;
                        }
                    }
                },
            );
        });
    }

    /// `out ← keep · out + scale · self · right`, on the calling thread. With `keep` = 0 the old contents of
    /// `out` are not read.
    ///
    /// # Panics
    /// If the shapes do not fit together, or rows of `right` or `out` do not lie side by side.
    pub fn product(&self, keep: f32, scale: f32, right: ArrayView2<f32>, out: ArrayViewMut2<f32>) {
        assert_eq!(
            (self.inner, out.dim()),
            (right.nrows(), (self.rows, right.ncols())),
            "left, right and result fit together"
        );
        Arch::new().dispatch(Product {
            left: self,
            keep,
            scale,
            right,
            out,
        });
    }
}

/// Which of at most 64 values are not 0.
#[inline(always)]
fn marks(values: &[f32]) -> u64 {
    if let Some(values) = values.first_chunk() {
        return marks_of_64(values);
    }
    let mut padded = [0.0; WORD];
    padded[..values.len()].copy_from_slice(values);
    marks_of_64(&padded)
}

#[inline(always)]
fn marks_of_64(values: &[f32; WORD]) -> u64 {
    let mut bytes = [0; WORD];
    for (byte, value) in bytes.iter_mut().zip(values) {
        *byte = u8::from(*value != 0.0);
    }
    low_bits(&bytes)
}

struct Product<'a> {
    left: &'a MostlyZero<'a>,
    keep: f32,
    scale: f32,
    right: ArrayView2<'a, f32>,
    out: ArrayViewMut2<'a, f32>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let lanes = size_of::<S::f32s>() / size_of::<f32>();
        let columns = self.right.ncols();
        let vectors = columns.div_ceil(lanes);
        let panels = vectors.div_ceil(SUMS).max(1);
        let edge = |panel: usize| panel * vectors / panels;
        let mut pieces = Aligned::<f32>::zeros(WORD * SUMS * lanes);
        let (pieces, _) = S::as_mut_simd_f32s(pieces.slice_mut());
        for panel in 0..panels {
            let (start, end) = (edge(panel), edge(panel + 1));
            let columns = start * lanes..(end * lanes).min(columns);
            let whole = columns.len() == (end - start) * lanes;
            match (end - start, whole) {
                (1, true) => self.panel::<S, 1, true>(simd, columns, pieces),
                (2, true) => self.panel::<S, 2, true>(simd, columns, pieces),
                (3, true) => self.panel::<S, 3, true>(simd, columns, pieces),
                (4, true) => self.panel::<S, 4, true>(simd, columns, pieces),
                (5, true) => self.panel::<S, 5, true>(simd, columns, pieces),
                (6, true) => self.panel::<S, 6, true>(simd, columns, pieces),
                (7, true) => self.panel::<S, 7, true>(simd, columns, pieces),
                (_, true) => self.panel::<S, SUMS, true>(simd, columns, pieces),
                (1, false) => self.panel::<S, 1, false>(simd, columns, pieces),
                (2, false) => self.panel::<S, 2, false>(simd, columns, pieces),
                (3, false) => self.panel::<S, 3, false>(simd, columns, pieces),
                (4, false) => self.panel::<S, 4, false>(simd, columns, pieces),
                (5, false) => self.panel::<S, 5, false>(simd, columns, pieces),
                (6, false) => self.panel::<S, 6, false>(simd, columns, pieces),
                (7, false) => self.panel::<S, 7, false>(simd, columns, pieces),
                (_, false) => self.panel::<S, SUMS, false>(simd, columns, pieces),
            }
        }
    }
}

impl Product<'_> {
    /// The result in `columns`, `N` vectors of them, of which the last may be short.
    #[inline(always)]
    fn panel<S: Simd, const N: usize, const WHOLE: bool>(
        &mut self,
        simd: S,
        columns: Range<usize>,
        pieces: &mut [S::f32s],
    ) {
        let left = self.left;
        let right = self.right.slice(s![.., columns.clone()]);
        let mut out = self.out.slice_mut(s![.., columns]);
        for mut out in out.axis_chunks_iter_mut(Axis(0), ROWS).enumerate() {
            let rows = out.0 * ROWS..out.0 * ROWS + out.1.nrows();
            for (number, words) in left.words.chunks_exact(left.rows).enumerate() {
                let first = number * WORD;
                // Sums go on after the first word.
                let keep = (number == 0).then_some(self.keep);
                for (row, piece) in right
                    .slice(s![first.., ..])
                    .outer_iter()
                    .zip(pieces.chunks_exact_mut(N).take(WORD))
                {
                    piece.copy_from_slice(&load::<S, N, WHOLE>(simd, slice(&row)));
                }
                for ((row, word), mut out) in rows
                    .clone()
                    .zip(&words[rows.clone()])
                    .zip(out.1.outer_iter_mut())
                {
                    if *word == 0 && keep.is_none() {
                        continue;
                    }
                    let out = out.as_slice_mut().expect("elements of a row side by side");
                    let mut sums = [simd.splat_f32s(0.0); N];
                    if keep != Some(0.0) {
                        sums = load::<S, N, WHOLE>(simd, out);
                        let keep = simd.splat_f32s(keep.unwrap_or(1.0));
                        for sum in &mut sums {
                            *sum = simd.mul_f32s(keep, *sum);
                        }
                    }
                    let from = row * left.strides.0 + first * left.strides.1;
                    let mut word = *word;
                    while word != 0 {
                        let place = word.trailing_zeros() as usize;
                        word &= word - 1;
                        let value = self.scale * left.values[from + place * left.strides.1];
                        let value = simd.splat_f32s(value);
                        let piece = &pieces[place * N..][..N];
                        for (sum, piece) in sums.iter_mut().zip(piece) {
                            *sum = simd.mul_add_f32s(value, *piece, *sum);
                        }
                    }
                    store::<S, N, WHOLE>(simd, &sums, out);
                }
            }
        }
    }
}

fn slice<'a>(row: &ArrayView1<'a, f32>) -> &'a [f32] {
    row.to_slice().expect("elements of a row side by side")
}

/// `N` vectors of `from`, of which the last is short unless all are `WHOLE`.
#[inline(always)]
fn load<S: Simd, const N: usize, const WHOLE: bool>(simd: S, from: &[f32]) -> [S::f32s; N] {
    let (whole, rest) = S::as_simd_f32s(from);
    let count = if WHOLE { N } else { N - 1 };
    let mut vectors = [simd.splat_f32s(0.0); N];
    vectors[..count].copy_from_slice(&whole[..count]);
    if !WHOLE {
        vectors[count] = simd.partial_load_f32s(rest);
    }
    vectors
}

/// The other way.
#[inline(always)]
fn store<S: Simd, const N: usize, const WHOLE: bool>(
    simd: S,
    vectors: &[S::f32s; N],
    to: &mut [f32],
) {
    let (whole, rest) = S::as_mut_simd_f32s(to);
    let count = if WHOLE { N } else { N - 1 };
    whole[..count].copy_from_slice(&vectors[..count]);
    if !WHOLE {
        simd.partial_store_f32s(rest, vectors[count]);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;
    use crate::{Purpose, Stream, dense_product};

    fn random(rows: usize, columns: usize, share: f64, index: u64) -> Array2<f32> {
        let mut rng = Stream::new(1, Purpose::Weights, index).rng(0);
        Array2::from_shape_simple_fn((rows, columns), || {
            let is_there = rng.uniform() < share;
            let number = rng.normal() as f32;
            if is_there { number } else { 0.0 }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn agrees_with_the_dense_product(
            rows in LEAST_ROWS..700, inner in 1..300_usize, columns in 1..300_usize, share in 0.0..0.1,
            keep in prop::sample::select(vec![0.0_f32, 1.0, 0.5]), across: bool,
        ) {
            let workers = Workers::single();
            let left = if across { random(inner, rows, share, 1) } else { random(rows, inner, share, 1) };
            let left = if across { left.t() } else { left.view() };
            let right = random(inner, columns, 1.0, 2);
            // What is not to be read may be anything.
            let start = if keep == 0.0 { f32::NAN } else { 1.5 };
            let mut ours = Array2::from_elem((rows, columns), start);
            let mut theirs = ours.clone();
            let few = MostlyZero::of(&workers, left, columns + LEAST_RIGHT).expect("few");
            few.product(keep, -0.7, right.view(), ours.view_mut());
            dense_product(&workers, keep, -0.7, left, right.view(), theirs.view_mut());
            for (ours, theirs) in ours.iter().zip(&theirs) {
                prop_assert!((ours - theirs).abs() < 1e-4, "{ours} for {theirs}");
            }
        }
    }

    #[test]
    fn what_is_dense_narrow_or_low_is_left_to_others() {
        let workers = Workers::single();
        let taken = |rows, share, columns| {
            MostlyZero::of(&workers, random(rows, 200, share, 1).view(), columns).is_some()
        };
        assert!(taken(100, 0.2, 500));
        assert!(!taken(100, 0.6, 500));
        assert!(!taken(100, 0.2, 50));
        assert!(!taken(10, 0.2, 500));
        assert!(!taken(100, 0.001, LEAST_RIGHT / 200 - 1));
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let (left, right) = (random(200, 784, 0.2, 1), random(784, 500, 1.0, 2));
        crate::product::tests::check_threads(&left, &right);
    }
}
