//! One column of a Parquet file: its type, and its values decoded batch by batch.

use std::path::Path;

use half::f16;
use parquet::basic::{ConvertedType, Encoding, LogicalType, Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::RowGroupReader;
use parquet::schema::types::ColumnDescriptor;
use resrel_kernels::BitRows;

use super::{BYTES_PER_CHUNK, STATE, StateKind, UNITS_KEY, damaged, wrong};
use crate::Error;
use crate::element::whole_float;
use crate::states::chunk::{Column, Texts, Values};
use crate::text::shortened;

/// Rows decoded at a time: numbers; strings, which are as long as they like; and strings that are
/// stored as differences, which a few bytes may blow up.
const NUMBERS: usize = 1 << 16;
const STRINGS: usize = 1 << 12;
const DIFFERENCES: usize = 1 << 6;

/// What a column is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    States,
    Labels,
    Counts,
}

/// What the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Signed whole numbers, and others that fit among them.
    Integers,
    /// Whole numbers of up to 32 bits without sign.
    Unsigned32,
    /// Whole numbers of 64 bits without sign.
    Unsigned,
    /// 16-bit floats in strings of two bytes.
    Halves,
    Text,
    Bits {
        units: usize,
    },
}

/// A column and where it is read.
pub(super) struct SourceColumn {
    content: Content,
    kind: Kind,
    /// Which leaf of the schema it is, and its name there.
    leaf: usize,
    name: String,
    nullable: bool,
    batch_rows: usize,
    reader: Option<ColumnReader>,
    /// The batch: for a nullable column 1 or 0 for each row, and the values that there are.
    levels: Vec<i16>,
    numbers: Vec<i64>,
    strings: Vec<ByteArray>,
    /// The row and the value of the batch to be handed out next.
    next_row: usize,
    next_value: usize,
    /// What is handed out with the next chunk.
    values: Pending,
    missing: Vec<usize>,
}

/// Values on their way into a chunk.
#[derive(Default)]
struct Pending {
    rows: usize,
    integers: Vec<i64>,
    unsigned: Vec<u64>,
    texts: Texts,
    words: Vec<u64>,
}

impl SourceColumn {
    /// Finds the column called `name`, and what it is.
    pub(super) fn new(
        path: &Path,
        metadata: &ParquetMetaData,
        name: &str,
        content: Content,
    ) -> Result<Self, Error> {
        let refuse = |problem: &str, remedy| Error::ColumnType {
            path: path.to_path_buf(),
            column: shortened(name),
            problem: problem.into(),
            remedy,
        };
        let schema = metadata.file_metadata().schema_descr();
        let leaf = (0..schema.num_columns())
            .find(|leaf| schema.column(*leaf).path().parts() == [name])
            .filter(|leaf| schema.column(*leaf).max_rep_level() == 0)
            .ok_or_else(|| refuse("nested", "give its parts columns of their own"))?;
        let column = schema.column(leaf);
        let units = metadata
            .file_metadata()
            .key_value_metadata()
            .into_iter()
            .flatten()
            .find(|entry| entry.key == UNITS_KEY)
            .filter(|_| name == STATE && content == Content::States);
        let kind = match units {
            Some(entry) if column.physical_type() == Physical::BYTE_ARRAY => {
                let units = entry.value.as_deref().and_then(|units| units.parse().ok());
                let units = units.filter(|units| (1..=8 * BYTES_PER_CHUNK).contains(units));
                Kind::Bits {
                    units: units.ok_or_else(|| wrong(path, format!("{UNITS_KEY} is no number")))?,
                }
            }
            _ => kind(&column).map_err(|problem| {
                refuse(
                    problem,
                    "cast it to BIGINT (whole numbers) or VARCHAR (text)",
                )
            })?,
        };
        if content == Content::Counts && matches!(kind, Kind::Text | Kind::Bits { .. }) {
            return Err(refuse("text", "cast the counts to BIGINT"));
        }
        let strings = matches!(kind, Kind::Text | Kind::Bits { .. });
        let differences = metadata.row_groups().iter().any(|group| {
            let mut encodings = group.column(leaf).encodings();
            encodings.any(|encoding| encoding == Encoding::DELTA_BYTE_ARRAY)
        });
        Ok(Self {
            content,
            kind,
            leaf,
            name: shortened(name),
            nullable: column.self_type().get_basic_info().repetition() != Repetition::REQUIRED,
            batch_rows: match (strings, differences) {
                (false, _) => NUMBERS,
                (true, false) => STRINGS,
                (true, true) => DIFFERENCES,
            },
            reader: None,
            levels: Vec::new(),
            numbers: Vec::new(),
            strings: Vec::new(),
            next_row: 0,
            next_value: 0,
            values: Pending::default(),
            missing: Vec::new(),
        })
    }

