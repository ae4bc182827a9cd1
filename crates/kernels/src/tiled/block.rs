//! Blocks of hidden units, with their weights and states.

use std::ops::Range;
use std::slice;

use ndarray::{Array2, ArrayView2, s};

use crate::aligned::{Aligned, OnLine};
use crate::amx::{ROWS, Tiles};
use crate::bytes;
use crate::gather::be_mine;
use crate::parts::{
    Added, COLUMNS, Chosen, Columns, DEPTH, DIGITS, FIRST, Few, InParts, Largest, NONE, ON, Packed,
    Pairs, Part, STRIP, SUMS, TILE, Turned, WHOLES, WIDE, WIDTH, Way, across, add_counts, clear,
    cut_both, cut_fours, grow, make_whole, multiply_both, parts_of, put_less, put_none, put_sums,
    room, turn_states, unit,
};
use crate::tiled::batch::{Counted, Visible, order};
use crate::tiled::{PRECISION, Step};

/// Up to [`WIDE`] hidden units: their weights and states.
#[derive(Debug)]
pub(super) struct Block {
    pub units: usize,
    /// V rows of [`WIDE`], 0 where there is no unit.
    pub rows: Aligned<f32>,
    pub largest: Largest,
    /// Rows cut for the next way down, when a step is made.
    pub down: Cut,
    /// Packed states of the mini-batch and of the chains: batch rows of one word each.
    pub states: [Array2<u64>; 2],
}

/// Visible units of the mini-batch and the chains, as a step takes them.
pub(super) struct Units<'a> {
    columns: &'a InParts,
    counted: [&'a Counted; 2],
    /// Those of the chains.
    added: &'a Added,
}

impl<'a> Units<'a> {
    /// Those of a mini-batch, and those of chains that are counted or added up.
    pub fn of(batch: &'a Visible, counted: &'a Counted, added: &'a Added) -> Self {
        Self {
            columns: &batch.columns,
            counted: [&batch.counted, counted],
            added,
        }
    }

    /// Whether those of the mini-batch (0) or the chains (1) are neither counted nor added up.
    fn is_multiplied(&self, part: usize) -> bool {
        !self.counted[part].any && (part == 0 || !self.added.any)
    }
}

/// Rows of weights in both digits, by sixteen.
#[derive(Debug)]
pub(super) struct Cut {
    /// Nothing before any are cut.
    tiles: Aligned<u32>,
    /// The bits of what their numbers are multiples of; nothing where they are not cut.
    units: Vec<Option<[u32; ROWS]>>,
}

impl Cut {
    /// None of so many rows.
    fn none(rows: usize) -> Self {
        Self {
            tiles: Aligned::zeros(0),
            units: vec![None; rows.div_ceil(ROWS)],
        }
    }

    /// The sixteen rows `place`, if they are cut into multiples of these units.
    pub fn get(&self, place: usize, units: &[f32; ROWS]) -> Option<&Columns> {
        let same = self.units[place] == Some(units.map(f32::to_bits));
        same.then(|| &self.tiles.slice().as_chunks().0[place])
    }

    /// Asks for a share, `number` of so many, of where rows will be put.
    pub fn be_mine(&self, (number, of): (usize, usize)) {
        let lines = self.tiles.slice().as_chunks::<WIDTH>().0;
        let [start, end] = [number, number + 1].map(|share| lines.len() * share / of);
        be_mine(&lines[start..end]);
    }

    /// Cuts rows into multiples of `units`.
    fn put(&mut self, rows: &[[f32; WIDE]], units: &[[f32; ROWS]]) {
        let matrix = ArrayView2::from_shape((rows.len(), WIDE), rows.as_flattened());
        let matrix = matrix.expect("whole rows");
        if self.tiles.slice().is_empty() {
            self.tiles = Aligned::zeros(self.units.len() * COLUMNS);
        }
        let tiles = self.tiles.slice_mut().as_chunks_mut().0;
        for (place, first) in (0..rows.len()).step_by(ROWS).enumerate() {
            let lines = first..(first + ROWS).min(rows.len());
            cut_both(matrix, lines, &units[place], &mut tiles[place..=place]);
            self.units[place] = Some(units[place].map(f32::to_bits));
        }
    }
}

