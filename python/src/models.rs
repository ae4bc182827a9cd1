//! Machines, networks and clusterings, whose parameters are arrays of Python's.

use ndarray::Array2;
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, ToPyArray};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use resrel::boltzmann::{
    AnnealingConfig, Chains, Dbn, DbnConfig, DbnTrainer, Event, Inputs, Rbm, SamplingConfig,
    Trainer, TrainingConfig,
};
use resrel::cluster::{KMeansConfig, k_means};
use resrel::kernels::{BitRows, Workers};
use serde::de::DeserializeOwned;

use crate::failure::raised;
use crate::laws::json;
use crate::waiting::{News, waiting};

/// Weights (visible × hidden), visible and hidden biases.
pub(crate) type Given<'py> = (
    PyReadonlyArray2<'py, f32>,
    PyReadonlyArray1<'py, f32>,
    PyReadonlyArray1<'py, f32>,
);
pub(crate) type Made<'py> = (
    Bound<'py, PyArray2<f32>>,
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<f32>>,
);

fn machine(given: &Given) -> Rbm {
    Rbm {
        weights: given.0.as_array().to_owned(),
        visible_bias: given.1.as_array().to_owned(),
        hidden_bias: given.2.as_array().to_owned(),
    }
}

fn made<'py>(py: Python<'py>, machine: &Rbm) -> Made<'py> {
    (
        machine.weights.to_pyarray(py),
        machine.visible_bias.to_pyarray(py),
        machine.hidden_bias.to_pyarray(py),
    )
}

fn network(machines: &[Given]) -> Dbn {
    Dbn {
        machines: machines.iter().map(machine).collect(),
        config: DbnConfig::default(),
        seed: 0,
        data: String::new(),
    }
}

fn workers(threads: usize) -> PyResult<Workers> {
    Workers::new(threads).map_err(|error| raised(&error))
}

fn config<T: DeserializeOwned>(json: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(|error| raised(&error))
}

/// What was stopped by what Python raised, which is raised instead.
fn stopped() -> PyErr {
    PyKeyboardInterrupt::new_err("stopped")
}

/// Trains a network on the rows of `values`; its machines, H1 first.
#[pyfunction]
pub(crate) fn train<'py>(
    py: Python<'py>,
    values: PyReadonlyArray2<f32>,
    settings: &str,
    seed: u64,
    threads: usize,
    progress: Option<&Bound<PyAny>>,
) -> PyResult<Vec<Made<'py>>> {
    let config: DbnConfig = config(settings)?;
    let workers = workers(threads)?;
    let values = values.as_array().to_owned();
    let trained = waiting(py, progress, |listener| {
        let inputs = Inputs::Borrowed(&values);
        DbnTrainer::new(&config, seed)?.run(&workers, &inputs, None, None, &mut |event| {
            if let Event::Progress { done, .. } = event {
                listener.tell(News::Done(*done));
            }
            listener.flow()
        })
    })?;
    let trained = trained.map_err(|error| raised(&error))?;
    let dbn = trained.ok_or_else(stopped)?.dbn;
    Ok(dbn.machines.iter().map(|it| made(py, it)).collect())
}

/// Goes on with the training of a machine for a pass over the rows of `values`, after `update` updates: the
/// machine, the hidden states of its chains, and the number of updates after it. Without a machine it begins.
#[pyfunction]
#[allow(
    clippy::too_many_arguments,
    reason = "all of it is the state of a training run"
)]
pub(crate) fn train_on<'py>(
    py: Python<'py>,
    values: PyReadonlyArray2<f32>,
    hidden: usize,
    settings: &str,
    seed: u64,
    threads: usize,
    before: Option<(Given, PyReadonlyArray2<u8>, u64)>,
) -> PyResult<(Made<'py>, Bound<'py, PyArray2<u8>>, u64)> {
    let training: TrainingConfig = config(settings)?;
    let whole = DbnConfig {
        layers: vec![values.as_array().ncols(), hidden],
        training: training.clone(),
        ..DbnConfig::default()
    };
    whole.validate().map_err(|error| raised(&error))?;
    let workers = workers(threads)?;
    let values = values.as_array().to_owned();
    let before = before
        .map(|(given, chains, update)| (machine(&given), chains.as_array().to_owned(), update));
    let trainer = py.detach(|| {
        let inputs = Inputs::Borrowed(&values);
        let mut trainer = match before {
            None => Trainer::new(&inputs, hidden, &training, seed, 1),
            Some((machine, chains, update)) => {
                Trainer::resume(machine, None, &chains, update, &inputs, &training, seed, 1)
            }
        };
        let updates = training.updates_per_pass(values.nrows());
        workers.enter(|| (0..updates).for_each(|_| trainer.update(&workers, &inputs)));
        trainer
    });
    let chains = trainer.chains().to_pyarray(py);
    Ok((made(py, trainer.rbm()), chains, trainer.update_number()))
}

/// P(h = 1 | v) of each row.
#[pyfunction]
pub(crate) fn hidden_means<'py>(
    py: Python<'py>,
    given: Given,
    values: PyReadonlyArray2<f32>,
    threads: usize,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let (machine, workers) = (machine(&given), workers(threads)?);
    let values = values.as_array().to_owned();
    let means = py.detach(|| {
        let mut means = Array2::zeros((values.nrows(), machine.hidden()));
        machine.hidden_given_visible(&workers, values.view(), means.view_mut(), None);
        means
    });
    Ok(means.to_pyarray(py))
}

