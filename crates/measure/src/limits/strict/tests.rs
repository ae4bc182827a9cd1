use proptest::prelude::*;

use super::*;
use crate::Spectrum;

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

/// D(μ) with every k on its own, every m up to the best tried, c by ternary search.
fn plain(m: u64, mu: f64) -> f64 {
    let size = m as f64;
    let dual = |c: f64| {
        let terms = (1..=m).map(|k| {
            let slope = c - (1.0 + mu) * (k as f64).ln();
            let (mut best, mut degeneracy) = (0.0, 1.0_f64);
            loop {
                let next = degeneracy * (slope - degeneracy.ln());
                if next <= best {
                    return k as f64 * best / size;
                }
                best = next;
                degeneracy += 1.0;
            }
        });
        (1.0 + mu) * size.ln() - c + terms.sum::<f64>()
    };
    let (mut low, mut high) = (0.0, size.ln() + 2.0);
    for _ in 0..120 {
        let third = (high - low) / 3.0;
        if dual(low + third) < dual(high - third) {
            high -= third;
        } else {
            low += third;
        }
    }
    dual(low) / size.ln()
}

#[test]
fn grouped_sums_agree_with_plain_ones() {
    for m in [2, 5, 64, 65, 66, 100, 1000, 5000] {
        let bound = StrictBound::new(m).unwrap();
        for line in bound.lines.iter().step_by(23) {
            near(line.1, plain(m, line.0), 1e-11);
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
        let (best, _) = largest(slope);
        let all = (1..10_000).map(f64::from).map(|m| m * (slope - m.ln()));
        near(best, all.fold(f64::MIN, f64::max), 1e-11);
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

#[test]
fn no_partition_lies_above() {
    for m in 2..=40_u64 {
        let bound = StrictBound::new(m).unwrap();
        let size = m as f64;
        let log_m = size.ln();
        // n/M ln(M/n) by n.
        let parts: Vec<f64> = (0..=m)
            .map(|n| {
                if n == 0 {
                    0.0
                } else {
                    n as f64 / size * (size / n as f64).ln()
                }
            })
            .collect();
        let (mut best, mut best_sum) = (0.0_f64, 0.0_f64);
        // Nearest to the bound, and nearest among those with H[k] below H[s] and above 0.
        let (mut gap, mut inner) = (f64::MAX, f64::MAX);
        spectra(m, m, &mut Vec::new(), &mut |pairs| {
            let (mut h_s, mut h_k) = (0.0, 0.0);
            for &(k, m_k) in pairs {
                h_s += m_k as f64 * parts[k as usize];
                h_k += parts[(k * m_k) as usize];
            }
            let (h_s, h_k) = ((h_s / log_m).min(1.0), h_k / log_m);
            let distance = bound.at(h_s) - h_k;
            assert!(distance > -1e-12, "{pairs:?}: {h_k} above by {distance}");
            best = best.max(h_k);
            best_sum = best_sum.max(h_s + h_k);
            gap = gap.min(distance);
            if h_k > 1e-9 && h_k < h_s - 1e-9 {
                inner = inner.min(distance);
            }
        });
        assert!(best <= bound.max_relevance + 1e-12, "{m}");
        assert!(best_sum <= bound.max_sum + 1e-12, "{m}");
        // Touched: at the ends always, and nearly so between them.
        assert!(gap < 1e-12, "{m}: {gap}");
        if m >= 4 {
            assert!(inner < 0.05, "{m}: {inner}");
            assert!(bound.max_sum - best_sum < 0.06, "{m}: {best_sum}");
        }
        if m == 20 {
            near(best, 0.533_026, 6e-7);
            near(best_sum, 1.236_000, 6e-7);
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
        // Steps much smaller than these drown in the last digits of D.
        for three in bound.lines[HALVINGS as usize..].windows(3) {
            let slope =
                |a: usize| (three[a + 1].1 - three[a].1) / (three[a + 1].0 - three[a].0);
            assert!(
                slope(0) > -1e-6 && slope(1) > slope(0) - 1e-6,
                "{m} {three:?}"
            );
        }
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
}
