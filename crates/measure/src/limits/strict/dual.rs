//! The Lagrangian dual of the largest H\[k\] + μ H\[s\] of M observations.

use crate::spectrum::sum;

/// ln A, the logarithm of Glaisher's constant (OEIS A225746).
const LN_GLAISHER: f64 = 0.248_754_477_033_784_26;

/// Fewest k whose terms are maximised one by one; the others are summed by their degeneracy.
const FEWEST_SINGLE: u64 = 64;

/// The dual is minimised until it is known to this fraction.
const PRECISION: f64 = 1e-12;

/// First step of c in search of its upper end.
const FIRST_STEP: f64 = 0.02;

/// Steps at most; bisection alone would need 60, and with cuts there are about ten.
const MOST_STEPS: usize = 200;

/// D(μ) = min_c g(c, μ) for one M, in nats.
///
/// With p = 1 + μ and c = p ln M − νM it reads
///
/// g(c, μ) = p ln M − c + Σ_k (k/M) φ(c − p ln k),
///
/// where φ(x) = max_m (m x − m ln m) = Σ_{m ≥ 0} max(0, x − d_m), d_m = (m + 1) ln(m + 1) − m ln m.
/// Each φ is convex and made of straight pieces, so g is both in (c, μ) together, and D in μ. Any c
/// gives an upper bound.
#[derive(Debug)]
pub(super) struct Dual {
    m: f64,
    pub log_m: f64,
    /// ln k of the k whose terms are maximised one by one.
    logs: Vec<f64>,
    /// Σ k and Σ k ln k over these.
    single: (f64, f64),
}

/// What is known of D at one μ.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tangent {
    /// p = 1 + μ.
    pub power: f64,
    /// A c near the best one.
    c: f64,
    /// g at the best c found: D(μ) or a rounding more.
    pub value: f64,
    /// D(μ′) ≥ `floor` + `slope` (μ′ − μ) for every μ′, and `floor` is D(μ) or a rounding less.
    pub floor: f64,
    /// Slope of that line: the resolution of the dual's solution.
    pub slope: f64,
}

/// g and its derivatives at one (c, μ).
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    c: f64,
    value: f64,
    /// ∂g/∂c = Σ_k k m_k/M − 1.
    derivative: f64,
    /// ∂g/∂μ = ln M − Σ_k (k m_k/M) ln k.
    slope: f64,
}

impl Dual {
    pub(super) fn new(m: u64) -> Self {
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

    /// D at p = 1 + μ ≥ 0.
    pub(super) fn tangent(&self, power: f64) -> Tangent {
        let low = self.cut(0.0, power);
        self.between(low, self.above(low, power), power)
    }

    /// D at a p between those of two neighbours, where c, which grows with μ, lies between theirs.
    pub(super) fn tangent_between(&self, left: &Tangent, right: &Tangent, power: f64) -> Tangent {
        let (low, high) = (self.cut(left.c, power), self.cut(right.c, power));
        if low.derivative <= 0.0 && high.derivative > 0.0 {
            self.between(low, high, power)
        } else {
            // Theirs were not the very best.
            self.tangent(power)
        }
    }

    /// The first cut found beyond the minimum: upwards in small steps, as terms grow like e^c.
    fn above(&self, low: Cut, power: f64) -> Cut {
        let mut step = FIRST_STEP;
        let mut high = self.cut(low.c + step, power);
        while high.derivative <= 0.0 {
            step *= 1.5;
            high = self.cut(high.c + step, power);
        }
        high
    }

    /// The minimum between a cut that falls, or is level, and one that rises.
    fn between(&self, mut low: Cut, mut high: Cut, power: f64) -> Tangent {
        let mut best = if low.value < high.value { low } else { high };
        let mut step = 0;
        loop {
            // The two straight lines meet below the minimum: where they do, it cannot be much lower.
            // So does any mean of the two that is level in c, which holds for other μ as well.
            let share = high.derivative / (high.derivative - low.derivative);
            let mean = |of: fn(&Cut) -> f64| share * of(&low) + (1.0 - share) * of(&high);
            let floor = mean(|cut| cut.value - cut.derivative * cut.c);
            let slope = mean(|cut| cut.slope);
            let meet = low.c
                + (high.value - low.value - high.derivative * (high.c - low.c))
                    / (low.derivative - high.derivative);
            // Cuts can creep; every third step halves instead.
            let next = if step % 3 == 2 {
                low.c.midpoint(high.c)
            } else {
                meet
            };
            let known = best.value - floor <= PRECISION * (1.0 + best.value.abs());
            if known || step == MOST_STEPS || !(next > low.c && next < high.c) {
                return Tangent {
                    power,
                    c: best.c,
                    value: best.value,
                    floor,
                    slope,
                };
            }
            let here = self.cut(next, power);
            if here.value < best.value {
                best = here;
            }
            if here.derivative > 0.0 {
                high = here;
            } else {
                low = here;
            }
            step += 1;
        }
    }

    pub(super) fn cut(&self, c: f64, power: f64) -> Cut {
        let (mut value, mut observations, mut weighted) = (0.0, 0.0, 0.0);
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
            weighted += k * degeneracy * log;
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
            weighted += logs;
            degeneracy += 1.0;
            rest = c - difference(degeneracy);
        }
        Cut {
            c,
            value: power * self.log_m - c + value / self.m,
            derivative: observations / self.m - 1.0,
            slope: self.log_m - weighted / self.m,
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
pub(super) fn largest(slope: f64) -> (f64, f64) {
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
pub(super) fn log_hyperfactorial(n: f64, log_n: f64) -> f64 {
    let square = n * n;
    (0.5 * square + 0.5 * n + 1.0 / 12.0) * log_n - 0.25 * square
        + LN_GLAISHER
        + (1.0 / 720.0 - 1.0 / (5040.0 * square)) / square
}
