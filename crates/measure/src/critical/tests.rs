use proptest::prelude::*;
use resrel_kernels::{Purpose, Stream};

use super::slope::Curve;
use super::*;
use crate::{Measure, Spectrum};

/// A layer (name, H[s], H[k]) without errors and exponent.
fn layer(name: &str, resolution: f64, relevance: f64) -> Candidate {
    let exact = |value| Estimate::new(Some(value), None);
    Candidate {
        name: name.to_owned(),
        resolution: exact(resolution),
        relevance: exact(relevance),
        sum: exact(resolution + relevance),
        beta: None,
    }
}

fn with_errors(mut layer: Candidate, stderr: f64) -> Candidate {
    for estimate in [&mut layer.resolution, &mut layer.relevance, &mut layer.sum] {
        estimate.as_mut().unwrap().stderr = Some(stderr);
    }
    layer
}

fn with_beta(mut layer: Candidate, beta: f64, stderr: f64) -> Candidate {
    layer.beta = Estimate::new(Some(beta), Some(stderr));
    layer
}

/// H[k] = 0.5 − 2 (H[s] − 0.5)², whose slope is −1 at H[s] = 0.75.
fn parabola() -> Vec<Candidate> {
    let layers = [
        ("H1", 0.95),
        ("H2", 0.8),
        ("H3", 0.55),
        ("H4", 0.3),
        ("H5", 0.1),
    ];
    let height = |x: f64| 0.5 - 2.0 * (x - 0.5).powi(2);
    layers.map(|(name, x)| layer(name, x, height(x))).into()
}

/// MNIST, 4,000 updates a layer, binarised inputs: H3 … H10 of an independent run.
fn network() -> Vec<Candidate> {
    let layers = [
        (1.000, 0.003),
        (0.980, 0.061),
        (0.875, 0.252),
        (0.792, 0.336),
        (0.682, 0.424),
        (0.579, 0.451),
        (0.451, 0.427),
        (0.253, 0.253),
    ];
    let named = layers.iter().zip(3..);
    named
        .map(|((s, k), i)| layer(&format!("H{i}"), *s, *k))
        .collect()
}

fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b}");
}

#[test]
fn a_parabola_is_met_exactly() {
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]] {
        let layers = parabola();
        let layers: Vec<Candidate> = order.iter().map(|i| layers[*i].clone()).collect();
        let critical = Critical::of(&layers).unwrap();
        let slope = critical.slope.unwrap();
        near(slope.resolution, 0.75, 1e-14);
        near(slope.relevance, 0.375, 1e-14);
        near(slope.share, 0.2, 1e-13);
        assert_eq!([slope.from, slope.to], ["H2", "H3"]);
        assert_eq!(slope.resolution_stderr, None);
        assert_eq!(critical.slope_reason, None);
        // 0.8 + 0.32 against 0.55 + 0.495.
        assert_eq!(critical.layer, "H2");
        near(critical.sum, 1.12, 1e-15);
        near(critical.agreement.resolution_spread.unwrap(), 0.05, 1e-14);
    }
}

#[test]
fn a_layer_at_the_place_itself() {
    let mut layers = parabola();
    layers.insert(2, layer("P", 0.75, 0.375));
    let slope = Critical::of(&layers).unwrap().slope.unwrap();
    near(slope.resolution, 0.75, 1e-14);
    assert!(
        slope.from == "P" && slope.share < 1e-12 || slope.to == "P" && slope.share > 1.0 - 1e-12
    );
}

