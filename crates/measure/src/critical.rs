//! The critical point of a sequence of representations of the same data: where resolution and
//! relevance trade at par.

mod slope;
mod words;

use serde::{Deserialize, Serialize};

use crate::Measure;
use slope::{Place, parity, segments};
pub use slope::{Segment, SlopePoint};

/// Two values within so many standard errors of their difference are not told apart.
const STANDARD_ERRORS: f64 = 2.0;

/// A number with its standard error, where one is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its standard error.
    pub stderr: Option<f64>,
}

impl Estimate {
    /// `None` where there is no finite number. A standard error that is no finite number of 0 or more
    /// counts as unknown.
    #[must_use]
    pub fn new(value: Option<f64>, stderr: Option<f64>) -> Option<Self> {
        let stderr = stderr.filter(|stderr| stderr.is_finite() && *stderr >= 0.0);
        let value = value.filter(|value| value.is_finite())?;
        Some(Self { value, stderr })
    }

    /// Whether `other` lies within two standard errors of the difference, √(a² + b²). An unknown
    /// standard error counts as 0.
    fn is_like(self, other: Self) -> bool {
        let errors = [self, other].map(|estimate| estimate.stderr.unwrap_or(0.0));
        (self.value - other.value).abs() <= STANDARD_ERRORS * errors[0].hypot(errors[1])
    }
}

/// What is known of one representation (layer, clustering, bin size) of a sequence.
///
/// Made from one [`Measure`], or from means over realizations with their standard errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// H\[s\] as a fraction of ln M.
    pub resolution: Option<Estimate>,
    /// H\[k\] as a fraction of ln M.
    pub relevance: Option<Estimate>,
    /// H\[s\] + H\[k\] as a fraction of ln M.
    pub sum: Option<Estimate>,
    /// β by maximum likelihood.
    pub beta: Option<Estimate>,
}

impl From<&Measure> for Candidate {
    /// How the errors of H\[s\] and H\[k\] go together is unknown here: the standard error of their sum
    /// is at most the sum of theirs, which is taken.
    fn from(measure: &Measure) -> Self {
        let errors = measure.resolution_stderr.zip(measure.relevance_stderr);
        Self {
            name: measure.name.clone(),
            resolution: Estimate::new(measure.resolution, measure.resolution_stderr),
            relevance: Estimate::new(measure.relevance, measure.relevance_stderr),
            sum: Estimate::new(measure.sum(), errors.map(|(s, k)| s + k)),
            beta: Estimate::new(measure.beta.mle, measure.beta.mle_stderr),
        }
    }
}

/// Where resolution and relevance trade at par, found in three ways.
///
/// 1. **The largest sum.** At the critical point one bit of H\[s\] buys one bit of H\[k\]:
///    d(H\[s\] + H\[k\]) = 0.
/// 2. **β nearest 1.** There m_k ∝ k^(−β−1) is Zipf's law.
/// 3. **Slope −1.** dH\[k\]/dH\[s\] = −1 on a smooth curve through the sequence ([`SlopePoint`]).
///
/// For representations on the curve of largest H\[k\] the three are one point; for others they differ,
/// and by how much is part of the answer ([`Agreement`]).
///
/// Source: Song, Marsili, Jo, "Resolution and Relevance Trade-offs in Deep Learning", J. Stat. Mech.
/// (2018) 123406.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Critical {
    /// Name of the layer of the largest H\[s\] + H\[k\], the first of several alike.
    pub layer: String,
    /// Its exponent by maximum likelihood.
    pub beta: Option<f64>,
    /// Standard error of `beta`.
    pub beta_stderr: Option<f64>,
    /// Its H\[s\] + H\[k\], a fraction of ln M.
    pub sum: f64,
    /// Standard error of `sum`.
    pub sum_stderr: Option<f64>,
    /// The layers whose sum lies within two standard errors of the largest one, `layer` among them,
    /// in the order of the sequence. Where `sum_stderr` is unknown nothing rules out the others.
    pub not_told_apart: Vec<String>,
    /// The layer with β nearest 1; `None` where no layer has an exponent.
    pub nearest_beta: Option<NearestBeta>,
    /// Where the slope passes −1; `None` where it does not.
    pub slope: Option<SlopePoint>,
    /// Why there is no `slope`.
    pub slope_reason: Option<String>,
    /// The slope exponents between layers that follow each other in H\[s\], from the largest one on.
    pub segments: Vec<Segment>,
    /// How far the three agree.
    pub agreement: Agreement,
    /// All this in one line for people.
    pub words: String,
}

/// The layer whose exponent by maximum likelihood is nearest 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NearestBeta {
    /// Its name, the first of several alike.
    pub layer: String,
    /// Its β.
    pub beta: f64,
    /// Standard error of `beta`.
    pub beta_stderr: Option<f64>,
    /// The layers whose |β − 1| lies within two standard errors of this one's, `layer` among them.
    pub not_told_apart: Vec<String>,
}

