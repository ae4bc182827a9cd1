//! States of array files: npy, and the arrays inside npz and safetensors files.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use resrel_kernels::BitRows;

use super::chunk::{Column, StateChunk, Values};
use super::{BYTES_PER_CHUNK, ROWS_PER_CHUNK, StateKind, StateOptions, refuse_options};
use crate::Error;
use crate::element::Element;
use crate::npy::header::Header;

/// Bytes read at a time: few enough to stay in the processor's cache while they are unpacked.
const PIECE: usize = 1 << 18;
/// Bits of a state, at most: more are observations and units interchanged.
const UNITS: usize = 8 * BYTES_PER_CHUNK;

/// Where the bytes of an array come from.
pub(super) enum Body<'a> {
    /// A file, from this byte on.
    File(File, u64),
    /// Bytes that come from elsewhere, or are unpacked on the way, and how they are packed.
    Stream(Box<dyn Read + Send + 'a>, &'static str),
}

/// What an array is.
pub(super) struct Array<'a> {
    pub(super) path: PathBuf,
    pub(super) element: Element,
    pub(super) big_endian: bool,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
    pub(super) body: Body<'a>,
}

/// States of an array, read in the order of its rows.
pub(super) struct ArrayReader<'a> {
    array: Array<'a>,
    threshold: Option<f64>,
    rows: usize,
    units: usize,
    /// One whole number to a state, rather than one row of bits.
    entries: bool,
    /// The next row to be read.
    row: usize,
    piece: Vec<u8>,
}

