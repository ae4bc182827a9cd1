//! Observations sorted into partitions by their hash, and what is counted of them at a time.

use std::ops::Range;

use super::streams::SpillFile;
use super::tally::Tally;
use super::{State, StateShape, Visit, words_to_text};
use crate::Error;

/// States are sorted into this many partitions by the first bits of their hash.
pub(super) const PARTITION_BITS: u32 = 8;
pub(super) const PARTITIONS: usize = 1 << PARTITION_BITS;
/// Deepest cut of a partition that is too big for memory, as bits.
const MOST_PASS_BITS: u32 = 16;
/// Bytes of partitions that are counted together, at most.
const LITTLE: u64 = 1 << 14;
/// Words of memory that counting takes for each word of a partition, at most.
const WORKING_WORDS: u64 = 4;

/// What is counted at a time: all states of some partitions, or of a single one those whose hash goes on
/// with the `pass_bits` bits `pass`.
pub(super) struct Task {
    pub(super) partitions: Range<usize>,
    pass: u64,
    pub(super) pass_bits: u32,
}

impl Task {
    /// Whether a state with this hash, of one of the partitions, is counted.
    #[inline]
    pub(super) fn takes(&self, hash: u64) -> bool {
        self.pass_bits == 0 || hash << PARTITION_BITS >> (u64::BITS - self.pass_bits) == self.pass
    }
}

/// All there is to be counted in about `budget` bytes at a time.
pub(super) fn tasks(engine: &dyn Partitioned, budget: u64) -> Vec<Task> {
    let little = LITTLE.min(budget / WORKING_WORDS);
    let mut tasks: Vec<Task> = Vec::new();
    let mut together = 0;
    for partition in 0..PARTITIONS {
        let bytes = engine.bytes(partition);
        together += bytes;
        if let Some(task) = tasks.last_mut()
            && together <= little
        {
            task.partitions.end += 1;
            continue;
        }
        together = bytes;
        let parts = (WORKING_WORDS * bytes).div_ceil(budget);
        let pass_bits = parts.max(1).next_power_of_two().ilog2().min(MOST_PASS_BITS);
        tasks.extend((0..1 << pass_bits).map(|pass| Task {
            partitions: partition..partition + 1,
            pass,
            pass_bits,
        }));
    }
    tasks
}

/// Observations sorted into partitions, of which each can be counted on its own.
pub(super) trait Partitioned {
    /// Bytes of memory in use.
    fn held(&self) -> u64;

    /// Counts what lies in memory of a partition and keeps the counts instead; words before and
    /// after.
    fn compact(&self, partition: usize) -> (u64, u64);

    /// Moves a partition from memory to the disk.
    fn spill(&self, partition: usize, file: &SpillFile) -> Result<(), Error>;

    /// Bytes of a partition, in memory and on the disk.
    fn bytes(&self, partition: usize) -> u64;

    /// Counts the states of a task in about `budget` bytes, and keeps them if they are to be looked
    /// at.
    fn count(&self, task: &Task, budget: u64, file: &SpillFile, keep: bool) -> Result<Unit, Error>;
}

/// What a partition, or a pass over it, came to.
pub(super) struct Unit {
    /// Pairs (k, m_k).
    pub(super) pairs: Vec<(u64, u64)>,
    /// Observations that have the majority label of their state.
    pub(super) majority: u64,
    /// The states one after the other, in order, if they were kept.
    words: Vec<u64>,
    kept: Vec<Kept>,
}

/// A state that was kept.
struct Kept {
    end: usize,
    label: Option<u32>,
    count: u64,
}

impl Unit {
    pub(super) fn new(tally: Tally) -> Self {
        Self {
            pairs: tally.into_pairs(),
            majority: 0,
            words: Vec::new(),
            kept: Vec::new(),
        }
    }

    pub(super) fn keep(&mut self, state: &[u64], label: Option<u32>, count: u64) {
        self.words.extend_from_slice(state);
        self.kept.push(Kept {
            end: self.words.len(),
            label,
            count,
        });
    }

    pub(super) fn visit(&self, shape: StateShape, visit: &mut Visit<'_>) {
        let (mut start, mut bytes) = (0, Vec::new());
        for kept in &self.kept {
            let words = &self.words[start..kept.end];
            start = kept.end;
            let state = match shape {
                StateShape::Words(_) => State::Words(words),
                StateShape::Texts => State::Text(words_to_text(words, &mut bytes)),
            };
            visit(state, kept.label, kept.count);
        }
    }
}
