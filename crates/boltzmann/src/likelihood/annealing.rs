//! Annealed importance sampling of the partition function.
//!
//! Sources: R. M. Neal, "Annealed importance sampling", Statistics and Computing 11 (2001), 125;
//! R. Salakhutdinov, I. Murray, "On the quantitative analysis of deep belief networks", ICML 2008.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ndarray::{Array1, Array2, ArrayView1};
use resrel_kernels::{
    Draw, Precision, Purpose, Stream, StreamRng, Workers, conditional, product, sigmoid,
    softplus_sum,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Inputs, Rbm};

/// Runs that anneal side by side: one task.
const BLOCK: usize = 50;
/// Machines whose smaller side has at most so many units are enumerated: a million states, a second.
const ENUMERATED: usize = 20;
/// Temperatures between two questions whether to go on.
const TELL_EVERY: usize = 50;
/// Parts of the way from β = 0 to 1, and the share of the temperatures that each takes, in 29ths: where the
/// distribution changes fastest they lie closest (Salakhutdinov and Murray).
const SCHEDULE: [(f64, f64, f64); 3] = [(0.0, 0.5, 1.0), (0.5, 0.9, 8.0), (0.9, 1.0, 20.0)];
const SHARES: f64 = 29.0;

/// How a partition function is estimated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnnealingConfig {
    /// Independent runs.
    pub runs: usize,
    /// Intermediate distributions of each.
    pub temperatures: usize,
}

impl Default for AnnealingConfig {
    /// 100 runs through 14,500 temperatures, as Salakhutdinov and Murray.
    fn default() -> Self {
        Self {
            runs: 100,
            temperatures: 14_500,
        }
    }
}

impl AnnealingConfig {
    /// Refuses what cannot be run.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn validate(&self) -> Result<(), Error> {
        let most = 1 << 20;
        if !(2..=most).contains(&self.runs) {
            return Err(Error::config("runs", self.runs, "2 to 1048576"));
        }
        if self.temperatures == 0 || u32::try_from(self.temperatures).is_err() {
            return Err(Error::config(
                "temperatures",
                self.temperatures,
                "1 to 4294967295",
            ));
        }
        Ok(())
    }

    /// β from 0 to 1, both included.
    fn betas(&self) -> Vec<f64> {
        let mut betas = vec![0.0];
        let mut share = 0.0;
        for (from, to, size) in SCHEDULE {
            share += size;
            let end = (self.temperatures as f64 * share / SHARES).round() as usize;
            let first = betas.len() - 1;
            let count = end.saturating_sub(first);
            betas.extend((1..=count).map(|k| from + (to - from) * k as f64 / count as f64));
        }
        betas
    }
}

/// ln Z of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogPartition {
    /// ln Z, in nats.
    pub nats: f64,
    /// Its standard error, of the logarithm of the mean weight to first order; `None` where it is exact.
    pub stderr: Option<f64>,
    /// Effective number of runs, (Σ w)²/Σ w²; `None` where it is exact. Where it is small, few runs carry the
    /// mean: ln Z is then likely too small, and its standard error means little.
    pub effective_runs: Option<f64>,
}

impl LogPartition {
    /// Whether it is exact, or carried by at least ten runs.
    #[must_use]
    pub fn reliable(&self) -> bool {
        self.effective_runs.is_none_or(|runs| runs >= 10.0)
    }
}

impl Rbm {
    /// ln Z: enumerated where the smaller side has at most 20 units, else [annealed](Rbm::annealed).
    /// `inputs` are what the machine was trained on. `None` if `observer`, who is told the share that is
    /// done, stopped it.
    ///
    /// # Errors
    /// [`Error::Config`] for an impossible configuration, [`Error::Features`] for inputs of another size.
    pub fn log_partition(
        &self,
        workers: &Workers,
        config: &AnnealingConfig,
        inputs: &Inputs,
        seed: u64,
        observer: &mut (dyn FnMut(f64) -> ControlFlow<()> + Send),
    ) -> Result<Option<LogPartition>, Error> {
        if self.visible().min(self.hidden()) <= ENUMERATED {
            let nats = self.log_partition_function(workers)?;
            return Ok(Some(LogPartition {
                nats,
                stderr: None,
                effective_runs: None,
            }));
        }
        self.annealed(workers, config, inputs, seed, observer)
    }

