//! The fast way against the plain one, and what holds for every run.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2, array, concatenate};
use proptest::prelude::*;
use resrel_kernels::{Purpose, Stream, Workers, squared_distance};

use crate::coordinates::Projection;
use crate::lloyd::largest;
use crate::means::{Means, Move};
use crate::seeding::seed;
use crate::{ClusterError, KMeans, KMeansConfig, Progress, Start, k_means};

fn run(data: ArrayView2<f32>, config: &KMeansConfig, threads: usize) -> (KMeans, Vec<Progress>) {
    let workers = Workers::new(threads).expect("threads");
    let mut seen = Vec::new();
    let found = k_means(data, config, &workers, &mut |progress| {
        seen.push(*progress);
        ControlFlow::Continue(())
    });
    (found.expect("valid data and config"), seen)
}

fn row(values: &[f32], width: usize, i: usize) -> &[f32] {
    &values[i * width..(i + 1) * width]
}

/// The centroid nearest to a point: its own if equally near, then the first.
fn nearest(point: &[f32], centroids: &[f32], own: u32) -> (u32, f32) {
    let mut best = (
        own,
        squared_distance(point, row(centroids, point.len(), own as usize)),
    );
    for (c, centroid) in centroids.chunks(point.len()).enumerate() {
        let squared = squared_distance(point, centroid);
        if squared < best.1 {
            best = (c as u32, squared);
        }
    }
    best
}

/// The algorithm as `k_means` describes it, from the same start, every distance computed, every sum
/// added up anew.
fn plain(data: &Array2<f32>, config: &KMeansConfig) -> (Vec<f32>, Vec<u32>, usize) {
    let (workers, d) = (Workers::single(), data.ncols());
    let values = data.as_slice().expect("rows");
    let largest = largest(&workers, values, d).expect("finite");
    let (_, coordinates) = Projection::of(&workers, values, d, config.k, config.seed);
    let (mut centroids, blocks) = seed(&workers, values, d, &coordinates, config);
    let mut own: Vec<u32> = blocks.iter().flat_map(|b| b.assignments.clone()).collect();
    for iteration in 1..=config.max_iterations {
        let before = own.clone();
        let mut counts = vec![0_u32; config.k];
        for c in &own {
            counts[*c as usize] += 1;
        }
        let mut order: Vec<usize> = (0..data.nrows()).collect();
        let far =
            |i: usize| squared_distance(row(values, d, i), row(&centroids, d, own[i] as usize));
        let far: Vec<f32> = (0..data.nrows()).map(far).collect();
        order.sort_by(|a, b| far[*b].total_cmp(&far[*a]));
        let mut taken = 0;
        let empty: Vec<usize> = (0..config.k).filter(|c| counts[*c] == 0).collect();
        for c in empty {
            let giver = |i: &usize| {
                far[*i] > 0.0 && own[*i] == before[*i] && counts[before[*i] as usize] > 1
            };
            if let Some(i) = order.iter().copied().find(giver) {
                counts[own[i] as usize] -= 1;
                own[i] = c as u32;
                taken += 1;
            }
        }
        let mut means = Means::new(values, &largest, config.k);
        let moves: Vec<Move> = (0..)
            .zip(&own)
            .map(|(point, to)| Move {
                point,
                from: None,
                to: *to,
            })
            .collect();
        for c in means.apply(&workers, &moves) {
            means.mean(c as usize, &mut centroids[c as usize * d..][..d]);
        }
        let next: Vec<u32> = (own.iter().enumerate())
            .map(|(i, c)| nearest(row(values, d, i), &centroids, *c).0)
            .collect();
        let moved = next != own;
        own = next;
        if taken == 0 && !moved {
            return (centroids, own, iteration);
        }
    }
    (centroids, own, config.max_iterations)
}

/// Points around nine places, `offset` away from the origin; on a coarse grid many are the same and
/// many distances equal.
fn points(rows: usize, columns: usize, seed: u64, offset: f32, grid: bool) -> Array2<f32> {
    let mut rng = Stream::new(seed, Purpose::Digits, 0).rng(0);
    let places = Array2::from_shape_simple_fn((9, columns), || 2.0 * rng.normal() as f32);
    let mut data = Array2::zeros((rows, columns));
    for mut row in data.outer_iter_mut() {
        let place = places.row(rng.below(9) as usize);
        for (x, place) in row.iter_mut().zip(place) {
            let value = place + rng.normal() as f32;
            *x = offset + if grid { value.round() } else { value };
        }
    }
    data
}

