//! The frequency spectrum m_k and its entropies.

use std::collections::BTreeMap;

use crate::Error;

/// Frequencies below this are tallied in an array, the few above it in a tree.
const TALLIED: usize = 4096;

/// How many states m_k have each frequency k.
///
/// With M = Σ_k k·m_k observations, all entropies in nats:
/// resolution H\[s\] = −Σ_k m_k (k/M) ln(k/M), relevance
/// H\[k\] = −Σ_k (k·m_k/M) ln(k·m_k/M), and 0 ≤ H\[k\] ≤ H\[s\] ≤ ln M.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spectrum {
    pairs: Vec<(u64, u64)>,
    observations: u64,
    states: u64,
}

impl Spectrum {
    /// The spectrum of the frequencies k of all states, in any order.
    ///
    /// # Errors
    /// [`Error::ZeroFrequency`] for a frequency 0, [`Error::Empty`] without any,
    /// [`Error::TooManyObservations`] if their sum overflows.
    pub fn from_counts(counts: impl IntoIterator<Item = u64>) -> Result<Self, Error> {
        let mut low = vec![0_u64; TALLIED];
        let mut high = BTreeMap::new();
        for (place, k) in counts.into_iter().enumerate() {
            match usize::try_from(k) {
                Ok(0) => return Err(Error::ZeroFrequency { place }),
                Ok(k) if k < TALLIED => low[k] += 1,
                _ => *high.entry(k).or_insert(0) += 1,
            }
        }
        let low = (0..).zip(low).filter(|&(_, m_k)| m_k > 0);
        Self::from_ascending(low.chain(high).collect())
    }

    /// The spectrum of pairs (k, m_k) in any order; pairs of the same k are added, those with
    /// m_k = 0 are left out.
    ///
    /// # Errors
    /// As [`from_counts`](Self::from_counts).
    pub fn from_pairs(pairs: impl IntoIterator<Item = (u64, u64)>) -> Result<Self, Error> {
        let mut tally = BTreeMap::new();
        for (place, (k, m_k)) in pairs.into_iter().enumerate() {
            if k == 0 {
                return Err(Error::ZeroFrequency { place });
            }
            if m_k > 0 {
                let sum = tally.entry(k).or_insert(0_u64);
                *sum = sum.checked_add(m_k).ok_or(Error::TooManyObservations)?;
            }
        }
        Self::from_ascending(tally.into_iter().collect())
    }

    /// The spectrum of pairs (k, m_k), k ascending without repeats, no k and no m_k 0.
    pub(crate) fn from_ascending(pairs: Vec<(u64, u64)>) -> Result<Self, Error> {
        if pairs.is_empty() {
            return Err(Error::Empty);
        }
        let mut observations = 0_u64;
        for &(k, m_k) in &pairs {
            observations = k
                .checked_mul(m_k)
                .and_then(|more| observations.checked_add(more))
                .ok_or(Error::TooManyObservations)?;
        }
        // Each state was observed, so the states are no more than the observations.
        let states = pairs.iter().map(|&(_, m_k)| m_k).sum();
        Ok(Self {
            pairs,
            observations,
            states,
        })
    }

    /// The pairs (k, m_k), k ascending, every m_k above 0.
    #[must_use]
    pub fn pairs(&self) -> &[(u64, u64)] {
        &self.pairs
    }

    /// Number of observations M.
    #[must_use]
    pub fn observations(&self) -> u64 {
        self.observations
    }

    /// Number of distinct states.
    #[must_use]
    pub fn states(&self) -> u64 {
        self.states
    }

    /// Largest number of observations in one state.
    #[must_use]
    pub fn max_frequency(&self) -> u64 {
        self.pairs[self.pairs.len() - 1].0
    }

    /// Resolution H\[s\] = −Σ_k m_k (k/M) ln(k/M) in nats.
    #[must_use]
    pub fn resolution(&self) -> f64 {
        sum(self.pairs.iter().map(|&(k, m_k)| {
            let share = (k * m_k) as f64 / self.observations as f64;
            share * self.information(k)
        }))
    }

    /// Relevance H\[k\] = −Σ_k (k·m_k/M) ln(k·m_k/M) in nats.
    #[must_use]
    pub fn relevance(&self) -> f64 {
        sum(self.pairs.iter().map(|&(k, m_k)| {
            let share = (k * m_k) as f64 / self.observations as f64;
            share * self.information(k * m_k)
        }))
    }

    /// Mean degeneracy entropy ⟨S⟩ = Σ_k (k·m_k/M) ln m_k = H\[s\] − H\[k\] in nats.
    #[must_use]
    pub fn degeneracy_entropy(&self) -> f64 {
        sum(self.pairs.iter().map(|&(k, m_k)| {
            let share = (k * m_k) as f64 / self.observations as f64;
            share * (m_k as f64).ln()
        }))
    }

    /// An entropy in nats as a fraction of ln M; `None` where M = 1.
    #[must_use]
    pub fn fraction(&self, nats: f64) -> Option<f64> {
        (self.observations > 1).then(|| nats / (self.observations as f64).ln())
    }

    /// −ln(n/M), exact also where n is close to M.
    pub(crate) fn information(&self, n: u64) -> f64 {
        let m = self.observations as f64;
        let rest = self.observations - n;
        if rest < n {
            -(-(rest as f64) / m).ln_1p()
        } else {
            (m / n as f64).ln()
        }
    }
}

