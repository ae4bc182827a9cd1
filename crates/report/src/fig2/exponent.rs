//! Panel (c): the exponent β of every layer, by maximum likelihood.

use std::fmt::Write;

use resrel_experiment::{Layer, Mean, Summary};

use super::per_layer::{NETWORKS, Value, points};
use super::series_name;
use crate::axis::Axis;
use crate::figure::{Drawn, cell, quoted};
use crate::look::GREY;
use crate::panel::{Entry, Item, Panel};
use crate::svg::Stroke;

/// Where a standard error comes from: the likelihood of one realization, or the spread of several.
const FIT: &str = "fit";
const SPREAD: &str = "realizations";

const ZIPF: Stroke = Stroke {
    colour: GREY,
    width: 1.3,
    dash: "7 4",
};

pub(crate) fn draw(summary: &Summary) -> Drawn {
    let mut csv = String::from(
        "series,layer,realizations,beta_mle,beta_mle_stderr,stderr_from,beta_lsq,beta_lsq_stderr\n",
    );
    for series in NETWORKS.into_iter().rev() {
        for layer in summary.layers(series) {
            let lsq = layer.mean(|measure| measure.beta.lsq);
            let mle = estimate(layer);
            if lsq.is_none() && mle.is_none() {
                continue;
            }
            let _ = writeln!(
                csv,
                "{},{},{},{},{},{},{},{}",
                series_name(series),
                quoted(layer.name),
                mle.map_or(0, |(mean, _)| mean.count),
                cell(mle.map(|(mean, _)| mean.value)),
                cell(mle.and_then(|(mean, _)| mean.stderr)),
                mle.map_or("", |(_, from)| from),
                cell(lsq.map(|mean| mean.value)),
                cell(lsq.and_then(|mean| mean.stderr)),
            );
        }
    }
    let mut points = points(summary, &NETWORKS, "*β*", |layer| {
        let (mean, _) = estimate(layer)?;
        Some(Value {
            value: mean.value,
            stderr: mean.stderr,
        })
    });
    let networks = NETWORKS
        .into_iter()
        .flat_map(|series| summary.layers(series));
    if networks.filter_map(estimate).any(|(_, from)| from == FIT) {
        let note = "Bars where there is one realization: standard error of the fit.";
        points.notes.push(note.to_owned());
    }
    let (low, high) = points.range.unwrap_or((1.0, 1.0));
    let mut items = Vec::new();
    if !points.items.is_empty() {
        let end = points.names.len() as f64;
        items.push(Item::Line(vec![(-0.5, 1.0), (end, 1.0)], ZIPF));
        points.legend.push(Entry {
            text: "*β* = 1 (Zipf)".to_owned(),
            marker: None,
            stroke: Some(ZIPF),
        });
    }
    items.append(&mut points.items);
    Drawn {
        panel: Panel {
            letter: None,
            heading: None,
            title: "Exponent of every layer".to_owned(),
            x: Panel::names_axis("layer", &points.names),
            y: Axis::log(
                "exponent *β* (maximum likelihood)",
                (low / 1.5).clamp(0.01, 0.45),
                (high * 1.5).max(2.2),
            ),
            items,
            legend: points.legend,
            notes: points.notes,
        },
        csv,
    }
}

/// The mean with its standard error over realizations, or that of the fit where there is only one,
/// and which it is.
fn estimate(layer: &Layer) -> Option<(Mean, &'static str)> {
    let mean = layer.mean(|measure| measure.beta.mle)?;
    if mean.stderr.is_some() {
        return Some((mean, SPREAD));
    }
    let stderr = layer.mean(|measure| measure.beta.mle_stderr);
    let stderr = stderr.map(|stderr| stderr.value);
    let from = if stderr.is_some() { FIT } else { "" };
    Some((Mean { stderr, ..mean }, from))
}
