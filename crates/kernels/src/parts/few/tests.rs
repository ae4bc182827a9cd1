use ndarray::{Array2, s};
use proptest::prelude::*;

use super::lists::{list_fours_plainly, list_states_plainly, words_plainly};
use super::tables::{cut_fours_plainly, is_used, make_whole_plainly};
use super::*;
use crate::parts::both::{cut_both, multiply_both_plainly};
use crate::parts::{COLUMNS, FIRST, LESS, MOST_TERMS};
use crate::{Precision, Purpose, Stream, StreamRng, Workers};

fn rng(seed: u64) -> StreamRng {
    Stream::new(seed, Purpose::Digits, 0).rng(0)
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    States,
    Pixels,
    /// Of which all but some are near 0.
    Probabilities,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::States),
        Just(Kind::Pixels),
        Just(Kind::Probabilities)
    ]
}

/// Rows of digits, some of them 0.
fn digits(rows: usize, inner: usize, kind: Kind, dark: u32, seed: u64) -> Array2<f32> {
    let mut rng = rng(seed);
    Array2::from_shape_simple_fn((rows, inner), || match (rng.below(dark), kind) {
        (0, Kind::States) => 1.0,
        (0, Kind::Pixels) => rng.below(256) as f32 / 255.0,
        (0, Kind::Probabilities) => rng.uniform() as f32,
        // Some of them are nearer than what counts.
        (_, Kind::Probabilities) => rng.uniform().powi(8) as f32 / 300.0,
        _ => 0.0,
    })
}

fn in_parts(values: &Array2<f32>) -> InParts {
    let (rows, inner) = values.dim();
    let mut parts = InParts::new(Precision::Training, rows, inner);
    assert!(parts.cut(&Workers::single(), values.view(), 1.0, 0));
    parts
}

fn any_words(rows: usize, each: usize, seed: u64) -> Vec<u64> {
    let mut rng = rng(seed);
    let mut half = || u64::from(rng.below(u32::MAX));
    (0..rows * each)
        .map(|_| half() << 32 & half() << 20 | half() & half())
        .collect()
}

/// One after the other.
fn all_parts(parts: usize) -> impl Iterator<Item = Part> {
    (0..parts).map(move |number| Part {
        number,
        goes_on: number > 0,
        is_last: number + 1 == parts,
    })
}

