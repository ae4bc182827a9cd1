//! What is cut into digits as rows, as columns.

use crate::aligned::OnLine;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::bytes;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor;
use crate::parts::{BYTES, DEPTH, ROWS, TILE, WIDTH, anything};

/// Rows of a tile.
pub(super) type Tile = [[u32; WIDTH]; ROWS];

/// A tile in which nothing is.
pub(super) const EMPTY: Tile = [[0; WIDTH]; ROWS];

/// How columns take up rows, 64 to a tile of the inner dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Row 16 b + l goes to byte b of place l.
    Tiles,
    /// Where there are fewer than 64, each byte takes up as many of them: places that all are beyond are 0 then, and
    /// vectors pass over these.
    Close,
}

impl Order {
    /// How many of these rows each byte takes up.
    pub fn each(self, rows: usize) -> usize {
        match self {
            Self::Tiles => ROWS,
            Self::Close => rows.min(DEPTH).div_ceil(BYTES),
        }
    }
}

/// Puts digits of `rows` rows and 64 columns, four tiles one below the other, into the strips of these columns, where
/// `before` tiles of the inner dimension are before them.
pub(super) fn put_columns(
    (tiles, rows, order): ([&Tile; BYTES], usize, Order),
    digit: u8,
    before: usize,
    strips: &mut [(&mut [u32], &mut [u8])],
) {
    let each = order.each(rows);
    let turned = if each == ROWS {
        turn(tiles)
    } else {
        let mut close = OnLine([EMPTY; BYTES]);
        for row in 0..rows {
            close[row / each][row % each] = tiles[row / ROWS][row % ROWS];
        }
        turn(close.each_ref())
    };
    for ((tiles, digits), turned) in strips.iter_mut().zip(turned.as_chunks::<2>().0) {
        let place = (usize::from(digit) * digits.len() + before) * 2 * TILE;
        let out = &mut tiles[place..][..2 * TILE];
        out.copy_from_slice(turned.as_flattened().as_flattened());
        if anything(out) {
            digits[before] = digit + 1;
        }
    }
}

/// Four tiles with 64 digits each of 64 rows, one below the other: the same of 64 columns.
fn turn(tiles: [&Tile; BYTES]) -> OnLine<[Tile; BYTES]> {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        return unsafe { processor::turn(tiles) };
    }
    OnLine(turn_plainly(tiles))
}

/// The plain twin.
pub(super) fn turn_plainly(tiles: [&Tile; BYTES]) -> [Tile; BYTES] {
    // Byte b of place l of a row is pixel 16 b + l.
    let at = |row: usize, pixel: usize| {
        let word = tiles[row / ROWS][row % ROWS][pixel % WIDTH];
        word.to_le_bytes()[pixel / WIDTH]
    };
    std::array::from_fn(|tile| {
        std::array::from_fn(|row| {
            std::array::from_fn(|place| {
                let bytes = std::array::from_fn(|byte| at(WIDTH * byte + place, tile * ROWS + row));
                u32::from_le_bytes(bytes)
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tiles_are_turned_as_by_the_plain_twin(tiles: [[[u32; WIDTH]; ROWS]; BYTES]) {
            let tiles = tiles.each_ref();
            prop_assert_eq!(turn(tiles).0, turn_plainly(tiles));
        }
    }
}