/// Free energy of each row, in nats.
#[pyfunction]
pub(crate) fn free_energy<'py>(
    py: Python<'py>,
    given: Given,
    values: PyReadonlyArray2<f32>,
    threads: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let (machine, workers) = (machine(&given), workers(threads)?);
    let values = values.as_array().to_owned();
    let energies = py.detach(|| machine.free_energy(&workers, values.view()));
    Ok(energies.to_pyarray(py))
}

/// ln Z with its standard error, which is None where it was enumerated. `means` are those of the data that the
/// machine was trained on.
#[pyfunction]
pub(crate) fn log_partition(
    py: Python,
    given: Given,
    means: PyReadonlyArray2<f32>,
    seed: u64,
    threads: usize,
    progress: Option<&Bound<PyAny>>,
) -> PyResult<(f64, Option<f64>)> {
    let (machine, workers) = (machine(&given), workers(threads)?);
    let means = means.as_array().to_owned();
    let found = waiting(py, progress, |listener| {
        let (inputs, config) = (Inputs::Borrowed(&means), AnnealingConfig::default());
        machine.log_partition(&workers, &config, &inputs, seed, &mut |done| {
            listener.tell(News::Done(done));
            listener.flow()
        })
    })?;
    let found = found.map_err(|error| raised(&error))?;
    let found = found.ok_or_else(stopped)?;
    Ok((found.nats, found.stderr))
}

/// How probable the network up to each layer holds the rows of `values`: JSON, H1 first.
#[pyfunction]
pub(crate) fn likelihoods(
    py: Python,
    machines: Vec<Given>,
    values: PyReadonlyArray2<f32>,
    seed: u64,
    threads: usize,
    progress: Option<&Bound<PyAny>>,
) -> PyResult<String> {
    let (dbn, workers) = (network(&machines), workers(threads)?);
    let values = values.as_array().to_owned();
    let found = waiting(py, progress, |listener| {
        let (inputs, config) = (Inputs::Borrowed(&values), AnnealingConfig::default());
        dbn.log_likelihood_bounds(&workers, &config, &inputs, &inputs, seed, &mut |done| {
            listener.tell(News::Done(done));
            listener.flow()
        })
    })?;
    let found = found.map_err(|error| raised(&error))?;
    json(&found.ok_or_else(stopped)?)
}

/// Samples of a layer, gone down to the visible units, of which the means are shown.
#[pyfunction]
pub(crate) fn sample<'py>(
    py: Python<'py>,
    machines: Vec<Given>,
    settings: &str,
    seed: u64,
    threads: usize,
    progress: Option<&Bound<PyAny>>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let (dbn, workers) = (network(&machines), workers(threads)?);
    let config: SamplingConfig = config(settings)?;
    let images = waiting(py, progress, |listener| {
        let mut chains = Chains::random(&dbn, &config, seed)?;
        let ended = chains.run(&workers, config.steps, &dbn, None, &mut |event| {
            if let Event::Sampled { done, .. } = event {
                listener.tell(News::Done(*done));
            }
            listener.flow()
        })?;
        Ok(ended.then(|| chains.images(&dbn, &workers, 0..config.samples)))
    })?;
    let images = images.map_err(|error: resrel::boltzmann::Error| raised(&error))?;
    Ok(images.ok_or_else(stopped)?.to_pyarray(py))
}

/// The states (0 and 1) of every layer for each row, H1 first.
#[pyfunction]
pub(crate) fn layer_states<'py>(
    py: Python<'py>,
    machines: Vec<Given>,
    values: PyReadonlyArray2<f32>,
    threads: usize,
) -> PyResult<Vec<Bound<'py, PyArray2<u8>>>> {
    let (dbn, workers) = (network(&machines), workers(threads)?);
    let values = values.as_array().to_owned();
    let states = py.detach(|| dbn.states(&workers, &Inputs::Borrowed(&values)));
    let states = states.map_err(|error| raised(&error))?;
    Ok(states.iter().map(|it| bytes(it).to_pyarray(py)).collect())
}

fn bytes(states: &BitRows) -> Array2<u8> {
    Array2::from_shape_fn((states.rows(), states.bits()), |(row, unit)| {
        states.get(row, unit).into()
    })
}

/// Centroids, cluster of each row, inertia, iterations.
type Clusters<'py> = (
    Bound<'py, PyArray2<f32>>,
    Bound<'py, PyArray1<u32>>,
    f64,
    usize,
);

/// k-means clusters of the rows.
#[pyfunction]
pub(crate) fn cluster<'py>(
    py: Python<'py>,
    values: PyReadonlyArray2<f32>,
    settings: &str,
    threads: usize,
    progress: Option<&Bound<PyAny>>,
) -> PyResult<Clusters<'py>> {
    let config: KMeansConfig = config(settings)?;
    let workers = workers(threads)?;
    let values = values.as_array().to_owned();
    let found = waiting(py, progress, |listener| {
        k_means(values.view(), &config, &workers, &mut |progress| {
            let done = progress.iteration as f64 / config.max_iterations as f64;
            listener.tell(News::Done(done));
            listener.flow()
        })
    })?;
    let found = found.map_err(|error| raised(&error))?;
    Ok((
        found.centroids.to_pyarray(py),
        PyArray1::from_vec(py, found.assignments),
        found.inertia,
        found.iterations,
    ))
}
