//! Counting states of one 64-bit word, without labels.
//!
//! A state is first mixed by a bijection, so that every pattern of states spreads evenly, and stays
//! mixed until somebody asks for it. Each thread counts what repeats soon in a small cache and sorts
//! the rest into partitions by the first bits; in the end each partition is cut further, until the
//! table of a piece fits the processor's cache, and counted.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::streams::{SpillFile, Stream};
use super::tally::Tally;
use super::{PARTITION_BITS, PARTITIONS, Partitioned, Unit};
use crate::Error;

/// Slots of a thread's cache: 512 KiB, which fits a second-level cache.
const SLOTS: usize = 1 << 15;
/// How long a slot's state withstands others, in misses.
const CREDIT: u32 = 1 << 10;
/// Words that a thread collects for a partition before it takes the partition's lock.
const BUFFER: usize = 64;
/// Entries of a piece of a partition that is counted in one table.
const PIECE: usize = 1 << 13;
/// Most pieces that a partition is cut into at once, as bits.
const PIECE_BITS: u32 = 10;

/// States of one word, sorted into partitions.
pub(super) struct Narrow {
    partitions: Vec<Mutex<Partition>>,
    routers: Mutex<Vec<Router>>,
    held: AtomicU64,
}

/// What has reached a partition: states seen once, and pairs of a state and a count.
#[derive(Default)]
struct Partition {
    singles: Stream,
    pairs: Stream,
}

impl Narrow {
    pub(super) fn new() -> Self {
        Self {
            partitions: (0..PARTITIONS).map(|_| Mutex::default()).collect(),
            routers: Mutex::default(),
            held: AtomicU64::new(0),
        }
    }

    /// Counts states, each once, or as often as `counts` says.
    pub(super) fn observe(&self, states: &[u64], counts: Option<&[u64]>) {
        let stash = || self.routers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut router = stash().pop().unwrap_or_else(Router::new);
        match counts {
            None => {
                for &state in states {
                    router.observe(mix(state), self);
                }
            }
            Some(counts) => {
                for (&state, &count) in states.iter().zip(counts) {
                    router.pair(mix(state), count, self);
                }
            }
        }
        stash().push(router);
    }

