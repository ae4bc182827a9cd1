//! Parquet files of others.

use parquet::basic::{BrotliLevel, Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use resrel_data::{StateKind, StateOptions, StateReader, Values};

use crate::support::{chunks, column, file, refusal, rows};
use crate::table::{Cells, table, whole, words};

const COMPRESSIONS: [fn() -> Compression; 7] = [
    || Compression::UNCOMPRESSED,
    || Compression::SNAPPY,
    || Compression::GZIP(GzipLevel::default()),
    || Compression::ZSTD(ZstdLevel::default()),
    || Compression::LZ4,
    || Compression::LZ4_RAW,
    || Compression::BROTLI(BrotliLevel::default()),
];

fn plain() -> WriterProperties {
    WriterProperties::builder().build()
}

fn labelled(states: &str, labels: &str) -> StateOptions {
    StateOptions {
        label_column: Some(labels.into()),
        ..column(states)
    }
}

/// A field of each type, its values, and how they are read.
fn numbers() -> Vec<(&'static str, Cells, [&'static str; 3])> {
    let small = || Cells::Int32(vec![Some(-1), Some(0), Some(7)]);
    vec![
        (
            "required boolean x",
            Cells::Bool(vec![Some(true), Some(false), Some(true)]),
            ["1", "0", "1"],
        ),
        (
            "optional boolean x",
            Cells::Bool(vec![None, Some(false), Some(true)]),
            ["-", "0", "1"],
        ),
        ("required int32 x", small(), ["-1", "0", "7"]),
        (
            "required int32 x (INTEGER(8,true))",
            small(),
            ["-1", "0", "7"],
        ),
        ("required int32 x (DATE)", small(), ["-1", "0", "7"]),
        (
            "required int32 x (INTEGER(32,false))",
            small(),
            ["4294967295", "0", "7"],
        ),
        (
            "required int32 x (UINT_32)",
            small(),
            ["4294967295", "0", "7"],
        ),
        (
            "required int64 x",
            whole(&[i64::MIN, i64::MAX, 0]),
            ["-9223372036854775808", "9223372036854775807", "0"],
        ),
        (
            "required int64 x (TIMESTAMP(MICROS,true))",
            whole(&[-1, 5, 6]),
            ["-1", "5", "6"],
        ),
        (
            "required int64 x (INTEGER(64,false))",
            whole(&[-1, i64::MIN, 3]),
            ["18446744073709551615u", "9223372036854775808u", "3u"],
        ),
        (
            "required int64 x (UINT_64)",
            whole(&[-1, 1, 3]),
            ["18446744073709551615u", "1u", "3u"],
        ),
        (
            "optional int64 x",
            Cells::Int64(vec![Some(3), None, Some(-3)]),
            ["3", "-", "-3"],
        ),
        (
            "optional int64 x (INTEGER(64,false))",
            Cells::Int64(vec![None, Some(3), None]),
            ["-", "3u", "-"],
        ),
        (
            "required float x",
            Cells::Float(vec![Some(-2.0), Some(-0.0), Some(16_777_216.0)]),
            ["-2", "0", "16777216"],
        ),
        (
            "optional double x",
            Cells::Double(vec![Some(-2.0), None, Some(-9.223_372_036_854_776e18)]),
            ["-2", "-", "-9223372036854775808"],
        ),
    ]
}

/// As [`numbers`], of text, and of numbers that are stored as strings of bytes.
fn strings() -> Vec<(&'static str, Cells, [&'static str; 3])> {
    let texts = |values: [&str; 3]| Cells::Bytes(values.map(|x| Some(x.into())).to_vec());
    let halves = Cells::Bytes(vec![Some(vec![0, 0x3c]), None, Some(vec![0, 0xc0])]);
    vec![
        (
            "optional fixed_len_byte_array(2) x (FLOAT16)",
            halves,
            ["1", "-", "-2"],
        ),
        (
            "required binary x (UTF8)",
            texts(["a", "", "né"]),
            ["'a'", "''", "'n\\xc3\\xa9'"],
        ),
        (
            "optional binary x (STRING)",
            words(&["-", "7", "NA"]),
            ["-", "'7'", "'NA'"],
        ),
        (
            "required binary x (ENUM)",
            texts(["a", "b", "a"]),
            ["'a'", "'b'", "'a'"],
        ),
        (
            "optional binary x",
            Cells::Bytes(vec![Some(vec![0, 255]), None, Some(vec![])]),
            ["'\\x00\\xff'", "-", "''"],
        ),
        (
            "required fixed_len_byte_array(2) x",
            texts(["ab", "cd", "ab"]),
            ["'ab'", "'cd'", "'ab'"],
        ),
        (
            "optional fixed_len_byte_array(2) x",
            words(&["ab", "-", "cd"]),
            ["'ab'", "-", "'cd'"],
        ),
    ]
}

