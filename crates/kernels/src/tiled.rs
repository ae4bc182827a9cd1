//! A machine in training, laid out for the processor's matrix tiles.
//!
//! Where there are none, vectors of bytes do the same, and pass over what is 0.
//!
//! What [`conditional`](crate::conditional) and [`product`](crate::product) make of bytes is made here to the last bit,
//! with less to read and write on the way: states stay packed and become tiles a word at a time; weights lie in blocks
//! of hidden units, small enough for a core's own cache; what is largest among them, by which they are cut into digits,
//! is seen when they are written.

mod batch;
mod block;
mod sample;
mod shares;
mod strips;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, Axis, s};
use pulp::Arch;

use crate::amx::ROWS;
use crate::bytes;
use crate::parts::{
    Added, DEPTH, InParts, InRows, MOST_ADDED, MOST_ROWS, MOST_TERMS, Packed, WIDE, clear, room,
    sides,
};
use crate::philox::{PAIRED, Stream};
use crate::sampling::sigmoid_row;
pub use crate::tiled::batch::Batch;
use crate::tiled::batch::{Counted, Group, Visible, count, order, put_states};
use crate::tiled::block::{Block, Units, fields_down, units_of_rows};
use crate::tiled::sample::sample;
use crate::tiled::shares::Shares;
use crate::tiled::strips::Strips;
use crate::{Precision, Workers, column_sums, vectorized};

/// Of all products here.
const PRECISION: Precision = Precision::Training;
/// A product of fewer multiplications is sooner made than its matrices are cut, for tiles or for vectors.
const LEAST_WORK: [usize; 2] = [20_000, 100_000];
/// An update of fewer multiplications is not worth a second thread: what it makes lies in another cache.
const PARALLEL_FROM: usize = 1 << 21;

/// What becomes of the chains' visible units.
#[derive(Debug, Clone, Copy)]
pub enum Phase {
    /// Their means.
    Mean,
    /// Samples: a draw of a stream, rows from 0 on.
    Sampled((Stream, u64)),
}

/// A step along the gradient: W ← keep · W + scale · (Σ v hᵀ of the mini-batch − Σ v hᵀ of the chains).
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// What is kept of the weights: 1 − rate · weight decay.
    pub keep: f32,
    /// Rate / batch.
    pub scale: f32,
}

/// Weights (V × H) and the states of a mini-batch and as many chains, in a stack: rows 0 … batch − 1 are the mini-batch,
/// the next the chains.
#[derive(Debug)]
pub struct Tiled {
    visible: usize,
    hidden: usize,
    batch: usize,
    blocks: Vec<Block>,
    /// Σ v of the chains, by unit.
    chain_sums: Array1<f32>,
    /// Σ h of the mini-batch − Σ h of the chains, by unit, when the last step was made.
    hidden_sums: Array1<f32>,
    /// Of the mini-batch, and where there is room for the next one.
    visible_units: [Visible; 2],
    /// Which of the two is the mini-batch's.
    now: usize,
    /// Visible units of the chains as rows; where they are counted, only if some are multiplied whole.
    chains: InParts,
    /// The same where they are states that are counted.
    counted: Counted,
    /// The same where they are probabilities that are added up.
    added: Added,
    /// Hidden units as rows.
    states: InParts,
    strips: Strips,
    /// Whose these are: the mini-batch's (0), the chains' (1), or nobody's yet.
    whose: Option<usize>,
    shares: Shares,
    /// Of what rows of weights, by sixteen, were made multiples on the last way down, and probably will be on the next.
    units: Vec<[f32; ROWS]>,
    /// Whether all means of visible units were probabilities.
    fits: bool,
}

impl Tiled {
    /// Whether a machine of this shape is trained faster so, by mini-batches of `batch`.
    #[must_use]
    pub fn pays(visible: usize, hidden: usize, batch: usize) -> bool {
        // Fewer observations do not make up for cutting all weights; more rows are better multiplied in parts; more terms
        // might not fit into a sum.
        bytes::available()
            && visible * hidden * batch >= LEAST_WORK[usize::from(bytes::vectors())]
            && (20..=MOST_TERMS).contains(&visible)
            && (10..=MOST_TERMS).contains(&hidden)
            && (20..=MOST_ROWS).contains(&batch)
    }

