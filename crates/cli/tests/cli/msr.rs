//! `resrel msr`: every form of input, its numbers, order, picture and refusals.

use serde_json::Value;

use crate::support::{Room, npy_header, tells};

/// Two trains of three events that are scaled copies of each other, one of two events, and one of one.
const TABLE: &str = "neuron,seconds\nb,0\na,1\nb,1\na,3\na,21\nb,10\nc,4\nd,0.5\nc,4.5\n";

/// The area of {0, 1 | 10} and its ends, by hand: half of H[s] = H[k] there.
fn three() -> f64 {
    let (log3, log1_5) = (3_f64.ln(), 1.5_f64.ln());
    (2.0 / 3.0 * log1_5 + log3 / 3.0) / log3 / 2.0
}

fn near(value: &Value, expected: f64) {
    let value = value.as_f64().expect("a number");
    assert!(
        (value - expected).abs() < 1e-12,
        "{value} is not {expected}"
    );
}

fn names(document: &Value) -> Vec<&str> {
    let units = document["units"].as_array().expect("units");
    units
        .iter()
        .map(|unit| unit["name"].as_str().expect("a name"))
        .collect()
}

#[test]
fn one_train_has_its_keys_and_its_area() {
    let room = Room::new();
    room.write("spikes.txt", "# seconds\n10\n0\n1\n");
    let document = room.json("msr spikes.txt");
    let mut keys: Vec<&String> = document.as_object().expect("an object").keys().collect();
    keys.sort();
    assert_eq!(keys, ["curve", "events", "msr", "name", "reason"]);
    assert_eq!(
        (&document["name"], &document["events"]),
        (&"spikes.txt".into(), &3.into())
    );
    near(&document["msr"], three());
    assert!(document["reason"].is_null());
    let curve = document["curve"].as_array().expect("points");
    let bins: Vec<u64> = curve
        .iter()
        .map(|point| point["bins"].as_u64().expect("bins"))
        .collect();
    assert_eq!((bins[0], bins[bins.len() - 1]), (1, 11));
    for (key, value) in [("width", 10.0), ("resolution", 0.0), ("relevance", 0.0)] {
        near(&curve[0][key], value);
    }
    // The fewest numbers of bins: one, and all.
    let document = room.json("msr spikes.txt --bins 2");
    assert_eq!(document["curve"].as_array().expect("points").len(), 2);
    near(&document["msr"], 0.0);
    // In a longer recording there are more bins.
    let document = room.json("msr spikes.txt --start -5 --end 15");
    let curve = document["curve"].as_array().expect("points");
    assert_eq!(curve[curve.len() - 1]["bins"], 21);
}

#[test]
fn what_has_no_area_is_null_with_a_reason() {
    let room = Room::new();
    room.write("one.txt", "7\n");
    room.write("same.txt", "7\n7\n");
    for (file, reason) in [
        ("one.txt", "there is only one event"),
        ("same.txt", "all events are at one time"),
    ] {
        let document = room.json(&format!("msr {file}"));
        assert!(document["msr"].is_null());
        assert_eq!(document["reason"], reason);
        assert_eq!(document["curve"], Value::Array(vec![]));
        tells(&room.succeeds(&format!("msr {file}")), &["–", reason]);
    }
}

#[test]
fn units_stand_as_in_the_file_or_ranked_on_any_number_of_threads() {
    let room = Room::new();
    room.write("long.csv", TABLE);
    let line = "msr long.csv --unit neuron --time seconds";
    let document = room.json(line);
    assert_eq!(names(&document), ["b", "a", "c", "d"]);
    let units = &document["units"];
    near(&units[0]["msr"], three());
    // 1, 3, 21 is 0, 1, 10 in another unit and from another start.
    near(&units[1]["msr"], three());
    near(&units[2]["msr"], 0.0);
    assert_eq!(units[3]["reason"], "there is only one event");
    for threads in [1, 2, 3] {
        assert_eq!(room.json(&format!("{line} --threads {threads}")), document);
    }
    room.write("wide.csv", "silent,d,c,b\n,0.5,4,0\n,,4.5,1\n,,,10\n");
    assert_eq!(names(&room.json("msr wide.csv")), ["silent", "d", "c", "b"]);
    assert_eq!(
        names(&room.json("msr wide.csv --sort")),
        ["b", "c", "silent", "d"]
    );
    let one = room.json("msr wide.csv --time b");
    assert_eq!(one["name"], "b");
    near(&one["msr"], three());
    let text = room.succeeds("msr wide.csv --sort");
    let first: Vec<&str> = text
        .lines()
        .nth(1)
        .expect("a row")
        .split_whitespace()
        .collect();
    assert_eq!(first, ["b", "3", &format!("{:.4}", three())]);
}

