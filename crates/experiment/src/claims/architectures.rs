//! Other architectures.

use std::fmt::Write;

use resrel_measure::Measure;

use super::{
    Comparison, Evidence, Judgement, abilities, critical, difference, judgement, means, power_laws,
};
use crate::{Mean, Rules, Series, Summary, Variant};

type Networks<'a, 'b> = [(&'a Variant, Summary<'b>)];

pub(super) fn judge(networks: &Networks, rules: &Rules) -> Vec<Judgement> {
    let of = |sweeps: &[String]| -> Vec<&(&Variant, Summary)> {
        let within = |network: &&(&Variant, Summary)| sweeps.contains(&network.0.sweep);
        networks.iter().filter(within).collect()
    };
    let narrowing = of(&rules.critical_generates);
    let low = of(&rules.low_relevance);
    let mut judgements = vec![judgement(
        "7a",
        &format!(
            "the layer with the largest H[s]+H[k] generates best: {}",
            rules.critical_generates.join(", ")
        ),
        critical_generates(&narrowing, true),
    )];
    for (letter, sweep) in ('b'..).zip(&rules.critical_generates_not) {
        let networks = of(std::slice::from_ref(sweep));
        judgements.push(judgement(
            &format!("7{letter}"),
            &format!("it does not: {sweep}"),
            critical_generates(&networks, false),
        ));
    }
    let names = rules.low_relevance.join(", ");
    let ks = low
        .iter()
        .flat_map(|(_, summary)| summary.layers(Series::Trained));
    judgements.push(judgement(
        "10e",
        &format!("power laws: {names}"),
        power_laws(ks, |m| m.beta.ks, rules.ks, 1.0),
    ));
    judgements.push(judgement(
        "10f",
        &format!(
            "at lower H[k] than {}: {names}",
            rules.critical_generates.join(", ")
        ),
        lower_relevance(&low, &narrowing),
    ));
    judgements
}

/// In each network, the ability of the critical layer against that of the best other one.
fn critical_generates(networks: &[&(&Variant, Summary)], wanted: bool) -> Evidence {
    let (mut comparisons, mut text) = (Vec::new(), String::new());
    for (variant, summary) in networks {
        let Some((name, _)) = critical(summary) else {
            continue;
        };
        let abilities = abilities(summary);
        let own = abilities.iter().find(|(layer, _)| *layer == name);
        let others = abilities.iter().filter(|(layer, _)| *layer != name);
        let best = others.max_by(|(_, a), (_, b)| a.value.total_cmp(&b.value));
        let (Some((_, own)), Some((other, best))) = (own, best) else {
            continue;
        };
        comparisons.push(if wanted {
            difference(*own, *best, false)
        } else {
            difference(*best, *own, false)
        });
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{}: {name} {:.2}, best other {other} {:.2}; ",
            variant.name, own.value, best.value
        );
    }
    if comparisons.is_empty() {
        return Err("no such network was sampled".into());
    }
    Ok((comparisons, text.trim_end_matches("; ").into()))
}

/// The largest H[k] of each of `low` against the smallest of the largest of `high`.
fn lower_relevance(low: &[&(&Variant, Summary)], high: &[&(&Variant, Summary)]) -> Evidence {
    let largest = |network: &&(&Variant, Summary)| -> Option<Mean> {
        let relevances = means(network.1.layers(Series::Trained), |m: &Measure| m.relevance);
        let relevances = relevances.map(|(_, mean)| mean);
        relevances.max_by(|a, b| a.value.total_cmp(&b.value))
    };
    let high = high.iter().filter_map(largest);
    let Some(bound) = high.min_by(|a, b| a.value.total_cmp(&b.value)) else {
        return Err("no network to compare with".into());
    };
    let low: Vec<Mean> = low.iter().filter_map(largest).collect();
    if low.is_empty() {
        return Err("there is no such network".into());
    }
    let comparisons: Vec<Comparison> = low
        .iter()
        .map(|mean| difference(bound, *mean, false))
        .collect();
    let values: Vec<String> = low
        .iter()
        .map(|mean| format!("{:.3}", mean.value))
        .collect();
    let text = format!(
        "largest H[k] {}, against at least {:.3}",
        values.join(" "),
        bound.value
    );
    Ok((comparisons, text))
}
