//! `resrel reproduce`: a figure of the paper by one command.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use resrel::boltzmann::Preset;
use resrel::data::Dataset;
use resrel::experiment::{Job, Outcome, Plan, Request, RunEvent, Shares, Size, Task, Unit};
use resrel_report::Report;
use serde_json::json;

use crate::commands::DataFolder;
use crate::commands::report;
use crate::commands::train::parse_preset;
use crate::console::Console;
use crate::failure::Failure;
use crate::progress::Bar;

/// Run a recipe: a figure of the paper, with its numbers and claims.
///
/// Goes on with what is half done, and writes records, figures and tables.
// Each is a flag of its own on the command line.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: resrel reproduce fig2 --quick --data mnist")]
pub struct Arguments {
    /// fig1, fig2, fig3, figS1 to figS6, schedule, or the path of a TOML file
    #[arg(required_unless_present = "status")]
    recipe: Option<String>,
    /// A small network on few images: at most 20 seconds on two cores
    #[arg(long, group = "size")]
    smoke: bool,
    /// The paper's network, trained for 4,000 updates a layer: at most five minutes [default]
    #[arg(long, group = "size")]
    quick: bool,
    /// The paper's schedule and number of realizations: hours
    #[arg(long, group = "size")]
    full: bool,
    /// The schedule: paper (200 passes) or paper-critical (4,000 updates)
    #[arg(long, value_name = "NAME", value_parser = parse_preset)]
    preset: Option<Preset>,
    /// Updates a layer, in place of the schedule's
    #[arg(long, value_name = "N")]
    updates: Option<u64>,
    /// Number of realizations
    #[arg(long, value_name = "N")]
    realizations: Option<u32>,
    /// Data set: mnist, ocr-letters, digits, an npy file or a folder of IDX files [default: the
    /// recipe's if it is there, else the embedded digits]
    #[arg(long, value_name = "NAME")]
    data: Option<String>,
    #[command(flatten)]
    folder: DataFolder,
    /// Labels of the observations, one per line or as npy, where the data have none
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Seed of all random numbers
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Where records and figures go [default: out/ and a name made of recipe, size and data]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only tell how far the run in this folder is
    #[arg(long, value_name = "DIR", conflicts_with_all = ["size", "dry_run"])]
    status: Option<PathBuf>,
    /// Only list the units of work, and estimate their time and disk
    #[arg(long)]
    dry_run: bool,
    /// Where units are run
    #[arg(long, value_enum, default_value_t = Engine::Local)]
    engine: Engine,
}

/// Where units are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    /// On this machine.
    Local,
    /// As job arrays: writes the scripts and tells how to submit them.
    Slurm,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    if let Some(out) = &arguments.status {
        return status(out, console);
    }
    let size = match (arguments.smoke, arguments.full) {
        (true, _) => Size::Smoke,
        (_, true) => Size::Full,
        _ => Size::Quick,
    };
    let request = Request {
        recipe: arguments.recipe.clone().unwrap_or_default(),
        size,
        preset: arguments.preset,
        updates: arguments.updates,
        realizations: arguments.realizations,
        data: arguments.data.clone(),
        data_folder: arguments.folder.path().map(Path::to_path_buf),
        labels: arguments.labels.clone(),
        seed: arguments.seed,
        out: arguments.out.clone(),
    };
    let job = request.job(&console.workers()?)?;
    let Job {
        plan,
        data,
        out,
        banner,
    } = job;
    let all = data.train.observations();
    if arguments.dry_run {
        return list(&plan, all, &out, console);
    }
    if arguments.engine == Engine::Slurm {
        return prepare(&plan, &data, &out, arguments, console);
    }
    let outcome = run_plan(&plan, &data, &out, &banner, console)?;
    if outcome.interrupted {
        let done = outcome.records.len();
        let how = format!(
            "{done} of {} done; the same command goes on from here",
            units(plan.units.len())
        );
        return Err(Failure::Stopped(how));
    }
    if let Some(words) = outcome.failed() {
        return Err(Failure::mistake(words));
    }
    let report = Report::new(&plan, &outcome.records, &out)?;
    let text = report::text(&report, &outcome.records)?;
    show(&plan, text, &report, &out, console)
}

fn run_plan(
    plan: &Plan,
    data: &Dataset,
    out: &Path,
    banner: &str,
    console: &Console,
) -> Result<Outcome, Failure> {
    let all = Bar::new(console, "all units");
    let slots: Mutex<BTreeMap<usize, Bar>> = Mutex::new(BTreeMap::new());
    let shares = Shares::new(plan, out);
    all.done(shares.done());
    let outcome = plan.run(data, out, console.threads(), &|event| {
        let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            // The first event: data and folder are in order.
            RunEvent::Resumed { done, units } => {
                console.say(banner);
                if *done > 0 {
                    console.say(&format!("going on: {done} of {} done", self::units(*units)));
                }
            }
            RunEvent::Started { unit, slot } => {
                let bar = slots
                    .entry(*slot)
                    .or_insert_with(|| Bar::new(console, &unit.name));
                bar.restart(&unit.name);
            }
            RunEvent::Progress { unit, slot, done } => {
                if let Some(bar) = slots.get(slot) {
                    bar.done(*done);
                }
                all.done(shares.advance(unit, *done));
            }
            RunEvent::Finished { unit, slot } | RunEvent::Failed { unit, slot, .. } => {
                slots.remove(slot);
                all.done(shares.advance(unit, 1.0));
            }
            RunEvent::Warning { unit, text } => console.say(&format!("{}: {text}", unit.name)),
            _ => {}
        }
        console.flow()
    });
    Ok(outcome?)
}

