//! `resrel report`: figures and tables again, from records alone.

use std::path::{Path, PathBuf};

use resrel::experiment::{Plan, Record, Series, Sidecar, Summary, variants};
use resrel_report::Report;
use serde_json::json;

use crate::console::Console;
use crate::failure::Failure;
use crate::table;

/// The page in the first folder that shows two runs beside each other.
const COMPARISON: &str = "comparison.html";

/// Draw figures, tables and the page again from the records of a run, or of two beside each other.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: resrel report out/fig2-quick-mnist-seed-1")]
pub struct Arguments {
    /// The output folder of a run, or two
    #[arg(required = true, num_args = 1..=2, value_name = "DIR")]
    runs: Vec<PathBuf>,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let (mut text, mut values) = (String::new(), Vec::new());
    let mut reports = Vec::new();
    for out in &arguments.runs {
        let plan = Plan::load(out)?;
        let records = plan.records(out)?;
        if records.is_empty() {
            let words = format!("{}: has no record yet; run its recipe first", out.display());
            return Err(Failure::mistake(words));
        }
        let report = Report::new(&plan, &records, out)?;
        if arguments.runs.len() > 1 {
            text += &format!("{}\n", out.display());
        }
        text += &self::text(&report, &records)?;
        text += &format!("\n{}\n", places(&report, out));
        values.push(json!({
            "out": out,
            "units": plan.units.len(),
            "layers": report.layers,
            "critical": report.critical,
            "networks": report.networks,
            "records": report.records,
            "claims": report.claims,
            "figures": report.figures,
            "page": report.page,
        }));
        reports.push(report);
    }
    let mut comparison = None;
    if let [first, second] = &reports[..] {
        let path = arguments.runs[0].join(COMPARISON);
        first.compare(second, &path)?;
        text += &format!("Both beside each other: {}\n", path.display());
        comparison = Some(path);
    }
    console.show(&text, &json!({ "runs": values, "comparison": comparison }))
}

/// Where the pictures are.
pub fn places(report: &Report, out: &Path) -> String {
    format!(
        "To look at: {}\nFigures and their numbers: {}",
        report.page.display(),
        out.join("figures").display()
    )
}

/// Tables for people.
pub fn text(report: &Report, records: &[(Record, Sidecar)]) -> Result<String, Failure> {
    let summary = Summary::new(records)?;
    let compared = variants(records)?;
    let realizations = summary.realizations(Series::Trained);
    let mut note = "\nH[s] and H[k] are fractions of ln M".to_owned();
    if realizations > 1 {
        note += &format!("; means over {realizations} realizations ± standard errors");
    }
    let mut text;
    if compared.is_empty() {
        text = table::summary(&summary) + &note;
        text += &format!(".\n{}\n\n", table::verdict(report.critical.as_ref()));
        if !summary.generated.is_empty() {
            text += &format!("{}\n", table::generated(&summary));
        }
    } else {
        text = table::networks(&compared) + &note + ".\n\n";
        if compared
            .iter()
            .any(|(_, summary)| !summary.learnt.is_empty())
        {
            text += &format!("{}\n", table::learnt(&compared));
        }
    }
    Ok(text + &table::claims(&report.claims))
}
