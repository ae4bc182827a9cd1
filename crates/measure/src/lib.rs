//! Resolution, relevance and power laws of anybody's state counts.

mod measure;

pub use measure::{Beta, Measure};
