//! `resrel msr`: multi-scale relevance of trains of events.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use resrel::data::{EventColumns, EventTrain, EventTrains, Events, read_events};
use resrel::measure::{Error, MSR_GRID, Msr, Recording};
use resrel_report::msr_plot;
use serde::Serialize;
use serde_json::json;

use crate::console::Console;
use crate::failure::Failure;
use crate::plot::PlotFile;
use crate::progress::Bar;
use crate::table;

/// Multi-scale relevance (MSR) of trains of events, such as the spikes of neurons.
///
/// The recording is cut into bins: from a single one to bins so narrow that each event has its own.
/// Each number of bins gives the M events a resolution H[s] and a relevance H[k], as fractions of
/// ln M; MSR is the area under this curve.
///
/// What FILE holds:
///
/// text: the time of an event in each line. Lines that begin with # are passed over.
///
/// CSV, TSV with a header: times of one unit in each column, which may end in empty cells. With
/// --unit and --time each row is an event, its unit in one column, its time in the other. With --time
/// alone only that column is read.
///
/// npy of one axis: times. npy of two axes: binned trains, that is, counts of events, units × bins;
/// of bins × units save the transpose, x.T.
///
/// Times are finite numbers in any order and unit. Text may be packed by gzip or zstd.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
    Example: resrel msr spikes.txt\n\
    Example: resrel msr spikes.csv --unit neuron --time seconds --sort --plot msr.svg")]
pub struct Arguments {
    /// Event times, or counts of events in bins
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Numbers of bins to try, evenly spaced on a logarithmic scale
    #[arg(long, value_name = "N", default_value_t = MSR_GRID as u64,
        value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    bins: u64,
    /// Column of the units, where each row is an event
    #[arg(long, value_name = "COLUMN", requires = "time")]
    unit: Option<String>,
    /// Column of the times
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Start of the recording [default: the first event of each unit]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    start: Option<f64>,
    /// End of the recording [default: the last event of each unit]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    end: Option<f64>,
    /// Show units in the order of their MSR, the largest first
    #[arg(long)]
    sort: bool,
    /// Draw the curves as SVG or PNG
    #[arg(long, value_name = "FILE")]
    plot: Option<PlotFile>,
}

/// A unit under the names that scripts rely on.
#[derive(Serialize)]
struct Unit {
    name: String,
    #[serde(flatten)]
    msr: Msr,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let columns = match (&arguments.unit, &arguments.time) {
        (Some(unit), Some(time)) => EventColumns::Long {
            unit: unit.clone(),
            time: time.clone(),
        },
        (_, Some(time)) => EventColumns::Times(time.clone()),
        _ => EventColumns::OnePerUnit,
    };
    let EventTrains { trains, single } = read_events(&arguments.file, &columns)?;
    let workers = console.workers()?;
    let bar = Bar::new(console, "measuring");
    let done = AtomicUsize::new(0);
    let measured = workers.map(trains.len(), |unit| {
        if console.flow().is_break() {
            return None;
        }
        let msr = measure(&trains[unit], arguments);
        let done = 1 + done.fetch_add(1, Ordering::Relaxed);
        bar.done(done as f64 / trains.len() as f64);
        Some(msr)
    });
    drop(bar);
    let mut units = Vec::new();
    for (train, msr) in trains.into_iter().zip(measured) {
        let name = train.name;
        let Some(msr) = msr else {
            return Err(Failure::Stopped("nothing was kept".into()));
        };
        match msr {
            Ok(msr) => units.push(Unit { name, msr }),
            Err(problem) => {
                let of = if single {
                    String::new()
                } else {
                    format!("{name}: ")
                };
                let file = arguments.file.display();
                return Err(Failure::mistake(format!("{file}: {of}{problem}")));
            }
        }
    }
    if arguments.sort {
        // Stable, so units alike stay in the order of the file.
        let area = |unit: &Unit| unit.msr.msr.unwrap_or(f64::NEG_INFINITY);
        units.sort_by(|a, b| area(b).total_cmp(&area(a)));
    }
    let rows: Vec<(&str, &Msr)> = units.iter().map(|unit| (&*unit.name, &unit.msr)).collect();
    let text = table::trains(&rows)
        + "\nMSR is the area under H[k] against H[s], fractions of ln M, over all widths of bins.";
    if let Some(plot) = &arguments.plot {
        plot.save(&msr_plot(&rows))?;
    }
    match &units[..] {
        [unit] if single => console.show(&text, unit),
        units => console.show(&text, &json!({ "units": units })),
    }
}

fn measure(train: &EventTrain, arguments: &Arguments) -> Result<Msr, String> {
    let Arguments { start, end, .. } = *arguments;
    let grid = arguments.bins as usize;
    let measured: Result<Msr, Error> = match &train.events {
        Events::Times(times) => Msr::of_times(times, Recording { start, end }, grid),
        Events::Counts(_) if start.is_some() || end.is_some() => {
            return Err(
                "holds counts in bins, for which --start and --end mean nothing; leave them out"
                    .into(),
            );
        }
        Events::Counts(counts) => Msr::of_counts(counts, grid),
    };
    measured.map_err(|error| error.to_string())
}
