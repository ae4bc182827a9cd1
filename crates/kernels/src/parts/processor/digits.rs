//! Digits of numbers, byte by byte.

use std::arch::x86_64::{__m512i, _mm512_slli_epi32, _mm512_srli_epi32};

use super::{EVEN, select};
use crate::parts::BYTES;

/// Of the first two of four numbers, and of the others: their last digits in the low half, their first ones in the high
/// half.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn outer([a, b, c, d]: [__m512i; BYTES]) -> [__m512i; 2] {
    [
        select(EVEN, a, _mm512_slli_epi32::<8>(b)),
        select(EVEN, c, _mm512_slli_epi32::<8>(d)),
    ]
}

/// The first digits of four numbers, in their order.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn first_digits([low, high]: [__m512i; 2]) -> __m512i {
    select(0xffff, _mm512_srli_epi32::<16>(low), high)
}

/// The last digits.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn last_digits([low, high]: [__m512i; 2]) -> __m512i {
    select(0xffff, low, _mm512_slli_epi32::<16>(high))
}

/// The middle digits.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn middle_digits([a, b, c, d]: [__m512i; BYTES]) -> __m512i {
    let low = select(EVEN, _mm512_srli_epi32::<8>(a), b);
    let high = select(EVEN, _mm512_srli_epi32::<8>(c), d);
    last_digits([low, high])
}

/// The lower halves of four numbers: of the first and the third, and of the others.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn by_halves([a, b, c, d]: [__m512i; BYTES]) -> [__m512i; 2] {
    [
        select(0xffff, a, _mm512_slli_epi32::<16>(c)),
        select(0xffff, b, _mm512_slli_epi32::<16>(d)),
    ]
}

/// The upper bytes of four [halves](by_halves), in the order of the numbers.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn upper_bytes(ac: __m512i, bd: __m512i) -> __m512i {
    select(EVEN, _mm512_srli_epi32::<8>(ac), bd)
}

/// The lower bytes.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn lower_bytes(ac: __m512i, bd: __m512i) -> __m512i {
    select(EVEN, ac, _mm512_slli_epi32::<8>(bd))
}
