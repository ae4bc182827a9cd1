//! Pixels by AVX-512.

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512, _mm512_cmpgt_epu32_mask,
    _mm512_cmpneq_epi32_mask, _mm512_cvtepi32_ps, _mm512_fmadd_ps, _mm512_or_si512,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_srli_epi32,
    _mm512_storeu_ps, _mm512_sub_epi32,
};

use super::sums::by_whole;
use super::{load, read, store};
use crate::parts::{BYTES, DEPTH, WHOLE, WIDTH};
use crate::pixels::Group;

/// [`crate::parts::pixels::put_row_plainly`].
#[target_feature(enable = "avx512f")]
pub(in crate::parts) fn put_row(row: &[f32], groups: &mut [Group]) -> bool {
    // Added to a number below 2²³ it leaves the nearest whole one in the low bits.
    let round = _mm512_set1_ps(8_388_608.0);
    let mut others = 0;
    for (values, group) in row.chunks(DEPTH).zip(groups) {
        let mut all = _mm512_setzero_si512();
        // From the last byte to the first, of which those before it make room.
        for byte in (0..BYTES).rev() {
            let x = load(values.get(WIDTH * byte..).unwrap_or_default());
            let bits = _mm512_castps_si512(_mm512_fmadd_ps(x, _mm512_set1_ps(WHOLE), round));
            let level = _mm512_sub_epi32(bits, _mm512_castps_si512(round));
            let number = by_whole(_mm512_cvtepi32_ps(level));
            others |= _mm512_cmpgt_epu32_mask(level, _mm512_set1_epi32(255))
                | _mm512_cmpneq_epi32_mask(_mm512_castps_si512(number), _mm512_castps_si512(x));
            all = _mm512_or_si512(_mm512_slli_epi32::<8>(all), level);
        }
        store(group, all);
    }
    others == 0
}

/// [`crate::parts::pixels::add_greys_plainly`].
#[target_feature(enable = "avx512f")]
pub(in crate::parts) fn add_greys(rows: &[Group], sums: &mut [f32; DEPTH]) {
    let (sums, _) = sums.as_chunks_mut::<WIDTH>();
    let mut totals: [__m512; BYTES] = std::array::from_fn(|byte| load(&sums[byte]));
    for row in rows {
        let all = read(row);
        let low = |x| _mm512_and_si512(x, _mm512_set1_epi32(0xff));
        let levels = [
            low(all),
            low(_mm512_srli_epi32::<8>(all)),
            low(_mm512_srli_epi32::<16>(all)),
            _mm512_srli_epi32::<24>(all),
        ];
        for (total, levels) in totals.iter_mut().zip(levels) {
            *total = _mm512_add_ps(*total, by_whole(_mm512_cvtepi32_ps(levels)));
        }
    }
    for (sums, total) in sums.iter_mut().zip(totals) {
        // SAFETY: 64 bytes are written.
        unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), total) };
    }
}
