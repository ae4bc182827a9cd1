use rand_distr::{Distribution, Poisson};
use resrel_kernels::{Purpose, Stream};

use super::*;

fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b}");
}

/// Six digits, some of them cut rather than rounded. The area of the reference, to three digits, stops
/// the curve at some μ and goes on straight. Taken to where all observations are distinct, as here, it
/// is a little larger: a curve lies above its chords.
#[test]
fn published_values() {
    for (m, [zipf_s, zipf_k, top_s, top_k], published, area) in [
        (
            100,
            [0.825_219, 0.349_877, 0.607_588, 0.453_950],
            0.294_418,
            0.294_500,
        ),
        (
            60_000,
            [0.799_391, 0.347_902, 0.557_444, 0.483_869],
            0.299_06,
            0.299_065,
        ),
    ] {
        let optimum = PoissonOptimum::new(m).unwrap();
        let zipf = optimum.point(1.0).unwrap();
        near(zipf.resolution, zipf_s, 1e-6);
        near(zipf.relevance, zipf_k, 1e-6);
        let top = optimum.point(0.0).unwrap();
        near(top.resolution, top_s, 1e-6);
        near(top.relevance, top_k, 1e-6);
        near(optimum.area(), published, 1e-4);
        near(optimum.area(), area, 2e-6);
        near(optimum.at(top_s).unwrap(), top_k, 2e-6);
        near(optimum.at(zipf_s).unwrap(), zipf_k, 2e-6);
    }
}

/// Where the reference goes straight: for M = 100 its area is that up to μ = 3.3.
#[test]
fn the_published_area_stops_before_the_end() {
    let mut optimum = PoissonOptimum::new(100).unwrap();
    let whole = optimum.area();
    optimum.points.retain(|point| point.mu <= 1.0);
    let mut sums = Sums::new(100);
    optimum
        .points
        .extend((101..=330).map(|step| sums.point(f64::from(step) / 100.0)));
    near(optimum.area(), 0.294_418, 6e-7);
    assert!(optimum.area() < whole);
}

/// An integer k, or several neighbours as so many times their mean.
#[derive(Clone, Copy)]
struct Block {
    k: f64,
    log: f64,
    number: f64,
}

/// The integers 1 … m, each on its own as far as 2 `fine`, from there on in blocks of up to k/`fine`.
fn blocks(m: u64, fine: u64) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut first = 1;
    while first <= m {
        let last = (first + (first / fine).max(1)).min(m + 1) - 1;
        let k = f64::midpoint(first as f64, last as f64);
        blocks.push(Block {
            k,
            log: k.ln(),
            number: (last - first + 1) as f64,
        });
        first = last + 1;
    }
    blocks
}

/// The blocks whose rate is above 0, with their rates: c by the secant of ln Σ k λ_k.
fn rates(blocks: &[Block], m: u64, mu: f64) -> Vec<(Block, f64)> {
    let at = |c: f64| -> Vec<(Block, f64)> {
        let slope = |block: &Block| c - (1.0 + mu) * block.log;
        let some = blocks.iter().take_while(|&block| slope(block) > 0.0);
        some.map(|block| (*block, Expectation::with_slope(slope(block)).0))
            .collect()
    };
    let excess = |rates: &[(Block, f64)]| {
        let total = sum(rates
            .iter()
            .map(|(block, rate)| block.number * block.k * rate));
        (total / m as f64).ln()
    };
    let (mut before, mut c) = (1.0, 2.0);
    let mut before_excess = excess(&at(before));
    for _ in 0..100 {
        let found = at(c);
        let here = excess(&found);
        if here.abs() < 1e-13 {
            return found;
        }
        let next = c - here * (c - before) / (here - before_excess);
        (before, before_excess, c) = (c, here, next.max(0.1 * c));
        if c.to_bits() == before.to_bits() {
            return found;
        }
    }
    panic!("no c for M = {m}, μ = {mu}")
}

/// E\[H\[s\]\] and E\[H\[k\]\] by their definitions, fractions of ln M.
fn entropies(rates: &[(Block, f64)], m: u64) -> (f64, f64) {
    let m = m as f64;
    let information = |block: &Block| block.number * block.k / m * (m.ln() - block.log);
    let h_s = sum(rates.iter().map(|(block, rate)| rate * information(block)));
    let degeneracy = sum(rates
        .iter()
        .map(|(block, rate)| block.number * block.k / m * Expectation::at(*rate).value));
    (h_s / m.ln(), (h_s - degeneracy) / m.ln())
}

fn agrees(m: u64, mu: f64, fine: u64, tolerance: f64) {
    let point = PoissonOptimum { m, points: vec![] }.point(mu).unwrap();
    let (h_s, h_k) = entropies(&rates(&blocks(m, fine), m, mu), m);
    near(point.resolution, h_s, tolerance);
    near(point.relevance, h_k, tolerance);
}

#[test]
fn quadrature_agrees_with_the_plain_sum() {
    for m in [2, 3, 100, 257, 1000, 20_000] {
        for mu in [-0.999_999, -0.98, -0.5, 0.0, 0.37, 1.0, 2.0, 6.0] {
            agrees(m, mu, m, 1e-9);
        }
    }
    for mu in [-0.9, -0.3, 0.0, 1.0] {
        agrees(1_000_000, mu, 1_000_000, 1e-9);
    }
    for mu in [0.0, 1.0, 2.5] {
        agrees(1_000_000_000, mu, 1_000_000, 1e-9);
    }
}

