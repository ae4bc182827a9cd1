//! Counting states of any kind and number in bounded memory.

mod narrow;
mod partitions;
mod streams;
mod tally;
mod wide;

use std::collections::BTreeMap;
use std::path::PathBuf;

use resrel_kernels::Workers;

use crate::{Error, Spectrum};
use narrow::Narrow;
use partitions::{PARTITIONS, Partitioned, tasks};
use streams::SpillFile;
use wide::{Records, Wide};

/// Memory that the partitions' and threads' buffers may take before the first state is counted,
/// with room to finish in.
const LEAST_MEMORY: u64 = 64 << 20;
/// Observations that are handed to the threads at once, and words of their states.
const ROUND_ROWS: usize = 1 << 20;
const ROUND_WORDS: usize = 1 << 21;
/// A round is cut into so many blocks for the threads at most: none of less than what is worth waking one
/// for, as many states of one word.
const BLOCKS_PER_ROUND: usize = 16;
const LEAST_BLOCK: usize = 1 << 14;
/// What a state of other kinds takes at least, as so many of those.
const WIDE: usize = 8;

/// What the states to be counted are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateShape {
    /// Each a number of 64-bit words: whole numbers (one word) or packed bits.
    Words(usize),
    /// Strings of bytes.
    Texts,
}

/// Observed states, one after the other.
#[derive(Debug, Clone, Copy)]
pub enum States<'a> {
    /// The words of all states.
    Words(&'a [u64]),
    /// The bytes of all states, and where each ends.
    Texts {
        /// The bytes.
        bytes: &'a [u8],
        /// Where each state ends.
        ends: &'a [usize],
    },
}

/// Observations to be counted.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The states.
    pub states: States<'a>,
    /// A label for each, where the counter takes labels.
    pub labels: Option<&'a [u32]>,
    /// How often each was observed, at least once; `None` for once.
    pub counts: Option<&'a [u64]>,
    /// Rows, ascending, whose state is missing. They share one state of their own, which is unlike
    /// any other.
    pub missing: &'a [usize],
}

/// A state that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State<'a> {
    /// Its words.
    Words(&'a [u64]),
    /// Its bytes.
    Text(&'a [u8]),
    /// None: the state of observations whose state is missing.
    Missing,
}

/// What was counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// How many states m_k have each frequency k.
    pub spectrum: Spectrum,
    /// Fraction of observations whose label is not the majority label of their state; `None` without
    /// labels.
    pub classification_error: Option<f64>,
    /// Bytes that did not fit into memory and went to disk.
    pub spilled: u64,
}

/// What looks at every state once all is counted: state, label (where there are labels) and how
/// often they were observed together.
pub type Visit<'a> = &'a mut dyn FnMut(State<'_>, Option<u32>, u64);

/// Exact counts of states of any kind and number, in memory that is bounded by a limit: what does
/// not fit goes to a temporary file and is counted in the end, piece by piece. The result is the same
/// for every limit, every number of threads, and every way of cutting the observations into batches.
///
/// Few distinct states are counted as they come, at the speed of memory; many are first sorted into
/// partitions by their hash. [`StateCounts`](crate::StateCounts) is the table for what fits into
/// memory anyway and needs each observation's state number.
///
/// ```
/// use resrel_kernels::Workers;
/// use resrel_measure::{Batch, Counter, StateShape, States};
///
/// let workers = Workers::new(2)?;
/// let mut counter = Counter::new(StateShape::Words(1), false, 2 << 30, std::env::temp_dir())?;
/// counter.observe(
///     &Batch { states: States::Words(&[7, 3, 7, 7]), labels: None, counts: None, missing: &[] },
///     &workers,
/// )?;
/// let counted = counter.finish(&workers, &|_| {}, None)?;
/// assert_eq!(counted.spectrum.pairs(), [(1, 1), (3, 1)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Counter {
    shape: StateShape,
    labelled: bool,
    memory: u64,
    engine: Engine,
    file: SpillFile,
    observations: u64,
    missing: BTreeMap<Option<u32>, u64>,
}

enum Engine {
    Narrow(Narrow),
    Wide(Wide),
}

impl Counter {
    /// A counter of states of one shape, with a label each or without, in about `memory` bytes of
    /// memory; what does not fit goes to a file in `folder`, which disappears by itself.
    ///
    /// # Errors
    /// [`Error::Memory`] if `memory` is below 64 MiB.
    ///
    /// # Panics
    /// If a state has 0 words.
    pub fn new(
        shape: StateShape,
        labelled: bool,
        memory: u64,
        folder: PathBuf,
    ) -> Result<Self, Error> {
        if memory < LEAST_MEMORY {
            return Err(Error::Memory {
                given: memory,
                least: LEAST_MEMORY >> 20,
            });
        }
        Ok(Self::unchecked(shape, labelled, memory, folder))
    }

