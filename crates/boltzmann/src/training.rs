//! Training one machine: stochastic gradient ascent on the likelihood by (persistent) contrastive
//! divergence.
//!
//! ∂ ln P/∂W = ⟨v hᵀ⟩ over the data − ⟨v hᵀ⟩ over the model's chains, averaged over the mini-batch;
//! likewise for the biases. Hidden units enter as binary samples.
//!
//! Data and chains lie in one stack of 2·batch rows, the chains' hidden samples with a minus sign.
//! One product gives the hidden units of both, and one adds both parts of the gradient to W: three
//! products an update rather than five, and W is read and written half as often.

#[cfg(feature = "cuda")]
mod card;
mod tiles;

use std::ops::Range;

use ndarray::{Array1, Array2, Axis, s};
use resrel_kernels::{
    Draw, Precision, Purpose, SparseWeights, Stream, Way, Workers, column_sums, conditional,
    product,
};

use crate::config::{NegativePhase, NegativeVisible};
use crate::rbm::{connections, largest};
use crate::{Error, Inputs, Rbm, TrainingConfig};

/// With at most this fraction of the weights, products with those that are there are faster than with all.
const SPARSE: f64 = 0.1;

/// Numbers that one thread gathers at a time: fewer are not worth waking a second one for.
const GATHERED: usize = 1 << 14;

/// Which weights a machine has, and how the others are kept at 0.
#[derive(Debug)]
enum Connections {
    All,
    /// 1 where there is a weight, 0 where there is none.
    Mask(Array2<f32>),
    /// The weights of the machine once more.
    Sparse(SparseWeights),
}

/// A machine in training, between two updates.
#[derive(Debug)]
pub struct Trainer {
    rbm: Rbm,
    connections: Connections,
    config: TrainingConfig,
    update: u64,
    total: u64,
    stream: Stream,
    order_stream: Stream,
    /// Of the products of an update.
    precision: Precision,
    /// The order of the current pass, and which pass that is.
    order: Vec<u32>,
    order_of: Option<u64>,
    /// The last step of each parameter, where there is momentum.
    velocity: Option<Rbm>,
    /// Visible units: the mini-batch, below it the chains. 2·batch × V.
    visible: Array2<f32>,
    /// P(h = 1 | v) of both. 2·batch × H.
    hidden_means: Array2<f32>,
    /// Samples of these; the chains' as 0 and −1. 2·batch × H.
    hidden: Array2<f32>,
    /// Means of sampled visible units. batch × V, or empty.
    visible_means: Array2<f32>,
    /// Where the training goes on, if not here.
    tiles: Option<tiles::OnTiles>,
    #[cfg(feature = "cuda")]
    card: Option<card::OnCard>,
}

impl Trainer {
    /// A machine with initial weights, to be trained on `inputs`.
    #[must_use]
    pub fn new(
        inputs: &Inputs,
        hidden: usize,
        config: &TrainingConfig,
        seed: u64,
        layer: usize,
    ) -> Self {
        let rbm = Rbm::initial(inputs, hidden, config, seed, layer);
        let velocity = (config.momentum > 0.0).then(|| Rbm {
            weights: Array2::zeros(rbm.weights.dim()),
            visible_bias: Array1::zeros(rbm.visible()),
            hidden_bias: Array1::zeros(hidden),
        });
        let mut rng = Stream::new(seed, Purpose::Chains, layer as u64).rng(0);
        let chains =
            Array2::from_shape_simple_fn((config.batch, hidden), || u8::from(rng.below(2) == 1));
        Self::resume(rbm, velocity, &chains, 0, inputs, config, seed, layer)
    }

