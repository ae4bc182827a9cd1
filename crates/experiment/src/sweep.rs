//! Networks that a recipe compares.

use resrel_boltzmann::{DbnConfig, NextInput};
use serde::{Deserialize, Serialize};

/// Networks that differ in some settings: every combination of these lists. An empty list leaves the
/// recipe's own value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sweep {
    /// What these networks have in common: `narrowing`.
    pub name: String,
    /// Units of each layer, visible first.
    pub sizes: Vec<Vec<usize>>,
    /// Learning rates.
    pub learning_rate: Vec<f64>,
    /// Fractions of the weights that are there.
    pub connectivity: Vec<f64>,
    /// Mean activities that hidden units are pushed towards.
    pub sparsity: Vec<f64>,
    /// Updates a layer.
    pub updates: Vec<u64>,
    /// What a layer hands to the next one.
    pub next_input: Vec<NextInput>,
    /// Seeds of all random numbers.
    pub seed: Vec<u64>,
}

/// One of the networks that a recipe compares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its number, from 0, in the order of the recipe.
    pub number: usize,
    /// Name of its sweep.
    pub sweep: String,
    /// What it has of the sweep's lists, in words: `connectivity 0.1`.
    pub name: String,
}

/// A combination of the lists.
#[derive(Debug, Clone)]
pub(crate) struct Combination {
    pub config: DbnConfig,
    pub seed: Option<u64>,
    words: Vec<String>,
}

impl Combination {
    /// What it has of the lists, in words.
    pub fn name(&self) -> String {
        self.words.join(", ")
    }
}

impl Sweep {
    /// All combinations, those of the last list beside each other.
    pub(crate) fn combinations(&self, base: &DbnConfig) -> Vec<Combination> {
        let start = Combination {
            config: base.clone(),
            seed: None,
            words: Vec::new(),
        };
        let mut all = vec![start];
        combine(&mut all, &self.sizes, |it, sizes| {
            it.config.layers.clone_from(sizes);
            let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
            sizes.join("-")
        });
        combine(&mut all, &self.learning_rate, |it, rate| {
            it.config.training.learning_rate = *rate;
            format!("learning rate {rate}")
        });
        combine(&mut all, &self.connectivity, |it, connectivity| {
            it.config.training.connectivity = *connectivity;
            format!("connectivity {connectivity}")
        });
        combine(&mut all, &self.sparsity, |it, sparsity| {
            it.config.training.sparsity = Some(*sparsity);
            format!("activity {sparsity}")
        });
        combine(&mut all, &self.updates, |it, updates| {
            it.config.training.updates = Some(*updates);
            it.config.training.epochs = None;
            format!("{updates} updates")
        });
        combine(&mut all, &self.next_input, |it, next_input| {
            it.config.next_input = *next_input;
            match next_input {
                NextInput::Sampled => "sampled inputs".into(),
                NextInput::Mean => "mean inputs".into(),
                NextInput::Binarised => "binarised inputs".into(),
            }
        });
        combine(&mut all, &self.seed, |it, seed| {
            it.seed = Some(*seed);
            format!("seed {seed}")
        });
        all
    }
}

/// Each of `all` with each of `values`, which `set` puts in and names; as they are without any. A single value
/// tells no network from another and gives no name.
fn combine<T>(
    all: &mut Vec<Combination>,
    values: &[T],
    set: impl Fn(&mut Combination, &T) -> String,
) {
    if values.is_empty() {
        return;
    }
    let pairs = all
        .iter()
        .flat_map(|it| values.iter().map(move |value| (it, value)));
    let combined = pairs.map(|(it, value)| {
        let mut it = it.clone();
        let word = set(&mut it, value);
        if values.len() > 1 {
            it.words.push(word);
        }
        it
    });
    *all = combined.collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_combinations_and_nothing_else() {
        let base = DbnConfig::default();
        let plain = Sweep::default().combinations(&base);
        assert_eq!(plain.len(), 1);
        assert_eq!((&plain[0].config, plain[0].name().as_str()), (&base, ""));
        let sweep = Sweep {
            sizes: vec![vec![784, 10], vec![784, 20, 5]],
            updates: vec![10, 20, 30],
            ..Sweep::default()
        };
        let all = sweep.combinations(&base);
        assert_eq!(all.len(), 6);
        assert_eq!(all[0].name(), "784-10, 10 updates");
        assert_eq!(all[5].name(), "784-20-5, 30 updates");
        let last = &all[5].config;
        assert_eq!(last.layers, [784, 20, 5]);
        assert_eq!(
            (last.training.updates, last.training.epochs),
            (Some(30), None)
        );
        assert_eq!(last.training.batch, base.training.batch);
    }
}
