//! What a Rust user imports.
