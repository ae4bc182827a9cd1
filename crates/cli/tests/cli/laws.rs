//! `resrel fit` and `resrel limit` fed with rubbish: one line, or null with a reason.

use serde_json::Value;

use crate::support::{Room, tells};

/// No number that is not one, anywhere: JSON would show it as a string or refuse it.
fn is_finite(value: &Value) {
    match value {
        Value::Number(number) => assert!(number.as_f64().is_some_and(f64::is_finite)),
        Value::String(text) => assert!(!text.contains("NaN") && !text.contains("inf "), "{text}"),
        Value::Array(values) => values.iter().for_each(is_finite),
        Value::Object(map) => map.values().for_each(is_finite),
        Value::Null | Value::Bool(_) => {}
    }
}

#[test]
fn files_that_hold_no_frequencies_are_refused() {
    let room = Room::new();
    room.write("empty.txt", "");
    room.write("blank.txt", "\n\n");
    room.write("negative.txt", "5\n-3\n");
    room.write("zero.txt", "5\n0\n");
    room.write("half.txt", "5\n1.5\n");
    room.write("words.txt", "5\nnan\n");
    room.write("large.txt", "5\n9007199254740993\n");
    room.write("huge.txt", "5\n99999999999999999999999\n");
    let junk: Vec<u8> = (0..4_000_u32).map(|i| (i * i % 251) as u8).collect();
    room.write("junk.bin", junk);
    std::fs::create_dir(room.at("folder")).expect("made");
    let whole = "a whole number of 1 or more";
    for (file, words) in [
        ("empty.txt", ["holds no frequencies", "at least one"]),
        ("blank.txt", ["holds no frequencies", "at least one"]),
        ("negative.txt", ["line 2: \"-3\"", whole]),
        ("zero.txt", ["line 2: \"0\"", whole]),
        ("half.txt", ["line 2: \"1.5\"", whole]),
        ("words.txt", ["line 2: \"nan\"", whole]),
        ("large.txt", ["line 2", "above 2^53"]),
        ("huge.txt", ["line 2: \"99999", whole]),
        ("junk.bin", ["line 1", whole]),
        ("folder", ["cannot be read", "it is a folder: name a file"]),
        ("gone.txt", ["cannot be read", "check the path"]),
    ] {
        let said = room.refused(&format!("fit {file}"));
        tells(&said, &[file]);
        tells(&said, &words);
    }
    room.write("counts.txt", "3\n2\n1\n");
    for k_min in ["0", "-1", "1.5", "x", "9007199254740993"] {
        let said = room.refused(&format!("fit counts.txt --kmin={k_min}"));
        tells(&said, &["--kmin", "give auto, or a whole number"]);
    }
    tells(
        &room.refused("fit counts.txt --bootstrap 0"),
        &["--bootstrap"],
    );
}

#[test]
fn fits_that_do_not_exist_are_null_with_reasons() {
    let room = Room::new();
    room.write("one.txt", "7\n");
    room.write("alike.txt", "3\n3\n3\n");
    let distinct: Vec<String> = (1..=50).map(|k| k.to_string()).collect();
    room.write("distinct.txt", distinct.join("\n"));
    for (line, reason) in [
        ("one.txt", "only one state"),
        ("alike.txt", "all frequencies are 3"),
        ("alike.txt --kmin 3", "no frequency is above k_min = 3"),
        (
            "distinct.txt --kmin 100",
            "no frequency reaches k_min = 100",
        ),
        ("distinct.txt --kmin 50", "no frequency is above k_min = 50"),
    ] {
        let found = room.json(&format!("fit {line} --bootstrap 10 --compare"));
        for key in [
            "gamma",
            "beta",
            "k_min",
            "log_likelihood",
            "ks",
            "tail",
            "p_value",
        ] {
            assert!(found[key].is_null(), "{line}: {key}");
            tells(found["reasons"][key].as_str().expect("a reason"), &[reason]);
        }
        assert!(found["comparisons"].is_null());
    }
    for line in [
        "distinct.txt",
        "distinct.txt --kmin 1",
        "distinct.txt --kmin 49",
    ] {
        let found = room.json(&format!("fit {line} --bootstrap 10 --compare"));
        is_finite(&found);
        assert!(found["gamma"].as_f64().is_some_and(|gamma| gamma > 1.0));
        assert_eq!(found["comparisons"].as_array().expect("four").len(), 4);
    }
}

#[test]
fn sizes_without_curves_are_refused() {
    let room = Room::new();
    for m in ["0", "1", "10000000000000"] {
        let said = room.refused(&format!("limit --m {m}"));
        tells(&said, &["--m", &format!("M = {m}"), "2 to 1000000000000"]);
    }
    for m in ["-5", "1.5", "many", "1e6"] {
        tells(&room.refused(&format!("limit --m={m}")), &["--m"]);
    }
    for mu in ["-1", "-2", "nan", "inf"] {
        tells(
            &room.refused(&format!("limit --m 100 --mu {mu}")),
            &["--mu", "above -1"],
        );
    }
    for line in ["--m 2", "--m 3 --mu -0.999999 0 1e300", "--m 60000"] {
        let found = room.json(&format!("limit {line}"));
        is_finite(&found);
        for key in ["area", "m"] {
            assert!(found[key].is_number(), "{key}");
        }
        for key in ["max_relevance", "max_sum"] {
            assert!(found["strict"][key].is_number(), "{key}");
        }
        assert!(
            found["poisson"]
                .as_array()
                .is_some_and(|points| !points.is_empty())
        );
    }
}
