//! Cutting and multiplying by AVX-512 and the processor's matrix tiles.

use std::arch::asm;
use std::arch::x86_64::{
    __m512i, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_loadu_si512,
    _mm512_maskz_loadu_ps, _mm512_or_si512, _mm512_permutex2var_epi16, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_sub_ps,
    _mm512_test_epi32_mask, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};
use std::ops::Range;

use super::{DEPTH, HIGH, Lines, Order, PARTS, PLACE, ROW, ROWS, STRIP, TILE, WIDTH};

/// Which halves of two vectors of single precision make one of pairs of bfloat16.
const fn halves(along: bool) -> [u16; 32] {
    let mut places = [0; 32];
    let mut place = 0;
    while place < 32 {
        // The high half of every number: along lines one after the other, else one of each vector in turn.
        places[place] = if along {
            2 * place as u16 + 1
        } else {
            32 * (place as u16 % 2) + place as u16 / 2 * 2 + 1
        };
        place += 1;
    }
    places
}

const ALONG: [u16; 32] = halves(true);
const ACROSS: [u16; 32] = halves(false);

/// [`super::cut_plainly`].
///
/// # Safety
/// Where AVX-512BW is available.
pub(super) unsafe fn cut_tile(
    from: Lines,
    lines: Range<usize>,
    places: Range<usize>,
    half: usize,
    out: &mut [u32],
) -> u8 {
    // Rows whose elements lie side by side: lines of 32 places, or places of 16 lines.
    let along = from.matrix.strides()[1] == 1;
    let (matrix, (rows, columns)) = if along {
        (from.matrix, (lines, places))
    } else {
        (from.matrix.reversed_axes(), (places, lines))
    };
    let (count, width) = (rows.len(), columns.len());
    assert!(
        (matrix.strides()[1] == 1 || matrix.ncols() == 1)
            && rows.end <= matrix.nrows()
            && columns.end <= matrix.ncols()
            && count <= if along { ROWS } else { DEPTH }
            && width <= if along { DEPTH } else { ROWS }
            && out.len() == PLACE,
        "a tile, and room for its parts"
    );
    let stride = matrix.strides()[0].cast_unsigned();
    let start = matrix
        .as_ptr()
        .wrapping_add(rows.start * stride + columns.start);
    let rows = Rows {
        start,
        stride,
        count,
        width,
    };
    let turn = along == (from.order == Order::Pairs);
    // SAFETY: the processor has AVX-512BW, and lengths are as asserted.
    unsafe { cut(&rows, along, turn, half, out) }
}

/// Rows of elements that lie side by side.
struct Rows {
    start: *const f32,
    /// From one row to the next.
    stride: usize,
    count: usize,
    width: usize,
}

