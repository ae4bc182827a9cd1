//! A card against the processor. Without a card there is nothing to test, and the tests say so.

use ndarray::{Array1, Array2, ArrayView2, s};

use super::*;
use crate::{BitRows, Clamped, Draw, Precision, Purpose, Workers, conditional};

fn card() -> Option<Card> {
    let card = Card::open().expect("the card's libraries");
    if card.is_none() {
        println!("skipped: no graphics card");
    }
    card
}

fn normal(shape: (usize, usize), index: u64) -> Array2<f32> {
    let mut rng = Stream::new(4, Purpose::Training, index).rng(0);
    Array2::from_shape_simple_fn(shape, || rng.normal() as f32)
}

fn close(left: ArrayView2<f32>, right: ArrayView2<f32>, tolerance: f32) {
    assert_eq!(left.dim(), right.dim());
    for (left, right) in left.iter().zip(right) {
        assert!((left - right).abs() <= tolerance, "{left} for {right}");
    }
}

#[test]
fn what_is_uploaded_comes_back() {
    let Some(card) = card() else { return };
    let values = normal((UPLOAD + 3, 5), 0);
    let matrix = card.upload(values.view()).expect("fits");
    assert_eq!(card.download(&matrix.all()).expect("comes back"), values);
    let some = card.download(&matrix.rows(7..9)).expect("comes back");
    assert_eq!(some, values.slice(s![7..9, ..]));
    // Columns of a larger matrix, not one after the other in memory.
    let part = values.slice(s![.., 1..4]);
    let matrix = card.upload(part).expect("fits");
    assert_eq!(card.download(&matrix.all()).expect("comes back"), part);
}

#[test]
fn more_than_a_card_holds_is_said_to_be_too_much() {
    let Some(card) = card() else { return };
    let error = card
        .zeros(1 << 25, 1 << 25)
        .expect_err("four million gigabytes");
    assert!(error.to_string().contains("too small"), "{error}");
    card.zeros(3, 5).expect("works as before");
}

#[test]
fn products_are_those_of_the_processor_with_every_transpose() {
    let Some(card) = card() else { return };
    let (left, right, before) = (
        normal((37, 23), 1),
        normal((23, 41), 2),
        normal((37, 41), 3),
    );
    let expected = 0.5 * &before + 2.0 * left.dot(&right);
    for (left_transposed, right_transposed) in
        [(false, false), (false, true), (true, false), (true, true)]
    {
        let stored = |matrix: &Array2<f32>, transposed| {
            let view = if transposed {
                matrix.t()
            } else {
                matrix.view()
            };
            card.upload(view).expect("fits")
        };
        let (left, right) = (
            stored(&left, left_transposed),
            stored(&right, right_transposed),
        );
        let mut out = card.upload(before.view()).expect("fits");
        let factors = (
            (&left.all(), left_transposed),
            (&right.all(), right_transposed),
        );
        card.product((0.5, 2.0), factors.0, factors.1, &mut out.all_mut())
            .expect("works");
        let product = card.download(&out.all()).expect("comes back");
        close(product.view(), expected.view(), 1e-4);
    }
}

#[test]
fn samples_are_those_of_the_processor() {
    let Some(card) = card() else { return };
    let workers = Workers::single();
    for (inner, units) in [(7, 3), (20, 64), (30, 129), (64, 300)] {
        let (input, weights) = (normal((50, inner), 4), 0.3 * normal((inner, units), 5));
        let bias = Array1::from_iter(normal((1, units), 6));
        let stream = Stream::new(9, Purpose::Sampling, 2);
        let (number, first_row, from, negated) = (1 << 40, 11, 8, 17);
        let rows = s![from.., ..];
        let mut means = Array2::zeros((50 - from, units));
        let mut samples = means.clone();
        let draw = Draw {
            stream,
            number,
            first_row,
            samples: samples.view_mut(),
        };
        let part = input.slice(rows);
        conditional(
            &workers,
            Precision::Single,
            -0.7,
            part,
            weights.view(),
            bias.view(),
            means.view_mut(),
            Some(draw),
        );
        samples.slice_mut(s![negated.., ..]).mapv_inplace(|x| -x);

        let (input, weights_there) = (
            card.upload(input.view()).unwrap(),
            card.upload(weights.view()).unwrap(),
        );
        let bias = card.upload(bias.view().insert_axis(Axis(0))).unwrap();
        let mut probabilities = card.zeros(50, units).unwrap();
        let mut there = card.zeros(50, units).unwrap();
        let draw = CardDraw {
            stream,
            number,
            first_row,
            samples: there.rows_mut(from..50),
            negated,
        };
        let (input, mut out) = (input.rows(from..50), probabilities.rows_mut(from..50));
        card.conditional(
            Way::Up,
            -0.7,
            &input,
            &weights_there,
            &bias,
            &mut out,
            Some(draw),
        )
        .unwrap();
        let means_there = card.download(&probabilities.rows(from..50)).unwrap();
        close(means_there.view(), means.view(), 1e-5);
        let samples_there = card.download(&there.rows(from..50)).unwrap();
        // Where a number lies between two roundings of a mean a sample may differ: of these, hardly one.
        let differ = samples_there
            .iter()
            .zip(&samples)
            .filter(|(a, b)| (*a - *b).abs() > 0.5)
            .count();
        assert!(differ <= 1, "{differ} samples differ");

        // The other way, means alone.
        let states = card.upload(samples.view()).unwrap();
        let visible_bias = card.zeros(1, inner).unwrap();
        let mut visible = card.zeros(50 - from, inner).unwrap();
        let mut out = visible.all_mut();
        card.conditional(
            Way::Down,
            1.0,
            &states.all(),
            &weights_there,
            &visible_bias,
            &mut out,
            None,
        )
        .unwrap();
        let mut expected = Array2::zeros((50 - from, inner));
        let zeros = Array1::zeros(inner);
        conditional(
            &workers,
            Precision::Single,
            1.0,
            samples.view(),
            weights.t(),
            zeros.view(),
            expected.view_mut(),
            None,
        );
        close(
            card.download(&visible.all()).unwrap().view(),
            expected.view(),
            1e-5,
        );
    }
}

