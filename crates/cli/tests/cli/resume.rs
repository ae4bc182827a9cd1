//! Killed or stopped at any moment, the same command goes on and ends with the same files.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::support::{Room, results, tells};

/// Long enough to be stopped within, short enough to wait for.
const UPDATES: u64 = 12_000;
const REPRODUCE: &str = "reproduce tiny.toml --full --threads 2 --out";
const TRAIN: &str = "train --data kinds.npy --layers 12-8-5-3 --updates 5000 --threads 1 --out";

fn start(room: &Room, line: &str) -> Child {
    let mut command = room.command(line.split_whitespace());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("starts")
}

/// Waits until `ready`, or until the child has ended by itself.
fn wait_until(child: &mut Child, ready: impl Fn() -> bool) {
    while !ready() && child.try_wait().expect("a state").is_none() {
        sleep(Duration::from_millis(2));
    }
}

fn records(out: &Path) -> usize {
    fs::read_dir(out.join("records")).map_or(0, |entries| {
        let names = entries.map(|entry| entry.expect("an entry").path());
        names
            .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
            .count()
    })
}

fn interrupt(child: Child) -> Output {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill is there").success());
    child.wait_with_output().expect("ends")
}

/// Whether the process has its handler of Ctrl-C in place.
fn catches_interrupts(id: u32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{id}/status")) else {
        // A system that does not say: late enough on any machine.
        sleep(Duration::from_millis(500));
        return true;
    };
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask & 0b10 != 0)
}

/// Names, times and bytes of the records that are there.
fn stamps(out: &Path) -> Vec<(std::path::PathBuf, std::time::SystemTime, Vec<u8>)> {
    let entries = fs::read_dir(out.join("records")).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut stamps: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
        .map(|path| {
            let time = path
                .metadata()
                .and_then(|data| data.modified())
                .expect("a time");
            let bytes = fs::read(&path).expect("readable");
            (path, time, bytes)
        })
        .collect();
    stamps.sort();
    stamps
}

#[test]
fn a_killed_run_goes_on_repeats_nothing_and_ends_with_the_same_files() {
    let room = Room::new();
    room.kinds();
    room.recipe("tiny.toml", UPDATES);
    room.succeeds(&format!("{REPRODUCE} whole"));
    let whole = results(&room.at("whole"));
    let out = room.at("killed");
    let line = format!("{REPRODUCE} killed");
    // After so many records: at the very start, early, amidst, late.
    for moment in [0, 0, 1, 4, 9] {
        let before = stamps(&out);
        let mut child = start(&room, &line);
        wait_until(&mut child, || {
            out.join("plan.json").exists() && records(&out) >= moment
        });
        child.kill().expect("killed");
        child.wait().expect("ends");
        let after = stamps(&out);
        assert!(
            before.iter().all(|stamp| after.contains(stamp)),
            "a unit was repeated"
        );
    }
    let before = stamps(&out);
    assert!(before.len() < 14, "nothing was left to do");
    let output = room.run(&line);
    assert_eq!(output.status.code(), Some(0));
    tells(
        &String::from_utf8_lossy(&output.stderr),
        &[&format!("going on: {} of 14 units done", before.len())],
    );
    let after = stamps(&out);
    assert!(
        before.iter().all(|stamp| after.contains(stamp)),
        "a unit was repeated"
    );
    assert_eq!(results(&out), whole);
}

#[test]
fn a_stopped_run_says_how_to_go_on_and_its_checkpoints_are_used() {
    let room = Room::new();
    room.kinds();
    room.recipe("tiny.toml", UPDATES);
    room.succeeds(&format!("{REPRODUCE} whole"));
    let (out, line) = (room.at("stopped"), format!("{REPRODUCE} stopped"));
    let mut child = start(&room, &line);
    wait_until(&mut child, || out.join("checkpoints").exists());
    let output = interrupt(child);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty());
    assert_eq!(said.lines().count(), 2, "{said}");
    tells(
        &said,
        &[
            "stopped; ",
            " of 14 units done; the same command goes on from here",
        ],
    );
    assert!(
        fs::read_dir(out.join("checkpoints"))
            .expect("a folder")
            .count()
            > 0
    );
    let status = room.succeeds("reproduce --status stopped");
    tells(&status, &["begun", "waiting"]);
    // What goes on from a checkpoint can be killed as well.
    let mut child = start(&room, &line);
    wait_until(&mut child, || records(&out) > 0);
    child.kill().expect("killed");
    child.wait().expect("ends");
    room.succeeds(&line);
    assert_eq!(results(&out), results(&room.at("whole")));
}

