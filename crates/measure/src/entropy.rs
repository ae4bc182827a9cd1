//! Estimates of the entropy of the source behind a sample, by the names under which they are known.
//!
//! The plug-in value H\[s\] of a sample is below the entropy of its source, on average by about
//! (S − 1)/2M for S states. That is a property of H\[s\] only as an estimate of the source: as the
//! resolution of this sample it is exact.

mod nsb;
mod special;

use serde::Serialize;

use crate::spectrum::sum;
use crate::standard_errors::{Subsampled, deviation, subsampled};
use crate::{Error, Spectrum};

/// One estimate of the entropy, under the names that scripts rely on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntropyEstimate {
    /// `plug-in`, `miller-madow`, `grassberger`, `chao-shen` or `nsb`.
    pub name: &'static str,
    /// The estimate in nats.
    pub nats: Option<f64>,
    /// The estimate as a fraction of ln M; above 1 where the source is richer than M can show.
    pub fraction: Option<f64>,
    /// Standard error in nats: of `nsb` the standard deviation of the posterior, of the others by
    /// the delete-d jackknife, as [`StandardErrors`](crate::StandardErrors) has it.
    pub stderr: Option<f64>,
    /// Why a number does not exist.
    pub reason: Option<String>,
}

impl EntropyEstimate {
    /// All estimates of a spectrum; `classes` is the number of states K of the source, those never
    /// observed included, which NSB needs. Takes time of order D, the number of different
    /// frequencies, for each of 100 subsamples and each step of NSB's integral.
    ///
    /// # Errors
    /// [`Error::Classes`] if `classes` is below the number of observed states.
    pub fn all(spectrum: &Spectrum, classes: Option<u64>) -> Result<Vec<Self>, Error> {
        let subsamples = subsampled(spectrum, 1, without_classes);
        let mut all: Vec<Self> = without_classes(spectrum)
            .into_iter()
            .enumerate()
            .map(|(place, (name, nats))| {
                let stderr = subsamples.as_ref().map(|Subsampled { values, scale }| {
                    let values: Vec<f64> = values.iter().map(|all| all[place].1).collect();
                    scale * deviation(&values)
                });
                Self::new(name, spectrum, nats, stderr)
            })
            .collect();
        all.push(match classes {
            Some(classes) => {
                let (nats, stderr) = nsb(spectrum, classes)?;
                Self::new("nsb", spectrum, nats, Ok(stderr))
            }
            None => Self {
                name: "nsb",
                nats: None,
                fraction: None,
                stderr: None,
                reason: Some(
                    "needs the number of states of the source, those never observed included"
                        .into(),
                ),
            },
        });
        Ok(all)
    }

    fn new(
        name: &'static str,
        spectrum: &Spectrum,
        nats: f64,
        stderr: Result<f64, &String>,
    ) -> Self {
        Self {
            name,
            nats: Some(nats),
            fraction: spectrum.fraction(nats),
            stderr: stderr.ok(),
            reason: stderr.err().cloned(),
        }
    }
}

/// The estimates that need not know the number of states, by name, in nats.
fn without_classes(spectrum: &Spectrum) -> [(&'static str, f64); 4] {
    [
        ("plug-in", spectrum.resolution()),
        ("miller-madow", miller_madow(spectrum)),
        ("grassberger", grassberger(spectrum)),
        ("chao-shen", chao_shen(spectrum)),
    ]
}

/// The estimate of Miller and Madow in nats, H\[s\] + (S − 1)/2M for S observed states.
///
/// Source: Miller, "Note on the bias of information estimates", Information Theory in Psychology
/// (1955) 95.
#[must_use]
pub fn miller_madow(spectrum: &Spectrum) -> f64 {
    let rest = (spectrum.states() - 1) as f64;
    spectrum.resolution() + rest / (2.0 * spectrum.observations() as f64)
}

/// Grassberger's estimate of 2003 in nats, ln M − Σ_k (k·m_k/M) G(k) with
/// G(k) = ψ(k) + ½ (−1)^k (ψ((k + 1)/2) − ψ(k/2)).
///
/// What is left of its bias is mostly 1/2M, as it writes ln M for ψ(M).
///
/// Source: Grassberger, "Entropy estimates from insufficient samplings", arXiv:physics/0307138.
#[must_use]
pub fn grassberger(spectrum: &Spectrum) -> f64 {
    let m = spectrum.observations() as f64;
    let logarithm = |k: u64| {
        let x = k as f64;
        let swing = 0.5 * (special::digamma(0.5 * x + 0.5) - special::digamma(0.5 * x));
        special::digamma(x) + if k.is_multiple_of(2) { swing } else { -swing }
    };
    // A source of one state has an entropy of 0, which only the difference of each term shows.
    sum(spectrum.pairs().iter().map(|&(k, m_k)| {
        let share = (k * m_k) as f64 / m;
        share * (m.ln() - logarithm(k))
    }))
}

/// The estimate of Chao and Shen in nats, −Σ_s C p ln(C p)/(1 − (1 − C p)^M) with p = k_s/M and the
/// coverage C = 1 − m_1/M. Where all states were seen once m_1 = M − 1 is taken, so that C is above 0.
///
/// Source: Chao, Shen, "Nonparametric estimation of Shannon's index of diversity when there are unseen
/// species in sample", Environmental and Ecological Statistics 10, 429 (2003).
#[must_use]
pub fn chao_shen(spectrum: &Spectrum) -> f64 {
    let m = spectrum.observations() as f64;
    let singles = match spectrum.pairs()[0] {
        (1, m_1) if m_1 == spectrum.observations() => m - 1.0,
        (1, m_1) => m_1 as f64,
        _ => 0.0,
    };
    let coverage = 1.0 - singles / m;
    sum(spectrum.pairs().iter().map(|&(k, m_k)| {
        let p = coverage * (k as f64 / m);
        // 1 − (1 − p)^M, also for a p far below 1/M.
        let seen = -(m * (-p).ln_1p()).exp_m1();
        m_k as f64 * -p * p.ln() / seen
    }))
}

/// The estimate of Nemenman, Shafee and Bialek and its posterior standard deviation, in nats.
///
/// The mean over a mixture of symmetric Dirichlet priors of concentration β for K = `classes` states,
/// weighted so that the prior of the entropy is nearly flat: with ⟨·⟩_β the posterior mean at β,
/// ∫ dβ ξ′(β) P(counts|β) ⟨H⟩_β / ∫ dβ ξ′(β) P(counts|β), ξ(β) = ψ(Kβ + 1) − ψ(β + 1).
///
/// # Errors
/// [`Error::Classes`] if `classes` is below the number of observed states.
///
/// Source: Nemenman, Shafee, Bialek, "Entropy and inference, revisited", Advances in Neural Information
/// Processing Systems 14 (2002) 471; the second moment: Wolpert, Wolf, Phys. Rev. E 52, 6841 (1995).
pub fn nsb(spectrum: &Spectrum, classes: u64) -> Result<(f64, f64), Error> {
    let states = spectrum.states();
    if classes < states {
        return Err(Error::Classes { classes, states });
    }
    Ok(nsb::posterior(spectrum, classes))
}

#[cfg(test)]
mod tests;
