//! Training with weights and states as the processor's matrix tiles take them, or its vectors of bytes: the same updates, to
//! the last bit where the products would be made of bytes too.

use ndarray::s;
use resrel_kernels::{Batch, Phase, Pixels, Precision, Step, Tiled, Workers};

use crate::Inputs;
use crate::config::{NegativePhase, NegativeVisible};
use crate::training::{Connections, Trainer};

/// What a trainer has in tiles.
#[derive(Debug)]
pub(super) struct OnTiles {
    machine: Tiled,
    /// The observations, if they are such.
    pixels: Option<Pixels>,
    /// Whether the machine has the mini-batch of the next update already.
    taken_up: bool,
    /// Whether the trainer's own weights and chains are older.
    ahead: bool,
}

impl Trainer {
    /// Goes on with weights and states as the processor's matrix tiles take them, or its vectors of bytes, if that is faster:
    /// the same updates, to the last bit where the products would be made of bytes too (from 40 observations and some 7,500
    /// weights on; by vectors where few numbers are 0), else as near as [`Precision::Training`] says.
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
            taken_up: false,
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
        if !self.take_up(workers, inputs) {
            self.leave_tiles();
            return false;
        }
        let next = self.next_to_take_up(workers, inputs);
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
        let next = next
            .as_ref()
            .and_then(|chosen| batch_of(inputs, on.pixels.as_ref(), chosen));
        let machine = &mut on.machine;
        let data_sums = machine.data_sums().to_owned();
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
                        machine.up(workers, &chains, bias, draw, None, None);
                    } else {
                        machine.up(workers, &(0..2 * batch), bias, draw, Some(step), next);
                    }
                }
            }
            NegativePhase::Cd => {
                machine.up(workers, &(0..batch), bias, draw(2 * steps), None, None);
                let mut from = 0..batch;
                for number in 0..steps {
                    down(machine, from, 2 * number);
                    let last = number + 1 == steps;
                    let (step, next) = (last.then_some(step), next.filter(|_| last));
                    machine.up(workers, &chains, bias, draw(2 * number + 1), step, next);
                    from = chains.clone();
                }
            }
        }
        visible_bias.scaled_add(scale, &(data_sums - machine.chain_sums()));
        hidden_bias.scaled_add(scale, &machine.hidden_sums());
        on.taken_up = next.is_some();
        self.update += 1;
        true
    }

    /// Takes up the next mini-batch, unless it is there already. Answers whether it is for tiles.
    fn take_up(&mut self, workers: &Workers, inputs: &Inputs) -> bool {
        if self.tiles.as_ref().is_some_and(|on| on.taken_up) {
            return true;
        }
        let chosen = self.chosen(self.update, inputs.rows());
        let Some(on) = &mut self.tiles else {
            return false;
        };
        if let Some(batch) = batch_of(inputs, on.pixels.as_ref(), &chosen) {
            on.machine.take_up(workers, batch);
            return true;
        }
        self.gather(workers, inputs);
        let data = self.visible.slice(s![..self.config.batch, ..]);
        let on = self.tiles.as_mut();
        on.is_some_and(|on| on.machine.take_up_values(workers, data))
    }

    /// The mini-batch after the next, where threads that wait for others take it up.
    fn next_to_take_up(&mut self, workers: &Workers, inputs: &Inputs) -> Option<Vec<usize>> {
        let on = self.tiles.as_ref()?;
        let any = on.machine.is_shared(workers) && self.update + 1 < self.total;
        any.then(|| self.chosen(self.update + 1, inputs.rows()))
    }

    /// The observations of an update's mini-batch.
    fn chosen(&mut self, update: u64, rows: usize) -> Vec<usize> {
        let first = self.turn_to_batch(update, rows);
        let places = first..first + self.config.batch;
        places
            .map(|place| self.order[place % rows] as usize)
            .collect()
    }
}

/// The observations `chosen`, where they need not be gathered.
fn batch_of<'a>(
    inputs: &'a Inputs,
    pixels: Option<&'a Pixels>,
    chosen: &'a [usize],
) -> Option<Batch<'a>> {
    match (inputs, pixels) {
        (Inputs::Bits(states), _) => Some(Batch::States(states, chosen)),
        (_, Some(pixels)) => Some(Batch::Pixels(pixels, chosen)),
        _ => None,
    }
}