    /// Empties the threads' caches into the partitions.
    pub(super) fn flush(&self) {
        let routers =
            std::mem::take(&mut *self.routers.lock().unwrap_or_else(PoisonError::into_inner));
        for mut router in routers {
            router.flush(self);
        }
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
            count(&singles, &paired, PARTITION_BITS, |state, count| {
                pairs.extend([state, count]);
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

    fn count(
        &self,
        partition: usize,
        pass: u64,
        pass_bits: u32,
        budget: u64,
        file: &SpillFile,
        keep: bool,
    ) -> Result<Unit, Error> {
        let partition = self.lock(partition);
        let skip = PARTITION_BITS + pass_bits;
        let mine = |state: u64| {
            pass_bits == 0 || state << PARTITION_BITS >> (u64::BITS - pass_bits) == pass
        };
        let mut gathered = Gathered::new(budget / 8, skip);
        for piece in partition.singles.pieces(file) {
            gathered
                .singles
                .push(select::<1>(piece?, pass_bits > 0, mine));
            gathered.restrain();
        }
        for piece in partition.pairs.pieces(file) {
            gathered
                .pairs
                .push(select::<2>(piece?, pass_bits > 0, mine));
            gathered.restrain();
        }
        let (mut tally, mut entries) = (Tally::new(), Vec::new());
        gathered.count(|state, count| {
            tally.add(count, 1);
            if keep {
                entries.push((state, count));
            }
        });
        entries.sort_unstable();
        let mut unit = Unit::new(tally);
        for (state, count) in entries {
            unit.keep(&[unmix(state)], None, count);
        }
        Ok(unit)
    }
}

/// The entries of `WIDTH` words whose first is mine; all of them unless `some`.
fn select<const WIDTH: usize>(
    words: Cow<'_, [u64]>,
    some: bool,
    mine: impl Fn(u64) -> bool,
) -> Cow<'_, [u64]> {
    if !some {
        return words;
    }
    let entries = words.as_chunks::<WIDTH>().0;
    let selected: Vec<[u64; WIDTH]> = entries.iter().filter(|e| mine(e[0])).copied().collect();
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
}

impl Gathered<'_> {
    fn new(limit: u64, skip: u32) -> Self {
        Self {
            singles: Vec::new(),
            pairs: Vec::new(),
            limit,
            skip,
        }
    }

    /// Passes are cut by the number of entries as if all differed. Only where one state fills a pass
    /// on its own can that be wrong, and then counting what there is so far makes it small.
    fn restrain(&mut self) {
        let pieces = self.singles.iter().chain(&self.pairs);
        if pieces.map(|piece| piece.len() as u64).sum::<u64>() > self.limit {
            let mut pairs = Vec::new();
            self.count(|state, count| pairs.extend([state, count]));
            self.limit = self.limit.max(2 * pairs.len() as u64);
            self.singles.clear();
            self.pairs = vec![Cow::Owned(pairs)];
        }
    }

    fn count(&self, see: impl FnMut(u64, u64)) {
        let singles: Vec<&[u64]> = self.singles.iter().map(|piece| &**piece).collect();
        let pairs: Vec<&[u64]> = self.pairs.iter().map(|piece| &**piece).collect();
        count(&singles, &pairs, self.skip, see);
    }
}

/// Hands every state of the pieces with its count to `see`: `singles` are seen once each, `pairs` as
/// often as the word after them says. The states' first `skip` bits are all the same.
fn count(singles: &[&[u64]], pairs: &[&[u64]], skip: u32, mut see: impl FnMut(u64, u64)) {
    let lengths = |pieces: &[&[u64]]| pieces.iter().map(|piece| piece.len()).sum::<usize>();
    let entries = lengths(singles) + lengths(pairs) / 2;
    // Most partitions of few observations are small, and so must be what is gone through for each.
    let mut table = Table::new(entries.min(PIECE));
    let bits = entries.div_ceil(PIECE).next_power_of_two().ilog2();
    let bits = bits.min(PIECE_BITS);
    if bits == 0 {
        singles
            .iter()
            .copied()
            .flatten()
            .for_each(|&state| table.add(state, 1));
        for piece in pairs {
            piece
                .as_chunks()
                .0
                .iter()
                .for_each(|&[state, count]| table.add(state, count));
        }
        table.drain(&mut see);
        return;
    }
    let piece = |state: u64| (state << skip >> (u64::BITS - bits)) as usize;
    let (singles, single_ends) = scatter::<1>(singles, bits, piece);
    let (pairs, pair_ends) = scatter::<2>(pairs, bits, piece);
    let (mut single, mut pair) = (0, 0);
    for (&single_end, &pair_end) in single_ends.iter().zip(&pair_ends) {
        singles[single..single_end]
            .iter()
            .for_each(|&[state]| table.add(state, 1));
        pairs[pair..pair_end]
            .iter()
            .for_each(|&[state, count]| table.add(state, count));
        (single, pair) = (single_end, pair_end);
        table.drain(&mut see);
    }
}

/// The entries of `WIDTH` words sorted by `piece` of their first word, and where each piece ends.
fn scatter<const WIDTH: usize>(
    words: &[&[u64]],
    bits: u32,
    piece: impl Fn(u64) -> usize,
) -> (Vec<[u64; WIDTH]>, Vec<usize>) {
    let entries = || words.iter().flat_map(|words| words.as_chunks::<WIDTH>().0);
    let mut ends = vec![0_usize; 1 << bits];
    for entry in entries() {
        ends[piece(entry[0])] += 1;
    }
    let mut total = 0;
    for end in &mut ends {
        // Where the piece starts; writing its entries moves it to the end.
        (*end, total) = (total, total + *end);
    }
    let mut sorted = vec![[0; WIDTH]; total];
    for entry in entries() {
        let place = &mut ends[piece(entry[0])];
        sorted[*place] = *entry;
        *place += 1;
    }
    (sorted, ends)
}

/// States and their counts, by open addressing; a count of 0 is an empty slot.
struct Table {
    slots: Vec<[u64; 2]>,
    /// How many slots there are before any growth.
    length: usize,
    filled: usize,
    gathered: Vec<[u64; 2]>,
}

impl Table {
    /// For about so many entries at a time.
    fn new(entries: usize) -> Self {
        let length = (2 * entries).next_power_of_two();
        Self {
            slots: vec![[0; 2]; length],
            length,
            filled: 0,
            gathered: Vec::new(),
        }
    }

