//! Mini-batches, and what they are taken up into.

use ndarray::{Array1, ArrayView1, ArrayView2, ArrayViewMut1, Axis};
use pulp::Arch;

use crate::bytes;
use crate::parts::{DEPTH, InParts, Order, Packed, STRIP, Sides, Turned, WIDE, sides, turn_states};
use crate::tiled::PRECISION;
use crate::{BitRows, Pixels, Workers, vectorized};

/// A mini-batch.
#[derive(Debug, Clone, Copy)]
pub enum Batch<'a> {
    /// Of pixels: rows by their numbers.
    Pixels(&'a Pixels, &'a [usize]),
    /// Of states: rows by their numbers.
    States(&'a BitRows, &'a [usize]),
}

impl Batch<'_> {
    /// Rows and units.
    pub(super) fn dim(&self) -> (usize, usize) {
        match self {
            Batch::Pixels(pixels, chosen) => (chosen.len(), pixels.columns()),
            Batch::States(states, chosen) => (chosen.len(), states.bits()),
        }
    }

    /// Whether it is counted rather than multiplied.
    pub(super) fn is_counted(&self) -> bool {
        bytes::vectors() && matches!(self, Batch::States(..))
    }

    /// Puts 64 units, and their sums.
    pub(super) fn put(
        &self,
        sides: &mut Sides,
        counted: Option<Place>,
        group: usize,
        sums: &mut [f32],
    ) {
        match self {
            Batch::Pixels(pixels, chosen) => {
                let mut all = [0.0; DEPTH];
                sides.put_pixels(pixels, chosen, group, &mut all);
                sums.copy_from_slice(&all[..sums.len()]);
            }
            Batch::States(states, chosen) => {
                let words = chosen.iter().map(|row| states.row(*row)[group]);
                let words = Array1::from_iter(words).insert_axis(Axis(1));
                put_states(sides, counted, (Packed(words.view()), 0), 0);
                sums.copy_from_slice(&count(words.view())[..sums.len()]);
            }
        }
    }
}

/// Puts a word of states to where they are counted, if they are.
pub(super) fn put_states(
    sides: &mut Sides,
    counted: Option<Place>,
    (states, word): (Packed, usize),
    before: usize,
) {
    if let Some((words, turned)) = counted {
        let states = states.0.column(word);
        turn_states(states, turned);
        ArrayViewMut1::from(words).assign(&states);
    } else {
        sides.put_states(states, word, before);
    }
}

/// In which order columns take up rows.
pub(super) fn order() -> Order {
    if bytes::vectors() {
        Order::Close
    } else {
        Order::Tiles
    }
}

/// States that are counted rather than multiplied; 64 units after the other.
#[derive(Debug)]
pub(super) struct Counted {
    /// Whether there are any.
    pub any: bool,
    /// A word a row. Nothing before there are any.
    words: Vec<u64>,
    /// As columns.
    turned: Vec<Turned>,
    rows: usize,
    groups: usize,
}

/// Where 64 units that are counted are put.
pub(super) type Place<'a> = (&'a mut [u64], &'a mut [Turned]);

impl Counted {
    /// Room for so many rows of so many units.
    pub fn none(rows: usize, units: usize) -> Self {
        Self {
            any: false,
            words: Vec::new(),
            turned: Vec::new(),
            rows,
            groups: units.div_ceil(WIDE),
        }
    }

