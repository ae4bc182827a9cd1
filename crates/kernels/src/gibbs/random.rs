//! Random bytes for many units: xoshiro256++ in eight lanes, started from Philox at every step.

use pulp::Simd;

use crate::philox::Stream;

/// Generators side by side.
const LANES: usize = 8;

/// Bytes of a tile's step. Seeking is left to Philox; from one block to the next this is ten times as fast.
///
/// Source: D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", ACM Trans. Math.
/// Softw. 47 (2021), 36: xoshiro256++. The lanes' states are drawn at random, so that their sequences, of
/// at most 2²⁰ of 2²⁵⁶ numbers, do not meet.
#[derive(Debug, Clone)]
pub(super) struct Bytes {
    state: [[u64; LANES]; 4],
}

impl Bytes {
    /// For draw `place.0` of row `place.1` of a stream: number l of word w of the state is made of words
    /// 2 (8 w + l), low, and the one after it.
    #[inline(always)]
    pub fn new<S: Simd>(simd: S, stream: Stream, place: (u64, u32)) -> Self {
        let words = stream.group(simd, place.0, place.1, 0);
        let mut state = [[0; LANES]; 4];
        let numbers = state.iter_mut().flatten();
        for (number, pair) in numbers.zip(words.as_chunks::<2>().0) {
            *number = u64::from(pair[0]) | u64::from(pair[1]) << 32;
        }
        Self { state }
    }

    /// The next 64 bytes: eight of each lane, low first.
    #[inline(always)]
    pub fn next(&mut self) -> [u64; LANES] {
        let [s0, s1, s2, s3] = &mut self.state;
        let mut out = [0; LANES];
        for lane in 0..LANES {
            let (a, b, c, d) = (s0[lane], s1[lane], s2[lane], s3[lane]);
            out[lane] = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
            let (c, d) = (c ^ a, d ^ b);
            s0[lane] = a ^ d;
            s1[lane] = b ^ c;
            s2[lane] = c ^ b << 17;
            s3[lane] = d.rotate_left(45);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_is_the_published_generator() {
        let mut state = [[0; LANES]; 4];
        for (word, lanes) in (1..).zip(&mut state) {
            lanes.fill(word);
        }
        // From the state 1, 2, 3, 4.
        let mut bytes = Bytes { state };
        for expected in [
            41_943_041,
            58_720_359,
            3_588_806_011_781_223,
            3_591_011_842_654_386,
            9_228_616_714_210_784_205,
            9_973_669_472_204_895_162,
        ] {
            assert_eq!(bytes.next(), [expected; LANES]);
        }
    }
}
