//! Colours and lines that all figures share.

use crate::svg::{Marker, Shape, Stroke};

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

/// From dark to light, for things that have an order: ten steps of viridis (van der Walt, Smith, 2015)
/// without its palest end.
const SHADES: [&str; 10] = [
    "#440154", "#482173", "#433e85", "#38598c", "#2d708e", "#25858e", "#1e9b8a", "#2ab07f",
    "#52c569", "#86d549",
];

/// Markers of `count` things in order, from dark to light. Shapes and fill alternate, so that no two
/// neighbours need their colours to be told apart.
pub(crate) fn ordered(count: usize) -> Vec<Marker> {
    let shapes = [
        Shape::Square,
        Shape::Circle,
        Shape::Triangle,
        Shape::Diamond,
    ];
    let marker = |place: usize| Marker {
        colour: SHADES[place * (SHADES.len() - 1) / (count.max(2) - 1)],
        shape: shapes[place % shapes.len()],
        filled: place.is_multiple_of(2),
        radius: 4.8,
    };
    (0..count).map(marker).collect()
}
