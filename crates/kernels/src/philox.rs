//! Counter-based random numbers: Philox4x32-10.
//!
//! A number is a pure function of (key, counter), so any thread can draw the number that belongs to
//! row 17, column 3 of step 4,711 without asking another. That is what makes results independent of
//! the number of threads.
//!
//! Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as
//! 1, 2, 3", SC'11.

use std::convert::Infallible;

use rand_core::TryRng;

/// Multipliers of the two halves of a round (Salmon et al., table 2).
pub(crate) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Weyl increments of the key: the golden ratio and √3 − 1 as 32-bit fractions.
pub(crate) const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
/// Rounds after which the generator passes BigCrush with a margin.
pub(crate) const ROUNDS: usize = 10;

/// Counters that one vector step advances together; a group of columns is four words of each.
pub(crate) const LANES: usize = 16;
/// Numbers that one vector step yields.
pub(crate) const GROUP: usize = 4 * LANES;

/// Units that a group of numbers decides, two by each.
pub(crate) const PAIRED: usize = 2 * GROUP;
/// Marks the draw of the bits that decide what the first sixteen leave open.
const MORE: u64 = 1 << 62;

/// What a stream of random numbers is for. Each purpose has streams of its own, so that adding a
/// draw in one place changes no number in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Purpose {
    /// Initial weights of a machine.
    Weights = 1,
    /// Order in which observations enter mini-batches.
    Order = 2,
    /// Start of the persistent chains.
    Chains = 3,
    /// Gibbs steps while training.
    Training = 4,
    /// Hidden states that a layer hands to the next.
    Propagation = 5,
    /// Gibbs steps of generated samples.
    Sampling = 6,
    /// Annealing runs of likelihood estimates.
    Annealing = 7,
    /// Embedded data sets.
    Digits = 8,
    /// Pixel permutations of the structureless control.
    Shuffle = 9,
    /// Start of k-means.
    Centroids = 10,
    /// Seeds of the realizations of an experiment.
    Realization = 11,
    /// Subsets drawn for monitoring.
    Monitoring = 12,
    /// Synthetic samples of a fitted law.
    Bootstrap = 13,
    /// Subsamples drawn for error bars and convergence.
    Subsampling = 14,
    /// Weights, order and shifts while a classifier learns.
    Classifier = 15,
    /// Which weights a sparsely connected machine has.
    Connections = 16,
    /// Weights, order and noise of networks that are built on burn.
    Networks = 17,
}

/// Philox4x32-10: four random words from a 64-bit key and a 128-bit counter.
///
/// ```
/// use resrel_kernels::philox;
/// assert_eq!(philox([0, 0], [0, 0, 0, 0]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
/// ```
#[must_use]
#[inline]
pub fn philox(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    let [mut x0, mut x1, mut x2, mut x3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        let p0 = u64::from(x0) * u64::from(MULTIPLIERS[0]);
        let p1 = u64::from(x2) * u64::from(MULTIPLIERS[1]);
        x0 = (p1 >> 32) as u32 ^ x1 ^ k0;
        x1 = p1 as u32;
        x2 = (p0 >> 32) as u32 ^ x3 ^ k1;
        x3 = p0 as u32;
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [x0, x1, x2, x3]
}

/// [`philox`] of sixteen consecutive counters at once: word `w` of counter `first + lane` lands at
/// `out[16 w + lane]`. To be inlined into code for vectors.
#[inline(always)]
pub(crate) fn philox_group(key: [u32; 2], first: u32, high: [u32; 3]) -> [u32; GROUP] {
    // Words in the lower halves of 64 bits, where a product finds its factors and leaves them: what is in the upper
    // halves means nothing, and no vector has to be put together from two.
    let multipliers = MULTIPLIERS.map(u64::from);
    let mut x0: [u64; LANES] = std::array::from_fn(|lane| first.wrapping_add(lane as u32).into());
    let [mut x1, mut x2, mut x3] = high.map(|word| [u64::from(word); LANES]);
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        for lane in 0..LANES {
            let p0 = (x0[lane] & 0xffff_ffff) * multipliers[0];
            let p1 = (x2[lane] & 0xffff_ffff) * multipliers[1];
            x0[lane] = (p1 >> 32) ^ x1[lane] ^ u64::from(k0);
            x2[lane] = (p0 >> 32) ^ x3[lane] ^ u64::from(k1);
            x1[lane] = p1;
            x3[lane] = p0;
        }
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    let mut out = [0; GROUP];
    for (x, out) in [x0, x1, x2, x3].iter().zip(out.as_chunks_mut::<LANES>().0) {
        for (x, out) in x.iter().zip(out) {
            *out = *x as u32;
        }
    }
    out
}

/// The low half of a word, or (1) the high one.
#[inline(always)]
pub(crate) fn half(word: u32, which: usize) -> u32 {
    word >> (16 * which) & 0xFFFF
}

/// How far a probability exceeds a fraction of 16 bits, in units of 2⁻¹⁶: 1 or more and the unit is 1, 0 or less and it
/// is 0. What lies between, which is exact in single precision, is the probability that it is 1.
#[inline(always)]
pub(crate) fn excess(probability: f32, bits: u32) -> f32 {
    probability * 65_536.0 - bits as f32
}

/// Layers of at most so many units share the numbers of a row.
pub(crate) const NARROW: usize = GROUP;
/// How many of their rows do.
const END_TO_END: u32 = 1 << 24;

/// Where the random numbers of a row of `units` are: the stream's row, and the column of the first.
#[inline]
pub(crate) fn place(units: usize, row: u32) -> (u32, u32) {
    if units > NARROW {
        return (row, 0);
    }
    (row / END_TO_END, row % END_TO_END * units as u32)
}

/// A stream of random numbers: one key, addressed by (draw, row, column).
///
/// Every stream of a run is derived from its one seed by [`Stream::new`], and sub-streams by
/// [`Stream::substream`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
}

