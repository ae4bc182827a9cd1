//! Resolution and relevance: which layer, at what size, has grouped your data best, measured without
//! labels.
//!
//! A layer maps every observation to a state. How many observations share a state gives two
//! entropies, **resolution** H\[s\] and **relevance** H\[k\]; good representations reach the largest
//! H\[k\] possible at their H\[s\], and where one bit of the one buys one bit of the other (β = 1,
//! Zipf's law) a layer generates best. Source: Song, Marsili, Jo, "Resolution and Relevance
//! Trade-offs in Deep Learning", J. Stat. Mech. (2018) 123406.
//!
//! Data flow through the modules: [`data`] → [`boltzmann`], [`cluster`] → states ([`kernels`]) →
//! counts and measures ([`measure`]) → records ([`experiment`]).
//!
//! ```
//! use resrel::measure::{Measure, StateCounts};
//!
//! let mut counts = StateCounts::new(1);
//! for state in [3_u64, 1, 3, 3, 7, 1] {
//!     counts.observe(&[state]);
//! }
//! let measure = Measure::new("states", &counts.spectrum()?, None);
//! assert_eq!((measure.m, measure.states, measure.max_frequency), (6, 3, 3));
//! // Three frequencies, each of one state: all of the resolution is relevance.
//! assert_eq!(measure.relevance, measure.resolution);
//! # Ok::<(), resrel::measure::Error>(())
//! ```

pub use resrel_boltzmann as boltzmann;
pub use resrel_cluster as cluster;
pub use resrel_data as data;
pub use resrel_experiment as experiment;
pub use resrel_kernels as kernels;
pub use resrel_measure as measure;
pub use resrel_networks as networks;

/// The README's example, run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
