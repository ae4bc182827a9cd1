//! Exact subsamples without replacement of a spectrum.

mod curve;

use rand_distr::{Binomial, Distribution, Uniform};
use resrel_kernels::StreamRng;

use crate::{Error, Spectrum};
pub use curve::{Change, CurveSize, SubsamplingCurve};

/// The thinning aims this many of its standard deviations above the size, so that some 0.1 % of the
/// thinnings fall short and are drawn again.
const MARGIN: f64 = 3.0;
/// Room above that for small numbers, whose binomial law is skew.
const ROOM: f64 = 4.0;
/// Probabilities below this part of the largest are no longer in reach of a draw.
const NEGLIGIBLE: f64 = 1e-25;

/// Draws subsamples of M′ of a spectrum's M observations, every set of M′ observations alike
/// (multivariate hypergeometric), as spectra.
///
/// Works on the (k, m_k) table in three steps, each exact. First each observation is kept with
/// probability p, a little above M′/M: of m_k states of frequency k those that keep j are
/// multinomial with the probabilities of Binomial(k, p). Given how many were kept, N, every set of N
/// is alike, so the draw is thrown away where N < M′, and N − M′ of the kept ones are taken out, again
/// every set alike. A draw takes time and memory of order Σ_k min(m_k, √k) + √M, at most M^(2/3): some
/// ten microseconds for M = 60,000, and for M = 10⁹ less than a second.
#[derive(Debug)]
pub struct Subsampler<'a> {
    spectrum: &'a Spectrum,
    size: u64,
    groups: Vec<Group>,
}

/// How the states of one frequency keep observations.
#[derive(Debug)]
enum Group {
    /// Few states: each draws on its own.
    Each(Binomial),
    /// Many states: P(J = j | J ≥ j) for j = first, first + 1, …, the last of them 1.
    Together { first: u64, hazards: Vec<f64> },
}

impl<'a> Subsampler<'a> {
    /// Subsamples of `size` = M′ observations of `spectrum`.
    ///
    /// # Errors
    /// [`Error::SubsampleSize`] where M′ is 0 or above M.
    pub fn new(spectrum: &'a Spectrum, size: u64) -> Result<Self, Error> {
        let of = spectrum.observations();
        if !(1..=of).contains(&size) {
            return Err(Error::SubsampleSize { size, of });
        }
        let (m, aim) = (of as f64, size as f64);
        let deviation = (aim * (1.0 - aim / m)).sqrt();
        let keep = ((aim + MARGIN * deviation + ROOM) / m).min(1.0);
        let group = |&(k, m_k): &(u64, u64)| Group::new(k, m_k, keep);
        Ok(Self {
            spectrum,
            size,
            groups: spectrum.pairs().iter().map(group).collect(),
        })
    }

    /// One subsample.
    #[must_use]
    pub fn draw(&self, rng: &mut StreamRng) -> Spectrum {
        loop {
            let kept = self.thinned(rng);
            let number: u64 = kept.iter().map(|&(j, m_j)| j * m_j).sum();
            if let Some(excess) = number.checked_sub(self.size) {
                let pairs = without(kept, number, excess, rng);
                // At least one observation is left, and no more than there were.
                return Spectrum::from_ascending(pairs).unwrap_or_else(|_| self.spectrum.clone());
            }
        }
    }

    /// What is left if each observation is kept with the same probability: pairs (j, m_j), j
    /// ascending and above 0.
    fn thinned(&self, rng: &mut StreamRng) -> Vec<(u64, u64)> {
        let mut kept = Vec::new();
        for (group, &(_, m_k)) in self.groups.iter().zip(self.spectrum.pairs()) {
            match group {
                Group::Each(binomial) => {
                    kept.extend((0..m_k).map(|_| (binomial.sample(rng), 1)));
                }
                Group::Together { first, hazards } => {
                    let mut rest = m_k;
                    for (j, &hazard) in (*first..).zip(hazards) {
                        if rest == 0 {
                            break;
                        }
                        let drawn = tries(rest, hazard, rng);
                        kept.push((j, drawn));
                        rest -= drawn;
                    }
                }
            }
        }
        merged(kept)
    }
}

