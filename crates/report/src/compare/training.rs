//! The critical layer, and β there, against the length of the training.

use std::fmt::Write;

use resrel_experiment::{Layer, Record, Series, Sidecar, Task, number_in};
use resrel_measure::Measure;

use super::{Group, Network};
use crate::axis::Axis;
use crate::figure::{Drawn, cell, quoted};
use crate::look::{GREY, joining};
use crate::panel::{Entry, Item, Panel, Point};
use crate::svg::Stroke;

const ZIPF: Stroke = Stroke {
    colour: GREY,
    width: 1.3,
    dash: "7 4",
};

/// A layer's number on the axis, with its standard error.
type Value = fn(&Layer) -> Option<(f64, Option<f64>)>;

pub(super) fn critical_layer(groups: &[Group], records: &[(Record, Sidecar)]) -> Drawn {
    let number: Value = |layer| Some((number_in(layer.name) as f64, None));
    let (mut drawn, range) = draw(groups, records, "number", number);
    drawn.panel.title = String::from("Critical layer against training");
    let (low, high) = range.unwrap_or((1.0, 1.0));
    drawn.panel.y = Axis::linear(
        "layer with the largest *H*[*s*] + *H*[*k*]",
        low - 1.0,
        high + 1.0,
    );
    drawn
}

pub(super) fn exponent(groups: &[Group], records: &[(Record, Sidecar)]) -> Drawn {
    let beta: Value = |layer| {
        let mean = layer.mean(|measure| measure.beta.mle)?;
        Some((mean.value, mean.stderr))
    };
    let (mut drawn, range) = draw(groups, records, "beta", beta);
    drawn.panel.title = String::from("Exponent of the critical layer against training");
    let (low, high) = range.unwrap_or((1.0, 1.0));
    drawn.panel.y = Axis::log(
        "*β* of that layer (maximum likelihood)",
        low.min(0.8) / 1.5,
        high.max(1.25) * 1.5,
    );
    let panel = &mut drawn.panel;
    panel
        .items
        .insert(0, Item::Line(vec![(1.0, 1.0), (1e12, 1.0)], ZIPF));
    panel.legend.push(Entry {
        text: "*β* = 1 (Zipf)".to_owned(),
        marker: None,
        stroke: Some(ZIPF),
    });
    drawn
}

/// One line a sweep, and the range of its values. The vertical axis is left to the caller.
fn draw(
    groups: &[Group],
    records: &[(Record, Sidecar)],
    column: &str,
    value: Value,
) -> (Drawn, Option<(f64, f64)>) {
    let mut csv = format!("sweep,network,updates,critical_layer,{column},{column}_stderr\n");
    let (mut items, mut legend) = (Vec::new(), Vec::new());
    let (mut shortest, mut longest) = (f64::INFINITY, 10.0_f64);
    let mut range: Option<(f64, f64)> = None;
    for group in groups {
        let mut points = Vec::new();
        for network in &group.networks {
            let (Some(updates), Some(layer)) = (updates(network, records), critical(network))
            else {
                continue;
            };
            let Some((y, stderr)) = value(layer) else {
                continue;
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                csv,
                "{},{},{updates},{},{y},{}",
                quoted(group.name),
                quoted(network.name()),
                layer.name,
                cell(stderr)
            );
            let (low, high) = range.unwrap_or((y, y));
            range = Some((low.min(y), high.max(y)));
            shortest = shortest.min(updates as f64);
            longest = longest.max(updates as f64);
            points.push(Point {
                x: updates as f64,
                y,
                x_stderr: 0.0,
                y_stderr: stderr.unwrap_or(0.0),
            });
        }
        let line = points.iter().map(|p| (p.x, p.y)).collect();
        items.push(Item::Line(line, joining(group.marker.colour)));
        items.push(Item::Markers(points, group.marker));
        legend.push(Entry {
            text: group.name.to_owned(),
            marker: Some(group.marker),
            stroke: Some(joining(group.marker.colour)),
        });
    }
    let x = Axis::log(
        "updates a layer",
        shortest.min(longest) / 1.6,
        longest * 1.6,
    );
    let panel = Panel {
        letter: None,
        heading: None,
        title: String::new(),
        x,
        y: Axis::bare(),
        items,
        legend,
        notes: Vec::new(),
    };
    (Drawn { panel, csv }, range)
}

/// The layer with the largest mean H[s] + H[k].
fn critical<'a>(network: &Network<'a>) -> Option<&'a Layer<'a>> {
    let layers = network.layers().iter();
    let with = layers.filter_map(|layer| Some((layer, layer.mean(Measure::sum)?.value)));
    with.max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(layer, _)| layer)
}

/// Updates a layer in the training of a network.
fn updates(network: &Network, records: &[(Record, Sidecar)]) -> Option<u64> {
    records.iter().find_map(|(record, _)| {
        let unit = &record.unit;
        let own = unit.variant.as_ref() == Some(network.variant) && unit.series == Series::Trained;
        match &unit.task {
            Task::Dbn(config) if own => {
                let observations = record.layers.first()?.m as usize;
                Some(config.training.total_updates(observations))
            }
            _ => None,
        }
    })
}
