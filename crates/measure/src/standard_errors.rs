//! How far H\[s\], H\[k\] and β of one sample would scatter from sample to sample.
//!
//! What is estimated is the standard deviation of the plug-in value over samples of the same size M
//! from the same source, from one of them. How far the plug-in value lies from its limit at M → ∞ is
//! another matter, which no spread tells: see [`SubsamplingCurve`](crate::SubsamplingCurve) and
//! [`EntropyEstimate`](crate::EntropyEstimate).
//!
//! # What was tried
//!
//! Observations are never drawn *with* replacement: that invents coincidences. 60,000 states seen once
//! each, resampled so, have H\[k\] = .119 ln M instead of 0.
//!
//! The ratio of the estimated standard error (root mean square over samples) to the true spread, over
//! the sources and sizes below. The fraction is M′/M of subsamples without replacement, d = M − M′
//! observations deleted; the spread of the subsamples is scaled by √(M′/(M − M′)).
//!
//! | scheme | H\[s\] | H\[k\] | β |
//! |---|---|---|---|
//! | delete-1 | .97 – 1.5 | 1.0 – 100 | – |
//! | M′ = .9 M | .98 – 1.6 | .99 – 2.9 | 1.0 – 2.3 |
//! | M′ = .75 M | .89 – 1.7 | .98 – 2.0 | 1.0 – 2.5 |
//! | M′ = .618 M | .84 – 1.8 | .96 – 1.7 | .93 – 2.9 |
//! | M′ = .5 M | .74 – 1.9 | .86 – 1.5 | .78 – 3.4 |
//! | likelihood | – | – | 1.0 – 80,000 |
//!
//! H\[s\] is smooth in the frequencies, and there delete-1 is right or too large (Efron and Stein 1981:
//! never too small on average). H\[k\] is not: it jumps where two frequencies meet, which a sample does
//! by √k and one deletion does by 1. So many observations have to go. Of the fractions, (√5 − 1)/2 =
//! .618 is the one at which both a sum over observations and a count of coincident pairs come out
//! right: subsamples of a share f see pairs scatter f(1 + f) times as much, after scaling, as samples
//! do, which is 1 there.

use resrel_kernels::{Purpose, Stream};

use crate::power_law::beta_mle;
use crate::spectrum::sum;
use crate::{Spectrum, Subsampler};

/// The golden ratio's f with f(1 + f) = 1.
const KEPT: f64 = 0.618_033_988_749_894_9;
/// Subsamples; the standard error is itself known to 1/√(2 · 100) = 7 %.
const SUBSAMPLES: u64 = 100;
/// Fewest observations of which subsamples tell anything.
const FEWEST: u64 = 30;
/// A fixed seed: the standard errors are a function of the spectrum alone.
const SEED: u64 = 0;

/// Standard errors of the plug-in measures of one sample.
///
/// Where no two observations share a state, that of H\[s\] and of H\[k\] is 0: no coincidence was seen,
/// so nothing is known of how many there might have been.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StandardErrors {
    /// Of H\[s\] in nats, by the delete-1 jackknife in closed form: with
    /// d_k = k ln k − (k − 1) ln(k − 1), √(Σ_k (k·m_k/M)(d_k − d̄)²/(M − 1)), d̄ the mean of d over
    /// the observations.
    ///
    /// Source: Efron, Stein, "The jackknife estimate of variance", Annals of Statistics 9, 586 (1981).
    pub resolution: Option<f64>,
    /// Of H\[k\] in nats, from 100 subsamples without replacement of M′ = .618 M:
    /// √(M′/(M − M′)) times their standard deviation (delete-d jackknife).
    ///
    /// Source: Shao, Wu, "A general theory for jackknife variance estimation", Annals of Statistics 17,
    /// 1176 (1989).
    pub relevance: Option<f64>,
    /// Of β by maximum likelihood over all states, from the same subsamples. Unlike
    /// [`PowerLaw::gamma_stderr`](crate::PowerLaw::gamma_stderr) it does not take the states'
    /// frequencies for independent draws of a power law.
    pub beta: Option<f64>,
    /// Why `resolution` and `relevance` do not exist.
    pub reason: Option<String>,
    /// Why `beta` does not exist.
    pub beta_reason: Option<String>,
}

impl StandardErrors {
    /// The standard errors of a spectrum, with a fixed seed: the same spectrum has the same ones.
    /// Takes some 5 ms for M = 60,000.
    #[must_use]
    pub fn of(spectrum: &Spectrum) -> Self {
        let m = spectrum.observations();
        if m < FEWEST {
            let reason = Some(format!("M = {m}: standard errors need {FEWEST} observations"));
            return Self {
                reason: reason.clone(),
                beta_reason: reason,
                ..Self::default()
            };
        }
        let size = (m as f64 * KEPT).round() as u64;
        let (mut relevances, mut betas) = (Vec::new(), Vec::new());
        // M ≥ 30, so the size is between 1 and M.
        if let Ok(sampler) = Subsampler::new(spectrum, size) {
            let stream = Stream::new(SEED, Purpose::Subsampling, 0);
            for index in 0..SUBSAMPLES {
                let subsample = sampler.draw(&mut stream.rng(index));
                relevances.push(subsample.relevance());
                betas.extend(beta_mle(&subsample));
            }
        }
        let scale = (size as f64 / (m - size) as f64).sqrt();
        let undefined = SUBSAMPLES - betas.len() as u64;
        let beta_reason = if beta_mle(spectrum).is_none() {
            Some("β itself does not exist".to_owned())
        } else if undefined > 0 {
            let reason = format!("β does not exist in {undefined} of {SUBSAMPLES} subsamples");
            Some(reason)
        } else {
            None
        };
        Self {
            resolution: Some(resolution(spectrum)),
            relevance: Some(scale * deviation(&relevances)),
            beta: beta_reason.is_none().then(|| scale * deviation(&betas)),
            reason: None,
            beta_reason,
        }
    }
}

/// The delete-1 jackknife's standard error of H\[s\] in nats, for M ≥ 2.
fn resolution(spectrum: &Spectrum) -> f64 {
    let m = spectrum.observations() as f64;
    let terms = || {
        spectrum.pairs().iter().map(|&(k, m_k)| {
            let (k, m_k) = (k as f64, m_k as f64);
            // k ln k − (k − 1) ln(k − 1), of which k = 1 has 0.
            let step = if k > 1.0 {
                k.ln() - (k - 1.0) * (-1.0 / k).ln_1p()
            } else {
                0.0
            };
            (k * m_k / m, step)
        })
    };
    let mean = sum(terms().map(|(share, step)| share * step));
    let variance = sum(terms().map(|(share, step)| share * (step - mean).powi(2)));
    (variance / (m - 1.0)).sqrt()
}

/// Standard deviation, n − 1 in the denominator; 0 for fewer than two values.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let n = values.len() as f64;
    let mean = sum(values.iter().copied()) / n;
    (sum(values.iter().map(|value| (value - mean).powi(2))) / (n - 1.0)).sqrt()
}
