//! `resrel generate`: samples of a layer.

use std::ops::{ControlFlow, RangeInclusive};
use std::path::{Path, PathBuf};

use ndarray::Array2;
use resrel::boltzmann::{Chains, Dbn, Downward, SamplingConfig};
use resrel::data::{Dataset, Location, entry, write_npy};
use resrel::experiment::{GenerateEvent, Generated, Images, Labels, forget, generate};
use resrel::kernels::{Workers, instruction_set};
use resrel::networks::{Classifier, ClassifierConfig};
use resrel_report::samples_plot;
use serde_json::json;

use crate::commands::DataFolder;
use crate::commands::train::{by_name, check_writable};
use crate::console::Console;
use crate::failure::Failure;
use crate::plot::PlotFile;
use crate::progress::Bar;
use crate::table;

/// Images that are drawn, or kept for a picture.
const DRAWN: usize = 108;

/// Draw equilibrium samples from a layer of a network, and judge them.
///
/// Gibbs chains between the layer and the one below, then down to the visible units. A classifier, trained
/// once on the network's data and kept, labels the samples. Stopped by Ctrl-C or a crash, the same command
/// goes on where it was, if it has --out.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: resrel generate model.safetensors --layer 6 --samples 5000 --steps 1000 --plot samples.png"
)]
pub struct Arguments {
    /// A network that resrel train has written
    #[arg(value_name = "MODEL.safetensors")]
    model: PathBuf,
    /// The layer, from 1
    #[arg(long, value_name = "L")]
    layer: usize,
    /// Number of chains, each of which gives one sample
    #[arg(long, value_name = "N")]
    samples: usize,
    /// Gibbs steps of each chain
    #[arg(long, value_name = "T")]
    steps: u64,
    /// Replicas of each chain at higher temperatures, for chains that do not mix: parallel tempering
    #[arg(long, value_name = "R", default_value_t = 1)]
    replicas: usize,
    /// How samples go down to the visible units: sampled or mean-field
    #[arg(long, value_name = "NAME", value_parser = parse_downward, default_value = "sampled")]
    downward: Downward,
    /// Start from these images, a data set or an npy file, in place of random states
    #[arg(long, value_name = "NAME|FILE")]
    start: Option<String>,
    /// Hold visible units as in the images of --start while the others are sampled: top, bottom, left,
    /// right, or numbers from 0 as 0-391,400 (layer 1 alone)
    #[arg(long, value_name = "UNITS", requires = "start")]
    clamp: Option<String>,
    /// The data that the samples are judged by [default: those that the network learnt, if they are there]
    #[arg(long, value_name = "NAME|FILE")]
    data: Option<String>,
    #[command(flatten)]
    folder: DataFolder,
    /// Labels of the observations, one per line or as npy, where the data have none
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Only sample
    #[arg(long, conflicts_with_all = ["data", "labels"])]
    no_judge: bool,
    /// Seed of all random numbers
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The samples, one a row, each value the probability of a visible unit
    #[arg(long, value_name = "FILE.npy")]
    out: Option<PathBuf>,
    /// A picture of the first samples
    #[arg(long, value_name = "FILE.svg|png")]
    plot: Option<PlotFile>,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let dbn = Dbn::load(&arguments.model)?;
    let config = SamplingConfig {
        layer: arguments.layer,
        samples: arguments.samples,
        steps: arguments.steps,
        downward: arguments.downward,
        replicas: arguments.replicas,
    };
    config.validate(dbn.machines.len())?;
    if let Some(out) = &arguments.out {
        check_writable(out, "samples.npy")?;
    }
    let workers = console.workers()?;
    let data = data(arguments, &dbn, &workers, console)?;
    let start = match &arguments.start {
        None => None,
        Some(name) => Some(arguments.folder.load(name, None, &workers)?),
    };
    let mut chains = chains(arguments, &dbn, &config, start.as_ref(), &workers)?;
    let classifier = match &data {
        Some(data) if data.train.labels.is_some() => Some(judge(data, &workers, console)?),
        _ => None,
    };
    let labels = classifier
        .as_ref()
        .map_or(Labels::Unknown, Labels::Classifier);
    let checkpoint = arguments.out.as_ref().map(|out| {
        let mut name = out.clone().into_os_string();
        name.push(".checkpoint");
        PathBuf::from(name)
    });
    if let Some(path) = checkpoint.as_ref().filter(|path| path.exists()) {
        console.say(&format!("going on from {}", path.display()));
    }
    let bar = Bar::new(console, &format!("sampling H{}", config.layer));
    let generated = generate(
        &mut chains,
        &dbn,
        data.as_ref(),
        &labels,
        checkpoint.as_deref(),
        &workers,
        &mut |event| {
            if let GenerateEvent::Sampled(done) = event {
                bar.done(*done);
            }
            console.flow()
        },
    )?;
    drop(bar);
    let Some(generated) = generated else {
        let how = checkpoint.map_or_else(
            || "nothing was kept; with --out FILE.npy the same command goes on".into(),
            |path| format!("the same command goes on from {}", path.display()),
        );
        return Err(Failure::Stopped(how));
    };
    let images = |count| chains.images(&dbn, &workers, 0..count);
    if let Some(out) = &arguments.out {
        write_npy(out, images(config.samples).view())?;
    }
    if let Some(plot) = &arguments.plot {
        let drawn = images(config.samples.min(DRAWN));
        let shape = data.as_ref().or(start.as_ref()).and_then(|d| d.image_shape);
        let shape = shape.unwrap_or_else(|| square(drawn.ncols()));
        plot.save(&samples_plot(
            &generated.name,
            &Images::new(drawn.view(), shape),
        ))?;
    }
    if let Some(path) = checkpoint {
        forget(&path)?;
    }
    show(arguments, &generated, data.as_ref(), console)
}

