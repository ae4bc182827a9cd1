//! What is watched while a machine learns.

use ndarray::{Array1, Array2, ArrayView2};
use resrel_kernels::{Draw, Purpose, Stream, Workers, softplus};
use serde::{Deserialize, Serialize};

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
        rbm.hidden_given_visible(workers, self.train.view(), hidden.view_mut(), Some(draw));
        let mut visible = Array2::zeros(self.train.dim());
        rbm.visible_given_hidden(workers, samples.view(), visible.view_mut(), None);
        let errors = visible
            .iter()
            .zip(&self.train)
            .map(|(p, v)| f64::from(p - v).powi(2));
        let free_energy = rbm.free_energy(workers, self.train.view());
        let validation = self.validation.as_ref();
        Monitor {
            epoch,
            update,
            reconstruction_error: errors.sum::<f64>() / self.train.len() as f64,
            pseudo_log_likelihood: self.pseudo_log_likelihood(workers, rbm, &free_energy, update),
            free_energy_gap: validation
                .map(|v| mean_free_energy(workers, rbm, v.view()) - mean(&free_energy)),
            hidden_activity: hidden.iter().map(|p| f64::from(*p)).sum::<f64>()
                / hidden.len() as f64,
            weight_norm: rbm
                .weights
                .iter()
                .map(|w| f64::from(*w).powi(2))
                .sum::<f64>()
                .sqrt(),
            learning_rate,
        }
    }

    fn pseudo_log_likelihood(
        &self,
        workers: &Workers,
        rbm: &Rbm,
        free_energy: &Array1<f64>,
        update: u64,
    ) -> f64 {
        let mut rng = self.stream.substream(1).rng(update);
        let mut flipped = self.train.clone();
        for mut row in flipped.outer_iter_mut() {
            let unit = rng.below(row.len() as u32) as usize;
            row[unit] = 1.0 - row[unit];
        }
        let after = rbm.free_energy(workers, flipped.view());
        let terms = after
            .iter()
            .zip(free_energy)
            .map(|(after, before)| -softplus(before - after));
        rbm.visible() as f64 * terms.sum::<f64>() / free_energy.len() as f64
    }
}

fn mean_free_energy(workers: &Workers, rbm: &Rbm, visible: ArrayView2<f32>) -> f64 {
    mean(&rbm.free_energy(workers, visible))
}

fn mean(values: &Array1<f64>) -> f64 {
    values.sum() / values.len() as f64
}
