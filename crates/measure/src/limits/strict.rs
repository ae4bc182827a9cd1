//! The strict bound: what the relevance of no sample exceeds.

use super::LARGEST_M;
use crate::Error;
use crate::spectrum::sum;

/// ln A, the logarithm of Glaisher's constant (OEIS A225746).
const LN_GLAISHER: f64 = 0.248_754_477_033_784_26;

/// Fewest k whose terms are maximised one by one; the others are summed by their degeneracy.
const FEWEST_SINGLE: u64 = 64;

/// Values of 1 + μ: finer and finer towards 0, then in equal steps to 2, then growing.
const HALVINGS: i32 = 24;
const EQUAL_STEPS: u32 = 200;
const GROWTH: f64 = 1.02;

/// The dual is minimised until it is known to this fraction.
const PRECISION: f64 = 1e-12;

/// First step of c in search of its upper end.
const FIRST_STEP: f64 = 0.02;

/// Steps at most; bisection alone would need 60, and with cuts there are about ten.
const MOST_STEPS: usize = 200;

/// An upper bound of the relevance of **every** sample of M observations at its resolution, from
/// the Lagrangian dual.
///
/// For integer degeneracies m_k ≥ 0, k = 1 … M, and multipliers μ of the resolution and ν of
/// Σ_k k m_k = M, the Lagrangian separates over k:
///
/// D(μ) = min_ν \[νM + Σ_k max_m (−(km/M) ln(km/M) − μ (km/M) ln(k/M) − ν k m)\] ≥ H\[k\] + μ H\[s\].
///
/// So H\[k\] ≤ min_μ (D(μ) − μ H\[s\]). Each μ gives a valid line, so a finite number of them does:
/// the envelope lies a little above the exact one (at most 1e-4 ln M), never below it. At μ = −1 the
/// line is H\[k\] = H\[s\]; lines with μ < −1 lie above that one.
///
/// The bound need not be reached: for M = 20 its largest H\[k\] is 0.552233 ln M, that of the best
/// sample 0.533026 ln M.
#[derive(Debug, Clone, PartialEq)]
pub struct StrictBound {
    /// Upper bound of H\[k\] as a fraction of ln M, at any resolution: D(0).
    pub max_relevance: f64,
    /// Upper bound of H\[s\] + H\[k\] as a fraction of ln M: D(1).
    pub max_sum: f64,
    /// μ and D(μ) as a fraction of ln M, μ ascending from −1.
    lines: Vec<(f64, f64)>,
}

impl StrictBound {
    /// The bound for M = `m` observations. Takes some 0.02 s for M = 60,000 and less than a
    /// second for M = 10⁹.
    ///
    /// # Errors
    /// [`Error::NoLimits`] for M below 2, where fractions of ln M do not exist, and above 10¹².
    pub fn new(m: u64) -> Result<Self, Error> {
        if !(2..=LARGEST_M).contains(&m) {
            return Err(Error::NoLimits { m });
        }
        let dual = Dual::new(m);
        // From here on the line is that of distinct states alone, H[k] ≤ μ (1 − H[s]).
        let end = (2.0 + dual.log_m) / 2_f64.ln();
        let step = 2.0 / f64::from(EQUAL_STEPS);
        let mut powers = vec![0.0];
        powers.extend((1..=HALVINGS).rev().map(|i| step * 0.5_f64.powi(i)));
        powers.extend((1..=EQUAL_STEPS).map(|i| step * f64::from(i)));
        let mut power = 2.0 * GROWTH;
        while power < end {
            powers.push(power);
            power *= GROWTH;
        }
        powers.push(end.max(power));
        let mut near = None;
        let mut value = |power: f64| dual.minimum(power, &mut near) / dual.log_m;
        let lines = powers.iter().map(|&power| (power - 1.0, value(power)));
        let lines: Vec<(f64, f64)> = lines.collect();
        let at = |power: u32| lines[(HALVINGS as u32 + power * EQUAL_STEPS / 2) as usize].1;
        Ok(Self {
            max_relevance: at(1),
            max_sum: at(2),
            lines,
        })
    }

