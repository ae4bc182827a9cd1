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
pub(crate) const FEWEST: u64 = 30;
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
    /// Takes some 10 ms for M = 60,000, and some seconds for M = 10⁹.
    #[must_use]
    pub fn of(spectrum: &Spectrum) -> Self {
        let values = |sample: &Spectrum| (sample.relevance(), beta_mle(sample));
        let Subsampled { values, scale } = match subsampled(spectrum, 0, values) {
            Ok(subsampled) => subsampled,
            Err(reason) => {
                return Self {
                    reason: Some(reason.clone()),
                    beta_reason: Some(reason),
                    ..Self::default()
                };
            }
        };
        let (relevances, betas): (Vec<f64>, Vec<Option<f64>>) = values.into_iter().unzip();
        let betas: Vec<f64> = betas.into_iter().flatten().collect();
        let undefined = SUBSAMPLES as usize - betas.len();
        let beta_reason = if beta_mle(spectrum).is_none() {
            Some("there is no β".to_owned())
        } else if undefined > 0 {
            let reason = format!("{undefined} of {SUBSAMPLES} subsamples have no β");
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

/// What subsamples of a spectrum say.
pub(crate) struct Subsampled<T> {
    /// Of each subsample.
    pub values: Vec<T>,
    /// What their standard deviation is multiplied by, √(M′/(M − M′)).
    pub scale: f64,
}

/// The values of 100 subsamples of M′ = .618 M; `stream` tells random numbers of different uses apart.
///
/// # Errors
/// In words, where the observations are too few.
pub(crate) fn subsampled<T>(
    spectrum: &Spectrum,
    stream: u64,
    of: impl Fn(&Spectrum) -> T,
) -> Result<Subsampled<T>, String> {
    let m = spectrum.observations();
    if m < FEWEST {
        return Err(format!(
            "standard errors need at least {FEWEST} observations"
        ));
    }
    let size = (m as f64 * KEPT).round() as u64;
    let sampler = Subsampler::new(spectrum, size).map_err(|error| error.to_string())?;
    let stream = Stream::new(SEED, Purpose::Subsampling, stream);
    let draw = |index| of(&sampler.draw(&mut stream.rng(index)));
    Ok(Subsampled {
        values: (0..SUBSAMPLES).map(draw).collect(),
        scale: (size as f64 / (m - size) as f64).sqrt(),
    })
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