impl Stream {
    /// The stream for a purpose and an index (a layer, a realization, a data row) of a run's seed.
    #[must_use]
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        Self { key: words(seed) }.derive(purpose as u32, index)
    }

    /// An independent stream of the same purpose, numbered `index`.
    #[must_use]
    pub fn substream(self, index: u64) -> Self {
        self.derive(0, index)
    }

    #[cfg(any(feature = "cuda", all(target_arch = "x86_64", target_os = "linux")))]
    pub(crate) fn key(self) -> [u32; 2] {
        self.key
    }

    fn derive(self, tag: u32, index: u64) -> Self {
        let [low, high] = words(index);
        // The last counter word keeps derivation apart from every draw, whose `draw` stays below 2^63.
        let [a, b, ..] = philox(self.key, [low, high, tag, u32::MAX]);
        Self { key: [a, b] }
    }

    /// 32 random bits for `column` of `row` in draw number `draw` (below 2^63).
    #[must_use]
    pub fn bits(self, draw: u64, row: u32, column: u32) -> u32 {
        let (group, within) = (column / GROUP as u32, column % GROUP as u32);
        let counter = group * LANES as u32 + within % LANES as u32;
        let [low, high] = words(draw);
        philox(self.key, [counter, row, low, high])[within as usize / LANES]
    }

    /// Whether unit `unit` of `row` of a layer of `units`, which is 1 with the given probability, is 1 in draw number
    /// `draw` (below 2^62).
    ///
    /// Sixteen random bits decide, two units to a word: units 128 g + j and 128 g + 64 + j have the halves of word
    /// 64 g + j. Up to 64 units are few for that: 2²⁴ rows of so few units lie end to end, as if they were one. Where the
    /// bits leave it open, once in 65,536 times, 24 more decide: the probability is exact to 2⁻⁴⁰.
    #[must_use]
    pub fn is_one(self, draw: u64, units: usize, row: u32, unit: u32, probability: f32) -> bool {
        let (row, first) = place(units, row);
        self.is_one_at(draw, row, first + unit, probability)
    }

    /// [`Stream::is_one`] by row and column of the stream.
    pub(crate) fn is_one_at(self, draw: u64, row: u32, column: u32, probability: f32) -> bool {
        let (pair, within) = (column / PAIRED as u32, column % PAIRED as u32);
        let word = self.bits(draw, row, pair * GROUP as u32 + within % GROUP as u32);
        let excess = excess(probability, half(word, within as usize / GROUP));
        let more = || (self.bits(draw | MORE, row, column) >> 8) as f32 * 2.0_f32.powi(-24);
        excess >= 1.0 || excess > 0.0 && more() < excess
    }

    /// The 64 random words of columns `64 group …` of `row`: what [`Stream::bits`] gives one by one.
    #[inline(always)]
    pub(crate) fn group(self, draw: u64, row: u32, group: u32) -> [u32; GROUP] {
        let [low, high] = words(draw);
        philox_group(self.key, group * LANES as u32, [row, low, high])
    }

    /// A sequential generator over this stream's draw number `draw`, for shuffles and whatever takes
    /// a [`rand_core::Rng`].
    #[must_use]
    pub fn rng(self, draw: u64) -> StreamRng {
        // Derived, so that sequential numbers never repeat those addressed by row and column.
        StreamRng {
            stream: self.derive(u32::MAX, draw),
            block: 0,
            words: [0; 4],
            used: 4,
        }
    }
}

