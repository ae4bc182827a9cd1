//! The standard network on MNIST at 4,000 updates a layer, against an independent reference run
//! (PyTorch, one seed). Needs the data: `RESREL_DATA`.

use std::ops::ControlFlow;

use resrel_boltzmann::{DbnConfig, DbnTrainer, Event, Inputs, NextInput, Preset};
use resrel_data::{Dataset, load};
use resrel_experiment::measure_layers;
use resrel_kernels::Workers;
use resrel_measure::{Measure, critical};

/// The reference's H[s] + H[k] of H4 … H9, fractions of ln M, with the layers' inputs binarised and
/// sampled.
const BINARISED: [f64; 6] = [1.041, 1.127, 1.129, 1.106, 1.030, 0.878];
const SAMPLED: [f64; 6] = [1.028, 1.105, 1.123, 1.133, 1.120, 1.012];
/// Spread of these over seeds: about .005 up to H6, .04 from H8 on. A run differs from the one
/// reference run by √2 of that, here three times over.
const TOLERANCE: [f64; 6] = [0.021, 0.021, 0.021, 0.085, 0.17, 0.17];

const SEEDS: u64 = 3;

fn train(data: &Dataset, next_input: NextInput, seed: u64) -> Vec<Measure> {
    let mut config = DbnConfig::default();
    Preset::PaperCritical.apply(&mut config);
    config.next_input = next_input;
    let workers = Workers::new(2).expect("threads");
    let inputs = Inputs::Borrowed(&data.train.values);
    let go_on = &mut |_: &Event| ControlFlow::Continue(());
    let trainer = DbnTrainer::new(&config, seed).expect("valid");
    let trained = trainer
        .run(&workers, &inputs, None, None, go_on)
        .expect("trains");
    let states = trained
        .expect("ends")
        .dbn
        .states(&workers, &inputs)
        .expect("fits");
    let measured = measure_layers(&states, &data.train).expect("measures");
    measured.into_iter().map(|(measure, _)| measure).collect()
}

#[test]
fn the_layers_have_the_resolution_and_relevance_of_the_reference() {
    if std::env::var_os("RESREL_DATA").is_none() {
        println!("skipped: RESREL_DATA names no folder with MNIST");
        return;
    }
    let data = load("mnist", None, 0, &Workers::single()).expect("MNIST");
    for (next_input, reference) in [
        (NextInput::Binarised, BINARISED),
        (NextInput::Sampled, SAMPLED),
    ] {
        let mut means = [0.0; 6];
        for seed in 1..=SEEDS {
            let layers = train(&data, next_input, seed);
            let sums: Vec<f64> = layers.iter().map(|m| m.sum().expect("a sum")).collect();
            println!("{next_input:?}, seed {seed}: {:.4?}", &sums[3..9]);
            for ((sum, reference), tolerance) in sums[3..9].iter().zip(reference).zip(TOLERANCE) {
                assert!(
                    (sum - reference).abs() < tolerance,
                    "{sum} for {reference}, {sums:?}"
                );
            }
            let resolution = |m: &Measure| m.resolution.expect("a resolution");
            assert!(layers.is_sorted_by(|above, below| resolution(above) >= resolution(below)));
            let relevance = |m: &&Measure| m.relevance.expect("a relevance");
            let highest = layers
                .iter()
                .max_by(|a, b| relevance(a).total_cmp(&relevance(b)));
            let highest = &highest.expect("ten layers").name;
            assert!(
                ["H8", "H9"].contains(&highest.as_str()),
                "H[k] is largest at {highest}"
            );
            let critical = critical(&layers).expect("a critical layer");
            assert!(
                ["H5", "H6", "H7"].contains(&critical.layer.as_str()),
                "{critical:?}"
            );
            let beta = critical.beta.expect("an exponent");
            assert!((0.6..1.7).contains(&beta), "{critical:?}");
            for (mean, sum) in means.iter_mut().zip(&sums[3..9]) {
                *mean += sum / SEEDS as f64;
            }
        }
        // A mean of three runs differs from the one by √(4/3) of the spread.
        println!("{next_input:?}, means: {means:.4?}");
        for ((mean, reference), tolerance) in means.iter().zip(reference).zip(TOLERANCE) {
            let tolerance = tolerance * (2.0_f64 / 3.0).sqrt();
            assert!(
                (mean - reference).abs() < tolerance,
                "{mean} for {reference} on average"
            );
        }
    }
}
