//! What can go wrong.

use std::path::PathBuf;

/// Errors of training, sampling and model files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option has an impossible value.
    #[error("{option} is {value}; it must be {remedy}")]
    Config {
        /// The option's name in a configuration file.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        remedy: &'static str,
    },
    /// The data have another number of features than the machine has visible units.
    #[error(
        "the data have {found} features an observation, the machine {expected} visible units; make the first layer {found}"
    )]
    Features {
        /// Features of an observation.
        found: usize,
        /// Visible units of the machine.
        expected: usize,
    },
    /// There is nothing to train on.
    #[error("there is no observation to train on")]
    Empty,
    /// Parameters left the range in which they mean anything.
    #[error(
        "layer H{layer} diverged in epoch {epoch} (update {update}): largest parameter {largest:e}; lower learning_rate (now {learning_rate})"
    )]
    Diverged {
        /// The layer, from 1.
        layer: usize,
        /// The pass over the data, from 1.
        epoch: u64,
        /// The update, from 1.
        update: u64,
        /// Largest magnitude of a parameter.
        largest: f32,
        /// The learning rate in force.
        learning_rate: f64,
    },
    /// The exact likelihood was asked of a machine too large to enumerate.
    #[error(
        "a machine with {smaller} units on its smaller side has too many states to enumerate; at most {limit} units can be"
    )]
    TooLarge {
        /// Units on the smaller side.
        smaller: usize,
        /// The most that is enumerated.
        limit: usize,
    },
    /// A file could not be read or written.
    #[error("{}: {source}; {}", path.display(), resrel_data::remedy(source))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something went wrong on the graphics card.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Card(#[from] resrel_kernels::cuda::CardError),
    /// A model or checkpoint file is not what it should be.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl Error {
    pub(crate) fn config(
        option: &'static str,
        value: impl std::fmt::Debug,
        remedy: &'static str,
    ) -> Self {
        let value = format!("{value:?}").replace('"', "");
        Self::Config {
            option,
            value,
            remedy,
        }
    }
}