    /// ln Z by annealed importance sampling.
    ///
    /// Each run starts from visible units that are independent, with the means of `inputs`, and passes
    /// through p_β(v) ∝ e^((1−β) a⁰·v + β a·v) Π_j (1 + e^(β(b_j + vᵀ W_j))), β from 0 to 1, with one Gibbs
    /// step at each. Its weight w is the product of p_β'(v)/p_β(v); Z = 2^H Π_i (1 + e^(a⁰_i)) times the mean
    /// of w. The same seed gives the same numbers on any number of threads.
    ///
    /// # Errors
    /// As [`Rbm::log_partition`].
    pub fn annealed(
        &self,
        workers: &Workers,
        config: &AnnealingConfig,
        inputs: &Inputs,
        seed: u64,
        observer: &mut (dyn FnMut(f64) -> ControlFlow<()> + Send),
    ) -> Result<Option<LogPartition>, Error> {
        config.validate()?;
        let (found, expected) = (inputs.features(), self.visible());
        if found != expected {
            return Err(Error::Features { found, expected });
        }
        if inputs.rows() == 0 {
            return Err(Error::Empty);
        }
        // A unit that is always the same is let off it once in twice the data.
        let least = 0.5 / inputs.rows() as f64;
        let base = inputs.means().mapv(|mean| {
            let p = mean.clamp(least, 1.0 - least);
            (p / (1.0 - p)).ln()
        });
        let annealing = Annealing {
            rbm: self,
            betas: config.betas(),
            base: base.view(),
            stream: Stream::new(seed, Purpose::Annealing, 0),
        };
        let blocks = config.runs.div_ceil(BLOCK);
        let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
        let all = blocks * (annealing.betas.len() - 1);
        let observer = Mutex::new(observer);
        let tell = |temperatures: usize| {
            let done = done.fetch_add(temperatures, Ordering::Relaxed) + temperatures;
            // Who is asked just now answers for all.
            if let Ok(mut observer) = observer.try_lock()
                && observer(done as f64 / all as f64).is_break()
            {
                stop.store(true, Ordering::Relaxed);
            }
            stop.load(Ordering::Relaxed)
        };
        let parts = workers.map(blocks, |block| {
            let first = block * BLOCK;
            annealing.runs(first, (config.runs - first).min(BLOCK), &tell)
        });
        if stop.into_inner() {
            return Ok(None);
        }
        let weights: Vec<f64> = parts.into_iter().flatten().collect();
        let start = self.hidden() as f64 * std::f64::consts::LN_2 + softplus_sum(&base.to_vec());
        Ok(Some(mean_weight(&weights, start)))
    }
}

/// ln Z of runs with the given log-weights.
fn mean_weight(weights: &[f64], start: f64) -> LogPartition {
    let count = weights.len() as f64;
    let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let scaled = || weights.iter().map(|weight| (weight - largest).exp());
    let sum: f64 = scaled().sum();
    let squares: f64 = scaled().map(|weight| weight * weight).sum();
    let mean = sum / count;
    let variance = scaled().map(|weight| (weight - mean).powi(2)).sum::<f64>() / (count - 1.0);
    LogPartition {
        nats: start + largest + mean.ln(),
        stderr: Some((variance / count).sqrt() / mean),
        effective_runs: Some(sum * sum / squares),
    }
}

struct Annealing<'a> {
    rbm: &'a Rbm,
    betas: Vec<f64>,
    /// a⁰.
    base: ArrayView1<'a, f64>,
    stream: Stream,
}

