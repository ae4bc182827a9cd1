use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::prelude::*;

use super::dual::{largest, log_hyperfactorial};
use super::*;
use crate::Spectrum;
use crate::limits::expectation::Expectation;
use crate::spectrum::sum;

fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b}");
}

#[test]
fn published_values() {
    for (m, relevance, both) in [
        (20, 0.552_233, None),
        (100, 0.541_203, Some(1.215_231)),
        (60_000, 0.519_380, Some(1.155_769)),
    ] {
        let bound = StrictBound::new(m).unwrap();
        near(bound.max_relevance, relevance, 6e-7);
        if let Some(both) = both {
            near(bound.max_sum, both, 6e-7);
        }
        let highest = (0..=1000).map(|i| bound.at(f64::from(i) / 1000.0));
        let highest = highest.fold(0.0, f64::max);
        assert!(highest <= bound.max_relevance && highest > relevance - 1e-4);
    }
}

/// D(μ) in nats and its slope, as a knapsack.
///
/// In items (k, m), the (m + 1)-th state of frequency k, H\[k\] + μ H\[s\] is
/// (1 + μ) ln M − (1/M) Σ k ((1 + μ) ln k + d_m). The dual takes the items of the least
/// (1 + μ) ln k + d_m until there are M observations, of the last one only a part.
struct Knapsack {
    value: f64,
    /// Its H\[s\].
    slope: f64,
    /// Whether the last item was taken whole: then it is a sample, which reaches the bound.
    whole: bool,
}

fn knapsack(m: u64, power: f64) -> Knapsack {
    let size = m as f64;
    let entry = |k: u64, degeneracy: f64| {
        let product = |m: f64| if m > 0.0 { m * m.ln() } else { 0.0 };
        let cost = power * (k as f64).ln() + product(degeneracy + 1.0) - product(degeneracy);
        // Costs are not negative, so their bits are in the order of their values.
        Reverse((cost.to_bits(), k, degeneracy as u64))
    };
    let mut items: BinaryHeap<_> = (1..=m).map(|k| entry(k, 0.0)).collect();
    let (mut rest, mut costs, mut logs, mut whole) = (m, Vec::new(), Vec::new(), true);
    while rest > 0 {
        let Reverse((cost, k, degeneracy)) = items.pop().expect("k = 1 never ends");
        let taken = k.min(rest);
        whole = taken == k;
        costs.push(taken as f64 * f64::from_bits(cost));
        logs.push(taken as f64 * (k as f64).ln());
        rest -= taken;
        items.push(entry(k, degeneracy as f64 + 1.0));
    }
    Knapsack {
        value: power * size.ln() - sum(costs) / size,
        slope: size.ln() - sum(logs) / size,
        whole,
    }
}

#[test]
fn every_line_is_the_knapsack_and_never_below() {
    for m in [2, 5, 64, 65, 66, 100, 1000, 5000] {
        let bound = StrictBound::new(m).unwrap();
        let log_m = (m as f64).ln();
        for line in bound.lines.iter().step_by(bound.lines.len() / 60 + 1) {
            let exact = knapsack(m, 1.0 + line.0).value;
            let above = line.1 * log_m - exact;
            let largest = 1e-11 * (1.0 + line.0 + 1.0 / log_m) * log_m;
            assert!(above >= 0.0 && above < largest, "{m} {line:?} {above}");
        }
    }
}

/// min_μ (D(μ) − μ H\[s\]) by halving in μ: D is convex, its slope H\[s\] of the knapsack.
fn exact_dual(m: u64, resolution: f64) -> f64 {
    let log_m = (m as f64).ln();
    let (mut low, mut high) = (0.0, 2.0 * log_m + 4.0);
    for _ in 0..60 {
        let power = f64::midpoint(low, high);
        if knapsack(m, power).slope < resolution * log_m {
            low = power;
        } else {
            high = power;
        }
    }
    let at = |power: f64| knapsack(m, power).value / log_m - (power - 1.0) * resolution;
    at(low).min(at(high))
}

