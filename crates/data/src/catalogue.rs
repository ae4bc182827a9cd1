//! The data sets that have a name: what they are, where they are, and loading them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use md5::Md5;
use resrel_kernels::Workers;
use sha2::{Digest, Sha256};

use crate::files::{Source, hexadecimal};
use crate::idx::Idx;
use crate::letters::read_letters;
use crate::npy::read_npy;
use crate::{Dataset, Error, Samples, digits};

/// Environment variable that names the folder of the data sets.
const VARIABLE: &str = "RESREL_DATA";
/// Size of the embedded digits where nothing else is asked for: MNIST's.
const DIGITS: (usize, usize) = (60_000, 10_000);
/// Names of the four files of MNIST and of data sets in its form: train and test, images and labels.
const IDX_FILES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

/// A data set that has a name.
#[derive(Debug)]
pub struct Entry {
    /// The name, as the user writes it.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Its folder in the folder of the data sets.
    pub folder: &'static str,
    /// Its files; none where it is embedded.
    pub files: &'static [RemoteFile],
    /// Base addresses of its mirrors, each to be followed by the name of a file.
    pub mirrors: &'static [&'static str],
}

/// A file that mirrors offer.
#[derive(Debug)]
pub struct RemoteFile {
    /// Its name.
    pub name: &'static str,
    /// What its contents must have.
    pub checksum: Checksum,
}

/// Checksum of a file, in lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub enum Checksum {
    /// MD5 of the unpacked contents, whether the file itself is gzip or not.
    Md5Unpacked(&'static str),
    /// SHA-256 of the file as it is.
    Sha256(&'static str),
}

/// Every data set that has a name.
pub const CATALOGUE: &[Entry] = &[
    Entry {
        name: "mnist",
        summary: "handwritten digits, 60000 train and 10000 test, 28 x 28 grey levels",
        folder: "mnist",
        files: &[
            RemoteFile {
                name: IDX_FILES[0],
                checksum: Checksum::Md5Unpacked("6bbc9ace898e44ae57da46a324031adb"),
            },
            RemoteFile {
                name: IDX_FILES[1],
                checksum: Checksum::Md5Unpacked("a25bea736e30d166cdddb491f175f624"),
            },
            RemoteFile {
                name: IDX_FILES[2],
                checksum: Checksum::Md5Unpacked("2646ac647ad5339dbf082846283269ea"),
            },
            RemoteFile {
                name: IDX_FILES[3],
                checksum: Checksum::Md5Unpacked("27ae3e4e09519cfbb04c329615203637"),
            },
        ],
        mirrors: &[
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ],
    },
    Entry {
        name: "ocr-letters",
        summary: "handwritten letters, 44800 train and 3720 validation, 16 x 8 black or white",
        folder: "ocr_letters",
        files: &[RemoteFile {
            name: "letter.data.gz",
            checksum: Checksum::Sha256(
                "4ef9522ffeaa68cad889ad8d02ad3fca411fe6a656546c236a183866157b3b34",
            ),
        }],
        mirrors: &["http://ai.stanford.edu/~btaskar/ocr/"],
    },
    Entry {
        name: "digits",
        summary: "embedded generator of handwriting-like digits, 60000 train and 10000 test, 28 x 28",
        folder: "",
        files: &[],
        mirrors: &[],
    },
];

/// Where a data set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In the program itself.
    Embedded,
    /// In this folder, every file of it.
    Folder(PathBuf),
    /// Not on this machine: this file is missing from this folder.
    Missing {
        /// Where it was looked for.
        folder: PathBuf,
        /// The first missing file.
        file: &'static str,
    },
}

impl Entry {
    /// Where this data set is. `data_dir` is the folder of the data sets, if the user names one.
    ///
    /// # Errors
    /// [`Error::NoFolder`], see [`data_folder`].
    pub fn locate(&self, data_dir: Option<&Path>) -> Result<Location, Error> {
        if self.files.is_empty() {
            return Ok(Location::Embedded);
        }
        let folder = data_folder(data_dir)?.join(self.folder);
        let missing = self.files.iter().find(|file| file.find(&folder).is_none());
        Ok(match missing {
            Some(RemoteFile { name: file, .. }) => Location::Missing { folder, file },
            None => Location::Folder(folder),
        })
    }
}