    /// A machine between two updates: parameters, last steps (with momentum), hidden states of the chains
    /// (batch × H, 0/1) and number of updates made.
    ///
    /// # Panics
    /// If the chains have not that shape.
    #[must_use]
    #[allow(
        clippy::too_many_arguments,
        reason = "all of it is the state of a training run"
    )]
    pub fn resume(
        rbm: Rbm,
        velocity: Option<Rbm>,
        chains: &Array2<u8>,
        update: u64,
        inputs: &Inputs,
        config: &TrainingConfig,
        seed: u64,
        layer: usize,
    ) -> Self {
        let (batch, visible, hidden) = (config.batch, rbm.visible(), rbm.hidden());
        let sampled = config.negative_visible == NegativeVisible::Sampled;
        let connections = if config.connectivity < 1.0 {
            let connected = connections(config, seed, layer);
            // Momentum is taken to the dense path: every weight has a last step there.
            if config.connectivity <= SPARSE && velocity.is_none() {
                Connections::Sparse(SparseWeights::new(rbm.weights.view(), connected))
            } else {
                let one = |place: (usize, usize)| f32::from(u8::from(connected(place.0, place.1)));
                Connections::Mask(Array2::from_shape_fn(rbm.weights.dim(), one))
            }
        } else {
            Connections::All
        };
        let mut stack = Array2::zeros((2 * batch, hidden));
        stack
            .slice_mut(s![batch.., ..])
            .assign(&chains.mapv(|h| -f32::from(h)));
        Self {
            rbm,
            connections,
            config: config.clone(),
            update,
            total: config.total_updates(inputs.rows()),
            stream: Stream::new(seed, Purpose::Training, layer as u64),
            order_stream: Stream::new(seed, Purpose::Order, layer as u64),
            precision: inputs.precision(),
            order: Vec::new(),
            order_of: None,
            velocity,
            visible: Array2::zeros((2 * batch, visible)),
            hidden_means: Array2::zeros((2 * batch, hidden)),
            hidden: stack,
            visible_means: Array2::zeros(if sampled { (batch, visible) } else { (0, 0) }),
            tiles: None,
            #[cfg(feature = "cuda")]
            card: None,
        }
    }

    /// Brings the machine and its chains up to date, where they are newer in tiles or on a card.
    ///
    /// # Errors
    /// If an update on a graphics card went wrong since the last time.
    pub fn fetch(&mut self) -> Result<(), Error> {
        self.fetch_from_tiles();
        #[cfg(feature = "cuda")]
        self.fetch_from_card()?;
        Ok(())
    }

    /// Largest magnitude of a parameter; NaN if one is NaN. In tiles it is known without fetching the machine.
    ///
    /// # Errors
    /// As [`Trainer::fetch`].
    pub fn largest_parameter(&mut self) -> Result<f32, Error> {
        let Some(weight) = self.largest_in_tiles() else {
            self.fetch()?;
            return Ok(self.rbm.largest_parameter());
        };
        let biases = self.rbm.visible_bias.iter().chain(&self.rbm.hidden_bias);
        Ok(largest(biases.chain([&weight])))
    }

    /// The machine as it is now, or was when it was last fetched.
    #[must_use]
    pub fn rbm(&self) -> &Rbm {
        &self.rbm
    }

    /// The machine, no longer in training.
    #[must_use]
    pub fn into_rbm(self) -> Rbm {
        self.rbm
    }

    /// Updates made so far.
    #[must_use]
    pub fn update_number(&self) -> u64 {
        self.update
    }

    /// Updates of the whole run.
    #[must_use]
    pub fn total_updates(&self) -> u64 {
        self.total
    }

    /// Learning rate of the next update.
    #[must_use]
    pub fn learning_rate(&self) -> f64 {
        self.config.rate(self.update, self.total)
    }

    /// Hidden states of the chains, batch × H, 0/1.
    #[must_use]
    pub fn chains(&self) -> Array2<u8> {
        self.hidden
            .slice(s![self.config.batch.., ..])
            .mapv(|h| u8::from(h < 0.0))
    }

    pub(crate) fn velocity(&self) -> Option<&Rbm> {
        self.velocity.as_ref()
    }

    /// One update of all parameters from the next mini-batch of `inputs`.
    ///
    /// # Panics
    /// If `inputs` are not those that the trainer was made for.
    pub fn update(&mut self, workers: &Workers, inputs: &Inputs) {
        #[cfg(feature = "cuda")]
        if self.card.is_some() {
            return self.update_on_card();
        }
        if self.tiles.is_some() && self.update_in_tiles(workers, inputs) {
            return;
        }
        self.gather(workers, inputs);
        match self.config.negative_phase {
            NegativePhase::Pcd => self.persistent_phases(workers),
            NegativePhase::Cd => self.contrastive_phases(workers),
        }
        // From here the chains count negatively in every sum over the stack.
        let batch = self.config.batch;
        self.hidden.slice_mut(s![batch.., ..]).mapv_inplace(|h| -h);
        self.step(workers);
        self.update += 1;
    }

    /// Puts the mini-batch on top of the stack.
    fn gather(&mut self, workers: &Workers, inputs: &Inputs) {
        let (batch, rows) = (self.config.batch, inputs.rows());
        let first = self.turn_to_batch(self.update, rows);
        let mut data = self.visible.slice_mut(s![..batch, ..]);
        let together = GATHERED.div_ceil(inputs.features().max(1));
        let mut chunks: Vec<_> = data.axis_chunks_iter_mut(Axis(0), together).collect();
        workers.for_each_chunk(&mut chunks, 1, |chunk, out| {
            let first = first + chunk * together;
            let chosen = (first..).map(|place| self.order[place % rows] as usize);
            inputs.gather(chosen, out[0].view_mut());
        });
    }

    /// The place of the first observation of an update's mini-batch in the order of its pass, which it brings about. The
    /// last batch of a pass is filled up with the first observations of the pass, so that all batches weigh the same.
    fn turn_to_batch(&mut self, update: u64, rows: usize) -> usize {
        let per_pass = self.config.updates_per_pass(rows);
        let (pass, within) = (update / per_pass, update % per_pass);
        if self.order_of != Some(pass) {
            self.order.clear();
            self.order.extend(0..rows as u32);
            self.order_stream.rng(pass).shuffle(&mut self.order);
            self.order_of = Some(pass);
        }
        within as usize * self.config.batch
    }

    /// Both phases with chains that go on from the last update: the last half step of the chains
    /// shares its product with the data.
    fn persistent_phases(&mut self, workers: &Workers) {
        let batch = self.config.batch;
        // The chains lie there negated, which the product undoes exactly.
        let mut sign = -1.0;
        for step in 0..self.config.steps {
            self.visible_from_chains(workers, sign, batch..2 * batch, 2 * step);
            sign = 1.0;
            if step + 1 < self.config.steps {
                self.hidden_from_visible(workers, batch..2 * batch, 2 * step + 1);
            }
        }
        self.hidden_from_visible(workers, 0..2 * batch, 2 * self.config.steps - 1);
    }

    /// Both phases with chains that start from the mini-batch.
    fn contrastive_phases(&mut self, workers: &Workers) {
        let batch = self.config.batch;
        self.hidden_from_visible(workers, 0..batch, 2 * self.config.steps);
        for step in 0..self.config.steps {
            let from = if step == 0 {
                0..batch
            } else {
                batch..2 * batch
            };
            self.visible_from_chains(workers, 1.0, from, 2 * step);
            self.hidden_from_visible(workers, batch..2 * batch, 2 * step + 1);
        }
    }

    /// Visible units of the chains from the hidden samples in the rows `from`.
    fn visible_from_chains(
        &mut self,
        workers: &Workers,
        sign: f32,
        from: Range<usize>,
        number: u32,
    ) {
        let batch = self.config.batch;
        let number = self.draw_number(number);
        let hidden = self.hidden.slice(s![from, ..]);
        let bias = self.rbm.visible_bias.view();
        let chains = self.visible.slice_mut(s![batch.., ..]);
        let (means, draw) = match self.config.negative_visible {
            NegativeVisible::Mean => (chains, None),
            NegativeVisible::Sampled => {
                let draw = Draw {
                    stream: self.stream,
                    number,
                    first_row: 0,
                    samples: chains,
                };
                (self.visible_means.view_mut(), Some(draw))
            }
        };
        if let Connections::Sparse(weights) = &mut self.connections {
            weights.conditional(workers, Way::Down, sign, hidden, bias, means, draw);
        } else {
            let weights = self.rbm.weights.t();
            conditional(
                workers,
                self.precision,
                sign,
                hidden,
                weights,
                bias,
                means,
                draw,
            );
        }
    }

    /// Hidden samples from the visible units in the same rows.
    fn hidden_from_visible(&mut self, workers: &Workers, rows: Range<usize>, number: u32) {
        let number = self.draw_number(number);
        let draw = Draw {
            stream: self.stream,
            number,
            first_row: rows.start as u32,
            samples: self.hidden.slice_mut(s![rows.clone(), ..]),
        };
        let visible = self.visible.slice(s![rows.clone(), ..]);
        let means = self.hidden_means.slice_mut(s![rows, ..]);
        if let Connections::Sparse(weights) = &mut self.connections {
            let bias = self.rbm.hidden_bias.view();
            weights.conditional(workers, Way::Up, 1.0, visible, bias, means, Some(draw));
        } else {
            let (weights, bias) = (self.rbm.weights.view(), self.rbm.hidden_bias.view());
            conditional(
                workers,
                self.precision,
                1.0,
                visible,
                weights,
                bias,
                means,
                Some(draw),
            );
        }
    }

    fn draw_number(&self, number: u32) -> u64 {
        self.update * (2 * u64::from(self.config.steps) + 1) + u64::from(number)
    }

    /// Adds learning rate × gradient, after momentum and weight decay.
    fn step(&mut self, workers: &Workers) {
        let batch = self.config.batch;
        let rate = self.learning_rate();
        let scale = (rate / batch as f64) as f32;
        let (visible, hidden) = (self.visible.view(), self.hidden.view());
        let visible_step = column_sums(visible.slice(s![..batch, ..]))
            - column_sums(visible.slice(s![batch.., ..]));
        let mut hidden_step = column_sums(hidden);
        if let Some(target) = self.config.sparsity {
            let activity = column_sums(self.hidden_means.slice(s![..batch, ..]));
            let (cost, wanted) = (
                self.config.sparsity_cost as f32,
                target as f32 * batch as f32,
            );
            hidden_step.zip_mut_with(&activity, |step, sum| *step += cost * (wanted - sum));
        }
        let shrink = (rate * self.config.weight_decay) as f32;
        let Rbm {
            weights,
            visible_bias,
            hidden_bias,
        } = &mut self.rbm;
        let Some(velocity) = &mut self.velocity else {
            if let Connections::Sparse(sparse) = &mut self.connections {
                sparse.step(workers, 1.0 - shrink, scale, visible, hidden);
                sparse.write(weights.view_mut());
            } else {
                let out = weights.view_mut();
                product(
                    workers,
                    self.precision,
                    1.0 - shrink,
                    scale,
                    visible.t(),
                    hidden,
                    out,
                );
            }
            if let Connections::Mask(mask) = &self.connections {
                *weights *= mask;
            }
            visible_bias.scaled_add(scale, &visible_step);
            hidden_bias.scaled_add(scale, &hidden_step);
            return;
        };
        let momentum = self.config.momentum as f32;
        product(
            workers,
            self.precision,
            momentum,
            scale,
            visible.t(),
            hidden,
            velocity.weights.view_mut(),
        );
        if shrink > 0.0 {
            velocity.weights.scaled_add(-shrink, weights);
        }
        if let Connections::Mask(mask) = &self.connections {
            velocity.weights *= mask;
        }
        *weights += &velocity.weights;
        for (velocity, bias, step) in [
            (&mut velocity.visible_bias, visible_bias, &visible_step),
            (&mut velocity.hidden_bias, hidden_bias, &hidden_step),
        ] {
            *velocity *= momentum;
            velocity.scaled_add(scale, step);
            *bias += &*velocity;
        }
    }
}
