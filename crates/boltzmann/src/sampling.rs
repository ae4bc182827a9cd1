//! Equilibrium samples of a layer: Gibbs chains between H_l and H_(l−1), then down to the visible units.
//!
//! Source: J. Song, M. Marsili, J. Jo, "Resolution and relevance trade-offs in deep learning",
//! J. Stat. Mech. (2018), 123406, Text S1; G. E. Hinton, S. Osindero, Y.-W. Teh, Neural Computation 18 (2006).

mod downward;
mod file;
mod tempering;

pub(crate) use file::Progress;

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use ndarray::{Array2, ArrayView2};
#[cfg(feature = "cuda")]
use resrel_kernels::cuda::{Card, CardGibbs};
use resrel_kernels::{BitRows, Clamped, Gibbs, Purpose, Stream, TILE, Workers};
use serde::{Deserialize, Serialize};

use crate::sampling::tempering::{Replicas, SWAP_EVERY};
use crate::{Dbn, Error, Event, Inputs, Observer};

/// Groups into which the chains are dealt for the energies: chains that stick differ between groups.
const GROUPS: usize = 16;
/// Energies are noted at most so many times, evenly: enough to judge by, and no burden.
const NOTES: u64 = 250;
/// Steps that a tile of chains makes before the next tile: its fields stay in the cache meanwhile.
const STRETCH: u64 = 200;
/// More replicas than anybody needs: each holds all chains.
const MOST_REPLICAS: usize = 1_000;
/// Time between two questions whether to go on.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// Time between checkpoints.
const SAVE_EVERY: Duration = Duration::from_secs(10);

/// What is sampled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingConfig {
    /// The layer l, from 1.
    pub layer: usize,
    /// Number of chains.
    pub samples: usize,
    /// Gibbs steps of each: H_(l−1) from H_l, then H_l from H_(l−1).
    pub steps: u64,
    /// How the samples of H_(l−1) go down to the visible units.
    pub downward: Downward,
    /// Replicas of each chain at inverse temperatures from 1 down to 0, evenly spaced: parallel tempering.
    /// 1 for plain Gibbs sampling.
    pub replicas: usize,
}

/// How states go down through the machines below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Downward {
    /// Every layer sampled, but the visible units, of which the means are shown.
    #[default]
    Sampled,
    /// Means all the way, from the last states of H_l.
    MeanField,
}

impl Default for SamplingConfig {
    fn default() -> Self {
        Self {
            layer: 1,
            samples: 60_000,
            steps: 10_000,
            downward: Downward::default(),
            replicas: 1,
        }
    }
}

impl SamplingConfig {
    /// Refuses what cannot be sampled from a network of so many layers.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn validate(&self, layers: usize) -> Result<(), Error> {
        if !(1..=layers).contains(&self.layer) {
            let remedy = "one of the network's layers, from 1";
            return Err(Error::config("layer", self.layer, remedy));
        }
        if self.samples == 0 || u32::try_from(self.samples).is_err() {
            return Err(Error::config("samples", self.samples, "1 to 4294967295"));
        }
        // Four draws a step, each below 2⁶².
        if self.steps == 0 || self.steps > 1 << 60 {
            return Err(Error::config("steps", self.steps, "1 to 2^60"));
        }
        if !(1..=MOST_REPLICAS).contains(&self.replicas) {
            return Err(Error::config("replicas", self.replicas, "1 to 1000"));
        }
        Ok(())
    }
}

/// Mean energies along the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Energies {
    /// Steps between two entries; the first is after that many.
    pub every: u64,
    /// For each group of chains, its mean E(h_(l−1), h_l) in nats.
    pub groups: Vec<Vec<f64>>,
}

/// The chains of a run, at any moment.
#[derive(Debug)]
pub struct Chains {
    config: SamplingConfig,
    seed: u64,
    gibbs: Gibbs,
    /// The same on a graphics card, if there is one.
    #[cfg(feature = "cuda")]
    card: Option<CardGibbs>,
    clamped: Option<Clamped>,
    replicas: Replicas,
    /// States of H_(l−1) and H_l.
    below: BitRows,
    layer: BitRows,
    /// Steps that all chains have made.
    step: u64,
    /// Energies of the tiles that are ahead of these, and the step at which they are.
    ahead: Vec<Vec<f64>>,
    ahead_to: u64,
    /// What the chains started from: by it a checkpoint is told from another's.
    start: String,
    energies: Energies,
}