#[test]
fn a_trained_network() {
    let mut layers = network();
    for (name, beta) in [("H5", 1.55), ("H6", 1.21), ("H7", 0.83)] {
        let layer = layers.iter_mut().find(|layer| layer.name == name).unwrap();
        layer.beta = Estimate::new(Some(beta), Some(0.02));
    }
    let critical = Critical::of(&layers).unwrap();
    assert_eq!(critical.layer, "H6");
    near(critical.sum, 1.128, 1e-12);
    assert_eq!(critical.not_told_apart, ["H6"]);
    assert_eq!(
        (critical.beta, critical.beta_stderr),
        (Some(1.21), Some(0.02))
    );
    // The slopes at H6 and H5 are −0.920857 and −1.368331, that of the line between −1.012048.
    let slope = critical.slope.as_ref().unwrap();
    near(slope.resolution, 0.849_356, 2e-6);
    assert_eq!([&slope.from, &slope.to], ["H5", "H6"]);
    let nearest = critical.nearest_beta.as_ref().unwrap();
    // 0.17 and 0.21 from 1, each ± 0.02.
    assert_eq!((nearest.layer.as_str(), nearest.beta), ("H7", 0.83));
    assert_eq!(nearest.not_told_apart, ["H6", "H7"]);
    assert_eq!(critical.agreement.agree, Some(true));
    near(
        critical.agreement.resolution_spread.unwrap(),
        0.849_356 - 0.682,
        2e-6,
    );
    assert_eq!(
        critical.words,
        "H6 has the largest H[s]+H[k], but β = 1.21 ± 0.02 there is not 1; slope −1 lies between H5 \
         and H6"
    );
    let exponents: Vec<f64> = critical
        .segments
        .iter()
        .map(|s| s.exponent.unwrap())
        .collect();
    let expected = [
        2.9, 1.819_048, 1.012_048, 0.8, 0.262_136, -0.1875, -0.878_788,
    ];
    assert_eq!(exponents.len(), expected.len());
    exponents
        .iter()
        .zip(expected)
        .for_each(|(e, x)| near(*e, x, 1e-6));
    assert_eq!(
        (
            critical.segments[0].from.as_str(),
            critical.segments[6].to.as_str()
        ),
        ("H3", "H10")
    );
}

#[test]
fn layers_within_their_errors_are_not_told_apart() {
    // H5 1.127, H6 1.128, H7 1.106; the others below 1.05.
    let at = |stderr: f64| {
        let layers: Vec<Candidate> = network()
            .into_iter()
            .map(|layer| with_beta(with_errors(layer, stderr), 1.0, 0.1))
            .collect();
        Critical::of(&layers).unwrap()
    };
    assert_eq!(at(0.0003).not_told_apart, ["H6"]);
    assert_eq!(
        at(0.0003).words,
        "H6 is critical (β = 1.00 ± 0.10); H5 and H7 are not"
    );
    assert_eq!(at(0.002).not_told_apart, ["H5", "H6"]);
    assert_eq!(
        at(0.002).words,
        "H5 and H6 cannot be told apart (H[s]+H[k] = 1.127 ± 0.002 and 1.128 ± 0.002); β is nearest \
         1 at H3 (1.00 ± 0.10)"
    );
    assert_eq!(at(0.01).not_told_apart, ["H5", "H6", "H7"]);
}

#[test]
fn ties_name_the_first_and_all() {
    let layers = [
        layer("a", 0.7, 0.25),
        layer("b", 0.5, 0.5),
        layer("c", 0.75, 0.25),
    ];
    let critical = Critical::of(&layers).unwrap();
    assert_eq!((critical.layer.as_str(), critical.sum), ("b", 1.0));
    assert_eq!(critical.not_told_apart, ["b", "c"]);
}

