//! How the measures change with the number of observations.

use resrel_kernels::{Purpose, Stream};
use serde::Serialize;

use super::Subsampler;
use crate::power_law::beta_mle;
use crate::spectrum::sum;
use crate::standard_errors::{FEWEST, deviation};
use crate::{Error, Spectrum};

/// Subsamples of each size.
const DRAWS: u64 = 100;
/// Most points of a curve: more say nothing that these do not.
const MOST: usize = 100;
/// A measure has converged if the last doubling of M changes it by less than this part of ln M, and β by
/// less than this.
const TOLERANCE: f64 = 0.01;
const BETA_TOLERANCE: f64 = 0.02;
/// How many standard errors of the change the verdict allows for.
const ERRORS: f64 = 2.0;

/// H\[s\], H\[k\] and β of subsamples without replacement, against their size M′, and whether they have
/// converged.
///
/// The subsample of M′ = M is the sample itself. Of the others each value is a mean over 100 subsamples,
/// with their standard deviation; where M′ is a small part of M that is the spread between samples of
/// that size.
///
/// The verdict is on the last doubling, from M/2 to M, of the values in nats: fractions of ln M′ change
/// with M′ even where the entropy does not. With Δ the change and σ_Δ the standard error of the mean
/// over subsamples, a measure has converged where |Δ| + 2σ_Δ is no more than .01 ln M (β: .02), it has not
/// where |Δ| − 2σ_Δ is more, and in between nothing is said. Convergence is no proof: a source whose rare
/// states begin to show at larger M looks the same until then.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubsamplingCurve {
    /// By size, ascending; the last is the sample itself.
    pub points: Vec<CurveSize>,
    /// Whether H\[s\] has converged, in nats.
    pub resolution: Change,
    /// Whether H\[k\] has converged, in nats.
    pub relevance: Change,
    /// Whether β has converged; `None` where a subsample of M/2 has none.
    pub beta: Option<Change>,
    /// Whether H\[s\] and H\[k\] both have converged; `None` where that cannot be said.
    pub converged: Option<bool>,
    /// The verdict in one line.
    pub words: String,
}

/// The measures at one size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurveSize {
    /// Observations M′.
    pub m: u64,
    /// Mean of H\[s\] as a fraction of ln M′.
    pub resolution: f64,
    /// Standard deviation of H\[s\] between subsamples, a fraction of ln M′; `None` for the sample itself.
    pub resolution_spread: Option<f64>,
    /// Mean of H\[k\] as a fraction of ln M′.
    pub relevance: f64,
    /// Standard deviation of H\[k\] between subsamples, a fraction of ln M′; `None` for the sample itself.
    pub relevance_spread: Option<f64>,
    /// Mean of H\[s\] in nats.
    pub resolution_nats: f64,
    /// Mean of H\[k\] in nats.
    pub relevance_nats: f64,
    /// Mean of β by maximum likelihood over all states; `None` where a subsample has none.
    pub beta: Option<f64>,
    /// Standard deviation of β between subsamples; `None` for the sample itself.
    pub beta_spread: Option<f64>,
}

/// What the last doubling changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Change {
    /// Value at M less mean value at M/2.
    pub change: f64,
    /// Its standard error over subsamples.
    pub stderr: f64,
    /// The largest change of what has converged.
    pub tolerance: f64,
    /// Whether it has; `None` where the change is within two standard errors of the tolerance.
    pub converged: Option<bool>,
}

