//! What is not 0, row by row.

use std::ops::Range;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::bytes;
use crate::parts::few::{AT_ONCE, FOURS_WORDS, GROUP, WHOLE_WORDS};
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor::few as processor;
use crate::parts::states::ON;
use crate::parts::{BYTES, DEPTH, InParts, MOST_TERMS, STRIP, WIDTH};

/// Places that are listed are below this.
const END: usize = 1 << u16::BITS;
const _: () = assert!(MOST_TERMS / BYTES * FOURS_WORDS <= END && MOST_TERMS < END);

/// What is not 0 in the rows of a matrix.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    /// Where the numbers of a place of the inner dimension begin in the table, or those of a four, divided by `steps`.
    pub places: Vec<u16>,
    /// Of how many [steps](super::WORD) a place counts: one, unless the table has too many.
    pub steps: usize,
    /// Four digits each, where these are fours.
    pub digits: Vec<u32>,
    /// Second digits of all fours, if there are any: by [group](GROUP) of rows, which rows of 0 fill up, tile, and row.
    pub second: Vec<[[u32; WIDTH]; GROUP]>,
    /// Where each row ends; where rows of states are in [parts](parts_of), all rows of the first, then of the next.
    pub ends: Vec<usize>,
    /// Which places of each tile, or which fours, the table must have, bit by bit.
    pub used: Vec<u64>,
    /// Of how many places or fours the table must have numbers.
    pub within: usize,
    /// In how many [parts](parts_of) rows of states are.
    pub parts: usize,
}

impl Lists {
    pub fn row(&self, row: usize) -> Range<usize> {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[row]
    }

    pub fn assert_within(&self, places: usize) {
        assert!(self.within <= places, "places are those of the table");
    }

    /// Begins anew, of so many tiles, and so many places or fours, each of so many steps.
    pub fn clear(&mut self, tiles: usize, within: usize, each: usize) {
        self.within = within;
        self.steps = if within * each <= END { 1 } else { each };
        self.used.clear();
        self.used.resize(tiles, 0);
        self.places.clear();
        self.digits.clear();
        self.ends.clear();
    }

    /// Begins anew with fours of a strip.
    pub fn clear_for(&mut self, strip: &Strip) {
        let tiles = strip.digits.len();
        self.clear(tiles, (tiles * DEPTH / BYTES).max(1), FOURS_WORDS);
        let groups = strip.rows.div_ceil(GROUP);
        let second = if strip.has_second() { groups } else { 0 };
        self.second.resize(second * tiles, [[0; WIDTH]; GROUP]);
        // What rows had before will be overwritten; there are none to fill up the last group.
        for group in self.second.iter_mut().rev().take(tiles) {
            group[(strip.rows - 1) % GROUP + 1..].fill([0; WIDTH]);
        }
    }
}

/// Digits of a strip of rows.
pub(crate) struct Strip<'a> {
    tiles: &'a [u32],
    pub digits: &'a [u8],
    pub rows: usize,
}

impl<'a> Strip<'a> {
    pub fn of(left: &'a InParts, strip: usize) -> Self {
        let (tiles, digits) = left.strip(strip);
        let rows = STRIP.min(left.rows - strip * STRIP);
        Self {
            tiles,
            digits,
            rows,
        }
    }

    /// First (0) or second digits (1) of a row in one tile of the inner dimension, unless they are all 0.
    #[inline]
    pub fn line(&self, digit: u8, row: usize, tile: usize) -> Option<&'a [u32; WIDTH]> {
        let lines = self.tiles.as_chunks().0;
        let first = usize::from(digit) * self.digits.len() + tile;
        (self.digits[tile] > digit).then(|| &lines[first * STRIP + row])
    }

    /// The same, place by place.
    pub fn places(&self, digit: u8, row: usize, tile: usize) -> [u8; DEPTH] {
        let line = self.line(digit, row, tile).copied().unwrap_or_default();
        std::array::from_fn(|place| line[place % WIDTH].to_le_bytes()[place / WIDTH])
    }

    pub fn has_second(&self) -> bool {
        self.digits.iter().any(|digits| *digits > 1)
    }
}

/// The rows, packed, if all of them are states.
pub(super) fn words(strip: &Strip) -> Option<Vec<u64>> {
    if strip.has_second() {
        return None;
    }
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::vectors() {
        // SAFETY: the processor has these instructions, as was asked.
        return unsafe { processor::words(strip) };
    }
    words_plainly(strip)
}

