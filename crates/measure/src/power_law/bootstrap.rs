//! How often a sample of the fitted law is as far from its own fit as the data are from theirs.

use std::ops::ControlFlow;

use resrel_kernels::{Purpose, Stream, Workers};

use super::sampler::Sampler;
use super::table::Table;
use crate::{Error, PowerLaw, Spectrum};

/// Refits between two words to the observer.
const BATCH: u64 = 32;

/// How the k_min of a fit was found, which every refit repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KMin {
    /// Given beforehand.
    Fixed(u64),
    /// Of least Kolmogorov–Smirnov distance: [`PowerLaw::search`].
    Searched,
}

impl KMin {
    /// The fit with this k_min: [`PowerLaw::fit`] or [`PowerLaw::search`].
    #[must_use]
    pub fn fit(self, spectrum: &Spectrum) -> Option<PowerLaw> {
        match self {
            Self::Fixed(k_min) => PowerLaw::fit(spectrum, k_min),
            Self::Searched => PowerLaw::search(spectrum),
        }
    }
}

/// What the refits of synthetic samples say about a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GoodnessOfFit {
    /// Share of the refits whose distance is at least that of the data; `None` without any refit.
    /// Small values speak against the power law; Clauset et al. rule it out at 0.1.
    pub p_value: Option<f64>,
    /// Standard error √(p(1 − p)/refits) of the p-value.
    pub p_value_stderr: Option<f64>,
    /// Number of refits that entered.
    pub refits: u64,
    /// Number of synthetic samples that no law could be fitted to, all frequencies being equal.
    pub undefined: u64,
}

