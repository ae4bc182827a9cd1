//! What scripts read: the keys are fixed, unknown numbers are null, threads change nothing.

use serde_json::Value;

use crate::support::{Room, drop_timings, results, tells};

/// The keys of a measure.
const MEASURE: [&str; 14] = [
    "name",
    "m",
    "states",
    "resolution",
    "relevance",
    "resolution_nats",
    "relevance_nats",
    "resolution_stderr",
    "relevance_stderr",
    "max_frequency",
    "classification_error",
    "beta",
    "bound",
    "optimum",
];
const BETA: [&str; 7] = [
    "mle",
    "mle_stderr",
    "mle_jackknife_stderr",
    "k_min",
    "ks",
    "p_value",
    "lsq",
];

fn has_keys(value: &Value, keys: &[&str]) {
    let map = value.as_object().expect("an object");
    for key in keys {
        assert!(map.contains_key(*key), "{key} is missing in {value}");
    }
}

/// Exactly the keys of a measure, each a number, or null where there is none.
fn is_measure(value: &Value, more: &[&str]) {
    has_keys(value, &MEASURE);
    let count = value.as_object().expect("an object").len();
    assert_eq!(count, MEASURE.len() + more.len(), "{value}");
    has_keys(value, more);
    has_keys(&value["beta"], &BETA);
    assert_eq!(
        value["beta"].as_object().expect("an object").len(),
        BETA.len()
    );
    assert!(value["name"].is_string());
    for key in [
        "m",
        "states",
        "max_frequency",
        "resolution_nats",
        "relevance_nats",
    ] {
        assert!(value[key].is_number(), "{key}: {value}");
    }
}

/// The fixed keys of a critical layer, and the line of words.
fn is_critical(value: &Value) {
    has_keys(value, &["layer", "beta", "beta_stderr", "words"]);
    let words = value["words"].as_str().expect("words");
    assert!(
        words.contains(value["layer"].as_str().expect("a name")),
        "{words}"
    );
}

#[test]
fn counts_are_measured() {
    let room = Room::new();
    let counts: Vec<String> = (1..=12)
        .chain([22])
        .map(|count| count.to_string())
        .collect();
    room.write("counts.txt", counts.join("\n"));
    let measure = room.json("measure counts.txt --counts");
    is_measure(&measure, &["reasons"]);
    assert_eq!(measure["name"], "counts.txt");
    assert_eq!(
        (&measure["m"], &measure["states"]),
        (&100.into(), &13.into())
    );
    for key in ["resolution", "relevance"] {
        let number = measure[key].as_f64().expect("a number");
        assert!((number - 0.508_64).abs() < 5e-6, "{key}: {number}");
    }
    assert!(measure["classification_error"].is_null());
}

#[test]
fn what_does_not_exist_is_null() {
    let room = Room::new();
    room.write("one.txt", "1\n");
    let measure = room.json("measure one.txt --counts");
    is_measure(&measure, &["reasons"]);
    for key in ["resolution", "relevance", "bound", "optimum"] {
        assert!(measure[key].is_null(), "{key}");
    }
    assert!(measure["beta"]["mle"].is_null());
}

#[test]
fn states_are_measured_with_labels_and_threshold() {
    let room = Room::new();
    room.npy("states.npy", (40, 3), |row, column| {
        if row % 4 > column { 0.75 } else { 0.25 }
    });
    let labels: Vec<String> = (0..40).map(|row| (row % 2).to_string()).collect();
    room.write("labels.txt", labels.join("\n"));
    let measure = room.json("measure states.npy --threshold 0.5 --labels labels.txt");
    is_measure(&measure, &["reasons"]);
    assert_eq!(measure["states"], 4);
    assert_eq!(measure["classification_error"], 0.0);
    let both = room.json("measure states.npy states.npy --threshold 0.5");
    assert_eq!((&both["m"], &both["states"]), (&80.into(), &4.into()));
}