/// The data that the samples are judged by, where they are wanted and there.
fn data(
    arguments: &Arguments,
    dbn: &Dbn,
    workers: &Workers,
    console: &Console,
) -> Result<Option<Dataset>, Failure> {
    if arguments.no_judge {
        return Ok(None);
    }
    let name = arguments.data.as_ref().unwrap_or(&dbn.data);
    if arguments.data.is_none() && !is_there(name, &arguments.folder)? {
        let told = if name.is_empty() {
            "the model does not say what it learnt; name it by --data to have the samples judged"
                .into()
        } else {
            format!(
                "{name}, which the network learnt, is not here: the samples are not judged; name it by --data"
            )
        };
        console.say(&told);
        return Ok(None);
    }
    let mut data = arguments
        .folder
        .load(name, arguments.labels.as_deref(), workers)?;
    data.name.clone_from(name);
    let (found, expected) = (data.train.features(), dbn.machines[0].visible());
    if found != expected {
        return Err(Failure::mistake(format!(
            "{name}: has {found} features, the network {expected} visible units; name the data that it learnt"
        )));
    }
    if data.train.labels.is_none() {
        console.say(&format!(
            "{name} has no labels, so the samples get none; give them by --labels"
        ));
    }
    Ok(Some(data))
}

fn is_there(name: &str, folder: &DataFolder) -> Result<bool, Failure> {
    match entry(name) {
        Ok(entry) => {
            let location = entry.locate(folder.path())?;
            Ok(!matches!(location, Location::Missing { .. }))
        }
        Err(_) => Ok(!name.is_empty() && Path::new(name).exists()),
    }
}

fn chains(
    arguments: &Arguments,
    dbn: &Dbn,
    config: &SamplingConfig,
    start: Option<&Dataset>,
    workers: &Workers,
) -> Result<Chains, Failure> {
    let Some(start) = start else {
        return Ok(Chains::random(dbn, config, arguments.seed)?);
    };
    let images: &Array2<f32> = &start.train.values;
    let mut chains = Chains::from_images(dbn, config, arguments.seed, images.view(), workers)?;
    if let Some(units) = &arguments.clamp {
        let shape = start.image_shape.unwrap_or_else(|| square(images.ncols()));
        let held = held(units, images.ncols(), shape)
            .map_err(|problem| Failure::mistake(format!("--clamp {units}: {problem}")))?;
        chains.clamp(&held, images.view())?;
    }
    Ok(chains)
}

