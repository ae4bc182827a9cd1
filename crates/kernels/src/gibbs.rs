//! Block Gibbs sampling of many chains of a restricted Boltzmann machine, in fixed point.
//!
//! The two halves of a step are P(v | h) and P(h | v). The *field* of a unit is x = bias + Σ weights of the
//! units that are on. Where the processor multiplies tiles of bytes, all fields are products of the states
//! with the weights in two digits. Elsewhere they are kept, for few units change from one step to the next,
//! and only the rows of units that flipped are added or taken away. Where a layer is narrow, they are
//! looked up from tables of partial sums, five inputs at a time. Sums of whole numbers are exact in any
//! order: all ways, every instruction set and any number of threads give the same bits.
//!
//! A unit is 1 where U < σ(x), with U of 48 bits. Nearly always the first 16 decide (or 8 of them), by
//! bounds of σ; else the same 16 by finer bounds; else the rest of U is drawn and σ taken in double
//! precision. The samples are therefore those of the exact σ of the fixed-point field.

mod decide;
mod fields;
mod half;
mod random;
mod tiles;

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2};
use pulp::{Arch, Simd, WithSimd};

use crate::aligned::Aligned;
use crate::amx::Tiles;
use crate::gibbs::decide::{WORD, decide};
use crate::gibbs::fields::{Flips, look_up};
use crate::gibbs::half::{Half, NEVER, Sums};
use crate::gibbs::random::Bytes;
use crate::philox::Stream;
use crate::{BitRows, Workers};

/// Chains that are worked on together (a tile): their random numbers are drawn together, and a machine's
/// weights are read once for all of them.
pub const TILE: usize = 64;
/// Tiles that are stepped together where no layer has more than [`NARROW`] units, padded.
const TOGETHER: usize = 8;
const NARROW: usize = 128;
/// Lanes of the widest vector, to which everything is padded.
const LANES: usize = crate::philox::LANES;

/// Visible units that keep their values while the others are sampled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clamped {
    /// One row: 1 where a unit is held.
    pub units: BitRows,
    /// One row a chain: the values, 0 where a unit is not held.
    pub values: BitRows,
}

/// A machine prepared for sampling: E(v, h) = −vᵀ W h − a · v − b · h.
#[derive(Debug)]
pub struct Gibbs {
    down: Half,
    up: Half,
}

impl Gibbs {
    /// A machine with `weights` W (V × H), `visible_bias` a and `hidden_bias` b.
    ///
    /// Parameters are rounded to multiples of 2⁻ᵉ. Where 16 bits a weight are fine enough (e ≥ 12, and an
    /// energy with all units on changes by at most .02 nats, standard deviation), as in machines whose
    /// weights stay below 8, they have 16 bits; else e is as large as 32-bit fields allow, at most 24. Each
    /// field is within (V + 1)·2⁻ᵉ⁻¹ of the exact one.
    ///
    /// # Panics
    /// If the shapes do not fit together or a parameter is not finite.
    #[must_use]
    pub fn new(
        weights: ArrayView2<f32>,
        visible_bias: ArrayView1<f32>,
        hidden_bias: ArrayView1<f32>,
    ) -> Self {
        Self {
            down: Half::new(weights.t(), visible_bias),
            up: Half::new(weights, hidden_bias),
        }
    }

    /// Number of visible units.
    #[must_use]
    pub fn visible(&self) -> usize {
        self.down.units()
    }

