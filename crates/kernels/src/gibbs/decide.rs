//! From fields to samples.

use std::sync::LazyLock;

use pulp::Simd;

use crate::gibbs::LANES;
use crate::gibbs::half::Half;
use crate::gibbs::random::Bytes;
use crate::philox::Stream;

/// Units that are decided together: the bits of a word.
pub(super) const WORD: usize = 64;
/// Fields count in 4096ths, up to eight, for [`judge`].
const STEPS: i32 = 12;
/// In sixteenths where eight bits of U decide.
#[cfg(target_arch = "x86_64")]
const STEPS_OF_8: i32 = 4;
/// In 256ths where [`Judge::closely`] does.
const STEPS_OF_16: i32 = 8;
const MOST: i32 = 2_048;
/// Chords of σ from −8 to 0, and steps that each spans: a power of two.
const CHORDS: usize = 32;
const SPAN: i32 = 10;
/// By how much of 65,536 a chord may lie above σ, rounding and the width of a step included: of the
/// second derivative, .0963 at most, an eighth times the square of a chord's quarter; and 4 for a step.
const ABOVE: u16 = 49 + 4 + 2;

/// Samples the units of all chains: 1 where U < σ(field), U = 2⁻¹⁶ times 16 bits and, where those leave it
/// open, 2⁻⁴⁸ times 32 bits more of `stream`. Each word of 64 units takes two blocks of `bytes`.
///
/// `fields` are whole words of units, `ones` their bits.
#[inline(always)]
pub(super) fn decide<S: Simd>(
    simd: S,
    half: &Half,
    stream: Stream,
    place: (u64, u32),
    bytes: &mut Bytes,
    fields: &[u32],
    ones: &mut [u64],
) {
    let judge = Judge::new(half.exponent());
    // A copy of its own stays in registers.
    let mut own = bytes.clone();
    let words = fields.as_chunks::<WORD>().0.iter().zip(ones);
    for (word, (fields, ones)) in words.enumerate() {
        let numbers = [own.next(simd), own.next(simd)];
        let Judged { ones: sure, open } = judge.judge(fields, &numbers);
        let mut all = sure;
        let mut rest = open;
        while rest != 0 {
            let unit = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            let number = number(&numbers, unit);
            let one = judge.closely(fields[unit], number).unwrap_or_else(|| {
                let extra = stream.bits(place.0 + 2, place.1, (word * WORD + unit) as u32);
                exactly(fields[unit], half.unit(), number, extra)
            });
            all |= u64::from(one) << unit;
        }
        *ones = all;
    }
    *bytes = own;
}

/// The 16 bits of a unit: two units to a number, low first.
#[inline(always)]
fn number(numbers: &[[u32; LANES]; 2], unit: usize) -> u16 {
    (numbers.as_flattened()[unit / 2] >> (16 * (unit % 2))) as u16
}

/// What is sure of a word of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Judged {
    /// Units that are 1.
    ones: u64,
    /// Units for which it is left open.
    open: u64,
}

/// Thresholds of σ.
#[derive(Debug)]
struct Thresholds {
    /// σ(−m/4) in 65,536ths, rounded up, and by how much it falls to the next.
    chords: [u16; CHORDS],
    falls: [u16; CHORDS],
    /// For each [level](level) of |x| the least and the most of σ(−|x|) in 256ths.
    #[cfg(target_arch = "x86_64")]
    level_least: [u8; 16],
    #[cfg(target_arch = "x86_64")]
    level_most: [u8; 16],
    /// σ(x) in 65,536ths, rounded down, at x = (i − 2048)/256; 0 at the first, below which x may lie.
    fine: [u16; 2 * MOST as usize + 1],
}

static THRESHOLDS: LazyLock<Thresholds> = LazyLock::new(|| {
    let chord = |m: usize| (65_536.0 * sigma(-(m as f64) / 4.0)).ceil() as u16;
    let mut fine = [0; 2 * MOST as usize + 1];
    for (i, fine) in fine.iter_mut().enumerate().skip(1) {
        let x = (i as f64 - f64::from(MOST)) / 256.0;
        *fine = (65_536.0 * sigma(x)).floor() as u16;
    }
    #[cfg(target_arch = "x86_64")]
    let (mut level_least, mut level_most) = ([u8::MAX; 16], [0; 16]);
    #[cfg(target_arch = "x86_64")]
    for m in 0..128 {
        // |x| from m/16 to (m + 1)/16, the last one on to infinity.
        let sigma = |m: u8| 256.0 * sigma(-f64::from(m) / 16.0);
        let least = if m < 127 { sigma(m + 1) } else { 0.0 };
        let level = level(m) as usize;
        level_least[level] = level_least[level].min(least.floor() as u8);
        level_most[level] = level_most[level].max(sigma(m).ceil() as u8);
    }
    Thresholds {
        chords: std::array::from_fn(chord),
        falls: std::array::from_fn(|m| chord(m) - chord(m + 1)),
        #[cfg(target_arch = "x86_64")]
        level_least,
        #[cfg(target_arch = "x86_64")]
        level_most,
        fine,
    }
});

