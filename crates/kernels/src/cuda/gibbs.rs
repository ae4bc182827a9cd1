//! Block Gibbs sampling of many chains on a graphics card.

use std::ops::Range;

use cudarc::driver::{CudaSlice, PushKernelArg};
use ndarray::{ArrayView1, ArrayView2, Axis};

use crate::cuda::{Card, CardDraw, CardError, CardMatrix, CardRowsMut, launch_all};
use crate::gibbs::{Clamped, TILE};
use crate::philox::Stream;
use crate::{BitRows, Way};

/// Chains that are on the card together: enough to fill it, and a bound on its memory. Whole tiles.
pub(super) const CHAINS: usize = 512 * TILE;

/// A machine prepared for sampling on a card: [`Gibbs`](crate::Gibbs) there, in single precision.
#[derive(Debug)]
pub struct CardGibbs {
    card: Card,
    weights: CardMatrix,
    visible_bias: CardMatrix,
    hidden_bias: CardMatrix,
}

/// The chains that are on the card.
struct Group {
    visible: CardMatrix,
    hidden: CardMatrix,
    /// Sums over the weights, of either.
    visible_fields: CardMatrix,
    hidden_fields: CardMatrix,
}

/// States as they lie in [`BitRows`].
struct Words {
    packed: CudaSlice<u64>,
    units: u32,
    per_row: u32,
}

impl CardGibbs {
    /// A machine with `weights` W (V × H), `visible_bias` a and `hidden_bias` b.
    ///
    /// # Errors
    /// If the card has not the memory.
    ///
    /// # Panics
    /// If the shapes do not fit together.
    pub fn new(
        card: Card,
        weights: ArrayView2<f32>,
        visible_bias: ArrayView1<f32>,
        hidden_bias: ArrayView1<f32>,
    ) -> Result<Self, CardError> {
        let biases = (visible_bias.len(), hidden_bias.len());
        assert_eq!(weights.dim(), biases, "one bias per unit");
        Ok(Self {
            weights: card.upload(weights)?,
            visible_bias: card.upload(visible_bias.insert_axis(Axis(0)))?,
            hidden_bias: card.upload(hidden_bias.insert_axis(Axis(0)))?,
            card,
        })
    }

    /// [`Gibbs::run`](crate::Gibbs::run) of the given `chains`.
    ///
    /// # Errors
    /// If the card refuses.
    ///
    /// # Panics
    /// If the shapes do not fit together, `chains` does not begin at a multiple of [`TILE`] or reaches beyond the last,
    /// or `every` is 0.
    #[allow(clippy::too_many_arguments, reason = "a run is all of them")]
    pub fn run(
        &self,
        stream: Stream,
        steps: Range<u64>,
        chains: Range<usize>,
        clamped: Option<&Clamped>,
        every: u64,
        visible: &mut BitRows,
        hidden: &mut BitRows,
    ) -> Result<Vec<Vec<f64>>, CardError> {
        let units = (visible.bits(), hidden.bits());
        assert_eq!(units, self.weights.dim(), "one bit per unit");
        assert_eq!(visible.rows(), hidden.rows(), "one row per chain");
        assert!(
            chains.start.is_multiple_of(TILE) && chains.end <= hidden.rows(),
            "chains that are there and begin with a tile"
        );
        assert!(every > 0, "energies after every so many steps");
        if steps.is_empty() {
            return Ok(vec![Vec::new(); chains.len().div_ceil(TILE)]);
        }
        let card = &self.card;
        let held = match clamped {
            Some(clamped) => {
                assert_eq!(clamped.units.bits(), units.0, "one mask");
                assert_eq!(clamped.values.bits(), units.0, "values of visible units");
                assert_eq!(clamped.values.rows(), visible.rows(), "one row per chain");
                Some(card.words(&clamped.units, 0..1)?)
            }
            None => None,
        };
        let mut tiles = Vec::new();
        for first in chains.clone().step_by(CHAINS) {
            let chains = first..chains.end.min(first + CHAINS);
            let mut group = Group {
                visible: card.zeros(chains.len(), units.0)?,
                hidden: card.zeros(chains.len(), units.1)?,
                visible_fields: card.zeros(chains.len(), units.0)?,
                hidden_fields: card.zeros(chains.len(), units.1)?,
            };
            card.unpack(&card.words(hidden, chains.clone())?, &mut group.hidden)?;
            let values = match clamped {
                Some(clamped) => Some(card.words(&clamped.values, chains.clone())?),
                None => None,
            };
            let held = held.as_ref().zip(values.as_ref());
            let own = tiles.len();
            tiles.resize(own + chains.len().div_ceil(TILE), Vec::new());
            for step in steps.clone() {
                self.step(stream, step, first as u32, held, &mut group)?;
                if (step + 1).is_multiple_of(every) {
                    let energies = self.energies(&group)?;
                    for (tile, energies) in tiles[own..].iter_mut().zip(energies.chunks(TILE)) {
                        tile.push(energies.iter().sum::<f64>() / energies.len() as f64);
                    }
                }
            }
            card.pack(&group.visible, visible, chains.clone())?;
            card.pack(&group.hidden, hidden, chains)?;
        }
        Ok(tiles)
    }

