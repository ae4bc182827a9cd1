//! States of text files: lines, or a column of CSV or TSV.

use super::chunk::StateChunk;
use super::field::{ColumnBuilder, Field, is_missing, whole_number};
use super::lines::Lines;
use super::table::{Choice, Records};
use super::{StateKind, StateOptions};
use crate::Error;
use crate::files::Source;
use crate::text::shortened;

/// States of a text file.
pub(super) struct TextReader {
    lines: Lines,
    records: Records,
    /// Fields of every record.
    fields: usize,
    choice: Choice,
    /// The first record, where it is taken for an observation: the second may show that it is a header.
    doubted: Option<Vec<Vec<u8>>>,
    states: ColumnBuilder,
    labels: Option<ColumnBuilder>,
    /// Empty lines before the record at hand: missing values not yet handed out.
    blanks: u64,
    /// Whether the record at hand has not been handed out.
    pending: bool,
    first_row: u64,
    /// The first chunk: read on opening, because it decides the type.
    first: Option<StateChunk>,
}

impl TextReader {
    pub(super) fn new(
        source: Source,
        extension: &str,
        options: &StateOptions,
    ) -> Result<Self, Error> {
        let delimiter = match extension {
            "csv" => Some(b','),
            "tsv" | "tab" => Some(b'\t'),
            _ => None,
        };
        let mut used = vec![("--threshold", options.threshold.is_some())];
        if delimiter.is_none() {
            used.push(("--column", options.column.is_some()));
            used.push(("--label-column", options.label_column.is_some()));
        }
        let what = if delimiter.is_some() {
            "a table"
        } else {
            "plain text"
        };
        super::refuse_options(&source.path, &used, what)?;

        let lines = Lines::new(source)?;
        let mut reader = Self {
            lines,
            records: Records::new(delimiter),
            fields: 1,
            choice: Choice {
                states: 0,
                labels: None,
                header: false,
            },
            doubted: None,
            states: ColumnBuilder::new(options.text),
            labels: options
                .label_column
                .as_ref()
                .map(|_| ColumnBuilder::new(options.text)),
            blanks: 0,
            pending: false,
            first_row: 0,
            first: None,
        };
        if delimiter.is_some() {
            reader.read_header(options)?;
        }
        reader.first = reader.read_chunk()?;
        if reader.first.is_none() {
            return Err(Error::Empty {
                path: reader.lines.source.path,
                what: "observations",
            });
        }
        Ok(reader)
    }

    pub(super) fn kind(&self) -> StateKind {
        self.states.kind()
    }

    pub(super) fn has_labels(&self) -> bool {
        self.labels.is_some()
    }

    pub(super) fn done(&self) -> f64 {
        self.lines.source.done()
    }

    pub(super) fn next_chunk(&mut self) -> Result<Option<StateChunk>, Error> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.read_chunk(),
        }
    }

    /// Reads the first record of a table and decides which columns are meant.
    fn read_header(&mut self, options: &StateOptions) -> Result<(), Error> {
        while self.records.fields() == 0 {
            if self.records.read(&mut self.lines)?.is_none() {
                return Ok(());
            }
            self.blanks += 1;
        }
        self.fields = self.records.fields();
        let first: Vec<Vec<u8>> = self.record().map(<[u8]>::to_vec).collect();
        self.choice = Choice::new(&self.lines, &first, options)?;
        self.pending = !self.choice.header;
        // The last record read is the first one that is not empty.
        self.blanks = if self.pending && self.fields == 1 {
            self.blanks - 1
        } else {
            0
        };
        self.doubted = self.pending.then_some(first);
        Ok(())
    }

    /// The fields of the record at hand.
    fn record(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.records.fields()).map(|index| self.records.field(&self.lines, index))
    }

    /// Reads the next record that is not empty; whether there is one.
    fn advance(&mut self) -> Result<bool, Error> {
        let mut blanks = 0;
        while self.records.read(&mut self.lines)?.is_some() {
            let fields = self.records.fields();
            if fields == 0 {
                blanks += u64::from(self.fields == 1);
                continue;
            }
            if fields != self.fields {
                return Err(Error::Ragged {
                    path: self.lines.source.path.clone(),
                    line: self.lines.number,
                    fields,
                    expected: self.fields,
                });
            }
            self.blanks = blanks;
            if let Some(first) = self.doubted.take() {
                self.check_first(&first)?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Refuses a first record that looks like a header above the second.
    fn check_first(&self, first: &[Vec<u8>]) -> Result<(), Error> {
        let header = first.iter().zip(self.record()).find(|(first, second)| {
            whole_number(second).is_some() && whole_number(first).is_none() && !is_missing(first)
        });
        let Some((name, _)) = header else {
            return Ok(());
        };
        Err(Error::Header {
            path: self.lines.source.path.clone(),
            problem: format!(
                "{} stands above numbers and may be the name of a column",
                shortened(&String::from_utf8_lossy(name))
            ),
            remedy: "choose the column by its name, or add a header that names the columns",
        })
    }

    /// Appends the record at hand to the chunk; `false` if it is full.
    fn push_record(&mut self) -> Result<bool, Error> {
        let read = |column: &ColumnBuilder, index| {
            let field = self.records.field(&self.lines, index);
            column.read(field).ok_or_else(|| Error::MixedTypes {
                path: self.lines.source.path.clone(),
                line: self.lines.number,
                found: shortened(&String::from_utf8_lossy(field)),
            })
        };
        let state = read(&self.states, self.choice.states)?;
        let label = match (&self.labels, self.choice.labels) {
            (Some(labels), Some(index)) => {
                let label = read(labels, index)?;
                if !labels.fits(label) {
                    return Ok(false);
                }
                label
            }
            _ => Field::Missing,
        };
        if !self.states.fits(state) {
            return Ok(false);
        }
        self.states.push(state);
        if let Some(labels) = &mut self.labels {
            labels.push(label);
        }
        Ok(true)
    }

    /// Appends a missing value to the chunk; `false` if it is full.
    fn push_missing(&mut self) -> bool {
        if !self.states.fits(Field::Missing) {
            return false;
        }
        self.states.push(Field::Missing);
        if let Some(labels) = &mut self.labels {
            labels.push(Field::Missing);
        }
        true
    }

    fn read_chunk(&mut self) -> Result<Option<StateChunk>, Error> {
        loop {
            if !self.pending {
                self.pending = self.advance()?;
            }
            if !self.pending {
                break;
            }
            while self.blanks > 0 && self.push_missing() {
                self.blanks -= 1;
            }
            if self.blanks > 0 || !self.push_record()? {
                break;
            }
            self.pending = false;
        }
        let states = self.states.take();
        let rows = states.values.len() as u64;
        if rows == 0 {
            return Ok(None);
        }
        let chunk = StateChunk {
            first_row: self.first_row,
            states,
            labels: self.labels.as_mut().map(ColumnBuilder::take),
            counts: None,
        };
        self.first_row += rows;
        Ok(Some(chunk))
    }
}
