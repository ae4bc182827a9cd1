//! Recipes: all of a run, single units of it, and what is told of it.

use std::path::PathBuf;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use resrel::boltzmann::Preset;
use resrel::experiment::{Job, Outcome, Plan, Request, RunEvent, Shares, Size, Unit, load_data};
use resrel::kernels::Workers;
use resrel_report::Report;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::failure::raised;
use crate::laws::json as text;
use crate::waiting::{Listener, News, waiting};

/// What is asked of a recipe.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Asked {
    recipe: String,
    size: String,
    preset: Option<String>,
    updates: Option<u64>,
    realizations: Option<u32>,
    data: Option<String>,
    data_folder: Option<PathBuf>,
    labels: Option<PathBuf>,
    seed: u64,
    out: Option<PathBuf>,
}

/// The value of that name.
fn named<T: DeserializeOwned>(option: &str, name: &str, known: &str) -> PyResult<T> {
    serde_json::from_value(Value::from(name))
        .map_err(|_| PyValueError::new_err(format!("{option} = {name:?}: give {known}")))
}

impl Asked {
    fn request(self) -> PyResult<Request> {
        let size: Size = named("size", &self.size, "\"smoke\", \"quick\" or \"full\"")?;
        let preset = self
            .preset
            .as_deref()
            .map(|name| named::<Preset>("preset", name, "\"paper\" or \"paper-critical\""));
        Ok(Request {
            recipe: self.recipe,
            size,
            preset: preset.transpose()?,
            updates: self.updates,
            realizations: self.realizations,
            data: self.data,
            data_folder: self.data_folder,
            labels: self.labels,
            seed: self.seed,
            out: self.out,
        })
    }
}

/// Runs a recipe, or what is left of its run; the report as JSON.
#[pyfunction]
pub(crate) fn reproduce(
    py: Python,
    asked: Asked,
    threads: usize,
    progress: Option<&Bound<PyAny>>,
) -> PyResult<String> {
    let workers = Workers::new(threads).map_err(|error| raised(&error))?;
    let request = asked.request()?;
    let job = py.detach(|| request.job(&workers));
    let Job {
        plan,
        data,
        out,
        banner,
    } = job.map_err(|error| raised(&error))?;
    let outcome = waiting(py, progress, |listener| {
        let shares = Shares::new(&plan, &out);
        let advance = |unit: &Unit, done: f64| {
            listener.tell(News::Done(shares.advance(unit, done)));
        };
        listener.tell(News::Done(shares.done()));
        plan.run(&data, &out, threads, &|event| {
            match event {
                RunEvent::Resumed { .. } => listener.tell(News::Line(banner.clone())),
                RunEvent::Progress { unit, done, .. } => advance(unit, *done),
                RunEvent::Finished { unit, .. } | RunEvent::Failed { unit, .. } => {
                    advance(unit, 1.0);
                }
                RunEvent::Warning { unit, text } => {
                    listener.tell(News::Line(format!("{}: {text}", unit.name)));
                }
                _ => {}
            }
            listener.flow()
        })
    })?;
    let outcome = whole(outcome)?;
    let report = py.detach(|| Report::new(&plan, &outcome.records, &out));
    told(&plan, &report.map_err(|error| raised(&error))?, &out)
}

/// An outcome of which nothing failed.
fn whole(outcome: Result<Outcome, resrel::experiment::Error>) -> PyResult<Outcome> {
    let outcome = outcome.map_err(|error| raised(&error))?;
    match outcome.failed() {
        Some(words) => Err(PyRuntimeError::new_err(words)),
        None => Ok(outcome),
    }
}

