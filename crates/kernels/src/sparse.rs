//! Products with weights of which most are missing for good.
//!
//! Everything is laid out unit by unit, the rows of a batch beside each other: a weight that is there then
//! costs one multiplication by a vector for each sixteen rows, and one that is not costs nothing.

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut2};
use pulp::{Arch, Simd, WithSimd};

use crate::philox::LANES;
use crate::product::{Blocks, blocks};
use crate::sampling::by_blocks;
use crate::{Draw, Workers};

/// Vectors of sums that are kept in registers.
const SUMS: usize = 8;
/// Units whose sums are turned back into rows together: those of a cache line.
const TOGETHER: usize = 16;

/// Weights (inputs × units) of which only some are there; the others are 0 and stay so.
#[derive(Debug)]
pub struct SparseWeights {
    shape: (usize, usize),
    /// The weights that are there, unit by unit, inputs ascending.
    values: Vec<f32>,
    up: Entries,
    down: Entries,
    /// What is multiplied, unit by unit.
    inputs: ByUnit,
    outputs: ByUnit,
}

/// Which way a product goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From inputs to units: with W.
    Up,
    /// From units to inputs: with Wᵀ.
    Down,
}

/// The weights of each receiver, as places of senders.
#[derive(Debug)]
struct Entries {
    /// Where each receiver's begin, and the end of the last.
    starts: Vec<usize>,
    senders: Vec<u32>,
    /// Their places among the values.
    places: Vec<u32>,
}

/// A batch, unit by unit: a row of `stride` numbers for each, 0 beyond the batch.
#[derive(Debug, Default)]
struct ByUnit {
    values: Vec<f32>,
    stride: usize,
}

impl SparseWeights {
    /// Those of `weights` (inputs × units) that are `kept`, told by input and unit.
    ///
    /// # Panics
    /// If more than 2³² − 1 are kept.
    #[must_use]
    pub fn new(weights: ArrayView2<f32>, kept: impl Fn(usize, usize) -> bool) -> Self {
        let (inputs, units) = weights.dim();
        let mut up = Entries::new();
        let mut by_input: Vec<Vec<(u32, u32)>> = vec![Vec::new(); inputs];
        let mut values = Vec::new();
        for unit in 0..units {
            for (input, by_input) in by_input.iter_mut().enumerate() {
                if kept(input, unit) {
                    let place = u32::try_from(values.len()).expect("at most 2^32 weights");
                    values.push(weights[[input, unit]]);
                    up.push(input as u32, place);
                    by_input.push((unit as u32, place));
                }
            }
            up.close();
        }
        let mut down = Entries::new();
        for entries in by_input {
            for (unit, place) in entries {
                down.push(unit, place);
            }
            down.close();
        }
        Self {
            shape: (inputs, units),
            values,
            up,
            down,
            inputs: ByUnit::default(),
            outputs: ByUnit::default(),
        }
    }

    /// Writes the weights into a matrix, inputs × units; what is missing is not touched.
    ///
    /// # Panics
    /// If the shape is another.
    pub fn write(&self, mut weights: ArrayViewMut2<f32>) {
        assert_eq!(weights.dim(), self.shape, "inputs × units");
        for unit in 0..self.shape.1 {
            for (input, place) in self.up.of(unit) {
                weights[[input as usize, unit]] = self.values[place as usize];
            }
        }
    }

