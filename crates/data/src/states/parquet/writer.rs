//! Writing tables of counts as Parquet.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::{COUNT, LABEL, STATE, UNITS_KEY};
use crate::states::chunk::{Column, StateChunk, Values};
use crate::{Error, beside};

/// Writes states, how often each was observed, and labels, as a Parquet file that any program reads
/// and [`StateReader`](crate::StateReader) gives back.
///
/// The columns: `state` (INT64, UINT64, text in UTF-8, or bytes: packed bits, unit j in bit j mod 8 of
/// byte j / 8, their number in the metadata under `resrel.units`), `label` (as a state, if there are
/// labels) and `count` (UINT64). A missing state or label is null. The file is written beside and
/// renamed at the end, one row group for every chunk: nothing of more than a chunk is kept in memory,
/// and nothing stays of a writer that is dropped before [`finish`](Self::finish).
pub struct CountsWriter {
    path: PathBuf,
    beside: PathBuf,
    /// Opened with the first chunk, which decides the types.
    file: Option<SerializedFileWriter<BufWriter<File>>>,
    rows: u64,
    /// Whether the file beside is ours to remove.
    unfinished: bool,
}

impl CountsWriter {
    /// Begins a file that will appear at `path`.
    ///
    /// # Errors
    /// [`Error::Write`] if nothing can be written there.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let beside = beside(path);
        File::create(&beside).map_err(|source| Error::Write {
            path: path.to_path_buf(),
            source,
        })?;
        Ok(Self {
            path: path.to_path_buf(),
            beside,
            file: None,
            rows: 0,
            unfinished: true,
        })
    }

    /// Writes the rows of a chunk; where it has no counts, each is 1. Large chunks of the size that
    /// [`StateReader`](crate::StateReader) hands out make the smallest file.
    ///
    /// # Errors
    /// [`Error::Write`] if it cannot be written, [`Error::NotUtf8`] for text that Parquet does not
    /// allow.
    ///
    /// # Panics
    /// If states and labels are not of the types of the first chunk, or labels or counts are not as
    /// many as states.
    pub fn write(&mut self, chunk: &StateChunk) -> Result<(), Error> {
        let rows = chunk.rows();
        let labels = chunk.labels.as_ref();
        assert!(
            labels.is_none_or(|labels| labels.values.len() == rows)
                && chunk
                    .counts
                    .as_ref()
                    .is_none_or(|counts| counts.len() == rows),
            "as many labels and counts as states"
        );
        for column in std::iter::once(&chunk.states).chain(labels) {
            if let Values::Text(texts) = &column.values
                && let Some(bad) = texts.iter().position(|text| str::from_utf8(text).is_err())
            {
                return Err(Error::NotUtf8 {
                    path: self.path.clone(),
                    row: self.rows + bad as u64,
                });
            }
        }
        self.rows += rows as u64;
        let mut file = match self.file.take() {
            Some(file) => file,
            None => open(&self.beside, chunk).map_err(|error| self.failure(error))?,
        };
        let written = write(&mut file, chunk);
        self.file = Some(file);
        written.map_err(|error| self.failure(error))
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`Error::Write`] if that fails, [`Error::Empty`] if nothing was written; then no file stays.
    pub fn finish(mut self) -> Result<(), Error> {
        let Some(file) = self.file.take() else {
            return Err(Error::Empty {
                path: self.path.clone(),
                what: "states to be written",
            });
        };
        let complete = || -> Result<(), ParquetError> {
            // The footer is written, and what is buffered.
            let file = file
                .into_inner()?
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            fs::rename(&self.beside, &self.path)?;
            Ok(())
        };
        complete().map_err(|error| self.failure(error))?;
        self.unfinished = false;
        Ok(())
    }

    fn failure(&self, error: ParquetError) -> Error {
        let source = match error {
            ParquetError::External(error) => match error.downcast() {
                Ok(error) => *error,
                Err(error) => io::Error::other(error),
            },
            other => io::Error::other(other),
        };
        Error::Write {
            path: self.path.clone(),
            source,
        }
    }
}

