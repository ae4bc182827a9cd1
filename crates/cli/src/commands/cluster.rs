//! `resrel cluster`: k-means and its measures.

use std::path::PathBuf;
use std::time::Instant;

use ndarray::Array2;
use resrel::cluster::{ClusterError, KMeans, KMeansConfig, k_means};
use resrel::experiment::measure_clusters;
use resrel::kernels::Workers;
use resrel::measure::{Measure, critical};
use serde::Serialize;
use serde_json::json;

use crate::commands::{DataFolder, observations};
use crate::console::Console;
use crate::failure::Failure;
use crate::progress::Bar;
use crate::table;

/// Cluster by k-means and measure the clusterings.
///
/// Lloyd's algorithm from a k-means++ start, for one or more k; each clustering is measured as a
/// mapping of observations to states.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: resrel cluster mnist --k 64 256 1024")]
pub struct Arguments {
    /// An npy file of observations × features, or a data set: mnist, ocr-letters, digits
    #[arg(value_name = "FILE")]
    data: String,
    /// Numbers of clusters
    #[arg(long, required = true, num_args = 1.., value_name = "K", value_parser = parse_k)]
    k: Vec<usize>,
    /// Iterations at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    iterations: usize,
    #[command(flatten)]
    folder: DataFolder,
    /// Labels of the observations, one per line or as npy
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Seed of all random numbers
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

/// One clustering: its measures, and how good it is as a clustering.
#[derive(Serialize)]
struct Clustering {
    #[serde(flatten)]
    measure: Measure,
    inertia: f64,
    iterations: usize,
    converged: bool,
    seconds: f64,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let workers = console.workers()?;
    let labels = arguments.labels.as_deref();
    let (samples, _) = observations(&arguments.data, &arguments.folder, labels, &workers)?;
    let configs = arguments.k.iter().map(|&k| KMeansConfig {
        k,
        max_iterations: arguments.iterations,
        seed: arguments.seed,
        ..KMeansConfig::default()
    });
    let configs: Vec<KMeansConfig> = configs.collect();
    // All of them before the first is computed.
    for config in &configs {
        let points = samples.observations();
        let k = config.k;
        let checked = match config.validate() {
            Ok(()) if k > points => Err(ClusterError::TooManyClusters { k, points }),
            checked => checked,
        };
        checked.map_err(|error| about(arguments, error))?;
    }
    let mut clusterings = Vec::new();
    for config in &configs {
        let started = Instant::now();
        let result = cluster(&samples.values, config, &workers, console)
            .map_err(|error| about(arguments, error))?;
        let seconds = started.elapsed().as_secs_f64();
        let (measure, _) = measure_clusters(&result, &samples)?;
        let KMeans {
            inertia,
            iterations,
            converged,
            ..
        } = result;
        clusterings.push(Clustering {
            measure,
            inertia,
            iterations,
            converged,
            seconds,
        });
    }
    let measures: Vec<Measure> = clusterings.iter().map(|c| c.measure.clone()).collect();
    let mut text = table::measures(&measures);
    text += "\nH[s] and H[k] are fractions of ln M.\n";
    for clustering in &clusterings {
        let Clustering {
            inertia,
            iterations,
            converged,
            ..
        } = clustering;
        let how = if *converged {
            "converged after"
        } else {
            "stopped after"
        };
        text += &format!(
            "k = {}: {how} {iterations} iterations, inertia {inertia:.1}\n",
            clustering.measure.name
        );
    }
    let critical = critical(&measures);
    if clusterings.len() > 1 {
        text += &table::verdict(critical.as_ref());
    }
    let value = json!({ "layers": clusterings, "critical": critical });
    console.show(&text, &value)
}

fn cluster(
    values: &Array2<f32>,
    config: &KMeansConfig,
    workers: &Workers,
    console: &Console,
) -> Result<KMeans, ClusterError> {
    let bar = Bar::new(console, &format!("{} clusters", config.k));
    k_means(values.view(), config, workers, &mut |progress| {
        bar.done(progress.iteration as f64 / config.max_iterations as f64);
        console.flow()
    })
}

/// What went wrong, and with which data.
fn about(arguments: &Arguments, error: ClusterError) -> Failure {
    match error {
        ClusterError::Interrupted { .. } => {
            Failure::Stopped("nothing was kept; the same command starts again".into())
        }
        error => Failure::mistake(format!("{}: {error}", arguments.data)),
    }
}

fn parse_k(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| "K is a whole number; FILE stands before --k".into())
}
