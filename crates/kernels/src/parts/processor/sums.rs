//! From sums of products of bytes to numbers, and what is largest among these.

use std::arch::x86_64::{
    __m512, __m512i, _mm512_abs_ps, _mm512_castps_si512, _mm512_cvtepi32_ps, _mm512_fmadd_ps,
    _mm512_fnmadd_ps, _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_max_epu32, _mm512_mul_ps,
    _mm512_reduce_max_epu32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_storeu_ps,
};

use ndarray::{ArrayView2, Axis};

use super::{load, read, some, store, transpose};
use crate::parts::{DIGITS, LESS, ROWS, STRIP, Sums, WHOLE, WIDE, WIDTH};

/// Sixteen sums of all digits, as multiples of what 1 of the right side times 1/[`WHOLE`] counts.
#[inline]
#[target_feature(enable = "avx512f")]
fn total<'a>(levels: usize, sums: impl Fn(usize) -> &'a [i32; WIDTH]) -> __m512 {
    // SAFETY: 64 bytes are read.
    let sum = |level| unsafe { _mm512_loadu_si512(sums(level).as_ptr().cast()) };
    let sum = |level| _mm512_cvtepi32_ps(sum(level));
    let less = _mm512_set1_ps(LESS);
    match levels {
        0 => _mm512_setzero_ps(),
        1 => sum(0),
        2 => _mm512_fmadd_ps(sum(1), less, sum(0)),
        _ => _mm512_fmadd_ps(_mm512_fmadd_ps(sum(2), less, sum(1)), less, sum(0)),
    }
}

/// Sixteen numbers divided by [`WHOLE`], rounded as a division is, which takes several times as long: what the inverse
/// gives is corrected by what it leaves over.
///
/// Source: P. W. Markstein, "Computation of elementary functions on the IBM RISC System/6000 processor", IBM Journal
/// of Research and Development 34 (1990), theorem 8.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::parts) fn by_whole(x: __m512) -> __m512 {
    let (whole, inverse) = (_mm512_set1_ps(WHOLE), _mm512_set1_ps(1.0 / WHOLE));
    let about = _mm512_mul_ps(x, inverse);
    let left = _mm512_fnmadd_ps(about, whole, x);
    _mm512_fmadd_ps(left, inverse, about)
}

/// [`crate::parts::add_plainly`].
#[target_feature(enable = "avx512f")]
pub(in crate::parts) fn add(
    keep: f32,
    scales: &[f32; STRIP],
    levels: usize,
    sums: &[i32],
    first: usize,
    rows: &mut [&mut [f32]],
) {
    let keeps = _mm512_set1_ps(keep);
    let (scales, _) = scales.as_chunks::<WIDTH>();
    let (sums, _) = sums.as_chunks::<WIDTH>();
    let halves = STRIP / WIDTH;
    for (place, row) in rows.iter_mut().enumerate() {
        for ((half, out), scales) in row[first..].chunks_mut(WIDTH).enumerate().zip(scales) {
            let places = |level: usize| &sums[(level * STRIP + place) * halves + half];
            let (total, scales) = (total(levels, places), load(scales));
            let sum = if keep == 0.0 {
                _mm512_mul_ps(by_whole(total), scales)
            } else {
                let scales = by_whole(scales);
                _mm512_fmadd_ps(total, scales, _mm512_mul_ps(keeps, load(out)))
            };
            // SAFETY: numbers that are not there are not written.
            unsafe { _mm512_mask_storeu_ps(out.as_mut_ptr(), some(out.len()), sum) };
        }
    }
}

/// [`crate::parts::both::put_sums_plainly`].
#[target_feature(enable = "avx512f")]
pub(in crate::parts) fn put_sums(
    scales: &[f32; WIDTH],
    sums: &Sums,
    first: usize,
    rows: &mut [&mut [f32]],
) {
    let scales = load(scales);
    for (row, sums) in rows.iter_mut().zip(sums) {
        let sums = sums.each_ref().map(|sums| read(bytemuck::cast_ref(sums)));
        put_field(sums, scales, &mut row[first..first + WIDTH]);
    }
}

