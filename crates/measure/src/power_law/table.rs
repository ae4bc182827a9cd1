//! Fits of every tail of a (k, m_k) table, without going through the states again.

use crate::zeta::{Moments, scaled_zeta};

use super::solve;

/// Newton's step, relative to γ, after which the next one would be lost in rounding: convergence is
/// quadratic.
const LAST_STEP: f64 = 1e-9;
/// Newton's steps after which the bracketed search takes over.
const QUICK_STEPS: usize = 12;
/// Every so many points are looked at before all of them.
const STRIDE: usize = 61;

/// A (k, m_k) table with the sums over each of its tails.
#[derive(Debug)]
pub(super) struct Table {
    /// Distinct frequencies, ascending.
    k: Vec<f64>,
    /// Number of states with at least that frequency.
    states: Vec<f64>,
    /// Σ m_k′ ln(k′/k) over the states with k′ ≥ k.
    log_sums: Vec<f64>,
    /// Where the distribution functions of the tail and of a law may be furthest apart.
    points: Vec<Point>,
    /// First point of each tail.
    starts: Vec<usize>,
}

/// An integer x at which the empirical P(K ≥ x) differs from that at x + 1, or from that at x − 1.
#[derive(Debug, Clone, Copy)]
struct Point {
    x: f64,
    ln_x: f64,
    /// Number of states with k ≥ x.
    states: f64,
}

/// A law fitted to one tail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tail {
    /// Place of k_min in the table.
    pub place: usize,
    /// Exponent of largest likelihood.
    pub gamma: f64,
    /// Kolmogorov–Smirnov distance.
    pub ks: f64,
}

impl Table {
    /// The table of the pairs (k, m_k) with k ≥ `k_min`, beginning there even where no state does.
    pub(super) fn starting_at(k_min: u64, pairs: &[(u64, u64)]) -> Self {
        let tail = &pairs[pairs.partition_point(|&(k, _)| k < k_min)..];
        if tail.first().is_some_and(|&(k, _)| k == k_min) {
            return Self::new(tail);
        }
        let start = std::iter::once((k_min, 0));
        Self::new(&start.chain(tail.iter().copied()).collect::<Vec<_>>())
    }

    /// The table of pairs (k, m_k), k ascending, at least one.
    pub(super) fn new(pairs: &[(u64, u64)]) -> Self {
        let k: Vec<f64> = pairs.iter().map(|&(k, _)| k as f64).collect();
        let mut states = vec![0.0; pairs.len()];
        let mut log_sums = vec![0.0; pairs.len()];
        // From the largest k down, where every term is positive and nothing cancels.
        let (mut count, mut log_sum) = (0_u64, 0.0);
        for place in (0..pairs.len()).rev() {
            if let Some(&(above, _)) = pairs.get(place + 1) {
                log_sum += count as f64 * ((above - pairs[place].0) as f64 / k[place]).ln_1p();
            }
            count += pairs[place].1;
            states[place] = count as f64;
            log_sums[place] = log_sum;
        }
        let mut points = Vec::with_capacity(2 * pairs.len());
        let mut starts = Vec::with_capacity(pairs.len());
        for (place, &(integer, _)) in pairs.iter().enumerate() {
            starts.push(points.len());
            points.push(Point::new(k[place], states[place]));
            let next = pairs.get(place + 1).map(|&(next, _)| next);
            if next != integer.checked_add(1) {
                let above = states.get(place + 1).copied().unwrap_or(0.0);
                points.push(Point::new(k[place] + 1.0, above));
            }
        }
        Self {
            k,
            states,
            log_sums,
            points,
            starts,
        }
    }

    /// The law of the tail from `place` on; `None` where its likelihood has no maximum.
    pub(super) fn fit(&self, place: usize) -> Option<Tail> {
        let gamma = self.gamma(place)?;
        let ks = self.ks(place, gamma)?;
        Some(Tail { place, gamma, ks })
    }

    /// Kolmogorov–Smirnov distance between the tail from `place` on and the law of exponent `gamma`.
    pub(super) fn ks(&self, place: usize, gamma: f64) -> Option<f64> {
        self.distance(place, gamma, f64::INFINITY, &mut 0)
    }

    /// The tail of least distance, the longest of several alike. Every distinct k but the largest
    /// may be k_min.
    ///
    /// A tail is given up at the first point that is further off than the best distance so far. The
    /// point that settled the neighbour's fate is asked first, and a few tails of all lengths go
    /// ahead so that a good distance is known early. What is found does not depend on it.
    pub(super) fn best(&self) -> Option<Tail> {
        let candidates = self.k.len() - 1;
        let ahead = (0..128)
            .map(|half_octaves| 2.0_f64.powf(f64::from(half_octaves) / 2.0) as usize - 1)
            .take_while(|&place| place < candidates);
        let mut best: Option<Tail> = None;
        let mut witness = 0;
        for place in ahead.chain(0..candidates) {
            let limit = best.map_or(f64::INFINITY, |best| best.ks);
            if let Some(gamma) = self.gamma(place)
                && let Some(ks) = self.distance(place, gamma, limit, &mut witness)
                && best.is_none_or(|best| ks < best.ks || place < best.place)
            {
                best = Some(Tail { place, gamma, ks });
            }
        }
        best
    }

    /// Exponent of largest likelihood of the tail from `place` on.
    fn gamma(&self, place: usize) -> Option<f64> {
        let (q, mean) = (self.k[place], self.log_sums[place] / self.states[place]);
        if mean <= 0.0 || self.states[place] < 2.0 {
            return None;
        }
        // The continuous law that begins half a step earlier (Clauset et al., equation 3.7).
        let mut gamma = 1.0 + 1.0 / (mean - (-0.5 / q).ln_1p());
        for _ in 0..QUICK_STEPS {
            let moments = Moments::new(gamma, q);
            let step = (moments.mean() - mean) * moments.mean() / (moments.variance() * mean);
            gamma += step;
            if !gamma.is_finite() || gamma <= 1.0 {
                break;
            }
            if step.abs() <= LAST_STEP * gamma {
                return Some(gamma);
            }
        }
        solve(mean, q)
    }

    /// The distance between the tail from `place` on and its law; `None` once it is known to exceed
    /// `limit`. `witness` is a point likely to show that, and becomes the one that did.
    fn distance(&self, place: usize, gamma: f64, limit: f64, witness: &mut usize) -> Option<f64> {
        let (q, n) = (self.k[place], self.states[place]);
        let (ln_q, norm) = (q.ln(), scaled_zeta(gamma, q));
        // P(K ≥ x) = ζ(γ, x)/ζ(γ, k_min) against the states.
        let gap = |point: Point| {
            let law = (gamma * (ln_q - point.ln_x)).exp() * scaled_zeta(gamma, point.x) / norm;
            (law - point.states / n).abs()
        };
        let start = self.starts[place];
        if limit.is_finite() {
            let first = [*witness].into_iter().filter(|&index| index >= start);
            for index in first.chain((start..self.points.len()).step_by(STRIDE)) {
                if gap(self.points[index]) > limit {
                    *witness = index;
                    return None;
                }
            }
        }
        let mut largest = 0.0;
        for (index, &point) in self.points.iter().enumerate().skip(start) {
            let gap = gap(point);
            if gap > largest {
                (largest, *witness) = (gap, index);
                if gap > limit {
                    return None;
                }
            }
        }
        largest.is_finite().then_some(largest)
    }
}

impl Point {
    fn new(x: f64, states: f64) -> Self {
        Self {
            x,
            ln_x: x.ln(),
            states,
        }
    }
}
