//! A figure of several panels: each on a page of its own, and all on one.

use crate::panel::{Panel, WIDTH};
use crate::svg::{Anchor, Font, Svg};
use crate::{Artefact, Error, png};

/// Space around the panels of the combined picture, and below them, in pixels.
const GAP: f64 = 16.0;
const FOOT: f64 = 30.0;

/// A panel and its numbers.
pub(crate) struct Drawn {
    pub panel: Panel,
    pub csv: String,
}

/// The files of a figure: for each panel `NAMEa` … as SVG, PNG and (where it has numbers) CSV, and
/// `NAME.svg` and `NAME.png` with all of them in rows of `columns`. `about` stands below. Panels get their
/// letters here, in their order.
pub(crate) fn figure(
    name: &str,
    title: &str,
    mut panels: Vec<Drawn>,
    columns: usize,
    about: &str,
) -> Result<Vec<Artefact>, Error> {
    let mut artefacts = Vec::new();
    for (letter, Drawn { panel, csv }) in ('a'..).zip(&mut panels) {
        panel.letter = Some(letter);
        let stem = format!("{name}{letter}");
        let panel = panel.with_note(about);
        let mut page = Svg::default();
        page.place(0.0, 0.0, &panel.draw());
        let svg = page.document(&panel.title, WIDTH + GAP, panel.height() + GAP);
        artefacts.push(Artefact::new(&stem, "png", png(&stem, &svg)?));
        artefacts.push(Artefact::new(&stem, "svg", svg.into_bytes()));
        if !csv.is_empty() {
            artefacts.push(Artefact::new(&stem, "csv", csv.clone().into_bytes()));
        }
    }
    let svg = combined(title, &panels, columns, about);
    artefacts.push(Artefact::new(name, "png", png(name, &svg)?));
    artefacts.push(Artefact::new(name, "svg", svg.into_bytes()));
    artefacts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(artefacts)
}

fn combined(title: &str, panels: &[Drawn], columns: usize, about: &str) -> String {
    let mut page = Svg::default();
    let mut top = GAP / 2.0;
    for row in panels.chunks(columns) {
        for (column, drawn) in row.iter().enumerate() {
            let left = GAP / 2.0 + (WIDTH + GAP) * column as f64;
            page.place(left, top, &drawn.panel.draw());
        }
        top += GAP + row.iter().map(|d| d.panel.height()).fold(0.0, f64::max);
    }
    page.text(GAP / 2.0 + 10.0, top + 6.0, about, foot_font());
    page.document(
        title,
        columns as f64 * (WIDTH + GAP),
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

/// A number for a table: the shortest text that reads back as the same number, empty where there
/// is none.
pub(crate) fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A text for a table, quoted where it must be (RFC 4180).
pub(crate) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
