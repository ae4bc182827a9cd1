//! Training with weights and states as the processor's matrix tiles take them: the same updates, to the last bit where
//! the products would be made by tiles too.

use ndarray::{Array1, s};
use resrel_kernels::{Phase, Pixels, Precision, Step, Tiled, Workers};

use crate::Inputs;
use crate::config::{NegativePhase, NegativeVisible};
use crate::training::{Connections, Trainer};

/// What a trainer has in tiles.
#[derive(Debug)]
pub(super) struct OnTiles {
    machine: Tiled,
    /// The observations, if they are such.
    pixels: Option<Pixels>,
    /// Whether the trainer's own weights and chains are older.
    ahead: bool,
}

impl Trainer {
    /// Goes on with weights and states as the processor's matrix tiles take them, if that is faster: the same updates, to
    /// the last bit where the products would be made by tiles too (from 40 observations and some 7,500 weights on), for
    /// smaller machines as near as [`Precision::Training`] says.
    /// [`Trainer::rbm`] and [`Trainer::chains`] are then those that were last [fetched](Trainer::fetch). Answers whether
    /// it is faster.
    pub fn move_to_tiles(&mut self, workers: &Workers, inputs: &Inputs) -> bool {
        let (batch, (visible, hidden)) = (self.config.batch, self.rbm.weights.dim());
        let plain = matches!(self.connections, Connections::All)
            && self.velocity.is_none()
            && self.config.sparsity.is_none()
            && self.precision == Precision::Training;
        #[cfg(feature = "cuda")]
        let plain = plain && self.card.is_none();
        if !plain || !Tiled::pays(visible, hidden, batch) {
            return false;
        }
        let chains = self.hidden.slice(s![batch.., ..]);
        let on = |row, unit| chains[[row, unit]] != 0.0;
        self.tiles = Some(OnTiles {
            machine: Tiled::new(self.rbm.weights.view(), batch, on),
            pixels: self.pixels(workers, inputs),
            ahead: false,
        });
        true
    }

    /// The observations as pixels, if they are such and each has its turn twice more: else they are sooner read as they
    /// are.
    fn pixels(&self, workers: &Workers, inputs: &Inputs) -> Option<Pixels> {
        let values = match inputs {
            Inputs::Borrowed(values) => values.view(),
            Inputs::Real(values) => values.view(),
            Inputs::Bits(_) => return None,
        };
        let left = self.total.saturating_sub(self.update) * self.config.batch as u64;
        (left >= 2 * inputs.rows() as u64)
            .then(|| Pixels::of(workers, values))
            .flatten()
    }

    /// Brings weights and chains back from the tiles, where they are newer there.
    pub(super) fn fetch_from_tiles(&mut self) {
        let Some(on) = self.tiles.as_mut().filter(|on| on.ahead) else {
            return;
        };
        self.rbm.weights = on.machine.weights();
        let mut chains = self.hidden.slice_mut(s![self.config.batch.., ..]);
        for ((row, unit), state) in chains.indexed_iter_mut() {
            *state = -f32::from(u8::from(on.machine.chain(row, unit)));
        }
        on.ahead = false;
    }

    /// The largest weight in size, where weights are newer in tiles.
    pub(super) fn largest_in_tiles(&self) -> Option<f32> {
        let on = self.tiles.as_ref().filter(|on| on.ahead)?;
        Some(on.machine.largest_weight())
    }

    /// Goes on elsewhere.
    pub(super) fn leave_tiles(&mut self) {
        self.fetch_from_tiles();
        self.tiles = None;
    }

    /// One update from the next mini-batch. Answers whether it was made: with observations that are not between 0 and 1
    /// training goes on elsewhere.
    pub(super) fn update_in_tiles(&mut self, workers: &Workers, inputs: &Inputs) -> bool {
        let Some(data_sums) = self.take_up(workers, inputs) else {
            self.leave_tiles();
            return false;
        };
        let (batch, steps) = (self.config.batch, self.config.steps);
        let rate = self.learning_rate();
        let scale = (rate / batch as f64) as f32;
        let step = Step {
            keep: 1.0 - (rate * self.config.weight_decay) as f32,
            scale,
        };
        let (stream, first) = (self.stream, self.draw_number(0));
        let draw = |number: u32| (stream, first + u64::from(number));
        let Some(on) = &mut self.tiles else {
            return false;
        };
        on.ahead = true;
        let machine = &mut on.machine;
        let (visible_bias, hidden_bias) = (&mut self.rbm.visible_bias, &mut self.rbm.hidden_bias);
        let down = |machine: &mut Tiled, from, number| {
            let phase = match self.config.negative_visible {
                NegativeVisible::Mean => Phase::Mean,
                NegativeVisible::Sampled => Phase::Sampled(draw(number)),
            };
            machine.down(workers, &from, visible_bias.view(), phase);
        };
        let bias = hidden_bias.view();
        let chains = batch..2 * batch;
        match self.config.negative_phase {
            NegativePhase::Pcd => {
                for number in 0..steps {
                    down(machine, chains.clone(), 2 * number);
                    let draw = draw(2 * number + 1);
                    if number + 1 < steps {
                        machine.up(workers, &chains, bias, draw, None);
                    } else {
                        machine.up(workers, &(0..2 * batch), bias, draw, Some(step));
                    }
                }
            }
            NegativePhase::Cd => {
                machine.up(workers, &(0..batch), bias, draw(2 * steps), None);
                let mut from = 0..batch;
                for number in 0..steps {
                    down(machine, from, 2 * number);
                    let last = (number + 1 == steps).then_some(step);
                    machine.up(workers, &chains, bias, draw(2 * number + 1), last);
                    from = chains.clone();
                }
            }
        }
        visible_bias.scaled_add(scale, &(data_sums - machine.chain_sums()));
        hidden_bias.scaled_add(scale, &machine.hidden_sums());
        self.update += 1;
        true
    }

    /// Takes up the next mini-batch, if it is for tiles. Answers Σ v, by unit.
    fn take_up(&mut self, workers: &Workers, inputs: &Inputs) -> Option<Array1<f32>> {
        let rows = inputs.rows();
        let first = self.turn_to_batch(rows);
        let places = first..first + self.config.batch;
        let chosen = places.map(|place| self.order[place % rows] as usize);
        let OnTiles {
            machine, pixels, ..
        } = self.tiles.as_mut()?;
        match (inputs, pixels) {
            (Inputs::Bits(states), _) => Some(machine.take_up_states(workers, states, chosen)),
            (_, Some(pixels)) => {
                let chosen: Vec<_> = chosen.collect();
                Some(machine.take_up_pixels(workers, pixels, &chosen))
            }
            _ => {
                self.gather(workers, inputs);
                let data = self.visible.slice(s![..self.config.batch, ..]);
                self.tiles.as_mut()?.machine.take_up(workers, data)
            }
        }
    }
}
