//! How states merge from layer to layer.
//!
//! Propagation is deterministic, so all observations of one state of a layer share their state in every
//! deeper layer: the states of some layers form a tree, the deepest layer's at its root.

use std::collections::BTreeMap;

use ndarray::Array2;
use resrel_data::Samples;
use resrel_kernels::BitRows;
use serde::{Deserialize, Serialize};

use crate::Images;

/// Which states are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HierarchyConfig {
    /// The layers, the deepest first.
    pub layers: Vec<usize>,
    /// How many states of each: of the first layer in all, of the others under each state above.
    pub branches: Vec<usize>,
    /// Observations that are shown of each state of the last layer.
    pub examples: usize,
}

/// A state that is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its layer: H10.
    pub layer: String,
    /// Number of the node that it merges into; `None` in the deepest layer.
    pub parent: Option<usize>,
    /// Observations that share it.
    pub count: u64,
    /// Different states, in the next shallower of the layers, that merge into it; `None` in the last.
    pub merged: Option<usize>,
    /// Share of the observations that have its most frequent label; `None` without labels.
    pub purity: Option<f64>,
    /// The most frequent label.
    pub label: Option<u32>,
    /// Images that belong to it: the mean of its observations, then some of these.
    pub images: usize,
}

impl HierarchyConfig {
    /// What is impossible of it, in words.
    pub(crate) fn check(&self, depth: usize) -> Result<(), String> {
        let within = self.layers.iter().all(|layer| (1..=depth).contains(layer));
        let descending = self.layers.windows(2).all(|pair| pair[0] > pair[1]);
        if self.layers.is_empty() || !within || !descending {
            return Err(format!(
                "layers must be among 1 to {depth}, the deepest first, each once"
            ));
        }
        if self.branches.len() != self.layers.len() || self.branches.contains(&0) {
            return Err("branches must be one number of at least 1 for each of layers".into());
        }
        Ok(())
    }
}

/// The tree of the largest states, every node behind its parent, and the images of all nodes one after
/// the other (`None` where the data are no images).
pub(crate) fn hierarchy(
    config: &HierarchyConfig,
    states: &[BitRows],
    samples: &Samples,
    shape: Option<(usize, usize)>,
) -> (Vec<Node>, Option<Images>) {
    let mut tree = Tree {
        config,
        states,
        samples,
        nodes: Vec::new(),
        images: Vec::new(),
    };
    let all: Vec<usize> = (0..samples.values.nrows()).collect();
    tree.grow(0, None, &all);
    let features = samples.values.ncols();
    let images = shape.map(|shape| {
        let rows = tree.images.len() / features.max(1);
        // As many numbers as rows and features say.
        let values = Array2::from_shape_vec((rows, features), tree.images).unwrap_or_default();
        Images::new(values.view(), shape)
    });
    (tree.nodes, images)
}

struct Tree<'a> {
    config: &'a HierarchyConfig,
    states: &'a [BitRows],
    samples: &'a Samples,
    nodes: Vec<Node>,
    images: Vec<f32>,
}

