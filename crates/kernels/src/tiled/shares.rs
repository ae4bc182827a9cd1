//! The way down by several threads.
//!
//! Weights stay near the thread that makes steps of them: each adds up its own, first for those visible units that another
//! makes, then for those that it makes itself, and of weights only these sums go from one to the other.

use std::ops::Range;

use crate::Workers;
use crate::aligned::Aligned;
use crate::amx::ROWS;
use crate::bytes;
use crate::parts::{Few, parts_of};
use crate::philox::PAIRED;
use crate::tiled::block::{Block, sums_down, units_of_rows};

/// What blocks of hidden units add to visible units that are made elsewhere.
#[derive(Debug)]
pub(super) struct Shares {
    /// Rows of the sums of [`PAIRED`] visible units, by group of blocks and chunk of these units.
    sums: Aligned<f32>,
    /// Of blocks.
    groups: usize,
    /// Of visible units.
    chunks: usize,
    rows: usize,
}

impl Shares {
    /// Of nothing yet.
    pub fn none() -> Self {
        Self {
            sums: Aligned::zeros(0),
            groups: 0,
            chunks: 0,
            rows: 0,
        }
    }

    /// Into how many groups blocks are parted, for so many hidden units and rows; one where that would move more sums than
    /// weights.
    pub fn groups(workers: &Workers, blocks: &[Block], (hidden, rows): (usize, usize)) -> usize {
        let groups = workers.threads().min(blocks.len());
        if bytes::vectors() && groups * rows <= hidden {
            groups
        } else {
            1
        }
    }

    /// Adds up, for so many visible units and rows, where states are listed for so many groups.
    pub fn add_up(
        &mut self,
        workers: &Workers,
        (blocks, few, groups): (&[Block], &[Few], usize),
        (visible, rows): (usize, usize),
    ) {
        self.groups = groups;
        self.chunks = visible.div_ceil(PAIRED);
        self.rows = rows;
        let chunks = self.chunks;
        let length = groups * chunks * rows * PAIRED;
        if self.sums.slice().len() != length {
            self.sums = Aligned::zeros(length);
        }
        let pieces = self.sums.slice_mut().chunks_mut(rows * PAIRED);
        let mut pieces: Vec<_> = pieces.collect();
        workers.for_each_chunk(&mut pieces, 1, |index, pieces| {
            let (group, chunk) = (index / chunks, index % chunks);
            if group == owner(chunk, chunks, groups) {
                return;
            }
            let range = chunk * PAIRED..visible.min((chunk + 1) * PAIRED);
            let mut units = [[0.0; ROWS]; PAIRED / ROWS];
            units_of_rows(blocks, range.clone(), &mut units);
            let units = &units[..range.len().div_ceil(ROWS)];
            let mut rows: Vec<_> = pieces[0].chunks_mut(PAIRED).collect();
            let group = (group, groups, false);
            sums_down(blocks, few, group, (units, &range), &mut rows);
        });
    }

    /// Fields, without bias, of the visible units `range` of a chunk, whose rows of weights are multiples of `units`.
    pub fn fields(
        &self,
        (blocks, few): (&[Block], &[Few]),
        chunk: usize,
        (units, range): (&[[f32; ROWS]], &Range<usize>),
        out: &mut [f32],
    ) {
        let own = owner(chunk, self.chunks, self.groups);
        let pieces = self.sums.slice().chunks(self.rows * PAIRED);
        let others = pieces.skip(chunk).step_by(self.chunks).enumerate();
        let mut others = others.filter(|(group, _)| *group != own);
        match others.next() {
            Some((_, first)) => out.copy_from_slice(first),
            None => out.fill(0.0),
        }
        for (_, piece) in others {
            for (sum, more) in out.iter_mut().zip(piece) {
                *sum = f32::from_bits(sum.to_bits().wrapping_add(more.to_bits()));
            }
        }
        let mut rows: Vec<_> = out.chunks_mut(PAIRED).collect();
        let group = (own, self.groups, true);
        sums_down(blocks, few, group, (units, range), &mut rows);
    }
}

/// Whose group makes a chunk: that of the thread that [begins](Workers::awake) with it, if there are as many groups as threads.
fn owner(chunk: usize, chunks: usize, groups: usize) -> usize {
    let owner = parts_of(chunks, groups).position(|range| range.contains(&chunk));
    owner.expect("one of the chunks")
}
