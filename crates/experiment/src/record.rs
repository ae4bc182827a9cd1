//! What a unit of work leaves behind: one JSON record, and beside it a safetensors file with what
//! pictures need.

use std::collections::BTreeMap;

use resrel_measure::Measure;
use serde::{Deserialize, Serialize};

/// Version of the record's layout. A record of another version is refused by name.
pub const RECORD_VERSION: u32 = 1;

/// The result of one unit of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`RECORD_VERSION`] of the writer.
    pub record_version: u32,
    /// Version of `resrel` that wrote it.
    pub version: String,
    /// The unit's name, which is also its files' name: `trained-r00`, `k-means-4096-r02`.
    pub unit: String,
    /// What the unit belongs to in a figure.
    pub series: Series,
    /// Number of the realization, from 0.
    pub realization: u32,
    /// The unit's own seed.
    pub seed: u64,
    /// Vector instructions in use: with the same seed they give the same bits.
    pub instruction_set: String,
    /// Name of the data set.
    pub data: String,
    /// The unit's configuration, as given.
    pub config: serde_json::Value,
    /// Every layer of a network (H1 first), or the one clustering.
    pub layers: Vec<Measure>,
    /// Wall-clock seconds by phase (`load`, `train`, `measure` …).
    pub seconds: BTreeMap<String, f64>,
    /// Seconds of training per pass over the data, one number per layer.
    pub seconds_per_pass: Vec<f64>,
    /// Monitoring of the training: one list of epochs per layer.
    pub monitoring: serde_json::Value,
}

/// The series of a figure that a unit belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Series {
    /// A network trained on the data.
    Trained,
    /// A network with its initial weights, measured on the data.
    Untrained,
    /// A network trained on, and measured on, images whose pixels were permuted independently.
    Shuffled,
    /// k-means clusters of the data.
    KMeans,
}

/// What pictures need of a unit: for each layer its frequency spectrum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidecar {
    /// One spectrum a layer: pairs (k, m_k), k ascending.
    pub spectra: Vec<Vec<(u64, u64)>>,
}
