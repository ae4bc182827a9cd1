//! The work of one unit: data → model → states → counts → measures → record.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use resrel_boltzmann::{
    Dbn, DbnConfig, DbnTrainer, Event, Inputs, Monitor, TrainedDbn, remove_checkpoint,
};
use resrel_cluster::{ClusterError, KMeans, k_means};
use resrel_data::{Dataset, Samples, shuffled};
use resrel_kernels::{BitRows, Workers, instruction_set};
use resrel_measure::{Measure, StateCounts, classification_error};

use crate::{Error, RECORD_VERSION, Record, Series, Sidecar, Task, Unit};

/// A measure, and the spectrum that it was made from: pairs (k, m_k), k ascending.
pub type Measured = (Measure, Vec<(u64, u64)>);

/// What happens while a unit runs.
#[derive(Debug)]
pub(crate) enum UnitEvent {
    /// Share of its work that is done, 0 … 1.
    Done(f64),
    /// Something that the user should know: a damaged checkpoint that was passed over.
    Warning(String),
}

/// Runs a unit; `None` if `observer` stopped it. What is half done lies in `out` and is gone on with
/// next time.
pub(crate) fn run_unit(
    unit: &Unit,
    data: &Dataset,
    out: &Path,
    workers: &Workers,
    observer: &mut (dyn FnMut(UnitEvent) -> ControlFlow<()> + Send),
) -> Result<Option<(Record, Sidecar)>, Error> {
    let mut work = Work {
        unit,
        workers,
        seconds: BTreeMap::new(),
    };
    let all = &data.train;
    let some = unit
        .observations
        .filter(|count| *count < all.observations());
    let part = some.map(|count| all.first(count));
    let observed = part.as_ref().unwrap_or(all);
    let control = (unit.series == Series::Shuffled)
        .then(|| work.timed("shuffle", |_| shuffled(observed, unit.seed, workers)));
    let samples = control.as_ref().unwrap_or(observed);
    let (measured, trained) = match &unit.task {
        Task::Dbn(config) => {
            let validation = data
                .test
                .as_ref()
                .filter(|_| unit.series == Series::Trained);
            let Some(trained) = work.train(config, samples, validation, out, observer)? else {
                return Ok(None);
            };
            let inputs = Inputs::Borrowed(&samples.values);
            let states = work.timed("states", |_| trained.dbn.states(workers, &inputs))?;
            let measured = work.timed("measure", |_| measure_layers(&states, samples))?;
            (measured, Some(trained))
        }
        Task::KMeans(config) => {
            let result = work.timed("cluster", |_| {
                k_means(samples.values.view(), config, workers, &mut |progress| {
                    let most = config.max_iterations as f64;
                    observer(UnitEvent::Done(progress.iteration as f64 / most))
                })
            });
            let result = match result {
                Err(ClusterError::Interrupted { .. }) => return Ok(None),
                result => result?,
            };
            let measured = work.timed("measure", |_| measure_clusters(&result, samples))?;
            (vec![measured], None)
        }
    };
    let (layers, spectra) = measured.into_iter().unzip();
    let (monitoring, seconds_per_pass) =
        trained.map_or_else(Default::default, |t| (t.monitoring, t.seconds_per_pass));
    let record = Record {
        record_version: RECORD_VERSION,
        version: env!("CARGO_PKG_VERSION").into(),
        unit: unit.clone(),
        instruction_set: instruction_set().into(),
        data: data.name.clone(),
        layers,
        seconds: work.seconds,
        seconds_per_pass,
        monitoring,
    };
    Ok(Some((record, Sidecar { spectra })))
}

/// The measures and the spectrum of every layer's states, H1 first.
///
/// # Errors
/// [`Error::Measure`] if there are no observations.
pub fn measure_layers(states: &[BitRows], samples: &Samples) -> Result<Vec<Measured>, Error> {
    (1..)
        .zip(states)
        .map(|(layer, states)| {
            measure_states(
                &format!("H{layer}"),
                states.words(),
                states.words_per_row(),
                samples,
            )
        })
        .collect()
}

