//! What a machine is trained on: real values in 0 … 1, or bits.

use ndarray::{Array1, Array2, ArrayViewMut2, Axis};
use resrel_kernels::{BitRows, FAINT, Precision, gather};
use sha2::{Digest, Sha256};

/// Observations in rows, real or packed.
#[derive(Debug, Clone)]
pub enum Inputs<'a> {
    /// Values in 0 … 1 that belong to somebody else: the data set.
    Borrowed(&'a Array2<f32>),
    /// Values in 0 … 1: means that a layer hands on.
    Real(Array2<f32>),
    /// Binary states that a layer hands on.
    Bits(BitRows),
}

impl Inputs<'_> {
    /// Number of observations.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Borrowed(values) => values.nrows(),
            Self::Real(values) => values.nrows(),
            Self::Bits(bits) => bits.rows(),
        }
    }

    /// Number of features.
    #[must_use]
    pub fn features(&self) -> usize {
        match self {
            Self::Borrowed(values) => values.ncols(),
            Self::Real(values) => values.ncols(),
            Self::Bits(bits) => bits.bits(),
        }
    }

    /// SHA-256 of shape and values: by it a checkpoint knows the data that it belongs to.
    pub(crate) fn checksum(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(format!("{} x {}", self.rows(), self.features()));
        let mut row = Array2::<f32>::zeros((1, self.features()));
        let mut bytes = Vec::with_capacity(4 * self.features());
        for index in 0..self.rows() {
            self.gather(std::iter::once(index), row.view_mut());
            bytes.clear();
            bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
            digest.update(&bytes);
        }
        digest
            .finalize()
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    /// What products a machine is trained by: faint values would lose too much of themselves in coarse ones.
    pub(crate) fn precision(&self) -> Precision {
        let clear = match self {
            Self::Borrowed(values) => values.iter().any(|x| *x >= FAINT),
            Self::Real(values) => values.iter().any(|x| *x >= FAINT),
            Self::Bits(_) => true,
        };
        if clear {
            Precision::Training
        } else {
            Precision::Single
        }
    }

    /// Writes the observations `rows`, in that order, into the rows of `out`.
    pub(crate) fn gather(
        &self,
        rows: impl Iterator<Item = usize> + Clone,
        mut out: ArrayViewMut2<f32>,
    ) {
        match self {
            Self::Borrowed(values) => gather(values.view(), rows, out),
            Self::Real(values) => gather(values.view(), rows, out),
            Self::Bits(bits) => {
                for (row, target) in rows.zip(out.outer_iter_mut()) {
                    bits.expand(row, target);
                }
            }
        }
    }

    /// Mean of each feature, summed in double precision.
    pub(crate) fn means(&self) -> Array1<f64> {
        let mut sums = Array1::<f64>::zeros(self.features());
        let mut row = Array2::<f32>::zeros((1, self.features()));
        for index in 0..self.rows() {
            self.gather(std::iter::once(index), row.view_mut());
            sums.zip_mut_with(&row.index_axis(Axis(0), 0), |sum, x| *sum += f64::from(*x));
        }
        sums / self.rows() as f64
    }
}
