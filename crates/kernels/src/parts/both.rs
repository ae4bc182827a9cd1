//! Products by both digits of sixteen columns at once, of which those of training are made.
//!
//! As with one digit of 32 columns ([`super::pairs`]) one tile is loaded for each that is multiplied. But the columns stay
//! in the nearest cache while all rows pass by, and only these come from the next.

use std::ops::Range;

use ndarray::ArrayView2;

use crate::Precision;
use crate::amx::{ROW, ROWS, Tiles};
use crate::parts::cut::cut_plainly;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor::{self, vectors};
use crate::parts::{BYTES, DEPTH, LESS, Lines, STRIP, Side, TILE, WHOLE, WIDTH, strip_length};
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::{amx, bytes};

/// Digits of a column.
const BOTH: usize = Precision::Training.digits();
/// A tile of sixteen columns, by digit.
pub(crate) type Columns = [u32; COLUMNS];
pub(crate) const COLUMNS: usize = BOTH * TILE;

/// Sums of a strip of rows and sixteen columns, by the digit for which they count.
pub(crate) type Sums = [[[i32; WIDTH]; BOTH]; STRIP];

/// Cuts at most sixteen columns, which are rows of `right`, into both digits, tile by tile of the inner dimension.
pub(crate) fn cut_both(
    right: ArrayView2<f32>,
    columns: Range<usize>,
    units: &[f32; ROWS],
    out: &mut [Columns],
) {
    assert_eq!(out.len(), right.ncols().div_ceil(DEPTH), "all tiles");
    let factors = units.map(f32::recip);
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::available() {
        // SAFETY: the processor has AVX-512BW, as was asked.
        unsafe { processor::cut_both(right, columns, &factors, out) };
        return;
    }
    cut_both_plainly(right, columns, factors, out);
}

/// The plain twin.
pub(super) fn cut_both_plainly(
    right: ArrayView2<f32>,
    columns: Range<usize>,
    factors: [f32; ROWS],
    out: &mut [Columns],
) {
    let lines = Lines {
        matrix: right,
        side: Side::Right(factors),
        precision: Precision::Training,
    };
    for (tile, out) in out.iter_mut().enumerate() {
        let inner = tile * DEPTH..((tile + 1) * DEPTH).min(right.ncols());
        let count = cut_plainly(lines, columns.clone(), inner, |digit| digit * TILE, out);
        count.expect("any number fits the right side");
    }
}

/// The sums of the products of `rows` rows of a strip of the left matrix, whose tiles have as many `digits`, and sixteen
/// columns.
pub(crate) fn multiply_both(
    _set_up: &Tiles,
    rows: usize,
    (left, digits): (&[u32], &[u8]),
    right: &[&Columns],
    sums: &mut Sums,
) {
    let depth = digits.len();
    assert!(
        depth > 0 && left.len() >= strip_length(Precision::Training, depth) && right.len() == depth,
        "tiles are there"
    );
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if amx::available() {
        // SAFETY: the processor has these tiles and the system lets us use them, as was asked; they are set up,
        // as `Tiles` says; both sides are there, as asserted.
        unsafe { processor::multiply_both(rows > ROWS, left, digits, right, sums) };
        return;
    } else if bytes::vectors() {
        // SAFETY: the processor multiplies vectors of bytes, as was asked.
        unsafe { vectors::multiply_both(rows, left, digits, right, sums) };
        return;
    }
    multiply_both_plainly(rows, (left, digits), right, sums);
}

/// The plain twin.
pub(super) fn multiply_both_plainly(
    rows: usize,
    (left, digits): (&[u32], &[u8]),
    right: &[&Columns],
    sums: &mut Sums,
) {
    const BYTES_OF_TILE: usize = TILE * BYTES;
    let left: &[u8] = bytemuck::cast_slice(left);
    for (row, sums) in sums.iter_mut().take(rows).enumerate() {
        let (half, within) = (row / ROWS, row % ROWS);
        let left = |digit: usize, place: usize, at: usize| {
            let place = (digit * digits.len() + place) * 2 + half;
            i32::from(left[place * BYTES_OF_TILE + within * ROW + at])
        };
        for column in 0..WIDTH {
            let right = |digit: usize, place: usize, at: usize| {
                let (fourth, byte) = (at / BYTES, at % BYTES);
                let right: &[i8] = bytemuck::cast_slice(right[place]);
                i32::from(right[digit * BYTES_OF_TILE + fourth * ROW + column * BYTES + byte])
            };
            let product = |first: usize, second: usize| -> i32 {
                let there = (0..digits.len()).filter(|place| usize::from(digits[*place]) > first);
                let of = |place| {
                    (0..DEPTH).map(move |at| left(first, place, at) * right(second, place, at))
                };
                there.flat_map(of).sum()
            };
            sums[0][column] = product(0, 0);
            sums[1][column] = product(0, 1) + product(1, 0);
        }
    }
}

/// `rows ← scales · sums`, in the sixteen columns from `first` on.
pub(crate) fn put_sums(scales: &[f32; WIDTH], sums: &Sums, first: usize, rows: &mut [&mut [f32]]) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        unsafe { processor::put_sums(scales, sums, first, rows) };
        return;
    }
    put_sums_plainly(scales, sums, first, rows);
}

/// The plain twin.
pub(super) fn put_sums_plainly(
    scales: &[f32; WIDTH],
    sums: &Sums,
    first: usize,
    rows: &mut [&mut [f32]],
) {
    for (row, [upper, lower]) in rows.iter_mut().zip(sums) {
        let sums = upper.iter().zip(lower);
        for ((out, scale), (upper, lower)) in
            row[first..first + WIDTH].iter_mut().zip(scales).zip(sums)
        {
            *out = (*lower as f32 * LESS + *upper as f32) / WHOLE * scale;
        }
    }
}
