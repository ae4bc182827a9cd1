//! Generated samples: exact distributions of machines that can be enumerated, and runs that go on.

use std::ops::{ControlFlow, Range};

use ndarray::{Array1, Array2, array, s};
use resrel_boltzmann::{Chains, Dbn, DbnConfig, Downward, Error, Event, Rbm, SamplingConfig};
use resrel_kernels::{Purpose, Stream, Workers};

fn machine(visible: usize, hidden: usize, scale: f64, seed: u64) -> Rbm {
    let mut rng = Stream::new(seed, Purpose::Weights, 0).rng(0);
    let mut normal = || (scale * rng.normal()) as f32;
    Rbm {
        weights: Array2::from_shape_simple_fn((visible, hidden), &mut normal),
        visible_bias: Array1::from_shape_simple_fn(visible, &mut normal),
        hidden_bias: Array1::from_shape_simple_fn(hidden, &mut normal),
    }
}

fn network(machines: Vec<Rbm>) -> Dbn {
    let mut layers = vec![machines[0].visible()];
    layers.extend(machines.iter().map(Rbm::hidden));
    Dbn {
        machines,
        config: DbnConfig {
            layers,
            ..DbnConfig::default()
        },
        seed: 1,
        data: "made up".into(),
    }
}

fn config(layer: usize, samples: usize, steps: u64) -> SamplingConfig {
    SamplingConfig {
        layer,
        samples,
        steps,
        downward: Downward::Sampled,
        replicas: 1,
    }
}

fn all(chains: &Chains) -> Range<usize> {
    0..chains.config().samples
}

fn bits(state: usize, units: usize) -> Vec<f32> {
    (0..units).map(|unit| (state >> unit & 1) as f32).collect()
}

