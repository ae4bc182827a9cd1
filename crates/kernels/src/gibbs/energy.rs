//! Energies of a tile of chains, of the parameters as they were given.

use ndarray::{ArrayView1, ArrayView2};

/// E(v, h) = −Σᵢ aᵢ vᵢ − Σⱼ hⱼ (bⱼ + Σᵢ vᵢ Wᵢⱼ).
#[derive(Debug)]
pub(super) struct Energy {
    /// One row per visible unit.
    weights: Vec<f32>,
    visible_bias: Vec<f32>,
    hidden_bias: Vec<f32>,
}

impl Energy {
    pub fn new(
        weights: ArrayView2<f32>,
        visible_bias: ArrayView1<f32>,
        hidden_bias: ArrayView1<f32>,
    ) -> Self {
        Self {
            weights: weights.iter().copied().collect(),
            visible_bias: visible_bias.to_vec(),
            hidden_bias: hidden_bias.to_vec(),
        }
    }

    /// The mean over chains, packed rows of states, in nats. Units are added in their order, so that
    /// every instruction set gives the same.
    #[inline(always)]
    pub fn mean(&self, visible: &[u64], hidden: &[u64]) -> f64 {
        let units = self.hidden_bias.len();
        let mut fields = vec![0.0; units];
        let mut sum = 0.0;
        let visible = visible.chunks(self.visible_bias.len().div_ceil(64).max(1));
        let hidden = hidden.chunks(units.div_ceil(64).max(1));
        let chains = visible.len();
        for (visible, hidden) in visible.zip(hidden) {
            fields.copy_from_slice(&self.hidden_bias);
            for unit in ones(visible) {
                sum += f64::from(self.visible_bias[unit]);
                let weights = &self.weights[unit * units..][..units];
                for (field, weight) in fields.iter_mut().zip(weights) {
                    *field += *weight;
                }
            }
            for unit in ones(hidden) {
                sum += f64::from(fields[unit]);
            }
        }
        -sum / chains as f64
    }
}

/// The places of ones.
#[inline(always)]
fn ones(words: &[u64]) -> impl Iterator<Item = usize> {
    (0..).step_by(64).zip(words).flat_map(|(first, word)| {
        let rest = |word: &u64| Some(word & (word - 1)).filter(|rest| *rest != 0);
        std::iter::successors(Some(*word).filter(|word| *word != 0), rest)
            .map(move |word| first + word.trailing_zeros() as usize)
    })
}
