//! Blocks of hidden units, with their weights and states.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};

use crate::aligned::Aligned;
use crate::amx::{ROWS, Tiles};
use crate::parts::{
    COLUMNS, DEPTH, DIGITS, FIRST, InParts, Largest, Packed, Pairs, STRIP, SUMS, TILE, WIDE, WIDTH,
    across, clear, cut_both, grow, multiply_both, put_right, put_sums, room, unit,
};
use crate::philox::PAIRED;
use crate::tiled::{PRECISION, Step};

/// Units of a block: those whose random numbers are drawn together.
pub(super) const BLOCK: usize = PAIRED;
/// Words of a block's packed states.
pub(super) const WORDS: usize = BLOCK / 64;
/// Some hidden units.
#[derive(Debug)]
pub(super) struct Block {
    pub units: usize,
    /// By [`WIDE`] of them.
    pub weights: Vec<Weights>,
    /// States of the mini-batch and of the chains: batch rows each.
    pub states: [Array2<u64>; 2],
}

/// Weights of some hidden units.
#[derive(Debug)]
pub(super) struct Weights {
    pub units: usize,
    /// V rows of [`WIDE`], 0 where there is no unit.
    pub rows: Aligned<f32>,
    pub largest: Largest,
}

impl Weights {
    pub fn new(from: ArrayView2<f32>) -> Self {
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
        }
    }

    /// V × units.
    pub fn view(&self) -> ArrayView2<'_, f32> {
        let rows = self.rows.slice();
        let all = ArrayView2::from_shape((rows.len() / WIDE, WIDE), rows);
        all.expect("whole rows").slice_move(s![.., ..self.units])
    }
}

impl Block {
    /// Weights · visible units: fields without bias, one row each of all `lefts`.
    pub fn fields_up(&self, lefts: &[InParts], batch: usize, rows: &mut [&mut [f32]]) {
        let visible = self.weights[0].rows.slice().len() / WIDE;
        let mut memory = room(visible.div_ceil(DEPTH) * COLUMNS);
        let mut sums = [[[0; WIDTH]; 2]; STRIP];
        let set_up = Tiles::set_up();
        for (first, half) in (0..).step_by(WIDE).zip(&self.weights) {
            let columns = half.view().reversed_axes();
            let starts = (0..half.units).step_by(ROWS);
            for (within, bits) in starts.zip(&half.largest.of_columns) {
                let units = bits.map(unit);
                let range = within..(within + ROWS).min(half.units);
                let tiles = memory.slice_mut().chunks_exact_mut(COLUMNS);
                for (tile, out) in tiles.take(visible.div_ceil(DEPTH)).enumerate() {
                    cut_both(columns, range.clone(), &units, tile, out);
                }
                let scales = units.map(|unit| FIRST * unit);
                for (left, rows) in lefts.iter().zip(rows.chunks_mut(batch)) {
                    for (strip, rows) in rows.chunks_mut(STRIP).enumerate() {
                        let left = left.strip(strip);
                        multiply_both(&set_up, rows.len(), left, memory.slice(), &mut sums);
                        put_sums(&scales, &sums, first + within, rows);
                    }
                }
            }
        }
        drop(set_up);
        clear(&mut memory);
    }

    /// A step by the visible units in `columns`.
    pub fn step(&mut self, columns: &InParts, Step { keep, scale }: Step) {
        let before = self.states[0].nrows().div_ceil(DEPTH);
        // A strip of states has one digit, a half of weights two strips.
        let strip = 2 * before * 2 * TILE;
        let mut memory = room(2 * strip + DIGITS * SUMS);
        let (tiles, sums) = memory.slice_mut().split_at_mut(2 * strip);
        let sums: &mut [i32] = bytemuck::cast_slice_mut(&mut sums[..DIGITS * SUMS]);
        let mut pairs = Pairs::new(PRECISION);
        let set_up = Tiles::set_up();
        for (first, half) in (0..).step_by(WIDE).zip(&mut self.weights) {
            let strips = half.units.div_ceil(STRIP);
            for (within, tiles) in (0..strips).zip(tiles.chunks_mut(strip)) {
                let [data, chains] = self.states.each_ref().map(|states| Packed(states.view()));
                put_right(data, first + within * STRIP, 1, 0, tiles);
                put_right(chains, first + within * STRIP, -1, before, tiles);
            }
            let Largest {
                of_rows,
                of_columns,
            } = &mut half.largest;
            *of_columns = Default::default();
            let rows = half.rows.slice_mut().as_chunks_mut::<WIDE>().0;
            let rows = rows.chunks_mut(STRIP).zip(of_rows.chunks_mut(STRIP));
            for (place, (rows, of_rows)) in rows.enumerate() {
                let (left, digits) = columns.strip(place);
                pairs.find(digits, 1);
                let halves = [rows.len() > ROWS, true];
                let mut most = [[0; WIDTH]; STRIP];
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
        }
        drop(set_up);
        clear(&mut memory);
    }
}

/// Weights · hidden states: fields, without bias, of the visible units `range`, one row each of `states`.
pub(super) fn fields_down(
    blocks: &[Block],
    states: &InParts,
    range: Range<usize>,
    rows: &mut [&mut [f32]],
) {
    let halves: Vec<_> = blocks.iter().flat_map(|block| &block.weights).collect();
    let views: Vec<_> = halves.iter().map(|half| half.view()).collect();
    let mut memory = room(halves.len() * COLUMNS);
    let mut sums = [[[0; WIDTH]; 2]; STRIP];
    let set_up = Tiles::set_up();
    for first in range.clone().step_by(ROWS) {
        let lines = first..(first + ROWS).min(range.end);
        let mut largest = [0; ROWS];
        for half in &halves {
            let of_rows = &half.largest.of_rows[lines.clone()];
            for (largest, bits) in largest.iter_mut().zip(of_rows) {
                *largest = (*bits).max(*largest);
            }
        }
        let units = largest.map(unit);
        let tiles = memory.slice_mut().chunks_exact_mut(COLUMNS);
        for (half, out) in views.iter().zip(tiles) {
            cut_both(*half, lines.clone(), &units, 0, out);
        }
        let scales = units.map(|unit| FIRST * unit);
        for (strip, rows) in rows.chunks_mut(STRIP).enumerate() {
            let left = states.strip(strip);
            multiply_both(&set_up, rows.len(), left, memory.slice(), &mut sums);
            put_sums(&scales, &sums, first - range.start, rows);
        }
    }
    drop(set_up);
    clear(&mut memory);
}
