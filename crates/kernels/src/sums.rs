//! Sums of columns.

use ndarray::{Array1, ArrayView2};
use pulp::Arch;

use crate::vectorized;

/// Columns whose sums stay in registers while the rows go by.
const TOGETHER: usize = 64;

/// Σ over the rows of `values` (rows × columns), by column, added row by row in order.
#[must_use]
pub fn column_sums(values: ArrayView2<f32>) -> Array1<f32> {
    let values = values.as_standard_layout();
    let rows = || values.outer_iter().filter_map(|row| row.to_slice());
    let mut all = vec![0.0; values.ncols()];
    vectorized(
        Arch::new(),
        #[inline(always)]
        || {
            for (first, out) in (0..).step_by(TOGETHER).zip(all.chunks_mut(TOGETHER)) {
                let Some(out) = out.as_mut_array::<TOGETHER>() else {
                    for row in rows() {
                        for (sum, x) in out.iter_mut().zip(&row[first..]) {
                            *sum += x;
                        }
                    }
                    continue;
                };
                let mut sums = [0.0; TOGETHER];
                for row in rows() {
                    for (sum, x) in sums.iter_mut().zip(&row[first..first + TOGETHER]) {
                        *sum += x;
                    }
                }
                *out = sums;
            }
        },
    );
    all.into()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, ShapeBuilder};

    use super::*;

    #[test]
    fn sums_are_those_of_the_columns_in_order() {
        for (rows, columns) in [(0, 3), (1, 1), (7, 63), (5, 64), (100, 200)] {
            let value = |(row, column)| 1.0 / (1.0 + row as f32) - column as f32;
            let values = Array2::from_shape_fn((rows, columns), value);
            let expected = values.fold_axis(Axis(0), 0.0, |sum, x| sum + x);
            assert_eq!(column_sums(values.view()), expected);
            let turned = Array2::from_shape_fn((rows, columns).f(), value);
            assert_eq!(column_sums(turned.view()), expected);
        }
    }
}
