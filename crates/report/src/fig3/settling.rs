//! Panel (i): how far the labels of the samples were from the data's, step by step.

use std::fmt::Write;

use resrel_experiment::{Generated, GeneratedLayer, Mean};

use crate::axis::Axis;
use crate::figure::{Drawn, cell};
use crate::look::{BLUE, GREEN, ORANGE, joining};
use crate::panel::{Entry, Item, Panel, Point};
use crate::svg::{Marker, Shape};

const MARKERS: [Marker; 3] = [
    marker(BLUE, Shape::Circle),
    marker(ORANGE, Shape::Square),
    marker(GREEN, Shape::Triangle),
];

const fn marker(colour: &'static str, shape: Shape) -> Marker {
    Marker {
        colour,
        shape,
        filled: true,
        radius: 4.5,
    }
}

pub(super) fn draw(shown: [&GeneratedLayer; 3]) -> Drawn {
    let mut csv = String::from(
        "layer,step,realizations,total_variation,total_variation_stderr,energy,energy_stderr\n",
    );
    let (mut items, mut legend) = (Vec::new(), Vec::new());
    let mut last = 10.0_f64;
    for (place, (layer, marker)) in shown.into_iter().zip(MARKERS).enumerate() {
        // A short network may have its middle layer at an end.
        if shown[..place].iter().any(|other| other.name == layer.name) {
            continue;
        }
        let mut points = Vec::new();
        let moments = layer
            .all
            .first()
            .map_or(0, |generated| generated.moments.len());
        for moment in 0..moments {
            let at = |generated: &Generated| generated.moments.get(moment).cloned();
            let step = layer.mean(|generated| Some(at(generated)?.step as f64));
            let distance = layer.mean(|generated| Some(at(generated)?.labels?.total_variation));
            let energy = layer.mean(|generated| at(generated)?.energy);
            let value = |mean: Option<Mean>| cell(mean.map(|mean| mean.value));
            let stderr = |mean: Option<Mean>| cell(mean.and_then(|mean| mean.stderr));
            let Some(step) = step else { continue };
            let _ = writeln!(
                csv,
                "{},{},{},{},{},{},{}",
                layer.name,
                step.value,
                step.count,
                value(distance),
                stderr(distance),
                value(energy),
                stderr(energy)
            );
            last = last.max(step.value);
            if let Some(distance) = distance {
                points.push(Point {
                    x: step.value,
                    y: distance.value,
                    x_stderr: 0.0,
                    y_stderr: distance.stderr.unwrap_or(0.0),
                });
            }
        }
        if points.is_empty() {
            continue;
        }
        let line = points.iter().map(|point| (point.x, point.y)).collect();
        items.push(Item::Line(line, joining(marker.colour)));
        items.push(Item::Markers(points, marker));
        legend.push(Entry {
            text: layer.name.to_owned(),
            marker: Some(marker),
            stroke: Some(joining(marker.colour)),
        });
    }
    Drawn {
        panel: Panel {
            letter: None,
            heading: None,
            title: "Labels against steps".to_owned(),
            x: Axis::log("Gibbs steps", 0.8, last * 1.3),
            y: Axis::linear("total variation distance to the data", -0.03, 1.03),
            items,
            legend,
            notes: vec!["Of the labels of the first 5,000 samples.".to_owned()],
        },
        csv,
    }
}
