//! The variational lower bound on the log-likelihood of a stack of machines.
//!
//! Source: G. E. Hinton, S. Osindero, Y.-W. Teh, "A fast learning algorithm for deep belief nets", Neural
//! Computation 18 (2006), 1527; R. Salakhutdinov, I. Murray, ICML 2008.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView1, ArrayView2};
use resrel_kernels::{Precision, Purpose, Stream, Workers, product, sigmoid, softplus};
use serde::{Deserialize, Serialize};

use crate::{AnnealingConfig, Dbn, Error, Inputs, LogPartition, Rbm};

/// Observations that go up together: one task.
const CHUNK: usize = 500;

/// How probable the network up to a layer holds observations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerLikelihood {
    /// The topmost layer that is used: H1 …
    pub name: String,
    /// ln Z of the machine below it.
    pub log_partition: LogPartition,
    /// Mean over the observations of ln P(v), in nats; from H2 on of a lower bound of it.
    pub log_likelihood: f64,
    /// Its standard error: that of the mean over the observations, and that of ln Z.
    pub stderr: Option<f64>,
}

impl Dbn {
    /// ln P(v) of the network up to each layer L, H1 first, as a mean over the rows of `observed`:
    ///
    /// ln P(v) ≥ ⟨Σ_(l<L) [ln P(h_(l−1)|h_l) − ln Q(h_l|h_(l−1))] − F_L(h_(L−1))⟩_Q − ln Z_L,
    ///
    /// where h_0 = v and Q is the way up, h_l sampled from P(h_l = 1|h_(l−1)) of machine l, once for each
    /// observation; the mean of ln Q is taken exactly. For L = 1 it is ln P(v) itself. Values between 0 and 1 are
    /// taken as probabilities and sampled. `trained_on` gives the annealing its start.
    ///
    /// `None` if `observer`, who is told the share that is done, stopped it. The same seed gives the same
    /// numbers on any number of threads.
    ///
    /// # Errors
    /// [`Error::Config`] for an impossible configuration; [`Error::Features`] and [`Error::Empty`] for
    /// observations that do not fit.
    pub fn log_likelihood_bounds(
        &self,
        workers: &Workers,
        config: &AnnealingConfig,
        trained_on: &Inputs,
        observed: &Inputs,
        seed: u64,
        observer: &mut (dyn FnMut(f64) -> ControlFlow<()> + Send),
    ) -> Result<Option<Vec<LayerLikelihood>>, Error> {
        config.validate()?;
        let expected = self.machines[0].visible();
        for inputs in [trained_on, observed] {
            let found = inputs.features();
            if found != expected {
                return Err(Error::Features { found, expected });
            }
            if inputs.rows() == 0 {
                return Err(Error::Empty);
            }
        }
        let stream = Stream::new(seed, Purpose::Annealing, 1);
        let each = workers.map(observed.rows().div_ceil(CHUNK), |chunk| {
            let first = chunk * CHUNK;
            let count = (observed.rows() - first).min(CHUNK);
            let mut values = Array2::zeros((count, expected));
            observed.gather(first..first + count, values.view_mut());
            self.unnormalised(values, stream, first)
        });
        let work = |machine: &Rbm| machine.visible() as f64 * machine.hidden() as f64;
        let all: f64 = self.machines.iter().map(work).sum();
        let mut before = 0.0;
        let mut layers = Vec::new();
        let mut up: Option<Inputs> = None;
        for (index, machine) in self.machines.iter().enumerate() {
            let inputs = up.as_ref().unwrap_or(trained_on);
            let share = work(machine) / all;
            let layer_seed = stream.bits(1, index as u32, 0);
            let partition = machine.log_partition(
                workers,
                config,
                inputs,
                u64::from(layer_seed),
                &mut |done| observer(before + share * done),
            )?;
            let Some(log_partition) = partition else {
                return Ok(None);
            };
            before += share;
            let own: Vec<f64> = each
                .iter()
                .flat_map(|part| part.column(index))
                .copied()
                .collect();
            layers.push(of_layer(index, &own, log_partition));
            if index + 1 < self.machines.len() {
                let draws = stream.substream(u64::MAX - index as u64);
                up = Some(Inputs::Bits(machine.sample_hidden(workers, inputs, draws)));
            }
        }
        Ok(Some(layers))
    }

