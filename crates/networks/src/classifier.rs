//! A classifier of images, to label what a network generates.

mod file;
mod network;
mod training;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, ArrayView2, Axis, s};
use resrel_data::Dataset;
use resrel_kernels::Workers;
use serde::{Deserialize, Serialize};

use crate::classifier::network::{Layer, Network};
pub(crate) use crate::classifier::network::{matrix, numbers};
pub(crate) use crate::classifier::training::targets;
use crate::{Error, Observer};

/// Images that are labelled together: bounds the memory.
const CHUNK: usize = 1_000;

/// A classifier and its training: dense layers of rectified units, cross-entropy, Adam (D. P. Kingma,
/// J. Ba, ICLR 2015) at a learning rate that falls linearly to 0, images shifted at random.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassifierConfig {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Passes over the training data.
    pub epochs: usize,
    /// Images in a mini-batch.
    pub batch: usize,
    /// Learning rate at the start.
    pub learning_rate: f64,
    /// Each image is moved by up to so many pixels, down or up and right or left.
    pub shift: usize,
    /// Seed of all random numbers.
    pub seed: u64,
}

impl Default for ClassifierConfig {
    /// 512 and 256 units, 12 passes in batches of 128 from a rate of 0.001, shifts of up to 2 pixels.
    fn default() -> Self {
        Self {
            hidden: vec![512, 256],
            epochs: 12,
            batch: 128,
            learning_rate: 0.001,
            shift: 2,
            seed: 1,
        }
    }
}

impl ClassifierConfig {
    /// Refuses what cannot be trained.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn validate(&self) -> Result<(), Error> {
        let wrong = |option, value: String, remedy| {
            Err(Error::Config {
                option,
                value,
                remedy,
            })
        };
        if self.hidden.is_empty() || self.hidden.contains(&0) {
            let value = format!("{:?}", self.hidden);
            return wrong("hidden", value, "one or more layers of at least 1 unit");
        }
        for (option, value) in [("epochs", self.epochs), ("batch", self.batch)] {
            if value == 0 {
                return wrong(option, value.to_string(), "at least 1");
            }
        }
        if self.shift > 1_000 {
            return wrong("shift", self.shift.to_string(), "at most 1000 pixels");
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            let value = self.learning_rate.to_string();
            return wrong("learning_rate", value, "a finite number above 0");
        }
        Ok(())
    }

    /// Refuses data that a classifier cannot learn.
    ///
    /// # Errors
    /// [`Error::Data`] for data with fewer than two labels.
    pub fn check(&self, data: &Dataset) -> Result<(), Error> {
        targets(data).map(drop)
    }
}

/// A trained classifier.
#[derive(Debug, Clone, PartialEq)]
pub struct Classifier {
    layers: Vec<Layer>,
    /// The labels that it knows, ascending: one score each.
    classes: Vec<u32>,
    config: ClassifierConfig,
    /// Name of the data that it learnt.
    data: String,
    test_error: f64,
}

/// What a classifier says of images.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// One label an image.
    pub labels: Vec<u32>,
    /// The probability that it gives to this label, 0 … 1.
    pub confidence: Vec<f32>,
    /// Units of the last hidden layer, images × units.
    pub features: Array2<f32>,
}

impl Classifier {
    /// Learns the labels of the training part of `data` and is tested on its test part, or where that has
    /// no labels on every sixth observation, which is then not learnt. `None` if `observer` stopped it.
    /// The same seed gives the same classifier on any number of threads.
    ///
    /// # Errors
    /// [`Error::Config`] for an impossible configuration, [`Error::Data`] for data without labels or with
    /// fewer than two.
    pub fn train(
        data: &Dataset,
        config: &ClassifierConfig,
        workers: &Workers,
        observer: &mut Observer,
    ) -> Result<Option<Self>, Error> {
        config.validate()?;
        training::train(data, config, workers, observer)
    }

    /// Labels `images` (rows × pixels, 0 … 1).
    ///
    /// # Errors
    /// [`Error::Features`] for images of another size than it learnt.
    pub fn classify(&self, images: ArrayView2<f32>) -> Result<Classified, Error> {
        let expected = self.layers[0].weights.nrows();
        let found = images.ncols();
        if found != expected {
            return Err(Error::Features { found, expected });
        }
        let device = Device::flex();
        let network = Network::new(&self.layers, &device);
        let units = self.layers[self.layers.len() - 1].weights.nrows();
        let mut classified = Classified {
            labels: Vec::with_capacity(images.nrows()),
            confidence: Vec::with_capacity(images.nrows()),
            features: Array2::zeros((images.nrows(), units)),
        };
        for (chunk, images) in images.axis_chunks_iter(Axis(0), CHUNK).enumerate() {
            let rows = images.nrows();
            let data = TensorData::new(images.iter().copied().collect(), [rows, found]);
            let (scores, features) = network.forward(Tensor::from_data(data, &device));
            let first = chunk * CHUNK;
            let place = s![first..first + rows, ..];
            let features = matrix([rows, units], numbers(features));
            classified.features.slice_mut(place).assign(&features);
            for scores in matrix([rows, self.classes.len()], numbers(scores)).outer_iter() {
                let (mut best, mut largest) = (0, f32::NEG_INFINITY);
                for (class, score) in scores.iter().enumerate() {
                    if *score > largest {
                        (best, largest) = (class, *score);
                    }
                }
                let sum: f32 = scores.iter().map(|score| (score - largest).exp()).sum();
                classified.labels.push(self.classes[best]);
                classified.confidence.push(1.0 / sum);
            }
        }
        Ok(classified)
    }

    /// The fraction of its test data that it labels wrongly.
    #[must_use]
    pub fn test_error(&self) -> f64 {
        self.test_error
    }

    /// Name of the data that it learnt.
    #[must_use]
    pub fn data(&self) -> &str {
        &self.data
    }

    /// Fraction of `images` whose label is not the one in `labels`.
    fn error(&self, images: ArrayView2<f32>, labels: &[u32]) -> Result<f64, Error> {
        let given = self.classify(images)?.labels;
        let wrong = given
            .iter()
            .zip(labels)
            .filter(|(given, label)| given != label);
        Ok(wrong.count() as f64 / labels.len() as f64)
    }
}

#[cfg(test)]
mod tests;
