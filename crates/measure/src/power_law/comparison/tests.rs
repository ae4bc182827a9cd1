use resrel_kernels::{Purpose, Stream};

use super::*;
use crate::power_law::sampler::Sampler;

/// Beyond it the laws of these tests have nothing left.
const LAST: u64 = 200_000;

/// The laws as they are defined, ln p(k) up to a constant, by the names of their parameters.
fn ln_shape(alternative: Alternative, parameters: &BTreeMap<&'static str, f64>, k: f64) -> f64 {
    let of = |name: &str| parameters[name];
    match alternative {
        Alternative::Lognormal => {
            -k.ln() - (k.ln() - of("mu")).powi(2) / (2.0 * of("sigma").powi(2))
        }
        Alternative::Exponential => -of("lambda") * k,
        Alternative::StretchedExponential => {
            (of("beta") - 1.0) * k.ln() - of("lambda") * k.powf(of("beta"))
        }
        Alternative::TruncatedPowerLaw => -of("alpha") * k.ln() - of("lambda") * k,
    }
}

/// ln p(k) on k_min … `LAST`, normalised by the plain sum.
fn ln_law(
    alternative: Alternative,
    parameters: &BTreeMap<&'static str, f64>,
    k_min: u64,
) -> impl Fn(u64) -> f64 {
    let shape = {
        let parameters = parameters.clone();
        move |k: u64| ln_shape(alternative, &parameters, k as f64)
    };
    let ln_norm = sum((k_min..=LAST).map(|k| shape(k).exp())).ln();
    move |k| shape(k) - ln_norm
}

/// n draws of a law on k_min … `LAST`.
fn draws(ln_p: impl Fn(u64) -> f64, k_min: u64, n: usize, index: u64) -> Spectrum {
    let mut reached = 0.0;
    let cumulative: Vec<f64> = (k_min..=LAST)
        .map(|k| {
            reached += ln_p(k).exp();
            reached
        })
        .collect();
    let mut rng = Stream::new(11, Purpose::Bootstrap, 2).rng(index);
    let draw = |_| {
        let u = rng.uniform() * reached;
        k_min + cumulative.partition_point(|&c| c < u) as u64
    };
    Spectrum::from_counts((0..n).map(draw).collect::<Vec<u64>>()).unwrap()
}

