//! From fields to samples.

use std::sync::LazyLock;

use pulp::Simd;

use crate::gibbs::half::Half;
use crate::gibbs::random::Bytes;
use crate::philox::Stream;

/// Units that are decided together: the bits of a word.
pub(super) const WORD: usize = 64;
/// Fields count in sixteenths where eight bits of U decide, up to eight.
const STEPS_OF_8: i32 = 4;
/// In 256ths, up to eight, where sixteen do.
const STEPS_OF_16: i32 = 8;
const MOST: i32 = 2_048;

/// Samples the units of all chains: 1 where U < σ(field), U = 2⁻⁸ (first byte) + 2⁻¹⁶ (second byte) and,
/// where that leaves it open, 2⁻⁴⁸ times 32 bits more of `stream`. Each word of 64 units takes a block of
/// first bytes and one of second bytes.
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
        let first = own.next(simd);
        let second = own.next(simd);
        let Judged { ones: sure, open } = judge.judge(fields, &first);
        let mut all = sure;
        let mut rest = open;
        while rest != 0 {
            let unit = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            let byte = |bytes: &[u32; 16]| bytes[unit / 4] >> (8 * (unit % 4)) & 0xFF;
            let number = (byte(&first) << 8 | byte(&second)) as u16;
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

/// What the first bytes say of a word of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Judged {
    /// Units that are 1.
    ones: u64,
    /// Units for which the first byte leaves it open.
    open: u64,
}

/// Thresholds of σ.
#[derive(Debug)]
struct Thresholds {
    /// For |x| from m/16 to (m + 1)/16, the last one on to infinity, s = σ(−|x|) in 256ths: at least
    /// `least[m]`, at most `most[m]`.
    least: [u8; 128],
    most: [u8; 128],
    /// The same for each [level](level) of |x|.
    level_least: [u8; 16],
    level_most: [u8; 16],
    /// σ(x) in 65,536ths, rounded down, at x = (i − 2048)/256; 0 at the first, below which x may lie.
    fine: [u16; 2 * MOST as usize + 1],
}

static THRESHOLDS: LazyLock<Thresholds> = LazyLock::new(|| {
    let (mut least, mut most) = ([0; 128], [0; 128]);
    let (mut level_least, mut level_most) = ([u8::MAX; 16], [0; 16]);
    for m in 0..128 {
        let sigma = |m: usize| 256.0 * sigma(-(m as f64) / 16.0);
        if m < 127 {
            least[m] = sigma(m + 1).floor() as u8;
        }
        most[m] = sigma(m).ceil() as u8;
        let level = level(m as u8) as usize;
        level_least[level] = level_least[level].min(least[m]);
        level_most[level] = level_most[level].max(most[m]);
    }
    let mut fine = [0; 2 * MOST as usize + 1];
    for (i, fine) in fine.iter_mut().enumerate().skip(1) {
        let x = (i as f64 - f64::from(MOST)) / 256.0;
        *fine = (65_536.0 * sigma(x)).floor() as u16;
    }
    Thresholds {
        least,
        most,
        level_least,
        level_most,
        fine,
    }
});

/// The level of |x| = m/16: quarters up to 2, halves up to 4, whole numbers up to 8.
#[inline(always)]
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
    /// Fields are whole multiples of 2 to minus this. With coarser ones than [`STEPS_OF_16`], of machines
    /// whose weights are beyond reason, everything is left open.
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
            vectors: if is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vbmi")
            {
                Vectors::Avx512
            } else if is_x86_feature_detected!("avx2") {
                Vectors::Avx2
            } else {
                Vectors::None
            },
        }
    }

    /// By the first bytes.
    #[inline(always)]
    fn judge(&self, fields: &[u32; WORD], bytes: &[u32; 16]) -> Judged {
        if self.exponent < STEPS_OF_16 {
            return Judged {
                ones: 0,
                open: u64::MAX,
            };
        }
        let shift = (self.exponent - STEPS_OF_8).cast_unsigned();
        #[cfg(target_arch = "x86_64")]
        {
            let thresholds = self.thresholds;
            if self.vectors == Vectors::Avx512 {
                // SAFETY: the processor has AVX-512BW and AVX-512VBMI, as was asked.
                return unsafe { avx512::judge(thresholds, fields, bytes, shift) };
            }
            if self.vectors == Vectors::Avx2 {
                // SAFETY: the processor has AVX2, as was asked.
                return unsafe { avx2::judge(thresholds, fields, bytes, shift) };
            }
        }
        judge(self.thresholds, fields, bytes, shift)
    }

    /// By sixteen bits; `None` where they leave it open.
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

