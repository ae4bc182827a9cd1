//! What a training run is told: every choice that the paper makes, and those that it leaves open.

use serde::{Deserialize, Serialize};

use crate::Error;

/// How one restricted Boltzmann machine is trained. The default is the paper's choice; in a file,
/// `updates` alone replaces the default number of `epochs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, remote = "Self")]
pub struct TrainingConfig {
    /// Where the chains of the negative phase start.
    pub negative_phase: NegativePhase,
    /// Gibbs steps n of the negative phase (CD-n, PCD-n).
    pub steps: u32,
    /// What the visible units of the negative phase are.
    pub negative_visible: NegativeVisible,
    /// Observations in a mini-batch, and number of chains.
    pub batch: usize,
    /// Learning rate at the start.
    pub learning_rate: f64,
    /// How the learning rate changes over the run.
    pub learning_rate_decay: Decay,
    /// Learning rate at the end; `linear` may go to 0, `exponential` may not.
    pub final_learning_rate: Option<f64>,
    /// Fraction of the last step that is added to the next.
    pub momentum: f64,
    /// L2 penalty λ on the weights: each update subtracts learning rate · λ · W.
    pub weight_decay: f64,
    /// Fraction of the weights that are there: each with this probability, once and for all; the others
    /// are 0 and stay so.
    pub connectivity: f64,
    /// Mean activity p that hidden units are pushed towards: each update adds learning rate · cost ·
    /// (p − q) to a hidden bias, q the unit's mean over the mini-batch of P(h = 1 | v).
    ///
    /// Source: the rule of Hinton's practical guide (2010), section 11, on the biases alone, as H. Lee,
    /// C. Ekanadham, A. Y. Ng, "Sparse deep belief net model for visual area V2", NIPS 2007.
    pub sparsity: Option<f64>,
    /// The cost in that.
    pub sparsity_cost: f64,
    /// Passes over the data. Exactly one of `epochs` and `updates` is given.
    #[serde(default)]
    pub epochs: Option<u64>,
    /// Mini-batches. Exactly one of `epochs` and `updates` is given.
    pub updates: Option<u64>,
    /// Standard deviation of the initial weights (Hinton, "A practical guide to training restricted
    /// Boltzmann machines", 2010: 0.01).
    pub initial_weights: f64,
    /// Visible biases at the start.
    pub initial_visible_bias: InitialVisibleBias,
}

impl Serialize for TrainingConfig {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for TrainingConfig {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut config = Self::deserialize(deserializer)?;
        if config.epochs.is_none() && config.updates.is_none() {
            config.epochs = Self::default().epochs;
        }
        Ok(config)
    }
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            negative_phase: NegativePhase::Pcd,
            steps: 1,
            negative_visible: NegativeVisible::Mean,
            batch: 100,
            learning_rate: 0.1,
            learning_rate_decay: Decay::Constant,
            final_learning_rate: None,
            momentum: 0.0,
            weight_decay: 0.0,
            connectivity: 1.0,
            sparsity: None,
            sparsity_cost: 10.0,
            epochs: Some(200),
            updates: None,
            initial_weights: 0.01,
            initial_visible_bias: InitialVisibleBias::Zero,
        }
    }
}

/// Where the chains of the negative phase start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NegativePhase {
    /// Where the last update left them: persistent contrastive divergence (Tieleman 2008). Random at
    /// the start.
    Pcd,
    /// At the mini-batch: contrastive divergence (Hinton 2002).
    Cd,
}

/// What the visible units of the negative phase are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NegativeVisible {
    /// Their conditional means P(v = 1 | h).
    Mean,
    /// Binary samples from these.
    Sampled,
}

/// How the learning rate changes over the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// Not at all.
    Constant,
    /// On a straight line to the final learning rate (0 where none is given).
    Linear,
    /// By the same factor at each update, to the final learning rate.
    Exponential,
}

/// Visible biases at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialVisibleBias {
    /// All 0.
    Zero,
    /// ln p/(1 − p) of each unit's mean p over the data, p kept within 1/M … 1 − 1/M.
    DataMean,
}

/// What a layer hands to the next one as its data, once it is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NextInput {
    /// Binary samples, drawn once.
    Sampled,
    /// Conditional means.
    Mean,
    /// The more probable value, P > 0.5.
    Binarised,
}

