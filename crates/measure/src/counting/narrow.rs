//! Counting states of one 64-bit word, without labels.
//!
//! A state is first mixed by a bijection, so that every pattern of states spreads evenly, and stays
//! mixed until somebody asks for it. Each thread counts what repeats soon in a small cache and sorts
//! the rest into partitions by the first bits ([`router`]); in the end each partition is cut further,
//! until the table of a piece fits the processor's cache, and counted ([`table`]).

mod router;
mod table;

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use resrel_kernels::Workers;

use super::partitions::{PARTITION_BITS, PARTITIONS, Partitioned, Task, Unit};
use super::streams::{SpillFile, Stream};
use super::tally::Tally;
use crate::Error;
use router::{Router, most_slots};
use table::{Bench, PIECE, Table};

/// Entries that are gone through at once without a branch on each.
const TOGETHER: usize = 256;

/// States of one word, sorted into partitions.
pub(super) struct Narrow {
    partitions: Vec<Mutex<Partition>>,
    routers: Mutex<Vec<Router>>,
    benches: Mutex<Vec<Bench>>,
    /// Slots of a thread's cache at most.
    most_slots: usize,
    held: AtomicU64,
}

/// What has reached a partition: states seen once, and pairs of a state and a count.
#[derive(Default)]
struct Partition {
    singles: Stream,
    pairs: Stream,
}

impl Narrow {
    pub(super) fn new(memory: u64) -> Self {
        Self {
            most_slots: most_slots(memory),
            partitions: (0..PARTITIONS).map(|_| Mutex::default()).collect(),
            routers: Mutex::default(),
            benches: Mutex::default(),
            held: AtomicU64::new(0),
        }
    }

    /// Counts states, each once, or as often as `counts` says.
    pub(super) fn observe(&self, states: &[u64], counts: Option<&[u64]>) {
        let stash = || self.routers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut router = stash().pop().unwrap_or_else(Router::new);
        match counts {
            None => router.observe_all(states, self),
            Some(counts) => {
                for (&state, &count) in states.iter().zip(counts) {
                    router.pair(mix(state), count, self);
                }
            }
        }
        stash().push(router);
    }

    /// Empties the threads' caches into the partitions.
    pub(super) fn flush(&self, workers: &Workers) {
        let mut routers =
            std::mem::take(&mut *self.routers.lock().unwrap_or_else(PoisonError::into_inner));
        workers.for_each_chunk(&mut routers, 1, |_, routers| routers[0].flush(self));
    }

    /// Where a thread counts partitions.
    fn bench(&self) -> Bench {
        let mut benches = self.benches.lock().unwrap_or_else(PoisonError::into_inner);
        benches.pop().unwrap_or_default()
    }

    fn give_back(&self, bench: Bench) {
        let mut benches = self.benches.lock().unwrap_or_else(PoisonError::into_inner);
        benches.push(bench);
    }

    fn lock(&self, partition: usize) -> std::sync::MutexGuard<'_, Partition> {
        self.partitions[partition]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, partition: usize, words: &[u64], paired: bool) {
        let mut partition = self.lock(partition);
        let stream = if paired {
            &mut partition.pairs
        } else {
            &mut partition.singles
        };
        let allocated = stream.append(words);
        self.held.fetch_add(allocated, Ordering::Relaxed);
    }
}

impl Partitioned for Narrow {
    fn held(&self) -> u64 {
        8 * self.held.load(Ordering::Relaxed)
    }

    fn compact(&self, partition: usize) -> (u64, u64) {
        let mut partition = self.lock(partition);
        let before = partition.singles.allocated() + partition.pairs.allocated();
        let mut pairs = Vec::new();
        {
            let singles: Vec<&[u64]> = partition.singles.in_memory().collect();
            let paired: Vec<&[u64]> = partition.pairs.in_memory().collect();
            Bench::default().count(&singles, &paired, PARTITION_BITS, |table| {
                table.for_each(|state, count| pairs.extend([state, count]));
            });
        }
        partition.singles.clear_memory();
        partition.pairs.clear_memory();
        let after: u64 = pairs
            .chunks(2 * PIECE)
            .map(|piece| partition.pairs.append(piece))
            .sum();
        self.held.fetch_add(after, Ordering::Relaxed);
        self.held.fetch_sub(before, Ordering::Relaxed);
        (before, after)
    }

    fn spill(&self, partition: usize, file: &SpillFile) -> Result<(), Error> {
        let mut partition = self.lock(partition);
        let before = partition.singles.allocated() + partition.pairs.allocated();
        partition.singles.spill(file)?;
        partition.pairs.spill(file)?;
        self.held.fetch_sub(before, Ordering::Relaxed);
        Ok(())
    }