/// The same of sixteen columns of one row.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn put_field(sums: [__m512i; 2], scales: __m512, out: &mut [f32]) {
    let [upper, lower] = sums.map(|sums| _mm512_cvtepi32_ps(sums));
    let total = _mm512_fmadd_ps(lower, _mm512_set1_ps(LESS), upper);
    let out = &mut out[..WIDTH];
    // SAFETY: 64 bytes are written.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), _mm512_mul_ps(by_whole(total), scales)) };
}

/// [`crate::parts::grow::grow_plainly`].
#[target_feature(enable = "avx512f")]
pub(in crate::parts) fn grow(
    keep: f32,
    scale: f32,
    sums: &[&[i32]],
    (rows, half): (&mut [[f32; WIDE]], usize),
    largest: [&mut [[u32; WIDTH]]; 2],
) {
    let (keeps, scales) = (_mm512_set1_ps(keep), _mm512_set1_ps(scale / WHOLE));
    let mut levels: [&[[i32; WIDTH]]; DIGITS] = [&[]; DIGITS];
    for (level, sums) in levels.iter_mut().zip(sums) {
        *level = sums.as_chunks().0;
    }
    let halves = STRIP / WIDTH;
    let [of_rows, of_columns] = largest;
    let columns = &mut of_columns[halves * half..halves * (half + 1)];
    let mut most_of_columns = [0, 1].map(|part: usize| read(&columns[part]));
    for (place, (row, of_row)) in rows.iter_mut().zip(of_rows).enumerate() {
        let row = &mut row.as_chunks_mut::<WIDTH>().0[halves * half..halves * (half + 1)];
        let mut most = read(of_row);
        for (part, (out, column)) in row.iter_mut().zip(&mut most_of_columns).enumerate() {
            let places = |level: usize| &levels[level][place * halves + part];
            let kept = _mm512_mul_ps(keeps, load(out));
            let sum = _mm512_fmadd_ps(total(sums.len(), places), scales, kept);
            // SAFETY: 64 bytes are written.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), sum) };
            let bits = _mm512_castps_si512(_mm512_abs_ps(sum));
            *column = _mm512_max_epu32(*column, bits);
            most = _mm512_max_epu32(most, bits);
        }
        store(of_row, most);
    }
    for (column, most) in columns.iter_mut().zip(most_of_columns) {
        store(column, most);
    }
}

/// [`crate::parts::grow::across_plainly`].
#[target_feature(enable = "avx512f")]
pub(in crate::parts) fn across(rows: &mut [[u32; WIDTH]; ROWS]) -> [u32; ROWS] {
    transpose(rows);
    let most = rows.iter().fold(_mm512_setzero_si512(), |most, row| {
        _mm512_max_epu32(most, read(row))
    });
    let mut all = [0; ROWS];
    store(&mut all, most);
    all
}

/// [`crate::parts::cut::largest_plainly`].
#[target_feature(enable = "avx512f")]
pub(in crate::parts) fn largest(right: ArrayView2<f32>, largest: &mut [[u32; WIDTH]]) {
    let bits = |numbers| _mm512_castps_si512(_mm512_abs_ps(numbers));
    if right.strides()[0] == 1 {
        let columns = right.axis_iter(Axis(1));
        for (largest, column) in largest.as_flattened_mut().iter_mut().zip(columns) {
            let column = column.to_slice().expect("elements that lie side by side");
            // Two, for one would wait for itself.
            let mut most = [_mm512_setzero_si512(); 2];
            for pair in column.chunks(2 * WIDTH) {
                let (first, second) = pair.split_at(pair.len().min(WIDTH));
                most[0] = _mm512_max_epu32(most[0], bits(load(first)));
                most[1] = _mm512_max_epu32(most[1], bits(load(second)));
            }
            *largest = _mm512_reduce_max_epu32(_mm512_max_epu32(most[0], most[1]));
        }
    } else {
        for row in right.outer_iter() {
            let row = row.to_slice().expect("elements that lie side by side");
            for (largest, row) in largest.iter_mut().zip(row.chunks(WIDTH)) {
                // SAFETY: 64 bytes are read.
                let most = unsafe { _mm512_loadu_si512(largest.as_ptr().cast()) };
                store(largest, _mm512_max_epu32(most, bits(load(row))));
            }
        }
    }
}
