//! Networks that are there already, probed.

use std::fs;

use serde_json::Value;

use crate::support::{Room, tells};

/// Data of two kinds, and a network that learnt them: what its training said.
fn trained() -> (Room, Value) {
    let room = Room::new();
    room.kinds();
    room.write("labels.txt", "0\n1\n".repeat(100));
    let told = room.json(
        "train --data kinds.npy --labels labels.txt --layers 12-8-3 --epochs 20 --batch 10 --out model.safetensors",
    );
    (room, told)
}

#[test]
fn a_network_that_was_trained_here_has_the_layers_that_its_training_told() {
    let (room, told) = trained();
    let line = "probe model.safetensors --data kinds.npy --labels labels.txt --states states";
    for threads in [1, 2] {
        let found = room.json(&format!("{line} --threads {threads}"));
        assert_eq!(found["critical"], told["critical"]);
        let layers = found["layers"].as_array().expect("layers");
        let trained = told["layers"].as_array().expect("layers");
        assert_eq!(layers.len(), 2);
        for ((layer, trained), units) in layers.iter().zip(trained).zip([8, 3]) {
            for (key, value) in trained.as_object().expect("a measure") {
                assert_eq!(layer[key], *value, "{key}");
            }
            assert_eq!(layer["units"], units);
        }
        assert_eq!(found["states"][1], "states/02-H2.npy");
    }
    // The states that were written are those that were measured.
    let again = room.json("measure states/02-H2.npy --labels labels.txt");
    for key in ["states", "resolution", "relevance", "classification_error"] {
        assert_eq!(again[key], told["layers"][1][key], "{key}");
    }
    tells(
        &room.succeeds(line),
        &["H2", "3 units", "The states are in states"],
    );
}

#[test]
fn what_cannot_be_probed_is_refused() {
    let (room, _) = trained();
    room.write("rubbish.onnx", b"no model");
    room.write("empty.onnx", b"");
    let probe = |what: &str| room.refused(&format!("probe {what} --data kinds.npy"));
    tells(
        &probe("rubbish.onnx"),
        &["rubbish.onnx", "is no ONNX model"],
    );
    tells(&probe("empty.onnx"), &["empty.onnx", "is no ONNX model"]);
    tells(&probe("absent.onnx"), &["absent.onnx"]);
    tells(
        &probe("model.safetensors --pool max"),
        &["--pool is for ONNX networks"],
    );
    room.npy("narrow.npy", (10, 5), |row, column| {
        ((row + column) % 2) as f32
    });
    let said = room.refused("probe model.safetensors --data narrow.npy --states states");
    tells(&said, &["5", "12"]);
    let left = fs::read_dir(room.at("states")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "nothing half-written");
}
