//! Sums of rows of probabilities, by AVX-512.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_permutex2var_epi8, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_sub_epi32, _mm512_xor_si512,
};

use super::few::sums_of_halves;
use super::turn::columns;
use super::{read, store};
use crate::aligned::OnLine;
use crate::parts::added::{Both, Chosen, LESS_HIGH};
use crate::parts::few::Whole;
use crate::parts::{BYTES, ROWS, STRIP, WIDTH};

/// Where the bytes of a strip's numbers are among first and second digits: the latter come first.
const fn places(strip: usize) -> [u32; WIDTH] {
    let mut all = [0; WIDTH];
    let mut place = 0;
    while place < WIDTH {
        let low = BYTES * place + 2 * strip;
        let high = low + 1;
        let first = BYTES * WIDTH;
        all[place] = (low | (first + low) << 8 | high << 16 | (first + high) << 24) as u32;
        place += 1;
    }
    all
}

/// [`crate::parts::added::put_wholes_plainly`].
#[target_feature(enable = "avx512f,avx512vbmi")]
pub(in crate::parts) fn put_wholes([first, second]: [&[Whole]; 2], out: [&mut [Whole]; 2]) {
    let signed = _mm512_set1_epi32(LESS_HIGH << 16);
    for (out, places) in out.into_iter().zip([places(0), places(1)]) {
        let places = read(&places);
        for ((first, second), out) in first.iter().zip(second).zip(out) {
            let both = _mm512_permutex2var_epi8(read(second), places, read(first));
            store(out, _mm512_xor_si512(both, signed));
        }
    }
}

/// [`crate::parts::added::put_less_plainly`].
///
/// # Safety
/// Places are those of the rows.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(in crate::parts) unsafe fn put_less<const STRIPS: usize>(
    chosen: &Chosen,
    from: [&[Whole]; STRIPS],
    out: &mut Both,
) {
    // SAFETY: the caller's.
    let sums = |unit| unsafe { sums(chosen, unit, from) };
    let all = (chosen.off != 0).then(|| sums(chosen.counts.len() - 1));
    let units = chosen.counts.len() - usize::from(all.is_some());
    let mut tiles = OnLine([[[[0; WIDTH]; ROWS]; 2]; STRIPS]);
    for first in (0..units).step_by(ROWS) {
        for unit in first..first + ROWS {
            let sums = sums(unit);
            let all = all.filter(|_| chosen.off >> unit & 1 == 1);
            for (strip, sums) in sums.into_iter().enumerate() {
                for (half, sum) in sums.into_iter().enumerate() {
                    let less = match &all {
                        // What it is off in, less all.
                        Some(all) => _mm512_sub_epi32(sum, all[strip][half]),
                        None => _mm512_sub_epi32(_mm512_setzero_si512(), sum),
                    };
                    store(&mut tiles[strip][half][unit - first], less);
                }
            }
        }
        for (tiles, out) in tiles.iter().zip(&mut *out) {
            let lines = out[first / STRIP].as_chunks_mut::<WIDTH>().0;
            let lines = lines.as_chunks_mut::<2>().0.as_chunks_mut::<ROWS>().0;
            for (tile, lines) in tiles.iter().zip(lines) {
                for (column, line) in columns(tile).into_iter().zip(lines) {
                    store(&mut line[first % STRIP / ROWS], column);
                }
            }
        }
    }
}

/// The sums of the rows that are listed of one unit.
///
/// # Safety
/// The same.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn sums<const STRIPS: usize>(
    chosen: &Chosen,
    unit: usize,
    from: [&[Whole]; STRIPS],
) -> [[__m512i; 2]; STRIPS] {
    let places = &chosen.lists.places[chosen.lists.row(unit)];
    let less = _mm512_set1_epi32(chosen.counts[unit].cast_signed() * LESS_HIGH);
    // SAFETY: the caller's; places are of one step, as was asserted.
    let mut all = unsafe { sums_of_halves::<1, STRIPS>(places, from) };
    for [_, high] in &mut all {
        *high = _mm512_add_epi32(*high, less);
    }
    all
}
