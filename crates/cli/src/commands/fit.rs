//! `resrel fit`: power-law inference on frequencies.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use resrel::data::read_counts;
use resrel::measure::{Error, Fitted, GoodnessOfFit, KMin, PowerLaw, Spectrum, compare};
use resrel_report::fit_plot;
use serde::Serialize;

use crate::console::Console;
use crate::failure::Failure;
use crate::plot::PlotFile;
use crate::progress::Bar;
use crate::table;

/// Largest frequency that is exact as a 64-bit float.
const LARGEST: u64 = 1 << 53;

/// Fits a discrete power law m_k ∝ k^(−γ) to frequencies k ≥ k_min by maximum likelihood.
///
/// Each line of FILE is the frequency of one state: a whole number of 1 or more.
///
/// Example: resrel fit words.txt --bootstrap 2500 --compare
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Text file of frequencies, one per line
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Smallest frequency of the fit; auto takes the one of least Kolmogorov–Smirnov distance
    #[arg(long = "kmin", value_name = "K|auto", default_value = "auto")]
    k_min: Cutoff,
    /// Refits of synthetic samples for the p-value of the power law
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    bootstrap: Option<u64>,
    /// Compare with lognormal, exponential, stretched exponential and truncated power law
    #[arg(long)]
    compare: bool,
    /// Draw the frequencies and the fit as SVG or PNG
    #[arg(long, value_name = "FILE")]
    plot: Option<PlotFile>,
    /// Seed of all random numbers
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

/// What --kmin takes.
#[derive(Debug, Clone, Copy)]
struct Cutoff(KMin);

impl FromStr for Cutoff {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self(KMin::Searched));
        }
        match text.parse() {
            Ok(k_min) if (1..=LARGEST).contains(&k_min) => Ok(Self(KMin::Fixed(k_min))),
            _ => Err("give auto, or a whole number of 1 or more".into()),
        }
    }
}

/// The numbers, and why one is null, by its key.
#[derive(Debug, Default, Serialize)]
struct Report {
    #[serde(flatten)]
    fitted: Fitted,
    reasons: BTreeMap<&'static str, String>,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let counts = read_counts(&arguments.file)?;
    if let Some(place) = counts.iter().position(|&count| count > LARGEST) {
        let words = format!(
            "{}: line {}: frequency {} is above 2^53; count the parts on their own",
            arguments.file.display(),
            place + 1,
            counts[place]
        );
        return Err(Failure::mistake(words));
    }
    let spectrum = Spectrum::from_counts(counts)?;
    let k_min = arguments.k_min.0;
    let fit = k_min.fit(&spectrum);
    if let Some(plot) = &arguments.plot {
        plot.save(&fit_plot(&spectrum, fit.as_ref()))?;
    }
    let mut report = Report::default();
    let Some(fit) = fit else {
        report.fitted = Fitted::new(&spectrum, None, None, None);
        report.explain_all(&undefined(&spectrum, k_min));
        return console.show(&report.text(), &report);
    };
    let goodness = arguments
        .bootstrap
        .map(|refits| bootstrap(&spectrum, &fit, arguments, refits, console))
        .transpose()?;
    match &goodness {
        None => report.explain("p_value", "not asked for; give --bootstrap N"),
        Some(goodness) if goodness.p_value.is_none() => {
            report.explain("p_value", "no synthetic sample could be fitted");
        }
        Some(_) => {}
    }
    let comparisons = arguments.compare.then(|| compare(&spectrum, &fit));
    if comparisons.is_none() {
        report.explain("comparisons", "not asked for; give --compare");
    }
    report.fitted = Fitted::new(&spectrum, Some(&fit), goodness.as_ref(), comparisons);
    console.show(&report.text(), &report)
}

fn bootstrap(
    spectrum: &Spectrum,
    fit: &PowerLaw,
    arguments: &Arguments,
    refits: u64,
    console: &Console,
) -> Result<GoodnessOfFit, Failure> {
    let workers = console.workers()?;
    let bar = Bar::new(console, &format!("{refits} refits"));
    let result = GoodnessOfFit::bootstrap(
        spectrum,
        fit,
        arguments.k_min.0,
        refits,
        arguments.seed,
        &workers,
        &mut |done| {
            bar.done(done);
            console.flow()
        },
    );
    match result {
        Err(Error::Interrupted { done, of }) => Err(Failure::Stopped(format!(
            "after {done} of {of} refits; nothing was kept"
        ))),
        result => Ok(result?),
    }
}

/// Why there is no fit.
pub fn undefined(spectrum: &Spectrum, k_min: KMin) -> String {
    let largest = spectrum.max_frequency();
    match k_min {
        _ if spectrum.states() == 1 => "there is only one state".into(),
        KMin::Fixed(k_min) if k_min > largest => {
            format!("no frequency reaches k_min = {k_min}; the largest is {largest}")
        }
        KMin::Fixed(k_min) if k_min == largest => {
            format!("no frequency is above k_min = {k_min}; choose a smaller one")
        }
        KMin::Fixed(k_min) => {
            format!("only one state has k ≥ k_min = {k_min}; choose a smaller one")
        }
        KMin::Searched => format!("all frequencies are {largest}: any steep law fits"),
    }
}

impl Report {
    fn explain(&mut self, key: &'static str, why: &str) {
        self.reasons.insert(key, why.to_owned());
    }

    fn explain_all(&mut self, why: &str) {
        for key in [
            "gamma",
            "gamma_stderr",
            "beta",
            "k_min",
            "log_likelihood",
            "ks",
            "tail",
            "p_value",
            "comparisons",
        ] {
            self.explain(key, why);
        }
    }

    fn text(&self) -> String {
        let fitted = &self.fitted;
        let Some(gamma) = fitted.gamma else {
            let why = self.reasons.get("gamma").map_or("", String::as_str);
            return format!("There is no fit: {why}.");
        };
        let number = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.5}"));
        let mut rows = vec![
            [
                "γ".into(),
                format!("{gamma:.5} ± {}", number(fitted.gamma_stderr)),
            ],
            ["β = γ − 1".into(), number(fitted.beta)],
            [
                "k_min".into(),
                fitted.k_min.map_or("–".into(), |k| k.to_string()),
            ],
            [
                "states in the tail".into(),
                format!("{} of {}", fitted.tail.unwrap_or(0), fitted.states),
            ],
            ["log-likelihood".into(), number(fitted.log_likelihood)],
            ["KS distance".into(), number(fitted.ks)],
        ];
        if let Some(refits) = fitted.refits {
            let p = format!(
                "{} ± {} ({refits} refits)",
                number(fitted.p_value),
                number(fitted.p_value_stderr)
            );
            rows.push(["p-value".into(), p]);
        }
        let mut text = table::rows(&rows);
        if let Some(comparisons) = &fitted.comparisons {
            text += "\n";
            text += &table::comparisons(comparisons);
            text += "\nR > 0 speaks for the power law, R < 0 for the alternative; p is the \
                     probability of an |R| this large if neither were better.\n";
        }
        text
    }
}
