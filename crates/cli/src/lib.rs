//! The command line of resrel: parse, call, show. The program and the `resrel` of the Python package are this.

// Docstrings here are help texts for a terminal, where H[s] must read as it stands.
#![allow(rustdoc::broken_intra_doc_links)]

mod commands;
mod console;
mod failure;
mod plot;
mod progress;
mod table;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::console::Console;

/// Which layer, at what size, has grouped your data best? Measured without labels.
///
/// A layer maps every input to a state. How many inputs share a state gives the resolution H[s] and
/// the relevance H[k]; good representations have the largest H[k] that their H[s] allows.
#[derive(Debug, Parser)]
#[command(
    name = "resrel",
    version,
    max_term_width = 100,
    after_help = "Example: resrel reproduce fig2 --smoke",
    arg_required_else_help = true,
    subcommand_required = true
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
struct Common {
    /// Print one JSON document on standard output, and nothing else there
    #[arg(long, global = true, display_order = 100)]
    json: bool,
    /// Threads to use; results do not depend on it [default: all cores]
    #[arg(long, global = true, display_order = 101, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// The commands; their help stands with their arguments.
#[derive(Debug, Subcommand)]
enum Command {
    Reproduce(commands::reproduce::Arguments),
    Train(commands::train::Arguments),
    Generate(commands::generate::Arguments),
    Judge(commands::judge::Arguments),
    Likelihood(commands::likelihood::Arguments),
    Measure(commands::measure::Arguments),
    Fit(commands::fit::Arguments),
    Limit(commands::limit::Arguments),
    Msr(commands::msr::Arguments),
    Cluster(commands::cluster::Arguments),
    Probe(commands::probe::Arguments),
    Data(commands::data::Arguments),
    Report(commands::report::Arguments),
    Unit(commands::unit::Arguments),
    Completions(commands::completions::Arguments),
}

/// Does what `arguments` say, of which the first is the program's own name. `program` is what jobs on other machines
/// call. Gives the exit status.
#[must_use]
pub fn run(program: PathBuf, arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(message) => return usage(&message),
    };
    let orderly = matches!(
        cli.command,
        Command::Reproduce(_)
            | Command::Unit(_)
            | Command::Train(_)
            | Command::Generate(_)
            | Command::Probe(_)
            | Command::Data(_)
    );
    resrel::data::hush_decoders();
    let console = Console::new(&cli.common, program, orderly);
    let result = match &cli.command {
        Command::Reproduce(arguments) => commands::reproduce::run(arguments, &console),
        Command::Train(arguments) => commands::train::run(arguments, &console),
        Command::Generate(arguments) => commands::generate::run(arguments, &console),
        Command::Judge(arguments) => commands::judge::run(arguments, &console),
        Command::Likelihood(arguments) => commands::likelihood::run(arguments, &console),
        Command::Measure(arguments) => commands::measure::run(arguments, &console),
        Command::Fit(arguments) => commands::fit::run(arguments, &console),
        Command::Limit(arguments) => commands::limit::run(arguments, &console),
        Command::Msr(arguments) => commands::msr::run(arguments, &console),
        Command::Cluster(arguments) => commands::cluster::run(arguments, &console),
        Command::Probe(arguments) => commands::probe::run(arguments, &console),
        Command::Data(arguments) => commands::data::run(arguments, &console),
        Command::Report(arguments) => commands::report::run(arguments, &console),
        Command::Unit(arguments) => commands::unit::run(arguments, &console),
        Command::Completions(arguments) => commands::completions::run(arguments, &console),
    };
    match result {
        Ok(()) => 0,
        Err(failure) => {
            console.say(&failure.message());
            failure.code()
        }
    }
}

/// Prints what clap has to say: help and version as they are, a mistake in one line.
fn usage(message: &clap::Error) -> u8 {
    let help = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if !message.use_stderr() || message.kind() == help {
        // A closed pipe is no error.
        let _ = message.print();
    } else {
        let text = message.to_string();
        let parts: Vec<&str> = text
            .lines()
            .map(str::trim)
            .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
            .filter(|line| !line.is_empty())
            .collect();
        let mut line = String::new();
        for part in parts {
            match line.chars().last() {
                None => {}
                Some(':') => line.push(' '),
                // Names and remedies that clap puts on lines of their own.
                Some(_) => line.push_str("; "),
            }
            line.push_str(part);
        }
        // Nobody is left to tell if standard error is closed.
        let _ = writeln!(std::io::stderr(), "{line}; see --help");
    }
    u8::try_from(message.exit_code()).unwrap_or(2)
}