/// How a deep belief network is trained. The default is the paper's network and schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbnConfig {
    /// Units of each layer, visible first: 784, 500, …
    pub layers: Vec<usize>,
    /// What a layer hands to the next one.
    pub next_input: NextInput,
    /// How each machine is trained.
    pub training: TrainingConfig,
}

impl Default for DbnConfig {
    fn default() -> Self {
        Self {
            layers: vec![784, 500, 250, 120, 60, 30, 25, 20, 15, 10, 5],
            next_input: NextInput::Sampled,
            training: TrainingConfig::default(),
        }
    }
}

/// The schedules that have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// 200 passes over the data, sampled inputs: the usual reading of the paper.
    Paper,
    /// 4,000 updates a layer, binarised inputs: the schedule at which the paper's critical layer
    /// comes out.
    PaperCritical,
}

impl Preset {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::PaperCritical => "paper-critical",
        }
    }

    /// Overwrites what the preset is about, the schedule and the next layer's input, and nothing else.
    pub fn apply(self, config: &mut DbnConfig) {
        let (epochs, updates, next_input) = match self {
            Self::Paper => (Some(200), None, NextInput::Sampled),
            Self::PaperCritical => (None, Some(4_000), NextInput::Binarised),
        };
        config.training.epochs = epochs;
        config.training.updates = updates;
        config.next_input = next_input;
    }
}

impl DbnConfig {
    /// Refuses what cannot be trained.
    ///
    /// # Errors
    /// [`Error::Config`] with the option, its value and what it may be.
    pub fn validate(&self) -> Result<(), Error> {
        if self.layers.len() < 2 {
            return Err(Error::config(
                "layers",
                &self.layers,
                "at least two sizes, such as 784-500",
            ));
        }
        if self.layers.contains(&0) {
            return Err(Error::config("layers", &self.layers, "sizes of at least 1"));
        }
        if self.layers.iter().any(|size| *size > 1 << 24) {
            return Err(Error::config("layers", &self.layers, "sizes up to 2^24"));
        }
        if self
            .layers
            .windows(2)
            .any(|pair| pair[0] * pair[1] > 1 << 31)
        {
            let remedy = "sizes with at most 2^31 weights between two layers";
            return Err(Error::config("layers", &self.layers, remedy));
        }
        self.training.validate()
    }
}

