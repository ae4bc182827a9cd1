//! `resrel data`: what is there, download, where, write as npy.

use std::path::PathBuf;

use resrel::data::{CATALOGUE, FetchEvent, Location, data_folder, entry, export, fetch};
use serde_json::json;

use crate::commands::DataFolder;
use crate::console::Console;
use crate::failure::Failure;
use crate::progress::Bar;

/// Data sets: what is there, download, where, write as npy.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: resrel data fetch mnist")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Data sets, and whether they are on this machine
    List {
        #[command(flatten)]
        folder: DataFolder,
    },
    /// Download a data set from its public mirrors; goes on where it stopped, checks the sums
    Fetch {
        /// mnist or ocr-letters
        name: String,
        #[command(flatten)]
        folder: DataFolder,
    },
    /// Print the folder of a data set, or of all of them
    Path {
        /// mnist or ocr-letters
        name: Option<String>,
        #[command(flatten)]
        folder: DataFolder,
    },
    /// Write a data set as npy files: values and labels, training and test
    Export {
        /// mnist, ocr-letters or digits
        name: String,
        /// Folder for the files
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        folder: DataFolder,
    },
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    match &arguments.action {
        Action::List { folder } => list(folder, console),
        Action::Fetch { name, folder } => download(name, folder, console),
        Action::Path { name, folder } => path(name.as_deref(), folder, console),
        Action::Export { name, out, folder } => {
            let data = folder.load(name, None, &console.workers()?)?;
            let files = export(&data, out)?;
            let lines: Vec<String> = files
                .iter()
                .map(|file| file.display().to_string())
                .collect();
            console.show(&lines.join("\n"), &json!({ "files": files }))
        }
    }
}

fn list(folder: &DataFolder, console: &Console) -> Result<(), Failure> {
    let (mut text, mut values) = (String::new(), Vec::new());
    for entry in CATALOGUE {
        let location = entry.locate(folder.path())?;
        let place = match &location {
            Location::Embedded => "embedded".to_owned(),
            Location::Folder(folder) => folder.display().to_string(),
            Location::Missing { .. } => format!("missing: resrel data fetch {}", entry.name),
        };
        text += &format!("{:12} {}\n{:12} {place}\n", entry.name, entry.summary, "");
        values.push(json!({
            "name": entry.name,
            "summary": entry.summary,
            "there": !matches!(location, Location::Missing { .. }),
            "folder": match &location { Location::Folder(folder) => Some(folder), _ => None },
        }));
    }
    console.show(&text, &json!({ "data": values }))
}

fn download(name: &str, folder: &DataFolder, console: &Console) -> Result<(), Failure> {
    let bar = Bar::new(console, name);
    let result = fetch(name, folder.path(), |event| {
        match event {
            FetchEvent::Started { file, .. } => bar.restart(file),
            FetchEvent::Received {
                bytes,
                total: Some(total),
                ..
            } => {
                bar.done(*bytes as f64 / *total as f64);
            }
            // If none delivers, the error says what each answered.
            FetchEvent::MirrorFailed { file, .. } => {
                bar.restart(&format!("{file}: next mirror"));
            }
            _ => {}
        }
        console.flow()
    });
    drop(bar);
    let folder = match result {
        Err(resrel::data::Error::Stopped { .. }) => {
            let how = "the same command goes on where it was".into();
            return Err(Failure::Stopped(how));
        }
        result => match result? {
            Location::Folder(folder) | Location::Missing { folder, .. } => Some(folder),
            Location::Embedded => None,
        },
    };
    let text = folder.as_ref().map_or_else(
        || format!("{name} is part of the program; there is nothing to download"),
        |folder| format!("{name} is in {}", folder.display()),
    );
    console.show(&text, &json!({ "name": name, "folder": folder }))
}

fn path(name: Option<&str>, folder: &DataFolder, console: &Console) -> Result<(), Failure> {
    let mut path = data_folder(folder.path())?;
    if let Some(name) = name {
        let entry = entry(name)?;
        if entry.folder.is_empty() {
            let words = format!("{name} is part of the program; it lies in no folder");
            return Err(Failure::mistake(words));
        }
        path = path.join(entry.folder);
    }
    console.show(&path.display().to_string(), &json!({ "folder": path }))
}
