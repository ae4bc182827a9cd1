//! What a finite sample says of its source: subsampling curves and entropy estimates.

use resrel::measure::{EntropyEstimate, Error, Spectrum, SubsamplingCurve};
use serde::Serialize;

use crate::failure::Failure;
use crate::table;

#[derive(Debug, clap::Args)]
pub struct Finite {
    /// Measure subsamples of POINTS sizes as well, and say whether H[s] and H[k] have converged
    #[arg(long, value_name = "POINTS", num_args = 0..=1, require_equals = true,
        default_missing_value = "10")]
    subsample: Option<usize>,
    /// Estimate the source's entropy by Miller–Madow, Grassberger, Chao–Shen and, with --classes, NSB
    #[arg(long)]
    estimators: bool,
    /// Number of states of the source, those never observed included
    #[arg(long, value_name = "K", requires = "estimators")]
    classes: Option<u64>,
}

/// What was asked for, under the names that scripts rely on.
#[derive(Debug, Serialize)]
pub struct Found {
    #[serde(skip_serializing_if = "Option::is_none")]
    subsampling: Option<SubsamplingCurve>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimators: Option<Vec<EntropyEstimate>>,
}

impl Finite {
    pub fn look(&self, spectrum: &Spectrum) -> Result<Found, Failure> {
        let blame = |flag: &str| {
            let flag = flag.to_owned();
            move |error: Error| Failure::mistake(format!("{flag}: {error}"))
        };
        let curve = self
            .subsample
            .map(|points| SubsamplingCurve::of(spectrum, points).map_err(blame("--subsample")));
        let estimators = self
            .estimators
            .then(|| EntropyEstimate::all(spectrum, self.classes).map_err(blame("--classes")));
        Ok(Found {
            subsampling: curve.transpose()?,
            estimators: estimators.transpose()?,
        })
    }
}

impl Found {
    /// Tables, each with a line of words.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Some(curve) = &self.subsampling {
            text +=
                "\n\nSubsamples, each value a mean over 100 of them ± their standard deviation:\n";
            text += &table::subsamples(&curve.points);
            text += &format!("{}.", capital(&curve.words));
        }
        if let Some(estimates) = &self.estimators {
            text += "\n\nEntropy of the source:\n";
            text += table::estimates(estimates).trim_end();
        }
        text
    }
}

/// With a capital letter at its beginning.
fn capital(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}
