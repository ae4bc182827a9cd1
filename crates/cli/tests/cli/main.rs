//! The command line as scripts and newcomers meet it.

mod bad_input;
mod data;
mod disk;
mod generate;
mod help;
mod json;
mod laws;
mod msr;
mod pages;
mod probe;
mod recipes;
mod resume;
mod slurm;
mod states;
mod support;
