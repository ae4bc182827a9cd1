//! A recipe and a choice, worked out into units of work.

use resrel_boltzmann::{DbnConfig, Preset, SamplingConfig};
use resrel_cluster::KMeansConfig;
use resrel_kernels::{Purpose, Stream};
use resrel_networks::{Architecture, ClassifierConfig, FeedForwardConfig, VaeConfig};
use serde::{Deserialize, Serialize};

use crate::sweep::Network;
use crate::{Error, HierarchyConfig, RECIPES, Recipe, Series, Size, Variant};

/// More realizations than anybody runs: their units are listed in memory.
const MOST_REALIZATIONS: u32 = 10_000;

/// What the user chooses of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// How large.
    pub size: Size,
    /// The schedule, where not the size's.
    pub preset: Option<Preset>,
    /// Updates a layer, where not the schedule's.
    pub updates: Option<u64>,
    /// Realizations, where not the size's.
    pub realizations: Option<u32>,
    /// The data set in use.
    pub data: String,
    /// The seed of all random numbers.
    pub seed: u64,
}

/// A recipe and a choice, worked out into units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The recipe.
    pub recipe: Recipe,
    /// The choice.
    pub choice: Choice,
    /// The work, the longest units first, so that the last ones to run are short.
    pub units: Vec<Unit>,
}

/// One independent piece of work, which leaves one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Its name, and that of its files.
    pub name: String,
    /// What it belongs to in the figure.
    pub series: Series,
    /// Which of the networks that are compared, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Variant>,
    /// Number of the realization, from 0.
    pub realization: u32,
    /// Seed of its random numbers.
    pub seed: u64,
    /// Only so many observations, the first ones.
    pub observations: Option<usize>,
    /// What is done.
    pub task: Task,
    /// Which of its states are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hierarchy: Option<HierarchyConfig>,
}

/// What a unit does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Task {
    /// Train a network (or only initialise it) and measure its layers.
    Dbn(DbnConfig),
    /// Cluster and measure.
    KMeans(KMeansConfig),
    /// Train the classifier that labels samples.
    Classifier(ClassifierConfig),
    /// Teach a network labels and measure its hidden layer.
    FeedForward(FeedForwardConfig),
    /// Train an autoencoder, measure its latent variables and judge its samples.
    Vae(VaeTask),
    /// Sample a layer of a network that another unit trained, and judge the samples.
    Generate(GenerateConfig),
}

/// An autoencoder, and what is sampled from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaeTask {
    /// The autoencoder and its training.
    pub config: VaeConfig,
    /// Number of samples.
    pub samples: usize,
    /// The unit that trains the classifier that labels them: it comes first. `None` for no samples.
    pub classifier: Option<String>,
}

/// What is sampled, and from what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerateConfig {
    /// The unit that trains the network: it comes first.
    pub model: String,
    /// The unit that trains the classifier: it comes first as well.
    pub classifier: String,
    /// Layer, chains and steps.
    pub sampling: SamplingConfig,
    /// Sizes of H_(l−1) and H_l.
    pub units: [usize; 2],
}

