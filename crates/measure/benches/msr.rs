//! Multi-scale relevance of a Poisson train at 200 bin counts, events in order.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use resrel_kernels::{Purpose, Stream};
use resrel_measure::{MSR_GRID, Msr, Recording};

fn poisson(events: usize) -> Vec<f64> {
    let mut rng = Stream::new(1, Purpose::Bootstrap, 0).rng(0);
    let mut now = 0.0;
    let next = |_| {
        now -= (1.0 - rng.uniform()).ln();
        now
    };
    (0..events).map(next).collect()
}

fn msr(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("msr_200_bin_counts");
    group.sample_size(10);
    for events in [10_000, 1_000_000, 10_000_000] {
        let times = poisson(events);
        group.bench_function(format!("{events}_events"), |bencher| {
            bencher.iter(|| Msr::of_times(black_box(&times), Recording::default(), MSR_GRID));
        });
    }
    group.finish();
}

criterion_group!(benches, msr);
criterion_main!(benches);
