//! Sums of real numbers as whole numbers, exact in any order.

use pulp::Arch;

use crate::vectorized;

/// 1.5·2⁵²: adding it rounds to a whole number, left in the low bits.
const MAGIC: f64 = 6_755_399_441_055_744.0;

/// `sums[j] ± round(row[j] · scale[j])`, plus where `joins`, minus where not.
///
/// The products must stay within ±2⁵⁰; whole numbers that do not overflow add up to the same in any
/// order, and what is added can be taken away again without a trace.
///
/// # Panics
/// If the lengths differ.
pub fn add_fixed(sums: &mut [i64], row: &[f32], scale: &[f64], joins: bool) {
    assert!(
        sums.len() == row.len() && row.len() == scale.len(),
        "one sum and one scale per number"
    );
    vectorized(
        Arch::new(),
        #[inline(always)]
        || add(sums, row, scale, joins),
    );
}

#[inline(always)]
fn add(sums: &mut [i64], row: &[f32], scale: &[f64], joins: bool) {
    let sign = if joins { 1.0 } else { -1.0 };
    for ((sum, x), scale) in sums.iter_mut().zip(row).zip(scale) {
        let shifted = sign * f64::from(*x) * *scale + MAGIC;
        let number = shifted
            .to_bits()
            .wrapping_sub(MAGIC.to_bits())
            .cast_signed();
        *sum = sum.wrapping_add(number);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn adds_rounded_numbers_and_takes_them_away(
            row in prop::collection::vec(-1.0_f32..1.0, 0..50), exponent in 0..50_i32,
        ) {
            let scale = vec![2.0_f64.powi(exponent); row.len()];
            let mut sums = vec![7; row.len()];
            add_fixed(&mut sums, &row, &scale, true);
            for (sum, x) in sums.iter().zip(&row) {
                let exact = (f64::from(*x) * scale.first().unwrap_or(&1.0)).round_ties_even();
                prop_assert_eq!(*sum, 7 + exact as i64);
            }
            let mut plain = vec![7; row.len()];
            add(&mut plain, &row, &scale, true);
            prop_assert_eq!(&plain, &sums);
            add_fixed(&mut sums, &row, &scale, false);
            prop_assert_eq!(sums, vec![7; row.len()]);
        }
    }
}
