//! Progress bars with the time that is left.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};

use crate::console::Console;

/// A bar counts thousandths of the work.
const PARTS: u64 = 1_000;

/// A bar for one piece of work, hidden where nobody looks at standard error.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// A new bar below the others.
    pub fn new(console: &Console, what: &str) -> Self {
        let bar = console.bars().add(ProgressBar::new(PARTS));
        let style = ProgressStyle::with_template("{msg:18} {bar:20} {percent:>3} %  {left}");
        let left = |state: &ProgressState, out: &mut dyn Write| {
            // Before anything is done nobody knows.
            let text = match state.pos() {
                0 => String::new(),
                _ => format!("{:#} left", HumanDuration(state.eta())),
            };
            // The bar is redrawn at the next tick.
            let _ = write!(out, "{text:>9}");
        };
        // The template is a constant that a test draws; a bad one would only look plain.
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.with_key("left", left));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Shows what is being done.
    pub fn name(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// Starts again at 0 %, for the next piece of work.
    pub fn restart(&self, what: &str) {
        self.0.reset();
        self.name(what);
    }

    /// Moves to the share `done`, 0 … 1.
    pub fn done(&self, done: f64) {
        self.0
            .set_position((done.clamp(0.0, 1.0) * PARTS as f64) as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