impl RemoteFile {
    /// This file in `folder`; one whose unpacked contents are known may lie there unpacked.
    pub(crate) fn find(&self, folder: &Path) -> Option<PathBuf> {
        match self.checksum {
            Checksum::Md5Unpacked(_) => find(folder, self.name),
            Checksum::Sha256(_) => Some(folder.join(self.name)).filter(|path| path.is_file()),
        }
    }

    /// Refuses the file in `path` where its contents are not the known ones.
    pub(crate) fn verify(&self, name: &str, path: &Path) -> Result<(), Error> {
        let found = match self.checksum {
            Checksum::Md5Unpacked(_) => Source::open(path)?.digest::<Md5>()?,
            Checksum::Sha256(_) => Source::open_plain(path)?.digest::<Sha256>()?,
        };
        self.compare(name, path, found)
    }

    fn compare(&self, name: &str, path: &Path, found: String) -> Result<(), Error> {
        let (algorithm, expected) = match self.checksum {
            Checksum::Md5Unpacked(expected) => ("MD5 (unpacked)", expected),
            Checksum::Sha256(expected) => ("SHA-256", expected),
        };
        if found == expected {
            return Ok(());
        }
        Err(Error::Checksum {
            path: path.to_path_buf(),
            name: name.to_string(),
            algorithm,
            found,
            expected,
        })
    }
}

