//! Means and standard errors over the realizations of each series.

use std::collections::BTreeMap;

use resrel_measure::{Candidate, Critical, Estimate, Measure, Spectrum};

use crate::{Error, Generated, Images, Learnt, Record, Series, Sidecar, Variant};

/// A mean over realizations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// x̄ = Σ x / n.
    pub value: f64,
    /// Standard error of the mean; `None` with a single value.
    pub stderr: Option<f64>,
    /// How many values went in.
    pub count: usize,
}

impl Mean {
    /// Mean x̄ = Σ x/n of the values that exist, with the standard error √(Σ(x − x̄)²/(n(n − 1))).
    /// `None` without any.
    pub fn of(values: impl IntoIterator<Item = Option<f64>>) -> Option<Self> {
        let values: Vec<f64> = values
            .into_iter()
            .flatten()
            .filter(|value| value.is_finite())
            .collect();
        if values.is_empty() {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self {
            value: mean,
            stderr: (values.len() > 1).then(|| (squares / (n * (n - 1.0))).sqrt()),
            count: values.len(),
        })
    }
}

/// One layer (or clustering) of a series, over its realizations.
#[derive(Debug)]
pub struct Layer<'a> {
    /// Its name: H1 …, or the number of clusters.
    pub name: &'a str,
    measures: Vec<&'a Measure>,
    /// m_k added over the realizations; `None` where no realization has a spectrum.
    pub spectrum: Option<Spectrum>,
}

impl Layer<'_> {
    /// The mean of one of the measure's numbers.
    pub fn mean(&self, number: impl Fn(&Measure) -> Option<f64>) -> Option<Mean> {
        Mean::of(self.measures.iter().map(|measure| number(measure)))
    }

    fn candidate(&self) -> Candidate {
        if let [measure] = self.measures[..] {
            return measure.into();
        }
        let mean = |number: fn(&Measure) -> Option<f64>| {
            let mean = self.mean(number)?;
            Estimate::new(Some(mean.value), mean.stderr)
        };
        Candidate {
            name: self.name.to_owned(),
            resolution: mean(|m| m.resolution),
            relevance: mean(|m| m.relevance),
            sum: mean(Measure::sum),
            beta: mean(|m| m.beta.mle),
        }
    }

    /// Number of realizations.
    #[must_use]
    pub fn realizations(&self) -> usize {
        self.measures.len()
    }

    /// The measure of one realization, in their order.
    #[must_use]
    pub fn measure(&self, realization: usize) -> Option<&Measure> {
        self.measures.get(realization).copied()
    }
}

/// What one layer generated, over the realizations.
#[derive(Debug)]
pub struct GeneratedLayer<'a> {
    /// Its name: H1 …
    pub name: &'a str,
    /// One a realization, in their order.
    pub all: Vec<&'a Generated>,
    /// Some samples of the first realization that has them.
    pub images: Option<&'a Images>,
}

impl GeneratedLayer<'_> {
    /// The mean of a number over the realizations.
    pub fn mean(&self, number: impl Fn(&Generated) -> Option<f64>) -> Option<Mean> {
        Mean::of(self.all.iter().map(|generated| number(generated)))
    }

    /// The generation ability 1/D(P‖Q), 0 where a label never came.
    #[must_use]
    pub fn ability(&self) -> Option<Mean> {
        self.mean(|generated| generated.quality.labels.as_ref()?.ability)
    }
}

/// All layers of all series.
#[derive(Debug)]
pub struct Summary<'a> {
    series: BTreeMap<Series, Vec<Layer<'a>>>,
    realizations: BTreeMap<Series, usize>,
    /// What layers generated, from the first to the last.
    pub generated: Vec<GeneratedLayer<'a>>,
    /// How networks on burn learnt, each with its samples where it has some.
    pub learnt: Vec<(&'a Learnt, Option<&'a Images>)>,
    /// Names of the data sets, in order of first sight.
    pub data: Vec<&'a str>,
    /// Most frequent number of observations.
    pub observations: u64,
}

