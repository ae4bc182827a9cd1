//! Panels (g) and (h): generation ability and classification error of the layers against their β.

use std::fmt::Write;

use resrel_experiment::{Generated, GeneratedLayer, Layer, Mean, Series, Summary};

use crate::axis::Axis;
use crate::figure::{Drawn, cell};
use crate::look::{BLACK, BLUE, GREY, joining};
use crate::panel::{Entry, Item, Labels, Panel, Point};
use crate::svg::{Marker, Shape, Stroke};

const ZIPF: Stroke = Stroke {
    colour: GREY,
    width: 1.3,
    dash: "7 4",
};

/// Panel (g): 1/D(P‖Q).
pub(crate) fn ability(summary: &Summary) -> Drawn {
    let mut csv = String::from(
        "layer,realizations,beta,beta_stderr,ability,ability_stderr,divergence,total_variation,\
         total_variation_stderr,confident,precision,recall,near_copies,r_hat,effective_samples,mixed\n",
    );
    for layer in &summary.generated {
        let beta = trained(summary, layer.name).and_then(beta);
        let ability = layer.ability();
        let distance = labels(layer, |labels| Some(labels.total_variation));
        let mean =
            |number: fn(&Generated) -> Option<f64>| cell(layer.mean(number).map(|mean| mean.value));
        let mixed = layer
            .all
            .iter()
            .filter(|generated| generated.convergence.mixed)
            .count();
        let _ = writeln!(
            csv,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{mixed}",
            layer.name,
            layer.all.len(),
            cell(beta.map(|mean| mean.value)),
            cell(beta.and_then(|mean| mean.stderr)),
            cell(ability.map(|mean| mean.value)),
            cell(ability.and_then(|mean| mean.stderr)),
            cell(labels(layer, |labels| labels.divergence).map(|mean| mean.value)),
            cell(distance.map(|mean| mean.value)),
            cell(distance.and_then(|mean| mean.stderr)),
            mean(|generated| generated.quality.confident),
            mean(|generated| generated.quality.precision),
            mean(|generated| generated.quality.recall),
            mean(|generated| generated.quality.near_copies),
            mean(|generated| generated.convergence.r_hat),
            mean(|generated| generated.convergence.effective_samples),
        );
    }
    let marker = Marker {
        colour: BLACK,
        shape: Shape::Square,
        filled: true,
        radius: 5.5,
    };
    let values = summary
        .generated
        .iter()
        .map(|layer| (layer.name, layer.ability()));
    let mut drawn = panel(
        "Generation ability",
        "generation ability 1/*D*(*P*‖*Q*)",
        summary,
        values,
        marker,
    );
    let never = |layer: &&GeneratedLayer| {
        let missing = |generated: &Generated| {
            generated
                .quality
                .labels
                .as_ref()
                .is_some_and(|labels| labels.divergence.is_none())
        };
        layer.all.iter().any(|generated| missing(generated))
    };
    let names: Vec<&str> = summary
        .generated
        .iter()
        .filter(never)
        .map(|layer| layer.name)
        .collect();
    if !names.is_empty() {
        let note = format!(
            "A label never came, so *D* is infinite and the ability 0, in {}.",
            names.join(", ")
        );
        drawn.notes.push(note);
    }
    let unmixed = |layer: &&GeneratedLayer| {
        layer
            .all
            .iter()
            .any(|generated| !generated.convergence.mixed)
    };
    let names: Vec<&str> = summary
        .generated
        .iter()
        .filter(unmixed)
        .map(|layer| layer.name)
        .collect();
    if !names.is_empty() {
        drawn.notes.push(format!(
            "Chains not shown to have mixed: {}.",
            names.join(", ")
        ));
    }
    Drawn { panel: drawn, csv }
}

