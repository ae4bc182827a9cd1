//! The exponent of m_k ∝ k^(−β−1) by discrete maximum likelihood.
//!
//! Source: Clauset, Shalizi, Newman, "Power-law distributions in empirical data", SIAM Review 51,
//! 661 (2009).

mod alternative;
mod bootstrap;
mod comparison;
mod normalizer;
mod sampler;
mod table;

pub use bootstrap::{GoodnessOfFit, KMin};
pub use comparison::{Alternative, Comparison, compare};

use crate::Spectrum;
use crate::power_law::table::Table;
use crate::spectrum::sum;
use crate::zeta::Moments;

/// Smallest exponent that the search looks at; no data have a smaller one. Frequencies of 64 bits
/// have a mean ln(k/k_min) below 64 ln 2 = 44.4, which the law reaches at γ = 1.022.
const SMALLEST_GAMMA: f64 = 1.01;

/// The bracket at least halves every second step, so this is never reached; it bounds the loop.
const MAX_STEPS: usize = 200;

/// A discrete power law p(k) = k^(−γ)/ζ(γ, k_min), fitted to the frequencies of the states with
/// k ≥ k_min.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerLaw {
    /// Exponent γ = β + 1 of largest likelihood.
    pub gamma: f64,
    /// Standard error of γ, from the observed information:
    /// 1/√(n (ζ″/ζ − (ζ′/ζ)²)), derivatives with respect to γ.
    pub gamma_stderr: f64,
    /// Smallest frequency that entered the fit.
    pub k_min: u64,
    /// Number n of states with k ≥ k_min.
    pub tail: u64,
    /// Log-likelihood Σ_{k ≥ k_min} m_k ln p(k), in nats.
    pub log_likelihood: f64,
    /// Kolmogorov–Smirnov distance: the largest difference, over the integers from k_min to the
    /// largest frequency, between the distribution functions of the tail and of the law.
    pub ks: f64,
}

impl PowerLaw {
    /// Fits the states with k ≥ `k_min` by maximum likelihood. `k_min` = 0 is read as 1.
    ///
    /// `None` where the maximum does not exist: fewer than two states in the tail, or all of them
    /// at the same frequency `k_min`.
    #[must_use]
    pub fn fit(spectrum: &Spectrum, k_min: u64) -> Option<Self> {
        let k_min = k_min.max(1);
        let tail = tail(spectrum, k_min);
        let Likelihood { gamma, n, total } = Likelihood::largest(tail, k_min)?;
        let q = k_min as f64;
        let moments = Moments::new(gamma, q);
        let gamma_stderr = (n as f64 * moments.variance()).sqrt().recip();
        let log_likelihood = -(n as f64) * moments.norm.ln() - gamma * total;
        let ks = Table::starting_at(k_min, tail).ks(0, gamma)?;
        [gamma, gamma_stderr, log_likelihood, ks]
            .iter()
            .all(|value| value.is_finite())
            .then_some(Self {
                gamma,
                gamma_stderr,
                k_min,
                tail: n,
                log_likelihood,
                ks,
            })
    }

    /// Fits with the k_min whose tail has the least Kolmogorov–Smirnov distance, the smallest of
    /// several alike (Clauset, Shalizi, Newman 2009, section 3.3).
    ///
    /// Every distinct frequency but the largest is a candidate, however short its tail: a law
    /// cannot be fitted to states that are all at its k_min. `None` where all frequencies are
    /// equal.
    #[must_use]
    pub fn search(spectrum: &Spectrum) -> Option<Self> {
        let best = Table::new(spectrum.pairs()).best()?;
        Self::fit(spectrum, spectrum.pairs()[best.place].0)
    }

    /// The exponent β = γ − 1 of m_k ∝ k^(−β−1). Its standard error is that of γ.
    #[must_use]
    pub fn beta(&self) -> f64 {
        self.gamma - 1.0
    }
}

/// The exponent β of largest likelihood of all states, without the distances and errors of a fit.
pub(crate) fn beta_mle(spectrum: &Spectrum) -> Option<f64> {
    Likelihood::largest(spectrum.pairs(), 1).map(|largest| largest.gamma - 1.0)
}

/// The pairs with k ≥ `k_min`.
fn tail(spectrum: &Spectrum, k_min: u64) -> &[(u64, u64)] {
    let pairs = spectrum.pairs();
    &pairs[pairs.partition_point(|&(k, _)| k < k_min)..]
}

/// Where the likelihood of a tail is largest.
struct Likelihood {
    gamma: f64,
    /// States in the tail.
    n: u64,
    /// Σ m_k ln(k/k_min).
    total: f64,
}