/// The classifier of the data, from the cache or trained now.
pub fn judge(data: &Dataset, workers: &Workers, console: &Console) -> Result<Classifier, Failure> {
    let bar = Bar::new(console, "training judge");
    let classifier = Classifier::cached(
        data,
        &ClassifierConfig::default(),
        workers,
        &mut |done| -> ControlFlow<()> {
            bar.done(done);
            console.flow()
        },
    )?;
    classifier.ok_or_else(|| {
        Failure::Stopped("the classifier was in training; the same command starts it again".into())
    })
}

/// Share of accepted swaps below which states hardly come down to the chains.
const FEWEST_SWAPS: f64 = 0.01;

/// Height and width of images of which only the number of pixels is known: a square where it can be one,
/// else a row.
fn square(pixels: usize) -> (usize, usize) {
    let side = pixels.isqrt();
    if side * side == pixels {
        (side, side)
    } else {
        (1, pixels)
    }
}

/// Which visible units are held.
fn held(text: &str, units: usize, (height, width): (usize, usize)) -> Result<Vec<bool>, String> {
    let half = |inside: &dyn Fn(usize, usize) -> bool| {
        let pixels = 0..height * width;
        pixels
            .map(|unit| inside(unit / width, unit % width))
            .collect()
    };
    match text {
        "top" => return Ok(half(&|row, _| row < height / 2)),
        "bottom" => return Ok(half(&|row, _| row >= height / 2)),
        "left" => return Ok(half(&|_, column| column < width / 2)),
        "right" => return Ok(half(&|_, column| column >= width / 2)),
        _ => {}
    }
    let mut held = vec![false; units];
    for part in text.split(',') {
        let range = parse_range(part).ok_or_else(|| {
            format!("{part} is no range; give top, bottom, left, right or numbers as 0-391,400")
        })?;
        if *range.end() >= units {
            return Err(format!(
                "there are {units} visible units, 0 to {}",
                units - 1
            ));
        }
        held[range].fill(true);
    }
    Ok(held)
}

fn parse_range(text: &str) -> Option<RangeInclusive<usize>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = first.trim().parse().ok()?..=last.trim().parse().ok()?;
    (!range.is_empty()).then_some(range)
}

fn parse_downward(text: &str) -> Result<Downward, String> {
    by_name(text)
}

fn show(
    arguments: &Arguments,
    generated: &Generated,
    data: Option<&Dataset>,
    console: &Console,
) -> Result<(), Failure> {
    let mut text = table::quality(&generated.quality);
    text += &table::convergence(&generated.convergence);
    if let Some(out) = &arguments.out {
        text += &format!("The samples are in {}.\n", out.display());
    }
    if !generated.convergence.mixed {
        console.say(
            "the chains are not shown to have mixed (R̂ above 1.05, or fewer than 400 effective samples): \
             take more --steps, or --replicas; compare runs of other --seed",
        );
    }
    let smallest = generated
        .swap_rates
        .iter()
        .flatten()
        .copied()
        .fold(1.0, f64::min);
    if smallest < FEWEST_SWAPS {
        console.say(&format!(
            "neighbouring temperatures exchange {:.2} % of their states at least: take more --replicas",
            100.0 * smallest
        ));
    }
    let label_frequencies = generated.quality.labels.as_ref();
    let value = json!({
        "name": generated.name,
        "sampling": generated.sampling,
        "seed": arguments.seed,
        "data": data.map(|data| &data.name),
        "seconds_per_step": generated.seconds_per_step,
        "label_frequencies": label_frequencies.map(|labels| &labels.label_frequencies),
        "quality": generated.quality,
        "convergence": generated.convergence,
        "swap_rates": generated.swap_rates,
        "moments": generated.moments,
        "instruction_set": instruction_set(),
        "out": arguments.out,
    });
    console.show(&text, &value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_held_by_number_or_by_half() {
        assert_eq!(
            held("1-2,4", 6, (2, 3)),
            Ok(vec![false, true, true, false, true, false])
        );
        assert_eq!(
            held("left", 6, (2, 3)),
            Ok(vec![true, false, false, true, false, false])
        );
        assert_eq!(
            held("bottom", 6, (2, 3)),
            Ok(vec![false, false, false, true, true, true])
        );
        assert_eq!(
            held("4-6", 6, (2, 3)),
            Err("there are 6 visible units, 0 to 5".into())
        );
        assert!(
            held("3-1", 6, (2, 3)).is_err_and(|problem| problem.starts_with("3-1 is no range"))
        );
    }
}
