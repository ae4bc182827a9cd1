//! Products of single precision from products of bfloat16, which the processor's matrix tiles make many times as
//! fast.
//!
//! A number of single precision is a sum of three numbers of bfloat16, of eight binary digits each: exactly, unless
//! the last is smaller than bfloat16 goes (10⁻³⁸). A product x·y is then the sum of the products of their parts.
//! Those of six of the nine pairs are made; the others are below 2⁻²¹ of |x·y|. Parts that are 0 are passed over,
//! and states, counts and whole numbers up to 256 have one part alone: states times states cost one product,
//! states times weights three.
//!
//! Source of the idea: G. Henry, P. T. P. Tang, A. Heinecke, "Leveraging the bfloat16 Artificial Intelligence
//! Datatype For Higher-Precision Computations", IEEE ARITH 2019.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod processor;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, s};
use pulp::Arch;

use crate::Workers;
use crate::aligned::Aligned;
use crate::amx::{self, ROW, ROWS, Tiles};

/// Parts of a number.
const PARTS: usize = 3;
/// Places of the inner dimension in a tile: two to each of its 32-bit places.
const DEPTH: usize = ROW / 2;
/// 32-bit places of a tile, and of a row of one.
const TILE: usize = ROWS * WIDTH;
const WIDTH: usize = ROW / 4;
/// Rows, or columns, that are multiplied together: two tiles.
const STRIP: usize = 2 * ROWS;
/// If there are more tiles of the inner dimension than these they are taken in chunks of about [`CHUNK`], and all
/// rows and columns have their turn with one chunk before the next: that of a strip of columns stays in the
/// first-level cache.
const TOGETHER: usize = 8;
const CHUNK: usize = 4;
/// 32-bit places of all parts of one tile of the inner dimension of a strip.
const PLACE: usize = PARTS * 2 * TILE;
/// Pairs of parts that are multiplied: those that may matter.
const PAIRS: usize = 6;

/// Fewer multiplications are not worth cutting matrices into parts.
const LEAST_WORK: usize = 1 << 17;
/// Nor are fewer rows, columns or terms, of which tiles are filled up.
const LEAST_ROWS: usize = 10;
/// With more parts than these of each tile of the left matrix, and three of the right one's, nothing is gained: four
/// and a half products of parts, where two threads share one unit that multiplies tiles.
const MOST_LEFT_PARTS: f64 = 1.5;
/// Cutting fewer elements is not worth waking a second thread for.
const PARALLEL_FROM: usize = 1 << 15;
/// More rows are multiplied so many at a time, which bounds the memory.
pub(crate) const MOST_ROWS: usize = 1024;

/// One matrix as lines along the inner dimension: the left one's rows or the right one's columns.
#[derive(Clone, Copy)]
struct Lines<'a> {
    matrix: ArrayView2<'a, f32>,
    /// Tiles of a chunk.
    together: usize,
    order: Order,
}

/// What a tile's rows are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Lines: the left matrix.
    Lines,
    /// Pairs of inner places: the right matrix.
    Pairs,
}

/// The left matrix of a product, cut into parts.
pub(crate) struct InParts {
    /// By chunk of the inner dimension and strip, in room for all parts: by tile of the inner dimension, part that is
    /// not 0 everywhere, and half of the strip: a tile.
    tiles: Aligned<u32>,
    /// By chunk, strip and tile of the inner dimension: how many parts are not 0 everywhere.
    parts: Vec<u8>,
    /// Tiles of a chunk.
    together: usize,
    rows: usize,
    inner: usize,
}

/// Whether the product of these matrices can be made of parts here, and is worth it.
pub(crate) fn possible(left: ArrayView2<f32>, right: ArrayView2<f32>) -> bool {
    let ((rows, inner), columns) = (left.dim(), right.ncols());
    amx::available().halves
        && rows >= LEAST_ROWS
        && inner >= LEAST_ROWS
        && columns >= LEAST_ROWS
        && rows * inner * columns >= LEAST_WORK
        && [left, right].iter().all(|matrix| {
            let strides = matrix.strides();
            strides.contains(&1) && strides.iter().all(|&stride| stride > 0)
        })
}

/// 32-bit places of memory that is kept for the next product.
const MOST_KEPT: usize = 1 << 22;

thread_local! {
    /// Memory that products of this thread used and the next may use: new memory costs as much as they do.
    static USED: RefCell<Vec<Aligned<u32>>> = const { RefCell::new(Vec::new()) };
}

/// Memory with anything in it.
fn room(length: usize) -> Aligned<u32> {
    let used = USED.with_borrow_mut(Vec::pop);
    match used {
        Some(used) if used.slice().len() >= length => used,
        _ => Aligned::zeros(length),
    }
}

/// Gives memory back.
fn clear(room: &mut Aligned<u32>) {
    let room = std::mem::replace(room, Aligned::zeros(0));
    USED.with_borrow_mut(|used| {
        // One for the left matrix, one for the rest.
        if used.len() < 2 && room.slice().len() <= MOST_KEPT {
            used.push(room);
        }
    });
}

