//! Generation ability 1/D(P‖Q) of the layers, against H[s]+H[k] and against β.

use std::fmt::Write;

use resrel_experiment::Mean;
use resrel_measure::Measure;

use super::Group;
use crate::axis::Axis;
use crate::figure::{Drawn, cell, quoted};
use crate::look::joining;
use crate::panel::{Item, Labels, Panel, Point};

pub(super) fn against_sum(group: &Group) -> Drawn {
    draw(
        group,
        "sum",
        Measure::sum,
        |low, high| {
            let room = 0.06 * (high - low).max(0.1);
            Axis::linear("(*H*[*s*] + *H*[*k*]) / ln *M*", low - room, high + room)
        },
        "Generation ability against H[s] + H[k]",
    )
}

pub(super) fn against_beta(group: &Group) -> Drawn {
    draw(
        group,
        "beta",
        |measure| measure.beta.mle,
        |low, high| {
            let (low, high) = (low.min(0.8) / 1.3, high.max(1.25) * 1.3);
            Axis::log("exponent *β* (maximum likelihood)", low, high)
        },
        "Generation ability against β",
    )
}

fn draw(
    group: &Group,
    column: &str,
    number: fn(&Measure) -> Option<f64>,
    axis: fn(f64, f64) -> Axis,
    title: &str,
) -> Drawn {
    let mut csv = format!(
        "sweep,network,layer,realizations,{column},{column}_stderr,ability,ability_stderr\n"
    );
    let (mut items, mut legend, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut low, mut high, mut highest) = (f64::INFINITY, f64::NEG_INFINITY, 0.1_f64);
    for network in &group.networks {
        let (mut points, mut names, mut undefined) = (Vec::new(), Vec::new(), Vec::new());
        for sampled in &network.summary.generated {
            let layer = network
                .layers()
                .iter()
                .find(|layer| layer.name == sampled.name);
            let x = layer.and_then(|layer| layer.mean(number));
            let (Some(x), Some(y)) = (x, sampled.ability()) else {
                undefined.push(sampled.name);
                continue;
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                csv,
                "{},{},{},{},{},{},{},{}",
                quoted(group.name),
                quoted(network.name()),
                quoted(sampled.name),
                y.count,
                x.value,
                cell(x.stderr),
                y.value,
                cell(y.stderr)
            );
            (low, high) = (low.min(x.value), high.max(x.value));
            highest = highest.max(y.value + y.stderr.unwrap_or(0.0));
            let label = sampled.name.trim_start_matches('H').to_owned();
            names.push((x.value, y.value, label));
            points.push(between(x, y));
        }
        if !undefined.is_empty() {
            let layers = undefined.join(", ");
            notes.push(format!("Undefined, {}: {layers}.", network.name()));
        }
        if points.is_empty() {
            continue;
        }
        // From layer to layer.
        let line = points.iter().map(|p| (p.x, p.y)).collect();
        items.push(Item::Line(line, joining(network.marker.colour)));
        items.push(Item::Markers(points, network.marker));
        items.push(Item::Labels(Labels {
            points: names,
            size: 11.0,
            colour: network.marker.colour,
        }));
        legend.push(network.entry());
    }
    if items.is_empty() {
        (low, high) = (0.5, 1.0);
    } else {
        notes.push("Numbers: layers.".to_owned());
    }
    Drawn {
        panel: Panel {
            letter: None,
            heading: Some(group.name.to_owned()),
            title: title.to_owned(),
            x: axis(low, high),
            y: Axis::linear(
                "generation ability 1/*D*(*P*‖*Q*)",
                -0.04 * highest,
                1.1 * highest,
            ),
            items,
            legend,
            notes,
        },
        csv,
    }
}

fn between(x: Mean, y: Mean) -> Point {
    Point {
        x: x.value,
        y: y.value,
        x_stderr: x.stderr.unwrap_or(0.0),
        y_stderr: y.stderr.unwrap_or(0.0),
    }
}