impl SubsamplingCurve {
    /// The curve of a spectrum at `points` sizes, evenly spaced on a logarithmic scale from 30 to M, and
    /// at M/2. The same spectrum has the same curve.
    ///
    /// # Errors
    /// [`Error::CurvePoints`] for fewer than 2 or more than 100 points,
    /// [`Error::CurveObservations`] for fewer than 60 observations.
    pub fn of(spectrum: &Spectrum, points: usize) -> Result<Self, Error> {
        if !(2..=MOST).contains(&points) {
            return Err(Error::CurvePoints { points, most: MOST });
        }
        let m = spectrum.observations();
        if m < 2 * FEWEST {
            return Err(Error::CurveObservations {
                m,
                fewest: 2 * FEWEST,
            });
        }
        let (first, steps) = (FEWEST as f64, (points - 1) as f64);
        let spaced = |i: usize| (first * (m as f64 / first).powf(i as f64 / steps)).round() as u64;
        let mut sizes: Vec<u64> = (0..points - 1).map(spaced).collect();
        let [at_half, whole] = [m.div_ceil(2), m].map(|size| Draws::of(spectrum, size));
        let (at_half, whole) = (at_half?, whole?);
        sizes.retain(|size| *size != at_half.size);
        sizes.dedup();
        let others = sizes.iter().map(|&size| Draws::of(spectrum, size));
        let mut all = others.collect::<Result<Vec<_>, _>>()?;
        let log_m = (m as f64).ln();
        let entropy =
            |of: fn(&Draws) -> &[f64]| Change::between(of(&at_half), of(&whole), TOLERANCE * log_m);
        let resolution = entropy(|draws| &draws.resolutions);
        let relevance = entropy(|draws| &draws.relevances);
        let beta = at_half.betas.as_ref().zip(whole.betas.as_ref());
        let beta = beta.map(|(half, whole)| Change::between(half, whole, BETA_TOLERANCE));
        let converged = match (resolution.converged, relevance.converged) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
        let words = words(&resolution, &relevance, converged, log_m);
        all.extend([at_half, whole]);
        all.sort_unstable_by_key(|draws| draws.size);
        Ok(Self {
            points: all.iter().map(Draws::size).collect(),
            resolution,
            relevance,
            beta,
            converged,
            words,
        })
    }
}

/// The values of all subsamples of one size.
struct Draws {
    size: u64,
    resolutions: Vec<f64>,
    relevances: Vec<f64>,
    /// `None` where one of the subsamples has no β.
    betas: Option<Vec<f64>>,
}

impl Draws {
    fn of(spectrum: &Spectrum, size: u64) -> Result<Self, Error> {
        let samples: Vec<Spectrum> = if size == spectrum.observations() {
            vec![spectrum.clone()]
        } else {
            let sampler = Subsampler::new(spectrum, size)?;
            let stream = Stream::new(size, Purpose::Subsampling, 2);
            (0..DRAWS)
                .map(|index| sampler.draw(&mut stream.rng(index)))
                .collect()
        };
        Ok(Self {
            size,
            resolutions: samples.iter().map(Spectrum::resolution).collect(),
            relevances: samples.iter().map(Spectrum::relevance).collect(),
            betas: samples.iter().map(beta_mle).collect(),
        })
    }

    fn size(&self) -> CurveSize {
        let log_m = (self.size as f64).ln();
        let spread = |values: &[f64]| (values.len() > 1).then(|| deviation(values));
        let fraction = |spread: f64| spread / log_m;
        let (resolution, relevance) = (mean(&self.resolutions), mean(&self.relevances));
        CurveSize {
            m: self.size,
            // Rounding may put distinct states a hair beyond ln M′.
            resolution: (resolution / log_m).min(1.0),
            resolution_spread: spread(&self.resolutions).map(fraction),
            relevance: relevance / log_m,
            relevance_spread: spread(&self.relevances).map(fraction),
            resolution_nats: resolution,
            relevance_nats: relevance,
            beta: self.betas.as_deref().map(mean),
            beta_spread: self.betas.as_deref().and_then(spread),
        }
    }
}

