//! Text files of one number per line: labels and frequencies.

use std::path::Path;

use crate::Error;
use crate::files::Source;
use crate::idx::read_idx_labels;
use crate::npy::{MAGIC, read_npy_labels};

/// First bytes of an IDX file of labels.
const IDX_LABELS: &[u8] = &[0, 0, 8, 1];
/// Characters of a wrong line that a message repeats.
const SHOWN: usize = 40;

/// Labels from an npy file, an IDX file (gzip or plain) or a text file with one whole number per
/// line; the first bytes decide which.
///
/// # Errors
/// As [`read_npy_labels`] and [`read_idx_labels`]; for text [`Error::Line`] names the first line
/// that is no whole number of 0 … 2³² − 1, and [`Error::Empty`] a file without lines.
pub fn read_labels(path: &Path) -> Result<Vec<u32>, Error> {
    let start = Source::open(path)?.read_up_to(MAGIC.len() as u64)?;
    if start == MAGIC {
        read_npy_labels(path)
    } else if start.starts_with(IDX_LABELS) {
        read_idx_labels(path)
    } else {
        numbers(path, "labels", "a whole number of 0 or more")
    }
}

/// Frequencies `k_s` from a text file, one whole number of 1 or more per line. Empty lines at the end
/// are ignored.
///
/// # Errors
/// [`Error::Line`] names the first line that is no frequency (negative, zero, a fraction, no
/// number), [`Error::Empty`] a file without any.
pub fn read_counts(path: &Path) -> Result<Vec<u64>, Error> {
    let expected = "a frequency, a whole number of 1 or more";
    let counts: Vec<u64> = numbers(path, "frequencies", expected)?;
    if let Some(place) = counts.iter().position(|count| *count == 0) {
        return Err(Error::Line {
            path: path.to_path_buf(),
            line: place + 1,
            found: "\"0\"".into(),
            expected,
        });
    }
    Ok(counts)
}

/// One number per line.
fn numbers<T: std::str::FromStr>(
    path: &Path,
    what: &'static str,
    expected: &'static str,
) -> Result<Vec<T>, Error> {
    let mut numbers = Vec::new();
    // First of the empty lines that nothing has followed yet.
    let mut gap = None;
    for (index, bytes) in Source::open(path)?.lines().enumerate() {
        let bytes = bytes?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim();
        let line = |index: usize, text: &str| Error::Line {
            path: path.to_path_buf(),
            line: index + 1,
            found: shortened(text),
            expected,
        };
        if text.is_empty() {
            gap = gap.or(Some(index));
            continue;
        }
        if let Some(gap) = gap {
            return Err(line(gap, ""));
        }
        numbers.push(text.parse().map_err(|_| line(index, text))?);
    }
    if numbers.is_empty() {
        let path = path.to_path_buf();
        return Err(Error::Empty { path, what });
    }
    Ok(numbers)
}

/// A line as a message shows it: quoted, escaped, its beginning.
pub(crate) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}
