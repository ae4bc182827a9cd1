//! Records → figures.
//!
//! A figure is drawn from records alone, as SVG, as PNG and as the CSV of its numbers. Each comes
//! back as bytes with a file name, to be written by whoever asked for it. The PNG is the SVG drawn
//! with fonts that come with this crate, so both show the same picture on every machine.
#![allow(
    clippy::doc_markdown,
    reason = "the docs are full of formulas, whose symbols are no code"
)]

mod axis;
mod error;
mod fig2;
mod fig3;
mod figure;
mod look;
mod msr;
mod panel;
mod plot;
mod png;
mod svg;
mod theory;

pub use error::Error;
pub use fig2::fig2;
pub use fig3::{fig3, samples_plot};
pub use msr::msr_plot;
pub use plot::{Picture, fit_plot, limit_plot, measure_plot};

use png::png;

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