/// # Safety
/// The `rows` can be read: at most 16 of 32 elements (`along`) or 32 of 16.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn cut(rows: &Rows, along: bool, turn: bool, half: usize, out: &mut [u32]) -> u8 {
    let order = if along { &ALONG } else { &ACROSS };
    // SAFETY: 64 bytes are read.
    let order = unsafe { _mm512_loadu_si512(order.as_ptr().cast()) };
    let high = _mm512_set1_epi32(HIGH.cast_signed());
    let some = |places: usize| {
        if places < 16 {
            (1_u16 << places) - 1
        } else {
            u16::MAX
        }
    };
    // The elements `places` of a row from `first` on, 0 where there are none.
    let load = |row: usize, first: usize| {
        let places = if row < rows.count {
            some(rows.width.saturating_sub(first))
        } else {
            0
        };
        let from = rows.start.wrapping_add(row * rows.stride + first);
        // SAFETY: elements that are not there are not read.
        unsafe { _mm512_castps_si512(_mm512_maskz_loadu_ps(places, from)) }
    };
    let mut tiles = [[_mm512_setzero_si512(); ROWS]; PARTS];
    let mut any = [_mm512_setzero_si512(); PARTS];
    for row in 0..ROWS {
        let mut rest = if along {
            [load(row, 0), load(row, 16)]
        } else {
            [load(2 * row, 0), load(2 * row + 1, 0)]
        };
        for (tile, any) in tiles.iter_mut().zip(&mut any) {
            tile[row] = _mm512_permutex2var_epi16(rest[0], order, rest[1]);
            *any = _mm512_or_si512(*any, tile[row]);
            for rest in &mut rest {
                let part = _mm512_castsi512_ps(_mm512_and_si512(*rest, high));
                *rest = _mm512_castps_si512(_mm512_sub_ps(_mm512_castsi512_ps(*rest), part));
            }
        }
    }
    let mut parts = 0;
    for (part, (tile, any)) in tiles.iter_mut().zip(any).enumerate() {
        // Beside the signs.
        if _mm512_test_epi32_mask(any, _mm512_set1_epi32(0x7fff_7fff)) != 0 {
            parts = part as u8 + 1;
        }
        if turn {
            transpose(tile);
        }
        let out = &mut out[(2 * part + half) * TILE..][..TILE];
        for (row, out) in tile.iter().zip(out.chunks_exact_mut(WIDTH)) {
            // SAFETY: 64 bytes are written: 16 pairs.
            unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), *row) };
        }
    }
    parts
}

/// Sixteen rows of sixteen become columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: &mut [__m512i; ROWS]) {
    let mut next = *rows;
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
    *rows = next;
}

/// [`super::multiply_plainly`].
///
/// # Safety
/// Where tiles of bfloat16 are available and set up; from all places on two tiles lie in `left` and `right`,
/// and `sums` has room for four.
pub(super) unsafe fn multiply(
    places: &[[usize; 2]],
    begin: bool,
    left: &[u32],
    right: &[u32],
    sums: &mut [f32],
) {
    // SAFETY: the tiles are there and leave is given. Read and written are 32 rows of 32 sums; read are as
    // many pairs of places as there are, each of two words, and from each place on two tiles of 1 KiB. Nothing
    // is put on the stack.
    unsafe {
        let start = sums.as_mut_ptr();
        asm!(
            "test {begin}, {begin}",
            "jz 3f",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "jmp 4f",
            "3:",
            "tileloadd tmm0, [{sums} + {wide} * 1]",
            "tileloadd tmm1, [{sums} + {wide} * 1 + 64]",
            "tileloadd tmm2, [{lower} + {wide} * 1]",
            "tileloadd tmm3, [{lower} + {wide} * 1 + 64]",
            "4:",
            "test {count}, {count}",
            "jz 5f",
            "2:",
            "mov {from}, [{places}]",
            "lea {from}, [{left} + {from} * 4]",
            "tileloadd tmm4, [{from} + {line} * 1]",
            "tileloadd tmm5, [{from} + {line} * 1 + 1024]",
            "mov {from}, [{places} + 8]",
            "lea {from}, [{right} + {from} * 4]",
            "tileloadd tmm6, [{from} + {line} * 1]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tileloadd tmm7, [{from} + {line} * 1 + 1024]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {places}, 16",
            "dec {count}",
            "jnz 2b",
            "5:",
            "tilestored [{sums} + {wide} * 1], tmm0",
            "tilestored [{sums} + {wide} * 1 + 64], tmm1",
            "tilestored [{lower} + {wide} * 1], tmm2",
            "tilestored [{lower} + {wide} * 1 + 64], tmm3",
            begin = in(reg) usize::from(begin),
            sums = in(reg) start,
            lower = in(reg) start.add(ROWS * STRIP),
            wide = in(reg) STRIP * size_of::<f32>(),
            line = in(reg) ROW,
            left = in(reg) left.as_ptr(),
            right = in(reg) right.as_ptr(),
            places = inout(reg) places.as_ptr() => _,
            count = inout(reg) places.len() => _,
            from = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
