//! Steps of weights, with an eye on what is largest among them: by that they are cut into digits.

use crate::amx::ROWS;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::bytes;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor;
use crate::parts::{DEPTH, LESS, STRIP, WHOLE, WIDTH};

/// Numbers of a row of weights that lie side by side: a tile's depth, so that rows can be cut as well as columns.
pub(crate) const WIDE: usize = DEPTH;

/// The bits of the numbers that are largest in size, of each row and of each column.
#[derive(Debug)]
pub(crate) struct Largest {
    pub of_rows: Vec<u32>,
    pub of_columns: [[u32; WIDTH]; WIDE / WIDTH],
}

impl Largest {
    /// Of these rows.
    pub fn of(rows: &[[f32; WIDE]]) -> Self {
        let bits = |x: &f32| x.abs().to_bits();
        let row = |row: &[f32; WIDE]| row.iter().map(bits).max().unwrap_or(0);
        let mut of_columns = [[0; WIDTH]; WIDE / WIDTH];
        for row in rows {
            for (most, x) in of_columns.as_flattened_mut().iter_mut().zip(row) {
                *most = bits(x).max(*most);
            }
        }
        Self {
            of_rows: rows.iter().map(row).collect(),
            of_columns,
        }
    }
}

/// `rows ← keep · rows + scale · sums`, of a strip of rows and of columns from 32 `half` on; `sums` of each digit. Makes what
/// is larger largest: of the rows, by places of sixteen columns, and of the columns.
pub(crate) fn grow(
    keep: f32,
    scale: f32,
    sums: &[&[i32]],
    rows: (&mut [[f32; WIDE]], usize),
    largest: [&mut [[u32; WIDTH]]; 2],
) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        unsafe { processor::grow(keep, scale, sums, rows, largest) };
        return;
    }
    grow_plainly(keep, scale, sums, rows, largest);
}

/// The plain twin.
pub(super) fn grow_plainly(
    keep: f32,
    scale: f32,
    sums: &[&[i32]],
    (rows, half): (&mut [[f32; WIDE]], usize),
    [of_rows, of_columns]: [&mut [[u32; WIDTH]]; 2],
) {
    for (place, (row, of_row)) in rows.iter_mut().zip(of_rows).enumerate() {
        let row = row[half * STRIP..].iter_mut();
        let of_columns = of_columns.as_flattened_mut()[half * STRIP..].iter_mut();
        for (column, (out, most)) in row.zip(of_columns).take(STRIP).enumerate() {
            let sum = sums.iter().rev().fold(0.0, |sum, level| {
                sum * LESS + level[place * STRIP + column] as f32
            });
            *out = sum.mul_add(scale / WHOLE, keep * *out);
            let bits = out.abs().to_bits();
            *most = bits.max(*most);
            of_row[column % WIDTH] = bits.max(of_row[column % WIDTH]);
        }
    }
}

/// The largest of each of sixteen rows, which may be changed.
pub(crate) fn across(rows: &mut [[u32; WIDTH]; ROWS]) -> [u32; ROWS] {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        return unsafe { processor::across(rows) };
    }
    across_plainly(rows)
}

/// The plain twin.
pub(super) fn across_plainly(rows: &[[u32; WIDTH]; ROWS]) -> [u32; ROWS] {
    rows.map(|row| row.into_iter().max().unwrap_or(0))
}
