//! Handwriting-like digits, drawn from a seed.

use resrel_kernels::Workers;

use crate::Dataset;

/// Not drawn yet.
#[must_use]
pub fn digits(_train: usize, _test: usize, _seed: u64, _workers: &Workers) -> Dataset {
    unimplemented!()
}
