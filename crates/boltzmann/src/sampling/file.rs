//! The state of a run in a file, so that it can go on.

use std::path::Path;

use resrel_kernels::{BitRows, TILE};
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::checkpoint::{Stored, Tensors, damaged, header, read, write};
use crate::sampling::{Chains, SamplingConfig};
use crate::{Dbn, Error, Rbm};

/// What the file's description says of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    config: SamplingConfig,
    step: u64,
    ahead_to: u64,
    every: u64,
    /// SHA-256 of where the chains started and of what is held.
    start: String,
}

const KIND: &str = "sampling";

impl Chains {
    /// Writes the state to a safetensors file, beside and renamed.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn save(&self, path: &Path, dbn: &Dbn) -> Result<(), Error> {
        let mut tensors = Tensors::default();
        tensors.bits("below", &self.below);
        tensors.bits("layer", &self.layer);
        tensors.table("energies", &self.energies.groups);
        tensors.table("ahead", &self.ahead);
        for (number, replica) in self.replicas.all.iter().enumerate() {
            tensors.bits(&format!("below.{number}"), &replica.below);
            tensors.bits(&format!("layer.{number}"), &replica.layer);
        }
        let swaps: Vec<Vec<f64>> = self
            .replicas
            .swaps
            .iter()
            .map(|pair| pair.to_vec())
            .collect();
        tensors.table("swaps", &swaps);
        let data = checksum(&dbn.machines[..self.config.layer]);
        let mut header = header(KIND, &dbn.config, self.seed, &data, None);
        header.sampling = Some(Progress {
            config: self.config.clone(),
            step: self.step,
            ahead_to: self.ahead_to,
            every: self.energies.every,
            start: self.start.clone(),
        });
        write(path, &tensors, header)
    }

    /// Goes on from the file at `path`, where there is one: these chains, which have made no step, take
    /// the state that lies there. `false` where there is none.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read; [`Error::Format`] if it is damaged, or of another network,
    /// start, seed or configuration.
    pub fn resume(&mut self, path: &Path, dbn: &Dbn) -> Result<bool, Error> {
        if !path.exists() {
            return Ok(false);
        }
        let (header, tensors) = read(path, KIND)?;
        let progress = header
            .sampling
            .ok_or_else(|| damaged(path, "it does not say how far the sampling was"))?;
        let same = progress.config == self.config
            && progress.start == self.start
            && progress.every == self.energies.every
            && header.seed == self.seed
            && header.data == checksum(&dbn.machines[..self.config.layer]);
        if !same {
            let problem = "is of another network, start, seed or number of samples and steps; give the same \
                           ones to go on, or delete it to start again";
            return Err(Error::Format {
                path: path.into(),
                problem: problem.into(),
            });
        }
        let below = tensors.read_bits(path, "below", &self.below)?;
        let layer = tensors.read_bits(path, "layer", &self.layer)?;
        let energies = tensors.read_table(path, "energies")?;
        let ahead = tensors.read_table(path, "ahead")?;
        let mut replicas = Vec::new();
        for (number, replica) in self.replicas.all.iter().enumerate() {
            let below = tensors.read_bits(path, &format!("below.{number}"), &replica.below)?;
            let layer = tensors.read_bits(path, &format!("layer.{number}"), &replica.layer)?;
            replicas.push((below, layer));
        }
        let swaps = tensors.read_table(path, "swaps")?;
        let swaps: Option<Vec<[f64; 2]>> = swaps
            .iter()
            .map(|pair| pair.as_slice().try_into().ok())
            .collect();
        let swaps = swaps
            .filter(|swaps| swaps.len() == self.replicas.swaps.len())
            .ok_or_else(|| damaged(path, "its swaps have a wrong size"))?;
        let tiles = self.config.samples.div_ceil(TILE);
        if energies.len() != self.energies.groups.len() || ahead.len() >= tiles {
            return Err(damaged(path, "its energies have a wrong size"));
        }
        for (replica, (below, layer)) in self.replicas.all.iter_mut().zip(replicas) {
            (replica.below, replica.layer) = (below, layer);
        }
        self.replicas.swaps = swaps;
        (self.below, self.layer) = (below, layer);
        (self.energies.groups, self.ahead) = (energies, ahead);
        (self.step, self.ahead_to) = (progress.step, progress.ahead_to);
        Ok(true)
    }
}

