//! Everything that is known of one representation, under the names that scripts rely on.

use serde::{Deserialize, Serialize};

use crate::{Limits, PowerLaw, Spectrum, StandardErrors, lsq_beta};

/// Smallest frequency that enters a fit unless asked otherwise: all states.
const DEFAULT_K_MIN: u64 = 1;

/// The measures of one representation: a layer, a clustering, a column.
///
/// Serialized with the keys that scripts rely on; a number that does not exist is `None` (JSON
/// `null`), never NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What was measured: `H1` … for the layers of a DBN, k for a clustering.
    pub name: String,
    /// Number of observations M.
    pub m: u64,
    /// Number of distinct states.
    pub states: u64,
    /// Resolution H\[s\] as a fraction of ln M; `None` where M = 1.
    pub resolution: Option<f64>,
    /// Relevance H\[k\] as a fraction of ln M; `None` where M = 1.
    pub relevance: Option<f64>,
    /// Resolution H\[s\] in nats.
    pub resolution_nats: f64,
    /// Relevance H\[k\] in nats.
    pub relevance_nats: f64,
    /// Standard error of `resolution`, by [`StandardErrors`].
    pub resolution_stderr: Option<f64>,
    /// Standard error of `relevance`, by [`StandardErrors`].
    pub relevance_stderr: Option<f64>,
    /// Largest number of observations in one state.
    pub max_frequency: u64,
    /// Fraction of observations whose label is not the majority label of their state.
    pub classification_error: Option<f64>,
    /// The exponent of m_k ∝ k^(−β−1), by every estimate.
    pub beta: Beta,
    /// Strict upper bound of the relevance at this resolution, a fraction of ln M.
    pub bound: Option<f64>,
    /// Poisson optimum of the relevance at this resolution, a fraction of ln M.
    pub optimum: Option<f64>,
}

impl Measure {
    /// Everything that the spectrum alone determines, and the classification error where labels
    /// are known. What needs more (p-values) stays `None`; `bound` and `optimum` do
    /// where M is 1 or above 10¹². The first measure of each M takes some 0.1 s for its [`Limits`], each
    /// some 10 ms for its [`StandardErrors`].
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        spectrum: &Spectrum,
        classification_error: Option<f64>,
    ) -> Self {
        let resolution_nats = spectrum.resolution();
        let relevance_nats = spectrum.relevance();
        // Rounding may put distinct states a hair beyond ln M, where nothing is.
        let resolution = spectrum.fraction(resolution_nats).map(|h_s| h_s.min(1.0));
        let limits = Limits::of(spectrum.observations()).ok();
        let errors = StandardErrors::of(spectrum);
        let fraction = |nats: Option<f64>| spectrum.fraction(nats?);
        Self {
            name: name.into(),
            m: spectrum.observations(),
            states: spectrum.states(),
            resolution,
            relevance: spectrum.fraction(relevance_nats),
            resolution_nats,
            relevance_nats,
            resolution_stderr: fraction(errors.resolution),
            relevance_stderr: fraction(errors.relevance),
            max_frequency: spectrum.max_frequency(),
            classification_error: classification_error.filter(|error| error.is_finite()),
            beta: Beta {
                mle_jackknife_stderr: errors.beta,
                ..Beta::new(spectrum, DEFAULT_K_MIN)
            },
            bound: limits
                .as_ref()
                .zip(resolution)
                .map(|(l, h_s)| l.strict.at(h_s)),
            optimum: limits
                .as_ref()
                .zip(resolution)
                .and_then(|(l, h_s)| l.optimum.at(h_s)),
        }
    }

    /// H\[s\] + H\[k\] as a fraction of ln M.
    #[must_use]
    pub fn sum(&self) -> Option<f64> {
        Some(self.resolution? + self.relevance?).filter(|sum| sum.is_finite())
    }
}

/// The exponent β of m_k ∝ k^(−β−1); Zipf's law is β = 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Beta {
    /// Discrete maximum likelihood over states with k ≥ `k_min`.
    pub mle: Option<f64>,
    /// Standard error of `mle` from the likelihood, which takes the frequencies of the states for
    /// independent draws of the law.
    pub mle_stderr: Option<f64>,
    /// Standard error of `mle` by the delete-d jackknife over observations, which takes only the
    /// observations for independent: [`StandardErrors::beta`]. `None` where it was not computed.
    #[serde(default)]
    pub mle_jackknife_stderr: Option<f64>,
    /// Smallest frequency that entered the fit.
    pub k_min: Option<u64>,
    /// Kolmogorov–Smirnov distance between the fit and the frequencies.
    pub ks: Option<f64>,
    /// Probability of a distance at least as large under the fitted law.
    pub p_value: Option<f64>,
    /// Slope of a straight line through the logarithmically binned m_k.
    pub lsq: Option<f64>,
}

impl Beta {
    /// Every estimate of the spectrum's exponent; the fit takes the states with k ≥ `k_min`.
    #[must_use]
    pub fn new(spectrum: &Spectrum, k_min: u64) -> Self {
        let fit = PowerLaw::fit(spectrum, k_min);
        Self {
            mle: fit.map(|fit| fit.beta()),
            mle_stderr: fit.map(|fit| fit.gamma_stderr),
            mle_jackknife_stderr: None,
            k_min: fit.map(|fit| fit.k_min),
            ks: fit.map(|fit| fit.ks),
            p_value: None,
            lsq: lsq_beta(spectrum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(name: &str, counts: &[u64]) -> Measure {
        let spectrum = Spectrum::from_counts(counts.iter().copied()).unwrap();
        Measure::new(name, &spectrum, None)
    }

    #[test]
    fn undefined_numbers_are_null() {
        let one = serde_json::to_value(measure("H1", &[1])).unwrap();
        for key in ["resolution", "relevance", "bound", "classification_error"] {
            assert!(one[key].is_null(), "{key}");
        }
        assert_eq!(one["m"], 1);
        for key in ["mle", "mle_stderr", "k_min", "ks", "p_value", "lsq"] {
            assert!(one["beta"][key].is_null(), "{key}");
        }
    }

    #[test]
    fn a_measure_survives_json() {
        let measure = measure("H2", &[4, 3, 2, 1, 1, 9]);
        let text = serde_json::to_string(&measure).unwrap();
        assert_eq!(serde_json::from_str::<Measure>(&text).unwrap(), measure);
    }
}
