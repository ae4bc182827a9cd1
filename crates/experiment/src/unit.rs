//! The work of one unit: data → model → states → counts → measures → record.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::time::Instant;

use ndarray::s;
use resrel_boltzmann::{
    Chains, Dbn, DbnConfig, DbnTrainer, Event, Inputs, Monitor, TrainedDbn, remove_checkpoint,
};
use resrel_cluster::{ClusterError, KMeans, k_means};
use resrel_data::{Dataset, Samples, shuffled};
use resrel_kernels::{BitRows, Workers, instruction_set};
use resrel_measure::{Measure, StateCounts, classification_error};
use resrel_networks::{Classifier, ClassifierConfig, FeedForward, FeedForwardConfig, Vae};

use crate::generated::forget;
use crate::hierarchy::hierarchy;
use crate::shown::Shown;
use crate::{
    Error, GenerateConfig, GenerateEvent, Generated, Images, Labels, Learnt, Quality,
    RECORD_VERSION, Record, Series, Sidecar, Task, Unit, VaeTask, generate,
};

/// Samples that are kept as images: nine rows of twelve.
const SHOWN: usize = 108;

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
    let data = &*part_of(data, some.map(|count| all.first(count)));
    let observed = &data.train;
    let control = (unit.series == Series::Shuffled)
        .then(|| work.timed("shuffle", |_| shuffled(observed, unit.seed, workers)));
    let samples = control.as_ref().unwrap_or(observed);
    let mut record = begun(unit, data);
    let mut sidecar = Sidecar::default();
    let mut layers = Layers::new(unit, samples, data.image_shape);
    match &unit.task {
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
            work.timed("measure", |_| {
                let mut all = (1..).zip(&states);
                all.try_for_each(|(layer, states)| layers.add_bits(&layer_name(layer), states))
            })?;
            if let Some(config) = &unit.hierarchy {
                let tree = work.timed("hierarchy", |_| {
                    hierarchy(config, &states, samples, data.image_shape)
                });
                (record.hierarchy, sidecar.images) = tree;
            }
            record.monitoring = trained.monitoring;
            record.seconds_per_pass = trained.seconds_per_pass;
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
            let (name, words) = clusters(&result);
            work.timed("measure", |_| layers.add(&name, &words, 1))?;
        }
        Task::Classifier(config) => {
            let Some(classifier) = work.classify(config, data, out, observer)? else {
                return Ok(None);
            };
            record.test_error = Some(classifier.test_error());
        }
        Task::FeedForward(config) => {
            let Some((learnt, states)) = work.teach(config, data, out, observer)? else {
                return Ok(None);
            };
            work.timed("measure", |_| layers.add_bits("hidden", &states))?;
            record.learnt = Some(learnt);
        }
        Task::Vae(task) => {
            let Some((learnt, states, images)) = work.encode(task, data, out, observer)? else {
                return Ok(None);
            };
            work.timed("measure", |_| layers.add_bits("latent", &states))?;
            record.learnt = Some(learnt);
            sidecar.images = images;
        }
        Task::Generate(config) => {
            let Some((generated, images)) = work.generate(config, data, out, observer)? else {
                return Ok(None);
            };
            record.generated = Some(generated);
            sidecar.images = images;
        }
    }
    layers.finish(&mut record, &mut sidecar);
    record.seconds = work.seconds;
    Ok(Some((record, sidecar)))
}

/// What was found of layer after layer.
struct Layers<'a> {
    samples: &'a Samples,
    measured: Vec<Measured>,
    /// One realization is enough to look at.
    shown: Option<Shown<'a>>,
}

impl<'a> Layers<'a> {
    fn new(unit: &Unit, samples: &'a Samples, shape: Option<(usize, usize)>) -> Self {
        Self {
            samples,
            measured: Vec::new(),
            shown: (unit.realization == 0).then(|| Shown::new(samples, shape)),
        }
    }

    /// One more, with the states of all rows, `words_per_row` words each.
    fn add(&mut self, name: &str, words: &[u64], words_per_row: usize) -> Result<(), Error> {
        let measured = measure_states(name, words, words_per_row, self.samples)?;
        self.measured.push(measured);
        if let Some(shown) = &mut self.shown {
            shown.add(name, words, words_per_row);
        }
        Ok(())
    }

