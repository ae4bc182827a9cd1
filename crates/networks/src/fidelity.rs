//! How faithful and how varied samples are, beyond their labels.
//!
//! Sources: T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen, T. Aila, "Improved precision and recall
//! metric for assessing generative models", NeurIPS 2019 (precision and recall by nearest neighbours);
//! C. Meehan, K. Chaudhuri, S. Dasgupta, "A non-parametric test to detect data-copying in generative
//! models", AISTATS 2020 (nearness to the training set compared with held-out data).

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use resrel_kernels::{BitRows, Workers};

/// Which nearest neighbour reaches to the edge of a point's ball (Kynkäänniemi et al., section 3).
const NEIGHBOUR: usize = 3;
/// Points whose distances to all others are held at once.
const CHUNK: usize = 256;
/// Share of held-out observations that count as near copies, at most.
const HELD_OUT_COPIES: f64 = 0.01;

/// Precision: the fraction of samples that lie among the data. Recall: the fraction of the data that lies
/// among the samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrecisionRecall {
    /// Fraction of samples within the reach of an observation, 0 … 1.
    pub precision: f64,
    /// Fraction of observations within the reach of a sample, 0 … 1.
    pub recall: f64,
}

impl PrecisionRecall {
    /// Of features of observations and of samples (rows × features). A point reaches as far as to its
    /// third-nearest neighbour of its own kind. `None` with three points of a kind or fewer.
    ///
    /// Both grow with the number of points: compare equal numbers. Time grows with its square.
    ///
    /// # Panics
    /// If the two have not as many features.
    #[must_use]
    pub fn new(data: ArrayView2<f32>, samples: ArrayView2<f32>, workers: &Workers) -> Option<Self> {
        assert_eq!(data.ncols(), samples.ncols(), "as many features");
        if data.nrows() <= NEIGHBOUR || samples.nrows() <= NEIGHBOUR {
            return None;
        }
        let within =
            |points, among| fraction_within(points, among, &reaches(among, workers), workers);
        Some(Self {
            precision: within(samples, data),
            recall: within(data, samples),
        })
    }
}

/// Fraction of samples that are nearer to a training observation than nearly all held-out observations
/// are, in the number of pixels that differ once each is black or white (> 0.5). Of fresh data the
/// fraction is 0.01 or less; of a generator that repeats its training set, near 1.
///
/// `None` without training, held-out or sampled images.
///
/// # Panics
/// If the images have not as many pixels.
#[must_use]
pub fn near_copies(
    train: ArrayView2<f32>,
    held_out: ArrayView2<f32>,
    samples: ArrayView2<f32>,
    workers: &Workers,
) -> Option<f64> {
    if [train, held_out, samples]
        .iter()
        .any(|images| images.nrows() == 0)
    {
        return None;
    }
    let pack = |images| BitRows::from_threshold(images, 0.5);
    let train = pack(train);
    let mut usual = pack(held_out).nearest(workers, &train);
    usual.sort_unstable();
    // Nearer than this: at most the given share of the held-out ones, whatever ties there are.
    let near = usual[(HELD_OUT_COPIES * usual.len() as f64) as usize];
    let nearest = pack(samples).nearest(workers, &train);
    let copies = nearest.iter().filter(|distance| **distance < near).count();
    Some(copies as f64 / nearest.len() as f64)
}

/// Squared distance of each point to its third-nearest other point.
fn reaches(points: ArrayView2<f32>, workers: &Workers) -> Vec<f32> {
    let squares = squares(points);
    let mut reaches = vec![0.0; points.nrows()];
    workers.for_each_chunk(&mut reaches, CHUNK, |chunk, reaches| {
        let first = chunk * CHUNK;
        let own = points.slice(s![first..first + reaches.len(), ..]);
        let distances = distances(own, points, &squares);
        for (row, reach) in reaches.iter_mut().enumerate() {
            let mut distances = distances.row(row).to_vec();
            distances[first + row] = f32::INFINITY;
            let (_, third, _) = distances.select_nth_unstable_by(NEIGHBOUR - 1, f32::total_cmp);
            *reach = *third;
        }
    });
    reaches
}

