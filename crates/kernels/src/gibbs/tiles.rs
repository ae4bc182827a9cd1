//! Fields as products of matrix tiles: states in bytes times weights in two signed digits, in whole numbers.
//!
//! A weight w is d₀ + 255 d₁ with digits from −127 to 127, and an input that is on stands there as 1 for the
//! first digit and as 255 for the second: one sum of products of bytes is the field itself.

use crate::aligned::Aligned;
use crate::amx::{ROW, ROWS, Tiles, available};
use crate::gibbs::LANES;
use crate::gibbs::TILE;

/// What an input that is on counts for the second digit.
const BASE: i32 = 255;
/// The largest digit.
const DIGIT: i32 = 127;
/// Weights from minus this to this have two digits.
pub(super) const MOST: i32 = DIGIT + BASE * DIGIT;
/// Inputs of one tile: half of its bytes for each digit.
const TILE_INPUTS: usize = 32;
/// Tiles of inputs that are summed up before the next units come: for all chains they fit into the
/// first-level cache.
const TOGETHER: usize = 8;

/// The digits of the weights of one half, in the order in which the processor wants them.
#[derive(Debug)]
pub(super) struct Digits {
    /// By part of at most [`TOGETHER`] tiles of inputs, then by sixteen units, then by tile: four bytes of one
    /// unit, sixteen units, sixteen times four bytes.
    bytes: Aligned<i8>,
    inputs: usize,
    stride: usize,
}

impl Digits {
    /// Of `inputs` times `stride` (whole vectors of units) whole weights, none beyond [`MOST`].
    pub fn new(inputs: usize, stride: usize, weight: impl Fn(usize, usize) -> i32) -> Self {
        let mut bytes =
            Aligned::zeros(inputs.div_ceil(TILE_INPUTS) * ROWS * ROW * (stride / LANES));
        let digits = Self {
            bytes: Aligned::zeros(0),
            inputs,
            stride,
        };
        for (first, tiles) in digits.parts() {
            let part = &mut bytes.slice_mut()[first * ROWS * ROW * (stride / LANES)..];
            for (group, part) in part
                .chunks_mut(tiles * ROWS * ROW)
                .take(stride / LANES)
                .enumerate()
            {
                for (tile, part) in part.chunks_mut(ROWS * ROW).enumerate() {
                    for within in 0..TILE_INPUTS {
                        let input = (first + tile) * TILE_INPUTS + within;
                        if input >= inputs {
                            break;
                        }
                        for unit in 0..LANES {
                            let whole = weight(input, group * LANES + unit);
                            let high = (whole + whole.signum() * (BASE / 2)) / BASE;
                            for (byte, digit) in
                                [(within, whole - BASE * high), (TILE_INPUTS + within, high)]
                            {
                                part[byte / 4 * ROW + 4 * unit + byte % 4] = digit as i8;
                            }
                        }
                    }
                }
            }
        }
        Self { bytes, ..digits }
    }

    /// First tile of inputs, and number of them, of each part.
    fn parts(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let all = self.inputs.div_ceil(TILE_INPUTS);
        let parts = all.div_ceil(TOGETHER).max(1);
        (0..parts).map(move |part| {
            let first = part * all / parts;
            (first, (part + 1) * all / parts - first)
        })
    }

    /// Bytes of the states of all chains of a tile.
    pub fn room(&self) -> usize {
        self.inputs.div_ceil(TILE_INPUTS) * ROW * TILE
    }
}

/// The states in bytes of the chains of a tile, from their packed `inputs`; [room](Digits::room) for
/// [`TILE`] chains, of which those that are not there stay as they are.
#[inline(always)]
pub(super) fn expand(digits: &Digits, inputs: &[u64], states: &mut [u8]) {
    assert!(states.len() == digits.room(), "room for all states");
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if available() {
        // SAFETY: the processor has AVX-512BW, as was asked.
        unsafe { amx::expand(digits, inputs, states) };
        return;
    }
    expand_plainly(digits, inputs, states);
}

/// The plain twin.
fn expand_plainly(digits: &Digits, inputs: &[u64], states: &mut [u8]) {
    each_row(digits, inputs, states, |bits, states| {
        for (within, state) in states.iter_mut().enumerate() {
            let on = bits >> (within % TILE_INPUTS) & 1 == 1;
            let count = if within < TILE_INPUTS { 1 } else { BASE as u8 };
            *state = if on { count } else { 0 };
        }
    });
}

/// Calls `write` with the 32 inputs and the bytes of each row of each tile of states.
#[inline(always)]
fn each_row(
    digits: &Digits,
    inputs: &[u64],
    states: &mut [u8],
    write: impl Fn(u32, &mut [u8; ROW]),
) {
    let wide = digits.inputs.div_ceil(64);
    for (first, tiles) in digits.parts() {
        let states = &mut states[first * ROW * TILE..(first + tiles) * ROW * TILE];
        for (inputs, states) in inputs.chunks(wide).zip(states.chunks_mut(tiles * ROW)) {
            for (tile, states) in (first..).zip(states.as_chunks_mut().0) {
                write((inputs[tile / 2] >> (32 * (tile % 2))) as u32, states);
            }
        }
    }
}

