//! One update, written once more in plain loops and double precision with the same random numbers.

use ndarray::{Array1, Array2};
use resrel_boltzmann::{Inputs, NegativePhase, NegativeVisible, Trainer, TrainingConfig};
use resrel_kernels::{Purpose, Stream, Workers};

const ROWS: usize = 30;
const VISIBLE: usize = 13;
const HIDDEN: usize = 7;
const BATCH: usize = 8;
const SEED: u64 = 21;
const LAYER: usize = 2;

fn data() -> Array2<f32> {
    let mut rng = Stream::new(5, Purpose::Digits, 0).rng(0);
    Array2::from_shape_simple_fn((ROWS, VISIBLE), || rng.uniform() as f32)
}

struct Plain {
    weights: Array2<f64>,
    visible_bias: Array1<f64>,
    hidden_bias: Array1<f64>,
    velocity: (Array2<f64>, Array1<f64>, Array1<f64>),
    chains: Array2<f64>,
    updates: u64,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn sample(means: &Array2<f64>, draw: u64, first_row: usize) -> Array2<f64> {
    let stream = Stream::new(SEED, Purpose::Training, LAYER as u64);
    Array2::from_shape_fn(means.dim(), |(row, column)| {
        let mean = means[[row, column]] as f32;
        let one = stream.is_one(
            draw,
            means.ncols(),
            (first_row + row) as u32,
            column as u32,
            mean,
        );
        f64::from(u8::from(one))
    })
}

/// A 32-bit fraction below the connectivity.
fn connected(visible: usize, hidden: usize, connectivity: f64) -> bool {
    let stream = Stream::new(SEED, Purpose::Connections, LAYER as u64);
    f64::from(stream.bits(0, visible as u32, hidden as u32)) / 4_294_967_296.0 < connectivity
}

impl Plain {
    fn hidden(&self, visible: &Array2<f64>) -> Array2<f64> {
        (visible.dot(&self.weights) + &self.hidden_bias).mapv(sigmoid)
    }

    fn visible(&self, hidden: &Array2<f64>) -> Array2<f64> {
        (hidden.dot(&self.weights.t()) + &self.visible_bias).mapv(sigmoid)
    }

