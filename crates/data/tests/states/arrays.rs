//! npy, npz and safetensors.

use half::{bf16, f16};
use proptest::prelude::*;
use resrel_data::{StateKind, StateOptions, StateReader};

use crate::support::{chunks, column, file, npy, refusal, rows, safetensors, zip};

fn above(threshold: f64) -> StateOptions {
    StateOptions {
        threshold: Some(threshold),
        ..StateOptions::default()
    }
}

#[test]
fn one_axis_of_every_type_is_whole_numbers() {
    let values = [-3_i8, 0, 1, 100];
    let wide = |bytes: fn(i8) -> Vec<u8>| values.iter().flat_map(|x| bytes(*x)).collect::<Vec<_>>();
    let cases = [
        ("|i1", wide(|x| x.to_le_bytes().into())),
        ("<i2", wide(|x| i16::from(x).to_le_bytes().into())),
        (">i2", wide(|x| i16::from(x).to_be_bytes().into())),
        ("<i4", wide(|x| i32::from(x).to_le_bytes().into())),
        (">i8", wide(|x| i64::from(x).to_be_bytes().into())),
        ("<f2", wide(|x| f16::from(x).to_le_bytes().into())),
        (">f4", wide(|x| f32::from(x).to_be_bytes().into())),
        ("<f8", wide(|x| f64::from(x).to_le_bytes().into())),
    ];
    for (descr, bytes) in cases {
        for (shape, fortran) in [("4,", false), ("4,", true), ("4, 1", false), ("4, 1", true)] {
            let (_folder, path) = file("x.npy", &npy(descr, fortran, shape, &bytes));
            let reader = StateReader::open(&path, &StateOptions::default()).unwrap();
            assert_eq!(reader.kind(), StateKind::Integers);
            let read = rows(&path, &StateOptions::default()).unwrap();
            assert_eq!(read, ["-3", "0", "1", "100"], "{descr} {shape}");
        }
        let (_folder, path) = file("x.npy", &npy(descr, false, "4,", &bytes));
        assert_eq!(
            rows(&path, &above(0.5)).unwrap(),
            ["0", "0", "1", "1"],
            "{descr}"
        );
    }
    for (descr, expected) in [
        ("|u1", ["253", "0", "1", "100"]),
        ("|b1", ["1", "0", "1", "1"]),
    ] {
        let bytes = wide(|x| x.to_le_bytes().into());
        let (_folder, path) = file("x.npy", &npy(descr, false, "4,", &bytes));
        assert_eq!(rows(&path, &StateOptions::default()).unwrap(), expected);
    }
}

#[test]
fn integers_of_64_bits_stay_exact() {
    let signed = [i64::MIN, i64::MAX, (1 << 53) + 1, -(1 << 53) - 1];
    let bytes: Vec<u8> = signed.iter().flat_map(|x| x.to_le_bytes()).collect();
    let (_folder, path) = file("x.npy", &npy("<i8", false, "4,", &bytes));
    assert_eq!(
        rows(&path, &StateOptions::default()).unwrap(),
        signed.map(|x| x.to_string())
    );
    let unsigned = [0, u64::MAX, (1 << 63) + 1, (1 << 53) + 1];
    let bytes: Vec<u8> = unsigned
        .iter()
        .flat_map(|x: &u64| x.to_be_bytes())
        .collect();
    let (_folder, path) = file("x.npy", &npy(">u8", false, "4,", &bytes));
    assert_eq!(
        rows(&path, &StateOptions::default()).unwrap(),
        unsigned.map(|x| format!("{x}u"))
    );
}

#[test]
fn a_threshold_has_the_precision_of_the_values() {
    // As numpy compares: 0.1 of 32 bits lies above 0.1 of 64 bits, but is not above 0.1.
    let bytes = [0.1_f32.to_le_bytes(), 0.1_f32.next_up().to_le_bytes()].concat();
    let (_folder, path) = file("x.npy", &npy("<f4", false, "1, 2", &bytes));
    assert_eq!(rows(&path, &above(0.1)).unwrap(), ["01"]);
    let bytes = [0.1_f64.to_le_bytes(), 0.1_f64.next_up().to_le_bytes()].concat();
    let (_folder, path) = file("x.npy", &npy("<f8", false, "1, 2", &bytes));
    assert_eq!(rows(&path, &above(0.1)).unwrap(), ["01"]);
}

