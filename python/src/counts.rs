//! Counts of states that come in batches, are merged and pickled.

use std::collections::HashMap;

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use resrel::data::{StateKind, Values};
use resrel::measure::{Measure, StateCounts};

use crate::failure::raised;
use crate::laws::json;
use crate::states::{AllLabels, Chunks, Labels, Measured, check_labels, pairs, reader};

/// What [`Counts`] pickles: units, which signs were seen, whether there are labels, the states' words and counts, and
/// for each pair of a state's number and a label how often it was observed.
type Pickled<Words> = (
    Option<usize>,
    (bool, bool),
    bool,
    Words,
    Words,
    Vec<(u32, i64, u64)>,
);

/// Counts of states that can be added to, merged and pickled.
#[pyclass(module = "resrel._resrel")]
#[derive(Default)]
pub(crate) struct Counts {
    table: Option<Table>,
}

/// Whole numbers that share their 64 bits with others: −1 and 2⁶⁴ − 1.
#[derive(Clone, Copy, Default)]
struct Signs {
    /// Whether one was below 0.
    negative: bool,
    /// Whether one was beyond 2⁶³ − 1.
    huge: bool,
}

impl Signs {
    fn of(values: &Values) -> Self {
        match values {
            Values::Integers(numbers) => Self {
                negative: numbers.iter().any(|number| *number < 0),
                huge: false,
            },
            Values::Unsigned(numbers) => Self {
                negative: false,
                huge: numbers.iter().any(|number| number.cast_signed() < 0),
            },
            Values::Bits(_) | Values::Text(_) => Self::default(),
        }
    }

    /// Those of both; refused where numbers of either kind would be taken for the other.
    fn with(self, other: Self) -> PyResult<Self> {
        let both = Self {
            negative: self.negative || other.negative,
            huge: self.huge || other.huge,
        };
        if both.negative && both.huge {
            let words = "numbers below 0 and numbers beyond 2^63 - 1; count them apart";
            return Err(PyValueError::new_err(words));
        }
        Ok(both)
    }
}

struct Table {
    /// Bits of a state; `None` for whole numbers.
    units: Option<usize>,
    signs: Signs,
    counts: StateCounts,
    /// How often each state was observed with each label; `None` without labels.
    labels: Option<HashMap<(u32, i64), u64>>,
}

impl Table {
    fn new(units: Option<usize>, labelled: bool) -> Self {
        Self {
            units,
            signs: Signs::default(),
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
        let numbers = self.counts.merge(&other.counts)?;
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
        let mut signs = self.table.as_ref().map_or(Signs::default(), |it| it.signs);
        for chunk in Chunks(reader) {
            let chunk = chunk.map_err(|error| raised(&error))?;
            signs = signs.with(Signs::of(&chunk.states.values))?;
            chunks.push(chunk);
        }
        let table = self
            .table
            .get_or_insert_with(|| Table::new(units, labels.is_some()));
        table.signs = signs;
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
        let mut signs = theirs.signs;
        if let Some(table) = &self.table {
            table.check(theirs.units, labelled)?;
            signs = signs.with(table.signs)?;
        }
        let ours = self
            .table
            .get_or_insert_with(|| Table::new(theirs.units, labelled));
        py.detach(|| ours.merge(theirs))
            .map_err(|error| raised(&error))?;
        ours.signs = signs;
        Ok(())
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
            (table.signs.negative, table.signs.huge),
            table.labels.is_some(),
            PyArray1::from_vec(py, words),
            PyArray1::from_vec(py, counts),
            labels,
        ))
    }

    fn __setstate__(&mut self, state: Option<Pickled<PyReadonlyArray1<u64>>>) -> PyResult<()> {
        self.table = None;
        let Some((units, (negative, huge), labelled, words, counts, labels)) = state else {
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
        table.signs = Signs { negative, huge }.with(Signs::default())?;
        if let Some(table_labels) = &mut table.labels {
            // Each observation has one label.
            let mut left: Vec<u64> = table.counts.iter().map(|(_, count)| count).collect();
            for (number, label, count) in labels {
                let left = left.get_mut(number as usize).ok_or_else(damaged)?;
                *left = left.checked_sub(count).ok_or_else(damaged)?;
                *table_labels.entry((number, label)).or_insert(0) += count;
            }
            if left.iter().any(|left| *left > 0) {
                return Err(damaged());
            }
        }
        self.table = Some(table);
        Ok(())
    }
}
