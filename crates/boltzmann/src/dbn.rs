//! The deep belief network: machines stacked, each on the hidden states of the one below.

use resrel_kernels::{BitRows, Workers};

use crate::{DbnConfig, Error, Inputs, Rbm};

/// A deep belief network. Layer 1 is the first hidden layer, H1.
///
/// Source: G. E. Hinton, S. Osindero, Y.-W. Teh, "A fast learning algorithm for deep belief nets",
/// Neural Computation 18 (2006).
#[derive(Debug, Clone, PartialEq)]
pub struct Dbn {
    /// The machines, that of H1 first; each one's hidden units are the next one's visible units.
    pub machines: Vec<Rbm>,
    /// How it was trained.
    pub config: DbnConfig,
    /// The seed of its random numbers.
    pub seed: u64,
    /// Name of the data that it was trained on; empty where it was not trained.
    pub data: String,
}

impl Dbn {
    /// A network with initial weights: what training starts from ("epoch 0").
    ///
    /// # Errors
    /// [`Error::Config`] for a configuration that cannot be trained, [`Error::Features`] and
    /// [`Error::Empty`] for data that do not fit.
    pub fn untrained(inputs: &Inputs, config: &DbnConfig, seed: u64) -> Result<Self, Error> {
        check(inputs, config)?;
        let mut machines = vec![Rbm::initial(
            inputs,
            config.layers[1],
            &config.training,
            seed,
            1,
        )];
        for (layer, sizes) in config.layers.windows(2).enumerate().skip(1) {
            // Only the first layer can look at data for its biases: the next have none yet.
            let nothing = Inputs::Bits(BitRows::zeros(0, sizes[0]));
            let training = &crate::TrainingConfig {
                initial_visible_bias: crate::InitialVisibleBias::Zero,
                ..config.training.clone()
            };
            machines.push(Rbm::initial(&nothing, sizes[1], training, seed, layer + 1));
        }
        Ok(Self {
            machines,
            config: config.clone(),
            seed,
            data: String::new(),
        })
    }

    /// The states of every layer for each observation, H1 first: each layer binarised at P > 0.5 and
    /// handed to the next, the zero-temperature limit in which the paper measures.
    ///
    /// # Errors
    /// [`Error::Features`] if the observations do not fit the first layer.
    pub fn states(&self, workers: &Workers, inputs: &Inputs) -> Result<Vec<BitRows>, Error> {
        let expected = self.machines.first().map_or(0, Rbm::visible);
        if inputs.features() != expected {
            return Err(Error::Features {
                found: inputs.features(),
                expected,
            });
        }
        let mut layers: Vec<BitRows> = Vec::with_capacity(self.machines.len());
        for machine in &self.machines {
            let states = match layers.last() {
                None => machine.binarise(workers, inputs),
                Some(below) => machine.binarise(workers, &Inputs::Bits(below.clone())),
            };
            layers.push(states);
        }
        Ok(layers)
    }
}

/// Refuses configurations and data that do not fit together.
pub(crate) fn check(inputs: &Inputs, config: &DbnConfig) -> Result<(), Error> {
    config.validate()?;
    if inputs.rows() == 0 {
        return Err(Error::Empty);
    }
    if inputs.features() != config.layers[0] {
        return Err(Error::Features {
            found: inputs.features(),
            expected: config.layers[0],
        });
    }
    Ok(())
}
