//! OCR letters: 52,152 handwritten lower-case letters of 16 × 8 black or white pixels.
//!
//! Source: R. Kassel's letters as prepared by B. Taskar, "OCR dataset", Stanford: tab-separated rows
//! of id, letter, `next_id`, `word_id`, position, fold and 128 pixels.

use std::path::Path;

use ndarray::s;

use crate::dataset::matrix;
use crate::files::Source;
use crate::text::shortened;
use crate::{Dataset, Error, Samples};

/// Height and width of a letter.
const SHAPE: (usize, usize) = (16, 8);
const PIXELS: usize = SHAPE.0 * SHAPE.1;
/// Fields before the pixels; the letter is number 1.
const FIELDS: usize = 6;
/// Rows of training, validation and test data (Song, Marsili and Jo, text S1).
const SPLIT: [usize; 3] = [44_800, 3_720, 3_632];

/// The letters in `path` (gzip or plain), in rows of 16 × 8 pixels, labels 0 … 25 for a … z.
///
/// They are split by row as in the paper: the first 44,800 are `train`, the next 3,720, its
/// validation data, are `test`. The paper's own test data, the 3,632 rows after those, are left out:
/// a data set has one part that is held back.
///
/// # Errors
/// [`Error::Line`] names the first row that is not made of six fields and 128 pixels of 0 or 1;
/// [`Error::Truncated`] or [`Error::Trailing`] where there are not 52,152 rows.
pub fn read_letters(path: &Path) -> Result<Dataset, Error> {
    let rows: usize = SPLIT.iter().sum();
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for (index, line) in Source::open(path)?.lines().enumerate() {
        let line = line?;
        let refuse = |expected| Error::Line {
            path: path.to_path_buf(),
            line: index + 1,
            found: shortened(&String::from_utf8_lossy(&line)),
            expected,
        };
        let mut fields = line.trim_ascii_end().split(|byte| *byte == b'\t').skip(1);
        match fields.next() {
            Some([letter @ b'a'..=b'z']) => labels.push(u32::from(letter - b'a')),
            _ => return Err(refuse("a letter a to z in field 2")),
        }
        let mut count = 0;
        for field in fields.skip(FIELDS - 2) {
            pixels.push(match field {
                b"0" => 0.0,
                b"1" => 1.0,
                _ => return Err(refuse("pixels of 0 or 1 from field 7 on")),
            });
            count += 1;
        }
        if count != PIXELS {
            return Err(refuse("128 pixels from field 7 on"));
        }
        if labels.len() > rows {
            return Err(Error::Trailing {
                path: path.to_path_buf(),
                shape: rows.to_string(),
                surplus: "further rows follow".into(),
            });
        }
    }
    if labels.len() < rows {
        return Err(Error::Truncated {
            path: path.to_path_buf(),
            shape: format!("{rows} x {PIXELS}"),
            held: format!("{} rows", labels.len()),
        });
    }
    let values = matrix(rows, PIXELS, pixels);
    let part = |from: usize, to: usize| {
        let rows = values.slice(s![from..to, ..]).to_owned();
        Samples::new(path, rows, Some(labels[from..to].to_vec()))
    };
    let [train, validation, _] = SPLIT;
    Dataset::new(
        "ocr-letters",
        "OCR letters (Kassel, Taskar), split by row: 44800 train, 3720 validation",
        part(0, train)?,
        Some(part(train, train + validation)?),
        Some(SHAPE),
    )
}