    pub(super) fn kind(&self) -> StateKind {
        match self.kind {
            Kind::Integers | Kind::Unsigned32 | Kind::Unsigned | Kind::Halves => {
                StateKind::Integers
            }
            Kind::Text => StateKind::Text,
            Kind::Bits { units } => StateKind::Bits { units },
        }
    }

    /// Rows to be decoded at a time, at most.
    pub(super) fn batch_rows(&self) -> usize {
        self.batch_rows
    }

    /// Goes on in another row group.
    pub(super) fn open_group(
        &mut self,
        path: &Path,
        group: &dyn RowGroupReader,
    ) -> Result<(), Error> {
        let reader = group.get_column_reader(self.leaf);
        self.reader = Some(reader.map_err(|error| damaged(path, &error))?);
        Ok(())
    }

    /// Decodes the next `rows` rows of the group; the first is row `first` of the file.
    pub(super) fn decode(&mut self, path: &Path, first: u64, rows: usize) -> Result<(), Error> {
        self.levels.clear();
        self.numbers.clear();
        self.strings.clear();
        (self.next_row, self.next_value) = (0, 0);
        let read = match self.read(rows) {
            Ok(Ok(read)) => read,
            Ok(Err(odd)) => {
                let row = first + self.row_of(odd.0) as u64;
                return Err(if self.content == Content::Counts {
                    self.no_count(path, row, &odd.1.to_string())
                } else {
                    Error::NotWhole {
                        path: path.to_path_buf(),
                        row,
                        value: odd.1,
                    }
                });
            }
            Err(error) => return Err(damaged(path, &error)),
        };
        let values = self.numbers.len().max(self.strings.len());
        let present = self.levels.iter().filter(|level| **level > 0).count();
        if read < rows || values != if self.nullable { present } else { rows } {
            let problem = format!("column {} ends before its last row", self.name);
            return Err(wrong(path, problem));
        }
        self.check(path, first)
    }

    /// Decodes rows: how many there were, or the first value that is no whole number.
    fn read(&mut self, rows: usize) -> Result<Result<usize, (usize, f64)>, ParquetError> {
        fn records<T: DataType>(
            reader: &mut ColumnReaderImpl<T>,
            rows: usize,
            levels: &mut Vec<i16>,
            values: &mut Vec<T::T>,
        ) -> Result<usize, ParquetError> {
            let (rows, _, _) = reader.read_records(rows, Some(levels), None, values)?;
            Ok(rows)
        }
        /// Appends floats that are whole numbers.
        fn whole(
            values: impl Iterator<Item = f64>,
            numbers: &mut Vec<i64>,
        ) -> Result<(), (usize, f64)> {
            for (index, value) in values.enumerate() {
                numbers.push(whole_float(value).ok_or((index, value))?);
            }
            Ok(())
        }
        let (levels, numbers) = (&mut self.levels, &mut self.numbers);
        let mut good = Ok(());
        let rows = match self.reader.as_mut() {
            Some(ColumnReader::BoolColumnReader(reader)) => {
                let mut values = Vec::new();
                let rows = records(reader, rows, levels, &mut values)?;
                numbers.extend(values.into_iter().map(i64::from));
                rows
            }
            Some(ColumnReader::Int32ColumnReader(reader)) => {
                let mut values = Vec::new();
                let rows = records(reader, rows, levels, &mut values)?;
                if self.kind == Kind::Unsigned32 {
                    numbers.extend(
                        values
                            .into_iter()
                            .map(|value| i64::from(value.cast_unsigned())),
                    );
                } else {
                    numbers.extend(values.into_iter().map(i64::from));
                }
                rows
            }
            Some(ColumnReader::Int64ColumnReader(reader)) => {
                records(reader, rows, levels, numbers)?
            }
            Some(ColumnReader::FloatColumnReader(reader)) => {
                let mut values = Vec::new();
                let rows = records(reader, rows, levels, &mut values)?;
                good = whole(values.into_iter().map(f64::from), numbers);
                rows
            }
            Some(ColumnReader::DoubleColumnReader(reader)) => {
                let mut values = Vec::new();
                let rows = records(reader, rows, levels, &mut values)?;
                good = whole(values.into_iter(), numbers);
                rows
            }
            Some(ColumnReader::ByteArrayColumnReader(reader)) => {
                records(reader, rows, levels, &mut self.strings)?
            }
            Some(ColumnReader::FixedLenByteArrayColumnReader(reader)) => {
                let mut values = Vec::new();
                let rows = records(reader, rows, levels, &mut values)?;
                if self.kind == Kind::Halves {
                    let bytes = values
                        .iter()
                        .filter_map(|value| value.data().try_into().ok());
                    good = whole(bytes.map(|bytes| f16::from_le_bytes(bytes).into()), numbers);
                } else {
                    self.strings.extend(values.into_iter().map(ByteArray::from));
                }
                rows
            }
            Some(ColumnReader::Int96ColumnReader(_)) | None => {
                unreachable!("refused when the file was opened")
            }
        };
        Ok(good.map(|()| rows))
    }

