//! Products of single precision from products of bytes, which the processor's matrix tiles, or its vectors, make many
//! times as fast.
//!
//! Numbers of the left matrix lie between 0 and 1, or between −1 and 0: pixels, states and probabilities. To the
//! nearest multiple of 1/(255·2¹³) they are three digits to the base of 256, of which pixels k/255 and states need
//! the first alone. Numbers of one column of the right matrix are rounded to multiples of a power of two, 2⁻²¹·⁹⁹ or
//! less of the largest: three digits from −128 to 127. Of the nine pairs of digits six are multiplied; each of the others
//! adds up to no more than one such multiple in a term. Sums of products of bytes are whole numbers, exact in any order.
//!
//! In training two digits do ([`Precision`]): numbers on the left are multiples of 1/(255·2⁸), those on the right are
//! rounded to two digits, and of the four pairs three are multiplied.
//!
//! What comes out lies within the bounds of [`Precision`] of the exact product, before it is rounded to single precision.
//! This holds for columns whose largest number lies between 2⁻¹⁰⁰ and 2¹⁰⁰. States times whole numbers are exact where
//! single precision is, if there are three digits.

mod added;
mod both;
mod cut;
mod few;
mod grow;
mod ones;
mod pairs;
mod pixels;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod processor;
mod sides;
mod states;
#[cfg(test)]
mod tests;
mod turn;

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis};
use pulp::Arch;

use crate::aligned::Aligned;
use crate::amx::{self, ROW, ROWS, Tiles};
use crate::bytes;
pub(crate) use crate::parts::added::{Added, Chosen, MOST_ADDED, put_less};
pub(crate) use crate::parts::both::{COLUMNS, Columns, Sums, cut_both, multiply_both, put_sums};
pub(crate) use crate::parts::cut::unit;
use crate::parts::cut::{Lines, Side, units};
pub(crate) use crate::parts::few::{
    Few, NONE, Part, WHOLES, Way, cut_fours, make_whole, parts_of, put_none,
};
pub(crate) use crate::parts::grow::{Largest, WIDE, across, grow};
pub(crate) use crate::parts::ones::{Turned, add_counts, turn_states};
pub(crate) use crate::parts::pairs::Pairs;
pub(crate) use crate::parts::pixels::put_row;
pub(crate) use crate::parts::sides::{Sides, sides};
pub(crate) use crate::parts::states::{ON, Packed};
pub(crate) use crate::parts::turn::Order;
use crate::{FAINT, Precision, Workers, vectorized};

/// Digits of a number at most.
pub(crate) const DIGITS: usize = 3;
/// Places of the inner dimension in a tile, and how many of them share one of its 32-bit places: byte b of the
/// l-th of these is place 16 b + l, on both sides.
pub(crate) const DEPTH: usize = ROW;
pub(crate) const BYTES: usize = 4;
/// 32-bit places of a row of a tile, and of a tile.
pub(crate) const WIDTH: usize = ROW / BYTES;
pub(crate) const TILE: usize = ROWS * WIDTH;
/// Lines of a side that are multiplied together: two tiles.
pub(crate) const STRIP: usize = 2 * ROWS;
/// Sums of a strip of rows and one of columns, for one digit.
pub(crate) const SUMS: usize = STRIP * STRIP;
/// Tiles, of one digit, of columns that have their turn with one strip of rows before the next comes: they stay in a
/// near cache.
const TOGETHER: usize = 32;
/// Terms whose sums whole numbers of 32 bits surely hold: three pairs of digits, 255 · 128 at most.
pub(crate) const MOST_TERMS: usize = 1 << 14;

/// What a digit counts of the one before.
const LESS: f32 = 1.0 / 256.0;
/// What the product of two first digits counts of the right one's unit, times [`WHOLE`].
pub(crate) const FIRST: f32 = 65_536.0;
/// The first digit of 1 on the left.
pub(crate) const WHOLE: f32 = 255.0;

/// Fewer multiplications are not worth cutting matrices into digits.
const LEAST_WORK: usize = 750_000;
/// Nor are fewer rows, for which the right matrix is cut, or fewer terms, of which tiles are filled up,
const LEAST: usize = 40;
/// or fewer columns, for which the left one is.
const LEAST_COLUMNS: usize = 10;
/// Cutting fewer elements is not worth waking a second thread for.
const PARALLEL_FROM: usize = 1 << 15;
/// More rows are multiplied so many at a time, which bounds the memory.
pub(crate) const MOST_ROWS: usize = 1024;

