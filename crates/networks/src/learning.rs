//! How feed-forward networks and autoencoders learn: mini-batches, Adam, early stopping, checkpoints.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Int, Tensor, TensorData};
use ndarray::{Array2, ArrayView2, Axis, s};
use resrel_data::write_whole;
use resrel_kernels::{Purpose, Stream, StreamRng};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::classifier::{matrix, numbers};
use crate::{Error, Observer};

/// For early stopping every so many-th observation is held out.
const HELD_OUT: usize = 12;
/// Images that pass through a network together where nothing is learnt: bounds the memory.
pub(crate) const CHUNK: usize = 500;
/// Progress is told, and an answer heard, every so many updates.
const UPDATES_PER_WORD: usize = 10;

/// Streams of random numbers.
pub(crate) const WEIGHTS: u64 = 0;
const ORDER: u64 = 1;
const NOISE: u64 = 2;
const VALIDATION_NOISE: u64 = 3;
pub(crate) const GENERATION: u64 = 4;

/// The entry of a checkpoint's metadata, and its tensors.
const ENTRY: &str = "resrel";
const NETWORK: &str = "network";
const OPTIMIZER: &str = "optimizer";
const BEST: &str = "best";

/// One pass over the data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// Mean loss per observation while it was learnt, in nats.
    pub training_loss: f64,
    /// Mean loss per held-out observation after the pass, in nats; `None` without any held out.
    pub validation_loss: Option<f64>,
}

/// What is learnt from, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lesson<'a> {
    pub images: ArrayView2<'a, f32>,
    /// For every image the number of its class; empty where nothing is classified.
    pub targets: &'a [u32],
    pub epochs: usize,
    pub batch: usize,
    /// Learning rate at the start; it falls linearly to 0 over the epochs.
    pub learning_rate: f64,
    /// Learning ends when the loss of held-out images has not improved for so many passes, and the best
    /// network is kept; `None` to learn from all of them to the end.
    pub patience: Option<usize>,
    pub seed: u64,
}

/// Some images, with what goes with them.
pub(crate) struct Batch {
    pub images: Tensor<2>,
    pub targets: Tensor<1, Int>,
    /// Standard normal numbers, as many each as [`Learn::noise`] asks for.
    pub noise: Tensor<2>,
}

/// What the loop asks of a network.
pub(crate) trait Learn: Module + Sized {
    /// The mean loss over a batch, in nats.
    fn loss(&self, batch: Batch) -> Tensor<1>;

    /// Random numbers that it needs for each image.
    fn noise(&self) -> usize {
        0
    }
}

/// What a checkpoint says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    /// What was learnt, in words: a checkpoint of something else is of no use.
    lesson: String,
    epochs: Vec<Epoch>,
    best: Option<f64>,
    /// Passes since the loss was best.
    stale: usize,
}

