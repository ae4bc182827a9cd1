//! Files: models and checkpoints, both safetensors, so that any tool that reads these can load them.
//!
//! Layer l's tensors are `Hl.weights` (V × H), `Hl.visible_bias` and `Hl.hidden_bias`, all f32. The
//! file's metadata has one entry, `resrel`: JSON with the configuration, seed, data, version and
//! instruction set, and a SHA-256 over all else, by which a file cut short or altered is known.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use resrel_data::{beside, write_whole};
use resrel_kernels::instruction_set;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dbn_training::DbnTrainer;
use crate::sampling;
use crate::{Dbn, DbnConfig, Error, Monitor, Rbm, Trainer};

/// The one metadata entry.
const ENTRY: &str = "resrel";
/// Version of the layout described above.
const VERSION: u32 = 1;

/// What the metadata entry says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// `dbn`, `checkpoint` or `sampling`.
    kind: String,
    format_version: u32,
    resrel_version: String,
    instruction_set: String,
    config: DbnConfig,
    pub seed: u64,
    /// Name of the data set; in a checkpoint, its checksum; in a sampling, the network's.
    pub data: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<sampling::Progress>,
    sha256: String,
}

/// How far a training is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    update: u64,
    monitoring: Vec<Vec<Monitor>>,
    seconds: Vec<f64>,
}

/// A checkpoint, read.
#[derive(Debug)]
pub(crate) struct Saved {
    /// Where it was read.
    pub path: PathBuf,
    /// Checksum of the data that the network was trained on.
    pub data: String,
    pub config: DbnConfig,
    pub seed: u64,
    pub machines: Vec<Rbm>,
    pub monitoring: Vec<Vec<Monitor>>,
    pub seconds: Vec<f64>,
    pub current: Option<Current>,
}

/// The layer that was in training.
#[derive(Debug)]
pub(crate) struct Current {
    pub rbm: Rbm,
    pub velocity: Option<Rbm>,
    pub chains: Array2<u8>,
    pub update: u64,
}

impl Dbn {
    /// Writes the network to a safetensors file, beside and renamed: the file is the old one or the
    /// new one, never half of it.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut tensors = Tensors::default();
        for (index, machine) in self.machines.iter().enumerate() {
            tensors.machine(&format!("H{}", index + 1), machine);
        }
        let header = header("dbn", &self.config, self.seed, &self.data, None);
        write(path, &tensors, header)
    }

    /// Reads a network from a file that [`Dbn::save`] wrote.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, [`Error::Format`] if it is cut short, altered or
    /// something else.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let (header, tensors) = read(path, "dbn")?;
        let machines = tensors.machines(path, header.config.layers.len().saturating_sub(1))?;
        check_sizes(path, &header.config, &machines)?;
        Ok(Self {
            machines,
            config: header.config,
            seed: header.seed,
            data: header.data,
        })
    }
}

/// Saves a training; the checkpoint before becomes `….previous`.
pub(crate) fn save(
    path: &Path,
    training: &DbnTrainer,
    trainer: &Trainer,
    data: &str,
) -> Result<(), Error> {
    let (config, seed, machines, monitoring, seconds) = training.parts();
    let mut tensors = Tensors::default();
    for (index, machine) in machines.iter().enumerate() {
        tensors.machine(&format!("H{}", index + 1), machine);
    }
    tensors.machine("current", trainer.rbm());
    if let Some(velocity) = trainer.velocity() {
        tensors.machine("velocity", velocity);
    }
    let chains = trainer.chains();
    let shape = vec![chains.nrows(), chains.ncols()];
    tensors.0.insert(
        "chains".into(),
        Stored {
            dtype: Dtype::U8,
            shape,
            bytes: chains.into_iter().collect(),
        },
    );
    let progress = Progress {
        update: trainer.update_number(),
        monitoring: monitoring.to_vec(),
        seconds: seconds.to_vec(),
    };
    if path.exists() {
        let previous = previous(path);
        fs::rename(path, &previous).map_err(|source| Error::File {
            path: previous,
            source,
        })?;
    }
    write(
        path,
        &tensors,
        header("checkpoint", config, seed, data, Some(progress)),
    )
}

/// Reads a training, or the one before where that file is damaged (and what was wrong with it).
pub(crate) fn load(path: &Path) -> Result<Option<(Saved, Option<Error>)>, Error> {
    let older = previous(path);
    let first = match (path.exists(), older.exists()) {
        (false, false) => return Ok(None),
        (true, _) => load_one(path),
        // Killed between the two renames of a save.
        (false, true) => return load_one(&older).map(|saved| Some((saved, None))),
    };
    match first {
        Ok(saved) => Ok(Some((saved, None))),
        Err(error) if older.exists() => {
            let saved = load_one(&older)?;
            // The next save would move the damaged one over the whole one.
            fs::rename(&older, path).map_err(|source| Error::File {
                path: path.into(),
                source,
            })?;
            Ok(Some((saved, Some(error))))
        }
        Err(error) => Err(error),
    }
}