impl Tensors {
    fn bits(&mut self, name: &str, bits: &BitRows) {
        let bytes = bits.words().iter().flat_map(|word| word.to_le_bytes());
        let stored = Stored {
            dtype: Dtype::U64,
            shape: vec![bits.rows(), bits.words_per_row()],
            bytes: bytes.collect(),
        };
        self.0.insert(name.into(), stored);
    }

    /// Rows of equal length.
    fn table(&mut self, name: &str, rows: &[Vec<f64>]) {
        let bytes = rows.iter().flatten().flat_map(|value| value.to_le_bytes());
        let stored = Stored {
            dtype: Dtype::F64,
            shape: vec![rows.len(), rows.first().map_or(0, Vec::len)],
            bytes: bytes.collect(),
        };
        self.0.insert(name.into(), stored);
    }

    /// Bits of the size that `like` has.
    fn read_bits(&self, path: &Path, name: &str, like: &BitRows) -> Result<BitRows, Error> {
        let shape = [like.rows(), like.words_per_row()];
        let stored = self
            .0
            .get(name)
            .filter(|stored| stored.dtype == Dtype::U64 && stored.shape == shape);
        let stored = stored
            .ok_or_else(|| damaged(path, &format!("{name} is missing or has a wrong size")))?;
        let mut bits = BitRows::zeros(like.rows(), like.bits());
        let (bytes, _) = stored.bytes.as_chunks::<8>();
        for (word, bytes) in bits.words_mut().iter_mut().zip(bytes) {
            *word = u64::from_le_bytes(*bytes);
        }
        let used = like.bits() % 64;
        let last = like.words_per_row() - 1;
        if used > 0 && (0..bits.rows()).any(|row| bits.row(row)[last] >> used != 0) {
            return Err(damaged(
                path,
                &format!("{name} has units that are not there"),
            ));
        }
        Ok(bits)
    }

    fn read_table(&self, path: &Path, name: &str) -> Result<Vec<Vec<f64>>, Error> {
        let stored = self
            .0
            .get(name)
            .filter(|stored| stored.dtype == Dtype::F64 && stored.shape.len() == 2);
        let stored = stored.ok_or_else(|| damaged(path, &format!("{name} is missing")))?;
        let (bytes, _) = stored.bytes.as_chunks::<8>();
        let values: Vec<f64> = bytes
            .iter()
            .map(|bytes| f64::from_le_bytes(*bytes))
            .collect();
        let width = stored.shape[1];
        Ok((0..stored.shape[0])
            .map(|row| values[row * width..(row + 1) * width].to_vec())
            .collect())
    }
}

/// SHA-256 of the machines' parameters.
fn checksum(machines: &[Rbm]) -> String {
    let mut digest = Sha256::new();
    for machine in machines {
        digest.update(format!("{} x {}", machine.visible(), machine.hidden()));
        let parameters = machine.weights.iter().chain(&machine.visible_bias);
        for value in parameters.chain(&machine.hidden_bias) {
            digest.update(value.to_le_bytes());
        }
    }
    hex(digest)
}

/// SHA-256 of packed rows.
pub(super) fn checksum_of_bits(bits: &[&BitRows]) -> String {
    let mut digest = Sha256::new();
    for bits in bits {
        digest.update(format!("{} x {}", bits.rows(), bits.bits()));
        for word in bits.words() {
            digest.update(word.to_le_bytes());
        }
    }
    hex(digest)
}

fn hex(digest: Sha256) -> String {
    let bytes = digest.finalize();
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
