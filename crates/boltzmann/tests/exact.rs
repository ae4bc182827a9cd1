//! A machine small enough that every state can be enumerated.

use ndarray::{Array1, Array2};
use resrel_boltzmann::{
    Decay, Inputs, NegativePhase, NegativeVisible, Rbm, Trainer, TrainingConfig,
};
use resrel_kernels::{Draw, Purpose, Stream, Workers};

const VISIBLE: usize = 5;
const HIDDEN: usize = 4;

fn machine() -> Rbm {
    let mut rng = Stream::new(11, Purpose::Weights, 0).rng(0);
    Rbm {
        weights: Array2::from_shape_simple_fn((VISIBLE, HIDDEN), || 1.2 * rng.normal() as f32),
        visible_bias: Array1::from_shape_simple_fn(VISIBLE, || 0.7 * rng.normal() as f32),
        hidden_bias: Array1::from_shape_simple_fn(HIDDEN, || 0.7 * rng.normal() as f32),
    }
}

fn state(index: usize, units: usize) -> Vec<f32> {
    (0..units).map(|unit| (index >> unit & 1) as f32).collect()
}

fn all_states(units: usize) -> Array2<f32> {
    Array2::from_shape_fn((1 << units, units), |(index, unit)| {
        (index >> unit & 1) as f32
    })
}

/// e^(−E) of every joint state, visible index first.
fn joint_weights(rbm: &Rbm) -> Array2<f64> {
    Array2::from_shape_fn((1 << rbm.visible(), 1 << rbm.hidden()), |(v, h)| {
        (-rbm.energy(&state(v, rbm.visible()), &state(h, rbm.hidden()))).exp()
    })
}

#[test]
fn partition_function_by_joint_enumeration() {
    let workers = Workers::new(2).expect("threads");
    let narrow = machine();
    // The same machine with its sides exchanged is enumerated over the other side.
    let wide = Rbm {
        weights: narrow.weights.t().to_owned(),
        visible_bias: narrow.hidden_bias.clone(),
        hidden_bias: narrow.visible_bias.clone(),
    };
    let expected = joint_weights(&narrow).sum().ln();
    for rbm in [narrow, wide] {
        let found = rbm.log_partition_function(&workers).expect("small");
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }
}

#[test]
fn partition_function_over_several_tasks_of_an_independent_machine() {
    // Without weights Z is a product of (1 + e^bias), here over 15 + 20 units: eight tasks.
    let mut rng = Stream::new(11, Purpose::Weights, 1).rng(0);
    let rbm = Rbm {
        weights: Array2::zeros((20, 15)),
        visible_bias: Array1::from_shape_simple_fn(20, || rng.normal() as f32),
        hidden_bias: Array1::from_shape_simple_fn(15, || rng.normal() as f32),
    };
    let biases = rbm.visible_bias.iter().chain(&rbm.hidden_bias);
    let expected: f64 = biases.map(|b| f64::from(*b).exp().ln_1p()).sum();
    for threads in [1, 3] {
        let workers = Workers::new(threads).expect("threads");
        let found = rbm.log_partition_function(&workers).expect("small");
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }
    let large = Rbm {
        weights: Array2::zeros((26, 26)),
        visible_bias: Array1::zeros(26),
        hidden_bias: Array1::zeros(26),
    };
    let error = large
        .log_partition_function(&Workers::single())
        .expect_err("too large");
    assert!(error.to_string().contains("26 units"), "{error}");
}

#[test]
fn conditionals_and_free_energy_by_enumeration() {
    let rbm = machine();
    let workers = Workers::single();
    let joint = joint_weights(&rbm);
    let visible = all_states(VISIBLE);
    let mut hidden = Array2::zeros((1 << VISIBLE, HIDDEN));
    rbm.hidden_given_visible(&workers, visible.view(), hidden.view_mut(), None);
    let free_energy = rbm.free_energy(&workers, visible.view());
    for v in 0..1 << VISIBLE {
        let total: f64 = joint.row(v).sum();
        assert!((free_energy[v] + total.ln()).abs() < 1e-5);
        for unit in 0..HIDDEN {
            let on = (0..1 << HIDDEN).filter(|h| h >> unit & 1 == 1);
            let expected = on.map(|h| joint[[v, h]]).sum::<f64>() / total;
            assert!((f64::from(hidden[[v, unit]]) - expected).abs() < 1e-6);
        }
    }
    let mut back = Array2::zeros((1 << HIDDEN, VISIBLE));
    rbm.visible_given_hidden(&workers, all_states(HIDDEN).view(), back.view_mut(), None);
    for h in 0..1 << HIDDEN {
        let total: f64 = joint.column(h).sum();
        for unit in 0..VISIBLE {
            let on = (0..1 << VISIBLE).filter(|v| v >> unit & 1 == 1);
            let expected = on.map(|v| joint[[v, h]]).sum::<f64>() / total;
            assert!((f64::from(back[[h, unit]]) - expected).abs() < 1e-6);
        }
    }
}

