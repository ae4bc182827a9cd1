//! Conditional probabilities of a layer and binary samples from them, in one pass over the product.

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut2, s};
use pulp::{Arch, Simd, WithSimd};

use crate::parts::{self, InParts, MOST_ROWS};
use crate::philox::{GROUP, LANES, NARROW, PAIRED, Stream, excess, half, place};
use crate::product::{Blocks, Target, assert_shapes, block_product, blocks, mostly_zero};
use crate::{Precision, Workers, plain, vectorized};
use crate::{amx, bytes};

/// Where the random numbers of a sample come from, and where the sample goes.
#[derive(Debug)]
pub struct Draw<'a> {
    /// The stream of random numbers.
    pub stream: Stream,
    /// Which draw of that stream: the number of the Gibbs step, for instance. Below 2⁶².
    pub number: u64,
    /// The row of the stream that belongs to row 0 here, so that parts of a whole draw the numbers
    /// that the whole would.
    pub first_row: u32,
    /// Receives the samples.
    pub samples: ArrayViewMut2<'a, f32>,
}

/// Probabilities that the units of a layer are 1 given the other layer, and a sample if asked for:
///
/// p = σ(bias + scale · input · weights), σ(x) = 1/(1 + e⁻ˣ).
///
/// The product is as near as `precision` says ([`product`](crate::product)).
///
/// Shapes: `input` rows × inner, `weights` inner × units (any strides, so a transposed view serves
/// the way back), `bias` units, `probabilities` and `draw.samples` rows × units, row by row.
///
/// # Panics
/// If the shapes do not fit together or the outputs are not stored row by row.
#[allow(clippy::too_many_arguments, reason = "the formula has so many terms")]
pub fn conditional(
    workers: &Workers,
    precision: Precision,
    scale: f32,
    input: ArrayView2<f32>,
    weights: ArrayView2<f32>,
    bias: ArrayView1<f32>,
    mut probabilities: ArrayViewMut2<f32>,
    mut draw: Option<Draw>,
) {
    assert_shapes(input, weights, &probabilities);
    if let Some(draw) = &draw {
        assert_eq!(
            draw.samples.dim(),
            probabilities.dim(),
            "one sample per probability"
        );
    }
    // Vectors of bytes are faster only where few numbers are 0, tiles anywhere.
    let few = || mostly_zero(workers, input, weights);
    let first = bytes::vectors().then(few).flatten();
    let in_tiles = first.is_none() && parts::possible(precision, input, weights);
    if in_tiles && input.nrows() > MOST_ROWS {
        for first in (0..input.nrows()).step_by(MOST_ROWS) {
            let rows = s![first..input.nrows().min(first + MOST_ROWS), ..];
            let draw = draw.as_mut().map(|draw| Draw {
                first_row: draw.first_row + first as u32,
                samples: draw.samples.slice_mut(rows),
                ..*draw
            });
            let probabilities = probabilities.slice_mut(rows);
            let input = input.slice(rows);
            conditional(
                workers,
                precision,
                scale,
                input,
                weights,
                bias,
                probabilities,
                draw,
            );
        }
        return;
    }
    let in_parts = if in_tiles {
        InParts::of(workers, precision, input)
    } else {
        None
    };
    let blocks = if in_parts.is_some() {
        Blocks::whole(workers, input.dim(), weights.ncols())
    } else {
        blocks(input.dim(), weights.ncols())
    };
    let few = if in_parts.is_some() || bytes::vectors() {
        first
    } else {
        few()
    };
    by_blocks(
        workers,
        &blocks,
        bias,
        probabilities,
        draw,
        |columns, out| {
            let right = weights.slice(ndarray::s![.., columns]);
            match (&in_parts, &few) {
                (Some(in_parts), _) => in_parts.product(0.0, scale, right, out),
                (None, Some(few)) => few.product(0.0, scale, right, out),
                (None, None) => block_product(0.0, scale, input, right, out),
            }
        },
    );
}

/// What a sigmoid and a sample cost, in multiplications.
const COST: usize = 64;

