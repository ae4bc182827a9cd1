//! Opening files that may be gzip, and writing files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sha2::Digest;

use crate::Error;

/// First bytes of a gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Deflate shrinks data to 1/1032 at most (zlib's technical notes), so no gzip file of n bytes holds
/// more than this many times n.
const GZIP_RATIO: u64 = 1032;

/// A file opened for reading, unpacked on the way where it is gzip.
pub(crate) struct Source {
    path: PathBuf,
    reader: Box<dyn Read>,
    packed: bool,
    /// No more bytes than this can follow, whatever a header claims.
    pub(crate) limit: u64,
}

impl Source {
    /// Opens `path`, whether gzip or not: its first bytes tell.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let refuse = |source| Error::Read {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(refuse)?;
        let length = file.metadata().map_err(refuse)?.len();
        let mut start = Vec::with_capacity(2);
        let mut file = BufReader::new(file);
        (&mut file)
            .take(2)
            .read_to_end(&mut start)
            .map_err(refuse)?;
        let packed = start == GZIP;
        let whole = io::Cursor::new(start).chain(file);
        Ok(Self {
            path: path.to_path_buf(),
            reader: if packed {
                Box::new(BufReader::new(MultiGzDecoder::new(whole)))
            } else {
                Box::new(whole)
            },
            packed,
            limit: length.saturating_mul(if packed { GZIP_RATIO } else { 1 }),
        })
    }

    /// Opens `path` as it is, gzip or not.
    pub(crate) fn open_plain(path: &Path) -> Result<Self, Error> {
        let refuse = |source| Error::Read {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(refuse)?;
        Ok(Self {
            path: path.to_path_buf(),
            limit: file.metadata().map_err(refuse)?.len(),
            reader: Box::new(file),
            packed: false,
        })
    }

    /// Checksum of all that is still to come.
    pub(crate) fn digest<D: Digest>(mut self) -> Result<String, Error> {
        let mut digest = D::new();
        let mut piece = vec![0; 1 << 16];
        loop {
            let count = match self.reader.read(&mut piece) {
                Ok(0) => return Ok(hexadecimal(&digest.finalize())),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failure(error)),
            };
            digest.update(&piece[..count]);
        }
    }

    /// Reads up to `count` bytes; fewer only where the file ends.
    pub(crate) fn read_up_to(&mut self, count: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.reader
            .by_ref()
            .take(count)
            .read_to_end(&mut bytes)
            .map_err(|source| self.failure(source))?;
        Ok(bytes)
    }

    /// Bytes still to come, read to the end.
    pub(crate) fn count_rest(&mut self) -> Result<u64, Error> {
        io::copy(&mut self.reader, &mut io::sink()).map_err(|source| self.failure(source))
    }

    /// The reader itself, for reading line by line.
    pub(crate) fn lines(self) -> impl Iterator<Item = Result<Vec<u8>, Error>> {
        let (path, packed) = (self.path, self.packed);
        let lines = io::BufRead::split(BufReader::new(self.reader), b'\n');
        lines.map(move |line| line.map_err(|source| failure(&path, packed, source)))
    }

    fn failure(&self, source: io::Error) -> Error {
        failure(&self.path, self.packed, source)
    }
}

fn failure(path: &Path, packed: bool, source: io::Error) -> Error {
    let path = path.to_path_buf();
    if packed {
        Error::Gzip { path, source }
    } else {
        Error::Read { path, source }
    }
}

/// Writes a file beside `path` and renames it, so that a crash leaves the old file or the new one,
/// never half of it.
///
/// # Errors
/// What stopped the writing; then nothing of it stays.
pub fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let beside = beside(path);
    let result = File::create(&beside).and_then(|file| {
        let mut writer = BufWriter::new(file);
        write(&mut writer)?;
        writer.flush()?;
        writer.get_ref().sync_all()?;
        fs::rename(&beside, path)
    });
    result.inspect_err(|_| {
        // What failed to be written need not exist; the first failure is the one to report.
        let _ = fs::remove_file(&beside);
    })
}

/// Where [`write_whole`] writes before it renames to `path`. A process that is killed leaves it; the
/// next writing replaces it.
#[must_use]
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}
