//! What a reader hands out: some observations' states, labels and counts.

use resrel_kernels::BitRows;

/// Consecutive observations of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct StateChunk {
    /// Number of the first observation in the file, from 0.
    pub first_row: u64,
    /// The states, one per observation.
    pub states: Column,
    /// The labels, one per observation, where the file has them.
    pub labels: Option<Column>,
    /// How often each state was observed, at least once; `None` where every row is one observation.
    pub counts: Option<Vec<u64>>,
}

impl StateChunk {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.states.values.len()
    }
}

/// Values of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The values; where one is missing, a placeholder (0 or empty).
    pub values: Values,
    /// Rows of the chunk whose value is missing, from 0, in ascending order.
    pub missing: Vec<usize>,
}

/// Values of one type. Equal whole numbers are equal values, whether they come as
/// [`Integers`](Self::Integers) or as [`Unsigned`](Self::Unsigned): a column of text that goes beyond
/// [`i64::MAX`] changes from chunk to chunk.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Whole numbers of 64 bits.
    Integers(Vec<i64>),
    /// Whole numbers of 0 or more, up to 2⁶⁴ − 1.
    Unsigned(Vec<u64>),
    /// Strings of bytes, usually UTF-8.
    Text(Texts),
    /// Strings of bits.
    Bits(BitRows),
}

impl Values {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Unsigned(values) => values.len(),
            Self::Text(texts) => texts.len(),
            Self::Bits(rows) => rows.rows(),
        }
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Strings of bytes, one after the other in one allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    bytes: Vec<u8>,
    /// Where each string ends.
    ends: Vec<usize>,
}

impl Texts {
    /// Number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no strings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of all strings.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each string ends in [`bytes`](Self::bytes); it starts where the one before it ends.
    #[must_use]
    pub fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// A string.
    ///
    /// # Panics
    /// If there is none of this index.
    #[must_use]
    pub fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    /// The strings in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Appends a string.
    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(strings: I) -> Self {
        let mut texts = Self::default();
        for text in strings {
            texts.push(text.as_ref());
        }
        texts
    }
}
