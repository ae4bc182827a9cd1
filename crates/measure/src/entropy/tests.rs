use proptest::prelude::*;

use super::special::{digamma, ln_rising, polygammas, slope};
use super::*;

fn spectrum(counts: &[u64]) -> Spectrum {
    Spectrum::from_counts(counts.iter().copied()).unwrap()
}

#[track_caller]
fn near(value: f64, expected: f64, tolerance: f64) {
    let off = (value - expected).abs() / expected.abs().max(1.0);
    assert!(off <= tolerance, "{value} is not {expected}");
}

/// mpmath, 40 digits.
#[test]
fn special_functions() {
    for (x, psi, slope) in [
        (1e-9, -1_000_000_000.577_215_7, 1e18),
        (0.5, -1.963_510_026_021_423_5, 4.934_802_200_544_679),
        (1.0, -0.577_215_664_901_532_9, 1.644_934_066_848_226_4),
        (15.5, 2.708_235_242_590_365_4, 0.066_642_013_583_275_97),
        (1e6, 13.815_510_057_964_191, 1.000_000_500_000_166_7e-6),
    ] {
        let found = polygammas(x);
        assert!((found.0 / psi - 1.0).abs() < 4e-15, "ψ({x}) = {}", found.0);
        assert!(
            (found.1 / slope - 1.0).abs() < 4e-15,
            "ψ′({x}) = {}",
            found.1
        );
    }
    // 1 · 2 · … · 6, and what lgamma would lose all digits of.
    near(ln_rising(1.0, 6.0), 720_f64.ln(), 1e-15);
    near(ln_rising(0.25, 0.0), 0.0, 0.0);
    near(ln_rising(1e15, 3.0), 3.0 * 1e15_f64.ln() + 3e-15, 1e-15);
    let plain: f64 = (0..5000).map(|i| (0.3 + f64::from(i)).ln()).sum();
    near(ln_rising(0.3, 5000.0), plain, 1e-13);
    // The slope on both sides of where its series begins.
    for classes in [2.0, 100.0, 1e12] {
        let beta = 16.0;
        let direct = classes * polygammas(classes * beta + 1.0).1 - polygammas(beta + 1.0).1;
        assert!((slope(classes, beta) / direct - 1.0).abs() < 1e-11);
    }
}

#[test]
fn closed_forms_of_small_samples() {
    // 4, 2, 1, 1.
    let sample = spectrum(&[4, 2, 1, 1]);
    let plug_in = 1.75 * 2_f64.ln();
    near(miller_madow(&sample), plug_in + 3.0 / 16.0, 1e-15);
    // Grassberger's G by its own recurrence, G(1) = −γ − ln 2, G(2) = 2 − γ − ln 2,
    // G(2n + 1) = G(2n), G(2n + 2) = G(2n) + 2/(2n + 1).
    let first = -0.577_215_664_901_532_9 - 2_f64.ln();
    let g = [first, first + 2.0, first + 2.0 + 2.0 / 3.0];
    let expected = 8_f64.ln() - (2.0 * g[0] + 2.0 * g[1] + 4.0 * g[2]) / 8.0;
    near(grassberger(&sample), expected, 1e-14);
    // Chao–Shen: coverage 1 − 2/8.
    let term = |k: f64| {
        let p: f64 = 0.75 * k / 8.0;
        -p * p.ln() / (1.0 - (1.0 - p).powi(8))
    };
    near(
        chao_shen(&sample),
        term(4.0) + term(2.0) + 2.0 * term(1.0),
        1e-14,
    );
    // All seen once: coverage 1/4.
    let p: f64 = 1.0 / 16.0;
    let singles = 4.0 * -p * p.ln() / (1.0 - (1.0 - p).powi(4));
    near(chao_shen(&spectrum(&[1; 4])), singles, 1e-14);
    // One state.
    let one = spectrum(&[9]);
    near(miller_madow(&one), 0.0, 0.0);
    near(chao_shen(&one), 0.0, 0.0);
}

/// NSB by mpmath with 40 digits: the trapezoid rule over ln β in steps of 1/8 and 1/16, which agree;
/// the second also by quadrature over the simplex.
#[test]
fn nsb_to_all_digits() {
    for (counts, classes, mean, deviation) in [
        (
            vec![4, 12, 4, 5, 3, 1, 5, 1, 2, 2, 2, 2, 11, 3, 4, 12, 12, 1, 2],
            100,
            2.806_096_916_054_329,
            0.119_476_909_190_22,
        ),
        (vec![3, 1], 2, 0.563_470_186_066_088_4, 0.151_954_270_547_33),
        (vec![1], 5, 0.804_718_956_217_050_2, 0.534_785_591_284_66),
        (vec![5], 3, 0.189_500_405_592_242_8, 0.259_402_480_188_51),
        (
            vec![1; 10],
            1000,
            5.571_039_431_919_364,
            0.911_217_947_428_85,
        ),
        (
            vec![1; 10],
            1_000_000_000_000,
            16.229_246_010_881_57,
            6.623_471_480_343,
        ),
        (
            vec![1000, 500, 20, 1],
            4,
            0.704_266_997_325_732_5,
            0.014_342_891_249_373,
        ),
        (
            std::iter::repeat_n(2, 50)
                .chain(std::iter::repeat_n(1, 100))
                .chain([30])
                .collect(),
            1_000_000,
            5.743_347_501_783_636,
            0.138_764_871_097_22,
        ),
        (
            vec![1_000_000, 100_000, 7],
            50,
            0.304_718_465_881_551_5,
            0.000_631_779_390_156_93,
        ),
    ] {
        let found = nsb(&spectrum(&counts), classes).unwrap();
        near(found.0, mean, 2e-10);
        assert!(
            (found.1 / deviation - 1.0).abs() < 1e-8,
            "{found:?} {deviation}"
        );
    }
    assert_eq!(nsb(&spectrum(&[7]), 1), Ok((0.0, 0.0)));
    assert_eq!(
        nsb(&spectrum(&[3, 2, 1]), 2),
        Err(Error::Classes {
            classes: 2,
            states: 3
        })
    );
}

