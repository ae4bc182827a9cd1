use std::ops::ControlFlow;

use ndarray::{Array1, Axis};
use resrel_data::digits;

use super::*;
use crate::classifier::{matrix, numbers};

fn workers(threads: usize) -> Workers {
    Workers::new(threads).expect("threads")
}

fn small() -> VaeConfig {
    VaeConfig {
        latent: 4,
        hidden: 40,
        epochs: 6,
        batch: 50,
        learning_rate: 0.003,
        ..VaeConfig::default()
    }
}

fn learn_all(samples: &Samples, threads: usize) -> Vae {
    let go_on = &mut |_| ControlFlow::Continue(());
    let images = samples.values.view();
    let trained = Vae::train(images, &small(), 3, None, &workers(threads), go_on);
    trained.expect("possible").expect("not stopped")
}

/// The bound of every image by the textbook's formulas, in double precision.
fn by_hand(network: &Network, images: &Array2<f32>, noise: &Array2<f32>) -> Array1<f64> {
    let through = |layer: &Linear, values: &Array2<f64>| {
        let weights = layer.weight.val();
        let weights = matrix(weights.dims(), numbers(weights)).mapv(f64::from);
        let bias = numbers(layer.bias.as_ref().expect("bias").val());
        values.dot(&weights) + Array1::from(bias).mapv(f64::from)
    };
    let rectified = |values: Array2<f64>| values.mapv(|value| value.max(0.0));
    let images = images.mapv(f64::from);
    let hidden = rectified(through(&network.encoder, &images));
    let mean = through(&network.mean, &hidden);
    let variance = through(&network.log_variance, &hidden).mapv(f64::exp);
    let latent = &mean + &(variance.mapv(f64::sqrt) * noise.mapv(f64::from));
    let odds = through(
        &network.output,
        &rectified(through(&network.decoder, &latent)),
    );
    let probability = odds.mapv(|odds| 1.0 / (1.0 + (-odds).exp()));
    let cross_entropy = -(&images * &probability.mapv(f64::ln)
        + (1.0 - &images) * probability.mapv(|p| (1.0 - p).ln()));
    let divergence = 0.5 * (&mean * &mean + &variance - 1.0 - variance.mapv(f64::ln));
    cross_entropy.sum_axis(Axis(1)) + divergence.sum_axis(Axis(1))
}

#[test]
fn the_loss_is_the_negative_bound() {
    let samples = digits(30, 1, 0, &workers(1)).train;
    let device = Device::flex();
    let network = Network::new(samples.features(), &small(), 5, &device);
    let mut rng = Stream::new(1, Purpose::Networks, 9).rng(0);
    let noise = Array2::from_shape_simple_fn((30, 4), || rng.normal() as f32);
    let tensor = |values: &Array2<f32>| {
        let (rows, columns) = values.dim();
        let data = burn::tensor::TensorData::new(values.iter().copied().collect(), [rows, columns]);
        Tensor::<2>::from_data(data, &device)
    };
    let losses = numbers(network.losses(tensor(&samples.values), tensor(&noise)));
    let expected = by_hand(&network, &samples.values, &noise);
    for (loss, expected) in losses.iter().zip(&expected) {
        assert!(
            (f64::from(*loss) - expected).abs() < 1e-3 * expected,
            "{loss} {expected}"
        );
    }
}

#[test]
fn it_learns_the_same_on_any_number_of_threads() {
    let data = digits(800, 100, 0, &workers(1));
    let trained = learn_all(&data.train, 1);
    let loss = |epoch: &Epoch| epoch.validation_loss.expect("held out");
    let (first, last) = (&trained.history[0], &trained.history[5]);
    assert!(loss(last) < 0.9 * loss(first), "{:?}", trained.history);
    let test = data.test.as_ref().expect("digits have a test part");
    // The bound of other digits is about that of the held-out ones.
    let other = trained.loss(test, 1, &workers(1));
    assert!((other / loss(last) - 1.0).abs() < 0.15, "{other}");
    assert_eq!(
        trained.latent(test.values.view(), &workers(1)).dim(),
        (100, 4)
    );
    let images = trained.generate(20, 1, &workers(1));
    assert_eq!(images.dim(), (20, 784));
    assert!(images.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
    let again = learn_all(&data.train, 2);
    assert_eq!(again.generate(20, 1, &workers(2)), images);
}
