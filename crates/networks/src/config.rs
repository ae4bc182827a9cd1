//! What configurations share.

use crate::Error;

/// Refuses an option that is 0.
pub(crate) fn counts(options: &[(&'static str, usize)]) -> Result<(), Error> {
    match options.iter().find(|(_, value)| *value == 0) {
        None => Ok(()),
        Some((option, value)) => Err(Error::Config {
            option,
            value: value.to_string(),
            remedy: "at least 1",
        }),
    }
}

/// Refuses a learning rate that is no number above 0.
pub(crate) fn learning_rate(value: f64) -> Result<(), Error> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::Config {
        option: "learning_rate",
        value: value.to_string(),
        remedy: "a finite number above 0",
    })
}
