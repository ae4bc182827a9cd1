//! Help, usage, completions, closed pipes.

use std::process::Stdio;

use crate::support::{Room, tells};

const COMMANDS: [&str; 14] = [
    "reproduce",
    "train",
    "generate",
    "judge",
    "likelihood",
    "measure",
    "msr",
    "cluster",
    "probe",
    "limit",
    "fit",
    "data",
    "report",
    "completions",
];

#[test]
fn the_help_of_every_command_shows_an_example() {
    let room = Room::new();
    for command in COMMANDS {
        let help = room.succeeds(&format!("{command} --help"));
        tells(
            &help,
            &[&format!("Example: resrel {command}"), "--json", "--threads"],
        );
    }
    tells(
        &room.succeeds("--help"),
        &["Example: resrel reproduce fig2"],
    );
    assert!(room.succeeds("--version").starts_with("resrel 0."));
}

#[test]
fn without_arguments_help_is_printed_and_the_exit_code_is_2() {
    let room = Room::new();
    for line in ["", "data"] {
        let output = room.run(line);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        tells(
            &String::from_utf8_lossy(&output.stderr),
            &["Usage: resrel", "Commands:"],
        );
    }
}

#[test]
fn wrong_usage_is_told_in_one_line_with_what_there_is() {
    let room = Room::new();
    for (line, words) in [
        ("train", ["--data", "--out"]),
        (
            "train --data x --out y --layers 3-x",
            ["'3-x'", "784-500-250"],
        ),
        (
            "train --data x --out y --preset best",
            ["`best`", "`paper-critical`"],
        ),
        (
            "train --data x --out y --negative-phase x",
            ["`pcd`", "`cd`"],
        ),
        (
            "train --data x --out y --next-input x",
            ["`sampled`", "`binarised`"],
        ),
        (
            "train --data x --out y --epochs 1 --updates 1",
            ["--epochs", "--updates"],
        ),
        ("train --data x --out y --epochs -1", ["-1", "see --help"]),
        ("reproduce fig2 --smoke --full", ["--smoke", "--full"]),
        ("reproduce fig2 --engine cloud", ["cloud", "slurm"]),
        ("measure x --treshold 1", ["--treshold", "--threshold"]),
        ("data list --threads 0", ["--threads", "1..=1024"]),
        ("completions tcsh", ["tcsh", "bash"]),
        ("report a b c", ["'c'", "see --help"]),
        ("--json", ["subcommand", "reproduce"]),
        ("fig2", ["fig2", "see --help"]),
    ] {
        tells(&room.refused(line), &words);
    }
}

#[test]
fn completions_are_scripts_for_each_shell() {
    let room = Room::new();
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef resrel"),
        ("fish", "complete -c resrel"),
    ] {
        let script = room.succeeds(&format!("completions {shell}"));
        tells(&script, &[word, "reproduce", "measure"]);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let room = Room::new();
    room.write("counts.txt", "3\n2\n1\n");
    for line in [
        "completions bash",
        "--help",
        "measure counts.txt --counts",
        "measure counts.txt --counts --json",
        "fit counts.txt --bootstrap 10 --compare --json",
        "limit --m 100",
        "data list",
    ] {
        let mut command = room.command(line.split_whitespace());
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("ends");
        assert_eq!(output.status.code(), Some(0), "{line}");
        assert!(output.stderr.is_empty(), "{line}");
    }
}
