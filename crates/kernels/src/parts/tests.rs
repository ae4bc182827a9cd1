use std::collections::HashSet;
use std::ops::Range;

use ndarray::{Array1, Array2, ShapeBuilder, s};
use proptest::prelude::*;

use super::both::cut_both_plainly;
use super::cut::{MOST, cut_plainly, largest_plainly, unit};
use super::grow::{across_plainly, grow_plainly};
use super::pairs::{Pair, multiply, multiply_plainly};
use super::*;
use crate::{Purpose, Stream};

/// Numbers of a kind: states, states that count negatively, pixels, probabilities and their negatives, any; two digits
/// on the left, two on the right.
fn random(rows: usize, columns: usize, kind: u8, seed: u64) -> Array2<f32> {
    let mut rng = Stream::new(seed, Purpose::Weights, kind.into()).rng(0);
    Array2::from_shape_simple_fn((rows, columns), || match kind {
        0 => f32::from(u8::from(rng.below(4) == 0)),
        1 => -f32::from(u8::from(rng.below(4) == 0)),
        2 => rng.below(256) as f32 / 255.0,
        3 => rng.uniform() as f32,
        6 => rng.below(65_281) as f32 / 65_280.0,
        7 => rng.below(20_001) as f32 - 10_000.0,
        4 => -(rng.uniform() as f32),
        _ => rng.normal() as f32,
    })
}

const STATES: u8 = 0;
const PIXELS: u8 = 2;
const PROBABILITIES: u8 = 3;
const ANY: u8 = 5;
const TWO: u8 = 6;
const WHOLE_NUMBERS: u8 = 7;

fn by(matrix: &Array2<f32>, transposed: bool) -> Array2<f32> {
    let mut stored = Array2::zeros(matrix.raw_dim().set_f(transposed));
    stored.assign(matrix);
    stored
}

const PRECISIONS: [Precision; 2] = [Precision::Single, Precision::Training];

fn parts(precision: Precision, left: &Array2<f32>) -> InParts {
    InParts::of(&Workers::single(), precision, left.view()).expect("numbers from 0 to 1")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn agrees_with_three_plain_loops(
        rows in 1..70_usize, inner in prop_oneof![1..200_usize, 500..600_usize], columns in 1..110_usize,
        left in prop::sample::select(vec![0, 1, PIXELS, PROBABILITIES, 4, TWO]),
        right in prop::sample::select(vec![0, 1, PIXELS, PROBABILITIES, ANY, WHOLE_NUMBERS]), mixed: bool, transposed: (bool, bool), seed: u64,
        keep in prop::sample::select(vec![0.0_f32, 1.0, 0.5]),
        precision in prop::sample::select(PRECISIONS.to_vec()),
    ) {
        let kinds = (left, right);
        let mut left = random(rows, inner, kinds.0, seed);
        // One that is large enough, of the sign of the others.
        left[[0, 0]] = if kinds.0 == 1 || kinds.0 == 4 { -1.0 } else { 1.0 };
        if mixed && kinds.0 == PROBABILITIES {
            // Rows with one digit beside rows with three.
            left.slice_mut(s![..rows / 2, ..]).assign(&random(rows / 2, inner, STATES, seed));
        }
        let right = random(inner, columns, kinds.1, seed ^ 1);
        let start = random(rows, columns, ANY, seed ^ 2);
        let mut out = if keep == 0.0 {
            Array2::from_elem((rows, columns), f32::NAN)
        } else {
            start.clone()
        };
        let stored = by(&left, transposed.0);
        parts(precision, &stored).product(keep, -0.75, by(&right, transposed.1).view(), out.view_mut());
        for ((row, column), got) in out.indexed_iter() {
            let terms = || (0..inner).map(|at| {
                f64::from(left[[row, at]]) * f64::from(right[[at, column]])
            });
            let begun = f64::from(keep) * f64::from(start[[row, column]]);
            let product = -0.75 * terms().sum::<f64>();
            let largest = right.column(column).iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            let sum: f64 = left.row(row).iter().map(|x| f64::from(x.abs())).sum();
            let [of_sum, of_terms] = match precision {
                Precision::Single => [-22.0, -20.0],
                Precision::Training => [-14.9, -13.7],
            };
            let bound = if kinds.0 < PROBABILITIES {
                sum * 2.0_f64.powf(of_sum)
            } else {
                inner as f64 * 2.0_f64.powf(of_terms)
            };
            let bound = 0.75 * bound * f64::from(largest);
            let rounded = f64::from(f32::EPSILON) * (2.0 * product.abs() + begun.abs());
            let error = (f64::from(*got) - begun - product).abs();
            prop_assert!(error <= bound + rounded, "{got} for {} ± {bound}", begun + product);
            let whole = kinds.0 == STATES && match precision {
                Precision::Single => [STATES, WHOLE_NUMBERS].contains(&kinds.1),
                Precision::Training => kinds.1 == STATES,
            };
            // Up to where 255 times their sum has no more digits than single precision.
            if whole && keep == 0.0 && product.abs() < 49_000.0 {
                prop_assert!(error == 0.0, "{got} for {product}");
            }
        }
    }
}