    /// An upper bound of the relevance at a resolution, both fractions of ln M: 0 where the
    /// resolution is not between 0 and 1, as no sample's is.
    #[must_use]
    pub fn at(&self, resolution: f64) -> f64 {
        if !(0.0..=1.0).contains(&resolution) {
            return 0.0;
        }
        let bounds = self.lines.iter().map(|(mu, dual)| dual - mu * resolution);
        bounds.fold(resolution, f64::min).max(0.0)
    }
}

/// The dual for one M, in nats.
///
/// With c = (1 + μ) ln M − νM it reads (1 + μ) ln M − c + Σ_k (k/M) φ(c − (1 + μ) ln k), where
/// φ(x) = max_m (m x − m ln m) = Σ_{m ≥ 0} max(0, x − d_m), d_m = (m + 1) ln(m + 1) − m ln m. It is
/// convex in c, and any c gives an upper bound.
struct Dual {
    m: f64,
    log_m: f64,
    /// ln k of the k whose terms are maximised one by one.
    logs: Vec<f64>,
    /// Σ k and Σ k ln k over these.
    single: (f64, f64),
}

/// The dual and its derivative at one c.
#[derive(Clone, Copy)]
struct Cut {
    c: f64,
    value: f64,
    derivative: f64,
}

impl Dual {
    fn new(m: u64) -> Self {
        // About as many terms by k as by degeneracy: at the k-th, degeneracies are below M/k².
        let single = ((m as f64).cbrt() as u64).max(FEWEST_SINGLE).min(m);
        let logs: Vec<f64> = (1..=single).map(|k| (k as f64).ln()).collect();
        let weighted = (1..=single).zip(&logs).map(|(k, log)| k as f64 * log);
        let first = single as f64;
        Self {
            m: m as f64,
            log_m: (m as f64).ln(),
            single: (0.5 * first * (first + 1.0), sum(weighted)),
            logs,
        }
    }

    /// D at μ = `power` − 1; `near` is the c found last, near which this one is looked for.
    fn minimum(&self, power: f64, near: &mut Option<f64>) -> f64 {
        // c grows with μ, so the last one is a start; upwards in small steps, as terms grow like
        // e^c.
        let mut low = self.cut(near.unwrap_or(0.0), power);
        if low.derivative > 0.0 {
            low = self.cut(0.0, power);
        }
        let mut step = FIRST_STEP;
        let mut high = self.cut(low.c + step, power);
        while high.derivative <= 0.0 {
            step *= 1.5;
            low = high;
            high = self.cut(low.c + step, power);
        }
        let mut best = low.value.min(high.value);
        *near = Some(low.c);
        let mut next = low.c.midpoint(high.c);
        for step in 0..MOST_STEPS {
            if !(next > low.c && next < high.c) {
                break;
            }
            let here = self.cut(next, power);
            if here.value < best {
                best = here.value;
                *near = Some(next);
            }
            if here.derivative > 0.0 {
                high = here;
            } else {
                low = here;
            }
            // The tangents meet below the minimum: where they do, it cannot be much lower.
            let turn = high.derivative - low.derivative;
            let meet =
                (low.value - high.value + high.derivative * high.c - low.derivative * low.c) / turn;
            let floor = low.value + low.derivative * (meet - low.c);
            if low.derivative == 0.0 || best - floor <= PRECISION * (1.0 + best.abs()) {
                break;
            }
            // Cuts can creep; every third step halves instead.
            next = if step % 3 == 2 || !meet.is_finite() {
                low.c.midpoint(high.c)
            } else {
                meet
            };
        }
        best
    }