    /// [`conditional`](crate::conditional) with these weights, or with their transpose the other way.
    ///
    /// # Panics
    /// If the shapes do not fit together or the outputs are not stored row by row.
    #[allow(
        clippy::too_many_arguments,
        reason = "those of the dense one, and the way"
    )]
    pub fn conditional(
        &mut self,
        workers: &Workers,
        way: Way,
        scale: f32,
        input: ArrayView2<f32>,
        bias: ArrayView1<f32>,
        probabilities: ArrayViewMut2<f32>,
        draw: Option<Draw>,
    ) {
        let (inner, columns) = match way {
            Way::Up => self.shape,
            Way::Down => (self.shape.1, self.shape.0),
        };
        assert_eq!(
            (input.ncols(), probabilities.dim()),
            (inner, (input.nrows(), columns)),
            "input, weights and output fit together"
        );
        self.inputs.set(workers, input);
        let entries = match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        };
        let (values, inputs) = (&self.values, &self.inputs);
        let arch = Arch::new();
        let blocks = self.blocks(input.nrows(), columns);
        by_blocks(
            workers,
            &blocks,
            bias,
            probabilities,
            draw,
            |columns, out| {
                arch.dispatch(Fields {
                    entries,
                    values,
                    inputs,
                    scale,
                    columns,
                    out,
                });
            },
        );
    }

    /// One step: W ← keep · W + scale · inputᵀ · output for the weights that are there.
    ///
    /// Shapes: `input` rows × inputs, `output` rows × units.
    ///
    /// # Panics
    /// If the shapes do not fit together.
    pub fn step(
        &mut self,
        workers: &Workers,
        keep: f32,
        scale: f32,
        input: ArrayView2<f32>,
        output: ArrayView2<f32>,
    ) {
        let columns = (input.ncols(), output.ncols());
        assert_eq!(columns, self.shape, "inputs × units");
        assert_eq!(input.nrows(), output.nrows(), "as many rows of each");
        let blocks = self.blocks(input.nrows(), self.shape.1);
        self.inputs.set(workers, input);
        self.outputs.set(workers, output);
        let mut tasks = Vec::with_capacity(blocks.len());
        let mut rest = &mut self.values[..];
        for block in 0..blocks.len() {
            let units = blocks.range(block);
            let count = self.up.starts[units.end] - self.up.starts[units.start];
            let (values, after) = rest.split_at_mut(count);
            tasks.push((units, values));
            rest = after;
        }
        let (entries, inputs, outputs) = (&self.up, &self.inputs, &self.outputs);
        let arch = Arch::new();
        workers.for_each_chunk(&mut tasks, 1, |_, tasks| {
            for (units, values) in tasks {
                arch.dispatch(Step {
                    entries,
                    inputs,
                    outputs,
                    keep,
                    scale,
                    units: units.clone(),
                    values,
                });
            }
        });
    }

    /// The cut into tasks of a product with so many rows and results: as of a dense one of as much work.
    fn blocks(&self, rows: usize, columns: usize) -> Blocks {
        blocks((rows, self.values.len() / columns.max(1)), columns)
    }
}

impl Entries {
    fn new() -> Self {
        Self {
            starts: vec![0],
            senders: Vec::new(),
            places: Vec::new(),
        }
    }

    /// One more of the receiver that is being filled.
    fn push(&mut self, sender: u32, place: u32) {
        self.senders.push(sender);
        self.places.push(place);
    }

    /// The receiver has all.
    fn close(&mut self) {
        self.starts.push(self.senders.len());
    }

    /// Senders of a receiver, and the places of their weights.
    #[inline(always)]
    fn of(&self, receiver: usize) -> impl Iterator<Item = (u32, u32)> + Clone {
        let range = self.starts[receiver]..self.starts[receiver + 1];
        let senders = &self.senders[range.clone()];
        senders
            .iter()
            .copied()
            .zip(self.places[range].iter().copied())
    }
}

impl ByUnit {
    fn set(&mut self, workers: &Workers, rows: ArrayView2<f32>) {
        let (count, units) = rows.dim();
        self.stride = count.next_multiple_of(LANES).max(LANES);
        self.values.clear();
        self.values.resize(units * self.stride, 0.0);
        let stride = self.stride;
        let rows = rows.as_standard_layout();
        let rows = rows.as_slice().expect("a standard layout is a slice");
        workers.for_each_chunk(&mut self.values, TOGETHER * stride, |group, values| {
            let first = group * TOGETHER;
            let width = values.len() / stride;
            let mut tile = [[0.0; TOGETHER]; LANES];
            for start in (0..count).step_by(LANES) {
                let height = LANES.min(count - start);
                for (row, tile) in (start..).zip(&mut tile[..height]) {
                    let row = &rows[row * units + first..][..width];
                    tile[..width].copy_from_slice(row);
                }
                for (unit, values) in values.chunks_mut(stride).enumerate() {
                    for (to, row) in values[start..start + height].iter_mut().zip(&tile) {
                        *to = row[unit];
                    }
                }
            }
        });
    }

