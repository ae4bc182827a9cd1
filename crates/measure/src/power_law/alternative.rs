//! Heavy-tailed alternatives to the power law, fitted by discrete maximum likelihood.
//!
//! With t = ln(k/k_min) each is p(k) = exp(−a A(t; b) − B(t; b))/Z(a, b) on k = k_min, k_min + 1, …:
//!
//! | law | A | B | in its usual symbols |
//! |---|---|---|---|
//! | lognormal | t | b t² | k^(−1) exp(−(ln k − μ)²/2σ²) |
//! | truncated power law | t | b (e^t − 1) | k^(−α) exp(−λ k) |
//! | stretched exponential | (e^(bt) − 1)/b | (1 − b) t | k^(β−1) exp(−λ k^β), β = b |
//!
//! For given b the likelihood is concave in a, so a is found by Newton's method, and b by its sign.

use super::normalizer::{Node, nodes};
use crate::PowerLaw;
use crate::spectrum::sum;
use crate::zeta::{Moments, scaled_zeta};

/// Terms that small against the largest, as exponent, are left out.
const NEGLIGIBLE: f64 = -60.0;
/// The likelihood is flat to rounding within this relative distance of its maximum.
const PRECISION: f64 = 1e-9;
/// Bounds the loops, which need far fewer.
const MAX_STEPS: usize = 200;
/// A b this small is the power law.
const SMALLEST_B: f64 = 1e-12;

/// The two-parameter laws of the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Lognormal,
    Truncated,
    Stretched,
}

/// A fitted law of two parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Law {
    family: Family,
    pub a: f64,
    pub b: f64,
    ln_norm: f64,
}

/// Moments of a law.
struct Sums {
    ln_norm: f64,
    mean: f64,
    variance: f64,
    slope: f64,
}

impl Law {
    /// The law of largest likelihood for pairs (t, m_k) of a tail to which `fit` was fitted; `None`
    /// where that is the power law itself, the limit b → 0.
    pub(super) fn fit(family: Family, tail: &[(f64, f64)], fit: &PowerLaw) -> Option<Self> {
        let n = fit.tail as f64;
        let mean = |value: &dyn Fn(f64) -> f64| sum(tail.iter().map(|&(t, m)| m * value(t))) / n;
        let (law, q) = (Moments::new(fit.gamma, fit.k_min as f64), fit.k_min as f64);
        // Whether the likelihood rises from b = 0, where the law is the power law.
        let (rises, mut b) = match family {
            Family::Lognormal | Family::Stretched => {
                let squares = mean(&|t| t * t);
                let start = if family == Family::Lognormal {
                    0.1 / squares
                } else {
                    0.3
                };
                (squares < law.second / law.norm, start)
            }
            Family::Truncated => {
                let growth = mean(&f64::exp_m1);
                let expected = scaled_zeta(fit.gamma - 1.0, q) / law.norm - 1.0;
                (fit.gamma <= 2.0 || growth < expected, 0.01 / growth)
            }
        };
        if !rises {
            return None;
        }
        let squares = mean(&|t| t * t);
        let largest = tail.last().map_or(0.0, |&(t, _)| t);
        let nodes = nodes(q, squares.sqrt() / 4.0, largest + 1.0);
        let mut a = fit.gamma;
        // The slope of the likelihood along b, at the best a.
        let mut slope = |b: f64| -> Option<(f64, Self)> {
            let wanted = mean(&|t| family.parts(b, t).0);
            let (best, sums) = family.solve(&nodes, a, b, wanted)?;
            a = best;
            let seen = mean(&|t| {
                let (_, _, a_slope, b_slope) = family.parts(b, t);
                -best * a_slope - b_slope
            });
            let law = Self {
                family,
                a: best,
                b,
                ln_norm: sums.ln_norm,
            };
            Some((seen - sums.slope, law))
        };
        let mut best;
        let (mut at, _) = slope(b)?;
        let factor = if at > 0.0 { 2.0 } else { 0.5 };
        let (mut other, mut other_at);
        loop {
            (other, other_at) = (b, at);
            b *= factor;
            if !(SMALLEST_B..1e6).contains(&b) {
                return None;
            }
            (at, best) = slope(b)?;
            if (at > 0.0) != (other_at > 0.0) {
                break;
            }
        }
        // The false position in ln b, with the Illinois rule for an end that stays.
        let (mut x, mut y) = (other.ln(), b.ln());
        let (mut at_x, mut at_y) = (other_at, at);
        for _ in 0..MAX_STEPS {
            if (x - y).abs() < PRECISION || at_y == 0.0 {
                break;
            }
            let next = (x * at_y - y * at_x) / (at_y - at_x);
            let (at_next, law) = slope(next.exp())?;
            best = law;
            if (at_next > 0.0) == (at_y > 0.0) {
                at_x /= 2.0;
            } else {
                (x, at_x) = (y, at_y);
            }
            let moved = (next - y).abs();
            (y, at_y) = (next, at_next);
            if moved < PRECISION {
                break;
            }
        }
        best.ln_norm.is_finite().then_some(best)
    }

