//! Every bad input: one line that names the file, the place and the remedy, exit code 2, nothing
//! half written.

use std::process::{Command, Stdio};

use crate::support::{Room, idx, npy_header, tells};

const TRAIN: &str = "train --layers 12-4 --epochs 1 --out model --data";

#[test]
fn values_that_are_no_pixels_are_named_by_their_place() {
    let room = Room::new();
    room.npy("nan.npy", (30, 12), |row, column| {
        if (row, column) == (3, 4) {
            f32::NAN
        } else {
            0.5
        }
    });
    room.npy("negative.npy", (30, 12), |row, column| {
        if (row, column) == (3, 4) { -1.0 } else { 0.5 }
    });
    room.npy("grey.npy", (30, 12), |row, column| {
        if (row, column) == (3, 4) { 255.0 } else { 0.5 }
    });
    let place = "row 3, column 4 (counted from 0) is";
    for (file, words) in [
        ("nan.npy", ["NaN", "not a finite number"]),
        ("negative.npy", ["-1", "outside 0 to 1"]),
        ("grey.npy", ["255", "divide by 255"]),
    ] {
        let said = room.refused(&format!("{TRAIN} {file}"));
        tells(&said, &[file, place]);
        tells(&said, &words);
    }
    tells(
        &room.refused("measure nan.npy --threshold 0.5"),
        &["nan.npy", place],
    );
    tells(&room.refused("cluster nan.npy --k 2"), &["nan.npy", place]);
    tells(
        &room.refused("reproduce fig2 --data grey.npy --out out"),
        &["grey.npy", place],
    );
    // k-means takes any finite values.
    room.succeeds("cluster grey.npy --k 2");
    let said = room.refused("measure grey.npy");
    tells(
        &said,
        &[
            "grey.npy: row 0, column 0 is 0.5, neither 0 nor 1",
            "--threshold",
        ],
    );
    tells(
        &room.refused("measure grey.npy --threshold nan"),
        &["--threshold is NaN"],
    );
}

#[test]
fn files_that_are_not_what_they_should_be_are_named() {
    let room = Room::new();
    room.kinds();
    room.write("text.npy", "1,2,3\n");
    room.write("empty.npy", "");
    room.write("short.npy", {
        let mut bytes = npy_header("(30, 12)");
        bytes.extend([0; 100]);
        bytes
    });
    room.write("huge.npy", npy_header(&format!("({}, 12)", 1_u64 << 60)));
    room.write(
        "vast.npy",
        npy_header("(18446744073709551615, 18446744073709551615)"),
    );
    room.write("line.npy", {
        let mut bytes = npy_header("(4,)");
        bytes.extend([0; 16]);
        bytes
    });
    room.write("none.npy", npy_header("(0, 12)"));
    std::fs::create_dir(room.at("folder.npy")).expect("made");
    for (file, words) in [
        ("text.npy", ["starts with", "npy"]),
        ("empty.npy", ["starts with", "npy"]),
        (
            "short.npy",
            ["the header claims (30, 12) values", "cut short"],
        ),
        (
            "huge.npy",
            ["claims (1152921504606846976, 12) values", "holds 0"],
        ),
        ("vast.npy", ["claims", "holds 0"]),
        ("line.npy", ["shape (4)", "reshape"]),
        ("none.npy", ["holds no", "at least one"]),
    ] {
        for line in [
            format!("measure {file}"),
            format!("cluster {file} --k 2"),
            format!("{TRAIN} {file}"),
        ] {
            // A vector of whole numbers holds a state in each entry; it is no matrix of images.
            if line == "measure line.npy" {
                assert_eq!(room.json(&line)["m"], 4);
                continue;
            }
            let said = room.refused(&line);
            tells(&said, &[file]);
            tells(&said, &words);
        }
    }
    tells(
        &room.refused("measure folder.npy"),
        &["folder.npy", "it is a folder: name a file"],
    );
    tells(
        &room.refused("measure gone.npy"),
        &["gone.npy: cannot be read", "check the path"],
    );
    tells(
        &room.refused("measure gone.txt --counts"),
        &["gone.txt: cannot be read", "check the path"],
    );
    tells(
        &room.refused("cluster gone.npy --k 2"),
        &["gone.npy: no such data set or file", "digits"],
    );
    tells(
        &room.refused(&format!("{TRAIN} gone")),
        &["gone: no such data set or file", "mnist"],
    );
    tells(
        &room.refused(&format!("{TRAIN} mnist")),
        &["mnist", "resrel data fetch mnist"],
    );
    tells(
        &room.refused("reproduce fig2 --data gone --out out"),
        &["gone: no such data set or file"],
    );
}

