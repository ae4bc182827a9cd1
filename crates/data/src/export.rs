//! Writing a data set as npy files, for other programs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ndarray::{ArrayView1, ArrayView2};
use ndarray_npy::{WriteNpyError, WriteNpyExt};

use crate::files::write_whole;
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
    let error = |path: &Path| {
        let path = path.to_path_buf();
        |source| Error::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(error(folder))?;
    let mut written = Vec::new();
    let parts = [("train", Some(&data.train)), ("test", data.test.as_ref())];
    for (part, samples) in parts {
        let Some(samples) = samples else { continue };
        let path = folder.join(format!("{}-{part}-values.npy", data.name));
        write_npy(&path, samples.values.view())?;
        written.push(path);
        if let Some(labels) = &samples.labels {
            let path = folder.join(format!("{}-{part}-labels.npy", data.name));
            let labels = ArrayView1::from(labels);
            write_whole(&path, |file| labels.write_npy(file).map_err(as_io_error))
                .map_err(error(&path))?;
            written.push(path);
        }
    }
    Ok(written)
}

/// Writes `values` to an npy file (32-bit floats), beside and renamed.
///
/// # Errors
/// [`Error::Write`] where it cannot be written.
pub fn write_npy(path: &Path, values: ArrayView2<f32>) -> Result<(), Error> {
    let written = write_whole(path, |file| values.write_npy(file).map_err(as_io_error));
    written.map_err(|source| Error::Write {
        path: path.into(),
        source,
    })
}

/// What stopped the writing; the format itself cannot refuse a matrix of floats.
fn as_io_error(error: WriteNpyError) -> io::Error {
    match error {
        WriteNpyError::Io(error) => error,
        other => io::Error::other(other),
    }
}