    /// For each row of `v` and each machine its bound but for −ln Z: rows × machines. `first` is the number
    /// of the first row.
    fn unnormalised(&self, mut v: Array2<f32>, stream: Stream, first: usize) -> Array2<f64> {
        let single = Workers::single();
        let rows = v.nrows();
        sample(&mut v, stream.substream(0), first);
        let mut bounds = Array2::zeros((rows, self.machines.len()));
        let mut gathered = vec![0.0; rows];
        for (index, machine) in self.machines.iter().enumerate() {
            let free_energy = machine.free_energy(&single, v.view());
            for (row, energy) in free_energy.iter().enumerate() {
                bounds[[row, index]] = gathered[row] - energy;
            }
            if index + 1 == self.machines.len() {
                break;
            }
            let up = fields(v.view(), machine.weights.view(), machine.hidden_bias.view());
            let mut h = up.mapv(sigmoid);
            sample(&mut h, stream.substream(index as u64 + 1), first);
            let down = fields(h.view(), machine.weights.t(), machine.visible_bias.view());
            for (row, gathered) in gathered.iter_mut().enumerate() {
                // Entropy of a unit that is 1 with probability σ(y): ln(1 + e^y) − y σ(y).
                let entropy = |y: &f32| {
                    let y = f64::from(*y);
                    softplus(y) - y / (1.0 + (-y).exp())
                };
                let log =
                    |(v, x): (&f32, &f32)| f64::from(*v) * f64::from(*x) - softplus(f64::from(*x));
                *gathered += up.row(row).iter().map(entropy).sum::<f64>();
                *gathered += v.row(row).iter().zip(down.row(row)).map(log).sum::<f64>();
            }
            v = h;
        }
        bounds
    }
}

/// Draws units that are 1 with the probabilities in `units`, and puts them there; row 0 is number `first`.
fn sample(units: &mut Array2<f32>, stream: Stream, first: usize) {
    for (row, mut units) in (first..).zip(units.outer_iter_mut()) {
        let mut rng = stream.rng(row as u64);
        for unit in &mut units {
            *unit = f32::from(u8::from(rng.uniform() < f64::from(*unit)));
        }
    }
}

/// What the states of one side give the units of the other: bias + states · weights.
fn fields(states: ArrayView2<f32>, weights: ArrayView2<f32>, bias: ArrayView1<f32>) -> Array2<f32> {
    let mut fields = Array2::zeros((states.nrows(), weights.ncols()));
    let single = Workers::single();
    product(
        &single,
        Precision::Single,
        0.0,
        1.0,
        states,
        weights,
        fields.view_mut(),
    );
    fields + bias
}

