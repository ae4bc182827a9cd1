//! Exact draws from a discrete power law and from the frequencies below it, as (k, m_k) tables.

use rand_distr::{Binomial, Distribution};
use resrel_kernels::StreamRng;

use crate::zeta::scaled_zeta;

/// Values that are expected at least this often are drawn by how often they occur, rarer ones each
/// on its own.
const COMMON: f64 = 0.5;
/// Largest value: heavier tails than 64 bits hold end here.
const LARGEST: f64 = (1_u64 << 62) as f64;

/// Clauset's semi-parametric source: with the sample's own share a frequency from the fitted law,
/// else one of the sample's frequencies below k_min.
#[derive(Debug)]
pub(super) struct Sampler {
    /// Pairs (k, m_k) of the sample below k_min.
    body: Vec<(u64, u64)>,
    body_states: u64,
    tail_states: u64,
    gamma: f64,
    k_min: u64,
    /// P(K = k | K ≥ k) for the common k = k_min, k_min + 1, ….
    hazards: Vec<f64>,
}

impl Sampler {
    /// The source fitted to pairs (k, m_k), k ascending.
    pub(super) fn new(pairs: &[(u64, u64)], gamma: f64, k_min: u64) -> Self {
        let (body, tail) = pairs.split_at(pairs.partition_point(|&(k, _)| k < k_min));
        let states = |pairs: &[(u64, u64)]| pairs.iter().map(|&(_, m_k)| m_k).sum::<u64>();
        let tail_states = states(tail);
        let mut hazards = Vec::new();
        let mut expected = tail_states as f64;
        let mut k = k_min as f64;
        loop {
            // k^(−γ)/ζ(γ, k).
            let hazard = scaled_zeta(gamma, k).recip();
            if expected * hazard < COMMON {
                break;
            }
            hazards.push(hazard.min(1.0));
            expected *= 1.0 - hazard.min(1.0);
            k += 1.0;
        }
        Self {
            body: body.to_vec(),
            body_states: states(body),
            tail_states,
            gamma,
            k_min,
            hazards,
        }
    }

    /// A sample of as many states, as pairs (k, m_k), k ascending, m_k above 0.
    pub(super) fn draw(&self, rng: &mut StreamRng) -> Vec<(u64, u64)> {
        let states = self.body_states + self.tail_states;
        let share = self.tail_states as f64 / states as f64;
        let mut tail = binomial(states, share, rng);
        let mut body = states - tail;
        let mut pairs = Vec::with_capacity(self.body.len() + self.hazards.len());
        let mut rest = self.body_states;
        for &(k, m_k) in &self.body {
            let drawn = binomial(body, m_k as f64 / rest as f64, rng);
            pairs.push((k, drawn));
            body -= drawn;
            rest -= m_k;
        }
        for (k, &hazard) in (self.k_min..).zip(&self.hazards) {
            let drawn = binomial(tail, hazard, rng);
            pairs.push((k, drawn));
            tail -= drawn;
        }
        pairs.retain(|&(_, drawn)| drawn > 0);
        let first = self.k_min + self.hazards.len() as u64;
        let mut rare: Vec<u64> = (0..tail)
            .map(|_| inverse(self.gamma, first, 1.0 - rng.uniform()))
            .collect();
        rare.sort_unstable();
        let alike = rare.chunk_by(|a, b| a == b);
        pairs.extend(alike.map(|alike| (alike[0], alike.len() as u64)));
        pairs
    }
}

/// How often an event of probability `p` occurs in `n` tries.
fn binomial(n: u64, p: f64, rng: &mut StreamRng) -> u64 {
    if p >= 1.0 {
        return n;
    }
    // Refused only for p outside 0 … 1.
    Binomial::new(n, p).map_or(0, |binomial| binomial.sample(rng))
}

