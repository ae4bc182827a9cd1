//! Networks that were taught labels, against their hidden units, and autoencoders, against their latent variables.

use super::{Evidence, Judgement, difference, distance_between, distances, judgement};
use crate::{Layer, Mean, Rules, Series, Summary, Variant};

pub(super) fn of_labels(networks: &[(&Variant, Summary)], rules: &Rules) -> Vec<Judgement> {
    let (low, high) = rules.middle;
    let mut judgements = Vec::new();
    let sweeps = networks.chunk_by(|a, b| a.0.sweep == b.0.sweep);
    for (letter, networks) in ('c'..).zip(sweeps) {
        let sweep = &networks[0].0.sweep;
        let layers = networks.iter().filter_map(|(_, summary)| layer(summary));
        let ks = distance_between(rules.middle);
        let fitted = networks.iter().filter_map(|(variant, summary)| {
            Some((variant.name.as_str(), layer(summary)?.mean(ks)?))
        });
        judgements.push(judgement(
            &format!("8{letter}"),
            &format!("{sweep}: m_k follows a power law where {low} < H[s] < {high}"),
            distances(&fitted.collect::<Vec<_>>(), rules.ks, 1.0),
        ));
        judgements.push(judgement(
            &format!("8{letter}′"),
            &format!("{sweep}: β < 1 goes with high classification error"),
            error_below_zipf(layers),
        ));
    }
    judgements
}

/// The smallest error of a network with β < 1 against the largest of one with β ≥ 1.
fn error_below_zipf<'a>(layers: impl Iterator<Item = &'a Layer<'a>>) -> Evidence {
    let both = layers.filter_map(|layer| {
        let beta = layer.mean(|measure| measure.beta.mle)?;
        Some((
            beta.value,
            layer.mean(|measure| measure.classification_error)?,
        ))
    });
    let (below, above): (Vec<_>, Vec<_>) = both.partition(|(beta, _)| *beta < 1.0);
    let order = |a: &Mean, b: &Mean| a.value.total_cmp(&b.value);
    let smallest = below.iter().map(|(_, error)| *error).min_by(order);
    let largest = above.iter().map(|(_, error)| *error).max_by(order);
    let (Some(smallest), Some(largest)) = (smallest, largest) else {
        return Err("no network with β < 1, or none with β ≥ 1".into());
    };
    let text = format!(
        "error at least {:.3} in {} networks with β < 1, at most {:.3} in {} others",
        smallest.value,
        below.len(),
        largest.value,
        above.len()
    );
    Ok((vec![difference(smallest, largest, false)], text))
}

pub(super) fn of_latent(networks: &[(&Variant, Summary)]) -> Vec<Judgement> {
    vec![judgement(
        "9",
        "an autoencoder has an optimal latent dimension for generation",
        optimum(networks),
    )]
}

/// The best ability against those of the smallest and of the largest dimension: networks come in this order.
fn optimum(networks: &[(&Variant, Summary)]) -> Evidence {
    let abilities: Vec<(&str, Mean)> = networks
        .iter()
        .filter_map(|(variant, summary)| Some((variant.name.as_str(), summary.ability()?)))
        .collect();
    let [(_, first), .., (_, last)] = abilities[..] else {
        return Err("fewer than two autoencoders were sampled".into());
    };
    let best = abilities
        .iter()
        .max_by(|(_, a), (_, b)| a.value.total_cmp(&b.value));
    let Some((name, best)) = best else {
        return Err("none was sampled".into());
    };
    let text = format!(
        "ability {:.2} with {name}, {:.2} with the fewest, {:.2} with the most",
        best.value, first.value, last.value
    );
    let margins = [first, last].map(|end| difference(*best, end, false));
    Ok((margins.into(), text))
}

/// The one layer that is measured.
fn layer<'a>(summary: &'a Summary<'a>) -> Option<&'a Layer<'a>> {
    summary.layers(Series::Trained).first()
}
