//! Sums of the points of every cluster, exact, so that they may be added in any order and kept up to
//! date by what moves.

use resrel_kernels::{Workers, add_fixed};

/// Bits of a sum: one less than an `i64` holds beside its sign.
const SUM_BITS: i32 = 62;
/// Bits of one number: [`add_fixed`] takes no more.
const NUMBER_BITS: i32 = 50;
/// Tasks that the clusters are shared out to.
const TASKS: usize = 64;

/// A point that changes clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) point: u32,
    /// `None` on the first assignment.
    pub(crate) from: Option<u32>,
    pub(crate) to: u32,
}

/// Fixed-point sums of the points in each of k clusters.
///
/// A coordinate x_j is held as the whole number nearest to x_j·2^e_j, where e_j is as large as the
/// sum of all N points permits: for 60,000 points 2⁻⁴⁶ of the column's largest magnitude.
pub(crate) struct Means<'a> {
    data: &'a [f32],
    dimension: usize,
    scale: Vec<f64>,
    /// k × dimension.
    sums: Vec<i64>,
    pub(crate) counts: Vec<u32>,
}

impl<'a> Means<'a> {
    /// No point in any of `k` clusters yet. `largest` holds each column's largest magnitude.
    pub(crate) fn new(data: &'a [f32], largest: &[f32], k: usize) -> Self {
        let dimension = largest.len();
        let points = data.len() / dimension.max(1);
        let room = SUM_BITS - (usize::BITS - points.leading_zeros()).cast_signed();
        let exponent = |largest: &f32| {
            let bits = if *largest > 0.0 {
                f64::from(*largest).log2().floor() as i32 + 1
            } else {
                0
            };
            room.min(NUMBER_BITS) - bits
        };
        Self {
            data,
            dimension,
            scale: largest.iter().map(|x| 2.0_f64.powi(exponent(x))).collect(),
            sums: vec![0; k * dimension],
            counts: vec![0; k],
        }
    }

    /// Moves points from cluster to cluster and gives the clusters touched, in order.
    pub(crate) fn apply(&mut self, workers: &Workers, moves: &[Move]) -> Vec<u32> {
        // Sorted by cluster (a counting sort), so that tasks own clusters.
        let k = self.counts.len();
        let mut starts = vec![0_usize; k + 1];
        for m in moves {
            starts[m.to as usize + 1] += 1;
            self.counts[m.to as usize] += 1;
            if let Some(from) = m.from {
                starts[from as usize + 1] += 1;
                self.counts[from as usize] -= 1;
            }
        }
        let touched = (0..k as u32).filter(|c| starts[*c as usize + 1] > 0);
        let touched = touched.collect();
        for c in 0..k {
            starts[c + 1] += starts[c];
        }
        let mut entries = vec![(0_u32, false); starts[k]];
        let mut next = starts.clone();
        let mut place = |cluster: u32, entry| {
            entries[next[cluster as usize]] = entry;
            next[cluster as usize] += 1;
        };
        for m in moves {
            place(m.to, (m.point, true));
            if let Some(from) = m.from {
                place(from, (m.point, false));
            }
        }
        let (data, dimension, scale) = (self.data, self.dimension, &self.scale);
        let clusters = k.div_ceil(TASKS);
        let length = (clusters * dimension).max(1);
        workers.for_each_chunk(&mut self.sums, length, |chunk, sums| {
            for (within, sum) in sums.chunks_mut(dimension).enumerate() {
                let cluster = chunk * clusters + within;
                for (point, joins) in &entries[starts[cluster]..starts[cluster + 1]] {
                    let start = *point as usize * dimension;
                    let row = &data[start..start + dimension];
                    add_fixed(sum, row, scale, *joins);
                }
            }
        });
        touched
    }

    /// The mean of a cluster that is not empty.
    pub(crate) fn mean(&self, cluster: usize, out: &mut [f32]) {
        let count = f64::from(self.counts[cluster]);
        for (out, mean) in out.iter_mut().zip(self.sum(cluster)) {
            *out = (mean / count) as f32;
        }
    }

    /// The sum of a cluster, in double precision.
    pub(crate) fn sum(&self, cluster: usize) -> impl Iterator<Item = f64> {
        let start = cluster * self.dimension;
        let sums = &self.sums[start..start + self.dimension];
        sums.iter()
            .zip(&self.scale)
            .map(|(s, scale)| *s as f64 / scale)
    }
}
