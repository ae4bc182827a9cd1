//! Relevance against resolution.

use std::fmt::Write;

use super::Group;
use crate::axis::Axis;
use crate::fig2::plane::{Bars, Place, place, point};
use crate::figure::{Drawn, cell, quoted};
use crate::look::joining;
use crate::panel::{Item, Panel, Point};
use crate::theory::{self, Curves};

pub(super) fn draw(group: &Group) -> Drawn {
    let mut csv = String::from(
        "sweep,network,layer,realizations,resolution,resolution_stderr,relevance,relevance_stderr\n",
    );
    let (mut markers, mut notes, mut legend) = (Vec::new(), Vec::new(), Vec::new());
    let mut highest = 0.5_f64;
    for network in &group.networks {
        let layers: Vec<Place> = network.layers().iter().filter_map(place).collect();
        if layers.is_empty() {
            notes.push(format!("No values: {}.", network.name()));
            continue;
        }
        for (name, s, k) in &layers {
            // Writing to a string cannot fail.
            let _ = writeln!(
                csv,
                "{},{},{},{},{},{},{},{}",
                quoted(group.name),
                quoted(network.name()),
                quoted(name),
                s.count,
                s.value,
                cell(s.stderr),
                k.value,
                cell(k.stderr)
            );
        }
        let points: Vec<Point> = layers
            .iter()
            .map(|(_, s, k)| point(s, k, Bars::Errors))
            .collect();
        highest = points
            .iter()
            .fold(highest, |top, p| top.max(p.y + p.y_stderr));
        let line = points.iter().map(|p| (p.x, p.y)).collect();
        markers.push(Item::Line(line, joining(network.marker.colour)));
        markers.push(Item::Markers(points, network.marker));
        legend.push(network.entry());
    }
    let observations = group.networks.first().map_or(0, |n| n.summary.observations);
    let curves = Curves::new(observations);
    legend.extend(theory::legend());
    let mut items = Vec::new();
    if !markers.is_empty() {
        highest = highest.max(curves.highest());
        items.extend(curves.items());
        items.append(&mut markers);
    }
    Drawn {
        panel: Panel {
            letter: None,
            heading: Some(group.name.to_owned()),
            title: "Relevance against resolution".to_owned(),
            x: Axis::linear("resolution *H*[*s*] / ln *M*", -0.03, 1.04),
            y: Axis::linear("relevance *H*[*k*] / ln *M*", -0.02, highest + 0.05),
            items,
            legend,
            notes,
        },
        csv,
    }
}
