//! Exact likelihood of machines small enough to enumerate.

use ndarray::{Array2, ArrayView1, ArrayView2};
use resrel_kernels::{Workers, softplus_sum};

use crate::{Error, Rbm};

/// Units on the smaller side that are still enumerated: 2²⁵ states take about a minute.
const LARGEST: usize = 25;
/// States of one task are 2 to this power; its running sums start afresh, so rounding cannot add up.
const TASK_BITS: usize = 12;

impl Rbm {
    /// ln Z, Z = Σ_v Σ_h e^(−E(v, h)), by enumerating the states of the smaller side:
    /// Z = Σ_h e^(b·h) Π_i (1 + e^(a_i + W_i h)), or the same with the sides exchanged.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the smaller side has more than 25 units.
    pub fn log_partition_function(&self, workers: &Workers) -> Result<f64, Error> {
        let by_hidden = self.hidden() <= self.visible();
        let (weights, own, other) = if by_hidden {
            (self.weights.t(), &self.hidden_bias, &self.visible_bias)
        } else {
            (self.weights.view(), &self.visible_bias, &self.hidden_bias)
        };
        let units = own.len();
        if units > LARGEST {
            return Err(Error::TooLarge {
                smaller: units,
                limit: LARGEST,
            });
        }
        let weights = weights.mapv(f64::from);
        let (own, other) = (own.mapv(f64::from), other.mapv(f64::from));
        let low = units.min(TASK_BITS);
        let parts = workers.map(1 << (units - low), |high| {
            log_sum_of_task(&weights, own.view(), other.view(), high << low, low)
        });
        Ok(parts.into_iter().fold(f64::NEG_INFINITY, log_add))
    }

    /// Mean of ln P(v) = −F(v) − ln Z over the rows of `visible` (rows × V), in nats. Exact.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the smaller side has more than 25 units, [`Error::Empty`] without rows.
    pub fn log_likelihood(
        &self,
        workers: &Workers,
        visible: ArrayView2<f32>,
    ) -> Result<f64, Error> {
        let log_partition_function = self.log_partition_function(workers)?;
        let mean = self
            .free_energy(workers, visible)
            .mean()
            .ok_or(Error::Empty)?;
        Ok(-mean - log_partition_function)
    }
}

/// ln Σ over the states whose high bits are those of `first` and whose `low` low bits run through all
/// values, in Gray-code order, so that each state differs from the last in one unit.
fn log_sum_of_task(
    weights: &Array2<f64>,
    own: ArrayView1<f64>,
    other: ArrayView1<f64>,
    first: usize,
    low: usize,
) -> f64 {
    let mut field = other.to_owned();
    let mut linear = 0.0;
    for unit in (0..own.len()).filter(|unit| first >> unit & 1 == 1) {
        field += &weights.row(unit);
        linear += own[unit];
    }
    let term = |linear: f64, field: &ndarray::Array1<f64>| {
        linear + softplus_sum(field.as_slice().expect("one vector"))
    };
    let mut total = term(linear, &field);
    let mut gray = 0_usize;
    for step in 1..1_usize << low {
        let unit = step.trailing_zeros() as usize;
        gray ^= 1 << unit;
        let sign = if gray >> unit & 1 == 1 { 1.0 } else { -1.0 };
        field.scaled_add(sign, &weights.row(unit));
        linear += sign * own[unit];
        total = log_add(total, term(linear, &field));
    }
    total
}

/// ln(eᵃ + eᵇ).
fn log_add(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if small == f64::NEG_INFINITY {
        large
    } else {
        large + (small - large).exp().ln_1p()
    }
}
