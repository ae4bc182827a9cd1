//! The examples of the guide's pages print what stands there.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::Room;

/// The commands of a page's `console` blocks, in order, each with what it prints.
fn examples(page: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if !inside {
        } else if let Some(command) = line.strip_prefix("$ ") {
            found.push((command.to_owned(), String::new()));
        } else if let Some(more) = line.strip_prefix("> ") {
            let (command, _) = found.last_mut().expect("begun by a line with $");
            *command += "\n";
            *command += more;
        } else {
            let (_, output) = found.last_mut().expect("begun by a line with $");
            *output += line;
            *output += "\n";
        }
    }
    found
}

#[test]
fn examples_print_what_stands_there() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let pages =
        [&guide, &guide.join("measures")].map(|folder| fs::read_dir(folder).expect("pages"));
    let programs = Path::new(env!("CARGO_BIN_EXE_resrel"))
        .parent()
        .expect("a folder");
    let mut path = OsString::from(programs);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut run = Vec::new();
    for entry in pages.into_iter().flatten() {
        let page = entry.expect("readable").path();
        if page.extension().is_none_or(|end| end != "md") {
            continue;
        }
        let name = page
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        // Its examples need files of the user's; a test of recipes runs them.
        if name == "recipes" {
            continue;
        }
        let room = Room::new();
        for (command, expected) in examples(&fs::read_to_string(&page).expect("text")) {
            let output = Command::new("sh")
                .args(["-c", &command])
                .current_dir(room.path())
                .env("PATH", &path)
                .output()
                .expect("starts");
            let errors = String::from_utf8_lossy(&output.stderr);
            let printed = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{name}: {command}: {errors}");
            assert_eq!(printed.trim_end(), expected.trim_end(), "{name}: {command}");
            run.push(name.clone());
        }
    }
    run.dedup();
    run.sort();
    let with_examples = [
        "commands",
        "counting",
        "limits",
        "msr",
        "power-laws",
        "probe",
        "resolution-and-relevance",
        "start",
        "train",
        "uncertainty",
    ];
    assert_eq!(run, with_examples);
}
