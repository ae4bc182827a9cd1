//! What a plan will take: an estimate of its time and its disk.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use resrel_boltzmann::{DbnConfig, DbnTrainer, Inputs, TrainingConfig};
use resrel_data::digits;
use resrel_kernels::Workers;
use serde::Serialize;

use crate::plan::dbn_cost;
use crate::{Error, Plan, Unit};

/// The machine is timed for at least so long.
const TIMED: Duration = Duration::from_millis(400);

/// What a plan will take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Wall-clock seconds on this machine, within a factor of about two.
    pub seconds: f64,
    /// Bytes in the output folder at the end.
    pub bytes: u64,
}

impl Plan {
    /// What the units that `left` accepts will take with so many threads, on data of so many observations.
    ///
    /// The machine trains a small network for a moment, and each unit's share of work does the rest.
    ///
    /// # Errors
    /// [`Error::Workers`] if threads cannot be started.
    pub fn estimate(
        &self,
        observations: usize,
        threads: usize,
        left: impl Fn(&Unit) -> bool,
    ) -> Result<Estimate, Error> {
        let left: Vec<&Unit> = self.units.iter().filter(|unit| left(unit)).collect();
        let costs: Vec<f64> = left.iter().map(|unit| unit.weight()).collect();
        let work: f64 = costs.iter().sum();
        let longest = costs.iter().copied().fold(0.0, f64::max);
        let threads = threads.max(1) as f64;
        // With more threads than units, each unit has several, which it uses less well.
        let slots = threads.min(left.len().max(1) as f64);
        let per_unit = (threads / slots).sqrt();
        let seconds = (work / slots).max(longest) / per_unit * seconds_per_cost()?;
        let bytes = left.iter().map(|unit| unit.bytes(observations)).sum();
        Ok(Estimate { seconds, bytes })
    }
}

/// Seconds per unit of cost on one thread of this machine.
fn seconds_per_cost() -> Result<f64, Error> {
    let workers = Workers::new(1)?;
    let images = digits(500, 1, 0, &workers).train;
    let config = DbnConfig {
        layers: vec![784, 250],
        training: TrainingConfig {
            epochs: None,
            updates: Some(50),
            ..TrainingConfig::default()
        },
        ..DbnConfig::default()
    };
    let cost = dbn_cost(&config, 500, true);
    let (start, mut rounds) = (Instant::now(), 0.0);
    while start.elapsed() < TIMED {
        let trainer = DbnTrainer::new(&config, 0)?;
        let inputs = Inputs::Borrowed(&images.values);
        trainer.run(&workers, &inputs, None, None, &mut |_| {
            ControlFlow::Continue(())
        })?;
        rounds += 1.0;
    }
    Ok(start.elapsed().as_secs_f64() / (rounds * cost))
}
