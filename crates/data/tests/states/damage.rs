//! Small files of every format, each byte of them damaged.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{WriterProperties, WriterVersion};
use resrel_data::StateOptions;

use crate::support::{column, file, gzip, line, npy, rows, safetensors, zip, zstd};
use crate::table::{Cells, table, words};

/// Reads a file to its end: whatever is in it, there are values or one line.
fn read(path: &Path, options: &StateOptions) {
    if let Err(error) = rows(path, options) {
        line(path, &error);
    }
}

/// Reads a file with every byte changed in several ways, and cut off at every length.
fn damage(name: &str, good: &[u8], options: &StateOptions) {
    let (_folder, path) = file(name, good);
    assert!(!rows(&path, options).unwrap().is_empty());
    // Changed in place: writing tens of thousands of files anew takes minutes.
    let mut changed = OpenOptions::new().write(true).open(&path).unwrap();
    let mut put = |place: usize, byte: u8| {
        changed.seek(SeekFrom::Start(place as u64)).unwrap();
        changed.write_all(&[byte]).unwrap();
    };
    for (place, &byte) in good.iter().enumerate() {
        let next = byte.wrapping_add(1);
        for other in [byte ^ 1, byte ^ 0x80, next, !byte, 0, 0x7f, 0xff] {
            put(place, other);
            read(&path, options);
        }
        put(place, byte);
    }
    assert_eq!(fs::read(&path).unwrap(), good);
    for length in (0..good.len()).rev() {
        changed.set_len(length as u64).unwrap();
        read(&path, options);
    }
}

#[test]
fn damaged_arrays_give_values_or_one_line() {
    let ids = npy("<i2", false, "3,", &[1, 0, 2, 0, 3, 0]);
    let bits = npy("|u1", true, "3, 2", &[1, 0, 1, 0, 0, 1]);
    damage("x.npy", &ids, &column(""));
    damage("x.npy", &bits, &column(""));
    for (deflated, wide) in [(false, false), (true, true)] {
        let both = zip(
            &[("a.npy", ids.clone()), ("b.npy", bits.clone())],
            deflated,
            wide,
        );
        damage("x.npz", &both, &column("a"));
        damage("x.npz", &both, &column("b"));
    }
    let header = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[2,1],"data_offsets":[8,10]}}"#;
    damage(
        "x.safetensors",
        &safetensors(header, &[0; 10]),
        &column("a"),
    );
}

#[test]
fn damaged_text_gives_values_or_one_line() {
    let text = b"id,word\n1,the\n22,\"of, or\"\n-3,\n";
    let options = StateOptions {
        label_column: Some("word".into()),
        ..column("id")
    };
    damage("x.csv", text, &options);
    damage("x.csv.gz", &gzip(text), &options);
    damage("x.csv.zst", &zstd(text), &options);
    damage("x.txt", b"1\n22\nNA\n333\n", &column(""));
}

/// Parquet files that between them hold every kind of page.
fn parquet_files() -> Vec<Vec<u8>> {
    let fields = "optional int64 state; optional binary label (UTF8); required int32 count;";
    let columns = vec![
        Cells::Int64(vec![Some(5), None, Some(5), Some(-7)]),
        words(&["a", "a", "-", "abc"]),
        Cells::Int32(vec![Some(1), Some(2), Some(3), Some(4)]),
    ];
    let builder = || WriterProperties::builder().set_created_by("x".into());
    let texts = |encoding| {
        builder()
            .set_dictionary_enabled(false)
            .set_column_encoding("state".into(), Encoding::DELTA_BINARY_PACKED)
            .set_column_encoding("label".into(), encoding)
    };
    let both = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0];
    let properties = [
        builder(),
        builder()
            .set_writer_version(both[1])
            .set_compression(Compression::SNAPPY),
        texts(Encoding::PLAIN).set_compression(Compression::LZ4_RAW),
        texts(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        texts(Encoding::DELTA_BYTE_ARRAY).set_writer_version(both[1]),
    ];
    properties
        .into_iter()
        .map(|builder| table(fields, std::slice::from_ref(&columns), builder.build()))
        .collect()
}

#[test]
fn damaged_parquet_gives_values_or_one_line() {
    for bytes in parquet_files() {
        damage("x.parquet", &bytes, &column(""));
    }
}
