//! The command line, as the package brings it along.

use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::prelude::*;

/// Does what the arguments say, of which the first is the command's own path; its exit status.
#[pyfunction]
pub(crate) fn command(py: Python, arguments: Vec<OsString>) -> u8 {
    let program = arguments.first().map(PathBuf::from).unwrap_or_default();
    py.detach(|| resrel_cli::run(program, arguments))
}