/// Removes a checkpoint, the one before it and one half written, when the training is done.
///
/// # Errors
/// [`Error::File`] if one is there and cannot be removed.
pub fn remove_checkpoint(path: &Path) -> Result<(), Error> {
    for path in [path.to_path_buf(), previous(path), beside(path)] {
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::File { path, source }),
        }
    }
    Ok(())
}

fn load_one(path: &Path) -> Result<Saved, Error> {
    let (header, tensors) = read(path, "checkpoint")?;
    let problem = || damaged(path, "it does not say how far the training was");
    let progress = header.progress.ok_or_else(problem)?;
    let done = (1..header.config.layers.len())
        .take_while(|layer| tensors.0.contains_key(&format!("H{layer}.weights")))
        .count();
    let mut machines = tensors.machines(path, done)?;
    let rbm = tensors.read_machine(path, "current")?;
    machines.push(rbm);
    check_sizes(path, &header.config, &machines)?;
    let rbm = machines.pop().ok_or_else(problem)?;
    let momentum = header.config.training.momentum > 0.0;
    let velocity = momentum
        .then(|| tensors.read_machine(path, "velocity"))
        .transpose()?;
    let chains = tensors
        .0
        .get("chains")
        .ok_or_else(|| damaged(path, "its chains are missing"))?;
    let shape = (header.config.training.batch, rbm.hidden());
    let chains = Array2::from_shape_vec(shape, chains.bytes.clone())
        .map_err(|_| damaged(path, "its chains have another size than its layers"))?;
    if progress.monitoring.len() != done + 1 || progress.seconds.len() != done + 1 {
        return Err(damaged(
            path,
            "its monitoring has another length than its layers",
        ));
    }
    Ok(Saved {
        path: path.into(),
        data: header.data,
        config: header.config,
        seed: header.seed,
        machines,
        monitoring: progress.monitoring,
        seconds: progress.seconds,
        current: Some(Current {
            rbm,
            velocity,
            chains,
            update: progress.update,
        }),
    })
}

fn check_sizes(path: &Path, config: &DbnConfig, machines: &[Rbm]) -> Result<(), Error> {
    let mut sizes = config.layers.windows(2).zip(machines);
    let fits = |(sizes, machine): (&[usize], &Rbm)| {
        (machine.visible(), machine.hidden()) == (sizes[0], sizes[1])
            && machine.visible_bias.len() == sizes[0]
            && machine.hidden_bias.len() == sizes[1]
    };
    if machines.len() < config.layers.len() && sizes.all(fits) {
        return Ok(());
    }
    Err(damaged(
        path,
        "its tensors have other sizes than its configuration",
    ))
}

pub(crate) fn damaged(path: &Path, what: &str) -> Error {
    let problem =
        format!("{what}; the file is damaged or not from resrel: delete it or restore it");
    Error::Format {
        path: path.into(),
        problem,
    }
}

fn previous(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".previous");
    name.into()
}

pub(crate) fn header(
    kind: &str,
    config: &DbnConfig,
    seed: u64,
    data: &str,
    progress: Option<Progress>,
) -> Header {
    Header {
        kind: kind.into(),
        format_version: VERSION,
        resrel_version: env!("CARGO_PKG_VERSION").into(),
        instruction_set: instruction_set().into(),
        config: config.clone(),
        seed,
        data: data.into(),
        progress,
        sampling: None,
        sha256: String::new(),
    }
}

/// A tensor's bytes, little-endian.
#[derive(Debug)]
pub(crate) struct Stored {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// Tensors by name, in the order of their names.
#[derive(Debug, Default)]
pub(crate) struct Tensors(pub BTreeMap<String, Stored>);

impl Tensors {
    fn machine(&mut self, name: &str, machine: &Rbm) {
        self.real(
            format!("{name}.weights"),
            machine.weights.shape(),
            machine.weights.iter(),
        );
        for (part, bias) in [
            ("visible_bias", &machine.visible_bias),
            ("hidden_bias", &machine.hidden_bias),
        ] {
            self.real(format!("{name}.{part}"), bias.shape(), bias.iter());
        }
    }

    fn real<'a>(&mut self, name: String, shape: &[usize], values: impl Iterator<Item = &'a f32>) {
        let bytes = values.flat_map(|value| value.to_le_bytes()).collect();
        self.0.insert(
            name,
            Stored {
                dtype: Dtype::F32,
                shape: shape.to_vec(),
                bytes,
            },
        );
    }