#[test]
fn a_column_of_every_type_is_read_however_it_is_packed() {
    for (index, (field, cells, expected)) in numbers().into_iter().chain(strings()).enumerate() {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for dictionary in [false, true] {
                // Two groups, the second in reverse order.
                let mut back = cells.clone();
                reverse(&mut back);
                let properties = WriterProperties::builder()
                    .set_writer_version(version)
                    .set_dictionary_enabled(dictionary)
                    .set_compression(COMPRESSIONS[index % COMPRESSIONS.len()]())
                    .build();
                let bytes = table(
                    &format!("{field};"),
                    &[vec![cells.clone()], vec![back]],
                    properties,
                );
                let (_folder, path) = file("x.parquet", &bytes);
                let both: Vec<&str> = expected
                    .iter()
                    .chain(expected.iter().rev())
                    .copied()
                    .collect();
                let read = rows(&path, &StateOptions::default()).unwrap();
                assert_eq!(read, both, "{field} {version:?} {dictionary}");
                assert_eq!(rows(&path, &column("x")).unwrap(), both);
                let reader = StateReader::open(&path, &StateOptions::default()).unwrap();
                let text = expected.iter().any(|value| value.starts_with('\''));
                let kind = if text {
                    StateKind::Text
                } else {
                    StateKind::Integers
                };
                assert_eq!(reader.kind(), kind);
            }
        }
    }
}

fn reverse(cells: &mut Cells) {
    match cells {
        Cells::Bool(cells) => cells.reverse(),
        Cells::Int32(cells) => cells.reverse(),
        Cells::Int64(cells) => cells.reverse(),
        Cells::Float(cells) => cells.reverse(),
        Cells::Double(cells) => cells.reverse(),
        Cells::Bytes(cells) => cells.reverse(),
    }
}

#[test]
fn every_compression_and_encoding_gives_the_same_rows() {
    let count = 3000;
    let ids: Vec<Option<i64>> = (0..count)
        .map(|i| (i % 7 != 3).then_some(i * i % 1013))
        .collect();
    let names: Vec<Option<Vec<u8>>> = (0..count)
        .map(|i| (i % 5 != 2).then(|| format!("name {}", i / 9).into_bytes()))
        .collect();
    let expected: Vec<String> = ids
        .iter()
        .zip(&names)
        .map(|(id, name)| {
            let id = id.map_or("-".into(), |id| id.to_string());
            let name = name
                .as_ref()
                .map_or("-".into(), |name| format!("'{}'", name.escape_ascii()));
            format!("{name} {id}")
        })
        .collect();
    let cells = vec![Cells::Int64(ids), Cells::Bytes(names)];
    let fields = "optional int64 id; optional binary name (UTF8);";
    let check = |properties| {
        let bytes = table(fields, std::slice::from_ref(&cells), properties);
        let (_folder, path) = file("x.parquet", &bytes);
        assert_eq!(rows(&path, &labelled("name", "id")).unwrap(), expected);
    };
    for compression in COMPRESSIONS {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            check(
                WriterProperties::builder()
                    .set_compression(compression())
                    .set_writer_version(version)
                    .set_data_page_row_count_limit(700)
                    .set_write_batch_size(100)
                    .build(),
            );
        }
    }
    let encodings = [
        (Encoding::PLAIN, Encoding::PLAIN),
        (
            Encoding::DELTA_BINARY_PACKED,
            Encoding::DELTA_LENGTH_BYTE_ARRAY,
        ),
        (Encoding::BYTE_STREAM_SPLIT, Encoding::DELTA_BYTE_ARRAY),
    ];
    for (numbers, texts) in encodings {
        check(
            WriterProperties::builder()
                .set_dictionary_enabled(false)
                .set_column_encoding("id".into(), numbers)
                .set_column_encoding("name".into(), texts)
                .build(),
        );
    }
}

