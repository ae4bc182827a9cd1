//! Figure 2 of Song, Marsili, Jo, "Resolution and Relevance Trade-offs in Deep Learning": (a) the
//! plane of resolution and relevance, (b) frequency spectra, (c) the exponent β and (d) the
//! classification error of every layer.

mod exponent;
mod per_layer;
mod plane;
mod spectra;

use resrel_experiment::{Record, Series, Sidecar, Summary};

use crate::colours::{BLACK, BLUE, GREEN, ORANGE};
use crate::panel::{GAP, Panel, WIDTH};
use crate::svg::{Anchor, Font, Marker, Shape, Stroke, Svg};
use crate::{Artefact, Error, png};

/// Space below the panels of the combined picture, in pixels.
const FOOT: f64 = 30.0;

/// A panel and its numbers.
struct Drawn {
    panel: Panel,
    csv: String,
}

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
    let about = about(&summary);
    let mut artefacts = Vec::new();
    for Drawn { panel, csv } in &panels {
        let stem = format!("fig2{}", panel.letter);
        let panel = panel.with_note(&about);
        let mut page = Svg::default();
        page.place(0.0, 0.0, &panel.draw());
        let svg = page.document(&panel.title, WIDTH + GAP, panel.height() + GAP);
        artefacts.push(Artefact::new(&stem, "png", png(&stem, &svg)?));
        artefacts.push(Artefact::new(&stem, "svg", svg.into_bytes()));
        artefacts.push(Artefact::new(&stem, "csv", csv.clone().into_bytes()));
    }
    let svg = combined(&panels, &about);
    artefacts.push(Artefact::new("fig2", "png", png("fig2", &svg)?));
    artefacts.push(Artefact::new("fig2", "svg", svg.into_bytes()));
    artefacts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(artefacts)
}

/// Two rows of two panels.
fn combined(panels: &[Drawn], about: &str) -> String {
    let mut page = Svg::default();
    let mut top = GAP / 2.0;
    for row in panels.chunks(2) {
        for (column, drawn) in row.iter().enumerate() {
            let left = GAP / 2.0 + (WIDTH + GAP) * column as f64;
            page.place(left, top, &drawn.panel.draw());
        }
        top += GAP + row.iter().map(|d| d.panel.height()).fold(0.0, f64::max);
    }
    page.text(GAP / 2.0 + 10.0, top + 6.0, about, foot_font());
    page.document(
        "Figure 2: critical data grouping",
        2.0 * (WIDTH + GAP),
        top + FOOT - GAP / 2.0,
    )
}

fn foot_font() -> Font {
    Font {
        size: 11.0,
        bold: false,
        colour: "#555555",
        anchor: Anchor::Start,
    }
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
    match series {
        Series::Trained => "trained",
        Series::Untrained => "untrained",
        Series::Shuffled => "shuffled",
        Series::KMeans => "k-means",
    }
}

/// The paper's markers: filled black squares, open blue squares, open green circles, filled orange
/// triangles.
fn series_marker(series: Series) -> Marker {
    let (colour, shape, filled) = match series {
        Series::Trained => (BLACK, Shape::Square, true),
        Series::Untrained => (BLUE, Shape::Square, false),
        Series::Shuffled => (GREEN, Shape::Circle, false),
        Series::KMeans => (ORANGE, Shape::Triangle, true),
    };
    Marker {
        colour,
        shape,
        filled,
        radius: 5.5,
    }
}

/// The thin line that joins a series' layers.
fn joining(colour: &'static str) -> Stroke {
    Stroke {
        colour,
        width: 1.2,
        dash: "",
    }
}

/// A number for a table: the shortest text that reads back as the same number, empty where there
/// is none.
fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A text for a table, quoted where it must be (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
