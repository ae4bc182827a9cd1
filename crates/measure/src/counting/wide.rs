//! Counting states of any length, and states with labels.
//!
//! Each block of observations is counted on its own; the distinct ones go to partitions by the first
//! bits of their hash, as records: the state's length and count in one word (a count of 0: it did not
//! fit, and stands in a word of its own), the label if there are labels, the state's words.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::partitions::{PARTITION_BITS, PARTITIONS, Partitioned, Task, Unit};
use super::streams::{SpillFile, Stream};
use super::tally::Tally;
use crate::Error;
use crate::counts::hash;

/// States of any length, sorted into partitions.
pub(super) struct Wide {
    labelled: bool,
    partitions: Vec<Mutex<Stream>>,
    stash: Mutex<Vec<Records>>,
    held: AtomicU64,
}

impl Wide {
    pub(super) fn new(labelled: bool) -> Self {
        Self {
            labelled,
            partitions: (0..PARTITIONS).map(|_| Mutex::default()).collect(),
            stash: Mutex::default(),
            held: AtomicU64::new(0),
        }
    }

    /// Counts a block of states: `fill` adds each to the table that it is given.
    pub(super) fn observe(&self, fill: impl FnOnce(&mut Records)) {
        let stash = || self.stash.lock().unwrap_or_else(PoisonError::into_inner);
        let mut records = stash().pop().unwrap_or_else(|| Records::new(self.labelled));
        fill(&mut records);
        records.drain_into(|partition, record| {
            let allocated = self.lock(partition).append(record);
            self.held.fetch_add(allocated, Ordering::Relaxed);
        });
        stash().push(records);
    }

    fn lock(&self, partition: usize) -> std::sync::MutexGuard<'_, Stream> {
        self.partitions[partition]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Partitioned for Wide {
    fn held(&self) -> u64 {
        8 * self.held.load(Ordering::Relaxed)
    }

    fn compact(&self, partition: usize) -> (u64, u64) {
        let mut stream = self.lock(partition);
        let before = stream.allocated();
        let mut records = Records::new(self.labelled);
        for piece in stream.in_memory() {
            records.parse(piece, |_| true);
        }
        stream.clear_memory();
        let mut after = 0;
        records.drain_into(|_, record| after += stream.append(record));
        self.held.fetch_add(after, Ordering::Relaxed);
        self.held.fetch_sub(before, Ordering::Relaxed);
        (before, after)
    }

    fn spill(&self, partition: usize, file: &SpillFile) -> Result<(), Error> {
        let mut stream = self.lock(partition);
        let before = stream.allocated();
        stream.spill(file)?;
        self.held.fetch_sub(before, Ordering::Relaxed);
        Ok(())
    }

    fn bytes(&self, partition: usize) -> u64 {
        8 * self.lock(partition).words()
    }

    fn count(
        &self,
        task: &Task,
        _budget: u64,
        file: &SpillFile,
        keep: bool,
    ) -> Result<Unit, Error> {
        let mut records = Records::new(self.labelled);
        for partition in task.partitions.clone() {
            for piece in self.lock(partition).pieces(file) {
                records.parse(&piece?, |hash| task.takes(hash));
            }
        }
        Ok(records.into_unit(keep))
    }
}

/// Distinct states, or pairs of a label and a state, and how often each was seen.
pub(super) struct Records {
    labelled: bool,
    /// The label, if there are labels, and the words of each record.
    arena: Vec<u64>,
    /// Where each record ends in the arena.
    ends: Vec<usize>,
    /// The hash of each record's state.
    hashes: Vec<u64>,
    counts: Vec<u64>,
    table: HashTable<usize>,
    /// A record while it is put together.
    record: Vec<u64>,
}

impl Records {
    fn new(labelled: bool) -> Self {
        Self {
            labelled,
            arena: Vec::new(),
            ends: Vec::new(),
            hashes: Vec::new(),
            counts: Vec::new(),
            table: HashTable::new(),
            record: Vec::new(),
        }
    }

    /// Counts a state `count` times.
    #[inline]
    pub(super) fn add(&mut self, label: Option<u32>, state: &[u64], count: u64) {
        self.record.clear();
        self.record.extend(label.map(u64::from));
        self.record.extend_from_slice(state);
        let record = std::mem::take(&mut self.record);
        self.add_record(hash(state), &record, count);
        self.record = record;
    }

