//! Measuring states that lie in Python's memory.

use std::io::Read;
use std::path::Path;

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use resrel::data::{Column, StateChunk, StateKind, StateOptions, StateReader, Texts, Values};
use resrel::experiment::{CountEvent, CountOptions, Error, Missing, count_chunks};
use resrel::kernels::Workers;
use resrel::measure::{Measure, Spectrum};

use crate::failure::raised;
use crate::laws::{json, spectrum};
use crate::waiting::{News, waiting};

/// JSON of a measure, frequencies k, their degeneracies m_k, and how many observations were left out.
pub(crate) type Measured<'py> = (
    String,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<u64>>,
    u64,
);

/// A label for each observation.
#[derive(FromPyObject)]
pub(crate) enum Labels<'py> {
    /// Whole numbers.
    Numbers(PyReadonlyArray1<'py, i64>),
    /// Strings; None where one is missing.
    Texts(Vec<Option<String>>),
}

/// How states are counted.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Settings {
    /// What errors call the states.
    name: String,
    /// Values above it are 1, others 0.
    threshold: Option<f64>,
    /// `refuse`, `drop` or `state`.
    missing: String,
    /// Bytes of memory.
    memory: u64,
    /// Threads.
    threads: usize,
}

impl Settings {
    fn options(&self) -> PyResult<CountOptions> {
        Ok(CountOptions {
            states: StateOptions::default(),
            missing: match &*self.missing {
                "refuse" => Missing::Refuse,
                "drop" => Missing::Drop,
                "state" => Missing::State,
                other => {
                    let words =
                        format!("missing = {other:?}: give \"refuse\", \"drop\" or \"state\"");
                    return Err(PyValueError::new_err(words));
                }
            },
            labels: None,
            memory: self.memory,
            folder: std::env::temp_dir(),
            save: None,
            examples: 0,
        })
    }
}

/// Strings as a column, with those that are missing.
fn texts(values: &[Option<String>]) -> Column {
    let (mut texts, mut missing) = (Texts::default(), Vec::new());
    for (row, value) in values.iter().enumerate() {
        if value.is_none() {
            missing.push(row);
        }
        texts.push(value.as_deref().unwrap_or_default().as_bytes());
    }
    Column {
        values: Values::Text(texts),
        missing,
    }
}

/// The labels of all observations, of which chunks take theirs.
pub(crate) enum AllLabels<'a> {
    Numbers(&'a [i64]),
    Texts(&'a [Option<String>]),
}

impl<'a> AllLabels<'a> {
    fn of(labels: &'a Labels) -> PyResult<Self> {
        Ok(match labels {
            Labels::Numbers(numbers) => Self::Numbers(numbers.as_slice()?),
            Labels::Texts(texts) => Self::Texts(texts),
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    fn rows(&self, first: usize, rows: usize) -> Column {
        match self {
            Self::Numbers(numbers) => Column {
                values: Values::Integers(numbers[first..first + rows].to_vec()),
                missing: Vec::new(),
            },
            Self::Texts(values) => texts(&values[first..first + rows]),
        }
    }
}

/// Refuses labels that are not one an observation.
pub(crate) fn check_labels(labels: Option<&AllLabels>, rows: usize) -> PyResult<()> {
    match labels.map(AllLabels::len) {
        Some(count) if count != rows => Err(PyValueError::new_err(format!(
            "labels: {count} labels for {rows} observations; give one label an observation"
        ))),
        _ => Ok(()),
    }
}

/// Counts chunks and measures what was counted.
fn measured<'py>(
    py: Python<'py>,
    settings: &Settings,
    kind: StateKind,
    labels: Option<&AllLabels<'_>>,
    chunks: impl Iterator<Item = Result<StateChunk, Error>> + Send,
    progress: Option<&Bound<PyAny>>,
) -> PyResult<Measured<'py>> {
    let options = settings.options()?;
    let workers = Workers::new(settings.threads).map_err(|error| raised(&error))?;
    let name = Path::new(&settings.name);
    let chunks = chunks.map(|chunk| {
        let mut chunk = chunk?;
        if let Some(labels) = labels {
            let first = usize::try_from(chunk.first_row).unwrap_or(usize::MAX);
            chunk.labels = Some(labels.rows(first, chunk.rows()));
        }
        Ok(chunk)
    });
    let counts = waiting(py, progress, |listener| {
        let observer = |event: CountEvent| {
            if let CountEvent::Counting(done) = event {
                listener.tell(News::Done(done));
            }
            listener.flow()
        };
        let labelled = labels.is_some();
        let counts = count_chunks(name, kind, labelled, chunks, &options, &workers, &observer)?;
        let error = counts.counted.classification_error;
        let measure = Measure::new(settings.name.clone(), &counts.counted.spectrum, error);
        Ok((counts, measure))
    })?;
    let (counts, measure) = counts.map_err(|error: Error| raised(&error))?;
    let (k, m_k) = pairs(py, &counts.counted.spectrum);
    Ok((json(&measure)?, k, m_k, counts.dropped))
}

/// A spectrum as two arrays.
pub(crate) fn pairs<'py>(
    py: Python<'py>,
    spectrum: &Spectrum,
) -> (Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<u64>>) {
    let (k, m_k) = spectrum.pairs().iter().copied().unzip();
    (PyArray1::from_vec(py, k), PyArray1::from_vec(py, m_k))
}

/// The chunks of a reader.
pub(crate) struct Chunks<'a>(pub(crate) StateReader<'a>);