/// P(h) of every hidden state, the visible units summed out exactly.
fn hidden_distribution(rbm: &Rbm) -> Vec<f64> {
    let flipped = Rbm {
        weights: rbm.weights.t().to_owned(),
        visible_bias: rbm.hidden_bias.clone(),
        hidden_bias: rbm.visible_bias.clone(),
    };
    let states = 1 << rbm.hidden();
    let rows = Array2::from_shape_fn((states, rbm.hidden()), |(state, unit)| {
        (state >> unit & 1) as f32
    });
    let free = flipped.free_energy(&Workers::single(), rows.view());
    let weights: Vec<f64> = free.iter().map(|free| (-free).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

/// Pearson's χ² of counts against probabilities, in standard deviations from its mean.
fn deviation(counts: &[usize], probabilities: &[f64]) -> f64 {
    let total: usize = counts.iter().sum();
    let square: f64 = counts
        .iter()
        .zip(probabilities)
        .map(|(count, p)| {
            let expected = p * total as f64;
            assert!(expected > 5.0, "too few expected for χ²");
            (*count as f64 - expected).powi(2) / expected
        })
        .sum();
    let freedom = (counts.len() - 1) as f64;
    (square - freedom) / (2.0 * freedom).sqrt()
}

fn states(chains: &Chains) -> Vec<usize> {
    let layer = chains.layer();
    (0..layer.rows())
        .map(|row| layer.row(row)[0] as usize)
        .collect()
}

/// The chains' distribution after many steps is e^(−E)/Z: by tables (few inputs) and by rows of flipped
/// units (more than 64 visible ones).
#[test]
fn chains_reach_the_exact_distribution() {
    for (visible, scale) in [(7, 0.8), (90, 0.25)] {
        let rbm = machine(visible, 4, scale, 3);
        let exact = hidden_distribution(&rbm);
        let dbn = network(vec![rbm]);
        let mut chains = Chains::random(&dbn, &config(1, 30_000, 60), 5).expect("valid");
        let workers = Workers::new(2).expect("threads");
        let finished = chains.run(
            &workers,
            200,
            &dbn,
            None,
            &mut |_| ControlFlow::Continue(()),
        );
        assert!(finished.expect("no file"));
        let mut counts = vec![0; 16];
        for state in states(&chains) {
            counts[state] += 1;
        }
        let deviation = deviation(&counts, &exact);
        assert!(
            deviation < 4.0,
            "{visible} visible units: {deviation}, {counts:?} {exact:?}"
        );
    }
}

#[test]
fn energies_have_the_exact_mean() {
    let rbm = machine(6, 5, 0.9, 4);
    let dbn = network(vec![rbm.clone()]);
    // ⟨E⟩ over all 2¹¹ joint states.
    let (mut total, mut mean, mut square) = (0.0, 0.0, 0.0);
    for v in 0..64 {
        for h in 0..32 {
            let energy = rbm.energy(&bits(v, 6), &bits(h, 5));
            let weight = (-energy).exp();
            total += weight;
            mean += weight * energy;
            square += weight * energy * energy;
        }
    }
    let (mean, square) = (mean / total, square / total);
    let samples = 20_000;
    let mut chains = Chains::random(&dbn, &config(1, samples, 100), 6).expect("valid");
    let workers = Workers::single();
    let finished = chains.run(
        &workers,
        100,
        &dbn,
        None,
        &mut |_| ControlFlow::Continue(()),
    );
    assert!(finished.expect("no file"));
    let energies = chains.energies();
    assert_eq!(
        (
            energies.every,
            energies.groups.len(),
            energies.groups[0].len()
        ),
        (1, 16, 100)
    );
    let last: f64 = energies.groups.iter().map(|group| group[99]).sum::<f64>() / 16.0;
    let error = ((square - mean * mean) / samples as f64).sqrt();
    assert!(
        (last - mean).abs() < 4.0 * error,
        "{last} for {mean} ± {error}"
    );
}

/// With units held the others follow P(v, h | held).
#[test]
fn held_units_stay_and_the_rest_follows_them() {
    let rbm = machine(6, 4, 0.9, 7);
    let dbn = network(vec![rbm.clone()]);
    let held = [true, false, true, false, false, true];
    let image = array![[1.0, 0.0, 0.0, 0.0, 0.0, 1.0]];
    let mut weights = [0.0; 8];
    for v in (0..64).filter(|v| v & 0b10_0101 == 0b10_0001) {
        let free = (v >> 1 & 1) | (v >> 2 & 0b110);
        for h in 0..16 {
            weights[free] += (-rbm.energy(&bits(v, 6), &bits(h, 4))).exp();
        }
    }
    let total: f64 = weights.iter().sum();
    let exact: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
    let mut chains = Chains::random(&dbn, &config(1, 50_000, 100), 8).expect("valid");
    chains.clamp(&held, image.view()).expect("fits");
    let workers = Workers::single();
    let finished = chains.run(
        &workers,
        100,
        &dbn,
        None,
        &mut |_| ControlFlow::Continue(()),
    );
    assert!(finished.expect("no file"));
    let mut counts = vec![0; 8];
    for row in 0..50_000 {
        let v = chains.below().row(row)[0] as usize;
        assert_eq!(v & 0b10_0101, 0b10_0001, "what is held stays");
        counts[(v >> 1 & 1) | (v >> 2 & 0b110)] += 1;
    }
    let deviation = deviation(&counts, &exact);
    assert!(deviation < 4.0, "{deviation}: {counts:?} {exact:?}");
    let images = chains.images(&dbn, &workers, all(&chains));
    for row in images.outer_iter() {
        assert_eq!(
            [0, 2, 5].map(|unit| row[unit].to_bits()),
            [1.0, 0.0, 1.0].map(f32::to_bits)
        );
        assert!(row[1] > 0.0 && row[1] < 1.0, "the rest are means");
    }
}

/// Means over the images of a two-layer network against full enumeration: P(h1) from the top machine,
/// then P(v | h1).
#[test]
fn images_have_the_exact_means() {
    let dbn = network(vec![machine(8, 5, 0.8, 11), machine(5, 4, 0.8, 12)]);
    let (bottom, top) = (&dbn.machines[0], &dbn.machines[1]);
    let mut exact = Array1::<f64>::zeros(8);
    let mut total = 0.0;
    for h1 in 0..32 {
        let h1 = bits(h1, 5);
        let weight: f64 = (0..16)
            .map(|h2| (-top.energy(&h1, &bits(h2, 4))).exp())
            .sum();
        let field = bottom.weights.dot(&Array1::from(h1)) + &bottom.visible_bias;
        exact += &field.mapv(|x| weight / (1.0 + f64::from(-x).exp()));
        total += weight;
    }
    exact /= total;
    let samples = 60_000;
    let mut chains = Chains::random(&dbn, &config(2, samples, 60), 2).expect("valid");
    let workers = Workers::new(2).expect("threads");
    let finished = chains.run(&workers, 60, &dbn, None, &mut |_| ControlFlow::Continue(()));
    assert!(finished.expect("no file"));
    let images = chains.images(&dbn, &workers, all(&chains));
    assert_eq!(
        images,
        chains.images(&dbn, &Workers::single(), all(&chains))
    );
    let part = chains.images(&dbn, &workers, 777..2_345);
    assert_eq!(images.slice(s![777..2_345, ..]), part);
    for (unit, exact) in exact.iter().enumerate() {
        let mean = images.column(unit).mapv(f64::from).mean().expect("samples");
        assert!(
            (mean - exact).abs() < 4.0 * 0.5 / (samples as f64).sqrt(),
            "{mean} {exact}"
        );
    }
}

/// Mean field: σ applied twice to the last states of the layer.
#[test]
fn mean_field_goes_down_without_chance() {
    let dbn = network(vec![machine(8, 5, 0.8, 11), machine(5, 4, 0.8, 12)]);
    let config = SamplingConfig {
        downward: Downward::MeanField,
        ..config(2, 70, 3)
    };
    let workers = Workers::single();
    let mut chains = Chains::random(&dbn, &config, 2).expect("valid");
    let finished = chains.run(&workers, 3, &dbn, None, &mut |_| ControlFlow::Continue(()));
    assert!(finished.expect("no file"));
    let images = chains.images(&dbn, &workers, all(&chains));
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    for (row, state) in states(&chains).into_iter().enumerate() {
        let top = Array1::from(bits(state, 4));
        let below =
            (dbn.machines[1].weights.dot(&top) + &dbn.machines[1].visible_bias).mapv(sigmoid);
        let image =
            (dbn.machines[0].weights.dot(&below) + &dbn.machines[0].visible_bias).mapv(sigmoid);
        for (got, want) in images.row(row).iter().zip(&image) {
            assert!((got - want).abs() < 1e-5);
        }
    }
}

#[test]
fn chains_start_from_images() {
    // Strong weights: each hidden unit copies a pixel.
    let rbm = Rbm {
        weights: 200.0_f32 * Array2::<f32>::eye(3),
        visible_bias: Array1::from_elem(3, -100.0),
        hidden_bias: Array1::from_elem(3, -100.0),
    };
    let dbn = network(vec![rbm.clone(), rbm]);
    let images = array![[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]];
    let workers = Workers::single();
    let chains = Chains::from_images(&dbn, &config(2, 5, 1), 1, images.view(), &workers);
    assert_eq!(
        states(&chains.expect("fit")),
        [0b101, 0b110, 0b101, 0b110, 0b101]
    );
    let wrong = Array2::zeros((1, 4));
    let error = Chains::from_images(&dbn, &config(2, 5, 1), 1, wrong.view(), &workers);
    assert!(matches!(
        error,
        Err(Error::Features {
            found: 4,
            expected: 3
        })
    ));
}

#[test]
fn a_run_that_was_stopped_goes_on_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("run.safetensors");
    let dbn = network(vec![machine(90, 20, 0.3, 1), machine(20, 10, 0.5, 2)]);
    let config = config(1, 1_000, 450);
    let workers = Workers::single();
    let fresh = || Chains::random(&dbn, &config, 3).expect("valid");
    let mut whole = fresh();
    let finished = whole.run(
        &workers,
        450,
        &dbn,
        None,
        &mut |_| ControlFlow::Continue(()),
    );
    assert!(finished.expect("no file"));
    // Stopped at every second event, between tiles and between stretches.
    let two = Workers::new(2).expect("threads");
    let mut stops = 0;
    let chains = loop {
        let mut chains = fresh();
        assert_eq!(chains.resume(&path, &dbn).expect("whole"), stops > 0);
        let mut events = 0;
        let mut observer = |event: &Event| {
            events += u32::from(matches!(event, Event::Sampled { .. }));
            if events == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        if chains
            .run(&two, 450, &dbn, Some(&path), &mut observer)
            .expect("saved")
        {
            break chains;
        }
        stops += 1;
    };
    assert!(stops > 2, "{stops}");
    assert_eq!(chains.layer(), whole.layer());
    assert_eq!(chains.below(), whole.below());
    assert_eq!(chains.energies(), whole.energies());
    assert_eq!(
        chains.images(&dbn, &two, all(&chains)),
        whole.images(&dbn, &workers, all(&whole))
    );

    // Another seed, another network, damage: refused in words.
    let refused = |mut chains: Chains, dbn: &Dbn| {
        let error = chains.resume(&path, dbn).expect_err("refused");
        assert!(matches!(error, Error::Format { .. }), "{error}");
        error.to_string()
    };
    let other = Chains::random(&dbn, &config, 4).expect("valid");
    assert!(refused(other, &dbn).contains("another network, start, seed"));
    let mut changed = dbn.clone();
    changed.machines[0].weights[[0, 0]] += 1.0;
    assert!(refused(fresh(), &changed).contains("another network, start, seed"));
    let bytes = std::fs::read(&path).expect("there");
    for place in (0..bytes.len()).step_by(997) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x20;
        std::fs::write(&path, damaged).expect("written");
        assert!(refused(fresh(), &dbn).contains("delete it"));
    }
    std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
    assert!(refused(fresh(), &dbn).contains("damaged"));
}

#[test]
fn what_cannot_be_sampled_is_refused() {
    let dbn = network(vec![machine(3, 2, 1.0, 1), machine(2, 2, 1.0, 1)]);
    for (config, option) in [
        (config(0, 1, 1), "layer is 0"),
        (config(3, 1, 1), "layer is 3"),
        (config(1, 0, 1), "samples is 0"),
        (config(1, 1, 0), "steps is 0"),
    ] {
        let error = Chains::random(&dbn, &config, 1)
            .expect_err("refused")
            .to_string();
        assert!(error.starts_with(option), "{error}");
    }
    let mut chains = Chains::random(&dbn, &config(2, 1, 1), 1).expect("valid");
    let image = Array2::zeros((1, 2));
    let error = chains
        .clamp(&[true, false], image.view())
        .expect_err("refused");
    assert!(
        error.to_string().contains("visible units are held"),
        "{error}"
    );
    let mut chains = Chains::random(&dbn, &config(1, 1, 1), 1).expect("valid");
    assert!(matches!(
        chains.clamp(&[true], image.view()),
        Err(Error::Features { found: 1, .. })
    ));
}

/// Two modes, all units off or all on, with a barrier of e⁻²⁴ between them; the second holds e^.8 times as
/// much as the first.
fn two_modes() -> Rbm {
    let (visible, hidden, weight) = (8, 4, 3.0_f32);
    Rbm {
        weights: Array2::from_elem((visible, hidden), weight),
        visible_bias: Array1::from_elem(visible, 0.1 - weight * hidden as f32 / 2.0),
        hidden_bias: Array1::from_elem(hidden, -weight * visible as f32 / 2.0),
    }
}

/// How far the fraction of chains in the second mode is from `exact`, in standard deviations.
fn off(chains: &Chains, exact: f64) -> f64 {
    let on = |row: usize| chains.layer().row(row)[0].count_ones() > 2;
    let count = all(chains).filter(|row| on(*row)).count() as f64;
    let samples = all(chains).len() as f64;
    (count / samples - exact) / (exact * (1.0 - exact) / samples).sqrt()
}

#[test]
fn tempering_crosses_between_modes_where_plain_sampling_sticks() {
    let dbn = network(vec![two_modes()]);
    let all = hidden_distribution(&dbn.machines[0]);
    let second = |state: &usize| state.count_ones() > 2;
    let exact: f64 = (0..16).filter(second).map(|state| all[state]).sum();
    assert!((0.65..0.75).contains(&exact), "{exact}");
    let workers = Workers::new(2).expect("threads");
    let sampled = |replicas: usize| {
        let config = SamplingConfig {
            replicas,
            ..config(1, 4_000, 1_000)
        };
        let mut chains = Chains::random(&dbn, &config, 5).expect("valid");
        let go_on = &mut |_: &Event| ControlFlow::Continue(());
        assert!(
            chains
                .run(&workers, 1_000, &dbn, None, go_on)
                .expect("no file")
        );
        chains
    };
    // About half of the random starts are nearer to each mode, and stay there.
    let plain = sampled(1);
    assert!(off(&plain, exact) < -10.0, "{}", off(&plain, exact));
    let tempered = sampled(8);
    let off = off(&tempered, exact);
    assert!(off.abs() < 4.0, "{off}");
    let rates = tempered.swap_rates();
    assert_eq!(rates.len(), 7);
    let rates: Vec<f64> = rates.into_iter().map(|rate| rate.expect("swaps")).collect();
    assert!(
        rates.iter().all(|rate| (0.1..1.0).contains(rate)),
        "{rates:?}"
    );
    assert!(plain.swap_rates().is_empty());
}

#[test]
fn a_tempered_run_goes_on_where_it_was() {
    let dbn = network(vec![machine(9, 6, 0.8, 3)]);
    let config = SamplingConfig {
        replicas: 4,
        ..config(1, 150, 57)
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("chains");
    let go_on = &mut |_: &Event| ControlFlow::Continue(());
    let whole = |threads: usize| {
        let workers = Workers::new(threads).expect("threads");
        let mut chains = Chains::random(&dbn, &config, 5).expect("valid");
        assert!(
            chains
                .run(&workers, 57, &dbn, None, &mut |_: &Event| {
                    ControlFlow::Continue(())
                })
                .expect("no file")
        );
        chains
    };
    let expected = whole(1);
    let workers = Workers::single();
    for until in [7, 10, 33] {
        let mut chains = Chains::random(&dbn, &config, 5).expect("valid");
        assert!(
            chains
                .run(&workers, until, &dbn, None, go_on)
                .expect("no file")
        );
        chains.save(&path, &dbn).expect("writable");
        let mut chains = Chains::random(&dbn, &config, 5).expect("valid");
        assert!(chains.resume(&path, &dbn).expect("readable"));
        assert!(
            chains
                .run(&workers, 57, &dbn, None, go_on)
                .expect("no file")
        );
        assert_eq!(chains.layer(), expected.layer());
        assert_eq!(chains.below(), expected.below());
        assert_eq!(chains.swap_rates(), expected.swap_rates());
    }
    let threaded = whole(3);
    assert_eq!(
        (threaded.layer(), threaded.below()),
        (expected.layer(), expected.below())
    );
}
