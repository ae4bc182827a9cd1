//! Packed samples of units from their fields.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod processor;

use ndarray::Array2;
use pulp::Arch;

use crate::bits::pack_row;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::bytes;
use crate::philox::{NARROW, Stream, place};
use crate::sampling::SampleRow;

/// Where the random numbers of a row begin: draw, row and column of the stream.
type Place = (u64, u32, usize);

/// Samples `states` of units from their fields without bias, `rows`, of which these begin at `first` (row and column) of a
/// layer of `units`, by a draw of a stream. A wide layer's rows are each announced, by their place, to `meanwhile`.
pub(super) fn sample(
    (stream, draw): (Stream, u64),
    units: usize,
    first: (u32, usize),
    bias: &[f32],
    rows: &[&mut [f32]],
    states: &mut Array2<u64>,
    meanwhile: &dyn Fn(usize),
) {
    let words = states.ncols();
    let states = states.as_slice_mut().expect("rows side by side");
    if units > NARROW {
        let place = (draw, first.0, first.1);
        return sample_rows(stream, place, rows, bias, states, meanwhile);
    }
    let states = states.chunks_mut(words);
    let (row, before) = place(units, first.0);
    if row == place(units, first.0 + rows.len() as u32).0 {
        // One long row, without gaps.
        let mut fields = Vec::with_capacity(rows.len() * units);
        for row in rows {
            fields.extend_from_slice(&row[..units]);
        }
        let bias = bias.repeat(rows.len());
        let mut bits = vec![0; fields.len().div_ceil(64) + 1];
        let place = (draw, row, before as usize);
        sample_rows(stream, place, &[&mut fields], &bias, &mut bits, &|_| ());
        for (state, first) in states.zip((0..).step_by(units)) {
            let two = u128::from(bits[first / 64]) | u128::from(bits[first / 64 + 1]) << 64;
            state[0] = (two >> (first % 64)) as u64 & (u64::MAX >> (64 - units));
        }
        return;
    }
    for ((row, fields), states) in (first.0..).zip(rows.chunks(1)).zip(states) {
        let (row, before) = place(units, row);
        sample_rows(
            stream,
            (draw, row, before as usize),
            fields,
            bias,
            states,
            &|_| (),
        );
    }
}

/// Whether each unit of rows that follow one another is on: bit by bit, as many words for each. What is done `meanwhile`,
/// row by row, is to ask for memory.
fn sample_rows(
    stream: Stream,
    place: Place,
    rows: &[&mut [f32]],
    bias: &[f32],
    bits: &mut [u64],
    meanwhile: &dyn Fn(usize),
) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        unsafe { processor::sample_rows(stream, place, rows, bias, bits, meanwhile) };
        return;
    }
    sample_plainly(stream, place, rows, bias, bits);
}

/// The plain twin.
fn sample_plainly(
    stream: Stream,
    (draw, first, column): Place,
    rows: &[&mut [f32]],
    bias: &[f32],
    bits: &mut [u64],
) {
    let words = bits.len() / rows.len().max(1);
    for ((row, fields), bits) in (first..).zip(rows).zip(bits.chunks_mut(words.max(1))) {
        let mut samples = vec![0.0; bias.len()];
        Arch::new().dispatch(SampleRow {
            stream,
            place: (draw, row, column),
            row: &mut fields[..bias.len()].to_vec(),
            bias,
            samples: &mut samples,
        });
        pack_row(&samples, 0.5, bits);
    }
}

#[cfg(test)]
mod tests;