impl Group {
    fn new(k: u64, m_k: u64, keep: f64) -> Self {
        if m_k <= k
            && let Ok(binomial) = Binomial::new(k, keep)
        {
            return Self::Each(binomial);
        }
        let (first, weights) = around_the_mode(
            ((k as f64 + 1.0) * keep).min(k as f64) as u64,
            |j| (k - j) as f64 / (j + 1) as f64 * (keep / (1.0 - keep)),
            0..=k,
        );
        // From the far end, where every sum is of positive terms alone.
        let mut rest = 0.0;
        let mut hazards: Vec<f64> = weights
            .iter()
            .rev()
            .map(|weight| {
                rest += weight;
                weight / rest
            })
            .collect();
        hazards.reverse();
        Self::Together { first, hazards }
    }
}

/// The weights of a unimodal law on the integers of `range`, in units of that at `mode`, from
/// w(j + 1)/w(j) = `ratio`(j): the first integer of those that are not negligible, and their weights.
pub(crate) fn around_the_mode(
    mode: u64,
    ratio: impl Fn(u64) -> f64,
    range: std::ops::RangeInclusive<u64>,
) -> (u64, Vec<f64>) {
    let mut weights = vec![1.0];
    let (mut first, mut weight) = (mode, 1.0);
    while first > *range.start() {
        weight /= ratio(first - 1);
        if weight < NEGLIGIBLE {
            break;
        }
        weights.push(weight);
        first -= 1;
    }
    weights.reverse();
    let (mut last, mut weight) = (mode, 1.0);
    while last < *range.end() {
        weight *= ratio(last);
        if weight < NEGLIGIBLE {
            break;
        }
        weights.push(weight);
        last += 1;
    }
    (first, weights)
}

/// How many of `n` tries of probability `p` succeed.
fn tries(n: u64, p: f64, rng: &mut StreamRng) -> u64 {
    // Refused only for p outside 0 … 1.
    Binomial::new(n, p).map_or(n, |binomial| binomial.sample(rng))
}

/// Pairs without `excess` of their `number` observations, every set of them alike.
fn without(
    pairs: Vec<(u64, u64)>,
    number: u64,
    excess: u64,
    rng: &mut StreamRng,
) -> Vec<(u64, u64)> {
    let places = distinct(number, excess, rng);
    let mut places = places.into_iter().peekable();
    let mut left = Vec::with_capacity(pairs.len());
    // The observations lie in a row, state by state, j to each.
    let mut start = 0;
    for (j, m_j) in pairs {
        let end = start + j * m_j;
        let mut whole = m_j;
        while let Some(place) = places.next_if(|&place| place < end) {
            let state = (place - start) / j;
            let mut fewer = j - 1;
            while places
                .next_if(|&next| next < end && (next - start) / j == state)
                .is_some()
            {
                fewer -= 1;
            }
            left.push((fewer, 1));
            whole -= 1;
        }
        left.push((j, whole));
        start = end;
    }
    merged(left)
}

/// `count` of the integers below `bound`, every set alike, ascending.
fn distinct(bound: u64, count: u64, rng: &mut StreamRng) -> Vec<u64> {
    let mut places: Vec<u64> = Vec::with_capacity(count as usize);
    // Refused only for a bound of 0, of which nothing is drawn.
    let Ok(uniform) = Uniform::new(0, bound) else {
        return places;
    };
    while (places.len() as u64) < count {
        let missing = count - places.len() as u64;
        places.extend((0..missing).map(|_| uniform.sample(rng)));
        places.sort_unstable();
        places.dedup();
    }
    places
}

