//! Panel (a): relevance against resolution.

use std::fmt::Write;

use resrel_experiment::{Layer, Mean, Series, Summary};
use resrel_measure::{CurvePoint, Limits, power_law_curve};

use super::{Drawn, SERIES, cell, joining, quoted, series_marker, series_name};
use crate::axis::Axis;
use crate::colours::{BLACK, GREY};
use crate::panel::{Entry, Item, Labels, Panel, Point};
use crate::svg::Stroke;

/// The curve's exponents: from where it is far above H\[k\] = H\[s\] to where it has reached the
/// corner.
const BETAS: std::ops::RangeInclusive<u32> = 0..=240;
const BETA_STEP: f64 = 0.05;

/// Points at which the strict bound is drawn, evenly over the axis.
const BOUND_POINTS: u32 = 400;

const OPTIMUM: Stroke = Stroke {
    colour: BLACK,
    width: 1.8,
    dash: "",
};
const BOUND: Stroke = Stroke {
    colour: GREY,
    width: 1.8,
    dash: "",
};
const FAMILY: Stroke = Stroke {
    colour: BLACK,
    width: 1.4,
    dash: "1.5 3.5",
};
const DIAGONAL: Stroke = Stroke {
    colour: GREY,
    width: 1.3,
    dash: "7 4",
};

/// A layer's name, resolution and relevance.
type Place<'a> = (&'a str, Mean, Mean);

pub(super) fn draw(summary: &Summary) -> Drawn {
    let mut markers = Vec::new();
    let mut notes = Vec::new();
    let mut absent = Vec::new();
    let mut legend = Vec::new();
    let mut rows = Vec::new();
    let mut highest = 0.5_f64;
    for series in SERIES {
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
        let points: Vec<Point> = layers.iter().map(|(_, s, k)| point(s, k)).collect();
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
    let limits = Limits::of(summary.observations).ok();
    let curves = Curves::new(summary.observations, limits.as_deref());
    for (text, stroke) in [
        ("Poisson optimum, ensemble", OPTIMUM),
        ("strict bound, all samples", BOUND),
        ("power-law family, not a bound", FAMILY),
    ] {
        legend.push(Entry {
            text: text.to_owned(),
            marker: None,
            stroke: Some(stroke),
        });
    }
    legend.push(Entry {
        text: "*H*[*k*] = *H*[*s*]".to_owned(),
        marker: None,
        stroke: Some(DIAGONAL),
    });
    let csv = csv(&rows, &curves);
    let mut items = Vec::new();
    if !markers.is_empty() {
        let family = curves.family.iter().map(|p| (p.resolution, p.relevance));
        items.push(Item::Line(vec![(0.0, 0.0), (1.0, 1.0)], DIAGONAL));
        items.push(Item::Line(family.collect(), FAMILY));
        items.push(Item::Line(curves.bound.clone(), BOUND));
        items.push(Item::Line(curves.optimum.clone(), OPTIMUM));
        let tops = curves.bound.iter().map(|place| place.1);
        highest = tops.fold(highest, f64::max);
        items.append(&mut markers);
    }
    Drawn {
        panel: Panel {
            letter: "a",
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

/// The theoretical curves, which are three different things.
struct Curves {
    family: Vec<CurvePoint>,
    optimum: Vec<(f64, f64)>,
    bound: Vec<(f64, f64)>,
}

impl Curves {
    fn new(m: u64, limits: Option<&Limits>) -> Self {
        let optimum = limits.iter().flat_map(|l| l.optimum.points());
        let bound = limits.iter().flat_map(|limits| {
            (0..=BOUND_POINTS).map(|i| {
                let resolution = f64::from(i) / f64::from(BOUND_POINTS);
                (resolution, limits.strict.at(resolution))
            })
        });
        Self {
            family: family(m),
            optimum: optimum
                .map(|p| (p.resolution, p.relevance.max(0.0)))
                .collect(),
            bound: bound.collect(),
        }
    }
}

/// The layers' names, a DBN's without its H.
fn numbers(layers: &[Place]) -> Labels {
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

/// The family where samples can be: at or below H\[k\] = H\[s\], from the corner at the right on.
fn family(m: u64) -> Vec<CurvePoint> {
    let betas: Vec<f64> = BETAS.rev().map(|i| f64::from(i) * BETA_STEP).collect();
    power_law_curve(m, &betas)
        .into_iter()
        .take_while(|point| point.relevance <= point.resolution)
        .collect()
}

fn place<'a>(layer: &Layer<'a>) -> Option<Place<'a>> {
    let resolution = layer.mean(|measure| measure.resolution)?;
    let relevance = layer.mean(|measure| measure.relevance)?;
    Some((layer.name, resolution, relevance))
}

fn point(x: &Mean, y: &Mean) -> Point {
    Point {
        x: x.value,
        y: y.value,
        x_stderr: x.stderr.unwrap_or(0.0),
        y_stderr: y.stderr.unwrap_or(0.0),
    }
}
