//! A figure as data: what is trained, clustered and measured, in three sizes, and the rules by which
//! its claims are judged.

use std::path::Path;

use resrel_boltzmann::{DbnConfig, Downward, Preset, SamplingConfig};
use resrel_cluster::KMeansConfig;
use resrel_kernels::{Purpose, Stream};
use resrel_networks::ClassifierConfig;
use serde::{Deserialize, Serialize};

use crate::{Error, Series};

/// The recipes that come with the program: name and text.
pub const RECIPES: [(&str, &str); 2] = [
    ("fig2", include_str!("../../../recipes/fig2.toml")),
    ("fig3", include_str!("../../../recipes/fig3.toml")),
];

/// More realizations than anybody runs: their units are listed in memory.
const MOST_REALIZATIONS: u32 = 10_000;

/// A figure as data, read from TOML.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The figure that is drawn from the records.
    pub figure: Figure,
    /// What it shows, in a line.
    pub title: String,
    /// The data set.
    pub data: String,
    /// What is drawn.
    pub series: Vec<Series>,
    /// The network and its training.
    pub dbn: DbnConfig,
    /// The clusterings.
    #[serde(default)]
    pub k_means: KMeansPlan,
    /// What is sampled from the trained networks.
    #[serde(default)]
    pub generation: GenerationPlan,
    /// At most 20 seconds on two cores.
    pub smoke: SizeConfig,
    /// At most five minutes.
    pub quick: SizeConfig,
    /// The paper's.
    pub full: SizeConfig,
    /// The bounds by which claims are judged, fixed before the run.
    pub rules: Rules,
}

/// The figures that can be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// The resolution-relevance plane of a deep belief network.
    Fig2,
    /// What each of its layers generates.
    Fig3,
}

impl Figure {
    /// Its name in recipes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fig2 => "fig2",
            Self::Fig3 => "fig3",
        }
    }
}

/// The clusterings of a recipe: one unit for each k and realization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KMeansPlan {
    /// Numbers of clusters.
    pub k: Vec<usize>,
    /// Iterations of Lloyd's algorithm at most.
    pub max_iterations: usize,
}

/// What is sampled from each trained network: one unit for each layer and realization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenerationPlan {
    /// The layers, from 1; empty for all of them.
    pub layers: Vec<usize>,
    /// Number of chains.
    pub samples: usize,
    /// Gibbs steps of each.
    pub steps: u64,
    /// How samples go down to the visible units.
    pub downward: Downward,
    /// Replicas of each chain for parallel tempering; 1 for none.
    pub replicas: usize,
    /// The classifier that labels the samples.
    pub classifier: ClassifierConfig,
}

/// What a size changes; what it leaves out stays as the recipe says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeConfig {
    /// Number of realizations.
    pub realizations: u32,
    /// Only so many observations, the first ones.
    pub observations: Option<usize>,
    /// Another network.
    pub layers: Option<Vec<usize>>,
    /// The schedule.
    pub preset: Option<Preset>,
    /// Another number of updates a layer than the schedule's.
    pub updates: Option<u64>,
    /// Other clusterings.
    pub k_means: Option<KMeansPlan>,
    /// Other samples.
    pub generation: Option<GenerationPlan>,
}

/// The bounds by which claims are judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Layers within which relevance is said to rise, and after which to fall.
    pub relevance_peak: usize,
    /// The layer said to be critical.
    pub critical_layer: usize,
    /// "Almost maximal" is at least this share of the Poisson optimum at the same resolution.
    pub almost_maximal: f64,
    /// A resolution (fraction of ln M) from which nearly all states are distinct: the optimum is
    /// near 0 there, and "almost maximal" is not judged.
    pub distinct: f64,
    /// Largest Kolmogorov–Smirnov distance of a power law.
    pub ks: f64,
    /// Layers with a resolution (fraction of ln M) between these two are not at the ends.
    pub middle: (f64, f64),
    /// Exponents that count as 1.
    pub zipf: (f64, f64),
    /// "Far larger" is so many times larger.
    pub far_larger: f64,
    /// The clustering whose frequencies are said not to follow a power law.
    pub k_means_clusters: usize,
}