/// [`conditional`] where scale · input · weights are there already, as `fields`: p = σ(bias + fields), and a sample if asked
/// for.
///
/// Shapes: `fields`, `probabilities` and `draw.samples` rows × units, the latter two row by row; `bias` units.
///
/// # Panics
/// If the shapes do not fit together or the outputs are not stored row by row.
pub fn given_fields(
    workers: &Workers,
    fields: ArrayView2<f32>,
    bias: ArrayView1<f32>,
    probabilities: ArrayViewMut2<f32>,
    draw: Option<Draw>,
) {
    assert_eq!(
        fields.dim(),
        probabilities.dim(),
        "one field per probability"
    );
    let blocks = blocks((fields.nrows(), COST), fields.ncols());
    by_blocks(
        workers,
        &blocks,
        bias,
        probabilities,
        draw,
        |columns, mut out| {
            out.assign(&fields.slice(s![.., columns]));
        },
    );
}

/// [`conditional`] with scale · input · weights of some columns at a time from `product`.
pub(crate) fn by_blocks(
    workers: &Workers,
    blocks: &Blocks,
    bias: ArrayView1<f32>,
    mut probabilities: ArrayViewMut2<f32>,
    mut draw: Option<Draw>,
    product: impl Fn(Range<usize>, ArrayViewMut2<f32>) + Send + Sync,
) {
    assert_eq!(bias.len(), probabilities.ncols(), "one bias per unit");
    assert!(
        probabilities.is_standard_layout(),
        "probabilities are stored row by row"
    );
    if let Some(draw) = &draw {
        assert_eq!(
            draw.samples.dim(),
            probabilities.dim(),
            "one sample per probability"
        );
        assert!(
            draw.samples.is_standard_layout(),
            "samples are stored row by row"
        );
    }
    let bias = bias.as_standard_layout();
    let bias = bias.as_slice().expect("a standard layout is a slice");
    let units = probabilities.ncols();
    let target = Target::new(&mut probabilities);
    let draw = draw
        .as_mut()
        .map(|d| (d.stream, d.number, d.first_row, Target::new(&mut d.samples)));
    let arch = Arch::new();
    workers.for_each(blocks.len(), |block| {
        let columns = blocks.range(block);
        // SAFETY: the ranges of different blocks are disjoint and `for_each` visits each once; both
        // outputs stay mutably borrowed until it returns.
        let mut out = unsafe { target.columns(columns.clone()) };
        product(columns.clone(), out.view_mut());
        let bias = &bias[columns.clone()];
        // Narrow rows would leave most of a vector empty: they are one long row, if that is what lies there.
        let narrow = units <= NARROW && columns.len() == units;
        let end_to_end = || bias.repeat(out.nrows());
        match &draw {
            None if narrow => {
                let bias = end_to_end();
                let row = out.as_slice_mut().expect("a standard layout");
                vectorized(
                    arch,
                    #[inline(always)]
                    || sigmoid_row(row, &bias),
                );
            }
            None => {
                for mut row in out.outer_iter_mut() {
                    let row = row.as_slice_mut().expect("a row of a standard layout");
                    vectorized(
                        arch,
                        #[inline(always)]
                        || sigmoid_row(row, bias),
                    );
                }
            }
            Some((stream, number, first_row, samples)) => {
                // SAFETY: as above, for the samples.
                let mut samples = unsafe { samples.columns(columns.clone()) };
                let (first, last) = (
                    place(units, *first_row),
                    place(units, *first_row + out.nrows() as u32),
                );
                if narrow && first.0 == last.0 {
                    let bias = end_to_end();
                    arch.dispatch(SampleRow {
                        stream: *stream,
                        place: (*number, first.0, first.1 as usize),
                        row: out.as_slice_mut().expect("a standard layout"),
                        bias: &bias,
                        samples: samples.as_slice_mut().expect("a standard layout"),
                    });
                    return;
                }
                let pairs = out
                    .outer_iter_mut()
                    .zip(samples.outer_iter_mut())
                    .enumerate();
                for (row, (mut out, mut samples)) in pairs {
                    let out = out.as_slice_mut().expect("a row of a standard layout");
                    let samples = samples.as_slice_mut().expect("a row of a standard layout");
                    let (row, first) = place(units, first_row + row as u32);
                    let place = (*number, row, first as usize + columns.start);
                    arch.dispatch(SampleRow {
                        stream: *stream,
                        place,
                        row: out,
                        bias,
                        samples,
                    });
                }
            }
        }
    });
}