    /// v from P(v | h), then h from P(h | v).
    fn step(
        &self,
        stream: Stream,
        step: u64,
        first_row: u32,
        held: Option<(&Words, &Words)>,
        group: &mut Group,
    ) -> Result<(), CardError> {
        for way in [Way::Down, Way::Up] {
            let (from, to, fields, bias) = match way {
                Way::Down => (
                    &group.hidden,
                    &mut group.visible,
                    &mut group.visible_fields,
                    &self.visible_bias,
                ),
                Way::Up => (
                    &group.visible,
                    &mut group.hidden,
                    &mut group.hidden_fields,
                    &self.hidden_bias,
                ),
            };
            let weights = (&self.weights.all(), way == Way::Down);
            let mut fields = fields.all_mut();
            self.card
                .product((0.0, 1.0), (&from.all(), false), weights, &mut fields)?;
            let draw = CardDraw {
                stream,
                // Four draws a step, as on the processor.
                number: 4 * step + u64::from(way == Way::Up),
                first_row,
                negated: usize::MAX,
                samples: to.all_mut(),
            };
            self.card.sample(&mut fields, bias, draw, true)?;
            if let (Way::Down, Some((units, values))) = (way, held) {
                self.card.hold(&mut to.all_mut(), units, values)?;
            }
        }
        Ok(())
    }

    /// E(v, h) of every chain.
    fn energies(&self, group: &Group) -> Result<Vec<f64>, CardError> {
        let card = &self.card;
        let chains = group.visible.rows;
        let mut out = card.allocate::<f64>(chains)?;
        let (rows, visible, hidden) = (
            chains as u32,
            group.visible.columns as u32,
            group.hidden.columns as u32,
        );
        let mut launch = card.launch(&card.library.energies);
        launch
            .arg(&group.visible.values)
            .arg(&self.visible_bias.values)
            .arg(&group.hidden.values)
            .arg(&self.hidden_bias.values)
            .arg(&group.hidden_fields.values)
            .arg(&mut out)
            .arg(&rows)
            .arg(&visible)
            .arg(&hidden);
        // SAFETY: the arguments are those of the kernel, which touches the chains' states, fields and energies.
        unsafe { launch_all(&mut launch, chains as u64)? };
        let energies = card.stream.clone_dtoh(&out)?;
        card.stream.synchronize()?;
        Ok(energies)
    }
}

impl Card {
    fn words(&self, states: &BitRows, rows: Range<usize>) -> Result<Words, CardError> {
        let per_row = states.words_per_row();
        let words = &states.words()[rows.start * per_row..rows.end * per_row];
        let packed = self.stream.clone_htod(words)?;
        self.stream.synchronize()?;
        Ok(Words {
            packed,
            units: states.bits() as u32,
            per_row: per_row as u32,
        })
    }

    fn unpack(&self, words: &Words, out: &mut CardMatrix) -> Result<(), CardError> {
        let length = out.values.len() as u64;
        let mut launch = self.launch(&self.library.unpack);
        launch
            .arg(&words.packed)
            .arg(&mut out.values)
            .arg(&length)
            .arg(&words.units)
            .arg(&words.per_row);
        // SAFETY: the arguments are those of the kernel; there are as many rows of words as of states.
        unsafe { launch_all(&mut launch, length) }
    }

    fn pack(
        &self,
        states: &CardMatrix,
        out: &mut BitRows,
        rows: Range<usize>,
    ) -> Result<(), CardError> {
        let per_row = out.words_per_row();
        let mut words = self.allocate::<u64>(rows.len() * per_row)?;
        let (length, units, wide) = (words.len() as u64, out.bits() as u32, per_row as u32);
        let mut launch = self.launch(&self.library.pack);
        launch
            .arg(&states.values)
            .arg(&mut words)
            .arg(&length)
            .arg(&units)
            .arg(&wide);
        // SAFETY: the arguments are those of the kernel; there are as many rows of words as of states.
        unsafe { launch_all(&mut launch, length)? };
        let place = rows.start * per_row..rows.end * per_row;
        self.stream
            .memcpy_dtoh(&words, &mut out.words_mut()[place])?;
        self.stream.synchronize()?;
        Ok(())
    }

    fn hold(
        &self,
        states: &mut CardRowsMut,
        units: &Words,
        values: &Words,
    ) -> Result<(), CardError> {
        let length = (states.rows * states.columns) as u64;
        let mut launch = self.launch(&self.library.hold);
        launch
            .arg(&mut states.values)
            .arg(&units.packed)
            .arg(&values.packed)
            .arg(&length)
            .arg(&values.units)
            .arg(&values.per_row);
        // SAFETY: the arguments are those of the kernel; there is a row of values for each of states.
        unsafe { launch_all(&mut launch, length) }
    }
}
