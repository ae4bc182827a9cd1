//! What a long computation tells whoever watches it.

use std::ops::ControlFlow;
use std::path::Path;

use crate::Monitor;

/// Something that happened while training.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Training went on; sent some twenty times a second, and at the end of each layer.
    Progress {
        /// The layer, from 1.
        layer: usize,
        /// Number of layers.
        layers: usize,
        /// Updates of this layer so far.
        update: u64,
        /// Updates of this layer in all.
        updates: u64,
        /// Share of the whole training that is done, 0 … 1, weighted by the layers' sizes.
        done: f64,
    },
    /// A pass over the data ended.
    Epoch {
        /// The layer, from 1.
        layer: usize,
        /// What was seen.
        monitor: &'a Monitor,
    },
    /// Sampling went on; sent some five times a second.
    Sampled {
        /// Gibbs steps that all chains have made.
        step: u64,
        /// Gibbs steps in all.
        steps: u64,
        /// Share of the sampling that is done, 0 … 1.
        done: f64,
    },
    /// The state was saved, so that the run can go on from here.
    Saved {
        /// The checkpoint.
        path: &'a Path,
    },
}

/// Receives events; `Break` stops the computation at the next moment from which it can go on later.
pub type Observer<'a> = dyn FnMut(&Event) -> ControlFlow<()> + Send + 'a;
