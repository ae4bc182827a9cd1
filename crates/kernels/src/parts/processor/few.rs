//! Products by what is not 0, by AVX-512.

use std::arch::x86_64::{
    __m512i, _mm256_storeu_si256, _mm512_add_epi16, _mm512_add_epi32, _mm512_castps_si512,
    _mm512_cmpeq_epi8_mask, _mm512_cvtepi32_epi16, _mm512_cvtps_epi32, _mm512_dpbusd_epi32,
    _mm512_dpwssd_epi32, _mm512_fmadd_ps, _mm512_maskz_compress_epi16, _mm512_maskz_compress_epi32,
    _mm512_mul_ps, _mm512_mullo_epi16, _mm512_permutexvar_epi8, _mm512_set1_epi8,
    _mm512_set1_epi16, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512,
    _mm512_shuffle_epi32, _mm512_slli_epi32, _mm512_storeu_si512, _mm512_sub_epi32,
    _mm512_test_epi8_mask, _mm512_test_epi32_mask, _mm512_xor_si512,
};
use std::ops::Range;

use ndarray::ArrayView2;

use super::sums::put_field;
use super::vectors::every;
use super::{Rows, by_halves, load, lower_bytes, read, select, store, transpose, upper_bytes};
use crate::aligned::OnLine;
use crate::parts::few::{
    AT_ONCE, BIAS, FOURS, FOURS_WORDS, Fours, GROUP, Lists, Part, Scaled, Strip, WHOLE_WORDS,
    WHOLES, WORD, Whole, rows_by_part,
};
use crate::parts::states::ON;
use crate::parts::{BYTES, DEPTH, ROWS, STRIP, WIDTH};

/// Where each place of a tile's row is among its bytes, four to a word.
const PLACES: [u32; WIDTH] = {
    let mut places = [0; WIDTH];
    let mut place = 0;
    while place < DEPTH {
        let byte = BYTES * (place % WIDTH) + place / WIDTH;
        places[place / BYTES] |= (byte << (8 * (place % BYTES))) as u32;
        place += 1;
    }
    places
};

/// Places of half a word of states.
const HALF: usize = DEPTH / 2;
/// The first of these, two to a word.
const FIRST: [u32; WIDTH] = {
    let mut places = [0; WIDTH];
    let mut place = 0;
    while place < WIDTH {
        places[place] = ((2 * place) | ((2 * place + 1) << 16)) as u32;
        place += 1;
    }
    places
};

/// [`crate::parts::few::words_plainly`].
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(in crate::parts) fn words(strip: &Strip) -> Option<Vec<u64>> {
    let (order, on) = (read(&PLACES), _mm512_set1_epi8(ON.cast_signed()));
    let mut words = Vec::with_capacity(strip.rows * strip.digits.len());
    for row in 0..strip.rows {
        for tile in 0..strip.digits.len() {
            let Some(line) = strip.line(0, row, tile) else {
                words.push(0);
                continue;
            };
            let digits = _mm512_permutexvar_epi8(order, read(line));
            let word = _mm512_cmpeq_epi8_mask(digits, on);
            if word != _mm512_test_epi8_mask(digits, digits) {
                return None;
            }
            words.push(word);
        }
    }
    Some(words)
}

/// [`crate::parts::few::list_states_plainly`].
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
pub(in crate::parts) fn list_states(words: &[u64], each: usize, lists: &mut Lists) {
    let times = WHOLE_WORDS / lists.steps;
    let first = _mm512_mullo_epi16(
        read(&FIRST),
        _mm512_set1_epi16((times as u16).cast_signed()),
    );
    let all: u64 = words.iter().map(|word| u64::from(word.count_ones())).sum();
    // Vectors are written whole.
    let rows = words.len().div_ceil(each) * lists.parts;
    lists.places.resize(all as usize + rows * AT_ONCE + HALF, 0);
    let mut end = 0;
    for (row, tiles) in rows_by_part(words, each, lists.parts) {
        let starts = (tiles.start * DEPTH..).step_by(DEPTH);
        for (word, place) in row[tiles].iter().zip(starts) {
            for half in 0..2 {
                let mask = (word >> (HALF * half)) as u32;
                let start = ((place + HALF * half) * times) as u16;
                let places = _mm512_add_epi16(first, _mm512_set1_epi16(start.cast_signed()));
                let places = _mm512_maskz_compress_epi16(mask, places);
                let out = &mut lists.places[end..end + HALF];
                // SAFETY: 64 bytes are written.
                unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), places) };
                end += mask.count_ones() as usize;
            }
        }
        lists.places[end..end + AT_ONCE].fill((each * DEPTH * times) as u16);
        end = end.next_multiple_of(AT_ONCE);
        lists.ends.push(end);
    }
    lists.places.truncate(end);
}