impl Change {
    fn between(half: &[f64], whole: &[f64], tolerance: f64) -> Self {
        let change = mean(whole) - mean(half);
        let stderr = deviation(half) / (half.len() as f64).sqrt();
        let converged = if change.abs() + ERRORS * stderr <= tolerance {
            Some(true)
        } else if change.abs() - ERRORS * stderr > tolerance {
            Some(false)
        } else {
            None
        };
        Self {
            change,
            stderr,
            tolerance,
            converged,
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    sum(values.iter().copied()) / values.len() as f64
}

fn words(resolution: &Change, relevance: &Change, converged: Option<bool>, log_m: f64) -> String {
    let verdict = match converged {
        Some(true) => "H[s] and H[k] have converged",
        Some(false) => match (resolution.converged, relevance.converged) {
            (Some(false), Some(false)) => "neither H[s] nor H[k] has converged",
            (Some(false), _) => "H[s] has not converged",
            _ => "H[k] has not converged",
        },
        None => "it cannot be told whether H[s] and H[k] have converged",
    };
    let told = |name: &str, change: &Change| {
        let percent = 100.0 * change.change / log_m;
        format!(
            "{name} {percent:+.2} ± {:.2}",
            100.0 * change.stderr / log_m
        )
    };
    format!(
        "{verdict}: the last doubling of M changes {} and {} % of ln M, where {:.0} are allowed",
        told("H[s] by", resolution),
        told("H[k] by", relevance),
        100.0 * TOLERANCE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spectrum(counts: impl IntoIterator<Item = u64>) -> Spectrum {
        Spectrum::from_counts(counts).unwrap()
    }

    #[test]
    fn few_states_have_converged() {
        let curve = SubsamplingCurve::of(&spectrum([4000, 3000, 1500, 1000, 500]), 8).unwrap();
        assert_eq!(curve.converged, Some(true), "{}", curve.words);
        assert!(curve.words.starts_with("H[s] and H[k] have converged: "));
        let last = curve.points[curve.points.len() - 1];
        assert_eq!((last.m, last.resolution_spread), (10_000, None));
        assert!(last.beta.is_some() && last.beta_spread.is_none());
        // The change in H[s] is that of the bias of the plug-in, (S − 1)/2M at M/2 less that at M.
        let expected = 4.0 / 20_000.0;
        assert!(
            (curve.resolution.change - expected).abs() < 4.0 * curve.resolution.stderr,
            "{:?}",
            curve.resolution
        );
    }

    #[test]
    fn distinct_states_have_not_converged() {
        let curve = SubsamplingCurve::of(&spectrum(vec![1; 5000]), 5).unwrap();
        assert_eq!(curve.converged, Some(false));
        assert!((curve.resolution.change - 2_f64.ln()).abs() < 1e-12);
        assert_eq!(
            (curve.resolution.stderr, curve.relevance.change),
            (0.0, 0.0)
        );
        assert_eq!(curve.beta, None);
        assert!(curve.words.starts_with("H[s] has not converged: "));
        for point in &curve.points {
            assert!((point.resolution - 1.0).abs() < 1e-12 && point.relevance == 0.0);
            assert_eq!(point.beta, None);
        }
    }

    #[test]
    fn a_source_at_its_limit_converges_from_not_converged() {
        // Uniform over 1000 states: H[s] grows until each was seen often.
        let verdict = |each: u64| {
            // Poisson-like frequencies about a mean.
            let counts = (0..1000_u64).map(|i| each.midpoint((i * 7919) % (each + 1)) + 1);
            SubsamplingCurve::of(&spectrum(counts), 4).unwrap()
        };
        let (few, many) = (verdict(2), verdict(200));
        assert_eq!(few.resolution.converged, Some(false), "{}", few.words);
        assert_eq!(many.resolution.converged, Some(true), "{}", many.words);
    }

    #[test]
    fn sizes_are_spaced_evenly_and_end_at_the_sample() {
        let sizes = |m: u64, points: usize| -> Vec<u64> {
            let curve = SubsamplingCurve::of(&spectrum(vec![m / 5; 5]), points).unwrap();
            curve.points.iter().map(|point| point.m).collect()
        };
        assert_eq!(sizes(30_000, 4), [30, 300, 3000, 15_000, 30_000]);
        assert_eq!(sizes(60, 2), [30, 60]);
        let of = |counts: Vec<u64>, points| SubsamplingCurve::of(&spectrum(counts), points).err();
        assert_eq!(
            of(vec![30; 5], 1),
            Some(Error::CurvePoints {
                points: 1,
                most: 100
            })
        );
        assert_eq!(
            of(vec![30; 5], 101),
            Some(Error::CurvePoints {
                points: 101,
                most: 100
            })
        );
        assert_eq!(
            of(vec![59], 5),
            Some(Error::CurveObservations { m: 59, fewest: 60 })
        );
    }

    #[test]
    fn means_are_those_of_all_subsamples() {
        // Of 60 observations in states of 40, 19 and 1, subsamples of 30: the expectation of H[s]
        // term by term, each count being hypergeometric.
        let counts = [40_u64, 19, 1];
        let curve = SubsamplingCurve::of(&spectrum(counts), 2).unwrap();
        let ln_choose = |n: u64, k: u64| -> f64 {
            (0..k).map(|i| ((n - i) as f64 / (k - i) as f64).ln()).sum()
        };
        let term = |count: u64| -> f64 {
            (1..=count.min(30))
                .filter(|&j| 30 - j <= 60 - count)
                .map(|j| {
                    let p = ln_choose(count, j) + ln_choose(60 - count, 30 - j) - ln_choose(60, 30);
                    let share = j as f64 / 30.0;
                    -share * share.ln() * p.exp()
                })
                .sum()
        };
        let expected: f64 = counts.iter().map(|&count| term(count)).sum();
        let half = curve.points[0];
        let stderr = half.resolution_spread.unwrap() * 30_f64.ln() / 10.0;
        assert!(stderr > 0.0 && (half.resolution_nats - expected).abs() < 4.0 * stderr);
    }
}