/// Blocks of k/1000 and k/2000: the second differs from the first by what it may differ from the truth.
#[test]
fn quadrature_agrees_with_blocks_at_any_size() {
    for m in [1_000_000_000, LARGEST_M] {
        for mu in [-0.98, -0.7, -0.3, 0.0, 1.0, 3.0] {
            let coarse = entropies(&rates(&blocks(m, 1_000), m, mu), m);
            let fine = entropies(&rates(&blocks(m, 2_000), m, mu), m);
            near(coarse.0, fine.0, 1e-7);
            near(coarse.1, fine.1, 1e-7);
            agrees(m, mu, 2_000, 1e-7);
        }
    }
}

/// Degeneracies drawn from the ensemble have the curve's expectations.
#[test]
fn expectations_agree_with_draws() {
    let draws = 20_000;
    for (index, (m, mu)) in [(50, -0.6), (200, 0.0), (200, 1.0), (3_000, 0.4)]
        .into_iter()
        .enumerate()
    {
        let rates = rates(&blocks(m, m), m, mu);
        let size = m as f64;
        let mut rng = Stream::new(5, Purpose::Bootstrap, index as u64).rng(0);
        let poisson: Vec<_> = rates
            .iter()
            .map(|(block, rate)| (block.k / size, Poisson::new(*rate).unwrap()))
            .collect();
        // Sums of the two entropies and of their squares.
        let mut sums = [0.0; 4];
        for _ in 0..draws {
            let (mut h_s, mut h_k) = (0.0, 0.0);
            for (share, law) in &poisson {
                let degeneracy: f64 = law.sample(&mut rng);
                if degeneracy > 0.0 {
                    h_s -= degeneracy * share * share.ln();
                    h_k -= degeneracy * share * (degeneracy * share).ln();
                }
            }
            (h_s, h_k) = (h_s / size.ln(), h_k / size.ln());
            for (sum, value) in sums.iter_mut().zip([h_s, h_k, h_s * h_s, h_k * h_k]) {
                *sum += value / f64::from(draws);
            }
        }
        let point = PoissonOptimum { m, points: vec![] }.point(mu).unwrap();
        for (mean, square, expected) in [
            (sums[0], sums[2], point.resolution),
            (sums[1], sums[3], point.relevance),
        ] {
            let stderr = ((square - mean * mean) / f64::from(draws)).sqrt();
            assert!(stderr > 1e-5 && stderr < 2e-3, "{stderr}");
            near(mean, expected, 4.5 * stderr);
        }
    }
}

/// Observations moved from one frequency to another lower E\[H\[k\]\] + μ E\[H\[s\]\].
#[test]
fn the_rates_are_the_best() {
    let m = 300;
    for mu in [-0.7, 0.0, 1.0, 2.2] {
        let blocks = blocks(m, m);
        let mut all: Vec<(Block, f64)> = blocks.iter().map(|block| (*block, 0.0)).collect();
        for (place, found) in rates(&blocks, m, mu).into_iter().enumerate() {
            all[place] = found;
        }
        let objective = |rates: &[(Block, f64)]| {
            let (h_s, h_k) = entropies(rates, m);
            h_k + mu * h_s
        };
        let best = objective(&all);
        let mut tried = 0;
        for from in (0..m as usize).step_by(3) {
            for to in (1..m as usize).step_by(7) {
                let moved = 0.05 * all[from].0.k * all[from].1;
                // Nothing to take away, or too little to tell.
                if from == to || moved < 1e-3 {
                    continue;
                }
                let mut other = all.clone();
                other[from].1 -= moved / all[from].0.k;
                other[to].1 += moved / all[to].0.k;
                assert!(objective(&other) < best, "{mu}: {from} to {to}");
                tried += 1;
            }
        }
        assert!(tried > 100, "{tried}");
    }
}

#[test]
fn slope_is_minus_mu_and_points_ascend() {
    for m in [2, 10, 60_000, 1_000_000_000] {
        let optimum = PoissonOptimum::new(m).unwrap();
        for pair in optimum.points().windows(2) {
            let width = pair[1].resolution - pair[0].resolution;
            assert!(width > -1e-12, "{m} {pair:?}");
            if width > 1e-4 {
                let slope = (pair[1].relevance - pair[0].relevance) / width;
                assert!(
                    -slope > pair[0].mu - 1e-6 && -slope < pair[1].mu + 1e-6,
                    "{pair:?}"
                );
            }
        }
    }
}

#[test]
fn between_points_the_curve_is_the_optimum() {
    let optimum = PoissonOptimum::new(60_000).unwrap();
    for mu in [-0.975, -0.503, 0.005, 0.777, 1.234, 3.3] {
        let point = optimum.point(mu).unwrap();
        near(optimum.at(point.resolution).unwrap(), point.relevance, 1e-7);
    }
    let first = optimum.points()[0];
    assert_eq!(optimum.at(first.resolution - 1e-9), None);
    assert_eq!(optimum.at(f64::NAN), None);
    near(optimum.at(1.0).unwrap(), 0.0, 1e-15);
    assert_eq!(optimum.point(-1.0), None);
    assert_eq!(optimum.point(f64::NAN), None);
    assert_eq!(optimum.point(f64::INFINITY), None);
}

#[test]
fn sample_sizes_without_a_curve() {
    for m in [0, 1, LARGEST_M + 1] {
        assert_eq!(PoissonOptimum::new(m), Err(Error::NoLimits { m }));
    }
}