/// The plain twin of the vector versions, and what other processors run.
fn judge(thresholds: &Thresholds, fields: &[u32; WORD], bytes: &[u32; 16], shift: u32) -> Judged {
    let (mut ones, mut open) = (0, 0);
    for (unit, field) in fields.iter().enumerate() {
        // x lies from `steps`/16 to one more; at the ends it goes on to infinity.
        let steps = (field.cast_signed() >> shift).clamp(-128, 127);
        let negative = steps < 0;
        let m = if negative { -steps - 1 } else { steps };
        let byte = (bytes[unit / 4] >> (8 * (unit % 4))) as u8;
        // 1 − U for U, so that the rarer value of the unit is where it is below s = σ(−|x|).
        let byte = if negative { byte } else { !byte };
        let rarer = byte < thresholds.least[m as usize];
        let commoner = byte >= thresholds.most[m as usize];
        ones |= u64::from(if negative { rarer } else { commoner }) << unit;
        open |= u64::from(!(rarer || commoner)) << unit;
    }
    Judged { ones, open }
}

/// 32 units at a time.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_cvtsi32_si128, _mm_loadu_si128, _mm256_add_epi8, _mm256_and_si256,
        _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256,
        _mm256_max_epu8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_packs_epi16,
        _mm256_packs_epi32, _mm256_permutevar8x32_epi32, _mm256_set1_epi8, _mm256_setr_epi32,
        _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_sra_epi32, _mm256_srli_epi16,
        _mm256_xor_si256,
    };

    use super::{Judged, Thresholds, WORD};

    /// [`super::judge`].
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn judge(
        thresholds: &Thresholds,
        fields: &[u32; WORD],
        bytes: &[u32; 16],
        shift: u32,
    ) -> Judged {
        let count = _mm_cvtsi32_si128(shift.cast_signed());
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
        let halves = fields
            .as_chunks::<32>()
            .0
            .iter()
            .zip(bytes.as_chunks::<8>().0);
        for (half, (fields, bytes)) in halves.enumerate() {
            let load = |part: usize| {
                let fields: &[u32; 8] = &fields.as_chunks().0[part];
                // SAFETY: eight 32-bit numbers are 32 bytes; the load needs no alignment.
                let fields = unsafe { _mm256_loadu_si256(fields.as_ptr().cast()) };
                _mm256_sra_epi32(fields, count)
            };
            let low = _mm256_packs_epi32(load(0), load(1));
            let high = _mm256_packs_epi32(load(2), load(3));
            let steps = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
            // SAFETY: eight 32-bit numbers are 32 bytes; the load needs no alignment.
            let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
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

/// 64 units at a time.
#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        _mm_cvtsi32_si128, _mm512_cmpge_epu8_mask, _mm512_cmplt_epu8_mask, _mm512_loadu_si512,
        _mm512_movepi8_mask, _mm512_movm_epi8, _mm512_packs_epi16, _mm512_packs_epi32,
        _mm512_permutex2var_epi8, _mm512_permutexvar_epi32, _mm512_setr_epi32, _mm512_sra_epi32,
        _mm512_xor_si512,
    };

    use super::{Judged, Thresholds, WORD};

    /// [`super::judge`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) fn judge(
        thresholds: &Thresholds,
        fields: &[u32; WORD],
        bytes: &[u32; 16],
        shift: u32,
    ) -> Judged {
        let count = _mm_cvtsi32_si128(shift.cast_signed());
        let table = |table: &[u8; 128]| {
            [0, 64].map(|first| {
                let half = &table[first..first + 64];
                // SAFETY: half a table is 64 bytes long; the load needs no alignment.
                unsafe { _mm512_loadu_si512(half.as_ptr().cast()) }
            })
        };
        let (least, most) = (table(&thresholds.least), table(&thresholds.most));
        let load = |part: usize| {
            let fields: &[u32; 16] = &fields.as_chunks().0[part];
            // SAFETY: sixteen 32-bit numbers are 64 bytes; the load needs no alignment.
            let fields = unsafe { _mm512_loadu_si512(fields.as_ptr().cast()) };
            _mm512_sra_epi32(fields, count)
        };
        let low = _mm512_packs_epi32(load(0), load(1));
        let high = _mm512_packs_epi32(load(2), load(3));
        let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        let steps = _mm512_permutexvar_epi32(order, _mm512_packs_epi16(low, high));
        // SAFETY: sixteen 32-bit numbers are 64 bytes; the load needs no alignment.
        let bytes = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
        let negative = _mm512_movepi8_mask(steps);
        let m = _mm512_xor_si512(steps, _mm512_movm_epi8(negative));
        let bytes = _mm512_xor_si512(bytes, _mm512_movm_epi8(!negative));
        let least = _mm512_permutex2var_epi8(least[0], m, least[1]);
        let most = _mm512_permutex2var_epi8(most[0], m, most[1]);
        let rarer = _mm512_cmplt_epu8_mask(bytes, least);
        let commoner = _mm512_cmpge_epu8_mask(bytes, most);
        Judged {
            ones: negative & rarer | !negative & commoner,
            open: !(rarer | commoner),
        }
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

    /// By every way that this processor has, the plain one first.
    fn ways(fields: &[u32; WORD], bytes: &[u32; 16]) -> Vec<Judged> {
        let shift = (EXPONENT - STEPS_OF_8).cast_unsigned();
        let mut ways = vec![judge(&THRESHOLDS, fields, bytes, shift)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2.
                ways.push(unsafe { avx2::judge(&THRESHOLDS, fields, bytes, shift) });
            }
            if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi") {
                // SAFETY: the processor has AVX-512BW and AVX-512VBMI.
                ways.push(unsafe { avx512::judge(&THRESHOLDS, fields, bytes, shift) });
            }
        }
        ways
    }

    fn bounds(field: u32, byte: u8) -> [bool; 2] {
        let first = u16::from(byte) << 8;
        [(first, 0), (first | 0xFF, u32::MAX)].map(|(n, extra)| exactly(field, UNIT, n, extra))
    }

    proptest! {
        #[test]
        fn no_way_contradicts_another_and_what_they_are_sure_of_is_exact(
            fields in prop::array::uniform32(prop_oneof![any::<i32>(), -10_000_000..10_000_000_i32]),
            bytes in prop::array::uniform16(any::<u32>()),
        ) {
            let mut all = [0; WORD];
            for (place, field) in all.iter_mut().enumerate() {
                *field = fields[place % 32].cast_unsigned().wrapping_mul(1 + place as u32 / 32 * 2);
            }
            let ways = ways(&all, &bytes);
            // With fewer levels more is left open, and nothing is decided otherwise.
            for judged in &ways[1..] {
                prop_assert_eq!(judged.open & ways[0].open, ways[0].open);
                prop_assert_eq!(judged.ones, ways[0].ones & !judged.open);
            }
            if let [plain, _, same] = ways[..] {
                prop_assert_eq!(plain, same);
            }
            for (place, field) in all.iter().enumerate() {
                let one = ways[0].ones >> place & 1 == 1;
                let open = ways[0].open >> place & 1 == 1;
                let byte = (bytes[place / 4] >> (8 * (place % 4))) as u8;
                let [least, most] = bounds(*field, byte);
                prop_assert!(open || (least == one && most == one));
                prop_assert!(!(open && one));
            }
        }

        #[test]
        fn what_sixteen_bits_are_sure_of_is_exact(
            field in prop_oneof![any::<i32>(), -10_000_000..10_000_000_i32], number: u16,
        ) {
            let field = field.cast_unsigned();
            let judge = Judge::new(EXPONENT);
            let [least, most] = [0, u32::MAX].map(|extra| exactly(field, UNIT, number, extra));
            if let Some(one) = judge.closely(field, number) {
                prop_assert_eq!((least, most), (one, one));
            }
        }
    }

    #[test]
    fn few_units_are_left_open() {
        let judge = Judge::new(EXPONENT);
        let (mut open, mut still, mut all) = (0, 0, 0);
        for x in -160..160_i32 {
            let field = (x << 16 | 0x8000).cast_unsigned();
            let number = |n: u32| n.wrapping_mul(0x0101_0101);
            for first in 0..16_u32 {
                // Each of the 256 bytes in one of 16 blocks of sixteen words.
                let bytes: [u32; 16] = std::array::from_fn(|k| number(16 * first + k as u32));
                let judged = judge.judge(&[field; WORD], &bytes);
                open += judged.open.count_ones();
                all += 64;
            }
            let numbers = (0..=u16::MAX).filter(|n| judge.closely(field, *n).is_none());
            still += numbers.count();
        }
        // A level is a quarter where σ is steep: .06 at most; 1/256 more for the byte itself.
        assert!(0 < open && open < all / 25, "{open} of {all}");
        // A 256th: .001 at most; one number of 65,536 more.
        assert!(0 < still && still < 320 * 65_536 / 1_500, "{still}");
    }

    #[test]
    fn fields_in_coarse_steps_are_left_open() {
        let judge = Judge::new(STEPS_OF_16 - 1);
        assert_eq!(judge.judge(&[0; WORD], &[0; 16]).open, u64::MAX);
        assert_eq!(judge.closely(0, 0), None);
    }
}
