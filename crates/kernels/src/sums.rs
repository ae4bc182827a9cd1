//! Sums of columns.

use ndarray::{Array1, ArrayView2};
use pulp::Arch;

use crate::philox::LANES;
use crate::vectorized;

/// Columns whose sums stay in registers while the rows go by.
const TOGETHER: usize = 64;

/// Σ over the rows of `values` (rows × columns), by column, added row by row in order.
#[must_use]
pub fn column_sums(values: ArrayView2<f32>) -> Array1<f32> {
    let values = match values.strides() {
        [_, 1] => values.into(),
        _ => values.as_standard_layout(),
    };
    let rows = || values.outer_iter().filter_map(|row| row.to_slice());
    let mut all = vec![0.0; values.ncols()];
    vectorized(
        Arch::new(),
        #[inline(always)]
        || {
            for (first, out) in (0..).step_by(TOGETHER).zip(all.chunks_mut(TOGETHER)) {
                // Each column's sum is the same wherever it is made.
                if let Some(out) = out.as_mut_array::<TOGETHER>() {
                    *out = sums(rows(), first);
                } else if let Some(most) = out.len().checked_sub(LANES) {
                    // The last lie over some that are there already.
                    for place in (0..most).step_by(LANES).chain([most]) {
                        out[place..place + LANES]
                            .copy_from_slice(&sums::<LANES>(rows(), first + place));
                    }
                } else {
                    let whole = values.as_slice().filter(|_| first == 0);
                    sums_of_few(rows().map(|row| &row[first..]), whole, out);
                }
            }
        },
    );
    all.into()
}

/// Of `N` columns from the `first` on.
#[inline(always)]
fn sums<'a, const N: usize>(rows: impl Iterator<Item = &'a [f32]>, first: usize) -> [f32; N] {
    let mut sums = [0.0; N];
    for row in rows {
        for (sum, x) in sums.iter_mut().zip(&row[first..first + N]) {
            *sum += x;
        }
    }
    sums
}

/// Of fewer columns than a vector has lanes. Where these are `whole` rows, end to end, vectors reach into the next ones,
/// whose numbers are added up in lanes that nobody asks for.
#[inline(always)]
fn sums_of_few<'a>(rows: impl Iterator<Item = &'a [f32]>, whole: Option<&[f32]>, out: &mut [f32]) {
    let columns = out.len();
    let mut sums = [0.0; LANES];
    let mut done = 0;
    if let Some(whole) = whole {
        for values in whole.windows(LANES).step_by(columns) {
            for (sum, x) in sums.iter_mut().zip(values) {
                *sum += x;
            }
            done += 1;
        }
    }
    for row in rows.skip(done) {
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += x;
        }
    }
    out.copy_from_slice(&sums[..columns]);
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, ShapeBuilder};

    use super::*;

    #[test]
    fn sums_are_those_of_the_columns_in_order() {
        for (rows, columns) in [
            (0, 3),
            (1, 1),
            (4, 15),
            (4, 16),
            (40, 1),
            (40, 5),
            (41, 15),
            (4, 37),
            (7, 63),
            (30, 70),
            (5, 64),
            (100, 200),
        ] {
            let value = |(row, column)| 1.0 / (1.0 + row as f32) - column as f32;
            let values = Array2::from_shape_fn((rows, columns), value);
            let expected = values.fold_axis(Axis(0), 0.0, |sum, x| sum + x);
            assert_eq!(column_sums(values.view()), expected);
            let turned = Array2::from_shape_fn((rows, columns).f(), value);
            assert_eq!(column_sums(turned.view()), expected);
        }
    }
}
