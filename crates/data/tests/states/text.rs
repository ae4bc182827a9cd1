//! Plain text, CSV and TSV.

use std::fs;

use proptest::prelude::*;
use resrel_data::{StateKind, StateOptions, StateReader, Values};

use crate::support::{chunks, column, file, gzip, refusal, rows, zstd};

/// Options that choose nothing.
fn none() -> StateOptions {
    StateOptions::default()
}

/// Options with a column of labels beside that of the states.
fn labelled(states: &str, labels: &str) -> StateOptions {
    StateOptions {
        label_column: Some(labels.into()),
        ..column(states)
    }
}

/// Options that read every value as text.
fn as_text() -> StateOptions {
    StateOptions {
        text: true,
        ..StateOptions::default()
    }
}

#[test]
fn a_line_is_a_state() {
    let cases: [(&[u8], &[&str]); 9] = [
        (b"1\n-2\n3", &["1", "-2", "3"]),
        (b"1\r\n-2\r\n", &["1", "-2"]),
        (b"\xef\xbb\xbf5\n6\n", &["5", "6"]),
        // Text keeps its blanks, quotes, separators and bytes that are no UTF-8.
        (
            b" a\nb,c \n\"d\"\n\xff\xfe\n7\n",
            &["' a'", "'b,c '", "'\\\"d\\\"'", "'\\xff\\xfe'", "'7'"],
        ),
        (b"007\n7\n", &["'007'", "'7'"]),
        (b"0.5\n1\n", &["'0.5'", "'1'"]),
        // Missing: an empty line between others, and what pandas takes for missing.
        (
            b"\n1\n\nNA\nnan\nNone\n<NA>\n2\n\n\n",
            &["-", "1", "-", "-", "-", "-", "-", "2"],
        ),
        (b"null\nx\nn/a\nNan\n", &["-", "'x'", "-", "'Nan'"]),
        (b"NaN\nNULL\n", &["-", "-"]),
    ];
    for (bytes, expected) in cases {
        for name in ["x.txt", "x", "x.dat"] {
            let (_folder, path) = file(name, bytes);
            assert_eq!(rows(&path, &StateOptions::default()).unwrap(), expected);
        }
    }
    let (_folder, path) = file("x.txt", b"1\nNA\n\n007\n");
    let read = rows(&path, &as_text()).unwrap();
    assert_eq!(read, ["'1'", "'NA'", "-", "'007'"]);
    let reader = StateReader::open(&path, &as_text()).unwrap();
    assert_eq!(reader.kind(), StateKind::Text);
    assert!(!reader.has_labels());
}

#[test]
fn whole_numbers_of_64_bits_stay_exact() {
    let text = b"18446744073709551615\n9223372036854775808\n0\n9007199254740993\n-1\n\
        -9223372036854775808\n9223372036854775807\n18446744073709551614\n";
    let (_folder, path) = file("x.txt", text);
    // No type of 64 bits holds both signs at this size, so chunks end between them.
    let expected = [
        "18446744073709551615u",
        "9223372036854775808u",
        "0u",
        "9007199254740993u",
        "-1",
        "-9223372036854775808",
        "9223372036854775807",
        "18446744073709551614u",
    ];
    assert_eq!(rows(&path, &StateOptions::default()).unwrap(), expected);
    // One digit more is text from the first value on, and an error after whole numbers.
    let (_folder, path) = file("x.txt", b"18446744073709551616\n1\n");
    let read = rows(&path, &StateOptions::default()).unwrap();
    assert_eq!(read, ["'18446744073709551616'", "'1'"]);
    let (_folder, path) = file("x.txt", b"1\n18446744073709551616\n");
    let text = refusal(&path, &StateOptions::default());
    assert!(text.starts_with(": line 2: \"18446744073709551616\" is no whole number"));
}