proptest! {
    #[test]
    fn columns_are_cut_into_both_digits_as_by_the_plain_twin(
        first in 0..20_usize, columns in 1..=ROWS, inner in 1..200_usize, transposed: bool, seed: u64,
        power in prop::sample::select(vec![-20, -10, 0]),
    ) {
        let right = by(&random(first + columns, inner, ANY, seed), transposed);
        let unit = |column: usize| 2.0_f32.powi(power) * [1.0, 2.0, 4.0][column % 3];
        let units: [f32; ROWS] = std::array::from_fn(unit);
        let none = || vec![[7; COLUMNS]; inner.div_ceil(DEPTH)];
        let [mut fast, mut plain] = [none(), none()];
        cut_both(right.view(), first..first + columns, &units, &mut fast);
        cut_both_plainly(right.view(), first..first + columns, units.map(f32::recip), &mut plain);
        prop_assert_eq!(fast, plain);
    }
}

#[test]
fn only_numbers_of_one_sign_up_to_one_and_not_all_small_are_cut() {
    let one = |x: f32, y: f32| {
        let matrix = Array2::from_shape_fn((20, 40), |(i, j)| match (i, j) {
            (3, 4) => x,
            (17, 39) => y,
            _ => 0.0,
        });
        [false, true].map(|transposed| {
            let left = by(&matrix, transposed);
            PRECISIONS
                .map(|precision| InParts::of(&Workers::single(), precision, left.view()).is_some())
        })
    };
    assert_eq!(one(1.0, 0.5), [[true; 2]; 2]);
    assert_eq!(one(0.01, 0.05), [[false; 2]; 2]);
    assert_eq!(one(-1.0, -0.5), [[true; 2]; 2]);
    assert_eq!(one(-0.0, 0.5), [[true; 2]; 2]);
    assert_eq!(one(-1.0, 0.5), [[false; 2]; 2]);
    assert_eq!(one(1.01, 0.5), [[false; 2]; 2]);
    assert_eq!(one(0.0, f32::NAN), [[false; 2]; 2]);
    assert_eq!(one(f32::INFINITY, 0.0), [[false; 2]; 2]);
}

#[test]
fn what_is_not_finite_makes_its_column_not_a_number() {
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    for (bad, precision) in bad
        .into_iter()
        .flat_map(|bad| PRECISIONS.map(|precision| (bad, precision)))
    {
        let mut right = random(40, 20, ANY, 2);
        right[[7, 3]] = bad;
        let mut out = Array2::zeros((30, 20));
        parts(precision, &random(30, 40, PROBABILITIES, 1)).product(
            0.0,
            1.0,
            right.view(),
            out.view_mut(),
        );
        for ((_, column), x) in out.indexed_iter() {
            assert_eq!(x.is_nan(), column == 3);
        }
    }
}

#[test]
fn units_fit_the_largest_number() {
    for largest in [1.0, 1.9, 1.999, 3.3e37, 1e-5, 1e-38, 0.0] {
        let unit = unit(f32::to_bits(largest));
        assert!(largest / unit <= MOST && unit.is_normal() && unit.recip().is_normal());
        assert!(unit <= largest.max(2.0_f32.powi(-100)) * 2.0_f32.powf(-21.99));
    }
}

