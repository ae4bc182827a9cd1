//! Whether another law describes the tail better.

use std::collections::BTreeMap;

use serde::Serialize;

use super::alternative::{Family, Law};
use crate::spectrum::sum;
use crate::{PowerLaw, Spectrum};

/// A law that the power law is compared with, on the integers k ≥ k_min.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alternative {
    /// p(k) ∝ k^(−1) exp(−(ln k − μ)²/2σ²); parameters `mu`, `sigma`.
    Lognormal,
    /// p(k) ∝ exp(−λ k); parameter `lambda`.
    Exponential,
    /// p(k) ∝ k^(β−1) exp(−λ k^β), β > 0; parameters `beta`, `lambda`.
    StretchedExponential,
    /// p(k) ∝ k^(−α) exp(−λ k), λ ≥ 0; parameters `alpha`, `lambda`. It holds the power law.
    TruncatedPowerLaw,
}

/// The power law against one alternative, both fitted by maximum likelihood to the same tail.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The alternative.
    pub alternative: Alternative,
    /// Its parameters by name.
    pub parameters: BTreeMap<&'static str, f64>,
    /// Its log-likelihood, in nats.
    pub log_likelihood: Option<f64>,
    /// R = log-likelihood of the power law minus that of the alternative.
    pub log_likelihood_ratio: Option<f64>,
    /// R/(σ√n), σ² the variance of the states' log-likelihood differences (Vuong 1989). `None` for
    /// the truncated power law, which the power law is nested in.
    pub normalized_ratio: Option<f64>,
    /// erfc(|R|/(σ√(2n))): probability of an |R| this large if neither law were better. For the
    /// truncated power law P(χ²₁ ≥ 2|R|), at most twice too large as λ cannot be negative.
    pub p_value: Option<f64>,
    /// Why numbers are missing.
    pub reason: Option<String>,
}

impl Alternative {
    /// Its name in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lognormal => "lognormal",
            Self::Exponential => "exponential",
            Self::StretchedExponential => "stretched exponential",
            Self::TruncatedPowerLaw => "truncated power law",
        }
    }
}

/// Compares `fit` with every [`Alternative`] on the states of `spectrum` with k ≥ k_min.
///
/// Source: Q. H. Vuong, Econometrica 57, 307 (1989); Clauset, Shalizi, Newman 2009, section 5. The
/// laws are normalised by their sum over the integers, not by rounding a continuous variable.
#[must_use]
pub fn compare(spectrum: &Spectrum, fit: &PowerLaw) -> Vec<Comparison> {
    let pairs = spectrum.pairs();
    let pairs = &pairs[pairs.partition_point(|&(k, _)| k < fit.k_min)..];
    let tail: Vec<(f64, f64)> = pairs
        .iter()
        .map(|&(k, m_k)| {
            (
                ((k - fit.k_min) as f64 / fit.k_min as f64).ln_1p(),
                m_k as f64,
            )
        })
        .collect();
    let q = fit.k_min as f64;
    let two = |alternative, family, parameters: fn(f64, f64, f64) -> BTreeMap<_, _>| match Law::fit(
        family, &tail, fit,
    ) {
        Some(law) => {
            let ln_p: Vec<f64> = tail.iter().map(|&(t, _)| law.ln_p(t)).collect();
            Comparison::new(alternative, parameters(law.a, law.b, q), &tail, &ln_p, fit)
        }
        None => Comparison::limit(alternative, fit),
    };
    vec![
        two(Alternative::Lognormal, Family::Lognormal, |a, b, q| {
            let variance = 0.5 / b;
            let mu = q.ln() - (a - 1.0) * variance;
            BTreeMap::from([("mu", mu), ("sigma", variance.sqrt())])
        }),
        exponential(pairs, &tail, fit),
        two(
            Alternative::StretchedExponential,
            Family::Stretched,
            |a, b, q| BTreeMap::from([("beta", b), ("lambda", a / (b * q.powf(b)))]),
        ),
        two(
            Alternative::TruncatedPowerLaw,
            Family::Truncated,
            |a, b, q| BTreeMap::from([("alpha", a), ("lambda", b / q)]),
        ),
    ]
}

/// The geometric law, whose maximum is known: λ = ln(1 + 1/⟨k − k_min⟩).
fn exponential(pairs: &[(u64, u64)], tail: &[(f64, f64)], fit: &PowerLaw) -> Comparison {
    let excess = |k: u64| (k - fit.k_min) as f64;
    let mean = sum(pairs.iter().map(|&(k, m_k)| m_k as f64 * excess(k))) / fit.tail as f64;
    let lambda = mean.recip().ln_1p();
    let ln_norm = (-(-lambda).exp_m1()).ln();
    let ln_p: Vec<f64> = pairs
        .iter()
        .map(|&(k, _)| ln_norm - lambda * excess(k))
        .collect();
    let parameters = BTreeMap::from([("lambda", lambda)]);
    Comparison::new(Alternative::Exponential, parameters, tail, &ln_p, fit)
}

impl Comparison {
    /// From the alternative's ln p(k) of each pair of the tail.
    fn new(
        alternative: Alternative,
        parameters: BTreeMap<&'static str, f64>,
        tail: &[(f64, f64)],
        ln_p: &[f64],
        fit: &PowerLaw,
    ) -> Self {
        let n = fit.tail as f64;
        let log_likelihood = sum(tail.iter().zip(ln_p).map(|(&(_, m_k), ln_p)| m_k * ln_p));
        let ratio = fit.log_likelihood - log_likelihood;
        // ln p(k) of the power law is −γ t up to a constant, which leaves the variance alone.
        let difference = |&(t, _): &(f64, f64), ln_p: f64| -fit.gamma * t - ln_p;
        let rows = || tail.iter().zip(ln_p);
        let mean = sum(rows().map(|(row, &ln_p)| row.1 * difference(row, ln_p))) / n;
        let squares = rows().map(|(row, &ln_p)| row.1 * (difference(row, ln_p) - mean).powi(2));
        let scale = sum(squares).sqrt();
        let nested = alternative == Alternative::TruncatedPowerLaw;
        let normalized = (!nested && scale > 0.0).then(|| ratio / scale);
        let p_value = if nested {
            Some(libm::erfc(ratio.abs().sqrt()))
        } else {
            normalized.map(|z| libm::erfc(z.abs() / std::f64::consts::SQRT_2))
        };
        let none = p_value.is_none();
        Self {
            alternative,
            parameters,
            log_likelihood: Some(log_likelihood),
            log_likelihood_ratio: Some(ratio),
            normalized_ratio: normalized,
            p_value,
            reason: none.then(|| "both laws fit every state alike".into()),
        }
    }

    /// Where the alternative is at its best as it becomes the power law.
    fn limit(alternative: Alternative, fit: &PowerLaw) -> Self {
        let nested = alternative == Alternative::TruncatedPowerLaw;
        Self {
            alternative,
            parameters: BTreeMap::new(),
            log_likelihood: Some(fit.log_likelihood),
            log_likelihood_ratio: Some(0.0),
            normalized_ratio: None,
            p_value: nested.then_some(1.0),
            reason: Some("its best fit is the power law itself".into()),
        }
    }
}

#[cfg(test)]
mod tests;
