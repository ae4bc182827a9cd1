//! Training a deep belief network layer by layer, with checkpoints.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use resrel_kernels::{Purpose, Stream, Workers};

use crate::checkpoint::{self, Saved};
use crate::dbn::check;
use crate::monitor::Watched;
use crate::{Dbn, DbnConfig, Error, Event, Inputs, Monitor, Observer, Rbm, Trainer};

/// Time between checkpoints: what a crash may cost. A checkpoint is some megabytes.
const SAVE_EVERY: Duration = Duration::from_secs(10);
/// Time between progress events.
const TELL_EVERY: Duration = Duration::from_millis(50);
/// Updates between looks for divergence.
const CHECK_EVERY: u64 = 100;
/// A parameter beyond this is divergence: in single precision the sum that decides a unit then has no
/// digit left for the data.
const LARGEST: f32 = 1e6;

/// The training of a deep belief network, at any moment between two updates.
#[derive(Debug)]
pub struct DbnTrainer {
    config: DbnConfig,
    seed: u64,
    /// Trained machines, H1 first.
    machines: Vec<Rbm>,
    /// The layer in training, as a checkpoint described it.
    resumed: Option<Saved>,
    /// Monitoring by layer; the last may be of the layer in training.
    monitoring: Vec<Vec<Monitor>>,
    /// Seconds of training by layer, monitoring and saving excluded.
    seconds: Vec<f64>,
    /// Checksum of the data, worked out when a checkpoint first needs it.
    checksum: OnceLock<String>,
}

impl DbnTrainer {
    /// Training from the start.
    ///
    /// # Errors
    /// [`Error::Config`] for a configuration that cannot be trained.
    pub fn new(config: &DbnConfig, seed: u64) -> Result<Self, Error> {
        config.validate()?;
        Ok(Self {
            config: config.clone(),
            seed,
            machines: Vec::new(),
            resumed: None,
            monitoring: Vec::new(),
            seconds: Vec::new(),
            checksum: OnceLock::new(),
        })
    }

    /// Training from where the checkpoint at `path` left it; `None` where there is none. A checkpoint
    /// that is cut short or altered is passed over for the one before it; the second value tells what
    /// was wrong with it.
    ///
    /// # Errors
    /// [`Error::Format`] if the checkpoint is of another configuration or seed, or if neither it nor
    /// the one before it is whole.
    pub fn resume(
        path: &Path,
        config: &DbnConfig,
        seed: u64,
    ) -> Result<Option<(Self, Option<Error>)>, Error> {
        config.validate()?;
        let Some((saved, warning)) = checkpoint::load(path)? else {
            return Ok(None);
        };
        if saved.config != *config || saved.seed != seed {
            let problem = "was written with another configuration or seed; give the same ones to go on, or delete it to start again";
            return Err(Error::Format {
                path: path.into(),
                problem: problem.into(),
            });
        }
        let trainer = Self {
            config: config.clone(),
            seed,
            machines: saved.machines.clone(),
            monitoring: saved.monitoring.clone(),
            seconds: saved.seconds.clone(),
            resumed: Some(saved),
            checksum: OnceLock::new(),
        };
        Ok(Some((trainer, warning)))
    }

