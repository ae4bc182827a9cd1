//! Figures of several networks beside each other.

use std::collections::BTreeSet;

use resrel_experiment::{Figure, Images, Learnt, Series, Task, VaeTask};
use resrel_networks::{FeedForwardConfig, VaeConfig};
use resrel_report::{Artefact, Error, draw};

use crate::support::{Layer, Recorded, of, rounded, samples, tables, text, unit};

/// A network of three layers, the middle one of which groups best.
const SHARP: [Layer; 3] = [
    ("H1", &[(1, 100), (2, 7), (3, 2)], Some(0.02)),
    ("H2", &[(1, 30), (2, 8), (4, 4), (9, 2), (40, 1)], Some(0.1)),
    ("H3", &[(5, 1), (15, 1), (100, 1)], Some(0.4)),
];
/// One that merges early.
const BLUNT: [Layer; 3] = [
    ("H1", &[(1, 60), (2, 15), (30, 1)], Some(0.1)),
    ("H2", &[(4, 5), (10, 10)], Some(0.3)),
    ("H3", &[(120, 1)], Some(0.9)),
];

/// Two sweeps: of two networks in two realizations each, and of one.
fn networks() -> Vec<Recorded> {
    let mut records = Vec::new();
    for realization in 0..2 {
        let trained = |layers: &[Layer]| unit(Series::Trained, realization, layers);
        records.push(of(trained(&SHARP), 0, "narrowing", "784-50-30-10"));
        records.push(of(trained(&BLUNT), 1, "narrowing", "784-40-20-5"));
        records.push(of(trained(&BLUNT), 2, "shallow", "784-500-100-10"));
    }
    records
}

/// The same with samples of the layers of the first.
fn sampled() -> Vec<Recorded> {
    let mut records = networks();
    let labels: [&[u32]; 3] = [
        &[0, 1, 2, 2, 2, 2],
        &[0, 0, 1, 1, 1, 2],
        &[0, 0, 1, 1, 1, 1],
    ];
    for (layer, labels) in (1..).zip(labels) {
        let samples = samples(0, layer, labels, true);
        records.push(of(samples, 0, "narrowing", "784-50-30-10"));
    }
    records
}

/// The tables of a figure, one after the other.
fn all_tables(artefacts: &[Artefact]) -> String {
    let tables =
        tables(artefacts).map(|name| format!("{name}\n{}", rounded(text(artefacts, name))));
    tables.collect::<Vec<_>>().join("\n\n")
}

/// That each panel is there in three formats (of `images` without a table), the page in two, and no order of the
/// records matters.
fn whole(
    figure: Figure,
    mut records: Vec<Recorded>,
    panels: usize,
    images: &[char],
) -> Vec<Artefact> {
    let artefacts = draw(figure, &records).unwrap();
    let name = figure.name();
    let mut expected = BTreeSet::from([format!("{name}.png"), format!("{name}.svg")]);
    for letter in ('a'..).take(panels) {
        let formats = if images.contains(&letter) {
            &["png", "svg"][..]
        } else {
            &["csv", "png", "svg"]
        };
        expected.extend(
            formats
                .iter()
                .map(|format| format!("{name}{letter}.{format}")),
        );
    }
    let names: BTreeSet<String> = artefacts.iter().map(|it| it.name.clone()).collect();
    assert_eq!(names, expected);
    assert!(!text(&artefacts, &format!("{name}.svg")).contains("NaN"));
    records.reverse();
    assert_eq!(draw(figure, &records).unwrap(), artefacts);
    artefacts
}

#[test]
fn architectures() {
    let artefacts = whole(Figure::FigS2, sampled(), 6, &[]);
    insta::assert_snapshot!("figS2.svg", text(&artefacts, "figS2.svg"));
    insta::assert_snapshot!("figS2.csv", all_tables(&artefacts));
}

#[test]
fn sparse_networks() {
    let artefacts = whole(Figure::FigS4, networks(), 6, &[]);
    insta::assert_snapshot!("figS4.csv", all_tables(&artefacts));
}