impl Block {
    /// Units with weights `from` (V × units) and no states yet.
    pub fn new(from: ArrayView2<f32>, batch: usize) -> Self {
        let mut rows = Aligned::zeros(from.nrows() * WIDE);
        let chunks = rows.slice_mut().as_chunks_mut::<WIDE>().0;
        for (from, out) in from.outer_iter().zip(chunks) {
            for (x, out) in from.iter().zip(out) {
                *out = *x;
            }
        }
        let largest = Largest::of(rows.slice().as_chunks().0);
        Self {
            units: from.ncols(),
            rows,
            largest,
            down: Cut::none(from.nrows()),
            states: [0, 1].map(|_| Array2::zeros((batch, 1))),
        }
    }

    /// V × units.
    pub fn view(&self) -> ArrayView2<'_, f32> {
        let rows = self.rows.slice();
        let all = ArrayView2::from_shape((rows.len() / WIDE, WIDE), rows);
        all.expect("whole rows").slice_move(s![.., ..self.units])
    }

    /// Weights · visible units: fields without bias, to column `first` of one row each of all `lefts`.
    pub fn fields_up(&self, lefts: &[Left], first: usize, rows: &mut [&mut [f32]]) {
        let columns = self.view().reversed_axes();
        let depth = columns.ncols().div_ceil(DEPTH);
        let length = depth * WHOLES + NONE;
        let mut memory = room(depth * COLUMNS + 2 * length);
        let (all, tables) = memory.slice_mut().split_at_mut(depth * COLUMNS);
        let mut sums = OnLine([[[0; WIDTH]; 2]; STRIP]);
        let few = lefts.iter().flat_map(|(_, few)| few.iter());
        let by_all = few.clone().any(|few| few.way() == Way::All);
        let [by_ones, by_fours] = [Way::Ones, Way::Fours].map(|way| Few::used(few.clone(), way));
        let set_up = Tiles::set_up();
        let units = self.largest.of_columns.map(|bits| bits.map(unit));
        let units = &units.as_chunks::<2>().0[..self.units.div_ceil(STRIP)];
        let scales = units.iter().map(|units| units.map(scales_of));
        let ranges = (0..self.units).step_by(STRIP);
        let ranges = ranges.map(|within| within..(within + STRIP).min(self.units));
        if let Some(used) = &by_ones {
            let tables = tables.chunks_mut(length).zip(ranges.clone()).zip(units);
            let tables = tables.map(|((table, range), units)| {
                make_whole(columns, range, units.each_ref(), used, table);
                put_none(&mut table[depth * WHOLES..]);
                &*table
            });
            let tables: Vec<_> = tables.zip(scales.clone()).collect();
            add_ones(&tables, lefts, first, rows);
        }
        for ((range, units), scales) in ranges.zip(units).zip(scales) {
            let within = range.start;
            if let Some(used) = &by_fours {
                let table = &mut tables[..depth * WHOLES];
                cut_fours(columns, range.clone(), units.each_ref(), used, table);
                for (_, few, rows) in strips(lefts, rows, Way::Fours) {
                    few.add_fours(table, &scales, first + within, rows);
                }
            }
            if !by_all {
                continue;
            }
            for (half, within) in range.clone().step_by(ROWS).enumerate() {
                let range = within..range.end.min(within + ROWS);
                let tiles = all.as_chunks_mut().0;
                cut_both(columns, range, &units[half], tiles);
                let right: Vec<_> = tiles.iter().collect();
                for (left, _, rows) in strips(lefts, rows, Way::All) {
                    multiply_both(&set_up, rows.len(), left, &right, &mut sums);
                    put_sums(&scales[half], &sums, first + within, rows);
                }
            }
        }
        drop(set_up);
        clear(&mut memory);
    }

    /// A step by the `visible` units. Rows are then cut into multiples of `units`, if these are given.
    pub fn step(
        &mut self,
        visible: &Units,
        units: Option<&[[f32; ROWS]]>,
        Step { keep, scale }: Step,
    ) {
        let counted = visible.counted;
        let before = self.states[0].nrows().div_ceil(DEPTH);
        // A strip of states has one digit, a block two strips.
        let strip = 2 * before * 2 * TILE;
        let mut memory = room(2 * strip + 2 * DIGITS * SUMS);
        let (tiles, sums) = memory.slice_mut().split_at_mut(2 * strip);
        let sums: &mut [i32] = bytemuck::cast_slice_mut(&mut sums[..2 * DIGITS * SUMS]);
        let strips = self.units.div_ceil(STRIP);
        for (within, tiles) in (0..strips).zip(tiles.chunks_mut(strip)) {
            for (part, on) in (0..).zip([1, -1]) {
                if visible.is_multiplied(part) {
                    let states = Packed(self.states[part].view());
                    let place = (part * before, order());
                    states.put_columns(within * STRIP, Some(on), place, tiles);
                }
            }
        }
        let turned = [0, 1].map(|part| (!visible.is_multiplied(part)).then(|| self.turned(part)));
        let chosen = visible.added.any.then(|| {
            let states = turned[1].as_ref().expect("states that are not multiplied");
            Chosen::of(states, self.states[1].nrows(), strips)
        });
        let mut less = chosen.as_ref().map(|_| OnLine([[[0; SUMS]; 2]; 2]));
        let mut there = vec![0; 2 * before];
        let Largest {
            of_rows,
            of_columns,
        } = &mut self.largest;
        *of_columns = Default::default();
        let rows = self.rows.slice_mut().as_chunks_mut::<WIDE>().0;
        let all_rows = rows.len();
        let rows = rows.chunks_mut(STRIP).zip(of_rows.chunks_mut(STRIP));
        self.down.units.fill(None);
        let mut pairs = Pairs::new(PRECISION);
        let set_up = Tiles::set_up();
        for (place, (rows, of_rows)) in rows.enumerate() {
            let (group, within_group) = (place * STRIP / WIDE, place * STRIP % WIDE);
            if let (0, Some(chosen), Some(less)) = (within_group, &chosen, &mut less) {
                let strips = (all_rows - place * STRIP).div_ceil(STRIP).min(2);
                put_less(chosen, &visible.added.group(group)[..strips], less);
            }
            let (left, digits) = visible.columns.strip(place);
            there.copy_from_slice(digits);
            for (part, there) in there.chunks_mut(before).enumerate() {
                if !visible.is_multiplied(part) {
                    there.fill(0);
                }
            }
            pairs.find(&there, 1);
            let halves = [rows.len() > ROWS, true];
            let mut most = OnLine([[0; WIDTH]; STRIP]);
            let wide = bytes::vectors() && strips == 2;
            let mut levels = 0;
            if wide {
                levels = pairs.multiply_wide(rows.len(), left, tiles.split_at(strip), sums);
            }
            let less = less.as_ref().map(|less| &less[within_group / STRIP]);
            let all = sums.chunks_mut(DIGITS * SUMS);
            for ((within, tiles), sums) in (0..strips).zip(tiles.chunks(strip)).zip(all) {
                if !wide {
                    levels = pairs.multiply(&set_up, halves, left, tiles, sums);
                }
                let mut levels = levels;
                if levels == 0 && (0..2).any(|part| !visible.is_multiplied(part)) {
                    sums[..SUMS].fill(0);
                    levels = 1;
                }
                let on = i32::from(ON);
                for ((counted, turned), times) in counted.iter().zip(&turned).zip([on, -on]) {
                    if let Some(turned) = turned.as_ref().filter(|_| counted.any) {
                        let left = (counted.group(group), within_group);
                        let right = (&turned[..], within * STRIP);
                        add_counts(times, left, right, &mut sums[..SUMS]);
                    }
                }
                let (first, second) = sums.split_at_mut(SUMS);
                let less = less.map(|less| &less[within]);
                let second = with_second(&mut levels, &mut second[..SUMS], less);
                let sums = [first, second];
                let largest = [&mut most[..], &mut of_columns[..]];
                grow(keep, scale, &sums[..levels], (rows, within), largest);
            }
            let most = most.as_chunks_mut::<ROWS>().0.iter_mut();
            for (of_rows, most) in of_rows.chunks_mut(ROWS).zip(most) {
                let most = across(most);
                of_rows.copy_from_slice(&most[..of_rows.len()]);
            }
        }
        drop(set_up);
        clear(&mut memory);
        if let Some(units) = units {
            self.down
                .put(self.rows.slice().as_chunks::<WIDE>().0, units);
        }
    }

    /// States of the mini-batch (0) or the chains (1) as columns.
    fn turned(&self, part: usize) -> Vec<Turned> {
        let states = self.states[part].column(0);
        let mut turned = vec![[0; WIDE]; states.len().div_ceil(STRIP)];
        turn_states(states, &mut turned);
        turned
    }
}

