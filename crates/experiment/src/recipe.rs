//! A figure as data: what is trained, clustered and measured, in three sizes, and the rules by which
//! its claims are judged.

mod text;

use std::path::Path;

use resrel_boltzmann::{DbnConfig, Downward, Preset, SamplingConfig};
use resrel_networks::{ClassifierConfig, FeedForwardConfig, VaeConfig};
use serde::{Deserialize, Serialize};

use crate::sweep::{Bases, Combination, Network};
use crate::{Error, HierarchyConfig, Series, Sweep, Variant};

/// The recipes that come with the program: name and text.
pub const RECIPES: [(&str, &str); 10] = [
    ("fig1", include_str!("../../../recipes/fig1.toml")),
    ("fig2", include_str!("../../../recipes/fig2.toml")),
    ("fig3", include_str!("../../../recipes/fig3.toml")),
    ("figS1", include_str!("../../../recipes/figS1.toml")),
    ("figS2", include_str!("../../../recipes/figS2.toml")),
    ("figS3", include_str!("../../../recipes/figS3.toml")),
    ("figS4", include_str!("../../../recipes/figS4.toml")),
    ("figS5", include_str!("../../../recipes/figS5.toml")),
    ("figS6", include_str!("../../../recipes/figS6.toml")),
    ("schedule", include_str!("../../../recipes/schedule.toml")),
];

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
    #[serde(default)]
    pub dbn: DbnConfig,
    /// The perceptrons and convolutional networks, of which only sweeps make use.
    #[serde(default)]
    pub feed_forward: FeedForwardConfig,
    /// The autoencoders, of which only sweeps make use.
    #[serde(default)]
    pub vae: VaeConfig,
    /// The clusterings.
    #[serde(default)]
    pub k_means: KMeansPlan,
    /// What is sampled from the trained networks.
    #[serde(default)]
    pub generation: GenerationPlan,
    /// Which states of the trained networks are shown as a tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hierarchy: Option<HierarchyConfig>,
    /// Networks that are compared; without any there is the one above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sweep: Vec<Sweep>,
    /// At most 20 seconds on two cores.
    #[serde(default)]
    pub smoke: SizeConfig,
    /// At most five minutes.
    #[serde(default)]
    pub quick: SizeConfig,
    /// The paper's.
    #[serde(default)]
    pub full: SizeConfig,
    /// The bounds by which claims are judged, fixed before the run.
    #[serde(default)]
    pub rules: Rules,
}

/// The figures that can be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Figure {
    /// How states merge from layer to layer.
    #[serde(rename = "fig1")]
    Fig1,
    /// The resolution-relevance plane of a deep belief network.
    #[serde(rename = "fig2")]
    Fig2,
    /// What each of its layers generates.
    #[serde(rename = "fig3")]
    Fig3,
    /// The spread over runs, and the spectrum of every layer.
    #[serde(rename = "figS1")]
    FigS1,
    /// Other architectures.
    #[serde(rename = "figS2")]
    FigS2,
    /// Letters: the planes and what is generated.
    #[serde(rename = "figS3")]
    FigS3,
    /// Sparse connections and sparse activity.
    #[serde(rename = "figS4")]
    FigS4,
    /// Perceptrons and convolutional networks against their hidden units.
    #[serde(rename = "figS5")]
    FigS5,
    /// Autoencoders against their latent variables.
    #[serde(rename = "figS6")]
    FigS6,
    /// Against the length of training.
    #[serde(rename = "schedule")]
    Schedule,
    /// Any networks side by side.
    #[serde(rename = "sweep")]
    Sweep,
}

impl Figure {
    /// Its name in recipes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fig1 => "fig1",
            Self::Fig2 => "fig2",
            Self::Fig3 => "fig3",
            Self::FigS1 => "figS1",
            Self::FigS2 => "figS2",
            Self::FigS3 => "figS3",
            Self::FigS4 => "figS4",
            Self::FigS5 => "figS5",
            Self::FigS6 => "figS6",
            Self::Schedule => "schedule",
            Self::Sweep => "sweep",
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SizeConfig {
    /// Number of realizations; by default 12 in the full size, as in the paper, and 1 in the others.
    pub realizations: Option<u32>,
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
    /// Other perceptrons and convolutional networks.
    pub feed_forward: Option<FeedForwardConfig>,
    /// Other autoencoders.
    pub vae: Option<VaeConfig>,
    /// Other samples.
    pub generation: Option<GenerationPlan>,
    /// Other states.
    pub hierarchy: Option<HierarchyConfig>,
    /// Other networks.
    pub sweep: Option<Vec<Sweep>>,
}

/// The bounds by which claims are judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
    /// "Far from optimal" is at most this share of the Poisson optimum at the same resolution.
    pub far_from_optimal: f64,
    /// Sweeps of networks for which the critical layer is said to generate best.
    pub critical_generates: Vec<String>,
    /// Sweeps of networks for which it is said not to.
    pub critical_generates_not: Vec<String>,
    /// Sweeps of networks whose layers are said to show power laws at low relevance.
    pub low_relevance: Vec<String>,
}

