//! Lloyd's iteration.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2, s};
use resrel_kernels::{PANEL, Workers, squared_distance};

use crate::config::{ClusterError, KMeansConfig, LARGEST};
use crate::coordinates::{Coordinates, Projection};
use crate::means::{Means, Move};
use crate::panels::{Panels, alike};
use crate::search::{Block, Motion, Scene, measure, panels_per_group, search, tolerance};
use crate::seeding::seed;

/// Rows that one task checks.
const ROWS: usize = 512;

/// Clusters found by [`k_means`].
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// k × dimension: the centre of each cluster.
    pub centroids: Array2<f32>,
    /// Each point's cluster, 0 … k − 1: the one whose centroid is nearest.
    pub assignments: Vec<u32>,
    /// Σ_x ‖x − c(x)‖², x over the points and c(x) the centroid of x.
    pub inertia: f64,
    /// Times that centroids were moved to the means of their clusters.
    pub iterations: usize,
    /// Whether the last iteration changed no assignment.
    pub converged: bool,
}

/// How far a run has come, after every iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The iteration just finished, from 1.
    pub iteration: usize,
    /// Σ_x ‖x − c(x)‖² at its end; never grows but by rounding.
    pub inertia: f64,
    /// Points that changed clusters in it.
    pub changed: usize,
}

/// Lloyd's k-means (S. Lloyd, IEEE Trans. Inf. Theory 28, 129, 1982) of N points, row by row.
///
/// Each iteration moves every centroid to the mean of its cluster, then every point to its nearest
/// centroid. A point leaves its cluster only for a nearer centroid; of several equally near the first
/// is taken. A cluster that is left empty takes the point farthest from its own centroid, the first of
/// several, if there is one not at distance 0. The run ends when no point changes clusters, or after
/// `max_iterations`; either way every point ends at its nearest centroid.
///
/// `observe` is told of every iteration and may stop the run. The same seed gives the same bits on
/// any number of threads.
///
/// # Errors
/// If the config is not valid, there are fewer points than clusters, a value is not finite or beyond
/// ±10¹⁵, or the observer stops the run.
pub fn k_means(
    data: ArrayView2<f32>,
    config: &KMeansConfig,
    workers: &Workers,
    observe: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<KMeans, ClusterError> {
    config.validate()?;
    let (points, dimension) = data.dim();
    if points >= u32::MAX as usize {
        return Err(ClusterError::TooManyPoints { points });
    }
    if config.k > points {
        return Err(ClusterError::TooManyClusters {
            k: config.k,
            points,
        });
    }
    // Points without coordinates all lie in one place: one coordinate says the same.
    let padded;
    let data = if dimension == 0 {
        padded = Array2::zeros((points, 1));
        padded.view()
    } else {
        data
    };
    let data = data.as_standard_layout();
    let width = data.ncols();
    let data = data.as_slice().unwrap_or(&[]);
    let largest = largest(workers, data, width)?;
    let mut lloyd = Lloyd::new(workers, data, &largest, config);
    let mut iterations = 0;
    let mut converged = false;
    while iterations < config.max_iterations && !converged {
        iterations += 1;
        let changed = lloyd.iterate();
        converged = changed == 0;
        let progress = Progress {
            iteration: iterations,
            inertia: lloyd.inertia(),
            changed,
        };
        if observe(&progress).is_break() {
            return Err(ClusterError::Interrupted {
                iteration: iterations,
            });
        }
    }
    let (centroids, assignments, inertia) = lloyd.finish();
    Ok(KMeans {
        centroids: centroids.slice_move(s![.., ..dimension]),
        assignments,
        inertia,
        iterations,
        converged,
    })
}

/// The largest magnitude in each column; checks every value.
pub(crate) fn largest(
    workers: &Workers,
    data: &[f32],
    width: usize,
) -> Result<Vec<f32>, ClusterError> {
    let chunks: Vec<&[f32]> = data.chunks(ROWS * width).collect();
    let found = workers.map(chunks.len(), |chunk| {
        let mut largest = vec![0.0_f32; width];
        for row in chunks[chunk].chunks(width) {
            for (largest, x) in largest.iter_mut().zip(row) {
                // NaN stays: nothing is larger.
                if x.abs() > *largest || x.is_nan() {
                    *largest = x.abs();
                }
            }
        }
        largest
    });
    let mut largest = vec![0.0_f32; width];
    let good = |x: &f32| x.abs() <= LARGEST;
    for (chunk, found) in found.iter().enumerate() {
        if found.iter().any(|x| !good(x)) {
            let place = chunks[chunk].iter().position(|x| !good(x));
            let place = place.unwrap_or(0) + chunk * ROWS * width;
            return Err(ClusterError::BadValue {
                row: place / width,
                column: place % width,
                value: data[place],
            });
        }
        for (largest, found) in largest.iter_mut().zip(found) {
            *largest = largest.max(*found);
        }
    }
    Ok(largest)
}

/// A run between two iterations.
struct Lloyd<'a> {
    workers: &'a Workers,
    data: &'a [f32],
    dimension: usize,
    projection: Projection,
    coordinates: Coordinates<'a>,
    means: Means<'a>,
    centroids: Vec<f32>,
    blocks: Vec<Block>,
    /// Clusters whose points have changed since their centroids moved.
    touched: Vec<u32>,
    /// The mean of all points, and the sum of their squared distances to it.
    centre: Vec<f64>,
    spread: f64,
    /// What each cluster's centroid takes off that sum, negative.
    gains: Vec<f64>,
    /// Set up in the first iteration, when the centroids are means for the first time.
    panels: Option<(Panels, Motion)>,
}

