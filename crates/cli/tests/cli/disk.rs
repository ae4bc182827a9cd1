//! Folders that cannot be written, and disks that are full.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::support::{Room, mistake, npy_header, tells};

const TRAIN: &str = "train --data kinds.npy --layers 12-4 --epochs 1 --out";

/// A file system of its own for the test, unmounted at its end.
struct Small<'a>(&'a Room);

impl<'a> Small<'a> {
    /// A few kilobytes; `None` where the test may not mount.
    fn new(room: &'a Room) -> Option<Self> {
        let folder = room.at("small");
        std::fs::create_dir(&folder).expect("made");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"])
            .arg(&folder)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match mounted {
            Ok(status) if status.success() => Some(Self(room)),
            _ => {
                println!("skipped: mounting a small file system is not allowed here");
                None
            }
        }
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        // What stays mounted is told by the folder that cannot be removed.
        let _ = Command::new("umount").arg(self.0.at("small")).status();
    }
}

#[test]
fn a_model_is_only_trained_where_it_can_be_written() {
    let room = Room::new();
    room.kinds();
    for (out, words) in [
        (
            "gone/model",
            ["gone/model: there is no folder gone", "make it first"],
        ),
        ("kinds.npy/model", ["kinds.npy/model", "there is no folder"]),
        (
            "/proc/model",
            ["/proc/model: cannot be written", "check the path"],
        ),
        (".", ["is a folder", "name a file"]),
        ("/dev/full", ["/dev/full: is no regular file", "name one"]),
    ] {
        tells(&room.refused(&format!("{TRAIN} {out}")), &words);
    }
}

#[test]
fn a_run_is_only_begun_where_it_can_be_written() {
    let room = Room::new();
    room.kinds();
    room.recipe("tiny.toml", 20);
    for out in ["kinds.npy/out", "/proc/out"] {
        let output = room.run(&format!("reproduce tiny.toml --out {out}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        tells(
            said.lines().last().expect("a line"),
            &["error: ", out, "; "],
        );
    }
    assert_eq!(room.files().len(), 2);
    tells(
        &room.refused("data export kinds.npy --out kinds.npy"),
        &["kinds.npy: cannot be written", "choose another path"],
    );
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing_half_written() {
    let room = Room::new();
    room.kinds();
    room.recipe("tiny.toml", 20);
    room.npy("wide.npy", (200, 200), |_, _| 0.5);
    let Some(_mounted) = Small::new(&room) else {
        return;
    };
    let said = room.refused(
        "train --data kinds.npy --layers 12-2000 --updates 1 --batch 10 --out small/model",
    );
    tells(
        &said,
        &["small/model: No space left on device", "make room"],
    );
    let output = room.run("reproduce tiny.toml --out small/out");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    tells(
        said.lines().last().expect("a line"),
        &["No space left on device", "make room"],
    );
    let half = room
        .files()
        .into_keys()
        .filter(|path| path.extension().is_some_and(|kind| kind == "new"));
    assert_eq!(half.count(), 0);
    tells(
        &room.refused("data export wide.npy --out small"),
        &["small/wide-train-values.npy", "make room"],
    );
}

#[test]
fn standard_output_may_be_full_too() {
    let room = Room::new();
    room.write("counts.txt", "2\n1\n");
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("there");
    let mut command = room.command(["measure", "counts.txt", "--counts"]);
    let output = command.stdout(full).output().expect("starts");
    tells(
        &mistake(&output, "measure"),
        &["standard output: cannot be written", "make room"],
    );
}

#[test]
fn a_spill_folder_that_fills_up_is_named() {
    let room = Room::new();
    let Some(_small) = Small::new(&room) else {
        return;
    };
    let mut bytes = npy_header("(6000000,)");
    bytes.extend((0..6_000_000_u32).flat_map(|i| (i as f32).to_le_bytes()));
    room.write("keys.npy", bytes);
    let line = "measure keys.npy --memory 64MiB --spill-folder small";
    tells(
        &mistake(&room.run(line), line),
        &["small: a temporary file", "a folder with more room"],
    );
}