impl<'a> ArrayReader<'a> {
    /// Opens an npy file.
    pub(super) fn open_npy(path: &Path, options: &StateOptions) -> Result<Self, Error> {
        let used = [
            ("--column", options.column.is_some()),
            ("--label-column", options.label_column.is_some()),
        ];
        refuse_options(path, &used, "an npy file")?;
        let refuse = |source| Error::Read {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(refuse)?;
        let length = file.metadata().map_err(refuse)?.len();
        let mut file = BufReader::new(file);
        let header = Header::read(path, &mut file)?;
        header.check_length(path, length)?;
        let body = Body::File(file.into_inner(), header.start);
        Self::new(Array::of_npy(header, body), options.threshold)
    }

    /// Of what an npy file holds, from wherever it comes.
    pub(super) fn of_npy(
        name: &Path,
        mut npy: impl Read + Send + 'a,
        threshold: Option<f64>,
    ) -> Result<Self, Error> {
        let header = Header::read(name, &mut npy)?;
        let body = Body::Stream(Box::new(npy), "npy");
        Self::new(Array::of_npy(header, body), threshold)
    }

    /// Prepares to read an array whose body is known to be as long as its shape says.
    pub(super) fn new(mut array: Array<'a>, threshold: Option<f64>) -> Result<Self, Error> {
        let refuse = |problem, remedy| Error::Header {
            path: array.path.clone(),
            problem,
            remedy,
        };
        if threshold.is_some_and(f64::is_nan) {
            return Err(refuse(
                "a threshold of NaN parts no values".into(),
                "give a number with --threshold",
            ));
        }
        let (rows, units) = match array.shape[..] {
            [rows] => (rows, 1),
            [rows, units] => (rows, units),
            _ => {
                return Err(refuse(
                    format!("{} axes", array.shape.len()),
                    "save one axis of whole numbers or observations x units, e.g. \
                     x.reshape(len(x), -1)",
                ));
            }
        };
        if rows == 0 || units == 0 {
            return Err(Error::Empty {
                path: array.path,
                what: "values",
            });
        }
        if units > UNITS {
            return Err(refuse(
                format!("{units} units of one state, {UNITS} at most"),
                "if the observations are the columns, save the transpose",
            ));
        }
        let columns = array.fortran_order && units > 1;
        let path = array.path.clone();
        let refuse = |source| Error::Read {
            path: path.clone(),
            source,
        };
        array.body = match array.body {
            // Columns are read piece by piece, which takes a file.
            Body::Stream(mut stream, format) if columns => {
                let mut unpacked = tempfile::tempfile().map_err(|source| Error::Write {
                    path: std::env::temp_dir(),
                    source,
                })?;
                let length = (rows * units * array.element.size()) as u64;
                let copied = io::copy(&mut stream, &mut unpacked);
                let copied = copied.map_err(|source| Error::Packed {
                    path: path.clone(),
                    format,
                    source,
                })?;
                if copied < length {
                    return Err(refuse(io::ErrorKind::UnexpectedEof.into()));
                }
                Body::File(unpacked, 0)
            }
            Body::File(mut file, start) => {
                file.seek(SeekFrom::Start(start)).map_err(refuse)?;
                Body::File(file, start)
            }
            stream @ Body::Stream(..) => stream,
        };
        array.fortran_order = columns;
        Ok(Self {
            array,
            threshold,
            rows,
            units,
            entries: units == 1 && threshold.is_none(),
            row: 0,
            piece: Vec::new(),
        })
    }

    pub(super) fn kind(&self) -> StateKind {
        if self.entries {
            StateKind::Integers
        } else {
            StateKind::Bits { units: self.units }
        }
    }

    pub(super) fn done(&self) -> f64 {
        self.row as f64 / self.rows as f64
    }

    pub(super) fn next_chunk(&mut self) -> Result<Option<StateChunk>, Error> {
        let left = self.rows - self.row;
        if left == 0 {
            return Ok(None);
        }
        let first_row = self.row as u64;
        let bytes_per_row = 8 * self.units.div_ceil(64);
        let rows = left
            .min(ROWS_PER_CHUNK)
            .min((BYTES_PER_CHUNK / bytes_per_row).max(1));
        let values = if self.entries {
            self.whole_numbers(rows)?
        } else if self.array.fortran_order {
            self.columns(rows)?
        } else {
            self.bits(rows)?
        };
        self.row += rows;
        Ok(Some(StateChunk {
            first_row,
            states: Column {
                values,
                missing: Vec::new(),
            },
            labels: None,
            counts: None,
        }))
    }

    /// The next `rows` entries.
    fn whole_numbers(&mut self, rows: usize) -> Result<Values, Error> {
        let Array { element, .. } = self.array;
        let (mut integers, mut unsigned) = (Vec::new(), Vec::new());
        if element == Element::U64 {
            unsigned.reserve_exact(rows);
        } else {
            integers.reserve_exact(rows);
        }
        let mut done = 0;
        while done < rows {
            let count = (rows - done).min(PIECE / element.size());
            let first = self.row + done;
            let path = self.array.path.clone();
            let piece = self.array.read(&mut self.piece, count)?;
            if element == Element::U64 {
                let (values, _) = piece.as_chunks::<8>();
                unsigned.extend(values.iter().map(|bytes| u64::from_le_bytes(*bytes)));
            } else {
                let result = element.integers(piece, &mut integers);
                result.map_err(|(index, value)| Error::NotWhole {
                    path,
                    row: (first + index) as u64,
                    value,
                })?;
            }
            done += count;
        }
        Ok(if element == Element::U64 {
            Values::Unsigned(unsigned)
        } else {
            Values::Integers(integers)
        })
    }

    /// The next `rows` rows of an array in C order.
    fn bits(&mut self, rows: usize) -> Result<Values, Error> {
        let (units, size) = (self.units, self.array.element.size());
        let mut packed = BitRows::zeros(rows, units);
        let words_per_row = packed.words_per_row();
        // Several rows at a time, or whole words of one.
        let rows_per_piece = (PIECE / (units * size)).max(1);
        let units_per_piece = units.min(PIECE / size / 64 * 64);
        let words = packed.words_mut();
        for first in (0..rows).step_by(rows_per_piece) {
            let count = rows_per_piece.min(rows - first);
            for unit in (0..units).step_by(units_per_piece) {
                let width = units_per_piece.min(units - unit);
                let piece = self.array.read(&mut self.piece, count * width)?;
                let at = first * words_per_row + unit / 64;
                for (row, bytes) in piece.chunks_exact(width * size).enumerate() {
                    let start = at + row * words_per_row;
                    let words = &mut words[start..start + width.div_ceil(64)];
                    let result = self.array.element.pack(bytes, self.threshold, words);
                    result.map_err(|(index, value)| {
                        odd(
                            &self.array.path,
                            self.row + first + row,
                            unit + index,
                            value,
                        )
                    })?;
                }
            }
        }
        Ok(Values::Bits(packed))
    }

    /// The next `rows` rows of an array in Fortran order, 64 columns at a time.
    fn columns(&mut self, rows: usize) -> Result<Values, Error> {
        let (units, size) = (self.units, self.array.element.size());
        let mut packed = BitRows::zeros(rows, units);
        let words_per_row = packed.words_per_row();
        let mut words = vec![0; rows];
        for word in 0..words_per_row {
            words.fill(0);
            for unit in 64 * word..units.min(64 * (word + 1)) {
                let at = (unit as u64 * self.rows as u64 + self.row as u64) * size as u64;
                self.array.seek(at)?;
                for first in (0..rows).step_by(PIECE / size) {
                    let count = (PIECE / size).min(rows - first);
                    let piece = self.array.read(&mut self.piece, count)?;
                    let words = &mut words[first..first + count];
                    let element = self.array.element;
                    let result = element.pack_column(piece, self.threshold, unit % 64, words);
                    result.map_err(|(index, value)| {
                        odd(&self.array.path, self.row + first + index, unit, value)
                    })?;
                }
            }
            let places = packed.words_mut()[word..].iter_mut().step_by(words_per_row);
            for (place, word) in places.zip(&words) {
                *place = *word;
            }
        }
        Ok(Values::Bits(packed))
    }
}

impl<'a> Array<'a> {
    /// The array that an npy header announces.
    pub(super) fn of_npy(header: Header, body: Body<'a>) -> Self {
        Self {
            path: header.path,
            element: header.element,
            big_endian: header.big_endian,
            fortran_order: header.fortran_order,
            shape: header.shape,
            body,
        }
    }

