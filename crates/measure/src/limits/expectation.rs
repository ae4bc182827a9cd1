//! Expectations over a Poisson-distributed degeneracy.

use std::sync::OnceLock;

/// Rates up to this are summed term by term, larger ones expanded.
const SUMMED: f64 = 48.0;

/// Terms kept of a sum: at rate 48 what follows the 160th is below 1e-30 of the whole.
const TERMS: usize = 160;

/// Coefficients a_j of E\[m ln m\] = λ ln λ + Σ_j a_j λ^(−j), from the Taylor series of m ln m at λ
/// and the central moments of the Poisson distribution. The error at λ = 48 is below 1e-14.
const EXPANSION: [f64; 13] = [
    1.0 / 2.0,
    1.0 / 12.0,
    1.0 / 12.0,
    19.0 / 120.0,
    9.0 / 20.0,
    863.0 / 504.0,
    1375.0 / 168.0,
    33953.0 / 720.0,
    57281.0 / 180.0,
    3_250_433.0 / 1320.0,
    1_891_755.0 / 88.0,
    13_695_779_093.0 / 65_520.0,
    24_466_579_093.0 / 10_920.0,
];

/// Distance of the nodes from which the inverse is interpolated.
const STEP: f64 = 1.0 / 64.0;

/// Number of these nodes: f′ from 0 to 4.875, where λ is just above 48.
const NODES: usize = 313;

/// Newton's steps from one node to the next: each doubles the digits.
const NEWTON_STEPS: usize = 8;

/// f(λ) = E\[m ln m\] for m ~ Poisson(λ), with its first two derivatives in λ.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expectation {
    /// f(λ).
    pub value: f64,
    /// f′(λ) = E\[(m + 1) ln(m + 1) − m ln m\].
    pub slope: f64,
    /// f″(λ) = E\[(m + 2) ln(m + 2) − 2 (m + 1) ln(m + 1) + m ln m\].
    pub curvature: f64,
}

impl Expectation {
    /// At the rate λ ≥ 0.
    pub(super) fn at(rate: f64) -> Self {
        if rate <= SUMMED {
            Self::summed(rate)
        } else {
            Self::expanded(rate)
        }
    }

    /// All terms are positive, so nothing cancels however small the rate is.
    fn summed(rate: f64) -> Self {
        let mut sums = [0.0; 3];
        let mut probability = (-rate).exp();
        let last = (rate + 10.0 * rate.sqrt() + 20.0) as usize;
        for (term, reciprocal) in terms().iter().take(last) {
            for (sum, term) in sums.iter_mut().zip(term) {
                *sum += probability * term;
            }
            probability *= rate * reciprocal;
        }
        let [value, slope, curvature] = sums;
        Self {
            value,
            slope,
            curvature,
        }
    }

    fn expanded(rate: f64) -> Self {
        let z = rate.recip();
        let series = |factor: fn(f64) -> f64| {
            let terms = EXPANSION.iter().enumerate().rev();
            terms.fold(0.0, |sum, (j, a)| sum * z + factor(j as f64) * a)
        };
        let log = rate.ln();
        Self {
            value: rate * log + series(|_| 1.0),
            slope: log + 1.0 - z * series(|j| j),
            curvature: z + z * z * series(|j| j * (j + 1.0)),
        }
    }

    /// The rate λ with f′(λ) = `slope` > 0, and f, f′, f″ there.
    pub(super) fn with_slope(slope: f64) -> (f64, Self) {
        let mut rate = start(slope);
        let mut here = Self::at(rate);
        // The start is good to 1e-4 for the expansion, to 1e-8 in the table: Newton's error after
        // a step is the square of that before.
        let steps = if rate > SUMMED { 2 } else { 1 };
        for step in 1..=steps {
            let shift = (slope - here.slope) / here.curvature;
            rate += shift;
            if step < steps {
                here = Self::at(rate);
            } else {
                here.value += shift * (here.slope + 0.5 * shift * here.curvature);
                here.slope = slope;
            }
        }
        (rate, here)
    }
}

/// A rate close to that with f′(λ) = `slope`.
fn start(slope: f64) -> f64 {
    let place = slope / STEP;
    let below = place as usize;
    if below + 1 >= NODES {
        return (slope - 1.0).exp();
    }
    let (left, right) = (nodes()[below], nodes()[below + 1]);
    let t = place - below as f64;
    // Cubic through both values with both derivatives dλ/df′ = 1/f″.
    let (rise, from, to) = (right.0 - left.0, STEP * left.1, STEP * right.1);
    left.0 + t * (from + t * (3.0 * rise - 2.0 * from - to + t * (from + to - 2.0 * rise)))
}