    /// Number of hidden units.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.up.units()
    }

    /// Steps `steps` of the given `chains`: v from P(v | h), then h from P(h | v). `hidden` is read and
    /// written, `visible` written (rows: all chains).
    ///
    /// Returns, for each tile of [`TILE`] chains, the mean of E(v, h) over its chains after each step whose
    /// number (from 1) is a multiple of `every`, in nats, of the fixed-point machine.
    ///
    /// # Panics
    /// If the shapes do not fit together, `chains` does not begin at a multiple of [`TILE`] or reaches
    /// beyond the last, or `every` is 0.
    #[allow(clippy::too_many_arguments, reason = "a run is all of them")]
    pub fn run(
        &self,
        workers: &Workers,
        stream: Stream,
        steps: Range<u64>,
        chains: Range<usize>,
        clamped: Option<&Clamped>,
        every: u64,
        visible: &mut BitRows,
        hidden: &mut BitRows,
    ) -> Vec<Vec<f64>> {
        assert!(
            visible.bits() == self.visible() && hidden.bits() == self.hidden(),
            "one bit per unit"
        );
        assert!(visible.rows() == hidden.rows(), "one row per chain");
        assert!(
            chains.start.is_multiple_of(TILE) && chains.end <= hidden.rows(),
            "chains that are there and begin with a tile"
        );
        assert!(every > 0, "energies after every so many steps");
        if let Some(clamped) = clamped {
            let fits = clamped.units.bits() == self.visible()
                && clamped.units.rows() == 1
                && clamped.values.bits() == self.visible()
                && clamped.values.rows() == hidden.rows();
            assert!(fits, "one mask, and one row of values per chain");
        }
        let (wide_visible, wide_hidden) = (visible.words_per_row(), hidden.words_per_row());
        let visible =
            &mut visible.words_mut()[chains.start * wide_visible..chains.end * wide_visible];
        let hidden = &mut hidden.words_mut()[chains.start * wide_hidden..chains.end * wide_hidden];
        let tiles = visible
            .chunks_mut((TILE * wide_visible).max(1))
            .zip(hidden.chunks_mut((TILE * wide_hidden).max(1)));
        let mut tiles: Vec<_> = tiles
            .map(|(visible, hidden)| (visible, hidden, Vec::new()))
            .collect();
        let arch = Arch::new();
        // Narrow ones all fit into the first-level caches.
        let together = if self.up.stride().max(self.down.stride()) <= NARROW {
            TOGETHER.min(tiles.len().div_ceil(workers.threads()).max(1))
        } else {
            1
        };
        workers.for_each_chunk(&mut tiles, together, |index, tiles| {
            let first = chains.start / TILE + index * together;
            let held = clamped.map(|clamped| {
                let values = &clamped.values.words()[first * TILE * wide_visible..];
                (clamped.units.words(), values)
            });
            arch.dispatch(Steps {
                gibbs: self,
                stream,
                range: steps.clone(),
                every,
                first: first as u32,
                held,
                tiles,
            });
        });
        tiles.into_iter().map(|(.., energies)| energies).collect()
    }
}

/// States of the visible and hidden units of a tile's chains, and what their energies were.
type Tile<'a> = (&'a mut [u64], &'a mut [u64], Vec<f64>);

/// Some steps of some tiles of chains.
struct Steps<'a, 'b> {
    gibbs: &'a Gibbs,
    stream: Stream,
    range: Range<u64>,
    every: u64,
    /// Number of the first tile.
    first: u32,
    /// Which visible units are held, and the values of the chains from the first tile's on.
    held: Option<(&'a [u64], &'a [u64])>,
    tiles: &'a mut [Tile<'b>],
}

impl WithSimd for Steps<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Gibbs { down, up } = self.gibbs;
        let wide = down.units().div_ceil(64);
        let stream = self.stream;
        let mut samplers: Vec<_> = (self.first..)
            .zip(&*self.tiles)
            .map(|(number, (visible, ..))| {
                let chains = visible.len().checked_div(wide).unwrap_or(0);
                let bytes = Bytes::new(stream, (0, number));
                (
                    number,
                    bytes,
                    Sampler::new(down, chains),
                    Sampler::new(up, chains),
                )
            })
            .collect();
        let processor = Tiles::set_up();
        // What is written is read only when all tiles have been through: the processor need not wait for it.
        for step in self.range {
            for ((.., downward, _), (_, hidden, _)) in samplers.iter_mut().zip(&*self.tiles) {
                downward.prepare(hidden);
            }
            for ((.., downward, _), (_, hidden, _)) in samplers.iter_mut().zip(&*self.tiles) {
                downward.sum(simd, &processor, hidden);
            }
            let tiles = samplers.iter_mut().zip(&mut *self.tiles).enumerate();
            for (index, ((number, bytes, downward, _), (visible, ..))) in tiles {
                let place = (4 * step, *number);
                *bytes = Bytes::new(stream, place);
                downward.draw(simd, stream, place, bytes, visible);
                if let Some((units, values)) = self.held {
                    hold(units, &values[index * TILE * wide..], visible);
                }
            }
            for ((.., upward), (visible, ..)) in samplers.iter_mut().zip(&*self.tiles) {
                upward.prepare(visible);
            }
            for ((.., upward), (visible, ..)) in samplers.iter_mut().zip(&*self.tiles) {
                upward.sum(simd, &processor, visible);
            }
            for ((number, bytes, _, upward), (_, hidden, _)) in
                samplers.iter_mut().zip(&mut *self.tiles)
            {
                upward.draw(simd, stream, (4 * step + 1, *number), bytes, hidden);
            }
            if (step + 1).is_multiple_of(self.every) {
                let tiles = samplers.iter().zip(&mut *self.tiles);
                for ((.., upward), (visible, hidden, energies)) in tiles {
                    let linear = down.on(down.bias(), 0, visible);
                    let coupled = up.on(upward.fields.slice(), up.stride(), hidden);
                    let chains = visible.len() / wide;
                    energies.push(-(linear + coupled) / chains as f64);
                }
            }
        }
    }
}

