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

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod processor {
    use std::arch::asm;
    use std::arch::x86_64::{
        __m512i, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_loadu_si512,
        _mm512_maskz_loadu_ps, _mm512_or_si512, _mm512_permutex2var_epi16, _mm512_set1_epi32,
        _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_sub_ps,
        _mm512_test_epi32_mask, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
        _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    };
    use std::ops::Range;

    use super::{DEPTH, HIGH, Lines, Order, PARTS, PLACE, ROW, ROWS, STRIP, TILE, WIDTH};

    /// Which halves of two vectors of single precision make one of pairs of bfloat16.
    const fn halves(along: bool) -> [u16; 32] {
        let mut places = [0; 32];
        let mut place = 0;
        while place < 32 {
            // The high half of every number: along lines one after the other, else one of each vector in turn.
            places[place] = if along {
                2 * place as u16 + 1
            } else {
                32 * (place as u16 % 2) + place as u16 / 2 * 2 + 1
            };
            place += 1;
        }
        places
    }

    const ALONG: [u16; 32] = halves(true);
    const ACROSS: [u16; 32] = halves(false);

    /// [`super::cut_plainly`].
    ///
    /// # Safety
    /// Where AVX-512BW is available.
    pub(super) unsafe fn cut_tile(
        from: Lines,
        lines: Range<usize>,
        places: Range<usize>,
        half: usize,
        out: &mut [u32],
    ) -> u8 {
        // Rows whose elements lie side by side: lines of 32 places, or places of 16 lines.
        let along = from.matrix.strides()[1] == 1;
        let (matrix, (rows, columns)) = if along {
            (from.matrix, (lines, places))
        } else {
            (from.matrix.reversed_axes(), (places, lines))
        };
        let (count, width) = (rows.len(), columns.len());
        assert!(
            (matrix.strides()[1] == 1 || matrix.ncols() == 1)
                && rows.end <= matrix.nrows()
                && columns.end <= matrix.ncols()
                && count <= if along { ROWS } else { DEPTH }
                && width <= if along { DEPTH } else { ROWS }
                && out.len() == PLACE,
            "a tile, and room for its parts"
        );
        let stride = matrix.strides()[0].cast_unsigned();
        let start = matrix
            .as_ptr()
            .wrapping_add(rows.start * stride + columns.start);
        let rows = Rows {
            start,
            stride,
            count,
            width,
        };
        let turn = along == (from.order == Order::Pairs);
        // SAFETY: the processor has AVX-512BW, and lengths are as asserted.
        unsafe { cut(&rows, along, turn, half, out) }
    }

    /// Rows of elements that lie side by side.
    struct Rows {
        start: *const f32,
        /// From one row to the next.
        stride: usize,
        count: usize,
        width: usize,
    }

    /// # Safety
    /// The `rows` can be read: at most 16 of 32 elements (`along`) or 32 of 16.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn cut(rows: &Rows, along: bool, turn: bool, half: usize, out: &mut [u32]) -> u8 {
        let order = if along { &ALONG } else { &ACROSS };
        // SAFETY: 64 bytes are read.
        let order = unsafe { _mm512_loadu_si512(order.as_ptr().cast()) };
        let high = _mm512_set1_epi32(HIGH.cast_signed());
        let some = |places: usize| {
            if places < 16 {
                (1_u16 << places) - 1
            } else {
                u16::MAX
            }
        };
        // The elements `places` of a row from `first` on, 0 where there are none.
        let load = |row: usize, first: usize| {
            let places = if row < rows.count {
                some(rows.width.saturating_sub(first))
            } else {
                0
            };
            let from = rows.start.wrapping_add(row * rows.stride + first);
            // SAFETY: elements that are not there are not read.
            unsafe { _mm512_castps_si512(_mm512_maskz_loadu_ps(places, from)) }
        };
        let mut tiles = [[_mm512_setzero_si512(); ROWS]; PARTS];
        let mut any = [_mm512_setzero_si512(); PARTS];
        for row in 0..ROWS {
            let mut rest = if along {
                [load(row, 0), load(row, 16)]
            } else {
                [load(2 * row, 0), load(2 * row + 1, 0)]
            };
            for (tile, any) in tiles.iter_mut().zip(&mut any) {
                tile[row] = _mm512_permutex2var_epi16(rest[0], order, rest[1]);
                *any = _mm512_or_si512(*any, tile[row]);
                for rest in &mut rest {
                    let part = _mm512_castsi512_ps(_mm512_and_si512(*rest, high));
                    *rest = _mm512_castps_si512(_mm512_sub_ps(_mm512_castsi512_ps(*rest), part));
                }
            }
        }
        let mut parts = 0;
        for (part, (tile, any)) in tiles.iter_mut().zip(any).enumerate() {
            // Beside the signs.
            if _mm512_test_epi32_mask(any, _mm512_set1_epi32(0x7fff_7fff)) != 0 {
                parts = part as u8 + 1;
            }
            if turn {
                transpose(tile);
            }
            let out = &mut out[(2 * part + half) * TILE..][..TILE];
            for (row, out) in tile.iter().zip(out.chunks_exact_mut(WIDTH)) {
                // SAFETY: 64 bytes are written: 16 pairs.
                unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), *row) };
            }
        }
        parts
    }

    /// Sixteen rows of sixteen become columns.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn transpose(rows: &mut [__m512i; ROWS]) {
        let mut next = *rows;
        for at in (0..16).step_by(2) {
            next[at] = _mm512_unpacklo_epi32(rows[at], rows[at + 1]);
            next[at + 1] = _mm512_unpackhi_epi32(rows[at], rows[at + 1]);
        }
        // Within each quarter of a vector, four by four.
        for at in (0..16).step_by(4) {
            rows[at] = _mm512_unpacklo_epi64(next[at], next[at + 2]);
            rows[at + 1] = _mm512_unpackhi_epi64(next[at], next[at + 2]);
            rows[at + 2] = _mm512_unpacklo_epi64(next[at + 1], next[at + 3]);
            rows[at + 3] = _mm512_unpackhi_epi64(next[at + 1], next[at + 3]);
        }
        // Quarters: rows[4 q + c] holds, of rows 4 q …, column c + 4 · (place of the quarter).
        for at in 0..4 {
            let (a, b, c, d) = (rows[at], rows[at + 4], rows[at + 8], rows[at + 12]);
            let low = [
                _mm512_shuffle_i32x4::<0x44>(a, b),
                _mm512_shuffle_i32x4::<0x44>(c, d),
            ];
            let high = [
                _mm512_shuffle_i32x4::<0xee>(a, b),
                _mm512_shuffle_i32x4::<0xee>(c, d),
            ];
            next[at] = _mm512_shuffle_i32x4::<0x88>(low[0], low[1]);
            next[at + 4] = _mm512_shuffle_i32x4::<0xdd>(low[0], low[1]);
            next[at + 8] = _mm512_shuffle_i32x4::<0x88>(high[0], high[1]);
            next[at + 12] = _mm512_shuffle_i32x4::<0xdd>(high[0], high[1]);
        }
        *rows = next;
    }

    /// [`super::multiply_plainly`].
    ///
    /// # Safety
    /// Where tiles of bfloat16 are available and set up; from all places on two tiles lie in `left` and `right`,
    /// and `sums` has room for four.
    pub(super) unsafe fn multiply(
        places: &[[usize; 2]],
        begin: bool,
        left: &[u32],
        right: &[u32],
        sums: &mut [f32],
    ) {
        // SAFETY: the tiles are there and leave is given. Read and written are 32 rows of 32 sums; read are as
        // many pairs of places as there are, each of two words, and from each place on two tiles of 1 KiB. Nothing
        // is put on the stack.
        unsafe {
            let start = sums.as_mut_ptr();
            asm!(
                "test {begin}, {begin}",
                "jz 3f",
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "jmp 4f",
                "3:",
                "tileloadd tmm0, [{sums} + {wide} * 1]",
                "tileloadd tmm1, [{sums} + {wide} * 1 + 64]",
                "tileloadd tmm2, [{lower} + {wide} * 1]",
                "tileloadd tmm3, [{lower} + {wide} * 1 + 64]",
                "4:",
                "test {count}, {count}",
                "jz 5f",
                "2:",
                "mov {from}, [{places}]",
                "lea {from}, [{left} + {from} * 4]",
                "tileloadd tmm4, [{from} + {line} * 1]",
                "tileloadd tmm5, [{from} + {line} * 1 + 1024]",
                "mov {from}, [{places} + 8]",
                "lea {from}, [{right} + {from} * 4]",
                "tileloadd tmm6, [{from} + {line} * 1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tileloadd tmm7, [{from} + {line} * 1 + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {places}, 16",
                "dec {count}",
                "jnz 2b",
                "5:",
                "tilestored [{sums} + {wide} * 1], tmm0",
                "tilestored [{sums} + {wide} * 1 + 64], tmm1",
                "tilestored [{lower} + {wide} * 1], tmm2",
                "tilestored [{lower} + {wide} * 1 + 64], tmm3",
                begin = in(reg) usize::from(begin),
                sums = in(reg) start,
                lower = in(reg) start.add(ROWS * STRIP),
                wide = in(reg) STRIP * size_of::<f32>(),
                line = in(reg) ROW,
                left = in(reg) left.as_ptr(),
                right = in(reg) right.as_ptr(),
                places = inout(reg) places.as_ptr() => _,
                count = inout(reg) places.len() => _,
                from = out(reg) _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ShapeBuilder};
    use proptest::prelude::*;

    use super::*;
    use crate::{Purpose, Stream};

    /// Numbers of a kind: 0 and 1, whole ones, eight to a byte's grid, any.
    fn random(rows: usize, columns: usize, kind: u8, seed: u64) -> Array2<f32> {
        let mut rng = Stream::new(seed, Purpose::Weights, kind.into()).rng(0);
        Array2::from_shape_simple_fn((rows, columns), || match kind {
            0 => f32::from(u8::from(rng.below(4) == 0)),
            1 => rng.below(513) as f32 - 256.0,
            2 => rng.below(256) as f32 / 255.0,
            _ => rng.normal() as f32,
        })
    }

    fn by(matrix: &Array2<f32>, transposed: bool) -> Array2<f32> {
        let mut stored = Array2::zeros(matrix.raw_dim().set_f(transposed));
        stored.assign(matrix);
        stored
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn agrees_with_three_plain_loops(
            rows in 1..90_usize, inner in 1..300_usize, columns in 1..70_usize,
            kinds: (u8, u8), transposed: (bool, bool), seed: u64,
            keep in prop::sample::select(vec![0.0_f32, 1.0, 0.5]),
        ) {
            let kinds = (kinds.0 % 4, kinds.1 % 4);
            let left = random(rows, inner, kinds.0, seed);
            let right = random(inner, columns, kinds.1, seed ^ 1);
            let start = random(rows, columns, 3, seed ^ 2);
            let mut out = if keep == 0.0 {
                Array2::from_elem((rows, columns), f32::NAN)
            } else {
                start.clone()
            };
            let stored = by(&left, transposed.0);
            let in_parts = InParts::new(&Workers::single(), stored.view());
            in_parts.product(keep, -0.75, by(&right, transposed.1).view(), out.view_mut());
            for ((row, column), got) in out.indexed_iter() {
                let terms = || (0..inner).map(|at| {
                    f64::from(left[[row, at]]) * f64::from(right[[at, column]])
                });
                let begun = f64::from(keep) * f64::from(start[[row, column]]);
                let sum = begun - 0.75 * terms().sum::<f64>();
                let size = begun.abs() + terms().map(f64::abs).sum::<f64>();
                // What is left out, and what sums of single precision lose.
                let bound = (10.0 + inner as f64) * f64::from(f32::EPSILON) / 2.0 * size;
                prop_assert!((f64::from(*got) - sum).abs() <= bound, "{got} for {sum}");
                if kinds.0 < 2 && kinds.1 < 2 && keep == 0.0 && inner * 65_536 < 1 << 24 {
                    prop_assert!((f64::from(*got) - sum).abs() <= 0.0, "whole numbers are exact");
                }
            }
        }

        #[test]
        fn parts_are_the_number(bits: u32) {
            let number = f32::from_bits(bits);
            // Below, the last part is smaller than bfloat16 goes.
            prop_assume!(number.is_finite() && number.abs() > 1e-30);
            let matrix = Array2::from_elem((1, 1), number);
            let lines = Lines { matrix: matrix.view(), together: 1, order: Order::Lines };
            let mut out = vec![0; PLACE];
            let count = cut_plainly(lines, 0..1, 0..1, 0, &mut out);
            let part = |part: usize| f32::from_bits(out[2 * part * TILE] << 16);
            let sum: f64 = (0..PARTS).map(|number| f64::from(part(number))).sum();
            prop_assert_eq!(sum.to_bits(), f64::from(number).to_bits());
            prop_assert!((count.into()..PARTS).all(|number| part(number).abs() <= 0.0));
        }
    }

    #[test]
    fn parts_pay_where_one_side_has_one() {
        for (left, right, pays) in [(0, 3, true), (3, 0, true), (1, 1, true), (3, 3, false)] {
            let left = InParts::new(&Workers::single(), random(64, 64, left, 1).view());
            assert_eq!(left.pays(random(64, 40, right, 2).view()), pays);
        }
    }

    #[test]
    fn a_last_block_of_one_column_is_multiplied_too() {
        // 17 columns are cut into 16 and one, whose stride means nothing.
        let (left, right) = (random(200, 784, 3, 1), random(784, 17, 3, 2));
        let workers = Workers::single();
        let mut products = [(); 2].map(|()| Array2::zeros((200, 17)));
        let [fast, dense] = &mut products;
        crate::product(
            &workers,
            0.0,
            1.0,
            left.view(),
            right.view(),
            fast.view_mut(),
        );
        crate::dense_product(
            &workers,
            0.0,
            1.0,
            left.view(),
            right.view(),
            dense.view_mut(),
        );
        for (fast, dense) in fast.iter().zip(dense) {
            assert!((fast - *dense).abs() < 1e-3, "{fast} for {dense}");
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let (left, right) = (random(100, 784, 2, 1), random(784, 500, 3, 2));
        let results: Vec<_> = [1, 2, 3]
            .map(|threads| {
                let workers = Workers::new(threads).expect("threads");
                let mut out = Array2::zeros((100, 500));
                crate::product(
                    &workers,
                    0.0,
                    1.0,
                    left.view(),
                    right.view(),
                    out.view_mut(),
                );
                out
            })
            .into();
        assert!(results.iter().all(|result| *result == results[0]));
    }

    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    #[test]
    fn the_processors_tiles_agree_with_their_plain_twins() {
        if !amx::available().halves {
            eprintln!("skipped: this processor has no tiles of bfloat16");
            return;
        }
        for (kind, shape) in [(0, (16, 32)), (1, (9, 31)), (2, (16, 3)), (3, (16, 32))] {
            let numbers = random(shape.0, shape.1, kind, 5);
            let mut tiles = Vec::new();
            for transposed in [false, true] {
                let stored = by(&numbers, transposed);
                for order in [Order::Lines, Order::Pairs] {
                    let lines = Lines {
                        matrix: stored.view(),
                        together: 1,
                        order,
                    };
                    let (mut plain, mut fast) = (vec![0; PLACE], vec![0; PLACE]);
                    let mut counts = [0; 2];
                    for half in 0..2 {
                        let (rows, places) = (0..shape.0, 0..shape.1);
                        let out = &mut plain[..PLACE];
                        counts[0] = cut_plainly(lines, rows.clone(), places.clone(), half, out);
                        let out = &mut fast[..PLACE];
                        // SAFETY: where tiles are AVX-512BW is.
                        counts[1] = unsafe { processor::cut_tile(lines, rows, places, half, out) };
                    }
                    assert_eq!(counts[0], counts[1]);
                    assert_eq!(fast, plain, "kind {kind}, transposed {transposed}");
                    tiles.push(fast);
                }
            }
            let set_up = Tiles::set_up();
            let mut sums = [[1.0; STRIP * STRIP]; 2];
            for begin in [true, false] {
                let parts = [PARTS as u8];
                let (left, right) = ((&tiles[0][..], &parts[..]), (&tiles[1][..], &parts[..]));
                multiply(&set_up, begin, left, right, &mut sums[0]);
                let pair =
                    |first: usize, second: usize| [first, second].map(|part| part * 2 * TILE);
                let places = [
                    pair(0, 0),
                    pair(0, 1),
                    pair(0, 2),
                    pair(1, 0),
                    pair(1, 1),
                    pair(2, 0),
                ];
                multiply_plainly(&places, begin, left.0, right.0, &mut sums[1]);
            }
            for (fast, plain) in sums[0].iter().zip(&sums[1]) {
                let bound = if kind < 2 {
                    0.0
                } else {
                    1e-5 * plain.abs().max(10.0)
                };
                assert!(
                    (fast - plain).abs() <= bound,
                    "kind {kind}: {fast} for {plain}"
                );
            }
        }
    }
}
