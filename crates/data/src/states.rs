//! States from files of any size, in chunks of bounded memory.

mod array;
mod chunk;
mod field;
pub(crate) mod lines;
mod npz;
mod parquet;
mod safetensors;
pub(crate) mod table;
mod text;

use std::io::Read;
use std::path::Path;

pub use chunk::{Column, StateChunk, Texts, Values};
pub use parquet::CountsWriter;

use crate::Error;
use crate::files::Source;
use crate::npy::MAGIC;
use crate::text::shortened;
use array::ArrayReader;
use parquet::ParquetReader;
use text::TextReader;

/// Observations in a chunk, at most.
const ROWS_PER_CHUNK: usize = 1 << 20;
/// Bytes of the states of a chunk, at most; and of a single state.
const BYTES_PER_CHUNK: usize = 1 << 24;

/// What to read of a file.
#[derive(Debug, Clone, Default)]
pub struct StateOptions {
    /// The column of a CSV, TSV or Parquet file by its name, or by its number (from 1) in a CSV or TSV
    /// file without a header; the array of an npz or safetensors file. A file that holds only one
    /// needs no choice.
    pub column: Option<String>,
    /// The column of a CSV, TSV or Parquet file that holds the observations' labels.
    pub label_column: Option<String>,
    /// Values of an array above this are 1, others 0.
    pub threshold: Option<f64>,
    /// Read every value of a text file as text: numbers too, and the words that else mean a missing
    /// value.
    pub text: bool,
}

/// What the states of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateKind {
    /// Whole numbers: [`Values::Integers`] or [`Values::Unsigned`].
    Integers,
    /// Strings of bytes: [`Values::Text`].
    Text,
    /// Strings of bits: [`Values::Bits`].
    Bits {
        /// Bits of a state.
        units: usize,
    },
}

/// Reads the states of a file, a chunk at a time, in memory that does not grow with the file.
///
/// | file | states |
/// |---|---|
/// | npy, npz, safetensors of one axis (or a second of length 1) | whole numbers; with a threshold, states of one bit |
/// | npy, npz, safetensors of two axes | a row is a state of 0 and 1, or of real values with a threshold |
/// | Parquet | a column of whole numbers (integers, booleans, floats that are whole), text or bytes |
/// | Parquet with columns `state` and `count`, none chosen | a table of counts, such as [`CountsWriter`] or a query with `GROUP BY` writes; `label` beside them is the label |
/// | CSV (`.csv`), TSV (`.tsv`, `.tab`) | a column, whole numbers or text |
/// | any other text | a line is a state, whole number or text; no header |
///
/// Binary files are known by their first bytes, text files by the end of their name; text may be
/// packed by gzip or zstd.
///
/// # Text
/// The first value of a column (of those not missing) decides what it is: whole numbers if it is one
/// in its plain form (`-7`; not `007`, `+7`, `7.0`) that fits an [`i64`] or [`u64`], text otherwise.
/// Text is kept byte by byte: UTF-8 or not, with its blanks. A whole number among text is text; text
/// among whole numbers is an error. (Where a whole first chunk is missing, whole numbers are
/// expected.)
///
/// Missing is what pandas takes for missing: an empty field and the words `NA`, `N/A`, `n/a`, `<NA>`,
/// `#NA`, `#N/A`, `NaN`, `nan`, `-NaN`, `-nan`, `NULL`, `null` and `None`; with
/// [`text`](StateOptions::text) an empty field alone. In a file of one column an empty line is a
/// missing value, except at the end; in a table of several it is passed over.
///
/// A table has a header, unless its column is chosen by number. Where that cannot be told, the file is
/// refused rather than one observation lost.
pub struct StateReader<'a> {
    format: Format<'a>,
    finished: bool,
}

/// The readers, one for each kind of file.
enum Format<'a> {
    Array(Box<ArrayReader<'a>>),
    Parquet(Box<ParquetReader>),
    Text(Box<TextReader>),
}

impl<'a> StateReader<'a> {
    /// Reads what an npy file holds from wherever it comes; `name` is what errors call it. An array in Fortran
    /// order goes through a temporary file.
    ///
    /// # Errors
    /// As for a file.
    pub fn of_npy(
        name: &Path,
        npy: impl Read + Send + 'a,
        threshold: Option<f64>,
    ) -> Result<Self, Error> {
        let array = ArrayReader::of_npy(name, npy, threshold)?;
        Ok(Self {
            format: Format::Array(Box::new(array)),
            finished: false,
        })
    }

