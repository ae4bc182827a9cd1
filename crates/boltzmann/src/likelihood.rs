//! How probable a machine, or a stack of them, holds observations.

mod annealing;
mod bounds;
mod exact;

pub use annealing::{AnnealingConfig, LogPartition};
pub use bounds::LayerLikelihood;
