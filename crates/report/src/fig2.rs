//! Figure 2 of Song, Marsili, Jo, "Resolution and Relevance Trade-offs in Deep Learning": (a) the
//! plane of resolution and relevance, (b) frequency spectra, (c) the exponent β and (d) the
//! classification error of every layer.

mod exponent;
mod per_layer;
mod plane;
mod spectra;

use resrel_experiment::{Record, Series, Sidecar, Summary};

use crate::figure::figure;
use crate::look::{BLACK, BLUE, GREEN, ORANGE};
use crate::svg::{Marker, Shape};
use crate::{Artefact, Error};

/// Draws Figure 2 from the records of any number of units: the files `fig2a` … `fig2d` as SVG, PNG
/// and CSV, and `fig2.svg` and `fig2.png` with all four panels.
///
/// Values are means over realizations with their standard errors. What the records lack (a series,
/// a layer's β) is left out, and the panel says so. The same records, in any order, give the same
/// bytes.
///
/// # Errors
/// [`Error::NoRecords`] without a measured layer; [`Error::Record`] if a
/// record and its spectra do not fit; [`Error::Png`] if a picture cannot be rasterised.
pub fn fig2(records: &[(Record, Sidecar)]) -> Result<Vec<Artefact>, Error> {
    if records.iter().all(|(record, _)| record.layers.is_empty()) {
        return Err(Error::NoRecords);
    }
    let summary = Summary::new(records)?;
    let panels = [
        plane::draw(&summary),
        spectra::draw(&summary),
        exponent::draw(&summary),
        per_layer::classification_error(&summary),
    ];
    let title = "Figure 2: critical data grouping";
    figure("fig2", title, &panels, 2, &about(&summary))
}

/// One line that says what was measured, and how often.
fn about(summary: &Summary) -> String {
    let counts: Vec<String> = SERIES
        .into_iter()
        .rev()
        .map(|series| (series_name(series), summary.realizations(series)))
        .filter(|&(_, n)| n > 0)
        .map(|(name, n)| format!("{name} {n}"))
        .collect();
    format!(
        "Data: {}, *M* = {}. Means and standard errors; realizations: {}.",
        summary.data.join(", "),
        summary.observations,
        counts.join(", ")
    )
}

/// In the order in which they are drawn, the most important last and on top.
const SERIES: [Series; 4] = [
    Series::KMeans,
    Series::Shuffled,
    Series::Untrained,
    Series::Trained,
];

/// The name that figures and tables use.
fn series_name(series: Series) -> &'static str {
    series.name()
}

/// The paper's markers: filled black squares, open blue squares, open green circles, filled orange
/// triangles.
fn series_marker(series: Series) -> Marker {
    let (colour, shape, filled) = match series {
        Series::Trained => (BLACK, Shape::Square, true),
        Series::Untrained => (BLUE, Shape::Square, false),
        Series::Shuffled => (GREEN, Shape::Circle, false),
        _ => (ORANGE, Shape::Triangle, true),
    };
    Marker {
        colour,
        shape,
        filled,
        radius: 5.5,
    }
}
