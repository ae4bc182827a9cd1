//! How strips of rows are multiplied, where vectors pass over what is 0.

use std::ops::Range;

use crate::Workers;
use crate::bytes;
use crate::parts::{Few, InParts, STRIP, Way};
use crate::tiled::batch::Counted;
use crate::tiled::block::{Block, Left};

/// By strips of rows; where there are tiles, all of them are multiplied.
#[derive(Debug)]
pub(super) struct Strips {
    /// Of the mini-batch's visible units and the chains'.
    visible: [Vec<Few>; 2],
    hidden: Vec<Few>,
}

impl Strips {
    /// Of so many rows, not looked at yet.
    pub fn none(rows: usize) -> Self {
        let strips = || (0..rows.div_ceil(STRIP)).map(|_| Few::none()).collect();
        Self {
            visible: [strips(), strips()],
            hidden: strips(),
        }
    }

    /// Looks at hidden states, of the mini-batch (0) or the chains (1), of so many groups of blocks.
    pub fn look_at_hidden(
        &mut self,
        workers: &Workers,
        (blocks, groups): (&[Block], usize),
        part: usize,
    ) {
        if !bytes::vectors() {
            return;
        }
        workers.for_each_chunk(&mut self.hidden, 1, |strip, few| {
            let rows = strip * STRIP..blocks[0].states[part].nrows().min((strip + 1) * STRIP);
            let mut words = Vec::with_capacity(rows.len() * blocks.len());
            for row in rows {
                words.extend(blocks.iter().map(|block| block.states[part][[row, 0]]));
            }
            few[0].list_states(&words, blocks.len(), groups);
        });
    }

    /// Looks at visible units, of the mini-batch, the chains, or both: as rows, or where they are counted. Of these rows are put
    /// if there is a strip of which all is multiplied.
    pub fn look_at_visible(
        &mut self,
        workers: &Workers,
        parts: &Range<usize>,
        mut units: [(&mut InParts, &Counted); 2],
    ) {
        if !bytes::vectors() {
            return;
        }
        let both = units.each_ref().map(|(rows, counted)| (&**rows, *counted));
        let both = self.visible.iter_mut().zip(both);
        let strips = both.skip(parts.start).take(parts.len());
        let strips = strips.flat_map(|(few, units)| (0..).zip(few).map(move |few| (units, few)));
        let mut strips: Vec<_> = strips.collect();
        workers.for_each_chunk(&mut strips, 1, |_, strips| {
            let ((rows, counted), (strip, few)) = &mut strips[0];
            if counted.any {
                let (words, each) = counted.strip(*strip);
                few.list_states(&words, each, 1);
            } else {
                few.list(rows, *strip);
            }
        });
        for part in parts.clone() {
            let (rows, counted) = &mut units[part];
            if counted.any && needs_rows(&self.visible[part]) {
                counted.put_rows(workers, rows);
            }
        }
    }

    pub fn hidden<'a>(&'a self, states: &'a InParts) -> Left<'a> {
        (states, &self.hidden)
    }

    pub fn visible<'a>(&'a self, rows: [&'a InParts; 2]) -> [Left<'a>; 2] {
        let [batch, chains] = &self.visible;
        [(rows[0], batch), (rows[1], chains)]
    }

    /// Hidden states, if all of them are listed.
    pub fn listed_hidden(&self) -> Option<&[Few]> {
        (!self.needs_hidden_rows()).then_some(&self.hidden)
    }

    /// Whether there is a strip of hidden states of which all is multiplied.
    pub fn needs_hidden_rows(&self) -> bool {
        needs_rows(&self.hidden)
    }
}

fn needs_rows(strips: &[Few]) -> bool {
    strips.iter().any(|few| few.way() == Way::All)
}
