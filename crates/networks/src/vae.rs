//! Variational autoencoders (D. P. Kingma, M. Welling, ICLR 2014) with Bernoulli outputs and normal latent
//! variables.

use std::path::Path;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};
use ndarray::{Array2, ArrayView2};
use resrel_data::Samples;
use resrel_kernels::{Purpose, Stream, Workers};
use serde::{Deserialize, Serialize};

use crate::learning::{
    self, Batch, Epoch, GENERATION, Learn, Lesson, WEIGHTS, dense, learn, through,
};
use crate::{Error, Observer};

/// A stream of random numbers: for the loss of data that were not learnt.
const LOSS: u64 = 5;

/// An autoencoder and its training: encoder and decoder with one layer of rectified units each, Adam (D. P. Kingma,
/// J. Ba, ICLR 2015) at a learning rate that falls linearly to 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VaeConfig {
    /// Latent variables d.
    pub latent: usize,
    /// Hidden units of the encoder, and of the decoder.
    pub hidden: usize,
    /// Passes over the training data at most.
    pub epochs: usize,
    /// Images in a mini-batch.
    pub batch: usize,
    /// Learning rate at the start.
    pub learning_rate: f64,
    /// Training ends when the loss of every twelfth image, held out, has not fallen for so many passes, and the
    /// best network is kept; without it, all images are learnt to the end.
    pub patience: Option<usize>,
    /// In a state a latent variable is 1 where its mean is above this value.
    pub threshold: f64,
}

impl Default for VaeConfig {
    /// 20 latent variables, 500 hidden units, at most 50 passes in batches of 128 from a rate of 0.001, patience 5.
    fn default() -> Self {
        Self {
            latent: 20,
            hidden: 500,
            epochs: 50,
            batch: 128,
            learning_rate: 0.001,
            patience: Some(5),
            threshold: 0.0,
        }
    }
}

impl VaeConfig {
    /// Refuses what cannot be trained.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn validate(&self) -> Result<(), Error> {
        let counts = [
            ("latent", self.latent),
            ("hidden", self.hidden),
            ("epochs", self.epochs),
            ("batch", self.batch),
        ];
        crate::config::counts(&counts)?;
        crate::config::learning_rate(self.learning_rate)
    }
}

/// A trained autoencoder.
#[derive(Debug)]
pub struct Vae {
    network: Network,
    /// Every pass of its training.
    pub history: Vec<Epoch>,
}