/// The left matrix of a product, cut into digits.
#[derive(Debug)]
pub(crate) struct InParts {
    /// By strip, digit, tile of the inner dimension, and half of the strip: a tile.
    tiles: Aligned<u32>,
    /// By strip and tile of the inner dimension: how many digits are not 0 everywhere.
    digits: Vec<u8>,
    rows: usize,
    inner: usize,
    sign: f32,
    precision: Precision,
}

/// Where one tile of the inner dimension of a strip of rows is, by digit, and how many digits it has.
pub(crate) type InRows<'a> = ([&'a mut [u32]; DIGITS], &'a mut u8);

/// Whether the shapes and strides of these matrices are such that their product can be made of digits here, and is
/// worth it.
pub(crate) fn possible(
    precision: Precision,
    left: ArrayView2<f32>,
    right: ArrayView2<f32>,
) -> bool {
    let ((rows, inner), columns) = (left.dim(), right.ncols());
    // By vectors the six pairs of three digits take longer than single precision.
    let fast = amx::available() || bytes::vectors() && precision == Precision::Training;
    fast && rows >= LEAST
        && columns >= LEAST_COLUMNS
        && (LEAST..=MOST_TERMS).contains(&inner)
        && rows * inner * columns >= LEAST_WORK
        && [left, right].iter().all(|matrix| {
            let strides = matrix.strides();
            strides.contains(&1) && strides.iter().all(|&stride| stride > 0)
        })
}

/// 32-bit places of a strip of so many tiles of the inner dimension.
const fn strip_length(precision: Precision, depth: usize) -> usize {
    precision.digits() * depth * 2 * TILE
}

/// 32-bit places of memory that is kept for the next product.
const MOST_KEPT: usize = 1 << 22;

thread_local! {
    /// Memory that products of this thread used and the next may use: new memory costs as much as they do.
    static USED: RefCell<Vec<Aligned<u32>>> = const { RefCell::new(Vec::new()) };
}

/// Memory with anything in it.
pub(crate) fn room(length: usize) -> Aligned<u32> {
    let used = USED.with_borrow_mut(|used| {
        let enough = used.iter().position(|room| room.slice().len() >= length)?;
        Some(used.swap_remove(enough))
    });
    used.unwrap_or_else(|| Aligned::zeros(length))
}

/// Gives memory back.
pub(crate) fn clear(room: &mut Aligned<u32>) {
    let room = std::mem::replace(room, Aligned::zeros(0));
    if room.slice().len() > MOST_KEPT {
        return;
    }
    USED.with_borrow_mut(|used| {
        used.push(room);
        // One for the left matrix, one for the rest: the largest.
        if used.len() > 2 {
            used.sort_by_key(|room| std::cmp::Reverse(room.slice().len()));
            used.truncate(2);
        }
    });
}

impl Drop for InParts {
    fn drop(&mut self) {
        clear(&mut self.tiles);
    }
}

impl InParts {
    /// Of the left matrix of a [possible] product, if its numbers are such.
    pub fn of(workers: &Workers, precision: Precision, left: ArrayView2<f32>) -> Option<Self> {
        if !left.iter().any(|x| x.abs() >= FAINT) {
            return None;
        }
        let (rows, inner) = left.dim();
        let mut parts = Self::new(precision, rows, inner);
        [1.0, -1.0]
            .into_iter()
            .any(|sign| parts.cut(workers, left, sign, 0))
            .then_some(parts)
    }

    /// Room for a left matrix of `rows` × `inner`, with anything in it.
    pub fn new(precision: Precision, rows: usize, inner: usize) -> Self {
        let (strips, depth) = (rows.div_ceil(STRIP), inner.div_ceil(DEPTH));
        Self {
            tiles: room(strips * strip_length(precision, depth)),
            digits: vec![0; strips * depth],
            rows,
            inner,
            sign: 1.0,
            precision,
        }
    }

