//! Figure 2 of Song, Marsili, Jo, "Resolution and Relevance Trade-offs in Deep Learning": (a) the
//! plane of resolution and relevance, (b) frequency spectra, (c) the exponent β and (d) the
//! classification error of every layer.

pub(crate) mod exponent;
pub(crate) mod per_layer;
pub(crate) mod plane;
pub(crate) mod spectra;

use resrel_experiment::{Record, Series, Sidecar, Summary};

use crate::figure::figure;
use crate::look::{BLACK, BLUE, GREEN, ORANGE};
use crate::svg::{Marker, Shape};
use crate::{Artefact, Error};

/// Draws Figure 2 from the records of any number of units: the files `fig2a` … `fig2d` as SVG, PNG
/// and CSV, and `fig2.svg` and `fig2.png` with all four panels.
pub(crate) fn draw(records: &[(Record, Sidecar)]) -> Result<Vec<Artefact>, Error> {
    if records.iter().all(|(record, _)| record.layers.is_empty()) {
        return Err(Error::NoRecords);
    }
    let summary = Summary::new(records)?;
    let panels = vec![
        plane::draw(&summary, &SERIES, plane::Bars::Errors),
        spectra::draw(&summary),
        exponent::draw(&summary),
        per_layer::classification_error(&summary),
    ];
    let title = "Figure 2: critical data grouping";
    figure("fig2", title, panels, 2, &about(&summary))
}

/// One line that says what was measured, and how often.
pub(crate) fn about(summary: &Summary) -> String {
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
pub(crate) const SERIES: [Series; 4] = [
    Series::KMeans,
    Series::Shuffled,
    Series::Untrained,
    Series::Trained,
];

/// The name that figures and tables use.
pub(crate) fn series_name(series: Series) -> &'static str {
    series.name()
}

/// The paper's markers: filled black squares, open blue squares, open green circles, filled orange
/// triangles.
pub(crate) fn series_marker(series: Series) -> Marker {
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
