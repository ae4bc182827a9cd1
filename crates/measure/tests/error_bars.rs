//! Whether the error bars cover: the spread over many samples of known sources against the standard
//! errors that single samples give.

use rand_distr::{Distribution, Zeta};
use resrel_kernels::{Purpose, Stream, StreamRng, Workers};
use resrel_measure::{PowerLaw, Spectrum, StandardErrors};

/// A source of states by their probabilities.
struct Source {
    name: &'static str,
    cumulative: Vec<f64>,
}

impl Source {
    fn new(name: &'static str, weights: impl IntoIterator<Item = f64>) -> Self {
        let mut total = 0.0;
        let cumulative = weights
            .into_iter()
            .map(|weight| {
                total += weight;
                total
            })
            .collect();
        Self { name, cumulative }
    }

    fn zipf(name: &'static str, states: u32, exponent: f64) -> Self {
        Self::new(name, (1..=states).map(|s| f64::from(s).powf(-exponent)))
    }

    fn uniform(name: &'static str, states: usize) -> Self {
        Self::new(name, std::iter::repeat_n(1.0, states))
    }

    fn geometric(name: &'static str, stop: f64) -> Self {
        let states = (40.0 / stop) as i32;
        Self::new(name, (0..states).map(|s| (1.0 - stop).powi(s)))
    }

    fn sample(&self, m: usize, rng: &mut StreamRng) -> Spectrum {
        let total = self.cumulative[self.cumulative.len() - 1];
        let mut counts = vec![0_u64; self.cumulative.len()];
        for _ in 0..m {
            let place = rng.uniform() * total;
            counts[self.cumulative.partition_point(|&c| c <= place)] += 1;
        }
        Spectrum::from_counts(counts.into_iter().filter(|&k| k > 0)).unwrap()
    }
}

/// H[s] and H[k] in nats and β, of one sample.
fn values(spectrum: &Spectrum) -> [Option<f64>; 3] {
    let beta = PowerLaw::fit(spectrum, 1).map(|fit| fit.beta());
    [
        Some(spectrum.resolution()),
        Some(spectrum.relevance()),
        beta,
    ]
}

/// What many samples say of one measure.
struct Coverage {
    /// Standard deviation of the plug-in value.
    spread: f64,
    /// Mean of the estimated standard error over that.
    ratio: f64,
    /// Share of the samples whose value ± 1.96 standard errors holds the mean of the plug-in.
    covered: f64,
}

