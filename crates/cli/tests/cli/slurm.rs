//! Runs that a cluster's job arrays share out.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::{Room, results, tells};

/// A `sbatch` that runs every job of an array at once, one after the other, and tells the number of the array.
const SBATCH: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/submitted"
array=
while :; do
    case "$1" in
        --array=1-*) array=${1#--array=1-} ;;
        --*) ;;
        *) break ;;
    esac
    shift
done
if [ -n "$array" ]; then
    SLURM_ARRAY_TASK_ID=1
    while [ "$SLURM_ARRAY_TASK_ID" -le "$array" ]; do
        export SLURM_ARRAY_TASK_ID
        sh "$@" > "$here/job.log" 2>&1
        SLURM_ARRAY_TASK_ID=$((SLURM_ARRAY_TASK_ID + 1))
    done
else
    sh "$@" > "$here/job.log" 2>&1
fi
wc -l < "$here/submitted" | tr -d ' '
"#;

/// A room with data, a recipe, and a `sbatch` in a folder of its own.
fn room() -> Room {
    let room = Room::new();
    room.kinds();
    room.recipe("tiny.toml", 50);
    fs::create_dir(room.at("a cluster's")).expect("a folder");
    let sbatch = room.write("a cluster's/sbatch", SBATCH);
    fs::set_permissions(&sbatch, fs::Permissions::from_mode(0o755)).expect("permitted");
    room
}

fn submit(room: &Room) {
    let path = std::env::var("PATH").expect("a path");
    let path = format!("{}:{path}", room.at("a cluster's").display());
    let output = Command::new("sh")
        .arg(room.at("out/slurm/submit.sh"))
        .env("PATH", path)
        .env("RESREL_DATA", room.at("no-data"))
        .output()
        .expect("starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn job_arrays_leave_the_records_of_a_run_on_one_machine() {
    let room = room();
    room.succeeds("reproduce tiny.toml --full --out whole");
    let text = room.succeeds("reproduce tiny.toml --full --out out --engine slurm");
    tells(&text, &["14 units prepared", "submit.sh", "--status out"]);
    assert_eq!(
        room.json("reproduce --status out")["waiting"]
            .as_array()
            .map(Vec::len),
        Some(14)
    );
    submit(&room);
    let mut found = results(&room.at("out"));
    let scripts = found.len();
    found.retain(|path, _| !path.starts_with("slurm"));
    assert_eq!(scripts - found.len(), 4, "a list and three scripts");
    assert_eq!(found, results(&room.at("whole")));
    let submitted = fs::read_to_string(room.at("a cluster's/submitted")).expect("lines");
    let lines: Vec<_> = submitted.lines().collect();
    assert_eq!(lines.len(), 2);
    tells(lines[0], &["--array=1-14", "unit.sh"]);
    tells(lines[1], &["--dependency=afterany:1", "collect.sh"]);
    // Submitted again, every unit has its record.
    let before = results(&room.at("out"));
    submit(&room);
    assert_eq!(results(&room.at("out")), before);
}

#[test]
fn a_unit_is_run_by_its_name() {
    let room = room();
    room.succeeds("reproduce tiny.toml --out out --engine slurm");
    let found = room.json("unit out trained-r00 k-means-4-r00");
    assert_eq!(found["done"][1], "k-means-4-r00");
    let status = room.json("reproduce --status out");
    assert_eq!(status["done"].as_array().map(Vec::len), Some(2));
    let before = room.files();
    room.succeeds("unit out trained-r00");
    assert_eq!(room.files(), before);
    tells(
        &room.refused("unit out trained-r09"),
        &["out", "no unit trained-r09", "--status"],
    );
    tells(&room.refused("unit nowhere trained-r00"), &["nowhere"]);
}
