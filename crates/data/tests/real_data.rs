//! The published data sets themselves, where `RESREL_DATA` names a folder that holds them.

use std::path::PathBuf;

use resrel_data::load;
use resrel_kernels::Workers;

/// Letter counts a … z of the paper's training rows (Song, Marsili and Jo, text S1, to within one).
const LETTERS: [usize; 26] = [
    3294, 1140, 1847, 919, 4200, 801, 2380, 663, 4172, 189, 817, 2556, 1416, 4494, 3619, 1283, 140,
    2570, 1090, 1672, 2258, 664, 179, 413, 1033, 991,
];
/// Digit counts of MNIST's training images (Cortes, Burges and others).
const DIGITS: [usize; 10] = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949];

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("RESREL_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: RESREL_DATA is not set");
    }
    folder
}

fn counts(labels: &[u32], classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    for label in labels {
        counts[*label as usize] += 1;
    }
    counts
}

#[test]
fn mnist() {
    let Some(folder) = folder() else { return };
    let data = load("mnist", Some(&folder), 0, &Workers::single()).unwrap();
    assert_eq!(data.train.values.dim(), (60_000, 784));
    assert_eq!(data.image_shape, Some((28, 28)));
    assert_eq!(counts(&data.train.labels.unwrap(), 10), DIGITS);
    assert_eq!(data.test.unwrap().values.dim(), (10_000, 784));
    // The known mean grey level of the training images.
    let mean = data.train.values.iter().map(|x| f64::from(*x)).sum::<f64>() / (60_000.0 * 784.0);
    assert!((mean - 0.130_66).abs() < 5e-6, "{mean}");
}

#[test]
fn ocr_letters() {
    let Some(folder) = folder() else { return };
    let data = load("ocr-letters", Some(&folder), 0, &Workers::single()).unwrap();
    assert_eq!(data.train.values.dim(), (44_800, 128));
    assert_eq!(data.image_shape, Some((16, 8)));
    assert_eq!(counts(&data.train.labels.unwrap(), 26), LETTERS);
    assert_eq!(data.test.unwrap().values.dim(), (3_720, 128));
}