    /// A machine with `weights` (V × H), and chains of which `chains(row, unit)` says whether a hidden unit is on.
    #[must_use]
    pub fn new(
        weights: ArrayView2<f32>,
        batch: usize,
        chains: impl Fn(usize, usize) -> bool,
    ) -> Self {
        let (visible, hidden) = weights.dim();
        let columns = weights.axis_chunks_iter(Axis(1), WIDE);
        let blocks = (0..).step_by(WIDE).zip(columns).map(|(first, own)| {
            let mut block = Block::new(own, batch);
            for ((row, _), word) in block.states[1].indexed_iter_mut() {
                *word = (0..block.units)
                    .map(|unit| u64::from(chains(row, first + unit)) << unit)
                    .sum();
            }
            block
        });
        Self {
            visible,
            hidden,
            batch,
            blocks: blocks.collect(),
            chain_sums: Array1::zeros(visible),
            hidden_sums: Array1::zeros(hidden),
            visible_units: [0, 1].map(|_| Visible::none(batch, visible)),
            now: 0,
            chains: InParts::new(PRECISION, batch, visible),
            states: InParts::new(PRECISION, batch, hidden),
            strips: Strips::none(batch),
            counted: Counted::none(batch, visible),
            added: Added::none(batch, visible),
            whose: None,
            shares: Shares::none(),
            units: vec![[0.0; ROWS]; visible.div_ceil(ROWS)],
            fits: true,
        }
    }

    /// The weights as they are now.
    #[must_use]
    pub fn weights(&self) -> Array2<f32> {
        let mut weights = Array2::zeros((self.visible, self.hidden));
        let columns = weights.axis_chunks_iter_mut(Axis(1), WIDE);
        for (block, mut out) in self.blocks.iter().zip(columns) {
            out.assign(&block.view());
        }
        weights
    }

    /// The largest weight in size; not a number if one is none.
    #[must_use]
    pub fn largest_weight(&self) -> f32 {
        let blocks = self.blocks.iter();
        let bits = blocks.flat_map(|block| block.largest.of_columns.as_flattened());
        // What is no number has larger bits than infinity.
        f32::from_bits(bits.copied().max().unwrap_or(0))
    }

    /// Whether hidden unit `unit` of chain `row` is on.
    #[must_use]
    pub fn chain(&self, row: usize, unit: usize) -> bool {
        self.blocks[unit / WIDE].states[1][[row, 0]] >> (unit % WIDE) & 1 == 1
    }

    /// Takes up a mini-batch.
    ///
    /// # Panics
    /// If it has another shape, or rows are chosen that are not there.
    pub fn take_up(&mut self, workers: &Workers, batch: Batch) {
        assert_eq!(batch.dim(), (self.batch, self.visible), "a mini-batch");
        let counted = batch.is_counted();
        self.put(workers, counted, |group, (sides, place, sums)| {
            batch.put(sides, place.take(), group, sums);
        });
    }

    /// Takes up a mini-batch of numbers, batch × V. Answers whether all lie between 0 and 1: others are not for tiles.
    ///
    /// # Panics
    /// If it has another shape.
    #[must_use]
    pub fn take_up_values(&mut self, workers: &Workers, data: ArrayView2<f32>) -> bool {
        assert_eq!(data.dim(), (self.batch, self.visible), "a mini-batch");
        let fits = AtomicBool::new(true);
        self.put(workers, false, |group, (sides, _, sums)| {
            let first = group * DEPTH;
            let data = data.slice(s![.., first..first + sums.len()]);
            if !sides.put_values(data, 0, None) {
                fits.store(false, Ordering::Relaxed);
            }
            ArrayViewMut1::from(sums).assign(&column_sums(data));
        });
        fits.into_inner()
    }

