//! Opening files that may be packed, and writing files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use sha2::Digest;

use crate::Error;

/// First bytes of a gzip file (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];
/// First bytes of a Zstandard frame (RFC 8878).
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Bytes looked at to tell what a file is.
const START: u64 = 16;
/// Deflate shrinks data to 1/1032 at most (zlib's technical notes), so no gzip file of n bytes holds
/// more than this many times n.
pub(crate) const DEFLATE_RATIO: u64 = 1032;
/// Bytes read at a time.
const BUFFER: usize = 1 << 16;

/// A file opened for reading, unpacked on the way where it is gzip or Zstandard.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    reader: Box<dyn Read + Send>,
    /// How it is packed, if it is.
    packed: Option<&'static str>,
    /// The first bytes of the file as it lies there; none of a file opened as it is.
    pub(crate) start: Vec<u8>,
    /// Bytes of the file as it lies there: all, and those read so far.
    length: u64,
    read: Arc<AtomicU64>,
    /// No more bytes than this can follow, whatever a header claims.
    pub(crate) limit: u64,
}

impl Source {
    /// Opens `path`, whether packed or not: its first bytes tell.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let refuse = |source| Error::Read {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(refuse)?;
        let length = file.metadata().map_err(refuse)?.len();
        let read = Arc::new(AtomicU64::new(0));
        let mut file = BufReader::with_capacity(BUFFER, Counted(file, read.clone()));
        let mut start = Vec::new();
        (&mut file)
            .take(START)
            .read_to_end(&mut start)
            .map_err(refuse)?;
        let whole = io::Cursor::new(start.clone()).chain(file);
        let (reader, packed, ratio): (Box<dyn Read + Send>, _, _) = if start.starts_with(GZIP) {
            let unpacked = MultiGzDecoder::new(whole);
            (
                Box::new(BufReader::with_capacity(BUFFER, unpacked)),
                Some("gzip"),
                DEFLATE_RATIO,
            )
        } else if start.starts_with(ZSTD) {
            // Zstandard has no least size; its window, and so the memory, has a greatest one.
            let unpacked = zstd::Decoder::with_buffer(BufReader::with_capacity(BUFFER, whole));
            (
                Box::new(unpacked.map_err(refuse)?),
                Some("Zstandard"),
                u64::MAX,
            )
        } else {
            (Box::new(whole), None, 1)
        };
        Ok(Self {
            path: path.to_path_buf(),
            reader,
            packed,
            start,
            length,
            read,
            limit: length.saturating_mul(ratio),
        })
    }

    /// Opens `path` as it is, packed or not.
    pub(crate) fn open_plain(path: &Path) -> Result<Self, Error> {
        let refuse = |source| Error::Read {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(refuse)?;
        let length = file.metadata().map_err(refuse)?.len();
        let read = Arc::new(AtomicU64::new(0));
        Ok(Self {
            path: path.to_path_buf(),
            reader: Box::new(Counted(file, read.clone())),
            packed: None,
            start: Vec::new(),
            length,
            read,
            limit: length,
        })
    }

    /// The share of the file's bytes that have been read, 0 … 1; 0 where its length is unknown.
    pub(crate) fn done(&self) -> f64 {
        let read = self.read.load(Ordering::Relaxed).min(self.length);
        read as f64 / self.length.max(1) as f64
    }

    /// Reads some of what is to come into `bytes`; 0 bytes only at the end.
    pub(crate) fn read_some(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        loop {
            match self.reader.read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(|error| self.failure(error)),
            }
        }
    }

    /// Checksum of all that is still to come.
    pub(crate) fn digest<D: Digest>(mut self) -> Result<String, Error> {
        let mut digest = D::new();
        let mut piece = vec![0; 1 << 16];
        loop {
            match self.read_some(&mut piece)? {
                0 => return Ok(hexadecimal(&digest.finalize())),
                count => digest.update(&piece[..count]),
            }
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

fn failure(path: &Path, packed: Option<&'static str>, source: io::Error) -> Error {
    let path = path.to_path_buf();
    match packed {
        Some(format) => Error::Packed {
            path,
            format,
            source,
        },
        None => Error::Read { path, source },
    }
}

/// A file that counts the bytes read of it.
struct Counted(File, Arc<AtomicU64>);

impl Read for Counted {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(bytes)?;
        self.1.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
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
