//! What the paper claims, and whether a run bears it out.
//!
//! A claim is a list of comparisons, each a margin that should be positive, with its standard error
//! over realizations. It fails if a margin is negative by more than two standard errors, holds if all
//! are positive by as much, and is undecided in between. With one realization there is no standard
//! error, and the values decide alone. The bounds come from the recipe, fixed before the run.

mod architectures;
mod evidence;
mod networks;
mod schedule;
mod sparse;
mod spread;

use std::fmt::Write;

use resrel_measure::Measure;
use serde::{Deserialize, Serialize};

use crate::{Figure, Layer, Mean, Rules, Series, Summary, Variant};
use evidence::{
    Comparison, Evidence, against, difference, distance_between, distances, judgement, list, means,
    never_rises, not_judged, power_laws,
};

/// Whether a run bears a claim out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It does.
    Holds,
    /// It does not.
    Fails,
    /// Within two standard errors of the bound.
    Undecided,
    /// This run has not what the claim is about.
    NotJudged,
}

/// A claim and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Number of the claim, with a letter for its part.
    pub number: String,
    /// What the paper says.
    pub claim: String,
    /// Whether it came out.
    pub verdict: Verdict,
    /// By which numbers.
    pub evidence: String,
}

/// Judges what a figure can judge of the paper's claims: from the records of its one network, or from those
/// of each of the networks that it compares.
#[must_use]
pub fn judge(
    figure: Figure,
    summary: &Summary,
    variants: &[(&Variant, Summary)],
    rules: &Rules,
) -> Vec<Judgement> {
    match figure {
        Figure::Fig1 | Figure::Sweep => Vec::new(),
        Figure::Fig2 => of_the_plane(summary, rules),
        Figure::Fig3 => of_generation(summary, rules),
        Figure::FigS1 => spread::judge(summary, rules),
        Figure::FigS2 => architectures::judge(variants, rules),
        Figure::FigS3 => of_letters(summary, rules),
        Figure::FigS4 => sparse::judge(variants, rules),
        Figure::FigS5 => networks::of_labels(variants, rules),
        Figure::FigS6 => networks::of_latent(variants),
        Figure::Schedule => schedule::judge(variants, rules),
    }
}

fn of_the_plane(summary: &Summary, rules: &Rules) -> Vec<Judgement> {
    let trained = summary.layers(Series::Trained);
    let untrained = summary.layers(Series::Untrained);
    let shuffled = summary.layers(Series::Shuffled);
    let clusters = summary.layers(Series::KMeans);
    let generation = "needs generated samples: see resrel reproduce fig3";
    let mut judgements = vec![
        judgement(
            "1a",
            "H[s] falls from layer to layer",
            never_rises(trained, |m| m.resolution),
        ),
        judgement(
            "1b",
            &format!("H[k] rises to H{} and falls after it", rules.relevance_peak),
            peaks(trained, rules.relevance_peak),
        ),
        judgement(
            "2a",
            &format!(
                "trained H[k] almost reaches the theoretical maximum up to H{}",
                rules.critical_layer
            ),
            almost_maximal(trained, rules),
        ),
        judgement(
            "2b",
            "trained H[k] lies above k-means at the same H[s]",
            against(trained, clusters, |m| m.relevance, 1.0),
        ),
        judgement(
            "3a",
            "m_k follows a power law in every trained layer",
            power_laws(trained, |m| m.beta.ks, rules.ks, 1.0),
        ),
        beta_falls(trained),
        judgement(
            "3c",
            "the m_k of k-means follows none",
            power_laws(
                largest_up_to(clusters, rules.k_means_clusters),
                |m| m.beta.ks,
                rules.ks,
                -1.0,
            ),
        ),
        judgement(
            "4a",
            "untrained layers crowd at the ends of the resolution axis",
            fewer_in_the_middle(trained, untrained, rules.middle),
        ),
        judgement(
            "4b",
            "layers of shuffled images crowd there too",
            fewer_in_the_middle(trained, shuffled, rules.middle),
        ),
        error_grows(trained),
        judgement(
            "5b",
            "an untrained network's is far larger at the same H[s]",
            against(
                untrained,
                trained,
                |m| m.classification_error,
                rules.far_larger,
            ),
        ),
    ];
    judgements.extend(critical_layer(trained, rules));
    judgements.push(not_judged(
        "6c",
        "and the best generation ability",
        generation,
    ));
    judgements
}

/// The paper's layer first, then what does not depend on the schedule: that the layer where H[s]+H[k] is
/// largest in this run generates best, and that β ≈ 1 where generation is best.
fn of_generation(summary: &Summary, rules: &Rules) -> Vec<Judgement> {
    let trained = summary.layers(Series::Trained);
    let paper = format!("H{}", rules.critical_layer);
    let mut judgements = vec![beta_falls(trained), error_grows(trained)];
    judgements.extend(critical_layer(trained, rules));
    judgements.push(judgement(
        "6c",
        "and the best generation ability",
        largest(&abilities(summary), &paper),
    ));
    judgements.extend(of_this_runs_layers(summary, rules));
    judgements
}

