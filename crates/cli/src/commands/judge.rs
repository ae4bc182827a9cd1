//! `resrel judge`: how good generated samples are, whoever generated and labelled them.

use std::path::{Path, PathBuf};

use ndarray::s;
use resrel::data::{Samples, read_npy};
use resrel::experiment::{Labels, Quality};
use serde_json::json;

use crate::commands::generate::judge;
use crate::commands::{DataFolder, labelled};
use crate::console::Console;
use crate::failure::Failure;
use crate::table;

/// Judge generated samples by the data: label frequencies, generation ability, precision and recall, copies.
///
/// The samples may come from any generator. A classifier, trained once on the data and kept, labels them, or
/// their labels come from a file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: resrel judge samples.npy --data mnist")]
pub struct Arguments {
    /// An npy file of samples × features, with values 0 to 1
    #[arg(value_name = "SAMPLES.npy")]
    samples: PathBuf,
    /// What the samples should be like: mnist, ocr-letters, digits, an npy file or a folder of IDX files
    #[arg(long, value_name = "NAME|FILE")]
    data: String,
    #[command(flatten)]
    folder: DataFolder,
    /// Labels of the data, one per line or as npy, where the data have none
    #[arg(long, value_name = "FILE")]
    data_labels: Option<PathBuf>,
    /// Labels of the samples, one per line or as npy, in place of a classifier's
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let workers = console.workers()?;
    let folder = &arguments.folder;
    let mut data = folder.load(&arguments.data, arguments.data_labels.as_deref(), &workers)?;
    data.name.clone_from(&arguments.data);
    let path: &Path = &arguments.samples;
    let mut samples = Samples::new(path, read_npy(path)?, None)?;
    if let Some(file) = &arguments.labels {
        samples = labelled(samples, file)?;
        if data.train.labels.is_none() {
            let name = &data.name;
            let words =
                format!("{name}: has no labels to compare with; give them by --data-labels");
            return Err(Failure::mistake(words));
        }
    }
    let (found, expected) = (samples.features(), data.train.features());
    if found != expected {
        return Err(Failure::mistake(format!(
            "{}: has {found} features, {} {expected}; give samples of the same size",
            path.display(),
            data.name
        )));
    }
    let Samples {
        values: samples,
        labels: given,
    } = samples;
    let classifier = match (&given, &data.train.labels) {
        (None, Some(_)) => Some(judge(&data, &workers, console)?),
        _ => None,
    };
    let labels = match (&given, &classifier) {
        (Some(given), _) => Labels::Given(given),
        (None, Some(classifier)) => Labels::Classifier(classifier),
        (None, None) => {
            console.say(&format!(
                "{} has no labels, so the samples get none; give them by --data-labels",
                data.name
            ));
            Labels::Unknown
        }
    };
    let mut part = |rows: std::ops::Range<usize>| samples.slice(s![rows, ..]).to_owned();
    let quality = Quality::new(samples.nrows(), &mut part, &data, &labels, &workers)?;
    let value = json!({
        "samples": samples.nrows(),
        "data": data.name,
        "quality": quality,
    });
    console.show(&table::quality(&quality), &value)
}
