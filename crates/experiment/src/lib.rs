//! Recipe → units → records.
//!
//! A [`Request`] names a recipe, which is a figure as data ([`Recipe`]), and the data to run it on. With a
//! [`Choice`] the recipe becomes a [`Plan`] of independent units; [`Plan::run`] works them off on a local pool,
//! each leaving a [`Record`]. A figure is drawn, and its claims are judged ([`judge`]), from records alone.

mod claims;
mod count;
mod error;
mod estimate;
mod files;
mod generated;
mod hierarchy;
mod job;
mod plan;
mod probe;
mod quality;
mod recipe;
mod record;
mod run;
mod shares;
mod shown;
mod slurm;
mod summary;
mod sweep;
mod unit;

pub use claims::{Judgement, Verdict, judge};
pub use count::{
    CountEvent, CountObserver, CountOptions, Example, Examples, FileCounts, Missing, Place,
    StateName, count_chunks, count_files,
};
pub use error::Error;
pub use estimate::Estimate;
pub use files::write_file;
pub use generated::{GenerateEvent, GenerateObserver, Generated, Moment, forget, generate};
pub use hierarchy::{HierarchyConfig, Node};
pub use job::{Job, Request, load_data};
pub use plan::{Choice, GenerateConfig, Plan, Task, Unit, VaeTask};
pub use probe::{Layers, Probed};
pub use quality::{Labels, Quality};
pub use recipe::{Figure, GenerationPlan, KMeansPlan, RECIPES, Recipe, Rules, Size, SizeConfig};
pub use record::{Images, Learnt, RECORD_VERSION, Record, Series, Sidecar};
pub use run::{Outcome, RunEvent, Status};
pub use shares::Shares;
pub use shown::ShownState;
pub use summary::{GeneratedLayer, Layer, Mean, Summary, number_in, variants};
pub use sweep::{Model, Sweep, Variant};
pub use unit::{Measured, measure_clusters, measure_layers};
