//! From fields to samples.

use crate::bits::pack_bytes;
use crate::gibbs::LANES;
use crate::gibbs::half::Half;
use crate::philox::Stream;

/// Relative error that the vector σ is allowed: it makes 8·10⁻⁵ (Taylor's series cut after the fourth
/// power of |z| ≤ ln 2 / 2, 6·10⁻⁵, and a field in single precision, 10⁻⁵).
const MARGIN: f32 = 1.0 / 8_192.0;

/// Samples the units of all chains: 1 where U < σ(field), U made of the unit's 16-bit number in
/// `uniform` and, where that leaves it open, of 32 bits more. `uniform` may be longer than needed and
/// must be longer by a vector.
#[inline(always)]
pub(super) fn decide(
    half: &Half,
    stream: Stream,
    place: (u64, u32),
    fields: &[u32],
    uniform: &[u16],
    packed: &mut [u64],
) {
    let units = half.units();
    let wide = units.div_ceil(64).max(1);
    let rows = fields
        .chunks(half.stride().max(1))
        .zip(packed.chunks_mut(wide));
    for (chain, (fields, words)) in rows.enumerate() {
        let first = chain * units;
        for (number, word) in words.iter_mut().enumerate() {
            let from = number * 64;
            let fields = &fields[from..fields.len().min(from + 64)];
            let uniform = &uniform[first + from..];
            let (mut ones, mut open) = ([0_u8; 64], [0_u8; 64]);
            let mut any = [0_u8; LANES];
            let vectors = fields.as_chunks::<LANES>().0.iter();
            let vectors = vectors.zip(uniform.as_chunks::<LANES>().0);
            let outs = ones.as_chunks_mut::<LANES>().0.iter_mut();
            let outs = outs.zip(open.as_chunks_mut::<LANES>().0);
            for ((fields, uniform), (ones, open)) in vectors.zip(outs) {
                judge(fields, uniform, half.unit() as f32, ones, open);
                for (any, open) in any.iter_mut().zip(open) {
                    *any |= *open;
                }
            }
            let width = (units - from).min(64);
            if any != [0; LANES] {
                for unit in (0..width).filter(|unit| open[*unit] != 0) {
                    let position = (first + from + unit) as u32;
                    let extra = stream.bits(place.0 + 2, place.1, position);
                    let one = exactly(fields[unit], half.unit(), uniform[unit], extra);
                    ones[unit] = u8::from(one);
                }
            }
            *word = pack_bytes(&ones) & (u64::MAX >> (64 - width));
        }
    }
}

/// Which units are 1, and for which the 16 bits leave it open.
#[inline(always)]
fn judge(
    fields: &[u32; LANES],
    uniform: &[u16; LANES],
    unit: f32,
    ones: &mut [u8; LANES],
    open: &mut [u8; LANES],
) {
    /// 1.5·2²³: adding it rounds to the nearest whole number, left in the low bits.
    const ROUND: f32 = 12_582_912.0;
    /// Powers of ln 2 over factorials: 2ᶠ = Σ (f ln 2)ⁱ / i!.
    const LN2: f32 = std::f32::consts::LN_2;
    const TERMS: [f32; 4] = [
        LN2,
        LN2 * LN2 / 2.0,
        LN2 * LN2 * LN2 / 6.0,
        LN2 * LN2 * LN2 * LN2 / 24.0,
    ];
    const SURELY_ONE: f32 = 65_536.0 * (1.0 - MARGIN);
    const SURELY_ZERO: f32 = 65_536.0 * (1.0 + MARGIN);
    let scale = -unit * std::f32::consts::LOG2_E;
    for lane in 0..LANES {
        // 1/σ(x) = 1 + e⁻ˣ = 1 + 2ʸ, and U < σ is U/σ < 1: no division.
        let y = fields[lane].cast_signed() as f32 * scale;
        let y = if y > 126.0 { 126.0 } else { y };
        let y = if y < -126.0 { -126.0 } else { y };
        let shifted = y + ROUND;
        let f = y - (shifted - ROUND);
        let series = TERMS[2] + f * TERMS[3];
        let series = TERMS[1] + f * series;
        let series = TERMS[0] + f * series;
        let series = 1.0 + f * series;
        let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()) << 23;
        let power = f32::from_bits(series.to_bits().wrapping_add(exponent));
        let inverse = 1.0 + power;
        let number = f32::from(uniform[lane]);
        let zero = number * inverse >= SURELY_ZERO;
        let one = (number + 1.0) * inverse <= SURELY_ONE;
        ones[lane] = u8::from(one);
        open[lane] = u8::from(!(one | zero));
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

    proptest! {
        #[test]
        fn what_the_vectors_are_sure_of_is_exact(
            field in prop_oneof![any::<i32>(), -30_000_000..30_000_000_i32], uniform: u16,
        ) {
            let unit = 2.0_f64.powi(-20);
            let (mut ones, mut open) = ([0; LANES], [0; LANES]);
            let fields = [field.cast_unsigned(); LANES];
            judge(&fields, &[uniform; LANES], unit as f32, &mut ones, &mut open);
            let (least, most) = (exactly(fields[0], unit, uniform, 0), exactly(fields[0], unit, uniform, u32::MAX));
            for (one, open) in ones.iter().zip(open) {
                prop_assert!(open == 1 || (*one == 1) == least && least == most);
            }
        }
    }

    #[test]
    fn few_units_are_left_open() {
        let unit = 2.0_f64.powi(-20);
        let mut count = 0;
        for x in -160..160_i32 {
            for number in 0..=u16::MAX {
                let (mut ones, mut open) = ([0; LANES], [0; LANES]);
                let fields = [(x << 16).cast_unsigned(); LANES];
                judge(&fields, &[number; LANES], unit as f32, &mut ones, &mut open);
                count += u64::from(open[0]);
            }
        }
        // One number of 65,536 and what the margin covers, at most 2·2⁻¹³ of a probability.
        let share = count as f64 / (320.0 * 65_536.0);
        assert!(share < 2.0 / 8_192.0, "{share}");
    }
}
