//! The spectrum of energies.

use crate::Spectrum;

/// All states of one frequency k: a level of energy E = −ln(k/M) that m_k states share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EnergyLevel {
    /// How often each of its states was observed, k.
    pub frequency: u64,
    /// Number of its states, m_k: the degeneracy.
    pub degeneracy: u64,
    /// Energy E = −ln(k/M) of each of its states, in nats.
    pub energy: f64,
    /// Degeneracy entropy S(E) = ln m_k, in nats.
    pub entropy: f64,
    /// Share k·m_k/M of the observations.
    pub share: f64,
}

impl Spectrum {
    /// The levels of energy, lowest energy (most populated states) first.
    ///
    /// Resolution is the mean of [`energy`](EnergyLevel::energy) over observations; it exceeds the
    /// relevance by the mean of [`entropy`](EnergyLevel::entropy). Where m_k ∝ k^(−β−1), the entropy
    /// of the levels grows with their energy at slope β + 1; Zipf's law is β = 1. Source: Song,
    /// Marsili, Jo (2018), section 2.
    #[must_use]
    pub fn energy_levels(&self) -> impl ExactSizeIterator<Item = EnergyLevel> {
        self.pairs()
            .iter()
            .rev()
            .map(|&(frequency, degeneracy)| EnergyLevel {
                frequency,
                degeneracy,
                // −ln 1 is −0, which reads oddly.
                energy: self.information(frequency).max(0.0),
                entropy: (degeneracy as f64).ln(),
                share: (frequency * degeneracy) as f64 / self.observations() as f64,
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spectrum::sum;

    #[test]
    fn one_state_has_energy_zero() {
        let spectrum = Spectrum::from_counts([7]).unwrap();
        let level = EnergyLevel {
            frequency: 7,
            degeneracy: 1,
            energy: 0.0,
            entropy: 0.0,
            share: 1.0,
        };
        assert_eq!(spectrum.energy_levels().collect::<Vec<_>>(), [level]);
    }

    proptest! {
        #[test]
        fn means_over_levels_are_the_entropies(counts in prop::collection::vec(1..300_u64, 1..200)) {
            let spectrum = Spectrum::from_counts(counts).unwrap();
            let energies: Vec<f64> = spectrum.energy_levels().map(|level| level.energy).collect();
            prop_assert!(energies.is_sorted());
            let mean = |value: fn(&EnergyLevel) -> f64| {
                sum(spectrum.energy_levels().map(|level| level.share * value(&level)))
            };
            prop_assert!((mean(|_| 1.0) - 1.0).abs() < 1e-13);
            prop_assert!((mean(|level| level.energy) - spectrum.resolution()).abs() < 1e-12);
            prop_assert!((mean(|level| level.entropy) - spectrum.degeneracy_entropy()).abs() < 1e-12);
        }
    }
}