fn f8(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Checks that each npy file is refused, read with a threshold or without, in words that begin so.
fn refused(cases: &[(Vec<u8>, Option<f64>, &str)]) {
    for (bytes, threshold, said) in cases {
        let (_folder, path) = file("x.npy", bytes);
        let options = StateOptions {
            threshold: *threshold,
            ..StateOptions::default()
        };
        let text = refusal(&path, &options);
        assert!(text.starts_with(said), "{text}");
    }
}

#[test]
fn arrays_that_are_no_states_are_refused() {
    refused(&[
        (
            npy("<f8", false, "2,", &f8(&[1.0, 2.5])),
            None,
            ": row 1 (counted from 0) is 2.5, not a",
        ),
        (
            npy("<f8", false, "1,", &f8(&[f64::NAN])),
            None,
            ": row 0 (counted from 0) is NaN, not a",
        ),
        (
            npy("<f8", false, "1,", &f8(&[9.3e18])),
            None,
            ": row 0 (counted from 0) is 93000000",
        ),
        (
            npy("<f8", false, "2, 2", &f8(&[0.0, 1.0, 1.0, 2.0])),
            None,
            ": row 1, column 1 is 2, neither 0 nor 1; say which values count as 1 with --threshold X",
        ),
        (
            npy("<f8", true, "2, 2", &f8(&[0.0, 1.0, 0.5, 1.0])),
            None,
            ": row 0, column 1 is 0.5, neither",
        ),
        (
            npy("|u1", false, "1, 3", &[0, 1, 7]),
            None,
            ": row 0, column 2 is 7, neither 0 nor 1",
        ),
        (
            npy("<f8", false, "1, 2", &f8(&[0.0, f64::NAN])),
            Some(0.5),
            ": row 0, column 1 (counted from 0) is NaN, not a finite",
        ),
        (
            npy("<f8", true, "1, 2", &f8(&[0.0, f64::INFINITY])),
            Some(0.5),
            ": row 0, column 1 (counted from 0) is inf",
        ),
        (
            npy("<f8", false, "1, 2", &f8(&[0.0, 1.0])),
            Some(f64::NAN),
            ": header: a threshold of NaN",
        ),
    ]);
}

#[test]
fn arrays_of_other_shapes_than_their_header_says_are_refused() {
    refused(&[
        (
            npy("|u1", false, "1, 1, 2", &[0, 1]),
            None,
            ": header: 3 axes; save",
        ),
        (npy("|u1", false, "", &[0]), None, ": header: 0 axes; save"),
        (npy("|u1", false, "0,", &[]), None, ": holds no values"),
        (npy("|u1", false, "3, 0", &[]), None, ": holds no values"),
        (
            npy("|u1", false, "3,", &[1, 2]),
            None,
            ": the header claims (3) values, but the file holds 2;",
        ),
        (
            npy("|u1", false, "1,", &[1, 2]),
            None,
            ": 1 bytes follow after the (1) values",
        ),
        (
            npy("<c8", false, "1,", &[0; 8]),
            None,
            ": header: values of type <c8; save",
        ),
        (
            npy(
                "|u1",
                false,
                "18446744073709551615, 18446744073709551615",
                &[0; 8],
            ),
            None,
            ": the header claims",
        ),
        (b"junk".to_vec(), None, ": starts with \"junk\", not with"),
        (Vec::new(), None, ": starts with \"\", not with"),
    ]);
    let (_folder, path) = file("x.npy", &npy("|u1", false, "1,", &[1]));
    let text = refusal(&path, &column("x"));
    assert_eq!(
        text,
        ": is an npy file, for which --column means nothing; leave it out"
    );
}

#[test]
fn a_state_wider_than_memory_is_refused() {
    // A file of zeros that takes no place on the disk.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.npy");
    let header = npy("|u1", false, "1, 200000000", &[]);
    std::fs::write(&path, &header).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(header.len() as u64 + 200_000_000).unwrap();
    let text = refusal(&path, &StateOptions::default());
    assert!(
        text.starts_with(": header: 200000000 units of one state"),
        "{text}"
    );
}

#[test]
fn an_array_of_an_archive_is_chosen_by_name() {
    let ids = npy("<i2", false, "2,", &[5, 0, 255, 255]);
    let bits = npy("|b1", true, "2, 3", &[1, 0, 0, 0, 1, 1]);
    for (deflated, wide) in [(false, false), (false, true), (true, false), (true, true)] {
        let both = zip(
            &[("ids.npy", ids.clone()), ("bits.npy", bits.clone())],
            deflated,
            wide,
        );
        let (_folder, path) = file("x.npz", &both);
        assert_eq!(rows(&path, &column("ids")).unwrap(), ["5", "-1"]);
        assert_eq!(rows(&path, &column("bits.npy")).unwrap(), ["101", "001"]);
        assert_eq!(
            refusal(&path, &column("")),
            ": holds several arrays (\"ids\", \"bits\"); choose one with --column NAME"
        );
        assert_eq!(
            refusal(&path, &column("x")),
            ": no array \"x\"; choose one of \"ids\", \"bits\""
        );
        // The first bytes tell, whatever the file is called.
        let (_folder, path) = file("x", &zip(&[("ids.npy", ids.clone())], deflated, wide));
        assert_eq!(rows(&path, &column("")).unwrap(), ["5", "-1"]);
    }
    let (_folder, path) = file("x.npz", &zip(&[], false, false));
    assert!(refusal(&path, &column("")).starts_with(": holds no arrays"));
}

#[test]
fn an_archive_that_does_not_hang_together_is_refused() {
    let ids = npy("|u1", false, "4,", &[1, 2, 3, 4]);
    for deflated in [false, true] {
        let good = zip(&[("ids.npy", ids.clone())], deflated, false);
        let change = |at: usize, bytes: &[u8]| {
            let mut changed = good.clone();
            changed[at..at + bytes.len()].copy_from_slice(bytes);
            changed
        };
        // Where the directory's only entry begins, behind it the end of 22 bytes.
        let entry = good.len() - 22 - 46 - "ids.npy".len();
        let cases = [
            (
                change(entry + 16, &[0; 4]),
                ": the zip data break off or are damaged (the checksum is another)",
            ),
            (
                change(entry + 8, &[1]),
                ": header: array \"ids.npy\" is encrypted",
            ),
            (
                change(entry + 10, &[14]),
                ": header: array \"ids.npy\" is packed by method 14",
            ),
            (
                change(entry + 24, &[255; 3]),
                ": header: array \"ids.npy\" claims more than the file holds",
            ),
            (
                change(entry + 20, &[255, 255]),
                ": header: array \"ids.npy\" ",
            ),
            (
                change(entry + 42, &[9]),
                ": header: array \"ids.npy\" is not where the directory says",
            ),
            (
                change(entry + 42, &[255; 3]),
                ": header: array \"ids.npy\" is not where the directory says",
            ),
            (
                change(good.len() - 6, &[255; 4]),
                ": header: the archive's directory is not in the file",
            ),
            (
                change(good.len() - 12, &[9]),
                ": header: the archive's directory is not understood",
            ),
            (
                good[..good.len() - 30].to_vec(),
                ": header: the archive has no directory at its end",
            ),
        ];
        for (bytes, said) in cases {
            let (_folder, path) = file("x.npz", &bytes);
            let text = refusal(&path, &column(""));
            assert!(text.starts_with(said), "{deflated}: {text}");
        }
    }
}

#[test]
fn a_tensor_of_every_type_is_read() {
    let halves = [1.0_f32, 0.0, 0.0, 1.0]
        .map(bf16::from_f32)
        .map(bf16::to_le_bytes)
        .concat();
    let header = r#"{"__metadata__":{"made":"by hand"},
        "ids":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},
        "units":{"dtype":"BF16","shape":[2,2],"data_offsets":[16,24]},
        "small":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[24,26]}}"#;
    let ids = [7_i64, -7].map(i64::to_le_bytes).concat();
    let values = [&ids[..], &halves, &[0, 0]].concat();
    for name in ["x.safetensors", "x"] {
        let (_folder, path) = file(name, &safetensors(header, &values));
        assert_eq!(rows(&path, &column("ids")).unwrap(), ["7", "-7"]);
        assert_eq!(rows(&path, &column("units")).unwrap(), ["10", "01"]);
        let text = refusal(&path, &column(""));
        assert!(text.starts_with(": holds several tensors ("), "{text}");
        let text = refusal(&path, &column("small"));
        assert!(
            text.starts_with(": header: values of type F8_E4M3; save"),
            "{text}"
        );
    }
}

