//! What is cut into digits as rows, as columns.

use crate::Workers;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::amx;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor;
use crate::parts::{BYTES, DEPTH, InParts, ROWS, STRIP, TILE, WIDTH, anything};

/// Rows of a tile.
pub(super) type Tile = [[u32; WIDTH]; ROWS];

/// A tile in which nothing is.
pub(super) const EMPTY: Tile = [[0; WIDTH]; ROWS];

impl InParts {
    /// Puts what is in `from`, of which this many columns are rows here, to where `before` tiles of the inner dimension are
    /// before it: what [`InParts::cut`] makes of the numbers once they are turned, sooner.
    pub fn put_turned(&mut self, workers: &Workers, from: &Self, before: usize) {
        let high = from.rows.div_ceil(DEPTH);
        assert!(
            from.inner == self.rows
                && before + high <= self.depth()
                && from.precision == self.precision,
            "numbers for which there is room"
        );
        let mut strips = self.strips();
        // A tile of the inner dimension there is two strips here.
        workers.for_each_chunk(&mut strips, DEPTH / STRIP, |column, strips| {
            for inner in 0..high {
                let digits = (0..DEPTH / STRIP)
                    .map(|half| from.digits_at(inner * DEPTH + half * STRIP, column))
                    .max();
                for (_, digits) in strips.iter_mut() {
                    digits[before + inner] = 0;
                }
                for digit in 0..digits.unwrap_or(0) {
                    let tiles = std::array::from_fn(|tile| {
                        let row = inner * DEPTH + tile * ROWS;
                        if digit < from.digits_at(row, column) {
                            from.tile(row, digit.into(), column)
                        } else {
                            &EMPTY
                        }
                    });
                    put_columns(tiles, digit, before + inner, strips);
                }
            }
        });
    }

    /// The tile of sixteen rows from `row` on, where `inner` tiles of the inner dimension are before it.
    pub(super) fn tile(&self, row: usize, digit: usize, inner: usize) -> &Tile {
        let (tiles, _) = self.strip(row / STRIP);
        let half = (digit * self.depth() + inner) * STRIP / ROWS + row % STRIP / ROWS;
        &tiles.as_chunks().0.as_chunks().0[half]
    }

    /// How many digits it has, 0 where there are no rows.
    fn digits_at(&self, row: usize, inner: usize) -> u8 {
        if row < self.rows {
            self.strip(row / STRIP).1[inner]
        } else {
            0
        }
    }
}

/// Puts digits of 64 rows and columns, four tiles one below the other, into the strips of these columns, where `before`
/// tiles of the inner dimension are before them.
pub(super) fn put_columns(
    tiles: [&Tile; BYTES],
    digit: u8,
    before: usize,
    strips: &mut [(&mut [u32], &mut [u8])],
) {
    let turned = turn(tiles);
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
fn turn(tiles: [&Tile; BYTES]) -> [Tile; BYTES] {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if amx::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        return unsafe { processor::turn(tiles) };
    }
    turn_plainly(tiles)
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
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;
    use crate::Precision;

    proptest! {
        #[test]
        fn numbers_are_turned_as_they_are_cut(
            rows in 1..150_usize, columns in 1..150_usize, before in 0..3_usize, kinds in 1..40_u32, seed: u64, single: bool,
        ) {
            let precision = if single { Precision::Single } else { Precision::Training };
            let mut rng = crate::Stream::new(seed, crate::Purpose::Digits, 0).rng(0);
            let workers = Workers::single();
            let values = Array2::from_shape_simple_fn((rows, columns), || match rng.below(kinds) {
                0 => rng.below(256) as f32 / 255.0,
                1 => rng.uniform() as f32,
                2 => rng.uniform() as f32 * 1e-3,
                _ => 0.0,
            });
            let mut as_rows = InParts::new(precision, rows, columns);
            let room = (before + 2 * rows.div_ceil(DEPTH)) * DEPTH;
            let [mut cut, mut turned] = [0; 2].map(|_| InParts::new(precision, columns, room));
            prop_assert!(as_rows.cut(&workers, values.view(), 1.0, 0));
            prop_assert!(cut.cut(&workers, values.t(), 1.0, before));
            turned.put_turned(&workers, &as_rows, before);
            for row in (0..columns).step_by(ROWS) {
                for inner in before..before + rows.div_ceil(DEPTH) {
                    let digits = [&cut, &turned].map(|parts| parts.digits_at(row, inner));
                    prop_assert_eq!(digits[0], digits[1]);
                    for digit in 0..digits[0] {
                        let [cut, turned] = [&cut, &turned].map(|parts| parts.tile(row, digit.into(), inner));
                        prop_assert_eq!(cut, turned);
                    }
                }
            }
        }

        #[test]
        fn tiles_are_turned_as_by_the_plain_twin(tiles: [[[u32; WIDTH]; ROWS]; BYTES]) {
            let tiles = tiles.each_ref();
            prop_assert_eq!(turn(tiles), turn_plainly(tiles));
        }
    }
}