/// The level of |x| = m/16: quarters up to 2, halves up to 4, whole numbers up to 8.
#[cfg(target_arch = "x86_64")]
fn level(m: u8) -> u8 {
    (m >> 2).min((m >> 3) + 4).min((m >> 4) + 8)
}

fn sigma(x: f64) -> f64 {
    // From libm rather than the system's library, so that all systems agree to the last bit.
    1.0 / (1.0 + libm::exp(-x))
}

/// How units are judged by the first bits of U.
struct Judge {
    thresholds: &'static Thresholds,
    /// Fields are whole multiples of 2 to minus this. With coarser ones than [`STEPS`], of machines whose
    /// weights are beyond reason, everything is left open.
    exponent: i32,
    #[cfg(target_arch = "x86_64")]
    vectors: Vectors,
}

#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vectors {
    Avx512,
    Avx2,
    None,
}

impl Judge {
    #[inline(always)]
    fn new(exponent: i32) -> Self {
        Self {
            thresholds: &THRESHOLDS,
            exponent,
            #[cfg(target_arch = "x86_64")]
            vectors: if is_x86_feature_detected!("avx512bw") {
                Vectors::Avx512
            } else if is_x86_feature_detected!("avx2") {
                Vectors::Avx2
            } else {
                Vectors::None
            },
        }
    }

    #[inline(always)]
    fn judge(&self, fields: &[u32; WORD], numbers: &[[u32; LANES]; 2]) -> Judged {
        if self.exponent < STEPS {
            return Judged {
                ones: 0,
                open: u64::MAX,
            };
        }
        #[cfg(target_arch = "x86_64")]
        {
            if self.vectors == Vectors::Avx512 {
                // SAFETY: the processor has AVX-512BW, as was asked.
                return unsafe { avx512::judge(self.thresholds, fields, numbers, self.exponent) };
            }
            if self.vectors == Vectors::Avx2 {
                // SAFETY: the processor has AVX2, as was asked.
                return unsafe { avx2::judge(self.thresholds, fields, numbers, self.exponent) };
            }
        }
        judge(self.thresholds, fields, numbers, self.exponent)
    }

    /// More closely; `None` where 16 bits leave it open.
    #[inline(always)]
    fn closely(&self, field: u32, number: u16) -> Option<bool> {
        if self.exponent < STEPS_OF_16 {
            return None;
        }
        let steps = field.cast_signed() >> (self.exponent - STEPS_OF_16);
        let place = (steps.clamp(-MOST, MOST - 1) + MOST) as usize;
        let [least, most] = [self.thresholds.fine[place], self.thresholds.fine[place + 1]];
        // At the last, x may lie anywhere above: nothing of the 65,536ths is sure to be 0.
        let zero = number > most && place + 1 < self.thresholds.fine.len() - 1;
        let one = number < least;
        (zero || one).then_some(one)
    }
}

/// By chords of σ, which between −8 and 0 lie above it. The plain twin of the version for AVX-512, and what
/// other processors run.
fn judge(
    thresholds: &Thresholds,
    fields: &[u32; WORD],
    numbers: &[[u32; LANES]; 2],
    exponent: i32,
) -> Judged {
    let (mut ones, mut open) = (0, 0);
    for (unit, field) in fields.iter().enumerate() {
        // x lies from `steps` to one more; at the ends it goes on to infinity.
        let steps = (field.cast_signed() >> (exponent - STEPS))
            .clamp(i32::from(i16::MIN), i32::from(i16::MAX));
        let negative = steps < 0;
        let distance = if negative { -steps - 1 } else { steps };
        // 1 − U for U, so that the rarer value of the unit is where it is below σ(−|x|).
        let number = number(numbers, unit);
        let number = if negative { number } else { !number };
        let chord = (distance >> SPAN) as usize;
        let along = (distance << (16 - SPAN)) & 0xFFFF;
        let fallen = (along.cast_unsigned() * u32::from(thresholds.falls[chord])) >> 16;
        let chord = thresholds.chords[chord] - fallen as u16;
        let rarer = number < chord.saturating_sub(ABOVE);
        let commoner = number > chord;
        ones |= u64::from(if negative { rarer } else { commoner }) << unit;
        open |= u64::from(!(rarer || commoner)) << unit;
    }
    Judged { ones, open }
}

