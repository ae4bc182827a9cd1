//! A chunk of a file on its way into the counter: missing values refused, dropped or counted.

use std::path::Path;

use resrel_data::{Column, StateChunk, Texts, Values};
use resrel_kernels::BitRows;
use resrel_measure::{Batch, States};

use super::{Missing, refused};
use crate::Error;

/// The observations of a chunk.
pub(super) struct Rows {
    chunk: StateChunk,
    /// Rows to be left out, ascending.
    dropped: Vec<usize>,
    /// Whether there are numbers below 0, or beyond [`i64::MAX`].
    pub negative: bool,
    pub huge: bool,
}

impl Rows {
    /// # Errors
    /// Where a value is missing that must not be.
    pub fn new(path: &Path, chunk: StateChunk, missing: Missing) -> Result<Self, Error> {
        let label_missing = chunk.labels.as_ref().map_or(&[][..], |l| &l.missing);
        let mut gaps = chunk.states.missing.clone();
        gaps.extend_from_slice(label_missing);
        gaps.sort_unstable();
        gaps.dedup();
        if missing == Missing::Refuse
            && let Some(&row) = gaps.first()
        {
            let what = if chunk.states.missing.contains(&row) {
                "state"
            } else {
                "label"
            };
            let problem = format!(
                "row {} (counted from 0) has no {what}; leave such rows out with --missing drop, \
                 or count them as a {what} of their own with --missing state",
                chunk.first_row + row as u64
            );
            return Err(refused(path, problem));
        }
        let (negative, huge) = match &chunk.states.values {
            Values::Integers(values) => (values.iter().any(|&value| value < 0), false),
            Values::Unsigned(values) => (false, values.iter().any(|&v| i64::try_from(v).is_err())),
            Values::Text(_) | Values::Bits(_) => (false, false),
        };
        Ok(Self {
            chunk,
            dropped: if missing == Missing::Drop {
                gaps
            } else {
                Vec::new()
            },
            negative,
            huge,
        })
    }

    pub fn rows(&self) -> usize {
        self.chunk.rows()
    }

    pub fn labels(&self) -> Option<&Column> {
        self.chunk.labels.as_ref()
    }

    pub fn is_counts(&self) -> bool {
        self.chunk.counts.is_some()
    }

    /// Observations to be left out.
    pub fn dropped(&self) -> u64 {
        match &self.chunk.counts {
            None => self.dropped.len() as u64,
            Some(counts) => {
                let dropped = self.dropped.iter();
                // The counter refuses counts that do not add up.
                dropped.fold(0, |sum, &row| sum.saturating_add(counts[row]))
            }
        }
    }

    /// `values` of the rows that are not left out.
    pub fn kept<T: Copy>(&self, mut values: Vec<T>) -> Vec<T> {
        if !self.dropped.is_empty() {
            let mut row = 0;
            let mut dropped = self.dropped.iter().peekable();
            values.retain(|_| {
                let keep = dropped.next_if(|&&gap| gap == row).is_none();
                row += 1;
                keep
            });
        }
        values
    }

    /// Hands over the observations that are not left out.
    pub fn batch<T>(self, labels: Option<&[u32]>, see: impl FnOnce(&Batch<'_>) -> T) -> T {
        let chunk = if self.dropped.is_empty() {
            self.chunk
        } else {
            let counts = self.chunk.counts.clone().map(|counts| self.kept(counts));
            let values = match &self.chunk.states.values {
                Values::Integers(values) => Values::Integers(self.kept(values.clone())),
                Values::Unsigned(values) => Values::Unsigned(self.kept(values.clone())),
                Values::Text(texts) => {
                    let rows = self.kept((0..texts.len()).collect());
                    Values::Text(
                        rows.into_iter()
                            .map(|row| texts.get(row))
                            .collect::<Texts>(),
                    )
                }
                Values::Bits(bits) => {
                    let rows = self.kept((0..bits.rows()).collect());
                    let mut kept = BitRows::zeros(rows.len(), bits.bits());
                    for (to, from) in rows.into_iter().enumerate() {
                        kept.row_mut(to).copy_from_slice(bits.row(from));
                    }
                    Values::Bits(kept)
                }
            };
            StateChunk {
                first_row: self.chunk.first_row,
                states: Column {
                    values,
                    missing: Vec::new(),
                },
                labels: None,
                counts,
            }
        };
        let states = match &chunk.states.values {
            Values::Integers(values) => States::Words(bytemuck::cast_slice(values)),
            Values::Unsigned(values) => States::Words(values),
            Values::Text(texts) => States::Texts {
                bytes: texts.bytes(),
                ends: texts.ends(),
            },
            Values::Bits(bits) => States::Words(bits.words()),
        };
        see(&Batch {
            states,
            labels,
            counts: chunk.counts.as_deref(),
            missing: &chunk.states.missing,
        })
    }
}
