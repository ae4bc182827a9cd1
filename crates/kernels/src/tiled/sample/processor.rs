//! Samples by AVX-512, without a division: mostly 1/p shows on which side of p the random number lies.

use std::arch::x86_64::{
    __m512, __m512i, _CMP_GE_OQ, _CMP_LE_OQ, _mm512_add_epi64, _mm512_add_ps, _mm512_and_si512,
    _mm512_cmp_ps_mask, _mm512_cvtepi32_ps, _mm512_fmadd_ps, _mm512_mask_blend_epi32,
    _mm512_maskz_loadu_ps, _mm512_mul_epu32, _mm512_mul_ps, _mm512_roundscale_ps, _mm512_scalef_ps,
    _mm512_set_epi64, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_set1_ps, _mm512_shuffle_epi32,
    _mm512_slli_epi64, _mm512_srli_epi32, _mm512_sub_ps, _mm512_ternarylogic_epi32,
};

use super::Place;
use crate::philox::{GROUP, LANES, MULTIPLIERS, PAIRED, ROUNDS, Stream, WEYL};
use crate::sampling::sigmoid;

/// [`super::sample_plainly`].
#[target_feature(enable = "avx512f")]
pub(super) fn sample_row(
    stream: Stream,
    (draw, row, first): Place,
    fields: &[f32],
    bias: &[f32],
    bits: &mut [u64],
) {
    let end = first + fields.len();
    assert!(
        bias.len() == fields.len() && bits.len() * 64 >= fields.len(),
        "one bias and one bit per unit"
    );
    bits.fill(0);
    for pair in first / PAIRED..end.div_ceil(PAIRED) {
        let words = words(stream, draw, row, pair as u32);
        for which in 0..2 {
            let group = pair * PAIRED + which * GROUP;
            let there = before(group, end) & !before(group, first);
            let (mut on, mut off) = (0, 0);
            for (place, numbers) in (0..GROUP).step_by(LANES).zip(words) {
                let near = |numbers: &[f32]| {
                    let numbers = numbers.as_ptr().wrapping_add(group + place);
                    let there = (there >> place) as u16;
                    // SAFETY: numbers that are not there are not read.
                    unsafe { _mm512_maskz_loadu_ps(there, numbers.wrapping_sub(first)) }
                };
                let numbers = if which == 0 {
                    _mm512_and_si512(numbers, _mm512_set1_epi32(0xffff))
                } else {
                    _mm512_srli_epi32::<16>(numbers)
                };
                let sides = decide(_mm512_add_ps(near(fields), near(bias)), numbers);
                on |= u64::from(sides.0) << place;
                off |= u64::from(sides.1) << place;
            }
            let mut open = there & !(on | off);
            while open != 0 {
                let column = group + open.trailing_zeros() as usize;
                let probability = sigmoid(fields[column - first] + bias[column - first]);
                let one = stream.is_one_at(draw, row, column as u32, probability);
                on |= u64::from(one) << (column - group);
                open &= open - 1;
            }
            put(on & there, group, first, bits);
        }
    }
}

/// Which of 64 columns from `group` on come before `end`.
#[inline]
fn before(group: usize, end: usize) -> u64 {
    let count = end.saturating_sub(group).min(64) as u32;
    u64::MAX.unbounded_shr(64 - count)
}

/// Puts the bits of columns from `group` on to their places, of which the first is that of column `first`.
#[inline]
fn put(word: u64, group: usize, first: usize, bits: &mut [u64]) {
    if group < first {
        if let Some(bits) = bits.first_mut() {
            *bits |= word.unbounded_shr((first - group) as u32);
        }
        return;
    }
    let (place, shift) = ((group - first) / 64, (group - first) % 64);
    // Beyond the end there is nothing to put.
    for (bits, word) in bits
        .iter_mut()
        .skip(place)
        .zip([word << shift, word >> 1 >> (63 - shift)])
    {
        *bits |= word;
    }
}