/// Panel (h): the classification error of the states, as in Figure 2.
pub(crate) fn classification_error(summary: &Summary) -> Drawn {
    let marker = Marker {
        colour: BLUE,
        shape: Shape::Circle,
        filled: false,
        radius: 5.5,
    };
    let layers = summary.layers(Series::Trained).iter();
    let values = layers.map(|layer| {
        (
            layer.name,
            layer.mean(|measure| measure.classification_error),
        )
    });
    let mut csv =
        String::from("layer,beta,beta_stderr,classification_error,classification_error_stderr\n");
    for (name, error) in values.clone() {
        let beta = trained(summary, name).and_then(beta);
        let _ = writeln!(
            csv,
            "{name},{},{},{},{}",
            cell(beta.map(|mean| mean.value)),
            cell(beta.and_then(|mean| mean.stderr)),
            cell(error.map(|mean| mean.value)),
            cell(error.and_then(|mean| mean.stderr)),
        );
    }
    let panel = panel(
        "Classification error",
        "classification error",
        summary,
        values,
        marker,
    );
    Drawn { panel, csv }
}

fn panel<'a>(
    title: &str,
    label: &str,
    summary: &Summary,
    values: impl Iterator<Item = (&'a str, Option<Mean>)>,
    marker: Marker,
) -> Panel {
    let (mut points, mut names, mut nowhere) = (Vec::new(), Vec::new(), Vec::new());
    for (name, value) in values {
        let beta = trained(summary, name).and_then(beta);
        match (beta, value) {
            (Some(beta), Some(value)) => {
                points.push(Point {
                    x: beta.value,
                    y: value.value,
                    x_stderr: beta.stderr.unwrap_or(0.0),
                    y_stderr: value.stderr.unwrap_or(0.0),
                });
                names.push((
                    beta.value,
                    value.value,
                    name.trim_start_matches('H').to_owned(),
                ));
            }
            (None, Some(value)) => nowhere.push(format!("{name} ({:.3})", value.value)),
            _ => nowhere.push(name.to_owned()),
        }
    }
    let mut notes = Vec::new();
    if !nowhere.is_empty() {
        notes.push(format!("*β* or value undefined: {}.", nowhere.join(", ")));
    }
    let over = |of: fn(&Point) -> f64, start: f64, pick: fn(f64, f64) -> f64| {
        points.iter().map(of).fold(start, pick)
    };
    let highest = over(|point| point.y + point.y_stderr, 0.1, f64::max);
    let (low, high) = (
        over(|point| point.x, 0.8, f64::min),
        over(|point| point.x, 1.25, f64::max),
    );
    let mut items = Vec::new();
    if !points.is_empty() {
        items.push(Item::Line(
            vec![(1.0, -highest), (1.0, 2.0 * highest)],
            ZIPF,
        ));
        // From the smallest β to the largest, as the paper joins them.
        let mut line: Vec<(f64, f64)> = points.iter().map(|point| (point.x, point.y)).collect();
        line.sort_by(|a, b| a.0.total_cmp(&b.0));
        items.push(Item::Line(line, joining(marker.colour)));
        items.push(Item::Markers(points, marker));
        items.push(Item::Labels(Labels {
            points: names,
            size: 12.0,
            colour: marker.colour,
        }));
    }
    Panel {
        letter: None,
        heading: None,
        title: title.to_owned(),
        x: Axis::log("exponent *β* (maximum likelihood)", low / 1.3, high * 1.3),
        y: Axis::linear(label, -0.04 * highest, 1.1 * highest),
        items,
        legend: vec![
            Entry {
                text: format!("{} (numbers: layers)", title.to_lowercase()),
                marker: Some(marker),
                stroke: Some(joining(marker.colour)),
            },
            Entry {
                text: "*β* = 1 (Zipf)".to_owned(),
                marker: None,
                stroke: Some(ZIPF),
            },
        ],
        notes,
    }
}

fn trained<'a, 'b>(summary: &'a Summary<'b>, name: &str) -> Option<&'a Layer<'b>> {
    summary
        .layers(Series::Trained)
        .iter()
        .find(|layer| layer.name == name)
}

fn beta(layer: &Layer) -> Option<Mean> {
    layer.mean(|measure| measure.beta.mle)
}

fn labels(
    layer: &GeneratedLayer,
    number: impl Fn(&resrel_measure::Generation) -> Option<f64>,
) -> Option<Mean> {
    layer.mean(|generated| number(generated.quality.labels.as_ref()?))
}