#[test]
fn the_envelope_keeps_close_to_the_exact_dual() {
    for m in [2, 3, 10, 37, 100, 1000] {
        let bound = StrictBound::new(m).unwrap();
        for place in 0..=60 {
            let resolution = f64::from(place) / 60.0;
            let exact = exact_dual(m, resolution).min(resolution).max(0.0);
            let above = bound.at(resolution) - exact;
            assert!(
                above > -1e-13 && above <= TOLERANCE + 1e-12,
                "{m} {resolution}: {above}"
            );
        }
    }
}

#[test]
fn hyperfactorial_agrees_with_the_sum() {
    for n in [64_u64, 65, 1000, 100_000] {
        let plain = sum((1..=n).map(|k| k as f64 * (k as f64).ln()));
        let series = log_hyperfactorial(n as f64, (n as f64).ln());
        near(series / plain, 1.0, 1e-15);
    }
}

#[test]
fn the_best_degeneracy_is_the_best() {
    let mut slope = 1e-6;
    while slope < 9.0 {
        let (best, degeneracy) = largest(slope);
        let all = (1..10_000).map(f64::from).map(|m| m * (slope - m.ln()));
        near(best, all.fold(f64::MIN, f64::max), 1e-11);
        near(degeneracy * (slope - degeneracy.ln()), best, 0.0);
        slope += 0.003_7;
    }
}

/// Every spectrum of `rest` observations with frequencies up to `largest`.
fn spectra(
    rest: u64,
    largest: u64,
    pairs: &mut Vec<(u64, u64)>,
    see: &mut impl FnMut(&[(u64, u64)]),
) {
    if rest == 0 {
        see(pairs);
        return;
    }
    if largest == 0 {
        return;
    }
    spectra(rest, largest - 1, pairs, see);
    for m_k in 1..=rest / largest {
        pairs.push((largest, m_k));
        spectra(rest - largest * m_k, largest - 1, pairs, see);
        pairs.pop();
    }
}

/// H\[s\] and H\[k\] of every partition of m, fractions of ln M.
fn partitions(m: u64) -> Vec<(f64, f64)> {
    let size = m as f64;
    // n/M ln(M/n) by n, as a fraction of ln M.
    let part = |n: u64| match n {
        0 => 0.0,
        n => n as f64 / size * (size / n as f64).ln() / size.ln(),
    };
    let parts: Vec<f64> = (0..=m).map(part).collect();
    let mut points = Vec::new();
    spectra(m, m, &mut Vec::new(), &mut |pairs| {
        let (mut h_s, mut h_k) = (0.0, 0.0);
        for &(k, m_k) in pairs {
            h_s += m_k as f64 * parts[k as usize];
            h_k += parts[(k * m_k) as usize];
        }
        points.push((h_s.min(1.0), h_k));
    });
    points
}

/// The corners of the upper concave hull of points, from left to right.
fn hull(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut corners: Vec<(f64, f64)> = Vec::new();
    for point in points {
        while let [.., a, b] = corners[..] {
            let left = (b.1 - a.1) * (point.0 - a.0) <= (point.1 - a.1) * (b.0 - a.0) + 1e-14;
            if !left {
                break;
            }
            corners.pop();
        }
        corners.push(point);
    }
    corners
}

