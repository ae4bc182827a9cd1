//! Training on a graphics card: the same update from the same random numbers, queued there.

use std::ops::Range;

use ndarray::{Array1, Array2, Axis, s};
use resrel_kernels::cuda::{Card, CardDraw, CardError, CardMatrix, CardOrder};
use resrel_kernels::{Stream, Way};

use crate::config::{NegativePhase, NegativeVisible};
use crate::rbm::connections;
use crate::training::Trainer;
use crate::{Error, Inputs, Rbm, TrainingConfig};

/// What a trainer has on a card: the data, the machine, and the stack of mini-batch and chains.
#[derive(Debug)]
pub(super) struct OnCard {
    card: Card,
    data: CardMatrix,
    /// The order of a pass, and which pass that is.
    order: Option<(u64, CardOrder)>,
    machine: Parameters,
    /// The last step of each parameter, where there is momentum.
    velocity: Option<Parameters>,
    /// 1 where there is a weight, where some are missing.
    mask: Option<CardMatrix>,
    visible: CardMatrix,
    visible_means: CardMatrix,
    hidden: CardMatrix,
    hidden_means: CardMatrix,
    factors: Factors,
    /// What went wrong since the machine was last fetched.
    error: Option<CardError>,
    /// Whether the trainer's own machine is older than this one.
    ahead: bool,
}

#[derive(Debug)]
struct Parameters {
    weights: CardMatrix,
    visible_bias: CardMatrix,
    hidden_bias: CardMatrix,
}

/// Rows by which a stack is multiplied to sum it up.
#[derive(Debug)]
struct Factors {
    /// 1 for the mini-batch, −1 for the chains.
    signs: CardMatrix,
    ones: CardMatrix,
    /// 1 for the mini-batch alone.
    observations: CardMatrix,
    /// 1 for every hidden unit.
    units: CardMatrix,
}

impl Parameters {
    fn upload(card: &Card, rbm: &Rbm) -> Result<Self, CardError> {
        Ok(Self {
            weights: card.upload(rbm.weights.view())?,
            visible_bias: card.upload(rbm.visible_bias.view().insert_axis(Axis(0)))?,
            hidden_bias: card.upload(rbm.hidden_bias.view().insert_axis(Axis(0)))?,
        })
    }

    fn download(&self, card: &Card) -> Result<Rbm, CardError> {
        let row = |matrix: &CardMatrix| -> Result<Array1<f32>, CardError> {
            Ok(card.download(&matrix.all())?.row(0).to_owned())
        };
        Ok(Rbm {
            weights: card.download(&self.weights.all())?,
            visible_bias: row(&self.visible_bias)?,
            hidden_bias: row(&self.hidden_bias)?,
        })
    }
}

impl Trainer {
    /// Goes on with the training on a graphics card, if there is one. `inputs` go there, and are those of every update
    /// to come; [`Trainer::rbm`] is then the machine that was last fetched. `seed` and `layer` are those that the trainer
    /// was made with. Answers whether there is a card.
    ///
    /// # Errors
    /// [`Error::Card`] if the card has not the memory or its libraries are missing.
    pub fn move_to_card(
        &mut self,
        inputs: &Inputs,
        seed: u64,
        layer: usize,
    ) -> Result<bool, Error> {
        let Some(card) = Card::open()? else {
            return Ok(false);
        };
        self.leave_tiles();
        self.card = Some(OnCard::new(card, self, inputs, (seed, layer))?);
        Ok(true)
    }

    /// Brings the machine, its last steps and its chains back from the card, where they are newer there; an error if an
    /// update since the last time went wrong.
    pub(super) fn fetch_from_card(&mut self) -> Result<(), Error> {
        let Some(on) = self.card.as_mut().filter(|on| on.ahead) else {
            return Ok(());
        };
        if let Some(error) = &on.error {
            return Err(error.clone().into());
        }
        self.rbm = on.machine.download(&on.card)?;
        if let Some(velocity) = &on.velocity {
            self.velocity = Some(velocity.download(&on.card)?);
        }
        let chains = self.config.batch..2 * self.config.batch;
        let states = on.card.download(&on.hidden.rows(chains.clone()))?;
        self.hidden.slice_mut(s![chains, ..]).assign(&states);
        on.ahead = false;
        Ok(())
    }

