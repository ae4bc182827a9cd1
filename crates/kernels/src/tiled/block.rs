//! Blocks of hidden units, with their weights and states.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};

use crate::aligned::{Aligned, OnLine};
use crate::amx::{ROWS, Tiles};
use crate::gather::be_mine;
use crate::parts::{
    BYTES, COLUMNS, Columns, DEPTH, DIGITS, EMPTY, FIRST, InParts, Packed, Pairs, STRIP, SUMS,
    TILE, Tile, WIDE, WIDTH, clear, cut_both, grow, multiply_both, put_sums, room, turn,
};
use crate::tiled::{PRECISION, Step};

/// Up to [`WIDE`] hidden units: their weights and states.
#[derive(Debug)]
pub(super) struct Block {
    pub units: usize,
    /// V rows of [`WIDE`], 0 where there is no unit.
    weights: Aligned<f32>,
    /// The bits of the weight that is largest in size.
    pub largest: u32,
    /// Both digits of the weights: tiles of sixteen units each.
    digits: Aligned<u32>,
    /// The bits of what numbers are multiples of in digits; nothing where these are not those of the weights.
    unit: Option<u32>,
    /// Packed states of the mini-batch and of the chains: batch rows of one word each.
    pub states: [Array2<u64>; 2],
}

impl Block {
    /// Units with weights `from` (V × units) and no states yet.
    pub fn new(from: ArrayView2<f32>, batch: usize) -> Self {
        let (visible, units) = from.dim();
        let mut weights = Aligned::zeros(visible * WIDE);
        let chunks = weights.slice_mut().as_chunks_mut::<WIDE>().0;
        for (from, out) in from.outer_iter().zip(chunks) {
            for (x, out) in from.iter().zip(out) {
                *out = *x;
            }
        }
        let largest = from.iter().map(|x| x.abs().to_bits()).max();
        let tiles = units.div_ceil(ROWS) * visible.div_ceil(DEPTH);
        Self {
            units,
            weights,
            largest: largest.unwrap_or(0),
            digits: Aligned::zeros(tiles * COLUMNS),
            unit: None,
            states: [0, 1].map(|_| Array2::zeros((batch, 1))),
        }
    }

    /// V × units.
    pub fn view(&self) -> ArrayView2<'_, f32> {
        matrix(&self.weights, self.units)
    }

    /// Weights, [cut](Self::cut) into multiples of `unit`, · visible units: fields without bias, to column `first` of one
    /// row each of all `lefts`.
    pub fn fields_up(
        &self,
        unit: f32,
        lefts: &[&InParts],
        batch: usize,
        first: usize,
        rows: &mut [&mut [f32]],
    ) {
        let scales = [FIRST * unit; WIDTH];
        let mut sums = OnLine([[[0; WIDTH]; 2]; STRIP]);
        let set_up = Tiles::set_up();
        for (within, tiles) in (first..).step_by(ROWS).zip(self.columns()) {
            for (left, rows) in lefts.iter().zip(rows.chunks_mut(batch)) {
                for (strip, rows) in rows.chunks_mut(STRIP).enumerate() {
                    let left = left.strip(strip);
                    multiply_both(&set_up, rows.len(), left, tiles, &mut sums);
                    put_sums(&scales, &sums, within, rows);
                }
            }
        }
        drop(set_up);
    }

    /// A step by the visible units in `columns`. The weights are then cut into multiples of `unit`.
    pub fn step(&mut self, columns: &InParts, unit: f32, Step { keep, scale }: Step) {
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
        let mut most = OnLine([0; WIDTH]);
        let rows = self.weights.slice_mut().as_chunks_mut::<WIDE>().0;
        let mut pairs = Pairs::new(PRECISION);
        let set_up = Tiles::set_up();
        for (place, rows) in rows.chunks_mut(STRIP).enumerate() {
            let (left, digits) = columns.strip(place);
            pairs.find(digits, 1);
            let halves = [rows.len() > ROWS, true];
            for (within, tiles) in (0..strips).zip(tiles.chunks(strip)) {
                let levels = pairs.multiply(&set_up, halves, left, tiles, sums);
                grow(keep, scale, levels, sums, (rows, within), &mut most);
            }
        }
        drop(set_up);
        clear(&mut memory);
        self.largest = most.iter().copied().max().unwrap_or(0);
        self.cut(unit);
    }

    /// Whether all is cut into multiples of `unit`.
    pub fn is_cut(&self, unit: f32) -> bool {
        self.unit == Some(unit.to_bits())
    }

    /// Cuts the weights into multiples of `unit`.
    pub fn cut(&mut self, unit: f32) {
        let columns = matrix(&self.weights, self.units).reversed_axes();
        let depth = columns.ncols().div_ceil(DEPTH);
        let tiles = self.digits.slice_mut().as_chunks_mut().0;
        for (place, tiles) in tiles.chunks_mut(depth).enumerate() {
            let range = place * ROWS..((place + 1) * ROWS).min(self.units);
            cut_both(columns, range, &[unit; ROWS], tiles);
        }
        self.unit = Some(unit.to_bits());
    }

    /// Asks for a share, `number` of so many, of where digits will be put.
    pub fn be_mine(&self, (number, of): (usize, usize)) {
        let lines = self.digits.slice().as_chunks::<WIDTH>().0;
        let [start, end] = [number, number + 1].map(|share| lines.len() * share / of);
        be_mine(&lines[start..end]);
    }

    /// Tiles of sixteen units each.
    fn columns(&self) -> impl Iterator<Item = &[Columns]> {
        let depth = self.view().nrows().div_ceil(DEPTH);
        self.digits.slice().as_chunks().0.chunks(depth)
    }

    /// The visible units of tile `tile` as columns, by sixteen.
    fn rows(&self, tile: usize, out: [&mut Columns; BYTES]) {
        let mut columns = self.columns().map(|tiles| by_digit(&tiles[tile]));
        let columns: [_; BYTES] = std::array::from_fn(|_| columns.next());
        let mut out = out.map(by_digit_mut);
        for digit in 0..PRECISION.digits() {
            let columns = columns.map(|columns| columns.map_or(&EMPTY, |columns| &columns[digit]));
            turn(columns, out.each_mut().map(|out| &mut out[digit]));
        }
    }
}