#[test]
fn clusters_are_measured_on_any_number_of_threads() {
    let room = Room::new();
    room.kinds();
    let documents = [1, 2, 3].map(|threads| {
        let mut value = room.json(&format!("cluster kinds.npy --k 2 8 --threads {threads}"));
        drop_timings(&mut value);
        value
    });
    let layers = documents[0]["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 2);
    for layer in layers {
        is_measure(layer, &["inertia", "iterations", "converged"]);
    }
    assert_eq!(
        (&layers[0]["name"], &layers[1]["name"]),
        (&"2".into(), &"8".into())
    );
    is_critical(&documents[0]["critical"]);
    assert_eq!(documents[0], documents[1]);
    assert_eq!(documents[0], documents[2]);
}

#[test]
fn a_network_is_trained_alike_on_any_number_of_threads() {
    let room = Room::new();
    room.kinds();
    let train = |threads: usize| {
        let mut value = room.json(&format!(
            "train --data kinds.npy --layers 12-8-3 --epochs 5 --batch 7 --threads {threads} --out m{threads}"
        ));
        let passes = value["seconds_per_pass"].as_array().expect("an array");
        assert_eq!(passes.len(), 2);
        assert!(passes.iter().all(Value::is_number));
        drop_timings(&mut value);
        value["out"] = Value::Null;
        value
    };
    let documents = [1, 2, 3].map(train);
    let layers = documents[0]["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 2);
    for layer in layers {
        is_measure(layer, &[]);
        assert_eq!(layer["m"], 200);
    }
    is_critical(&documents[0]["critical"]);
    let model = |threads: usize| std::fs::read(room.at(&format!("m{threads}"))).expect("a model");
    for (document, threads) in documents.iter().zip([1, 2, 3]) {
        assert_eq!(*document, documents[0], "{threads} threads");
        assert_eq!(model(threads), model(1), "{threads} threads");
    }
}

#[test]
fn a_recipe_is_run_and_reported_alike_on_any_number_of_threads() {
    let room = Room::new();
    room.kinds();
    room.recipe("tiny.toml", 40);
    let run = |threads: usize| {
        let out = format!("out{threads}");
        let mut value = room.json(&format!(
            "reproduce tiny.toml --threads {threads} --out {out}"
        ));
        assert_eq!(value["out"], out.as_str());
        drop_timings(&mut value);
        value["out"] = Value::Null;
        value["figures"] = Value::Null;
        value["page"] = Value::Null;
        (value, results(&room.at(&out)))
    };
    let (first, files) = run(1);
    has_keys(
        &first,
        &[
            "recipe", "size", "data", "seed", "layers", "critical", "records", "claims", "page",
        ],
    );
    assert_eq!(first["layers"].as_array().expect("layers").len(), 3);
    first["layers"]
        .as_array()
        .expect("layers")
        .iter()
        .for_each(|layer| is_measure(layer, &[]));
    is_critical(&first["critical"]);
    assert_eq!(first["records"].as_array().expect("records").len(), 7);
    for threads in [2, 3] {
        let (other, other_files) = run(threads);
        assert_eq!(other, first, "{threads} threads");
        assert_eq!(other_files, files, "{threads} threads");
    }
    let reported = room.json("report out1");
    let again = &reported["runs"][0];
    has_keys(
        again,
        &[
            "out", "layers", "critical", "records", "claims", "figures", "page",
        ],
    );
    assert_eq!(
        (&again["layers"], &again["claims"]),
        (&first["layers"], &first["claims"])
    );
    assert_eq!(
        results(&room.at("out1")),
        files,
        "a report draws the same figures again"
    );
    assert_eq!(reported["comparison"], Value::Null);
    let two = room.json("report out1 out2");
    assert_eq!(two["runs"].as_array().expect("runs").len(), 2);
    assert_eq!(two["comparison"], "out1/comparison.html");
    assert!(room.at("out1/comparison.html").is_file());
}

#[test]
fn units_and_status_are_listed() {
    let room = Room::new();
    room.kinds();
    room.recipe("tiny.toml", 20);
    let plan = room.json("reproduce tiny.toml --dry-run --out out");
    assert_eq!(plan["units"].as_array().expect("units").len(), 7);
    assert!(!room.at("out").exists());
    room.succeeds("reproduce tiny.toml --out out");
    let status = room.json("reproduce --status out");
    assert_eq!(status["done"].as_array().expect("names").len(), 7);
    assert_eq!(
        (&status["begun"], &status["waiting"]),
        (&Value::Array(vec![]), &Value::Array(vec![]))
    );
}

#[test]
fn what_a_finite_sample_says_of_its_source() {
    let room = Room::new();
    room.write(
        "counts.txt",
        "410\n390\n305\n295\n155\n145\n105\n95\n55\n45\n",
    );
    let measure = room.json("measure counts.txt --counts");
    is_measure(&measure, &["reasons"]);
    for key in ["resolution_stderr", "relevance_stderr"] {
        let stderr = measure[key].as_f64().expect("a number");
        assert!((1e-4..0.02).contains(&stderr), "{key}: {stderr}");
    }
    assert!(measure["beta"]["mle_jackknife_stderr"].is_number());
    let line = "measure counts.txt --counts --subsample=3 --estimators --classes 12";
    let more = room.json(line);
    is_measure(&more, &["reasons", "subsampling", "estimators"]);
    assert_eq!(more, room.json(&format!("{line} --threads 1")));
    let curve = &more["subsampling"];
    has_keys(
        curve,
        &[
            "points",
            "resolution",
            "relevance",
            "beta",
            "converged",
            "words",
        ],
    );
    let points = curve["points"].as_array().expect("points");
    let sizes: Vec<u64> = points
        .iter()
        .filter_map(|point| point["m"].as_u64())
        .collect();
    assert_eq!(sizes, [30, 245, 1000, 2000]);
    assert_eq!(points[3]["resolution"], measure["resolution"]);
    assert!(points[3]["resolution_spread"].is_null());
    assert_eq!(curve["converged"], true);
    let estimates = more["estimators"].as_array().expect("estimates");
    assert_eq!(estimates[0]["nats"], measure["resolution_nats"]);
    assert_eq!(estimates[4]["name"], "nsb");
    assert!(
        estimates
            .iter()
            .all(|estimate| estimate["stderr"].is_number())
    );
    // Miller–Madow by hand: nine states beyond the first, M = 2000.
    let corrected = estimates[1]["nats"].as_f64().expect("a number");
    let plug_in = estimates[0]["nats"].as_f64().expect("a number");
    assert!((corrected - plug_in - 9.0 / 4000.0).abs() < 1e-12);
    let text = room.succeeds(line);
    tells(&text, &["have converged: ", "miller-madow", "nsb"]);
    for (line, words) in [
        ("--subsample=1", &["--subsample: 1 points", "2 to 100"]),
        (
            "--estimators --classes 9",
            &["--classes: 9 classes", "10 states"],
        ),
        ("--classes 12", &["--estimators", "see --help"]),
    ] {
        tells(
            &room.refused(&format!("measure counts.txt --counts {line}")),
            words,
        );
    }
    room.write("few.txt", "20\n9\n");
    let few = room.json("measure few.txt --counts --estimators");
    for key in [
        "resolution_stderr",
        "relevance_stderr",
        "beta.mle_jackknife_stderr",
    ] {
        tells(
            few["reasons"][key].as_str().expect("a reason"),
            &["at least 30"],
        );
    }
    tells(
        &room.refused("measure few.txt --counts --subsample"),
        &["--subsample: 29 observations", "at least 60"],
    );
}