/// By the first eight bits, for there are no tables of 16-bit numbers: 32 units at a time.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_cvtsi32_si128, _mm_loadu_si128, _mm256_add_epi8, _mm256_and_si256,
        _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256,
        _mm256_max_epu8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_packs_epi16,
        _mm256_packs_epi32, _mm256_packus_epi16, _mm256_permute4x64_epi64,
        _mm256_permutevar8x32_epi32, _mm256_set1_epi8, _mm256_setr_epi32, _mm256_setzero_si256,
        _mm256_shuffle_epi8, _mm256_sra_epi32, _mm256_srli_epi16, _mm256_xor_si256,
    };

    use super::{Judged, LANES, STEPS_OF_8, Thresholds, WORD};

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn judge(
        thresholds: &Thresholds,
        fields: &[u32; WORD],
        numbers: &[[u32; LANES]; 2],
        exponent: i32,
    ) -> Judged {
        let count = _mm_cvtsi32_si128(exponent - STEPS_OF_8);
        let table = |table: &[u8; 16]| {
            // SAFETY: the table is 16 bytes long; the load needs no alignment.
            let table = unsafe { _mm_loadu_si128(table.as_ptr().cast()) };
            _mm256_broadcastsi128_si256(table)
        };
        let (least, most) = (
            table(&thresholds.level_least),
            table(&thresholds.level_most),
        );
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        let all = _mm256_set1_epi8(-1);
        let (mut ones, mut open) = (0, 0);
        let halves = fields.as_chunks::<32>().0.iter().zip(numbers);
        for (half, (fields, numbers)) in halves.enumerate() {
            let load = |part: usize| {
                let fields: &[u32; 8] = &fields.as_chunks().0[part];
                // SAFETY: eight 32-bit numbers are 32 bytes; the load needs no alignment.
                let fields = unsafe { _mm256_loadu_si256(fields.as_ptr().cast()) };
                _mm256_sra_epi32(fields, count)
            };
            let low = _mm256_packs_epi32(load(0), load(1));
            let high = _mm256_packs_epi32(load(2), load(3));
            let steps = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
            let high = |part: usize| {
                let numbers: &[u32; 8] = &numbers.as_chunks().0[part];
                // SAFETY: eight 32-bit numbers are 32 bytes; the load needs no alignment.
                let numbers = unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) };
                _mm256_srli_epi16::<8>(numbers)
            };
            let bytes =
                _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi16(high(0), high(1)));
            let negative = _mm256_cmpgt_epi8(_mm256_setzero_si256(), steps);
            let m = _mm256_xor_si256(steps, negative);
            let bytes = _mm256_xor_si256(bytes, _mm256_xor_si256(negative, all));
            let level = level(m);
            let least = _mm256_shuffle_epi8(least, level);
            let most = _mm256_shuffle_epi8(most, level);
            let not_rarer = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, least), bytes);
            let commoner = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, most), bytes);
            let mask = |x: __m256i| u64::from(_mm256_movemask_epi8(x).cast_unsigned());
            let (negative, not_rarer, commoner) = (mask(negative), mask(not_rarer), mask(commoner));
            let sure = negative & !not_rarer | !negative & commoner;
            ones |= (sure & 0xFFFF_FFFF) << (32 * half);
            open |= (not_rarer & !commoner) << (32 * half);
        }
        Judged { ones, open }
    }

    /// [`super::level`].
    #[inline]
    #[target_feature(enable = "avx2")]
    fn level(m: __m256i) -> __m256i {
        // There are no shifts of bytes: what comes in from the neighbour is cut off.
        let bits = |count: i8| _mm256_set1_epi8(count);
        let quarters = _mm256_and_si256(_mm256_srli_epi16::<2>(m), bits(31));
        let halves = _mm256_and_si256(_mm256_srli_epi16::<3>(m), bits(15));
        let wholes = _mm256_and_si256(_mm256_srli_epi16::<4>(m), bits(7));
        let halves = _mm256_add_epi8(halves, bits(4));
        let wholes = _mm256_add_epi8(wholes, bits(8));
        _mm256_min_epu8(quarters, _mm256_min_epu8(halves, wholes))
    }
}