/// Claim 7 for another data set: what the claims say of any of them, whichever layer is critical.
fn of_letters(summary: &Summary, rules: &Rules) -> Vec<Judgement> {
    let trained = summary.layers(Series::Trained);
    let mut judgements = vec![
        judgement(
            "1a",
            "H[s] falls from layer to layer",
            never_rises(trained, |m| m.resolution),
        ),
        judgement(
            "3a",
            "m_k follows a power law in every trained layer",
            power_laws(trained, |m| m.beta.ks, rules.ks, 1.0),
        ),
        beta_falls(trained),
        error_grows(trained),
    ];
    judgements.extend(of_this_runs_layers(summary, rules));
    judgements
}

fn of_this_runs_layers(summary: &Summary, rules: &Rules) -> [Judgement; 2] {
    let abilities = abilities(summary);
    let best = abilities
        .iter()
        .max_by(|(_, a), (_, b)| a.value.total_cmp(&b.value));
    [
        match critical(summary) {
            None => not_judged("6d", CRITICAL_GENERATES_BEST, "no layer has H[s]+H[k]"),
            Some((name, _)) => judgement(
                "6d",
                &format!("{CRITICAL_GENERATES_BEST} (here {name})"),
                largest(&abilities, name),
            ),
        },
        match best {
            None => not_judged("6e", ZIPF_GENERATES_BEST, "no layer was sampled"),
            Some((name, _)) => judgement(
                "6e",
                &format!("{ZIPF_GENERATES_BEST} (here {name})"),
                zipf(summary.layers(Series::Trained), name, rules),
            ),
        },
    ]
}

/// The trained layer with the largest H[s]+H[k], and that.
fn critical<'a>(summary: &'a Summary) -> Option<(&'a str, Mean)> {
    let sums = means(summary.layers(Series::Trained), Measure::sum);
    sums.max_by(|(_, a), (_, b)| a.value.total_cmp(&b.value))
}

const CRITICAL_GENERATES_BEST: &str = "the layer with the largest H[s]+H[k] generates best";
const ZIPF_GENERATES_BEST: &str = "β ≈ 1 where generation is best";

fn beta_falls(trained: &[Layer]) -> Judgement {
    judgement(
        "3b",
        "β falls with depth",
        never_rises(trained, |m| m.beta.mle),
    )
}

fn error_grows(trained: &[Layer]) -> Judgement {
    judgement(
        "5a",
        "classification error grows with depth",
        never_rises(trained, |m| m.classification_error.map(|error| -error)),
    )
}

fn critical_layer(trained: &[Layer], rules: &Rules) -> [Judgement; 2] {
    let name = format!("H{}", rules.critical_layer);
    let sums: Vec<_> = means(trained, Measure::sum).collect();
    [
        judgement(
            "6a",
            &format!("{name} has the largest H[s]+H[k]"),
            largest(&sums, &name),
        ),
        judgement("6b", "and β ≈ 1 there", zipf(trained, &name, rules)),
    ]
}

/// The generation abilities of the layers that were sampled.
fn abilities<'a>(summary: &'a Summary) -> Vec<(&'a str, Mean)> {
    let layers = summary.generated.iter();
    layers
        .filter_map(|layer| Some((layer.name, layer.ability()?)))
        .collect()
}

fn peaks(layers: &[Layer], peak: usize) -> Evidence {
    let values: Vec<_> = means(layers, |m| m.relevance).collect();
    if values.len() <= peak {
        return Err(format!("the network has no layer after H{peak}"));
    }
    let steps = values.windows(2).enumerate().map(|(above, pair)| {
        let ((_, above_mean), (_, below_mean)) = (pair[0], pair[1]);
        if above + 1 < peak {
            difference(below_mean, above_mean, true)
        } else {
            difference(above_mean, below_mean, false)
        }
    });
    Ok((steps.collect(), list(&values)))
}

/// H[k] − share × Poisson optimum of each layer up to the critical one, realization by realization,
/// at each one's own H[s].
///
/// Left out is a layer without an optimum (H[s] below the curve's first point) and one with nearly
/// all states distinct: there the optimum itself is near 0 and a ratio to it says nothing.
fn almost_maximal(layers: &[Layer], rules: &Rules) -> Evidence {
    let names: Vec<String> = (1..=rules.critical_layer)
        .map(|i| format!("H{i}"))
        .collect();
    let share = rules.almost_maximal;
    let (mut comparisons, mut text, mut left_out) = (Vec::new(), String::new(), Vec::new());
    for layer in layers.iter().filter(|l| names.iter().any(|n| n == l.name)) {
        let pair = |m: &Measure| {
            let judged = m.resolution.is_some_and(|h_s| h_s < rules.distinct);
            m.relevance.zip(m.optimum).filter(|_| judged)
        };
        let margin = layer.mean(|m| pair(m).map(|(h_k, optimum)| h_k - share * optimum));
        let means = (
            layer.mean(|m| Some(pair(m)?.0)),
            layer.mean(|m| Some(pair(m)?.1)),
        );
        let (Some(margin), (Some(h_k), Some(optimum))) = (margin, means) else {
            left_out.push(layer.name);
            continue;
        };
        comparisons.push(Comparison {
            margin: margin.value,
            stderr: margin.stderr,
            or_equal: true,
        });
        let _ = write!(
            text,
            "{} {:.3} of {:.3}  ",
            layer.name, h_k.value, optimum.value
        );
    }
    if comparisons.is_empty() {
        return Err(format!(
            "no layer up to H{} has a theoretical optimum to compare with",
            rules.critical_layer
        ));
    }
    let _ = write!(text, "(at least {share} of it");
    if !left_out.is_empty() {
        let _ = write!(text, "; not judged: {}", left_out.join(", "));
    }
    Ok((comparisons, text + ")"))
}