impl<'a> Summary<'a> {
    /// Groups the records by series and layer. Their order does not matter.
    ///
    /// # Errors
    /// [`Error::Record`] if a record has not one spectrum a layer, or one is no spectrum.
    pub fn new(records: impl IntoIterator<Item = &'a (Record, Sidecar)>) -> Result<Self, Error> {
        let mut units: Vec<&(Record, Sidecar)> = records.into_iter().collect();
        units.sort_by_key(|(record, _)| {
            (
                record.unit.series,
                record.unit.realization,
                &record.unit.name,
            )
        });

        let mut data: Vec<&str> = Vec::new();
        let mut observations: BTreeMap<u64, usize> = BTreeMap::new();
        let mut realizations: BTreeMap<Series, Vec<u32>> = BTreeMap::new();
        let mut tables: BTreeMap<Series, Vec<Group<'a>>> = BTreeMap::new();
        let mut generated: Vec<GeneratedLayer<'a>> = Vec::new();
        let mut learnt = Vec::new();
        for (record, sidecar) in units {
            if record.layers.len() != sidecar.spectra.len() {
                let (layers, spectra) = (record.layers.len(), sidecar.spectra.len());
                let problem = format!("{layers} layers but {spectra} spectra; delete both files");
                let path = format!("records/{}.json", record.unit.name).into();
                return Err(Error::Record { path, problem });
            }
            if !data.contains(&record.data.as_str()) {
                data.push(&record.data);
            }
            if let Some(it) = &record.learnt {
                learnt.push((it, sidecar.images.as_ref()));
            }
            let seen = realizations.entry(record.unit.series).or_default();
            if !seen.contains(&record.unit.realization) {
                seen.push(record.unit.realization);
            }
            if let Some(sample) = &record.generated {
                let place = generated.iter().position(|layer| layer.name == sample.name);
                let place = place.unwrap_or_else(|| {
                    generated.push(GeneratedLayer {
                        name: &sample.name,
                        all: Vec::new(),
                        images: None,
                    });
                    generated.len() - 1
                });
                let layer = &mut generated[place];
                layer.all.push(sample);
                layer.images = layer.images.or(sidecar.images.as_ref());
            }
            let table = tables.entry(record.unit.series).or_default();
            for (measure, pairs) in record.layers.iter().zip(&sidecar.spectra) {
                *observations.entry(measure.m).or_default() += 1;
                let place = table.iter().position(|group| group.name == measure.name);
                let place = place.unwrap_or_else(|| {
                    table.push(Group {
                        name: &measure.name,
                        unit: &record.unit.name,
                        measures: Vec::new(),
                        pairs: Vec::new(),
                    });
                    table.len() - 1
                });
                table[place].measures.push(measure);
                table[place].pairs.extend(pairs);
            }
        }
        let observations = observations.into_iter().max_by_key(|&(_, count)| count);
        let mut series = BTreeMap::new();
        for (name, mut table) in tables {
            table.sort_by_key(|group| number_in(group.name));
            let layers = table.into_iter().map(Group::layer);
            series.insert(name, layers.collect::<Result<_, _>>()?);
        }
        generated.sort_by_key(|layer| number_in(layer.name));
        Ok(Self {
            series,
            generated,
            learnt,
            realizations: realizations
                .into_iter()
                .map(|(series, seen)| (series, seen.len()))
                .collect(),
            data,
            observations: observations.map_or(0, |(m, _)| m),
        })
    }

    /// The layers of one series, from the first to the last; none where the series is missing.
    pub fn layers(&self, series: Series) -> &[Layer<'a>] {
        self.series.get(&series).map_or(&[], Vec::as_slice)
    }

    /// The critical point of one series: of its only realization with the errors of each measure, or
    /// of the means over realizations with theirs.
    #[must_use]
    pub fn critical(&self, series: Series) -> Option<Critical> {
        let layers: Vec<Candidate> = self.layers(series).iter().map(Layer::candidate).collect();
        Critical::of(&layers)
    }

    /// The mean of one of the numbers of networks on burn.
    pub fn learnt(&self, number: impl Fn(&Learnt) -> Option<f64>) -> Option<Mean> {
        Mean::of(self.learnt.iter().map(|(learnt, _)| number(learnt)))
    }

    /// Generation ability 1/D(P‖Q) of autoencoders.
    #[must_use]
    pub fn ability(&self) -> Option<Mean> {
        self.learnt(|learnt| learnt.quality.as_ref()?.labels.as_ref()?.ability)
    }

    /// Number of realizations of one series.
    #[must_use]
    pub fn realizations(&self, series: Series) -> usize {
        self.realizations.get(&series).copied().unwrap_or(0)
    }
}

/// The networks that were compared, in the order of the recipe, each with the summary of its records.
///
/// # Errors
/// See [`Summary::new`].
pub fn variants(records: &[(Record, Sidecar)]) -> Result<Vec<(&Variant, Summary<'_>)>, Error> {
    let mut groups: BTreeMap<&Variant, Vec<&(Record, Sidecar)>> = BTreeMap::new();
    for record in records {
        if let Some(variant) = &record.0.unit.variant {
            groups.entry(variant).or_default().push(record);
        }
    }
    let groups = groups.into_iter();
    let summaries = groups.map(|(variant, records)| Ok((variant, Summary::new(records)?)));
    summaries.collect()
}

/// What belongs to one layer.
struct Group<'a> {
    name: &'a str,
    unit: &'a str,
    measures: Vec<&'a Measure>,
    pairs: Vec<(u64, u64)>,
}

impl<'a> Group<'a> {
    fn layer(self) -> Result<Layer<'a>, Error> {
        let spectrum = if self.pairs.is_empty() {
            None
        } else {
            let spectrum = Spectrum::from_pairs(self.pairs);
            Some(spectrum.map_err(|error| Error::Record {
                path: format!("records/{}.safetensors", self.unit).into(),
                problem: format!(
                    "layer {}: {error}; delete it and its unit is run again",
                    self.name
                ),
            })?)
        };
        Ok(Layer {
            name: self.name,
            measures: self.measures,
            spectrum,
        })
    }
}

/// The number in a layer's name: H10 comes after H9, 16 clusters after 4. Names without one keep
/// their order, behind.
#[must_use]
pub fn number_in(name: &str) -> u64 {
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_skip_what_does_not_exist() {
        let mean = Mean::of([Some(1.0), None, Some(3.0), Some(f64::NAN)]).expect("two values");
        assert_eq!(mean.count, 2);
        assert!((mean.value - 2.0).abs() < 1e-15);
        assert!((mean.stderr.expect("two values") - 1.0).abs() < 1e-15);
        assert_eq!(Mean::of([Some(2.5)]).expect("one value").stderr, None);
        assert_eq!(Mean::of([None]), None);
    }

    #[test]
    fn layers_sort_by_number() {
        let mut names = ["H10", "H9", "V", "H1"];
        names.sort_by_key(|name| number_in(name));
        assert_eq!(names, ["H1", "H9", "H10", "V"]);
    }
}
