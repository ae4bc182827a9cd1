//! `resrel unit`: single units of a run, for engines that share them out.

use std::path::PathBuf;

use resrel::experiment::{Plan, RunEvent};
use serde_json::json;

use crate::commands::DataFolder;
use crate::console::Console;
use crate::failure::Failure;
use crate::progress::Bar;

/// Run single units of a run that `resrel reproduce --engine slurm` prepared.
///
/// Each leaves its record in the run's folder; one that has its record does nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: resrel unit out/fig2-full-mnist-seed-1 trained-r00")]
pub struct Arguments {
    /// The output folder of the run
    #[arg(value_name = "DIR")]
    out: PathBuf,
    /// Names of the units
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    folder: DataFolder,
    /// Labels of the observations, one per line or as npy, where the data have none
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let out = &arguments.out;
    let plan = Plan::load(out)?;
    for name in &arguments.names {
        if plan.units.iter().all(|unit| unit.name != *name) {
            return Err(Failure::mistake(format!(
                "{}: has no unit {name}; resrel reproduce --status {} lists them",
                out.display(),
                out.display()
            )));
        }
    }
    let workers = console.workers()?;
    let name = &plan.choice.data;
    let mut data = arguments
        .folder
        .load(name, arguments.labels.as_deref(), &workers)?;
    data.name.clone_from(name);
    let bar = Bar::new(console, &arguments.names.join(", "));
    let wanted = |unit: &resrel::experiment::Unit| arguments.names.contains(&unit.name);
    let outcome = plan.run_some(&wanted, &data, out, console.threads(), &|event| {
        match event {
            RunEvent::Progress { done, .. } => bar.done(*done),
            RunEvent::Warning { unit, text } => console.say(&format!("{}: {text}", unit.name)),
            _ => {}
        }
        console.flow()
    })?;
    if outcome.interrupted {
        let words = "stopped; the same command goes on from here";
        return Err(Failure::Stopped(words.into()));
    }
    let failures: Vec<_> = outcome
        .failures
        .iter()
        .filter(|(name, _)| arguments.names.contains(name))
        .map(|(name, error)| format!("unit {name}: {error}"))
        .collect();
    if !failures.is_empty() {
        return Err(Failure::mistake(failures.join("; ")));
    }
    let text = format!("done: {}\n", arguments.names.join(", "));
    console.show(&text, &json!({ "done": arguments.names }))
}
