//! The most and the least populated states, and rows where they were observed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::path::PathBuf;

use resrel_data::{StateKind, StateReader, Values};
use resrel_measure::State;
use serde::Serialize;

use super::{CountEvent, CountObserver, CountOptions, Missing, flow};
use crate::Error;

/// Rows that are named for a state.
const ROWS: usize = 5;

/// The most and the least populated states.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Examples {
    /// The most populated ones, most populated first.
    pub most: Vec<Example>,
    /// The least populated ones, least populated first.
    pub least: Vec<Example>,
}

/// A state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    /// What it is.
    pub state: StateName,
    /// How often it was observed.
    pub count: u64,
    /// The first rows where it was observed, five at most; `None` where counts were read, not
    /// observations.
    pub rows: Option<Vec<Place>>,
}

/// Where an observation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Which of the files, from 0.
    pub file: usize,
    /// Row of the file, from 0.
    pub row: u64,
}

/// A state for people and scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum StateName {
    /// A whole number.
    Integer(i64),
    /// A whole number beyond [`i64::MAX`].
    Unsigned(u64),
    /// Text, or a string of the bits 0 and 1.
    Text(String),
    /// The state of observations without one.
    Missing,
}

impl std::fmt::Display for StateName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Unsigned(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Missing => "(missing)".fmt(f),
        }
    }
}

/// A state as it is looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Words(Vec<u64>),
    Text(Vec<u8>),
    Missing,
}

impl From<State<'_>> for Key {
    fn from(state: State<'_>) -> Self {
        match state {
            State::Words(words) => Self::Words(words.to_vec()),
            State::Text(text) => Self::Text(text.to_vec()),
            State::Missing => Self::Missing,
        }
    }
}

/// Looks for the most and the least populated states among all that pass.
pub(super) struct Extremes {
    number: usize,
    kind: StateKind,
    unsigned: bool,
    /// The state that passes now, perhaps with several labels.
    current: Option<(Key, u64)>,
    /// Place in the order of passing, which settles ties.
    passed: u64,
    most: BinaryHeap<Reverse<(u64, Reverse<u64>, Key)>>,
    least: BinaryHeap<(u64, u64, Key)>,
}

impl Extremes {
    pub fn new(number: usize, kind: StateKind, unsigned: bool) -> Self {
        Self {
            number,
            kind,
            unsigned,
            current: None,
            passed: 0,
            most: BinaryHeap::new(),
            least: BinaryHeap::new(),
        }
    }

    pub fn see(&mut self, state: State<'_>, count: u64) {
        let same = match (&self.current, state) {
            (Some((Key::Words(before), _)), State::Words(words)) => before == words,
            (Some((Key::Text(before), _)), State::Text(text)) => before == text,
            (Some((Key::Missing, _)), State::Missing) => true,
            _ => false,
        };
        match &mut self.current {
            Some((_, sum)) if same => *sum += count,
            _ => {
                self.pass();
                self.current = Some((state.into(), count));
            }
        }
    }

    fn pass(&mut self) {
        let Some((key, count)) = self.current.take() else {
            return;
        };
        self.passed += 1;
        let place = self.passed;
        let full = |length| length == self.number;
        let rarest = self.most.peek().map(|Reverse((count, ..))| *count);
        if !full(self.most.len()) || rarest.is_some_and(|rarest| count > rarest) {
            self.most
                .push(Reverse((count, Reverse(place), key.clone())));
            if self.most.len() > self.number {
                self.most.pop();
            }
        }
        let commonest = self.least.peek().map(|(count, ..)| *count);
        if !full(self.least.len()) || commonest.is_some_and(|commonest| count < commonest) {
            self.least.push((count, place, key));
            if self.least.len() > self.number {
                self.least.pop();
            }
        }
    }

    /// The states with their counts: most populated first, and least populated first.
    fn sorted(mut self) -> [Vec<(Key, u64)>; 2] {
        self.pass();
        let most = self.most.into_sorted_vec();
        let most = most
            .into_iter()
            .map(|Reverse((count, _, key))| (key, count));
        let least = self.least.into_sorted_vec();
        let least = least.into_iter().map(|(count, _, key)| (key, count));
        [most.collect(), least.collect()]
    }
}

