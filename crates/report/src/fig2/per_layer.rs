//! What panels (c) and (d) share: one number of every layer, trained and untrained.

use std::fmt::Write;

use resrel_experiment::{Layer, Series, Summary, number_in};

use super::{series_marker, series_name};
use crate::axis::Axis;
use crate::figure::{Drawn, cell, quoted};
use crate::look::joining;
use crate::panel::{Entry, Item, Panel, Point};

/// The networks of panels (c) and (d), in the order in which they are drawn.
pub(super) const NETWORKS: [Series; 2] = [Series::Untrained, Series::Trained];

/// How far two networks' points are moved apart, in layers, so that bars do not cover.
const APART: f64 = 0.16;

/// A value of one layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value {
    pub value: f64,
    pub stderr: Option<f64>,
}

/// The networks' layers in one list of names, with their points.
pub(crate) struct Points {
    pub names: Vec<String>,
    pub items: Vec<Item>,
    pub legend: Vec<Entry>,
    pub notes: Vec<String>,
    /// Smallest and largest value; `None` without any.
    pub range: Option<(f64, f64)>,
}

/// Collects `value` of every layer of the networks.
pub(crate) fn points(
    summary: &Summary,
    networks: &[Series],
    what: &str,
    value: impl Fn(&Layer) -> Option<Value>,
) -> Points {
    let mut names: Vec<String> = Vec::new();
    for series in networks.iter().rev() {
        for layer in summary.layers(*series) {
            if names.iter().all(|name| name != layer.name) {
                names.push(layer.name.to_owned());
            }
        }
    }
    names.sort_by_key(|name| number_in(name));
    let mut all = Points {
        names,
        items: Vec::new(),
        legend: Vec::new(),
        notes: Vec::new(),
        range: None,
    };
    let drawn = |series: &&Series| {
        summary
            .layers(**series)
            .iter()
            .any(|layer| value(layer).is_some())
    };
    let drawn = networks.iter().filter(drawn).count();
    let mut place = 0_usize;
    for series in networks.iter().copied() {
        let layers = summary.layers(series);
        let mut points = Vec::new();
        let mut undefined = Vec::new();
        for layer in layers {
            let name = all.names.iter().position(|name| name == layer.name);
            match (name, value(layer)) {
                (Some(name), Some(value)) => points.push(Point {
                    // The first to be drawn is the rightmost.
                    x: name as f64 + APART * (drawn as f64 - 1.0 - 2.0 * place as f64),
                    y: value.value,
                    x_stderr: 0.0,
                    y_stderr: value.stderr.unwrap_or(0.0),
                }),
                _ => undefined.push(layer.name),
            }
        }
        let name = series_name(series);
        if points.is_empty() {
            all.notes.push(format!("No values: {name}."));
            continue;
        }
        if !undefined.is_empty() {
            all.notes.push(format!(
                "{what} undefined, {name}: {}.",
                undefined.join(", ")
            ));
        }
        for point in &points {
            let (low, high) = all.range.unwrap_or((point.y, point.y));
            all.range = Some((low.min(point.y), high.max(point.y)));
        }
        place += 1;
        let marker = series_marker(series);
        let line = points.iter().map(|p| (p.x, p.y)).collect();
        all.items.push(Item::Line(line, joining(marker.colour)));
        all.items.push(Item::Markers(points, marker));
        all.legend.push(Entry {
            text: name.to_owned(),
            marker: Some(marker),
            stroke: Some(joining(marker.colour)),
        });
    }
    all.legend.reverse();
    all
}

/// Panel (d): the classification error.
pub(crate) fn classification_error(summary: &Summary) -> Drawn {
    let mut csv = String::from(
        "series,layer,realizations,classification_error,classification_error_stderr\n",
    );
    for series in NETWORKS.into_iter().rev() {
        for layer in summary.layers(series) {
            if let Some(mean) = layer.mean(|measure| measure.classification_error) {
                let _ = writeln!(
                    csv,
                    "{},{},{},{},{}",
                    series_name(series),
                    quoted(layer.name),
                    mean.count,
                    mean.value,
                    cell(mean.stderr)
                );
            }
        }
    }
    let points = points(summary, &NETWORKS, "Error", |layer| {
        let mean = layer.mean(|measure| measure.classification_error)?;
        Some(Value {
            value: mean.value,
            stderr: mean.stderr,
        })
    });
    let highest = points.range.map_or(1.0, |(_, high)| high.max(0.1));
    Drawn {
        panel: Panel {
            letter: None,
            heading: None,
            title: "Classification error of every layer".to_owned(),
            x: Panel::names_axis("layer", &points.names),
            y: Axis::linear("classification error", -0.03 * highest, 1.08 * highest),
            items: points.items,
            legend: points.legend,
            notes: points.notes,
        },
        csv,
    }
}