impl Annealing<'_> {
    /// Log-weights of `count` runs from number `first`; too few temperatures' worth if `stop` said so.
    fn runs(&self, first: usize, count: usize, stop: &dyn Fn(usize) -> bool) -> Vec<f64> {
        let (visible, hidden) = (self.rbm.visible(), self.rbm.hidden());
        let single = Workers::single();
        let draws = |index: usize| self.stream.substream(index as u64);
        let mut rngs: Vec<StreamRng> = (first..first + count)
            .map(|run| draws(0).rng(run as u64))
            .collect();
        let mut v = Array2::<f32>::zeros((count, visible));
        for (mut row, rng) in v.outer_iter_mut().zip(&mut rngs) {
            for (unit, a) in row.iter_mut().zip(self.base) {
                *unit = f32::from(u8::from(rng.uniform() < 1.0 / (1.0 + (-a).exp())));
            }
        }
        let difference: Array1<f64> = self.rbm.visible_bias.mapv(f64::from) - self.base;
        let mut weights = vec![0.0; count];
        let mut field = Array2::<f32>::zeros((count, hidden));
        let mut means = Array2::<f32>::zeros((count, visible));
        // Fields of one run's hidden units at both temperatures.
        let (mut before, mut after) = (vec![0.0; hidden], vec![0.0; hidden]);
        for (step, pair) in (1_u64..).zip(self.betas.windows(2)) {
            let (from, to) = (pair[0], pair[1]);
            let machine = self.rbm.weights.view();
            product(
                &single,
                Precision::Single,
                0.0,
                1.0,
                v.view(),
                machine,
                field.view_mut(),
            );
            for (run, weight) in weights.iter_mut().enumerate() {
                let linear: f64 = v
                    .row(run)
                    .iter()
                    .zip(&difference)
                    .map(|(unit, a)| f64::from(*unit) * a)
                    .sum();
                *weight += (to - from) * linear;
                let rng = &mut rngs[run];
                let units = field.row_mut(run).into_iter().zip(&self.rbm.hidden_bias);
                for (unit, (x, b)) in units.enumerate() {
                    let y = f64::from(*x + *b);
                    (before[unit], after[unit]) = (from * y, to * y);
                    let on = rng.uniform() < f64::from(sigmoid((to * y) as f32));
                    *x = f32::from(u8::from(on));
                }
                *weight += softplus_sum(&after) - softplus_sum(&before);
            }
            let bias: Array1<f32> = self
                .rbm
                .visible_bias
                .iter()
                .zip(self.base)
                .map(|(a, base)| ((1.0 - to) * base + to * f64::from(*a)) as f32)
                .collect();
            let draw = Draw {
                stream: draws(1),
                number: step,
                first_row: first as u32,
                samples: v.view_mut(),
            };
            let (back, scale) = (self.rbm.weights.t(), to as f32);
            let out = means.view_mut();
            conditional(
                &single,
                Precision::Single,
                scale,
                field.view(),
                back,
                bias.view(),
                out,
                Some(draw),
            );
            if step.is_multiple_of(TELL_EVERY as u64) && stop(TELL_EVERY) {
                break;
            }
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn machine(scale: f64) -> (Rbm, Array2<f32>) {
        let mut rng = Stream::new(3, Purpose::Weights, 0).rng(0);
        let weights = Array2::from_shape_simple_fn((12, 9), || (scale * rng.normal()) as f32);
        let visible_bias = Array1::from_shape_simple_fn(12, || rng.normal() as f32);
        let hidden_bias = Array1::from_shape_simple_fn(9, || rng.normal() as f32);
        let data = Array2::from_shape_simple_fn((50, 12), || rng.below(2) as f32);
        let rbm = Rbm {
            weights,
            visible_bias,
            hidden_bias,
        };
        (rbm, data)
    }

    fn annealed(rbm: &Rbm, data: &Array2<f32>, threads: usize, seed: u64) -> LogPartition {
        let config = AnnealingConfig {
            runs: 120,
            temperatures: 300,
        };
        let workers = Workers::new(threads).expect("threads");
        let inputs = Inputs::Borrowed(data);
        let result = rbm.annealed(&workers, &config, &inputs, seed, &mut |_| {
            ControlFlow::Continue(())
        });
        result.expect("valid").expect("nobody stopped it")
    }

    #[test]
    fn it_agrees_with_enumeration_within_its_error() {
        for scale in [0.3, 1.0] {
            let (rbm, data) = machine(scale);
            let exact = rbm
                .log_partition_function(&Workers::single())
                .expect("small");
            // Of ten estimates at least eight lie within two standard errors, and none beyond four.
            let errors: Vec<f64> = (0..10)
                .map(|seed| {
                    let estimate = annealed(&rbm, &data, 1, seed);
                    assert!(estimate.reliable() && estimate.stderr.is_some_and(|e| e < 0.1));
                    (estimate.nats - exact) / estimate.stderr.expect("estimated")
                })
                .collect();
            let within = errors.iter().filter(|error| error.abs() < 2.0).count();
            assert!(within >= 8, "{errors:?}");
            assert!(errors.iter().all(|error| error.abs() < 4.0), "{errors:?}");
        }
    }

    #[test]
    fn threads_change_nothing_and_seeds_do() {
        let (rbm, data) = machine(0.5);
        assert_eq!(annealed(&rbm, &data, 1, 1), annealed(&rbm, &data, 3, 1));
        assert_ne!(annealed(&rbm, &data, 1, 1), annealed(&rbm, &data, 1, 2));
    }

    #[test]
    fn small_machines_are_enumerated() {
        let (rbm, data) = machine(0.5);
        let workers = Workers::single();
        let config = AnnealingConfig::default();
        let inputs = Inputs::Borrowed(&data);
        let go_on = &mut |_| ControlFlow::Continue(());
        let result = rbm.log_partition(&workers, &config, &inputs, 1, go_on);
        let exact = result.expect("valid").expect("nobody stopped it");
        let nats = rbm.log_partition_function(&workers).expect("small");
        assert_eq!((exact.nats, exact.stderr), (nats, None));
    }

    #[test]
    fn the_weights_give_mean_error_and_effective_number() {
        // Weights 1, 2, 3 (times e^700): mean 2, standard error √(1/3), (1+2+3)²/(1+4+9).
        let weights = array![1.0, 2.0, 3.0_f64].mapv(|w: f64| 700.0 + w.ln());
        let result = mean_weight(weights.as_slice().expect("contiguous"), 5.0);
        assert!((result.nats - (705.0 + 2.0_f64.ln())).abs() < 1e-12);
        let stderr = result.stderr.expect("estimated");
        assert!((stderr - (1.0_f64 / 3.0).sqrt() / 2.0).abs() < 1e-12);
        let runs = result.effective_runs.expect("estimated");
        assert!((runs - 36.0 / 14.0).abs() < 1e-12);
    }

    #[test]
    fn temperatures_rise_from_0_to_1() {
        for temperatures in [1, 2, 29, 1_000] {
            let config = AnnealingConfig {
                temperatures,
                ..AnnealingConfig::default()
            };
            let betas = config.betas();
            assert_eq!(betas.len(), temperatures + 1);
            assert_eq!((betas[0], betas[temperatures]), (0.0, 1.0));
            assert!(betas.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn it_can_be_stopped() {
        let (rbm, data) = machine(0.5);
        let config = AnnealingConfig::default();
        let inputs = Inputs::Borrowed(&data);
        let result = rbm.annealed(&Workers::single(), &config, &inputs, 1, &mut |_| {
            ControlFlow::Break(())
        });
        assert_eq!(result.expect("valid"), None);
    }
}
