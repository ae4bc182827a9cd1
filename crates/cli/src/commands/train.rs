//! `resrel train`: one network, trained and measured.

use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use resrel::boltzmann::{
    DbnConfig, DbnTrainer, Event, Inputs, NegativePhase, NextInput, Preset, TrainedDbn,
    remove_checkpoint,
};
use resrel::experiment::measure_layers;
use resrel::kernels::{Workers, instruction_set};
use resrel::measure::{Measure, critical};
use serde_json::json;

use crate::commands::DataFolder;
use crate::console::Console;
use crate::failure::Failure;
use crate::progress::Bar;
use crate::table;

/// Train a deep belief network (or one machine) and measure every layer.
///
/// Two sizes make one restricted Boltzmann machine. Stopped by Ctrl-C or a crash, the same command
/// goes on where it was.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: resrel train --data mnist --layers 784-500-250 --updates 4000 --out model.safetensors"
)]
pub struct Arguments {
    /// Options as TOML; those on the command line come first
    config: Option<PathBuf>,
    /// mnist, ocr-letters, digits, an npy file or a folder of IDX files
    #[arg(long, value_name = "NAME|FILE")]
    data: String,
    #[command(flatten)]
    folder: DataFolder,
    /// Labels of the observations, one per line or as npy, where the data have none
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Units of each layer, visible first: 784-500-250
    #[arg(long, value_name = "SIZES", value_parser = parse_layers)]
    layers: Option<Layers>,
    /// The schedule: paper (200 passes, sampled inputs) or paper-critical (4,000 updates, binarised)
    #[arg(long, value_name = "NAME", value_parser = parse_preset)]
    preset: Option<Preset>,
    /// Passes over the data
    #[arg(long, value_name = "N", conflicts_with = "updates")]
    epochs: Option<u64>,
    /// Mini-batches
    #[arg(long, value_name = "N")]
    updates: Option<u64>,
    /// Observations in a mini-batch, and number of chains
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Learning rate
    #[arg(long, value_name = "X")]
    learning_rate: Option<f64>,
    /// Where the chains of the negative phase start: pcd (where they were) or cd (at the data)
    #[arg(long, value_name = "NAME", value_parser = parse_negative_phase)]
    negative_phase: Option<NegativePhase>,
    /// Gibbs steps of the negative phase
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// What a layer hands to the next: sampled, mean or binarised
    #[arg(long, value_name = "NAME", value_parser = parse_next_input)]
    next_input: Option<NextInput>,
    /// Fraction of the weights that are there, drawn once; the others stay 0
    #[arg(long, value_name = "X")]
    connectivity: Option<f64>,
    /// Mean activity that hidden units are pushed towards
    #[arg(long, value_name = "P")]
    sparsity: Option<f64>,
    /// Seed of all random numbers
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The model, a safetensors file
    #[arg(long, value_name = "MODEL.safetensors")]
    out: PathBuf,
}

/// Sizes of layers, as one word.
#[derive(Debug, Clone)]
struct Layers(Vec<usize>);

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let config = configuration(arguments)?;
    config.validate()?;
    check_writable(&arguments.out, "model.safetensors")?;
    let workers = console.workers()?;
    let data = arguments
        .folder
        .load(&arguments.data, arguments.labels.as_deref(), &workers)?;
    let trained = train(arguments, &config, &data, &workers, console)?;
    let inputs = Inputs::Borrowed(&data.train.values);
    let states = trained.dbn.states(&workers, &inputs)?;
    let layers: Vec<Measure> = measure_layers(&states, &data.train)?
        .into_iter()
        .map(|(measure, _)| measure)
        .collect();
    let critical = critical(&layers);
    let mut text = table::measures(&layers);
    text += "\nH[s] and H[k] are fractions of ln M. ";
    text += &table::verdict(critical.as_ref());
    text += &format!("\nThe model is in {}.", arguments.out.display());
    let value = json!({
        "layers": layers,
        "critical": critical,
        "seconds_per_pass": trained.seconds_per_pass,
        "monitoring": trained.monitoring,
        "config": config,
        "seed": arguments.seed,
        "data": data.name,
        "instruction_set": instruction_set(),
        "out": arguments.out,
    });
    console.show(&text, &value)
}

