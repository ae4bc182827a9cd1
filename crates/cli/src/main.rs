//! The program.

use std::env::{args_os, current_exe};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let program = current_exe().unwrap_or_else(|_| PathBuf::from("resrel"));
    ExitCode::from(resrel_cli::run(program, args_os()))
}
