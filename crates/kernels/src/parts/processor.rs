//! Cutting by AVX-512, and multiplying by the processor's matrix tiles or by vectors of bytes.

pub(super) mod added;
mod digits;
pub(super) mod few;
mod multiply;
pub(super) mod ones;
mod pixels;
mod sums;
mod turn;
pub(super) mod vectors;

use std::arch::x86_64::{
    __m512, __m512i, _mm512_add_epi32, _mm512_castps_si512, _mm512_cmpgt_epu16_mask,
    _mm512_cmpgt_epu32_mask, _mm512_cvtps_epi32, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_maskz_loadu_ps, _mm512_maskz_mov_epi32, _mm512_max_epu16,
    _mm512_max_epu32, _mm512_mul_ps, _mm512_or_si512, _mm512_set1_epi8, _mm512_set1_epi16,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512, _mm512_slli_epi32,
    _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_test_epi32_mask, _mm512_xor_si512,
};
use std::ops::Range;

use ndarray::ArrayView2;

use super::cut::{self, Lines, Side};
use super::states::Masks;
use super::{BYTES, Columns, DEPTH, DIGITS, LESS, ROWS, TILE, WIDTH};
use crate::Precision;
use digits::{
    by_halves, first_digits, last_digits, lower_bytes, middle_digits, outer, upper_bytes,
};
pub(super) use multiply::{multiply, multiply_both};
pub(super) use pixels::{add_greys, put_row};
#[cfg(test)]
pub(super) use sums::by_whole;
pub(super) use sums::{across, add, grow, largest, put_sums};
use turn::transpose;
pub(super) use turn::turn;

/// [`super::cut::cut_plainly`].
///
/// # Safety
/// Where AVX-512BW is available.
pub(super) unsafe fn cut_tile(
    from: Lines,
    lines: Range<usize>,
    inner: Range<usize>,
    places: impl Fn(usize) -> usize,
    out: &mut [u32],
) -> Option<u8> {
    let (along, rows) = Rows::of(from.matrix, lines, inner);
    let precision = from.precision;
    // SAFETY: the processor has AVX-512BW, and lengths are as asserted.
    unsafe {
        match (from.side, along) {
            (Side::Left(sign), along) => match (precision, along) {
                (Precision::Single, true) => left::<true>(&rows, sign, places, out),
                (Precision::Single, false) => left::<false>(&rows, sign, places, out),
                (Precision::Training, true) => left_by_two::<true>(&rows, sign, places, out),
                (Precision::Training, false) => left_by_two::<false>(&rows, sign, places, out),
            },
            (Side::Right(factors), along) => Some(match (precision, along) {
                (Precision::Single, true) => right::<true>(&rows, &factors, places, out),
                (Precision::Single, false) => right::<false>(&rows, &factors, places, out),
                (Precision::Training, along) => {
                    let cut = if along {
                        right_by_two::<true>
                    } else {
                        right_by_two::<false>
                    };
                    cut(&rows, &less(&factors), places, out)
                }
            }),
        }
    }
}

/// [`super::both::cut_both_plainly`].
///
/// # Safety
/// Where AVX-512BW is available.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn cut_both(
    right: ArrayView2<f32>,
    columns: Range<usize>,
    factors: &[f32; ROWS],
    out: &mut [Columns],
) {
    let factors = less(factors);
    for (tile, out) in out.iter_mut().enumerate() {
        let inner = tile * DEPTH..((tile + 1) * DEPTH).min(right.ncols());
        let (along, rows) = Rows::of(right, columns.clone(), inner);
        let places = |digit| digit * TILE;
        // SAFETY: the caller's.
        unsafe {
            if along {
                right_by_two::<true>(&rows, &factors, places, out);
            } else {
                right_by_two::<false>(&rows, &factors, places, out);
            }
        }
    }
}

/// By what numbers are multiplied that are to have two digits.
fn less(factors: &[f32; ROWS]) -> [f32; ROWS] {
    factors.map(|factor| factor * LESS)
}

/// Numbers of 16 bits, to which this is added, end up in the low halves of single precision, a carry to the first of two
/// digits added: rounding, converting and carrying are one instruction.
const ROUND: f32 = 1.5 * cut::UP + 128.0;

/// The even bytes of a place.
const EVEN: u32 = 0x00ff_00ff;

/// Rows of elements that lie side by side.
struct Rows {
    start: *const f32,
    /// From one row to the next.
    stride: usize,
    count: usize,
    width: usize,
}

