//! Made-up records, and how pictures and tables of them are read.

use std::collections::BTreeMap;
use std::path::Path;

use resrel_boltzmann::{Convergence, DbnConfig, SamplingConfig};
use resrel_experiment::{
    Generated, Images, Moment, Quality, RECORD_VERSION, Record, Series, Sidecar, Task, Unit,
    Variant,
};
use resrel_measure::{Generation, Measure, Spectrum};
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
        learnt: None,
        hierarchy: Vec::new(),
        states: Vec::new(),
    };
    let sidecar = Sidecar {
        spectra,
        images: None,
        states: None,
    };
    (record, sidecar)
}

/// The labels of the data that are sampled.
const DATA: [u32; 6] = [0, 0, 1, 1, 2, 2];

/// Samples of a layer with the given labels, of data with each of three labels as often.
pub fn samples(realization: u32, layer: usize, labels: &[u32], mixed: bool) -> Recorded {
    let mut unit = unit(Series::Generated, realization, &[]);
    let name = format!("H{layer}");
    unit.0.unit.name = format!("generated-h{layer:02}-r{realization:02}");
    let labels = Some(Generation::new(&DATA, labels).unwrap());
    let moment = |step| Moment {
        step,
        energy: Some(-1.5),
        labels: labels.clone(),
    };
    unit.0.generated = Some(Generated {
        name,
        sampling: SamplingConfig {
            layer,
            samples: 6,
            steps: 8,
            ..SamplingConfig::default()
        },
        quality: Quality {
            labels: labels.clone(),
            confident: Some(0.5),
            precision: Some(0.75),
            recall: Some(0.25),
            near_copies: None,
            judge_error: Some(0.01),
        },
        convergence: Convergence {
            mean: Some(-1.5),
            stderr: Some(0.1),
            autocorrelation_time: Some(2.0),
            effective_samples: Some(500.0),
            r_hat: Some(1.01),
            mixed,
        },
        moments: [2, 4, 8].map(moment).into(),
        swap_rates: Vec::new(),
        seconds_per_step: None,
    });
    unit.1.images = Some(Images {
        shape: (2, 2),
        pixels: vec![0, 255, 128, 0, 255, 0, 0, 255],
    });
    unit
}

/// The unit as that of one of the networks that a recipe compares.
pub fn of(mut unit: Recorded, number: usize, sweep: &str, name: &str) -> Recorded {
    unit.0.unit.name = format!("{}-v{number:02}", unit.0.unit.name);
    unit.0.unit.variant = Some(Variant {
        number,
        sweep: sweep.to_owned(),
        name: name.to_owned(),
    });
    unit
}

/// The names of the tables among the files of a figure.
pub fn tables(artefacts: &[Artefact]) -> impl Iterator<Item = &str> {
    let names = artefacts.iter().map(|artefact| artefact.name.as_str());
    names.filter(|name| {
        Path::new(name)
            .extension()
            .is_some_and(|kind| kind == "csv")
    })
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
