//! `resrel report`: figures and tables again, from records alone.

use std::path::{Path, PathBuf};

use resrel::experiment::{
    Judgement, Plan, Record, Series, Sidecar, Summary, Variant, judge, variants, write_file,
};
use resrel::measure::{Critical, Measure};
use serde::Serialize;
use serde_json::json;

use crate::console::Console;
use crate::failure::Failure;
use crate::table;

/// Draw figures and tables again from the records of a run, or of two.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: resrel report out/fig2-quick-mnist-seed-1")]
pub struct Arguments {
    /// The output folder of a run, or two
    #[arg(required = true, num_args = 1..=2, value_name = "DIR")]
    runs: Vec<PathBuf>,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let (mut text, mut values) = (String::new(), Vec::new());
    for out in &arguments.runs {
        let plan = Plan::load(out)?;
        let records = plan.records(out)?;
        if records.is_empty() {
            let words = format!("{}: has no record yet; run its recipe first", out.display());
            return Err(Failure::mistake(words));
        }
        let report = draw(&plan, &records, out)?;
        if arguments.runs.len() > 1 {
            text += &format!("{}\n", out.display());
        }
        text += &report.text;
        text += &format!(
            "\nFigures and numbers are in {}.\n",
            out.join("figures").display()
        );
        values.push(json!({
            "out": out,
            "units": plan.units.len(),
            "layers": report.layers,
            "critical": report.critical,
            "networks": report.networks,
            "records": report.records,
            "claims": report.claims,
            "figures": report.files,
        }));
    }
    console.show(&text, &json!({ "runs": values }))
}

/// What is drawn and told of a run.
pub struct Report {
    /// Tables for people.
    pub text: String,
    /// The layers of the first trained network.
    pub layers: Vec<Measure>,
    /// The critical layer over all realizations; `None` where several networks are compared.
    pub critical: Option<Critical>,
    /// The networks that are compared, if any are.
    pub networks: Vec<Network>,
    /// Every record.
    pub records: Vec<Record>,
    /// The claims.
    pub claims: Vec<Judgement>,
    /// The files that were written.
    pub files: Vec<PathBuf>,
}

/// One of the networks that are compared.
#[derive(Serialize)]
pub struct Network {
    /// Its sweep and what it has of it.
    #[serde(flatten)]
    variant: Variant,
    /// Its critical layer over all realizations.
    critical: Option<Critical>,
    /// The layers of its first realization.
    layers: Vec<Measure>,
}

/// Draws the figures of a run's records into its folder.
pub fn draw(plan: &Plan, records: &[(Record, Sidecar)], out: &Path) -> Result<Report, Failure> {
    let figure = plan.recipe.figure;
    let mut files = Vec::new();
    for artefact in resrel_report::draw(figure, records)? {
        let path = out.join("figures").join(&artefact.name);
        write_file(&path, &artefact.bytes)?;
        files.push(path);
    }
    let summary = Summary::new(records)?;
    let compared = variants(records)?;
    let claims = judge(figure, &summary, &compared, &plan.recipe.rules);
    let layers = first_layers(records, None);
    let realizations = summary.realizations(Series::Trained);
    let mut note = "\nH[s] and H[k] are fractions of ln M".to_owned();
    if realizations > 1 {
        note += &format!("; means over {realizations} realizations ± standard errors");
    }
    let (mut text, critical);
    if compared.is_empty() {
        critical = summary.critical(Series::Trained);
        text = table::summary(&summary) + &note;
        text += &format!(".\n{}\n\n", table::verdict(critical.as_ref()));
        if !summary.generated.is_empty() {
            text += &format!("{}\n", table::generated(&summary));
        }
    } else {
        critical = None;
        text = table::networks(&compared) + &note + ".\n\n";
        if compared
            .iter()
            .any(|(_, summary)| !summary.learnt.is_empty())
        {
            text += &format!("{}\n", table::learnt(&compared));
        }
    }
    text += &table::claims(&claims);
    let networks = compared.iter().map(|(variant, summary)| Network {
        variant: (*variant).clone(),
        critical: summary.critical(Series::Trained),
        layers: first_layers(records, Some(variant)),
    });
    let networks = networks.collect();
    let records = records.iter().map(|(record, _)| record.clone()).collect();
    Ok(Report {
        text,
        layers,
        critical,
        networks,
        records,
        claims,
        files,
    })
}

/// The layers of the first trained network, or of this one.
fn first_layers(records: &[(Record, Sidecar)], variant: Option<&Variant>) -> Vec<Measure> {
    let trained = records.iter().find(|(record, _)| {
        let Record { unit, .. } = record;
        unit.series == Series::Trained && (variant.is_none() || unit.variant.as_ref() == variant)
    });
    trained.map_or_else(Vec::new, |(record, _)| record.layers.clone())
}
