//! Figure 3 of Song, Marsili, Jo, "Resolution and Relevance Trade-offs in Deep Learning": (a–c) samples
//! of three layers, (d–f) the frequencies of their labels, (g) generation ability and (h) classification
//! error against β; and, beyond the paper, (i) how the labels settled.

pub(crate) mod against_beta;
mod labels;
pub(crate) mod samples;
mod settling;

pub use samples::samples_plot;

use resrel_experiment::{GeneratedLayer, Record, Series, Sidecar, Summary};

use crate::figure::figure;
use crate::{Artefact, Error};

/// The layers whose samples the paper shows.
const PAPER: [&str; 3] = ["H2", "H6", "H10"];

/// Draws Figure 3 from the records of any number of units: the files `fig3a` … `fig3i`, and `fig3.svg` and
/// `fig3.png` with all nine panels.
///
/// Samples are of the first realization.
pub(crate) fn draw(records: &[(Record, Sidecar)]) -> Result<Vec<Artefact>, Error> {
    let summary = Summary::new(records)?;
    let shown = shown(&summary.generated).ok_or(Error::NoRecords)?;
    let mut panels = Vec::new();
    panels.extend(shown.map(samples::draw));
    panels.extend(shown.map(labels::draw));
    panels.push(against_beta::ability(&summary));
    panels.push(against_beta::classification_error(&summary));
    panels.push(settling::draw(shown));
    let title = "Figure 3: generation by the layers";
    figure("fig3", title, panels, 3, &about(&summary))
}

/// A shallow, a middle and a deep layer: the paper's where they are.
pub(crate) fn shown<'a, 'b>(
    layers: &'a [GeneratedLayer<'b>],
) -> Option<[&'a GeneratedLayer<'b>; 3]> {
    let of_paper = PAPER.map(|name| layers.iter().find(|layer| layer.name == name));
    if let [Some(shallow), Some(middle), Some(deep)] = of_paper {
        return Some([shallow, middle, deep]);
    }
    let last = layers.len().checked_sub(1)?;
    Some([
        &layers[last.min(1)],
        &layers[layers.len() / 2],
        &layers[last],
    ])
}

/// One line that says what was sampled, and how often.
pub(crate) fn about(summary: &Summary) -> String {
    let first = summary.generated.iter().find_map(|layer| layer.all.first());
    let chains = first.map_or_else(String::new, |generated| {
        let sampling = &generated.sampling;
        format!("{} chains of {} steps", sampling.samples, sampling.steps)
    });
    let judge = first.and_then(|generated| generated.quality.judge_error);
    let judge = judge.map_or_else(String::new, |error| {
        format!("; labels by a classifier of test error {error:.4}")
    });
    format!(
        "Data: {}, *M* = {}. {chains} a layer{judge}. Means and standard errors; realizations: {}.",
        summary.data.join(", "),
        summary.observations,
        summary.realizations(Series::Generated)
    )
}
