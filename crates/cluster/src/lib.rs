//! k-means: Lloyd's algorithm, exact and fast.
//!
//! Points are compared with panels of centroids by small matrix products in the few coordinates that
//! hold most of the variance; what these leave open is decided by the full distance, and what the
//! triangle inequality has decided already is not looked at again. The result is that of the plain
//! algorithm, assignment by assignment. An N × k matrix is never held.
//!
//! ```
//! use ndarray::array;
//! use resrel_cluster::{KMeansConfig, k_means};
//! use resrel_kernels::Workers;
//! use std::ops::ControlFlow;
//!
//! let points = array![[0.0], [1.0], [10.0], [11.0]];
//! let config = KMeansConfig { k: 2, ..KMeansConfig::default() };
//! let observe = &mut |_: &_| ControlFlow::Continue(());
//! let found = k_means(points.view(), &config, &Workers::single(), observe)?;
//! assert_eq!(found.inertia, 1.0);
//! assert_eq!(found.assignments[0], found.assignments[1]);
//! # Ok::<(), resrel_cluster::ClusterError>(())
//! ```

mod config;
mod coordinates;
mod lloyd;
mod means;
mod panels;
mod search;
mod seeding;
#[cfg(test)]
mod tests;

pub use config::{ClusterError, KMeansConfig, Start};
pub use lloyd::{KMeans, Progress, k_means};
