//! Theoretical curves in the plane of resolution and relevance.

use crate::spectrum::sum;

/// Sums over k = 1 … M are taken term by term up to here, and by quadrature beyond.
const EXACT_TERMS: u64 = 1024;

/// Nodes in (0, 1) and weights of the eight-point Gauss–Legendre rule on (−1, 1), by symmetry
/// used with both signs.
pub(crate) const GAUSS_LEGENDRE: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];

/// A point of a theoretical curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Exponent β of the point.
    pub beta: f64,
    /// Resolution H\[s\] as a fraction of ln M.
    pub resolution: f64,
    /// Relevance H\[k\] as a fraction of ln M.
    pub relevance: f64,
}

/// The power-law family m_k = A k^(−β−1), k = 1 … M, with A from Σ_k k·m_k = M: one point for each
/// exponent of `betas` (finite, between −20 and 20; others are left out).
///
/// The m_k are **not rounded to integers**, so this is an idealised curve and no bound: samples
/// can lie above it, and at small β, where most m_k are below 1, it rises above H\[k\] = H\[s\],
/// where no sample can be. With p_k = k·m_k/M = k^(−β)/Z and Z = Σ_k k^(−β),
/// H\[k\] = ln Z + β⟨ln k⟩ and H\[s\] = ln M − ⟨ln k⟩.
///
/// Empty for M < 2, where fractions of ln M do not exist.
#[must_use]
pub fn power_law_curve(m: u64, betas: &[f64]) -> Vec<CurvePoint> {
    if m < 2 {
        return Vec::new();
    }
    let terms = Terms::new(m);
    let log_m = (m as f64).ln();
    betas
        .iter()
        .filter(|beta| beta.abs() <= 20.0)
        .map(|&beta| {
            let (log_z, mean_log) = terms.sums(beta, log_m);
            CurvePoint {
                beta,
                resolution: 1.0 - mean_log / log_m,
                relevance: (log_z + beta * mean_log) / log_m,
            }
        })
        .collect()
}

/// ln k and the number of integers it stands for, so that Σ_k f(ln k) over k = 1 … M becomes a
/// weighted sum over few terms.
struct Terms(Vec<(f64, f64)>);

impl Terms {
    fn new(m: u64) -> Self {
        let exact = m.min(EXACT_TERMS);
        let mut terms: Vec<(f64, f64)> = (1..=exact).map(|k| ((k as f64).ln(), 1.0)).collect();
        // Midpoint rule read backwards: Σ_{k=a+1}^{M} f(ln k) ≈ ∫ f(y) e^y dy between ln(a + ½) and
        // ln(M + ½), to a relative 1/a².
        let end = (m as f64 + 0.5).ln();
        let mut low = (exact as f64 + 0.5).ln();
        while low < end && m > exact {
            let half = 0.5 * (end - low).min(0.5);
            let centre = low + half;
            for (node, weight) in GAUSS_LEGENDRE {
                for y in [centre - half * node, centre + half * node] {
                    terms.push((y, half * weight * y.exp()));
                }
            }
            low = centre + half;
        }
        Self(terms)
    }

    /// ln Z and ⟨ln k⟩.
    fn sums(&self, beta: f64, log_m: f64) -> (f64, f64) {
        // In units of the largest term, so that nothing overflows.
        let largest = if beta < 0.0 { log_m } else { 0.0 };
        let weight = |&(log, count): &(f64, f64)| count * (-beta * (log - largest)).exp();
        let z = sum(self.0.iter().map(weight));
        let mean = sum(self.0.iter().map(|term| weight(term) * term.0)) / z;
        (z.ln() - beta * largest, mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zeta::Moments;

    #[test]
    fn agrees_with_the_plain_sum() {
        for m in [2_u64, 5, 1024, 1025, 60_000, 1_000_000] {
            for beta in [-2.0, 0.0, 0.5, 1.0, 1.7, 4.0] {
                let point = power_law_curve(m, &[beta])[0];
                let z: f64 = (1..=m).map(|k| (k as f64).powf(-beta)).sum();
                let (mut h_k, mut h_s) = (0.0, 0.0);
                for k in 1..=m {
                    let p = (k as f64).powf(-beta) / z;
                    h_k -= p * p.ln();
                    h_s -= p * (k as f64 / m as f64).ln();
                }
                let log_m = (m as f64).ln();
                assert!((point.resolution - h_s / log_m).abs() < 1e-7, "{m} {beta}");
                assert!((point.relevance - h_k / log_m).abs() < 1e-7, "{m} {beta}");
            }
        }
    }

    #[test]
    fn agrees_with_closed_forms_at_any_size() {
        for m in [10_u64.pow(9), 10_u64.pow(12)] {
            let (size, log_m) = (m as f64, (m as f64).ln());
            // β = 0: every k has 1/M; ln M! by Stirling's series.
            let mean_log = log_m - 1.0 + 0.5 * (std::f64::consts::TAU * size).ln() / size;
            let even = power_law_curve(m, &[0.0])[0];
            assert!((even.relevance - 1.0).abs() < 1e-9, "{even:?}");
            assert!((even.resolution - 1.0 + mean_log / log_m).abs() < 1e-8);
            // β > 1: the sums to infinity, what is beyond M being below 1e-12.
            for beta in [2.5, 3.0, 5.0] {
                let all = Moments::new(beta, 1.0);
                let steep = power_law_curve(m, &[beta])[0];
                let h_k = (all.norm.ln() + beta * all.mean()) / log_m;
                assert!((steep.relevance - h_k).abs() < 1e-9, "{steep:?} {h_k}");
                assert!((steep.resolution - 1.0 + all.mean() / log_m).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn ends_and_nonsense() {
        assert!(power_law_curve(1, &[1.0]).is_empty());
        assert!(power_law_curve(10, &[f64::NAN, 1e9]).is_empty());
        let huge = power_law_curve(u64::MAX, &[-20.0, 20.0]);
        assert!(
            huge.iter()
                .all(|p| p.resolution.is_finite() && p.relevance.is_finite())
        );
        assert!(huge[0].resolution < 0.01 && huge[1].resolution > 0.99);
    }

    #[test]
    fn slope_is_minus_beta() {
        // dH[k]/dH[s] = −β along the family (Lagrange).
        for beta in [0.5, 1.0, 2.0] {
            let points = power_law_curve(60_000, &[beta - 1e-3, beta + 1e-3]);
            let slope = (points[1].relevance - points[0].relevance)
                / (points[1].resolution - points[0].resolution);
            assert!((slope + beta).abs() < 1e-4, "{slope} {beta}");
        }
    }
}
