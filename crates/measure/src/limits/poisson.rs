//! The Poisson optimum: the largest expected relevance of independent degeneracies.

use serde::Serialize;

use super::expectation::Expectation;
use super::{LARGEST_M, interpolated};
use crate::Error;
use crate::curves::GAUSS_LEGENDRE;
use crate::spectrum::sum;

/// Sums over k are taken term by term up to here, and by quadrature beyond.
const EXACT_TERMS: u64 = 256;

/// Widest panel of the quadrature, in ln k, and widest in (1 + μ) ln k, the argument of (f′)⁻¹.
const PANEL: (f64, f64) = (0.5, 1.5);

/// The curve's first multiplier, and the steps in which multipliers are taken up to 1.
const FIRST: i32 = -98;
const PER_UNIT: f64 = 100.0;

/// Beyond 1, each 1 + μ is so many times the one before.
const GROWTH: f64 = 1.005;

/// Newton's steps at most; bisection alone would need 60, and together they need about five.
const MOST_STEPS: usize = 100;

/// A point of the Poisson optimum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OptimumPoint {
    /// Multiplier μ: the curve's slope dH\[k\]/dH\[s\] is −μ here.
    pub mu: f64,
    /// Resolution E\[H\[s\]\] as a fraction of ln M.
    pub resolution: f64,
    /// Relevance E\[H\[k\]\] as a fraction of ln M.
    pub relevance: f64,
}

/// The literature's curve of largest relevance: degeneracies m_k that are independent
/// Poisson(λ_k), k = 1 … M, with Σ_k k λ_k = M, where E\[H\[k\]\] + μ E\[H\[s\]\] is largest.
///
/// With f(λ) = E\[m ln m\] and f′(λ) = E\[(m + 1) ln(m + 1) − m ln m\] the rates are
/// λ_k = (f′)⁻¹(c − (1 + μ) ln k), and 0 where the argument is not positive; c follows from M. Then
/// E\[H\[s\]\] = −Σ_k λ_k (k/M) ln(k/M) and E\[H\[k\]\] = −Σ_k (k/M) (λ_k ln(k/M) + f(λ_k)).
/// μ = 0 has the largest relevance, μ = 1 is Zipf's point.
///
/// It is the optimum of an ensemble and **no bound**: the frequencies {1, …, 12, 22} have
/// H\[s\] = H\[k\] = 0.50864 ln M, above it. [`StrictBound`](crate::StrictBound) is one.
///
/// Source: Haimovici, Marsili, "Criticality of mostly informative samples", J. Stat. Mech. (2015)
/// P10013; Cubero, Jo, Marsili, Roudi, Song, "Statistical criticality arises in most informative
/// representations", J. Stat. Mech. (2019) 063402.
#[derive(Debug, Clone, PartialEq)]
pub struct PoissonOptimum {
    m: u64,
    points: Vec<OptimumPoint>,
}

impl PoissonOptimum {
    /// The curve for M = `m` observations: μ from −0.98 in steps of 0.01 and, above 1, of half a
    /// percent, up to where all observations are distinct. Takes some 0.1 s, whatever M.
    ///
    /// # Errors
    /// [`Error::NoLimits`] for M below 2, where fractions of ln M do not exist, and above 10¹².
    pub fn new(m: u64) -> Result<Self, Error> {
        if !(2..=LARGEST_M).contains(&m) {
            return Err(Error::NoLimits { m });
        }
        // The curve ends where λ_2 = 0: at (1 + μ) ln 2 = c with λ_1 = M.
        let end = Expectation::at(m as f64).slope / 2_f64.ln();
        let mut sums = Sums::new(m);
        let mut points = Vec::new();
        let mut step = FIRST;
        let mut power = 1.0 + f64::from(FIRST) / PER_UNIT;
        while power < end {
            points.push(sums.point(power - 1.0));
            step += 1;
            power = if f64::from(step) <= PER_UNIT {
                1.0 + f64::from(step) / PER_UNIT
            } else {
                power * GROWTH
            };
        }
        points.push(sums.point(end - 1.0));
        Ok(Self { m, points })
    }

    /// The curve's points, μ and resolution ascending.
    #[must_use]
    pub fn points(&self) -> &[OptimumPoint] {
        &self.points
    }

    /// The optimum at one multiplier μ; `None` unless μ is finite and above −1.
    #[must_use]
    pub fn point(&self, mu: f64) -> Option<OptimumPoint> {
        (mu.is_finite() && mu > -1.0).then(|| Sums::new(self.m).point(mu))
    }

    /// The relevance of the optimum at a resolution, both fractions of ln M: by a cubic with the
    /// curve's own slopes −μ between points, and straight to (1, 0) after the last.
    ///
    /// `None` below the curve's first point, whose resolution falls with M (0.148 at M = 100, 0.336
    /// at M = 60,000, where the relevance is 0.997 of it), and where `resolution` is above 1.
    #[must_use]
    pub fn at(&self, resolution: f64) -> Option<f64> {
        let first = self.points.first()?.resolution;
        if !(first..=1.0 + 1e-12).contains(&resolution) {
            return None;
        }
        let above = self.points.partition_point(|p| p.resolution <= resolution);
        let left = self.points[above - 1];
        let relevance = match self.points.get(above) {
            Some(right) => interpolated(left, *right, resolution),
            None if left.resolution < 1.0 => {
                left.relevance * (1.0 - resolution) / (1.0 - left.resolution)
            }
            None => 0.0,
        };
        Some(relevance.max(0.0))
    }

