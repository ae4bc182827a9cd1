//! What can go wrong.

use std::path::PathBuf;

/// Errors of classifiers.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option that cannot be used.
    #[error("{option} = {value}: give {remedy}")]
    Config {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        remedy: &'static str,
    },
    /// Data that a classifier cannot learn from.
    #[error("{data}: {problem}")]
    Data {
        /// Name of the data set.
        data: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Images of another size.
    #[error(
        "images of {found} pixels, but the classifier was made for {expected}: give images like those it learnt"
    )]
    Features {
        /// Pixels found.
        found: usize,
        /// Pixels expected.
        expected: usize,
    },
    /// A file could not be read or written.
    #[error("{}: {source}; {}", path.display(), resrel_data::remedy(source))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is no classifier, or a damaged one.
    #[error("{}: no classifier, or damaged ({problem}); delete it and it is trained again", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// An ONNX file that cannot be probed.
    #[error("{}: {problem}", path.display())]
    Onnx {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A checkpoint could not be put together.
    #[error("checkpoint: {problem}; this is a fault of resrel, please report it")]
    Checkpoint {
        /// What is wrong.
        problem: String,
    },
}

impl Error {
    pub(crate) fn record(error: impl std::fmt::Display) -> Self {
        Self::Checkpoint {
            problem: error.to_string(),
        }
    }
}
