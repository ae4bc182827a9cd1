//! The spectrum in logarithmic bins, and the straight line through it.

use crate::Spectrum;
use crate::spectrum::sum;

/// Fewest non-empty bins that a line is drawn through.
const FEWEST_BINS: usize = 3;

/// One bin of the spectrum: the integers `first` … `last`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Smallest k of the bin, a power of two.
    pub first: u64,
    /// Largest k of the bin, one below the next power of two.
    pub last: u64,
    /// Geometric centre √(first · last).
    pub centre: f64,
    /// Mean of m_k over the integers of the bin, zeros included.
    pub density: f64,
}

/// The non-empty bins of ratio 2 ({1}, {2, 3}, {4 … 7} …), k ascending.
#[must_use]
pub fn binned(spectrum: &Spectrum) -> Vec<Bin> {
    let mut bins: Vec<Bin> = Vec::new();
    for &(k, m_k) in spectrum.pairs() {
        let first = 1_u64 << k.ilog2();
        let share = m_k as f64 / first as f64;
        match bins.last_mut() {
            Some(bin) if bin.first == first => bin.density += share,
            _ => {
                let last = first + (first - 1);
                bins.push(Bin {
                    first,
                    last,
                    centre: (first as f64).sqrt() * (last as f64).sqrt(),
                    density: share,
                });
            }
        }
    }
    bins
}

/// The exponent β of m_k ∝ k^(−β−1) as −1 minus the slope of the least-squares line through
/// (ln centre, ln density) of the [`binned`] spectrum, all bins weighted alike.
///
/// `None` with fewer than three non-empty bins. It carries no standard error: the bins' scatter is
/// not alike.
#[must_use]
pub fn lsq_beta(spectrum: &Spectrum) -> Option<f64> {
    let bins = binned(spectrum);
    if bins.len() < FEWEST_BINS {
        return None;
    }
    let n = bins.len() as f64;
    let x = |bin: &Bin| bin.centre.ln();
    let y = |bin: &Bin| bin.density.ln();
    let x_mean = sum(bins.iter().map(x)) / n;
    let y_mean = sum(bins.iter().map(y)) / n;
    let covariance = sum(bins.iter().map(|b| (x(b) - x_mean) * (y(b) - y_mean)));
    let variance = sum(bins.iter().map(|b| (x(b) - x_mean).powi(2)));
    Some(-covariance / variance - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_the_mean_over_their_integers() {
        let spectrum =
            Spectrum::from_pairs([(1, 10), (2, 3), (3, 1), (5, 2), (7, 2), (u64::MAX >> 1, 1)])
                .unwrap();
        let bins = binned(&spectrum);
        let shape: Vec<_> = bins.iter().map(|b| (b.first, b.last)).collect();
        assert_eq!(shape, [(1, 1), (2, 3), (4, 7), (1 << 62, u64::MAX >> 1)]);
        let densities: Vec<_> = bins.iter().map(|b| b.density).collect();
        assert_eq!(densities[..3], [10.0, 2.0, 1.0]);
        assert!((bins[1].centre - 6_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn a_line_in_the_bins_gives_its_slope_back() {
        // One m_k a bin, chosen so that density = 2^20 · centre^(−2) up to rounding.
        let pairs = (0..8).map(|j| {
            let (first, last) = (1_u64 << j, (2_u64 << j) - 1);
            let density = (1_u64 << 40) as f64 / (first * last) as f64;
            (first, (density * first as f64).round() as u64)
        });
        let beta = lsq_beta(&Spectrum::from_pairs(pairs).unwrap()).unwrap();
        assert!((beta - 1.0).abs() < 1e-6, "{beta}");
    }

    #[test]
    fn two_bins_make_no_line() {
        assert_eq!(
            lsq_beta(&Spectrum::from_pairs([(1, 5), (3, 1)]).unwrap()),
            None
        );
    }
}
