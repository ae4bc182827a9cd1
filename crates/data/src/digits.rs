//! Handwriting-like digits, drawn from a seed: a data set that needs no download.
//!
//! A digit is written as a hand does it: one of several ways of writing it is chosen, the points
//! that its strokes pass through are displaced, the whole is warped, slanted, turned and stretched,
//! and a round pen of random width follows the strokes. As in MNIST the ink is then fitted into a
//! box of 20 × 20 pixels and put by its centre of mass into the middle of 28 × 28.

mod curve;
mod pen;
mod styles;

use resrel_kernels::{Purpose, Stream, StreamRng, Workers};

use crate::dataset::matrix;
use crate::{Dataset, Samples};
use curve::Curve;
use styles::Style;

/// Height and width of an image.
const SIZE: usize = 28;
const PIXELS: usize = SIZE * SIZE;
/// Images that one task draws.
const IMAGES_PER_TASK: usize = 64;
/// Test images are numbered from here, so they do not depend on how many are drawn for training.
const FIRST_TEST_IMAGE: u64 = 1 << 40;
/// Counts up whenever the same seed gives other images.
const VERSION: u32 = 1;

/// `train` and `test` handwriting-like digits of 28 × 28 grey levels (multiples of 1/255), ten
/// classes of equal probability, at least one image each.
///
/// Image i is a function of `seed` and i alone (stream [`Purpose::Digits`]): more images leave the
/// first ones as they are, and the number of threads does not matter. About four fifths of the
/// pixels are exactly 0, the outermost ones always.
///
/// ```
/// use resrel_data::digits;
/// use resrel_kernels::Workers;
///
/// let data = digits(100, 10, 7, &Workers::single());
/// assert_eq!(data.train.values.dim(), (100, 784));
/// ```
#[must_use]
pub fn digits(train: usize, test: usize, seed: u64, workers: &Workers) -> Dataset {
    let (train, test) = (train.max(1), test.max(1));
    let styles = styles::all();
    let part = |first: u64, count: usize| {
        let mut values = vec![0.0; count * PIXELS];
        workers.for_each_chunk(&mut values, IMAGES_PER_TASK * PIXELS, |task, images| {
            for (within, image) in images.chunks_mut(PIXELS).enumerate() {
                let index = first + (task * IMAGES_PER_TASK + within) as u64;
                draw(&styles, seed, index, image);
            }
        });
        let labels = (0..count as u64).map(|index| class(&mut generator(seed, first + index)));
        Samples {
            values: matrix(count, PIXELS, values),
            labels: Some(labels.collect()),
        }
    };
    Dataset {
        name: "digits".to_string(),
        provenance: format!(
            "embedded handwriting-like digits, version {VERSION}, seed {seed}, {train} train and {test} test"
        ),
        train: part(0, train),
        test: Some(part(FIRST_TEST_IMAGE, test)),
        image_shape: Some((SIZE, SIZE)),
    }
}

/// The random numbers of image `index`.
fn generator(seed: u64, index: u64) -> StreamRng {
    Stream::new(seed, Purpose::Digits, index).rng(0)
}

/// The class of an image: its first random number.
fn class(rng: &mut StreamRng) -> u32 {
    rng.below(10)
}

