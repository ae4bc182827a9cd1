//! The nearest centroid of every point, without looking at most of them.

use resrel_kernels::{PANEL, Workers, panel_scores, squared_distance};

use crate::coordinates::Coordinates;
use crate::means::Move;
use crate::panels::{NONE, Panels};

/// Points of one task.
const POINTS: usize = 512;
/// Points scored at a time, so that the scores stay in the first cache.
const SCORED: usize = 64;
/// Most lower bounds to hold, of all points together: 128 MiB.
const MOST_BOUNDS: usize = 1 << 25;
/// Covers the rounding of a sum of distances, each already rounded outwards.
const SLACK: f32 = 1.0 + 1e-6;

/// What a search compares: points and centroids, whole and packed.
pub(crate) struct Scene<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) dimension: usize,
    pub(crate) coordinates: &'a Coordinates<'a>,
    /// k × dimension.
    pub(crate) centroids: &'a [f32],
    pub(crate) panels: &'a Panels,
}

/// How far centroids have moved since the bounds were made.
pub(crate) struct Motion {
    /// Of each centroid, since the last search.
    pub(crate) last: Vec<f32>,
    /// Of the farthest of each group, summed over all searches.
    pub(crate) total: Vec<f32>,
    /// Panels that make a group.
    pub(crate) per_group: usize,
}

/// Where each of some consecutive points belongs, and what is known of its distances.
///
/// Bounds in the manner of Yinyang k-means (Y. Ding et al., ICML 2015): above for the distance to the
/// own centroid, below for the nearest other centroid of each group of panels. Both are distances, not
/// squared, so that a centroid's motion changes them by no more than its length.
pub(crate) struct Block {
    pub(crate) first: usize,
    pub(crate) assignments: Vec<u32>,
    /// Squared distance to the own centroid, where `upper` is exact.
    pub(crate) squared: Vec<f32>,
    exact: Vec<bool>,
    upper: Vec<f32>,
    /// Groups × points, plus the group's motion when they were made. Empty: no bounds, look at all.
    bounds: Vec<f32>,
    pub(crate) moves: Vec<Move>,
}

/// Everything in its starting state: all points at centroid 0, at unknown distance.
pub(crate) fn blocks(points: usize) -> Vec<Block> {
    let starts = (0..points).step_by(POINTS);
    starts
        .map(|first| {
            let length = POINTS.min(points - first);
            Block {
                first,
                assignments: vec![0; length],
                squared: vec![f32::INFINITY; length],
                exact: vec![false; length],
                upper: vec![f32::INFINITY; length],
                bounds: Vec::new(),
                moves: Vec::new(),
            }
        })
        .collect()
}

/// Panels that share one bound, so that all bounds fit.
pub(crate) fn panels_per_group(points: usize, panels: usize) -> usize {
    (points * panels).div_ceil(MOST_BOUNDS).max(1)
}

/// Relative error of a squared distance.
pub(crate) fn tolerance(dimension: usize) -> f32 {
    (dimension as f32 / 64.0 + 16.0) * 2.0_f32.powi(-24)
}

/// Moves every point to its nearest centroid: it leaves its own only for a nearer one, and of several
/// equally near it takes the first. `motion` is `None` where no bounds are kept.
pub(crate) fn search(
    workers: &Workers,
    scene: &Scene,
    motion: Option<&Motion>,
    blocks: &mut [Block],
) {
    workers.for_each_chunk(blocks, 1, |_, block| {
        let before = block[0].assignments.clone();
        let mut search = Search {
            scene,
            motion,
            block: &mut block[0],
            tolerance: tolerance(scene.dimension),
            before,
            group: 0,
        };
        search.run();
    });
}

/// Makes the distance of every point to its own centroid exact.
pub(crate) fn measure(workers: &Workers, scene: &Scene, blocks: &mut [Block]) {
    workers.for_each_chunk(blocks, 1, |_, block| {
        let tolerance = tolerance(scene.dimension);
        for i in 0..block[0].assignments.len() {
            block[0].tighten(scene, tolerance, i);
        }
    });
}

impl Block {
    /// Starts bounds for `groups` groups, with nothing known.
    pub(crate) fn start_bounds(&mut self, groups: usize) {
        self.bounds = vec![f32::NEG_INFINITY; groups * self.assignments.len()];
    }

    /// Hands point `i` of this block to an empty cluster that will move onto it.
    pub(crate) fn take_over(&mut self, i: usize, cluster: u32) {
        self.assignments[i] = cluster;
        self.exact[i] = false;
        self.upper[i] = f32::INFINITY;
        // Which group held the old centroid does not matter: nothing is known any more.
        for bounds in self.bounds.chunks_mut(self.assignments.len()) {
            bounds[i] = f32::NEG_INFINITY;
        }
    }

    fn tighten(&mut self, scene: &Scene, tolerance: f32, i: usize) {
        if !self.exact[i] {
            let squared = scene.squared(self.first + i, self.assignments[i]);
            self.settle(tolerance, i, squared);
        }
    }

    fn settle(&mut self, tolerance: f32, i: usize, squared: f32) {
        self.squared[i] = squared;
        self.upper[i] = squared.sqrt() * (1.0 + 2.0 * tolerance);
        self.exact[i] = true;
    }
}

impl Scene<'_> {
    fn squared(&self, point: usize, centroid: u32) -> f32 {
        let d = self.dimension;
        let (point, centroid) = (point * d, centroid as usize * d);
        squared_distance(
            &self.data[point..point + d],
            &self.centroids[centroid..centroid + d],
        )
    }
}

/// The search of one block.
struct Search<'a> {
    scene: &'a Scene<'a>,
    motion: Option<&'a Motion>,
    block: &'a mut Block,
    tolerance: f32,
    /// Where the points were when the search began.
    before: Vec<u32>,
    /// The group being searched.
    group: usize,
}