/// `fields` of [`TILE`] chains, `bias` + Σ weights of the inputs that are on in `states`, as [`expand`] makes them.
#[inline(always)]
pub(super) fn multiply(
    _set_up: &Tiles,
    digits: &Digits,
    bias: &[u32],
    states: &[u8],
    fields: &mut [u32],
) {
    assert!(
        states.len() == digits.room()
            && bias.len() == digits.stride
            && fields.len() == TILE * digits.stride,
        "room for all states and fields"
    );
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if available() {
        // SAFETY: the processor has these tiles and the system lets us use them, as was asked; they are set up,
        // as `Tiles` says; the lengths are as they must be.
        unsafe { amx::multiply(digits, bias, states, fields) };
        return;
    }
    multiply_plainly(digits, bias, states, fields);
}

/// The plain twin.
fn multiply_plainly(digits: &Digits, bias: &[u32], states: &[u8], fields: &mut [u32]) {
    for fields in fields.chunks_mut(digits.stride) {
        fields.copy_from_slice(bias);
    }
    for (first, tiles) in digits.parts() {
        let states = &states[first * ROW * TILE..(first + tiles) * ROW * TILE];
        let bytes = &digits.bytes.slice()[first * ROWS * ROW * (digits.stride / LANES)..];
        for (group, bytes) in bytes
            .chunks(tiles * ROWS * ROW)
            .take(digits.stride / LANES)
            .enumerate()
        {
            for (states, fields) in states
                .chunks(tiles * ROW)
                .zip(fields.chunks_mut(digits.stride))
            {
                for (unit, field) in fields[group * LANES..][..LANES].iter_mut().enumerate() {
                    let products = states.iter().enumerate().map(|(byte, state)| {
                        i32::from(*state) * i32::from(bytes[byte / 4 * ROW + 4 * unit + byte % 4])
                    });
                    *field = field.wrapping_add_signed(products.fold(0, i32::wrapping_add));
                }
            }
        }
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx {
    use std::arch::asm;
    use std::arch::x86_64::{_mm512_loadu_si512, _mm512_maskz_mov_epi8, _mm512_storeu_si512};

    use super::{BASE, Digits, LANES, ROW, ROWS, TILE, TILE_INPUTS, each_row};

    /// [`super::expand`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn expand(digits: &Digits, inputs: &[u64], states: &mut [u8]) {
        let mut counts = [1; ROW];
        counts[TILE_INPUTS..].fill(BASE as u8);
        // SAFETY: 64 bytes are read; the load needs no alignment.
        let counts = unsafe { _mm512_loadu_si512(counts.as_ptr().cast()) };
        each_row(digits, inputs, states, |bits, states| {
            let bits = u64::from(bits);
            let values = _mm512_maskz_mov_epi8(bits | bits << TILE_INPUTS, counts);
            // SAFETY: 64 bytes are written; the store needs no alignment.
            unsafe { _mm512_storeu_si512(states.as_mut_ptr().cast(), values) };
        });
    }

    /// [`super::multiply`].
    ///
    /// # Safety
    /// Where tiles of bytes are available and set up; lengths as [`super::multiply`] asserts.
    pub(super) unsafe fn multiply(
        digits: &Digits,
        bias: &[u32],
        states: &[u8],
        fields: &mut [u32],
    ) {
        let groups = digits.stride / LANES;
        for (first, tiles) in digits.parts() {
            let states = &states[first * ROW * TILE..(first + tiles) * ROW * TILE];
            let bytes = &digits.bytes.slice()[first * ROWS * ROW * groups..];
            for group in 0..groups {
                // The first part begins with the biases, the same for all chains: rows that are no bytes apart.
                let place = fields[group * LANES..].as_mut_ptr();
                let (start, apart) = if first == 0 {
                    (bias[group * LANES..].as_ptr(), 0)
                } else {
                    (place.cast_const(), digits.stride * size_of::<u32>())
                };
                // SAFETY: the tiles are there and leave is given. Read are `tiles` KiB of digits from `group`
                // on; the rows of `states`, `tiles`·64 bytes each, of the 64 chains; 16 biases, or as the
                // fields below. Written are 16 of the `stride` fields of each of the 64 chains. That they are
                // that long was asserted, and `Digits::new` made its bytes so. Nothing is put on
                // the stack.
                unsafe {
                    asm!(
                        "tileloadd tmm0, [{start} + {apart} * 1]",
                        "lea {start}, [{start} + {step}]",
                        "tileloadd tmm1, [{start} + {apart} * 1]",
                        "lea {start}, [{start} + {step}]",
                        "tileloadd tmm2, [{start} + {apart} * 1]",
                        "lea {start}, [{start} + {step}]",
                        "tileloadd tmm3, [{start} + {apart} * 1]",
                        "mov {start}, {row}",
                        "shl {start}, 4",
                        "2:",
                        "tileloadd tmm4, [{bytes} + {line} * 1]",
                        "tileloadd tmm5, [{states} + {row} * 1]",
                        "lea {next}, [{states} + {start}]",
                        "tileloadd tmm6, [{next} + {row} * 1]",
                    "prefetcht0 [{bytes} + 4096]",
                    "prefetcht0 [{bytes} + 4160]",
                    "prefetcht0 [{bytes} + 4224]",
                    "prefetcht0 [{bytes} + 4288]",
                    "prefetcht0 [{bytes} + 4352]",

                        "tdpbusd tmm0, tmm5, tmm4",
                        "add {next}, {start}",
                        "tileloadd tmm7, [{next} + {row} * 1]",
                        "tdpbusd tmm1, tmm6, tmm4",
                    "prefetcht0 [{bytes} + 4416]",
                    "prefetcht0 [{bytes} + 4480]",
                    "prefetcht0 [{bytes} + 4544]",
                    "prefetcht0 [{bytes} + 4608]",
                    "prefetcht0 [{bytes} + 4672]",

                        "add {next}, {start}",
                        "tileloadd tmm5, [{next} + {row} * 1]",
                        "tdpbusd tmm2, tmm7, tmm4",
                    "prefetcht0 [{bytes} + 4736]",
                    "prefetcht0 [{bytes} + 4800]",
                    "prefetcht0 [{bytes} + 4864]",
                    "prefetcht0 [{bytes} + 4928]",
                    "prefetcht0 [{bytes} + 4992]",
                    "prefetcht0 [{bytes} + 5056]",

                        "tdpbusd tmm3, tmm5, tmm4",
                        "add {states}, 64",
                        "add {bytes}, 1024",
                        "dec {tiles}",
                        "jnz 2b",
                        "mov {start}, {stride}",
                        "shl {start}, 4",
                        "tilestored [{place} + {stride} * 1], tmm0",
                        "add {place}, {start}",
                        "tilestored [{place} + {stride} * 1], tmm1",
                        "add {place}, {start}",
                        "tilestored [{place} + {stride} * 1], tmm2",
                        "add {place}, {start}",
                        "tilestored [{place} + {stride} * 1], tmm3",
                        line = in(reg) ROW,
                        start = inout(reg) start => _,
                        apart = in(reg) apart,
                        step = in(reg) ROWS * apart,
                        bytes = inout(reg) bytes[group * tiles * ROWS * ROW..].as_ptr() => _,
                        states = inout(reg) states.as_ptr() => _,
                        row = in(reg) tiles * ROW,
                        next = out(reg) _,
                        tiles = inout(reg) tiles => _,
                        place = inout(reg) place => _,
                        stride = in(reg) digits.stride * size_of::<u32>(),
                        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                        options(nostack),
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Purpose, Stream};

    type Multiply<'a> = &'a dyn Fn(&Digits, &[u32], &[u8], &mut [u32]);

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn the_processors_tiles_agree_with_the_plain_twin(
            inputs in 1..900_usize, vectors in 1..20_usize, chains in 1..TILE + 1, seed: u64,
        ) {
            let stride = vectors * LANES;
            let mut rng = Stream::new(seed, Purpose::Weights, 0).rng(0);
            let mut whole = |most: i32| rng.below(2 * most.cast_unsigned() + 1).cast_signed() - most;
            let weights: Vec<i32> = (0..inputs * stride).map(|_| whole(MOST)).collect();
            let bias: Vec<u32> = (0..stride).map(|_| whole(i32::MAX / 2).cast_unsigned()).collect();
            let digits = Digits::new(inputs, stride, |input, unit| weights[input * stride + unit]);
            let wide = inputs.div_ceil(64);
            let on: Vec<u64> = (0..chains * wide)
                .map(|word| {
                    let width = (inputs - word % wide * 64).min(64);
                    let half = |_| u64::from(rng.below(u32::MAX));
                    [0, 32].map(half).iter().fold(0, |word, half| word << 32 | half)
                        & u64::MAX >> (64 - width)
                })
                .collect();
            let states = [expand, expand_plainly].map(|expand| {
                let mut states = vec![0; digits.room()];
                expand(&digits, &on, &mut states);
                states
            });
            prop_assert_eq!(&states[0], &states[1]);
            let [states, _] = states;
            let by = |way: Multiply| {
                let mut fields = vec![0; TILE * stride];
                way(&digits, &bias, &states, &mut fields);
                fields.truncate(chains * stride);
                fields
            };
            let plain = by(&multiply_plainly);
            let tiles = Tiles::set_up();
            prop_assert_eq!(&plain, &by(&|digits, bias, states, fields| {
                multiply(&tiles, digits, bias, states, fields);
            }));
            for (field, place) in plain.iter().zip(0..) {
                let (chain, unit) = (place / stride, place % stride);
                let on = (0..inputs).filter(|i| on[chain * wide + i / 64] >> (i % 64) & 1 == 1);
                let sum = on.fold(bias[unit], |sum, i| sum.wrapping_add_signed(weights[i * stride + unit]));
                prop_assert_eq!(*field, sum);
            }
        }
    }
}
