//! Left matrices by what is not 0 in them, for products by vectors: what is 0 costs nothing.
//!
//! A row of states is the list of the places that are on, for each of which numbers of the right matrix are added up,
//! whole ones of two digits. A row of other digits is the list of those fours of neighbours of which one at least is not
//! 0. Of numbers of two digits, probabilities, the first ones are listed so, for most of them lie near 0; all second
//! ones are multiplied. The sums are those of products of tiles ([`super::both`]); those of states beyond 2²⁴ units,
//! which takes more than five hundred weights of the largest size and one sign, may be rounded in another way.

mod lists;
mod tables;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::bytes;
use crate::parts::both::put_sums_plainly;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor::few as processor;
use crate::parts::{BYTES, DEPTH, InParts, ROWS, STRIP, Sums, WIDTH};

pub(crate) use lists::{Lists, Strip, list_states, parts_of, rows_by_part};
use lists::{list_fours, words};
pub(crate) use tables::{cut_fours, make_whole, put_none};

/// Whole numbers of 32 columns in one place of the inner dimension, both digits in one: 2¹⁵ + that of one of the first
/// sixteen in the low half, that of the sixteenth after it in the high half. Sums of both are made by an addition and a
/// product by (0, 1).
pub(crate) type Whole = [u32; WIDTH];
/// Those of all places, and what a sum of each column counts.
pub(crate) type Scaled<'a> = (&'a [Whole], &'a [[f32; ROWS]; 2]);
/// Digits of sixteen columns in four neighbouring places of the inner dimension: a byte each, by digit.
pub(crate) type Fours = [[u32; WIDTH]; 2];
/// Words of these of one tile of the inner dimension: of fours half as many as of whole numbers, which have twice the columns.
pub(crate) const WHOLES: usize = DEPTH * WIDTH;
pub(crate) const FOURS: usize = DEPTH / BYTES * 2 * WIDTH;
const _: () = assert!(2 * FOURS == WHOLES);
/// Words of what counts nothing.
pub(crate) const NONE: usize = WIDTH;
/// Rows of lists have whole fours of entries: the last are filled up with what counts nothing.
pub(crate) const AT_ONCE: usize = 4;
/// Tiles of the inner dimension whose whole numbers of 64 columns, 8 kB each, a near cache of 48 kB holds: states of more are
/// listed, and added up, in parts.
const MOST_NEAR: usize = 5;
/// Rows whose second digits are multiplied at a time.
pub(crate) const GROUP: usize = 8;
/// Places are listed in steps of so many bytes: the most by which the processor multiplies an index on its own.
pub(crate) const WORD: usize = 8;
/// Steps of one [`Whole`] and one [`Fours`].
pub(crate) const WHOLE_WORDS: usize = size_of::<Whole>() / WORD;
pub(crate) const FOURS_WORDS: usize = size_of::<Fours>() / WORD;

/// What low halves have more than they count.
pub(crate) const BIAS: i32 = 1 << 15;

/// With a larger share of states that are on a product of all of them is faster, and with a larger one of fours.
const MOST_ONES: f64 = 0.5;
const MOST_FOURS: f64 = 0.7;

/// How a left matrix is multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the places of states that are on.
    Ones,
    /// By fours.
    Fours,
    /// All of it.
    All,
}

/// A strip of rows of a left matrix, as they are multiplied.
#[derive(Debug)]
pub(crate) struct Few {
    way: Way,
    lists: Lists,
    /// Tiles of the inner dimension.
    depth: usize,
}

impl Few {
    /// Of nothing yet.
    pub fn none() -> Self {
        Self {
            way: Way::All,
            lists: Lists::default(),
            depth: 0,
        }
    }

    pub fn way(&self) -> Way {
        self.way
    }