/// Draws image `index` into `image`.
fn draw(styles: &[Vec<Style>], seed: u64, index: u64, image: &mut [f32]) {
    let mut rng = generator(seed, index);
    let class = class(&mut rng) as usize;
    let style = styles::choose(&styles[class], &mut rng);
    let mut curve = Curve::through(&style.strokes, &mut rng);
    curve.warp(&mut rng);
    curve.stretch(&mut rng);
    let pen = pen::Pen::random(&mut rng);
    curve.fit(pen.radius, &mut rng);
    pen.draw(&curve, image);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use ndarray::{Array1, Axis};

    use super::*;

    /// Share of `test` whose nearest neighbour in `train` (Euclidean) has the same label.
    fn nearest_neighbour(train: &Samples, test: &Samples) -> f64 {
        let norms: Array1<f32> = train.values.map_axis(Axis(1), |row| row.dot(&row));
        let products = test.values.dot(&train.values.t());
        let (known, truth) = (train.labels.as_ref(), test.labels.as_ref());
        let (known, truth) = (known.unwrap(), truth.unwrap());
        let right = products
            .rows()
            .into_iter()
            .zip(truth)
            .filter(|(row, label)| {
                let distances = &norms - &(2.0 * row);
                let nearest =
                    (0..known.len()).min_by(|a, b| distances[*a].total_cmp(&distances[*b]));
                known[nearest.unwrap()] == **label
            });
        right.count() as f64 / truth.len() as f64
    }

    #[test]
    fn a_nearest_neighbour_is_mostly_right_and_sometimes_wrong() {
        for seed in [0, 1] {
            let data = digits(2_000, 1_000, seed, &Workers::single());
            let right = nearest_neighbour(&data.train, data.test.as_ref().unwrap());
            assert!((0.88..=0.96).contains(&right), "seed {seed}: {right}");
        }
    }

    #[test]
    fn images_have_the_format_of_mnist() {
        let data = digits(2_000, 10, 5, &Workers::single());
        let values = &data.train.values;
        for value in values {
            let grey = value * 255.0;
            assert!((0.0..=1.0).contains(value) && (grey - grey.round()).abs() < 1e-4);
        }
        let zeros = values.iter().filter(|x| **x == 0.0).count() as f64 / values.len() as f64;
        assert!((0.77..0.84).contains(&zeros), "{zeros}");
        // MNIST: .131.
        let mean = values.mean().unwrap();
        assert!((0.11..0.15).contains(&mean), "{mean}");
        let blank: Vec<usize> = (0..PIXELS)
            .filter(|pixel| values.column(*pixel).iter().all(|x| *x == 0.0))
            .collect();
        for pixel in 0..PIXELS {
            let edge = [pixel / SIZE, pixel % SIZE]
                .iter()
                .any(|x| [0, SIZE - 1].contains(x));
            assert!(!edge || blank.contains(&pixel), "{pixel}");
        }
        // Ink is centred: mean row and column of each image near 14.
        for row in values.rows() {
            let mass = row.sum();
            assert!(mass > 15.0, "{mass}");
            let (mut x, mut y) = (0.0, 0.0);
            for (pixel, ink) in row.iter().enumerate() {
                x += ink * ((pixel % SIZE) as f32 + 0.5) / mass;
                y += ink * ((pixel / SIZE) as f32 + 0.5) / mass;
            }
            assert!((x - 14.0).abs() < 5.0 && (y - 14.0).abs() < 5.0, "{x} {y}");
        }
    }

    #[test]
    fn classes_are_equally_likely_and_no_image_comes_twice() {
        let data = digits(5_000, 1_000, 9, &Workers::single());
        let test = data.test.unwrap();
        let mut counts = [0_u32; 10];
        for label in data.train.labels.iter().chain(&test.labels).flatten() {
            counts[*label as usize] += 1;
        }
        // 600 expected, standard deviation 23; five of them.
        assert!(
            counts.iter().all(|count| count.abs_diff(600) < 116),
            "{counts:?}"
        );
        let images: HashSet<Vec<u32>> = [&data.train.values, &test.values]
            .into_iter()
            .flat_map(|values| values.rows())
            .map(|row| row.iter().map(|x| x.to_bits()).collect())
            .collect();
        assert_eq!(images.len(), 6_000);
    }

    #[test]
    fn an_image_depends_on_seed_and_number_alone() {
        let one = digits(200, 100, 3, &Workers::single());
        for threads in [2, 3] {
            assert_eq!(one, digits(200, 100, 3, &Workers::new(threads).unwrap()));
        }
        let more = digits(300, 50, 3, &Workers::single());
        assert_eq!(more.train.first(200), one.train);
        let test = one.test.unwrap();
        assert_eq!(test.first(50), more.test.unwrap());
        assert_ne!(test.values, one.train.first(100).values);
        let other = digits(200, 100, 4, &Workers::single());
        assert_ne!(other.train.values, one.train.values);
        let nothing = digits(0, 0, 3, &Workers::single());
        assert_eq!(nothing.train, one.train.first(1));
    }

    #[test]
    fn every_way_of_writing_is_used() {
        for ways in &styles::all() {
            let mut rng = generator(0, 0);
            let used: HashSet<*const Style> = (0..1_000)
                .map(|_| std::ptr::from_ref(styles::choose(ways, &mut rng)))
                .collect();
            assert_eq!(used.len(), ways.len());
            assert!(
                ways.iter()
                    .flat_map(|way| &way.strokes)
                    .all(|stroke| stroke.len() > 1)
            );
        }
    }
}