    /// Refuses values of the batch that are no counts, or no states.
    fn check(&self, path: &Path, first: u64) -> Result<(), Error> {
        let row = |value| first + self.row_of(value) as u64;
        if self.content == Content::Counts {
            if let Some(missing) = self.levels.iter().position(|level| *level == 0) {
                return Err(self.no_count(path, first + missing as u64, "missing"));
            }
            let good = |count: i64| count > 0 || (self.is_wide() && count != 0);
            if let Some(value) = self.numbers.iter().position(|count| !good(*count)) {
                return Err(self.no_count(path, row(value), &self.numbers[value].to_string()));
            }
        }
        if let Some(value) = self
            .strings
            .iter()
            .position(|text| text.len() > BYTES_PER_CHUNK)
        {
            return Err(Error::TooLarge {
                path: path.to_path_buf(),
                row: row(value),
                bytes: self.strings[value].len(),
                limit: BYTES_PER_CHUNK,
            });
        }
        if let Kind::Bits { units } = self.kind {
            let good = |text: &ByteArray| {
                let padding = text
                    .data()
                    .last()
                    .map(|last| u32::from(*last) >> ((units - 1) % 8 + 1));
                text.len() == units.div_ceil(8) && padding == Some(0)
            };
            if let Some(value) = self.strings.iter().position(|text| !good(text)) {
                let problem = format!("row {} (counted from 0) has not {units} bits", row(value));
                return Err(wrong(path, problem));
            }
        }
        Ok(())
    }

    fn no_count(&self, path: &Path, row: u64, found: &str) -> Error {
        Error::Count {
            path: path.to_path_buf(),
            row,
            column: self.name.clone(),
            found: found.into(),
        }
    }

    /// Whether the numbers are the bits of unsigned ones.
    fn is_wide(&self) -> bool {
        self.kind == Kind::Unsigned
    }

    /// The row of the batch that a value stands in.
    fn row_of(&self, value: usize) -> usize {
        if !self.nullable {
            return value;
        }
        let mut present = (0..self.levels.len()).filter(|row| self.levels[*row] > 0);
        present.nth(value).unwrap_or_default()
    }

    /// How many of the next `rows` rows of the batch the chunk has room for; at least one if it is
    /// empty.
    pub(super) fn fitting(&self, rows: usize, empty: bool) -> usize {
        let fitting = match self.kind {
            Kind::Integers | Kind::Unsigned32 | Kind::Unsigned | Kind::Halves => rows,
            Kind::Bits { units } => {
                let most = BYTES_PER_CHUNK / (8 * units.div_ceil(64));
                rows.min(most.saturating_sub(self.values.rows))
            }
            Kind::Text => {
                let mut room = BYTES_PER_CHUNK.saturating_sub(self.values.texts.bytes().len());
                let mut values = self.strings[self.next_value..].iter();
                let fits = |row: &usize| {
                    let missing = self.nullable && self.levels[self.next_row + row] == 0;
                    let bytes = if missing {
                        0
                    } else {
                        values.next().map_or(0, ByteArray::len)
                    };
                    let fits = bytes <= room;
                    room = room.saturating_sub(bytes);
                    fits
                };
                (0..rows).take_while(fits).count()
            }
        };
        fitting.max(usize::from(empty))
    }

