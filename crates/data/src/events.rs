//! Trains of events: their times, or how many lie in each of a row of bins.

use std::collections::HashMap;
use std::path::Path;

use crate::Error;
use crate::files::Source;
use crate::npy::{MAGIC, Npy, zeros};
use crate::states::lines::Lines;
use crate::states::table::Records;
use crate::states::{extension, names, refuse_options};
use crate::text::shortened;

/// What a cell or line of times should say.
const TIME: &str = "an event time, a finite number";
/// Largest count of events in a bin: up to here whole numbers are exact as 64-bit floats.
const MOST_EVENTS: f64 = (1_u64 << 53) as f64;

/// The events of one unit, such as a neuron, a user or a word of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct EventTrain {
    /// The unit's name.
    pub name: String,
    /// Its events.
    pub events: Events,
}

/// When events were.
#[derive(Debug, Clone, PartialEq)]
pub enum Events {
    /// The time of each, a finite number, in the order of the file.
    Times(Vec<f64>),
    /// How many lie in each of a row of bins of equal width.
    Counts(Vec<u64>),
}

/// The trains of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct EventTrains {
    /// One for each unit, in the order of the file.
    pub trains: Vec<EventTrain>,
    /// Whether a file of this form holds the one train of one unit.
    pub single: bool,
}

/// Which columns of a CSV or TSV file hold the times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EventColumns {
    /// Every column holds the times of one unit, which it is named after.
    #[default]
    OnePerUnit,
    /// Only this column.
    Times(String),
    /// A row is an event: one column names its unit, one holds its time.
    Long {
        /// The column of the units.
        unit: String,
        /// The column of the times.
        time: String,
    },
}

/// Reads trains of events.
///
/// | file | events |
/// |---|---|
/// | npy of one axis | times of one unit, of any real type |
/// | npy of two axes | counts of events, units × bins; the units are called by their row, from 0 |
/// | CSV (`.csv`), TSV (`.tsv`, `.tab`), with a header | times as the columns say; units in the order in which they come up |
/// | any other text | a time in each line, one unit; lines that begin with `#` are passed over |
///
/// npy is known by its first bytes or its name, text may be packed by gzip or zstd. A train read of a
/// column may be shorter than others: its last cells are then empty. An empty line in a table of
/// several columns is passed over; at the end it is anywhere.
///
/// # Errors
/// For a file that cannot be read, is damaged or of another kind, holds no event times, or has a row
/// of too many or too few cells; for times that are not finite numbers, an empty cell that others
/// follow, and counts that are not whole numbers of 0 or more; for a column that is not there, has no
/// name, has a number or another column's name, or was chosen where there are none.
pub fn read_events(path: &Path, columns: &EventColumns) -> Result<EventTrains, Error> {
    let source = Source::open(path)?;
    let extension = extension(path);
    let delimiter = match &*extension {
        "csv" => Some(b','),
        "tsv" | "tab" => Some(b'\t'),
        _ => None,
    };
    let npy = source.start.starts_with(MAGIC) || extension == "npy";
    if npy || delimiter.is_none() {
        let what = if npy { "an npy file" } else { "plain text" };
        let long = matches!(columns, EventColumns::Long { .. });
        let used = *columns != EventColumns::OnePerUnit;
        refuse_options(path, &[("--unit", long), ("--time", used)], what)?;
    }
    if npy {
        return read_npy(path);
    }
    let mut table = Table::open(source, delimiter)?;
    let trains = match columns {
        EventColumns::OnePerUnit => table.read_columns()?,
        EventColumns::Times(time) => table.read_column(time)?,
        EventColumns::Long { unit, time } => table.read_units(unit, time)?,
    };
    let path = table.lines.source.path;
    let empty =
        |train: &EventTrain| matches!(&train.events, Events::Times(times) if times.is_empty());
    if trains.iter().all(empty) {
        let what = "event times";
        return Err(Error::Empty { path, what });
    }
    Ok(EventTrains {
        trains,
        single: delimiter.is_none() || matches!(columns, EventColumns::Times(_)),
    })
}

