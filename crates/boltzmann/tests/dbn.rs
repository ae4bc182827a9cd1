//! Whole networks: threads, interruption, damaged files, divergence.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use ndarray::Array2;
use resrel_boltzmann::{
    Dbn, DbnConfig, DbnTrainer, Error, Event, Inputs, NextInput, TrainedDbn, TrainingConfig,
    remove_checkpoint,
};
use resrel_kernels::{Purpose, Stream, Workers};

fn data(rows: usize, columns: usize) -> Array2<f32> {
    let mut rng = Stream::new(5, Purpose::Digits, 0).rng(0);
    // Two kinds of observation, noisy, so that there is something to learn.
    Array2::from_shape_fn((rows, columns), |(row, column)| {
        let on = (row % 2 == 0) == (column < columns / 2);
        (rng.uniform() * if on { 1.0 } else { 0.2 }) as f32
    })
}

fn config(layers: &[usize], updates: u64) -> DbnConfig {
    DbnConfig {
        layers: layers.to_vec(),
        next_input: NextInput::Sampled,
        training: TrainingConfig {
            batch: 20,
            epochs: None,
            updates: Some(updates),
            ..TrainingConfig::default()
        },
    }
}

fn train(config: &DbnConfig, data: &Array2<f32>, threads: usize) -> TrainedDbn {
    let workers = Workers::new(threads).expect("threads");
    let trainer = DbnTrainer::new(config, 7).expect("valid");
    let go_on = &mut |_: &Event| ControlFlow::Continue(());
    let inputs = Inputs::Borrowed(data);
    trainer
        .run(&workers, &inputs, Some(&inputs), None, go_on)
        .expect("trains")
        .expect("ends")
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() {
    let data = data(300, 400);
    for next_input in [NextInput::Sampled, NextInput::Mean, NextInput::Binarised] {
        let mut config = config(&[400, 300, 40, 10], 30);
        config.next_input = next_input;
        config.training.batch = 50;
        let one = train(&config, &data, 1);
        for threads in [2, 3] {
            let more = train(&config, &data, threads);
            assert_eq!(one.dbn, more.dbn);
            assert_eq!(one.monitoring, more.monitoring);
            let states = |trained: &TrainedDbn, threads| {
                let workers = Workers::new(threads).expect("threads");
                trained
                    .dbn
                    .states(&workers, &Inputs::Borrowed(&data))
                    .expect("fits")
            };
            assert_eq!(states(&one, 1), states(&more, threads));
        }
    }
}

#[test]
fn training_lowers_the_reconstruction_error_and_is_monitored_once_a_pass() {
    let trained = train(&config(&[20, 12, 6], 205), &data(200, 20), 1);
    for layer in &trained.monitoring {
        // Ten updates a pass, and a last look within the 21st.
        assert_eq!(layer.len(), 21);
        assert!(layer[20].reconstruction_error < layer[0].reconstruction_error);
        let gap = layer[20]
            .free_energy_gap
            .expect("validation data were given");
        assert!(
            gap.abs() < 1.0,
            "the validation data are the training data: {gap}"
        );
        assert!((layer[20].epoch - 20.5).abs() < 1e-9);
    }
    assert!(
        trained
            .seconds_per_pass
            .iter()
            .all(|seconds| *seconds > 0.0)
    );
}

/// Trains until `stop` events have come, then once more from the checkpoint to the end.
fn interrupted(config: &DbnConfig, data: &Array2<f32>, path: &Path, stop: usize) -> Dbn {
    let (workers, inputs) = (Workers::single(), Inputs::Borrowed(data));
    let mut epochs = 0;
    let stopped = DbnTrainer::new(config, 7)
        .expect("valid")
        .run(&workers, &inputs, Some(&inputs), Some(path), &mut |event| {
            epochs += usize::from(matches!(event, Event::Epoch { .. }));
            if epochs > stop {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .expect("trains");
    assert!(stopped.is_none());
    let (trainer, warning) = DbnTrainer::resume(path, config, 7)
        .expect("whole")
        .expect("a checkpoint");
    assert!(warning.is_none());
    let go_on = &mut |_: &Event| ControlFlow::Continue(());
    let trained = trainer.run(&workers, &inputs, Some(&inputs), Some(path), go_on);
    trained.expect("trains").expect("ends").dbn
}

#[test]
fn an_interrupted_run_ends_like_an_uninterrupted_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.checkpoint");
    let data = data(200, 20);
    for momentum in [0.0, 0.5] {
        let mut config = config(&[20, 12, 6, 3], 95);
        config.training.momentum = momentum;
        let whole = train(&config, &data, 1);
        for stop in [0, 4, 12, 25] {
            assert_eq!(
                interrupted(&config, &data, &path, stop),
                whole.dbn,
                "stop {stop}"
            );
            remove_checkpoint(&path).expect("removed");
            assert!(!path.exists());
        }
    }
}

#[test]
fn a_damaged_checkpoint_is_known_and_the_one_before_it_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.checkpoint");
    let (data, config) = (data(200, 20), config(&[20, 12, 6], 95));
    let (workers, inputs) = (Workers::single(), Inputs::Borrowed(&data));
    let whole = train(&config, &data, 1);
    interrupted(&config, &data, &path, 2);
    // A second interruption makes the first checkpoint the previous one.
    let (trainer, _) = DbnTrainer::resume(&path, &config, 7)
        .expect("whole")
        .expect("there");
    let mut epochs = 0;
    let stop = &mut |event: &Event| {
        epochs += usize::from(matches!(event, Event::Epoch { .. }));
        if epochs > 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    trainer
        .run(&workers, &inputs, Some(&inputs), Some(&path), stop)
        .expect("trains");
    let bytes = fs::read(&path).expect("readable");
    let mut altered = bytes.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    let previous = folder.path().join("run.checkpoint.previous");
    let older = fs::read(&previous).expect("readable");
    for damaged in [&bytes[..bytes.len() - 10], &bytes[..5], &[][..], &altered] {
        fs::write(&path, damaged).expect("writable");
        fs::write(&previous, &older).expect("writable");
        let (trainer, warning) = DbnTrainer::resume(&path, &config, 7)
            .expect("the one before")
            .expect("there");
        let warning = warning.expect("the damage is told").to_string();
        assert!(
            warning.contains("run.checkpoint") && warning.contains("damaged"),
            "{warning}"
        );
        // The whole one has taken the damaged one's place: the next save moves it, not the damage.
        assert!(!previous.exists() && fs::read(&path).expect("readable") == older);
        let go_on = &mut |_: &Event| ControlFlow::Continue(());
        let trained = trainer.run(&workers, &inputs, Some(&inputs), None, go_on);
        assert_eq!(trained.expect("trains").expect("ends").dbn, whole.dbn);
    }
    fs::write(&path, &altered).expect("writable");
    fs::write(&previous, b"rubbish").expect("writable");
    let error = DbnTrainer::resume(&path, &config, 7).expect_err("both are damaged");
    assert!(error.to_string().contains("damaged"), "{error}");
    let other = DbnConfig {
        next_input: NextInput::Mean,
        ..config.clone()
    };
    fs::write(&path, &bytes).expect("writable");
    let error = DbnTrainer::resume(&path, &other, 7).expect_err("another configuration");
    assert!(
        error.to_string().contains("another configuration"),
        "{error}"
    );
    let mut mirrored = data.clone();
    mirrored.invert_axis(ndarray::Axis(1));
    let (trainer, _) = DbnTrainer::resume(&path, &config, 7)
        .expect("whole")
        .expect("there");
    let go_on = &mut |_: &Event| ControlFlow::Continue(());
    let error = trainer
        .run(&workers, &Inputs::Borrowed(&mirrored), None, None, go_on)
        .expect_err("other data");
    assert!(error.to_string().contains("other data"), "{error}");
}

#[test]
fn models_survive_a_file_and_rubbish_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let mut dbn = train(&config(&[20, 12, 6], 30), &data(100, 20), 1).dbn;
    dbn.data = "two kinds".into();
    dbn.save(&path).expect("saved");
    assert_eq!(Dbn::load(&path).expect("loaded"), dbn);
    let first = fs::read(&path).expect("readable");
    dbn.save(&path).expect("saved again");
    assert_eq!(
        first,
        fs::read(&path).expect("readable"),
        "the same network is the same file"
    );
    let tensors = safetensors::SafeTensors::deserialize(&first).expect("plain safetensors");
    assert_eq!(
        tensors.tensor("H2.weights").expect("named").shape(),
        [12, 6]
    );
    for rubbish in [&b""[..], b"rubbish", &first[..first.len() / 2], &[255; 64]] {
        fs::write(&path, rubbish).expect("writable");
        let message = Dbn::load(&path).expect_err("rubbish").to_string();
        assert!(
            message.contains("model.safetensors") && !message.contains('\n'),
            "{message}"
        );
    }
    assert!(matches!(
        Dbn::load(&folder.path().join("none")),
        Err(Error::File { .. })
    ));
    let nowhere = folder.path().join("no/such/folder.safetensors");
    assert!(matches!(dbn.save(&nowhere), Err(Error::File { .. })));
}

#[test]
fn runaway_parameters_stop_the_run_with_layer_and_epoch() {
    let mut config = config(&[20, 12, 6], 95);
    config.training.learning_rate = 1e9;
    let (data, workers) = (data(200, 20), Workers::single());
    let trainer = DbnTrainer::new(&config, 7).expect("valid");
    let go_on = &mut |_: &Event| ControlFlow::Continue(());
    let error = trainer
        .run(&workers, &Inputs::Borrowed(&data), None, None, go_on)
        .expect_err("diverges")
        .to_string();
    assert!(
        error.contains("layer H1 diverged in epoch 10") && error.contains("learning_rate"),
        "{error}"
    );
}

#[test]
fn constant_features_never_drift() {
    let mut data = data(200, 20);
    data.column_mut(0).fill(0.0);
    data.column_mut(1).fill(1.0);
    let trained = train(&config(&[20, 12], 5_000), &data, 1);
    let rbm = &trained.dbn.machines[0];
    assert!(rbm.largest_parameter() < 50.0);
}

#[test]
fn data_that_do_not_fit_are_refused() {
    let (workers, go_on) = (
        Workers::single(),
        &mut |_: &Event| ControlFlow::Continue(()),
    );
    for (rows, columns) in [(0, 20), (10, 21)] {
        let data = Array2::zeros((rows, columns));
        let trainer = DbnTrainer::new(&config(&[20, 12], 5), 7).expect("valid");
        trainer
            .run(&workers, &Inputs::Borrowed(&data), None, None, go_on)
            .expect_err("does not fit");
    }
    let data = Array2::zeros((10, 20));
    let dbn = Dbn::untrained(&Inputs::Borrowed(&data), &config(&[20, 12, 6], 5), 7).expect("valid");
    let error = dbn
        .states(&workers, &Inputs::Borrowed(&Array2::zeros((10, 21))))
        .expect_err("21");
    assert!(error.to_string().contains("21 features"), "{error}");
}