    /// Moves the next `rows` rows of the batch into the chunk.
    pub(super) fn append(&mut self, rows: usize) {
        if !self.nullable {
            self.append_values(rows);
            self.next_row += rows;
            return;
        }
        let levels = &self.levels[self.next_row..self.next_row + rows];
        let missing: Vec<usize> = (0..rows).filter(|row| levels[*row] == 0).collect();
        self.next_row += rows;
        let mut done = 0;
        for row in missing {
            self.append_values(row - done);
            self.missing.push(self.values.rows);
            self.append_placeholder();
            done = row + 1;
        }
        self.append_values(rows - done);
    }

    /// Moves values that are there.
    fn append_values(&mut self, count: usize) {
        let range = self.next_value..self.next_value + count;
        self.next_value += count;
        self.values.rows += count;
        match self.kind {
            Kind::Integers | Kind::Unsigned32 | Kind::Halves => {
                self.values.integers.extend_from_slice(&self.numbers[range]);
            }
            Kind::Unsigned => {
                let numbers = self.numbers[range].iter();
                self.values
                    .unsigned
                    .extend(numbers.map(|number| number.cast_unsigned()));
            }
            Kind::Text => {
                for text in &self.strings[range] {
                    self.values.texts.push(text.data());
                }
            }
            Kind::Bits { .. } => {
                for text in &self.strings[range] {
                    for bytes in text.data().chunks(8) {
                        let mut word = [0; 8];
                        word[..bytes.len()].copy_from_slice(bytes);
                        self.values.words.push(u64::from_le_bytes(word));
                    }
                }
            }
        }
    }

    fn append_placeholder(&mut self) {
        self.values.rows += 1;
        match self.kind {
            Kind::Integers | Kind::Unsigned32 | Kind::Halves => self.values.integers.push(0),
            Kind::Unsigned => self.values.unsigned.push(0),
            Kind::Text => self.values.texts.push(b""),
            Kind::Bits { units } => {
                let words = self.values.words.len() + units.div_ceil(64);
                self.values.words.resize(words, 0);
            }
        }
    }

    /// What has been moved into the chunk; the next begins.
    pub(super) fn take(&mut self) -> Column {
        let pending = std::mem::take(&mut self.values);
        let values = match self.kind {
            Kind::Integers | Kind::Unsigned32 | Kind::Halves => Values::Integers(pending.integers),
            Kind::Unsigned => Values::Unsigned(pending.unsigned),
            Kind::Text => Values::Text(pending.texts),
            Kind::Bits { units } => {
                let mut rows = BitRows::zeros(pending.rows, units);
                rows.words_mut().copy_from_slice(&pending.words);
                Values::Bits(rows)
            }
        };
        Column {
            values,
            missing: std::mem::take(&mut self.missing),
        }
    }

    /// As [`take`](Self::take), of counts.
    pub(super) fn take_counts(&mut self) -> Vec<u64> {
        match self.take().values {
            Values::Integers(counts) => counts.into_iter().map(i64::cast_unsigned).collect(),
            Values::Unsigned(counts) => counts,
            Values::Text(_) | Values::Bits(_) => unreachable!("counts are numbers"),
        }
    }
}

/// What a column's values are, or why they are no states.
fn kind(column: &ColumnDescriptor) -> Result<Kind, &'static str> {
    let logical = column.logical_type_ref();
    let converted = column.converted_type();
    if matches!(logical, Some(LogicalType::Decimal(_))) || converted == ConvertedType::DECIMAL {
        return Err("of decimal numbers");
    }
    let unsigned = match logical {
        Some(LogicalType::Integer(integer)) => !integer.is_signed,
        _ => matches!(
            converted,
            ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64
        ),
    };
    Ok(match column.physical_type() {
        Physical::INT96 => return Err("of INT96 timestamps"),
        Physical::INT32 if unsigned => Kind::Unsigned32,
        Physical::INT64 if unsigned => Kind::Unsigned,
        Physical::BOOLEAN
        | Physical::INT32
        | Physical::INT64
        | Physical::FLOAT
        | Physical::DOUBLE => Kind::Integers,
        Physical::FIXED_LEN_BYTE_ARRAY if matches!(logical, Some(LogicalType::Float16)) => {
            Kind::Halves
        }
        Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY => Kind::Text,
    })
}
