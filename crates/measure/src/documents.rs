//! What scripts read of fits and theoretical curves, beside [`Measure`](crate::Measure) and [`Msr`](crate::Msr),
//! which are read as they are.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    Comparison, Error, GoodnessOfFit, Limits, OptimumPoint, PowerLaw, Spectrum, StrictBound,
};

/// A power law fitted to frequencies, serialized with the keys that scripts rely on. A number that does not exist
/// is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Fitted {
    /// Exponent γ of P(k) ∝ k^(−γ).
    pub gamma: Option<f64>,
    /// Standard error of `gamma`, from the likelihood.
    pub gamma_stderr: Option<f64>,
    /// β = γ − 1.
    pub beta: Option<f64>,
    /// Smallest frequency of the fit.
    pub k_min: Option<u64>,
    /// Logarithm of the likelihood of the states in the tail.
    pub log_likelihood: Option<f64>,
    /// Kolmogorov–Smirnov distance between the fit and the frequencies.
    pub ks: Option<f64>,
    /// Number of states with k ≥ `k_min`.
    pub tail: Option<u64>,
    /// Number of states.
    pub states: u64,
    /// Probability of a distance at least as large under the fitted law.
    pub p_value: Option<f64>,
    /// Standard error of `p_value`.
    pub p_value_stderr: Option<f64>,
    /// Synthetic samples that were fitted for it.
    pub refits: Option<u64>,
    /// The law against others.
    pub comparisons: Option<Vec<Comparison>>,
}

impl Fitted {
    /// The fit of a spectrum, and what else was asked for.
    #[must_use]
    pub fn new(
        spectrum: &Spectrum,
        fit: Option<&PowerLaw>,
        goodness: Option<&GoodnessOfFit>,
        comparisons: Option<Vec<Comparison>>,
    ) -> Self {
        Self {
            gamma: fit.map(|fit| fit.gamma),
            gamma_stderr: fit.map(|fit| fit.gamma_stderr),
            beta: fit.map(PowerLaw::beta),
            k_min: fit.map(|fit| fit.k_min),
            log_likelihood: fit.map(|fit| fit.log_likelihood),
            ks: fit.map(|fit| fit.ks),
            tail: fit.map(|fit| fit.tail),
            states: spectrum.states(),
            p_value: goodness.and_then(|goodness| goodness.p_value),
            p_value_stderr: goodness.and_then(|goodness| goodness.p_value_stderr),
            refits: goodness.map(|goodness| goodness.refits),
            comparisons,
        }
    }
}

/// The theoretical curves for M observations, serialized with the keys that scripts rely on. All are fractions
/// of ln M.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitPoints {
    /// Number of observations M.
    pub m: u64,
    /// What no sample exceeds.
    pub strict: StrictBound,
    /// Points of the Poisson optimum.
    pub poisson: Vec<OptimumPoint>,
    /// Area under its curve.
    pub area: f64,
}

impl LimitPoints {
    /// Multipliers μ from the steep end over the largest relevance (μ = 0) and Zipf's point (μ = 1) to nearly
    /// distinct states.
    pub const MULTIPLIERS: [f64; 9] = [-0.98, -0.9, -0.75, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0];

    /// The points of the Poisson optimum at some multipliers, above −1; those beyond its ends are left out.
    ///
    /// # Errors
    /// [`Error::NoLimits`] for M below 2 and above 10¹².
    pub fn of(m: u64, multipliers: &[f64]) -> Result<Self, Error> {
        let limits: Arc<Limits> = Limits::of(m)?;
        Ok(Self {
            m,
            strict: limits.strict.clone(),
            poisson: multipliers
                .iter()
                .filter_map(|&mu| limits.optimum.point(mu))
                .collect(),
            area: limits.optimum.area(),
        })
    }
}
