//! Pixels, which are digits as they are.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::bytes;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor;
use crate::parts::{BYTES, DEPTH, WHOLE, WIDTH};
use crate::pixels::Group;

/// Puts a row there, by groups with 0 beyond its end, if all of it are pixels; else anything is there.
pub(crate) fn put_row(row: &[f32], groups: &mut [Group]) -> bool {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        return unsafe { processor::put_row(row, groups) };
    }
    put_row_plainly(row, groups)
}

/// The plain twin.
pub(super) fn put_row_plainly(row: &[f32], groups: &mut [Group]) -> bool {
    let mut all = true;
    for (values, group) in row.chunks(DEPTH).zip(groups) {
        let mut padded = [0.0; DEPTH];
        let values = values.first_chunk().unwrap_or_else(|| {
            padded[..values.len()].copy_from_slice(values);
            &padded
        });
        for (place, out) in group.iter_mut().enumerate() {
            let mut bytes = 0;
            for byte in 0..BYTES {
                let value = values[WIDTH * byte + place];
                // What is no number, or negative, becomes 0, which it is not.
                let level = (value * WHOLE + 0.5) as u32;
                let same = (level as f32 / WHOLE).to_bits() == value.to_bits();
                all &= level <= 255 && same;
                bytes |= level << (8 * byte);
            }
            *out = bytes;
        }
    }
    all
}

/// Adds the pixels of each of the rows to `sums`, one row after the other.
pub(super) fn add_greys(rows: &[Group], sums: &mut [f32; DEPTH]) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        unsafe { processor::add_greys(rows, sums) };
        return;
    }
    add_greys_plainly(rows, sums);
}

/// The plain twin.
pub(super) fn add_greys_plainly(rows: &[Group], sums: &mut [f32; DEPTH]) {
    for row in rows {
        for (byte, sums) in sums.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
            for (pixels, sum) in row.iter().zip(sums) {
                *sum += f32::from(pixels.to_le_bytes()[byte]) / WHOLE;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_f32() -> impl Strategy<Value = f32> {
        any::<u32>().prop_map(f32::from_bits)
    }

    /// A number, the one before or the one after.
    fn near(x: f32, off: i32) -> f32 {
        f32::from_bits(x.to_bits().saturating_add_signed(off))
    }

    proptest! {
        #[test]
        fn greys_are_added_as_by_the_plain_twin(rows: Vec<Group>) {
            let sums = [add_greys, add_greys_plainly].map(|way| {
                let mut sums = [0.5; DEPTH];
                way(&rows, &mut sums);
                sums.map(f32::to_bits)
            });
            prop_assert_eq!(sums[0], sums[1]);
        }

        #[test]
        fn rows_are_put_as_by_the_plain_twin(
            levels in proptest::collection::vec(0..256_u32, 1..200), other: prop::sample::Index, value in prop_oneof![
                any_f32(), (0..=300_u32, -1..=1).prop_map(|(level, off)| near(level as f32 / 255.0, off)),
            ],
        ) {
            let mut row: Vec<_> = levels.iter().map(|level| *level as f32 / 255.0).collect();
            for change in [false, true] {
                if change {
                    *other.get_mut(&mut row) = value;
                }
                let ways = [put_row, put_row_plainly].map(|way| {
                    let mut groups = vec![[7; WIDTH]; row.len().div_ceil(DEPTH)];
                    way(&row, &mut groups).then_some(groups)
                });
                prop_assert_eq!(&ways[0], &ways[1]);
                prop_assert!(change || ways[0].is_some());
            }
        }
    }
}