/// A report with what it is of.
fn told(plan: &Plan, report: &Report, out: &std::path::Path) -> PyResult<String> {
    let mut value = serde_json::to_value(report).map_err(|error| raised(&error))?;
    let about = json!({
        "recipe": plan.recipe.figure,
        "size": plan.choice.size,
        "data": plan.choice.data,
        "seed": plan.choice.seed,
        "out": out,
        "units": plan.units.len(),
    });
    if let (Value::Object(value), Value::Object(about)) = (&mut value, about) {
        value.extend(about);
    }
    text(&value)
}

/// Figures and numbers again from the records that are there; the report as JSON.
#[pyfunction]
pub(crate) fn report(py: Python, out: PathBuf) -> PyResult<String> {
    let plan = Plan::load(&out).map_err(|error| raised(&error))?;
    let records = plan.records(&out).map_err(|error| raised(&error))?;
    if records.is_empty() {
        let words = format!("{}: has no record yet; run its recipe first", out.display());
        return Err(PyValueError::new_err(words));
    }
    let report = py.detach(|| Report::new(&plan, &records, &out));
    told(&plan, &report.map_err(|error| raised(&error))?, &out)
}

/// A unit's name, and the names of those that it needs.
type Needing = (String, Vec<String>);

/// Makes an output folder the run's own; the folder, and each unit with the units that it needs.
#[pyfunction]
pub(crate) fn prepare(
    py: Python,
    asked: Asked,
    threads: usize,
) -> PyResult<(PathBuf, Vec<Needing>)> {
    let workers = Workers::new(threads).map_err(|error| raised(&error))?;
    let request = asked.request()?;
    let prepared = py.detach(|| {
        let job = request.job(&workers)?;
        job.plan.claim(&job.data, &job.out)?;
        Ok((job.plan, job.out))
    });
    let (plan, out) = prepared.map_err(|error: resrel::experiment::Error| raised(&error))?;
    let units = plan.units.iter().map(|unit| {
        let needed = unit.after().into_iter().map(str::to_owned);
        (unit.name.clone(), needed.collect())
    });
    Ok((out, units.collect()))
}

/// Runs single units of a run that was prepared; one that has its record does nothing.
#[pyfunction]
pub(crate) fn run_units(
    py: Python,
    out: PathBuf,
    names: Vec<String>,
    data_folder: Option<PathBuf>,
    labels: Option<PathBuf>,
    threads: usize,
) -> PyResult<()> {
    let plan = Plan::load(&out).map_err(|error| raised(&error))?;
    if let Some(name) = names
        .iter()
        .find(|name| plan.units.iter().all(|unit| unit.name != **name))
    {
        let words = format!("{}: has no unit {name}", out.display());
        return Err(PyValueError::new_err(words));
    }
    let work = |listener: &Listener| {
        let workers = Workers::new(threads)?;
        let name = &plan.choice.data;
        let mut data = load_data(name, data_folder.as_deref(), labels.as_deref(), &workers)?;
        data.name.clone_from(name);
        let wanted = |unit: &Unit| names.contains(&unit.name);
        plan.run_some(&wanted, &data, &out, threads, &|_| listener.flow())
    };
    let outcome =
        waiting(py, None, work)?.map_err(|error: resrel::experiment::Error| raised(&error))?;
    let failed = outcome
        .failures
        .iter()
        .filter(|(name, _)| names.contains(name))
        .map(|(name, error)| format!("unit {name}: {error}"))
        .collect::<Vec<_>>();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(PyRuntimeError::new_err(failed.join("; ")))
    }
}

/// How far the run in a folder is, as JSON.
#[pyfunction]
pub(crate) fn status(out: PathBuf) -> PyResult<String> {
    let plan = Plan::load(&out).map_err(|error| raised(&error))?;
    let status = plan.status(&out);
    text(&json!({
        "done": status.done,
        "begun": status.begun,
        "failed": status.failed,
        "waiting": status.waiting,
    }))
}

/// The folder in which data sets are looked for.
#[pyfunction]
pub(crate) fn data_folder() -> PyResult<PathBuf> {
    resrel::data::data_folder(None).map_err(|error| raised(&error))
}