#[test]
fn columns_stay_in_lockstep_over_row_groups() {
    let fields = "required int64 id; optional binary name (UTF8); required boolean odd;";
    let group = |range: std::ops::Range<i64>| {
        vec![
            Cells::Int64(range.clone().map(Some).collect()),
            Cells::Bytes(
                range
                    .clone()
                    .map(|i| (i % 3 > 0).then(|| i.to_string().into_bytes()))
                    .collect(),
            ),
            Cells::Bool(range.map(|i| Some(i % 2 == 1)).collect()),
        ]
    };
    // Groups of one row, of none, and of more than are decoded at a time.
    let groups = [
        group(0..1),
        group(1..1),
        group(1..10_000),
        group(10_000..80_000),
    ];
    let bytes = table(fields, &groups, plain());
    let (_folder, path) = file("x.parquet", &bytes);
    let expected: Vec<String> = (0..80_000)
        .map(|i| {
            if i % 3 > 0 {
                format!("'{i}' {i}")
            } else {
                format!("- {i}")
            }
        })
        .collect();
    assert!(rows(&path, &labelled("name", "id")).unwrap() == expected);
    let expected: Vec<String> = (0..80_000).map(|i| format!("{i} {}", i % 2)).collect();
    assert!(rows(&path, &labelled("id", "odd")).unwrap() == expected);
    // The first bytes tell what a file is.
    let (_folder, path) = file("x", &bytes);
    assert!(rows(&path, &labelled("id", "odd")).unwrap() == expected);
    let reader = StateReader::open(&path, &labelled("id", "odd")).unwrap();
    assert!(reader.has_labels());
}

