//! The search for k_min on tables of 100 distinct k: the number of observations costs nothing.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use resrel_measure::{PowerLaw, Spectrum};

fn table(states: f64) -> Spectrum {
    let weights = || (1..=100).map(|k| f64::from(k).powf(-2.2));
    let total: f64 = weights().sum();
    let counts = weights().map(|weight| (states * weight / total).round().max(1.0) as u64);
    Spectrum::from_pairs((1..).zip(counts)).expect("a table")
}

fn search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("search_100_distinct_k");
    for states in [10_000_u32, 10_000_000] {
        let spectrum = table(f64::from(states));
        group.bench_function(format!("{states}_states"), |bencher| {
            bencher.iter(|| PowerLaw::search(black_box(&spectrum)));
        });
    }
    group.finish();
}

criterion_group!(benches, search);
criterion_main!(benches);
