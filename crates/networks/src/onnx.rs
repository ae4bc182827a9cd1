//! Networks that were trained elsewhere, from ONNX files: the values of their layers.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::{Array2, ArrayView2, Axis, s};
use resrel_data::guarded;
use resrel_kernels::{BitRows, Workers};
use tract_onnx::model::ParseResult;
use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::{Factoid, GenericFactoid, InferenceFact};
use tract_onnx::tract_hir::internal::DimLike;

use crate::Error;

/// Images that pass through the network together, where its file does not say how many.
const BATCH: usize = 256;
/// Operators that hand on the values they are given, or are no layer: their states would be those of the layer
/// before.
const PASSING: [&str; 12] = [
    "Cast",
    "Constant",
    "Dropout",
    "Flatten",
    "Identity",
    "Pad",
    "Reshape",
    "Shape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
    "Gather",
];
/// Operators whose values are probabilities: a unit is on above one half.
const PROBABILITIES: [&str; 3] = ["Sigmoid", "Softmax", "HardSigmoid"];

/// A layer of a network: a node of its graph.
#[derive(Debug, Clone, PartialEq)]
pub struct OnnxLayer {
    /// The node's name; that of its first output where it has none.
    pub name: String,
    /// Its operator: `Conv`, `Relu` …
    pub operator: String,
    /// Values for each observation, before they are pooled: channels first.
    pub shape: Vec<usize>,
    /// A unit is on where its value is above this: 0.5 for probabilities, else 0.
    pub threshold: f32,
}

/// What makes one number a channel out of a feature map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// Its mean over all positions.
    Mean,
    /// Its largest value.
    Max,
}

impl OnnxLayer {
    /// Number of units of its states.
    #[must_use]
    pub fn units(&self, pool: Option<Pool>) -> usize {
        match (pool, &self.shape[..]) {
            (Some(_), [channels, _, ..]) => *channels,
            (_, shape) => shape.iter().product(),
        }
    }
}

/// A network from an ONNX file.
pub struct Onnx {
    path: PathBuf,
    plan: Arc<TypedRunnableModel>,
    layers: Vec<OnnxLayer>,
    /// The shape of what it is given: observations that pass together, then of each.
    input: Vec<usize>,
}

impl std::fmt::Debug for Onnx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Onnx")
            .field("path", &self.path)
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}

impl Onnx {
    /// The network in the file `path`, for observations of so many `features`, which are images of that
    /// `image_shape` (height, width) if there is one. Layers are those that `wanted` says.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read; [`Error::Onnx`] if it is no network, has more than one input or
    /// one of another size, or uses what is not known here, or none of its layers is wanted.
    pub fn load(
        path: &Path,
        features: usize,
        image_shape: Option<(usize, usize)>,
        wanted: &dyn Fn(&OnnxLayer) -> bool,
    ) -> Result<Self, Error> {
        let file = |source| Error::File {
            path: path.into(),
            source,
        };
        // Before the reader maps it: an error of the file system is told as one.
        fs::File::open(path).map_err(file)?;
        if path.is_dir() {
            return Err(Error::Onnx {
                path: path.into(),
                problem: "is a folder; name an ONNX file".into(),
            });
        }
        let loaded = guarded(|| parse(path, features, image_shape, wanted));
        let loaded = loaded.unwrap_or_else(|| Err("is damaged; export it again".into()));
        let (plan, layers, input) = loaded.map_err(|problem| Error::Onnx {
            path: path.into(),
            problem,
        })?;
        Ok(Self {
            path: path.into(),
            plan,
            layers,
            input,
        })
    }

    /// The layers, in the order in which values pass through them.
    #[must_use]
    pub fn layers(&self) -> &[OnnxLayer] {
        &self.layers
    }

    /// From now on units of all layers are on above `threshold`.
    pub fn set_threshold(&mut self, threshold: f32) {
        for layer in &mut self.layers {
            layer.threshold = threshold;
        }
    }

