//! What a unit of work leaves behind: one JSON record, and beside it a safetensors file with what
//! pictures need.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::ArrayView2;
use resrel_boltzmann::Monitor;
use resrel_measure::Measure;
use resrel_networks::Epoch;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::files::write_file;
use crate::{Error, Generated, Node, Quality, ShownState, Unit};

/// Version of the record's layout. A record of another version is refused by name.
pub const RECORD_VERSION: u32 = 1;

/// The result of one unit of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`RECORD_VERSION`] of the writer.
    pub record_version: u32,
    /// Version of `resrel` that wrote it.
    pub version: String,
    /// The unit: name, series, realization, seed and configuration.
    pub unit: Unit,
    /// Vector instructions in use: with the same seed they give the same bits.
    pub instruction_set: String,
    /// Name of the data set.
    pub data: String,
    /// Every layer of a network (H1 first), or the one clustering.
    pub layers: Vec<Measure>,
    /// Wall-clock seconds by phase (`load`, `train`, `measure` …).
    pub seconds: BTreeMap<String, f64>,
    /// Seconds of training per pass over the data, one number per layer.
    pub seconds_per_pass: Vec<f64>,
    /// Monitoring of the training: one list of epochs per layer.
    pub monitoring: Vec<Vec<Monitor>>,
    /// Test error of a classifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_error: Option<f64>,
    /// What a layer generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<Generated>,
    /// How a network on burn learnt, and how well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learnt: Option<Learnt>,
    /// How the states of its layers merge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hierarchy: Vec<Node>,
    /// States of its layers that are worth a look, layer after layer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<ShownState>,
}

/// How a perceptron, a convolutional network or an autoencoder learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learnt {
    /// Every pass over the data.
    pub history: Vec<Epoch>,
    /// Fraction of the training data that get their label.
    pub train_accuracy: Option<f64>,
    /// Fraction of the test data that do.
    pub test_accuracy: Option<f64>,
    /// An autoencoder's loss per image of the training data: minus the lower bound of ln P, in nats.
    pub train_loss: Option<f64>,
    /// That of the test data.
    pub test_loss: Option<f64>,
    /// How good an autoencoder's samples are.
    pub quality: Option<Quality>,
}

impl Record {
    /// The path of a unit's record in the output folder `out`.
    #[must_use]
    pub fn path(out: &Path, unit: &str) -> PathBuf {
        out.join("records").join(format!("{unit}.json"))
    }

    /// Writes the record and its companion, the companion first: where there is a record, both are
    /// whole.
    ///
    /// # Errors
    /// [`Error::File`] if one cannot be written.
    pub fn save(&self, sidecar: &Sidecar, out: &Path) -> Result<(), Error> {
        let path = Self::path(out, &self.unit.name);
        write_file(
            &path.with_extension("safetensors"),
            &sidecar.to_bytes(&path)?,
        )?;
        let json = serde_json::to_vec_pretty(self).map_err(|error| problem(&path, error))?;
        write_file(&path, &json)
    }

    /// Reads a unit's record and its companion; `None` where there is no record yet.
    ///
    /// # Errors
    /// [`Error::File`] if one cannot be read, [`Error::Record`] if one is damaged or of another
    /// version.
    pub fn load(out: &Path, unit: &str) -> Result<Option<(Self, Sidecar)>, Error> {
        let path = Self::path(out, unit);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|source| Error::File {
                path: path.clone(),
                source,
            })?,
        };
        let json: serde_json::Value =
            serde_json::from_slice(&text).map_err(|error| problem(&path, error))?;
        let version = &json["record_version"];
        if version != RECORD_VERSION {
            let problem = format!(
                "has record version {version}, this resrel reads {RECORD_VERSION}; use the version \
                 that wrote it, or another --out"
            );
            return Err(Error::Record { path, problem });
        }
        let record = serde_json::from_value(json).map_err(|error| problem(&path, error))?;
        let companion = path.with_extension("safetensors");
        let about = |what: String| problem(&path, format!("{}: {what}", companion.display()));
        let bytes = fs::read(&companion).map_err(|error| about(error.to_string()))?;
        let sidecar = Sidecar::from_bytes(&bytes).map_err(about)?;
        Ok(Some((record, sidecar)))
    }
}