#[test]
fn a_column_of_a_table_is_chosen() {
    let table = "word,id,class\nthe,3,a\n\"of, or\",4,\nand,,b\n";
    for (name, text) in [
        ("x.csv", table.to_string()),
        ("x.CSV", table.replace('\n', "\r\n")),
        ("x.csv", format!("\u{feff}{table}")),
        ("x.csv", table.trim_end().to_string()),
        ("x.csv", format!("\n\n{}\n\n", table.replace('\n', "\n\n"))),
        // A quote before or after the record at hand changes nothing.
        (
            "x.csv",
            table.replace("the", "\"the\"").replace("id", "\"id\""),
        ),
        (
            "x.tsv",
            table
                .replace("\"of, or\"", "of- or")
                .replace(',', "\t")
                .replace('-', ","),
        ),
        (
            "x.tab",
            table
                .replace(',', "\t")
                .replace("\"of\t or\"", "\"of, or\""),
        ),
    ] {
        let (_folder, path) = file(name, text.as_bytes());
        assert_eq!(
            rows(&path, &column("id")).unwrap(),
            ["3", "4", "-"],
            "{text}"
        );
        assert_eq!(
            rows(&path, &labelled("word", "class")).unwrap(),
            ["'the' 'a'", "'of, or' -", "'and' 'b'"],
            "{text}"
        );
        let reader = StateReader::open(&path, &labelled("id", "word")).unwrap();
        assert!(reader.has_labels());
        assert_eq!(reader.kind(), StateKind::Integers);
        // By number there is no header, and what looks like one is not taken for an observation.
        let text = refusal(&path, &column("1"));
        assert!(
            text.starts_with(": header: \"id\" stands above numbers"),
            "{text}"
        );
    }
}

#[test]
fn a_column_without_a_header_is_chosen_by_number() {
    let (_folder, path) = file("x.csv", b"3,a\n4,b\n");
    assert_eq!(rows(&path, &column("1")).unwrap(), ["3", "4"]);
    assert_eq!(
        rows(&path, &labelled("2", "1")).unwrap(),
        ["'a' 3", "'b' 4"]
    );
    let (_folder, path) = file("x.csv", b"\n3\n\n\"4\"\n\n");
    assert_eq!(rows(&path, &column("1")).unwrap(), ["-", "3", "-", "4"]);
}

#[test]
fn a_table_of_one_column_needs_no_choice() {
    let (_folder, path) = file("x.csv", b"state\n3\n\n\"4\"\n\"\"\n5\n\n");
    let expected = ["3", "-", "4", "-", "5"];
    assert_eq!(rows(&path, &StateOptions::default()).unwrap(), expected);
    assert_eq!(rows(&path, &column("state")).unwrap(), expected);
    // A name that is also a number.
    let (_folder, path) = file("x.csv", b"2\nx\n");
    assert_eq!(rows(&path, &column("2")).unwrap(), ["'x'"]);
    let text = refusal(&path, &column("1"));
    assert!(
        text.starts_with(": line 2: \"x\" is no whole number"),
        "{text}"
    );
}

#[test]
fn quoted_fields_hold_anything() {
    let text =
        b"id,text\r\n1,\"a \"\"b\"\"\r\nc,d\"\r\n2,\"\"\n3,e\"f\n4,\"\xff\"\r5,\" NA\"\n6,\"NA\"";
    let (_folder, path) = file("x.csv", text);
    assert_eq!(
        rows(&path, &labelled("text", "id")).unwrap(),
        [
            "'a \\\"b\\\"\\r\\nc,d' 1",
            "- 2",
            "'e\\\"f' 3",
            "'\\xff' 4",
            "' NA' 5",
            "- 6"
        ]
    );
    // A quote within a field that does not begin with one is a letter; at the very end, too.
    let (_folder, path) = file("x.csv", b"id,text\n1,e\"f\n2,5\"");
    let expected = ["'e\\\"f' 1", "'5\\\"' 2"];
    assert_eq!(rows(&path, &labelled("text", "id")).unwrap(), expected);
    // Lines are counted through the quotes.
    let (_folder, path) = file("x.csv", b"id,text\n1,\"a\nb\"\nx,c\n");
    let text = refusal(&path, &column("id"));
    assert!(text.starts_with(": line 4: \"x\" is no whole number, the values before it are"));
}

