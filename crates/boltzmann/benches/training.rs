//! One PCD-1 update of a 784-500 machine, batch 100, beside the five dense products that it is
//! usually written as: `cargo bench -p resrel-boltzmann`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, s};
use resrel_boltzmann::{Inputs, NegativeVisible, Trainer, TrainingConfig};
use resrel_kernels::{Purpose, Stream, Workers, dense_product};

const VISIBLE: usize = 784;
const HIDDEN: usize = 500;
const BATCH: usize = 100;

/// Values of which a fifth is not zero, as in images of digits.
fn observations(rows: usize) -> Array2<f32> {
    let mut rng = Stream::new(1, Purpose::Digits, 0).rng(0);
    Array2::from_shape_simple_fn((rows, VISIBLE), || {
        (rng.uniform() * 5.0 - 4.0).max(0.0) as f32
    })
}

fn updates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("784-500-batch-100");
    let values = observations(2_000);
    for threads in [1, 2] {
        let workers = Workers::new(threads).expect("threads");
        let (visible, hidden) = (
            values.slice(s![..BATCH, ..]),
            Array2::zeros((BATCH, HIDDEN)),
        );
        let mut weights = Array2::from_elem((VISIBLE, HIDDEN), 0.01_f32);
        let (mut up, mut down) = (hidden.clone(), Array2::zeros((BATCH, VISIBLE)));
        group.bench_function(format!("five-products/threads-{threads}"), |bencher| {
            workers.awake(|| {
                bencher.iter(|| {
                    for _ in 0..2 {
                        dense_product(&workers, 0.0, 1.0, visible, weights.view(), up.view_mut());
                        dense_product(
                            &workers,
                            1.0,
                            1e-9,
                            visible.t(),
                            up.view(),
                            weights.view_mut(),
                        );
                    }
                    dense_product(
                        &workers,
                        0.0,
                        1.0,
                        hidden.view(),
                        weights.t(),
                        down.view_mut(),
                    );
                    black_box((&up, &down));
                });
            });
        });
        for (name, negative_visible) in [
            ("mean", NegativeVisible::Mean),
            ("sampled", NegativeVisible::Sampled),
        ] {
            let config = TrainingConfig {
                negative_visible,
                ..TrainingConfig::default()
            };
            let inputs = Inputs::Borrowed(&values);
            let mut trainer = Trainer::new(&inputs, HIDDEN, &config, 1, 1);
            trainer.move_to_tiles(&workers, &inputs);
            group.bench_function(format!("pcd-update-{name}/threads-{threads}"), |bencher| {
                workers.awake(|| bencher.iter(|| trainer.update(&workers, &inputs)));
            });
            #[cfg(feature = "cuda")]
            // Only where there is one: what is called after a card is not timed on a processor.
            if threads == 1
                && trainer
                    .move_to_card(&inputs, 1, 1)
                    .expect("a card that works")
            {
                group.bench_function(format!("pcd-100-updates-{name}/card"), |bencher| {
                    bencher.iter(|| {
                        (0..100).for_each(|_| trainer.update(&workers, &inputs));
                        trainer.fetch().expect("a card that works");
                    });
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, updates);
criterion_main!(benches);
