//! What speaks for a claim or against it: comparisons of means, and their verdict.

use std::fmt::Write;

use resrel_measure::Measure;

use super::{Judgement, Verdict};
use crate::{Layer, Mean};

/// Margins within so many standard errors of zero decide nothing.
const STANDARD_ERRORS: f64 = 2.0;

/// One margin that a claim wants positive.
pub(super) struct Comparison {
    pub(super) margin: f64,
    pub(super) stderr: Option<f64>,
    /// Whether zero is enough.
    pub(super) or_equal: bool,
}

/// The comparisons of a claim and the numbers to show; `Err` says why there are none.
pub(super) type Evidence = Result<(Vec<Comparison>, String), String>;

pub(super) fn judgement(number: &str, claim: &str, evidence: Evidence) -> Judgement {
    let (verdict, evidence) = match evidence {
        Err(reason) => (Verdict::NotJudged, reason),
        Ok((comparisons, text)) => {
            let verdicts: Vec<Verdict> = comparisons.iter().map(Comparison::verdict).collect();
            let verdict = if verdicts.contains(&Verdict::Fails) {
                Verdict::Fails
            } else if verdicts.contains(&Verdict::Undecided) {
                Verdict::Undecided
            } else {
                Verdict::Holds
            };
            (verdict, text)
        }
    };
    Judgement {
        number: number.into(),
        claim: claim.into(),
        verdict,
        evidence,
    }
}

pub(super) fn not_judged(number: &str, claim: &str, reason: &str) -> Judgement {
    judgement(number, claim, Err(reason.into()))
}

impl Comparison {
    pub(super) fn verdict(&self) -> Verdict {
        let slack = STANDARD_ERRORS * self.stderr.unwrap_or(0.0);
        if self.margin < -slack {
            Verdict::Fails
        } else if self.margin > slack || (self.or_equal && self.margin >= 0.0) {
            Verdict::Holds
        } else if self.stderr.is_none() {
            Verdict::Fails
        } else {
            Verdict::Undecided
        }
    }
}

/// a − b with its standard error, taken as independent.
pub(super) fn difference(a: Mean, b: Mean, or_equal: bool) -> Comparison {
    let stderr = match (a.stderr, b.stderr) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0.0).hypot(b.unwrap_or(0.0))),
    };
    Comparison {
        margin: a.value - b.value,
        stderr,
        or_equal,
    }
}

/// Layers that have the number, with its mean.
pub(super) fn means<'a>(
    layers: &'a [Layer],
    number: impl Fn(&Measure) -> Option<f64> + Copy + 'a,
) -> impl Iterator<Item = (&'a str, Mean)> {
    layers
        .iter()
        .filter_map(move |layer| Some((layer.name, layer.mean(number)?)))
}

pub(super) fn list(values: &[(&str, Mean)]) -> String {
    let mut text = String::new();
    for (name, mean) in values {
        // Writing to a string cannot fail.
        let _ = write!(text, "{name} {:.3}  ", mean.value);
    }
    text.trim_end().into()
}

pub(super) fn never_rises(
    layers: &[Layer],
    number: impl Fn(&Measure) -> Option<f64> + Copy,
) -> Evidence {
    let values: Vec<_> = means(layers, number).collect();
    if values.len() < 2 {
        return Err("fewer than two layers have this number".into());
    }
    let steps = values
        .windows(2)
        .map(|pair| difference(pair[0].1, pair[1].1, true))
        .collect();
    // A number that must grow comes in with a minus sign, which is not shown.
    let shown: Vec<_> = values
        .iter()
        .map(|(name, mean)| {
            (
                *name,
                Mean {
                    value: mean.value.abs(),
                    ..*mean
                },
            )
        })
        .collect();
    Ok((steps, list(&shown)))
}

/// Each layer of `these` against `others` at its own resolution, on the straight line between the two
/// nearest: number of these − factor × number of the others.
pub(super) fn against(
    these: &[Layer],
    others: &[Layer],
    number: impl Fn(&Measure) -> Option<f64> + Copy,
    factor: f64,
) -> Evidence {
    let point = |layer: &Layer| Some((layer.mean(|m| m.resolution)?.value, layer.mean(number)?));
    let mut curve: Vec<(f64, Mean)> = others.iter().filter_map(point).collect();
    curve.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut comparisons, mut text) = (Vec::new(), String::new());
    for layer in these {
        let Some((resolution, mean)) = point(layer) else {
            continue;
        };
        let around = curve
            .windows(2)
            .find(|w| w[0].0 <= resolution && resolution < w[1].0);
        let Some([left, right]) = around.map(|w| [w[0], w[1]]) else {
            continue;
        };
        let share = (resolution - left.0) / (right.0 - left.0);
        let blend = |a: f64, b: f64| a + share * (b - a);
        let stderr = left
            .1
            .stderr
            .zip(right.1.stderr)
            .map(|(a, b)| factor * blend(a, b));
        let value = factor * blend(left.1.value, right.1.value);
        let other = Mean {
            value,
            stderr,
            count: left.1.count.min(right.1.count),
        };
        comparisons.push(difference(mean, other, false));
        let _ = write!(
            text,
            "{} {:.3} against {value:.3}  ",
            layer.name, mean.value
        );
    }
    if comparisons.is_empty() {
        return Err("no two share a resolution".into());
    }
    if factor > 1.0 {
        let _ = write!(text, "({factor} times the other)");
    }
    Ok((comparisons, text.trim_end().into()))
}

/// `sign` = 1: the `distance` to the fitted power law should be at most the bound; −1: above it.
pub(super) fn power_laws<'a, 'b: 'a>(
    layers: impl IntoIterator<Item = &'a Layer<'b>>,
    distance: impl Fn(&Measure) -> Option<f64> + Copy,
    bound: f64,
    sign: f64,
) -> Evidence {
    let values: Vec<_> = layers
        .into_iter()
        .filter_map(|layer| Some((layer.name, layer.mean(distance)?)))
        .collect();
    distances(&values, bound, sign)
}

/// The distance to the fitted power law of a layer whose resolution lies between the two bounds.
pub(super) fn distance_between((low, high): (f64, f64)) -> impl Fn(&Measure) -> Option<f64> + Copy {
    move |measure| {
        let inside = measure
            .resolution
            .is_some_and(|h_s| low < h_s && h_s < high);
        measure.beta.ks.filter(|_| inside)
    }
}

/// [`power_laws`] of distances, each with the name of what was fitted.
pub(super) fn distances(values: &[(&str, Mean)], bound: f64, sign: f64) -> Evidence {
    if values.is_empty() {
        return Err("no such layer has a fit".into());
    }
    let comparisons = values.iter().map(|(_, ks)| Comparison {
        margin: sign * (bound - ks.value),
        stderr: ks.stderr,
        or_equal: sign > 0.0,
    });
    Ok((
        comparisons.collect(),
        format!("KS {} (bound {bound})", list(values)),
    ))
}