    fn update(&mut self, config: &TrainingConfig, data: &Array2<f32>) {
        let steps = u64::from(config.steps);
        let first_draw = self.updates * (2 * steps + 1);
        let per_pass = config.updates_per_pass(ROWS);
        let mut order: Vec<usize> = (0..ROWS).collect();
        let order_stream = Stream::new(SEED, Purpose::Order, LAYER as u64);
        order_stream
            .rng(self.updates / per_pass)
            .shuffle(&mut order);
        let first = (self.updates % per_pass) as usize * BATCH;
        let batch = Array2::from_shape_fn((BATCH, VISIBLE), |(row, column)| {
            f64::from(data[[order[(first + row) % ROWS], column]])
        });
        let cd = config.negative_phase == NegativePhase::Cd;
        let data_draw = if cd { 2 * steps } else { 2 * steps - 1 };
        let hidden_data = sample(&self.hidden(&batch), first_draw + data_draw, 0);
        let mut chains = if cd {
            hidden_data.clone()
        } else {
            self.chains.clone()
        };
        let mut visible = Array2::zeros((0, 0));
        for step in 0..steps {
            visible = self.visible(&chains);
            if config.negative_visible == NegativeVisible::Sampled {
                visible = sample(&visible, first_draw + 2 * step, 0);
            }
            chains = sample(&self.hidden(&visible), first_draw + 2 * step + 1, BATCH);
        }
        let rate = config.rate(self.updates, config.total_updates(ROWS));
        let scale = rate / BATCH as f64;
        let mut gradient = batch.t().dot(&hidden_data) - visible.t().dot(&chains);
        if config.connectivity < 1.0 {
            for ((i, j), step) in gradient.indexed_iter_mut() {
                if !connected(i, j, config.connectivity) {
                    *step = 0.0;
                }
            }
        }
        let sums = |values: &Array2<f64>| values.sum_axis(ndarray::Axis(0));
        let mut hidden_step = sums(&hidden_data) - sums(&chains);
        if let Some(target) = config.sparsity {
            let activity = sums(&self.hidden(&batch)) / BATCH as f64;
            hidden_step += &((target - activity) * (config.sparsity_cost * BATCH as f64));
        }
        let decay = &self.weights * (rate * config.weight_decay);
        let velocity = &mut self.velocity;
        velocity.0 = &velocity.0 * config.momentum + gradient * scale - decay;
        velocity.1 = &velocity.1 * config.momentum + (sums(&batch) - sums(&visible)) * scale;
        velocity.2 = &velocity.2 * config.momentum + hidden_step * scale;
        self.weights += &velocity.0;
        self.visible_bias += &velocity.1;
        self.hidden_bias += &velocity.2;
        self.chains = chains;
        self.updates += 1;
    }
}

/// On the processor; on a graphics card too, where the crate was built for one and there is one.
fn compare(change: impl Fn(&mut TrainingConfig)) {
    compare_after(&change, |_, _| {});
    #[cfg(feature = "cuda")]
    compare_after(&change, |trainer, inputs| {
        let moved = trainer.move_to_card(inputs, SEED, LAYER);
        if !moved.expect("a card that works") {
            println!("skipped: no graphics card");
        }
    });
}

fn compare_after(
    change: impl Fn(&mut TrainingConfig),
    prepare: impl FnOnce(&mut Trainer, &Inputs),
) {
    let mut config = TrainingConfig {
        batch: BATCH,
        initial_weights: 0.5,
        updates: Some(25),
        epochs: None,
        ..TrainingConfig::default()
    };
    change(&mut config);
    config.validate().expect("a valid configuration");
    let (data, workers) = (data(), Workers::single());
    let inputs = Inputs::Borrowed(&data);
    let mut trainer = Trainer::new(&inputs, HIDDEN, &config, SEED, LAYER);
    prepare(&mut trainer, &inputs);
    let rbm = trainer.rbm();
    let mut plain = Plain {
        weights: rbm.weights.mapv(f64::from),
        visible_bias: rbm.visible_bias.mapv(f64::from),
        hidden_bias: rbm.hidden_bias.mapv(f64::from),
        velocity: (
            Array2::zeros((VISIBLE, HIDDEN)),
            Array1::zeros(VISIBLE),
            Array1::zeros(HIDDEN),
        ),
        chains: trainer.chains().mapv(f64::from),
        updates: 0,
    };
    for update in 0..25 {
        trainer.update(&workers, &inputs);
        #[cfg(feature = "cuda")]
        trainer.fetch().expect("a card that works");
        plain.update(&config, &data);
        let rbm = trainer.rbm();
        assert_eq!(
            trainer.chains().mapv(f64::from),
            plain.chains,
            "update {update}"
        );
        let close = |a: &f32, b: &f64| (f64::from(*a) - b).abs() < 1e-5;
        assert!(
            rbm.weights
                .iter()
                .zip(&plain.weights)
                .all(|(a, b)| close(a, b))
        );
        assert!(
            rbm.visible_bias
                .iter()
                .zip(&plain.visible_bias)
                .all(|(a, b)| close(a, b))
        );
        assert!(
            rbm.hidden_bias
                .iter()
                .zip(&plain.hidden_bias)
                .all(|(a, b)| close(a, b))
        );
    }
}

#[test]
fn pcd_1_with_mean_visible_units() {
    compare(|_| {});
}

#[test]
fn pcd_3_with_sampled_visible_units() {
    compare(|config| {
        config.steps = 3;
        config.negative_visible = NegativeVisible::Sampled;
    });
}

#[test]
fn cd_1_and_cd_2() {
    compare(|config| config.negative_phase = NegativePhase::Cd);
    compare(|config| {
        config.negative_phase = NegativePhase::Cd;
        config.negative_visible = NegativeVisible::Sampled;
        config.steps = 2;
    });
}

#[test]
fn weight_decay_momentum_and_falling_learning_rate() {
    compare(|config| config.weight_decay = 0.05);
    compare(|config| {
        config.momentum = 0.8;
        config.weight_decay = 0.05;
        config.learning_rate_decay = resrel_boltzmann::Decay::Linear;
        config.initial_visible_bias = resrel_boltzmann::InitialVisibleBias::DataMean;
    });
}

#[test]
fn some_connections_alone() {
    // Few enough for the sparse path; more; and with last steps for all.
    compare(|config| config.connectivity = 0.1);
    compare(|config| {
        config.connectivity = 0.08;
        config.negative_phase = NegativePhase::Cd;
        config.negative_visible = NegativeVisible::Sampled;
        config.weight_decay = 0.05;
        config.steps = 2;
    });
    compare(|config| config.connectivity = 0.7);
    compare(|config| {
        config.connectivity = 0.1;
        config.momentum = 0.5;
    });
}

#[test]
fn a_wanted_activity() {
    compare(|config| config.sparsity = Some(0.1));
    compare(|config| {
        config.sparsity = Some(0.4);
        config.sparsity_cost = 2.0;
        config.momentum = 0.5;
        config.negative_phase = NegativePhase::Cd;
    });
}
