use proptest::prelude::*;

use super::*;
use crate::Purpose;
use crate::philox::{GROUP, PAIRED, half};

/// Fields at which 2¹⁶ p is that far from the random number of a unit, or from the next one.
fn near_the_numbers(stream: Stream, (draw, row, first): Place, kinds: &[u8]) -> Vec<f32> {
    let field = |(column, kind): (usize, &u8)| {
        let (pair, within) = (column / PAIRED, column % PAIRED);
        let word = stream.bits(draw, row, (pair * GROUP + within % GROUP) as u32);
        let number = f64::from(half(word, within / GROUP) + u32::from(kind % 2));
        let off = [0.0, -1.0, 1.0, -3.0, 3.0][usize::from(kind / 2 % 5)];
        let off = off * 2.0_f64.powi(-12 - i32::from(kind / 16));
        let p = number / 65_536.0 * (1.0 + off);
        (p / (1.0 - p)).ln() as f32
    };
    (first..).zip(kinds).map(field).collect()
}

/// Of rows of such fields, each of which begins with another one.
fn both_ways(
    rows: usize,
    stream: Stream,
    place: Place,
    fields: &[f32],
    bias: &[f32],
) -> [Vec<u64>; 2] {
    let mut fields: Vec<_> = (0..rows)
        .map(|row| {
            let mut fields = fields.to_vec();
            let by = row % fields.len().max(1);
            fields.rotate_left(by);
            fields
        })
        .collect();
    let rows: Vec<_> = fields.iter_mut().map(Vec::as_mut_slice).collect();
    let none = || vec![0; rows.len() * bias.len().div_ceil(64)];
    let [mut fast, mut plain] = [none(), none()];
    sample_rows(stream, place, &rows, bias, &mut fast, &|_| ());
    sample_plainly(stream, place, &rows, bias, &mut plain);
    [fast, plain]
}

proptest! {
    #[test]
    fn samples_are_those_of_the_plain_twin(
        seed: u64, draw in 0..1_u64 << 62, row in 0..u32::MAX - 5, rows in 0..5_usize, first in 0..400_usize,
        fields in proptest::collection::vec((-120.0..120.0_f32, -3.0..3.0_f32), 0..300), scale in 0.0..1.0_f32,
    ) {
        let stream = Stream::new(seed, Purpose::Training, 0);
        let (fields, bias): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
        let fields: Vec<_> = fields.into_iter().map(|x: f32| x * scale).collect();
        let [fast, plain] = both_ways(rows, stream, (draw, row, first), &fields, &bias);
        prop_assert_eq!(fast, plain);
    }

    #[test]
    fn and_where_the_number_is_near_the_probability(
        seed: u64, first in 0..200_usize, kinds in proptest::collection::vec(0..200_u8, 1..300),
    ) {
        let stream = Stream::new(seed, Purpose::Training, 1);
        let place = (seed >> 2, 5, first);
        let fields = near_the_numbers(stream, place, &kinds);
        let [fast, plain] = both_ways(1, stream, place, &fields, &vec![0.0; fields.len()]);
        prop_assert_eq!(fast, plain);
    }
}

#[test]
fn fields_that_are_no_numbers_give_what_the_plain_twin_gives() {
    let stream = Stream::new(1, Purpose::Training, 2);
    let odd = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        f32::MIN,
        -0.0,
        90.0,
        -90.0,
    ];
    let fields: Vec<_> = odd.into_iter().cycle().take(1000).collect();
    let bias = vec![0.5; fields.len()];
    let [fast, plain] = both_ways(3, stream, (3, 4, 0), &fields, &bias);
    assert_eq!(fast, plain);
    // Nor do none, from wherever the row begins.
    for first in [0, 1, 128] {
        assert_eq!(
            both_ways(2, stream, (3, 4, first), &[], &[]),
            [vec![], vec![]]
        );
    }
}

#[test]
fn narrow_layers_are_one_long_row() {
    let stream = Stream::new(2, Purpose::Training, 3);
    for units in [1_usize, 10, 63, 64, 65, 100] {
        let (rows, first) = (37, (1 << 24) - 20);
        let bias: Vec<_> = (0..units).map(|unit| unit as f32 / 50.0 - 1.0).collect();
        for first in [5, first] {
            let mut fields: Vec<Vec<f32>> = (0..rows)
                .map(|row| {
                    (0..units)
                        .map(|unit| ((row * 7 + unit) % 11) as f32 - 5.0)
                        .collect()
                })
                .collect();
            let fields: Vec<_> = fields.iter_mut().map(Vec::as_mut_slice).collect();
            let mut states = Array2::zeros((rows, units.div_ceil(64)));
            sample(
                (stream, 9),
                units,
                (first, 0),
                &bias,
                &fields,
                &mut states,
                &|_| (),
            );
            for ((row, fields), states) in (first..).zip(&fields).zip(states.outer_iter()) {
                for (unit, (field, bias)) in fields.iter().zip(&bias).enumerate() {
                    let p = crate::sigmoid(field + bias);
                    let one = stream.is_one(9, units, row, unit as u32, p);
                    assert_eq!(
                        states[unit / 64] >> (unit % 64) & 1 == 1,
                        one,
                        "unit {unit} of row {row}"
                    );
                }
            }
        }
    }
}
