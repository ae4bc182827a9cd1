//! Structureless data and untrained networks, and how far runs differ.

use resrel_measure::Measure;

use super::{Comparison, Evidence, Judgement, distance_between, judgement, list, power_laws};
use crate::{Layer, Mean, Rules, Series, Summary};

type Number = fn(&Measure) -> Option<f64>;

pub(super) fn judge(summary: &Summary, rules: &Rules) -> Vec<Judgement> {
    let trained = summary.layers(Series::Trained);
    let untrained = summary.layers(Series::Untrained);
    let shuffled = summary.layers(Series::Shuffled);
    vec![
        judgement(
            "10a",
            "untrained intermediate layers also reach high H[k]",
            share_of_optimum(untrained, rules, rules.almost_maximal, 1.0),
        ),
        judgement(
            "10b",
            "and power laws",
            power_laws(untrained, distance_between(rules.middle), rules.ks, 1.0),
        ),
        judgement(
            "10c",
            "shuffled intermediate layers stay far from optimal",
            share_of_optimum(shuffled, rules, rules.far_from_optimal, -1.0),
        ),
        judgement(
            "10d",
            "the spread of H[s] and H[k] over runs shrinks with learning",
            spread_shrinks(trained, untrained),
        ),
    ]
}

/// Whether a layer is an intermediate one: not at the ends of the resolution axis.
fn intermediate(layer: &Layer, (low, high): (f64, f64)) -> bool {
    let resolution = layer.mean(|m| m.resolution);
    resolution.is_some_and(|mean| low < mean.value && mean.value < high)
}

/// `sign` = 1: H[k] of each intermediate layer is at least this share of the Poisson optimum at its H[s];
/// −1: at most.
fn share_of_optimum(layers: &[Layer], rules: &Rules, share: f64, sign: f64) -> Evidence {
    let shares: Vec<(&str, Mean)> = layers
        .iter()
        .filter(|layer| intermediate(layer, rules.middle))
        .filter_map(|layer| {
            let of_optimum = |m: &Measure| Some(m.relevance? / m.optimum?);
            Some((layer.name, layer.mean(of_optimum)?))
        })
        .collect();
    if shares.is_empty() {
        let (low, high) = rules.middle;
        return Err(format!("no layer has {low} < H[s] < {high}"));
    }
    let comparisons = shares.iter().map(|(_, mean)| Comparison {
        margin: sign * (mean.value - share),
        stderr: mean.stderr,
        or_equal: true,
    });
    let word = if sign > 0.0 { "at least" } else { "at most" };
    let text = format!("of the optimum: {} ({word} {share})", list(&shares));
    Ok((comparisons.collect(), text))
}

/// Standard deviations over realizations, of H[s] and H[k], averaged over the layers.
fn spread_shrinks(trained: &[Layer], untrained: &[Layer]) -> Evidence {
    let numbers: [(&str, Number); 2] = [("H[s]", |m| m.resolution), ("H[k]", |m| m.relevance)];
    let (mut comparisons, mut text) = (Vec::new(), Vec::new());
    for (name, number) in numbers {
        let [learnt, start] = [trained, untrained].map(|layers| spread(layers, number));
        let (Some(learnt), Some(start)) = (learnt, start) else {
            return Err("needs several realizations of both".into());
        };
        comparisons.push(super::difference(start, learnt, false));
        text.push(format!(
            "{name} {:.4} from {:.4}",
            learnt.value, start.value
        ));
    }
    Ok((
        comparisons,
        format!("standard deviations: {}", text.join(", ")),
    ))
}

/// Mean over layers of the standard deviation s over n realizations, each with the error s/√(2(n − 1)) that
/// it has for normal values.
fn spread(layers: &[Layer], number: Number) -> Option<Mean> {
    let deviations: Vec<(f64, f64)> = layers
        .iter()
        .filter_map(|layer| {
            let mean = layer.mean(number)?;
            let deviation = mean.stderr? * (mean.count as f64).sqrt();
            Some((
                deviation,
                deviation / (2.0 * (mean.count as f64 - 1.0)).sqrt(),
            ))
        })
        .collect();
    let count = deviations.len();
    let sum: f64 = deviations.iter().map(|(deviation, _)| deviation).sum();
    let squares: f64 = deviations.iter().map(|(_, error)| error * error).sum();
    (count > 0).then(|| Mean {
        value: sum / count as f64,
        stderr: Some(squares.sqrt() / count as f64),
        count,
    })
}
