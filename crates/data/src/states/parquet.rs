//! States of Parquet files: a column, or a table of counts.

mod column;
mod pages;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetStatisticsPolicy;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};

use super::chunk::StateChunk;
use super::{BYTES_PER_CHUNK, ROWS_PER_CHUNK, StateKind, StateOptions, choose, refuse_options};
pub use writer::CountsWriter;

use crate::Error;
use crate::decoders::guarded;
use column::{Content, SourceColumn};

/// First and last bytes of a Parquet file.
pub(super) const MAGIC: &[u8] = b"PAR1";
/// Columns of a table of counts: states, how often each was observed, their labels.
const STATE: &str = "state";
const COUNT: &str = "count";
const LABEL: &str = "label";
/// Key of the metadata that hold the number of bits of a state, where states are packed bits.
const UNITS_KEY: &str = "resrel.units";

/// States of a Parquet file.
pub(super) struct ParquetReader {
    path: PathBuf,
    file: SerializedFileReader<File>,
    states: SourceColumn,
    labels: Option<SourceColumn>,
    counts: Option<SourceColumn>,
    /// The next row group to be opened.
    group: usize,
    /// Rows of the open row group that are not decoded yet.
    group_left: u64,
    /// Rows decoded that are not handed out yet.
    batch_left: usize,
    /// Rows handed out, and rows of the file.
    row: u64,
    rows: u64,
}

impl ParquetReader {
    pub(super) fn open(path: &Path, options: &StateOptions) -> Result<Self, Error> {
        let used = [("--threshold", options.threshold.is_some())];
        refuse_options(path, &used, "a Parquet file")?;
        let file = File::open(path).map_err(|source| Error::Read {
            path: path.to_path_buf(),
            source,
        })?;
        // Statistics are of no use here, and a damaged file may hold any.
        let read_options = ReadOptionsBuilder::new()
            .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
            .build();
        let file = decoded(path, || {
            SerializedFileReader::new_with_options(file, read_options)
        })?;
        let fields = file.metadata().file_metadata().schema_descr().root_schema();
        let names: Vec<&str> = fields
            .get_fields()
            .iter()
            .map(|field| field.name())
            .collect();
        let has = |name| names.contains(&name);
        let table = options.column.is_none() && has(STATE) && has(COUNT);
        let column = if table {
            Some(STATE)
        } else {
            options.column.as_deref()
        };
        let label = options.label_column.as_deref();
        let label = label.or((table && has(LABEL)).then_some(LABEL));

        let open = |name: Option<&str>, content| {
            let place = choose(path, "column", "columns", &names, name)?;
            SourceColumn::new(path, file.metadata(), names[place], content)
        };
        let states = open(column, Content::States)?;
        let labels = label
            .map(|name| open(Some(name), Content::Labels))
            .transpose()?;
        let counts = table
            .then(|| open(Some(COUNT), Content::Counts))
            .transpose()?;
        let mut rows = 0_u64;
        for group in file.metadata().row_groups() {
            let size = u64::try_from(group.num_rows()).ok();
            rows = size
                .and_then(|size| rows.checked_add(size))
                .ok_or_else(|| wrong(path, "a row group of impossible size".into()))?;
        }
        if rows == 0 {
            return Err(Error::Empty {
                path: path.to_path_buf(),
                what: "observations",
            });
        }
        Ok(Self {
            path: path.to_path_buf(),
            states,
            labels,
            counts,
            file,
            group: 0,
            group_left: 0,
            batch_left: 0,
            row: 0,
            rows,
        })
    }

    pub(super) fn kind(&self) -> StateKind {
        self.states.kind()
    }

    pub(super) fn has_labels(&self) -> bool {
        self.labels.is_some()
    }

    pub(super) fn done(&self) -> f64 {
        self.row as f64 / self.rows as f64
    }

    pub(super) fn next_chunk(&mut self) -> Result<Option<StateChunk>, Error> {
        let mut rows = 0;
        loop {
            if self.batch_left == 0 && !self.decode(self.row + rows as u64)? {
                break;
            }
            let wanted = self.batch_left.min(ROWS_PER_CHUNK - rows);
            let mut fitting = wanted;
            for column in self.columns() {
                fitting = column.fitting(fitting, rows == 0);
            }
            for column in self.columns() {
                column.append(fitting);
            }
            rows += fitting;
            self.batch_left -= fitting;
            if fitting < wanted || rows == ROWS_PER_CHUNK {
                break;
            }
        }
        if rows == 0 {
            return Ok(None);
        }
        let chunk = StateChunk {
            first_row: self.row,
            states: self.states.take(),
            labels: self.labels.as_mut().map(SourceColumn::take),
            counts: self.counts.as_mut().map(SourceColumn::take_counts),
        };
        self.row += rows as u64;
        Ok(Some(chunk))
    }

    /// All columns that are read.
    fn columns(&mut self) -> impl Iterator<Item = &mut SourceColumn> {
        let others = self.labels.iter_mut().chain(&mut self.counts);
        std::iter::once(&mut self.states).chain(others)
    }

    /// Decodes the next rows of every column, the first of which is `row`; whether there are any.
    fn decode(&mut self, row: u64) -> Result<bool, Error> {
        while self.group_left == 0 {
            if self.group == self.file.num_row_groups() {
                return Ok(false);
            }
            self.open_group()?;
        }
        let longest = self.columns().map(|column| column.batch_rows()).min();
        let rows = self.group_left.min(longest.unwrap_or(1) as u64) as usize;
        let path = self.path.clone();
        for column in self.columns() {
            column.decode(&path, row, rows)?;
        }
        self.group_left -= rows as u64;
        self.batch_left = rows;
        Ok(true)
    }

    fn open_group(&mut self) -> Result<(), Error> {
        let group = decoded(&self.path, || self.file.get_row_group(self.group))?;
        let others = self.labels.iter_mut().chain(&mut self.counts);
        for column in std::iter::once(&mut self.states).chain(others) {
            column.open_group(&self.path, &*group)?;
        }
        self.group_left = group.metadata().num_rows().max(0).cast_unsigned();
        self.group += 1;
        Ok(())
    }
}

/// What the decoder makes of a file. Some damaged files make it panic: that is no more than an error of
/// the file, after which the decoder is not used again.
fn decoded<T>(path: &Path, decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Error> {
    match guarded(decode) {
        Some(result) => result.map_err(|error| damaged(path, &error)),
        None => Err(wrong(path, "its decoder gave up".into())),
    }
}

/// What the decoder says of a file, in one line.
fn damaged(path: &Path, error: &ParquetError) -> Error {
    let words: String = error.to_string().chars().take(120).collect();
    wrong(path, words.escape_debug().to_string())
}

/// A Parquet file that does not hang together.
fn wrong(path: &Path, problem: String) -> Error {
    Error::Parquet {
        path: path.to_path_buf(),
        problem,
    }
}