    #[inline]
    fn add_record(&mut self, hash: u64, record: &[u64], count: u64) {
        let labelled = self.labelled;
        // Labels of one state must not share a place in the table.
        let place = |hash: u64, record: &[u64]| {
            let label = if labelled { record[0] } else { 0 };
            hash ^ label.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        };
        let (arena, ends, hashes) = (&self.arena, &self.ends, &self.hashes);
        let stored = |index: usize| {
            let start = index.checked_sub(1).map_or(0, |before| ends[before]);
            &arena[start..ends[index]]
        };
        let entry = self.table.entry(
            place(hash, record),
            |&index| hashes[index] == hash && stored(index) == record,
            |&index| place(hashes[index], stored(index)),
        );
        match entry {
            Entry::Occupied(entry) => self.counts[*entry.get()] += count,
            Entry::Vacant(entry) => {
                entry.insert(self.ends.len());
                self.arena.extend_from_slice(record);
                self.ends.push(self.arena.len());
                self.hashes.push(hash);
                self.counts.push(count);
            }
        }
    }

    /// Adds the records of a stream whose state's hash is `mine`.
    fn parse(&mut self, mut words: &[u64], mine: impl Fn(u64) -> bool) {
        let labels = usize::from(self.labelled);
        while let [header, rest @ ..] = words {
            let (length, mut count, mut rest) =
                ((header >> 32) as usize, header & 0xffff_ffff, rest);
            if count == 0 {
                (count, rest) = (rest[0], &rest[1..]);
            }
            let record;
            (record, words) = rest.split_at(labels + length);
            let hash = hash(&record[labels..]);
            if mine(hash) {
                self.add_record(hash, record, count);
            }
        }
    }

    /// Hands out what was counted, as records with their partition, and begins anew.
    fn drain_into(&mut self, mut emit: impl FnMut(usize, &[u64])) {
        let labels = usize::from(self.labelled);
        let mut start = 0;
        for ((&end, &hash), &count) in self.ends.iter().zip(&self.hashes).zip(&self.counts) {
            let length = (end - start - labels) as u64;
            self.record.clear();
            match u32::try_from(count) {
                Ok(count) => self.record.push(length << 32 | u64::from(count)),
                Err(_) => self.record.extend([length << 32, count]),
            }
            self.record.extend_from_slice(&self.arena[start..end]);
            emit(
                (hash >> (u64::BITS - PARTITION_BITS)) as usize,
                &self.record,
            );
            start = end;
        }
        self.arena.clear();
        self.ends.clear();
        self.hashes.clear();
        self.counts.clear();
        self.table.clear();
    }

    /// The frequencies of the states, and how many observations have their state's majority label.
    fn into_unit(self, keep: bool) -> Unit {
        let labels = usize::from(self.labelled);
        let record = |index: usize| {
            let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
            self.arena[start..self.ends[index]].split_at(labels)
        };
        let mut order: Vec<usize> = (0..self.ends.len()).collect();
        // Without labels each record is a state of its own, and only somebody who looks at the
        // states cares for their order.
        if self.labelled || keep {
            order.sort_unstable_by(|&a, &b| {
                let ((label_a, a_state), (label_b, b_state)) = (record(a), record(b));
                let hashes = self.hashes[a].cmp(&self.hashes[b]);
                hashes.then_with(|| (a_state, label_a).cmp(&(b_state, label_b)))
            });
        }
        let mut tally = Tally::new();
        let mut majority = 0;
        let same_state = |&a: &usize, &b: &usize| self.labelled && record(a).1 == record(b).1;
        for group in order.chunk_by(same_state) {
            let counts = || group.iter().map(|&index| self.counts[index]);
            tally.add(counts().sum(), 1);
            majority += counts().max().unwrap_or(0);
        }
        let mut unit = Unit::new(tally);
        unit.majority = majority;
        if keep {
            for index in order {
                let (label, state) = record(index);
                let label = label.first().map(|&label| label as u32);
                unit.keep(state, label, self.counts[index]);
            }
        }
        unit
    }
}
