//! Tables of counts: written by us, and by others.

use std::fs;

use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use resrel_data::{
    Column, CountsWriter, StateChunk, StateKind, StateOptions, StateReader, Texts, Values,
};
use resrel_kernels::BitRows;

use crate::support::{chunks, column, file, line, refusal, rows};
use crate::table::{Cells, table, whole, words};

fn chunk(values: Values, labels: Option<Column>, counts: Option<Vec<u64>>) -> StateChunk {
    StateChunk {
        first_row: 0,
        states: Column {
            values,
            missing: Vec::new(),
        },
        labels,
        counts,
    }
}

/// Rows of these bits.
fn bits(units: usize, rows: &[&[usize]]) -> BitRows {
    let mut packed = BitRows::zeros(rows.len(), units);
    let words = packed.words_per_row();
    for (row, set) in rows.iter().enumerate() {
        for bit in *set {
            packed.words_mut()[row * words + bit / 64] |= 1 << (bit % 64);
        }
    }
    packed
}

/// What is read of a file that these chunks were written to.
fn written(chunks: &[StateChunk]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counts.parquet");
    let mut writer = CountsWriter::create(&path).unwrap();
    for chunk in chunks {
        writer.write(chunk).unwrap();
    }
    assert!(!path.exists(), "nothing is there before the end");
    writer.finish().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    rows(&path, &StateOptions::default()).unwrap()
}

#[test]
fn counts_of_every_type_come_back() {
    let labels = |values, missing| Some(Column { values, missing });
    let numbers = chunk(
        Values::Integers(vec![i64::MIN, 5, i64::MAX]),
        None,
        Some(vec![1, u64::MAX, (1 << 53) + 1]),
    );
    assert_eq!(
        written(&[numbers.clone(), numbers]),
        [
            "-9223372036854775808 x1",
            "5 x18446744073709551615",
            "9223372036854775807 x9007199254740993",
            "-9223372036854775808 x1",
            "5 x18446744073709551615",
            "9223372036854775807 x9007199254740993",
        ]
    );
    let unsigned = chunk(
        Values::Unsigned(vec![u64::MAX, 0]),
        labels(Values::Integers(vec![-1, 0]), vec![1]),
        None,
    );
    assert_eq!(
        written(&[unsigned]),
        ["18446744073709551615u -1 x1", "0u - x1"]
    );
    let mut texts = chunk(
        Values::Text(["", "né", "", "a\nb"].iter().collect()),
        labels(Values::Text(["x", "", "", "y"].iter().collect()), vec![2]),
        Some(vec![4, 3, 2, 1]),
    );
    texts.states.missing = vec![2];
    assert_eq!(
        written(&[texts]),
        [
            "'' 'x' x4",
            "'n\\xc3\\xa9' '' x3",
            "- - x2",
            "'a\\nb' 'y' x1"
        ]
    );
    for units in [1, 7, 8, 9, 63, 64, 65, 130] {
        let last = units - 1;
        let mut packed = chunk(
            Values::Bits(bits(units, &[&[0], &[], &[], &[last]])),
            labels(Values::Unsigned(vec![1, 2, 3, u64::MAX]), vec![]),
            Some(vec![9, 8, 7, 6]),
        );
        packed.states.missing = vec![1];
        let zeros = "0".repeat(last);
        assert_eq!(
            written(&[packed]),
            [
                format!("1{zeros} 1u x9"),
                "- 2u x8".into(),
                format!("0{zeros} 3u x7"),
                format!("{zeros}1 18446744073709551615u x6"),
            ]
        );
    }
}

#[test]
fn bits_come_back_as_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counts.parquet");
    let mut writer = CountsWriter::create(&path).unwrap();
    let states = Values::Bits(bits(12, &[&[3, 11], &[]]));
    writer.write(&chunk(states.clone(), None, None)).unwrap();
    writer.finish().unwrap();
    let reader = StateReader::open(&path, &StateOptions::default()).unwrap();
    assert_eq!(reader.kind(), StateKind::Bits { units: 12 });
    let read = chunks(&path, &StateOptions::default()).unwrap();
    assert_eq!(read, [chunk(states, None, Some(vec![1, 1]))]);
    // A column that is chosen is states alone.
    assert_eq!(rows(&path, &column("count")).unwrap(), ["1u", "1u"]);
}

