//! The command line as scripts and newcomers meet it.

mod bad_input;
mod data;
mod disk;
mod help;
mod json;
mod msr;
mod resume;
mod support;