/// σ(x) = 1/(1 + e⁻ˣ) in single precision: within 3·10⁻⁷ of the exact value, NaN for NaN.
#[must_use]
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The vector instructions in use on this machine, and the graphics card. Results repeat bit by bit on machines that
/// give the same name.
#[must_use]
pub fn instruction_set() -> &'static str {
    #[cfg(feature = "cuda")]
    {
        static WITH_CARD: std::sync::LazyLock<Option<String>> = std::sync::LazyLock::new(|| {
            crate::cuda::instructions().map(|card| format!("{}+{card}", vector_instructions()))
        });
        if let Some(name) = &*WITH_CARD {
            return name;
        }
    }
    vector_instructions()
}

fn vector_instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if amx::available() {
            return "x86_64-amx";
        }
        if bytes::vectors() {
            return "x86_64-avx512-vnni";
        }
        if is_x86_feature_detected!("avx512f") {
            return if plain() {
                "x86_64-avx512-plain"
            } else {
                "x86_64-avx512"
            };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return if plain() {
                "x86_64-avx2-plain"
            } else {
                "x86_64-avx2"
            };
        }
    }
    std::env::consts::ARCH
}

/// Bias and sigmoid over one row.
#[inline(always)]
pub(crate) fn sigmoid_row(row: &mut [f32], bias: &[f32]) {
    // What does not fill a vector is worked off with what comes before it, from the fields of both.
    let last = row.last_chunk::<LANES>().copied();
    let (rows, rest) = row.as_chunks_mut::<LANES>();
    let (biases, bias_rest) = bias.as_chunks::<LANES>();
    for (row, bias) in rows.iter_mut().zip(biases) {
        sigmoid_lanes(row, bias);
    }
    match (last, bias.last_chunk()) {
        _ if rest.is_empty() => {}
        (Some(mut last), Some(bias)) => {
            sigmoid_lanes(&mut last, bias);
            let place = row.len() - LANES;
            row[place..].copy_from_slice(&last);
        }
        _ => {
            for (x, b) in rest.iter_mut().zip(bias_rest) {
                *x = sigmoid(*x + *b);
            }
        }
    }
}

#[inline(always)]
fn sigmoid_lanes(row: &mut [f32; LANES], bias: &[f32; LANES]) {
    for (x, b) in row.iter_mut().zip(bias) {
        *x = sigmoid(*x + *b);
    }
}

/// Bias, sigmoid and sample over one row, by the random numbers from column `place.2` of row `place.1` of draw
/// `place.0` on.
pub(crate) struct SampleRow<'a> {
    pub stream: Stream,
    pub place: (u64, u32, usize),
    pub row: &'a mut [f32],
    pub bias: &'a [f32],
    pub samples: &'a mut [f32],
}

impl WithSimd for SampleRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (draw, stream_row, first) = self.place;
        let end = first + self.row.len();
        for pair in first / PAIRED..end.div_ceil(PAIRED) {
            let words = self.stream.group(draw, stream_row, pair as u32);
            for which in 0..2 {
                let group = pair * PAIRED + which * GROUP;
                let columns = group.max(first)..(group + GROUP).min(end);
                if columns.is_empty() {
                    continue;
                }
                let numbers = words.map(|word| half(word, which));
                let numbers = &numbers[columns.start - group..columns.end - group];
                let range = columns.start - first..columns.end - first;
                let row = &mut self.row[range.clone()];
                let samples = &mut self.samples[range.clone()];
                if sample_units(row, &self.bias[range], numbers, samples) {
                    let units = row.iter().zip(numbers).zip(samples).zip(columns);
                    for (((probability, number), sample), column) in units {
                        let excess = excess(*probability, *number);
                        if excess > 0.0 && excess < 1.0 {
                            let one = self.stream.is_one_at(
                                draw,
                                stream_row,
                                column as u32,
                                *probability,
                            );
                            *sample = f32::from(u8::from(one));
                        }
                    }
                }
            }
        }
    }
}