/// How large a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// At most 20 seconds.
    Smoke,
    /// At most five minutes.
    Quick,
    /// The paper's.
    Full,
}

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
    /// Number of the realization, from 0.
    pub realization: u32,
    /// Seed of its random numbers.
    pub seed: u64,
    /// Only so many observations, the first ones.
    pub observations: Option<usize>,
    /// What is done.
    pub task: Task,
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
    /// Sample a layer of a network that another unit trained, and judge the samples.
    Generate(GenerateConfig),
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
    /// The recipe of that name, or in the TOML file of that path.
    ///
    /// # Errors
    /// [`Error::Recipe`] for an unknown name or a text that is no recipe, with line and column;
    /// [`Error::File`] if the file cannot be read.
    pub fn load(name_or_path: &str) -> Result<Self, Error> {
        if let Some((name, text)) = RECIPES.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(name, text);
        }
        let path = Path::new(name_or_path);
        if !path.is_file() {
            let names: Vec<_> = RECIPES.iter().map(|(name, _)| *name).collect();
            let problem = format!(
                "is not known; there is {}, or the path of a TOML file",
                names.join(", ")
            );
            return Err(Error::Recipe {
                recipe: name_or_path.into(),
                problem,
            });
        }
        let text = std::fs::read_to_string(path).map_err(|source| Error::File {
            path: path.into(),
            source,
        })?;
        Self::parse(name_or_path, &text)
    }

    fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let recipe: Self = toml::from_str(text).map_err(|error| {
            let before = &text[..error.span().map_or(0, |span| span.start)];
            let line = before.matches('\n').count() + 1;
            let problem = format!("line {line}: {}", error.message().replace('\n', " "));
            Error::Recipe {
                recipe: name.into(),
                problem,
            }
        })?;
        let wrong = |problem: &str| Error::Recipe {
            recipe: name.into(),
            problem: problem.into(),
        };
        if recipe.series.is_empty() || repeats(&recipe.series) {
            return Err(wrong("series must name each series once, and at least one"));
        }
        for size in [&recipe.smoke, &recipe.quick, &recipe.full] {
            if size.realizations == 0 || size.observations == Some(0) {
                return Err(wrong("realizations and observations must be at least 1"));
            }
            let KMeansPlan { k, max_iterations } = size.k_means.as_ref().unwrap_or(&recipe.k_means);
            let idle = !k.is_empty() && *max_iterations == 0;
            if k.contains(&0) || repeats(k) || idle {
                return Err(wrong(
                    "k_means: each k must be at least 1 and stand there once, max_iterations be at least 1",
                ));
            }
            let dbn = recipe.dbn_of(size, None, None);
            dbn.validate().map_err(|error| wrong(&error.to_string()))?;
            if recipe.series.contains(&Series::Generated) {
                let plan = size.generation.as_ref().unwrap_or(&recipe.generation);
                plan.check(&dbn).map_err(|problem| wrong(&problem))?;
                let needed = [Series::Trained, Series::Classifier];
                if needed.iter().any(|series| !recipe.series.contains(series)) {
                    return Err(wrong(
                        "the series generated needs the series trained and classifier",
                    ));
                }
            }
        }
        Ok(recipe)
    }

    /// The units of work of this recipe at the chosen size.
    ///
    /// # Errors
    /// If the choice asks for something that cannot be run: no realization, a preset or number of
    /// updates that leaves an impossible configuration.
    pub fn plan(self, choice: Choice) -> Result<Plan, Error> {
        let size = match choice.size {
            Size::Smoke => &self.smoke,
            Size::Quick => &self.quick,
            Size::Full => &self.full,
        };
        let realizations = choice.realizations.unwrap_or(size.realizations);
        if !(1..=MOST_REALIZATIONS).contains(&realizations) {
            let problem = format!("{realizations} realizations; ask for 1 to {MOST_REALIZATIONS}");
            return Err(Error::Recipe {
                recipe: self.figure.name().into(),
                problem,
            });
        }
        let dbn = self.dbn_of(size, choice.preset, choice.updates);
        dbn.validate()?;
        let k_means = size.k_means.as_ref().unwrap_or(&self.k_means);
        let generation = size.generation.as_ref().unwrap_or(&self.generation);
        let mut units = Vec::new();
        for realization in 0..realizations {
            // One seed a realization: the untrained network is then the trained one's start.
            let stream = Stream::new(choice.seed, Purpose::Realization, realization.into());
            let seed = u64::from(stream.bits(0, 0, 0)) | u64::from(stream.bits(0, 0, 1)) << 32;
            let unit = |series: Series, name: String, task| Unit {
                name: format!("{name}-r{realization:02}"),
                series,
                realization,
                seed,
                observations: size.observations,
                task,
            };
            for series in self.series.iter().copied() {
                if series == Series::Classifier {
                    // One judges all realizations.
                    if realization == 0 {
                        let task = Task::Classifier(generation.classifier.clone());
                        let unit = unit(series, String::new(), task);
                        units.push(Unit {
                            name: series.name().into(),
                            ..unit
                        });
                    }
                } else if series == Series::Generated {
                    let model = format!("{}-r{realization:02}", Series::Trained.name());
                    units.extend(generation.of(&dbn).map(|sampling| {
                        let name = format!("{}-h{:02}", series.name(), sampling.layer);
                        let layer = sampling.layer;
                        let config = GenerateConfig {
                            model: model.clone(),
                            classifier: Series::Classifier.name().into(),
                            sampling,
                            units: [dbn.layers[layer - 1], dbn.layers[layer]],
                        };
                        unit(series, name, Task::Generate(config))
                    }));
                } else if series == Series::KMeans {
                    units.extend(k_means.k.iter().map(|&k| {
                        let max_iterations = k_means.max_iterations;
                        let config = KMeansConfig {
                            k,
                            max_iterations,
                            seed,
                            ..KMeansConfig::default()
                        };
                        unit(series, format!("k-means-{k}"), Task::KMeans(config))
                    }));
                } else {
                    units.push(unit(series, series.name().into(), Task::Dbn(dbn.clone())));
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

    fn dbn_of(&self, size: &SizeConfig, preset: Option<Preset>, updates: Option<u64>) -> DbnConfig {
        let mut dbn = self.dbn.clone();
        if let Some(layers) = &size.layers {
            dbn.layers.clone_from(layers);
        }
        if let Some(preset) = preset.or(size.preset) {
            preset.apply(&mut dbn);
        }
        // A preset that the user names is the user's schedule: the size's number gives way to it.
        if let Some(updates) = updates.or(size.updates.filter(|_| preset.is_none())) {
            dbn.training.updates = Some(updates);
            dbn.training.epochs = None;
        }
        dbn
    }
}

/// Whether a value stands there twice: units would share their names.
fn repeats<T: PartialEq>(values: &[T]) -> bool {
    (1..values.len()).any(|place| values[..place].contains(&values[place]))
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

impl Default for GenerationPlan {
    /// Nothing yet: a recipe says how many samples and steps.
    fn default() -> Self {
        Self {
            layers: Vec::new(),
            samples: 0,
            steps: 0,
            downward: Downward::default(),
            replicas: 1,
            classifier: ClassifierConfig::default(),
        }
    }
}

impl GenerationPlan {
    /// What is sampled of each layer.
    fn of<'a>(&'a self, dbn: &DbnConfig) -> impl Iterator<Item = SamplingConfig> + use<'a> {
        let depth = dbn.layers.len() - 1;
        let wanted = move |layer: &usize| self.layers.is_empty() || self.layers.contains(layer);
        (1..=depth).filter(wanted).map(|layer| SamplingConfig {
            layer,
            samples: self.samples,
            steps: self.steps,
            downward: self.downward,
            replicas: self.replicas,
        })
    }

    fn check(&self, dbn: &DbnConfig) -> Result<(), String> {
        let depth = dbn.layers.len() - 1;
        let known = self.layers.iter().all(|layer| (1..=depth).contains(layer));
        if !known || repeats(&self.layers) {
            return Err(format!(
                "generation: layers must be among 1 to {depth}, each once"
            ));
        }
        for sampling in self.of(dbn) {
            sampling
                .validate(depth)
                .map_err(|error| format!("generation: {error}"))?;
        }
        self.classifier
            .validate()
            .map_err(|error| format!("generation: {error}"))
    }
}

impl Unit {
    /// Names of the units whose models this one needs.
    #[must_use]
    pub fn after(&self) -> Vec<&str> {
        match &self.task {
            Task::Generate(config) => vec![&config.model, &config.classifier],
            Task::Dbn(_) | Task::KMeans(_) | Task::Classifier(_) => Vec::new(),
        }
    }

    /// The unit's share of a run's work, in arbitrary units: for progress.
    #[must_use]
    pub fn weight(&self) -> f64 {
        // Everything takes a moment.
        self.cost() as f64 + 1.0
    }

    /// Rough multiplications, in millions: enough to put the longest units first.
    fn cost(&self) -> u64 {
        let observations = self.observations.unwrap_or(60_000) as u64;
        let cost = match &self.task {
            Task::Dbn(config) => {
                let weights: usize = config
                    .layers
                    .windows(2)
                    .map(|sizes| sizes[0] * sizes[1])
                    .sum();
                let updates = match self.series {
                    Series::Untrained => 0,
                    _ => config.training.total_updates(observations as usize),
                };
                weights as u64 * (5 * updates * config.training.batch as u64 + observations)
            }
            Task::KMeans(config) => {
                // As measured: passing over the data costs most, for any k, since points that
                // cannot change their cluster are not compared again.
                784 * observations * (4_000 + 2 * config.k as u64 / 3)
            }
            // As measured: a convolution or two of each image, forth and back.
            Task::Classifier(config) => config.epochs as u64 * observations * 6_000_000,
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
    fn every_recipe_survives_being_written_and_read() {
        for (name, _) in RECIPES {
            let recipe = Recipe::load(name).expect(name);
            let text = toml::to_string(&recipe).expect("TOML");
            assert_eq!(Recipe::parse(name, &text).expect("read back"), recipe);
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

    #[test]
    fn what_is_no_recipe_is_refused_with_its_place() {
        let text = RECIPES[0]
            .1
            .replace("realizations = 12", "realisations = 12");
        let error = Recipe::parse("mine.toml", &text)
            .expect_err("unknown key")
            .to_string();
        let line = RECIPES[0]
            .1
            .lines()
            .position(|line| line.contains("realizations = 12"));
        let place = format!("recipe mine.toml: line {}: ", line.expect("there") + 1);
        assert!(
            error.starts_with(&place) && error.contains("realisations"),
            "{error}"
        );
        let text = RECIPES[0]
            .1
            .replace("learning_rate = 0.1", "learning_rate = 0.0");
        assert!(Recipe::parse("mine.toml", &text).is_err());
        assert!(
            Recipe::load("fig99")
                .expect_err("unknown")
                .to_string()
                .contains("fig2")
        );
    }
}