/// The plain twin.
pub(super) fn words_plainly(strip: &Strip) -> Option<Vec<u64>> {
    let mut words = Vec::new();
    let tiles = 0..strip.digits.len();
    for (row, tile) in (0..strip.rows).flat_map(|row| tiles.clone().map(move |tile| (row, tile))) {
        let mut word = 0;
        for (place, digit) in strip.places(0, row, tile).into_iter().enumerate() {
            match digit {
                0 => {}
                ON => word |= 1 << place,
                _ => return None,
            }
        }
        words.push(word);
    }
    Some(words)
}

/// Lists the places that are on, of rows of so many words each.
pub(crate) fn list_states(words: &[u64], each: usize, lists: &mut Lists) {
    lists.clear(each, each * DEPTH + 1, WHOLE_WORDS);
    for row in words.chunks(each) {
        for (used, word) in lists.used.iter_mut().zip(row) {
            *used |= word;
        }
    }
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::vectors() {
        // SAFETY: the processor has these instructions, as was asked.
        unsafe { processor::list_states(words, each, lists) };
        return;
    }
    list_states_plainly(words, each, lists);
}

/// The plain twin.
pub(super) fn list_states_plainly(words: &[u64], each: usize, lists: &mut Lists) {
    let times = WHOLE_WORDS / lists.steps;
    for (row, tiles) in rows_by_part(words, each, lists.parts) {
        let on = |place: &usize| row[place / DEPTH] >> (place % DEPTH) & 1 == 1;
        let places = (tiles.start * DEPTH..tiles.end * DEPTH).filter(on);
        lists
            .places
            .extend(places.map(|place| (place * times) as u16));
        let end = lists.places.len().next_multiple_of(AT_ONCE);
        lists.places.resize(end, (each * DEPTH * times) as u16);
        lists.ends.push(end);
    }
}

/// So many parts of the tiles of the inner dimension, which are added up one after the other.
pub(crate) fn parts_of(depth: usize, parts: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    (0..parts).map(move |part| depth * part / parts..depth * (part + 1) / parts)
}

/// Rows of so many words each, and what of them is in a part; all of a part before the next.
pub(crate) fn rows_by_part(
    words: &[u64],
    each: usize,
    parts: usize,
) -> impl Iterator<Item = (&[u64], Range<usize>)> {
    let rows = words.chunks(each);
    let parts = parts_of(each, parts);
    parts.flat_map(move |part| rows.clone().map(move |row| (row, part.clone())))
}

/// Lists the fours that are not 0, of first digits, unless there are more than `most`.
pub(super) fn list_fours(strip: &Strip, most: usize, lists: &mut Lists) -> bool {
    lists.clear_for(strip);
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::vectors() {
        // SAFETY: the processor has these instructions, as was asked.
        return unsafe { processor::list_fours(strip, most, lists) };
    }
    list_fours_plainly(strip, most, lists)
}

/// The plain twin.
pub(super) fn list_fours_plainly(strip: &Strip, most: usize, lists: &mut Lists) -> bool {
    let tiles = strip.digits.len();
    for row in 0..strip.rows {
        for tile in 0..tiles {
            if let Some(second) = lists.second.get_mut(row / GROUP * tiles + tile) {
                let digits = strip.places(1, row, tile);
                for (four, digits) in digits.as_chunks::<BYTES>().0.iter().enumerate() {
                    let digits = u32::from_le_bytes(*digits);
                    lists.used[tile] |= u64::from(digits != 0) << four;
                    second[row % GROUP][four] = digits;
                }
            }
            let digits = strip.places(0, row, tile);
            for (four, digits) in digits.as_chunks::<BYTES>().0.iter().enumerate() {
                if *digits != [0; BYTES] {
                    lists.used[tile] |= 1 << four;
                    let four = tile * DEPTH / BYTES + four;
                    lists.places.push((four * FOURS_WORDS) as u16);
                    lists.digits.push(u32::from_le_bytes(*digits));
                }
            }
        }
        let end = lists.places.len().next_multiple_of(AT_ONCE);
        lists.places.resize(end, 0);
        lists.digits.resize(end, 0);
        lists.ends.push(end);
        if end > most {
            return false;
        }
    }
    true
}