/// The pairs with k ascending, those of the same k added, those of k = 0 or m_k = 0 left out.
fn merged(mut pairs: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    pairs.retain(|&(k, m_k)| k > 0 && m_k > 0);
    pairs.sort_unstable_by_key(|&(k, _)| k);
    pairs.dedup_by(|next, first| {
        let alike = next.0 == first.0;
        if alike {
            first.1 += next.1;
        }
        alike
    });
    pairs
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use resrel_kernels::{Purpose, Stream};

    use super::*;

    fn stream(index: u64) -> Stream {
        Stream::new(3, Purpose::Subsampling, index)
    }

    /// The spectra of all subsamples of `size`, with how often each occurs.
    fn all(counts: &[u64], size: u32) -> BTreeMap<Vec<(u64, u64)>, f64> {
        let owners: Vec<usize> = counts
            .iter()
            .enumerate()
            .flat_map(|(state, &k)| std::iter::repeat_n(state, k as usize))
            .collect();
        let mut found = BTreeMap::new();
        for set in 0_u32..1 << owners.len() {
            if set.count_ones() == size {
                let mut kept = vec![0; counts.len()];
                for (bit, &owner) in owners.iter().enumerate() {
                    kept[owner] += u64::from(set >> bit & 1);
                }
                let spectrum = Spectrum::from_counts(kept.into_iter().filter(|&k| k > 0)).unwrap();
                *found.entry(spectrum.pairs().to_vec()).or_insert(0.0) += 1.0;
            }
        }
        found
    }

    #[test]
    fn every_set_of_observations_is_as_likely() {
        // Both ways to thin, and sizes whose margin does and does not reach M.
        for (index, (counts, size)) in [
            (&[3, 2, 1, 1, 4, 1][..], 5),
            (&[1, 1, 1, 1, 1, 2, 2, 2, 2, 2][..], 6),
            (&[2, 2, 2, 3, 3, 3, 3][..], 14),
            (&[7, 8][..], 1),
        ]
        .into_iter()
        .enumerate()
        {
            let spectrum = Spectrum::from_counts(counts.iter().copied()).unwrap();
            let expected = all(counts, size);
            let sets: f64 = expected.values().sum();
            let sampler = Subsampler::new(&spectrum, size.into()).unwrap();
            let mut rng = stream(index as u64).rng(0);
            let draws = 40_000.0;
            let mut drawn = BTreeMap::new();
            for _ in 0..draws as usize {
                let pairs = sampler.draw(&mut rng).pairs().to_vec();
                *drawn.entry(pairs).or_insert(0.0) += 1.0;
            }
            for (pairs, number) in &expected {
                let p = number / sets;
                let seen = drawn.remove(pairs).unwrap_or(0.0);
                // Five standard deviations, and one count where hardly any is expected.
                let sigma = (draws * p * (1.0 - p)).sqrt();
                assert!(
                    (seen - draws * p).abs() <= 5.0 * sigma + 1.0,
                    "{counts:?}, {pairs:?}: {seen} seen, {} expected",
                    draws * p
                );
            }
            assert!(drawn.is_empty(), "{drawn:?}");
        }
    }

    #[test]
    fn a_billion_observations_keep_the_mean_and_the_variance_of_a_state() {
        // One state of 10⁸ among 10⁷ of 90: what it keeps is hypergeometric.
        let spectrum = Spectrum::from_pairs([(90, 10_000_000), (100_000_000, 1)]).unwrap();
        let (m, k, size) = (1e9, 1e8, 400_000_000_u64);
        let sampler = Subsampler::new(&spectrum, size).unwrap();
        let draws = 200;
        let kept: Vec<f64> = (0..draws)
            .map(|index| {
                let drawn = sampler.draw(&mut stream(9).rng(index));
                assert_eq!(drawn.observations(), size);
                drawn.max_frequency() as f64
            })
            .collect();
        let n = draws as f64;
        let share = size as f64 / m;
        let variance = size as f64 * (k / m) * (1.0 - k / m) * (1.0 - share);
        let mean = kept.iter().sum::<f64>() / n;
        let seen = kept.iter().map(|x| (x - k * share).powi(2)).sum::<f64>() / n;
        assert!((mean - k * share).abs() < 5.0 * (variance / n).sqrt());
        assert!((seen / variance - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
    }

    #[test]
    fn the_whole_and_nothing() {
        let spectrum = Spectrum::from_counts([5, 1, 1]).unwrap();
        let whole = Subsampler::new(&spectrum, 7).unwrap();
        assert_eq!(whole.draw(&mut stream(0).rng(0)), spectrum);
        for size in [0, 8] {
            let refused = Subsampler::new(&spectrum, size).map(|_| ());
            assert_eq!(refused, Err(Error::SubsampleSize { size, of: 7 }));
        }
    }
}