fn check(data: &Array2<f32>, config: &KMeansConfig) {
    let (found, seen) = run(data.view(), config, 2);
    let (centroids, assignments, iterations) = plain(data, config);
    assert_eq!(found.assignments, assignments);
    assert_eq!(found.centroids.as_slice().expect("rows"), centroids);
    assert_eq!(found.iterations, iterations);
    let mut inertia = 0.0;
    for (point, own) in data.outer_iter().zip(&found.assignments) {
        let point = point.as_slice().expect("rows");
        let (best, squared) = nearest(point, &centroids, *own);
        assert_eq!(best, *own);
        inertia += f64::from(squared);
    }
    assert!((inertia - found.inertia).abs() <= 1e-9 * inertia);
    let scale: f64 = data.iter().map(|x| f64::from(*x).powi(2)).sum();
    for pair in seen.windows(2) {
        assert!(pair[1].inertia <= pair[0].inertia * (1.0 + 1e-6) + 1e-12 * scale);
    }
    let last = seen.last().expect("an iteration");
    assert!(
        (last.inertia - inertia).abs() <= 1e-5 * inertia + 1e-12 * scale,
        "{last:?} {inertia} {scale}"
    );
    assert_eq!(found.converged, last.changed == 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn assigns_what_the_plain_algorithm_assigns(
        rows in 1..700_usize, columns in 1..40_usize, part in 0.0..1.0_f64, seed: u64,
        offset in prop::sample::select(vec![0.0_f32, 3.0, -1e4]), grid: bool, random: bool,
        max_iterations in 1..40_usize,
    ) {
        // Squared, so that few clusters are as likely as many.
        let k = ((part * part * rows as f64) as usize).clamp(1, rows);
        let start = if random { Start::Random } else { Start::KMeansPlusPlus };
        let data = points(rows, columns, seed, offset, grid);
        check(&data, &KMeansConfig { k, start, max_iterations, seed });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn fewer_coordinates_change_nothing(
        columns in 192..260_usize, k in 64..200_usize, seed: u64, grid: bool, random: bool,
    ) {
        let start = if random { Start::Random } else { Start::KMeansPlusPlus };
        let data = points(2300, columns, seed, 5.0, grid);
        check(&data, &KMeansConfig { k, start, max_iterations: 12, seed });
    }
}

/// Compares without a margin, which is what is meant.
fn is(value: f64, expected: f64) -> bool {
    value.to_bits() == expected.to_bits()
}

#[test]
fn one_cluster_is_the_mean() {
    let data = array![[1.0, 2.0], [3.0, 2.0], [5.0, 8.0]];
    let (found, _) = run(
        data.view(),
        &KMeansConfig {
            k: 1,
            ..KMeansConfig::default()
        },
        1,
    );
    assert_eq!(found.centroids, array![[3.0, 4.0]]);
    assert!(is(found.inertia, 32.0));
    assert!(found.converged && found.iterations == 1);
}

#[test]
fn as_many_clusters_as_points_leave_no_inertia() {
    for start in [Start::KMeansPlusPlus, Start::Random] {
        let data = points(300, 5, 1, 0.0, false);
        let config = KMeansConfig {
            k: 300,
            start,
            ..KMeansConfig::default()
        };
        let (found, _) = run(data.view(), &config, 1);
        assert!(is(found.inertia, 0.0));
        let mut used = found.assignments.clone();
        used.sort_unstable();
        assert_eq!(used, (0..300).collect::<Vec<_>>());
    }
}

#[test]
fn fewer_different_points_than_clusters() {
    let data = array![[1.0], [1.0], [1.0], [4.0], [4.0]];
    for start in [Start::KMeansPlusPlus, Start::Random] {
        for seed in 0..20 {
            let config = KMeansConfig {
                k: 4,
                start,
                seed,
                ..KMeansConfig::default()
            };
            let (found, _) = run(data.view(), &config, 1);
            assert!(is(found.inertia, 0.0));
            assert!(found.converged);
            assert_eq!(found.assignments[0], found.assignments[1]);
            assert_ne!(found.assignments[0], found.assignments[4]);
        }
    }
}

#[test]
fn an_empty_cluster_takes_the_farthest_point() {
    // Rows chosen at random may be alike; then all but one of their clusters start empty.
    let crowd = Array2::zeros((30, 2));
    let others = array![[9.0, 0.0], [0.0, 7.0], [5.0, 5.0]];
    let data = concatenate(ndarray::Axis(0), &[crowd.view(), others.view()]).expect("shapes");
    for seed in 0..20 {
        let config = KMeansConfig {
            k: 4,
            start: Start::Random,
            seed,
            ..KMeansConfig::default()
        };
        let (found, _) = run(data.view(), &config, 1);
        assert!(is(found.inertia, 0.0), "seed {seed}");
        assert!(found.converged);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let data = points(3000, 200, 7, 1.0, false);
    for start in [Start::KMeansPlusPlus, Start::Random] {
        let config = KMeansConfig {
            k: 100,
            start,
            max_iterations: 8,
            seed: 5,
        };
        let one = run(data.view(), &config, 1);
        assert_eq!(run(data.view(), &config, 1), one);
        assert_eq!(run(data.view(), &config, 2), one);
        assert_eq!(run(data.view(), &config, 3), one);
        let other = KMeansConfig { seed: 6, ..config };
        assert_ne!(run(data.view(), &other, 1).0.assignments, one.0.assignments);
    }
}

#[test]
fn plus_plus_draws_by_squared_distance() {
    // P(first, second) = (1/3) D²(second)/ΣD², D the distance to the first.
    let data = [0.0_f32, 1.0, 3.0];
    let runs = 6000;
    let mut counts = [[0_u32; 3]; 3];
    for seed in 0..runs {
        let config = KMeansConfig {
            k: 2,
            seed,
            ..KMeansConfig::default()
        };
        let workers = Workers::single();
        let (_, coordinates) = Projection::of(&workers, &data, 1, 2, seed);
        let (centroids, _) = crate::seeding::seed(&workers, &data, 1, &coordinates, &config);
        let index = |x: f32| data.partition_point(|y| *y < x);
        counts[index(centroids[0])][index(centroids[1])] += 1;
    }
    for (counts, first) in counts.iter().zip(data) {
        let total: f32 = data.iter().map(|x| (x - first).powi(2)).sum();
        for (count, second) in counts.iter().zip(data) {
            let p = f64::from((second - first).powi(2) / total) / 3.0;
            let expected = p * runs as f64;
            let deviation = (expected * (1.0 - p)).sqrt();
            let off = (f64::from(*count) - expected).abs();
            assert!(
                off <= 4.0 * deviation,
                "{first} {second}: {count} {expected}"
            );
        }
    }
}

#[test]
fn refused_candidates_keep_the_law_of_plus_plus() {
    // Forty places, ten points each, forty clusters: each place must be drawn exactly once, though
    // batches draw by distances that know nothing of the batch itself.
    let mut data = Array2::zeros((400, 1));
    for (i, x) in data.iter_mut().enumerate() {
        *x = (i % 40) as f32 * 10.0;
    }
    for seed in 0..20 {
        let config = KMeansConfig {
            k: 40,
            max_iterations: 1,
            seed,
            ..KMeansConfig::default()
        };
        let (found, _) = run(data.view(), &config, 1);
        assert!(is(found.inertia, 0.0), "seed {seed}");
    }
}

#[test]
fn what_cannot_be_clustered_is_refused() {
    let try_with = |data: &Array2<f32>, config: &KMeansConfig| {
        let go_on = &mut |_: &_| ControlFlow::Continue(());
        k_means(data.view(), config, &Workers::single(), go_on).unwrap_err()
    };
    let data = Array2::zeros((3, 2));
    let config = KMeansConfig {
        k: 2,
        ..KMeansConfig::default()
    };
    let with_k = |k| KMeansConfig {
        k,
        ..config.clone()
    };
    assert_eq!(try_with(&data, &with_k(0)), ClusterError::NoClusters);
    let many = ClusterError::TooManyClusters { k: 4, points: 3 };
    assert_eq!(try_with(&data, &with_k(4)), many);
    let none = KMeansConfig {
        max_iterations: 0,
        ..config.clone()
    };
    assert_eq!(try_with(&data, &none), ClusterError::NoIterations);
    for value in [f32::INFINITY, f32::NEG_INFINITY, -2e15] {
        let mut bad = data.clone();
        bad[[2, 1]] = value;
        let expected = ClusterError::BadValue {
            row: 2,
            column: 1,
            value,
        };
        assert_eq!(try_with(&bad, &config), expected);
    }
    let mut bad = data.clone();
    bad[[1, 0]] = f32::NAN;
    bad[[2, 0]] = 1.0;
    let message = try_with(&bad, &config).to_string();
    assert!(
        message.starts_with("row 1, column 0 holds NaN"),
        "{message}"
    );
}

#[test]
fn points_without_coordinates_lie_in_one_place() {
    let (found, _) = run(
        Array2::zeros((5, 0)).view(),
        &KMeansConfig {
            k: 2,
            ..KMeansConfig::default()
        },
        1,
    );
    assert_eq!(found.centroids.dim(), (2, 0));
    assert!(is(found.inertia, 0.0));
}

#[test]
fn the_observer_stops_the_run() {
    let data = points(200, 3, 1, 0.0, false);
    let config = KMeansConfig {
        k: 20,
        ..KMeansConfig::default()
    };
    let mut calls = 0;
    let stopped = k_means(data.view(), &config, &Workers::single(), &mut |progress| {
        calls += 1;
        if progress.iteration == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(stopped, Err(ClusterError::Interrupted { iteration: 2 }));
    assert_eq!(calls, 2);
}

#[test]
fn huge_and_tiny_numbers_are_clustered_too() {
    for scale in [1e-12_f32, 1e12] {
        let data = points(200, 4, 3, 0.0, false) * scale;
        let config = KMeansConfig {
            k: 9,
            ..KMeansConfig::default()
        };
        let (found, _) = run(data.view(), &config, 1);
        let own = &found.assignments;
        let values = found.centroids.as_slice().expect("rows");
        for (point, own) in data.outer_iter().zip(own) {
            assert_eq!(
                nearest(point.as_slice().expect("rows"), values, *own).0,
                *own
            );
        }
    }
}
