//! Pixels: numbers of 256 levels, a byte each.

use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{ArrayView2, Axis};

use crate::Workers;
use crate::aligned::Aligned;
use crate::parts::{DEPTH, WIDTH, put_row};

/// Rows that a thread looks at, at a time.
const TOGETHER: usize = 256;

/// Sixty-four pixels of a row, as a tile's row has them: byte b of number l is pixel 16 b + l.
pub(crate) type Group = [u32; WIDTH];

/// Rows of pixels, k/255 with a whole k from 0 to 255. A quarter of what they take as numbers of single precision is read
/// of them, and nothing has to be cut into digits.
#[derive(Debug)]
pub struct Pixels {
    /// By row, groups of [`DEPTH`]; 0 beyond the last.
    words: Aligned<u32>,
    rows: usize,
    columns: usize,
}

impl Pixels {
    /// Of `values` (rows × columns), if each is such a number.
    #[must_use]
    #[allow(
        clippy::missing_panics_doc,
        reason = "rows of a standard layout are slices"
    )]
    pub fn of(workers: &Workers, values: ArrayView2<f32>) -> Option<Self> {
        let (rows, columns) = values.dim();
        let groups = columns.div_ceil(DEPTH);
        let mut words = Aligned::zeros(rows * groups * WIDTH);
        let all = AtomicBool::new(true);
        let length = (TOGETHER * groups * WIDTH).max(1);
        workers.for_each_chunk(words.slice_mut(), length, |chunk, words| {
            let values = values.slice_axis(Axis(0), (chunk * TOGETHER..).into());
            let groups = words.as_chunks_mut::<WIDTH>().0.chunks_mut(groups.max(1));
            for (row, groups) in values.outer_iter().zip(groups) {
                // Where one row is of other numbers, the others are in vain.
                if !all.load(Ordering::Relaxed) {
                    return;
                }
                let row = row.as_standard_layout();
                let row = row.as_slice().expect("a standard layout is a slice");
                if !put_row(row, groups) {
                    all.store(false, Ordering::Relaxed);
                }
            }
        });
        all.into_inner().then_some(Self {
            words,
            rows,
            columns,
        })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Pixels of a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A row, by groups.
    pub(crate) fn row(&self, row: usize) -> &[Group] {
        let groups = self.columns.div_ceil(DEPTH);
        &self.words.slice().as_chunks().0[row * groups..][..groups]
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::parts::BYTES;

    #[test]
    fn pixels_are_put_in_the_order_of_a_tile() {
        for columns in [1, 64, 100, 129] {
            let level = |row: usize, column: usize| (row * 31 + column * 7 % 256) % 256;
            let values = Array2::from_shape_fn((600, columns), |(row, column)| {
                level(row, column) as f32 / 255.0
            });
            let turned = values.t().as_standard_layout().into_owned();
            for (threads, values) in [(1, values.view()), (3, turned.t())] {
                let workers = Workers::new(threads).expect("threads");
                let pixels = Pixels::of(&workers, values).expect("pixels");
                assert_eq!((pixels.rows(), pixels.columns()), (600, columns));
                for row in [0, 255, 256, 599] {
                    let bytes: Vec<_> = pixels
                        .row(row)
                        .iter()
                        .flat_map(|group| group.map(u32::to_le_bytes))
                        .collect();
                    for column in 0..bytes.len() * BYTES {
                        let (group, within) = (column / DEPTH, column % DEPTH);
                        let byte = bytes[group * WIDTH + within % WIDTH][within / WIDTH];
                        let expected = if column < columns {
                            level(row, column)
                        } else {
                            0
                        };
                        assert_eq!(usize::from(byte), expected, "pixel {column} of row {row}");
                    }
                }
            }
        }
    }

    #[test]
    fn other_numbers_are_no_pixels() {
        let workers = Workers::single();
        for other in [0.5, -1.0 / 255.0, 256.0 / 255.0, 2.0, 1e30, f32::NAN] {
            let mut values = Array2::from_elem((300, 70), 1.0);
            assert!(Pixels::of(&workers, values.view()).is_some());
            values[[299, 69]] = other;
            assert!(Pixels::of(&workers, values.view()).is_none(), "{other}");
        }
        assert!(Pixels::of(&workers, Array2::zeros((0, 3)).view()).is_some());
        assert!(Pixels::of(&workers, Array2::zeros((3, 0)).view()).is_some());
    }
}