/// ⟨v hᵀ⟩ over the data − ⟨v hᵀ⟩ over the model, both by enumeration.
fn exact_gradient(rbm: &Rbm, data: &Array2<f32>) -> Array2<f64> {
    let joint = joint_weights(rbm);
    let z = joint.sum();
    let mut means = Array2::zeros((data.nrows(), rbm.hidden()));
    rbm.hidden_given_visible(&Workers::single(), data.view(), means.view_mut(), None);
    Array2::from_shape_fn(rbm.weights.dim(), |(i, j)| {
        let products = data.column(i).to_owned() * means.column(j);
        let data_part = products.iter().map(|x| f64::from(*x)).sum::<f64>() / data.nrows() as f64;
        let on = |(v, h): &(usize, usize)| v >> i & 1 == 1 && h >> j & 1 == 1;
        let states = joint.indexed_iter().filter(|(place, _)| on(place));
        data_part - states.map(|(_, weight)| weight).sum::<f64>() / z
    })
}

fn some_data() -> Array2<f32> {
    let mut rng = Stream::new(12, Purpose::Digits, 0).rng(0);
    Array2::from_shape_fn((50, VISIBLE), |(row, column)| {
        f32::from(u8::from(
            rng.uniform() < if (row + column) % 2 == 0 { 0.8 } else { 0.3 },
        ))
    })
}

#[test]
fn the_likelihood_gradient_is_that_of_finite_differences() {
    let (rbm, data, workers) = (machine(), some_data(), Workers::single());
    let gradient = exact_gradient(&rbm, &data);
    let step = 1e-2_f32;
    for i in 0..VISIBLE {
        for j in 0..HIDDEN {
            let at = |shift: f32| {
                let mut moved = rbm.clone();
                moved.weights[[i, j]] += shift;
                moved.log_likelihood(&workers, data.view()).expect("small")
            };
            let difference = (at(step) - at(-step)) / f64::from(2.0 * step);
            assert!((difference - gradient[[i, j]]).abs() < 1e-4, "{i} {j}");
        }
    }
}

#[test]
fn an_update_with_long_chains_follows_the_likelihood_gradient() {
    let data = some_data();
    let inputs = Inputs::Borrowed(&data);
    // CD-n becomes the exact gradient as n grows; 20,000 chains leave a standard error below .004.
    let config = TrainingConfig {
        negative_phase: NegativePhase::Cd,
        negative_visible: NegativeVisible::Sampled,
        steps: 60,
        batch: 20_000,
        learning_rate: 1.0,
        initial_weights: 1.0,
        epochs: None,
        updates: Some(1),
        ..TrainingConfig::default()
    };
    let mut trainer = Trainer::new(&inputs, HIDDEN, &config, 3, 1);
    let before = trainer.rbm().clone();
    let gradient = exact_gradient(&before, &data);
    trainer.update(&Workers::single(), &inputs);
    let step = &trainer.rbm().weights - &before.weights;
    for (step, exact) in step.iter().zip(&gradient) {
        assert!((f64::from(*step) - exact).abs() < 0.02, "{step} {exact}");
    }
}

