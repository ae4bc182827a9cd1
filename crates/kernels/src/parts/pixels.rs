//! Pixels, which are digits as they are.

use ndarray::Array1;

use crate::Workers;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::amx;
use crate::gather::{AHEAD, come_near};
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor;
use crate::parts::{BYTES, DEPTH, InParts, ROWS, STRIP, TILE, WHOLE, WIDTH, anything};
use crate::pixels::{Group, Pixels};

impl InParts {
    /// Puts the rows `chosen` of `pixels`, as many as there are here.
    pub fn put_pixels(&mut self, workers: &Workers, pixels: &Pixels, chosen: &[usize]) {
        assert!(
            pixels.columns() == self.inner && chosen.len() == self.rows,
            "rows that fit"
        );
        let mut strips = self.strips();
        workers.for_each_chunk(&mut strips, 1, |strip, used| {
            let (tiles, digits) = &mut used[0];
            let chosen = &chosen[strip * STRIP..];
            let row = |place: usize| chosen.get(place).map(|row| pixels.row(*row));
            let ask = |place| row(place).into_iter().for_each(come_near);
            (0..AHEAD).for_each(ask);
            let halves = tiles.as_chunks_mut::<WIDTH>().0;
            for place in 0..STRIP {
                ask(place + AHEAD);
                let groups = row(place);
                for tile in 0..digits.len() {
                    let half = tile * STRIP / ROWS + place / ROWS;
                    halves[half * ROWS + place % ROWS] =
                        groups.map_or([0; WIDTH], |groups| groups[tile]);
                }
            }
            for (tile, digits) in tiles.chunks(2 * TILE).zip(digits.iter_mut()) {
                *digits = u8::from(anything(tile));
            }
        });
    }

    /// Σ over the rows of pixels that were [put](Self::put_pixels), by column: added row by row in order, as
    /// [`crate::column_sums`] does.
    pub fn pixel_sums(&self, workers: &Workers) -> Array1<f32> {
        let mut sums = vec![[0.0; DEPTH]; self.depth()];
        workers.for_each_chunk(&mut sums, 1, |tile, sums| {
            for first in (0..self.rows).step_by(ROWS) {
                let rows = ROWS.min(self.rows - first);
                add_greys(&self.tile(first, 0, tile)[..rows], &mut sums[0]);
            }
        });
        sums.into_iter().flatten().take(self.inner).collect()
    }
}

/// Puts a row there, by groups with 0 beyond its end, if all of it are pixels; else anything is there.
pub(crate) fn put_row(row: &[f32], groups: &mut [Group]) -> bool {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if amx::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        return unsafe { processor::put_row(row, groups) };
    }
    put_row_plainly(row, groups)
}

/// The plain twin.
pub(super) fn put_row_plainly(row: &[f32], groups: &mut [Group]) -> bool {
    let mut all = true;
    for (values, group) in row.chunks(DEPTH).zip(groups) {
        let mut padded = [0.0; DEPTH];
        let values = values.first_chunk().unwrap_or_else(|| {
            padded[..values.len()].copy_from_slice(values);
            &padded
        });
        for (place, out) in group.iter_mut().enumerate() {
            let mut bytes = 0;
            for byte in 0..BYTES {
                let value = values[WIDTH * byte + place];
                // What is no number, or negative, becomes 0, which it is not.
                let level = (value * WHOLE + 0.5) as u32;
                let same = (level as f32 / WHOLE).to_bits() == value.to_bits();
                all &= level <= 255 && same;
                bytes |= level << (8 * byte);
            }
            *out = bytes;
        }
    }
    all
}

/// Adds the pixels of each of the rows to `sums`, one row after the other.
fn add_greys(rows: &[Group], sums: &mut [f32; DEPTH]) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if amx::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        unsafe { processor::add_greys(rows, sums) };
        return;
    }
    add_greys_plainly(rows, sums);
}

/// The plain twin.
pub(super) fn add_greys_plainly(rows: &[Group], sums: &mut [f32; DEPTH]) {
    for row in rows {
        for (byte, sums) in sums.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
            for (pixels, sum) in row.iter().zip(sums) {
                *sum += f32::from(pixels.to_le_bytes()[byte]) / WHOLE;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    use super::*;
    use crate::{Precision, column_sums};

    fn any_f32() -> impl Strategy<Value = f32> {
        any::<u32>().prop_map(f32::from_bits)
    }

    /// A number, the one before or the one after.
    fn near(x: f32, off: i32) -> f32 {
        f32::from_bits(x.to_bits().saturating_add_signed(off))
    }

    proptest! {
        #[test]
        fn pixels_are_put_as_they_are_cut(
            rows in 1..150_usize, columns in 1..150_usize, dark in 1..40_u32, seed: u64,
        ) {
            let mut rng = crate::Stream::new(seed, crate::Purpose::Digits, 0).rng(0);
            let workers = Workers::single();
            let level = |rng: &mut crate::StreamRng| {
                if rng.below(dark) == 0 { rng.below(256) as f32 / 255.0 } else { 0.0 }
            };
            let values = Array2::from_shape_simple_fn((rows, columns), || level(&mut rng));
            let pixels = Pixels::of(&workers, values.view()).expect("pixels");
            // Every other row, from the last one back.
            let chosen: Vec<_> = (0..rows).rev().step_by(2).collect();
            let values = values.slice(s![..;-1, ..]).slice(s![..;2, ..]).to_owned();
            let high = values.nrows();
            let [mut cut, mut put] = [0; 2].map(|_| InParts::new(Precision::Training, high, columns));
            put.put_pixels(&workers, &pixels, &chosen);
            prop_assert!(cut.cut(&workers, values.view(), 1.0, 0));
            for half in 0..high.div_ceil(ROWS) {
                let [put, cut] = [&put, &cut].map(|parts| parts.strip(half / 2));
                prop_assert_eq!(put.1, cut.1);
                for tile in 0..columns.div_ceil(DEPTH) {
                    let [put, cut] = [put, cut].map(|strip| &strip.0[(tile * 2 + half % 2) * TILE..][..TILE]);
                    prop_assert_eq!(put, cut);
                }
            }
            prop_assert_eq!(put.pixel_sums(&workers), column_sums(values.view()));
        }

        #[test]
        fn greys_are_added_as_by_the_plain_twin(rows: Vec<Group>) {
            let sums = [add_greys, add_greys_plainly].map(|way| {
                let mut sums = [0.5; DEPTH];
                way(&rows, &mut sums);
                sums.map(f32::to_bits)
            });
            prop_assert_eq!(sums[0], sums[1]);
        }

        #[test]
        fn rows_are_put_as_by_the_plain_twin(
            levels in proptest::collection::vec(0..256_u32, 1..200), other: prop::sample::Index, value in prop_oneof![
                any_f32(), (0..=300_u32, -1..=1).prop_map(|(level, off)| near(level as f32 / 255.0, off)),
            ],
        ) {
            let mut row: Vec<_> = levels.iter().map(|level| *level as f32 / 255.0).collect();
            for change in [false, true] {
                if change {
                    *other.get_mut(&mut row) = value;
                }
                let ways = [put_row, put_row_plainly].map(|way| {
                    let mut groups = vec![[7; WIDTH]; row.len().div_ceil(DEPTH)];
                    way(&row, &mut groups).then_some(groups)
                });
                prop_assert_eq!(&ways[0], &ways[1]);
                prop_assert!(change || ways[0].is_some());
            }
        }
    }
}
