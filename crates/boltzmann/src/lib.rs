//! Restricted Boltzmann machines and deep belief networks: training by (persistent) contrastive
//! divergence, deterministic propagation, exact likelihoods of small machines, model files and
//! checkpoints.
//!
//! ```
//! use ndarray::Array2;
//! use resrel_boltzmann::{DbnConfig, DbnTrainer, Inputs, TrainingConfig};
//! use resrel_kernels::Workers;
//! use std::ops::ControlFlow;
//!
//! let images = Array2::from_shape_fn((40, 6), |(i, j)| f32::from(u8::from((i + j) % 3 == 0)));
//! let training = TrainingConfig { batch: 10, epochs: Some(5), ..TrainingConfig::default() };
//! let config = DbnConfig { layers: vec![6, 4, 2], training, ..DbnConfig::default() };
//! let inputs = Inputs::Borrowed(&images);
//! let workers = Workers::single();
//! let trained = DbnTrainer::new(&config, 1)?
//!     .run(&workers, &inputs, None, None, &mut |_| ControlFlow::Continue(()))?
//!     .expect("nobody stopped it");
//! let states = trained.dbn.states(&workers, &inputs)?;
//! assert_eq!((states.len(), states[1].bits()), (2, 2));
//! # Ok::<(), resrel_boltzmann::Error>(())
//! ```

mod checkpoint;
mod config;
mod dbn;
mod dbn_training;
mod diagnostics;
mod error;
mod events;
mod inputs;
mod likelihood;
mod monitor;
mod rbm;
mod sampling;
mod training;

pub use checkpoint::remove_checkpoint;
pub use config::{
    DbnConfig, Decay, InitialVisibleBias, NegativePhase, NegativeVisible, NextInput, Preset,
    TrainingConfig,
};
pub use dbn::Dbn;
pub use dbn_training::{DbnTrainer, TrainedDbn};
pub use diagnostics::Convergence;
pub use error::Error;
pub use events::{Event, Observer};
pub use inputs::Inputs;
pub use likelihood::{AnnealingConfig, LayerLikelihood, LogPartition};
pub use monitor::Monitor;
pub use rbm::Rbm;
pub use sampling::{Chains, Downward, Energies, SamplingConfig};
pub use training::Trainer;