impl Search<'_> {
    fn run(&mut self) {
        let points = self.block.assignments.len();
        self.age();
        let panels = self.scene.panels.len();
        let per_group = self.motion.map_or(1, |motion| motion.per_group);
        let groups = panels.div_ceil(per_group);
        let mut active = Vec::with_capacity(points);
        let mut nearest = vec![f32::INFINITY; points];
        let mut scores = [[0.0; PANEL]; SCORED];
        let mut least = [0.0; SCORED];
        for group in 0..groups {
            self.group = group;
            self.select(&mut active);
            for panel in group * per_group..((group + 1) * per_group).min(panels) {
                let (values, base) = self.scene.panels.panel(panel);
                for rows in active.chunks(SCORED) {
                    let (scores, least) = (&mut scores[..rows.len()], &mut least[..rows.len()]);
                    let points = &self.scene.coordinates.values;
                    panel_scores(values, base, points, rows, scores, least);
                    for ((row, scores), least) in rows.iter().zip(scores).zip(least) {
                        let i = *row as usize - self.block.first;
                        let found = self.decide(i, panel, scores, *least);
                        nearest[i] = nearest[i].min(found);
                    }
                }
            }
            if let Some(motion) = self.motion {
                for row in &active {
                    let i = *row as usize - self.block.first;
                    let bound = (nearest[i] + motion.total[group]) / SLACK;
                    self.block.bounds[group * points + i] = bound;
                    nearest[i] = f32::INFINITY;
                }
            }
        }
        let block = &mut *self.block;
        block.moves.clear();
        for (i, (from, to)) in self.before.iter().zip(&block.assignments).enumerate() {
            if from != to {
                block.moves.push(Move {
                    point: (block.first + i) as u32,
                    from: Some(*from),
                    to: *to,
                });
            }
        }
    }

    /// Lets the bounds above follow the motion of the points' own centroids.
    fn age(&mut self) {
        if let Some(motion) = self.motion {
            let block = &mut *self.block;
            for (i, own) in block.assignments.iter().enumerate() {
                let moved = motion.last[*own as usize];
                if moved > 0.0 {
                    block.upper[i] = (block.upper[i] + moved) * SLACK;
                    block.exact[i] = false;
                }
            }
        }
        if self.block.bounds.is_empty() {
            for i in 0..self.block.assignments.len() {
                self.block.tighten(self.scene, self.tolerance, i);
            }
        }
    }

    /// The points that may have a nearer centroid in this group.
    fn select(&mut self, active: &mut Vec<u32>) {
        let (first, points) = (self.block.first, self.block.assignments.len());
        active.clear();
        let Some(motion) = self.motion else {
            active.extend((0..points).map(|i| (first + i) as u32));
            return;
        };
        let total = motion.total[self.group];
        for i in 0..points {
            let bound = self.block.bounds[self.group * points + i];
            if bound > (self.block.upper[i] + total) * SLACK {
                continue;
            }
            if !self.block.exact[i] {
                self.block.tighten(self.scene, self.tolerance, i);
                if bound > (self.block.upper[i] + total) * SLACK {
                    continue;
                }
            }
            active.push((first + i) as u32);
        }
    }

    /// Compares point `i` with the centroids of a panel, given lower bounds of their squared
    /// distances less the point's norm, and gives a lower bound of the distance to the nearest that
    /// is not its own in the end.
    fn decide(&mut self, i: usize, panel: usize, scores: &mut [f32; PANEL], mut least: f32) -> f32 {
        let norm = self.scene.coordinates.norms[self.block.first + i];
        let members = &self.scene.panels.members[panel * PANEL..(panel + 1) * PANEL];
        let start = self.before[i];
        let place = self.scene.panels.places[self.block.assignments[i] as usize];
        if place != NONE && place as usize / PANEL == panel {
            scores[place as usize % PANEL] = f32::INFINITY;
            least = smallest(scores);
        }
        let mut passed = f32::INFINITY;
        // The most promising first: what it settles spares the others.
        while least + norm <= self.block.squared[i] * (1.0 + 4.0 * self.tolerance) {
            let lane = scores.iter().position(|s| *s <= least).unwrap_or(0);
            let (candidate, own) = (members[lane], self.block.assignments[i]);
            let (squared, best) = (
                self.scene.squared(self.block.first + i, candidate),
                self.block.squared[i],
            );
            if squared < best || (squared <= best && own != start && candidate < own) {
                passed = passed.min(self.leave(i, own, best));
                self.block.assignments[i] = candidate;
                self.block.settle(self.tolerance, i, squared);
            } else {
                passed = passed.min(squared.sqrt() * (1.0 - 2.0 * self.tolerance));
            }
            scores[lane] = f32::INFINITY;
            least = smallest(scores);
        }
        passed.min((least + norm).max(0.0).sqrt())
    }

    /// Point `i` leaves `own`, which its bounds did not count so far. Gives the distance if the group
    /// being searched must count it.
    fn leave(&mut self, i: usize, own: u32, squared: f32) -> f32 {
        let distance = squared.sqrt() * (1.0 - 2.0 * self.tolerance);
        let Some(motion) = self.motion else {
            return f32::INFINITY;
        };
        let group = self.scene.panels.places[own as usize] as usize / PANEL / motion.per_group;
        if group == self.group {
            return distance;
        }
        let bound = &mut self.block.bounds[group * self.block.assignments.len() + i];
        *bound = bound.min((distance + motion.total[group]) / SLACK);
        f32::INFINITY
    }
}

fn smallest(scores: &[f32; PANEL]) -> f32 {
    scores.iter().copied().fold(f32::INFINITY, f32::min)
}
