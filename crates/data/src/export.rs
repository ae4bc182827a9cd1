//! Writing a data set as npy files, for other programs.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use ndarray::{ArrayView1, ArrayView2};
use ndarray_npy::{WriteNpyError, WriteNpyExt};
use resrel_kernels::BitRows;

use crate::files::{beside, write_whole};
use crate::{Dataset, Error};

/// Writes the values (32-bit floats, observations × features) and labels (32-bit unsigned integers)
/// of `data` into `folder`, which is made if missing: `NAME-train-values.npy`,
/// `NAME-train-labels.npy` and the same for `test`, as far as there are any. Returns their paths.
///
/// Each file is written beside and renamed, so none is ever there in part.
///
/// # Errors
/// [`Error::Write`] where a file cannot be written.
pub fn export(data: &Dataset, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    fs::create_dir_all(folder).map_err(|source| written(folder, source))?;
    let mut files = Vec::new();
    let parts = [("train", Some(&data.train)), ("test", data.test.as_ref())];
    for (part, samples) in parts {
        let Some(samples) = samples else { continue };
        let path = folder.join(format!("{}-{part}-values.npy", data.name));
        write_npy(&path, samples.values.view())?;
        files.push(path);
        if let Some(labels) = &samples.labels {
            let path = folder.join(format!("{}-{part}-labels.npy", data.name));
            let labels = ArrayView1::from(labels);
            write_whole(&path, |file| labels.write_npy(file).map_err(as_io_error))
                .map_err(|source| written(&path, source))?;
            files.push(path);
        }
    }
    Ok(files)
}

/// Writes `values` to an npy file (32-bit floats), beside and renamed.
///
/// # Errors
/// [`Error::Write`] where it cannot be written.
pub fn write_npy(path: &Path, values: ArrayView2<f32>) -> Result<(), Error> {
    let done = write_whole(path, |file| values.write_npy(file).map_err(as_io_error));
    done.map_err(|source| written(path, source))
}

/// What stopped the writing; the format itself cannot refuse a matrix of floats.
fn as_io_error(error: WriteNpyError) -> io::Error {
    match error {
        WriteNpyError::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// An npy file of states (8-bit 0 and 1, observations × units) that grows with the observations. It is written
/// beside its place and moved there at the end.
#[derive(Debug)]
pub struct StatesWriter {
    path: PathBuf,
    file: BufWriter<File>,
    units: usize,
    /// Observations that are still to come.
    left: usize,
    row: Vec<u8>,
}

impl StatesWriter {
    /// For so many observations of so many units.
    ///
    /// # Errors
    /// [`Error::Write`] where the file cannot be written.
    pub fn create(path: &Path, rows: usize, units: usize) -> Result<Self, Error> {
        let begin = || {
            let mut file = BufWriter::new(File::create(beside(path))?);
            let about =
                format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({rows}, {units}), }}");
            // The values begin at a multiple of 64 bytes.
            let length = (10 + about.len() + 1).next_multiple_of(64) - 10;
            file.write_all(b"\x93NUMPY\x01\x00")?;
            file.write_all(&(length as u16).to_le_bytes())?;
            writeln!(file, "{about:<width$}", width = length - 1)?;
            Ok(file)
        };
        let file = begin().map_err(|source| written(path, source))?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
            units,
            left: rows,
            row: Vec::new(),
        })
    }

    /// The next observations.
    ///
    /// # Errors
    /// [`Error::Write`] where they cannot be written.
    ///
    /// # Panics
    /// If they have another number of units, or are more than were announced.
    pub fn append(&mut self, states: &BitRows) -> Result<(), Error> {
        assert_eq!(states.bits(), self.units, "as many units as announced");
        assert!(
            states.rows() <= self.left,
            "no more observations than announced"
        );
        self.left -= states.rows();
        for row in 0..states.rows() {
            self.row.clear();
            let bits = (0..self.units).map(|unit| u8::from(states.get(row, unit)));
            self.row.extend(bits);
            let done = self.file.write_all(&self.row);
            done.map_err(|source| written(&self.path, source))?;
        }
        Ok(())
    }

    /// Puts the file into its place.
    ///
    /// # Errors
    /// [`Error::Write`] where that fails.
    ///
    /// # Panics
    /// If observations are missing.
    pub fn finish(mut self) -> Result<(), Error> {
        assert_eq!(self.left, 0, "all observations that were announced");
        let mut end = || {
            self.file.flush()?;
            self.file.get_ref().sync_all()?;
            fs::rename(beside(&self.path), &self.path)
        };
        end().map_err(|source| written(&self.path, source))
    }
}

impl Drop for StatesWriter {
    fn drop(&mut self) {
        // Of what did not come to its end nothing stays; after the end it is no longer there.
        let _ = fs::remove_file(beside(&self.path));
    }
}

fn written(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.into(),
        source,
    }
}