impl Chains {
    /// Chains that start from random states of H_l, every unit 1 with probability ½.
    ///
    /// # Errors
    /// [`Error::Config`] for a layer that the network has not, or no samples or steps.
    pub fn random(dbn: &Dbn, config: &SamplingConfig, seed: u64) -> Result<Self, Error> {
        config.validate(dbn.machines.len())?;
        let units = dbn.machines[config.layer - 1].hidden();
        let mut rng = start_stream(seed, config.layer).rng(0);
        let mut layer = BitRows::zeros(config.samples, units);
        for row in 0..config.samples {
            for unit in 0..units {
                layer.row_mut(row)[unit / 64] |= u64::from(rng.below(2)) << (unit % 64);
            }
        }
        Self::start(dbn, config, seed, layer)
    }

    /// Chains that start from what the network makes of `images` (rows × V, 0 … 1): each layer up to H_l
    /// sampled in turn. Chain i starts from image i mod rows.
    ///
    /// # Errors
    /// As [`Chains::random`]; [`Error::Features`] and [`Error::Empty`] for images that do not fit.
    pub fn from_images(
        dbn: &Dbn,
        config: &SamplingConfig,
        seed: u64,
        images: ArrayView2<f32>,
        workers: &Workers,
    ) -> Result<Self, Error> {
        config.validate(dbn.machines.len())?;
        if images.nrows() == 0 {
            return Err(Error::Empty);
        }
        let expected = dbn.machines[0].visible();
        if images.ncols() != expected {
            let found = images.ncols();
            return Err(Error::Features { found, expected });
        }
        let rows: Vec<usize> = (0..config.samples).map(|i| i % images.nrows()).collect();
        let mut states = Inputs::Real(images.select(ndarray::Axis(0), &rows));
        let stream = start_stream(seed, config.layer);
        for (index, machine) in (0..).zip(&dbn.machines[..config.layer]) {
            let next = machine.sample_hidden(workers, &states, stream.substream(index));
            states = Inputs::Bits(next);
        }
        let Inputs::Bits(layer) = states else {
            unreachable!("a network has a layer");
        };
        Self::start(dbn, config, seed, layer)
    }

