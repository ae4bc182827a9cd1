//! Products of states with states, counted.

use ndarray::ArrayView1;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::bytes;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor::ones as processor;
use crate::parts::{STRIP, WIDE};

/// A strip of rows of 64 states each, as columns.
pub(crate) type Turned = [u32; WIDE];

/// Turns rows of one word each, strip by strip; 0 where there are none.
///
/// # Panics
/// If there are more rows than `out` has room for.
pub(crate) fn turn_states(states: ArrayView1<u64>, out: &mut [Turned]) {
    let mut rows: Vec<u64> = states.iter().copied().collect();
    assert!(rows.len() <= out.len() * STRIP, "room for all rows");
    rows.resize(out.len() * STRIP, 0);
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::vectors() {
        // SAFETY: the processor has these instructions, as was asked.
        unsafe { processor::turn_states(&rows, out) };
        return;
    }
    turn_states_plainly(&rows, out);
}

/// The plain twin.
fn turn_states_plainly(rows: &[u64], out: &mut [Turned]) {
    for (rows, out) in rows.chunks(STRIP).zip(out) {
        for (column, out) in out.iter_mut().enumerate() {
            *out = (0..).zip(rows).fold(0, |word, (place, row)| {
                word | ((row >> column & 1) as u32) << place
            });
        }
    }
}

/// Adds to `sums`, of 32 units of `left` from one on and as many of `right` from one on, `times` in how many rows both are on.
pub(crate) fn add_counts(
    times: i32,
    (left, from_left): (&[Turned], usize),
    (right, from_right): (&[Turned], usize),
    sums: &mut [i32],
) {
    assert!(
        left.len() == right.len() && from_left.max(from_right) + STRIP <= WIDE,
        "the same rows, and units that are there"
    );
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::vectors() {
        // SAFETY: the processor has these instructions, as was asked.
        unsafe { processor::add_counts(times, (left, from_left), (right, from_right), sums) };
        return;
    }
    add_counts_plainly(times, (left, from_left), (right, from_right), sums);
}

/// The plain twin.
fn add_counts_plainly(
    times: i32,
    (left, from_left): (&[Turned], usize),
    (right, from_right): (&[Turned], usize),
    sums: &mut [i32],
) {
    for (row, sums) in (from_left..).zip(sums.chunks_mut(STRIP)) {
        for (column, sum) in (from_right..).zip(sums) {
            for (left, right) in left.iter().zip(right) {
                let both = left[row] & right[column];
                *sum += times * both.count_ones().cast_signed();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn states_are_turned_and_counted_as_by_the_plain_twins(
            rows in prop::collection::vec(any::<[u64; 2]>(), 0..140), from in prop::sample::select(vec![0, STRIP]),
            times in -255..=255_i32,
        ) {
            let strips = rows.len().div_ceil(STRIP);
            let sides = [0, 1].map(|side| {
                let mut turned = [vec![[7; WIDE]; strips], vec![[9; WIDE]; strips]];
                let mut states: Vec<_> = rows.iter().map(|row| row[side]).collect();
                turn_states(Array1::from(states.clone()).view(), &mut turned[0]);
                states.resize(strips * STRIP, 0);
                turn_states_plainly(&states, &mut turned[1]);
                turned
            });
            let [[left, left_plain], [right, right_plain]] = sides;
            prop_assert_eq!(&left, &left_plain);
            prop_assert_eq!(&right, &right_plain);
            for (left_from, right_from) in [(from, 0), (from, STRIP)] {
                let mut sums = [vec![3; STRIP * STRIP], vec![3; STRIP * STRIP]];
                let (left, right) = ((&left[..], left_from), (&right[..], right_from));
                add_counts(times, left, right, &mut sums[0]);
                add_counts_plainly(times, left, right, &mut sums[1]);
                prop_assert_eq!(&sums[0], &sums[1]);
                // One by one.
                for (place, sum) in sums[0].iter().enumerate() {
                    let (row, column) = (left_from + place / STRIP, right_from + place % STRIP);
                    let on = |states: &&[u64; 2]| states[0] >> row & states[1] >> column & 1 == 1;
                    let count = rows.iter().filter(on).count();
                    prop_assert_eq!(*sum, 3 + times * i32::try_from(count).expect("few"));
                }
            }
        }
    }
}
