//! Records → figures.
//!
//! [`Report`] is all that is told of a run. A figure is drawn from records alone, as SVG, as PNG and as the CSV of its numbers. Each comes
//! back as bytes with a file name, to be written by whoever asked for it. The PNG is the SVG drawn
//! with fonts that come with this crate, so both show the same picture on every machine.
#![allow(
    clippy::doc_markdown,
    reason = "the docs are full of formulas, whose symbols are no code"
)]

mod axis;
mod compare;
mod error;
mod fig2;
mod fig3;
mod figure;
mod hierarchy;
mod letters;
mod look;
mod msr;
mod page;
mod panel;
mod plot;
mod png;
mod run;
mod spread;
mod svg;
mod theory;

pub use error::Error;
pub use fig3::samples_plot;
pub use msr::msr_plot;
pub use plot::{Picture, fit_plot, limit_plot, measure_plot};
pub use run::{NetworkReport, Report};

use png::png;
use resrel_experiment::{Figure, Record, Sidecar};

/// Draws a figure from the records of any number of units: each panel as SVG, PNG and CSV, and all of them on one
/// page.
///
/// Values are means over realizations with their standard errors (figure S1: standard deviations). What the
/// records lack (a series, a layer's β) is left out, and the panel says so. The same records, in any order, give
/// the same bytes.
///
/// # Errors
/// [`Error::NoRecords`] if there is nothing of what the figure shows; [`Error::Record`] if a record and its
/// companion do not fit; [`Error::Png`] if a picture cannot be rasterised.
pub fn draw(figure: Figure, records: &[(Record, Sidecar)]) -> Result<Vec<Artefact>, Error> {
    match figure {
        Figure::Fig1 => hierarchy::draw(records),
        Figure::Fig2 => fig2::draw(records),
        Figure::Fig3 => fig3::draw(records),
        Figure::FigS1 => spread::draw(records),
        Figure::FigS3 => letters::draw(records),
        Figure::FigS2
        | Figure::FigS4
        | Figure::FigS5
        | Figure::FigS6
        | Figure::Schedule
        | Figure::Sweep => compare::draw(figure, records),
    }
}

/// A finished file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    /// Its name, with extension.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Artefact {
    fn new(stem: &str, extension: &str, bytes: Vec<u8>) -> Self {
        Self {
            name: format!("{stem}.{extension}"),
            bytes,
        }
    }
}