/// Trains `network`, which is on a device for training, and returns it on one without. `None` if `observer`
/// stopped it: then the last whole pass is in the checkpoint, and the same call goes on from there. `what`
/// names network and data.
pub(crate) fn learn<N: Learn>(
    mut network: N,
    what: &str,
    lesson: &Lesson,
    checkpoint: Option<&Path>,
    device: &Device,
    observer: &mut Observer,
) -> Result<Option<(N, Vec<Epoch>)>, Error> {
    let rows = 0..lesson.images.nrows();
    let (held_out, mut order): (Vec<usize>, Vec<usize>) =
        rows.partition(|row| lesson.patience.is_some() && row % HELD_OUT == HELD_OUT - 1);
    let mut adam = AdamConfig::new().init();
    let mut state = State {
        lesson: format!("{what}: {}", lesson.words()),
        epochs: Vec::new(),
        best: None,
        stale: 0,
    };
    let mut best: Option<Vec<u8>> = None;
    let found = checkpoint.and_then(|path| Saved::read(path, &state.lesson));
    // A checkpoint that cannot be used costs time, no more: learning starts anew.
    if let Some((saved, loaded, optimizer)) = found.and_then(|saved| {
        let loaded = restored(network.clone(), saved.network.clone())?;
        let optimizer = Bytes::from_bytes_vec(saved.optimizer.clone());
        let optimizer = AdamConfig::new().init().from_bytes(optimizer).ok()?;
        Some((saved, loaded, optimizer))
    }) {
        (network, adam) = (loaded, optimizer);
        (state, best) = (saved.state, saved.best);
    }
    let updates = order.len().div_ceil(lesson.batch);
    let total = (updates * lesson.epochs) as f64;
    for epoch in state.epochs.len()..lesson.epochs {
        if lesson.patience.is_some_and(|most| state.stale >= most) {
            break;
        }
        // From the same order each time, so that a pass does not depend on those before it.
        order.sort_unstable();
        let mut rng = lesson.stream(ORDER).rng(epoch as u64);
        for place in (1..order.len()).rev() {
            order.swap(place, rng.below(place as u32 + 1) as usize);
        }
        let mut noise = lesson.stream(NOISE).rng(epoch as u64);
        let mut sum = 0.0;
        for (place, rows) in order.chunks(lesson.batch).enumerate() {
            let done = (epoch * updates + place) as f64 / total;
            if place % UPDATES_PER_WORD == 0 && observer(done).is_break() {
                return Ok(None);
            }
            let batch = lesson.batch_of(rows, network.noise(), &mut noise, device);
            let loss = network.loss(batch);
            sum += value(&loss) * rows.len() as f64;
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = adam.step(lesson.learning_rate * (1.0 - done), network, gradients);
        }
        let validation_loss = (!held_out.is_empty()).then(|| {
            let network = network.valid();
            let mut noise = lesson.stream(VALIDATION_NOISE).rng(0);
            let device = device.clone().inner();
            let losses = held_out.chunks(CHUNK).map(|rows| {
                let batch = lesson.batch_of(rows, network.noise(), &mut noise, &device);
                value(&network.loss(batch)) * rows.len() as f64
            });
            losses.sum::<f64>() / held_out.len() as f64
        });
        state.epochs.push(Epoch {
            training_loss: sum / order.len() as f64,
            validation_loss,
        });
        if let Some(loss) = validation_loss {
            if state.best.is_none_or(|best| loss < best) {
                (state.best, state.stale) = (Some(loss), 0);
                best = Some(bytes_of(network.clone())?);
            } else {
                state.stale += 1;
            }
        }
        if let Some(path) = checkpoint {
            let optimizer = adam.into_bytes().map_err(Error::record)?;
            Saved::write(
                path,
                &state,
                bytes_of(network.clone())?,
                optimizer.to_vec(),
                best.clone(),
            )?;
        }
    }
    let network = match best {
        // It was taken from this very network, or is from a checkpoint that was read whole.
        Some(best) => restored(network.clone(), best).unwrap_or(network),
        None => network,
    };
    Ok(Some((network.valid(), state.epochs)))
}

impl Lesson<'_> {
    fn stream(&self, index: u64) -> Stream {
        Stream::new(self.seed, Purpose::Networks, index)
    }

    /// Everything that a checkpoint must agree with.
    fn words(&self) -> String {
        format!(
            "{} × {}, {} passes in batches of {} at {} with patience {:?}, seed {}",
            self.images.nrows(),
            self.images.ncols(),
            self.epochs,
            self.batch,
            self.learning_rate,
            self.patience,
            self.seed
        )
    }

    fn batch_of(
        &self,
        rows: &[usize],
        noise: usize,
        rng: &mut StreamRng,
        device: &Device,
    ) -> Batch {
        let features = self.images.ncols();
        let images: Vec<f32> = rows
            .iter()
            .flat_map(|row| self.images.row(*row).to_vec())
            .collect();
        let targets: Vec<i64> = rows
            .iter()
            .map(|row| self.targets.get(*row).copied().map_or(0, i64::from))
            .collect();
        let numbers: Vec<f32> = (0..rows.len() * noise)
            .map(|_| rng.normal() as f32)
            .collect();
        Batch {
            images: Tensor::from_data(TensorData::new(images, [rows.len(), features]), device),
            targets: Tensor::from_data(TensorData::new(targets, [rows.len()]), device),
            noise: Tensor::from_data(TensorData::new(numbers, [rows.len(), noise]), device),
        }
    }
}

/// What a checkpoint holds, after some whole passes.
struct Saved {
    state: State,
    network: Vec<u8>,
    optimizer: Vec<u8>,
    best: Option<Vec<u8>>,
}

