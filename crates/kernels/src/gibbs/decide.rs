//! From fields to samples.

use crate::gibbs::half::{Half, ones};
use crate::philox::Stream;

/// Relative error that the vector σ is allowed: it makes 8·10⁻⁵ (Taylor's series cut after the fourth
/// power of |z| ≤ ln 2 / 2, 6·10⁻⁵, and a field in single precision, 10⁻⁵).
const MARGIN: f32 = 1.0 / 8_192.0;

/// Samples the units of all chains: 1 where U < σ(field), U made of the unit's 16-bit number in
/// `uniform` and, where that leaves it open, of 32 bits more. `uniform` must be longer than the units of
/// all chains by a vector.
#[inline(always)]
pub(super) fn decide(
    half: &Half,
    stream: Stream,
    place: (u64, u32),
    fields: &[u32],
    uniform: &[u16],
    packed: &mut [u64],
) {
    #[cfg(target_arch = "x86_64")]
    let vectors = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let (units, unit) = (half.units(), half.unit());
    let wide = units.div_ceil(64).max(1);
    let rows = fields
        .chunks(half.stride().max(1))
        .zip(packed.chunks_mut(wide));
    for (chain, (fields, words)) in rows.enumerate() {
        let first = chain * units;
        for (number, word) in words.iter_mut().enumerate() {
            let from = number * 64;
            let fields = &fields[from..fields.len().min(from + 64)];
            let uniform = &uniform[first + from..][..fields.len()];
            #[cfg(target_arch = "x86_64")]
            let judged = if vectors {
                // SAFETY: the processor has AVX2 and FMA, as was just asked.
                unsafe { avx2::judge(fields, uniform, unit as f32) }
            } else {
                judge(fields, uniform, unit as f32)
            };
            #[cfg(not(target_arch = "x86_64"))]
            let judged = judge(fields, uniform, unit as f32);
            let width = (units - from).min(64);
            let within = u64::MAX >> (64 - width);
            *word = judged.ones & within;
            for unit_number in ones(&[judged.open & within]) {
                let position = (first + from + unit_number) as u32;
                let extra = stream.bits(place.0 + 2, place.1, position);
                let one = exactly(fields[unit_number], unit, uniform[unit_number], extra);
                *word |= u64::from(one) << unit_number;
            }
        }
    }
}

/// What the 16 bits say of up to 64 units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Judged {
    /// Units that are 1.
    ones: u64,
    /// Units for which the 16 bits leave it open.
    open: u64,
}

/// 1.5·2²³: adding it rounds to the nearest whole number, left in the low bits.
const ROUND: f32 = 12_582_912.0;
/// Powers of ln 2 over factorials: 2ᶠ = Σ (f ln 2)ⁱ / i!.
const LN2: f32 = std::f32::consts::LN_2;
const TERMS: [f32; 5] = [
    1.0,
    LN2,
    LN2 * LN2 / 2.0,
    LN2 * LN2 * LN2 / 6.0,
    LN2 * LN2 * LN2 * LN2 / 24.0,
];
/// Beyond these powers of 2 the answer is sure or open whatever the rest.
const LARGEST: f32 = 126.0;
const SURELY_ONE: f32 = 65_536.0 * (1.0 - MARGIN);
const SURELY_ZERO: f32 = 65_536.0 * (1.0 + MARGIN);

/// The plain twin of [`avx2::judge`], and what other processors run.
#[inline(always)]
fn judge(fields: &[u32], uniform: &[u16], unit: f32) -> Judged {
    let (mut ones, mut open) = (0, 0);
    let scale = -unit * std::f32::consts::LOG2_E;
    for (place, (field, number)) in fields.iter().zip(uniform).enumerate() {
        // 1/σ(x) = 1 + e⁻ˣ = 1 + 2ʸ, and U < σ is U/σ < 1: no division.
        let y = field.cast_signed() as f32 * scale;
        let y = y.clamp(-LARGEST, LARGEST);
        let shifted = y + ROUND;
        let f = y - (shifted - ROUND);
        let series = TERMS[3] + f * TERMS[4];
        let series = TERMS[2] + f * series;
        let series = TERMS[1] + f * series;
        let series = TERMS[0] + f * series;
        // The bits of ROUND fall off at the top.
        let power = f32::from_bits(series.to_bits().wrapping_add(shifted.to_bits() << 23));
        let inverse = 1.0 + power;
        let number = f32::from(*number);
        let zero = number * inverse >= SURELY_ZERO;
        let one = number * inverse + inverse <= SURELY_ONE;
        ones |= u64::from(one) << place;
        open |= u64::from(!(one | zero)) << place;
    }
    Judged { ones, open }
}

