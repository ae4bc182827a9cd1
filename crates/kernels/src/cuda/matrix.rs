//! Matrices on a graphics card.

use std::ops::Range;

use cudarc::driver::{CudaSlice, CudaView, CudaViewMut};

/// A matrix of numbers on a card, row by row. It belongs to the [`Card`](super::Card) that made it: another one has another
/// queue, which would not wait for it.
#[derive(Debug)]
pub struct CardMatrix {
    pub(super) values: CudaSlice<f32>,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// Some rows of a matrix.
#[derive(Debug)]
pub struct CardRows<'a> {
    pub(super) values: CudaView<'a, f32>,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// Some rows of a matrix, to be written.
#[derive(Debug)]
pub struct CardRowsMut<'a> {
    pub(super) values: CudaViewMut<'a, f32>,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// An order of rows, on a card.
#[derive(Debug)]
pub struct CardOrder {
    pub(super) rows: CudaSlice<u32>,
    /// More than any of them.
    pub(super) beyond: usize,
}

impl CardMatrix {
    /// Rows and columns.
    #[must_use]
    pub fn dim(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// All rows.
    #[must_use]
    pub fn all(&self) -> CardRows<'_> {
        self.rows(0..self.rows)
    }

    /// All rows, to be written.
    #[must_use]
    pub fn all_mut(&mut self) -> CardRowsMut<'_> {
        self.rows_mut(0..self.rows)
    }

    /// The given rows.
    ///
    /// # Panics
    /// If there are no such rows.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>) -> CardRows<'_> {
        let places = rows.start * self.columns..rows.end * self.columns;
        CardRows {
            values: self.values.slice(places),
            rows: rows.len(),
            columns: self.columns,
        }
    }

    /// The given rows, to be written.
    ///
    /// # Panics
    /// If there are no such rows.
    #[must_use]
    pub fn rows_mut(&mut self, rows: Range<usize>) -> CardRowsMut<'_> {
        let places = rows.start * self.columns..rows.end * self.columns;
        CardRowsMut {
            values: self.values.slice_mut(places),
            rows: rows.len(),
            columns: self.columns,
        }
    }
}
