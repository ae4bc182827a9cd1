//! The commands, one file each.

pub mod cluster;
pub mod completions;
pub mod data;
pub mod fit;
pub mod generate;
pub mod judge;
pub mod likelihood;
pub mod limit;
pub mod measure;
pub mod msr;
pub mod probe;
pub mod report;
pub mod reproduce;
pub mod train;
pub mod unit;

use std::path::{Path, PathBuf};

use resrel::data::{Dataset, Samples, entry, read_labels, read_npy};
use resrel::experiment::load_data;
use resrel::kernels::Workers;

use crate::failure::Failure;

/// Where data sets are looked for.
#[derive(Debug, clap::Args)]
pub struct DataFolder {
    /// Folder of the data sets [default: RESREL_DATA, else the user's cache directory]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DataFolder {
    /// The folder, where the user named one.
    pub fn path(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// The data set of that name or path, with labels from a file where one is given.
    pub fn load(
        &self,
        name: &str,
        labels: Option<&Path>,
        workers: &Workers,
    ) -> Result<Dataset, Failure> {
        Ok(load_data(name, self.path(), labels, workers)?)
    }
}

/// Observations, and the shape of images if they are some: unlike what a network is trained on here, those of an
/// npy file may have any finite values.
fn observations(
    name: &str,
    folder: &DataFolder,
    labels: Option<&Path>,
    workers: &Workers,
) -> Result<(Samples, Option<(usize, usize)>), Failure> {
    let path = Path::new(name);
    if entry(name).is_ok() || !path.is_file() {
        let data = folder.load(name, labels, workers)?;
        return Ok((data.train, data.image_shape));
    }
    let samples = Samples {
        values: read_npy(path)?,
        labels: None,
    };
    let samples = match labels {
        None => samples,
        Some(path) => labelled(samples, path)?,
    };
    Ok((samples, None))
}

/// Samples with labels from a file, one per observation.
fn labelled(samples: Samples, path: &Path) -> Result<Samples, Failure> {
    Ok(samples.with_labels(path, read_labels(path)?)?)
}