    /// Where 64 units each are put, if there are `any` to be counted.
    pub fn begin(&mut self, any: bool) -> Vec<Option<Place<'_>>> {
        self.any = any;
        if !any {
            return (0..self.groups).map(|_| None).collect();
        }
        let strips = self.rows.div_ceil(STRIP);
        self.words.resize(self.groups * self.rows, 0);
        self.turned.resize(self.groups * strips, [0; WIDE]);
        let words = self.words.chunks_mut(self.rows);
        words
            .zip(self.turned.chunks_mut(strips))
            .map(Some)
            .collect()
    }

    /// 64 units as columns.
    pub fn group(&self, group: usize) -> &[Turned] {
        let strips = self.rows.div_ceil(STRIP);
        &self.turned[group * strips..][..strips]
    }

    /// A strip of rows, packed, and how many words each has.
    pub fn strip(&self, strip: usize) -> (Vec<u64>, usize) {
        let rows = strip * STRIP..self.rows.min((strip + 1) * STRIP);
        let mut words = Vec::with_capacity(rows.len() * self.groups);
        for row in rows {
            words.extend((0..self.groups).map(|group| self.words[group * self.rows + row]));
        }
        (words, self.groups)
    }

    /// Puts all of them as rows.
    pub fn put_rows(&self, workers: &Workers, out: &mut InParts) {
        let mut groups: Vec<_> = self.words.chunks(self.rows).zip(out.by_tile()).collect();
        workers.for_each_chunk(&mut groups, 1, |_, groups| {
            let (words, tiles) = &mut groups[0];
            let words = ArrayView1::from(&**words).insert_axis(Axis(1));
            Packed(words).put_rows(0, tiles);
        });
    }
}

/// Visible units of a mini-batch as rows, and of it and the chains, one after the other, as columns.
#[derive(Debug)]
pub(super) struct Visible {
    pub rows: InParts,
    pub columns: InParts,
    /// Those of the mini-batch, where they are counted: rows have them only where these are multiplied whole.
    pub counted: Counted,
    /// Σ v of the mini-batch, by unit.
    pub sums: Vec<f32>,
}

/// Where 64 units of a mini-batch are put, and their sums.
pub(super) type Group<'a> = (Sides<'a>, Option<Place<'a>>, &'a mut [f32]);

impl Visible {
    /// Room for so many rows of so many units.
    pub fn none(rows: usize, units: usize) -> Self {
        Self {
            rows: InParts::new(PRECISION, rows, units),
            columns: InParts::new(PRECISION, units, 2 * rows.next_multiple_of(DEPTH)),
            counted: Counted::none(rows, units),
            sums: vec![0.0; units],
        }
    }

    /// Where a mini-batch is put; `counted` says whether its states will be.
    pub fn groups(&mut self, counted: bool) -> Vec<Group<'_>> {
        let places = self.counted.begin(counted);
        let sides = sides(&mut self.rows, &mut self.columns, order());
        let groups = sides.into_iter().zip(places);
        let groups = groups.zip(self.sums.chunks_mut(DEPTH));
        groups
            .map(|((sides, place), sums)| (sides, place, sums))
            .collect()
    }
}

/// Rows of which each unit's are counted together, in four bits.
const COUNTED: usize = 15;

/// How many rows each unit is on in.
pub(super) fn count(states: ArrayView2<u64>) -> Vec<f32> {
    let mut sums = vec![0_i32; 64 * states.ncols()];
    vectorized(
        Arch::new(),
        #[inline(always)]
        || {
            for (column, sums) in states.axis_iter(Axis(1)).zip(sums.as_chunks_mut::<64>().0) {
                for first in (0..column.len()).step_by(COUNTED) {
                    let row = |place| column.get(first + place).map_or(0, |word| *word);
                    for (bit, word) in count_bits(std::array::from_fn(row)).into_iter().enumerate()
                    {
                        let halves = [word as u32, (word >> 32) as u32];
                        for (half, sums) in halves.iter().zip(sums.as_chunks_mut::<32>().0) {
                            for (place, sum) in sums.iter_mut().enumerate() {
                                *sum += ((half >> place & 1) << bit).cast_signed();
                            }
                        }
                    }
                }
            }
        },
    );
    sums.into_iter().map(|sum| sum as f32).collect()
}

/// In how many of the words each bit is set, bit by bit of that number.
#[inline(always)]
fn count_bits(mut words: [u64; COUNTED]) -> [u64; 4] {
    let mut pairs = COUNTED / 2;
    std::array::from_fn(|_| {
        let mut sum = words[0];
        // Three bits of one weight make one of it and one of the next.
        for pair in 0..pairs {
            let [a, b] = [words[2 * pair + 1], words[2 * pair + 2]];
            words[pair] = sum & a | sum & b | a & b;
            sum ^= a ^ b;
        }
        pairs /= 2;
        sum
    })
}