/// Sums of second digits, of which those of chains that are added up are a part; there are two digits then.
fn with_second<'a>(
    levels: &mut usize,
    sums: &'a mut [i32],
    less: Option<&'a [u32; SUMS]>,
) -> &'a [i32] {
    let Some(less) = less else {
        return sums;
    };
    let less: &[i32] = bytemuck::cast_slice(less);
    if *levels < 2 {
        *levels = 2;
        return less;
    }
    for (sum, less) in sums.iter_mut().zip(less) {
        // Of rows that are not there anything may be there.
        *sum = sum.wrapping_add(*less);
    }
    sums
}

/// A left matrix, and by strips of its rows how it is multiplied.
pub(super) type Left<'a> = (&'a InParts, &'a [Few]);

/// Tiles of a strip, and how many digits they have.
type StripTiles<'a> = (&'a [u32], &'a [u8]);

/// The strips of left matrices that are multiplied in this way, and the rows of what comes out; one below the other.
fn strips<'a, 'b>(
    lefts: &'a [Left],
    rows: &'a mut [&'b mut [f32]],
    way: Way,
) -> impl Iterator<Item = (StripTiles<'a>, &'a Few, &'a mut [&'b mut [f32]])> {
    let each = rows.len() / lefts.len();
    let lefts = lefts.iter().zip(rows.chunks_mut(each));
    let strips = lefts.flat_map(|((left, few), rows)| {
        let strips = few.iter().zip(rows.chunks_mut(STRIP)).enumerate();
        strips.map(|(strip, (few, rows))| (left.strip(strip), few, rows))
    });
    strips.filter(move |(_, few, _)| few.way() == way)
}