/// [`crate::parts::few::list_fours_plainly`].
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(in crate::parts) fn list_fours(strip: &Strip, most: usize, lists: &mut Lists) -> bool {
    let order = read(&PLACES);
    let first: [u32; WIDTH] = std::array::from_fn(|place| (place * FOURS_WORDS) as u32);
    let first = read(&first);
    let tiles = strip.digits.len();
    // Vectors are written whole.
    let room = (tiles + 1) * WIDTH + AT_ONCE;
    let mut end = 0;
    for row in 0..strip.rows {
        if lists.places.len() < end + room {
            lists.places.resize(2 * end + room, 0);
            lists.digits.resize(2 * end + room, 0);
        }
        for tile in 0..tiles {
            if let Some(second) = lists.second.get_mut(row / GROUP * tiles + tile) {
                let line = strip.line(1, row, tile).map(|line| read(line));
                let digits = line.unwrap_or(_mm512_setzero_si512());
                let digits = _mm512_permutexvar_epi8(order, digits);
                lists.used[tile] |= u64::from(_mm512_test_epi32_mask(digits, digits));
                store(&mut second[row % GROUP], digits);
            }
            let Some(line) = strip.line(0, row, tile) else {
                continue;
            };
            let digits = _mm512_permutexvar_epi8(order, read(line));
            let there = _mm512_test_epi32_mask(digits, digits);
            lists.used[tile] |= u64::from(there);
            let start = (tile * WIDTH * FOURS_WORDS) as u32;
            let places = _mm512_add_epi32(first, _mm512_set1_epi32(start.cast_signed()));
            let places = _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(there, places));
            let digits = _mm512_maskz_compress_epi32(there, digits);
            let out_places = &mut lists.places[end..end + WIDTH];
            let out_digits = &mut lists.digits[end..end + WIDTH];
            // SAFETY: 32 and 64 bytes are written.
            unsafe {
                _mm256_storeu_si256(out_places.as_mut_ptr().cast(), places);
                _mm512_storeu_si512(out_digits.as_mut_ptr().cast(), digits);
            }
            end += there.count_ones() as usize;
        }
        lists.places[end..end + AT_ONCE].fill(0);
        lists.digits[end..end + AT_ONCE].fill(0);
        end = end.next_multiple_of(AT_ONCE);
        lists.ends.push(end);
        if end > most {
            break;
        }
    }
    lists.places.truncate(end);
    lists.digits.truncate(end);
    end <= most
}

/// [`crate::parts::few::tables::make_whole_plainly`].
#[target_feature(enable = "avx512f")]
pub(in crate::parts) fn make_whole(
    right: ArrayView2<f32>,
    columns: Range<usize>,
    factors: &[[f32; ROWS]; 2],
    used: &[u64],
    out: &mut [u32],
) {
    let bias = _mm512_set1_epi32(BIAS);
    let whole = |numbers, factors| _mm512_cvtps_epi32(_mm512_mul_ps(numbers, factors));
    let halves = |low, high| {
        let low = _mm512_add_epi32(low, bias);
        select(0xffff, low, _mm512_slli_epi32::<16>(high))
    };
    let all = factors.each_ref().map(|factors| load(factors));
    let middle = columns.end.min(columns.start + ROWS);
    for ((tile, out), used) in out.chunks_mut(WHOLES).enumerate().zip(used) {
        let inner = tile * DEPTH..((tile + 1) * DEPTH).min(right.ncols());
        let (along, low) = Rows::of(right, columns.start..middle, inner.clone());
        let (_, high) = Rows::of(right, middle..columns.end, inner);
        let lines = out.as_chunks_mut::<WIDTH>().0;
        for (quarter, lines) in lines.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
            let used = used >> (ROWS * quarter) & 0xffff;
            if used == 0 {
                continue;
            }
            for (row, out) in lines.iter_mut().enumerate() {
                if !along && used >> row & 1 == 0 {
                    continue;
                }
                let numbers = [&low, &high].map(|rows| {
                    // SAFETY: rows can be read, as was asserted.
                    unsafe {
                        if along {
                            rows.sixteen::<true>(row, WIDTH * quarter)
                        } else {
                            rows.sixteen::<false>(WIDTH * quarter + row, 0)
                        }
                    }
                });
                let factors = if along {
                    factors
                        .each_ref()
                        .map(|factors| _mm512_set1_ps(factors[row]))
                } else {
                    all
                };
                let [low, high] = [whole(numbers[0], factors[0]), whole(numbers[1], factors[1])];
                store(out, halves(low, high));
            }
            if along {
                transpose(lines);
            }
        }
    }
}

