//! States of every kind of file, measured.

use serde_json::{Value, json};

use crate::support::{Room, npy_header, tells};

/// Six observations: keys, words, labels.
const TABLE: &str = "key,word,label\n7,a,x\n3,b,y\n7,a,x\n7,a,z\n-1,c,x\n3,b,y\n";

/// What must not depend on how the states are stored.
fn numbers(mut measure: Value) -> Value {
    let map = measure.as_object_mut().expect("an object");
    for key in ["name", "reasons", "examples"] {
        map.remove(key);
    }
    measure
}

/// An npy file of one axis of whole numbers.
fn vector(room: &Room, name: &str, values: impl ExactSizeIterator<Item = i64>) {
    let header = npy_header(&format!("({},)", values.len()));
    let header = String::from_utf8_lossy(&header[10..]).replace("<f4", "<i8");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).expect("short").to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(values.flat_map(i64::to_le_bytes));
    room.write(name, bytes);
}

#[test]
fn the_same_states_measure_alike_from_every_file() {
    let room = Room::new();
    room.write("table.csv", TABLE);
    room.write("table.tsv", TABLE.replace(',', "\t"));
    room.write("keys.txt", "7\n3\n7\n7\n-1\n3\n");
    room.write("labels.txt", "0\n1\n0\n2\n0\n1\n");
    vector(&room, "keys.npy", [7, 3, 7, 7, -1, 3].into_iter());
    let expected = room.json("measure table.csv --column key --label-column label");
    assert_eq!(
        (&expected["m"], &expected["states"]),
        (&json!(6), &json!(3))
    );
    assert_eq!(expected["max_frequency"], 3);
    // The one z among three 7 is wrong.
    assert_eq!(expected["classification_error"], 1.0 / 6.0);
    room.json("measure table.csv --column key --label-column label --save-counts counts.parquet");
    for line in [
        "table.tsv --column word --label-column label",
        "table.csv --column word --label-column label --text --memory 64MiB --threads 1",
        "keys.txt --labels labels.txt",
        "keys.txt --text --labels labels.txt",
        "keys.npy --labels labels.txt",
        "counts.parquet",
    ] {
        let measure = room.json(&format!("measure {line}"));
        assert_eq!(numbers(measure), numbers(expected.clone()), "{line}");
    }
}

#[test]
fn counts_made_apart_are_merged() {
    let room = Room::new();
    vector(
        &room,
        "a.npy",
        (0..5_000_i64)
            .map(|i| i * i % 901)
            .collect::<Vec<_>>()
            .into_iter(),
    );
    vector(
        &room,
        "b.npy",
        (0..3_000_i64)
            .map(|i| i * i % 700 - 40)
            .collect::<Vec<_>>()
            .into_iter(),
    );
    let whole = room.json("measure a.npy b.npy");
    room.json("measure a.npy --save-counts a.parquet");
    room.json("measure b.npy --save-counts b.parquet");
    for line in ["a.parquet b.parquet", "b.parquet a.npy", "b.npy a.parquet"] {
        let merged = room.json(&format!("measure {line}"));
        assert_eq!(numbers(merged), numbers(whole.clone()), "{line}");
    }
    room.json("measure b.parquet a.parquet --save-counts both.parquet");
    assert_eq!(numbers(room.json("measure both.parquet")), numbers(whole));
}

#[test]
fn states_that_go_to_disk_give_the_same_answer() {
    let room = Room::new();
    // More than fits into half of 64 MiB, in an order that repeats nothing nearby.
    let keys = (0..6_000_000_i64).map(|i| i * 7_919 % 5_000_011);
    vector(&room, "keys.npy", keys.collect::<Vec<_>>().into_iter());
    let memory = room.succeeds("measure keys.npy");
    let disk = room.succeeds("measure keys.npy --memory 64MiB --spill-folder .");
    assert!(disk.contains("did not fit into memory"), "{disk}");
    let first = |text: &str| text.split("\n\n").next().map(str::to_owned);
    assert_eq!(first(&memory), first(&disk));
    let one = room.json("measure keys.npy --memory 64MiB --threads 1");
    let two = room.json("measure keys.npy --memory 64MiB --threads 2");
    assert_eq!(one, two);
    assert_eq!(one, room.json("measure keys.npy"));
    // Nothing stays of what went to disk.
    assert_eq!(room.files().len(), 1);
    let said = room.refused("measure keys.npy --memory 64MiB --spill-folder gone");
    tells(
        &said,
        &["gone: a temporary file", "give more memory, or a folder"],
    );
}

#[test]
fn the_most_and_the_least_populated_states_are_shown_with_their_rows() {
    let room = Room::new();
    room.write("table.csv", TABLE);
    let examples = room.json("measure table.csv --column word --examples 1");
    let expected = json!({
        "most": [{ "state": "a", "count": 3, "rows": [
            { "file": 0, "row": 0 }, { "file": 0, "row": 2 }, { "file": 0, "row": 3 } ] }],
        "least": [{ "state": "c", "count": 1, "rows": [{ "file": 0, "row": 4 }] }],
    });
    assert_eq!(examples["examples"], expected);
    // With labels a state's counts come in parts.
    let labelled = room.json("measure table.csv --column key --label-column label --examples 1");
    assert_eq!(labelled["examples"]["most"][0]["state"], 7);
    assert_eq!(labelled["examples"]["most"][0]["count"], 3);
    assert_eq!(labelled["examples"]["least"][0]["state"], -1);
    let text = room.succeeds("measure table.csv table.csv --column word --examples 1");
    tells(
        &text,
        &["The most populated", "table.csv:0", "The least populated"],
    );
    room.kinds();
    let bits = room.json("measure kinds.npy --examples 2");
    let state = bits["examples"]["most"][0]["state"].as_str().expect("bits");
    assert_eq!(state.len(), 12);
    // Counts have no rows.
    room.json("measure table.csv --column key --save-counts counts.parquet");
    let counts = room.json("measure counts.parquet --examples 1");
    assert_eq!(counts["examples"]["most"][0]["rows"], Value::Null);
}

