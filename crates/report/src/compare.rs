//! Several networks beside each other: other architectures, sparse ones, other schedules, or whatever a recipe
//! sweeps over.

mod ability;
mod per_layer;
mod plane;
mod spectra;
mod training;
mod width;

use resrel_experiment::{Figure, Layer, Record, Series, Sidecar, Summary, Variant, variants};
use resrel_measure::Measure;

use crate::axis::Axis;
use crate::figure::{Drawn, figure};
use crate::look::{BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE, ordered};
use crate::panel::Entry;
use crate::svg::{Marker, Shape};
use crate::{Artefact, Error};

/// One of the networks, and how it is drawn.
pub(crate) struct Network<'a> {
    variant: &'a Variant,
    summary: &'a Summary<'a>,
    marker: Marker,
}

/// The networks of one sweep.
pub(crate) struct Group<'a> {
    name: &'a str,
    networks: Vec<Network<'a>>,
    /// How the group is drawn as a whole.
    marker: Marker,
}

/// Draws the figure of several networks from the records of any number of units.
///
/// Values are means over realizations with their standard errors. What the records lack is left out, and the
/// panel says so. The same records, in any order, give the same bytes.
pub(crate) fn draw(of: Figure, records: &[(Record, Sidecar)]) -> Result<Vec<Artefact>, Error> {
    let networks = variants(records)?;
    let groups = groups(&networks);
    if groups.is_empty() {
        return Err(Error::NoRecords);
    }
    let sampled = networks
        .iter()
        .any(|(_, summary)| !summary.generated.is_empty());
    let each = |panel: fn(&Group) -> Drawn| groups.iter().map(panel);
    let mut panels: Vec<Drawn> = Vec::new();
    let (title, columns) = match of {
        Figure::FigS2 => {
            panels.extend(each(plane::draw));
            panels.extend(each(ability::against_sum));
            panels.extend(each(ability::against_beta));
            ("Figure S2: other architectures", groups.len())
        }
        Figure::FigS4 => {
            for group in &groups {
                panels.extend([plane::draw(group), spectra::draw(group), sums(group)]);
            }
            ("Figure S4: sparse connections and sparse activity", 3)
        }
        Figure::FigS5 => {
            panels.extend(each(spectra::draw));
            panels.extend(groups.iter().map(|group| width::plane(group, records)));
            panels.extend(groups.iter().map(|group| width::accuracy(group, records)));
            panels.extend(
                groups
                    .iter()
                    .map(|group| width::error_against_beta(group, records)),
            );
            ("Figure S5: networks that are taught labels", groups.len())
        }
        Figure::FigS6 => {
            for group in &groups {
                panels.extend([width::plane(group, records), width::ability(group, records)]);
                panels.extend([width::loss(group, records), spectra::draw(group)]);
                panels.push(width::ability_against_beta(group, records));
                panels.push(width::samples(group));
            }
            ("Figure S6: variational autoencoders", 3)
        }
        Figure::Schedule => {
            panels.extend(each(plane::draw));
            panels.extend(each(sums));
            panels.push(training::critical_layer(&groups, records));
            panels.push(training::exponent(&groups, records));
            (
                "The critical layer against training time",
                groups.len().max(2),
            )
        }
        _ => {
            for group in &groups {
                panels.extend([plane::draw(group), sums(group), spectra::draw(group)]);
                panels.extend([exponents(group), errors(group)]);
                if sampled {
                    panels.push(ability::against_sum(group));
                }
            }
            ("Networks side by side", if sampled { 3 } else { 5 })
        }
    };
    figure(of.name(), title, panels, columns, &about(&networks))
}

/// The networks by sweep, in the order of the recipe.
fn groups<'a>(networks: &'a [(&'a Variant, Summary<'a>)]) -> Vec<Group<'a>> {
    let looks = [
        (BLACK, Shape::Square),
        (BLUE, Shape::Circle),
        (ORANGE, Shape::Triangle),
        (GREEN, Shape::Diamond),
        (PURPLE, Shape::Square),
        (SKY_BLUE, Shape::Circle),
    ];
    let same = |a: &(&Variant, Summary), b: &(&Variant, Summary)| a.0.sweep == b.0.sweep;
    let chunks = networks.chunk_by(same).zip(looks.into_iter().cycle());
    let groups = chunks.map(|(chunk, (colour, shape))| Group {
        name: &chunk[0].0.sweep,
        networks: chunk
            .iter()
            .zip(ordered(chunk.len()))
            .map(|((variant, summary), marker)| Network {
                variant,
                summary,
                marker,
            })
            .collect(),
        marker: Marker {
            colour,
            shape,
            filled: true,
            radius: 5.5,
        },
    });
    groups.collect()
}

impl<'a> Network<'a> {
    /// Its name, that of its sweep where it has none.
    fn name(&self) -> &'a str {
        if self.variant.name.is_empty() {
            &self.variant.sweep
        } else {
            &self.variant.name
        }
    }

    fn layers(&self) -> &'a [Layer<'a>] {
        self.summary.layers(Series::Trained)
    }

    fn entry(&self) -> Entry {
        Entry {
            text: self.name().to_owned(),
            marker: Some(self.marker),
            stroke: Some(crate::look::joining(self.marker.colour)),
        }
    }
}

fn sums(group: &Group) -> Drawn {
    per_layer::draw(
        group,
        &per_layer::Number {
            title: "Resolution and relevance of every layer",
            label: "(*H*[*s*] + *H*[*k*]) / ln *M*",
            column: "sum",
            of: Measure::sum,
            axis: |_, high| Axis::linear("", -0.03 * high, 1.08 * high),
        },
    )
}

fn exponents(group: &Group) -> Drawn {
    per_layer::draw(
        group,
        &per_layer::Number {
            title: "Exponent of every layer",
            label: "exponent *β* (maximum likelihood)",
            column: "beta",
            of: |measure| measure.beta.mle,
            axis: |low, high| Axis::log("", (low / 1.5).clamp(0.01, 0.45), (high * 1.5).max(2.2)),
        },
    )
}

fn errors(group: &Group) -> Drawn {
    per_layer::draw(
        group,
        &per_layer::Number {
            title: "Classification error of every layer",
            label: "classification error",
            column: "classification_error",
            of: |measure| measure.classification_error,
            axis: |_, high| Axis::linear("", -0.03 * high, 1.08 * high),
        },
    )
}

/// One line that says what was measured, and how often.
fn about(networks: &[(&Variant, Summary)]) -> String {
    let counts = networks
        .iter()
        .map(|(_, summary)| summary.realizations(Series::Trained));
    let (low, high) = (counts.clone().min().unwrap_or(0), counts.max().unwrap_or(0));
    let realizations = if low == high {
        low.to_string()
    } else {
        format!("{low} to {high}")
    };
    let (data, observations) = networks.first().map_or((String::new(), 0), |(_, summary)| {
        (summary.data.join(", "), summary.observations)
    });
    format!(
        "Data: {data}, *M* = {observations}. Trained networks; means and standard errors; realizations: \
         {realizations}."
    )
}
