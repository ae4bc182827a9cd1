//! Products of states with probabilities: rows of probabilities are added up where a state is on.
//!
//! Both digits of a probability are one whole number here. Of a state that is on in most rows those are added up in which it
//! is off, and taken from the sum of all: no state takes more additions than half of the rows.

use crate::aligned::Aligned;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::bytes;
use crate::parts::few::{Lists, WHOLE_WORDS, Whole, list_states};
use crate::parts::ones::Turned;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor::added as processor;
use crate::parts::turn::Tile;
use crate::parts::{BYTES, DEPTH, STRIP, SUMS, WIDTH};

/// More rows might make sums that single precision does not hold, those of as many second digits added.
pub(crate) const MOST_ADDED: usize = 256;
const _: () = assert!(MOST_ADDED * (255 * 256 + 255) < 1 << 24);

/// What high halves have less than they count, so that they are signed.
pub(super) const LESS_HIGH: i32 = 1 << 15;

/// Probabilities as whole numbers, 64 units after the other, for as many rows as are to be added up.
#[derive(Debug)]
pub(crate) struct Added {
    /// Whether there are any.
    pub any: bool,
    /// By group of 64 units and strip of 32: rows of their numbers, those of sixteen in the low halves, those of the next
    /// sixteen, less 2¹⁵, in the high ones. The last row counts nothing. Nothing before there are any.
    wholes: Aligned<u32>,
    rows: usize,
    groups: usize,
}

impl Added {
    /// Room for so many rows of so many units.
    pub fn none(rows: usize, units: usize) -> Self {
        Self {
            any: false,
            wholes: Aligned::zeros(0),
            rows,
            groups: units.div_ceil(DEPTH),
        }
    }

    /// Where 64 units each are put, if there are `any` to be added up.
    pub fn begin(&mut self, any: bool) -> Vec<Option<[&mut [Whole]; 2]>> {
        self.any = any;
        if !any {
            return (0..self.groups).map(|_| None).collect();
        }
        let length = length(self.rows);
        if self.wholes.slice().is_empty() {
            self.wholes = Aligned::zeros(self.groups * 2 * length * WIDTH);
        }
        let lines = self.wholes.slice_mut().as_chunks_mut().0;
        let groups = lines.chunks_mut(2 * length);
        groups
            .map(|group| Some(group.split_at_mut(length).into()))
            .collect()
    }

    /// The strips of a group.
    pub fn group(&self, group: usize) -> [&[Whole]; 2] {
        let length = length(self.rows);
        let lines = self.wholes.slice().as_chunks().0;
        lines[group * 2 * length..][..2 * length]
            .split_at(length)
            .into()
    }
}

/// Rows of a strip: all that words of states have, and one that counts nothing.
const fn length(rows: usize) -> usize {
    rows.next_multiple_of(DEPTH) + 1
}

/// Puts both digits of 64 units, in tiles of sixteen rows, as whole numbers of so many rows.
pub(super) fn put_wholes(digits: [&[Tile; BYTES]; 2], rows: usize, out: [&mut [Whole]; 2]) {
    let digits = digits.map(|tiles| &tiles.as_flattened()[..rows]);
    let out = out.map(|out| &mut out[..rows]);
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::vectors() {
        // SAFETY: the processor has these instructions, as was asked.
        unsafe { processor::put_wholes(digits, out) };
        return;
    }
    put_wholes_plainly(digits, out);
}

/// The plain twin.
fn put_wholes_plainly([first, second]: [&[[u32; WIDTH]]; 2], out: [&mut [Whole]; 2]) {
    for (strip, out) in out.into_iter().enumerate() {
        for ((first, second), out) in first.iter().zip(second).zip(out) {
            for ((first, second), out) in first.iter().zip(second).zip(out) {
                let [low, high] = [0, 1].map(|half| {
                    let byte = |digits: &u32| digits.to_le_bytes()[2 * strip + half];
                    u16::from_be_bytes([byte(first), byte(second)])
                });
                let high = i32::from(high) - LESS_HIGH;
                *out = u32::from(low) | (high as u32) << 16;
            }
        }
    }
}

/// States of up to 64 units, listed unit by unit: rows in which it is on, or off where it is on in most.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// The last, if some units are off in what is listed, lists all rows.
    pub(super) lists: Lists,
    /// How many rows are listed.
    pub(super) counts: Vec<u32>,
    /// Which units are off in the rows that are listed, bit by bit.
    pub(super) off: u64,
}

impl Chosen {
    /// Of the first strips of 32 units, of so many rows.
    pub fn of(states: &[Turned], rows: usize, strips: usize) -> Self {
        assert!(rows <= MOST_ADDED, "sums that single precision holds");
        let units = strips * STRIP;
        let each = rows.div_ceil(DEPTH);
        let there = |word: usize| u64::MAX >> DEPTH.saturating_sub(rows - word * DEPTH);
        let (mut words, mut off) = (Vec::with_capacity((units + 1) * each), 0);
        for unit in 0..units {
            let first = words.len();
            words.extend(states.chunks(2).map(|strips| {
                let half = |strip: usize| strips.get(strip).map_or(0, |strip| strip[unit].into());
                half(0) | half(1) << STRIP
            }));
            let words = &mut words[first..];
            if 2 * count(words) as usize > rows {
                off |= 1 << unit;
                for (word, out) in words.iter_mut().enumerate() {
                    *out ^= there(word);
                }
            }
        }
        if off != 0 {
            words.extend((0..each).map(there));
        }
        let mut lists = Lists {
            parts: 1,
            ..Lists::default()
        };
        list_states(&words, each, &mut lists);
        assert!(lists.steps == 1, "rows are found by their first step");
        Self {
            lists,
            counts: words.chunks(each).map(count).collect(),
            off,
        }
    }
}

