//! What a layer has grouped: its most populated states and some rare ones, with what they share.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ndarray::Array2;
use resrel_data::Samples;
use serde::{Deserialize, Serialize};

use crate::Images;

/// The most populated states that are shown, and rare ones.
const MOST: usize = 8;
const RARE: usize = 4;
/// A state that a single observation is in groups nothing: rare ones hold so many where there are such.
const LEAST: usize = 2;
/// Observations that are shown of a state.
const EXAMPLES: usize = 5;
/// Labels that are named of a state.
const LABELS: usize = 3;
/// Data that are no images are shown as a row of features, if they are not more.
const WIDEST: usize = 128;

/// A state that is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownState {
    /// Its layer: H6.
    pub layer: String,
    /// Whether it is one of the rare ones.
    pub rare: bool,
    /// Observations that share it.
    pub count: u64,
    /// Its most frequent labels with their numbers of observations; none without labels.
    pub labels: Vec<(u32, u64)>,
    /// Rows of the observations that are shown, from 0.
    pub rows: Vec<usize>,
    /// Images that belong to it: the mean of its observations, then those of `rows`. 0 where the data are
    /// no images.
    pub images: usize,
}

/// Gathers the states of layer after layer that are worth a look, and their images.
pub(crate) struct Shown<'a> {
    samples: &'a Samples,
    shape: Option<(usize, usize)>,
    states: Vec<ShownState>,
    pixels: Vec<f32>,
}

impl<'a> Shown<'a> {
    /// Of the layers' states of `samples`, images of this shape if they are images.
    pub fn new(samples: &'a Samples, shape: Option<(usize, usize)>) -> Self {
        let features = samples.values.ncols();
        Self {
            samples,
            shape: shape.or((features <= WIDEST).then_some((1, features))),
            states: Vec::new(),
            pixels: Vec::new(),
        }
    }

    /// One more layer, with the states of all rows, `words_per_row` words each.
    pub fn add(&mut self, layer: &str, states: &[u64], words_per_row: usize) {
        let mut groups: BTreeMap<&[u64], Vec<usize>> = BTreeMap::new();
        for (row, state) in states.chunks_exact(words_per_row.max(1)).enumerate() {
            groups.entry(state).or_default().push(row);
        }
        let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
        // Of equally populated ones that with the earliest observation.
        groups.sort_by_key(|rows| (Reverse(rows.len()), rows[0]));
        let most = groups.len().min(MOST);
        let grouping = groups.partition_point(|rows| rows.len() >= LEAST);
        let end = if grouping > most {
            grouping
        } else {
            groups.len()
        };
        let rare = end.saturating_sub(RARE).max(most)..end;
        for (places, rare) in [(0..most, false), (rare, true)] {
            for rows in &groups[places] {
                self.show(layer, rows, rare);
            }
        }
    }

    fn show(&mut self, layer: &str, rows: &[usize], rare: bool) {
        let count = rows.len().min(EXAMPLES);
        // Evenly over all of them.
        let examples: Vec<usize> = (0..count).map(|i| rows[i * rows.len() / count]).collect();
        if self.shape.is_some() {
            self.pixels.extend(mean(self.samples, rows));
            for row in &examples {
                self.pixels.extend(self.samples.values.row(*row));
            }
        }
        self.states.push(ShownState {
            layer: layer.to_owned(),
            rare,
            count: rows.len() as u64,
            labels: labels(self.samples, rows),
            images: self.shape.map_or(0, |_| 1 + count),
            rows: examples,
        });
    }

    /// The states, and their images one after the other.
    pub fn finish(self) -> (Vec<ShownState>, Option<Images>) {
        let features = self.samples.values.ncols();
        let images = self.shape.map(|shape| {
            let count = self.pixels.len() / features.max(1);
            // As many numbers as rows and features say.
            let values = Array2::from_shape_vec((count, features), self.pixels).unwrap_or_default();
            Images::new(values.view(), shape)
        });
        (self.states, images)
    }
}

/// The mean of some observations.
fn mean(samples: &Samples, rows: &[usize]) -> impl Iterator<Item = f32> {
    let mut sums = vec![0.0_f64; samples.values.ncols()];
    for row in rows {
        for (sum, value) in sums.iter_mut().zip(samples.values.row(*row)) {
            *sum += f64::from(*value);
        }
    }
    let count = rows.len() as f64;
    sums.into_iter().map(move |sum| (sum / count) as f32)
}

fn labels(samples: &Samples, rows: &[usize]) -> Vec<(u32, u64)> {
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    for label in samples
        .labels
        .iter()
        .flat_map(|labels| rows.iter().map(|row| labels[*row]))
    {
        *counts.entry(label).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    // Of equally frequent ones the smallest.
    counts.sort_by_key(|(label, count)| (Reverse(*count), *label));
    counts.truncate(LABELS);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(states: &[u64]) -> Samples {
        Samples {
            values: Array2::from_shape_fn((states.len(), 2), |(row, column)| {
                (row % 4 + column) as f32 / 10.0
            }),
            labels: Some((0..states.len()).map(|row| row as u32 % 3).collect()),
        }
    }

    #[test]
    fn the_largest_and_the_rarest_that_group() {
        // State s is shared by 12 − s observations for s = 0 … 9, and three states by one each.
        let mut states: Vec<u64> = (0..10).flat_map(|s| vec![s; 12 - s as usize]).collect();
        states.extend([20, 21, 22]);
        let samples = samples(&states);
        let mut all = Shown::new(&samples, None);
        all.add("H2", &states, 1);
        let (shown, images) = all.finish();
        let counts: Vec<_> = shown
            .iter()
            .map(|state| (state.rare, state.count))
            .collect();
        let most = (5..=12).rev().map(|count| (false, count));
        assert_eq!(
            counts,
            most.chain([(true, 4), (true, 3)]).collect::<Vec<_>>()
        );
        assert_eq!(shown[0].rows, [0, 2, 4, 7, 9]);
        assert_eq!(shown[0].labels, [(0, 4), (1, 4), (2, 4)]);
        let images = images.expect("two features make a row");
        assert_eq!(images.shape, (1, 2));
        let count: usize = shown.iter().map(|state| state.images).sum();
        assert_eq!(images.iter().count(), count);
        // Three times each of 0, 0.1, 0.2, 0.3.
        let shade = |value: f32| (value * 255.0).round() as u8;
        assert_eq!(images.iter().next(), Some(&[shade(0.15), shade(0.25)][..]));
        assert_eq!(images.iter().nth(2), Some(&[shade(0.2), shade(0.3)][..]));
    }

    #[test]
    fn singles_are_shown_where_nothing_is_grouped() {
        let states: Vec<u64> = (0..20).collect();
        let samples = samples(&states);
        let mut all = Shown::new(&samples, Some((2, 1)));
        all.add("H1", &states, 1);
        let (shown, _) = all.finish();
        let counts: Vec<_> = shown
            .iter()
            .map(|state| (state.rare, state.count))
            .collect();
        let expected = [vec![(false, 1); MOST], vec![(true, 1); RARE]].concat();
        assert_eq!(counts, expected);
        assert_eq!(shown[8].rows, [16]);
    }
}
