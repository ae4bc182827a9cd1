//! Cutting and multiplying by AVX-512 and the processor's matrix tiles.

use std::arch::asm;
use std::arch::x86_64::{
    __m512, __m512i, _mm512_abs_ps, _mm512_add_epi32, _mm512_add_ps, _mm512_castps_si512,
    _mm512_cmpgt_epu32_mask, _mm512_cvtepi32_ps, _mm512_cvtps_epi32, _mm512_fmadd_ps,
    _mm512_fnmadd_ps, _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_maskz_mov_epi32, _mm512_max_epu32, _mm512_mul_ps, _mm512_or_si512,
    _mm512_reduce_max_epu32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_slli_epi32, _mm512_srli_epi32,
    _mm512_storeu_ps, _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_test_epi32_mask,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    _mm512_xor_si512,
};
use std::ops::Range;

use ndarray::{ArrayView2, Axis};

use super::cut::{Lines, ONE, SHIFT, Side};
use super::states::Masks;
use super::{BYTES, DEPTH, DIGITS, LESS, Pair, ROW, ROWS, STRIP, TILE, WHOLE, WIDE, WIDTH};

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
    // Rows whose elements lie side by side: lines of 64 places, or places of 16 lines. The stride of one column means
    // nothing.
    let along = from.matrix.strides()[1] == 1 || from.matrix.ncols() == 1;
    let (matrix, (rows, columns)) = if along {
        (from.matrix, (lines, inner))
    } else {
        (from.matrix.reversed_axes(), (inner, lines))
    };
    let (count, width) = (rows.len(), columns.len());
    assert!(
        (matrix.strides()[1] == 1 || matrix.ncols() == 1)
            && rows.end <= matrix.nrows()
            && columns.end <= matrix.ncols()
            && count <= if along { ROWS } else { DEPTH }
            && width <= if along { DEPTH } else { ROWS },
        "a tile"
    );
    let rows = Rows {
        start: matrix
            .as_ptr()
            .wrapping_add(rows.start * matrix.strides()[0].cast_unsigned() + columns.start),
        stride: matrix.strides()[0].cast_unsigned(),
        count,
        width,
    };
    // SAFETY: the processor has AVX-512BW, and lengths are as asserted.
    unsafe {
        match (from.side, along) {
            (Side::Left(sign), true) => left::<true>(&rows, sign, places, out),
            (Side::Left(sign), false) => left::<false>(&rows, sign, places, out),
            (Side::Right(factors), true) => Some(right::<true>(&rows, &factors, places, out)),
            (Side::Right(factors), false) => Some(right::<false>(&rows, &factors, places, out)),
        }
    }
}

/// Rows of elements that lie side by side.
struct Rows {
    start: *const f32,
    /// From one row to the next.
    stride: usize,
    count: usize,
    width: usize,
}

impl Rows {
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
            let places = if row < self.count {
                some(self.width.saturating_sub(first))
            } else {
                0
            };
            let from = self.start.wrapping_add(row * self.stride + first);
            // SAFETY: elements that are not there are not read.
            unsafe { _mm512_maskz_loadu_ps(places, from) }
        })
    }
}

/// A tile of the left matrix, if all its numbers lie between 0 and 1.
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
    let one = _mm512_set1_epi32(ONE as i32);
    if _mm512_cmpgt_epu32_mask(most, one) != 0 {
        return None;
    }
    if !ALONG {
        transpose(first);
    }
    if _mm512_test_epi32_mask(any, _mm512_set1_epi32(0xffff >> SHIFT)) == 0 {
        return Some(u8::from(_mm512_test_epi32_mask(any, any) != 0));
    }
    let mut any = _mm512_setzero_si512();
    let [second, third] = [1, 2].map(places);
    for row in 0..ROWS {
        let numbers = whole(row).map(shifted);
        let last = last_digits(outer(numbers));
        any = _mm512_or_si512(any, last);
        store(&mut tile(&mut out[second..])[row], middle_digits(numbers));
        store(&mut tile(&mut out[third..])[row], last);
    }
    if !ALONG {
        transpose(tile(&mut out[second..]));
        transpose(tile(&mut out[third..]));
    }
    Some(2 + u8::from(_mm512_test_epi32_mask(any, any) != 0))
}

