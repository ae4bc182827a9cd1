//! The states of files, counted: files → chunks → counts.

mod chunk;
mod examples;
mod labels;
mod save;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use resrel_data::{StateChunk, StateKind, StateOptions, StateReader, read_labels};
use resrel_kernels::Workers;
use resrel_measure::{Counted, Counter, StateShape};

use crate::Error;
use chunk::Rows;
pub use examples::{Example, Examples, Place, StateName};
use examples::{Extremes, find_rows};
use labels::LabelBook;
use save::Saver;

/// What becomes of observations without a state, or without a label where there are labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Missing {
    /// The first one is an error.
    #[default]
    Refuse,
    /// They are left out.
    Drop,
    /// All without a state share one state of their own, all without a label one label.
    State,
}

/// How the states of files are counted.
#[derive(Debug, Clone)]
pub struct CountOptions {
    /// What to read of the files.
    pub states: StateOptions,
    /// What becomes of missing values.
    pub missing: Missing,
    /// A file of labels, one for each observation of all files.
    pub labels: Option<PathBuf>,
    /// Bytes of memory to count in; what does not fit goes to a temporary file.
    pub memory: u64,
    /// The folder of that file.
    pub folder: PathBuf,
    /// Where to save the counts, as a Parquet file that can be counted again.
    pub save: Option<PathBuf>,
    /// How many of the most and of the least populated states to look at.
    pub examples: usize,
}

/// What was counted.
#[derive(Debug)]
pub struct FileCounts {
    /// The spectrum and the classification error.
    pub counted: Counted,
    /// Observations that were left out because a value was missing.
    pub dropped: u64,
    /// The most and the least populated states, if asked for.
    pub examples: Option<Examples>,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CountEvent {
    /// This share of the files has been read, 0 … 1.
    Reading(f64),
    /// This share of the states has been counted, 0 … 1.
    Counting(f64),
    /// This share of the files has been searched for observations of some states, 0 … 1.
    Searching(f64),
}

/// Hears what is being done; `Break` ends it.
pub type CountObserver<'a> = &'a (dyn Fn(CountEvent) -> ControlFlow<()> + Sync);

/// Counts the states of files as if they were one. All hold states of one kind; a file that is a
/// table of counts stands for the observations that it counts, so counts made elsewhere are merged.
///
/// # Errors
/// [`Error::Data`] for a file that cannot be read, or not be written; [`Error::States`] where files
/// do not go together, or a value is missing and is to be refused; [`Error::Measure`] if there is
/// nothing to count or no room on the disk; [`Error::Interrupted`].
pub fn count_files(
    files: &[PathBuf],
    options: &CountOptions,
    workers: &Workers,
    observer: CountObserver<'_>,
) -> Result<FileCounts, Error> {
    if options.examples > 0
        && let Some(pipe) = files.iter().find(|file| file.exists() && !file.is_file())
        && !pipe.is_dir()
    {
        let problem = "is no regular file, so it cannot be read a second time for the rows of \
                       examples; save it to a file first";
        return Err(refused(pipe, problem));
    }
    let mut count = Count::new(options)?;
    // A name that cannot be written is better known before hours of counting.
    let saver = options.save.as_deref().map(Saver::create).transpose()?;
    for (index, path) in files.iter().enumerate() {
        let mut reader = StateReader::open(path, &options.states)?;
        count.start_file(path, reader.kind(), reader.has_labels())?;
        while let Some(chunk) = reader.next_chunk()? {
            count.observe(path, chunk, workers)?;
            let share = (index as f64 + reader.done()) / files.len() as f64;
            flow(observer(CountEvent::Reading(share)))?;
        }
    }
    let (mut counts, extremes) = count.finish(workers, saver, observer)?;
    if let Some(extremes) = extremes {
        counts.examples = Some(find_rows(files, options, extremes, observer)?);
    }
    Ok(counts)
}

/// Counts states of one `kind` that come in chunks from anywhere, each chunk with labels if they are `labelled`;
/// `name` is what errors call them.
///
/// # Errors
/// As [`count_files`].
pub fn count_chunks(
    name: &Path,
    kind: StateKind,
    labelled: bool,
    chunks: impl Iterator<Item = Result<StateChunk, Error>>,
    options: &CountOptions,
    workers: &Workers,
    observer: CountObserver<'_>,
) -> Result<FileCounts, Error> {
    let mut count = Count::new(options)?;
    count.start_file(name, kind, labelled)?;
    for chunk in chunks {
        count.observe(name, chunk?, workers)?;
        flow(observer(CountEvent::Reading(0.0)))?;
    }
    Ok(count.finish(workers, None, observer)?.0)
}

/// A file whose states cannot be counted with those before it, in words.
fn refused(path: &Path, problem: impl Into<String>) -> Error {
    Error::States {
        path: path.to_path_buf(),
        problem: problem.into(),
    }
}

fn flow(flow: ControlFlow<()>) -> Result<(), Error> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Interrupted),
    }
}

/// The files' states on their way into the counter.
struct Count<'a> {
    options: &'a CountOptions,
    /// The labels of a file of their own, and how many of them are used.
    labels: Option<(PathBuf, Vec<u32>, usize)>,
    book: LabelBook,
    /// Opened with the first file, which decides the kind of states.
    started: Option<Started>,
    /// A file with numbers below 0, and one with numbers beyond i64.
    negative: Option<PathBuf>,
    huge: Option<PathBuf>,
    dropped: u64,
}

struct Started {
    kind: StateKind,
    counter: Counter,
}