#[test]
fn what_sixteen_bits_leave_open_is_decided_as_on_the_processor() {
    let Some(card) = card() else { return };
    // Wide layers, and narrow ones whose rows share random numbers.
    for (rows, units, first_row) in [(4_096, 256, 0), (4_000, 20, (1 << 24) - 9), (500, 64, 3)] {
        // With no input all fields are the biases, and as exact.
        let step = 25.6 / units as f32;
        let bias = Array2::from_shape_fn((1, units), |(_, unit)| -12.0 + step * unit as f32);
        let bias = card.upload(bias.view()).unwrap();
        let mut fields = card.zeros(rows, units).unwrap();
        let mut samples = card.zeros(rows, units).unwrap();
        let stream = Stream::new(1, Purpose::Sampling, 0);
        let draw = CardDraw {
            stream,
            number: 3,
            first_row,
            samples: samples.all_mut(),
            negated: rows,
        };
        card.sample(&mut fields.all_mut(), &bias, draw, false)
            .unwrap();
        let (means, samples) = (
            card.download(&fields.all()).unwrap(),
            card.download(&samples.all()).unwrap(),
        );
        for ((row, unit), mean) in means.indexed_iter() {
            let at = first_row + row as u32;
            let one = stream.is_one(3, units, at, unit as u32, *mean);
            assert_eq!(samples[[row, unit]] > 0.5, one, "unit {unit} of row {at}");
        }
    }
}

#[test]
fn rows_are_gathered_in_order_and_the_order_begins_again() {
    let Some(card) = card() else { return };
    let data = normal((9, 4), 7);
    let order = [3, 8, 0, 5, 1, 7, 2, 6, 4];
    let there = card.upload(data.view()).unwrap();
    let places = card.order(&order).unwrap();
    let mut out = card.zeros(6, 4).unwrap();
    card.gather(&there, &places, 7, &mut out.rows_mut(1..6))
        .unwrap();
    let out = card.download(&out.rows(1..6)).unwrap();
    for (row, place) in out.outer_iter().zip([6, 4, 3, 8, 0]) {
        assert_eq!(row, data.row(place));
    }
}

#[test]
fn sums_and_products_of_elements() {
    let Some(card) = card() else { return };
    let (a, b) = (normal((30, 11), 8), normal((30, 11), 9));
    let (x, mut y) = (
        card.upload(a.view()).unwrap(),
        card.upload(b.view()).unwrap(),
    );
    card.add(-1.5, &x, &mut y).unwrap();
    close(
        card.download(&y.all()).unwrap().view(),
        (&b - 1.5 * &a).view(),
        1e-6,
    );
    card.multiply(&x, &mut y).unwrap();
    close(
        card.download(&y.all()).unwrap().view(),
        ((&b - 1.5 * &a) * &a).view(),
        1e-5,
    );
}

/// P(v, h) of a machine of three and two units, enumerated.
fn distribution(
    weights: &Array2<f32>,
    a: &Array1<f32>,
    b: &Array1<f32>,
    held: Option<bool>,
) -> Vec<f64> {
    let bit = |state: usize, place: usize| (state >> place & 1) as f64;
    let mut all: Vec<f64> = (0..32)
        .map(|state| {
            let mut energy = 0.0;
            for i in 0..3 {
                energy -= f64::from(a[i]) * bit(state, i);
                for j in 0..2 {
                    energy -= bit(state, i) * f64::from(weights[[i, j]]) * bit(state, 3 + j);
                }
            }
            for j in 0..2 {
                energy -= f64::from(b[j]) * bit(state, 3 + j);
            }
            let excluded = held.is_some_and(|value| (bit(state, 1) > 0.5) != value);
            if excluded { 0.0 } else { (-energy).exp() }
        })
        .collect();
    let sum: f64 = all.iter().sum();
    for p in &mut all {
        *p /= sum;
    }
    all
}

