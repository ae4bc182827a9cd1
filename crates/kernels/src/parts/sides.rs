//! Sixty-four units at a time as rows and as columns: what a left matrix has of them, and its turned one.

use crate::gather::come_near;
use crate::parts::pixels::add_greys;
use crate::parts::turn::{EMPTY, Tile, put_columns};
use crate::parts::{DEPTH, InParts, Packed, ROWS, STRIP, TILE, WIDTH, anything};
use crate::pixels::Pixels;

/// Rows whose pixels are on their way while those of one are copied.
const AHEAD: usize = 16;

/// What two matrices in parts have of 64 units: a thread that puts them into both has them near.
#[derive(Debug)]
pub(crate) struct Sides<'a> {
    /// Where a tile of the inner dimension is: first digits, by strip, and how many digits it has.
    rows: Vec<(&'a mut [u32], &'a mut u8)>,
    /// Where they are rows: all tiles of two strips, or of the last one, and how many digits these have.
    columns: Vec<(&'a mut [u32], &'a mut [u8])>,
}

/// All units, of which `rows` has one a column and `columns` one a row.
pub(crate) fn sides<'a>(rows: &'a mut InParts, columns: &'a mut InParts) -> Vec<Sides<'a>> {
    assert_eq!(rows.inner, columns.rows, "the same units");
    let mut strips = columns.strips().into_iter();
    let mut sides: Vec<_> = (0..rows.depth())
        .map(|_| Sides {
            rows: Vec::new(),
            columns: strips.by_ref().take(DEPTH / STRIP).collect(),
        })
        .collect();
    for (tiles, digits) in rows.strips() {
        let firsts = tiles.chunks_mut(2 * TILE).zip(digits);
        for (sides, first) in sides.iter_mut().zip(firsts) {
            sides.rows.push(first);
        }
    }
    sides
}