#[test]
fn a_last_block_of_one_column_is_multiplied_too() {
    // Two threads cut 17 columns into 16 and one, whose stride means nothing.
    let (left, right) = (random(200, 784, PIXELS, 1), random(784, 17, ANY, 2));
    let workers = Workers::new(2).expect("threads");
    for transposed in [false, true] {
        let right = by(&right, transposed);
        let mut fast = Array2::zeros((200, 17));
        let (left, right) = (left.view(), right.view());
        let precision = Precision::Single;
        crate::product(&workers, precision, 0.0, 1.0, left, right, fast.view_mut());
        let mut dense = Array2::zeros((200, 17));
        crate::dense_product(&workers, 0.0, 1.0, left, right, dense.view_mut());
        for (fast, dense) in fast.iter().zip(&dense) {
            assert!((fast - *dense).abs() < 1e-3, "{fast} for {dense}");
        }
    }
}

#[test]
fn samples_are_those_of_their_rows_on_any_number_of_threads() {
    // More rows than are multiplied at a time.
    let (rows, half) = (MOST_ROWS + 200, MOST_ROWS - 300);
    let input = random(rows, 200, PROBABILITIES, 1);
    let weights = random(200, 150, ANY, 2) * 0.1;
    let bias = Array1::zeros(150);
    let stream = Stream::new(4, Purpose::Training, 0);
    let sample = |threads: usize, rows: Range<usize>| {
        let workers = Workers::new(threads).expect("threads");
        let mut out = [(); 2].map(|()| Array2::zeros((rows.len(), 150)));
        let [means, samples] = &mut out;
        let draw = crate::Draw {
            stream,
            number: 3,
            first_row: rows.start as u32,
            samples: samples.view_mut(),
        };
        let input = input.slice(s![rows, ..]);
        let (weights, bias) = (weights.view(), bias.view());
        crate::conditional(
            &workers,
            Precision::Training,
            1.0,
            input,
            weights,
            bias,
            means.view_mut(),
            Some(draw),
        );
        out
    };
    let all = sample(1, 0..rows);
    assert!((0.4..0.6).contains(&all[1].mean().expect("samples")));
    assert_eq!(sample(3, 0..rows), all);
    for part in [0..half, half..rows] {
        let expected = all
            .each_ref()
            .map(|out| out.slice(s![part.clone(), ..]).to_owned());
        assert_eq!(sample(2, part), expected);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let right = random(784, 500, ANY, 2);
    // More than are multiplied at a time.
    let left = random(MOST_ROWS + 100, 784, PROBABILITIES, 1);
    let results: Vec<_> = [1, 2, 3]
        .map(|threads| {
            let workers = Workers::new(threads).expect("threads");
            let mut out = Array2::zeros((MOST_ROWS + 100, 500));
            crate::product(
                &workers,
                Precision::Single,
                0.0,
                1.0,
                left.view(),
                right.view(),
                out.view_mut(),
            );
            out
        })
        .into();
    assert!(results.iter().all(|result| *result == results[0]));
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn the_processors_tiles_agree_with_their_plain_twins() {
    if !bytes::available() {
        eprintln!("skipped: this processor has neither tiles nor vectors of bytes");
        return;
    }
    let room = DIGITS * TILE;
    for (kind, shape) in [
        (0, (16, 64)),
        (1, (9, 31)),
        (2, (16, 3)),
        (3, (1, 17)),
        (4, (16, 64)),
        (5, (13, 50)),
    ] {
        let numbers = random(shape.0, shape.1, kind, 5);
        for transposed in [false, true] {
            let stored = by(&numbers, transposed);
            let left = [1.0, -1.0].map(Side::Left);
            for (side, precision) in left
                .into_iter()
                .chain([Side::Right([2.0_f32.powi(20); ROWS])])
                .flat_map(|side| PRECISIONS.map(|precision| (side, precision)))
            {
                let lines = Lines {
                    matrix: stored.view(),
                    side,
                    precision,
                };
                // Digits that are not there may be left as they were.
                let (mut plain, mut fast) = (vec![0; room], vec![0; room]);
                let (all, inner) = (0..shape.0, 0..shape.1);
                let places = |digit| digit * TILE;
                let count = cut_plainly(lines, all.clone(), inner.clone(), places, &mut plain);
                // SAFETY: where products of bytes are AVX-512BW is.
                let same = unsafe { processor::cut_tile(lines, all, inner, places, &mut fast) };
                assert_eq!(same, count, "kind {kind}, transposed {transposed}");
                assert!(
                    count.is_none() || fast == plain,
                    "kind {kind}, transposed {transposed}"
                );
            }
            let mut bits = [[[0; WIDTH]; 4]; 2];
            largest_plainly(stored.view(), &mut bits[0]);
            // SAFETY: where products of bytes are AVX-512 is.
            unsafe { processor::largest(stored.view(), &mut bits[1]) };
            assert_eq!(bits[0], bits[1]);
        }
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn products_of_tiles_agree_with_their_plain_twin() {
    if !bytes::available() {
        eprintln!("skipped: this processor has neither tiles nor vectors of bytes");
        return;
    }
    let mut rng = Stream::new(3, Purpose::Weights, 0).rng(0);
    let mut any =
        |length: usize| -> Vec<u32> { (0..length).map(|_| rng.below(u32::MAX)).collect() };
    let (left, right) = (any(DIGITS * 3 * 2 * TILE), any(DIGITS * 3 * 2 * TILE));
    let [single, training] = PRECISIONS;
    for (precision, digits, count, levels) in [
        (single, [1, 0, 1], 3, vec![2; 3]),
        (single, [3, 2, 1], 3, vec![3, 5, 6]),
        (single, [1, 1, 1], 1, vec![3]),
        (single, [2, 1, 0], 2, vec![2, 3, 1]),
        (training, [2, 1, 0], 2, vec![2, 3]),
        (single, [0; 3], 3, vec![]),
    ] {
        let mut pairs = Pairs::new(precision);
        pairs.find(&digits, count);
        let lengths: Vec<_> = pairs.levels().map(<[Pair]>::len).collect();
        assert_eq!(lengths, levels);
        let set_up = Tiles::set_up();
        for (halves, level) in [[true; 2], [true, false], [false, true], [false; 2]]
            .into_iter()
            .flat_map(|halves| pairs.levels().map(move |level| (halves, level)))
        {
            let mut sums = [[7; SUMS]; 2];
            multiply(&set_up, level, halves, &left, &right, &mut sums[0]);
            multiply_plainly(level, &left, &right, &mut sums[1]);
            let there = |place: usize| {
                (halves[0] || place / STRIP < ROWS) && (halves[1] || place % STRIP < ROWS)
            };
            for place in (0..SUMS).filter(|place| there(*place)) {
                assert_eq!(sums[0][place], sums[1][place]);
            }
        }
    }
    let sums: Vec<i32> = any(DIGITS * SUMS)
        .into_iter()
        .map(|x| x.cast_signed() >> 8)
        .collect();
    let scales = std::array::from_fn(|place| 0.01 + place as f32);
    for (levels, keep, first) in [(3, 0.0, 0), (1, 0.5, 32), (0, 1.0, 32), (2, 1.0, 0)] {
        let mut outs = [(); 2].map(|()| random(STRIP - 5, 50, ANY, 4));
        for (out, by) in outs.iter_mut().zip([add, add_plainly]) {
            let rows = out
                .outer_iter_mut()
                .map(|row| row.into_slice().expect("a row"));
            by(
                keep,
                &scales,
                levels,
                &sums,
                first,
                &mut rows.collect::<Vec<_>>(),
            );
        }
        assert_eq!(outs[0], outs[1]);
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn products_by_both_digits_agree_with_their_plain_twins() {
    if !bytes::available() {
        eprintln!("skipped: this processor has neither tiles nor vectors of bytes");
        return;
    }
    let mut rng = Stream::new(4, Purpose::Weights, 0).rng(0);
    let mut any =
        |length: usize| -> Vec<u32> { (0..length).map(|_| rng.below(u32::MAX)).collect() };
    let (left, right) = (any(strip_length(Precision::Training, 4)), any(4 * COLUMNS));
    let rights: Vec<_> = right.as_chunks().0.iter().collect();
    let set_up = Tiles::set_up();
    let mut different = HashSet::new();
    for digits in [[1; 4], [2; 4], [2, 1, 0, 1], [0, 2, 2, 0], [0; 4]] {
        for rows in [1, ROWS, ROWS + 1, STRIP] {
            let mut sums = [[[[7; WIDTH]; 2]; STRIP]; 2];
            multiply_both(&set_up, rows, (&left, &digits), &rights, &mut sums[0]);
            both::multiply_both_plainly(rows, (&left, &digits), &rights, &mut sums[1]);
            assert_eq!(sums[0][..rows], sums[1][..rows]);
            different.insert(sums[0][rows - 1]);
            let scales = std::array::from_fn(|place| 0.01 + place as f32);
            for first in [0, 16, 48] {
                let outs = [put_sums, both::put_sums_plainly].map(|by| {
                    let mut out = random(rows, 64, ANY, 4);
                    let rows = out.outer_iter_mut().map(ArrayViewMut1::into_slice);
                    let mut rows: Vec<_> = rows.map(|row| row.expect("a row")).collect();
                    by(&scales, &sums[0], first, &mut rows);
                    out
                });
                assert_eq!(outs[0], outs[1]);
            }
        }
    }
    // Of all cases but those without any digits.
    assert_eq!(different.len(), 4 * 4 + 1);
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn states_and_steps_agree_with_their_plain_twins() {
    if !bytes::available() {
        eprintln!("skipped: this processor has neither tiles nor vectors of bytes");
        return;
    }
    let mut rng = Stream::new(5, Purpose::Weights, 0).rng(0);
    let mut any =
        |length: usize| -> Vec<u32> { (0..length).map(|_| rng.below(u32::MAX)).collect() };
    let numbers = any(ROWS * BYTES);
    let masks =
        std::array::from_fn(|row| std::array::from_fn(|byte| numbers[row * BYTES + byte] as u16));
    for (on, transposed) in [(255, false), (255, true), (1, false)] {
        let mut tiles = [[7; TILE]; 2];
        // SAFETY: where products of bytes are AVX-512 is.
        unsafe { processor::spread(&masks, on, transposed, &mut tiles[0]) };
        states::spread_plainly(&masks, on, transposed, &mut tiles[1]);
        assert_eq!(tiles[0], tiles[1]);
    }
    let rows: [[u32; WIDTH]; ROWS] =
        std::array::from_fn(|_| any(WIDTH).try_into().expect("sixteen"));
    // SAFETY: as above.
    let most = unsafe { processor::across(&mut rows.clone()) };
    assert_eq!(most, across_plainly(&rows));
    let sums: Vec<i32> = any(DIGITS * SUMS)
        .into_iter()
        .map(|x| x.cast_signed() >> 8)
        .collect();
    let numbers = random(STRIP - 5, WIDE, ANY, 4);
    let numbers: Vec<[f32; WIDE]> = numbers
        .outer_iter()
        .map(|row| std::array::from_fn(|column| row[column]))
        .collect();
    for (levels, half) in [(3, 0), (1, 1), (0, 0), (2, 1)] {
        let grown = [grow, grow_plainly].map(|by| {
            let mut rows = numbers.clone();
            let mut largest = (vec![[1; WIDTH]; STRIP], [[2; WIDTH]; WIDE / WIDTH]);
            let (of_rows, of_columns) = (&mut largest.0, &mut largest.1);
            by(
                0.5,
                0.01,
                &sums.chunks(SUMS).take(levels).collect::<Vec<_>>(),
                (&mut rows, half),
                [of_rows, of_columns],
            );
            (rows, largest)
        });
        assert_eq!(grown[0], grown[1]);
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn an_inverse_and_what_it_leaves_over_divide_as_division_does() {
    use std::arch::x86_64::{_mm512_loadu_ps, _mm512_storeu_ps};
    if !bytes::available() {
        eprintln!("skipped: this processor has neither tiles nor vectors of bytes");
        return;
    }
    // Every number of single precision from 1 to 2, of both signs, and what sums may scale it by.
    for (first, power) in (0..1 << 23).step_by(16).zip((-16..32).cycle()) {
        let numbers: [f32; 16] = std::array::from_fn(|place| {
            let sign = if place % 2 == 0 { 1.0 } else { -1.0 };
            sign * f32::from_bits(0x3f80_0000 + first + place as u32) * 2.0_f32.powi(power)
        });
        let mut quotients = [0.0; 16];
        // SAFETY: where products of bytes are AVX-512 is; 64 bytes are read and written.
        unsafe {
            let x = _mm512_loadu_ps(numbers.as_ptr());
            _mm512_storeu_ps(quotients.as_mut_ptr(), processor::by_whole(x));
        }
        let bits = |numbers: [f32; 16]| numbers.map(f32::to_bits);
        assert_eq!(bits(quotients), bits(numbers.map(|x| x / WHOLE)));
    }
}
