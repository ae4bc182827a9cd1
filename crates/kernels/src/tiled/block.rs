//! Blocks of hidden units, with their weights and states.

use std::ops::Range;
use std::slice;

use ndarray::{Array2, ArrayView2, s};

use crate::aligned::{Aligned, OnLine};
use crate::amx::{ROWS, Tiles};
use crate::gather::be_mine;
use crate::parts::{
    COLUMNS, Columns, DEPTH, DIGITS, FIRST, InParts, Largest, Packed, Pairs, STRIP, SUMS, TILE,
    WIDE, WIDTH, across, clear, cut_both, grow, multiply_both, put_sums, room, unit,
};
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
    pub fn fields_up(
        &self,
        lefts: &[&InParts],
        batch: usize,
        first: usize,
        rows: &mut [&mut [f32]],
    ) {
        let columns = self.view().reversed_axes();
        let depth = columns.ncols().div_ceil(DEPTH);
        let mut memory = room(depth * COLUMNS);
        let mut sums = OnLine([[[0; WIDTH]; 2]; STRIP]);
        let set_up = Tiles::set_up();
        let starts = (0..self.units).step_by(ROWS);
        for (within, bits) in starts.zip(&self.largest.of_columns) {
            let units = bits.map(unit);
            let range = within..(within + ROWS).min(self.units);
            let tiles = &mut memory.slice_mut().as_chunks_mut().0[..depth];
            cut_both(columns, range, &units, tiles);
            let right: Vec<_> = tiles.iter().collect();
            let scales = units.map(|unit| FIRST * unit);
            for (left, rows) in lefts.iter().zip(rows.chunks_mut(batch)) {
                for (strip, rows) in rows.chunks_mut(STRIP).enumerate() {
                    let left = left.strip(strip);
                    multiply_both(&set_up, rows.len(), left, &right, &mut sums);
                    put_sums(&scales, &sums, first + within, rows);
                }
            }
        }
        drop(set_up);
        clear(&mut memory);
    }

    /// A step by the visible units in `columns`. Rows are then cut into multiples of `units`, if these are given.
    pub fn step(
        &mut self,
        columns: &InParts,
        units: Option<&[[f32; ROWS]]>,
        Step { keep, scale }: Step,
    ) {
        let before = self.states[0].nrows().div_ceil(DEPTH);
        // A strip of states has one digit, a block two strips.
        let strip = 2 * before * 2 * TILE;
        let mut memory = room(2 * strip + DIGITS * SUMS);
        let (tiles, sums) = memory.slice_mut().split_at_mut(2 * strip);
        let sums: &mut [i32] = bytemuck::cast_slice_mut(&mut sums[..DIGITS * SUMS]);
        let strips = self.units.div_ceil(STRIP);
        for (within, tiles) in (0..strips).zip(tiles.chunks_mut(strip)) {
            let [data, chains] = self.states.each_ref().map(|states| Packed(states.view()));
            data.put_columns(within * STRIP, Some(1), 0, tiles);
            chains.put_columns(within * STRIP, Some(-1), before, tiles);
        }
        let Largest {
            of_rows,
            of_columns,
        } = &mut self.largest;
        *of_columns = Default::default();
        let rows = self.rows.slice_mut().as_chunks_mut::<WIDE>().0;
        let rows = rows.chunks_mut(STRIP).zip(of_rows.chunks_mut(STRIP));
        self.down.units.fill(None);
        let mut pairs = Pairs::new(PRECISION);
        let set_up = Tiles::set_up();
        for (place, (rows, of_rows)) in rows.enumerate() {
            let (left, digits) = columns.strip(place);
            pairs.find(digits, 1);
            let halves = [rows.len() > ROWS, true];
            let mut most = OnLine([[0; WIDTH]; STRIP]);
            for (within, tiles) in (0..strips).zip(tiles.chunks(strip)) {
                let levels = pairs.multiply(&set_up, halves, left, tiles, sums);
                let largest = [&mut most[..], &mut of_columns[..]];
                grow(keep, scale, levels, sums, (rows, within), largest);
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

/// Weights · hidden states: fields, without bias, of the visible units `range`, one row each of `states`; rows of weights as
/// multiples of `units`, by sixteen.
pub(super) fn fields_down(
    blocks: &[Block],
    states: &InParts,
    units: &[[f32; ROWS]],
    range: Range<usize>,
    rows: &mut [&mut [f32]],
) {
    let weights: Vec<_> = blocks
        .iter()
        .map(|block| (block.view(), &block.down))
        .collect();
    let mut memory = room(weights.len() * COLUMNS);
    let mut sums = OnLine([[[0; WIDTH]; 2]; STRIP]);
    let set_up = Tiles::set_up();
    for (first, units) in range.clone().step_by(ROWS).zip(units) {
        let (place, lines) = (first / ROWS, first..(first + ROWS).min(range.end));
        let tiles = memory.slice_mut().as_chunks_mut().0;
        let right = weights.iter().zip(tiles).map(|((weights, down), out)| {
            down.get(place, units).unwrap_or_else(|| {
                cut_both(*weights, lines.clone(), units, slice::from_mut(out));
                out
            })
        });
        let right: Vec<_> = right.collect();
        let scales = units.map(|unit| FIRST * unit);
        for (strip, rows) in rows.chunks_mut(STRIP).enumerate() {
            let left = states.strip(strip);
            multiply_both(&set_up, rows.len(), left, &right, &mut sums);
            put_sums(&scales, &sums, first - range.start, rows);
        }
    }
    drop(set_up);
    clear(&mut memory);
}