    /// Puts a mini-batch.
    fn put(
        &mut self,
        workers: &Workers,
        counted: bool,
        put: impl Fn(usize, &mut Group) + Send + Sync,
    ) {
        let crew = self.crew(workers);
        let mut groups = self.visible_units[self.now].groups(counted);
        let workers = crew.as_ref().unwrap_or(workers);
        workers.for_each_chunk(&mut groups, 1, |group, groups| {
            put(group, &mut groups[0]);
        });
    }

    /// Σ v of the mini-batch, by unit.
    #[must_use]
    pub fn data_sums(&self) -> ArrayView1<'_, f32> {
        ArrayView1::from(&self.visible_units[self.now].sums)
    }

    /// Visible units of the chains, given the hidden units of the rows `from` (the mini-batch or the chains) and the
    /// visible `bias`.
    ///
    /// # Panics
    /// If the shapes do not fit together.
    pub fn down(
        &mut self,
        workers: &Workers,
        from: &Range<usize>,
        bias: ArrayView1<f32>,
        phase: Phase,
    ) {
        assert!(
            bias.len() == self.visible && from.len() == self.batch,
            "one bias per unit, one row per chain"
        );
        let part = usize::from(from.start > 0);
        let crew = self.crew(workers);
        let workers = crew.as_ref().unwrap_or(workers);
        let (blocks, batch) = (&self.blocks, self.batch);
        let groups = Shares::groups(workers, blocks, (self.hidden, batch));
        self.strips.look_at_hidden(workers, (blocks, groups), part);
        if self.strips.needs_hidden_rows() && self.whose.replace(part) != Some(part) {
            for (block, tiles) in blocks.iter().zip(&mut self.states.by_tile()) {
                Packed(block.states[part].view()).put_rows(0, tiles);
            }
        }
        let states = self.strips.hidden(&self.states);
        let listed = self.strips.listed_hidden().filter(|_| groups > 1);
        if let Some(few) = listed {
            let dim = (self.visible, batch);
            self.shares.add_up(workers, (blocks, few, groups), dim);
        }
        let shares = &self.shares;
        let before = batch.div_ceil(DEPTH);
        let bias = bias.as_standard_layout();
        let bias = bias.as_slice().expect("a standard layout is a slice");
        let sums = self.chain_sums.as_slice_mut().expect("one vector");
        let columns = &mut self.visible_units[self.now].columns;
        let sides = sides(&mut self.chains, columns, order());
        let sampled = matches!(phase, Phase::Sampled(_));
        let counts = self.counted.begin(bytes::vectors() && sampled);
        let adds = bytes::vectors() && !sampled && batch <= MOST_ADDED;
        let places = counts.into_iter().zip(self.added.begin(adds));
        let mut sides: Vec<_> = sides.into_iter().zip(places).collect();
        let parts = sides
            .chunks_mut(PAIRED / DEPTH)
            .zip(sums.chunks_mut(PAIRED))
            .zip(self.units.chunks_mut(PAIRED / ROWS));
        let mut parts: Vec<_> = parts.collect();
        let (arch, fits) = (Arch::new(), AtomicBool::new(self.fits));
        workers.for_each_chunk(&mut parts, 1, |index, parts| {
            let ((sides, sums), units) = &mut parts[0];
            let range = index * PAIRED..index * PAIRED + sums.len();
            let own_bias = &bias[range.clone()];
            let mut memory = room(batch * PAIRED);
            let fields = &mut memory.slice_mut()[..batch * PAIRED];
            let fields: &mut [f32] = bytemuck::cast_slice_mut(fields);
            units_of_rows(blocks, range.clone(), units);
            if let Some(few) = listed {
                shares.fields((blocks, few), index, (units, &range), fields);
            }
            let mut rows: Vec<_> = fields.chunks_mut(PAIRED).collect();
            if listed.is_none() {
                fields_down(blocks, states, units, range.clone(), &mut rows);
            }
            match phase {
                Phase::Mean => {
                    for row in rows {
                        let row = &mut row[..range.len()];
                        vectorized(
                            arch,
                            #[inline(always)]
                            || sigmoid_row(row, own_bias),
                        );
                    }
                    let means = ArrayView2::from_shape((batch, PAIRED), &*fields);
                    let means = means.expect("whole rows").slice_move(s![.., ..range.len()]);
                    ArrayViewMut1::from(&mut **sums).assign(&column_sums(means));
                    let groups = means.axis_chunks_iter(Axis(1), DEPTH);
                    for ((sides, (_, added)), means) in sides.iter_mut().zip(groups) {
                        if !sides.put_values(means, before, added.take()) {
                            fits.store(false, Ordering::Relaxed);
                        }
                    }
                }
                Phase::Sampled(draw) => {
                    let mut samples = Array2::zeros((batch, sides.len()));
                    let first = (0, range.start);
                    sample(
                        draw,
                        bias.len(),
                        first,
                        own_bias,
                        &rows,
                        &mut samples,
                        &|_| (),
                    );
                    sums.copy_from_slice(&count(samples.view())[..range.len()]);
                    let samples = Packed(samples.view());
                    for (word, (sides, (counted, _))) in sides.iter_mut().enumerate() {
                        put_states(sides, counted.take(), (samples, word), before);
                    }
                }
            }
            clear(&mut memory);
        });
        self.fits = fits.into_inner();
    }

    /// Σ v of the chains, by unit, since the last way [down](Tiled::down).
    #[must_use]
    pub fn chain_sums(&self) -> ArrayView1<'_, f32> {
        self.chain_sums.view()
    }

    /// Samples the hidden units of the rows `rows` (mini-batch, chains, or both) given the visible ones and the hidden
    /// `bias`, by a draw of a stream; and then makes a `step`, if there is one, block by block. Threads that would wait for
    /// others take up the `next` mini-batch, if there is one, which then is the mini-batch.
    ///
    /// # Panics
    /// If the shapes do not fit together.
    #[allow(
        clippy::too_many_arguments,
        reason = "all that happens to a block happens here"
    )]
    pub fn up(
        &mut self,
        workers: &Workers,
        rows: &Range<usize>,
        bias: ArrayView1<f32>,
        draw: (Stream, u64),
        step: Option<Step>,
        next: Option<Batch>,
    ) {
        assert!(
            bias.len() == self.hidden
                && rows.end <= 2 * self.batch
                && next.is_none_or(|next| next.dim() == (self.batch, self.visible)),
            "one bias per unit, rows that are there, and a mini-batch"
        );
        let crew = self.crew(workers);
        let workers = crew.as_ref().unwrap_or(workers);
        let bias = bias.as_standard_layout();
        let bias = bias.as_slice().expect("a standard layout is a slice");
        let (batch, hidden) = (self.batch, self.hidden);
        let parts = rows.start / batch..rows.end.div_ceil(batch);
        let [first, second] = &mut self.visible_units;
        let [mini_batch, coming] = if self.now == 0 {
            [first, second]
        } else {
            [second, first]
        };
        let units = [
            (&mut mini_batch.rows, &mini_batch.counted),
            (&mut self.chains, &self.counted),
        ];
        self.strips.look_at_visible(workers, &parts, units);
        let lefts = self.strips.visible([&mini_batch.rows, &self.chains]);
        let lefts = &lefts[parts.clone()];
        let fits = self.fits;
        let visible = Units::of(mini_batch, &self.counted, &self.added);
        let mut groups = next.map_or(Vec::new(), |next| coming.groups(next.is_counted()));
        // On the way down another core would have to ask for weights, twice as many bytes; for one thread cutting them there
        // is faster, and for vectors as fast.
        let several = workers.threads() > 1;
        let cut = several && !bytes::vectors() && step.is_some();
        let units = cut.then_some(&self.units[..]);
        // Two blocks' random numbers are drawn together. Several threads draw them twice and have smaller shares: none waits
        // long for one that is held up.
        let together = if several { 1 } else { PAIRED / WIDE };
        let sums = self.hidden_sums.as_slice_mut().expect("one vector");
        // Whoever has sampled states has them near; vectors ask for them as rows only where most are on.
        let whose = parts.clone().last().filter(|_| !bytes::vectors());
        self.whose = whose;
        let mut tiles = self.states.by_tile();
        let blocks = self
            .blocks
            .iter_mut()
            .zip(sums.chunks_mut(WIDE))
            .zip(&mut tiles);
        let blocks = blocks.map(|((block, sums), tiles)| (block, sums, tiles));
        let mut blocks: Vec<_> = blocks.collect();
        let blocks_up = |index, blocks: &mut [(&mut Block, &mut [f32], &mut Vec<InRows>)]| {
            let first = index * together * WIDE;
            let width = blocks.len() * WIDE;
            let mut memory = room(lefts.len() * batch * width);
            let fields = &mut memory.slice_mut()[..lefts.len() * batch * width];
            let fields: &mut [f32] = bytemuck::cast_slice_mut(fields);
            let mut rows: Vec<_> = fields.chunks_mut(width).collect();
            for ((block, ..), place) in blocks.iter().zip((0..).step_by(WIDE)) {
                block.fields_up(lefts, place, &mut rows);
            }
            let bias = &bias[first..hidden.min(first + width)];
            let mut states = Array2::zeros((rows.len(), blocks.len()));
            let place = ((parts.start * batch) as u32, first);
            // Another core still has what was cut for the last way down. To take it back takes long, and numbers are drawn
            // without the memory.
            let meanwhile = |row| {
                if units.is_some() {
                    for (block, ..) in &*blocks {
                        block.down.be_mine((row, rows.len()));
                    }
                }
            };
            sample(draw, hidden, place, bias, &rows, &mut states, &meanwhile);
            for (word, (block, _, tiles)) in blocks.iter_mut().enumerate() {
                let sampled = states.axis_chunks_iter(Axis(0), batch);
                for (part, states) in parts.clone().zip(sampled) {
                    block.states[part]
                        .column_mut(0)
                        .assign(&states.column(word));
                    if Some(part) == whose {
                        Packed(states).put_rows(word, tiles);
                    }
                }
            }
            clear(&mut memory);
            let Some(mut step) = step else {
                return;
            };
            if !fits {
                // What was no probability came of parameters that are no numbers.
                step.scale = f32::NAN;
            }
            for (block, sums, _) in blocks {
                block.step(&visible, units, step);
                let [data, chains] = block.states.each_ref().map(|states| count(states.view()));
                for (sum, (data, chains)) in sums.iter_mut().zip(data.iter().zip(chains)) {
                    *sum = data - chains;
                }
            }
        };
        let put = |group, (sides, place, sums): &mut Group| {
            if let Some(next) = next {
                next.put(sides, place.take(), group, sums);
            }
        };
        workers.for_each_chunk_then((&mut blocks, together), blocks_up, &mut groups, put);
        if next.is_some() {
            self.now = 1 - self.now;
        }
    }

    /// Σ h of the mini-batch − Σ h of the chains, by unit, when the last step was made.
    #[must_use]
    pub fn hidden_sums(&self) -> ArrayView1<'_, f32> {
        self.hidden_sums.view()
    }

    /// Whether several of the threads make an update, so that one may wait for another: for one alone a second mini-batch
    /// is only more to keep near.
    #[must_use]
    pub fn is_shared(&self, workers: &Workers) -> bool {
        workers.threads() > 1 && self.visible * self.hidden * self.batch >= PARALLEL_FROM
    }

    /// One thread, where there is too little to do for more.
    fn crew(&self, workers: &Workers) -> Option<Workers> {
        (workers.threads() > 1 && !self.is_shared(workers)).then(Workers::single)
    }
}

#[cfg(test)]
mod tests;
