//! Files that are either the old one or the new one, never half of it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::Error;

/// Writes `bytes` beside `path` and renames, so that a crash leaves the old file or the new one.
///
/// # Errors
/// [`Error::File`] if the folder cannot be made or the file not be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let error = |source| Error::File {
        path: path.into(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(error)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|source| {
            // What is half there must not stay; that it may not be removable changes nothing.
            let _ = fs::remove_file(&beside);
            error(source)
        })
}