    #[inline(always)]
    fn unit(&self, unit: usize) -> &[f32] {
        &self.values[unit * self.stride..][..self.stride]
    }
}

/// Sums of some receivers, row by row of the batch.
struct Fields<'a> {
    entries: &'a Entries,
    values: &'a [f32],
    inputs: &'a ByUnit,
    scale: f32,
    columns: Range<usize>,
    out: ArrayViewMut2<'a, f32>,
}

impl WithSimd for Fields<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let stride = self.inputs.stride;
        let mut sums = vec![0.0; TOGETHER * stride];
        let last = self.columns.end;
        for first in self.columns.clone().step_by(TOGETHER) {
            let units = first..(first + TOGETHER).min(last);
            for (unit, sums) in units.clone().zip(sums.chunks_mut(stride)) {
                let entries = self.entries.of(unit);
                let weights = entries.map(|(sender, place)| (sender, self.values[place as usize]));
                add_up(simd, weights, &self.inputs.values, sums);
            }
            let place = first - self.columns.start..units.end - self.columns.start;
            for (row, mut out) in self.out.outer_iter_mut().enumerate() {
                let out = out.as_slice_mut().expect("a row of a standard layout");
                for (unit, out) in out[place.clone()].iter_mut().enumerate() {
                    *out = self.scale * sums[unit * stride + row];
                }
            }
        }
    }
}

/// Σ weight · input of `weights` by input, for all rows: as many numbers as `sums`.
#[inline(always)]
fn add_up<S: Simd>(
    simd: S,
    weights: impl Iterator<Item = (u32, f32)> + Clone,
    inputs: &[f32],
    sums: &mut [f32],
) {
    let (inputs, _) = S::as_simd_f32s(inputs);
    let (sums, _) = S::as_mut_simd_f32s(sums);
    let stride = sums.len();
    let (wide, rest) = sums.as_chunks_mut::<SUMS>();
    for (first, sums) in (0..).step_by(SUMS).zip(wide) {
        *sums = add_vectors(simd, weights.clone(), inputs, stride, first);
    }
    for (first, sum) in (stride / SUMS * SUMS..).zip(rest) {
        [*sum] = add_vectors(simd, weights.clone(), inputs, stride, first);
    }
}

/// The same of `N` vectors from the `first` of each unit's `stride`.
#[inline(always)]
fn add_vectors<S: Simd, const N: usize>(
    simd: S,
    weights: impl Iterator<Item = (u32, f32)>,
    inputs: &[S::f32s],
    stride: usize,
    first: usize,
) -> [S::f32s; N] {
    let mut sums = [simd.splat_f32s(0.0); N];
    for (input, weight) in weights {
        let weight = simd.splat_f32s(weight);
        let inputs = &inputs[input as usize * stride + first..][..N];
        for (sum, input) in sums.iter_mut().zip(inputs) {
            *sum = simd.mul_add_f32s(weight, *input, *sum);
        }
    }
    sums
}

/// A step of the weights of some units.
struct Step<'a> {
    entries: &'a Entries,
    inputs: &'a ByUnit,
    outputs: &'a ByUnit,
    keep: f32,
    scale: f32,
    units: Range<usize>,
    values: &'a mut [f32],
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut values = self.values.iter_mut();
        for unit in self.units {
            let output = self.outputs.unit(unit);
            let entries = self.entries.of(unit);
            for ((input, _), value) in entries.zip(&mut values) {
                let product = dot(simd, self.inputs.unit(input as usize), output);
                *value = self.keep * *value + self.scale * product;
            }
        }
    }
}