#[test]
fn energies_are_saved() {
    let room = Room::new();
    room.write("table.csv", TABLE);
    room.json("measure table.csv --column key --energies levels.csv");
    let csv = std::fs::read_to_string(room.at("levels.csv")).expect("written");
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "k,m_k,energy,ln_m_k,share");
    assert_eq!(lines.len(), 4);
    let level: Vec<f64> = lines[1]
        .split(',')
        .map(|v| v.parse().expect("a number"))
        .collect();
    assert_eq!(level, [3.0, 1.0, 2.0_f64.ln(), 0.0, 0.5]);
}

#[test]
fn missing_values_are_refused_dropped_or_a_state() {
    let room = Room::new();
    room.write("gaps.csv", "key,label\n1,x\n,y\n3,\n3,x\n");
    let said = room.refused("measure gaps.csv --column key");
    tells(
        &said,
        &[
            "gaps.csv: row 1 (counted from 0) has no state",
            "--missing drop",
        ],
    );
    let said = room.refused("measure gaps.csv --column label");
    tells(&said, &["gaps.csv: row 2 (counted from 0) has no state"]);
    let line = "measure gaps.csv --column key --label-column label";
    let dropped = room.json(&format!("{line} --missing drop"));
    assert_eq!((&dropped["m"], &dropped["dropped"]), (&json!(2), &json!(2)));
    let kept = room.json(&format!("{line} --missing state"));
    assert_eq!((&kept["m"], &kept["states"]), (&json!(4), &json!(3)));
    assert_eq!(kept["classification_error"], 0.25);
    assert!(kept.get("dropped").is_none());
    // Saved, read and merged again.
    room.json(&format!(
        "{line} --missing state --save-counts counts.parquet"
    ));
    let again = room.json("measure counts.parquet --missing state");
    assert_eq!(numbers(again), numbers(kept));
    tells(
        &room.refused("measure counts.parquet"),
        &["counts.parquet: row", "has no"],
    );
    let none = room.refused("measure gaps.csv --column key --missing maybe");
    tells(&none, &["maybe", "drop"]);
}

#[test]
fn files_that_do_not_go_together_are_refused() {
    let room = Room::new();
    room.kinds();
    room.write("table.csv", TABLE);
    room.write("huge.txt", "18446744073709551615\n1\n");
    room.write("negative.txt", "-1\n1\n");
    room.write("labels.txt", "1\n2\n");
    room.write("mixed.txt", "1\ntwo\n");
    for (line, words) in [
        (
            "table.csv",
            &["table.csv: holds several columns", "--column NAME"][..],
        ),
        ("table.csv --column no", &["no column", "\"key\""]),
        (
            "kinds.npy negative.txt",
            &["negative.txt: holds whole numbers, the files before it states of 12 bits"],
        ),
        ("mixed.txt", &["mixed.txt: line 2", "--text"]),
        (
            "huge.txt negative.txt",
            &["numbers beyond 2^63 - 1", "below 0"],
        ),
        (
            "negative.txt --labels labels.txt negative.txt",
            &["labels.txt: 2 labels for 4 observations"],
        ),
        (
            "negative.txt --labels labels.txt --label-column x",
            &["--label-column"],
        ),
        (
            "negative.txt --label-column x",
            &["negative.txt", "--label-column"],
        ),
        (
            "negative.txt --threshold 1",
            &["negative.txt", "--threshold"],
        ),
        ("negative.txt --memory 1MiB", &["give at least 64 MiB"]),
        ("negative.txt --memory much", &["much", "2GiB"]),
        (
            "negative.txt --save-counts gone/counts.parquet",
            &["gone/counts.parquet"],
        ),
        (
            "negative.txt --energies negative.txt/levels.csv",
            &["negative.txt/levels.csv"],
        ),
        ("negative.txt --counts --column x", &["--counts"]),
    ] {
        tells(&room.refused(&format!("measure {line}")), words);
    }
    let alone = room.json("measure huge.txt --examples 1");
    assert_eq!(alone["states"], 2);
}

#[test]
fn pictures_are_drawn_as_svg_and_png() {
    let room = Room::new();
    room.write("states.txt", "1\n1\n1\n1\n2\n2\n3\n3\n4\n5\n6\n");
    room.write("counts.txt", "4\n2\n2\n1\n1\n1\n");
    for (line, words) in [
        (
            "measure states.txt",
            &["measured", "Poisson optimum", ">(b)<"][..],
        ),
        ("fit counts.txt --kmin 1", &["11 observations of 6 states"]),
        ("limit --m 11", &["strict bound", "11 observations"]),
    ] {
        room.succeeds(&format!("{line} --plot picture.svg"));
        let svg = String::from_utf8(room.files()[&room.at("picture.svg")].clone()).expect("text");
        let plain = svg.replace("<tspan font-style=\"italic\">M</tspan> = ", "");
        tells(&plain, words);
        room.succeeds(&format!("{line} --plot picture.PNG"));
        assert!(room.files()[&room.at("picture.PNG")].starts_with(b"\x89PNG"));
        tells(
            &room.refused(&format!("{line} --plot picture.jpg")),
            &["--plot", "picture.jpg", ".svg or .png"],
        );
    }
}