    fn add_bits(&mut self, name: &str, states: &BitRows) -> Result<(), Error> {
        self.add(name, states.words(), states.words_per_row())
    }

    fn finish(self, record: &mut Record, sidecar: &mut Sidecar) {
        (record.layers, sidecar.spectra) = self.measured.into_iter().unzip();
        if let Some(shown) = self.shown {
            (record.states, sidecar.states) = shown.finish();
        }
    }
}

/// The record of a unit that nothing has been found of yet.
fn begun(unit: &Unit, data: &Dataset) -> Record {
    Record {
        record_version: RECORD_VERSION,
        version: env!("CARGO_PKG_VERSION").into(),
        unit: unit.clone(),
        instruction_set: instruction_set().into(),
        data: data.name.clone(),
        layers: Vec::new(),
        seconds: BTreeMap::new(),
        seconds_per_pass: Vec::new(),
        monitoring: Vec::new(),
        test_error: None,
        generated: None,
        learnt: None,
        hierarchy: Vec::new(),
        states: Vec::new(),
    }
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
                &layer_name(layer),
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
    let (name, words) = self::clusters(clusters);
    measure_states(&name, &words, 1, samples)
}

/// A clustering's name, and the states that it gives.
fn clusters(clusters: &KMeans) -> (String, Vec<u64>) {
    let words = clusters.assignments.iter().map(|&cluster| cluster.into());
    (clusters.centroids.nrows().to_string(), words.collect())
}