impl Drop for InParts {
    fn drop(&mut self) {
        clear(&mut self.tiles);
    }
}

impl InParts {
    /// Of the left matrix of a [possible] product.
    pub fn new(workers: &Workers, left: ArrayView2<f32>) -> Self {
        let (rows, inner) = left.dim();
        let depth = inner.div_ceil(DEPTH);
        let together = if depth <= TOGETHER {
            depth
        } else {
            depth.div_ceil(depth.div_ceil(CHUNK))
        };
        let chunk = rows.div_ceil(STRIP) * together;
        let chunks = depth.div_ceil(together);
        let mut tiles = room(chunks * chunk * PLACE);
        let mut parts = vec![0; chunks * chunk];
        let lines = Lines {
            matrix: left,
            together,
            order: Order::Lines,
        };
        let used = &mut tiles.slice_mut()[..chunks * chunk * PLACE];
        let mut both: Vec<_> = used
            .chunks_mut(chunk * PLACE)
            .zip(parts.chunks_mut(chunk))
            .collect();
        let alone = Workers::single();
        let workers = if rows * inner < PARALLEL_FROM {
            &alone
        } else {
            workers
        };
        workers.for_each_chunk(&mut both, 1, |chunk, both| {
            let (tiles, parts) = &mut both[0];
            lines.cut(chunk, tiles, parts);
        });
        Self {
            tiles,
            parts,
            together,
            rows,
            inner,
        }
    }

    /// Whether the product with `right` takes so few products of parts that it is faster than one of single precision.
    pub fn pays(&self, right: ArrayView2<f32>) -> bool {
        let parts: usize = self.parts.iter().map(|parts| usize::from(*parts)).sum();
        let tiles = self.rows.div_ceil(STRIP) * self.inner.div_ceil(DEPTH);
        let one_part = |x: &f32| x.to_bits() & !HIGH == 0;
        parts as f64 <= MOST_LEFT_PARTS * tiles as f64 || right.iter().all(one_part)
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
        let (above, beside) = (self.rows.div_ceil(STRIP), right.ncols().div_ceil(STRIP));
        let lines = Lines {
            matrix: right.reversed_axes(),
            together: self.together,
            order: Order::Pairs,
        };
        let together = self.together;
        let (chunk, chunks) = (beside * together, self.inner.div_ceil(together * DEPTH));
        // Sums that no second chunk goes on with are needed no longer than they take to be added.
        let blocks = if chunks == 1 { 1 } else { above * beside };
        let mut memory = room(chunk * PLACE + blocks * STRIP * STRIP);
        let (tiles, sums) = memory.slice_mut().split_at_mut(chunk * PLACE);
        let sums: &mut [f32] = bytemuck::cast_slice_mut(sums);
        let mut parts = vec![0; chunk];
        let set_up = Tiles::set_up();
        let lefts = self.tiles.slice().chunks(above * together * PLACE);
        let lefts = lefts.zip(self.parts.chunks(above * together));
        for (number, (left, left_parts)) in lefts.enumerate() {
            lines.cut(number, tiles, &mut parts);
            let strip = together * PLACE;
            let rights = tiles.chunks(strip).zip(parts.chunks(together));
            for (column, right) in rights.enumerate() {
                let lefts = left.chunks(strip).zip(left_parts.chunks(together));
                for (row, left) in lefts.enumerate() {
                    let block = (column * above + row) % blocks;
                    let sums = &mut sums[block * STRIP * STRIP..][..STRIP * STRIP];
                    multiply(&set_up, number == 0, left, right, sums);
                    if number + 1 == chunks {
                        let (row, column) = (row * STRIP, column * STRIP);
                        let rows = row..self.rows.min(row + STRIP);
                        let columns = column..out.ncols().min(column + STRIP);
                        add(keep, scale, sums, out.slice_mut(s![rows, columns]));
                    }
                }
            }
        }
        drop(set_up);
        clear(&mut memory);
    }
}

/// `out ← keep · out + scale · sums`, for one strip of rows and one of columns.
fn add(keep: f32, scale: f32, sums: &[f32], mut out: ArrayViewMut2<f32>) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (mut out, sums) in out.outer_iter_mut().zip(sums.as_chunks::<STRIP>().0) {
                let out = out.as_slice_mut().expect("elements of a row side by side");
                let pairs = out.iter_mut().zip(sums);
                if keep == 0.0 {
                    pairs.for_each(|(out, sum)| *out = scale * sum);
                } else {
                    pairs.for_each(|(out, sum)| *out = keep * *out + scale * sum);
                }
            }
        },
    );
}

