use std::collections::HashMap;

use proptest::prelude::*;
use resrel_kernels::{Purpose, Stream};

use super::*;
use crate::Limits;

fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b}");
}

fn of(times: &[f64]) -> Msr {
    Msr::of_times(times, Recording::default(), MSR_GRID).expect("a train")
}

/// The curve without its repeated points.
fn places(msr: &Msr) -> Vec<(f64, f64)> {
    let places = msr.curve.iter().map(|p| (p.resolution, p.relevance));
    let mut places: Vec<(f64, f64)> = places.collect();
    places.dedup_by(|a, b| (a.0 - b.0).abs() < 1e-15 && (a.1 - b.1).abs() < 1e-15);
    places
}

fn is_curve(msr: &Msr, expected: &[(f64, f64)]) {
    let found = places(msr);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        near(found.0, expected.0, 1e-15);
        near(found.1, expected.1, 1e-15);
    }
}

/// H[s] and H[k] as fractions of ln M, from the bin of each event.
fn by_hashing<K: std::hash::Hash + Eq>(bins: impl Iterator<Item = K>) -> (f64, f64) {
    let mut counts = HashMap::new();
    bins.for_each(|bin| *counts.entry(bin).or_insert(0_u32) += 1);
    let mut states = HashMap::new();
    for k in counts.values() {
        *states.entry(*k).or_insert(0_u32) += 1;
    }
    let m: f64 = counts.values().map(|k| f64::from(*k)).sum();
    let entropy = |p: f64| -p * p.ln() / m.ln();
    let resolution = counts.values().map(|k| entropy(f64::from(*k) / m)).sum();
    let relevance = states.iter().map(|(k, n)| entropy(f64::from(k * n) / m));
    (resolution, relevance.sum())
}

/// Area of the polygon below the curve, by the shoelace formula.
fn shoelace(msr: &Msr) -> f64 {
    let mut corners = vec![(0.0, 0.0)];
    corners.extend(msr.curve.iter().map(|p| (p.resolution, p.relevance)));
    corners.extend([(1.0, 0.0), (0.0, 0.0)]);
    let cross = |pair: &[(f64, f64)]| pair[1].0 * pair[0].1 - pair[0].0 * pair[1].1;
    corners.windows(2).map(cross).sum::<f64>() / 2.0
}

/// Events whose intervals are −ln(u) × `scale(i)`.
fn train(seed: u64, events: usize, scale: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut rng = Stream::new(seed, Purpose::Bootstrap, 0).rng(0);
    let mut now = 0.0;
    let next = |i| {
        now += -(1.0 - rng.uniform()).ln() * scale(i);
        now
    };
    (0..events).map(next).collect()
}

fn poisson(seed: u64, events: usize) -> Vec<f64> {
    train(seed, events, |_| 1.0)
}

#[test]
fn tiny_trains_by_hand() {
    // Two events: together, or each alone.
    let two = of(&[7.0, 3.0]);
    is_curve(&two, &[(0.0, 0.0), (1.0, 0.0)]);
    assert_eq!(two.msr, Some(0.0));

    // {0, 1 | 10}, then each alone.
    let ln3 = 3_f64.ln();
    let h = (2.0 / 3.0 * 1.5_f64.ln() + ln3 / 3.0) / ln3;
    let three = of(&[10.0, 0.0, 1.0]);
    is_curve(&three, &[(0.0, 0.0), (h, h), (1.0, 0.0)]);
    near(three.msr.unwrap(), h / 2.0, 1e-15);
    let last = three.curve[three.curve.len() - 1];
    assert_eq!(last.bins, 11);
    near(last.width, 10.0 / 11.0, 1e-15);

    // {0, 1 | 2, 3}, {0 | 1 | 2, 3}, each alone: the last bin holds its end.
    let four = of(&[0.0, 1.0, 2.0, 3.0]);
    is_curve(&four, &[(0.0, 0.0), (0.5, 0.0), (0.75, 0.5), (1.0, 0.0)]);
    near(four.msr.unwrap(), 0.125, 1e-15);
    let bins: Vec<u64> = four.curve.iter().map(|point| point.bins).collect();
    assert_eq!(bins, [1, 2, 3, 4]);

    // The same events in a longer recording: {0, 1, 2, 3 | }, {0, 1 | 2, 3 | }, {0 | 1 | 2, 3}.
    let recording = Recording {
        start: Some(0.0),
        end: Some(6.0),
    };
    let longer = Msr::of_times(&[0.0, 1.0, 2.0, 3.0], recording, 3).unwrap();
    let bins: Vec<u64> = longer.curve.iter().map(|point| point.bins).collect();
    assert_eq!(bins, [1, 3, 7]);
    is_curve(&longer, &[(0.0, 0.0), (0.5, 0.0), (1.0, 0.0)]);
}