#[test]
fn what_is_missing_is_null_with_a_reason() {
    let measure = |name: &str, counts: &[u64]| {
        let spectrum = Spectrum::from_counts(counts.iter().copied()).unwrap();
        Measure::new(name, &spectrum, None)
    };
    let ends = [
        measure("H1", &[1; 10]),
        measure("H2", &[10]),
        measure("H3", &[1]),
    ];
    // Nothing, one observation, distinct states, all of these.
    assert_eq!(critical(&[]), None);
    assert_eq!(critical(&ends[2..]), None);
    let one = critical(&ends[..1]).unwrap();
    assert_eq!((one.layer.as_str(), one.sum), ("H1", 1.0));
    assert_eq!(
        (&one.beta, &one.nearest_beta, &one.slope),
        (&None, &None, &None)
    );
    assert_eq!(
        one.slope_reason.as_deref(),
        Some("a slope needs three layers of different H[s]")
    );
    assert!(one.segments.is_empty());
    assert_eq!(
        one.agreement,
        Agreement {
            agree: None,
            resolution_spread: None
        }
    );
    assert_eq!(one.words, "H1 alone has H[s]+H[k] to compare");
    let all = critical(&ends).unwrap();
    assert_eq!(
        all.words,
        "H1 has the largest H[s]+H[k] (1.000), but no exponent β; a slope needs three \
         layers of different H[s]"
    );
    assert_eq!(all.segments.len(), 1);
    let json = serde_json::to_value(&all).unwrap();
    for key in ["beta", "beta_stderr", "sum_stderr", "nearest_beta", "slope"] {
        assert!(json[key].is_null(), "{key}");
    }
    // Numbers that are none are unknown.
    assert_eq!(Estimate::new(Some(f64::NAN), None), None);
    assert_eq!(
        Estimate::new(Some(1.0), Some(f64::NAN)).unwrap().stderr,
        None
    );
}

#[test]
fn the_largest_sum_counts_and_the_rest_stays() {
    let layers: Vec<Measure> = [
        ("H1", &[1_u64; 10][..]),
        ("H2", &[4, 3, 2, 1]),
        ("H3", &[10]),
    ]
    .map(|(name, counts)| {
        let spectrum = Spectrum::from_counts(counts.iter().copied()).unwrap();
        Measure::new(name, &spectrum, None)
    })
    .into();
    let critical = critical(&layers).unwrap();
    assert_eq!(critical.layer, "H2");
    assert_eq!(critical.beta, layers[1].beta.mle);
    assert!(critical.beta.is_some());
    let json = serde_json::to_string(&critical).unwrap();
    assert_eq!(serde_json::from_str::<Critical>(&json).unwrap(), critical);
}

#[test]
fn layers_at_the_same_place_make_no_steep_slope() {
    // Deep networks begin with several layers that tell all apart.
    let mut layers = parabola();
    layers.insert(0, layer("V", 1.0, 0.0));
    layers.insert(0, layer("W", 1.0, 0.0));
    let critical = Critical::of(&layers).unwrap();
    let slope = critical.slope.unwrap();
    near(slope.resolution, 0.75, 1e-14);
    let first = &critical.segments[0];
    assert_eq!((first.exponent, first.exponent_stderr), (None, None));
}

#[test]
fn where_an_end_has_the_largest_sum_there_is_no_place() {
    // The sum rises all the way to the largest H[s].
    let layers = [
        layer("a", 0.1, 0.1),
        layer("b", 0.4, 0.3),
        layer("c", 0.8, 0.2),
    ];
    let critical = Critical::of(&layers).unwrap();
    assert_eq!(critical.slope, None);
    assert!(
        critical
            .slope_reason
            .unwrap()
            .contains("at an end of the sequence, c")
    );
    assert_eq!(critical.layer, "c");
    assert!(
        critical.words.contains("no exponent β"),
        "{}",
        critical.words
    );
}

