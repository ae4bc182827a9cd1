//! Right matrices as tables, for products by what is listed of the left ones.

use std::ops::Range;

use ndarray::ArrayView2;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::bytes;
use crate::parts::few::{BIAS, FOURS, Fours, NONE, WHOLES};
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor::few as processor;
use crate::parts::{BYTES, DEPTH, LESS, ROWS, WIDTH};

/// Makes numbers of at most 32 columns, which are rows of `right`, whole: place by place of the inner dimension, where a place
/// is used; what lies at others then means nothing. What counts nothing is to follow ([`put_none`]).
pub(crate) fn make_whole(
    right: ArrayView2<f32>,
    columns: Range<usize>,
    units: [&[f32; ROWS]; 2],
    used: &[u64],
    out: &mut [u32],
) {
    let factors = units.map(|units| units.map(|unit| LESS / unit));
    let out = &mut out[..used.len() * WHOLES];
    assert_eq!(used.len(), right.ncols().div_ceil(DEPTH), "all tiles");
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::vectors() {
        // SAFETY: the processor has these instructions, as was asked.
        unsafe { processor::make_whole(right, columns, &factors, used, out) };
        return;
    }
    make_whole_plainly(right, columns, &factors, used, out);
}

/// The plain twin.
pub(super) fn make_whole_plainly(
    right: ArrayView2<f32>,
    columns: Range<usize>,
    factors: &[[f32; ROWS]; 2],
    used: &[u64],
    out: &mut [u32],
) {
    let places = out.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate();
    for (place, out) in places.filter(|(place, _)| is_used(used, place / DEPTH, place % DEPTH)) {
        for (column, out) in out.iter_mut().enumerate() {
            let [low, high] = [0, 1].map(|half| {
                let at = (columns.start + half * WIDTH + column, place);
                whole(right, at, columns.end, factors[half][column])
            });
            *out = u32::from((low + BIAS) as u16) | (high as u32) << 16;
        }
    }
}

pub(super) fn is_used(used: &[u64], tile: usize, place: usize) -> bool {
    used[tile] >> place & 1 == 1
}

/// Puts the last of a table of whole numbers: what counts nothing.
pub(crate) fn put_none(out: &mut [u32]) {
    out[..NONE].fill(BIAS.cast_unsigned());
}

/// Cuts at most 32 columns, which are rows of `right`, into both digits, by fours of neighbours of the inner dimension:
/// sixteen columns after the others; where a four is used, others then mean nothing. Elements of columns do not lie side by
/// side.
pub(crate) fn cut_fours(
    right: ArrayView2<f32>,
    columns: Range<usize>,
    units: [&[f32; ROWS]; 2],
    used: &[u64],
    out: &mut [u32],
) {
    assert_eq!(used.len(), right.ncols().div_ceil(DEPTH), "all tiles");
    let middle = columns.end.min(columns.start + ROWS);
    let tables = out.chunks_mut(used.len() * FOURS);
    let halves = [columns.start..middle, middle..columns.end];
    for ((columns, units), out) in halves.into_iter().zip(units).zip(tables) {
        cut_sixteen_by_fours(right, columns, units, used, out);
    }
}

fn cut_sixteen_by_fours(
    right: ArrayView2<f32>,
    columns: Range<usize>,
    units: &[f32; ROWS],
    used: &[u64],
    out: &mut [u32],
) {
    let factors = units.map(|unit| LESS / unit);
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::vectors() {
        // SAFETY: the processor has these instructions, as was asked.
        unsafe { processor::cut_fours(right, columns, &factors, used, out) };
        return;
    }
    cut_fours_plainly(right, columns, &factors, used, out);
}

/// The plain twin.
pub(super) fn cut_fours_plainly(
    right: ArrayView2<f32>,
    columns: Range<usize>,
    factors: &[f32; ROWS],
    used: &[u64],
    out: &mut [u32],
) {
    const EACH: usize = DEPTH / BYTES;
    let fours = bytemuck::cast_slice_mut::<u32, Fours>(out)
        .iter_mut()
        .enumerate();
    let fours = fours.filter(|(four, _)| is_used(used, four / EACH, four % EACH));
    for (four, [first, second]) in fours {
        for (column, factor) in factors.iter().enumerate() {
            let digits: [_; BYTES] = std::array::from_fn(|byte| {
                let at = (columns.start + column, four * BYTES + byte);
                // Carries what does not fit into a signed digit.
                let whole = whole(right, at, columns.end, *factor) + 0x80;
                [(whole >> 8) as u8, (whole as u8) ^ 0x80]
            });
            first[column] = u32::from_le_bytes(digits.map(|[digit, _]| digit));
            second[column] = u32::from_le_bytes(digits.map(|[_, digit]| digit));
        }
    }
}

/// The number at a column and place times a factor, 0 where there is none.
fn whole(right: ArrayView2<f32>, at: (usize, usize), end: usize, factor: f32) -> i32 {
    let there = at.0 < end && at.1 < right.ncols();
    let value = if there { right[at] } else { 0.0 };
    (value * factor).round_ties_even() as i32
}
