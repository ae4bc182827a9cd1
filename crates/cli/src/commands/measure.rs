//! `resrel measure`: anybody's states or counts.

use std::path::PathBuf;

use resrel::data::{read_counts, read_labels, read_npy};
use resrel::kernels::BitRows;
use resrel::measure::{Measure, Spectrum, StateCounts, classification_error};

use crate::console::Console;
use crate::failure::Failure;
use crate::table;

/// Measure states: rows of an npy file, or counts.
///
/// Each row is a state (0/1, or real values with a threshold); or, with --counts, each line of a
/// text file is the frequency of one. Several files are measured as one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: resrel measure hidden.npy --threshold 0.5 --labels labels.npy")]
pub struct Arguments {
    /// npy files of observations × units, or text files of counts
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The files hold frequencies, one per line
    #[arg(long, conflicts_with_all = ["labels", "threshold"])]
    counts: bool,
    /// Values above this are 1, others 0
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    threshold: Option<f32>,
    /// Labels of the observations, one per line or as npy
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let name = arguments.files[0].file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let (spectrum, error) = if arguments.counts {
        (counted(arguments)?, None)
    } else {
        observed(arguments)?
    };
    let measure = Measure::new(name, &spectrum, error);
    let mut text = table::measures(std::slice::from_ref(&measure));
    text += &format!(
        "\nM = {} observations; H[s] and H[k] are fractions of ln M ({:.4} and {:.4} nats).",
        measure.m, measure.resolution_nats, measure.relevance_nats
    );
    console.show(&text, &measure)
}

fn counted(arguments: &Arguments) -> Result<Spectrum, Failure> {
    let mut counts = Vec::new();
    for path in &arguments.files {
        counts.extend(read_counts(path)?);
    }
    Ok(Spectrum::from_counts(counts)?)
}

fn observed(arguments: &Arguments) -> Result<(Spectrum, Option<f64>), Failure> {
    if arguments.threshold.is_some_and(f32::is_nan) {
        return Err(Failure::mistake("--threshold is NaN; give a number"));
    }
    let (mut counts, mut states): (Option<(usize, StateCounts)>, Vec<u32>) = (None, Vec::new());
    for path in &arguments.files {
        let values = read_npy(path)?;
        let units = values.ncols();
        if arguments.threshold.is_none()
            && let Some(((row, column), value)) = values
                .indexed_iter()
                .find(|(_, value)| ![0.0, 1.0].contains(*value))
        {
            let words = format!(
                "{}: row {row}, column {column} is {value}, neither 0 nor 1; say which values \
                 count as 1 with --threshold X",
                path.display()
            );
            return Err(Failure::mistake(words));
        }
        let packed = BitRows::from_threshold(values.view(), arguments.threshold.unwrap_or(0.5));
        let (first, counts) =
            counts.get_or_insert_with(|| (units, StateCounts::new(packed.words_per_row())));
        if *first != units {
            let words = format!(
                "{}: has {units} columns, the files before it {first}; states of one \
                 measurement have the same units",
                path.display()
            );
            return Err(Failure::mistake(words));
        }
        counts.observe_rows_into(packed.words(), &mut states)?;
    }
    let (_, counts) = counts.ok_or_else(|| Failure::mistake("no file to measure"))?;
    let Some(path) = &arguments.labels else {
        return Ok((counts.spectrum()?, None));
    };
    let labels = read_labels(path)?;
    if labels.len() != states.len() {
        let words = format!(
            "{}: {} labels for {} observations; give one label an observation",
            path.display(),
            labels.len(),
            states.len()
        );
        return Err(Failure::mistake(words));
    }
    let error = classification_error(&states, &labels)?;
    Ok((counts.spectrum()?, Some(error)))
}