/// 32 units at a time.
#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512i, _mm_cvtsi32_si128, _mm512_cmpgt_epu16_mask, _mm512_cmplt_epu16_mask,
        _mm512_loadu_si512, _mm512_movepi16_mask, _mm512_mulhi_epu16, _mm512_packs_epi32,
        _mm512_permutexvar_epi16, _mm512_permutexvar_epi64, _mm512_set1_epi16, _mm512_setr_epi64,
        _mm512_slli_epi16, _mm512_sra_epi32, _mm512_srai_epi16, _mm512_srli_epi16,
        _mm512_sub_epi16, _mm512_subs_epu16, _mm512_ternarylogic_epi64, _mm512_xor_si512,
    };

    use super::{ABOVE, Judged, LANES, SPAN, STEPS, Thresholds, WORD};

    /// [`super::judge`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn judge(
        thresholds: &Thresholds,
        fields: &[u32; WORD],
        numbers: &[[u32; LANES]; 2],
        exponent: i32,
    ) -> Judged {
        let count = _mm_cvtsi32_si128(exponent - STEPS);
        let (chords, falls) = (shorts(&thresholds.chords), shorts(&thresholds.falls));
        let order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
        let above = _mm512_set1_epi16(ABOVE.cast_signed());
        let (mut ones, mut open) = (0, 0);
        let halves = fields.as_chunks::<32>().0.iter().zip(numbers);
        for (half, (fields, numbers)) in halves.enumerate() {
            let [low, high] = [0, 1].map(|part| {
                let fields: &[u32; 16] = &fields.as_chunks().0[part];
                _mm512_sra_epi32(words(fields), count)
            });
            let steps = _mm512_permutexvar_epi64(order, _mm512_packs_epi32(low, high));
            let sign = _mm512_srai_epi16::<15>(steps);
            let distance = _mm512_xor_si512(steps, sign);
            // Not (number xor sign).
            let number = _mm512_ternarylogic_epi64::<0xC3>(words(numbers), sign, sign);
            let chord = _mm512_srli_epi16::<{ SPAN.cast_unsigned() }>(distance);
            let along = _mm512_slli_epi16::<{ 16 - SPAN.cast_unsigned() }>(distance);
            let fallen = _mm512_mulhi_epu16(along, _mm512_permutexvar_epi16(chord, falls));
            let chord = _mm512_sub_epi16(_mm512_permutexvar_epi16(chord, chords), fallen);
            let rarer = _mm512_cmplt_epu16_mask(number, _mm512_subs_epu16(chord, above));
            let commoner = _mm512_cmpgt_epu16_mask(number, chord);
            let negative = _mm512_movepi16_mask(steps);
            let sure = negative & rarer | !negative & commoner;
            ones |= u64::from(sure) << (32 * half);
            open |= u64::from(!(rarer | commoner)) << (32 * half);
        }
        Judged { ones, open }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn words(words: &[u32; LANES]) -> __m512i {
        // SAFETY: sixteen 32-bit numbers are 64 bytes; the load needs no alignment.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn shorts(shorts: &[u16; 32]) -> __m512i {
        // SAFETY: 32 16-bit numbers are 64 bytes; the load needs no alignment.
        unsafe { _mm512_loadu_si512(shorts.as_ptr().cast()) }
    }
}

