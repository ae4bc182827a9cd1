//! What relevance a sample of M observations can have at a given resolution: the strict bound and
//! the Poisson optimum.

mod expectation;
mod poisson;
mod strict;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

pub use poisson::{OptimumPoint, PoissonOptimum};
pub use strict::StrictBound;

use crate::Error;

/// Most observations for which there are curves: within it, sums over k take seconds and stay
/// below 2⁵³ where they must be exact.
pub(crate) const LARGEST_M: u64 = 1_000_000_000_000;

/// Both curves for one M.
///
/// They take some 0.1 s, so a process keeps those that it has made: [`Limits::of`] gives them
/// again at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// What no sample exceeds.
    pub strict: StrictBound,
    /// The optimum of an ensemble, which samples can exceed.
    pub optimum: PoissonOptimum,
}

impl Limits {
    /// The curves for M = `m` observations.
    ///
    /// # Errors
    /// [`Error::NoLimits`] for M below 2, where fractions of ln M do not exist, and above 10¹².
    pub fn of(m: u64) -> Result<Arc<Self>, Error> {
        static KNOWN: LazyLock<Mutex<HashMap<u64, Arc<Limits>>>> = LazyLock::new(Mutex::default);
        if !(2..=LARGEST_M).contains(&m) {
            return Err(Error::NoLimits { m });
        }
        // The table is whole at any moment, whatever befell another thread.
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(limits) = known().get(&m) {
            return Ok(Arc::clone(limits));
        }
        // Made without the lock: two who ask at once may both make it, and the first one's is kept.
        let limits = Arc::new(Self {
            strict: StrictBound::new(m)?,
            optimum: PoissonOptimum::new(m)?,
        });
        Ok(Arc::clone(known().entry(m).or_insert(limits)))
    }
}

/// Between two points: the cubic through both with the curve's slopes −μ there.
fn interpolated(left: OptimumPoint, right: OptimumPoint, resolution: f64) -> f64 {
    let width = right.resolution - left.resolution;
    if width <= 0.0 {
        return left.relevance;
    }
    let t = (resolution - left.resolution) / width;
    let rise = right.relevance - left.relevance;
    let (from, to) = (-left.mu * width, -right.mu * width);
    left.relevance + t * (from + t * (3.0 * rise - 2.0 * from - to + t * (from + to - 2.0 * rise)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_curves_are_given_again() {
        let first = Limits::of(77).unwrap();
        assert!(Arc::ptr_eq(&first, &Limits::of(77).unwrap()));
        assert_eq!(Limits::of(1), Err(Error::NoLimits { m: 1 }));
    }

    #[test]
    fn threads_that_ask_at_once_get_the_same() {
        let ask = || Limits::of(78).unwrap();
        let all: Vec<Arc<Limits>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(all.iter().all(|limits| Arc::ptr_eq(limits, &all[0])));
    }

    #[test]
    fn different_frequencies_lie_between_the_two() {
        // {1, …, 12, 22}: H[s] = H[k] = 0.50864 ln M.
        let limits = Limits::of(100).unwrap();
        let place = 0.508_64;
        assert!(limits.optimum.at(place).unwrap() < place);
        assert!(limits.strict.at(place) >= place);
    }
}
