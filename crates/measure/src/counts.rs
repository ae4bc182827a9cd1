//! Exact, mergeable counts of states.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::{Error, Spectrum};

/// Fixed, so that nothing about a table depends on the run.
const HASHER: FixedState = FixedState::with_seed(0x7265_6c65_7661_6e63);

/// Most states that a batch makes room for before it has seen them: enough that a usual data set
/// never rehashes, little beside the batch itself.
const RESERVED_STATES: usize = 1 << 16;

/// How often each state was observed.
///
/// A state is a packed bit string of a fixed number of 64-bit words (an integer is one word, bits
/// past the string's end are zero). Counting parts and merging them gives the same table as
/// counting the whole: the same states with the same counts, in an order that follows the order
/// of observation and merging.
///
/// ```
/// use resrel_measure::StateCounts;
///
/// let mut counts = StateCounts::new(1);
/// let mut states = Vec::new();
/// counts.observe_rows_into(&[7, 3, 7, 7], &mut states)?;
/// assert_eq!(states, [0, 1, 0, 0]);
/// assert_eq!(counts.spectrum()?.pairs(), [(1, 1), (3, 1)]);
/// # Ok::<(), resrel_measure::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct StateCounts {
    words: usize,
    /// The words of every state, in order of first sight.
    arena: Vec<u64>,
    /// The count of every state, in the same order.
    counts: Vec<u64>,
    /// Finds a state's place in that order.
    table: HashTable<u32>,
    observations: u64,
}

impl StateCounts {
    /// An empty table of states of `words` 64-bit words.
    ///
    /// # Panics
    /// If `words` is 0.
    #[must_use]
    pub fn new(words: usize) -> Self {
        assert!(words > 0, "a state has at least one word");
        Self {
            words,
            arena: Vec::new(),
            counts: Vec::new(),
            table: HashTable::new(),
            observations: 0,
        }
    }

    /// Counts one observation and returns the state's index, in order of first sight.
    ///
    /// # Panics
    /// If `state` has not the table's width, or is the 2³²th distinct one.
    #[inline]
    pub fn observe(&mut self, state: &[u64]) -> u32 {
        assert_eq!(state.len(), self.words, "a state has the table's width");
        self.observations += 1;
        self.add(state, 1)
    }

    /// Counts `times` observations of one state, at least one, and returns the state's index.
    ///
    /// # Errors
    /// [`Error::Width`] if the state has another width, [`Error::ZeroFrequency`] for none,
    /// [`Error::TooManyObservations`] or [`Error::TooManyStates`] if the sum could not be counted.
    pub fn observe_times(&mut self, state: &[u64], times: u64) -> Result<u32, Error> {
        if state.len() != self.words {
            return Err(Error::Width {
                ours: self.words,
                theirs: state.len(),
            });
        }
        if times == 0 {
            let place = self.states();
            return Err(Error::ZeroFrequency { place });
        }
        self.check_room(1)?;
        self.observations = self
            .observations
            .checked_add(times)
            .ok_or(Error::TooManyObservations)?;
        Ok(self.add(state, times))
    }

    /// Counts one observation for every `words` entries of `rows`.
    ///
    /// # Errors
    /// [`Error::Ragged`] if `rows` does not divide into whole states, [`Error::TooManyStates`] if
    /// the table could outgrow its index.
    pub fn observe_rows(&mut self, rows: &[u64]) -> Result<(), Error> {
        self.for_rows(rows, |_| {})
    }

    /// As [`observe_rows`](Self::observe_rows), and appends each observation's state index to
    /// `states`.
    ///
    /// # Errors
    /// As [`observe_rows`](Self::observe_rows).
    pub fn observe_rows_into(&mut self, rows: &[u64], states: &mut Vec<u32>) -> Result<(), Error> {
        states.reserve(rows.len() / self.words);
        self.for_rows(rows, |state| states.push(state))
    }