    #[cfg_attr(
        not(feature = "cuda"),
        allow(clippy::unnecessary_wraps, reason = "a graphics card may refuse")
    )]
    fn start(dbn: &Dbn, config: &SamplingConfig, seed: u64, layer: BitRows) -> Result<Self, Error> {
        let machine = &dbn.machines[config.layer - 1];
        let groups = config.samples.div_ceil(TILE).min(GROUPS);
        let (weights, visible_bias, hidden_bias) = (
            machine.weights.view(),
            machine.visible_bias.view(),
            machine.hidden_bias.view(),
        );
        Ok(Self {
            // Hotter replicas are few enough chains' work, and swap their states every few steps: they stay here.
            #[cfg(feature = "cuda")]
            card: match Card::open()?.filter(|_| config.replicas == 1) {
                Some(card) => Some(CardGibbs::new(card, weights, visible_bias, hidden_bias)?),
                None => None,
            },
            gibbs: Gibbs::new(weights, visible_bias, hidden_bias),
            replicas: Replicas::new(machine, config.replicas, &layer),
            config: config.clone(),
            seed,
            clamped: None,
            below: BitRows::zeros(config.samples, machine.visible()),
            step: 0,
            ahead: Vec::new(),
            ahead_to: 0,
            start: file::checksum_of_bits(&[&layer]),
            layer,
            energies: Energies {
                every: config.steps.div_ceil(NOTES),
                groups: vec![Vec::new(); groups],
            },
        })
    }

    /// Holds the visible units in `held` at the values (> 0.5) that they have in `images`, image
    /// i mod rows for chain i, while all others are sampled: the images are filled in. Layer 1 alone,
    /// whose chains have the visible units.
    ///
    /// # Errors
    /// [`Error::Config`] for another layer, [`Error::Features`] and [`Error::Empty`] for images that do
    /// not fit.
    pub fn clamp(&mut self, held: &[bool], images: ArrayView2<f32>) -> Result<(), Error> {
        if self.config.layer != 1 {
            let remedy = "1 where visible units are held";
            return Err(Error::config("layer", self.config.layer, remedy));
        }
        if images.nrows() == 0 {
            return Err(Error::Empty);
        }
        let expected = self.below.bits();
        for found in [held.len(), images.ncols()] {
            if found != expected {
                return Err(Error::Features { found, expected });
            }
        }
        let mask = Array2::from_shape_fn((1, expected), |(_, i)| f32::from(u8::from(held[i])));
        let units = BitRows::from_threshold(mask.view(), 0.5);
        let images = BitRows::from_threshold(images, 0.5);
        let mut values = BitRows::zeros(self.config.samples, expected);
        for chain in 0..self.config.samples {
            let image = images.row(chain % images.rows()).iter().zip(units.row(0));
            for (value, (pixels, held)) in values.row_mut(chain).iter_mut().zip(image) {
                *value = pixels & held;
            }
        }
        self.start = file::checksum_of_bits(&[&self.layer, &units, &values]);
        self.clamped = Some(Clamped { units, values });
        Ok(())
    }

    /// What is sampled.
    #[must_use]
    pub fn config(&self) -> &SamplingConfig {
        &self.config
    }

    /// Steps that all chains have made.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Energies so far.
    #[must_use]
    pub fn energies(&self) -> &Energies {
        &self.energies
    }

    /// For each pair of neighbouring temperatures, the hottest last, the fraction of proposed swaps that were
    /// accepted; `None` before the first. Where one is near 0, more replicas are needed.
    #[must_use]
    pub fn swap_rates(&self) -> Vec<Option<f64>> {
        self.replicas.rates()
    }

    /// States of H_l.
    #[must_use]
    pub fn layer(&self) -> &BitRows {
        &self.layer
    }

    /// States of H_(l−1); zeros before the first step.
    #[must_use]
    pub fn below(&self) -> &BitRows {
        &self.below
    }

    /// Goes on to step `until`; `false` if `observer` stopped it before. Where a `checkpoint` path is
    /// given, the state is saved there when stopped, and every ten seconds.
    ///
    /// # Errors
    /// [`Error::File`] if the state cannot be saved.
    pub fn run(
        &mut self,
        workers: &Workers,
        until: u64,
        dbn: &Dbn,
        checkpoint: Option<&Path>,
        observer: &mut Observer,
    ) -> Result<bool, Error> {
        let tiles = self.config.samples.div_ceil(TILE);
        let mut saved = Instant::now();
        // Every thread one tile at first; then as many as fill the time.
        let mut count = workers.threads();
        while self.step < until {
            if self.ahead.is_empty() {
                // Stretches are counted from step 0: a run that was stopped has the same as another.
                let stretch = if self.config.replicas > 1 {
                    SWAP_EVERY
                } else {
                    STRETCH
                };
                let end = (self.step / stretch + 1) * stretch;
                self.ahead_to = end.min(until);
            }
            let steps = self.step..self.ahead_to;
            let first = self.ahead.len();
            let last = (first + count).min(tiles);
            let chains = first * TILE..(last * TILE).min(self.config.samples);
            let started = Instant::now();
            let energies = self.advance(workers, steps.clone(), chains)?;
            let took = started.elapsed();
            self.ahead.extend(energies);
            count = next_count(count, took, workers.threads(), tiles);
            let within = self.ahead.len() as f64 / tiles as f64;
            let mut done = self.step as f64 + within * (steps.end - steps.start) as f64;
            if self.ahead.len() == tiles {
                self.note();
                if self.config.replicas > 1 {
                    self.temper(workers, dbn, steps.clone());
                }
                self.step = steps.end;
                done = self.step as f64;
            }
            let event = Event::Sampled {
                step: self.step,
                steps: self.config.steps,
                done: done / self.config.steps as f64,
            };
            let stop = observer(&event).is_break() && self.step < until;
            if let Some(path) = checkpoint.filter(|_| stop || saved.elapsed() > SAVE_EVERY) {
                self.save(path, dbn)?;
                saved = Instant::now();
                // The answer changes nothing: who stops says so at the next progress event.
                let _ = observer(&Event::Saved { path });
            }
            if stop {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Steps of some chains, on a card if there is one.
    #[cfg_attr(
        not(feature = "cuda"),
        allow(clippy::unnecessary_wraps, reason = "a graphics card may refuse")
    )]
    fn advance(
        &mut self,
        workers: &Workers,
        steps: Range<u64>,
        chains: Range<usize>,
    ) -> Result<Vec<Vec<f64>>, Error> {
        let (stream, every, clamped) = (self.stream(), self.energies.every, self.clamped.as_ref());
        #[cfg(feature = "cuda")]
        if let Some(card) = &self.card {
            let (below, layer) = (&mut self.below, &mut self.layer);
            return Ok(card.run(stream, steps, chains, clamped, every, below, layer)?);
        }
        let (below, layer) = (&mut self.below, &mut self.layer);
        let energies = self
            .gibbs
            .run(workers, stream, steps, chains, clamped, every, below, layer);
        Ok(energies)
    }

    /// The steps of the hotter replicas, and swaps where it is time for them.
    fn temper(&mut self, workers: &Workers, dbn: &Dbn, steps: Range<u64>) {
        let (stream, round) = (self.stream(), steps.end / SWAP_EVERY);
        let swap = steps.end.is_multiple_of(SWAP_EVERY);
        let held = self.clamped.as_ref();
        self.replicas.run(workers, stream, steps, held);
        if swap {
            let machine = &dbn.machines[self.config.layer - 1];
            let coldest = (&mut self.below, &mut self.layer);
            self.replicas.swap(workers, stream, round, machine, coldest);
        }
    }

    fn stream(&self) -> Stream {
        Stream::new(self.seed, Purpose::Sampling, self.config.layer as u64)
    }

    /// Adds the energies of a finished stretch, tile by tile, to their groups.
    fn note(&mut self) {
        let tiles = std::mem::take(&mut self.ahead);
        let groups = self.energies.groups.len();
        let notes = tiles.first().map_or(0, Vec::len);
        for (number, group) in self.energies.groups.iter_mut().enumerate() {
            // Neighbours go to different groups, so that all groups are about as large.
            let own = || (number..tiles.len()).step_by(groups);
            let size = |tile: usize| (self.config.samples - tile * TILE).min(TILE) as f64;
            let chains: f64 = own().map(size).sum();
            group.extend((0..notes).map(|note| {
                let sum: f64 = own().map(|tile| size(tile) * tiles[tile][note]).sum();
                sum / chains
            }));
        }
    }
}

/// Tiles to work on together after `count` that took this long: whole rounds of the threads, at least one.
fn next_count(count: usize, took: Duration, threads: usize, tiles: usize) -> usize {
    if took < TELL_EVERY / 2 {
        (2 * count).min(tiles.next_multiple_of(threads))
    } else if took > 2 * TELL_EVERY {
        (count / 2).next_multiple_of(threads).max(threads)
    } else {
        count
    }
}

/// Random numbers of the chains' start.
fn start_stream(seed: u64, layer: usize) -> Stream {
    Stream::new(seed, Purpose::Sampling, layer as u64).substream(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_a_tile_to_work_on() {
        for threads in 1..5 {
            let slow = next_count(threads, Duration::from_secs(10), threads, 100);
            assert_eq!(slow, threads, "a machine that was busy with something else");
            assert_eq!(next_count(slow, Duration::ZERO, threads, 100), 2 * threads);
            assert_eq!(
                next_count(4 * threads, Duration::from_secs(1), threads, 100),
                2 * threads
            );
            assert_eq!(
                next_count(4 * threads, TELL_EVERY, threads, 100),
                4 * threads
            );
            assert!(next_count(96, Duration::ZERO, threads, 100) <= 104);
        }
    }
}
