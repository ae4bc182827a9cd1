//! Sparse connections and sparse activity. The networks of each sweep go from the densest to the sparsest.

use resrel_measure::Measure;

use super::{Evidence, Judgement, difference, distance_between, judgement, power_laws};
use crate::{Mean, Rules, Series, Summary, Variant};

type Number = fn(&Measure) -> Option<f64>;

pub(super) fn judge(networks: &[(&Variant, Summary)], rules: &Rules) -> Vec<Judgement> {
    let mut sweeps: Vec<&str> = Vec::new();
    for (variant, _) in networks {
        if !sweeps.contains(&variant.sweep.as_str()) {
            sweeps.push(&variant.sweep);
        }
    }
    let (low, high) = rules.middle;
    let mut judgements = Vec::new();
    for (letter, sweep) in ('a'..).zip(sweeps) {
        let own: Vec<&Summary> = networks
            .iter()
            .filter(|(variant, _)| variant.sweep == sweep)
            .map(|(_, summary)| summary)
            .collect();
        let layers = own
            .iter()
            .flat_map(|summary| summary.layers(Series::Trained));
        judgements.push(judgement(
            &format!("8{letter}"),
            &format!("{sweep}: m_k follows a power law where {low} < H[s] < {high}"),
            power_laws(layers, distance_between(rules.middle), rules.ks, 1.0),
        ));
        judgements.push(judgement(
            &format!("8{letter}′"),
            &format!("{sweep}: strong sparsity lowers H[s] and H[k]"),
            lower(&own),
        ));
    }
    judgements
}

/// Means over the layers of H[s] and of H[k]: of the sparsest network below those of the densest.
fn lower(networks: &[&Summary]) -> Evidence {
    let [densest, .., sparsest] = networks else {
        return Err("there are fewer than two networks".into());
    };
    let numbers: [(&str, Number); 2] = [("H[s]", |m| m.resolution), ("H[k]", |m| m.relevance)];
    let (mut comparisons, mut text) = (Vec::new(), Vec::new());
    for (name, number) in numbers {
        let [dense, sparse] = [densest, sparsest].map(|summary| over_layers(summary, number));
        let (Some(dense), Some(sparse)) = (dense, sparse) else {
            return Err("a network has no layer with both".into());
        };
        comparisons.push(difference(dense, sparse, false));
        text.push(format!(
            "{name} {:.3} from {:.3}",
            sparse.value, dense.value
        ));
    }
    Ok((
        comparisons,
        format!("means over the layers: {}", text.join(", ")),
    ))
}

/// The mean over layers, with its error over realizations (as if layers were independent).
fn over_layers(summary: &Summary, number: Number) -> Option<Mean> {
    let layers = summary.layers(Series::Trained).iter();
    let means: Vec<Mean> = layers.filter_map(|layer| layer.mean(number)).collect();
    let count = means.len();
    let squares: Option<f64> = means
        .iter()
        .map(|mean| mean.stderr.map(|stderr| stderr * stderr))
        .sum();
    (count > 0).then(|| Mean {
        value: means.iter().map(|mean| mean.value).sum::<f64>() / count as f64,
        stderr: squares.map(|squares| squares.sqrt() / count as f64),
        count,
    })
}