impl Default for Rules {
    /// The bounds that the recipes of the paper's figures share.
    fn default() -> Self {
        Self {
            relevance_peak: 8,
            critical_layer: 6,
            almost_maximal: 0.9,
            distinct: 0.9999,
            ks: 0.05,
            middle: (0.1, 0.9),
            zipf: (0.8, 1.25),
            far_larger: 2.0,
            k_means_clusters: 4096,
            far_from_optimal: 0.75,
            critical_generates: Vec::new(),
            critical_generates_not: Vec::new(),
            low_relevance: Vec::new(),
        }
    }
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

impl Size {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
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

    /// The recipe as the text of a TOML file, without comments.
    ///
    /// # Errors
    /// [`Error::Recipe`] if a value has no place in TOML, which no recipe that was read has.
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string(self).map_err(|error| Error::Recipe {
            recipe: self.figure.name().into(),
            problem: error.to_string(),
        })
    }

    fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let recipe: Self = toml::from_str(text).map_err(|error| {
            let line = text::line_at(text, error.span().map_or(0, |span| span.start));
            let problem = format!("line {line}: {}", text::explained(error.message()));
            Error::Recipe {
                recipe: name.into(),
                problem,
            }
        })?;
        // The keys that the problem may stand at, and the value there.
        let wrong = |keys: &[&str], value: &str, problem: &str| {
            let line = text::line_of(text, keys, value);
            let place = line.map_or_else(String::new, |line| format!("line {line}: "));
            Error::Recipe {
                recipe: name.into(),
                problem: format!("{place}{problem}"),
            }
        };
        if recipe.series.is_empty() || repeats(&recipe.series) {
            let problem = "series must name each series once, and at least one";
            return Err(wrong(&["series"], "", problem));
        }
        for size in [&recipe.smoke, &recipe.quick, &recipe.full] {
            if size.realizations == Some(0) || size.observations == Some(0) {
                let problem = "realizations and observations must be at least 1";
                return Err(wrong(&["realizations", "observations"], "0", problem));
            }
            let KMeansPlan { k, max_iterations } = size.k_means.as_ref().unwrap_or(&recipe.k_means);
            let idle = !k.is_empty() && *max_iterations == 0;
            if k.contains(&0) || repeats(k) || idle {
                let problem = "k_means: each k must be at least 1 and stand there once, max_iterations be \
                               at least 1";
                return Err(wrong(&["k", "max_iterations"], "0", problem));
            }
            let sweeps = recipe.sweeps_of(size);
            if sweeps.iter().any(|sweep| sweep.name.is_empty()) {
                return Err(wrong(&["sweep"], "", "sweep: each needs a name"));
            }
            if let Some((key, problem)) = sweeps.iter().find_map(Sweep::misplaced) {
                return Err(wrong(&[key], "", &problem));
            }
            for (_, Combination { network, .. }) in recipe.networks(size, None, None) {
                let dbn = match network {
                    Network::Dbn(dbn) => dbn,
                    Network::FeedForward(config) => {
                        let checked = config.validate();
                        checked.map_err(|error| wrong_network(&wrong, &error))?;
                        continue;
                    }
                    Network::Vae(config) => {
                        let checked = config.validate();
                        checked.map_err(|error| wrong_network(&wrong, &error))?;
                        continue;
                    }
                };
                let impossible = |error: resrel_boltzmann::Error| {
                    let problem = error.to_string();
                    match &error {
                        resrel_boltzmann::Error::Config { option, value, .. } => {
                            wrong(&[option, "sizes"], value, &problem)
                        }
                        _ => wrong(&["dbn"], "", &problem),
                    }
                };
                dbn.validate().map_err(impossible)?;
                let depth = dbn.layers.len() - 1;
                if let Some(hierarchy) = recipe.hierarchy_of(size) {
                    let checked = hierarchy.check(depth);
                    checked.map_err(|problem| {
                        wrong(&["hierarchy"], "", &format!("hierarchy: {problem}"))
                    })?;
                }
                if recipe.series.contains(&Series::Generated) {
                    let plan = recipe.generation_of(size);
                    let checked = plan.check(&dbn);
                    checked.map_err(|problem| wrong(&["generation"], "", &problem))?;
                }
            }
            let needed = [Series::Trained, Series::Classifier];
            let lacks = needed.iter().any(|series| !recipe.series.contains(series));
            if recipe.series.contains(&Series::Generated) && lacks {
                let problem = "the series generated needs the series trained and classifier";
                return Err(wrong(&["series"], "", problem));
            }
        }
        Ok(recipe)
    }

    /// Gives every network as many visible units as the data have features: the paper's networks are then of
    /// use for any data.
    pub fn fit(&mut self, features: usize) {
        let sizes = [&mut self.smoke, &mut self.quick, &mut self.full];
        let mut networks = vec![&mut self.dbn.layers];
        networks.extend(self.sweep.iter_mut().flat_map(|sweep| &mut sweep.sizes));
        for size in sizes {
            networks.extend(&mut size.layers);
            let sweeps = size.sweep.iter_mut().flatten();
            networks.extend(sweeps.flat_map(|sweep| &mut sweep.sizes));
        }
        for layers in networks {
            if let Some(visible) = layers.first_mut() {
                *visible = features;
            }
        }
    }

    pub(crate) fn size(&self, size: Size) -> &SizeConfig {
        match size {
            Size::Smoke => &self.smoke,
            Size::Quick => &self.quick,
            Size::Full => &self.full,
        }
    }

    pub(crate) fn realizations(&self, size: Size) -> u32 {
        let default = if size == Size::Full { 12 } else { 1 };
        self.size(size).realizations.unwrap_or(default)
    }

    pub(crate) fn generation_of<'a>(&'a self, size: &'a SizeConfig) -> &'a GenerationPlan {
        size.generation.as_ref().unwrap_or(&self.generation)
    }

    pub(crate) fn hierarchy_of<'a>(&'a self, size: &'a SizeConfig) -> Option<&'a HierarchyConfig> {
        size.hierarchy.as_ref().or(self.hierarchy.as_ref())
    }

    fn sweeps_of<'a>(&'a self, size: &'a SizeConfig) -> &'a [Sweep] {
        size.sweep.as_ref().unwrap_or(&self.sweep)
    }

    /// The networks of a size: those of the sweeps, or the one that there is without any.
    pub(crate) fn networks(
        &self,
        size: &SizeConfig,
        preset: Option<Preset>,
        updates: Option<u64>,
    ) -> Vec<(Option<Variant>, Combination)> {
        let dbn = self.dbn_of(size, preset, updates);
        let bases = Bases {
            dbn: &dbn,
            feed_forward: size.feed_forward.as_ref().unwrap_or(&self.feed_forward),
            vae: size.vae.as_ref().unwrap_or(&self.vae),
        };
        let sweeps = self.sweeps_of(size);
        if sweeps.is_empty() {
            let alone = Sweep::default().combinations(bases);
            return alone.into_iter().map(|it| (None, it)).collect();
        }
        let all = sweeps.iter().flat_map(|sweep| {
            let combinations = sweep.combinations(bases).into_iter();
            combinations.map(|it| (sweep.name.clone(), it))
        });
        let numbered = all.enumerate().map(|(number, (sweep, it))| {
            let name = it.name();
            let variant = Variant {
                number,
                sweep,
                name,
            };
            (Some(variant), it)
        });
        numbered.collect()
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

/// What is wrong with a network that is built on burn.
fn wrong_network(
    wrong: &dyn Fn(&[&str], &str, &str) -> Error,
    error: &resrel_networks::Error,
) -> Error {
    match error {
        resrel_networks::Error::Config { option, value, .. } => {
            wrong(&[option], value, &error.to_string())
        }
        _ => wrong(&["sweep"], "", &error.to_string()),
    }
}

/// Whether a value stands there twice: units would share their names.
fn repeats<T: PartialEq>(values: &[T]) -> bool {
    (1..values.len()).any(|place| values[..place].contains(&values[place]))
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
    pub(crate) fn of<'a>(
        &'a self,
        dbn: &DbnConfig,
    ) -> impl Iterator<Item = SamplingConfig> + use<'a> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_survives_being_written_and_read() {
        for (name, _) in RECIPES {
            let recipe = Recipe::load(name).expect(name);
            assert_eq!(recipe.figure.name(), name);
            let text = recipe.to_toml().expect("TOML");
            assert_eq!(Recipe::parse(name, &text).expect("read back"), recipe);
        }
    }

    #[test]
    fn what_is_no_recipe_is_refused_with_its_place() {
        let (_, fig2) = RECIPES[1];
        let text = fig2.replace("realizations = 12", "realisations = 12");
        let error = Recipe::parse("mine.toml", &text)
            .expect_err("unknown key")
            .to_string();
        let line = fig2
            .lines()
            .position(|line| line.contains("realizations = 12"));
        let place = format!("recipe mine.toml: line {}: ", line.expect("there") + 1);
        assert!(
            error.starts_with(&place) && error.contains("realisations"),
            "{error}"
        );
        let text = fig2.replace("learning_rate = 0.1", "learning_rate = 0.0");
        assert!(Recipe::parse("mine.toml", &text).is_err());
        assert!(
            Recipe::load("fig99")
                .expect_err("unknown")
                .to_string()
                .contains("fig2")
        );
    }
}
