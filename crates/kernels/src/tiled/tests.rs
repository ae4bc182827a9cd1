use ndarray::{Array1, Array2, Axis, concatenate};
use proptest::prelude::*;

use super::*;
use crate::{BitRows, Pixels, Purpose, sigmoid};

/// How near means come to those of double precision. Products of up to 300 terms are out by up to half of 2⁻¹⁴ of the
/// largest weight in each, of either sign: a field by some 3·10⁻⁴, a mean by a quarter of it. Seven times that.
const NEAR: f64 = 5e-4;

/// Numbers from 0 to 1: states, pixels, or any.
fn observations(rows: usize, columns: usize, kind: u8) -> Array2<f32> {
    let mut rng = Stream::new(7, Purpose::Digits, kind.into()).rng(0);
    Array2::from_shape_simple_fn((rows, columns), || match kind {
        0 => f32::from(u8::from(rng.below(3) == 0)),
        1 => rng.below(256) as f32 / 255.0,
        _ => rng.uniform() as f32,
    })
}

fn normal(shape: (usize, usize), index: u64) -> Array2<f32> {
    let mut rng = Stream::new(3, Purpose::Weights, index).rng(0);
    Array2::from_shape_simple_fn(shape, || rng.normal() as f32)
}

/// A machine, its mini-batch and its chains as plain matrices.
struct Plain {
    weights: Array2<f32>,
    visible_bias: Array1<f32>,
    hidden_bias: Array1<f32>,
    data: Array2<f32>,
    chains: Array2<f32>,
}

impl Plain {
    fn new(visible: usize, hidden: usize, batch: usize, kind: u8) -> Self {
        Self {
            weights: normal((visible, hidden), 1) * 0.2,
            visible_bias: normal((1, visible), 2).remove_axis(Axis(0)),
            hidden_bias: normal((1, hidden), 3).remove_axis(Axis(0)),
            data: observations(batch, visible, kind),
            chains: observations(batch, hidden, 0),
        }
    }

    fn tiled(&self) -> Tiled {
        let on = |row, unit| self.chains[[row, unit]] > 0.5;
        Tiled::new(self.weights.view(), self.data.nrows(), on)
    }

    /// P(v = 1 | h), in double precision.
    fn down(&self, hidden: &Array2<f32>) -> Array2<f64> {
        means(hidden, &self.weights.t().to_owned(), &self.visible_bias)
    }

    fn up(&self, visible: &Array2<f32>) -> Array2<f64> {
        means(visible, &self.weights, &self.hidden_bias)
    }
}

fn means(states: &Array2<f32>, weights: &Array2<f32>, bias: &Array1<f32>) -> Array2<f64> {
    let double = |matrix: &Array2<f32>| matrix.mapv(f64::from);
    let fields = double(states).dot(&double(weights)) + bias.mapv(f64::from);
    fields.mapv(|x| 1.0 / (1.0 + (-x).exp()))
}

/// The states that were sampled, where the means, sums of so many terms, leave no doubt; how many were left out.
fn check_samples(
    states: &Array2<f32>,
    (means, terms): (&Array2<f64>, usize),
    stream: Stream,
    number: u64,
    first_row: usize,
) -> Result<usize, TestCaseError> {
    // Errors of either sign grow as a root.
    let near = NEAR * (terms.max(20) as f64 / 300.0).sqrt().min(1.0);
    let mut open = 0;
    for ((row, column), state) in states.indexed_iter() {
        let one = |by: f64| {
            let probability = (means[[row, column]] + by).clamp(0.0, 1.0) as f32;
            stream.is_one(
                number,
                means.ncols(),
                (first_row + row) as u32,
                column as u32,
                probability,
            )
        };
        if one(-near) == one(near) {
            prop_assert_eq!(*state > 0.5, one(0.0), "unit {} of row {}", column, row);
        } else {
            open += 1;
        }
    }
    Ok(open)
}

/// The chains' visible units.
fn visible_units(tiled: &mut Tiled) -> Array2<f32> {
    if tiled.counted.any {
        tiled
            .counted
            .put_rows(&Workers::single(), &mut tiled.chains);
    }
    let mut units = Array2::zeros((tiled.batch, tiled.visible));
    let one = Array2::eye(tiled.visible);
    tiled.chains.product(0.0, 1.0, one.view(), units.view_mut());
    units
}