/// A layer's name, from 1.
fn layer_name(layer: usize) -> String {
    format!("H{layer}")
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
        let checkpoint = place(out, "checkpoints", &self.unit.name)?;
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
            trained.dbn.save(&model_path(out, &self.unit.name)?)?;
        }
        remove_checkpoint(&checkpoint)?;
        Ok(Some(trained))
    }

    /// The classifier of the data, and a copy of it in the run's folder; `None` if it was stopped.
    fn classify(
        &mut self,
        config: &ClassifierConfig,
        data: &Dataset,
        out: &Path,
        observer: &mut (dyn FnMut(UnitEvent) -> ControlFlow<()> + Send),
    ) -> Result<Option<Classifier>, Error> {
        let workers = self.workers;
        let classifier = self.timed("train", |_| {
            Classifier::cached(data, config, workers, &mut |done| {
                observer(UnitEvent::Done(done))
            })
        })?;
        if let Some(classifier) = &classifier {
            classifier.save(&model_path(out, &self.unit.name)?)?;
        }
        Ok(classifier)
    }

    /// A network that was taught labels, and the states of its hidden layer; `None` if it was stopped.
    fn teach(
        &mut self,
        config: &FeedForwardConfig,
        data: &Dataset,
        out: &Path,
        observer: &mut (dyn FnMut(UnitEvent) -> ControlFlow<()> + Send),
    ) -> Result<Option<(Learnt, BitRows)>, Error> {
        let checkpoint = place(out, "checkpoints", &self.unit.name)?;
        let (seed, workers) = (self.unit.seed, self.workers);
        let trained = self.timed("train", |_| {
            let observer = &mut |done| observer(UnitEvent::Done(done));
            FeedForward::train(data, config, seed, Some(&checkpoint), workers, observer)
        })?;
        let Some(network) = trained else {
            return Ok(None);
        };
        let states = self.timed("states", |_| {
            let hidden = network.hidden(data.train.values.view(), workers);
            BitRows::from_threshold(hidden.view(), config.threshold() as f32)
        });
        let test = data.test.as_ref();
        let learnt = Learnt {
            train_accuracy: network.accuracy(&data.train, workers),
            test_accuracy: test.and_then(|test| network.accuracy(test, workers)),
            train_loss: None,
            test_loss: None,
            quality: None,
            history: network.history,
        };
        forget(&checkpoint)?;
        Ok(Some((learnt, states)))
    }

    /// An autoencoder, the states of its latent variables and some of its samples; `None` if it was stopped.
    fn encode(
        &mut self,
        task: &VaeTask,
        data: &Dataset,
        out: &Path,
        observer: &mut (dyn FnMut(UnitEvent) -> ControlFlow<()> + Send),
    ) -> Result<Option<(Learnt, BitRows, Option<Images>)>, Error> {
        let checkpoint = place(out, "checkpoints", &self.unit.name)?;
        let (seed, workers) = (self.unit.seed, self.workers);
        let images = data.train.values.view();
        let trained = self.timed("train", |_| {
            let observer = &mut |done| observer(UnitEvent::Done(done));
            Vae::train(
                images,
                &task.config,
                seed,
                Some(&checkpoint),
                workers,
                observer,
            )
        })?;
        let Some(vae) = trained else {
            return Ok(None);
        };
        let states = self.timed("states", |_| {
            let latent = vae.latent(images, workers);
            BitRows::from_threshold(latent.view(), task.config.threshold as f32)
        });
        let (mut quality, mut shown) = (None, None);
        if let Some(classifier) = &task.classifier {
            let classifier = Classifier::load(&model_path(out, classifier)?)?;
            let samples = self.timed("sample", |_| vae.generate(task.samples, seed, workers));
            let labels = Labels::Classifier(&classifier);
            let mut part = |rows: Range<usize>| samples.slice(s![rows, ..]).to_owned();
            let judged = Quality::new(task.samples, &mut part, data, &labels, workers)?;
            quality = Some(judged);
            shown = data.image_shape.map(|shape| {
                let first = samples.slice(s![..task.samples.min(SHOWN), ..]);
                Images::new(first, shape)
            });
        }
        let test = data.test.as_ref();
        let learnt = Learnt {
            train_accuracy: None,
            test_accuracy: None,
            train_loss: Some(vae.loss(&data.train, seed, workers)),
            test_loss: test.map(|test| vae.loss(test, seed, workers)),
            quality,
            history: vae.history,
        };
        forget(&checkpoint)?;
        Ok(Some((learnt, states, shown)))
    }

    /// Samples of a layer and how good they are, and some of them as images; `None` if it was stopped.
    fn generate(
        &mut self,
        config: &GenerateConfig,
        data: &Dataset,
        out: &Path,
        observer: &mut (dyn FnMut(UnitEvent) -> ControlFlow<()> + Send),
    ) -> Result<Option<(Generated, Option<Images>)>, Error> {
        let dbn = Dbn::load(&model_path(out, &config.model)?)?;
        let classifier = Classifier::load(&model_path(out, &config.classifier)?)?;
        let mut chains = Chains::random(&dbn, &config.sampling, self.unit.seed)?;
        let checkpoint = place(out, "checkpoints", &self.unit.name)?;
        let workers = self.workers;
        let labels = Labels::Classifier(&classifier);
        let generated = self.timed("sample", |_| {
            generate(
                &mut chains,
                &dbn,
                Some(data),
                &labels,
                Some(&checkpoint),
                workers,
                &mut |event| match event {
                    GenerateEvent::Sampled(done) => observer(UnitEvent::Done(*done)),
                    GenerateEvent::Saved => ControlFlow::Continue(()),
                },
            )
        })?;
        let Some(generated) = generated else {
            return Ok(None);
        };
        let shown = config.sampling.samples.min(SHOWN);
        let images = data.image_shape.map(|shape| {
            let values = chains.images(&dbn, workers, 0..shown);
            Images::new(values.view(), shape)
        });
        forget(&checkpoint)?;
        Ok(Some((generated, images)))
    }
}

/// The data set with `part` of its training data.
fn part_of(data: &Dataset, part: Option<Samples>) -> Cow<'_, Dataset> {
    match part {
        None => Cow::Borrowed(data),
        Some(train) => Cow::Owned(Dataset {
            name: data.name.clone(),
            provenance: data.provenance.clone(),
            train,
            test: data.test.clone(),
            image_shape: data.image_shape,
        }),
    }
}

/// Where a unit's model is kept.
fn model_path(out: &Path, unit: &str) -> Result<PathBuf, Error> {
    place(out, "models", unit)
}

/// A unit's file in one of a run's folders, which is made if missing.
fn place(out: &Path, folder: &str, unit: &str) -> Result<PathBuf, Error> {
    let folder = out.join(folder);
    std::fs::create_dir_all(&folder).map_err(|source| Error::File {
        path: folder.clone(),
        source,
    })?;
    Ok(folder.join(format!("{unit}.safetensors")))
}
