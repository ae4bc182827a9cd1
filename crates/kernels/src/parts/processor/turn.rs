//! Rows become columns.

use std::arch::x86_64::{
    __m512i, _mm512_shuffle_i32x4, _mm512_slli_epi32, _mm512_srli_epi32, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::{EVEN, read, select, store};
use crate::aligned::OnLine;
use crate::parts::turn::Tile;
use crate::parts::{BYTES, ROWS, WIDTH};

/// [`crate::parts::turn::turn_plainly`].
#[target_feature(enable = "avx512f")]
pub(in crate::parts) fn turn(tiles: [&Tile; BYTES]) -> OnLine<[Tile; BYTES]> {
    let mut turned = OnLine([[[0; WIDTH]; ROWS]; BYTES]);
    for row in 0..ROWS {
        let [a, b, c, d] = tiles.map(|tile| read(&tile[row]));
        // The bytes of each place: even and odd ones of two rows, then of all four.
        let even = [(a, b), (c, d)].map(|(a, b)| select(EVEN, a, _mm512_slli_epi32::<8>(b)));
        let odd = [(a, b), (c, d)].map(|(a, b)| select(EVEN, _mm512_srli_epi32::<8>(a), b));
        for (tile, [ab, cd]) in [even, odd].into_iter().enumerate() {
            let low = select(0xffff, ab, _mm512_slli_epi32::<16>(cd));
            let high = select(0xffff, _mm512_srli_epi32::<16>(ab), cd);
            store(&mut turned[tile][row], low);
            store(&mut turned[tile + 2][row], high);
        }
    }
    for tile in &mut turned.0 {
        transpose(tile);
    }
    turned
}

/// Sixteen rows of sixteen become columns.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transpose(tile: &mut [[u32; WIDTH]; ROWS]) {
    let columns = columns(tile);
    for (row, column) in tile.iter_mut().zip(columns) {
        store(row, column);
    }
}

/// The columns of sixteen rows of sixteen.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn columns(tile: &[[u32; WIDTH]; ROWS]) -> [__m512i; WIDTH] {
    let mut rows = tile.each_ref().map(|row| read(row));
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
    next
}
