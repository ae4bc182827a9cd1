//! How good generated samples are, by their labels, and beside the data.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use resrel_data::Dataset;
use resrel_kernels::Workers;
use resrel_measure::Generation;
use resrel_networks::{Classifier, PrecisionRecall, near_copies};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Samples that are drawn and labelled together: bounds the memory.
const CHUNK: usize = 5_000;
/// Samples, and observations, that are compared with each other; the first ones.
const COMPARED: usize = 5_000;
/// A label is confident where the classifier gives it at least this probability.
const CONFIDENT: f32 = 0.9;

/// What is known of samples. A number that needs what is not there (labels, a classifier, held-out data)
/// is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Quality {
    /// Their labels against the data's.
    #[serde(flatten)]
    pub labels: Option<Generation>,
    /// Fraction of the samples to whose label the classifier gives a probability of at least 0.9.
    pub confident: Option<f64>,
    /// Fraction of samples among the data, in the classifier's features: [`PrecisionRecall`].
    pub precision: Option<f64>,
    /// Fraction of the data among samples.
    pub recall: Option<f64>,
    /// Fraction of samples that are nearer to a training observation than all but 1 % of held-out ones:
    /// [`near_copies`].
    pub near_copies: Option<f64>,
    /// Test error of the classifier.
    pub judge_error: Option<f64>,
}

/// Who labels samples.
#[derive(Debug)]
pub enum Labels<'a> {
    /// A classifier.
    Classifier(&'a Classifier),
    /// Somebody else did: one label for each sample.
    Given(&'a [u32]),
    /// Nobody.
    Unknown,
}

/// The labels of `images` by their number; draws and labels them in parts.
pub(crate) fn labels_of(
    count: usize,
    classifier: &Classifier,
    images: &mut dyn FnMut(Range<usize>) -> Array2<f32>,
) -> Result<Vec<u32>, Error> {
    let mut labels = Vec::with_capacity(count);
    for first in (0..count).step_by(CHUNK) {
        let images = images(first..(first + CHUNK).min(count));
        labels.extend(classifier.classify(images.view())?.labels);
    }
    Ok(labels)
}

impl Quality {
    /// Of `count` samples, which `images` gives in parts (rows × V), as generated of the training part of
    /// `data`.
    ///
    /// # Errors
    /// [`Error::Networks`] if the classifier was made for other images, [`Error::Measure`] without samples.
    pub fn new(
        count: usize,
        images: &mut dyn FnMut(Range<usize>) -> Array2<f32>,
        data: &Dataset,
        labels: &Labels,
        workers: &Workers,
    ) -> Result<Self, Error> {
        let mut given = Vec::new();
        let (mut confident, mut features, mut compared) = (0, Vec::new(), Vec::new());
        for first in (0..count).step_by(CHUNK) {
            let images = images(first..(first + CHUNK).min(count));
            let wanted = COMPARED.saturating_sub(first).min(images.nrows());
            compared.push(first_rows(images.view(), wanted).to_owned());
            if let Labels::Classifier(classifier) = labels {
                let classified = classifier.classify(images.view())?;
                let sure = classified.confidence.iter().filter(|p| **p >= CONFIDENT);
                confident += sure.count();
                features.push(first_rows(classified.features.view(), wanted).to_owned());
                given.extend(classified.labels);
            }
        }
        let own: &[u32] = match labels {
            Labels::Given(labels) => labels,
            _ => &given,
        };
        let of_data = data.train.labels.as_deref().filter(|_| !own.is_empty());
        let generation = of_data.map(|of_data| Generation::new(of_data, own));
        let train = data.train.values.view();
        let both = match labels {
            Labels::Classifier(classifier) => {
                let observed = first_rows(train, train.nrows().min(count).min(COMPARED));
                let observed = classifier.classify(observed)?.features;
                let samples = joined(&features);
                PrecisionRecall::new(observed.view(), samples.view(), workers)
            }
            _ => None,
        };
        let held_out = data.test.as_ref();
        let copies = held_out.and_then(|held_out| {
            near_copies(
                train,
                held_out.values.view(),
                joined(&compared).view(),
                workers,
            )
        });
        let classifier = match labels {
            Labels::Classifier(classifier) => Some(classifier),
            _ => None,
        };
        Ok(Self {
            labels: generation.transpose()?,
            confident: classifier.map(|_| f64::from(confident as u32) / count as f64),
            precision: both.map(|both| both.precision),
            recall: both.map(|both| both.recall),
            near_copies: copies,
            judge_error: classifier.map(|classifier| classifier.test_error()),
        })
    }
}

fn first_rows(values: ArrayView2<f32>, count: usize) -> ArrayView2<f32> {
    values.slice_move(s![..count, ..])
}

fn joined(parts: &[Array2<f32>]) -> Array2<f32> {
    let views: Vec<ArrayView2<f32>> = parts.iter().map(|part| part.view()).collect();
    // Parts have rows of one length.
    concatenate(Axis(0), &views).unwrap_or_default()
}
