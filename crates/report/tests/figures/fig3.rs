//! Figure 3 of small hand-made records.

use resrel_experiment::{Figure, Quality, Series};
use resrel_report::{Error, draw};

use crate::support::{Layer, Recorded, rounded, samples, text, unit};

/// Two realizations of a network of three layers that were sampled, the deepest of which misses a label.
fn records() -> Vec<Recorded> {
    let trained = |realization| {
        let layers: [Layer; 3] = [
            ("H2", &[(1, 100), (2, 7), (3, 2)], Some(0.02)),
            ("H6", &[(1, 30), (2, 8), (4, 4), (9, 2), (40, 1)], Some(0.1)),
            ("H10", &[(5, 1), (15, 1), (100, 1)], Some(0.4)),
        ];
        unit(Series::Trained, realization, &layers)
    };
    vec![
        trained(0),
        trained(1),
        samples(0, 2, &[0, 1, 2, 2, 2, 2], true),
        samples(1, 2, &[0, 0, 0, 1, 1, 2], false),
        samples(0, 6, &[0, 0, 1, 1, 1, 2], true),
        samples(1, 6, &[0, 0, 0, 1, 2, 2], true),
        samples(0, 10, &[0, 0, 0, 1, 1, 1], true),
        samples(1, 10, &[0, 0, 1, 1, 2, 2], true),
    ]
}

#[test]
fn picture_and_tables() {
    let artefacts = draw(Figure::Fig3, &records()).unwrap();
    insta::assert_snapshot!("fig3.svg", text(&artefacts, "fig3.svg"));
    for letter in 'd'..='i' {
        let name = format!("fig3{letter}.csv");
        insta::assert_snapshot!(name.clone(), rounded(text(&artefacts, &name)));
    }
}

#[test]
fn order_of_records_does_not_matter() {
    let mut records = records();
    let artefacts = draw(Figure::Fig3, &records).unwrap();
    records.reverse();
    assert_eq!(draw(Figure::Fig3, &records).unwrap(), artefacts);
}

#[test]
fn an_infinite_divergence_and_unmixed_chains_are_said() {
    let artefacts = draw(Figure::Fig3, &records()).unwrap();
    let ability = text(&artefacts, "fig3g.svg");
    assert!(ability.contains("infinite and the ability 0, in H10."));
    assert!(ability.contains("Chains not shown to have mixed: H2."));
    let labels = text(&artefacts, "fig3f.svg");
    assert!(labels.contains("A label never came in 1 of 2 realizations"));
    assert!(!text(&artefacts, "fig3e.svg").contains("never came"));
}

#[test]
fn what_is_missing_is_said() {
    assert!(matches!(draw(Figure::Fig3, &[]), Err(Error::NoRecords)));
    let all = records();
    assert!(matches!(
        draw(Figure::Fig3, &all[..2]),
        Err(Error::NoRecords)
    ));
    // Samples alone: nothing to draw them against, and neither labels nor images.
    let mut bare = all[4].clone();
    bare.1.images = None;
    if let Some(generated) = &mut bare.0.generated {
        generated.quality = Quality::default();
        generated.moments.clear();
    }
    let artefacts = draw(Figure::Fig3, &[bare]).unwrap();
    assert!(text(&artefacts, "fig3a.svg").contains("The data are no images."));
    assert!(text(&artefacts, "fig3d.svg").contains("The samples have no labels."));
    assert!(text(&artefacts, "fig3g.svg").contains("undefined: H6."));
    assert!(!text(&artefacts, "fig3.svg").contains("NaN"));
}