/// V × units, of rows of [`WIDE`].
fn matrix(rows: &Aligned<f32>, units: usize) -> ArrayView2<'_, f32> {
    let rows = rows.slice();
    let all = ArrayView2::from_shape((rows.len() / WIDE, WIDE), rows);
    all.expect("whole rows").slice_move(s![.., ..units])
}

/// A tile of each digit.
fn by_digit(columns: &Columns) -> &[Tile] {
    bytemuck::cast_slice(columns)
}

fn by_digit_mut(columns: &mut Columns) -> &mut [Tile] {
    bytemuck::cast_slice_mut(columns)
}

/// Weights, [cut](Block::cut) into multiples of `unit`, · hidden states: fields, without bias, of the visible units `range`,
/// which begin with a tile, one row each of `states`.
pub(super) fn fields_down(
    unit: f32,
    blocks: &[Block],
    states: &InParts,
    range: Range<usize>,
    rows: &mut [&mut [f32]],
) {
    let scales = [FIRST * unit; WIDTH];
    let mut memory = room(BYTES * blocks.len() * COLUMNS);
    let mut sums = OnLine([[[0; WIDTH]; 2]; STRIP]);
    let set_up = Tiles::set_up();
    for first in range.clone().step_by(DEPTH) {
        let tiles: &mut [Columns] = memory.slice_mut().as_chunks_mut().0;
        let mut places = tiles.chunks_mut(blocks.len()).map(|tiles| tiles.iter_mut());
        let mut places: [_; BYTES] = std::array::from_fn(|_| places.next().expect("four"));
        for block in blocks {
            let out = places.each_mut().map(Iterator::next);
            block.rows(first / DEPTH, out.map(|out| out.expect("one a block")));
        }
        let groups = (first..range.end.min(first + DEPTH)).step_by(ROWS);
        for (first, right) in groups.zip(tiles.chunks(blocks.len())) {
            for (strip, rows) in rows.chunks_mut(STRIP).enumerate() {
                let left = states.strip(strip);
                multiply_both(&set_up, rows.len(), left, right, &mut sums);
                put_sums(&scales, &sums, first - range.start, rows);
            }
        }
    }
    drop(set_up);
    clear(&mut memory);
}