#[test]
fn an_unfinished_file_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counts.parquet");
    fs::write(&path, "the old file").unwrap();
    let files = || fs::read_dir(folder.path()).unwrap().count();
    let one = chunk(Values::Integers(vec![1]), None, None);

    let mut writer = CountsWriter::create(&path).unwrap();
    writer.write(&one).unwrap();
    drop(writer);
    assert_eq!(
        (files(), &*fs::read_to_string(&path).unwrap()),
        (1, "the old file")
    );

    let error = CountsWriter::create(&path).unwrap().finish().unwrap_err();
    assert!(line(&path, &error).starts_with(": holds no states to be written"));
    assert_eq!(
        (files(), &*fs::read_to_string(&path).unwrap()),
        (1, "the old file")
    );

    let mut writer = CountsWriter::create(&path).unwrap();
    writer.write(&one).unwrap();
    writer.finish().unwrap();
    assert_eq!(files(), 1);
    assert_eq!(rows(&path, &StateOptions::default()).unwrap(), ["1 x1"]);

    let nowhere = folder.path().join("none").join("counts.parquet");
    let error = CountsWriter::create(&nowhere).err().unwrap();
    assert!(line(&nowhere, &error).starts_with(": cannot be written ("));
    let error = CountsWriter::create(folder.path()).and_then(|mut writer| {
        writer.write(&one)?;
        writer.finish()
    });
    assert!(line(folder.path(), &error.unwrap_err()).starts_with(": cannot be written ("));
}

#[test]
fn text_that_is_no_utf8_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counts.parquet");
    let mut writer = CountsWriter::create(&path).unwrap();
    let good: Texts = ["a", "b"].iter().collect();
    writer
        .write(&chunk(Values::Text(good), None, None))
        .unwrap();
    let bad: Texts = [&b"c"[..], b"\xff"].iter().collect();
    let error = writer
        .write(&chunk(Values::Text(bad), None, None))
        .unwrap_err();
    assert_eq!(
        line(&path, &error),
        ": state 3 (counted from 0) is not UTF-8, as Parquet demands of text; convert the input, \
         e.g. with iconv"
    );
}

#[test]
#[should_panic(expected = "chunks of the same types")]
fn chunks_of_different_types_are_a_mistake_of_the_caller() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = CountsWriter::create(&folder.path().join("x")).unwrap();
    writer
        .write(&chunk(Values::Integers(vec![1]), None, None))
        .unwrap();
    let _ = writer.write(&chunk(Values::Unsigned(vec![1]), None, None));
}

#[test]
fn tables_of_counts_by_others_are_read() {
    let int32 = |values: &[i32]| Cells::Int32(values.iter().copied().map(Some).collect());
    let double = |values: &[f64]| Cells::Double(values.iter().copied().map(Some).collect());
    let state = || words(&["a", "-", "b"]);
    let cases = [
        ("optional int64 count;", whole(&[3, 1, 7]), ["3", "1", "7"]),
        (
            "required int32 count;",
            int32(&[3, 1, i32::MAX]),
            ["3", "1", "2147483647"],
        ),
        (
            "required int32 count (INTEGER(32,false));",
            int32(&[3, 1, -1]),
            ["3", "1", "4294967295"],
        ),
        (
            "required int64 count (INTEGER(64,false));",
            whole(&[3, 1, -1]),
            ["3", "1", "18446744073709551615"],
        ),
        (
            "optional double count;",
            double(&[3.0, 1.0, 1e15]),
            ["3", "1", "1000000000000000"],
        ),
    ];
    for (field, counts, [a, b, c]) in cases {
        // In any order, among other columns.
        let fields = format!("{field} required int64 other; optional binary state (UTF8);");
        let columns = vec![counts, whole(&[0, 0, 0]), state()];
        let (_folder, path) = file(
            "x.parquet",
            &table(&fields, &[columns], WriterProperties::default()),
        );
        let read = rows(&path, &StateOptions::default()).unwrap();
        assert_eq!(
            read,
            [format!("'a' x{a}"), format!("- x{b}"), format!("'b' x{c}")]
        );
        // With a column chosen it is a table like others.
        assert_eq!(rows(&path, &column("state")).unwrap(), ["'a'", "-", "'b'"]);
    }
    let fields = "optional binary state (UTF8); required int64 count; optional int64 label; required int64 class;";
    let labels = Cells::Int64(vec![Some(-1), Some(2), None]);
    let columns = vec![state(), whole(&[3, 1, 7]), labels, whole(&[4, 5, 6])];
    let (_folder, path) = file(
        "x.parquet",
        &table(fields, &[columns], WriterProperties::default()),
    );
    let read = rows(&path, &StateOptions::default()).unwrap();
    assert_eq!(read, ["'a' -1 x3", "- 2 x1", "'b' - x7"]);
    let options = StateOptions {
        label_column: Some("class".into()),
        ..StateOptions::default()
    };
    assert_eq!(
        rows(&path, &options).unwrap(),
        ["'a' 4 x3", "- 5 x1", "'b' 6 x7"]
    );
}