impl Sides<'_> {
    /// Puts word `word` of `states`; columns to where `before` tiles of the inner dimension are before them.
    pub fn put_states(&mut self, states: Packed, word: usize, before: usize) {
        for (strip, (tiles, digits)) in self.rows.iter_mut().enumerate() {
            states.put_strip(strip, word, tiles);
            **digits = 1;
        }
        let starts = (word * DEPTH..).step_by(STRIP);
        for (column, (tiles, digits)) in starts.zip(&mut self.columns) {
            states.put_columns(column, None, before, tiles);
            digits[before..][..states.0.nrows().div_ceil(DEPTH)].fill(1);
        }
    }

    /// Puts group `group` of the rows `chosen` of `pixels`, columns at the beginning of theirs, and adds it to `sums` row by
    /// row in order, as [`crate::column_sums`] does.
    pub fn put_pixels(
        &mut self,
        pixels: &Pixels,
        chosen: &[usize],
        group: usize,
        sums: &mut [f32; DEPTH],
    ) {
        let pixels = |place: usize| chosen.get(place).map(|row| &pixels.row(*row)[group]);
        let ask = |place| pixels(place).into_iter().for_each(|group| come_near(group));
        (0..AHEAD).for_each(ask);
        for (first, (tiles, digits)) in (0..).step_by(STRIP).zip(&mut self.rows) {
            let rows = tiles.as_chunks_mut::<WIDTH>().0;
            for (place, out) in (first..).zip(rows.iter_mut()) {
                ask(place + AHEAD);
                *out = pixels(place).copied().unwrap_or_default();
            }
            let there = STRIP.min(chosen.len() - first);
            add_greys(&rows[..there], sums);
            **digits = anything(tiles).into();
        }
        let tiles = self.rows.iter().flat_map(|(tiles, _)| {
            let tiles: &[Tile] = tiles.as_chunks::<WIDTH>().0.as_chunks().0;
            tiles
        });
        let tiles: Vec<_> = tiles.collect();
        for (inner, tiles) in tiles.chunks(DEPTH / ROWS).enumerate() {
            for (_, digits) in &mut self.columns {
                digits[inner] = 0;
            }
            let tiles = std::array::from_fn(|place| *tiles.get(place).unwrap_or(&&EMPTY));
            put_columns(tiles, 0, inner, &mut self.columns);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    use super::*;
    use crate::{BitRows, Precision, Workers, column_sums};

    /// Asserts that digits are the same.
    fn assert_same(put: &InParts, cut: &InParts) -> Result<(), TestCaseError> {
        let depth = put.depth();
        for row in (0..put.rows).step_by(ROWS) {
            let [a, b] = [put, cut].map(|parts| parts.strip(row / STRIP).1);
            prop_assert_eq!(a, b);
            for inner in (0..depth).filter(|inner| a[*inner] > 0) {
                prop_assert_eq!(put.tile(row, 0, inner), cut.tile(row, 0, inner));
            }
        }
        Ok(())
    }

    fn room(rows: usize, columns: usize, before: usize) -> [InParts; 2] {
        let inner = (before + rows.div_ceil(DEPTH)) * DEPTH;
        [
            InParts::new(Precision::Training, rows, columns),
            InParts::new(Precision::Training, columns, inner),
        ]
    }

    proptest! {
        #[test]
        fn pixels_are_put_as_they_are_cut(
            rows in 1..150_usize, columns in 1..150_usize, dark in 1..40_u32, seed: u64,
        ) {
            let mut rng = crate::Stream::new(seed, crate::Purpose::Digits, 0).rng(0);
            let workers = Workers::single();
            let level = |rng: &mut crate::StreamRng| {
                if rng.below(dark) == 0 { rng.below(256) as f32 / 255.0 } else { 0.0 }
            };
            let values = Array2::from_shape_simple_fn((rows, columns), || level(&mut rng));
            let pixels = Pixels::of(&workers, values.view()).expect("pixels");
            // Every other row, from the last one back.
            let chosen: Vec<_> = (0..rows).rev().step_by(2).collect();
            let values = values.slice(s![..;-1, ..]).slice(s![..;2, ..]).to_owned();
            let [[mut put, mut turned], [mut cut, mut cut_turned]] =
                [0; 2].map(|_| room(values.nrows(), columns, 0));
            let expected = column_sums(values.view());
            for (group, mut sides) in sides(&mut put, &mut turned).into_iter().enumerate() {
                let mut sums = [0.0; DEPTH];
                sides.put_pixels(&pixels, &chosen, group, &mut sums);
                let first = group * DEPTH;
                for (sum, expected) in sums.iter().zip(expected.iter().skip(first)) {
                    prop_assert_eq!(sum.to_bits(), expected.to_bits());
                }
            }
            prop_assert!(cut.cut(&workers, values.view(), 1.0, 0));
            prop_assert!(cut_turned.cut(&workers, values.t(), 1.0, 0));
            assert_same(&put, &cut)?;
            assert_same(&turned, &cut_turned)?;
        }

        #[test]
        fn states_are_put_as_they_are_cut(
            rows in 1..150_usize, columns in 1..150_usize, before in 0..3_usize, seed: u64,
        ) {
            let mut rng = crate::Stream::new(seed, crate::Purpose::Digits, 0).rng(0);
            let workers = Workers::single();
            let mut values = Array2::from_shape_simple_fn((rows, columns), || rng.below(2) as f32);
            // Each tile has something in it, as those that are put are said to.
            for row in (0..rows).step_by(STRIP) {
                values.row_mut(row).fill(1.0);
            }
            let states = BitRows::from_threshold(values.view(), 0.5);
            let words = (rows, states.words_per_row());
            let words = ndarray::ArrayView2::from_shape(words, states.words()).expect("words");
            let [[mut put, mut turned], [mut cut, mut cut_turned]] =
                [0; 2].map(|_| room(rows, columns, before));
            for (word, mut sides) in sides(&mut put, &mut turned).into_iter().enumerate() {
                sides.put_states(Packed(words), word, before);
            }
            prop_assert!(cut.cut(&workers, values.view(), 1.0, 0));
            prop_assert!(cut_turned.cut(&workers, values.t(), 1.0, before));
            assert_same(&put, &cut)?;
            assert_same(&turned, &cut_turned)?;
        }
    }
}
