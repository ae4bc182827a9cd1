//! Arrays inside npz files: zip archives of npy files, stored or deflated.
//!
//! Source: PKWARE, "APPNOTE.TXT: .ZIP file format specification", sections 4.3 (records) and 4.5.3
//! (sizes beyond 32 bits).

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::array::{Array, ArrayReader, Body};
use super::{StateOptions, choose, refuse_options};
use crate::Error;
use crate::files::DEFLATE_RATIO;
use crate::npy::header::Header;

/// First bytes of a zip archive, and of one that holds nothing.
pub(super) const MAGIC: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// Bytes of the record that ends an archive, and of the comment that may follow it.
const END: u64 = 22;
const LONGEST_COMMENT: u64 = 0xffff;
/// Bytes of the record that points to an end with 64-bit sizes, and of such an end.
const LOCATOR: u64 = 20;
const WIDE_END: u64 = 56;
/// Bytes of a directory entry, and of the header before a member, without names.
const ENTRY: usize = 46;
const MEMBER: u64 = 30;
/// A directory of more bytes is no npz file's.
const LONGEST_DIRECTORY: u64 = 1 << 26;
/// Remedy for an archive that does not hang together.
const AGAIN: &str = "copy the file again, or write it again with numpy.savez";

/// A file of an archive.
struct Member {
    name: String,
    encrypted: bool,
    method: u16,
    checksum: u32,
    packed: u64,
    size: u64,
    /// Where its header lies.
    offset: u64,
}

/// Opens the array of an npz file that the options choose.
pub(super) fn open(path: &Path, options: &StateOptions) -> Result<ArrayReader<'static>, Error> {
    let used = [("--label-column", options.label_column.is_some())];
    refuse_options(path, &used, "an npz file")?;
    let damaged = |problem: String| Error::Header {
        path: path.to_path_buf(),
        problem,
        remedy: AGAIN,
    };
    let refuse = |source| Error::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut file = File::open(path).map_err(refuse)?;
    let length = file.metadata().map_err(refuse)?.len();
    let mut members = directory(&mut file, length).map_err(|problem| match problem {
        Problem::Read(source) if source.kind() != io::ErrorKind::UnexpectedEof => refuse(source),
        Problem::Read(_) => damaged("the archive breaks off".into()),
        Problem::Words(words) => damaged(words.into()),
    })?;
    members.retain(|member| !member.name.ends_with('/'));
    let names: Vec<&str> = members
        .iter()
        .map(|member| member.name.strip_suffix(".npy").unwrap_or(&member.name))
        .collect();
    let column = options.column.as_deref();
    let column = column.map(|name| name.strip_suffix(".npy").unwrap_or(name));
    let place = choose(path, "array", "arrays", &names, column)?;
    let member = members.swap_remove(place);

    let words = |words: &str| damaged(format!("array {:?} {words}", member.name));
    if member.encrypted {
        return Err(words("is encrypted"));
    }
    let possible = match member.method {
        0 => member.packed,
        8 => member.packed.saturating_mul(DEFLATE_RATIO),
        method => return Err(words(&format!("is packed by method {method}, not deflate"))),
    };
    if member.size > possible || member.packed > length {
        return Err(words("claims more than the file holds"));
    }
    let start = member
        .data_start(&mut file)
        .map_err(|problem| match problem {
            Problem::Read(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
                refuse(source)
            }
            _ => words("is not where the directory says"),
        })?;
    if start
        .checked_add(member.packed)
        .is_none_or(|end| end > length)
    {
        return Err(words("breaks off"));
    }
    let packed = |source| Error::Packed {
        path: path.to_path_buf(),
        format: "zip",
        source,
    };
    let mut stream = member.unpack(file.try_clone().map_err(refuse)?.take(member.packed));
    let header = Header::read(path, &mut stream)?;
    header.check_length(path, member.size)?;
    let body = if member.method == 0 && header.fortran_order {
        // Its columns are read where they lie, out of order, so its checksum is taken before.
        io::copy(&mut stream, &mut io::sink()).map_err(packed)?;
        let body = start + header.start;
        Body::File(file, body)
    } else {
        Body::Stream(stream, "zip")
    };
    ArrayReader::new(Array::of_npy(header, body), options.threshold)
}

