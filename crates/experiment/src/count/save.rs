//! Counted states on their way into a file of counts.

use std::path::Path;

use resrel_data::{Column, CountsWriter, StateChunk, StateKind, Texts, Values};
use resrel_kernels::BitRows;
use resrel_measure::State;

use super::labels::LabelBook;
use crate::Error;

/// States that are written at a time, and words of theirs.
const ROWS: usize = 1 << 20;
const WORDS: usize = 1 << 21;

/// A file of counts that has been begun.
pub(super) struct Saver(CountsWriter);

impl Saver {
    pub fn create(path: &Path) -> Result<Self, Error> {
        Ok(Self(CountsWriter::create(path)?))
    }

    /// Ready for states of this kind, whole numbers beyond [`i64::MAX`] among them or not.
    pub fn of(self, kind: StateKind, unsigned: bool, book: &LabelBook) -> Saving<'_> {
        Saving {
            writer: self.0,
            kind,
            unsigned,
            book,
            words: Vec::new(),
            texts: Texts::default(),
            missing: Vec::new(),
            labels: Vec::new(),
            counts: Vec::new(),
            failed: None,
        }
    }
}

/// States that are being written.
pub(super) struct Saving<'a> {
    writer: CountsWriter,
    kind: StateKind,
    unsigned: bool,
    book: &'a LabelBook,
    words: Vec<u64>,
    texts: Texts,
    missing: Vec<usize>,
    labels: Vec<u32>,
    counts: Vec<u64>,
    /// The first error; nothing is written after it.
    failed: Option<Error>,
}

impl Saving<'_> {
    pub fn see(&mut self, state: State<'_>, label: Option<u32>, count: u64) {
        match state {
            State::Words(words) => self.words.extend_from_slice(words),
            State::Text(text) => self.texts.push(text),
            State::Missing => {
                self.missing.push(self.counts.len());
                match self.kind {
                    StateKind::Integers => self.words.push(0),
                    StateKind::Bits { units } => {
                        self.words.resize(self.words.len() + units.div_ceil(64), 0);
                    }
                    StateKind::Text => self.texts.push(&[]),
                }
            }
        }
        self.labels.extend(label);
        self.counts.push(count);
        let words = self.words.len() + self.texts.bytes().len() / 8;
        if self.counts.len() == ROWS || words >= WORDS {
            self.write();
        }
    }

    fn write(&mut self) {
        if self.counts.is_empty() || self.failed.is_some() {
            return;
        }
        let words = std::mem::take(&mut self.words);
        let values = match self.kind {
            StateKind::Integers if self.unsigned => Values::Unsigned(words),
            StateKind::Integers => Values::Integers(bytemuck::allocation::cast_vec(words)),
            StateKind::Text => Values::Text(std::mem::take(&mut self.texts)),
            StateKind::Bits { units } => {
                let mut rows = BitRows::zeros(self.counts.len(), units);
                rows.words_mut().copy_from_slice(&words);
                Values::Bits(rows)
            }
        };
        let labels = std::mem::take(&mut self.labels);
        let chunk = StateChunk {
            first_row: 0,
            states: Column {
                values,
                missing: std::mem::take(&mut self.missing),
            },
            labels: (!labels.is_empty()).then(|| self.book.restore(&labels)),
            counts: Some(std::mem::take(&mut self.counts)),
        };
        if let Err(error) = self.writer.write(&chunk) {
            self.failed = Some(error.into());
        }
    }

    pub fn finish(mut self) -> Result<(), Error> {
        self.write();
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.writer.finish()?),
        }
    }
}
