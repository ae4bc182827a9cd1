//! `resrel likelihood`: how probable a network holds data.

use std::path::PathBuf;

use resrel::boltzmann::{AnnealingConfig, Dbn, Inputs};
use serde_json::json;

use crate::commands::DataFolder;
use crate::console::Console;
use crate::failure::Failure;
use crate::progress::Bar;
use crate::table;

/// Log-likelihood of data under a network: ln P(v) for H1, a lower bound of it for the layers above.
///
/// Partition functions are enumerated where the smaller side of a machine has at most 20 units, else estimated
/// by annealed importance sampling.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: resrel likelihood model.safetensors --data mnist --runs 500")]
pub struct Arguments {
    /// A network that resrel train has written
    #[arg(value_name = "MODEL.safetensors")]
    model: PathBuf,
    /// The data: their test part where they have one [default: those that the network learnt]
    #[arg(long, value_name = "NAME|FILE")]
    data: Option<String>,
    #[command(flatten)]
    folder: DataFolder,
    /// The training part, where the data have a test part too
    #[arg(long)]
    train: bool,
    /// Annealing runs for each machine
    #[arg(long, value_name = "N", default_value_t = AnnealingConfig::default().runs)]
    runs: usize,
    /// Temperatures of each run
    #[arg(long, value_name = "N", default_value_t = AnnealingConfig::default().temperatures)]
    temperatures: usize,
    /// Seed of all random numbers
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let dbn = Dbn::load(&arguments.model)?;
    let config = AnnealingConfig {
        runs: arguments.runs,
        temperatures: arguments.temperatures,
    };
    config.validate()?;
    let workers = console.workers()?;
    let name = arguments.data.as_ref().unwrap_or(&dbn.data);
    if name.is_empty() {
        let words = format!(
            "{}: does not say what it learnt; name the data by --data",
            arguments.model.display()
        );
        return Err(Failure::mistake(words));
    }
    let data = arguments.folder.load(name, None, &workers)?;
    let (part, observed) = match &data.test {
        Some(test) if !arguments.train => ("test", test),
        _ => ("training", &data.train),
    };
    let bar = Bar::new(console, "annealing");
    let layers = dbn.log_likelihood_bounds(
        &workers,
        &config,
        &Inputs::Borrowed(&data.train.values),
        &Inputs::Borrowed(&observed.values),
        arguments.seed,
        &mut |done| {
            bar.done(done);
            console.flow()
        },
    );
    drop(bar);
    let layers = layers.map_err(|error| Failure::mistake(format!("{name}: {error}")))?;
    let Some(layers) = layers else {
        let how = "nothing was kept; fewer --runs or --temperatures take less time";
        return Err(Failure::Stopped(how.into()));
    };
    let mut text = table::likelihoods(&layers);
    text += &format!(
        "\nMeans over the {} observations of the {part} part of {name}, in nats, ± standard errors. \
         H1: ln P(v); from H2 on a lower bound of it.\n",
        observed.observations()
    );
    let doubtful: Vec<&str> = layers
        .iter()
        .filter(|layer| !layer.log_partition.reliable())
        .map(|layer| layer.name.as_str())
        .collect();
    if !doubtful.is_empty() {
        console.say(&format!(
            "{}: fewer than ten annealing runs carry ln Z, which is then likely too small and the likelihood \
             too large; take more --temperatures or --runs",
            doubtful.join(", ")
        ));
    }
    let value = json!({
        "layers": layers,
        "data": name,
        "part": part,
        "observations": observed.observations(),
        "annealing": config,
        "seed": arguments.seed,
    });
    console.show(&text, &value)
}
