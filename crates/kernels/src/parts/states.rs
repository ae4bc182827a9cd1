//! Packed states, which are digits as they are.

use ndarray::ArrayView2;

use crate::amx::ROWS;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::bytes;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor;
use crate::parts::turn::Order;
use crate::parts::{BYTES, DEPTH, InRows, STRIP, TILE, WIDTH};

/// What a state that is on counts on the left, where 1 is [`super::WHOLE`].
pub(crate) const ON: u8 = 255;

/// Which of 16 × 64 places are on: bit l of mask b of row r is place 16 b + l of the row.
pub(super) type Masks = [[u16; BYTES]; ROWS];

/// Rows of packed states, `words` words each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed<'a>(pub ArrayView2<'a, u64>);

impl Packed<'_> {
    /// Puts one word of all rows.
    pub fn put_rows(self, word: usize, strips: &mut [InRows]) {
        for (strip, ([tiles, ..], digits)) in strips.iter_mut().enumerate() {
            for (half, out) in tiles.chunks_mut(TILE).enumerate() {
                let masks = self.rows(strip * STRIP + half * ROWS, word);
                spread(&masks, ON, false, out);
            }
            **digits = 1;
        }
    }

    /// Puts a strip of columns, the first of which is `column`, to where `before` tiles of the inner dimension are before
    /// them: as rows of the left side, or as columns of the right one, where what is on counts `on`.
    pub fn put_columns(
        self,
        column: usize,
        on: Option<i8>,
        (before, order): (usize, Order),
        out: &mut [u32],
    ) {
        for tile in 0..self.0.nrows().div_ceil(DEPTH) {
            let each = order.each(self.0.nrows() - tile * DEPTH);
            for half in 0..2 {
                let masks = self.columns(tile * DEPTH, each, column + half * ROWS);
                let place = ((before + tile) * 2 + half) * TILE;
                let byte = on.map_or(ON, i8::cast_unsigned);
                spread(&masks, byte, on.is_none(), &mut out[place..]);
            }
        }
    }

    /// Sixteen rows of one word.
    fn rows(self, first: usize, word: usize) -> Masks {
        std::array::from_fn(|row| {
            let word = self.0.get((first + row, word)).map_or(0, |word| *word);
            std::array::from_fn(|byte| (word >> (16 * byte)) as u16)
        })
    }

    /// Sixteen columns of 64 rows, 0 where there are none: row l of the tile has rows l, e + l, 2 e + l and 3 e + l, of e
    /// rows in each byte.
    fn columns(self, first: usize, each: usize, column: usize) -> Masks {
        std::array::from_fn(|row| {
            std::array::from_fn(|byte| {
                if row >= each {
                    return 0;
                }
                let row = first + each * byte + row;
                let word = self.0.get((row, column / 64)).map_or(0, |word| *word);
                (word >> (column % 64)) as u16
            })
        })
    }
}

/// Bytes of a tile: `on` where a place is on, else 0; with `transposed` of rows for columns, byte by byte of four.
fn spread(masks: &Masks, on: u8, transposed: bool, out: &mut [u32]) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        unsafe { processor::spread(masks, on, transposed, out) };
        return;
    }
    spread_plainly(masks, on, transposed, out);
}

/// The plain twin.
pub(super) fn spread_plainly(masks: &Masks, on: u8, transposed: bool, out: &mut [u32]) {
    for (row, masks) in masks.iter().enumerate() {
        for place in 0..WIDTH {
            let bytes = masks.map(|mask| if mask >> place & 1 == 1 { on } else { 0 });
            let at = if transposed {
                place * WIDTH + row
            } else {
                row * WIDTH + place
            };
            out[at] = u32::from_le_bytes(bytes);
        }
    }
}
