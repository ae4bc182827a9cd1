use ndarray::{Array1, Array2};
use proptest::prelude::*;
use pulp::Scalar;

use super::*;
use crate::Purpose;

#[test]
fn sigmoid_is_accurate_and_keeps_nan() {
    for i in -200_000..200_000 {
        let x = i as f32 * 5e-4;
        let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
        assert!((f64::from(sigmoid(x)) - exact).abs() < 3e-7, "{x}");
    }
    assert!((sigmoid(f32::INFINITY) - 1.0).abs() < 1e-30);
    assert!(sigmoid(f32::NEG_INFINITY) < 1e-30);
    assert!(sigmoid(f32::NAN).is_nan());
}

proptest! {
    #[test]
    fn the_vector_path_is_the_plain_path(
        length in 0..300_usize, first in 0..400_usize, row: u32, draw in 0..u64::MAX / 4, seed: u64,
    ) {
        let stream = Stream::new(seed, Purpose::Training, 0);
        let mut rng = stream.rng(1);
        let input: Vec<f32> = (0..length).map(|_| 3.0 * rng.normal() as f32).collect();
        let bias: Vec<f32> = (0..length).map(|_| rng.normal() as f32).collect();
        let (mut plain, mut plain_samples) = (input.clone(), vec![0.0; length]);
        let place = (draw, row, first);
        SampleRow { stream, place, row: &mut plain, bias: &bias, samples: &mut plain_samples }
            .with_simd(Scalar);
        let (mut vector, mut vector_samples) = (input.clone(), vec![0.0; length]);
        let (row_values, samples) = (&mut vector, &mut vector_samples);
        let vector_row = SampleRow { stream, place, row: row_values, bias: &bias, samples };
        Arch::new().dispatch(vector_row);
        prop_assert_eq!(&plain, &vector);
        prop_assert_eq!(&plain_samples, &vector_samples);
        // And the definition, one unit at a time.
        for column in 0..length {
            let p = 1.0 / (1.0 + (-f64::from(input[column]) - f64::from(bias[column])).exp());
            prop_assert!((f64::from(plain[column]) - p).abs() < 1e-6);
            let one = stream.is_one_at(draw, row, (first + column) as u32, plain[column]);
            prop_assert_eq!(plain_samples[column] > 0.5, one);
        }
    }
}

#[test]
fn rows_of_narrow_layers_have_numbers_of_their_own() {
    let stream = Stream::new(11, Purpose::Training, 0);
    for (units, first_row) in [(1, 0), (5, 3), (20, (1 << 24) - 7), (64, 90), (65, 2)] {
        let weights = Array2::from_shape_fn((3, units), |(i, j)| (i + j) as f32 * 0.1 - 0.3);
        let input = Array2::from_shape_fn((40, 3), |(i, j)| (i * j % 5) as f32 * 0.3);
        let mut out = [(); 2].map(|()| Array2::zeros((40, units)));
        let [means, samples] = &mut out;
        let draw = Draw {
            stream,
            number: 3,
            first_row,
            samples: samples.view_mut(),
        };
        conditional(
            &Workers::single(),
            Precision::Single,
            1.0,
            input.view(),
            weights.view(),
            Array1::zeros(units).view(),
            means.view_mut(),
            Some(draw),
        );
        for ((row, unit), mean) in means.indexed_iter() {
            let at = first_row + row as u32;
            let one = stream.is_one(3, units, at, unit as u32, *mean);
            assert_eq!(samples[[row, unit]] > 0.5, one, "unit {unit} of row {at}");
        }
        let places: std::collections::HashSet<_> = (0..40)
            .flat_map(|row| {
                let (row, first) = place(units, first_row + row);
                (0..units as u32).map(move |unit| (row, first + unit))
            })
            .collect();
        assert_eq!(places.len(), 40 * units);
    }
}

#[test]
fn samples_follow_their_probabilities_on_any_number_of_threads() {
    let (rows, units) = (400, 333);
    let stream = Stream::new(3, Purpose::Training, 0);
    let mut rng = stream.rng(0);
    let input = Array2::from_shape_simple_fn((rows, 784), || rng.normal() as f32);
    let weights = Array2::from_shape_simple_fn((784, units), || 0.05 * rng.normal() as f32);
    let bias = Array1::from_shape_simple_fn(units, || rng.normal() as f32);
    let run = |threads| {
        let workers = Workers::new(threads).expect("threads");
        let mut means = Array2::from_elem((rows, units), f32::NAN);
        let mut samples = means.clone();
        let draw = Draw {
            stream,
            number: 9,
            first_row: 0,
            samples: samples.view_mut(),
        };
        let (x, w) = (input.view(), weights.view());
        conditional(
            &workers,
            Precision::Single,
            1.0,
            x,
            w,
            bias.view(),
            means.view_mut(),
            Some(draw),
        );
        (means, samples)
    };
    let (means, samples) = run(1);
    assert_eq!(run(2), run(1));
    assert_eq!(run(3), run(1));
    let variance: f32 = means.mapv(|p| p * (1.0 - p)).sum();
    let difference = (samples.sum() - means.sum()) / variance.sqrt();
    assert!(
        difference.abs() < 4.0,
        "{difference} standard deviations off"
    );
}

#[test]
fn fields_give_what_their_product_gives() {
    let stream = Stream::new(2, Purpose::Monitoring, 0);
    // Narrow layers, one block of columns, and several.
    for (rows, inner, units) in [(7, 9, 5), (90, 40, 70), (140, 60, 300)] {
        let mut rng = stream.rng(0);
        let mut normal = |shape| Array2::from_shape_simple_fn(shape, || rng.normal() as f32);
        let (input, weights) = (normal((rows, inner)), normal((inner, units)));
        let bias = normal((1, units)).row(0).to_owned();
        let workers = Workers::new(2).expect("threads");
        let mut fields = Array2::zeros((rows, units));
        let right = weights.view();
        crate::product(
            &workers,
            Precision::Single,
            0.0,
            1.0,
            input.view(),
            right,
            fields.view_mut(),
        );
        let ways = [false, true].map(|of_fields| {
            let mut out = [(); 2].map(|()| Array2::zeros((rows, units)));
            let [means, samples] = &mut out;
            let draw = Draw {
                stream,
                number: 5,
                first_row: 0,
                samples: samples.view_mut(),
            };
            let (bias, means) = (bias.view(), means.view_mut());
            if of_fields {
                given_fields(&workers, fields.view(), bias, means, Some(draw));
            } else {
                conditional(
                    &workers,
                    Precision::Single,
                    1.0,
                    input.view(),
                    right,
                    bias,
                    means,
                    Some(draw),
                );
            }
            out.map(|numbers| numbers.mapv(f32::to_bits))
        });
        assert_eq!(ways[0], ways[1]);
    }
}
