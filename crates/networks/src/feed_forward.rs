//! Networks that are taught labels: a multi-layer perceptron with one hidden layer, and a small convolutional
//! network. Their last hidden layer is what is measured.

use std::path::Path;

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};
use ndarray::{Array2, ArrayView2};
use resrel_data::{Dataset, Samples};
use resrel_kernels::{Purpose, Stream, StreamRng, Workers};
use serde::{Deserialize, Serialize};

use crate::learning::{self, Batch, Epoch, Learn, Lesson, WEIGHTS, dense, learn, normal, through};
use crate::{Error, Observer};

/// Sizes of the two convolutions' kernels, and of the pools behind them, as in the paper.
const KERNELS: [usize; 2] = [5, 3];
const POOL: usize = 2;

/// The kind of network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Inputs, hidden units, one score a label.
    #[default]
    Mlp,
    /// Before the hidden units a 5×5 convolution, a 2×2 max-pool, a 3×3 convolution and a 2×2 max-pool.
    Cnn,
}

/// What a hidden unit does with its input x.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// 1/(1 + e^−x). As a state it is 1 above ½.
    #[default]
    Sigmoid,
    /// max(x, 0). As a state it is 1 above 0.
    Relu,
}

impl Activation {
    /// Above this value a unit is 1 in a state.
    #[must_use]
    pub fn threshold(self) -> f64 {
        match self {
            Self::Sigmoid => 0.5,
            Self::Relu => 0.0,
        }
    }
}

/// A network and its training: cross-entropy, Adam (D. P. Kingma, J. Ba, ICLR 2015) at a learning rate that falls
/// linearly to 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedForwardConfig {
    /// The kind.
    pub architecture: Architecture,
    /// What hidden units do.
    pub activation: Activation,
    /// Units of the hidden layer, N_H.
    pub hidden: usize,
    /// Channels of a convolutional network's two convolutions.
    pub channels: [usize; 2],
    /// Passes over the training data at most.
    pub epochs: usize,
    /// Images in a mini-batch.
    pub batch: usize,
    /// Learning rate at the start.
    pub learning_rate: f64,
    /// Training ends when the loss of every twelfth image, held out, has not fallen for so many passes, and the
    /// best network is kept; without it, all images are learnt to the end.
    pub patience: Option<usize>,
    /// In a state a unit is 1 above this value; without it ½ for sigmoid and 0 for rectified units.
    pub threshold: Option<f64>,
}

impl Default for FeedForwardConfig {
    /// A perceptron of 500 sigmoid units, at most 20 passes in batches of 128 from a rate of 0.001, patience 5.
    fn default() -> Self {
        Self {
            architecture: Architecture::default(),
            activation: Activation::default(),
            hidden: 500,
            channels: [16, 32],
            epochs: 20,
            batch: 128,
            learning_rate: 0.001,
            patience: Some(5),
            threshold: None,
        }
    }
}

impl FeedForwardConfig {
    /// Refuses what cannot be trained.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn validate(&self) -> Result<(), Error> {
        let counts = [
            ("hidden", self.hidden),
            ("channels", self.channels[0].min(self.channels[1])),
            ("epochs", self.epochs),
            ("batch", self.batch),
        ];
        crate::config::counts(&counts)?;
        crate::config::learning_rate(self.learning_rate)
    }

    /// Above this value a unit is 1 in a state.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        self.threshold.unwrap_or(self.activation.threshold())
    }
}

/// A trained network.
#[derive(Debug)]
pub struct FeedForward {
    network: Network,
    classes: Vec<u32>,
    /// Every pass of its training.
    pub history: Vec<Epoch>,
}

impl FeedForwardConfig {
    /// Refuses data that such a network cannot learn.
    ///
    /// # Errors
    /// [`Error::Data`] for data without labels, or that are no images or too small ones for a convolutional
    /// network.
    pub fn check(&self, data: &Dataset) -> Result<(), Error> {
        crate::classifier::targets(data)?;
        if self.architecture == Architecture::Cnn {
            pooled(data)?;
        }
        Ok(())
    }
}

/// Height and width of an image after a convolutional network's convolutions and pools.
fn pooled(data: &Dataset) -> Result<[usize; 2], Error> {
    let (height, width) = data.image_shape.unwrap_or_default();
    let size = |side: usize| {
        KERNELS.iter().try_fold(side, |side, kernel| {
            Some(side.checked_sub(kernel - 1)? / POOL).filter(|side| *side > 0)
        })
    };
    match (size(height), size(width)) {
        (Some(high), Some(wide)) => Ok([high, wide]),
        _ => Err(Error::Data {
            data: data.name.clone(),
            problem: "a convolutional network needs images of at least 12 × 12 pixels; take \
                      architecture mlp"
                .into(),
        }),
    }
}

impl FeedForward {
    /// Learns the labels of the training part of `data`. `None` if `observer` stopped it: then the last whole pass
    /// is in `checkpoint`, from where the same call goes on. The same seed gives the same network on any number of
    /// threads.
    ///
    /// # Errors
    /// [`Error::Config`] for an impossible configuration, [`Error::Data`] for data without labels, or that are no
    /// images or too small ones for a convolutional network, [`Error::File`] if the checkpoint cannot be written.
    pub fn train(
        data: &Dataset,
        config: &FeedForwardConfig,
        seed: u64,
        checkpoint: Option<&Path>,
        workers: &Workers,
        observer: &mut Observer,
    ) -> Result<Option<Self>, Error> {
        config.validate()?;
        let (classes, targets) = crate::classifier::targets(data)?;
        let device = learning::device().autodiff();
        let network = Network::new(data, config, classes.len(), seed, &device)?;
        let lesson = Lesson {
            images: data.train.values.view(),
            targets: &targets,
            epochs: config.epochs,
            batch: config.batch,
            learning_rate: config.learning_rate,
            patience: config.patience,
            seed,
        };
        let what = format!("{config:?}");
        // On threads of ours, so that what the user asked for holds.
        let learnt =
            workers.enter(|| learn(network, &what, &lesson, checkpoint, &device, observer))?;
        Ok(learnt.map(|(network, history)| Self {
            network,
            classes,
            history,
        }))
    }