/// The trains of an npy file.
fn read_npy(path: &Path) -> Result<EventTrains, Error> {
    let npy = Npy::open(path)?;
    match npy.header.shape[..] {
        [count] => {
            let mut times = zeros(path, count as u64)?;
            npy.for_each(|row, value| {
                if !value.is_finite() {
                    return Err(Error::NotFinite {
                        path: path.to_path_buf(),
                        row,
                        column: 0,
                        value,
                    });
                }
                times[row] = value;
                Ok(())
            })?;
            Ok(EventTrains {
                trains: vec![EventTrain {
                    name: file_name(path),
                    events: Events::Times(times),
                }],
                single: true,
            })
        }
        [units, bins] if bins > 1 => Ok(EventTrains {
            trains: read_counts(path, npy, units, bins)?,
            single: false,
        }),
        _ => Err(Error::Header {
            path: path.to_path_buf(),
            problem: format!("shape {}", npy.header.shape_text()),
            remedy: "save event times as one axis (x.ravel()), or counts as units x bins",
        }),
    }
}

fn read_counts(path: &Path, npy: Npy, units: usize, bins: usize) -> Result<Vec<EventTrain>, Error> {
    let fortran = npy.header.fortran_order;
    let mut trains = Vec::new();
    for _ in 0..units {
        trains.push(zeros(path, bins as u64)?);
    }
    npy.for_each(|index, value| {
        let (row, column) = if fortran {
            (index % units, index / units)
        } else {
            (index / bins, index % bins)
        };
        if value.fract() != 0.0 || !(0.0..=MOST_EVENTS).contains(&value) {
            return Err(Error::EventCount {
                path: path.to_path_buf(),
                row,
                column,
                value,
            });
        }
        trains[row][column] = value as u64;
        Ok(())
    })?;
    let train = |(row, counts): (usize, Vec<u64>)| EventTrain {
        name: row.to_string(),
        events: Events::Counts(counts),
    };
    Ok(trains.into_iter().enumerate().map(train).collect())
}

/// Lines of text in one or more columns with names.
struct Table {
    lines: Lines,
    records: Records,
    names: Vec<String>,
    /// Lines of times, without a header.
    plain: bool,
}

impl Table {
    /// Opens a text and reads the names of its columns.
    fn open(source: Source, delimiter: Option<u8>) -> Result<Self, Error> {
        let lines = Lines::new(source).map_err(|error| match error {
            Error::NotText { path } => Error::NotEvents { path },
            other => other,
        })?;
        let name = file_name(&lines.source.path);
        let mut table = Self {
            lines,
            records: Records::new(delimiter),
            names: vec![name],
            plain: delimiter.is_none(),
        };
        while !table.plain && table.records.read(&mut table.lines)?.is_some() {
            let cells = 0..table.records.fields();
            table.names = cells.map(|cell| lossy(table.cell(cell))).collect();
            if !table.names.is_empty() {
                break;
            }
        }
        Ok(table)
    }

