//! Rows from anywhere in memory.

use ndarray::{ArrayView2, ArrayViewMut2};

/// How many rows are on their way while one is copied.
pub(crate) const AHEAD: usize = 4;
/// Bytes of a line of the cache.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;
/// How much of a row is asked for, in such lines: what follows the processor foresees.
#[cfg(target_arch = "x86_64")]
const LINES: usize = 64;

/// Copies the rows `chosen` of `values`, in that order, into the rows of `out`: as many as there are of both. The next
/// ones are asked for beforehand, for memory takes longer to find a row than to read it.
///
/// # Panics
/// If there is no such row, or rows differ in length.
pub fn gather(
    values: ArrayView2<f32>,
    chosen: impl Iterator<Item = usize> + Clone,
    mut out: ArrayViewMut2<f32>,
) {
    let ask = |row| come_near(values.row(row).to_slice().unwrap_or_default());
    let mut ahead = chosen.clone().take(out.nrows());
    for row in ahead.by_ref().take(AHEAD) {
        ask(row);
    }
    for (row, mut out) in chosen.zip(out.outer_iter_mut()) {
        if let Some(row) = ahead.next() {
            ask(row);
        }
        let row = values.row(row);
        match (row.as_slice(), out.as_slice_mut()) {
            (Some(row), Some(out)) => out.copy_from_slice(row),
            _ => out.assign(&row),
        }
    }
}

/// Asks for a row.
pub(crate) fn come_near<T>(row: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in row.chunks(LINE / size_of::<T>()).take(LINES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: this is a hint, by which nothing is read that could not be.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

/// Asks for what will be written: other threads then have to ask for it themselves.
pub(crate) fn be_mine<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(LINE / size_of::<T>()) {
        // SAFETY: this is a hint, by which nothing is read or written that could not be; processors that do not know it
        // do nothing.
        unsafe {
            std::arch::asm!("prefetchw [{}]", in(reg) line.as_ptr(), options(nostack, preserves_flags));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, s};

    use super::*;

    #[test]
    fn rows_are_the_chosen_ones_in_their_order() {
        let values = Array2::from_shape_fn((9, 37), |(row, column)| (row * 100 + column) as f32);
        let order = [3, 8, 8, 0, 5, 1, 7];
        let turned = values.t().as_standard_layout().into_owned();
        for values in [values.view(), turned.t()] {
            for count in [0, 1, 3, 7] {
                let mut out = Array2::zeros((count, 40));
                gather(values, order.into_iter(), out.slice_mut(s![.., 2..39]));
                let expected = values.select(Axis(0), &order[..count]);
                assert_eq!(out.slice(s![.., 2..39]), expected);
            }
        }
    }
}
