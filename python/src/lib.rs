//! The Python module `resrel._resrel`: what the package `resrel` calls.
//!
//! Arrays arrive as the header of an npy file and the bytes behind it, so that they are read, and refused, as the
//! command line reads files. What is more than a number goes back as JSON, with the keys that scripts rely on.

mod command;
mod counts;
mod failure;
mod laws;
mod models;
mod runs;
mod states;
mod waiting;

use pyo3::pymodule;

#[pymodule]
mod _resrel {
    #[pymodule_export]
    use crate::command::command;
    #[pymodule_export]
    use crate::counts::Counts;
    #[pymodule_export]
    use crate::laws::{critical_layer, fit, limit, msr_counts, msr_times};
    #[pymodule_export]
    use crate::models::{
        cluster, free_energy, hidden_means, layer_states, likelihoods, log_partition, sample,
        train, train_on,
    };
    #[pymodule_export]
    use crate::runs::{data_folder, prepare, report, reproduce, run_units, status};
    #[pymodule_export]
    use crate::states::{measure_array, measure_frequencies, measure_texts};

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