/// The clustering with most clusters among those with at most `k`; all of them larger, the smallest.
fn largest_up_to<'a, 'b>(clusters: &'a [Layer<'b>], k: usize) -> &'a [Layer<'b>] {
    let within = clusters
        .iter()
        .take_while(|c| c.name.parse().is_ok_and(|n: usize| n <= k))
        .count();
    let chosen = within.saturating_sub(1);
    clusters.get(chosen..=chosen).unwrap_or_default()
}

fn fewer_in_the_middle(trained: &[Layer], control: &[Layer], (low, high): (f64, f64)) -> Evidence {
    if trained.is_empty() || control.is_empty() {
        return Err("one of the two is not in this run".into());
    }
    // Counted in each realization, then averaged.
    let count = |layers: &[Layer]| {
        let most = layers.iter().map(Layer::realizations).max().unwrap_or(0);
        let inside = |layer: &Layer, realization| {
            let resolution = layer.measure(realization)?.resolution?;
            Some(f64::from(u8::from(low < resolution && resolution < high)))
        };
        Mean::of((0..most).map(|realization| {
            Some(
                layers
                    .iter()
                    .filter_map(|layer| inside(layer, realization))
                    .sum(),
            )
        }))
    };
    let (Some(trained), Some(control)) = (count(trained), count(control)) else {
        return Err("no layer has a resolution".into());
    };
    let text = format!(
        "{:.1} layers with {low} < H[s] < {high}, trained {:.1}",
        control.value, trained.value
    );
    Ok((vec![difference(trained, control, false)], text))
}

/// The value of layer `name` against that of each other.
fn largest(values: &[(&str, Mean)], name: &str) -> Evidence {
    let Some((_, largest)) = values.iter().find(|(layer, _)| *layer == name).copied() else {
        return Err(format!("this run has no such number of {name}"));
    };
    let others = values.iter().filter(|(layer, _)| *layer != name);
    let comparisons = others
        .map(|(_, mean)| difference(largest, *mean, false))
        .collect();
    Ok((comparisons, list(values)))
}

fn zipf(layers: &[Layer], name: &str, rules: &Rules) -> Evidence {
    let layer = layers.iter().find(|layer| layer.name == name);
    let Some(beta) = layer.and_then(|layer| layer.mean(|m| m.beta.mle)) else {
        return Err(format!("there is no β of {name}"));
    };
    let (low, high) = rules.zipf;
    let stderr = beta.stderr;
    let comparisons = [beta.value - low, high - beta.value].map(|margin| Comparison {
        margin,
        stderr,
        or_equal: true,
    });
    Ok((
        comparisons.into(),
        format!("β {:.3}, bounds {low} and {high}", beta.value),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(margin: f64, stderr: Option<f64>, or_equal: bool) -> Verdict {
        Comparison {
            margin,
            stderr,
            or_equal,
        }
        .verdict()
    }

    #[test]
    fn margins_decide_beyond_two_standard_errors() {
        assert_eq!(comparison(0.3, Some(0.1), false), Verdict::Holds);
        assert_eq!(comparison(0.1, Some(0.1), false), Verdict::Undecided);
        assert_eq!(comparison(-0.1, Some(0.1), true), Verdict::Undecided);
        assert_eq!(comparison(-0.3, Some(0.1), false), Verdict::Fails);
        assert_eq!(comparison(0.0, Some(0.0), true), Verdict::Holds);
        assert_eq!(comparison(0.0, None, false), Verdict::Fails);
        assert_eq!(comparison(1e-9, None, false), Verdict::Holds);
    }

    #[test]
    fn one_failing_margin_fails_a_claim() {
        let margin = |margin| Comparison {
            margin,
            stderr: None,
            or_equal: false,
        };
        let verdict = |margins: &[f64]| {
            let comparisons = margins.iter().copied().map(margin).collect();
            judgement("1", "a claim", Ok((comparisons, String::new()))).verdict
        };
        assert_eq!(verdict(&[1.0, 2.0]), Verdict::Holds);
        assert_eq!(verdict(&[1.0, -2.0]), Verdict::Fails);
    }
}