    fn unchecked(shape: StateShape, labelled: bool, memory: u64, folder: PathBuf) -> Self {
        assert_ne!(shape, StateShape::Words(0), "a state has at least one word");
        Self {
            shape,
            labelled,
            memory,
            engine: if shape == StateShape::Words(1) && !labelled {
                Engine::Narrow(Narrow::new(memory))
            } else {
                Engine::Wide(Wide::new(labelled))
            },
            file: SpillFile::new(folder),
            observations: 0,
            missing: BTreeMap::new(),
        }
    }

    /// Whether observations have labels.
    #[must_use]
    pub fn labelled(&self) -> bool {
        self.labelled
    }

    /// Counts observations.
    ///
    /// # Errors
    /// [`Error::Spill`] if the temporary file cannot be written, [`Error::TooManyObservations`] if
    /// their number does not fit 64 bits, [`Error::ZeroFrequency`] for an observation that was
    /// observed 0 times. The counter is of no use then.
    ///
    /// # Panics
    /// If the states have not the counter's shape, or labels or counts are not as many as states.
    pub fn observe(&mut self, batch: &Batch<'_>, workers: &Workers) -> Result<(), Error> {
        let (rows, width) = self.check(batch);
        let more = match batch.counts {
            None => Some(rows as u64),
            Some(counts) => {
                if let Some(place) = counts.iter().position(|&count| count == 0) {
                    return Err(Error::ZeroFrequency { place });
                }
                let mut counts = counts.iter();
                counts.try_fold(0_u64, |sum, &count| sum.checked_add(count))
            }
        };
        self.observations = more
            .and_then(|more| self.observations.checked_add(more))
            .ok_or(Error::TooManyObservations)?;
        for &row in batch.missing {
            let label = batch.labels.map(|labels| labels[row]);
            let count = batch.counts.map_or(1, |counts| counts[row]);
            *self.missing.entry(label).or_insert(0) += count;
        }
        let round = (ROUND_WORDS / width.max(1)).clamp(1, ROUND_ROWS);
        let each = match self.engine {
            Engine::Narrow(_) => 1,
            Engine::Wide(_) => WIDE + width,
        };
        let least = LEAST_BLOCK.div_ceil(each);
        for first in (0..rows).step_by(round) {
            let last = rows.min(first + round);
            let block = (last - first).div_ceil(BLOCKS_PER_ROUND).max(least);
            workers.for_each((last - first).div_ceil(block), |index| {
                let start = first + index * block;
                self.observe_block(batch, start, last.min(start + block));
            });
            self.relieve(workers)?;
        }
        Ok(())
    }

    /// Counts the batch's rows from `start` to before `end`, but for those that are missing.
    fn observe_block(&self, batch: &Batch<'_>, mut start: usize, end: usize) {
        let first_missing = batch.missing.partition_point(|&row| row < start);
        let missing = batch.missing[first_missing..].iter().copied();
        for gap in missing.take_while(|&row| row < end).chain([end]) {
            if start < gap {
                self.observe_run(batch, start, gap);
            }
            start = gap + 1;
        }
    }

    fn observe_run(&self, batch: &Batch<'_>, start: usize, end: usize) {
        let rows = start..end;
        let counts = batch.counts.map(|counts| &counts[rows.clone()]);
        let wide = match &self.engine {
            Engine::Narrow(narrow) => {
                let States::Words(words) = batch.states else {
                    unreachable!("checked with the batch");
                };
                return narrow.observe(&words[rows], counts);
            }
            Engine::Wide(wide) => wide,
        };
        let label = |row: usize| batch.labels.map(|labels| labels[row]);
        let count = |row: usize| batch.counts.map_or(1, |counts| counts[row]);
        wide.observe(|records: &mut Records| match (batch.states, self.shape) {
            (States::Words(words), StateShape::Words(width)) => {
                for row in rows {
                    let state = &words[row * width..(row + 1) * width];
                    records.add(label(row), state, count(row));
                }
            }
            (States::Texts { bytes, ends }, _) => {
                let mut state = Vec::new();
                for row in rows {
                    let from = row.checked_sub(1).map_or(0, |before| ends[before]);
                    text_to_words(&bytes[from..ends[row]], &mut state);
                    records.add(label(row), &state, count(row));
                }
            }
            _ => unreachable!("checked with the batch"),
        });
    }