#[test]
fn chains_have_the_enumerated_distribution_and_energies() {
    let Some(card) = card() else { return };
    let (weights, a) = (normal((3, 2), 10), Array1::from_iter(normal((1, 3), 11)));
    let b = Array1::from_iter(normal((1, 2), 12));
    let gibbs = CardGibbs::new(card, weights.view(), a.view(), b.view()).unwrap();
    // More than one group of chains, and a last tile that is not full.
    let chains = gibbs::CHAINS + 1_000;
    for held in [None, Some(true)] {
        let clamped = held.map(|_| {
            let mut units = BitRows::zeros(1, 3);
            units.row_mut(0)[0] = 0b010;
            let mut values = BitRows::zeros(chains, 3);
            (0..chains).for_each(|chain| values.row_mut(chain)[0] = 0b010);
            Clamped { units, values }
        });
        let (mut visible, mut hidden) = (BitRows::zeros(chains, 3), BitRows::zeros(chains, 2));
        let stream = Stream::new(6, Purpose::Sampling, 0);
        let mut run = |steps: Range<u64>| {
            gibbs
                .run(
                    stream,
                    steps,
                    0..chains,
                    clamped.as_ref(),
                    10,
                    &mut visible,
                    &mut hidden,
                )
                .unwrap()
        };
        // In two parts, as a run that was stopped.
        let first = run(0..25);
        let energies = run(25..40);
        assert_eq!(
            (first.len(), first[0].len()),
            (chains.div_ceil(crate::TILE), 2)
        );
        assert_eq!(energies[0].len(), 2);
        let mut counts = [0; 32];
        for chain in 0..chains {
            let state = visible.row(chain)[0] | hidden.row(chain)[0] << 3;
            counts[state as usize] += 1;
        }
        let expected = distribution(&weights, &a, &b, held);
        for (count, p) in counts.iter().zip(&expected) {
            let n = chains as f64;
            let difference = f64::from(*count) - n * p;
            assert!(
                difference.abs() <= 4.5 * (n * p * (1.0 - p)).sqrt(),
                "{count} of {n} for {p}"
            );
        }
        // The last energies are those of the states that came back.
        let energy = |chain: usize| {
            let unit = |states: &BitRows, place: usize| (states.row(chain)[0] >> place & 1) as f64;
            let mut energy = 0.0;
            for i in 0..3 {
                energy -= f64::from(a[i]) * unit(&visible, i);
                for j in 0..2 {
                    energy -= unit(&visible, i) * f64::from(weights[[i, j]]) * unit(&hidden, j);
                }
            }
            (0..2).fold(energy, |energy, j| {
                energy - f64::from(b[j]) * unit(&hidden, j)
            })
        };
        for (tile, energies) in energies.iter().enumerate() {
            let own = tile * crate::TILE..chains.min((tile + 1) * crate::TILE);
            let mean = own.clone().map(energy).sum::<f64>() / own.len() as f64;
            assert!(
                (mean - energies[1]).abs() < 1e-5,
                "{mean} for {}",
                energies[1]
            );
        }
    }
}

#[test]
fn states_of_many_words_go_to_the_card_and_come_back() {
    const UNITS: usize = 150;
    const HELD: usize = 107;
    let Some(card) = card() else { return };
    // Each unit does as its partner in the other layer.
    let weights = Array2::<f32>::eye(UNITS) * 60.0;
    let bias = Array1::from_elem(UNITS, -30.0);
    let gibbs = CardGibbs::new(card, weights.view(), bias.view(), bias.view()).unwrap();
    let mut rng = Stream::new(8, Purpose::Chains, 0).rng(0);
    let pattern = Array2::from_shape_simple_fn((100, UNITS), || rng.below(2) as f32);
    let (mut visible, mut hidden) = (
        BitRows::zeros(100, UNITS),
        BitRows::from_threshold(pattern.view(), 0.5),
    );
    let mut units = Array2::zeros((1, UNITS));
    units[[0, HELD]] = 1.0;
    let other = pattern.mapv(|x| 1.0 - x);
    let clamped = Clamped {
        units: BitRows::from_threshold(units.view(), 0.5),
        values: BitRows::from_threshold(other.view(), 0.5),
    };
    let stream = Stream::new(6, Purpose::Sampling, 0);
    let held = Some(&clamped);
    gibbs
        .run(stream, 0..2, 0..100, held, 1, &mut visible, &mut hidden)
        .unwrap();
    let mut expected = pattern;
    expected.column_mut(HELD).assign(&other.column(HELD));
    let expected = BitRows::from_threshold(expected.view(), 0.5);
    assert_eq!(visible.words(), expected.words());
    assert_eq!(hidden.words(), expected.words());
}