impl GoodnessOfFit {
    /// The semi-parametric bootstrap: each of `refits` synthetic samples has as many states as the
    /// data, each with probability `tail`/states a draw from the fitted law, else one of the
    /// frequencies below k_min; the law is fitted to it as it was to the data, the search for k_min
    /// included.
    ///
    /// `observe` hears the share that is done, 0 … 1, and may stop. The same seed gives the same
    /// result on any number of threads. Draws beyond 2⁶² count as 2⁶².
    ///
    /// Source: Clauset, Shalizi, Newman 2009, section 4.1.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if `observe` says so.
    pub fn bootstrap(
        spectrum: &Spectrum,
        fit: &PowerLaw,
        k_min: KMin,
        refits: u64,
        seed: u64,
        workers: &Workers,
        observe: &mut impl FnMut(f64) -> ControlFlow<()>,
    ) -> Result<Self, Error> {
        let sampler = Sampler::new(spectrum.pairs(), fit.gamma, fit.k_min);
        let stream = Stream::new(seed, Purpose::Bootstrap, 0);
        let refit = |index: u64| {
            let sample = sampler.draw(&mut stream.rng(index));
            let tail = match k_min {
                KMin::Fixed(_) => Table::starting_at(fit.k_min, &sample).fit(0),
                KMin::Searched => Table::new(&sample).best(),
            };
            tail.map(|tail| tail.ks)
        };
        let (mut done, mut fitted, mut further) = (0, 0_u64, 0_u64);
        while done < refits {
            let batch = BATCH.min(refits - done);
            for ks in workers.map(batch as usize, |index| refit(done + index as u64)) {
                fitted += u64::from(ks.is_some());
                further += u64::from(ks.is_some_and(|ks| ks >= fit.ks));
            }
            done += batch;
            if observe(done as f64 / refits as f64).is_break() && done < refits {
                return Err(Error::Interrupted { done, of: refits });
            }
        }
        let p_value = (fitted > 0).then(|| further as f64 / fitted as f64);
        Ok(Self {
            p_value,
            p_value_stderr: p_value.map(|p| (p * (1.0 - p) / fitted as f64).sqrt()),
            refits: fitted,
            undefined: refits - fitted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bootstrap(
        spectrum: &Spectrum,
        k_min: KMin,
        refits: u64,
        seed: u64,
        workers: &Workers,
    ) -> GoodnessOfFit {
        let fit = k_min.fit(spectrum).unwrap();
        let mut on = |_: f64| ControlFlow::Continue(());
        GoodnessOfFit::bootstrap(spectrum, &fit, k_min, refits, seed, workers, &mut on).unwrap()
    }

    /// Samples of 500 states of exact power laws.
    fn law(gamma: f64, index: u64) -> Spectrum {
        let sampler = Sampler::new(&[(1, 500)], gamma, 1);
        let mut rng = Stream::new(99, Purpose::Bootstrap, 1).rng(index);
        Spectrum::from_pairs(sampler.draw(&mut rng)).unwrap()
    }

    #[test]
    fn threads_change_nothing_and_the_observer_stops() {
        let spectrum = law(2.0, 0);
        let alone = bootstrap(&spectrum, KMin::Searched, 100, 7, &Workers::single());
        let three = Workers::new(3).unwrap();
        assert_eq!(alone, bootstrap(&spectrum, KMin::Searched, 100, 7, &three));
        assert_eq!(alone.refits + alone.undefined, 100);
        let fit = PowerLaw::search(&spectrum).unwrap();
        let mut stop = |_: f64| ControlFlow::Break(());
        let stopped =
            GoodnessOfFit::bootstrap(&spectrum, &fit, KMin::Searched, 100, 7, &three, &mut stop);
        assert_eq!(stopped, Err(Error::Interrupted { done: 32, of: 100 }));
    }

    #[test]
    fn what_is_no_power_law_is_ruled_out() {
        // Frequencies 1 … 40, all alike: a tail can only be short and far off.
        let spectrum = Spectrum::from_pairs((1..=40).map(|k| (k, 100))).unwrap();
        let fixed = bootstrap(&spectrum, KMin::Fixed(1), 200, 1, &Workers::single());
        assert_eq!(fixed.p_value, Some(0.0));
    }

    /// Exponential and lognormal frequencies, 1,000 states.
    #[test]
    fn clear_other_laws_are_ruled_out() {
        let workers = Workers::new(2).unwrap();
        let exponential = |k: f64| (-0.1 * k).exp();
        let lognormal = |k: f64| (-0.5 * (k.ln() - 2.0).powi(2) / 0.5).exp() / k;
        for shape in [&exponential as &dyn Fn(f64) -> f64, &lognormal] {
            let total: f64 = (1..=1_000).map(|k| shape(f64::from(k))).sum();
            let pairs = (1..=1_000_u32).map(|k| {
                let expected = 1_000.0 * shape(f64::from(k)) / total;
                (u64::from(k), expected.round() as u64)
            });
            let spectrum = Spectrum::from_pairs(pairs).unwrap();
            let found = bootstrap(&spectrum, KMin::Fixed(1), 200, 1, &workers);
            assert_eq!(found.p_value, Some(0.0));
        }
    }

    /// Under the null the p-values are uniform: of 300 samples the number below each tenth is
    /// binomial, standard deviation at most 8.7.
    #[test]
    fn p_values_are_uniform_under_the_null() {
        let workers = Workers::new(2).unwrap();
        for k_min in [KMin::Fixed(1), KMin::Searched] {
            let samples = 300;
            let values = workers.map(samples, |index| {
                let gamma = 1.8 + 0.3 * (index % 4) as f64;
                let spectrum = law(gamma, index as u64);
                let single = Workers::single();
                bootstrap(&spectrum, k_min, 99, index as u64, &single).p_value
            });
            let values: Vec<f64> = values.into_iter().flatten().collect();
            assert_eq!(values.len(), samples);
            for tenth in 1..10 {
                let level = f64::from(tenth) / 10.0;
                let below = values.iter().filter(|&&p| p < level).count() as f64;
                let n = samples as f64;
                let sigma = (n * level * (1.0 - level)).sqrt();
                // Nine levels of two kinds: four standard deviations.
                assert!(
                    (below - n * level).abs() < 4.0 * sigma,
                    "{k_min:?}: {below} below {level}"
                );
            }
        }
    }
}
