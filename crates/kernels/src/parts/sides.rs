//! Sixty-four units at a time as rows and as columns: what a left matrix has of them, and its turned one.

use ndarray::ArrayView2;

use crate::Precision;
use crate::aligned::OnLine;
use crate::gather::come_near;
use crate::parts::added::put_wholes;
use crate::parts::cut::{Lines, Side};
use crate::parts::few::Whole;
use crate::parts::pixels::add_greys;
use crate::parts::turn::{EMPTY, Order, Tile, put_columns};
use crate::parts::{
    BYTES, DEPTH, DIGITS, InParts, InRows, Packed, ROWS, STRIP, TILE, WIDTH, anything,
};
use crate::pixels::Pixels;

/// Rows whose pixels are on their way while those of one are copied.
const AHEAD: usize = 16;

/// What two matrices in parts have of 64 units: a thread that puts them into both has them near.
#[derive(Debug)]
pub(crate) struct Sides<'a> {
    precision: Precision,
    order: Order,
    rows: Vec<InRows<'a>>,
    /// Where they are rows: all tiles of two strips, or of the last one, and how many digits these have.
    columns: Vec<(&'a mut [u32], &'a mut [u8])>,
}

/// All units, of which `rows` has one a column and `columns` one a row, in this order of their columns.
pub(crate) fn sides<'a>(
    rows: &'a mut InParts,
    columns: &'a mut InParts,
    order: Order,
) -> Vec<Sides<'a>> {
    assert!(
        rows.inner == columns.rows && rows.precision == columns.precision,
        "the same units"
    );
    let precision = rows.precision;
    let mut strips = columns.strips().into_iter();
    let rows = rows.by_tile().into_iter();
    rows.map(|rows| Sides {
        precision,
        order,
        rows,
        columns: strips.by_ref().take(DEPTH / STRIP).collect(),
    })
    .collect()
}

