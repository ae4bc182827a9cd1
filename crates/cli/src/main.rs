//! The command line of resrel: parse, call, show.

mod commands;
mod console;
mod failure;
mod progress;
mod table;

use std::process::ExitCode;

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
    #[arg(long, global = true)]
    json: bool,
    /// Threads to use; results do not depend on it [default: all cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a recipe: a figure of the paper, with its numbers and claims
    Reproduce(commands::reproduce::Arguments),
    /// Train a deep belief network (or one machine) and measure every layer
    Train(commands::train::Arguments),
    /// Measure states: rows of an npy file, or counts
    Measure(commands::measure::Arguments),
    /// How relevant a sample of M observations can be: the theoretical curves
    Limit(commands::limit::Arguments),
    /// Cluster by k-means and measure the clusterings
    Cluster(commands::cluster::Arguments),
    /// Data sets: what is there, download, where, write as npy
    Data(commands::data::Arguments),
    /// Draw figures and tables again from the records of a run
    Report(commands::report::Arguments),
    /// Print a completion script for a shell
    Completions(commands::completions::Arguments),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version go to standard output and are no mistake; clap knows which.
        Err(message) => {
            let _ = message.print();
            return ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2));
        }
    };
    let console = Console::new(&cli.common);
    let result = match &cli.command {
        Command::Reproduce(arguments) => commands::reproduce::run(arguments, &console),
        Command::Train(arguments) => commands::train::run(arguments, &console),
        Command::Measure(arguments) => commands::measure::run(arguments, &console),
        Command::Limit(arguments) => commands::limit::run(arguments, &console),
        Command::Cluster(arguments) => commands::cluster::run(arguments, &console),
        Command::Data(arguments) => commands::data::run(arguments, &console),
        Command::Report(arguments) => commands::report::run(arguments, &console),
        Command::Completions(arguments) => commands::completions::run(arguments, &console),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console.say(&failure.message());
            failure.code()
        }
    }
}
