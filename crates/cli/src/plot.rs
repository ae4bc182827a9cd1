//! Pictures that commands draw with `--plot`.

use std::path::PathBuf;
use std::str::FromStr;

use resrel::experiment::write_file;
use resrel_report::Picture;

use crate::failure::Failure;

/// The file of a picture; the end of its name says what it is.
#[derive(Debug, Clone)]
pub struct PlotFile {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Svg,
    Png,
}

impl FromStr for PlotFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        let kind = match extension.to_str() {
            Some("svg") => Kind::Svg,
            Some("png") => Kind::Png,
            _ => return Err("give a file that ends in .svg or .png".into()),
        };
        Ok(Self { path, kind })
    }
}

impl PlotFile {
    /// Writes the picture as a whole.
    pub fn save(&self, picture: &Picture) -> Result<(), Failure> {
        let bytes = match self.kind {
            Kind::Svg => picture.svg().as_bytes().to_vec(),
            Kind::Png => picture.png()?,
        };
        Ok(write_file(&self.path, &bytes)?)
    }
}
