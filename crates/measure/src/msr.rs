//! Multi-scale relevance (MSR) of event trains.

mod bins;

use serde::{Deserialize, Serialize};

use crate::spectrum::sum;
use crate::{Error, Spectrum};
use bins::{BinnedTrain, EventTrain};

/// Grid points unless asked otherwise. The area of a train of 1,000 events moves by some 0.001 when
/// there are more.
pub const MSR_GRID: usize = 200;

/// The multi-scale relevance of one train of events, with the curve whose area it is.
///
/// The recording, from `start` to `end`, is cut into B bins of equal width. Each of the M events is
/// an observation, its bin the state s, and the number of events in the bin the frequency k_s: so
/// each B has a resolution H\[s\] and a relevance H\[k\]. From one bin (H\[s\] = 0) to bins so narrow
/// that each event has its own (H\[s\] = ln M, H\[k\] = 0) they draw a curve, and
///
/// MSR = ∫ H\[k\] dH\[s\], both as fractions of ln M,
///
/// by the trapezoid rule over the points sorted by H\[s\] (those of equal H\[s\] by H\[k\]), from
/// (0, 0) to (1, 0). A train whose rate varies on many time scales has a large one, a Poisson train of
/// constant rate a smaller one, a regular train the smallest. It needs no stimulus and no model.
///
/// **Grid.** The bin counts are the whole numbers nearest to B_f^(i/(N−1)), i = 0 … N − 1, each once:
/// evenly spaced in log B from one bin to the finest B_f. For event times B_f = ⌊T/δ⌋ + 1 (T the
/// length of the recording, δ the shortest interval between different times): the bins are then
/// narrower than any interval, and each event has a bin of its own, except events at the same time.
/// For a binned train B_f is the number of its bins.
///
/// **Bins.** An event at time t lies in bin ⌊(t − start)·B/T⌋, one at `end` in the last. The bins of a
/// binned train are merged likewise: of L bins, bin j goes into ⌊j·B/L⌋, so merged bins differ by at
/// most one in width where B does not divide L.
///
/// Source: R. J. Cubero, M. Marsili, Y. Roudi, "Multiscale relevance and informative encoding in
/// neuronal spike trains", J. Comput. Neurosci. 48 (2020) 85–102.
///
/// ```
/// use resrel_measure::{Msr, Recording};
///
/// // Bins of 2 or 3: {0, 1 | 10}; narrower than 1: each event alone.
/// let msr = Msr::of_times(&[0.0, 1.0, 10.0], Recording::default(), 200)?;
/// let h = (1.5_f64.ln() * 2.0 / 3.0 + 3_f64.ln() / 3.0) / 3_f64.ln();
/// assert!((msr.msr.unwrap() - h / 2.0).abs() < 1e-15);
/// # Ok::<(), resrel_measure::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Msr {
    /// Number of events M.
    pub events: u64,
    /// The area; `None` where there is none.
    pub msr: Option<f64>,
    /// Why there is none.
    pub reason: Option<String>,
    /// The points, H\[s\] ascending; empty where there is no area.
    pub curve: Vec<MsrPoint>,
}

/// Resolution and relevance of a train at one bin width.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MsrPoint {
    /// Number of bins B.
    pub bins: u64,
    /// Width of a bin: T/B in the unit of the times, or L/B original bins.
    pub width: f64,
    /// H\[s\] as a fraction of ln M.
    pub resolution: f64,
    /// H\[k\] as a fraction of ln M.
    pub relevance: f64,
}

/// Start and end of the recording of event times.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Recording {
    /// Its start; `None` is the first event.
    pub start: Option<f64>,
    /// Its end; `None` is the last event.
    pub end: Option<f64>,
}

