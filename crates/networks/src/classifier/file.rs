//! Classifiers in files: safetensors, so that any tool that reads these can load them.
//!
//! Layer l's tensors are `l.weights` (inputs × units) and `l.bias`, f32. The metadata has one entry,
//! `resrel`: JSON with the configuration, classes, data and test error, and a SHA-256 over all numbers, by
//! which a file that was altered is known.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};
use resrel_data::{Dataset, Samples, cache_folder, write_whole};
use resrel_kernels::Workers;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::classifier::{Classifier, ClassifierConfig, Layer};
use crate::{Error, Observer};

const ENTRY: &str = "resrel";
/// Version of the layout described above, and of what a configuration means.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    kind: String,
    format_version: u32,
    config: ClassifierConfig,
    classes: Vec<u32>,
    data: String,
    test_error: f64,
    sha256: String,
}

const KIND: &str = "classifier";

impl Classifier {
    /// The classifier of `data`: read from the user's cache directory if it was trained before with the same
    /// configuration on the same data, else trained and kept there. `None` if `observer` stopped it. Where
    /// nothing can be kept, it is trained each time.
    ///
    /// # Errors
    /// See [`Classifier::train`].
    pub fn cached(
        data: &Dataset,
        config: &ClassifierConfig,
        workers: &Workers,
        observer: &mut Observer,
    ) -> Result<Option<Self>, Error> {
        config.validate()?;
        let path = cache_folder()
            .ok()
            .map(|folder| cache_path(&folder, data, config));
        // A damaged file is replaced.
        if let Some(Ok(classifier)) = path.as_deref().map(Self::load) {
            return Ok(Some(classifier));
        }
        let classifier = Self::train(data, config, workers, observer)?;
        if let (Some(path), Some(classifier)) = (path, &classifier) {
            let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
            // The classifier is there; that it cannot be kept costs time, no more.
            let _ = folder.map(|()| classifier.save(&path));
        }
        Ok(classifier)
    }

    /// Writes a safetensors file, beside and renamed.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let tensors = self.tensors();
        let header = Header {
            kind: KIND.into(),
            format_version: VERSION,
            config: self.config.clone(),
            classes: self.classes.clone(),
            data: self.data.clone(),
            test_error: self.test_error,
            sha256: checksum(&tensors),
        };
        let failed = |problem: String| Error::Format {
            path: path.into(),
            problem,
        };
        let header = serde_json::to_string(&header).map_err(|error| failed(error.to_string()))?;
        let mut views = Vec::new();
        for (name, shape, bytes) in &tensors {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
            views.push((
                name.as_str(),
                view.map_err(|error| failed(error.to_string()))?,
            ));
        }
        let metadata = HashMap::from([(ENTRY.to_owned(), header)]);
        let bytes = safetensors::serialize(views, Some(metadata))
            .map_err(|error| failed(error.to_string()))?;
        write_whole(path, |file| file.write_all(&bytes)).map_err(|source| Error::File {
            path: path.into(),
            source,
        })
    }

    /// Reads what [`Classifier::save`] wrote.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, [`Error::Format`] if it is something else or damaged.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(|source| Error::File {
            path: path.into(),
            source,
        })?;
        Self::from_bytes(&bytes).map_err(|problem| Error::Format {
            path: path.into(),
            problem,
        })
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let text = |error: safetensors::SafeTensorError| error.to_string();
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(text)?;
        let file = SafeTensors::deserialize(bytes).map_err(text)?;
        let entry = metadata.metadata().as_ref().and_then(|all| all.get(ENTRY));
        let entry = entry.ok_or("it has no description")?;
        let header: Header = serde_json::from_str(entry).map_err(|error| error.to_string())?;
        if header.kind != KIND || header.format_version != VERSION {
            return Err(format!(
                "a {} of version {}",
                header.kind, header.format_version
            ));
        }
        let mut layers: Vec<Layer> = Vec::new();
        for number in 0..=header.config.hidden.len() {
            let tensor = |name: &str| {
                let view = file.tensor(&format!("{number}.{name}")).map_err(text)?;
                let numbers = view
                    .data()
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|bytes| f32::from_le_bytes(*bytes));
                match view.dtype() {
                    Dtype::F32 => Ok((view.shape().to_vec(), numbers.collect::<Vec<f32>>())),
                    _ => Err(format!("{number}.{name} has no numbers of 32 bits")),
                }
            };
            let ((shape, weights), (_, bias)) = (tensor("weights")?, tensor("bias")?);
            let shape = shape
                .try_into()
                .map_err(|_| format!("{number}.weights is no matrix"))?;
            let [inputs, units]: [usize; 2] = shape;
            let weights = Array2::from_shape_vec([inputs, units], weights)
                .map_err(|error| error.to_string())?;
            let fits = layers
                .last()
                .is_none_or(|below| below.weights.ncols() == inputs);
            if !fits || bias.len() != units || inputs == 0 || units == 0 {
                return Err(format!("layer {number} does not fit to its neighbours"));
            }
            layers.push(Layer {
                weights,
                bias: Array1::from(bias),
            });
        }
        let classifier = Self {
            layers,
            classes: header.classes,
            config: header.config,
            data: header.data,
            test_error: header.test_error,
        };
        let scores = classifier.layers.last().map(|layer| layer.bias.len());
        if scores != Some(classifier.classes.len()) {
            return Err("it has not one score for each class".into());
        }
        if checksum(&classifier.tensors()) != header.sha256 {
            return Err("its checksum is another".into());
        }
        Ok(classifier)
    }

    /// Name, shape and bytes of every tensor.
    fn tensors(&self) -> Vec<(String, Vec<usize>, Vec<u8>)> {
        let bytes = |numbers: &mut dyn Iterator<Item = &f32>| {
            numbers.flat_map(|x| x.to_le_bytes()).collect()
        };
        let layers = self.layers.iter().enumerate();
        let tensors = layers.flat_map(|(number, layer)| {
            let (inputs, units) = layer.weights.dim();
            [
                (
                    format!("{number}.weights"),
                    vec![inputs, units],
                    bytes(&mut layer.weights.iter()),
                ),
                (
                    format!("{number}.bias"),
                    vec![units],
                    bytes(&mut layer.bias.iter()),
                ),
            ]
        });
        tensors.collect()
    }
}

