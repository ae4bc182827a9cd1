//! Counts the 64-bit keys of an npy file, for the side-by-side with NumPy, DuckDB and Polars in
//! `benchmarks/`: one JSON line for every line read, until its input ends.
//!
//! `cargo bench -p resrel --bench count_keys -- keys.npy 2`

use std::hint::black_box;
use std::io::{self, BufRead};
use std::path::Path;
use std::time::Instant;

use resrel::data::{StateOptions, StateReader, Values};
use resrel::kernels::Workers;
use resrel::measure::{Batch, Counter, StateShape, States};

/// More than the keys take, so that nothing goes to disk: the peers keep all in memory too.
const MEMORY: u64 = 8 << 30;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo adds flags of its own.
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'));
    let (Some(file), Some(threads)) = (words.next(), words.next()) else {
        println!("name an npy file of keys and a number of threads");
        return Ok(());
    };
    let mut reader = StateReader::open(Path::new(&file), &StateOptions::default())?;
    let mut keys = Vec::new();
    while let Some(chunk) = reader.next_chunk()? {
        match chunk.states.values {
            Values::Unsigned(values) => keys.extend(values),
            Values::Integers(values) => keys.extend(values.into_iter().map(i64::cast_unsigned)),
            _ => return Err("the file holds no whole numbers".into()),
        }
    }
    let workers = Workers::new(threads.parse()?)?;
    let count = || -> Result<u64, resrel::measure::Error> {
        let folder = std::env::temp_dir();
        let mut counter = Counter::new(StateShape::Words(1), false, MEMORY, folder)?;
        let batch = Batch {
            states: States::Words(black_box(&keys)),
            labels: None,
            counts: None,
            missing: &[],
        };
        counter.observe(&batch, &workers)?;
        Ok(counter.finish(&workers, &|_| {}, None)?.spectrum.states())
    };
    count()?;
    println!("{{\"version\": \"resrel {}\"}}", env!("CARGO_PKG_VERSION"));
    for line in io::stdin().lock().lines() {
        line?;
        let started = Instant::now();
        let states = count()?;
        let seconds = started.elapsed().as_secs_f64();
        println!("{{\"seconds\": {seconds:e}, \"states\": {states}}}");
    }
    Ok(())
}
