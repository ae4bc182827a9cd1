//! Measures as tables for people.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use resrel::boltzmann::{Convergence, LayerLikelihood, LogPartition};
use resrel::experiment::{
    Example, Generated, Judgement, Layer, Mean, Place, Quality, Series, Summary, Variant, Verdict,
};
use resrel::measure::{
    Comparison, Critical, CurveSize, EntropyEstimate, Measure, Msr, OptimumPoint, StrictBound,
};

/// One row a measure.
pub fn measures(measures: &[Measure]) -> String {
    let mut table = new(&[
        "", "states", "H[s]", "H[k]", "sum", "max k", "β", "KS", "error",
    ]);
    for measure in measures {
        let beta = &measure.beta;
        table.add_row([
            measure.name.clone(),
            measure.states.to_string(),
            with_error(measure.resolution, measure.resolution_stderr, 4),
            with_error(measure.relevance, measure.relevance_stderr, 4),
            number(measure.sum(), 4),
            measure.max_frequency.to_string(),
            with_error(beta.mle, beta.mle_stderr, 2),
            number(beta.ks, 3),
            number(measure.classification_error, 3),
        ]);
    }
    finish(table)
}

/// One row a size of subsamples.
pub fn subsamples(sizes: &[CurveSize]) -> String {
    let mut table = new(&["M'", "H[s]", "H[k]", "H[s], nats", "H[k], nats", "β"]);
    for size in sizes {
        table.add_row([
            size.m.to_string(),
            with_error(Some(size.resolution), size.resolution_spread, 4),
            with_error(Some(size.relevance), size.relevance_spread, 4),
            number(Some(size.resolution_nats), 4),
            number(Some(size.relevance_nats), 4),
            with_error(size.beta, size.beta_spread, 3),
        ]);
    }
    finish(table)
}

/// One row an estimate of the entropy.
pub fn estimates(estimates: &[EntropyEstimate]) -> String {
    let mut table = new(&["", "nats", "of ln M", ""]);
    for estimate in estimates {
        table.add_row([
            estimate.name.to_owned(),
            with_error(estimate.nats, estimate.stderr, 4),
            number(estimate.fraction, 4),
            estimate.reason.clone().unwrap_or_default(),
        ]);
    }
    finish(table)
}

/// One row a state: what it is, its count, energy and share, and where it was observed.
pub fn examples(states: &[Example], observations: u64, place: impl Fn(&Place) -> String) -> String {
    /// Characters of a state that are shown.
    const SHOWN: usize = 40;
    let mut table = new(&["state", "k", "E = −ln(k/M)", "share", "rows"]);
    for Example { state, count, rows } in states {
        let mut name = state.to_string();
        if let Some((end, _)) = name.char_indices().nth(SHOWN) {
            name.truncate(end);
            name.push('…');
        }
        let share = *count as f64 / observations as f64;
        let rows = rows.as_ref().map_or("–".into(), |rows| {
            rows.iter().map(&place).collect::<Vec<_>>().join(" ")
        });
        table.add_row([
            // Text may hold anything; a terminal shall only be written to.
            name.escape_debug().to_string(),
            count.to_string(),
            number(Some(0.0_f64.max(-share.ln())), 3),
            number(Some(share), 4),
            rows,
        ]);
    }
    finish(table)
}

/// One row a unit: its events and its multi-scale relevance, or why it has none.
pub fn trains(units: &[(&str, &Msr)]) -> String {
    let mut table = new(&["", "events", "MSR", ""]);
    for (name, msr) in units {
        table.add_row([
            // Names may hold anything; a terminal shall only be written to.
            name.escape_debug().to_string(),
            msr.events.to_string(),
            number(msr.msr, 4),
            msr.reason.clone().unwrap_or_default(),
        ]);
    }
    finish(table)
}

/// One row a layer of each series: means over realizations, ± standard errors where there are several.
pub fn summary(summary: &Summary) -> String {
    let mut table = new(&["", "", "H[s]", "H[k]", "sum", "β", "KS", "error"]);
    for series in [
        Series::Trained,
        Series::Untrained,
        Series::Shuffled,
        Series::KMeans,
    ] {
        for (index, layer) in summary.layers(series).iter().enumerate() {
            let mean = |number: fn(&Measure) -> Option<f64>, digits| cell(layer, number, digits);
            table.add_row([
                if index == 0 {
                    series.name().to_owned()
                } else {
                    String::new()
                },
                layer.name.to_owned(),
                mean(|m| m.resolution, 4),
                mean(|m| m.relevance, 4),
                mean(Measure::sum, 4),
                mean(|m| m.beta.mle, 2),
                mean(|m| m.beta.ks, 3),
                mean(|m| m.classification_error, 3),
            ]);
        }
    }
    finish(table)
}

