//! Which tiles of two matrices are multiplied, and their products.

use crate::Precision;
use crate::amx::{ROW, ROWS, Tiles};
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor;
use crate::parts::{BYTES, DEPTH, STRIP, SUMS, TILE};
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::{amx, bytes};

/// Where, in bytes, tiles begin that are multiplied: two of the left matrix, one below the other, and two of the right
/// one, side by side.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub left: u32,
    pub right: u32,
}

/// The pairs of tiles of two strips, by the digit of the sum for which they count.
#[derive(Debug)]
pub(crate) struct Pairs {
    all: Vec<Pair>,
    ends: Vec<usize>,
}

impl Pairs {
    pub fn new(precision: Precision) -> Self {
        Self {
            all: Vec::new(),
            ends: vec![0; precision.digits()],
        }
    }

    /// Given how many digits each tile of the inner dimension has on the left, and all on the right.
    pub fn find(&mut self, left: &[u8], right: u8) {
        let depth = left.len();
        self.all.clear();
        for (level, end) in self.ends.iter_mut().enumerate() {
            for (tile, digits) in left.iter().enumerate() {
                for first in 0..usize::from(*digits).min(level + 1) {
                    let second = level - first;
                    if second < right.into() {
                        let place = |digit| ((digit * depth + tile) * 2 * TILE * BYTES) as u32;
                        self.all.push(Pair {
                            left: place(first),
                            right: place(second),
                        });
                    }
                }
            }
            *end = self.all.len();
        }
    }

    /// The sums of the products of all pairs, by digit; answers how many there are.
    pub fn multiply(
        &self,
        set_up: &Tiles,
        halves: [bool; 2],
        left: &[u32],
        right: &[u32],
        sums: &mut [i32],
    ) -> usize {
        let levels = self.levels();
        for (pairs, sums) in levels.clone().zip(sums.chunks_mut(SUMS)) {
            multiply(set_up, pairs, halves, left, right, sums);
        }
        levels.count()
    }

    /// The same of `rows` rows and two strips of columns, whose sums lie one after the other: faster than one by one where
    /// vectors do it.
    pub fn multiply_wide(
        &self,
        rows: usize,
        left: &[u32],
        rights: (&[u32], &[u32]),
        sums: &mut [i32],
    ) -> usize {
        let levels = self.levels();
        let (first, second) = sums.split_at_mut(sums.len() / 2);
        let sums = first.chunks_mut(SUMS).zip(second.chunks_mut(SUMS));
        for (pairs, sums) in levels.clone().zip(sums) {
            multiply_wide(pairs, rows, left, rights.into(), sums.into());
        }
        levels.count()
    }

    /// Those of each digit up to the last that has any.
    pub(super) fn levels(&self) -> impl Iterator<Item = &[Pair]> + Clone {
        let levels = self.ends.iter().scan(0, |start, end| {
            let level = &self.all[*start..*end];
            *start = *end;
            Some(level)
        });
        levels.take_while(|level| !level.is_empty())
    }
}

/// [`multiply`] of `rows` rows and two strips of columns, where vectors do it.
fn multiply_wide(
    pairs: &[Pair],
    rows: usize,
    left: &[u32],
    rights: [&[u32]; 2],
    sums: [&mut [i32]; 2],
) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::vectors() {
        // SAFETY: the processor multiplies vectors of bytes, as was asked.
        unsafe { processor::vectors::multiply(pairs, rows, left, rights, sums) };
        return;
    }
    for (right, sums) in rights.into_iter().zip(sums) {
        multiply_plainly(pairs, left, right, &mut sums[..rows * STRIP]);
    }
}

/// The sums of the products of `pairs` of tiles, row by row; those of second halves, of the rows and of the columns, only where
/// these are there.
pub(super) fn multiply(
    _set_up: &Tiles,
    pairs: &[Pair],
    halves: [bool; 2],
    left: &[u32],
    right: &[u32],
    sums: &mut [i32],
) {
    let fits = |place: u32, tiles: &[u32]| place as usize / BYTES + 2 * TILE <= tiles.len();
    assert!(
        sums.len() == SUMS
            && pairs
                .iter()
                .all(|pair| fits(pair.left, left) && fits(pair.right, right)),
        "tiles and sums are there"
    );
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if amx::available() {
        // SAFETY: the processor has these tiles and the system lets us use them, as was asked; they are set up,
        // as `Tiles` says; all pairs lie within the tiles.
        unsafe { processor::multiply(pairs, halves, left, right, sums) };
        return;
    } else if bytes::vectors() {
        let rows = if halves[0] { STRIP } else { ROWS };
        // SAFETY: the processor multiplies vectors of bytes, as was asked.
        unsafe { processor::vectors::multiply(pairs, rows, left, [right], [sums]) };
        return;
    }
    multiply_plainly(pairs, left, right, sums);
}

/// The plain twin, which always makes all halves.
pub(super) fn multiply_plainly(pairs: &[Pair], left: &[u32], right: &[u32], sums: &mut [i32]) {
    sums.fill(0);
    for pair in pairs {
        let [left, right] = [(left, pair.left), (right, pair.right)].map(|(tiles, place)| {
            let tiles = &tiles[place as usize / BYTES..][..2 * TILE];
            bytemuck::cast_slice::<u32, u8>(tiles)
        });
        for (row, sums) in sums.chunks_mut(STRIP).enumerate() {
            for (column, sum) in sums.iter_mut().enumerate() {
                let right = &right[column / ROWS * TILE * BYTES..];
                for place in 0..DEPTH {
                    let (fourth, byte) = (place / BYTES, place % BYTES);
                    let x = left[row * ROW + place];
                    let y = right[fourth * ROW + column % ROWS * BYTES + byte].cast_signed();
                    *sum += i32::from(x) * i32::from(y);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Purpose, Stream};

    #[test]
    fn two_strips_at_once_agree_with_the_plain_twin() {
        let mut rng = Stream::new(6, Purpose::Weights, 0).rng(0);
        let mut any = |length: usize, dark: u32| -> Vec<u32> {
            let mut word = || match rng.below(dark) {
                0 => rng.below(u32::MAX),
                _ => 0,
            };
            (0..length).map(|_| word()).collect()
        };
        let digits = Precision::Training.digits();
        let strip = digits * 6 * 2 * TILE;
        for (rows, left, there) in [
            (STRIP, any(strip, 1), [1; 6]),
            (STRIP - 3, any(strip, 9), [2; 6]),
            (1, any(strip, 3), [0, 2, 1, 0, 2, 2]),
            (STRIP, any(strip, 1), [0; 6]),
        ] {
            let rights = [any(strip, 1), any(strip, 1)];
            let mut pairs = Pairs::new(Precision::Training);
            pairs.find(&there, 1);
            let mut sums = vec![7; 2 * digits * SUMS];
            let levels = pairs.multiply_wide(rows, &left, (&rights[0], &rights[1]), &mut sums);
            assert_eq!(levels, there.iter().copied().max().unwrap_or(0).into());
            for (right, sums) in rights.iter().zip(sums.chunks(digits * SUMS)) {
                for (pairs, sums) in pairs.levels().zip(sums.chunks(SUMS)) {
                    let mut expected = [9; SUMS];
                    multiply_plainly(pairs, &left, right, &mut expected);
                    assert_eq!(sums[..rows * STRIP], expected[..rows * STRIP]);
                }
            }
        }
    }
}
