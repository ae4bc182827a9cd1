use ndarray::{Array2, ShapeBuilder};
use proptest::prelude::*;

use super::*;
use crate::{Purpose, Stream};

/// Numbers of a kind: 0 and 1, whole ones, eight to a byte's grid, any.
fn random(rows: usize, columns: usize, kind: u8, seed: u64) -> Array2<f32> {
    let mut rng = Stream::new(seed, Purpose::Weights, kind.into()).rng(0);
    Array2::from_shape_simple_fn((rows, columns), || match kind {
        0 => f32::from(u8::from(rng.below(4) == 0)),
        1 => rng.below(513) as f32 - 256.0,
        2 => rng.below(256) as f32 / 255.0,
        _ => rng.normal() as f32,
    })
}

fn by(matrix: &Array2<f32>, transposed: bool) -> Array2<f32> {
    let mut stored = Array2::zeros(matrix.raw_dim().set_f(transposed));
    stored.assign(matrix);
    stored
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn agrees_with_three_plain_loops(
        rows in 1..90_usize, inner in 1..300_usize, columns in 1..70_usize,
        kinds: (u8, u8), transposed: (bool, bool), seed: u64,
        keep in prop::sample::select(vec![0.0_f32, 1.0, 0.5]),
    ) {
        let kinds = (kinds.0 % 4, kinds.1 % 4);
        let left = random(rows, inner, kinds.0, seed);
        let right = random(inner, columns, kinds.1, seed ^ 1);
        let start = random(rows, columns, 3, seed ^ 2);
        let mut out = if keep == 0.0 {
            Array2::from_elem((rows, columns), f32::NAN)
        } else {
            start.clone()
        };
        let stored = by(&left, transposed.0);
        let in_parts = InParts::new(&Workers::single(), stored.view());
        in_parts.product(keep, -0.75, by(&right, transposed.1).view(), out.view_mut());
        for ((row, column), got) in out.indexed_iter() {
            let terms = || (0..inner).map(|at| {
                f64::from(left[[row, at]]) * f64::from(right[[at, column]])
            });
            let begun = f64::from(keep) * f64::from(start[[row, column]]);
            let sum = begun - 0.75 * terms().sum::<f64>();
            let size = begun.abs() + terms().map(f64::abs).sum::<f64>();
            // What is left out, and what sums of single precision lose.
            let bound = (10.0 + inner as f64) * f64::from(f32::EPSILON) / 2.0 * size;
            prop_assert!((f64::from(*got) - sum).abs() <= bound, "{got} for {sum}");
            if kinds.0 < 2 && kinds.1 < 2 && keep == 0.0 && inner * 65_536 < 1 << 24 {
                prop_assert!((f64::from(*got) - sum).abs() <= 0.0, "whole numbers are exact");
            }
        }
    }

    #[test]
    fn parts_are_the_number(bits: u32) {
        let number = f32::from_bits(bits);
        // Below, the last part is smaller than bfloat16 goes.
        prop_assume!(number.is_finite() && number.abs() > 1e-30);
        let matrix = Array2::from_elem((1, 1), number);
        let lines = Lines { matrix: matrix.view(), together: 1, order: Order::Lines };
        let mut out = vec![0; PLACE];
        let count = cut_plainly(lines, 0..1, 0..1, 0, &mut out);
        let part = |part: usize| f32::from_bits(out[2 * part * TILE] << 16);
        let sum: f64 = (0..PARTS).map(|number| f64::from(part(number))).sum();
        prop_assert_eq!(sum.to_bits(), f64::from(number).to_bits());
        prop_assert!((count.into()..PARTS).all(|number| part(number).abs() <= 0.0));
    }
}

#[test]
fn parts_pay_where_one_side_has_one() {
    for (left, right, pays) in [(0, 3, true), (3, 0, true), (1, 1, true), (3, 3, false)] {
        let left = InParts::new(&Workers::single(), random(64, 64, left, 1).view());
        assert_eq!(left.pays(random(64, 40, right, 2).view()), pays);
    }
}

#[test]
fn a_last_block_of_one_column_is_multiplied_too() {
    // 17 columns are cut into 16 and one, whose stride means nothing.
    let (left, right) = (random(200, 784, 3, 1), random(784, 17, 3, 2));
    let workers = Workers::single();
    let mut products = [(); 2].map(|()| Array2::zeros((200, 17)));
    let [fast, dense] = &mut products;
    crate::product(
        &workers,
        0.0,
        1.0,
        left.view(),
        right.view(),
        fast.view_mut(),
    );
    crate::dense_product(
        &workers,
        0.0,
        1.0,
        left.view(),
        right.view(),
        dense.view_mut(),
    );
    for (fast, dense) in fast.iter().zip(dense) {
        assert!((fast - *dense).abs() < 1e-3, "{fast} for {dense}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (left, right) = (random(100, 784, 2, 1), random(784, 500, 3, 2));
    let results: Vec<_> = [1, 2, 3]
        .map(|threads| {
            let workers = Workers::new(threads).expect("threads");
            let mut out = Array2::zeros((100, 500));
            crate::product(
                &workers,
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
    if !amx::available().halves {
        eprintln!("skipped: this processor has no tiles of bfloat16");
        return;
    }
    for (kind, shape) in [(0, (16, 32)), (1, (9, 31)), (2, (16, 3)), (3, (16, 32))] {
        let numbers = random(shape.0, shape.1, kind, 5);
        let mut tiles = Vec::new();
        for transposed in [false, true] {
            let stored = by(&numbers, transposed);
            for order in [Order::Lines, Order::Pairs] {
                let lines = Lines {
                    matrix: stored.view(),
                    together: 1,
                    order,
                };
                let (mut plain, mut fast) = (vec![0; PLACE], vec![0; PLACE]);
                let mut counts = [0; 2];
                for half in 0..2 {
                    let (rows, places) = (0..shape.0, 0..shape.1);
                    let out = &mut plain[..PLACE];
                    counts[0] = cut_plainly(lines, rows.clone(), places.clone(), half, out);
                    let out = &mut fast[..PLACE];
                    // SAFETY: where tiles are AVX-512BW is.
                    counts[1] = unsafe { processor::cut_tile(lines, rows, places, half, out) };
                }
                assert_eq!(counts[0], counts[1]);
                assert_eq!(fast, plain, "kind {kind}, transposed {transposed}");
                tiles.push(fast);
            }
        }
        let set_up = Tiles::set_up();
        let mut sums = [[1.0; STRIP * STRIP]; 2];
        for begin in [true, false] {
            let parts = [PARTS as u8];
            let (left, right) = ((&tiles[0][..], &parts[..]), (&tiles[1][..], &parts[..]));
            multiply(&set_up, begin, left, right, &mut sums[0]);
            let pair = |first: usize, second: usize| [first, second].map(|part| part * 2 * TILE);
            let places = [
                pair(0, 0),
                pair(0, 1),
                pair(0, 2),
                pair(1, 0),
                pair(1, 1),
                pair(2, 0),
            ];
            multiply_plainly(&places, begin, left.0, right.0, &mut sums[1]);
        }
        for (fast, plain) in sums[0].iter().zip(&sums[1]) {
            let bound = if kind < 2 {
                0.0
            } else {
                1e-5 * plain.abs().max(10.0)
            };
            assert!(
                (fast - plain).abs() <= bound,
                "kind {kind}: {fast} for {plain}"
            );
        }
    }
}