    /// Queues one update. What goes wrong is told when the machine is fetched.
    pub(super) fn update_on_card(&mut self) {
        let rows = self.card.as_ref().map_or(0, |on| on.data.dim().0);
        let first = self.turn_to_batch(self.update, rows);
        let rate = self.learning_rate();
        let Some(on) = &mut self.card else { return };
        let update = Update {
            config: &self.config,
            stream: self.stream,
            number: self.update * (2 * u64::from(self.config.steps) + 1),
            rate,
        };
        on.ahead = true;
        if on.error.is_none() {
            let pass = self.order_of.unwrap_or(0);
            on.error = on.update(&update, (pass, &self.order), first).err();
        }
        self.update += 1;
    }
}

/// What an update goes by.
struct Update<'a> {
    config: &'a TrainingConfig,
    stream: Stream,
    /// The first of its draws.
    number: u64,
    rate: f64,
}

impl OnCard {
    fn new(
        card: Card,
        trainer: &Trainer,
        inputs: &Inputs,
        (seed, layer): (u64, usize),
    ) -> Result<Self, CardError> {
        let config = &trainer.config;
        let (stack, shape) = (2 * config.batch, trainer.rbm.weights.dim());
        let data = card.upload_by((inputs.rows(), inputs.features()), |rows| {
            let mut values = Array2::zeros((rows.len(), inputs.features()));
            inputs.gather(rows, values.view_mut());
            values
        })?;
        let mask = if config.connectivity < 1.0 {
            let connected = connections(config, seed, layer);
            let one = |place: (usize, usize)| f32::from(u8::from(connected(place.0, place.1)));
            Some(card.upload(Array2::from_shape_fn(shape, one).view())?)
        } else {
            None
        };
        let velocity = match &trainer.velocity {
            Some(velocity) => Some(Parameters::upload(&card, velocity)?),
            None => None,
        };
        let sign = |(_, row): (usize, usize)| if row < config.batch { 1.0 } else { -1.0 };
        Ok(Self {
            data,
            order: None,
            machine: Parameters::upload(&card, &trainer.rbm)?,
            velocity,
            mask,
            visible: card.zeros(stack, shape.0)?,
            visible_means: card.zeros(config.batch, shape.0)?,
            hidden: card.upload(trainer.hidden.view())?,
            hidden_means: card.zeros(stack, shape.1)?,
            factors: Factors {
                signs: card.upload(Array2::from_shape_fn((1, stack), sign).view())?,
                ones: card.upload(Array2::ones((1, stack)).view())?,
                observations: card.upload(Array2::ones((1, config.batch)).view())?,
                units: card.upload(Array2::ones((1, shape.1)).view())?,
            },
            error: None,
            ahead: false,
            card,
        })
    }

    fn update(
        &mut self,
        update: &Update,
        (pass, order): (u64, &[u32]),
        first: usize,
    ) -> Result<(), CardError> {
        let batch = update.config.batch;
        if self.order.as_ref().is_none_or(|(of, _)| *of != pass) {
            self.order = Some((pass, self.card.order(order)?));
        }
        if let Some((_, order)) = &self.order {
            let mut out = self.visible.rows_mut(0..batch);
            self.card.gather(&self.data, order, first, &mut out)?;
        }
        let steps = update.config.steps;
        let last = 2 * steps - 1;
        match update.config.negative_phase {
            NegativePhase::Pcd => {
                // The chains lie there negated, which the product undoes.
                let mut sign = -1.0;
                for step in 0..steps {
                    self.visible_from(update, sign, batch..2 * batch, 2 * step)?;
                    sign = 1.0;
                    if step + 1 < steps {
                        self.hidden_from(update, batch..2 * batch, 2 * step + 1, batch)?;
                    }
                }
                // From here the chains count negatively in every sum over the stack.
                self.hidden_from(update, 0..2 * batch, last, batch)?;
            }
            NegativePhase::Cd => {
                self.hidden_from(update, 0..batch, 2 * steps, batch)?;
                let mut from = 0..batch;
                for step in 0..steps {
                    self.visible_from(update, 1.0, from, 2 * step)?;
                    let negated = if step + 1 < steps { batch } else { 0 };
                    self.hidden_from(update, batch..2 * batch, 2 * step + 1, negated)?;
                    from = batch..2 * batch;
                }
            }
        }
        self.step(update)
    }