#[test]
fn text_among_whole_numbers_is_refused() {
    let (_folder, path) = file("x.txt", b"\n1\nNA\n2.0\n");
    assert_eq!(
        refusal(&path, &StateOptions::default()),
        ": line 4: \"2.0\" is no whole number, the values before it are; read all of them as text \
         with --text"
    );
    assert_eq!(
        rows(&path, &as_text()).unwrap(),
        ["-", "'1'", "'NA'", "'2.0'"]
    );
    let (_folder, path) = file("x.csv", b"s,l\na,1\nb,x\n");
    let text = refusal(&path, &labelled("s", "l"));
    assert!(text.starts_with(": line 3: \"x\" is no whole number"));
    let options = StateOptions {
        text: true,
        ..labelled("s", "l")
    };
    assert_eq!(rows(&path, &options).unwrap(), ["'a' '1'", "'b' 'x'"]);
}

/// Checks that each file is refused in words that begin so.
fn refused(cases: &[(&str, &[u8], StateOptions, &str)]) {
    for (name, bytes, options, said) in cases {
        let (_folder, path) = file(name, bytes);
        let text = refusal(&path, options);
        assert!(text.starts_with(said), "{text}");
    }
}

#[test]
fn tables_that_hold_no_clear_states_are_refused() {
    refused(&[
        (
            "x.csv",
            b"a,b\n1,2\n",
            none(),
            ": holds several columns (\"a\", \"b\"); choose one with --column NAME",
        ),
        (
            "x.csv",
            b"a,b\n1,2\n",
            column("c"),
            ": no column \"c\"; choose one of \"a\", \"b\"",
        ),
        (
            "x.csv",
            b"a,b\n1,2\n",
            column("3"),
            ": no column \"3\"; choose one of \"a\", \"b\"",
        ),
        (
            "x.csv",
            b"a,b\n1,2\n",
            column("0"),
            ": no column \"0\"; choose one of \"a\", \"b\"",
        ),
        (
            "x.csv",
            b"a,b\n1,2\n",
            labelled("a", "c"),
            ": no column \"c\"; choose one of",
        ),
        (
            "x.csv",
            b"a,a\n1,2\n",
            column("a"),
            ": header: two columns are called \"a\"; give",
        ),
        (
            "x.csv",
            b"a,b,b\n1,2,3\n",
            labelled("a", "b"),
            ": header: two columns are called \"b\"; give",
        ),
        (
            "x.csv",
            b"1\n2\n",
            none(),
            ": header: \"1\" is a number, not the name of a column; if the file has no header, choose --column 1",
        ),
        (
            "x.csv",
            b"2,1\n3,4\n",
            column("2"),
            ": header: \"2\", \"1\" may be names of columns or values; add a header",
        ),
        (
            "x.csv",
            b"a,b\n1,2\n",
            column("2"),
            ": header: \"a\" stands above numbers and may be the name of a column; choose",
        ),
    ]);
}

#[test]
fn damaged_tables_are_refused() {
    let long = vec![b'a'; (1 << 24) + 1];
    let quoted = [b"x\n\"", &long[..], b"\"\n"].concat();
    refused(&[
        (
            "x.csv",
            b"a,b\n1,2\n3\n",
            column("a"),
            ": line 3: 1 fields, the first line has 2; correct",
        ),
        (
            "x.csv",
            b"a,b\n1,2,3\n",
            column("a"),
            ": line 2: 3 fields, the first line has 2; correct",
        ),
        (
            "x.csv",
            b"a,b\n\"1\",2,3\n",
            column("a"),
            ": line 2: 3 fields, the first line has 2; correct",
        ),
        (
            "x.csv",
            b"a,b\n1,2\n\"3,4\n5,6\n",
            column("a"),
            ": line 3: a quoted field is not closed before the end of the file; close",
        ),
        ("x.csv", b"a,b\n", column("a"), ": holds no observations"),
        ("x.csv", b"", none(), ": holds no observations"),
        ("x.csv", b"\n\n", none(), ": holds no observations"),
        ("x.txt", b"\xef\xbb\xbf", none(), ": holds no observations"),
        ("x.txt", b"\n\n\r\n", none(), ": holds no observations"),
        (
            "x.txt",
            b"a\0b\n",
            none(),
            ": holds bytes of 0, so it is no text in UTF-8; give",
        ),
        (
            "x.txt",
            b"1\n",
            column("a"),
            ": is plain text, for which --column means nothing; leave",
        ),
        (
            "x.csv",
            b"a\n1\n",
            StateOptions {
                threshold: Some(0.5),
                ..none()
            },
            ": is a table, for which --threshold means nothing; leave",
        ),
        (
            "x.txt",
            &long,
            none(),
            ": line 1: longer than 16777216 bytes; check",
        ),
        (
            "x.csv",
            &quoted,
            none(),
            ": line 2: longer than 16777216 bytes; check",
        ),
    ]);
    let (_folder, path) = file("x.txt", b"1\n");
    let text = refusal(&path, &labelled("", "a"));
    assert!(text.contains("--label-column means nothing"), "{text}");
}