impl Iterator for Chunks<'_> {
    type Item = Result<StateChunk, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_chunk().map_err(Error::from).transpose()
    }
}

/// A reader of the array of that npy header and those bytes.
pub(crate) fn reader<'a>(
    name: &str,
    header: &'a [u8],
    bytes: &'a [u8],
    threshold: Option<f64>,
) -> PyResult<StateReader<'a>> {
    let reader = StateReader::of_npy(Path::new(name), header.chain(bytes), threshold);
    reader.map_err(|error| raised(&error))
}

/// Measures an array: rows of bits, or of values above a threshold, or a vector of whole numbers.
#[pyfunction]
pub(crate) fn measure_array<'py>(
    py: Python<'py>,
    settings: Settings,
    header: &[u8],
    bytes: PyReadonlyArray1<u8>,
    rows: usize,
    labels: Option<Labels>,
    progress: Option<&Bound<PyAny>>,
) -> PyResult<Measured<'py>> {
    let labels = labels.as_ref().map(AllLabels::of).transpose()?;
    check_labels(labels.as_ref(), rows)?;
    let reader = reader(
        &settings.name,
        header,
        bytes.as_slice()?,
        settings.threshold,
    )?;
    let kind = reader.kind();
    measured(
        py,
        &settings,
        kind,
        labels.as_ref(),
        Chunks(reader),
        progress,
    )
}

/// Measures strings; None is a missing one.
#[pyfunction]
pub(crate) fn measure_texts<'py>(
    py: Python<'py>,
    settings: Settings,
    values: Vec<Option<String>>,
    labels: Option<Labels>,
    progress: Option<&Bound<PyAny>>,
) -> PyResult<Measured<'py>> {
    let labels = labels.as_ref().map(AllLabels::of).transpose()?;
    check_labels(labels.as_ref(), values.len())?;
    let chunk = StateChunk {
        first_row: 0,
        states: texts(&values),
        labels: None,
        counts: None,
    };
    let chunks = std::iter::once(Ok(chunk));
    measured(
        py,
        &settings,
        StateKind::Text,
        labels.as_ref(),
        chunks,
        progress,
    )
}

/// Measures frequencies: how many observations each state has.
#[pyfunction]
pub(crate) fn measure_frequencies<'py>(
    py: Python<'py>,
    name: String,
    frequencies: PyReadonlyArray1<u64>,
) -> PyResult<Measured<'py>> {
    let spectrum = spectrum(frequencies.as_slice()?)?;
    let measure = py.detach(|| Measure::new(name, &spectrum, None));
    let (k, m_k) = pairs(py, &spectrum);
    Ok((json(&measure)?, k, m_k, 0))
}