/// λ and dλ/df′ at f′ = 0, `STEP`, 2 `STEP` …
fn nodes() -> &'static [(f64, f64)] {
    static NODES_FOUND: OnceLock<Vec<(f64, f64)>> = OnceLock::new();
    NODES_FOUND.get_or_init(|| {
        let mut rate = 0.0;
        let node = |i: usize| {
            for _ in 0..NEWTON_STEPS {
                let here = Expectation::at(rate);
                rate += (i as f64 * STEP - here.slope) / here.curvature;
            }
            (rate, Expectation::at(rate).curvature.recip())
        };
        (0..NODES).map(node).collect()
    })
}

/// m ln m and its first two differences, and 1/(m + 1), by m.
fn terms() -> &'static [([f64; 3], f64)] {
    static SUMMANDS: OnceLock<Vec<([f64; 3], f64)>> = OnceLock::new();
    SUMMANDS.get_or_init(|| {
        let product = |m: f64| if m > 0.0 { m * m.ln() } else { 0.0 };
        let term = |m: usize| {
            let m = m as f64;
            let (here, next, after) = (product(m), product(m + 1.0), product(m + 2.0));
            let slopes = (next - here, after - next);
            ([here, slopes.0, slopes.1 - slopes.0], (m + 1.0).recip())
        };
        (0..TERMS).map(term).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, tolerance: f64) {
        assert!((a / b - 1.0).abs() <= tolerance, "{a} is not {b}");
    }

    /// λ, f, f′, f″ by direct sums of 40 digits.
    #[allow(clippy::unreadable_literal, reason = "as they were computed")]
    const REFERENCE: [(f64, f64, f64, f64); 13] = [
        (1e-300, 0.0, 1.3862943611198906e-300, 1.3862943611198906),
        (
            1e-09,
            6.931471804161043e-19,
            1.3862943606883677e-09,
            1.3862943602568445,
        ),
        (
            0.001,
            6.930033678353657e-07,
            0.001385862951252939,
            1.3854316546034184,
        ),
        (
            0.3,
            0.05871759984737899,
            0.37992267475701863,
            1.1555047310553237,
        ),
        (
            1.0,
            0.5734028091226202,
            1.0475026451453378,
            0.7841591905128334,
        ),
        (
            2.5,
            2.848560656610434,
            1.8933614057340855,
            0.4061261228388233,
        ),
        (
            7.0,
            14.135975315823108,
            2.943167024994063,
            0.14391995010174413,
        ),
        (
            20.0,
            60.41904379731016,
            3.995499380496452,
            0.05002475670788633,
        ),
        (
            31.9,
            110.95983130725084,
            4.462518461125463,
            0.031353647488333525,
        ),
        (
            32.1,
            111.85296076552356,
            4.468769607498127,
            0.031158223617701392,
        ),
        (
            40.0,
            148.05731625003207,
            4.688824561036094,
            0.025002820610093256,
        ),
        (
            100.0,
            461.01786042848903,
            5.605161681049003,
            0.010000171866217628,
        ),
        (
            1000.0,
            6908.2553623989625,
            7.90775519548166,
            0.0010000001671685757,
        ),
    ];

    #[test]
    fn agrees_with_many_digits() {
        for (rate, value, slope, curvature) in REFERENCE {
            let here = Expectation::at(rate);
            near(here.slope, slope, 1e-14);
            near(here.curvature, curvature, 1e-12);
            if value > 0.0 {
                near(here.value, value, 1e-14);
            }
        }
    }

    #[test]
    fn sum_and_expansion_agree_where_they_meet() {
        for rate in [SUMMED - 1.0, SUMMED, SUMMED + 1.0] {
            let (summed, expanded) = (Expectation::summed(rate), Expectation::expanded(rate));
            near(summed.value, expanded.value, 1e-14);
            near(summed.slope, expanded.slope, 1e-14);
            near(summed.curvature, expanded.curvature, 1e-12);
        }
    }

    #[test]
    fn inverse_gives_the_rate_back() {
        let mut rate = 1e-300;
        while rate < 1e12 {
            let there = Expectation::at(rate);
            let (back, again) = Expectation::with_slope(there.slope);
            // A slope known to one part in 10^16 fixes ln λ ≈ slope to as much, λ to less.
            near(back, rate, 2e-13);
            near(again.curvature, there.curvature, 1e-7);
            if there.value > 0.0 {
                near(again.value, there.value, 2e-13);
            }
            rate *= 1.37;
        }
    }
}
