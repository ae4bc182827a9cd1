//! Numbers cut into digits, tile by tile.

use std::ops::Range;

use ndarray::ArrayView2;

use crate::Precision;
use crate::amx::ROWS;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::bytes;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::parts::processor;
use crate::parts::{DEPTH, LESS, STRIP, WIDTH};

/// One matrix as lines along the inner dimension: the left one's rows or the right one's columns.
#[derive(Clone, Copy)]
pub(crate) struct Lines<'a> {
    pub matrix: ArrayView2<'a, f32>,
    pub side: Side,
    pub precision: Precision,
}

#[derive(Clone, Copy)]
pub(crate) enum Side {
    /// Rows of tiles are lines; numbers times this sign are not negative.
    Left(f32),
    /// Rows of tiles are sixteenths of the inner dimension; numbers of each line times this are whole.
    Right([f32; ROWS]),
}

impl Lines<'_> {
    /// Cuts tile `tile` of the inner dimension of at most 16 lines into digits. Gives the number of digits up to the last
    /// that is not 0, which are written to their `places`; nothing if a number does not fit the side.
    pub fn cut_tile(
        self,
        lines: Range<usize>,
        tile: usize,
        places: impl Fn(usize) -> usize,
        out: &mut [u32],
    ) -> Option<u8> {
        let inner = tile * DEPTH..((tile + 1) * DEPTH).min(self.matrix.ncols());
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if bytes::available() {
            // SAFETY: the processor has AVX-512BW, as was asked.
            return unsafe { processor::cut_tile(self, lines, inner, places, out) };
        }
        cut_plainly(self, lines, inner, places, out)
    }
}

/// From here to twice this the numbers of single precision are the whole ones: adding it rounds to the nearest, which is
/// left in the low bits.
pub(super) const UP: f32 = 8_388_608.0;

/// The plain twin.
pub(super) fn cut_plainly(
    from: Lines,
    lines: Range<usize>,
    inner: Range<usize>,
    places: impl Fn(usize) -> usize,
    out: &mut [u32],
) -> Option<u8> {
    let mut count = 0;
    for line in 0..ROWS {
        for place in 0..DEPTH {
            let at = (lines.start + line, inner.start + place);
            let value = if at.0 < lines.end && at.1 < inner.end {
                from.matrix[at]
            } else {
                0.0
            };
            let whole = |factor: f32| (value * factor).round_ties_even() as i32;
            let bytes = match from.side {
                Side::Left(sign) => {
                    let one = from.precision.one();
                    let whole = match from.precision {
                        Precision::Single => whole(one * sign),
                        Precision::Training => {
                            let sum = value.mul_add(one * sign, UP);
                            sum.to_bits().wrapping_sub(UP.to_bits()).cast_signed()
                        }
                    };
                    if value.is_nan() || !(0..=one as i32).contains(&whole) {
                        return None;
                    }
                    whole << from.precision.shift()
                }
                // Carries what does not fit into a signed digit.
                Side::Right(factors) => match from.precision {
                    Precision::Single => (whole(factors[line]) + 0x8080) ^ 0x8080,
                    Precision::Training => ((whole(factors[line] * LESS) << 8) + 0x8000) ^ 0x8000,
                },
            };
            let (fourth, byte) = (place % WIDTH, place / WIDTH);
            let word = match from.side {
                Side::Left(_) => line * WIDTH + fourth,
                Side::Right(_) => fourth * WIDTH + line,
            };
            let [last, middle, first, _] = bytes.to_le_bytes();
            let digits = [first, middle, last].into_iter().enumerate();
            for (digit, number) in digits.take(from.precision.digits()) {
                let out = &mut out[places(digit) + word];
                *out = *out & !(0xff << (8 * byte)) | u32::from(number) << (8 * byte);
                if number != 0 {
                    count = count.max(digit as u8 + 1);
                }
            }
        }
    }
    Some(count)
}

/// The whole numbers of a column at most: three digits up to 127.
pub(super) const MOST: f32 = 8_355_711.0;

/// Of what power of two the numbers of each column are made multiples, by strip; not a number if one is infinite or
/// not a number.
pub(super) fn units(right: ArrayView2<f32>) -> Vec<[f32; STRIP]> {
    let mut bits = vec![[0; STRIP]; right.ncols().div_ceil(STRIP)];
    largest(right, bits.as_flattened_mut().as_chunks_mut().0);
    bits.into_iter().map(|bits| bits.map(unit)).collect()
}

/// The bits of each column's number that is largest in size.
fn largest(right: ArrayView2<f32>, largest: &mut [[u32; WIDTH]]) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if bytes::available() {
        // SAFETY: the processor has AVX-512, as was asked.
        unsafe { processor::largest(right, largest) };
        return;
    }
    largest_plainly(right, largest);
}

/// The plain twin.
pub(super) fn largest_plainly(right: ArrayView2<f32>, largest: &mut [[u32; WIDTH]]) {
    let largest = largest.as_flattened_mut();
    for ((_, column), x) in right.indexed_iter() {
        largest[column] = largest[column].max(x.abs().to_bits());
    }
}

/// The [unit](units) of a column of which these are the bits of the largest number.
pub(crate) fn unit(bits: u32) -> f32 {
    if !f32::from_bits(bits).is_finite() {
        return f32::NAN;
    }
    // So that neither they nor their inverses leave the range of single precision.
    let largest = f32::from_bits(bits).max(2.0_f32.powi(-100));
    let power = f32::from_bits(largest.to_bits() & 0x7f80_0000);
    let unit = power * 2.0_f32.powi(-22);
    if largest <= MOST * unit {
        unit
    } else {
        2.0 * unit
    }
}
