//! `resrel probe`: every layer of a network that is there already.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use resrel::boltzmann::Dbn;
use resrel::experiment::{Layers, Probed};
use resrel::measure::{Measure, critical};
use resrel::networks::{Onnx, OnnxLayer, Pool};
use serde::Serialize;
use serde_json::json;

use crate::commands::{DataFolder, observations};
use crate::console::Console;
use crate::failure::Failure;
use crate::progress::Bar;
use crate::table;

/// Measure every layer of a network on data, and say which is critical.
///
/// The network is an ONNX file, as PyTorch, TensorFlow and scikit-learn export it, or one that resrel train has
/// written. A unit is on where its value is above 0 (above 0.5 behind a sigmoid or softmax); which units of a layer
/// are on is its state. Operators that only hand values on (Reshape, Dropout …) are no layers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
    Example: resrel probe network.onnx --data images.npy --labels labels.npy\n\
    Example: resrel probe network.onnx --data mnist --pool max --exclude Conv\n\
    Example: resrel probe model.safetensors --data mnist --states states/")]
pub struct Arguments {
    /// An ONNX file, or a network that resrel train has written
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The data: mnist, ocr-letters, digits, or an npy file of observations × features
    #[arg(long, value_name = "NAME|FILE")]
    data: String,
    #[command(flatten)]
    folder: DataFolder,
    /// Labels of the observations, one per line or as npy
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Only these layers of an ONNX network, by name or operator
    #[arg(long, num_args = 1.., value_name = "LAYER")]
    layers: Vec<String>,
    /// All but these layers of an ONNX network, by name or operator
    #[arg(long, num_args = 1.., value_name = "LAYER")]
    exclude: Vec<String>,
    /// What makes one unit a channel out of the feature maps of an ONNX network; by default each value is a unit
    #[arg(long, value_enum)]
    pool: Option<PoolName>,
    /// Units of an ONNX network are on above this, in all layers
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    threshold: Option<f32>,
    /// A folder for the states of every layer, as npy files of 0 and 1
    #[arg(long, value_name = "DIR")]
    states: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PoolName {
    Mean,
    Max,
}

/// A layer: its measures, and what it is.
#[derive(Serialize)]
struct Layer<'a> {
    #[serde(flatten)]
    measure: &'a Measure,
    operator: Option<&'a str>,
    units: usize,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let workers = console.workers()?;
    let labels = arguments.labels.as_deref();
    let (samples, image_shape) =
        observations(&arguments.data, &arguments.folder, labels, &workers)?;
    let network = network(arguments, samples.values.ncols(), image_shape)?;
    let bar = Bar::new(console, "observations");
    let states = arguments.states.as_deref();
    let found = network.measure(&samples, states, &workers, &mut |done| {
        bar.done(done);
        console.flow()
    });
    drop(bar);
    let Some(Layers {
        measures,
        states: paths,
    }) = found?
    else {
        let how = "nothing was kept; the same command starts again";
        return Err(Failure::Stopped(how.into()));
    };
    let operators: Vec<Option<&str>> = match &network {
        Probed::Dbn(_) => vec![None; measures.len()],
        Probed::Onnx(onnx, _) => {
            let layers = onnx.layers().iter();
            layers.map(|layer| Some(layer.operator.as_str())).collect()
        }
    };
    let layers: Vec<Layer> = measures
        .iter()
        .zip(operators)
        .zip(network.layers())
        .map(|((measure, operator), (_, units))| Layer {
            measure,
            operator,
            units,
        })
        .collect();
    let critical = critical(&measures);
    let rows: Vec<[String; 2]> = layers
        .iter()
        .map(|layer| {
            let operator = layer
                .operator
                .map_or_else(String::new, |operator| format!("{operator}, "));
            [
                layer.measure.name.clone(),
                format!("{operator}{} units", layer.units),
            ]
        })
        .collect();
    let mut text = format!("{}\n{}", table::rows(&rows), table::measures(&measures));
    text += "\nH[s] and H[k] are fractions of ln M. ";
    text += &table::verdict(critical.as_ref());
    if let Some(states) = states {
        text += &format!("\nThe states are in {}.", states.display());
    }
    let value = json!({
        "model": arguments.model,
        "data": arguments.data,
        "layers": layers,
        "critical": critical,
        "states": paths,
    });
    console.show(&text, &value)
}

/// The network in the file, for observations of so many features.
fn network(
    arguments: &Arguments,
    features: usize,
    image_shape: Option<(usize, usize)>,
) -> Result<Probed, Failure> {
    let path = &arguments.model;
    if path.extension().is_some_and(|kind| kind == "safetensors") {
        let only_onnx = [
            (!arguments.layers.is_empty(), "--layers"),
            (!arguments.exclude.is_empty(), "--exclude"),
            (arguments.pool.is_some(), "--pool"),
            (arguments.threshold.is_some(), "--threshold"),
        ];
        if let Some((_, option)) = only_onnx.iter().find(|(given, _)| *given) {
            let words = format!("{option} is for ONNX networks; {} is none", path.display());
            return Err(Failure::mistake(words));
        }
        return Ok(Probed::Dbn(Box::new(Dbn::load(path)?)));
    }
    let pool = arguments.pool.map(|pool| match pool {
        PoolName::Mean => Pool::Mean,
        PoolName::Max => Pool::Max,
    });
    let is = |names: &[String], layer: &OnnxLayer| {
        names
            .iter()
            .any(|name| *name == layer.name || *name == layer.operator)
    };
    let wanted = |layer: &OnnxLayer| {
        (arguments.layers.is_empty() || is(&arguments.layers, layer))
            && !is(&arguments.exclude, layer)
    };
    check_names(arguments, path, features, image_shape)?;
    let mut onnx = Onnx::load(path, features, image_shape, &wanted)?;
    if let Some(threshold) = arguments.threshold {
        onnx.set_threshold(threshold);
    }
    Ok(Probed::Onnx(Box::new(onnx), pool))
}

/// Refuses names that no layer has.
fn check_names(
    arguments: &Arguments,
    path: &Path,
    features: usize,
    image_shape: Option<(usize, usize)>,
) -> Result<(), Failure> {
    let named = arguments.layers.iter().chain(&arguments.exclude);
    if named.clone().next().is_none() {
        return Ok(());
    }
    let all = Onnx::load(path, features, image_shape, &|_| true)?;
    let known = all.layers();
    for name in named {
        if !known
            .iter()
            .any(|layer| layer.name == *name || layer.operator == *name)
        {
            let layers: Vec<String> = known
                .iter()
                .map(|layer| format!("{} ({})", layer.name, layer.operator))
                .collect();
            let words = format!(
                "{}: no layer {name:?}; there are {}",
                path.display(),
                layers.join(", ")
            );
            return Err(Failure::mistake(words));
        }
    }
    Ok(())
}
