//! Parallel tempering: replicas at higher temperatures, which cross between modes and hand them down.
//!
//! Sources: R. H. Swendsen, J.-S. Wang, Phys. Rev. Lett. 57 (1986), 2607; G. Desjardins, A. Courville,
//! Y. Bengio, P. Vincent, O. Delalleau, "Tempered Markov chain Monte Carlo for training of restricted
//! Boltzmann machines", AISTATS 2010.

use std::ops::Range;

use resrel_kernels::{BitRows, Clamped, Gibbs, Stream, Workers};

use crate::Rbm;

/// Gibbs steps between two rounds of swaps.
pub(super) const SWAP_EVERY: u64 = 10;

/// The replicas at β below 1, P(v, h) ∝ e^(−β E(v, h)).
#[derive(Debug)]
pub(super) struct Replicas {
    pub all: Vec<Replica>,
    /// For each pair of neighbours, the coldest first: swaps proposed and accepted.
    pub swaps: Vec<[f64; 2]>,
}

#[derive(Debug)]
pub(super) struct Replica {
    beta: f64,
    gibbs: Gibbs,
    pub below: BitRows,
    pub layer: BitRows,
}

impl Replicas {
    /// `count` with that at β = 1, which lies elsewhere; all start at `layer`.
    pub fn new(machine: &Rbm, count: usize, layer: &BitRows) -> Self {
        let replica = |number: usize| {
            let beta = 1.0 - number as f64 / (count - 1) as f64;
            let scaled = |x: &f32| (beta * f64::from(*x)) as f32;
            Replica {
                beta,
                gibbs: Gibbs::new(
                    machine.weights.map(scaled).view(),
                    machine.visible_bias.map(scaled).view(),
                    machine.hidden_bias.map(scaled).view(),
                ),
                below: BitRows::zeros(layer.rows(), machine.visible()),
                layer: layer.clone(),
            }
        };
        Self {
            all: (1..count).map(replica).collect(),
            swaps: vec![[0.0; 2]; count - 1],
        }
    }

    pub fn rates(&self) -> Vec<Option<f64>> {
        let rate = |[proposed, accepted]: &[f64; 2]| (*proposed > 0.0).then(|| accepted / proposed);
        self.swaps.iter().map(rate).collect()
    }

    pub fn run(
        &mut self,
        workers: &Workers,
        stream: Stream,
        steps: Range<u64>,
        held: Option<&Clamped>,
    ) {
        for (number, replica) in (0..).zip(&mut self.all) {
            let chains = 0..replica.layer.rows();
            let stream = stream.substream(FIRST_REPLICA + number);
            let (below, layer) = (&mut replica.below, &mut replica.layer);
            let never = u64::MAX;
            replica.gibbs.run(
                workers,
                stream,
                steps.clone(),
                chains,
                held,
                never,
                below,
                layer,
            );
        }
    }

    /// One round: every second pair of neighbours, those left out the next time, exchanges states with
    /// probability min(1, e^((β − β')(E − E'))), chain by chain.
    pub fn swap(
        &mut self,
        workers: &Workers,
        stream: Stream,
        round: u64,
        machine: &Rbm,
        coldest: (&mut BitRows, &mut BitRows),
    ) {
        let stream = stream.substream(SWAPS);
        let mut replicas: Vec<(f64, &mut BitRows, &mut BitRows)> =
            vec![(1.0, coldest.0, coldest.1)];
        let hotter = self.all.iter_mut();
        replicas
            .extend(hotter.map(|replica| (replica.beta, &mut replica.below, &mut replica.layer)));
        let first = (round % 2) as usize;
        let pairs = replicas[first..]
            .chunks_exact_mut(2)
            .zip((first..).step_by(2));
        for (pair, number) in pairs {
            let [(beta, below, layer), (other_beta, other_below, other_layer)] = pair else {
                unreachable!("chunks of two");
            };
            let energies = energies(workers, machine, below, layer);
            let other_energies = self::energies(workers, machine, other_below, other_layer);
            for (chain, (energy, other)) in energies.iter().zip(&other_energies).enumerate() {
                let log = (*beta - *other_beta) * (energy - other);
                let bits = stream.bits(round, chain as u32, number as u32);
                let uniform = (f64::from(bits) + 0.5) * 2.0_f64.powi(-32);
                let accepted = uniform < libm::exp(log);
                if accepted {
                    below
                        .row_mut(chain)
                        .swap_with_slice(other_below.row_mut(chain));
                    layer
                        .row_mut(chain)
                        .swap_with_slice(other_layer.row_mut(chain));
                }
                self.swaps[number][0] += 1.0;
                self.swaps[number][1] += f64::from(u8::from(accepted));
            }
        }
    }
}

/// Numbers of sub-streams; 1 is that of the way down to images.
const SWAPS: u64 = 2;
const FIRST_REPLICA: u64 = 3;

/// E(v, h) of each chain.
fn energies(workers: &Workers, machine: &Rbm, below: &BitRows, layer: &BitRows) -> Vec<f64> {
    /// Chains of one task.
    const CHUNK: usize = 256;
    let parts = workers.map(below.rows().div_ceil(CHUNK), |chunk| {
        let chains = chunk * CHUNK..((chunk + 1) * CHUNK).min(below.rows());
        let energy = |chain: usize| {
            let on: Vec<usize> = (0..machine.hidden())
                .filter(|unit| layer.get(chain, *unit))
                .collect();
            let mut energy: f64 = on.iter().map(|j| -f64::from(machine.hidden_bias[*j])).sum();
            for unit in (0..machine.visible()).filter(|unit| below.get(chain, *unit)) {
                let weights = machine.weights.row(unit);
                let field: f64 = on.iter().map(|j| f64::from(weights[*j])).sum();
                energy -= f64::from(machine.visible_bias[unit]) + field;
            }
            energy
        };
        chains.map(energy).collect::<Vec<f64>>()
    });
    parts.concat()
}