/// `samples` samples of `m` observations; standard errors from the first `judged` of them.
fn coverage(source: &Source, m: usize, samples: usize, judged: usize) -> [Option<Coverage>; 3] {
    let workers = Workers::new(2).unwrap();
    let stream = Stream::new(1, Purpose::Subsampling, m as u64);
    let all = workers.map(samples, |index| {
        let spectrum = source.sample(m, &mut stream.rng(index as u64));
        let errors = (index < judged).then(|| StandardErrors::of(&spectrum));
        (values(&spectrum), errors)
    });
    [0, 1, 2].map(|measure| {
        let seen: Vec<f64> = all.iter().filter_map(|(v, _)| v[measure]).collect();
        let n = seen.len() as f64;
        let mean = seen.iter().sum::<f64>() / n;
        let spread = (seen.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let pairs: Vec<(f64, f64)> = all[..judged]
            .iter()
            .filter_map(|(values, errors)| {
                let errors = errors.as_ref()?;
                let error = [errors.resolution, errors.relevance, errors.beta][measure]?;
                Some((values[measure]?, error))
            })
            .collect();
        // Undefined for more than one in twenty: nothing to judge.
        if pairs.len() * 20 < judged * 19 || seen.len() * 20 < samples * 19 {
            return None;
        }
        let judged = pairs.len() as f64;
        let covered = pairs.iter().filter(|(v, e)| (v - mean).abs() <= 1.96 * e);
        Some(Coverage {
            spread,
            ratio: pairs.iter().map(|(_, e)| e).sum::<f64>() / judged / spread,
            covered: covered.count() as f64 / judged,
        })
    })
}

/// The sources on which error bars are to hold, at sizes where coincidences are seen.
fn judged() -> Vec<(Source, usize)> {
    vec![
        (Source::zipf("Zipf", 1_000_000, 1.0), 3000),
        (Source::zipf("Zipf, exponent 1.5", 1_000_000, 1.5), 300),
        (Source::geometric("geometric, mean 20", 0.05), 300),
        (Source::uniform("uniform, 1000 states", 1000), 3000),
        (
            Source::new("5 unlike states", [0.4, 0.3, 0.15, 0.1, 0.05]),
            3000,
        ),
    ]
}

#[test]
fn error_bars_cover_the_mean_of_the_plug_in() {
    const JUDGED: usize = 200;
    for (source, m) in judged() {
        let names = ["H[s]", "H[k]", "β"];
        for (name, coverage) in names.iter().zip(coverage(&source, m, 800, JUDGED)) {
            let coverage = coverage.unwrap_or_else(|| panic!("{}: no {name}", source.name));
            // At least .90 are to be covered: fewer than this many happen once in 10⁴ runs, by the
            // normal law of the binomial.
            let (aim, n) = (0.90, JUDGED as f64);
            let least = aim - 3.7 * (aim * (1.0 - aim) / n).sqrt();
            assert!(
                coverage.covered >= least,
                "{}, M = {m}, {name}: {} covered",
                source.name,
                coverage.covered
            );
            // They do not cover by being of any size: at most 1.5 times too wide, and 3 times for β
            // where all states are alike.
            let widest = if *name == "β" { 3.0 } else { 1.5 };
            assert!(
                (0.85..widest).contains(&coverage.ratio),
                "{}, M = {m}, {name}: {} times the spread of {}",
                source.name,
                coverage.ratio,
                coverage.spread
            );
        }
    }
}

#[test]
fn no_coincidences_are_invented() {
    // A bootstrap with replacement gives H[k] = .119 ln M here.
    let distinct = Spectrum::from_pairs([(1, 60_000)]).unwrap();
    let errors = StandardErrors::of(&distinct);
    assert_eq!(
        (errors.resolution, errors.relevance),
        (Some(0.0), Some(0.0))
    );
    assert_eq!(errors.beta, None);
    assert!(errors.beta_reason.is_some());
    // One state: nothing can vary.
    let errors = StandardErrors::of(&Spectrum::from_counts([5000]).unwrap());
    assert_eq!(
        (errors.resolution, errors.relevance),
        (Some(0.0), Some(0.0))
    );
    // A bootstrap with replacement moves the exponent of a Zipf sample from 1.01 to .745, by more than
    // ten of these standard errors.
    let mut rng = Stream::new(4, Purpose::Subsampling, 0).rng(0);
    let law = Zeta::new(2.0).unwrap();
    let frequencies = (0..6000).map(|_| law.sample(&mut rng) as u64);
    let sample = Spectrum::from_counts(frequencies).unwrap();
    let errors = StandardErrors::of(&sample);
    let beta = PowerLaw::fit(&sample, 1).unwrap().beta();
    assert!((0.9..1.1).contains(&beta), "{beta}");
    assert!((0.002..0.026).contains(&errors.beta.unwrap()), "{errors:?}");
    assert_eq!(errors, StandardErrors::of(&sample));
}

#[test]
fn few_observations_have_none() {
    let errors = StandardErrors::of(&Spectrum::from_counts([20, 9]).unwrap());
    assert_eq!(
        (errors.resolution, errors.relevance, errors.beta),
        (None, None, None)
    );
    let reason = errors.reason.unwrap();
    assert!(reason.contains("at least 30 observations"), "{reason}");
    assert!(
        StandardErrors::of(&Spectrum::from_counts([20, 10]).unwrap())
            .resolution
            .is_some()
    );
}

/// H[s] by leaving out each observation in turn.
#[test]
fn the_resolution_is_left_out_one_by_one() {
    let counts = [9_u64, 7, 7, 4, 2, 2, 1, 1, 1, 1];
    let m = counts.iter().sum::<u64>() as f64;
    let mut left_out = Vec::new();
    for place in 0..counts.len() {
        let mut fewer = counts;
        fewer[place] -= 1;
        let fewer = Spectrum::from_counts(fewer.into_iter().filter(|&k| k > 0)).unwrap();
        // ln M differs from the closed form's by a constant alone.
        left_out.extend(std::iter::repeat_n(
            fewer.resolution(),
            counts[place] as usize,
        ));
    }
    let mean = left_out.iter().sum::<f64>() / m;
    let square: f64 = left_out.iter().map(|h| (h - mean).powi(2)).sum();
    let expected = ((m - 1.0) / m * square).sqrt();
    let errors = StandardErrors::of(&Spectrum::from_counts(counts).unwrap());
    assert!(
        (errors.resolution.unwrap() / expected - 1.0).abs() < 1e-12,
        "{errors:?} {expected}"
    );
}

/// The table of the documentation.
#[test]
#[ignore = "prints the table of docs/measures/uncertainty.md, minutes"]
fn table() {
    let sources = [
        Source::zipf("Zipf, 10⁶ states", 1_000_000, 1.0),
        Source::zipf("Zipf, exponent 1.5", 1_000_000, 1.5),
        Source::zipf("Zipf, exponent 0.7", 1_000_000, 0.7),
        Source::geometric("geometric, mean 1000", 1e-3),
        Source::geometric("geometric, mean 20", 0.05),
        Source::uniform("uniform, 1000 states", 1000),
        Source::uniform("uniform, 10⁶ states", 1_000_000),
        Source::uniform("uniform, 10 states", 10),
        Source::new("5 unlike states", [0.4, 0.3, 0.15, 0.1, 0.05]),
    ];
    for source in &sources {
        for m in [30, 100, 300, 3000, 60_000] {
            let all = coverage(source, m, 1000, if m > 3000 { 200 } else { 400 });
            let ln_m = (m as f64).ln();
            let units = [ln_m, ln_m, 1.0];
            let cells: Vec<String> = all
                .iter()
                .zip(units)
                .map(|(coverage, unit)| {
                    coverage.as_ref().map_or("–".into(), |c| {
                        let spread = c.spread / unit;
                        format!("{spread:.5} | {:.2} | {:.2}", c.ratio, c.covered)
                    })
                })
                .collect();
            println!("| {} | {m} | {} |", source.name, cells.join(" | "));
        }
    }
}
