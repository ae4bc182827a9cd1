//! How a classifier learns.

use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use ndarray::{Array1, Array2, Axis};
use resrel_data::{Dataset, Samples};
use resrel_kernels::{Purpose, Stream, StreamRng, Workers};

use crate::classifier::network::{Layer, Network};
use crate::classifier::{Classifier, ClassifierConfig};
use crate::{Error, Observer};

/// Without test data every so many-th observation is held out.
const HELD_OUT: usize = 6;

/// Streams of random numbers.
const WEIGHTS: u64 = 0;
const ORDER: u64 = 1;
const SHIFTS: u64 = 2;

pub(super) fn train(
    data: &Dataset,
    config: &ClassifierConfig,
    workers: &Workers,
    observer: &mut Observer,
) -> Result<Option<Classifier>, Error> {
    let (classes, targets) = targets(data)?;
    let test = data.test.as_ref().filter(|test| test.labels.is_some());
    let rows = 0..data.train.observations();
    let (learnt, held_out): (Vec<usize>, Vec<usize>) = match test {
        Some(_) => (rows.collect(), Vec::new()),
        None => rows.partition(|row| row % HELD_OUT != HELD_OUT - 1),
    };
    let lesson = Lesson {
        data: &data.train,
        rows: learnt,
        targets,
        shape: data.image_shape,
        config,
    };
    // On threads of ours, so that what the user asked for holds.
    let Some(layers) = workers.enter(|| lesson.learn(classes.len(), observer)) else {
        return Ok(None);
    };
    let mut classifier = Classifier {
        layers,
        classes,
        config: config.clone(),
        data: data.name.clone(),
        test_error: 0.0,
    };
    classifier.test_error = if let Some(Samples {
        values,
        labels: Some(labels),
    }) = test
    {
        classifier.error(values.view(), labels)?
    } else {
        let images = data.train.values.select(Axis(0), &held_out);
        let labels = data.train.labels.as_deref().unwrap_or_default();
        let labels: Vec<u32> = held_out.iter().map(|row| labels[*row]).collect();
        classifier.error(images.view(), &labels)?
    };
    Ok(Some(classifier))
}

/// The labels of the training data, ascending, and for every row the number of its label.
pub(crate) fn targets(data: &Dataset) -> Result<(Vec<u32>, Vec<u32>), Error> {
    let wrong = |problem: &str| Error::Data {
        data: data.name.clone(),
        problem: problem.into(),
    };
    let labels = data.train.labels.as_deref();
    let labels = labels.ok_or_else(|| {
        wrong("has no labels, without which nothing can be classified; give some")
    })?;
    let mut classes = labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    if classes.len() < 2 {
        return Err(wrong(
            "has one label alone: a classifier needs two at least",
        ));
    }
    let number = |label: &u32| classes.partition_point(|class| class < label) as u32;
    let targets = labels.iter().map(number).collect();
    Ok((classes, targets))
}

/// What is learnt, and how.
struct Lesson<'a> {
    data: &'a Samples,
    /// Rows of the data.
    rows: Vec<usize>,
    /// For every row of the data the number of its class.
    targets: Vec<u32>,
    shape: Option<(usize, usize)>,
    config: &'a ClassifierConfig,
}

