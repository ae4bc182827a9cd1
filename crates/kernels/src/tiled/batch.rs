//! Mini-batches, and what they are taken up into.

use ndarray::{Array1, Axis};

use crate::parts::{DEPTH, InParts, Packed, Sides, sides};
use crate::tiled::{PRECISION, count};
use crate::{BitRows, Pixels};

/// A mini-batch.
#[derive(Debug, Clone, Copy)]
pub enum Batch<'a> {
    /// Of pixels: rows by their numbers.
    Pixels(&'a Pixels, &'a [usize]),
    /// Of states: rows by their numbers.
    States(&'a BitRows, &'a [usize]),
}

impl Batch<'_> {
    /// Rows and units.
    pub(super) fn dim(&self) -> (usize, usize) {
        match self {
            Batch::Pixels(pixels, chosen) => (chosen.len(), pixels.columns()),
            Batch::States(states, chosen) => (chosen.len(), states.bits()),
        }
    }

    /// Puts 64 units, and their sums.
    pub(super) fn put(&self, sides: &mut Sides, group: usize, sums: &mut [f32]) {
        match self {
            Batch::Pixels(pixels, chosen) => {
                let mut all = [0.0; DEPTH];
                sides.put_pixels(pixels, chosen, group, &mut all);
                sums.copy_from_slice(&all[..sums.len()]);
            }
            Batch::States(states, chosen) => {
                let words = chosen.iter().map(|row| states.row(*row)[group]);
                let words = Array1::from_iter(words).insert_axis(Axis(1));
                sides.put_states(Packed(words.view()), 0, 0);
                sums.copy_from_slice(&count(words.view())[..sums.len()]);
            }
        }
    }
}

/// Visible units of a mini-batch as rows, and of it and the chains, one after the other, as columns.
#[derive(Debug)]
pub(super) struct Visible {
    pub rows: InParts,
    pub columns: InParts,
    /// Σ v of the mini-batch, by unit.
    pub sums: Vec<f32>,
}

impl Visible {
    /// Room for so many rows of so many units.
    pub fn none(rows: usize, units: usize) -> Self {
        Self {
            rows: InParts::new(PRECISION, rows, units),
            columns: InParts::new(PRECISION, units, 2 * rows.next_multiple_of(DEPTH)),
            sums: vec![0.0; units],
        }
    }

    /// Where a mini-batch is put, 64 units at a time, and the sums of these.
    pub fn groups(&mut self) -> Vec<(Sides<'_>, &mut [f32])> {
        let sides = sides(&mut self.rows, &mut self.columns);
        sides.into_iter().zip(self.sums.chunks_mut(DEPTH)).collect()
    }
}