impl<'a> Lloyd<'a> {
    fn new(workers: &'a Workers, data: &'a [f32], largest: &[f32], config: &KMeansConfig) -> Self {
        let dimension = largest.len();
        let (projection, coordinates) =
            Projection::of(workers, data, dimension, config.k, config.seed);
        let (centroids, blocks) = seed(workers, data, dimension, &coordinates, config);
        let mut means = Means::new(data, largest, config.k);
        let assignments = blocks.iter().flat_map(|block| &block.assignments);
        let moves: Vec<Move> = assignments
            .enumerate()
            .map(|(point, to)| Move {
                point: point as u32,
                from: None,
                to: *to,
            })
            .collect();
        let touched = means.apply(workers, &moves);
        let mut centre = vec![0.0; dimension];
        for cluster in 0..config.k {
            for (centre, sum) in centre.iter_mut().zip(means.sum(cluster)) {
                *centre += sum / moves.len() as f64;
            }
        }
        let spreads = workers.map(data.len().div_ceil(ROWS * dimension), |task| {
            let rows = data.chunks(ROWS * dimension).nth(task).unwrap_or(&[]);
            let squares = rows.chunks(dimension).map(|row| {
                let pairs = row.iter().zip(&centre);
                pairs.map(|(x, c)| (f64::from(*x) - c).powi(2)).sum::<f64>()
            });
            squares.sum::<f64>()
        });
        let mut lloyd = Self {
            workers,
            data,
            dimension,
            projection,
            coordinates,
            means,
            centroids,
            blocks,
            touched,
            centre,
            spread: spreads.iter().sum(),
            gains: vec![0.0; config.k],
            panels: None,
        };
        lloyd.weigh((0..config.k as u32).collect());
        lloyd
    }

    /// One iteration; gives the number of points that changed clusters.
    fn iterate(&mut self) -> usize {
        let taken = self.fill_empty();
        let mut changed = self.touched.clone();
        let moved = self.move_centroids();
        self.follow(&moved);
        let (panels, motion) = self.panels.as_ref().expect("set up by `follow`");
        let scene = Scene {
            data: self.data,
            dimension: self.dimension,
            coordinates: &self.coordinates,
            centroids: &self.centroids,
            panels,
        };
        search(self.workers, &scene, Some(motion), &mut self.blocks);
        let moves: Vec<Move> = self
            .blocks
            .iter()
            .flat_map(|block| &block.moves)
            .copied()
            .collect();
        self.touched = self.means.apply(self.workers, &moves);
        changed.extend(&self.touched);
        self.weigh(changed);
        taken + moves.len()
    }

    /// Every empty cluster takes the point farthest from its centroid; gives how many did.
    fn fill_empty(&mut self) -> usize {
        let counts = &self.means.counts;
        let empty = (0..counts.len() as u32).filter(|c| counts[*c as usize] == 0);
        let empty: Vec<u32> = empty.collect();
        if empty.is_empty() {
            return 0;
        }
        self.measure();
        let distances = self.blocks.iter().flat_map(|block| &block.squared);
        let mut farthest: Vec<(f32, u32)> = distances.copied().zip(0..).collect();
        farthest.retain(|(squared, _)| *squared > 0.0);
        farthest.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let length = self.blocks[0].assignments.len();
        let mut left = self.means.counts.clone();
        let mut moves = Vec::new();
        let mut empty = empty.into_iter();
        for (_, point) in farthest {
            let (block, i) = (point as usize / length, point as usize % length);
            let from = self.blocks[block].assignments[i];
            if left[from as usize] < 2 {
                continue;
            }
            let Some(to) = empty.next() else { break };
            left[from as usize] -= 1;
            self.blocks[block].take_over(i, to);
            moves.push(Move {
                point,
                from: Some(from),
                to,
            });
        }
        self.touched.extend(self.means.apply(self.workers, &moves));
        self.touched.sort_unstable();
        self.touched.dedup();
        moves.len()
    }