/// [`crate::parts::few::tables::cut_fours_plainly`].
#[target_feature(enable = "avx512f,avx512bw")]
pub(in crate::parts) fn cut_fours(
    right: ArrayView2<f32>,
    columns: Range<usize>,
    factors: &[f32; ROWS],
    used: &[u64],
    out: &mut [u32],
) {
    let (all, carried) = (load(factors), _mm512_set1_epi8(-128));
    let round = _mm512_set1_ps(super::ROUND);
    for ((tile, out), used) in out.chunks_mut(FOURS).enumerate().zip(used) {
        let inner = tile * DEPTH..((tile + 1) * DEPTH).min(right.ncols());
        let rows = Rows::across(right, columns.clone(), inner);
        let fours = bytemuck::cast_slice_mut::<u32, Fours>(out);
        for (four, [first, second]) in fours.iter_mut().enumerate() {
            if used >> four & 1 == 0 {
                continue;
            }
            let numbers = [0, 1, 2, 3].map(|byte| {
                // SAFETY: rows can be read, as was asserted.
                let numbers = unsafe { rows.sixteen::<false>(four * BYTES + byte, 0) };
                _mm512_castps_si512(_mm512_fmadd_ps(numbers, all, round))
            });
            let [ac, bd] = by_halves(numbers);
            store(first, upper_bytes(ac, bd));
            store(second, _mm512_xor_si512(lower_bytes(ac, bd), carried));
        }
    }
}

/// What begins so many steps from the beginning of a table.
///
/// # Safety
/// There something begins.
#[inline]
unsafe fn at<T>(table: &[T], steps: usize) -> &T {
    // SAFETY: the caller's.
    unsafe { &*table.as_ptr().byte_add(steps * WORD) }
}

/// [`crate::parts::few::add_ones_plainly`].
///
/// # Safety
/// Places are those of the tables.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(in crate::parts) unsafe fn add_ones<const TABLES: usize>(
    lists: &Lists,
    part: Part,
    tables: [Scaled; TABLES],
    first: usize,
    rows: &mut [&mut [f32]],
) {
    // SAFETY: the caller's.
    unsafe {
        if lists.steps == 1 {
            add_ones_by::<1, TABLES>(lists, part, tables, first, rows);
        } else {
            add_ones_by::<WHOLE_WORDS, TABLES>(lists, part, tables, first, rows);
        }
    }
}

/// The same where a place counts so many steps.
///
/// # Safety
/// The same.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn add_ones_by<const STEPS: usize, const TABLES: usize>(
    lists: &Lists,
    part: Part,
    tables: [Scaled; TABLES],
    first: usize,
    rows: &mut [&mut [f32]],
) {
    let scales = tables.map(|(_, scales)| scales.each_ref().map(|scales| load(scales)));
    let tables = tables.map(|(table, _)| table);
    let before = part.number * rows.len();
    for (number, row) in (before..).zip(rows) {
        let range = lists.row(number);
        let biases = _mm512_set1_epi32((range.len() as u32).cast_signed() * BIAS);
        let places = &lists.places[range];
        // SAFETY: the caller's.
        let all = unsafe { sums_of_halves::<STEPS, TABLES>(places, tables) };
        let out = row[first..].as_chunks_mut::<WIDTH>().0;
        let out = out.as_chunks_mut::<2>().0;
        for (([low, high], scales), out) in all.into_iter().zip(scales).zip(out) {
            let sums = [_mm512_sub_epi32(low, biases), high];
            for ((sum, scales), out) in sums.into_iter().zip(scales).zip(out) {
                let bits: &mut [u32; WIDTH] = bytemuck::cast_mut(out);
                let sum = if part.goes_on {
                    _mm512_add_epi32(sum, read(bits))
                } else {
                    sum
                };
                if part.is_last {
                    // Of 256 times the one and the other: 255 sums.
                    let less = _mm512_sub_epi32(_mm512_setzero_si512(), sum);
                    put_field([sum, less], scales, out);
                } else {
                    store(bits, sum);
                }
            }
        }
    }
}

/// Sums of the numbers at some places of each table: of the low halves, which have no sign, and of the high ones, which have
/// one.
///
/// # Safety
/// Places, of so many steps, are those of the tables.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) unsafe fn sums_of_halves<const STEPS: usize, const TABLES: usize>(
    places: &[u16],
    tables: [&[Whole]; TABLES],
) -> [[__m512i; 2]; TABLES] {
    // Once the high half and nothing of the low: one instruction for a shift and an addition.
    let high = _mm512_set1_epi32(1 << 16);
    let mut all = [[[_mm512_setzero_si512(); 2]; AT_ONCE]; TABLES];
    for four in places.as_chunks::<AT_ONCE>().0 {
        // One load for all four: as many loads as places would take twice as long.
        let four: u64 = bytemuck::pod_read_unaligned(bytemuck::bytes_of(four));
        for number in 0..AT_ONCE {
            let place = four.to_le() >> (16 * number) & 0xffff;
            for (table, all) in tables.iter().zip(&mut all) {
                // SAFETY: the caller's.
                let both = read(unsafe { at(table, place as usize * STEPS) });
                let sums = &mut all[number];
                sums[0] = _mm512_add_epi32(sums[0], both);
                sums[1] = _mm512_dpwssd_epi32(sums[1], both, high);
            }
        }
    }
    let mut out = [[_mm512_setzero_si512(); 2]; TABLES];
    for (out, all) in out.iter_mut().zip(all) {
        let [both, high] = [0, 1].map(|half| together(all.map(|sums| sums[half])));
        *out = [_mm512_sub_epi32(both, _mm512_slli_epi32::<16>(high)), high];
    }
    out
}

