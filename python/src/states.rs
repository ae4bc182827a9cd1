//! Counting and measuring states that lie in Python's memory.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use resrel::data::{Column, StateChunk, StateKind, StateOptions, StateReader, Texts, Values};
use resrel::experiment::{CountEvent, CountOptions, Error, Missing, count_chunks};
use resrel::kernels::Workers;
use resrel::measure::{Measure, Spectrum, StateCounts};

use crate::failure::raised;
use crate::laws::{json, spectrum};
use crate::waiting::{News, waiting};

/// JSON of a measure, frequencies k, their degeneracies m_k, and how many observations were left out.
type Measured<'py> = (
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
enum AllLabels<'a> {
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
fn check_labels(labels: Option<&AllLabels>, rows: usize) -> PyResult<()> {
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
fn pairs<'py>(
    py: Python<'py>,
    spectrum: &Spectrum,
) -> (Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<u64>>) {
    let (k, m_k) = spectrum.pairs().iter().copied().unzip();
    (PyArray1::from_vec(py, k), PyArray1::from_vec(py, m_k))
}

/// The chunks of a reader.
struct Chunks<'a>(StateReader<'a>);

impl Iterator for Chunks<'_> {
    type Item = Result<StateChunk, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_chunk().map_err(Error::from).transpose()
    }
}

/// A reader of the array of that npy header and those bytes.
fn reader<'a>(
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

/// What [`Counts`] pickles: units, whether there are labels, the states' words and counts, and for each pair of a
/// state's number and a label how often it was observed.
type Pickled<Words> = (Option<usize>, bool, Words, Words, Vec<(u32, i64, u64)>);

/// Counts of states that can be added to, merged and pickled.
#[pyclass(module = "resrel._resrel")]
#[derive(Default)]
pub(crate) struct Counts {
    table: Option<Table>,
}

struct Table {
    /// Bits of a state; `None` for whole numbers.
    units: Option<usize>,
    counts: StateCounts,
    /// How often each state was observed with each label; `None` without labels.
    labels: Option<HashMap<(u32, i64), u64>>,
}

impl Table {
    fn new(units: Option<usize>, labelled: bool) -> Self {
        Self {
            units,
            counts: StateCounts::new(units.map_or(1, |units| units.div_ceil(64))),
            labels: labelled.then(HashMap::new),
        }
    }

    /// Refuses what cannot be added to what is there.
    fn check(&self, units: Option<usize>, labelled: bool) -> PyResult<()> {
        let words = |units: Option<usize>| match units {
            Some(units) => format!("states of {units} bits"),
            None => "whole numbers".to_owned(),
        };
        if self.units != units {
            return Err(PyValueError::new_err(format!(
                "{} after {}; count them apart",
                words(units),
                words(self.units)
            )));
        }
        if self.labels.is_some() != labelled {
            let words = "give labels with all states or with none";
            return Err(PyValueError::new_err(words));
        }
        Ok(())
    }

    fn observe(
        &mut self,
        states: &[u64],
        labels: Option<&[i64]>,
    ) -> Result<(), resrel::measure::Error> {
        let (Some(table), Some(labels)) = (&mut self.labels, labels) else {
            return self.counts.observe_rows(states);
        };
        let mut numbers = Vec::new();
        self.counts.observe_rows_into(states, &mut numbers)?;
        for (number, label) in numbers.into_iter().zip(labels) {
            *table.entry((number, *label)).or_insert(0) += 1;
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), resrel::measure::Error> {
        let mut numbers = Vec::with_capacity(other.counts.states());
        for (state, count) in other.counts.iter() {
            numbers.push(self.counts.observe_times(state, count)?);
        }
        if let (Some(ours), Some(theirs)) = (&mut self.labels, &other.labels) {
            for ((number, label), count) in theirs {
                *ours.entry((numbers[*number as usize], *label)).or_insert(0) += count;
            }
        }
        Ok(())
    }

    /// Fraction of the observations whose label is not the majority label of their state.
    fn classification_error(&self) -> Option<f64> {
        let mut largest = vec![0_u64; self.counts.states()];
        for ((number, _), count) in self.labels.as_ref()? {
            let largest = &mut largest[*number as usize];
            *largest = (*largest).max(*count);
        }
        let m = self.counts.observations();
        let wrong = m - largest.iter().sum::<u64>();
        Some(wrong as f64 / m as f64)
    }
}

#[pymethods]
impl Counts {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Counts the states of an array.
    fn observe(
        &mut self,
        py: Python,
        header: &[u8],
        bytes: PyReadonlyArray1<u8>,
        rows: usize,
        threshold: Option<f64>,
        labels: Option<Labels>,
    ) -> PyResult<()> {
        let labels = match &labels {
            None => None,
            Some(Labels::Numbers(numbers)) => Some(numbers.as_slice()?),
            Some(Labels::Texts(_)) => {
                let words = "labels of counts that are merged must be whole numbers; number them";
                return Err(PyTypeError::new_err(words));
            }
        };
        check_labels(labels.map(AllLabels::Numbers).as_ref(), rows)?;
        let reader = reader("states", header, bytes.as_slice()?, threshold)?;
        let units = match reader.kind() {
            StateKind::Bits { units } => Some(units),
            _ => None,
        };
        if let Some(table) = &self.table {
            table.check(units, labels.is_some())?;
        }
        // What is refused half-way leaves the counts as they were.
        let mut chunks = Vec::new();
        for chunk in Chunks(reader) {
            chunks.push(chunk.map_err(|error| raised(&error))?);
        }
        let table = self
            .table
            .get_or_insert_with(|| Table::new(units, labels.is_some()));
        py.detach(|| {
            for chunk in &chunks {
                let first = usize::try_from(chunk.first_row).unwrap_or(usize::MAX);
                let labels = labels.map(|labels| &labels[first..first + chunk.rows()]);
                match &chunk.states.values {
                    Values::Bits(rows) => table.observe(rows.words(), labels)?,
                    Values::Unsigned(words) => table.observe(words, labels)?,
                    Values::Integers(numbers) => {
                        let words: Vec<u64> = numbers
                            .iter()
                            .map(|number| number.cast_unsigned())
                            .collect();
                        table.observe(&words, labels)?;
                    }
                    Values::Text(_) => unreachable!("an array holds no text"),
                }
            }
            Ok(())
        })
        .map_err(|error: resrel::measure::Error| raised(&error))
    }

