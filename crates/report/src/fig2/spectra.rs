//! Panel (b): frequency spectra m_k.

use std::fmt::Write;

use resrel_experiment::{Layer, Series, Summary, number_in};
use resrel_measure::binned;

use super::series_name;
use crate::axis::Axis;
use crate::figure::{Drawn, quoted};
use crate::look::{BLACK, GREY, ORANGE, PURPLE, SKY_BLUE, joining};
use crate::panel::{Entry, Item, Panel, Point};
use crate::svg::{Marker, Shape, Stroke};

/// The layers and the number of clusters that the paper shows.
const LAYERS: [&str; 3] = ["H3", "H6", "H9"];
const CLUSTERS: &str = "4096";

/// Letters of a layer's name that fit into the legend.
const LONGEST_NAME: usize = 14;

const ZIPF: Stroke = Stroke {
    colour: GREY,
    width: 1.3,
    dash: "7 4",
};

/// One spectrum: where it comes from, and how it is drawn.
pub(crate) struct Choice<'a> {
    /// Series or network.
    pub source: &'a str,
    pub layer: &'a Layer<'a>,
    pub text: String,
    pub marker: Marker,
}

pub(crate) fn draw(summary: &Summary) -> Drawn {
    let mut notes = Vec::new();
    let choices = choose(summary, &mut notes);
    spectra("Number of states of each frequency", choices, notes)
}

/// The spectra of these layers.
pub(crate) fn spectra(title: &str, choices: Vec<Choice>, mut notes: Vec<String>) -> Drawn {
    let mut csv = String::from("series,layer,realizations,points,k,k_last,m_k\n");
    let (mut dots, mut bins, mut legend) = (Vec::new(), Vec::new(), Vec::new());
    let (mut widest, mut lowest, mut highest) = (10.0_f64, 1.0_f64, 10.0_f64);
    for Choice {
        source,
        layer,
        text,
        marker,
    } in choices
    {
        let Some(spectrum) = &layer.spectrum else {
            notes.push(format!("No spectrum: {source} {}.", layer.name));
            continue;
        };
        let n = layer.realizations() as f64;
        let mut row = |points: &str, k: f64, last: &str, m_k: f64| {
            let _ = writeln!(
                csv,
                "{},{},{n},{points},{k},{last},{m_k}",
                quoted(source),
                quoted(layer.name),
            );
        };
        let raw = spectrum.pairs().iter();
        let raw: Vec<(f64, f64)> = raw.map(|&(k, m_k)| (k as f64, m_k as f64 / n)).collect();
        for &(k, m_k) in &raw {
            row("each", k, "", m_k);
            highest = highest.max(m_k);
            lowest = lowest.min(m_k);
        }
        widest = widest.max(spectrum.max_frequency() as f64);
        dots.push(Item::Dots(raw, marker.colour));
        let mut means = Vec::new();
        for bin in binned(spectrum) {
            let density = bin.density / n;
            row("bin", bin.first as f64, &bin.last.to_string(), density);
            widest = widest.max(bin.centre);
            lowest = lowest.min(density);
            means.push(Point {
                x: bin.centre,
                y: density,
                x_stderr: 0.0,
                y_stderr: 0.0,
            });
        }
        let line = means.iter().map(|p| (p.x, p.y)).collect();
        bins.push(Item::Line(line, joining(marker.colour)));
        bins.push(Item::Markers(means, marker));
        legend.push(Entry {
            text,
            marker: Some(marker),
            stroke: Some(joining(marker.colour)),
        });
    }
    let mut items = Vec::new();
    if !bins.is_empty() {
        notes.push(
            "Symbols: mean of *m*_{*k*} over bins of ratio 2, zeros included. Dots: each *k*."
                .to_owned(),
        );
        // From the middle of the left edge, where it crosses the data at their own slope.
        let start = (highest * lowest.max(1.0)).sqrt() * 10.0;
        items.push(Item::Line(vec![(1.0, start), (1e6, start * 1e-12)], ZIPF));
        legend.push(Entry {
            text: "∝ *k*^{−2} (*β* = 1)".to_owned(),
            marker: None,
            stroke: Some(ZIPF),
        });
    }
    items.append(&mut dots);
    items.append(&mut bins);
    Drawn {
        panel: Panel {
            letter: None,
            heading: None,
            title: title.to_owned(),
            x: Axis::log("frequency *k*", 0.7, widest * 1.7),
            y: Axis::log("degeneracy *m*_{*k*}", lowest / 2.0, highest * 2.5),
            items,
            legend,
            notes,
        },
        csv,
    }
}

/// The paper's layers and clusters; where they are missing, the nearest to them in meaning.
fn choose<'a>(summary: &'a Summary<'a>, notes: &mut Vec<String>) -> Vec<Choice<'a>> {
    let trained = summary.layers(Series::Trained);
    let mut layers: Vec<&Layer> = trained
        .iter()
        .filter(|layer| LAYERS.contains(&layer.name))
        .collect();
    if layers.is_empty() {
        let mut places = vec![0, trained.len() / 2, trained.len().saturating_sub(1)];
        places.dedup();
        layers = places.iter().filter_map(|&i| trained.get(i)).collect();
    } else if layers.len() < LAYERS.len() {
        let found = |name: &&&str| layers.iter().all(|layer| layer.name != **name);
        let missing: Vec<&str> = LAYERS.iter().filter(found).copied().collect();
        notes.push(format!("Not in the records: {}.", missing.join(", ")));
    }
    if layers.is_empty() {
        notes.push("No values: trained.".to_owned());
    }
    let looks = [
        (SKY_BLUE, Shape::Circle, false),
        (BLACK, Shape::Square, true),
        (PURPLE, Shape::Diamond, false),
    ];
    let mut choices: Vec<Choice> = layers
        .into_iter()
        .zip(looks)
        .map(|(layer, look)| Choice {
            source: series_name(Series::Trained),
            layer,
            text: format!("trained {}", shortened(layer.name)),
            marker: marker(look),
        })
        .collect();

    let clusters = summary.layers(Series::KMeans);
    let paper = clusters.iter().find(|layer| layer.name == CLUSTERS);
    let largest = clusters
        .iter()
        .rfind(|layer| number_in(layer.name) < u64::MAX);
    match paper.or(largest) {
        Some(layer) => choices.push(Choice {
            source: series_name(Series::KMeans),
            layer,
            text: format!("k-means, {} clusters", layer.name),
            marker: marker((ORANGE, Shape::Triangle, true)),
        }),
        None => notes.push("No values: k-means.".to_owned()),
    }
    choices
}

/// A name that fits into the legend.
pub(crate) fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

fn marker((colour, shape, filled): (&'static str, Shape, bool)) -> Marker {
    Marker {
        colour,
        shape,
        filled,
        radius: 5.0,
    }
}
