//! What keeps a figure from being drawn.

/// What keeps a figure from being drawn.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to draw.
    #[error("no records: run the recipe before its figures are drawn")]
    NoRecords,
    /// A record and its companion disagree.
    #[error(transparent)]
    Record(#[from] resrel_experiment::Error),
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
    /// The page could not be made.
    #[error("the page could not be made ({0}); figures and records are whole")]
    Page(String),
}
