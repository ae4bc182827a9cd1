//! `resrel measure`: anybody's states or counts.

mod finite;
mod reasons;
mod size;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use clap::ValueEnum;
use resrel::data::{StateOptions, read_counts};
use resrel::experiment::{
    CountEvent, CountOptions, Error, Examples, FileCounts, Missing, Place, count_files, write_file,
};
use resrel::measure::{Measure, Spectrum};
use resrel_report::measure_plot;
use serde::Serialize;

use crate::console::Console;
use crate::failure::Failure;
use crate::plot::PlotFile;
use crate::progress::Bar;
use crate::table;
use finite::{Finite, Found};
use reasons::reasons;
use size::Size;

/// Measure states of any kind: rows of an array, a column of a table, or counts.
///
/// What a state is follows from the file:
///
/// npy, npz, safetensors: each row of a matrix of 0/1, or of real values with --threshold; each
/// entry of a vector of whole numbers. --column chooses the array.
///
/// CSV, TSV, Parquet: each value of a column, whole number or text. --column chooses it.
///
/// Parquet with columns `state` and `count`, as --save-counts or a query with GROUP BY writes it:
/// each row stands for as many observations as it counts.
///
/// other text: each line. With --counts, each line is the frequency of a state.
///
/// Text may be packed by gzip or zstd. Several files are measured as one; they are read in pieces,
/// so their size does not matter.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
    Example: resrel measure hidden.npy --threshold 0.5 --labels labels.npy\n\
    Example: resrel measure visits.parquet --column user --memory 4GiB --examples 5\n\
    Example: resrel measure words.txt --subsample --estimators\n\
    Example: resrel measure monday.csv.gz --column word --save-counts monday.parquet\n\
    Example: resrel measure monday.parquet tuesday.parquet")]
pub struct Arguments {
    /// Files of states, or of counts
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Column of a table, by name (or by number from 1, where a table has no header), or array of an
    /// npz or safetensors file
    #[arg(long, value_name = "C")]
    column: Option<String>,
    /// Take every value of a column or line as text, numbers too
    #[arg(long)]
    text: bool,
    /// Values above this are 1, others 0
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// Labels of the observations, one per line, as npy or IDX
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Column of a table that holds the labels
    #[arg(long, value_name = "C", conflicts_with = "labels")]
    label_column: Option<String>,
    /// The files hold frequencies, one per line
    #[arg(long, conflicts_with_all = ["column", "text", "threshold", "labels", "label_column",
        "missing", "save_counts", "examples"])]
    counts: bool,
    /// What to do with missing values
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OnMissing::Refuse)]
    missing: OnMissing,
    /// Memory to count in; what does not fit goes to disk and gives the same answer
    #[arg(long, value_name = "SIZE", default_value = "2GiB")]
    memory: Size,
    /// Folder for what does not fit into memory [default: the system's for temporary files]
    #[arg(long, value_name = "DIR")]
    spill_folder: Option<PathBuf>,
    /// Save the counts as Parquet, to be measured or merged later
    #[arg(long, value_name = "FILE")]
    save_counts: Option<PathBuf>,
    /// Save the levels of energy as CSV: k, m_k, E = −ln(k/M), ln m_k, share of the observations
    #[arg(long, value_name = "FILE")]
    energies: Option<PathBuf>,
    /// Draw the measure in the plane of H[s] and H[k], and m_k against k, as SVG or PNG
    #[arg(long, value_name = "FILE")]
    plot: Option<PlotFile>,
    /// Show the N most and the N least populated states, with rows where they were observed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    examples: Option<u16>,
    #[command(flatten)]
    finite: Finite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnMissing {
    /// The first one is an error
    Refuse,
    /// Leave such observations out
    Drop,
    /// All of them share one state of their own
    State,
}

/// What scripts read: the measure, and what was asked for beside it.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    measure: Measure,
    /// Observations left out because a value was missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    examples: Option<Examples>,
    #[serde(flatten)]
    finite: Found,
    /// Why a number is null, by its key.
    reasons: BTreeMap<&'static str, String>,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let name = arguments.files[0].file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let (spectrum, counts) = if arguments.counts {
        (frequencies(arguments)?, None)
    } else {
        let counts = observed(arguments, console)?;
        (counts.counted.spectrum.clone(), Some(counts))
    };
    if let Some(path) = &arguments.energies {
        write_file(path, energies(&spectrum).as_bytes())?;
    }
    let error = counts
        .as_ref()
        .and_then(|counts| counts.counted.classification_error);
    let measure = Measure::new(name, &spectrum, error);
    if let Some(plot) = &arguments.plot {
        plot.save(&measure_plot(&spectrum, &measure))?;
    }
    let report = Report {
        finite: arguments.finite.look(&spectrum)?,
        reasons: reasons(&spectrum, &measure),
        dropped: counts
            .as_ref()
            .filter(|_| arguments.missing == OnMissing::Drop)
            .map(|counts| counts.dropped),
        examples: counts.as_ref().and_then(|counts| counts.examples.clone()),
        measure,
    };
    let spilled = counts.map_or(0, |counts| counts.counted.spilled);
    console.show(&report.text(&arguments.files, spilled), &report)
}