#[test]
fn labels_and_counts_are_checked() {
    let room = Room::new();
    room.kinds();
    room.write("few.txt", "1\n2\n");
    room.write("words.txt", "1\ntwo\n");
    room.write("empty.txt", "");
    room.write("negative.txt", "5\n-3\n");
    room.write("zero.txt", "5\n0\n");
    room.write("half.txt", "5\n1.5\n");
    for command in [
        "measure kinds.npy",
        "cluster kinds.npy --k 2",
        &format!("{TRAIN} kinds.npy"),
    ] {
        let said = room.refused(&format!("{command} --labels few.txt"));
        tells(
            &said,
            &["few.txt: 2 labels for 200 observations", "one label"],
        );
        let said = room.refused(&format!("{command} --labels words.txt"));
        tells(&said, &["words.txt: line 2: \"two\""]);
        tells(
            &room.refused(&format!("{command} --labels gone.txt")),
            &["gone.txt: cannot be read"],
        );
    }
    for (file, words) in [
        (
            "empty.txt",
            ["empty.txt: holds no frequencies", "at least one"],
        ),
        (
            "negative.txt",
            ["negative.txt: line 2: \"-3\"", "whole number of 1 or more"],
        ),
        (
            "zero.txt",
            ["zero.txt: line 2: \"0\"", "whole number of 1 or more"],
        ),
        (
            "half.txt",
            ["half.txt: line 2: \"1.5\"", "whole number of 1 or more"],
        ),
    ] {
        tells(&room.refused(&format!("measure {file} --counts")), &words);
    }
    room.npy("wide.npy", (5, 13), |_, _| 1.0);
    let said = room.refused("measure kinds.npy wide.npy");
    tells(&said, &["wide.npy: has 13 columns, the files before it 12"]);
}

#[test]
fn idx_folders_are_checked() {
    let room = Room::new();
    let images = |count: u32| {
        idx(
            &[count, 3, 4],
            (0..count * 12).map(|place| (place % 251) as u8),
        )
    };
    let labels = |count: u32| idx(&[count], (0..count).map(|place| (place % 3) as u8));
    std::fs::create_dir(room.at("set")).expect("made");
    let names = [
        "set/train-images-idx3-ubyte",
        "set/train-labels-idx1-ubyte",
        "set/t10k-images-idx3-ubyte",
        "set/t10k-labels-idx1-ubyte",
    ];
    let whole = [images(40), labels(40), images(10), labels(10)];
    for (name, bytes) in names.iter().zip(&whole) {
        room.write(name, bytes);
    }
    let line = format!("{TRAIN} set");
    room.succeeds(&line);
    std::fs::remove_file(room.at("model")).expect("removed");
    room.write(names[1], labels(39));
    tells(
        &room.refused(&line),
        &["train-labels-idx1-ubyte: 39 labels for 40 observations"],
    );
    room.write(names[1], &whole[0]);
    tells(
        &room.refused(&line),
        &["train-labels-idx1-ubyte: starts with", "not with"],
    );
    room.write(names[1], &whole[1]);
    room.write(names[0], &whole[0][..100]);
    tells(
        &room.refused(&line),
        &["train-images-idx3-ubyte: the header claims", "cut short"],
    );
    std::fs::remove_file(room.at(names[0])).expect("removed");
    tells(
        &room.refused(&line),
        &[
            "train-images-idx3-ubyte.gz: cannot be read",
            "check the path",
        ],
    );
    // Packed and cut short.
    room.write(names[0], &whole[0]);
    let packed = Command::new("gzip")
        .arg(room.at(names[0]))
        .stdin(Stdio::null())
        .status();
    assert!(packed.expect("gzip is there").success());
    room.succeeds(&line);
    std::fs::remove_file(room.at("model")).expect("removed");
    let packed = std::fs::read(room.at("set/train-images-idx3-ubyte.gz")).expect("readable");
    room.write(
        "set/train-images-idx3-ubyte.gz",
        &packed[..packed.len() - 20],
    );
    let said = room.refused(&line);
    tells(
        &said,
        &[
            "train-images-idx3-ubyte.gz: the gzip data break off or are damaged",
            "again",
        ],
    );
}

#[test]
fn networks_that_cannot_be_trained_are_refused() {
    let room = Room::new();
    room.kinds();
    let train =
        |options: &str| room.refused(&format!("train --data kinds.npy --out model {options}"));
    for (options, words) in [
        ("--layers 12-0", ["layers is [12, 0]", "at least 1"]),
        ("--layers 12", ["layers is [12]", "at least two sizes"]),
        ("--layers 12-16777217", ["layers", "2^24"]),
        ("--layers 12-16777216-16777216", ["layers", "2^31 weights"]),
        (
            "--layers 11-4",
            [
                "12 features an observation, the machine 11 visible units",
                "make the first layer 12",
            ],
        ),
        (
            "--layers 12-4 --learning-rate 0",
            ["learning_rate is 0", "above 0"],
        ),
        (
            "--layers 12-4 --learning-rate nan",
            ["learning_rate is NaN", "above 0"],
        ),
        (
            "--layers 12-4 --learning-rate 1e9",
            ["layer H1 diverged in epoch", "lower learning_rate"],
        ),
        ("--layers 12-4 --batch 0", ["batch is 0", "from 1"]),
        ("--layers 12-4 --steps 0", ["steps is 0", "at least 1"]),
    ] {
        tells(&train(options), &words);
    }
}

