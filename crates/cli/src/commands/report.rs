//! `resrel report`: figures and tables again, from records alone.

use std::path::{Path, PathBuf};

use resrel::experiment::{
    Figure, Judgement, Plan, Record, Series, Sidecar, Summary, judge, write_file,
};
use resrel::measure::{Critical, Measure};
use resrel_report::{fig2, fig3};
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
    /// The critical layer over all realizations.
    pub critical: Option<Critical>,
    /// Every record.
    pub records: Vec<Record>,
    /// The claims.
    pub claims: Vec<Judgement>,
    /// The files that were written.
    pub files: Vec<PathBuf>,
}

/// Draws the figures of a run's records into its folder.
pub fn draw(plan: &Plan, records: &[(Record, Sidecar)], out: &Path) -> Result<Report, Failure> {
    let summary = Summary::new(records)?;
    let figure = plan.recipe.figure;
    let artefacts = match figure {
        Figure::Fig2 => fig2(records)?,
        Figure::Fig3 => fig3(records)?,
    };
    let mut files = Vec::new();
    for artefact in artefacts {
        let path = out.join("figures").join(&artefact.name);
        write_file(&path, &artefact.bytes)?;
        files.push(path);
    }
    let claims = judge(figure, &summary, &plan.recipe.rules);
    let trained = records
        .iter()
        .find(|(record, _)| record.unit.series == Series::Trained);
    let layers = trained.map_or_else(Vec::new, |(record, _)| record.layers.clone());
    let critical = summary.critical(Series::Trained);
    let mut text = table::summary(&summary);
    let realizations = summary.realizations(Series::Trained);
    text += "\nH[s] and H[k] are fractions of ln M";
    if realizations > 1 {
        text += &format!("; means over {realizations} realizations ± standard errors");
    }
    text += &format!(".\n{}\n\n", table::verdict(critical.as_ref()));
    if !summary.generated.is_empty() {
        text += &format!("{}\n", table::generated(&summary));
    }
    text += &table::claims(&claims);
    let records = records.iter().map(|(record, _)| record.clone()).collect();
    Ok(Report {
        text,
        layers,
        critical,
        records,
        claims,
        files,
    })
}