impl Rows {
    /// Those of a tile, and whether its lines lie along them: lines of 64 places, or places of 16 lines. The stride of one
    /// column means nothing.
    fn of(from: ArrayView2<f32>, lines: Range<usize>, inner: Range<usize>) -> (bool, Self) {
        if from.strides()[1] == 1 || from.ncols() == 1 {
            (true, Self::new(from, lines, inner, (ROWS, DEPTH)))
        } else {
            (false, Self::across(from, lines, inner))
        }
    }

    /// Those of a tile whose lines lie across them.
    fn across(from: ArrayView2<f32>, lines: Range<usize>, inner: Range<usize>) -> Self {
        Self::new(from.reversed_axes(), inner, lines, (DEPTH, ROWS))
    }

    fn new(
        matrix: ArrayView2<f32>,
        rows: Range<usize>,
        columns: Range<usize>,
        most: (usize, usize),
    ) -> Self {
        let (count, width) = (rows.len(), columns.len());
        assert!(
            (matrix.strides()[1] == 1 || matrix.ncols() == 1)
                && rows.end <= matrix.nrows()
                && columns.end <= matrix.ncols()
                && count <= most.0
                && width <= most.1,
            "a tile"
        );
        let stride = matrix.strides()[0].cast_unsigned();
        let start = matrix
            .as_ptr()
            .wrapping_add(rows.start * stride + columns.start);
        Self {
            start,
            stride,
            count,
            width,
        }
    }

    /// The elements that make row `row` of a tile, by byte: those of a row (`ALONG`), or of every sixteenth. 0 where
    /// there are none.
    ///
    /// # Safety
    /// The rows can be read: at most 16 of 64 elements (`ALONG`) or 64 of 16.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn row<const ALONG: bool>(&self, row: usize) -> [__m512; BYTES] {
        [0, 1, 2, 3].map(|byte| {
            let (row, first) = if ALONG {
                (row, WIDTH * byte)
            } else {
                (WIDTH * byte + row, 0)
            };
            // SAFETY: the caller's.
            unsafe { self.sixteen::<ALONG>(row, first) }
        })
    }

    /// Sixteen elements of a row from `first` on, 0 where there are none.
    ///
    /// # Safety
    /// As [`Rows::row`].
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn sixteen<const ALONG: bool>(&self, row: usize, first: usize) -> __m512 {
        let (full, wide) = if ALONG { (ROWS, DEPTH) } else { (DEPTH, ROWS) };
        if self.count == full && self.width == wide {
            // SAFETY: all elements are there.
            return unsafe { _mm512_loadu_ps(self.start.add(row * self.stride + first)) };
        }
        let places = if row < self.count {
            some(self.width.saturating_sub(first))
        } else {
            0
        };
        let from = self.start.wrapping_add(row * self.stride + first);
        // SAFETY: elements that are not there are not read.
        unsafe { _mm512_maskz_loadu_ps(places, from) }
    }
}

/// A tile of the left matrix in three digits, if all its numbers lie between 0 and 1.
///
/// # Safety
/// As [`Rows::row`] with `ALONG`.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn left<const ALONG: bool>(
    rows: &Rows,
    sign: f32,
    places: impl Fn(usize) -> usize,
    out: &mut [u32],
) -> Option<u8> {
    const SHIFT: u32 = Precision::Single.shift();
    const ONE: f32 = Precision::Single.one();
    let factor = _mm512_set1_ps(ONE * sign);
    let whole = |row: usize| {
        // SAFETY: the caller's.
        let row = unsafe { rows.row::<ALONG>(row) };
        row.map(|x| _mm512_cvtps_epi32(_mm512_mul_ps(x, factor)))
    };
    let shifted = |x| _mm512_slli_epi32::<SHIFT>(x);
    let (mut any, mut most) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    let first = tile(&mut out[places(0)..]);
    // Mostly there is no more than the first digit.
    for (row, out) in first.iter_mut().enumerate() {
        let whole = whole(row);
        // Negative ones, and what is no number, count as the largest.
        let [a, b] = [(0, 1), (2, 3)].map(|(a, b)| _mm512_max_epu32(whole[a], whole[b]));
        most = _mm512_max_epu32(most, _mm512_max_epu32(a, b));
        let [a, b] = [(0, 1), (2, 3)].map(|(a, b)| _mm512_or_si512(whole[a], whole[b]));
        any = _mm512_or_si512(any, _mm512_or_si512(a, b));
        store(out, first_digits(outer(whole.map(shifted))));
    }
    if _mm512_cmpgt_epu32_mask(most, _mm512_set1_epi32(ONE as i32)) != 0 {
        return None;
    }
    if !ALONG {
        transpose(first);
    }
    if _mm512_test_epi32_mask(any, _mm512_set1_epi32(0xffff >> SHIFT)) == 0 {
        return Some(u8::from(_mm512_test_epi32_mask(any, any) != 0));
    }
    let second = tile(&mut out[places(1)..]);
    for (row, out) in second.iter_mut().enumerate() {
        store(out, middle_digits(whole(row).map(shifted)));
    }
    if !ALONG {
        transpose(second);
    }
    let mut any = _mm512_setzero_si512();
    let third = tile(&mut out[places(2)..]);
    for (row, out) in third.iter_mut().enumerate() {
        let last = last_digits(outer(whole(row).map(shifted)));
        any = _mm512_or_si512(any, last);
        store(out, last);
    }
    if !ALONG {
        transpose(third);
    }
    Some(2 + u8::from(_mm512_test_epi32_mask(any, any) != 0))
}