/// One row a network of those that are compared: its critical layer and what it has there, and the layer that
/// generates best.
pub fn networks(networks: &[(&Variant, Summary)]) -> String {
    let sampled = networks
        .iter()
        .any(|(_, summary)| !summary.generated.is_empty());
    let mut header = vec!["", "", "critical", "sum", "H[s]", "H[k]", "β", "error"];
    header.extend(sampled.then_some("generates best"));
    let mut table = new(&header);
    let mut last = "";
    for (variant, summary) in networks {
        let layers = summary.layers(Series::Trained);
        let critical = summary.critical(Series::Trained);
        let layer = critical.and_then(|it| layers.iter().find(|layer| layer.name == it.layer));
        let mean = |number: fn(&Measure) -> Option<f64>, digits| {
            layer.map_or("–".into(), |layer| cell(layer, number, digits))
        };
        let abilities = summary.generated.iter().filter_map(|layer| {
            let ability = layer.ability()?;
            Some((layer.name, ability))
        });
        let best = abilities.max_by(|a, b| a.1.value.total_cmp(&b.1.value));
        let best = best.map_or("–".into(), |(name, ability)| {
            format!("{name}: {}", with_stderr(Some(ability), 2))
        });
        let sweep = if variant.sweep == last {
            String::new()
        } else {
            variant.sweep.clone()
        };
        last = &variant.sweep;
        let mut row = vec![
            sweep,
            variant.name.clone(),
            layer.map_or("–".into(), |layer| layer.name.to_owned()),
            mean(Measure::sum, 4),
            mean(|m| m.resolution, 4),
            mean(|m| m.relevance, 4),
            mean(|m| m.beta.mle, 2),
            mean(|m| m.classification_error, 3),
        ];
        row.extend(sampled.then_some(best));
        table.add_row(row);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    finish(table)
}

/// One row a network on burn: how well it learnt, and what it generates.
pub fn learnt(networks: &[(&Variant, Summary)]) -> String {
    type Number = fn(&Summary) -> Option<Mean>;
    let columns: [(&str, Number, usize); 5] = [
        (
            "accuracy, training",
            |s| s.learnt(|it| it.train_accuracy),
            4,
        ),
        ("accuracy, test", |s| s.learnt(|it| it.test_accuracy), 4),
        ("loss, training", |s| s.learnt(|it| it.train_loss), 1),
        ("loss, test", |s| s.learnt(|it| it.test_loss), 1),
        ("ability", |s| s.ability(), 2),
    ];
    let known = |(_, number, _): &&(&str, Number, usize)| {
        networks
            .iter()
            .any(|(_, summary)| number(summary).is_some())
    };
    let columns: Vec<_> = columns.iter().filter(known).collect();
    let names = columns.iter().map(|(name, ..)| *name);
    let mut table = new(&["", ""].into_iter().chain(names).collect::<Vec<_>>());
    for (variant, summary) in networks {
        let numbers = columns
            .iter()
            .map(|(_, number, digits)| with_stderr(number(summary), *digits));
        let names = [variant.sweep.clone(), variant.name.clone()];
        table.add_row(names.into_iter().chain(numbers));
    }
    finish(table)
}

/// One row a layer that was sampled: means over realizations, ± standard errors where there are several.
pub fn generated(summary: &Summary) -> String {
    let mut table = new(&[
        "samples of",
        "ability",
        "TV",
        "confident",
        "precision",
        "recall",
        "copies",
        "R̂",
        "mixed",
    ]);
    for layer in &summary.generated {
        let mean =
            |number: fn(&Generated) -> Option<f64>, digits| with_stderr(layer.mean(number), digits);
        let mixed = layer
            .all
            .iter()
            .filter(|generated| generated.convergence.mixed);
        table.add_row([
            layer.name.to_owned(),
            with_stderr(layer.ability(), 2),
            mean(|g| g.quality.labels.as_ref().map(|l| l.total_variation), 3),
            mean(|g| g.quality.confident, 3),
            mean(|g| g.quality.precision, 3),
            mean(|g| g.quality.recall, 3),
            mean(|g| g.quality.near_copies, 3),
            mean(|g| g.convergence.r_hat, 3),
            format!("{} of {}", mixed.count(), layer.all.len()),
        ]);
    }
    finish(table)
}

/// How good samples are: their labels beside the data's, then the numbers.
pub fn quality(quality: &Quality) -> String {
    let mut text = String::new();
    let mut pairs = Vec::new();
    let mut pair = |name: &str, value: String| pairs.push([name.to_owned(), value]);
    if let Some(labels) = &quality.labels {
        let mut table = new(&["label", "data", "samples"]);
        for ((label, p), q) in labels
            .labels
            .iter()
            .zip(&labels.data_frequencies)
            .zip(&labels.label_frequencies)
        {
            table.add_row([label.to_string(), number(Some(*p), 4), number(Some(*q), 4)]);
        }
        text += &format!("{}\n", finish(table));
        let divergence = labels.divergence.map_or_else(
            || "infinite: a label never came".into(),
            |divergence| format!("{divergence:.4} nats"),
        );
        pair("D(P‖Q)", divergence);
        let ability = labels.ability;
        pair(
            "generation ability 1/D",
            ability.map_or("infinite".into(), |ability| format!("{ability:.3}")),
        );
        pair("total variation", format!("{:.4}", labels.total_variation));
    }
    for (name, value) in [
        ("confidently labelled", quality.confident),
        ("precision", quality.precision),
        ("recall", quality.recall),
        ("near copies of training data", quality.near_copies),
        ("test error of the classifier", quality.judge_error),
    ] {
        if value.is_some() {
            pair(name, number(value, 4));
        }
    }
    text + &rows(&pairs)
}

/// Whether chains have mixed.
pub fn convergence(convergence: &Convergence) -> String {
    rows(&[
        [
            "mean energy, nats".into(),
            with_error(convergence.mean, convergence.stderr, 3),
        ],
        [
            "autocorrelation time, steps".into(),
            number(convergence.autocorrelation_time, 1),
        ],
        [
            "effective samples of the energy".into(),
            number(convergence.effective_samples, 0),
        ],
        ["R̂".into(), number(convergence.r_hat, 4)],
    ])
}

/// One row a layer: its likelihood, and the partition function that it needs.
pub fn likelihoods(layers: &[LayerLikelihood]) -> String {
    let mut table = new(&["", "ln P(v)", "ln Z", "by"]);
    for layer in layers {
        let LogPartition {
            nats,
            stderr,
            effective_runs,
        } = layer.log_partition;
        table.add_row([
            layer.name.clone(),
            with_error(Some(layer.log_likelihood), layer.stderr, 3),
            with_error(Some(nats), stderr, 3),
            effective_runs.map_or("enumeration".into(), |runs| {
                format!("{runs:.1} effective runs")
            }),
        ]);
    }
    finish(table)
}

/// One row a point of the Poisson optimum, with the strict bound at its resolution.
pub fn optimum(points: &[OptimumPoint], strict: &StrictBound) -> String {
    let mut table = new(&["μ", "H[s]", "H[k]", "sum", "strict bound"]);
    for point in points {
        let OptimumPoint {
            mu,
            resolution,
            relevance,
        } = *point;
        table.add_row([
            format!("{mu}"),
            number(Some(resolution), 6),
            number(Some(relevance), 6),
            number(Some(resolution + relevance), 6),
            number(Some(strict.at(resolution.min(1.0))), 6),
        ]);
    }
    finish(table)
}

/// One row a claim.
pub fn claims(judgements: &[Judgement]) -> String {
    if judgements.is_empty() {
        return String::new();
    }
    let mut table = new(&["", "the paper's claim", "", "by"]);
    for judgement in judgements {
        let verdict = match judgement.verdict {
            Verdict::Holds => "holds",
            Verdict::Fails => "does not hold",
            Verdict::Undecided => "undecided",
            Verdict::NotJudged => "not judged",
        };
        let Judgement {
            number,
            claim,
            evidence,
            ..
        } = judgement;
        table.add_row([number, claim, verdict, evidence]);
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Left);
    }
    finish(table)
}