/// U < σ(x) with U = `number`·2⁻¹⁶ + `extra`·2⁻⁴⁸.
fn exactly(field: u32, unit: f64, number: u16, extra: u32) -> bool {
    let number = u64::from(number) << 32 | u64::from(extra);
    let u = number as f64 * 2.0_f64.powi(-48);
    u < sigma(f64::from(field.cast_signed()) * unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXPONENT: i32 = 20;
    const UNIT: f64 = 1.0 / 1_048_576.0;

    /// By every way that this processor has, the plain one first, its twin last.
    fn ways(fields: &[u32; WORD], numbers: &[[u32; LANES]; 2]) -> Vec<Judged> {
        let mut ways = vec![judge(&THRESHOLDS, fields, numbers, EXPONENT)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2.
                ways.push(unsafe { avx2::judge(&THRESHOLDS, fields, numbers, EXPONENT) });
            }
            if is_x86_feature_detected!("avx512bw") {
                // SAFETY: the processor has AVX-512BW.
                ways.push(unsafe { avx512::judge(&THRESHOLDS, fields, numbers, EXPONENT) });
            }
        }
        ways
    }

    fn bounds(field: u32, number: u16) -> [bool; 2] {
        [0, u32::MAX].map(|extra| exactly(field, UNIT, number, extra))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn what_is_sure_is_exact_in_every_way(
            fields in prop::array::uniform32(prop_oneof![any::<i32>(), -10_000_000..10_000_000_i32]),
            numbers in prop::array::uniform32(any::<u32>()),
        ) {
            let mut all = [0; WORD];
            for (place, field) in all.iter_mut().enumerate() {
                *field = fields[place % 32].cast_unsigned().wrapping_mul(1 + place as u32 / 32 * 2);
            }
            let mut pairs = [[0; LANES]; 2];
            pairs.as_flattened_mut().copy_from_slice(&numbers);
            // Half of the units where it is closest.
            for unit in (0..WORD).step_by(2) {
                let exact = (65_536.0 * sigma(f64::from(all[unit].cast_signed()) * UNIT)) as u32;
                let word = &mut pairs[unit / 32][unit % 32 / 2];
                let near = (exact + (*word & 0x7F)).saturating_sub(64).min(0xFFFF);
                *word = *word & 0xFFFF_0000 | near;
            }
            let ways = ways(&all, &pairs);
            if let [plain, _, same] = ways[..] {
                prop_assert_eq!(plain, same);
            }
            for judged in &ways {
                prop_assert_eq!(judged.ones & judged.open, 0);
                for (unit, field) in all.iter().enumerate() {
                    let [least, most] = bounds(*field, number(&pairs, unit));
                    let one = judged.ones >> unit & 1 == 1;
                    let open = judged.open >> unit & 1 == 1;
                    prop_assert!(open || (least == one && most == one));
                }
            }
        }

        #[test]
        fn what_closer_looks_are_sure_of_is_exact(
            field in prop_oneof![any::<i32>(), -10_000_000..10_000_000_i32], number: u16,
        ) {
            let field = field.cast_unsigned();
            let judge = Judge::new(EXPONENT);
            let [least, most] = bounds(field, number);
            if let Some(one) = judge.closely(field, number) {
                prop_assert_eq!((least, most), (one, one));
            }
        }
    }

    #[test]
    fn few_units_are_left_open() {
        let judge = Judge::new(EXPONENT);
        let (mut still, mut all) = (0, 0);
        let mut open = vec![0; ways(&[0; WORD], &[[0; LANES]; 2]).len()];
        for x in -160..160_i32 {
            let field = (x << 16 | 0x8000).cast_unsigned();
            for first in (0..=u16::MAX).step_by(WORD) {
                let pair = |pair: u32| (u32::from(first) + 2 * pair) * 0x1_0001 + 0x1_0000;
                let pairs = [0, 16].map(|first| std::array::from_fn(|k| pair(first + k as u32)));
                for (open, judged) in open.iter_mut().zip(ways(&[field; WORD], &pairs)) {
                    *open += judged.open.count_ones();
                }
                all += WORD as u32;
            }
            let numbers = (0..=u16::MAX).filter(|n| judge.closely(field, *n).is_none());
            still += numbers.count();
        }
        // By chords .0009 of all, and half of that at 0, of those up to 8; a level of eight bits is a quarter
        // where σ is steep: .06 at most, and 1/256 for the byte itself.
        assert!(0 < open[0] && open[0] < all / 1_000, "{open:?} of {all}");
        assert!(
            open.iter().all(|open| *open < all / 25),
            "{open:?} of {all}"
        );
        // A 256th: .001 at most; one number of 65,536 more.
        assert!(0 < still && still < 320 * 65_536 / 1_500, "{still}");
    }

    #[test]
    fn fields_in_coarse_steps_are_left_open() {
        let judge = Judge::new(STEPS_OF_16 - 1);
        let judged = judge.judge(&[0; WORD], &[[0; LANES]; 2]);
        assert_eq!((judged.ones, judged.open), (0, u64::MAX));
        assert_eq!(judge.closely(0, 0), None);
    }
}