fn unpack<'a>(states: impl Iterator<Item = &'a Array2<u64>>, units: usize) -> Array2<f32> {
    let blocks: Vec<_> = states.collect();
    Array2::from_shape_fn((blocks[0].nrows(), units), |(row, unit)| {
        let word = blocks[unit / WIDE][[row, 0]];
        f32::from(u8::from(word >> (unit % WIDE) & 1 == 1))
    })
}

/// How an update is made: of states, pixels or any numbers, of chains that go on or of the mini-batch, by so many threads.
#[derive(Debug, Clone, Copy)]
struct How {
    kind: u8,
    sampled: bool,
    from_data: bool,
    threads: usize,
}

/// An update of a machine is one of plain loops; answers the weights.
fn check_update(
    (visible, hidden, batch): (usize, usize, usize),
    How {
        kind,
        sampled,
        from_data,
        threads,
    }: How,
) -> Result<Array2<f32>, TestCaseError> {
    let plain = Plain::new(visible, hidden, batch, kind);
    let workers = Workers::new(threads).expect("threads");
    let mut tiled = plain.tiled();
    prop_assert_eq!(tiled.weights(), plain.weights.clone());
    let stream = Stream::new(1, Purpose::Training, 0);
    let bias = plain.hidden_bias.view();
    if kind == 0 {
        let turned = BitRows::from_threshold(plain.data.slice(s![..;-1, ..]), 0.5);
        let chosen: Vec<_> = (0..batch).rev().collect();
        tiled.take_up(&workers, Batch::States(&turned, &chosen));
    } else {
        prop_assert!(tiled.take_up_values(&workers, plain.data.view()));
    }
    prop_assert_eq!(tiled.data_sums(), column_sums(plain.data.view()));
    let mut from = plain.chains.clone();
    let mut rows = batch..2 * batch;
    let mut open = 0;
    if from_data {
        tiled.up(&workers, &(0..batch), bias, (stream, 4), None, None);
        from = unpack(tiled.blocks.iter().map(|block| &block.states[0]), hidden);
        open += check_samples(&from, (&plain.up(&plain.data), visible), stream, 4, 0)?;
        rows = 0..batch;
    }
    let expected = plain.down(&from);
    let phase = if sampled {
        Phase::Sampled((stream, 5))
    } else {
        Phase::Mean
    };
    tiled.down(&workers, &rows, plain.visible_bias.view(), phase);
    let mut chains = visible_units(&mut tiled);
    if sampled {
        chains.mapv_inplace(|x| f32::from(u8::from(x > 0.5)));
        open += check_samples(&chains, (&expected, hidden), stream, 5, 0)?;
        prop_assert_eq!(tiled.chain_sums(), chains.sum_axis(Axis(0)));
    } else {
        // Each was cut into two digits.
        let off = &tiled.chain_sums() - &chains.sum_axis(Axis(0));
        prop_assert!(off.iter().all(|off| off.abs() < batch as f32 * 1e-5));
        for (mean, expected) in chains.iter().zip(&expected) {
            prop_assert!(
                (f64::from(*mean) - expected).abs() < NEAR,
                "{mean} for {expected}"
            );
        }
    }
    let step = Step {
        keep: 0.75,
        scale: 0.01,
    };
    tiled.up(
        &workers,
        &(0..2 * batch),
        bias,
        (stream, 6),
        Some(step),
        None,
    );
    let [data_states, chain_states] =
        [0, 1].map(|part| unpack(tiled.blocks.iter().map(|block| &block.states[part]), hidden));
    open += check_samples(
        &data_states,
        (&plain.up(&plain.data), visible),
        stream,
        6,
        0,
    )?;
    open += check_samples(
        &chain_states,
        (&plain.up(&chains), visible),
        stream,
        6,
        batch,
    )?;
    // Some are bound to be too near to call, and no more.
    prop_assert!(
        open <= 4 + batch * (visible + 3 * hidden) / 400,
        "{open} are open"
    );
    prop_assert_eq!(
        chain_states.mapv(|x| x > 0.5),
        Array2::from_shape_fn((batch, hidden), |(row, unit)| tiled.chain(row, unit))
    );
    prop_assert_eq!(
        tiled.hidden_sums(),
        data_states.sum_axis(Axis(0)) - chain_states.sum_axis(Axis(0))
    );
    check_step(&tiled, &plain, &chains, [data_states, chain_states])
}