#[test]
fn packed_text_is_the_text() {
    let lines: Vec<String> = (0..50_000_u64)
        .map(|i| format!("{},w{i}\n", i * i))
        .collect();
    let lines = lines.concat();
    let table = format!("id,word\n{lines}");
    let plain = table.as_bytes();
    let (_folder, path) = file("x.csv", plain);
    let expected = rows(&path, &labelled("id", "word")).unwrap();
    assert_eq!(expected.len(), 50_000);
    let (front, back) = plain.split_at(plain.len() / 3);
    for (name, bytes) in [
        ("x.csv.gz", gzip(plain)),
        ("x.csv.zst", zstd(plain)),
        // Members one behind the other, as parallel packers and `cat` leave them.
        ("x.csv.gz", [gzip(front), gzip(back)].concat()),
        ("x.csv.zst", [zstd(front), zstd(back)].concat()),
        // The first bytes tell how a file is packed.
        ("x.csv", gzip(plain)),
        ("x.csv", zstd(plain)),
    ] {
        let (_folder, path) = file(name, &bytes);
        assert!(
            rows(&path, &labelled("id", "word")).unwrap() == expected,
            "{name}"
        );
        let (_folder, path) = file(name, &bytes[..bytes.len() - 9]);
        let text = refusal(&path, &labelled("id", "word"));
        let kind = if name.ends_with("gz") || bytes[0] == 0x1f {
            "gzip"
        } else {
            "Zstandard"
        };
        assert!(
            text.starts_with(&format!(": the {kind} data break off or are damaged")),
            "{text}"
        );
    }
    let mut damaged = gzip(plain);
    let end = damaged.len() - 6;
    damaged[end] ^= 1;
    let (_folder, path) = file("x.csv.gz", &damaged);
    let text = refusal(&path, &labelled("id", "word"));
    assert!(
        text.starts_with(": the gzip data break off or are damaged"),
        "{text}"
    );
}

#[test]
fn packed_text_that_swells_is_read_in_pieces() {
    // A gigabyte of one line is refused after its first 16 MiB; as many lines come chunk by chunk.
    let line = zstd(&vec![b'a'; 1 << 26]);
    assert!(line.len() < 1 << 14);
    let (_folder, path) = file("x.txt.zst", &line.repeat(16));
    let text = refusal(&path, &StateOptions::default());
    assert!(
        text.starts_with(": line 1: longer than 16777216 bytes"),
        "{text}"
    );
    let (_folder, path) = file("x.txt.zst", &zstd(&b"7\n".repeat(1 << 22)));
    let read = chunks(&path, &StateOptions::default()).unwrap();
    assert_eq!(read.len(), 4);
    assert!(read.iter().all(|chunk| chunk.rows() == 1 << 20));
}

#[test]
fn a_chunk_of_text_ends_at_16_mib() {
    let word = vec![b'w'; 1 << 22];
    let text = [&word[..], b"\n"].concat().repeat(9);
    let (_folder, path) = file("x.txt", &text);
    let read = chunks(&path, &StateOptions::default()).unwrap();
    let sizes: Vec<usize> = read.iter().map(resrel_data::StateChunk::rows).collect();
    assert_eq!(sizes, [4, 4, 1]);
    for chunk in read {
        let Values::Text(texts) = &chunk.states.values else {
            panic!("text");
        };
        assert!(texts.iter().all(|text| text == word));
    }
}