/// A tile of the left matrix in two digits, if all its numbers lie between 0 and 1.
///
/// # Safety
/// As [`Rows::row`] with `ALONG`.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn left_by_two<const ALONG: bool>(
    rows: &Rows,
    sign: f32,
    places: impl Fn(usize) -> usize,
    out: &mut [u32],
) -> Option<u8> {
    const ONE: f32 = Precision::Training.one();
    let (factor, round) = (_mm512_set1_ps(ONE * sign), _mm512_set1_ps(cut::UP));
    let bits = |row: usize| {
        // SAFETY: the caller's.
        let row = unsafe { rows.row::<ALONG>(row) };
        row.map(|x| _mm512_castps_si512(_mm512_fmadd_ps(x, factor, round)))
    };
    let rounded = _mm512_castps_si512(round);
    let (mut beyond, mut any) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    let mut most = _mm512_setzero_si512();
    let first = tile(&mut out[places(0)..]);
    // Mostly there is no more than the first digit.
    for (row, out) in first.iter_mut().enumerate() {
        let bits = bits(row);
        for bits in bits {
            // beyond | bits ^ rounded
            beyond = _mm512_ternarylogic_epi32::<0xf6>(beyond, bits, rounded);
        }
        let [ac, bd] = by_halves(bits);
        most = _mm512_max_epu16(most, _mm512_max_epu16(ac, bd));
        any = _mm512_ternarylogic_epi32::<0xfe>(any, ac, bd);
        store(out, upper_bytes(ac, bd));
    }
    if _mm512_test_epi32_mask(beyond, _mm512_set1_epi32(-0x1_0000)) != 0
        || _mm512_cmpgt_epu16_mask(most, _mm512_set1_epi16((ONE as u16).cast_signed())) != 0
    {
        return None;
    }
    if !ALONG {
        transpose(first);
    }
    if _mm512_test_epi32_mask(any, _mm512_set1_epi32(EVEN.cast_signed())) == 0 {
        return Some(u8::from(_mm512_test_epi32_mask(any, any) != 0));
    }
    let second = tile(&mut out[places(1)..]);
    for (row, out) in second.iter_mut().enumerate() {
        let [ac, bd] = by_halves(bits(row));
        store(out, lower_bytes(ac, bd));
    }
    if !ALONG {
        transpose(second);
    }
    Some(2)
}

/// A tile of the right matrix in three digits.
///
/// # Safety
/// As [`Rows::row`] with `ALONG`.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn right<const ALONG: bool>(
    rows: &Rows,
    factors: &[f32; ROWS],
    places: impl Fn(usize) -> usize,
    out: &mut [u32],
) -> u8 {
    let (all, carry) = (load(factors), _mm512_set1_epi32(0x8080));
    let mut any = [_mm512_setzero_si512(); DIGITS];
    let places = [0, 1, 2].map(places);
    for (row, factor) in factors.iter().enumerate() {
        let factor = if ALONG { _mm512_set1_ps(*factor) } else { all };
        // SAFETY: the caller's.
        let numbers = unsafe { rows.row::<ALONG>(row) }.map(|x| {
            let whole = _mm512_cvtps_epi32(_mm512_mul_ps(x, factor));
            _mm512_xor_si512(_mm512_add_epi32(whole, carry), carry)
        });
        let outer = outer(numbers);
        let digits = [
            first_digits(outer),
            middle_digits(numbers),
            last_digits(outer),
        ];
        for ((any, digits), place) in any.iter_mut().zip(digits).zip(places) {
            *any = _mm512_or_si512(*any, digits);
            store(&mut tile(&mut out[place..])[row], digits);
        }
    }
    finish::<ALONG, DIGITS>(any, places, out)
}

