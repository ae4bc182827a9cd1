//! Figure 2 of small hand-made records.

use resrel_experiment::{Figure, Series};
use resrel_report::{Error, draw};

use crate::support::{Recorded, rounded, text, unit};

/// Two realizations of two networks, a shuffled control and two clusterings, M = 120.
fn records() -> Vec<Recorded> {
    vec![
        unit(
            Series::Trained,
            0,
            &[
                ("H1", &[(1, 120)], Some(0.0)),
                ("H3", &[(1, 100), (2, 7), (3, 2)], Some(0.02)),
                ("H6", &[(1, 30), (2, 8), (4, 4), (9, 2), (40, 1)], Some(0.1)),
                ("H9", &[(5, 1), (15, 1), (100, 1)], Some(0.4)),
            ],
        ),
        unit(
            Series::Trained,
            1,
            &[
                ("H1", &[(1, 120)], Some(0.0)),
                ("H3", &[(1, 104), (2, 8)], Some(0.01)),
                (
                    "H6",
                    &[(1, 26), (2, 10), (4, 5), (9, 1), (45, 1)],
                    Some(0.12),
                ),
                ("H9", &[(10, 2), (100, 1)], Some(0.45)),
            ],
        ),
        unit(
            Series::Untrained,
            0,
            &[
                ("H1", &[(1, 118), (2, 1)], Some(0.0)),
                ("H3", &[(1, 50), (3, 10), (10, 4)], Some(0.2)),
                ("H6", &[(20, 1), (100, 1)], Some(0.6)),
                ("H9", &[(120, 1)], Some(0.9)),
            ],
        ),
        unit(Series::Shuffled, 0, &[("H1", &[(4, 30)], None)]),
        unit(Series::KMeans, 0, &[("4", &[(20, 2), (40, 2)], Some(0.5))]),
        unit(Series::KMeans, 1, &[("16", &[(5, 8), (10, 8)], Some(0.3))]),
    ]
}

#[test]
fn picture_and_tables() {
    let artefacts = draw(Figure::Fig2, &records()).unwrap();
    insta::assert_snapshot!("fig2.svg", text(&artefacts, "fig2.svg"));
    for name in ["fig2a.csv", "fig2b.csv", "fig2c.csv", "fig2d.csv"] {
        insta::assert_snapshot!(name, rounded(text(&artefacts, name)));
    }
}

#[test]
fn every_panel_comes_in_three_formats() {
    let artefacts = draw(Figure::Fig2, &records()).unwrap();
    let names: Vec<&str> = artefacts.iter().map(|a| a.name.as_str()).collect();
    let mut expected = vec!["fig2.png".to_owned(), "fig2.svg".to_owned()];
    for panel in ["fig2a", "fig2b", "fig2c", "fig2d"] {
        expected.extend(["csv", "png", "svg"].map(|format| format!("{panel}.{format}")));
    }
    assert_eq!(names, expected);
    for artefact in &artefacts {
        if artefact.name.ends_with("png") {
            assert_eq!(
                &artefact.bytes[..8],
                b"\x89PNG\r\n\x1a\n",
                "{}",
                artefact.name
            );
        }
    }
}

#[test]
fn order_of_records_does_not_matter() {
    let mut records = records();
    let artefacts = draw(Figure::Fig2, &records).unwrap();
    records.reverse();
    assert_eq!(draw(Figure::Fig2, &records).unwrap(), artefacts);
}

#[test]
fn what_is_missing_is_said() {
    let one = unit(Series::Trained, 0, &[("node", &[(1, 1)], None)]);
    let artefacts = draw(Figure::Fig2, &[one]).unwrap();
    let plane = text(&artefacts, "fig2a.svg");
    assert!(plane.contains("No values: trained, untrained, shuffled, k-means."));
    assert!(plane.contains(">no values<"));
    assert!(text(&artefacts, "fig2b.svg").contains("No values: k-means."));
    assert!(text(&artefacts, "fig2d.csv").lines().count() == 1);

    for left_out in [
        Series::Trained,
        Series::Untrained,
        Series::Shuffled,
        Series::KMeans,
    ] {
        let mut some = records();
        some.retain(|(record, _)| record.unit.series != left_out);
        assert_eq!(draw(Figure::Fig2, &some).unwrap().len(), 14);
    }
    let artefacts = draw(Figure::Fig2, &records()[..1]).unwrap();
    let exponents = text(&artefacts, "fig2c.svg");
    assert!(exponents.contains("undefined, trained: H1."));
    assert!(exponents.contains("standard error of the fit"));
    assert!(!text(&artefacts, "fig2.svg").contains("NaN"));
}

#[test]
fn records_that_do_not_fit_are_refused() {
    assert!(matches!(draw(Figure::Fig2, &[]), Err(Error::NoRecords)));
    let mut records = records();
    records[0].1.spectra.pop();
    let error = draw(Figure::Fig2, &records).unwrap_err().to_string();
    assert!(
        error.contains("Trained-r00") && error.contains("4 layers"),
        "{error}"
    );
    records[0].1.spectra.push(vec![(0, 3)]);
    assert!(matches!(
        draw(Figure::Fig2, &records),
        Err(Error::Record(_))
    ));
}

#[test]
fn names_cannot_break_the_files() {
    let mut unit = unit(
        Series::Trained,
        0,
        &[("a<b,\"c\"&\u{1}*_{", &[(1, 10), (2, 3), (7, 1)], Some(0.1))],
    );
    unit.0.data = "x</text>\u{0}".to_owned();
    let artefacts = draw(Figure::Fig2, &[unit]).unwrap();
    assert!(text(&artefacts, "fig2d.csv").contains("\"a<b,\"\"c\"\"&\u{1}*_{\",1,0.1,"));
    assert!(!text(&artefacts, "fig2.svg").contains("x</text>"));
}
