//! Whether chains have forgotten where they started.
//!
//! Sources: A. Vehtari, A. Gelman, D. Simpson, B. Carpenter, P.-C. Bürkner, "Rank-normalization, folding,
//! and localization: an improved R̂ for assessing convergence of MCMC", Bayesian Analysis 16 (2021), 667;
//! C. J. Geyer, "Practical Markov chain Monte Carlo", Statistical Science 7 (1992), 473.

use serde::{Deserialize, Serialize};

/// R̂ up to which chains count as mixed. Vehtari et al. ask for 1.01, and call 1.1 too lax; means over many
/// chains, as here, show differences that single chains hide.
const LARGEST_R_HAT: f64 = 1.05;
/// Effective samples from which R̂ and the autocorrelations can be trusted (Vehtari et al.).
const FEWEST_SAMPLES: f64 = 400.0;
/// Values of half a series from which it is judged.
const SHORTEST_HALF: usize = 4;

/// How well groups of chains agree on a quantity, and how fast it is forgotten.
///
/// Each group's series is cut into halves, so that a drift shows as well. With W the mean variance within
/// the m half series of n values, and B/n the variance of their means, V = (n − 1)/n · W + B/n:
/// R̂ = √(V/W), and ρ_t = 1 − (W − mean autocovariance at lag t)/V. The integrated autocorrelation time is
/// τ = 1 + 2 Σ ρ_t, the sum cut where pairs of ρ_t turn negative and made monotone (Geyer); the effective
/// sample size is m·n/τ. No ranks are taken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// Mean over all groups and steps.
    pub mean: Option<f64>,
    /// Its standard error √(V/effective samples).
    pub stderr: Option<f64>,
    /// Integrated autocorrelation time τ, in Gibbs steps.
    pub autocorrelation_time: Option<f64>,
    /// Effective sample size.
    pub effective_samples: Option<f64>,
    /// Split R̂: 1 where the groups agree.
    pub r_hat: Option<f64>,
    /// Whether R̂ ≤ 1.05 with at least 400 effective samples.
    pub mixed: bool,
}

impl Convergence {
    /// Of one series a group, all of one length, with values that are `every` Gibbs steps apart. What is not
    /// defined is `None`: all but the mean where a series has fewer than eight values or never changes.
    #[must_use]
    pub fn new(groups: &[Vec<f64>], every: u64) -> Self {
        let count: usize = groups.iter().map(Vec::len).sum();
        let sum: f64 = groups.iter().flatten().sum();
        let mean = (count > 0).then(|| sum / count as f64);
        let undefined = Self {
            mean,
            stderr: None,
            autocorrelation_time: None,
            effective_samples: None,
            r_hat: None,
            mixed: false,
        };
        let length = groups.iter().map(Vec::len).min().unwrap_or(0) / 2;
        if length < SHORTEST_HALF {
            return undefined;
        }
        let halves: Vec<&[f64]> = groups
            .iter()
            .flat_map(|group| [&group[..length], &group[group.len() - length..]])
            .collect();
        let (m, n) = (halves.len() as f64, length as f64);
        let means: Vec<f64> = halves
            .iter()
            .map(|half| half.iter().sum::<f64>() / n)
            .collect();
        let covariance = |lag: usize| {
            let of_one = |(half, mean): (&&[f64], &f64)| {
                let pairs = half.iter().zip(&half[lag..]);
                pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n
            };
            halves.iter().zip(&means).map(of_one).sum::<f64>() / m
        };
        let within = covariance(0) * n / (n - 1.0);
        let middle = means.iter().sum::<f64>() / m;
        let between = means
            .iter()
            .map(|mean| (mean - middle).powi(2))
            .sum::<f64>()
            / (m - 1.0);
        let variance = (n - 1.0) / n * within + between;
        if !(within > 0.0 && variance.is_finite()) {
            return undefined;
        }
        let correlation = |lag: usize| 1.0 - (within - covariance(lag) * n / (n - 1.0)) / variance;
        let mut time = -1.0;
        let mut smallest = f64::INFINITY;
        for lag in (0..length - 1).step_by(2) {
            let pair = if lag == 0 { 1.0 } else { correlation(lag) } + correlation(lag + 1);
            if pair < 0.0 {
                break;
            }
            smallest = pair.min(smallest);
            time += 2.0 * smallest;
        }
        // Series that jump to and fro can have a negative sum: more is not claimed than Stan does.
        let time = time.max(1.0 / (m * n).log10());
        let samples = m * n / time;
        let r_hat = (variance / within).sqrt();
        Self {
            mean,
            stderr: Some((variance / samples).sqrt()),
            autocorrelation_time: Some(time * every as f64),
            effective_samples: Some(samples),
            r_hat: Some(r_hat),
            mixed: r_hat <= LARGEST_R_HAT && samples >= FEWEST_SAMPLES,
        }
    }
}