    /// Adds the counts of `other`, as if its observations followed ours, and returns our index of each of its
    /// states, by its own.
    ///
    /// # Errors
    /// [`Error::Width`] if its states have another width, [`Error::TooManyObservations`] or
    /// [`Error::TooManyStates`] if the sum could not be counted. Nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<Vec<u32>, Error> {
        if self.words != other.words {
            return Err(Error::Width {
                ours: self.words,
                theirs: other.words,
            });
        }
        // No count exceeds the number of observations, so this is the one sum to be checked.
        let observations = self
            .observations
            .checked_add(other.observations)
            .ok_or(Error::TooManyObservations)?;
        self.check_room(other.states())?;
        self.observations = observations;
        let states = other.iter();
        Ok(states
            .map(|(state, count)| self.add(state, count))
            .collect())
    }

    /// Number of 64-bit words of a state.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words
    }

    /// Number of observations M.
    #[must_use]
    pub fn observations(&self) -> u64 {
        self.observations
    }

    /// Number of distinct states.
    #[must_use]
    pub fn states(&self) -> usize {
        self.counts.len()
    }

    /// The words and the count k of every state, by index.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u64], u64)> {
        self.arena
            .chunks_exact(self.words)
            .zip(self.counts.iter().copied())
    }

    /// How many states m_k have each frequency k.
    ///
    /// # Errors
    /// [`Error::Empty`] if nothing was observed.
    pub fn spectrum(&self) -> Result<Spectrum, Error> {
        Spectrum::from_counts(self.counts.iter().copied())
    }

    fn for_rows(&mut self, rows: &[u64], seen: impl FnMut(u32)) -> Result<(), Error> {
        if !rows.len().is_multiple_of(self.words) {
            return Err(Error::Ragged {
                len: rows.len(),
                words: self.words,
            });
        }
        let count = rows.len() / self.words;
        self.check_room(count)?;
        if self.table.is_empty() {
            let expected = count.min(RESERVED_STATES);
            self.table.reserve(expected, |_| 0);
            self.arena.reserve(expected * self.words);
            self.counts.reserve(expected);
        }
        self.observations = self
            .observations
            .checked_add(count as u64)
            .ok_or(Error::TooManyObservations)?;
        // Usual widths get code of their own, in which the loops over words are unrolled.
        match self.words {
            1 => self.add_rows(rows.as_chunks::<1>().0, seen),
            2 => self.add_rows(rows.as_chunks::<2>().0, seen),
            4 => self.add_rows(rows.as_chunks::<4>().0, seen),
            8 => self.add_rows(rows.as_chunks::<8>().0, seen),
            words => rows
                .chunks_exact(words)
                .map(|row| self.add(row, 1))
                .for_each(seen),
        }
        Ok(())
    }

    fn add_rows<const WORDS: usize>(&mut self, rows: &[[u64; WORDS]], seen: impl FnMut(u32)) {
        rows.iter().map(|row| self.add(row, 1)).for_each(seen);
    }

    /// The one place where a state meets the table.
    #[inline]
    fn add(&mut self, state: &[u64], count: u64) -> u32 {
        let width = state.len();
        let arena = &self.arena;
        let stored = |index: u32| &arena[index as usize * width..][..width];
        let entry = self.table.entry(
            hash(state),
            |&index| stored(index) == state,
            |&index| hash(stored(index)),
        );
        match entry {
            Entry::Occupied(entry) => {
                let index = *entry.get();
                self.counts[index as usize] += count;
                index
            }
            Entry::Vacant(entry) => {
                let index = u32::try_from(self.counts.len()).expect("fewer than 2³² states");
                entry.insert(index);
                self.arena.extend_from_slice(state);
                self.counts.push(count);
                index
            }
        }
    }

    /// Whether `more` states still find an index, should all of them be new.
    fn check_room(&self, more: usize) -> Result<(), Error> {
        match self.counts.len().checked_add(more) {
            Some(states) if u32::try_from(states).is_ok() => Ok(()),
            _ => Err(Error::TooManyStates),
        }
    }
}

