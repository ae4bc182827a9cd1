//! Cutting a train into bins and counting what is in them.

use super::Recording;
use crate::{Error, Spectrum};

/// Most bins of event times: 64-bit numbers cannot place times in more.
const MOST_BINS: f64 = (1_u64 << 50) as f64;

/// Up to this many bins an event the ends of bins are searched for.
const SEARCHED: f64 = 1.0 / 16.0;

/// From this many bins an event only close neighbours are looked at.
const SPARSE: f64 = 4.0;

/// Times beyond this are scaled down before they are subtracted and multiplied.
const LARGE: f64 = 1e270;
const SCALE: f64 = 1.0 / (1_u64 << 60) as f64;

/// Two events whose places are this share of the recording further apart than a bin is wide are in
/// different bins, however the places were rounded.
const ROUNDING: f64 = 1e-15;

/// Bins of fewer events than this are tallied in an array.
const TALLIED: usize = 1024;

/// Event times, sorted.
pub(super) struct EventTrain {
    /// t − start, ascending.
    places: Vec<f64>,
    /// Length of the recording, as the places are scaled.
    length: f64,
    scale: f64,
    /// Each i for which events i and i + 1 may still share a bin, once there are few.
    close: Option<Vec<usize>>,
    tally: Tally,
}

impl EventTrain {
    /// `None` for fewer than two events.
    pub(super) fn new(times: &[f64], recording: Recording) -> Result<Option<Self>, Error> {
        if let Some(place) = times.iter().position(|time| !time.is_finite()) {
            let value = times[place].to_string();
            return Err(Error::Time { place, value });
        }
        let first = times.iter().copied().fold(f64::INFINITY, f64::min);
        let last = times.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let start = recording.start.unwrap_or(first);
        let end = recording.end.unwrap_or(last);
        // Without events there is nothing to leave out.
        let wrong = |problem: String| Err(Error::Recording { problem });
        if recording.start.is_some_and(|start| !start.is_finite()) {
            return wrong(format!("the recording starts at {start}"));
        }
        if recording.end.is_some_and(|end| !end.is_finite()) {
            return wrong(format!("the recording ends at {end}"));
        }
        if first < start {
            return wrong(format!(
                "the recording starts at {start}, after the event at {first}"
            ));
        }
        if end < last {
            return wrong(format!(
                "the recording ends at {end}, before the event at {last}"
            ));
        }
        if times.len() < 2 {
            return Ok(None);
        }
        let large = start.abs().max(end.abs()) > LARGE;
        let scale = if large { SCALE } else { 1.0 };
        let mut places: Vec<f64> = times.iter().map(|t| t * scale - start * scale).collect();
        if !places.is_sorted() {
            places.sort_unstable_by(f64::total_cmp);
        }
        Ok(Some(Self {
            length: end * scale - start * scale,
            scale,
            close: None,
            tally: Tally::new(),
            places,
        }))
    }

    /// Width of a bin in the unit of the times.
    pub(super) fn width(&self, bins: u64) -> f64 {
        (self.length / bins as f64 / self.scale).min(f64::MAX)
    }

    /// Bins that are narrower than any interval between different times; `None` without one.
    pub(super) fn finest(&self) -> Option<u64> {
        let gaps = self.places.windows(2).map(|pair| pair[1] - pair[0]);
        let shortest = gaps.filter(|gap| *gap > 0.0).fold(f64::INFINITY, f64::min);
        let bins = (self.length / shortest).floor() + 1.0;
        shortest.is_finite().then(|| bins.min(MOST_BINS) as u64)
    }

    /// The spectrum of the events in `bins` bins. Asked with ascending `bins`.
    pub(super) fn spectrum(&mut self, bins: u64) -> Result<Spectrum, Error> {
        let share = bins as f64 / self.places.len() as f64;
        if share <= SEARCHED {
            self.search(bins);
        } else if share < SPARSE {
            self.walk(bins);
        } else {
            self.walk_close(bins);
        }
        self.tally.spectrum()
    }

    /// Few bins: the end of each is searched for.
    fn search(&mut self, bins: u64) {
        let bin = bin(bins, self.length);
        let mut rest = &self.places[..];
        while let Some(first) = rest.first() {
            let here = bin(*first);
            let inside = |place: &f64| bin(*place) == here;
            // In steps that double, then by bisection.
            let mut reach = 1;
            while rest.get(reach).is_some_and(inside) {
                reach *= 2;
            }
            let known = reach / 2;
            let end = known + rest[known..reach.min(rest.len())].partition_point(inside);
            self.tally.add_bin(end);
            rest = &rest[end..];
        }
    }

