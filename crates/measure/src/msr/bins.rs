//! Cutting a train into bins and counting what is in them.

use super::Recording;
use crate::{Error, Spectrum};

/// Most bins of event times: 64-bit numbers cannot place times in more.
const MOST_BINS: f64 = (1_u64 << 50) as f64;

/// Up to this many bins an event the ends of bins are searched for; with more of them the events are
/// walked through.
const SEARCHED: f64 = 1.0 / 16.0;

/// Times beyond this are scaled down before they are subtracted and multiplied.
const LARGE: f64 = 1e270;
const SCALE: f64 = 1.0 / (1_u64 << 60) as f64;

/// Two events whose places are this share of the recording further apart than a bin is wide are in
/// different bins, however the places were rounded.
const ROUNDING: f64 = 1e-15;

/// Numbers of events below this are tallied in an array.
const TALLIED: usize = 4096;

/// Event times, sorted.
pub(super) struct EventTrain {
    /// t − start, ascending.
    places: Vec<f64>,
    /// Length of the recording, as the places are scaled.
    length: f64,
    scale: f64,
    /// Each i for which events i and i + 1 may still share a bin, once they are walked through.
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
            tally: Tally::new(places.len()),
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
        if bins as f64 <= SEARCHED * self.places.len() as f64 {
            self.search(bins);
        } else {
            self.walk(bins);
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
            self.tally.add(end);
            rest = &rest[end..];
        }
    }

    /// Many bins: only neighbours that are closer than a bin is wide can share one, and with more
    /// bins they get fewer.
    fn walk(&mut self, bins: u64) {
        let places = &self.places;
        let close = self
            .close
            .get_or_insert_with(|| (0..places.len() - 1).collect());
        let reach = self.length / bins as f64 + ROUNDING * self.length;
        close.retain(|&i| places[i + 1] - places[i] <= reach);

        let bin = bin(bins, self.length);
        // The last event of the group that grows.
        let (mut last, mut place) = (0, bin(places[0]));
        let mut group = 1;
        let mut alone = places.len();
        for &event in close.iter() {
            if event != last {
                alone -= self.tally.add_group(group);
                (place, group) = (bin(places[event]), 1);
            }
            last = event + 1;
            let next = bin(places[last]);
            if next == place {
                group += 1;
            } else {
                alone -= self.tally.add_group(group);
                (place, group) = (next, 1);
            }
        }
        alone -= self.tally.add_group(group);
        self.tally.add_alone(alone);
    }
}

/// The bin of a place, as a function.
fn bin(bins: u64, length: f64) -> impl Fn(f64) -> u64 {
    let last = bins - 1;
    // Multiplied first: for whole numbers of time units the edges are then exact.
    move |place| ((place * bins as f64 / length) as u64).min(last)
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

/// How many bins hold each number of events.
struct Tally {
    /// At k the number of bins with k events.
    low: Vec<u64>,
    /// The numbers of events that `low` has no place for.
    high: Vec<u64>,
}

impl Tally {
    fn new(events: usize) -> Self {
        Self {
            low: vec![0; TALLIED.min(events + 1)],
            high: Vec::new(),
        }
    }

    fn add(&mut self, events: usize) {
        match self.low.get_mut(events) {
            Some(bins) => *bins += 1,
            None => self.high.push(events as u64),
        }
    }

    /// Adds a bin of two events or more; how many events were added.
    fn add_group(&mut self, events: usize) -> usize {
        if events < 2 {
            return 0;
        }
        self.add(events);
        events
    }

    /// Adds bins of one event each.
    fn add_alone(&mut self, bins: usize) {
        self.low[1] += bins as u64;
    }

    /// The spectrum; the tally is empty after it.
    fn spectrum(&mut self) -> Result<Spectrum, Error> {
        let low = (0..).zip(&self.low).map(|(k, m_k)| (k, *m_k));
        let high = self.high.iter().map(|k| (*k, 1));
        let spectrum = Spectrum::from_pairs(low.filter(|pair| pair.1 > 0).chain(high));
        self.low.fill(0);
        self.high.clear();
        spectrum
    }
}