    /// Observations that pass through together.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.input[0]
    }

    /// The states of every layer for some observations (rows × features): bit j is 1 where unit j is above the
    /// layer's threshold.
    ///
    /// # Errors
    /// [`Error::Onnx`] if the network cannot work on them.
    pub fn states(
        &self,
        workers: &Workers,
        values: ArrayView2<f32>,
        pool: Option<Pool>,
    ) -> Result<Vec<BitRows>, Error> {
        let batches = workers.map(values.nrows().div_ceil(self.batch()), |batch| {
            let first = batch * self.batch();
            let last = (first + self.batch()).min(values.nrows());
            self.values(values.slice(s![first..last, ..]), pool)
        });
        let mut states: Vec<BitRows> = self
            .layers
            .iter()
            .map(|layer| BitRows::zeros(values.nrows(), layer.units(pool)))
            .collect();
        for (batch, values) in batches.into_iter().enumerate() {
            for ((layer, states), values) in self.layers.iter().zip(&mut states).zip(values?) {
                let bits = BitRows::from_threshold(values.view(), layer.threshold);
                let first = batch * self.batch() * states.words_per_row();
                states.words_mut()[first..first + bits.words().len()].copy_from_slice(bits.words());
            }
        }
        Ok(states)
    }

    /// The values of every layer for at most a batch of observations: rows × units.
    ///
    /// # Errors
    /// [`Error::Onnx`] if the network cannot work on them.
    ///
    /// # Panics
    /// If they are more than a batch, or have another number of features.
    pub fn values(
        &self,
        values: ArrayView2<f32>,
        pool: Option<Pool>,
    ) -> Result<Vec<Array2<f32>>, Error> {
        let failed = |problem: String| Error::Onnx {
            path: self.path.clone(),
            problem,
        };
        let rows = values.nrows();
        assert!(rows <= self.batch(), "at most a batch");
        // The network takes whole batches: what is missing is zeros, whose values are left out again.
        let mut whole = Array2::zeros((self.batch(), values.ncols()));
        whole.slice_mut(s![..rows, ..]).assign(&values);
        let run = || {
            let input = Tensor::from_shape(&self.input, whole.as_slice().unwrap_or_default())?;
            let outputs = self.plan.run(tvec!(input.into()))?;
            let values = outputs.iter().zip(&self.layers).map(|(output, layer)| {
                let view = output.to_plain_array_view::<f32>()?;
                let units: usize = layer.shape.iter().product();
                let view = view.to_shape((self.batch(), units))?;
                Ok(pooled(view.slice(s![..rows, ..]), &layer.shape, pool))
            });
            values.collect::<TractResult<Vec<_>>>()
        };
        let values = guarded(run).ok_or_else(|| failed("the network cannot be run here".into()))?;
        values.map_err(|error| failed(format!("the network cannot be run here ({error})")))
    }
}

/// One number a channel, where there are positions to pool over.
fn pooled(values: ArrayView2<f32>, shape: &[usize], pool: Option<Pool>) -> Array2<f32> {
    let (Some(pool), [channels, positions @ ..]) = (pool, shape) else {
        return values.to_owned();
    };
    let positions: usize = positions.iter().product();
    let maps = values.to_shape((values.nrows(), *channels, positions));
    let Ok(maps) = maps else {
        return values.to_owned();
    };
    match pool {
        Pool::Mean => maps.sum_axis(Axis(2)) / positions.max(1) as f32,
        Pool::Max => maps.fold_axis(Axis(2), f32::NEG_INFINITY, |most, value| most.max(*value)),
    }
}

type Loaded = (Arc<TypedRunnableModel>, Vec<OnnxLayer>, Vec<usize>);

/// The network, or what is wrong with it.
fn parse(
    path: &Path,
    features: usize,
    image_shape: Option<(usize, usize)>,
    wanted: &dyn Fn(&OnnxLayer) -> bool,
) -> Result<Loaded, String> {
    let reader = onnx()
        .with_ignore_output_shapes(true)
        .with_ignore_value_info(true);
    let no_model = |error: TractError| format!("is no ONNX model, or damaged ({})", words(&error));
    let proto: ModelProto = reader.proto_model_for_path(path).map_err(no_model)?;
    let graph = proto
        .graph
        .as_ref()
        .ok_or("is no ONNX model: it has no graph")?;
    let strange = graph
        .node
        .iter()
        .find(|node| !reader.op_register.0.contains_key(&node.op_type));
    if let Some(node) = strange {
        return Err(format!(
            "uses the operator {:?}, which is not known here; export it without",
            node.op_type
        ));
    }
    let folder = path.parent().and_then(Path::to_str);
    let ParseResult {
        mut model,
        unresolved_inputs,
        outlets_by_name,
    } = reader.parse(&proto, folder).map_err(no_model)?;
    if let Some(missing) = unresolved_inputs.first() {
        return Err(format!("is damaged: nothing makes the value {missing:?}"));
    }
    let input = input_shape(&model, features, image_shape)?;
    let batch = input[0];
    model
        .set_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), &input[..]))
        .map_err(|error| words(&error))?;
    let unknown = |error: TractError| {
        format!(
            "cannot be run here ({}); export it with a lower opset, or without what it names",
            words(&error)
        )
    };
    model.analyse(false).map_err(unknown)?;
    let (outlets, layers) = layers(graph, &model, &outlets_by_name, batch, wanted);
    if layers.is_empty() {
        return Err("has no layer that is wanted; name others".into());
    }
    model.select_output_outlets(&outlets).map_err(unknown)?;
    let plan = model
        .into_optimized()
        .and_then(IntoRunnable::into_runnable)
        .map_err(unknown)?;
    Ok((plan, layers, input))
}