    /// Adds the counts of another.
    fn merge(&mut self, py: Python, other: &Self) -> PyResult<()> {
        let Some(theirs) = &other.table else {
            return Ok(());
        };
        let labelled = theirs.labels.is_some();
        if let Some(table) = &self.table {
            table.check(theirs.units, labelled)?;
        }
        let ours = self
            .table
            .get_or_insert_with(|| Table::new(theirs.units, labelled));
        py.detach(|| ours.merge(theirs))
            .map_err(|error| raised(&error))
    }

    /// Number of observations.
    fn observations(&self) -> u64 {
        self.table.as_ref().map_or(0, |it| it.counts.observations())
    }

    /// Number of distinct states.
    fn states(&self) -> usize {
        self.table.as_ref().map_or(0, |it| it.counts.states())
    }

    /// Measures what was counted so far.
    fn measure<'py>(&self, py: Python<'py>, name: String) -> PyResult<Measured<'py>> {
        let Some(table) = &self.table else {
            return Err(PyValueError::new_err("no states were counted yet"));
        };
        let spectrum = table.counts.spectrum().map_err(|error| raised(&error))?;
        let measure = py.detach(|| Measure::new(name, &spectrum, table.classification_error()));
        let (k, m_k) = pairs(py, &spectrum);
        Ok((json(&measure)?, k, m_k, 0))
    }

    fn __getstate__<'py>(&self, py: Python<'py>) -> Option<Pickled<Bound<'py, PyArray1<u64>>>> {
        let table = self.table.as_ref()?;
        let (mut words, mut counts) = (Vec::new(), Vec::new());
        for (state, count) in table.counts.iter() {
            words.extend_from_slice(state);
            counts.push(count);
        }
        let labels = table.labels.iter().flatten();
        let mut labels: Vec<_> = labels
            .map(|((number, label), count)| (*number, *label, *count))
            .collect();
        // The same counts, the same bytes.
        labels.sort_unstable();
        Some((
            table.units,
            table.labels.is_some(),
            PyArray1::from_vec(py, words),
            PyArray1::from_vec(py, counts),
            labels,
        ))
    }

    fn __setstate__(&mut self, state: Option<Pickled<PyReadonlyArray1<u64>>>) -> PyResult<()> {
        self.table = None;
        let Some((units, labelled, words, counts, labels)) = state else {
            return Ok(());
        };
        let damaged = || PyValueError::new_err("these pickled counts are damaged");
        if units == Some(0) {
            return Err(damaged());
        }
        let mut table = Table::new(units, labelled);
        let (words, counts) = (words.as_slice()?, counts.as_slice()?);
        let width = table.counts.words();
        if words.len() != counts.len() * width {
            return Err(damaged());
        }
        for (state, count) in words.chunks_exact(width).zip(counts) {
            let added = table.counts.observe_times(state, *count);
            added.map_err(|error| raised(&error))?;
        }
        if let Some(table_labels) = &mut table.labels {
            for (number, label, count) in labels {
                if number as usize >= table.counts.states() {
                    return Err(damaged());
                }
                *table_labels.entry((number, label)).or_insert(0) += count;
            }
        }
        self.table = Some(table);
        Ok(())
    }
}
