//! What k-means is asked to do, and what can be wrong with it.

use serde::{Deserialize, Serialize};

/// Largest magnitude of a coordinate: its square times the dimension still fits single precision.
pub(crate) const LARGEST: f32 = 1e15;

/// How the first centroids are chosen among the points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// k-means++: each next centroid is a point drawn with probability proportional to its squared
    /// distance to the nearest centroid so far (D. Arthur, S. Vassilvitskii, SODA 2007).
    #[default]
    #[serde(rename = "k-means++")]
    KMeansPlusPlus,
    /// k different points, all equally likely.
    Random,
}

/// Settings of one k-means run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KMeansConfig {
    /// Number of clusters, 1 … number of points.
    pub k: usize,
    /// How the first centroids are chosen.
    pub start: Start,
    /// Iterations after which the run stops though assignments still change; at least 1.
    pub max_iterations: usize,
    /// The same seed gives the same bits on any number of threads.
    pub seed: u64,
}

impl Default for KMeansConfig {
    /// Eight clusters, k-means++, at most 300 iterations, seed 0.
    fn default() -> Self {
        Self {
            k: 8,
            start: Start::default(),
            max_iterations: 300,
            seed: 0,
        }
    }
}

impl KMeansConfig {
    /// Checks what can be checked without the data.
    ///
    /// # Errors
    /// If `k` or `max_iterations` is 0.
    pub fn validate(&self) -> Result<(), ClusterError> {
        if self.k == 0 {
            return Err(ClusterError::NoClusters);
        }
        if self.max_iterations == 0 {
            return Err(ClusterError::NoIterations);
        }
        Ok(())
    }
}

/// Why k-means could not run, or did not run to its end.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ClusterError {
    /// `k` is 0.
    #[error("k = 0 clusters; ask for at least 1")]
    NoClusters,
    /// `max_iterations` is 0.
    #[error("max_iterations = 0; allow at least 1")]
    NoIterations,
    /// More clusters than points.
    #[error("k = {k} clusters for {points} points; ask for at most {points}")]
    TooManyClusters {
        /// Clusters asked for.
        k: usize,
        /// Points there are.
        points: usize,
    },
    /// More points or clusters than 32-bit indices can number.
    #[error("{points} points; k-means here takes fewer than 2^32: cluster a subset")]
    TooManyPoints {
        /// Points there are.
        points: usize,
    },
    /// A coordinate that is not a number, infinite, or so large that its square might be.
    #[error(
        "row {row}, column {column} holds {value}; coordinates are finite and within ±1e15: mend or rescale the data"
    )]
    BadValue {
        /// Row of the value, from 0.
        row: usize,
        /// Column of the value, from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// The observer asked to stop.
    #[error("k-means stopped on request after iteration {iteration}")]
    Interrupted {
        /// The last finished iteration.
        iteration: usize,
    },
}
