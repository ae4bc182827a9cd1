//! Networks that are built on burn, and what their features are good for.
//!
//! [`FeedForward`] networks and the autoencoder [`Vae`] are trained to be measured. A [`Classifier`] labels
//! images, so that the label frequencies of generated images can be compared with the data's. In its features [`PrecisionRecall`] tells how faithful and how varied they are;
//! [`near_copies`] tells a generator that memorises from one that generalises. [`Onnx`] reads networks that were
//! trained elsewhere.

mod classifier;
mod config;
mod error;
mod feed_forward;
mod fidelity;
mod learning;
mod onnx;
mod vae;

pub use classifier::{Classified, Classifier, ClassifierConfig};
pub use error::Error;
pub use feed_forward::{Activation, Architecture, FeedForward, FeedForwardConfig};
pub use fidelity::{PrecisionRecall, near_copies};
pub use learning::Epoch;
pub use onnx::{Onnx, OnnxLayer, Pool};
pub use vae::{Vae, VaeConfig};

use std::ops::ControlFlow;

/// Receives the share of a training that is done, 0 … 1; `Break` stops it.
pub type Observer<'a> = dyn FnMut(f64) -> ControlFlow<()> + Send + 'a;