    /// Trains to the end, or until `observer` answers `Break`; then `None` comes back and, where a
    /// `checkpoint` path is given, the state lies there. It is also saved there every ten seconds.
    /// `validation` is only watched, never trained on.
    ///
    /// # Errors
    /// [`Error::Features`] and [`Error::Empty`] for data that do not fit, [`Error::Format`] for data
    /// other than the checkpoint's, [`Error::Diverged`] when
    /// parameters run away, [`Error::File`] if a checkpoint cannot be written.
    pub fn run(
        mut self,
        workers: &Workers,
        inputs: &Inputs,
        validation: Option<&Inputs>,
        checkpoint: Option<&Path>,
        observer: &mut Observer,
    ) -> Result<Option<TrainedDbn>, Error> {
        check(inputs, &self.config)?;
        if let Some(saved) = &self.resumed
            && saved.data != *self.checksum.get_or_init(|| inputs.checksum())
        {
            return Err(Error::Format {
                path: saved.path.clone(),
                problem: "was written with other data; give the same ones to go on, or delete it to start again".into(),
            });
        }
        let data = inputs;
        workers.awake(|| {
            let (mut below, mut below_validation): (Option<Inputs>, Option<Inputs>) = (None, None);
            for layer in 1..self.config.layers.len() {
                let inputs = below.as_ref().unwrap_or(inputs);
                let validation = match layer {
                    1 => validation,
                    _ => below_validation.as_ref(),
                };
                if self.machines.len() < layer {
                    let place = Place {
                        workers,
                        data,
                        inputs,
                        validation,
                        checkpoint,
                        layer,
                    };
                    if self.train_layer(&place, observer)?.is_break() {
                        return Ok(None);
                    }
                }
                if layer + 1 < self.config.layers.len() {
                    let machine = &self.machines[layer - 1];
                    let kind = self.config.next_input;
                    let stream = Stream::new(self.seed, Purpose::Propagation, layer as u64);
                    let next = machine.propagate(workers, inputs, kind, stream.substream(0));
                    below_validation = validation
                        .map(|v| machine.propagate(workers, v, kind, stream.substream(1)));
                    below = Some(next);
                }
            }
            let per_pass = self.seconds.iter().map(|seconds| {
                let training = &self.config.training;
                // Without any update no pass took any time.
                let updates = training.total_updates(inputs.rows()).max(1) as f64;
                seconds * training.updates_per_pass(inputs.rows()) as f64 / updates
            });
            Ok(Some(TrainedDbn {
                seconds_per_pass: per_pass.collect(),
                dbn: Dbn {
                    machines: self.machines,
                    config: self.config,
                    seed: self.seed,
                    data: String::new(),
                },
                monitoring: self.monitoring,
            }))
        })
    }