#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    /// Sums that do not wait for each other.
    const CHAINS: usize = 4;
    let (a, _) = S::as_simd_f32s(a);
    let (b, _) = S::as_simd_f32s(b);
    let mut sums = [simd.splat_f32s(0.0); CHAINS];
    let (wide_a, rest_a) = a.as_chunks::<CHAINS>();
    let (wide_b, rest_b) = b.as_chunks::<CHAINS>();
    for (a, b) in wide_a.iter().zip(wide_b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum = simd.mul_add_f32s(*a, *b, *sum);
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(rest_a.iter().zip(rest_b)) {
        *sum = simd.mul_add_f32s(*a, *b, *sum);
    }
    let [first, second, third, fourth] = sums;
    let sum = simd.add_f32s(simd.add_f32s(first, third), simd.add_f32s(second, fourth));
    simd.reduce_sum_f32s(sum)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};
    use proptest::prelude::*;

    use super::*;
    use crate::{Precision, Purpose, Stream, conditional, product};

    fn random(rows: usize, columns: usize, index: u64) -> Array2<f32> {
        let mut rng = Stream::new(1, Purpose::Weights, index).rng(0);
        Array2::from_shape_simple_fn((rows, columns), || rng.normal() as f32)
    }

    fn kept(input: usize, unit: usize) -> bool {
        (input * 7 + unit * 5) % 11 < 3
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn agrees_with_the_dense_product_of_the_masked_weights(
            rows in 0..150_usize, inputs in 1..70_usize, units in 1..60_usize, threads in 1..4_usize,
        ) {
            let workers = Workers::new(threads).expect("threads");
            let mut dense = random(inputs, units, 1);
            for ((input, unit), weight) in dense.indexed_iter_mut() {
                if !kept(input, unit) {
                    *weight = 0.0;
                }
            }
            let mut sparse = SparseWeights::new(dense.view(), kept);
            let (below, above) = (random(rows, inputs, 2), random(rows, units, 3));
            for (way, input, weights) in
                [(Way::Up, &below, dense.view()), (Way::Down, &above, dense.t())]
            {
                let bias = Array1::from_shape_fn(weights.ncols(), |i| i as f32 * 0.01);
                let mut ours = Array2::from_elem((rows, weights.ncols()), f32::NAN);
                let mut theirs = ours.clone();
                let (single, input) = (Workers::single(), input.view());
                sparse.conditional(&workers, way, -1.0, input, bias.view(), ours.view_mut(), None);
                conditional(&single, Precision::Single, -1.0, input, weights, bias.view(), theirs.view_mut(), None);
                for (ours, theirs) in ours.iter().zip(&theirs) {
                    prop_assert!((ours - theirs).abs() < 1e-5, "{ours} for {theirs}");
                }
            }
            sparse.step(&workers, 0.9, 0.1, below.view(), above.view());
            let single = Workers::single();
            product(&single, Precision::Single, 0.9, 0.1, below.t(), above.view(), dense.view_mut());
            let mut ours = Array2::zeros((inputs, units));
            sparse.write(ours.view_mut());
            for ((input, unit), ours) in ours.indexed_iter() {
                let theirs = if kept(input, unit) { dense[[input, unit]] } else { 0.0 };
                prop_assert!((ours - theirs).abs() < 1e-4, "{ours} for {theirs}");
            }
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let weights = random(784, 500, 1);
        let (below, above) = (random(200, 784, 2), random(200, 500, 3));
        let bias = Array1::zeros(500);
        let results: Vec<_> = [1, 2, 3]
            .map(|threads| {
                let workers = Workers::new(threads).expect("threads");
                let mut sparse = SparseWeights::new(weights.view(), kept);
                sparse.step(&workers, 1.0, 0.01, below.view(), above.view());
                let mut out = Array2::zeros((200, 500));
                let (input, bias) = (below.view(), bias.view());
                sparse.conditional(&workers, Way::Up, 1.0, input, bias, out.view_mut(), None);
                out
            })
            .into();
        assert!(results.iter().all(|result| *result == results[0]));
    }
}