/// Adds to the `sums` of a strip of rows and one of columns the products of a chunk's tiles, each with the number of
/// its parts; or begins the sums.
fn multiply(
    _set_up: &Tiles,
    begin: bool,
    (left, left_parts): (&[u32], &[u8]),
    (right, right_parts): (&[u32], &[u8]),
    sums: &mut [f32],
) {
    // Where the two tiles of each side begin that are multiplied.
    let mut places = [[0; 2]; TOGETHER * PAIRS];
    let mut count = 0;
    let mut starts = [0; 2];
    for (lefts, rights) in left_parts.iter().zip(right_parts) {
        let [lefts, rights] = [lefts, rights].map(|parts| usize::from(*parts));
        for first in 0..lefts {
            for second in 0..rights.min(PARTS - first) {
                places[count] = [starts[0] + first * 2 * TILE, starts[1] + second * 2 * TILE];
                count += 1;
            }
        }
        starts[0] += lefts * 2 * TILE;
        starts[1] += rights * 2 * TILE;
    }
    let places = &places[..count];
    assert!(
        sums.len() == STRIP * STRIP
            && [left, right]
                .iter()
                .all(|side| side.len() >= left_parts.len() * PLACE),
        "tiles and sums are there"
    );
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if amx::available().halves {
        // SAFETY: the processor has these tiles and the system lets us use them, as was asked; they are set up,
        // as `Tiles` says; all places lie within the tiles.
        unsafe { processor::multiply(places, begin, left, right, sums) };
        return;
    }
    multiply_plainly(places, begin, left, right, sums);
}

/// The plain twin.
fn multiply_plainly(
    places: &[[usize; 2]],
    begin: bool,
    left: &[u32],
    right: &[u32],
    sums: &mut [f32],
) {
    if begin {
        sums.fill(0.0);
    }
    let halves = |pair: u32| [pair << 16, pair & HIGH].map(f32::from_bits);
    for &[first, second] in places {
        for (row, sums) in sums.chunks_mut(STRIP).enumerate() {
            for (column, sum) in sums.iter_mut().enumerate() {
                for pair in 0..WIDTH {
                    let x = halves(left[first + row * WIDTH + pair]);
                    let right = &right[second + column / WIDTH * TILE..][..TILE];
                    let y = halves(right[pair * WIDTH + column % WIDTH]);
                    *sum += x[0] * y[0] + x[1] * y[1];
                }
            }
        }
    }
}

/// The bits of a number of single precision that bfloat16 keeps.
const HIGH: u32 = 0xffff_0000;

impl Lines<'_> {
    /// Cuts the places of one chunk of the inner dimension, of all strips, and tells the number of `parts` of each.
    fn cut(self, chunk: usize, tiles: &mut [u32], parts: &mut [u8]) {
        let (lines, inner) = self.matrix.dim();
        let strips = tiles.chunks_exact_mut(self.together * PLACE);
        for (strip, (tiles, parts)) in strips.zip(parts.chunks_mut(self.together)).enumerate() {
            let mut start = 0;
            for (tile, parts) in (chunk * self.together..).zip(parts) {
                let places = (tile * DEPTH).min(inner)..((tile + 1) * DEPTH).min(inner);
                *parts = 0;
                if places.is_empty() {
                    continue;
                }
                let out = &mut tiles[start..][..PLACE];
                for half in 0..2 {
                    let first = strip * STRIP + half * ROWS;
                    let lines = first.min(lines)..(first + ROWS).min(lines);
                    *parts = (*parts).max(self.cut_tile(lines, places.clone(), half, out));
                }
                start += usize::from(*parts) * 2 * TILE;
            }
        }
    }

    /// One tile of each part: at most 16 lines and 32 places. Gives the number of parts that are not 0.
    fn cut_tile(
        self,
        lines: Range<usize>,
        places: Range<usize>,
        half: usize,
        out: &mut [u32],
    ) -> u8 {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if amx::available().halves {
            // SAFETY: the processor has AVX-512BW, as was asked.
            return unsafe { processor::cut_tile(self, lines, places, half, out) };
        }
        cut_plainly(self, lines, places, half, out)
    }
}

/// The plain twin.
fn cut_plainly(
    from: Lines,
    lines: Range<usize>,
    places: Range<usize>,
    half: usize,
    out: &mut [u32],
) -> u8 {
    let mut count = 0;
    let value = |line: usize, place: usize| {
        let place = (lines.start + line, places.start + place);
        if place.0 < lines.end && place.1 < places.end {
            from.matrix[place]
        } else {
            0.0
        }
    };
    for line in 0..ROWS {
        for pair in 0..WIDTH {
            let mut rest = [value(line, 2 * pair), value(line, 2 * pair + 1)];
            for part in 0..PARTS {
                let high = rest.map(|x| x.to_bits() & HIGH);
                for (rest, high) in rest.iter_mut().zip(high) {
                    *rest -= f32::from_bits(high);
                }
                let place = match from.order {
                    Order::Lines => line * WIDTH + pair,
                    Order::Pairs => pair * WIDTH + line,
                };
                let both = high[0] >> 16 | high[1];
                out[(2 * part + half) * TILE + place] = both;
                // Beside the signs.
                if both & 0x7fff_7fff != 0 {
                    count = count.max(part as u8 + 1);
                }
            }
        }
    }
    count
}