/// A tile of the right matrix in two digits; `factors` are [`less`].
///
/// # Safety
/// As [`Rows::row`] with `ALONG`.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn right_by_two<const ALONG: bool>(
    rows: &Rows,
    factors: &[f32; ROWS],
    places: impl Fn(usize) -> usize,
    out: &mut [u32],
) -> u8 {
    let (round, carried) = (_mm512_set1_ps(ROUND), _mm512_set1_epi8(-128));
    let all = load(factors);
    let mut any = [_mm512_setzero_si512(); 2];
    let places = [0, 1].map(places);
    let (first, second) = out.split_at_mut(places[1]);
    let (first, second) = (tile(&mut first[places[0]..]), tile(second));
    for (row, (first, second)) in first.iter_mut().zip(second).enumerate() {
        let factor = if ALONG {
            _mm512_set1_ps(factors[row])
        } else {
            all
        };
        // SAFETY: the caller's.
        let bits = unsafe { rows.row::<ALONG>(row) }
            .map(|x| _mm512_castps_si512(_mm512_fmadd_ps(x, factor, round)));
        let [ac, bd] = by_halves(bits);
        let digits = [
            upper_bytes(ac, bd),
            _mm512_xor_si512(lower_bytes(ac, bd), carried),
        ];
        any = [0, 1].map(|digit| _mm512_or_si512(any[digit], digits[digit]));
        store(first, digits[0]);
        store(second, digits[1]);
    }
    finish::<ALONG, 2>(any, places, out)
}

/// Turns digits that came along their lines; answers how many there are up to the last that is not 0 everywhere.
#[inline]
#[target_feature(enable = "avx512f")]
fn finish<const ALONG: bool, const N: usize>(
    any: [__m512i; N],
    places: [usize; N],
    out: &mut [u32],
) -> u8 {
    let mut count = 0;
    for ((any, place), digits) in any.into_iter().zip(places).zip(1..) {
        if _mm512_test_epi32_mask(any, any) != 0 {
            count = digits;
            if ALONG {
                transpose(tile(&mut out[place..]));
            }
        }
    }
    count
}

/// The rows of a tile.
#[inline]
fn tile(out: &mut [u32]) -> &mut [[u32; WIDTH]; ROWS] {
    out.as_chunks_mut()
        .0
        .first_chunk_mut()
        .expect("room for a tile")
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(row: &mut [u32; WIDTH], numbers: __m512i) {
    // SAFETY: 64 bytes are written.
    unsafe { _mm512_storeu_si512(row.as_mut_ptr().cast(), numbers) };
}

/// Where a bit is set the first, else the second.
#[inline]
#[target_feature(enable = "avx512f")]
fn select(mask: u32, first: __m512i, second: __m512i) -> __m512i {
    let mask = _mm512_set1_epi32(mask.cast_signed());
    _mm512_ternarylogic_epi32::<0xca>(mask, first, second)
}

/// Up to sixteen numbers, and zeros.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(numbers: &[f32]) -> __m512 {
    // SAFETY: numbers that are not there are not read.
    unsafe { _mm512_maskz_loadu_ps(some(numbers.len()), numbers.as_ptr()) }
}

/// So many places of sixteen.
#[inline]
fn some(places: usize) -> u16 {
    if places < WIDTH {
        (1 << places) - 1
    } else {
        u16::MAX
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn read(row: &[u32; WIDTH]) -> __m512i {
    // SAFETY: 64 bytes are read.
    unsafe { _mm512_loadu_si512(row.as_ptr().cast()) }
}

/// [`super::states::spread_plainly`].
#[target_feature(enable = "avx512f")]
pub(super) fn spread(masks: &Masks, on: u8, transposed: bool, out: &mut [u32]) {
    let on = [0, 8, 16, 24].map(|shift| _mm512_set1_epi32((u32::from(on) << shift).cast_signed()));
    let out = tile(out);
    for (masks, out) in masks.iter().zip(out.iter_mut()) {
        let [a, b, c, d] = [0, 1, 2, 3].map(|byte| _mm512_maskz_mov_epi32(masks[byte], on[byte]));
        let all = _mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d));
        store(out, all);
    }
    if transposed {
        transpose(out);
    }
}