/// A step, of 0.75 of the weights and 0.01 of the gradient, is that of these states; answers the weights.
fn check_step(
    tiled: &Tiled,
    plain: &Plain,
    chains: &Array2<f32>,
    [data_states, chain_states]: [Array2<f32>; 2],
) -> Result<Array2<f32>, TestCaseError> {
    let stack = concatenate![Axis(0), plain.data.view(), chains.view()].mapv(f64::from);
    let hidden_stack = concatenate![Axis(0), data_states, -chain_states].mapv(f64::from);
    let gradient = stack.t().dot(&hidden_stack);
    let bound = 2.0 * tiled.batch as f64 * 0.01 * 2.0_f64.powf(-13.7) + 1e-6;
    let stepped = tiled.weights();
    for ((place, weight), old) in stepped.indexed_iter().zip(&plain.weights) {
        let expected = 0.75 * f64::from(*old) + 0.01 * gradient[place];
        prop_assert!(
            (f64::from(*weight) - expected).abs() < bound,
            "{weight} for {expected}"
        );
    }
    // What is largest was kept in sight.
    let largest = stepped.fold(0.0, |largest: f32, weight| largest.max(weight.abs()));
    prop_assert_eq!(tiled.largest_weight().to_bits(), largest.to_bits());
    for (block, weights) in tiled
        .blocks
        .iter()
        .zip(stepped.axis_chunks_iter(Axis(1), WIDE))
    {
        let bits = weights.mapv(|x| x.abs().to_bits());
        let most = |lane: ArrayView1<u32>| lane.iter().copied().max().unwrap_or(0);
        let of_rows: Vec<_> = bits.outer_iter().map(most).collect();
        let of_columns: Vec<_> = bits.axis_iter(Axis(1)).map(most).collect();
        prop_assert_eq!(&block.largest.of_rows, &of_rows);
        let kept = block.largest.of_columns.as_flattened();
        prop_assert_eq!(&kept[..of_columns.len()], &of_columns[..]);
    }
    Ok(stepped)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn an_update_is_one_of_plain_loops(
        visible in prop_oneof![1..70_usize, 120..300_usize],
        hidden in prop_oneof![1..70_usize, 120..300_usize],
        batch in 1..75_usize, kind in 0..3_u8, sampled: bool, from_data: bool, threads in 1..4_usize,
    ) {
        check_update((visible, hidden, batch), How { kind, sampled, from_data, threads })?;
    }
}

/// Layers whose lists are in several parts, of one group of blocks and of each of several; mini-batches of as many rows as are
/// added up, and of more.
#[test]
fn an_update_of_many_is_one_of_plain_loops_by_any_number_of_threads() {
    for dim in [
        (400, 700, 24),
        (330, 330, 33),
        (100, 90, 256),
        (100, 90, 257),
        (70, 120, 300),
    ] {
        for (kind, sampled) in [(0, false), (1, false), (2, false), (0, true), (1, true)] {
            let update = |threads| {
                let how = How {
                    kind,
                    sampled,
                    from_data: false,
                    threads,
                };
                check_update(dim, how).expect("plain loops")
            };
            let expected = update(1);
            for threads in [2, 3] {
                assert_eq!(update(threads), expected, "{dim:?} by {threads} threads");
            }
        }
    }
}

#[test]
fn what_is_no_probability_makes_weights_that_are_no_numbers() {
    let mut plain = Plain::new(50, 40, 20, 2);
    plain.visible_bias[7] = f32::NAN;
    let workers = Workers::single();
    let stream = Stream::new(1, Purpose::Training, 0);
    let mut tiled = plain.tiled();
    assert!(tiled.take_up_values(&workers, plain.data.view()));
    tiled.down(&workers, &(20..40), plain.visible_bias.view(), Phase::Mean);
    assert!(tiled.chain_sums()[7].is_nan() && sigmoid(f32::NAN).is_nan());
    let step = Step {
        keep: 1.0,
        scale: 0.1,
    };
    let bias = plain.hidden_bias.view();
    tiled.up(&workers, &(0..40), bias, (stream, 0), Some(step), None);
    assert!(tiled.weights().iter().all(|weight| weight.is_nan()));
    assert!(tiled.largest_weight().is_nan());
    plain.data[[3, 4]] = 1.5;
    assert!(!tiled.take_up_values(&workers, plain.data.view()));
}