/// Every partition of every M ≤ 40 lies below, and where the knapsack comes out whole the bound is a
/// partition: it is *touched* there, a corner of the partitions' hull.
#[test]
fn no_partition_lies_above_and_the_bound_is_touched() {
    for m in 2..=40_u64 {
        let bound = StrictBound::new(m).unwrap();
        let log_m = (m as f64).ln();
        let points = partitions(m);
        for &(h_s, h_k) in &points {
            let distance = bound.at(h_s) - h_k;
            assert!(distance > -1e-13, "{m}: {h_k} at {h_s}: {distance}");
        }
        let best = points.iter().map(|p| p.1).fold(0.0, f64::max);
        let best_sum = points.iter().map(|p| p.0 + p.1).fold(0.0, f64::max);
        assert!(
            best <= bound.max_relevance && best_sum <= bound.max_sum,
            "{m}"
        );

        let corners = hull(points);
        let mut touched = 0;
        for line in &bound.lines {
            let dual = knapsack(m, 1.0 + line.0);
            let highest = corners.iter().map(|p| p.1 + line.0 * p.0);
            let gap = dual.value / log_m - highest.fold(f64::MIN, f64::max);
            assert!(gap > -1e-13, "{m} {line:?}: {gap}");
            if dual.whole {
                assert!(gap < 1e-13, "{m} {line:?}: {gap}");
                let place = dual.slope / log_m;
                let corner = corners.iter().find(|p| (p.0 - place).abs() < 1e-12);
                let (h_s, h_k) = *corner.expect("the knapsack is a partition");
                near(bound.at(h_s), h_k, 1e-11);
                touched += usize::from(h_k > 1e-9 && h_k < h_s - 1e-9);
            }
        }
        // Between the ends too.
        assert!(m < 4 || touched > 0, "{m}");
    }
}

/// Exact maxima over all partitions: of H\[k\], and of H\[s\] + H\[k\].
#[test]
fn exact_maxima_over_partitions() {
    for (m, bits, parts, both) in [
        (5, 0.970_951, &[3, 2][..], None),
        (10, 1.846_439, &[4, 3, 2, 1], Some(1.243_830)),
        (20, 2.303_702, &[5, 4, 3, 2, 2, 1, 1, 1, 1], Some(1.236_000)),
    ] {
        let points = partitions(m);
        let largest = points.iter().map(|p| p.1).fold(0.0, f64::max);
        near(largest * (m as f64).log2(), bits, 5e-7);
        let spectrum = Spectrum::from_counts(parts.iter().copied()).unwrap();
        near(spectrum.relevance() / 2_f64.ln(), bits, 5e-7);
        if let Some(both) = both {
            near(
                points.iter().map(|p| p.0 + p.1).fold(0.0, f64::max),
                both,
                5e-7,
            );
        }
    }
}

#[test]
fn different_frequencies_touch_the_diagonal() {
    let spectrum = Spectrum::from_counts((1..=12).chain([22])).unwrap();
    let place = spectrum.fraction(spectrum.resolution()).unwrap();
    let bound = StrictBound::new(100).unwrap().at(place);
    assert!(bound >= place && bound < place + 0.01, "{bound}");
}