/// What is wrong with an archive.
enum Problem {
    Read(io::Error),
    Words(&'static str),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// The members that the directory at the end of an archive lists.
fn directory(file: &mut File, length: u64) -> Result<Vec<Member>, Problem> {
    let tail_start = length.saturating_sub(END + LONGEST_COMMENT);
    let tail = read_at(file, tail_start, length - tail_start)?;
    let end = tail
        .windows(END as usize)
        .rposition(|record| record.starts_with(b"PK\x05\x06"))
        .ok_or(Problem::Words("the archive has no directory at its end"))?;
    let record = &tail[end..];
    let end = tail_start + end as u64;
    let mut count = u64::from(u16_at(record, 10));
    let mut size = u64::from(u32_at(record, 12));
    let mut start = u64::from(u32_at(record, 16));
    if let Some(locator) = end.checked_sub(LOCATOR) {
        let locator = read_at(file, locator, LOCATOR)?;
        if locator.starts_with(b"PK\x06\x07") {
            let record = read_at(file, u64_at(&locator, 8), WIDE_END)?;
            if !record.starts_with(b"PK\x06\x06") {
                return Err(Problem::Words("the archive's directory is not found"));
            }
            (count, size, start) = (
                u64_at(&record, 32),
                u64_at(&record, 40),
                u64_at(&record, 48),
            );
        }
    }
    if size > LONGEST_DIRECTORY || start.checked_add(size).is_none_or(|last| last > end) {
        return Err(Problem::Words("the archive's directory is not in the file"));
    }
    let bytes = read_at(file, start, size)?;
    let mut rest = &bytes[..];
    let mut members = Vec::new();
    while (members.len() as u64) < count {
        let (member, after) = Member::read(rest)
            .ok_or(Problem::Words("the archive's directory is not understood"))?;
        members.push(member);
        rest = after;
    }
    Ok(members)
}

impl Member {
    /// The first entry of a directory, and what follows it.
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        if bytes.len() < ENTRY || !bytes.starts_with(b"PK\x01\x02") {
            return None;
        }
        let (entry, rest) = bytes.split_at(ENTRY);
        let (name, rest) = rest.split_at_checked(u16_at(entry, 28).into())?;
        let (mut extra, rest) = rest.split_at_checked(u16_at(entry, 30).into())?;
        let (_, rest) = rest.split_at_checked(u16_at(entry, 32).into())?;
        let mut sizes = [24, 20, 42].map(|at| u64::from(u32_at(entry, at)));
        while let Some((head, after)) = extra.split_at_checked(4) {
            let (mut field, after) = after.split_at_checked(u16_at(head, 2).into())?;
            if u16_at(head, 0) == 1 {
                // Sizes of 64 bits, of those alone that 32 bits do not hold.
                for size in sizes
                    .iter_mut()
                    .filter(|size| **size == u64::from(u32::MAX))
                {
                    let (wide, after) = field.split_at_checked(8)?;
                    *size = u64_at(wide, 0);
                    field = after;
                }
            }
            extra = after;
        }
        let [size, packed, offset] = sizes;
        let member = Self {
            name: String::from_utf8_lossy(name).into_owned(),
            encrypted: u16_at(entry, 8) & 1 == 1,
            method: u16_at(entry, 10),
            checksum: u32_at(entry, 16),
            packed,
            size,
            offset,
        };
        Some((member, rest))
    }

    /// Where the member's bytes begin; the file stands there then.
    fn data_start(&self, file: &mut File) -> Result<u64, Problem> {
        let header = read_at(file, self.offset, MEMBER)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(Problem::Words("no member"));
        }
        let names = u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
        Ok(file.seek(SeekFrom::Start(self.offset + MEMBER + names))?)
    }

    /// The member's contents, their checksum compared at the end.
    fn unpack(&self, packed: io::Take<File>) -> Box<dyn Read + Send> {
        let (left, expected) = (self.size, self.checksum);
        if self.method == 0 {
            Box::new(Checked::new(packed, left, expected))
        } else {
            let packed = BufReader::with_capacity(1 << 16, packed);
            Box::new(Checked::new(DeflateDecoder::new(packed), left, expected))
        }
    }
}

/// A reader of a known number of bytes with a known checksum.
struct Checked<R> {
    inner: R,
    left: u64,
    checksum: Crc,
    expected: u32,
}

impl<R> Checked<R> {
    fn new(inner: R, left: u64, expected: u32) -> Self {
        Self {
            inner,
            left,
            checksum: Crc::new(),
            expected,
        }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let wanted = self.left.min(bytes.len() as u64) as usize;
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.inner.read(&mut bytes[..wanted])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.checksum.update(&bytes[..count]);
        self.left -= count as u64;
        if self.left == 0 && self.checksum.sum() != self.expected {
            let words = "the checksum is another";
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
        Ok(count)
    }
}

/// Bytes of a file; an error where they are not all there.
fn read_at(file: &mut File, start: u64, count: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    if file.take(count).read_to_end(&mut bytes)? as u64 == count {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
