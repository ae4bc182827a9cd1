//! What can be wrong with counts that somebody hands over.

/// What can be wrong with counts, spectra and labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing was observed.
    #[error("no observations: give at least one state or one frequency above 0")]
    Empty,
    /// A state that was never observed.
    #[error("frequency 0 in entry {place}: leave out states that were never observed")]
    ZeroFrequency {
        /// Place in the input, from 0.
        place: usize,
    },
    /// More observations than 64 bits can count.
    #[error("more than {} observations: count the parts on their own", u64::MAX)]
    TooManyObservations,
    /// A number of observations for which no theoretical curve exists.
    #[error("M = {m}: theoretical curves exist for 2 to 1000000000000 observations")]
    NoLimits {
        /// Number of observations.
        m: u64,
    },
    /// A subsample of no observation, or of more than there are.
    #[error("a subsample of {size} out of {of} observations: take at least 1 and at most {of}")]
    SubsampleSize {
        /// Observations asked for.
        size: u64,
        /// Observations that there are.
        of: u64,
    },
    /// A curve of too few or too many points.
    #[error("{points} points of a subsampling curve: give 2 to {most}")]
    CurvePoints {
        /// Points asked for.
        points: usize,
        /// Most points that there can be.
        most: usize,
    },
    /// Too few observations for a curve.
    #[error("{m} observations: a subsampling curve needs at least {fewest}")]
    CurveObservations {
        /// Observations that there are.
        m: u64,
        /// Fewest that it takes.
        fewest: u64,
    },
    /// Fewer classes than states that were observed.
    #[error("{classes} classes, but {states} states were observed: give at least {states} classes")]
    Classes {
        /// Number of classes given.
        classes: u64,
        /// Number of distinct states observed.
        states: u64,
    },
    /// More distinct states than an index can name.
    #[error("more than {} distinct states: count the parts on their own", u32::MAX)]
    TooManyStates,
    /// Too little memory to count in.
    #[error("{given} bytes of memory for counting: give at least {least} MiB")]
    Memory {
        /// Bytes given.
        given: u64,
        /// Least number of MiB.
        least: u64,
    },
    /// What did not fit into memory could not be written to disk, or not be read back.
    #[error(
        "{folder}: a temporary file for what does not fit into memory failed: {problem}; give more memory, or a folder with more room"
    )]
    Spill {
        /// The folder.
        folder: String,
        /// What went wrong.
        problem: String,
    },
    /// Two tables of states of different widths.
    #[error("states of {theirs} words cannot be merged into states of {ours}: count both alike")]
    Width {
        /// Words of a state in the table merged into.
        ours: usize,
        /// Words of a state in the other one.
        theirs: usize,
    },
    /// Words that do not divide into whole states.
    #[error("{len} words are no whole number of states of {words} words: pad each state alike")]
    Ragged {
        /// Number of words given.
        len: usize,
        /// Words of a state.
        words: usize,
    },
    /// Not one label for each observation.
    #[error("{labels} labels for {observations} observations: give one label for each")]
    Labels {
        /// Number of labels given.
        labels: usize,
        /// Number of observations.
        observations: usize,
    },
    /// An event time that is no finite number.
    #[error("event {place} (counted from 0) is at {value}: event times are finite numbers")]
    Time {
        /// Place in the input, from 0.
        place: usize,
        /// The time.
        value: String,
    },
    /// A recording that does not hold its events.
    #[error("{problem}: give a finite start and end with all events between them")]
    Recording {
        /// What is wrong with it.
        problem: String,
    },
    /// Too few bin counts for a curve.
    #[error("{points} grid points: a curve needs at least 2")]
    Grid {
        /// Grid points asked for.
        points: usize,
    },
    /// The observer stopped the bootstrap.
    #[error("interrupted after {done} of {of} refits: start again, or ask for fewer")]
    Interrupted {
        /// Refits done.
        done: u64,
        /// Refits asked for.
        of: u64,
    },
}
