//! Fits, theoretical curves, multi-scale relevance, and the critical layer.

use numpy::PyReadonlyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use resrel::kernels::Workers;
use resrel::measure::{
    Fitted, GoodnessOfFit, KMin, LimitPoints, Measure, Msr, Recording, Spectrum, compare, critical,
};
use serde::Serialize;

use crate::failure::raised;
use crate::waiting::{News, waiting};

/// A document as JSON.
pub(crate) fn json(value: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(|error| raised(&error))
}

/// Frequencies as a spectrum.
pub(crate) fn spectrum(frequencies: &[u64]) -> PyResult<Spectrum> {
    Spectrum::from_counts(frequencies.iter().copied()).map_err(|error| raised(&error))
}

/// What is asked of a fit.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct FitSettings {
    /// None to search it.
    k_min: Option<u64>,
    /// Refits for a p-value.
    bootstrap: Option<u64>,
    compare: bool,
    seed: u64,
    threads: usize,
}

/// A power law fitted to frequencies.
#[pyfunction]
pub(crate) fn fit(
    py: Python,
    frequencies: PyReadonlyArray1<u64>,
    settings: FitSettings,
    progress: Option<&Bound<PyAny>>,
) -> PyResult<String> {
    let spectrum = spectrum(frequencies.as_slice()?)?;
    let k_min = settings.k_min.map_or(KMin::Searched, KMin::Fixed);
    let workers = Workers::new(settings.threads).map_err(|error| raised(&error))?;
    let fitted = waiting(py, progress, |listener| {
        let fit = k_min.fit(&spectrum);
        let goodness = match (&fit, settings.bootstrap) {
            (Some(fit), Some(refits)) => Some(GoodnessOfFit::bootstrap(
                &spectrum,
                fit,
                k_min,
                refits,
                settings.seed,
                &workers,
                &mut |done| {
                    listener.tell(News::Done(done));
                    listener.flow()
                },
            )?),
            _ => None,
        };
        let comparisons = fit
            .as_ref()
            .filter(|_| settings.compare)
            .map(|fit| compare(&spectrum, fit));
        Ok(Fitted::new(
            &spectrum,
            fit.as_ref(),
            goodness.as_ref(),
            comparisons,
        ))
    })?;
    json(&fitted.map_err(|error: resrel::measure::Error| raised(&error))?)
}

/// The theoretical curves for m observations at some multipliers, or at the usual ones.
#[pyfunction]
pub(crate) fn limit(py: Python, m: u64, multipliers: Option<Vec<f64>>) -> PyResult<String> {
    let multipliers = multipliers.unwrap_or_else(|| LimitPoints::MULTIPLIERS.into());
    if let Some(mu) = multipliers
        .iter()
        .find(|mu| !(mu.is_finite() && **mu > -1.0))
    {
        let words = format!("mu = {mu}: give finite numbers above -1");
        return Err(PyValueError::new_err(words));
    }
    let points = py.detach(|| LimitPoints::of(m, &multipliers));
    json(&points.map_err(|error| raised(&error))?)
}

/// Multi-scale relevance of event times.
#[pyfunction]
pub(crate) fn msr_times(
    py: Python,
    times: PyReadonlyArray1<f64>,
    start: Option<f64>,
    end: Option<f64>,
    grid: usize,
) -> PyResult<String> {
    let times = times.as_slice()?;
    let msr = py.detach(|| Msr::of_times(times, Recording { start, end }, grid));
    json(&msr.map_err(|error| raised(&error))?)
}

/// Multi-scale relevance of counts in bins.
#[pyfunction]
pub(crate) fn msr_counts(
    py: Python,
    counts: PyReadonlyArray1<u64>,
    grid: usize,
) -> PyResult<String> {
    let counts = counts.as_slice()?;
    let msr = py.detach(|| Msr::of_counts(counts, grid));
    json(&msr.map_err(|error| raised(&error))?)
}

/// The critical one of some layers, which come and go as JSON.
#[pyfunction]
pub(crate) fn critical_layer(layers: &str) -> PyResult<String> {
    let layers: Vec<Measure> = serde_json::from_str(layers).map_err(|error| raised(&error))?;
    json(&critical(&layers))
}