impl TrainingConfig {
    /// Refuses what cannot be trained.
    ///
    /// # Errors
    /// [`Error::Config`] with the option, its value and what it may be.
    pub fn validate(&self) -> Result<(), Error> {
        let positive = |name, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(Error::config(name, value, "a number above 0"))
            }
        };
        positive("learning_rate", self.learning_rate)?;
        match (self.learning_rate_decay, self.final_learning_rate) {
            (Decay::Constant, Some(rate)) => {
                let remedy = "left out, or learning_rate_decay set to linear or exponential";
                return Err(Error::config("final_learning_rate", rate, remedy));
            }
            (Decay::Linear, Some(rate)) if !(rate.is_finite() && rate >= 0.0) => {
                return Err(Error::config(
                    "final_learning_rate",
                    rate,
                    "a number of at least 0",
                ));
            }
            (Decay::Exponential, None) => {
                let remedy = "given: exponential decay needs a rate to end at";
                return Err(Error::config("final_learning_rate", "nothing", remedy));
            }
            (Decay::Exponential, Some(rate)) => positive("final_learning_rate", rate)?,
            _ => {}
        }
        if !(0.0..1.0).contains(&self.momentum) {
            return Err(Error::config(
                "momentum",
                self.momentum,
                "at least 0 and below 1",
            ));
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return Err(Error::config(
                "weight_decay",
                self.weight_decay,
                "a number of at least 0",
            ));
        }
        if !(self.connectivity > 0.0 && self.connectivity <= 1.0) {
            let value = self.connectivity;
            return Err(Error::config(
                "connectivity",
                value,
                "above 0 and at most 1",
            ));
        }
        if let Some(target) = self.sparsity
            && !(target > 0.0 && target < 1.0)
        {
            let remedy = "above 0 and below 1: a mean activity";
            return Err(Error::config("sparsity", target, remedy));
        }
        positive("sparsity_cost", self.sparsity_cost)?;
        if !(self.initial_weights.is_finite() && self.initial_weights >= 0.0) {
            let value = self.initial_weights;
            return Err(Error::config(
                "initial_weights",
                value,
                "a number of at least 0",
            ));
        }
        if self.steps == 0 {
            return Err(Error::config("steps", self.steps, "at least 1"));
        }
        if self.batch == 0 || self.batch > 1 << 20 {
            return Err(Error::config("batch", self.batch, "from 1 to 2^20"));
        }
        match (self.epochs, self.updates) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            (None, None) => Err(Error::config("epochs", "nothing", "given, or else updates")),
            (Some(epochs), Some(_)) => {
                let remedy = "left out where updates is given: a run is measured in one of them";
                Err(Error::config("epochs", epochs, remedy))
            }
        }
    }

    /// Updates in one pass over `observations`: the last batch is filled up from the pass's first.
    #[must_use]
    pub fn updates_per_pass(&self, observations: usize) -> u64 {
        observations.div_ceil(self.batch) as u64
    }

    /// Updates in the whole run.
    #[must_use]
    pub fn total_updates(&self, observations: usize) -> u64 {
        let per_pass = self.updates_per_pass(observations);
        self.updates
            .unwrap_or_else(|| self.epochs.unwrap_or(0).saturating_mul(per_pass))
    }

    /// Learning rate of update number `update` (from 0) of `total`.
    #[must_use]
    pub fn rate(&self, update: u64, total: u64) -> f64 {
        let progress = update as f64 / total.max(1) as f64;
        let start = self.learning_rate;
        let end = self.final_learning_rate.unwrap_or(0.0);
        match self.learning_rate_decay {
            Decay::Constant => start,
            Decay::Linear => start + (end - start) * progress,
            Decay::Exponential => start * (end / start).powf(progress),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_every_bad_value_is_refused_by_name() {
        DbnConfig::default()
            .validate()
            .expect("the paper's choices are valid");
        let refused = |change: fn(&mut TrainingConfig), name: &str| {
            let mut config = TrainingConfig::default();
            change(&mut config);
            let message = config.validate().expect_err(name).to_string();
            assert!(message.starts_with(name), "{message}");
        };
        refused(|c| c.learning_rate = 0.0, "learning_rate");
        refused(|c| c.learning_rate = f64::NAN, "learning_rate");
        refused(|c| c.momentum = 1.0, "momentum");
        refused(|c| c.weight_decay = -1.0, "weight_decay");
        refused(|c| c.connectivity = 0.0, "connectivity");
        refused(|c| c.connectivity = 1.1, "connectivity");
        refused(|c| c.sparsity = Some(1.0), "sparsity");
        refused(|c| c.sparsity_cost = f64::NAN, "sparsity_cost");
        refused(|c| c.steps = 0, "steps");
        refused(|c| c.batch = 0, "batch");
        refused(|c| c.updates = Some(1), "epochs");
        refused(|c| c.epochs = None, "epochs");
        refused(|c| c.final_learning_rate = Some(0.1), "final_learning_rate");
        refused(
            |c| c.learning_rate_decay = Decay::Exponential,
            "final_learning_rate",
        );
        let config = DbnConfig {
            layers: vec![784, 0],
            ..DbnConfig::default()
        };
        assert!(
            config
                .validate()
                .expect_err("no units")
                .to_string()
                .starts_with("layers")
        );
    }

    #[test]
    fn a_number_of_updates_in_a_file_replaces_the_default_number_of_epochs() {
        let read = |text| serde_json::from_str::<TrainingConfig>(text).expect("valid");
        assert_eq!(read("{}"), TrainingConfig::default());
        let updates = read(r#"{"updates": 50}"#);
        assert_eq!((updates.epochs, updates.updates), (None, Some(50)));
        updates.validate().expect("one of the two");
        let written = serde_json::to_string(&updates).expect("JSON");
        assert_eq!(read(&written), updates);
        assert!(serde_json::from_str::<TrainingConfig>(r#"{"epoch": 1}"#).is_err());
    }

    #[test]
    fn learning_rates_start_and_end_where_they_should() {
        let mut config = TrainingConfig {
            learning_rate_decay: Decay::Linear,
            final_learning_rate: Some(0.02),
            ..TrainingConfig::default()
        };
        assert!((config.rate(0, 10) - 0.1).abs() < 1e-12);
        assert!((config.rate(5, 10) - 0.06).abs() < 1e-12);
        config.learning_rate_decay = Decay::Exponential;
        assert!((config.rate(5, 10) - (0.1_f64 * 0.02).sqrt()).abs() < 1e-12);
    }
}
