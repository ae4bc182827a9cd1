//! What is asked for, worked out: a recipe, its data, and where the results go.

use std::path::{Path, PathBuf};

use resrel_boltzmann::Preset;
use resrel_data::{Dataset, Location, entry, load, read_labels};
use resrel_kernels::Workers;

use crate::{Choice, Error, Plan, Recipe, Size};

/// The data set for those who have no other.
const EMBEDDED: &str = "digits";
/// The seed of the embedded digits: the same images in every run, whatever the run's own seed.
const DIGITS_SEED: u64 = 0;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Name of a recipe, or the path of a TOML file.
    pub recipe: String,
    /// How large.
    pub size: Size,
    /// The schedule, where not the size's.
    pub preset: Option<Preset>,
    /// Updates a layer, where not the schedule's.
    pub updates: Option<u64>,
    /// Realizations, where not the size's.
    pub realizations: Option<u32>,
    /// Name or path of the data; without it the recipe's if it is there, else the embedded digits.
    pub data: Option<String>,
    /// Folder of the data sets, where not the usual one.
    pub data_folder: Option<PathBuf>,
    /// A file of labels, one for each observation.
    pub labels: Option<PathBuf>,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The output folder; without it `out/` and a name that tells what is in it.
    pub out: Option<PathBuf>,
}

/// All that a run needs.
#[derive(Debug)]
pub struct Job {
    /// The units of work.
    pub plan: Plan,
    /// Its data.
    pub data: Dataset,
    /// The output folder.
    pub out: PathBuf,
    /// What is done, on what, and where the results go: a line or two.
    pub banner: String,
}

impl Request {
    /// Reads recipe and data and works out the units.
    ///
    /// Networks get as many visible units as the data have features where those are other data than the recipe
    /// names.
    ///
    /// # Errors
    /// [`Error::Recipe`] for what is no recipe, [`Error::Data`] for data that cannot be read, and whatever
    /// [`Recipe::plan`] refuses.
    pub fn job(self, workers: &Workers) -> Result<Job, Error> {
        let mut recipe = Recipe::load(&self.recipe)?;
        let folder = self.data_folder.as_deref();
        let (name, why) = match self.data {
            Some(name) => (name, String::new()),
            None => default_data(&recipe, folder)?,
        };
        let choice = Choice {
            size: self.size,
            preset: self.preset,
            updates: self.updates,
            realizations: self.realizations,
            data: name.clone(),
            seed: self.seed,
        };
        let out = self
            .out
            .unwrap_or_else(|| default_out(&self.recipe, &choice));
        let mut data = load_data(&name, folder, self.labels.as_deref(), workers)?;
        // The name is part of what a folder's run is: that of a file is its path as given.
        data.name.clone_from(&name);
        let planned = recipe.clone().plan(choice.clone())?;
        let features = data.train.features();
        // Of its own data a recipe knows the features.
        if name != recipe.data {
            recipe.fit(features);
        }
        let plan = recipe.plan(choice)?;
        let all = data.train.observations();
        let used = plan.units.iter().filter_map(|unit| unit.observations).max();
        let units = plan.units.len();
        let mut banner = format!(
            "{}: {units} unit{} on {name} ({} observations{why}), results in {}",
            plan.recipe.title,
            if units == 1 { "" } else { "s" },
            used.map_or(all, |used| used.min(all)),
            out.display()
        );
        if plan.units != planned.units {
            banner += &format!("\nnetworks get {features} visible units: the features of {name}");
        }
        Ok(Job {
            plan,
            data,
            out,
            banner,
        })
    }
}

/// The data set of that name or path, with labels from a file where one is given.
///
/// # Errors
/// [`Error::Data`] if one of them cannot be read, or they do not go together.
pub fn load_data(
    name: &str,
    folder: Option<&Path>,
    labels: Option<&Path>,
    workers: &Workers,
) -> Result<Dataset, Error> {
    let mut data = load(name, folder, DIGITS_SEED, workers)?;
    if let Some(path) = labels {
        data.train = data.train.with_labels(path, read_labels(path)?)?;
    }
    Ok(data)
}

/// The recipe's data set if it is there, else the embedded digits, and why.
fn default_data(recipe: &Recipe, folder: Option<&Path>) -> Result<(String, String), Error> {
    let there = match entry(&recipe.data) {
        Ok(entry) => entry.locate(folder)?,
        // A recipe of the user's own may name a file.
        Err(_) => return Ok((recipe.data.clone(), String::new())),
    };
    Ok(match there {
        Location::Missing { .. } => {
            let why = format!(
                "; {0} is not on this machine: resrel data fetch {0}",
                recipe.data
            );
            (EMBEDDED.into(), why)
        }
        _ => (recipe.data.clone(), String::new()),
    })
}

/// A folder whose name tells what is in it.
fn default_out(recipe: &str, choice: &Choice) -> PathBuf {
    let word = |value: serde_json::Result<serde_json::Value>| {
        value
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let stem = |path: &str| {
        let stem = Path::new(path).file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    };
    let mut name = stem(recipe);
    name += &format!("-{}", word(serde_json::to_value(choice.size)));
    if let Some(preset) = choice.preset {
        name += &format!("-{}", word(serde_json::to_value(preset)));
    }
    if let Some(updates) = choice.updates {
        name += &format!("-{updates}-updates");
    }
    if let Some(realizations) = choice.realizations {
        name += &format!("-{realizations}-realizations");
    }
    name += &format!("-{}-seed-{}", stem(&choice.data), choice.seed);
    Path::new("out").join(name)
}
