//! Counts the states in the rows of an npy file, for the side-by-side with NumPy in `benchmarks/`:
//! one JSON line for every line read, until its input ends.
//!
//! `cargo bench -p resrel --bench count_file -- states.npy`

use std::hint::black_box;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::time::Instant;

use resrel::data::read_npy;
use resrel::kernels::BitRows;
use resrel::measure::StateCounts;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo adds flags of its own.
    let file = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let Some(file) = file.map(PathBuf::from) else {
        println!("name an npy file of states");
        return Ok(());
    };
    let values = read_npy(&file)?;
    println!("{{\"version\": \"resrel {}\"}}", env!("CARGO_PKG_VERSION"));
    for line in io::stdin().lock().lines() {
        line?;
        let started = Instant::now();
        let packed = BitRows::from_threshold(black_box(values.view()), 0.5);
        let packing = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let mut counts = StateCounts::new(packed.words_per_row());
        counts.observe_rows(black_box(packed.words()))?;
        let counting = started.elapsed().as_secs_f64();
        println!(
            "{{\"packing\": {packing:e}, \"seconds\": {counting:e}, \"states\": {}}}",
            counts.states()
        );
    }
    Ok(())
}