    /// Cuts `left` to where `before` tiles of the inner dimension are before it. Answers whether its numbers, times
    /// `sign`, lie between 0 and 1; if not, anything is there.
    pub fn cut(
        &mut self,
        workers: &Workers,
        left: ArrayView2<f32>,
        sign: f32,
        before: usize,
    ) -> bool {
        let ((rows, inner), depth) = (left.dim(), self.depth());
        assert!(
            rows == self.rows && before + inner.div_ceil(DEPTH) <= depth,
            "a matrix for which there is room"
        );
        self.sign = sign;
        let lines = Lines {
            matrix: left,
            side: Side::Left(sign),
            precision: self.precision,
        };
        let alone = Workers::single();
        let workers = if rows * inner < PARALLEL_FROM {
            &alone
        } else {
            workers
        };
        let possible = AtomicBool::new(true);
        workers.for_each_chunk(&mut self.strips(), 1, |strip, used| {
            let (tiles, digits) = &mut used[0];
            let digits = &mut digits[before..before + inner.div_ceil(DEPTH)];
            for (tile, digits) in digits.iter_mut().enumerate() {
                // Where one strip cannot be cut the others are in vain.
                if !possible.load(Ordering::Relaxed) {
                    return;
                }
                let place =
                    |half: usize, digit: usize| ((digit * depth + before + tile) * 2 + half) * TILE;
                let mut counts = [None; 2];
                for (half, count) in counts.iter_mut().enumerate() {
                    let first = (strip * STRIP + half * ROWS).min(rows);
                    let range = first..(first + ROWS).min(rows);
                    if range.is_empty() {
                        continue;
                    }
                    let places = |digit| place(half, digit);
                    *count = lines.cut_tile(range, tile, places, tiles);
                    if count.is_none() {
                        possible.store(false, Ordering::Relaxed);
                        return;
                    }
                }
                *digits = counts.into_iter().flatten().max().unwrap_or(0);
                // Digits that one half has and the other has not are 0 there.
                for (half, count) in counts.into_iter().enumerate() {
                    for digit in count.map_or(0..0, |count| count..*digits) {
                        tiles[place(half, digit.into())..][..TILE].fill(0);
                    }
                }
            }
        });
        possible.into_inner()
    }

    /// Tiles of a strip of rows, and how many digits they have.
    pub fn strip(&self, strip: usize) -> (&[u32], &[u8]) {
        let depth = self.depth();
        let length = strip_length(self.precision, depth);
        let tiles = &self.tiles.slice()[strip * length..][..length];
        (tiles, &self.digits[strip * depth..][..depth])
    }

    /// Tiles of the inner dimension.
    fn depth(&self) -> usize {
        self.inner.div_ceil(DEPTH)
    }

    /// Tiles, and how many digits they have, of each strip of rows.
    fn strips(&mut self) -> Vec<(&mut [u32], &mut [u8])> {
        let depth = self.depth();
        let strips = self.digits.len().checked_div(depth).unwrap_or(0);
        let length = strip_length(self.precision, depth);
        let used = &mut self.tiles.slice_mut()[..strips * length];
        let used = used.chunks_mut(length.max(1));
        used.zip(self.digits.chunks_mut(depth.max(1))).collect()
    }