#[test]
fn rows_that_several_threads_cut_at_a_step_change_nothing() {
    let plain = Plain::new(300, 200, 75, 1);
    let stream = Stream::new(1, Purpose::Training, 0);
    let train = |threads: usize, scale: f32| {
        let workers = Workers::new(threads).expect("threads");
        let mut tiled = plain.tiled();
        for update in 0..4 {
            assert!(tiled.take_up_values(&workers, plain.data.view()));
            let phase = Phase::Sampled((stream, 2 * update));
            tiled.down(&workers, &(75..150), plain.visible_bias.view(), phase);
            let (bias, draw) = (plain.hidden_bias.view(), (stream, 2 * update + 1));
            let step = Step { keep: 1.0, scale };
            tiled.up(&workers, &(0..150), bias, draw, Some(step), None);
        }
        tiled
    };
    // The largest of hardly a row passes a power of two by small steps; by large ones that of many does.
    for (scale, most) in [(1e-5, 0..2), (0.02, 10..300)] {
        let [mut alone, mut tiled] = [1, 2].map(|threads| train(threads, scale));
        assert_eq!(alone.weights(), tiled.weights());
        assert_eq!(visible_units(&mut alone), visible_units(&mut tiled));
        let mut units = vec![[0.0; ROWS]; tiled.units.len()];
        units_of_rows(&tiled.blocks, 0..tiled.visible, &mut units);
        let cut = |tiled: &Tiled| {
            let places = (0..).zip(&units);
            let found = tiled.blocks.iter().flat_map(|block| {
                places
                    .clone()
                    .filter(|(place, units)| block.down.get(*place, units).is_some())
            });
            found.count()
        };
        assert_eq!(cut(&alone), 0);
        let all = tiled.blocks.len() * units.len();
        // Vectors cut them on the way down.
        let most = if bytes::vectors() { all..all + 1 } else { most };
        assert!(
            most.contains(&(all - cut(&tiled))),
            "{} of {all}",
            cut(&tiled)
        );
    }
}

#[test]
fn a_mini_batch_taken_up_meanwhile_is_one_taken_up_when_its_turn_comes() {
    let plain = Plain::new(300, 200, 75, 1);
    let stream = Stream::new(1, Purpose::Training, 0);
    let states = BitRows::from_threshold(plain.data.view(), 0.5);
    let levels = plain.data.mapv(|x| (x * 255.0).round() / 255.0);
    let pixels = Pixels::of(&Workers::single(), levels.view()).expect("pixels");
    let chosen = |update: usize| (0..75).map(|row| row * (update + 2) % 75).collect();
    let chosen: Vec<Vec<usize>> = (0..4).map(chosen).collect();
    let train = |threads: usize, meanwhile: bool, of_pixels: bool| {
        let workers = Workers::new(threads).expect("threads");
        let batch = |update: usize| {
            let chosen = chosen.get(update)?;
            Some(if of_pixels {
                Batch::Pixels(&pixels, chosen)
            } else {
                Batch::States(&states, chosen)
            })
        };
        let mut tiled = plain.tiled();
        let mut sums = Vec::new();
        workers.awake(|| {
            for update in 0..chosen.len() {
                if update == 0 || !meanwhile {
                    tiled.take_up(&workers, batch(update).expect("a mini-batch"));
                }
                sums.push(tiled.data_sums().to_owned());
                let draw = |number| (stream, 2 * update as u64 + number);
                let phase = Phase::Sampled(draw(0));
                tiled.down(&workers, &(75..150), plain.visible_bias.view(), phase);
                let step = Step {
                    keep: 1.0,
                    scale: 0.01,
                };
                let next = batch(update + 1).filter(|_| meanwhile);
                let bias = plain.hidden_bias.view();
                tiled.up(&workers, &(0..150), bias, draw(1), Some(step), next);
            }
        });
        (tiled.weights(), sums)
    };
    for of_pixels in [true, false] {
        let expected = train(1, false, of_pixels);
        for threads in 1..4 {
            assert_eq!(train(threads, true, of_pixels), expected);
        }
    }
}