/// What sums count for numbers that are multiples of these units.
fn scales_of(units: [f32; ROWS]) -> [f32; ROWS] {
    units.map(|unit| FIRST * unit)
}

/// Adds up the numbers of one or two tables with their scales, 32 columns each, where states are listed.
fn add_ones(
    tables: &[(&[u32], [[f32; ROWS]; 2])],
    lefts: &[Left],
    first: usize,
    rows: &mut [&mut [f32]],
) {
    let mut few = lefts.iter().flat_map(|(_, few)| few.iter());
    let listed = few.find(|few| few.way() == Way::Ones);
    let parts = listed.map_or(0, Few::parts);
    for number in 0..parts {
        let part = Part {
            number,
            goes_on: number > 0,
            is_last: number + 1 == parts,
        };
        for (_, few, rows) in strips(lefts, rows, Way::Ones) {
            few.add_ones(part, tables, first, rows);
        }
    }
}

/// Of what those of the rows `range` of all weights, by sixteen, are made multiples.
pub(super) fn units_of_rows(blocks: &[Block], range: Range<usize>, units: &mut [[f32; ROWS]]) {
    let starts = range.clone().step_by(ROWS);
    for (first, units) in starts.zip(units) {
        let mut largest = [0; ROWS];
        for block in blocks {
            let of_rows = &block.largest.of_rows[first..range.end.min(first + ROWS)];
            for (largest, bits) in largest.iter_mut().zip(of_rows) {
                *largest = (*bits).max(*largest);
            }
        }
        *units = largest.map(unit);
    }
}

/// What hidden states of one group of blocks, of so many, add to the fields of the visible units `range`: sums, as bits, one row
/// each of `few`, where states are listed for as many groups. The last group goes on with those of all others, and makes fields
/// of them, without bias.
pub(super) fn sums_down(
    blocks: &[Block],
    few: &[Few],
    (group, groups, is_last): (usize, usize, bool),
    (units, range): (&[[f32; ROWS]], &Range<usize>),
    rows: &mut [&mut [f32]],
) {
    let used = Few::used(few.iter(), Way::Ones).expect("states that are listed");
    let tiles = parts_of(blocks.len(), groups).nth(group).expect("a group");
    let each = few[0].parts() / groups;
    by_tables((blocks, tiles), &used, (units, range), |tables, first| {
        for number in group * each..(group + 1) * each {
            let part = Part {
                number,
                goes_on: is_last || number > group * each,
                is_last: is_last && number + 1 == (group + 1) * each,
            };
            for (few, rows) in few.iter().zip(rows.chunks_mut(STRIP)) {
                few.add_ones(part, tables, first, rows);
            }
        }
    });
}