    /// ln p(k) at t = ln(k/k_min).
    pub(super) fn ln_p(&self, t: f64) -> f64 {
        let (a, b, ..) = self.family.parts(self.b, t);
        -self.a * a - b - self.ln_norm
    }
}

impl Family {
    /// A, B and their derivatives with respect to b.
    fn parts(self, b: f64, t: f64) -> (f64, f64, f64, f64) {
        match self {
            Self::Lognormal => (t, b * t * t, 0.0, t * t),
            Self::Truncated => {
                let growth = t.exp_m1();
                (t, b * growth, 0.0, growth)
            }
            Self::Stretched => {
                let growth = (b * t).exp_m1();
                // Near 0 the difference cancels; its series does not.
                let slope = if b * t < 1e-3 {
                    t * t * (0.5 + b * t / 3.0 + (b * t).powi(2) / 8.0)
                } else {
                    (b * t * (growth + 1.0) - growth) / (b * b)
                };
                (growth / b, (1.0 - b) * t, slope, -t)
            }
        }
    }

    /// Sums over the law, in units of its largest term.
    fn sums(self, nodes: &[Node], a: f64, b: f64) -> Sums {
        let mut largest = f64::NEG_INFINITY;
        let [mut norm, mut first, mut second, mut slope] = [0.0; 4];
        for node in nodes {
            let (part_a, part_b, a_slope, b_slope) = self.parts(b, node.t);
            let exponent = node.shift - a * part_a - part_b;
            // ln p is concave in t: what follows is smaller still.
            if exponent.is_nan() || exponent < largest + NEGLIGIBLE {
                break;
            }
            if exponent > largest {
                let scale = (largest - exponent).exp();
                for sum in [&mut norm, &mut first, &mut second, &mut slope] {
                    *sum *= scale;
                }
                largest = exponent;
            }
            let term = node.weight * (exponent - largest).exp();
            norm += term;
            first += term * part_a;
            second += term * part_a * part_a;
            slope -= term * (a * a_slope + b_slope);
        }
        let mean = first / norm;
        Sums {
            ln_norm: largest + norm.ln(),
            mean,
            variance: second / norm - mean * mean,
            slope: slope / norm,
        }
    }

    /// The a at which the law's mean of A is `wanted`, from `a` on; the mean falls as a grows.
    fn solve(self, nodes: &[Node], mut a: f64, b: f64, wanted: f64) -> Option<(f64, Sums)> {
        // The stretched exponential needs a > 0.
        let mut low = if self == Self::Stretched {
            0.0
        } else {
            f64::NEG_INFINITY
        };
        let mut high = f64::INFINITY;
        for _ in 0..MAX_STEPS {
            let sums = self.sums(nodes, a, b);
            if sums.mean > wanted {
                low = a;
            } else {
                high = a;
            }
            let farthest = 1.0 + a.abs();
            let mut step = ((sums.mean - wanted) / sums.variance).clamp(-farthest, farthest);
            if step.is_nan() {
                return None;
            }
            if a + step <= low {
                step = (low - a) / 2.0;
            } else if a + step >= high {
                step = (high - a) / 2.0;
            }
            if step.abs() <= 1e-3 * PRECISION * farthest {
                return Some((a, sums));
            }
            a += step;
        }
        None
    }
}
