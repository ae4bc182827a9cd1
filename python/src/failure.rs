//! What went wrong, as Python's exceptions.

use std::error::Error;
use std::io;

use pyo3::PyErr;
use pyo3::exceptions::{PyFileNotFoundError, PyOSError, PyPermissionError, PyValueError};

/// The exception of an error: that of the file where a file could not be read or written, `ValueError` else. The
/// words are those of the command line.
pub(crate) fn raised(error: &(dyn Error + 'static)) -> PyErr {
    let words = error.to_string();
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::NotFound => PyFileNotFoundError::new_err(words),
                io::ErrorKind::PermissionDenied => PyPermissionError::new_err(words),
                // The bytes of a file that is not what it should be.
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                    PyValueError::new_err(words)
                }
                _ => PyOSError::new_err(words),
            };
        }
        cause = error.source();
    }
    PyValueError::new_err(words)
}
