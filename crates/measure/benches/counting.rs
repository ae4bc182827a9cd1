//! Counting of 60,000 states of 120 bits, at three degrees of repetition.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use resrel_measure::{StateCounts, classification_error};

const ROWS: u64 = 60_000;

/// Two words a row with 120 bits in use, `distinct` different rows in an order that repeats none
/// nearby.
fn rows(distinct: u64) -> Vec<u64> {
    (0..ROWS)
        .flat_map(|i| {
            let state = (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % distinct;
            let low = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
            [low, low.wrapping_mul(0x94d0_49bb_1331_11eb) >> 8]
        })
        .collect()
}

fn counting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("count_60000x120bits");
    for distinct in [ROWS * 1000, 10_000, 100] {
        let rows = rows(distinct);
        group.bench_function(format!("{distinct}_possible"), |bencher| {
            bencher.iter(|| {
                let mut counts = StateCounts::new(2);
                counts.observe_rows(black_box(&rows)).expect("whole rows");
                counts.states()
            });
        });
        group.bench_function(format!("{distinct}_possible_with_indices"), |bencher| {
            let mut states = Vec::new();
            bencher.iter(|| {
                let mut counts = StateCounts::new(2);
                states.clear();
                counts
                    .observe_rows_into(black_box(&rows), &mut states)
                    .expect("whole rows");
                counts.states()
            });
        });
    }
    group.finish();

    let mut counts = StateCounts::new(2);
    let mut states = Vec::new();
    counts
        .observe_rows_into(&rows(10_000), &mut states)
        .expect("whole rows");
    let labels: Vec<u32> = (0..ROWS as u32).map(|i| i % 10).collect();
    criterion.bench_function("classification_error_60000", |bencher| {
        bencher.iter(|| classification_error(black_box(&states), black_box(&labels)));
    });
    let spectrum = counts.spectrum().expect("observations");
    criterion.bench_function("measure_60000", |bencher| {
        bencher.iter(|| resrel_measure::Measure::new("H1", black_box(&spectrum), None));
    });
}

criterion_group!(benches, counting);
criterion_main!(benches);