/// The data set called `name`.
///
/// # Errors
/// [`Error::Unknown`], with the names that there are.
pub fn entry(name: &str) -> Result<&'static Entry, Error> {
    let found = CATALOGUE.iter().find(|entry| entry.name == name);
    found.ok_or_else(|| Error::Unknown {
        name: name.to_string(),
        known: CATALOGUE
            .iter()
            .map(|entry| entry.name)
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// The folder that holds the data sets: `data_dir` if given, else the environment variable
/// `RESREL_DATA`, else `resrel` in the user's cache directory.
///
/// # Errors
/// [`Error::NoFolder`] where none of the three is known.
pub fn data_folder(data_dir: Option<&Path>) -> Result<PathBuf, Error> {
    let user = directories::ProjectDirs::from("", "", "resrel");
    choose_folder(
        data_dir,
        std::env::var_os(VARIABLE),
        user.as_ref().map(directories::ProjectDirs::cache_dir),
    )
}

/// The folder for what is made once and kept: `resrel` in the user's cache directory.
///
/// # Errors
/// [`Error::NoFolder`] where it is not known.
pub fn cache_folder() -> Result<PathBuf, Error> {
    let user = directories::ProjectDirs::from("", "", "resrel");
    user.map(|user| user.cache_dir().to_path_buf())
        .ok_or(Error::NoFolder)
}

fn choose_folder(
    named: Option<&Path>,
    variable: Option<OsString>,
    cache: Option<&Path>,
) -> Result<PathBuf, Error> {
    let variable = variable.filter(|value| !value.is_empty());
    named
        .map(Path::to_path_buf)
        .or(variable.map(PathBuf::from))
        .or(cache.map(Path::to_path_buf))
        .ok_or(Error::NoFolder)
}

/// Loads a data set by name (see [`CATALOGUE`]) or by path: an npy file of observations × features
/// in 0 … 1, or a folder of four IDX files named as MNIST's.
///
/// Files of named data sets are checked against their known checksums. The embedded digits are drawn
/// from `seed`; no other data set depends on it.
///
/// # Errors
/// [`Error::NotThere`] for a known data set that is not on this machine, [`Error::Unknown`] for what
/// is neither a name nor a path, and what the readers say.
pub fn load(
    name_or_path: &str,
    data_dir: Option<&Path>,
    seed: u64,
    workers: &Workers,
) -> Result<Dataset, Error> {
    let entry = match entry(name_or_path) {
        Ok(entry) => entry,
        Err(unknown) => {
            let path = Path::new(name_or_path);
            return if path.is_dir() {
                load_folder(path)
            } else if path.exists() {
                load_npy(path)
            } else {
                Err(unknown)
            };
        }
    };
    let folder = match entry.locate(data_dir)? {
        Location::Embedded => return Ok(digits(DIGITS.0, DIGITS.1, seed, workers)),
        Location::Folder(folder) => folder,
        Location::Missing { folder, file } => {
            let name = entry.name.to_string();
            return Err(Error::NotThere { name, file, folder });
        }
    };
    let path = |file: &RemoteFile| file.find(&folder).unwrap_or_else(|| folder.join(file.name));
    if let [file] = entry.files {
        let path = path(file);
        file.verify(entry.name, &path)?;
        return read_letters(&path);
    }
    let provenance = "MNIST (LeCun, Cortes, Burges), the original files";
    load_idx(entry.name, provenance, |which, dimensions| {
        let file = &entry.files[which];
        let path = path(file);
        let idx = Idx::read(&path, dimensions)?;
        let found = hexadecimal(&Md5::digest(&idx.bytes));
        file.compare(entry.name, &path, found)?;
        Ok((path, idx))
    })
}

/// A data set of unlabelled rows.
fn load_npy(path: &Path) -> Result<Dataset, Error> {
    let train = Samples::new(path, read_npy(path)?, None)?;
    let sum = Source::open_plain(path)?.digest::<Sha256>()?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Dataset::new(name, format!("npy file, SHA-256 {sum}"), train, None, None)
}

/// A data set in the form of MNIST.
fn load_folder(folder: &Path) -> Result<Dataset, Error> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    load_idx(&name, "IDX files", |which, dimensions| {
        let file = IDX_FILES[which];
        let path = find(folder, file).unwrap_or_else(|| folder.join(file));
        let idx = Idx::read(&path, dimensions)?;
        Ok((path, idx))
    })
}

/// A data set of four IDX files, numbered as in [`IDX_FILES`] and read by `read(which, dimensions)`.
fn load_idx(
    name: &str,
    provenance: &str,
    read: impl Fn(usize, u8) -> Result<(PathBuf, Idx), Error>,
) -> Result<Dataset, Error> {
    let part = |which: usize| {
        let (path, images) = read(which, 3)?;
        let (values, shape) = images.images();
        let (labels_path, labels) = read(which + 1, 1)?;
        let samples = Samples::new(path, values, None)?;
        Ok((samples.with_labels(labels_path, labels.labels())?, shape))
    };
    let (train, shape) = part(0)?;
    let (test, _) = part(2)?;
    Dataset::new(name, provenance, train, Some(test), Some(shape))
}

/// The file called `name` in `folder`, or the same without `.gz`.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [name, name.trim_end_matches(".gz")]
        .map(|name| folder.join(name))
        .into_iter()
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_on_the_folder_counts() {
        let choose = |named: Option<&str>, variable: Option<&str>, cache: Option<&str>| {
            let folder = choose_folder(
                named.map(Path::new),
                variable.map(OsString::from),
                cache.map(Path::new),
            );
            folder.map(|folder| folder.display().to_string())
        };
        assert_eq!(choose(Some("a"), Some("b"), Some("c")).unwrap(), "a");
        assert_eq!(choose(None, Some("b"), Some("c")).unwrap(), "b");
        assert_eq!(choose(None, Some(""), Some("c")).unwrap(), "c");
        assert_eq!(choose(None, None, Some("c")).unwrap(), "c");
        assert!(matches!(choose(None, None, None), Err(Error::NoFolder)));
    }

    #[test]
    fn a_data_set_is_there_when_all_its_files_are() {
        let data = tempfile::tempdir().unwrap();
        let mnist = entry("mnist").unwrap();
        let folder = data.path().join("mnist");
        std::fs::create_dir(&folder).unwrap();
        for (index, file) in mnist.files.iter().enumerate() {
            let missing = Location::Missing {
                folder: folder.clone(),
                file: file.name,
            };
            assert_eq!(mnist.locate(Some(data.path())).unwrap(), missing);
            // Packed or not.
            let name = if index % 2 == 0 {
                file.name
            } else {
                file.name.trim_end_matches(".gz")
            };
            std::fs::write(folder.join(name), "").unwrap();
        }
        assert_eq!(
            mnist.locate(Some(data.path())).unwrap(),
            Location::Folder(folder)
        );
        let digits = entry("digits").unwrap();
        assert_eq!(
            digits.locate(Some(data.path())).unwrap(),
            Location::Embedded
        );
    }
}
