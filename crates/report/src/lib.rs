//! Records → figures.