    /// Opens a file and finds out what it holds. A path that is no regular file (a pipe) may hold text.
    ///
    /// # Errors
    /// For a file that cannot be read, is damaged, is of no known format, or holds nothing; where the
    /// options choose nothing, too little, or something that the format has not. Each is one line:
    /// file, place, remedy.
    pub fn open(path: &Path, options: &StateOptions) -> Result<Self, Error> {
        let source = Source::open(path)?;
        let extension = extension(path);
        let format = if source.start.starts_with(MAGIC) || extension == "npy" {
            Format::Array(Box::new(ArrayReader::open_npy(path, options)?))
        } else if npz::MAGIC
            .iter()
            .any(|magic| source.start.starts_with(magic))
            || extension == "npz"
        {
            Format::Array(Box::new(npz::open(path, options)?))
        } else if safetensors::is_one(&source.start) || extension == "safetensors" {
            Format::Array(Box::new(safetensors::open(path, options)?))
        } else if source.start.starts_with(parquet::MAGIC)
            || ["parquet", "pq"].contains(&&*extension)
        {
            Format::Parquet(Box::new(ParquetReader::open(path, options)?))
        } else {
            Format::Text(Box::new(TextReader::new(source, &extension, options)?))
        };
        Ok(Self {
            format,
            finished: false,
        })
    }

    /// What the states are.
    #[must_use]
    pub fn kind(&self) -> StateKind {
        match &self.format {
            Format::Array(array) => array.kind(),
            Format::Parquet(parquet) => parquet.kind(),
            Format::Text(text) => text.kind(),
        }
    }

    /// Whether there are labels beside the states.
    #[must_use]
    pub fn has_labels(&self) -> bool {
        match &self.format {
            Format::Array(_) => false,
            Format::Parquet(parquet) => parquet.has_labels(),
            Format::Text(text) => text.has_labels(),
        }
    }

    /// The share of the file that has been read, 0 … 1; 0 where its length is unknown.
    #[must_use]
    pub fn done(&self) -> f64 {
        if self.finished {
            return 1.0;
        }
        match &self.format {
            Format::Array(array) => array.done(),
            Format::Parquet(parquet) => parquet.done(),
            Format::Text(text) => text.done(),
        }
    }

    /// The next observations, `None` after the last. A chunk holds at least one observation, at most
    /// about a million of them or 16 MiB of states.
    ///
    /// # Errors
    /// For data that are damaged, or are no states as [`StateReader`] describes them. Nothing follows
    /// an error.
    pub fn next_chunk(&mut self) -> Result<Option<StateChunk>, Error> {
        if self.finished {
            return Ok(None);
        }
        let chunk = match &mut self.format {
            Format::Array(array) => array.next_chunk(),
            Format::Parquet(parquet) => parquet.next_chunk(),
            Format::Text(text) => text.next_chunk(),
        };
        self.finished = !matches!(chunk, Ok(Some(_)));
        chunk
    }
}

/// The end of a file's name, in lower case, without the one that a packer added.
pub(crate) fn extension(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_lowercase();
    let packed = [".gz", ".gzip", ".zst", ".zstd"];
    let name = packed
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(&name);
    match name.rsplit_once('.') {
        Some((_, extension)) => extension.to_string(),
        None => String::new(),
    }
}

/// Refuses options, each with whether it is in use, that files of a kind have no use for.
pub(crate) fn refuse_options(
    path: &Path,
    options: &[(&'static str, bool)],
    what: &'static str,
) -> Result<(), Error> {
    match options.iter().find(|(_, used)| *used) {
        None => Ok(()),
        Some((option, _)) => Err(Error::Unsuited {
            path: path.to_path_buf(),
            option,
            what,
        }),
    }
}

/// Which of several named things is meant: the one called `column`, or the only one.
fn choose<S: AsRef<str>>(
    path: &Path,
    what: &'static str,
    plural: &'static str,
    all: &[S],
    column: Option<&str>,
) -> Result<usize, Error> {
    let path = || path.to_path_buf();
    match column {
        Some(column) => {
            let place = all.iter().position(|name| name.as_ref() == column);
            place.ok_or_else(|| Error::NoColumn {
                path: path(),
                what,
                name: shortened(column),
                names: names(all.iter()),
            })
        }
        None if all.is_empty() => Err(Error::Empty {
            path: path(),
            what: plural,
        }),
        None if all.len() == 1 => Ok(0),
        None => Err(Error::Choose {
            path: path(),
            what: plural,
            names: names(all.iter()),
        }),
    }
}

/// Names as a message lists them, the first few.
pub(crate) fn names<S: AsRef<str>>(names: impl ExactSizeIterator<Item = S>) -> String {
    /// Names shown.
    const SHOWN: usize = 12;
    let more = names.len().saturating_sub(SHOWN);
    let shown: Vec<String> = names
        .take(SHOWN)
        .map(|name| shortened(name.as_ref()))
        .collect();
    let mut list = shown.join(", ");
    if more > 0 {
        list += &format!(" and {more} more");
    }
    list
}