/// How far the three ways agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Whether one layer is among those of the largest sum, among those with β nearest 1, and at an
    /// end of the step in which the slope passes −1. What there is none of is left out; `None` if
    /// that leaves the largest sum alone.
    pub agree: Option<bool>,
    /// Largest minus smallest H\[s\] of the three points, as a fraction of ln M; `None` for one point.
    pub resolution_spread: Option<f64>,
}

/// The critical point of layers in their order, from one measure each; `None` where no layer has both
/// H\[s\] and H\[k\].
///
/// ```
/// use resrel_measure::{Measure, Spectrum, critical};
///
/// let measure = |name: &str, counts: &[u64]| {
///     Spectrum::from_counts(counts.iter().copied()).map(|s| Measure::new(name, &s, None))
/// };
/// let layers = [measure("H1", &[1; 10])?, measure("H2", &[4, 3, 2, 1])?, measure("H3", &[10])?];
/// assert_eq!(critical(&layers).unwrap().layer, "H2");
/// # Ok::<(), resrel_measure::Error>(())
/// ```
#[must_use]
pub fn critical(layers: &[Measure]) -> Option<Critical> {
    let candidates: Vec<Candidate> = layers.iter().map(Candidate::from).collect();
    Critical::of(&candidates)
}

impl Critical {
    /// The critical point of a sequence in its order; `None` where nothing has both H\[s\] and H\[k\].
    #[must_use]
    pub fn of(sequence: &[Candidate]) -> Option<Self> {
        let sums: Vec<(&Candidate, Estimate)> = sequence
            .iter()
            .filter_map(|candidate| Some((candidate, candidate.sum?)))
            .collect();
        let (best, sum) = *first_largest(&sums, |(_, sum)| sum.value)?;
        let alike = sums.iter().filter(|(_, other)| sum.is_like(*other));
        let alike: Vec<String> = alike.map(|(other, _)| other.name.clone()).collect();

        let nearest = NearestBeta::of(sequence);
        let places: Vec<Place> = sequence.iter().filter_map(Place::of).collect();
        let (slope, slope_reason) = match parity(&places) {
            Ok(point) => (Some(point), None),
            Err(reason) => (None, Some(reason)),
        };
        let agreement = Agreement::of(sequence, best, &alike, nearest.as_ref(), slope.as_ref());
        let mut critical = Self {
            layer: best.name.clone(),
            beta: best.beta.map(|beta| beta.value),
            beta_stderr: best.beta.and_then(|beta| beta.stderr),
            sum: sum.value,
            sum_stderr: sum.stderr,
            not_told_apart: alike,
            nearest_beta: nearest,
            slope,
            slope_reason,
            segments: segments(&places),
            agreement,
            words: String::new(),
        };
        critical.words = critical.in_words(&sums);
        Some(critical)
    }
}

impl NearestBeta {
    fn of(sequence: &[Candidate]) -> Option<Self> {
        let distances: Vec<(&Candidate, Estimate, Estimate)> = sequence
            .iter()
            .filter_map(|candidate| {
                let beta = candidate.beta?;
                let value = (beta.value - 1.0).abs();
                let stderr = beta.stderr;
                Some((candidate, beta, Estimate { value, stderr }))
            })
            .collect();
        let (best, beta, distance) = *first_largest(&distances, |(_, _, d)| -d.value)?;
        let alike = distances.iter().filter(|(_, _, d)| distance.is_like(*d));
        Some(Self {
            layer: best.name.clone(),
            beta: beta.value,
            beta_stderr: beta.stderr,
            not_told_apart: alike.map(|(other, ..)| other.name.clone()).collect(),
        })
    }
}

impl Agreement {
    fn of(
        sequence: &[Candidate],
        best: &Candidate,
        alike: &[String],
        nearest: Option<&NearestBeta>,
        slope: Option<&SlopePoint>,
    ) -> Self {
        let common = |name: &&String| {
            nearest.is_none_or(|nearest| nearest.not_told_apart.contains(*name))
                && slope.is_none_or(|slope| [&slope.from, &slope.to].contains(name))
        };
        let found = nearest.is_some() || slope.is_some();
        let resolution = |name: &str| {
            let layer = sequence.iter().find(|candidate| candidate.name == name)?;
            Some(layer.resolution?.value)
        };
        let points = [
            best.resolution.map(|resolution| resolution.value),
            nearest.and_then(|nearest| resolution(&nearest.layer)),
            slope.map(|slope| slope.resolution),
        ];
        let points: Vec<f64> = points.into_iter().flatten().collect();
        let low = points.iter().copied().fold(f64::INFINITY, f64::min);
        let high = points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self {
            agree: found.then(|| alike.iter().any(|name| common(&name))),
            resolution_spread: (points.len() > 1).then_some(high - low),
        }
    }
}

/// The first of the items with the largest value.
fn first_largest<T>(items: &[T], value: impl Fn(&T) -> f64) -> Option<&T> {
    items.iter().reduce(|best, item| {
        if value(item) > value(best) {
            item
        } else {
            best
        }
    })
}

#[cfg(test)]
mod tests;
