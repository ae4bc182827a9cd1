//! What a thread sees first: a cache for what repeats soon, and the way to the partitions for the rest.

use super::{Narrow, TOGETHER, mix};
use crate::counting::BLOCKS_PER_ROUND;
use crate::counting::partitions::{PARTITION_BITS, PARTITIONS};

/// Slots of a thread's cache in the beginning, those that fit a processor's second-level cache (512 KiB),
/// and at most.
const FIRST_SLOTS: usize = 1 << 12;
const NEAR_SLOTS: usize = 1 << 15;
const MOST_SLOTS: usize = 1 << 17;
/// What of the memory a larger one than those may take: there are as many as blocks of a round.
const SHARE: u64 = 16 * BLOCKS_PER_ROUND as u64;
/// How long a slot's state withstands others, in misses.
const CREDIT: u32 = 1 << 10;
/// Fewer than one in so many are few. Where so few of the states that are looked up together are there, the
/// next are not looked up, so many times as many.
const FEW: usize = 64;
const UNSEEN: usize = 16;
/// Words that a thread collects for a partition before it takes the partition's lock.
const BUFFER: usize = 64;

/// Slots of a thread's cache at most, a power of two.
pub(super) fn most_slots(memory: u64) -> usize {
    let most = memory / SHARE / size_of::<Slot>() as u64;
    let most = (most as usize).clamp(NEAR_SLOTS, MOST_SLOTS);
    1 << most.ilog2()
}

/// A thread's cache of what it saw, and its buffers.
pub(super) struct Router {
    slots: Vec<Slot>,
    /// States that were looked up since the cache grew or might have, and those of them that were not there.
    seen: usize,
    missed: usize,
    on_the_way: OnTheWay,
}

/// A state, how often it was seen, and how many misses it withstands, at most [`CREDIT`]. A state that
/// is seen often keeps its slot against many that are seen once (a majority vote), so that it is
/// counted here.
#[derive(Clone, Copy, Default)]
struct Slot {
    state: u64,
    /// The count in the low half, and in the high one the misses that it withstands, never more: both grow at once.
    seen: u64,
}

impl Slot {
    /// What is added for a hit.
    const HIT: u64 = 1 << 32 | 1;

    /// Whether a state is here and can be counted once more.
    #[inline]
    #[allow(
        clippy::needless_bitwise_bool,
        reason = "a lazy one would be a branch that cannot be foretold"
    )]
    fn holds(self, state: u64) -> bool {
        (self.state == state) & (self.count() < u32::MAX)
    }

    /// Counts a mixed state once; answers whether it was here.
    #[inline]
    fn observe(&mut self, state: u64, on_the_way: &mut OnTheWay, to: &Narrow) -> bool {
        let there = self.holds(state);
        if there {
            self.seen += Self::HIT;
        } else {
            self.miss(state, on_the_way, to);
        }
        there
    }

    /// Counts a mixed state that is not here.
    fn miss(&mut self, state: u64, on_the_way: &mut OnTheWay, to: &Narrow) {
        if self.credit() > 0 {
            let credit = CREDIT.min(self.credit()) - 1;
            self.seen = u64::from(credit) << 32 | u64::from(self.count());
            on_the_way.single(state, to);
            return;
        }
        let old = std::mem::replace(self, Self { state, seen: 1 });
        match old.count() {
            0 => {}
            1 => on_the_way.single(old.state, to),
            count => on_the_way.pair(old.state, count.into(), to),
        }
    }

    #[inline]
    fn count(self) -> u32 {
        self.seen as u32
    }

    #[inline]
    fn credit(self) -> u32 {
        (self.seen >> 32) as u32
    }
}

impl Router {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![Slot::default(); FIRST_SLOTS],
            seen: 0,
            missed: 0,
            on_the_way: OnTheWay {
                singles: Buffers::new(false),
                pairs: Buffers::new(true),
            },
        }
    }

    /// Counts states, each once.
    pub(super) fn observe_all(&mut self, states: &[u64], to: &Narrow) {
        let mut missed = [0; TOGETHER];
        let (mut foretold, mut unseen) = (false, 0);
        for states in states.chunks(TOGETHER) {
            let (slots, on_the_way) = (&mut self.slots[..], &mut self.on_the_way);
            let last = slots.len() - 1;
            if unseen > 0 {
                unseen -= 1;
                for &state in states {
                    on_the_way.single(mix(state), to);
                }
                continue;
            }
            let mut misses = 0;
            if foretold {
                for &state in states {
                    let state = mix(state);
                    let slot = &mut slots[state as usize & last];
                    misses += usize::from(!slot.observe(state, on_the_way, to));
                }
            } else {
                // Those that are not there are gathered without a branch.
                let mut kept = 0;
                for &state in states {
                    let state = mix(state);
                    let slot = &mut slots[state as usize & last];
                    let there = slot.holds(state);
                    slot.seen += u64::from(there) * Slot::HIT;
                    missed[kept] = state;
                    kept += usize::from(!there);
                }
                // What comes again among them is there by now.
                for &state in &missed[..kept] {
                    let slot = &mut slots[state as usize & last];
                    misses += usize::from(!slot.observe(state, on_the_way, to));
                }
            }
            // The processor foretells what it mostly was.
            foretold = FEW * misses < states.len() || 2 * misses > states.len();
            if FEW * (states.len() - misses) < states.len() {
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

    /// Counts a mixed state `count` times.
    pub(super) fn pair(&mut self, state: u64, count: u64, to: &Narrow) {
        self.on_the_way.pair(state, count, to);
    }

    /// Empties the cache and the buffers.
    pub(super) fn flush(&mut self, to: &Narrow) {
        let mut gathered = [Slot::default(); TOGETHER];
        for slots in std::mem::take(&mut self.slots).chunks(TOGETHER) {
            // Which slots are filled cannot be foretold, nor which with what was seen once: that is a pair, too.
            let mut filled = 0;
            for slot in slots {
                gathered[filled] = *slot;
                filled += usize::from(slot.count() > 0);
            }
            for slot in &gathered[..filled] {
                self.pair(slot.state, slot.count().into(), to);
            }
        }
        self.on_the_way.singles.flush(to);
        self.on_the_way.pairs.flush(to);
    }
}

/// What a thread has for the partitions.
struct OnTheWay {
    singles: Buffers,
    pairs: Buffers,
}

impl OnTheWay {
    #[inline]
    fn single(&mut self, state: u64, to: &Narrow) {
        self.singles.push(state, &[state], to);
    }

    #[inline]
    fn pair(&mut self, state: u64, count: u64, to: &Narrow) {
        self.pairs.push(state, &[state, count], to);
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