    /// Rows of the batch, and words of a row.
    fn check(&self, batch: &Batch<'_>) -> (usize, usize) {
        let (rows, width) = match (batch.states, self.shape) {
            (States::Words(words), StateShape::Words(width)) => {
                assert_eq!(words.len() % width, 0, "words divide into whole states");
                (words.len() / width, width)
            }
            (States::Texts { bytes, ends }, StateShape::Texts) => {
                (ends.len(), bytes.len() / 8 / ends.len().max(1))
            }
            _ => panic!("the states have the counter's shape"),
        };
        assert_eq!(batch.labels.is_some(), self.labelled, "labels as announced");
        let lengths = [batch.labels.map(<[_]>::len), batch.counts.map(<[_]>::len)];
        assert!(
            lengths.iter().flatten().all(|&length| length == rows),
            "labels and counts are as many as states"
        );
        (rows, width)
    }

    fn partitioned(&self) -> &(dyn Partitioned + Sync) {
        match &self.engine {
            Engine::Narrow(narrow) => narrow,
            Engine::Wide(wide) => wide,
        }
    }

    /// Makes room once half of the memory is in use; the other half is for counting in the end.
    fn relieve(&self, workers: &Workers) -> Result<(), Error> {
        let engine = self.partitioned();
        if engine.held() <= self.memory / 2 {
            return Ok(());
        }
        // What repeats itself becomes small when it is counted. Hashes are spread evenly, so one
        // partition tells for all.
        let (before, after) = engine.compact(0);
        if 2 * after < before {
            workers.for_each(PARTITIONS - 1, |partition| {
                engine.compact(partition + 1);
            });
        }
        if engine.held() > self.memory / 4 {
            for partition in 0..PARTITIONS {
                engine.spill(partition, &self.file)?;
            }
        }
        Ok(())
    }

    /// The result. `progress` hears the share that is done, 0 … 1. `visit` sees every state with its
    /// label and count, in an order that depends on nothing but the states; the missing one last.
    ///
    /// # Errors
    /// [`Error::Empty`] if nothing was observed, [`Error::Spill`] if the temporary file cannot be
    /// read.
    pub fn finish(
        self,
        workers: &Workers,
        progress: &(dyn Fn(f64) + Sync),
        mut visit: Option<Visit<'_>>,
    ) -> Result<Counted, Error> {
        if let Engine::Narrow(narrow) = &self.engine {
            narrow.flush(workers);
        }
        let engine = self.partitioned();
        let threads = workers.threads().max(1);
        let budget = self.memory / 2 / threads as u64;
        let tasks = tasks(engine, budget);
        let mut pairs = Vec::new();
        let mut majority: u64 = self.missing.values().copied().max().unwrap_or(0);
        // Few at a time where their states are kept until they have been looked at.
        let keep = visit.is_some();
        let at_once = if keep { threads } else { 16 * threads };
        for (done, group) in tasks.chunks(at_once).enumerate() {
            let units = workers.map(group.len(), |index| {
                engine.count(&group[index], budget, &self.file, keep)
            });
            for unit in units {
                let unit = unit?;
                pairs.extend_from_slice(&unit.pairs);
                majority += unit.majority;
                if let Some(visit) = &mut visit {
                    unit.visit(self.shape, visit);
                }
            }
            progress(((done + 1) * at_once).min(tasks.len()) as f64 / tasks.len() as f64);
        }
        if let Some(visit) = &mut visit {
            for (&label, &count) in &self.missing {
                visit(State::Missing, label, count);
            }
        }
        if !self.missing.is_empty() {
            pairs.push((self.missing.values().sum(), 1));
        }
        let wrong = self.observations - majority.min(self.observations);
        Ok(Counted {
            spectrum: Spectrum::from_pairs(pairs)?,
            classification_error: self
                .labelled
                .then(|| wrong as f64 / self.observations as f64),
            spilled: self.file.bytes(),
        })
    }
}

/// The byte that ends a text, before it is filled up with zeros to whole words: texts of different
/// lengths differ.
const END: u8 = 1;

fn text_to_words(text: &[u8], words: &mut Vec<u64>) {
    words.clear();
    let (whole, rest) = text.as_chunks::<8>();
    words.extend(whole.iter().map(|&bytes| u64::from_le_bytes(bytes)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = END;
    words.push(u64::from_le_bytes(last));
}

fn words_to_text<'a>(words: &[u64], bytes: &'a mut Vec<u8>) -> &'a [u8] {
    bytes.clear();
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    let end = bytes.iter().rposition(|&byte| byte == END).unwrap_or(0);
    &bytes[..end]
}

#[cfg(test)]
mod tests;