    /// Lists rows of packed states, so many words each, if it pays; in as many [parts](parts_of) for each of so many groups of
    /// words, if there are as many words.
    pub fn list_states(&mut self, words: &[u64], each: usize, groups: usize) {
        self.depth = each;
        let on: u32 = words.iter().map(|word| word.count_ones()).sum();
        let pays = f64::from(on) <= MOST_ONES * (words.len() * DEPTH) as f64;
        self.way = if pays { Way::Ones } else { Way::All };
        if pays {
            let groups = groups.min(each);
            self.lists.parts = groups * each.div_ceil(groups * MOST_NEAR);
            list_states(words, each, &mut self.lists);
        }
    }

    /// In how many [parts](parts_of) states are listed.
    pub fn parts(&self) -> usize {
        self.lists.parts
    }

    /// Lists the rows of a strip of `left`, if it pays.
    pub fn list(&mut self, left: &InParts, strip: usize) {
        self.way = Way::All;
        self.depth = left.depth();
        let strip = Strip::of(left, strip);
        if let Some(words) = words(&strip) {
            self.list_states(&words, self.depth, 1);
            return;
        }
        let most = MOST_FOURS * (strip.rows * left.inner.div_ceil(BYTES)) as f64;
        if list_fours(&strip, most as usize, &mut self.lists) {
            self.way = Way::Fours;
        }
    }

    /// Which places, or fours, of each tile are listed in some of the strips that are multiplied in this way; `None` if there
    /// is no such strip.
    pub fn used<'a>(all: impl Iterator<Item = &'a Self>, way: Way) -> Option<Vec<u64>> {
        let lists = all.filter(|few| few.way == way).map(|few| &few.lists);
        lists.fold(None, |used: Option<Vec<u64>>, lists| {
            let Some(mut used) = used else {
                return Some(lists.used.clone());
            };
            for (used, more) in used.iter_mut().zip(&lists.used) {
                *used |= more;
            }
            Some(used)
        })
    }

    /// `rows ← scales ·` products of the rows and 32 columns of each table, where states are [listed](Way::Ones): in the columns
    /// from `first` on. Of a part there are sums only, as bits, until the last is added.
    pub fn add_ones(
        &self,
        part: Part,
        tables: &[(&[u32], [[f32; ROWS]; 2])],
        first: usize,
        rows: &mut [&mut [f32]],
    ) {
        assert!(self.way == Way::Ones, "states are listed");
        let table = |number: usize| {
            let (table, scales) = &tables[number];
            (&table.as_chunks().0[..=self.depth * DEPTH], scales)
        };
        if tables.len() == 1 {
            add_ones(&self.lists, part, [table(0)], first, rows);
        } else {
            add_ones(&self.lists, part, [table(0), table(1)], first, rows);
        }
    }

    /// The same where [fours](Way::Fours) are listed.
    pub fn add_fours(
        &self,
        tables: &[u32],
        scales: &[[f32; ROWS]; 2],
        first: usize,
        rows: &mut [&mut [f32]],
    ) {
        assert!(self.way == Way::Fours, "fours are listed");
        let (table, second) = tables.split_at(self.depth * FOURS);
        let tables = [table, &second[..self.depth * FOURS]].map(bytemuck::cast_slice);
        add_fours(&self.lists, tables, scales, first, rows);
    }
}

/// A part of what is listed of states.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub number: usize,
    /// Whether it is added to the sums of others.
    pub goes_on: bool,
    /// Whether no other will be added.
    pub is_last: bool,
}

/// [`Few::add_ones`].
fn add_ones<const TABLES: usize>(
    lists: &Lists,
    part: Part,
    tables: [Scaled; TABLES],
    first: usize,
    rows: &mut [&mut [f32]],
) {
    for (table, _) in tables {
        lists.assert_within(table.len());
    }
    assert!(
        part.number < lists.parts && lists.ends.len() == lists.parts * rows.len(),
        "a part of all rows"
    );
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::vectors() {
        // SAFETY: the processor has these instructions, as was asked; places are those of the tables.
        unsafe { processor::add_ones(lists, part, tables, first, rows) };
        return;
    }
    add_ones_plainly(lists, part, tables, first, rows);
}