    /// Visible units of the chains from the hidden samples in the rows `from`.
    fn visible_from(
        &mut self,
        update: &Update,
        sign: f32,
        from: Range<usize>,
        draw: u32,
    ) -> Result<(), CardError> {
        let batch = update.config.batch;
        let (weights, bias) = (&self.machine.weights, &self.machine.visible_bias);
        let hidden = self.hidden.rows(from);
        let mut chains = self.visible.rows_mut(batch..2 * batch);
        if update.config.negative_visible == NegativeVisible::Mean {
            let way = Way::Down;
            return self
                .card
                .conditional(way, sign, &hidden, weights, bias, &mut chains, None);
        }
        let mut means = self.visible_means.all_mut();
        let draw = CardDraw {
            stream: update.stream,
            number: update.number + u64::from(draw),
            first_row: 0,
            samples: chains,
            negated: batch,
        };
        self.card.conditional(
            Way::Down,
            sign,
            &hidden,
            weights,
            bias,
            &mut means,
            Some(draw),
        )
    }

    /// Hidden samples from the visible units in the same rows, from the one called `negated` of these on negative.
    fn hidden_from(
        &mut self,
        update: &Update,
        rows: Range<usize>,
        draw: u32,
        negated: usize,
    ) -> Result<(), CardError> {
        let (weights, bias) = (&self.machine.weights, &self.machine.hidden_bias);
        let draw = CardDraw {
            stream: update.stream,
            number: update.number + u64::from(draw),
            first_row: rows.start as u32,
            samples: self.hidden.rows_mut(rows.clone()),
            negated,
        };
        let visible = self.visible.rows(rows.clone());
        let mut means = self.hidden_means.rows_mut(rows);
        self.card.conditional(
            Way::Up,
            1.0,
            &visible,
            weights,
            bias,
            &mut means,
            Some(draw),
        )
    }

    /// Adds learning rate × gradient, after momentum and weight decay.
    fn step(&mut self, update: &Update) -> Result<(), CardError> {
        let (card, config) = (&self.card, update.config);
        let batch = config.batch;
        let scale = (update.rate / batch as f64) as f32;
        let shrink = (update.rate * config.weight_decay) as f32;
        let (signs, ones) = (self.factors.signs.all(), self.factors.ones.all());
        let (visible, hidden) = (self.visible.all(), self.hidden.all());
        let momentum = config.momentum as f32;
        // Without momentum the steps go to the machine itself.
        let (keep_weights, keep, to) = match &mut self.velocity {
            Some(velocity) => (momentum, momentum, velocity),
            None => (1.0 - shrink, 1.0, &mut self.machine),
        };
        let mut weights = to.weights.all_mut();
        card.product(
            (keep_weights, scale),
            (&visible, true),
            (&hidden, false),
            &mut weights,
        )?;
        let mut bias = to.visible_bias.all_mut();
        card.product((keep, scale), (&signs, false), (&visible, false), &mut bias)?;
        let mut bias = to.hidden_bias.all_mut();
        card.product((keep, scale), (&ones, false), (&hidden, false), &mut bias)?;
        if let Some(target) = config.sparsity {
            let cost = scale * config.sparsity_cost as f32;
            let activity = self.hidden_means.rows(0..batch);
            let rows = self.factors.observations.all();
            card.product((1.0, -cost), (&rows, false), (&activity, false), &mut bias)?;
            let wanted = cost * target as f32 * batch as f32;
            card.add(wanted, &self.factors.units, &mut to.hidden_bias)?;
        }
        let machine = &mut self.machine;
        let Some(velocity) = &mut self.velocity else {
            return match &self.mask {
                Some(mask) => card.multiply(mask, &mut machine.weights),
                None => Ok(()),
            };
        };
        if shrink > 0.0 {
            card.add(-shrink, &machine.weights, &mut velocity.weights)?;
        }
        if let Some(mask) = &self.mask {
            card.multiply(mask, &mut velocity.weights)?;
        }
        card.add(1.0, &velocity.weights, &mut machine.weights)?;
        card.add(1.0, &velocity.visible_bias, &mut machine.visible_bias)?;
        card.add(1.0, &velocity.hidden_bias, &mut machine.hidden_bias)
    }
}
