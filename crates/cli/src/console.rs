//! Where words go: results to standard output, everything else to standard error.

use std::io::{ErrorKind, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;

use indicatif::MultiProgress;
use resrel::kernels::Workers;
use serde::Serialize;

use crate::Common;
use crate::failure::Failure;

/// The terminal, as far as commands know it.
#[derive(Debug)]
pub struct Console {
    json: bool,
    threads: usize,
    program: PathBuf,
    bars: MultiProgress,
    stop: Arc<AtomicBool>,
}

impl Console {
    /// Takes the common options, and Ctrl-C from here on: `orderly` work, which saves what it has or clears it away, is
    /// asked to end, other work ends at once.
    pub fn new(common: &Common, program: PathBuf, orderly: bool) -> Self {
        let all = available_parallelism().map_or(1, usize::from);
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        // Without a handler Ctrl-C ends the program at once, which loses at most a minute's work.
        let _ = ctrlc::set_handler(move || {
            // The second waits for nothing.
            if flag.swap(true, Ordering::Relaxed) || !orderly {
                let _ = writeln!(std::io::stderr(), "\nstopped");
                std::process::exit(1);
            }
        });
        let threads = common.threads.map_or(all, usize::from);
        Self {
            json: common.json,
            threads,
            program,
            bars: MultiProgress::new(),
            stop,
        }
    }

    /// Number of threads to use.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// These threads.
    pub fn workers(&self) -> Result<Workers, Failure> {
        Ok(Workers::new(self.threads)?)
    }

    /// This program, for jobs that call it.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Where progress bars are drawn.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// `Break` once Ctrl-C was pressed.
    pub fn flow(&self) -> ControlFlow<()> {
        if self.stop.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// A line for the user, on standard error.
    pub fn say(&self, line: &str) {
        self.bars.suspend(|| {
            // Nobody is left to tell if standard error is closed.
            let _ = writeln!(std::io::stderr(), "{line}");
        });
    }

    /// The result: `value` where JSON is wanted, else `text`.
    pub fn show(&self, text: &str, value: &impl Serialize) -> Result<(), Failure> {
        if self.json {
            self.print(&serde_json::to_string_pretty(value)?)
        } else {
            self.print(text.trim_end())
        }
    }

    /// Text for standard output; a closed pipe is no error.
    #[allow(
        clippy::unused_self,
        reason = "what is printed goes through the console"
    )]
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let written = self.bars.suspend(|| {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{text}").and_then(|()| out.flush())
        });
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                let remedy = resrel::data::remedy(&error);
                Err(Failure::mistake(format!(
                    "standard output: cannot be written ({error}); {remedy}"
                )))
            }
            _ => Ok(()),
        }
    }
}
