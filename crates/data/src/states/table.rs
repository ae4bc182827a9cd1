//! Records of CSV and TSV (RFC 4180), and which of their columns are meant.

use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::field::whole_number;
use super::lines::Lines;
use super::{StateOptions, names};
use crate::Error;
use crate::text::shortened;

/// Columns of a table, at most: more are a damaged file.
const FIELDS: usize = 1 << 20;

/// Splits lines into the fields of records. Lines without quotes are split where they lie; the others
/// go through `csv-core`. Without a delimiter, every line is one field as it stands.
pub(super) struct Records {
    delimiter: Option<u8>,
    parser: Reader,
    /// Where the fields of the last record lie: among the lines, or in `unquoted`.
    places: Vec<Range<usize>>,
    in_lines: bool,
    unquoted: Vec<u8>,
    ends: Vec<usize>,
}

impl Records {
    pub(super) fn new(delimiter: Option<u8>) -> Self {
        Self {
            delimiter,
            parser: ReaderBuilder::new()
                .delimiter(delimiter.unwrap_or(b','))
                .build(),
            places: Vec::new(),
            in_lines: true,
            unquoted: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Number of fields of the last record.
    pub(super) fn fields(&self) -> usize {
        self.places.len()
    }

    /// A field of the last record.
    pub(super) fn field<'a>(&'a self, lines: &'a Lines, index: usize) -> &'a [u8] {
        let place = self.places[index].clone();
        if self.in_lines {
            lines.bytes(place)
        } else {
            &self.unquoted[place]
        }
    }

    /// Reads the next record; `None` after the last. An empty line is a record without fields.
    pub(super) fn read(&mut self, lines: &mut Lines) -> Result<Option<()>, Error> {
        self.places.clear();
        self.in_lines = true;
        let Some(line) = lines.next_line()? else {
            return Ok(None);
        };
        let text = lines.bytes(line.clone());
        if text.is_empty() {
            return Ok(Some(()));
        }
        let Some(delimiter) = self.delimiter else {
            self.places.push(line);
            return Ok(Some(()));
        };
        // A carriage return inside a line ends a record, too.
        if memchr::memchr2(b'"', b'\r', text).is_some() {
            lines.back_to(&line);
            return self.read_quoted(lines).map(Some);
        }
        let mut start = line.start;
        for length in memchr::memchr_iter(delimiter, text) {
            let end = line.start + length;
            self.places.push(start..end);
            start = end + 1;
        }
        self.places.push(start..line.end);
        Ok(Some(()))
    }

    fn read_quoted(&mut self, lines: &mut Lines) -> Result<(), Error> {
        self.in_lines = false;
        let first = lines.number + 1;
        let (mut bytes, mut fields, mut quotes) = (0, 0, 0);
        let mut last = None;
        loop {
            self.unquoted.resize(self.unquoted.len().max(256), 0);
            self.ends.resize(self.ends.len().max(16), 0);
            let rest = lines.rest()?;
            let at_end = rest.is_empty();
            let (result, read, written, ended) = self.parser.read_record(
                rest,
                &mut self.unquoted[bytes..],
                &mut self.ends[fields..],
            );
            quotes += memchr::memchr_iter(b'"', &rest[..read]).count();
            last = rest[..read].last().copied().or(last);
            lines.consume(read);
            bytes += written;
            fields += ended;
            match result {
                ReadRecordResult::InputEmpty if !at_end => {}
                ReadRecordResult::OutputFull => {
                    lines.check_length(bytes, first)?;
                    self.unquoted.resize(2 * self.unquoted.len(), 0);
                }
                ReadRecordResult::OutputEndsFull if fields < FIELDS => {
                    self.ends.resize(2 * self.ends.len(), 0);
                }
                ReadRecordResult::OutputEndsFull => lines.check_length(usize::MAX, first)?,
                // A literal quote comes in pairs, too: an odd one out at the end of the file is open.
                _ if at_end && quotes % 2 == 1 => {
                    return Err(Error::OpenQuote {
                        path: lines.source.path.clone(),
                        line: first,
                    });
                }
                _ => break,
            }
        }
        if last == Some(b'\r') && lines.rest()?.starts_with(b"\n") {
            lines.consume(1);
        }
        let mut start = 0;
        for end in &self.ends[..fields] {
            self.places.push(start..*end);
            start = *end;
        }
        Ok(())
    }
}

/// Which columns of a table are meant.
pub(super) struct Choice {
    pub(super) states: usize,
    pub(super) labels: Option<usize>,
    /// Whether the first record names the columns.
    pub(super) header: bool,
}

impl Choice {
    /// Chooses among the columns of a table that begins with the record `first`.
    pub(super) fn new(
        lines: &Lines,
        first: &[Vec<u8>],
        options: &StateOptions,
    ) -> Result<Self, Error> {
        let path = || lines.source.path.clone();
        let all = || names(first.iter().map(|name| String::from_utf8_lossy(name)));
        let refuse = |problem, remedy| Error::Header {
            path: path(),
            problem,
            remedy,
        };
        let named = |name: &str| {
            let mut places = (0..first.len()).filter(|place| first[*place] == name.as_bytes());
            match (places.next(), places.next()) {
                (place, None) => Ok(place),
                _ => Err(refuse(
                    format!("two columns are called {}", shortened(name)),
                    "give every column its own name",
                )),
            }
        };
        let numbered = |name: &str| {
            let number: Option<usize> = name.parse().ok();
            number
                .filter(|number| (1..=first.len()).contains(number))
                .map(|number| number - 1)
        };
        let missing = |name: &str| Error::NoColumn {
            path: path(),
            what: "column",
            name: shortened(name),
            names: all(),
        };

        let (states, header) = match &options.column {
            None if first.len() > 1 => {
                return Err(Error::Choose {
                    path: path(),
                    what: "columns",
                    names: all(),
                });
            }
            None if whole_number(&first[0]).is_some() => {
                return Err(refuse(
                    format!("{} is a number, not the name of a column", all()),
                    "if the file has no header, choose --column 1; else name the column with --column",
                ));
            }
            None => (0, true),
            // In a single column, the number 1 can only mean the column without a header.
            Some(name) if first.len() == 1 && name == "1" => (0, false),
            Some(name) => match (named(name)?, numbered(name)) {
                (Some(_), Some(_)) if first.iter().all(|name| whole_number(name).is_some()) => {
                    return Err(refuse(
                        format!("{} may be names of columns or values", all()),
                        "add a header that names the columns in words",
                    ));
                }
                (Some(place), _) => (place, true),
                (None, Some(place)) => (place, false),
                (None, None) => return Err(missing(name)),
            },
        };
        let labels = match &options.label_column {
            None => None,
            Some(name) => {
                let place = if header { named(name)? } else { numbered(name) };
                Some(place.ok_or_else(|| missing(name))?)
            }
        };
        Ok(Self {
            states,
            labels,
            header,
        })
    }
}
