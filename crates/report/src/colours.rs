//! Colours that all kinds of colour vision tell apart (Okabe, Ito, "Color Universal Design", 2008).

pub(crate) const BLACK: &str = "#000000";
pub(crate) const BLUE: &str = "#0072b2";
pub(crate) const GREEN: &str = "#009e73";
pub(crate) const ORANGE: &str = "#e69f00";
pub(crate) const SKY_BLUE: &str = "#56b4e9";
pub(crate) const PURPLE: &str = "#cc79a7";
pub(crate) const GREY: &str = "#777777";
