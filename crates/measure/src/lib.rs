//! Resolution, relevance and power laws of anybody's state counts.
//!
//! M observations are each mapped to one discrete state s. With k_s the number of observations in
//! state s (its frequency) and m_k the number of states of frequency k (the degeneracy),
//! Σ_k k·m_k = M:
//!
//! | name | formula, in nats |
//! |---|---|
//! | energy | E(s) = −ln(k_s/M) |
//! | resolution | H\[s\] = ⟨E⟩ = −Σ_k m_k (k/M) ln(k/M) |
//! | relevance | H\[k\] = −Σ_k (k·m_k/M) ln(k·m_k/M) |
//! | mean degeneracy entropy | ⟨S⟩ = Σ_k (k·m_k/M) ln m_k = H\[s\] − H\[k\] |
//!
//! Source: Song, Marsili, Jo, "Resolution and Relevance Trade-offs in Deep Learning", J. Stat.
//! Mech. (2018) 123406. The paper writes H\[k\] = ln M − ⟨S⟩. That is exact where S is the
//! logarithm of the number of *observations* at an energy, S = ln(k·m_k). With the logarithm of
//! the number of *states* at an energy, S = ln m_k, as here and in the paper's words, the identity
//! is H\[k\] = H\[s\] − ⟨S⟩; [`Spectrum::degeneracy_entropy`] is this ⟨S⟩.
//!
//! States are counted by [`StateCounts`], the counts make a [`Spectrum`], and [`Measure::new`]
//! puts everything known of it under the names that scripts rely on:
//!
//! ```
//! use resrel_measure::{Measure, Spectrum};
//!
//! let spectrum = Spectrum::from_counts((1..=12).chain([22]))?;
//! let measure = Measure::new("H1", &spectrum, None);
//! assert_eq!(measure.m, 100);
//! // All frequencies differ, so nothing is lost: H[k] = H[s].
//! assert_eq!(measure.relevance, measure.resolution);
//! # Ok::<(), resrel_measure::Error>(())
//! ```

#![allow(
    clippy::doc_markdown,
    reason = "the docs are full of formulas, whose symbols are no code"
)]

mod binning;
mod classification;
mod counting;
mod counts;
mod critical;
mod curves;
mod documents;
mod energies;
mod entropy;
mod error;
mod generation;
mod limits;
mod measure;
mod msr;
mod power_law;
mod spectrum;
mod standard_errors;
mod subsample;
mod zeta;

pub use binning::{Bin, binned, lsq_beta};
pub use classification::classification_error;
pub use counting::{Batch, Counted, Counter, State, StateShape, States, Visit};
pub use counts::StateCounts;
pub use critical::{
    Agreement, Candidate, Critical, Estimate, NearestBeta, Segment, SlopePoint, critical,
};
pub use curves::{CurvePoint, power_law_curve};
pub use documents::{Fitted, LimitPoints};
pub use energies::EnergyLevel;
pub use entropy::{EntropyEstimate, chao_shen, grassberger, miller_madow, nsb};
pub use error::Error;
pub use generation::Generation;
pub use limits::{Limits, OptimumPoint, PoissonOptimum, StrictBound};
pub use measure::{Beta, Measure};
pub use msr::{MSR_GRID, Msr, MsrPoint, Recording};
pub use power_law::{Alternative, Comparison, GoodnessOfFit, KMin, PowerLaw, compare};
pub use spectrum::Spectrum;
pub use standard_errors::StandardErrors;
pub use subsample::{Change, CurveSize, Subsampler, SubsamplingCurve};
pub use zeta::hurwitz_zeta;