    /// The values of the hidden units, images × N_H.
    #[must_use]
    pub fn hidden(&self, images: ArrayView2<f32>, workers: &Workers) -> Array2<f32> {
        let width = self.network.output.weight.val().dims()[0];
        let part = |images| self.network.hidden(images);
        workers.enter(|| through(images, width, &learning::device(), part))
    }

    /// The fraction of images that get their label; `None` without labels.
    #[must_use]
    pub fn accuracy(&self, samples: &Samples, workers: &Workers) -> Option<f64> {
        let labels = samples.labels.as_deref()?;
        let part = |images| self.network.forward(images);
        let scores = workers.enter(|| {
            through(
                samples.values.view(),
                self.classes.len(),
                &learning::device(),
                part,
            )
        });
        let right = scores.outer_iter().zip(labels).filter(|(scores, label)| {
            let (mut best, mut largest) = (0, f32::NEG_INFINITY);
            for (class, score) in scores.iter().enumerate() {
                if *score > largest {
                    (best, largest) = (class, *score);
                }
            }
            self.classes[best] == **label
        });
        Some(right.count() as f64 / labels.len() as f64)
    }
}

/// The network itself.
#[derive(Module, Debug)]
struct Network {
    /// None in a perceptron.
    convolutions: Vec<Conv2d>,
    pool: MaxPool2d,
    hidden: Linear,
    output: Linear,
    #[module(skip)]
    rectified: bool,
    /// Height and width of the images of a convolutional network.
    #[module(skip)]
    shape: [usize; 2],
}

impl Network {
    /// Weights at the start are normal with variance 2/inputs before rectified units (K. He, X. Zhang, S. Ren,
    /// J. Sun, ICCV 2015) and 2/(inputs + units) elsewhere (X. Glorot, Y. Bengio, AISTATS 2010); biases are 0.
    fn new(
        data: &Dataset,
        config: &FeedForwardConfig,
        classes: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Self, Error> {
        let mut rng = Stream::new(seed, Purpose::Networks, WEIGHTS).rng(0);
        let rectified = config.activation == Activation::Relu;
        let mut inputs = data.train.features();
        let (mut convolutions, mut shape) = (Vec::new(), [1, inputs]);
        if config.architecture == Architecture::Cnn {
            let (height, width) = data.image_shape.unwrap_or_default();
            let [high, wide] = pooled(data)?;
            shape = [height, width];
            let mut before = 1;
            for (channels, kernel) in config.channels.into_iter().zip(KERNELS) {
                convolutions.push(convolution([before, channels], kernel, &mut rng, device));
                before = channels;
            }
            inputs = before * high * wide;
        }
        let before = if rectified {
            (2.0 / inputs as f64).sqrt()
        } else {
            (2.0 / (inputs + config.hidden) as f64).sqrt()
        };
        let after = (2.0 / (config.hidden + classes) as f64).sqrt();
        Ok(Self {
            convolutions,
            pool: MaxPool2dConfig::new([POOL, POOL])
                .with_strides([POOL, POOL])
                .init(),
            hidden: dense(inputs, config.hidden, before, &mut rng, device),
            output: dense(config.hidden, classes, after, &mut rng, device),
            rectified,
            shape,
        })
    }

    /// Values of the hidden units.
    fn hidden(&self, images: Tensor<2>) -> Tensor<2> {
        let mut values = images;
        if !self.convolutions.is_empty() {
            let [height, width] = self.shape;
            let count = values.dims()[0];
            let mut maps: Tensor<4> = values.reshape([count, 1, height, width]);
            for convolution in &self.convolutions {
                maps = self.pool.forward(relu(convolution.forward(maps)));
            }
            values = maps.flatten(1, 3);
        }
        let values = self.hidden.forward(values);
        if self.rectified {
            relu(values)
        } else {
            sigmoid(values)
        }
    }

    /// Scores of the classes.
    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        self.output.forward(self.hidden(images))
    }
}

impl Learn for Network {
    fn loss(&self, batch: Batch) -> Tensor<1> {
        let device = batch.images.device();
        let scores = self.forward(batch.images);
        let loss = CrossEntropyLossConfig::new().init(&device);
        loss.forward(scores, batch.targets)
    }
}

fn convolution(
    channels: [usize; 2],
    kernel: usize,
    rng: &mut StreamRng,
    device: &Device,
) -> Conv2d {
    let [before, after] = channels;
    let scale = (2.0 / (before * kernel * kernel) as f64).sqrt();
    let weights = normal([after, before, kernel, kernel], scale, rng, device);
    Conv2d {
        weight: Param::from_tensor(weights),
        bias: Some(Param::from_tensor(Tensor::zeros([after], device))),
        ..Conv2dConfig::new(channels, [kernel, kernel]).init(device)
    }
}

#[cfg(test)]
mod tests;
