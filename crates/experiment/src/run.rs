//! Runs the units of a plan on a local pool, goes on where a run was stopped, and repeats nothing
//! that is done.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use resrel_data::Dataset;
use resrel_kernels::Workers;

use crate::files::write_file;
use crate::unit::{UnitEvent, run_unit};
use crate::{Error, Plan, Record, Sidecar, Task, Unit};

/// The file that says what an output folder holds.
const PLAN_FILE: &str = "plan.json";

/// Something that happened while a plan was run.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunEvent<'a> {
    /// So many units were found done.
    Resumed {
        /// Units whose record was there.
        done: usize,
        /// Units of the plan.
        units: usize,
    },
    /// A unit began, on this thread of the pool.
    Started {
        /// The unit.
        unit: &'a Unit,
        /// Number of the thread.
        slot: usize,
    },
    /// A unit went on.
    Progress {
        /// The unit.
        unit: &'a Unit,
        /// Number of the thread.
        slot: usize,
        /// Share of its work that is done, 0 … 1.
        done: f64,
    },
    /// A unit ended and its record is written.
    Finished {
        /// The unit.
        unit: &'a Unit,
        /// Number of the thread.
        slot: usize,
    },
    /// A unit failed; the others go on.
    Failed {
        /// The unit.
        unit: &'a Unit,
        /// Number of the thread.
        slot: usize,
        /// Why.
        error: &'a Error,
    },
    /// Something that the user should know.
    Warning {
        /// The unit that it is about.
        unit: &'a Unit,
        /// What.
        text: &'a str,
    },
}

/// How a run ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// All records that are there now, in the order of the plan.
    pub records: Vec<(Record, Sidecar)>,
    /// Units that failed, by name, and why.
    pub failures: Vec<(String, Error)>,
    /// Whether the observer stopped the run.
    pub interrupted: bool,
}

