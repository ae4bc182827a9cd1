//! Every path against counting by hand, in memory and on the disk.

use std::collections::BTreeMap;

use proptest::prelude::*;
use resrel_kernels::Workers;

use super::*;
use crate::{StateCounts, classification_error};

/// Limits at which everything stays in memory, and at which all that is counted goes to the disk and
/// is counted in several passes.
const LIMITS: [u64; 2] = [1 << 30, 1 << 10];

type Table = BTreeMap<(Option<Vec<u64>>, Option<u32>), u64>;

fn counter(shape: StateShape, labelled: bool, memory: u64) -> Counter {
    Counter::unchecked(shape, labelled, memory, std::env::temp_dir())
}

/// What is counted of batches, and the states in the order in which they are visited.
fn count(
    shape: StateShape,
    batches: &[Batch<'_>],
    memory: u64,
    threads: usize,
) -> (Counted, Table, Vec<Vec<u64>>) {
    let workers = Workers::new(threads).unwrap();
    let mut counter = counter(shape, batches[0].labels.is_some(), memory);
    for batch in batches {
        counter.observe(batch, &workers).unwrap();
    }
    let (mut table, mut order) = (Table::new(), Vec::new());
    let mut visit = |state: State<'_>, label: Option<u32>, count: u64| {
        let state = match state {
            State::Words(words) => Some(words.to_vec()),
            State::Text(text) => Some(text.iter().map(|&byte| byte.into()).collect()),
            State::Missing => None,
        };
        order.extend(state.clone());
        assert!(
            table.insert((state, label), count).is_none(),
            "a state comes once"
        );
    };
    let counted = counter.finish(&workers, &|_| {}, Some(&mut visit)).unwrap();
    (counted, table, order)
}

/// Keys of which few are frequent and most are rare.
fn skewed(rows: usize, seed: u64) -> Vec<u64> {
    let mut state = seed;
    (0..rows)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let uniform = (state >> 11) as f64 / (1_u64 << 53) as f64;
            (1.0 / (uniform + 1e-6)) as u64
        })
        .collect()
}

#[test]
fn many_states_are_counted_as_in_one_table() {
    let workers = Workers::new(2).unwrap();
    // More than a round, and partitions that are cut into pieces.
    let rows = 3_000_000;
    let twice = |order: fn(u64) -> u64| (0..3_000_000).map(|i| order(i) << 40 | 5).collect();
    let far_apart: Vec<u64> = twice(|i| i % 1_500_000);
    let one_after_the_other: Vec<u64> = twice(|i| i / 2);
    // Frequent ones come after many that come once.
    let mixed: Vec<u64> = (0..rows as u64 / 2).chain(skewed(rows / 2, 2)).collect();
    for (keys, distinct) in [
        (skewed(rows, 1), false),
        (far_apart, true),
        (one_after_the_other, true),
        (mixed, true),
    ] {
        let mut plain = StateCounts::new(1);
        plain.observe_rows(&keys).unwrap();
        // The smaller one spills after each round.
        for memory in [1 << 30, 20 << 20] {
            let mut counter = counter(StateShape::Words(1), false, memory);
            for part in keys.chunks(1_700_000) {
                let batch = Batch {
                    states: States::Words(part),
                    labels: None,
                    counts: None,
                    missing: &[],
                };
                counter.observe(&batch, &workers).unwrap();
            }
            let counted = counter.finish(&workers, &|_| {}, None).unwrap();
            assert_eq!(counted.spectrum, plain.spectrum().unwrap());
            assert_eq!(counted.spilled > 0, memory < 1 << 30 && distinct);
            assert_eq!(counted.classification_error, None);
        }
    }
}

#[test]
fn two_states_that_fight_for_a_slot_fill_no_memory() {
    // They share the last bits of their mixed form, so that one of them always leaves the cache.
    let keys: Vec<u64> = (0..400_000)
        .map(|i| narrow::state_of((i % 2) << 30))
        .collect();
    let batch = Batch {
        states: States::Words(&keys),
        labels: None,
        counts: None,
        missing: &[],
    };
    for memory in LIMITS {
        let (counted, table, _) = count(StateShape::Words(1), &[batch], memory, 2);
        assert_eq!(counted.spectrum.pairs(), [(200_000, 2)]);
        assert_eq!(table.len(), 2);
    }
}

#[test]
fn states_that_all_meet_in_one_table_make_it_grow() {
    // Their mixed forms are small numbers: one partition, and one piece of it.
    let once = (0..100_000_u64).map(narrow::state_of);
    let twice = (0..100_000).step_by(3).map(narrow::state_of);
    let keys: Vec<u64> = once.chain(twice).collect();
    let batch = Batch {
        states: States::Words(&keys),
        labels: None,
        counts: None,
        missing: &[],
    };
    let (counted, table, order) = count(StateShape::Words(1), &[batch], LIMITS[0], 2);
    assert_eq!(counted.spectrum.pairs(), [(1, 66_666), (2, 33_334)]);
    assert_eq!(table.len(), 100_000);
    let in_order: Vec<_> = (0..100_000)
        .map(narrow::state_of)
        .map(|state| vec![state])
        .collect();
    assert_eq!(order, in_order);
}