/// An alternative and its parameters, each with a name, a value and a tolerance.
type Source = (Alternative, [(&'static str, f64, f64); 2]);

/// The four alternatives with parameters, and how near to them fits of 4,000 states come.
fn sources() -> [Source; 4] {
    [
        (
            Alternative::Lognormal,
            [("mu", 2.0, 0.12), ("sigma", 1.0, 0.1)],
        ),
        // Its one parameter twice.
        (
            Alternative::Exponential,
            [("lambda", 0.05, 0.004), ("lambda", 0.05, 0.004)],
        ),
        (
            Alternative::StretchedExponential,
            [("beta", 0.6, 0.1), ("lambda", 0.3, 0.12)],
        ),
        (
            Alternative::TruncatedPowerLaw,
            [("alpha", 1.5, 0.15), ("lambda", 0.01, 0.005)],
        ),
    ]
}

#[test]
fn the_source_of_a_sample_beats_the_power_law() {
    for k_min in [1, 3] {
        for (index, (alternative, source)) in sources().into_iter().enumerate() {
            let parameters = source
                .iter()
                .map(|&(name, value, _)| (name, value))
                .collect();
            let spectrum = draws(
                ln_law(alternative, &parameters, k_min),
                k_min,
                4_000,
                index as u64,
            );
            let fit = PowerLaw::fit(&spectrum, k_min).unwrap();
            let all = compare(&spectrum, &fit);
            let found = all.iter().find(|c| c.alternative == alternative).unwrap();
            for (name, value, tolerance) in source {
                let far = (found.parameters[name] - value).abs();
                assert!(far < tolerance, "{alternative:?} {name}: {found:?}");
            }
            assert!(found.log_likelihood_ratio.unwrap() < -10.0, "{found:?}");
            assert!(found.p_value.unwrap() < 0.01, "{found:?}");
        }
    }
}

/// Likelihood, ratio and normalised ratio by their definitions, state by state, and the parameters
/// are a maximum.
#[test]
fn numbers_agree_with_their_definitions() {
    let k_min = 2;
    for (index, (alternative, source)) in sources().into_iter().enumerate() {
        let parameters = source
            .iter()
            .map(|&(name, value, _)| (name, value))
            .collect();
        let spectrum = draws(
            ln_law(alternative, &parameters, 1),
            1,
            1_500,
            10 + index as u64,
        );
        let fit = PowerLaw::fit(&spectrum, k_min).unwrap();
        let tail = || spectrum.pairs().iter().filter(|pair| pair.0 >= k_min);
        let likelihood = |alternative, parameters: &BTreeMap<_, _>| {
            let law = ln_law(alternative, parameters, k_min);
            sum(tail().map(|&(k, m_k)| m_k as f64 * law(k)))
        };
        let norm = crate::hurwitz_zeta(fit.gamma, k_min as f64).ln();
        for found in compare(&spectrum, &fit) {
            if found.parameters.is_empty() {
                continue;
            }
            let at = likelihood(found.alternative, &found.parameters);
            let given = found.log_likelihood.unwrap();
            assert!((at - given).abs() < 1e-8 * at.abs(), "{at} {found:?}");
            for (name, value) in &found.parameters {
                for factor in [0.98, 1.02] {
                    let mut other = found.parameters.clone();
                    other.insert(name, value * factor);
                    assert!(
                        likelihood(found.alternative, &other) < at + 1e-8,
                        "{name} {found:?}"
                    );
                }
            }
            let law = ln_law(found.alternative, &found.parameters, k_min);
            let difference = |k: u64| -fit.gamma * (k as f64).ln() - norm - law(k);
            let n = fit.tail as f64;
            let ratio = sum(tail().map(|&(k, m_k)| m_k as f64 * difference(k)));
            let squares = tail().map(|&(k, m_k)| m_k as f64 * (difference(k) - ratio / n).powi(2));
            let sigma = (sum(squares) / n).sqrt();
            assert!(
                (ratio - found.log_likelihood_ratio.unwrap()).abs() < 1e-6 * (1.0 + ratio.abs())
            );
            let p = found.p_value.unwrap();
            if let Some(normalized) = found.normalized_ratio {
                let plain = ratio / (sigma * n.sqrt());
                assert!(
                    (plain - normalized).abs() < 1e-6 * (1.0 + plain.abs()),
                    "{found:?}"
                );
                assert!(
                    (libm::erfc(plain.abs() / 2_f64.sqrt()) - p).abs() < 1e-6,
                    "{found:?}"
                );
            } else {
                // P(χ²₁ ≥ 2|R|).
                assert_eq!(found.alternative, Alternative::TruncatedPowerLaw);
                let chi = (2.0 * ratio.abs()).sqrt();
                assert!(
                    (libm::erfc(chi / 2_f64.sqrt()) - p).abs() < 1e-5,
                    "{found:?}"
                );
            }
        }
    }
}

/// Samples of power laws: the exponential loses, the nested law never fits worse, and it is preferred
/// at 0.1 in no more than a tenth of them: the binomial's mean and four standard deviations.
#[test]
fn power_laws_are_not_beaten() {
    let samples = 200;
    let mut preferred = 0.0;
    for index in 0..samples {
        let sampler = Sampler::new(&[(1, 1_000)], 2.3, 1);
        let mut rng = Stream::new(12, Purpose::Bootstrap, 3).rng(index);
        let spectrum = Spectrum::from_pairs(sampler.draw(&mut rng)).unwrap();
        let fit = PowerLaw::fit(&spectrum, 1).unwrap();
        for found in compare(&spectrum, &fit) {
            let (ratio, p) = (found.log_likelihood_ratio.unwrap(), found.p_value);
            match found.alternative {
                Alternative::Exponential => assert!(ratio > 0.0 && p.unwrap() < 0.05, "{found:?}"),
                Alternative::TruncatedPowerLaw => {
                    assert!(ratio < 1e-7, "{found:?}");
                    preferred += f64::from(p.unwrap() < 0.1);
                }
                _ => {}
            }
        }
    }
    let n = samples as f64;
    assert!(preferred < 0.1 * n + 4.0 * (0.09 * n).sqrt(), "{preferred}");
}