#[test]
fn lines_of_any_size_are_sound() {
    for m in [2, 3, 1_000_000_000] {
        let bound = StrictBound::new(m).unwrap();
        assert!(bound.lines.iter().all(|line| line.1.is_finite()));
        near(bound.lines[0].1, 0.0, 1e-12);
        near(bound.at(1.0), 0.0, 1e-10);
        assert_eq!(bound.at(0.0).to_bits(), 0);
        assert_eq!(bound.at(f64::NAN).to_bits(), 0);
        // D is convex and rises with μ, as H[s] ≥ 0 is its derivative.
        let slopes = bound.lines.windows(2).map(|two| {
            let width = two[1].0 - two[0].0;
            // How far rounding of both ends can turn it.
            let doubt = 4.0 * ROUNDING * (2.0 + two[1].0) / width;
            ((two[1].1 - two[0].1) / width, doubt)
        });
        let mut before = (0.0, 0.0);
        for slope in slopes {
            assert!(slope.0 > before.0 - before.1 - slope.1, "{m} {slope:?}");
            before = slope;
        }
        assert!(before.0 < 1.0 + before.1);
    }
    for m in [0, 1, LARGEST_M + 1] {
        assert_eq!(StrictBound::new(m), Err(Error::NoLimits { m }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// States whose sizes follow a power law of any exponent, thinned at random.
    #[test]
    fn no_sample_lies_above(
        beta in -0.5..3.0_f64,
        scale in 1.0..300.0_f64,
        keep in prop::collection::vec(0.0..2.0_f64, 1..60),
        singles in 0..2000_u64,
    ) {
        let pairs = keep.iter().zip(1_u64..).map(|(keep, k)| {
            (k, (keep * scale * (k as f64).powf(-1.0 - beta)).round() as u64)
        });
        let pairs: Vec<(u64, u64)> = pairs.chain([(1, singles), (61, 1)]).collect();
        let spectrum = Spectrum::from_pairs(pairs).unwrap();
        prop_assume!(spectrum.observations() <= 1_000_000);
        let bound = StrictBound::new(spectrum.observations()).unwrap();
        let h_s = spectrum.fraction(spectrum.resolution()).unwrap().min(1.0);
        let h_k = spectrum.fraction(spectrum.relevance()).unwrap();
        prop_assert!(bound.at(h_s) >= h_k - 1e-12, "{} {}", bound.at(h_s), h_k);
    }

    /// A random partition of M: pieces of a stick broken again and again.
    #[test]
    fn no_random_partition_lies_above(
        m in 2..1_000_000_u64,
        shares in prop::collection::vec(0.0..1.0_f64, 0..200),
    ) {
        let mut rest = m;
        let mut counts = Vec::new();
        for share in shares {
            let part = ((rest as f64 * share * share) as u64).max(1).min(rest);
            if part > 0 && rest > 0 {
                counts.push(part);
                rest -= part;
            }
        }
        if rest > 0 {
            counts.push(rest);
        }
        let spectrum = Spectrum::from_counts(counts).unwrap();
        let bound = StrictBound::new(m).unwrap();
        let h_s = spectrum.fraction(spectrum.resolution()).unwrap().min(1.0);
        let h_k = spectrum.fraction(spectrum.relevance()).unwrap();
        prop_assert!(bound.at(h_s) >= h_k - 1e-12);
    }

    /// A sample that the Lagrangian itself makes, m_k the best integer for each k at some (c, μ),
    /// reaches its bound; the Poisson optimum of the same (c, μ), rounded, keeps below.
    #[test]
    fn optimal_samples_reach_the_bound(c in 0.7..11.0_f64, power in 0.05..6.0_f64) {
        let slopes = || (1..1_000_000_u64).map_while(|k| {
            let slope = c - power * (k as f64).ln();
            (slope > 0.0).then_some((k, slope))
        });
        let best: Vec<(u64, u64)> = slopes().map(|(k, slope)| (k, largest(slope).1 as u64)).collect();
        let rounded = |(k, slope)| (k, Expectation::with_slope(slope).0.round() as u64);
        for (pairs, reaches) in [(best, true), (slopes().map(rounded).collect(), false)] {
            let m: u64 = pairs.iter().map(|(k, m_k)| k * m_k).sum();
            if !(2..=1_000_000).contains(&m) {
                continue;
            }
            let spectrum = Spectrum::from_pairs(pairs).unwrap();
            let bound = StrictBound::new(m).unwrap();
            let h_s = spectrum.fraction(spectrum.resolution()).unwrap().min(1.0);
            let distance = bound.at(h_s) - spectrum.fraction(spectrum.relevance()).unwrap();
            prop_assert!(distance > -1e-12, "{distance}");
            prop_assert!(!reaches || distance < TOLERANCE + 1e-11, "{distance}");
        }
    }

    /// One state of each frequency, with a rest: on the diagonal, H[k] = H[s] or just below.
    #[test]
    fn one_of_each_frequency_lies_below(largest in 1..1_400_u64, rest in 1..10_000_u64) {
        let spectrum = Spectrum::from_counts((1..=largest).chain([rest])).unwrap();
        prop_assume!(spectrum.observations() > 1);
        let bound = StrictBound::new(spectrum.observations()).unwrap();
        let h_s = spectrum.fraction(spectrum.resolution()).unwrap();
        let h_k = spectrum.fraction(spectrum.relevance()).unwrap();
        prop_assert!(bound.at(h_s) >= h_k - 1e-12);
    }
}
