//! How many states have each frequency, gathered piece by piece.

use std::collections::BTreeMap;

/// Frequencies below this are tallied in an array, the few above it in a tree.
const LOW: usize = 1024;

/// Pairs (k, m_k) in the making.
#[derive(Debug)]
pub(super) struct Tally {
    low: Vec<u64>,
    high: BTreeMap<u64, u64>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            low: vec![0; LOW],
            high: BTreeMap::new(),
        }
    }

    /// Adds `states` states of frequency `k`.
    #[inline]
    pub(super) fn add(&mut self, k: u64, states: u64) {
        if k < LOW as u64 {
            self.low[k as usize] += states;
        } else {
            *self.high.entry(k).or_insert(0) += states;
        }
    }

    /// The pairs (k, m_k), k ascending, every m_k above 0.
    pub(super) fn into_pairs(self) -> Vec<(u64, u64)> {
        let low = (0..).zip(self.low).filter(|&(_, m_k)| m_k > 0);
        low.chain(self.high).collect()
    }
}