/// Trains until there is something to stop, stops it, and hands over what was said.
fn stopped_training(room: &Room, model: &str) -> Output {
    let mut child = start(room, &format!("{TRAIN} {model}"));
    let child_id = child.id();
    wait_until(&mut child, || catches_interrupts(child_id));
    let ended = child.try_wait().expect("a state").is_some();
    assert!(!ended, "the training was too short to be stopped");
    interrupt(child)
}

#[test]
fn a_stopped_or_killed_training_ends_with_the_same_model() {
    let room = Room::new();
    room.kinds();
    room.succeeds(&format!("{TRAIN} whole"));
    let whole = fs::read(room.at("whole")).expect("a model");
    let output = stopped_training(&room, "model");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(
        said,
        "stopped; the same command goes on from model.checkpoint\n"
    );
    assert!(room.at("model.checkpoint").exists() && !room.at("model").exists());
    let mut child = start(&room, &format!("{TRAIN} model"));
    sleep(Duration::from_millis(50));
    child.kill().expect("killed");
    child.wait().expect("ends");
    let output = room.run(&format!("{TRAIN} model"));
    tells(
        &String::from_utf8_lossy(&output.stderr),
        &["going on from model.checkpoint"],
    );
    assert_eq!(output.status.code(), Some(0));
    assert!(fs::read(room.at("model")).expect("a model") == whole);
    let names = room.files().into_keys().map(|path| {
        let name = path.file_name().expect("a name");
        name.to_string_lossy().into_owned()
    });
    assert_eq!(names.collect::<Vec<_>>(), ["kinds.npy", "model", "whole"]);
}

