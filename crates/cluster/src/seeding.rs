//! The first centroids, and which of them is nearest to each point.

use resrel_kernels::{Purpose, Stream, StreamRng, Workers, squared_distance};

use crate::config::{KMeansConfig, Start};
use crate::coordinates::Coordinates;
use crate::panels::Panels;
use crate::search::{Block, Scene, blocks, search};

/// Most centroids drawn between two searches.
const MOST_DRAWN: usize = 512;
/// A batch is this fraction of the centroids there are, so that few draws are refused.
const BATCH_FRACTION: usize = 4;

/// The points chosen as first centroids (their rows, k × dimension), and all points assigned.
pub(crate) fn seed(
    workers: &Workers,
    data: &[f32],
    dimension: usize,
    coordinates: &Coordinates,
    config: &KMeansConfig,
) -> (Vec<f32>, Vec<Block>) {
    let points = data.len() / dimension;
    let mut seeding = Seeding {
        workers,
        data,
        dimension,
        coordinates,
        rng: Stream::new(config.seed, Purpose::Centroids, 0).rng(0),
        chosen: Vec::with_capacity(config.k),
        centroids: Vec::with_capacity(config.k * dimension),
        blocks: blocks(points),
    };
    match config.start {
        Start::Random => {
            let rows = seeding.different(config.k);
            seeding.admit(&rows);
        }
        Start::KMeansPlusPlus => seeding.plus_plus(config.k),
    }
    (seeding.centroids, seeding.blocks)
}

struct Seeding<'a> {
    workers: &'a Workers,
    data: &'a [f32],
    dimension: usize,
    coordinates: &'a Coordinates<'a>,
    rng: StreamRng,
    chosen: Vec<u32>,
    centroids: Vec<f32>,
    blocks: Vec<Block>,
}

impl Seeding<'_> {
    fn row(&self, point: u32) -> &[f32] {
        let start = point as usize * self.dimension;
        &self.data[start..start + self.dimension]
    }

    /// k different points, each set equally likely: the head of a shuffle.
    fn different(&mut self, k: usize) -> Vec<u32> {
        let points = self.data.len() / self.dimension;
        let mut order: Vec<u32> = (0..points as u32).collect();
        for i in 0..k {
            let other = i + self.rng.below((points - i) as u32) as usize;
            order.swap(i, other);
        }
        order.truncate(k);
        order
    }

    /// Makes points centroids and moves every point that is nearer to one of them than to its own.
    fn admit(&mut self, rows: &[u32]) {
        let before = self.chosen.len();
        self.chosen.extend(rows);
        for row in rows {
            let start = *row as usize * self.dimension;
            self.centroids
                .extend_from_slice(&self.data[start..start + self.dimension]);
        }
        let order: Vec<u32> = (before as u32..self.chosen.len() as u32).collect();
        let width = self.coordinates.width;
        let mut panels = Panels::new(&order, self.chosen.len(), width);
        for (centroid, row) in order.iter().zip(rows) {
            let start = *row as usize * width;
            let values = &self.coordinates.values[start..start + width];
            panels.set(*centroid, values, self.coordinates.norms[*row as usize]);
        }
        let scene = Scene {
            data: self.data,
            dimension: self.dimension,
            coordinates: self.coordinates,
            centroids: &self.centroids,
            panels: &panels,
        };
        search(self.workers, &scene, None, &mut self.blocks);
    }

    /// k-means++ in batches. A candidate x is drawn with the squared distances D² of the last search
    /// and accepted with probability D²(x) now / D²(x) then: what is accepted follows the present D²
    /// exactly, and searches can be products of matrices instead of one vector at a time.
    fn plus_plus(&mut self, k: usize) {
        let points = self.data.len() / self.dimension;
        let first = self.rng.below(points as u32);
        self.admit(&[first]);
        while self.chosen.len() < k {
            let sums: Vec<f64> = self
                .blocks
                .iter()
                .scan(0.0, |sum, block| {
                    *sum += block.squared.iter().map(|d| f64::from(*d)).sum::<f64>();
                    Some(*sum)
                })
                .collect();
            if sums.last().is_none_or(|total| *total <= 0.0) {
                // Fewer different points than clusters: the rest repeat what is there.
                let rest = self.unchosen(k - self.chosen.len());
                self.admit(&rest);
                return;
            }
            let room = (self.chosen.len() / BATCH_FRACTION).clamp(1, MOST_DRAWN);
            let batch = self.batch(room.min(k - self.chosen.len()), &sums);
            self.admit(&batch);
        }
    }

    /// Up to `size` new centroids, at least one.
    fn batch(&mut self, size: usize, sums: &[f64]) -> Vec<u32> {
        let mut batch: Vec<u32> = Vec::with_capacity(size);
        // Where nearly all is refused a new search is due.
        for _ in 0..2 * size + 8 {
            let (point, then) = self.draw(sums);
            let now = batch
                .iter()
                .map(|other| squared_distance(self.row(point), self.row(*other)))
                .fold(then, f32::min);
            if self.rng.uniform() * f64::from(then) < f64::from(now) {
                batch.push(point);
                if batch.len() == size {
                    break;
                }
            }
        }
        batch
    }

    /// A point drawn in proportion to the squared distances of the last search, and its own.
    fn draw(&mut self, sums: &[f64]) -> (u32, f32) {
        let total = sums.last().copied().unwrap_or(0.0);
        let target = self.rng.uniform() * total;
        let b = sums
            .partition_point(|sum| *sum <= target)
            .min(sums.len() - 1);
        let block = &self.blocks[b];
        let mut left = target - if b == 0 { 0.0 } else { sums[b - 1] };
        let mut last = 0;
        for (i, squared) in block.squared.iter().enumerate() {
            if *squared > 0.0 {
                last = i;
                left -= f64::from(*squared);
                if left < 0.0 {
                    break;
                }
            }
        }
        ((block.first + last) as u32, block.squared[last])
    }

    /// The first `count` points that are no centroids.
    fn unchosen(&self, count: usize) -> Vec<u32> {
        let mut free = vec![true; self.data.len() / self.dimension];
        for point in &self.chosen {
            free[*point as usize] = false;
        }
        let points = (0..free.len() as u32).filter(|point| free[*point as usize]);
        points.take(count).collect()
    }
}