    /// Reads the next row; `false` after the last.
    fn advance(&mut self) -> Result<bool, Error> {
        let columns = self.names.len();
        while self.records.read(&mut self.lines)?.is_some() {
            let fields = self.records.fields();
            let comment = self.plain && fields == 1 && self.cell(0).starts_with(b"#");
            if comment || (fields == 0 && columns > 1) {
                continue;
            }
            if fields != columns && fields > 0 {
                return Err(Error::Ragged {
                    path: self.lines.source.path.clone(),
                    line: self.lines.number,
                    fields,
                    expected: columns,
                });
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// A cell of the row at hand without blanks around it. An empty line is an empty cell.
    fn cell(&self, column: usize) -> &[u8] {
        if column < self.records.fields() {
            self.records.field(&self.lines, column).trim_ascii()
        } else {
            b""
        }
    }

    /// The time in a cell.
    fn time(&self, column: usize) -> Result<f64, Error> {
        let cell = self.cell(column);
        let number = str::from_utf8(cell).ok().and_then(|text| text.parse().ok());
        number.filter(|time: &f64| time.is_finite()).ok_or_else(|| {
            let found = shortened(&lossy(cell));
            self.wrong(self.lines.number, column, &found, TIME)
        })
    }

    /// What is wrong with a cell of a line.
    fn wrong(&self, line: usize, column: usize, found: &str, expected: &'static str) -> Error {
        let place = if self.plain {
            String::new()
        } else {
            format!(" in column {}", shortened(&self.names[column]))
        };
        Error::Line {
            path: self.lines.source.path.clone(),
            line,
            found: format!("{found}{place}"),
            expected,
        }
    }

    /// A train from each column.
    fn read_columns(&mut self) -> Result<Vec<EventTrain>, Error> {
        if !self.plain {
            self.check_names()?;
        }
        let all: Vec<usize> = (0..self.names.len()).collect();
        self.read_times(&all)
    }

    /// A train from the column of this name.
    fn read_column(&mut self, name: &str) -> Result<Vec<EventTrain>, Error> {
        let column = self.column(name)?;
        self.read_times(&[column])
    }

    /// A train from each of these columns.
    fn read_times(&mut self, columns: &[usize]) -> Result<Vec<EventTrain>, Error> {
        let mut trains = vec![Vec::new(); columns.len()];
        // The line of the first empty cell.
        let mut gaps = vec![None; columns.len()];
        while self.advance()? {
            for ((column, train), gap) in columns.iter().zip(&mut trains).zip(&mut gaps) {
                if self.cell(*column).is_empty() {
                    gap.get_or_insert(self.lines.number);
                } else if let Some(line) = *gap {
                    let expected = "an event time: only the last cells of a column may be empty";
                    return Err(self.wrong(line, *column, "\"\"", expected));
                } else {
                    train.push(self.time(*column)?);
                }
            }
        }
        let train = |(column, times): (&usize, _)| EventTrain {
            name: self.names[*column].clone(),
            events: Events::Times(times),
        };
        Ok(columns.iter().zip(trains).map(train).collect())
    }

    /// A train for each unit that comes up in a column.
    fn read_units(&mut self, unit: &str, time: &str) -> Result<Vec<EventTrain>, Error> {
        let (unit, time) = (self.column(unit)?, self.column(time)?);
        let mut trains: Vec<(String, Vec<f64>)> = Vec::new();
        let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
        while self.advance()? {
            let name = self.cell(unit);
            let place = if let Some(place) = places.get(name) {
                *place
            } else if name.is_empty() {
                return Err(self.wrong(self.lines.number, unit, "\"\"", "the name of a unit"));
            } else {
                places.insert(name.to_vec(), trains.len());
                trains.push((lossy(name), Vec::new()));
                trains.len() - 1
            };
            trains[place].1.push(self.time(time)?);
        }
        let train = |(name, times)| EventTrain {
            name,
            events: Events::Times(times),
        };
        Ok(trains.into_iter().map(train).collect())
    }

    /// The place of a column.
    fn column(&self, name: &str) -> Result<usize, Error> {
        let mut places = (0..self.names.len()).filter(|place| self.names[*place] == name);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            (None, _) => Err(Error::NoColumn {
                path: self.lines.source.path.clone(),
                what: "column",
                name: shortened(name),
                names: names(self.names.iter()),
            }),
            (Some(_), Some(_)) => Err(self.called_alike(name)),
        }
    }

    /// Refuses a first line that does not name each column.
    fn check_names(&self) -> Result<(), Error> {
        let refuse = |problem, remedy| {
            let path = self.lines.source.path.clone();
            Err(Error::Header {
                path,
                problem,
                remedy,
            })
        };
        let mut seen = HashMap::new();
        for (column, name) in self.names.iter().enumerate() {
            if name.is_empty() {
                return refuse(
                    format!("column {} (counted from 1) has no name", column + 1),
                    "name every column, and leave out one that only numbers the rows",
                );
            }
            if name.parse::<f64>().is_ok() {
                return refuse(
                    format!("{} is a number, not the name of a unit", shortened(name)),
                    "add a header that names the columns in words",
                );
            }
            if seen.insert(name, column).is_some() {
                return Err(self.called_alike(name));
            }
        }
        Ok(())
    }

    fn called_alike(&self, name: &str) -> Error {
        Error::Header {
            path: self.lines.source.path.clone(),
            problem: format!("two columns are called {}", shortened(name)),
            remedy: "give every column its own name",
        }
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn file_name(path: &Path) -> String {
    lossy(path.file_name().unwrap_or_default().as_encoded_bytes())
}
