//! The readers against good files and against every way in which a file can be bad.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use ndarray::{Array2, array};
use proptest::prelude::*;
use resrel_data::{
    Error, export, load, read_counts, read_idx_images, read_idx_labels, read_labels, read_letters,
    read_npy, read_npy_labels,
};
use resrel_kernels::Workers;
use tempfile::TempDir;

/// A file of these bytes in a folder of its own.
fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// The message of an error, which must be one line that starts with the file.
fn message<T: std::fmt::Debug>(path: &Path, result: Result<T, Error>) -> String {
    let text = result.unwrap_err().to_string();
    assert!(!text.contains('\n'), "{text}");
    let rest = text.strip_prefix(&path.display().to_string());
    rest.unwrap_or_else(|| panic!("{text} does not name the file"))
        .to_string()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn idx(sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend_from_slice(values);
    bytes
}

fn npy(descr: &str, fortran: bool, shape: &str, values: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(values);
    bytes
}

#[test]
fn idx_is_read_plain_and_packed() {
    let images = idx(&[2, 1, 3], &[0, 51, 255, 102, 0, 204]);
    let labels = idx(&[2], &[7, 250]);
    for packed in [false, true] {
        let bytes = |plain: &[u8]| if packed { gzip(plain) } else { plain.to_vec() };
        let (_folder, path) = file("images", &bytes(&images));
        let (values, shape) = read_idx_images(&path).unwrap();
        assert_eq!(shape, (1, 3));
        assert_eq!(values, array![[0.0, 0.2, 1.0], [0.4, 0.0, 0.8]]);
        let (_folder, path) = file("labels", &bytes(&labels));
        assert_eq!(read_idx_labels(&path).unwrap(), [7, 250]);
        assert_eq!(read_labels(&path).unwrap(), [7, 250]);
    }
}

#[test]
fn bad_idx_files_are_refused() {
    let good = idx(&[2, 1, 3], &[0, 51, 255, 102, 0, 204]);
    let packed = gzip(&good);
    let whole_but_trailing = [packed.clone(), gzip(&[1])].concat();
    // 2^96 values, 2^36 values in a file of a few bytes, and as many in a gzip file.
    let absurd = idx(&[u32::MAX; 3], &[0; 9]);
    let large = idx(&[1 << 16, 1 << 10, 1 << 10], &[0; 9]);
    let cases: [(&[u8], &str); 13] = [
        (b"", ": starts with 0x, not with 0x00000803 (IDX images)"),
        (b"\0\0", ": starts with 0x0000, not"),
        (b"GIF89a", ": starts with 0x47494638, not with 0x00000803"),
        (
            &idx(&[2], &[1, 2]),
            ": starts with 0x00000801, not with 0x00000803",
        ),
        (&good[..10], ": header: breaks off after 10 bytes; copy"),
        (
            &good[..20],
            ": the header claims 2 x 1 x 3 values, but the file holds 4;",
        ),
        (
            &[&good[..], &[0]].concat(),
            ": 1 bytes follow after the 2 x 1 x 3 values",
        ),
        (
            &packed[..packed.len() - 12],
            ": the gzip data break off or are damaged",
        ),
        (&packed[..15], ": the gzip data break off or are damaged"),
        (
            &whole_but_trailing,
            ": 1 bytes follow after the 2 x 1 x 3 values",
        ),
        (
            &absurd,
            ": the header claims 4294967295 x 4294967295 x 4294967295 values, but",
        ),
        (
            &large,
            ": the header claims 65536 x 1024 x 1024 values, but the file holds 25 at most",
        ),
        (
            &gzip(&large),
            ": the header claims 65536 x 1024 x 1024 values, but the file holds",
        ),
    ];
    for (bytes, said) in cases {
        let (_folder, path) = file("images", bytes);
        let text = message(&path, read_idx_images(&path));
        assert!(text.starts_with(said), "{text}");
    }
    let (_folder, path) = file("images", &idx(&[0, 28, 28], &[]));
    assert!(message(&path, read_idx_images(&path)).starts_with(": holds no observations"));
    let mut wrong = gzip(&good);
    let middle = wrong.len() / 2;
    wrong[middle] ^= 0xff;
    let (_folder, path) = file("images", &wrong);
    assert!(message(&path, read_idx_images(&path)).contains("damaged"));
}

#[test]
fn a_missing_file_is_named() {
    let path = Path::new("no/such/file");
    for text in [
        message(path, read_idx_images(path)),
        message(path, read_npy(path)),
        message(path, read_npy_labels(path)),
        message(path, read_labels(path)),
        message(path, read_counts(path)),
        message(path, read_letters(path)),
    ] {
        assert!(text.starts_with(": cannot be read"), "{text}");
    }
}

/// A folder in the form of MNIST with these numbers of images and labels.
fn folder(images: u32, labels: u32, test_width: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let pixels = vec![128; images as usize * 4];
    write(
        "train-images-idx3-ubyte.gz",
        &gzip(&idx(&[images, 2, 2], &pixels)),
    );
    write(
        "train-labels-idx1-ubyte",
        &idx(&[labels], &vec![3; labels as usize]),
    );
    let pixels = vec![128; 2 * test_width as usize];
    write("t10k-images-idx3-ubyte", &idx(&[1, 2, test_width], &pixels));
    write("t10k-labels-idx1-ubyte.gz", &gzip(&idx(&[1], &[3])));
    folder
}

#[test]
fn a_folder_in_the_form_of_mnist_is_a_data_set() {
    let load = |folder: &TempDir| {
        let path = folder.path().to_str().unwrap();
        load(path, None, 0, &Workers::single())
    };
    let data = load(&folder(5, 5, 2)).unwrap();
    assert_eq!(data.train.values.dim(), (5, 4));
    assert_eq!(data.train.labels, Some(vec![3; 5]));
    assert_eq!(data.test.unwrap().values.dim(), (1, 4));
    assert_eq!(data.image_shape, Some((2, 2)));

    let uneven = folder(5, 4, 2);
    let path = uneven.path().join("train-labels-idx1-ubyte");
    assert!(message(&path, load(&uneven)).starts_with(": 4 labels for 5 observations"));
    let error = load(&folder(5, 5, 3)).unwrap_err().to_string();
    assert!(
        error.contains("4 features in training, 6 in test data"),
        "{error}"
    );
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().join("train-images-idx3-ubyte.gz");
    assert!(message(&path, load(&empty)).starts_with(": cannot be read"));
}

#[test]
fn a_known_name_demands_the_known_contents() {
    let data = tempfile::tempdir().unwrap();
    let load = |name| load(name, Some(data.path()), 0, &Workers::single()).unwrap_err();
    let missing = load("mnist").to_string();
    assert!(
        missing.starts_with("mnist: train-images-idx3-ubyte.gz not found in "),
        "{missing}"
    );
    fs::rename(folder(5, 5, 2).keep(), data.path().join("mnist")).unwrap();
    fs::create_dir(data.path().join("ocr_letters")).unwrap();
    fs::write(data.path().join("ocr_letters/letter.data.gz"), "1\ta\n").unwrap();
    for (name, path) in [
        ("mnist", "mnist/train-images-idx3-ubyte.gz"),
        ("ocr-letters", "ocr_letters/letter.data.gz"),
    ] {
        let error = load(name);
        assert!(matches!(error, Error::Checksum { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with(data.path().join(path).to_str().unwrap()),
            "{text}"
        );
    }
    let text = load("mnits").to_string();
    assert!(
        text.contains("mnits: no such data set or file; known data sets: mnist, "),
        "{text}"
    );
}

#[test]
fn npy_of_every_type_is_read() {
    let small = [0_u8, 1, 1, 0, 1, 1];
    let wide = |bytes: fn(u8) -> Vec<u8>| small.iter().flat_map(|x| bytes(*x)).collect::<Vec<_>>();
    let cases = [
        ("|b1", small.to_vec()),
        ("|u1", small.to_vec()),
        ("|i1", small.to_vec()),
        ("<u2", wide(|x| u16::from(x).to_le_bytes().into())),
        (">u2", wide(|x| u16::from(x).to_be_bytes().into())),
        ("<i2", wide(|x| i16::from(x).to_le_bytes().into())),
        ("<u4", wide(|x| u32::from(x).to_le_bytes().into())),
        (">i4", wide(|x| i32::from(x).to_be_bytes().into())),
        ("<u8", wide(|x| u64::from(x).to_le_bytes().into())),
        ("<i8", wide(|x| i64::from(x).to_le_bytes().into())),
        ("<f4", wide(|x| f32::from(x).to_le_bytes().into())),
        (">f4", wide(|x| f32::from(x).to_be_bytes().into())),
        ("<f8", wide(|x| f64::from(x).to_le_bytes().into())),
        (">f8", wide(|x| f64::from(x).to_be_bytes().into())),
    ];
    for (descr, values) in cases {
        let (_folder, path) = file("x.npy", &npy(descr, false, "2, 3", &values));
        let c = read_npy(&path).unwrap();
        assert_eq!(c, array![[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]], "{descr}");
        let (_folder, path) = file("x.npy", &npy(descr, true, "2, 3", &values));
        let fortran = read_npy(&path).unwrap();
        assert!(fortran.is_standard_layout());
        assert_eq!(fortran, array![[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]], "{descr}");
        for shape in ["6,", "6, 1"] {
            let (_folder, path) = file("y.npy", &npy(descr, false, shape, &values));
            assert_eq!(read_labels(&path).unwrap(), [0, 1, 1, 0, 1, 1], "{descr}");
        }
    }
}

#[test]
fn bad_npy_files_are_refused() {
    let four = [0, 0, 128, 63].repeat(6);
    let good = npy("<f4", false, "2, 3", &four);
    let nan: Vec<u8> = [0.0, 1.0, 1.0, 0.0, f32::NAN, 1.0]
        .iter()
        .flat_map(|x: &f32| x.to_le_bytes())
        .collect();
    let huge: Vec<u8> = [0.0, 1e300]
        .iter()
        .flat_map(|x: &f64| x.to_le_bytes())
        .collect();
    let structured = b"\x93NUMPY\x01\x00\x50\x00{'descr': [('a', '<f4'), ('b', '<f4')], 'fortran_order': False, 'shape': (1,), }\n".to_vec();
    let mut long = good.clone();
    long[8..10].copy_from_slice(&u16::MAX.to_le_bytes());
    let cases: [(Vec<u8>, &str); 20] = [
        (vec![], ": starts with \"\", not with"),
        (b"PK\x03\x04....".to_vec(), ": starts with \"PK"),
        (
            b"\x93NUMPY\x09\x00".to_vec(),
            ": header: npy version [9, 0]",
        ),
        (b"\x93NUMPY".to_vec(), ": header: npy version []"),
        (good[..9].to_vec(), ": header: claims"),
        (long, ": header: claims 65535 bytes"),
        (good[..40].to_vec(), ": header: breaks off"),
        (
            good[..good.len() - 5].to_vec(),
            ": the header claims (2, 3) values, but the file holds 4;",
        ),
        (
            [&good[..], b"x"].concat(),
            ": 1 bytes follow after the (2, 3) values",
        ),
        (
            npy("<f4", false, "1152921504606846976, 784", &four),
            ": the header claims (1152921504606846976, 784) values, but the file holds 6;",
        ),
        (
            npy("|u1", false, "4294967296, 4294967296", &four),
            ": the header claims (4294967296, 4294967296) values, but",
        ),
        (
            npy("<f4", false, "99999999999999999999, 1", &four),
            ": header: \"{'descr'",
        ),
        (npy("<f4", false, "-2, -3", &four), ": header: \"{'descr'"),
        (npy("<f4", false, "0, 3", &[]), ": holds no values"),
        (
            npy("<f4", false, "6,", &four),
            ": header: shape (6); save observations x features",
        ),
        (
            npy("<f4", false, "1, 2, 3", &four),
            ": header: shape (1, 2, 3); save",
        ),
        (
            npy("<c8", false, "1, 3", &four),
            ": header: values of type <c8; save",
        ),
        (
            structured,
            ": header: values of type a structure of several fields; save",
        ),
        (
            npy("<f4", false, "2, 3", &nan),
            ": row 1, column 1 (counted from 0) is NaN, not a finite",
        ),
        (
            npy("<f8", false, "1, 2", &huge),
            ": row 0, column 1 (counted from 0) is 1000000",
        ),
    ];
    for (bytes, said) in cases {
        let (_folder, path) = file("x.npy", &bytes);
        let text = message(&path, read_npy(&path));
        assert!(text.starts_with(said), "{text}");
    }
    let (_folder, path) = file("x.npy", &npy("<f4", true, "2, 3", &nan));
    let text = message(&path, read_npy(&path));
    assert!(text.starts_with(": row 0, column 2 "), "{text}");
}

#[test]
fn an_npy_file_is_a_data_set_if_its_values_are_in_range() {
    let values = |last: f32| {
        [0.0, 0.25, last]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let load = |path: &Path| load(path.to_str().unwrap(), None, 0, &Workers::single());
    let (_folder, path) = file("mine.npy", &npy("<f4", false, "1, 3", &values(1.0)));
    let data = load(&path).unwrap();
    assert_eq!(
        (data.name.as_str(), data.train.values),
        ("mine", array![[0.0, 0.25, 1.0]])
    );
    for (value, said) in [
        (
            -0.5,
            ": row 0, column 2 (counted from 0) is -0.5, outside 0 to 1; scale the values to 0..1",
        ),
        (
            1.5,
            ": row 0, column 2 (counted from 0) is 1.5, outside 0 to 1",
        ),
    ] {
        let (_folder, path) = file("mine.npy", &npy("<f4", false, "1, 3", &values(value)));
        assert!(read_npy(&path).is_ok());
        let text = message(&path, load(&path));
        assert!(text.starts_with(said), "{text}");
    }
}

#[test]
fn bad_labels_are_refused() {
    let wide = |value: f64| {
        npy(
            "<f8",
            false,
            "2,",
            &[1.0_f64.to_le_bytes(), value.to_le_bytes()].concat(),
        )
    };
    let cases: [(Vec<u8>, &str); 10] = [
        (
            wide(-1.0),
            ": label 1 (counted from 0) is -1, not a whole number",
        ),
        (
            wide(0.5),
            ": label 1 (counted from 0) is 0.5, not a whole number",
        ),
        (
            wide(f64::NAN),
            ": label 1 (counted from 0) is NaN, not a whole number",
        ),
        (
            wide(5e9),
            ": label 1 (counted from 0) is 5000000000, not a whole number",
        ),
        (
            npy("|u1", false, "1, 2", &[1, 2]),
            ": header: shape (1, 2); save labels as one axis",
        ),
        (
            b"1\n-2\n".to_vec(),
            ": line 2: \"-2\", expected a whole number of 0 or more",
        ),
        (
            b"cat\n".to_vec(),
            ": line 1: \"cat\", expected a whole number",
        ),
        (
            b"1\n\n2\n".to_vec(),
            ": line 2: \"\", expected a whole number",
        ),
        (b"".to_vec(), ": holds no labels"),
        (vec![0xff; 100], ": line 1: "),
    ];
    for (bytes, said) in cases {
        let (_folder, path) = file("labels", &bytes);
        let text = message(&path, read_labels(&path));
        assert!(text.starts_with(said), "{text}");
        assert!(text.len() < 250, "{text}");
    }
    let (_folder, path) = file("labels", b"0\r\n1\r\n 2 \n\n");
    assert_eq!(read_labels(&path).unwrap(), [0, 1, 2]);
}

#[test]
fn counts_are_read_one_per_line() {
    let (_folder, path) = file("counts", b"1\n22\n18446744073709551615");
    assert_eq!(read_counts(&path).unwrap(), [1, 22, u64::MAX]);
    let cases: [(&[u8], &str); 9] = [
        (b"", ": holds no frequencies"),
        (b"\n\n", ": holds no frequencies"),
        (b"1\n-2\n", ": line 2: \"-2\", expected a frequency"),
        (b"1\n2\n0.5\n", ": line 3: \"0.5\", expected a frequency"),
        (b"1\n0\n", ": line 2: \"0\", expected a frequency"),
        (b"k\n1\n", ": line 1: \"k\", expected a frequency"),
        (b"1 2\n", ": line 1: \"1 2\", expected a frequency"),
        (b"18446744073709551616\n", ": line 1: "),
        (b"nan\n", ": line 1: \"nan\""),
    ];
    for (bytes, said) in cases {
        let (_folder, path) = file("counts", bytes);
        let text = message(&path, read_counts(&path));
        assert!(text.starts_with(said), "{text}");
    }
}

#[test]
fn bad_letters_are_refused() {
    let row = |letter: &str, pixels: &str| format!("1\t{letter}\t2\t1\t1\t0{pixels}\t\n");
    let good = row("q", &"\t1".repeat(128));
    let cases = [
        (
            row("Q", &"\t1".repeat(128)),
            ": line 1: \"1\\tQ\\t2\\t1\\t1\\t0\\t1",
        ),
        (
            format!("{good}{}", row("q", &"\t1".repeat(127))),
            ": line 2: ",
        ),
        (
            format!("{good}{}", row("q", &"\t1".repeat(129))),
            ": line 2: ",
        ),
        (
            format!("{good}{}", row("q", &"\t2".repeat(128))),
            ": line 2: ",
        ),
        (format!("{good}\n"), ": line 2: \"\", expected a letter"),
        (
            good.repeat(3),
            ": the header claims 52152 x 128 values, but the file holds 3 rows",
        ),
    ];
    for (text, said) in cases {
        let (_folder, path) = file("letter.data", text.as_bytes());
        let text = message(&path, read_letters(&path));
        assert!(text.starts_with(said), "{text}");
    }
    let (_folder, path) = file("letter.data", good.repeat(52_153).as_bytes());
    assert!(message(&path, read_letters(&path)).starts_with(": further rows follow"));
    let (_folder, path) = file("letter.data", good.repeat(52_152).as_bytes());
    let data = read_letters(&path).unwrap();
    assert_eq!(data.train.values.dim(), (44_800, 128));
    assert_eq!(data.test.unwrap().labels, Some(vec![16; 3_720]));
}

#[test]
fn what_is_exported_is_read_again() {
    let images = folder(5, 5, 2);
    let data = load(images.path().to_str().unwrap(), None, 0, &Workers::single()).unwrap();
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("new/folder");
    let written = export(&data, &target).unwrap();
    assert_eq!(written.len(), 4);
    assert_eq!(fs::read_dir(&target).unwrap().count(), 4);
    assert_eq!(read_npy(&written[0]).unwrap(), data.train.values);
    assert_eq!(
        read_npy_labels(&written[1]).unwrap(),
        data.train.labels.clone().unwrap()
    );
    assert_eq!(
        read_npy(&written[2]).unwrap(),
        data.test.clone().unwrap().values
    );

    let blocked = out.path().join("file");
    fs::write(&blocked, "").unwrap();
    let text = message(&blocked, export(&data, &blocked));
    assert!(text.starts_with(": cannot be written"), "{text}");
}

/// Good files of every kind.
fn good_files() -> [Vec<u8>; 6] {
    let images = idx(&[2, 2, 3], &[7; 12]);
    [
        gzip(&images),
        images,
        npy("<f4", false, "2, 3", &[0, 0, 128, 63].repeat(6)),
        npy(">f8", true, "3, 1", &1.0_f64.to_be_bytes().repeat(3)),
        b"1\n22\n333\n".to_vec(),
        format!("1\ta\t2\t1\t1\t0{}\n", "\t1".repeat(128)).into_bytes(),
    ]
}

proptest! {
    /// Whatever is in a file, a reader gives values or one line that names the file.
    #[test]
    fn no_damage_makes_a_reader_panic(
        which in 0_usize..6,
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
        keep in any::<proptest::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = good_files()[which].clone();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        let (_folder, path) = file("damaged", &bytes);
        let errors = [
            read_idx_images(&path).err(),
            read_idx_labels(&path).err(),
            read_npy(&path).err(),
            read_npy_labels(&path).err(),
            read_labels(&path).err(),
            read_counts(&path).err(),
            read_letters(&path).err(),
        ];
        for error in errors.into_iter().flatten() {
            message::<()>(&path, Err(error));
        }
    }

    /// What is written as npy in either order is read as it was.
    #[test]
    fn npy_is_read_as_it_was_written(
        rows in 1_usize..9,
        columns in 1_usize..9,
        values in proptest::collection::vec(-1e30_f32..1e30, 64),
        fortran in any::<bool>(),
    ) {
        let values = Array2::from_shape_fn((rows, columns), |(i, j)| values[8 * i + j]);
        let stored = if fortran {
            values.t().as_standard_layout().into_owned().reversed_axes()
        } else {
            values.clone()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        ndarray_npy::write_npy(&path, &stored).unwrap();
        prop_assert_eq!(read_npy(&path).unwrap(), values);
    }
}