#[test]
fn tensors_that_are_not_where_the_header_says_are_refused() {
    let tensor = |name: &str, shape: &str, from: u64, to: u64| {
        format!(
            "\"{name}\":{{\"dtype\":\"U8\",\"shape\":[{shape}],\"data_offsets\":[{from},{to}]}}"
        )
    };
    let one = |shape: &str, from, to| format!("{{{}}}", tensor("x", shape, from, to));
    let two = format!("{{{},{}}}", tensor("x", "4", 0, 4), tensor("y", "4", 2, 6));
    let mut long = safetensors(&one("4", 0, 4), &[1; 4]);
    long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let cases = [
        (
            safetensors(&one("4", 0, 4), &[1; 3]),
            ": the header claims 4 bytes of values, but the file holds 3;",
        ),
        (
            safetensors(&one("4", 0, 4), &[1; 5]),
            ": 1 bytes follow after the 4 bytes of values",
        ),
        (
            safetensors(&one("4", 4, 8), &[1; 8]),
            ": header: not understood (",
        ),
        (
            safetensors(&one("5", 0, 4), &[1; 4]),
            ": header: not understood (",
        ),
        (
            safetensors(&one("4294967296,4294967296,2", 0, 4), &[1; 4]),
            ": header: not understood (",
        ),
        (
            safetensors(&one("4", 0, u64::MAX), &[1; 4]),
            ": header: not understood (",
        ),
        (safetensors(&two, &[1; 6]), ": header: not understood ("),
        (safetensors("{}", &[]), ": holds no tensors"),
        (
            safetensors("{\"x\": \"\n\"}", &[]),
            ": header: not understood (",
        ),
        (long, ": header: claims 18446744073709551615 bytes"),
        (
            safetensors(&one("4", 0, 4), &[])[..20].to_vec(),
            ": header: breaks off",
        ),
        (b"abc".to_vec(), ": header: breaks off"),
        (safetensors(&one("0", 0, 0), &[]), ": holds no values"),
    ];
    for (bytes, said) in cases {
        let (_folder, path) = file("x.safetensors", &bytes);
        let text = refusal(&path, &column(""));
        assert!(text.starts_with(said), "{text}");
    }
}