/// Of sixteen units with fields x and random numbers n of 16 bits: which are surely on, and which surely off. A unit is on if
/// n + 1 ≤ 2¹⁶ p, off if n ≥ 2¹⁶ p, and between them other numbers decide; with 1/p, and with room for what that is out by,
/// no division is needed.
#[inline]
#[target_feature(enable = "avx512f")]
fn decide(x: __m512, n: __m512i) -> (u16, u16) {
    let (n, inverse) = (_mm512_cvtepi32_ps(n), inverse(x));
    let (low, high) = (
        _mm512_mul_ps(n, inverse),
        _mm512_fmadd_ps(n, inverse, inverse),
    );
    let on = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(high, _mm512_set1_ps(65_535.0));
    let off = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(low, _mm512_set1_ps(65_537.0));
    (on, off)
}

/// 1/σ(x) = 1 + e⁻ˣ, out by less than 2⁻¹⁷ of it, up to where it is 2¹⁶.
#[inline]
#[target_feature(enable = "avx512f")]
fn inverse(x: __m512) -> __m512 {
    /// 2ᶠ, |f| ≤ ½: Taylor's series from (f ln 2)⁵/5! down. What is left out is less than 2⁻¹⁸ of it.
    const TERMS: [f32; 6] = [
        LN2 * LN2 * LN2 * LN2 * LN2 / 120.0,
        LN2 * LN2 * LN2 * LN2 / 24.0,
        LN2 * LN2 * LN2 / 6.0,
        LN2 * LN2 / 2.0,
        LN2,
        1.0,
    ];
    const LN2: f32 = std::f32::consts::LN_2;
    const NEAREST: i32 = 0;
    let power = _mm512_mul_ps(x, _mm512_set1_ps(-std::f32::consts::LOG2_E));
    let whole = _mm512_roundscale_ps::<NEAREST>(power);
    let part = _mm512_sub_ps(power, whole);
    let [first, rest @ ..] = TERMS.map(|term| _mm512_set1_ps(term));
    let series = rest
        .into_iter()
        .fold(first, |series, term| _mm512_fmadd_ps(series, part, term));
    _mm512_add_ps(_mm512_scalef_ps(series, whole), _mm512_set1_ps(1.0))
}

/// The random words of [`Stream::group`], sixteen at a time. Every other number is kept in a vector of its own, in the lower
/// halves of eight places; what is in the upper halves means nothing.
#[inline]
#[target_feature(enable = "avx512f")]
fn words(stream: Stream, draw: u64, row: u32, group: u32) -> [__m512i; GROUP / LANES] {
    let all = |number: u32| _mm512_set1_epi32(number.cast_signed());
    let [low, high] = crate::philox::words(draw);
    let even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    let first = _mm512_add_epi64(even, _mm512_set1_epi64((group * LANES as u32).into()));
    let second = _mm512_add_epi64(first, _mm512_set1_epi64(1));
    let [even, odd] = [first, second].map(|counter| {
        let (mut x0, mut x1, mut x2, mut x3) = (counter, all(row), all(low), all(high));
        let [mut k0, mut k1] = stream.key();
        for _ in 0..ROUNDS {
            let p0 = _mm512_mul_epu32(x0, all(MULTIPLIERS[0]));
            let p1 = _mm512_mul_epu32(x2, all(MULTIPLIERS[1]));
            x0 = _mm512_ternarylogic_epi32::<0x96>(upper(p1), x1, all(k0));
            x2 = _mm512_ternarylogic_epi32::<0x96>(upper(p0), x3, all(k1));
            (x1, x3) = (p1, p0);
            k0 = k0.wrapping_add(WEYL[0]);
            k1 = k1.wrapping_add(WEYL[1]);
        }
        [x0, x1, x2, x3]
    });
    std::array::from_fn(|word| {
        let odd = _mm512_slli_epi64::<32>(odd[word]);
        _mm512_mask_blend_epi32(0xaaaa, even[word], odd)
    })
}

/// The upper halves of eight places as lower ones.
#[inline]
#[target_feature(enable = "avx512f")]
fn upper(x: __m512i) -> __m512i {
    _mm512_shuffle_epi32::<0b11_11_01_01>(x)
}