#[test]
fn counts_beyond_32_bits_add_up() {
    let big = [u64::from(u32::MAX) + 7, 1 << 40, 3];
    for (labels, memory) in [(None, LIMITS[0]), (Some(&[1, 1, 2][..]), LIMITS[1])] {
        let batch = Batch {
            states: States::Words(&[4, 4, 5]),
            labels,
            counts: Some(&big),
            missing: &[],
        };
        let (counted, ..) = count(StateShape::Words(1), &[batch, batch], memory, 1);
        let pairs = [(6, 1), (2 * (big[0] + big[1]), 1)];
        assert_eq!(counted.spectrum.pairs(), pairs);
    }
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let small = Counter::new(StateShape::Texts, true, 1 << 20, std::env::temp_dir());
    let words = "1048576 bytes of memory for counting: give at least 64 MiB";
    assert_eq!(small.err().map(|e| e.to_string()).as_deref(), Some(words));

    let workers = Workers::single();
    let batch = |counts| Batch {
        states: States::Words(&[1, 2]),
        labels: None,
        counts: Some(counts),
        missing: &[],
    };
    let mut one = counter(StateShape::Words(1), false, 1 << 20);
    assert_eq!(
        one.observe(&batch(&[1, 0]), &workers),
        Err(Error::ZeroFrequency { place: 1 })
    );
    assert_eq!(
        one.observe(&batch(&[1, u64::MAX]), &workers),
        Err(Error::TooManyObservations)
    );
    let empty = counter(StateShape::Texts, false, 1 << 20);
    assert_eq!(empty.finish(&workers, &|_| {}, None), Err(Error::Empty));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = std::env::temp_dir().join("resrel no such folder");
    let mut counter = Counter::unchecked(StateShape::Words(1), false, 1 << 10, folder);
    let keys: Vec<u64> = (0..100_000).collect();
    let batch = Batch {
        states: States::Words(&keys),
        labels: None,
        counts: None,
        missing: &[],
    };
    let error = counter.observe(&batch, &Workers::single()).unwrap_err();
    let words = error.to_string();
    assert!(
        words.contains("resrel no such folder") && words.contains("give more memory"),
        "{words}"
    );
}

proptest! {
    #[test]
    fn every_path_counts_as_by_hand(
        values in prop::collection::vec((0..30_u64, 0..4_u32, 1..5_u64, prop::bool::weighted(0.1)), 1..600),
        width in 1..4_usize,
        text: bool,
        labelled: bool,
        counted: bool,
        cut: prop::sample::Index,
        threads in 1..4_usize,
    ) {
        let states: Vec<Vec<u64>> = values
            .iter()
            .map(|&(value, ..)| {
                if text {
                    // Lengths 0 to 29, with bytes that look like the end of a text.
                    (0..value).map(|place| place % 3).collect()
                } else {
                    let mut state = vec![value; width];
                    state[0] = u64::MAX;
                    state[width - 1] = value;
                    state
                }
            })
            .collect();
        let mut expected = Table::new();
        let (mut numbers, mut labels) = (Vec::new(), Vec::new());
        let mut ids = BTreeMap::new();
        for (state, &(_, label, k, missing)) in states.iter().zip(&values) {
            let k = if counted { k } else { 1 };
            let state = (!missing).then(|| state.clone());
            let id = ids.len() as u32;
            let id = *ids.entry(state.clone()).or_insert(id);
            for _ in 0..k {
                numbers.push(id);
                labels.push(label);
            }
            *expected.entry((state, labelled.then_some(label))).or_insert(0) += k;
        }
        let mut frequencies = BTreeMap::new();
        for id in &numbers {
            *frequencies.entry(id).or_insert(0_u64) += 1;
        }
        let spectrum = Spectrum::from_counts(frequencies.into_values()).unwrap();

        let all_labels: Vec<u32> = values.iter().map(|value| value.1).collect();
        let all_counts: Vec<u64> = values.iter().map(|value| value.2).collect();
        let cut = cut.index(values.len());
        let parts: Vec<_> = [0..cut, cut..values.len()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(|part| {
                let words: Vec<u64> = states[part.clone()].concat();
                let bytes: Vec<u8> = words.iter().map(|&byte| byte as u8).collect();
                let ends: Vec<usize> = states[part.clone()]
                    .iter()
                    .scan(0, |end, state| { *end += state.len(); Some(*end) })
                    .collect();
                let missing: Vec<usize> =
                    part.clone().filter(|&row| values[row].3).map(|row| row - part.start).collect();
                (words, bytes, ends, missing, part)
            })
            .collect();
        let batches: Vec<Batch<'_>> = parts
            .iter()
            .map(|(words, bytes, ends, missing, part)| Batch {
                states: if text { States::Texts { bytes, ends } } else { States::Words(words) },
                labels: labelled.then(|| &all_labels[part.clone()]),
                counts: counted.then(|| &all_counts[part.clone()]),
                missing,
            })
            .collect();
        let shape = if text { StateShape::Texts } else { StateShape::Words(width) };

        let mut orders = Vec::new();
        for memory in LIMITS {
            let (result, table, order) = count(shape, &batches, memory, threads);
            prop_assert_eq!(&table, &expected);
            prop_assert_eq!(&result.spectrum, &spectrum);
            let error = labelled.then(|| classification_error(&numbers, &labels).unwrap());
            prop_assert_eq!(result.classification_error, error);
            orders.push(order);
        }
        prop_assert_eq!(&orders[0], &orders[1]);
    }
}