impl Msr {
    /// The MSR of events at `times`, in any order and unit; equal times are allowed. At most `grid`
    /// bin counts are tried ([`MSR_GRID`] is usual). Takes time proportional to M at each, or less.
    ///
    /// Of times closer than T/2⁵⁰, the precision of a 64-bit number, some may never be separated.
    ///
    /// # Errors
    /// [`Error::Time`] for a time that is not finite, [`Error::Recording`] for a start or end that is
    /// not finite or leaves out events, [`Error::Grid`] for fewer than 2 grid points.
    pub fn of_times(times: &[f64], recording: Recording, grid: usize) -> Result<Self, Error> {
        check(grid)?;
        let events = times.len() as u64;
        let Some(mut train) = EventTrain::new(times, recording)? else {
            return Ok(Self::none(events));
        };
        let Some(finest) = train.finest() else {
            return Ok(Self::without(events, "all events are at one time"));
        };
        let counts = bin_counts(finest, grid).into_iter();
        let points = counts.map(|bins| Ok((bins, train.width(bins), train.spectrum(bins)?)));
        Self::of_points(events, points)
    }

    /// The MSR of a binned train: `counts[j]` events in bin j of the recording, bins of equal width in
    /// the order of time. At most `grid` bin counts are tried.
    ///
    /// The curve begins where the bins end: with several events in a bin it never reaches (1, 0), and
    /// its last piece is the straight line to there.
    ///
    /// # Errors
    /// [`Error::TooManyObservations`] if the events are more than 64 bits can count, [`Error::Grid`]
    /// for fewer than 2 grid points.
    pub fn of_counts(counts: &[u64], grid: usize) -> Result<Self, Error> {
        check(grid)?;
        let train = BinnedTrain::new(counts)?;
        let events = train.events();
        if events < 2 {
            return Ok(Self::none(events));
        }
        if counts.iter().filter(|count| **count > 0).count() == 1 {
            return Ok(Self::without(events, "all events are in one bin"));
        }
        let all = counts.len() as u64;
        let points = bin_counts(all, grid)
            .into_iter()
            .map(|bins| Ok((bins, all as f64 / bins as f64, train.spectrum(bins)?)));
        Self::of_points(events, points)
    }

    fn of_points(
        events: u64,
        points: impl Iterator<Item = Result<(u64, f64, Spectrum), Error>>,
    ) -> Result<Self, Error> {
        let log_m = (events as f64).ln();
        let point = |(bins, width, spectrum): (u64, f64, Spectrum)| MsrPoint {
            bins,
            width,
            // Rounding may put separated events a hair beyond ln M, where nothing is.
            resolution: (spectrum.resolution() / log_m).min(1.0),
            relevance: spectrum.relevance() / log_m,
        };
        let mut curve = points
            .map(|made| made.map(point))
            .collect::<Result<Vec<MsrPoint>, Error>>()?;
        curve.sort_by(|a, b| {
            let by_relevance = a.relevance.total_cmp(&b.relevance);
            a.resolution.total_cmp(&b.resolution).then(by_relevance)
        });
        Ok(Self {
            events,
            msr: Some(area(&curve)),
            reason: None,
            curve,
        })
    }

    fn none(events: u64) -> Self {
        let reason = match events {
            0 => "there is no event",
            _ => "there is only one event",
        };
        Self::without(events, reason)
    }

    fn without(events: u64, reason: &str) -> Self {
        Self {
            events,
            msr: None,
            reason: Some(reason.to_owned()),
            curve: Vec::new(),
        }
    }
}

fn check(grid: usize) -> Result<(), Error> {
    if grid < 2 {
        return Err(Error::Grid { points: grid });
    }
    Ok(())
}

/// Whole numbers from 1 to `finest`, evenly spaced on a logarithmic scale, ascending.
fn bin_counts(finest: u64, points: usize) -> Vec<u64> {
    let last = points - 1;
    let at = |i: usize| {
        let share = i as f64 / last as f64;
        ((finest as f64).powf(share).round() as u64).min(finest)
    };
    let mut counts: Vec<u64> = (0..last).map(at).chain([finest]).collect();
    counts.dedup();
    counts
}

/// The area below the points, sorted by resolution, from (0, 0) to (1, 0).
fn area(curve: &[MsrPoint]) -> f64 {
    let places = curve
        .iter()
        .map(|point| (point.resolution, point.relevance));
    let places: Vec<(f64, f64)> = [(0.0, 0.0)]
        .into_iter()
        .chain(places)
        .chain([(1.0, 0.0)])
        .collect();
    sum(places.windows(2).map(|pair| {
        let ((from, low), (to, high)) = (pair[0], pair[1]);
        (to - from) * (low + high) / 2.0
    }))
}

#[cfg(test)]
mod tests;