#[test]
fn events_at_the_same_time_stay_together() {
    let ln3 = 3_f64.ln();
    let h = (2.0 / 3.0 * 1.5_f64.ln() + ln3 / 3.0) / ln3;
    let pair = of(&[5.0, 4.0, 5.0]);
    is_curve(&pair, &[(0.0, 0.0), (h, h)]);
    near(pair.msr.unwrap(), h / 2.0, 1e-15);
}

#[test]
fn a_binned_train_by_hand() {
    // 2 0 1 1 → 2 | 1 | 1 (the first two merged) → 2 | 2 → 4.
    let msr = Msr::of_counts(&[2, 0, 1, 1], MSR_GRID).unwrap();
    is_curve(&msr, &[(0.0, 0.0), (0.5, 0.0), (0.75, 0.5)]);
    near(msr.msr.unwrap(), 0.125, 1e-15);
    let widths: Vec<f64> = msr.curve.iter().map(|point| point.width).collect();
    assert_eq!(widths, [4.0, 2.0, 4.0 / 3.0, 1.0]);
    assert_eq!(msr.events, 4);
}

#[test]
fn without_two_events_apart_there_is_a_reason() {
    let counts = |counts: &[u64]| Msr::of_counts(counts, 10).unwrap();
    for (msr, events, reason) in [
        (of(&[]), 0, "there is no event"),
        (of(&[2.5]), 1, "there is only one event"),
        (of(&[2.5; 3]), 3, "all events are at one time"),
        (counts(&[]), 0, "there is no event"),
        (counts(&[0, 1, 0]), 1, "there is only one event"),
        (counts(&[0, 9, 0]), 9, "all events are in one bin"),
    ] {
        assert_eq!(msr.events, events);
        assert_eq!(msr.msr, None);
        assert_eq!(msr.reason.as_deref(), Some(reason));
        assert!(msr.curve.is_empty());
    }
}

#[test]
fn rubbish_is_refused() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let refused = Msr::of_times(&[1.0, value], Recording::default(), 10);
        let value = value.to_string();
        assert_eq!(refused, Err(Error::Time { place: 1, value }));
    }
    for (start, end, words) in [
        (Some(2.0), None, "starts at 2, after the event at 1"),
        (None, Some(2.0), "ends at 2, before the event at 3"),
        (Some(f64::NAN), None, "starts at NaN"),
        (None, Some(f64::INFINITY), "ends at inf"),
    ] {
        let refused = Msr::of_times(&[3.0, 1.0], Recording { start, end }, 10);
        let words_said = refused.unwrap_err().to_string();
        assert!(words_said.contains(words), "{words_said}");
    }
    let grid = Err(Error::Grid { points: 1 });
    assert_eq!(Msr::of_times(&[], Recording::default(), 1), grid);
    assert_eq!(Msr::of_counts(&[3, 4], 1), grid);
    let many = Msr::of_counts(&[u64::MAX, 1], 10);
    assert_eq!(many, Err(Error::TooManyObservations));
}

#[test]
fn times_of_any_size_have_an_area() {
    let expected = of(&[0.0, 1.0, 2.0, 3.0]).msr;
    for unit in [5e-324, 1e-300, 1e270, 5e307] {
        let times = [-1.5, -0.5, 0.5, 1.5].map(|t| ((t + 1.5) * unit) - 1.5 * unit);
        let msr = of(&times);
        near(msr.msr.unwrap(), expected.unwrap(), 1e-15);
        assert!(msr.curve.iter().all(|point| point.width.is_finite()));
    }
    // Intervals far below what bins can resolve.
    let msr = of(&[0.0, 5e-324, 1.0, 2.0, 1e30]);
    assert!(msr.msr.unwrap() > 0.0);
}

