//! What can go wrong.

use std::path::PathBuf;

/// Errors of recipes, runs and records.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A recipe is not what it should be.
    #[error("recipe {recipe}: {problem}")]
    Recipe {
        /// Its name or file.
        recipe: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}; {}", path.display(), resrel_data::remedy(source))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A record or its companion is not what it should be.
    #[error("{}: {problem}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The data are of no use to a unit.
    #[error("{data}: of no use to unit {unit}: {source}, or take other data or another recipe")]
    Unit {
        /// Name of the data set.
        data: String,
        /// Name of the unit.
        unit: String,
        /// Why.
        source: Box<Error>,
    },
    /// A unit waits for others that failed.
    #[error("needs {needs}; mend that first")]
    Needs {
        /// Names of what it needs.
        needs: String,
    },
    /// States that cannot be counted, or not with those of other files.
    #[error("{}: {problem}", path.display())]
    States {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The observer stopped the work.
    #[error("interrupted before the end; nothing was kept")]
    Interrupted,
    /// The output folder belongs to another run.
    #[error("{}: holds another run ({difference}); choose another --out or delete the folder", folder.display())]
    OtherRun {
        /// The folder.
        folder: PathBuf,
        /// What differs.
        difference: String,
    },
    /// Data that cannot be used.
    #[error(transparent)]
    Data(#[from] resrel_data::Error),
    /// Training failed.
    #[error(transparent)]
    Boltzmann(#[from] resrel_boltzmann::Error),
    /// The classifier failed.
    #[error(transparent)]
    Networks(#[from] resrel_networks::Error),
    /// Clustering failed.
    #[error(transparent)]
    Cluster(#[from] resrel_cluster::ClusterError),
    /// Counting failed.
    #[error(transparent)]
    Measure(#[from] resrel_measure::Error),
    /// Threads could not be started.
    #[error(transparent)]
    Workers(#[from] resrel_kernels::WorkersError),
}
