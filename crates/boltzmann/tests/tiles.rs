//! Training laid out for the processor's matrix tiles is training, to the last bit.

use ndarray::{Array2, s};
use resrel_boltzmann::{Inputs, NegativePhase, NegativeVisible, Trainer, TrainingConfig};
use resrel_kernels::{BitRows, Purpose, Stream, Workers};

const ROWS: usize = 300;
const SEED: u64 = 9;
const LAYER: usize = 1;

/// Pixels of 256 grey levels in the first half of the columns, any numbers from 0 to 1 in the others.
fn data(features: usize) -> Array2<f32> {
    let mut rng = Stream::new(5, Purpose::Digits, 0).rng(0);
    Array2::from_shape_fn((ROWS, features), |(_, column)| {
        let dark = rng.below(3) > 0;
        let pixel = rng.below(256) as f32 / 255.0;
        match (column < features / 2, dark) {
            (true, true) => 0.0,
            (true, false) => pixel,
            _ => rng.uniform() as f32,
        }
    })
}

/// Trains by both ways and compares after every update, or every few.
fn compare(inputs: &Inputs, hidden: usize, config: &TrainingConfig, threads: usize) {
    let (alone, workers) = (Workers::single(), Workers::new(threads).expect("threads"));
    let mut plain = Trainer::new(inputs, hidden, config, SEED, LAYER);
    let mut tiled = Trainer::new(inputs, hidden, config, SEED, LAYER);
    if !tiled.move_to_tiles(&workers, inputs) {
        eprintln!("skipped: this processor has no tiles of bytes");
        return;
    }
    for update in 1..=9 {
        plain.update(&alone, inputs);
        tiled.update(&workers, inputs);
        if update % 3 == 0 {
            let largest = tiled.largest_parameter().expect("nothing goes wrong");
            assert_eq!(largest.to_bits(), plain.rbm().largest_parameter().to_bits());
            tiled.fetch().expect("nothing goes wrong");
            let at = (inputs.features(), hidden, update);
            assert!(plain.rbm() == tiled.rbm(), "another machine: {at:?}");
            assert!(plain.chains() == tiled.chains(), "other chains: {at:?}");
        }
    }
    // And goes on from what was fetched.
    let mut resumed = Trainer::resume(
        tiled.rbm().clone(),
        None,
        &tiled.chains(),
        tiled.update_number(),
        inputs,
        config,
        SEED,
        LAYER,
    );
    assert!(resumed.move_to_tiles(&workers, inputs), "as before");
    resumed.update(&alone, inputs);
    resumed.fetch().expect("nothing goes wrong");
    plain.update(&alone, inputs);
    assert!(plain.rbm() == resumed.rbm(), "another machine afterwards");
}

#[test]
fn trains_the_same_machine_to_the_last_bit() {
    let phases = [NegativePhase::Pcd, NegativePhase::Cd];
    let visible = [NegativeVisible::Mean, NegativeVisible::Sampled];
    // The last is large enough for several threads.
    let shapes = [
        (100, 140, 64, 1),
        (220, 50, 75, 2),
        (129, 257, 41, 1),
        (130, 257, 75, 1),
    ];
    for (features, hidden, batch, steps) in shapes {
        let data = data(features);
        for (negative_phase, negative_visible) in phases
            .into_iter()
            .flat_map(|phase| visible.map(|visible| (phase, visible)))
        {
            let config = TrainingConfig {
                batch,
                steps,
                negative_phase,
                negative_visible,
                weight_decay: 1e-3,
                ..TrainingConfig::default()
            };
            compare(&Inputs::Borrowed(&data), hidden, &config, 3);
        }
    }
}

#[test]
fn pixels_alone_train_the_same_machine_too() {
    // Of 300 observations, which the last mini-batch of a pass is filled up to.
    for (features, batch, epochs) in [(130, 64, 3), (200, 100, 4), (65, 97, 1)] {
        let data = data(2 * features);
        let data = data.slice(s![.., ..features]).to_owned();
        let config = TrainingConfig {
            batch,
            epochs: Some(epochs),
            ..TrainingConfig::default()
        };
        compare(&Inputs::Borrowed(&data), 120, &config, 2);
    }
}

#[test]
fn states_of_a_layer_below_train_the_same_machine_too() {
    let states = Inputs::Bits(BitRows::from_threshold(data(200).view(), 0.5));
    let config = TrainingConfig {
        batch: 100,
        ..TrainingConfig::default()
    };
    compare(&states, 130, &config, 2);
}

#[test]
fn faint_observations_are_trained_on_as_ever() {
    let data = data(200) * 0.05;
    let config = TrainingConfig {
        batch: 64,
        ..TrainingConfig::default()
    };
    let inputs = Inputs::Borrowed(&data);
    let mut trainer = Trainer::new(&inputs, 60, &config, SEED, LAYER);
    assert!(!trainer.move_to_tiles(&Workers::single(), &inputs));
}

#[test]
fn observations_beyond_one_are_trained_on_as_ever() {
    let mut data = data(200);
    data.slice_mut(s![200.., 3]).fill(1.5);
    let config = TrainingConfig {
        batch: 64,
        ..TrainingConfig::default()
    };
    compare(&Inputs::Borrowed(&data), 70, &config, 2);
}