/// The series of a figure that a unit belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Series {
    /// A network trained on the data.
    Trained,
    /// A network with its initial weights, measured on the data.
    Untrained,
    /// A network trained on, and measured on, images whose pixels were permuted independently.
    Shuffled,
    /// k-means clusters of the data.
    KMeans,
    /// The classifier that labels samples.
    Classifier,
    /// Samples of the trained networks' layers.
    Generated,
}

impl Series {
    /// Its name in recipes, files and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trained => "trained",
            Self::Untrained => "untrained",
            Self::Shuffled => "shuffled",
            Self::KMeans => "k-means",
            Self::Classifier => "classifier",
            Self::Generated => "generated",
        }
    }
}

/// What pictures need of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sidecar {
    /// For each layer its frequency spectrum: pairs (k, m_k), k ascending.
    pub spectra: Vec<Vec<(u64, u64)>>,
    /// Some of the samples; or the images of the nodes of a hierarchy, one after the other.
    pub images: Option<Images>,
    /// The images of the record's states, one after the other.
    pub states: Option<Images>,
}

/// Images in 256 shades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Height and width in pixels.
    pub shape: (usize, usize),
    /// The pixels of one image after the other, row by row: 0 for 0, 255 for 1.
    pub pixels: Vec<u8>,
}

impl Images {
    /// Of values 0 … 1, one row an image. `shape` must have as many pixels as a row.
    #[must_use]
    pub fn new(values: ArrayView2<f32>, shape: (usize, usize)) -> Self {
        let shade = |value: &f32| (value * 255.0).round() as u8;
        Self {
            shape,
            pixels: values.iter().map(shade).collect(),
        }
    }

    /// One image after the other.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels
            .chunks_exact((self.shape.0 * self.shape.1).max(1))
    }
}

/// Names of the tensors of images.
const IMAGES: &str = "images";
const STATES: &str = "states";

impl Sidecar {
    /// The safetensors file: for layer l a tensor `spectrum.l` (rows × 2, u64) of pairs (k, m_k), and
    /// `images` and `states` (images × height × width, u8).
    fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for (layer, pairs) in (1..).zip(&self.spectra) {
            let bytes = pairs
                .iter()
                .flat_map(|(k, m)| [k.to_le_bytes(), m.to_le_bytes()]);
            let bytes = bytes.flatten().collect();
            let name = format!("spectrum.{layer:03}");
            tensors.push((name, Dtype::U64, vec![pairs.len(), 2], bytes));
        }
        for (name, images) in [(IMAGES, &self.images), (STATES, &self.states)] {
            if let Some(Images { shape, pixels }) = images {
                let count = pixels.len() / (shape.0 * shape.1).max(1);
                let shape = vec![count, shape.0, shape.1];
                tensors.push((name.into(), Dtype::U8, shape, pixels.clone()));
            }
        }
        let mut views = Vec::with_capacity(tensors.len());
        for (name, dtype, shape, bytes) in &tensors {
            let view = TensorView::new(*dtype, shape.clone(), bytes);
            views.push((name.as_str(), view.map_err(|error| problem(path, error))?));
        }
        safetensors::serialize(views, None::<HashMap<String, String>>)
            .map_err(|error| problem(path, error))
    }

    /// What [`Sidecar::to_bytes`] wrote; what is wrong in words.
    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let mut tensors = file.tensors();
        tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut sidecar = Self::default();
        for (name, view) in tensors {
            match (name.as_str(), view.dtype(), view.shape()) {
                (IMAGES | STATES, Dtype::U8, [_, height, width]) => {
                    let images = Some(Images {
                        shape: (*height, *width),
                        pixels: view.data().to_vec(),
                    });
                    if name == IMAGES {
                        sidecar.images = images;
                    } else {
                        sidecar.states = images;
                    }
                }
                (_, Dtype::U64, [_, 2]) => sidecar.spectra.push(pairs(view.data())),
                _ => return Err(format!("tensor {name} is no spectrum and no images")),
            }
        }
        Ok(sidecar)
    }
}

/// Pairs of 64-bit numbers, low byte first.
fn pairs(bytes: &[u8]) -> Vec<(u64, u64)> {
    let number = |bytes: &[u8]| {
        let bytes = bytes.iter().rev();
        bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let pair = |bytes: &[u8]| (number(&bytes[..8]), number(&bytes[8..]));
    bytes.chunks_exact(16).map(pair).collect()
}

fn problem(path: &Path, what: impl std::fmt::Display) -> Error {
    let problem = format!("damaged ({what}); delete it and the same command runs its unit again");
    Error::Record {
        path: path.into(),
        problem,
    }
}