    /// The next `count` values, in little-endian order.
    fn read<'p>(&mut self, piece: &'p mut Vec<u8>, count: usize) -> Result<&'p [u8], Error> {
        piece.resize(count * self.element.size(), 0);
        let path = || self.path.clone();
        match &mut self.body {
            Body::File(file, _) => file.read_exact(piece).map_err(|source| Error::Read {
                path: path(),
                source,
            })?,
            Body::Stream(stream, format) => {
                stream.read_exact(piece).map_err(|source| Error::Packed {
                    path: path(),
                    format,
                    source,
                })?;
            }
        }
        if self.big_endian {
            self.element.swap_bytes(piece);
        }
        Ok(piece)
    }

    /// Goes to a byte of the array; nothing is known to be there until it is read.
    fn seek(&mut self, byte: u64) -> Result<(), Error> {
        let Body::File(file, start) = &mut self.body else {
            unreachable!("columns are read from files");
        };
        file.seek(SeekFrom::Start(*start + byte))
            .map(|_| ())
            .map_err(|source| Error::Read {
                path: self.path.clone(),
                source,
            })
    }
}

/// The error of a value that is no bit.
fn odd(path: &Path, row: usize, column: usize, value: f64) -> Error {
    let path = path.to_path_buf();
    if value.is_finite() {
        let row = row as u64;
        Error::NotBit {
            path,
            row,
            column,
            value,
        }
    } else {
        Error::NotFinite {
            path,
            row,
            column,
            value,
        }
    }
}