impl Lesson<'_> {
    /// `None` if `observer` stopped it.
    fn learn(&self, classes: usize, observer: &mut Observer) -> Option<Vec<Layer>> {
        let ClassifierConfig {
            epochs,
            batch,
            learning_rate,
            seed,
            ..
        } = *self.config;
        let device = Device::flex().autodiff();
        let mut network = Network::new(&self.start(classes), &device);
        let mut adam = AdamConfig::new().init();
        let loss = CrossEntropyLossConfig::new().init(&device);
        let updates = epochs * self.rows.len().div_ceil(batch);
        let mut update = 0_usize;
        for epoch in 0..epochs {
            let mut order = self.rows.clone();
            let mut rng = Stream::new(seed, Purpose::Classifier, ORDER).rng(epoch as u64);
            for place in (1..order.len()).rev() {
                order.swap(place, rng.below(place as u32 + 1) as usize);
            }
            let mut shifts = Stream::new(seed, Purpose::Classifier, SHIFTS).rng(epoch as u64);
            for rows in order.chunks(batch) {
                if observer(update as f64 / updates as f64).is_break() {
                    return None;
                }
                let rate = learning_rate * (1.0 - update as f64 / updates as f64);
                let (images, targets) = self.batch(rows, &mut shifts, &device);
                let (scores, _) = network.forward(images);
                let gradients = loss.forward(scores, targets).backward();
                let gradients = GradientsParams::from_grads(gradients, &network);
                network = adam.step(rate, network, gradients);
                update += 1;
            }
        }
        Some(network.layers())
    }

    /// Normal weights of variance 2/inputs (K. He, X. Zhang, S. Ren, J. Sun, ICCV 2015), biases 0.
    fn start(&self, classes: usize) -> Vec<Layer> {
        let mut sizes = vec![self.data.features()];
        sizes.extend(&self.config.hidden);
        sizes.push(classes);
        let mut rng = Stream::new(self.config.seed, Purpose::Classifier, WEIGHTS).rng(0);
        let layer = |pair: &[usize]| {
            let scale = (2.0 / pair[0] as f64).sqrt();
            let weight = || (scale * rng.normal()) as f32;
            Layer {
                weights: Array2::from_shape_simple_fn((pair[0], pair[1]), weight),
                bias: Array1::zeros(pair[1]),
            }
        };
        sizes.windows(2).map(layer).collect()
    }

    fn batch(
        &self,
        rows: &[usize],
        shifts: &mut StreamRng,
        device: &Device,
    ) -> (Tensor<2>, Tensor<1, Int>) {
        let features = self.data.features();
        let mut images = Vec::with_capacity(rows.len() * features);
        for row in rows {
            let image = self.data.values.row(*row);
            let image = image.as_slice().unwrap_or_default();
            let start = images.len();
            images.resize(start + features, 0.0);
            let most = self.config.shift as u32;
            let mut shift =
                || most.cast_signed() as isize - shifts.below(2 * most + 1).cast_signed() as isize;
            match self.shape {
                Some(shape) => moved(image, shape, (shift(), shift()), &mut images[start..]),
                None => images[start..].copy_from_slice(image),
            }
        }
        let targets: Vec<i64> = rows
            .iter()
            .map(|row| i64::from(self.targets[*row]))
            .collect();
        let images = TensorData::new(images, [rows.len(), features]);
        let targets = TensorData::new(targets, [rows.len()]);
        (
            Tensor::from_data(images, device),
            Tensor::from_data(targets, device),
        )
    }
}

/// Writes `image` moved down and right by so many pixels; what comes in from outside is 0.
fn moved(
    image: &[f32],
    (height, width): (usize, usize),
    (down, right): (isize, isize),
    out: &mut [f32],
) {
    let inside = |place: usize, by: isize, size: usize| {
        place.checked_add_signed(-by).filter(|from| *from < size)
    };
    for (row, out) in out.chunks_mut(width.max(1)).enumerate() {
        let Some(from_row) = inside(row, down, height) else {
            continue;
        };
        for (column, pixel) in out.iter_mut().enumerate() {
            if let Some(from_column) = inside(column, right, width) {
                *pixel = image[from_row * width + from_column];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_move_and_lose_what_leaves() {
        let image = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let by = |down, right| {
            let mut out = [0.0_f32; 6];
            moved(&image, (2, 3), (down, right), &mut out);
            out.map(|pixel| pixel as u8)
        };
        assert_eq!(by(0, 0), [1, 2, 3, 4, 5, 6]);
        assert_eq!(by(1, 0), [0, 0, 0, 1, 2, 3]);
        assert_eq!(by(-1, 1), [0, 4, 5, 0, 0, 0]);
        assert_eq!(by(0, -2), [3, 0, 0, 6, 0, 0]);
        assert_eq!(by(2, 0), [0; 6]);
    }
}