    /// About as many bins as events: all events are walked through.
    fn walk(&mut self, bins: u64) {
        let bin = bin(bins, self.length);
        // The bin and the number of events in it so far.
        let (mut last, mut run) = (-1, 0);
        for place in &self.places {
            let here = bin(*place);
            let same = here == last;
            if !same {
                self.tally.end_bin(run);
            }
            run = if same { run + 1 } else { 1 };
            self.tally.add_event(run);
            last = here;
        }
        self.tally.end_bin(run);
    }

    /// Many bins: only neighbours that are closer than a bin is wide can share one, and the more bins,
    /// the fewer they get.
    fn walk_close(&mut self, bins: u64) {
        let places = &self.places;
        let close = self
            .close
            .get_or_insert_with(|| (0..places.len() - 1).collect());
        let reach = self.length / bins as f64 + ROUNDING * self.length;
        close.retain(|&i| places[i + 1] - places[i] <= reach);

        let bin = bin(bins, self.length);
        // The last event of a bin of several, and how many these are.
        let (mut last, mut run) = (0, 1);
        let mut joined = 0;
        for &event in close.iter() {
            if bin(places[event]) != bin(places[event + 1]) {
                continue;
            }
            if event != last {
                self.tally.end_bin(run);
                run = 1;
            }
            run += 1;
            self.tally.add_event(run);
            joined += 1;
            last = event + 1;
        }
        self.tally.end_bin(run);
        // Each event that joins none begins a bin.
        self.tally.add_first_events(places.len() - joined);
    }
}

/// The bin of a place, as a function.
fn bin(bins: u64, length: f64) -> impl Fn(f64) -> i64 {
    let bins = bins as f64;
    let last = bins as i64 - 1;
    // Multiplied first: for whole numbers of time units the edges are then exact.
    move |place| ((place * bins / length) as i64).min(last)
}

/// Counts of events in bins of equal width.
pub(super) struct BinnedTrain {
    /// Events before each bin, and all at the end.
    before: Vec<u64>,
}

impl BinnedTrain {
    pub(super) fn new(counts: &[u64]) -> Result<Self, Error> {
        let mut before = vec![0_u64];
        let mut events = 0_u64;
        for count in counts {
            events = events
                .checked_add(*count)
                .ok_or(Error::TooManyObservations)?;
            before.push(events);
        }
        Ok(Self { before })
    }

    pub(super) fn events(&self) -> u64 {
        self.before[self.before.len() - 1]
    }

    /// The spectrum with the bins merged into `bins`, at most as many.
    pub(super) fn spectrum(&self, bins: u64) -> Result<Spectrum, Error> {
        let all = self.before.len() as u128 - 1;
        let edge = |i: u64| self.before[(u128::from(i) * all).div_ceil(bins.into()) as usize];
        let counts = (0..bins).map(|i| edge(i + 1) - edge(i));
        Spectrum::from_counts(counts.filter(|count| *count > 0))
    }
}

/// How many bins hold each number of events, counted bin by bin or event by event.
struct Tally {
    /// At k the bins of k events, k < [`TALLIED`], counted as a whole.
    bins: Vec<u64>,
    /// At j the events that are the j-th of their bin, j ≤ [`TALLIED`].
    events: Vec<u64>,
    /// The numbers of events of all larger bins.
    large: Vec<u64>,
}

impl Tally {
    fn new() -> Self {
        Self {
            bins: vec![0; TALLIED],
            events: vec![0; TALLIED + 1],
            large: Vec::new(),
        }
    }

    /// Adds a bin as a whole.
    fn add_bin(&mut self, events: usize) {
        match self.bins.get_mut(events) {
            Some(bins) => *bins += 1,
            None => self.large.push(events as u64),
        }
    }

    /// Adds an event that is the `run`-th of its bin.
    fn add_event(&mut self, run: usize) {
        if run <= TALLIED {
            self.events[run] += 1;
        }
    }

    /// Adds events that are the first of their bins.
    fn add_first_events(&mut self, events: usize) {
        self.events[1] += events as u64;
    }

    /// Ends a bin whose events were added one by one, `run` of them.
    fn end_bin(&mut self, run: usize) {
        if run >= TALLIED {
            self.large.push(run as u64);
        }
    }

    /// The spectrum; the tally is empty after it.
    fn spectrum(&mut self) -> Result<Spectrum, Error> {
        // The j-th events of bins are as many as the bins of at least j events.
        let steps = self.events.windows(2).map(|pair| pair[0] - pair[1]);
        let small = (1..).zip(self.bins.iter().zip(steps).skip(1));
        let small = small.map(|(k, (bins, more))| (k, bins + more));
        let large = self.large.iter().map(|k| (*k, 1));
        let spectrum = Spectrum::from_pairs(small.filter(|pair| pair.1 > 0).chain(large));
        self.bins.fill(0);
        self.events.fill(0);
        self.large.clear();
        spectrum
    }
}