impl Sides<'_> {
    /// Puts word `word` of `states`; columns to where `before` tiles of the inner dimension are before them.
    pub fn put_states(&mut self, states: Packed, word: usize, before: usize) {
        states.put_rows(word, &mut self.rows);
        let starts = (word * DEPTH..).step_by(STRIP);
        for (column, (tiles, digits)) in starts.zip(&mut self.columns) {
            states.put_columns(column, None, (before, self.order), tiles);
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
        for (first, ([tiles, ..], digits)) in (0..).step_by(STRIP).zip(&mut self.rows) {
            let rows = tiles.as_chunks_mut::<WIDTH>().0;
            for (place, out) in (first..).zip(rows.iter_mut()) {
                ask(place + AHEAD);
                *out = pixels(place).copied().unwrap_or_default();
            }
            let there = STRIP.min(chosen.len() - first);
            add_greys(&rows[..there], sums);
            **digits = anything(tiles).into();
        }
        let tiles = self.rows.iter().flat_map(|([tiles, ..], _)| {
            let tiles: &[Tile] = tiles.as_chunks::<WIDTH>().0.as_chunks().0;
            tiles
        });
        let tiles: Vec<_> = tiles.collect();
        for (inner, tiles) in tiles.chunks(DEPTH / ROWS).enumerate() {
            for (_, digits) in &mut self.columns {
                digits[inner] = 0;
            }
            let tiles = std::array::from_fn(|place| *tiles.get(place).unwrap_or(&&EMPTY));
            let there = DEPTH.min(chosen.len() - inner * DEPTH);
            put_columns((tiles, there, self.order), 0, inner, &mut self.columns);
        }
    }

    /// Puts numbers, rows × units: what [`InParts::cut`] makes of them, and of them turned; columns to where `before` tiles
    /// of the inner dimension are before them, unless they are to be `added` up. Answers whether all lie between 0 and 1; if
    /// not, anything is there.
    pub fn put_values(
        &mut self,
        values: ArrayView2<f32>,
        before: usize,
        mut added: Option<[&mut [Whole]; 2]>,
    ) -> bool {
        let lines = Lines {
            matrix: values,
            side: Side::Left(1.0),
            precision: self.precision,
        };
        // Digits of 64 rows, by sixteen.
        let mut cut = OnLine([[EMPTY; BYTES]; DIGITS]);
        for (inner, strips) in self.rows.chunks_mut(DEPTH / STRIP).enumerate() {
            let mut counts = [0; BYTES];
            for (tile, count) in counts.iter_mut().enumerate() {
                let first = inner * DEPTH + tile * ROWS;
                let rows = first..(first + ROWS).min(values.nrows());
                if !rows.is_empty() {
                    let places = |digit: usize| (digit * BYTES + tile) * TILE;
                    let out = cut.as_flattened_mut().as_flattened_mut().as_flattened_mut();
                    let Some(found) = lines.cut_tile(rows, 0, places, out) else {
                        return false;
                    };
                    *count = found;
                }
                // Digits that these have not others may have.
                for digit in &mut cut[usize::from(*count)..self.precision.digits()] {
                    digit[tile] = EMPTY;
                }
            }
            for (half, (tiles, digits)) in strips.iter_mut().enumerate() {
                let [a, b] = [2 * half, 2 * half + 1];
                **digits = counts[a].max(counts[b]);
                for (tiles, cut) in tiles.iter_mut().zip(&cut.0).take((**digits).into()) {
                    tiles.copy_from_slice(cut[a..=b].as_flattened().as_flattened());
                }
            }
            for (_, digits) in &mut self.columns {
                digits[before + inner] = 0;
            }
            let there = DEPTH.min(values.nrows() - inner * DEPTH);
            if let Some(added) = &mut added {
                let out = added.each_mut().map(|rows| &mut rows[inner * DEPTH..]);
                put_wholes([&cut[0], &cut[1]], there, out);
                continue;
            }
            for digit in 0..counts.into_iter().max().unwrap_or(0) {
                let tiles = cut[usize::from(digit)].each_ref();
                let tiles = (tiles, there, self.order);
                put_columns(tiles, digit, before + inner, &mut self.columns);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, s};
    use proptest::prelude::*;

    use super::*;
    use crate::{BitRows, Precision, Workers, column_sums};

    /// The tile of sixteen rows from `row` on, where `inner` tiles of the inner dimension are before it.
    fn tile(parts: &InParts, row: usize, digit: usize, inner: usize) -> &Tile {
        let (tiles, _) = parts.strip(row / STRIP);
        let half = (digit * parts.depth() + inner) * STRIP / ROWS + row % STRIP / ROWS;
        &tiles.as_chunks().0.as_chunks().0[half]
    }

    /// Asserts that digits are the same.
    fn assert_same(put: &InParts, cut: &InParts) -> Result<(), TestCaseError> {
        let depth = put.depth();
        for row in (0..put.rows).step_by(ROWS) {
            let [a, b] = [put, cut].map(|parts| parts.strip(row / STRIP).1);
            prop_assert_eq!(a, b);
            for (inner, digits) in (0..depth).zip(a) {
                for digit in 0..(*digits).into() {
                    let [put, cut] = [put, cut].map(|parts| tile(parts, row, digit, inner));
                    prop_assert_eq!(put, cut);
                }
            }
        }
        Ok(())
    }

    fn room(precision: Precision, rows: usize, columns: usize, before: usize) -> [InParts; 2] {
        let inner = (before + rows.div_ceil(DEPTH)) * DEPTH;
        [
            InParts::new(precision, rows, columns),
            InParts::new(precision, columns, inner),
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
                [0; 2].map(|_| room(Precision::Training, values.nrows(), columns, 0));
            let expected = column_sums(values.view());
            for (group, mut sides) in sides(&mut put, &mut turned, Order::Tiles).into_iter().enumerate() {
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
            let words = ArrayView2::from_shape(words, states.words()).expect("words");
            let [[mut put, mut turned], [mut cut, mut cut_turned]] =
                [0; 2].map(|_| room(Precision::Training, rows, columns, before));
            for (word, mut sides) in sides(&mut put, &mut turned, Order::Tiles).into_iter().enumerate() {
                sides.put_states(Packed(words), word, before);
            }
            prop_assert!(cut.cut(&workers, values.view(), 1.0, 0));
            prop_assert!(cut_turned.cut(&workers, values.t(), 1.0, before));
            assert_same(&put, &cut)?;
            assert_same(&turned, &cut_turned)?;
        }

        #[test]
        fn numbers_are_put_as_they_are_cut(
            rows in 1..150_usize, columns in 1..150_usize, before in 0..3_usize, kinds in 1..40_u32, seed: u64,
            single: bool, other: prop::sample::Index,
        ) {
            let precision = if single { Precision::Single } else { Precision::Training };
            let mut rng = crate::Stream::new(seed, crate::Purpose::Digits, 0).rng(0);
            let workers = Workers::single();
            let mut values = Array2::from_shape_simple_fn((rows, columns), || match rng.below(kinds) {
                0 => rng.below(256) as f32 / 255.0,
                1 => rng.uniform() as f32,
                2 => rng.uniform() as f32 * 1e-3,
                _ => 0.0,
            });
            let put = |values: &Array2<f32>, [rows, columns]: [&mut InParts; 2]| {
                let values = values.axis_chunks_iter(Axis(1), DEPTH);
                let mut parts = sides(rows, columns, Order::Tiles).into_iter().zip(values);
                parts.all(|(mut sides, values)| sides.put_values(values, before, None))
            };
            let [[mut rows_put, mut turned], [mut cut, mut cut_turned]] =
                [0; 2].map(|_| room(precision, rows, columns, before));
            prop_assert!(put(&values, [&mut rows_put, &mut turned]));
            prop_assert!(cut.cut(&workers, values.view(), 1.0, 0));
            prop_assert!(cut_turned.cut(&workers, values.t(), 1.0, before));
            assert_same(&rows_put, &cut)?;
            assert_same(&turned, &cut_turned)?;
            *other.get_mut(values.as_slice_mut().expect("standard layout")) = f32::NAN;
            prop_assert!(!put(&values, [&mut rows_put, &mut turned]));
        }

        #[test]
        fn close_rows_are_the_same_in_other_places(
            rows in 1..150_usize, columns in 1..100_usize, before in 0..2_usize, states: bool, seed: u64,
        ) {
            let mut rng = crate::Stream::new(seed, crate::Purpose::Digits, 0).rng(0);
            let values = Array2::from_shape_simple_fn((rows, columns), || {
                if states { rng.below(2) as f32 } else { rng.uniform() as f32 }
            });
            let states = states.then(|| BitRows::from_threshold(values.view(), 0.5));
            let put = |order| {
                let [mut put, mut turned] = room(Precision::Training, rows, columns, before);
                let parts = sides(&mut put, &mut turned, order).into_iter();
                let values = values.axis_chunks_iter(Axis(1), DEPTH);
                for ((word, mut sides), values) in parts.enumerate().zip(values) {
                    if let Some(states) = &states {
                        let words = (rows, states.words_per_row());
                        let words = ArrayView2::from_shape(words, states.words()).expect("words");
                        sides.put_states(Packed(words), word, before);
                    } else {
                        assert!(sides.put_values(values, before, None), "probabilities");
                    }
                }
                turned
            };
            let [tiles, close] = [Order::Tiles, Order::Close].map(put);
            for (inner, first) in (0..rows).step_by(DEPTH).enumerate() {
                let there = DEPTH.min(rows - first);
                let each = Order::Close.each(there);
                for column in 0..columns {
                    let (strip, inner) = (column / STRIP, before + inner);
                    let digits = [&tiles, &close].map(|parts| parts.strip(strip).1[inner]);
                    prop_assert_eq!(digits[0], digits[1]);
                    for digit in 0..digits[0].into() {
                        let byte = |parts: &InParts, place: usize, byte: usize| {
                            let line = tile(parts, column / ROWS * ROWS, digit, inner)[column % ROWS];
                            line[place].to_le_bytes()[byte]
                        };
                        for row in 0..there {
                            let expected = byte(&tiles, row % WIDTH, row / WIDTH);
                            prop_assert_eq!(byte(&close, row % each, row / each), expected);
                        }
                        // Places that all are beyond are 0.
                        let beyond = (each..WIDTH).flat_map(|place| (0..BYTES).map(move |at| (place, at)));
                        prop_assert!(beyond.clone().all(|(place, at)| byte(&close, place, at) == 0));
                    }
                }
            }
        }
    }
}