impl Saved {
    /// `None` where there is none, or none of this lesson.
    fn read(path: &Path, lesson: &str) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes).ok()?;
        let state: State = serde_json::from_str(metadata.metadata().as_ref()?.get(ENTRY)?).ok()?;
        if state.lesson != lesson {
            return None;
        }
        let file = SafeTensors::deserialize(&bytes).ok()?;
        let part = |name: &str| Some(file.tensor(name).ok()?.data().to_vec());
        Some(Self {
            state,
            network: part(NETWORK)?,
            optimizer: part(OPTIMIZER)?,
            best: part(BEST),
        })
    }

    fn write(
        path: &Path,
        state: &State,
        network: Vec<u8>,
        optimizer: Vec<u8>,
        best: Option<Vec<u8>>,
    ) -> Result<(), Error> {
        let mut parts = vec![(NETWORK, network), (OPTIMIZER, optimizer)];
        parts.extend(best.map(|best| (BEST, best)));
        let mut views = Vec::new();
        for (name, bytes) in &parts {
            let view = TensorView::new(Dtype::U8, vec![bytes.len()], bytes);
            views.push((*name, view.map_err(Error::record)?));
        }
        let entry = serde_json::to_string(state).map_err(Error::record)?;
        let metadata = HashMap::from([(ENTRY.to_owned(), entry)]);
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(Error::record)?;
        write_whole(path, |file| std::io::Write::write_all(file, &bytes)).map_err(|source| {
            Error::File {
                path: path.into(),
                source,
            }
        })
    }
}

fn bytes_of<N: Module>(network: N) -> Result<Vec<u8>, Error> {
    let bytes = network.into_record().into_bytes().map_err(Error::record)?;
    Ok(bytes.to_vec())
}

fn restored<N: Module>(network: N, bytes: Vec<u8>) -> Option<N> {
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).ok()?;
    network.try_load_record(record).ok()
}

fn value(loss: &Tensor<1>) -> f64 {
    // A loss is one number.
    f64::from(numbers(loss.clone()).first().copied().unwrap_or(f32::NAN))
}

/// A dense layer with normal weights of standard deviation `scale` and biases 0, from our own random numbers:
/// the same seed gives the same network.
pub(crate) fn dense(
    inputs: usize,
    units: usize,
    scale: f64,
    rng: &mut StreamRng,
    device: &Device,
) -> Linear {
    Linear {
        weight: Param::from_tensor(normal([inputs, units], scale, rng, device)),
        bias: Some(Param::from_tensor(Tensor::zeros([units], device))),
    }
}

/// Normal numbers of standard deviation `scale`.
pub(crate) fn normal<const D: usize>(
    shape: [usize; D],
    scale: f64,
    rng: &mut StreamRng,
    device: &Device,
) -> Tensor<D> {
    let numbers: Vec<f32> = (0..shape.iter().product())
        .map(|_| (scale * rng.normal()) as f32)
        .collect();
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// Rows of `images` through `part` of a network, a chunk at a time.
pub(crate) fn through(
    images: ArrayView2<f32>,
    width: usize,
    device: &Device,
    part: impl Fn(Tensor<2>) -> Tensor<2>,
) -> Array2<f32> {
    let mut all = Array2::zeros((images.nrows(), width));
    for (chunk, images) in images.axis_chunks_iter(Axis(0), CHUNK).enumerate() {
        let rows = images.nrows();
        let data = TensorData::new(images.iter().copied().collect(), [rows, images.ncols()]);
        let values = matrix(
            [rows, width],
            numbers(part(Tensor::from_data(data, device))),
        );
        let first = chunk * CHUNK;
        all.slice_mut(s![first..first + rows, ..]).assign(&values);
    }
    all
}

/// Where networks learn: on the graphics card where the crate was built for one.
pub(crate) fn device() -> Device {
    #[cfg(feature = "cuda")]
    return Device::cuda(0);
    #[cfg(all(feature = "wgpu", not(feature = "cuda")))]
    return Device::wgpu(burn::tensor::DeviceKind::DefaultDevice);
    #[cfg(not(any(feature = "cuda", feature = "wgpu")))]
    Device::flex()
}