#[test]
fn arrays_hold_times_or_counts() {
    let room = Room::new();
    let array = |shape: &str, values: &[f32]| {
        let mut bytes = npy_header(shape);
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    };
    room.write("times.npy", array("(3,)", &[1.0, 10.0, 0.0]));
    near(&room.json("msr times.npy")["msr"], three());
    // 2 0 1 1: .125 by hand, as the library's tests show.
    room.write(
        "counts.npy",
        array("(2, 4)", &[2.0, 0.0, 1.0, 1.0, 0.0, 0.0, 3.0, 0.0]),
    );
    let document = room.json("msr counts.npy");
    assert_eq!(names(&document), ["0", "1"]);
    near(&document["units"][0]["msr"], 0.125);
    assert_eq!(document["units"][1]["reason"], "all events are in one bin");
    tells(
        &room.refused("msr counts.npy --end 4"),
        &["counts.npy: 0: holds counts in bins", "leave them out"],
    );
    room.write("negative.npy", array("(1, 2)", &[2.0, -1.0]));
    tells(
        &room.refused("msr negative.npy"),
        &[
            "negative.npy: row 0, column 1 (counted from 0) is -1",
            "save event times as one axis",
        ],
    );
}

#[test]
fn curves_are_drawn() {
    let room = Room::new();
    room.write("long.csv", TABLE);
    let line = "msr long.csv --unit neuron --time seconds --plot";
    tells(&room.succeeds(&format!("{line} curves.svg")), &["b"]);
    let svg = String::from_utf8(room.files()[&room.at("curves.svg")].clone()).expect("text");
    tells(
        &svg,
        &["<svg", &format!(">b {:.4}<", three()), "No curve: 1 unit."],
    );
    room.succeeds(&format!("{line} curves.png"));
    assert!(room.files()[&room.at("curves.png")].starts_with(b"\x89PNG"));
    tells(
        &room.refused(&format!("{line} curves.jpg")),
        &["--plot", "curves.jpg", ".svg or .png"],
    );
}

#[test]
fn rubbish_is_refused_in_one_line() {
    let room = Room::new();
    room.write("long.csv", TABLE);
    room.write("word.txt", "1\n2\nthree\n");
    room.write("nan.txt", "1\nNaN\n");
    room.write("inf.csv", "a,b\n1,2\n-inf,3\n");
    room.write("ragged.csv", "a,b\n1,2\n3\n");
    room.write("empty.txt", "");
    room.write("times.txt", "1\n2\n3\n");
    for (line, words) in [
        (
            "word.txt",
            ["word.txt: line 3: \"three\"", "a finite number"],
        ),
        ("nan.txt", ["nan.txt: line 2: \"NaN\"", "a finite number"]),
        (
            "inf.csv",
            [
                "inf.csv: line 3: \"-inf\" in column \"a\"",
                "a finite number",
            ],
        ),
        ("ragged.csv", ["ragged.csv: line 3: 1 fields", "has 2"]),
        (
            "empty.txt",
            ["empty.txt: holds no event times", "at least one"],
        ),
        (
            "missing.txt",
            ["missing.txt: cannot be read", "check the path"],
        ),
        (
            "long.csv --unit cell --time seconds",
            ["no column \"cell\"", "\"neuron\", \"seconds\""],
        ),
        ("long.csv --unit neuron", ["--time", "see --help"]),
        (
            "times.txt --time t",
            ["times.txt: is plain text", "--time means nothing"],
        ),
        (
            "times.txt --start 2",
            [
                "times.txt: the recording starts at 2",
                "after the event at 1",
            ],
        ),
        (
            "times.txt --end nan",
            ["times.txt: the recording ends at NaN", "finite"],
        ),
        ("times.txt --bins 1", ["--bins", "2..=1000000"]),
        (
            "long.csv --unit neuron --time seconds --end 20",
            ["long.csv: a: the recording", "at 21"],
        ),
    ] {
        tells(&room.refused(&format!("msr {line}")), &words);
    }
}