/// A tile of the right matrix.
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
    let mut count = 0;
    for (digit, (any, place)) in any.into_iter().zip(places).enumerate() {
        if _mm512_test_epi32_mask(any, any) != 0 {
            count = digit as u8 + 1;
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

/// Of the first two of four numbers, and of the others: their last digits in the low half, their first ones in the high
/// half.
#[inline]
#[target_feature(enable = "avx512f")]
fn outer([a, b, c, d]: [__m512i; BYTES]) -> [__m512i; 2] {
    [
        select(0x00ff_00ff, a, _mm512_slli_epi32::<8>(b)),
        select(0x00ff_00ff, c, _mm512_slli_epi32::<8>(d)),
    ]
}

/// The first digits of four numbers, in their order.
#[inline]
#[target_feature(enable = "avx512f")]
fn first_digits([low, high]: [__m512i; 2]) -> __m512i {
    select(0xffff, _mm512_srli_epi32::<16>(low), high)
}

/// The last digits.
#[inline]
#[target_feature(enable = "avx512f")]
fn last_digits([low, high]: [__m512i; 2]) -> __m512i {
    select(0xffff, low, _mm512_slli_epi32::<16>(high))
}

/// The middle digits.
#[inline]
#[target_feature(enable = "avx512f")]
fn middle_digits([a, b, c, d]: [__m512i; BYTES]) -> __m512i {
    let low = select(0x00ff_00ff, _mm512_srli_epi32::<8>(a), b);
    let high = select(0x00ff_00ff, _mm512_srli_epi32::<8>(c), d);
    last_digits([low, high])
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

/// [`super::cut::largest_plainly`].
#[target_feature(enable = "avx512f")]
pub(super) fn largest(right: ArrayView2<f32>, largest: &mut [[u32; WIDTH]]) {
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

#[inline]
#[target_feature(enable = "avx512f")]
fn read(row: &[u32; WIDTH]) -> __m512i {
    // SAFETY: 64 bytes are read.
    unsafe { _mm512_loadu_si512(row.as_ptr().cast()) }
}

/// Sixteen sums of all digits, as multiples of what 1 counts.
#[inline]
#[target_feature(enable = "avx512f")]
fn product<'a>(levels: usize, sums: impl Fn(usize) -> &'a [i32; WIDTH]) -> __m512 {
    let less = _mm512_set1_ps(LESS);
    let mut all = _mm512_setzero_ps();
    for level in (0..levels).rev() {
        // SAFETY: 64 bytes are read.
        let sum = unsafe { _mm512_loadu_si512(sums(level).as_ptr().cast()) };
        all = _mm512_add_ps(_mm512_mul_ps(all, less), _mm512_cvtepi32_ps(sum));
    }
    by_whole(all)
}

/// Sixteen numbers divided by [`WHOLE`], rounded as a division is, which takes several times as long: what the inverse
/// gives is corrected by what it leaves over.
///
/// Source: P. W. Markstein, "Computation of elementary functions on the IBM RISC System/6000 processor", IBM Journal
/// of Research and Development 34 (1990), theorem 8.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn by_whole(x: __m512) -> __m512 {
    let (whole, inverse) = (_mm512_set1_ps(WHOLE), _mm512_set1_ps(1.0 / WHOLE));
    let about = _mm512_mul_ps(x, inverse);
    let left = _mm512_fnmadd_ps(about, whole, x);
    _mm512_fmadd_ps(left, inverse, about)
}

/// [`super::add_plainly`].
#[target_feature(enable = "avx512f")]
pub(super) fn add(
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
            let mut product = _mm512_mul_ps(product(levels, places), load(scales));
            if keep != 0.0 {
                product = _mm512_add_ps(_mm512_mul_ps(keeps, load(out)), product);
            }
            // SAFETY: numbers that are not there are not written.
            unsafe { _mm512_mask_storeu_ps(out.as_mut_ptr(), some(out.len()), product) };
        }
    }
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

/// [`super::grow_plainly`].
#[target_feature(enable = "avx512f")]
pub(super) fn grow(
    keep: f32,
    scale: f32,
    levels: usize,
    sums: &[i32],
    (rows, half): (&mut [[f32; WIDE]], usize),
    largest: [&mut [[u32; WIDTH]]; 2],
) {
    let (keeps, scales) = (_mm512_set1_ps(keep), _mm512_set1_ps(scale));
    let (sums, _) = sums.as_chunks::<WIDTH>();
    let halves = STRIP / WIDTH;
    let [of_rows, of_columns] = largest;
    let columns = &mut of_columns[halves * half..halves * (half + 1)];
    let mut most_of_columns = [0, 1].map(|part: usize| read(&columns[part]));
    for (place, (row, of_row)) in rows.iter_mut().zip(of_rows).enumerate() {
        let row = &mut row.as_chunks_mut::<WIDTH>().0[halves * half..halves * (half + 1)];
        let mut most = read(of_row);
        for (part, (out, column)) in row.iter_mut().zip(&mut most_of_columns).enumerate() {
            let places = |level: usize| &sums[(level * STRIP + place) * halves + part];
            let product = _mm512_mul_ps(product(levels, places), scales);
            let product = _mm512_add_ps(_mm512_mul_ps(keeps, load(out)), product);
            // SAFETY: 64 bytes are written.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), product) };
            let bits = _mm512_castps_si512(_mm512_abs_ps(product));
            *column = _mm512_max_epu32(*column, bits);
            most = _mm512_max_epu32(most, bits);
        }
        store(of_row, most);
    }
    for (column, most) in columns.iter_mut().zip(most_of_columns) {
        store(column, most);
    }
}

/// [`super::across_plainly`].
#[target_feature(enable = "avx512f")]
pub(super) fn across(rows: &mut [[u32; WIDTH]; ROWS]) -> [u32; ROWS] {
    transpose(rows);
    let most = rows.iter().fold(_mm512_setzero_si512(), |most, row| {
        _mm512_max_epu32(most, read(row))
    });
    let mut all = [0; ROWS];
    store(&mut all, most);
    all
}

/// Sixteen rows of sixteen become columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(tile: &mut [[u32; WIDTH]; ROWS]) {
    // SAFETY: 64 bytes are read of each.
    let mut rows = tile.map(|row| unsafe { _mm512_loadu_si512(row.as_ptr().cast()) });
    let mut next = rows;
    for at in (0..16).step_by(2) {
        next[at] = _mm512_unpacklo_epi32(rows[at], rows[at + 1]);
        next[at + 1] = _mm512_unpackhi_epi32(rows[at], rows[at + 1]);
    }
    // Within each quarter of a vector, four by four.
    for at in (0..16).step_by(4) {
        rows[at] = _mm512_unpacklo_epi64(next[at], next[at + 2]);
        rows[at + 1] = _mm512_unpackhi_epi64(next[at], next[at + 2]);
        rows[at + 2] = _mm512_unpacklo_epi64(next[at + 1], next[at + 3]);
        rows[at + 3] = _mm512_unpackhi_epi64(next[at + 1], next[at + 3]);
    }
    // Quarters: rows[4 q + c] holds, of rows 4 q …, column c + 4 · (place of the quarter).
    for at in 0..4 {
        let (a, b, c, d) = (rows[at], rows[at + 4], rows[at + 8], rows[at + 12]);
        let low = [
            _mm512_shuffle_i32x4::<0x44>(a, b),
            _mm512_shuffle_i32x4::<0x44>(c, d),
        ];
        let high = [
            _mm512_shuffle_i32x4::<0xee>(a, b),
            _mm512_shuffle_i32x4::<0xee>(c, d),
        ];
        next[at] = _mm512_shuffle_i32x4::<0x88>(low[0], low[1]);
        next[at + 4] = _mm512_shuffle_i32x4::<0xdd>(low[0], low[1]);
        next[at + 8] = _mm512_shuffle_i32x4::<0x88>(high[0], high[1]);
        next[at + 12] = _mm512_shuffle_i32x4::<0xdd>(high[0], high[1]);
    }
    for (row, next) in tile.iter_mut().zip(next) {
        store(row, next);
    }
}

