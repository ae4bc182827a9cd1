//! One half of a Gibbs step: the weights from one layer's units to another's fields, in fixed point.

use ndarray::{ArrayView1, ArrayView2};

use crate::aligned::Aligned;
use crate::amx::available;
use crate::gibbs::LANES;
use crate::gibbs::tiles::{self, Digits};

/// Fields that are kept in registers while rows are added to them.
pub(super) const BLOCK: usize = 64;
/// Inputs of one table: 2⁵ partial sums a unit, small enough for the first-level cache.
pub(super) const TABLE_INPUTS: usize = 5;
/// States of the inputs of one table.
pub(super) const STATES: usize = 1 << TABLE_INPUTS;
/// Up to so many inputs the tables, which always cost the same, beat adding rows of flipped units,
/// whose number is hard to predict.
const MOST_TABLE_INPUTS: usize = 64;
/// Up to so many they beat tiles too, which mostly stay empty.
const LEAST_TILE_INPUTS: usize = 32;
/// Parameters are multiples of 2 to minus this at the finest: beyond it single precision has no digit.
const FINEST: i32 = 24;
/// With two digits a weight, 2 to minus this at the coarsest, and rounding may change the energy of all units
/// together by so many nats (standard deviation): the samples' divergence from the exact machine's is then
/// at most half of its square, 2·10⁻⁴ nats, and 8·10⁻⁶ where a fifth of the units is on. Machines with
/// larger weights do with more bits and without tiles.
const FINE: i32 = 12;
const ENERGY: f64 = 0.02;

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
    sums: Sums,
}

/// How fields are made. All ways give the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Rows,
    /// Up to 64 inputs.
    Tables,
    /// With two digits a weight.
    Tiles,
}

/// What fields are made of. Two's complement throughout: adding and taking away wrap alike.
#[derive(Debug)]
pub(super) enum Sums {
    /// By block of [`BLOCK`] units (the last as wide as it must be): one row per input.
    Rows(Aligned<u32>),
    /// By group of [`TABLE_INPUTS`] inputs: one row for each of their states.
    Tables(Aligned<u32>),
    Tiles(Digits),
}

impl Half {
    pub fn new(weights: ArrayView2<f32>, bias: ArrayView1<f32>) -> Self {
        let two_digits = fixed_point(weights, bias).1;
        let way = if two_digits && available() && weights.nrows() > LEAST_TILE_INPUTS {
            Way::Tiles
        } else if weights.nrows() <= MOST_TABLE_INPUTS {
            Way::Tables
        } else {
            Way::Rows
        };
        Self::by(weights, bias, way)
    }

    pub fn by(weights: ArrayView2<f32>, bias: ArrayView1<f32>, way: Way) -> Self {
        let (inputs, units) = weights.dim();
        let (exponent, _) = fixed_point(weights, bias);
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
        let sums = match way {
            Way::Tables => {
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
            }
            Way::Rows => {
                let mut rows = Aligned::zeros(inputs * stride);
                for first in (0..stride).step_by(BLOCK) {
                    let width = BLOCK.min(stride - first);
                    let block = &mut rows.slice_mut()[inputs * first..inputs * (first + width)];
                    for (input, sums) in block.chunks_mut(width).enumerate() {
                        row(input, sums, first);
                    }
                }
                Sums::Rows(rows)
            }
            Way::Tiles => Sums::Tiles(Digits::new(inputs, stride, |input, unit| {
                let weight = weights.get([input, unit]);
                weight.map_or(0, |weight| whole(*weight).cast_signed())
            })),
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

/// Of what power of two, to minus which exponent, all parameters are made whole multiples; and whether two
/// digits are enough for the weights.
///
/// Two digits, 16 bits, are enough where they are fine enough; else as many bits as fields have room for.
pub(super) fn fixed_point(weights: ArrayView2<f32>, bias: ArrayView1<f32>) -> (i32, bool) {
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
    let room = |most: f64, largest: f64| (most / largest).log2().floor();
    // Rounding adds at most one half per input and for the bias.
    let fields = room(f64::from(i32::MAX) - (inputs + 1) as f64, largest).min(f64::from(FINEST));
    let weight = weights.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
    let digits = fields.min(room(f64::from(tiles::MOST), f64::from(weight)));
    // The rounding of a weight lies evenly over one step.
    let energy = (weights.len() as f64 / 12.0).sqrt() * 2.0_f64.powf(-digits);
    let two_digits = digits >= f64::from(FINE) && energy <= ENERGY;
    let exponent = if two_digits { digits } else { fields };
    (exponent as i32, two_digits)
}
