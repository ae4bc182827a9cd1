//! `resrel completions`: a script for the user's shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::Cli;
use crate::console::Console;
use crate::failure::Failure;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: resrel completions bash > ~/.local/share/bash-completion/completions/resrel"
)]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "resrel", &mut script);
    console.print(String::from_utf8_lossy(&script).trim_end())
}