fn count(words: &[u64]) -> u32 {
    words.iter().map(|word| word.count_ones()).sum()
}

/// Sums of two strips of rows and two of columns.
pub(crate) type Both = [[[u32; SUMS]; 2]; 2];

/// Puts, with a minus sign, the sums of the rows that the units of `chosen` are on in: of the 32 or 64 units in `from`, strip
/// by strip, and those of `chosen`, strip by strip.
pub(crate) fn put_less(chosen: &Chosen, from: &[&[Whole]], out: &mut Both) {
    for rows in from {
        chosen.lists.assert_within(rows.len());
    }
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::vectors() {
        // SAFETY: the processor has these instructions, as was asked; places are those of the rows.
        unsafe {
            match *from {
                [first, second, ..] => processor::put_less(chosen, [first, second], out),
                [first] => processor::put_less(chosen, [first], out),
                [] => {}
            }
        }
        return;
    }
    put_less_plainly(chosen, from, out);
}

/// The plain twin.
fn put_less_plainly(chosen: &Chosen, from: &[&[Whole]], out: &mut Both) {
    let units = chosen.counts.len() - usize::from(chosen.off != 0);
    for (rows, out) in from.iter().zip(out) {
        let sum = |unit: usize, place: usize| {
            let places = chosen.lists.places[chosen.lists.row(unit)].iter();
            let all = places.map(|row| {
                let both = rows[usize::from(*row) / WHOLE_WORDS][place % WIDTH];
                let high = both.cast_signed() >> 16;
                [i32::from(both as u16), high][place / WIDTH]
            });
            let less = if place < WIDTH { 0 } else { LESS_HIGH };
            all.sum::<i32>() + chosen.counts[unit].cast_signed() * less
        };
        for (unit, place) in (0..units).flat_map(|unit| (0..STRIP).map(move |place| (unit, place)))
        {
            let mut sum_of_unit = sum(unit, place);
            if chosen.off >> unit & 1 == 1 {
                sum_of_unit = sum(units, place) - sum_of_unit;
            }
            out[unit / STRIP][place * STRIP + unit % STRIP] = (-sum_of_unit).cast_unsigned();
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;
    use proptest::prelude::*;

    use super::*;
    use crate::parts::ones::turn_states;
    use crate::parts::{ROWS, WIDE, turn::EMPTY};

    proptest! {
        #[test]
        fn rows_are_added_as_by_the_plain_twin(
            states in prop::collection::vec(any::<[u64; 3]>(), 1..=MOST_ADDED), right in 1..=2_usize, strips in 1..=2_usize,
            seed: u64,
        ) {
            let rows = states.len();
            // Units are on in an eighth or three quarters of the rows; the first never or always.
            let states = Array1::from_iter(states.into_iter().map(|[a, b, c]| match seed % 4 {
                0 => a & b & c & !1,
                1 => a & b & c | 1,
                2 => (a | b) & !1,
                _ => a | b | 1,
            }));
            let mut turned = vec![[0; WIDE]; rows.div_ceil(STRIP)];
            turn_states(states.view(), &mut turned);
            let mut rng = crate::Stream::new(seed, crate::Purpose::Digits, 0).rng(0);
            let wholes: Vec<[u16; DEPTH]> = (0..rows).map(|_| std::array::from_fn(|_| match rng.below(9) {
                0 => 255 << 8,
                1 => 0,
                _ => rng.below(255 << 8) as u16,
            })).collect();
            let mut digits = vec![[[EMPTY; BYTES]; 2]; rows.div_ceil(DEPTH)];
            for (row, wholes) in wholes.iter().enumerate() {
                for (place, whole) in wholes.iter().enumerate() {
                    for (digit, byte) in whole.to_be_bytes().into_iter().enumerate() {
                        let tile = &mut digits[row / DEPTH][digit][row % DEPTH / ROWS];
                        tile[row % ROWS][place % WIDTH] |= u32::from(byte) << (8 * (place / WIDTH));
                    }
                }
            }
            let mut added = Added::none(rows, DEPTH);
            let mut put = added.begin(true);
            let out = put[0].as_mut().expect("there are some");
            for (inner, digits) in digits.iter().enumerate() {
                let (first, there) = (inner * DEPTH, DEPTH.min(rows - inner * DEPTH));
                put_wholes(digits.each_ref(), there, out.each_mut().map(|out| &mut out[first..]));
                let tiles = digits.each_ref().map(|tiles| &tiles.as_flattened()[..there]);
                let mut plainly = [[[7; WIDTH]; DEPTH]; 2];
                put_wholes_plainly(tiles, plainly.each_mut().map(|out| &mut out[..there]));
                for (out, plainly) in out.iter().zip(plainly) {
                    prop_assert_eq!(&out[first..first + there], &plainly[..there]);
                }
            }
            let chosen = Chosen::of(&turned, rows, right);
            let from = &added.group(0)[..strips];
            let mut ways = [Box::new([[[5; SUMS]; 2]; 2]), Box::new([[[5; SUMS]; 2]; 2])];
            put_less(&chosen, from, &mut ways[0]);
            put_less_plainly(&chosen, from, &mut ways[1]);
            for (unit, place) in (0..right * STRIP).flat_map(|unit| (0..strips * STRIP).map(move |place| (unit, place))) {
                let on = states.iter().zip(&wholes).filter(|(state, _)| *state >> unit & 1 == 1);
                let expected: u32 = on.map(|(_, wholes)| u32::from(wholes[place])).sum();
                for way in &ways {
                    let sum = way[place / STRIP][unit / STRIP][place % STRIP * STRIP + unit % STRIP];
                    prop_assert_eq!(sum, expected.wrapping_neg(), "unit {}, place {}", unit, place);
                }
            }
        }
    }
}