impl<'a> Count<'a> {
    fn new(options: &'a CountOptions) -> Result<Self, Error> {
        let labels = options.labels.as_ref().map(|path| {
            let labels = read_labels(path)?;
            Ok::<_, Error>((path.clone(), labels, 0))
        });
        Ok(Self {
            options,
            labels: labels.transpose()?,
            book: LabelBook::default(),
            started: None,
            negative: None,
            huge: None,
            dropped: 0,
        })
    }

    /// Goes on with a file of states of one kind, with labels of its own or without.
    fn start_file(&mut self, path: &Path, kind: StateKind, own_labels: bool) -> Result<(), Error> {
        let labelled = self.labels.is_some() || own_labels;
        if self.labels.is_some() && own_labels {
            let problem = "has labels of its own beside those of --labels; give only one of them";
            return Err(refused(path, problem));
        }
        match &self.started {
            None => {
                let shape = match kind {
                    StateKind::Integers => StateShape::Words(1),
                    StateKind::Text => StateShape::Texts,
                    StateKind::Bits { units } => StateShape::Words(units.div_ceil(64)),
                };
                let options = self.options;
                let counter =
                    Counter::new(shape, labelled, options.memory, options.folder.clone())?;
                self.started = Some(Started { kind, counter });
                Ok(())
            }
            Some(started) if started.kind != kind => {
                let problem = match (kind, started.kind) {
                    (StateKind::Bits { units }, StateKind::Bits { units: before }) => format!(
                        "has {units} columns, the files before it {before}; states of one \
                         measurement have the same units"
                    ),
                    (kind, before) => format!(
                        "holds {}, the files before it {}; measure them apart",
                        in_words(kind),
                        in_words(before)
                    ),
                };
                Err(refused(path, problem))
            }
            Some(started) if started.counter.labelled() != labelled => {
                let problem = "has no labels, other files have; give all of them labels, or none";
                Err(refused(path, problem))
            }
            Some(_) => Ok(()),
        }
    }

    fn observe(&mut self, path: &Path, chunk: StateChunk, workers: &Workers) -> Result<(), Error> {
        let rows = Rows::new(path, chunk, self.options.missing)?;
        if rows.negative {
            self.negative.get_or_insert_with(|| path.to_path_buf());
        }
        if rows.huge {
            self.huge.get_or_insert_with(|| path.to_path_buf());
        }
        if let (Some(negative), Some(huge)) = (&self.negative, &self.huge) {
            let problem = format!(
                "holds numbers beyond 2^63 - 1, {} numbers below 0; read them as text, or measure \
                 them apart",
                negative.display()
            );
            return Err(refused(huge, problem));
        }
        let labels = match (&mut self.labels, rows.labels()) {
            (Some((labels_path, labels, used)), _) => {
                if rows.is_counts() {
                    let problem = "is a table of counts, which --labels cannot label row by row; \
                                   put the labels into its column label";
                    return Err(refused(path, problem));
                }
                let given = labels.get(*used..*used + rows.rows());
                let given = given.ok_or_else(|| {
                    let problem = format!(
                        "{} labels for {} observations or more; give one label an observation",
                        labels.len(),
                        *used + rows.rows()
                    );
                    refused(labels_path, problem)
                })?;
                *used += rows.rows();
                Some(self.book.numbers(given))
            }
            (None, Some(column)) => Some(self.book.column(column)),
            (None, None) => None,
        };
        let started = self.started.as_mut().expect("a file was started");
        let labels = labels.map(|labels| rows.kept(labels));
        self.dropped += rows.dropped();
        rows.batch(labels.as_deref(), |batch| {
            started.counter.observe(batch, workers)
        })?;
        Ok(())
    }

    fn finish(
        self,
        workers: &Workers,
        saver: Option<Saver>,
        observer: CountObserver<'_>,
    ) -> Result<(FileCounts, Option<Extremes>), Error> {
        if let Some((path, labels, used)) = &self.labels
            && *used != labels.len()
        {
            let problem = format!(
                "{} labels for {used} observations; give one label an observation",
                labels.len()
            );
            return Err(refused(path, problem));
        }
        let started = self.started.expect("there is a file");
        let mut extremes = (self.options.examples > 0)
            .then(|| Extremes::new(self.options.examples, started.kind, self.huge.is_some()));
        let mut saver = saver.map(|saver| saver.of(started.kind, self.huge.is_some(), &self.book));
        // Nobody listens while a piece is being counted, so an interrupt waits for its end.
        let stopped = std::sync::atomic::AtomicBool::new(false);
        let progress = |done: f64| {
            if observer(CountEvent::Counting(done)).is_break() {
                stopped.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        };
        let mut visit = |state: resrel_measure::State<'_>, label: Option<u32>, count: u64| {
            if let Some(extremes) = &mut extremes {
                extremes.see(state, count);
            }
            if let Some(saver) = &mut saver {
                saver.see(state, label, count);
            }
        };
        let looked_at = self.options.examples > 0 || self.options.save.is_some();
        let visit: Option<resrel_measure::Visit<'_>> = looked_at.then_some(&mut visit);
        let counted = started.counter.finish(workers, &progress, visit)?;
        if stopped.into_inner() {
            return Err(Error::Interrupted);
        }
        if let Some(saver) = saver {
            saver.finish()?;
        }
        let counts = FileCounts {
            counted,
            dropped: self.dropped,
            examples: None,
        };
        Ok((counts, extremes))
    }
}

fn in_words(kind: StateKind) -> String {
    match kind {
        StateKind::Integers => "whole numbers".into(),
        StateKind::Text => "text".into(),
        StateKind::Bits { units } => format!("states of {units} bits"),
    }
}
