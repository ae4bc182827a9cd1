//! Figure S1 of Song, Marsili, Jo, "Resolution and Relevance Trade-offs in Deep Learning": the spread over runs,
//! trained, untrained and on shuffled images, and the spectrum of every layer. Its panels are inferred from the
//! text, since the caption is not at hand.

use std::fmt::Write;

use resrel_experiment::{Layer, Record, Series, Sidecar, Summary};
use resrel_measure::Measure;

use crate::axis::Axis;
use crate::fig2::SERIES;
use crate::fig2::per_layer::{Value, points};
use crate::fig2::plane::{self, Bars};
use crate::fig2::spectra::{Choice, shortened, spectra};
use crate::fig2::{about, series_name};
use crate::figure::{Drawn, cell, figure, quoted};
use crate::look::ordered;
use crate::panel::Panel;
use crate::{Artefact, Error};

/// In the order in which they are drawn, the most important last and on top.
const NETWORKS: [Series; 3] = [Series::Shuffled, Series::Untrained, Series::Trained];

/// Draws Figure S1 from the records of any number of units.
///
/// Values are means over realizations; bars are standard deviations.
pub(crate) fn draw(records: &[(Record, Sidecar)]) -> Result<Vec<Artefact>, Error> {
    let summary = Summary::new(records)?;
    if NETWORKS
        .iter()
        .all(|series| summary.layers(*series).is_empty())
    {
        return Err(Error::NoRecords);
    }
    let mut panels = vec![
        plane::draw(&summary, &SERIES[1..], Bars::Deviations),
        per_layer(&summary, "resolution", "*H*[*s*]", |m| m.resolution),
        per_layer(&summary, "relevance", "*H*[*k*]", |m| m.relevance),
    ];
    panels.extend(
        NETWORKS
            .iter()
            .rev()
            .map(|series| all_layers(&summary, *series)),
    );
    let title = "Figure S1: spread over runs, and spectra of all layers";
    let about = about(&summary).replace("standard errors", "standard deviations");
    figure("figS1", title, panels, 3, &about)
}

fn per_layer(
    summary: &Summary,
    name: &str,
    symbol: &str,
    number: fn(&Measure) -> Option<f64>,
) -> Drawn {
    let value = |layer: &Layer| {
        let mean = layer.mean(number)?;
        Some(Value {
            value: mean.value,
            // With one realization there is no deviation.
            stderr: mean.stderr.map(|_| Bars::Deviations.of(&mean)),
        })
    };
    let mut csv = format!("series,layer,realizations,{name},{name}_deviation\n");
    for series in NETWORKS.into_iter().rev() {
        for layer in summary.layers(series) {
            if let Some(it) = value(layer) {
                // Writing to a string cannot fail.
                let _ = writeln!(
                    csv,
                    "{},{},{},{},{}",
                    series_name(series),
                    quoted(layer.name),
                    layer.realizations(),
                    it.value,
                    cell(it.stderr)
                );
            }
        }
    }
    let points = points(summary, &NETWORKS, symbol, value);
    let highest = points.range.map_or(1.0, |(_, high)| high.max(0.1));
    Drawn {
        panel: Panel {
            letter: None,
            heading: None,
            title: format!("{name} of every layer"),
            x: Panel::names_axis("layer", &points.names),
            y: Axis::linear(
                &format!("{name} {symbol} / ln *M*"),
                -0.03 * highest,
                1.08 * highest,
            ),
            items: points.items,
            legend: points.legend,
            notes: points.notes,
        },
        csv,
    }
}

fn all_layers(summary: &Summary, series: Series) -> Drawn {
    let layers = summary.layers(series);
    let mut notes = Vec::new();
    if layers.is_empty() {
        notes.push(format!("No values: {}.", series_name(series)));
    }
    let choices = layers.iter().zip(ordered(layers.len()));
    let choices = choices.map(|(layer, marker)| Choice {
        source: series_name(series),
        layer,
        text: shortened(layer.name),
        marker,
    });
    let mut drawn = spectra("Spectrum of every layer", choices.collect(), notes);
    drawn.panel.heading = Some(series_name(series).to_owned());
    drawn
}