/// Strips of lines, and of what, by sixteen, they are multiples.
fn strips_of_lines(
    lines: Range<usize>,
    units: &[[f32; ROWS]],
) -> impl Iterator<Item = (Range<usize>, &[[f32; ROWS]])> {
    let starts = lines.clone().step_by(STRIP);
    let lines = starts.map(move |first| first..(first + STRIP).min(lines.end));
    lines.zip(units.chunks(2))
}

/// Makes the rows `range` of weights whole, 64 at a time, in the places that are used, of the blocks `tiles` only; as tables,
/// which are given with their scales and the number of the first row in the range.
fn by_tables(
    (blocks, tiles): (&[Block], Range<usize>),
    used: &[u64],
    (units, range): (&[[f32; ROWS]], &Range<usize>),
    mut with: impl FnMut(&[(&[u32], [[f32; ROWS]; 2])], usize),
) {
    let depth = blocks.len();
    let length = depth * WHOLES + NONE;
    let mut memory = room(2 * length);
    let weights: Vec<_> = blocks[tiles.clone()].iter().map(Block::view).collect();
    for (first, units) in range.clone().step_by(WIDE).zip(units.chunks(WIDE / ROWS)) {
        let lines = first..(first + WIDE).min(range.end);
        let tables = memory.slice_mut().chunks_mut(length);
        let tables = tables.zip(strips_of_lines(lines, units));
        let tables = tables.map(|(table, (lines, units))| {
            let both = [&units[0], &units[units.len() - 1]];
            for (tile, weights) in tiles.clone().zip(&weights) {
                let out = &mut table[tile * WHOLES..(tile + 1) * WHOLES];
                make_whole(*weights, lines.clone(), both, &used[tile..=tile], out);
            }
            put_none(&mut table[depth * WHOLES..]);
            (&*table, both.map(|units| scales_of(*units)))
        });
        let tables: Vec<_> = tables.collect();
        with(&tables, first - range.start);
    }
    clear(&mut memory);
}

/// Weights · hidden states: fields, without bias, of the visible units `range`, one row each of `states`; rows of weights as
/// multiples of `units`, by sixteen.
pub(super) fn fields_down(
    blocks: &[Block],
    states: Left,
    units: &[[f32; ROWS]],
    range: Range<usize>,
    rows: &mut [&mut [f32]],
) {
    let weights: Vec<_> = blocks
        .iter()
        .map(|block| (block.view(), &block.down))
        .collect();
    let depth = weights.len();
    let lefts = &[states];
    let by_all = states.1.iter().any(|few| few.way() == Way::All);
    let by_ones = Few::used(states.1.iter(), Way::Ones);
    let mut sums = OnLine([[[0; WIDTH]; 2]; STRIP]);
    let set_up = Tiles::set_up();
    if let Some(used) = &by_ones {
        let tiles = 0..depth;
        by_tables((blocks, tiles), used, (units, &range), |tables, first| {
            add_ones(tables, lefts, first, rows);
        });
    }
    if by_all {
        let mut memory = room(depth * COLUMNS);
        for (lines, units) in strips_of_lines(range.clone(), units) {
            let (first, at) = (lines.start, lines.start - range.start);
            for (half, units) in units.iter().enumerate() {
                let first = first + half * ROWS;
                let lines = first..(first + ROWS).min(range.end);
                let tiles = memory.slice_mut().as_chunks_mut().0;
                let right = weights.iter().zip(tiles).map(|((weights, down), out)| {
                    down.get(first / ROWS, units).unwrap_or_else(|| {
                        cut_both(*weights, lines.clone(), units, slice::from_mut(out));
                        out
                    })
                });
                let right: Vec<_> = right.collect();
                let scales = scales_of(*units);
                for (left, _, rows) in strips(lefts, rows, Way::All) {
                    multiply_both(&set_up, rows.len(), left, &right, &mut sums);
                    put_sums(&scales, &sums, at + half * ROWS, rows);
                }
            }
        }
        clear(&mut memory);
    }
    drop(set_up);
}