/// The critical layer in words.
pub fn verdict(critical: Option<&Critical>) -> String {
    critical.map_or_else(
        || "No layer has a resolution to compare.".into(),
        |critical| format!("{}.", critical.words),
    )
}

/// Names and values, one pair a row.
pub fn rows(rows: &[[String; 2]]) -> String {
    let mut table = new(&["", ""]);
    for row in rows {
        table.add_row(row);
    }
    let text = finish(table);
    // The first line is the empty header.
    text.split_once('\n')
        .map_or_else(String::new, |(_, rows)| rows.to_owned())
}

/// One row an alternative to the power law.
pub fn comparisons(comparisons: &[Comparison]) -> String {
    let mut table = new(&["alternative", "log-likelihood", "R", "R/(σ√n)", "p", ""]);
    for comparison in comparisons {
        table.add_row([
            comparison.alternative.name().to_owned(),
            number(comparison.log_likelihood, 2),
            number(comparison.log_likelihood_ratio, 2),
            number(comparison.normalized_ratio, 3),
            number(comparison.p_value, 4),
            comparison.reason.clone().unwrap_or_default(),
        ]);
    }
    finish(table)
}

fn new(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.iter().copied());
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(100);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn finish(table: Table) -> String {
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n") + "\n"
}

fn cell(layer: &Layer, value: fn(&Measure) -> Option<f64>, digits: usize) -> String {
    with_stderr(layer.mean(value), digits)
}

fn with_stderr(mean: Option<Mean>, digits: usize) -> String {
    with_error(
        mean.map(|mean| mean.value),
        mean.and_then(|mean| mean.stderr),
        digits,
    )
}

fn with_error(value: Option<f64>, stderr: Option<f64>, digits: usize) -> String {
    match (value, stderr) {
        (Some(value), Some(stderr)) => format!("{value:.digits$} ± {stderr:.digits$}"),
        _ => number(value, digits),
    }
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("–".into(), |value| format!("{value:.digits$}"))
}
