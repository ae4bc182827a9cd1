//! Products of tiles by vectors of bytes, where there are no matrix tiles.

use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_or_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_test_epi32_mask,
};

use super::{read, store};
use crate::parts::pairs::Pair;
use crate::parts::{BYTES, Columns, ROWS, STRIP, Sums, TILE, WIDTH};

/// Rows whose sums are in registers at a time, two vectors each: enough for no product to wait for the one before.
const ROWS_AT_ONCE: usize = 8;
/// The same of whole strips: fewer rows have more fours in common that are 0.
const ROWS_OF_STRIPS: usize = 4;
/// Pairs of tiles whose fours are seen at once.
const TOGETHER: usize = 4;

/// [`crate::parts::pairs::multiply_plainly`], of `rows` rows and one or two strips of columns.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(in crate::parts) fn multiply<const STRIPS: usize>(
    pairs: &[Pair],
    rows: usize,
    left: &[u32],
    rights: [&[u32]; STRIPS],
    sums: [&mut [i32]; STRIPS],
) {
    let mut sums = sums.map(|sums| sums.as_chunks_mut::<WIDTH>().0.as_chunks_mut::<2>().0);
    for first in (0..rows).step_by(ROWS_OF_STRIPS) {
        let mut all = [[[_mm512_setzero_si512(); 2]; STRIPS]; ROWS_OF_STRIPS];
        for pairs in pairs.chunks(TOGETHER) {
            let mut those = [(&NO_ROWS, [&NO_COLUMNS; STRIPS]); TOGETHER];
            let mut fours = 0_u64;
            for (place, (those, pair)) in those.iter_mut().zip(pairs).enumerate() {
                let left = lines(&left[pair.left as usize / BYTES..], first);
                let rights = rights.map(|right| {
                    let right = right[pair.right as usize / BYTES..].as_chunks().0;
                    right.first_chunk().expect("two tiles")
                });
                *those = (left, rights);
                fours |= u64::from(there(left)) << (WIDTH * place);
            }
            while fours != 0 {
                let next = fours.trailing_zeros() as usize;
                fours &= fours - 1;
                let ((left, rights), place) = (those[next / WIDTH], next % WIDTH);
                for (strip, right) in rights.into_iter().enumerate() {
                    let rights = [read(&right[place]), read(&right[ROWS + place])];
                    for (sums, left) in all.iter_mut().zip(left) {
                        let left = every(left[place]);
                        for (sum, right) in sums[strip].iter_mut().zip(rights) {
                            *sum = _mm512_dpbusd_epi32(*sum, left, right);
                        }
                    }
                }
            }
        }
        for (row, all) in (first..).zip(all) {
            for (sums, all) in sums.iter_mut().zip(all) {
                put(&mut sums[row], all);
            }
        }
    }
}

/// No tiles.
static NO_ROWS: [[u32; WIDTH]; ROWS_OF_STRIPS] = [[0; WIDTH]; ROWS_OF_STRIPS];
static NO_COLUMNS: [[u32; WIDTH]; STRIP] = [[0; WIDTH]; STRIP];

/// [`crate::parts::both::multiply_both_plainly`].
#[target_feature(enable = "avx512f,avx512vnni")]
pub(in crate::parts) fn multiply_both(
    rows: usize,
    left: &[u32],
    digits: &[u8],
    right: &[&Columns],
    sums: &mut Sums,
) {
    for (number, sums) in sums
        .as_chunks_mut::<ROWS_AT_ONCE>()
        .0
        .iter_mut()
        .enumerate()
    {
        let first = number * ROWS_AT_ONCE;
        if first < rows {
            some_by_both(first, left, digits, right, sums);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn some_by_both(
    first: usize,
    left: &[u32],
    digits: &[u8],
    right: &[&Columns],
    out: &mut [[[i32; WIDTH]; 2]; ROWS_AT_ONCE],
) {
    let (upper, lower) = left.split_at(digits.len() * 2 * TILE);
    let tiles = upper.chunks(2 * TILE).zip(lower.chunks(2 * TILE));
    let mut all = [[_mm512_setzero_si512(); 2]; ROWS_AT_ONCE];
    for ((digits, right), (upper, lower)) in digits.iter().zip(right).zip(tiles) {
        let right = right.as_chunks::<WIDTH>().0;
        let left: [&[_; ROWS_AT_ONCE]; 2] = [lines(upper, first), lines(lower, first)];
        let there = if *digits > 0 { there(left[0]) } else { 0 };
        for place in 0..WIDTH {
            let rights = [read(&right[place]), read(&right[ROWS + place])];
            if there >> place & 1 == 1 {
                for (sums, left) in all.iter_mut().zip(left[0]) {
                    let left = every(left[place]);
                    for (sum, right) in sums.iter_mut().zip(rights) {
                        *sum = _mm512_dpbusd_epi32(*sum, left, right);
                    }
                }
            }
            if *digits > 1 {
                for (sums, left) in all.iter_mut().zip(left[1]) {
                    sums[1] = _mm512_dpbusd_epi32(sums[1], every(left[place]), rights[0]);
                }
            }
        }
    }
    for (out, all) in out.iter_mut().zip(all) {
        put(out, all);
    }
}

/// Rows of two tiles, one below the other, from `first` on.
#[inline]
fn lines<const N: usize>(tiles: &[u32], first: usize) -> &[[u32; WIDTH]; N] {
    let rows = &tiles.as_chunks::<WIDTH>().0[first..];
    rows.first_chunk().expect("two tiles")
}

/// Which fours are not 0 in one of the rows at least.
#[inline]
#[target_feature(enable = "avx512f")]
fn there(rows: &[[u32; WIDTH]]) -> u16 {
    let mut any = _mm512_setzero_si512();
    for row in rows {
        any = _mm512_or_si512(any, read(row));
    }
    _mm512_test_epi32_mask(any, any)
}

/// Four bytes, sixteen times.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn every(bytes: u32) -> __m512i {
    _mm512_set1_epi32(bytes.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn put(out: &mut [[i32; WIDTH]; 2], sums: [__m512i; 2]) {
    for (out, sums) in out.iter_mut().zip(sums) {
        store(bytemuck::cast_mut(out), sums);
    }
}
