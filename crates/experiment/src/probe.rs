//! A network that is there already, probed: data → states of its layers → counts → measures.

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use ndarray::{Array2, s};
use resrel_boltzmann::{Dbn, Inputs};
use resrel_data::{Samples, StatesWriter};
use resrel_kernels::{BitRows, Workers};
use resrel_measure::{Measure, StateCounts, classification_error};
use resrel_networks::{Onnx, Pool};

use crate::Error;

/// Observations whose states are made and counted together.
const CHUNK: usize = 4_096;

/// A network whose layers are measured.
#[derive(Debug)]
pub enum Probed {
    /// One that was trained here.
    Dbn(Box<Dbn>),
    /// One from an ONNX file, whose feature maps may be pooled.
    Onnx(Box<Onnx>, Option<Pool>),
}

/// What was found of a network's layers.
#[derive(Debug)]
pub struct Layers {
    /// One for each layer, in their order.
    pub measures: Vec<Measure>,
    /// The files of their states, if these were wanted.
    pub states: Vec<PathBuf>,
}

impl Probed {
    /// Names and numbers of units of its layers.
    #[must_use]
    pub fn layers(&self) -> Vec<(String, usize)> {
        match self {
            Self::Dbn(dbn) => {
                let machines = (1..).zip(&dbn.machines);
                let layer = |(number, machine): (usize, &resrel_boltzmann::Rbm)| {
                    (format!("H{number}"), machine.hidden())
                };
                machines.map(layer).collect()
            }
            Self::Onnx(onnx, pool) => {
                let layers = onnx.layers().iter();
                layers
                    .map(|layer| (layer.name.clone(), layer.units(*pool)))
                    .collect()
            }
        }
    }

    fn states(
        &self,
        workers: &Workers,
        samples: &Samples,
        rows: Range<usize>,
    ) -> Result<Vec<BitRows>, Error> {
        let values = samples.values.slice(s![rows, ..]);
        match self {
            Self::Dbn(dbn) => {
                let values: Array2<f32> = values.to_owned();
                Ok(dbn.states(workers, &Inputs::Borrowed(&values))?)
            }
            Self::Onnx(onnx, pool) => Ok(onnx.states(workers, values, *pool)?),
        }
    }

    /// Measures every layer on `samples`; `None` if `observer`, who is told the share that is done, stopped it.
    /// Where a folder for `states` is given, the states of every layer are written there (8-bit 0 and 1, rows ×
    /// units).
    ///
    /// # Errors
    /// [`Error::Boltzmann`] and [`Error::Networks`] if the network cannot work on the data, [`Error::Data`] if
    /// states cannot be written, [`Error::Measure`] if there are no observations.
    pub fn measure(
        &self,
        samples: &Samples,
        states: Option<&Path>,
        workers: &Workers,
        observer: &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<Option<Layers>, Error> {
        let layers = self.layers();
        let rows = samples.values.nrows();
        let mut counted: Vec<(StateCounts, Vec<u32>)> = layers
            .iter()
            .map(|(_, units)| (StateCounts::new(units.div_ceil(64)), Vec::new()))
            .collect();
        let paths: Vec<PathBuf> = states.map_or_else(Vec::new, |folder| {
            let names = layers.iter().enumerate();
            names
                .map(|(place, (name, _))| folder.join(file_name(place, name)))
                .collect()
        });
        if let Some(folder) = states {
            std::fs::create_dir_all(folder).map_err(|source| Error::File {
                path: folder.into(),
                source,
            })?;
        }
        let writers = paths.iter().zip(&layers);
        let writers = writers.map(|(path, (_, units))| StatesWriter::create(path, rows, *units));
        let mut writers = writers.collect::<Result<Vec<_>, _>>()?;
        for first in (0..rows).step_by(CHUNK) {
            let last = (first + CHUNK).min(rows);
            let states = self.states(workers, samples, first..last)?;
            for ((counts, all), states) in counted.iter_mut().zip(&states) {
                let mut numbers = Vec::new();
                counts.observe_rows_into(states.words(), &mut numbers)?;
                all.append(&mut numbers);
            }
            for (writer, states) in writers.iter_mut().zip(&states) {
                writer.append(states)?;
            }
            if observer(last as f64 / rows as f64).is_break() {
                return Ok(None);
            }
        }
        let measures = layers
            .iter()
            .zip(&counted)
            .map(|((name, _), (counts, all))| {
                let labels = samples.labels.as_deref();
                let error = labels.map(|labels| classification_error(all, labels));
                Ok(Measure::new(name, &counts.spectrum()?, error.transpose()?))
            });
        let measures = measures.collect::<Result<Vec<_>, Error>>()?;
        for writer in writers {
            writer.finish()?;
        }
        Ok(Some(Layers {
            measures,
            states: paths,
        }))
    }
}

/// The name of a layer's file, whatever is in the layer's name.
fn file_name(place: usize, layer: &str) -> String {
    let letter = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() => letter,
        '.' | '-' => letter,
        _ => '_',
    };
    let name: String = layer.chars().map(letter).collect();
    format!("{:02}-{}.npy", place + 1, name.trim_matches('_'))
}
