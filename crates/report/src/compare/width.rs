//! Networks with one measured layer, against the number of its units: hidden ones of networks that are taught
//! labels, latent variables of autoencoders.

use std::fmt::Write;

use resrel_experiment::{Layer, Mean, Record, Series, Sidecar, Summary, Task};

use super::{Group, Network};
use crate::axis::Axis;
use crate::fig2::plane::{Bars, place, point};
use crate::fig3::samples as sampled;
use crate::figure::{Drawn, cell, quoted};
use crate::look::{BLACK, BLUE, GREY, ORANGE, joining};
use crate::panel::{Entry, Item, Labels, Panel, Point};
use crate::svg::{Marker, Shape, Stroke};
use crate::theory::{self, Curves};

const ZIPF: Stroke = Stroke {
    colour: GREY,
    width: 1.3,
    dash: "7 4",
};
const FIRST: Marker = Marker {
    colour: BLACK,
    shape: Shape::Square,
    filled: true,
    radius: 5.0,
};
const SECOND: Marker = Marker {
    colour: BLUE,
    shape: Shape::Circle,
    filled: false,
    radius: 5.0,
};

type Records = [(Record, Sidecar)];
/// A line: what it is, how it is drawn, and its value for a network.
type Line = (&'static str, Marker, fn(&Summary) -> Option<Mean>);

/// Relevance against resolution, a point a network.
pub(super) fn plane(group: &Group, records: &Records) -> Drawn {
    let mut csv = String::from(
        "sweep,network,units,realizations,resolution,resolution_stderr,relevance,relevance_stderr\n",
    );
    let (mut points, mut labels, mut highest) = (Vec::new(), Vec::new(), 0.5_f64);
    for (network, units) in with_units(group, records) {
        let Some((_, s, k)) = network.layers().first().and_then(place) else {
            continue;
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            csv,
            "{},{},{units},{},{},{},{},{}",
            quoted(group.name),
            quoted(network.name()),
            s.count,
            s.value,
            cell(s.stderr),
            k.value,
            cell(k.stderr)
        );
        highest = highest.max(k.value + k.stderr.unwrap_or(0.0));
        labels.push((s.value, k.value, units.to_string()));
        points.push(point(&s, &k, Bars::Errors));
    }
    let observations = group.networks.first().map_or(0, |n| n.summary.observations);
    let curves = Curves::new(observations);
    let mut items = Vec::new();
    if !points.is_empty() {
        highest = highest.max(curves.highest());
        items.extend(curves.items());
        items.push(Item::Line(line(&points), joining(group.marker.colour)));
        items.push(Item::Markers(points, group.marker));
        items.push(Item::Labels(Labels {
            points: labels,
            size: 11.0,
            colour: group.marker.colour,
        }));
    }
    let mut legend = vec![Entry {
        text: "numbers: units".to_owned(),
        marker: Some(group.marker),
        stroke: Some(joining(group.marker.colour)),
    }];
    legend.extend(theory::legend());
    Drawn {
        panel: Panel {
            letter: None,
            heading: Some(group.name.to_owned()),
            title: "Relevance against resolution".to_owned(),
            x: Axis::linear("resolution *H*[*s*] / ln *M*", -0.03, 1.04),
            y: Axis::linear("relevance *H*[*k*] / ln *M*", -0.02, highest + 0.05),
            items,
            legend,
            notes: Vec::new(),
        },
        csv,
    }
}

pub(super) fn accuracy(group: &Group, records: &Records) -> Drawn {
    let lines: [Line; 2] = [
        ("training", FIRST, |s| {
            s.learnt(|learnt| learnt.train_accuracy)
        }),
        ("test", SECOND, |s| s.learnt(|learnt| learnt.test_accuracy)),
    ];
    against_units(group, records, "accuracy", &lines, |low, _| {
        Axis::linear("accuracy", low - 0.03, 1.01)
    })
}

pub(super) fn loss(group: &Group, records: &Records) -> Drawn {
    let lines: [Line; 2] = [
        ("training", FIRST, |s| s.learnt(|learnt| learnt.train_loss)),
        ("test", SECOND, |s| s.learnt(|learnt| learnt.test_loss)),
    ];
    against_units(group, records, "loss", &lines, |low, high| {
        let room = 0.08 * (high - low).max(1.0);
        Axis::linear("loss per image / nats", low - room, high + room)
    })
}

pub(super) fn ability(group: &Group, records: &Records) -> Drawn {
    let lines: [Line; 1] = [("generation ability", FIRST, |s| s.ability())];
    against_units(group, records, "ability", &lines, |_, high| {
        let high = high.max(0.1);
        Axis::linear(
            "generation ability 1/*D*(*P*‖*Q*)",
            -0.04 * high,
            1.1 * high,
        )
    })
}

pub(super) fn error_against_beta(group: &Group, records: &Records) -> Drawn {
    let error = |network: &Network| {
        let layer = network.layers().first()?;
        layer.mean(|measure| measure.classification_error)
    };
    against_beta(
        group,
        records,
        "classification_error",
        "classification error",
        error,
    )
}

pub(super) fn ability_against_beta(group: &Group, records: &Records) -> Drawn {
    let ability = |network: &Network| network.summary.ability();
    against_beta(
        group,
        records,
        "ability",
        "generation ability 1/*D*(*P*‖*Q*)",
        ability,
    )
}

/// Samples of the network that generates best.
pub(super) fn samples(group: &Group) -> Drawn {
    let order = |network: &&Network| network.summary.ability().map_or(-1.0, |mean| mean.value);
    let best = group
        .networks
        .iter()
        .max_by(|a, b| order(a).total_cmp(&order(b)));
    let images = best.and_then(|network| network.summary.learnt.iter().find_map(|it| it.1));
    let mut drawn = sampled::panel_of(best.map_or("", Network::name), images);
    let judged = |network: &&Network| {
        network
            .summary
            .learnt
            .iter()
            .any(|it| it.0.quality.is_some())
    };
    if !best.as_ref().is_some_and(judged) {
        drawn.panel.notes = vec!["No samples: there is no classifier to judge them.".to_owned()];
    }
    drawn
}

/// One number of each network or several, against its units.
fn against_units(
    group: &Group,
    records: &Records,
    column: &str,
    lines: &[Line],
    axis: fn(f64, f64) -> Axis,
) -> Drawn {
    let mut csv = format!("sweep,network,units,of,{column},{column}_stderr\n");
    let layer = group.networks.iter().find_map(|n| n.layers().first());
    let label = layer.map_or("units".to_owned(), |layer| format!("{} units", layer.name));
    let (mut items, mut legend) = (Vec::new(), Vec::new());
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let (mut fewest, mut most) = (f64::INFINITY, 10.0_f64);
    for (what, marker, value) in lines {
        let mut points = Vec::new();
        for (network, units) in with_units(group, records) {
            let Some(mean) = value(network.summary) else {
                continue;
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                csv,
                "{},{},{units},{what},{},{}",
                quoted(group.name),
                quoted(network.name()),
                mean.value,
                cell(mean.stderr)
            );
            let stderr = mean.stderr.unwrap_or(0.0);
            (low, high) = (low.min(mean.value - stderr), high.max(mean.value + stderr));
            (fewest, most) = (fewest.min(units as f64), most.max(units as f64));
            points.push(Point {
                x: units as f64,
                y: mean.value,
                x_stderr: 0.0,
                y_stderr: stderr,
            });
        }
        if points.is_empty() {
            continue;
        }
        items.push(Item::Line(line(&points), joining(marker.colour)));
        items.push(Item::Markers(points, *marker));
        legend.push(Entry {
            text: (*what).to_owned(),
            marker: Some(*marker),
            stroke: Some(joining(marker.colour)),
        });
    }
    if items.is_empty() {
        (low, high) = (0.0, 1.0);
    }
    Drawn {
        panel: Panel {
            letter: None,
            heading: Some(group.name.to_owned()),
            title: format!("{column} against units"),
            x: Axis::log(&label, fewest.min(most) / 1.4, most * 1.4),
            y: axis(low, high),
            items,
            legend,
            notes: Vec::new(),
        },
        csv,
    }
}

/// One number of each network against its β.
fn against_beta(
    group: &Group,
    records: &Records,
    column: &str,
    label: &str,
    value: impl Fn(&Network) -> Option<Mean>,
) -> Drawn {
    let mut csv = format!("sweep,network,units,beta,beta_stderr,{column},{column}_stderr\n");
    let (mut points, mut labels, mut nowhere) = (Vec::new(), Vec::new(), Vec::new());
    let (mut low, mut high, mut highest) = (0.8_f64, 1.25_f64, 0.1_f64);
    for (network, units) in with_units(group, records) {
        let beta = network.layers().first().and_then(beta);
        let (Some(x), Some(y)) = (beta, value(network)) else {
            nowhere.push(network.name());
            continue;
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            csv,
            "{},{},{units},{},{},{},{}",
            quoted(group.name),
            quoted(network.name()),
            x.value,
            cell(x.stderr),
            y.value,
            cell(y.stderr)
        );
        (low, high) = (low.min(x.value), high.max(x.value));
        highest = highest.max(y.value + y.stderr.unwrap_or(0.0));
        labels.push((x.value, y.value, units.to_string()));
        points.push(point(&x, &y, Bars::Errors));
    }
    let mut notes = Vec::new();
    if !nowhere.is_empty() {
        notes.push(format!("*β* or value undefined: {}.", nowhere.join(", ")));
    }
    let mut items = Vec::new();
    if !points.is_empty() {
        items.push(Item::Line(
            vec![(1.0, -highest), (1.0, 2.0 * highest)],
            ZIPF,
        ));
        items.push(Item::Line(line(&points), joining(ORANGE)));
        items.push(Item::Markers(points, group.marker));
        items.push(Item::Labels(Labels {
            points: labels,
            size: 11.0,
            colour: group.marker.colour,
        }));
    }
    Drawn {
        panel: Panel {
            letter: None,
            heading: Some(group.name.to_owned()),
            title: format!("{column} against β"),
            x: Axis::log("exponent *β* (maximum likelihood)", low / 1.3, high * 1.3),
            y: Axis::linear(label, -0.04 * highest, 1.1 * highest),
            items,
            legend: vec![
                Entry {
                    text: "numbers: units".to_owned(),
                    marker: Some(group.marker),
                    stroke: Some(joining(ORANGE)),
                },
                Entry {
                    text: "*β* = 1 (Zipf)".to_owned(),
                    marker: None,
                    stroke: Some(ZIPF),
                },
            ],
            notes,
        },
        csv,
    }
}

fn beta(layer: &Layer) -> Option<Mean> {
    layer.mean(|measure| measure.beta.mle)
}

fn line(points: &[Point]) -> Vec<(f64, f64)> {
    points.iter().map(|p| (p.x, p.y)).collect()
}

/// The networks whose layer has a number of units.
fn with_units<'a>(
    group: &'a Group<'a>,
    records: &'a Records,
) -> impl Iterator<Item = (&'a Network<'a>, usize)> {
    group.networks.iter().filter_map(|network| {
        let units = records.iter().find_map(|(record, _)| {
            let unit = &record.unit;
            let own = unit.variant.as_ref() == Some(network.variant);
            match &unit.task {
                _ if !own || unit.series != Series::Trained => None,
                Task::FeedForward(config) => Some(config.hidden),
                Task::Vae(task) => Some(task.config.latent),
                _ => None,
            }
        })?;
        Some((network, units))
    })
}