impl Outcome {
    /// What failed, in one line: units that failed alike share a reason. `None` if nothing did.
    #[must_use]
    pub fn failed(&self) -> Option<String> {
        let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
        for (unit, error) in &self.failures {
            let reason = error.to_string();
            match reasons.iter_mut().find(|(other, _)| *other == reason) {
                Some((_, units)) => units.push(unit),
                None => reasons.push((reason, vec![unit])),
            }
        }
        let parts: Vec<String> = reasons
            .iter()
            .map(|(reason, units)| format!("unit {}: {reason}", units.join(", ")))
            .collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// How far the run in an output folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Names of the units that are done.
    pub done: Vec<String>,
    /// Names of those that are begun: a checkpoint is there.
    pub begun: Vec<String>,
    /// Names of those that failed when they were last run, and why. They are run again.
    pub failed: Vec<(String, String)>,
    /// Names of the others.
    pub waiting: Vec<String>,
}

impl Plan {
    /// The plan that the output folder `out` was made for.
    ///
    /// # Errors
    /// [`Error::File`] if there is none, [`Error::Record`] if it cannot be understood.
    pub fn load(out: &Path) -> Result<Self, Error> {
        let path = out.join(PLAN_FILE);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let problem = "is not there; name a folder that `resrel reproduce` made".into();
                return Err(Error::Record { path, problem });
            }
            read => read.map_err(|source| Error::File {
                path: path.clone(),
                source,
            })?,
        };
        serde_json::from_slice(&text).map_err(|error| {
            let problem = format!(
                "is damaged or of another version of resrel ({error}); run the recipe anew with \
                 another --out"
            );
            Error::Record { path, problem }
        })
    }

    /// How far the run of this plan in `out` is.
    #[must_use]
    pub fn status(&self, out: &Path) -> Status {
        let mut status = Status {
            done: Vec::new(),
            begun: Vec::new(),
            failed: Vec::new(),
            waiting: Vec::new(),
        };
        for unit in &self.units {
            let checkpoint = out
                .join("checkpoints")
                .join(format!("{}.safetensors", unit.name));
            let list = if Record::path(out, &unit.name).is_file() {
                &mut status.done
            } else if let Ok(why) = fs::read_to_string(failure_path(out, unit)) {
                let why = why.trim_end().to_owned();
                status.failed.push((unit.name.clone(), why));
                continue;
            } else if checkpoint.is_file() {
                &mut status.begun
            } else {
                &mut status.waiting
            };
            list.push(unit.name.clone());
        }
        status
    }

    /// The records of this plan that are in `out`, in the order of the plan.
    ///
    /// # Errors
    /// See [`Record::load`]; [`Error::OtherRun`] if a record is of another unit.
    pub fn records(&self, out: &Path) -> Result<Vec<(Record, Sidecar)>, Error> {
        let mut records = Vec::new();
        for unit in &self.units {
            if let Some((record, sidecar)) = Record::load(out, &unit.name)? {
                if record.unit != *unit || record.data != self.choice.data {
                    let difference = format!("record {} has other settings", unit.name);
                    return Err(Error::OtherRun {
                        folder: out.into(),
                        difference,
                    });
                }
                records.push((record, sidecar));
            }
        }
        Ok(records)
    }

    /// Runs every unit that has no record in `out` yet, `threads` at once; with fewer units than
    /// threads, each has several. Results do not depend on `threads`.
    ///
    /// # Errors
    /// [`Error::Unit`] or [`Error::Networks`] if the data are of no use to a unit, [`Error::OtherRun`] if `out` holds another
    /// plan's run, [`Error::File`] if it cannot be written.
    /// The error of a single unit is in [`Outcome::failures`].
    pub fn run(
        &self,
        data: &Dataset,
        out: &Path,
        threads: usize,
        observer: &(dyn Fn(&RunEvent) -> ControlFlow<()> + Sync),
    ) -> Result<Outcome, Error> {
        self.claim(data, out)?;
        self.run_some(&|_| true, data, out, threads, observer)
    }

    /// As [`Plan::run`], but only the units that `wanted` accepts, in a folder that this plan has claimed. Any
    /// number of processes may run different units of a folder at the same time.
    ///
    /// # Errors
    /// See [`Plan::run`]. A unit that needs another one's model fails with [`Error::Needs`] until that is there.
    pub fn run_some(
        &self,
        wanted: &dyn Fn(&Unit) -> bool,
        data: &Dataset,
        out: &Path,
        threads: usize,
        observer: &(dyn Fn(&RunEvent) -> ControlFlow<()> + Sync),
    ) -> Result<Outcome, Error> {
        let found = self.records(out)?;
        let is_open = |unit: &&Unit| {
            !found
                .iter()
                .any(|(record, _)| record.unit.name == unit.name)
        };
        let open: Vec<&Unit> = self.units.iter().filter(is_open).collect();
        let waiting: Vec<&Unit> = open.iter().copied().filter(|unit| wanted(unit)).collect();
        let resumed = RunEvent::Resumed {
            done: found.len(),
            units: self.units.len(),
        };
        let stop = AtomicBool::new(observer(&resumed).is_break());
        let slots = threads.max(1).min(waiting.len().max(1));
        let pools = (0..slots)
            .map(|_| Workers::new(threads.max(1) / slots))
            .collect::<Result<Vec<_>, _>>()?;
        let failures = Mutex::new(Vec::new());
        let queue = Queue::new(waiting, &open);
        let work = |slot: usize, workers: &Workers| {
            while let Some(unit) = queue.next(&stop) {
                let tell = |event: &RunEvent| {
                    if observer(event).is_break() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    if stop.load(Ordering::Relaxed) {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                };
                if tell(&RunEvent::Started { unit, slot }).is_break() {
                    queue.ended(unit, false);
                    return;
                }
                let result = run_unit(unit, data, out, workers, &mut |event| match event {
                    UnitEvent::Done(done) => tell(&RunEvent::Progress { unit, slot, done }),
                    UnitEvent::Warning(text) => tell(&RunEvent::Warning { unit, text: &text }),
                });
                let saved = result.and_then(|result| match result {
                    None => Ok(false),
                    Some((record, sidecar)) => record.save(&sidecar, out).map(|()| true),
                });
                queue.ended(unit, matches!(saved, Ok(true)));
                // The answer is in `stop`, where the loop looks.
                let _ = match saved {
                    Ok(false) => return,
                    Ok(true) => {
                        // That the unit failed before is of no interest any more.
                        let _ = fs::remove_file(failure_path(out, unit));
                        tell(&RunEvent::Finished { unit, slot })
                    }
                    Err(error) => {
                        // If even this cannot be written, the error is still told below.
                        let _ = write_file(&failure_path(out, unit), error.to_string().as_bytes());
                        let flow = tell(&RunEvent::Failed {
                            unit,
                            slot,
                            error: &error,
                        });
                        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                        failures.push((unit.name.clone(), error));
                        flow
                    }
                };
            }
        };
        std::thread::scope(|scope| {
            for (slot, workers) in pools.iter().enumerate() {
                let work = &work;
                scope.spawn(move || work(slot, workers));
            }
        });
        let mut failures: Vec<(String, Error)> = failures
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if !stop.load(Ordering::Relaxed) {
            // What is left waits for a unit that failed.
            failures.extend(queue.left().into_iter().map(|unit| {
                let needs = unit.after().join(", ");
                (unit.name.clone(), Error::Needs { needs })
            }));
        }
        Ok(Outcome {
            records: self.records(out)?,
            failures,
            interrupted: stop.into_inner(),
        })
    }

    /// Refuses data that a unit cannot use, before anything is written or computed.
    fn check(&self, data: &Dataset) -> Result<(), Error> {
        for unit in &self.units {
            let there = data.train.observations();
            let points = unit.observations.map_or(there, |count| count.min(there));
            let features = data.train.features();
            let unfit: Error = match &unit.task {
                Task::Dbn(config) if config.layers.first() != Some(&features) => {
                    resrel_boltzmann::Error::Features {
                        found: features,
                        expected: config.layers.first().copied().unwrap_or(0),
                    }
                    .into()
                }
                Task::KMeans(config) if config.k > points => {
                    resrel_cluster::ClusterError::TooManyClusters {
                        k: config.k,
                        points,
                    }
                    .into()
                }
                // What these say names the data.
                Task::Classifier(config) => {
                    config.check(data)?;
                    continue;
                }
                Task::FeedForward(config) => {
                    config.check(data)?;
                    continue;
                }
                Task::Dbn(_) | Task::KMeans(_) | Task::Vae(_) | Task::Generate(_) => continue,
            };
            return Err(Error::Unit {
                data: self.choice.data.clone(),
                unit: unit.name.clone(),
                source: Box::new(unfit),
            });
        }
        Ok(())
    }

    /// Makes the output folder this plan's own, or finds that it is.
    ///
    /// # Errors
    /// [`Error::Unit`] or [`Error::Networks`] if the data are of no use to a unit, [`Error::OtherRun`] if `out` holds another plan's
    /// run, [`Error::File`] if it cannot be written.
    pub fn claim(&self, data: &Dataset, out: &Path) -> Result<(), Error> {
        self.check(data)?;
        let path = out.join(PLAN_FILE);
        if !path.exists() {
            let json = serde_json::to_vec_pretty(self).map_err(|error| Error::Record {
                path: path.clone(),
                problem: error.to_string(),
            })?;
            return write_file(&path, &json);
        }
        let there = Self::load(out)?;
        if there.recipe == self.recipe && there.choice == self.choice && there.units == self.units {
            return Ok(());
        }
        let difference = if there.choice == self.choice {
            "the same choices of another recipe".into()
        } else {
            there.choice.difference(&self.choice)
        };
        Err(Error::OtherRun {
            folder: out.into(),
            difference,
        })
    }
}