    fn machines(&self, path: &Path, count: usize) -> Result<Vec<Rbm>, Error> {
        (1..=count)
            .map(|layer| self.read_machine(path, &format!("H{layer}")))
            .collect()
    }

    fn read_machine(&self, path: &Path, name: &str) -> Result<Rbm, Error> {
        let read = |part: &str, dimensions: usize| {
            let name = format!("{name}.{part}");
            let stored = self
                .0
                .get(&name)
                .filter(|stored| stored.dtype == Dtype::F32 && stored.shape.len() == dimensions);
            let stored =
                stored.ok_or_else(|| damaged(path, &format!("tensor {name} is missing")))?;
            let value = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            let values: Vec<f32> = stored.bytes.chunks_exact(4).map(value).collect();
            if let Some(bad) = values.iter().find(|value| !value.is_finite()) {
                return Err(damaged(path, &format!("tensor {name} holds {bad}")));
            }
            Ok((stored.shape.clone(), values))
        };
        let (shape, weights) = read("weights", 2)?;
        let view = ArrayView2::from_shape((shape[0], shape[1]), &weights);
        let weights =
            view.map_err(|_| damaged(path, &format!("{name}.weights has a wrong size")))?;
        let bias = |part| read(part, 1).map(|(_, values)| ArrayView1::from(&values).to_owned());
        let (visible_bias, hidden_bias): (Array1<f32>, Array1<f32>) =
            (bias("visible_bias")?, bias("hidden_bias")?);
        Ok(Rbm {
            weights: weights.to_owned(),
            visible_bias,
            hidden_bias,
        })
    }

    /// SHA-256 over the header without its sum, and every tensor's name, shape and bytes.
    fn sum(&self, header: &Header) -> String {
        let mut hasher = Sha256::new();
        hasher.update(serde_json::to_vec(header).unwrap_or_default());
        for (name, stored) in &self.0 {
            hasher.update(format!("{name} {:?} {:?}", stored.dtype, stored.shape));
            hasher.update(&stored.bytes);
        }
        hasher
            .finalize()
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }
}

pub(crate) fn write(path: &Path, tensors: &Tensors, mut header: Header) -> Result<(), Error> {
    let file_error = |source| Error::File {
        path: path.into(),
        source,
    };
    header.sha256 = tensors.sum(&header);
    let invalid = |problem: String| file_error(std::io::Error::other(problem));
    let json = serde_json::to_string(&header).map_err(|error| invalid(error.to_string()))?;
    let mut views = Vec::with_capacity(tensors.0.len());
    for (name, stored) in &tensors.0 {
        let view = TensorView::new(stored.dtype, stored.shape.clone(), &stored.bytes);
        views.push((
            name.as_str(),
            view.map_err(|error| invalid(error.to_string()))?,
        ));
    }
    let metadata = [(ENTRY.to_owned(), json)].into_iter().collect();
    let bytes = safetensors::serialize(views, Some(metadata))
        .map_err(|error| invalid(error.to_string()))?;
    write_whole(path, |file| file.write_all(&bytes)).map_err(file_error)
}

pub(crate) fn read(path: &Path, kind: &str) -> Result<(Header, Tensors), Error> {
    let bytes = fs::read(path).map_err(|source| Error::File {
        path: path.into(),
        source,
    })?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes)
        .map_err(|error| damaged(path, &format!("it is not whole ({error})")))?;
    let entry = metadata
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(ENTRY));
    let entry = entry.ok_or_else(|| damaged(path, "it has no resrel entry"))?;
    let mut header: Header = serde_json::from_str(entry)
        .map_err(|error| damaged(path, &format!("its description cannot be read ({error})")))?;
    if header.format_version != VERSION {
        let found = header.format_version;
        let problem = format!("has format version {found}, this resrel reads version {VERSION}");
        return Err(Error::Format {
            path: path.into(),
            problem,
        });
    }
    if header.kind != kind {
        let problem = format!("is a {}, where a {kind} is wanted", header.kind);
        return Err(Error::Format {
            path: path.into(),
            problem,
        });
    }
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| damaged(path, &format!("it is not whole ({error})")))?;
    let stored = file.tensors().into_iter().map(|(name, view)| {
        let bytes = view.data().to_vec();
        (
            name,
            Stored {
                dtype: view.dtype(),
                shape: view.shape().to_vec(),
                bytes,
            },
        )
    });
    let tensors = Tensors(stored.collect());
    let claimed = std::mem::take(&mut header.sha256);
    if tensors.sum(&header) != claimed {
        return Err(damaged(path, "its checksum does not fit"));
    }
    Ok((header, tensors))
}