fn checksum(tensors: &[(String, Vec<usize>, Vec<u8>)]) -> String {
    let mut sha = Sha256::new();
    for (.., bytes) in tensors {
        sha.update(bytes);
    }
    hex(&sha.finalize())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        text += &format!("{byte:02x}");
    }
    text
}

/// The file of a classifier: its name changes with the data, the configuration and what both mean.
fn cache_path(folder: &Path, data: &Dataset, config: &ClassifierConfig) -> PathBuf {
    let mut sha = Sha256::new();
    let none = Samples {
        values: Array2::zeros((0, 0)),
        labels: None,
    };
    for part in [&data.train, data.test.as_ref().unwrap_or(&none)] {
        sha.update(format!("{:?} {:?}", part.values.dim(), data.image_shape));
        for row in part.values.outer_iter() {
            let row = row.to_vec();
            sha.update(bytemuck::cast_slice::<f32, u8>(&row));
        }
        for label in part.labels.iter().flatten() {
            sha.update(label.to_le_bytes());
        }
    }
    // A configuration of whole numbers, one float and no map has one text.
    sha.update(serde_json::to_vec(config).unwrap_or_default());
    sha.update(VERSION.to_le_bytes());
    let name = hex(&sha.finalize()[..12]);
    folder
        .join("classifiers")
        .join(format!("{name}.safetensors"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_data_and_other_settings_have_another_file() {
        let samples = |value: f32, label: u32| Samples {
            values: Array2::from_elem((2, 4), value),
            labels: Some(vec![0, label]),
        };
        let path = |value, label, test, config: &ClassifierConfig| {
            let data = Dataset::new("made up", "", samples(value, label), test, Some((2, 2)))
                .expect("data");
            cache_path(Path::new("folder"), &data, config)
        };
        let config = ClassifierConfig::default();
        let first = path(0.5, 1, None, &config);
        assert_eq!(first, path(0.5, 1, None, &config));
        let other = ClassifierConfig {
            seed: 2,
            ..ClassifierConfig::default()
        };
        for different in [
            path(0.25, 1, None, &config),
            path(0.5, 2, None, &config),
            path(0.5, 1, Some(samples(0.5, 1)), &config),
            path(0.5, 1, None, &other),
        ] {
            assert_ne!(first, different);
        }
    }
}