#[test]
fn any_networks() {
    insta::assert_snapshot!(
        "sweep.csv",
        all_tables(&whole(Figure::Sweep, networks(), 10, &[]))
    );
    whole(Figure::Sweep, sampled(), 12, &[]);
}

#[test]
fn training_time() {
    let mut records = networks();
    for (record, _) in &mut records {
        let number = record.unit.variant.as_ref().map_or(0, |it| it.number);
        if let Task::Dbn(config) = &mut record.unit.task {
            config.training.epochs = None;
            config.training.updates = Some([200, 4000, 1000][number]);
        }
    }
    let artefacts = whole(Figure::Schedule, records, 6, &[]);
    insta::assert_snapshot!("schedule.csv", all_tables(&artefacts));
}

/// Networks with one measured layer, of 5 and of 20 units.
fn widths(task: impl Fn(usize) -> Task, learnt: &Learnt) -> Vec<Recorded> {
    let layers: [&[Layer]; 2] = [&SHARP[2..], &SHARP[1..2]];
    let mut records = Vec::new();
    for (number, (layer, hidden)) in layers.into_iter().zip([5, 20]).enumerate() {
        for realization in 0..2 {
            let mut unit = unit(Series::Trained, realization, layer);
            unit.0.unit.task = task(hidden);
            unit.0.learnt = Some(Learnt {
                test_accuracy: learnt
                    .test_accuracy
                    .map(|accuracy| accuracy - f64::from(realization) / 100.0),
                ..learnt.clone()
            });
            unit.1.images = Some(Images {
                shape: (2, 2),
                pixels: vec![0, 255, 128, 0],
            });
            records.push(of(unit, number, "MLP", &format!("{hidden} hidden")));
        }
    }
    records
}

const UNLEARNT: Learnt = Learnt {
    history: Vec::new(),
    train_accuracy: None,
    test_accuracy: None,
    train_loss: None,
    test_loss: None,
    quality: None,
};

#[test]
fn networks_that_are_taught_labels() {
    let task = |hidden| {
        let mut task = Task::FeedForward(FeedForwardConfig::default());
        if let Task::FeedForward(config) = &mut task {
            config.hidden = hidden;
        }
        task
    };
    let learnt = Learnt {
        train_accuracy: Some(0.99),
        test_accuracy: Some(0.97),
        ..UNLEARNT
    };
    let artefacts = whole(Figure::FigS5, widths(task, &learnt), 4, &[]);
    insta::assert_snapshot!("figS5.svg", text(&artefacts, "figS5.svg"));
    insta::assert_snapshot!("figS5.csv", all_tables(&artefacts));
}

#[test]
fn autoencoders() {
    let task = |latent| {
        let mut task = VaeTask {
            config: VaeConfig::default(),
            samples: 6,
            classifier: None,
        };
        task.config.latent = latent;
        Task::Vae(task)
    };
    let quality = samples(0, 1, &[0, 0, 1, 1, 1, 2], true).0.generated;
    let learnt = Learnt {
        train_loss: Some(101.5),
        test_loss: Some(104.5),
        quality: quality.map(|it| it.quality),
        ..UNLEARNT
    };
    let artefacts = whole(Figure::FigS6, widths(task, &learnt), 6, &['f']);
    insta::assert_snapshot!("figS6.csv", all_tables(&artefacts));
    // Without a classifier nothing was sampled.
    let unsampled = Learnt {
        quality: None,
        ..learnt
    };
    let artefacts = draw(Figure::FigS6, &widths(task, &unsampled)).unwrap();
    assert_eq!(text(&artefacts, "figS6b.csv").lines().count(), 1);
    assert!(text(&artefacts, "figS6f.svg").contains("No samples: there is no classifier"));
}

#[test]
fn networks_without_a_sweep_are_not_compared() {
    let alone = unit(Series::Trained, 0, &SHARP);
    for figure in [Figure::FigS2, Figure::FigS4, Figure::FigS5, Figure::FigS6] {
        let error = draw(figure, std::slice::from_ref(&alone));
        assert!(matches!(error, Err(Error::NoRecords)), "{figure:?}");
    }
}
