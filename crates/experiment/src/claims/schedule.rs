//! How long the training lasts. Not a claim of the paper, whose schedule is ambiguous, but of this project's
//! reference run. The networks of each sweep go from the shortest training to the longest.

use super::{Comparison, Evidence, Judgement, critical, judgement, not_judged};
use crate::{Rules, Summary, Variant, number_in};

pub(super) fn judge(networks: &[(&Variant, Summary)], rules: &Rules) -> Vec<Judgement> {
    let layer = format!("H{}", rules.critical_layer);
    let found: Vec<String> = networks
        .iter()
        .filter(|(_, summary)| critical(summary).is_some_and(|(name, _)| name == layer))
        .map(|(variant, _)| format!("{}, {}", variant.name, variant.sweep))
        .collect();
    let claim = format!("{layer}, the paper's critical layer, is critical at some schedule");
    let own = Comparison {
        margin: if found.is_empty() { -1.0 } else { 1.0 },
        stderr: None,
        or_equal: false,
    };
    let text = if found.is_empty() {
        "at none".to_owned()
    } else {
        found.join("; ")
    };
    vec![
        if networks.is_empty() {
            not_judged(
                "T1",
                "the longer the training, the deeper the critical layer",
                "no network",
            )
        } else {
            judgement(
                "T1",
                "the longer the training, the deeper the critical layer",
                deeper(networks),
            )
        },
        judgement("T2", &claim, Ok((vec![own], text))),
    ]
}

/// The critical layer never lies higher than after a shorter training, and lies deeper after the longest
/// than after the shortest.
fn deeper(networks: &[(&Variant, Summary)]) -> Evidence {
    let (mut comparisons, mut text) = (Vec::new(), Vec::new());
    let mut rest = networks;
    while let Some((first, _)) = rest.first() {
        let same = rest
            .iter()
            .take_while(|(variant, _)| variant.sweep == first.sweep);
        let (own, others) = rest.split_at(same.count());
        rest = others;
        let layers: Vec<&str> = own
            .iter()
            .filter_map(|(_, summary)| Some(critical(summary)?.0))
            .collect();
        let depths: Vec<f64> = layers.iter().map(|name| number_in(name) as f64).collect();
        let certain = |margin, or_equal| Comparison {
            margin,
            stderr: None,
            or_equal,
        };
        comparisons.extend(
            depths
                .windows(2)
                .map(|pair| certain(pair[1] - pair[0], true)),
        );
        if let [shortest, .., longest] = depths[..] {
            comparisons.push(certain(longest - shortest, false));
        }
        text.push(format!("{}: {}", first.sweep, layers.join(" ")));
    }
    if comparisons.is_empty() {
        return Err("there are fewer than two schedules".into());
    }
    Ok((comparisons, text.join("; ")))
}
