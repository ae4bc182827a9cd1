use std::ops::ControlFlow;

use resrel_data::digits;

use super::*;

fn workers(threads: usize) -> Workers {
    Workers::new(threads).expect("threads")
}

fn small(architecture: Architecture) -> FeedForwardConfig {
    FeedForwardConfig {
        architecture,
        hidden: 30,
        channels: [4, 8],
        epochs: 6,
        batch: 50,
        learning_rate: 0.003,
        ..FeedForwardConfig::default()
    }
}

fn learn_all(data: &Dataset, config: &FeedForwardConfig, threads: usize) -> FeedForward {
    let go_on = &mut |_| ControlFlow::Continue(());
    let trained = FeedForward::train(data, config, 3, None, &workers(threads), go_on);
    trained.expect("possible").expect("not stopped")
}

#[test]
fn both_kinds_learn_digits_and_the_same_on_any_number_of_threads() {
    let data = digits(1_500, 500, 0, &workers(1));
    let test = data.test.as_ref().expect("digits have a test part");
    for (architecture, activation) in [
        (Architecture::Mlp, Activation::Sigmoid),
        (Architecture::Mlp, Activation::Relu),
        (Architecture::Cnn, Activation::Sigmoid),
    ] {
        let config = FeedForwardConfig {
            activation,
            ..small(architecture)
        };
        let trained = learn_all(&data, &config, 1);
        let accuracy = trained.accuracy(test, &workers(1)).expect("labels");
        assert!(
            accuracy > 0.8,
            "{architecture:?} {activation:?}: {accuracy}"
        );
        let images = test.values.view();
        let hidden = trained.hidden(images, &workers(1));
        assert_eq!(hidden.dim(), (500, 30));
        let low = hidden.iter().copied().fold(f32::INFINITY, f32::min);
        assert!(low >= 0.0);
        let other = learn_all(&data, &config, 2);
        assert_eq!(other.hidden(images, &workers(2)), hidden);
        assert_eq!(other.history, trained.history);
    }
}

#[test]
fn a_stopped_training_goes_on_to_the_same_network() {
    let data = digits(400, 50, 0, &workers(1));
    let config = small(Architecture::Mlp);
    let whole = learn_all(&data, &config, 1);
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("checkpoint.safetensors");
    let mut words = 0;
    let stopped = FeedForward::train(&data, &config, 3, Some(&path), &workers(1), &mut |done| {
        words += 1;
        if done > 0.55 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(stopped.expect("possible").is_none());
    assert!(words > 1);
    let mut first = None;
    let resumed = FeedForward::train(&data, &config, 3, Some(&path), &workers(1), &mut |done| {
        first.get_or_insert(done);
        ControlFlow::Continue(())
    });
    let resumed = resumed.expect("possible").expect("not stopped");
    assert!(first.expect("told") >= 0.4, "{first:?}");
    assert_eq!(resumed.history, whole.history);
    let images = data.train.values.view();
    let hidden = |it: &FeedForward| it.hidden(images, &workers(1));
    assert_eq!(hidden(&resumed), hidden(&whole));
}

#[test]
fn training_stops_early_and_keeps_the_best() {
    let data = digits(240, 50, 0, &workers(1));
    let config = FeedForwardConfig {
        epochs: 60,
        patience: Some(2),
        learning_rate: 0.02,
        ..small(Architecture::Mlp)
    };
    let trained = learn_all(&data, &config, 1);
    let losses = trained.history.iter().map(|epoch| epoch.validation_loss);
    let losses: Vec<f64> = losses.map(|loss| loss.expect("held out")).collect();
    assert!(losses.len() < 60, "{losses:?}");
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses[losses.len() - 3].to_bits(), best.to_bits());
}

#[test]
fn impossible_wishes_are_refused() {
    let data = digits(20, 5, 0, &workers(1));
    let refused = |data: &Dataset, config: &FeedForwardConfig| {
        let go_on = &mut |_| ControlFlow::Continue(());
        let trained = FeedForward::train(data, config, 3, None, &workers(1), go_on);
        trained.expect_err("impossible").to_string()
    };
    let none = FeedForwardConfig {
        hidden: 0,
        ..FeedForwardConfig::default()
    };
    assert!(refused(&data, &none).contains("hidden = 0"));
    let narrow = Dataset {
        image_shape: Some((98, 8)),
        ..data.clone()
    };
    assert!(refused(&narrow, &small(Architecture::Cnn)).contains("12 × 12"));
    let mut unlabelled = data.clone();
    unlabelled.train.labels = None;
    assert!(refused(&unlabelled, &small(Architecture::Mlp)).contains("no labels"));
}
