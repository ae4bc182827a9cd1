//! One half of a Gibbs step: the weights from one layer's units to another's fields, in fixed point.

use ndarray::{ArrayView1, ArrayView2};

use crate::gibbs::LANES;

/// Fields that are kept in registers while rows are added to them.
pub(super) const BLOCK: usize = 64;
/// Inputs of one table: 2⁵ partial sums a unit, small enough for the first-level cache.
pub(super) const TABLE_INPUTS: usize = 5;
/// States of the inputs of one table.
pub(super) const STATES: usize = 1 << TABLE_INPUTS;
/// Up to so many inputs the tables, which always cost the same, beat adding rows of flipped units,
/// whose number is hard to predict.
const MOST_TABLE_INPUTS: usize = 64;
/// Parameters are multiples of 2 to minus this at the finest: beyond it single precision has no digit.
const FINEST: i32 = 24;

/// Field of what is no unit, −2³⁰: −64 or less, so that it is 1 once in 10²⁸ draws.
pub(super) const NEVER: u32 = 3 << 30;

/// Weights and biases of `units` given `inputs`, as whole multiples of a power of two.
#[derive(Debug)]
pub(super) struct Half {
    inputs: usize,
    units: usize,
    /// One in a field is 2 to minus this.
    exponent: i32,
    /// Biases, padded to whole vectors with fields of units that are always 0.
    bias: Vec<u32>,
    /// Rows of weights, or tables of their partial sums.
    sums: Sums,
}

/// What fields are made of. Two's complement throughout: adding and taking away wrap alike.
#[derive(Debug)]
pub(super) enum Sums {
    /// By block of [`BLOCK`] units (the last as wide as it must be): one row per input.
    Rows(Aligned),
    /// By group of [`TABLE_INPUTS`] inputs: one row for each of their states.
    Tables(Aligned),
}

impl Half {
    pub fn new(weights: ArrayView2<f32>, bias: ArrayView1<f32>) -> Self {
        let tables = weights.nrows() <= MOST_TABLE_INPUTS;
        Self::by(weights, bias, tables)
    }

    /// With `tables` (only up to 64 inputs) or with rows.
    pub fn by(weights: ArrayView2<f32>, bias: ArrayView1<f32>, tables: bool) -> Self {
        let (inputs, units) = weights.dim();
        assert_eq!(bias.len(), units, "one bias per unit");
        let largest = (0..units)
            .map(|unit| {
                let weights = weights.column(unit);
                let sum: f64 = weights.iter().map(|w| f64::from(w.abs())).sum();
                sum + f64::from(bias[unit].abs())
            })
            .fold(1.0, f64::max);
        assert!(largest.is_finite(), "parameters are finite");
        // Rounding adds at most one half per input and for the bias.
        let room = f64::from(i32::MAX) - (inputs + 1) as f64;
        let exponent = ((room / largest).log2().floor() as i32).min(FINEST);
        let unit = 2.0_f64.powi(-exponent);
        let whole = |x: f32| ((f64::from(x) / unit).round_ties_even() as i32).cast_unsigned();
        let stride = units.next_multiple_of(LANES);
        let mut padded = vec![NEVER; stride];
        for (padded, bias) in padded.iter_mut().zip(bias) {
            *padded = whole(*bias);
        }
        let row = |input: usize, out: &mut [u32], first: usize| {
            for (unit, sum) in (first..units).zip(out) {
                *sum = sum.wrapping_add(whole(weights[[input, unit]]));
            }
        };
        let sums = if tables {
            let groups = inputs.div_ceil(TABLE_INPUTS);
            let mut tables = Aligned::zeros((groups << TABLE_INPUTS) * stride);
            for (number, sums) in tables.slice_mut().chunks_mut(stride.max(1)).enumerate() {
                let (group, state) = (number >> TABLE_INPUTS, number & (STATES - 1));
                for within in (0..TABLE_INPUTS).filter(|within| state >> within & 1 == 1) {
                    let input = group * TABLE_INPUTS + within;
                    if input < inputs {
                        row(input, sums, 0);
                    }
                }
            }
            Sums::Tables(tables)
        } else {
            let mut rows = Aligned::zeros(inputs * stride);
            for first in (0..stride).step_by(BLOCK) {
                let width = BLOCK.min(stride - first);
                let block = &mut rows.slice_mut()[inputs * first..inputs * (first + width)];
                for (input, sums) in block.chunks_mut(width).enumerate() {
                    row(input, sums, first);
                }
            }
            Sums::Rows(rows)
        };
        Self {
            inputs,
            units,
            exponent,
            bias: padded,
            sums,
        }
    }

    pub fn inputs(&self) -> usize {
        self.inputs
    }

    pub fn units(&self) -> usize {
        self.units
    }

    /// One in a field is 2 to minus this.
    pub fn exponent(&self) -> i32 {
        self.exponent
    }

    /// Value of one in a field.
    pub fn unit(&self) -> f64 {
        2.0_f64.powi(-self.exponent)
    }

    /// Length of a row of fields.
    pub fn stride(&self) -> usize {
        self.bias.len()
    }

    pub fn bias(&self) -> &[u32] {
        &self.bias
    }

    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    /// Σ over chains and over their units that are on, of `fields`: one row every `stride` numbers.
    #[inline(always)]
    pub fn on(&self, fields: &[u32], stride: usize, packed: &[u64]) -> f64 {
        let rows = packed.chunks(self.units.div_ceil(64).max(1)).enumerate();
        let mut sum = 0;
        for (chain, words) in rows {
            let fields = &fields[chain * stride..][..self.units];
            for (word, fields) in words.iter().zip(fields.chunks(64)) {
                // Every unit, on or not: vectors do that faster than a walk along the bits.
                for (place, field) in fields.iter().enumerate() {
                    let all = (*word >> place & 1).wrapping_neg().cast_signed();
                    sum += i64::from(field.cast_signed()) & all;
                }
            }
        }
        sum as f64 * self.unit()
    }
}

/// Numbers that begin with a cache line, so that no row of whole lines straddles one more.
#[derive(Debug)]
pub(super) struct Aligned {
    values: Vec<u32>,
    start: usize,
    length: usize,
}

impl Aligned {
    pub fn zeros(length: usize) -> Self {
        /// Bytes of a cache line.
        const LINE: usize = 64;
        let values = vec![0; length + LINE / size_of::<u32>()];
        let start = values.as_ptr().align_offset(LINE);
        Self {
            values,
            start,
            length,
        }
    }

    pub fn slice(&self) -> &[u32] {
        &self.values[self.start..self.start + self.length]
    }

    pub fn slice_mut(&mut self) -> &mut [u32] {
        &mut self.values[self.start..self.start + self.length]
    }
}