impl Likelihood {
    fn largest(tail: &[(u64, u64)], k_min: u64) -> Option<Self> {
        let n: u64 = tail.iter().map(|&(_, m_k)| m_k).sum();
        if n < 2 || tail[tail.len() - 1].0 == k_min {
            return None;
        }
        let q = k_min as f64;
        let total = sum(tail
            .iter()
            .map(|&(k, m_k)| m_k as f64 * ((k - k_min) as f64 / q).ln_1p()));
        let gamma = solve(total / n as f64, q)?;
        Some(Self { gamma, n, total })
    }
}

/// The γ at which the law's mean of ln(k/q) is `mean` > 0. The mean falls as γ grows, so there is
/// one; Newton's steps, and halving of the bracket in ln(γ − 1) where they leave it.
fn solve(mean: f64, q: f64) -> Option<f64> {
    let mut low = SMALLEST_GAMMA;
    let mut high = 2.0;
    while Moments::new(high, q).mean() > mean {
        low = high;
        high = 2.0 * high - 1.0;
        if !high.is_finite() {
            return None;
        }
    }
    let mut gamma = (1.0 + 1.0 / mean).clamp(low, high);
    for _ in 0..MAX_STEPS {
        let moments = Moments::new(gamma, q);
        let excess = moments.mean() - mean;
        if excess > 0.0 {
            low = gamma;
        } else {
            high = gamma;
        }
        // In 1/mean, which is nearly linear in γ: 1/mean(γ) has the slope variance/mean².
        let step = excess * moments.mean() / (moments.variance() * mean);
        let newton = gamma + step;
        let next = if newton > low && newton < high {
            newton
        } else {
            1.0 + ((low - 1.0) * (high - 1.0)).sqrt()
        };
        if (next - gamma).abs() <= 4.0 * f64::EPSILON * gamma || low >= high {
            return Some(next);
        }
        gamma = next;
    }
    Some(gamma)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hurwitz_zeta;

    fn fit(counts: &[u64], k_min: u64) -> Option<PowerLaw> {
        PowerLaw::fit(
            &Spectrum::from_counts(counts.iter().copied()).unwrap(),
            k_min,
        )
    }

    #[test]
    fn undefined_fits_are_none() {
        assert_eq!(fit(&[1, 1, 1], 1), None);
        assert_eq!(fit(&[7], 1), None);
        assert_eq!(fit(&[1, 2, 9], 9), None);
        assert_eq!(fit(&[1, 2, 9], 10), None);
        assert_eq!(fit(&[u64::MAX], 1), None);
        assert!(fit(&[1, 2], 0).is_some_and(|fit| fit.k_min == 1));
    }

    #[test]
    fn extreme_counts_stay_finite() {
        let mut counts = vec![1; 100_000];
        counts.push(2);
        assert!(fit(&counts, 1).is_some_and(|fit| fit.gamma > 15.0 && fit.gamma < 18.0));
        let wide = fit(&[1, u64::MAX - 1], 1).unwrap();
        assert!(wide.gamma > 1.0 && wide.gamma < 1.1 && wide.ks < 1.0);
        let steep = fit(&[1_000_000, 1_000_000, 1_000_001], 1_000_000).unwrap();
        assert!(steep.gamma > 1e5 && steep.gamma_stderr.is_finite());
    }

    #[test]
    fn no_frequencies_ask_for_an_exponent_below_the_smallest() {
        for bits in 0..64 {
            let q = f64::from(bits).exp2();
            let widest = f64::from(64 - bits) * 2_f64.ln();
            assert!(Moments::new(SMALLEST_GAMMA, q).mean() > widest, "{q}");
        }
        let heaviest = fit(&[1 << 62; 3], 1).unwrap();
        let mean = Moments::new(heaviest.gamma, 1.0).mean();
        assert!((mean - 62.0 * 2_f64.ln()).abs() < 1e-9, "{heaviest:?}");
        assert!(heaviest.gamma > 1.02 && heaviest.ks < 1.0);
    }

    #[test]
    fn exact_frequencies_of_a_law_give_its_exponent() {
        for (gamma, k_min) in [(1.7, 1_u64), (2.0, 1), (2.5, 3), (3.5, 6)] {
            let zeta = hurwitz_zeta(gamma, k_min as f64);
            let pairs = (k_min..400_000)
                .map(|k| (k, ((k as f64).powf(-gamma) / zeta * 1e15).round() as u64))
                .filter(|&(_, m_k)| m_k > 0);
            let fit = PowerLaw::fit(&Spectrum::from_pairs(pairs).unwrap(), k_min).unwrap();
            // What lies beyond the last k is missing from the data.
            let tolerance = 400_000_f64.powf(1.0 - gamma) * 200.0 + 1e-8;
            assert!((fit.gamma - gamma).abs() < tolerance, "{fit:?}");
            assert!(fit.ks < tolerance);
        }
    }

    #[test]
    fn published_fits() {
        let Some(folder) = std::env::var_os("RESREL_DATA") else {
            eprintln!("skipped: RESREL_DATA is unset");
            return;
        };
        let read = |name: &str| {
            let path = std::path::Path::new(&folder).join("power_law").join(name);
            let text = std::fs::read_to_string(path).unwrap();
            let counts: Vec<u64> = text
                .split_whitespace()
                .map(|word| word.parse::<f64>().unwrap() as u64)
                .collect();
            Spectrum::from_counts(counts).unwrap()
        };
        let words = PowerLaw::search(&read("words.txt")).unwrap();
        assert_eq!(words.k_min, 7);
        assert!((words.gamma - 1.9527).abs() < 5e-5, "{words:?}");
        assert!((words.ks - 0.008_25).abs() < 5e-6, "{words:?}");
        assert_eq!(words.tail, 2958);
        let discrete = PowerLaw::search(&read("discrete_data.txt")).unwrap();
        assert_eq!(discrete.k_min, 2);
        assert!((discrete.gamma - 2.583_30).abs() < 5e-6, "{discrete:?}");
        assert!(
            (discrete.log_likelihood + 9155.617).abs() < 5e-4,
            "{discrete:?}"
        );
        assert!((discrete.ks - 0.004_33).abs() < 5e-6, "{discrete:?}");
    }

    proptest! {
        #[test]
        fn the_search_finds_the_least_distance(
            counts in prop::collection::vec(1..40_u64, 2..120),
            wide in prop::collection::vec(1..100_000_u64, 0..40),
        ) {
            let spectrum = Spectrum::from_counts(counts.into_iter().chain(wide)).unwrap();
            let (_, candidates) = spectrum.pairs().split_last().unwrap();
            let fits = candidates.iter().filter_map(|&(k, _)| PowerLaw::fit(&spectrum, k));
            let least = fits.map(|fit| fit.ks).fold(f64::INFINITY, f64::min);
            match PowerLaw::search(&spectrum) {
                Some(found) => prop_assert!((found.ks - least).abs() < 1e-12, "{found:?} {least}"),
                None => prop_assert!(candidates.is_empty()),
            }
        }

        #[test]
        fn the_fit_is_the_maximum(counts in prop::collection::vec(1..300_u64, 2..60), k_min in 1..4_u64) {
            let Some(best) = fit(&counts, k_min) else { return Ok(()) };
            let q = k_min as f64;
            let likelihood = |gamma: f64| -> f64 {
                let zeta = Moments::new(gamma, q).norm.ln() - gamma * q.ln();
                counts
                    .iter()
                    .filter(|&&k| k >= k_min)
                    .map(|&k| -gamma * (k as f64).ln() - zeta)
                    .sum()
            };
            let at = likelihood(best.gamma);
            prop_assert!((at - best.log_likelihood).abs() < 1e-9 * at.abs().max(1.0));
            for factor in [0.9, 0.999, 1.001, 1.1] {
                prop_assert!(likelihood(1.0 + best.beta() * factor) <= at + 1e-9 * at.abs());
            }
            // The observed information is minus the second derivative.
            let h = 1e-3 * best.beta();
            let curvature = (2.0 * at - likelihood(best.gamma - h) - likelihood(best.gamma + h)) / (h * h);
            let stderr = curvature.sqrt().recip();
            prop_assert!((stderr / best.gamma_stderr - 1.0).abs() < 1e-2);
            // The distance by its definition, integer by integer.
            let tail: Vec<u64> = counts.iter().copied().filter(|&k| k >= k_min).collect();
            let zeta = hurwitz_zeta(best.gamma, q);
            let mut law = 0.0;
            let mut ks = 0.0_f64;
            for k in k_min..=*tail.iter().max().unwrap() {
                law += (k as f64).powf(-best.gamma) / zeta;
                let seen = tail.iter().filter(|&&c| c <= k).count() as f64 / tail.len() as f64;
                ks = ks.max((seen - law).abs());
            }
            prop_assert!((ks - best.ks).abs() < 1e-9);
        }
    }
}
