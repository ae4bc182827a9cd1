//! Samples of a layer: chains → images → labels → what is kept of them.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use resrel_boltzmann::{Chains, Convergence, Dbn, Event, SamplingConfig};
use resrel_data::Dataset;
use resrel_kernels::Workers;
use resrel_measure::Generation;
use serde::{Deserialize, Serialize};

use crate::files::write_file;
use crate::quality::labels_of;
use crate::{Error, Labels, Quality};

/// Moments at which a run is looked at: its end, its half, its quarter …
const MOMENTS: u32 = 10;
/// Samples that are labelled before the end, the first ones.
const GLANCE: usize = 5_000;

/// What a layer generated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generated {
    /// The layer: H1 …
    pub name: String,
    /// What was sampled.
    pub sampling: SamplingConfig,
    /// How good the samples are.
    pub quality: Quality,
    /// Whether the chains forgot where they started, by their energies in the second half of the steps.
    pub convergence: Convergence,
    /// How it came to this.
    pub moments: Vec<Moment>,
    /// With parallel tempering: for each pair of neighbouring temperatures the fraction of swaps accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub swap_rates: Vec<Option<f64>>,
    /// Wall-clock seconds of a Gibbs step of all chains; `None` where no step was made.
    pub seconds_per_step: Option<f64>,
}

/// What chains looked like on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Gibbs steps made.
    pub step: u64,
    /// Mean of E(h_(l−1), h_l) over the chains, in nats, when last noted.
    pub energy: Option<f64>,
    /// Label frequencies of the first 5,000 samples, where a classifier labels them.
    pub labels: Option<Generation>,
}

/// What happens while samples are drawn.
#[derive(Debug)]
pub enum GenerateEvent {
    /// Share of the steps that is made, 0 … 1.
    Sampled(f64),
    /// The state is saved.
    Saved,
}

/// Watches, and stops the work with `Break`.
pub type GenerateObserver<'a> = dyn FnMut(&GenerateEvent) -> ControlFlow<()> + Send + 'a;

/// Runs `chains` of `dbn` to their last step and judges the samples; `None` if `observer` stopped it. Where
/// there is a `checkpoint` path, it goes on from there, and what is half done is saved there.
///
/// # Errors
/// [`Error::Boltzmann`] if the checkpoint is of another run or cannot be written, and what
/// [`Quality::new`] has.
pub fn generate(
    chains: &mut Chains,
    dbn: &Dbn,
    data: Option<&Dataset>,
    labels: &Labels,
    checkpoint: Option<&Path>,
    workers: &Workers,
    observer: &mut GenerateObserver,
) -> Result<Option<Generated>, Error> {
    let config = chains.config().clone();
    let mut moments = Vec::new();
    if let Some(path) = checkpoint
        && chains.resume(path, dbn)?
    {
        moments = Moment::load(path);
        moments.retain(|moment| moment.step <= chains.step());
    }
    let (mut running, begun) = (Duration::ZERO, chains.step());
    for until in moments_of(config.steps) {
        if until <= chains.step() {
            continue;
        }
        let started = Instant::now();
        let finished = chains.run(workers, until, dbn, checkpoint, &mut |event| match event {
            Event::Sampled { done, .. } => observer(&GenerateEvent::Sampled(*done)),
            Event::Saved { .. } => observer(&GenerateEvent::Saved),
            _ => ControlFlow::Continue(()),
        })?;
        running += started.elapsed();
        if !finished {
            return Ok(None);
        }
        moments.push(Moment::of(chains, dbn, data, labels, workers)?);
        if let Some(path) = checkpoint {
            Moment::save(&moments, path)?;
        }
    }
    let made = chains.step() - begun;
    let mut images = |rows| chains.images(dbn, workers, rows);
    let quality = match data {
        Some(data) => Quality::new(config.samples, &mut images, data, labels, workers)?,
        None => Quality::default(),
    };
    Ok(Some(Generated {
        name: format!("H{}", config.layer),
        quality,
        convergence: convergence(chains),
        swap_rates: chains.swap_rates(),
        moments,
        seconds_per_step: (made > 0).then(|| running.as_secs_f64() / made as f64),
        sampling: config,
    }))
}

/// Removes what a run saved to go on from.
///
/// # Errors
/// [`Error::File`] if a file cannot be removed.
pub fn forget(checkpoint: &Path) -> Result<(), Error> {
    for path in [checkpoint.to_path_buf(), Moment::path(checkpoint)] {
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::File { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Steps at which the run is looked at, ascending.
fn moments_of(steps: u64) -> Vec<u64> {
    let mut moments: Vec<u64> = (0..MOMENTS).rev().map(|k| steps.div_ceil(1 << k)).collect();
    moments.dedup();
    moments
}

/// Of the energies in the second half of the steps: the first half is for forgetting the start.
fn convergence(chains: &Chains) -> Convergence {
    let groups = &chains.energies().groups;
    let late: Vec<Vec<f64>> = groups
        .iter()
        .map(|group| group[group.len() / 2..].to_vec())
        .collect();
    Convergence::new(&late, chains.energies().every)
}

impl Moment {
    fn of(
        chains: &Chains,
        dbn: &Dbn,
        data: Option<&Dataset>,
        labels: &Labels,
        workers: &Workers,
    ) -> Result<Self, Error> {
        let last: Option<Vec<f64>> = chains
            .energies()
            .groups
            .iter()
            .map(|group| group.last().copied())
            .collect();
        let energy = last.map(|last| last.iter().sum::<f64>() / last.len() as f64);
        let of_data = data.and_then(|data| data.train.labels.as_deref());
        let labels = match (labels, of_data) {
            (Labels::Classifier(classifier), Some(of_data)) => {
                let count = chains.config().samples.min(GLANCE);
                let labels = labels_of(count, classifier, &mut |rows| {
                    chains.images(dbn, workers, rows)
                })?;
                Some(Generation::new(of_data, &labels)?)
            }
            _ => None,
        };
        Ok(Self {
            step: chains.step(),
            energy,
            labels,
        })
    }

    fn path(checkpoint: &Path) -> PathBuf {
        checkpoint.with_extension("moments.json")
    }

    fn save(moments: &[Self], checkpoint: &Path) -> Result<(), Error> {
        let path = Self::path(checkpoint);
        let json = serde_json::to_vec(moments).map_err(|error| Error::Record {
            path: path.clone(),
            problem: error.to_string(),
        })?;
        write_file(&path, &json)
    }

    /// What was saved beside the checkpoint; nothing where it cannot be read: it only shows the way.
    fn load(checkpoint: &Path) -> Vec<Self> {
        let text = std::fs::read(Self::path(checkpoint)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_looked_at_ever_less_often() {
        assert_eq!(
            moments_of(1_000),
            [2, 4, 8, 16, 32, 63, 125, 250, 500, 1_000]
        );
        assert_eq!(moments_of(3), [1, 2, 3]);
        assert_eq!(moments_of(1), [1]);
    }
}
