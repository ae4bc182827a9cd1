//! Memory that begins with a cache line.

use std::ops::{Deref, DerefMut};

/// What begins with a cache line wherever it is, as on the stack: a vector that straddles two is read and written twice.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct OnLine<T>(pub T);

impl<T> Deref for OnLine<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for OnLine<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Numbers that begin with a cache line, so that no row of whole lines straddles one more.
#[derive(Debug)]
pub(crate) struct Aligned<T> {
    values: Vec<T>,
    start: usize,
    length: usize,
}

impl<T: Copy + Default> Aligned<T> {
    pub fn zeros(length: usize) -> Self {
        /// Bytes of a cache line.
        const LINE: usize = 64;
        let values = vec![T::default(); length + LINE / size_of::<T>()];
        let start = values.as_ptr().align_offset(LINE);
        Self {
            values,
            start,
            length,
        }
    }

    pub fn slice(&self) -> &[T] {
        &self.values[self.start..self.start + self.length]
    }

    pub fn slice_mut(&mut self) -> &mut [T] {
        &mut self.values[self.start..self.start + self.length]
    }
}