#[test]
fn the_place_has_the_error_that_moved_layers_show() {
    let stderr = 0.004;
    let layers: Vec<Candidate> = parabola()
        .into_iter()
        .map(|layer| with_errors(layer, stderr))
        .collect();
    let found = Critical::of(&layers)
        .unwrap()
        .slope
        .unwrap()
        .resolution_stderr
        .unwrap();
    let mut rng = Stream::new(1, Purpose::Bootstrap, 0).rng(0);
    let mut places = Vec::new();
    for _ in 0..4_000 {
        let mut moved = layers.clone();
        for layer in &mut moved {
            for estimate in [&mut layer.resolution, &mut layer.relevance] {
                estimate.as_mut().unwrap().value += stderr * rng.normal();
            }
        }
        places.push(Critical::of(&moved).unwrap().slope.unwrap().resolution);
    }
    let n = places.len() as f64;
    let mean = places.iter().sum::<f64>() / n;
    let spread = (places.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / n).sqrt();
    // 4,000 draws give the spread to 1.1 % (one standard error); the rest is the second order.
    near(found / spread, 1.0, 0.06);
}

#[test]
fn segments_carry_their_errors() {
    let layers = [layer("b", 0.6, 0.42), layer("a", 0.8, 0.3)].map(|l| with_errors(l, 0.01));
    let segment = &Critical::of(&layers).unwrap().segments[0];
    assert_eq!((segment.from.as_str(), segment.to.as_str()), ("a", "b"));
    near(segment.exponent.unwrap(), 0.6, 1e-14);
    // √(2·0.01² + 0.6²·2·0.01²) / 0.2.
    near(segment.exponent_stderr.unwrap(), 0.082_462_113, 1e-9);
}

#[test]
fn clusterings_are_called_by_their_k() {
    let layers = [
        layer("4", 0.5, 0.4),
        layer("16", 0.7, 0.42),
        layer("64", 0.9, 0.1),
    ];
    let layers = layers.map(|layer| with_beta(with_errors(layer, 0.001), 1.1, 0.1));
    assert_eq!(
        Critical::of(&layers).unwrap().words,
        "k = 16 is critical (β = 1.10 ± 0.10); k = 4 and k = 64 are not"
    );
    let bare = layers.map(|mut layer| {
        layer.sum.as_mut().unwrap().stderr = None;
        layer
    });
    assert_eq!(
        Critical::of(&bare).unwrap().words,
        "k = 16 is critical (β = 1.10 ± 0.10) if no other layer is: H[s]+H[k] has no standard errors"
    );
}

proptest! {
    /// On concave lines the slope of the curve never rises, and the curve meets every layer.
    #[test]
    fn concave_layers_make_a_concave_curve(
        widths in prop::collection::vec(0.01..1.0_f64, 3..12),
        mut lines in prop::collection::vec(-4.0..3.0_f64, 12),
    ) {
        lines.sort_by(|a, b| b.total_cmp(a));
        let (mut x, mut y) = (0.0, 0.0);
        let mut layers = vec![layer("0", x, y)];
        for (i, (width, line)) in widths.iter().zip(&lines).enumerate() {
            (x, y) = (x + width, y + width * line);
            layers.push(layer(&(i + 1).to_string(), x, y));
        }
        let places: Vec<Place> = layers.iter().filter_map(Place::of).collect();
        let curve = Curve::new(&places);
        let slopes: Vec<f64> = curve.knots().iter().map(|knot| knot[2]).collect();
        prop_assert!(slopes.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9), "{slopes:?}");
        for pair in curve.knots().windows(2) {
            let [[x0, y0, left], [x1, y1, right]] = [pair[0], pair[1]];
            prop_assert!((y0 + (x1 - x0) * (left + right) / 2.0 - y1).abs() < 1e-12);
        }
        for layer in &layers {
            let x = layer.resolution.unwrap().value;
            let knot = curve.knots().iter().find(|knot| knot[0].to_bits() == x.to_bits()).unwrap();
            prop_assert_eq!(knot[1].to_bits(), layer.relevance.unwrap().value.to_bits());
        }
        if let Some(slope) = Critical::of(&layers).unwrap().slope {
            let best = layers.iter().map(|l| l.sum.unwrap().value).fold(f64::MIN, f64::max);
            prop_assert!(slope.resolution + slope.relevance >= best - 1e-12);
        }
    }
}