#[test]
fn gibbs_sampling_reaches_the_exact_distribution() {
    let rbm = machine();
    let workers = Workers::single();
    let chains = 20_000;
    let stream = Stream::new(13, Purpose::Sampling, 0);
    let mut hidden = Array2::zeros((chains, HIDDEN));
    let (mut visible, mut means) = (
        Array2::zeros((chains, VISIBLE)),
        Array2::zeros((chains, VISIBLE)),
    );
    let mut hidden_means = hidden.clone();
    for step in 0..60 {
        let draw = Draw {
            stream,
            number: 2 * step,
            first_row: 0,
            samples: visible.view_mut(),
        };
        rbm.visible_given_hidden(&workers, hidden.view(), means.view_mut(), Some(draw));
        let draw = Draw {
            stream,
            number: 2 * step + 1,
            first_row: 0,
            samples: hidden.view_mut(),
        };
        rbm.hidden_given_visible(
            &workers,
            visible.view(),
            hidden_means.view_mut(),
            Some(draw),
        );
    }
    let joint = joint_weights(&rbm);
    let z = joint.sum();
    let mut counts = vec![0.0_f64; 1 << (VISIBLE + HIDDEN)];
    for (v, h) in visible.outer_iter().zip(hidden.outer_iter()) {
        let index = |units: ndarray::ArrayView1<f32>| {
            units
                .iter()
                .rev()
                .fold(0, |index, unit| 2 * index + usize::from(*unit > 0.5))
        };
        counts[index(h) << VISIBLE | index(v)] += 1.0;
    }
    // Chi-square over cells of at least five expected, the rest pooled.
    let (mut statistic, mut cells, mut rest) = (0.0, 0, (0.0, 0.0));
    for (cell, count) in counts.iter().enumerate() {
        let weight = joint[[cell & ((1 << VISIBLE) - 1), cell >> VISIBLE]];
        let expected = chains as f64 * weight / z;
        if expected < 5.0 {
            rest = (rest.0 + count, rest.1 + expected);
        } else {
            statistic += (count - expected).powi(2) / expected;
            cells += 1;
        }
    }
    statistic += (rest.0 - rest.1).powi(2) / rest.1;
    // Degrees of freedom = cells; four standard deviations above the mean.
    let (mean, deviation) = (f64::from(cells), (2.0 * f64::from(cells)).sqrt());
    assert!(
        cells > 50 && statistic < mean + 4.0 * deviation,
        "{statistic} over {cells} cells"
    );
}

#[test]
fn training_raises_the_exact_likelihood() {
    // Two patterns, one three times as frequent, each bit wrong with probability 0.15.
    let wrong = 0.15_f64;
    let mut rng = Stream::new(14, Purpose::Digits, 0).rng(0);
    let data = Array2::from_shape_fn((400, 6), |(row, column)| {
        let pattern = (row % 4 == 0) == (column < 3);
        f32::from(u8::from(pattern != (rng.uniform() < wrong)))
    });
    let likelihood_of_truth = |v: ndarray::ArrayView1<f32>| {
        let pattern = |first: bool| -> f64 {
            let bit = |(column, v): (usize, &f32)| {
                if (*v > 0.5) == (first == (column < 3)) {
                    1.0 - wrong
                } else {
                    wrong
                }
            };
            v.iter().enumerate().map(bit).product()
        };
        (0.25 * pattern(true) + 0.75 * pattern(false)).ln()
    };
    let truth = data.outer_iter().map(likelihood_of_truth).sum::<f64>() / 400.0;
    let (inputs, workers) = (Inputs::Borrowed(&data), Workers::single());
    for negative_phase in [NegativePhase::Pcd, NegativePhase::Cd] {
        let config = TrainingConfig {
            negative_phase,
            negative_visible: NegativeVisible::Sampled,
            batch: 50,
            // To 0, so that the last updates average the noise of the chains away.
            learning_rate_decay: Decay::Linear,
            updates: Some(4_000),
            epochs: None,
            ..TrainingConfig::default()
        };
        let mut trainer = Trainer::new(&inputs, 4, &config, 1, 1);
        let likelihood = |rbm: &Rbm| rbm.log_likelihood(&workers, data.view()).expect("small");
        let before = likelihood(trainer.rbm());
        for _ in 0..4_000 {
            trainer.update(&workers, &inputs);
        }
        let after = likelihood(trainer.rbm());
        println!("{negative_phase:?}: {before} to {after}, the truth has {truth}");
        assert!(
            after > truth - 0.1 && before < truth - 0.5,
            "{before} {after} {truth}"
        );
    }
}
