//! Made-up records, and how pictures and tables of them are read.

use std::collections::BTreeMap;

use resrel_boltzmann::DbnConfig;
use resrel_experiment::{RECORD_VERSION, Record, Series, Sidecar, Task, Unit};
use resrel_measure::{Measure, Spectrum};
use resrel_report::Artefact;

pub type Recorded = (Record, Sidecar);
/// Name, spectrum and classification error.
pub type Layer<'a> = (&'a str, &'a [(u64, u64)], Option<f64>);

/// A unit whose layers have the given spectra and errors.
pub fn unit(series: Series, realization: u32, layers: &[Layer]) -> Recorded {
    let spectra: Vec<Vec<(u64, u64)>> = layers.iter().map(|layer| layer.1.to_vec()).collect();
    let layers = layers.iter().map(|&(name, pairs, error)| {
        let spectrum = Spectrum::from_pairs(pairs.iter().copied()).unwrap();
        Measure::new(name, &spectrum, error)
    });
    let record = Record {
        record_version: RECORD_VERSION,
        version: "0.0.0".to_owned(),
        unit: Unit {
            name: format!("{series:?}-r{realization:02}"),
            series,
            variant: None,
            realization,
            seed: 0,
            observations: None,
            task: Task::Dbn(DbnConfig::default()),
            hierarchy: None,
        },
        instruction_set: "none".to_owned(),
        data: "made up".to_owned(),
        layers: layers.collect(),
        seconds: BTreeMap::new(),
        seconds_per_pass: Vec::new(),
        monitoring: Vec::new(),
        test_error: None,
        generated: None,
        hierarchy: Vec::new(),
    };
    let sidecar = Sidecar {
        spectra,
        images: None,
    };
    (record, sidecar)
}

pub fn text<'a>(artefacts: &'a [Artefact], name: &str) -> &'a str {
    let artefact = artefacts.iter().find(|artefact| artefact.name == name);
    std::str::from_utf8(&artefact.unwrap().bytes).unwrap()
}

/// The measured rows, their numbers without the digits that may differ between machines.
pub fn rounded(csv: &str) -> String {
    let rows = csv.lines().filter(|line| {
        ["power-law family", "Poisson optimum", "strict bound"]
            .iter()
            .all(|curve| !line.starts_with(curve))
    });
    let rows = rows.map(|line| {
        let cells = line.split(',').map(|cell| match cell.parse::<f64>() {
            Ok(number) if cell.contains('.') => format!("{number:.9}"),
            _ => cell.to_owned(),
        });
        cells.collect::<Vec<_>>().join(",")
    });
    rows.collect::<Vec<_>>().join("\n")
}
