//! Panel (a): relevance against resolution.

use std::fmt::Write;

use super::{series_marker, series_name};
use crate::axis::Axis;
use crate::figure::{Drawn, cell, quoted};
use crate::look::{BLACK, joining};
use crate::panel::{Entry, Item, Labels, Panel, Point};
use crate::theory::{self, Curves};
use resrel_experiment::{Layer, Mean, Series, Summary};

/// A layer's name, resolution and relevance.
pub(crate) type Place<'a> = (&'a str, Mean, Mean);

/// What bars show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bars {
    /// Standard errors of the means.
    Errors,
    /// Standard deviations over realizations.
    Deviations,
}

impl Bars {
    pub(crate) fn of(self, mean: &Mean) -> f64 {
        let stderr = mean.stderr.unwrap_or(0.0);
        match self {
            Self::Errors => stderr,
            Self::Deviations => stderr * (mean.count as f64).sqrt(),
        }
    }
}

/// The `series` that the figure shows; the first ones lie below.
pub(crate) fn draw(summary: &Summary, series: &[Series], bars: Bars) -> Drawn {
    let mut markers = Vec::new();
    let mut notes = Vec::new();
    let mut absent = Vec::new();
    let mut legend = Vec::new();
    let mut rows = Vec::new();
    let mut highest = 0.5_f64;
    for &series in series {
        let all = summary.layers(series);
        let layers: Vec<Place> = all.iter().filter_map(place).collect();
        if layers.is_empty() {
            absent.push(series_name(series));
            continue;
        }
        if layers.len() < all.len() {
            let missing = all.len() - layers.len();
            notes.push(format!("Undefined: {missing} of {}.", series_name(series)));
        }
        let marker = series_marker(series);
        let points: Vec<Point> = layers.iter().map(|(_, s, k)| point(s, k, bars)).collect();
        let line = points.iter().map(|p| (p.x, p.y)).collect();
        highest = points
            .iter()
            .fold(highest, |top, p| top.max(p.y + p.y_stderr));
        markers.push(Item::Line(line, joining(marker.colour)));
        markers.push(Item::Markers(points, marker));
        if series == Series::Trained {
            markers.push(Item::Labels(numbers(&layers)));
            notes.push("Numbers: layers of the trained network.".to_owned());
        }
        legend.push(Entry {
            text: series_name(series).to_owned(),
            marker: Some(marker),
            stroke: Some(joining(marker.colour)),
        });
        rows.push((series, layers));
    }
    legend.reverse();
    absent.reverse();
    rows.reverse();
    if !absent.is_empty() {
        notes.push(format!("No values: {}.", absent.join(", ")));
    }
    let curves = Curves::new(summary.observations);
    legend.extend(theory::legend());
    let csv = csv(&rows, &curves);
    let mut items = Vec::new();
    if !markers.is_empty() {
        highest = highest.max(curves.highest());
        items.extend(curves.items());
        items.append(&mut markers);
    }
    Drawn {
        panel: Panel {
            letter: None,
            heading: None,
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

fn csv(rows: &[(Series, Vec<Place>)], curves: &Curves) -> String {
    let mut csv = String::from(
        "series,layer,realizations,resolution,resolution_stderr,relevance,relevance_stderr,curve_beta\n",
    );
    for (series, layers) in rows {
        for (name, s, k) in layers {
            let _ = writeln!(
                csv,
                "{},{},{},{},{},{},{},",
                series_name(*series),
                quoted(name),
                s.count,
                s.value,
                cell(s.stderr),
                k.value,
                cell(k.stderr)
            );
        }
    }
    for point in &curves.family {
        let _ = writeln!(
            csv,
            "power-law family,,,{},,{},,{}",
            point.resolution, point.relevance, point.beta
        );
    }
    for (name, places) in [
        ("Poisson optimum", &curves.optimum),
        ("strict bound", &curves.bound),
    ] {
        for (resolution, relevance) in places {
            let _ = writeln!(csv, "{name},,,{resolution},,{relevance},,");
        }
    }
    csv
}

/// The layers' names, a DBN's without its H.
pub(crate) fn numbers(layers: &[Place]) -> Labels {
    let points = layers.iter().map(|(name, s, k)| {
        let number = name.strip_prefix('H').unwrap_or(name);
        (s.value, k.value, number.to_owned())
    });
    Labels {
        points: points.collect(),
        size: 13.0,
        colour: BLACK,
    }
}

pub(crate) fn place<'a>(layer: &Layer<'a>) -> Option<Place<'a>> {
    let resolution = layer.mean(|measure| measure.resolution)?;
    let relevance = layer.mean(|measure| measure.relevance)?;
    Some((layer.name, resolution, relevance))
}

pub(crate) fn point(x: &Mean, y: &Mean, bars: Bars) -> Point {
    Point {
        x: x.value,
        y: y.value,
        x_stderr: bars.of(x),
        y_stderr: bars.of(y),
    }
}
