//! Lines of a text of any length, in bounded memory.

use std::ops::Range;

use super::BYTES_PER_CHUNK;
use crate::Error;
use crate::files::Source;

/// Bytes read at a time.
const BLOCK: usize = 1 << 18;
/// Mark that some programs put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A text, line by line.
pub(super) struct Lines {
    pub(super) source: Source,
    buffer: Vec<u8>,
    /// The first byte not yet handed out.
    next: usize,
    /// Number of the line handed out last, from 1.
    pub(super) number: usize,
    ended: bool,
}

impl Lines {
    /// Reads the beginning of a text.
    pub(super) fn new(source: Source) -> Result<Self, Error> {
        let mut lines = Self {
            source,
            buffer: Vec::with_capacity(2 * BLOCK),
            next: 0,
            number: 0,
            ended: false,
        };
        lines.refill()?;
        if lines.buffer.contains(&0) {
            let path = lines.source.path.clone();
            return Err(Error::NotText { path });
        }
        if lines.buffer.starts_with(BYTE_ORDER_MARK) {
            lines.next = BYTE_ORDER_MARK.len();
        }
        Ok(lines)
    }

    /// Place of the next line, without its end; `None` after the last.
    pub(super) fn next_line(&mut self) -> Result<Option<Range<usize>>, Error> {
        let mut searched = 0;
        let (line, next) = loop {
            let rest = &self.buffer[self.next..];
            if let Some(length) = memchr::memchr(b'\n', &rest[searched..]) {
                let end = self.next + searched + length;
                break (self.next..end, end + 1);
            }
            searched = rest.len();
            if self.ended {
                if rest.is_empty() {
                    return Ok(None);
                }
                let end = self.buffer.len();
                break (self.next..end, end);
            }
            self.check_length(searched, self.number + 1)?;
            self.refill()?;
        };
        self.next = next;
        self.number += 1;
        let end = line.end - usize::from(self.buffer[line.clone()].ends_with(b"\r"));
        Ok(Some(line.start..end))
    }

    /// The bytes at a place that was handed out last.
    pub(super) fn bytes(&self, place: Range<usize>) -> &[u8] {
        &self.buffer[place]
    }

    /// Goes back to the beginning of the line handed out last.
    pub(super) fn back_to(&mut self, line: &Range<usize>) {
        self.next = line.start;
        self.number -= 1;
    }

    /// All bytes at hand that have not been handed out; empty at the end of the text.
    pub(super) fn rest(&mut self) -> Result<&[u8], Error> {
        while self.next == self.buffer.len() && !self.ended {
            self.refill()?;
        }
        Ok(&self.buffer[self.next..])
    }

    /// Hands out the first `count` bytes of the rest.
    pub(super) fn consume(&mut self, count: usize) {
        let taken = &self.buffer[self.next..self.next + count];
        self.number += memchr::memchr_iter(b'\n', taken).count();
        self.next += count;
    }

    /// Refuses a line of more bytes than a state may have.
    pub(super) fn check_length(&self, bytes: usize, line: usize) -> Result<(), Error> {
        if bytes <= BYTES_PER_CHUNK {
            return Ok(());
        }
        Err(Error::TooLong {
            path: self.source.path.clone(),
            line,
            limit: BYTES_PER_CHUNK,
        })
    }

    /// Reads another block behind what has not been handed out.
    fn refill(&mut self) -> Result<(), Error> {
        self.buffer.drain(..self.next);
        self.next = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + BLOCK, 0);
        let count = self.source.read_some(&mut self.buffer[kept..])?;
        self.buffer.truncate(kept + count);
        self.ended = count == 0;
        Ok(())
    }
}
