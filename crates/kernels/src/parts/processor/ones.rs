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

/// [`crate::parts::ones::add_counts_plainly`].
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
pub(in crate::parts) fn add_counts(
    times: i32,
    (left, from_left): (&[Turned], usize),
    (right, from_right): (&[Turned], usize),
    sums: &mut [i32],
) {
    const HALVES: usize = STRIP / WIDTH;
    let (times, half) = (_mm512_set1_epi32(times), from_right / WIDTH);
    let sums = sums.as_chunks_mut::<WIDTH>().0.as_chunks_mut::<HALVES>().0;
    for (row, sums) in (from_left..).zip(sums) {
        let mut counts = [_mm512_setzero_si512(); HALVES];
        for (left, right) in left.iter().zip(right) {
            let word = every(left[row]);
            let right = right.as_chunks::<WIDTH>().0;
            for (count, right) in counts.iter_mut().zip(&right[half..]) {
                let both = _mm512_and_si512(word, read(right));
                *count = _mm512_add_epi32(*count, _mm512_popcnt_epi32(both));
            }
        }
        for (sum, count) in sums.iter_mut().zip(counts) {
            let sum: &mut [u32; WIDTH] = bytemuck::cast_mut(sum);
            let more = _mm512_mullo_epi32(count, times);
            store(sum, _mm512_add_epi32(read(sum), more));
        }
    }
}
