//! Why a number of a measure is null.

use std::collections::BTreeMap;

use resrel::measure::{KMin, Measure, Spectrum, StandardErrors};

use crate::commands::fit::undefined;

/// A reason for every number that is null, by its key.
pub fn reasons(spectrum: &Spectrum, measure: &Measure) -> BTreeMap<&'static str, String> {
    let mut reasons = BTreeMap::new();
    let mut explain = |keys: &[(&'static str, Option<f64>)], why: String| {
        for (key, _) in keys.iter().filter(|(_, value)| value.is_none()) {
            reasons.insert(*key, why.clone());
        }
    };
    let why = if measure.m == 1 {
        "one observation has no fraction of ln M = 0"
    } else {
        "theoretical curves exist for 2 to 10^12 observations, between their ends"
    };
    explain(
        &[
            ("resolution", measure.resolution),
            ("relevance", measure.relevance),
            ("bound", measure.bound),
            ("optimum", measure.optimum),
        ],
        why.into(),
    );
    explain(
        &[("classification_error", measure.classification_error)],
        "no labels were given".into(),
    );
    let beta = &measure.beta;
    explain(
        &[
            ("beta.mle", beta.mle),
            ("beta.mle_stderr", beta.mle_stderr),
            ("beta.ks", beta.ks),
            ("beta.k_min", beta.k_min.map(|k| k as f64)),
        ],
        undefined(spectrum, KMin::Fixed(1)),
    );
    explain(
        &[("beta.lsq", beta.lsq)],
        "a line needs states in two bins of k or more".into(),
    );
    explain(
        &[("beta.p_value", beta.p_value)],
        "not computed here; resrel fit --bootstrap N does".into(),
    );
    let without = [
        ("resolution_stderr", measure.resolution_stderr),
        ("relevance_stderr", measure.relevance_stderr),
        ("beta.mle_jackknife_stderr", beta.mle_jackknife_stderr),
    ];
    // Computed anew only for its words.
    if without.iter().any(|(_, stderr)| stderr.is_none()) {
        let errors = StandardErrors::of(spectrum);
        explain(&without[..2], errors.reason.unwrap_or_default());
        explain(&without[2..], errors.beta_reason.unwrap_or_default());
    }
    reasons
}