fn show(
    plan: &Plan,
    mut text: String,
    told: &Report,
    out: &Path,
    console: &Console,
) -> Result<(), Failure> {
    text += &format!("\n{}", report::places(told, out));
    let value = json!({
        "recipe": plan.recipe.figure,
        "size": plan.choice.size,
        "data": plan.choice.data,
        "seed": plan.choice.seed,
        "out": out,
        "layers": told.layers,
        "critical": told.critical,
        "networks": told.networks,
        "records": told.records,
        "claims": told.claims,
        "figures": told.figures,
        "page": told.page,
    });
    console.show(&text, &value)
}

/// Writes the scripts of a cluster's jobs.
fn prepare(
    plan: &Plan,
    data: &Dataset,
    out: &Path,
    arguments: &Arguments,
    console: &Console,
) -> Result<(), Failure> {
    plan.claim(data, out)?;
    let mut options = Vec::new();
    let mut option = |flag: &str, path: Option<&Path>| {
        if let Some(path) = path {
            options.extend([flag.to_owned(), path.to_string_lossy().into_owned()]);
        }
    };
    option("--data-dir", arguments.folder.path());
    option("--labels", arguments.labels.as_deref());
    let script = plan.slurm(out, console.program(), &options)?;
    let text = format!(
        "{} prepared; submit them: sh {}\nHow far they are: resrel reproduce --status {}\n",
        units(plan.units.len()),
        script.display(),
        out.display()
    );
    let value = json!({ "out": out, "units": plan.units.len(), "submit": script });
    console.show(&text, &value)
}

fn list(plan: &Plan, observations: usize, out: &Path, console: &Console) -> Result<(), Failure> {
    let status = plan.status(out);
    let left = |unit: &Unit| !status.done.contains(&unit.name);
    let estimate = plan.estimate(observations, console.threads(), left)?;
    let mut text = format!(
        "{}, records in {}:\n",
        units(plan.units.len()),
        out.display()
    );
    for unit in &plan.units {
        let what = match &unit.task {
            Task::Dbn(config) => {
                let sizes: Vec<String> = config.layers.iter().map(usize::to_string).collect();
                sizes.join("-")
            }
            Task::KMeans(config) => format!("{} clusters", config.k),
            Task::FeedForward(config) => format!("{} hidden units", config.hidden),
            Task::Vae(task) => format!("{} latent variables", task.config.latent),
            Task::Classifier(config) => format!("{} passes", config.epochs),
            Task::Generate(config) => format!(
                "{} chains of {} steps",
                config.sampling.samples, config.sampling.steps
            ),
        };
        text += &format!("  {:22} {what}\n", unit.name);
    }
    text += &format!(
        "About {} here on {}, and {} of disk.\n",
        duration(estimate.seconds),
        match console.threads() {
            1 => "1 thread".to_owned(),
            threads => format!("{threads} threads"),
        },
        disk(estimate.bytes)
    );
    if !status.done.is_empty() {
        text += &format!("Done already: {}.\n", units(status.done.len()));
    }
    let value = json!({
        "out": out,
        "units": plan.units,
        "done": status.done,
        "seconds": estimate.seconds,
        "bytes": estimate.bytes,
    });
    console.show(&text, &value)
}

fn status(out: &Path, console: &Console) -> Result<(), Failure> {
    let plan = Plan::load(out)?;
    let status = plan.status(out);
    let mut text = format!(
        "{} of {} done, {} begun, {} failed, {} waiting\n",
        status.done.len(),
        units(plan.units.len()),
        status.begun.len(),
        status.failed.len(),
        status.waiting.len()
    );
    for (name, why) in &status.failed {
        text += &format!("  {name}: failed: {why}\n");
    }
    for (word, names) in [("begun", &status.begun), ("waiting", &status.waiting)] {
        for name in names {
            text += &format!("  {name}: {word}\n");
        }
    }
    let failed = status.failed.iter();
    let failed: Vec<_> = failed
        .map(|(name, why)| json!({ "unit": name, "error": why }))
        .collect();
    let value = json!({
        "done": status.done,
        "begun": status.begun,
        "failed": failed,
        "waiting": status.waiting,
    });
    console.show(&text, &value)
}

/// A number of units in words.
fn units(count: usize) -> String {
    match count {
        1 => "1 unit".into(),
        count => format!("{count} units"),
    }
}

/// A time in words: its two largest units.
fn duration(seconds: f64) -> String {
    match seconds.round() as u64 {
        s @ 0..60 => format!("{} s", s.max(1)),
        s @ 60..3600 => format!("{} min {} s", s / 60, s % 60),
        s @ 3600..86_400 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        s => format!("{} days {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// An amount of disk in words.
fn disk(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", bytes.div_ceil(1_000_000)),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