/// Sequential view of a [`Stream`], a `rand` generator.
#[derive(Debug, Clone)]
pub struct StreamRng {
    stream: Stream,
    block: u64,
    words: [u32; 4],
    used: usize,
}

impl StreamRng {
    fn word(&mut self) -> u32 {
        if self.used == 4 {
            let [low, high] = words(self.block);
            self.words = philox(self.stream.key, [low, high, 0, 0]);
            self.block += 1;
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// A number uniform in 0 … 1 (exclusive), on the grid of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        let bits = u64::from(self.word()) | u64::from(self.word()) << 32;
        (bits >> 11) as f64 * 2.0_f64.powi(-53)
    }

    /// A number uniform in 0 … `bound` − 1, without bias (Lemire's method).
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "a draw below zero");
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.word()) * u64::from(bound);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// A standard normal number (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Puts `items` in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}

impl TryRng for StreamRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(self.word()) | u64::from(self.word()) << 32)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            let word = self.word().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

/// The low and the high word of a 64-bit number.
pub(crate) fn words(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

#[cfg(test)]
mod tests {
    use pulp::Arch;

    use super::*;
    use crate::vectorized;

    /// Known answers of Random123's `kat_vectors` for philox4x32 with ten rounds.
    #[test]
    fn agrees_with_the_random123_vectors() {
        assert_eq!(
            philox([0; 2], [0; 4]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 2], [u32::MAX; 4]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0xa409_3822, 0x299f_31d0],
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn a_group_is_its_columns_one_by_one() {
        let stream = Stream::new(7, Purpose::Training, 3);
        for group in [0, 1, 77] {
            let together = vectorized(
                Arch::new(),
                #[inline(always)]
                || stream.group(1 << 40, 12, group),
            );
            assert_eq!(together, stream.group(1 << 40, 12, group));
            for (within, word) in together.iter().enumerate() {
                let column = group * GROUP as u32 + within as u32;
                assert_eq!(*word, stream.bits(1 << 40, 12, column));
            }
        }
    }

    #[test]
    fn units_are_one_as_often_as_their_probability_says() {
        let stream = Stream::new(11, Purpose::Training, 0);
        // The small ones are left open by sixteen bits in all but one of the cases that matter.
        for probability in [
            2.0_f32.powi(-18),
            2.0_f32.powi(-16) * 1.5,
            0.01,
            0.4,
            1.0 - 2.0_f32.powi(-17),
        ] {
            let (rows, columns) = (512_u32, 8_192_u32);
            let row = |row| {
                (0..columns)
                    .filter(move |column| {
                        stream.is_one(3, columns as usize, row, *column, probability)
                    })
                    .count()
            };
            let ones = (0..rows).map(row).sum::<usize>() as f64;
            let (n, p) = (f64::from(rows * columns), f64::from(probability));
            let difference = (ones - n * p) / (n * p * (1.0 - p)).sqrt();
            assert!(difference.abs() < 4.0, "{ones} of {n} for {p}");
        }
        let one = |column, probability| stream.is_one(3, 100_000, 0, column, probability);
        let always = |column| one(column, 1.0) && !one(column, 0.0);
        assert!((0..100_000).all(always));
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let base = Stream::new(1, Purpose::Weights, 0);
        assert_ne!(base, Stream::new(2, Purpose::Weights, 0));
        assert_ne!(base, Stream::new(1, Purpose::Order, 0));
        assert_ne!(base, Stream::new(1, Purpose::Weights, 1));
        assert_ne!(base, base.substream(0));
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_uniform() {
        let mut rng = Stream::new(5, Purpose::Order, 0).rng(0);
        let mut counts = [[0_u32; 4]; 4];
        for _ in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            rng.shuffle(&mut items);
            for (place, item) in items.iter().enumerate() {
                counts[place][*item] += 1;
            }
        }
        // 6,000 expected in each cell, standard deviation 67; five of them.
        for count in counts.as_flattened() {
            assert!(count.abs_diff(6_000) < 335, "{counts:?}");
        }
    }

    #[test]
    fn normal_numbers_have_the_moments_of_the_normal_distribution() {
        let mut rng = Stream::new(5, Purpose::Weights, 0).rng(0);
        let draws: Vec<f64> = (0..100_000).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        // Standard errors .0032 and .0045; five of them.
        assert!(
            mean.abs() < 0.016 && (variance - 1.0).abs() < 0.0225,
            "{mean} {variance}"
        );
    }
}