/// Where it is written down that a unit failed.
fn failure_path(out: &Path, unit: &Unit) -> PathBuf {
    out.join("failures").join(format!("{}.txt", unit.name))
}

/// Units that wait for a thread, or for the units whose models they need.
struct Queue<'a> {
    state: Mutex<QueueState<'a>>,
    changed: Condvar,
}

struct QueueState<'a> {
    /// In the order of the plan.
    waiting: Vec<&'a Unit>,
    /// Units that are not done and may yet be.
    open: Vec<&'a str>,
    running: usize,
}

impl<'a> Queue<'a> {
    /// Of the units that are `open`, those `waiting` are to be run.
    fn new(waiting: Vec<&'a Unit>, open: &[&'a Unit]) -> Self {
        Self {
            state: Mutex::new(QueueState {
                open: open.iter().map(|unit| unit.name.as_str()).collect(),
                waiting,
                running: 0,
            }),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first unit whose models are there, once there is one; `None` when there will be none, or `stop`
    /// is set.
    fn next(&self, stop: &AtomicBool) -> Option<&'a Unit> {
        let mut state = self.lock();
        loop {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            let QueueState { waiting, open, .. } = &*state;
            let ready = |unit: &&Unit| unit.after().iter().all(|name| !open.contains(name));
            if let Some(place) = waiting.iter().position(ready) {
                state.running += 1;
                return Some(state.waiting.remove(place));
            }
            if state.running == 0 {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A unit ended; `done` if its record is written.
    fn ended(&self, unit: &Unit, done: bool) {
        let mut state = self.lock();
        state.running -= 1;
        if done {
            state.open.retain(|name| *name != unit.name);
        }
        drop(state);
        self.changed.notify_all();
    }

    fn left(self) -> Vec<&'a Unit> {
        let state = self.state.into_inner();
        state.unwrap_or_else(PoisonError::into_inner).waiting
    }
}
