//! What a thread sees first: a cache for what repeats soon, and the way to the partitions for the rest.

use super::{Narrow, TOGETHER, mix};
use crate::counting::{PARTITION_BITS, PARTITIONS};

/// Slots of a thread's cache in the beginning, those that fit a processor's second-level cache (512 KiB),
/// and at most.
const FIRST_SLOTS: usize = 1 << 10;
const NEAR_SLOTS: usize = 1 << 15;
const MOST_SLOTS: usize = 1 << 17;
/// What of the memory such a cache may take beyond the near ones: there may be hundreds of threads.
const SHARE: u64 = 256;
/// How long a slot's state withstands others, in misses.
const CREDIT: u32 = 1 << 10;
/// Where fewer than one in so many of the states that are looked up together is there, so many times as many are not looked
/// up.
const UNSEEN: usize = 16;
/// Words that a thread collects for a partition before it takes the partition's lock.
const BUFFER: usize = 64;

/// Slots of a thread's cache at most.
pub(super) fn most_slots(memory: u64) -> usize {
    let most = memory / SHARE / size_of::<Slot>() as u64;
    (most as usize).clamp(NEAR_SLOTS, MOST_SLOTS)
}

/// A thread's cache of what it saw, and its buffers.
pub(super) struct Router {
    slots: Vec<Slot>,
    /// States that were looked up since the cache grew, and those of them that were not there.
    seen: usize,
    missed: usize,
    singles: Buffers,
    pairs: Buffers,
}

/// A state, how often it was seen, and how many misses it withstands, at most [`CREDIT`]. A state that
/// is seen often keeps its slot against many that are seen once (a majority vote), so that it is
/// counted here.
#[derive(Clone, Copy, Default)]
struct Slot {
    state: u64,
    count: u32,
    /// Never more than the count.
    credit: u32,
}

impl Slot {
    /// Whether a state is here and can be counted once more.
    #[inline]
    #[allow(
        clippy::needless_bitwise_bool,
        reason = "a lazy one would be a branch that cannot be foretold"
    )]
    fn holds(&self, state: u64) -> bool {
        (self.state == state) & (self.count < u32::MAX)
    }
}

impl Router {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![Slot::default(); FIRST_SLOTS],
            seen: 0,
            missed: 0,
            singles: Buffers::new(false),
            pairs: Buffers::new(true),
        }
    }

    /// Counts states, each once.
    pub(super) fn observe_all(&mut self, states: &[u64], to: &Narrow) {
        let mut missed = [0; TOGETHER];
        let (mut mostly_there, mut unseen) = (true, 0);
        for states in states.chunks(TOGETHER) {
            if unseen > 0 {
                unseen -= 1;
                for &state in states {
                    let state = mix(state);
                    self.singles.push(state, &[state], to);
                }
                continue;
            }
            let mut misses = 0;
            if mostly_there {
                // Which states are not there cannot be foretold: they are gathered without a branch.
                let last = self.slots.len() - 1;
                for &state in states {
                    let state = mix(state);
                    let slot = &mut self.slots[state as usize & last];
                    let there = slot.holds(state);
                    slot.count += u32::from(there);
                    slot.credit += u32::from(there);
                    missed[misses] = state;
                    misses += usize::from(!there);
                }
                for &state in &missed[..misses] {
                    self.observe(state, to);
                }
            } else {
                for &state in states {
                    misses += usize::from(!self.observe(mix(state), to));
                }
            }
            mostly_there = 2 * misses < states.len();
            if UNSEEN * misses > (UNSEEN - 1) * states.len() {
                unseen = UNSEEN;
            }
            self.seen += states.len();
            self.missed += misses;
            if 2 * self.missed > self.slots.len() {
                self.grow(to.most_slots);
            }
        }
    }

    /// Makes the cache larger, as long as that is near, and beyond if much of what comes is there.
    #[cold]
    fn grow(&mut self, most: usize) {
        let slots = self.slots.len();
        let pays = slots < NEAR_SLOTS || slots < most && 4 * self.missed < 3 * self.seen;
        (self.seen, self.missed) = (0, 0);
        if pays {
            let smaller = std::mem::replace(&mut self.slots, vec![Slot::default(); 2 * slots]);
            for (place, slot) in smaller.into_iter().enumerate() {
                // One more bit of a state chooses its slot, so that no two meet.
                self.slots[place + (slot.state as usize & slots)] = slot;
            }
        }
    }

    /// Counts a mixed state once; answers whether it was in the cache.
    #[inline]
    fn observe(&mut self, state: u64, to: &Narrow) -> bool {
        let last = self.slots.len() - 1;
        let slot = &mut self.slots[state as usize & last];
        let there = slot.holds(state);
        if there {
            slot.count += 1;
            slot.credit += 1;
        } else if slot.credit > 0 {
            slot.credit = CREDIT.min(slot.credit) - 1;
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
        there
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
    pub(super) fn pair(&mut self, state: u64, count: u64, to: &Narrow) {
        self.pairs.push(state, &[state, count], to);
    }

    /// Empties the cache and the buffers.
    pub(super) fn flush(&mut self, to: &Narrow) {
        let mut gathered = [Slot::default(); TOGETHER];
        for slots in std::mem::take(&mut self.slots).chunks(TOGETHER) {
            // Neither can be foretold: which slots are filled, and with what was seen once.
            let mut filled = 0;
            for slot in slots {
                gathered[filled] = *slot;
                filled += usize::from(slot.count > 0);
            }
            for slot in &gathered[..filled] {
                self.pair(slot.state, slot.count.into(), to);
            }
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
