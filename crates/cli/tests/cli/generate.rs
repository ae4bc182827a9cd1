//! Samples of a network, their judgement, and the likelihood of data.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Room, drop_timings, tells};

const TRAIN: &str = "train --data kinds.npy --layers 12-8-3 --epochs 20 --batch 10 --out model";
const GENERATE: &str = "generate model --layer 2 --samples 150 --steps 40 --labels labels.txt";

/// Data of two kinds with their labels, and a network that learnt them.
fn trained() -> Room {
    let room = Room::new();
    room.kinds();
    let labels = "0\n1\n".repeat(100);
    room.write("labels.txt", labels);
    room.succeeds(TRAIN);
    room
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().expect("an array").iter();
    values
        .map(|value| value.as_f64().expect("a number"))
        .collect()
}

#[test]
fn samples_are_drawn_and_judged_alike_on_any_number_of_threads() {
    let room = trained();
    let generate = |threads: usize| {
        let mut value = room.json(&format!(
            "{GENERATE} --threads {threads} --out s{threads}.npy"
        ));
        assert!(value["seconds_per_step"].as_f64().expect("a number") > 0.0);
        drop_timings(&mut value);
        value["out"] = Value::Null;
        value
    };
    let documents = [1, 2, 3].map(generate);
    let file = |threads: usize| fs::read(room.at(&format!("s{threads}.npy"))).expect("samples");
    for (document, threads) in documents.iter().zip([1, 2, 3]) {
        assert_eq!(*document, documents[0], "{threads} threads");
        assert_eq!(file(threads), file(1), "{threads} threads");
    }
    let value = &documents[0];
    assert_eq!(value["data"], "kinds.npy");
    assert_eq!(value["sampling"]["layer"], 2);
    let frequencies = numbers(&value["label_frequencies"]);
    assert_eq!(frequencies.len(), 2);
    assert!((frequencies.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let quality = &value["quality"];
    assert_eq!(quality["label_frequencies"], value["label_frequencies"]);
    for key in [
        "total_variation",
        "confident",
        "precision",
        "recall",
        "judge_error",
    ] {
        let number = quality[key].as_f64().expect(key);
        assert!((0.0..=1.0).contains(&number), "{key} {number}");
    }
    // Nothing was held out to tell copies by.
    assert_eq!(quality["near_copies"], Value::Null);
    assert!(value["convergence"]["r_hat"].is_number());
    let steps = value["moments"].as_array().expect("moments").iter();
    let steps: Vec<&Value> = steps.map(|moment| &moment["step"]).collect();
    assert_eq!(steps, [1, 2, 3, 5, 10, 20, 40].map(Value::from).each_ref());
    // The same samples from the file get the same judgement.
    let judged = room.json("judge s1.npy --data kinds.npy --data-labels labels.txt");
    assert_eq!(judged["quality"], *quality);
    assert_eq!(judged["samples"], 150);
    // For people.
    let text = room.succeeds(&format!("{GENERATE} --plot samples.png --seed 2"));
    tells(
        &text,
        &["D(P‖Q)", "generation ability", "total variation", "R̂"],
    );
    let picture = fs::read(room.at("samples.png")).expect("a picture");
    assert!(picture.starts_with(b"\x89PNG"));
}

#[test]
fn labels_may_come_from_a_file_and_one_that_never_comes_is_said() {
    let room = trained();
    room.npy("samples.npy", (4, 12), |row, _| row as f32 / 3.0);
    let judge = "judge samples.npy --data kinds.npy --data-labels labels.txt --labels own.txt";
    room.write("own.txt", "0\n0\n1\n0\n");
    let quality = room.json(judge)["quality"].clone();
    // ½ ln(½ / ¾) + ½ ln(½ / ¼) = ½ ln(4/3)
    let divergence = quality["divergence"].as_f64().expect("finite");
    assert!((divergence - 0.5 * (4.0_f64 / 3.0).ln()).abs() < 1e-15);
    assert_eq!(quality["total_variation"], 0.25);
    assert_eq!(quality["judge_error"], Value::Null);
    room.write("own.txt", "1\n1\n1\n1\n");
    let quality = room.json(judge)["quality"].clone();
    assert_eq!(quality["divergence"], Value::Null);
    assert_eq!(quality["ability"], 0.0);
    assert_eq!(quality["missing_labels"], json!([0]));
    tells(&room.succeeds(judge), &["infinite: a label never came"]);
}

#[test]
fn held_units_keep_their_values() {
    let room = trained();
    room.npy("start.npy", (2, 12), |row, column| {
        f32::from(u8::from((row + column) % 2 == 0))
    });
    room.succeeds(
        "generate model --layer 1 --samples 6 --steps 20 --start start.npy --clamp 0-3,11 --no-judge --out s.npy",
    );
    let bytes = fs::read(room.at("s.npy")).expect("samples");
    let (values, _) = bytes[bytes.len() - 6 * 12 * 4..].as_chunks::<4>();
    for (place, value) in values.iter().enumerate() {
        let (row, column) = (place / 12, place % 12);
        let value = f32::from_le_bytes(*value);
        if column < 4 || column == 11 {
            let held = f32::from(u8::from((row % 2 + column) % 2 == 0));
            assert_eq!(
                value.to_bits(),
                held.to_bits(),
                "row {row}, column {column}"
            );
        } else {
            assert!(
                0.0 < value && value < 1.0,
                "row {row}, column {column}: {value}"
            );
        }
    }
}

#[test]
fn without_its_data_a_network_still_generates_and_says_so() {
    let room = trained();
    fs::remove_file(room.at("kinds.npy")).expect("removed");
    let line = "generate model --layer 1 --samples 3 --steps 2 --out s.npy";
    let output = room.run(line);
    assert_eq!(output.status.code(), Some(0));
    tells(
        &String::from_utf8_lossy(&output.stderr),
        &["kinds.npy", "is not here", "--data"],
    );
    let value = room.json(line);
    assert_eq!(value["label_frequencies"], Value::Null);
    assert_eq!(value["quality"]["precision"], Value::Null);
}

#[test]
fn what_cannot_be_sampled_or_judged_is_refused() {
    let room = trained();
    room.write("none.txt", "");
    room.write("three.txt", "0\n1\n0\n");
    room.npy("samples.npy", (4, 12), |_, _| 0.5);
    room.npy("wide.npy", (4, 13), |_, _| 0.5);
    room.npy("grey.npy", (4, 12), |row, column| {
        if (row, column) == (2, 3) { 7.0 } else { 0.5 }
    });
    let judge = "--data kinds.npy --data-labels labels.txt";
    for (line, words) in [
        (
            "generate model --layer 3 --samples 5 --steps 5",
            vec!["layer is 3", "layers"],
        ),
        (
            "generate model --layer 0 --samples 5 --steps 5",
            vec!["layer is 0"],
        ),
        (
            "generate model --layer 1 --samples 0 --steps 5",
            vec!["samples is 0"],
        ),
        (
            "generate model --layer 1 --samples 5 --steps 0",
            vec!["steps is 0"],
        ),
        (
            "generate labels.txt --layer 1 --samples 5 --steps 5",
            vec!["labels.txt"],
        ),
        (
            "generate model --layer 1 --samples 5 --steps 5 --out .",
            vec!["is a folder", "samples.npy"],
        ),
        (
            "generate model --layer 1 --samples 5 --steps 5 --data wide.npy",
            vec!["wide.npy", "13 features", "12 visible units"],
        ),
        (
            "generate model --layer 2 --samples 5 --steps 5 --no-judge --start kinds.npy --clamp 0-3",
            vec!["layer is 2", "held"],
        ),
        (
            "generate model --layer 1 --samples 5 --steps 5 --no-judge --start kinds.npy --clamp 5-12",
            vec!["--clamp 5-12", "12 visible units, 0 to 11"],
        ),
        (
            "generate model --layer 1 --samples 5 --steps 5 --no-judge --start wide.npy",
            vec!["13 features"],
        ),
        (
            &format!("judge wide.npy {judge}"),
            vec!["wide.npy", "13 features"],
        ),
        (
            &format!("judge grey.npy {judge}"),
            vec!["grey.npy", "row 2, column 3", "7"],
        ),
        (
            &format!("judge samples.npy {judge} --labels three.txt"),
            vec!["three.txt", "3 labels", "4 observations"],
        ),
        (
            "judge samples.npy --data kinds.npy --labels three.txt",
            vec!["three.txt"],
        ),
        ("likelihood model --runs 1", vec!["runs is 1"]),
        (
            "likelihood model --temperatures 0",
            vec!["temperatures is 0"],
        ),
        ("likelihood model --data wide.npy", vec!["wide.npy", "13"]),
    ] {
        tells(&room.refused(line), &words);
    }
}

#[test]
fn the_likelihood_of_each_layer_is_bounded() {
    let room = trained();
    let value = room.json("likelihood model --threads 2");
    assert_eq!(value["part"], "training");
    let layers = value["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 2);
    for layer in layers {
        // Twelve independent fair coins would give −12 ln 2 = −8.3.
        let likelihood = layer["log_likelihood"].as_f64().expect("a number");
        assert!((-8.3..-5.0).contains(&likelihood), "{layer}");
        assert_eq!(layer["log_partition"]["stderr"], Value::Null);
    }
    assert_eq!(value, room.json("likelihood model --threads 1"));
    tells(
        &room.succeeds("likelihood model"),
        &["H1", "enumeration", "lower bound"],
    );
}