/// The measures and the spectrum of a clustering, named by its number of clusters.
///
/// # Errors
/// [`Error::Measure`] if there are no observations.
pub fn measure_clusters(clusters: &KMeans, samples: &Samples) -> Result<Measured, Error> {
    let words: Vec<u64> = clusters
        .assignments
        .iter()
        .map(|&cluster| cluster.into())
        .collect();
    measure_states(&clusters.centroids.nrows().to_string(), &words, 1, samples)
}

fn measure_states(
    name: &str,
    words: &[u64],
    words_per_row: usize,
    samples: &Samples,
) -> Result<Measured, Error> {
    let mut counts = StateCounts::new(words_per_row);
    let mut states = Vec::new();
    counts.observe_rows_into(words, &mut states)?;
    let error = samples
        .labels
        .as_deref()
        .map(|labels| classification_error(&states, labels));
    let spectrum = counts.spectrum()?;
    let measure = Measure::new(name, &spectrum, error.transpose()?);
    Ok((measure, spectrum.pairs().to_vec()))
}

struct Work<'a> {
    unit: &'a Unit,
    workers: &'a Workers,
    seconds: BTreeMap<String, f64>,
}

impl Work<'_> {
    /// Runs a phase and notes how long it took.
    fn timed<T>(&mut self, phase: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        let started = Instant::now();
        let result = work(self);
        *self.seconds.entry(phase.into()).or_default() += started.elapsed().as_secs_f64();
        result
    }

    /// The unit's network, trained if its series says so; `None` if it was stopped.
    fn train(
        &mut self,
        config: &DbnConfig,
        samples: &Samples,
        validation: Option<&Samples>,
        out: &Path,
        observer: &mut (dyn FnMut(UnitEvent) -> ControlFlow<()> + Send),
    ) -> Result<Option<TrainedDbn>, Error> {
        let inputs = Inputs::Borrowed(&samples.values);
        if self.unit.series == Series::Untrained {
            let dbn = Dbn::untrained(&inputs, config, self.unit.seed)?;
            return Ok(Some(TrainedDbn {
                dbn,
                monitoring: Vec::<Vec<Monitor>>::new(),
                seconds_per_pass: Vec::new(),
            }));
        }
        let folder = out.join("checkpoints");
        std::fs::create_dir_all(&folder).map_err(|source| Error::File {
            path: folder.clone(),
            source,
        })?;
        let checkpoint = folder.join(format!("{}.safetensors", self.unit.name));
        let trainer = match DbnTrainer::resume(&checkpoint, config, self.unit.seed)? {
            None => DbnTrainer::new(config, self.unit.seed)?,
            Some((trainer, warning)) => {
                if let Some(warning) = warning {
                    let text = format!("{warning}; going on from the checkpoint before it");
                    // The answer to a warning changes nothing: the next progress event is asked again.
                    let _ = observer(UnitEvent::Warning(text));
                }
                trainer
            }
        };
        let validation = validation.map(|samples| Inputs::Borrowed(&samples.values));
        let workers = self.workers;
        let trained = self.timed("train", |_| {
            trainer.run(
                workers,
                &inputs,
                validation.as_ref(),
                Some(&checkpoint),
                &mut |event| match event {
                    Event::Progress { done, .. } => observer(UnitEvent::Done(*done)),
                    _ => ControlFlow::Continue(()),
                },
            )
        })?;
        let Some(trained) = trained else {
            return Ok(None);
        };
        if self.unit.series == Series::Trained {
            let folder = out.join("models");
            std::fs::create_dir_all(&folder).map_err(|source| Error::File {
                path: folder.clone(),
                source,
            })?;
            trained
                .dbn
                .save(&folder.join(format!("{}.safetensors", self.unit.name)))?;
        }
        remove_checkpoint(&checkpoint)?;
        Ok(Some(trained))
    }
}