impl Tree<'_> {
    /// Adds the largest states that `rows` have in layer number `level` of the chosen ones, with all below
    /// them. Returns how many states there are.
    fn grow(&mut self, level: usize, parent: Option<usize>, rows: &[usize]) -> usize {
        let layer = self.config.layers[level];
        let states = &self.states[layer - 1];
        let wide = states.words_per_row();
        let mut groups: BTreeMap<&[u64], Vec<usize>> = BTreeMap::new();
        for row in rows {
            let state = &states.words()[row * wide..(row + 1) * wide];
            groups.entry(state).or_default().push(*row);
        }
        let count = groups.len();
        let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
        // The largest first; of equal ones that with the earliest observation.
        groups.sort_by_key(|rows| (std::cmp::Reverse(rows.len()), rows[0]));
        groups.truncate(self.config.branches[level]);
        for rows in groups {
            let place = self.nodes.len();
            let node = self.node(level, parent, &rows);
            self.nodes.push(node);
            if level + 1 < self.config.layers.len() {
                let merged = self.grow(level + 1, Some(place), &rows);
                self.nodes[place].merged = Some(merged);
            }
        }
        count
    }

    fn node(&mut self, level: usize, parent: Option<usize>, rows: &[usize]) -> Node {
        let last = level + 1 == self.config.layers.len();
        let examples = if last {
            self.config.examples.min(rows.len())
        } else {
            0
        };
        let values = &self.samples.values;
        let mut mean = vec![0.0_f64; values.ncols()];
        for row in rows {
            for (sum, value) in mean.iter_mut().zip(values.row(*row)) {
                *sum += f64::from(*value);
            }
        }
        let mean = mean.iter().map(|sum| (sum / rows.len() as f64) as f32);
        self.images.extend(mean);
        for example in 0..examples {
            // Evenly over all of them.
            self.images
                .extend(values.row(rows[example * rows.len() / examples]));
        }
        let most = self.samples.labels.as_deref().and_then(|labels| {
            let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
            for row in rows {
                *counts.entry(labels[*row]).or_default() += 1;
            }
            // Of equally frequent ones the smallest.
            counts
                .into_iter()
                .max_by_key(|(label, count)| (*count, std::cmp::Reverse(*label)))
        });
        Node {
            layer: format!("H{}", self.config.layers[level]),
            parent,
            count: rows.len() as u64,
            merged: None,
            purity: most.map(|(_, count)| count as f64 / rows.len() as f64),
            label: most.map(|(label, _)| label),
            images: 1 + examples,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_hang_on_those_that_they_merge_into() {
        // Six observations: H1 tells five apart, H2 two.
        let bits = |rows: &[&[u8]]| {
            let values = Array2::from_shape_fn((rows.len(), rows[0].len()), |(row, column)| {
                f32::from(rows[row][column])
            });
            BitRows::from_threshold(values.view(), 0.5)
        };
        let first = bits(&[
            &[0, 0, 0],
            &[0, 0, 1],
            &[0, 0, 1],
            &[0, 1, 0],
            &[1, 0, 0],
            &[1, 0, 1],
        ]);
        let second = bits(&[&[0], &[0], &[0], &[0], &[1], &[1]]);
        let samples = Samples {
            values: Array2::from_shape_fn((6, 2), |(row, column)| (row + column) as f32 / 10.0),
            labels: Some(vec![7, 7, 3, 7, 3, 3]),
        };
        let config = HierarchyConfig {
            layers: vec![2, 1],
            branches: vec![2, 2],
            examples: 1,
        };
        config.check(2).expect("possible");
        let (nodes, images) = hierarchy(&config, &[first, second], &samples, Some((1, 2)));
        let tree: Vec<_> = nodes
            .iter()
            .map(|n| (n.layer.as_str(), n.parent, n.count))
            .collect();
        let expected = [
            ("H2", None, 4),
            ("H1", Some(0), 2),
            ("H1", Some(0), 1),
            ("H2", None, 2),
            ("H1", Some(3), 1),
            ("H1", Some(3), 1),
        ];
        assert_eq!(tree, expected);
        assert_eq!(
            (nodes[0].merged, nodes[3].merged, nodes[1].merged),
            (Some(3), Some(2), None)
        );
        assert_eq!((nodes[0].label, nodes[0].purity), (Some(7), Some(0.75)));
        // Means: of rows 0 to 3, then of rows 1 and 2 with row 1 as its example.
        let images = images.expect("images");
        let shade = |value: f32| (value * 255.0).round() as u8;
        let images: Vec<&[u8]> = images.iter().collect();
        assert_eq!(
            images.len(),
            nodes.iter().map(|node| node.images).sum::<usize>()
        );
        assert_eq!(images[0], [shade(0.15), shade(0.25)]);
        assert_eq!(images[1], [shade(0.15), shade(0.25)]);
        assert_eq!(images[2], [shade(0.1), shade(0.2)]);
        assert!(
            HierarchyConfig {
                layers: vec![1, 2],
                ..config.clone()
            }
            .check(2)
            .is_err()
        );
        assert!(
            HierarchyConfig {
                branches: vec![2],
                ..config
            }
            .check(2)
            .is_err()
        );
    }
}
