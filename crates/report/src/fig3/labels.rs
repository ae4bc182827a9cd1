//! Panels (d) to (f): label frequencies of a layer's samples against the data's.

use std::fmt::Write;

use resrel_experiment::{GeneratedLayer, Mean};
use resrel_measure::Generation;

use crate::axis::Axis;
use crate::figure::{Drawn, cell};
use crate::look::{BLACK, BLUE, SKY_BLUE};
use crate::panel::{Entry, Item, Panel, Point};
use crate::svg::{Marker, Shape, Stroke};

const DATA: Stroke = Stroke {
    colour: BLACK,
    width: 1.6,
    dash: "2 3",
};
/// Where an error bar stands.
const TOP_OF_BAR: Marker = Marker {
    colour: BLUE,
    shape: Shape::Circle,
    filled: true,
    radius: 2.2,
};

pub(super) fn draw(layer: &GeneratedLayer) -> Drawn {
    let all: Vec<&Generation> = layer
        .all
        .iter()
        .filter_map(|generated| generated.quality.labels.as_ref())
        .collect();
    let mut labels: Vec<u32> = all
        .iter()
        .flat_map(|generation| generation.labels.clone())
        .collect();
    labels.sort_unstable();
    labels.dedup();
    let mut csv = String::from(
        "layer,label,realizations,data_frequency,label_frequency,label_frequency_stderr\n",
    );
    let (mut bars, mut tops, mut data) = (Vec::new(), Vec::new(), Vec::new());
    let mut highest = 0.1_f64;
    for (place, label) in labels.iter().enumerate() {
        let frequency = |of: fn(&Generation) -> &[f64]| {
            let of_one = |generation: &&Generation| {
                let place = generation.labels.iter().position(|other| other == label);
                Some(place.map_or(0.0, |place| of(generation)[place]))
            };
            Mean::of(all.iter().map(of_one))
        };
        let (Some(p), Some(q)) = (
            frequency(|g| &g.data_frequencies),
            frequency(|g| &g.label_frequencies),
        ) else {
            continue;
        };
        let x = place as f64;
        let stderr = q.stderr.unwrap_or(0.0);
        bars.push((x, q.value));
        tops.push(Point {
            x,
            y: q.value,
            x_stderr: 0.0,
            y_stderr: stderr,
        });
        data.push((x - 0.5, p.value));
        data.push((x + 0.5, p.value));
        highest = highest.max(p.value).max(q.value + stderr);
        let _ = writeln!(
            csv,
            "{},{label},{},{},{},{}",
            layer.name,
            q.count,
            p.value,
            q.value,
            cell(q.stderr)
        );
    }
    let mut notes = Vec::new();
    if all.is_empty() {
        notes.push("The samples have no labels.".to_owned());
    }
    let never = all
        .iter()
        .filter(|generation| !generation.missing_labels.is_empty())
        .count();
    if never > 0 {
        notes.push(format!(
            "A label never came in {never} of {} realizations: *D* is infinite.",
            all.len()
        ));
    }
    let names: Vec<String> = labels.iter().map(u32::to_string).collect();
    let mut items = vec![Item::Bars(bars, 0.7, SKY_BLUE), Item::Line(data, DATA)];
    if tops.iter().any(|top| top.y_stderr > 0.0) {
        items.push(Item::Markers(tops, TOP_OF_BAR));
    }
    Drawn {
        panel: Panel {
            letter: None,
            heading: None,
            title: format!("Labels of the samples of {}", layer.name),
            x: Panel::names_axis("label", &names),
            y: Axis::linear("frequency", 0.0, 1.08 * highest),
            items: if all.is_empty() { Vec::new() } else { items },
            legend: vec![
                Entry {
                    text: format!("samples of {}", layer.name),
                    marker: Some(Marker {
                        colour: SKY_BLUE,
                        shape: Shape::Square,
                        filled: true,
                        radius: 6.0,
                    }),
                    stroke: None,
                },
                Entry {
                    text: "data".to_owned(),
                    marker: None,
                    stroke: Some(DATA),
                },
            ],
            notes,
        },
        csv,
    }
}