/// [`super::multiply_plainly`], of the halves that are there.
///
/// # Safety
/// Where tiles of bytes are available and set up; where pairs begin, two tiles lie in `left` and in `right`, and `sums`
/// has room for four.
pub(super) unsafe fn multiply(
    pairs: &[Pair],
    [rows, columns]: [bool; 2],
    left: &[u32],
    right: &[u32],
    sums: &mut [i32],
) {
    const NEXT: usize = TILE * BYTES;
    const LINE: usize = STRIP * BYTES;
    // SAFETY: the tiles are there and leave is given. Read are as many pairs as there are, of 8 bytes each, and
    // from where they begin two tiles of 1 KiB; written are 32 rows of 32 sums. Nothing is put on the stack.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "test {count}, {count}",
            "jz 5f",
            "2:",
            "mov {a:e}, dword ptr [{pairs}]",
            "add {a}, {left}",
            "mov {b:e}, dword ptr [{pairs} + 4]",
            "add {b}, {right}",
            "tileloadd tmm4, [{a} + {line} * 1]",
            "tileloadd tmm6, [{b} + {line} * 1]",
            "tdpbusd tmm0, tmm4, tmm6",
            "test {rows:e}, {rows:e}",
            "jz 3f",
            "tileloadd tmm5, [{a} + {line} * 1 + {next}]",
            "tdpbusd tmm2, tmm5, tmm6",
            "3:",
            "test {columns:e}, {columns:e}",
            "jz 4f",
            "tileloadd tmm7, [{b} + {line} * 1 + {next}]",
            "tdpbusd tmm1, tmm4, tmm7",
            "test {rows:e}, {rows:e}",
            "jz 4f",
            "tdpbusd tmm3, tmm5, tmm7",
            "4:",
            "add {pairs}, 8",
            "dec {count}",
            "jnz 2b",
            "5:",
            "tilestored [{sums} + {wide} * 1], tmm0",
            "tilestored [{sums} + {wide} * 1 + 64], tmm1",
            "tilestored [{lower} + {wide} * 1], tmm2",
            "tilestored [{lower} + {wide} * 1 + 64], tmm3",
            line = in(reg) ROW,
            wide = in(reg) LINE,
            next = const NEXT,
            sums = in(reg) sums.as_mut_ptr(),
            lower = in(reg) sums.as_mut_ptr().add(ROWS * STRIP),
            left = in(reg) left.as_ptr(),
            right = in(reg) right.as_ptr(),
            rows = in(reg) u32::from(rows),
            columns = in(reg) u32::from(columns),
            pairs = inout(reg) pairs.as_ptr() => _,
            count = inout(reg) pairs.len() => _,
            a = out(reg) _,
            b = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