/// Every sample of M observations of a source of three states, with its probability.
fn samples(m: u64, p: [f64; 3]) -> Vec<(Spectrum, f64)> {
    let factorial = |n: u64| (1..=n).map(|i| i as f64).product::<f64>();
    let mut all = Vec::new();
    for a in 0..=m {
        for b in 0..=m - a {
            let c = m - a - b;
            let ways = factorial(m) / factorial(a) / factorial(b) / factorial(c);
            let probability =
                ways * p[0].powi(a as i32) * p[1].powi(b as i32) * p[2].powi(c as i32);
            let counts = [a, b, c].into_iter().filter(|&k| k > 0);
            all.push((Spectrum::from_counts(counts).unwrap(), probability));
        }
    }
    all
}

#[test]
fn corrections_remove_most_of_the_exact_bias() {
    let p = [0.5, 0.3, 0.2];
    let entropy: f64 = p.iter().map(|p: &f64| -p * p.ln()).sum();
    for m in [8, 15, 30] {
        let samples = samples(m, p);
        let bias = |of: &dyn Fn(&Spectrum) -> f64| {
            sum(samples.iter().map(|(sample, p)| p * of(sample))) - entropy
        };
        let plug_in = bias(&Spectrum::resolution);
        assert!(plug_in < -0.9 / m as f64, "{plug_in}");
        for (name, corrected) in [
            ("Miller–Madow", bias(&miller_madow)),
            ("Grassberger", bias(&grassberger)),
        ] {
            assert!(
                corrected.abs() < 0.5 * plug_in.abs(),
                "{name}, M = {m}: {corrected} for {plug_in}"
            );
        }
        // Grassberger's is known: ln M for ψ(M), less Σ_s p ∫_0^(1 − 2p) x^(M − 1)/(1 − x) dx, here by
        // its series.
        let rest = |p: f64| {
            let x = 1.0 - 2.0 * p;
            let terms = (0..200).map(|i| {
                let power = m as i32 + i;
                x.powi(power) / f64::from(power)
            });
            p * terms.sum::<f64>()
        };
        let known = (m as f64).ln() - digamma(m as f64) - p.iter().map(|&p| rest(p)).sum::<f64>();
        near(bias(&grassberger), known, 1e-14);
        // The coverage is nearly 1, so there is little that Chao–Shen could add; NSB knows three states,
        // of any probabilities.
        for corrected in [bias(&chao_shen), bias(&|sample| nsb(sample, 3).unwrap().0)] {
            assert!(corrected.abs() < plug_in.abs(), "M = {m}: {corrected}");
        }
    }
}

#[test]
fn all_estimates_are_named_and_explained() {
    let sample = spectrum(&[9, 7, 7, 3, 2, 2, 1, 1, 1, 1]);
    let all = EntropyEstimate::all(&sample, None).unwrap();
    let names: Vec<&str> = all.iter().map(|estimate| estimate.name).collect();
    assert_eq!(
        names,
        ["plug-in", "miller-madow", "grassberger", "chao-shen", "nsb"]
    );
    assert_eq!(all[0].nats, Some(sample.resolution()));
    for estimate in &all[..4] {
        assert!(estimate.stderr.unwrap() > 0.02, "{estimate:?}");
        assert_eq!(estimate.reason, None);
    }
    assert_eq!((all[4].nats, all[4].stderr), (None, None));
    assert!(all[4].reason.as_ref().unwrap().contains("number of states"));
    let few = EntropyEstimate::all(&spectrum(&[3, 1]), Some(2)).unwrap();
    assert_eq!(few[1].stderr, None);
    assert!(few[1].reason.as_ref().unwrap().contains("at least 30"));
    assert!(few[4].stderr.is_some() && few[4].reason.is_none());
    let refused = EntropyEstimate::all(&sample, Some(9));
    assert_eq!(
        refused,
        Err(Error::Classes {
            classes: 9,
            states: 10
        })
    );
}

proptest! {
    #[test]
    fn estimates_exist_for_any_counts(
        counts in prop::collection::vec(prop_oneof![1_u64..5, 1_u64..1_000_000_000], 1..40),
        more in prop_oneof![0_u64..10, 0_u64..1_000_000_000_000],
    ) {
        let sample = spectrum(&counts);
        let plug_in = sample.resolution();
        prop_assert!(miller_madow(&sample) >= plug_in);
        prop_assert!(grassberger(&sample).is_finite());
        prop_assert!(chao_shen(&sample) >= 0.0);
        let classes = sample.states() + more;
        let (mean, deviation) = nsb(&sample, classes).unwrap();
        prop_assert!((0.0..=(classes as f64).ln() + 1e-9).contains(&mean), "{mean}");
        prop_assert!((0.0..10.0).contains(&deviation), "{deviation}");
    }
}
