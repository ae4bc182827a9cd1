//! What can go wrong with data; every message is one line: file, place, remedy.

use std::io;
use std::path::PathBuf;

/// A data set that cannot be had as asked for. Each is the user's to mend, and says how.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to open or read a file.
    #[error("{}: cannot be read ({source}); {}", path.display(), remedy(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused to write a file.
    #[error("{}: cannot be written ({source}); {}", path.display(), remedy(source))]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A packed file that does not unpack.
    #[error("{}: the {format} data break off or are damaged ({source}); copy or download the file again", path.display())]
    Packed {
        /// The file.
        path: PathBuf,
        /// How it is packed.
        format: &'static str,
        /// What the decoder said.
        source: io::Error,
    },
    /// A file of another format than the one expected.
    #[error("{}: starts with {found}, not with {expected}; check that it is the file you meant", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// The bytes found.
        found: String,
        /// The bytes expected, and what they mean.
        expected: &'static str,
    },
    /// A header that cannot be understood.
    #[error("{}: header: {problem}; {remedy}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A header that promises more than the file holds.
    #[error("{}: the header claims {shape} values, but the file holds {held}; it was cut short or its header is wrong, so write or download it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The shape that the header claims.
        shape: String,
        /// What there is.
        held: String,
    },
    /// More data than the header promises.
    #[error("{}: {surplus} after the {shape} values that the header claims; write or download the file again", path.display())]
    Trailing {
        /// The file.
        path: PathBuf,
        /// The shape that the header claims.
        shape: String,
        /// What follows.
        surplus: String,
    },
    /// More values than there is memory for.
    #[error("{}: {values} values do not fit into memory; use fewer observations", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// Values that were to be held.
        values: u64,
    },
    /// No observations, no features or no lines.
    #[error("{}: holds no {what}; give a file with at least one", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// A value that is not a finite number.
    #[error("{}: row {row}, column {column} (counted from 0) is {value}, not a finite number; remove or replace such values", path.display())]
    NotFinite {
        /// The file, or what the values are called.
        path: PathBuf,
        /// Observation, from 0.
        row: usize,
        /// Feature, from 0.
        column: usize,
        /// The value.
        value: f64,
    },
    /// A value outside 0 … 1.
    #[error("{}: row {row}, column {column} (counted from 0) is {value}, outside 0 to 1; scale the values to 0..1 (grey levels: divide by 255)", path.display())]
    OutOfRange {
        /// The file, or what the values are called.
        path: PathBuf,
        /// Observation, from 0.
        row: usize,
        /// Feature, from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// Labels that do not belong to the observations.
    #[error("{}: {labels} labels for {observations} observations; give one label per observation, in the same order", path.display())]
    LabelCount {
        /// The file of the labels, or what they are called.
        path: PathBuf,
        /// Labels found.
        labels: usize,
        /// Observations found.
        observations: usize,
    },
    /// A label that is not a whole number of 0 … 2³² − 1.
    #[error("{}: label {row} (counted from 0) is {value}, not a whole number of 0 or more; number the classes from 0", path.display())]
    Label {
        /// The file.
        path: PathBuf,
        /// Which label, from 0.
        row: usize,
        /// The label.
        value: f64,
    },
    /// A line of a text file that is not what it should be.
    #[error("{}: line {line}: {found}, expected {expected}; correct or remove the line", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the line says, shortened.
        found: String,
        /// What it should say.
        expected: &'static str,
    },
    /// An array's value that is no bit, where no threshold says which values count as 1.
    #[error("{}: row {row}, column {column} is {value}, neither 0 nor 1; say which values count as 1 with --threshold X", path.display())]
    NotBit {
        /// The file.
        path: PathBuf,
        /// Observation, from 0.
        row: u64,
        /// Unit, from 0.
        column: usize,
        /// The value.
        value: f64,
    },
    /// A state that should be a whole number and is none of 64 bits.
    #[error("{}: row {row} (counted from 0) is {value}, not a whole number of 64 bits; bin or round such values, or number the states", path.display())]
    NotWhole {
        /// The file.
        path: PathBuf,
        /// Observation, from 0.
        row: u64,
        /// The value.
        value: f64,
    },
    /// A state of more bytes than a state may have.
    #[error("{}: row {row} (counted from 0) has {bytes} bytes, {limit} at most; shorten such states, e.g. to a hash of them", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Observation, from 0.
        row: u64,
        /// Bytes of the state.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A count that is none.
    #[error("{}: column {column}, row {row} (counted from 0) is {found}, not a whole number of 1 or more; leave such rows out", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// Row, from 0.
        row: u64,
        /// The column's name.
        column: String,
        /// What stands there.
        found: String,
    },
    /// A column whose values cannot be states.
    #[error("{}: column {column} is {problem}; {remedy}", path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
        /// What it is.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A Parquet file that is damaged.
    #[error("{}: the Parquet file breaks off or is damaged ({problem}); copy or write it again", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Text that Parquet cannot hold as text.
    #[error("{}: state {row} (counted from 0) is not UTF-8, as Parquet demands of text; convert the input, e.g. with iconv", path.display())]
    NotUtf8 {
        /// The file that was to be written.
        path: PathBuf,
        /// Which state, from 0.
        row: u64,
    },
    /// Text in a column of whole numbers.
    #[error("{}: line {line}: {found} is no whole number, the values before it are; read all of them as text with --text", path.display())]
    MixedTypes {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the field says, shortened.
        found: String,
    },
    /// A record of a table that has more or fewer fields than the first.
    #[error("{}: line {line}: {fields} fields, the first line has {expected}; correct the line, or quote fields that hold separators", path.display())]
    Ragged {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Fields found.
        fields: usize,
        /// Fields expected.
        expected: usize,
    },
    /// A quoted field that the file ends in.
    #[error("{}: line {line}: a quoted field is not closed before the end of the file; close it, or copy the file again", path.display())]
    OpenQuote {
        /// The file.
        path: PathBuf,
        /// Line where the record begins, from 1.
        line: usize,
    },
    /// A line longer than any state may be.
    #[error("{}: line {line}: longer than {limit} bytes; check that the file is text with one observation a line, its quotes closed", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A file read as text that is none.
    #[error("{}: holds bytes of 0, so it is no text in UTF-8; give npy, npz, safetensors, Parquet, CSV or text, unpacked unless it is text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// A file that holds several columns or arrays, none of which was chosen.
    #[error("{}: holds several {what} ({names}); choose one with --column NAME", path.display())]
    Choose {
        /// The file.
        path: PathBuf,
        /// What it holds several of.
        what: &'static str,
        /// Their names.
        names: String,
    },
    /// A column or array that a file has not.
    #[error("{}: no {what} {name}; choose one of {names}", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: String,
        /// The names that there are.
        names: String,
    },
    /// An option that means nothing for the format of a file.
    #[error("{}: is {what}, for which {option} means nothing; leave it out", path.display())]
    Unsuited {
        /// The file.
        path: PathBuf,
        /// The option.
        option: &'static str,
        /// What the file is.
        what: &'static str,
    },
    /// Training and test data of different width, or an image shape that does not fit.
    #[error(
        "{name}: {problem}; give training data, test data and image shape of the same number of features"
    )]
    Shape {
        /// The data set.
        name: String,
        /// What does not fit.
        problem: String,
    },
    /// A file of a known data set whose contents are not the known ones.
    #[error("{}: {algorithm} is {found}, not {expected}; the file is damaged or another one; replace it by `resrel data fetch {name}`", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The data set.
        name: String,
        /// Name of the checksum.
        algorithm: &'static str,
        /// What was computed.
        found: String,
        /// What is known.
        expected: &'static str,
    },
    /// A name that is neither a data set nor a file.
    #[error("{name}: no such data set or file; known data sets: {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A known data set that is not on this machine.
    #[error("{name}: {file} not found in {}; run `resrel data fetch {name}` or put it there", folder.display())]
    NotThere {
        /// The data set.
        name: String,
        /// The missing file.
        file: &'static str,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// No place for data: the user's cache directory is unknown.
    #[error(
        "no cache directory is known for this user; name a folder with --data-dir or RESREL_DATA"
    )]
    NoFolder,
    /// Every mirror failed.
    #[error("{name}: {file} could not be downloaded ({reasons}); try again (it goes on where it stopped), or put the file into {} by hand", folder.display())]
    Download {
        /// The data set.
        name: String,
        /// The file.
        file: String,
        /// What each mirror answered.
        reasons: String,
        /// Where the file belongs.
        folder: PathBuf,
    },
    /// Another process downloads the same file.
    #[error("{}: another download of this file is running; wait for it to end", path.display())]
    Busy {
        /// The unfinished file.
        path: PathBuf,
    },
    /// The observer of a download asked to stop.
    #[error("{}: download stopped; run the same command again to go on", path.display())]
    Stopped {
        /// The unfinished file.
        path: PathBuf,
    },
}

/// What a user can do about a file that the operating system refuses, in a few words.
#[must_use]
pub fn remedy(refusal: &io::Error) -> &'static str {
    match refusal.kind() {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a place where you may read and write"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room, or choose another folder"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file stands where a folder should be: choose another path"
        }
        io::ErrorKind::IsADirectory => "it is a folder: name a file",
        io::ErrorKind::InvalidData => "it is no text: check that it is the file you meant",
        _ => "choose another file or folder",
    }
}
