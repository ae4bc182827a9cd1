//! The strict bound: what the relevance of no sample exceeds.

mod dual;

use serde::Serialize;

use super::LARGEST_M;
use crate::Error;
use dual::{Dual, Tangent};

/// The envelope is nowhere further above the exact dual than this fraction of ln M.
const TOLERANCE: f64 = 1e-6;

/// An allowance for rounding, in units of 1 + (1 + μ) ln M nats: what lies above a line by less than
/// that may lie on it.
const ROUNDING: f64 = 1e-13;

/// An upper bound of the relevance of **every** sample of M observations at its resolution, from
/// the Lagrangian dual.
///
/// For integer degeneracies m_k ≥ 0, k = 1 … M, and multipliers μ of the resolution and ν of
/// Σ_k k m_k = M, the Lagrangian separates over k:
///
/// D(μ) = min_ν \[νM + Σ_k max_m (−(km/M) ln(km/M) − μ (km/M) ln(k/M) − ν k m)\] ≥ H\[k\] + μ H\[s\].
///
/// So H\[k\] ≤ min_μ (D(μ) − μ H\[s\]), the *exact dual*. Each μ gives a valid line, so a finite
/// number of them does: their envelope lies above the exact dual, by at most 10⁻⁶ ln M. At μ = −1 the
/// line is H\[k\] = H\[s\]; lines with μ < −1 lie above that one.
///
/// The bound need not be reached: for M = 20 its largest H\[k\] is 0.552233 ln M, that of the best
/// sample 0.533026 ln M. It is reached at μ where the degeneracies that maximise the terms at the best
/// ν make M observations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrictBound {
    /// Upper bound of H\[k\] as a fraction of ln M, at any resolution: D(0).
    pub max_relevance: f64,
    /// Upper bound of H\[s\] + H\[k\] as a fraction of ln M: D(1).
    pub max_sum: f64,
    /// μ and D(μ) as a fraction of ln M, μ ascending from −1.
    #[serde(skip)]
    lines: Vec<(f64, f64)>,
}

impl StrictBound {
    /// The bound for M = `m` observations. Takes some 0.01 s for M = 60,000 and a few seconds for
    /// M = 10¹².
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
        let [diagonal, relevance, sum, distinct] =
            [0.0, 1.0, 2.0, end].map(|power| dual.tangent(power));
        let mut tangents = vec![diagonal];
        for (left, right) in [(diagonal, relevance), (relevance, sum), (sum, distinct)] {
            refine(&dual, left, right, &mut tangents);
            tangents.push(right);
        }
        let value = |tangent: &Tangent| {
            let allowance = ROUNDING * (1.0 + tangent.power * dual.log_m);
            (tangent.value + allowance) / dual.log_m
        };
        Ok(Self {
            max_relevance: value(&relevance),
            max_sum: value(&sum),
            lines: tangents.iter().map(|t| (t.power - 1.0, value(t))).collect(),
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

/// Adds the tangents that the envelope needs between two.
///
/// D is convex, so between two μ it is below its chord and above both tangents. The envelope of the
/// two lines H\[k\] ≤ D(μ) − μ H\[s\] is further above the exact dual the further the chord is above
/// the point where the tangents meet, and never by more. A new tangent goes there: where D has a
/// corner, it meets it exactly.
fn refine(dual: &Dual, left: Tangent, right: Tangent, tangents: &mut Vec<Tangent>) {
    let (width, turn) = (right.power - left.power, right.slope - left.slope);
    // Where the tangents meet, as a share of the width.
    let share = (right.slope - (right.floor - left.floor) / width) / turn;
    if !(share > 0.0 && share < 1.0) {
        // One straight piece, to rounding.
        return;
    }
    let chord = left.value + share * (right.value - left.value);
    let tangent = left.floor + share * width * left.slope;
    let power = left.power + share * width;
    if chord - tangent <= TOLERANCE * dual.log_m || power <= left.power || power >= right.power {
        return;
    }
    let middle = dual.tangent_between(&left, &right, power);
    refine(dual, left, middle, tangents);
    tangents.push(middle);
    refine(dual, middle, right, tangents);
}

#[cfg(test)]
mod tests;
