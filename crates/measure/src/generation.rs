//! How well the labels of generated samples follow those of the data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The label frequencies of the data, P, and of generated samples, Q, and how far apart they are.
///
/// The generation ability of a layer is 1/D(P‖Q). A label that the samples never have makes D infinite
/// and the ability 0: nothing is smoothed away.
///
/// Source: J. Song, M. Marsili, J. Jo, "Resolution and relevance trade-offs in deep learning",
/// J. Stat. Mech. (2018) 123406, Figure 3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// The labels of data and samples, ascending.
    pub labels: Vec<u32>,
    /// P: fraction of the data that has each label.
    pub data_frequencies: Vec<f64>,
    /// Q: fraction of the samples that has each label.
    pub label_frequencies: Vec<f64>,
    /// Labels of the data that no sample has.
    pub missing_labels: Vec<u32>,
    /// D(P‖Q) = Σ P ln(P/Q), in nats; `None` where it is infinite.
    pub divergence: Option<f64>,
    /// 1/D(P‖Q): 0 where D is infinite, `None` where D is 0.
    pub ability: Option<f64>,
    /// Total variation distance ½ Σ |P − Q|, 0 … 1.
    pub total_variation: f64,
}

impl Generation {
    /// From one label for each observation and one for each sample.
    ///
    /// # Errors
    /// [`Error::Empty`] if there is no observation or no sample.
    ///
    /// ```
    /// use resrel_measure::Generation;
    ///
    /// let generation = Generation::new(&[0, 0, 1, 1], &[0, 0, 0, 1])?;
    /// assert_eq!(generation.total_variation, 0.25);
    /// // ½ ln(½ / ¾) + ½ ln(½ / ¼) = ½ ln(4/3)
    /// let divergence = generation.divergence.expect("both labels occur");
    /// assert!((divergence - 0.5 * (4.0_f64 / 3.0).ln()).abs() < 1e-15);
    /// # Ok::<(), resrel_measure::Error>(())
    /// ```
    pub fn new(data: &[u32], samples: &[u32]) -> Result<Self, Error> {
        if data.is_empty() || samples.is_empty() {
            return Err(Error::Empty);
        }
        let mut counts: BTreeMap<u32, [u64; 2]> = BTreeMap::new();
        for (which, labels) in [data, samples].into_iter().enumerate() {
            for label in labels {
                counts.entry(*label).or_default()[which] += 1;
            }
        }
        let totals = [data.len() as f64, samples.len() as f64];
        let frequencies = |which: usize| {
            let all = counts.values();
            all.map(|pair| pair[which] as f64 / totals[which])
                .collect::<Vec<f64>>()
        };
        let (data_frequencies, label_frequencies) = (frequencies(0), frequencies(1));
        let missing = counts.iter().filter(|(_, [p, q])| *p > 0 && *q == 0);
        let missing_labels: Vec<u32> = missing.map(|(label, _)| *label).collect();
        let pairs = || data_frequencies.iter().zip(&label_frequencies);
        let terms = pairs().filter(|(p, _)| **p > 0.0);
        let sum: f64 = terms.map(|(p, q)| p * (p / q).ln()).sum();
        // Of equal frequencies rounding may leave a hair below 0.
        let divergence = missing_labels.is_empty().then_some(sum.max(0.0));
        let ability = match divergence {
            None => Some(0.0),
            Some(divergence) => (divergence > 0.0).then(|| 1.0 / divergence),
        };
        Ok(Self {
            labels: counts.keys().copied().collect(),
            total_variation: pairs().map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0,
            data_frequencies,
            label_frequencies,
            missing_labels,
            divergence,
            ability,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        // P = (1/2, 1/4, 1/4), Q = (1/4, 1/4, 1/2): D = ½ ln 2 − ¼ ln 2 = ¼ ln 2.
        let generation = Generation::new(&[3, 3, 5, 9], &[9, 3, 5, 9]).expect("labels");
        assert_eq!(generation.labels, [3, 5, 9]);
        assert_eq!(generation.data_frequencies, [0.5, 0.25, 0.25]);
        assert_eq!(generation.label_frequencies, [0.25, 0.25, 0.5]);
        let divergence = 0.25 * 2.0_f64.ln();
        assert!((generation.divergence.expect("finite") - divergence).abs() < 1e-15);
        assert!((generation.ability.expect("finite") - 1.0 / divergence).abs() < 1e-12);
        assert!((generation.total_variation - 0.25).abs() < 1e-15);
    }

    #[test]
    fn a_label_that_never_comes_makes_the_divergence_infinite() {
        let generation = Generation::new(&[0, 1, 1, 2], &[1, 1, 7]).expect("labels");
        assert_eq!(generation.labels, [0, 1, 2, 7]);
        assert_eq!(generation.missing_labels, [0, 2]);
        assert_eq!(
            (generation.divergence, generation.ability),
            (None, Some(0.0))
        );
        // ½ (¼ + |½ − ⅔| + ¼ + ⅓)
        assert!((generation.total_variation - 0.5).abs() < 1e-15);
    }

    #[test]
    fn a_label_that_only_samples_have_costs_their_share() {
        let generation = Generation::new(&[0, 0], &[0, 4]).expect("labels");
        assert_eq!(generation.missing_labels, [0_u32; 0]);
        assert!((generation.divergence.expect("finite") - 2.0_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn equal_frequencies_have_no_ability() {
        let generation = Generation::new(&[0, 1, 2], &[2, 0, 1, 1, 2, 0]).expect("labels");
        assert_eq!(
            (generation.divergence, generation.ability),
            (Some(0.0), None)
        );
        assert_eq!(Generation::new(&[], &[1]), Err(Error::Empty));
        assert_eq!(Generation::new(&[1], &[]), Err(Error::Empty));
    }

    proptest! {
        /// Pinsker: the divergence is at least twice the total variation squared.
        #[test]
        fn bounds(
            data in prop::collection::vec(0..6_u32, 1..60), samples in prop::collection::vec(0..6_u32, 1..60),
        ) {
            let generation = Generation::new(&data, &samples).expect("labels");
            let distance = generation.total_variation;
            prop_assert!((0.0..=1.0 + 1e-12).contains(&distance));
            if let Some(divergence) = generation.divergence {
                prop_assert!(divergence >= 2.0 * distance * distance - 1e-12);
            }
        }
    }
}
