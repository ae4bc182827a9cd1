//! How far states and labels disagree.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::Error;

/// Fixed, so that nothing depends on the run.
const HASHER: FixedState = FixedState::with_seed(0);

/// Classification error: the fraction of observations whose label is not the majority label of
/// their state, 0 … 1. Takes one state (of any numbering) and one label for each observation;
/// where labels of a state tie, either is a majority.
///
/// One pass; memory for the distinct pairs of state and label alone.
///
/// # Errors
/// [`Error::Labels`] if there is not one label for each observation, [`Error::Empty`] without
/// observations.
pub fn classification_error(states: &[u32], labels: &[u32]) -> Result<f64, Error> {
    if states.len() != labels.len() {
        return Err(Error::Labels {
            labels: labels.len(),
            observations: states.len(),
        });
    }
    if states.is_empty() {
        return Err(Error::Empty);
    }
    let mut pairs: HashMap<u64, u64, FixedState> = HashMap::with_hasher(HASHER);
    let mut largest: HashMap<u32, u64, FixedState> = HashMap::with_hasher(HASHER);
    // A state's majority grows by one whenever one of its labels overtakes it.
    let mut right = 0_u64;
    for (&state, &label) in states.iter().zip(labels) {
        let pair = pairs
            .entry(u64::from(state) << 32 | u64::from(label))
            .or_insert(0);
        *pair += 1;
        let largest = largest.entry(state).or_insert(0);
        if *pair > *largest {
            *largest = *pair;
            right += 1;
        }
    }
    Ok((states.len() as u64 - right) as f64 / states.len() as f64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hand_made_cases() {
        let error = |states: &[u32], labels: &[u32]| classification_error(states, labels);
        assert_eq!(error(&[0, 0, 0, 1], &[5, 5, 6, 6]), Ok(0.25));
        assert_eq!(error(&[0, 0, 0, 0], &[1, 2, 1, 2]), Ok(0.5));
        assert_eq!(error(&[u32::MAX, 1], &[u32::MAX, 0]), Ok(0.0));
        assert_eq!(error(&[], &[]), Err(Error::Empty));
        assert_eq!(
            error(&[0], &[]),
            Err(Error::Labels {
                labels: 0,
                observations: 1
            })
        );
    }

    proptest! {
        #[test]
        fn agrees_with_counting(rows in prop::collection::vec((0..9_u32, 0..4_u32), 1..300)) {
            let (states, labels): (Vec<u32>, Vec<u32>) = rows.iter().copied().unzip();
            let mut table: BTreeMap<u32, BTreeMap<u32, usize>> = BTreeMap::new();
            for &(state, label) in &rows {
                *table.entry(state).or_default().entry(label).or_default() += 1;
            }
            let right: usize = table.values().map(|labels| labels.values().max().unwrap()).sum();
            let expected = (rows.len() - right) as f64 / rows.len() as f64;
            prop_assert_eq!(classification_error(&states, &labels), Ok(expected));
        }
    }
}
