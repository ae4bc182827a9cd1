//! ln(1 + eˣ), alone and summed over units.

use pulp::Arch;

use crate::vectorized;

/// Numbers that are put together at once.
const LANES: usize = 8;
/// Numbers whose exponentials are made at once.
const BLOCK: usize = 64;
/// Factors of one product: each is at most 2, and 2⁹⁶⁰ is still a number.
const FACTORS: usize = 15 * BLOCK;

/// ln(1 + eˣ), without overflow.
#[must_use]
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Σ ln(1 + eˣ), without overflow: within some 10⁻¹⁶ a number, and as much of the sum. NaN if one is NaN.
///
/// It is Σ max(x, 0) + ln Π (1 + e^(−|x|)): one logarithm for many numbers. Of a single number far below 0 [`softplus`] keeps
/// more digits.
#[must_use]
pub fn softplus_sum(numbers: &[f64]) -> f64 {
    let (mut sum, mut logarithms) = (0.0, 0.0);
    for numbers in numbers.chunks(FACTORS) {
        let (mut sums, mut products) = ([0.0; LANES], [1.0; LANES]);
        vectorized(
            Arch::new(),
            #[inline(always)]
            || {
                for numbers in numbers.chunks(BLOCK) {
                    let mut factors = [1.0; BLOCK];
                    for (factor, x) in factors.iter_mut().zip(numbers) {
                        *factor = 1.0 + exp(-x.abs());
                    }
                    let positive = |x: f64| if x > 0.0 { x } else { 0.0 };
                    by_lanes(&mut sums, numbers, |sum, x| sum + positive(x));
                    by_lanes(&mut products, &factors, |product, factor| product * factor);
                }
            },
        );
        sum += sums.iter().sum::<f64>();
        logarithms += products.iter().product::<f64>().ln();
    }
    sum + logarithms
}

/// Puts every eighth number to one of `all`.
#[inline(always)]
fn by_lanes(all: &mut [f64; LANES], numbers: &[f64], put: impl Fn(f64, f64) -> f64) {
    let (whole, rest) = numbers.as_chunks::<LANES>();
    for numbers in whole {
        for (all, x) in all.iter_mut().zip(numbers) {
            *all = put(*all, *x);
        }
    }
    for (all, x) in all.iter_mut().zip(rest) {
        *all = put(*all, *x);
    }
}

/// eˣ of x ≤ 0 by Cody and Waite's reduction x = n ln 2 + r and a polynomial in r. No fused operations and no library
/// calls, so every instruction set gives the same bits.
#[inline(always)]
fn exp(x: f64) -> f64 {
    /// ln 2 in two parts; the first has few bits, so that n times it is exact.
    const LN2_HIGH: f64 = 0.693_147_182_464_599_6;
    const LN2_LOW: f64 = -1.904_654_299_957_768e-9;
    /// 1.5·2⁵²: adding it rounds to the nearest whole number, left in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// 1/n!, from 13 down. |r| ≤ ln 2 / 2: the first term left out is below 10⁻¹⁷ of the sum.
    const TERMS: [f64; 14] = {
        let mut terms = [1.0; 14];
        let mut n = 1;
        while n < 14 {
            let mut place = 0;
            while place + n < 14 {
                terms[place] /= n as f64;
                place += 1;
            }
            n += 1;
        }
        terms
    };
    // Beyond that 1 is not changed by it. `if` rather than `max` keeps NaN.
    let x = if x < -100.0 { -100.0 } else { x };
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let [first, rest @ ..] = TERMS;
    let mut series = first;
    for term in rest {
        series = series * r + term;
    }
    let exponent = shifted
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(1_023)
        << 52;
    series * f64::from_bits(exponent)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn softplus_has_its_limits() {
        assert!((softplus(0.0) - std::f64::consts::LN_2).abs() < 1e-15);
        assert!((softplus(800.0) - 800.0).abs() < 1e-12);
        assert!((softplus(-30.0) - (-30.0_f64).exp()).abs() < 1e-20);
    }

    #[test]
    fn powers_of_e_are_those_of_the_library() {
        for i in 0..=100_000 {
            let x = -1e-3 * f64::from(i);
            let exact = x.exp();
            assert!((exp(x) - exact).abs() <= 4e-16 * exact, "{x}");
        }
        assert!(exp(f64::NAN).is_nan() && exp(f64::NEG_INFINITY) < 1e-43);
    }

    #[test]
    fn sums_have_their_limits() {
        assert!(softplus_sum(&[]).abs() < 1e-300);
        assert!(softplus_sum(&[1.0, f64::NAN, -2.0]).is_nan());
        assert!(softplus_sum(&[f64::INFINITY, 0.0]) == f64::INFINITY);
        assert!(softplus_sum(&[f64::NEG_INFINITY; 9]).abs() < 1e-300);
        // More factors of 2 than a number holds.
        let many = softplus_sum(&vec![0.0; 5_000]) / 5_000.0;
        assert!((many - std::f64::consts::LN_2).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn sums_are_those_of_their_terms(numbers in prop::collection::vec(-60.0..60.0_f64, 0..2_100)) {
            // What each addition rounds away is added, too.
            let (mut sum, mut lost) = (0.0_f64, 0.0);
            for term in numbers.iter().map(|x| softplus(*x)) {
                let next = sum + term;
                lost += (sum - next) + term;
                sum = next;
            }
            let (found, exact) = (softplus_sum(&numbers), sum + lost);
            let allowed = 1e-15 * (numbers.len() as f64 + exact);
            prop_assert!((found - exact).abs() <= allowed, "{found} for {exact}");
        }
    }
}