impl Recipe {
    /// The units of work of this recipe at the chosen size.
    ///
    /// # Errors
    /// If the choice asks for something that cannot be run: no realization, a preset or number of
    /// updates that leaves an impossible configuration.
    pub fn plan(self, choice: Choice) -> Result<Plan, Error> {
        let size = self.size(choice.size);
        let realizations = choice
            .realizations
            .unwrap_or_else(|| self.realizations(choice.size));
        if !(1..=MOST_REALIZATIONS).contains(&realizations) {
            let problem = format!("{realizations} realizations; ask for 1 to {MOST_REALIZATIONS}");
            return Err(Error::Recipe {
                recipe: self.figure.name().into(),
                problem,
            });
        }
        let networks = self.networks(size, choice.preset, choice.updates);
        for (_, network) in &networks {
            network.network.validate()?;
        }
        let k_means = size.k_means.as_ref().unwrap_or(&self.k_means);
        let generation = self.generation_of(size);
        let hierarchy = self.hierarchy_of(size);
        let mut units = Vec::new();
        for realization in 0..realizations {
            let common = Place {
                variant: None,
                realization,
                seed: seed_of(choice.seed, realization),
                observations: size.observations,
            };
            // One judges all realizations.
            if realization == 0 && self.series.contains(&Series::Classifier) {
                let task = Task::Classifier(generation.classifier.clone());
                let name = Series::Classifier.name().to_owned();
                units.push(Unit {
                    name,
                    ..common.unit(Series::Classifier, "", task)
                });
            }
            if self.series.contains(&Series::KMeans) {
                units.extend(k_means.k.iter().map(|&k| {
                    let config = KMeansConfig {
                        k,
                        max_iterations: k_means.max_iterations,
                        seed: common.seed,
                        ..KMeansConfig::default()
                    };
                    common.unit(Series::KMeans, &format!("-{k}"), Task::KMeans(config))
                }));
            }
            for (variant, network) in &networks {
                let place = Place {
                    variant: variant.as_ref(),
                    seed: seed_of(network.seed.unwrap_or(choice.seed), realization),
                    ..common
                };
                let dbn = match &network.network {
                    Network::Dbn(config) => config,
                    Network::FeedForward(config) => {
                        let task = Task::FeedForward(config.clone());
                        units.push(place.unit(Series::Trained, "", task));
                        continue;
                    }
                    Network::Vae(config) => {
                        let labelled = self.series.contains(&Series::Classifier);
                        let task = VaeTask {
                            config: config.clone(),
                            samples: generation.samples,
                            classifier: labelled.then(|| Series::Classifier.name().into()),
                        };
                        units.push(place.unit(Series::Trained, "", Task::Vae(task)));
                        continue;
                    }
                };
                for series in [Series::Trained, Series::Untrained, Series::Shuffled] {
                    if self.series.contains(&series) {
                        let mut unit = place.unit(series, "", Task::Dbn(dbn.clone()));
                        unit.hierarchy = hierarchy.filter(|_| series == Series::Trained).cloned();
                        units.push(unit);
                    }
                }
                if self.series.contains(&Series::Generated) {
                    units.extend(generation.of(dbn).map(|sampling| {
                        let layer = sampling.layer;
                        let config = GenerateConfig {
                            model: place.name(Series::Trained, ""),
                            classifier: Series::Classifier.name().into(),
                            sampling,
                            units: [dbn.layers[layer - 1], dbn.layers[layer]],
                        };
                        let task = Task::Generate(config);
                        place.unit(Series::Generated, &format!("-h{layer:02}"), task)
                    }));
                }
            }
        }
        units.sort_by_key(|unit| (unit.realization, std::cmp::Reverse(unit.cost())));
        Ok(Plan {
            recipe: self,
            choice,
            units,
        })
    }
}

impl Plan {
    /// The command that repeats the run.
    #[must_use]
    pub fn command(&self) -> String {
        let Choice {
            size,
            preset,
            updates,
            realizations,
            data,
            seed,
        } = &self.choice;
        let known = RECIPES.iter().find(|(name, _)| {
            *name == self.recipe.figure.name()
                && Recipe::load(name).is_ok_and(|recipe| recipe == self.recipe)
        });
        // One of the user's own stands below under this name.
        let recipe = known.map_or("recipe.toml", |(name, _)| name);
        let mut words = vec!["resrel reproduce".to_owned(), recipe.to_owned()];
        words.push(format!("--{}", size.name()));
        words.extend(preset.map(|preset| format!("--preset {}", preset.name())));
        words.extend(updates.map(|updates| format!("--updates {updates}")));
        words.extend(realizations.map(|count| format!("--realizations {count}")));
        words.push(
            if data.contains(|letter: char| letter.is_whitespace() || letter == '"') {
                format!("--data {data:?}")
            } else {
                format!("--data {data}")
            },
        );
        words.push(format!("--seed {seed}"));
        words.join(" ")
    }
}