fn train(
    arguments: &Arguments,
    config: &DbnConfig,
    data: &resrel::data::Dataset,
    workers: &Workers,
    console: &Console,
) -> Result<TrainedDbn, Failure> {
    let mut name = arguments.out.clone().into_os_string();
    name.push(".checkpoint");
    let checkpoint = PathBuf::from(name);
    // Told once training has begun: until then the checkpoint may be of no use.
    let mut told = Vec::new();
    let trainer = match DbnTrainer::resume(&checkpoint, config, arguments.seed)? {
        None => DbnTrainer::new(config, arguments.seed)?,
        Some((trainer, warning)) => {
            if let Some(warning) = warning {
                told.push(format!("{warning}; going on from the checkpoint before it"));
            }
            told.push(format!("going on from {}", checkpoint.display()));
            trainer
        }
    };
    let inputs = Inputs::Borrowed(&data.train.values);
    let validation = data
        .test
        .as_ref()
        .map(|test| Inputs::Borrowed(&test.values));
    let bar = Bar::new(console, "training");
    let observer = &mut |event: &Event| -> ControlFlow<()> {
        for line in told.drain(..) {
            console.say(&line);
        }
        if let Event::Progress {
            layer,
            layers,
            done,
            ..
        } = event
        {
            bar.name(&format!("training H{layer} of {layers}"));
            bar.done(*done);
        }
        console.flow()
    };
    let trained = trainer.run(
        workers,
        &inputs,
        validation.as_ref(),
        Some(&checkpoint),
        observer,
    )?;
    let Some(mut trained) = trained else {
        let how = format!("the same command goes on from {}", checkpoint.display());
        return Err(Failure::Stopped(how));
    };
    // A file by its path: whoever generates from the model finds it there.
    trained.dbn.data.clone_from(&arguments.data);
    trained.dbn.save(&arguments.out)?;
    remove_checkpoint(&checkpoint)?;
    Ok(trained)
}

/// Finds out before hours of work whether its result can be written at their end; `like` is a file name.
pub fn check_writable(out: &Path, like: &str) -> Result<(), Failure> {
    let mistake = |words: &str| Err(Failure::mistake(format!("{}: {words}", out.display())));
    if out.is_dir() {
        return mistake(&format!("is a folder; name a file in it, such as {like}"));
    }
    // Written beside and renamed, the model would take the place of a device.
    if out.exists() && !out.is_file() {
        return mistake(&format!("is no regular file; name one, such as {like}"));
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let folder = folder.display();
        return mistake(&format!("there is no folder {folder}; make it first"));
    }
    let mut beside = out.as_os_str().to_owned();
    beside.push(".new");
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(&[0])?;
        file.sync_all()
    });
    // What cannot be removed could not be written either.
    let _ = std::fs::remove_file(&beside);
    written.or_else(|error| {
        let remedy = resrel::data::remedy(&error);
        mistake(&format!("cannot be written ({error}); {remedy}"))
    })
}

/// Defaults, then the file, then the preset, then what stands on the command line.
fn configuration(arguments: &Arguments) -> Result<DbnConfig, Failure> {
    let mut config = match &arguments.config {
        None => DbnConfig::default(),
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|source| resrel::data::Error::Read {
                    path: path.clone(),
                    source,
                })?;
            toml::from_str(&text).map_err(|error| {
                let before = &text[..error.span().map_or(0, |span| span.start)];
                let line = before.matches('\n').count() + 1;
                let problem = error.message().replace('\n', " ");
                Failure::mistake(format!("{}: line {line}: {problem}", path.display()))
            })?
        }
    };
    if let Some(preset) = arguments.preset {
        preset.apply(&mut config);
    }
    if let Some(Layers(layers)) = &arguments.layers {
        config.layers.clone_from(layers);
    }
    let training = &mut config.training;
    if arguments.epochs.is_some() || arguments.updates.is_some() {
        (training.epochs, training.updates) = (arguments.epochs, arguments.updates);
    }
    if let Some(batch) = arguments.batch {
        training.batch = batch;
    }
    if let Some(rate) = arguments.learning_rate {
        training.learning_rate = rate;
    }
    if let Some(phase) = arguments.negative_phase {
        training.negative_phase = phase;
    }
    if let Some(steps) = arguments.steps {
        training.steps = steps;
    }
    if let Some(connectivity) = arguments.connectivity {
        training.connectivity = connectivity;
    }
    training.sparsity = arguments.sparsity.or(training.sparsity);
    if let Some(next_input) = arguments.next_input {
        config.next_input = next_input;
    }
    Ok(config)
}

fn parse_layers(text: &str) -> Result<Layers, String> {
    let sizes: Result<Vec<usize>, _> = text.split('-').map(str::parse).collect();
    sizes
        .map(Layers)
        .map_err(|_| "sizes are whole numbers with hyphens between: 784-500-250".into())
}

/// A schedule by its name in configuration files.
pub fn parse_preset(text: &str) -> Result<Preset, String> {
    by_name(text)
}

fn parse_negative_phase(text: &str) -> Result<NegativePhase, String> {
    by_name(text)
}

fn parse_next_input(text: &str) -> Result<NextInput, String> {
    by_name(text)
}

/// An option by its name in configuration files; what is wrong lists the names that there are.
pub fn by_name<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}
