//! Networks that a recipe compares.

use resrel_boltzmann::{DbnConfig, NextInput};
use resrel_networks::{Activation, Architecture, FeedForwardConfig, VaeConfig};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Networks that differ in some settings: every combination of these lists. An empty list leaves the
/// recipe's own value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sweep {
    /// What these networks have in common: `narrowing`.
    pub name: String,
    /// What kind of network they are.
    pub model: Model,
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
    /// Kinds of feed-forward networks.
    pub architecture: Vec<Architecture>,
    /// What the hidden units of feed-forward networks do.
    pub activation: Vec<Activation>,
    /// Hidden units N_H of feed-forward networks.
    pub hidden: Vec<usize>,
    /// Latent variables of autoencoders.
    pub latent: Vec<usize>,
    /// Seeds of all random numbers.
    pub seed: Vec<u64>,
}

/// A kind of network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// A deep belief network.
    #[default]
    Dbn,
    /// A perceptron or a convolutional network, taught labels.
    FeedForward,
    /// A variational autoencoder.
    Vae,
}

/// One network and its training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Network {
    Dbn(DbnConfig),
    FeedForward(FeedForwardConfig),
    Vae(VaeConfig),
}

impl Network {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        match self {
            Self::Dbn(config) => config.validate()?,
            Self::FeedForward(config) => config.validate()?,
            Self::Vae(config) => config.validate()?,
        }
        Ok(())
    }
}

/// What the networks of a sweep are without it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bases<'a> {
    pub dbn: &'a DbnConfig,
    pub feed_forward: &'a FeedForwardConfig,
    pub vae: &'a VaeConfig,
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
    pub network: Network,
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
    pub(crate) fn combinations(&self, bases: Bases) -> Vec<Combination> {
        let network = match self.model {
            Model::Dbn => Network::Dbn(bases.dbn.clone()),
            Model::FeedForward => Network::FeedForward(bases.feed_forward.clone()),
            Model::Vae => Network::Vae(bases.vae.clone()),
        };
        let start = Combination {
            network,
            seed: None,
            words: Vec::new(),
        };
        let mut all = vec![start];
        combine(&mut all, &self.sizes, |it, sizes| {
            it.dbn(|dbn| dbn.layers.clone_from(sizes));
            let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
            sizes.join("-")
        });
        combine(&mut all, &self.architecture, |it, architecture| {
            it.feed_forward(|config| config.architecture = *architecture);
            match architecture {
                Architecture::Mlp => "MLP".into(),
                Architecture::Cnn => "CNN".into(),
            }
        });
        combine(&mut all, &self.activation, |it, activation| {
            it.feed_forward(|config| config.activation = *activation);
            match activation {
                Activation::Sigmoid => "sigmoid".into(),
                Activation::Relu => "ReLU".into(),
            }
        });
        combine(&mut all, &self.hidden, |it, hidden| {
            it.feed_forward(|config| config.hidden = *hidden);
            format!("{hidden} hidden")
        });
        combine(&mut all, &self.latent, |it, latent| {
            if let Network::Vae(config) = &mut it.network {
                config.latent = *latent;
            }
            format!("{latent} latent")
        });
        combine(&mut all, &self.learning_rate, |it, rate| {
            *match &mut it.network {
                Network::Dbn(config) => &mut config.training.learning_rate,
                Network::FeedForward(config) => &mut config.learning_rate,
                Network::Vae(config) => &mut config.learning_rate,
            } = *rate;
            format!("learning rate {rate}")
        });
        combine(&mut all, &self.connectivity, |it, connectivity| {
            it.dbn(|dbn| dbn.training.connectivity = *connectivity);
            format!("connectivity {connectivity}")
        });
        combine(&mut all, &self.sparsity, |it, sparsity| {
            it.dbn(|dbn| dbn.training.sparsity = Some(*sparsity));
            format!("activity {sparsity}")
        });
        combine(&mut all, &self.updates, |it, updates| {
            it.dbn(|dbn| {
                dbn.training.updates = Some(*updates);
                dbn.training.epochs = None;
            });
            format!("{updates} updates")
        });
        combine(&mut all, &self.next_input, |it, next_input| {
            it.dbn(|dbn| dbn.next_input = *next_input);
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

    /// A list that does not belong to the sweep's model, and what is wrong with that.
    pub(crate) fn misplaced(&self) -> Option<(&'static str, String)> {
        let lists = [
            ("sizes", Model::Dbn, self.sizes.is_empty()),
            ("connectivity", Model::Dbn, self.connectivity.is_empty()),
            ("sparsity", Model::Dbn, self.sparsity.is_empty()),
            ("updates", Model::Dbn, self.updates.is_empty()),
            ("next_input", Model::Dbn, self.next_input.is_empty()),
            (
                "architecture",
                Model::FeedForward,
                self.architecture.is_empty(),
            ),
            ("activation", Model::FeedForward, self.activation.is_empty()),
            ("hidden", Model::FeedForward, self.hidden.is_empty()),
            ("latent", Model::Vae, self.latent.is_empty()),
        ];
        let wrong = |(_, model, empty): &&(&str, Model, bool)| !empty && *model != self.model;
        lists.iter().find(wrong).map(|(list, model, _)| {
            let [of, is] = [*model, self.model].map(|model| match model {
                Model::Dbn => "dbn",
                Model::FeedForward => "feed-forward",
                Model::Vae => "vae",
            });
            (
                *list,
                format!(
                    "sweep {}: {list} is for model {of}, not for {is}",
                    self.name
                ),
            )
        })
    }
}

impl Combination {
    /// Only a model's own lists are set: see [`Sweep::misplaced`].
    fn dbn(&mut self, set: impl FnOnce(&mut DbnConfig)) {
        if let Network::Dbn(config) = &mut self.network {
            set(config);
        }
    }

    fn feed_forward(&mut self, set: impl FnOnce(&mut FeedForwardConfig)) {
        if let Network::FeedForward(config) = &mut self.network {
            set(config);
        }
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
        let (feed_forward, vae) = (FeedForwardConfig::default(), VaeConfig::default());
        let bases = Bases {
            dbn: &base,
            feed_forward: &feed_forward,
            vae: &vae,
        };
        let plain = Sweep::default().combinations(bases);
        assert_eq!(plain.len(), 1);
        assert_eq!(plain[0].network, Network::Dbn(base.clone()));
        assert_eq!(plain[0].name(), "");
        let sweep = Sweep {
            sizes: vec![vec![784, 10], vec![784, 20, 5]],
            updates: vec![10, 20, 30],
            ..Sweep::default()
        };
        let all = sweep.combinations(bases);
        assert_eq!(all.len(), 6);
        assert_eq!(all[0].name(), "784-10, 10 updates");
        assert_eq!(all[5].name(), "784-20-5, 30 updates");
        let Network::Dbn(last) = &all[5].network else {
            panic!("no dbn");
        };
        assert_eq!(last.layers, [784, 20, 5]);
        assert_eq!(
            (last.training.updates, last.training.epochs),
            (Some(30), None)
        );
        assert_eq!(last.training.batch, base.training.batch);
    }

    #[test]
    fn lists_of_another_model_are_refused() {
        let sweep = Sweep {
            name: "mine".into(),
            model: Model::Vae,
            latent: vec![2, 5],
            ..Sweep::default()
        };
        assert_eq!(sweep.misplaced(), None);
        let wrong = Sweep {
            hidden: vec![10],
            ..sweep
        };
        let words = "sweep mine: hidden is for model feed-forward, not for vae";
        assert_eq!(wrong.misplaced(), Some(("hidden", words.into())));
    }
}
