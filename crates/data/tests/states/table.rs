//! Parquet files of any schema, for the tests.

use std::sync::Arc;

use parquet::basic::Repetition;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// The values of a column, `None` where one is missing.
#[derive(Clone, Debug)]
pub enum Cells {
    Bool(Vec<Option<bool>>),
    Int32(Vec<Option<i32>>),
    Int64(Vec<Option<i64>>),
    Float(Vec<Option<f32>>),
    Double(Vec<Option<f64>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

/// 64-bit whole numbers, none missing.
pub fn whole(values: &[i64]) -> Cells {
    Cells::Int64(values.iter().copied().map(Some).collect())
}

/// Text, missing where it is "-".
pub fn words(values: &[&str]) -> Cells {
    let word = |word: &&str| (*word != "-").then(|| word.as_bytes().to_vec());
    Cells::Bytes(values.iter().map(word).collect())
}

/// A Parquet file: the fields of its schema, each group's columns, how it is written.
pub fn table(fields: &str, groups: &[Vec<Cells>], properties: WriterProperties) -> Vec<u8> {
    let schema = parse_message_type(&format!("message schema {{ {fields} }}")).unwrap();
    let optional: Vec<bool> = schema
        .get_fields()
        .iter()
        .map(|field| field.get_basic_info().repetition() == Repetition::OPTIONAL)
        .collect();
    let mut file =
        SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).unwrap();
    for columns in groups {
        let mut group = file.next_row_group().unwrap();
        for (cells, optional) in columns.iter().zip(&optional) {
            let mut column = group.next_column().unwrap().unwrap();
            write(column.untyped(), cells, *optional);
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    file.into_inner().unwrap()
}

fn write(writer: &mut ColumnWriter, cells: &Cells, optional: bool) {
    fn levels<T>(cells: &[Option<T>]) -> Vec<i16> {
        cells.iter().map(|cell| i16::from(cell.is_some())).collect()
    }
    fn there<T: Clone>(cells: &[Option<T>]) -> Vec<T> {
        cells.iter().flatten().cloned().collect()
    }
    macro_rules! batch {
        ($writer:expr, $values:expr, $levels:expr) => {{
            let levels = $levels;
            let levels = optional.then_some(&levels[..]);
            $writer.write_batch(&$values, levels, None).unwrap();
        }};
    }
    match (writer, cells) {
        (ColumnWriter::BoolColumnWriter(writer), Cells::Bool(cells)) => {
            batch!(writer, there(cells), levels(cells));
        }
        (ColumnWriter::Int32ColumnWriter(writer), Cells::Int32(cells)) => {
            batch!(writer, there(cells), levels(cells));
        }
        (ColumnWriter::Int64ColumnWriter(writer), Cells::Int64(cells)) => {
            batch!(writer, there(cells), levels(cells));
        }
        (ColumnWriter::FloatColumnWriter(writer), Cells::Float(cells)) => {
            batch!(writer, there(cells), levels(cells));
        }
        (ColumnWriter::DoubleColumnWriter(writer), Cells::Double(cells)) => {
            batch!(writer, there(cells), levels(cells));
        }
        (ColumnWriter::ByteArrayColumnWriter(writer), Cells::Bytes(cells)) => {
            let values: Vec<ByteArray> = there(cells).into_iter().map(ByteArray::from).collect();
            batch!(writer, values, levels(cells));
        }
        (ColumnWriter::FixedLenByteArrayColumnWriter(writer), Cells::Bytes(cells)) => {
            let values = there(cells).into_iter().map(ByteArray::from);
            let values: Vec<FixedLenByteArray> = values.map(FixedLenByteArray::from).collect();
            batch!(writer, values, levels(cells));
        }
        (_, cells) => panic!("{cells:?} are not of the schema's type"),
    }
}