proptest! {
    #[test]
    fn rows_are_listed_as_by_the_plain_twins(
        rows in 1..70_usize, inner in 1..300_usize, kind in kind(), dark in 1..20_u32, most in 0..2_000_usize, seed: u64,
    ) {
        let values = digits(rows, inner, kind, dark, seed);
        let parts = in_parts(&values);
        // Lists of other digits, which are used again.
        let mut used = Lists::default();
        list_fours(&Strip::of(&in_parts(&digits(STRIP, inner, Kind::Probabilities, 2, seed)), 0), most, &mut used);
        for number in 0..rows.div_ceil(STRIP) {
            let strip = Strip::of(&parts, number);
            let packed = words(&strip);
            if !strip.has_second() {
                prop_assert_eq!(&packed, &words_plainly(&strip));
            }
            prop_assert!(packed.is_some() || !matches!(kind, Kind::States));
            let mut lists = [Lists::default(), Lists::default()];
            let fits = list_fours(&strip, most, &mut lists[0]);
            lists[1].clear_for(&strip);
            prop_assert_eq!(fits, list_fours_plainly(&strip, most, &mut lists[1]));
            prop_assert_eq!(&lists[0], &lists[1]);
            if fits {
                prop_assert!(list_fours(&strip, most, &mut used));
                prop_assert_eq!(&used, &lists[0]);
            }
        }
    }

    #[test]
    fn states_are_listed_as_by_the_plain_twin(rows in 0..40_usize, each in 1..14_usize, seed: u64) {
        let words = any_words(rows, each, seed);
        let mut lists = [Lists::default(), Lists::default()];
        for lists in &mut lists {
            lists.parts = 1 + seed as usize % each;
        }
        list_states(&words, each, &mut lists[0]);
        lists[1].clear(each, lists[0].within, WHOLE_WORDS);
        for (tile, used) in lists[1].used.iter_mut().enumerate() {
            *used = words.iter().skip(tile).step_by(each).fold(0, |used, word| used | word);
        }
        list_states_plainly(&words, each, &mut lists[1]);
        prop_assert_eq!(&lists[0], &lists[1]);
    }

    #[test]
    fn numbers_are_made_whole_and_cut_as_by_the_plain_twins(
        inner in 1..200_usize, columns in 1..60_usize, first in 0..40_usize, power in 0..40_i32, seed: u64,
    ) {
        let first = first.min(columns - 1);
        let mut rng = rng(seed);
        // Rows are columns of the right matrix; of each the largest is known to be below 1.
        let matrix = Array2::from_shape_simple_fn((columns, inner), || rng.uniform() as f32 * 2.0 - 1.0);
        let (scale, unit) = (2.0_f32.powi(power - 20), 2.0_f32.powi(power - 42));
        let matrix = matrix * scale;
        let units = [[unit; ROWS], [unit * 2.0; ROWS]];
        let both = units.each_ref();
        let turned = matrix.t().as_standard_layout().to_owned();
        let depth = inner.div_ceil(DEPTH);
        let range = first..columns.min(first + STRIP);
        let used = any_words(1, depth, seed);
        for right in [matrix.view(), turned.t()] {
            let mut whole = [vec![7; depth * WHOLES], vec![9; depth * WHOLES]];
            make_whole(right, range.clone(), both, &used, &mut whole[0]);
            let factors = units.map(|units| units.map(|unit| LESS / unit));
            make_whole_plainly(right, range.clone(), &factors, &used, &mut whole[1]);
            let [whole, plain] = whole.each_ref().map(|whole| whole.as_chunks::<WIDTH>().0);
            for (place, (whole, plain)) in whole.iter().zip(plain).enumerate() {
                prop_assert!(whole == plain || !is_used(&used, place / DEPTH, place % DEPTH));
            }
        }
        let mut fours = [vec![7; 2 * depth * FOURS], vec![9; 2 * depth * FOURS]];
        if columns > 1 {
            cut_fours(turned.t(), range.clone(), both, &used, &mut fours[0]);
            let middle = range.end.min(first + ROWS);
            let halves = [first..middle, middle..range.end];
            for ((range, units), out) in halves.into_iter().zip(units).zip(fours[1].chunks_mut(depth * FOURS)) {
                cut_fours_plainly(turned.t(), range, &units.map(|unit| LESS / unit), &used, out);
            }
            let [fours, plain] = fours.each_ref().map(|fours| fours.as_chunks::<{ 2 * WIDTH }>().0);
            for (four, (fours, plain)) in fours.iter().zip(plain).enumerate() {
                let four = four % (depth * DEPTH / BYTES);
                let used = is_used(&used, four / (DEPTH / BYTES), four % (DEPTH / BYTES));
                prop_assert!(fours == plain || !used);
            }
        }
    }

    #[test]
    fn sums_of_parts_are_those_of_one(
        rows in 1..=STRIP, groups in 1..4_usize, each in 1..14_usize, two: bool, seed: u64,
    ) {
        let words = any_words(rows, each, seed);
        let mut rng = rng(seed);
        let mut any = || rng.uniform() as f32 * 2.0 - 1.0;
        let columns = if two { 2 * STRIP } else { STRIP };
        let right = Array2::from_shape_simple_fn((each * DEPTH, columns), &mut any);
        let units = [2.0_f32.powi(-22); ROWS];
        let scales: Vec<[f32; ROWS]> = (0..columns / ROWS).map(|_| [any(); ROWS]).collect();
        let mut few = Few::none();
        let listed = |few: &mut Few, groups| {
            few.list_states(&words, each, groups);
            prop_assert_eq!(few.way(), Way::Ones);
            Ok(few.parts())
        };
        let all = vec![u64::MAX; each];
        let tables: Vec<_> = (0..columns).step_by(STRIP).map(|first| {
            let mut table = vec![7; each * WHOLES + NONE];
            make_whole(right.t(), first..first + STRIP, [&units; 2], &all, &mut table);
            put_none(&mut table[each * WHOLES..]);
            table
        }).collect();
        let scaled = tables.iter().zip(scales.as_chunks().0);
        let tables: Vec<_> = scaled.map(|(table, scales)| (&table[..], *scales)).collect();
        let put = |few: &Few, part, out: &mut Vec<f32>| {
            let mut rows: Vec<_> = out.chunks_mut(columns).collect();
            few.add_ones(part, &tables, 0, &mut rows);
        };
        let mut expected = vec![7.0; rows * columns];
        for part in all_parts(listed(&mut few, 1)?) {
            put(&few, part, &mut expected);
        }
        let parts = listed(&mut few, groups)?;
        prop_assert_eq!(parts % groups.min(each), 0);
        // From the last to the first.
        let mut found = vec![7.0; rows * columns];
        for number in (0..parts).rev() {
            let part = Part { number, goes_on: number + 1 < parts, is_last: number == 0 };
            put(&few, part, &mut found);
        }
        let [found, expected] = [found, expected].map(|all| {
            all.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        });
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn sums_are_those_of_products_of_tiles(
        rows in 1..=STRIP, inner in 1..300_usize, columns in 2..=STRIP, kind in kind(), dark in 2..20_u32, seed: u64,
    ) {
        let values = digits(rows, inner, kind, dark, seed);
        let parts = in_parts(&values);
        let mut rng = rng(seed + 1);
        let right = Array2::from_shape_simple_fn((inner, columns), || rng.uniform() as f32 * 2.0 - 1.0);
        let right = right.t();
        let (units, depth) = ([2.0_f32.powi(-22); ROWS], inner.div_ceil(DEPTH));
        let strip = Strip::of(&parts, 0);
        let mut lists = Lists::default();
        let scales = [[2.0_f32.powi(-3); ROWS], [0.3; ROWS]];
        let mut all = [(); 3].map(|()| Array2::from_elem((rows, 2 * STRIP), 7.0));
        let [found, plain, expected] = all.each_mut().map(|all| -> Vec<&mut [f32]> {
            all.as_slice_mut().expect("rows side by side").chunks_mut(2 * STRIP).collect()
        });
        let (mut found, mut plain, mut expected) = (found, plain, expected);
        if let Some(words) = words(&strip) {
            let mut table = vec![7; depth * WHOLES + NONE];
            lists.parts = 1 + seed as usize % depth;
            list_states(&words, depth, &mut lists);
            make_whole(right, 0..columns, [&units; 2], &lists.used, &mut table);
            put_none(&mut table[depth * WHOLES..]);
            let tables = [(table.as_chunks().0, &scales)];
            for part in all_parts(lists.parts) {
                add_ones(&lists, part, tables, ROWS, &mut found);
                add_ones_plainly(&lists, part, tables, ROWS, &mut plain);
            }
        } else {
            prop_assert!(list_fours(&strip, usize::MAX, &mut lists));
            let mut tables = vec![7; 2 * depth * FOURS];
            cut_fours(right, 0..columns, [&units; 2], &lists.used, &mut tables);
            let (first, second) = tables.split_at(depth * FOURS);
            let tables = [first, second].map(bytemuck::cast_slice);
            add_fours(&lists, tables, &scales, ROWS, &mut found);
            add_fours_plainly(&lists, tables, &scales, ROWS, &mut plain);
        }
        for (half, scales) in scales.iter().enumerate().take(columns.div_ceil(ROWS)) {
            let range = half * ROWS..columns.min((half + 1) * ROWS);
            let mut tiles = vec![[0; COLUMNS]; depth];
            cut_both(right, range, &units, &mut tiles);
            let tiles: Vec<_> = tiles.iter().collect();
            let mut sums = [[[0; WIDTH]; 2]; STRIP];
            multiply_both_plainly(rows, parts.strip(0), &tiles, &mut sums);
            put_sums_plainly(scales, &sums, ROWS * (half + 1), &mut expected);
        }
        // All sums are below 2²⁴: none is rounded before it is scaled.
        let [found, plain, expected] = all.map(|all| all.mapv(f32::to_bits));
        prop_assert_eq!(&found, &plain);
        let there = s![.., ROWS..ROWS + columns];
        prop_assert_eq!(found.slice(there), expected.slice(there));
        prop_assert_eq!(found.slice(s![.., ..ROWS]), expected.slice(s![.., ..ROWS]));
    }
}

#[test]
fn what_is_listed_is_what_pays() {
    let way = |values: &Array2<f32>| {
        let mut few = Few::none();
        few.list(&in_parts(values), 0);
        few.way()
    };
    let digits = |kind, dark| digits(30, 200, kind, dark, 1);
    assert_eq!(way(&digits(Kind::States, 4)), Way::Ones);
    assert_eq!(way(&digits(Kind::States, 1)), Way::All);
    assert_eq!(way(&digits(Kind::Pixels, 20)), Way::Fours);
    assert_eq!(way(&digits(Kind::Pixels, 2)), Way::All);
    assert_eq!(way(&digits(Kind::Probabilities, 20)), Way::Fours);
    assert_eq!(way(&digits(Kind::Probabilities, 2)), Way::All);
}

#[test]
fn the_last_places_of_wide_layers_are_found() {
    for inner in [127 * DEPTH, 128 * DEPTH, MOST_TERMS] {
        let depth = inner / DEPTH;
        // Columns 3 and 20 have 0.5 and 0.25 in the last place.
        let mut right = Array2::zeros((inner, STRIP));
        (right[[inner - 1, 3]], right[[inner - 1, 20]]) = (0.5, 0.25);
        let unit = 2.0_f32.powi(-22);
        let (units, scales) = ([unit; ROWS], [[FIRST * unit; ROWS]; 2]);
        // One digit, 0.2, and two.
        for (way, on) in [(Way::Ones, 1.0), (Way::Fours, 0.2), (Way::Fours, 0.3)] {
            let mut values = Array2::zeros((1, inner));
            values[[0, inner - 1]] = on;
            let mut few = Few::none();
            few.list(&in_parts(&values), 0);
            assert_eq!(few.way(), way);
            let mut table = vec![7; depth * WHOLES + NONE];
            put_none(&mut table[depth * WHOLES..]);
            let mut row = [7.0; STRIP];
            let mut rows = [&mut row[..]];
            let used = &few.lists.used;
            assert_eq!(used[..depth - 1], vec![0; depth - 1]);
            if way == Way::Ones {
                make_whole(right.t(), 0..STRIP, [&units; 2], used, &mut table);
                for part in all_parts(few.parts()) {
                    few.add_ones(part, &[(&table, scales)], 0, &mut rows);
                }
            } else {
                cut_fours(right.t(), 0..STRIP, [&units; 2], used, &mut table);
                few.add_fours(&table, &scales, 0, &mut rows);
            }
            for (found, weight) in row.iter().zip(right.row(inner - 1)) {
                assert!((found - on * weight).abs() < 1e-6, "{found}");
            }
        }
    }
}