fn frequencies(arguments: &Arguments) -> Result<Spectrum, Failure> {
    let mut counts = Vec::new();
    for path in &arguments.files {
        counts.extend(read_counts(path)?);
    }
    Ok(Spectrum::from_counts(counts)?)
}

fn observed(arguments: &Arguments, console: &Console) -> Result<FileCounts, Failure> {
    if arguments.threshold.is_some_and(f64::is_nan) {
        return Err(Failure::mistake("--threshold is NaN; give a number"));
    }
    let options = CountOptions {
        states: StateOptions {
            column: arguments.column.clone(),
            label_column: arguments.label_column.clone(),
            threshold: arguments.threshold,
            text: arguments.text,
        },
        missing: match arguments.missing {
            OnMissing::Refuse => Missing::Refuse,
            OnMissing::Drop => Missing::Drop,
            OnMissing::State => Missing::State,
        },
        labels: arguments.labels.clone(),
        memory: arguments.memory.bytes(),
        folder: arguments
            .spill_folder
            .clone()
            .unwrap_or_else(std::env::temp_dir),
        save: arguments.save_counts.clone(),
        examples: arguments.examples.map_or(0, usize::from),
    };
    let workers = console.workers()?;
    let bar = Bar::new(console, "reading");
    let shown = Mutex::new("reading");
    let observer = |event: CountEvent| {
        let (what, done) = match event {
            CountEvent::Reading(done) => ("reading", done),
            CountEvent::Counting(done) => ("counting", done),
            CountEvent::Searching(done) => ("finding examples", done),
        };
        if let Ok(mut shown) = shown.lock()
            && *shown != what
        {
            *shown = what;
            bar.restart(what);
        }
        bar.done(done);
        console.flow()
    };
    match count_files(&arguments.files, &options, &workers, &observer) {
        Err(Error::Interrupted) => Err(Failure::Stopped("nothing was kept".into())),
        counts => Ok(counts?),
    }
}

/// The levels of energy as CSV.
fn energies(spectrum: &Spectrum) -> String {
    let mut csv = String::from("k,m_k,energy,ln_m_k,share\n");
    for level in spectrum.energy_levels() {
        csv += &format!(
            "{},{},{},{},{}\n",
            level.frequency, level.degeneracy, level.energy, level.entropy, level.share
        );
    }
    csv
}

impl Report {
    fn text(&self, files: &[PathBuf], spilled: u64) -> String {
        let measure = &self.measure;
        let mut text = table::measures(std::slice::from_ref(measure));
        text += &format!(
            "\nM = {} observations; H[s] and H[k] are fractions of ln M ({:.4} and {:.4} nats).",
            measure.m, measure.resolution_nats, measure.relevance_nats
        );
        if let Some(dropped) = self.dropped {
            let (s, were) = if dropped == 1 {
                ("", "was")
            } else {
                ("s", "were")
            };
            text += &format!("\n{dropped} observation{s} without a value {were} left out.");
        }
        if spilled > 0 {
            text += &format!(
                "\n{} MiB did not fit into memory and went to disk; more --memory is faster.",
                spilled.div_ceil(1 << 20)
            );
        }
        if let Some(examples) = &self.examples {
            for (what, states) in [("most", &examples.most), ("least", &examples.least)] {
                text += &format!("\n\nThe {what} populated states:\n");
                text +=
                    table::examples(states, measure.m, |place| place_in(files, place)).trim_end();
            }
        }
        text += &self.finite.text();
        text
    }
}

/// A place for people: the file only where there are several.
fn place_in(files: &[PathBuf], place: &Place) -> String {
    if files.len() == 1 {
        return place.row.to_string();
    }
    let name = files[place.file].file_name().map(Path::new);
    let name = name.unwrap_or(&files[place.file]).display();
    format!("{name}:{}", place.row)
}
