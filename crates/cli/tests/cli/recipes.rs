//! Recipes of a user's own: sweeps over any data, mistakes in them, and units that fail.

use std::fs;

use crate::support::{Room, results, tells};

/// Two shapes at two rates: four networks of a moment each.
const RECIPE: &str = r#"figure = "sweep"
title = "Mine"
data = "kinds.npy"
series = ["trained", "untrained"]

[dbn.training]
batch = 10
updates = 40

[[sweep]]
name = "shapes"
sizes = [[12, 8, 5, 3], [12, 6, 3]]
learning_rate = [0.1, 0.05]
"#;

fn room() -> Room {
    let room = Room::new();
    room.kinds();
    room.write("mine.toml", RECIPE);
    room
}

#[test]
fn all_combinations_of_the_lists_are_run_and_compared() {
    let room = room();
    let found = room.json("reproduce mine.toml");
    let out = "out/mine-quick-kinds-seed-1";
    assert_eq!(found["out"], out);
    let names: Vec<_> = found["networks"]
        .as_array()
        .expect("networks")
        .iter()
        .map(|network| network["name"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(names.len(), 4);
    for (shape, rate) in [
        ("12-8-5-3", "0.1"),
        ("12-8-5-3", "0.05"),
        ("12-6-3", "0.1"),
        ("12-6-3", "0.05"),
    ] {
        let both = |name: &&String| name.contains(shape) && name.ends_with(rate);
        assert_eq!(names.iter().filter(both).count(), 1, "{names:?}");
    }
    for figure in found["figures"].as_array().expect("figures") {
        assert!(room.at(figure.as_str().expect("a path")).exists());
    }
    // Everything is there: the same command repeats nothing, and a thread more or less changes no bit.
    let before = results(&room.at(out));
    room.succeeds("reproduce mine.toml");
    assert_eq!(results(&room.at(out)), before);
    room.succeeds("reproduce mine.toml --threads 1 --out single");
    assert_eq!(results(&room.at("single")), before);
    // The full size has the paper's twelve realizations where a recipe does not say.
    let planned = room.json("reproduce mine.toml --full --dry-run");
    assert_eq!(
        planned["units"].as_array().expect("units").len(),
        2 * 4 * 12
    );
}

#[test]
fn a_dry_run_estimates_time_and_disk_and_writes_nothing() {
    let room = room();
    let before = room.files();
    let planned = room.json("reproduce mine.toml --dry-run");
    assert_eq!(planned["units"].as_array().expect("units").len(), 8);
    assert!(planned["seconds"].as_f64().expect("seconds") > 0.0);
    assert!(planned["bytes"].as_u64().expect("bytes") > 0);
    let text = room.succeeds("reproduce mine.toml --dry-run");
    tells(&text, &["8 units", "trained-v03-r00", "12-6-3", "of disk"]);
    assert_eq!(room.files(), before);
}

#[test]
fn on_other_data_networks_get_as_many_visible_units_as_those_have_features() {
    let room = room();
    room.npy("other.npy", (60, 9), |row, column| {
        f32::from(u8::from(row % 3 == column % 3))
    });
    let output = room.run("reproduce mine.toml --data other.npy --out out");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    tells(&said, &["networks get 9 visible units", "other.npy"]);
    let found = room.json("reproduce mine.toml --data other.npy --out out");
    let layers = &found["records"][0]["unit"]["task"]["dbn"]["layers"];
    assert_eq!(layers[0], 9);
    // A recipe that does not fit its own data has a mistake in it.
    room.write("wrong.toml", RECIPE.replace("[12, 6, 3]", "[13, 6, 3]"));
    tells(
        &room.refused("reproduce wrong.toml --out wrong"),
        &["kinds.npy", "make the first layer 12"],
    );
}

#[test]
fn training_may_begin_at_no_update_at_all() {
    let room = room();
    let text = RECIPE.replace("learning_rate = [0.1, 0.05]", "updates = [0, 40]");
    room.write("mine.toml", text);
    let found = room.json("reproduce mine.toml --out out");
    assert_eq!(found["networks"].as_array().map(Vec::len), Some(4));
    let record = fs::read_to_string(room.at("out/records/trained-v00-r00.json")).expect("text");
    tells(&record, &["\"updates\": 0", "\"seconds_per_pass\": ["]);
    room.succeeds("report out");
}

#[test]
fn mistakes_are_told_with_their_line_and_the_nearest_key() {
    let room = room();
    for (right, wrong, words) in [
        (
            "learning_rate = [",
            "learning_rates = [",
            ["line 13", "did you mean learning_rate?"],
        ),
        (
            "series = [\"trained\",",
            "series = [\"traind\",",
            ["line 4", "did you mean trained?"],
        ),
        ("batch = 10", "batch = \"ten\"", ["line 7", "ten"]),
        ("[0.1, 0.05]", "[0.1, -0.05]", ["line 13", "-0.05"]),
        ("[12, 6, 3]]", "[12]]", ["line 12", "layer"]),
        ("name = \"shapes\"", "name = \"\"", ["line 10", "name"]),
        (
            "[0.1, 0.05]",
            "[0.1]\nactivation = [\"relu\"]",
            ["line 14", "activation"],
        ),
        ("[[sweep]]", "[[sweep]", ["line 10", ""]),
        (
            "[dbn.training]",
            "[quick]\nrealizations = 0\n\n[dbn.training]",
            ["line 7", "at least 1"],
        ),
    ] {
        let text = RECIPE.replacen(right, wrong, 1);
        assert_ne!(text, RECIPE, "{right}");
        room.write("wrong.toml", text);
        let said = room.refused("reproduce wrong.toml");
        tells(&said, &["recipe wrong.toml"]);
        tells(&said, &words);
    }
}

#[test]
fn a_failed_unit_is_recorded_the_others_go_on_and_a_re_run_retries_it() {
    let room = room();
    let out = room.at("out");
    // Where the unit's companion should go there is a folder: it cannot be written.
    let companion = out.join("records/trained-v01-r00.safetensors");
    fs::create_dir_all(&companion).expect("a folder");
    let line = "reproduce mine.toml --out out";
    let fails = || {
        let output = room.run(line);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().expect("a line");
        tells(
            last,
            &["error: unit trained-v01-r00", "trained-v01-r00.safetensors"],
        );
    };
    fails();
    let status = room.json("reproduce --status out");
    assert_eq!(status["done"].as_array().expect("done").len(), 7);
    let failed = status["failed"].as_array().expect("failed");
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["unit"], "trained-v01-r00");
    tells(
        failed[0]["error"].as_str().expect("words"),
        &["trained-v01-r00.safetensors"],
    );
    tells(
        &room.succeeds("reproduce --status out"),
        &["7 of 8 units done", "1 failed", "trained-v01-r00: failed: "],
    );
    // A unit that fails for good fails again, and is not forgotten.
    fails();
    assert_eq!(
        room.json("reproduce --status out")["failed"],
        status["failed"]
    );
    fs::remove_dir(&companion).expect("removed");
    room.succeeds(line);
    let status = room.json("reproduce --status out");
    assert_eq!(status["done"].as_array().expect("done").len(), 8);
    assert_eq!(status["failed"].as_array().expect("failed").len(), 0);
    room.succeeds("reproduce mine.toml --out whole");
    assert_eq!(results(&out), results(&room.at("whole")));
}

#[test]
fn networks_and_autoencoders_are_swept_as_well() {
    let room = Room::new();
    room.write(
        "mine.toml",
        r#"figure = "figS5"
title = "Mine"
data = "digits"
series = ["trained"]

[feed_forward]
epochs = 1
channels = [2, 3]

[vae]
hidden = 10
epochs = 1

[quick]
observations = 200

[[sweep]]
name = "networks"
model = "feed-forward"
architecture = ["mlp", "cnn"]
activation = ["sigmoid"]
hidden = [4, 6]

[[sweep]]
name = "autoencoders"
model = "vae"
latent = [2, 3]
"#,
    );
    let found = room.json("reproduce mine.toml --out out");
    let networks = found["networks"].as_array().expect("networks");
    assert_eq!(networks.len(), 6);
    let records = found["records"].as_array().expect("records");
    for record in records {
        let learnt = &record["learnt"];
        let taught = record["unit"]["task"]["feed-forward"].is_object();
        assert_eq!(learnt["test_accuracy"].is_f64(), taught, "{learnt}");
        assert_eq!(learnt["test_loss"].is_f64(), !taught, "{learnt}");
    }
    // Trained with other threads, or stopped between: the same records.
    let whole = results(&room.at("out"));
    room.succeeds("reproduce mine.toml --threads 1 --out single");
    assert_eq!(results(&room.at("single")), whole);
}

#[test]
fn networks_that_are_taught_need_labels() {
    let room = Room::new();
    room.kinds();
    let labels = "0\n1\n".repeat(100);
    room.write("labels.txt", labels);
    room.write(
        "mine.toml",
        r#"figure = "figS5"
title = "Mine"
data = "kinds.npy"
series = ["trained"]

[feed_forward]
epochs = 1
batch = 20

[[sweep]]
name = "perceptrons"
model = "feed-forward"
architecture = ["mlp"]
activation = ["relu"]
hidden = [3]
"#,
    );
    tells(
        &room.refused("reproduce mine.toml --out out"),
        &["kinds.npy", "labels"],
    );
    room.succeeds("reproduce mine.toml --labels labels.txt --out out");
}

#[test]
fn the_pages_recipe_is_one() {
    let page = include_str!("../../../../docs/recipes.md");
    let (_, after) = page.split_once("```toml\n").expect("a recipe");
    let (recipe, _) = after.split_once("```").expect("its end");
    let room = Room::new();
    room.npy("mine.npy", (40, 64), |row, column| {
        f32::from(u8::from(row % 3 == column % 3))
    });
    room.write("mine.toml", recipe);
    let planned = room.json("reproduce mine.toml --dry-run");
    assert_eq!(planned["units"].as_array().map(Vec::len), Some(8));
    let planned = room.json("reproduce mine.toml --full --dry-run");
    assert_eq!(planned["units"].as_array().map(Vec::len), Some(6 * 8));
}