/// The plain twin.
fn add_ones_plainly<const TABLES: usize>(
    lists: &Lists,
    part: Part,
    tables: [Scaled; TABLES],
    first: usize,
    rows: &mut [&mut [f32]],
) {
    let before = part.number * rows.len();
    let places = |row: usize| {
        let places = lists.places[lists.row(before + row)].iter();
        places.map(|place| usize::from(*place) * lists.steps / WHOLE_WORDS)
    };
    for (number, (table, scales)) in tables.into_iter().enumerate() {
        let first = first + number * STRIP;
        let mut sums: [Sums; 2] = [[[[0; WIDTH]; 2]; STRIP]; 2];
        for (row, fields) in rows.iter_mut().enumerate() {
            for half in 0..2 {
                for column in 0..WIDTH {
                    let all = places(row).map(|place| {
                        let both = table[place][column];
                        let low = i32::from(both as u16) - BIAS;
                        [low, both.cast_signed() >> 16][half]
                    });
                    let field = &mut fields[first + half * WIDTH + column];
                    let before = if part.goes_on {
                        field.to_bits().cast_signed()
                    } else {
                        0
                    };
                    let sum = before + all.sum::<i32>();
                    *field = f32::from_bits(sum.cast_unsigned());
                    // Of 256 times the one and the other: 255 sums.
                    let [upper, lower] = &mut sums[half][row];
                    (upper[column], lower[column]) = (sum, -sum);
                }
            }
        }
        if part.is_last {
            for (half, sums) in sums.iter().enumerate() {
                put_sums_plainly(&scales[half], sums, first + half * WIDTH, rows);
            }
        }
    }
}

/// [`Few::add_fours`], of sixteen columns of each table.
fn add_fours(
    lists: &Lists,
    tables: [&[Fours]; 2],
    scales: &[[f32; ROWS]; 2],
    first: usize,
    rows: &mut [&mut [f32]],
) {
    lists.assert_within(tables[0].len().min(tables[1].len()));
    assert!(lists.steps == 1, "fours are found by their first step");
    assert!(
        lists.second.is_empty()
            || lists.second.len() == lists.ends.len().div_ceil(GROUP) * lists.used.len(),
        "second digits of all rows"
    );
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::vectors() {
        // SAFETY: the processor has these instructions, as was asked; places are those of the tables.
        unsafe { processor::add_fours(lists, tables, scales, first, rows) };
        return;
    }
    add_fours_plainly(lists, tables, scales, first, rows);
}

/// The plain twin.
fn add_fours_plainly(
    lists: &Lists,
    tables: [&[Fours]; 2],
    scales: &[[f32; ROWS]; 2],
    first: usize,
    rows: &mut [&mut [f32]],
) {
    for (half, (table, scales)) in tables.into_iter().zip(scales).enumerate() {
        let mut sums: Sums = [[[0; WIDTH]; 2]; STRIP];
        for (row, sums) in (0..lists.ends.len()).zip(&mut sums) {
            for (digit, sums) in sums.iter_mut().enumerate() {
                for (column, sum) in sums.iter_mut().enumerate() {
                    let products = lists.row(row).map(|at| {
                        let four = usize::from(lists.places[at]) / FOURS_WORDS;
                        product(lists.digits[at], table[four][digit][column])
                    });
                    *sum = products.fold(0, i32::wrapping_add);
                }
            }
            let tiles = lists.used.len();
            let second = lists.second.iter().skip(row / GROUP * tiles).take(tiles);
            let second = second.flat_map(|rows| rows[row % GROUP]);
            for (four, left) in second.enumerate() {
                for (sum, right) in sums[1].iter_mut().zip(table[four][0]) {
                    *sum += product(left, right);
                }
            }
        }
        put_sums_plainly(scales, &sums, first + half * WIDTH, rows);
    }
}

/// The sum of the products of four digits and as many signed ones.
fn product(left: u32, right: u32) -> i32 {
    let left = left.to_le_bytes().map(i32::from);
    let right = right
        .to_le_bytes()
        .map(|byte| i32::from(byte.cast_signed()));
    left.iter()
        .zip(right)
        .map(|(left, right)| left * right)
        .sum()
}

#[cfg(test)]
mod tests;