/// The largest k with P(K ≥ k | K ≥ `first`) ≥ `u`, 0 < u ≤ 1: for uniform u a draw of the law from
/// `first` on. Bracketed by doubling steps from the continuous law's answer, then halved (Clauset,
/// Shalizi, Newman 2009, appendix D).
fn inverse(gamma: f64, first: u64, u: f64) -> u64 {
    let start = first as f64;
    let norm = scaled_zeta(gamma, start);
    let reached = |k: f64| {
        let relative = -gamma * ((k - start) / start).ln_1p();
        relative.exp() * scaled_zeta(gamma, k) / norm >= u
    };
    let guess = ((start - 0.5) * u.powf(-1.0 / (gamma - 1.0)) + 0.5).floor();
    let guess = guess.clamp(start, LARGEST);
    let mut step = 1.0;
    let (mut low, mut high);
    if reached(guess) {
        low = guess;
        high = guess + step;
        while reached(high) {
            if high >= LARGEST {
                return LARGEST as u64;
            }
            low = high;
            step *= 2.0;
            high += step;
        }
    } else {
        high = guess;
        low = (guess - step).max(start);
        while !reached(low) && low > start {
            high = low;
            step *= 2.0;
            low = (low - step).max(start);
        }
    }
    while high - low > 1.0 {
        let middle = f64::midpoint(low, high).floor();
        if middle <= low || middle >= high {
            break;
        }
        if reached(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low as u64
}

#[cfg(test)]
mod tests {
    use resrel_kernels::{Purpose, Stream};

    use super::*;
    use crate::hurwitz_zeta;

    #[test]
    fn the_inverse_is_exact() {
        for (gamma, first) in [(1.6, 1_u64), (2.0, 7), (2.5, 100), (4.0, 3), (40.0, 1_000)] {
            let all = hurwitz_zeta(gamma, first as f64);
            let at_least = |k: u64| hurwitz_zeta(gamma, k as f64) / all;
            for step in 1..=200 {
                let u = f64::from(step) / 200.5;
                let k = inverse(gamma, first, u);
                assert!(
                    k >= first && at_least(k) >= u * (1.0 - 1e-12),
                    "{gamma} {k}"
                );
                assert!(at_least(k + 1) < u * (1.0 + 1e-12), "{gamma} {k}");
            }
        }
        assert_eq!(inverse(1.01, 1, 1e-300), 1 << 62);
    }

    #[test]
    fn samples_follow_the_source() {
        // Of 1,000 states 600 lie below k_min = 4: 450 at 1, 150 at 2.
        let (gamma, k_min) = (2.2, 4_u64);
        let source = [(1, 450), (2, 150), (4, 300), (9, 100)];
        let sampler = Sampler::new(&source, gamma, k_min);
        let mut rng = Stream::new(3, Purpose::Bootstrap, 0).rng(0);
        let mut seen = [0.0; 60];
        let samples = 2_000;
        for _ in 0..samples {
            let sample = sampler.draw(&mut rng);
            assert!(sample.is_sorted_by(|a, b| a.0 < b.0));
            assert_eq!(sample.iter().map(|&(_, m_k)| m_k).sum::<u64>(), 1_000);
            for (k, m_k) in sample {
                seen[(k as usize).min(59)] += m_k as f64;
            }
        }
        let total = 1_000.0 * f64::from(samples);
        let zeta = hurwitz_zeta(gamma, k_min as f64);
        let mut chi_squared = 0.0;
        for (k, &seen) in seen.iter().enumerate() {
            let probability = match k {
                1 => 0.45,
                2 => 0.15,
                0 | 3 => 0.0,
                59 => 0.4 * hurwitz_zeta(gamma, 59.0) / zeta,
                _ => 0.4 * (k as f64).powf(-gamma) / zeta,
            };
            let expected = total * probability;
            if expected == 0.0 {
                assert!(seen == 0.0);
            } else {
                chi_squared += (seen - expected).powi(2) / expected;
            }
        }
        // 57 degrees of freedom: mean 57, standard deviation 10.7; five of them.
        assert!(chi_squared < 111.0, "{chi_squared}");
    }
}
