//! Everything that is told of a run: figures, measures and claims, from its records alone.

use std::path::{Path, PathBuf};

use resrel_experiment::{
    Judgement, Plan, Record, Series, Sidecar, Summary, Variant, judge, variants, write_file,
};
use resrel_measure::{Critical, Measure};
use serde::Serialize;

use crate::page::{Run, page};
use crate::{Error, draw};

/// What is told of a run, serialized with the keys that scripts rely on.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The layers of the first trained network.
    pub layers: Vec<Measure>,
    /// The critical layer over all realizations; `None` where several networks are compared.
    pub critical: Option<Critical>,
    /// The networks that are compared, if any are.
    pub networks: Vec<NetworkReport>,
    /// Every record.
    pub records: Vec<Record>,
    /// The claims.
    pub claims: Vec<Judgement>,
    /// The files of the figures that were written.
    pub figures: Vec<PathBuf>,
    /// The page that shows all this.
    pub page: PathBuf,
    #[serde(skip)]
    run: Run,
}

/// One of the networks that are compared.
#[derive(Debug, Serialize)]
pub struct NetworkReport {
    /// Its sweep and what it has of it.
    #[serde(flatten)]
    pub variant: Variant,
    /// Its critical layer over all realizations.
    pub critical: Option<Critical>,
    /// The layers of its first realization.
    pub layers: Vec<Measure>,
}

impl Report {
    /// Judges the claims of a run, and draws its records: figures into the folder `figures` of its own, and
    /// all of it on a page beside it.
    ///
    /// # Errors
    /// As [`draw`]; [`Error::Record`] if a file cannot be written.
    pub fn new(plan: &Plan, records: &[(Record, Sidecar)], out: &Path) -> Result<Self, Error> {
        let figure = plan.recipe.figure;
        let mut figures = Vec::new();
        let artefacts = draw(figure, records)?;
        for artefact in &artefacts {
            let path = out.join("figures").join(&artefact.name);
            write_file(&path, &artefact.bytes)?;
            figures.push(path);
        }
        let summary = Summary::new(records)?;
        let compared = variants(records)?;
        let claims = judge(figure, &summary, &compared, &plan.recipe.rules);
        let critical = if compared.is_empty() {
            summary.critical(Series::Trained)
        } else {
            None
        };
        let networks = compared.iter().map(|(variant, summary)| NetworkReport {
            variant: (*variant).clone(),
            critical: summary.critical(Series::Trained),
            layers: first_layers(records, Some(variant)),
        });
        let run = Run::new(plan, records, &artefacts, out, critical.as_ref(), &claims)?;
        let path = out.join("index.html");
        write_file(&path, page(&[&run])?.as_bytes())?;
        Ok(Self {
            layers: first_layers(records, None),
            critical,
            networks: networks.collect(),
            records: records.iter().map(|(record, _)| record.clone()).collect(),
            claims,
            figures,
            page: path,
            run,
        })
    }

    /// Writes a page with this run and another one beside each other.
    ///
    /// # Errors
    /// [`Error::Record`] if the file cannot be written, [`Error::Page`] if the page cannot be made.
    pub fn compare(&self, other: &Self, path: &Path) -> Result<(), Error> {
        let page = page(&[&self.run, &other.run])?;
        Ok(write_file(path, page.as_bytes())?)
    }
}

/// The layers of the first trained network, or of this one.
fn first_layers(records: &[(Record, Sidecar)], variant: Option<&Variant>) -> Vec<Measure> {
    let trained = records.iter().find(|(record, _)| {
        let Record { unit, .. } = record;
        unit.series == Series::Trained && (variant.is_none() || unit.variant.as_ref() == variant)
    });
    trained.map_or_else(Vec::new, |(record, _)| record.layers.clone())
}