#[test]
fn counts_that_are_none_are_refused() {
    let double = |value| Cells::Double(vec![Some(1.0), Some(value)]);
    let none = ": column \"count\", row 1 (counted from 0) is ";
    let cases = [
        ("required int64 count;", whole(&[1, 0]), "0"),
        ("required int64 count;", whole(&[1, -4]), "-4"),
        (
            "required int64 count (INTEGER(64,false));",
            whole(&[-1, 0]),
            "0",
        ),
        (
            "optional int64 count;",
            Cells::Int64(vec![Some(1), None]),
            "missing",
        ),
        ("optional double count;", double(0.5), "0.5"),
        ("optional double count;", double(f64::NAN), "NaN"),
        ("optional double count;", double(-1.0), "-1"),
        (
            "optional double count;",
            double(1e30),
            "1000000000000000000000000000000",
        ),
    ];
    for (field, counts, found) in cases {
        let fields = format!("required int64 state; {field}");
        let columns = vec![whole(&[5, 6]), counts];
        let (_folder, path) = file(
            "x.parquet",
            &table(&fields, &[columns], WriterProperties::default()),
        );
        let text = refusal(&path, &StateOptions::default());
        let said = format!("{none}{found}, not a whole number of 1 or more; leave such rows out");
        assert_eq!(text, said);
    }
    for (fields, said) in [
        (
            "required int64 state; required binary count (UTF8);",
            ": column \"count\" is text; cast the counts to BIGINT",
        ),
        (
            "required int64 state; required fixed_len_byte_array(16) count (DECIMAL(38,0));",
            ": column \"count\" is of decimal numbers; cast it to BIGINT",
        ),
    ] {
        let (_folder, path) = file(
            "x.parquet",
            &table(fields, &[], WriterProperties::default()),
        );
        let text = refusal(&path, &StateOptions::default());
        assert!(text.starts_with(said), "{text}");
    }
}

#[test]
fn packed_bits_of_another_length_are_refused() {
    use parquet::file::metadata::KeyValue;
    let bits = |units: &str, state: &[u8]| {
        let entry = KeyValue::new("resrel.units".into(), units.to_string());
        let properties = WriterProperties::builder()
            .set_key_value_metadata(Some(vec![entry]))
            .build();
        let fields = "required binary state; required int64 count;";
        let columns = vec![Cells::Bytes(vec![Some(state.to_vec())]), whole(&[1])];
        table(fields, &[columns], properties)
    };
    let (_folder, path) = file("x.parquet", &bits("9", &[255, 1]));
    assert_eq!(
        rows(&path, &StateOptions::default()).unwrap(),
        ["111111111 x1"]
    );
    for (units, state, said) in [
        ("9", &[255_u8][..], "row 0 (counted from 0) has not 9 bits"),
        ("9", &[255, 1, 0], "row 0 (counted from 0) has not 9 bits"),
        // A bit beyond the last unit.
        ("9", &[255, 3], "row 0 (counted from 0) has not 9 bits"),
        ("0", &[], "resrel.units is no number"),
        ("-1", &[1], "resrel.units is no number"),
        ("99999999999", &[1], "resrel.units is no number"),
        ("x", &[1], "resrel.units is no number"),
    ] {
        let (_folder, path) = file("x.parquet", &bits(units, state));
        let text = refusal(&path, &StateOptions::default());
        assert!(text.contains(&format!("damaged ({said})")), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Chunks of any sizes come back as the rows that were written.
    #[test]
    fn what_is_written_is_read(
        rows in proptest::collection::vec(
            (proptest::option::of("[a-z\u{e0}-\u{ff}\n\"]{0,5}"), proptest::option::of(any::<i64>()), 1_u64..),
            1..200,
        ),
        cut in any::<proptest::sample::Index>(),
    ) {
        let part = |rows: &[(Option<String>, Option<i64>, u64)]| {
            let missing = |absent: &dyn Fn(usize) -> bool| (0..rows.len()).filter(|row| absent(*row)).collect();
            StateChunk {
                first_row: 0,
                states: Column {
                    values: Values::Text(rows.iter().map(|row| row.0.clone().unwrap_or_default()).collect()),
                    missing: missing(&|row| rows[row].0.is_none()),
                },
                labels: Some(Column {
                    values: Values::Integers(rows.iter().map(|row| row.1.unwrap_or(0)).collect()),
                    missing: missing(&|row| rows[row].1.is_none()),
                }),
                counts: Some(rows.iter().map(|row| row.2).collect()),
            }
        };
        let (front, back) = rows.split_at(cut.index(rows.len()));
        let parts: Vec<StateChunk> = [front, back]
            .into_iter()
            .filter(|rows| !rows.is_empty())
            .map(part)
            .collect();
        let expected: Vec<String> = rows
            .iter()
            .map(|(state, label, count)| {
                let state = state.as_ref().map_or("-".into(), |state| format!("'{}'", state.as_bytes().escape_ascii()));
                let label = label.map_or("-".into(), |label| label.to_string());
                format!("{state} {label} x{count}")
            })
            .collect();
        prop_assert_eq!(written(&parts), expected);
    }
}