impl Drop for CountsWriter {
    fn drop(&mut self) {
        if self.unfinished {
            // It may be gone; there is nobody to tell.
            let _ = fs::remove_file(&self.beside);
        }
    }
}

/// Opens a file for chunks such as this.
fn open(
    path: &Path,
    chunk: &StateChunk,
) -> Result<SerializedFileWriter<BufWriter<File>>, ParquetError> {
    let fields = fields(chunk)?;
    let schema = Type::group_type_builder("schema")
        .with_fields(fields)
        .build()?;
    let units = match &chunk.states.values {
        Values::Bits(rows) => Some(vec![KeyValue::new(
            UNITS_KEY.into(),
            rows.bits().to_string(),
        )]),
        _ => None,
    };
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()))
        // States are all different: a dictionary of them only costs.
        .set_column_dictionary_enabled(STATE.into(), false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_key_value_metadata(units);
    let file = BufWriter::new(File::create(path)?);
    SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties.build()))
}

/// The columns of the schema that holds chunks such as this.
fn fields(chunk: &StateChunk) -> Result<Vec<TypePtr>, ParquetError> {
    let mut fields = vec![field(STATE, &chunk.states.values)?];
    if let Some(labels) = &chunk.labels {
        fields.push(field(LABEL, &labels.values)?);
    }
    let count = Type::primitive_type_builder(COUNT, Physical::INT64)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::integer(64, false)));
    fields.push(Arc::new(count.build()?));
    Ok(fields)
}

/// The column of the schema that holds such values.
fn field(name: &str, values: &Values) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match values {
        Values::Integers(_) => (Physical::INT64, None),
        Values::Unsigned(_) => (Physical::INT64, Some(LogicalType::integer(64, false))),
        Values::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Values::Bits(_) => (Physical::BYTE_ARRAY, None),
    };
    let field = Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical);
    Ok(Arc::new(field.build()?))
}

/// Writes a chunk as a row group.
fn write(
    file: &mut SerializedFileWriter<BufWriter<File>>,
    chunk: &StateChunk,
) -> Result<(), ParquetError> {
    assert!(
        file.schema_descr().root_schema().get_fields() == fields(chunk)?,
        "chunks of the same types"
    );
    let mut group = file.next_row_group()?;
    for column in std::iter::once(&chunk.states).chain(&chunk.labels) {
        write_values(&mut group, column)?;
    }
    let counts = match &chunk.counts {
        Some(counts) => counts.iter().map(|count| count.cast_signed()).collect(),
        None => vec![1; chunk.rows()],
    };
    write_column::<Int64Type>(&mut group, &counts, None)?;
    group.close()?;
    Ok(())
}

fn write_values(
    group: &mut SerializedRowGroupWriter<BufWriter<File>>,
    column: &Column,
) -> Result<(), ParquetError> {
    let rows = column.values.len();
    let mut levels = vec![1_i16; rows];
    for row in &column.missing {
        levels[*row] = 0;
    }
    let present = || (0..rows).filter(|row| levels[*row] == 1);
    match &column.values {
        Values::Integers(values) => {
            let values: Vec<i64> = present().map(|row| values[row]).collect();
            write_column::<Int64Type>(group, &values, Some(&levels))
        }
        Values::Unsigned(values) => {
            let values: Vec<i64> = present().map(|row| values[row].cast_signed()).collect();
            write_column::<Int64Type>(group, &values, Some(&levels))
        }
        Values::Text(texts) => {
            let values: Vec<ByteArray> = present().map(|row| texts.get(row).into()).collect();
            write_column::<ByteArrayType>(group, &values, Some(&levels))
        }
        Values::Bits(rows) => {
            let bytes = rows.bits().div_ceil(8);
            let packed = |row| {
                let words = rows.row(row).iter();
                let mut packed: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
                packed.truncate(bytes);
                ByteArray::from(packed)
            };
            let values: Vec<ByteArray> = present().map(packed).collect();
            write_column::<ByteArrayType>(group, &values, Some(&levels))
        }
    }
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<BufWriter<File>>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("a column too many".into()))?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}