/// Eight units at a time.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        _CMP_GE_OQ, _CMP_LE_OQ, _mm_loadu_si128, _mm256_add_epi32, _mm256_add_ps,
        _mm256_castps_si256, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cvtepi32_ps,
        _mm256_cvtepu16_epi32, _mm256_fmadd_ps, _mm256_loadu_si256, _mm256_max_ps, _mm256_min_ps,
        _mm256_movemask_ps, _mm256_mul_ps, _mm256_or_ps, _mm256_set1_ps, _mm256_slli_epi32,
        _mm256_sub_ps,
    };

    use super::{Judged, LARGEST, ROUND, SURELY_ONE, SURELY_ZERO, TERMS};

    /// [`super::judge`] for whole groups of eight units, at most eight of them.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn judge(fields: &[u32], uniform: &[u16], unit: f32) -> Judged {
        let scale = _mm256_set1_ps(-unit * std::f32::consts::LOG2_E);
        let largest = _mm256_set1_ps(LARGEST);
        let least = _mm256_set1_ps(-LARGEST);
        let round = _mm256_set1_ps(ROUND);
        let terms = TERMS.map(|term| _mm256_set1_ps(term));
        let (mut ones, mut open) = (0, 0);
        let groups = fields
            .as_chunks::<8>()
            .0
            .iter()
            .zip(uniform.as_chunks::<8>().0);
        for (number, (fields, uniform)) in groups.enumerate() {
            // SAFETY: an array of eight 32-bit numbers is 32 bytes long, one of 16-bit numbers 16;
            // these loads need no alignment.
            let (fields, uniform) = unsafe {
                (
                    _mm256_loadu_si256(fields.as_ptr().cast()),
                    _mm_loadu_si128(uniform.as_ptr().cast()),
                )
            };
            let y = _mm256_mul_ps(_mm256_cvtepi32_ps(fields), scale);
            let y = _mm256_max_ps(_mm256_min_ps(y, largest), least);
            let shifted = _mm256_add_ps(y, round);
            let f = _mm256_sub_ps(y, _mm256_sub_ps(shifted, round));
            let series = _mm256_fmadd_ps(f, terms[4], terms[3]);
            let series = _mm256_fmadd_ps(f, series, terms[2]);
            let series = _mm256_fmadd_ps(f, series, terms[1]);
            let series = _mm256_fmadd_ps(f, series, terms[0]);
            let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(shifted));
            let power = _mm256_add_epi32(_mm256_castps_si256(series), exponent);
            let inverse = _mm256_add_ps(_mm256_castsi256_ps(power), terms[0]);
            let number_16 = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(uniform));
            let low = _mm256_mul_ps(number_16, inverse);
            let high = _mm256_add_ps(low, inverse);
            let zero = _mm256_cmp_ps::<_CMP_GE_OQ>(low, _mm256_set1_ps(SURELY_ZERO));
            let one = _mm256_cmp_ps::<_CMP_LE_OQ>(high, _mm256_set1_ps(SURELY_ONE));
            let sure = _mm256_movemask_ps(_mm256_or_ps(one, zero));
            let one = _mm256_movemask_ps(one);
            ones |= u64::from(one.cast_unsigned()) << (8 * number);
            open |= u64::from((!sure & 0xFF).cast_unsigned()) << (8 * number);
        }
        Judged { ones, open }
    }
}

/// U < σ(x) with U = `uniform`·2⁻¹⁶ + `extra`·2⁻⁴⁸.
fn exactly(field: u32, unit: f64, uniform: u16, extra: u32) -> bool {
    let x = f64::from(field.cast_signed()) * unit;
    let number = u64::from(uniform) << 32 | u64::from(extra);
    let u = number as f64 * 2.0_f64.powi(-48);
    // From libm rather than the system's library, so that all systems agree to the last bit.
    u < 1.0 / (1.0 + libm::exp(-x))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNIT: f64 = 1.0 / 1_048_576.0;

    /// By every way that this processor has.
    fn ways(fields: &[u32], uniform: &[u16]) -> Vec<Judged> {
        let mut ways = vec![judge(fields, uniform, UNIT as f32)];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has AVX2 and FMA.
            ways.push(unsafe { avx2::judge(fields, uniform, UNIT as f32) });
        }
        ways
    }

    proptest! {
        #[test]
        fn what_they_are_sure_of_is_exact(
            units in prop::collection::vec(
                (prop_oneof![any::<i32>(), -30_000_000..30_000_000_i32], any::<u16>()), 1..=8
            ),
        ) {
            let fields: Vec<u32> = units.iter().flat_map(|(x, _)| [x.cast_unsigned(); 8]).collect();
            let uniform: Vec<u16> = units.iter().flat_map(|(_, number)| [*number; 8]).collect();
            for judged in ways(&fields, &uniform) {
                for (place, (field, number)) in fields.iter().zip(&uniform).enumerate() {
                    let one = judged.ones >> place & 1 == 1;
                    let open = judged.open >> place & 1 == 1;
                    let [least, most] = [0, u32::MAX].map(|extra| exactly(*field, UNIT, *number, extra));
                    prop_assert!(open || (least == one && most == one));
                    prop_assert!(!(open && one));
                }
                let beyond = u64::MAX.checked_shl(fields.len() as u32).unwrap_or(0);
                prop_assert_eq!((judged.ones | judged.open) & beyond, 0);
            }
        }
    }

    #[test]
    fn few_units_are_left_open() {
        let mut open = [0; 2];
        for x in -160..160_i32 {
            let fields = [(x << 16).cast_unsigned(); 64];
            for number in (0..=u16::MAX).step_by(64) {
                let uniform: Vec<u16> = (number..=number + 63).collect();
                for (way, judged) in ways(&fields, &uniform).iter().enumerate() {
                    open[way] += judged.open.count_ones();
                }
            }
        }
        // One number of 65,536, and what the margin covers: 2·2⁻¹³ of the probability, .5 on average.
        let most = 320.0 * 65_536.0 * (1.0 / 65_536.0 + 1.1 / 8_192.0);
        assert!(
            open.iter().all(|count| f64::from(*count) < most),
            "{open:?}"
        );
        assert!(open[0] > 0);
    }
}
