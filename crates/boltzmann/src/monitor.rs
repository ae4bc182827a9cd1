//! What is watched while a machine learns.

use ndarray::{Array1, Array2, ArrayView2};
use resrel_kernels::{Draw, Purpose, Stream, Workers, softplus};
use serde::{Deserialize, Serialize};

use crate::rbm::rows_to_numbers;
use crate::{Inputs, Rbm};

/// Observations that are looked at: enough for two digits, few enough to cost next to nothing.
const SUBSET: usize = 1_000;

/// The state of a machine at the end of a pass over the data, on a fixed random subset of at most
/// 1,000 observations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// Passes over the data so far; a fraction where training ends within a pass.
    pub epoch: f64,
    /// Updates so far.
    pub update: u64,
    /// Mean over observations and units of (v − P(v = 1 | h))², h one sample given v.
    pub reconstruction_error: f64,
    /// V · mean of ln σ(F(v with one random unit flipped) − F(v)), in nats.
    pub pseudo_log_likelihood: f64,
    /// Mean F of validation observations − mean F of training observations, in nats; grows when the
    /// machine overfits.
    pub free_energy_gap: Option<f64>,
    /// Mean of P(h = 1 | v).
    pub hidden_activity: f64,
    /// √ Σ W².
    pub weight_norm: f64,
    /// Learning rate in force.
    pub learning_rate: f64,
}

/// The observations that are watched.
#[derive(Debug)]
pub(crate) struct Watched {
    train: Array2<f32>,
    validation: Option<Array2<f32>>,
    stream: Stream,
}

impl Watched {
    pub(crate) fn new(
        train: &Inputs,
        validation: Option<&Inputs>,
        seed: u64,
        layer: usize,
    ) -> Self {
        let stream = Stream::new(seed, Purpose::Monitoring, layer as u64);
        let subset = |inputs: &Inputs, draw| {
            let mut rows: Vec<usize> = (0..inputs.rows()).collect();
            stream.rng(draw).shuffle(&mut rows);
            rows.truncate(SUBSET);
            let mut values = Array2::zeros((rows.len(), inputs.features()));
            inputs.gather(rows.into_iter(), values.view_mut());
            values
        };
        Self {
            train: subset(train, 0),
            validation: validation
                .filter(|inputs| inputs.rows() > 0)
                .map(|inputs| subset(inputs, 1)),
            stream,
        }
    }

    pub(crate) fn look(
        &self,
        workers: &Workers,
        rbm: &Rbm,
        (epoch, update, learning_rate): (f64, u64, f64),
    ) -> Monitor {
        let rows = self.train.nrows();
        let mut hidden = Array2::zeros((rows, rbm.hidden()));
        let mut samples = hidden.clone();
        let draw = Draw {
            stream: self.stream,
            number: update,
            first_row: 0,
            samples: samples.view_mut(),
        };
        let fields = rbm.hidden_fields(workers, self.train.view());
        rbm.hidden_given_fields(workers, fields.view(), hidden.view_mut(), Some(draw));
        let mut visible = Array2::zeros(self.train.dim());
        rbm.visible_given_hidden(workers, samples.view(), visible.view_mut(), None);
        let errors = rows_to_numbers(workers, rows, |row| {
            let both = visible.row(row).into_iter().zip(self.train.row(row));
            both.map(|(p, v)| f64::from(p - v).powi(2)).sum()
        });
        let activity = rows_to_numbers(workers, rows, |row| {
            hidden.row(row).iter().map(|p| f64::from(*p)).sum()
        });
        let weights = rows_to_numbers(workers, rbm.visible(), |unit| {
            let weights = rbm.weights.row(unit);
            weights.iter().map(|w| f64::from(*w).powi(2)).sum()
        });
        let free_energy = rbm.free_energy_of(workers, self.train.view(), fields.view());
        let validation = self.validation.as_ref();
        Monitor {
            epoch,
            update,
            reconstruction_error: errors.sum() / self.train.len() as f64,
            pseudo_log_likelihood: self.pseudo_log_likelihood(workers, rbm, fields.view(), update),
            free_energy_gap: validation
                .map(|v| mean_free_energy(workers, rbm, v.view()) - mean(&free_energy)),
            hidden_activity: activity.sum() / hidden.len() as f64,
            weight_norm: weights.sum().sqrt(),
            learning_rate,
        }
    }

    fn pseudo_log_likelihood(
        &self,
        workers: &Workers,
        rbm: &Rbm,
        fields: ArrayView2<f32>,
        update: u64,
    ) -> f64 {
        let mut rng = self.stream.substream(1).rng(update);
        let units: Vec<usize> = (0..fields.nrows())
            .map(|_| rng.below(rbm.visible() as u32) as usize)
            .collect();
        let growth = rbm.free_energy_growth(workers, fields, |row| {
            let unit = units[row];
            (unit, 1.0 - 2.0 * self.train[[row, unit]])
        });
        let terms = growth.iter().map(|growth| -softplus(-growth));
        rbm.visible() as f64 * terms.sum::<f64>() / growth.len() as f64
    }
}

fn mean_free_energy(workers: &Workers, rbm: &Rbm, visible: ArrayView2<f32>) -> f64 {
    mean(&rbm.free_energy(workers, visible))
}

fn mean(values: &Array1<f64>) -> f64 {
    values.sum() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_watched_is_what_it_says() {
        let mut rng = Stream::new(3, Purpose::Weights, 0).rng(0);
        let mut normal = |shape| Array2::from_shape_simple_fn(shape, || rng.normal() as f32);
        let rbm = Rbm {
            weights: normal((9, 7)),
            visible_bias: normal((1, 9)).row(0).to_owned(),
            hidden_bias: normal((1, 7)).row(0).to_owned(),
        };
        let train = normal((130, 9)).mapv(|x| f32::from(u8::from(x > 0.4)));
        let watched = Watched::new(&Inputs::Borrowed(&train), None, 5, 2);
        let single = Workers::single();
        let found = watched.look(&single, &rbm, (1.0, 40, 0.1));
        // One flipped row at a time, with a product of its own.
        let mut rng = watched.stream.substream(1).rng(40);
        let terms = watched.train.outer_iter().map(|row| {
            let mut row = row.insert_axis(ndarray::Axis(0)).to_owned();
            let before = rbm.free_energy(&single, row.view())[0];
            let unit = rng.below(9) as usize;
            row[[0, unit]] = 1.0 - row[[0, unit]];
            let odds = rbm.free_energy(&single, row.view())[0] - before;
            (1.0 / (1.0 + (-odds).exp())).ln()
        });
        let expected = 9.0 * terms.sum::<f64>() / 130.0;
        assert!((found.pseudo_log_likelihood - expected).abs() < 1e-5);
        let squares: f64 = rbm.weights.iter().map(|w| f64::from(*w).powi(2)).sum();
        assert!((found.weight_norm - squares.sqrt()).abs() < 1e-9);
        let mut hidden = Array2::zeros((130, 7));
        rbm.hidden_given_visible(&single, watched.train.view(), hidden.view_mut(), None);
        let mean = f64::from(hidden.mean().expect("rows"));
        assert!((found.hidden_activity - mean).abs() < 1e-6);
        let several = Workers::new(3).expect("threads");
        assert_eq!(found, watched.look(&several, &rbm, (1.0, 40, 0.1)));
    }
}