#[test]
fn chunks_hold_a_million_rows_or_16_mib() {
    let count = (3 << 19) + 5_i64;
    let ids = Cells::Int64((0..count).map(Some).collect());
    let bytes = table("required int64 x;", &[vec![ids]], plain());
    let (_folder, path) = file("x.parquet", &bytes);
    let read = chunks(&path, &StateOptions::default()).unwrap();
    let sizes: Vec<usize> = read.iter().map(resrel_data::StateChunk::rows).collect();
    assert_eq!(sizes, [1 << 20, (1 << 19) + 5]);
    let all: Vec<i64> = read
        .into_iter()
        .flat_map(|chunk| match chunk.states.values {
            Values::Integers(values) => values,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(all.into_iter().eq(0..count));

    // Long text, and longer labels: whichever is full first ends the chunk.
    let long = |letter: u8, length: usize| vec![letter; length];
    let texts = Cells::Bytes((0..10).map(|i| Some(long(b'a' + i, 1 << 20))).collect());
    let labels = Cells::Bytes(
        (0..10)
            .map(|i| (i != 1).then(|| long(b'a' + i, 6 << 20)))
            .collect(),
    );
    let bytes = table(
        "required binary x; optional binary y;",
        &[vec![texts, labels]],
        plain(),
    );
    let (_folder, path) = file("x.parquet", &bytes);
    let read = chunks(&path, &labelled("x", "y")).unwrap();
    let sizes: Vec<usize> = read.iter().map(resrel_data::StateChunk::rows).collect();
    assert_eq!(sizes, [3, 2, 2, 2, 1]);
    let mut row = 0;
    for chunk in read {
        let (Values::Text(texts), Some(labels)) = (chunk.states.values, chunk.labels) else {
            panic!("text with labels");
        };
        let Values::Text(label_texts) = labels.values else {
            panic!("labels of text");
        };
        for (place, (text, label)) in texts.iter().zip(label_texts.iter()).enumerate() {
            assert!(text == long(b'a' + row, 1 << 20));
            assert_eq!(labels.missing.contains(&place), row == 1);
            assert!(label == long(b'a' + row, if row == 1 { 0 } else { 6 << 20 }));
            row += 1;
        }
    }
    assert_eq!(row, 10);
}

/// Checks that a file of these fields and columns is refused in words that begin so.
fn refused(cases: Vec<(&str, Vec<Cells>, StateOptions, &str)>) {
    for (fields, cells, options, said) in cases {
        let groups = if cells.is_empty() {
            vec![]
        } else {
            vec![cells]
        };
        let (_folder, path) = file("x.parquet", &table(fields, &groups, plain()));
        let text = refusal(&path, &options);
        assert!(text.starts_with(said), "{text}");
    }
}

#[test]
fn columns_of_types_that_are_no_states_are_refused() {
    refused(vec![
        (
            "required int96 x;",
            vec![],
            column(""),
            ": column \"x\" is of INT96 timestamps; cast it to BIGINT",
        ),
        (
            "required int32 x (DECIMAL(9,2));",
            vec![],
            column(""),
            ": column \"x\" is of decimal numbers; cast it to BIGINT",
        ),
        (
            "required fixed_len_byte_array(16) x (DECIMAL(38,0));",
            vec![],
            column(""),
            ": column \"x\" is of decimal numbers; cast",
        ),
        (
            "repeated int32 x;",
            vec![],
            column(""),
            ": column \"x\" is nested; give its parts columns of their own",
        ),
        (
            "optional group x { required int32 y; }",
            vec![],
            column("x"),
            ": column \"x\" is nested; give",
        ),
        (
            "required group x (LIST) { repeated group list { optional int32 element; } }",
            vec![],
            column("x"),
            ": column \"x\" is nested; give",
        ),
    ]);
}

#[test]
fn columns_without_clear_states_are_refused() {
    let number = || vec![whole(&[1])];
    let double = |value: f64| vec![Cells::Double(vec![None, Some(1.0), None, Some(value)])];
    let long = Cells::Bytes(vec![Some(vec![]), Some(vec![0; (1 << 24) + 1])]);
    refused(vec![
        (
            "required int64 x; required int64 y;",
            vec![whole(&[1]), whole(&[2])],
            column(""),
            ": holds several columns (\"x\", \"y\"); choose one with --column NAME",
        ),
        (
            "required int64 x;",
            number(),
            column("y"),
            ": no column \"y\"; choose one of \"x\"",
        ),
        (
            "required int64 x;",
            number(),
            labelled("x", "y"),
            ": no column \"y\"; choose one of \"x\"",
        ),
        (
            "required int64 x;",
            vec![whole(&[])],
            column("x"),
            ": holds no observations",
        ),
        (
            "optional double x;",
            double(0.5),
            column("x"),
            ": row 3 (counted from 0) is 0.5, not a whole number of 64 bits; bin",
        ),
        (
            "optional double x;",
            double(f64::NAN),
            column("x"),
            ": row 3 (counted from 0) is NaN, not a whole",
        ),
        (
            "optional double x;",
            double(9.3e18),
            column("x"),
            ": row 3 (counted from 0) is 9300000000000000000, not a whole",
        ),
        (
            "required binary x;",
            vec![long],
            column("x"),
            ": row 1 (counted from 0) has 16777217 bytes, 16777216 at most; shorten",
        ),
    ]);
    let (_folder, path) = file(
        "x.parquet",
        &table("required int64 x;", &[number()], plain()),
    );
    let options = StateOptions {
        threshold: Some(0.5),
        ..StateOptions::default()
    };
    let text = refusal(&path, &options);
    assert_eq!(
        text,
        ": is a Parquet file, for which --threshold means nothing; leave it out"
    );
    for bytes in [
        &b""[..],
        b"PAR1",
        b"PAR1PAR1",
        b"junk that is long enough to be a file",
    ] {
        let (_folder, path) = file("x.parquet", bytes);
        let text = refusal(&path, &StateOptions::default());
        assert!(
            text.starts_with(": the Parquet file breaks off or is damaged ("),
            "{text}"
        );
    }
}
