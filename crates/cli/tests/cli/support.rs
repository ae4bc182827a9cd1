//! A folder of its own for each test, with data made on the spot.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The seconds that runs took: the only numbers that may differ between runs alike.
const TIMINGS: [&str; 3] = ["seconds", "seconds_per_pass", "seconds_per_step"];

/// A folder that commands are run in, and one for what they keep.
pub struct Room(tempfile::TempDir, tempfile::TempDir);

impl Room {
    pub fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a folder");
        Self(folder(), folder())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        fs::write(&path, bytes).expect("writable");
        path
    }

    /// An npy file of 32-bit floats.
    pub fn npy(&self, name: &str, (rows, columns): (usize, usize), value: fn(usize, usize) -> f32) {
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let values = places.flat_map(|(row, column)| value(row, column).to_le_bytes());
        let mut bytes = npy_header(&format!("({rows}, {columns})"));
        bytes.extend(values);
        self.write(name, bytes);
    }

    /// The data of most tests: 200 observations of 12 pixels of two kinds, with noise.
    pub fn kinds(&self) {
        self.npy("kinds.npy", (200, 12), |row, column| {
            let noise = (row * 7919 + column * 104_729) % 101;
            f32::from(u8::from((row % 2 == column % 2) != (noise < 20)))
        });
    }

    /// A recipe like that of Figure 2, so small that it takes a second.
    pub fn recipe(&self, name: &str, updates: u64) -> String {
        let text = include_str!("../../../../recipes/fig2.toml");
        let (before, _) = text.split_once("# For continuous").expect("sizes");
        let (_, rules) = text.split_once("# Fixed before").expect("rules");
        let text = before
            .replace("data = \"mnist\"", "data = \"kinds.npy\"")
            .replace(
                "layers = [784, 500, 250, 120, 60, 30, 25, 20, 15, 10, 5]",
                "layers = [12, 8, 5, 3]",
            )
            .replace("batch = 100", "batch = 10")
            .replace("epochs = 200", &format!("updates = {updates}"));
        let (text, _) = text.split_once("[k_means]").expect("clusterings");
        let sizes = "[k_means]\nk = [2, 4, 8, 16]\nmax_iterations = 20\n\n\
            [smoke]\nrealizations = 1\n\n[quick]\nrealizations = 1\n\n[full]\nrealizations = 2\n\n";
        let text = format!("{text}{sizes}# Fixed before{rules}");
        self.write(name, &text);
        text
    }

    /// The command, before it is run.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_resrel"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("RESREL_DATA", self.at("no-data"))
            // Classifiers are kept here, not among the user's.
            .env("XDG_CACHE_HOME", self.1.path())
            .env("HOME", self.1.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command line whose words hold no spaces.
    pub fn run(&self, line: &str) -> Output {
        let mut command = self.command(line.split_whitespace());
        command.output().expect("starts")
    }

    /// Runs what must succeed; its standard output.
    pub fn succeeds(&self, line: &str) -> String {
        let output = self.run(line);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "resrel {line}: {errors}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs what must succeed with `--json`; the one document.
    pub fn json(&self, line: &str) -> Value {
        let text = self.succeeds(&format!("{line} --json"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}: {text}"))
    }

    /// Runs what must be refused as a user's mistake, in one line and with nothing left behind; what
    /// was said.
    pub fn refused(&self, line: &str) -> String {
        let before = self.files();
        let output = self.run(line);
        let said = mistake(&output, line);
        assert_eq!(self.files(), before, "resrel {line} changed files");
        said
    }

    /// Every file below the room, with its bytes.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files(self.path())
    }
}

/// What a refusal said: exit code 2, one line, nothing on standard output.
pub fn mistake(output: &Output, line: &str) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "resrel {line}: {said}");
    assert!(output.stdout.is_empty(), "resrel {line}");
    assert_eq!(said.lines().count(), 1, "resrel {line}: {said}");
    assert!(said.starts_with("error: "), "resrel {line}: {said}");
    said
}

/// Asserts that `said` holds each of `words`.
pub fn tells(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said:?}");
    }
}

/// Every file below a folder, with its bytes.
pub fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).expect("readable");
            found.insert(path, bytes);
        }
    }
    found
}

/// The files of a run by their place in it, timings left out of records and of the page, which knows its folder's
/// name as well.
pub fn results(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let results = files(out).into_iter().map(|(path, bytes)| {
        let name = path.strip_prefix(out).expect("below").to_path_buf();
        if name.extension() == Some(OsStr::new("html")) {
            return (name, shown(bytes));
        }
        if !name.starts_with("records") || name.extension() != Some(OsStr::new("json")) {
            return (name, bytes);
        }
        let mut record: Value = serde_json::from_slice(&bytes).expect("JSON");
        drop_timings(&mut record);
        (name, record.to_string().into_bytes())
    });
    results.collect()
}

/// A page without the timings and folders of the runs that it shows.
fn shown(page: Vec<u8>) -> Vec<u8> {
    let page = String::from_utf8(page).expect("text");
    let (before, rest) = page.split_once("id=\"data\">").expect("data");
    let (data, after) = rest.split_once("</script>").expect("the data's end");
    let mut runs: Value = serde_json::from_str(data).expect("JSON");
    drop_timings(&mut runs);
    for run in runs.as_array_mut().expect("runs") {
        run["folder"] = Value::Null;
    }
    [before, &runs.to_string(), after].concat().into_bytes()
}

/// Takes the timings out of a document.
pub fn drop_timings(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !TIMINGS.contains(&key.as_str()));
            map.values_mut().for_each(drop_timings);
        }
        Value::Array(values) => values.iter_mut().for_each(drop_timings),
        _ => {}
    }
}

/// The header of an npy file of 32-bit floats.
pub fn npy_header(shape: &str) -> Vec<u8> {
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    let text = format!("{text:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(text.len()).expect("short").to_le_bytes());
    bytes.extend(text.into_bytes());
    bytes
}

/// An IDX file of bytes.
pub fn idx(sizes: &[u32], values: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, u8::try_from(sizes.len()).expect("few axes")];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(values);
    bytes
}