    /// What is where of each tile of the inner dimension, strip by strip of rows.
    pub fn by_tile(&mut self) -> Vec<Vec<InRows<'_>>> {
        let depth = self.depth();
        let mut all: Vec<_> = (0..depth).map(|_| Vec::new()).collect();
        for (tiles, digits) in self.strips() {
            let mut by_digit = tiles.chunks_mut(depth * 2 * TILE);
            let mut by_digit: [_; DIGITS] =
                std::array::from_fn(|_| Some(by_digit.next()?.chunks_mut(2 * TILE)));
            for (strips, count) in all.iter_mut().zip(digits) {
                let tiles = by_digit.each_mut().map(|tiles| {
                    let tile = tiles.as_mut().and_then(Iterator::next);
                    tile.unwrap_or_default()
                });
                strips.push((tiles, count));
            }
        }
        all
    }

    /// `out ← keep · out + scale · left · right`, on the calling thread, for columns of the right matrix of a
    /// [possible] product. Elements of a row of `out` lie side by side; with `keep` = 0 it is not read.
    pub fn product(
        &self,
        keep: f32,
        scale: f32,
        right: ArrayView2<f32>,
        mut out: ArrayViewMut2<f32>,
    ) {
        assert_eq!(
            (self.inner, out.dim()),
            (right.nrows(), (self.rows, right.ncols())),
            "left, right and result fit together"
        );
        let depth = self.depth();
        let length = strip_length(self.precision, depth);
        let together = (TOGETHER / (2 * depth)).max(1);
        let mut memory = room(together * length + DIGITS * SUMS);
        let (tiles, sums) = memory.slice_mut().split_at_mut(together * length);
        let sums: &mut [i32] = bytemuck::cast_slice_mut(&mut sums[..DIGITS * SUMS]);
        let mut pairs = Pairs::new(self.precision);
        let rows = out.outer_iter_mut().map(ArrayViewMut1::into_slice);
        let rows = rows.map(|row| row.expect("elements of a row side by side"));
        let mut rows: Vec<_> = rows.collect();
        let units = units(right);
        let set_up = Tiles::set_up();
        let columns = right.axis_chunks_iter(Axis(1), together * STRIP);
        let places = (0..).step_by(together * STRIP);
        for ((right, units), first) in columns.zip(units.chunks(together)).zip(places) {
            let rights = right.axis_chunks_iter(Axis(1), STRIP).zip(units);
            let rights = rights.zip(tiles.chunks_exact_mut(length));
            let counts: Vec<_> = rights
                .map(|((right, units), tiles)| cut_columns(self.precision, right, units, tiles))
                .collect();
            for (strip, rows) in rows.chunks_mut(STRIP).enumerate() {
                let left = self.strip(strip);
                let rights = counts.iter().zip(units).zip(tiles.chunks(length));
                for (place, ((count, units), right)) in rights.enumerate() {
                    let first = first + place * STRIP;
                    pairs.find(left.1, *count);
                    let halves = [rows.len(), rows[0].len() - first].map(|lines| lines > ROWS);
                    let levels = pairs.multiply(&set_up, halves, left.0, right, sums);
                    let scales = units.map(|unit| FIRST * self.sign * scale * unit);
                    add(keep, &scales, levels, sums, first, rows);
                }
            }
        }
        drop(set_up);
        clear(&mut memory);
    }
}

/// Whether anything is there.
fn anything(words: &[u32]) -> bool {
    vectorized(
        Arch::new(),
        #[inline(always)]
        || words.iter().fold(0, |any, word| any | word) != 0,
    )
}

/// Cuts a strip of columns into tiles, by digit, tile of the inner dimension and half; their numbers are made whole
/// multiples of `units`. Gives how many digits are not 0 everywhere.
fn cut_columns(
    precision: Precision,
    right: ArrayView2<f32>,
    units: &[f32; STRIP],
    tiles: &mut [u32],
) -> u8 {
    let depth = right.nrows().div_ceil(DEPTH);
    let mut most = 0;
    for (half, units) in units.as_chunks::<ROWS>().0.iter().enumerate() {
        let lines = Lines {
            matrix: right.reversed_axes(),
            side: Side::Right(units.map(f32::recip)),
            precision,
        };
        let range = half * ROWS..(half * ROWS + ROWS).min(right.ncols());
        if range.is_empty() {
            continue;
        }
        for tile in 0..depth {
            let places = |digit| ((digit * depth + tile) * 2 + half) * TILE;
            let count = lines.cut_tile(range.clone(), tile, places, tiles);
            most = most.max(count.expect("any number fits the right side"));
        }
    }
    most
}

/// `rows ← keep · rows + scales · sums`, in a strip of columns from `first` on; `sums` by digit.
fn add(
    keep: f32,
    scales: &[f32; STRIP],
    levels: usize,
    sums: &[i32],
    first: usize,
    rows: &mut [&mut [f32]],
) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        unsafe { processor::add(keep, scales, levels, sums, first, rows) };
        return;
    }
    add_plainly(keep, scales, levels, sums, first, rows);
}

/// The plain twin.
fn add_plainly(
    keep: f32,
    scales: &[f32; STRIP],
    levels: usize,
    sums: &[i32],
    first: usize,
    rows: &mut [&mut [f32]],
) {
    for (place, row) in rows.iter_mut().enumerate() {
        for (column, (out, scale)) in row[first..].iter_mut().zip(scales).enumerate() {
            let sum = (0..levels).rev().fold(0.0, |sum, level| {
                sum * LESS + sums[level * SUMS + place * STRIP + column] as f32
            });
            // Exact for states times whole numbers; added to others there is no need for it.
            *out = if keep == 0.0 {
                sum / WHOLE * scale
            } else {
                sum.mul_add(scale / WHOLE, keep * *out)
            };
        }
    }
}
