//! `NumPy`'s npy format: rows of values, or labels.
//!
//! Source: "The NPY format", `numpy.lib.format`: a magic string, the version, the length of a header
//! that is a Python dictionary of `descr`, `fortran_order` and `shape`, then the values.

pub(crate) mod header;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ndarray::Array2;

use crate::Error;
use crate::dataset::matrix;
use header::Header;

/// First bytes of an npy file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";
/// Values converted at a time.
const VALUES_PER_PIECE: usize = 1 << 16;

/// The rows of an npy file: observations × features, of any boolean, integer or floating-point type,
/// in C or Fortran order.
///
/// # Errors
/// For a file that cannot be read, is not npy, holds another type, has not two axes, is shorter or
/// longer than its header says (found before anything is allocated), is empty, or holds a value that
/// is not finite as a 32-bit number.
pub fn read_npy(path: &Path) -> Result<Array2<f32>, Error> {
    let npy = Npy::open(path)?;
    let &[rows, columns] = &npy.header.shape[..] else {
        return Err(Error::Header {
            path: path.to_path_buf(),
            problem: format!("shape {}", npy.header.shape_text()),
            remedy: "save observations x features, e.g. x.reshape(len(x), -1)",
        });
    };
    let fortran = npy.header.fortran_order;
    let mut values = zeros(path, rows as u64 * columns as u64)?;
    npy.for_each(|index, value| {
        let (row, column) = if fortran {
            (index % rows, index / rows)
        } else {
            (index / columns, index % columns)
        };
        // What overflows 32 bits becomes infinite, and is refused as such.
        let narrow = value as f32;
        if !narrow.is_finite() {
            return Err(Error::NotFinite {
                path: path.to_path_buf(),
                row,
                column,
                value,
            });
        }
        values[row * columns + column] = narrow;
        Ok(())
    })?;
    Ok(matrix(rows, columns, values))
}

/// The labels of an npy file: one axis (or a second of length 1) of whole numbers of 0 or more, in
/// any boolean, integer or floating-point type.
///
/// # Errors
/// As [`read_npy`], and for a value that is no label.
pub fn read_npy_labels(path: &Path) -> Result<Vec<u32>, Error> {
    let npy = Npy::open(path)?;
    let (&[count] | &[count, 1]) = &npy.header.shape[..] else {
        return Err(Error::Header {
            path: path.to_path_buf(),
            problem: format!("shape {}", npy.header.shape_text()),
            remedy: "save labels as one axis, one number per observation",
        });
    };
    let mut labels = zeros(path, count as u64)?;
    npy.for_each(|row, value| {
        if value.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&value) {
            let path = path.to_path_buf();
            return Err(Error::Label { path, row, value });
        }
        labels[row] = value as u32;
        Ok(())
    })?;
    Ok(labels)
}

/// An npy file whose length agrees with its header.
struct Npy {
    header: Header,
    body: BufReader<File>,
}

impl Npy {
    fn open(path: &Path) -> Result<Self, Error> {
        let refuse = |source| Error::Read {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(refuse)?;
        let length = file.metadata().map_err(refuse)?.len();
        let mut body = BufReader::with_capacity(1 << 18, file);
        let header = Header::read(path, &mut body)?;
        header.check_length(path, length)?;
        Ok(Self { header, body })
    }

    /// Calls `place(index, value)` for every value, in the order of the file.
    fn for_each(
        mut self,
        mut place: impl FnMut(usize, f64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Header {
            element,
            big_endian,
            ..
        } = self.header;
        let size = element.size();
        let path = &self.header.path;
        let mut piece = vec![0; VALUES_PER_PIECE * size];
        let mut index = 0;
        let mut left = self.header.count();
        while left > 0 {
            let count = left.min(VALUES_PER_PIECE as u64) as usize;
            let piece = &mut piece[..count * size];
            self.body.read_exact(piece).map_err(|source| Error::Read {
                path: path.clone(),
                source,
            })?;
            if big_endian {
                element.swap_bytes(piece);
            }
            element.for_each(piece, |value| {
                place(index, value)?;
                index += 1;
                Ok(())
            })?;
            left -= count as u64;
        }
        Ok(())
    }
}

/// `count` zeros, or an error where there is no memory for them.
fn zeros<T: Clone + Default>(path: &Path, count: u64) -> Result<Vec<T>, Error> {
    let mut values = Vec::new();
    let room = usize::try_from(count).ok();
    match room.map(|room| values.try_reserve_exact(room)) {
        Some(Ok(())) => {
            values.resize(count as usize, T::default());
            Ok(values)
        }
        _ => Err(Error::Memory {
            path: path.to_path_buf(),
            values: count,
        }),
    }
}