#[test]
fn what_is_missing_at_first_leaves_the_type_open_for_one_chunk() {
    // 2²⁰ missing values, then text: the first chunk has promised whole numbers.
    let gap = "NA\n".repeat(1 << 20);
    let (_folder, path) = file("x.txt", format!("{gap}5\n").as_bytes());
    let read = chunks(&path, &StateOptions::default()).unwrap();
    assert_eq!(read[0].states.missing.len(), 1 << 20);
    assert_eq!(read[1].states.values, Values::Integers(vec![5]));
    let (_folder, path) = file("x.txt", format!("{gap}five\n").as_bytes());
    let text = refusal(&path, &StateOptions::default());
    assert!(
        text.starts_with(": line 1048577: \"five\" is no whole number"),
        "{text}"
    );
}

/// A field as CSV writes it, quoted where it must be or where `quote` says so.
fn written(field: &[u8], delimiter: u8, quote: bool) -> Vec<u8> {
    let special = |byte: &u8| [b'"', b'\n', b'\r', delimiter].contains(byte);
    if !quote && !field.iter().any(special) {
        return field.to_vec();
    }
    let mut bytes = vec![b'"'];
    for byte in field {
        bytes.push(*byte);
        if *byte == b'"' {
            bytes.push(b'"');
        }
    }
    bytes.push(b'"');
    bytes
}

/// Fields of all kinds of bytes but 0, short, with those that mean something to CSV in plenty.
fn field() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        Just(b'"'),
        Just(b','),
        Just(b'\t'),
        Just(b'\n'),
        Just(b'\r'),
        b'a'..b'd',
        1..=255_u8
    ];
    proptest::collection::vec(byte, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Tables of any fields, beside a column that is sometimes so wide that records lie across the
    /// borders of what is read at a time.
    #[test]
    fn tables_are_read_as_they_were_written(
        records in proptest::collection::vec((field(), field(), any::<bool>()), 1..60),
        tabs: bool,
        ends in prop_oneof![Just("\n"), Just("\r\n")],
        last: bool,
        wide in prop_oneof![Just(0), 1000..20_000_usize],
    ) {
        let delimiter = if tabs { b'\t' } else { b',' };
        let mut bytes = Vec::new();
        let names = [&b"state"[..], b"fill", b"label"];
        bytes.extend(names.join(&delimiter));
        for (state, label, quote) in &records {
            bytes.extend(ends.as_bytes());
            bytes.extend(written(state, delimiter, *quote));
            bytes.push(delimiter);
            bytes.extend(b"f".repeat(wide));
            bytes.push(delimiter);
            bytes.extend(written(label, delimiter, *quote));
        }
        if last {
            bytes.extend(ends.as_bytes());
        }
        let options = StateOptions { text: true, ..labelled("state", "label") };
        let name = if tabs { "x.tsv" } else { "x.csv" };
        let (_folder, path) = file(name, &bytes);
        let shown = |text: &[u8]| match text {
            b"" => "-".to_string(),
            text => format!("'{}'", text.escape_ascii()),
        };
        let expected: Vec<String> = records
            .iter()
            .map(|(state, label, _)| format!("{} {}", shown(state), shown(label)))
            .collect();
        prop_assert_eq!(rows(&path, &options).unwrap(), expected.clone());
        fs::write(&path, zstd(&bytes)).unwrap();
        prop_assert_eq!(rows(&path, &options).unwrap(), expected);
    }

    /// Whole numbers of every size come back as they are, text among them is found.
    #[test]
    fn numbers_are_read_as_they_were_written(
        numbers in proptest::collection::vec(
            prop_oneof![any::<i64>().prop_map(i128::from), any::<u64>().prop_map(i128::from), -9..9_i128],
            1..200,
        ),
        odd in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut lines: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let odd = odd.map(|odd| 1 + odd.index(numbers.len()));
        if let Some(odd) = odd {
            lines.insert(odd, "1.5".into());
        }
        let (_folder, path) = file("x.txt", (lines.join("\n") + "\n").as_bytes());
        match (odd, rows(&path, &StateOptions::default())) {
            (None, read) => {
                let read: Vec<String> = read.unwrap().iter().map(|row| row.trim_end_matches('u').into()).collect();
                prop_assert_eq!(read, lines);
            }
            (Some(odd), read) => {
                let text = read.unwrap_err().to_string();
                prop_assert!(text.contains(&format!(": line {}: \"1.5\" is no whole number", odd + 1)), "{}", text);
            }
        }
    }
}
