//! Figures of one network: how its states merge, how runs differ, and letters.

use resrel_experiment::{Figure, Images, Node, Series};
use resrel_report::{Error, draw};

use crate::support::{Layer, Recorded, rounded, samples, tables, text, unit};

const LAYERS: [Layer; 3] = [
    ("H1", &[(1, 100), (2, 7), (3, 2)], Some(0.02)),
    ("H2", &[(1, 30), (2, 8), (4, 4), (9, 2), (40, 1)], Some(0.1)),
    ("H3", &[(5, 1), (15, 1), (100, 1)], Some(0.4)),
];
const OTHERS: [Layer; 3] = [
    ("H1", &[(1, 104), (2, 8)], Some(0.01)),
    (
        "H2",
        &[(1, 26), (2, 10), (4, 5), (9, 1), (45, 1)],
        Some(0.12),
    ),
    ("H3", &[(10, 2), (100, 1)], Some(0.45)),
];

fn series(series: Series) -> [Recorded; 2] {
    [unit(series, 0, &LAYERS), unit(series, 1, &OTHERS)]
}

#[test]
fn spread_over_runs() {
    let of = [Series::Trained, Series::Untrained, Series::Shuffled];
    let mut records: Vec<Recorded> = of.into_iter().flat_map(series).collect();
    let artefacts = draw(Figure::FigS1, &records).unwrap();
    insta::assert_snapshot!("figS1.svg", text(&artefacts, "figS1.svg"));
    for letter in 'a'..='b' {
        let name = format!("figS1{letter}.csv");
        insta::assert_snapshot!(name.clone(), rounded(text(&artefacts, &name)));
    }
    records.reverse();
    assert_eq!(draw(Figure::FigS1, &records).unwrap(), artefacts);
}

#[test]
fn letters() {
    let mut records: Vec<Recorded> = [Series::Trained, Series::Untrained]
        .into_iter()
        .flat_map(series)
        .collect();
    let labels: [&[u32]; 3] = [
        &[0, 1, 2, 2, 2, 2],
        &[0, 0, 1, 1, 1, 2],
        &[0, 0, 1, 1, 1, 1],
    ];
    for (layer, labels) in (1..).zip(labels) {
        records.push(samples(0, layer, labels, true));
    }
    let artefacts = draw(Figure::FigS3, &records).unwrap();
    insta::assert_snapshot!("figS3.svg", text(&artefacts, "figS3.svg"));
    for name in tables(&artefacts) {
        insta::assert_snapshot!(name, rounded(text(&artefacts, name)));
    }
    records.reverse();
    assert_eq!(draw(Figure::FigS3, &records).unwrap(), artefacts);
}

/// Two states of H3; into the first merge two of H2 that are shown.
fn tree() -> Recorded {
    let mut unit = unit(Series::Trained, 0, &LAYERS);
    let node = |layer: &str, parent, count, merged, label, images| Node {
        layer: layer.to_owned(),
        parent,
        count,
        merged,
        purity: Some(0.75),
        label: Some(label),
        images,
    };
    unit.0.hierarchy = vec![
        node("H3", None, 100, Some(7), 1, 1),
        node("H2", Some(0), 40, None, 1, 2),
        node("H2", Some(0), 9, None, 2, 2),
        node("H3", None, 15, Some(3), 0, 1),
        node("H2", Some(3), 9, None, 0, 2),
    ];
    unit.1.images = Some(Images {
        shape: (2, 2),
        pixels: (0..8 * 4).map(|shade| shade * 8).collect(),
    });
    unit
}

#[test]
fn hierarchy() {
    let artefacts = draw(Figure::Fig1, &[tree()]).unwrap();
    insta::assert_snapshot!("fig1.svg", text(&artefacts, "fig1.svg"));
    insta::assert_snapshot!("fig1.csv", rounded(text(&artefacts, "fig1.csv")));
}

#[test]
fn a_hierarchy_without_images_or_nodes() {
    let mut bare = tree();
    bare.1.images = None;
    let artefacts = draw(Figure::Fig1, &[bare]).unwrap();
    assert!(!text(&artefacts, "fig1.svg").contains("<image"));
    let none = unit(Series::Trained, 0, &LAYERS);
    assert!(matches!(draw(Figure::Fig1, &[none]), Err(Error::NoRecords)));
}
