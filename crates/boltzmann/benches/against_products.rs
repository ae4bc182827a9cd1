//! One PCD-1 update of a 784-500 machine, batch 100, against the five dense products that it is
//! usually written as, in turns within one process so that whatever else the machine does strikes
//! both alike: `cargo bench -p resrel-boltzmann --bench against_products`.
//!
//! Prints one JSON document: medians over the blocks, and of the ratios within a block.

use std::hint::black_box;
use std::time::Instant;

use ndarray::{Array2, s};
use resrel_boltzmann::{Inputs, Trainer, TrainingConfig};
use resrel_data::digits;
use resrel_kernels::{Workers, dense_product, instruction_set};

const VISIBLE: usize = 784;
const HIDDEN: usize = 500;
const BATCH: usize = 100;
/// Times that every side has its turn.
const BLOCKS: usize = 60;
/// Updates of a turn: some 30 ms, long beside the clock and short beside other people's jobs.
const UPDATES: u32 = 8;
/// Updates before the first turn.
const LEARNT: u32 = 1_000;

/// Both sides on a number of threads.
struct Contest<'a> {
    workers: Workers,
    trainer: Trainer,
    inputs: &'a Inputs<'a>,
    visible: Array2<f32>,
    hidden: Array2<f32>,
    weights: Array2<f32>,
    /// Seconds of one update's products and of one update, block by block.
    products: Vec<f64>,
    updates: Vec<f64>,
}

impl<'a> Contest<'a> {
    fn new(threads: usize, values: &Array2<f32>, inputs: &'a Inputs<'a>) -> Self {
        let mut trainer = Trainer::new(inputs, HIDDEN, &TrainingConfig::default(), 1, 1);
        let workers = Workers::new(threads).expect("threads");
        trainer.move_to_tiles(&workers, inputs);
        Self {
            workers,
            trainer,
            inputs,
            visible: values.slice(s![..BATCH, ..]).to_owned(),
            hidden: Array2::zeros((BATCH, HIDDEN)),
            weights: Array2::from_elem((VISIBLE, HIDDEN), 0.01),
            products: Vec::new(),
            updates: Vec::new(),
        }
    }

    /// v W twice, h Wᵀ and, added to W, vᵀ h twice.
    fn products(&mut self) {
        let Self {
            workers,
            visible,
            hidden,
            weights,
            ..
        } = self;
        workers.awake(|| {
            for _ in 0..2 {
                let up = hidden.view_mut();
                dense_product(workers, 0.0, 1.0, visible.view(), weights.view(), up);
                let left = visible.view().reversed_axes();
                dense_product(workers, 1.0, 1e-9, left, hidden.view(), weights.view_mut());
            }
            let down = visible.view_mut();
            dense_product(workers, 0.0, 1e-3, hidden.view(), weights.t(), down);
        });
        black_box((visible, hidden));
    }

    fn update(&mut self) {
        let Self {
            workers,
            trainer,
            inputs,
            ..
        } = self;
        workers.awake(|| trainer.update(workers, inputs));
    }

    fn turn(&mut self) {
        let started = Instant::now();
        for _ in 0..UPDATES {
            self.products();
        }
        let between = Instant::now();
        for _ in 0..UPDATES {
            self.update();
        }
        let per_update = f64::from(UPDATES);
        self.products
            .push((between - started).as_secs_f64() / per_update);
        self.updates
            .push(between.elapsed().as_secs_f64() / per_update);
    }
}

fn main() {
    // `cargo test --benches` leaves `--bench` out: then one turn shows that everything runs.
    let blocks = if std::env::args().any(|word| word == "--bench") {
        BLOCKS
    } else {
        1
    };
    let values = digits(2_000, 0, 1, &Workers::single()).train.values;
    let inputs = Inputs::Borrowed(&values);
    let mut contests = [1, 2].map(|threads| Contest::new(threads, &values, &inputs));
    for contest in &mut contests {
        // A machine that has begun to learn: most units are near 0 or 1 then.
        for _ in 0..if blocks > 1 { LEARNT } else { 0 } {
            contest.update();
        }
        contest.turn();
        contest.products.clear();
        contest.updates.clear();
    }
    for _ in 0..blocks {
        contests.iter_mut().for_each(Contest::turn);
    }
    let [one, two] = &contests;
    let sides = contests.each_ref().map(|contest| {
        let ratios = ratios(&contest.updates, &contest.products);
        format!(
            "{{\"threads\": {}, \"products_seconds\": {:e}, \"update_seconds\": {:e}, \
             \"ratio\": {:.4}, \"ratio_low\": {:.4}, \"ratio_high\": {:.4}}}",
            contest.workers.threads(),
            quantile(&contest.products, 0.5),
            quantile(&contest.updates, 0.5),
            quantile(&ratios, 0.5),
            quantile(&ratios, 0.25),
            quantile(&ratios, 0.75),
        )
    });
    println!(
        "{{\"instruction_set\": \"{}\", \"blocks\": {blocks}, \"sides\": [{}], \
         \"products_scaling\": {:.4}, \"update_scaling\": {:.4}}}",
        instruction_set(),
        sides.join(", "),
        quantile(&ratios(&one.products, &two.products), 0.5),
        quantile(&ratios(&one.updates, &two.updates), 0.5),
    );
}

fn ratios(above: &[f64], below: &[f64]) -> Vec<f64> {
    above.iter().zip(below).map(|(a, b)| a / b).collect()
}

/// The value below which a share of the values lies; the nearest one that there is.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}