    /// Moves the centroids of changed clusters to their means; gives who moved and how far.
    fn move_centroids(&mut self) -> Vec<(u32, f32)> {
        let (d, means, centroids) = (self.dimension, &self.means, &self.centroids);
        let touched: Vec<u32> = std::mem::take(&mut self.touched);
        let found = self.workers.map(touched.len(), |t| {
            let c = touched[t] as usize;
            let mut mean = vec![0.0; d];
            if means.counts[c] > 0 {
                means.mean(c, &mut mean);
            } else {
                mean.copy_from_slice(&centroids[c * d..(c + 1) * d]);
            }
            let squared = squared_distance(&mean, &centroids[c * d..(c + 1) * d]);
            (mean, squared)
        });
        let mut moved = Vec::new();
        for (c, (mean, squared)) in touched.iter().zip(found) {
            let start = *c as usize * d;
            if self.centroids[start..start + d] != mean {
                self.centroids[start..start + d].copy_from_slice(&mean);
                // Squares of very small steps may be lost altogether.
                let length = squared.sqrt() * (1.0 + 2.0 * tolerance(d)) + f32::MIN_POSITIVE.sqrt();
                moved.push((*c, length));
            }
        }
        moved
    }

    /// Lets panels and bounds follow the centroids.
    fn follow(&mut self, moved: &[(u32, f32)]) {
        let (d, k) = (self.dimension, self.means.counts.len());
        let Some((panels, motion)) = &mut self.panels else {
            let packed = self.projection.apply(self.workers, &self.centroids);
            let order = alike(&packed.values, packed.width);
            let mut panels = Panels::new(&order, k, packed.width);
            let rows = packed.values.chunks(packed.width).zip(&packed.norms);
            for (c, (values, norm)) in rows.enumerate() {
                panels.set(c as u32, values, *norm);
            }
            let points = self.data.len() / d;
            let per_group = panels_per_group(points, panels.len());
            let groups = panels.len().div_ceil(per_group);
            let start = |_, block: &mut [Block]| block[0].start_bounds(groups);
            self.workers.for_each_chunk(&mut self.blocks, 1, start);
            let mut motion = Motion {
                last: vec![0.0; k],
                total: vec![0.0; groups],
                per_group,
            };
            for (c, length) in moved {
                motion.last[*c as usize] = *length;
            }
            self.panels = Some((panels, motion));
            return;
        };
        let mut rows = Vec::with_capacity(moved.len() * d);
        for (c, _) in moved {
            let start = *c as usize * d;
            rows.extend_from_slice(&self.centroids[start..start + d]);
        }
        let packed = self.projection.apply(self.workers, &rows);
        let rows = packed.values.chunks(packed.width).zip(&packed.norms);
        for ((c, _), (values, norm)) in moved.iter().zip(rows) {
            panels.set(*c, values, *norm);
        }
        motion.last.fill(0.0);
        let mut farthest = vec![0.0_f32; motion.total.len()];
        for (c, length) in moved {
            motion.last[*c as usize] = *length;
            let group = panels.places[*c as usize] as usize / PANEL / motion.per_group;
            farthest[group] = farthest[group].max(*length);
        }
        for (total, farthest) in motion.total.iter_mut().zip(farthest) {
            // Rounded up, so that the difference of two totals never falls short.
            *total = (*total + farthest).next_up();
        }
    }

    fn measure(&mut self) {
        // Distances to own centroids need no panels.
        let panels = Panels::new(&[], 0, self.coordinates.width);
        let scene = Scene {
            data: self.data,
            dimension: self.dimension,
            coordinates: &self.coordinates,
            centroids: &self.centroids,
            panels: &panels,
        };
        measure(self.workers, &scene, &mut self.blocks);
    }

    /// Brings the gains of clusters up to date whose points or centroid have changed:
    /// n |c − m|² − 2 ⟨Σ_x (x − m), c − m⟩ for n points x, their centroid c, the mean m of all.
    fn weigh(&mut self, mut changed: Vec<u32>) {
        changed.sort_unstable();
        changed.dedup();
        let (means, centre, d) = (&self.means, &self.centre, self.dimension);
        let gains = self.workers.map(changed.len(), |i| {
            let c = changed[i] as usize;
            let count = f64::from(means.counts[c]);
            let centroid = &self.centroids[c * d..(c + 1) * d];
            let terms = means.sum(c).zip(centroid).zip(centre);
            let terms = terms.map(|((sum, c), m)| {
                let away = f64::from(*c) - m;
                away * (count * away - 2.0 * (sum - count * m))
            });
            terms.sum()
        });
        for (c, gain) in changed.iter().zip(gains) {
            self.gains[*c as usize] = gain;
        }
    }

    /// Σ_x ‖x − c(x)‖² from the clusters' sums.
    fn inertia(&self) -> f64 {
        (self.spread + self.gains.iter().sum::<f64>()).max(0.0)
    }

    fn finish(mut self) -> (Array2<f32>, Vec<u32>, f64) {
        self.measure();
        let squares = self.blocks.iter().flat_map(|block| &block.squared);
        let inertia = squares.map(|squared| f64::from(*squared)).sum();
        let assignments = self.blocks.iter().flat_map(|block| &block.assignments);
        let assignments = assignments.copied().collect();
        let shape = (self.means.counts.len(), self.dimension);
        let centroids = Array2::from_shape_vec(shape, self.centroids).expect("a row per cluster");
        (centroids, assignments, inertia)
    }
}