    fn bytes(&self, partition: usize) -> u64 {
        let partition = self.lock(partition);
        8 * (partition.singles.words() + partition.pairs.words())
    }

    fn count(&self, task: &Task, budget: u64, file: &SpillFile, keep: bool) -> Result<Unit, Error> {
        // Partitions that are counted together are little, and not cut.
        let skip = PARTITION_BITS + task.pass_bits;
        let partitions = task.partitions.clone();
        let partitions: Vec<_> = partitions.map(|partition| self.lock(partition)).collect();
        let mut gathered = Gathered::new(budget / 8, skip, self.bench());
        for partition in &partitions {
            for piece in partition.singles.pieces(file) {
                gathered.singles.push(select::<1>(piece?, task));
                gathered.restrain();
            }
            for piece in partition.pairs.pieces(file) {
                gathered.pairs.push(select::<2>(piece?, task));
                gathered.restrain();
            }
        }
        let (mut tally, mut entries) = (Tally::new(), Vec::new());
        gathered.count(|table| {
            table.tally(&mut tally);
            if keep {
                table.for_each(|state, count| entries.push((state, count)));
            }
        });
        self.give_back(gathered.bench);
        entries.sort_unstable();
        let mut unit = Unit::new(tally);
        for (state, count) in entries {
            unit.keep(&[unmix(state)], None, count);
        }
        Ok(unit)
    }
}

/// The entries of `WIDTH` words whose first a task takes.
fn select<'a, const WIDTH: usize>(words: Cow<'a, [u64]>, task: &Task) -> Cow<'a, [u64]> {
    if task.pass_bits == 0 {
        return words;
    }
    let entries = words.as_chunks::<WIDTH>().0.iter();
    let selected: Vec<[u64; WIDTH]> = entries
        .filter(|entry| task.takes(entry[0]))
        .copied()
        .collect();
    Cow::Owned(selected.into_flattened())
}

/// The entries of a partition, or of a pass over it, in bounded memory.
struct Gathered<'a> {
    singles: Vec<Cow<'a, [u64]>>,
    pairs: Vec<Cow<'a, [u64]>>,
    /// How many words there may be before equal states are put together.
    limit: u64,
    /// Leading bits that all states have in common.
    skip: u32,
    bench: Bench,
}

impl Gathered<'_> {
    fn new(limit: u64, skip: u32, bench: Bench) -> Self {
        Self {
            singles: Vec::new(),
            pairs: Vec::new(),
            limit,
            skip,
            bench,
        }
    }

    /// Passes are cut by the number of entries as if all differed. Only where one state fills a pass
    /// on its own can that be wrong, and then counting what there is so far makes it small.
    fn restrain(&mut self) {
        let pieces = self.singles.iter().chain(&self.pairs);
        if pieces.map(|piece| piece.len() as u64).sum::<u64>() > self.limit {
            let mut pairs = Vec::new();
            self.count(|table| table.for_each(|state, count| pairs.extend([state, count])));
            self.limit = self.limit.max(2 * pairs.len() as u64);
            self.singles.clear();
            self.pairs = vec![Cow::Owned(pairs)];
        }
    }

    /// Hands all states, table by table, to `see`.
    fn count(&mut self, see: impl FnMut(&Table)) {
        let singles: Vec<&[u64]> = self.singles.iter().map(|piece| &**piece).collect();
        let pairs: Vec<&[u64]> = self.pairs.iter().map(|piece| &**piece).collect();
        self.bench.count(&singles, &pairs, self.skip, see);
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014, after Stafford): a bijection of 64 bits in
/// which every bit of the input changes half of the output.
#[inline]
fn mix(mut x: u64) -> u64 {
    x = (x ^ x >> 30).wrapping_mul(FIRST);
    x = (x ^ x >> 27).wrapping_mul(SECOND);
    x ^ x >> 31
}

/// The state whose mixed form is given.
#[cfg(test)]
pub(super) fn state_of(mixed: u64) -> u64 {
    unmix(mixed)
}

/// The state that [`mix`] made `x` of.
fn unmix(mut x: u64) -> u64 {
    x = (x ^ x >> 31 ^ x >> 62).wrapping_mul(inverse(SECOND));
    x = (x ^ x >> 27 ^ x >> 54).wrapping_mul(inverse(FIRST));
    x ^ x >> 30 ^ x >> 60
}

const FIRST: u64 = 0xbf58_476d_1ce4_e5b9;
const SECOND: u64 = 0x94d0_49bb_1331_11eb;

/// The inverse of an odd number modulo 2⁶⁴, by Newton's iteration, which doubles the right bits.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut bits = 3;
    while bits < 64 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        bits *= 2;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn mixing_is_undone(state: u64) {
            prop_assert_eq!(unmix(mix(state)), state);
        }
    }
}
