//! Words sorted into partitions: in memory up to a limit, on disk beyond it.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::Error;

/// Words that a stream allocates at first, and at a time at most.
const FIRST: usize = 64;
const CHUNK: usize = 2048;

/// One partition's words, in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Stream {
    chunks: Vec<Vec<u64>>,
    /// Where earlier words lie on the disk.
    segments: Vec<Segment>,
}

impl Stream {
    /// Appends words that stay together, and returns how many words of memory that took.
    pub(super) fn append(&mut self, words: &[u64]) -> u64 {
        if let Some(chunk) = self.chunks.last_mut()
            && chunk.capacity() - chunk.len() >= words.len()
        {
            chunk.extend_from_slice(words);
            return 0;
        }
        let last = self.chunks.last().map_or(0, Vec::capacity);
        let length = (2 * last).clamp(FIRST, CHUNK);
        let mut chunk = Vec::with_capacity(length.max(words.len()));
        chunk.extend_from_slice(words);
        let allocated = chunk.capacity() as u64;
        self.chunks.push(chunk);
        allocated
    }

    /// Words in memory and on the disk.
    pub(super) fn words(&self) -> u64 {
        let in_memory: usize = self.chunks.iter().map(Vec::len).sum();
        let on_disk: u64 = self.segments.iter().map(|segment| segment.words).sum();
        in_memory as u64 + on_disk
    }

    /// Words that those in memory occupy.
    pub(super) fn allocated(&self) -> u64 {
        self.chunks.iter().map(|c| c.capacity() as u64).sum()
    }

    /// All words, piece by piece. A piece never ends within what was appended at once.
    pub(super) fn pieces<'a>(
        &'a self,
        file: &'a SpillFile,
    ) -> impl Iterator<Item = Result<Cow<'a, [u64]>, Error>> {
        let on_disk = self.segments.iter();
        let on_disk = on_disk.map(|segment| file.read(segment).map(Cow::Owned));
        on_disk.chain(self.in_memory().map(|piece| Ok(Cow::Borrowed(piece))))
    }

    /// The pieces in memory.
    pub(super) fn in_memory(&self) -> impl Iterator<Item = &[u64]> {
        self.chunks.iter().map(Vec::as_slice)
    }

    /// Drops what lies in memory.
    pub(super) fn clear_memory(&mut self) {
        self.chunks = Vec::new();
    }

    /// Moves what lies in memory to the disk.
    pub(super) fn spill(&mut self, file: &SpillFile) -> Result<(), Error> {
        // Pieces of a few megabytes, so that reading one back takes little memory.
        const SEGMENT: usize = 1 << 19;
        let mut chunks = &self.chunks[..];
        while !chunks.is_empty() {
            let mut words = 0;
            let fitting = chunks.iter().take_while(|chunk| {
                words += chunk.len();
                words <= SEGMENT
            });
            let (now, later) = chunks.split_at(fitting.count().max(1));
            self.segments.push(file.write(now)?);
            chunks = later;
        }
        self.clear_memory();
        Ok(())
    }
}

/// A piece of the spill file.
#[derive(Debug)]
pub(super) struct Segment {
    start: u64,
    words: u64,
}

/// A nameless temporary file, made when it is first needed: nothing stays of it, however the program
/// ends.
#[derive(Debug)]
pub(super) struct SpillFile {
    folder: PathBuf,
    file: Mutex<Option<File>>,
    bytes: AtomicU64,
}

impl SpillFile {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            file: Mutex::new(None),
            bytes: AtomicU64::new(0),
        }
    }

    /// Bytes written.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn write(&self, pieces: &[Vec<u64>]) -> Result<Segment, Error> {
        let mut slot = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *slot {
            Some(file) => file,
            none => none.insert(
                tempfile::tempfile_in(&self.folder).map_err(|problem| self.failed(&problem))?,
            ),
        };
        let start = self.bytes();
        let mut words = 0;
        file.seek(SeekFrom::Start(start))
            .map_err(|problem| self.failed(&problem))?;
        for piece in pieces {
            file.write_all(bytemuck::cast_slice(piece))
                .map_err(|problem| self.failed(&problem))?;
            words += piece.len() as u64;
        }
        self.bytes.store(start + 8 * words, Ordering::Relaxed);
        Ok(Segment { start, words })
    }

    fn read(&self, segment: &Segment) -> Result<Vec<u64>, Error> {
        let mut words = vec![0_u64; segment.words as usize];
        let mut slot = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = slot.as_mut().expect("a segment lies in a file");
        file.seek(SeekFrom::Start(segment.start))
            .and_then(|_| file.read_exact(bytemuck::cast_slice_mut(&mut words)))
            .map_err(|problem| self.failed(&problem))?;
        Ok(words)
    }

    fn failed(&self, problem: &std::io::Error) -> Error {
        Error::Spill {
            folder: self.folder.display().to_string(),
            problem: problem.to_string(),
        }
    }
}