    fn cut(&self, c: f64, power: f64) -> Cut {
        let (mut value, mut observations) = (0.0, 0.0);
        let mut k = 0.0;
        for log in &self.logs {
            k += 1.0;
            let slope = c - power * log;
            if slope <= 0.0 {
                break;
            }
            let (best, degeneracy) = largest(slope);
            value += k * best;
            observations += k * degeneracy;
        }
        // The others by layers: those k with at least m + 1 states are k ≤ exp((c − d_m)/(1 + μ)).
        let first = self.logs.len() as f64;
        let first_log = (first + 1.0).ln();
        let mut degeneracy = 0.0;
        let mut rest = c - difference(degeneracy);
        while first < self.m && rest > power * first_log {
            let (last, last_log) = if rest >= power * self.log_m {
                (self.m, self.log_m)
            } else {
                let last = (rest / power).exp().floor().min(self.m);
                (last, last.ln())
            };
            let count = 0.5 * last * (last + 1.0) - self.single.0;
            let logs = log_hyperfactorial(last, last_log) - self.single.1;
            value += (rest * count - power * logs).max(0.0);
            observations += count;
            degeneracy += 1.0;
            rest = c - difference(degeneracy);
        }
        Cut {
            c,
            value: power * self.log_m - c + value / self.m,
            derivative: observations / self.m - 1.0,
        }
    }
}

/// d_m = (m + 1) ln(m + 1) − m ln m.
fn difference(m: f64) -> f64 {
    if m == 0.0 {
        return 0.0;
    }
    (m + 1.0).ln() + m * m.recip().ln_1p()
}

/// φ(x) = max_m (m x − m ln m) over integers m ≥ 0, and the best m, for x > 0.
fn largest(slope: f64) -> (f64, f64) {
    // d_m ≈ 1 + ln(m + ½), so that the best m is this or a neighbour.
    let mut m = ((slope - 1.0).exp() - 0.5).ceil().max(1.0);
    if difference(m) < slope {
        m += 1.0;
    } else if m > 1.0 && difference(m - 1.0) >= slope {
        m -= 1.0;
    }
    (m * (slope - m.ln()), m)
}

