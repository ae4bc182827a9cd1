//! Steps of weights, with an eye on what is largest among them: by that they are cut into digits.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::amx;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor;
use crate::parts::{DEPTH, LESS, STRIP, SUMS, WHOLE, WIDTH};

/// Numbers of a row of weights that lie side by side: a tile's depth, so that rows can be cut as well as columns.
pub(crate) const WIDE: usize = DEPTH;

/// `rows ← keep · rows + scale · sums`, of a strip of rows and of columns from 32 `half` on; `sums` by digit. Makes the
/// bits of what is larger in size `largest`, by places of sixteen columns.
pub(crate) fn grow(
    keep: f32,
    scale: f32,
    levels: usize,
    sums: &[i32],
    rows: (&mut [[f32; WIDE]], usize),
    largest: &mut [u32; WIDTH],
) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if amx::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        unsafe { processor::grow(keep, scale, levels, sums, rows, largest) };
        return;
    }
    grow_plainly(keep, scale, levels, sums, rows, largest);
}

/// The plain twin.
pub(super) fn grow_plainly(
    keep: f32,
    scale: f32,
    levels: usize,
    sums: &[i32],
    (rows, half): (&mut [[f32; WIDE]], usize),
    largest: &mut [u32; WIDTH],
) {
    for (place, row) in rows.iter_mut().enumerate() {
        let row = row[half * STRIP..].iter_mut();
        for (column, out) in row.take(STRIP).enumerate() {
            let sum = (0..levels).rev().fold(0.0, |sum, level| {
                sum * LESS + sums[level * SUMS + place * STRIP + column] as f32
            });
            *out = sum.mul_add(scale / WHOLE, keep * *out);
            let most = &mut largest[column % WIDTH];
            *most = out.abs().to_bits().max(*most);
        }
    }
}