/// [`crate::parts::few::add_fours_plainly`].
///
/// # Safety
/// Places are those of the tables.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(in crate::parts) unsafe fn add_fours(
    lists: &Lists,
    tables: [&[Fours]; 2],
    scales: &[[f32; ROWS]; 2],
    first: usize,
    rows: &mut [&mut [f32]],
) {
    let scales = scales.each_ref().map(|scales| load(scales));
    let mut start = 0;
    let seconds = (!lists.second.is_empty()).then(|| second_sums(lists, tables));
    for (number, (end, row)) in lists.ends.iter().zip(rows).enumerate() {
        let places = lists.places[start..*end].as_chunks::<AT_ONCE>().0;
        let digits = lists.digits[start..*end].as_chunks::<AT_ONCE>().0;
        let mut all = [[[_mm512_setzero_si512(); 2]; 2]; AT_ONCE];
        for (places, digits) in places.iter().zip(digits) {
            // One load for all four: there are four for each of them already.
            let places: u64 = bytemuck::pod_read_unaligned(bytemuck::bytes_of(places));
            let digits = four_times(digits);
            let digits = [
                _mm512_shuffle_epi32::<0x00>(digits),
                _mm512_shuffle_epi32::<0x55>(digits),
                _mm512_shuffle_epi32::<0xaa>(digits),
                _mm512_shuffle_epi32::<0xff>(digits),
            ];
            for ((number, sums), digits) in all.iter_mut().enumerate().zip(digits) {
                let place = places.to_le() >> (16 * number) & 0xffff;
                for (table, sums) in tables.iter().zip(sums) {
                    // SAFETY: the caller's.
                    let right = unsafe { at(table, place as usize) };
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = _mm512_dpbusd_epi32(*sum, digits, read(right));
                    }
                }
            }
        }
        let out = row[first..].as_chunks_mut::<WIDTH>().0.iter_mut();
        for ((half, scales), out) in scales.into_iter().enumerate().zip(out) {
            let [upper, lower] =
                [0, 1].map(|digit: usize| together(all.map(|sums| sums[half][digit])));
            let lower = seconds.as_ref().map_or(lower, |seconds| {
                _mm512_add_epi32(lower, read(&seconds[number][half]))
            });
            put_field([upper, lower], scales, out);
        }
        start = *end;
    }
}

/// Sums of products of second digits and first ones on the right: by row, of sixteen columns of each table.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn second_sums(lists: &Lists, tables: [&[Fours]; 2]) -> OnLine<[[[u32; WIDTH]; 2]; STRIP]> {
    let mut out = OnLine([[[0; WIDTH]; 2]; STRIP]);
    let groups = lists.second.chunks(lists.used.len().max(1));
    for (lefts, out) in groups.zip(out.as_chunks_mut::<GROUP>().0) {
        let mut all = [[_mm512_setzero_si512(); 2]; GROUP];
        for (tile, lefts) in lefts.iter().enumerate() {
            let rights = tables.map(|table| &table.as_chunks::<WIDTH>().0[tile]);
            for place in 0..WIDTH {
                let rights = rights.map(|right| read(&right[place][0]));
                for (sums, left) in all.iter_mut().zip(lefts) {
                    let left = every(left[place]);
                    for (sum, right) in sums.iter_mut().zip(rights) {
                        *sum = _mm512_dpbusd_epi32(*sum, left, right);
                    }
                }
            }
        }
        for (out, all) in out.iter_mut().zip(all) {
            for (out, sums) in out.iter_mut().zip(all) {
                store(out, sums);
            }
        }
    }
    out
}

/// Four numbers, four times: one load, of which the compiler would make four if it saw what becomes of them.
#[inline]
#[target_feature(enable = "avx512f")]
fn four_times(numbers: &[u32; AT_ONCE]) -> __m512i {
    let out;
    // SAFETY: 16 bytes are read.
    unsafe {
        std::arch::asm!(
            "vbroadcasti32x4 {out}, [{from}]", out = lateout(zmm_reg) out, from = in(reg) numbers,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    out
}

#[inline]
#[target_feature(enable = "avx512f")]
fn together([a, b, c, d]: [__m512i; AT_ONCE]) -> __m512i {
    _mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d))
}