    /// The area under the curve, by the trapezoid rule, with straight lines from (0, 0) to its
    /// first point and from its last to (1, 0).
    #[must_use]
    pub fn area(&self) -> f64 {
        let inner = self.points.iter().map(|p| (p.resolution, p.relevance));
        let places: Vec<(f64, f64)> = [(0.0, 0.0)]
            .into_iter()
            .chain(inner)
            .chain([(1.0, 0.0)])
            .collect();
        sum(places
            .windows(2)
            .map(|pair| (pair[1].0 - pair[0].0) * pair[0].1.midpoint(pair[1].1)))
    }
}

/// The sums over k for one M, and the last c found, near which the next one is looked for.
struct Sums {
    m: u64,
    log_m: f64,
    /// ln k and k of the first integers.
    exact: Vec<(f64, f64)>,
    last: Option<f64>,
}

/// Σ_k k λ_k, its derivative in c, and the two entropies in nats times M.
#[derive(Default)]
struct Totals {
    observations: f64,
    derivative: f64,
    resolution: f64,
    relevance: f64,
}

impl Sums {
    fn new(m: u64) -> Self {
        let exact = 1..=m.min(EXACT_TERMS);
        Self {
            m,
            log_m: (m as f64).ln(),
            exact: exact.map(|k| ((k as f64).ln(), k as f64)).collect(),
            last: None,
        }
    }

    fn point(&mut self, mu: f64) -> OptimumPoint {
        let m = self.m as f64;
        let power = 1.0 + mu;
        // k = 1 alone already has M observations at the upper end.
        let (mut low, mut high) = (0.0, Expectation::at(m).slope);
        let mut c = self.last.unwrap_or(0.5 * high).clamp(low, high);
        let mut totals = Totals::default();
        for _ in 0..MOST_STEPS {
            totals = self.totals(c, power);
            let excess = (totals.observations / m).ln();
            if excess.abs() < 1e-13 {
                break;
            }
            if excess > 0.0 {
                high = c;
            } else {
                low = c;
            }
            // ln Σ k λ_k is nearly straight in c.
            let next = c - excess * totals.observations / totals.derivative;
            let next = if next > low && next < high {
                next
            } else {
                low.midpoint(high)
            };
            if (next - c).abs() <= f64::EPSILON * c {
                break;
            }
            c = next;
        }
        self.last = Some(c);
        let scale = m * self.log_m;
        OptimumPoint {
            mu,
            resolution: totals.resolution / scale,
            relevance: totals.relevance / scale,
        }
    }

    fn totals(&self, c: f64, power: f64) -> Totals {
        let mut totals = Totals::default();
        let mut add = |log: f64, k: f64, weight: f64| {
            let slope = c - power * log;
            if slope <= 0.0 {
                return;
            }
            let (rate, here) = Expectation::with_slope(slope);
            let weight = weight * k;
            let information = self.log_m - log;
            totals.observations += weight * rate;
            totals.derivative += weight / here.curvature;
            totals.resolution += weight * rate * information;
            totals.relevance += weight * (rate * information - here.value);
        };
        for &(log, k) in &self.exact {
            add(log, k, 1.0);
        }
        let first = self.exact.len() as f64;
        // The largest k with a rate above 0.
        let (largest, last) = (c / power, (self.m as f64 + 0.5).ln());
        let whole = largest >= last;
        let end = largest.min(last);
        let mut low = (first + 0.5).ln();
        if end <= low {
            return totals;
        }
        // Σ_{k=a+1}^{b} F(k) = ∫ F dk between a + ½ and b + ½, less F′/24 there (Euler and
        // Maclaurin): the derivatives as differences of neighbours.
        let mut slope_at = |k: f64, sign: f64| {
            add((k + 1.0).ln(), k + 1.0, sign / 24.0);
            add(k.ln(), k, -sign / 24.0);
        };
        slope_at(first, 1.0);
        if whole {
            slope_at(self.m as f64, -1.0);
        }
        let panels = ((end - low) / PANEL.0.min(PANEL.1 / power)).ceil();
        let half = 0.5 * (end - low) / panels;
        for _ in 0..panels as usize {
            let centre = low + half;
            for (node, weight) in GAUSS_LEGENDRE {
                for log in [centre - half * node, centre + half * node] {
                    let k = log.exp();
                    add(log, k, half * weight * k);
                }
            }
            low = centre + half;
        }
        if !whole {
            // At the largest k, K, the rate falls to 0 with the slope (1 + μ)/(2 K ln 2), and the
            // sum differs from the integral by that slope times −B₂(K − ⌊K⌋)/2.
            let place = largest.exp().fract();
            let bernoulli = place * (place - 1.0) + 1.0 / 6.0;
            let rest = -0.5 * bernoulli * power / (2.0 * 2_f64.ln());
            totals.observations += rest;
            totals.resolution += rest * (self.log_m - largest);
            totals.relevance += rest * (self.log_m - largest);
        }
        totals
    }
}

#[cfg(test)]
mod tests;