/// Bias, sigmoid and sample of up to a group of units; whether a number leaves a sample open, which then is 0. What does
/// not fill a vector is padded to one: left over, it would be worked off unit by unit, which is most of a narrow layer.
#[inline(always)]
fn sample_units(row: &mut [f32], bias: &[f32], numbers: &[u32], samples: &mut [f32]) -> bool {
    let (rows, row_rest) = row.as_chunks_mut::<LANES>();
    let (biases, bias_rest) = bias.as_chunks::<LANES>();
    let (numbers, number_rest) = numbers.as_chunks::<LANES>();
    let (chunks, sample_rest) = samples.as_chunks_mut::<LANES>();
    // How near an excess comes to ½: less than ½ means between 0 and 1. A minimum costs less than two comparisons.
    let mut nearest = [0.5; LANES];
    for ((row, bias), (numbers, samples)) in
        rows.iter_mut().zip(biases).zip(numbers.iter().zip(chunks))
    {
        sample_lanes(row, bias, numbers, samples, &mut nearest);
    }
    let rest = row_rest.len();
    if rest > 0 {
        let (mut row, mut bias) = ([0.0; LANES], [0.0; LANES]);
        let (mut numbers, mut samples) = ([0; LANES], [0.0; LANES]);
        row[..rest].copy_from_slice(row_rest);
        bias[..rest].copy_from_slice(bias_rest);
        numbers[..rest].copy_from_slice(number_rest);
        sample_lanes(&mut row, &bias, &numbers, &mut samples, &mut nearest);
        row_rest.copy_from_slice(&row[..rest]);
        sample_rest.copy_from_slice(&samples[..rest]);
    }
    nearest.iter().any(|distance| *distance < 0.5)
}

#[inline(always)]
fn sample_lanes(
    row: &mut [f32; LANES],
    bias: &[f32; LANES],
    numbers: &[u32; LANES],
    samples: &mut [f32; LANES],
    nearest: &mut [f32; LANES],
) {
    for lane in 0..LANES {
        let probability = sigmoid(row[lane] + bias[lane]);
        row[lane] = probability;
        let excess = excess(probability, numbers[lane]);
        samples[lane] = if excess >= 1.0 { 1.0 } else { 0.0 };
        let from_half = (excess - 0.5).abs();
        nearest[lane] = if from_half < nearest[lane] {
            from_half
        } else {
            nearest[lane]
        };
    }
}

/// eˣ by Cody and Waite's reduction x = n ln 2 + r and a polynomial in r. No fused operations and no
/// library calls, so every instruction set gives the same bits.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// ln 2 in two parts; the first has few bits, so that n times it is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    /// 1.5·2²³: adding it rounds to the nearest whole number, left in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // Beyond ±87 the result is 0 or saturates σ anyway. `if` rather than `clamp` keeps NaN.
    let x = if x > 87.0 { 87.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    // Taylor's series to r⁷/7!, |r| ≤ ln 2 / 2: the first term left out is below 3·10⁻⁸ of the sum.
    let series = 1.0 / 720.0 + r * (1.0 / 5040.0);
    let series = 1.0 / 120.0 + r * series;
    let series = 1.0 / 24.0 + r * series;
    let series = 1.0 / 6.0 + r * series;
    let series = 0.5 + r * series;
    let series = 1.0 + r * (1.0 + r * series);
    let exponent = shifted
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127)
        << 23;
    series * f32::from_bits(exponent)
}

#[cfg(test)]
mod tests;
