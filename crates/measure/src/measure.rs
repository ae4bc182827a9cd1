//! Everything that is known of one representation, under the names that scripts rely on.

use serde::{Deserialize, Serialize};

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
    /// Standard error of `resolution`.
    pub resolution_stderr: Option<f64>,
    /// Standard error of `relevance`.
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

/// The exponent β of m_k ∝ k^(−β−1); Zipf's law is β = 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Beta {
    /// Discrete maximum likelihood over states with k ≥ `k_min`.
    pub mle: Option<f64>,
    /// Standard error of `mle`.
    pub mle_stderr: Option<f64>,
    /// Smallest frequency that entered the fit.
    pub k_min: Option<u64>,
    /// Kolmogorov–Smirnov distance between the fit and the frequencies.
    pub ks: Option<f64>,
    /// Probability of a distance at least as large under the fitted law.
    pub p_value: Option<f64>,
    /// Slope of a straight line through the logarithmically binned m_k.
    pub lsq: Option<f64>,
}