#[test]
fn bin_counts_are_whole_numbers_each_once() {
    assert_eq!(bin_counts(1, 5), [1]);
    assert_eq!(bin_counts(2, 2), [1, 2]);
    assert_eq!(bin_counts(10_000, 5), [1, 10, 100, 1_000, 10_000]);
    assert_eq!(bin_counts(6, 200), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn time_has_no_origin_and_no_unit() {
    let times = poisson(1, 500);
    let msr = of(&times).msr.unwrap();
    for (shift, unit) in [(0.0, 3.7), (100.0, 1.0), (-12.5, 1e-3)] {
        let other: Vec<f64> = times.iter().map(|t| shift + unit * t).collect();
        near(of(&other).msr.unwrap(), msr, 1e-9);
    }
}

#[test]
fn the_more_a_rate_varies_the_larger_the_area() {
    for seed in 0..5 {
        for events in [300_u32, 3_000] {
            let regular: Vec<f64> = (0..events).map(f64::from).collect();
            let regular = of(&regular).msr.unwrap();
            let steady = of(&poisson(seed, events as usize)).msr.unwrap();
            // ln of the rate: a normal number for each 10, 40, 160 and 640 events, added.
            let scale = |i: usize| {
                let normal = |level: u64, events: usize| {
                    let stream = Stream::new(seed, Purpose::Bootstrap, level);
                    stream.rng((i / events) as u64).normal() / 2.0
                };
                let levels = (1..).zip([10, 40, 160, 640]);
                levels
                    .map(|(level, events)| normal(level, events))
                    .sum::<f64>()
                    .exp()
            };
            let patterned = of(&train(seed, events as usize, scale)).msr.unwrap();
            assert!(regular < 0.1 && 0.24 < steady, "{regular} {steady}");
            assert!(steady + 0.01 < patterned, "{steady} {patterned}");
        }
    }
}

#[test]
fn more_grid_points_change_little() {
    for events in [1_000, 20_000] {
        let times = poisson(2, events);
        let with = |grid| Msr::of_times(&times, Recording::default(), grid).unwrap();
        let usual = with(MSR_GRID).msr.unwrap();
        near(usual, with(10 * MSR_GRID).msr.unwrap(), 2e-3);
    }
}

proptest! {
    /// Whole times: the bins by exact arithmetic, the counts by hashing, the area by corners.
    #[test]
    fn agrees_with_brute_force(
        times in prop::collection::vec(-500_i32..500, 2..80),
        before in 0..40_i32,
        after in 0..40_i32,
    ) {
        let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        let (start, end) = (first - before, last + after);
        let floats: Vec<f64> = times.iter().map(|t| f64::from(*t)).collect();
        let recording = Recording { start: Some(start.into()), end: Some(end.into()) };
        let msr = Msr::of_times(&floats, recording, 60).unwrap();
        prop_assert_eq!(msr.msr.is_none(), first == last);
        for point in &msr.curve {
            let bin = |t: &i32| {
                let bin = i64::from(t - start) * point.bins.cast_signed() / i64::from(end - start);
                bin.min(point.bins.cast_signed() - 1)
            };
            let (resolution, relevance) = by_hashing(times.iter().map(bin));
            prop_assert!((point.resolution - resolution).abs() < 1e-13);
            prop_assert!((point.relevance - relevance).abs() < 1e-13);
        }
        if let Some(area) = msr.msr {
            prop_assert!((area - shoelace(&msr)).abs() < 1e-13);
            prop_assert!(msr.curve.is_sorted_by(|a, b| a.resolution <= b.resolution));
            let apart = times.len() == times.iter().collect::<std::collections::HashSet<_>>().len();
            let end = msr.curve[msr.curve.len() - 1].resolution;
            prop_assert_eq!(apart, (end - 1.0).abs() < 1e-12);
        }
    }

    /// Any times, with many events in few bins and few in many: search and walk.
    #[test]
    fn search_and_walk_agree_with_hashing(
        mut times in prop::collection::vec(0.0..1.0_f64, 2..400),
        twins in 0..100_usize,
    ) {
        times.extend_from_within(..twins.min(times.len()));
        let length = times.iter().fold(0.0_f64, |a, b| a.max(*b));
        prop_assume!(length > 0.0);
        let recording = Recording { start: Some(0.0), end: None };
        for point in Msr::of_times(&times, recording, 100).unwrap().curve {
            let bin = |t: &f64| ((t * point.bins as f64 / length) as u64).min(point.bins - 1);
            let (resolution, relevance) = by_hashing(times.iter().map(bin));
            prop_assert!((point.resolution - resolution).abs() < 1e-12);
            prop_assert!((point.relevance - relevance).abs() < 1e-12);
        }
    }

    /// A binned train is one of events at the start of their bins.
    #[test]
    fn counts_are_events(counts in prop::collection::vec(0..6_u64, 2..60)) {
        let msr = Msr::of_counts(&counts, 50).unwrap();
        let mut bins = Vec::new();
        for (bin, count) in counts.iter().enumerate() {
            bins.extend(std::iter::repeat_n(bin as u64, *count as usize));
        }
        for point in &msr.curve {
            let merged = bins.iter().map(|bin| bin * point.bins / counts.len() as u64);
            let (resolution, relevance) = by_hashing(merged);
            prop_assert!((point.resolution - resolution).abs() < 1e-13);
            prop_assert!((point.relevance - relevance).abs() < 1e-13);
        }
    }

    #[test]
    fn no_point_lies_above_the_strict_bound(
        times in prop::collection::vec(0..2_000_u32, 120),
        bursts in 1..8_u32,
    ) {
        let times: Vec<f64> = times.iter().map(|t| f64::from(t / bursts * t)).collect();
        let msr = of(&times);
        let limits = Limits::of(120).unwrap();
        for point in &msr.curve {
            prop_assert!(point.relevance <= limits.strict.at(point.resolution) + 1e-12);
        }
    }
}