    fn train_layer(
        &mut self,
        place: &Place,
        observer: &mut Observer,
    ) -> Result<ControlFlow<()>, Error> {
        let Place {
            workers,
            inputs,
            layer,
            ..
        } = *place;
        let config = self.config.training.clone();
        let mut trainer = self.start_layer(place);
        #[cfg(feature = "cuda")]
        trainer.move_to_card(inputs, self.seed, layer)?;
        let started = Instant::now();
        trainer.move_to_tiles(workers, inputs);
        self.seconds[layer - 1] += started.elapsed().as_secs_f64();
        let watched = Watched::new(inputs, place.validation, self.seed, layer);
        let per_pass = config.updates_per_pass(inputs.rows());
        let total = trainer.total_updates();
        let (mut told, mut saved) = (Instant::now(), Instant::now());
        let mut started = Instant::now();
        while trainer.update_number() < total {
            trainer.update(workers, inputs);
            let update = trainer.update_number();
            let last = update == total;
            if update.is_multiple_of(CHECK_EVERY) || last {
                self.check_divergence(&mut trainer, layer, per_pass)?;
            }
            if update.is_multiple_of(per_pass) || last {
                trainer.fetch()?;
                self.seconds[layer - 1] += started.elapsed().as_secs_f64();
                let epoch = update as f64 / per_pass as f64;
                let monitor = watched.look(
                    workers,
                    trainer.rbm(),
                    (epoch, update, trainer.learning_rate()),
                );
                let flow = observer(&Event::Epoch {
                    layer,
                    monitor: &monitor,
                });
                self.monitoring[layer - 1].push(monitor);
                started = Instant::now();
                if flow.is_break() && !last {
                    self.save(&trainer, place, observer)?;
                    return Ok(ControlFlow::Break(()));
                }
            }
            if told.elapsed() > TELL_EVERY || last {
                told = Instant::now();
                let event = Event::Progress {
                    layer,
                    layers: self.config.layers.len() - 1,
                    update,
                    updates: total,
                    done: self.done(layer, update as f64 / total as f64),
                };
                let stop = observer(&event).is_break();
                if stop || (saved.elapsed() > SAVE_EVERY && !last) {
                    trainer.fetch()?;
                    self.seconds[layer - 1] += started.elapsed().as_secs_f64();
                    self.save(&trainer, place, observer)?;
                    saved = Instant::now();
                    started = Instant::now();
                }
                if stop {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        self.machines.push(trainer.into_rbm());
        Ok(ControlFlow::Continue(()))
    }

    /// The trainer of a layer: from the checkpoint if that is where it stopped, else anew.
    fn start_layer(&mut self, place: &Place) -> Trainer {
        let (config, hidden) = (&self.config.training, self.config.layers[place.layer]);
        let resumed = self.resumed.take().and_then(|saved| saved.current);
        let Some(current) = resumed else {
            self.monitoring.push(Vec::new());
            self.seconds.push(0.0);
            return Trainer::new(place.inputs, hidden, config, self.seed, place.layer);
        };
        Trainer::resume(
            current.rbm,
            current.velocity,
            &current.chains,
            current.update,
            place.inputs,
            config,
            self.seed,
            place.layer,
        )
    }

    fn check_divergence(
        &self,
        trainer: &mut Trainer,
        layer: usize,
        per_pass: u64,
    ) -> Result<(), Error> {
        let largest = trainer.largest_parameter()?;
        // Written so that NaN is caught too.
        if largest <= LARGEST {
            return Ok(());
        }
        let update = trainer.update_number();
        let epoch = update.div_ceil(per_pass);
        let learning_rate = self
            .config
            .training
            .rate(update - 1, trainer.total_updates());
        Err(Error::Diverged {
            layer,
            epoch,
            update,
            largest,
            learning_rate,
        })
    }

    fn save(&self, trainer: &Trainer, place: &Place, observer: &mut Observer) -> Result<(), Error> {
        let Some(path) = place.checkpoint else {
            return Ok(());
        };
        let data = self.checksum.get_or_init(|| place.data.checksum());
        checkpoint::save(path, self, trainer, data)?;
        // The answer changes nothing: who stops says so at the next progress event.
        let _ = observer(&Event::Saved { path });
        Ok(())
    }

    /// Share of the whole work that is done, layers weighted by their number of weights.
    fn done(&self, layer: usize, within: f64) -> f64 {
        let weight = |sizes: &[usize]| sizes[0] as f64 * sizes[1] as f64;
        let pairs: Vec<f64> = self.config.layers.windows(2).map(weight).collect();
        let before: f64 = pairs[..layer - 1].iter().sum();
        (before + within * pairs[layer - 1]) / pairs.iter().sum::<f64>()
    }

    pub(crate) fn parts(&self) -> (&DbnConfig, u64, &[Rbm], &[Vec<Monitor>], &[f64]) {
        (
            &self.config,
            self.seed,
            &self.machines,
            &self.monitoring,
            &self.seconds,
        )
    }
}

/// What came out of a training.
#[derive(Debug)]
pub struct TrainedDbn {
    /// The network.
    pub dbn: Dbn,
    /// What was watched, by layer and epoch.
    pub monitoring: Vec<Vec<Monitor>>,
    /// Seconds of training per pass over the data, one number per layer; monitoring, saving and
    /// measuring excluded.
    pub seconds_per_pass: Vec<f64>,
}

/// Where a layer is trained and on what.
struct Place<'a> {
    workers: &'a Workers,
    /// What the first layer is trained on.
    data: &'a Inputs<'a>,
    inputs: &'a Inputs<'a>,
    validation: Option<&'a Inputs<'a>>,
    checkpoint: Option<&'a Path>,
    layer: usize,
}