/// Fraction of `points` that lie within the reach of one of `among`.
fn fraction_within(
    points: ArrayView2<f32>,
    among: ArrayView2<f32>,
    reaches: &[f32],
    workers: &Workers,
) -> f64 {
    let squares = squares(among);
    let mut inside = vec![false; points.nrows()];
    workers.for_each_chunk(&mut inside, CHUNK, |chunk, inside| {
        let first = chunk * CHUNK;
        let own = points.slice(s![first..first + inside.len(), ..]);
        let distances = distances(own, among, &squares);
        for (inside, distances) in inside.iter_mut().zip(distances.outer_iter()) {
            *inside = distances
                .iter()
                .zip(reaches)
                .any(|(distance, reach)| distance <= reach);
        }
    });
    let count = inside.iter().filter(|inside| **inside).count();
    count as f64 / inside.len() as f64
}

fn squares(points: ArrayView2<f32>) -> Array1<f32> {
    points.map_axis(Axis(1), |point| point.dot(&point))
}

/// Squared distances |a|² + |b|² − 2 a·b of each of `points` to each of `among`.
fn distances(
    points: ArrayView2<f32>,
    among: ArrayView2<f32>,
    squares_among: &Array1<f32>,
) -> Array2<f32> {
    let mut distances = points.dot(&among.t());
    let own = squares(points);
    for (mut row, own) in distances.outer_iter_mut().zip(&own) {
        for (distance, other) in row.iter_mut().zip(squares_among) {
            *distance = own + other - 2.0 * *distance;
        }
    }
    distances
}

#[cfg(test)]
mod tests {
    use ndarray::{array, concatenate};
    use resrel_kernels::{Purpose, Stream};

    use super::*;

    fn cloud(count: usize, centre: f32, salt: u64) -> Array2<f32> {
        let mut rng = Stream::new(7, Purpose::Subsampling, salt).rng(0);
        Array2::from_shape_simple_fn((count, 3), || centre + rng.normal() as f32)
    }

    fn measured(data: &Array2<f32>, samples: &Array2<f32>) -> (f64, f64) {
        let both = PrecisionRecall::new(data.view(), samples.view(), &Workers::single())
            .expect("enough points");
        (both.precision, both.recall)
    }

    #[test]
    fn by_hand_on_a_line() {
        // The third-nearest of 0, 1, 2, 3 is 3, 2, 2, 3 away.
        let data = array![[0.0_f32], [1.0], [2.0], [3.0]];
        let samples = array![[4.0_f32], [6.0], [6.5], [-3.0]];
        // 4 is within 3 of 3, 6 as well, −3 within 3 of 0, and 6.5 within nobody's reach.
        // 4 reaches 7 far, 6 reaches 9, 6.5 reaches 9.5, −3 reaches 9.5: all data lie inside.
        assert_eq!(measured(&data, &samples), (0.75, 1.0));
    }

    #[test]
    fn two_clouds_of_which_one_is_missed() {
        let data = concatenate![Axis(0), cloud(400, 0.0, 1), cloud(400, 50.0, 2)];
        let (precision, recall) = measured(&data, &cloud(800, 0.0, 3));
        assert!(
            precision > 0.85 && (recall - 0.5).abs() < 0.06,
            "{precision} {recall}"
        );
        let (precision, recall) = measured(&data, &cloud(800, 25.0, 3));
        assert_eq!((precision, recall), (0.0, 0.0));
        let same = concatenate![Axis(0), cloud(400, 0.0, 4), cloud(400, 50.0, 5)];
        let (precision, recall) = measured(&data, &same);
        assert!(precision > 0.85 && recall > 0.85, "{precision} {recall}");
        let none = PrecisionRecall::new(data.view(), data.slice(s![..3, ..]), &Workers::single());
        assert_eq!(none, None);
    }

    #[test]
    fn a_generator_that_repeats_is_told_from_one_that_does_not() {
        let images = |count: usize, salt: u64| {
            let mut rng = Stream::new(7, Purpose::Subsampling, salt).rng(0);
            Array2::from_shape_simple_fn((count, 100), || rng.below(2) as f32)
        };
        let (train, held_out, fresh) = (images(500, 1), images(400, 2), images(400, 3));
        let workers = Workers::single();
        let share = |samples: ArrayView2<f32>| {
            near_copies(train.view(), held_out.view(), samples, &workers).expect("images")
        };
        assert!(share(held_out.view()) <= HELD_OUT_COPIES);
        assert!(share(fresh.view()) < 0.04);
        // Four of a hundred pixels turned: random images differ in thirty or more.
        let mut copies = train.slice(s![..300, ..]).to_owned();
        copies
            .slice_mut(s![.., ..4])
            .mapv_inplace(|pixel| 1.0 - pixel);
        assert!(share(copies.view()) > 0.999);
        assert_eq!(
            near_copies(
                train.view(),
                fresh.slice(s![..0, ..]),
                fresh.view(),
                &workers
            ),
            None
        );
    }
}
