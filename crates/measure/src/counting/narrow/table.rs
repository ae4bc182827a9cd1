//! Counting a partition's states, in tables that fit the processor's cache.

use super::TOGETHER;
use crate::counting::tally::Tally;

/// Entries of a piece of a partition that is counted in one table.
pub(super) const PIECE: usize = 1 << 13;
/// Slots of a table for each entry.
const ROOM: usize = 4;
/// Least and most pieces that a partition is cut into at once, as bits: of few, one entry after the other
/// would go to the same piece and wait for its end.
const LEAST_BITS: u32 = 4;
const MOST_BITS: u32 = 10;

/// What a thread counts partitions with.
#[derive(Default)]
pub(super) struct Bench {
    table: Table,
    /// Entries, sorted by piece.
    singles: Vec<[u64; 1]>,
    pairs: Vec<[u64; 2]>,
}

impl Bench {
    /// Counts the states of some words, whose first `skip` bits are all the same: `singles` are seen once each,
    /// `pairs` as often as the word after them says. Each state is in one of the tables that `see` is handed.
    pub(super) fn count(
        &mut self,
        singles: &[&[u64]],
        pairs: &[&[u64]],
        skip: u32,
        mut see: impl FnMut(&Table),
    ) {
        let lengths = |pieces: &[&[u64]]| pieces.iter().map(|piece| piece.len()).sum::<usize>();
        let entries = lengths(singles) + lengths(pairs) / 2;
        let table = &mut self.table;
        if entries <= PIECE {
            table.clear(entries);
            table.add_singles(singles.iter().flat_map(|words| words.as_chunks().0));
            table.add_pairs(pairs.iter().flat_map(|words| words.as_chunks().0));
            see(table);
            return;
        }
        let bits = entries.div_ceil(PIECE).next_power_of_two().ilog2();
        let bits = bits.clamp(LEAST_BITS, MOST_BITS);
        let piece = |state: u64| (state << skip >> (u64::BITS - bits)) as usize;
        let single_ends = scatter(singles, bits, piece, &mut self.singles);
        let pair_ends = scatter(pairs, bits, piece, &mut self.pairs);
        let (mut single, mut pair) = (0, 0);
        for (&single_end, &pair_end) in single_ends.iter().zip(&pair_ends) {
            table.clear(single_end - single + pair_end - pair);
            table.add_singles(&self.singles[single..single_end]);
            table.add_pairs(&self.pairs[pair..pair_end]);
            (single, pair) = (single_end, pair_end);
            see(table);
        }
    }
}

/// Sorts the entries of `WIDTH` words by `piece` of their first word; where each piece ends.
fn scatter<const WIDTH: usize>(
    words: &[&[u64]],
    bits: u32,
    piece: impl Fn(u64) -> usize,
    sorted: &mut Vec<[u64; WIDTH]>,
) -> Vec<usize> {
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
    if sorted.len() < total {
        sorted.resize(total, [0; WIDTH]);
    }
    for entry in entries() {
        let place = &mut ends[piece(entry[0])];
        sorted[*place] = *entry;
        *place += 1;
    }
    ends
}

/// States and their counts, by open addressing.
#[derive(Default)]
pub(super) struct Table {
    /// A power of two of them; 0 is an empty slot.
    states: Vec<u64>,
    /// How much more often than once each was seen.
    more: Vec<u64>,
    /// The slots of those that were seen more than once: most are not.
    again: Vec<u32>,
    filled: usize,
    /// How often state 0 was seen.
    zero: u64,
}

impl Table {
    /// Begins anew, with about so many entries to come.
    fn clear(&mut self, entries: usize) {
        let length = (ROOM * entries.clamp(1, PIECE)).next_power_of_two();
        for slot in self.again.drain(..) {
            self.more[slot as usize] = 0;
        }
        self.states.clear();
        self.states.resize(length, 0);
        if self.more.len() < length {
            self.more = vec![0; length];
        }
        (self.filled, self.zero) = (0, 0);
    }

    fn add_singles<'a>(&mut self, singles: impl IntoIterator<Item = &'a [u64; 1]>) {
        for &[state] in singles {
            self.add(state, 1);
        }
    }

    fn add_pairs<'a>(&mut self, pairs: impl IntoIterator<Item = &'a [u64; 2]>) {
        for &[state, count] in pairs {
            self.add(state, count);
        }
    }

    #[inline(always)]
    #[allow(
        clippy::inline_always,
        reason = "a seventh faster where all states differ"
    )]
    fn add(&mut self, state: u64, count: u64) {
        if state == 0 {
            self.zero += count;
            return;
        }
        let last = self.states.len() - 1;
        // The leading bits have chosen the piece, the last ones choose the slot.
        let mut place = state as usize & last;
        loop {
            let there = self.states[place];
            if there == state {
                if self.more[place] == 0 {
                    self.again.push(place as u32);
                }
                self.more[place] += count;
                return;
            }
            if there == 0 {
                self.states[place] = state;
                if count > 1 {
                    self.more[place] = count - 1;
                    self.again.push(place as u32);
                }
                self.filled += 1;
                if 4 * self.filled > 3 * self.states.len() {
                    self.grow();
                }
                return;
            }
            place = (place + 1) & last;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let length = 2 * self.states.len();
        let mut larger = Self {
            states: vec![0; length],
            more: vec![0; length],
            again: Vec::new(),
            filled: 0,
            zero: 0,
        };
        self.for_each(|state, count| larger.add(state, count));
        *self = larger;
    }

    /// Every state with its count.
    pub(super) fn for_each(&self, mut see: impl FnMut(u64, u64)) {
        if self.zero > 0 {
            see(0, self.zero);
        }
        // Whether a slot is filled cannot be foretold: gathering the filled ones without a branch and
        // then going through them is much faster than asking each.
        let mut gathered = [0; TOGETHER];
        for (first, states) in (0..).step_by(TOGETHER).zip(self.states.chunks(TOGETHER)) {
            let mut filled = 0;
            for (place, state) in (first..).zip(states) {
                gathered[filled] = place;
                filled += usize::from(*state != 0);
            }
            for &place in &gathered[..filled] {
                see(self.states[place], 1 + self.more[place]);
            }
        }
    }

    /// Adds up how many states have each frequency.
    pub(super) fn tally(&self, tally: &mut Tally) {
        if self.zero > 0 {
            tally.add(self.zero, 1);
        }
        let once = self.filled - self.again.len();
        if once > 0 {
            tally.add(1, once as u64);
        }
        for &slot in &self.again {
            tally.add(1 + self.more[slot as usize], 1);
        }
    }
}
