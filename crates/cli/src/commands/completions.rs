//! `resrel completions`: a script for the user's shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::Cli;
use crate::console::Console;
use crate::failure::Failure;

/// Prints a completion script.
///
/// Example: resrel completions bash > ~/.local/share/bash-completion/completions/resrel
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "resrel", &mut script);
    console.print(String::from_utf8_lossy(&script).trim_end())
}