#[test]
fn stopped_sampling_ends_with_the_same_samples() {
    let room = Room::new();
    room.kinds();
    room.succeeds("train --data kinds.npy --layers 12-8 --updates 50 --out model");
    let line = |out: &str| {
        format!(
            "generate model --layer 1 --samples 640 --steps 60000 --no-judge --threads 1 --out {out}"
        )
    };
    room.succeeds(&line("whole.npy"));
    let mut child = start(&room, &line("samples.npy"));
    let child_id = child.id();
    wait_until(&mut child, || catches_interrupts(child_id));
    let ended = child.try_wait().expect("a state").is_some();
    assert!(!ended, "the sampling was too short to be stopped");
    let output = interrupt(child);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let going_on = "the same command goes on from samples.npy.checkpoint";
    tells(&said, &["stopped", going_on]);
    assert!(room.at("samples.npy.checkpoint").exists() && !room.at("samples.npy").exists());
    // Other chains do not go on from there.
    let other = line("samples.npy").replace("--samples 640", "--samples 641");
    tells(
        &String::from_utf8_lossy(&room.run(&other).stderr),
        &[
            "samples.npy.checkpoint",
            "another network, start, seed or number of samples",
        ],
    );
    let output = room.run(&line("samples.npy"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    tells(&said, &["going on from samples.npy.checkpoint"]);
    let read = |name: &str| fs::read(room.at(name)).expect("samples");
    assert!(read("samples.npy") == read("whole.npy"));
    assert!(!room.at("samples.npy.checkpoint").exists());
}

#[test]
fn a_damaged_checkpoint_is_told_and_the_one_before_it_used() {
    let room = Room::new();
    room.kinds();
    room.succeeds(&format!("{TRAIN} whole"));
    let whole = fs::read(room.at("whole")).expect("a model");
    stopped_training(&room, "model");
    let checkpoint = fs::read(room.at("model.checkpoint")).expect("a checkpoint");
    let mut altered = checkpoint.clone();
    *altered.last_mut().expect("bytes") ^= 1;
    for damaged in [&checkpoint[..checkpoint.len() / 2], &altered] {
        room.write("model.checkpoint", damaged);
        room.write("model.checkpoint.previous", &checkpoint);
        let output = room.run(&format!("{TRAIN} model"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        tells(
            &said,
            &[
                "model.checkpoint",
                "damaged",
                "going on from the checkpoint before it",
            ],
        );
        assert!(fs::read(room.at("model")).expect("a model") == whole);
    }
    fs::remove_file(room.at("model")).expect("removed");
    room.write("model.checkpoint", &altered);
    let said = room.refused(&format!("{TRAIN} model"));
    tells(&said, &["model.checkpoint", "damaged", "delete it"]);
    room.write("model.checkpoint", &checkpoint);
    let other = TRAIN.replace("12-8-5-3", "12-8-5-4");
    tells(
        &room.refused(&format!("{other} model")),
        &["model.checkpoint", "another configuration", "delete it"],
    );
    room.npy("other.npy", (200, 12), |row, column| {
        f32::from(u8::from(row % 3 == column % 3))
    });
    let other = TRAIN.replace("kinds.npy", "other.npy");
    tells(
        &room.refused(&format!("{other} model")),
        &["model.checkpoint", "other data", "delete it"],
    );
}

#[test]
fn a_damaged_record_is_named_and_once_deleted_its_unit_is_run_again() {
    let room = Room::new();
    room.kinds();
    room.recipe("tiny.toml", 50);
    let line = "reproduce tiny.toml --out out";
    room.succeeds(line);
    let out = room.at("out");
    let whole = results(&out);
    let (record, companion) = (
        out.join("records/k-means-4-r00.json"),
        out.join("records/k-means-4-r00.safetensors"),
    );
    let text = fs::read_to_string(&record).expect("text");
    let remedy = "delete it and the same command runs its unit again";
    for damage in [
        "",
        "{",
        "{}",
        "[1, 2]",
        &text[..text.len() / 2],
        &text.replace("\"m\"", "\"n\""),
    ] {
        fs::write(&record, damage).expect("writable");
        for line in [line, "report out"] {
            tells(&room.refused(line), &["out/records/k-means-4-r00.json"]);
        }
    }
    fs::write(&record, &text[..text.len() / 2]).expect("writable");
    tells(
        &room.refused(line),
        &["k-means-4-r00.json: damaged", remedy],
    );
    fs::write(
        &record,
        text.replace("\"record_version\": 1", "\"record_version\": 9"),
    )
    .expect("writable");
    tells(
        &room.refused(line),
        &["k-means-4-r00.json", "record version 9"],
    );
    fs::write(&record, &text).expect("writable");
    let bytes = fs::read(&companion).expect("readable");
    fs::write(&companion, &bytes[..bytes.len() / 2]).expect("writable");
    tells(
        &room.refused(line),
        &["k-means-4-r00.json: damaged", ".safetensors", remedy],
    );
    fs::remove_file(&companion).expect("removed");
    tells(
        &room.refused(line),
        &["k-means-4-r00.json: damaged", ".safetensors", remedy],
    );
    fs::remove_file(&record).expect("removed");
    room.succeeds(line);
    assert_eq!(results(&out), whole);
}

#[test]
fn a_folder_of_another_run_is_left_alone() {
    let room = Room::new();
    room.kinds();
    let text = room.recipe("tiny.toml", 50);
    room.succeeds("reproduce tiny.toml --out out");
    let said = room.refused("reproduce tiny.toml --seed 2 --out out");
    tells(
        &said,
        &[
            "out: holds another run (seed 1 there, 2 asked for)",
            "--out",
        ],
    );
    let said = room.refused("reproduce tiny.toml --full --out out");
    tells(&said, &["size quick there, full asked for"]);
    room.write(
        "other.toml",
        text.replace("learning_rate = 0.1", "learning_rate = 0.2"),
    );
    let said = room.refused("reproduce other.toml --out out");
    tells(&said, &["out: holds another run", "another recipe"]);
    room.write("out/plan.json", "{");
    let output = room.run("reproduce tiny.toml --out out");
    let said = String::from_utf8_lossy(&output.stderr);
    tells(&said, &["out/plan.json: is damaged"]);
}

#[test]
fn a_unit_that_diverges_is_named_with_its_epoch_and_the_others_are_kept() {
    let room = Room::new();
    room.kinds();
    let text = room.recipe("tiny.toml", 50);
    room.write(
        "tiny.toml",
        text.replace("learning_rate = 0.1", "learning_rate = 1e9"),
    );
    let output = room.run("reproduce tiny.toml --out out");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let last = said.lines().last().expect("a line");
    tells(
        last,
        &[
            "error: unit trained-r00",
            "layer H1 diverged in epoch",
            "lower learning_rate",
        ],
    );
    assert_eq!(records(&room.at("out")), 5);
}

#[test]
fn a_stopped_probe_leaves_nothing_behind() {
    let room = Room::new();
    room.succeeds(
        "train --data digits --layers 784-600-300 --updates 1 --batch 10 --out model.safetensors",
    );
    let line = "probe model.safetensors --data digits --states states --threads 1";
    let mut child = start(&room, line);
    let written = || {
        let files = fs::read_dir(room.at("states")).into_iter().flatten();
        files.count() > 0
    };
    wait_until(&mut child, written);
    let output = interrupt(child);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    tells(&said, &["stopped", "nothing was kept"]);
    assert!(!written(), "files of states that did not come to their end");
}