    #[inline]
    fn add(&mut self, state: u64, count: u64) {
        let mask = self.slots.len() - 1;
        // The leading bits have chosen the piece, the last ones choose the slot.
        let mut place = state as usize;
        loop {
            let slot = &mut self.slots[place & mask];
            if slot[1] == 0 {
                *slot = [state, count];
                self.filled += 1;
                if 4 * self.filled > 3 * self.slots.len() {
                    self.grow();
                }
                return;
            }
            if slot[0] == state {
                slot[1] += count;
                return;
            }
            place += 1;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let larger = vec![[0; 2]; 2 * self.slots.len()];
        let slots = std::mem::replace(&mut self.slots, larger);
        self.filled = 0;
        for [state, count] in slots {
            if count > 0 {
                self.add(state, count);
            }
        }
    }

    /// Hands out what was counted, and begins anew.
    fn drain(&mut self, see: &mut impl FnMut(u64, u64)) {
        // Whether a slot is filled cannot be foretold: gathering the filled ones without a branch and
        // then going through them is much faster than asking each.
        self.gathered.resize(self.slots.len(), [0; 2]);
        let mut filled = 0;
        for slot in &self.slots {
            self.gathered[filled] = *slot;
            filled += usize::from(slot[1] > 0);
        }
        for &[state, count] in &self.gathered[..filled] {
            see(state, count);
        }
        if self.slots.len() > self.length {
            *self = Self::new(self.length / 2);
        } else {
            self.slots.fill([0; 2]);
            self.filled = 0;
        }
    }
}

/// A thread's cache of what it saw, and its buffers.
struct Router {
    slots: Vec<Slot>,
    singles: Buffers,
    pairs: Buffers,
}

/// A state, how often it was seen, and how many misses it withstands. A state that is seen often
/// keeps its slot against many that are seen once (a majority vote), so that it is counted here.
#[derive(Clone, Copy, Default)]
struct Slot {
    state: u64,
    count: u32,
    credit: u32,
}

impl Router {
    fn new() -> Self {
        Self {
            slots: vec![Slot::default(); SLOTS],
            singles: Buffers::new(false),
            pairs: Buffers::new(true),
        }
    }

    /// Counts a mixed state once.
    #[inline]
    fn observe(&mut self, state: u64, to: &Narrow) {
        let slot = &mut self.slots[state as usize % SLOTS];
        if slot.state == state && slot.count < u32::MAX {
            slot.count += 1;
            slot.credit = CREDIT.min(slot.credit + 1);
        } else if slot.credit > 0 {
            slot.credit -= 1;
            self.singles.push(state, &[state], to);
        } else {
            let old = std::mem::replace(
                slot,
                Slot {
                    state,
                    count: 1,
                    credit: 0,
                },
            );
            self.leave(old, to);
        }
    }

    #[inline]
    fn leave(&mut self, slot: Slot, to: &Narrow) {
        match slot.count {
            0 => {}
            1 => self.singles.push(slot.state, &[slot.state], to),
            count => self.pair(slot.state, count.into(), to),
        }
    }

    /// Counts a mixed state `count` times.
    fn pair(&mut self, state: u64, count: u64, to: &Narrow) {
        self.pairs.push(state, &[state, count], to);
    }

    fn flush(&mut self, to: &Narrow) {
        for place in 0..SLOTS {
            let slot = std::mem::take(&mut self.slots[place]);
            self.leave(slot, to);
        }
        self.singles.flush(to);
        self.pairs.flush(to);
    }
}

/// Words on their way to each partition.
struct Buffers {
    words: Vec<[u64; BUFFER]>,
    lengths: [u8; PARTITIONS],
    paired: bool,
}

impl Buffers {
    fn new(paired: bool) -> Self {
        Self {
            words: vec![[0; BUFFER]; PARTITIONS],
            lengths: [0; PARTITIONS],
            paired,
        }
    }

    #[inline]
    fn push<const WIDTH: usize>(&mut self, state: u64, entry: &[u64; WIDTH], to: &Narrow) {
        let partition = (state >> (u64::BITS - PARTITION_BITS)) as usize;
        let buffer = &mut self.words[partition];
        let length = usize::from(self.lengths[partition]);
        buffer[length..length + WIDTH].copy_from_slice(entry);
        if length + WIDTH == BUFFER {
            to.append(partition, buffer, self.paired);
            self.lengths[partition] = 0;
        } else {
            self.lengths[partition] = (length + WIDTH) as u8;
        }
    }

    fn flush(&mut self, to: &Narrow) {
        for (partition, length) in self.lengths.iter_mut().enumerate() {
            let words = &self.words[partition][..usize::from(*length)];
            if !words.is_empty() {
                to.append(partition, words, self.paired);
            }
            *length = 0;
        }
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