/// Σ_{k=1}^{n} k ln k by its asymptotic series, for n ≥ 64 good to the last digits.
fn log_hyperfactorial(n: f64, log_n: f64) -> f64 {
    let square = n * n;
    (0.5 * square + 0.5 * n + 1.0 / 12.0) * log_n - 0.25 * square
        + LN_GLAISHER
        + (1.0 / 720.0 - 1.0 / (5040.0 * square)) / square
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Spectrum;

    fn near(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance, "{a} is not {b}");
    }

    #[test]
    fn published_values() {
        for (m, relevance, both) in [
            (20, 0.552_233, None),
            (100, 0.541_203, Some(1.215_231)),
            (60_000, 0.519_380, Some(1.155_769)),
        ] {
            let bound = StrictBound::new(m).unwrap();
            near(bound.max_relevance, relevance, 6e-7);
            if let Some(both) = both {
                near(bound.max_sum, both, 6e-7);
            }
            let highest = (0..=1000).map(|i| bound.at(f64::from(i) / 1000.0));
            let highest = highest.fold(0.0, f64::max);
            assert!(highest <= bound.max_relevance && highest > relevance - 1e-4);
        }
    }

    /// D(μ) with every k on its own, every m up to the best tried, c by ternary search.
    fn plain(m: u64, mu: f64) -> f64 {
        let size = m as f64;
        let dual = |c: f64| {
            let terms = (1..=m).map(|k| {
                let slope = c - (1.0 + mu) * (k as f64).ln();
                let (mut best, mut degeneracy) = (0.0, 1.0_f64);
                loop {
                    let next = degeneracy * (slope - degeneracy.ln());
                    if next <= best {
                        return k as f64 * best / size;
                    }
                    best = next;
                    degeneracy += 1.0;
                }
            });
            (1.0 + mu) * size.ln() - c + terms.sum::<f64>()
        };
        let (mut low, mut high) = (0.0, size.ln() + 2.0);
        for _ in 0..120 {
            let third = (high - low) / 3.0;
            if dual(low + third) < dual(high - third) {
                high -= third;
            } else {
                low += third;
            }
        }
        dual(low) / size.ln()
    }

    #[test]
    fn grouped_sums_agree_with_plain_ones() {
        for m in [2, 5, 64, 65, 66, 100, 1000, 5000] {
            let bound = StrictBound::new(m).unwrap();
            for line in bound.lines.iter().step_by(23) {
                near(line.1, plain(m, line.0), 1e-11);
            }
        }
    }

    #[test]
    fn hyperfactorial_agrees_with_the_sum() {
        for n in [64_u64, 65, 1000, 100_000] {
            let plain = sum((1..=n).map(|k| k as f64 * (k as f64).ln()));
            let series = log_hyperfactorial(n as f64, (n as f64).ln());
            near(series / plain, 1.0, 1e-15);
        }
    }

    #[test]
    fn the_best_degeneracy_is_the_best() {
        let mut slope = 1e-6;
        while slope < 9.0 {
            let (best, _) = largest(slope);
            let all = (1..10_000).map(f64::from).map(|m| m * (slope - m.ln()));
            near(best, all.fold(f64::MIN, f64::max), 1e-11);
            slope += 0.003_7;
        }
    }

    /// Every spectrum of `rest` observations with frequencies up to `largest`.
    fn spectra(
        rest: u64,
        largest: u64,
        pairs: &mut Vec<(u64, u64)>,
        see: &mut impl FnMut(&[(u64, u64)]),
    ) {
        if rest == 0 {
            see(pairs);
            return;
        }
        if largest == 0 {
            return;
        }
        spectra(rest, largest - 1, pairs, see);
        for m_k in 1..=rest / largest {
            pairs.push((largest, m_k));
            spectra(rest - largest * m_k, largest - 1, pairs, see);
            pairs.pop();
        }
    }

    #[test]
    fn no_partition_lies_above() {
        for m in 2..=40_u64 {
            let bound = StrictBound::new(m).unwrap();
            let size = m as f64;
            let log_m = size.ln();
            // n/M ln(M/n) by n.
            let parts: Vec<f64> = (0..=m)
                .map(|n| {
                    if n == 0 {
                        0.0
                    } else {
                        n as f64 / size * (size / n as f64).ln()
                    }
                })
                .collect();
            let (mut best, mut best_sum) = (0.0_f64, 0.0_f64);
            // Nearest to the bound, and nearest among those with H[k] below H[s] and above 0.
            let (mut gap, mut inner) = (f64::MAX, f64::MAX);
            spectra(m, m, &mut Vec::new(), &mut |pairs| {
                let (mut h_s, mut h_k) = (0.0, 0.0);
                for &(k, m_k) in pairs {
                    h_s += m_k as f64 * parts[k as usize];
                    h_k += parts[(k * m_k) as usize];
                }
                let (h_s, h_k) = ((h_s / log_m).min(1.0), h_k / log_m);
                let distance = bound.at(h_s) - h_k;
                assert!(distance > -1e-12, "{pairs:?}: {h_k} above by {distance}");
                best = best.max(h_k);
                best_sum = best_sum.max(h_s + h_k);
                gap = gap.min(distance);
                if h_k > 1e-9 && h_k < h_s - 1e-9 {
                    inner = inner.min(distance);
                }
            });
            assert!(best <= bound.max_relevance + 1e-12, "{m}");
            assert!(best_sum <= bound.max_sum + 1e-12, "{m}");
            // Touched: at the ends always, and nearly so between them.
            assert!(gap < 1e-12, "{m}: {gap}");
            if m >= 4 {
                assert!(inner < 0.05, "{m}: {inner}");
                assert!(bound.max_sum - best_sum < 0.06, "{m}: {best_sum}");
            }
            if m == 20 {
                near(best, 0.533_026, 6e-7);
                near(best_sum, 1.236_000, 6e-7);
            }
        }
    }

    #[test]
    fn different_frequencies_touch_the_diagonal() {
        let spectrum = Spectrum::from_counts((1..=12).chain([22])).unwrap();
        let place = spectrum.fraction(spectrum.resolution()).unwrap();
        let bound = StrictBound::new(100).unwrap().at(place);
        assert!(bound >= place && bound < place + 0.01, "{bound}");
    }

    #[test]
    fn lines_of_any_size_are_sound() {
        for m in [2, 3, 1_000_000_000] {
            let bound = StrictBound::new(m).unwrap();
            assert!(bound.lines.iter().all(|line| line.1.is_finite()));
            near(bound.lines[0].1, 0.0, 1e-12);
            near(bound.at(1.0), 0.0, 1e-10);
            assert_eq!(bound.at(0.0).to_bits(), 0);
            assert_eq!(bound.at(f64::NAN).to_bits(), 0);
            // D is convex and rises with μ, as H[s] ≥ 0 is its derivative.
            // Steps much smaller than these drown in the last digits of D.
            for three in bound.lines[HALVINGS as usize..].windows(3) {
                let slope =
                    |a: usize| (three[a + 1].1 - three[a].1) / (three[a + 1].0 - three[a].0);
                assert!(
                    slope(0) > -1e-6 && slope(1) > slope(0) - 1e-6,
                    "{m} {three:?}"
                );
            }
        }
        for m in [0, 1, LARGEST_M + 1] {
            assert_eq!(StrictBound::new(m), Err(Error::NoLimits { m }));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// States whose sizes follow a power law of any exponent, thinned at random.
        #[test]
        fn no_sample_lies_above(
            beta in -0.5..3.0_f64,
            scale in 1.0..300.0_f64,
            keep in prop::collection::vec(0.0..2.0_f64, 1..60),
            singles in 0..2000_u64,
        ) {
            let pairs = keep.iter().zip(1_u64..).map(|(keep, k)| {
                (k, (keep * scale * (k as f64).powf(-1.0 - beta)).round() as u64)
            });
            let pairs: Vec<(u64, u64)> = pairs.chain([(1, singles), (61, 1)]).collect();
            let spectrum = Spectrum::from_pairs(pairs).unwrap();
            prop_assume!(spectrum.observations() <= 1_000_000);
            let bound = StrictBound::new(spectrum.observations()).unwrap();
            let h_s = spectrum.fraction(spectrum.resolution()).unwrap().min(1.0);
            let h_k = spectrum.fraction(spectrum.relevance()).unwrap();
            prop_assert!(bound.at(h_s) >= h_k - 1e-12, "{} {}", bound.at(h_s), h_k);
        }

        /// A random partition of M: pieces of a stick broken again and again.
        #[test]
        fn no_random_partition_lies_above(
            m in 2..1_000_000_u64,
            shares in prop::collection::vec(0.0..1.0_f64, 0..200),
        ) {
            let mut rest = m;
            let mut counts = Vec::new();
            for share in shares {
                let part = ((rest as f64 * share * share) as u64).max(1).min(rest);
                if part > 0 && rest > 0 {
                    counts.push(part);
                    rest -= part;
                }
            }
            if rest > 0 {
                counts.push(rest);
            }
            let spectrum = Spectrum::from_counts(counts).unwrap();
            let bound = StrictBound::new(m).unwrap();
            let h_s = spectrum.fraction(spectrum.resolution()).unwrap().min(1.0);
            let h_k = spectrum.fraction(spectrum.relevance()).unwrap();
            prop_assert!(bound.at(h_s) >= h_k - 1e-12);
        }
    }
}