/// Puts the held units back to their values.
fn hold(units: &[u64], values: &[u64], visible: &mut [u64]) {
    let rows = visible
        .chunks_mut(units.len())
        .zip(values.chunks(units.len()));
    for (row, values) in rows {
        for ((word, units), values) in row.iter_mut().zip(units).zip(values) {
            *word = *word & !units | values & units;
        }
    }
}

/// One half of a step for the chains of a tile, with what it keeps from step to step.
struct Sampler<'a> {
    half: &'a Half,
    /// Fields of all chains, one row each, and of no units up to a whole word.
    fields: Aligned<u32>,
    /// The bits of `fields`.
    ones: Vec<u64>,
    flips: Flips,
    /// States in bytes, where tiles are multiplied.
    states: Aligned<u8>,
}

impl<'a> Sampler<'a> {
    fn new(half: &'a Half, chains: usize) -> Self {
        let words = (chains * half.stride()).div_ceil(WORD);
        let (length, states) = match half.sums() {
            // Of all chains that a tile can have.
            Sums::Tiles(digits) => (TILE * half.stride(), digits.room()),
            Sums::Rows(_) | Sums::Tables(_) => (words * WORD, 0),
        };
        let mut fields = Aligned::zeros(length);
        fields.slice_mut().fill(NEVER);
        for fields in fields.slice_mut().chunks_mut(half.stride()).take(chains) {
            fields.copy_from_slice(half.bias());
        }
        Self {
            half,
            fields,
            ones: vec![0; words],
            flips: Flips::new(half, chains),
            states: Aligned::zeros(states),
        }
    }

    /// Takes up packed `inputs`.
    #[inline(always)]
    fn prepare(&mut self, inputs: &[u64]) {
        match self.half.sums() {
            Sums::Tables(_) => {}
            Sums::Rows(_) => self.flips.find(self.half, inputs),
            Sums::Tiles(digits) => tiles::expand(digits, inputs, self.states.slice_mut()),
        }
    }

    /// The fields given the `inputs` that were taken up.
    #[inline(always)]
    fn sum<S: Simd>(&mut self, simd: S, processor: &Tiles, inputs: &[u64]) {
        let half = self.half;
        let fields = self.fields.slice_mut();
        match half.sums() {
            Sums::Tables(tables) => look_up(simd, half, tables.slice(), inputs, fields),
            Sums::Rows(rows) => self.flips.follow(simd, half, rows.slice(), fields),
            Sums::Tiles(digits) => {
                tiles::multiply(processor, digits, half.bias(), self.states.slice(), fields);
            }
        }
    }

    /// Samples `units`, packed, given the fields, with `bytes` and, where they leave it open, draw `place.0`
    /// of row `place.1`.
    #[inline(always)]
    fn draw<S: Simd>(
        &mut self,
        simd: S,
        stream: Stream,
        place: (u64, u32),
        bytes: &mut Bytes,
        units: &mut [u64],
    ) {
        let (half, fields) = (self.half, self.fields.slice());
        decide(simd, half, stream, place, bytes, fields, &mut self.ones);
        unpad(&self.ones, half.stride(), half.units(), units);
    }
}

/// Rows of `units` bits, each from a new word, from rows of `stride` bits one after the other. What is no
/// unit must be 0, and `stride` less than 64 more than `units`.
#[inline(always)]
fn unpad(padded: &[u64], stride: usize, units: usize, rows: &mut [u64]) {
    if 64 % stride == 0 {
        // No row lies in two words.
        let within = u64::MAX >> (64 - units);
        for (word, rows) in padded.iter().zip(rows.chunks_mut(64 / stride)) {
            for (number, row) in rows.iter_mut().enumerate() {
                *row = word >> (number * stride) & within;
            }
        }
        return;
    }
    let wide = units.div_ceil(64).max(1);
    for (row, words) in rows.chunks_mut(wide).enumerate() {
        for (word, out) in words.iter_mut().enumerate() {
            let first = row * stride + 64 * word;
            let (place, shift) = (first / 64, first % 64);
            let low = padded[place] >> shift;
            let next = padded.get(place + 1).map_or(0, |next| *next);
            // Shifted twice, for no shift is by 64.
            let all = low | next << 1 << (63 - shift);
            let width = (units - 64 * word).min(64);
            *out = all & u64::MAX >> (64 - width);
        }
    }
}

#[cfg(test)]
mod tests;