impl Vae {
    /// Learns `images` (rows × pixels, 0 … 1). `None` if `observer` stopped it: then the last whole pass is in
    /// `checkpoint`, from where the same call goes on. The same seed gives the same network on any number of
    /// threads.
    ///
    /// # Errors
    /// [`Error::Config`] for an impossible configuration, [`Error::File`] if the checkpoint cannot be written.
    pub fn train(
        images: ArrayView2<f32>,
        config: &VaeConfig,
        seed: u64,
        checkpoint: Option<&Path>,
        workers: &Workers,
        observer: &mut Observer,
    ) -> Result<Option<Self>, Error> {
        config.validate()?;
        let device = learning::device().autodiff();
        let network = Network::new(images.ncols(), config, seed, &device);
        let lesson = Lesson {
            images,
            targets: &[],
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
        Ok(learnt.map(|(network, history)| Self { network, history }))
    }

    /// Means μ of the latent variables given each image, images × d.
    #[must_use]
    pub fn latent(&self, images: ArrayView2<f32>, workers: &Workers) -> Array2<f32> {
        let part = |images| self.network.encode(images).0;
        workers.enter(|| through(images, self.dimension(), &learning::device(), part))
    }

    /// `count` images from latent variables drawn from their prior N(0, 1): the probabilities of the pixels.
    #[must_use]
    pub fn generate(&self, count: usize, seed: u64, workers: &Workers) -> Array2<f32> {
        let mut rng = Stream::new(seed, Purpose::Networks, GENERATION).rng(0);
        let latent =
            Array2::from_shape_simple_fn((count, self.dimension()), || rng.normal() as f32);
        let pixels = self.network.output.weight.val().dims()[1];
        let part = |latent| sigmoid(self.network.decode(latent));
        workers.enter(|| through(latent.view(), pixels, &learning::device(), part))
    }

    /// The negative lower bound on the log-likelihood per image, in nats, with one draw of the latent variables:
    /// cross-entropy of the pixels + D_KL(q(z|x) ‖ N(0, 1)).
    #[must_use]
    pub fn loss(&self, samples: &Samples, seed: u64, workers: &Workers) -> f64 {
        let mut rng = Stream::new(seed, Purpose::Networks, LOSS).rng(0);
        let noise =
            Array2::from_shape_simple_fn((samples.observations(), self.dimension()), || {
                rng.normal() as f32
            });
        let both = ndarray::concatenate![ndarray::Axis(1), samples.values, noise];
        let features = samples.features();
        let part = |both: Tensor<2>| {
            let width = both.dims()[1];
            let images = both.clone().narrow(1, 0, features);
            let noise = both.narrow(1, features, width - features);
            self.network.losses(images, noise)
        };
        let losses = workers.enter(|| through(both.view(), 1, &learning::device(), part));
        losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / samples.observations() as f64
    }

    fn dimension(&self) -> usize {
        self.network.mean.weight.val().dims()[1]
    }
}

/// The network itself.
#[derive(Module, Debug)]
struct Network {
    encoder: Linear,
    mean: Linear,
    log_variance: Linear,
    decoder: Linear,
    output: Linear,
}

impl Network {
    /// Weights at the start are normal with variance 2/inputs before rectified units (K. He, X. Zhang, S. Ren,
    /// J. Sun, ICCV 2015) and 2/(inputs + units) elsewhere (X. Glorot, Y. Bengio, AISTATS 2010); biases are 0.
    fn new(pixels: usize, config: &VaeConfig, seed: u64, device: &Device) -> Self {
        let VaeConfig { latent, hidden, .. } = *config;
        let mut rng = Stream::new(seed, Purpose::Networks, WEIGHTS).rng(0);
        let mut layer = |inputs: usize, units: usize, rectified: bool| {
            let over = if rectified { inputs } else { inputs + units };
            dense(inputs, units, (2.0 / over as f64).sqrt(), &mut rng, device)
        };
        Self {
            encoder: layer(pixels, hidden, true),
            mean: layer(hidden, latent, false),
            log_variance: layer(hidden, latent, false),
            decoder: layer(latent, hidden, true),
            output: layer(hidden, pixels, false),
        }
    }

    /// Means and logarithms of the variances of the latent variables.
    fn encode(&self, images: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let hidden = relu(self.encoder.forward(images));
        (
            self.mean.forward(hidden.clone()),
            self.log_variance.forward(hidden),
        )
    }

    /// Log-odds of the pixels.
    fn decode(&self, latent: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.decoder.forward(latent)))
    }

    /// For each image the negative lower bound, in nats, images × 1.
    fn losses(&self, images: Tensor<2>, noise: Tensor<2>) -> Tensor<2> {
        let (mean, log_variance) = self.encode(images.clone());
        let deviation = log_variance.clone().mul_scalar(0.5).exp();
        let odds = self.decode(mean.clone() + deviation * noise);
        // −ln P(x) of a pixel is ln(1 + e^o) − x o, written so that no exponential overflows.
        let softplus = relu(odds.clone()) + odds.clone().abs().neg().exp().add_scalar(1.0).log();
        let pixels = (softplus - images * odds).sum_dim(1);
        let prior = mean.square() + log_variance.clone().exp() - log_variance.add_scalar(1.0);
        pixels + prior.sum_dim(1).mul_scalar(0.5)
    }
}

impl Learn for Network {
    fn loss(&self, batch: Batch) -> Tensor<1> {
        self.losses(batch.images, batch.noise).mean()
    }

    fn noise(&self) -> usize {
        self.mean.weight.val().dims()[1]
    }
}

#[cfg(test)]
mod tests;
