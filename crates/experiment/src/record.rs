//! What a unit of work leaves behind: one JSON record, and beside it a safetensors file with what
//! pictures need.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use resrel_boltzmann::Monitor;
use resrel_measure::Measure;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::files::write_file;
use crate::{Error, Unit};

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
        }
    }
}

/// What pictures need of a unit: for each layer its frequency spectrum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidecar {
    /// One spectrum a layer: pairs (k, m_k), k ascending.
    pub spectra: Vec<Vec<(u64, u64)>>,
}

impl Sidecar {
    /// The safetensors file: for layer l a tensor `spectrum.l` (rows × 2, u64) of pairs (k, m_k).
    fn to_bytes(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let tensors: Vec<(String, usize, Vec<u8>)> = (1..)
            .zip(&self.spectra)
            .map(|(layer, pairs)| {
                let bytes = pairs
                    .iter()
                    .flat_map(|(k, m)| [k.to_le_bytes(), m.to_le_bytes()]);
                (
                    format!("spectrum.{layer:03}"),
                    pairs.len(),
                    bytes.flatten().collect(),
                )
            })
            .collect();
        let mut views = Vec::with_capacity(tensors.len());
        for (name, rows, bytes) in &tensors {
            let view = TensorView::new(Dtype::U64, vec![*rows, 2], bytes);
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
        let spectra = tensors.into_iter().map(|(name, view)| {
            if view.dtype() != Dtype::U64 || view.shape().len() != 2 || view.shape()[1] != 2 {
                return Err(format!("tensor {name} is no spectrum"));
            }
            let pair = |bytes: &[u8]| {
                let number = |bytes: &[u8]| {
                    bytes
                        .iter()
                        .rev()
                        .fold(0, |number, byte| number << 8 | u64::from(*byte))
                };
                (number(&bytes[..8]), number(&bytes[8..]))
            };
            Ok(view.data().chunks_exact(16).map(pair).collect())
        });
        Ok(Self {
            spectra: spectra.collect::<Result<_, _>>()?,
        })
    }
}

fn problem(path: &Path, what: impl std::fmt::Display) -> Error {
    let problem = format!("damaged ({what}); delete it and the same command runs its unit again");
    Error::Record {
        path: path.into(),
        problem,
    }
}
