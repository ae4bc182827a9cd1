//! What keeps a figure from being drawn.

/// What keeps a figure from being drawn.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to draw.
    #[error("no records: run the recipe before its figures are drawn")]
    NoRecords,
    /// A record and its sidecar disagree.
    #[error(
        "unit {unit}: {layers} layers in the record, {spectra} spectra beside it: run the unit again"
    )]
    Sidecar {
        /// Name of the unit.
        unit: String,
        /// Layers in the record.
        layers: usize,
        /// Spectra in the sidecar.
        spectra: usize,
    },
    /// A spectrum that no observations can have.
    #[error("unit {unit}, {layer}: {source}; run the unit again")]
    Spectrum {
        /// Name of the unit.
        unit: String,
        /// Name of the layer.
        layer: String,
        /// What is wrong with it.
        source: resrel_measure::Error,
    },
    /// The picture could not be turned into pixels.
    #[error(
        "{name}: the picture could not be drawn as PNG ({reason}); its SVG has the same content"
    )]
    Png {
        /// Name of the picture.
        name: String,
        /// What the renderer said.
        reason: String,
    },
}