fn of_layer(index: usize, bounds: &[f64], log_partition: LogPartition) -> LayerLikelihood {
    let count = bounds.len() as f64;
    let mean = bounds.iter().sum::<f64>() / count;
    let squares = bounds.iter().map(|bound| (bound - mean).powi(2));
    let of_data = (count > 1.0).then(|| (squares.sum::<f64>() / (count - 1.0) / count).sqrt());
    LayerLikelihood {
        name: format!("H{}", index + 1),
        log_partition,
        log_likelihood: mean - log_partition.nats,
        stderr: of_data.map(|error| error.hypot(log_partition.stderr.unwrap_or(0.0))),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, s};

    use super::*;
    use crate::DbnConfig;

    fn machine(visible: usize, hidden: usize, index: u64) -> Rbm {
        let mut rng = Stream::new(5, Purpose::Weights, index).rng(0);
        let mut normal = || 0.7 * rng.normal() as f32;
        Rbm {
            weights: Array2::from_shape_simple_fn((visible, hidden), &mut normal),
            visible_bias: Array1::from_shape_simple_fn(visible, &mut normal),
            hidden_bias: Array1::from_shape_simple_fn(hidden, &mut normal),
        }
    }

    fn network() -> Dbn {
        Dbn {
            machines: vec![machine(5, 4, 0), machine(4, 3, 1)],
            config: DbnConfig {
                layers: vec![5, 4, 3],
                ..DbnConfig::default()
            },
            seed: 1,
            data: String::new(),
        }
    }

    /// All states of so many units, a row each.
    fn states(units: usize) -> Array2<f32> {
        Array2::from_shape_fn((1 << units, units), |(state, unit)| {
            (state >> unit & 1) as f32
        })
    }

    fn likelihoods(
        dbn: &Dbn,
        observed: &Array2<f32>,
        threads: usize,
        seed: u64,
    ) -> Vec<LayerLikelihood> {
        let workers = Workers::new(threads).expect("threads");
        let inputs = Inputs::Borrowed(observed);
        let config = AnnealingConfig::default();
        let go_on = &mut |_| ControlFlow::Continue(());
        let result = dbn.log_likelihood_bounds(&workers, &config, &inputs, &inputs, seed, go_on);
        result.expect("valid").expect("nobody stopped it")
    }

    /// The same by summing over every state of H1.
    fn by_hand(dbn: &Dbn, v: ArrayView1<f32>) -> (f64, f64, f64) {
        let [first, second] = &dbn.machines[..] else {
            panic!("two machines")
        };
        let single = Workers::single();
        let log_z = |rbm: &Rbm| rbm.log_partition_function(&single).expect("small");
        let v = v.insert_axis(ndarray::Axis(0));
        let one = -first.free_energy(&single, v)[0] - log_z(first);
        let hidden = states(4);
        let q = fields(v, first.weights.view(), first.hidden_bias.view());
        let (mut exact, mut bound) = (0.0, 0.0);
        for (index, h) in hidden.outer_iter().enumerate() {
            let top = -second.free_energy(&single, hidden.slice(s![index..=index, ..]))[0]
                - log_z(second);
            let down = fields(
                h.insert_axis(ndarray::Axis(0)),
                first.weights.t(),
                first.visible_bias.view(),
            );
            let log = |units: ArrayView1<f32>, fields: ArrayView1<f32>| -> f64 {
                let pairs = units.iter().zip(fields);
                pairs
                    .map(|(u, x)| f64::from(*u) * f64::from(*x) - softplus(f64::from(*x)))
                    .sum()
            };
            let joint = top + log(v.row(0), down.row(0));
            let log_q = log(h, q.row(0));
            exact += joint.exp();
            bound += log_q.exp() * (joint - log_q);
        }
        (one, exact.ln(), bound)
    }

    #[test]
    fn a_layer_is_exact_and_a_stack_is_bounded() {
        let dbn = network();
        for v in states(5).outer_iter().step_by(7) {
            let (one, exact, bound) = by_hand(&dbn, v);
            // The same observation over and over: the mean is over Q alone.
            let observed = v.broadcast((20_000, 5)).expect("a row").to_owned();
            let layers = likelihoods(&dbn, &observed, 1, 1);
            assert!((layers[0].log_likelihood - one).abs() < 1e-5);
            assert!(bound < exact);
            let error = layers[1].stderr.expect("many observations");
            let difference = layers[1].log_likelihood - bound;
            assert!(
                error < 0.02 && difference.abs() < 4.0 * error,
                "{difference} of {error}"
            );
        }
    }

    #[test]
    fn threads_change_nothing() {
        let dbn = network();
        let observed =
            Array2::from_shape_fn((1_300, 5), |(i, j)| ((i * 7 + j * 3) % 10) as f32 / 9.0);
        assert_eq!(
            likelihoods(&dbn, &observed, 1, 1),
            likelihoods(&dbn, &observed, 3, 1)
        );
        assert_ne!(
            likelihoods(&dbn, &observed, 1, 1),
            likelihoods(&dbn, &observed, 1, 2)
        );
    }
}
