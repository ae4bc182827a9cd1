//! Colours and lines that all figures share.

use crate::svg::Stroke;

/// Okabe and Ito's colours, which all kinds of colour vision tell apart
/// (Okabe, Ito, "Color Universal Design", 2008).
pub(crate) const BLACK: &str = "#000000";
pub(crate) const BLUE: &str = "#0072b2";
pub(crate) const GREEN: &str = "#009e73";
pub(crate) const ORANGE: &str = "#e69f00";
pub(crate) const SKY_BLUE: &str = "#56b4e9";
pub(crate) const PURPLE: &str = "#cc79a7";
pub(crate) const GREY: &str = "#777777";

/// The thin line that joins points that belong together.
pub(crate) fn joining(colour: &'static str) -> Stroke {
    Stroke {
        colour,
        width: 1.2,
        dash: "",
    }
}
