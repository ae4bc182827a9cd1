//! One number of every layer.

use std::fmt::Write;

use resrel_experiment::{Mean, number_in};
use resrel_measure::Measure;

use super::{Group, Network};
use crate::axis::Axis;
use crate::figure::{Drawn, cell, quoted};
use crate::look::joining;
use crate::panel::{Item, Panel, Point};

/// A number of a layer, and how it is shown.
pub(super) struct Number {
    pub title: &'static str,
    pub label: &'static str,
    /// Its name in the table.
    pub column: &'static str,
    pub of: fn(&Measure) -> Option<f64>,
    /// An axis from the smallest to the largest value.
    pub axis: fn(f64, f64) -> Axis,
}

pub(super) fn draw(group: &Group, number: &Number) -> Drawn {
    let column = number.column;
    let mut csv = format!("sweep,network,layer,realizations,{column},{column}_stderr\n");
    let mut names: Vec<String> = Vec::new();
    for layer in group.networks.iter().flat_map(Network::layers) {
        if names.iter().all(|name| name != layer.name) {
            names.push(layer.name.to_owned());
        }
    }
    names.sort_by_key(|name| number_in(name));
    let (mut items, mut legend, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for network in &group.networks {
        let mut points = Vec::new();
        let mut undefined = Vec::new();
        for layer in network.layers() {
            let place = names.iter().position(|name| name == layer.name);
            let (Some(place), Some(mean)) = (place, layer.mean(number.of)) else {
                undefined.push(layer.name);
                continue;
            };
            let Mean {
                value,
                stderr,
                count,
            } = mean;
            // Writing to a string cannot fail.
            let _ = writeln!(
                csv,
                "{},{},{},{count},{value},{}",
                quoted(group.name),
                quoted(network.name()),
                quoted(layer.name),
                cell(stderr)
            );
            (low, high) = (low.min(value), high.max(value + stderr.unwrap_or(0.0)));
            points.push(Point {
                x: place as f64,
                y: value,
                x_stderr: 0.0,
                y_stderr: stderr.unwrap_or(0.0),
            });
        }
        if !undefined.is_empty() {
            let layers = undefined.join(", ");
            notes.push(format!("Undefined, {}: {layers}.", network.name()));
        }
        if points.is_empty() {
            continue;
        }
        let line = points.iter().map(|p| (p.x, p.y)).collect();
        items.push(Item::Line(line, joining(network.marker.colour)));
        items.push(Item::Markers(points, network.marker));
        legend.push(network.entry());
    }
    if items.is_empty() {
        (low, high) = (1.0, 1.0);
    }
    let mut y = (number.axis)(low, high.max(0.1));
    number.label.clone_into(&mut y.label);
    Drawn {
        panel: Panel {
            letter: None,
            heading: Some(group.name.to_owned()),
            title: number.title.to_owned(),
            x: Panel::names_axis("layer", &names),
            y,
            items,
            legend,
            notes,
        },
        csv,
    }
}
