//! Counts of states, by AVX-512.

use std::arch::x86_64::{
    _mm512_add_epi32, _mm512_and_si512, _mm512_loadu_si512, _mm512_mullo_epi32,
    _mm512_popcnt_epi32, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_test_epi64_mask,
};

use super::vectors::every;
use super::{read, store};
use crate::parts::ones::Turned;
use crate::parts::{STRIP, WIDTH};

/// Rows that are looked at at once.
const AT_ONCE: usize = 8;

/// [`crate::parts::ones::turn_states_plainly`].
#[target_feature(enable = "avx512f")]
pub(in crate::parts) fn turn_states(rows: &[u64], out: &mut [Turned]) {
    for (rows, out) in rows.chunks_exact(STRIP).zip(out) {
        let rows = rows.as_chunks::<AT_ONCE>().0;
        for (column, out) in out.iter_mut().enumerate() {
            let bit = _mm512_set1_epi64(1 << column);
            *out = 0;
            for (rows, shift) in rows.iter().zip((0..).step_by(AT_ONCE)) {
                // SAFETY: 64 bytes are read.
                let rows = unsafe { _mm512_loadu_si512(rows.as_ptr().cast()) };
                *out |= u32::from(_mm512_test_epi64_mask(rows, bit)) << shift;
            }
        }
    }
}

/// Vectors of a strip of columns.
const HALVES: usize = STRIP / WIDTH;

/// [`crate::parts::ones::add_counts_plainly`].
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
pub(in crate::parts) fn add_counts(
    times: i32,
    (left, from_left): (&[Turned], usize),
    (right, from_right): (&[Turned], usize),
    sums: &mut [i32],
) {
    let half = from_right / WIDTH;
    // Up to four strips of rows stay in registers.
    let (fours, rest) = left.as_chunks::<4>();
    let (right_fours, right_rest) = right.as_chunks::<4>();
    for (left, right) in fours.iter().zip(right_fours) {
        add_some(times, (left, from_left), (right, half), sums);
    }
    match (rest, right_rest) {
        ([a], [b]) => add_some(times, (&[*a], from_left), (&[*b], half), sums),
        ([a, b], [c, d]) => add_some(times, (&[*a, *b], from_left), (&[*c, *d], half), sums),
        ([a, b, c], [d, e, f]) => {
            add_some(
                times,
                (&[*a, *b, *c], from_left),
                (&[*d, *e, *f], half),
                sums,
            );
        }
        _ => {}
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn add_some<const N: usize>(
    times: i32,
    (left, from_left): (&[Turned; N], usize),
    (right, half): (&[Turned; N], usize),
    sums: &mut [i32],
) {
    let times = _mm512_set1_epi32(times);
    let mut columns = [[_mm512_setzero_si512(); HALVES]; N];
    for (columns, right) in columns.iter_mut().zip(right) {
        let right = right.as_chunks::<WIDTH>().0;
        for (column, right) in columns.iter_mut().zip(&right[half..]) {
            *column = read(right);
        }
    }
    let sums = sums.as_chunks_mut::<WIDTH>().0.as_chunks_mut::<HALVES>().0;
    for (row, sums) in (from_left..).zip(sums) {
        let mut counts = [_mm512_setzero_si512(); HALVES];
        for (left, columns) in left.iter().zip(columns) {
            let word = every(left[row]);
            for (count, column) in counts.iter_mut().zip(columns) {
                let both = _mm512_popcnt_epi32(_mm512_and_si512(word, column));
                *count = _mm512_add_epi32(*count, both);
            }
        }
        for (sum, count) in sums.iter_mut().zip(counts) {
            let sum: &mut [u32; WIDTH] = bytemuck::cast_mut(sum);
            let more = _mm512_mullo_epi32(count, times);
            store(sum, _mm512_add_epi32(read(sum), more));
        }
    }
}