#[cfg(test)]
mod tests {
    use resrel_kernels::{Purpose, Stream};

    use super::*;

    /// x_t = φ x_(t−1) + ε around `centre`.
    fn autoregression(
        groups: usize,
        length: usize,
        phi: f64,
        centre: impl Fn(usize) -> f64,
    ) -> Vec<Vec<f64>> {
        let group = |number: usize| {
            let mut rng = Stream::new(5, Purpose::Sampling, number as u64).rng(0);
            let mut x = rng.normal() / (1.0 - phi * phi).sqrt();
            let mut next = || {
                x = phi * x + rng.normal();
                centre(number) + x
            };
            (0..length).map(|_| next()).collect()
        };
        (0..groups).map(group).collect()
    }

    #[test]
    fn autocorrelation_times_are_the_known_ones() {
        for phi in [0.0, 0.5, 0.9] {
            let values = autoregression(8, 20_000, phi, |_| 3.0);
            let found = Convergence::new(&values, 10);
            let exact = 10.0 * (1.0 + phi) / (1.0 - phi);
            let time = found.autocorrelation_time.expect("defined");
            assert!((time / exact - 1.0).abs() < 0.1, "{time} for {exact}");
            let samples = found.effective_samples.expect("defined");
            assert!((samples * time / 1_600_000.0 - 1.0).abs() < 1e-9);
            assert!(found.mixed && (found.r_hat.expect("defined") - 1.0).abs() < 0.01);
            let (mean, stderr) = (found.mean.expect("values"), found.stderr.expect("defined"));
            assert!((mean - 3.0).abs() < 4.0 * stderr, "{mean} ± {stderr}");
            // Standard error of a mean: σ²τ/N, σ² = 1/(1 − φ²).
            let exact = ((1.0 + phi) / (1.0 - phi) / (1.0 - phi * phi) / 160_000.0).sqrt();
            assert!((stderr / exact - 1.0).abs() < 0.1, "{stderr} for {exact}");
        }
    }

    #[test]
    fn groups_that_differ_and_series_that_drift_have_not_mixed() {
        let apart = Convergence::new(
            &autoregression(4, 1_000, 0.3, |group| 2.0 * group as f64),
            1,
        );
        assert!(!apart.mixed && apart.r_hat.expect("defined") > 1.5);
        let drift: Vec<Vec<f64>> = autoregression(4, 1_000, 0.3, |_| 0.0)
            .iter()
            .map(|group| {
                group
                    .iter()
                    .enumerate()
                    .map(|(t, x)| x + t as f64 / 200.0)
                    .collect()
            })
            .collect();
        let drift = Convergence::new(&drift, 1);
        assert!(!drift.mixed && drift.r_hat.expect("defined") > 1.2);
        // They agree, but there are too few of them to know.
        assert!(!Convergence::new(&autoregression(2, 60, 0.0, |_| 0.0), 1).mixed);
    }

    /// Two groups of eight: halves (1, 3, 1, 3), (3, 1, 3, 1), (2, 4, 2, 4), (4, 2, 4, 2).
    #[test]
    fn by_hand() {
        let groups = [
            vec![1.0, 3.0, 1.0, 3.0, 3.0, 1.0, 3.0, 1.0],
            vec![2.0, 4.0, 2.0, 4.0, 4.0, 2.0, 4.0, 2.0],
        ];
        let found = Convergence::new(&groups, 1);
        // W = 4/3, B/n = 1/3, V = ¾·4/3 + 1/3 = 4/3: R̂ = 1.
        assert!((found.r_hat.expect("defined") - 1.0).abs() < 1e-12);
        assert_eq!(found.mean, Some(2.5));
        // ρ = 1, −¾, ½, −¼: two pairs of ¼ make −1 + ½ + ½ = 0, and less is not claimed than this.
        let time = 1.0 / 16.0_f64.log10();
        assert!((found.autocorrelation_time.expect("defined") - time).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_defined_is_not_there() {
        let constant = Convergence::new(&vec![vec![2.0; 100]; 4], 1);
        assert_eq!(
            (constant.mean, constant.r_hat, constant.mixed),
            (Some(2.0), None, false)
        );
        assert_eq!(Convergence::new(&[], 1).mean, None);
        assert_eq!(
            Convergence::new(&vec![vec![1.0, 2.0]; 3], 1).effective_samples,
            None
        );
    }
}
