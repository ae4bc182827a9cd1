//! Memory that begins with a cache line.

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