#[test]
fn configuration_files_are_checked_by_line() {
    let room = Room::new();
    room.kinds();
    room.write(
        "typo.toml",
        "layers = [12, 4]\n\n[training]\nlearningrate = 0.1\n",
    );
    room.write("syntax.toml", "layers = [12, 4]\nnext_input = sampled\n");
    room.write(
        "updates.toml",
        "layers = [12, 4]\n[training]\nupdates = 20\nbatch = 10\n",
    );
    let train = |config: &str| format!("train {config} --data kinds.npy --out model");
    tells(
        &room.refused(&train("typo.toml")),
        &["typo.toml: line 4", "`learningrate`", "`learning_rate`"],
    );
    tells(
        &room.refused(&train("syntax.toml")),
        &["syntax.toml: line 2"],
    );
    tells(
        &room.refused(&train("gone.toml")),
        &["gone.toml: cannot be read", "check the path"],
    );
    tells(&room.refused(&train(".")), &["it is a folder: name a file"]);
    tells(
        &room.refused(&train("kinds.npy")),
        &[
            "kinds.npy: cannot be read",
            "check that it is the file you meant",
        ],
    );
    let trained = room.json(&train("updates.toml"));
    assert_eq!(trained["config"]["training"]["updates"], 20);
    assert!(trained["config"]["training"]["epochs"].is_null());
}

#[test]
fn recipes_are_checked_by_line() {
    let room = Room::new();
    room.kinds();
    let text = room.recipe("tiny.toml", 20);
    let change = |name: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        room.write(name, text.replacen(from, to, 1));
        room.refused(&format!("reproduce {name} --out out"))
    };
    let line = 1 + text
        .lines()
        .position(|line| line.contains("learning_rate"))
        .expect("there");
    let said = change("typo.toml", "learning_rate", "learningrate");
    tells(
        &said,
        &[
            &format!("recipe typo.toml: line {line}: "),
            "learningrate is not known; did you mean learning_rate?",
        ],
    );
    for (from, to, words) in [
        (
            "learning_rate = 0.1",
            "learning_rate = 0",
            ["recipe bad.toml", "above 0"],
        ),
        (
            "layers = [12, 8, 5, 3]",
            "layers = [12, 0]",
            ["recipe bad.toml", "at least 1"],
        ),
        ("k = [2, ", "k = [0, ", ["recipe bad.toml", "at least 1"]),
        ("k = [2, ", "k = [4, ", ["recipe bad.toml", "once"]),
        (
            "realizations = 1",
            "realizations = 0",
            ["recipe bad.toml", "at least 1"],
        ),
        ("\"untrained\"", "\"trained\"", ["recipe bad.toml", "once"]),
        (
            "\"untrained\"",
            "\"guessed\"",
            [
                "recipe bad.toml: line",
                "guessed is not known; there is trained",
            ],
        ),
        (
            "figure = \"fig2\"",
            "figure = \"fig9\"",
            [
                "recipe bad.toml: line",
                "fig9 is not known; did you mean fig",
            ],
        ),
        (
            "layers = [12, 8, 5, 3]",
            "layers = [13, 5]",
            ["kinds.npy", "make the first layer 12"],
        ),
        (
            "k = [2, ",
            "k = [300, ",
            ["kinds.npy", "ask for at most 200"],
        ),
        (
            "kinds.npy",
            "gone.npy",
            ["gone.npy", "no such data set or file"],
        ),
    ] {
        tells(&change("bad.toml", from, to), &words);
    }
    tells(&room.refused("reproduce fig99"), &["fig99", "fig2"]);
    tells(
        &room.refused("reproduce tiny.toml --realizations 0"),
        &["recipe fig2: 0 realizations", "ask for 1 to 10000"],
    );
    tells(
        &room.refused("reproduce tiny.toml --realizations 4000000000"),
        &["realizations"],
    );
    tells(
        &room.refused("reproduce tiny.toml --updates 0 --realizations 0"),
        &["realizations"],
    );
    tells(
        &room.refused("reproduce tiny.toml --engine slum"),
        &["slum", "slurm"],
    );
    tells(
        &room.refused("reproduce --status gone"),
        &["gone/plan.json", "resrel reproduce"],
    );
    tells(
        &room.refused("report gone"),
        &["gone/plan.json", "resrel reproduce"],
    );
}

#[test]
fn numbers_of_clusters_are_checked_before_the_first_is_computed() {
    let room = Room::new();
    room.kinds();
    tells(
        &room.refused("cluster kinds.npy --k 0"),
        &["kinds.npy: k = 0 clusters", "at least 1"],
    );
    let said = room.refused("cluster kinds.npy --k 2 201");
    tells(
        &said,
        &["kinds.npy: k = 201 clusters for 200 points", "at most 200"],
    );
    tells(
        &room.refused("cluster kinds.npy --k 2 --iterations 0"),
        &["max_iterations = 0"],
    );
    tells(&room.refused("cluster kinds.npy --k -1"), &["-1"]);
    tells(
        &room.refused("cluster --k 2 kinds.npy"),
        &["'kinds.npy'", "FILE stands before --k"],
    );
    room.npy("far.npy", (5, 2), |_, _| 1e30);
    tells(
        &room.refused("cluster far.npy --k 2"),
        &["far.npy: row 0, column 0", "rescale"],
    );
}
