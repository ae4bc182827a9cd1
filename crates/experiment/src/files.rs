//! Files of a run: each is the old one or the new one, never half of it.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::Error;

/// Writes `bytes` to `path` as a whole, in a folder that is made if missing.
///
/// # Errors
/// [`Error::File`] if the folder cannot be made or the file not be written.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written =
        folder.and_then(|()| resrel_data::write_whole(path, |file| file.write_all(bytes)));
    written.map_err(|source| Error::File {
        path: path.into(),
        source,
    })
}