#[inline]
pub(crate) fn hash(state: &[u64]) -> u64 {
    let mut hasher = HASHER.build_hasher();
    for &word in state {
        hasher.write_u64(word);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn as_map(counts: &StateCounts) -> BTreeMap<Vec<u64>, u64> {
        counts.iter().map(|(s, k)| (s.to_vec(), k)).collect()
    }

    #[test]
    fn states_are_numbered_by_first_sight() {
        let mut counts = StateCounts::new(2);
        assert_eq!(counts.observe(&[1, 2]), 0);
        assert_eq!(counts.observe(&[2, 1]), 1);
        assert_eq!(counts.observe(&[1, 2]), 0);
        assert_eq!(counts.observations(), 3);
        assert_eq!(
            counts.iter().collect::<Vec<_>>(),
            [(&[1, 2][..], 2), (&[2, 1][..], 1)]
        );
    }

    #[test]
    fn unlike_tables_do_not_merge() {
        let mut counts = StateCounts::new(2);
        assert_eq!(
            counts.merge(&StateCounts::new(3)),
            Err(Error::Width { ours: 2, theirs: 3 })
        );
        assert_eq!(
            counts.observe_rows(&[1, 2, 3]),
            Err(Error::Ragged { len: 3, words: 2 })
        );
        assert_eq!(counts.observations(), 0);
        assert_eq!(counts.spectrum(), Err(Error::Empty));
    }

    #[test]
    fn many_observations_at_once_are_as_many_one_by_one() {
        let mut counts = StateCounts::new(1);
        let mut one_by_one = StateCounts::new(1);
        for (state, times) in [(7, 3), (5, 1), (7, 2)] {
            let index = counts.observe_times(&[state], times).unwrap();
            for _ in 0..times {
                assert_eq!(one_by_one.observe(&[state]), index);
            }
        }
        assert_eq!(counts.observations(), 6);
        assert!(counts.iter().eq(one_by_one.iter()));
        let width = Error::Width { ours: 1, theirs: 2 };
        assert_eq!(counts.observe_times(&[1, 2], 1), Err(width));
        let none = Error::ZeroFrequency { place: 2 };
        assert_eq!(counts.observe_times(&[9], 0), Err(none));
        let many = counts.observe_times(&[9], u64::MAX);
        assert_eq!(many, Err(Error::TooManyObservations));
        assert!(counts.iter().eq(one_by_one.iter()));
    }

    #[test]
    fn merging_tells_where_states_went() {
        let mut ours = StateCounts::new(1);
        ours.observe_rows(&[7, 5]).unwrap();
        let mut theirs = StateCounts::new(1);
        theirs.observe_rows(&[9, 5, 5, 7]).unwrap();
        assert_eq!(ours.merge(&theirs), Ok(vec![2, 1, 0]));
        let counts: Vec<_> = ours.iter().collect();
        assert_eq!(counts, [(&[7][..], 2), (&[5][..], 3), (&[9][..], 1)]);
    }

    #[test]
    fn doubling_until_the_count_would_overflow_is_an_error() {
        let mut counts = StateCounts::new(1);
        counts.observe(&[5]);
        for _ in 0..63 {
            let copy = counts.clone();
            counts.merge(&copy).unwrap();
        }
        let copy = counts.clone();
        assert_eq!(counts.merge(&copy), Err(Error::TooManyObservations));
        assert_eq!(counts.observations(), 1 << 63);
    }

    proptest! {
        #[test]
        fn merged_shards_equal_the_whole(
            words in 1..10_usize,
            values in prop::collection::vec(0..40_u64, 1..400),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
            order: u64,
        ) {
            // Only the last word differs, so a comparison of the first alone would show.
            let rows: Vec<u64> = values
                .iter()
                .flat_map(|&v| (0..words).map(move |w| if w + 1 == words { v } else { 9 }))
                .collect();
            let mut whole = StateCounts::new(words);
            let mut states = Vec::new();
            whole.observe_rows_into(&rows, &mut states).unwrap();

            let mut naive = BTreeMap::new();
            for row in rows.chunks(words) {
                *naive.entry(row.to_vec()).or_insert(0_u64) += 1;
            }
            prop_assert_eq!(as_map(&whole), naive);
            let seen: Vec<&[u64]> = whole.iter().map(|(state, _)| state).collect();
            for (row, &state) in rows.chunks(words).zip(&states) {
                prop_assert_eq!(row, seen[state as usize]);
            }

            let mut bounds: Vec<usize> = cuts.iter().map(|c| c.index(values.len())).collect();
            bounds.extend([0, values.len()]);
            bounds.sort_unstable();
            let mut shards: Vec<StateCounts> = bounds
                .windows(2)
                .map(|w| {
                    let mut shard = StateCounts::new(words);
                    shard.observe_rows(&rows[w[0] * words..w[1] * words]).unwrap();
                    shard
                })
                .collect();
            let turn = order as usize % shards.len();
            shards.rotate_left(turn);
            if order & 1 == 1 {
                shards.reverse();
            }
            let mut merged = StateCounts::new(words);
            for shard in &shards {
                merged.merge(shard).unwrap();
            }
            prop_assert_eq!(as_map(&merged), as_map(&whole));
            prop_assert_eq!(merged.observations(), whole.observations());
            prop_assert_eq!(merged.spectrum(), whole.spectrum());
        }
    }
}