#[test]
fn chunks_of_a_long_array_are_the_whole() {
    let count = (1 << 20) + 5;
    let bytes: Vec<u8> = (0..count).flat_map(|i: u32| i.to_le_bytes()).collect();
    let (_folder, path) = file("x.npy", &npy("<u4", false, &format!("{count},"), &bytes));
    let read = chunks(&path, &StateOptions::default()).unwrap();
    assert_eq!(read.len(), 2);
    let whole: Vec<String> = (0..count).map(|i| i.to_string()).collect();
    assert!(rows(&path, &StateOptions::default()).unwrap() == whole);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Rows wider than what is read at a time, more columns than a word, in both orders, from a file
    /// and from an archive.
    #[test]
    fn bits_are_those_of_the_values_in_either_order(
        shape in prop_oneof![(1..400_usize, 1..300_usize), (1..4_usize, 30_000..40_000_usize)],
        seed: u64,
        threshold in any::<bool>(),
    ) {
        let (count, units) = shape;
        let bit = |row: usize, unit: usize| {
            let mixed = (seed ^ (row * units + unit) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed >> 63 == 1
        };
        let value = |row, unit| {
            let value = u8::from(bit(row, unit)) + 2 * u8::from(threshold);
            f64::from(value).to_le_bytes()
        };
        let c: Vec<u8> = (0..count * units).flat_map(|i| value(i / units, i % units)).collect();
        let f: Vec<u8> = (0..count * units).flat_map(|i| value(i % count, i / count)).collect();
        let options = if threshold { above(2.0) } else { StateOptions::default() };
        let expected: Vec<String> = (0..count)
            .map(|row| (0..units).map(|unit| if bit(row, unit) { '1' } else { '0' }).collect())
            .collect();
        let shape = format!("{count}, {units}");
        for (fortran, values) in [(false, c), (true, f)] {
            let array = npy("<f8", fortran, &shape, &values);
            let stored = zip(&[("x.npy", array.clone())], false, false);
            let deflated = zip(&[("x.npy", array.clone())], true, false);
            for (name, bytes) in [("x.npy", array), ("x.npz", stored), ("x.npz", deflated)] {
                let (_folder, path) = file(name, &bytes);
                // One comparison, for a message of rows of this width is of no use.
                prop_assert!(rows(&path, &options).unwrap() == expected, "{name} {fortran}");
            }
        }
    }
}