/// Goes through the files once more and notes where the states were observed.
pub(super) fn find_rows(
    files: &[PathBuf],
    options: &CountOptions,
    extremes: Extremes,
    observer: CountObserver<'_>,
) -> Result<Examples, Error> {
    let (kind, unsigned) = (extremes.kind, extremes.unsigned);
    let [most, least] = extremes.sorted();
    let mut found = Found {
        rows: HashMap::new(),
        open: 0,
        counts: false,
        missing: options.missing,
    };
    for (key, count) in most.iter().chain(&least) {
        let wanted = ROWS.min(usize::try_from(*count).unwrap_or(ROWS));
        if found
            .rows
            .insert(key.clone(), (wanted, Vec::new()))
            .is_none()
        {
            found.open += 1;
        }
    }
    for (file, path) in files.iter().enumerate() {
        let mut reader = StateReader::open(path, &options.states)?;
        while let Some(chunk) = reader.next_chunk()? {
            found.search(file, &chunk);
            if found.open == 0 || found.counts {
                break;
            }
            let share = (file as f64 + reader.done()) / files.len() as f64;
            flow(observer(CountEvent::Searching(share)))?;
        }
    }
    let example = |(key, count): (Key, u64)| Example {
        rows: (!found.counts).then(|| found.rows[&key].1.clone()),
        state: name(key, kind, unsigned),
        count,
    };
    Ok(Examples {
        most: most.into_iter().map(example).collect(),
        least: least.into_iter().map(example).collect(),
    })
}

/// Where the states were observed so far.
struct Found {
    /// For each state how many rows are wanted, and those found.
    rows: HashMap<Key, (usize, Vec<Place>)>,
    /// States of which rows are still wanted.
    open: usize,
    /// Whether a file holds counts, not observations.
    counts: bool,
    missing: Missing,
}

impl Found {
    fn search(&mut self, file: usize, chunk: &resrel_data::StateChunk) {
        if chunk.counts.is_some() {
            self.counts = true;
            return;
        }
        let no_label = chunk.labels.as_ref().map_or(&[][..], |l| &l.missing);
        let mut key = Key::Missing;
        for row in 0..chunk.rows() {
            if self.missing == Missing::Drop && no_label.binary_search(&row).is_ok() {
                continue;
            }
            // One key is filled again and again, so that looking up allocates nothing.
            if chunk.states.missing.binary_search(&row).is_ok() {
                key = Key::Missing;
            } else {
                match &chunk.states.values {
                    Values::Integers(values) => fill(&mut key, &[values[row].cast_unsigned()]),
                    Values::Unsigned(values) => fill(&mut key, &[values[row]]),
                    Values::Bits(rows) => fill(&mut key, rows.row(row)),
                    Values::Text(texts) => match &mut key {
                        Key::Text(text) => {
                            text.clear();
                            text.extend_from_slice(texts.get(row));
                        }
                        other => *other = Key::Text(texts.get(row).to_vec()),
                    },
                }
            }
            if let Some((wanted, rows)) = self.rows.get_mut(&key)
                && rows.len() < *wanted
            {
                rows.push(Place {
                    file,
                    row: chunk.first_row + row as u64,
                });
                if rows.len() == *wanted {
                    self.open -= 1;
                }
            }
        }
    }
}

fn fill(key: &mut Key, words: &[u64]) {
    match key {
        Key::Words(before) => {
            before.clear();
            before.extend_from_slice(words);
        }
        other => *other = Key::Words(words.to_vec()),
    }
}

fn name(key: Key, kind: StateKind, unsigned: bool) -> StateName {
    match (key, kind) {
        (Key::Missing, _) => StateName::Missing,
        (Key::Text(text), _) => StateName::Text(String::from_utf8_lossy(&text).into_owned()),
        (Key::Words(words), StateKind::Bits { units }) => {
            let bit = |unit: usize| words[unit / 64] >> (unit % 64) & 1;
            let bits = (0..units).map(|unit| if bit(unit) == 1 { '1' } else { '0' });
            StateName::Text(bits.collect())
        }
        (Key::Words(words), _) if unsigned => StateName::Unsigned(words[0]),
        (Key::Words(words), _) => StateName::Integer(words[0].cast_signed()),
    }
}