/// What the units of one network and realization have in common.
#[derive(Clone, Copy)]
struct Place<'a> {
    variant: Option<&'a Variant>,
    realization: u32,
    seed: u64,
    observations: Option<usize>,
}

impl Place<'_> {
    fn name(&self, series: Series, what: &str) -> String {
        let variant = self.variant.map_or_else(String::new, |variant| {
            let number = variant.number;
            format!("-v{number:02}")
        });
        format!("{}{variant}{what}-r{:02}", series.name(), self.realization)
    }

    fn unit(&self, series: Series, what: &str, task: Task) -> Unit {
        Unit {
            name: self.name(series, what),
            series,
            variant: self.variant.cloned(),
            realization: self.realization,
            seed: self.seed,
            observations: self.observations,
            task,
            hierarchy: None,
        }
    }
}

/// One seed a realization: an untrained network is then the trained one's start.
fn seed_of(seed: u64, realization: u32) -> u64 {
    let stream = Stream::new(seed, Purpose::Realization, realization.into());
    u64::from(stream.bits(0, 0, 0)) | u64::from(stream.bits(0, 0, 1)) << 32
}

impl Choice {
    /// What another choice says otherwise, in words.
    pub(crate) fn difference(&self, asked: &Self) -> String {
        let map = |choice: &Self| match serde_json::to_value(choice) {
            Ok(serde_json::Value::Object(map)) => map,
            _ => serde_json::Map::new(),
        };
        let (there, asked) = (map(self), map(asked));
        let word = |value: &serde_json::Value| match value {
            serde_json::Value::Null => "unset".to_owned(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let differences: Vec<String> = there
            .iter()
            .filter(|(key, value)| asked.get(*key) != Some(value))
            .map(|(key, value)| {
                let wanted = word(asked.get(key).unwrap_or(&serde_json::Value::Null));
                format!("{key} {} there, {wanted} asked for", word(value))
            })
            .collect();
        differences.join(", ")
    }
}

impl Unit {
    /// Names of the units whose models this one needs.
    #[must_use]
    pub fn after(&self) -> Vec<&str> {
        match &self.task {
            Task::Generate(config) => vec![&config.model, &config.classifier],
            Task::Vae(task) => task.classifier.as_deref().into_iter().collect(),
            Task::Dbn(_) | Task::KMeans(_) | Task::Classifier(_) | Task::FeedForward(_) => {
                Vec::new()
            }
        }
    }

    /// The unit's share of a run's work: rough multiplications in millions. For progress, for estimates, and
    /// to put the longest units first.
    #[must_use]
    pub fn weight(&self) -> f64 {
        // Everything takes a moment.
        self.cost() as f64 + 1.0
    }

    /// About how many bytes the unit leaves: record, spectra, samples and model.
    pub(crate) fn bytes(&self, observations: usize) -> u64 {
        /// Of a record with its spectra, for each layer.
        const LAYER: u64 = 6_000;
        /// Of the classifier's parameters.
        const CLASSIFIER: u64 = 2_000_000;
        /// Of the images that are kept of samples.
        const SAMPLES: u64 = 100_000;
        let epochs = |config: &DbnConfig| {
            let batches = observations.div_ceil(config.training.batch.max(1)).max(1);
            config.training.total_updates(observations) / batches as u64 + 1
        };
        match &self.task {
            Task::Dbn(config) => {
                let layers = config.layers.len() as u64 - 1;
                let model = match self.series {
                    Series::Trained => 4 * weights(config) as u64,
                    _ => 0,
                };
                // A line of monitoring each pass.
                model + layers * (LAYER + 200 * epochs(config))
            }
            Task::KMeans(_) | Task::FeedForward(_) => LAYER,
            Task::Vae(_) => LAYER + SAMPLES,
            Task::Classifier(_) => CLASSIFIER,
            Task::Generate(config) => {
                let chains = config.sampling.samples * config.sampling.replicas;
                let states = chains as u64 * config.units.iter().sum::<usize>() as u64 / 8;
                LAYER + SAMPLES + states
            }
        }
    }

    /// Rough multiplications, in millions.
    fn cost(&self) -> u64 {
        let observations = self.observations.unwrap_or(60_000) as u64;
        let cost = match &self.task {
            Task::Dbn(config) => {
                let trained = self.series != Series::Untrained;
                return dbn_cost(config, observations as usize, trained) as u64;
            }
            Task::KMeans(config) => {
                // As measured: passing over the data costs most, for any k, since points that
                // cannot change their cluster are not compared again.
                784 * observations * (4_000 + 2 * config.k as u64 / 3)
            }
            // As measured: a convolution or two of each image, forth and back.
            Task::Classifier(config) => config.epochs as u64 * observations * 6_000_000,
            Task::FeedForward(config) => {
                // As measured, forth and back: a multiplication on burn costs about three of ours, in a
                // convolution about ten.
                let maps = match config.architecture {
                    Architecture::Mlp => 0,
                    Architecture::Cnn => {
                        10 * (15_000 + 900 * config.channels[1]) * config.channels[0]
                    }
                };
                let dense = 3 * 784 * config.hidden;
                3 * (config.epochs as u64) * observations * (maps + dense) as u64
            }
            Task::Vae(VaeTask { config, .. }) => {
                let weights = 2 * config.hidden * (784 + config.latent);
                9 * (config.epochs as u64) * observations * weights as u64
            }
            Task::Generate(config) => {
                // As measured: few units change from step to step, and each is drawn.
                let [below, above] = config.units.map(|units| units as u64);
                let step = 3 * below * above / 5 + 30 * (below + above);
                let replicas = config.sampling.replicas as u64;
                config.sampling.samples as u64 * config.sampling.steps * replicas * step
            }
        };
        cost / 1_000_000
    }
}

/// Rough multiplications, in millions, of training (or only initialising) and measuring a network.
pub(crate) fn dbn_cost(config: &DbnConfig, observations: usize, trained: bool) -> f64 {
    let updates = if trained {
        config.training.total_updates(observations)
    } else {
        0
    };
    let examples = 5 * updates * config.training.batch as u64 + observations as u64;
    weights(config) as f64 * examples as f64 / 1e6
}

fn weights(config: &DbnConfig) -> usize {
    let pairs = config.layers.windows(2);
    pairs.map(|sizes| sizes[0] * sizes[1]).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(size: Size) -> Choice {
        Choice {
            size,
            preset: None,
            updates: None,
            realizations: None,
            data: "digits".into(),
            seed: 1,
        }
    }

    #[test]
    fn units_have_names_of_their_own_and_the_longest_come_first() {
        let plan = Recipe::load("fig2")
            .expect("known")
            .plan(choice(Size::Full))
            .expect("valid");
        assert_eq!(plan.units.len(), 12 * (3 + 13));
        let names: std::collections::BTreeSet<_> = plan.units.iter().map(|u| &u.name).collect();
        assert_eq!(names.len(), plan.units.len());
        let first: Vec<_> = plan
            .units
            .iter()
            .take_while(|unit| unit.realization == 0)
            .collect();
        assert!(
            first
                .windows(2)
                .all(|pair| pair[0].cost() >= pair[1].cost())
        );
        assert_ne!(plan.units[0].seed, plan.units[20].seed);
    }

    #[test]
    fn presets_and_updates_override_in_that_order() {
        let updates = |preset, updates| {
            let choice = Choice {
                preset,
                updates,
                ..choice(Size::Quick)
            };
            let plan = Recipe::load("fig2")
                .expect("known")
                .plan(choice)
                .expect("valid");
            let config = plan.units.iter().find_map(|unit| match &unit.task {
                Task::Dbn(config) => Some(config.training.clone()),
                _ => None,
            });
            let training = config.expect("a network");
            (training.epochs, training.updates)
        };
        assert_eq!(updates(None, None), (None, Some(4_000)));
        assert_eq!(updates(Some(Preset::Paper), None), (Some(200), None));
        assert_eq!(updates(Some(Preset::Paper), Some(200)), (None, Some(200)));
    }
}