/// Sum in the given order with Neumaier's compensation.
pub(crate) fn sum(terms: impl IntoIterator<Item = f64>) -> f64 {
    let mut sum = 0.0_f64;
    let mut lost = 0.0_f64;
    for term in terms {
        let next = sum + term;
        lost += if sum.abs() >= term.abs() {
            (sum - next) + term
        } else {
            (term - next) + sum
        };
        sum = next;
    }
    sum + lost
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spectrum(counts: &[u64]) -> Spectrum {
        Spectrum::from_counts(counts.iter().copied()).unwrap()
    }

    fn near(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance, "{a} is not {b}");
    }

    #[test]
    fn different_frequencies_make_relevance_equal_resolution() {
        let mut counts: Vec<u64> = (1..=12).collect();
        counts.push(22);
        let spectrum = spectrum(&counts);
        assert_eq!(spectrum.observations(), 100);
        assert_eq!(spectrum.max_frequency(), 22);
        let fraction = spectrum.fraction(spectrum.resolution()).unwrap();
        near(fraction, 0.508_64, 5e-6);
        assert_eq!(
            spectrum.resolution().to_bits(),
            spectrum.relevance().to_bits()
        );
        assert_eq!(spectrum.degeneracy_entropy().to_bits(), 0);
    }

    #[test]
    fn equal_and_distinct_states() {
        let equal = spectrum(&[25; 4]);
        near(equal.resolution(), 4_f64.ln(), 1e-15);
        assert_eq!(equal.relevance().to_bits(), 0);
        let distinct = spectrum(&vec![1; 60_000]);
        near(distinct.resolution(), 60_000_f64.ln(), 1e-14);
        assert_eq!(distinct.relevance().to_bits(), 0);
        let one_state = spectrum(&[60_000]);
        assert_eq!(one_state.resolution().to_bits(), 0);
        assert_eq!(one_state.relevance().to_bits(), 0);
    }

    #[test]
    fn one_observation_has_no_information_and_no_fraction() {
        let one = spectrum(&[1]);
        assert_eq!(one.resolution().to_bits(), 0);
        assert_eq!(one.relevance().to_bits(), 0);
        assert_eq!(one.fraction(0.0), None);
    }

    #[test]
    fn wrong_counts_are_refused() {
        assert_eq!(Spectrum::from_counts([]), Err(Error::Empty));
        assert_eq!(
            Spectrum::from_counts([3, 0]),
            Err(Error::ZeroFrequency { place: 1 })
        );
        assert_eq!(
            Spectrum::from_counts([u64::MAX, 1]),
            Err(Error::TooManyObservations)
        );
        assert_eq!(
            Spectrum::from_pairs([(2, u64::MAX)]),
            Err(Error::TooManyObservations)
        );
        assert_eq!(Spectrum::from_pairs([(2, 0)]), Err(Error::Empty));
    }

    /// Every partition of `rest` into parts of at most `largest`, appended to `parts`.
    fn partitions(rest: u64, largest: u64, parts: &mut Vec<u64>, see: &mut impl FnMut(&[u64])) {
        if rest == 0 {
            see(parts);
        }
        for part in (1..=largest.min(rest)).rev() {
            parts.push(part);
            partitions(rest - part, part, parts, see);
            parts.pop();
        }
    }

    #[test]
    fn exact_maxima_over_all_partitions() {
        let bits = std::f64::consts::LN_2;
        let cases: [(u64, f64, &[u64], Option<f64>); 3] = [
            (5, 0.970_951, &[3, 2], None),
            (10, 1.846_439, &[4, 3, 2, 1], Some(1.243_830)),
            (20, 2.303_702, &[5, 4, 3, 2, 2, 1, 1, 1, 1], Some(1.236_000)),
        ];
        for (m, relevance, partition, sum) in cases {
            let mut best = (0.0, Vec::new());
            let mut best_sum = 0.0_f64;
            partitions(m, m, &mut Vec::new(), &mut |parts| {
                let spectrum = spectrum(parts);
                if spectrum.relevance() > best.0 {
                    best = (spectrum.relevance(), parts.to_vec());
                }
                let sum = spectrum.resolution() + spectrum.relevance();
                best_sum = best_sum.max(spectrum.fraction(sum).unwrap());
            });
            near(best.0 / bits, relevance, 5e-7);
            assert_eq!(best.1, partition);
            if let Some(sum) = sum {
                near(best_sum, sum, 5e-7);
            }
        }
    }

    proptest! {
        #[test]
        fn entropies_are_ordered(counts in prop::collection::vec(1..5000_u64, 1..200)) {
            let spectrum = spectrum(&counts);
            let (h_s, h_k) = (spectrum.resolution(), spectrum.relevance());
            prop_assert!(0.0 <= h_k && h_k <= h_s);
            prop_assert!(h_s <= (spectrum.observations() as f64).ln() * (1.0 + 1e-15));
            prop_assert!((spectrum.degeneracy_entropy() - (h_s - h_k)).abs() < 1e-13);
            // The same value state by state.
            let m = spectrum.observations() as f64;
            let plain: f64 = counts.iter().map(|&k| -(k as f64 / m) * (k as f64 / m).ln()).sum();
            prop_assert!((plain - h_s).abs() < 1e-12);
            let again = Spectrum::from_pairs(spectrum.pairs().iter().rev().copied());
            prop_assert_eq!(again, Ok(spectrum));
        }
    }
}
