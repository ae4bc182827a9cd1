//! Recipe → units → records.

mod record;

pub use record::{RECORD_VERSION, Record, Series, Sidecar};