/// What is told of an error: the deepest cause, on one line.
fn words(error: &TractError) -> String {
    let cause = error.chain().last().map(ToString::to_string);
    let line: String = cause.unwrap_or_default().chars().take(160).collect();
    line.escape_debug().to_string()
}

/// The shape of the only input: observations that pass together, then of each of them.
fn input_shape(
    model: &InferenceModel,
    features: usize,
    image_shape: Option<(usize, usize)>,
) -> Result<Vec<usize>, String> {
    let inputs = model.input_outlets().map_err(|error| words(&error))?;
    let [input] = inputs else {
        return Err(format!(
            "has {} inputs; a network of one input can be probed",
            inputs.len()
        ));
    };
    let fact = model.outlet_fact(*input).map_err(|error| words(&error))?;
    let dimensions: Vec<Option<usize>> = fact
        .shape
        .dims()
        .map(|dimension| match dimension {
            GenericFactoid::Only(dimension) => dimension.to_usize().ok(),
            GenericFactoid::Any => None,
        })
        .collect();
    let [batch, rest @ ..] = &dimensions[..] else {
        return Err("takes a single number; give a network that takes batches".into());
    };
    let known: usize = rest.iter().flatten().product();
    let open = rest.iter().filter(|dimension| dimension.is_none()).count();
    let fits = |shape: Vec<usize>| {
        let size: usize = shape.iter().product();
        (size == features).then_some(shape).ok_or_else(|| {
            format!("takes {size} values for each observation, the data have {features} features; give the data that it was trained on")
        })
    };
    let each = match (rest, image_shape) {
        ([_, height, width], Some(shape))
            if open > 0
                && height.is_none_or(|h| h == shape.0)
                && width.is_none_or(|w| w == shape.1) =>
        {
            let channels = features / (shape.0 * shape.1).max(1);
            fits(vec![rest[0].unwrap_or(channels), shape.0, shape.1])?
        }
        _ if open == 0 => fits(rest.iter().flatten().copied().collect())?,
        _ if open == 1 && known > 0 => {
            let last = features / known;
            fits(
                rest.iter()
                    .map(|dimension| dimension.unwrap_or(last))
                    .collect(),
            )?
        }
        _ => return Err("leaves the shape of its input open; export it with a shape".into()),
    };
    Ok([vec![batch.unwrap_or(BATCH)], each].concat())
}

/// The layers that are wanted, with the places where their values come out.
fn layers(
    graph: &GraphProto,
    model: &InferenceModel,
    outlets: &HashMap<String, OutletId>,
    batch: usize,
    wanted: &dyn Fn(&OnnxLayer) -> bool,
) -> (Vec<OutletId>, Vec<OnnxLayer>) {
    let mut found = (Vec::new(), Vec::new());
    for node in &graph.node {
        let Some(output) = node.output.first() else {
            continue;
        };
        if PASSING.contains(&node.op_type.as_str()) {
            continue;
        }
        let Some(outlet) = outlets.get(output) else {
            continue;
        };
        let Ok(fact) = model.outlet_fact(*outlet) else {
            continue;
        };
        let shape = fact.shape.concretize().and_then(|shape| {
            let shape = shape.iter().map(|dimension| dimension.to_usize().ok());
            shape.collect::<Option<Vec<usize>>>()
        });
        // Values that are not one set for each observation are no layer.
        let Some([first, each @ ..]) = shape.as_deref() else {
            continue;
        };
        let is_layer = *first == batch && fact.datum_type.concretize() == Some(f32::datum_type());
        if !is_layer || each.is_empty() {
            continue;
        }
        let probability = PROBABILITIES.contains(&node.op_type.as_str());
        let layer = OnnxLayer {
            name: if node.name.is_empty() {
                output
            } else {
                &node.name
            }
            .clone(),
            operator: node.op_type.clone(),
            shape: each.to_vec(),
            threshold: if probability { 0.5 } else { 0.0 },
        };
        if wanted(&layer) {
            found.0.push(*outlet);
            found.1.push(layer);
        }
    }
    found
}
